/*
 * executor_shutdown.c: see executor_shutdown.h.
 */
#include "executor/executor_shutdown.h"

#include "base/clock.h"
#include "executor/executor.h"
#include "executor/job.h"
#include "executor/stack.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <bsd/string.h>

/* ---- a look at all fibers ---- */

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/*
 * The first fiber of the executor that is not finishing, and of which `suits` is true (NULL: any).
 * It may be about to end. NULL: there is none.
 */
static struct lc__fiber *executor_find_fiber(const lc_executor *executor,
                                             bool (*suits)(struct lc__fiber *))
{
    for (const struct lc__slab *slab = lc__slabs(); slab; slab = slab->next) {
        for (unsigned i = 0; i < slab->count; i++) {
            struct lc__fiber *fiber = lc__slab_fiber(slab, i);
            /* Acquire: pairs with the release in fiber_init(), so the fiber is filled in. */
            if (atomic_load_explicit(&fiber->state, memory_order_acquire) == LC__FIBER_FREE)
                continue;
            const struct lc__loop *loop = fiber->loop;
            if (fiber->finishing || !loop || loop->executor != executor || (suits && !suits(fiber)))
                continue;
            return fiber;
        }
    }
    return NULL;
}

static bool executor_name_fiber(const lc_executor *executor, char *name)
{
    const struct lc__fiber *fiber = executor_find_fiber(executor, NULL);
    if (fiber)
        lc__fiber_copy_name(fiber, name);
    return fiber != NULL;
}

/*
 * As lc__task_waits. That function must not be used: the fiber may have ended, and its task then
 * looks like that of a thread.
 */
static bool fiber_is_waiting(struct lc__fiber *fiber)
{
    unsigned long parks = atomic_load_explicit(&fiber->task.parks, memory_order_acquire);
    return parks - atomic_load_explicit(&fiber->task.wakes, memory_order_acquire) == 1;
}

static bool executor_has_waiting_fiber(const lc_executor *executor)
{
    return executor_find_fiber(executor, fiber_is_waiting) != NULL;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif

/* ---- counting ---- */

static size_t executor_count_once(const lc_executor *executor)
{
    size_t count = 0;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = lc__executor_loop(executor, i);
        /* In the order of a fiber's life, so that no fiber is missed: see lc__loop_count. */
        count += loop ? atomic_load(&loop->fresh_count) : 0;
        count += loop ? atomic_load(&loop->working) : 0;
    }
    return count;
}

/* Counts again until no fiber has moved between loops during the count. */
static size_t executor_count_working(const lc_executor *executor)
{
    for (unsigned round = 0;; lc__spin(&round)) {
        unsigned moves = atomic_load(&executor->moves_begun);
        if (atomic_load(&executor->moves_ended) != moves)
            continue;
        size_t count = executor_count_once(executor);
        if (atomic_load(&executor->moves_begun) == moves)
            return count;
    }
}

static size_t executor_count_deadlines(const lc_executor *executor)
{
    size_t count = 0;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = lc__executor_loop(executor, i);
        if (!loop)
            continue;
        count += lc__timers_count(&loop->timers);
        count += atomic_load_explicit(&loop->due.count, memory_order_relaxed);
    }
    return count;
}

/* Why an executor keeps the library up: noted under the lock of the list, logged after it. */
struct hold {
    char executor[sizeof((lc_executor *)0)->name];
    char fiber[LC_NAME_MAX + 1]; /* one of those that work; "": none was found */
    bool is_default;
    char job[LC_NAME_MAX + 1]; /* one of the jobs; "": none was found */
    size_t working;
    size_t jobs;
    size_t deadlines;
};

/* @return whether it does. */
static bool hold_note(const lc_executor *executor, struct hold *hold)
{
    *hold = (struct hold){.is_default = executor->is_default,
                          .working = executor_count_working(executor),
                          .jobs = atomic_load(&executor->jobs),
                          .deadlines = executor_count_deadlines(executor)};
    strlcpy(hold->executor, executor->name, sizeof hold->executor);
    if (hold->working > 0)
        executor_name_fiber(executor, hold->fiber);
    if (hold->jobs > 0)
        lc__jobs_name_one(executor, hold->job);
    return !hold->is_default || hold->working + hold->jobs + hold->deadlines > 0;
}

static void hold_log(const struct hold *hold)
{
    bool named = hold->fiber[0] != '\0';
    lc_log(LC_LOG_ERROR, NULL,
           "the library cannot shut down: executor \"%s\" %s, deadlines to come: %zu, fibers not "
           "ended: %zu%s%s%s",
           hold->executor, hold->is_default ? "has work" : "was not freed", hold->deadlines,
           hold->working, named ? ", among them \"" : "", hold->fiber, named ? "\"" : "");
    if (hold->jobs > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: isolates of executor \"%s\" that have not ended: "
               "%zu, among them \"%s\"",
               hold->executor, hold->jobs, hold->job);
}

/* Whether it has fibers, and none of them waits. */
static bool executor_is_ending(const lc_executor *executor)
{
    return executor->is_default && executor_count_working(executor) > 0 &&
           !executor_has_waiting_fiber(executor);
}

/*
 * The last act of a fiber may tell another thread that all is done. That thread then calls the
 * shutdown while the fiber still returns. So fibers that do not wait get a moment to end. The time
 * is that of the real clock, as real threads are waited for.
 */
void lc__executors_settle(void)
{
    const int64_t moment = 100 * LC_MILLISECOND;
    int64_t began = lc__clock_real.now(&lc__clock_real);
    bool ending = true;
    for (unsigned round = 0; ending; lc__spin(&round)) {
        ending = false;
        const lc_executor *executor;
        TAILQ_FOREACH (executor, lc__executors_lock(), link)
            ending |= executor_is_ending(executor);
        lc__executors_unlock();
        ending &= lc__clock_real.now(&lc__clock_real) - began < moment;
    }
}

bool lc__executors_busy(void)
{
    enum { TOLD_MAX = 8 }; /* enough to see what is wrong */
    struct hold holds[TOLD_MAX];
    size_t count = 0;
    lc_executor *executor;
    TAILQ_FOREACH (executor, lc__executors_lock(), link)
        if (count < TOLD_MAX && hold_note(executor, &holds[count]))
            count++;
    lc__executors_unlock();
    for (size_t i = 0; i < count; i++)
        hold_log(&holds[i]);
    return count > 0;
}
