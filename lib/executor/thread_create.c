/*
 * thread_create.c: see thread_create.h.
 */
#include "executor/thread_create.h"

#include "base/memory.h"

#include <errno.h>

static _Thread_local const sigset_t *mask_of_born; /* NULL: they take over the thread's own */

void lc__thread_bears_with(const sigset_t *mask)
{
    mask_of_born = mask;
}

static int create_with(pthread_attr_t *attributes, size_t stack_size, pthread_t *id,
                       void *(*run)(void *arg), void *arg)
{
    int failed = stack_size > 0 ? pthread_attr_setstacksize(attributes, stack_size) : 0;
    if (failed == 0 && mask_of_born)
        failed = pthread_attr_setsigmask_np(attributes, mask_of_born);
    return failed ? failed : pthread_create(id, attributes, run, arg);
}

int lc__thread_create(pthread_t *id, size_t stack_size, void *(*run)(void *arg), void *arg)
{
    pthread_attr_t attributes;
    if (lc__memory_must_fail())
        return -EAGAIN;
    if (stack_size == 0 && !mask_of_born)
        return -pthread_create(id, NULL, run, arg);
    int failed = pthread_attr_init(&attributes);
    if (failed)
        return -failed;
    failed = create_with(&attributes, stack_size, id, run, arg);
    pthread_attr_destroy(&attributes);
    return -failed;
}

int lc__thread_create_silent(pthread_t *id, void *(*run)(void *arg), sigset_t *mask)
{
    sigset_t all, kept;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    *mask = mask_of_born ? *mask_of_born : kept;
    int failed = pthread_create(id, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return -failed;
}
