/*
 * simulation.c: see simulation.h.
 *
 * All choices come from generators that are seeded from the seed. Each purpose has its own, so the
 * random numbers of the program do not depend on how often a fiber has been chosen.
 */
#include "executor/simulation.h"

#include "base/options.h"
#include "base/sanitizer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* ---- what goes wrong ---- */

bool lc__simulation_strikes(struct lc__simulation *simulation, unsigned number)
{
    return number > 0 && !simulation->quiet && lc__random_below(&simulation->chance, number) == 0;
}

void lc__simulation_adopt(struct lc__simulation *simulation, struct lc__task *task)
{
    task->clock = &simulation->clock;
    task->random = &simulation->own;
    task->faults = simulation->options.fail_one_in > 0 ? &simulation->faults : NULL;
    task->simulation = simulation;
}

size_t lc__simulation_choose(struct lc__simulation *simulation, size_t count)
{
    return count > 1 ? (size_t)lc__random_below(&simulation->order, count) : 0;
}

bool lc__simulation_wakes_early(struct lc__simulation *simulation)
{
    return lc__simulation_strikes(simulation, simulation->options.early_one_in);
}

size_t lc__simulation_part(struct lc__simulation *simulation, size_t size)
{
    if (size < 2 || !lc__simulation_strikes(simulation, simulation->options.early_one_in))
        return size;
    return 1 + (size_t)lc__random_below(&simulation->chance, size - 1);
}

static void simulation_set_quiet(struct lc__simulation *simulation, bool quiet)
{
    simulation->quiet = quiet;
    simulation->faults.one_in = quiet ? 0 : simulation->options.fail_one_in;
}

void lc_simulation_set_faults(bool on)
{
    struct lc__simulation *simulation = lc__task_current()->simulation;
    if (simulation)
        simulation_set_quiet(simulation, !on);
}

bool lc_is_simulated(void)
{
    return lc__task_current()->simulation != NULL;
}

/* ---- what it holds ---- */

struct lc__simulated_net *lc__simulation_net(struct lc__simulation *simulation)
{
    return &simulation->net;
}

struct lc__log_repeated *lc__simulation_scarcity(struct lc__simulation *simulation)
{
    return &simulation->scarcity;
}

uint64_t *lc__simulation_caught(struct lc__simulation *simulation)
{
    return &simulation->caught;
}

/* ---- making and freeing ---- */

static int64_t simulation_now(struct lc__clock *clock)
{
    return ((struct lc__simulation *)clock)->now;
}

struct lc__simulation *lc__simulation_new(const lc_simulation_options *options)
{
    struct lc__simulation *simulation = lc__allocate(sizeof *simulation);
    if (!simulation)
        return NULL;
    simulation->clock = (struct lc__clock){simulation_now, &simulation->timers};
    simulation->timers = simulation->late = (struct lc__timers)LC__TIMERS_INIT;
    simulation->now = options->start;
    simulation->options = *options;
    /* Four each, so that neighbouring seeds share no generator. */
    uint64_t seed = options->seed * 4;
    lc__random_seed(&simulation->order, seed);
    lc__random_seed(&simulation->own, seed + 1);
    lc__random_seed(&simulation->chance, seed + 2);
    lc__random_seed(&simulation->luck, seed + 3);
    simulation->faults.random = &simulation->luck;
    simulation_set_quiet(simulation, options->quiet_start);
    TAILQ_INIT(&simulation->live);
    TAILQ_INIT(&simulation->fds.watches);
    lc__simulated_net_init(&simulation->net);
    return simulation;
}

/* One for each file that keeps something of a simulation for the process. */
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

void lc__simulation_forget(struct lc__simulation *simulation)
{
    for (int i = 0; i < FORGETTERS; i++) {
        forgetter forget = atomic_load(&forgetters[i]);
        if (forget)
            forget(simulation);
    }
}

void lc__simulation_free(struct lc__simulation *simulation)
{
    lc__timers_destroy(&simulation->timers);
    lc__timers_destroy(&simulation->late);
    lc__simulated_net_end(&simulation->net);
    lc__free(simulation->ready);
    lc__free(simulation);
}

/* ---- options ---- */

static lc_error *simulation_options_check(const lc_simulation_options *options)
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
    return simulation_options_check(options);
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
