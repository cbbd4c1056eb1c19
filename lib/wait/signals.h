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

/* Whether a watched signal has come that was not told yet. */
bool lc__signals_are_pending(lc_process_signals *watch);
/*
 * Shows who waits, who is then unparked once when a signal comes. @return false if one is pending;
 * it is to be taken back all the same.
 */
bool lc__signals_show(lc_process_signals *watch, struct lc__parker *parker);
/* @return how many unparks the parker that was shown has got or will get. */
unsigned lc__signals_take_back(lc_process_signals *watch);
/*
 * Unblocks the watched signals in the calling thread, for a wait. @return whether the mask in
 * `kept` is to be put back after it: not by fibers.
 */
bool lc__signals_unblock(lc_process_signals *watch, sigset_t *kept);

/* As lc_process_signals_new; there is room for some when users have taken all of theirs. */
lc_error *lc__signals_watch_for_halt(const int *signals, size_t count, lc_process_signals **watch);
/*
 * As lc_process_signals_next; returns 0 when `ended` is found true. Look again after
 * lc__signals_wake.
 */
int lc__signals_next(lc_process_signals *watch, int64_t deadline, const atomic_bool *ended);
void lc__signals_wake(lc_process_signals *watch);

/*
 * As lc_process_signals_free, but a signal whose default action was found is ignored from now
 * on: for a process that is about to exit, with a status that a signal must not replace.
 */
void lc__signals_unwatch_and_ignore(lc_process_signals *watch);

/* Whether our handler has ever caught this signal in this process. */
bool lc__signal_was_caught(int number);

#endif
