/*
 * executors.c: races of a whole executor: spawning isolates against its free, and a thread that
 * awakes against the monitor that goes to sleep.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/race.h"

#include <lifecycle/isolate.h>

#include <errno.h>
#include <sched.h>
#include <string.h>

/* ---- a spawn, and the free of its executor ---- */

struct spawning {
    lc_executor *executor;
    struct race_gate gate;
    atomic_uint ran;
    unsigned spawned;
    int refused; /* the result of the last spawn; 0: none was refused in time */
    uint64_t random, spawner_random;
};

static lc_error *run_a_little(void *arg)
{
    lc_yield();
    atomic_fetch_add(&((struct spawning *)arg)->ran, 1);
    return NULL;
}

/* A fiber of the executor, since no other worker may use an executor that is being freed. */
static void spawn_until_refused(void *arg)
{
    struct spawning *spawning = arg;
    lc_isolate_options options = {.size = sizeof options};
    options.entry = run_a_little;
    options.arg = spawning;
    options.executor = spawning->executor;
    int64_t deadline = check_patience();
    race_meet(&spawning->gate, 2);
    do {
        race_stagger(&spawning->spawner_random);
        options.spread = !options.spread;
        spawning->refused = check_code(lc_isolate_spawn(&options, NULL));
        spawning->spawned += spawning->refused == 0;
        if (spawning->spawned % 8 == 0)
            sched_yield(); /* to the free, if it wants this processor */
    } while (spawning->refused == 0 && lc_now() < deadline);
}

static bool free_against_spawner(void *arg)
{
    struct spawning *spawning = arg;
    if (spawning->refused != -ESHUTDOWN)
        return false; /* the round before has failed, and took all patience */
    spawning->executor = fibers_executor(2);
    atomic_store(&spawning->gate.arrived, 0);
    atomic_store(&spawning->ran, 0);
    spawning->spawned = 0;
    fibers_start(spawning->executor, "spawner", spawn_until_refused, spawning);
    race_meet(&spawning->gate, 2);
    race_stagger(&spawning->random);
    fibers_end(spawning->executor);
    return spawning->refused == -ESHUTDOWN && atomic_load(&spawning->ran) == spawning->spawned;
}

/* The free does not hang, and it leaves no isolate behind. */
static void spawning_against_freeing(void)
{
    struct spawning spawning = {
        .random = check_seed(), .spawner_random = ~check_seed(), .refused = -ESHUTDOWN};
    unsigned rounds = check_fewer(check_count(500, 20000)); /* threads come and go */
    CU_ASSERT_EQUAL(race_repeat(free_against_spawner, &spawning, rounds), 0);
}

/* ---- a loop's thread that awakes, and the monitor that goes to sleep ---- */

enum {
    HOGGINGS = 100,                     /* in a round */
    BYSTANDERS = 128,                   /* executors without threads */
    STALL_LIMIT = 100 * LC_MICROSECOND, /* the monitor looks four times in it */
    SLEEP_MAX = STALL_LIMIT / 2,        /* ends before, in, and after the monitor's last looks */
};

static atomic_uint reports;

struct hogging {
    bool missed;
    unsigned left; /* in this round */
    lc_handle *over;
    uint64_t random;
};

static void count_report(const lc_log_record *record, void *arg)
{
    (void)arg;
    if (strcmp(record->component, "hog") == 0)
        atomic_fetch_add(&reports, 1);
}

/*
 * The thread sleeps, so that the monitor finds all asleep. Then the fiber keeps it until that is
 * reported: it must be, whatever the monitor did when the thread awoke. The next one is another
 * fiber, since a sleep that is over at once does not wait, and the monitor reports a stall once.
 */
static void sleep_and_hog(void *arg)
{
    struct hogging *hogging = arg;
    unsigned before = atomic_load(&reports);
    lc_sleep((int64_t)(1 + check_random(&hogging->random) % SLEEP_MAX));
    int64_t deadline = check_patience();
    while (atomic_load(&reports) == before && lc_now() < deadline)
        sched_yield(); /* to the monitor, if it wants this processor */
    hogging->missed = atomic_load(&reports) == before;
    if (!hogging->missed && --hogging->left > 0)
        fibers_start(NULL, "hog", sleep_and_hog, hogging);
    else
        lc_handle_close(hogging->over);
}

static lc_executor *watched_executor(void)
{
    lc_executor *executor = NULL;
    CHECK_SUCCESS(
        lc_executor_new(LC_EXECUTOR(.threads = 1, .stall_limit = STALL_LIMIT), &executor));
    return executor;
}

/*
 * A look goes through the executors in the order of their making. With bystanders behind the first,
 * it takes some microseconds from the look at the first to the end.
 */
static bool hog_under_watch(void *arg)
{
    struct hogging *hogging = arg;
    if (hogging->missed)
        return false; /* in a round before, which took all patience */
    lc_executor *executor, *bystanders[BYSTANDERS];
    static const lc_log_sink counting = {.size = sizeof(lc_log_sink), .write = count_report};
    /* The monitor's thread is made again, on the processors of this round. */
    bool well = lc_library_shutdown() == 0;
    check_log_rest(&counting); /* until the shutdown */
    executor = watched_executor();
    hogging->left = HOGGINGS;
    hogging->over = lc_handle_new();
    for (int i = 0; i < BYSTANDERS; i++)
        bystanders[i] = watched_executor();
    fibers_start(executor, "hog", sleep_and_hog, hogging);
    lc_handle_wait(hogging->over, LC_FOREVER);
    lc_handle_unref(hogging->over);
    fibers_end(executor);
    for (int i = 0; i < BYSTANDERS; i++)
        fibers_end(bystanders[i]);
    return well && !hogging->missed;
}

static void waking_against_the_monitors_sleep(void)
{
    struct hogging hogging = {.random = check_seed()};
    CU_ASSERT_EQUAL(race_repeat(hog_under_watch, &hogging, check_count(6, 100)), 0);
    check_log_rest(NULL);
}

CHECK_SUITE(race_of_executors, "race: executors",
            {"spawning isolates against freeing their executor", spawning_against_freeing},
            {"a thread that awakes against the monitor's sleep",
             waking_against_the_monitors_sleep});
