/*
 * standard.h: the descriptors 0, 1 and 2. A program may be started with one of them closed; the
 * next file that it opens then gets that number. Floor 0.
 */
#ifndef LIFECYCLE_BASE_STANDARD_H
#define LIFECYCLE_BASE_STANDARD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether descriptor 2 is standard error. It is taken for a file of the program if it was closed
 * when the library was loaded, is close-on-exec, or cannot be written. Async-signal-safe; errno may
 * change.
 */
bool lc__standard_error_is_there(void);
/*
 * Writes to standard error what it takes without a wait for its reader. @return how many bytes; or
 * a negative errno; -EAGAIN: none now; -EBADF: there is no standard error. Async-signal-safe, no
 * cancellation point; errno is kept.
 */
long lc__standard_error_write(const void *bytes, size_t size);

#endif
