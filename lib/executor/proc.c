/*
 * proc.c: see proc.h.
 */
#include "executor/proc.h"

#include "base/system.h"

#include <stdio.h>
#include <stdlib.h>

bool lc__proc_read(int thread, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", thread, name);
    int file = lc__open(path);
    if (file < 0)
        return false;
    long got = lc__read(file, text, size - 1);
    lc__close(file);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

bool lc__proc_times(int thread, int64_t *ran, int64_t *queued)
{
    char line[96]; /* the time run, the time waited, the number of turns */
    *ran = *queued = 0;
    if (!lc__proc_read(thread, "schedstat", line, sizeof line))
        return false;
    char *rest;
    *ran = strtoll(line, &rest, 10);
    *queued = strtoll(rest, NULL, 10);
    return true;
}
