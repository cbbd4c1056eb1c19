/*
 * later.h: something done by a helper once the caller sleeps: for tests of waking up, which would
 * otherwise guess how long it takes to fall asleep.
 */
#ifndef LIFECYCLE_TESTS_LATER_H
#define LIFECYCLE_TESTS_LATER_H

#include "support/helper.h"

#include <stdbool.h>
#include <sys/types.h>

struct lc__fiber;

/** A thread, which sleeps in the kernel, or a fiber, which sleeps when it is parked. */
struct doer {
    pid_t thread;
    struct lc__fiber *fiber; /**< NULL: it is a thread */
};
/** The caller. */
struct doer doer_self(void);
bool doer_is(struct doer doer, struct doer other);
/** Waits until it sleeps. @return false if it did not in time. */
bool doer_sleeps(struct doer doer);

struct later {
    struct helper helper;
    struct doer sleeper;
    void (*function)(void *arg);
    void *arg;
    bool slept;
};

/** Has `function(arg)` called by a helper as soon as the caller sleeps. */
void later(struct later *later, void (*function)(void *arg), void *arg);
/**
 * Waits for it. @return whether the caller really slept: if not, the test has not tested its point.
 */
bool later_join(struct later *later);

/** Waits until the thread sleeps in the kernel. @return false if it did not in time. */
bool later_asleep(pid_t thread);
/** Waits until the thread has ended. @return false if it did not in time. */
bool later_ended(pid_t thread);
/** Whether it has ended by now. */
bool later_has_ended(pid_t thread);
/** The calling thread's number, for the two above. */
pid_t later_self(void);

#endif
