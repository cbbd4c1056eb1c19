/*
 * refs.h: giving a counted reference back. Floor 0.
 */
#ifndef LIFECYCLE_BASE_REFS_H
#define LIFECYCLE_BASE_REFS_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Gives one reference back. @return whether it was the last: then the object is the caller's to
 * free. For objects to which nobody gets a reference who has none: the only one that has one needs
 * not count it down.
 */
static inline bool lc__refs_drop(atomic_uint *refs)
{
    /* Acquire: what others did with the object before they gave theirs back is seen. */
    if (atomic_load_explicit(refs, memory_order_acquire) == 1)
        return true;
    /* Release: what we did with it happens before the free; acquire: as above. */
    return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

#endif
