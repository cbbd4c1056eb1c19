/*
 * observe.h: adds observers to a shell. Floor 5: supervisor.c and tree.c.
 */
#ifndef LIFECYCLE_SUPERVISE_OBSERVE_H
#define LIFECYCLE_SUPERVISE_OBSERVE_H

#include "supervise/shell.h"

/* A new observer of the shell, to be freed by lc_observer_free. NULL: no memory, a bad capacity. */
lc_observer *lc__shell_observe(struct lc__shell *shell, size_t capacity);

#endif
