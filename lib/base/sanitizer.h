/*
 * sanitizer.h: what the sanitizers have to be told or given. Nothing in other builds. Floor 0.
 */
#ifndef LIFECYCLE_BASE_SANITIZER_H
#define LIFECYCLE_BASE_SANITIZER_H

#include <stdint.h>

/*
 * To be called first in what runs while a thread is being unwound by pthread_exit or
 * pthread_cancel: the frames that were left did not take away the marks around their variables, and
 * whoever uses that stack next would be blamed.
 */
void lc__frames_were_left(void);

/*
 * ThreadSanitizer puts handlers off until the thread makes a call that it knows, and a sleep in a
 * raw system call is none: who waits for a signal has to come back now and then. @return the
 * deadline, or a sooner one.
 */
int64_t lc__deadline_for_signals(int64_t deadline);

#endif
