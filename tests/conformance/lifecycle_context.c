/*
 * lifecycle_context.c: contract A1: contexts, their errors, their tree.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/race.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 100000
#define DEPTH 1000000

static bool is_live(lc_context *context)
{
    return lc_context_error(context) == NULL && !lc_handle_is_closed(lc_context_done(context));
}

/* That a context has ended with `code`, by all that can be asked of it. */
static bool has_ended(lc_context *context, int code)
{
    return lc_error_code(lc_context_error(context)) == code &&
           lc_handle_is_closed(lc_context_done(context));
}

static void error_tells_the_end(void)
{
    lc_context *context = lc_context_new(NULL);
    CU_ASSERT_TRUE(is_live(context));
    CU_ASSERT_PTR_NULL(lc_context_error(context));
    lc_context_cancel(context, NULL);
    CU_ASSERT_TRUE(has_ended(context, -ECANCELED));
    CU_ASSERT_TRUE(lc_error_message(lc_context_error(context))[0] != '\0');
    lc_context_unref(context);
}

static void cause_is_wrapped(void)
{
    lc_context *context = lc_context_new(NULL);
    lc_error *cause = lc_error_new(-EPIPE, "the pipe burst");
    lc_context_cancel(context, lc_error_ref(cause));
    const lc_error *error = lc_context_error(context);
    CU_ASSERT_EQUAL(lc_error_code(error), -ECANCELED);
    CU_ASSERT_TRUE(lc_error_is(error, -EPIPE));
    CU_ASSERT_TRUE(lc_error_contains(error, cause));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "the pipe burst"));
    lc_error_unref(cause);
    lc_context_unref(context);
}

static void first_cause_stays(void)
{
    lc_context *context = lc_context_new(NULL);
    lc_context_cancel(context, lc_error_new(-EIO, "first"));
    const lc_error *error = lc_context_error(context);
    lc_context_cancel(context, lc_error_new(-EPIPE, "second"));
    CU_ASSERT_PTR_EQUAL(lc_context_error(context), error);
    CU_ASSERT_TRUE(lc_error_is(error, -EIO));
    CU_ASSERT_FALSE(lc_error_is(error, -EPIPE));
    lc_context_unref(context);
}

static void first_cause_stays_below(void)
{
    lc_context *parent = lc_context_new(NULL);
    lc_context *child = lc_context_new(parent);
    lc_context_cancel(child, lc_error_new(-EIO, "of the child"));
    lc_context_cancel(parent, lc_error_new(-EPIPE, "of the parent"));
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(child), -EIO));
    CU_ASSERT_FALSE(lc_error_is(lc_context_error(child), -EPIPE));
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(parent), -EPIPE));
    lc_context_unref(child);
    lc_context_unref(parent);
}

/* ---- deadlines, on a clock moved by hand ---- */

/*
 * A context with a deadline on `clock`; the test itself stays on the usual one, so that its waits
 * can end.
 */
static lc_context *with_deadline(struct check_clock *clock, lc_context *parent, int64_t deadline)
{
    check_clock_use(clock);
    lc_context *context = lc_context_with_deadline(parent, deadline);
    check_clock_use(NULL);
    return context;
}

static void deadline_ends_with_timeout(void)
{
    struct check_clock *clock = check_clock_new();
    int64_t deadline = check_clock_now(clock) + 1000;
    lc_context *context = with_deadline(clock, NULL, deadline);
    lc_context *child = lc_context_new(context);
    CU_ASSERT_EQUAL(lc_context_deadline(context), deadline);
    CU_ASSERT_EQUAL(lc_context_deadline(child), deadline);
    check_clock_advance(clock, 999);
    CU_ASSERT_TRUE(is_live(context));
    check_clock_advance(clock, 1);
    CU_ASSERT_TRUE(has_ended(context, -ETIMEDOUT));
    CU_ASSERT_TRUE(has_ended(child, -ETIMEDOUT));
    lc_context_cancel(context, lc_error_new(-EIO, "too late"));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(context)), -ETIMEDOUT);
    CU_ASSERT_FALSE(lc_error_is(lc_context_error(context), -EIO));
    lc_context_unref(child);
    lc_context_unref(context);
    check_clock_free(clock);
}

static void cancel_beats_later_deadline(void)
{
    struct check_clock *clock = check_clock_new();
    lc_context *context = with_deadline(clock, NULL, check_clock_now(clock) + LC_HOUR);
    CU_ASSERT_EQUAL(check_clock_waiting(clock), 1);
    lc_context_cancel(context, NULL);
    check_clock_advance(clock, 2 * LC_HOUR);
    CU_ASSERT_TRUE(has_ended(context, -ECANCELED));
    lc_context_unref(context);
    CU_ASSERT_EQUAL(check_clock_waiting(clock), 0);
    check_clock_free(clock);
}

static void deadline_is_the_sooner(void)
{
    struct check_clock *clock = check_clock_new();
    int64_t start = check_clock_now(clock);
    lc_context *parent = with_deadline(clock, NULL, start + 2000);
    lc_context *sooner = with_deadline(clock, parent, start + 1000);
    lc_context *later = with_deadline(clock, parent, start + 3000);
    lc_context *none = with_deadline(clock, NULL, LC_FOREVER);
    CU_ASSERT_EQUAL(lc_context_deadline(sooner), start + 1000);
    CU_ASSERT_EQUAL(lc_context_deadline(later), start + 2000);
    CU_ASSERT_EQUAL(lc_context_deadline(none), LC_FOREVER);
    check_clock_advance(clock, 1000);
    CU_ASSERT_TRUE(has_ended(sooner, -ETIMEDOUT));
    CU_ASSERT_TRUE(is_live(parent));
    CU_ASSERT_TRUE(is_live(later));
    check_clock_advance(clock, 1000);
    CU_ASSERT_TRUE(has_ended(parent, -ETIMEDOUT));
    CU_ASSERT_TRUE(has_ended(later, -ETIMEDOUT));
    CU_ASSERT_TRUE(is_live(none));
    lc_context_unref(sooner);
    lc_context_unref(later);
    lc_context_unref(parent);
    lc_context_unref(none);
    check_clock_free(clock);
}

static void past_deadline_is_born_ended(void)
{
    lc_context *context = lc_context_with_deadline(NULL, LC_NOW);
    CU_ASSERT_TRUE(has_ended(context, -ETIMEDOUT));
    lc_context *child = lc_context_with_deadline(context, LC_FOREVER);
    CU_ASSERT_TRUE(has_ended(child, -ETIMEDOUT));
    lc_context_unref(child);
    lc_context_unref(context);
}

static void real_deadline_comes(void)
{
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(2 * LC_MILLISECOND));
    lc_context *child = lc_context_new(context);
    CHECK_CLOSES(lc_context_done(child));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(child)), -ETIMEDOUT);
    CU_ASSERT_TRUE(lc_now() >= lc_context_deadline(context));
    lc_context_unref(child);
    lc_context_unref(context);
}

static void dropped_deadline_leaves_no_timer(void)
{
    struct check_clock *clock = check_clock_new();
    lc_context *context = with_deadline(clock, NULL, check_clock_now(clock) + LC_HOUR);
    CU_ASSERT_EQUAL(check_clock_waiting(clock), 1);
    lc_context_unref(context);
    CU_ASSERT_EQUAL(check_clock_waiting(clock), 0);
    check_clock_advance(clock, 2 * LC_HOUR);
    check_clock_free(clock);
}

/* ---- the tree ---- */

static void child_of_ended_is_born_ended(void)
{
    static const char key;
    lc_context *parent = lc_context_new(NULL);
    lc_error *cause = lc_error_new(-EIO, "why");
    lc_context_cancel(parent, lc_error_ref(cause));
    lc_signaler *signaler = lc_signaler_new();
    lc_context *children[] = {
        lc_context_new(parent),
        lc_context_with_deadline(parent, lc_deadline_after(LC_HOUR)),
        lc_context_with_value(parent, &key, NULL, NULL),
        lc_context_with_signaler(parent, signaler),
    };
    for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
        CU_ASSERT_TRUE(has_ended(children[i], -ECANCELED));
        CU_ASSERT_TRUE(lc_error_contains(lc_context_error(children[i]), cause));
        lc_context_unref(children[i]);
    }
    lc_error_unref(cause);
    lc_signaler_unref(signaler);
    lc_context_unref(parent);
}

static void child_leaves_parent(void)
{
    lc_context *parent = lc_context_new(NULL);
    lc_context *child = lc_context_new(parent);
    lc_context *sibling = lc_context_new(parent);
    lc_context *grandchild = lc_context_new(child);
    lc_context_cancel(child, NULL);
    CU_ASSERT_TRUE(has_ended(child, -ECANCELED));
    CU_ASSERT_TRUE(has_ended(grandchild, -ECANCELED));
    CU_ASSERT_TRUE(is_live(parent));
    CU_ASSERT_TRUE(is_live(sibling));
    lc_context_cancel(parent, NULL);
    CU_ASSERT_TRUE(has_ended(parent, -ECANCELED));
    CU_ASSERT_TRUE(has_ended(sibling, -ECANCELED));
    lc_context_unref(grandchild);
    lc_context_unref(sibling);
    lc_context_unref(child);
    lc_context_unref(parent);
}

static void dropped_child_is_not_cancelled(void)
{
    lc_context *parent = lc_context_new(NULL);
    lc_context *child = lc_context_new(parent);
    lc_context *grandchild = lc_context_new(child);
    lc_context_unref(child);
    CU_ASSERT_TRUE(is_live(grandchild));
    CU_ASSERT_TRUE(is_live(parent));
    lc_context_unref(lc_context_new(parent));
    lc_context *another = lc_context_new(parent);
    CU_ASSERT_TRUE(is_live(another));
    lc_context_cancel(parent, NULL);
    CU_ASSERT_TRUE(has_ended(grandchild, -ECANCELED));
    CU_ASSERT_TRUE(has_ended(another, -ECANCELED));
    lc_context_unref(another);
    lc_context_unref(grandchild);
    lc_context_unref(parent);
}

static void child_keeps_parent(void)
{
    static const char key;
    static int value;
    lc_context *parent = lc_context_with_value(NULL, &key, &value, NULL);
    lc_context *child = lc_context_new(parent);
    lc_context_unref(parent);
    CU_ASSERT_PTR_EQUAL(lc_context_value(child, &key), &value);
    CU_ASSERT_TRUE(is_live(child));
    lc_context_cancel(child, NULL);
    CU_ASSERT_TRUE(has_ended(child, -ECANCELED));
    lc_context_unref(child);
}

static void handle_keeps_context(void)
{
    lc_context *parent = lc_context_new(NULL);
    lc_context *child = lc_context_new(parent);
    lc_handle *done = lc_handle_ref(lc_context_done(child));
    lc_context_unref(child);
    CHECK_OPEN(done);
    lc_context_cancel(parent, NULL);
    CU_ASSERT_TRUE(lc_handle_is_closed(done));
    lc_handle_unref(done);
    lc_context_unref(parent);
}

static void wide_tree(void)
{
    static lc_context *children[WIDTH];
    lc_context *root = lc_context_new(NULL);
    for (size_t i = 0; i < WIDTH; i++)
        children[i] = lc_context_new(root);
    lc_context_cancel(root, NULL);
    size_t ended = 0;
    for (size_t i = 0; i < WIDTH; i++)
        ended += has_ended(children[i], -ECANCELED);
    CU_ASSERT_EQUAL(ended, WIDTH);
    for (size_t i = 0; i < WIDTH; i++)
        lc_context_unref(children[i]);
    lc_context_unref(root);
}

/* A helper's stack would not hold a million frames, so going down by recursion shows as a crash. */
static void deep_chain_here(void *arg)
{
    unsigned depth = check_fewer(DEPTH);
    lc_context *root = lc_context_new(NULL);
    lc_context *leaf = lc_context_ref(root);
    for (unsigned i = 0; i < depth; i++) {
        lc_context *below = lc_context_new(leaf);
        lc_context_unref(leaf);
        leaf = below;
    }
    lc_context_cancel(root, NULL);
    *(bool *)arg = has_ended(leaf, -ECANCELED) && has_ended(root, -ECANCELED);
    lc_context_unref(root);
    lc_context_unref(leaf); /* frees the whole chain at once */
}

static void deep_chain(void)
{
    bool well = false;
    helper_do(deep_chain_here, &well);
    CU_ASSERT_TRUE(well);
}

/* ---- callbacks ---- */

struct meddler {
    lc_context *root;
    lc_context *sibling;
    unsigned calls;
    bool well;
};

/* Does from inside a cancel what would block for ever if one of the tree's locks were held. */
static void meddle(void *arg)
{
    struct meddler *meddler = arg;
    lc_context *child = lc_context_new(meddler->root);
    lc_context *nephew = lc_context_new(meddler->sibling);
    lc_context_cancel(meddler->sibling, NULL);
    lc_context_cancel(meddler->root, NULL);
    meddler->well = has_ended(child, -ECANCELED) && has_ended(nephew, -ECANCELED);
    lc_context_unref(child);
    lc_context_unref(nephew);
    meddler->calls++;
}

static void callbacks_run_unlocked(void)
{
    lc_context *root = lc_context_new(NULL);
    lc_context *child = lc_context_new(root);
    struct meddler meddler = {.root = root, .sibling = lc_context_new(root)};
    lc_handle_callback *first = NULL, *second = NULL, *third = NULL;
    CU_ASSERT_EQUAL(lc_handle_on_close(lc_context_done(root), meddle, &meddler, &first), 0);
    CU_ASSERT_EQUAL(lc_handle_on_close(lc_context_done(child), meddle, &meddler, &second), 0);
    CU_ASSERT_EQUAL(lc_handle_on_close(lc_context_done(meddler.sibling), meddle, &meddler, &third),
                    0);
    lc_context_cancel(root, NULL);
    CU_ASSERT_EQUAL(meddler.calls, 3);
    CU_ASSERT_TRUE(meddler.well);
    CU_ASSERT_FALSE(lc_handle_callback_cancel(first));
    CU_ASSERT_FALSE(lc_handle_callback_cancel(second));
    CU_ASSERT_FALSE(lc_handle_callback_cancel(third));
    lc_context_unref(meddler.sibling);
    lc_context_unref(child);
    lc_context_unref(root);
}

static void drop_context(void *arg)
{
    lc_context_unref(arg);
}

static void callback_may_drop_its_context(void)
{
    lc_context *root = lc_context_new(NULL);
    lc_context *child = lc_context_new(root);
    CU_ASSERT_EQUAL(lc_handle_on_close(lc_context_done(child), drop_context, child, NULL), 0);
    lc_context_cancel(root, NULL);
    CU_ASSERT_TRUE(has_ended(root, -ECANCELED));
    lc_context_unref(root);
}

struct witness {
    lc_context **contexts;
    size_t count;
    size_t live; /* how many were live when the callback looked; SIZE_MAX: it did not */
};

static void look_at_all(void *arg)
{
    struct witness *witness = arg;
    witness->live = 0;
    for (size_t i = 0; i < witness->count; i++)
        witness->live += lc_context_error(witness->contexts[i]) == NULL;
}

static void closed_means_all_below_ended(void)
{
    enum { COUNT = 40 };
    lc_context *contexts[COUNT] = {lc_context_new(NULL)};
    for (size_t i = 1; i < COUNT; i++)
        contexts[i] = lc_context_new(contexts[(i - 1) / 3]);
    struct witness witness = {contexts, COUNT, SIZE_MAX};
    struct witness leaf = witness;
    lc_handle_on_close(lc_context_done(contexts[0]), look_at_all, &witness, NULL);
    lc_handle_on_close(lc_context_done(contexts[COUNT - 1]), look_at_all, &leaf, NULL);
    lc_context_cancel(contexts[0], NULL);
    CU_ASSERT_EQUAL(witness.live, 0);
    CU_ASSERT_EQUAL(leaf.live, 0);
    for (size_t i = 0; i < COUNT; i++)
        lc_context_unref(contexts[i]);
}

static void note_order(void *arg)
{
    static unsigned next;
    *(unsigned *)arg = ++next;
}

static void handles_close_top_down(void)
{
    unsigned order[3] = {0};
    lc_context *root = lc_context_new(NULL);
    lc_context *child = lc_context_new(root);
    lc_context *leaf = lc_context_new(child);
    lc_handle_on_close(lc_context_done(leaf), note_order, &order[2], NULL);
    lc_handle_on_close(lc_context_done(child), note_order, &order[1], NULL);
    lc_handle_on_close(lc_context_done(root), note_order, &order[0], NULL);
    lc_context_cancel(root, NULL);
    CU_ASSERT_TRUE(0 < order[0] && order[0] < order[1] && order[1] < order[2]);
    lc_context_unref(leaf);
    lc_context_unref(child);
    lc_context_unref(root);
}

/* The same as closed_means_all_below_ended, seen from another thread while the cancel runs. */
struct seen {
    lc_context *root;
    lc_context *leaf;
    bool well;
};

static void make_seen(void *arg)
{
    struct seen *seen = arg;
    seen->root = lc_context_new(NULL);
    lc_context *middle = lc_context_new(seen->root);
    seen->leaf = lc_context_new(middle);
    lc_context_unref(middle);
    seen->well = false;
}

static void cancel_seen(void *arg)
{
    lc_context_cancel(((struct seen *)arg)->root, NULL);
}

static void see(void *arg)
{
    struct seen *seen = arg;
    seen->well = lc_handle_wait(lc_context_done(seen->root), check_patience()) == 0 &&
                 lc_context_error(seen->leaf) != NULL && lc_context_error(seen->root) != NULL;
}

static bool judge_seen(void *arg)
{
    struct seen *seen = arg;
    lc_context_unref(seen->leaf);
    lc_context_unref(seen->root);
    return seen->well;
}

static void closed_means_ended_for_other_threads(void)
{
    struct seen seen;
    struct race race = {make_seen, cancel_seen, see, judge_seen};
    CU_ASSERT_EQUAL(race_run(&race, &seen, check_fewer(5000)), 0);
}

static void wake_reaches_sleepers(void)
{
    lc_context *root = lc_context_new(NULL);
    lc_context *child = lc_context_new(root);
    struct later cancel;
    struct seen seen = {.root = root};
    later(&cancel, cancel_seen, &seen);
    CHECK_CLOSES(lc_context_done(child));
    CU_ASSERT_TRUE(later_join(&cancel));
    lc_context_unref(child);
    lc_context_unref(root);
}

/* ---- values ---- */

static void count_release(void *value)
{
    ++*(unsigned *)value;
}

static void values_are_found_upward(void)
{
    static const char key, other;
    unsigned upper = 0, lower = 0;
    lc_context *root = lc_context_with_value(NULL, &key, &upper, count_release);
    lc_context *middle = lc_context_new(root);
    lc_context *leaf = lc_context_with_value(middle, &key, &lower, count_release);
    CU_ASSERT_PTR_EQUAL(lc_context_value(root, &key), &upper);
    CU_ASSERT_PTR_EQUAL(lc_context_value(middle, &key), &upper);
    CU_ASSERT_PTR_EQUAL(lc_context_value(leaf, &key), &lower);
    CU_ASSERT_PTR_NULL(lc_context_value(leaf, &other));
    lc_context_cancel(root, NULL);
    CU_ASSERT_PTR_EQUAL(lc_context_value(leaf, &key), &lower);
    CU_ASSERT_EQUAL(upper + lower, 0);
    lc_context_unref(root);
    lc_context_unref(middle);
    CU_ASSERT_EQUAL(upper, 0);
    lc_context_unref(leaf);
    CU_ASSERT_EQUAL(upper, 1);
    CU_ASSERT_EQUAL(lower, 1);
}

/* Each child holds the parent, and gives back no more than that, also one of an ended parent. */
static void dropped_children_leave_their_parent(void)
{
    static const char key;
    unsigned released = 0;
    lc_context *parent = lc_context_with_value(NULL, &key, &released, count_release);
    lc_context *kept = lc_context_new(parent);
    for (int i = 0; i < 3; i++)
        lc_context_unref(lc_context_new(parent));
    lc_context_cancel(kept, NULL);
    lc_context_unref(kept);
    CU_ASSERT_TRUE(is_live(parent));
    lc_context_cancel(parent, NULL);
    lc_context_unref(lc_context_new(parent));
    CU_ASSERT_EQUAL(released, 0);
    CU_ASSERT_TRUE(has_ended(parent, -ECANCELED));
    lc_context_unref(parent);
    CU_ASSERT_EQUAL(released, 1);
}

CHECK_SUITE_IN_MODES(
    lifecycle_context, "conformance: lifecycle: contexts",
    {"A1 a context's error is NULL while it is live, then ECANCELED", error_tells_the_end},
    {"A1 a context's error wraps the cause", cause_is_wrapped},
    {"A1 the first cause stays", first_cause_stays},
    {"A1 the first cause of a child stays when its parent is cancelled", first_cause_stays_below},
    {"A1 a context ends with ETIMEDOUT at its deadline, not before", deadline_ends_with_timeout,
     CHECK_EXACT},
    {"A1 a cancel before the deadline is what stays", cancel_beats_later_deadline},
    {"A1 a context's deadline is its own or its parents', whichever is sooner",
     deadline_is_the_sooner, CHECK_EXACT},
    {"A1 a deadline that has passed gives a context that has ended", past_deadline_is_born_ended},
    {"A1 a deadline on the real clock comes", real_deadline_comes},
    {"A1 a dropped context leaves no timer behind", dropped_deadline_leaves_no_timer},
    {"A1 a child of an ended context is born ended", child_of_ended_is_born_ended},
    {"A1 cancelling a child leaves its parent and siblings", child_leaves_parent},
    {"A1 dropping a child neither cancels it nor frees the parent", dropped_child_is_not_cancelled},
    {"A1 dropped children, live or ended, leave their parent", dropped_children_leave_their_parent},
    {"A1 a child keeps its parent", child_keeps_parent},
    {"A1 a reference to the done handle keeps the context, and a cancel still reaches it",
     handle_keeps_context},
    {"A1 a tree of 100,000 children is cancelled", wide_tree, CHECK_LARGE},
    {"A1 a chain of 1,000,000 contexts is cancelled and freed on a small stack", deep_chain,
     CHECK_LARGE},
    {"A1 callbacks run after the locks are released", callbacks_run_unlocked},
    {"A1 a callback may drop its context", callback_may_drop_its_context},
    {"A1 a caller that sees a done handle closed finds every context below ended",
     closed_means_all_below_ended},
    {"A1 done handles close from the top down", handles_close_top_down},
    {"A1 another thread that sees a done handle closed finds the ones below ended",
     closed_means_ended_for_other_threads},
    {"A1 a cancel wakes sleepers on a context below", wake_reaches_sleepers},
    {"A1 a value is the nearest upward, and released once with its context",
     values_are_found_upward});
