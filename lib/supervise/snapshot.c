/*
 * snapshot.c: makes snapshots. See <lifecycle/observe.h> and snapshot.h.
 */
#include "supervise/snapshot.h"

#include "base/assert.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Texts of one snapshot, one behind another. */
struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    char texts[];
};

struct lc__snapshot {
    lc_snapshot shown; /* first */
    lc_node_status *nodes;
    lc_node_link *links;
    size_t node_room;
    size_t link_room;
    struct chunk *chunks; /* the latest first */
    bool incomplete;      /* there was no memory for a part of it */
    char *printed[LC__SNAPSHOT_FORMATS];
};

static const char *const state_names[] = {
    [LC_NODE_WAITING] = "waiting", [LC_NODE_BACKOFF] = "back-off",  [LC_NODE_STARTING] = "starting",
    [LC_NODE_READY] = "ready",     [LC_NODE_FAILING] = "failing",   [LC_NODE_STOPPING] = "stopping",
    [LC_NODE_JUDGED] = "judged",   [LC_NODE_DONE] = "done",         [LC_NODE_STOPPED] = "stopped",
    [LC_NODE_DEAD] = "dead",       [LC_NODE_CANCELED] = "canceled",
};

static const char *const condition_names[] = {
    [LC_WHEN_READY] = "ready",
    [LC_WHEN_STARTED] = "started",
    [LC_WHEN_COMPLETED] = "completed",
};

const char *lc_node_state_name(lc_node_state state)
{
    size_t number = (size_t)state;
    return number < sizeof state_names / sizeof *state_names ? state_names[number] : NULL;
}

/* ---- making ---- */

struct lc__snapshot *lc__snapshot_new(const char *name, int64_t time, size_t nodes, size_t links)
{
    struct lc__snapshot *snapshot = lc__allocate(sizeof *snapshot);
    if (!snapshot)
        return NULL;
    snapshot->node_room = nodes;
    snapshot->link_room = links;
    snapshot->nodes = lc__allocate_array(nodes + 1, sizeof *snapshot->nodes);
    snapshot->links = lc__allocate_array(links + 1, sizeof *snapshot->links);
    snapshot->shown.nodes = snapshot->nodes;
    snapshot->shown.links = snapshot->links;
    snapshot->shown.time = time;
    snapshot->shown.name = lc__snapshot_text(snapshot, "%s", name);
    if (snapshot->nodes && snapshot->links && !snapshot->incomplete)
        return snapshot;
    lc_snapshot_free(&snapshot->shown);
    return NULL;
}

lc_node_status *lc__snapshot_add(struct lc__snapshot *snapshot, const char *name)
{
    size_t index = snapshot->shown.count++;
    LC__ASSERT(index < snapshot->node_room);
    lc_node_status *row = &snapshot->nodes[index];
    row->name = lc__snapshot_text(snapshot, "%s", name);
    row->waits_for = "";
    row->parent = index;
    row->first_link = snapshot->shown.link_count;
    return row;
}

void lc__snapshot_link(struct lc__snapshot *snapshot, size_t dependency, lc_condition condition,
                       bool restart_along, bool met)
{
    LC__ASSERT(snapshot->shown.count > 0 && snapshot->shown.link_count < snapshot->link_room);
    LC__ASSERT(dependency < snapshot->node_room);
    snapshot->links[snapshot->shown.link_count++] =
        (lc_node_link){dependency, condition_names[condition], restart_along, met};
    snapshot->nodes[snapshot->shown.count - 1].link_count++;
}

static struct chunk *snapshot_add_chunk(struct lc__snapshot *snapshot, size_t needed)
{
    enum { USUAL = 4000 };
    size_t size = needed > USUAL ? needed : USUAL;
    struct chunk *chunk = lc__allocate(sizeof *chunk + size);
    if (!chunk)
        return NULL;
    chunk->size = size;
    chunk->next = snapshot->chunks;
    snapshot->chunks = chunk;
    return chunk;
}

LC_PRINTF(2, 0)
static const char *snapshot_add_text(struct lc__snapshot *snapshot, const char *format,
                                     va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    struct chunk *chunk = snapshot->chunks;
    size_t left = chunk ? chunk->size - chunk->used : 0;
    int length = vsnprintf(chunk ? chunk->texts + chunk->used : NULL, left, format, arguments);
    if (length >= 0 && (size_t)length >= left) {
        chunk = snapshot_add_chunk(snapshot, (size_t)length + 1);
        if (chunk)
            vsnprintf(chunk->texts, chunk->size, format, again);
    }
    va_end(again);
    if (length < 0 || !chunk)
        return NULL;
    const char *text = chunk->texts + chunk->used;
    chunk->used += (size_t)length + 1;
    return text;
}

const char *lc__snapshot_text(struct lc__snapshot *snapshot, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = snapshot_add_text(snapshot, format, arguments);
    va_end(arguments);
    if (text)
        return text;
    snapshot->incomplete = true;
    return "";
}

/* A larger copy of an array; NULL: no memory. */
static void *array_enlarge(const void *array, size_t count, size_t room, size_t size)
{
    void *larger = lc__allocate_array(room + 1, size);
    if (larger)
        memcpy(larger, array, count * size);
    return larger;
}

/* Makes room for more nodes and links. @return false: no memory. */
static bool snapshot_grow(struct lc__snapshot *snapshot, size_t nodes, size_t links)
{
    size_t node_room = snapshot->node_room + nodes;
    size_t link_room = snapshot->shown.link_count + links;
    lc_node_status *all_nodes =
        array_enlarge(snapshot->nodes, snapshot->shown.count, node_room, sizeof *all_nodes);
    lc_node_link *all_links =
        array_enlarge(snapshot->links, snapshot->shown.link_count, link_room, sizeof *all_links);
    if (!all_nodes || !all_links) {
        lc__free(all_nodes);
        lc__free(all_links);
        return false;
    }
    lc__free(snapshot->nodes);
    lc__free(snapshot->links);
    snapshot->shown.nodes = snapshot->nodes = all_nodes;
    snapshot->shown.links = snapshot->links = all_links;
    snapshot->node_room = node_room;
    snapshot->link_room = link_room;
    return true;
}

static void snapshot_append_node(struct lc__snapshot *snapshot, const char *path,
                                 const lc_node_status *node)
{
    lc_node_status *row = &snapshot->nodes[snapshot->shown.count++];
    *row = *node;
    row->error = lc_error_ref((lc_error *)(uintptr_t)node->error);
    row->name = lc__snapshot_text(snapshot, "%s/%s", path, node->name);
    row->waits_for = lc__snapshot_text(snapshot, "%s", node->waits_for);
    row->first_link += snapshot->shown.link_count;
}

size_t lc__snapshot_append(struct lc__snapshot *snapshot, size_t parent, const char *path,
                           const lc_snapshot *nested)
{
    size_t first = snapshot->shown.count;
    LC__ASSERT(first == snapshot->node_room && parent < first);
    if (!snapshot_grow(snapshot, nested->count, nested->link_count)) {
        snapshot->incomplete = true;
        return SIZE_MAX;
    }
    for (size_t i = 0; i < nested->count; i++) {
        snapshot_append_node(snapshot, path, &nested->nodes[i]);
        lc_node_status *row = &snapshot->nodes[first + i];
        row->parent = row->parent == i ? parent : first + row->parent;
    }
    for (size_t i = 0; i < nested->link_count; i++) {
        lc_node_link *link = &snapshot->links[snapshot->shown.link_count++];
        *link = nested->links[i];
        link->dependency += first;
    }
    return first;
}

/* ---- what is nested ---- */

/* A component whose parts are being visited. */
struct nest {
    struct lc__snapshot *snapshot;
    size_t parent;    /* the node of the component */
    const char *path; /* the names of its nodes begin with this */
    size_t first;     /* index of its first node; SIZE_MAX: none */
};

static void nest_component(struct lc__snapshot *snapshot, size_t parent, const char *path,
                           lc_component *component);

/* A part that is no node, of a merged component for example, shows in the names below it. */
static void nest_part(const lc_part *part, void *arg)
{
    struct nest *nest = arg;
    struct lc__snapshot *snapshot = nest->snapshot;
    if (part->snapshot && part->index == 0)
        nest->first = lc__snapshot_append(snapshot, nest->parent, nest->path, part->snapshot);
    if (!part->component)
        return;
    if (!part->snapshot) {
        const char *path = lc__snapshot_text(snapshot, "%s/%s", nest->path, part->name);
        nest_component(snapshot, nest->parent, path, part->component);
    } else if (nest->first != SIZE_MAX) {
        size_t index = nest->first + part->index;
        nest_component(snapshot, index, snapshot->nodes[index].name, part->component);
    }
}

static void nest_component(struct lc__snapshot *snapshot, size_t parent, const char *path,
                           lc_component *component)
{
    struct nest nest = {snapshot, parent, path, SIZE_MAX};
    lc_component_parts(component, nest_part, &nest);
}

void lc__snapshot_nest(struct lc__snapshot *snapshot, size_t parent, lc_component *component)
{
    LC__ASSERT(parent < snapshot->shown.count);
    nest_component(snapshot, parent, snapshot->nodes[parent].name, component);
}

const lc_part lc__part_unknown = {
    .name = "(there is no memory to find out what)",
    .state = LC_NODE_STARTING,
    .is_worker = true,
};

lc_part lc__snapshot_part(const lc_snapshot *snapshot, size_t index, lc_component *component)
{
    const lc_node_status *node = &snapshot->nodes[index];
    LC__ASSERT(index < snapshot->count);
    return (lc_part){
        .name = node->name,
        .state = node->state,
        .since = node->since,
        .waits_for = node->waits_for,
        .component = component,
        .snapshot = snapshot,
        .index = index,
    };
}

const lc_snapshot *lc__snapshot_shown(const struct lc__snapshot *snapshot)
{
    return &snapshot->shown;
}

lc_snapshot *lc__snapshot_finish(struct lc__snapshot *snapshot)
{
    LC__ASSERT(snapshot->shown.count == snapshot->node_room);
    LC__ASSERT(snapshot->shown.link_count <= snapshot->link_room);
    if (!snapshot->incomplete)
        return &snapshot->shown;
    lc_snapshot_free(&snapshot->shown);
    return NULL;
}

void lc_snapshot_free(lc_snapshot *shown)
{
    struct lc__snapshot *snapshot = (struct lc__snapshot *)shown;
    if (!snapshot)
        return;
    for (size_t i = 0; i < shown->count; i++)
        lc_error_unref((lc_error *)(uintptr_t)shown->nodes[i].error);
    for (struct chunk *next, *chunk = snapshot->chunks; chunk; chunk = next) {
        next = chunk->next;
        lc__free(chunk);
    }
    for (int format = 0; format < LC__SNAPSHOT_FORMATS; format++)
        lc__free(snapshot->printed[format]);
    lc__free(snapshot->nodes);
    lc__free(snapshot->links);
    lc__free(snapshot);
}

char **lc__snapshot_printed(lc_snapshot *shown, lc_snapshot_format format)
{
    return &((struct lc__snapshot *)shown)->printed[format];
}
