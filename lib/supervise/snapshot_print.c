/*
 * snapshot_print.c: a snapshot as a text. See <lifecycle/observe.h>.
 */
#include "base/memory.h"
#include "supervise/snapshot.h"
#include "supervise/snapshot_dot.h"
#include "supervise/snapshot_json.h"
#include "supervise/snapshot_text.h"

#include <stdio.h>
#include <string.h>

/* A text in the making, in memory of ours. */
struct printed {
    char *text;
    size_t size;
    size_t room;
    bool lacks_memory; /* a part is missing */
};

/* Adds to it what the stream has to write. @return how much; 0: there is no memory. */
static ssize_t printed_add(void *arg, const char *bytes, size_t size)
{
    struct printed *printed = arg;
    size_t needed = printed->size + size + 1;
    if (needed > printed->room) {
        size_t room = needed > 2 * printed->room ? needed : 2 * printed->room;
        char *text = lc__reallocate_array(printed->text, room, 1);
        if (!text) {
            printed->lacks_memory = true;
            return 0;
        }
        printed->text = text;
        printed->room = room;
    }
    memcpy(printed->text + printed->size, bytes, size);
    printed->size += size;
    printed->text[printed->size] = '\0';
    return (ssize_t)size;
}

/*
 * A text, or NULL. Not by open_memstream: without memory for the text it says at its end that all
 * is well, and gives NULL.
 */
static char *printed_make(const lc_snapshot *shown,
                          bool (*format)(FILE *out, const lc_snapshot *shown))
{
    static const cookie_io_functions_t calls = {.write = printed_add};
    struct printed printed = {.text = lc__duplicate("")};
    FILE *out = printed.text ? fopencookie(&printed, "w", calls) : NULL;
    bool well = out && format(out, shown) && !ferror(out);
    if (out && fclose(out) == 0 && well && !printed.lacks_memory)
        return printed.text;
    lc__free(printed.text);
    return NULL;
}

const char *lc_snapshot_print(lc_snapshot *shown, lc_snapshot_format format)
{
    static bool (*const formats[LC__SNAPSHOT_FORMATS])(FILE * out, const lc_snapshot *shown) = {
        [LC_SNAPSHOT_TEXT] = lc__snapshot_print_text,
        [LC_SNAPSHOT_JSON] = lc__snapshot_print_json,
        [LC_SNAPSHOT_DOT] = lc__snapshot_print_dot,
    };
    if (!shown || (size_t)format >= LC__SNAPSHOT_FORMATS)
        return NULL;
    char **printed = lc__snapshot_printed(shown, format);
    if (!*printed)
        *printed = printed_make(shown, formats[format]);
    return *printed;
}
