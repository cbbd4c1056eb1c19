/*
 * loop.c: see loop.h.
 *
 * A fiber that parks goes straight to the next that is ready. Only when there is none, or when
 * enough have run, the thread goes back to its own stack and looks around: for what others have
 * woken, for timers, for descriptors, for work of others, and then it sleeps.
 *
 * ThreadSanitizer does not see this file (nor fiber.c and stack.c): the queues are one thread's,
 * but it takes each fiber for a thread. What orders one worker's doings before another's is the
 * parker, in park.c, which it does see.
 */
#include "executor/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "executor/executor_threads.h"
#include "executor/monitor.h"
#include "executor/park.h"
#include "executor/placement.h"
#include "executor/poller.h"
#include "executor/simulation.h"
#include "executor/stack.h"
#include "executor/switch.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

enum {
    BUDGET = 64,       /* fibers that run between two looks around */
    CACHED_MAX = 2048, /* free stacks that a thread keeps to itself */
    CACHED_MIN = 64,   /* and of these the ones that it keeps for ever */
    STEAL_MAX = 64,
};

_Thread_local struct lc__loop *lc__loop_of_thread;

/* ---- queues ---- */

static void append(struct lc__queue *queue, struct lc__fiber *fiber)
{
    fiber->next = NULL;
    if (queue->first)
        queue->last->next = fiber;
    else
        queue->first = fiber;
    queue->last = fiber;
}

static struct lc__fiber *shift(struct lc__queue *queue)
{
    struct lc__fiber *fiber = queue->first;
    if (fiber)
        queue->first = fiber->next;
    return fiber;
}

static void set_state(struct lc__fiber *fiber, enum lc__fiber_state state)
{
    atomic_store_explicit(&fiber->state, (unsigned char)state, memory_order_relaxed);
}

/*
 * Counters that one thread writes at a time, by a lock or for good: no locked step is needed.
 * Release: a fiber that goes from one to the other is counted in one of them at least.
 */
static void add(atomic_size_t *counter, size_t by)
{
    size_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + by, memory_order_release);
}

/* ---- stacks ---- */

struct lc__fiber *lc__loop_take_stack(struct lc__loop *loop, size_t size)
{
    struct lc__fiber *fiber = NULL;
    if (loop && loop == lc__loop_of_thread && size <= LC__STACK_DEFAULT) {
        fiber = loop->cached;
        if (fiber) {
            loop->cached = fiber->next;
            loop->cached_count--;
            if (loop->cached_count < loop->cached_unused)
                loop->cached_unused = loop->cached_count;
        }
        size = LC__STACK_DEFAULT;
    }
    return fiber ? fiber : lc__stack_take(size);
}

/* Whether the loop has room for the stack of a fiber that has ended. */
static bool is_kept(const struct lc__loop *loop, const struct lc__fiber *fiber)
{
#ifdef LC__TSAN
    return false; /* lc__stack_take has it forget who used the stack */
#endif
    if (loop->simulation)
        return false; /* each stack that is taken may fail to be there, in every build the same */
    return fiber->stack.slab->stack_size == LC__STACK_DEFAULT && loop->cached_count < CACHED_MAX;
}

static void keep(struct lc__loop *loop, struct lc__fiber *fiber)
{
    fiber->next = loop->cached;
    loop->cached = fiber;
    loop->cached_count++;
}

/* What could not be done while the stack was stood on. */
static void bury(struct lc__loop *loop)
{
    struct lc__fiber *fiber = loop->corpse;
    loop->corpse = NULL;
    lc__sanitizer_stack_ended(&fiber->sanitizer);
    if (is_kept(loop, fiber))
        keep(loop, fiber);
    else
        lc__stack_give(fiber);
}

/* Keeps the `count` stacks that were used last, and leaves the others to all threads. */
static void keep_only(struct lc__loop *loop, unsigned count)
{
    struct lc__fiber **end = &loop->cached;
    if (loop->cached_count <= count)
        return;
    for (unsigned i = 0; i < count; i++)
        end = &(*end)->next;
    struct lc__fiber *rest = *end;
    *end = NULL;
    loop->cached_count = count;
    for (struct lc__fiber *next; rest; rest = next) {
        next = rest->next;
        lc__stack_give(rest);
    }
}

static bool has_excess(const struct lc__loop *loop)
{
    return loop->cached_count > CACHED_MIN || lc__stacks_have_excess();
}

/*
 * Gives back the memory of stacks that no fiber has used for some time. As of loop->now. First the
 * stacks go from the thread to all threads, where those of one slab come together; then, a period
 * or two later, their memory goes.
 * @return when there may be more of them; LC_FOREVER: no stack is kept that need not be.
 */
static int64_t trim_stacks(struct lc__loop *loop)
{
    enum { PERIODS = 3 };
    int64_t idle = loop->executor->idle_timeout;
    int64_t after = (idle < LC__STACK_IDLE ? idle : LC__STACK_IDLE) / PERIODS;
    if (!has_excess(loop)) {
        loop->trim_at = 0;
        return LC_FOREVER;
    }
    if (loop->trim_at != 0 && loop->now < loop->trim_at)
        return loop->trim_at;
    if (loop->trim_at != 0) {
        unsigned used = loop->cached_count - loop->cached_unused;
        keep_only(loop, used > CACHED_MIN ? used : CACHED_MIN);
    }
    loop->cached_unused = loop->cached_count;
    int64_t next = lc__stacks_trim(loop->now, after);
    if (loop->cached_count > CACHED_MIN && loop->now + after < next)
        next = loop->now + after;
    loop->trim_at = next < LC_FOREVER ? next : 0;
    return next;
}

void lc__loop_let_go(struct lc__loop *loop)
{
    keep_only(loop, 0);
    loop->cached_unused = 0;
    lc__cache_empty(&loop->cache);
    lc__sanitizer_thread_ends(&loop->sanitizer);
}

/* ---- switching ---- */

/* After every switch, on the stack come to. */
static void arrived(struct lc__loop *loop, struct lc__sanitizer_stack *stack)
{
    lc__sanitizer_arrived(stack);
    if (loop->corpse)
        bury(loop);
}

static void overrun(const struct lc__fiber *fiber)
{
    lc_log(LC_LOG_CRITICAL, lc__fiber_name(fiber),
           "has overflowed its stack of %zu bytes, and memory is damaged",
           fiber->stack.slab->stack_size);
    lc_log_flush();
    abort();
}

/* From one fiber to another; NULL stands for the thread's own stack. */
static void go(struct lc__loop *loop, struct lc__fiber *from, struct lc__fiber *to, bool for_good)
{
    struct lc__sanitizer_stack *left = from ? &from->sanitizer : &loop->sanitizer;
    if (to)
        set_state(to, LC__FIBER_RUNNING);
    if (from && lc__slab_has_marks(from->stack.slab) && lc__stack_is_overrun(from))
        overrun(from);
    /* Release, after `current`: who sees the new number sees who it stands for. See monitor.c. */
    atomic_store_explicit(&loop->current, to, memory_order_relaxed);
    uint64_t switches = atomic_load_explicit(&loop->switches, memory_order_relaxed);
    atomic_store_explicit(&loop->switches, switches + 1, memory_order_release);
    lc__task_running = to ? &to->task : loop->thread_task;
    lc__sanitizer_leaving(left, to ? &to->sanitizer : &loop->sanitizer, &loop->sanitizer, for_good);
    lc__switch(from ? &from->sp : &loop->sp, to ? to->sp : loop->sp);
    arrived(loop, left);
}

/*
 * The thread's own stack was left in go(), which was called by pass(): there the call is made,
 * before anything else is looked at. For the monitor it is no switch: the fiber has not waited.
 */
void lc__loop_call(void (*run)(void *arg), void *arg)
{
    struct lc__fiber *fiber = lc__fiber_current();
    struct lc__loop *loop = fiber->loop;
    loop->call = run;
    loop->call_arg = arg;
    lc__sanitizer_release(&loop->call);
    lc__task_running = loop->thread_task;
    lc__sanitizer_leaving(&fiber->sanitizer, &loop->sanitizer, &loop->sanitizer, false);
    lc__switch(&fiber->sp, loop->sp);
    lc__sanitizer_arrived(&fiber->sanitizer);
    lc__sanitizer_acquire(&loop->call);
}

/* On the thread's own stack: makes calls until the fiber has left for another reason. */
static void make_calls(struct lc__loop *loop)
{
    for (void (*run)(void *arg); (run = loop->call);) {
        struct lc__fiber *fiber = atomic_load_explicit(&loop->current, memory_order_relaxed);
        loop->call = NULL;
        lc__sanitizer_acquire(&loop->call);
        run(loop->call_arg);
        lc__sanitizer_release(&loop->call);
        lc__task_running = &fiber->task;
        lc__sanitizer_leaving(&loop->sanitizer, &fiber->sanitizer, &loop->sanitizer, false);
        lc__switch(&loop->sp, fiber->sp);
        arrived(loop, &loop->sanitizer);
    }
}

void lc__loop_fiber_main(void *arg)
{
    struct lc__fiber *fiber = arg;
    lc__sanitizer_entered(&fiber->loop->sanitizer);
    arrived(fiber->loop, &fiber->sanitizer);
    fiber->run(fiber->arg);
    lc__fiber_exit();
}

/* From here on it belongs to this thread. */
static void begin(struct lc__loop *loop, struct lc__fiber *fiber)
{
    fiber->loop = loop;
    if (fiber->finishing)
        loop->finishing++;
    else
        add(&loop->working, 1);
}

static struct lc__fiber *take_fresh(struct lc__loop *loop)
{
    if (atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) == 0)
        return NULL;
    lc__spinlock_lock(&loop->fresh_lock);
    struct lc__fiber *fiber = shift(&loop->fresh);
    if (fiber) {
        begin(loop, fiber); /* counted there before it is not counted here: see add */
        add(&loop->fresh_count, (size_t)-1);
    }
    lc__spinlock_unlock(&loop->fresh_lock);
    return fiber;
}

static struct lc__fiber *pick(struct lc__loop *loop)
{
    struct lc__fiber *fiber;
    if (loop->simulation) {
        fiber = lc__simulation_pick(loop->simulation);
        /* Acquire: pairs with the release by which it was made. */
        if (fiber && atomic_load_explicit(&fiber->state, memory_order_acquire) == LC__FIBER_NEW)
            begin(loop, fiber);
        return fiber;
    }
    fiber = shift(&loop->ready);
    return fiber ? fiber : take_fresh(loop);
}

/* Leaves a fiber for whoever is next. */
static void leave(struct lc__loop *loop, struct lc__fiber *fiber, bool for_good)
{
    struct lc__fiber *next = NULL;
    if (loop->budget > 0) {
        loop->budget--;
        next = pick(loop);
    }
    if (next == fiber)
        set_state(fiber, LC__FIBER_RUNNING);
    else
        go(loop, fiber, next, for_good);
}

/*
 * Of those that count there is one after the other: each park has one wake-up. Release: who sees a
 * wake-up counted sees the park counted.
 */
static void count(atomic_ulong *counter)
{
    unsigned long before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + 1, memory_order_release);
}

void lc__fiber_park(void)
{
    struct lc__fiber *fiber = lc__fiber_current();
    int kept = errno;
    lc__jobs_leave(fiber->loop, fiber);
    lc__due_leave(fiber->loop, fiber);
    count(&fiber->task.parks);
    set_state(fiber, LC__FIBER_PARKED);
    leave(fiber->loop, fiber, false);
    errno = kept;
}

void lc__fiber_exit(void)
{
    struct lc__fiber *fiber = lc__fiber_current();
    struct lc__loop *loop = fiber->loop;
    if (fiber->task.unwind)
        fiber->task.unwind();
    lc__jobs_leave(loop, fiber);
    lc__due_leave(loop, fiber);
    atomic_store_explicit(&fiber->job, NULL, memory_order_release);
    if (loop->simulation)
        lc__simulation_ended(loop->simulation, fiber);
    if (fiber->group)
        lc_thread_group_unref(fiber->group);
    if (fiber->finishing)
        loop->finishing--;
    else
        add(&loop->working, (size_t)-1);
    set_state(fiber, LC__FIBER_FREE);
    /*
     * Nobody but this thread takes stacks from its cache, and it takes none before it stands on
     * another: so this one can be put there at once.
     */
    if (LC__SANITIZED || !is_kept(loop, fiber))
        loop->corpse = fiber;
    else
        keep(loop, fiber);
    leave(loop, fiber, true);
    abort(); /* nobody comes back to it */
}

void lc__fiber_finishing(void)
{
    struct lc__fiber *fiber = lc__fiber_current();
    if (fiber->finishing)
        return;
    fiber->finishing = true;
    fiber->loop->finishing++;
    add(&fiber->loop->working, (size_t)-1);
}

/* ---- waking ---- */

static void make_ready(struct lc__loop *loop, struct lc__fiber *fiber)
{
    set_state(fiber, LC__FIBER_READY);
    if (loop->simulation)
        lc__simulation_ready(loop->simulation, fiber);
    else
        append(&loop->ready, fiber);
}

void lc__loop_poke(struct lc__loop *loop)
{
    lc__parker_unpark_thread(&loop->parker);
}

/*
 * By another thread, or in a signal handler: what the loop's thread is just doing is not touched.
 * The loop's memory is kept by our being counted, since the fiber may end before we have poked.
 */
static void push_inbox(struct lc__loop *loop, struct lc__fiber *fiber)
{
    atomic_fetch_add_explicit(&loop->wakers, 1, memory_order_relaxed);
    struct lc__fiber *first = atomic_load_explicit(&loop->inbox, memory_order_relaxed);
    do
        fiber->next = first;
    /* Release: who takes it out sees `next`. */
    while (!atomic_compare_exchange_weak_explicit(&loop->inbox, &first, fiber, memory_order_release,
                                                  memory_order_relaxed));
    /* Who put the first in has poked, or will: the thread takes all out when it comes. */
    if (!first)
        lc__loop_poke(loop);
    /* Release: after this the loop may be freed. */
    atomic_fetch_sub_explicit(&loop->wakers, 1, memory_order_release);
}

void lc__fiber_wake(struct lc__fiber *fiber, bool in_handler)
{
    struct lc__loop *loop = fiber->loop;
    count(&fiber->task.wakes);
    if (loop == lc__loop_of_thread && !in_handler)
        make_ready(loop, fiber);
    else
        push_inbox(loop, fiber);
}

/* The inbox is a stack: turned round, so that who was woken first runs first. */
static void empty_inbox(struct lc__loop *loop)
{
    if (!atomic_load_explicit(&loop->inbox, memory_order_relaxed))
        return;
    struct lc__fiber *taken = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    struct lc__fiber *turned = NULL;
    while (taken) {
        struct lc__fiber *next = taken->next;
        taken->next = turned;
        turned = taken;
        taken = next;
    }
    while (turned) {
        struct lc__fiber *next = turned->next;
        make_ready(loop, turned);
        turned = next;
    }
}

void lc__fiber_yield(void)
{
    struct lc__fiber *fiber = lc__fiber_current();
    struct lc__loop *loop = fiber->loop;
    int kept = errno;
    /*
     * With no other that can run, the thread looks around for one. Else a fiber that yields every
     * few milliseconds would be alone for a hundred of them, and be told that it never waits.
     */
    lc__jobs_leave(loop, fiber);
    lc__due_leave(loop, fiber);
    if (!loop->simulation && !loop->ready.first)
        loop->budget = 0;
    make_ready(loop, fiber);
    leave(loop, fiber, false);
    errno = kept;
}

/*
 * Fresh fibers have their turn before the fiber that yields: as many as may run before the next
 * look around.
 */
static void let_fresh_in(struct lc__loop *loop)
{
    enum { FRESH_MAX = BUDGET / 2 };
    struct lc__fiber *fresh;
    for (unsigned i = 0; !loop->simulation && i < FRESH_MAX && (fresh = take_fresh(loop)); i++)
        make_ready(loop, fresh);
}

bool lc__loop_turn(struct lc__loop *loop, struct lc__fiber *fiber, bool patient)
{
    /* For the monitor it is as good as a switch. */
    uint64_t switches = atomic_load_explicit(&loop->switches, memory_order_relaxed);
    atomic_store_explicit(&loop->switches, switches + 1, memory_order_release);
    bool others =
        loop->ready.first || atomic_load_explicit(&loop->fresh_count, memory_order_relaxed);
    if (!loop->simulation && loop->budget > 0 && (patient || !others)) {
        loop->budget--;
        return false;
    }
    let_fresh_in(loop);
    make_ready(loop, fiber);
    leave(loop, fiber, false);
    return true;
}

/* ---- fibers that have not started ---- */

void lc__loop_add_fresh(struct lc__loop *loop, struct lc__fiber *fiber)
{
    if (loop->simulation) {
        lc__simulation_ready(loop->simulation, fiber);
        return;
    }
    lc__spinlock_lock(&loop->fresh_lock);
    /*
     * A backlog is as old as its first; what our thread last read of the clock may be old itself.
     */
    if (!loop->fresh.first && loop->executor->threads > 1)
        loop->fresh_since = lc__clock_real.now(&lc__clock_real);
    fiber->born = loop->fresh_since;
    append(&loop->fresh, fiber);
    add(&loop->fresh_count, 1);
    lc__spinlock_unlock(&loop->fresh_lock);
}

void lc__loop_adopt(struct lc__loop *loop, struct lc__fiber *fiber)
{
    begin(loop, fiber);
    make_ready(loop, fiber);
}

/* Takes those that are old enough and may go, from the oldest on, at most half of all. */
static unsigned take_aged(struct lc__loop *thief, struct lc__loop *victim, int64_t now,
                          struct lc__queue *loot)
{
    struct lc__queue rest = {NULL, NULL};
    unsigned taken = 0;
    size_t most = (atomic_load_explicit(&victim->fresh_count, memory_order_relaxed) + 1) / 2;
    most = most < STEAL_MAX ? most : STEAL_MAX;
    for (unsigned looked = 0; looked < 2 * STEAL_MAX && taken < most; looked++) {
        struct lc__fiber *fiber = victim->fresh.first;
        if (!fiber || now - fiber->born < LC__FRESH_AGE)
            break;
        shift(&victim->fresh);
        bool may = !fiber->group || lc__thread_group_has(fiber->group, thief->index);
        append(may ? loot : &rest, fiber);
        taken += may;
    }
    /* Those that may not go with this thief are the oldest still. */
    if (rest.first) {
        rest.last->next = victim->fresh.first;
        if (!victim->fresh.first)
            victim->fresh.last = rest.last;
        victim->fresh.first = rest.first;
    }
    add(&victim->fresh_count, -(size_t)taken);
    return taken;
}

bool lc__loop_steal(struct lc__loop *thief, struct lc__loop *victim, int64_t now)
{
    struct lc__queue loot = {NULL, NULL};
    if (atomic_load_explicit(&victim->fresh_count, memory_order_relaxed) == 0)
        return false;
    lc__spinlock_lock(&victim->fresh_lock);
    unsigned taken = take_aged(thief, victim, now, &loot);
    lc__spinlock_unlock(&victim->fresh_lock);
    if (taken == 0)
        return false;
    lc__spinlock_lock(&thief->fresh_lock);
    for (struct lc__fiber *fiber; (fiber = shift(&loot));)
        append(&thief->fresh, fiber);
    add(&thief->fresh_count, taken);
    lc__spinlock_unlock(&thief->fresh_lock);
    return true;
}

/*
 * Whether what waits to be started has waited long enough for another thread to be worth its wake.
 */
static bool has_aged_backlog(struct lc__loop *loop)
{
    if (atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) < 2)
        return false;
    loop->now = lc__clock_real.now(&lc__clock_real); /* what was read before they ran is old */
    lc__spinlock_lock(&loop->fresh_lock);
    const struct lc__fiber *oldest = loop->fresh.first;
    bool aged = oldest && loop->now - oldest->born >= LC__FRESH_AGE;
    lc__spinlock_unlock(&loop->fresh_lock);
    return aged;
}

size_t lc__loop_has_begun(struct lc__loop *loop)
{
    return atomic_load(&loop->working) + loop->finishing;
}

bool lc__loop_is_empty(struct lc__loop *loop)
{
    return atomic_load(&loop->fresh_count) == 0 && !atomic_load(&loop->inbox) &&
           !loop->ready.first && !loop->due.first && lc__jobs_is_empty(loop) &&
           lc__loop_has_begun(loop) == 0;
}

/* ---- looking around ---- */

void lc__loop_fire_timers(struct lc__loop *loop, struct lc__timers *timers, int64_t now)
{
    struct lc__timer *timer;
    while (lc__timers_take_due(timers, now, NULL, NULL, &timer))
        if (timer)
            lc__due_add(loop, timer);
}

static void look_around(struct lc__loop *loop)
{
    empty_inbox(loop);
    bool timed = lc__timers_count(&loop->timers) > 0;
    if (timed || atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) > 0) {
        loop->now = lc__clock_real.now(&lc__clock_real);
        trim_stacks(loop); /* a thread that always has something to do comes here too */
    }
    if (timed)
        lc__loop_fire_timers(loop, &loop->timers, loop->now);
    if (loop->poller.watching > 0)
        lc__poller_look(&loop->poller);
}

static void sleep_until(struct lc__loop *loop, unsigned seen, int64_t deadline)
{
    static const struct lc__park_reason reason = {"something to run", NULL};
    if (loop->poller.watching > 0)
        lc__poller_wait(&loop->poller, &loop->parker, seen, deadline, &reason);
    else
        lc__park(&loop->parker, seen, deadline, &reason);
}

/* @return false if the thread is to leave. */
static bool idle(struct lc__loop *loop, unsigned seen)
{
    if (loop->simulation)
        return lc__simulation_advance(loop->simulation);
    int64_t deadline = lc__timers_next(&loop->timers);
    int64_t retire = LC_FOREVER;
    if (lc__executor_lets_go(loop, false))
        return false;
    loop->now = lc__clock_real.now(&lc__clock_real);
    if (lc__executor_may_retire(loop))
        retire = loop->executor->idle_timeout > LC_FOREVER - loop->now
                     ? LC_FOREVER
                     : loop->now + loop->executor->idle_timeout;
    retire = retire > loop->stays_until ? retire : loop->stays_until;
    if (!lc__jobs_is_empty(loop)) /* there was no memory for who would run them */
        retire = loop->now + LC_MILLISECOND;
    int64_t trim = trim_stacks(loop);
    deadline = trim < deadline ? trim : deadline;
    atomic_store_explicit(&loop->asleep, true, memory_order_relaxed);
    sleep_until(loop, seen, deadline < retire ? deadline : retire);
    atomic_store(&loop->asleep, false);
    lc__monitor_notice();
    /* Release: see lc__executor_call_help. */
    atomic_store_explicit(&loop->executor->helping, false, memory_order_release);
    loop->now = lc__clock_real.now(&lc__clock_real);
    if (loop->now < retire)
        return true;
    if (lc__executor_lets_go(loop, true))
        return false;
    /* With a short idle_timeout, or none, it would do nothing but ask. */
    loop->stays_until = loop->now + LC_SECOND;
    return true;
}

/* Some fibers, and then a look around. @return false if the thread is to leave. */
static bool pass(struct lc__loop *loop)
{
    /*
     * Counted before looked: what is handed over after the look changes the count, and the sleep
     * does not begin.
     */
    unsigned seen = lc__parker_count(&loop->parker);
    if (loop->simulation)
        empty_inbox(loop); /* nobody of its world puts anything there, but nothing is to be lost */
    else
        look_around(loop);
    bool served = lc__due_serve(loop);
    served &= lc__jobs_serve(loop);
    loop->budget = BUDGET;
    /* One that has not started, else those that wake each other could keep it waiting. */
    struct lc__fiber *next = loop->simulation ? NULL : take_fresh(loop);
    if (!next)
        next = pick(loop);
    if (!next && !loop->simulation && lc__executor_find_work(loop)) {
        lc__jobs_serve(loop);
        next = pick(loop);
    }
    if (!next)
        return (loop->simulation && !served) || idle(loop, seen);
    go(loop, NULL, next, false);
    make_calls(loop);
    if (lc__jobs_have_aged(loop) || has_aged_backlog(loop))
        lc__executor_call_help(loop->executor, false);
    return true;
}

void lc__loop_run(struct lc__loop *loop)
{
    struct lc__loop *outer = lc__loop_of_thread;
    bool real = !loop->simulation;
    lc__loop_of_thread = loop;
    atomic_store_explicit(&loop->thread_id, (int)gettid(), memory_order_relaxed);
    /* If we were called to help, here we are. */
    atomic_store_explicit(&loop->executor->helping, false, memory_order_relaxed);
    loop->thread_task = lc__task_of_thread();
    loop->now = lc__clock_real.now(&lc__clock_real);
    lc__sanitizer_stack_of_thread(&loop->sanitizer);
    while (pass(loop))
        continue;
    if (!real) /* a real one has done so while it was still this thread's */
        lc__loop_let_go(loop);
    lc__loop_of_thread = outer;
}

void lc__loop_init(struct lc__loop *loop, lc_executor *executor, unsigned index)
{
    /* All but the timers, which are empty and whose lock may be taken by somebody: executor.c. */
    size_t before = offsetof(struct lc__loop, timers);
    size_t behind = before + sizeof loop->timers;
    memset(loop, 0, before);
    memset((char *)loop + behind, 0, sizeof *loop - behind);
    loop->executor = executor;
    loop->index = index;
    loop->simulation = executor->simulation;
    loop->poller.epoll = -1;
    lc__parker_init_thread(&loop->parker);
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
