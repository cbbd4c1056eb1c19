/*
 * name.c: see name.h.
 */
#include "base/name.h"

#include <bsd/string.h>
#include <errno.h>
#include <string.h>

bool lc__name_fits(const char *name)
{
    return name && *name != '\0' && strnlen(name, LC_NAME_MAX + 1) <= LC_NAME_MAX;
}

lc_error *lc__name_check(const char *what, const char *name)
{
    if (lc__name_fits(name))
        return NULL;
    return lc_error_new(-EINVAL, "%s needs a name of 1 to %d bytes", what, LC_NAME_MAX);
}

void lc__name_copy(char copy[LC_NAME_MAX + 1], const char *name)
{
    strlcpy(copy, name, LC_NAME_MAX + 1);
}
