/*
 * name.h: the one rule for names of workers, components, executors and groups. Floor 0.
 */
#ifndef LIFECYCLE_BASE_NAME_H
#define LIFECYCLE_BASE_NAME_H

#include <lifecycle/error.h>
#include <lifecycle/worker.h>

#include <stdbool.h>

/* Whether the name has 1 to LC_NAME_MAX bytes. False for NULL. */
bool lc__name_fits(const char *name);
/*
 * Checks a name of `what`, which is words such as "a fiber".
 * @return NULL if it fits; or -EINVAL "a fiber needs a name of 1 to 64 bytes".
 */
lc_error *lc__name_check(const char *what, const char *name);
/* Copies the name; of one that does not fit, the first LC_NAME_MAX bytes. */
void lc__name_copy(char copy[LC_NAME_MAX + 1], const char *name);

#endif
