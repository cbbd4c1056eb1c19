/*
 * fork.h: knowing that this process is a forked child. Floor 0.
 *
 * Until the library has made a thread, a forked child may use all of it. Afterwards, what the child
 * has are copies of locks and queues whose threads are gone; calls that would wait or make a thread
 * answer -ENOTSUP there.
 */
#ifndef LIFECYCLE_BASE_FORK_H
#define LIFECYCLE_BASE_FORK_H

#include <stdbool.h>

/* To be called before a thread is made. @return 0, or -ENOMEM. */
int lc__fork_guard(void);
/* No thread of the library is left: forking is free again. */
void lc__fork_guard_drop(void);
/* Whether this is a child, forked when the library had threads. */
bool lc__forked(void);

#endif
