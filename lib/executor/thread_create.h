/*
 * thread_create.h: makes threads of the library. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_THREAD_CREATE_H
#define LIFECYCLE_EXECUTOR_THREAD_CREATE_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/*
 * Makes a thread that runs `run(arg)`. stack_size: bytes, 0 for the system's default.
 * @return 0, or a negative errno.
 */
int lc__thread_create(pthread_t *id, size_t stack_size, void *(*run)(void *arg), void *arg);
/*
 * Makes a thread with all signals blocked, since signals are for the program's threads. The new
 * thread may start workers of the program. They, and the processes that they make, must not
 * inherit that mask, so the new thread begins with lc__thread_pass_on(mask). This function sets
 * *mask to the mask that the caller itself passes on.
 * @return 0, or a negative errno.
 */
int lc__thread_create_silent(pthread_t *id, void *(*run)(void *arg), void *arg, sigset_t *mask);
/*
 * Sets the signal mask of all threads that the calling thread makes from now on. The mask is
 * borrowed until the thread ends.
 */
void lc__thread_pass_on(const sigset_t *mask);

#endif
