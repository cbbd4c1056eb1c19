/*
 * thread.h: threads of the library's own: named, joined, counted. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_THREAD_H
#define LIFECYCLE_EXECUTOR_THREAD_H

#include <stdbool.h>
#include <stddef.h>

struct lc__thread_options {
    const char *name;  /* copied; the system shows the first 15 bytes */
    size_t stack_size; /* bytes, 0 for the system's default */
    bool is_service;   /* no worker: it ends when it is told to, and lc_library_shutdown tells it */
    void (*run)(void *arg);
    void *arg;
};

/*
 * Starts a thread that runs `run(arg)`; in a simulation, a fiber with a large stack. It takes over
 * the caller's clock. It is joined by the library.
 * @return 0; -ENOMEM, -EAGAIN; -EINVAL (stack size); -ENOTSUP in a forked child.
 */
int lc__thread_start(const struct lc__thread_options *options);

/*
 * The calling worker, a thread of the library or a fiber, has finished its work, and will do
 * nothing but end: lc_library_shutdown waits for it instead of refusing. To be called before others
 * are told that the work is done.
 */
void lc__worker_finishing(void);

#endif
