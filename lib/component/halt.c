/*
 * halt.c: the spin-halt: staying alive, doing nothing, until an operator says so. See
 * <lifecycle/run.h>.
 */
#include "base/library.h"
#include "wait/handle.h"
#include "wait/signals.h"

#include <lifecycle/log.h>
#include <lifecycle/run.h>

#include <bsd/sys/queue.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

/* A halt that waits; on the stack of who halts. */
struct halt {
    LIST_ENTRY(halt) link;
    lc_handle released;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, halt) halts = LIST_HEAD_INITIALIZER(halts); /* under the lock */

static void begin_halt(struct halt *halt)
{
    lc__handle_init(&halt->released, NULL);
    pthread_mutex_lock(&lock);
    LIST_INSERT_HEAD(&halts, halt, link);
    pthread_mutex_unlock(&lock);
}

static void end_halt(struct halt *halt)
{
    pthread_mutex_lock(&lock);
    LIST_REMOVE(halt, link);
    pthread_mutex_unlock(&lock);
    lc__handle_destroy(&halt->released);
}

int lc_halt_release(void)
{
    int released = 0;
    pthread_mutex_lock(&lock);
    struct halt *halt;
    /*
     * Closed under the lock, which end_halt takes before the halt is gone. No program's code runs:
     * only we wait.
     */
    LIST_FOREACH (halt, &halts, link) {
        released += !lc_handle_is_closed(&halt->released);
        lc_handle_close(&halt->released);
    }
    pthread_mutex_unlock(&lock);
    return released;
}

/* @return 0 once SIGTERM has come or the halt was released. */
static int wait_for_operator(struct halt *halt, lc_process_signals *watch, const lc_error *error)
{
    lc_waitable ends[] = {lc_on_handle(&halt->released), lc_on_signals(watch)};
    for (;;) {
        int index = lc_wait_any(ends, 2, LC_FOREVER);
        if (index <= 0)
            return index;
        int number = lc_process_signals_next(watch, LC_NOW);
        if (number == SIGTERM)
            return 0;
        if (number > 0)
            lc_log(LC_LOG_CRITICAL, NULL,
                   "%s does not end this process: it has halted, since a restart would do harm "
                   "(%s); SIGTERM "
                   "ends it",
                   strsignal(number), lc_error_message(error));
    }
}

static int halt_with(lc_process_signals *watch, const lc_error *error,
                     void (*on_halt)(void *arg, const lc_error *error), void *arg)
{
    /* The watch is there, so one that comes after this look is caught by it. */
    if (lc__signal_was_caught(SIGTERM))
        return 0;
    struct halt halt;
    begin_halt(&halt);
    lc_log(LC_LOG_CRITICAL, NULL, "halted until SIGTERM, since a restart would do harm: %s",
           lc_error_message(error));
    if (on_halt)
        on_halt(arg, error);
    int result = wait_for_operator(&halt, watch, error);
    end_halt(&halt);
    return result;
}

int lc_spin_halt(const lc_error *error, void (*on_halt)(void *arg, const lc_error *error),
                 void *arg)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    lc_process_signals *watch;
    int result = lc_process_signals_watch(signals, sizeof signals / sizeof signals[0], &watch);
    if (result < 0) {
        lc_log(LC_LOG_CRITICAL, NULL, "cannot halt, the signals cannot be watched: %s",
               strerror(-result));
        return result;
    }
    result = halt_with(watch, error, on_halt, arg);
    lc_process_signals_unwatch(watch);
    if (result == 0)
        lc_log(LC_LOG_NOTICE, NULL, "the halt has been ended");
    return result;
}
