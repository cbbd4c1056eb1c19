/*
 * owner.c: see owner.h.
 */
#include "context/owner.h"

#include "base/memory.h"
#include "base/refs.h"
#include "context/context.h"

#include <stdio.h>
#include <string.h>

const char lc__owner_key;

struct counted_owner {
    struct lc__owner owner; /* first */
    atomic_uint refs;
    char path[];
};

struct lc__owner *lc__owner_new(const void *whole, const char *path)
{
    size_t size = strlen(path) + 1;
    struct counted_owner *counted = lc__allocate(sizeof *counted + size);
    if (!counted)
        return NULL;
    atomic_init(&counted->refs, 1);
    memcpy(counted->path, path, size);
    counted->owner = (struct lc__owner){.whole = whole, .path = counted->path};
    return &counted->owner;
}

struct lc__owner *lc__owner_ref(struct lc__owner *owner)
{
    struct counted_owner *counted = (struct counted_owner *)owner;
    if (counted)
        atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    return owner;
}

void lc__owner_unref(void *owner)
{
    struct counted_owner *counted = owner;
    if (counted && lc__refs_drop(&counted->refs))
        lc__free(counted);
}

struct lc__owner *lc__owner_next(const lc_context **context)
{
    struct lc__owner *owner = lc__context_next_value(context, &lc__owner_key);
    if (owner && owner->inside)
        *context = owner->inside;
    return owner;
}

bool lc__owner_owns(const struct lc__owner *wanted, const lc_context *context)
{
    const struct lc__owner *owner = NULL;
    while (wanted && context && owner != wanted)
        owner = lc__owner_next(&context);
    return wanted && owner == wanted;
}

bool lc__owner_is_in(const void *whole, const lc_context *context)
{
    const struct lc__owner *owner = NULL;
    do
        owner = lc__owner_next(&context);
    while (owner && owner->whole != whole);
    return owner != NULL;
}

/* ---- paths ---- */

const char *lc__path_join(const char *above, const char *name, char path[LC__PATH_SIZE])
{
    enum { ROOM = LC__PATH_SIZE - 1, DOTS = 3 };
    size_t above_length = above ? strlen(above) : 0;
    const char *between = above && name ? "/" : "";
    size_t length = above_length + strlen(between) + (name ? strlen(name) : 0);
    const char *dots = "";
    if (length > ROOM) {
        dots = "...";
        size_t over = length + DOTS - ROOM;
        size_t of_above = over < above_length ? over : above_length;
        above = above ? above + of_above : NULL;
        name = name ? name + (over - of_above) : NULL;
    }
    snprintf(path, LC__PATH_SIZE, "%s%s%s%s", dots, above ? above : "", between, name ? name : "");
    return path;
}

const char *lc__owner_path_of(const lc_context *context, const char *name, char path[LC__PATH_SIZE])
{
    const struct lc__owner *owner = lc__owner_next(&context);
    if (!owner)
        return lc__path_join(NULL, name, path);
    const char *last = strrchr(owner->path, '/');
    last = last ? last + 1 : owner->path;
    return lc__path_join(owner->path, strcmp(last, name) == 0 ? NULL : name, path);
}
