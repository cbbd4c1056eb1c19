/*
 * output.h: writes the log's lines to standard error. No call waits long for a reader. Floor 0.
 */
#ifndef LIFECYCLE_BASE_OUTPUT_H
#define LIFECYCLE_BASE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Writes a line, whole and not mixed with others. It has no cancellation point. @return 0; or a
 * negative errno: the line is lost; -EAGAIN: because the reader is slow.
 */
int lc__output_put(const char *line, size_t size);
/* Writes what is left of a line of which a part is written. @return as lc__output_put. */
int lc__output_put_rest(void);
/* Waits until more can be written, at most until a deadline of CLOCK_MONOTONIC. */
void lc__output_await(int64_t deadline);

#endif
