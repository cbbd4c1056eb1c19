/*
 * supervisor_behaviors.c: contract A28, A29, A30, A32, A34: what comes of a node's error, by the
 * handler's answer; errors of nodes that are being stopped; restart types; supervisors as nodes of
 * others. The spin-halt is in supervisor_halt.c.
 */
#include "support/check.h"
#include "support/mode.h"
#include "support/scripted_graph.h"

#include <lifecycle.h>

#include <errno.h>
#include <string.h>

/* ---- what a handler is asked ---- */

static void is_judged_after(enum node_order order)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *only = graph_node(graph, "only", "");
    only->end = NODE_RETURNS_NULL;
    graph_begin(graph);
    node_order(only, 1, order);
    RUNS(only, 2);
    graph_cancel(graph);
    CU_ASSERT_PTR_EQUAL(INSTANCE(only, 1).judged, INSTANCE(only, 1).error);
    CU_ASSERT_TRUE(INSTANCE(only, 1).done_when_asked);
    BEFORE(graph, "only-1", "only?1");
    BEFORE(graph, "only?1", "only*2");
    ASKED(only, 1);
    graph_drop(graph);
}

static void errors_are_judged_once_their_instance_is_done(void)
{
    is_judged_after(NODE_FAIL);
    is_judged_after(NODE_THROW);
    is_judged_after(NODE_SIGNAL); /* its context ends, and so does it */
}

static void of_many_errors_the_first_is_judged(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *only = graph_node(graph, "only", "");
    only->end = NODE_STAYS;
    check_log_capture();
    graph_begin(graph);
    node_order(only, 1, NODE_SIGNAL);
    IS_TOLD(only, 1);
    CHECK_OPEN(INSTANCE(only, 1).asked);
    lc_signal_error(INSTANCE(only, 1).context, lc_error_new(-EPIPE, "another"));
    node_order(only, 1, NODE_FAIL);
    RUNS(only, 2);
    node_order(only, 2, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_PTR_NULL(graph->result);
    CU_ASSERT_PTR_EQUAL(INSTANCE(only, 1).judged, INSTANCE(only, 1).error);
    ASKED(only, 1);
    CU_ASSERT_TRUE(check_log_has("another")); /* none is lost */
    check_log_release();
    graph_drop(graph);
}

static void a_handler_that_blocks_holds_up_no_other_node(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *judged = graph_node(graph, "judged", "");
    struct scripted_node *user = graph_node(graph, "user", "judged");
    struct scripted_node *other = graph_node(graph, "other", "");
    judged->handler_waits = lc_handle_new();
    graph_begin(graph);
    RUNS(user, 1);
    node_order(judged, 1, NODE_FAIL);
    IS_ASKED(judged, 1);
    node_order(other, 1, NODE_FAIL);
    RUNS(other, 2);
    struct scripted_node *late = graph_node(graph, "late", "other");
    CHECK_SUCCESS(node_join(late));
    RUNS(late, 1);
    NOT_TOLD(user, 1);
    MADE(judged, 1);
    lc_handle_close(judged->handler_waits);
    RUNS(judged, 2);
    graph_cancel(graph);
    graph_drop(graph);
}

/* ---- A28: restart ---- */

static void a_node_restarts_alone(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    struct scripted_node *front = graph_node(graph, "front", "store");
    graph_begin(graph);
    RUNS(front, 1);
    for (unsigned number = 1; number <= 3; number++) {
        node_order(store, number, NODE_FAIL);
        RUNS(store, number + 1);
        CU_ASSERT_PTR_NULL(lc_context_error(INSTANCE(store, number + 1).context));
        CU_ASSERT_PTR_NOT_EQUAL(INSTANCE(store, number).context,
                                INSTANCE(store, number + 1).context);
    }
    NOT_TOLD(journal, 1);
    NOT_TOLD(front, 1);
    graph_cancel(graph);
    MADE(journal, 1);
    MADE(store, 4);
    MADE(front, 1);
    graph_drop(graph);
}

static void what_restarts_waits_for_its_dependencies(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    graph_begin(graph);
    RUNS(store, 1);
    journal->slow = true;
    node_order(journal, 1, NODE_FAIL);
    RUNS(journal, 2); /* and is not ready */
    node_order(store, 1, NODE_FAIL);
    IS_ASKED(store, 1);
    node_enters(store, LC_NODE_WAITING);
    MADE(store, 1);
    node_order(journal, 2, NODE_READY);
    RUNS(store, 2);
    graph_cancel(graph);
    graph_drop(graph);
}

static void dependants_that_ask_for_it_restart_along(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *disk = graph_node(graph, "disk", "");
    struct scripted_node *journal = graph_node(graph, "journal", "disk+");
    struct scripted_node *store = graph_node(graph, "store", "journal+");
    struct scripted_node *front = graph_node(graph, "front", "store journal");
    struct scripted_node *stats = graph_node(graph, "stats", "disk");
    store->end = NODE_RETURNS_NULL;
    journal->end = NODE_STAYS;
    graph_begin(graph);
    RUNS(front, 1);
    RUNS(stats, 1);
    node_order(disk, 1, NODE_FAIL);
    IS_TOLD(journal, 1);
    MADE(disk, 1);
    node_order(journal, 1, NODE_RETURN);
    RUNS(store, 2);
    NOT_TOLD(front, 1);
    NOT_TOLD(stats, 1);
    node_order(journal, 2, NODE_RETURN);
    graph_cancel(graph);
    BEFORE(graph, "disk?1", "store~1");
    BEFORE(graph, "store-1", "journal~1");
    BEFORE(graph, "journal-1", "disk*2");
    BEFORE(graph, "disk!2", "journal*2");
    BEFORE(graph, "journal!2", "store*2");
    MADE(front, 1);
    MADE(stats, 1);
    ASKED(journal, 0);
    ASKED(store, 0);
    graph_drop(graph);
}

/* ---- A29: stop, stop-parents ---- */

static void stop_takes_descendants_along(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    struct scripted_node *front = graph_node(graph, "front", "store");
    struct scripted_node *top = graph_node(graph, "top", "front store:started");
    struct scripted_node *index = graph_node(graph, "index", "journal");
    struct scripted_node *waiting = graph_node(graph, "waiting", "top:completed");
    store->answers[0] = LC_STOP;
    check_log_capture();
    graph_begin(graph);
    RUNS(top, 1);
    RUNS(index, 1);
    node_order(store, 1, NODE_FAIL);
    LEAVES(front, 1);
    node_enters(waiting, LC_NODE_STOPPED);
    NOT_TOLD(journal, 1);
    NOT_TOLD(index, 1);
    CHECK_OPEN(graph->finished);
    node_order(index, 1, NODE_RETURN);
    node_order(journal, 1, NODE_RETURN);
    graph_end(graph);
    check_log_release();
    BEFORE(graph, "store?1", "top~1");
    BEFORE(graph, "top-1", "front~1");
    CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(store, 1).error);
    CU_ASSERT_EQUAL(graph->behavior, LC_STOP);
    MADE(waiting, 0);
    for (unsigned i = 0; i < graph->count; i++)
        CU_ASSERT_EQUAL(atomic_load(&graph->nodes[i].asked), &graph->nodes[i] == store);
    graph_drop(graph);
}

static void stop_parents_takes_ancestors_and_all_their_descendants(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *disk = graph_node(graph, "disk", "");
    graph_node(graph, "journal", "disk");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    struct scripted_node *front = graph_node(graph, "front", "store");
    struct scripted_node *index = graph_node(graph, "index", "journal");
    struct scripted_node *cache = graph_node(graph, "cache", "disk");
    struct scripted_node *net = graph_node(graph, "net", "");
    struct scripted_node *user = graph_node(graph, "user", "net");
    store->answers[0] = LC_STOP_PARENTS;
    check_log_capture();
    graph_begin(graph);
    CHECK_CLOSES(lc_supervisor_ready(graph->supervisor));
    RUNS(user, 1);
    node_order(store, 1, NODE_FAIL);
    LEAVES(front, 1);
    node_enters(disk, LC_NODE_STOPPED);
    NOT_TOLD(net, 1);
    NOT_TOLD(user, 1);
    node_order(user, 1, NODE_RETURN);
    node_order(net, 1, NODE_RETURN);
    graph_end(graph);
    BEFORE(graph, "index-1", "journal~1");
    BEFORE(graph, "journal-1", "disk~1");
    BEFORE(graph, "cache-1", "disk~1");
    CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(store, 1).error);
    CU_ASSERT_EQUAL(graph->behavior, LC_STOP);
    ASKED(index, 0);
    ASKED(cache, 0);
    check_log_release();
    graph_drop(graph);
}

/* ---- A30: shutdown ---- */

static void shutdown_stops_everything_in_order(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    struct scripted_node *other = graph_node(graph, "other", "");
    struct scripted_node *slow = graph_node(graph, "slow", "journal");
    struct scripted_node *never = graph_node(graph, "never", "slow");
    other->answers[0] = LC_SHUTDOWN;
    store->end = NODE_STAYS;
    slow->slow = true;
    graph_begin(graph);
    RUNS(store, 1);
    RUNS(slow, 1);
    node_order(other, 1, NODE_FAIL);
    IS_TOLD(store, 1);
    LEAVES(slow, 1);
    NOT_TOLD(journal, 1);
    CHECK_OPEN(graph->finished);
    node_order(store, 1, NODE_RETURN);
    graph_end(graph);
    BEFORE(graph, "other?1", "store~1");
    BEFORE(graph, "store-1", "journal~1");
    BEFORE(graph, "slow-1", "journal~1");
    BEFORE(graph, "journal-1", "returned");
    CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(other, 1).error);
    CU_ASSERT_EQUAL(graph->behavior, LC_SHUTDOWN);
    MADE(never, 0);
    lc_behavior behavior = LC_RESTART;
    lc_error_unref(lc_supervisor_result(graph->supervisor, &behavior));
    CU_ASSERT_EQUAL(behavior, LC_SHUTDOWN);
    graph_drop(graph);
}

/* Whatever its handler says then, the node is not started again. */
static void a_shutdown_waits_for_handlers_and_for_no_pause(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *judged = graph_node(graph, "judged", "");
    struct scripted_node *pausing = graph_node(graph, "pausing", "");
    struct scripted_node *other = graph_node(graph, "other", "");
    judged->handler_waits = lc_handle_new();
    pausing->options.backoff = (lc_backoff){.first = LC_HOUR,
                                            .most = LC_HOUR,
                                            .factor = 1,
                                            .jitter = LC_NONE,
                                            .steady = LC_NONE,
                                            .pause_first = true};
    other->answers[0] = LC_SHUTDOWN;
    graph->clock = check_clock_new(); /* which stands still */
    graph_begin(graph);
    node_order(judged, 1, NODE_FAIL);
    IS_ASKED(judged, 1);
    node_order(pausing, 1, NODE_FAIL);
    node_enters(pausing, LC_NODE_BACKOFF);
    node_order(other, 1, NODE_FAIL);
    node_enters(pausing, LC_NODE_STOPPED);
    CHECK_OPEN(graph->finished);
    graph_note(graph, "answers");
    lc_handle_close(judged->handler_waits);
    graph_end(graph);
    BEFORE(graph, "answers", "returned");
    CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(other, 1).error);
    MADE(judged, 1);
    MADE(pausing, 1);
    graph_drop(graph);
}

static void the_first_shutdown_counts(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *one = graph_node(graph, "one", ""), *two = graph_node(graph, "two", "");
    one->answers[0] = two->answers[0] = LC_SHUTDOWN;
    one->handler_waits = lc_handle_new();
    graph_begin(graph);
    node_order(one, 1, NODE_FAIL);
    IS_ASKED(one, 1);
    node_order(two, 1, NODE_FAIL);
    graph_sees_kind(graph, LC_EVENT_STOPPING);
    lc_handle_close(one->handler_waits);
    graph_end(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(two, 1).error);
    CU_ASSERT_EQUAL(graph->behavior, LC_SHUTDOWN);
    graph_drop(graph);
}

/* ---- A32: errors of nodes that we stop ---- */

static void an_error_around_the_cancel_cause_is_dropped(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *one = graph_node(graph, "one", ""),
                         *two = graph_node(graph, "two", "one");
    one->end = two->end = NODE_WRAPS;
    check_log_capture();
    graph_begin(graph);
    RUNS(two, 1);
    graph_cancel(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    ASKED(one, 0);
    ASKED(two, 0);
    CU_ASSERT_FALSE(check_log_has("cut off"));
    check_log_release();
    graph_drop(graph);
}

/* What it wraps, and what it names. */
static void tells_of_late_failures(const lc_error *result, const lc_error *reason, const char *name,
                                   const char *message)
{
    CU_ASSERT_EQUAL(lc_error_code(result), lc_error_code(reason));
    CU_ASSERT_TRUE(lc_error_contains(result, reason));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(result), name));
    CU_ASSERT_TRUE(check_log_has(message));
}

/* The store fails while everything is stopped, and its handler answers that. */
static struct scripted_graph *graph_whose_store_fails_late(lc_behavior answer)
{
    struct scripted_graph *graph = graph_new();
    graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    store->end = NODE_FAILS;
    store->answers[0] = answer;
    check_log_capture();
    graph_begin(graph);
    RUNS(store, 1);
    graph_cancel(graph);
    CU_ASSERT_TRUE(check_log_has("store failed the 1. time"));
    BEFORE(graph, "store-1", "journal~1"); /* all the same */
    ASKED(store, 1);
    CU_ASSERT_PTR_EQUAL(INSTANCE(store, 1).judged, INSTANCE(store, 1).error);
    check_log_release();
    return graph;
}

static void another_error_is_logged_and_attached(void)
{
    static const lc_behavior answers[] = {LC_RESTART, LC_STOP, LC_STOP_PARENTS};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scripted_graph *graph = graph_whose_store_fails_late(answers[i]);
        const lc_error *reason = lc_context_error(graph->context);
        CU_ASSERT_EQUAL(lc_error_code(graph->result), lc_error_code(reason));
        CU_ASSERT_TRUE(lc_error_contains(graph->result, reason));
        CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(graph->result), "store"));
        CU_ASSERT_EQUAL(graph->behavior, LC_STOP);
        graph_drop(graph);
    }
}

static void a_late_error_may_turn_the_stop_into_more(void)
{
    static const lc_behavior answers[] = {LC_SHUTDOWN, LC_SPIN_HALT};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scripted_graph *graph = graph_whose_store_fails_late(answers[i]);
        CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(&graph->nodes[1], 1).error);
        CU_ASSERT_EQUAL(graph->behavior, answers[i]);
        graph_drop(graph);
    }
}

static void an_error_of_a_node_that_is_shut_down_is_attached(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    journal->answers[0] = LC_SHUTDOWN;
    store->end = NODE_FAILS;
    check_log_capture();
    graph_begin(graph);
    RUNS(store, 1);
    node_order(journal, 1, NODE_FAIL);
    graph_end(graph);
    tells_of_late_failures(graph->result, INSTANCE(journal, 1).error, "store",
                           "store failed the 1. time");
    CU_ASSERT_EQUAL(graph->behavior, LC_SHUTDOWN);
    ASKED(store, 1);
    check_log_release();
    graph_drop(graph);
}

/* It is told and asked about, and starts again all the same; nor is it part of how the run ends. */
static void an_error_of_what_restarts_along_is_told(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal+");
    store->end = NODE_FAILS;
    store->answers[0] = LC_STOP;
    check_log_capture();
    graph_begin(graph);
    RUNS(store, 1);
    node_order(journal, 1, NODE_FAIL);
    RUNS(store, 2);
    CU_ASSERT_EQUAL(check_log_count("store failed the 1. time"), 1);
    ASKED(store, 1);
    node_order(store, 2, NODE_RETURN);
    node_enters(store, LC_NODE_DONE);
    graph_cancel(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    check_log_release();
    graph_drop(graph);
}

/* F28: one node's answer stops another an instant before that one's own failure. */
static void a_halt_is_not_lost_to_a_stop(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *base = graph_node(graph, "base", "");
    struct scripted_node *broken = graph_node(graph, "broken", "base");
    struct scripted_node *other = graph_node(graph, "other", "base");
    broken->answers[0] = LC_STOP_PARENTS;
    other->end = NODE_FAILS;
    other->answers[0] = LC_SPIN_HALT;
    check_log_capture();
    graph_begin(graph);
    RUNS(broken, 1);
    RUNS(other, 1);
    node_order(broken, 1, NODE_FAIL);
    graph_end(graph);
    CU_ASSERT_EQUAL(graph->behavior, LC_SPIN_HALT);
    CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(other, 1).error);
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(base, 1).left));
    check_log_release();
    graph_drop(graph);
}

/* The code counts: a worker makes an error of its own from what its wait has returned. */
static void an_error_of_the_same_code_is_clean(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *store = graph_node(graph, "store", "");
    store->end = NODE_FAILS;
    lc_error_unref(INSTANCE(store, 1).error);
    INSTANCE(store, 1).error = lc_error_new(-ECANCELED, "sleep: canceled");
    check_log_capture();
    graph_begin(graph);
    RUNS(store, 1);
    graph_cancel(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    CU_ASSERT_FALSE(check_log_has("sleep: canceled"));
    ASKED(store, 0);
    check_log_release();
    graph_drop(graph);
}

/* But only of a node that has been told to stop. */
static void an_error_of_that_code_is_judged_without_a_stop(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *store = graph_node(graph, "store", "");
    store->answers[0] = LC_STOP;
    lc_error_unref(INSTANCE(store, 1).error);
    INSTANCE(store, 1).error = lc_error_new(-ECANCELED, "looks like a cancel");
    graph_begin(graph);
    node_order(store, 1, NODE_FAIL);
    graph_end(graph);
    ASKED(store, 1);
    CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(store, 1).error);
    graph_drop(graph);
}

/* ---- A34: no handler, or no such answer ---- */

static void without_a_handler_a_node_restarts(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *store = graph_node(graph, "store", "");
    store->options.judge = NULL;
    check_log_capture();
    graph_begin(graph);
    node_order(store, 1, NODE_FAIL);
    RUNS(store, 2);
    node_order(store, 2, NODE_THROW);
    RUNS(store, 3);
    graph_cancel(graph);
    CU_ASSERT_TRUE(check_log_has("store failed the 1. time"));
    CU_ASSERT_TRUE(check_log_has("store failed the 2. time"));
    check_log_release();
    graph_drop(graph);
}

static void an_answer_outside_the_five_shuts_down(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *store = graph_node(graph, "store", ""),
                         *other = graph_node(graph, "other", "");
    store->answers[0] = (lc_behavior)4242;
    graph_begin(graph);
    RUNS(other, 1);
    node_order(store, 1, NODE_FAIL);
    graph_end(graph);
    TELLS(graph->result, -EINVAL, "4242");
    TELLS(graph->result, -EINVAL, "store");
    CU_ASSERT_TRUE(lc_error_contains(graph->result, INSTANCE(store, 1).error));
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(other, 1).left));
    MADE(store, 1);
    graph_drop(graph);
}

/* ---- restart types ---- */

static void a_permanent_node_restarts_also_when_it_completes(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *ever = graph_node(graph, "ever", "");
    struct scripted_node *user = graph_node(graph, "user", "ever");
    ever->options.restart = LC_PERMANENT;
    graph_begin(graph);
    RUNS(user, 1);
    node_order(ever, 1, NODE_RETURN);
    node_order(ever, 2, NODE_FAIL);
    node_order(ever, 3, NODE_RETURN);
    RUNS(ever, 4);
    NOT_TOLD(user, 1);
    graph_cancel(graph);
    ASKED(ever, 1);
    graph_drop(graph);
}

static void a_temporary_node_stops_instead_of_restarting(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *once = graph_node(graph, "once", "");
    struct scripted_node *user = graph_node(graph, "user", "once");
    struct scripted_node *completing = graph_node(graph, "completing", "");
    once->options.restart = completing->options.restart = LC_TEMPORARY;
    check_log_capture();
    graph_begin(graph);
    RUNS(user, 1);
    node_order(once, 1, NODE_FAIL);
    LEAVES(user, 1);
    node_order(completing, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(once, 1).error);
    MADE(once, 1);
    MADE(user, 1);
    check_log_release();
    graph_drop(graph);
}

/* ---- a cancel during a stop ---- */

static void an_error_thrown_before_the_cancel_is_judged_and_nothing_restarts(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *store = graph_node(graph, "store", "");
    store->end = NODE_STAYS;
    graph_begin(graph);
    node_order(store, 1, NODE_SIGNAL);
    node_enters(store, LC_NODE_FAILING);
    lc_context_cancel(graph->context, NULL);
    node_order(store, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    ASKED(store, 1);
    MADE(store, 1);
    graph_drop(graph);
}

/* ---- supervisors as nodes ---- */

/* A graph's supervisor, made by the factory of another graph's node. */
static lc_error *make_inner(lc_component **component, void *arg)
{
    struct scripted_graph *inner = arg;
    *component = lc_supervisor_component(lc_supervisor_ref(inner->supervisor));
    return NULL;
}

static struct scripted_node *nest(struct scripted_graph *outer, struct scripted_graph *inner,
                                  const char *name)
{
    struct scripted_node *node = graph_node(outer, name, "");
    for (unsigned i = 0; i < inner->count; i++)
        CHECK_SUCCESS(node_join(&inner->nodes[i]));
    node->options.factory = make_inner;
    node->options.arg = inner;
    node->options.judge = NULL;
    return node;
}

static void a_supervisor_may_be_a_node(void)
{
    struct scripted_graph *outer = graph_new(), *inner = graph_new();
    struct scripted_node *journal = graph_node(inner, "journal", "");
    struct scripted_node *store = graph_node(inner, "store", "journal");
    struct scripted_node *setup = graph_node(inner, "setup", "");
    store->slow = true;
    nest(outer, inner, "storage");
    struct scripted_node *front = graph_node(outer, "front", "storage");
    front->end = NODE_STAYS;
    graph_begin(outer);
    node_order(setup, 1, NODE_RETURN);
    RUNS(store, 1);
    MADE(front, 0); /* not before all of the storage is ready */
    node_order(store, 1, NODE_READY);
    RUNS(front, 1);
    node_order(journal, 1, NODE_FAIL); /* which is dealt with inside */
    RUNS(journal, 2);
    NOT_TOLD(front, 1);
    lc_context_cancel(outer->context, NULL);
    IS_TOLD(front, 1);
    NOT_TOLD(store, 1);
    node_order(front, 1, NODE_RETURN);
    graph_end(outer);
    CHECK_CLOSES(lc_supervisor_done(inner->supervisor));
    BEFORE(inner, "store-1", "journal~2");
    CU_ASSERT_PTR_EQUAL(outer->result, lc_context_error(outer->context));
    graph_drop(outer);
    graph_drop(inner);
}

static void a_supervisor_that_completes_is_a_node_that_does(void)
{
    struct scripted_graph *outer = graph_new(), *inner = graph_new();
    struct scripted_node *setup = graph_node(inner, "setup", "");
    nest(outer, inner, "setups");
    struct scripted_node *after = graph_node(outer, "after", "setups:completed");
    graph_begin(outer);
    node_order(setup, 1, NODE_RETURN);
    node_order(after, 1, NODE_RETURN);
    graph_end(outer);
    CU_ASSERT_PTR_NULL(outer->result);
    graph_drop(outer);
    graph_drop(inner);
}

/* What an inner handler answers the outer supervisor does, too. */
static void goes_through(lc_behavior answer)
{
    struct scripted_graph *outer = graph_new(), *inner = graph_new();
    struct scripted_node *store = graph_node(inner, "store", "");
    struct scripted_node *beside = graph_node(inner, "beside", "");
    struct scripted_node *storage = nest(outer, inner, "storage");
    struct scripted_node *front = graph_node(outer, "front", "storage");
    struct scripted_node *other = graph_node(outer, "other", "");
    store->answers[0] = answer;
    check_log_capture();
    graph_begin(outer);
    RUNS(front, 1);
    RUNS(other, 1);
    RUNS(beside, 1);
    node_order(store, 1, NODE_FAIL);
    graph_end(outer);
    CU_ASSERT_PTR_EQUAL(outer->result, INSTANCE(store, 1).error);
    CU_ASSERT_EQUAL(outer->behavior, answer);
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(beside, 1).left));
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(front, 1).left));
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(other, 1).left));
    lc_behavior behavior = LC_RESTART;
    lc_error *result = lc_supervisor_result(inner->supervisor, &behavior);
    CU_ASSERT_PTR_EQUAL(result, INSTANCE(store, 1).error);
    CU_ASSERT_EQUAL(behavior, answer);
    lc_error_unref(result);
    (void)storage;
    check_log_release();
    graph_drop(outer);
    graph_drop(inner);
}

/* What fails inside while everything stops is known outside, too. */
static void a_late_error_inside_is_told_outside(void)
{
    struct scripted_graph *outer = graph_new(), *inner = graph_new();
    struct scripted_node *store = graph_node(inner, "store", "");
    store->end = NODE_FAILS;
    nest(outer, inner, "storage");
    check_log_capture();
    graph_begin(outer);
    RUNS(store, 1);
    graph_cancel(outer);
    CU_ASSERT_TRUE(lc_error_contains(outer->result, lc_context_error(outer->context)));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(outer->result), "storage"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(outer->result), "store failed the 1. time"));
    check_log_release();
    graph_drop(outer);
    graph_drop(inner);
}

/* So is a halt, which an inner handler answers about it. */
static void a_late_halt_inside_halts_outside(void)
{
    struct scripted_graph *outer = graph_new(), *inner = graph_new();
    struct scripted_node *store = graph_node(inner, "store", "");
    store->end = NODE_FAILS;
    store->answers[0] = LC_SPIN_HALT;
    nest(outer, inner, "storage");
    check_log_capture();
    graph_begin(outer);
    RUNS(store, 1);
    graph_cancel(outer);
    CU_ASSERT_EQUAL(outer->behavior, LC_SPIN_HALT);
    CU_ASSERT_TRUE(lc_error_contains(outer->result, INSTANCE(store, 1).error));
    check_log_release();
    graph_drop(outer);
    graph_drop(inner);
}

static void a_shutdown_inside_shuts_down_outside(void)
{
    goes_through(LC_SHUTDOWN);
}

static void a_spin_halt_inside_halts_outside(void)
{
    goes_through(LC_SPIN_HALT);
}

/* Two supervisors that are made one after the other. */
struct successors {
    struct scripted_graph *graphs[2];
    unsigned made;
    unsigned asked;
    lc_error *judged;
};

static lc_error *make_successor(lc_component **component, void *arg)
{
    struct successors *successors = arg;
    return make_inner(component, successors->graphs[successors->made++]);
}

static lc_behavior restart_successor(const lc_failure *failure, void *arg)
{
    struct successors *successors = arg;
    successors->judged = lc_error_ref(failure->error);
    successors->asked++;
    return LC_RESTART;
}

static void a_handler_outside_judges_what_comes_from_inside(lc_behavior inside)
{
    struct scripted_graph *outer = graph_new();
    struct successors successors = {.graphs = {graph_new(), graph_new()}};
    struct scripted_node *first = graph_node(successors.graphs[0], "store", "");
    struct scripted_node *second = graph_node(successors.graphs[1], "store", "");
    struct scripted_node *storage = nest(outer, successors.graphs[0], "storage");
    struct scripted_node *front = graph_node(outer, "front", "storage");
    CHECK_SUCCESS(node_join(second));
    storage->options.factory = make_successor;
    storage->options.judge = restart_successor;
    storage->options.arg = storage->options.judge_arg = &successors;
    first->answers[0] = inside;
    check_log_capture();
    graph_begin(outer);
    RUNS(front, 1);
    node_order(first, 1, NODE_FAIL);
    RUNS(second, 1);
    NOT_TOLD(front, 1);
    CU_ASSERT_EQUAL(successors.asked, 1);
    CU_ASSERT_PTR_EQUAL(successors.judged, INSTANCE(first, 1).error);
    lc_error_unref(successors.judged);
    graph_cancel(outer);
    check_log_release();
    graph_drop(outer);
    graph_drop(successors.graphs[0]);
    graph_drop(successors.graphs[1]);
}

static void a_handler_outside_judges_a_shutdown_inside(void)
{
    a_handler_outside_judges_what_comes_from_inside(LC_SHUTDOWN);
}

static void a_handler_outside_judges_a_halt_inside(void)
{
    a_handler_outside_judges_what_comes_from_inside(LC_SPIN_HALT);
}

static void a_handler_outside_judges_what_has_stopped_inside(void)
{
    a_handler_outside_judges_what_comes_from_inside(LC_STOP);
}

static void a_bad_graph_inside_is_an_error_of_its_node(void)
{
    struct scripted_graph *outer = graph_new(), *inner = graph_new();
    struct scripted_node *store = graph_node(inner, "store", "journal");
    struct successors successors = {.graphs = {inner, inner}};
    struct scripted_node *storage = nest(outer, inner, "storage");
    storage->options.factory = make_successor;
    storage->options.judge = restart_successor;
    storage->options.arg = storage->options.judge_arg = &successors;
    storage->options.restart = LC_TEMPORARY;
    check_log_capture();
    graph_begin(outer);
    graph_end(outer);
    TELLS(outer->result, -ENOENT, "\"journal\"");
    CU_ASSERT_EQUAL(successors.asked, 1);
    lc_error_unref(successors.judged);
    MADE(store, 0);
    check_log_release();
    graph_drop(outer);
    graph_drop(inner);
}

CHECK_SUITE_IN_MODES(
    supervisor_behaviors, "conformance: supervisor: behaviors",
    {"an error is judged once its instance is done, however it was reported",
     errors_are_judged_once_their_instance_is_done},
    {"of many errors of one instance the first is judged, the others are logged",
     of_many_errors_the_first_is_judged},
    {"a handler that blocks holds up no other node", a_handler_that_blocks_holds_up_no_other_node},
    {"A28 a node restarts alone", a_node_restarts_alone},
    {"A28 what restarts waits for its dependencies", what_restarts_waits_for_its_dependencies},
    {"A28 dependants restart along where their edge asks for it, in order",
     dependants_that_ask_for_it_restart_along},
    {"A29 stop takes the descendants along, in order, and no other node",
     stop_takes_descendants_along},
    {"A29 stop-parents takes the ancestors along, and all their descendants",
     stop_parents_takes_ancestors_and_all_their_descendants},
    {"A30 shutdown stops everything in order, then the run returns the error",
     shutdown_stops_everything_in_order},
    {"A30 a shutdown waits for handlers, not for pauses, and nothing starts any more",
     a_shutdown_waits_for_handlers_and_for_no_pause},
    {"A30 of two shutdowns the first counts", the_first_shutdown_counts},
    {"A32 an error that holds the cancel cause is dropped",
     an_error_around_the_cancel_cause_is_dropped},
    {"A32 any other is logged, attached to the run's error, and put to the handler",
     another_error_is_logged_and_attached},
    {"A32 of the answers to those shutdown and spin-halt count",
     a_late_error_may_turn_the_stop_into_more},
    {"A32 a late error of a node that is shut down is attached, too",
     an_error_of_a_node_that_is_shut_down_is_attached},
    {"A32 a late error of a node that restarts along is told, and no part of the run's end",
     an_error_of_what_restarts_along_is_told},
    {"A32 a halt is not lost when another node's error has told this one to stop",
     a_halt_is_not_lost_to_a_stop},
    {"A32 an error of the code of the context's error is clean",
     an_error_of_the_same_code_is_clean},
    {"A32 without an order to stop it is judged", an_error_of_that_code_is_judged_without_a_stop},
    {"A34 without a handler a node restarts, and its error is logged",
     without_a_handler_a_node_restarts},
    {"A34 an answer outside the five shuts down, and is named",
     an_answer_outside_the_five_shuts_down},
    {"a permanent node restarts also when it completes",
     a_permanent_node_restarts_also_when_it_completes},
    {"a temporary node stops instead of restarting", a_temporary_node_stops_instead_of_restarting},
    {"an error thrown before the cancel is judged, and nothing restarts",
     an_error_thrown_before_the_cancel_is_judged_and_nothing_restarts},
    {"a supervisor may be a node of another", a_supervisor_may_be_a_node},
    {"a supervisor that completes is a node that does",
     a_supervisor_that_completes_is_a_node_that_does},
    {"A30 a shutdown inside shuts down the supervisor outside",
     a_shutdown_inside_shuts_down_outside},
    {"A31 a spin-halt inside halts the supervisor outside", a_spin_halt_inside_halts_outside},
    {"A32 a late error inside is told outside", a_late_error_inside_is_told_outside},
    {"A32 a late halt inside halts the supervisor outside", a_late_halt_inside_halts_outside},
    {"a handler outside judges a shutdown inside", a_handler_outside_judges_a_shutdown_inside},
    {"a handler outside judges a spin-halt inside", a_handler_outside_judges_a_halt_inside},
    {"a handler outside judges an error that has stopped what is inside",
     a_handler_outside_judges_what_has_stopped_inside},
    {"a bad graph inside is an error of its node", a_bad_graph_inside_is_an_error_of_its_node});
