/*
 * snapshot_dot.c: see snapshot_dot.h.
 */
#include "supervise/snapshot_dot.h"

#include "supervise/snapshot_put.h"

/* How a node is drawn. box: it runs; octagon: it has failed; ellipse: it does not run. */
struct look {
    const char *shape;
    const char *colour;
};

static const struct look looks[] = {
    [LC_NODE_WAITING] = {"ellipse", "white"},      [LC_NODE_BACKOFF] = {"ellipse", "khaki"},
    [LC_NODE_STARTING] = {"box", "lightblue"},     [LC_NODE_READY] = {"box", "palegreen"},
    [LC_NODE_FAILING] = {"octagon", "orange"},     [LC_NODE_STOPPING] = {"box", "khaki"},
    [LC_NODE_JUDGED] = {"octagon", "khaki"},       [LC_NODE_DONE] = {"ellipse", "palegreen"},
    [LC_NODE_STOPPED] = {"ellipse", "lightgray"},  [LC_NODE_DEAD] = {"octagon", "tomato"},
    [LC_NODE_CANCELED] = {"ellipse", "lightgray"},
};

static void dot_put_node(FILE *out, const lc_snapshot *shown, size_t index)
{
    const lc_node_status *node = &shown->nodes[index];
    fprintf(out, "  n%zu [label=\"", index);
    lc__snapshot_put(out, node->name, LC_SNAPSHOT_DOT);
    fputs("\\n", out);
    lc__snapshot_put_state(out, shown, node);
    fprintf(out, "\", shape=%s, fillcolor=%s%s];\n", looks[node->state].shape,
            looks[node->state].colour, node->overdue ? ", color=red, penwidth=3" : "");
}

static void dot_put_edges(FILE *out, const lc_snapshot *shown, size_t index)
{
    const lc_node_status *node = &shown->nodes[index];
    if (node->parent != index)
        fprintf(out, "  n%zu -> n%zu;\n", node->parent, index);
    for (size_t i = 0; i < node->link_count; i++) {
        const lc_node_link *link = &shown->links[node->first_link + i];
        fprintf(out, "  n%zu -> n%zu [label=\"%s\", style=\"%s%s\"];\n", index, link->dependency,
                link->condition, link->met ? "solid" : "dashed",
                link->restart_along ? ",bold" : "");
    }
}

bool lc__snapshot_print_dot(FILE *out, const lc_snapshot *shown)
{
    fputs("digraph {\n  label=\"", out);
    lc__snapshot_put(out, shown->name, LC_SNAPSHOT_DOT);
    fputs("\";\n  node [style=filled];\n", out);
    for (size_t i = 0; i < shown->count; i++)
        dot_put_node(out, shown, i);
    for (size_t i = 0; i < shown->count; i++)
        dot_put_edges(out, shown, i);
    fputs("}\n", out);
    return true;
}
