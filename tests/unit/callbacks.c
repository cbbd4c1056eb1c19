/*
 * callbacks.c: calls of a tree or a supervisor from where it calls the program's code itself: where
 * contexts end, and lines are logged.
 */
#include "support/check.h"
#include "support/mode.h"
#include "support/parts.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* ---- a tree that is cancelled, or looked at, while its root is restarted ---- */

struct restart {
    lc_tree *tree;
    atomic_uint instances;
    bool throws;
    /* Of the sink. */
    unsigned looks;
    bool same; /* the record did not change over a look */
};

static void cancel_tree(void *arg)
{
    lc_tree_cancel(((struct restart *)arg)->tree);
}

/* The first instance dies; the second waits for its end. */
static lc_error *run_root(lc_context *context, void *arg)
{
    struct restart *restart = arg;
    if (atomic_fetch_add(&restart->instances, 1) == 0) {
        lc_error *error = lc_error_new(-EIO, "a death");
        if (restart->throws)
            lc_throw(context, error);
        if (lc_handle_on_close(lc_context_done(context), cancel_tree, restart, NULL) == 0)
            return error;
        lc_error_unref(error);
    }
    lc_runnable_signal_healthy(context);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

/* Without a pause, so that the old context ends as the next instance begins. */
static bool open_tree(struct restart *restart)
{
    const lc_backoff none = {
        .first = LC_NONE, .factor = 1, .jitter = LC_NONE, .steady = LC_NONE, .pause_first = true};
    restart->tree = tree_of((lc_child){.run = run_root, .arg = restart, .backoff = none});
    return check_code(lc_tree_start(restart->tree, NULL)) == 0;
}

static void a_cancel_amid_a_restart_counts(void)
{
    struct restart restart = {0};
    check_log_capture();
    CU_ASSERT_TRUE_FATAL(open_tree(&restart));
    CHECK_CLOSES(lc_tree_done(restart.tree));
    lc_tree_cancel(restart.tree); /* if it was lost the test ends nonetheless */
    CHECK_CLOSES(lc_tree_done(restart.tree));
    lc_tree_unref(restart.tree);
    check_log_release();
}

static void look_and_read(const lc_log_record *record, void *arg)
{
    struct restart *restart = arg;
    const char *backtrace = NULL;
    for (size_t i = 0; i < record->field_count; i++)
        if (strcmp(record->fields[i].key, "backtrace") == 0)
            backtrace = record->fields[i].value;
    if (!backtrace || restart->looks++ > 0)
        return;
    size_t component = strlen(record->component), length = strlen(backtrace);
    lc_snapshot_free(lc_tree_snapshot(restart->tree));
    restart->same = strlen(record->component) == component && strlen(backtrace) == length;
}

static void a_sink_may_look_at_the_tree(void)
{
    struct restart restart = {.throws = true};
    const lc_log_sink sink = {.size = sizeof(lc_log_sink), .write = look_and_read, .arg = &restart};
    check_log_capture();
    CU_ASSERT_EQUAL(lc_log_set_sink(&sink), 0);
    CU_ASSERT_TRUE_FATAL(open_tree(&restart));
    CHECK_CLOSES(lc_tree_ready(restart.tree));
    lc_tree_cancel(restart.tree);
    CHECK_CLOSES(lc_tree_done(restart.tree));
    check_log_release();
    CU_ASSERT_EQUAL(restart.looks, 1);
    CU_ASSERT_TRUE(restart.same);
    lc_tree_unref(restart.tree);
}

/* ---- a node that is removed by its own supervisor's callback ---- */

struct removal {
    lc_supervisor *supervisor;
    int result;
};

static lc_error *make_waiting(lc_component **component, void *arg)
{
    *component = component_of("waits", lc_noop_worker, arg);
    return NULL;
}

static bool add(lc_supervisor *supervisor, const char *name, lc_component_factory factory,
                lc_judge handler, void *arg)
{
    lc_node node = node_of(name, factory, arg);
    node.judge = handler;
    node.judge_arg = arg;
    lc_error *error = lc_supervisor_add(supervisor, &node);
    lc_error_unref(error);
    return error == NULL;
}

static void remove_here(void *arg)
{
    struct removal *removal = arg;
    lc_error *error = lc_supervisor_remove(removal->supervisor, "node", LC_FOREVER);
    removal->result = lc_error_code(error);
    lc_error_unref(error);
}

static void a_removal_by_a_callback_does_not_wait(void)
{
    struct removal removal = {0};
    struct lc_supervisor_options options = {.size = sizeof options};
    options.keep_running = true;
    lc_context *context = lc_context_new(NULL);
    CHECK_SUCCESS(lc_supervisor_new(&options, &removal.supervisor));
    CU_ASSERT_TRUE(add(removal.supervisor, "node", make_waiting, NULL, NULL));
    lc_supervisor_ref(removal.supervisor);
    CU_ASSERT_EQUAL(
        lc_handle_on_close(lc_supervisor_ready(removal.supervisor), remove_here, &removal, NULL),
        0);
    CHECK_SUCCESS(lc_component_start(lc_supervisor_component(removal.supervisor), context));
    CHECK_CLOSES(lc_supervisor_ready(removal.supervisor));
    /* It is on its way, or there is nothing to remove any more. */
    lc_error_unref(lc_supervisor_remove(removal.supervisor, "node", check_patience()));
    CU_ASSERT_EQUAL(removal.result, -EDEADLK);
    CHECK_ERROR(lc_supervisor_remove(removal.supervisor, "node", LC_NOW), -ENOENT);
    lc_context_cancel(context, NULL);
    CHECK_CLOSES(lc_supervisor_done(removal.supervisor));
    lc_supervisor_unref(removal.supervisor);
    lc_supervisor_unref(removal.supervisor);
    lc_context_unref(context);
}

/* ---- a supervisor that outlives the node which has started it ---- */

struct orphan {
    lc_component starter; /* first: starts `inner`, and is done when `left` closes */
    lc_supervisor *inner;
    lc_handle *left;
    lc_handle *asked; /* inner's handler has been */
    lc_handle *answer;
};

static lc_error *start_inner(lc_component *component, lc_context *context)
{
    return lc_component_start(lc_supervisor_component(((struct orphan *)component)->inner),
                              context);
}

static lc_handle *always(lc_component *component)
{
    (void)component;
    return lc_handle_new_closed();
}

static lc_handle *starter_left(lc_component *component)
{
    return ((struct orphan *)component)->left;
}

static void nothing(lc_component *component)
{
    (void)component;
}

static const lc_component_ops starter_ops = {.size = sizeof starter_ops,
                                             .start = start_inner,
                                             .ready = always,
                                             .done = starter_left,
                                             .destroy = nothing};

static lc_error *make_starter(lc_component **component, void *arg)
{
    *component = &((struct orphan *)arg)->starter;
    return NULL;
}

static lc_error *fail(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    (void)arg;
    return lc_error_new(-EIO, "failed on purpose");
}

static lc_error *make_failing(lc_component **component, void *arg)
{
    *component = component_of("fails", fail, arg);
    return NULL;
}

static lc_behavior halt_when_told(const lc_failure *failure, void *arg)
{
    struct orphan *orphan = arg;
    (void)failure;
    lc_handle_close(orphan->asked);
    lc_handle_wait(orphan->answer, LC_FOREVER);
    return LC_SPIN_HALT;
}

static void an_orphan_reports_to_nobody(void)
{
    struct orphan orphan = {.starter.ops = &starter_ops,
                            .left = lc_handle_new(),
                            .asked = lc_handle_new(),
                            .answer = lc_handle_new()};
    lc_supervisor *outer;
    lc_supervisor_options options = {.size = sizeof options};
    lc_context *context = lc_context_new(NULL);
    check_log_capture();
    CHECK_SUCCESS(lc_supervisor_new(&options, &outer));
    CHECK_SUCCESS(lc_supervisor_new(&options, &orphan.inner));
    CU_ASSERT_TRUE(add(outer, "starter", make_starter, NULL, &orphan));
    CU_ASSERT_TRUE(add(orphan.inner, "failing", make_failing, halt_when_told, &orphan));
    CHECK_SUCCESS(lc_component_start(lc_supervisor_component(outer), context));
    CHECK_CLOSES(orphan.asked);
    lc_handle_close(orphan.left);
    CHECK_CLOSES(lc_supervisor_done(outer));
    lc_supervisor_unref(outer);
    lc_handle_close(orphan.answer);
    CHECK_CLOSES(lc_supervisor_done(orphan.inner));
    CU_ASSERT_TRUE(check_log_has("failed on purpose"));
    check_log_release();
    lc_supervisor_unref(orphan.inner);
    lc_handle_unref(orphan.left);
    lc_handle_unref(orphan.asked);
    lc_handle_unref(orphan.answer);
    lc_context_unref(context);
}

CHECK_SUITE_IN_MODES(callbacks, "unit: callbacks of supervisors",
                     {"a tree cancelled amid its root's restart ends",
                      a_cancel_amid_a_restart_counts},
                     {"a log sink may look at the tree that logs", a_sink_may_look_at_the_tree},
                     {"a removal by the supervisor's own callback does not wait",
                      a_removal_by_a_callback_does_not_wait},
                     {"a supervisor that outlives its starter has nothing to report to",
                      an_orphan_reports_to_nobody});
