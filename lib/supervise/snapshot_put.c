/*
 * snapshot_put.c: see snapshot_put.h.
 */
#include "supervise/snapshot_put.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#define ESCAPED_SIZE 12

/* What stands for a character. DOT shows two backslashes as one, and knows the entities of HTML. */
static void character_escape(char escaped[static ESCAPED_SIZE], uint32_t character,
                             lc_snapshot_format format)
{
    const char *backslash = format == LC_SNAPSHOT_DOT ? "\\\\" : "\\";
    if (character == '\\')
        snprintf(escaped, ESCAPED_SIZE, "%s%s", backslash, backslash);
    else if (character == '\n')
        snprintf(escaped, ESCAPED_SIZE, "%sn", backslash);
    else if (lc__text_acts(character))
        snprintf(escaped, ESCAPED_SIZE, "%su%04x", backslash, (unsigned)character);
    else if (character == '"' && format != LC_SNAPSHOT_TEXT)
        snprintf(escaped, ESCAPED_SIZE, "\\\"");
    else if (character == '&' && format == LC_SNAPSHOT_DOT)
        snprintf(escaped, ESCAPED_SIZE, "&amp;");
    else
        lc__text_encode(escaped, character);
}

void lc__snapshot_put(FILE *out, const char *text, lc_snapshot_format format)
{
    char escaped[ESCAPED_SIZE];
    uint32_t character;
    while (*text) {
        text += lc__text_decode(text, &character);
        character_escape(escaped, character, format);
        fputs(escaped, out);
    }
}

size_t lc__snapshot_columns(const char *text)
{
    char escaped[ESCAPED_SIZE];
    uint32_t character;
    size_t count = 0;
    while (*text) {
        text += lc__text_decode(text, &character);
        character_escape(escaped, character, LC_SNAPSHOT_TEXT);
        count += character < 0x80 || lc__text_acts(character) ? strlen(escaped) : 1;
    }
    return count;
}

/* How long the node has been in its state: for a person, so no finer than one would say it. */
static void duration_put(FILE *out, int64_t duration)
{
    int64_t seconds = duration / LC_SECOND;
    int64_t minutes = seconds / 60, hours = minutes / 60;
    if (seconds < 60)
        fprintf(out, "%d.%d s", (int)seconds, (int)(duration / (LC_SECOND / 10) % 10));
    else if (hours < 1)
        fprintf(out, "%d min %d s", (int)minutes, (int)(seconds % 60));
    else if (hours < 24)
        fprintf(out, "%d h %d min", (int)hours, (int)(minutes % 60));
    else
        fprintf(out, "%" PRId64 " d %d h", hours / 24, (int)(hours % 24));
}

void lc__snapshot_put_state(FILE *out, const lc_snapshot *shown, const lc_node_status *node)
{
    int64_t duration = shown->time - node->since;
    fprintf(out, "%s ", lc_node_state_name(node->state));
    duration_put(out, duration > 0 ? duration : 0);
}
