/*
 * log_repeated.c: see log_repeated.h.
 *
 * Lines are left out by their number and not by their text: each failure of a node may have another
 * text, with a random pause in it.
 */
#include "base/log_repeated.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>

#define LINES 10
#define PERIOD (10 * LC_SECOND)

bool lc__log_repeated_admits(struct lc__log_repeated *repeated, int64_t now, uint64_t *left_out)
{
    if (repeated->lines == 0 || now - repeated->since >= PERIOD) {
        repeated->since = now;
        repeated->lines = 0;
    }
    if (repeated->lines == LINES) {
        repeated->left_out++;
        return false;
    }
    repeated->lines++;
    *left_out = repeated->left_out;
    repeated->left_out = 0;
    return true;
}

bool lc__log_repeated_is_left_out(struct lc__log_repeated *repeated, lc_log_level level,
                                  int64_t now)
{
    bool full = repeated->lines == LINES && now - repeated->since < PERIOD;
    if (!lc__log_is_on(level))
        return true;
    repeated->left_out += full;
    return full;
}

void lc__log_repeated(struct lc__log_repeated *repeated, lc_log_level level, const char *component,
                      const lc_log_field *field, const char *format, ...)
{
    uint64_t left_out;
    if (!lc__log_repeated_admits(repeated, lc_now(), &left_out))
        return;
    lc_log_field fields[2];
    size_t count = 0;
    if (field)
        fields[count++] = *field;
    if (left_out > 0)
        fields[count++] = lc_field_uint("left_out", left_out);
    va_list arguments;
    va_start(arguments, format);
    lc__log_list(level, component, fields, count, format, arguments);
    va_end(arguments);
}

void lc__log_repeated_end(struct lc__log_repeated *repeated, lc_log_level level,
                          const char *component)
{
    uint64_t left_out = repeated->left_out;
    *repeated = (struct lc__log_repeated){0};
    if (left_out > 0)
        lc_log(level, component, "%" PRIu64 " more such lines were left out", left_out);
}
