/*
 * later.h: a helper calls a function once the test sleeps: so a test of a wake-up need not guess
 * how long it takes to fall asleep.
 */
#ifndef LIFECYCLE_TESTS_LATER_H
#define LIFECYCLE_TESTS_LATER_H

#include "support/helper.h"

#include <stdbool.h>
#include <sys/types.h>

struct lc__fiber;

/** A thread, which sleeps in the kernel, or a fiber, which sleeps when it is parked. */
struct strand {
    pid_t thread;
    struct lc__fiber *fiber; /**< NULL: it is a thread */
};
/** The calling one. */
struct strand strand_self(void);
/** Whether they are the same. */
bool strand_is(struct strand strand, struct strand other);
/** Waits until it sleeps. @return false if it did not in time. */
bool strand_sleeps(struct strand strand);

struct later {
    struct helper helper;
    struct strand sleeper;
    void (*function)(void *arg);
    void *arg;
    bool slept;
};

/** A helper calls `function(arg)` as soon as the caller sleeps. */
void later(struct later *later, void (*function)(void *arg), void *arg);
/**
 * Waits until the helper has called it. @return whether the caller did sleep: if not, the test has
 * not tested its point.
 */
bool later_join(struct later *later);

/** Waits until the thread sleeps in the kernel. @return false if it did not in time. */
bool later_asleep(pid_t thread);
/** Waits until the thread has ended. @return false if it did not in time. */
bool later_ended(pid_t thread);
/** Whether it has ended by now. */
bool later_has_ended(pid_t thread);
/** The calling thread's number, for the three above. */
pid_t later_self(void);

#endif
