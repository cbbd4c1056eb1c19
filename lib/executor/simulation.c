/*
 * simulation.c: see simulation.h.
 *
 * There is one thread, so nothing here is locked. All choices come from generators that follow from
 * the seed, one for each purpose, so that the program's random numbers do not hang on how often the
 * scheduler has chosen.
 */
#include "executor/simulation.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/sanitizer.h"
#include "base/system.h"
#include "executor/executor.h"
#include "executor/loop.h"
#include "executor/poller.h"
#include "executor/simulated_net.h"
#include "executor/timers.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <bsd/sys/queue.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* What a fiber has beside its control block in a simulation. */
struct lc__simulated_fiber {
    TAILQ_ENTRY(lc__simulated_fiber) link; /* of all that live, in the order they were made */
    struct lc__fiber *fiber;
    struct lc__timer late; /* its wake-up has come, and is kept back */
};

struct lc__simulation {
    struct lc__clock clock; /* first */
    struct lc__timers timers;
    struct lc__timers late; /* wake-ups kept back: many come out of `timers`, under its lock */
    int64_t now;
    lc_simulation_options options;
    lc_executor *executor;
    struct lc__random order;  /* who runs next */
    struct lc__random own;    /* the program's */
    struct lc__random chance; /* delays and early wake-ups */
    struct lc__random luck;   /* allocations */
    struct lc__faults faults;
    uint64_t steps;
    uint64_t caught;
    lc_error *verdict; /* why the run was broken off; NULL: it was not */

    struct lc__fiber **ready; /* room for all that live */
    size_t ready_count;
    size_t room;
    TAILQ_HEAD(, lc__simulated_fiber) live;
    size_t live_count;
    struct lc__simulated_fds fds;
    struct lc__simulated_net net;
    struct lc__log_repeated scarcity;
};

static bool one_in(struct lc__random *random, unsigned number)
{
    return number > 0 && lc__random_below(random, number) == 0;
}

/* ---- fibers ---- */

void lc__simulation_adopt(struct lc__simulation *simulation, struct lc__task *task)
{
    task->clock = &simulation->clock;
    task->random = &simulation->own;
    task->faults = simulation->options.fail_one_in > 0 ? &simulation->faults : NULL;
    task->simulation = simulation;
}

static struct lc__fiber *fiber_of_late(struct lc__timer *timer)
{
    size_t offset = offsetof(struct lc__simulated_fiber, late);
    return ((struct lc__simulated_fiber *)((char *)timer - offset))->fiber;
}

static void push(struct lc__simulation *simulation, struct lc__fiber *fiber)
{
    simulation->ready[simulation->ready_count++] = fiber;
}

static bool late_is_due(struct lc__timer *timer)
{
    struct lc__fiber *fiber = fiber_of_late(timer);
    push(fiber->task.simulation, fiber);
    return false;
}

static int make_room(struct lc__simulation *simulation)
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

int lc__simulation_admit(struct lc__simulation *simulation, struct lc__fiber *fiber)
{
    struct lc__simulated_fiber *simulated = NULL;
    if (make_room(simulation) == 0)
        simulated = lc__allocate(sizeof *simulated);
    if (!simulated)
        return -ENOMEM;
    simulated->fiber = fiber;
    simulated->late.due = late_is_due;
    fiber->simulated = simulated;
    lc__sanitizer_release(simulated); /* for who wakes it */
    TAILQ_INSERT_TAIL(&simulation->live, simulated, link);
    simulation->live_count++;
    return 0;
}

void lc__simulation_ended(struct lc__simulation *simulation, struct lc__fiber *fiber)
{
    lc__sanitizer_acquire(fiber->simulated);
    lc__timer_disarm(&fiber->simulated->late);
    lc__sanitizer_acquire(fiber->simulated);
    TAILQ_REMOVE(&simulation->live, fiber->simulated, link);
    simulation->live_count--;
    lc__free(fiber->simulated);
}

/* ---- what runs next ---- */

void lc__simulation_begin(struct lc__simulation *simulation)
{
    simulation->steps = 0;
}

void lc__simulation_ready(struct lc__simulation *simulation, struct lc__fiber *fiber)
{
    const lc_simulation_options *options = &simulation->options;
    if (!one_in(&simulation->chance, options->delay_one_in)) {
        push(simulation, fiber);
        return;
    }
    int64_t delay =
        1 + (int64_t)lc__random_below(&simulation->chance, (uint64_t)options->delay_max);
    lc__sanitizer_acquire(fiber->simulated);
    /* At the end of time at the latest, but not for ever: it is late, and not lost. */
    int64_t left = LC_FOREVER - 1 - simulation->now;
    int64_t deadline = simulation->now + (delay < left ? delay : left);
    lc__timers_arm(&simulation->late, &fiber->simulated->late, deadline);
    lc__sanitizer_release(fiber->simulated);
}

struct lc__fiber *lc__simulation_pick(struct lc__simulation *simulation)
{
    size_t count = simulation->ready_count;
    if (count == 0 || simulation->verdict)
        return NULL;
    uint64_t limit = simulation->options.steps_max;
    if (limit > 0 && simulation->steps == limit) {
        simulation->verdict = lc_error_new(
            -ELOOP, "the simulation of seed %" PRIu64 " did not end in %" PRIu64 " steps",
            simulation->options.seed, limit);
        return NULL;
    }
    simulation->steps++;
    size_t at = (size_t)lc__random_below(&simulation->order, count);
    struct lc__fiber *fiber = simulation->ready[at];
    simulation->ready[at] = simulation->ready[--simulation->ready_count];
    return fiber;
}

size_t lc__simulation_choose(struct lc__simulation *simulation, size_t count)
{
    return count > 1 ? (size_t)lc__random_below(&simulation->order, count) : 0;
}

bool lc__simulation_wakes_early(struct lc__simulation *simulation)
{
    return one_in(&simulation->chance, simulation->options.early_one_in);
}

/* ---- when nothing can run ---- */

static const char *waits_for(const struct lc__fiber *fiber)
{
    return fiber->task.parked ? fiber->task.parked->what : "its turn";
}

/*
 * ThreadSanitizer takes the fiber for a thread that still writes there, and would see a copy by
 * memcpy, or by atomic steps.
 */
static void copy_name(const struct lc__fiber *fiber, char *name)
{
    struct lc__job *job = atomic_load_explicit(&fiber->job, memory_order_relaxed);
    if (job) {
        job->kind->copy_name(job, name);
        return;
    }
    const volatile char *from = lc__fiber_name(fiber);
    while ((*name++ = *from++))
        continue;
}

/* Adds "name (what), ..." as far as there is room. */
static void list_waiting(const struct lc__simulation *simulation, char *text, size_t size)
{
    size_t used = 0;
    char name[LC_NAME_MAX + 1];
    const struct lc__simulated_fiber *simulated;
    text[0] = '\0';
    TAILQ_FOREACH (simulated, &simulation->live, link) {
        if (used + LC_NAME_MAX + 64 > size) {
            snprintf(text + used, size - used, ", ...");
            return;
        }
        copy_name(simulated->fiber, name);
        used += (size_t)snprintf(text + used, size - used, "%s\"%s\" (%s)", used > 0 ? ", " : "",
                                 name, waits_for(simulated->fiber));
    }
}

/* Isolates that wait for a message which nobody is left to send. */
static void list_jobs(const struct lc__simulation *simulation, char *text, size_t size)
{
    size_t count = atomic_load_explicit(&simulation->executor->bound, memory_order_relaxed);
    size_t used = strlen(text);
    char name[LC_NAME_MAX + 1];
    if (count == 0)
        return;
    lc__jobs_name_one(simulation->executor, name);
    snprintf(text + used, size - used, "%sisolates: %zu, among them \"%s\"", used > 0 ? ", " : "",
             count, name);
}

static void report_deadlock(struct lc__simulation *simulation)
{
    enum { FOR_JOBS = 128 };
    char waiting[2048], name[LC_NAME_MAX + 1];
    list_waiting(simulation, waiting, sizeof waiting - FOR_JOBS);
    list_jobs(simulation, waiting, sizeof waiting);
    simulation->verdict =
        lc_error_new(-EDEADLK,
                     "deadlock in the simulation of seed %" PRIu64
                     ": nothing will wake what is left, workers: %zu; they wait for: %s",
                     simulation->options.seed, simulation->live_count, waiting);
    const struct lc__simulated_fiber *simulated;
    TAILQ_FOREACH (simulated, &simulation->live, link) {
        copy_name(simulated->fiber, name);
        lc_log(LC_LOG_ERROR, name, "waits for ever in a deadlock, for: %s",
               waits_for(simulated->fiber));
    }
}

bool lc__simulation_advance(struct lc__simulation *simulation)
{
    bool over = simulation->live_count == 0 &&
                atomic_load_explicit(&simulation->executor->bound, memory_order_relaxed) == 0;
    if (simulation->verdict || over)
        return false;
    if (lc__simulated_fds_wake(&simulation->fds))
        return true;
    int64_t next = lc__timers_next(&simulation->timers);
    int64_t next_late = lc__timers_next(&simulation->late);
    next = next < next_late ? next : next_late;
    if (next == LC_FOREVER) {
        lc__clock_set_current(&simulation->clock); /* the report has the world's time */
        report_deadlock(simulation);
        lc__clock_set_current(NULL);
        return false;
    }
    if (next > simulation->now)
        simulation->now = next;
    lc__loop_fire_timers(lc__loop_of_thread, &simulation->timers, simulation->now);
    lc__loop_fire_timers(lc__loop_of_thread, &simulation->late, simulation->now);
    return true;
}

/* ---- descriptors ---- */

int lc__simulation_poll(struct lc__simulation *simulation, struct pollfd *descriptors, size_t count)
{
    const lc_simulation_options *options = &simulation->options;
    int ready = 0;
    if (!options->poll)
        return lc__poll_now(descriptors, count);
    for (size_t i = 0; i < count; i++) {
        int found = options->poll(options->poll_arg, descriptors[i].fd, descriptors[i].events);
        if (found < 0)
            return found;
        descriptors[i].revents = (short)found;
        ready += found != 0;
    }
    return ready;
}

void lc__simulation_watch(struct lc__simulation *simulation, struct lc__simulated_watch *watch,
                          struct lc__parker *parker, const struct pollfd *polled)
{
    if (!simulation->options.poll)
        lc__simulated_fds_add(&simulation->fds, watch, parker, polled);
}

void lc__simulation_unwatch(struct lc__simulation *simulation, struct lc__simulated_watch *watch)
{
    if (watch->parker)
        lc__simulated_fds_remove(&simulation->fds, watch);
}

size_t lc__simulation_part(struct lc__simulation *simulation, size_t size)
{
    if (size < 2 || !one_in(&simulation->chance, simulation->options.early_one_in))
        return size;
    return 1 + (size_t)lc__random_below(&simulation->chance, size - 1);
}

struct lc__simulated_net *lc__simulation_net(struct lc__simulation *simulation)
{
    return &simulation->net;
}

struct lc__log_repeated *lc__simulation_scarcity(struct lc__simulation *simulation)
{
    return &simulation->scarcity;
}

bool lc_is_simulated(void)
{
    return lc__task_current()->simulation != NULL;
}

int lc_simulation_touch(int descriptor)
{
    if (!lc_is_simulated())
        return -ENOTSUP;
    lc__poller_touch(descriptor, false);
    return 0;
}

/* ---- making and freeing ---- */

static int64_t read_virtual(struct lc__clock *clock)
{
    return ((struct lc__simulation *)clock)->now;
}

static struct lc__simulation *make(const lc_simulation_options *options)
{
    struct lc__simulation *simulation = lc__allocate(sizeof *simulation);
    if (!simulation)
        return NULL;
    simulation->clock = (struct lc__clock){read_virtual, &simulation->timers};
    simulation->timers = simulation->late = (struct lc__timers)LC__TIMERS_INIT;
    simulation->now = options->start;
    simulation->options = *options;
    /* Far apart, so that the generators of neighbouring seeds are not each other's. */
    uint64_t seed = options->seed * 4;
    lc__random_seed(&simulation->order, seed);
    lc__random_seed(&simulation->own, seed + 1);
    lc__random_seed(&simulation->chance, seed + 2);
    lc__random_seed(&simulation->luck, seed + 3);
    simulation->faults = (struct lc__faults){&simulation->luck, options->fail_one_in};
    TAILQ_INIT(&simulation->live);
    lc__simulated_fds_init(&simulation->fds);
    lc__simulated_net_init(&simulation->net);
    return simulation;
}

static lc_error *check(const lc_simulation_options *options)
{
    if (options->size != sizeof *options)
        return lc_error_new(-EINVAL,
                            "the options of a simulation were not made with LC_SIMULATION_INIT");
    if (options->start <= 0)
        return lc_error_new(-EINVAL, "a simulation's clock starts above 0, not at %" PRId64,
                            options->start);
    if (options->delay_one_in > 0 && options->delay_max <= 0)
        return lc_error_new(-EINVAL, "a simulation with delays needs a delay_max above 0");
    if (options->early_one_in == 1 || options->fail_one_in == 1)
        return lc_error_new(-EINVAL, "a simulation in which every wait wakes early, or every "
                                     "allocation fails, would get nowhere");
    return NULL;
}

lc_error *lc_executor_simulated_with(const lc_simulation_options *options, lc_executor **executor)
{
    static const lc_simulation_options defaults = LC_SIMULATION_INIT;
    enum { STACK = 256 * 1024 }; /* lc_call_blocking runs its function on its caller's */
    static const lc_executor_options of_one = {
        .name = "simulation", .threads = 1, .stack_size = STACK, .stall_limit = LC_FOREVER};
    if (!executor)
        return lc_error_new(-EINVAL, "lc_executor_simulated_with needs a place for the executor");
    *executor = NULL;
    options = options ? options : &defaults;
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "no executor in a child forked when there were workers");
    lc_error *mistake = check(options);
    if (mistake)
        return mistake;
    struct lc__simulation *simulation = make(options);
    lc_executor *made = simulation ? lc__executor_make(&of_one) : NULL;
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

lc_executor *lc_executor_simulated(uint64_t seed)
{
    lc_simulation_options options = LC_SIMULATION_INIT;
    lc_executor *executor;
    options.seed = seed;
    lc_error_unref(lc_executor_simulated_with(&options, &executor));
    return executor;
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

bool lc__simulation_is_over(struct lc__simulation *simulation)
{
    /* Of workers that are lost, the timers are lost too. */
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
 * Where lost fibers are for ever. What they wait for may outlive their world and still wake them: it
 * then puts them before a thread that is not there.
 */
static struct lc__loop limbo;

/* Whoever was parked, or ready, when the run was broken off will not be run again. */
static void lose_workers(struct lc__simulation *simulation)
{
    if (simulation->live_count == 0)
        return;
    lc__timers_drop(&simulation->timers);
    lc__timers_drop(&simulation->late);
    lc__poller_drop(simulation);
    lc__simulated_fds_init(&simulation->fds);
    for (struct lc__simulated_fiber *lost; (lost = TAILQ_FIRST(&simulation->live));) {
        TAILQ_REMOVE(&simulation->live, lost, link);
        lost->fiber->loop = &limbo;
        lc__free(lost);
    }
}

/* One for each file that holds something of a simulation for the process. */
enum { FORGETTERS = 4 };
typedef void (*forgetter)(struct lc__simulation *simulation);
static _Atomic forgetter forgetters[FORGETTERS];

void lc__simulation_at_end(void (*forget)(struct lc__simulation *simulation))
{
    for (int i = 0; i < FORGETTERS; i++) {
        forgetter there = NULL;
        if (atomic_compare_exchange_strong(&forgetters[i], &there, forget) || there == forget)
            return;
    }
}

void lc__simulation_free(struct lc__simulation *simulation)
{
    for (int i = 0; i < FORGETTERS; i++) {
        forgetter forget = atomic_load(&forgetters[i]);
        if (forget)
            forget(simulation);
    }
    lose_workers(simulation);
    pthread_mutex_destroy(&simulation->timers.lock);
    pthread_mutex_destroy(&simulation->late.lock);
    lc__simulated_net_end(&simulation->net);
    lc__free(simulation->ready);
    lc__free(simulation);
}

uint64_t *lc__simulation_caught(struct lc__simulation *simulation)
{
    return &simulation->caught;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
