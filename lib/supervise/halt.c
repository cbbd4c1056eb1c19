/*
 * halt.c: the spin-halt: staying alive, doing nothing, until an operator says so. See
 * <lifecycle/run.h>.
 */
#include "supervise/halt.h"

#include "base/fork.h"
#include "base/task.h"
#include "executor/callback.h"
#include "executor/simulation.h"
#include "wait/signals.h"

#include <lifecycle/log.h>
#include <lifecycle/run.h>

#include <bsd/sys/queue.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* A halt that waits; on the stack of who halts. */
struct halt {
    LIST_ENTRY(halt) link;
    lc_process_signals *watch;
    struct lc__simulation *simulation; /* in which it halts; NULL: in the real world */
    atomic_bool released; /* set before the watch is woken, so that who wakes sees it */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, halt) halts = LIST_HEAD_INITIALIZER(halts); /* under the lock */

/* Those of workers that were lost in a simulation's deadlock are in the list still. */
static void forget_halts(struct lc__simulation *simulation)
{
    struct halt *halt, *next;
    pthread_mutex_lock(&lock);
    LIST_FOREACH_SAFE (halt, &halts, link, next)
        if (halt->simulation == simulation)
            LIST_REMOVE(halt, link);
    pthread_mutex_unlock(&lock);
}

static void begin_halt(struct halt *halt)
{
    lc__simulation_at_end(forget_halts);
    pthread_mutex_lock(&lock);
    LIST_INSERT_HEAD(&halts, halt, link);
    pthread_mutex_unlock(&lock);
}

static void end_halt(struct halt *halt)
{
    pthread_mutex_lock(&lock);
    LIST_REMOVE(halt, link);
    pthread_mutex_unlock(&lock);
}

int lc_halt_release(void)
{
    int released = 0;
    if (lc__forked())
        return -ENOTSUP;
    pthread_mutex_lock(&lock);
    struct halt *halt;
    /* Under the lock, which end_halt takes before the halt is gone. */
    LIST_FOREACH (halt, &halts, link) {
        if (halt->simulation != lc__task_current()->simulation)
            continue;
        released += !atomic_exchange(&halt->released, true);
        lc__signals_wake(halt->watch);
    }
    pthread_mutex_unlock(&lock);
    return released;
}

/*
 * The halt is on this stack, and known to others: what is called meanwhile must not end the thread.
 * @return what is to be given to leave_callback.
 */
static int enter_callback(void)
{
    int cancelling;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    lc__callback_enter();
    return cancelling;
}

static void leave_callback(int cancelling)
{
    lc__callback_leave();
    pthread_setcancelstate(cancelling, NULL);
}

static void call_on_halt(void (*on_halt)(const lc_error *error, void *arg), void *arg,
                         const lc_error *error)
{
    if (!on_halt)
        return;
    int cancelling = enter_callback();
    on_halt(error, arg);
    leave_callback(cancelling);
}

/* @return when it is to be called again. */
static int64_t call_beat(const struct lc__halt_beat *beat)
{
    if (!beat)
        return LC_FOREVER;
    int cancelling = enter_callback();
    int64_t next = beat->beat(beat->arg);
    leave_callback(cancelling);
    return next;
}

/* @return 0 once SIGTERM has come or the halt was released; -ENOTSUP. */
static int wait_for_operator(struct halt *halt, const lc_error *error,
                             const struct lc__halt_beat *beat)
{
    for (;;) {
        int number = lc__signals_next(halt->watch, call_beat(beat), &halt->released);
        if (number == -ETIMEDOUT)
            continue;
        if (number <= 0)
            return number;
        if (number == SIGTERM)
            return 0;
        lc_log(
            LC_LOG_CRITICAL, NULL,
            "SIG%s does not end this process: it has halted, since a restart would do harm (%s); "
            "SIGTERM ends it",
            sigabbrev_np(number), lc_error_message(error));
    }
}

static int halt_with(struct halt *halt, const lc_error *error,
                     void (*on_halt)(const lc_error *error, void *arg), void *arg,
                     const struct lc__halt_beat *beat)
{
    /* The watch is there, so one that comes after this look is caught by it. */
    if (lc__signal_was_caught(SIGTERM))
        return 0;
    begin_halt(halt);
    lc_log(LC_LOG_CRITICAL, NULL, "halted until SIGTERM, since a restart would do harm: %s",
           lc_error_message(error));
    call_on_halt(on_halt, arg, error);
    int result = wait_for_operator(halt, error, beat);
    end_halt(halt);
    return result;
}

static int halt(const lc_error *error, void (*on_halt)(const lc_error *error, void *arg), void *arg,
                const struct lc__halt_beat *beat)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    struct halt halt = {.simulation = lc__task_current()->simulation};
    lc_error *unwatched =
        lc__signals_watch_for_halt(signals, sizeof signals / sizeof signals[0], &halt.watch);
    if (unwatched) {
        int code = lc_error_code(unwatched);
        lc_log(LC_LOG_CRITICAL, NULL, "cannot halt, the signals cannot be watched: %s",
               lc_error_message(unwatched));
        lc_error_unref(unwatched);
        return code;
    }
    int result = halt_with(&halt, error, on_halt, arg, beat);
    lc_process_signals_free(halt.watch);
    if (result == 0)
        lc_log(LC_LOG_NOTICE, NULL, "the halt has been ended");
    return result;
}

int lc__spin_halt(const lc_error *error, void (*on_halt)(const lc_error *error, void *arg),
                  void *arg, const struct lc__halt_beat *beat)
{
    lc_error *unnamed = error ? NULL : lc_error_new(-EINVAL, "no reason was given");
    int result = halt(error ? error : unnamed, on_halt, arg, beat);
    lc_error_unref(unnamed);
    return result;
}

int lc_spin_halt(const lc_error *error, void (*on_halt)(const lc_error *error, void *arg),
                 void *arg)
{
    return lc__spin_halt(error, on_halt, arg, NULL);
}
