/*
 * supervisor_time.c: contract A35 and A36: start and stop deadlines, back-off, restart intensity;
 * on a clock that the test moves.
 */
#include "support/check.h"
#include "support/mode.h"
#include "support/scripted_graph.h"

#include <lifecycle.h>

#include <errno.h>
#include <string.h>

/* A graph on a clock that stands until the test moves it. */
static struct scripted_graph *graph_on_a_clock(void)
{
    struct scripted_graph *graph = graph_new();
    graph->clock = check_clock_new();
    return graph;
}

/* Nothing happens until a nanosecond before that time is over; then the node enters the state. */
static void enters_after(struct scripted_node *node, lc_node_state state, int64_t nanoseconds)
{
    struct scripted_graph *graph = node->graph;
    check_clock_advance(graph->clock, nanoseconds - 1);
    graph_is_quiet(graph);
    check_clock_advance(graph->clock, 1);
    int64_t at = node_enters(node, state);
    CU_ASSERT_EQUAL(at, check_clock_now(graph->clock));
}

/* ---- A36: back-off ---- */

/* The instance fails, and the next is made after exactly that pause; 0: at once. */
static void restarts_after(struct scripted_node *node, unsigned number, int64_t pause)
{
    node_order(node, number, NODE_FAIL);
    if (pause > 0) {
        node_enters(node, LC_NODE_BACKOFF);
        enters_after(node, LC_NODE_STARTING, pause);
    }
    RUNS(node, number + 1);
}

/* One that restarts as by default, but without chance. */
static struct scripted_node *usual(struct scripted_graph *graph, const char *name)
{
    struct scripted_node *node = graph_node(graph, name, "");
    node->options.backoff = (lc_backoff){0};
    node->options.backoff.jitter = LC_NONE;
    node->slow = true;
    return node;
}

/* The instance becomes ready, and stays so for that long. */
static void lives(struct scripted_node *node, unsigned number, int64_t nanoseconds)
{
    node_order(node, number, NODE_READY);
    node_enters(node, LC_NODE_READY);
    check_clock_advance(node->graph->clock, nanoseconds);
}

static void pauses_grow(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *broken = usual(graph, "broken");
    graph_begin(graph);
    unsigned number = 1;
    for (int64_t pause = 100 * LC_MILLISECOND; pause < 30 * LC_SECOND; pause *= 2)
        restarts_after(broken, number++, pause);
    restarts_after(broken, number++, 30 * LC_SECOND);
    restarts_after(broken, number++, 30 * LC_SECOND);
    graph_cancel(graph);
    graph_drop(graph);
}

static void a_steady_life_sets_pauses_back(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *broken = usual(graph, "broken");
    graph_begin(graph);
    restarts_after(broken, 1, 100 * LC_MILLISECOND);
    lives(broken, 2, 10 * LC_SECOND - 1);
    restarts_after(broken, 2, 200 * LC_MILLISECOND);
    lives(broken, 3, 10 * LC_SECOND);
    restarts_after(broken, 3, 0);
    restarts_after(broken, 4, 100 * LC_MILLISECOND);
    graph_cancel(graph);
    graph_drop(graph);
}

static void an_instant_of_readiness_sets_nothing_back(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *broken = usual(graph, "broken");
    broken->slow = false;
    graph_begin(graph);
    int64_t pause = 100 * LC_MILLISECOND;
    for (unsigned number = 1; number < 8; number++, pause *= 2) {
        node_enters(broken, LC_NODE_READY);
        restarts_after(broken, number, pause);
    }
    graph_cancel(graph);
    graph_drop(graph);
}

/* What completes is started again as slowly. */
static void what_completes_at_once_pauses_too(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *ever = usual(graph, "ever");
    ever->slow = false;
    ever->options.restart = LC_PERMANENT;
    check_log_capture();
    graph_begin(graph);
    int64_t pause = 100 * LC_MILLISECOND;
    for (unsigned number = 1; number < 6; number++, pause *= 2) {
        node_order(ever, number, NODE_RETURN);
        node_enters(ever, LC_NODE_BACKOFF);
        enters_after(ever, LC_NODE_STARTING, pause);
        RUNS(ever, number + 1);
    }
    CU_ASSERT_EQUAL(check_log_count("ever: has ended without an error"), 5);
    graph_cancel(graph);
    check_log_release();
    graph_drop(graph);
}

static void a_first_pause_may_be_asked_for(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *broken = usual(graph, "broken");
    broken->options.backoff = (lc_backoff){.first = 3 * LC_SECOND,
                                           .most = 10 * LC_SECOND,
                                           .factor = 3,
                                           .jitter = LC_NONE,
                                           .steady = 4 * LC_SECOND,
                                           .pause_first = true};
    graph_begin(graph);
    restarts_after(broken, 1, 3 * LC_SECOND);
    restarts_after(broken, 2, 9 * LC_SECOND);
    restarts_after(broken, 3, 10 * LC_SECOND);
    lives(broken, 4, 10 * LC_SECOND);
    restarts_after(broken, 4, 3 * LC_SECOND);
    graph_cancel(graph);
    graph_drop(graph);
}

static void there_may_be_no_pause(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *broken = graph_node(graph, "broken", "");
    broken->options.backoff.first = LC_NONE;
    broken->slow = true;
    graph_begin(graph);
    for (unsigned number = 1; number < NODE_INSTANCES; number++)
        restarts_after(broken, number, 0);
    graph_cancel(graph);
    graph_drop(graph);
}

/* What failed together does not come back together. */
static void pauses_are_spread(void)
{
    enum { COUNT = 6 };
    static const char *const names[COUNT] = {"a", "b", "c", "d", "e", "f"};
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *nodes[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        nodes[i] = graph_node(graph, names[i], "");
        nodes[i]->options.backoff = (lc_backoff){0}; /* 100 ms, give or take a fifth */
    }
    graph_begin(graph);
    for (unsigned i = 0; i < COUNT; i++) {
        node_order(nodes[i], 1, NODE_FAIL);
        node_enters(nodes[i], LC_NODE_BACKOFF);
    }
    check_clock_advance(graph->clock, 80 * LC_MILLISECOND - 1);
    graph_is_quiet(graph);
    check_clock_advance(graph->clock, 40 * LC_MILLISECOND + 1);
    int64_t first = 0, different = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        RUNS(nodes[i], 2);
        first = first ? first : INSTANCE(nodes[i], 2).entered_at;
        different += INSTANCE(nodes[i], 2).entered_at != first;
    }
    if (lc_is_simulated()) /* elsewhere the clock is moved in one piece */
        CU_ASSERT_TRUE(different > 0);
    graph_cancel(graph);
    graph_drop(graph);
}

static void each_node_has_its_own_pause(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *one = graph_node(graph, "one", ""), *two = graph_node(graph, "two", "");
    struct scripted_node *user = graph_node(graph, "user", "one");
    one->options.backoff = (lc_backoff){.first = 5 * LC_SECOND,
                                        .most = 5 * LC_SECOND,
                                        .factor = 1,
                                        .jitter = LC_NONE,
                                        .steady = LC_NONE,
                                        .pause_first = true};
    two->options.backoff = (lc_backoff){.first = 2 * LC_SECOND,
                                        .most = 2 * LC_SECOND,
                                        .factor = 1,
                                        .jitter = LC_NONE,
                                        .steady = LC_NONE,
                                        .pause_first = true};
    graph_begin(graph);
    node_enters(user, LC_NODE_READY); /* the last event of the start */
    node_order(one, 1, NODE_FAIL);
    node_enters(one, LC_NODE_BACKOFF);
    node_order(two, 1, NODE_FAIL);
    node_enters(two, LC_NODE_BACKOFF);
    enters_after(two, LC_NODE_STARTING, 2 * LC_SECOND);
    node_enters(two, LC_NODE_READY);
    node_order(user, 1, NODE_FAIL); /* waits for what pauses */
    node_enters(user, LC_NODE_WAITING);
    enters_after(one, LC_NODE_STARTING, 3 * LC_SECOND);
    RUNS(user, 2);
    graph_cancel(graph);
    graph_drop(graph);
}

static void a_cancel_ends_a_pause_at_once(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *broken = graph_node(graph, "broken", "");
    broken->options.backoff = (lc_backoff){.first = LC_HOUR,
                                           .most = LC_HOUR,
                                           .factor = 1,
                                           .jitter = LC_NONE,
                                           .steady = LC_NONE,
                                           .pause_first = true};
    graph_begin(graph);
    node_order(broken, 1, NODE_FAIL);
    node_enters(broken, LC_NODE_BACKOFF);
    int64_t before = check_clock_now(graph->clock);
    graph_cancel(graph);
    CU_ASSERT_TRUE(check_clock_now(graph->clock) - before < LC_MINUTE);
    MADE(broken, 1);
    graph_drop(graph);
}

/* ---- A36: intensity ---- */

static struct scripted_node *intense(struct scripted_graph *graph, const char *name,
                                     lc_behavior exceeded)
{
    struct scripted_node *node = graph_node(graph, name, "base");
    node->options.backoff.first = LC_NONE;
    node->options.intensity = (lc_intensity){2, 10 * LC_SECOND, exceeded};
    return node;
}

static void too_many_restarts_are_followed_by_a_behavior(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *base = graph_node(graph, "base", "");
    struct scripted_node *broken = intense(graph, "broken", LC_STOP);
    struct scripted_node *other = graph_node(graph, "other", "");
    check_log_capture();
    graph_begin(graph);
    RUNS(other, 1);
    restarts_after(broken, 1, 0);
    check_clock_advance(graph->clock, 10 * LC_SECOND - 1);
    restarts_after(broken, 2, 0);
    node_order(broken, 3, NODE_FAIL);
    node_enters(broken, LC_NODE_STOPPED);
    NOT_TOLD(base, 1);
    NOT_TOLD(other, 1);
    node_order(base, 1, NODE_RETURN);
    node_order(other, 1, NODE_RETURN);
    graph_end(graph);
    MADE(broken, 3);
    ASKED(broken, 3);
    CU_ASSERT_TRUE(check_log_has("broken: "));
    CU_ASSERT_TRUE(lc_error_contains(graph->result, INSTANCE(broken, 3).error));
    TELLS(graph->result, lc_error_code(INSTANCE(broken, 3).error), "\"broken\"");
    check_log_release();
    graph_drop(graph);
}

static void restarts_further_apart_are_allowed(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    graph_node(graph, "base", "");
    struct scripted_node *broken = intense(graph, "broken", LC_SHUTDOWN);
    check_log_capture();
    graph_begin(graph);
    for (unsigned number = 1; number < NODE_INSTANCES - 3; number++) {
        restarts_after(broken, number, 0);
        check_clock_advance(graph->clock, 5 * LC_SECOND);
    }
    restarts_after(broken, NODE_INSTANCES - 3, 0); /* 10 s after the one before the last */
    node_order(broken, NODE_INSTANCES - 2, NODE_FAIL);
    graph_end(graph);
    CU_ASSERT_EQUAL(graph->behavior, LC_SHUTDOWN);
    MADE(broken, NODE_INSTANCES - 2);
    check_log_release();
    graph_drop(graph);
}

static void too_many_restarts_may_stop_parents(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *base = graph_node(graph, "base", "");
    struct scripted_node *broken = intense(graph, "broken", LC_STOP_PARENTS);
    struct scripted_node *other = graph_node(graph, "other", "");
    check_log_capture();
    graph_begin(graph);
    RUNS(other, 1);
    for (unsigned number = 1; number <= 3; number++)
        node_order(broken, number, NODE_FAIL);
    LEAVES(base, 1);
    NOT_TOLD(other, 1);
    node_order(other, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_TRUE(lc_error_contains(graph->result, INSTANCE(broken, 3).error));
    check_log_release();
    graph_drop(graph);
}

static void too_many_restarts_may_halt(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *base = graph_node(graph, "base", "");
    struct scripted_node *broken = intense(graph, "broken", LC_SPIN_HALT);
    check_log_capture();
    graph_begin(graph);
    for (unsigned number = 1; number <= 3; number++)
        node_order(broken, number, NODE_FAIL);
    graph_end(graph);
    CU_ASSERT_EQUAL(graph->behavior, LC_SPIN_HALT);
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(base, 1).left));
    check_log_release();
    graph_drop(graph);
}

static void restarts_after_completion_count_as_well(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    graph_node(graph, "base", "");
    struct scripted_node *ever = intense(graph, "ever", LC_SHUTDOWN);
    ever->options.restart = LC_PERMANENT;
    check_log_capture();
    graph_begin(graph);
    for (unsigned number = 1; number <= 3; number++)
        node_order(ever, number, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_EQUAL(graph->behavior, LC_SHUTDOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(graph->result), "\"ever\""));
    MADE(ever, 3);
    ASKED(ever, 0);
    check_log_release();
    graph_drop(graph);
}

/* ---- A35: start deadlines ---- */

static void what_is_not_ready_in_time_has_failed(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *slow = graph_node(graph, "slow", "");
    struct scripted_node *user = graph_node(graph, "user", "slow");
    slow->slow = true;
    slow->options.start_timeout = 5 * LC_SECOND;
    graph_begin(graph);
    RUNS(slow, 1);
    node_enters(slow, LC_NODE_STARTING);
    enters_after(slow, LC_NODE_FAILING, 5 * LC_SECOND);
    RUNS(slow, 2);
    TELLS(INSTANCE(slow, 1).judged, -ETIMEDOUT, "\"slow\"");
    CU_ASSERT_TRUE(INSTANCE(slow, 1).done_when_asked);
    MADE(user, 0);
    check_clock_advance(graph->clock, 4 * LC_SECOND);
    node_order(slow, 2, NODE_READY); /* in time: from here on there is no deadline */
    RUNS(user, 1);
    check_clock_advance(graph->clock, LC_HOUR);
    NOT_TOLD(slow, 2);
    graph_cancel(graph);
    ASKED(slow, 1);
    graph_drop(graph);
}

static void a_factory_that_blocks_is_not_ready_in_time_either(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *slow = graph_node(graph, "slow", "");
    slow->options.start_timeout = 5 * LC_SECOND;
    slow->factory_waits = lc_handle_new();
    graph_begin(graph);
    node_enters(slow, LC_NODE_STARTING);
    enters_after(slow, LC_NODE_FAILING, 5 * LC_SECOND);
    MADE(slow, 0);
    lc_handle_close(slow->factory_waits);
    RUNS(slow, 2);
    TELLS(INSTANCE(slow, 1).judged, -ETIMEDOUT, "\"slow\"");
    graph_cancel(graph);
    graph_drop(graph);
}

/* ---- A35: stop deadlines ---- */

/* One that stays after the run: it ends now, and nothing of it is left when this returns. */
static void ends_at_last(struct scripted_node *node, unsigned number)
{
    node_order(node, number, NODE_RETURN);
    CHECK_CLOSES(lc_manager_done(INSTANCE(node, number).manager));
}

static void what_is_overdue_is_not_waited_for(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    store->end = NODE_STAYS;
    store->options.stop_timeout = 3 * LC_SECOND;
    check_log_capture();
    graph_begin(graph);
    RUNS(store, 1);
    node_enters(store, LC_NODE_READY);
    lc_context_cancel(graph->context, NULL);
    IS_TOLD(store, 1);
    check_clock_advance(graph->clock, 3 * LC_SECOND - 1);
    NOT_TOLD(journal, 1);
    CHECK_OPEN(graph->finished);
    CU_ASSERT_FALSE(check_log_has("store: "));
    check_clock_advance(graph->clock, 1);
    LEAVES(journal, 1);
    graph_end(graph);
    CU_ASSERT_EQUAL(check_log_count("store: "), 1);
    CU_ASSERT_EQUAL(lc_error_code(graph->result), -ECANCELED);
    CU_ASSERT_TRUE(lc_error_contains(graph->result, lc_context_error(graph->context)));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(graph->result), "store"));
    CU_ASSERT_PTR_NULL(strstr(lc_error_message(graph->result), "journal"));
    check_log_release();
    ends_at_last(store, 1);
    graph_drop(graph);
}

static void the_final_deadline_names_what_still_runs(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    struct scripted_node *other = graph_node(graph, "other", "");
    graph->options.stop_timeout = 7 * LC_SECOND;
    journal->end = store->end = NODE_STAYS;
    other->answers[0] = LC_SHUTDOWN;
    check_log_capture();
    graph_begin(graph);
    RUNS(store, 1);
    node_order(other, 1, NODE_FAIL);
    IS_TOLD(store, 1);
    check_clock_advance(graph->clock, 7 * LC_SECOND - 1);
    NOT_TOLD(journal, 1);
    CHECK_OPEN(graph->finished);
    check_clock_advance(graph->clock, 1);
    graph_end(graph);
    IS_TOLD(journal, 1); /* all the same */
    CU_ASSERT_EQUAL(lc_error_code(graph->result), lc_error_code(INSTANCE(other, 1).error));
    CU_ASSERT_TRUE(lc_error_contains(graph->result, INSTANCE(other, 1).error));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(graph->result), "journal"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(graph->result), "store"));
    CU_ASSERT_EQUAL(check_log_count("store: "), 1);
    CU_ASSERT_EQUAL(check_log_count("journal: "), 1);
    CU_ASSERT_EQUAL(graph->behavior, LC_SHUTDOWN);
    check_log_release();
    ends_at_last(store, 1);
    ends_at_last(journal, 1);
    graph_drop(graph);
}

/* Of the node added first. No event tells. */
static bool is_overdue(void *arg)
{
    struct scripted_graph *graph = arg;
    check_clock_advance(graph->clock, 0);
    lc_snapshot *snapshot = lc_supervisor_snapshot(graph->supervisor);
    bool overdue = snapshot->nodes[0].overdue && !snapshot->nodes[1].overdue;
    lc_snapshot_free(snapshot);
    return overdue;
}

static void an_overdue_instance_blocks_the_restart(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *stuck = graph_node(graph, "stuck", "");
    struct scripted_node *user = graph_node(graph, "user", "stuck");
    stuck->end = NODE_STAYS;
    stuck->options.stop_timeout = 3 * LC_SECOND;
    check_log_capture();
    graph_begin(graph);
    node_enters(user, LC_NODE_READY); /* the last event of the start */
    node_order(stuck, 1, NODE_SIGNAL);
    node_enters(stuck, LC_NODE_FAILING);
    check_clock_advance(graph->clock, 3 * LC_SECOND - 1);
    CU_ASSERT_FALSE(is_overdue(graph));
    check_clock_advance(graph->clock, 1);
    CU_ASSERT_TRUE(check_until(is_overdue, graph));
    check_clock_advance(graph->clock, LC_HOUR);
    graph_is_quiet(graph);
    MADE(stuck, 1);
    ASKED(stuck, 0);
    CU_ASSERT_TRUE(is_overdue(graph));
    CU_ASSERT_EQUAL(check_log_count("stuck: "), 1);
    node_order(stuck, 1, NODE_RETURN);
    RUNS(stuck, 2);
    CU_ASSERT_FALSE(is_overdue(graph));
    NOT_TOLD(user, 1);
    node_order(stuck, 2, NODE_RETURN);
    node_order(user, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_PTR_NULL(graph->result);
    check_log_release();
    graph_drop(graph);
}

static void what_is_overdue_does_not_hold_up_what_restarts(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal+");
    store->end = NODE_STAYS;
    store->options.stop_timeout = 3 * LC_SECOND;
    check_log_capture();
    graph_begin(graph);
    RUNS(store, 1);
    node_enters(store, LC_NODE_READY);
    node_order(journal, 1, NODE_FAIL);
    IS_TOLD(store, 1);
    check_clock_advance(graph->clock, 3 * LC_SECOND - 1);
    MADE(journal, 1);
    check_clock_advance(graph->clock, 1);
    RUNS(journal, 2);
    MADE(store, 1);
    node_order(store, 1, NODE_RETURN);
    RUNS(store, 2);
    node_order(store, 2, NODE_RETURN);
    node_order(journal, 2, NODE_RETURN);
    graph_end(graph);
    check_log_release();
    graph_drop(graph);
}

/* It does not count as overdue any more once it has ended. */
static void an_overdue_node_that_ends_before_the_run_is_not_named(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *store = graph_node(graph, "store", ""),
                         *other = graph_node(graph, "other", "");
    store->end = other->end = NODE_STAYS;
    store->options.stop_timeout = 3 * LC_SECOND;
    check_log_capture();
    graph_begin(graph);
    RUNS(store, 1);
    RUNS(other, 1);
    lc_context_cancel(graph->context, NULL);
    IS_TOLD(store, 1);
    IS_TOLD(other, 1);
    check_clock_advance(graph->clock, 3 * LC_SECOND);
    CU_ASSERT_TRUE(check_until(is_overdue, graph));
    node_order(store, 1, NODE_RETURN);
    node_enters(store, LC_NODE_STOPPED);
    node_order(other, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    CU_ASSERT_EQUAL(check_log_count("store: "), 1);
    check_log_release();
    graph_drop(graph);
}

static void a_removal_waits_for_what_is_overdue(void)
{
    struct scripted_graph *graph = graph_on_a_clock();
    struct scripted_node *store = graph_node(graph, "store", "");
    graph->options.keep_running = true;
    store->end = NODE_STAYS;
    store->options.stop_timeout = 3 * LC_SECOND;
    check_log_capture();
    graph_begin(graph);
    RUNS(store, 1);
    CHECK_ERROR(lc_supervisor_remove(graph->supervisor, "store", LC_NOW), -ETIMEDOUT);
    IS_TOLD(store, 1);
    check_clock_advance(graph->clock, 3 * LC_SECOND);
    CHECK_ERROR(lc_supervisor_remove(graph->supervisor, "store", LC_NOW), -ETIMEDOUT);
    node_order(store, 1, NODE_RETURN);
    lc_error *error = lc_supervisor_remove(graph->supervisor, "store", check_patience());
    CU_ASSERT_TRUE(error == NULL || lc_error_code(error) == -ENOENT);
    lc_error_unref(error);
    check_log_release();
    graph_cancel(graph);
    graph_drop(graph);
}

CHECK_SUITE_IN_MODES(
    supervisor_time, "conformance: supervisor: time",
    {"A36 pauses grow from 100 ms to 30 s", pauses_grow, CHECK_EXACT},
    {"A36 after a steady life a restart comes at once, and pauses start again",
     a_steady_life_sets_pauses_back, CHECK_EXACT},
    {"A36 an instant of readiness sets nothing back", an_instant_of_readiness_sets_nothing_back,
     CHECK_EXACT},
    {"A36 what completes at once pauses too", what_completes_at_once_pauses_too, CHECK_EXACT},
    {"A36 a first pause, a factor and a limit may be asked for", a_first_pause_may_be_asked_for,
     CHECK_EXACT},
    {"A36 there may be no pause", there_may_be_no_pause, CHECK_EXACT},
    {"A36 pauses are spread by a fifth", pauses_are_spread, CHECK_EXACT},
    {"A36 each node has its own pause", each_node_has_its_own_pause, CHECK_EXACT},
    {"A36 a cancel ends a pause at once", a_cancel_ends_a_pause_at_once, CHECK_EXACT},
    {"A36 too many restarts are followed by a behavior of their own",
     too_many_restarts_are_followed_by_a_behavior, CHECK_EXACT},
    {"A36 restarts that are further apart are allowed", restarts_further_apart_are_allowed,
     CHECK_EXACT},
    {"A36 too many restarts may stop parents", too_many_restarts_may_stop_parents, CHECK_EXACT},
    {"A36 too many restarts may halt", too_many_restarts_may_halt, CHECK_EXACT},
    {"A36 restarts after a completion count as well", restarts_after_completion_count_as_well,
     CHECK_EXACT},
    {"A35 what is not ready in time has failed, by -ETIMEDOUT",
     what_is_not_ready_in_time_has_failed, CHECK_EXACT},
    {"A35 a node with a factory that blocks has failed, too, by -ETIMEDOUT",
     a_factory_that_blocks_is_not_ready_in_time_either, CHECK_EXACT},
    {"A35 an overdue node is logged, not waited for, and named in the error",
     what_is_overdue_is_not_waited_for, CHECK_EXACT},
    {"A35 at the final deadline all is told to stop, and what still runs is named",
     the_final_deadline_names_what_still_runs, CHECK_EXACT},
    {"A35 an overdue instance blocks its node's restart", an_overdue_instance_blocks_the_restart,
     CHECK_EXACT},
    {"A35 what is overdue does not hold up the restart of what it depends on",
     what_is_overdue_does_not_hold_up_what_restarts, CHECK_EXACT},
    {"A35 an overdue node that ends before the run does is not named",
     an_overdue_node_that_ends_before_the_run_is_not_named, CHECK_EXACT},
    {"A35 a removal waits for what is overdue", a_removal_waits_for_what_is_overdue, CHECK_EXACT});
