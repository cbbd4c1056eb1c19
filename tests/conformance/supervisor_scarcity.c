/*
 * supervisor_scarcity.c: restarts for which there is no memory: they pause as all others do, are
 * counted in the log, and go on when there is memory again.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/mode.h"

#include "base/memory.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* ---- a log that needs no memory ---- */

struct lines {
    atomic_uint restarts; /* lines that say that something is tried again */
};

static void count_line(const lc_log_record *record, void *arg)
{
    struct lines *lines = arg;
    bool tree = strstr(record->message, "died:") != NULL;
    if (tree || strstr(record->message, "; restart "))
        atomic_fetch_add(&lines->restarts, 1);
}

static void count_lines(struct lines *lines)
{
    atomic_init(&lines->restarts, 0);
    if (lc_log_set_sink(LC_LOG_SINK(.write = count_line, .arg = lines)) != 0)
        CU_FAIL_FATAL("no sink");
}

struct wanted {
    struct lines *lines;
    unsigned restarts;
};

static bool are_logged(void *arg)
{
    const struct wanted *wanted = arg;
    return atomic_load(&wanted->lines->restarts) >= wanted->restarts;
}

static bool await_restarts(struct lines *lines, unsigned restarts)
{
    return check_until(are_logged, &(struct wanted){lines, restarts});
}

/* ---- what is restarted ---- */

struct subject {
    atomic_uint instances;
    lc_handle *fails;  /* closed: the first instance fails */
    lc_handle *first;  /* closes when the first instance is ready */
    lc_handle *second; /* closes when a later one is */
};

static lc_error *work(struct subject *subject, lc_context *context)
{
    bool first = atomic_fetch_add(&subject->instances, 1) == 0;
    lc_handle_close(first ? subject->first : subject->second);
    int result = first ? lc_context_wait(context, subject->fails, LC_FOREVER)
                       : lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return first && result == 0 ? lc_error_new(-EIO, "the first one")
                                : lc_error_ref(lc_context_error(context));
}

static lc_error *work_as_worker(lc_context *context, lc_ready *ready, void *arg)
{
    lc_ready_signal(ready);
    return work(arg, context);
}

static lc_error *work_as_runnable(lc_context *context, void *arg)
{
    lc_runnable_signal_healthy(context);
    return work(arg, context);
}

static lc_error *make_subject(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("subject");
    lc_manager_builder_add(builder, LC_WORKER(.name = "work", .run = work_as_worker, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    if (!error)
        *component = lc_manager_component(manager);
    return error;
}

static void subject_init(struct subject *subject)
{
    atomic_init(&subject->instances, 0);
    subject->fails = lc_handle_new();
    subject->first = lc_handle_new();
    subject->second = lc_handle_new();
}

static void subject_end(struct subject *subject)
{
    lc_handle_unref(subject->fails);
    lc_handle_unref(subject->first);
    lc_handle_unref(subject->second);
}

/*
 * The first instance fails when there is no memory for another, and for so long that exponential
 * pauses from 100 ms come to eight or nine attempts; a loop would come to very many. Half a minute
 * after there is memory again, the second instance must be there.
 */
static void starve(struct subject *subject, struct check_clock *clock, struct lines *lines,
                   lc_snapshot *(*look)(void *arg), void *arg)
{
    CHECK_CLOSES(subject->first);
    lc__memory_fail_from(1);
    lc_handle_close(subject->fails);
    CU_ASSERT_TRUE(await_restarts(lines, 1));
    for (int i = 0; i < 200; i++)
        check_clock_advance(clock, 100 * LC_MILLISECOND);
    lc__memory_fail_at(0);
    /* Lines of a storm are left out, so the starts themselves are counted. */
    lc_snapshot *snapshot = look(arg);
    uint64_t starts = snapshot && snapshot->count > 0 ? snapshot->nodes[0].instance : 0;
    lc_snapshot_free(snapshot);
    CU_ASSERT_TRUE(starts >=
                   (lc_is_simulated() ? 4 : 1)); /* elsewhere the timers' thread may lag */
    CU_ASSERT_TRUE(starts <= 20);
    CU_ASSERT_EQUAL(atomic_load(&subject->instances), 1);
    for (int i = 0; i < 300; i++)
        check_clock_advance(clock, 100 * LC_MILLISECOND);
    CHECK_CLOSES(subject->second);
}

/* ---- the two fronts ---- */

static lc_snapshot *look_at_supervisor(void *arg)
{
    return lc_supervisor_snapshot(arg);
}

static lc_snapshot *look_at_tree(void *arg)
{
    return lc_tree_snapshot(arg);
}

static void node_pauses(void)
{
    struct subject subject;
    struct lines lines;
    lc_supervisor *supervisor = NULL;
    lc_node node = {.size = sizeof node};
    subject_init(&subject);
    node.name = "subject";
    node.factory = make_subject;
    node.arg = &subject;
    node.kind = check_kind();
    struct check_clock *clock = check_clock_new();
    check_clock_use(clock);
    lc_context *context = lc_context_new(NULL);
    CHECK_SUCCESS(lc_supervisor_new(NULL, &supervisor));
    CHECK_SUCCESS(lc_supervisor_add(supervisor, &node));
    count_lines(&lines);
    CHECK_SUCCESS(lc_component_start(lc_supervisor_component(supervisor), context));
    starve(&subject, clock, &lines, look_at_supervisor, supervisor);
    lc_context_cancel(context, NULL);
    CHECK_CLOSES(lc_supervisor_done(supervisor));
    lc_supervisor_unref(supervisor);
    lc_context_unref(context);
    check_clock_use(NULL);
    check_clock_free(clock);
    check_log_release();
    subject_end(&subject);
}

static void runnable_pauses(void)
{
    struct subject subject;
    struct lines lines;
    lc_tree *tree = NULL;
    lc_tree_options options = {.size = sizeof options};
    lc_child first = {.size = sizeof first, .name = "root"};
    options.root = &first;
    subject_init(&subject);
    first.run = work_as_runnable;
    first.arg = &subject;
    first.kind = check_kind();
    struct check_clock *clock = check_clock_new();
    check_clock_use(clock);
    CHECK_SUCCESS(lc_tree_new(&options, &tree));
    count_lines(&lines);
    CHECK_SUCCESS(lc_tree_start(tree, NULL));
    starve(&subject, clock, &lines, look_at_tree, tree);
    lc_tree_cancel(tree);
    CHECK_SUCCESS(lc_tree_wait(tree, check_patience()));
    lc_tree_unref(tree);
    check_clock_use(NULL);
    check_clock_free(clock);
    check_log_release();
    subject_end(&subject);
}

CHECK_SUITE_IN_MODES(supervisor_scarcity, "scarcity",
                     {"a node that cannot be started for want of memory pauses", node_pauses},
                     {"a runnable that cannot be started for want of memory pauses",
                      runnable_pauses});
