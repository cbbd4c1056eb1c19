/*
 * given_up.h: which nodes of a supervisor have stopped for good while the rest goes on. Floor 5:
 * the main program's status.
 */
#ifndef LIFECYCLE_SUPERVISE_GIVEN_UP_H
#define LIFECYCLE_SUPERVISE_GIVEN_UP_H

#include <lifecycle/supervisor.h>

#include <stddef.h>

/*
 * Writes their names and errors, "store (disk full), cache", as far as there is room; "" if there
 * are none. Thread-safe.
 */
void lc__supervisor_given_up(lc_supervisor *supervisor, char *text, size_t size);

#endif
