/*
 * output.h: the way of the log's lines to standard error. Nothing here waits long for a reader.
 * Floor 0.
 */
#ifndef LIFECYCLE_BASE_OUTPUT_H
#define LIFECYCLE_BASE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Puts a line out, whole and not mixed with others. The caller does not hold back cancellation
 * points: there are none. @return 0, or a negative errno: it is lost; -EAGAIN: the reader is slow.
 */
int lc__output_put(const char *line, size_t size);
/* Puts out what is left of a line that was begun. @return as lc__output_put. */
int lc__output_put_rest(void);
/* Waits until more may be put out, at most until a deadline of CLOCK_MONOTONIC. */
void lc__output_await(int64_t deadline);

#endif
