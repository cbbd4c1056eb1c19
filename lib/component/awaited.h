/*
 * awaited.h: naming what holds a component up, down to the worker: for the log, for errors and for
 * the service manager. Floor 4; used by the floors above.
 */
#ifndef LIFECYCLE_COMPONENT_AWAITED_H
#define LIFECYCLE_COMPONENT_AWAITED_H

#include <lifecycle/component.h>

#include <stddef.h>

/* What is waited for. */
enum lc__awaited {
    LC__AWAITED_READY, /* that the component is ready */
    LC__AWAITED_DONE   /* that the component is done */
};

/*
 * Writes the parts that are not yet what is waited for, as a list for a person:
 *
 *   inner/store (stopping for 2.0 s): commit (2.0 s) and compact (1.5 s), web (stopping for 1.0 s)
 *
 * Each entry is a leaf: its path through nested components, its state, what it waits for, and its
 * workers. Parts that wait for others come last; of a long list the rest is counted. Asks the
 * components (lc_component_parts), so the caller holds no lock.
 * @return how many entries there are; 0: `text` is "".
 */
size_t lc__awaited_of(lc_component *component, enum lc__awaited what, char *text, size_t size);
/* The same of one part, with the part's own name first in each path. */
size_t lc__awaited_of_part(const lc_part *part, enum lc__awaited what, char *text, size_t size);

/* Whether a part in this state is not yet what is waited for. */
bool lc__awaited_is(enum lc__awaited what, const lc_part *part);

#endif
