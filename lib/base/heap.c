/*
 * heap.c: see heap.h.
 *
 *     root 3 -- child --> 8 <-> 5 <-> 9      siblings, each the root of a heap of its own
 *                         |
 *                         12 <-> 10
 *
 * An entry is before all entries below it. To meld two heaps is to put the later root below the
 * earlier one. A removal leaves a list of siblings without a root; melding them in pairs, and then
 * the pairs, keeps the lists of later removals short.
 */
#include "base/heap.h"

#include "base/assert.h"

#include <stdbool.h>

static bool entry_is_before(const struct lc__heap_entry *a, const struct lc__heap_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    return a->sequence < b->sequence;
}

/* Makes one heap of two. @return its root. */
static struct lc__heap_entry *heap_meld(struct lc__heap_entry *a, struct lc__heap_entry *b)
{
    LC__ASSERT(a != b);
    struct lc__heap_entry *root = entry_is_before(a, b) ? a : b;
    struct lc__heap_entry *below = root == a ? b : a;
    below->previous = root;
    below->next = root->child;
    if (root->child)
        root->child->previous = below;
    root->child = below;
    root->next = root->previous = NULL;
    return root;
}

/* Makes one heap of a list of siblings. @return its root; NULL if the list is empty. */
static struct lc__heap_entry *heap_meld_siblings(struct lc__heap_entry *list)
{
    struct lc__heap_entry *pairs = NULL; /* linked by `next`, the last pair first */
    while (list) {
        struct lc__heap_entry *a = list;
        struct lc__heap_entry *b = a->next;
        list = b ? b->next : NULL;
        struct lc__heap_entry *pair = b ? heap_meld(a, b) : a;
        pair->next = pairs;
        pairs = pair;
    }
    struct lc__heap_entry *root = NULL;
    while (pairs) {
        struct lc__heap_entry *pair = pairs;
        pairs = pair->next;
        root = root ? heap_meld(root, pair) : pair;
    }
    if (root)
        root->next = root->previous = NULL;
    return root;
}

void lc__heap_insert(struct lc__heap *heap, struct lc__heap_entry *entry, int64_t key)
{
    entry->child = entry->next = entry->previous = NULL;
    entry->key = key;
    entry->sequence = heap->sequence++;
    heap->root = heap->root ? heap_meld(heap->root, entry) : entry;
    heap->count++;
}

/* The entry is not the root: takes it, with all that is below it, out of the list it is in. */
static void entry_unlink(struct lc__heap_entry *entry)
{
    if (entry->previous->child == entry)
        entry->previous->child = entry->next;
    else
        entry->previous->next = entry->next;
    if (entry->next)
        entry->next->previous = entry->previous;
}

void lc__heap_remove(struct lc__heap *heap, struct lc__heap_entry *entry)
{
    LC__ASSERT(heap->count > 0 && !entry->previous == (entry == heap->root));
    struct lc__heap_entry *below = entry->child ? heap_meld_siblings(entry->child) : NULL;
    if (entry == heap->root) {
        heap->root = below;
    } else {
        entry_unlink(entry);
        if (below)
            heap->root = heap_meld(heap->root, below);
    }
    heap->count--;
}

static const struct lc__heap_entry *entry_parent(const struct lc__heap_entry *entry)
{
    while (entry->previous && entry->previous->child != entry)
        entry = entry->previous;
    return entry->previous;
}

/* Parents before children; what is below an entry with a larger key has larger keys too. */
struct lc__heap_entry *lc__heap_walk(const struct lc__heap *heap,
                                     const struct lc__heap_entry *after, int64_t most)
{
    struct lc__heap_entry *next = after ? after->child : heap->root;
    for (;;) {
        while (next && next->key > most)
            next = next->next;
        if (next || !after)
            return next;
        next = after->next;
        after = entry_parent(after);
    }
}
