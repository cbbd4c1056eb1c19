/*
 * log_repeated.h (internal): lines of which there may be very many. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOG_REPEATED_H
#define LIFECYCLE_BASE_LOG_REPEATED_H

#include <lifecycle/log.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * Lines of one kind about one subject, such as the failures of a node, of which very many may come.
 * Ten lines in ten seconds are logged. The others are counted, and the next line that is logged
 * says how many were left out. Begins with zeros. Not thread-safe: the lock of the subject protects
 * it.
 */
struct lc__log_repeated {
    int64_t since;     /* when these ten seconds have begun, by lc_now() */
    unsigned lines;    /* logged in them */
    uint64_t left_out; /* since the last line that was logged */
};

/*
 * Counts a line. @return whether to log it. If so, *left_out receives how many were left out since
 * the last, and the line says so. For lines that lc__log_repeated does not suit.
 */
bool lc__log_repeated_admits(struct lc__log_repeated *repeated, int64_t now, uint64_t *left_out);
/*
 * For a caller that has not put the text of the line together yet. @return true if the line is not
 * to be logged; then it has been counted.
 */
bool lc__log_repeated_is_left_out(struct lc__log_repeated *repeated, lc_log_level level,
                                  int64_t now);
/*
 * Logs a line, with `field`, which may be NULL, or counts it. The field "left_out" says how many
 * were left out. It calls the sink, so the caller holds no lock.
 */
void lc__log_repeated(struct lc__log_repeated *repeated, lc_log_level level, const char *component,
                      const lc_log_field *field, const char *format, ...) LC_PRINTF(5, 6);
/* Logs how many lines were left out, if any, and counts from zero again. */
void lc__log_repeated_end(struct lc__log_repeated *repeated, lc_log_level level,
                          const char *component);

#endif
