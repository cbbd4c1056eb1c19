/*
 * child.c: see child.h.
 */
#include "supervise/child.h"

#include "base/name.h"
#include "base/options.h"
#include "supervise/policy.h"

#include <errno.h>
#include <string.h>

lc_error *lc__child_check_name(const char *name)
{
    static const char valid[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    _Static_assert(LC_TREE_NAME_MAX == LC_NAME_MAX, "lc__name_fits() knows one limit");
    if (name && lc__name_fits(name) && name[strspn(name, valid)] == '\0')
        return NULL;
    return lc_error_new(-EINVAL, "\"%.*s\" is no name for a runnable: 1 to %d of A-Z a-z 0-9 _ -",
                        LC_TREE_NAME_MAX, name ? name : "", LC_TREE_NAME_MAX);
}

static lc_error *child_check_significance(const lc_child *child)
{
    if (child->significant && child->restart == LC_PERMANENT)
        return lc_error_new(-EINVAL,
                            "significant of \"%s\" is true, which needs restart LC_TRANSIENT or "
                            "LC_TEMPORARY",
                            child->name);
    return NULL;
}

LC__OPTIONS_END(lc_child, stop_timeout);

lc_error *lc__child_read(struct lc__child *child, const lc_child *given, const char *name)
{
    lc_child *options = &child->options;
    lc_error *error = lc__options_read(options, sizeof *options, given, "lc_child");
    if (error)
        return error;
    if (!options->name)
        options->name = name;
    error = lc__child_check_name(options->name);
    if (!error && !options->run)
        error = lc_error_new(-EINVAL, "run of \"%s\" is missing", options->name);
    if (!error)
        error = lc__policy_kind(&options->kind, options->name);
    if (!error)
        error = lc__policy_restart(&options->restart, options->name, LC__OF_TREE);
    if (!error)
        error = child_check_significance(options);
    if (!error)
        error = lc__policy_timeout(&options->stop_timeout, "stop_timeout", options->name);
    return error
               ? error
               : lc__policy_backoff(&child->backoff, &options->backoff, options->name, LC__OF_TREE);
}

static lc_error *group_check_rules(const lc_child_group *group)
{
    if ((unsigned)group->strategy > LC_REST_FOR_ONE)
        return lc_error_new(-EINVAL, "strategy of the group is %d, not a strategy",
                            (int)group->strategy);
    if ((unsigned)group->automatic_shutdown > LC_AUTOMATIC_SHUTDOWN_ALL)
        return lc_error_new(-EINVAL,
                            "automatic_shutdown of the group is %d, not one of "
                            "LC_AUTOMATIC_SHUTDOWN_...",
                            (int)group->automatic_shutdown);
    return NULL;
}

/* The children are counted before they are read, so that a list without an end is refused. */
static lc_error *group_count_children(const lc_child_group *group, size_t *count)
{
    while (group->children && group->children[*count])
        if (++*count > LC_TREE_NODES_MAX)
            return lc_error_new(-ENOSPC, "a tree has at most %d runnables", LC_TREE_NODES_MAX);
    return NULL;
}

LC__OPTIONS_END(lc_child_group, intensity);

lc_error *lc__child_group_read(lc_child_group *group, const lc_child_group *given, size_t *count)
{
    struct lc__child child = {.options = {.name = ""}};
    *count = 0;
    if (!given)
        return lc_error_new(-EINVAL, "there is no group of children");
    lc_error *error = lc__options_read(group, sizeof *group, given, "lc_child_group");
    if (!error)
        error = group_check_rules(group);
    if (!error)
        error = group_count_children(group, count);
    for (size_t i = 0; i < *count && !error; i++) {
        error = lc__child_read(&child, group->children[i], NULL);
        if (i == 0 && !error)
            error = lc__policy_intensity(&group->intensity, child.options.name);
    }
    return error;
}
