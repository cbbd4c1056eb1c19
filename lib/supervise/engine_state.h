/*
 * engine_state.h: the data of the supervision engine: nodes, edges, groups, timers, and the engine
 * itself. Only the engine's files change it, except the fields marked as the front's. Floor 5.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_STATE_H
#define LIFECYCLE_SUPERVISE_ENGINE_STATE_H

#include "base/heap.h"
#include "base/random.h"

#include <lifecycle/error.h>
#include <lifecycle/observe.h>
#include <lifecycle/restart.h>
#include <lifecycle/supervisor.h>
#include <lifecycle/tree.h>

#include <bsd/sys/queue.h>

struct lc__engine;
struct lc__engine_node;

/* One deadline: of a node, or the final one. */
struct lc__engine_timer {
    struct lc__heap_entry entry; /* its key is the deadline */
    bool armed;                  /* the entry is in engine->timers */
};

STAILQ_HEAD(lc__engine_queue, lc__engine_node);

/* Counts restarts: a ring of the times of the last ones. */
struct lc__engine_intensity {
    int64_t *times; /* room for limit.restarts; its owner's */
    unsigned count; /* how many of them are filled */
    unsigned next;  /* the oldest, once all are filled */
    lc_intensity limit;
};

/* Whether the condition of an edge is met. */
enum lc__edge_level {
    LC__EDGE_UNMET,
    LC__EDGE_MET,
    LC__EDGE_NEVER /* it is unmet, and the dependency will not run again */
};

struct lc__engine_edge {
    struct lc__engine_node *dependant;
    struct lc__engine_node *dependency;
    LIST_ENTRY(lc__engine_edge) of_dependant;
    LIST_ENTRY(lc__engine_edge) of_dependency;
    unsigned char condition; /* lc_condition; the front's */
    unsigned char level;     /* enum lc__edge_level */
    bool along;              /* the dependant restarts with the dependency; the front's */
};

/*
 * Runnables that share their fate. The failure of one takes all of them along, or, if the group is
 * ordered, those after it. A runnable whose failure takes no other along is in a group of its own.
 *
 * The *unit* is what a failure has taken along. It exists until all of it has ended; then `failed`
 * pauses, and the members of the unit start. A failure of an earlier member of an ordered group
 * enlarges the unit. See engine_tree.c.
 */
struct lc__engine_group {
    TAILQ_HEAD(lc__engine_members, lc__engine_node) members; /* in order */
    struct lc__engine_node *failed; /* the first of an ordered unit; NULL: no unit ends */
    struct lc__engine_node *next;   /* ordered: the member to cancel next while a unit ends, else
                                     the member to start next; NULL: none */
    size_t awaited;                 /* members of the unit that have not ended */
    bool ordered; /* each starts after the one before it is ready, and stops before it */
};

/* Which ends of children end their parent. One for each set of children added together. */
struct lc__engine_significance {
    lc_automatic_shutdown when;
    size_t left; /* significant children that are not over for good */
};

/* How long a node pauses before its restarts: an lc_backoff with all defaults filled in. */
struct lc__backoff {
    bool first_at_once; /* the first restart after a steady life comes without a pause */
    int64_t first;      /* 0: no pauses, except for want of a task to run in */
    int64_t most;
    double factor;
    double jitter;
    int64_t steady;
};

#define LC__BACKOFF_OF_GRAPH                                                                       \
    {                                                                                              \
        true, 100 * LC_MILLISECOND, 30 * LC_SECOND, 2.0, 0.2, 10 * LC_SECOND                       \
    }
#define LC__BACKOFF_OF_TREE                                                                        \
    {                                                                                              \
        false, 500 * LC_MILLISECOND, 60 * LC_SECOND, 1.5, 0.5, 10 * LC_SECOND                      \
    }

/* What a front says about a node before it adds it. */
struct lc__engine_policy {
    lc_restart_type restart;
    struct lc__backoff backoff;
    int64_t start_timeout;
    int64_t stop_timeout;
    bool runnable;           /* it is a tree's runnable; false: a graph's component */
    bool significant;        /* of a runnable: its own end may end its parent */
    bool judged;             /* of a component: a judge is asked about its errors */
    lc_behavior on_error;    /* of a component without a judge; usually LC_RESTART */
    lc_behavior first_start; /* of a component whose first instance fails before it is ready;
                              LC_RESTART: as for any other */
};

/* What the front does about a node; in this order if there are several things. */
enum lc__engine_action_kind {
    LC__TELL_DIED,     /* log: it has died, of `error` */
    LC__TELL_LATE,     /* log: it failed while it was being stopped, with `error` */
    LC__TELL_REFUSED,  /* log: its factory failed, with `error` */
    LC__TELL_OVERDUE,  /* log: its time to stop is over */
    LC__TELL_UNABLE,   /* log: it cannot start, because of node->graph.because */
    LC__TELL_EXCEEDED, /* log: too many restarts; `error` */
    LC__TELL_READY,    /* log: it is ready again after a failure */
    LC__TELL_RESTART,  /* log: it restarts after node->pause; `error` */
    LC__TELL_STOPPED,  /* log: it does not restart, by node->graph.decided; `error` */
    LC__TELL_ENDED,    /* log: it has ended without an error; it restarts if it is not settled */
    LC__TELL_OVER,     /* it will not run again; only if node->graph.tells_end */
    LC__TELL_STATE,    /* log: its state; only if engine->tells_states */
    LC__START,         /* end the context of the last instance; start instance node->instance */
    LC__CANCEL,        /* end the context of the last instance that was started */
    LC__ASK,           /* ask the judge about `error`; the answer goes to lc__engine_verdict() */
    LC__FORGET         /* free it: the engine no longer refers to it */
};

struct lc__engine_action {
    enum lc__engine_action_kind kind;
    struct lc__engine_node *node;
    const lc_error *error; /* borrowed, until the next event for this node; NULL: none */
};

/* How an instance has ended. */
enum lc__engine_end_kind {
    LC__ENDED_DONE,     /* without an error; a runnable: after it said done */
    LC__ENDED_CANCELED, /* its context had ended, and that is what it answers */
    LC__ENDED_FAILED,   /* with an error */
    LC__ENDED_REFUSED   /* it was not made: the factory's error says why */
};

/*
 * The life of a node's instance.
 *
 *                     launch                  cancel (a component)
 *     LC__LIFE_DOWN ----------> LC__LIFE_RUNNING -----------> LC__LIFE_TOLD
 *        ^  ^                     |     |                        |
 *        |  | it ends             |     | it ends                | it ends
 *        |  | (a component)       |     v (a runnable)           |
 *        |  '---------------------'   LC__LIFE_ENDED             |
 *        |                              |                        |
 *        |   all below it have ended    |                        |
 *        '------------------------------'------------------------'
 *
 * A runnable also goes from DOWN to ENDED: while it pauses before a restart, and when the step has
 * to consider it once more. That keeps its parent from going down.
 *
 * Two facts are no part of the life. The *state* says what a node without an instance waits for and
 * what an instance has said. A runnable's `cancelled` says that its context has ended, which may be
 * before the instance ends or long after, because the children's contexts lie in it. A component's
 * context ends with the instance, hence LC__LIFE_TOLD.
 */
enum lc__engine_life {
    LC__LIFE_DOWN,    /* there is no instance */
    LC__LIFE_RUNNING, /* there is an instance */
    LC__LIFE_TOLD,    /* there is an instance of a component, and its context has ended */
    LC__LIFE_ENDED    /* a runnable's instance has ended, and something below it has not */
};

/*
 * What a component has been told to do. A larger order replaces a smaller one. An order stands
 * until the next start. It is no part of the life: a node without an instance gets one while its
 * judge is asked.
 */
enum lc__engine_order {
    LC__ORDER_NONE,
    LC__ORDER_RESTART, /* stop, and start again */
    LC__ORDER_STOP     /* stop for good */
};

/*
 * A runnable's part in the unit of its group.
 *
 *                   a failure takes it along        it and all below it have ended
 *     LC__UNIT_NONE -----------------------> LC__UNIT_ENDS ----> LC__UNIT_HAS_ENDED
 *           ^                                                            |
 *           '----------- it starts, or the unit is given up -------------'
 *
 * It is no part of the life: a member may be down when a failure takes it along, and one that has
 * said done waits in LC__UNIT_ENDS for its turn to be cancelled.
 */
enum lc__engine_unit_part { LC__UNIT_NONE, LC__UNIT_ENDS, LC__UNIT_HAS_ENDED };

/* What only a component has. */
struct lc__engine_component {
    /* The front's. */
    bool tells_end; /* LC__TELL_OVER is wanted; may be set at any time */

    /* The front reads these. */
    enum lc__engine_order order;
    lc_behavior decided;             /* valid with LC__TELL_REFUSED, LC__TELL_STOPPED */
    struct lc__engine_node *because; /* valid with LC__TELL_UNABLE */
    LIST_HEAD(, lc__engine_edge) dependencies;
    LIST_HEAD(, lc__engine_edge) dependants;
    size_t unmet;    /* dependencies whose condition is not met */
    size_t never;    /* of these, the ones that never will be */
    size_t blockers; /* dependants that block it */
    bool leaving;    /* the engine forgets it once it is settled */

    /* The engine's. The flags say which queues it is in: any of them, so they are no enum. */
    STAILQ_ENTRY(lc__engine_node) in_changed;
    STAILQ_ENTRY(lc__engine_node) in_passing;
    STAILQ_ENTRY(lc__engine_node) in_sweep;
    STAILQ_ENTRY(lc__engine_node) in_turns;
    STAILQ_ENTRY(lc__engine_node) in_gone;
    uint64_t epoch;    /* of the last sweep that took it in */
    lc_error *thrown;  /* by an instance that has been told to stop and has not ended */
    lc_behavior asked; /* what the error itself asks for, if there is no judge */
    bool has_changed;  /* it is in engine->changed */
    bool passes_on;    /* it is in engine->passing */
    bool awaits_turn;  /* it is in engine->turns */
    bool blocks;       /* it counts among the blockers of its dependencies */
    bool fails_late;   /* its judge is asked about a late error */
    bool goes_last;    /* it has been moved behind the other nodes with something to do */
};

/* What only a runnable and the engine's root have. */
struct lc__engine_runnable {
    /* The front's, set before it is added. */
    struct lc__engine_group *group;
    struct lc__engine_significance *significance; /* NULL: it is not significant */

    /* The front reads these. */
    bool cancelled;                 /* its context has ended */
    enum lc__engine_unit_part part; /* in its group's unit */
    bool stays_down;                /* its unit has been given up */
    bool over; /* valid with LC__FORGET: it is over for good, not only until its parent restarts */
    size_t children_up; /* children that are not down */

    /* The engine's. */
    TAILQ_ENTRY(lc__engine_node) in_group;
    STAILQ_ENTRY(lc__engine_node) in_rested;
    lc_error *dies_of; /* what its instance dies of, whatever that returns; NULL: nothing */
    bool counted_significant;
};

/* Part of the front's node. */
struct lc__engine_node {
    /* The front's, set before it is added. */
    const char *name;
    struct lc__engine_policy policy;
    struct lc__engine_intensity *intensity; /* NULL: none; may be shared */

    /* The front's, set before it reports that an instance has ended. */
    bool lacked_task; /* there was no task to run the instance in */

    /* The front reads these. */
    lc_node_state state;
    enum lc__engine_life life;
    int64_t since;         /* of `state` */
    uint64_t instance;     /* how many have been started */
    lc_error *error;       /* the last one; held */
    uint64_t error_of;     /* the instance that had it */
    int64_t pause;         /* the last that was drawn */
    int64_t started_at;    /* the present instance, or the last */
    int64_t ran;           /* how long the instance of `error` had run */
    int64_t was_ready_for; /* and how long it had been ready; -1: it never was */
    bool overdue;
    bool was_ready; /* the present instance, or the last */

    /* The engine's. */
    struct lc__engine_node *parent;
    TAILQ_HEAD(, lc__engine_node) children; /* runnables; the root's may be components */
    TAILQ_ENTRY(lc__engine_node) among_children;
    STAILQ_ENTRY(lc__engine_node) in_queue;
    struct lc__engine_timer timer; /* of the pause, the start or the stop: one at a time */
    lc_error *late;                /* for LC__TELL_LATE; held */
    double next_pause;             /* in nanoseconds; 0: as long as the first */
    int64_t ready_for;             /* how long the last instance to leave READY had been ready */
    unsigned todo;                 /* bits by enum lc__engine_action_kind */
    bool counted_active;           /* in engine->active */
    bool named_late;               /* in engine->failed_late */
    bool recovers;                 /* it has failed and has not been ready since */

    /* policy.runnable says which. */
    union {
        struct lc__engine_component graph;
        struct lc__engine_runnable tree;
    };
};

/* Whether there is an instance. */
static inline bool lc__engine_runs(const struct lc__engine_node *node)
{
    return node->life == LC__LIFE_RUNNING || node->life == LC__LIFE_TOLD;
}

/* Whether the engine no longer refers to the node, and LC__FORGET is still to be carried out. */
static inline bool lc__engine_is_forgotten(const struct lc__engine_node *node)
{
    return node->todo >> LC__FORGET & 1;
}

/* Whether a component will not run again. */
static inline bool lc__engine_is_settled(const struct lc__engine_node *node)
{
    return node->state == LC_NODE_DONE || node->state == LC_NODE_STOPPED;
}

struct lc__engine {
    struct lc__engine_node root; /* the parent of all; never runs */
    struct lc__heap timers;
    struct lc__engine_queue queue; /* nodes with something to do */
    /* Empty between two steps. */
    struct lc__engine_queue changed;   /* components with another state: look at their edges */
    struct lc__engine_queue passing;   /* components with other blockers: do they block now? */
    struct lc__engine_queue condemned; /* components to stop for good with all their dependants */
    struct lc__engine_queue turns;     /* components that may now start or be cancelled */
    struct lc__engine_queue rested;    /* runnables that were down or paused when cancelled */
    struct lc__engine_queue gone;      /* components to forget at the end of the step; not empty
                                        after lc__engine_drop() */
    struct lc__random random;
    int64_t now;
    uint64_t epoch;   /* of the sweep that is next, or under way */
    size_t count;     /* nodes */
    size_t not_good;  /* components that may yet become ready, and are not */
    size_t given_up;  /* components that have stopped for good */
    size_t unsettled; /* components that may yet run */
    size_t active;    /* nodes with an instance, or being judged; not overdue components */
    /* Three facts, no one life: everything can be stopped before it has begun, and can be over
     * without having been stopped. */
    bool begun;
    bool ending;   /* everything is being stopped */
    bool finished; /* it is over: see `result` */
    bool keep_running;
    bool tells_states;
    lc_behavior behavior;  /* the one by which everything is being stopped; LC_STOP: none */
    lc_error *why;         /* everything is being stopped; NULL: for no error */
    lc_error *first_error; /* the first that left a node stopped */
    lc_error *first_late;  /* the first late one since everything is being stopped */
    lc_error *result;      /* once finished */
    lc_error *trouble;     /* once finished: `result` without `why` */
    int64_t stop_timeout;  /* the time for everything to stop */
    struct lc__engine_timer final;
    char failed_late[256]; /* names of nodes, for the result */
    size_t late_count;     /* how many they are */
    /* Called within a step at each change of a node's state. It must not call the engine. */
    void (*changed_state)(struct lc__engine *engine, struct lc__engine_node *node);
    /* Names what the node waits for, for messages; returns NULL if that is unknown. May be NULL. */
    const char *(*awaited)(struct lc__engine *engine, struct lc__engine_node *node);
};

void lc__engine_init(struct lc__engine *engine, uint64_t seed);
/* Gives back the errors the engine holds. */
void lc__engine_end(struct lc__engine *engine);
/* Gives back the errors the node holds. */
void lc__engine_node_end(struct lc__engine_node *node);
void lc__engine_group_init(struct lc__engine_group *group);

/* The runnable after `node` in a walk of all below `top`, parents first; NULL: no more. */
struct lc__engine_node *lc__engine_after(const struct lc__engine_node *top,
                                         struct lc__engine_node *node);
/* The same walk without what is below `node`. */
struct lc__engine_node *lc__engine_beside(const struct lc__engine_node *top,
                                          struct lc__engine_node *node);

#endif
