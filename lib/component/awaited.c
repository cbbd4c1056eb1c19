/*
 * awaited.c: see awaited.h.
 *
 * A walk over the parts of a component, and their parts. It recurses as deep as components are
 * nested, so a level keeps little on the stack: all levels share one path.
 */
#include "component/awaited.h"

#include <bsd/string.h>
#include <stdio.h>
#include <string.h>

/* A list that is being written. */
struct list {
    char *text;
    size_t size;
    size_t used;
    const char *between; /* what separates two entries */
    size_t count;        /* entries */
    size_t left_out;     /* entries for which there was no room */
};

struct walk {
    enum lc__awaited what;
    int64_t now;
    struct list holding; /* entries that wait for nothing: the others wait for them */
    struct list waiting; /* entries that wait for others; written after the first list */
    char waiting_text[512];
    char path[256];
};

/* One component on the way down. */
struct level {
    struct walk *walk;
    size_t path_used;
    size_t entries; /* of its parts */
    struct list workers;
    char workers_text[192];
};

/* ---- lists ---- */

enum { TAIL = 24 }; /* room for ", and N more" */

static void awaited_list_add(struct list *list, const char *entry)
{
    list->count++;
    if (list->left_out > 0 || list->used + strlen(entry) + TAIL >= list->size) {
        list->left_out++;
        return;
    }
    list->used += (size_t)snprintf(list->text + list->used, list->size - list->used, "%s%s",
                                   list->used > 0 ? list->between : "", entry);
}

static void awaited_list_end(struct list *list)
{
    if (list->left_out > 0)
        snprintf(list->text + list->used, list->size - list->used, "%s%zu more",
                 list->used > 0 ? ", and " : "", list->left_out);
}

/* ---- what is waited for ---- */

static bool state_runs(lc_node_state state)
{
    switch (state) {
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

/*
 * For readiness, a node that has stopped for good does not count; a worker that returned before it
 * was ready does.
 */
bool lc__awaited_is(enum lc__awaited what, const lc_part *part)
{
    if (what == LC__AWAITED_DONE)
        return state_runs(part->state);
    if (part->state == LC_NODE_STOPPED)
        return part->is_worker;
    return part->state != LC_NODE_READY && part->state != LC_NODE_DONE;
}

static bool part_waits(const lc_part *part)
{
    return part->waits_for && *part->waits_for != '\0';
}

/* ---- entries ---- */

enum { DURATION_SIZE = 40 };

/* Writes the time since `since`, as `before` and "2.0 s"; "" if `since` is 0. */
static const char *duration_write(const struct walk *walk, const char *before, int64_t since,
                                  char text[DURATION_SIZE])
{
    text[0] = '\0';
    if (since != 0)
        snprintf(text, DURATION_SIZE, "%s%.1f s", before,
                 (double)(walk->now - since) / (double)LC_SECOND);
    return text;
}

static void level_worker_add(struct level *level, const lc_part *part)
{
    char entry[320], time[DURATION_SIZE];
    if (part->state == LC_NODE_STOPPED)
        strlcpy(time, "returned", sizeof time);
    else
        duration_write(level->walk, "", part->since, time);
    snprintf(entry, sizeof entry, "%.100s%s%s%s%s%.120s", part->name, *time ? " (" : "", time,
             *time ? ")" : "", part_waits(part) ? " waits for " : "",
             part_waits(part) ? part->waits_for : "");
    awaited_list_add(&level->workers, entry);
}

static void walk_entry_add(struct walk *walk, const lc_part *part, const char *workers)
{
    char entry[512], time[DURATION_SIZE];
    const char *state = lc_node_state_name(part->state);
    snprintf(entry, sizeof entry, "%s (%s%s%s%.120s)%s%s", walk->path, state ? state : "?",
             duration_write(walk, " for ", part->since, time),
             part_waits(part) ? ", waits for " : "", part_waits(part) ? part->waits_for : "",
             *workers ? ": " : "", workers);
    awaited_list_add(part_waits(part) ? &walk->waiting : &walk->holding, entry);
}

/* ---- the walk ---- */

static void level_begin(struct level *level, struct walk *walk, size_t path_used)
{
    level->walk = walk;
    level->path_used = path_used;
    level->entries = 0;
    level->workers =
        (struct list){level->workers_text, sizeof level->workers_text, 0, " and ", 0, 0};
    level->workers_text[0] = '\0';
}

/* Makes the path one name longer. @return its length. */
static size_t path_push(struct walk *walk, size_t used, const char *name)
{
    int length = snprintf(walk->path + used, sizeof walk->path - used, "%s%s", used > 0 ? "/" : "",
                          name ? name : "");
    size_t end = used + (size_t)length;
    return end < sizeof walk->path ? end : sizeof walk->path - 1;
}

static void level_part_visit(const lc_part *part, void *arg)
{
    struct level *above = arg;
    struct walk *walk = above->walk;
    if (!lc__awaited_is(walk->what, part))
        return;
    if (part->is_worker) {
        level_worker_add(above, part);
        return;
    }
    struct level level;
    level_begin(&level, walk, path_push(walk, above->path_used, part->name));
    lc_component_parts(part->component, level_part_visit, &level);
    if (level.entries == 0) {
        awaited_list_end(&level.workers);
        walk->path[level.path_used] = '\0';
        walk_entry_add(walk, part, level.workers_text);
        level.entries++;
    }
    above->entries += level.entries;
}

static void walk_begin(struct walk *walk, enum lc__awaited what, char *text, size_t size)
{
    walk->what = what;
    walk->now = lc_now();
    walk->holding = (struct list){text, size, 0, ", ", 0, 0};
    walk->waiting = (struct list){walk->waiting_text, sizeof walk->waiting_text, 0, ", ", 0, 0};
    walk->waiting_text[0] = '\0';
    walk->path[0] = '\0';
    text[0] = '\0';
}

/* Appends the second list to the first. @return how many entries there are. */
static size_t walk_end(struct walk *walk)
{
    struct list *list = &walk->holding;
    const struct list *waiting = &walk->waiting;
    size_t count = list->count + waiting->count;
    if (list->left_out > 0 || list->used + waiting->used + TAIL >= list->size) {
        list->left_out += waiting->count;
    } else if (waiting->count > 0) {
        awaited_list_add(list, walk->waiting_text);
        list->left_out += waiting->left_out;
    }
    awaited_list_end(list);
    return count;
}

size_t lc__awaited_of(lc_component *component, enum lc__awaited what, char *text, size_t size)
{
    struct walk walk;
    struct level level;
    walk_begin(&walk, what, text, size);
    level_begin(&level, &walk, 0);
    lc_component_parts(component, level_part_visit, &level);
    awaited_list_end(&level.workers);
    if (level.workers.count > 0)
        awaited_list_add(&walk.holding, level.workers_text);
    return walk_end(&walk);
}

size_t lc__awaited_of_part(const lc_part *part, enum lc__awaited what, char *text, size_t size)
{
    struct walk walk;
    struct level level;
    walk_begin(&walk, what, text, size);
    level_begin(&level, &walk, 0);
    level_part_visit(part, &level);
    return walk_end(&walk);
}
