/*
 * stall.c: see stall.h.
 */
#include "executor/stall.h"

#include "base/clock.h"
#include "executor/executor.h"
#include "executor/proc.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <stdatomic.h>
#include <string.h>

enum {
    LOOKS_PER_LIMIT = 4,
    REPORTS_MAX = 16, /* stalls that one look reports; the next look reports the others */
};

/* A fiber that keeps its thread: noted under the lock of the executors, logged after that. */
struct stall_report {
    char fiber[LC_NAME_MAX + 1];
    char executor[33];
    int64_t kept;
};

struct stall_look {
    int64_t now;
    int64_t pause; /* until the next look; LC_FOREVER: all threads sleep */
    size_t count;
    struct stall_report reports[REPORTS_MAX];
};

/*
 * Notes which fiber keeps the loop's thread. The fiber may end while this thread copies its name,
 * and the copy then has words of the next fiber's name. fiber.c has a release fence before it
 * writes a name. So the load behind the acquire fence sees that the number of switches has changed,
 * and this function notes nothing.
 */
static void stall_note(struct stall_look *look, struct lc__loop *loop, int64_t kept)
{
    const struct lc__fiber *fiber = atomic_load_explicit(&loop->current, memory_order_relaxed);
    if (!fiber || look->count == REPORTS_MAX)
        return;
    struct stall_report *report = &look->reports[look->count];
    lc__fiber_copy_name(fiber, report->fiber);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&loop->switches, memory_order_relaxed) != loop->stall.switches)
        return;
    memcpy(report->executor, loop->executor->name, sizeof report->executor);
    report->kept = kept;
    loop->stall.told = true;
    look->count++;
}

/*
 * How long the loop's thread has waited for a processor in its life. That is not the fault of the
 * fiber that runs in it. 0: the system does not tell.
 */
static int64_t loop_time_queued(const struct lc__loop *loop)
{
    int64_t ran, queued;
    lc__proc_times(atomic_load_explicit(&loop->thread_id, memory_order_relaxed), &ran, &queued);
    return queued;
}

/* @return whether the loop's thread is awake. */
static bool stall_look_at_loop(struct stall_look *look, struct lc__loop *loop)
{
    struct lc__stall *stall = &loop->stall;
    /* Store/load handshake with lc__monitor_notice(): see monitor.c. */
    bool awake = atomic_load(&loop->running) && !atomic_load(&loop->asleep);
    /* Acquire: loop->current is then the fiber of this switch, or of a later one. */
    uint64_t switches = atomic_load_explicit(&loop->switches, memory_order_acquire);
    if (!awake || switches != stall->switches) {
        *stall = (struct lc__stall){.switches = switches};
        return awake;
    }
    int64_t queued = loop_time_queued(loop);
    if (stall->since == 0) {
        stall->since = look->now;
        stall->queued = queued;
    }
    int64_t kept = look->now - stall->since - (queued - stall->queued);
    if (kept < loop->executor->stall_limit)
        return true;
    if (!stall->told)
        stall_note(look, loop, kept);
    if (atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) > 0 ||
        !lc__job_queue_is_empty(&loop->jobs))
        loop->operations->call_help(loop, true);
    return true;
}

static void stall_look_at_executor(struct stall_look *look, lc_executor *executor)
{
    bool awake = false;
    if (executor->stall_limit == LC_FOREVER)
        return;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = atomic_load_explicit(&executor->loops[i], memory_order_acquire);
        if (loop)
            awake |= stall_look_at_loop(look, loop);
    }
    int64_t pause = executor->stall_limit / LOOKS_PER_LIMIT;
    if (awake && pause < look->pause)
        look->pause = pause;
}

static void stall_log(const struct stall_report *report)
{
    const int64_t whole = report->kept - report->kept % LC_MILLISECOND;
    const lc_log_field field = lc_field_duration("for", whole);
    lc_log_fields(LC_LOG_WARNING, report->fiber, &field, 1,
                  "keeps a thread of executor \"%s\" without waiting, and the fibers behind "
                  "it stand still: use lc_call_blocking or lc_yield",
                  report->executor);
}

int64_t lc__stalls_look(void)
{
    struct stall_look look = {.now = lc__clock_real.now(&lc__clock_real), .pause = LC_FOREVER};
    lc_executor *executor;
    TAILQ_FOREACH (executor, lc__executors_lock(), link)
        stall_look_at_executor(&look, executor);
    lc__executors_unlock();
    for (size_t i = 0; i < look.count; i++)
        stall_log(&look.reports[i]);
    return look.pause;
}
