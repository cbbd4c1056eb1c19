/*
 * executor.c: the list of all executors, and the loops of each. See executor.h.
 */
#include "executor/executor.h"

#include "base/memory.h"
#include "executor/poller.h"

/* ---- the list ---- */

static struct lc__lock list_lock = LC__LOCK_INIT; /* for what follows */
static struct lc__executor_list executors = TAILQ_HEAD_INITIALIZER(executors);

struct lc__executor_list *lc__executors_lock(void)
{
    lc__lock_take(&list_lock);
    return &executors;
}

void lc__executors_unlock(void)
{
    lc__lock_give(&list_lock);
}

void lc__executors_add(lc_executor *executor)
{
    lc__lock_take(&list_lock);
    TAILQ_INSERT_TAIL(&executors, executor, link);
    executor->listed = true;
    lc__lock_give(&list_lock);
}

void lc__executors_remove(lc_executor *executor)
{
    lc__lock_take(&list_lock);
    if (executor->listed)
        TAILQ_REMOVE(&executors, executor, link);
    lc__lock_give(&list_lock);
}

unsigned lc_executor_threads(const lc_executor *executor)
{
    return executor ? executor->threads : 0;
}

/* ---- loops ---- */

/*
 * Loops of executors that were freed, to be used again. They are not freed before the shutdown: a
 * thread that disarms a timer which has moved on may just have read the old queue, and takes its
 * lock.
 */
static struct lc__loop *spare; /* under spare_lock */
static struct lc__lock spare_lock = LC__LOCK_INIT;

struct lc__loop *lc__executor_loop(const lc_executor *executor, unsigned index)
{
    /* Acquire: a thread that finds a loop finds it filled in. */
    return atomic_load_explicit(&executor->loops[index], memory_order_acquire);
}

/* A loop with initialised timers; NULL: no memory. */
static struct lc__loop *loop_allocate(void)
{
    lc__lock_take(&spare_lock);
    struct lc__loop *loop = spare;
    if (loop)
        spare = loop->next_spare;
    lc__lock_give(&spare_lock);
    if (loop)
        return loop;
    loop = lc__allocate(sizeof *loop);
    if (loop)
        loop->timers = (struct lc__timers)LC__TIMERS_INIT;
    return loop;
}

struct lc__loop *lc__executor_make_loop(lc_executor *executor, unsigned index)
{
    LC__ASSERT(lc__lock_is_held(&executor->lock) && index < LC_EXECUTOR_THREADS_MAX);
    struct lc__loop *loop = lc__executor_loop(executor, index);
    if (loop)
        return loop;
    loop = loop_allocate();
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
    lc__lock_take(&executor->lock);
    loop = lc__executor_make_loop(executor, index);
    lc__lock_give(&executor->lock);
    return loop;
}

/* No thread is in the loop; wakers may still touch it. */
static void loop_retire(struct lc__loop *loop)
{
    LC__ASSERT(!atomic_load(&loop->running));
    unsigned round = 0;
    /* Acquire: pairs with the release that follows the last touch of each waker. */
    while (atomic_load_explicit(&loop->wakers, memory_order_acquire) > 0)
        lc__spin(&round);
    lc__poller_end(&loop->poller, &loop->parker);
    lc__lock_take(&spare_lock);
    loop->next_spare = spare;
    spare = loop;
    lc__lock_give(&spare_lock);
}

void lc__executor_retire_loops(lc_executor *executor)
{
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = lc__executor_loop(executor, i);
        if (loop)
            loop_retire(loop);
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
