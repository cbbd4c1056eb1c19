/*
 * supervision.c: the graph supervisor: from a node's failure until its next instance is ready; and,
 * in graphs of a thousand nodes, from the start until all are ready, and from the cancel until all
 * are done. Each node is a component with one worker. All of it in fibers.
 */
#include "bench/bench.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- graphs ---- */

enum { NODES = 1000, DEPENDENCIES_MAX = 3, NAME_SIZE = 8 };

/* Puts the nodes on which `node` depends, all of them before it, and tells how many there are. */
typedef size_t (*graph_shape)(size_t node, size_t dependencies[DEPENDENCIES_MAX]);

static size_t chain(size_t node, size_t dependencies[DEPENDENCIES_MAX])
{
    dependencies[0] = node - 1;
    return node > 0;
}

static size_t star(size_t node, size_t dependencies[DEPENDENCIES_MAX])
{
    dependencies[0] = 0;
    return node > 0;
}

static bool contains(const size_t *all, size_t count, size_t one)
{
    for (size_t i = 0; i < count; i++)
        if (all[i] == one)
            return true;
    return false;
}

/* The same each time, which is also that of the peers. */
static size_t at_random(size_t node, size_t dependencies[DEPENDENCIES_MAX])
{
    uint64_t state = node;
    size_t count = 0;
    for (size_t i = 0; i < DEPENDENCIES_MAX && i < node; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t next = (state >> 33) % node;
        if (!contains(dependencies, count, next))
            dependencies[count++] = next;
    }
    return count;
}

/* Made once: in a program they stand in the source. */
static const char *name_of(size_t node)
{
    static char names[NODES][NAME_SIZE];
    if (!names[node][0])
        snprintf(names[node], NAME_SIZE, "n%u", (unsigned)node % NODES);
    return names[node];
}

static void check(lc_error *error)
{
    if (error)
        bench_fail(lc_error_message(error));
}

/* Adds the node of that number; `node` says the rest. */
static void add(lc_supervisor *supervisor, size_t number, graph_shape shape, lc_node node)
{
    size_t numbers[DEPENDENCIES_MAX];
    lc_dependency dependencies[DEPENDENCIES_MAX];
    const lc_dependency *list[DEPENDENCIES_MAX + 1] = {NULL};
    size_t count = shape(number, numbers);
    node.name = name_of(number);
    node.kind = LC_FIBER;
    node.backoff.first = LC_NONE;
    node.dependencies = list;
    for (size_t i = 0; i < count; i++) {
        dependencies[i] =
            (lc_dependency){.size = sizeof(lc_dependency), .name = name_of(numbers[i])};
        list[i] = &dependencies[i];
    }
    check(lc_supervisor_add(supervisor, &node));
}

static lc_error *make(lc_worker_function run, void *arg, lc_component **component)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("bench");
    lc_manager_builder_set_kind(builder, LC_FIBER);
    lc_manager_builder_add(builder, LC_WORKER(.name = "worker", .run = run, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_error *make_quiet(lc_component **component, void *arg)
{
    return make(lc_noop_worker, arg, component);
}

static lc_behavior say_restart(const lc_failure *failure, void *arg)
{
    (void)arg;
    (void)failure;
    return LC_RESTART;
}

/* ---- a supervisor that runs ---- */

struct run {
    lc_supervisor *supervisor;
    lc_signaler *signaler;
    lc_context *context;
};

static lc_supervisor *new_supervisor(void)
{
    lc_supervisor *supervisor;
    check(lc_supervisor_new(NULL, &supervisor));
    return supervisor;
}

static void start(struct run *run)
{
    run->signaler = lc_signaler_new();
    run->context = lc_context_with_signaler(NULL, run->signaler);
    check(lc_component_start(lc_supervisor_component(run->supervisor), run->context));
    lc_handle_wait(lc_supervisor_ready(run->supervisor), LC_FOREVER);
}

static void stop(struct run *run)
{
    lc_context_cancel(run->context, NULL);
    lc_handle_wait(lc_supervisor_done(run->supervisor), LC_FOREVER);
}

static void drop(struct run *run)
{
    lc_supervisor_unref(run->supervisor);
    lc_context_unref(run->context);
    lc_signaler_unref(run->signaler);
}

/* ---- restarts: the middle one of three nodes in a chain fails when it is told to ---- */

struct victim {
    lc_channel *fail;
    lc_channel *ready;
};

static lc_error *fail_when_told(lc_context *context, lc_ready *ready, void *arg)
{
    struct victim *victim = arg;
    lc_ready_signal(ready);
    lc_channel_send(victim->ready, victim, LC_FOREVER);
    lc_waitable either[] = {lc_on_handle(lc_context_done(context)), lc_on_receive(victim->fail)};
    if (lc_wait_any(either, 2, LC_FOREVER) == 0)
        return lc_error_ref(lc_context_error(context));
    void *item;
    lc_channel_receive(victim->fail, &item, LC_NOW);
    return lc_error_new(-EIO, "failed on purpose");
}

static lc_error *make_victim(lc_component **component, void *arg)
{
    return make(fail_when_told, arg, component);
}

static lc_channel *new_channel(void)
{
    lc_channel *channel;
    if (lc_channel_new(LC_CHANNEL(.capacity = 1), &channel))
        bench_fail("lc_channel_new");
    return channel;
}

static double restarts_of(struct victim *victim, size_t n)
{
    void *item;
    lc_channel_receive(victim->ready, &item, LC_FOREVER);
    int64_t begin = bench_now();
    for (size_t i = 0; i < n; i++) {
        lc_channel_send(victim->fail, victim, LC_FOREVER);
        lc_channel_receive(victim->ready, &item, LC_FOREVER);
    }
    return (double)(bench_now() - begin) / (double)n;
}

static double restart(size_t n, lc_judge handler)
{
    struct victim victim = {new_channel(), new_channel()};
    struct run run = {.supervisor = new_supervisor()};
    lc_node quiet = {.size = sizeof quiet};
    quiet.factory = make_quiet;
    lc_node failing = {.size = sizeof failing};
    failing.factory = make_victim;
    failing.arg = &victim;
    failing.judge = handler;
    add(run.supervisor, 0, chain, quiet);
    add(run.supervisor, 1, chain, failing);
    add(run.supervisor, 2, chain, quiet);
    start(&run);
    double took = restarts_of(&victim, n);
    stop(&run);
    drop(&run);
    lc_channel_unref(victim.fail);
    lc_channel_unref(victim.ready);
    return took;
}

static double restart_judged(size_t n)
{
    return restart(n, say_restart);
}

static double restart_unjudged(size_t n)
{
    return restart(n, NULL);
}

/* As it is by default: the error is put into the log, which goes to nowhere, as the peers' does. */
static double restart_logged(size_t n)
{
    return bench_log_to_nowhere(restart_unjudged, n);
}

/* ---- starts and stops of many nodes ---- */

struct times {
    int64_t start;
    int64_t stop;
};

static void run_graph(graph_shape shape, struct times *times)
{
    struct run run = {.supervisor = new_supervisor()};
    lc_node node = {.size = sizeof node};
    node.factory = make_quiet;
    node.judge = say_restart;
    for (size_t i = 0; i < NODES; i++)
        add(run.supervisor, i, shape, node);
    int64_t begin = bench_now();
    start(&run);
    int64_t ready = bench_now();
    stop(&run);
    times->start += ready - begin;
    times->stop += bench_now() - ready;
    drop(&run);
}

/* For each node; of n graphs, since one takes too little time for a sample. */
static double start_of(graph_shape shape, size_t n)
{
    struct times times = {0, 0};
    for (size_t i = 0; i < n; i++)
        run_graph(shape, &times);
    return (double)times.start / (double)(n * NODES);
}

static double stop_of(graph_shape shape, size_t n)
{
    struct times times = {0, 0};
    for (size_t i = 0; i < n; i++)
        run_graph(shape, &times);
    return (double)times.stop / (double)(n * NODES);
}

static double start_chain(size_t n)
{
    return start_of(chain, n);
}

static double stop_chain(size_t n)
{
    return stop_of(chain, n);
}

static double start_star(size_t n)
{
    return start_of(star, n);
}

static double stop_star(size_t n)
{
    return stop_of(star, n);
}

static double start_random(size_t n)
{
    return start_of(at_random, n);
}

static double stop_random(size_t n)
{
    return stop_of(at_random, n);
}

static void bench_restarts(void)
{
    static const struct bench_figure figures[] = {
        {"supervisor_restart_1t", 10000, restart_judged, "go", NULL},
        {"supervisor_restart_2t", 10000, restart_judged, "go", NULL},
        {"supervisor_restart_logged_1t", 10000, restart_logged, "go", NULL},
        {"supervisor_restart_logged_2t", 10000, restart_logged, "go", NULL},
        {"supervisor_restart_vs_otp_1t", 10000, restart_logged, "otp", NULL},
        {"supervisor_restart_vs_otp_2t", 10000, restart_logged, "otp", NULL},
        {"supervisor_restart_vs_silent_otp_1t", 10000, restart_judged, "otp", NULL},
        {"supervisor_restart_vs_silent_otp_2t", 10000, restart_judged, "otp", NULL},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        bench_add(&figures[i]);
}

static void bench_graphs(void)
{
    static const struct bench_figure figures[] = {
        {"graph_start_1000_chain_1t", 5, start_chain, "go", NULL},
        {"graph_start_1000_chain_2t", 5, start_chain, "go", NULL},
        {"graph_stop_1000_chain_1t", 5, stop_chain, "go", NULL},
        {"graph_stop_1000_chain_2t", 5, stop_chain, "go", NULL},
        {"graph_start_1000_star_1t", 5, start_star, "go", NULL},
        {"graph_start_1000_star_2t", 5, start_star, "go", NULL},
        {"graph_stop_1000_star_1t", 5, stop_star, "go", NULL},
        {"graph_stop_1000_star_2t", 5, stop_star, "go", NULL},
        {"graph_start_1000_random_1t", 5, start_random, "go", NULL},
        {"graph_start_1000_random_2t", 5, start_random, "go", NULL},
        {"graph_stop_1000_random_1t", 5, stop_random, "go", NULL},
        {"graph_stop_1000_random_2t", 5, stop_random, "go", NULL},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        bench_add(&figures[i]);
}

void bench_supervision(void)
{
    bench_restarts();
    bench_graphs();
}
