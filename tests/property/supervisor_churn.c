/*
 * supervisor_churn.c: nodes that fail again and again beside others that are well: in the long run
 * a thousand restarts a second for ten seconds, else fewer, as fast as they come. Those that are
 * well never notice, and nothing piles up.
 */
#include "support/check.h"
#include "support/helper.h"
#include "support/mode.h"
#include "support/parts.h"

#include "base/memory.h"

#include <lifecycle.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>

enum { CHURNERS = 4, SIBLINGS = 8 };

/* What may be left over of one instance or another when things are counted; less than one each. */
enum { SLACK = CHURNERS * 8 };

struct churn {
    lc_supervisor *supervisor;
    lc_context *context;
    lc_handle *finished;
    lc_error *result;
    unsigned warm;  /* so many instances of each churner, before things are counted first */
    unsigned total; /* so many of each, before they are counted again */
    int64_t pace;   /* each churner's instances live so long; 0: they fail at once */
    int64_t began;
    lc_handle *arrived[2]; /* all churners have come so far, and wait: to `warm`, to `total` */
    atomic_uint arrivals[2];
    lc_handle *go;
    atomic_uint made[CHURNERS + SIBLINGS];
};

struct node {
    struct churn *churn;
    unsigned index; /* churners first */
};

/* Waits there with all other churners. */
static void stand(struct churn *churn, unsigned stage)
{
    if (atomic_fetch_add(&churn->arrivals[stage], 1) + 1 == CHURNERS)
        lc_handle_close(churn->arrived[stage]);
}

static lc_error *fail(lc_context *context, lc_ready *ready, void *arg)
{
    const struct node *node = arg;
    struct churn *churn = node->churn;
    unsigned number = atomic_load(&churn->made[node->index]);
    lc_ready_signal(ready);
    if (number == churn->warm) {
        stand(churn, 0);
        lc_context_wait(context, churn->go, LC_FOREVER);
    } else if (number == churn->total) {
        stand(churn, 1);
        lc_handle_wait(lc_context_done(context), LC_FOREVER);
        return NULL;
    } else if (churn->pace > 0) {
        lc_context_sleep(context, churn->began + number * churn->pace - lc_now());
    }
    return lc_error_new(-EIO, "churner %u failed the %u. time", node->index, number);
}

static lc_error *make(lc_component **component, void *arg)
{
    struct node *node = arg;
    lc_manager *manager = NULL;
    bool fails = node->index < CHURNERS;
    atomic_fetch_add(&node->churn->made[node->index], 1);
    lc_manager_builder *builder = check_builder(fails ? "churner" : "sibling");
    lc_manager_builder_add(
        builder, LC_WORKER(.name = "work", .run = fails ? fail : lc_noop_worker, .arg = node));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    if (!error)
        *component = lc_manager_component(manager);
    return error;
}

/*
 * The first sibling is below all churners, the second above all of them; the others stand beside.
 */
static void add_nodes(struct churn *churn, struct node nodes[static CHURNERS + SIBLINGS])
{
    char names[CHURNERS + SIBLINGS][16];
    lc_dependency below = {.size = sizeof below, .name = names[CHURNERS]};
    lc_dependency above[CHURNERS];
    const lc_dependency *all[CHURNERS + 1] = {NULL}, *list[] = {&below, NULL};
    for (unsigned i = 0; i < CHURNERS + SIBLINGS; i++) {
        lc_node node = {.size = sizeof node};
        snprintf(names[i], sizeof names[i], "%s%u", i < CHURNERS ? "churner" : "sibling", i);
        nodes[i] = (struct node){churn, i};
        node.name = names[i];
        node.factory = make;
        node.arg = &nodes[i];
        node.judge = answer_restart;
        node.kind = check_kind();
        node.backoff.first = LC_NONE;
        if (i < CHURNERS) {
            snprintf(names[CHURNERS], sizeof names[CHURNERS], "sibling%u", (unsigned)CHURNERS);
            above[i] = (lc_dependency){.size = sizeof above[i], .name = names[i]};
            all[i] = &above[i];
            node.dependencies = list;
        } else if (i == CHURNERS + 1) {
            node.dependencies = all;
        }
        CHECK_SUCCESS(lc_supervisor_add(churn->supervisor, &node));
    }
}

static void run(void *arg)
{
    struct churn *churn = arg;
    churn->result = lc_supervisor_run(churn->supervisor, churn->context, NULL);
    lc_handle_close(churn->finished);
}

static unsigned descriptors(void)
{
    enum { HIGHEST = 1024 };
    unsigned count = 0;
    for (int number = 0; number < HIGHEST; number++)
        count += fcntl(number, F_GETFD) >= 0;
    return count;
}

/* The churners are where they should be, and the others have never been anywhere else. */
static void all_are_well(const struct churn *churn, unsigned number)
{
    lc_snapshot *snapshot = lc_supervisor_snapshot(churn->supervisor);
    CU_ASSERT_EQUAL(snapshot->count, CHURNERS + SIBLINGS);
    for (size_t i = 0; i < snapshot->count; i++) {
        const lc_node_status *node = &snapshot->nodes[i];
        CU_ASSERT_EQUAL(node->instance, i < CHURNERS ? number : 1);
        CU_ASSERT_EQUAL(atomic_load(&churn->made[i]), node->instance);
        if (i >= CHURNERS)
            CU_ASSERT_EQUAL(node->state, LC_NODE_READY);
    }
    lc_snapshot_free(snapshot);
}

static void restarts_without_end_leave_nothing(void)
{
    bool paced = check_count(0, 1) > 0;
    struct churn churn = {
        .total = check_fewer(check_count(10000, 10000)) / CHURNERS,
        .pace = paced ? CHURNERS * LC_MILLISECOND : 0,
        .context = lc_context_new(NULL),
        .finished = lc_handle_new(),
        .arrived = {lc_handle_new(), lc_handle_new()},
        .go = lc_handle_new(),
        .began = lc_now(),
    };
    struct node nodes[CHURNERS + SIBLINGS];
    struct helper helper;
    churn.total = churn.total < 4 ? 4 : churn.total;
    churn.warm = churn.total / 4;
    CHECK_SUCCESS(lc_supervisor_new(NULL, &churn.supervisor));
    add_nodes(&churn, nodes);
    helper_start(&helper, run, &churn);
    CHECK_CLOSES(churn.arrived[0]);
    CHECK_CLOSES(lc_supervisor_ready(churn.supervisor));
    size_t memory = lc__memory_in_use();
    unsigned open = descriptors();
    all_are_well(&churn, churn.warm);

    churn.began = lc_now() - churn.warm * churn.pace; /* nothing reads it now */
    lc_handle_close(churn.go);
    CHECK_CLOSES(churn.arrived[1]);
    all_are_well(&churn, churn.total);
    size_t memory_then = lc__memory_in_use();
    unsigned open_then = descriptors();
    CU_ASSERT_TRUE(memory_then <= memory + SLACK);
    CU_ASSERT_TRUE(open_then <= open + 2); /* an executor's thread has some of its own */
    if (memory_then > memory + SLACK || open_then > open + 2)
        printf("\n    allocations: %zu, then %zu; descriptors: %u, then %u\n", memory, memory_then,
               open, open_then);

    lc_context_cancel(churn.context, NULL);
    CHECK_CLOSES(churn.finished);
    helper_join(&helper);
    CU_ASSERT_PTR_EQUAL(churn.result, lc_context_error(churn.context));
    lc_error_unref(churn.result);
    lc_supervisor_unref(churn.supervisor);
    lc_context_unref(churn.context);
    lc_handle_unref(churn.finished);
    lc_handle_unref(churn.arrived[0]);
    lc_handle_unref(churn.arrived[1]);
    lc_handle_unref(churn.go);
}

CHECK_SUITE_IN_MODES(supervisor_churn, "property: supervisor: churn",
                     {"restarts without end disturb no sibling, and leave nothing behind",
                      restarts_without_end_leave_nothing, CHECK_LARGE});
