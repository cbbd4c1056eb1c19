/*
 * thread_create.c: see thread_create.h.
 */
#include "executor/thread_create.h"

#include "base/memory.h"

#include <errno.h>

/* The mask of threads that this thread makes. NULL: they inherit its own. */
static _Thread_local const sigset_t *mask_passed_on;

void lc__thread_pass_on(const sigset_t *mask)
{
    mask_passed_on = mask;
}

static int thread_create_with(pthread_attr_t *attributes, size_t stack_size, pthread_t *id,
                              void *(*run)(void *arg), void *arg)
{
    int failed = stack_size > 0 ? pthread_attr_setstacksize(attributes, stack_size) : 0;
    if (failed == 0 && mask_passed_on)
        failed = pthread_attr_setsigmask_np(attributes, mask_passed_on);
    return failed ? failed : pthread_create(id, attributes, run, arg);
}

int lc__thread_create(pthread_t *id, size_t stack_size, void *(*run)(void *arg), void *arg)
{
    pthread_attr_t attributes;
    if (lc__memory_must_fail())
        return -EAGAIN;
    if (stack_size == 0 && !mask_passed_on)
        return -pthread_create(id, NULL, run, arg);
    int failed = pthread_attr_init(&attributes);
    if (failed)
        return -failed;
    failed = thread_create_with(&attributes, stack_size, id, run, arg);
    pthread_attr_destroy(&attributes);
    return -failed;
}

int lc__thread_create_silent(pthread_t *id, void *(*run)(void *arg), void *arg, sigset_t *mask)
{
    sigset_t all, kept;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    *mask = mask_passed_on ? *mask_passed_on : kept;
    int failed = pthread_create(id, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return -failed;
}
