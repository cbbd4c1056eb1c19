/*
 * log_repeated.h (internal): lines of which there may be very many. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOG_REPEATED_H
#define LIFECYCLE_BASE_LOG_REPEATED_H

#include <lifecycle/log.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * Lines of one kind about one subject, the failures of a node say, which may come in a storm: ten
 * in ten seconds are logged, the others are counted, and the next that is logged says how many.
 * Begin with zeros. Not thread-safe: it belongs to what the lines are about, and to its lock.
 */
struct lc__log_repeated {
    int64_t since;     /* the present ten seconds have begun, on the clock of lc_now */
    unsigned lines;    /* logged in them */
    uint64_t left_out; /* not logged since the last that was */
};

/*
 * Whether the next line is to be logged, now. If so, *left_out receives how many were not since the
 * last: the line is to say that. For lines that lc__log_repeated does not suit. Calls nothing.
 */
bool lc__log_repeated_admits(struct lc__log_repeated *repeated, int64_t now, uint64_t *left_out);
/*
 * Looks ahead, before what the next line says is put together: @return true if it is not to be
 * logged; then it has been counted.
 */
bool lc__log_repeated_is_left_out(struct lc__log_repeated *repeated, lc_log_level level,
                                  int64_t now);
/*
 * Logs one of them, with `field` (NULL: none), or counts it. It calls the sink, so the caller holds
 * no lock but that of a single thread's state. The field "left_out" says how many were left out.
 */
void lc__log_repeated(struct lc__log_repeated *repeated, lc_log_level level, const char *component,
                      const lc_log_field *field, const char *format, ...) LC_PRINTF(5, 6);
/* For the end of a storm: logs how many were left out, if any, and starts counting from zero. */
void lc__log_repeated_end(struct lc__log_repeated *repeated, lc_log_level level,
                          const char *component);

#endif
