/*
 * twins.h: the engine and the slow tree (slow_tree.h) side by side: each event goes to both, and
 * then all that can be seen of the one is compared with the other: states and those passed
 * through, instances, what is to be done, deadlines, counters.
 *
 * All of it is one piece of plain memory that may be copied away and back, to go on from there
 * again; only errors of the engine's making are not in it: see twins_let_errors_go.
 */
#ifndef LIFECYCLE_TESTS_TWINS_H
#define LIFECYCLE_TESTS_TWINS_H

#include "support/slow_tree.h"

#include "supervise/engine.h"

/* What the engine has wanted of a node in this step. */
struct twins_wish {
    unsigned actions;      /* bits by enum lc__engine_action_kind */
    lc_node_state went[8]; /* through these states */
    unsigned went_count;
};

struct twins {
    size_t size; /* of all of it, in bytes */
    struct lc__engine engine;
    struct slow_tree slow;
    int room;
    int group_room;
    struct lc__engine_node *nodes;
    struct lc__engine_group *groups;
    struct lc__engine_group *alone;                /* a node's own, of one for one */
    struct lc__engine_intensity *intensities;      /* of the groups */
    struct lc__engine_significance *significances; /* of the groups */
    int64_t (*times)[SLOW_RESTARTS];               /* of the groups */
    struct twins_wish *wishes;
    size_t *children; /* how many each has, after those of none */
    bool *busy;
    int refused;       /* to be set: the node whose next start fails at once; -1: none */
    const char *wrong; /* where they first differed; NULL: nowhere */
    int wrong_node;    /* -1: it is not about one */
};

/* How a node is to be. */
struct twins_plan {
    int parent; /* -1: it is the root */
    int group;
    lc_restart_type restart;
    struct lc__backoff backoff;
    int64_t stop_timeout;
    bool significant;
};

/* Room for so many; to be freed by twins_free. */
struct twins *twins_new(int nodes, int groups, uint64_t seed);
/* Back to nothing. */
void twins_reset(struct twins *twins, uint64_t seed);
void twins_free(struct twins *twins);
/* Makes a group, or makes one again that has no members. */
void twins_group(struct twins *twins, int group, lc_strategy strategy, lc_intensity limit,
                 lc_automatic_shutdown automatic);

/* The events, each of them about the present instance. @return whether the twins still agree. */
bool twins_add(struct twins *twins, int node, const struct twins_plan *plan);
bool twins_ready(struct twins *twins, int node);
bool twins_say_done(struct twins *twins, int node);
bool twins_end(struct twins *twins, int node, enum lc__engine_end_kind how);
bool twins_cancel(struct twins *twins, int node);
bool twins_cancel_all(struct twins *twins);
/* Time passes, and the first that is due happens, if any is. */
bool twins_advance(struct twins *twins, int64_t now);
/* The node's deadline has come, whatever those of the others. */
bool twins_due(struct twins *twins, int node);

/* Puts one that lives for ever in the place of each error of the engine's making. */
void twins_let_errors_go(struct twins *twins);

#endif
