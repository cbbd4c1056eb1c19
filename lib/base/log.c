/*
 * log.c: see <lifecycle/log.h>.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/format.h"
#include "base/log_level.h"
#include "base/log_sink.h"
#include "base/task.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

/* ---- the speaker ---- */

void lc__log_set_speaker(const char *name)
{
    lc__task_current()->name = name;
}

const char *lc__log_speaker(void)
{
    const char *name = lc__task_current()->name;
    return name ? name : "";
}

/* ---- what is logged ---- */

static atomic_int threshold = LC_LOG_INFO; /* relaxed: it orders nothing */

void lc_log_set_level(lc_log_level level)
{
    if ((int)level < 0 || level > LC_LOG_DEBUG) {
        lc_log(LC_LOG_ERROR, NULL,
               "lc_log_set_level: the level is %d, not one of LC_LOG_..., nor 0", (int)level);
        return;
    }
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

lc_log_level lc_log_read_level(void)
{
    return (lc_log_level)atomic_load_explicit(&threshold, memory_order_relaxed);
}

void lc_log_flush(void)
{
    lc__log_sink_flush();
}

bool lc__log_is_on(lc_log_level level)
{
    return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

void lc__log_list(lc_log_level level, const char *component, const lc_log_field *fields,
                  size_t field_count, const char *format, va_list arguments)
{
    if (!lc__log_level_exists(level))
        level = LC_LOG_ERROR;
    if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
        return;
    char message[LC_LOG_LINE_MAX];
    int kept = errno;
    lc__format(message, sizeof message, format, arguments);
    lc_log_record record = {
        .time = lc_now(),
        .level = level,
        .component = component ? component : lc__log_speaker(),
        .message = message,
        .fields = fields,
        .field_count = fields ? field_count : 0,
        .wall = lc_wall_now(),
    };
    lc__log_sink_write(&record);
    errno = kept;
}

void lc_log(lc_log_level level, const char *component, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc__log_list(level, component, NULL, 0, format, arguments);
    va_end(arguments);
}

void lc_log_fields(lc_log_level level, const char *component, const lc_log_field *fields,
                   size_t field_count, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc__log_list(level, component, fields, field_count, format, arguments);
    va_end(arguments);
}

int lc__refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc__log_list(LC_LOG_ERROR, NULL, NULL, 0, format, arguments);
    va_end(arguments);
    return -EINVAL;
}
