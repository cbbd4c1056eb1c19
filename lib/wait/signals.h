/*
 * signals.h (internal): what a wait for several things needs of a watch of process signals, and
 * what a halt asks. Floor 2.
 */
#ifndef LIFECYCLE_WAIT_SIGNALS_H
#define LIFECYCLE_WAIT_SIGNALS_H

#include <lifecycle/wait.h>

#include <signal.h>
#include <stdbool.h>

/* Whether a watched signal has come that was not told yet. */
bool lc__signals_are_pending(lc_process_signals *watch);
/* The descriptor that becomes readable when one comes. */
int lc__signals_descriptor(const lc_process_signals *watch);
/* Adds the watched signals to a set: those that a waiting thread unblocks. */
void lc__signals_add_to(const lc_process_signals *watch, sigset_t *set);
/* Whether our handler has ever caught this signal in this process. */
bool lc__signal_was_caught(int number);

#endif
