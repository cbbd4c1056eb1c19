/*
 * again.h: a process signal that comes when everything is being stopped already. Floor 5: run.c,
 * supervisor.c.
 */
#ifndef LIFECYCLE_SUPERVISE_AGAIN_H
#define LIFECYCLE_SUPERVISE_AGAIN_H

/* Room for the list of what still runs. */
enum { LC__REMAINING_SIZE = 1024 };

/*
 * Logs that the signal has come, and what still runs; "" stands for nothing. If it is a SIGINT and
 * at least the third signal of the run, the process then ends, with status 128 + SIGINT: the user
 * insists. In a simulation it does not, since the process is the test's. `count` is how many
 * signals of the run there have been; 0: the process must not end.
 */
void lc__signalled_again(const char *name, int number, unsigned count, const char *remaining);

#endif
