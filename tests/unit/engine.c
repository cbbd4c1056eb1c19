/*
 * engine.c: the supervision engine (supervise/engine.h), one behaviour of graphs at a time. What
 * holds in every state, and after any events, is looked at by the exhaustive and property tests.
 */
#include "support/check.h"

#include "base/memory.h"
#include "supervise/engine.h"

#include <errno.h>
#include <string.h>

enum { MOST = 8 };

/* ---- a small graph ---- */

static struct {
    struct lc__engine engine;
    struct lc__engine_node nodes[MOST];
    struct lc__engine_edge edges[MOST];
    size_t node_count, edge_count;
    int64_t now;
} graph;

static void begin(void)
{
    memset(&graph, 0, sizeof graph);
    lc__engine_init(&graph.engine, 1);
}

/* Without a handler, a pause, a deadline, but for what the test sets before it adds the next. */
static struct lc__engine_node *add(const char *name)
{
    struct lc__engine_node *node = &graph.nodes[graph.node_count++];
    node->name = name;
    node->policy.restart = LC_TRANSIENT;
    node->policy.start_timeout = node->policy.stop_timeout = LC_FOREVER;
    lc__engine_add(&graph.engine, node, NULL, graph.now);
    return node;
}

static struct lc__engine_edge *need(struct lc__engine_node *dependant,
                                    struct lc__engine_node *dependency, lc_condition condition)
{
    struct lc__engine_edge *edge = &graph.edges[graph.edge_count++];
    edge->condition = (unsigned char)condition;
    lc__engine_link(edge, dependant, dependency);
    return edge;
}

static void end(void)
{
    for (size_t i = 0; i < graph.node_count; i++)
        lc__engine_node_end(&graph.nodes[i]);
    lc__engine_end(&graph.engine);
}

/* ---- events, and their actions taken ---- */

/* What is to be done about each node; bits by enum lc__engine_action_kind. */
static unsigned taken[MOST];

static void take_actions(void)
{
    struct lc__engine_action action;
    memset(taken, 0, sizeof taken);
    while (lc__engine_next(&graph.engine, &action))
        taken[action.node - graph.nodes] |= 1u << action.kind;
}

static void start(void)
{
    lc__engine_start(&graph.engine, graph.now);
    take_actions();
}

static void be_ready(struct lc__engine_node *node)
{
    lc__engine_ready(&graph.engine, node, node->instance, graph.now);
    take_actions();
}

static void fail(struct lc__engine_node *node, lc_error *error)
{
    lc__engine_failed(&graph.engine, node, node->instance, error, LC_RESTART, graph.now);
    take_actions();
}

static void finish(struct lc__engine_node *node, enum lc__engine_end_kind how, lc_error *error)
{
    lc__engine_ended(&graph.engine, node, node->instance, how, error, graph.now);
    take_actions();
}

static void die(struct lc__engine_node *node, int code)
{
    finish(node, LC__ENDED_FAILED, lc_error_new(code, "%s died", node->name));
}

static void answer(struct lc__engine_node *node, lc_behavior behavior)
{
    lc__engine_verdict(&graph.engine, node, node->instance, behavior, graph.now);
    take_actions();
}

static void cancel_all(void)
{
    lc__engine_cancel(&graph.engine, lc_error_new(-ECANCELED, "enough"), graph.now);
    take_actions();
}

static void join(struct lc__engine_node *node)
{
    lc__engine_begin(&graph.engine, node, graph.now);
    take_actions();
}

static void take_out(struct lc__engine_node *node)
{
    lc__engine_remove(&graph.engine, node, graph.now);
    take_actions();
}

/* To the next deadline, and what is due then. */
static void let_time_pass(void)
{
    graph.now = lc__engine_deadline(&graph.engine);
    lc__engine_advance(&graph.engine, graph.now);
    take_actions();
}

/* ---- what comes of them ---- */

/* By the last event. */
static bool was_done(const struct lc__engine_node *node, enum lc__engine_action_kind kind)
{
    return taken[node - graph.nodes] & 1u << kind;
}

#define CHECK_STATE(node, wanted) CU_ASSERT_EQUAL((node)->state, (wanted))

static bool result_has(const char *text)
{
    return strstr(lc_error_message(graph.engine.result), text) != NULL;
}

/* ---- starting ---- */

static void starts_after_what_it_needs(void)
{
    begin();
    struct lc__engine_node *store = add("store"), *watch = add("watch"), *server = add("server"),
                           *report = add("report");
    need(watch, store, LC_WHEN_STARTED);
    need(server, store, LC_WHEN_READY);
    need(report, store, LC_WHEN_COMPLETED);
    start();
    CHECK_STATE(store, LC_NODE_STARTING);
    CHECK_STATE(watch, LC_NODE_STARTING);
    CHECK_STATE(server, LC_NODE_WAITING);
    be_ready(store);
    CHECK_STATE(server, LC_NODE_STARTING);
    CHECK_STATE(report, LC_NODE_WAITING);
    finish(store, LC__ENDED_DONE, NULL);
    CHECK_STATE(store, LC_NODE_DONE);
    CHECK_STATE(report, LC_NODE_STARTING);
    CHECK_STATE(server, LC_NODE_STARTING); /* a completion stops no node */
    end();
}

static void never_starts_after_unready_completion(void)
{
    begin();
    struct lc__engine_node *store = add("store"), *server = add("server");
    need(server, store, LC_WHEN_READY);
    start();
    finish(store, LC__ENDED_DONE, NULL);
    CHECK_STATE(server, LC_NODE_STOPPED);
    CU_ASSERT_TRUE(was_done(server, LC__TELL_UNABLE));
    CU_ASSERT_PTR_EQUAL(server->graph.because, store);
    CU_ASSERT_TRUE(graph.engine.finished);
    CU_ASSERT_PTR_NULL(graph.engine.result);
    end();
}

static void refused_stops_for_good(void)
{
    begin();
    struct lc__engine_node *store = add("store"), *server = add("server");
    store->policy.judged = true;
    need(server, store, LC_WHEN_READY);
    start();
    finish(store, LC__ENDED_REFUSED, lc_error_new(-ENOENT, "no such disk"));
    CHECK_STATE(store, LC_NODE_STOPPED);
    CHECK_STATE(server, LC_NODE_STOPPED);
    CU_ASSERT_TRUE(was_done(store, LC__TELL_REFUSED));
    CU_ASSERT_FALSE(was_done(store, LC__ASK));
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -ENOENT);
    end();
}

/* ---- back-off ---- */

static struct lc__engine_node *begin_with_backoff(struct lc__backoff backoff)
{
    begin();
    struct lc__engine_node *node = add("node");
    node->policy.backoff = backoff;
    start();
    return node;
}

/* It dies: how long is it before it starts again? */
static int64_t pause_of(struct lc__engine_node *node)
{
    int64_t died = graph.now;
    uint64_t instance = node->instance;
    die(node, -EIO);
    if (node->state == LC_NODE_BACKOFF)
        let_time_pass();
    CU_ASSERT_EQUAL(node->instance, instance + 1);
    CHECK_STATE(node, LC_NODE_STARTING);
    return graph.now - died;
}

/* It becomes ready, and stays so for that long. */
static void live(struct lc__engine_node *node, int64_t time)
{
    be_ready(node);
    graph.now += time;
}

static struct lc__engine_node *begin_with_usual_backoff(void)
{
    struct lc__backoff backoff = LC__BACKOFF_OF_GRAPH;
    backoff.jitter = LC_NONE;
    return begin_with_backoff(backoff);
}

static void pauses_grow(void)
{
    struct lc__engine_node *node = begin_with_usual_backoff();
    for (int64_t pause = 100 * LC_MILLISECOND; pause < 30 * LC_SECOND; pause *= 2)
        CU_ASSERT_EQUAL(pause_of(node), pause);
    CU_ASSERT_EQUAL(pause_of(node), 30 * LC_SECOND);
    CU_ASSERT_EQUAL(pause_of(node), 30 * LC_SECOND);
    end();
}

static void a_steady_life_resets_pauses(void)
{
    struct lc__engine_node *node = begin_with_usual_backoff();
    CU_ASSERT_EQUAL(pause_of(node), 100 * LC_MILLISECOND);
    CU_ASSERT_EQUAL(pause_of(node), 200 * LC_MILLISECOND);
    live(node, 10 * LC_SECOND);
    CU_ASSERT_EQUAL(pause_of(node), 0);
    CU_ASSERT_EQUAL(pause_of(node), 100 * LC_MILLISECOND);
    end();
}

static void an_instant_of_readiness_resets_nothing(void)
{
    struct lc__engine_node *node = begin_with_usual_backoff();
    int64_t pause = 100 * LC_MILLISECOND;
    for (int i = 0; i < 5; i++, pause *= 2) {
        live(node, i == 4 ? 10 * LC_SECOND - 1 : i);
        CU_ASSERT_EQUAL(pause_of(node), pause);
    }
    end();
}

/* The pause that would be next is 20 s, then 40 s, of which 30 s are left. */
static void a_life_shorter_than_the_next_pause_is_not_steady(void)
{
    struct lc__engine_node *node = begin_with_backoff(
        (struct lc__backoff){true, 20 * LC_SECOND, 30 * LC_SECOND, 2, 0, 10 * LC_SECOND});
    CU_ASSERT_EQUAL(pause_of(node), 20 * LC_SECOND);
    live(node, 30 * LC_SECOND - 1);
    CU_ASSERT_EQUAL(pause_of(node), 30 * LC_SECOND);
    live(node, 30 * LC_SECOND);
    CU_ASSERT_EQUAL(pause_of(node), 0);
    end();
}

/* How long it takes to stop after its failure is no part of a steady life. */
static void time_to_stop_is_not_lived(void)
{
    struct lc__engine_node *node = begin_with_usual_backoff();
    live(node, LC_SECOND);
    fail(node, lc_error_new(-EIO, "bad"));
    graph.now += LC_MINUTE;
    finish(node, LC__ENDED_CANCELED, NULL);
    CHECK_STATE(node, LC_NODE_BACKOFF);
    CU_ASSERT_EQUAL(node->pause, 100 * LC_MILLISECOND);
    end();
}

/* What ends without an error is started again as slowly. */
static void completions_pause_too(void)
{
    struct lc__engine_node *node = begin_with_usual_backoff();
    node->policy.restart = LC_PERMANENT;
    for (int64_t pause = 100 * LC_MILLISECOND; pause < LC_SECOND; pause *= 2) {
        be_ready(node);
        finish(node, LC__ENDED_DONE, NULL);
        CHECK_STATE(node, LC_NODE_BACKOFF);
        CU_ASSERT_TRUE(was_done(node, LC__TELL_ENDED));
        CU_ASSERT_EQUAL(node->pause, pause);
        let_time_pass();
    }
    live(node, 10 * LC_SECOND);
    finish(node, LC__ENDED_DONE, NULL);
    CHECK_STATE(node, LC_NODE_STARTING);
    end();
}

/* Only the first instance's factory is fatal. */
static void a_later_factory_fails_like_anything_else(void)
{
    struct lc__engine_node *node = begin_with_usual_backoff();
    CU_ASSERT_EQUAL(pause_of(node), 100 * LC_MILLISECOND);
    finish(node, LC__ENDED_REFUSED, lc_error_new(-EADDRINUSE, "port"));
    CHECK_STATE(node, LC_NODE_BACKOFF);
    CU_ASSERT_EQUAL(node->pause, 200 * LC_MILLISECOND);
    CU_ASSERT_TRUE(was_done(node, LC__TELL_RESTART));
    CU_ASSERT_FALSE(was_done(node, LC__TELL_REFUSED));
    node->policy.judged = true;
    let_time_pass();
    finish(node, LC__ENDED_REFUSED, lc_error_new(-EADDRINUSE, "port"));
    CHECK_STATE(node, LC_NODE_JUDGED);
    CU_ASSERT_TRUE(was_done(node, LC__ASK));
    answer(node, LC_RESTART);
    CHECK_STATE(node, LC_NODE_BACKOFF);
    end();
}

static void first_pause_may_be_asked_for(void)
{
    struct lc__engine_node *node =
        begin_with_backoff((struct lc__backoff){false, 40, 50, 1.1, 0, 0});
    CU_ASSERT_EQUAL(pause_of(node), 40);
    CU_ASSERT_EQUAL(pause_of(node), 44);
    CU_ASSERT_EQUAL(pause_of(node), 48);
    CU_ASSERT_EQUAL(pause_of(node), 50);
    end();
}

static void no_pause_if_none_is_asked_for(void)
{
    struct lc__engine_node *node = begin_with_backoff((struct lc__backoff){false, 0, 0, 2, 0.5, 0});
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(pause_of(node), 0);
    end();
}

static void pauses_jitter_within_bounds(void)
{
    const int64_t usual = LC_SECOND;
    struct lc__engine_node *node =
        begin_with_backoff((struct lc__backoff){false, usual, usual, 1, 0.2, 0});
    int64_t least = usual, most = usual;
    for (int i = 0; i < 1000; i++) {
        int64_t pause = pause_of(node);
        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
    }
    CU_ASSERT_TRUE(least >= usual * 8 / 10 && least < usual * 82 / 100);
    CU_ASSERT_TRUE(most <= usual * 12 / 10 && most > usual * 118 / 100);
    end();
}

/* ---- intensity ---- */

static int64_t times[MOST];
static struct lc__engine_intensity intensity;

static struct lc__engine_node *begin_with_intensity(lc_intensity limit)
{
    begin();
    intensity = (struct lc__engine_intensity){.times = times, .limit = limit};
    struct lc__engine_node *node = add("node");
    node->intensity = &intensity;
    node->policy.judged = true;
    start();
    return node;
}

static void die_and_restart(struct lc__engine_node *node)
{
    die(node, -EIO);
    answer(node, LC_RESTART);
}

static void bears_so_many_restarts(void)
{
    struct lc__engine_node *node = begin_with_intensity((lc_intensity){2, LC_SECOND, LC_SHUTDOWN});
    die_and_restart(node);
    die_and_restart(node);
    CHECK_STATE(node, LC_NODE_STARTING);
    graph.now = LC_SECOND - 1;
    die_and_restart(node);
    CHECK_STATE(node, LC_NODE_STOPPED);
    CU_ASSERT_TRUE(was_done(node, LC__TELL_EXCEEDED));
    CU_ASSERT_TRUE(graph.engine.finished);
    CU_ASSERT_EQUAL(graph.engine.behavior, LC_SHUTDOWN);
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -EIO);
    CU_ASSERT_TRUE(result_has("more than 2 times in 1.0 s"));
    end();
}

static void forgets_old_restarts(void)
{
    struct lc__engine_node *node = begin_with_intensity((lc_intensity){2, LC_SECOND, LC_SHUTDOWN});
    for (int i = 0; i < 10; i++) {
        graph.now += LC_SECOND / 2;
        die_and_restart(node);
        CHECK_STATE(node, LC_NODE_STARTING);
    }
    graph.now += LC_SECOND / 2 - 1;
    die_and_restart(node);
    CHECK_STATE(node, LC_NODE_STOPPED);
    end();
}

/* A completion that is followed by a restart is none by an error. */
static void counts_completions(void)
{
    struct lc__engine_node *node = begin_with_intensity((lc_intensity){1, LC_SECOND, LC_STOP});
    node->policy.restart = LC_PERMANENT;
    finish(node, LC__ENDED_DONE, NULL);
    CHECK_STATE(node, LC_NODE_STARTING);
    finish(node, LC__ENDED_DONE, NULL);
    CHECK_STATE(node, LC_NODE_STOPPED);
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -EAGAIN);
    end();
}

/* ---- deadlines ---- */

static void fails_if_not_ready_in_time(void)
{
    begin();
    struct lc__engine_node *node = add("slow");
    node->policy.judged = true;
    node->policy.start_timeout = 3 * LC_SECOND;
    start();
    CU_ASSERT_EQUAL(lc__engine_deadline(&graph.engine), 3 * LC_SECOND);
    lc__engine_advance(&graph.engine, 3 * LC_SECOND - 1);
    CHECK_STATE(node, LC_NODE_STARTING);
    let_time_pass();
    CHECK_STATE(node, LC_NODE_FAILING);
    CU_ASSERT_TRUE(was_done(node, LC__CANCEL));
    CU_ASSERT_FALSE(was_done(node, LC__ASK)); /* not before it has ended */
    finish(node, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(was_done(node, LC__ASK));
    CU_ASSERT_EQUAL(lc_error_code(node->error), -ETIMEDOUT);
    CU_ASSERT_STRING_EQUAL(lc_error_message(node->error), "\"slow\" was not ready within 3.0 s");
    end();
}

static void readiness_ends_the_start_deadline(void)
{
    begin();
    struct lc__engine_node *node = add("node");
    node->policy.start_timeout = LC_SECOND;
    start();
    be_ready(node);
    CU_ASSERT_EQUAL(lc__engine_deadline(&graph.engine), LC_FOREVER);
    end();
}

static void deadlines_are_met_in_order(void)
{
    begin();
    struct lc__engine_node *first = add("first"), *second = add("second");
    first->policy.start_timeout = second->policy.start_timeout = LC_SECOND;
    start();
    let_time_pass();
    CHECK_STATE(first, LC_NODE_FAILING);
    CHECK_STATE(second, LC_NODE_STARTING); /* each is an event */
    let_time_pass();
    CHECK_STATE(second, LC_NODE_FAILING);
    end();
}

/* Two nodes, the second of which needs the first. */
static struct lc__engine_node *store, *server;

static void begin_with_two(void)
{
    begin();
    store = add("store");
    server = add("server");
    need(server, store, LC_WHEN_READY);
    start();
    be_ready(store);
    be_ready(server);
}

static void stops_in_order(void)
{
    begin_with_two();
    cancel_all();
    CU_ASSERT_TRUE(was_done(server, LC__CANCEL));
    CU_ASSERT_FALSE(was_done(store, LC__CANCEL));
    finish(server, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(was_done(store, LC__CANCEL));
    CU_ASSERT_FALSE(graph.engine.finished);
    finish(store, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(graph.engine.finished);
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -ECANCELED);
    CU_ASSERT_EQUAL(graph.engine.behavior, LC_STOP);
    end();
}

/* The store has failed: it does not run, but the server above it does, until it has stopped. */
static void stops_in_order_past_what_does_not_run(void)
{
    begin();
    struct lc__engine_node *journal = add("journal"), *listener = add("listener");
    store = add("store");
    store->policy.judged = true;
    need(store, journal, LC_WHEN_READY);
    need(listener, store, LC_WHEN_READY);
    start();
    be_ready(journal);
    be_ready(store);
    be_ready(listener);
    die(store, -EIO);
    answer(store, LC_SPIN_HALT);
    CU_ASSERT_TRUE(was_done(listener, LC__CANCEL));
    CU_ASSERT_FALSE(was_done(journal, LC__CANCEL));
    finish(listener, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(was_done(journal, LC__CANCEL));
    finish(journal, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(graph.engine.finished);
    end();
}

/* It fails while it waits for its turn, and takes too long; what is above it has its time still. */
static void stops_in_order_past_what_is_overdue(void)
{
    begin();
    struct lc__engine_node *journal = add("journal"), *listener = add("listener");
    store = add("store");
    store->policy.stop_timeout = LC_SECOND;
    need(store, journal, LC_WHEN_READY);
    need(listener, store, LC_WHEN_READY);
    start();
    be_ready(journal);
    be_ready(store);
    be_ready(listener);
    cancel_all();
    fail(store, lc_error_new(-EIO, "bad"));
    let_time_pass();
    CU_ASSERT_TRUE(was_done(store, LC__TELL_OVERDUE));
    CU_ASSERT_FALSE(was_done(journal, LC__CANCEL));
    finish(listener, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(was_done(journal, LC__CANCEL));
    end();
}

/* Two ways lead from the first to the last, both past what does not run. */
static void waits_for_all_ways_past_what_does_not_run(void)
{
    begin();
    struct lc__engine_node *disk = add("disk"), *index = add("index"), *watch = add("watch");
    store = add("store");
    server = add("server");
    store->policy.judged = index->policy.judged = true;
    watch->policy.stop_timeout = LC_SECOND;
    need(store, disk, LC_WHEN_READY);
    need(index, disk, LC_WHEN_READY);
    need(server, store, LC_WHEN_READY);
    need(server, index, LC_WHEN_READY);
    need(watch, index, LC_WHEN_READY);
    start();
    be_ready(disk);
    be_ready(store);
    be_ready(index);
    die(store, -EIO);
    die(index, -EIO);
    cancel_all();
    CU_ASSERT_TRUE(was_done(server, LC__CANCEL) && was_done(watch, LC__CANCEL));
    CU_ASSERT_FALSE(was_done(disk, LC__CANCEL));
    finish(server, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_FALSE(was_done(disk, LC__CANCEL));
    let_time_pass(); /* the watch is overdue */
    CU_ASSERT_TRUE(was_done(disk, LC__CANCEL));
    end();
}

static void overdue_is_waited_for_no_longer(void)
{
    begin_with_two();
    server->policy.stop_timeout = LC_SECOND;
    graph.now = 7 * LC_SECOND;
    cancel_all();
    CU_ASSERT_EQUAL(lc__engine_deadline(&graph.engine), 8 * LC_SECOND);
    let_time_pass();
    CU_ASSERT_TRUE(was_done(server, LC__TELL_OVERDUE));
    CU_ASSERT_TRUE(was_done(store, LC__CANCEL));
    finish(store, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(graph.engine.finished);
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -ECANCELED);
    CU_ASSERT_TRUE(result_has("not stopped in time: server: enough"));
    end();
}

static void overdue_is_not_started_again(void)
{
    begin();
    struct lc__engine_node *node = add("node");
    node->policy.stop_timeout = LC_SECOND;
    start();
    fail(node, lc_error_new(-EIO, "bad"));
    let_time_pass();
    CU_ASSERT_TRUE(was_done(node, LC__TELL_OVERDUE));
    CHECK_STATE(node, LC_NODE_FAILING);
    CU_ASSERT_EQUAL(lc__engine_deadline(&graph.engine), LC_FOREVER);
    finish(node, LC__ENDED_CANCELED, NULL);
    CHECK_STATE(node, LC_NODE_STARTING);
    CU_ASSERT_FALSE(node->overdue);
    CU_ASSERT_EQUAL(node->instance, 2);
    end();
}

static void all_is_over_at_the_final_deadline(void)
{
    begin_with_two();
    graph.engine.stop_timeout = LC_MINUTE;
    lc__engine_cancel(&graph.engine, NULL, 0);
    take_actions();
    let_time_pass();
    CU_ASSERT_EQUAL(graph.now, LC_MINUTE);
    CU_ASSERT_TRUE(was_done(store, LC__CANCEL)); /* it had not been told yet */
    CU_ASSERT_TRUE(was_done(store, LC__TELL_OVERDUE));
    CU_ASSERT_TRUE(was_done(server, LC__TELL_OVERDUE));
    CU_ASSERT_TRUE(graph.engine.finished);
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -ETIMEDOUT);
    CU_ASSERT_TRUE(result_has("not stopped in time: store, server"));
    end();
}

/* The handler was asked before everything was to stop. */
static void handlers_have_no_longer_than_nodes(void)
{
    begin_with_two();
    server->policy.judged = true;
    server->policy.stop_timeout = LC_SECOND;
    die(server, -EIO);
    CU_ASSERT_EQUAL(lc__engine_deadline(&graph.engine), LC_FOREVER);
    cancel_all();
    CU_ASSERT_TRUE(was_done(store, LC__CANCEL)); /* nothing that depends on it runs */
    finish(store, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_FALSE(graph.engine.finished);
    let_time_pass();
    CU_ASSERT_EQUAL(graph.now, LC_SECOND);
    CU_ASSERT_TRUE(graph.engine.finished);
    CU_ASSERT_TRUE(result_has("not stopped in time: server"));
    answer(server, LC_SPIN_HALT);
    CU_ASSERT_EQUAL(graph.engine.behavior, LC_STOP); /* too late */
    end();
}

/* ---- errors ---- */

static void late_errors_are_named(void)
{
    begin_with_two();
    cancel_all();
    die(server, -EIO);
    CU_ASSERT_TRUE(was_done(server, LC__TELL_LATE));
    die(store, -EPIPE);
    CU_ASSERT_TRUE(graph.engine.finished);
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -ECANCELED);
    CU_ASSERT_TRUE(result_has("failed while being stopped: server, store (server died): enough"));
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.trouble), -EIO);
    CU_ASSERT_FALSE(lc_error_is(graph.engine.trouble, -ECANCELED));
    end();
}

/*
 * It restarts along again and again, and fails each time it is stopped for it. That is told, but is
 * no part of how the run ends later.
 */
static void late_errors_of_earlier_stops_are_not_named(void)
{
    begin();
    store = add("store");
    server = add("server");
    need(server, store, LC_WHEN_READY)->along = true;
    start();
    for (int i = 0; i < 3; i++) {
        be_ready(store);
        die(store, -EIO);
        die(server, -EPIPE);
        CU_ASSERT_TRUE(was_done(server, LC__TELL_LATE));
        CHECK_STATE(store, LC_NODE_STARTING);
    }
    cancel_all();
    finish(server, LC__ENDED_CANCELED, NULL);
    finish(store, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(graph.engine.finished);
    CU_ASSERT_STRING_EQUAL(lc_error_message(graph.engine.result), "enough");
    CU_ASSERT_PTR_NULL(graph.engine.trouble);
    end();
}

/* The node is told of as late, and its handler is asked as well. */
static void begin_with_late_question(void)
{
    begin_with_two();
    server->policy.judged = true;
    cancel_all();
    die(server, -EIO);
    CU_ASSERT_TRUE(was_done(server, LC__ASK));
    CU_ASSERT_TRUE(was_done(server, LC__TELL_LATE));
}

static void late_errors_may_halt(void)
{
    begin_with_late_question();
    answer(server, LC_SPIN_HALT);
    finish(store, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -EIO);
    CU_ASSERT_STRING_EQUAL(lc_error_message(graph.engine.result), "server died"); /* once */
    CU_ASSERT_EQUAL(graph.engine.behavior, LC_SPIN_HALT);
    end();
}

static void late_errors_may_shut_down(void)
{
    begin_with_late_question();
    answer(server, LC_SHUTDOWN);
    finish(store, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -EIO);
    CU_ASSERT_EQUAL(graph.engine.behavior, LC_SHUTDOWN);
    end();
}

static void other_answers_about_late_errors_change_nothing(void)
{
    static const lc_behavior answers[] = {LC_RESTART, LC_STOP, LC_STOP_PARENTS};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        begin_with_late_question();
        answer(server, answers[i]);
        CHECK_STATE(server, LC_NODE_STOPPED);
        finish(store, LC__ENDED_CANCELED, NULL);
        CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -ECANCELED);
        CU_ASSERT_EQUAL(graph.engine.behavior, LC_STOP);
        CU_ASSERT_TRUE(result_has("failed while being stopped: server (server died): enough"));
        end();
    }
}

/*
 * F28: what depends on the one that stops its parents fails an instant after it was told to stop.
 */
static void a_halt_is_not_lost_to_a_stop(void)
{
    begin_with_two();
    store->policy.judged = server->policy.judged = true;
    die(store, -EIO);
    answer(store, LC_STOP);
    CHECK_STATE(server, LC_NODE_STOPPING);
    die(server, -EPIPE);
    CHECK_STATE(server, LC_NODE_JUDGED);
    answer(server, LC_SPIN_HALT);
    CU_ASSERT_TRUE(graph.engine.finished);
    CU_ASSERT_EQUAL(graph.engine.behavior, LC_SPIN_HALT);
    CU_ASSERT_STRING_EQUAL(lc_error_message(graph.engine.result), "server died");
    end();
}

/* A supervisor below asks for it by itself, and has no handler here. */
static void a_halt_from_below_is_not_lost_to_a_stop(void)
{
    begin_with_two();
    cancel_all();
    lc__engine_failed(&graph.engine, server, server->instance, lc_error_new(-EPIPE, "below"),
                      LC_SPIN_HALT, graph.now);
    finish(server, LC__ENDED_DONE, NULL);
    finish(store, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_EQUAL(graph.engine.behavior, LC_SPIN_HALT);
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -EPIPE);
    end();
}

/* One that is restarted along is started again, whatever its handler would do about it. */
static void late_errors_do_not_stop_what_restarts_along(void)
{
    begin();
    store = add("store");
    server = add("server");
    need(server, store, LC_WHEN_READY)->along = true;
    server->policy.judged = true;
    start();
    be_ready(store);
    die(store, -EIO);
    die(server, -EPIPE);
    CHECK_STATE(server, LC_NODE_JUDGED);
    answer(server, LC_STOP);
    CHECK_STATE(server, LC_NODE_WAITING);
    CHECK_STATE(store, LC_NODE_STARTING);
    be_ready(store);
    CHECK_STATE(server, LC_NODE_STARTING);
    end();
}

/* A deadline was the first error, so that its own is the second. */
static void second_error_is_told(void)
{
    begin();
    struct lc__engine_node *node = add("node");
    node->policy.judged = true;
    node->policy.start_timeout = LC_SECOND;
    start();
    let_time_pass();
    fail(node, lc_error_new(-EADDRINUSE, "port"));
    finish(node, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(was_done(node, LC__ASK));
    CU_ASSERT_TRUE(was_done(node, LC__TELL_LATE));
    CU_ASSERT_EQUAL(lc_error_code(node->error), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_error_code(node->late), -EADDRINUSE);
    end();
}

static void errors_without_a_handler_are_told(void)
{
    begin();
    struct lc__engine_node *one = add("one"), *other = add("other");
    one->policy.restart = other->policy.restart = LC_TEMPORARY;
    start();
    die(one, -EIO);
    CU_ASSERT_TRUE(was_done(one, LC__TELL_STOPPED));
    die(other, -EPIPE);
    CU_ASSERT_TRUE(was_done(other, LC__TELL_STOPPED));
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -EIO); /* the first */
    end();
}

static void given_up_is_not_waited_for(void)
{
    char text[LC__GIVEN_UP_SIZE];
    begin();
    struct lc__engine_node *reporter = add("reporter");
    store = add("store");
    reporter->policy.judged = true;
    start();
    be_ready(store);
    CU_ASSERT_EQUAL(graph.engine.not_good, 1);
    die(reporter, -EIO);
    answer(reporter, LC_STOP);
    CU_ASSERT_EQUAL(graph.engine.not_good, 0);
    CU_ASSERT_EQUAL(graph.engine.given_up, 1);
    lc__engine_list_given_up(&graph.engine, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "reporter (reporter died)");
    end();
}

static void temporary_nodes_are_forgotten(void)
{
    begin();
    struct lc__engine_node *well = add("well"), *badly = add("badly"), *other = add("other");
    well->policy.restart = badly->policy.restart = LC_TEMPORARY;
    start();
    finish(well, LC__ENDED_DONE, NULL);
    CU_ASSERT_TRUE(was_done(well, LC__FORGET));
    CU_ASSERT_TRUE(was_done(well, LC__TELL_ENDED));
    die(badly, -EIO);
    CU_ASSERT_TRUE(was_done(badly, LC__FORGET));
    CU_ASSERT_TRUE(was_done(badly, LC__TELL_STOPPED));
    CU_ASSERT_EQUAL(graph.engine.count, 1);
    CU_ASSERT_EQUAL(graph.engine.given_up, 0);
    CHECK_STATE(other, LC_NODE_STARTING);
    end();
}

/* What depends on it is removed, and then it goes too. */
static void temporary_nodes_wait_for_dependants(void)
{
    begin();
    struct lc__engine_node *job = add("job"), *after = add("after"), *other = add("other");
    job->policy.restart = LC_TEMPORARY;
    need(after, job, LC_WHEN_COMPLETED);
    start();
    finish(job, LC__ENDED_DONE, NULL);
    CU_ASSERT_FALSE(was_done(job, LC__FORGET));
    CHECK_STATE(after, LC_NODE_STARTING);
    take_out(after);
    finish(after, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(was_done(after, LC__FORGET));
    CU_ASSERT_TRUE(was_done(job, LC__FORGET));
    CHECK_STATE(other, LC_NODE_STARTING);
    end();
}

/* The front frees what is forgotten, and the line of a dependant names it. */
static void forgotten_after_dependants_are_told(void)
{
    begin();
    struct lc__engine_node *job = add("job"), *after = add("after");
    struct lc__engine_action action;
    bool told = false, forgotten = false;
    job->policy.restart = after->policy.restart = LC_TEMPORARY;
    need(after, job, LC_WHEN_READY);
    start();
    lc__engine_ended(&graph.engine, job, job->instance, LC__ENDED_DONE, NULL, graph.now);
    while (lc__engine_next(&graph.engine, &action)) {
        forgotten |= action.node == job && action.kind == LC__FORGET;
        told |= action.node == after && action.kind == LC__TELL_UNABLE && !forgotten;
    }
    CU_ASSERT_TRUE(told);
    CU_ASSERT_TRUE(forgotten);
    end();
}

static void nonsense_shuts_down(void)
{
    begin_with_two();
    server->policy.judged = true;
    die(server, -EIO);
    answer(server, (lc_behavior)42);
    finish(store, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_EQUAL(lc_error_code(graph.engine.result), -EINVAL);
    CU_ASSERT_TRUE(lc_error_is(graph.engine.result, -EIO));
    CU_ASSERT_TRUE(result_has("\"server\" answered 42"));
    CU_ASSERT_EQUAL(graph.engine.behavior, LC_SHUTDOWN);
    end();
}

/* ---- steps ---- */

/*
 * What lets a node start and what stops it come of one event. The end of the server lets the store
 * start, and its error stops all it depends on.
 */
static void nothing_starts_that_the_same_step_stops(void)
{
    begin();
    store = add("store");
    server = add("server");
    need(server, store, LC_WHEN_READY)->along = true;
    start();
    be_ready(store);
    die(store, -EIO);
    CHECK_STATE(store, LC_NODE_WAITING); /* for the server to end */
    lc__engine_failed(&graph.engine, server, server->instance, lc_error_new(-EPIPE, "below"),
                      LC_SHUTDOWN, graph.now);
    finish(server, LC__ENDED_DONE, NULL);
    CHECK_STATE(store, LC_NODE_STOPPED);
    CU_ASSERT_FALSE(was_done(store, LC__START));
    CU_ASSERT_TRUE(graph.engine.finished);
    end();
}

/* Also one that has been removed. */
static void stop_parents_stops_all_it_says(void)
{
    begin();
    struct lc__engine_node *disk = add("disk"), *journal = add("journal"), *cache = add("cache"),
                           *other = add("other");
    need(journal, disk, LC_WHEN_READY);
    need(cache, disk, LC_WHEN_READY);
    start();
    be_ready(disk);
    journal->policy.judged = true;
    die(journal, -EIO);
    take_out(journal);
    answer(journal, LC_STOP_PARENTS);
    CU_ASSERT_TRUE(was_done(journal, LC__FORGET));
    CHECK_STATE(disk, LC_NODE_STOPPING);
    CHECK_STATE(cache, LC_NODE_STOPPING);
    CHECK_STATE(other, LC_NODE_STARTING);
    end();
}

/* ---- coming and going ---- */

static void removed_once_stopped(void)
{
    begin_with_two();
    take_out(server);
    CU_ASSERT_TRUE(was_done(server, LC__CANCEL));
    CU_ASSERT_EQUAL(graph.engine.count, 2);
    finish(server, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(was_done(server, LC__FORGET));
    CU_ASSERT_EQUAL(graph.engine.count, 1);
    CU_ASSERT_TRUE(LIST_EMPTY(&store->graph.dependants));
    CHECK_STATE(store, LC_NODE_READY);
    take_out(store);
    finish(store, LC__ENDED_CANCELED, NULL);
    CU_ASSERT_TRUE(graph.engine.finished);
    end();
}

static void removed_at_once_if_it_does_not_run(void)
{
    begin();
    store = add("store");
    server = add("server");
    need(server, store, LC_WHEN_READY);
    start();
    take_out(server);
    CU_ASSERT_TRUE(was_done(server, LC__FORGET));
    be_ready(store);
    CU_ASSERT_EQUAL(server->instance, 0);
    end();
}

static void added_while_others_run(void)
{
    begin_with_two();
    struct lc__engine_node *late = add("late"), *later = add("later");
    need(late, store, LC_WHEN_READY);
    join(late);
    CHECK_STATE(late, LC_NODE_STARTING);
    need(later, late, LC_WHEN_READY);
    join(later);
    CHECK_STATE(later, LC_NODE_WAITING);
    be_ready(late);
    CHECK_STATE(later, LC_NODE_STARTING);
    end();
}

static void added_below_a_stopped_one(void)
{
    begin_with_two();
    server->policy.judged = true;
    die(server, -EIO);
    answer(server, LC_STOP);
    struct lc__engine_node *late = add("late");
    need(late, server, LC_WHEN_STARTED);
    join(late);
    CHECK_STATE(late, LC_NODE_STOPPED);
    CU_ASSERT_TRUE(was_done(late, LC__TELL_UNABLE));
    end();
}

static void dropped_before_it_begins(void)
{
    begin_with_two();
    struct lc__engine_node *late = add("late");
    need(late, store, LC_WHEN_READY);
    lc__engine_drop(&graph.engine, late);
    CU_ASSERT_EQUAL(graph.engine.count, 2);
    CU_ASSERT_EQUAL(graph.engine.not_good, 0);
    end();
}

/* ---- memory ---- */

/* The same error again and again, with a handler and without, and what restarts along. */
static void steady_state_allocates_nothing(void)
{
    lc_error *error = lc_error_new(-EIO, "the same as ever");
    begin();
    store = add("store");
    server = add("server");
    struct lc__engine_node *judged = add("judged");
    store->policy.backoff = (struct lc__backoff)LC__BACKOFF_OF_GRAPH;
    judged->policy.judged = true;
    need(server, store, LC_WHEN_READY)->along = true;
    start();
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* idle threads of earlier tests */
    size_t held = lc__memory_in_use();
    /* An allocation that came would fail, and be seen to have. */
    lc__memory_fail_at(1);
    for (int i = 0; i < 1000; i++) {
        be_ready(store);
        fail(store, lc_error_ref(error));
        finish(store, LC__ENDED_CANCELED, NULL);
        finish(server, LC__ENDED_CANCELED, NULL);
        finish(judged, LC__ENDED_FAILED, lc_error_ref(error));
        answer(judged, LC_RESTART);
        if (store->state == LC_NODE_BACKOFF)
            let_time_pass();
    }
    CU_ASSERT_FALSE(lc__memory_has_failed());
    lc__memory_fail_at(0);
    CU_ASSERT_EQUAL(lc__memory_in_use(), held);
    CU_ASSERT_EQUAL(store->instance, 1001);
    CU_ASSERT_EQUAL(server->instance, 1000); /* the store has to be ready first */
    CU_ASSERT_EQUAL(judged->instance, 1001);
    end();
    lc_error_unref(error);
}

/* Else it would be started again and again, in one step that does not end. */
static void lack_of_a_task_pauses(void)
{
    begin();
    struct lc__engine_node *node = add("node");
    start();
    node->lacked_task = true;
    die(node, -EAGAIN);
    CU_ASSERT_EQUAL(node->state, LC_NODE_BACKOFF);
    CU_ASSERT_EQUAL(lc__engine_deadline(&graph.engine), graph.now + 100 * LC_MILLISECOND);
    graph.now += 100 * LC_MILLISECOND;
    lc__engine_advance(&graph.engine, graph.now);
    take_actions();
    CU_ASSERT_EQUAL(node->instance, 2);
    die(node, -EIO); /* of something else: as the node wants it */
    CU_ASSERT_EQUAL(node->instance, 3);
    end();
}

CHECK_SUITE(
    engine, "unit: engine",
    {"a node starts when each dependency is started, ready or completed, as its edge says",
     starts_after_what_it_needs},
    {"what completes without having been ready keeps others from ever starting",
     never_starts_after_unready_completion},
    {"what its factory refuses has stopped, and no handler is asked", refused_stops_for_good},
    {"one that there is nothing to run in pauses, though it wants no pauses",
     lack_of_a_task_pauses},
    {"the factory of a later instance fails like anything else",
     a_later_factory_fails_like_anything_else},
    {"pauses: 100 ms, doubling, 30 s at most", pauses_grow},
    {"a steady life sets pauses back, and the next restart comes at once",
     a_steady_life_resets_pauses},
    {"an instant of readiness does not set the pauses back",
     an_instant_of_readiness_resets_nothing},
    {"a life shorter than the next pause does not set the pauses back",
     a_life_shorter_than_the_next_pause_is_not_steady},
    {"the time it takes to stop does not set the pauses back", time_to_stop_is_not_lived},
    {"restarts after completion pause too", completions_pause_too},
    {"the first restart pauses too, if asked to", first_pause_may_be_asked_for},
    {"no pause at all", no_pause_if_none_is_asked_for},
    {"pauses jitter as far as they may, and no farther", pauses_jitter_within_bounds},
    {"one restart too many within the period", bears_so_many_restarts},
    {"restarts longer ago than the period count no more", forgets_old_restarts},
    {"restarts after completion count as well", counts_completions},
    {"what is not ready in time has failed", fails_if_not_ready_in_time},
    {"readiness ends the start deadline", readiness_ends_the_start_deadline},
    {"of equal deadlines that set first comes first", deadlines_are_met_in_order},
    {"dependants stop first", stops_in_order},
    {"what depends on a dependant that does not run stops first, too",
     stops_in_order_past_what_does_not_run},
    {"what depends on an overdue dependant stops first, too", stops_in_order_past_what_is_overdue},
    {"on all ways past those that do not run, but for the overdue",
     waits_for_all_ways_past_what_does_not_run},
    {"an overdue node is waited for no longer, and named in the result",
     overdue_is_waited_for_no_longer},
    {"an overdue node is not started again before it has ended", overdue_is_not_started_again},
    {"at the final deadline all is over, and what still runs is named",
     all_is_over_at_the_final_deadline},
    {"a handler that was asked before everything stops has a deadline then",
     handlers_have_no_longer_than_nodes},
    {"a node that fails while it is stopped is named in the result", late_errors_are_named},
    {"an error of an earlier stop is no part of the result",
     late_errors_of_earlier_stops_are_not_named},
    {"a handler may answer a late error with spin-halt", late_errors_may_halt},
    {"a handler may answer a late error with shutdown", late_errors_may_shut_down},
    {"a handler's other answers to a late error change nothing",
     other_answers_about_late_errors_change_nothing},
    {"a halt is not lost when another node's error has told this one to stop",
     a_halt_is_not_lost_to_a_stop},
    {"a halt that a nested supervisor asks for is not lost either",
     a_halt_from_below_is_not_lost_to_a_stop},
    {"a late error does not keep down what restarts along",
     late_errors_do_not_stop_what_restarts_along},
    {"what is given up does not hold back the rest", given_up_is_not_waited_for},
    {"a temporary node is forgotten with its end", temporary_nodes_are_forgotten},
    {"but not while something depends on it", temporary_nodes_wait_for_dependants},
    {"nor before the line of a dependant that names it", forgotten_after_dependants_are_told},
    {"the second error of an instance is told", second_error_is_told},
    {"an error that stops a node without a handler is told", errors_without_a_handler_are_told},
    {"an answer that is none of the five shuts down", nonsense_shuts_down},
    {"nothing starts that the same step stops", nothing_starts_that_the_same_step_stops},
    {"stop-parents of a node that was removed", stop_parents_stops_all_it_says},
    {"a removed node is forgotten once it has stopped", removed_once_stopped},
    {"a removed node that does not run is forgotten at once", removed_at_once_if_it_does_not_run},
    {"nodes are added while others run", added_while_others_run},
    {"a node that is added below a stopped one cannot start", added_below_a_stopped_one},
    {"a node is dropped before it has begun", dropped_before_it_begins},
    {"restarts allocate nothing", steady_state_allocates_nothing});
