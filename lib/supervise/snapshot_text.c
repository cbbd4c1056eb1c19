/*
 * snapshot_text.c: see snapshot_text.h.
 */
#include "supervise/snapshot_text.h"

#include "base/memory.h"
#include "supervise/snapshot_put.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#define NONE SIZE_MAX

/* A node's place in the forest that the snapshot shows. */
struct place {
    size_t first; /* child, or NONE */
    size_t last;
    size_t next; /* sibling */
    size_t depth;
};

/*
 * Parents come before their children, but not right before them: so the lines do not come in the
 * order of the nodes. One place more than there are nodes stands for what is above them all.
 */
static struct place *places_find(const lc_snapshot *shown)
{
    struct place *places = lc__allocate_array(shown->count + 1, sizeof *places);
    if (!places)
        return NULL;
    for (size_t i = 0; i <= shown->count; i++)
        places[i] = (struct place){NONE, NONE, NONE, 0};
    for (size_t i = 0; i < shown->count; i++) {
        size_t parent = shown->nodes[i].parent;
        struct place *above = &places[parent == i ? shown->count : parent];
        places[i].depth = parent == i ? 0 : above->depth + 1;
        if (above->first == NONE)
            above->first = i;
        else
            places[above->last].next = i;
        above->last = i;
    }
    return places;
}

static size_t line_after(const lc_snapshot *shown, const struct place *places, size_t index)
{
    if (places[index].first != NONE)
        return places[index].first;
    while (places[index].next == NONE && shown->nodes[index].parent != index)
        index = shown->nodes[index].parent;
    return places[index].next;
}

/* A level of the tree: four columns. */
enum { INDENT = 4, WIDTH_MAX = 40 };

struct lines {
    const lc_snapshot *shown;
    struct place *places;
    char *branches; /* what stands before a child of the node printed last */
    size_t width;   /* of the first column */
};

static void line_put_first_column(FILE *out, const struct lines *lines, size_t index)
{
    const struct place *place = &lines->places[index];
    const char *name = lines->shown->nodes[index].name;
    size_t width = INDENT * place->depth + lc__snapshot_columns(name);
    if (place->depth > 0) {
        char *own = lines->branches + INDENT * (place->depth - 1);
        fwrite(lines->branches, 1, (size_t)(own - lines->branches), out);
        fputs(place->next == NONE ? "`-- " : "|-- ", out);
        memcpy(own, place->next == NONE ? "    " : "|   ", INDENT);
    }
    lc__snapshot_put(out, name, LC_SNAPSHOT_TEXT);
    for (; width < lines->width; width++)
        putc(' ', out);
}

static void line_put_dependencies(FILE *out, const lc_snapshot *shown, const lc_node_status *node)
{
    const char *before = "  after ";
    for (size_t i = 0; i < node->link_count; i++, before = ", ") {
        const lc_node_link *link = &shown->links[node->first_link + i];
        fputs(before, out);
        lc__snapshot_put(out, shown->nodes[link->dependency].name, LC_SNAPSHOT_TEXT);
        fprintf(out, " (%s%s%s)", link->met ? "" : "not yet ", link->condition,
                link->restart_along ? ", restarts along" : "");
    }
}

static void line_put(FILE *out, const struct lines *lines, size_t index)
{
    const lc_node_status *node = &lines->shown->nodes[index];
    line_put_first_column(out, lines, index);
    fputs("  ", out);
    lc__snapshot_put_state(out, lines->shown, node);
    if (node->overdue)
        fputs(", overdue", out);
    if (node->instance > 0)
        fprintf(out, "  instance %" PRIu64, node->instance);
    if (node->restarts > 0)
        fprintf(out, " (%" PRIu64 " restart%s)", node->restarts, node->restarts == 1 ? "" : "s");
    if (*node->waits_for) {
        fputs("  waits for ", out);
        lc__snapshot_put(out, node->waits_for, LC_SNAPSHOT_TEXT);
    }
    line_put_dependencies(out, lines->shown, node);
    if (node->error) {
        fputs("  last error: ", out);
        lc__snapshot_put(out, lc_error_message(node->error), LC_SNAPSHOT_TEXT);
    }
    putc('\n', out);
}

/* @return false if memory has run out. */
static bool lines_lay_out(struct lines *lines)
{
    size_t depth = 0;
    lines->places = places_find(lines->shown);
    if (!lines->places)
        return false;
    for (size_t i = 0; i < lines->shown->count; i++) {
        size_t width =
            INDENT * lines->places[i].depth + lc__snapshot_columns(lines->shown->nodes[i].name);
        if (width > lines->width)
            lines->width = width < WIDTH_MAX ? width : WIDTH_MAX;
        if (lines->places[i].depth > depth)
            depth = lines->places[i].depth;
    }
    lines->branches = lc__allocate_array(depth + 1, INDENT);
    return lines->branches != NULL;
}

bool lc__snapshot_print_text(FILE *out, const lc_snapshot *shown)
{
    struct lines lines = {.shown = shown};
    bool well = lines_lay_out(&lines);
    size_t index = well ? lines.places[shown->count].first : NONE;
    for (; index != NONE; index = line_after(shown, lines.places, index))
        line_put(out, &lines, index);
    lc__free(lines.branches);
    lc__free(lines.places);
    return well;
}
