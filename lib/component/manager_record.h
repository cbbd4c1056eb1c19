/*
 * manager_record.h (internal): what a manager consists of, and counting what is active of it, down
 * to the moment in which it is done. Floor 4; used by the manager's own files only.
 *
 * References to a manager: its owner's; one for all its activity, from the start until it is done;
 * one of the signaler, until that is sealed; one for each ready token that is kept; one of the
 * timer that warns of workers that are not ready, while it fires.
 */
#ifndef LIFECYCLE_COMPONENT_MANAGER_RECORD_H
#define LIFECYCLE_COMPONENT_MANAGER_RECORD_H

#include "base/spin.h"
#include "component/plan.h"
#include "context/worker.h"
#include "executor/timers.h"
#include "wait/handle.h"

#include <lifecycle/manager.h>

/* A worker's ready token: where it is found tells which worker's. */
struct lc_ready {
    lc_manager *manager;
};

struct lc__manager_worker {
    lc_ready ready;
    const lc_worker *plan;
    struct lc__worker_call call;
    struct lc__worker_wait wait;
    bool failed; /* it has had an error; on its own stack only */
    /* Under the manager's lock. */
    lc_worker_state state;
    bool was_ready;
    int64_t since;
};

struct lc_manager {
    lc_component component; /* first */
    atomic_uint refs;
    struct lc__plan *plan;
    lc_handle ready;
    lc_handle done;
    lc_handle shutdown;
    void *data;
    void (*release)(void *data);

    /* Set by the start, before there is a worker. */
    lc_context *context;   /* the workers'; held, and with it the next two */
    lc_context *parent;    /* what the manager was started with */
    lc_signaler *signaler; /* relays to the parent */
    struct lc__waiter context_ended;
    atomic_int halves; /* of what makes it done: see finish_half */
    int64_t began;     /* when */

    struct lc__spinlock lock; /* for what follows, and the workers' states */
    bool started;
    size_t not_ready; /* workers */
    size_t active;    /* workers that have not returned, errors on their way upward, the start */
    bool finished;    /* active has come to 0 */
    int64_t told_at;  /* when the workers' context ended; 0: it has not */
    bool watched;     /* the timer was armed */

    /*
     * Warns of workers that are not ready. Disarmed before ready closes, or else before done does:
     * until then there is the activity's reference.
     */
    struct lc__timer readiness;

    struct lc__manager_worker workers[];
};

static inline lc_manager *lc__manager_of(const struct lc__manager_worker *worker)
{
    return worker->ready.manager;
}

/* A manager with these workers, whose reference it takes. NULL: no memory. */
lc_manager *lc__manager_record_new(struct lc__plan *plan, const lc_component_ops *ops);

/* The workers' context has ended: the shutdown begins. */
void lc__manager_context_ended(struct lc__waiter *waiter);
/* @return whether done is still to come: then it waits for lc__manager_leave. */
bool lc__manager_enter(lc_manager *manager);
/* Under the lock: one activity less. @return whether it was the last. */
bool lc__manager_count_off(lc_manager *manager);
/* After the last activity nothing is left that the context is for. */
void lc__manager_end_activity(lc_manager *manager);
/* Ends an activity that is no worker's. */
void lc__manager_leave(lc_manager *manager);

/* Under the lock. */
static inline void lc__manager_worker_enter(struct lc__manager_worker *worker,
                                            lc_worker_state state, int64_t now)
{
    worker->state = state;
    worker->since = now;
}

#endif
