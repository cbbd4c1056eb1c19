/*
 * again.h: a process signal that comes while everything is being stopped. Floor 5: run.c,
 * supervisor.c.
 */
#ifndef LIFECYCLE_SUPERVISE_AGAIN_H
#define LIFECYCLE_SUPERVISE_AGAIN_H

/* Room for the list of what still runs. */
enum { LC__REMAINING_SIZE = 1024 };

/*
 * Logs the signal and what still runs (`remaining`; "": nothing). `count` is how many signals the
 * run has had. If it is at least 3 and this is a SIGINT, the user insists: the process ends with
 * status 128 + SIGINT, except in a simulation, where it is the test's process. 0: the process must
 * not end.
 */
void lc__signalled_again(const char *name, int number, unsigned count, const char *remaining);

#endif
