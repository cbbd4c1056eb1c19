/*
 * pidfile.h: a file that names the process and is locked by it, so that there is only one. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_PIDFILE_H
#define LIFECYCLE_SERVICE_PIDFILE_H

#include <lifecycle/error.h>

struct pidfh;

/*
 * @param pid_file  receives it, for lc__pidfile_close; NULL if it fails.
 * @return NULL; -EEXIST naming the process that has it; or why it cannot be written.
 */
lc_error *lc__pidfile_open(const char *path, struct pidfh **pid_file);
/* Removes it. NULL is allowed. */
void lc__pidfile_close(struct pidfh *pid_file);

#endif
