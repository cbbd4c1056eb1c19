/*
 * merge.c: one component made of several. See <lifecycle/component.h>.
 */
#include "base/assert.h"
#include "base/memory.h"
#include "base/task.h"
#include "context/context.h"
#include "context/owner.h"
#include "context/worker.h"

#include <lifecycle/component.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

enum { PART_NAME_SIZE = 32 }; /* of "part N", for a component that has no name */

struct merged {
    lc_component component; /* first */
    atomic_bool started;    /* the first start to set it goes on */
    /*
     * The parts' context, which cancels them if one of them does not start. The start stores it
     * with release, merged_parts() loads it with acquire: it finds the context complete.
     */
    _Atomic(lc_context *) context;
    lc_context
        *starting; /* of the part that is being started; a reference, as its start may throw */
    lc_handle *ready;
    lc_handle *done;
    /* Parts that have been started. Relaxed: no other data depends on it. */
    atomic_size_t parts_started;
    size_t count;
    lc_component *parts[];
};

/* For the thread that has stored it; NULL before. */
static lc_context *merged_context(struct merged *merged)
{
    return atomic_load_explicit(&merged->context, memory_order_relaxed);
}

/* The start of a part has failed or thrown: cancels the parts before it and waits for their end. */
static void merged_stop_started(void *arg)
{
    struct merged *merged = arg;
    lc_context_cancel(merged_context(merged), NULL);
    lc__task_shield(); /* an end of this task does not end the wait for the parts */
    size_t started = atomic_load_explicit(&merged->parts_started, memory_order_relaxed);
    for (size_t i = started; i-- > 0;)
        lc_handle_wait(lc_component_done(merged->parts[i]), LC_FOREVER);
    lc__task_unshield();
}

static const char *merged_part_name(const struct merged *merged, size_t i,
                                    char number[PART_NAME_SIZE])
{
    const char *name = lc_component_name(merged->parts[i]);
    snprintf(number, PART_NAME_SIZE, "part %zu", i + 1);
    return *name != '\0' ? name : number;
}

/*
 * A reference to the context that the part is started under. The context has an owner for this part
 * alone, so that messages about the part have its name in their path. Without an owner above, or
 * without memory, it is the context of all parts.
 */
static lc_context *merged_part_context(struct merged *merged, size_t i)
{
    char number[PART_NAME_SIZE], path[LC__PATH_SIZE];
    lc_context *context = merged_context(merged);
    const lc_context *above = context;
    const struct lc__owner *owner = lc__owner_next(&above);
    if (!owner)
        return lc_context_ref(context);
    struct lc__owner *own =
        lc__owner_new(NULL, lc__path_join(owner->path, merged_part_name(merged, i, number), path));
    lc_context *made =
        own ? lc_context_with_value(context, &lc__owner_key, own, lc__owner_unref) : NULL;
    if (!made)
        lc__owner_unref(own);
    return made ? made : lc_context_ref(context);
}

static lc_error *merged_part_start(struct merged *merged, size_t i)
{
    merged->starting = merged_part_context(merged, i);
    lc_error *error = lc_component_start(merged->parts[i], merged->starting);
    lc_context_unref(merged->starting);
    merged->starting = NULL;
    return error;
}

static lc_error *merged_parts_start(struct merged *merged)
{
    lc_error *error = NULL;
    /* A throw in the start of a part does not return to here. */
    if (lc_defer(merged_stop_started, merged) < 0)
        return lc_error_new(-ENOMEM, "no memory to start the merged component");
    for (size_t i = 0; i < merged->count && !error; i++) {
        error = merged_part_start(merged, i);
        if (!error)
            atomic_store_explicit(&merged->parts_started, i + 1, memory_order_relaxed);
    }
    lc__undefer(merged_stop_started, merged);
    if (error)
        merged_stop_started(merged);
    return error;
}

static lc_error *merged_start(lc_component *component, lc_context *context)
{
    struct merged *merged = (struct merged *)component;
    if (atomic_exchange(&merged->started, true))
        return lc_error_new(-EALREADY, "the merged component was started before");
    LC__ASSERT(!merged_context(merged));
    lc_context *own = lc_context_new(context);
    if (!own)
        return lc_error_new(-ENOMEM, "no memory to start the merged component");
    /* A part that ends because merged_stop_started() cancels it has not failed. */
    lc__context_drop_clean_ends(own);
    atomic_store_explicit(&merged->context, own, memory_order_release);
    return merged_parts_start(merged);
}

static lc_handle *merged_ready(lc_component *component)
{
    return ((struct merged *)component)->ready;
}

static lc_handle *merged_done(lc_component *component)
{
    return ((struct merged *)component)->done;
}

static void merged_component_free(struct merged *merged)
{
    lc_handle_unref(merged->ready);
    lc_handle_unref(merged->done);
    lc_context_unref(merged->starting);
    lc_context_unref(merged_context(merged));
    lc__free(merged);
}

static void merged_destroy(lc_component *component)
{
    struct merged *merged = (struct merged *)component;
    for (size_t i = merged->count; i-- > 0;)
        lc_component_destroy(merged->parts[i]);
    merged_component_free(merged);
}

/* The state of part `i`, from its handles. `ended`: the parts' context has. */
static lc_node_state merged_part_state(struct merged *merged, size_t i, bool ended)
{
    if (lc_handle_is_closed(lc_component_done(merged->parts[i])))
        return LC_NODE_DONE;
    if (i > atomic_load_explicit(&merged->parts_started, memory_order_relaxed))
        return LC_NODE_WAITING;
    if (ended)
        return LC_NODE_STOPPING;
    bool is_ready = lc_handle_is_closed(lc_component_ready(merged->parts[i]));
    return is_ready ? LC_NODE_READY : LC_NODE_STARTING;
}

static void merged_parts(lc_component *component, lc_part_visitor visit, void *arg)
{
    struct merged *merged = (struct merged *)component;
    const lc_context *context = atomic_load_explicit(&merged->context, memory_order_acquire);
    bool ended = lc_context_error(context) != NULL;
    for (size_t i = 0; i < merged->count; i++) {
        char number[PART_NAME_SIZE];
        const lc_part part = {.name = merged_part_name(merged, i, number),
                              .state = merged_part_state(merged, i, ended),
                              .component = merged->parts[i]};
        visit(&part, arg);
    }
}

/* Not LC_START_INLINE: the start of a part may throw, and a failed start waits for the parts. */
static const lc_component_ops merged_ops = {
    .size = sizeof(lc_component_ops),
    .start = merged_start,
    .ready = merged_ready,
    .done = merged_done,
    .destroy = merged_destroy,
    .parts = merged_parts,
};

static bool merged_part_is_among(const lc_component *part, lc_component *const *parts, size_t count)
{
    size_t i = 0;
    while (i < count && parts[i] != part)
        i++;
    return i < count;
}

/* @return what is wrong with the parts, or NULL. */
static lc_error *merged_parts_check(lc_component *const *parts, size_t count)
{
    if (count > 0 && !parts)
        return lc_error_new(-EINVAL, "lc_components_merge needs the components to merge");
    for (size_t i = 0; i < count; i++)
        if (!parts[i] || merged_part_is_among(parts[i], parts, i))
            return lc_error_new(-EINVAL, "component %zu of those to merge is %s", i,
                                parts[i] ? "there twice" : "NULL");
    return NULL;
}

lc_error *lc_components_merge(lc_component *const *parts, size_t count, lc_component **result)
{
    if (!result)
        return lc_error_new(-EINVAL, "lc_components_merge needs a place for the component");
    *result = NULL;
    lc_error *mistake = merged_parts_check(parts, count);
    if (mistake)
        return mistake;
    struct merged *merged = lc__allocate(sizeof *merged + count * sizeof merged->parts[0]);
    if (!merged)
        return lc_error_new(-ENOMEM, "no memory to merge %zu components", count);
    merged->component.ops = &merged_ops;
    merged->count = count;
    for (size_t i = 0; i < count; i++)
        merged->parts[i] = parts[i];
    merged->ready = lc_components_all_ready(parts, count);
    merged->done = lc_components_all_done(parts, count);
    if (!merged->ready || !merged->done) {
        merged_component_free(merged);
        return lc_error_new(-ENOMEM, "no memory to merge %zu components", count);
    }
    *result = &merged->component;
    return NULL;
}
