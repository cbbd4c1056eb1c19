/*
 * context_grace.c: contexts that end some time after their parents.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/mode.h"
#include "support/race.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

#define GRACE ((int64_t)1000)

static bool lives(lc_context *context)
{
    return !lc_context_error(context) && !lc_handle_is_closed(lc_context_done(context));
}

/** Ended, with this very error. */
static bool ended_with(lc_context *context, const lc_error *error)
{
    return error && lc_context_error(context) == error &&
           lc_handle_is_closed(lc_context_done(context));
}

/** A family on a clock: a parent, its graced child, and that one's child and grandchild. */
struct family {
    struct check_clock *clock;
    lc_context *parent;
    lc_context *graced;
    lc_context *child;
    lc_context *grandchild;
};

/** The parent is given over. */
static struct family family_of(struct check_clock *clock, lc_context *parent, int64_t timeout)
{
    struct family family = {.clock = clock, .parent = parent};
    family.graced = lc_context_with_grace(parent, timeout);
    family.child = lc_context_new(family.graced);
    family.grandchild = lc_context_with_deadline(family.child, lc_deadline_after(LC_HOUR));
    return family;
}

static struct family family_new(int64_t timeout)
{
    struct check_clock *clock = check_clock_new();
    check_clock_use(clock);
    return family_of(clock, lc_context_new(NULL), timeout);
}

static void family_drop(struct family *family)
{
    lc_context_unref(family->grandchild);
    lc_context_unref(family->child);
    lc_context_unref(family->graced);
    lc_context_unref(family->parent);
    CU_ASSERT_EQUAL(check_clock_waiting(family->clock), 0);
    check_clock_use(NULL);
    check_clock_free(family->clock);
}

static bool family_lives(const struct family *family)
{
    return lives(family->graced) && lives(family->child) && lives(family->grandchild);
}

static bool family_ended(const struct family *family)
{
    const lc_error *error = lc_context_error(family->parent);
    return ended_with(family->graced, error) && ended_with(family->child, error) &&
           ended_with(family->grandchild, error);
}

static void ends_after_its_parent(void)
{
    struct family family = family_new(GRACE);
    check_clock_advance(family.clock, 5 * GRACE);
    CU_ASSERT_TRUE(family_lives(&family)); /* the time begins with the parent's end */
    lc_context_cancel(family.parent, lc_error_new(-EPIPE, "closing time"));
    CU_ASSERT_TRUE(family_lives(&family));
    check_clock_advance(family.clock, GRACE - 1);
    CU_ASSERT_TRUE(family_lives(&family));
    check_clock_advance(family.clock, 1);
    CU_ASSERT_TRUE(family_ended(&family));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(family.grandchild)), -ECANCELED);
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(family.grandchild), -EPIPE));
    family_drop(&family);
}

static void deadline_of_the_parent_begins_the_grace(void)
{
    struct check_clock *clock = check_clock_new();
    check_clock_use(clock);
    int64_t deadline = lc_deadline_after(500);
    struct family family = family_of(clock, lc_context_with_deadline(NULL, deadline), GRACE);
    CU_ASSERT_EQUAL(lc_context_deadline(family.graced), deadline + GRACE);
    CU_ASSERT_EQUAL(lc_context_deadline(family.child), deadline + GRACE);
    check_clock_advance(clock, 500);
    CU_ASSERT_FALSE(lives(family.parent));
    CU_ASSERT_TRUE(family_lives(&family));
    check_clock_advance(clock, GRACE - 1);
    CU_ASSERT_TRUE(family_lives(&family));
    check_clock_advance(clock, 1);
    CU_ASSERT_TRUE(family_ended(&family));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(family.child)), -ETIMEDOUT);
    family_drop(&family);
}

static void ended_parent_gives_the_whole_grace(void)
{
    struct check_clock *clock = check_clock_new();
    check_clock_use(clock);
    lc_context *parent = lc_context_with_deadline(NULL, LC_NOW);
    check_clock_advance(clock, 5 * GRACE);
    struct family family = family_of(clock, parent, GRACE);
    CU_ASSERT_EQUAL(lc_context_deadline(family.graced), check_clock_now(clock) + GRACE);
    CU_ASSERT_TRUE(family_lives(&family));
    check_clock_advance(clock, GRACE);
    CU_ASSERT_TRUE(family_ended(&family));
    family_drop(&family);
}

static void no_time_is_no_grace(void)
{
    for (int64_t timeout = 0; timeout >= -GRACE; timeout -= GRACE) {
        struct family family = family_new(timeout);
        lc_context_cancel(family.parent, NULL);
        CU_ASSERT_TRUE(family_ended(&family));
        lc_context *late = lc_context_with_grace(family.parent, timeout);
        CU_ASSERT_FALSE(lives(late));
        lc_context_unref(late);
        family_drop(&family);
    }
}

static void for_ever_is_until_a_cancel(void)
{
    struct family family = family_new(LC_FOREVER);
    lc_context_cancel(family.parent, NULL);
    check_clock_advance(family.clock, LC_MINUTE);
    CU_ASSERT_TRUE(family_lives(&family));
    CU_ASSERT_EQUAL(lc_context_deadline(family.graced), LC_FOREVER);
    lc_context_cancel(family.graced, NULL);
    CU_ASSERT_FALSE(lives(family.grandchild));
    family_drop(&family);
}

static void without_a_parent_it_does_not_end(void)
{
    struct check_clock *clock = check_clock_new();
    check_clock_use(clock);
    struct family family = family_of(clock, NULL, GRACE);
    check_clock_advance(clock, LC_MINUTE);
    CU_ASSERT_TRUE(family_lives(&family));
    lc_context_cancel(family.graced, NULL);
    CU_ASSERT_FALSE(lives(family.grandchild));
    family_drop(&family);
}

static void cancel_ends_it_before(void)
{
    struct family family = family_new(GRACE);
    lc_context_cancel(family.graced, lc_error_new(-EIO, "sooner"));
    CU_ASSERT_TRUE(lives(family.parent));
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(family.grandchild), -EIO));
    lc_context_cancel(family.parent, NULL);
    CU_ASSERT_EQUAL(check_clock_waiting(family.clock), 0); /* nothing is to come any more */
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(family.graced), -EIO));
    family_drop(&family);
}

static void cancel_in_the_grace_ends_it(void)
{
    struct family family = family_new(GRACE);
    lc_context_cancel(family.parent, NULL);
    CU_ASSERT_EQUAL(check_clock_waiting(family.clock), 2); /* and the grandchild's deadline */
    lc_context_cancel(family.graced, lc_error_new(-EIO, "sooner"));
    CU_ASSERT_EQUAL(check_clock_waiting(family.clock), 0);
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(family.grandchild), -EIO));
    family_drop(&family);
}

static void end_of_the_parents_parent_counts(void)
{
    struct check_clock *clock = check_clock_new();
    check_clock_use(clock);
    lc_context *top = lc_context_new(NULL);
    struct family family = family_of(clock, lc_context_new(top), GRACE);
    lc_context *second = lc_context_with_grace(family.graced, GRACE);
    lc_context_cancel(top, NULL);
    check_clock_advance(clock, GRACE);
    CU_ASSERT_TRUE(family_ended(&family));
    CU_ASSERT_TRUE(lives(second)); /* a grace of a grace comes behind it */
    check_clock_advance(clock, GRACE);
    CU_ASSERT_TRUE(ended_with(second, lc_context_error(top)));
    lc_context_unref(second);
    lc_context_unref(top);
    family_drop(&family);
}

static void dropped_grace_leaves_nothing_behind(void)
{
    struct family family = family_new(GRACE);
    lc_context_unref(lc_context_with_grace(family.parent, GRACE)); /* before the parent's end */
    lc_context *in_grace = lc_context_with_grace(family.parent, GRACE);
    lc_context_cancel(family.parent, NULL);
    CU_ASSERT_EQUAL(check_clock_waiting(family.clock), 3);
    lc_context_unref(in_grace);
    CU_ASSERT_EQUAL(check_clock_waiting(family.clock), 2);
    check_clock_advance(family.clock, GRACE);
    CU_ASSERT_TRUE(family_ended(&family));
    family_drop(&family);
}

static void throws_and_values_go_through(void)
{
    static const char key;
    int value = 0;
    struct check_clock *clock = check_clock_new();
    check_clock_use(clock);
    lc_signaler *signaler = lc_signaler_new();
    lc_context *top = lc_context_with_signaler(NULL, signaler);
    struct family family = family_of(clock, lc_context_with_value(top, &key, &value, NULL), GRACE);
    CU_ASSERT_PTR_EQUAL(lc_context_value(family.grandchild, &key), &value);
    lc_context_cancel(family.parent, NULL);
    lc_signal_error(family.grandchild, lc_error_new(-EPROTO, "in the grace"));
    CHECK_CLOSES(lc_signaler_thrown(signaler));
    CHECK_ERROR(lc_signaler_take(signaler), -EPROTO);
    lc_context_unref(top);
    lc_signaler_unref(signaler);
    family_drop(&family);
}

static lc_error *wait_in_grace(lc_context *context, lc_ready *ready, void *arg)
{
    int64_t *ended = arg;
    lc_context *grace = lc_context_with_grace(context, LC_SECOND);
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(grace), LC_FOREVER);
    *ended = lc_now();
    int code = lc_error_code(lc_context_error(grace));
    lc_context_unref(grace);
    return lc_error_new(code, "the grace is over"); /* the code of its own context: a clean end */
}

/* This clock is not moved: the time is the world's. */
static void worker_has_its_grace(void)
{
    int64_t ended = 0;
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = lc_context_with_signaler(NULL, signaler);
    lc_manager_builder *builder = check_builder("drained");
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "worker", .run = wait_in_grace, .arg = &ended));
    lc_manager *manager;
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, context));
    CHECK_CLOSES(lc_manager_ready(manager));
    int64_t told = lc_now();
    lc_context_cancel(context, NULL);
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT(ended - told >= LC_SECOND);
    CU_ASSERT_PTR_NULL(lc_signaler_take(signaler));
    lc_manager_unref(manager);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
}

static void failures_leave_nothing(void)
{
    lc_context *parent = lc_context_new(NULL);
    lc_context *graced = NULL;
    size_t failed = 0;
    do {
        lc__memory_fail_at(failed + 1);
        graced = lc_context_with_grace(parent, GRACE);
        failed += !graced;
    } while (!graced && failed < 10);
    lc__memory_fail_at(0);
    CU_ASSERT(failed >= 2 && failed < 10); /* the context, and what hears of the parent's end */
    lc_context_unref(graced);
    lc_context_cancel(parent, NULL);
    lc_context_unref(parent);
}

/* ---- the parent's end against all else ---- */

struct duel {
    struct check_clock
        *clock; /**< on which the side that ends the parent works; NULL: the real one */
    lc_context *parent;
    lc_context *graced;
    bool cancels; /**< the second side cancels the child; else it drops it */
};

static void open_duel(void *arg)
{
    struct duel *duel = arg;
    duel->parent = lc_context_new(NULL);
    duel->graced = lc_context_with_grace(duel->parent, LC_HOUR);
}

static void end_the_parent(void *arg)
{
    lc_context_cancel(((struct duel *)arg)->parent, NULL);
}

static void meddle(void *arg)
{
    struct duel *duel = arg;
    if (duel->cancels) {
        lc_context_cancel(duel->graced, NULL);
        return;
    }
    lc_context_unref(duel->graced);
    duel->graced = NULL;
}

/** On the real clock, a timer that were left armed would keep the library from shutting down. */
static bool close_duel(void *arg)
{
    struct duel *duel = arg;
    bool well = !duel->graced || !lives(duel->graced);
    if (duel->clock)
        well &= check_clock_waiting(duel->clock) == 0;
    lc_context_unref(duel->graced);
    lc_context_unref(duel->parent);
    return well;
}

static const struct race race_for_the_end = {open_duel, end_the_parent, meddle, close_duel};

static void end_of_the_parent_against_a_cancel(void)
{
    struct duel duel = {.clock = check_clock_new(), .cancels = true};
    check_clock_use(duel.clock);
    CU_ASSERT_EQUAL(race_run(&race_for_the_end, &duel, check_count(10000, 100000)), 0);
    check_clock_use(NULL);
    check_clock_free(duel.clock);
}

static void end_of_the_parent_against_the_last_reference(void)
{
    struct duel duel = {.cancels = false};
    CU_ASSERT_EQUAL(race_run(&race_for_the_end, &duel, check_count(10000, 100000)), 0);
}

CHECK_SUITE_IN_MODES(
    context_grace, "conformance: contexts with a grace",
    {"a context with a grace ends its time after its parent, with the parent's error",
     ends_after_its_parent, CHECK_EXACT},
    {"the deadline of the parent begins it", deadline_of_the_parent_begins_the_grace, CHECK_EXACT},
    {"a parent that has ended gives the whole of it", ended_parent_gives_the_whole_grace,
     CHECK_EXACT},
    {"0 and less is no grace", no_time_is_no_grace},
    {"LC_FOREVER is until a cancel", for_ever_is_until_a_cancel},
    {"without a parent it does not end", without_a_parent_it_does_not_end},
    {"a cancel ends it before its parent", cancel_ends_it_before, CHECK_EXACT},
    {"a cancel ends it in its time", cancel_in_the_grace_ends_it, CHECK_EXACT},
    {"the end of the parent's parent counts, and a grace of a grace",
     end_of_the_parents_parent_counts, CHECK_EXACT},
    {"a context that is dropped in its grace leaves nothing behind",
     dropped_grace_leaves_nothing_behind, CHECK_EXACT},
    {"throws and values go through", throws_and_values_go_through},
    {"a worker has its grace", worker_has_its_grace},
    {"a grace that fails for want of memory leaves nothing", failures_leave_nothing, CHECK_KERNEL},
    {"the end of the parent against a cancel", end_of_the_parent_against_a_cancel},
    {"the end of the parent against the last reference",
     end_of_the_parent_against_the_last_reference});
