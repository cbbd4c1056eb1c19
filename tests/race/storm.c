/*
 * storm.c: restarts without a pause, again and again: neither memory nor descriptors nor the log
 * grow with their number.
 */
#include "support/check.h"

#include "base/memory.h"

#include <lifecycle.h>

#include <errno.h>
#include <glob.h>
#include <stdatomic.h>

enum { SLACK = 64 * 1024 }; /* bytes that caches may take or give back */

struct storm {
    unsigned instances; /* how many fail */
    atomic_uint made;
    atomic_uint lines; /* of the log */
    size_t memory_early, memory_late;
    size_t descriptors_early, descriptors_late;
    lc_handle *over; /* closes when the last instance runs */
};

static size_t count_descriptors(void)
{
    glob_t found = {0};
    size_t count = glob("/proc/self/fd/*", GLOB_NOSORT, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

/* Each instance but the last fails at once. @return NULL for the last, which is to wait. */
static lc_error *fail_again(struct storm *storm)
{
    unsigned number = atomic_fetch_add(&storm->made, 1) + 1;
    if (number == storm->instances / 10) {
        storm->memory_early = lc__memory_in_use();
        storm->descriptors_early = count_descriptors();
    }
    if (number < storm->instances)
        return lc_error_new(-EIO, "failure %u", number);
    storm->memory_late = lc__memory_in_use();
    storm->descriptors_late = count_descriptors();
    lc_handle_close(storm->over);
    return NULL;
}

static void count_line(const lc_log_record *record, void *arg)
{
    struct storm *storm = arg;
    (void)record;
    atomic_fetch_add(&storm->lines, 1);
}

static struct storm begin_storm(void)
{
    return (struct storm){.instances = check_fewer(check_count(100000, 1000000)),
                          .over = lc_handle_new()};
}

static void run_storm(struct storm *storm, void (*run)(struct storm *storm))
{
    const lc_log_sink sink = {.size = sizeof(lc_log_sink), .write = count_line, .arg = storm};
    int64_t begun = lc_now();
    CU_ASSERT_EQUAL(lc_log_set_sink(&sink), 0);
    run(storm);
    CU_ASSERT_EQUAL(lc_log_set_sink(NULL), 0);
    /* Two kinds of lines, each with ten in ten seconds, and what is said at the end. */
    int64_t periods = 1 + (lc_now() - begun) / (10 * LC_SECOND);
    CU_ASSERT_TRUE(atomic_load(&storm->lines) > 0);
    CU_ASSERT_TRUE(atomic_load(&storm->lines) <= 20 * periods + 8);
    CU_ASSERT_EQUAL(atomic_load(&storm->made), storm->instances);
    CU_ASSERT_TRUE(storm->memory_late < storm->memory_early + SLACK);
    CU_ASSERT_EQUAL(storm->descriptors_late, storm->descriptors_early);
    lc_handle_unref(storm->over);
}

/* ---- a graph ---- */

static lc_error *work(lc_context *context, lc_ready *ready, void *arg)
{
    lc_error *error = fail_again(arg);
    lc_ready_signal(ready);
    if (!error)
        lc_context_sleep(context, LC_FOREVER);
    return error;
}

static lc_error *make(lc_component **component, void *arg)
{
    lc_manager *manager;
    lc_manager_builder *builder = lc_manager_builder_new("failing");
    lc_manager_builder_set_kind(builder, LC_FIBER);
    lc_manager_builder_add(builder, LC_WORKER(.name = "work", .run = work, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = error ? NULL : lc_manager_component(manager);
    return error;
}

static void run_graph(struct storm *storm)
{
    lc_supervisor *supervisor;
    lc_node node = {.size = sizeof node};
    node.name = "failing";
    node.factory = make;
    node.arg = storm;
    node.kind = LC_FIBER;
    node.backoff.first = LC_NONE;
    CHECK_SUCCESS(lc_supervisor_new(NULL, &supervisor));
    CHECK_SUCCESS(lc_supervisor_add(supervisor, &node));
    lc_context *context = lc_context_new(NULL);
    CHECK_SUCCESS(lc_component_start(lc_supervisor_component(supervisor), context));
    CHECK_CLOSES(storm->over);
    lc_context_cancel(context, NULL);
    CHECK_CLOSES(lc_supervisor_done(supervisor));
    lc_supervisor_unref(supervisor);
    lc_context_unref(context);
}

static void a_graph_survives_a_storm(void)
{
    struct storm storm = begin_storm();
    run_storm(&storm, run_graph);
}

/* ---- a tree ---- */

static lc_error *child(lc_context *context, void *arg)
{
    lc_error *error = fail_again(arg);
    if (!error)
        lc_context_sleep(context, LC_FOREVER);
    return error ? error : lc_error_ref(lc_context_error(context));
}

static lc_error *root(lc_context *context, void *arg)
{
    lc_child failing = {.size = sizeof failing};
    failing.name = "failing";
    failing.run = child;
    failing.arg = arg;
    failing.kind = LC_FIBER;
    failing.backoff.first = LC_NONE;
    lc_error *error = lc_runnable_start_child(context, &failing);
    if (error)
        return error;
    lc_runnable_signal_healthy(context);
    lc_context_sleep(context, LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static void run_tree(struct storm *storm)
{
    lc_tree *tree;
    lc_tree_options options = {.size = sizeof options};
    lc_child first = {.size = sizeof first, .name = "root"};
    options.root = &first;
    first.name = "root";
    first.run = root;
    first.arg = storm;
    first.kind = LC_FIBER;
    CHECK_SUCCESS(lc_tree_new(&options, &tree));
    CHECK_SUCCESS(lc_tree_start(tree, NULL));
    CHECK_CLOSES(storm->over);
    lc_tree_cancel(tree);
    CHECK_SUCCESS(lc_tree_wait(tree, check_patience()));
    lc_tree_unref(tree);
}

static void a_tree_survives_a_storm(void)
{
    struct storm storm = begin_storm();
    run_storm(&storm, run_tree);
}

CHECK_SUITE(race_storm, "race: restart storms",
            {"a graph survives a storm of restarts, and counts its lines",
             a_graph_survives_a_storm},
            {"a tree survives a storm of restarts, and counts its lines", a_tree_survives_a_storm});
