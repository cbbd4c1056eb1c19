/*
 * log_text.c: a record as a line for people: see <lifecycle/log.h>.
 */
#include "base/log_text.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* @return the letter of the short escape for a character; 0: there is none. */
static char text_short_escape(uint32_t character, bool quoted)
{
    switch (character) {
    case '\n':
        return 'n';
    case '\t':
        return 't';
    case '\r':
        return 'r';
    case '\\':
        return '\\';
    case '"':
        return quoted ? '"' : '\0';
    default:
        return '\0';
    }
}

/* Escapes what could forge or break a line, and what acts on a terminal. */
static void line_add_escaped(struct lc__log_line *line, const char *text, bool quoted)
{
    uint32_t character;
    for (size_t length; *text; text += length) {
        length = lc__text_decode(text, &character);
        char letter = text_short_escape(character, quoted);
        if (letter)
            lc__log_line_add_escape(line, letter, 0, 0);
        else if (lc__text_acts(character))
            lc__log_line_add_escape(line, 'u', 4, character);
        else if (length == 1 && character == LC__TEXT_REPLACEMENT)
            lc__log_line_add_escape(line, 'x', 2, (unsigned char)*text);
        else
            lc__log_line_add_bytes(line, text, length);
    }
}

static void line_add_text(struct lc__log_line *line, const char *text, bool quoted)
{
    if (quoted)
        lc__log_line_add_char(line, '"');
    line_add_escaped(line, text, quoted);
    if (quoted)
        lc__log_line_add_char(line, '"');
}

/* A component or a message with an equals sign is quoted, so that it is taken for no field. */
static void line_add_words(struct lc__log_line *line, const char *text)
{
    line_add_text(line, text, *text == '"' || strchr(text, '='));
}

static void line_add_word(struct lc__log_line *line, const char *text)
{
    line_add_text(line, text, *text == '\0' || strpbrk(text, " =\""));
}

static void line_add_time(struct lc__log_line *line, const lc_log_record *record)
{
    char text[64];
    if (lc__clock_current() == &lc__clock_real) {
        lc__log_line_add_wall(line, record->wall);
        return;
    }
    snprintf(text, sizeof text, "+%lld.%09llds", (long long)(record->time / LC_SECOND),
             (long long)(record->time % LC_SECOND));
    lc__log_line_add(line, text);
}

static void line_add_head(struct lc__log_line *line, const lc_log_record *record)
{
    if (lc__log_line_add_priority(line, record->level))
        return;
    line_add_time(line, record);
    lc__log_line_add_char(line, ' ');
    lc__log_line_add(line, lc_log_level_name(record->level));
    lc__log_line_add_char(line, ' ');
}

static void line_add_field(struct lc__log_line *line, const lc_log_field *field)
{
    char number[LC__LOG_NUMBER_SIZE + 1];
    lc__log_line_add_char(line, ' ');
    line_add_word(line, field->key ? field->key : "-");
    lc__log_line_add_char(line, '=');
    if (field->kind == LC_LOG_FIELD_TEXT) {
        line_add_word(line, field->value ? field->value : "-");
        return;
    }
    lc_log_field_copy_text(field, number, sizeof number);
    lc__log_line_add(line, number);
}

size_t lc__log_format_text(const lc_log_record *record, char *text, size_t size)
{
    struct lc__log_line line = lc__log_line_begin(text, size, sizeof "...\n" - 1);
    line_add_head(&line, record);
    if (*record->component) {
        line_add_words(&line, record->component);
        lc__log_line_add(&line, ": ");
    }
    line_add_words(&line, record->message);
    for (size_t i = 0; i < record->field_count; i++)
        line_add_field(&line, &record->fields[i]);
    lc__log_line_end(&line, line.cut ? "...\n" : "\n");
    return line.used;
}
