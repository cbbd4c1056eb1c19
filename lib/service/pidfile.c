/*
 * pidfile.c: see pidfile.h.
 *
 * Other users may be able to write in the file's directory. Through a symbolic or hard link they
 * could have another file overwritten, and a user that can open the file can lock it. So symbolic
 * links are not followed, the file must belong to our user and have one name, and its mode is 0600.
 */
#include "service/pidfile.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often to try again if another process removes the file before we have locked it. */
#define ATTEMPTS 100

static lc_error *pidfile_open_error(const char *path, int code)
{
    if (code == ELOOP)
        return lc_error_new(-ELOOP, "the pid file %s is a symbolic link, which is not followed",
                            path);
    return lc_error_new_errno(code, "the pid file %s cannot be opened", path);
}

/* @return NULL, or why the file must not be used. */
static lc_error *pidfile_check(int descriptor, const char *path)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return pidfile_open_error(path, errno);
    if (!S_ISREG(status.st_mode))
        return lc_error_new(-EINVAL, "the pid file %s is no regular file", path);
    if (status.st_uid != geteuid())
        return lc_error_new(-EPERM, "the pid file %s belongs to user %u, and not to user %u", path,
                            (unsigned)status.st_uid, (unsigned)geteuid());
    if (status.st_nlink > 1)
        return lc_error_new(-EMLINK, "the pid file %s has %ju names, and must have one", path,
                            (uintmax_t)status.st_nlink);
    /*
     * Another program, or an older version, may have made it with a mode that lets others lock it.
     */
    if (fchmod(descriptor, 0600) != 0)
        return pidfile_open_error(path, errno);
    return NULL;
}

static lc_error *pidfile_locked_error(int descriptor, const char *path)
{
    char text[24] = "";
    ssize_t got = pread(descriptor, text, sizeof text - 1, 0);
    long other = got > 0 ? strtol(text, NULL, 10) : 0;
    if (other > 0 && other <= INT_MAX)
        return lc_error_new(-EEXIST, "it is running already, as process %ld, which has locked %s",
                            other, path);
    return lc_error_new(-EEXIST, "it is running already: another process has locked %s", path);
}

/* Whether the open file is still the one at the path: an instance that ends removes its file. */
static bool pidfile_is_at_path(int descriptor, const char *path)
{
    struct stat open_file, named;
    return fstat(descriptor, &open_file) == 0 && lstat(path, &named) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

/* *descriptor becomes -1 if the file was removed before it was locked: then it is tried again. */
static lc_error *pidfile_open_and_lock(const char *path, int *descriptor)
{
    /* O_NONBLOCK: the file may be a FIFO. */
    int opened = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    *descriptor = -1;
    if (opened < 0)
        return pidfile_open_error(path, errno);
    lc_error *error = pidfile_check(opened, path);
    if (!error && flock(opened, LOCK_EX | LOCK_NB) != 0)
        error = errno == EWOULDBLOCK ? pidfile_locked_error(opened, path)
                                     : pidfile_open_error(path, errno);
    if (!error && pidfile_is_at_path(opened, path))
        *descriptor = opened;
    else
        close(opened);
    return error;
}

static lc_error *pidfile_write(int descriptor, const char *path)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(descriptor, 0) == 0 && pwrite(descriptor, text, (size_t)length, 0) == length)
        return NULL;
    return lc_error_new_errno(errno, "the pid file %s cannot be written", path);
}

lc_error *lc__pidfile_open(struct lc__pidfile *pid_file, const char *path)
{
    LC__ASSERT(!pid_file->is_open);
    lc_error *error = NULL;
    int descriptor = -1;
    for (int i = 0; i < ATTEMPTS && !error && descriptor < 0; i++)
        error = pidfile_open_and_lock(path, &descriptor);
    if (!error && descriptor < 0)
        error = lc_error_new(-EAGAIN, "the pid file %s is removed again and again", path);
    if (error)
        return error;
    *pid_file = (struct lc__pidfile){true, descriptor, path};
    error = pidfile_write(descriptor, path);
    if (error)
        lc__pidfile_close(pid_file);
    return error;
}

void lc__pidfile_close(struct lc__pidfile *pid_file)
{
    if (!pid_file->is_open)
        return;
    if (pidfile_is_at_path(pid_file->descriptor, pid_file->path))
        unlink(pid_file->path); /* still locked, so it is not another instance's */
    close(pid_file->descriptor);
    pid_file->is_open = false;
}
