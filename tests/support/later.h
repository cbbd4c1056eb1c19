/*
 * later.h: something done by another thread once the calling one sleeps: for tests of waking up, which
 * would otherwise guess how long it takes to fall asleep.
 */
#ifndef LIFECYCLE_TESTS_LATER_H
#define LIFECYCLE_TESTS_LATER_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

struct later {
    pthread_t thread;
    pid_t sleeper;
    void (*function)(void *arg);
    void *arg;
    bool slept;
};

/** Has `function(arg)` called by a new thread as soon as the calling thread sleeps in the kernel. */
void later(struct later *later, void (*function)(void *arg), void *arg);
/** Waits for it. @return whether the caller really slept: if not, the test has not tested its point. */
bool later_join(struct later *later);

/** Waits until the thread sleeps in the kernel. @return false if it did not in time. */
bool later_asleep(pid_t thread);
/** Waits until the thread has ended. @return false if it did not in time. */
bool later_ended(pid_t thread);
/** The calling thread's number, for the two above. */
pid_t later_self(void);

#endif
