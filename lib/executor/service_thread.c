/*
 * service_thread.c: see service_thread.h.
 */
#include "executor/service_thread.h"

#include "base/fork.h"
#include "base/library.h"
#include "base/memory.h"
#include "executor/thread_create.h"

#include <errno.h>

static void *service_thread_main(void *arg)
{
    struct lc__service_thread *service = arg;
    pthread_setname_np(pthread_self(), service->name);
    lc__library_own_thread();
    lc__thread_pass_on(&service->mask);
    for (;;) {
        /*
         * The thread reads the count first, then `stopping` and what `work` looks at. A wake-up
         * that comes after any of these reads changes the count, so lc__park() returns at once.
         */
        unsigned seen = lc__parker_count(&service->parker);
        if (atomic_load_explicit(&service->stopping, memory_order_relaxed))
            return NULL;
        int64_t deadline = service->work();
        lc__park(&service->parker, seen, deadline, &service->reason);
    }
}

static int service_thread_make(struct lc__service_thread *service)
{
    LC__ASSERT(lc__lock_is_held(&service->lock) && !lc__service_thread_is_running(service));
    int result = lc__fork_guard();
    if (result < 0)
        return result;
    if (lc__memory_must_fail())
        return -EAGAIN;
    result =
        lc__thread_create_silent(&service->thread, service_thread_main, service, &service->mask);
    atomic_store(&service->running, result == 0);
    return result;
}

int lc__service_thread_start(struct lc__service_thread *service)
{
    if (lc__forked())
        return -ENOTSUP;
    lc__lock_take(&service->lock);
    int result = lc__service_thread_is_running(service) ? 0 : service_thread_make(service);
    lc__lock_give(&service->lock);
    return result;
}

void lc__service_thread_wake(struct lc__service_thread *service)
{
    lc__unpark(&service->parker);
}

void lc__service_thread_stop(struct lc__service_thread *service)
{
    if (!lc__service_thread_is_running(service))
        return;
    LC__ASSERT(!pthread_equal(pthread_self(), service->thread));
    /* Relaxed: the unpark releases it. */
    atomic_store_explicit(&service->stopping, true, memory_order_relaxed);
    lc__unpark(&service->parker);
    /*
     * The join holds no lock, and the thread counts as running until it is over: `work` may be in
     * lc__service_thread_start(), which then makes no second thread.
     */
    pthread_join(service->thread, NULL);
    atomic_store_explicit(&service->stopping, false, memory_order_relaxed);
    lc__lock_take(&service->lock);
    atomic_store(&service->running, false);
    lc__lock_give(&service->lock);
}
