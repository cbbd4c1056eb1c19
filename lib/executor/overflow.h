/*
 * overflow.h: names the fiber that has overflowed its stack, in the handler of the fault. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_OVERFLOW_H
#define LIFECYCLE_EXECUTOR_OVERFLOW_H

/* Installs the handlers, if they are not installed. @return 0 or a negative errno. */
int lc__overflow_report(void);
/*
 * The calling thread begins to run fibers: gives it a stack for the handler, if the handlers are
 * installed and the program has given it none.
 */
void lc__overflow_thread_begins(void);
/* The calling thread runs no more fibers: takes that stack away. */
void lc__overflow_thread_ends(void);
/* Installs again what was installed before. */
void lc__overflow_stop(void);

#endif
