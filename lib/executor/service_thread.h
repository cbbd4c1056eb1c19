/*
 * service_thread.h: a thread of the library that does a little work now and then: it is made on
 * demand, sleeps until the next time or until it is woken, and ends at the library's shutdown.
 * Floor 1; for the timer thread and the monitor.
 */
#ifndef LIFECYCLE_EXECUTOR_SERVICE_THREAD_H
#define LIFECYCLE_EXECUTOR_SERVICE_THREAD_H

#include "base/lock.h"
#include "executor/park.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A static object, begun with LC__SERVICE_THREAD. */
struct lc__service_thread {
    const char *name; /* as the system shows it: at most 15 bytes */
    struct lc__park_reason reason;
    /* Does what is to be done now. @return the deadline until which the thread may sleep. */
    int64_t (*work)(void);

    struct lc__lock lock; /* for making the thread */
    atomic_bool running;  /* from the making to the join; changed under the lock */
    pthread_t thread;
    sigset_t mask; /* of the threads that it makes */
    atomic_bool stopping;
    struct lc__parker parker;
};

#define LC__SERVICE_THREAD(name_, sleeps_for_, work_)                                              \
    {                                                                                              \
        .name = (name_), .reason = {(sleeps_for_), NULL}, .work = (work_), .lock = LC__LOCK_INIT,  \
        .parker = {                                                                                \
            .descriptor = -1                                                                       \
        }                                                                                          \
    }

/*
 * Makes the thread if it is not there. It begins with a call of `work`. From any thread, also from
 * `work`.
 * @return 0; -EAGAIN, -ENOMEM: the thread could not be made; -ENOTSUP in a forked child.
 */
int lc__service_thread_start(struct lc__service_thread *service);
/*
 * Makes the thread call `work` once more after this call, and soon. Release, paired with acquire in
 * the thread: that `work` sees what was done before. From any thread. Does nothing if the thread is
 * not there.
 */
void lc__service_thread_wake(struct lc__service_thread *service);
/* Whether the thread is there. Sequentially consistent, for handshakes of the caller's. */
static inline bool lc__service_thread_is_running(const struct lc__service_thread *service)
{
    return atomic_load(&service->running);
}
/* Ends the thread and joins it. It may be started again afterwards. By one thread at a time. */
void lc__service_thread_stop(struct lc__service_thread *service);

#endif
