/*
 * pidfile.h: a file that holds the process's number and is locked, so that a second instance is
 * refused. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_PIDFILE_H
#define LIFECYCLE_SERVICE_PIDFILE_H

#include <lifecycle/error.h>

#include <stdbool.h>

/* Begin with zeros. */
struct lc__pidfile {
    bool is_open;
    int descriptor;   /* holds the lock */
    const char *path; /* borrowed */
};

/*
 * Opens, locks and writes the file at `path`, which is borrowed until it is closed.
 * @return NULL; -EEXIST naming the process that has locked it; or why it cannot be used.
 */
lc_error *lc__pidfile_open(struct lc__pidfile *pid_file, const char *path);
/* Removes the file; does nothing if it is not open. */
void lc__pidfile_close(struct lc__pidfile *pid_file);

#endif
