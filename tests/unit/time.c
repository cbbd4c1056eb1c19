/*
 * time.c: the clock, deadlines, and timers as contexts use them.
 */
#include "support/check.h"

#include "support/manual_clock.h"

#include <lifecycle.h>

#include <errno.h>

static void now_goes_forward(void)
{
    int64_t before = lc_now();
    CU_ASSERT_TRUE(before > 0);
    for (int i = 0; i < 1000; i++) {
        int64_t after = lc_now();
        CU_ASSERT_TRUE(after >= before);
        before = after;
    }
}

static void deadlines_saturate(void)
{
    struct manual_clock *clock = manual_clock_new(1000);
    manual_clock_use(clock);
    CU_ASSERT_EQUAL(lc_now(), 1000);
    CU_ASSERT_EQUAL(lc_deadline_after(5), 1005);
    CU_ASSERT_EQUAL(lc_deadline_after(0), LC_NOW);
    CU_ASSERT_EQUAL(lc_deadline_after(-1), LC_NOW);
    CU_ASSERT_EQUAL(lc_deadline_after(INT64_MIN), LC_NOW);
    CU_ASSERT_EQUAL(lc_deadline_after(LC_FOREVER), LC_FOREVER);
    CU_ASSERT_EQUAL(lc_deadline_after(LC_FOREVER - 1000), LC_FOREVER);
    CU_ASSERT_EQUAL(lc_deadline_after(LC_FOREVER - 999), LC_FOREVER);
    CU_ASSERT_EQUAL(lc_deadline_after(LC_FOREVER - 1001), LC_FOREVER - 1);
    manual_clock_advance(clock, 500);
    CU_ASSERT_EQUAL(lc_now(), 1500);
    manual_clock_use(NULL);
    CU_ASSERT_NOT_EQUAL(lc_now(), 1500);
    manual_clock_free(clock);
}

static void units_fit(void)
{
    CU_ASSERT_EQUAL(LC_SECOND, INT64_C(1000000000));
    CU_ASSERT_EQUAL(LC_HOUR, 3600 * LC_SECOND);
    CU_ASSERT_EQUAL(LC_NOW, 0);
    CU_ASSERT_EQUAL(LC_FOREVER, INT64_MAX);
}

/* ---- timers ---- */

#define COUNT 100

static unsigned fired[COUNT];
static unsigned fired_count;
static int64_t fired_at[COUNT];

static void note_fired(void *arg)
{
    fired_at[fired_count] = lc_now();
    fired[fired_count++] = (unsigned)(uintptr_t)arg;
}

/* The calling thread uses the clock: callbacks run on its stack and read the time on it. */
static void timers_fire_in_order(void)
{
    struct manual_clock *clock = manual_clock_new(1000);
    lc_context *contexts[COUNT];
    manual_clock_use(clock);
    for (unsigned i = 0; i < COUNT; i++) {
        int64_t deadline =
            2000 + (i * 37) % COUNT; /* 37 and 100 have no common factor: each once */
        contexts[i] = lc_context_with_deadline(NULL, deadline);
        lc_handle_on_close(lc_context_done(contexts[i]), note_fired,
                           (void *)(uintptr_t)(deadline - 2000), NULL);
    }
    CU_ASSERT_EQUAL(manual_clock_waiting(clock), COUNT);
    fired_count = 0;
    manual_clock_advance(clock, 1000 + COUNT / 2 - 1);
    CU_ASSERT_EQUAL(fired_count, COUNT / 2);
    manual_clock_advance(clock, LC_HOUR);
    CU_ASSERT_EQUAL(fired_count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        CU_ASSERT_EQUAL(fired[i], i);
        CU_ASSERT_EQUAL(fired_at[i], 2000 + i); /* each at its own time, whatever the advance */
        CU_ASSERT_EQUAL(lc_error_code(lc_context_error(contexts[i])), -ETIMEDOUT);
        lc_context_unref(contexts[i]);
    }
    manual_clock_use(NULL);
    manual_clock_free(clock);
}

static lc_context *made_by_callback;

static void make_timer(void *arg)
{
    (void)arg;
    made_by_callback = lc_context_with_deadline(NULL, lc_deadline_after(10));
}

static void callbacks_may_make_timers(void)
{
    struct manual_clock *clock = manual_clock_new(1000);
    manual_clock_use(clock);
    lc_context *context = lc_context_with_deadline(NULL, 2000);
    lc_handle_on_close(lc_context_done(context), make_timer, NULL, NULL);
    manual_clock_advance(clock, 1009);
    CU_ASSERT_PTR_NULL(lc_context_error(made_by_callback));
    manual_clock_advance(clock, 1);
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(made_by_callback)), -ETIMEDOUT);
    lc_context_unref(context);
    lc_context_unref(made_by_callback);
    manual_clock_use(NULL);
    manual_clock_free(clock);
}

static void cancelled_timers_do_not_fire(void)
{
    struct manual_clock *clock = manual_clock_new(1000);
    lc_context *contexts[COUNT];
    manual_clock_use(clock);
    fired_count = 0;
    for (unsigned i = 0; i < COUNT; i++)
        contexts[i] = lc_context_with_deadline(NULL, 2000 + (i * 37) % COUNT);
    for (unsigned i = 0; i < COUNT; i += 3)
        lc_context_cancel(contexts[i], NULL);
    for (unsigned i = 1; i < COUNT; i += 3) {
        lc_context_unref(contexts[i]);
        contexts[i] = NULL;
    }
    CU_ASSERT_EQUAL(manual_clock_waiting(clock), COUNT / 3);
    manual_clock_advance(clock, LC_HOUR);
    for (unsigned i = 0; i < COUNT; i++) {
        if (contexts[i])
            CU_ASSERT_EQUAL(lc_error_code(lc_context_error(contexts[i])),
                            i % 3 ? -ETIMEDOUT : -ECANCELED);
        lc_context_unref(contexts[i]);
    }
    CU_ASSERT_EQUAL(manual_clock_waiting(clock), 0);
    manual_clock_use(NULL);
    manual_clock_free(clock);
}

/* An earlier timer than the one the thread sleeps for must wake it. */
static void real_timers_fire_in_order(void)
{
    lc_context *late = lc_context_with_deadline(NULL, lc_deadline_after(LC_HOUR));
    lc_context *second = lc_context_with_deadline(NULL, lc_deadline_after(6 * LC_MILLISECOND));
    lc_context *first = lc_context_with_deadline(NULL, lc_deadline_after(2 * LC_MILLISECOND));
    CHECK_CLOSES(lc_context_done(second));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_context_done(first)));
    CHECK_OPEN(lc_context_done(late));
    lc_context_unref(first);
    lc_context_unref(second);
    lc_context_unref(late);
}

static void many_real_timers_fire(void)
{
    enum { MANY = 2000 };
    static lc_context *contexts[MANY];
    uint64_t random = check_seed();
    for (unsigned i = 0; i < MANY; i++)
        contexts[i] = lc_context_with_deadline(
            NULL, lc_deadline_after((int64_t)(check_random(&random) % (20 * LC_MILLISECOND))));
    for (unsigned i = 0; i < MANY; i++) {
        CHECK_CLOSES(lc_context_done(contexts[i]));
        CU_ASSERT_EQUAL(lc_error_code(lc_context_error(contexts[i])), -ETIMEDOUT);
        lc_context_unref(contexts[i]);
    }
}

/* ---- randomness, which time-outs are drawn from ---- */

static void random_numbers_stay_below(void)
{
    unsigned counts[10] = {0};
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t drawn = lc_random_below(10);
        CU_ASSERT_TRUE(drawn < 10);
        counts[drawn % 10]++;
    }
    for (unsigned i = 0; i < 10; i++)
        CU_ASSERT_TRUE(counts[i] > 700 && counts[i] < 1300); /* ten standard deviations */
    CU_ASSERT_EQUAL(lc_random_below(0), 0);
    CU_ASSERT_EQUAL(lc_random_below(1), 0);
    CU_ASSERT_NOT_EQUAL(lc_random(), lc_random());
}

CHECK_SUITE(unit_time, "unit: time", {"the clock goes forward", now_goes_forward},
            {"deadlines saturate", deadlines_saturate}, {"the units fit", units_fit},
            {"timers fire in the order of their time, and at it", timers_fire_in_order},
            {"a timer's callback may make timers", callbacks_may_make_timers},
            {"timers that were cancelled or dropped do not fire", cancelled_timers_do_not_fire},
            {"an earlier real timer overtakes a later one", real_timers_fire_in_order},
            {"thousands of real timers fire", many_real_timers_fire},
            {"random numbers stay below their bound", random_numbers_stay_below});
