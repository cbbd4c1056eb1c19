/*
 * overflow.h: naming the fiber that has overflowed its stack. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_OVERFLOW_H
#define LIFECYCLE_EXECUTOR_OVERFLOW_H

/* Installs the handlers, once. @return 0 or a negative errno. */
int lc__overflow_report(void);
/* A thread that runs fibers needs another stack for the handler, if there is one. */
void lc__overflow_thread_begins(void);
void lc__overflow_thread_ends(void);
/* Puts back what was installed before. */
void lc__overflow_stop(void);

#endif
