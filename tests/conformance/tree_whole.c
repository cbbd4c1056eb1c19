/*
 * tree_whole.c: contract B12-B15, and snapshots: a tree as its owner sees it: starting and
 * ending it, waiting until it is settled, observing it; and trees in supervisors, and supervisors
 * in trees.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/fibers.h"
#include "support/helper.h"
#include "support/mode.h"
#include "support/parts.h"
#include "support/scripted_tree.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { ROOT, A, B, C, D, E };

/* ---- making and starting ---- */

static void refuses(const lc_tree_options *options)
{
    lc_tree *tree = (lc_tree *)(uintptr_t)options;
    CHECK_ERROR(lc_tree_new(options, &tree), -EINVAL);
    CU_ASSERT_PTR_NULL(tree);
}

static lc_error *end_when_told(lc_context *context, void *arg)
{
    (void)arg;
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static void options_are_checked(void)
{
    lc_tree_options good = {.size = sizeof(lc_tree_options)}, bad;
    char long_name[LC_NAME_MAX + 2];
    lc_tree *tree = NULL;
    memset(long_name, 'n', sizeof long_name);
    long_name[LC_NAME_MAX + 1] = '\0';
    refuses(NULL);
    lc_child root = {.size = sizeof root};
    refuses(&good); /* it has no root */
    good.root = &root;
    refuses(&good); /* the root has no function */
    root.run = end_when_told;
    CHECK_ERROR(lc_tree_new(&good, NULL), -EINVAL);
    bad = good, bad.size = 0, refuses(&bad);
    bad = good, bad.name = "", refuses(&bad);
    bad = good, bad.name = long_name, refuses(&bad);
    bad = good, bad.settle_grace = -2, refuses(&bad);
    root.name = "a.b", refuses(&good);
    root.name = NULL, root.size = 0, refuses(&good);
    root.size = sizeof root;
    good.name = long_name + 1;
    CHECK_SUCCESS(lc_tree_new(&good, &tree));
    CU_ASSERT_PTR_EQUAL(lc_tree_ref(tree), tree);
    lc_tree_unref(tree);
    lc_tree_unref(tree); /* never started */
    lc_tree_unref(NULL);
    CU_ASSERT_PTR_NULL(lc_tree_ref(NULL));
    CU_ASSERT_PTR_NULL(lc_tree_component(NULL));
    CU_ASSERT_PTR_NULL(lc_tree_ready(NULL));
    CU_ASSERT_PTR_NULL(lc_tree_done(NULL));
    CU_ASSERT_PTR_NULL(lc_tree_snapshot(NULL));
    CU_ASSERT_PTR_NULL(lc_tree_snapshot_live(NULL));
    CU_ASSERT_PTR_NULL(lc_tree_observe(NULL, 1));
    CHECK_ERROR(lc_tree_start(NULL, NULL), -EINVAL);
    CHECK_ERROR(lc_tree_wait(NULL, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_tree_settle(NULL, LC_NOW), -EINVAL);
    lc_tree_cancel(NULL);
}

static void runs_once(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    CU_ASSERT_TRUE(tree_start(&tree));
    CHECK_ERROR(lc_tree_start(tree.real, NULL), -EALREADY);
    CU_ASSERT_TRUE(runnable_does(&tree.runnables[ROOT], RUNNABLE_LOOK));
    lc_tree_cancel(tree.real);
    CHECK_SUCCESS(lc_tree_wait(tree.real, check_patience()));
    CHECK_ERROR(lc_tree_start(tree.real, NULL), -EALREADY);
    CU_ASSERT_TRUE(runnable_absent(&tree.runnables[ROOT]));
    tree_drop(&tree);
}

static void under_an_ended_context(void)
{
    lc_tree *tree = tree_of((lc_child){.run = end_when_told});
    lc_context *context = lc_context_new(NULL);
    lc_context_cancel(context, NULL);
    CHECK_SUCCESS(lc_tree_start(tree, context));
    CHECK_SUCCESS(lc_tree_wait(tree, check_patience()));
    CU_ASSERT_EQUAL(lc_tree_settle(tree, check_patience()), 0);
    CHECK_OPEN(lc_tree_ready(tree));
    lc_tree_unref(tree);
    lc_context_unref(context);
}

/* ---- B12: cancelling ---- */

static void cancel_reaches_all_and_returns(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    for (size_t i = ROOT; i <= C; i++)
        runnables[i].stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(tree_start_children(
        &runnables[A], (struct scripted_runnable *[]){&runnables[C], &runnables[D]}, 2));
    lc_tree_cancel(tree.real);
    for (size_t i = ROOT; i <= D; i++) {
        CU_ASSERT_TRUE(runnable_ended(&runnables[i]));
        CU_ASSERT_EQUAL(lc_error_code(lc_context_error(runnables[i].context)), -ECANCELED);
    }
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.d", LC_NODE_CANCELED));
    CHECK_OPEN(lc_tree_done(tree.real));
    lc_error *error = lc_tree_wait(tree.real, LC_NOW);
    CU_ASSERT_EQUAL(lc_error_code(error), -ETIMEDOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "root, root.a, root.a.c, root.b"));
    CU_ASSERT_PTR_NULL(strstr(lc_error_message(error), "root.a.d"));
    lc_error_unref(error);
    lc_tree_cancel(tree.real); /* a second time changes nothing */
    CU_ASSERT_TRUE(runnable_told(&runnables[ROOT], RUNNABLE_YIELD));
    CU_ASSERT_TRUE(runnable_told(&runnables[A], RUNNABLE_FAIL)); /* nothing is restarted */
    CU_ASSERT_TRUE(runnable_told(&runnables[B], RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_sees(&tree, "root", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.b", LC_NODE_CANCELED));
    error = lc_tree_wait(tree.real, lc_deadline_after(LC_MILLISECOND));
    CU_ASSERT_EQUAL(lc_error_code(error), -ETIMEDOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "still runs: root.a.c"));
    lc_error_unref(error);
    CU_ASSERT_TRUE(runnable_told(&runnables[C], RUNNABLE_YIELD));
    error = lc_tree_wait(tree.real, check_patience());
    CU_ASSERT_TRUE(lc_error_is(error, -101));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "failed while being stopped: root.a"));
    lc_error_unref(error);
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_tree_done(tree.real)));
    for (size_t i = ROOT; i <= D; i++)
        CU_ASSERT_TRUE(runnable_absent(&runnables[i]));
    tree_drop(&tree);
}

static void context_cancels(void)
{
    struct scripted_tree tree;
    struct scope scope = scope_new(NULL);
    tree_init(&tree);
    tree.context = scope.context;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    lc_context_cancel(scope.context, lc_error_new(-EXDEV, "why"));
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(tree.runnables[A].context), -EXDEV));
    CHECK_SUCCESS(lc_tree_wait(tree.real, check_patience()));
    CHECK_OPEN(lc_signaler_thrown(scope.signaler)); /* that is no error of the tree's */
    CU_ASSERT_TRUE(runnable_absent(&tree.runnables[ROOT]));
    tree_drop(&tree);
    scope_drop(&scope);
}

static void let_go(struct scripted_tree *tree)
{
    lc_observer_free(tree->observer);
    lc_tree_unref(tree->real);
    tree->observer = NULL;
    tree->real = NULL;
}

static void start_child(lc_context *context, void *arg)
{
    CHECK_ERROR(lc_runnable_start_child(context, arg), -ESHUTDOWN);
}

static void let_go_with_some_alive(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    a->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    lc_handle *done = lc_handle_ref(lc_tree_done(tree.real));
    lc_tree_cancel(tree.real);
    let_go(&tree);
    CU_ASSERT_STRING_EQUAL(lc_runnable_name(a->context), "root.a");
    CU_ASSERT_TRUE(runnable_calls(a, start_child, &tree.runnables[B].child));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY));
    CHECK_OPEN(done);
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_YIELD));
    CHECK_CLOSES(done);
    lc_handle_unref(done);
    tree_drop(&tree);
}

static void let_go_while_it_runs(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    tree.context = lc_context_new(NULL);
    struct scripted_runnable *a = &tree.runnables[A];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    lc_handle *done = lc_handle_ref(lc_tree_done(tree.real));
    let_go(&tree);
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(runnable_entered(a)); /* it is supervised as before */
    CHECK_OPEN(done);
    lc_context_cancel(tree.context, NULL);
    CHECK_CLOSES(done);
    lc_handle_unref(done);
    lc_context_unref(tree.context);
    tree_drop(&tree);
}

/* ---- B13: settled ---- */

/* A worker of a chain: handles what comes, and hands it on. */
struct link {
    lc_channel *in;
    lc_channel *out; /* NULL: it counts */
    atomic_uint handled;
};

static lc_error *hand_on(lc_context *context, void *arg)
{
    struct link *link = arg;
    void *item;
    lc_runnable_signal_healthy(context);
    while (lc_context_receive(context, link->in, &item, LC_FOREVER) == 0) {
        for (uint64_t pause = lc_random_below(5); pause > 0; pause--)
            lc_yield();
        if (link->out)
            lc_channel_send(link->out, item, LC_FOREVER);
        else
            atomic_fetch_add(&link->handled, 1);
    }
    return lc_error_ref(lc_context_error(context));
}

#define LINKS 3

static void messages_are_handled(void)
{
    struct scripted_tree tree;
    struct link links[LINKS];
    lc_channel *channels[LINKS];
    unsigned rounds = lc_is_simulated() ? 3 : check_fewer(100);
    tree_init(&tree);
    tree.options.settle_grace = LC_HOUR; /* one that gets no processor is not taken for busy */
    for (size_t i = 0; i < LINKS; i++)
        CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 4), &channels[i]));
    for (size_t i = 0; i < LINKS; i++) {
        links[i] = (struct link){channels[i], i + 1 < LINKS ? channels[i + 1] : NULL, 0};
        tree.runnables[A + i].child.run = hand_on;
        tree.runnables[A + i].child.arg = &links[i];
    }
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_starts(&tree.runnables[ROOT], LINKS));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.c"), LC_NODE_READY); /* all have begun */
    for (unsigned round = 1; round <= rounds; round++) {
        CU_ASSERT_EQUAL(lc_channel_send(links[0].in, NULL, check_patience()), 0);
        CU_ASSERT_TRUE(tree_settles(&tree));
        CU_ASSERT_EQUAL(atomic_load(&links[LINKS - 1].handled), round);
    }
    tree_drop(&tree);
    for (size_t i = 0; i < LINKS; i++)
        lc_channel_unref(channels[i]);
}

/* Two that give one thing to each other, until it has gone to and fro so often. */
struct side {
    lc_channel *in;
    lc_channel *out;
    atomic_uint left;
};

static lc_error *play(lc_context *context, void *arg)
{
    struct side *side = arg;
    void *item;
    while (lc_context_receive(context, side->in, &item, LC_FOREVER) == 0) {
        if (atomic_fetch_sub(&side->left, 1) > 1)
            lc_channel_send(side->out, item, LC_FOREVER);
    }
    return lc_error_ref(lc_context_error(context));
}

/* At each moment one of them waits, and at none of them both. */
static void exchange_is_over(void)
{
    struct scripted_tree tree;
    struct side sides[2];
    lc_channel *channels[2];
    unsigned rounds = lc_is_simulated() ? 2 : check_fewer(200),
             exchanges = lc_is_simulated() ? 20 : 1000;
    tree_init(&tree);
    tree.options.settle_grace = LC_HOUR;
    for (int i = 0; i < 2; i++)
        CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &channels[i]));
    for (int i = 0; i < 2; i++) {
        sides[i] = (struct side){channels[i], channels[1 - i], 0};
        tree.runnables[A + i].child.run = play;
        tree.runnables[A + i].child.arg = &sides[i];
    }
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_starts(&tree.runnables[ROOT], 2));
    unsigned early = 0;
    for (unsigned round = 0; round < rounds; round++) {
        atomic_store(&sides[0].left, exchanges + 1);
        atomic_store(&sides[1].left, exchanges);
        CU_ASSERT_EQUAL(lc_channel_send(sides[0].in, NULL, check_patience()), 0);
        CU_ASSERT_TRUE(tree_settles(&tree));
        early += atomic_load(&sides[1].left) > 0;
        CU_ASSERT_TRUE(tree_settles(&tree));
    }
    CU_ASSERT_EQUAL(early, 0);
    tree_drop(&tree);
    for (int i = 0; i < 2; i++)
        lc_channel_unref(channels[i]);
}

static void starts_exits_and_restarts_are_carried_out(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B];
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_starts(&tree.runnables[ROOT], 2));
    CU_ASSERT_TRUE(tree_settles(&tree)); /* all are NEW, which is settled */
    CU_ASSERT_FALSE(runnable_absent(a) || runnable_absent(b));
    CU_ASSERT_TRUE(runnable_entered(a) && runnable_entered(b));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_EQUAL(tree_status(&tree, "root.a").instance, 2);
    CU_ASSERT_FALSE(runnable_absent(a) || runnable_absent(b));
    CU_ASSERT_TRUE(runnable_entered(a) && runnable_entered(b));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY) && runnable_does(a, RUNNABLE_DONE));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a"), LC_NODE_DONE);
    lc_tree_cancel(tree.real);
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_tree_done(tree.real)));
    tree_drop(&tree);
}

static void pause_is_settled(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    a->child.backoff.first = a->child.backoff.most = LC_HOUR;
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a"), LC_NODE_BACKOFF);
    CU_ASSERT_TRUE(runnable_absent(a));
    tree_drop(&tree);
}

static void settle_own_tree(lc_context *context, void *arg)
{
    (void)context;
    CU_ASSERT_EQUAL(lc_tree_settle(arg, check_patience()), -EDEADLK);
}

static void own_tree_never_settles(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(runnable_calls(&tree.runnables[A], settle_own_tree, tree.real));
    CU_ASSERT_TRUE(runnable_calls(&tree.runnables[ROOT], settle_own_tree, tree.real));
    CU_ASSERT_TRUE(tree_settles(&tree));
    tree_drop(&tree);
}

/* One that does not wait in the library until it is let go. */
struct outside {
    atomic_bool begun;
    atomic_bool stop;
    sem_t semaphore;
};

static lc_error *be_busy(lc_context *context, void *arg)
{
    struct outside *outside = arg;
    atomic_store(&outside->begun, true);
    while (!atomic_load(&outside->stop))
        sched_yield();
    return lc_error_ref(lc_context_error(context));
}

static lc_error *be_blocked(lc_context *context, void *arg)
{
    struct outside *outside = arg;
    atomic_store(&outside->begun, true);
    while (sem_wait(&outside->semaphore) != 0)
        continue;
    return lc_error_ref(lc_context_error(context));
}

static void outside_open(struct outside *outside, struct scripted_runnable *runnable,
                         lc_runnable run)
{
    *outside = (struct outside){.stop = false};
    sem_init(&outside->semaphore, 0, 0);
    runnable->child.run = run;
    runnable->child.arg = outside;
    runnable->child.kind = LC_THREAD;
}

static void outside_end(struct outside *outside)
{
    atomic_store(&outside->stop, true);
    sem_post(&outside->semaphore);
}

static bool has_begun(void *arg)
{
    return atomic_load(&((struct outside *)arg)->begun);
}

static void grace_for(lc_runnable run)
{
    struct scripted_tree tree;
    struct outside outside;
    for (int patient = 0; patient < 2; patient++) {
        tree_init(&tree);
        outside_open(&outside, &tree.runnables[A], run);
        if (patient)
            tree.options.settle_grace = LC_HOUR;
        CU_ASSERT_TRUE(tree_start(&tree));
        CU_ASSERT_TRUE(runnable_starts(&tree.runnables[ROOT], 1));
        CU_ASSERT_TRUE(check_until(has_begun, &outside));
        int64_t deadline = patient ? lc_deadline_after(100 * LC_MILLISECOND) : check_patience();
        CU_ASSERT_EQUAL(lc_tree_settle(tree.real, deadline), patient ? -ETIMEDOUT : 0);
        lc_tree_cancel(tree.real);
        outside_end(&outside);
        tree_drop(&tree);
        sem_destroy(&outside.semaphore);
    }
}

static void busy_counts_after_a_grace(void)
{
    grace_for(be_busy);
}

static void blocked_outside_counts_after_a_grace(void)
{
    grace_for(be_blocked);
}

/* Busy, then waiting for a moment, then busy again, as it is let. */
struct restless {
    atomic_int busy; /* for the how manieth time */
    atomic_int leave;
};

static lc_error *be_restless(lc_context *context, void *arg)
{
    struct restless *restless = arg;
    for (int time = 1; time <= 2; time++) {
        atomic_store(&restless->busy, time);
        while (atomic_load(&restless->leave) < time)
            sched_yield();
        lc_sleep(LC_MILLISECOND);
    }
    return lc_error_ref(lc_context_error(context));
}

static bool is_busy_again(void *arg)
{
    return atomic_load(&((struct restless *)arg)->busy) == 2;
}

static bool is_busy(void *arg)
{
    return atomic_load(&((struct restless *)arg)->busy) == 1;
}

static void grace_starts_again(void)
{
    struct scripted_tree tree;
    struct restless restless = {0};
    tree_init(&tree);
    tree.options.settle_grace = 500 * LC_MILLISECOND;
    tree.runnables[A].child.run = be_restless;
    tree.runnables[A].child.arg = &restless;
    tree.runnables[A].child.kind = LC_THREAD;
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_starts(&tree.runnables[ROOT], 1));
    CU_ASSERT_TRUE(check_until(is_busy, &restless));
    CU_ASSERT_EQUAL(lc_tree_settle(tree.real, LC_NOW), -ETIMEDOUT);
    lc_sleep(tree.options.settle_grace);
    atomic_store(&restless.leave, 1);
    CU_ASSERT_TRUE(check_until(is_busy_again, &restless));
    CU_ASSERT_EQUAL(lc_tree_settle(tree.real, LC_NOW), -ETIMEDOUT); /* but not for so long */
    CU_ASSERT_TRUE(tree_settles(&tree));
    lc_tree_cancel(tree.real);
    atomic_store(&restless.leave, 2);
    tree_drop(&tree);
}

static void keep_busy(void *arg)
{
    lc_context *context = NULL;
    lc_error_unref(be_busy(context, arg));
}

/* The only thread that could run it is busy; there is no grace for what has not begun. */
static void what_has_not_begun_is_not_settled(void)
{
    struct scripted_tree tree;
    struct outside hog = {.stop = false};
    lc_executor *executor = fibers_executor(1);
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    tree.options.settle_grace = 0;
    a->child.kind = LC_FIBER;
    a->child.executor = executor;
    fibers_start(executor, "hog", keep_busy, &hog);
    CU_ASSERT_TRUE(check_until(has_begun, &hog));
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_starts(&tree.runnables[ROOT], 1));
    CU_ASSERT_EQUAL(lc_tree_settle(tree.real, lc_deadline_after(20 * LC_MILLISECOND)), -ETIMEDOUT);
    CU_ASSERT_TRUE(runnable_absent(a));
    atomic_store(&hog.stop, true);
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_TRUE(tree_settles(&tree));
    tree_drop(&tree);
    fibers_end(executor);
}

/* ---- B14: observers ---- */

static lc_event *next_of(lc_observer *observer)
{
    lc_event *event = NULL;
    CU_ASSERT_EQUAL(lc_observer_next(observer, &event, check_patience()), 0);
    return event;
}

static bool event_is(const lc_event *event, const char *name, lc_node_state state,
                     uint64_t instance, int code)
{
    return event && event->kind == LC_EVENT_STATE && event->state == state &&
           event->instance == instance && lc_error_code(event->error) == code &&
           strcmp(event->name, name) == 0;
}

struct wanted {
    const char *name;
    lc_node_state state;
    uint64_t instance;
    int code;
};

/* Exactly these events come next, at times that do not go back. */
static void tells(lc_observer *observer, const struct wanted *wanted, size_t count)
{
    int64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        lc_event *event = next_of(observer);
        CU_ASSERT_TRUE(
            event_is(event, wanted[i].name, wanted[i].state, wanted[i].instance, wanted[i].code));
        CU_ASSERT_TRUE(event && event->time >= before && event->time <= lc_now());
        CU_ASSERT_TRUE(event && event->lost == 0);
        before = event ? event->time : 0;
        lc_event_free(event);
    }
}

static void tells_of_the_end(lc_observer *observer, lc_event_kind kind)
{
    lc_event *event = next_of(observer);
    CU_ASSERT_TRUE(event && event->kind == kind && strcmp(event->name, "") == 0);
    lc_event_free(event);
}

static bool completes(struct scripted_runnable *runnable)
{
    return runnable_does(runnable, RUNNABLE_HEALTHY) && runnable_does(runnable, RUNNABLE_DONE) &&
           runnable_told(runnable, RUNNABLE_RETURN);
}

static void changes_are_told_in_order(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT], *a = &tree.runnables[A],
                             *b = &tree.runnables[B];
    CU_ASSERT_TRUE(tree_start(&tree));
    lc_observer *later = lc_tree_observe(tree.real, 100);
    CU_ASSERT_TRUE(tree_start_children(root, (struct scripted_runnable *[]){a}, 1));
    CU_ASSERT_TRUE(tree_start_children(root, (struct scripted_runnable *[]){b}, 1));
    CU_ASSERT_TRUE(completes(a));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DONE));
    CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(runnable_entered(b));
    CU_ASSERT_TRUE(runnable_does(b, RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_THROW));
    CU_ASSERT_TRUE(runnable_entered(b));
    CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(runnable_entered(b));
    static const struct wanted wanted[] = {
        {"root.a", LC_NODE_STARTING, 1, 0}, {"root.b", LC_NODE_STARTING, 1, 0},
        {"root.a", LC_NODE_READY, 1, 0},    {"root.a", LC_NODE_DONE, 1, 0},
        {"root.b", LC_NODE_DEAD, 1, -102},  {"root.b", LC_NODE_STARTING, 2, 0},
        {"root.b", LC_NODE_READY, 2, 0},    {"root.b", LC_NODE_DEAD, 2, -102},
        {"root.b", LC_NODE_STARTING, 3, 0}, {"root.b", LC_NODE_DEAD, 3, -ECHILD},
        {"root.b", LC_NODE_STARTING, 4, 0}};
    tells(later, wanted, sizeof wanted / sizeof *wanted);
    lc_tree_cancel(tree.real);
    tells_of_the_end(later, LC_EVENT_STOPPING);
    for (int i = 0; i < 2; i++) { /* "root" and "root.b", in no order */
        lc_event *event = next_of(later);
        CU_ASSERT_TRUE(event && event->state == LC_NODE_CANCELED && !event->error);
        lc_event_free(event);
    }
    tells_of_the_end(later, LC_EVENT_ENDED);
    lc_event *event = NULL;
    CU_ASSERT_EQUAL(lc_observer_next(later, &event, check_patience()), -EPIPE);
    lc_observer_free(later);
    tree_drop(&tree);
}

static void observers_come_and_go(void)
{
    struct scripted_tree tree;
    lc_event *event = NULL;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_PTR_NULL(lc_tree_observe(tree.real, 0));
    CU_ASSERT_PTR_NULL(lc_tree_observe(tree.real, (size_t)LC_OBSERVER_EVENTS_MAX + 1));
    lc_observer *goes = lc_tree_observe(tree.real, 10);
    lc_observer *stays = lc_tree_observe(tree.real, 10);
    CU_ASSERT_EQUAL(lc_observer_next(stays, &event, LC_NOW), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_observer_next(stays, NULL, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_observer_next(NULL, &event, LC_NOW), -EINVAL);
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY));
    lc_observer_free(goes); /* with an event that it has not seen */
    lc_waitable waitable = lc_on_observer(stays);
    CU_ASSERT_EQUAL(lc_wait_any(&waitable, 1, check_patience()), 0);
    tells(stays, &(struct wanted){"root.a", LC_NODE_READY, 1, 0}, 1);
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_DONE)); /* which is told at the return */
    CU_ASSERT_EQUAL(lc_observer_next(stays, &event, LC_NOW), -ETIMEDOUT);
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_RETURN));
    tells(stays, &(struct wanted){"root.a", LC_NODE_DONE, 1, 0}, 1);
    lc_observer_free(stays);
    lc_observer_free(NULL);
    lc_tree_cancel(tree.real);
    CHECK_SUCCESS(lc_tree_wait(tree.real, check_patience()));
    lc_observer *late = lc_tree_observe(tree.real, 10);
    CU_ASSERT_EQUAL(lc_observer_next(late, &event, check_patience()), -EPIPE);
    lc_observer_free(late);
    tree_drop(&tree);
}

static void new_is_told_at_the_start(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    check_clock_use(clock);
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    a->child.backoff = (lc_backoff){.first = LC_HOUR,
                                    .most = LC_HOUR,
                                    .factor = 1,
                                    .jitter = LC_NONE,
                                    .steady = LC_NONE,
                                    .pause_first = true};
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(tree_next(&tree, "root", LC_NODE_STARTING));
    CU_ASSERT_TRUE(tree_next(&tree, "root.a", LC_NODE_STARTING));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(tree_next(&tree, "root.a", LC_NODE_DEAD));
    int64_t died = tree.last.time;
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a"), LC_NODE_BACKOFF);
    CU_ASSERT_TRUE(tree_quiet(&tree)); /* of the pause nothing is told */
    while (runnable_absent(a)) {       /* the timer may be armed only now */
        check_clock_advance(clock, LC_HOUR);
        lc_yield();
    }
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_TRUE(tree_next(&tree, "root.a", LC_NODE_STARTING));
    CU_ASSERT_TRUE(tree.last.time >= died + LC_HOUR);
    tree_drop(&tree);
    check_clock_use(NULL);
    check_clock_free(clock);
}

/* "a" dies, with "c" done below it and "d" dead: only of "a" is anything told then. */
static void forgotten_children_are_not_told_of(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables, *a = &runnables[A], *c = &runnables[C],
                             *d = &runnables[D];
    d->child.restart = LC_TEMPORARY;
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){d}, 1));
    CU_ASSERT_TRUE(completes(c));
    CU_ASSERT_TRUE(runnable_told(d, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.d", LC_NODE_DEAD));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.c", LC_NODE_DONE));
    lc_observer *observer = lc_tree_observe(tree.real, 100);
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY));
    static const struct wanted wanted[] = {{"root.a", LC_NODE_DEAD, 1, -101},
                                           {"root.a", LC_NODE_STARTING, 2, 0},
                                           {"root.a", LC_NODE_READY, 2, 0}};
    tells(observer, wanted, 3);
    lc_observer_free(observer);
    tree_drop(&tree);
}

static void slow_observer_loses_its_own_oldest(void)
{
    enum { DEATHS = 5 };
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    lc_observer *slow = lc_tree_observe(tree.real, 2), *quick = lc_tree_observe(tree.real, 100);
    for (int death = 0; death < DEATHS; death++) {
        CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
        CU_ASSERT_TRUE(runnable_entered(a));
    }
    for (uint64_t i = 1; i <= DEATHS; i++)
        tells(quick,
              (struct wanted[]){{"root.a", LC_NODE_DEAD, i, -101},
                                {"root.a", LC_NODE_STARTING, i + 1, 0}},
              2);
    lc_event *event = next_of(slow);
    CU_ASSERT_TRUE(event_is(event, "root.a", LC_NODE_DEAD, DEATHS, -101));
    CU_ASSERT_EQUAL(event->lost, 2 * DEATHS - 2);
    lc_event_free(event);
    tells(slow, &(struct wanted){"root.a", LC_NODE_STARTING, DEATHS + 1, 0}, 1);
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY));
    tells(slow, &(struct wanted){"root.a", LC_NODE_READY, DEATHS + 1, 0}, 1);
    lc_observer_free(slow);
    lc_observer_free(quick);
    tree_drop(&tree);
}

/* ---- B15: those that misbehave ---- */

/* "b" dies and is restarted, and a runnable of a group of its own as well. */
static void others_are_supervised(struct scripted_tree *tree)
{
    struct scripted_runnable *b = &tree->runnables[B];
    for (int death = 0; death < 3; death++) {
        CU_ASSERT_TRUE(runnable_told(b, death & 1 ? RUNNABLE_THROW : RUNNABLE_FAIL));
        CU_ASSERT_TRUE(tree_sees(tree, "root.b", LC_NODE_DEAD));
        CU_ASSERT_TRUE(runnable_entered(b));
        CU_ASSERT_TRUE(runnable_does(b, RUNNABLE_HEALTHY));
    }
    CU_ASSERT_TRUE(runnable_does(&tree->runnables[ROOT], RUNNABLE_LOOK));
}

/* "a" is such a one, beside "b". */
static bool open_beside(struct scripted_tree *tree)
{
    struct scripted_runnable *runnables = tree->runnables;
    runnables[ROOT].group.strategy = LC_ONE_FOR_ONE;
    return tree_start(tree) && runnable_starts(&runnables[ROOT], 2) &&
           runnable_entered(&runnables[B]);
}

static void busy_loop_beside(void)
{
    struct scripted_tree tree;
    struct outside outside;
    tree_init(&tree);
    outside_open(&outside, &tree.runnables[A], be_busy);
    CU_ASSERT_TRUE(open_beside(&tree));
    CU_ASSERT_TRUE(check_until(has_begun, &outside));
    others_are_supervised(&tree);
    lc_tree_cancel(tree.real);
    CU_ASSERT_TRUE(tree_sees(&tree, "root.b", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(tree_sees(&tree, "root", LC_NODE_CANCELED));
    lc_error *error = lc_tree_wait(tree.real, LC_NOW);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "still runs: root.a"));
    lc_error_unref(error);
    outside_end(&outside);
    tree_drop(&tree);
    sem_destroy(&outside.semaphore);
}

/* Starts children until it is refused one, or has had enough, and dies. */
static lc_error *start_many(lc_context *context, void *arg)
{
    enum { MANY = 30 };
    const atomic_bool *stop = arg;
    lc_child child = {.size = sizeof child};
    child.run = end_when_told;
    child.kind = check_kind();
    for (int i = 0; i < MANY && !atomic_load(stop); i++) {
        char name[16];
        snprintf(name, sizeof name, "child-%d", i);
        child.name = name;
        lc_error *error = lc_runnable_start_child(context, &child);
        if (error)
            return error;
        lc_yield();
    }
    return lc_error_new(-E2BIG, "too many children");
}

static lc_error *signal_wrongly(lc_context *context, void *arg)
{
    const atomic_bool *stop = arg;
    lc_yield();
    if (atomic_load(stop))
        return end_when_told(context, NULL);
    lc_runnable_signal_done(context);
    return NULL;
}

static void beside(lc_runnable run)
{
    struct scripted_tree tree;
    atomic_bool stop = false;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    a->child.run = run;
    a->child.arg = &stop;
    CU_ASSERT_TRUE(open_beside(&tree));
    /* Events of "a" would be kept without end. */
    lc_observer_free(tree.observer);
    tree.observer = NULL;
    for (int death = 0; death < 3; death++) {
        struct scripted_runnable *b = &tree.runnables[B];
        CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_FAIL));
        CU_ASSERT_TRUE(runnable_entered(b));
        CU_ASSERT_TRUE(runnable_does(b, RUNNABLE_HEALTHY));
    }
    CU_ASSERT_TRUE(runnable_does(&tree.runnables[ROOT], RUNNABLE_LOOK));
    atomic_store(&stop, true);
    tree_drop(&tree);
}

static void many_children_beside(void)
{
    beside(start_many);
}

static void wrong_signals_beside(void)
{
    beside(signal_wrongly);
}

/* ---- snapshots ---- */

static const lc_node_status *row_of(const lc_snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->count; i++)
        if (strcmp(snapshot->nodes[i].name, name) == 0)
            return &snapshot->nodes[i];
    return NULL;
}

/* root - a (done) - (c, stubborn; d, pausing), b (stubborn, told to stop since e died) beside a */
static bool open_for_snapshots(struct scripted_tree *tree, struct check_clock *clock)
{
    struct scripted_runnable *runnables = tree->runnables, *root = &runnables[ROOT],
                             *a = &runnables[A];
    runnables[C].stubborn = runnables[B].stubborn = true;
    runnables[D].child.backoff = (lc_backoff){.first = LC_SECOND,
                                              .most = LC_SECOND,
                                              .factor = 1,
                                              .jitter = LC_NONE,
                                              .steady = LC_NONE,
                                              .pause_first = true};
    runnables[B].child.stop_timeout = LC_HOUR;
    runnables[A].group.strategy = LC_ONE_FOR_ONE;
    bool well =
        tree_start(tree) && tree_start_children(root, (struct scripted_runnable *[]){a}, 1) &&
        tree_start_children(root, (struct scripted_runnable *[]){&runnables[B], &runnables[E]},
                            2) &&
        tree_start_children(a, (struct scripted_runnable *[]){&runnables[C], &runnables[D]}, 2);
    check_clock_advance(clock, LC_MINUTE);
    return well && runnable_does(root, RUNNABLE_HEALTHY) && completes(a) &&
           tree_sees(tree, "root.a", LC_NODE_DONE) && runnable_told(&runnables[D], RUNNABLE_FAIL) &&
           tree_sees(tree, "root.a.d", LC_NODE_DEAD) &&
           runnable_told(&runnables[E], RUNNABLE_FAIL) && tree_sees(tree, "root.e", LC_NODE_DEAD);
}

static void row_is(const lc_snapshot *snapshot, const char *name, lc_node_state state,
                   const char *parent, int64_t since, uint64_t instance)
{
    const lc_node_status *row = row_of(snapshot, name);
    CU_ASSERT_PTR_NOT_NULL(row);
    if (!row)
        return;
    CU_ASSERT_EQUAL(row->state, state);
    CU_ASSERT_EQUAL(row->since, since);
    CU_ASSERT_EQUAL(row->instance, instance);
    CU_ASSERT_EQUAL(row->restarts, instance - 1);
    CU_ASSERT_EQUAL(row->link_count, 0);
    CU_ASSERT_FALSE(row->overdue);
    CU_ASSERT_STRING_EQUAL(snapshot->nodes[row->parent].name, parent);
    CU_ASSERT_TRUE(row->parent <= (size_t)(row - snapshot->nodes));
}

static void snapshot_shows_all(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    check_clock_use(clock);
    tree_init(&tree);
    tree.options.name = "the tree";
    int64_t begun = lc_now(), later = begun + LC_MINUTE;
    CU_ASSERT_TRUE(open_for_snapshots(&tree, clock));
    lc_snapshot *snapshot = lc_tree_snapshot(tree.real);
    CU_ASSERT_STRING_EQUAL(snapshot->name, "the tree");
    CU_ASSERT_EQUAL(snapshot->time, later);
    CU_ASSERT_EQUAL(snapshot->link_count, 0);
    CU_ASSERT_EQUAL(snapshot->count, 6);
    CU_ASSERT_STRING_EQUAL(snapshot->nodes[0].name, "root");
    row_is(snapshot, "root", LC_NODE_READY, "root", later, 1);
    row_is(snapshot, "root.a", LC_NODE_DONE, "root", later, 1);
    row_is(snapshot, "root.b", LC_NODE_STARTING, "root", begun, 1);
    row_is(snapshot, "root.e", LC_NODE_DEAD, "root", later, 1);
    row_is(snapshot, "root.a.c", LC_NODE_STARTING, "root.a", begun, 1);
    row_is(snapshot, "root.a.d", LC_NODE_BACKOFF, "root.a", later, 1);
    CU_ASSERT_STRING_EQUAL(row_of(snapshot, "root.a.d")->waits_for, "a pause of 1.0 s to end");
    CU_ASSERT_STRING_EQUAL(row_of(snapshot, "root.b")->waits_for, "its end");
    CU_ASSERT_STRING_EQUAL(row_of(snapshot, "root.e")->waits_for, "1 of its group to end");
    CU_ASSERT_STRING_EQUAL(row_of(snapshot, "root")->waits_for, "");
    CU_ASSERT_EQUAL(lc_error_code(row_of(snapshot, "root.a.d")->error), -104);
    CU_ASSERT_EQUAL(lc_error_code(row_of(snapshot, "root.e")->error), -105); /* the last it had */
    CU_ASSERT_PTR_NULL(row_of(snapshot, "root.b")->error);
    const char *text = lc_snapshot_print(snapshot, LC_SNAPSHOT_TEXT);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "root.a.d"));
    tree_drop(&tree);
    CU_ASSERT_STRING_EQUAL(snapshot->nodes[0].name, "root"); /* it is the caller's */
    lc_snapshot_free(snapshot);
    check_clock_use(NULL);
    check_clock_free(clock);
}

static void live_shows_what_runs(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    check_clock_use(clock);
    tree_init(&tree);
    int64_t begun = lc_now(), later = begun + LC_MINUTE;
    CU_ASSERT_TRUE(open_for_snapshots(&tree, clock));
    lc_snapshot *live = lc_tree_snapshot_live(tree.real);
    CU_ASSERT_EQUAL(live->count, 3);
    row_is(live, "root", LC_NODE_READY, "root", later, 1);
    row_is(live, "root.b", LC_NODE_STARTING, "root", begun, 1);
    row_is(live, "root.a.c", LC_NODE_STARTING, "root", begun, 1); /* its parent has ended */
    lc_snapshot_free(live);
    lc_tree_cancel(tree.real);
    CU_ASSERT_TRUE(tree_sees(&tree, "root", LC_NODE_CANCELED));
    live = lc_tree_snapshot_live(tree.real);
    CU_ASSERT_EQUAL(live->count, 2);
    row_is(live, "root.b", LC_NODE_STARTING, "root.b", begun, 1);
    row_is(live, "root.a.c", LC_NODE_STARTING, "root.a.c", begun, 1);
    lc_snapshot_free(live);
    lc_snapshot *all = lc_tree_snapshot(tree.real);
    CU_ASSERT_STRING_EQUAL(row_of(all, "root")->waits_for, "2 children to end");
    CU_ASSERT_STRING_EQUAL(row_of(all, "root.a")->waits_for, "1 children to end");
    lc_snapshot_free(all);
    CU_ASSERT_TRUE(runnable_told(&tree.runnables[B], RUNNABLE_YIELD));
    CU_ASSERT_TRUE(runnable_told(&tree.runnables[C], RUNNABLE_YIELD));
    CHECK_SUCCESS(lc_tree_wait(tree.real, LC_FOREVER));
    live = lc_tree_snapshot_live(tree.real);
    CU_ASSERT_EQUAL(live->count, 0);
    lc_snapshot_free(live);
    tree_drop(&tree);
    check_clock_use(NULL);
    check_clock_free(clock);
}

static void before_the_start_there_is_nothing(void)
{
    lc_tree *tree = tree_of((lc_child){.run = end_when_told});
    lc_snapshot *snapshot = lc_tree_snapshot(tree), *live = lc_tree_snapshot_live(tree);
    CU_ASSERT_EQUAL(snapshot->count, 0);
    CU_ASSERT_EQUAL(live->count, 0);
    CU_ASSERT_EQUAL(lc_tree_settle(tree, check_patience()), 0);
    CHECK_ERROR(lc_tree_wait(tree, LC_NOW), -ETIMEDOUT);
    lc_snapshot_free(snapshot);
    lc_snapshot_free(live);
    lc_tree_unref(tree);
}

/* ---- trees in supervisors ---- */

/* A tree of two runnables as the node "tree"; the node "after" depends on it. */
struct nested {
    struct scripted_runnable *root;
    lc_supervisor *supervisor;
    lc_context *context;
    atomic_uint trees; /* how many were made */
    lc_handle *after;  /* closes when "after" is made */
    lc_behavior behavior;
    lc_error *result;
    struct helper helper;
};

static lc_error *make_tree(lc_component **component, void *arg)
{
    struct nested *nested = arg;
    lc_tree_options options = {.size = sizeof options};
    lc_tree *tree = NULL;
    options.root = &nested->root->child;
    lc_error *error = lc_tree_new(&options, &tree);
    *component = lc_tree_component(tree);
    atomic_fetch_add(&nested->trees, 1);
    return error;
}

static lc_error *make_after(lc_component **component, void *arg)
{
    struct nested *nested = arg;
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("after");
    lc_manager_builder_add(builder, LC_WORKER(.name = "noop", .run = lc_noop_worker));
    lc_manager_builder_set_kind(builder, check_kind());
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    lc_handle_close(nested->after);
    return error;
}

static void run_nested(void *arg)
{
    struct nested *nested = arg;
    nested->result = lc_supervisor_run(nested->supervisor, nested->context, &nested->behavior);
}

static void add_node(struct nested *nested, const char *name, lc_component_factory factory,
                     lc_judge handler, const char *dependency)
{
    const lc_dependency depends = {.size = sizeof depends, .name = dependency};
    lc_node node = {.size = sizeof node};
    node.name = name;
    node.factory = factory;
    node.arg = nested;
    node.judge = handler;
    node.kind = check_kind();
    const lc_dependency *const list[] = {dependency ? &depends : NULL, NULL};
    node.dependencies = list;
    CHECK_SUCCESS(lc_supervisor_add(nested->supervisor, &node));
}

static void nested_open(struct nested *nested, struct scripted_runnable *root, lc_judge handler)
{
    *nested = (struct nested){.root = root, .after = lc_handle_new()};
    nested->context = lc_context_new(NULL);
    CHECK_SUCCESS(lc_supervisor_new(NULL, &nested->supervisor));
    add_node(nested, "tree", make_tree, handler, NULL);
    add_node(nested, "after", make_after, NULL, "tree");
    helper_start(&nested->helper, run_nested, nested);
}

/* The result is the caller's. */
static void nested_end(struct nested *nested)
{
    helper_join(&nested->helper);
    lc_supervisor_unref(nested->supervisor);
    lc_context_unref(nested->context);
    lc_handle_unref(nested->after);
}

static void tree_is_a_node(void)
{
    struct scripted_tree tree;
    struct nested nested;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT], *a = &tree.runnables[A];
    nested_open(&nested, root, NULL);
    CU_ASSERT_TRUE(runnable_entered(root));
    CU_ASSERT_TRUE(tree_start_children(root, (struct scripted_runnable *[]){a}, 1));
    CHECK_OPEN(nested.after); /* until the root is healthy */
    CU_ASSERT_TRUE(runnable_does(root, RUNNABLE_HEALTHY));
    CHECK_CLOSES(nested.after);
    CHECK_CLOSES(lc_supervisor_ready(nested.supervisor));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL)); /* which is the tree's own business */
    CU_ASSERT_TRUE(runnable_entered(a));
    lc_context_cancel(nested.context, NULL);
    CHECK_CLOSES(lc_supervisor_done(nested.supervisor));
    nested_end(&nested);
    CHECK_ERROR(nested.result, -ECANCELED);
    CU_ASSERT_EQUAL(atomic_load(&nested.trees), 1);
    tree_drop(&tree);
}

static lc_behavior judge(const lc_failure *failure, void *arg)
{
    (void)arg;
    CU_ASSERT_TRUE(lc_error_is(failure->error, -101));
    return LC_RESTART;
}

/* Of a tree that ends by itself the handler is told; without one its wish is granted. */
static void tree_that_ends_is_judged(void)
{
    for (int handled = 0; handled < 2; handled++) {
        struct scripted_tree tree;
        struct nested nested;
        tree_init(&tree);
        struct scripted_runnable *root = &tree.runnables[ROOT], *a = &tree.runnables[A];
        root->group.intensity = (lc_intensity){1, LC_HOUR, LC_SHUTDOWN};
        nested_open(&nested, root, handled ? judge : NULL);
        CU_ASSERT_TRUE(runnable_entered(root));
        CU_ASSERT_TRUE(tree_start_children(root, (struct scripted_runnable *[]){a}, 1));
        CU_ASSERT_TRUE(runnable_does(root, RUNNABLE_HEALTHY));
        CHECK_CLOSES(nested.after);
        CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL) && runnable_entered(a));
        CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
        if (handled) {
            CU_ASSERT_TRUE(runnable_entered(root)); /* of another tree */
            CU_ASSERT_EQUAL(atomic_load(&nested.trees), 2);
            lc_context_cancel(nested.context, NULL);
        }
        nested_end(&nested);
        CU_ASSERT_TRUE(lc_error_is(nested.result, handled ? -ECANCELED : -101));
        CU_ASSERT_EQUAL(nested.behavior, handled ? LC_STOP : LC_SHUTDOWN);
        lc_error_unref(nested.result);
        tree_drop(&tree);
    }
}

/* ---- supervisors in trees ---- */

/* A runnable that runs a supervisor; a worker is its only node. */
struct inner {
    struct scripted_worker worker;
    lc_behavior verdict;
};

static lc_error *make_worker(lc_component **component, void *arg)
{
    struct inner *inner = arg;
    *component = lc_manager_component(worker_manager(&inner->worker, 1));
    return NULL;
}

static lc_behavior answer(const lc_failure *failure, void *arg)
{
    const struct inner *inner = arg;
    (void)failure;
    return inner->verdict;
}

static lc_error *supervise(lc_context *context, void *arg)
{
    lc_supervisor *supervisor = NULL;
    lc_node node = {.size = sizeof node};
    node.name = "worker";
    node.factory = make_worker;
    node.arg = arg;
    node.judge = answer;
    node.judge_arg = arg;
    node.kind = check_kind();
    lc_error *error = lc_supervisor_new(NULL, &supervisor);
    if (!error)
        error = lc_supervisor_add(supervisor, &node);
    if (!error)
        error = lc_supervisor_run(supervisor, context, NULL);
    lc_supervisor_unref(supervisor);
    return error;
}

static void supervisor_in_a_runnable(void)
{
    struct scripted_tree tree;
    struct inner inner = {.verdict = LC_RESTART};
    tree_init(&tree);
    worker_init(&inner.worker, -EXDEV);
    struct scripted_runnable *a = &tree.runnables[A];
    a->child.run = supervise;
    a->child.arg = &inner;
    a->child.stack_size = (size_t)128 * 1024;
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_starts(&tree.runnables[ROOT], 2));
    CU_ASSERT_TRUE(runnable_entered(&tree.runnables[B]));
    CU_ASSERT_TRUE(worker_entered(&inner.worker));
    worker_renew(&inner.worker);
    /* One verdict is the supervisor's own business, */
    CU_ASSERT_TRUE(worker_told(&inner.worker, WORKER_FAIL));
    CU_ASSERT_TRUE(worker_entered(&inner.worker));
    CU_ASSERT_EQUAL(tree_status(&tree, "root.a").instance, 1);
    worker_renew(&inner.worker);
    /* of another the runnable dies, */
    inner.verdict = LC_SHUTDOWN;
    CU_ASSERT_TRUE(worker_told(&inner.worker, WORKER_FAIL));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_EQUAL(tree.last.code, -EXDEV);
    CU_ASSERT_TRUE(worker_entered(&inner.worker));
    CU_ASSERT_TRUE(runnable_entered(&tree.runnables[B]));
    /* and it is cancelled with its runnable. */
    CU_ASSERT_TRUE(runnable_told(&tree.runnables[B], RUNNABLE_FAIL));
    CHECK_CLOSES(lc_context_done(inner.worker.context));
    worker_renew(&inner.worker);
    CU_ASSERT_TRUE(worker_told(&inner.worker, WORKER_RETURN));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(worker_entered(&inner.worker));
    /* Else it would return and be started again and again, and nothing takes its answers. */
    lc_tree_cancel(tree.real);
    lc_channel_close(inner.worker.orders);
    tree_drop(&tree);
    worker_drop(&inner.worker);
}

CHECK_SUITE_IN_MODES(
    tree_whole, "conformance: a tree as a whole",
    {"a tree's options are checked", options_are_checked}, {"a tree runs once", runs_once},
    {"under an ended context nothing is started", under_an_ended_context},
    {"B12 a cancel reaches all and returns; a wait names those that still run",
     cancel_reaches_all_and_returns},
    {"B12 the end of its context cancels a tree", context_cancels},
    {"B12 a tree may be let go with some of it alive", let_go_with_some_alive},
    {"B12 a tree that was let go runs on", let_go_while_it_runs},
    {"B13 a message is handled before a tree is settled", messages_are_handled},
    {"B13 an exchange between runnables is over before a tree is settled", exchange_is_over},
    {"B13 starts, exits and restarts are carried out before a tree is settled",
     starts_exits_and_restarts_are_carried_out},
    {"B13 a pause before a restart is settled", pause_is_settled},
    {"B13 a runnable cannot wait until its own tree is settled", own_tree_never_settles},
    {"B13 a busy runnable counts as settled after a grace", busy_counts_after_a_grace,
     CHECK_KERNEL},
    {"B13 a runnable that blocks elsewhere counts as settled after a grace",
     blocked_outside_counts_after_a_grace, CHECK_KERNEL},
    {"B13 the grace starts again when a runnable has waited", grace_starts_again, CHECK_KERNEL},
    {"B13 what has not begun is not settled", what_has_not_begun_is_not_settled, CHECK_KERNEL},
    {"B14 changes are told in order, with name, time, instance and error",
     changes_are_told_in_order},
    {"B14 observers come and go", observers_come_and_go},
    {"B14 NEW is told when it is really started", new_is_told_at_the_start, CHECK_EXACT},
    {"B14 of a forgotten child nothing is told", forgotten_children_are_not_told_of},
    {"B14 a slow observer loses its own oldest events, and is told how many",
     slow_observer_loses_its_own_oldest},
    {"B15 beside a busy loop the others are supervised", busy_loop_beside, CHECK_KERNEL},
    {"B15 beside one that starts children without end the others are supervised",
     many_children_beside},
    {"B15 beside wrong signals the others are supervised", wrong_signals_beside},
    {"a snapshot shows all runnables, with every field", snapshot_shows_all, CHECK_EXACT},
    {"the living are those that run", live_shows_what_runs, CHECK_EXACT},
    {"before its start there is nothing of a tree", before_the_start_there_is_nothing},
    {"a tree is a node of a supervisor, ready with its root", tree_is_a_node},
    {"a tree that ends by itself is judged by the supervisor above", tree_that_ends_is_judged},
    {"a supervisor runs in a runnable, and ends with it", supervisor_in_a_runnable});
