/*
 * executor.c: the list of all executors, and the loops of each. See executor.h.
 */
#include "executor/executor.h"

#include "base/memory.h"
#include "executor/poller.h"

/* ---- the list ---- */

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER; /* for what follows */
static struct lc__executor_list executors = TAILQ_HEAD_INITIALIZER(executors);

struct lc__executor_list *lc__executors_lock(void)
{
    pthread_mutex_lock(&list_lock);
    return &executors;
}

void lc__executors_unlock(void)
{
    pthread_mutex_unlock(&list_lock);
}

void lc__executors_add(lc_executor *executor)
{
    pthread_mutex_lock(&list_lock);
    TAILQ_INSERT_TAIL(&executors, executor, link);
    executor->listed = true;
    pthread_mutex_unlock(&list_lock);
}

void lc__executors_remove(lc_executor *executor)
{
    pthread_mutex_lock(&list_lock);
    if (executor->listed)
        TAILQ_REMOVE(&executors, executor, link);
    pthread_mutex_unlock(&list_lock);
}

unsigned lc_executor_threads(const lc_executor *executor)
{
    return executor ? executor->threads : 0;
}

/* ---- loops ---- */

/*
 * Loops of executors that were freed, to be used again: a timer that moved from one may still be
 * disarmed by somebody who has just read where it was, and then takes the lock there.
 */
static struct lc__loop *spare;
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;

struct lc__loop *lc__executor_loop(const lc_executor *executor, unsigned index)
{
    /* Acquire: who finds a loop finds it filled in. */
    return atomic_load_explicit(&executor->loops[index], memory_order_acquire);
}

/* NULL: no memory. */
static struct lc__loop *take_spare(void)
{
    pthread_mutex_lock(&spare_lock);
    struct lc__loop *loop = spare;
    if (loop)
        spare = loop->next_spare;
    pthread_mutex_unlock(&spare_lock);
    if (loop)
        return loop;
    loop = lc__allocate(sizeof *loop);
    if (loop)
        loop->timers = (struct lc__timers)LC__TIMERS_INIT;
    return loop;
}

struct lc__loop *lc__executor_make_loop(lc_executor *executor, unsigned index)
{
    struct lc__loop *loop = lc__executor_loop(executor, index);
    if (loop)
        return loop;
    loop = take_spare();
    if (!loop)
        return NULL;
    const struct lc__loop_place place = {.executor = executor,
                                         .index = index,
                                         .threads = executor->threads,
                                         .operations = executor->operations,
                                         .simulation = executor->simulation};
    lc__loop_init(loop, &place);
    atomic_store_explicit(&executor->loops[index], loop, memory_order_release);
    if (atomic_load_explicit(&executor->made, memory_order_relaxed) <= index)
        atomic_store_explicit(&executor->made, index + 1, memory_order_relaxed);
    return loop;
}

struct lc__loop *lc__executor_need_loop(lc_executor *executor, unsigned index)
{
    struct lc__loop *loop = lc__executor_loop(executor, index);
    if (loop)
        return loop;
    pthread_mutex_lock(&executor->lock);
    loop = lc__executor_make_loop(executor, index);
    pthread_mutex_unlock(&executor->lock);
    return loop;
}

/* No thread is in the loop; some may be about to leave off poking it. */
static void retire_loop(struct lc__loop *loop)
{
    unsigned round = 0;
    /* Acquire: pairs with the release of the last touch. */
    while (atomic_load_explicit(&loop->wakers, memory_order_acquire) > 0)
        lc__spin(&round);
    lc__poller_end(&loop->poller, &loop->parker);
    pthread_mutex_lock(&spare_lock);
    loop->next_spare = spare;
    spare = loop;
    pthread_mutex_unlock(&spare_lock);
}

void lc__executor_retire_loops(lc_executor *executor)
{
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = lc__executor_loop(executor, i);
        if (loop)
            retire_loop(loop);
    }
}

void lc__executor_free_loops(void)
{
    while (spare) {
        struct lc__loop *loop = spare;
        spare = loop->next_spare;
        lc__timers_destroy(&loop->timers);
        lc__free(loop);
    }
}
