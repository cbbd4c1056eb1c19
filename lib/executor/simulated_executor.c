/*
 * simulated_executor.c: see simulated_executor.h.
 *
 * The fibers of a simulation:
 *
 *     made, woken, has yielded
 *        |  simulated_became_ready()              simulated_pick(): any one, by the seed
 *        +--------------------------> ready[] -------------------------------------------> runs
 *        |  at random: delayed         ^
 *        +-----------------> late -----+
 *                                late_is_due()
 *
 * Callers. One thread, in lc_executor_run(), runs the loop, and everything else runs in its fibers.
 * Nothing has a lock, and no other thread wakes it. Before and after the run no fiber can be
 * started and no job posted here: the caller would be of another world.
 *
 * Invariant. What happens follows from the seed alone: each choice is drawn from a generator of the
 * simulation, in an order that follows from the choices before.
 *
 * Why no wake-up is lost. A fiber that becomes ready goes into ready[], which has room for all that
 * live, or its `late` timer is armed. Time moves only when nothing is ready: to the next timer, of
 * the workers or of a late wake-up. If there is no timer, no descriptor is ready and workers are
 * left, nothing will ever wake them, and the run ends with a report of the deadlock.
 */
#include "executor/simulated_executor.h"

#include "base/container.h"
#include "base/fork.h"
#include "base/sanitizer.h"
#include "executor/due.h"
#include "executor/executor_make.h"
#include "executor/loop_run.h"
#include "executor/poller.h"
#include "executor/simulated_fds.h"
#include "executor/simulation_report.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* ---- fibers ---- */

static void simulated_push(struct lc__simulation *simulation, struct lc__fiber *fiber)
{
    LC__ASSERT(simulation->ready_count < simulation->room);
    simulation->ready[simulation->ready_count++] = fiber;
}

static bool late_is_due(struct lc__timer *timer)
{
    struct lc__fiber *fiber = LC__CONTAINER_OF(timer, struct lc__simulated_fiber, late)->fiber;
    simulated_push(fiber->task.simulation, fiber);
    return false;
}

/* For one more fiber in ready[]. @return 0, -ENOMEM. */
static int simulated_make_room(struct lc__simulation *simulation)
{
    if (simulation->live_count < simulation->room)
        return 0;
    size_t room = simulation->room ? simulation->room * 2 : 64;
    struct lc__fiber **ready =
        lc__reallocate_array(simulation->ready, room, sizeof(struct lc__fiber *));
    if (!ready)
        return -ENOMEM;
    simulation->ready = ready;
    simulation->room = room;
    return 0;
}

static int simulated_admit(struct lc__loop *loop, struct lc__fiber *fiber)
{
    struct lc__simulation *simulation = loop->simulation;
    struct lc__simulated_fiber *simulated = NULL;
    if (simulated_make_room(simulation) == 0)
        simulated = lc__allocate(sizeof *simulated);
    if (!simulated)
        return -ENOMEM;
    simulated->fiber = fiber;
    simulated->late.due = late_is_due;
    fiber->simulated = simulated;
    lc__sanitizer_release(simulated); /* to the fiber that wakes it */
    TAILQ_INSERT_TAIL(&simulation->live, simulated, link);
    simulation->live_count++;
    return 0;
}

static void simulated_ended(struct lc__loop *loop, struct lc__fiber *fiber)
{
    struct lc__simulation *simulation = loop->simulation;
    LC__ASSERT(fiber->simulated && simulation->live_count > 0);
    lc__sanitizer_acquire(fiber->simulated);
    lc__timer_disarm(&fiber->simulated->late);
    lc__sanitizer_acquire(fiber->simulated);
    TAILQ_REMOVE(&simulation->live, fiber->simulated, link);
    simulation->live_count--;
    lc__free(fiber->simulated);
}

/* ---- what runs next ---- */

static void simulated_became_ready(struct lc__loop *loop, struct lc__fiber *fiber)
{
    struct lc__simulation *simulation = loop->simulation;
    const lc_simulation_options *options = &simulation->options;
    if (!lc__simulation_strikes(simulation, options->delay_one_in)) {
        simulated_push(simulation, fiber);
        return;
    }
    int64_t delay =
        1 + (int64_t)lc__random_below(&simulation->chance, (uint64_t)options->delay_max);
    lc__sanitizer_acquire(fiber->simulated);
    /* Before LC_FOREVER: the fiber is late, and not lost. */
    int64_t left = LC_FOREVER - 1 - simulation->now;
    int64_t deadline = simulation->now + (delay < left ? delay : left);
    lc__timers_arm(&simulation->late, &fiber->simulated->late, deadline);
    lc__sanitizer_release(fiber->simulated);
}

static struct lc__fiber *simulated_choose(struct lc__simulation *simulation)
{
    size_t count = simulation->ready_count;
    if (count == 0 || simulation->verdict)
        return NULL;
    uint64_t limit = simulation->options.steps_max;
    if (simulation->steps == limit) {
        lc__simulation_report_endless(simulation);
        return NULL;
    }
    simulation->steps++;
    size_t at = (size_t)lc__random_below(&simulation->order, count);
    struct lc__fiber *fiber = simulation->ready[at];
    simulation->ready[at] = simulation->ready[--simulation->ready_count];
    if (limit - simulation->steps < LC__LAST_STEPS)
        lc__simulation_count_step(simulation, fiber);
    return fiber;
}

static struct lc__fiber *simulated_pick(struct lc__loop *loop)
{
    struct lc__fiber *fiber = simulated_choose(loop->simulation);
    /* Acquire: pairs with the release in fiber_init(). */
    if (fiber && atomic_load_explicit(&fiber->state, memory_order_acquire) == LC__FIBER_NEW)
        lc__loop_begin(loop, fiber);
    return fiber;
}

/* ---- when nothing can run ---- */

/* Moves the clock to the next timer. @return false if the run is over. */
static bool simulation_advance(struct lc__simulation *simulation)
{
    bool over = simulation->live_count == 0 &&
                atomic_load_explicit(&simulation->executor->bound, memory_order_relaxed) == 0;
    if (simulation->verdict || over)
        return false;
    if (lc__simulated_fds_wake(simulation))
        return true;
    int64_t next = lc__timers_next(&simulation->timers);
    int64_t next_late = lc__timers_next(&simulation->late);
    next = next < next_late ? next : next_late;
    if (next == LC_FOREVER) {
        lc__clock_set_current(&simulation->clock); /* the lines of the report have its time */
        lc__simulation_report_deadlock(simulation);
        lc__clock_set_current(NULL);
        return false;
    }
    if (next > simulation->now)
        simulation->now = next;
    lc__due_collect(lc__loop_of_thread, &simulation->timers, simulation->now);
    lc__due_collect(lc__loop_of_thread, &simulation->late, simulation->now);
    return true;
}

static bool simulated_idle(struct lc__loop *loop, unsigned seen, bool served)
{
    (void)seen; /* no other thread wakes this one */
    if (!served || simulation_advance(loop->simulation))
        return true;
    lc__loop_let_go(loop);
    return false;
}

static bool simulated_find_work(struct lc__loop *loop)
{
    (void)loop; /* there is no other loop */
    return false;
}

static void simulated_call_help(struct lc__loop *loop, bool add)
{
    (void)loop, (void)add; /* there is no other thread */
}

static const struct lc__loop_operations simulated_operations = {
    .pick = simulated_pick,
    .became_ready = simulated_became_ready,
    .admit = simulated_admit,
    .ended = simulated_ended,
    .look_around = lc__loop_empty_inbox, /* no other thread puts anything there */
    .find_work = simulated_find_work,
    .idle = simulated_idle,
    .call_help = simulated_call_help,
    .stacks_kept = 0, /* each taking of a stack may fail by chance, in every build alike */
};

/* ---- a run ---- */

void lc__simulation_begin(struct lc__simulation *simulation)
{
    simulation->steps = 0;
    memset(simulation->busy, 0, sizeof simulation->busy);
}

lc_error *lc__simulation_verdict(struct lc__simulation *simulation, lc_error *result)
{
    if (!simulation->verdict)
        return result;
    lc_error_unref(result);
    lc_error *verdict = simulation->verdict;
    simulation->verdict = NULL;
    return verdict;
}

int lc_simulation_touch(int fd)
{
    if (!lc_is_simulated())
        return -ENOTSUP;
    lc__poller_touch(fd, false);
    return 0;
}

/* ---- making and freeing ---- */

lc_error *lc_executor_new_simulated(const lc_simulation_options *given, lc_executor **executor)
{
    enum { STACK = 256 * 1024 }; /* lc_call_blocking runs its function on the caller's stack */
    static const lc_executor_options of_one = {
        .name = "simulation", .threads = 1, .stack_size = STACK, .stall_limit = LC_FOREVER};
    lc_simulation_options options;
    if (!executor)
        return lc_error_new(-EINVAL, "lc_executor_new_simulated needs a place for the executor");
    *executor = NULL;
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "no executor in a child forked when there were workers");
    lc_error *mistake = lc__simulation_read_options(&options, given);
    if (mistake)
        return mistake;
    struct lc__simulation *simulation = lc__simulation_new(&options);
    lc_executor *made = simulation ? lc__executor_make(&of_one, &simulated_operations) : NULL;
    if (!made) {
        lc__free(simulation);
        return lc_error_new(-ENOMEM, "no memory for a simulation");
    }
    made->simulation = simulation;
    simulation->executor = made;
    lc__executor_enlist(made);
    *executor = made;
    return NULL;
}

bool lc__simulation_is_over(struct lc__simulation *simulation)
{
    /* The timers of lost workers are lost, too. */
    bool lost = simulation->live_count > 0 || atomic_load(&simulation->executor->bound) > 0;
    size_t timers = lost ? 0 : lc__timers_count(&simulation->timers);
    if (timers > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "a simulation cannot be freed while contexts made in it have a deadline to come: "
               "%zu",
               timers);
    return timers == 0;
}

/*
 * The loop of all lost fibers. What they wait for may outlive their world and still wake them: they
 * then go into an inbox that no thread empties.
 */
static struct lc__loop loop_of_lost;

/* The workers that are left, in a run that was broken off, do not run again. */
static void simulation_lose_workers(struct lc__simulation *simulation)
{
    lc__timers_drop(&simulation->timers);
    lc__timers_drop(&simulation->late);
    if (simulation->live_count == 0)
        return;
    lc__poller_drop(simulation);
    TAILQ_INIT(&simulation->fds.watches);
    for (struct lc__simulated_fiber *lost; (lost = TAILQ_FIRST(&simulation->live));) {
        TAILQ_REMOVE(&simulation->live, lost, link);
        lost->fiber->loop = &loop_of_lost;
        lc__free(lost);
    }
}

void lc__simulation_end(struct lc__simulation *simulation)
{
    lc__simulation_forget(simulation);
    simulation_lose_workers(simulation);
    lc__simulation_free(simulation);
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
