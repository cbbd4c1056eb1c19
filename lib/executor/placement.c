/*
 * placement.c: see placement.h. lc_thread_group_new() is here too, since it places a group among
 * the threads of an executor, whose record thread_group.c does not know.
 */
#include "executor/placement.h"

#include "base/clock.h"
#include "base/memory.h"
#include "executor/executor_threads.h"

/* A thread that is no executor's puts all its fibers into one loop, other threads into others. */
LC__OF_ITS_THREAD
static unsigned thread_turn(void)
{
    static atomic_uint turns;
    static _Thread_local unsigned turn; /* 0: none has been drawn; else one more than it */
    if (turn == 0)
        turn = atomic_fetch_add_explicit(&turns, 1, memory_order_relaxed) + 1;
    return turn - 1;
}

struct lc__loop *lc__executor_place(lc_executor *executor, lc_thread_group *group, bool spread)
{
    struct lc__loop *own = lc__loop_of_thread;
    bool here = own && own->executor == executor;
    if (here && !spread && (!group || lc__thread_group_has(group, own->index)))
        return own;
    if (executor->threads == 1)
        return lc__executor_need_loop(executor, 0);
    unsigned index = thread_turn();
    if (group)
        index = group->first +
                atomic_fetch_add_explicit(&group->turn, 1, memory_order_relaxed) % group->count;
    else if (spread)
        index = atomic_fetch_add_explicit(&executor->turn, 1, memory_order_relaxed);
    return lc__executor_need_loop(executor, index % executor->threads);
}

struct lc__loop *lc__executor_any_loop(lc_executor *executor)
{
    struct lc__loop *found = NULL;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = lc__executor_loop(executor, i);
        if (loop && atomic_load(&loop->running))
            return loop;
        found = loop ? loop : found;
    }
    return found;
}

lc_thread_group *lc_thread_group_new(lc_executor *executor, unsigned threads)
{
    lc_thread_group *group = executor && threads > 0 ? lc__allocate(sizeof *group) : NULL;
    if (!group)
        return NULL;
    atomic_init(&group->refs, 1);
    group->executor = executor;
    group->all = executor->threads;
    group->count = threads < executor->threads ? threads : executor->threads;
    /* A group begins where the one before has ended, so that groups do not share one thread. */
    group->first = atomic_fetch_add_explicit(&executor->turn, group->count, memory_order_relaxed) %
                   executor->threads;
    return group;
}

bool lc__executor_find_work(struct lc__loop *loop)
{
    LC__ASSERT(loop == lc__loop_of_thread);
    lc_executor *executor = loop->executor;
    bool found = false;
    int64_t now = LC_NOW;
    /* A loop that is just being made may be missed: its thread calls when its backlog has aged. */
    unsigned made = atomic_load_explicit(&executor->made, memory_order_relaxed);
    for (unsigned i = 1; i < made && !found; i++) {
        struct lc__loop *victim = lc__executor_loop(executor, (loop->index + i) % made);
        if (!victim || (atomic_load_explicit(&victim->fresh_count, memory_order_relaxed) == 0 &&
                        lc__job_queue_is_empty(&victim->jobs)))
            continue;
        if (now == LC_NOW)
            now = lc__clock_real.now(&lc__clock_real);
        atomic_fetch_add(&executor->moves_begun, 1);
        found = lc__loop_steal(loop, victim, now) ||
                lc__job_queue_steal(&loop->jobs, &victim->jobs, loop->index, loop->threads);
        atomic_fetch_add(&executor->moves_ended, 1);
    }
    return found;
}

/* @return whether a thread was called. */
static bool executor_call_loop(lc_executor *executor, unsigned index)
{
    struct lc__loop *loop = lc__executor_need_loop(executor, index);
    if (!loop)
        return false;
    if (!atomic_load(&loop->running))
        return lc__executor_need_thread(loop) == 0;
    bool asleep = atomic_load_explicit(&loop->asleep, memory_order_relaxed);
    if (asleep)
        lc__loop_poke(loop);
    return asleep;
}

void lc__executor_call_help(lc_executor *executor, bool add)
{
    unsigned most = add ? LC_EXECUTOR_THREADS_MAX : executor->threads;
    /* Acquire: pairs with the release of a thread that came, which must not be taken for asleep. */
    if (atomic_exchange_explicit(&executor->helping, true, memory_order_acquire))
        return;
    bool called = false;
    for (unsigned i = 0; i < most && !called; i++)
        called = executor_call_loop(executor, i);
    if (!called)
        atomic_store_explicit(&executor->helping, false, memory_order_relaxed);
}
