/*
 * spawn.h (internal): spawns an isolate for a component. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_SPAWN_H
#define LIFECYCLE_ISOLATE_SPAWN_H

#include "isolate/record.h"

/*
 * Reads the options of a caller, and sets the defaults. @return what is wrong with them, or NULL.
 */
lc_error *lc__isolate_options_read(lc_isolate_options *options, const lc_isolate_options *given);
/*
 * As lc_isolate_spawn(), with options that lc__isolate_options_read() has read. `hooks` may be
 * NULL.
 */
lc_error *lc__isolate_spawn(const lc_isolate_options *options,
                            const struct lc__isolate_hooks *hooks, lc_isolate *isolate);

#endif
