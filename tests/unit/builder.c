/*
 * builder.c: the manager builder's mistakes, and what a manager carries.
 */
#include "support/check.h"
#include "support/scripted_worker.h"

#include "base/memory.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static lc_manager *untouched(void)
{
    static char place;
    return (lc_manager *)(void *)&place;
}

/* Builds, expects a mistake with a message that holds `said`, and frees the builder. */
static void is_refused(lc_manager_builder *builder, int code, const char *said)
{
    lc_manager *manager = untouched();
    lc_error *error = lc_manager_builder_build(builder, &manager);
    CU_ASSERT_EQUAL(lc_error_code(error), code);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), said));
    CU_ASSERT_PTR_NULL(manager);
    lc_error_unref(error);
    CHECK_ERROR(lc_manager_builder_build(builder, &manager), code); /* mistakes are kept */
    lc_manager_builder_free(builder);
}

static lc_manager_builder *with_worker(const char *name, lc_worker_function run)
{
    lc_manager_builder *builder = lc_manager_builder_new("mistaken");
    lc_manager_builder_add(builder, LC_WORKER(.name = "good", .run = lc_noop_worker));
    lc_manager_builder_add(builder, LC_WORKER(.name = name, .run = run));
    return builder;
}

static void mistakes_are_named(void)
{
    char too_long[LC_NAME_MAX + 2];
    memset(too_long, 'n', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    is_refused(with_worker("good", lc_noop_worker), -EEXIST, "good");
    is_refused(with_worker("idle", NULL), -EINVAL, "idle");
    is_refused(with_worker(NULL, lc_noop_worker), -EINVAL, "name");
    is_refused(with_worker("", lc_noop_worker), -EINVAL, "name");
    is_refused(with_worker(too_long, lc_noop_worker), -EINVAL, "64");
    is_refused(lc_manager_builder_new(""), -EINVAL, "name");
    is_refused(lc_manager_builder_new(NULL), -EINVAL, "name");
    is_refused(lc_manager_builder_new(too_long), -EINVAL, "64");
}

static void longest_names_are_taken(void)
{
    char name[LC_NAME_MAX + 1];
    lc_manager *manager = NULL;
    lc_worker_status status;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    lc_manager_builder *builder = lc_manager_builder_new(name);
    lc_manager_builder_add(builder, LC_WORKER(.name = name, .run = lc_noop_worker));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    CU_ASSERT_STRING_EQUAL(lc_manager_name(manager), name);
    CU_ASSERT_EQUAL(lc_manager_copy_workers(manager, &status, 1), 1);
    CU_ASSERT_STRING_EQUAL(status.name, name);
    lc_manager_builder_free(builder);
    lc_manager_unref(manager);
}

/* A fiber's, once, and one mistake in it. */
static void fiber_is_refused(const lc_worker *mistaken, const char *said)
{
    lc_manager_builder *builder = lc_manager_builder_new("fibers");
    lc_manager_builder_add(builder, mistaken);
    is_refused(builder, -EINVAL, said);
}

static void what_does_not_go_with_the_kind_is_refused(void)
{
    lc_worker worker = {.size = sizeof worker};
    worker.name = "light";
    worker.run = lc_noop_worker;
    worker.kind = (lc_worker_kind)7;
    fiber_is_refused(&worker, "kind 7");
    worker.kind = LC_FIBER;
    worker.stack_size = LC_FIBER_STACK_MIN - 1;
    fiber_is_refused(&worker, "32768");
    worker.stack_size = LC_FIBER_STACK_MAX + 1;
    fiber_is_refused(&worker, "1 GiB");
    worker.kind = LC_THREAD;
    worker.stack_size = 0;
    worker.spread = true;
    fiber_is_refused(&worker, "LC_FIBER");
}

static void first_mistake_is_told(void)
{
    lc_manager_builder *builder = with_worker("first", NULL);
    lc_manager_builder_add(builder, LC_WORKER(.name = "second"));
    is_refused(builder, -EINVAL, "first");
}

static void worker_needs_its_size(void)
{
    lc_worker worker = {.name = "sizeless", .run = lc_noop_worker};
    lc_manager_builder *builder = lc_manager_builder_new("sizes");
    lc_manager_builder_add(builder, &worker);
    is_refused(builder, -EINVAL, "size of lc_worker is 0");
    builder = lc_manager_builder_new("sizes");
    lc_manager_builder_add(builder, NULL);
    is_refused(builder, -EINVAL, "a worker of \"sizes\" needs a name");
}

static lc_error *note_stack(lc_context *context, lc_ready *ready, void *arg)
{
    pthread_attr_t attributes;
    (void)context;
    (void)ready;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstacksize(&attributes, arg);
    pthread_attr_destroy(&attributes);
    return NULL;
}

static size_t stack_with(size_t asked)
{
    struct scope scope = scope_new(NULL);
    lc_manager *manager = NULL;
    size_t got = 0;
    lc_worker worker = {.size = sizeof worker};
    worker.name = "stacked";
    worker.run = note_stack;
    worker.arg = &got;
    worker.stack_size = asked;
    lc_manager_builder *builder = lc_manager_builder_new("stacks");
    lc_manager_builder_add(builder, &worker);
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    CHECK_CLOSES(lc_manager_done(manager));
    lc_manager_unref(manager);
    scope_drop(&scope);
    return got;
}

static void stack_size_is_obeyed(void)
{
    size_t usual = stack_with(0);
    size_t large = stack_with((size_t)48 << 20);
    CU_ASSERT_TRUE(large >= (size_t)48 << 20);
    CU_ASSERT_TRUE(usual > 0 && usual < large);
}

static lc_error *note_kind(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    *(lc_worker_kind *)arg = lc_is_fiber() ? LC_FIBER : LC_THREAD;
    return NULL;
}

enum { KINDS = LC_FIBER + 1 };

/* A worker of each kind in a builder of this kind; `own` tells what the worker with none was. */
static void kinds_in_builder_of(lc_worker_kind kind, lc_worker_kind own)
{
    static const char *const names[KINDS] = {"default", "thread", "fiber"};
    struct scope scope = scope_new(NULL);
    lc_manager *manager = NULL;
    lc_worker_kind was[KINDS] = {0};
    lc_manager_builder *builder = lc_manager_builder_new("kinds");
    lc_manager_builder_set_kind(builder, kind);
    for (unsigned i = 0; i < KINDS; i++)
        lc_manager_builder_add(builder, LC_WORKER(.name = names[i], .run = note_kind,
                                                  .arg = &was[i], .kind = (lc_worker_kind)i));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_EQUAL(was[LC_KIND_DEFAULT], own);
    CU_ASSERT_EQUAL(was[LC_THREAD], LC_THREAD);
    CU_ASSERT_EQUAL(was[LC_FIBER], LC_FIBER);
    lc_manager_unref(manager);
    scope_drop(&scope);
}

static void worker_without_kind_is_of_the_builders(void)
{
    kinds_in_builder_of(LC_KIND_DEFAULT, LC_THREAD);
    kinds_in_builder_of(LC_THREAD, LC_THREAD);
    kinds_in_builder_of(LC_FIBER, LC_FIBER);
}

static void too_small_a_stack_is_refused(void)
{
    lc_worker worker = {.size = sizeof worker};
    worker.name = "cramped";
    worker.run = lc_noop_worker;
    worker.stack_size = 1;
    lc_manager_builder *builder = lc_manager_builder_new("stacks");
    lc_manager_builder_add(builder, &worker);
    is_refused(builder, -EINVAL, "cramped");
}

static void null_is_accepted(void)
{
    lc_manager *manager = untouched();
    lc_manager_builder_free(NULL);
    lc_manager_unref(NULL);
    CU_ASSERT_PTR_NULL(lc_manager_ref(NULL));
    lc_component_destroy(NULL);
    CHECK_ERROR(lc_manager_builder_build(NULL, &manager), -ENOMEM); /* what NULL means there */
}

/* ---- data ---- */

static unsigned released;

static void count_release(void *data)
{
    released += *(unsigned *)data;
}

static void data_is_released_with_the_manager(void)
{
    unsigned data = 5, other = 100;
    released = 0;
    struct scripted_worker worker;
    struct scope scope = scope_new(NULL);
    worker_init(&worker, -EIO);
    lc_manager *manager = worker_manager(&worker, 1);
    CU_ASSERT_PTR_NULL(lc_manager_data(manager));
    CU_ASSERT_EQUAL(lc_manager_set_data(manager, &data, count_release), 0);
    CU_ASSERT_PTR_EQUAL(lc_manager_data(manager), &data);
    CU_ASSERT_EQUAL(lc_manager_set_data(manager, &other, count_release), -EALREADY);
    CU_ASSERT_PTR_EQUAL(lc_manager_data(manager), &data);
    CU_ASSERT_TRUE(worker_start(manager, &scope, &worker, 1));
    lc_handle *done = lc_handle_ref(lc_manager_done(manager));
    lc_manager_unref(manager);
    CU_ASSERT_EQUAL(released, 0); /* a worker runs */
    CU_ASSERT_TRUE(worker_told(&worker, WORKER_RETURN));
    CHECK_CLOSES(done);
    lc_handle_unref(done);
    worker_drop(&worker);
    scope_drop(&scope);
    CU_ASSERT_EQUAL(lc_library_shutdown(),
                    0); /* joins the worker's thread, which may be last to let go */
    CU_ASSERT_EQUAL(released, 5);
}

static void hundreds_of_workers_run(void)
{
    enum { COUNT = 300 };
    struct scope scope = scope_new(NULL);
    lc_manager *manager = NULL;
    char name[16];
    lc_manager_builder *builder = lc_manager_builder_new("many");
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "worker-%u", i);
        lc_manager_builder_add(builder, LC_WORKER(.name = name, .run = lc_noop_worker));
    }
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    CHECK_CLOSES(lc_manager_ready(manager));
    scope_cancel(&scope);
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_EQUAL(lc_manager_copy_workers(manager, NULL, 0), COUNT);
    lc_manager_unref(manager);
    scope_drop(&scope);
}

CHECK_SUITE(
    unit_builder, "unit: manager builder", {"mistakes are told and named", mistakes_are_named},
    {"names of the greatest length are taken", longest_names_are_taken},
    {"what does not go with the kind is refused", what_does_not_go_with_the_kind_is_refused},
    {"the first mistake is told", first_mistake_is_told},
    {"a worker needs its size", worker_needs_its_size},
    {"a worker that asks for no kind is of the builder's", worker_without_kind_is_of_the_builders},
    {"the stack size is obeyed", stack_size_is_obeyed},
    {"a stack that is too small is refused", too_small_a_stack_is_refused},
    {"NULL is accepted", null_is_accepted},
    {"data is released with the manager", data_is_released_with_the_manager},
    {"hundreds of workers run", hundreds_of_workers_run});
