/*
 * standard.h: the descriptors 0, 1 and 2. A program may be started with one of them closed; the
 * next file that it opens then gets that number. Floor 0.
 */
#ifndef LIFECYCLE_BASE_STANDARD_H
#define LIFECYCLE_BASE_STANDARD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether descriptor 2 may be standard error. It may not if it was closed when the library was
 * loaded, is close-on-exec, or cannot be written: then it is a file of the program. Async-signal-
 * safe; errno may change.
 */
bool lc__standard_error_is_there(void);
/*
 * Writes to standard error as much as it takes without waiting for a reader. @return how many
 * bytes, or a negative errno; -EAGAIN: none now; -EBADF: it is not there. Async-signal-safe, no
 * cancellation point; errno is kept.
 */
long lc__standard_error_write(const void *bytes, size_t size);

#endif
