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
struct crowd {
    lc_watch *groups;
    pthread_t threads[2];
    atomic_bool over;
};

struct field {
    lc_worker_kind kind;
    struct crowd *crowd; /**< NULL: there is none */
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

static void *jostle(void *arg)
{
    enum { LOOKS = 50 };
    struct crowd *crowd = arg;
    while (!atomic_load(&crowd->over)) {
        lc_watch_value *value = lc_watch_read(crowd->groups);
        for (int i = 0; i < LOOKS; i++)
            lc_task_group_count(lc_watch_value_data(value));
        lc_watch_value_unref(value);
    }
    return NULL;
}

static struct crowd *crowd_gather(struct crowd *crowd)
{
    crowd->groups = lc_watch_new();
    atomic_init(&crowd->over, false);
    for (size_t i = 0; i < 2; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&crowd->threads[i], NULL, jostle, crowd), 0);
    return crowd;
}

static void crowd_leave(struct crowd *crowd)
{
    atomic_store(&crowd->over, true);
    for (size_t i = 0; i < 2; i++)
        pthread_join(crowd->threads[i], NULL);
    lc_watch_unref(crowd->groups);
}

static void field_open(struct field *field, size_t limit)
{
    atomic_store(&field->runs, 0);
    atomic_store(&field->deferred, 0);
    field->started[0] = field->started[1] = field->waited = 1;
    field->parent = lc_context_new(NULL);
    field->group =
        lc_task_group_new(LC_TASK_GROUP(.name = "racing", .context = field->parent, .limit = limit,
                                        .kind = field->kind, .executor = field->executor));
    if (field->crowd &&
        lc_watch_publish(field->crowd->groups, lc_task_group_ref(field->group), forget_group) < 0)
        lc_task_group_unref(field->group);
}

static void field_close(struct field *field)
{
    lc_task_group_unref(field->group);
    lc_context_unref(field->parent);
}

static void count_deferred(void *arg)
{
    atomic_fetch_add(&((struct field *)arg)->deferred, 1);
}

static lc_error *run(lc_context *context, void *arg)
{
    struct field *field = arg;
    (void)context;
    atomic_fetch_add(&field->runs, 1);
    lc_defer(count_deferred, field);
    return NULL;
}

static int start(struct field *field)
{
    return lc_task_group_start(field->group, run, field);
}

/* ---- a wait that has returned is enough ---- */

/** Without a deadline to come either, though the group's context has a grace. */
static bool waited_and_shut_down(void *arg)
{
    struct field *field = arg;
    field_open(field, 0);
    lc_context *grace = lc_context_with_grace(field->parent, LC_HOUR);
    lc_task_group *drained =
        lc_task_group_new(LC_TASK_GROUP(.name = "drained", .context = grace, .kind = field->kind));
    bool well = start(field) == 0 && lc_task_group_start(drained, run, field) == 0;
    lc_context_cancel(field->parent, NULL);
    well &= lc_task_group_wait(field->group, LC_FOREVER) == 0 &&
            lc_task_group_wait(drained, LC_FOREVER) == 0 && atomic_load(&field->deferred) == 2;
    lc_task_group_unref(drained);
    lc_context_unref(grace);
    field_close(field);
    return well && lc_library_shutdown() == 0 && lc__memory_in_use() == 0;
}

static void wait_is_enough_for_a_shutdown(void)
{
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    for (int i = 0; i < 2; i++) {
        struct field field = {.kind = kinds[i]};
        CU_ASSERT_EQUAL(race_repeat(waited_and_shut_down, &field, ROUNDS), 0);
    }
}

static bool waited_and_freed(void *arg)
{
    struct field *field = arg;
    field->executor = fibers_executor(2);
    field_open(field, 0);
    bool well = start(field) == 0 && lc_task_group_wait(field->group, LC_FOREVER) == 0;
    field_close(field);
    return well && lc_executor_free(field->executor) == 0;
}

static void wait_is_enough_to_free_an_executor(void)
{
    struct field field = {.kind = LC_FIBER};
    CU_ASSERT_EQUAL(race_repeat(waited_and_freed, &field, ROUNDS / 10), 0);
}

static bool has_deferred(void *arg)
{
    return atomic_load(&((struct field *)arg)->deferred) == 1;
}

/*
 * The group, and with it a context with a grace, are the last task's to give up. What the task has
 * deferred tells us that it ends; of a fiber that is enough for a shutdown.
 */
static bool dropped_and_shut_down(void *arg)
{
    struct field *field = arg;
    field_open(field, 0);
    lc_task_group_unref(field->group);
    lc_context *grace = lc_context_with_grace(field->parent, LC_HOUR);
    field->group =
        lc_task_group_new(LC_TASK_GROUP(.name = "dropped", .context = grace, .kind = field->kind));
    lc_context_unref(grace);
    bool well = start(field) == 0;
    field_close(field);
    check_log_capture();
    well &= check_until(has_deferred, field);
    if (field->kind == LC_FIBER)
        well &= lc_library_shutdown() == 0;
    while (lc_library_shutdown() < 0)
        lc_yield();
    check_log_release();
    return well && lc__memory_in_use() == 0;
}

static void last_task_gives_the_group_up(void)
{
    for (int i = 0; i < 2; i++) {
        struct field field = {.kind = kinds[i]};
        CU_ASSERT_EQUAL(race_repeat(dropped_and_shut_down, &field, ROUNDS / 10), 0);
    }
}

/* ---- the last end against a wait, with and without a deadline ---- */

static bool waited_for_the_last(void *arg)
{
    struct field *field = arg;
    field_open(field, 0);
    int64_t timeout = (int64_t)(check_random(&field->random) % 30000);
    bool well = start(field) == 0;
    race_stagger(&field->random);
    int result = lc_task_group_wait(field->group, lc_deadline_after(timeout));
    well &= result == 0 || result == -ETIMEDOUT;
    well &= result < 0 || atomic_load(&field->deferred) == 1;
    well &= lc_task_group_wait(field->group, check_patience()) == 0;
    well &= atomic_load(&field->deferred) == 1;
    field_close(field); /* at once: the last end may still be unparking us */
    return well;
}

static void last_end_against_a_wait(void)
{
    for (int i = 0; i < 2; i++) {
        struct field field = {.kind = kinds[i], .random = check_seed()};
        CU_ASSERT_EQUAL(race_repeat(waited_for_the_last, &field, ROUNDS / 2), 0);
    }
}

/*
 * Many waits with deadlines that come while they are woken one after the other: some find
 * themselves taken out, and not yet unparked.
 */
static lc_error *wait_with_the_others(lc_context *context, void *arg)
{
    struct field *field = arg;
    uint64_t random = field->random + atomic_fetch_add(&field->runs, 1);
    int64_t timeout = (int64_t)(check_random(&random) % (400 * LC_MICROSECOND));
    int result = lc_task_group_wait(field->group, lc_deadline_after(timeout));
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
    struct field *field = arg;
    field_open(field, 0);
    check_random(&field->random);
    lc_task_group *waiters = lc_task_group_new(
        LC_TASK_GROUP(.name = "waiters", .kind = LC_FIBER, .on_error = LC_TASKS_CANCEL));
    bool well = lc_task_group_start(field->group, end_amid_them, field) == 0;
    for (int i = 0; i < MANY; i++)
        well &= lc_task_group_start(waiters, wait_with_the_others, field) == 0;
    well &= lc_task_group_wait(field->group, check_patience()) == 0;
    well &= lc_task_group_wait(waiters, check_patience()) == 0;
    field_close(field);
    lc_error *error = lc_task_group_result(waiters);
    lc_task_group_unref(waiters);
    well &= !error;
    lc_error_unref(error);
    return well;
}

static void last_end_against_many_waits(void)
{
    struct field field = {.kind = LC_THREAD, .random = check_seed()};
    CU_ASSERT_EQUAL(race_repeat(waited_with_many, &field, ROUNDS / 20), 0);
}

/* ---- two sides ---- */

static void open_for_many(void *arg)
{
    field_open(arg, 0);
}

static void start_one(void *arg)
{
    ((struct field *)arg)->started[0] = start(arg);
}

/* A wait after a cancel: from here on nothing runs. */
static void cancel_and_wait(void *arg)
{
    struct field *field = arg;
    lc_task_group_cancel(field->group, NULL);
    field->waited = lc_task_group_wait(field->group, check_patience());
    field->started[1] = (int)atomic_load(&field->runs);
}

static bool none_ran_after_the_wait(void *arg)
{
    struct field *field = arg;
    unsigned runs = field->started[0] == 0 ? 1 : 0;
    bool well = field->waited == 0 && (runs == 1 || field->started[0] == -ECANCELED) &&
                (unsigned)field->started[1] == runs && lc_task_group_count(field->group) == 0 &&
                lc_task_group_wait(field->group, check_patience()) == 0 &&
                atomic_load(&field->runs) == runs && atomic_load(&field->deferred) == runs;
    field_close(field);
    return well;
}

static void start_against_cancel(void)
{
    static const struct race race = {open_for_many, start_one, cancel_and_wait,
                                     none_ran_after_the_wait};
    struct crowd crowd;
    for (int i = 0; i < 4; i++) {
        struct field field = {.kind = kinds[i / 2]};
        if (i % 2)
            field.crowd = crowd_gather(&crowd);
        CU_ASSERT_EQUAL(race_run(&race, &field, i % 2 ? ROUNDS / 20 : ROUNDS / 2), 0);
        if (field.crowd)
            crowd_leave(field.crowd);
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
    struct field *field = arg;
    field_open(field, 2);
    field->waited = lc_task_group_start(field->group, run_until_told, field);
}

static void take_first(void *arg)
{
    struct field *field = arg;
    field->started[0] = lc_task_group_start(field->group, run_until_told, field);
}

static void take_second(void *arg)
{
    struct field *field = arg;
    field->started[1] = lc_task_group_start(field->group, run_until_told, field);
}

static bool one_got_the_place(void *arg)
{
    struct field *field = arg;
    bool well = field->waited == 0 && field->started[0] + field->started[1] == -ENOSPC &&
                field->started[0] * field->started[1] == 0 &&
                lc_task_group_count(field->group) == 2;
    lc_task_group_cancel(field->group, NULL);
    well &= lc_task_group_wait(field->group, check_patience()) == 0;
    well &= atomic_load(&field->runs) == 2;
    field_close(field);
    return well;
}

static void starts_against_the_limit(void)
{
    static const struct race race = {open_for_two, take_first, take_second, one_got_the_place};
    struct crowd crowd;
    check_log_capture();
    for (int i = 0; i < 4; i++) {
        struct field field = {.kind = kinds[i / 2]};
        if (i % 2)
            field.crowd = crowd_gather(&crowd);
        CU_ASSERT_EQUAL(race_run(&race, &field, ROUNDS / 20), 0);
        if (field.crowd)
            crowd_leave(field.crowd);
    }
    check_log_release();
}

/* The last reference against the last end: the group is given up by one of the two. */
static void open_with_a_task(void *arg)
{
    struct field *field = arg;
    field_open(field, 0);
    lc_context_unref(field->parent);
    field->parent = NULL;
    field->waited = 0;
    field->started[0] = lc_task_group_start(field->group, run, field);
}

static void drop_the_group(void *arg)
{
    lc_task_group_unref(((struct field *)arg)->group);
}

static void look_on(void *arg)
{
    (void)arg;
}

static bool task_ran_to_its_end(void *arg)
{
    return ((struct field *)arg)->started[0] == 0 && check_until(has_deferred, arg);
}

static void last_reference_against_the_last_end(void)
{
    static const struct race race = {open_with_a_task, drop_the_group, look_on,
                                     task_ran_to_its_end};
    for (int i = 0; i < 2; i++) {
        struct field field = {.kind = kinds[i]};
        CU_ASSERT_EQUAL(race_run(&race, &field, ROUNDS), 0);
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
