/*
 * observe.h: adds observers to a shell. Floor 5: supervisor_view.c, tree_view.c.
 */
#ifndef LIFECYCLE_SUPERVISE_OBSERVE_H
#define LIFECYCLE_SUPERVISE_OBSERVE_H

#include "supervise/shell.h"

/* A new observer; lc_observer_free() frees it. NULL: no memory, or a bad capacity. */
lc_observer *lc__shell_observe(struct lc__shell *shell, size_t capacity);

#endif
