/*
 * thread_create.h: making a thread, with the signal mask that it is to have. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_THREAD_CREATE_H
#define LIFECYCLE_EXECUTOR_THREAD_CREATE_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/*
 * Makes a thread of any kind; stack_size as above. @return 0, or a negative errno.
 */
int lc__thread_create(pthread_t *id, size_t stack_size, void *(*run)(void *arg), void *arg);
/*
 * Makes a thread with all signals blocked, which are for the program's threads. On such a one the
 * program's workers may be started: they, and the processes that they make, are not to take that
 * over. So it begins with lc__thread_bears_with(mask), where this puts the mask that what it creates
 * is to have: that of what its maker creates. @return 0, or a negative errno.
 */
int lc__thread_create_silent(pthread_t *id, void *(*run)(void *arg), sigset_t *mask);
void lc__thread_bears_with(const sigset_t *mask);

#endif
