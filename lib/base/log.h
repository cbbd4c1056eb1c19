/*
 * log.h (internal): what the library logs, and the name under which it does. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOG_H
#define LIFECYCLE_BASE_LOG_H

#include <lifecycle/log.h>

#include <stdarg.h>
#include <stdbool.h>

/*
 * Sets the component under which the calling thread logs when it gives none; lc_worker_name returns
 * it too. Borrowed. NULL: "".
 */
void lc__log_set_speaker(const char *name);
/* Never NULL. */
const char *lc__log_speaker(void);

/*
 * For a mistake of the program in a call: logs, as an error, the function, the argument, its value
 * and what would be right. errno is kept. @return -EINVAL.
 */
int lc__refuse(const char *format, ...) LC_PRINTF(1, 2);

/* As lc_log_fields. */
void lc__log_list(lc_log_level level, const char *component, const lc_log_field *fields,
                  size_t field_count, const char *format, va_list arguments) LC_PRINTF(5, 0);

/* Whether lines of the level are logged at all. */
bool lc__log_is_on(lc_log_level level);

#endif
