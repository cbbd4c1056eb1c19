/*
 * log_line.h: a line of the log that is being put together. No call allocates or takes a lock.
 * Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOG_LINE_H
#define LIFECYCLE_BASE_LOG_LINE_H

#include <lifecycle/log.h>
#include <lifecycle/time.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What does not fit is dropped, and so is all that follows it. */
struct lc__log_line {
    char *text;
    size_t room; /* without what is reserved for the end */
    size_t used;
    bool cut;
};

/* `kept` of the `size` bytes are reserved for lc__log_line_end. */
struct lc__log_line lc__log_line_begin(char *text, size_t size, size_t kept);
/* Adds all of the bytes or none, so that no character is cut. */
void lc__log_line_add_bytes(struct lc__log_line *line, const char *bytes, size_t size);
void lc__log_line_add(struct lc__log_line *line, const char *text);
void lc__log_line_add_char(struct lc__log_line *line, char c);
/* Adds a backslash, a letter, and the last digits of a hexadecimal number. */
void lc__log_line_add_escape(struct lc__log_line *line, char letter, int digits, unsigned value);
/* Adds a time of lc_wall_now, as 2026-11-21T16:43:07.123456Z. */
void lc__log_line_add_wall(struct lc__log_line *line, int64_t wall);
/* Adds the end, in the bytes that are reserved for it. */
void lc__log_line_end(struct lc__log_line *line, const char *text);

/* Enough for the text of any number. */
#define LC__LOG_NUMBER_SIZE ((size_t)32)
/*
 * Writes the number of a field that is no text; a duration in seconds, without unit. The decimal
 * point is a point in every locale.
 */
void lc__log_number_text(const lc_log_field *field, char text[static LC__LOG_NUMBER_SIZE]);

/* Writes a record as a line, with its end. @return how many bytes, `size` at most. */
typedef size_t lc__log_format(const lc_log_record *record, char *text, size_t size);

/* Adds "<6>" if stderr is the systemd journal. @return whether it is. */
bool lc__log_line_add_priority(struct lc__log_line *line, lc_log_level level);

#endif
