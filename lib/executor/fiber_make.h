/*
 * fiber_make.h: making a fiber of a loop. spawn.h chooses the loop. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_FIBER_MAKE_H
#define LIFECYCLE_EXECUTOR_FIBER_MAKE_H

#include "executor/loop.h"

struct lc__fiber_options {
    const char *name;  /* copied */
    size_t stack_size; /* all included; 0 for the executor's default */
    void (*run)(void *arg);
    void *arg;
    lc_executor *executor;  /* NULL: the caller's, or the default one */
    lc_thread_group *group; /* NULL: none */
    bool spread;            /* to the next thread in turn, not to the caller's */
    bool pinned;            /* to its loop, whose thread calls: lc__fiber_make only */
    bool finishing;         /* from its beginning: see lc__fiber_finishing */
};

/* Makes a fiber that the loop starts. @return 0, -ENOMEM. */
int lc__fiber_make(struct lc__loop *loop, const struct lc__fiber_options *options,
                   size_t stack_size);
/*
 * Makes a fiber of the library's own, which serves this loop: runs `run(loop)`. By the loop's
 * thread; others get -ENOMEM. @return 0, -ENOMEM, -ENOTSUP in a forked child.
 */
int lc__fiber_make_server(struct lc__loop *loop, const char *name, void (*run)(void *loop));

#endif
