/*
 * slow_tree.h: what a supervision tree has to do, said in the plainest way: after each event the
 * whole tree is looked at, what can be restarted is found, and all of that is. The engine is
 * compared with it. Nothing here is fast, and nothing is kept that could be looked up.
 */
#ifndef LIFECYCLE_TESTS_SLOW_TREE_H
#define LIFECYCLE_TESTS_SLOW_TREE_H

#include "supervise/engine.h"

#include <lifecycle/observe.h>
#include <lifecycle/restart.h>
#include <lifecycle/tree.h>

/* The most restarts that a group's limit may allow here. */
#define SLOW_RESTARTS 8

struct slow_group {
    lc_strategy strategy;
    lc_intensity limit;
    lc_automatic_shutdown automatic;
    int failed;                      /* the node whose unit ends; -1: none */
    int64_t failures[SLOW_RESTARTS]; /* when one was last counted, the latest last */
};

/* What a node has died of. */
enum slow_cause {
    SLOW_NOTHING,
    SLOW_OWN_ERROR,
    SLOW_EXCEEDED /* of too many restarts below it */
};

struct slow_node {
    bool present;
    int parent; /* -1: it is the root */
    int group;
    lc_restart_type restart;
    struct lc__backoff backoff;
    int64_t stop_timeout;
    bool significant;

    lc_node_state state;
    enum slow_cause cause; /* of its last death */
    uint64_t instance;
    bool ready;
    bool recovers;   /* it has died, and has not been healthy since */
    bool cancelled;  /* its context has ended */
    bool dies;       /* it will have died of too many restarts below it */
    bool fails;      /* its own unit ends: of one for one */
    bool taken;      /* it is of a unit that ends, or waits to start again */
    bool stays_down; /* its unit has been given up */
    bool over;       /* for good, and that has been noted */
    bool overdue;
    unsigned deaths;     /* that it paused after, since it last was healthy, or said done */
    int64_t healthy_at;  /* when it last was */
    int64_t healthy_for; /* until it returned */
    int64_t deadline;    /* of its pause, or for its end; LC_FOREVER: none */

    /* What this step has done to it. */
    bool started, forgotten, newly_cancelled;
    bool told_died, told_late, told_ready, told_restart, told_exceeded, told_overdue;
    bool pauses;           /* the deadline is set by the side that has drawn the pause */
    lc_node_state went[8]; /* through these states */
    unsigned went_count;
};

struct slow_tree {
    struct slow_node *nodes; /* those of a group in its order */
    int room;
    struct slow_group *groups; /* each node is in one, if only by itself */
    int64_t now;
    bool ending;
    bool exceeded; /* why it is ending */
    bool late;     /* one has failed while everything was being stopped */
    lc_behavior behavior;
};

/* What happens. Before each, the step before is forgotten. */
void slow_tree_begin_step(struct slow_tree *tree, int64_t now);
/* The node is set: parent, group, policy. */
void slow_tree_added(struct slow_tree *tree, int added);
void slow_tree_ready(struct slow_tree *tree, int ready);
void slow_tree_said_done(struct slow_tree *tree, int node);
void slow_tree_returned_done(struct slow_tree *tree, int done);
void slow_tree_returned_cancelled(struct slow_tree *tree, int cancelled);
void slow_tree_died(struct slow_tree *tree, int dead);
void slow_tree_cancelled(struct slow_tree *tree, int node);
void slow_tree_all_cancelled(struct slow_tree *tree);
/* Its deadline has come. */
void slow_tree_due(struct slow_tree *tree, int due);

/* What there is. */
bool slow_tree_runs(const struct slow_node *node);
bool slow_tree_is_below(const struct slow_tree *tree, int node, int top);
int slow_tree_count_running(const struct slow_tree *tree);
int64_t slow_tree_deadline(const struct slow_tree *tree);
/* The whole tree is over: nothing runs, or will. */
bool slow_tree_is_over(const struct slow_tree *tree);
/* How many significant children of a group are not over for good. */
int slow_tree_significant(const struct slow_tree *tree, int group);
/* Sets busy[node] for all that run or pause, or have something below them that does. */
void slow_tree_mark_busy(const struct slow_tree *tree, bool *busy);
/* The pause for which it backs off, but for the jitter, in nanoseconds. */
double slow_tree_pause(const struct slow_node *node);

#endif
