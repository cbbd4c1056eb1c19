/*
 * task_group.c: task groups: what a task finds, the limit, what becomes of errors, what ends a
 * group, and what waiting for one means.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/scripted_worker.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/** What the tasks of a test share. */
struct yard {
    struct scope scope; /**< of the group */
    lc_task_group *group;
    lc_handle *go;     /**< tasks wait for it */
    atomic_uint begun; /**< tasks that have */
    atomic_uint ended; /**< deferred calls that have run */
    atomic_uint wrong; /**< tasks that found anything amiss */
    lc_handle *inside; /**< closes when a task has begun */
    int code;          /**< what a task was answered */
};

/** With the kind of the mode. */
static lc_task_group *make_group(const char *name, lc_context *context, size_t limit,
                                 lc_tasks_on_error on_error)
{
    return lc_task_group_new(LC_TASK_GROUP(.name = name, .context = context, .limit = limit,
                                           .kind = check_kind(), .on_error = on_error));
}

static struct yard yard_new(size_t limit, lc_tasks_on_error on_error)
{
    struct yard yard = {.scope = scope_new(NULL), .go = lc_handle_new(), .inside = lc_handle_new()};
    yard.group = make_group("yard", yard.scope.context, limit, on_error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(yard.group);
    return yard;
}

/** All tasks have ended, or will by themselves. */
static void yard_drop(struct yard *yard)
{
    CU_ASSERT_EQUAL(lc_task_group_wait(yard->group, check_patience()), 0);
    CU_ASSERT_EQUAL(lc_task_group_count(yard->group), 0);
    CU_ASSERT_EQUAL(yard->wrong, 0);
    lc_task_group_unref(yard->group);
    scope_drop(&yard->scope);
    lc_handle_unref(yard->go);
    lc_handle_unref(yard->inside);
}

static void note_end(void *arg)
{
    atomic_fetch_add(&((struct yard *)arg)->ended, 1);
}

static void note_begin(struct yard *yard)
{
    if (lc_defer(note_end, yard) != 0)
        atomic_fetch_add(&yard->wrong, 1);
    atomic_fetch_add(&yard->begun, 1);
    lc_handle_close(yard->inside);
}

static bool starts(struct yard *yard, lc_task task)
{
    return lc_task_group_start(yard->group, task, yard) == 0;
}

/* ---- what a task finds ---- */

static lc_error *look_around(lc_context *context, void *arg)
{
    struct yard *yard = arg;
    bool well = strcmp(lc_worker_name(), "yard") == 0 && !lc_context_error(context) &&
                lc_context_value(context, yard) == yard && lc_task_group_count(yard->group) == 1 &&
                (lc_is_simulated() || lc_is_fiber() == (check_kind() == LC_FIBER));
    atomic_fetch_add(&yard->wrong, !well);
    note_begin(yard);
    return NULL;
}

static void task_finds_its_context_and_name(void)
{
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    lc_context *context = lc_context_with_value(yard.scope.context, &yard, &yard, NULL);
    lc_task_group_unref(yard.group);
    yard.group = make_group("yard", context, 0, LC_TASKS_LOG);
    lc_context_unref(context); /* the group keeps it */
    CU_ASSERT_EQUAL(lc_task_group_count(yard.group), 0);
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, LC_NOW), 0);
    CU_ASSERT_TRUE(starts(&yard, look_around));
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_EQUAL(yard.begun, 1);
    CU_ASSERT_EQUAL(yard.ended, 1);
    yard_drop(&yard);
}

static lc_error *wait_for_go(lc_context *context, void *arg)
{
    struct yard *yard = arg;
    note_begin(yard);
    lc_context_wait(context, yard->go, LC_FOREVER);
    return NULL;
}

static void wait_is_for_deferred_calls_too(void)
{
    enum { TASKS = 20 };
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    for (int i = 0; i < TASKS; i++)
        CU_ASSERT_TRUE(starts(&yard, wait_for_go));
    CU_ASSERT_EQUAL(lc_task_group_count(yard.group), TASKS);
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, LC_NOW), -ETIMEDOUT);
    lc_handle_close(yard.go);
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_EQUAL(yard.ended, TASKS);
    CU_ASSERT_TRUE(starts(&yard, wait_for_go)); /* a group that was waited for goes on */
    yard_drop(&yard);
    CU_ASSERT_EQUAL(yard.ended, TASKS + 1);
}

/* ---- waiting ---- */

static void wait_has_a_deadline(void)
{
    struct check_clock *clock = check_clock_new();
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    CU_ASSERT_TRUE(starts(&yard, wait_for_go));
    CHECK_CLOSES(yard.inside);
    int64_t began = lc_now();
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, lc_deadline_after(20 * LC_MILLISECOND)),
                    -ETIMEDOUT);
    CU_ASSERT(lc_now() - began >= 20 * LC_MILLISECOND);
    CU_ASSERT_EQUAL(lc_task_group_count(yard.group), 1);
    lc_handle_close(yard.go);
    yard_drop(&yard);
    check_clock_free(clock);
}

static void close_go(void *arg)
{
    lc_handle_close(((struct yard *)arg)->go);
}

static void wait_is_woken_by_the_last_end(void)
{
    for (int round = 0; round < 2; round++) {
        struct yard yard = yard_new(0, LC_TASKS_LOG);
        struct later later_go;
        CU_ASSERT_TRUE(starts(&yard, wait_for_go));
        CU_ASSERT_TRUE(starts(&yard, wait_for_go));
        later(&later_go, close_go, &yard);
        int64_t deadline = round ? LC_FOREVER : check_patience();
        CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, deadline), 0);
        CU_ASSERT_EQUAL(yard.ended, 2);
        CU_ASSERT_TRUE(later_join(&later_go));
        yard_drop(&yard);
    }
}

struct bystander {
    struct helper helper;
    struct yard *yard;
    int result;
    unsigned ended;
};

static void stand_by(void *arg)
{
    struct bystander *bystander = arg;
    bystander->result = lc_task_group_wait(bystander->yard->group, check_patience());
    bystander->ended = atomic_load(&bystander->yard->ended);
}

static void any_number_may_wait(void)
{
    enum { MANY = 8 };
    struct bystander bystanders[MANY];
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    CU_ASSERT_TRUE(starts(&yard, wait_for_go));
    for (int i = 0; i < MANY; i++) {
        bystanders[i].yard = &yard;
        helper_start(&bystanders[i].helper, stand_by, &bystanders[i]);
    }
    lc_yield();
    lc_handle_close(yard.go);
    for (int i = 0; i < MANY; i++) {
        helper_join(&bystanders[i].helper);
        CU_ASSERT_EQUAL(bystanders[i].result, 0);
        CU_ASSERT_EQUAL(bystanders[i].ended, 1);
    }
    yard_drop(&yard);
}

/* ---- the limit ---- */

static void limit_is_exact_and_named(void)
{
    struct yard yard = yard_new(2, LC_TASKS_LOG);
    check_log_capture();
    CU_ASSERT_TRUE(starts(&yard, wait_for_go));
    CU_ASSERT_TRUE(starts(&yard, wait_for_go));
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(lc_task_group_start(yard.group, wait_for_go, &yard), -ENOSPC);
    CU_ASSERT_EQUAL(lc_task_group_count(yard.group), 2);
    CU_ASSERT_TRUE(check_log_has("yard"));
    CU_ASSERT_TRUE(check_log_has("2 run, which is the group's limit"));
    CU_ASSERT_EQUAL(check_log_count("a task was refused"), 10);
    lc_handle_close(yard.go);
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_TRUE(starts(&yard, wait_for_go));
    yard_drop(&yard);
    CU_ASSERT_TRUE(check_log_has("90 more such lines were left out"));
    check_log_release();
}

/* ---- what ends a group ---- */

static lc_error *wait_for_the_end(lc_context *context, void *arg)
{
    struct yard *yard = arg;
    note_begin(yard);
    int code = lc_context_wait(context, yard->go, LC_FOREVER);
    return code < 0 ? lc_error_new(code, "told to stop") : NULL; /* as good as NULL */
}

static void cancel_ends_the_tasks_and_starts(void)
{
    struct yard yard = yard_new(0, LC_TASKS_THROW);
    check_log_capture();
    for (int i = 0; i < 5; i++)
        CU_ASSERT_TRUE(starts(&yard, wait_for_the_end));
    lc_task_group_cancel(yard.group, lc_error_new(-EPIPE, "enough"));
    CU_ASSERT_EQUAL(lc_task_group_start(yard.group, wait_for_the_end, &yard), -ECANCELED);
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_EQUAL(lc_task_group_start(yard.group, wait_for_the_end, &yard), -ECANCELED);
    CU_ASSERT_EQUAL(yard.begun, 5);
    CU_ASSERT_EQUAL(yard.ended, 5);
    CU_ASSERT_PTR_NULL(lc_context_error(yard.scope.context)); /* none above */
    CU_ASSERT_PTR_NULL(lc_signaler_take(yard.scope.signaler));
    CU_ASSERT_FALSE(check_log_has("told to stop"));
    check_log_release();
    yard_drop(&yard);
}

static void end_of_the_context_ends_the_group(void)
{
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    CU_ASSERT_TRUE(starts(&yard, wait_for_the_end));
    scope_cancel(&yard.scope);
    CU_ASSERT_EQUAL(lc_task_group_start(yard.group, wait_for_the_end, &yard), -ECANCELED);
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    lc_task_group *late = make_group("late", yard.scope.context, 0, LC_TASKS_LOG);
    CU_ASSERT_EQUAL(lc_task_group_start(late, wait_for_the_end, &yard), -ECANCELED);
    lc_task_group_unref(late);
    yard_drop(&yard);
}

static void grace_gives_the_tasks_time(void)
{
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    lc_context *grace = lc_context_with_grace(yard.scope.context, 50 * LC_MILLISECOND);
    lc_task_group_unref(yard.group);
    yard.group = make_group("customers", grace, 0, LC_TASKS_LOG);
    CU_ASSERT_TRUE(starts(&yard, wait_for_the_end));
    int64_t told = lc_now();
    scope_cancel(&yard.scope);
    CU_ASSERT_TRUE(starts(&yard, wait_for_the_end)); /* still in the grace */
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT(lc_now() - told >= 50 * LC_MILLISECOND);
    CU_ASSERT_EQUAL(lc_task_group_start(yard.group, wait_for_the_end, &yard), -ECANCELED);
    lc_context_unref(grace);
    yard_drop(&yard);
}

/* ---- errors ---- */

static lc_error *fail(lc_context *context, void *arg)
{
    (void)context;
    note_begin(arg);
    return lc_error_new(-EIO, "this one failed");
}

static lc_error *throw_deep(lc_context *context, void *arg)
{
    lc_context *own = lc_context_new(context);
    note_begin(arg);
    lc_defer((void (*)(void *))lc_context_unref, own);
    lc_throw(own, lc_error_new(-EPROTO, "thrown deep down"));
}

static void errors_are_logged(void)
{
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    check_log_capture();
    CU_ASSERT_TRUE(starts(&yard, throw_deep));
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_TRUE(check_log_has("a task failed: thrown deep down"));
    CU_ASSERT_TRUE(check_log_has("yard"));
    CU_ASSERT_TRUE(check_log_has("task_group.c:"));
    for (int i = 0; i < 30; i++)
        CU_ASSERT_TRUE(starts(&yard, fail));
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_EQUAL(check_log_count("a task failed"), 10); /* the storm is cut */
    CU_ASSERT_EQUAL(yard.ended, 31);
    CU_ASSERT_PTR_NULL(lc_signaler_take(yard.scope.signaler));
    CU_ASSERT_PTR_NULL(lc_task_group_result(yard.group));
    CU_ASSERT_PTR_NULL(lc_context_error(yard.scope.context));
    yard_drop(&yard);
    CU_ASSERT_TRUE(check_log_has("21 more such lines were left out"));
    check_log_release();
}

static void first_error_is_thrown(void)
{
    struct yard yard = yard_new(0, LC_TASKS_THROW);
    check_log_capture();
    CU_ASSERT_TRUE(starts(&yard, fail));
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_signaler_thrown(yard.scope.signaler)));
    CHECK_ERROR(lc_signaler_take(yard.scope.signaler), -EIO);
    CU_ASSERT_FALSE(check_log_has("failed"));
    CU_ASSERT_TRUE(starts(&yard, throw_deep)); /* the context above decides about the rest */
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_EQUAL(check_log_count("a task failed: thrown deep down"), 1);
    CU_ASSERT_PTR_NULL(lc_signaler_take(yard.scope.signaler));
    check_log_release();
    yard_drop(&yard);
}

static lc_error *fail_when_stopped(lc_context *context, void *arg)
{
    struct yard *yard = arg;
    note_begin(yard);
    lc_context_wait(context, yard->go, LC_FOREVER);
    return lc_error_new(-EBADMSG, "failed in the end");
}

static void first_error_cancels_the_rest(void)
{
    struct yard yard = yard_new(0, LC_TASKS_CANCEL);
    check_log_capture();
    for (int i = 0; i < 3; i++)
        CU_ASSERT_TRUE(starts(&yard, wait_for_the_end));
    CU_ASSERT_TRUE(starts(&yard, fail_when_stopped));
    CU_ASSERT_PTR_NULL(lc_task_group_result(yard.group));
    CU_ASSERT_TRUE(starts(&yard, throw_deep));
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_EQUAL(lc_task_group_start(yard.group, fail, &yard), -ECANCELED);
    CU_ASSERT_EQUAL(yard.ended, 5);
    CHECK_ERROR(lc_task_group_result(yard.group), -EPROTO);
    CHECK_ERROR(lc_task_group_result(yard.group), -EPROTO); /* each call gives a reference */
    CU_ASSERT_TRUE(check_log_has("a task failed: failed in the end"));
    CU_ASSERT_EQUAL(check_log_count("a task failed"), 1);
    CU_ASSERT_PTR_NULL(lc_signaler_take(yard.scope.signaler));
    check_log_release();
    yard_drop(&yard);
}

static lc_error *show_context(lc_context *context, void *arg)
{
    *(lc_context **)arg = lc_context_ref(context);
    return NULL;
}

static void errors_of_others_are_the_groups(void)
{
    struct yard yard = yard_new(0, LC_TASKS_CANCEL);
    lc_context *context = NULL;
    CU_ASSERT_EQUAL(lc_task_group_start(yard.group, show_context, &context), 0);
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    lc_signal_error(context, lc_error_new(-EXDEV, "from beside"));
    CHECK_ERROR(lc_task_group_result(yard.group), -EXDEV);
    yard_drop(&yard);
    check_log_capture(); /* the group is over, and its context is not */
    lc_signal_error(context, lc_error_new(-EXDEV, "from behind"));
    CU_ASSERT_TRUE(check_log_has("from behind"));
    check_log_release();
    lc_context_unref(context);
}

static lc_error *leave_by_pthread_exit(lc_context *context, void *arg)
{
    (void)context;
    note_begin(arg);
    pthread_exit(NULL);
}

static void exit_of_a_thread_ends_a_task(void)
{
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    CU_ASSERT_TRUE(starts(&yard, leave_by_pthread_exit));
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_EQUAL(yard.ended, 1);
    yard_drop(&yard);
}

/* ---- groups without a reference, and without a context ---- */

static lc_error *start_another(lc_context *context, void *arg)
{
    struct yard *yard = arg;
    lc_context_wait(context, yard->go, LC_FOREVER);
    if (lc_task_group_start(yard->group, wait_for_go, yard) != 0)
        atomic_fetch_add(&yard->wrong, 1);
    note_begin(yard);
    return NULL;
}

static bool both_ended(void *arg)
{
    return atomic_load(&((struct yard *)arg)->ended) == 2;
}

static void group_lives_until_its_last_task_ends(void)
{
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    lc_task_group *other = make_group("other", NULL, 0, LC_TASKS_LOG);
    CU_ASSERT_TRUE(starts(&yard, start_another));
    lc_task_group_unref(yard.group);
    lc_handle_close(yard.go);
    CU_ASSERT_TRUE(check_until(both_ended, &yard));
    yard.group = other;
    yard_drop(&yard);
}

struct maker {
    lc_task_group *group;
    lc_handle *told;
    int code;
};

static lc_error *outlive(lc_context *context, void *arg)
{
    const struct maker *maker = arg;
    lc_handle_wait(maker->told, LC_FOREVER);
    return lc_context_error(context) ? lc_error_new(-EBADE, "was told to stop")
                                     : lc_error_new(-ENOANO, "to the maker's signaler");
}

/** Makes a group of no context, and goes on until it is told to stop. */
static lc_error *make_apart(lc_context *context, lc_ready *ready, void *arg)
{
    struct maker *maker = arg;
    maker->group = make_group("apart", NULL, 0, LC_TASKS_THROW);
    maker->code = lc_task_group_start(maker->group, outlive, maker);
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    lc_handle_close(maker->told);
    lc_task_group_wait(maker->group, LC_FOREVER);
    return NULL;
}

static lc_manager *start_worker(const char *name, lc_worker_function run, void *arg,
                                lc_context *context)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder(name);
    lc_manager_builder_add(builder, LC_WORKER(.name = name, .run = run, .arg = arg));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, context));
    CHECK_CLOSES(lc_manager_ready(manager));
    return manager;
}

static void without_a_context_only_a_cancel_ends_it(void)
{
    struct maker maker = {.told = lc_handle_new()};
    struct scope scope = scope_new(NULL);
    lc_manager *manager = start_worker("maker", make_apart, &maker, scope.context);
    scope_cancel(&scope);
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_EQUAL(maker.code, 0);
    CHECK_ERROR(lc_signaler_take(scope.signaler), -ENOANO);
    lc_task_group_unref(maker.group);
    lc_manager_unref(manager);
    scope_drop(&scope);
    lc_handle_unref(maker.told);
}

/* ---- a wait for oneself ---- */

static void wait_beside(void *arg)
{
    struct yard *yard = arg;
    yard->code = lc_task_group_wait(yard->group, LC_FOREVER);
}

static lc_error *wait_for_oneself(lc_context *context, void *arg)
{
    (void)context;
    wait_beside(arg);
    return NULL;
}

static lc_error *wait_in_a_blocking_call(lc_context *context, void *arg)
{
    (void)context;
    if (lc_call_blocking(wait_beside, arg) != 0)
        atomic_fetch_add(&((struct yard *)arg)->wrong, 1);
    return NULL;
}

/** A group in a group, with a context that has nothing to do with the outer one. */
static lc_error *wait_from_within(lc_context *context, void *arg)
{
    (void)context;
    struct yard *yard = arg;
    lc_context *root = lc_context_new(NULL);
    lc_task_group *inner = make_group("inner", root, 0, LC_TASKS_LOG);
    if (lc_task_group_start(inner, wait_for_oneself, yard) != 0 ||
        lc_task_group_wait(inner, LC_FOREVER) != 0)
        atomic_fetch_add(&yard->wrong, 1);
    lc_task_group_unref(inner);
    lc_context_unref(root);
    return NULL;
}

static void task_may_not_wait_for_its_group(void)
{
    static const lc_task tasks[] = {wait_for_oneself, wait_in_a_blocking_call, wait_from_within};
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        struct yard yard = yard_new(0, LC_TASKS_LOG);
        CU_ASSERT_TRUE(starts(&yard, tasks[i]));
        CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
        CU_ASSERT_EQUAL(yard.code, -EDEADLK);
        yard_drop(&yard);
    }
}

struct home {
    lc_supervisor *supervisor;
    lc_handle *asked;
    int code;
};

static lc_error *remove_own_node(lc_context *context, void *arg)
{
    struct home *home = arg;
    (void)context;
    lc_error *error = lc_supervisor_remove(home->supervisor, "home", LC_FOREVER);
    home->code = lc_error_code(error);
    lc_error_unref(error);
    lc_handle_close(home->asked);
    return NULL;
}

/** Its group has a context of its own: the task is inside the node all the same. */
static lc_error *be_at_home(lc_context *context, lc_ready *ready, void *arg)
{
    struct home *home = arg;
    lc_context *root = lc_context_new(NULL);
    lc_task_group *group = make_group("guests", root, 0, LC_TASKS_LOG);
    lc_ready_signal(ready);
    if (lc_task_group_start(group, remove_own_node, home) == 0)
        lc_task_group_wait(group, LC_FOREVER);
    lc_task_group_unref(group);
    lc_context_unref(root);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return NULL;
}

static lc_error *make_home(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("home");
    lc_manager_builder_add(builder, LC_WORKER(.name = "host", .run = be_at_home, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static void task_is_inside_the_worker_that_made_its_group(void)
{
    struct home home = {.asked = lc_handle_new()};
    lc_supervisor_options options = {.size = sizeof options};
    lc_node node = {.size = sizeof node};
    struct scope scope = scope_new(NULL);
    options.keep_running = true;
    node.name = "home";
    node.factory = make_home;
    node.arg = &home;
    node.kind = check_kind();
    CHECK_SUCCESS(lc_supervisor_new(&options, &home.supervisor));
    CHECK_SUCCESS(lc_supervisor_add(home.supervisor, &node));
    CHECK_SUCCESS(lc_component_start(lc_supervisor_component(home.supervisor), scope.context));
    CHECK_CLOSES(home.asked);
    CU_ASSERT_EQUAL(home.code, -EDEADLK);
    scope_cancel(&scope);
    CHECK_CLOSES(lc_supervisor_done(home.supervisor));
    lc_supervisor_unref(home.supervisor);
    scope_drop(&scope);
    lc_handle_unref(home.asked);
}

/* ---- names in reports ---- */

static lc_error *ignore_the_end(lc_context *context, void *arg)
{
    (void)context;
    lc_handle_wait(((struct yard *)arg)->go, LC_FOREVER);
    return NULL;
}

/** Stops, and then waits for customers that do not go. */
static lc_error *be_held_up(lc_context *context, lc_ready *ready, void *arg)
{
    struct yard *yard = arg;
    yard->group = make_group("customers", context, 0, LC_TASKS_LOG);
    for (int i = 0; i < 3; i++)
        lc_task_group_start(yard->group, ignore_the_end, yard);
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    lc_task_group_wait(yard->group, LC_FOREVER);
    lc_task_group_unref(yard->group);
    return NULL;
}

/** A node that keeps its supervisor waiting in vain ends after it: by this manager. */
struct shop {
    struct yard yard;
    lc_manager *manager;
};

static lc_error *make_shop(lc_component **component, void *arg)
{
    struct shop *shop = arg;
    lc_manager_builder *builder = check_builder("listener");
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "listen", .run = be_held_up, .arg = &shop->yard));
    lc_error *error = lc_manager_builder_build(builder, &shop->manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(lc_manager_ref(shop->manager));
    return error;
}

static bool overdue_is_told(void *arg)
{
    (void)arg;
    return check_log_has("what still runs");
}

static void overdue_node_names_the_tasks(void)
{
    struct shop shop = {.yard = {.go = lc_handle_new()}};
    struct scope scope = scope_new(NULL);
    lc_supervisor *supervisor = NULL;
    const lc_supervisor_options *options =
        LC_SUPERVISOR(.name = "shop",
                      .nodes = LC_NODES(LC_NODE(.name = "listener", .factory = make_shop,
                                                .arg = &shop, .kind = check_kind(),
                                                .stop_timeout = 20 * LC_MILLISECOND)));
    CHECK_SUCCESS(lc_supervisor_new(options, &supervisor));
    check_log_capture();
    CHECK_SUCCESS(lc_component_start(lc_supervisor_component(supervisor), scope.context));
    CHECK_CLOSES(lc_supervisor_ready(supervisor));
    scope_cancel(&scope);
    CU_ASSERT_TRUE(check_until(overdue_is_told, NULL));
    CU_ASSERT_TRUE(check_log_has("waits for the end of tasks of customers: 3"));
    CHECK_CLOSES(lc_supervisor_done(supervisor)); /* it does not wait for ever */
    lc_handle_close(shop.yard.go);
    CHECK_CLOSES(lc_manager_done(shop.manager));
    check_log_release();
    lc_manager_unref(shop.manager);
    lc_supervisor_unref(supervisor);
    lc_error_unref(lc_signaler_take(scope.signaler));
    scope_drop(&scope);
    lc_handle_unref(shop.yard.go);
}

static lc_error *wait_for_nothing(lc_context *context, void *arg)
{
    (void)context;
    lc_handle_wait(arg, LC_FOREVER);
    return NULL;
}

static lc_error *wait_for_the_stuck(void *arg)
{
    lc_task_group *group = lc_task_group_new(LC_TASK_GROUP(.name = "stuck"));
    if (lc_task_group_start(group, wait_for_nothing, arg) == 0)
        lc_task_group_wait(group, LC_FOREVER);
    return NULL;
}

/** In a process of its own, which looks for no leaks: what waits for ever keeps what it has. */
CHECK_CHILD(stuck_world)
{
    lc_executor *world = NULL;
    lc_error_unref(lc_executor_new_simulated(NULL, &world));
    lc_error *error = lc_executor_run(world, wait_for_the_stuck, lc_handle_new());
    fprintf(stderr, "%s\n", lc_error_message(error));
    _exit(lc_error_code(error) == -EDEADLK ? 0 : 1);
}

static void deadlock_names_the_group(void)
{
    struct check_exit child = check_child("stuck_world");
    CU_ASSERT_EQUAL(child.status, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(child.errors, "tasks of group \"stuck\""));    /* what waits */
    CU_ASSERT_PTR_NOT_NULL(strstr(child.errors, "error stuck: waits for ever")); /* the task */
}

/* ---- mistakes, and what cannot be had ---- */

static void refuses(const lc_task_group_options *options, const char *why)
{
    check_log_capture();
    lc_task_group *group = lc_task_group_new(options);
    CU_ASSERT_PTR_NULL(group);
    CU_ASSERT_TRUE(check_log_has(why));
    lc_task_group_unref(group);
    check_log_release();
}

static void mistakes_are_named(void)
{
    char name[LC_NAME_MAX + 2];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    lc_context *silent = lc_context_new(NULL);
    refuses(LC_TASK_GROUP(.name = name), "a name of 1 to 64 bytes");
    refuses(LC_TASK_GROUP(.name = ""), "a name of 1 to 64 bytes");
    refuses(LC_TASK_GROUP(.name = "odd", .kind = (lc_worker_kind)17), "\"odd\" is of kind 17");
    refuses(LC_TASK_GROUP(.name = "odd", .on_error = (lc_tasks_on_error)9), "on_error 9");
    refuses(LC_TASK_GROUP(.name = "odd", .kind = LC_FIBER, .stack_size = 100),
            "stacks of 100 bytes");
    refuses(LC_TASK_GROUP(.name = "odd", .kind = LC_FIBER, .stack_size = LC_FIBER_STACK_MAX + 1),
            "stacks of 1073741825 bytes");
    refuses(LC_TASK_GROUP(.name = "mute", .context = silent, .on_error = LC_TASKS_THROW),
            "\"mute\" is to throw");
    const lc_task_group_options none = {.size = 1};
    refuses(&none, "lc_task_group_options");
    lc_context_unref(silent);
    CU_ASSERT_EQUAL(lc_task_group_start(NULL, fail, NULL), -EINVAL);
    CU_ASSERT_EQUAL(lc_task_group_wait(NULL, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_task_group_count(NULL), 0);
    CU_ASSERT_PTR_NULL(lc_task_group_result(NULL));
    CU_ASSERT_PTR_NULL(lc_task_group_ref(NULL));
    lc_task_group_cancel(NULL, lc_error_new(-EIO, "dropped"));
    lc_task_group_unref(NULL);
}

static lc_error *fail_by_default(lc_context *context, void *arg)
{
    struct yard *yard = arg;
    bool well = lc_is_fiber() && strcmp(lc_worker_name(), "tasks") == 0;
    atomic_fetch_add(&yard->wrong, !well);
    return fail(context, arg);
}

static void defaults_are_fibers_called_tasks(void)
{
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    lc_task_group_unref(yard.group);
    yard.group = lc_task_group_new(NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(yard.group);
    CU_ASSERT_EQUAL(lc_task_group_start(yard.group, NULL, &yard), -EINVAL);
    check_log_capture();
    CU_ASSERT_TRUE(starts(&yard, fail_by_default));
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    CU_ASSERT_TRUE(check_log_has("a task failed"));
    CU_ASSERT_EQUAL(lc_task_group_ref(yard.group), yard.group);
    lc_task_group_unref(yard.group);
    check_log_release();
    yard_drop(&yard);
}

static void failures_leave_nothing(void)
{
    struct yard yard = yard_new(0, LC_TASKS_LOG);
    CU_ASSERT_TRUE(starts(&yard, look_around)); /* the executor is there */
    CU_ASSERT_EQUAL(lc_task_group_wait(yard.group, check_patience()), 0);
    atomic_store(&yard.wrong, 0);
    lc_task_group *group = NULL;
    size_t failed = 0;
    for (; !group && failed < 20; failed += !group) {
        lc__memory_fail_at(failed + 1);
        group = make_group("scarce", yard.scope.context, 0, LC_TASKS_LOG);
    }
    lc__memory_fail_at(0);
    CU_ASSERT(failed >= 3 && failed < 20); /* group, signaler, context */
    lc__memory_fail_at(1);
    CU_ASSERT_EQUAL(lc_task_group_start(group, wait_for_go, &yard), -ENOMEM);
    lc__memory_fail_at(0);
    CU_ASSERT_EQUAL(lc_task_group_count(group), 0);
    CU_ASSERT_EQUAL(lc_task_group_wait(group, LC_NOW), 0);
    lc_task_group_unref(group);
    yard_drop(&yard);
}

CHECK_SUITE_IN_MODES(
    task_groups, "conformance: task groups",
    {"a task finds its context, its name and its kind", task_finds_its_context_and_name},
    {"a wait is for deferred calls too, and a group goes on after it",
     wait_is_for_deferred_calls_too},
    {"a wait has a deadline", wait_has_a_deadline},
    {"a wait is woken by the last end", wait_is_woken_by_the_last_end},
    {"any number may wait", any_number_may_wait},
    {"the limit is exact, and the log names it", limit_is_exact_and_named},
    {"a cancel ends the tasks, and no other is started", cancel_ends_the_tasks_and_starts},
    {"the end of the context ends the group", end_of_the_context_ends_the_group},
    {"a grace gives the tasks time", grace_gives_the_tasks_time},
    {"LC_TASKS_LOG logs each error, and cuts a storm", errors_are_logged},
    {"LC_TASKS_THROW throws the first error", first_error_is_thrown},
    {"LC_TASKS_CANCEL cancels the rest and keeps the first", first_error_cancels_the_rest},
    {"errors of others on its context are the group's", errors_of_others_are_the_groups},
    {"the exit of a thread ends a task", exit_of_a_thread_ends_a_task, CHECK_PTHREADS},
    {"a group lives until its last task ends", group_lives_until_its_last_task_ends},
    {"without a context only a cancel ends it, and throws are the maker's",
     without_a_context_only_a_cancel_ends_it},
    {"a task may not wait for its group", task_may_not_wait_for_its_group},
    {"a task is inside the worker that made its group",
     task_is_inside_the_worker_that_made_its_group},
    {"an overdue node names the tasks that hold it up", overdue_node_names_the_tasks},
    {"mistakes are named", mistakes_are_named},
    {"the default group is of fibers called tasks", defaults_are_fibers_called_tasks},
    {"a group that fails for want of memory leaves nothing", failures_leave_nothing, CHECK_KERNEL});

CHECK_SUITE(task_group_names, "conformance: task groups in reports",
            {"a deadlock's report names the group", deadlock_names_the_group});
