/*
 * walk.c: finds the regular files below a directory, one after the other. It has one directory open
 * at a time, however deep they are nested, and remembers the paths of those that are still to be
 * read.
 *
 * All of it may wait for the disk, so the dispenser calls it through lc_call_blocking.
 */
#define _GNU_SOURCE
#include "isolates.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static lc_error *failed(const char *path, int code)
{
    return lc_error_new_errno(code, "%s", path);
}

static char *join(const char *directory, const char *name)
{
    char *path = NULL;
    const char *slash = directory[strlen(directory) - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%s", directory, slash, name) < 0 ? NULL : path;
}

/* Takes the path over if there is memory for it. */
static bool remember(struct walk *walk, char *path)
{
    if (walk->count == walk->room) {
        size_t room = walk->room ? walk->room * 2 : 16;
        char **pending = realloc(walk->pending, room * sizeof *pending);
        if (!pending)
            return false;
        walk->pending = pending;
        walk->room = room;
    }
    walk->pending[walk->count++] = path;
    return true;
}

lc_error *walk_begin(struct walk *walk, const char *directory)
{
    char *path = strdup(directory);
    if (path && remember(walk, path))
        return NULL;
    free(path);
    return failed(directory, ENOMEM);
}

static void close_directory(struct walk *walk)
{
    if (walk->directory)
        closedir(walk->directory);
    free(walk->path);
    walk->directory = NULL;
    walk->path = NULL;
}

void walk_end(struct walk *walk)
{
    close_directory(walk);
    while (walk->count > 0)
        free(walk->pending[--walk->count]);
    free(walk->pending);
    walk->pending = NULL;
}

static lc_error *open_next(struct walk *walk)
{
    walk->path = walk->pending[--walk->count];
    walk->directory = opendir(walk->path);
    if (walk->directory)
        return NULL;
    lc_error *error = failed(walk->path, errno);
    close_directory(walk);
    return error;
}

/* A name in the open directory: a file is the caller's, a directory is remembered. */
static lc_error *look_at(struct walk *walk, const char *name, char **found)
{
    struct stat status;
    char *path = join(walk->path, name);
    if (!path)
        return failed(name, ENOMEM);
    /*
     * Also where readdir has told the kind of file: what is asked for here is in memory afterwards,
     * so that its isolate opens it without a wait for the disk.
     */
    int code = fstatat(dirfd(walk->directory), name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
    if (code == 0 && S_ISREG(status.st_mode)) {
        *found = path;
        return NULL;
    }
    if (code == 0 && S_ISDIR(status.st_mode)) {
        if (remember(walk, path))
            return NULL;
        code = ENOMEM;
    }
    lc_error *error = code == 0 ? NULL : failed(path, code);
    free(path);
    return error;
}

/* The next name of the open directory, but itself and its parent. NULL: none, or errno is set. */
static const char *next_name(struct walk *walk)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(walk->directory);
        if (!entry)
            return NULL;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    }
}

bool walk_is_over(const struct walk *walk)
{
    return !walk->directory && walk->count == 0;
}

lc_error *walk_step(struct walk *walk, char **path)
{
    *path = NULL;
    if (walk_is_over(walk))
        return NULL;
    if (!walk->directory)
        return open_next(walk);
    const char *name = next_name(walk);
    if (name)
        return look_at(walk, name, path);
    lc_error *error = errno ? failed(walk->path, errno) : NULL;
    close_directory(walk);
    return error;
}
