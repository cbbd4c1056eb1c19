/*
 * manager_record.h (internal): the data of a manager, its references, and the count of what is
 * active in it. Floor 4; included by the manager's own files only.
 *
 * An *activity* is a worker that has not returned, an error that is on its way upward, or the start
 * while it launches workers. When `active` falls to 0, the workers' context is cancelled. When that
 * context has ended too, done closes: two halves, and the second one closes it.
 *
 * These hold a reference to a manager: its owner; all activities together, from the start until
 * done closes; the signaler, until it is sealed; each lc_ready_ref; the readiness timer, while it
 * fires.
 */
#ifndef LIFECYCLE_COMPONENT_MANAGER_RECORD_H
#define LIFECYCLE_COMPONENT_MANAGER_RECORD_H

#include "base/spin.h"
#include "component/plan.h"
#include "context/worker.h"
#include "executor/timers.h"
#include "wait/handle.h"

#include <lifecycle/manager.h>

/* A worker's ready token: the first member of the worker. */
struct lc_ready {
    lc_manager *manager;
};

struct lc__manager_worker {
    lc_ready ready;
    const lc_worker *plan;
    struct lc__worker_call call;
    struct lc__worker_wait wait;
    bool failed; /* it has reported an error; the worker alone reads and writes it */
    /* Under the manager's lock: */
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

    /* Set by the start, before the first worker runs. */
    lc_context *context;   /* the workers'; a reference, which keeps the next two alive */
    lc_context *parent;    /* the argument of lc_manager_start */
    lc_signaler *signaler; /* the context's; relays to the parent */
    struct lc__waiter context_ended;
    atomic_int halves; /* of the end, still to come: see manager_half_finish */
    int64_t began;     /* the time of the start */

    struct lc__spinlock lock; /* of the fields below, and of the workers' states */
    bool started;
    size_t not_ready; /* workers that have not said that they are ready */
    size_t active;    /* activities */
    bool finished;    /* active has fallen to 0 */
    int64_t told_at;  /* when the workers' context ended; 0: it has not */
    bool watched;     /* the readiness timer was armed */

    /* Disarmed before ready closes, or before done closes, whichever comes first. */
    struct lc__timer readiness;

    struct lc__manager_worker workers[];
};

static inline lc_manager *lc__manager_of(const struct lc__manager_worker *worker)
{
    return worker->ready.manager;
}

/* Takes over the reference to the plan. NULL: no memory; then the caller keeps it. */
lc_manager *lc__manager_record_new(struct lc__plan *plan, const lc_component_ops *ops);

/* The waiter's call: the workers' context has ended. Closes shutdown; the first half of done. */
void lc__manager_context_ended(struct lc__waiter *waiter);
/* Adds an activity, which lc__manager_leave ends. @return false: the last one has ended before. */
bool lc__manager_enter(lc_manager *manager);
/*
 * Under the lock: ends an activity. @return whether it was the last: then the caller gives the lock
 * back and calls lc__manager_end_activity.
 */
bool lc__manager_count_off(lc_manager *manager);
/* After the last activity: cancels the workers' context; the second half of done. */
void lc__manager_end_activity(lc_manager *manager);
/* Ends an activity. */
void lc__manager_leave(lc_manager *manager);

/* Under the manager's lock. */
static inline void lc__manager_worker_enter(struct lc__manager_worker *worker,
                                            lc_worker_state state, int64_t now)
{
    LC__ASSERT(lc__spinlock_is_held(&lc__manager_of(worker)->lock));
    LC__ASSERT(worker->state < state); /* a worker's life has no way back */
    worker->state = state;
    worker->since = now;
}

#endif
