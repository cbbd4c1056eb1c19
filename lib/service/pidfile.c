/*
 * pidfile.c: see pidfile.h. The file and its lock are libbsd's.
 */
#include "service/pidfile.h"

#include <bsd/libutil.h>
#include <errno.h>
#include <string.h>
#include <sys/types.h>

static lc_error *refused(const char *path, int code, pid_t other)
{
    if (code == EEXIST && other > 0)
        return lc_error_new(-EEXIST, "it is running already, as process %d, which has locked %s",
                            (int)other, path);
    if (code == EEXIST)
        return lc_error_new(-EEXIST, "it is running already: another process has locked %s", path);
    return lc_error_new(-code, "the pid file %s cannot be opened: %s", path, strerror(code));
}

lc_error *lc__pidfile_open(const char *path, struct pidfh **pid_file)
{
    pid_t other = -1;
    *pid_file = NULL;
    struct pidfh *opened = pidfile_open(path, 0644, &other);
    if (!opened)
        return refused(path, errno, other);
    if (pidfile_write(opened) != 0) {
        int code = errno;
        pidfile_remove(opened);
        return lc_error_new(-code, "the pid file %s cannot be written: %s", path, strerror(code));
    }
    *pid_file = opened;
    return NULL;
}

void lc__pidfile_close(struct pidfh *pid_file)
{
    if (pid_file)
        pidfile_remove(pid_file);
}
