/*
 * merge.c: one component made of several. See <lifecycle/component.h>.
 */
#include "base/memory.h"
#include "base/task.h"
#include "context/worker.h"

#include <lifecycle/component.h>

#include <errno.h>
#include <stdatomic.h>

struct merged {
    lc_component component; /* first */
    atomic_bool started;    /* only its atomicity counts: one start goes on */
    lc_context
        *context; /* the parts', so that they can be cancelled if one of them does not start */
    lc_handle *ready;
    lc_handle *done;
    size_t parts_started; /* how far the start has come */
    size_t count;
    lc_component *parts[];
};

/* A part has failed to start, or its start has thrown: what was started before it ends. */
static void stop_started(void *arg)
{
    struct merged *merged = arg;
    lc_context_cancel(merged->context, NULL);
    lc__task_shield(); /* its parts are not left alone */
    for (size_t i = merged->parts_started; i-- > 0;)
        lc_handle_wait(lc_component_done(merged->parts[i]), LC_FOREVER);
    lc__task_unshield();
}

static lc_error *start_parts(struct merged *merged)
{
    lc_error *error = NULL;
    /* A throw in a part's start does not come back here. */
    if (lc_defer(stop_started, merged) < 0)
        return lc_error_new(-ENOMEM, "no memory to start the merged component");
    while (merged->parts_started < merged->count && !error) {
        error = lc_component_start(merged->parts[merged->parts_started], merged->context);
        merged->parts_started += error == NULL;
    }
    lc__undefer();
    if (error)
        stop_started(merged);
    return error;
}

static lc_error *start(lc_component *component, lc_context *context)
{
    struct merged *merged = (struct merged *)component;
    if (atomic_exchange(&merged->started, true))
        return lc_error_new(-EALREADY, "the merged component was started before");
    merged->context = lc_context_new(context);
    if (!merged->context)
        return lc_error_new(-ENOMEM, "no memory to start the merged component");
    return start_parts(merged);
}

static lc_handle *ready(lc_component *component)
{
    return ((struct merged *)component)->ready;
}

static lc_handle *done(lc_component *component)
{
    return ((struct merged *)component)->done;
}

static void free_merged(struct merged *merged)
{
    lc_handle_unref(merged->ready);
    lc_handle_unref(merged->done);
    lc_context_unref(merged->context);
    lc__free(merged);
}

static void destroy(lc_component *component)
{
    struct merged *merged = (struct merged *)component;
    for (size_t i = merged->count; i-- > 0;)
        lc_component_destroy(merged->parts[i]);
    free_merged(merged);
}

/* Its start waits when a part fails, and calls the parts', which may throw: not LC_START_INLINE. */
static const lc_component_ops merged_ops = {
    .size = sizeof(lc_component_ops),
    .start = start,
    .ready = ready,
    .done = done,
    .destroy = destroy,
};

static bool is_among(const lc_component *part, lc_component *const *parts, size_t count)
{
    size_t i = 0;
    while (i < count && parts[i] != part)
        i++;
    return i < count;
}

int lc_components_merge(lc_component *const *parts, size_t count, lc_component **result)
{
    if (!result)
        return -EINVAL;
    *result = NULL;
    if (count > 0 && !parts)
        return -EINVAL;
    for (size_t i = 0; i < count; i++)
        if (!parts[i] || is_among(parts[i], parts, i))
            return -EINVAL;
    struct merged *merged = lc__allocate(sizeof *merged + count * sizeof merged->parts[0]);
    if (!merged)
        return -ENOMEM;
    merged->component.ops = &merged_ops;
    merged->count = count;
    for (size_t i = 0; i < count; i++)
        merged->parts[i] = parts[i];
    merged->ready = lc_all_ready(parts, count);
    merged->done = lc_all_done(parts, count);
    if (!merged->ready || !merged->done) {
        free_merged(merged);
        return -ENOMEM;
    }
    *result = &merged->component;
    return 0;
}
