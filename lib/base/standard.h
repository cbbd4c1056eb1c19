/*
 * standard.h: the descriptors 0, 1 and 2. A program may be started with one of them closed; the
 * next file that it opens then gets that number. Floor 0.
 */
#ifndef LIFECYCLE_BASE_STANDARD_H
#define LIFECYCLE_BASE_STANDARD_H

#include <stdbool.h>

/*
 * Whether descriptor 2 may be standard error. It may not if it was closed when the library was
 * loaded, is close-on-exec, or cannot be written: then it is a file of the program. Async-signal-
 * safe; changes errno.
 */
bool lc__standard_error_is_there(void);

#endif
