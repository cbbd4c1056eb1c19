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
#include "base/log_repeated.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/random.h"
#include "base/sanitizer.h"
#include "base/system.h"
#include "executor/due.h"
#include "executor/executor_make.h"
#include "executor/job.h"
#include "executor/loop.h"
#include "executor/poller.h"
#include "executor/simulated_net.h"
#include "executor/timer_queue.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <bsd/string.h>
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

/* A worker that has run among the last steps before the limit. */
struct lc__busy_worker {
    char name[LC_NAME_MAX + 1];
    uint64_t steps;
};

enum {
    LAST_STEPS = 4096,     /* whose workers are counted, before a run is broken off */
    BUSY_WORKERS_MAX = 16, /* of whom it is counted */
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
    bool quiet; /* the faults are off */
    uint64_t steps;
    struct lc__busy_worker busy[BUSY_WORKERS_MAX];
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

/* Whether chance strikes, which it does one time in `number`; 0: never. */
static bool chance_strikes(struct lc__simulation *simulation, unsigned number)
{
    return number > 0 && !simulation->quiet && lc__random_below(&simulation->chance, number) == 0;
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

/* ---- naming workers ---- */

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
    lc__sanitizer_reports(&lc__loop_of_thread->sanitizer);
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

/* ---- a run without end ---- */

/* One of the last steps is this fiber's. Those of workers beyond the first few are not counted. */
static void count_step(struct lc__simulation *simulation, const struct lc__fiber *fiber)
{
    char name[LC_NAME_MAX + 1];
    copy_name(fiber, name);
    for (int i = 0; i < BUSY_WORKERS_MAX; i++) {
        struct lc__busy_worker *busy = &simulation->busy[i];
        if (busy->steps == 0)
            strlcpy(busy->name, name, sizeof busy->name);
        if (strcmp(busy->name, name) == 0) {
            busy->steps++;
            return;
        }
    }
}

static const struct lc__busy_worker *find_busiest(const struct lc__simulation *simulation)
{
    const struct lc__busy_worker *busiest = &simulation->busy[0];
    for (int i = 1; i < BUSY_WORKERS_MAX; i++)
        if (simulation->busy[i].steps > busiest->steps)
            busiest = &simulation->busy[i];
    return busiest;
}

static void report_endless(struct lc__simulation *simulation)
{
    char waiting[2048];
    uint64_t limit = simulation->options.steps_max;
    uint64_t last = limit < LAST_STEPS ? limit : LAST_STEPS;
    const struct lc__busy_worker *busiest = find_busiest(simulation);
    list_waiting(simulation, waiting, sizeof waiting);
    simulation->verdict = lc_error_new(-ELOOP,
                                       "the simulation of seed %" PRIu64 " did not end in %" PRIu64
                                       " steps: \"%s\" kept running, with %" PRIu64
                                       " of the last %" PRIu64 " steps; workers left: %zu: %s",
                                       simulation->options.seed, limit, busiest->name,
                                       busiest->steps, last, simulation->live_count, waiting);
}

/* ---- what runs next ---- */

void lc__simulation_begin(struct lc__simulation *simulation)
{
    simulation->steps = 0;
    memset(simulation->busy, 0, sizeof simulation->busy);
}

void lc__simulation_ready(struct lc__simulation *simulation, struct lc__fiber *fiber)
{
    const lc_simulation_options *options = &simulation->options;
    if (!chance_strikes(simulation, options->delay_one_in)) {
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
    if (simulation->steps == limit) {
        report_endless(simulation);
        return NULL;
    }
    simulation->steps++;
    size_t at = (size_t)lc__random_below(&simulation->order, count);
    struct lc__fiber *fiber = simulation->ready[at];
    simulation->ready[at] = simulation->ready[--simulation->ready_count];
    if (limit - simulation->steps < LAST_STEPS)
        count_step(simulation, fiber);
    return fiber;
}

size_t lc__simulation_choose(struct lc__simulation *simulation, size_t count)
{
    return count > 1 ? (size_t)lc__random_below(&simulation->order, count) : 0;
}

bool lc__simulation_wakes_early(struct lc__simulation *simulation)
{
    return chance_strikes(simulation, simulation->options.early_one_in);
}

/* ---- when nothing can run ---- */

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
        int found = options->poll(descriptors[i].fd, descriptors[i].events, options->poll_arg);
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
    if (size < 2 || !chance_strikes(simulation, simulation->options.early_one_in))
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

static void set_quiet(struct lc__simulation *simulation, bool quiet)
{
    simulation->quiet = quiet;
    simulation->faults.one_in = quiet ? 0 : simulation->options.fail_one_in;
}

void lc_simulation_set_faults(bool on)
{
    struct lc__simulation *simulation = lc__task_current()->simulation;
    if (simulation)
        set_quiet(simulation, !on);
}

bool lc_is_simulated(void)
{
    return lc__task_current()->simulation != NULL;
}

int lc_simulation_touch(int fd)
{
    if (!lc_is_simulated())
        return -ENOTSUP;
    lc__poller_touch(fd, false);
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
    simulation->faults.random = &simulation->luck;
    set_quiet(simulation, options->quiet_start);
    TAILQ_INIT(&simulation->live);
    lc__simulated_fds_init(&simulation->fds);
    lc__simulated_net_init(&simulation->net);
    return simulation;
}

static lc_error *check(const lc_simulation_options *options)
{
    if (options->start <= 0)
        return lc_error_new(
            -EINVAL, "start of lc_simulation_options is %" PRId64 ": the clock begins above 0",
            options->start);
    if (options->delay_max <= 0)
        return lc_error_new(
            -EINVAL, "delay_max of lc_simulation_options is %" PRId64 " ns: a delay is above 0",
            options->delay_max);
    if (options->early_one_in == 1 || options->fail_one_in == 1)
        return lc_error_new(-EINVAL,
                            "%s of lc_simulation_options is 1, by which each would: at least 2, or "
                            "0 for none",
                            options->early_one_in == 1 ? "early_one_in" : "fail_one_in");
    return NULL;
}

LC__OPTIONS_END(lc_simulation_options, begin);

lc_error *lc__simulation_read_options(lc_simulation_options *options,
                                      const lc_simulation_options *given)
{
    lc_error *mistake = lc__options_read(options, sizeof *options, given, "lc_simulation_options");
    if (mistake)
        return mistake;
    if (options->start == 0)
        options->start = LC_SECOND;
    if (options->delay_max == 0)
        options->delay_max = 10 * LC_MILLISECOND;
    if (options->steps_max == 0)
        options->steps_max = 100000000;
    return check(options);
}

lc_error *lc_executor_new_simulated(const lc_simulation_options *given, lc_executor **executor)
{
    enum { STACK = 256 * 1024 }; /* lc_call_blocking runs its function on its caller's */
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
    struct lc__simulation *simulation = make(&options);
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
    lc__timers_destroy(&simulation->timers);
    lc__timers_destroy(&simulation->late);
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
