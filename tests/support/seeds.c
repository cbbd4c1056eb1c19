/*
 * seeds.c: see seeds.h.
 */
#include "support/seeds.h"

#include "support/check.h"
#include "support/isolates.h"

#include "base/memory.h"
#include "executor/stack.h"

#include <CUnit/TestRun.h>
#include <lifecycle.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What the library holds, but for stacks, which it keeps for the next. */
static size_t memory_held(void)
{
    size_t held = lc__memory_in_use();
    for (const struct lc__slab *slab = lc__slabs(); slab; slab = slab->next)
        held--;
    return held;
}

static lc_error *do_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

/* One of each that has its record in a pool: the pool's memory stays. */
static lc_error *use_pools(void *arg)
{
    lc_receive_port port = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    options.entry = do_nothing;
    options.on_exit = port.send;
    (void)arg;
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    CU_ASSERT_EQUAL(lc_timer_start(port.send, NULL, 0, 0, NULL), 0);
    PROBE_GETS(port, 0, 0);
    probe_close(port);
    return NULL;
}

/*
 * So that no thread of an earlier test ends during the simulation, which frees memory, and that
 * what the library keeps of one simulation for the next is there.
 */
static void simulate_little(void)
{
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 0), &world));
    CHECK_SUCCESS(lc_executor_run(world, use_pools, NULL));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

static void ignore(const lc_log_record *record, void *arg)
{
    (void)arg;
    (void)record;
}

static unsigned count_seeds(unsigned usual)
{
    const char *given = getenv("LC_CHECK_SEEDS");
    return given ? (unsigned)strtoul(given, NULL, 0) : check_fewer(check_count(usual, 10000));
}

static void write_repetition(char *text, size_t size, uint64_t seed)
{
    snprintf(text, size,
             "    the seed is %" PRIu64 "; the same again, with its log:\n"
             "    LC_CHECK_SEED=%" PRIu64 " LC_CHECK_SEEDS=1 LC_CHECK_TEST=\"%s\" make check%s%s "
             "TESTS=simulat\n",
             seed, seed, CU_get_current_test()->pName, *CHECK_VARIANT ? "-" : "", CHECK_VARIANT);
}

/* @return whether it passed. */
static bool passes(void (*run)(const void *arg, uint64_t seed), const void *arg, uint64_t seed)
{
    unsigned failed = CU_get_number_of_failures();
    size_t held = memory_held();
    run(arg, seed);
    CU_ASSERT_EQUAL(memory_held(), held);
    return CU_get_number_of_failures() == failed;
}

static void run_seeds(unsigned count, void (*run)(const void *arg, uint64_t seed), const void *arg)
{
    static const lc_log_sink quiet = {.size = sizeof(lc_log_sink), .write = ignore};
    static char repetition[1024];
    simulate_little();
    check_say_on_crash(repetition);
    check_log_rest(count > 1 ? &quiet : NULL);
    bool well = true;
    for (unsigned i = 0; i < count && well; i++) {
        write_repetition(repetition, sizeof repetition, check_seed() + i);
        well = passes(run, arg, check_seed() + i);
    }
    if (!well)
        printf("\n%s    ", repetition);
    check_log_rest(NULL);
    check_say_on_crash(NULL);
}

void check_seeds(void (*run)(const void *arg, uint64_t seed), const void *arg)
{
    run_seeds(count_seeds(1000), run, arg);
}

void check_seeds_large(void (*run)(const void *arg, uint64_t seed), const void *arg)
{
    run_seeds(count_seeds(250), run, arg);
}
