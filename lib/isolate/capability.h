/*
 * capability.h (internal): what a capability allows. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_CAPABILITY_H
#define LIFECYCLE_ISOLATE_CAPABILITY_H

#include <lifecycle/isolate.h>

/*
 * Whether the capability that a caller shows is the one that is wanted. The empty capability allows
 * nothing.
 */
static inline bool lc__capability_allows(lc_capability shown, lc_capability wanted)
{
    return lc_capability_equal(shown, wanted) && !lc_capability_equal(shown, LC_NO_CAPABILITY);
}

#endif
