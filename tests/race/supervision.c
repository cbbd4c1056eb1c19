/*
 * supervision.c: trees and supervisors in which much goes on at once: runnables and nodes that
 * start, signal, die and are restarted, while others look at them, wait for them, change them and
 * end them. What is judged is what must hold in each order; the rest is for a sanitizer.
 */
#include "support/check.h"
#include "support/helper.h"
#include "support/race.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A round starts, stirs and ends a whole graph or tree: it is a storm of its own, with an order of
 * its own, and meets each call some dozens of times.
 */
#define ROUNDS check_fewer(check_count(150, 4000))

/* ---- a tree ---- */

enum { BRANCHES = 3, LEAVES = 2, STIRS = 12 };

struct tree_trial {
    lc_worker_kind kinds[2]; /* of branches, and of leaves */
    lc_tree *tree;
    uint64_t seed;
    atomic_ullong drawn;  /* how many random numbers were */
    atomic_uint accepted; /* children, each of which begins once at least */
    atomic_uint begun;    /* instances */
    atomic_uint ended;
    atomic_uint stirs; /* deaths, and whatever else happens to them */
    atomic_uint wrong; /* answers that there must not be */
    atomic_bool over;  /* the tree is being ended */
};

static uint64_t draw(struct tree_trial *trial)
{
    uint64_t state = trial->seed + atomic_fetch_add(&trial->drawn, 1);
    return check_random(&state);
}

static void count_end(void *arg)
{
    atomic_fetch_add(&((struct tree_trial *)arg)->ended, 1);
}

/* Whichever way it ends. */
static void count_instance(struct tree_trial *trial)
{
    atomic_fetch_add(&trial->begun, 1);
    if (lc_defer(count_end, trial) != 0)
        abort();
}

/* It dies in one of the ways there are; or, as it `may`, says done, or waits for its end. */
static lc_error *end_somehow(lc_context *context, struct tree_trial *trial, bool may)
{
    atomic_fetch_add(&trial->stirs, 1);
    switch (draw(trial) % (may ? 6 : 4)) {
    case 0:
        return lc_error_new(-EIO, "a death");
    case 1:
        lc_throw(context, lc_error_new(-EIO, "a throw"));
    case 2:
        lc_runnable_signal_healthy(context); /* once too often */
        return NULL;
    case 3:
        return NULL;
    case 4:
        lc_runnable_signal_done(context);
        return NULL;
    default:
        lc_handle_wait(lc_context_done(context), LC_FOREVER);
        return lc_error_ref(lc_context_error(context));
    }
}

static lc_error *run_leaf(lc_context *context, void *arg)
{
    struct tree_trial *trial = arg;
    count_instance(trial);
    if (draw(trial) % 4 == 0)
        lc_yield();
    lc_runnable_signal_healthy(context);
    return end_somehow(context, trial, true);
}

/* All of a group is started, or none, and for no other reason than that the tree is being ended. */
static void start_group(lc_context *context, struct tree_trial *trial, const char *const *names,
                        size_t count, lc_runnable run, lc_worker_kind kind)
{
    lc_child children[BRANCHES];
    const lc_child *members[BRANCHES + 1] = {NULL};
    lc_child_group group = {.size = sizeof group};
    for (size_t i = 0; i < count; i++) {
        members[i] = &children[i];
        children[i] = (lc_child){.size = sizeof(lc_child)};
        children[i].name = names[i];
        children[i].run = run;
        children[i].arg = trial;
        children[i].kind = kind;
        children[i].backoff.first = LC_NONE;
    }
    group.children = members;
    group.strategy = (lc_strategy)(draw(trial) % 3);
    lc_error *error = lc_runnable_start_group(context, &group);
    bool in_turn = group.strategy == LC_REST_FOR_ONE; /* of these the first is sure to start */
    if (!error)
        atomic_fetch_add(&trial->accepted, in_turn ? 1 : (unsigned)count);
    else if (lc_error_code(error) != -ESHUTDOWN || !atomic_load(&trial->over))
        atomic_fetch_add(&trial->wrong, 1);
    lc_error_unref(error);
}

static lc_error *run_branch(lc_context *context, void *arg)
{
    static const char *const names[LEAVES] = {"one", "two"};
    struct tree_trial *trial = arg;
    const char *log;
    count_instance(trial);
    start_group(context, trial, names, LEAVES, run_leaf, trial->kinds[1]);
    lc_error *error = lc_runnable_sublog(context, "log", &log);
    atomic_fetch_add(&trial->wrong, error != NULL);
    lc_error_unref(error);
    lc_runnable_signal_healthy(context);
    return end_somehow(context, trial, false); /* so that it goes on */
}

static lc_error *run_root(lc_context *context, void *arg)
{
    static const char *const names[BRANCHES] = {"a", "b", "c"};
    struct tree_trial *trial = arg;
    count_instance(trial);
    start_group(context, trial, names, BRANCHES, run_branch, trial->kinds[0]);
    lc_runnable_signal_healthy(context);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

/* Observers that come and go, and look at some of what there is. */
static void observe(void *arg)
{
    struct tree_trial *trial = arg;
    while (!atomic_load(&trial->over)) {
        lc_observer *observer = lc_tree_observe(trial->tree, 1 + draw(trial) % 4);
        lc_event *event;
        for (uint64_t looks = draw(trial) % 4; looks > 0; looks--) {
            if (lc_observer_next(observer, &event, LC_NOW) == 0)
                lc_event_free(event);
            lc_yield();
        }
        lc_observer_free(observer);
    }
}

static void look(void *arg)
{
    struct tree_trial *trial = arg;
    while (!atomic_load(&trial->over)) {
        int settled = lc_tree_settle(trial->tree, LC_NOW);
        lc_snapshot *all = lc_tree_snapshot(trial->tree),
                    *live = lc_tree_snapshot_live(trial->tree);
        if ((settled != 0 && settled != -ETIMEDOUT) || live->count > 1 + BRANCHES * (1 + LEAVES) ||
            all->count > 1 + BRANCHES * (1 + LEAVES))
            atomic_fetch_add(&trial->wrong, 1);
        lc_snapshot_free(all);
        lc_snapshot_free(live);
        lc_yield();
    }
}

static bool is_stirred(void *arg)
{
    return atomic_load(&((struct tree_trial *)arg)->stirs) >= STIRS;
}

static void end_tree(struct tree_trial *trial, lc_context *context)
{
    atomic_store(&trial->over, true);
    if (draw(trial) & 1)
        lc_tree_cancel(trial->tree);
    else
        lc_context_cancel(context, NULL);
}

static bool tree_round(void *arg)
{
    struct tree_trial *trial = arg;
    struct helper observer, looker;
    lc_tree_options options = {.size = sizeof options};
    lc_child first = {.size = sizeof first, .name = "root"};
    options.root = &first;
    lc_context *context = lc_context_new(NULL);
    first.run = run_root;
    first.arg = trial;
    first.kind = trial->kinds[0];
    first.backoff.first = LC_NONE;
    atomic_store(&trial->accepted, 1); /* the root */
    atomic_store(&trial->begun, 0);
    atomic_store(&trial->ended, 0);
    atomic_store(&trial->stirs, 0);
    atomic_store(&trial->over, false);
    lc_error *error = lc_tree_new(&options, &trial->tree);
    if (!error)
        error = lc_tree_start(trial->tree, context);
    if (error)
        abort();
    helper_start(&observer, observe, trial);
    helper_start(&looker, look, trial);
    bool well = check_until(is_stirred, trial);
    end_tree(trial, context);
    error = lc_tree_wait(trial->tree, check_patience());
    well = well && !lc_error_is(error, -ETIMEDOUT); /* some fail while they are being stopped */
    lc_error_unref(error);
    helper_join(&observer);
    helper_join(&looker);
    well = well && atomic_load(&trial->ended) == atomic_load(&trial->begun) &&
           atomic_load(&trial->begun) >= atomic_load(&trial->accepted) &&
           atomic_load(&trial->wrong) == 0;
    lc_snapshot *live = lc_tree_snapshot_live(trial->tree);
    well = well && live->count == 0;
    lc_snapshot_free(live);
    lc_tree_unref(trial->tree);
    lc_context_unref(context);
    return well;
}

static void storm_in_a_tree(lc_worker_kind branches, lc_worker_kind leaves)
{
    struct tree_trial trial = {.kinds = {branches, leaves}, .seed = check_seed()};
    lc_log_set_level((lc_log_level)0);
    CU_ASSERT_EQUAL(race_repeat(tree_round, &trial, ROUNDS), 0);
    lc_log_set_level(LC_LOG_INFO);
}

static void threads_in_a_tree(void)
{
    storm_in_a_tree(LC_THREAD, LC_THREAD);
}

static void fibers_in_a_tree(void)
{
    storm_in_a_tree(LC_FIBER, LC_FIBER);
}

static void both_in_a_tree(void)
{
    storm_in_a_tree(LC_THREAD, LC_FIBER);
}

/* ---- a cancel against one call of a runnable ---- */

enum contest { CONTEST_START, CONTEST_SIGNAL, CONTEST_RETURN, CONTEST_THROW };

struct duel {
    enum contest contest;
    struct race_gate gate;
    uint64_t random;
    lc_tree *tree;
    int answer;        /* of the start; written by the root, read when all is over */
    atomic_uint begun; /* children */
};

static lc_error *note_begun(lc_context *context, void *arg)
{
    atomic_fetch_add(&((struct duel *)arg)->begun, 1);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *meet_and_call(lc_context *context, void *arg)
{
    struct duel *duel = arg;
    lc_child child = {.size = sizeof child};
    child.name = "child";
    child.run = note_begun;
    child.arg = duel;
    race_meet(&duel->gate, 2);
    if (duel->contest == CONTEST_START) {
        lc_error *error = lc_runnable_start_child(context, &child);
        duel->answer = lc_error_code(error);
        lc_error_unref(error);
    } else if (duel->contest == CONTEST_SIGNAL) {
        lc_runnable_signal_healthy(context);
        lc_runnable_signal_done(context);
    } else if (duel->contest == CONTEST_THROW) {
        lc_throw(context, lc_error_new(-EIO, "a throw"));
    }
    return NULL;
}

/* A child that was accepted has run, though it may not have seen its context live. */
static bool duel_round(void *arg)
{
    struct duel *duel = arg;
    lc_tree_options options = {.size = sizeof options};
    lc_child first = {.size = sizeof first, .name = "root"};
    options.root = &first;
    first.run = meet_and_call;
    first.arg = duel;
    atomic_store(&duel->gate.arrived, 0);
    atomic_store(&duel->begun, 0);
    duel->answer = -ESHUTDOWN;
    lc_error *error = lc_tree_new(&options, &duel->tree);
    if (!error)
        error = lc_tree_start(duel->tree, NULL);
    if (error)
        abort();
    race_meet(&duel->gate, 2);
    race_stagger(&duel->random);
    lc_tree_cancel(duel->tree);
    error = lc_tree_wait(duel->tree, check_patience());
    bool late = duel->contest == CONTEST_THROW && lc_error_is(error, -EIO);
    bool well = (!error || late) && (duel->answer == 0 || duel->answer == -ESHUTDOWN) &&
                atomic_load(&duel->begun) == (duel->answer == 0);
    lc_error_unref(error);
    lc_tree_unref(duel->tree);
    return well;
}

static void cancel_against_calls(void)
{
    lc_log_set_level((lc_log_level)0);
    for (int contest = CONTEST_START; contest <= CONTEST_THROW; contest++) {
        struct duel duel = {.contest = (enum contest)contest, .random = check_seed()};
        CU_ASSERT_EQUAL(race_repeat(duel_round, &duel, ROUNDS), 0);
    }
    lc_log_set_level(LC_LOG_INFO);
}

/* ---- a supervisor ---- */

struct graph_trial {
    struct tree_trial draws; /* for its random numbers */
    lc_worker_kind kind;
    lc_supervisor *supervisor;
    lc_context *context;
    atomic_uint begun;
    atomic_uint ended;
    atomic_uint wrong;
    atomic_bool over;
    lc_error *result;
};

static void count_worker_end(void *arg)
{
    atomic_fetch_add(&((struct graph_trial *)arg)->ended, 1);
}

static lc_error *work(lc_context *context, lc_ready *ready, void *arg)
{
    struct graph_trial *trial = arg;
    atomic_fetch_add(&trial->begun, 1);
    if (lc_defer(count_worker_end, trial) != 0)
        abort();
    if (draw(&trial->draws) % 4 > 0)
        lc_ready_signal(ready);
    if (draw(&trial->draws) % 2 > 0)
        return lc_error_new(-EIO, "a failure");
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *make_worker(lc_component **component, void *arg)
{
    struct graph_trial *trial = arg;
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("worker");
    lc_manager_builder_set_kind(builder, trial->kind);
    lc_manager_builder_add(builder, LC_WORKER(.name = "work", .run = work, .arg = trial));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static int add_node(struct graph_trial *trial, const char *name, const char *dependency)
{
    const lc_dependency depends = {.size = sizeof depends,
                                   .name = dependency,
                                   .condition = LC_WHEN_STARTED,
                                   .restart_along = true};
    lc_node node = {.size = sizeof node};
    node.name = name;
    node.factory = make_worker;
    node.arg = trial;
    const lc_dependency *const list[] = {dependency ? &depends : NULL, NULL};
    node.dependencies = list;
    node.kind = trial->kind;
    node.backoff.first = LC_NONE;
    lc_error *error = lc_supervisor_add(trial->supervisor, &node);
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code;
}

static void run_graph(void *arg)
{
    struct graph_trial *trial = arg;
    trial->result = lc_supervisor_run(trial->supervisor, trial->context, NULL);
}

/* A node that comes and goes, and depends on one that stays. */
static void change(void *arg)
{
    struct graph_trial *trial = arg;
    while (!atomic_load(&trial->over)) {
        int added = add_node(trial, "guest", "host");
        atomic_fetch_add(&trial->wrong, added != 0 && added != -ESHUTDOWN);
        if (added != 0)
            continue;
        lc_error *error = lc_supervisor_remove(trial->supervisor, "host", LC_NOW);
        atomic_fetch_add(&trial->wrong, lc_error_code(error) != -EBUSY);
        lc_error_unref(error);
        error = lc_supervisor_remove(trial->supervisor, "guest", check_patience());
        atomic_fetch_add(&trial->wrong, error != NULL);
        lc_error_unref(error);
    }
}

static void watch(void *arg)
{
    struct graph_trial *trial = arg;
    while (!atomic_load(&trial->over)) {
        lc_observer *observer = lc_supervisor_observe(trial->supervisor, 2);
        lc_snapshot *snapshot = lc_supervisor_snapshot(trial->supervisor);
        lc_event *event;
        if (lc_observer_next(observer, &event, LC_NOW) == 0)
            lc_event_free(event);
        atomic_fetch_add(&trial->wrong, snapshot->count < 2 || snapshot->count > 3);
        lc_snapshot_free(snapshot);
        lc_observer_free(observer);
        lc_yield();
    }
}

static bool has_begun(void *arg)
{
    return atomic_load(&((struct graph_trial *)arg)->begun) > 0;
}

static bool has_worked(void *arg)
{
    return atomic_load(&((struct graph_trial *)arg)->begun) >= STIRS;
}

static bool graph_round(void *arg)
{
    struct graph_trial *trial = arg;
    struct helper runner, changer, watcher;
    lc_error *error = lc_supervisor_new(NULL, &trial->supervisor);
    if (error)
        abort();
    trial->context = lc_context_new(NULL);
    atomic_store(&trial->begun, 0);
    atomic_store(&trial->ended, 0);
    atomic_store(&trial->over, false);
    bool well = add_node(trial, "host", NULL) == 0 && add_node(trial, "other", NULL) == 0;
    helper_start(&runner, run_graph, trial);
    well = check_until(has_begun, trial) && well; /* from then on all dependencies are needed */
    helper_start(&changer, change, trial);
    helper_start(&watcher, watch, trial);
    well = check_until(has_worked, trial) && well;
    atomic_store(&trial->over, true);
    lc_context_cancel(trial->context, NULL);
    helper_join(&runner);
    helper_join(&changer);
    helper_join(&watcher);
    well = well && lc_error_is(trial->result, -ECANCELED) &&
           atomic_load(&trial->ended) == atomic_load(&trial->begun) &&
           atomic_load(&trial->wrong) == 0;
    lc_error_unref(trial->result);
    lc_supervisor_unref(trial->supervisor);
    lc_context_unref(trial->context);
    return well;
}

static void storm_in_a_supervisor(lc_worker_kind kind)
{
    struct graph_trial trial = {.kind = kind, .draws = {.seed = check_seed()}};
    lc_log_set_level((lc_log_level)0);
    CU_ASSERT_EQUAL(race_repeat(graph_round, &trial, ROUNDS), 0);
    lc_log_set_level(LC_LOG_INFO);
}

static void threads_in_a_supervisor(void)
{
    storm_in_a_supervisor(LC_THREAD);
}

static void fibers_in_a_supervisor(void)
{
    storm_in_a_supervisor(LC_FIBER);
}

CHECK_SUITE(race_supervision, "race: supervision",
            {"a tree of threads, looked at, observed and ended", threads_in_a_tree},
            {"a tree of fibers, looked at, observed and ended", fibers_in_a_tree},
            {"a tree of both, looked at, observed and ended", both_in_a_tree},
            {"the end of a tree against starts, signals, returns and throws", cancel_against_calls},
            {"a supervisor of threads, changed, observed and ended", threads_in_a_supervisor},
            {"a supervisor of fibers, changed, observed and ended", fibers_in_a_supervisor});
