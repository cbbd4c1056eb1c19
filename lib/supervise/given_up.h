/*
 * given_up.h: lists the nodes of a supervisor that have stopped for good while others run. Floor 5:
 * used by the status of lib/service.
 */
#ifndef LIFECYCLE_SUPERVISE_GIVEN_UP_H
#define LIFECYCLE_SUPERVISE_GIVEN_UP_H

#include <lifecycle/supervisor.h>

#include <stddef.h>

/*
 * Writes the names and errors of these nodes, "store (disk full), cache", as far as there is room;
 * "" if there are none. For any thread.
 */
void lc__supervisor_given_up(lc_supervisor *supervisor, char *text, size_t size);

#endif
