/*
 * log_line.c: see log_line.h.
 */
#include "base/log_line.h"

#include "base/format.h"

#include <bsd/string.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lc__log_line lc__log_line_begin(char *text, size_t size, size_t kept)
{
    return (struct lc__log_line){.text = text, .room = size - kept};
}

void lc__log_line_add_bytes(struct lc__log_line *line, const char *bytes, size_t size)
{
    line->cut = line->cut || size > line->room - line->used;
    if (line->cut)
        return;
    memcpy(line->text + line->used, bytes, size);
    line->used += size;
}

void lc__log_line_add(struct lc__log_line *line, const char *text)
{
    lc__log_line_add_bytes(line, text, strlen(text));
}

void lc__log_line_add_char(struct lc__log_line *line, char c)
{
    lc__log_line_add_bytes(line, &c, 1);
}

void lc__log_line_add_escape(struct lc__log_line *line, char letter, int digits, unsigned value)
{
    char escape[8] = {'\\', letter};
    for (int i = 0; i < digits; i++)
        escape[2 + i] = "0123456789abcdef"[value >> 4 * (digits - 1 - i) & 0xf];
    lc__log_line_add_bytes(line, escape, 2 + (size_t)digits);
}

void lc__log_line_end(struct lc__log_line *line, const char *text)
{
    size_t size = strlen(text);
    memcpy(line->text + line->used, text, size);
    line->used += size;
}

/* ---- time ---- */

static bool is_leap_year(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/*
 * gmtime_r and strftime would take a lock of libc, which after a fork may be held for ever by a
 * thread that the child does not have.
 */
static void line_add_date(struct lc__log_line *line, int64_t day)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    char text[32];
    int year = 1970, month = 0;
    for (; day >= 365 + is_leap_year(year); year++)
        day -= 365 + is_leap_year(year);
    for (; day >= month_days[month] + (month == 1 && is_leap_year(year)); month++)
        day -= month_days[month] + (month == 1 && is_leap_year(year));
    snprintf(text, sizeof text, "%04d-%02d-%02d", year, month + 1, (int)day + 1);
    lc__log_line_add(line, text);
}

void lc__log_line_add_wall(struct lc__log_line *line, int64_t wall)
{
    char text[32];
    wall = wall > 0 ? wall : 0; /* a clock before 1970 is wrong */
    int64_t seconds = wall / LC_SECOND;
    int second = (int)(seconds % 86400);
    line_add_date(line, seconds / 86400);
    snprintf(text, sizeof text, "T%02d:%02d:%02d.%06dZ", second / 3600, second / 60 % 60,
             second % 60, (int)(wall % LC_SECOND / LC_MICROSECOND));
    lc__log_line_add(line, text);
}

/* ---- numbers ---- */

static void number_print(char text[static LC__LOG_NUMBER_SIZE], const char *format, ...)
    LC_PRINTF(2, 3);
static void number_print(char text[static LC__LOG_NUMBER_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc__format(text, LC__LOG_NUMBER_SIZE, format, arguments);
    va_end(arguments);
}

/* Replaces the decimal point of the locale by a point. */
static void number_restore_point(char *text)
{
    size_t foreign = strspn(text, "+-0123456789e");
    size_t rest = foreign + strcspn(text + foreign, "0123456789");
    if (!text[foreign])
        return;
    text[foreign] = '.';
    memmove(text + foreign + 1, text + rest, strlen(text + rest) + 1);
}

/* Writes the shorter of two texts that read back as the number. */
static void double_print(char text[static LC__LOG_NUMBER_SIZE], double number)
{
    if (number != number || number - number != 0) {
        const char *word = number != number ? "nan" : number > 0 ? "inf" : "-inf";
        number_print(text, "%s", word);
        return;
    }
    number_print(text, "%.15g", number);
    if (strtod(text, NULL) != number)
        number_print(text, "%.17g", number);
    number_restore_point(text);
}

/* Writes seconds, exactly, without zeros at the end. */
static void duration_print(char text[static LC__LOG_NUMBER_SIZE], int64_t duration)
{
    uint64_t magnitude = duration < 0 ? -(uint64_t)duration : (uint64_t)duration;
    uint64_t second = (uint64_t)LC_SECOND;
    number_print(text, "%s%" PRIu64 ".%09" PRIu64, duration < 0 ? "-" : "", magnitude / second,
                 magnitude % second);
    size_t length = strlen(text);
    while (text[length - 1] == '0')
        length--;
    text[text[length - 1] == '.' ? length - 1 : length] = '\0';
}

void lc__log_number_text(const lc_log_field *field, char text[static LC__LOG_NUMBER_SIZE])
{
    switch (field->kind) {
    case LC_LOG_FIELD_INT:
        number_print(text, "%" PRId64, field->number.integer);
        break;
    case LC_LOG_FIELD_UINT:
        number_print(text, "%" PRIu64, field->number.natural);
        break;
    case LC_LOG_FIELD_DOUBLE:
        double_print(text, field->number.real);
        break;
    case LC_LOG_FIELD_DURATION:
        duration_print(text, field->number.integer);
        break;
    default: /* a kind that does not exist */
        number_print(text, "?");
    }
}

size_t lc_log_field_copy_text(const lc_log_field *field, char *text, size_t size)
{
    char number[LC__LOG_NUMBER_SIZE + 1];
    const char *whole = field->value ? field->value : "-";
    if (field->kind != LC_LOG_FIELD_TEXT) {
        lc__log_number_text(field, number);
        if (field->kind == LC_LOG_FIELD_DURATION)
            strlcat(number, "s", sizeof number);
        whole = number;
    }
    size_t length = strlen(whole);
    if (size > 0) {
        size_t copied = length < size ? length : size - 1;
        memcpy(text, whole, copied);
        text[copied] = '\0';
    }
    return length;
}

/* ---- the systemd journal ---- */

static bool stderr_is_journal;
static pthread_once_t journal_once = PTHREAD_ONCE_INIT;

/*
 * systemd writes the device and the inode of its stream into JOURNAL_STREAM. stderr may be another
 * file since then.
 */
static void journal_look_for(void)
{
    const char *stream = secure_getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat found;
    stderr_is_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                        fstat(STDERR_FILENO, &found) == 0 && found.st_dev == device &&
                        found.st_ino == inode;
}

bool lc__log_line_add_priority(struct lc__log_line *line, lc_log_level level)
{
    pthread_once(&journal_once, journal_look_for);
    if (!stderr_is_journal)
        return false;
    char priority[] = {'<', (char)('0' + level), '>', '\0'};
    lc__log_line_add(line, priority);
    return true;
}
