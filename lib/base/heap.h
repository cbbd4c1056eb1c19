/*
 * heap.h: a queue ordered by key: an intrusive pairing heap. Entries with equal keys come out in
 * the order in which they were inserted. The caller's lock protects a heap that threads share.
 * Floor 0.
 */
#ifndef LIFECYCLE_BASE_HEAP_H
#define LIFECYCLE_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Embedded in the object that is queued. The heap owns all fields while the entry is in it. */
struct lc__heap_entry {
    struct lc__heap_entry *child;    /* the first entry below this one */
    struct lc__heap_entry *next;     /* the next sibling */
    struct lc__heap_entry *previous; /* the sibling before, or the parent; NULL at the root */
    int64_t key;
    uint64_t sequence; /* orders entries with equal keys */
};

/* A zeroed heap is empty. */
struct lc__heap {
    struct lc__heap_entry *root; /* the first entry: no other has a smaller key */
    uint64_t sequence;           /* of the next insertion */
    size_t count;
};

/* Inserts an entry that is in no heap. Costs one comparison. */
void lc__heap_insert(struct lc__heap *heap, struct lc__heap_entry *entry, int64_t key);
/*
 * Removes an entry of this heap, the first or any other. A removal costs O(log n) amortised, and
 * O(1) if the entry has no child. While keys are inserted in rising order and the first entry is
 * not removed, only the first has one.
 */
void lc__heap_remove(struct lc__heap *heap, struct lc__heap_entry *entry);

/*
 * Walks the entries with keys up to `most`, in no particular order. The heap does not change during
 * the walk. @return the entry behind `after`, or with `after` NULL the first one; NULL: no more.
 */
struct lc__heap_entry *lc__heap_walk(const struct lc__heap *heap,
                                     const struct lc__heap_entry *after, int64_t most);

/* NULL if the heap is empty. */
static inline struct lc__heap_entry *lc__heap_first(const struct lc__heap *heap)
{
    return heap->root;
}

#endif
