/*
 * fiber_make.h: makes a fiber of a given loop. spawn.h chooses the loop. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_FIBER_MAKE_H
#define LIFECYCLE_EXECUTOR_FIBER_MAKE_H

#include "executor/loop.h"

struct lc__fiber_options {
    const char *name;  /* copied */
    size_t stack_size; /* all included; 0 for the executor's default */
    void (*run)(void *arg);
    void *arg;
    lc_executor *executor;  /* NULL: the caller's, or the default executor */
    lc_thread_group *group; /* NULL: none */
    bool spread;            /* to the next loop in turn, not to the caller's */
    bool pinned;            /* must start in this loop: for lc__fiber_make, by the loop's thread */
    bool finishing;         /* from its beginning: see lc__fiber_finishing */
};

/* Makes a fiber in the loop, by its thread or a thread that has booked. @return 0, -ENOMEM. */
int lc__fiber_make(struct lc__loop *loop, const struct lc__fiber_options *options,
                   size_t stack_size);
/*
 * Makes a fiber of the library, which serves the loop: it runs `run(loop)`. By the loop's thread;
 * another thread gets -ENOMEM. @return 0, -ENOMEM, -ENOTSUP in a forked child.
 */
int lc__fiber_make_server(struct lc__loop *loop, const char *name, void (*run)(void *loop));

#endif
