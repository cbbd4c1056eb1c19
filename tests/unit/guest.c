/*
 * guest.c: a thread of the program's as one of an executor's, by lc_executor_run: how its function
 * may end.
 */
#include "support/check.h"
#include "support/later.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>

struct guest {
    lc_executor *executor;
    struct scope scope;
    lc_error *result;
    lc_handle *over; /* lc_executor_run has returned */
    bool deferred;
};

static void note_deferred(void *arg)
{
    ((struct guest *)arg)->deferred = true;
}

static lc_error *throw(void *arg)
{
    struct guest *guest = arg;
    lc_defer(note_deferred, guest);
    lc_throw(guest->scope.context, lc_error_new(-EIO, "thrown in main"));
}

static void run_guest(void *arg)
{
    struct guest *guest = arg;
    guest->result = lc_executor_run(guest->executor, throw, guest);
    lc_handle_close(guest->over);
}

static void throw_ends_the_run_in(lc_executor *executor)
{
    struct guest guest = {.executor = executor, .scope = scope_new(NULL), .over = lc_handle_new()};
    struct helper helper;
    helper_start(&helper, run_guest, &guest);
    CHECK_CLOSES(guest.over);
    helper_join(&helper);
    CU_ASSERT_TRUE(guest.deferred);
    CHECK_SUCCESS(guest.result); /* it has gone to the signaler */
    CHECK_ERROR(lc_signaler_take(guest.scope.signaler), -EIO);
    lc_handle_unref(guest.over);
    scope_drop(&guest.scope);
}

static void throw_ends_the_run(void)
{
    throw_ends_the_run_in(NULL);
}

static void throw_ends_the_simulation(void)
{
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &world));
    throw_ends_the_run_in(world);
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

/* ---- the place it leaves ---- */

struct visit {
    lc_handle *over;
    pid_t thread;
};

static void visit(void *arg)
{
    struct visit *visit = arg;
    visit->thread = later_self();
    lc_handle_close(visit->over);
}

static lc_error *do_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

/*
 * A thread of the executor that comes after a guest waits for more, as it would without that guest.
 */
static void threads_stay_after_a_guest(void)
{
    struct visit visited = {.over = lc_handle_new()};
    lc_executor_options options = {.size = sizeof options};
    lc_fiber_options fiber = {.size = sizeof fiber};
    lc_executor *executor;
    options.threads = 1;
    CHECK_SUCCESS(lc_executor_new(&options, &executor));
    CHECK_SUCCESS(lc_executor_run(executor, do_nothing, NULL));
    fiber.executor = executor;
    fiber.run = visit;
    fiber.arg = &visited;
    CU_ASSERT_EQUAL(lc_fiber_start(&fiber), 0);
    CHECK_CLOSES(visited.over);
    CU_ASSERT_TRUE(later_asleep(visited.thread));
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
    lc_handle_unref(visited.over);
}

CHECK_SUITE(unit_guest, "unit: a thread as one of an executor's",
            {"a throw in its function ends the run", throw_ends_the_run},
            {"a throw in a simulation's function ends the run", throw_ends_the_simulation},
            {"the executor's thread that comes after a guest stays", threads_stay_after_a_guest});
