/*
 * remaining.c: see remaining.h.
 */
#include "service/remaining.h"

#include "component/awaited.h"

#include <bsd/string.h>

void lc__remaining(lc_supervisor *supervisor, char *text, size_t size)
{
    /* The component is the same object; no reference changes hands. */
    lc_component *component = lc_supervisor_component(supervisor);
    if (lc__awaited_of(component, LC__AWAITED_DONE, text, size) == 0)
        strlcpy(text, "nothing", size);
}
