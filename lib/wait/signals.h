/*
 * signals.h (internal): what a wait for several things needs of a watch of process signals, and
 * what a halt needs. Floor 2.
 */
#ifndef LIFECYCLE_WAIT_SIGNALS_H
#define LIFECYCLE_WAIT_SIGNALS_H

#include "executor/park.h"

#include <lifecycle/wait.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Whether a watched signal has come that lc_process_signals_next has not returned yet. */
bool lc__signals_are_pending(lc_process_signals *watch);
/*
 * Shows the parker of a worker that waits. It is unparked once when a signal comes.
 * @return false if a signal is pending. The caller takes the parker back in both cases.
 */
bool lc__signals_show(lc_process_signals *watch, struct lc__parker *parker);
/* Takes the parker back. @return how many unparks it has had, or is about to have: 0 or 1. */
unsigned lc__signals_take_back(lc_process_signals *watch);
/*
 * Unblocks the watched signals in the calling thread, for a wait. @return whether the caller puts
 * the mask in `kept` back after the wait. A fiber does not.
 */
bool lc__signals_unblock(lc_process_signals *watch, sigset_t *kept);

/* As lc_process_signals_new, with room of its own: users cannot take it up. */
lc_error *lc__signals_watch_for_halt(const int *signals, size_t count, lc_process_signals **watch);
/*
 * As lc_process_signals_next, but returns 0 when it finds `ended` true. lc__signals_wake makes it
 * look again. `ended` may be NULL.
 */
int lc__signals_next(lc_process_signals *watch, int64_t deadline, const atomic_bool *ended);
void lc__signals_wake(lc_process_signals *watch);

/*
 * As lc_process_signals_free, but a signal that had its default action before the watch is ignored
 * from now on: for a process that is about to exit, with a status that a signal must not replace.
 */
void lc__signals_unwatch_and_ignore(lc_process_signals *watch);

/* Whether the library's handler has ever caught this signal in this process. */
bool lc__signal_was_caught(int number);

#endif
