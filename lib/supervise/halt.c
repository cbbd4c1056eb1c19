/*
 * halt.c: the spin-halt: staying alive, doing nothing, until an operator says so. See
 * <lifecycle/run.h>.
 */
#include "supervise/halt.h"

#include "base/fork.h"
#include "base/lock.h"
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

/* A halt that waits. It lies on the stack of the function that halts. */
struct halt {
    LIST_ENTRY(halt) link;
    lc_process_signals *watch;
    struct lc__simulation *simulation; /* the one it halts in; NULL: none */
    atomic_bool released; /* set before the watch is woken; the wait reads it afterwards */
};

static struct lc__lock halts_lock = LC__LOCK_INIT;
static LIST_HEAD(, halt) halts = LIST_HEAD_INITIALIZER(halts); /* under halts_lock */

/* Removes the halts of workers that a deadlock of the simulation has lost. */
static void halts_forget(struct lc__simulation *simulation)
{
    struct halt *halt, *next;
    lc__lock_take(&halts_lock);
    LIST_FOREACH_SAFE (halt, &halts, link, next)
        if (halt->simulation == simulation)
            LIST_REMOVE(halt, link);
    lc__lock_give(&halts_lock);
}

static void halt_begin(struct halt *halt)
{
    lc__simulation_at_end(halts_forget);
    lc__lock_take(&halts_lock);
    LIST_INSERT_HEAD(&halts, halt, link);
    lc__lock_give(&halts_lock);
}

static void halt_end(struct halt *halt)
{
    lc__lock_take(&halts_lock);
    LIST_REMOVE(halt, link);
    lc__lock_give(&halts_lock);
}

int lc_halt_release(void)
{
    int released = 0;
    if (lc__forked())
        return -ENOTSUP;
    lc__lock_take(&halts_lock);
    struct halt *halt;
    /* The halt stays in the list, and so on its stack, until halt_end() gets the lock. */
    LIST_FOREACH (halt, &halts, link) {
        if (halt->simulation != lc__task_current()->simulation)
            continue;
        released += !atomic_exchange(&halt->released, true);
        lc__signals_wake(halt->watch);
    }
    lc__lock_give(&halts_lock);
    return released;
}

/*
 * Keeps the program's callback from ending the thread: other threads know the halt, which lies on
 * this stack. @return the argument of halt_leave_callback().
 */
static int halt_enter_callback(void)
{
    int cancelling;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    lc__callback_enter();
    return cancelling;
}

static void halt_leave_callback(int cancelling)
{
    lc__callback_leave();
    pthread_setcancelstate(cancelling, NULL);
}

static void halt_call_on_halt(void (*on_halt)(const lc_error *error, void *arg), void *arg,
                              const lc_error *error)
{
    if (!on_halt)
        return;
    int cancelling = halt_enter_callback();
    on_halt(error, arg);
    halt_leave_callback(cancelling);
}

/* @return the deadline of the next call. */
static int64_t halt_call_beat(const struct lc__halt_beat *beat)
{
    if (!beat)
        return LC_FOREVER;
    int cancelling = halt_enter_callback();
    int64_t next = beat->beat(beat->arg);
    halt_leave_callback(cancelling);
    return next;
}

/* @return 0 once SIGTERM has come or the halt was released; -ENOTSUP. */
static int halt_wait(struct halt *halt, const lc_error *error, const struct lc__halt_beat *beat)
{
    for (;;) {
        int number = lc__signals_next(halt->watch, halt_call_beat(beat), &halt->released);
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
    /* The watch exists, so it catches a SIGTERM that comes after this look. */
    if (lc__signal_was_caught(SIGTERM))
        return 0;
    halt_begin(halt);
    lc_log(LC_LOG_CRITICAL, NULL, "halted until SIGTERM, since a restart would do harm: %s",
           lc_error_message(error));
    halt_call_on_halt(on_halt, arg, error);
    int result = halt_wait(halt, error, beat);
    halt_end(halt);
    return result;
}

static int halt_watch(const lc_error *error, void (*on_halt)(const lc_error *error, void *arg),
                      void *arg, const struct lc__halt_beat *beat)
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
    int result = halt_watch(error ? error : unnamed, on_halt, arg, beat);
    lc_error_unref(unnamed);
    return result;
}

int lc_spin_halt(const lc_error *error, void (*on_halt)(const lc_error *error, void *arg),
                 void *arg)
{
    return lc__spin_halt(error, on_halt, arg, NULL);
}
