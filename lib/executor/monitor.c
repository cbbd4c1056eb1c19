/*
 * monitor.c: see monitor.h.
 *
 * It looks a few times in each stall limit, for as long as any thread of an executor is awake. When
 * all sleep it sleeps too, and the first that wakes up wakes it.
 */
#include "executor/monitor.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/system.h"
#include "executor/executor.h"
#include "executor/park.h"
#include "executor/thread_create.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOKS_PER_LIMIT = 4,
    REPORTS_MAX = 16, /* told after one look; the others after the next */
};

static struct {
    pthread_mutex_t lock;
    pthread_t thread;
    bool running;         /* under the lock */
    sigset_t mask;        /* of threads that it makes */
    atomic_bool stopping; /* set before the unpark that makes the thread look at it */
    /* Sequentially consistent, as loop->asleep: see lc__monitor_notice. */
    atomic_bool asleep;
    struct lc__parker parker;
} monitor = {.lock = PTHREAD_MUTEX_INITIALIZER, .parker = {.descriptor = -1}};

/* A fiber that keeps its thread: noted under the lock of the executors, told after it. */
struct report {
    char fiber[LC_NAME_MAX + 1];
    char executor[33];
    int64_t kept;
};

struct look {
    int64_t now;
    int64_t pause; /* until the next; LC_FOREVER: all sleep */
    size_t count;
    struct report reports[REPORTS_MAX];
};

/*
 * Notes which fiber it is. It may end while we read its name: then the number of switches has
 * changed, and nothing is noted.
 */
static void note(struct look *look, struct lc__loop *loop, int64_t kept)
{
    const struct lc__fiber *fiber = atomic_load_explicit(&loop->current, memory_order_relaxed);
    if (!fiber || look->count == REPORTS_MAX)
        return;
    struct report *report = &look->reports[look->count];
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
 * How long the loop's thread has waited for a processor in its life, which is no fault of what runs
 * in it. proc(5): schedstat has the time run, the time waited, the number of turns. 0: not told.
 */
static int64_t time_queued(const struct lc__loop *loop)
{
    char path[64], line[96] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat",
             atomic_load_explicit(&loop->thread_id, memory_order_relaxed));
    int file = lc__open(path);
    if (file < 0)
        return 0;
    long size = lc__read(file, line, sizeof line - 1);
    lc__close(file);
    const char *space = size > 0 ? strchr(line, ' ') : NULL;
    return space ? strtoll(space, NULL, 10) : 0;
}

/* @return whether its thread is awake. */
static bool look_at(struct look *look, struct lc__loop *loop)
{
    struct lc__stall *stall = &loop->stall;
    bool awake = atomic_load(&loop->running) && !atomic_load(&loop->asleep);
    /* Acquire: who is then found running was put there before. */
    uint64_t switches = atomic_load_explicit(&loop->switches, memory_order_acquire);
    if (!awake || switches != stall->switches) {
        *stall = (struct lc__stall){.switches = switches};
        return awake;
    }
    int64_t queued = time_queued(loop);
    if (stall->since == 0) {
        stall->since = look->now;
        stall->queued = queued;
    }
    int64_t kept = look->now - stall->since - (queued - stall->queued);
    if (kept < loop->executor->stall_limit)
        return true;
    if (!stall->told)
        note(look, loop, kept);
    if (atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) > 0 ||
        !lc__job_queue_is_empty(&loop->jobs))
        loop->operations->call_help(loop, true);
    return true;
}

static void look_at_executor(struct look *look, lc_executor *executor)
{
    bool awake = false;
    if (executor->stall_limit == LC_FOREVER)
        return;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = atomic_load_explicit(&executor->loops[i], memory_order_acquire);
        if (loop)
            awake |= look_at(look, loop);
    }
    int64_t pause = executor->stall_limit / LOOKS_PER_LIMIT;
    if (awake && pause < look->pause)
        look->pause = pause;
}

/* @return how long until the next look; LC_FOREVER if all sleep. */
static int64_t look_at_all(void)
{
    struct look look = {.now = lc__clock_real.now(&lc__clock_real), .pause = LC_FOREVER};
    lc_executor *executor;
    TAILQ_FOREACH (executor, lc__executors_lock(), link)
        look_at_executor(&look, executor);
    lc__executors_unlock();
    for (size_t i = 0; i < look.count; i++) {
        const struct report *report = &look.reports[i];
        const int64_t whole = report->kept - report->kept % LC_MILLISECOND;
        const lc_log_field field = lc_field_duration("for", whole);
        lc_log_fields(LC_LOG_WARNING, report->fiber, &field, 1,
                      "keeps a thread of executor \"%s\" without waiting, and the fibers behind "
                      "it stand still: use lc_call_blocking or lc_yield",
                      report->executor);
    }
    return look.pause;
}

static void *watch(void *unused)
{
    static const struct lc__park_reason reason = {"the next look", NULL};
    (void)unused;
    pthread_setname_np(pthread_self(), "lc-monitor");
    lc__library_own_thread();
    lc__thread_pass_on(&monitor.mask);
    for (;;) {
        unsigned seen = lc__parker_count(&monitor.parker);
        if (atomic_load_explicit(&monitor.stopping, memory_order_acquire))
            return NULL;
        int64_t pause = look_at_all();
        if (pause == LC_FOREVER) {
            /* Looked at once more after the flag is set: who woke before it did not see it. */
            atomic_store(&monitor.asleep, true);
            pause = look_at_all();
        }
        lc__park(&monitor.parker, seen, lc_deadline_after(pause), &reason);
        atomic_store(&monitor.asleep, false);
    }
}

/* Under the lock. */
static void make_thread(void)
{
    if (lc__fork_guard() == 0)
        monitor.running =
            lc__thread_create_silent(&monitor.thread, watch, NULL, &monitor.mask) == 0;
}

void lc__monitor_start(void)
{
    pthread_mutex_lock(&monitor.lock);
    if (!monitor.running)
        make_thread(); /* without it work goes on as well, unwatched */
    pthread_mutex_unlock(&monitor.lock);
    lc__monitor_notice();
}

void lc__monitor_notice(void)
{
    if (atomic_load(&monitor.asleep))
        lc__unpark(&monitor.parker);
}

void lc__monitor_stop(void)
{
    pthread_mutex_lock(&monitor.lock);
    bool running = monitor.running;
    monitor.running = false;
    pthread_mutex_unlock(&monitor.lock);
    if (!running)
        return;
    atomic_store_explicit(&monitor.stopping, true, memory_order_release);
    lc__unpark(&monitor.parker);
    pthread_join(monitor.thread, NULL);
    atomic_store_explicit(&monitor.stopping, false, memory_order_relaxed);
}
