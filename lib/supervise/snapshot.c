/*
 * snapshot.c: snapshots, made and printed. See <lifecycle/observe.h> and snapshot.h.
 */
#include "supervise/snapshot.h"

#include "base/memory.h"
#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMATS = LC_SNAPSHOT_DOT + 1 };

/* Texts of one snapshot, one behind the other. */
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
    bool incomplete;      /* there was no memory for a text */
    char *printed[FORMATS];
};

/* How a node is shown: by its name, and in drawings. */
struct look {
    const char *name;
    const char *shape; /* box: it runs; octagon: it has failed; ellipse: it does not run */
    const char *colour;
};

static const struct look looks[] = {
    [LC_NODE_WAITING] = {"waiting", "ellipse", "white"},
    [LC_NODE_BACKOFF] = {"back-off", "ellipse", "khaki"},
    [LC_NODE_STARTING] = {"starting", "box", "lightblue"},
    [LC_NODE_READY] = {"ready", "box", "palegreen"},
    [LC_NODE_FAILING] = {"failing", "octagon", "orange"},
    [LC_NODE_STOPPING] = {"stopping", "box", "khaki"},
    [LC_NODE_JUDGED] = {"judged", "octagon", "khaki"},
    [LC_NODE_DONE] = {"done", "ellipse", "palegreen"},
    [LC_NODE_STOPPED] = {"stopped", "ellipse", "lightgray"},
    [LC_NODE_DEAD] = {"dead", "octagon", "tomato"},
    [LC_NODE_CANCELED] = {"canceled", "ellipse", "lightgray"},
};

static const char *const condition_names[] = {
    [LC_WHEN_READY] = "ready",
    [LC_WHEN_STARTED] = "started",
    [LC_WHEN_COMPLETED] = "completed",
};

const char *lc_node_state_name(lc_node_state state)
{
    size_t number = (size_t)state;
    return number < sizeof looks / sizeof *looks ? looks[number].name : NULL;
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
    assert(index < snapshot->node_room);
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
    assert(snapshot->shown.count > 0 && snapshot->shown.link_count < snapshot->link_room);
    assert(dependency < snapshot->node_room);
    snapshot->links[snapshot->shown.link_count++] =
        (lc_node_link){dependency, condition_names[condition], restart_along, met};
    snapshot->nodes[snapshot->shown.count - 1].link_count++;
}

static struct chunk *add_chunk(struct lc__snapshot *snapshot, size_t needed)
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
static const char *add_text(struct lc__snapshot *snapshot, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    struct chunk *chunk = snapshot->chunks;
    size_t left = chunk ? chunk->size - chunk->used : 0;
    int length = vsnprintf(chunk ? chunk->texts + chunk->used : NULL, left, format, arguments);
    if (length >= 0 && (size_t)length >= left) {
        chunk = add_chunk(snapshot, (size_t)length + 1);
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
    const char *text = add_text(snapshot, format, arguments);
    va_end(arguments);
    if (text)
        return text;
    snapshot->incomplete = true;
    return "";
}

/* A larger copy of an array; NULL: no memory. */
static void *enlarge(const void *array, size_t count, size_t room, size_t size)
{
    void *larger = lc__allocate_array(room + 1, size);
    if (larger)
        memcpy(larger, array, count * size);
    return larger;
}

/* Makes room for so many nodes and links more. */
static bool grow(struct lc__snapshot *snapshot, size_t nodes, size_t links)
{
    size_t node_room = snapshot->node_room + nodes;
    size_t link_room = snapshot->shown.link_count + links;
    lc_node_status *all_nodes =
        enlarge(snapshot->nodes, snapshot->shown.count, node_room, sizeof *all_nodes);
    lc_node_link *all_links =
        enlarge(snapshot->links, snapshot->shown.link_count, link_room, sizeof *all_links);
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

static void append_node(struct lc__snapshot *snapshot, const char *path, const lc_node_status *node)
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
    assert(first == snapshot->node_room && parent < first);
    if (!grow(snapshot, nested->count, nested->link_count)) {
        snapshot->incomplete = true;
        return SIZE_MAX;
    }
    for (size_t i = 0; i < nested->count; i++) {
        append_node(snapshot, path, &nested->nodes[i]);
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

/* A component on the way down. */
struct nest {
    struct lc__snapshot *snapshot;
    size_t parent;    /* the node that the component belongs to */
    const char *path; /* with which the names of its nodes begin */
    size_t first;     /* index of its first node; SIZE_MAX: none */
};

static void nest_component(struct lc__snapshot *snapshot, size_t parent, const char *path,
                           lc_component *component);

/* A part that is no node of its own, of a merged component, say, shows in the names below it. */
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
    assert(snapshot->shown.count == snapshot->node_room);
    assert(snapshot->shown.link_count <= snapshot->link_room);
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
    for (int format = 0; format < FORMATS; format++)
        lc__free(snapshot->printed[format]);
    lc__free(snapshot->nodes);
    lc__free(snapshot->links);
    lc__free(snapshot);
}

/* ---- characters ---- */

#define ESCAPED_SIZE 12

/* What stands for a character. DOT shows two backslashes as one, and knows the entities of HTML. */
static void escape(char escaped[static ESCAPED_SIZE], uint32_t character, lc_snapshot_format format)
{
    const char *backslash = format == LC_SNAPSHOT_DOT ? "\\\\" : "\\";
    if (character == '\\')
        snprintf(escaped, ESCAPED_SIZE, "%s%s", backslash, backslash);
    else if (character == '\n')
        snprintf(escaped, ESCAPED_SIZE, "%sn", backslash);
    else if (lc__text_acts(character))
        snprintf(escaped, ESCAPED_SIZE, "%su%04x", backslash, (unsigned)character);
    else if (character == '"' && format != LC_SNAPSHOT_TEXT)
        snprintf(escaped, ESCAPED_SIZE, "\\\"");
    else if (character == '&' && format == LC_SNAPSHOT_DOT)
        snprintf(escaped, ESCAPED_SIZE, "&amp;");
    else
        lc__text_encode(escaped, character);
}

static void put(FILE *out, const char *text, lc_snapshot_format format)
{
    char escaped[ESCAPED_SIZE];
    uint32_t character;
    while (*text) {
        text += lc__text_decode(text, &character);
        escape(escaped, character, format);
        fputs(escaped, out);
    }
}

/* How many columns a text takes in LC_SNAPSHOT_TEXT, each character taken for one. */
static size_t columns(const char *text)
{
    char escaped[ESCAPED_SIZE];
    uint32_t character;
    size_t count = 0;
    while (*text) {
        text += lc__text_decode(text, &character);
        escape(escaped, character, LC_SNAPSHOT_TEXT);
        count += character < 0x80 || lc__text_acts(character) ? strlen(escaped) : 1;
    }
    return count;
}

/* How long the node has been in its state: for a person, so no finer than one would say it. */
static void put_duration(FILE *out, int64_t duration)
{
    int64_t seconds = duration / LC_SECOND;
    int64_t minutes = seconds / 60, hours = minutes / 60;
    if (seconds < 60)
        fprintf(out, "%d.%d s", (int)seconds, (int)(duration / (LC_SECOND / 10) % 10));
    else if (hours < 1)
        fprintf(out, "%d min %d s", (int)minutes, (int)(seconds % 60));
    else if (hours < 24)
        fprintf(out, "%d h %d min", (int)hours, (int)(minutes % 60));
    else
        fprintf(out, "%" PRId64 " d %d h", hours / 24, (int)(hours % 24));
}

static void put_state(FILE *out, const lc_snapshot *shown, const lc_node_status *node)
{
    int64_t duration = shown->time - node->since;
    fprintf(out, "%s ", looks[node->state].name);
    put_duration(out, duration > 0 ? duration : 0);
}

/* ---- text: a line a node, children below their parents ---- */

#define NONE SIZE_MAX

/* A node's place in the forest that the snapshot shows; none has children in a graph. */
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
static struct place *find_places(const lc_snapshot *shown)
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

static void put_first_column(FILE *out, const struct lines *lines, size_t index)
{
    const struct place *place = &lines->places[index];
    const char *name = lines->shown->nodes[index].name;
    size_t width = INDENT * place->depth + columns(name);
    if (place->depth > 0) {
        char *own = lines->branches + INDENT * (place->depth - 1);
        fwrite(lines->branches, 1, (size_t)(own - lines->branches), out);
        fputs(place->next == NONE ? "`-- " : "|-- ", out);
        memcpy(own, place->next == NONE ? "    " : "|   ", INDENT);
    }
    put(out, name, LC_SNAPSHOT_TEXT);
    for (; width < lines->width; width++)
        putc(' ', out);
}

static void put_dependencies(FILE *out, const lc_snapshot *shown, const lc_node_status *node)
{
    const char *before = "  after ";
    for (size_t i = 0; i < node->link_count; i++, before = ", ") {
        const lc_node_link *link = &shown->links[node->first_link + i];
        fputs(before, out);
        put(out, shown->nodes[link->dependency].name, LC_SNAPSHOT_TEXT);
        fprintf(out, " (%s%s%s)", link->met ? "" : "not yet ", link->condition,
                link->restart_along ? ", restarts along" : "");
    }
}

static void put_line(FILE *out, const struct lines *lines, size_t index)
{
    const lc_node_status *node = &lines->shown->nodes[index];
    put_first_column(out, lines, index);
    fputs("  ", out);
    put_state(out, lines->shown, node);
    if (node->overdue)
        fputs(", overdue", out);
    if (node->instance > 0)
        fprintf(out, "  instance %" PRIu64, node->instance);
    if (node->restarts > 0)
        fprintf(out, " (%" PRIu64 " restart%s)", node->restarts, node->restarts == 1 ? "" : "s");
    if (*node->waits_for) {
        fputs("  waits for ", out);
        put(out, node->waits_for, LC_SNAPSHOT_TEXT);
    }
    put_dependencies(out, lines->shown, node);
    if (node->error) {
        fputs("  last error: ", out);
        put(out, lc_error_message(node->error), LC_SNAPSHOT_TEXT);
    }
    putc('\n', out);
}

/* @return false if memory has run out. */
static bool lay_out(struct lines *lines)
{
    size_t depth = 0;
    lines->places = find_places(lines->shown);
    if (!lines->places)
        return false;
    for (size_t i = 0; i < lines->shown->count; i++) {
        size_t width = INDENT * lines->places[i].depth + columns(lines->shown->nodes[i].name);
        if (width > lines->width)
            lines->width = width < WIDTH_MAX ? width : WIDTH_MAX;
        if (lines->places[i].depth > depth)
            depth = lines->places[i].depth;
    }
    lines->branches = lc__allocate_array(depth + 1, INDENT);
    return lines->branches != NULL;
}

static bool print_text(FILE *out, const lc_snapshot *shown)
{
    struct lines lines = {.shown = shown};
    bool well = lay_out(&lines);
    size_t index = well ? lines.places[shown->count].first : NONE;
    for (; index != NONE; index = line_after(shown, lines.places, index))
        put_line(out, &lines, index);
    lc__free(lines.branches);
    lc__free(lines.places);
    return well;
}

/* ---- JSON ---- */

static void put_json(FILE *out, const char *key, const char *text)
{
    fprintf(out, "\"%s\":\"", key);
    put(out, text, LC_SNAPSHOT_JSON);
    putc('"', out);
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void put_json_error(FILE *out, const lc_error *error)
{
    fputs("\"error\":", out);
    if (!error) {
        fputs("null", out);
        return;
    }
    fprintf(out, "{\"code\":%d,", lc_error_code(error));
    put_json(out, "message", lc_error_message(error));
    putc('}', out);
}

static void put_json_link(FILE *out, const lc_snapshot *shown, const lc_node_link *link)
{
    putc('{', out);
    put_json(out, "name", shown->nodes[link->dependency].name);
    fprintf(out, ",\"condition\":\"%s\",\"restart_along\":%s,\"met\":%s}", link->condition,
            truth(link->restart_along), truth(link->met));
}

static void put_json_node(FILE *out, const lc_snapshot *shown, size_t index)
{
    const lc_node_status *node = &shown->nodes[index];
    putc('{', out);
    put_json(out, "name", node->name);
    fprintf(out, ",\"state\":\"%s\",\"since\":%" PRId64, looks[node->state].name, node->since);
    fprintf(out, ",\"instance\":%" PRIu64 ",\"restarts\":%" PRIu64 ",", node->instance,
            node->restarts);
    put_json_error(out, node->error);
    putc(',', out);
    put_json(out, "waits_for", node->waits_for);
    fprintf(out, ",\"overdue\":%s,", truth(node->overdue));
    if (node->parent == index)
        fputs("\"parent\":null", out);
    else
        put_json(out, "parent", shown->nodes[node->parent].name);
    fputs(",\"dependencies\":[", out);
    for (size_t i = 0; i < node->link_count; i++) {
        fputs(i > 0 ? "," : "", out);
        put_json_link(out, shown, &shown->links[node->first_link + i]);
    }
    fputs("]}", out);
}

static bool print_json(FILE *out, const lc_snapshot *shown)
{
    putc('{', out);
    put_json(out, "name", shown->name);
    fprintf(out, ",\"time\":%" PRId64 ",\"nodes\":[", shown->time);
    for (size_t i = 0; i < shown->count; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        put_json_node(out, shown, i);
    }
    fputs("]}\n", out);
    return true;
}

/* ---- DOT ---- */

static void put_dot_node(FILE *out, const lc_snapshot *shown, size_t index)
{
    const lc_node_status *node = &shown->nodes[index];
    fprintf(out, "  n%zu [label=\"", index);
    put(out, node->name, LC_SNAPSHOT_DOT);
    fputs("\\n", out);
    put_state(out, shown, node);
    fprintf(out, "\", shape=%s, fillcolor=%s%s];\n", looks[node->state].shape,
            looks[node->state].colour, node->overdue ? ", color=red, penwidth=3" : "");
}

static void put_dot_edges(FILE *out, const lc_snapshot *shown, size_t index)
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

static bool print_dot(FILE *out, const lc_snapshot *shown)
{
    fputs("digraph {\n  label=\"", out);
    put(out, shown->name, LC_SNAPSHOT_DOT);
    fputs("\";\n  node [style=filled];\n", out);
    for (size_t i = 0; i < shown->count; i++)
        put_dot_node(out, shown, i);
    for (size_t i = 0; i < shown->count; i++)
        put_dot_edges(out, shown, i);
    fputs("}\n", out);
    return true;
}

/* ---- printing ---- */

/* A text in the making, in memory of ours. */
struct printed {
    char *text;
    size_t size;
    size_t room;
    bool lacks_memory; /* a part is missing */
};

/* Adds to it what the stream has to write. @return how much; 0: there is no memory. */
static ssize_t add_printed(void *arg, const char *bytes, size_t size)
{
    struct printed *printed = arg;
    size_t needed = printed->size + size + 1;
    if (needed > printed->room) {
        size_t room = needed > 2 * printed->room ? needed : 2 * printed->room;
        char *text = lc__reallocate_array(printed->text, room, 1);
        if (!text) {
            printed->lacks_memory = true;
            return 0;
        }
        printed->text = text;
        printed->room = room;
    }
    memcpy(printed->text + printed->size, bytes, size);
    printed->size += size;
    printed->text[printed->size] = '\0';
    return (ssize_t)size;
}

/*
 * A text, or NULL. Not by open_memstream: without memory for the text it says at its end that all
 * is well, and gives NULL.
 */
static char *print(const lc_snapshot *shown, bool (*format)(FILE *out, const lc_snapshot *shown))
{
    static const cookie_io_functions_t calls = {.write = add_printed};
    struct printed printed = {.text = lc__duplicate("")};
    FILE *out = printed.text ? fopencookie(&printed, "w", calls) : NULL;
    bool well = out && format(out, shown) && !ferror(out);
    if (out && fclose(out) == 0 && well && !printed.lacks_memory)
        return printed.text;
    lc__free(printed.text);
    return NULL;
}

const char *lc_snapshot_print(lc_snapshot *shown, lc_snapshot_format format)
{
    static bool (*const formats[FORMATS])(FILE * out, const lc_snapshot *shown) = {
        [LC_SNAPSHOT_TEXT] = print_text,
        [LC_SNAPSHOT_JSON] = print_json,
        [LC_SNAPSHOT_DOT] = print_dot,
    };
    struct lc__snapshot *snapshot = (struct lc__snapshot *)shown;
    if (!snapshot || (size_t)format >= FORMATS)
        return NULL;
    if (!snapshot->printed[format])
        snapshot->printed[format] = print(shown, formats[format]);
    return snapshot->printed[format];
}
