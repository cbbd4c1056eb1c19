/*
 * node.c: see node.h.
 */
#include "supervise/node.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/options.h"
#include "context/owner.h"
#include "supervise/policy.h"

#include <errno.h>
#include <string.h>

static size_t node_count_needs(const lc_node *options)
{
    size_t count = 0;
    while (count < LC_NEEDS_MAX && options->needs[count])
        count++;
    return count;
}

static size_t node_count_dependencies(const lc_node *options)
{
    size_t count = 0;
    while (options->dependencies && options->dependencies[count])
        count++;
    return count;
}

/* Whether one of the first `count` dependencies has the name. */
static bool node_needs(const struct lc__node *node, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(node->needed[i].name, name) == 0)
            return true;
    return false;
}

LC__OPTIONS_END(lc_dependency, condition);

static lc_error *node_add_dependency(struct lc__node *node, size_t index, const lc_dependency *one)
{
    struct lc__needed *needed = &node->needed[index];
    if (!lc__name_fits(one->name))
        return lc_error_new(-EINVAL, "dependency %zu of \"%s\" must have a name of 1 to %d bytes",
                            index, node->name, LC_NAME_MAX);
    if ((unsigned)one->condition > LC_WHEN_COMPLETED)
        return lc_error_new(-EINVAL,
                            "\"%s\" depends on \"%s\" by condition %d, not one of LC_WHEN_...",
                            node->name, one->name, (int)one->condition);
    if (node_needs(node, index, one->name))
        return lc_error_new(-EINVAL, "\"%s\" depends on \"%s\" twice", node->name, one->name);
    lc__name_copy(needed->name, one->name);
    needed->edge.condition = (unsigned char)one->condition;
    needed->edge.along = one->restart_along;
    return NULL;
}

static lc_error *node_add_dependencies(struct lc__node *node, const lc_node *options)
{
    size_t needs = node_count_needs(options);
    lc_error *error = NULL;
    for (size_t i = 0; i < node->needed_count && !error; i++) {
        lc_dependency one = {.size = sizeof one};
        if (i < needs)
            one.name = options->needs[i];
        else
            error = lc__options_read(&one, sizeof one, options->dependencies[i - needs],
                                     "lc_dependency");
        if (!error)
            error = node_add_dependency(node, i, &one);
    }
    return error;
}

static lc_error *node_check_behaviors(const lc_node *options)
{
    if (!lc_behavior_name(options->on_error))
        return lc_error_new(-EINVAL, "on_error of \"%s\" is %d, not a behavior", options->name,
                            (int)options->on_error);
    if (!lc_behavior_name(options->first_start))
        return lc_error_new(-EINVAL, "first_start of \"%s\" is %d, not a behavior", options->name,
                            (int)options->first_start);
    return NULL;
}

/* Fills in the defaults. */
static lc_error *node_resolve_options(lc_node *options, struct lc__backoff *backoff)
{
    const char *name = options->name;
    lc_error *error = lc__policy_kind(&options->kind, name);
    if (!error)
        error = node_check_behaviors(options);
    if (!error)
        error = lc__policy_restart(&options->restart, name, LC__OF_GRAPH);
    if (!error)
        error = lc__policy_timeout(&options->start_timeout, "start_timeout", name);
    if (!error)
        error = lc__policy_timeout(&options->stop_timeout, "stop_timeout", name);
    if (!error)
        error = lc__policy_intensity(&options->intensity, name);
    return error ? error : lc__policy_backoff(backoff, &options->backoff, name, LC__OF_GRAPH);
}

static void node_set_policy(struct lc__node *node, const lc_node *options,
                            const struct lc__backoff *backoff)
{
    node->engine.policy = (struct lc__engine_policy){
        .restart = options->restart,
        .backoff = *backoff,
        .start_timeout = options->start_timeout,
        .stop_timeout = options->stop_timeout,
        .judged = options->judge != NULL,
        .on_error = options->on_error,
        .first_start = options->first_start,
    };
    node->judge = options->judge;
    node->judge_arg = options->judge_arg ? options->judge_arg : options->arg;
    node->launch = (struct lc__launch){
        .kind = options->kind, .executor = options->executor, .name = node->name};
}

/* @return NULL: no memory. */
static struct lc__node *node_allocate(const lc_node *options)
{
    size_t needed = node_count_needs(options) + node_count_dependencies(options);
    struct lc__node *node = lc__allocate(sizeof *node + needed * sizeof(struct lc__needed));
    if (!node)
        return NULL;
    node->needed_count = needed;
    lc__name_copy(node->name, options->name);
    node->engine.name = node->name;
    node->engine.intensity = &node->intensity;
    if (lc__intensity_init(&node->intensity, &options->intensity))
        return node;
    lc__free(node);
    return NULL;
}

LC__OPTIONS_END(lc_node, stop_timeout);

lc_error *lc__node_new(struct lc__shell *shell, const lc_node *given, lc__nested_maker nest,
                       struct lc__node **made)
{
    lc_node options;
    struct lc__backoff backoff;
    lc_error *error = lc__options_read(&options, sizeof options, given, "lc_node");
    if (!error)
        error = lc__policy_name(&options.name, NULL, "the name of a node");
    if (!error)
        error = node_resolve_options(&options, &backoff);
    if (error)
        return error;
    struct lc__node *node = node_allocate(&options);
    if (!node)
        return lc_error_new(-ENOMEM, "no memory for node \"%s\"", options.name);
    node->shell = shell;
    node_set_policy(node, &options, &backoff);
    error = node_add_dependencies(node, &options);
    if (!error)
        error = lc__source_init(&node->source, &options, node->name, nest);
    if (!error)
        *made = node;
    else
        lc__node_free(node);
    return error;
}

void lc__node_free(struct lc__node *node)
{
    LC__ASSERT(!node->instance && !node->judgement.error);
    lc__engine_node_end(&node->engine);
    lc__source_end(&node->source);
    lc_handle_close(node->over); /* of a supervisor that has not run */
    lc_handle_unref(node->over);
    lc_handle_unref(node->gone);
    lc__free(node->awaited);
    lc__owner_unref(node->owner);
    lc__free(node->intensity.times);
    lc__free(node);
}

struct lc__owner *lc__node_owner(struct lc__node *node)
{
    char path[LC__PATH_SIZE];
    LC__ASSERT(lc__shell_serves(node->shell) && node->shell->started);
    if (!node->owner)
        node->owner = lc__owner_new(node->shell, lc__shell_path(node->shell, node->name, path));
    return node->owner;
}
