/*
 * signals.h (internal): what a wait for several things needs of a watch of process signals, and
 * what a halt needs. Floor 2.
 */
#ifndef LIFECYCLE_WAIT_SIGNALS_H
#define LIFECYCLE_WAIT_SIGNALS_H

#include <lifecycle/wait.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Whether a watched signal has come that was not told yet. */
bool lc__signals_are_pending(lc_process_signals *watch);
/*
 * The descriptor that becomes readable when one comes; made when first asked for. @return it, or a
 * negative errno.
 */
int lc__signals_descriptor(lc_process_signals *watch);
/* Adds the watched signals to a set: those that a waiting thread unblocks. */
void lc__signals_add_to(lc_process_signals *watch, sigset_t *set);

/* As lc_process_signals_watch; there is room for some when users have taken all of theirs. */
int lc__signals_watch_for_halt(const int *signals, size_t count, lc_process_signals **watch);
/*
 * As lc_process_signals_next; returns 0 when `ended` is found true. Look again after
 * lc__signals_wake.
 */
int lc__signals_next(lc_process_signals *watch, int64_t deadline, const atomic_bool *ended);
void lc__signals_wake(lc_process_signals *watch);

/* Whether our handler has ever caught this signal in this process. */
bool lc__signal_was_caught(int number);

#endif
