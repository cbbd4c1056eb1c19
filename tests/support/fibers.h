/*
 * fibers.h: executors and fibers for tests. What a fiber of another thread sees it notes for the
 * test to judge: CUnit's assertions are for the thread that runs the test, and for fibers that run
 * there.
 */
#ifndef LIFECYCLE_TESTS_FIBERS_H
#define LIFECYCLE_TESTS_FIBERS_H

#include <lifecycle.h>

/** An executor of so many threads, without a watch for stalls. */
lc_executor *fibers_executor(unsigned threads);
/** Starts a fiber; NULL stands for the calling fiber's executor. Aborts if that fails. */
void fibers_start(lc_executor *executor, const char *name, void (*run)(void *arg), void *arg);
/** Starts one on the executor's next thread in turn. */
void fibers_spread(lc_executor *executor, void (*run)(void *arg), void *arg);
/** Waits until all fibers have ended, and frees the executor. */
void fibers_end(lc_executor *executor);

/**
 * Runs `body(arg)` as a fiber of the calling thread, and there all that it starts, until the last
 * of them has ended: these may use CUnit's assertions.
 */
void fibers_here(void (*body)(void *arg), void *arg);

#endif
