/*
 * spawn.h (internal): spawning an isolate that belongs to something. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_SPAWN_H
#define LIFECYCLE_ISOLATE_SPAWN_H

#include "isolate/record.h"

/* Spawns with a companion. `options` are good. */
lc_error *lc__isolate_spawn(const lc_isolate_options *options,
                            const struct lc__companion *companion, lc_isolate *isolate);
/* Reads what a caller gave, with the defaults. NULL: the options are good. */
lc_error *lc__isolate_options_read(lc_isolate_options *options, const lc_isolate_options *given);

#endif
