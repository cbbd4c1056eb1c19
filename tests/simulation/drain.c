/*
 * drain.c: the listener of docs/draining.md in a simulation: when it is told to stop it accepts no
 * more, customers that are there finish in the ten seconds of its grace, and those that do not are
 * cut off when these are over, to the nanosecond.
 */
#include "support/check.h"
#include "support/seeds.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

enum { CUSTOMERS = 20 };
#define GRACE (10 * LC_SECOND)
#define PORT "7070"

/* Atomic, as ThreadSanitizer takes fibers for threads. */
static struct fixture {
    lc_context *context; /* the listener's */
    atomic_llong told;   /* when it was told to stop; 0: it was not */
    atomic_llong over;   /* when the last customer was served, or cut off */
    atomic_llong last;   /* when the last customer left by itself */
    atomic_uint well, refused, cut, wrong;
} fixture;

/* ---- the listener, as the page has it ---- */

static lc_error *serve_customer(lc_context *context, void *arg)
{
    int fd = (int)(intptr_t)arg;
    char line[256];
    ssize_t length;
    while ((length = lc_read(context, fd, line, sizeof line, lc_deadline_after(LC_MINUTE))) > 0)
        if (lc_write_all(context, fd, line, (size_t)length, lc_deadline_after(LC_SECOND)) < 0)
            break;
    close(fd);
    return NULL;
}

static lc_error *serve_customers(void *arg)
{
    int fd;
    int listener = (int)(intptr_t)arg;
    lc_context *grace = lc_context_with_grace(fixture.context, GRACE);
    lc_task_group *customers =
        lc_task_group_new(LC_TASK_GROUP(.name = "customers", .context = grace, .limit = 1000));
    while (lc_accept(fixture.context, listener, &fd, LC_FOREVER) == 0)
        if (lc_task_group_start(customers, serve_customer, (void *)(intptr_t)fd) < 0)
            close(fd);
    close(listener);
    CU_ASSERT_EQUAL(lc_task_group_wait(customers, LC_FOREVER), 0);
    lc_task_group_unref(customers);
    lc_context_unref(grace);
    return NULL;
}

/* ---- a customer ---- */

/* @return whether it came back. */
static bool ask(int fd, char letter)
{
    char answer = 0;
    return lc_write_all(NULL, fd, &letter, 1, LC_FOREVER) == 0 &&
           lc_read(NULL, fd, &answer, 1, LC_FOREVER) == 1 && answer == letter;
}

static void be_customer(void *arg)
{
    char letter = (char)('a' + (intptr_t)arg);
    int fd;
    lc_sleep((int64_t)lc_random_below(10 * (uint64_t)LC_SECOND));
    int64_t came = lc_now();
    lc_error *error = lc_connect(NULL, "localhost", PORT, &fd, LC_FOREVER);
    if (error) {
        CU_ASSERT_EQUAL(lc_error_code(error), -ECONNREFUSED);
        fixture.wrong += fixture.told == 0 || came < fixture.told;
        fixture.refused++;
        lc_error_unref(error);
        return;
    }
    bool well = true;
    for (uint64_t left = 1 + lc_random_below(5); left > 0 && well; left--) {
        well = ask(fd, letter);
        lc_sleep((int64_t)lc_random_below(5 * (uint64_t)LC_SECOND));
    }
    close(fd);
    if (well) {
        fixture.well++;
        fixture.last = lc_now();
        return;
    }
    fixture.cut++;
    fixture.wrong += fixture.told == 0 || (lc_now() < fixture.told + GRACE && came < fixture.told);
}

static void start(const char *name, void (*run)(void *arg), void *arg)
{
    CU_ASSERT_EQUAL(lc_fiber_start(LC_FIBER_OPTIONS(.name = name, .run = run, .arg = arg)), 0);
}

static void stop_later(void *arg)
{
    (void)arg;
    lc_sleep((int64_t)lc_random_below(20 * (uint64_t)LC_SECOND));
    fixture.told = lc_now();
    lc_context_cancel(fixture.context, NULL);
}

static lc_error *live(void *arg)
{
    int listener;
    (void)arg;
    CHECK_SUCCESS(lc_listen("localhost", PORT, &listener));
    for (intptr_t i = 0; i < CUSTOMERS; i++)
        start("customer", be_customer, (void *)i);
    start("boss", stop_later, NULL);
    lc_error *error = serve_customers((void *)(intptr_t)listener);
    fixture.over = lc_now();
    return error;
}

static unsigned all_well, all_refused, all_cut;

static void run_seed(const void *arg, uint64_t seed)
{
    lc_executor *world;
    (void)arg;
    fixture.context = lc_context_new(NULL);
    fixture.told = fixture.over = fixture.last = 0;
    fixture.well = fixture.refused = fixture.cut = fixture.wrong = 0;
    CHECK_SUCCESS(lc_executor_new_simulated(
        LC_SIMULATION(.seed = seed, .early_one_in = seed & 1 ? 4 : 0), &world));
    CHECK_SUCCESS(lc_executor_run(world, live, NULL));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    CU_ASSERT_EQUAL(fixture.wrong, 0);
    CU_ASSERT_EQUAL(fixture.well + fixture.refused + fixture.cut, CUSTOMERS);
    CU_ASSERT_TRUE(fixture.over >= fixture.told && fixture.over <= fixture.told + GRACE);
    /* It waits for the grace if a customer does, and no longer than for its customers. */
    if (fixture.cut > 0)
        CU_ASSERT_EQUAL(fixture.over, fixture.told + GRACE);
    if (fixture.cut == 0)
        CU_ASSERT_TRUE(fixture.over <= fixture.last || fixture.over == fixture.told);
    all_well += fixture.well;
    all_refused += fixture.refused;
    all_cut += fixture.cut;
    lc_context_unref(fixture.context);
}

static void customers_finish_within_the_grace(void)
{
    all_well = all_refused = all_cut = 0;
    check_seeds(run_seed, NULL);
    CU_ASSERT_TRUE(all_well > 0);
    CU_ASSERT_TRUE(all_refused > 0);
    CU_ASSERT_TRUE(all_cut > 0);
}

CHECK_SUITE(drain, "simulation: draining",
            {"customers finish within the grace, and not after it",
             customers_finish_within_the_grace});
