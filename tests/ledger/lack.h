/*
 * lack.h: what interpose_lack.c offers to the program that it is preloaded into.
 */
#ifndef LIFECYCLE_TESTS_LACK_H
#define LIFECYCLE_TESTS_LACK_H

#include <stdbool.h>

enum { LACK_MEMORY, LACK_MAPPING, LACK_THREAD, LACK_KINDS };

/**
 * Makes the nth request of that kind from now on fail, counted from 1 over all threads; with
 * `for_good` those that follow it fail too. 0 makes none fail. The counts begin at zero, with 0
 * only that of the requests. May be called in a signal handler.
 */
void lack_begin(int kind, unsigned long nth, bool for_good);
/** How many requests there were, and how many of them failed. */
unsigned long lack_counted(int kind);
unsigned long lack_refused(int kind);
/** Waits until one more request for a thread has failed than calls of this have returned. */
void lack_await_thread(void);

#endif
