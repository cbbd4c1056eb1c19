/*
 * backtrace.c: see backtrace.h.
 */
#include "base/backtrace.h"

#include <bsd/string.h>
#include <execinfo.h>
#include <stdlib.h>

enum { FRAMES_MAX = 24, BACKTRACE_MAX = 2048 };

char *lc__backtrace(const char *separator)
{
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);
    char **names = backtrace_symbols(frames, count);
    char *text = malloc(BACKTRACE_MAX);
    if (text)
        text[0] = '\0';
    for (int i = 0; text && names && i < count; i++) {
        if (i > 0)
            strlcat(text, separator, BACKTRACE_MAX);
        strlcat(text, names[i], BACKTRACE_MAX);
    }
    free(names);
    return text;
}
