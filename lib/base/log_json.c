/*
 * log_json.c: a record as a JSON object in a line (RFC 8259): see lc_log_json_sink.
 *
 * The object of a record that is too long is whole too: a text is cut between two characters, a
 * member is left out, with all that follow, if there is no room for the beginning of its value, and
 * the end, for which room is reserved, closes what is open.
 *
 * JSON cannot express a byte that is no UTF-8. If a record has one, all its texts are escaped: such
 * a byte becomes a backslash, an x and two digits, and a backslash becomes two. The member
 * "escaped" says so, since another text may contain the same characters.
 */
#include "base/log_json.h"

#include "base/text.h"

#include <stdint.h>
#include <string.h>

/* The longest end: a text, the fields and the object are open. */
#define KEPT (sizeof "\"},\"cut\":true}\n" - 1)

static bool text_is_utf8(const char *text)
{
    uint32_t character;
    for (size_t length; text && *text; text += length) {
        length = lc__text_decode(text, &character);
        if (length == 1 && character == LC__TEXT_REPLACEMENT)
            return false;
    }
    return true;
}

static bool record_is_utf8(const lc_log_record *record)
{
    bool good = text_is_utf8(record->component) && text_is_utf8(record->message);
    for (size_t i = 0; good && i < record->field_count; i++)
        good =
            text_is_utf8(record->fields[i].key) &&
            (record->fields[i].kind != LC_LOG_FIELD_TEXT || text_is_utf8(record->fields[i].value));
    return good;
}

/* @return the letter of JSON's short escape for a character; 0: there is none. */
static char json_letter(uint32_t character)
{
    static const char letters[] = "\"\"\\\\\nn\tt\rr\bb\ff";
    for (const char *pair = letters; *pair; pair += 2)
        if ((unsigned char)*pair == character)
            return pair[1];
    return '\0';
}

/* `escaped`: the texts of the record are escaped, as said above. */
static void json_add_text(struct lc__log_line *line, const char *text, bool escaped)
{
    uint32_t character;
    for (size_t length; *text && !line->cut; text += length) {
        length = lc__text_decode(text, &character);
        char letter = json_letter(character);
        if (escaped && character == '\\')
            lc__log_line_add(line, "\\\\\\\\");
        else if (letter)
            lc__log_line_add_escape(line, letter, 0, 0);
        else if (lc__text_acts(character))
            lc__log_line_add_escape(line, 'u', 4, character);
        else if (length == 1 && character == LC__TEXT_REPLACEMENT) {
            char byte[] = {'\\', '\\', 'x', "0123456789abcdef"[(unsigned char)*text >> 4],
                           "0123456789abcdef"[*text & 0xf]};
            lc__log_line_add_bytes(line, byte, sizeof byte);
        } else
            lc__log_line_add_bytes(line, text, length);
    }
}

/* Adds the name of a member and `behind`, which opens its value: all of it, or nothing. */
static void json_add_name(struct lc__log_line *line, const char *name, bool escaped,
                          const char *before, const char *behind)
{
    size_t used = line->used;
    lc__log_line_add(line, before);
    lc__log_line_add_char(line, '"');
    json_add_text(line, name, escaped);
    lc__log_line_add(line, behind);
    if (line->cut)
        line->used = used;
}

static void json_add_member(struct lc__log_line *line, const char *before, const char *name,
                            const char *text, bool escaped)
{
    json_add_name(line, name, escaped, before, "\":\"");
    if (line->cut)
        return;
    json_add_text(line, text, escaped);
    lc__log_line_add_char(line, '"');
    if (line->cut) /* reserved: only the first text that is cut is open */
        lc__log_line_end(line, "\"");
}

static void json_add_number(struct lc__log_line *line, const char *before,
                            const lc_log_field *field, bool escaped)
{
    char number[LC__LOG_NUMBER_SIZE];
    size_t used = line->used;
    lc__log_number_text(field, number);
    bool is_number = strspn(number, "-0123456789.e+") == strlen(number); /* "nan" is a text */
    json_add_name(line, field->key ? field->key : "-", escaped, before,
                  is_number ? "\":" : "\":\"");
    lc__log_line_add(line, number);
    lc__log_line_add(line, is_number ? "" : "\"");
    if (line->cut)
        line->used = used;
}

static void json_add_fields(struct lc__log_line *line, const lc_log_record *record, bool escaped)
{
    static const char opening[] = ",\"fields\":{";
    lc__log_line_add(line, opening);
    if (line->cut)
        return;
    for (size_t i = 0; i < record->field_count && !line->cut; i++) {
        const lc_log_field *field = &record->fields[i];
        const char *before = i > 0 ? "," : "";
        if (field->kind != LC_LOG_FIELD_TEXT)
            json_add_number(line, before, field, escaped);
        else
            json_add_member(line, before, field->key ? field->key : "-",
                            field->value ? field->value : "-", escaped);
    }
    lc__log_line_end(line, "}");
}

size_t lc__log_format_json(const lc_log_record *record, char *text, size_t size)
{
    struct lc__log_line line = lc__log_line_begin(text, size, KEPT);
    bool escaped = !record_is_utf8(record);
    lc__log_line_add_priority(&line, record->level);
    lc__log_line_add(&line, "{\"time\":\"");
    lc__log_line_add_wall(&line, record->wall);
    lc__log_line_add(&line, "\",\"level\":\"");
    lc__log_line_add(&line, lc_log_level_name(record->level));
    lc__log_line_add(&line, escaped ? "\",\"escaped\":true" : "\"");
    if (*record->component)
        json_add_member(&line, ",", "component", record->component, escaped);
    json_add_member(&line, ",", "message", record->message, escaped);
    if (record->field_count > 0)
        json_add_fields(&line, record, escaped);
    lc__log_line_end(&line, line.cut ? ",\"cut\":true}\n" : "}\n");
    return line.used;
}
