/*
 * remaining.c: see remaining.h.
 */
#include "service/remaining.h"

#include <lifecycle/time.h>

#include <bsd/string.h>
#include <stdio.h>
#include <string.h>

static bool runs(const lc_node_status *node)
{
    switch (node->state) {
    case LC_NODE_STARTING:
    case LC_NODE_READY:
    case LC_NODE_FAILING:
    case LC_NODE_STOPPING:
    case LC_NODE_JUDGED:
        return true;
    case LC_NODE_WAITING:
    case LC_NODE_BACKOFF:
    case LC_NODE_DONE:
    case LC_NODE_STOPPED:
    case LC_NODE_DEAD:
    case LC_NODE_CANCELED:
        break;
    }
    return false;
}

/* For others: it is not the one that holds everything up. */
static bool waits(const lc_node_status *node)
{
    return *node->waits_for != '\0';
}

static void describe(const lc_node_status *node, int64_t now, char *text, size_t size)
{
    snprintf(text, size, "%s (%s for %.1f s%s%s)", node->name, lc_node_state_name(node->state),
             (double)(now - node->since) / (double)LC_SECOND, waits(node) ? ", waits for " : "",
             node->waits_for);
}

struct line {
    char *text;
    size_t size;
    size_t used;
    size_t left_out; /* nodes for which there was no room */
};

static void add(struct line *line, const char *one)
{
    enum { TAIL = 32 }; /* for how many more there are */
    if (line->used + strlen(one) + TAIL >= line->size) {
        line->left_out++;
        return;
    }
    line->used += (size_t)snprintf(line->text + line->used, line->size - line->used, "%s%s",
                                   line->used > 0 ? ", " : "", one);
}

static void list(const lc_snapshot *snapshot, struct line *line, bool waiting)
{
    char one[LC_NAME_MAX + 192];
    for (size_t i = 0; i < snapshot->count; i++) {
        const lc_node_status *node = &snapshot->nodes[i];
        if (!runs(node) || waits(node) != waiting)
            continue;
        describe(node, snapshot->time, one, sizeof one);
        add(line, one);
    }
}

/* First those that hold everything up: of a long list the rest is cut. */
static void list_all(const lc_snapshot *snapshot, char *text, size_t size)
{
    struct line line = {text, size, 0, 0};
    list(snapshot, &line, false);
    list(snapshot, &line, true);
    if (line.left_out > 0)
        snprintf(text + line.used, size - line.used, ", and %zu more", line.left_out);
    else if (line.used == 0)
        strlcpy(text, "nothing", size);
}

void lc__remaining(lc_supervisor *supervisor, char *text, size_t size)
{
    lc_snapshot *snapshot = lc_supervisor_snapshot(supervisor);
    if (snapshot)
        list_all(snapshot, text, size);
    else
        strlcpy(text, "(there is no memory to find out what)", size);
    lc_snapshot_free(snapshot);
}
