/*
 * supervisor_observe.c: what a supervisor shows: its observers and its snapshots.
 */
#include "support/check.h"
#include "support/fake.h"
#include "support/mode.h"
#include "support/parts.h"
#include "support/scripted_graph.h"

#include <lifecycle.h>

#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- observers ---- */

/* What an observer was told, not freed yet. */
struct told {
    lc_event *events[128];
    size_t count;
    int result; /* what ended it */
};

static void listen(struct told *told, lc_observer *observer, int64_t deadline)
{
    told->result = 0;
    while (told->result == 0) {
        if (told->count == sizeof told->events / sizeof *told->events)
            abort();
        told->result = lc_observer_next(observer, &told->events[told->count], deadline);
        told->count += told->result == 0;
    }
}

static void told_drop(struct told *told)
{
    for (size_t i = 0; i < told->count; i++)
        lc_event_free(told->events[i]);
}

/* What it was told of one node: "starting 1, ready 1, ...", or, for "", of the whole. */
static void tells_of(const struct told *told, const char *name, const char *expected)
{
    static const char *const kinds[] = {"", "stopping", "halting", "ended"};
    char text[1024] = "";
    for (size_t i = 0; i < told->count; i++) {
        const lc_event *event = told->events[i];
        char piece[64];
        if (strcmp(event->name, name) != 0)
            continue;
        if (event->kind == LC_EVENT_STATE)
            snprintf(piece, sizeof piece, "%s %u", lc_node_state_name(event->state),
                     (unsigned)event->instance);
        else
            snprintf(piece, sizeof piece, "%s", kinds[event->kind]);
        if (*text)
            strlcat(text, ", ", sizeof text);
        strlcat(text, piece, sizeof text);
    }
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0)
        printf("\n    %s: %s\n", name, text);
}

/* The first event of that kind, or of that state of a node; never NULL. */
static const lc_event *find(const struct told *told, const char *name, lc_event_kind kind,
                            lc_node_state state)
{
    static const lc_event none = {.name = "none"};
    for (size_t i = 0; i < told->count; i++)
        if (told->events[i]->kind == kind && strcmp(told->events[i]->name, name) == 0 &&
            (kind != LC_EVENT_STATE || told->events[i]->state == state))
            return told->events[i];
    CU_FAIL("there is no such event");
    return &none;
}

static size_t place(const struct told *told, const lc_event *event)
{
    size_t at = 0;
    while (at < told->count && told->events[at] != event)
        at++;
    return at;
}

static void observers_are_told_in_order(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    store->options.backoff = (lc_backoff){.first = LC_SECOND,
                                          .most = LC_SECOND,
                                          .factor = 1,
                                          .jitter = LC_NONE,
                                          .steady = LC_NONE,
                                          .pause_first = true};
    struct told told = {.count = 0};
    lc_observer *observer = lc_supervisor_observe(graph_supervisor(graph), 100);
    graph_begin(graph);
    node_order(store, 1, NODE_FAIL);
    RUNS(store, 2);
    node_enters(store, LC_NODE_BACKOFF);
    node_enters(store, LC_NODE_READY);
    graph_cancel(graph);
    listen(&told, observer, check_patience());
    CU_ASSERT_EQUAL(told.result, -EPIPE);
    tells_of(&told, "journal", "starting 1, ready 1, stopping 1, stopped 1");
    tells_of(&told, "store",
             "starting 1, ready 1, failing 1, judged 1, back-off 1, waiting 1, starting 2, "
             "ready 2, stopping 2, stopped 2");
    tells_of(&told, "", "stopping, ended");
    int64_t before = 0;
    for (size_t i = 0; i < told.count; i++) {
        CU_ASSERT_TRUE(told.events[i]->time >= before);
        CU_ASSERT_EQUAL(told.events[i]->lost, 0);
        before = told.events[i]->time;
    }
    const lc_event *ready = find(&told, "journal", LC_EVENT_STATE, LC_NODE_READY);
    const lc_event *starting = find(&told, "store", LC_EVENT_STATE, LC_NODE_STARTING);
    const lc_event *failing = find(&told, "store", LC_EVENT_STATE, LC_NODE_FAILING);
    const lc_event *stopping = find(&told, "", LC_EVENT_STOPPING, LC_NODE_WAITING);
    const lc_event *stops = find(&told, "store", LC_EVENT_STATE, LC_NODE_STOPPING);
    const lc_event *ended = find(&told, "", LC_EVENT_ENDED, LC_NODE_WAITING);
    CU_ASSERT_TRUE(place(&told, ready) < place(&told, starting));
    CU_ASSERT_TRUE(place(&told, stopping) < place(&told, stops)); /* the reason comes first */
    CU_ASSERT_EQUAL(place(&told, ended), told.count - 1);
    CU_ASSERT_PTR_NULL(ready->error);
    CU_ASSERT_PTR_EQUAL(failing->error, INSTANCE(store, 1).error);
    CU_ASSERT_PTR_EQUAL(stopping->error, lc_context_error(graph->context));
    CU_ASSERT_PTR_EQUAL(ended->error, graph->result);
    MADE(journal, 1);
    told_drop(&told);
    lc_observer_free(observer);
    graph_drop(graph);
}

static void what_ends_well_is_told(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *setup = graph_node(graph, "setup", "");
    struct scripted_node *never = graph_node(graph, "never", "setup");
    struct told told = {.count = 0};
    setup->slow = true;
    lc_observer *observer = lc_supervisor_observe(graph_supervisor(graph), 100);
    check_log_capture();
    graph_begin(graph);
    node_order(setup, 1, NODE_RETURN);
    graph_end(graph);
    check_log_release();
    listen(&told, observer, LC_NOW);
    CU_ASSERT_EQUAL(told.result, -EPIPE);
    tells_of(&told, "setup", "starting 1, done 1");
    tells_of(&told, "never", "stopped 0");
    tells_of(&told, "", "ended");
    CU_ASSERT_PTR_NULL(told.events[told.count - 1]->error);
    MADE(never, 0);
    told_drop(&told);
    lc_observer_free(observer);
    graph_drop(graph);
}

static void a_shutdown_is_told_with_its_error(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *broken = graph_node(graph, "broken", "");
    struct scripted_node *other = graph_node(graph, "other", "");
    struct told told = {.count = 0};
    broken->answers[0] = LC_SHUTDOWN;
    lc_observer *observer = lc_supervisor_observe(graph_supervisor(graph), 100);
    graph_begin(graph);
    RUNS(other, 1);
    node_order(broken, 1, NODE_FAIL);
    graph_end(graph);
    listen(&told, observer, LC_NOW);
    tells_of(&told, "", "stopping, ended");
    tells_of(&told, "broken", "starting 1, ready 1, failing 1, judged 1, stopped 1");
    CU_ASSERT_PTR_EQUAL(find(&told, "", LC_EVENT_STOPPING, LC_NODE_WAITING)->error,
                        INSTANCE(broken, 1).error);
    CU_ASSERT_PTR_EQUAL(find(&told, "broken", LC_EVENT_STATE, LC_NODE_STOPPED)->error,
                        INSTANCE(broken, 1).error);
    CU_ASSERT_PTR_NULL(find(&told, "other", LC_EVENT_STATE, LC_NODE_STOPPED)->error);
    told_drop(&told);
    lc_observer_free(observer);
    graph_drop(graph);
}

static void a_halt_is_told_with_its_error(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *broken = graph_node(graph, "broken", "");
    struct told told = {.count = 0};
    broken->answers[0] = LC_SPIN_HALT;
    lc_observer *observer = lc_supervisor_observe(graph_supervisor(graph), 100);
    graph_begin(graph);
    node_order(broken, 1, NODE_FAIL);
    graph_end(graph);
    listen(&told, observer, LC_NOW);
    tells_of(&told, "", "halting, ended");
    CU_ASSERT_PTR_EQUAL(find(&told, "", LC_EVENT_HALTING, LC_NODE_WAITING)->error,
                        INSTANCE(broken, 1).error);
    told_drop(&told);
    lc_observer_free(observer);
    graph_drop(graph);
}

static void a_slow_observer_loses_its_own_oldest(void)
{
    enum { KEPT = 4, RESTARTS = NODE_INSTANCES - 1 };
    struct scripted_graph *graph = graph_new();
    struct scripted_node *broken = graph_node(graph, "broken", "");
    struct told slow = {.count = 0}, swift = {.count = 0};
    broken->options.backoff.first = LC_NONE;
    lc_observer *lossy = lc_supervisor_observe(graph_supervisor(graph), KEPT);
    lc_observer *complete = lc_supervisor_observe(graph->supervisor, 128);
    graph_begin(graph);
    for (unsigned number = 1; number <= RESTARTS; number++)
        node_order(broken, number, NODE_FAIL);
    RUNS(broken, NODE_INSTANCES); /* nothing has waited for the one that does not listen */
    graph_cancel(graph);
    listen(&swift, complete, LC_NOW);
    listen(&slow, lossy, LC_NOW);
    CU_ASSERT_EQUAL(slow.result, -EPIPE);
    CU_ASSERT_EQUAL(slow.count, KEPT);
    CU_ASSERT_TRUE(swift.count > (size_t)5 * RESTARTS);
    CU_ASSERT_EQUAL(slow.events[0]->lost, swift.count - KEPT);
    for (size_t i = 0; i < slow.count && i < swift.count; i++) {
        const lc_event *same = swift.events[swift.count - slow.count + i];
        CU_ASSERT_EQUAL(slow.events[i]->kind, same->kind);
        CU_ASSERT_EQUAL(slow.events[i]->state, same->state);
        CU_ASSERT_EQUAL(slow.events[i]->time, same->time);
        CU_ASSERT_EQUAL(swift.events[i]->lost, 0);
        if (i > 0)
            CU_ASSERT_EQUAL(slow.events[i]->lost, 0);
    }
    told_drop(&slow);
    told_drop(&swift);
    lc_observer_free(lossy);
    lc_observer_free(complete);
    graph_drop(graph);
}

static void observers_come_and_go_while_it_runs(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *broken = graph_node(graph, "broken", "");
    struct told told = {.count = 0};
    broken->options.backoff.first = LC_NONE;
    lc_observer *early = lc_supervisor_observe(graph_supervisor(graph), 1);
    graph_begin(graph);
    RUNS(broken, 1);
    node_enters(broken, LC_NODE_READY);
    lc_observer *late = lc_supervisor_observe(graph->supervisor, 100);
    lc_observer_free(early);
    node_order(broken, 1, NODE_FAIL);
    RUNS(broken, 2);
    node_enters(broken, LC_NODE_READY);
    graph_cancel(graph);
    listen(&told, late, check_patience());
    tells_of(&told, "broken",
             "failing 1, judged 1, waiting 1, starting 2, ready 2, stopping 2, stopped 2");
    told_drop(&told);
    lc_observer_free(late);
    lc_event *event = NULL;
    lc_observer *too_late = lc_supervisor_observe(graph->supervisor, 1);
    CU_ASSERT_EQUAL(lc_observer_next(too_late, &event, check_patience()), -EPIPE);
    lc_observer_free(too_late);
    graph_drop(graph);
}

static void an_observer_may_be_waited_for_among_others(void)
{
    enum { OTHER, EVENT };
    struct scripted_graph *graph = graph_new();
    struct scripted_node *only = graph_node(graph, "only", "");
    lc_observer *observer = lc_supervisor_observe(graph_supervisor(graph), 10);
    lc_handle *other = lc_handle_new();
    lc_waitable waitables[] = {[OTHER] = lc_on_handle(other), [EVENT] = lc_on_observer(observer)};
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 2, LC_NOW), -ETIMEDOUT);
    graph_begin(graph);
    lc_event *event = NULL;
    bool ready = false;
    while (!ready && lc_wait_any(waitables, 2, check_patience()) == EVENT) {
        CU_ASSERT_EQUAL(lc_observer_next(observer, &event, LC_NOW), 0);
        ready = event->state == LC_NODE_READY;
        lc_event_free(event);
    }
    CU_ASSERT_TRUE(ready);
    lc_handle_close(other);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 2, check_patience()), OTHER);
    RUNS(only, 1);
    graph_cancel(graph);
    lc_handle_unref(other);
    lc_observer_free(observer);
    graph_drop(graph);
}

static void an_observer_may_outlive_the_supervisor(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *only = graph_node(graph, "only", "");
    lc_observer *observer = lc_supervisor_observe(graph_supervisor(graph), 10);
    graph_begin(graph);
    node_order(only, 1, NODE_RETURN);
    graph_end(graph);
    graph_drop(graph);
    struct told told = {.count = 0};
    listen(&told, observer, LC_NOW);
    CU_ASSERT_EQUAL(told.result, -EPIPE);
    tells_of(&told, "", "ended");
    told_drop(&told);
    lc_observer_free(observer);
}

static void bad_calls_are_refused(void)
{
    lc_supervisor *supervisor;
    lc_event *event;
    CHECK_SUCCESS(lc_supervisor_new(NULL, &supervisor));
    CU_ASSERT_PTR_NULL(lc_supervisor_observe(supervisor, 0));
    CU_ASSERT_PTR_NULL(lc_supervisor_observe(supervisor, LC_OBSERVER_EVENTS_MAX + 1));
    CU_ASSERT_PTR_NULL(lc_supervisor_observe(NULL, 1));
    CU_ASSERT_PTR_NULL(lc_supervisor_snapshot(NULL));
    lc_observer *observer = lc_supervisor_observe(supervisor, LC_OBSERVER_EVENTS_MAX);
    CU_ASSERT_EQUAL(lc_observer_next(observer, &event, LC_NOW), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_observer_next(observer, NULL, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_observer_next(NULL, &event, LC_NOW), -EINVAL);
    lc_observer_free(observer);
    lc_observer_free(NULL);
    lc_event_free(NULL);
    lc_supervisor_unref(supervisor);
}

/* A worker may be ready, and fail, before the start that made it has returned. */
struct hasty {
    struct fake fake;
    lc_error *error;
};

static lc_error *start_and_fail(struct fake *fake, lc_context *context)
{
    lc_handle_close(fake->ready);
    lc_signal_error(context, lc_error_ref(((struct hasty *)fake->arg)->error));
    lc_handle_close(fake->done);
    return NULL;
}

static lc_error *make_hasty(lc_component **component, void *arg)
{
    *component = &((struct hasty *)arg)->fake.component;
    return NULL;
}

static void readiness_before_the_start_returns_is_seen(void)
{
    struct scripted_graph *graph = graph_new();
    struct hasty hasty = {.error = lc_error_new(-EIO, "in haste")};
    struct told told = {.count = 0};
    fake_init(&hasty.fake, 0);
    hasty.fake.start = start_and_fail;
    hasty.fake.arg = &hasty;
    lc_node node = {.size = sizeof node};
    node.name = "hasty";
    node.factory = make_hasty;
    node.arg = &hasty;
    node.judge = answer_stop;
    node.kind = check_kind();
    CHECK_SUCCESS(lc_supervisor_add(graph_supervisor(graph), &node));
    lc_observer *observer = lc_supervisor_observe(graph->supervisor, 10);
    graph_begin(graph);
    graph_end(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, hasty.error);
    listen(&told, observer, LC_NOW);
    tells_of(&told, "hasty", "starting 1, ready 1, failing 1, judged 1, stopped 1");
    told_drop(&told);
    lc_observer_free(observer);
    graph_drop(graph);
    fake_drop(&hasty.fake);
    lc_error_unref(hasty.error);
}

/* ---- snapshots ---- */

static const lc_node_status *row_of(const lc_snapshot *snapshot, const char *name)
{
    static const lc_node_status none = {.name = "none"};
    for (size_t i = 0; i < snapshot->count; i++)
        if (strcmp(snapshot->nodes[i].name, name) == 0)
            return &snapshot->nodes[i];
    CU_FAIL("there is no such node");
    return &none;
}

static bool is(const lc_snapshot *snapshot, const char *name, lc_node_state state, int64_t since,
               uint64_t instance)
{
    const lc_node_status *row = row_of(snapshot, name);
    return row->state == state && row->since == since && row->instance == instance &&
           row->restarts == (instance > 0 ? instance - 1 : 0) &&
           &snapshot->nodes[row->parent] == row;
}

static bool depends(const lc_snapshot *snapshot, const char *name, size_t nth,
                    const lc_node_link *expected)
{
    const lc_node_status *row = row_of(snapshot, name);
    if (nth >= row->link_count)
        return false;
    const lc_node_link *link = &snapshot->links[row->first_link + nth];
    return link->dependency == expected->dependency &&
           strcmp(link->condition, expected->condition) == 0 &&
           link->restart_along == expected->restart_along && link->met == expected->met;
}

static bool waits_for(const lc_snapshot *snapshot, const char *name, const char *text)
{
    const char *waits = row_of(snapshot, name)->waits_for;
    return *text ? strstr(waits, text) != NULL : *waits == '\0';
}

static void a_snapshot_shows_every_field(void)
{
    struct scripted_graph *graph = graph_new();
    graph->clock = check_clock_new();
    int64_t start = check_clock_now(graph->clock);
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    graph_node(graph, "front", "store+ setup:completed journal:started+");
    struct scripted_node *pausing = graph_node(graph, "pausing", "");
    struct scripted_node *judged = graph_node(graph, "judged", "");
    struct scripted_node *setup = graph_node(graph, "setup", "");
    struct scripted_node *broken = graph_node(graph, "broken", "");
    struct scripted_node *stuck = graph_node(graph, "stuck", "");
    store->slow = true;
    pausing->options.backoff = (lc_backoff){.first = LC_HOUR,
                                            .most = LC_HOUR,
                                            .factor = 1,
                                            .jitter = LC_NONE,
                                            .steady = LC_NONE,
                                            .pause_first = true};
    judged->handler_waits = lc_handle_new();
    broken->answers[0] = stuck->answers[0] = LC_STOP;
    stuck->end = NODE_STAYS;
    graph_begin(graph);
    RUNS(store, 1);
    for (unsigned i = 0; i < graph->count; i++)
        if (i != 2)
            RUNS(&graph->nodes[i], 1);
    node_enters(journal, LC_NODE_READY);
    check_clock_advance(graph->clock, LC_SECOND);
    node_order(journal, 1, NODE_FAIL);
    node_enters(journal, LC_NODE_READY);
    node_order(pausing, 1, NODE_FAIL);
    node_enters(pausing, LC_NODE_BACKOFF);
    node_order(judged, 1, NODE_FAIL);
    node_enters(judged, LC_NODE_JUDGED);
    node_order(setup, 1, NODE_RETURN);
    node_enters(setup, LC_NODE_DONE);
    node_order(broken, 1, NODE_FAIL);
    node_enters(broken, LC_NODE_STOPPED);
    node_order(stuck, 1, NODE_SIGNAL);
    node_enters(stuck, LC_NODE_FAILING);
    check_clock_advance(graph->clock, LC_SECOND);

    int64_t later = start + LC_SECOND;
    check_clock_use(graph->clock);
    lc_snapshot *snapshot = lc_supervisor_snapshot(graph->supervisor);
    check_clock_use(NULL);
    CU_ASSERT_STRING_EQUAL(snapshot->name, "graph");
    CU_ASSERT_EQUAL(snapshot->time, start + 2 * LC_SECOND);
    CU_ASSERT_EQUAL(snapshot->count, graph->count);
    for (unsigned i = 0; i < graph->count; i++) /* in the order added */
        CU_ASSERT_STRING_EQUAL(snapshot->nodes[i].name, graph->nodes[i].name);
    CU_ASSERT_TRUE(is(snapshot, "journal", LC_NODE_READY, later, 2));
    CU_ASSERT_TRUE(is(snapshot, "store", LC_NODE_STARTING, start, 1));
    CU_ASSERT_TRUE(is(snapshot, "front", LC_NODE_WAITING, start, 0));
    CU_ASSERT_TRUE(is(snapshot, "pausing", LC_NODE_BACKOFF, later, 1));
    CU_ASSERT_TRUE(is(snapshot, "judged", LC_NODE_JUDGED, later, 1));
    CU_ASSERT_TRUE(is(snapshot, "setup", LC_NODE_DONE, later, 1));
    CU_ASSERT_TRUE(is(snapshot, "broken", LC_NODE_STOPPED, later, 1));
    CU_ASSERT_TRUE(is(snapshot, "stuck", LC_NODE_FAILING, later, 1));
    CU_ASSERT_PTR_EQUAL(row_of(snapshot, "journal")->error, INSTANCE(journal, 1).error);
    CU_ASSERT_PTR_EQUAL(row_of(snapshot, "stuck")->error, INSTANCE(stuck, 1).error);
    CU_ASSERT_PTR_NULL(row_of(snapshot, "store")->error);
    CU_ASSERT_PTR_NULL(row_of(snapshot, "setup")->error);
    CU_ASSERT_TRUE(waits_for(snapshot, "front", "store"));
    CU_ASSERT_TRUE(!strstr(row_of(snapshot, "front")->waits_for, "setup"));
    CU_ASSERT_TRUE(waits_for(snapshot, "pausing", "3600"));
    CU_ASSERT_TRUE(waits_for(snapshot, "judged", "judge"));
    CU_ASSERT_TRUE(waits_for(snapshot, "journal", "") && waits_for(snapshot, "setup", ""));
    CU_ASSERT_EQUAL(snapshot->link_count, 4);
    CU_ASSERT_TRUE(depends(snapshot, "store", 0, &(lc_node_link){0, "ready", false, true}));
    CU_ASSERT_TRUE(depends(snapshot, "front", 0, &(lc_node_link){1, "ready", true, false}));
    CU_ASSERT_TRUE(depends(snapshot, "front", 1, &(lc_node_link){5, "completed", false, true}));
    CU_ASSERT_TRUE(depends(snapshot, "front", 2, &(lc_node_link){0, "started", true, true}));
    CU_ASSERT_EQUAL(row_of(snapshot, "journal")->link_count, 0);
    for (size_t i = 0; i < snapshot->count; i++)
        CU_ASSERT_FALSE(snapshot->nodes[i].overdue);

    lc_handle_close(judged->handler_waits);
    node_order(stuck, 1, NODE_RETURN);
    graph_cancel(graph);
    graph_drop(graph);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_snapshot_print(snapshot, LC_SNAPSHOT_TEXT),
                                  "last error: journal failed the 1. time")); /* it lives on */
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_snapshot_print(snapshot, LC_SNAPSHOT_JSON), "\"stuck\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_snapshot_print(snapshot, LC_SNAPSHOT_DOT), "n2 -> n5"));
    lc_snapshot_free(snapshot);
}

static void a_snapshot_shows_who_stops_and_who_waits_for_that(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    store->end = NODE_STAYS;
    graph_begin(graph);
    RUNS(store, 1);
    node_enters(store, LC_NODE_READY);
    lc_context_cancel(graph->context, NULL);
    IS_TOLD(store, 1);
    lc_snapshot *snapshot = lc_supervisor_snapshot(graph->supervisor);
    CU_ASSERT_EQUAL(row_of(snapshot, "journal")->state, LC_NODE_STOPPING);
    CU_ASSERT_EQUAL(row_of(snapshot, "store")->state, LC_NODE_STOPPING);
    CU_ASSERT_TRUE(waits_for(snapshot, "journal", "1 dependant"));
    CU_ASSERT_TRUE(waits_for(snapshot, "store", ""));
    lc_snapshot_free(snapshot);
    node_order(store, 1, NODE_RETURN);
    graph_end(graph);
    MADE(journal, 1);
    snapshot = lc_supervisor_snapshot(graph->supervisor);
    CU_ASSERT_EQUAL(row_of(snapshot, "journal")->state, LC_NODE_STOPPED);
    CU_ASSERT_TRUE(waits_for(snapshot, "journal", "") && waits_for(snapshot, "store", ""));
    lc_snapshot_free(snapshot);
    graph_drop(graph);
}

static void there_is_a_snapshot_before_the_run(void)
{
    struct scripted_graph *graph = graph_new();
    lc_snapshot *snapshot = lc_supervisor_snapshot(graph_supervisor(graph));
    CU_ASSERT_EQUAL(snapshot->count, 0);
    lc_snapshot_free(snapshot);
    CHECK_SUCCESS(node_join(graph_node(graph, "store", "journal index")));
    CHECK_SUCCESS(node_join(graph_node(graph, "index", "")));
    snapshot = lc_supervisor_snapshot(graph->supervisor); /* where one of three is not there yet */
    CU_ASSERT_EQUAL(snapshot->count, 2);
    CU_ASSERT_TRUE(is(snapshot, "store", LC_NODE_WAITING, row_of(snapshot, "store")->since, 0));
    CU_ASSERT_TRUE(depends(snapshot, "store", 0, &(lc_node_link){1, "ready", false, false}));
    CU_ASSERT_EQUAL(snapshot->link_count, 1);
    lc_snapshot_free(snapshot);
    graph_drop(graph);
}

static void what_was_removed_is_not_shown(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    graph_node(graph, "store", "journal");
    struct scripted_node *front = graph_node(graph, "front", "journal");
    graph_begin(graph);
    RUNS(front, 1);
    CHECK_SUCCESS(lc_supervisor_remove(graph->supervisor, "store", check_patience()));
    lc_snapshot *snapshot = lc_supervisor_snapshot(graph->supervisor);
    CU_ASSERT_EQUAL(snapshot->count, 2);
    CU_ASSERT_STRING_EQUAL(snapshot->nodes[1].name, "front");
    CU_ASSERT_TRUE(depends(snapshot, "front", 0, &(lc_node_link){0, "ready", false, true}));
    lc_snapshot_free(snapshot);
    MADE(journal, 1);
    graph_cancel(graph);
    graph_drop(graph);
}

CHECK_SUITE_IN_MODES(
    supervisor_observe, "conformance: supervisor: observing",
    {"an observer is told in order what happens", observers_are_told_in_order},
    {"an observer is told of what ends well, and of what never starts", what_ends_well_is_told},
    {"a shutdown is told with its error", a_shutdown_is_told_with_its_error},
    {"a spin-halt is told with its error", a_halt_is_told_with_its_error},
    {"a slow observer loses its own oldest, is told how many, and holds up nothing",
     a_slow_observer_loses_its_own_oldest},
    {"observers come and go while it runs", observers_come_and_go_while_it_runs},
    {"an observer may be waited for among others", an_observer_may_be_waited_for_among_others},
    {"an observer may outlive the supervisor", an_observer_may_outlive_the_supervisor},
    {"bad calls are refused", bad_calls_are_refused},
    {"readiness before the start has returned is seen, and before an error that follows it",
     readiness_before_the_start_returns_is_seen},
    {"a snapshot shows every field", a_snapshot_shows_every_field, CHECK_EXACT},
    {"a snapshot shows what stops, and what waits for that",
     a_snapshot_shows_who_stops_and_who_waits_for_that},
    {"there is a snapshot before the run", there_is_a_snapshot_before_the_run},
    {"what was removed is not shown", what_was_removed_is_not_shown});
