/*
 * awaited.h: writes which parts of a component, down to the worker, are not yet ready or done. For
 * the log, for errors and for the service manager. Floor 4; called by the floors above.
 */
#ifndef LIFECYCLE_COMPONENT_AWAITED_H
#define LIFECYCLE_COMPONENT_AWAITED_H

#include <lifecycle/component.h>

#include <stddef.h>

/* What a caller waits for. */
enum lc__awaited {
    LC__AWAITED_READY, /* that the component is ready */
    LC__AWAITED_DONE   /* that the component is done */
};

/*
 * Writes a list of the parts that are not yet ready, or not yet done:
 *
 *   inner/store (stopping for 2.0 s): commit (2.0 s) and compact (1.5 s), web (stopping for 1.0 s)
 *
 * An entry is a part that has no parts but workers: its path through nested components, its state,
 * what it waits for, and its workers. Parts that wait for others come last. If the list does not
 * fit, it ends in the number of the other entries. Calls lc_component_parts, so the caller holds no
 * lock.
 * @return how many entries there are; 0: `text` is "".
 */
size_t lc__awaited_of(lc_component *component, enum lc__awaited what, char *text, size_t size);
/* The same of one part, with the part's own name first in each path. */
size_t lc__awaited_of_part(const lc_part *part, enum lc__awaited what, char *text, size_t size);

/* Whether the part is not yet ready, or not yet done. */
bool lc__awaited_is(enum lc__awaited what, const lc_part *part);

#endif
