/*
 * remaining.h: naming what still runs, for whoever waits for the end. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_REMAINING_H
#define LIFECYCLE_SERVICE_REMAINING_H

#include <lifecycle/supervisor.h>

#include <stddef.h>

/*
 * Writes the names of the nodes that run, each with its state, since when, and what it waits for,
 * as far as there is room, those first that wait for nothing. "nothing" if none runs.
 */
void lc__remaining(lc_supervisor *supervisor, char *text, size_t size);

#endif
