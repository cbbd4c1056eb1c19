/*
 * ended.c: see ended.h.
 */
#include "supervise/ended.h"

#include "base/assert.h"
#include "base/memory.h"

#include <string.h>

struct record {
    char *name; /* NULL: empty */
    lc_node_state state;
    int64_t since;
    uint64_t instance;
    lc_error *error;
};

struct lc__ended {
    size_t next; /* the oldest, once all places are taken */
    struct record records[LC_SNAPSHOT_ENDED_MAX];
};

static void record_empty(struct record *record)
{
    lc__free(record->name);
    lc_error_unref(record->error);
    *record = (struct record){0};
}

void lc__ended_keep(struct lc__ended **ended, const char *name, const struct lc__engine_node *node)
{
    LC__ASSERT(node->life == LC__LIFE_DOWN);
    size_t size = strlen(name) + 1;
    char *copy = lc__allocate(size);
    if (!*ended)
        *ended = lc__allocate(sizeof **ended);
    if (!*ended || !copy) {
        lc__free(copy);
        return;
    }
    memcpy(copy, name, size);
    struct record *record = &(*ended)->records[(*ended)->next];
    (*ended)->next = ((*ended)->next + 1) % LC_SNAPSHOT_ENDED_MAX;
    record_empty(record);
    *record = (struct record){.name = copy,
                              .state = node->state,
                              .since = node->since,
                              .instance = node->instance,
                              .error = lc_error_ref(node->error)};
}

void lc__ended_drop(struct lc__ended *ended, const char *name)
{
    for (size_t i = 0; ended && i < LC_SNAPSHOT_ENDED_MAX; i++)
        if (ended->records[i].name && strcmp(ended->records[i].name, name) == 0)
            record_empty(&ended->records[i]);
}

size_t lc__ended_count(const struct lc__ended *ended)
{
    size_t count = 0;
    for (size_t i = 0; ended && i < LC_SNAPSHOT_ENDED_MAX; i++)
        count += ended->records[i].name != NULL;
    return count;
}

void lc__ended_show(const struct lc__ended *ended, struct lc__snapshot *snapshot, size_t parent)
{
    for (size_t i = 0; ended && i < LC_SNAPSHOT_ENDED_MAX; i++) {
        const struct record *record = &ended->records[(ended->next + i) % LC_SNAPSHOT_ENDED_MAX];
        if (!record->name)
            continue;
        lc_node_status *row = lc__snapshot_add(snapshot, record->name);
        row->state = record->state;
        row->since = record->since;
        row->instance = record->instance;
        row->restarts = record->instance > 0 ? record->instance - 1 : 0;
        row->error = lc_error_ref(record->error);
        if (parent != SIZE_MAX)
            row->parent = parent;
    }
}

void lc__ended_free(struct lc__ended *ended)
{
    for (size_t i = 0; ended && i < LC_SNAPSHOT_ENDED_MAX; i++)
        record_empty(&ended->records[i]);
    lc__free(ended);
}
