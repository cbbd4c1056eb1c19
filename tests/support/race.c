/*
 * race.c: see race.h. The two sides meet by spinning, since waking a sleeper takes longer than
 * what is to be raced; on one processor the spinner gives way at once.
 */
#include "support/race.h"

#include "support/check.h"
#include "support/fibers.h"
#include "support/helper.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* How often to look before giving way; 0 on one processor, where looking again is of no use. */
static atomic_uint patience;

static void pause_spinning(unsigned *looked)
{
    if (++*looked > atomic_load_explicit(&patience, memory_order_relaxed)) {
        *looked = 0;
        sched_yield();
    }
}

static void await_at_least(atomic_uint *counter, unsigned wanted)
{
    unsigned looked = 0;
    while (atomic_load_explicit(counter, memory_order_acquire) < wanted)
        pause_spinning(&looked);
}

void race_meet(struct race_gate *gate, unsigned expected)
{
    atomic_fetch_add_explicit(&gate->arrived, 1, memory_order_acq_rel);
    await_at_least(&gate->arrived, expected);
}

void race_stagger(uint64_t *random)
{
    uint64_t drawn = check_random(random);
    if (atomic_load_explicit(&patience, memory_order_relaxed) == 0) {
        /* On one processor only giving way changes the order. */
        if (drawn & 1)
            sched_yield();
        return;
    }
    for (volatile unsigned step = 0; step < drawn % 256; step++)
        continue;
}

/* ---- two threads that stay ---- */

struct runner {
    const struct race *race;
    void *arg;
    unsigned rounds;
    uint64_t random; /* the first side's */
    uint64_t second_random;
    atomic_uint begun; /* the round that may be run */
    atomic_uint ended; /* the round the second side has run */
    unsigned wrong;    /* race_fibers */
};

static void *run_second(void *arg)
{
    struct runner *runner = arg;
    uint64_t random = runner->second_random;
    for (unsigned round = 1; round <= runner->rounds; round++) {
        await_at_least(&runner->begun, round);
        race_stagger(&random);
        runner->race->second(runner->arg);
        atomic_store_explicit(&runner->ended, round, memory_order_release);
    }
    return NULL;
}

static unsigned run_here(struct runner *runner)
{
    pthread_t second;
    unsigned wrong = 0;
    if (pthread_create(&second, NULL, run_second, runner) != 0)
        abort();
    for (unsigned round = 1; round <= runner->rounds; round++) {
        if (runner->race->prepare)
            runner->race->prepare(runner->arg);
        atomic_store_explicit(&runner->begun, round, memory_order_release);
        race_stagger(&runner->random);
        runner->race->first(runner->arg);
        await_at_least(&runner->ended, round);
        wrong += !runner->race->judge(runner->arg);
    }
    pthread_join(second, NULL);
    return wrong;
}

static void use_cpus(unsigned cpus)
{
    check_use_cpus(cpus);
    atomic_store(&patience, cpus == 1 ? 0 : 4000);
}

/* ---- two fibers, which take turns or run on two threads, as it comes ---- */

static unsigned run_in_fibers(const struct race *race, void *arg, unsigned rounds)
{
    struct helper second;
    unsigned wrong = 0;
    for (unsigned round = 0; round < rounds; round++) {
        if (race->prepare)
            race->prepare(arg);
        helper_start(&second, race->second, arg);
        if (lc_random() & 1)
            lc_yield();
        race->first(arg);
        helper_join(&second);
        wrong += !race->judge(arg);
    }
    return wrong;
}

unsigned race_run(const struct race *race, void *arg, unsigned rounds)
{
    unsigned wrong = 0;
    if (lc_is_fiber())
        return run_in_fibers(race, arg, lc_is_simulated() ? 1 : rounds);
    for (unsigned cpus = 1; cpus <= 2; cpus++) {
        struct runner runner = {.race = race, .arg = arg, .rounds = rounds};
        runner.random = check_seed() + cpus;
        runner.second_random = ~runner.random;
        use_cpus(cpus);
        wrong += run_here(&runner);
    }
    use_cpus(0);
    return wrong;
}

/* ---- fibers that stay ---- */

/*
 * Gives way to the other side, wherever it is: it may be a fiber of this very thread, since one
 * that has not started may go to another.
 */
static void await_other_side(atomic_uint *counter, unsigned wanted)
{
    unsigned looked = 0;
    while (atomic_load_explicit(counter, memory_order_acquire) < wanted) {
        lc_yield();
        pause_spinning(&looked);
    }
}

static void run_second_fiber(void *arg)
{
    struct runner *runner = arg;
    uint64_t random = runner->second_random;
    for (unsigned round = 1; round <= runner->rounds; round++) {
        await_other_side(&runner->begun, round);
        race_stagger(&random);
        runner->race->second(runner->arg);
        atomic_store_explicit(&runner->ended, round, memory_order_release);
    }
}

static void run_first(void *arg)
{
    struct runner *runner = arg;
    const struct race *race = runner->race;
    for (unsigned round = 1; round <= runner->rounds; round++) {
        if (race->prepare)
            race->prepare(runner->arg);
        atomic_store_explicit(&runner->begun, round, memory_order_release);
        race_stagger(&runner->random);
        race->first(runner->arg);
        await_other_side(&runner->ended, round);
        runner->wrong += !race->judge(runner->arg);
    }
}

unsigned race_fibers(enum race_sides sides, const struct race *race, void *arg, unsigned rounds)
{
    unsigned wrong = 0;
    for (unsigned cpus = 1; cpus <= 2; cpus++) {
        struct runner runner = {.race = race, .arg = arg, .rounds = rounds};
        runner.random = check_seed() + cpus;
        runner.second_random = ~runner.random;
        use_cpus(cpus);
        lc_executor *executor = fibers_executor(2);
        fibers_spread(executor, run_second_fiber, &runner);
        if (sides == RACE_FIBERS)
            fibers_spread(executor, run_first, &runner);
        else
            run_first(&runner);
        fibers_end(executor);
        wrong += runner.wrong;
    }
    use_cpus(0);
    return wrong;
}

unsigned race_repeat(bool (*round)(void *arg), void *arg, unsigned rounds)
{
    unsigned wrong = 0;
    for (unsigned cpus = 1; cpus <= 2; cpus++) {
        use_cpus(cpus);
        for (unsigned done = 0; done < rounds; done++)
            wrong += !round(arg);
    }
    use_cpus(0);
    return wrong;
}
