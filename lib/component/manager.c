/*
 * manager.c: a component made of workers. See <lifecycle/manager.h>.
 *
 * Who does what: a worker's own thread does all that follows from what the worker does. The last
 * that is ready closes the ready handle, one that fails reports upward and cancels the others, the
 * last that returns closes shutdown and done.
 *
 * References to a manager: its owner's; one for all its activity, from the start until it is done;
 * one of the signaler, until that is sealed; one for each ready token that is kept; one of the
 * timer that warns of workers that are not ready, while it fires.
 */
#include "base/clock.h"
#include "base/fork.h"
#include "base/memory.h"
#include "base/refs.h"
#include "base/spin.h"
#include "component/plan.h"
#include "component/task_group.h"
#include "context/context.h"
#include "context/owner.h"
#include "context/signaler.h"
#include "context/worker.h"
#include "executor/fiber.h"
#include "executor/thread.h"
#include "executor/timers.h"
#include "wait/handle.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* A worker's ready token: where it is found tells which worker's. */
struct lc_ready {
    lc_manager *manager;
};

struct worker {
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

    struct worker workers[];
};

static lc_manager *manager_of(const struct worker *worker)
{
    return worker->ready.manager;
}

/* ---- references ---- */

lc_manager *lc_manager_ref(lc_manager *manager)
{
    if (manager)
        atomic_fetch_add_explicit(&manager->refs, 1, memory_order_relaxed);
    return manager;
}

static void release_data(const lc_manager *manager)
{
    int cancelling; /* a thread that is cancelled in the release would leave the rest undone */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    manager->release(manager->data);
    pthread_setcancelstate(cancelling, NULL);
}

void lc_manager_unref(lc_manager *manager)
{
    if (!manager || !lc__refs_drop(&manager->refs))
        return;
    if (manager->release)
        release_data(manager);
    lc_context_unref(manager->context);
    lc__handle_destroy(&manager->ready);
    lc__handle_destroy(&manager->done);
    lc__handle_destroy(&manager->shutdown);
    lc__plan_unref(manager->plan);
    lc__free(manager);
}

/* The embedded handles pass references on to the manager; `field` tells where in it they are. */
#define HANDLE_OWNER(field)                                                                        \
    static void ref_##field(lc_handle *handle)                                                     \
    {                                                                                              \
        lc_manager_ref((lc_manager *)((char *)handle - offsetof(lc_manager, field)));              \
    }                                                                                              \
    static void unref_##field(lc_handle *handle)                                                   \
    {                                                                                              \
        lc_manager_unref((lc_manager *)((char *)handle - offsetof(lc_manager, field)));            \
    }                                                                                              \
    static const struct lc__handle_owner field##_owner = {ref_##field, unref_##field};

HANDLE_OWNER(ready)
HANDLE_OWNER(done)
HANDLE_OWNER(shutdown)

/* ---- ending ---- */

/*
 * Done takes two: all work is over, and the workers' context has ended and closed the shutdown
 * handle. The latter may be just under way in another thread, which then closes done.
 */
static void finish_half(lc_manager *manager)
{
    /* Release and acquire: who sees done closed sees what was done before either half. */
    if (atomic_fetch_sub_explicit(&manager->halves, 1, memory_order_acq_rel) > 1)
        return;
    lc_handle_close(&manager->done);
    lc_manager_unref(manager);
}

/* The workers' context has ended: the shutdown begins. */
static void context_ended(struct lc__waiter *waiter)
{
    lc_manager *manager = (lc_manager *)((char *)waiter - offsetof(lc_manager, context_ended));
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    manager->told_at = now;
    lc__spinlock_unlock(&manager->lock);
    lc_handle_close(&manager->shutdown);
    finish_half(manager);
}

/* After the last activity nothing is left that the context is for. */
static void end_activity(lc_manager *manager)
{
    if (manager->watched)
        lc__timer_disarm(&manager->readiness);
    lc__signaler_seal(manager->signaler);
    lc_context_cancel(manager->context, NULL);
    finish_half(manager);
}

/* Under the lock: one activity less. @return whether it was the last. */
static bool count_off(lc_manager *manager)
{
    manager->finished = --manager->active == 0;
    return manager->finished;
}

/* Ends an activity that is no worker's. */
static void leave(lc_manager *manager)
{
    lc__spinlock_lock(&manager->lock);
    bool last = count_off(manager);
    lc__spinlock_unlock(&manager->lock);
    if (last)
        end_activity(manager);
}

/* Under the lock. */
static void enter_state(struct worker *worker, lc_worker_state state, int64_t now)
{
    worker->state = state;
    worker->since = now;
}

static void tell_early_return(const struct worker *worker)
{
    const lc_manager *manager = manager_of(worker);
    char path[LC__PATH_SIZE];
    lc_log(LC_LOG_WARNING, lc__owner_path_of(manager->context, manager->plan->name, path),
           "worker \"%s\" returned before it was ready: \"%s\" will never be ready",
           worker->plan->name, manager->plan->name);
}

/*
 * A worker has returned. If it never said that it is ready, and neither failed nor was told to
 * stop, no other line would say why its manager is not ready.
 */
static void leave_as_worker(struct worker *worker)
{
    lc_manager *manager = manager_of(worker);
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    bool early = worker->state == LC_WORKER_STARTING && !lc_context_error(manager->context);
    enter_state(worker, LC_WORKER_RETURNED, now);
    bool last = !early && count_off(manager);
    lc__spinlock_unlock(&manager->lock);
    if (last)
        end_activity(manager);
    if (!early)
        return;
    tell_early_return(worker);
    leave(manager);
}

/* ---- errors ---- */

/* @return whether done is still to come: then it waits for `leave`. */
static bool enter(lc_manager *manager)
{
    lc__spinlock_lock(&manager->lock);
    bool entered = !manager->finished;
    manager->active += entered;
    lc__spinlock_unlock(&manager->lock);
    return entered;
}

/*
 * The first error of the workers goes upward at once, on the thrower's stack, and then the others
 * are cancelled. Done waits for it, also if the thrower is none of the workers; only one thrown
 * when all is over is for the log.
 */
static void relay_error(void *arg, lc_error *error)
{
    lc_manager *manager = arg;
    if (!enter(manager)) {
        char path[LC__PATH_SIZE];
        lc_log(LC_LOG_ERROR, lc__owner_path_of(manager->context, manager->plan->name, path),
               "unhandled error, thrown after it was done: %s", lc_error_message(error));
        lc_error_unref(error);
        return;
    }
    lc_error *cause = lc_error_ref(error);
    lc__signal_above(manager->parent, error);
    lc_context_cancel(manager->context, cause);
    leave(manager);
}

static void release_relay(void *arg)
{
    lc_manager_unref(arg);
}

/* ---- workers ---- */

static lc_error *work(void *arg)
{
    struct worker *worker = arg;
    return worker->plan->run(manager_of(worker)->context, &worker->ready, worker->plan->arg);
}

/*
 * A late error is one that comes after the worker was told to stop and is no answer to that. The
 * first goes upward as any error does, and is logged or judged there. Further ones are logged here.
 */
static void report_late(const struct worker *worker, lc_error *error)
{
    lc_manager *manager = manager_of(worker);
    char what[LC_NAME_MAX + 64];
    if (lc__signaler_offer(manager->signaler, error))
        return;
    snprintf(what, sizeof what, "unhandled error: worker \"%s\" failed while being stopped",
             worker->plan->name);
    lc__signaler_log(LC_LOG_ERROR, manager->plan->name, what, error);
    lc_error_unref(error);
}

static void worker_failed(void *arg, lc_error *error)
{
    struct worker *worker = arg;
    lc_manager *manager = manager_of(worker);
    bool late = lc_context_error(manager->context) && !worker->failed &&
                !lc__context_is_clean_end(manager->context, error);
    worker->failed = true; /* what comes after its own error does not come of a stop */
    if (late)
        report_late(worker, error);
    else
        lc__signaler_signal(manager->signaler, error);
}

static void worker_ended(void *arg)
{
    struct worker *worker = arg;
    /* Before done can close: who saw it closed may shut the library down. */
    lc__worker_finishing();
    leave_as_worker(worker);
}

static void run_worker(void *arg)
{
    struct worker *worker = arg;
    lc__worker_run(&worker->call);
}

void lc_ready_signal(lc_ready *ready)
{
    if (!ready)
        return;
    struct worker *worker = (struct worker *)ready;
    lc_manager *manager = ready->manager;
    bool all = false;
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    if (worker->state == LC_WORKER_STARTING) {
        enter_state(worker, LC_WORKER_READY, now);
        worker->was_ready = true;
        all = --manager->not_ready == 0;
    }
    bool watched = manager->watched;
    lc__spinlock_unlock(&manager->lock);
    if (!all)
        return;
    if (watched)
        lc__timer_disarm(&manager->readiness);
    lc_handle_close(&manager->ready);
}

lc_ready *lc_ready_ref(lc_ready *ready)
{
    if (ready)
        lc_manager_ref(ready->manager);
    return ready;
}

void lc_ready_unref(lc_ready *ready)
{
    if (ready)
        lc_manager_unref(ready->manager);
}

lc_error *lc_noop_worker(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return NULL;
}

/* ---- readiness that does not come ---- */

enum { NAMES_TOLD = 4 }; /* names in one warning */

/*
 * Writes which workers are starting: the first few by name. @return how many there are, 0 also if
 * they have been told to stop.
 */
static size_t list_starting(lc_manager *manager, char *text, size_t size)
{
    size_t count = 0, used = 0;
    text[0] = '\0';
    lc__spinlock_lock(&manager->lock);
    bool live = !lc_context_error(manager->context);
    for (size_t i = 0; i < manager->plan->count && live; i++) {
        const struct worker *worker = &manager->workers[i];
        if (worker->state != LC_WORKER_STARTING || count++ >= NAMES_TOLD)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s\"%s\"", used > 0 ? ", " : "",
                                 worker->plan->name);
    }
    lc__spinlock_unlock(&manager->lock);
    if (count > NAMES_TOLD)
        snprintf(text + used, size - used, " and %zu more", count - NAMES_TOLD);
    return count;
}

/* Under the timers' lock. */
static bool readiness_due(struct lc__timer *timer)
{
    lc_manager_ref((lc_manager *)((char *)timer - offsetof(lc_manager, readiness)));
    return true;
}

static void warn_of_starting(struct lc__timer *timer)
{
    lc_manager *manager = (lc_manager *)((char *)timer - offsetof(lc_manager, readiness));
    char names[NAMES_TOLD * (LC_NAME_MAX + 4) + 32];
    char path[LC__PATH_SIZE];
    size_t count = list_starting(manager, names, sizeof names);
    if (count > 0)
        lc_log(LC_LOG_WARNING, lc__owner_path_of(manager->context, manager->plan->name, path),
               "is not ready after %.1f s: it waits for worker%s %s",
               (double)manager->plan->ready_warning / (double)LC_SECOND, count > 1 ? "s" : "",
               names);
    lc_manager_unref(manager);
}

/*
 * The start has launched the workers, and still counts as an activity, so done is not closed yet.
 * Ready may be closed, or just closing: either the closer of ready sees `watched`, or this function
 * sees that no worker is left to wait for. Without a timer there is no warning, and all else goes
 * on.
 */
static void watch_readiness(lc_manager *manager)
{
    int64_t after = manager->plan->ready_warning;
    if (after == LC_FOREVER || lc_handle_is_closed(&manager->ready))
        return;
    manager->readiness.due = readiness_due;
    manager->readiness.fire = warn_of_starting;
    int64_t began = manager->began; /* to ask the clock once more costs more than all else here */
    int64_t deadline = began < LC_FOREVER - after ? began + after : LC_FOREVER;
    if (lc__timer_arm(&manager->readiness, deadline) < 0)
        return;
    lc__spinlock_lock(&manager->lock);
    manager->watched = true;
    bool all_ready = manager->not_ready == 0;
    lc__spinlock_unlock(&manager->lock);
    if (all_ready)
        lc__timer_disarm(&manager->readiness);
}

/* ---- starting ---- */

/*
 * Marks the workers as starting, before the first is launched, so that the count does not come to 0
 * while others are still to be. @return whether this is the first start.
 */
static bool claim_start(lc_manager *manager)
{
    size_t count = manager->plan->count;
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    bool first = !manager->started;
    for (size_t i = 0; i < count && first; i++)
        enter_state(&manager->workers[i], LC_WORKER_STARTING, now);
    if (first) {
        manager->started = true;
        manager->began = now;
        manager->not_ready = count;
        manager->active = count + 1; /* 1: the launching itself */
    }
    lc__spinlock_unlock(&manager->lock);
    return first;
}

/* Makes the workers' context and its signaler. @return 0, or -ENOMEM. */
static int prepare(lc_manager *manager, lc_context *parent)
{
    struct lc__relay relay = {relay_error, release_relay, manager, false};
    lc_signaler *signaler = lc__signaler_relaying(&relay);
    if (!signaler)
        return -ENOMEM;
    lc_manager_ref(manager); /* the signaler's */
    manager->context = lc__context_with_own_signaler(parent, signaler);
    if (!manager->context) {
        lc_signaler_unref(signaler);
        return -ENOMEM;
    }
    manager->parent = parent;
    manager->signaler = signaler;
    lc__context_drop_clean_ends(manager->context);
    manager->context_ended.closed = context_ended;
    atomic_init(&manager->halves, 2);
    return 0;
}

static int launch(struct worker *worker)
{
    const lc_worker *plan = worker->plan;
    worker->call = (struct lc__worker_call){.context = manager_of(worker)->context,
                                            .work = work,
                                            .failed = worker_failed,
                                            .ended = worker_ended,
                                            .arg = worker,
                                            .wait = &worker->wait};
    if (plan->kind == LC_FIBER) {
        const struct lc__fiber_options fiber = {
            .name = plan->name,
            .stack_size = plan->stack_size,
            .run = run_worker,
            .arg = worker,
            .executor = plan->executor,
            .group = plan->group,
            .spread = plan->spread,
        };
        return lc__fiber_start(&fiber);
    }
    const struct lc__thread_options thread = {
        .name = plan->name,
        .stack_size = plan->stack_size,
        .run = run_worker,
        .arg = worker,
    };
    return lc__thread_start(&thread);
}

static lc_error *cannot_launch(const lc_manager *manager, size_t index, int code)
{
    return lc_error_new_errno(-code, "worker \"%s\" of \"%s\" could not be launched",
                              manager->plan->workers[index].name, manager->plan->name);
}

static void leave_unlaunched(struct worker *worker)
{
    lc_manager *manager = manager_of(worker);
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    enter_state(worker, LC_WORKER_RETURNED, now);
    lc__spinlock_unlock(&manager->lock);
    leave(manager);
}

/*
 * @return an error if none could be launched; once one runs, the failure of another is thrown, for
 * the others to end.
 */
static lc_error *launch_all(lc_manager *manager)
{
    size_t count = manager->plan->count;
    size_t launched = 0;
    int result = 0;
    while (launched < count && (result = launch(&manager->workers[launched])) == 0)
        launched++;
    lc_error *error = result < 0 ? cannot_launch(manager, launched, result) : NULL;
    if (error && launched > 0) {
        lc__signaler_signal(manager->signaler, error);
        error = NULL;
    }
    for (size_t i = launched; i < count; i++)
        leave_unlaunched(&manager->workers[i]);
    return error;
}

/* The start failed before anything ran: that counts as done. */
static void finish_unstarted(lc_manager *manager)
{
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    manager->finished = true;
    for (size_t i = 0; i < manager->plan->count; i++)
        enter_state(&manager->workers[i], LC_WORKER_RETURNED, now);
    lc__spinlock_unlock(&manager->lock);
    lc_handle_close(&manager->shutdown);
    lc_handle_close(&manager->done);
}

lc_error *lc_manager_start(lc_manager *manager, lc_context *context)
{
    if (!manager || !context)
        return lc_error_new(-EINVAL, "lc_manager_start needs a %s",
                            manager ? "context" : "manager");
    if (lc__forked())
        return lc_error_new(-ENOTSUP,
                            "\"%s\" cannot be started in a child forked when there were workers",
                            manager->plan->name);
    if (!claim_start(manager))
        return lc_error_new(-EALREADY, "\"%s\" was started before: build another manager",
                            manager->plan->name);
    int prepared = prepare(manager, context);
    if (prepared < 0) {
        finish_unstarted(manager);
        return lc_error_new(prepared, "no memory to start \"%s\"", manager->plan->name);
    }
    lc_manager_ref(manager); /* the activity's */
    if (!lc__handle_add(lc_context_done(manager->context), &manager->context_ended))
        context_ended(&manager->context_ended);
    if (manager->plan->count == 0)
        lc_handle_close(&manager->ready);
    lc_error *error = launch_all(manager);
    if (!error)
        watch_readiness(manager);
    leave(manager);
    return error;
}

/* ---- as a component ---- */

static lc_error *start_component(lc_component *component, lc_context *context)
{
    return lc_manager_start((lc_manager *)component, context);
}

static lc_handle *ready_of_component(lc_component *component)
{
    return lc_manager_ready((lc_manager *)component);
}

static lc_handle *done_of_component(lc_component *component)
{
    return lc_manager_done((lc_manager *)component);
}

static void destroy_component(lc_component *component)
{
    lc_manager_unref((lc_manager *)component);
}

/* Under the lock. What a worker is about, in the words of all components. */
static lc_part part_of(const lc_manager *manager, const struct worker *worker)
{
    static const lc_node_state states[] = {
        [LC_WORKER_PENDING] = LC_NODE_WAITING,
        [LC_WORKER_STARTING] = LC_NODE_STARTING,
        [LC_WORKER_READY] = LC_NODE_READY,
        [LC_WORKER_RETURNED] = LC_NODE_DONE,
    };
    lc_part part = {.name = worker->plan->name,
                    .state = states[worker->state],
                    .since = worker->since,
                    .is_worker = true};
    bool runs = worker->state == LC_WORKER_STARTING || worker->state == LC_WORKER_READY;
    if (runs && manager->told_at != 0) {
        part.state = LC_NODE_STOPPING;
        part.since = manager->told_at;
    } else if (worker->state == LC_WORKER_RETURNED && !worker->was_ready) {
        part.state = LC_NODE_STOPPED; /* and so the manager will never be ready */
    }
    return part;
}

static void parts_of_component(lc_component *component, lc_part_visitor visit, void *arg)
{
    lc_manager *manager = (lc_manager *)component;
    char tasks[LC__TASKS_TEXT_SIZE];
    for (size_t i = 0; i < manager->plan->count; i++) {
        lc__spinlock_lock(&manager->lock);
        lc_part part = part_of(manager, &manager->workers[i]);
        lc__spinlock_unlock(&manager->lock);
        if (lc__task_group_describe_wait(&manager->workers[i].wait, tasks))
            part.waits_for = tasks;
        visit(&part, arg);
    }
}

static const char *name_of_component(lc_component *component)
{
    return lc_manager_name((lc_manager *)component);
}

static const lc_component_ops manager_ops = {
    .size = sizeof(lc_component_ops),
    .start = start_component,
    .ready = ready_of_component,
    .done = done_of_component,
    .destroy = destroy_component,
    .flags = LC_START_INLINE,
    .parts = parts_of_component,
    .name = name_of_component,
};

lc_component *lc_manager_component(lc_manager *manager)
{
    return manager ? &manager->component : NULL;
}

/* ---- making and looking ---- */

lc_manager *lc__manager_new(struct lc__plan *plan)
{
    lc_manager *manager = lc__allocate(sizeof *manager + plan->count * sizeof manager->workers[0]);
    if (!manager)
        return NULL;
    manager->component.ops = &manager_ops;
    atomic_init(&manager->refs, 1);
    manager->plan = plan;
    lc__handle_init(&manager->ready, &ready_owner);
    lc__handle_init(&manager->done, &done_owner);
    lc__handle_init(&manager->shutdown, &shutdown_owner);
    for (size_t i = 0; i < plan->count; i++) {
        manager->workers[i].ready.manager = manager;
        manager->workers[i].plan = &plan->workers[i];
    }
    return manager;
}

const char *lc_manager_name(const lc_manager *manager)
{
    return manager ? manager->plan->name : "";
}

int lc_manager_set_data(lc_manager *manager, void *data, void (*release)(void *data))
{
    if (!manager)
        return -EINVAL;
    if (manager->data || manager->release)
        return -EALREADY;
    manager->data = data;
    manager->release = release;
    return 0;
}

void *lc_manager_data(const lc_manager *manager)
{
    return manager ? manager->data : NULL;
}

lc_handle *lc_manager_ready(lc_manager *manager)
{
    return manager ? &manager->ready : NULL;
}

lc_handle *lc_manager_done(lc_manager *manager)
{
    return manager ? &manager->done : NULL;
}

lc_handle *lc_manager_shutdown(lc_manager *manager)
{
    return manager ? &manager->shutdown : NULL;
}

size_t lc_manager_copy_workers(lc_manager *manager, lc_worker_status *statuses, size_t capacity)
{
    if (!manager)
        return 0;
    size_t count = manager->plan->count;
    lc__spinlock_lock(&manager->lock);
    for (size_t i = 0; i < count && i < capacity; i++) {
        const struct worker *worker = &manager->workers[i];
        statuses[i] =
            (lc_worker_status){worker->plan->name, worker->state, worker->was_ready, worker->since};
    }
    lc__spinlock_unlock(&manager->lock);
    return count;
}
