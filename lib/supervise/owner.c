/*
 * owner.c: see owner.h.
 */
#include "supervise/owner.h"

#include "base/memory.h"
#include "base/refs.h"
#include "context/context.h"

#include <string.h>

const char lc__owner_key;

struct counted_owner {
    struct lc__owner owner; /* first */
    atomic_uint refs;
    char path[];
};

struct lc__owner *lc__owner_new(const struct lc__shell *shell, const char *path)
{
    size_t size = strlen(path) + 1;
    struct counted_owner *counted = lc__allocate(sizeof *counted + size);
    if (!counted)
        return NULL;
    atomic_init(&counted->refs, 1);
    memcpy(counted->path, path, size);
    counted->owner = (struct lc__owner){shell, false, counted->path};
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
    return lc__context_next_value(context, &lc__owner_key);
}

bool lc__owner_owns(const struct lc__owner *wanted, const lc_context *context)
{
    const struct lc__owner *owner = NULL;
    while (wanted && context && owner != wanted)
        owner = lc__owner_next(&context);
    return wanted && owner == wanted;
}

bool lc__owner_is_in(const struct lc__shell *shell, const lc_context *context)
{
    const struct lc__owner *owner = NULL;
    do
        owner = lc__owner_next(&context);
    while (owner && owner->shell != shell);
    return owner != NULL;
}
