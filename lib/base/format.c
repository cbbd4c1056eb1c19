/*
 * format.c: see format.h.
 */
#include "base/format.h"

#include "base/task.h"

#include <stdio.h>

struct formatting {
    char *text;
    size_t size;
    const char *format;
    va_list arguments;
    int length;
};

/* The compiler has checked the caller's format: see LC_PRINTF in format.h. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void format_text(void *arg)
{
    struct formatting *formatting = arg;
    formatting->length =
        vsnprintf(formatting->text, formatting->size, formatting->format, formatting->arguments);
}
#pragma GCC diagnostic pop

int lc__format(char *text, size_t size, const char *format, va_list arguments)
{
    const struct lc__task *task = lc__task_current();
    struct formatting formatting = {.text = text, .size = size, .format = format};
    va_copy(formatting.arguments, arguments);
    if (task->with_room)
        task->with_room(format_text, &formatting);
    else
        format_text(&formatting);
    va_end(formatting.arguments);
    return formatting.length;
}
