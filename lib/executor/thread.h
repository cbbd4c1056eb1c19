/*
 * thread.h: starts threads for workers: each has a name, and the library joins it. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_THREAD_H
#define LIFECYCLE_EXECUTOR_THREAD_H

#include <stdbool.h>
#include <stddef.h>

struct lc__thread_options {
    const char *name;  /* copied; the system shows the first 15 bytes */
    size_t stack_size; /* bytes, 0 for the system's default */
    bool is_service;   /* not a worker: lc_library_shutdown makes it end */
    void (*run)(void *arg);
    void *arg;
};

/*
 * Starts a thread that runs `run(arg)`; in a simulation, a fiber with a large stack. It inherits
 * the caller's clock.
 * @return 0; -ENOMEM, -EAGAIN; -EINVAL (stack size); -ENOTSUP in a forked child.
 */
int lc__thread_start(const struct lc__thread_options *options);

/*
 * The calling worker, a thread started here or a fiber, has finished its work and does nothing but
 * end. From now on lc_library_shutdown waits for it instead of refusing. To be called before any
 * other thread learns that the work is done.
 */
void lc__worker_finishing(void);

#endif
