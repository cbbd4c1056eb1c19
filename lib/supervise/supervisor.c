/*
 * supervisor.c: see supervisor.h.
 */
#include "supervise/supervisor.h"

#include "base/fork.h"
#include "base/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int node_compare_names(const struct lc__node *one, const struct lc__node *other)
{
    return strcmp(one->name, other->name);
}

RB_GENERATE_INTERNAL(lc__supervisor_names, lc__node, by_name, node_compare_names, )

struct lc__node *lc__supervisor_find(lc_supervisor *supervisor, const char *name)
{
    struct lc__node key;
    LC__ASSERT(lc__shell_serves(&supervisor->shell));
    lc__name_copy(key.name, name);
    return RB_FIND(lc__supervisor_names, &supervisor->names, &key);
}

/* ---- the graph ---- */

lc_error *lc__supervisor_look_up(lc_supervisor *supervisor, struct lc__node *node)
{
    for (size_t i = 0; i < node->needed_count; i++) {
        struct lc__needed *needed = &node->needed[i];
        needed->node = lc__supervisor_find(supervisor, needed->name);
        if (!needed->node || needed->node->engine.graph.leaving ||
            lc__engine_is_forgotten(&needed->node->engine))
            return lc_error_new(-ENOENT,
                                "node \"%s\" depends on \"%s\", which is not a node of \"%s\"",
                                node->name, needed->name, supervisor->shell.name);
        if (needed->edge.condition == LC_WHEN_COMPLETED &&
            needed->node->engine.policy.restart == LC_PERMANENT)
            return lc_error_new(
                -EINVAL,
                "node \"%s\" waits for \"%s\" to complete, which never does, "
                "since it is permanent: LC_TRANSIENT or LC_TEMPORARY would be right",
                node->name, needed->name);
    }
    return NULL;
}

/* `from` depends on `to`, and `via` leads back from `from` to `to`. */
static lc_error *graph_cycle_error(const struct lc__node *from, const struct lc__node *to)
{
    char path[LC_ERROR_MESSAGE_MAX / 2];
    char piece[LC_NAME_MAX + 5];
    size_t end = sizeof path - 1;
    path[end] = '\0';
    snprintf(piece, sizeof piece, " -> %s", to->name);
    for (const struct lc__node *node = from;; node = node->via) {
        size_t length = strlen(piece);
        if (length + 8 > end) { /* of a long circle the end is shown */
            memcpy(path + (end -= 4), "... ", 4);
            break;
        }
        memcpy(path + (end -= length), piece, length);
        if (node == to)
            break;
        snprintf(piece, sizeof piece, " -> %s", node->name);
    }
    return lc_error_new(-ELOOP, "the dependencies go round in a circle: %s%s", to->name,
                        path + end);
}

enum { UNSEEN, BEGUN, SEEN };

/* The next dependency of the node that the search has not left; NULL: there is none. */
static struct lc__node *node_next_needed(struct lc__node *node)
{
    while (node->at < node->needed_count) {
        struct lc__node *next = node->needed[node->at++].node;
        if (next->colour != SEEN)
            return next;
    }
    return NULL;
}

/*
 * A depth-first search from one node, without recursion: `via` leads back to the start, `at` is the
 * next dependency of each node.
 */
static lc_error *graph_search_cycle(struct lc__node *start)
{
    start->via = NULL;
    start->colour = BEGUN;
    for (struct lc__node *node = start; node;) {
        struct lc__node *next = node_next_needed(node);
        if (!next) {
            node->colour = SEEN;
            node = node->via;
        } else if (next->colour == BEGUN) {
            return graph_cycle_error(node, next);
        } else {
            next->via = node;
            next->colour = BEGUN;
            node = next;
        }
    }
    return NULL;
}

lc_error *lc__supervisor_check_graph(lc_supervisor *supervisor)
{
    struct lc__node *node;
    lc_error *error = NULL;
    RB_FOREACH (node, lc__supervisor_names, &supervisor->names) {
        node->colour = UNSEEN;
        node->at = 0;
        error = error ? error : lc__supervisor_look_up(supervisor, node);
    }
    RB_FOREACH (node, lc__supervisor_names, &supervisor->names)
        if (!error && node->colour == UNSEEN)
            error = graph_search_cycle(node);
    return error;
}

void lc__supervisor_link(struct lc__node *node)
{
    for (size_t i = 0; i < node->needed_count; i++)
        lc__engine_link(&node->needed[i].edge, &node->engine, &node->needed[i].node->engine);
}

lc_error *lc__supervisor_check_forked(const lc_supervisor *supervisor)
{
    if (!lc__forked())
        return NULL;
    return lc_error_new(-ENOTSUP,
                        "\"%s\" can be neither run nor changed in a child forked when there were "
                        "workers",
                        supervisor->shell.name);
}

static void supervisor_check(struct lc__shell *shell, void *arg)
{
    lc_error **error = arg;
    if (!shell->started)
        *error = lc__supervisor_check_graph(lc__supervisor_of(shell));
}

lc_error *lc_supervisor_check(lc_supervisor *supervisor)
{
    if (!supervisor)
        return lc_error_new(-EINVAL, "lc_supervisor_check needs a supervisor");
    lc_error *error = lc__supervisor_check_forked(supervisor);
    if (!error)
        lc__shell_call(&supervisor->shell, supervisor_check, &error);
    return error;
}
