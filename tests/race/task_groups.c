/*
 * task_groups.c: the moments of a task group: a wait that has returned against a shutdown, the last
 * end against a wait and a last reference, a start against a cancel and against the limit. With
 * tasks that are fibers and threads, on one processor and on two.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/race.h"

#include "base/memory.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/* A round of these makes a group, and mostly threads. */
#define ROUNDS check_fewer(check_count(2500, 50000))

static const lc_worker_kind kinds[] = {LC_FIBER, LC_THREAD};

/** Each round's group, for the threads that keep its lock busy. */
struct busy {
    lc_watch *groups;
    pthread_t threads[2];
    atomic_bool over;
};

struct trial {
    lc_worker_kind kind;
    struct busy *busy; /**< NULL: there is none */
    lc_context *parent;
    lc_task_group *group;
    lc_executor *executor; /**< of fibers; NULL: the default one */
    atomic_uint runs;
    atomic_uint deferred;
    int started[2]; /**< what the starts have answered */
    int waited;
    uint64_t random;
};

static void forget_group(void *group)
{
    lc_task_group_unref(group);
}

static void *keep_busy(void *arg)
{
    enum { LOOKS = 50 };
    struct busy *busy = arg;
    while (!atomic_load(&busy->over)) {
        lc_watch_value *value = lc_watch_read(busy->groups);
        for (int i = 0; i < LOOKS; i++)
            lc_task_group_count(lc_watch_value_data(value));
        lc_watch_value_unref(value);
    }
    return NULL;
}

static struct busy *busy_begin(struct busy *busy)
{
    busy->groups = lc_watch_new();
    atomic_init(&busy->over, false);
    for (size_t i = 0; i < 2; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&busy->threads[i], NULL, keep_busy, busy), 0);
    return busy;
}

static void busy_end(struct busy *busy)
{
    atomic_store(&busy->over, true);
    for (size_t i = 0; i < 2; i++)
        pthread_join(busy->threads[i], NULL);
    lc_watch_unref(busy->groups);
}

static void trial_open(struct trial *trial, size_t limit)
{
    atomic_store(&trial->runs, 0);
    atomic_store(&trial->deferred, 0);
    trial->started[0] = trial->started[1] = trial->waited = 1;
    trial->parent = lc_context_new(NULL);
    trial->group =
        lc_task_group_new(LC_TASK_GROUP(.name = "racing", .context = trial->parent, .limit = limit,
                                        .kind = trial->kind, .executor = trial->executor));
    if (trial->busy &&
        lc_watch_publish(trial->busy->groups, lc_task_group_ref(trial->group), forget_group) < 0)
        lc_task_group_unref(trial->group);
}

static void trial_close(struct trial *trial)
{
    lc_task_group_unref(trial->group);
    lc_context_unref(trial->parent);
}

static void count_deferred(void *arg)
{
    atomic_fetch_add(&((struct trial *)arg)->deferred, 1);
}

static lc_error *run(lc_context *context, void *arg)
{
    struct trial *trial = arg;
    (void)context;
    atomic_fetch_add(&trial->runs, 1);
    lc_defer(count_deferred, trial);
    return NULL;
}

static int start(struct trial *trial)
{
    return lc_task_group_start(trial->group, run, trial);
}

/* ---- a wait that has returned is enough ---- */

/** Without a deadline to come either, though the group's context has a grace. */
static bool waited_and_shut_down(void *arg)
{
    struct trial *trial = arg;
    trial_open(trial, 0);
    lc_context *grace = lc_context_with_grace(trial->parent, LC_HOUR);
    lc_task_group *drained =
        lc_task_group_new(LC_TASK_GROUP(.name = "drained", .context = grace, .kind = trial->kind));
    bool well = start(trial) == 0 && lc_task_group_start(drained, run, trial) == 0;
    lc_context_cancel(trial->parent, NULL);
    well &= lc_task_group_wait(trial->group, LC_FOREVER) == 0 &&
            lc_task_group_wait(drained, LC_FOREVER) == 0 && atomic_load(&trial->deferred) == 2;
    lc_task_group_unref(drained);
    lc_context_unref(grace);
    trial_close(trial);
    return well && lc_library_shutdown() == 0 && lc__memory_in_use() == 0;
}

static void wait_is_enough_for_a_shutdown(void)
{
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    for (int i = 0; i < 2; i++) {
        struct trial trial = {.kind = kinds[i]};
        CU_ASSERT_EQUAL(race_repeat(waited_and_shut_down, &trial, ROUNDS), 0);
    }
}

static bool waited_and_freed(void *arg)
{
    struct trial *trial = arg;
    trial->executor = fibers_executor(2);
    trial_open(trial, 0);
    bool well = start(trial) == 0 && lc_task_group_wait(trial->group, LC_FOREVER) == 0;
    trial_close(trial);
    return well && lc_executor_free(trial->executor) == 0;
}

static void wait_is_enough_to_free_an_executor(void)
{
    struct trial trial = {.kind = LC_FIBER};
    CU_ASSERT_EQUAL(race_repeat(waited_and_freed, &trial, ROUNDS / 10), 0);
}

static bool has_deferred(void *arg)
{
    return atomic_load(&((struct trial *)arg)->deferred) == 1;
}

/*
 * The group, and with it a context with a grace, are the last task's to give up. What the task has
 * deferred tells us that it ends; of a fiber that is enough for a shutdown.
 */
static bool dropped_and_shut_down(void *arg)
{
    struct trial *trial = arg;
    trial_open(trial, 0);
    lc_task_group_unref(trial->group);
    lc_context *grace = lc_context_with_grace(trial->parent, LC_HOUR);
    trial->group =
        lc_task_group_new(LC_TASK_GROUP(.name = "dropped", .context = grace, .kind = trial->kind));
    lc_context_unref(grace);
    bool well = start(trial) == 0;
    trial_close(trial);
    check_log_capture();
    well &= check_until(has_deferred, trial);
    if (trial->kind == LC_FIBER)
        well &= lc_library_shutdown() == 0;
    while (lc_library_shutdown() < 0)
        lc_yield();
    check_log_release();
    return well && lc__memory_in_use() == 0;
}

static void last_task_gives_the_group_up(void)
{
    for (int i = 0; i < 2; i++) {
        struct trial trial = {.kind = kinds[i]};
        CU_ASSERT_EQUAL(race_repeat(dropped_and_shut_down, &trial, ROUNDS / 10), 0);
    }
}

/* ---- the last end against a wait, with and without a deadline ---- */

static bool waited_for_the_last(void *arg)
{
    struct trial *trial = arg;
    trial_open(trial, 0);
    int64_t timeout = (int64_t)(check_random(&trial->random) % 30000);
    bool well = start(trial) == 0;
    race_stagger(&trial->random);
    int result = lc_task_group_wait(trial->group, lc_deadline_after(timeout));
    well &= result == 0 || result == -ETIMEDOUT;
    well &= result < 0 || atomic_load(&trial->deferred) == 1;
    well &= lc_task_group_wait(trial->group, check_patience()) == 0;
    well &= atomic_load(&trial->deferred) == 1;
    trial_close(trial); /* at once: the last end may still be unparking us */
    return well;
}

static void last_end_against_a_wait(void)
{
    for (int i = 0; i < 2; i++) {
        struct trial trial = {.kind = kinds[i], .random = check_seed()};
        CU_ASSERT_EQUAL(race_repeat(waited_for_the_last, &trial, ROUNDS / 2), 0);
    }
}

/*
 * Many waits with deadlines that come while they are woken one after the other: some find
 * themselves taken out, and not yet unparked.
 */
static lc_error *wait_with_the_others(lc_context *context, void *arg)
{
    struct trial *trial = arg;
    uint64_t random = trial->random + atomic_fetch_add(&trial->runs, 1);
    int64_t timeout = (int64_t)(check_random(&random) % (400 * LC_MICROSECOND));
    int result = lc_task_group_wait(trial->group, lc_deadline_after(timeout));
    (void)context;
    return result == 0 || result == -ETIMEDOUT ? NULL : lc_error_new(result, "waited badly");
}

static lc_error *end_amid_them(lc_context *context, void *arg)
{
    (void)arg;
    lc_context_sleep(context, 200 * LC_MICROSECOND);
    return NULL;
}

static bool waited_with_many(void *arg)
{
    enum { MANY = 48 };
    struct trial *trial = arg;
    trial_open(trial, 0);
    check_random(&trial->random);
    lc_task_group *waiters = lc_task_group_new(
        LC_TASK_GROUP(.name = "waiters", .kind = LC_FIBER, .on_error = LC_TASKS_CANCEL));
    bool well = lc_task_group_start(trial->group, end_amid_them, trial) == 0;
    for (int i = 0; i < MANY; i++)
        well &= lc_task_group_start(waiters, wait_with_the_others, trial) == 0;
    well &= lc_task_group_wait(trial->group, check_patience()) == 0;
    well &= lc_task_group_wait(waiters, check_patience()) == 0;
    trial_close(trial);
    lc_error *error = lc_task_group_result(waiters);
    lc_task_group_unref(waiters);
    well &= !error;
    lc_error_unref(error);
    return well;
}

static void last_end_against_many_waits(void)
{
    struct trial trial = {.kind = LC_THREAD, .random = check_seed()};
    CU_ASSERT_EQUAL(race_repeat(waited_with_many, &trial, ROUNDS / 20), 0);
}

/* ---- two sides ---- */

static void open_for_many(void *arg)
{
    trial_open(arg, 0);
}

static void start_one(void *arg)
{
    ((struct trial *)arg)->started[0] = start(arg);
}

/* A wait after a cancel: from here on nothing runs. */
static void cancel_and_wait(void *arg)
{
    struct trial *trial = arg;
    lc_task_group_cancel(trial->group, NULL);
    trial->waited = lc_task_group_wait(trial->group, check_patience());
    trial->started[1] = (int)atomic_load(&trial->runs);
}

static bool none_ran_after_the_wait(void *arg)
{
    struct trial *trial = arg;
    unsigned runs = trial->started[0] == 0 ? 1 : 0;
    bool well = trial->waited == 0 && (runs == 1 || trial->started[0] == -ECANCELED) &&
                (unsigned)trial->started[1] == runs && lc_task_group_count(trial->group) == 0 &&
                lc_task_group_wait(trial->group, check_patience()) == 0 &&
                atomic_load(&trial->runs) == runs && atomic_load(&trial->deferred) == runs;
    trial_close(trial);
    return well;
}

static void start_against_cancel(void)
{
    static const struct race race = {open_for_many, start_one, cancel_and_wait,
                                     none_ran_after_the_wait};
    struct busy busy;
    for (int i = 0; i < 4; i++) {
        struct trial trial = {.kind = kinds[i / 2]};
        if (i % 2)
            trial.busy = busy_begin(&busy);
        CU_ASSERT_EQUAL(race_run(&race, &trial, i % 2 ? ROUNDS / 20 : ROUNDS / 2), 0);
        if (trial.busy)
            busy_end(trial.busy);
    }
}

static lc_error *run_until_told(lc_context *context, void *arg)
{
    run(context, arg);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return NULL;
}

/* One place is left. */
static void open_for_two(void *arg)
{
    struct trial *trial = arg;
    trial_open(trial, 2);
    trial->waited = lc_task_group_start(trial->group, run_until_told, trial);
}

static void take_first(void *arg)
{
    struct trial *trial = arg;
    trial->started[0] = lc_task_group_start(trial->group, run_until_told, trial);
}

static void take_second(void *arg)
{
    struct trial *trial = arg;
    trial->started[1] = lc_task_group_start(trial->group, run_until_told, trial);
}

static bool one_got_the_place(void *arg)
{
    struct trial *trial = arg;
    bool well = trial->waited == 0 && trial->started[0] + trial->started[1] == -ENOSPC &&
                trial->started[0] * trial->started[1] == 0 &&
                lc_task_group_count(trial->group) == 2;
    lc_task_group_cancel(trial->group, NULL);
    well &= lc_task_group_wait(trial->group, check_patience()) == 0;
    well &= atomic_load(&trial->runs) == 2;
    trial_close(trial);
    return well;
}

static void starts_against_the_limit(void)
{
    static const struct race race = {open_for_two, take_first, take_second, one_got_the_place};
    struct busy busy;
    check_log_capture();
    for (int i = 0; i < 4; i++) {
        struct trial trial = {.kind = kinds[i / 2]};
        if (i % 2)
            trial.busy = busy_begin(&busy);
        CU_ASSERT_EQUAL(race_run(&race, &trial, ROUNDS / 20), 0);
        if (trial.busy)
            busy_end(trial.busy);
    }
    check_log_release();
}

/* The last reference against the last end: the group is given up by one of the two. */
static void open_with_a_task(void *arg)
{
    struct trial *trial = arg;
    trial_open(trial, 0);
    lc_context_unref(trial->parent);
    trial->parent = NULL;
    trial->waited = 0;
    trial->started[0] = lc_task_group_start(trial->group, run, trial);
}

static void drop_the_group(void *arg)
{
    lc_task_group_unref(((struct trial *)arg)->group);
}

static void look_on(void *arg)
{
    (void)arg;
}

static bool task_ran_to_its_end(void *arg)
{
    return ((struct trial *)arg)->started[0] == 0 && check_until(has_deferred, arg);
}

static void last_reference_against_the_last_end(void)
{
    static const struct race race = {open_with_a_task, drop_the_group, look_on,
                                     task_ran_to_its_end};
    for (int i = 0; i < 2; i++) {
        struct trial trial = {.kind = kinds[i]};
        CU_ASSERT_EQUAL(race_run(&race, &trial, ROUNDS), 0);
    }
}

CHECK_SUITE(race_task_groups, "race: task groups",
            {"a wait that has returned is enough for a shutdown", wait_is_enough_for_a_shutdown},
            {"a wait that has returned is enough to free an executor",
             wait_is_enough_to_free_an_executor},
            {"the last task gives the group up", last_task_gives_the_group_up},
            {"the last end against a wait", last_end_against_a_wait},
            {"the last end against many waits", last_end_against_many_waits},
            {"a start against a cancel", start_against_cancel},
            {"starts against the limit", starts_against_the_limit},
            {"the last reference against the last end", last_reference_against_the_last_end});
