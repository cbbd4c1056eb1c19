/*
 * filter.c: see filter.h.
 */
#include "support/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A file, not a pipe: the command may write before it has read all. */
static void file_fill(char *path, const char *text, size_t size)
{
    int descriptor = mkstemp(path);
    FILE *out = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (!out || fwrite(text, 1, size, out) != size || fclose(out) != 0)
        abort();
}

char *filter_text(const char *text, size_t size, const char *command)
{
    char path[] = "/tmp/lifecycle-filter-XXXXXX", whole[1024], piece[4096];
    char *read = NULL;
    size_t read_size = 0, got;
    file_fill(path, text, size);
    snprintf(whole, sizeof whole, "{ %s; } < %s", command, path);
    FILE *kept = open_memstream(&read, &read_size), *from = popen(whole, "r");
    if (!kept || !from)
        abort();
    while ((got = fread(piece, 1, sizeof piece, from)) > 0)
        fwrite(piece, 1, got, kept);
    pclose(from);
    fclose(kept);
    unlink(path);
    return read;
}
