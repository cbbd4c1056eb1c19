/*
 * refs.h: gives a counted reference back. Floor 0.
 */
#ifndef LIFECYCLE_BASE_REFS_H
#define LIFECYCLE_BASE_REFS_H

#include "base/assert.h"

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Gives one reference back. @return whether it was the last: then the caller frees the object. For
 * objects to which a thread gets a reference only from one that it has: so the holder of the only
 * reference need not count it down.
 */
static inline bool lc__refs_drop(atomic_uint *refs)
{
    /* Acquire: this thread sees what others did with the object before they gave theirs back. */
    if (atomic_load_explicit(refs, memory_order_acquire) == 1)
        return true;
    /* Release: what this thread did with the object happens before the free. Acquire: as above. */
    unsigned before = atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel);
    LC__ASSERT(before > 0);
    return before == 1;
}

#endif
