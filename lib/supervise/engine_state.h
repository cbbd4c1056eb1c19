/*
 * engine_state.h: what the engine knows: nodes, edges, groups, timers, and the engine itself. Data
 * alone; the files of the engine change it, and the fronts read what says so. Floor 5.
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
    struct lc__heap_entry entry; /* first; its key is the deadline */
    bool armed;                  /* it is in engine->timers */
};

STAILQ_HEAD(lc__engine_sweep, lc__engine_node);

/* Counts restarts: a ring of the times of the last so many. */
struct lc__engine_intensity {
    int64_t *times; /* room for limit.restarts; its owner's */
    unsigned count; /* how many of them are filled */
    unsigned next;  /* the oldest, once all are */
    lc_intensity limit;
};

/* How far a condition is. */
enum lc__edge_level {
    LC__EDGE_UNMET,
    LC__EDGE_MET,
    LC__EDGE_NEVER /* and will not be, as the dependency will not run again */
};

struct lc__engine_edge {
    struct lc__engine_node *dependant;
    struct lc__engine_node *dependency;
    LIST_ENTRY(lc__engine_edge) of_dependant;
    LIST_ENTRY(lc__engine_edge) of_dependency;
    unsigned char condition; /* lc_condition */
    unsigned char level;     /* enum lc__edge_level */
    bool along;
};

/*
 * Runnables that share their fate: the failure of one takes all along, or, if they are ordered,
 * those that come after it. A runnable whose failure takes none along is in a group by itself.
 *
 * The *unit* is what a failure has taken along, until it has ended: then `failed` is not NULL. A
 * later failure before it in the order makes the unit larger. Members whose `taken` is set are
 * started when all of it has ended, and `failed` has paused.
 */
struct lc__engine_group {
    TAILQ_HEAD(lc__engine_members, lc__engine_node) members; /* in order */
    struct lc__engine_node *failed; /* the first of an ordered unit; NULL: no unit ends */
    struct lc__engine_node *next;   /* ordered: is told to stop next while a unit ends, else starts
                                     next; NULL: none */
    size_t awaited;                 /* members of the unit that have not ended */
    bool ordered; /* each starts after the one before it is ready, and stops before it */
};

/* Which ends of children end their parent. One for each set of children added together. */
struct lc__engine_significance {
    lc_automatic_shutdown when;
    size_t left; /* significant children that are not over for good */
};

/* How long a node pauses before its restarts: an lc_backoff, all of whose fields are filled in. */
struct lc__backoff {
    bool first_at_once; /* the first restart after a steady life comes without a pause */
    int64_t first;      /* 0: none pauses, but for want of a task to run in */
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
    bool runnable;        /* a tree's; else a component of a graph */
    bool significant;     /* of a runnable: its own end may end its parent */
    bool judged;          /* a judge is asked about its errors */
    lc_behavior on_error; /* of a component that is not judged; LC_RESTART mostly */
    lc_behavior
        first_start; /* of one whose first instance fails before it is ready; or as others */
};

/* Bits of what is to be done about a node, in the order in which it is. */
enum lc__engine_action_kind {
    LC__TELL_DIED,     /* log: it has died, whatever follows; `error` */
    LC__TELL_LATE,     /* log: it failed while it was being stopped; `error` */
    LC__TELL_REFUSED,  /* log: its factory failed; `error` */
    LC__TELL_OVERDUE,  /* log: it should have stopped by now */
    LC__TELL_UNABLE,   /* log: it cannot start, because of node->because */
    LC__TELL_EXCEEDED, /* log: too many restarts; `error` */
    LC__TELL_READY,    /* log: it is ready again after a failure */
    LC__TELL_RESTART,  /* log: it is restarted after node->pause; `error` */
    LC__TELL_STOPPED,  /* log: it is not restarted, by node->decided; `error` */
    LC__TELL_ENDED,    /* log: it has ended without an error; if again: restarts after the pause */
    LC__TELL_OVER,     /* it will not run again; if node->tells_end */
    LC__TELL_STATE,    /* log: its state, if the engine tells of states */
    LC__START,         /* make and start instance node->instance; a context of the last one ends */
    LC__CANCEL,        /* end the context of the last instance that was started */
    LC__ASK,           /* ask the handler about `error`: lc__engine_verdict */
    LC__FORGET         /* the engine has let go of it: free it */
};

/* How an instance has ended. */
enum lc__engine_end_kind {
    LC__ENDED_DONE,     /* without an error; a runnable: having said done */
    LC__ENDED_CANCELED, /* its context had ended, and it answered that cleanly */
    LC__ENDED_FAILED,   /* with an error */
    LC__ENDED_REFUSED   /* its factory made none: `error` says why */
};

struct lc__engine_action {
    enum lc__engine_action_kind kind;
    struct lc__engine_node *node;
    const lc_error *error; /* borrowed, until the next event for this node; NULL: none */
};

/*
 * The life of a node's instance. An instance of a component is gone when it has ended. An instance
 * of a runnable leaves its children behind, and is gone when the last below it has ended.
 *
 *                     launch                  cancel (a component)
 *     LC__LIFE_DOWN ----------> LC__LIFE_RUNNING -----------> LC__LIFE_TOLD
 *        ^  ^                     |     |                        |
 *        |  | it has ended        |     | it has ended           | it has ended
 *        |  | (a component)       |     v (a runnable)           |
 *        |  '---------------------'   LC__LIFE_ENDED             |
 *        |                              |                        |
 *        |   all below it have ended    |                        |
 *        '------------------------------'------------------------'
 *
 * A runnable that is down enters LC__LIFE_ENDED again when it pauses before a restart, and when it has
 * to be looked at once more before the step is over: both keep what is above it from going down.
 *
 * The state says the same in the user's words, and more: what a node without an instance waits for,
 * and what an instance has said. A component's context is told once and ends with the instance, so
 * it is part of this life. A runnable's context is not (`cancelled`): it may end before the
 * instance does, with it, or long after, as the children's contexts hang from it.
 */
enum lc__engine_life {
    LC__LIFE_DOWN,    /* there is no instance */
    LC__LIFE_RUNNING, /* there is one */
    LC__LIFE_TOLD,    /* there is one, of a component, and its context has ended */
    LC__LIFE_ENDED    /* of a runnable: the instance has ended, but it is not down */
};

/*
 * What a component has been told to do, by what it depends on, by its removal or by the end of
 * everything. A larger order replaces a smaller one. It stands until the next start. It is no part
 * of the life, as a node that is being judged gets it too.
 */
enum lc__engine_order {
    LC__ORDER_NONE,
    LC__ORDER_RESTART, /* to stop, and to start again */
    LC__ORDER_STOP     /* to stop for good */
};

/*
 * A runnable's part in the unit of its group.
 *
 *                      a failure takes it along       it and all below it have ended
 *     LC__UNIT_NONE ---------------------> LC__UNIT_ENDS ---------> LC__UNIT_HAS_ENDED
 *           ^                                                               |
 *           '--------- it starts, or the unit is given up ------------------'
 *
 * It says nothing of the instance: a member may be down when it is taken along, or may have
 * said done and wait for its turn to be cancelled.
 */
enum lc__engine_unit_part { LC__UNIT_NONE, LC__UNIT_ENDS, LC__UNIT_HAS_ENDED };

/* What only a component has. The flags that say which queues it is in are independent. */
struct lc__engine_component {
    /* To be set by the front. */
    bool tells_end; /* at any time: LC__TELL_OVER */

    /* To be read by all. */
    enum lc__engine_order order;
    lc_behavior decided;             /* about `error`; read with LC__TELL_REFUSED, _STOPPED */
    struct lc__engine_node *because; /* why it cannot start; read with LC__TELL_UNABLE only */
    LIST_HEAD(, lc__engine_edge) dependencies;
    LIST_HEAD(, lc__engine_edge) dependants;
    size_t unmet;    /* dependencies whose condition is not met */
    size_t never;    /* of these, those whose will not be */
    size_t blockers; /* dependants in its way: they still stop, or do not, but are blocked */
    bool leaving;    /* to be forgotten once it is settled */

    /* The engine's. */
    STAILQ_ENTRY(lc__engine_node) in_changed;
    STAILQ_ENTRY(lc__engine_node) in_passing;
    STAILQ_ENTRY(lc__engine_node) in_sweep;
    STAILQ_ENTRY(lc__engine_node) in_turns;
    STAILQ_ENTRY(lc__engine_node) in_gone;
    lc_error *thrown;  /* after it was told to stop, and it has not ended */
    uint64_t epoch;    /* of the last sweep that it was in */
    lc_behavior asked; /* what its error itself asks for, if nobody is asked */
    bool has_changed;  /* it is in the queue of those whose edges have to be looked at */
    bool passes_on;    /* it is in the queue of those that may block or not, now */
    bool awaits_turn;  /* it is in the queue of those whose turn may have come */
    bool blocks;       /* it counts among the blockers of its dependencies */
    bool fails_late;   /* its judge is asked about a late error */
};

/* What only a runnable has, and the engine's root. */
struct lc__engine_runnable {
    /* To be set by the front, before it is added. */
    struct lc__engine_group *group;
    struct lc__engine_significance *significance; /* NULL: its end is not significant */

    /* To be read by all. */
    bool cancelled;                 /* its context has ended */
    enum lc__engine_unit_part part; /* in its group's unit */
    bool stays_down;                /* its unit has been given up */
    bool over; /* read with LC__FORGET: it has ended for good; else its parent starts anew */
    size_t children_up; /* children that are not down */

    /* The engine's. */
    TAILQ_ENTRY(lc__engine_node) in_group;
    STAILQ_ENTRY(lc__engine_node) in_rested;
    lc_error *dies_of; /* what its instance will have died of, whatever it says; NULL: nothing */
    bool counted_significant;
};

/* Part of the front's node. */
struct lc__engine_node {
    /* Set before it is added. */
    const char *name;
    struct lc__engine_policy policy;
    struct lc__engine_intensity *intensity; /* NULL: none; may be shared */

    /* To be read by all. */
    lc_node_state state;
    enum lc__engine_life life;
    int64_t since;
    uint64_t instance;     /* of the last start */
    lc_error *error;       /* the last it had */
    uint64_t error_of;     /* the instance that had it */
    int64_t pause;         /* the last that was drawn */
    int64_t started_at;    /* the present instance, or the last */
    int64_t ran;           /* how long the instance of `error` had run when that was kept */
    int64_t was_ready_for; /* and had been ready; -1: it was never */
    bool overdue;
    bool was_ready; /* the present instance, or the last */

    /* The engine's. */
    struct lc__engine_node *parent;
    TAILQ_HEAD(, lc__engine_node) children; /* runnables; of the root also components */
    TAILQ_ENTRY(lc__engine_node) among_children;
    STAILQ_ENTRY(lc__engine_node) in_queue;
    struct lc__engine_timer timer; /* pause, start or stop: never two of them */
    lc_error *late;                /* for LC__TELL_LATE */
    double next_pause;             /* nanoseconds; 0: as long as the first */
    int64_t ready_for;             /* how long the last instance to leave READY had been so */
    unsigned todo;                 /* bits by enum lc__engine_action_kind */
    bool counted_active;           /* see engine->active */
    bool named_late;               /* in engine->failed_late */
    bool lacked_task; /* of the last start: there was nothing to run it in; set by the front */
    bool recovers;    /* it has failed and has not been ready since */

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

/* Whether a component will not run again. */
static inline bool lc__engine_is_settled(const struct lc__engine_node *node)
{
    return node->state == LC_NODE_DONE || node->state == LC_NODE_STOPPED;
}

struct lc__engine {
    struct lc__engine_node root; /* above all; never runs */
    struct lc__heap timers;
    STAILQ_HEAD(, lc__engine_node) queue; /* with something to do */
    STAILQ_HEAD(, lc__engine_node)
    changed; /* whose edges have to be looked at; empty between steps, as the next five */
    struct lc__engine_sweep passing;      /* not waited for; may block now, or no longer */
    struct lc__engine_sweep condemned;    /* stop for good, with all that depends on them */
    STAILQ_HEAD(, lc__engine_node) turns; /* to be started or cancelled now, perhaps */
    struct lc__engine_sweep rested;       /* runnables that were at rest when they were cancelled */
    STAILQ_HEAD(, lc__engine_node) gone;  /* components to be forgotten when the step is over */
    struct lc__random random;
    int64_t now;
    uint64_t epoch;   /* of the sweep that is next, or under way */
    size_t count;     /* nodes */
    size_t not_good;  /* components that may yet become ready, and are not */
    size_t given_up;  /* components that have stopped for good */
    size_t unsettled; /* components that may yet run */
    size_t active;    /* nodes with an instance, or being judged; not the overdue ones of a graph */
    bool begun;
    bool keep_running;
    bool tells_states; /* each node's new state is told */
    bool ending;       /* everything is being stopped */
    bool halting;      /* for a spin-halt */
    bool finished;     /* it is over: see `result` */
    lc_behavior behavior;
    lc_error *why;         /* everything is being stopped; NULL: for no error */
    lc_error *first_error; /* that left a node stopped */
    lc_error *first_late;  /* of a node that was being stopped, when everything was */
    lc_error *result;      /* once finished */
    lc_error *trouble;     /* once finished: of it, what is no answer to an order to stop */
    int64_t stop_timeout;  /* once everything is being stopped */
    struct lc__engine_timer final;
    char failed_late[256]; /* names of nodes, for the result */
    size_t late_count;     /* how many they are */
    /* Called at each change of a node's state, in the midst of a step: only to take note. */
    void (*changed_state)(struct lc__engine *engine, struct lc__engine_node *node);
    /* What holds the node up, for messages; NULL: it is not known. The function may be NULL. */
    const char *(*awaited)(struct lc__engine *engine, struct lc__engine_node *node);
};

void lc__engine_init(struct lc__engine *engine, uint64_t seed);
/* Gives the errors back. */
void lc__engine_end(struct lc__engine *engine);
/* Gives the errors of a node back, before its memory goes. */
void lc__engine_node_end(struct lc__engine_node *node);
void lc__engine_group_init(struct lc__engine_group *group);
/*
 * The runnable that comes after `node` when all below `top` are gone through, parents first; NULL.
 */
struct lc__engine_node *lc__engine_after(const struct lc__engine_node *top,
                                         struct lc__engine_node *node);
/* The one after `node`, without what is below `node`; NULL. */
struct lc__engine_node *lc__engine_beside(const struct lc__engine_node *top,
                                          struct lc__engine_node *node);

#endif
