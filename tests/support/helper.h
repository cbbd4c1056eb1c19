/*
 * helper.h: a function that runs beside the caller: in a thread that the library did not make, or
 * in a fiber if the caller is one.
 */
#ifndef LIFECYCLE_TESTS_HELPER_H
#define LIFECYCLE_TESTS_HELPER_H

#include <lifecycle.h>

#include <pthread.h>

struct helper {
    void (*run)(void *arg);
    void *arg;
    pthread_t thread;
    lc_handle *ended; /**< of a fiber; NULL: it is a thread */
};

/** Starts `run(arg)`, which may throw. Its stack is small: half a megabyte, or a fiber's. */
void helper_start(struct helper *helper, void (*run)(void *arg), void *arg);
/** Waits until `run` has returned, or ended in another way. */
void helper_join(struct helper *helper);
/** Both. */
void helper_do(void (*run)(void *arg), void *arg);

#endif
