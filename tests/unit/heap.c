/*
 * heap.c: lib/base/heap.h: each operation, and random plays against a sorted list.
 */
#include "support/check.h"

#include "base/heap.h"

#include <stdio.h>
#include <stdlib.h>

/* An object that is queued, in a heap and in the model of it. */
struct item {
    struct lc__heap_entry entry; /* first */
    struct item *next;           /* in the sorted list */
    int64_t key;
    bool in;
    unsigned walks; /* that have visited it */
};

/* ---- each operation ---- */

static void insert(struct lc__heap *heap, struct item *item, int64_t key)
{
    item->key = key;
    lc__heap_insert(heap, &item->entry, key);
}

/* Removes the first. @return it; NULL: the heap is empty. */
static struct item *take_first(struct lc__heap *heap)
{
    struct lc__heap_entry *first = lc__heap_first(heap);
    if (first)
        lc__heap_remove(heap, first);
    return (struct item *)first;
}

static void zeroed_heap_is_empty(void)
{
    struct lc__heap heap = {0};
    CU_ASSERT_PTR_NULL(lc__heap_first(&heap));
    CU_ASSERT_EQUAL(heap.count, 0);
}

static void smallest_key_comes_first(void)
{
    static const int64_t keys[] = {5, INT64_MAX, -3, 9, INT64_MIN, 0};
    static const int64_t sorted[] = {INT64_MIN, -3, 0, 5, 9, INT64_MAX};
    enum { COUNT = sizeof keys / sizeof keys[0] };
    struct lc__heap heap = {0};
    struct item items[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        insert(&heap, &items[i], keys[i]);
    CU_ASSERT_EQUAL(heap.count, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        CU_ASSERT_EQUAL(take_first(&heap)->key, sorted[i]);
    CU_ASSERT_PTR_NULL(lc__heap_first(&heap));
    CU_ASSERT_EQUAL(heap.count, 0);
}

static void equal_keys_come_in_order_of_insertion(void)
{
    enum { COUNT = 100 };
    struct lc__heap heap = {0};
    struct item items[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        insert(&heap, &items[i], (int64_t)(i % 2));
    for (size_t i = 0; i < COUNT; i += 2)
        CU_ASSERT_PTR_EQUAL(take_first(&heap), &items[i]);
    for (size_t i = 1; i < COUNT; i += 2)
        CU_ASSERT_PTR_EQUAL(take_first(&heap), &items[i]);
}

static void entry_inserted_again_is_the_last_of_its_key(void)
{
    struct lc__heap heap = {0};
    struct item one, other;
    insert(&heap, &one, 1);
    insert(&heap, &other, 1);
    lc__heap_remove(&heap, &one.entry);
    insert(&heap, &one, 1);
    CU_ASSERT_PTR_EQUAL(take_first(&heap), &other);
    CU_ASSERT_PTR_EQUAL(take_first(&heap), &one);
}

/* Removes each of three, wherever the heap has it: as the root, as a child, as a sibling. */
static void any_entry_can_be_removed(void)
{
    enum { COUNT = 3 };
    for (size_t removed = 0; removed < COUNT; removed++) {
        struct lc__heap heap = {0};
        struct item items[COUNT];
        for (size_t i = 0; i < COUNT; i++)
            insert(&heap, &items[i], (int64_t)i);
        lc__heap_remove(&heap, &items[removed].entry);
        CU_ASSERT_EQUAL(heap.count, COUNT - 1);
        for (size_t i = 0; i < COUNT; i++)
            if (i != removed)
                CU_ASSERT_PTR_EQUAL(take_first(&heap), &items[i]);
        CU_ASSERT_PTR_NULL(lc__heap_first(&heap));
    }
}

/* ---- random plays ---- */

enum { ITEMS = 64 };

struct play {
    struct lc__heap heap;
    struct item items[ITEMS];
    struct item *sorted; /* the items that are in, linked by `next` */
    size_t count;
    unsigned walks;
    uint64_t random;
};

static void list_insert(struct play *play, struct item *item)
{
    struct item **at = &play->sorted;
    while (*at && (*at)->key <= item->key)
        at = &(*at)->next;
    item->next = *at;
    *at = item;
    play->count++;
}

static void list_remove(struct play *play, struct item *item)
{
    struct item **at = &play->sorted;
    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    play->count--;
}

static void remove_item(struct play *play, struct item *item)
{
    item->in = false;
    lc__heap_remove(&play->heap, &item->entry);
    list_remove(play, item);
}

/* Few keys are drawn, so that many are equal. */
static void play_step(struct play *play)
{
    struct item *item = &play->items[check_random(&play->random) % ITEMS];
    if (check_random(&play->random) % 4 == 0)
        item = play->sorted ? play->sorted : item;
    if (item->in) {
        remove_item(play, item);
        return;
    }
    item->in = true;
    insert(&play->heap, item, (int64_t)(check_random(&play->random) % 16));
    list_insert(play, item);
}

/*
 * Walks up to some key. @return whether that visits each item with such a key once, and no other.
 */
static bool walk_agrees(struct play *play)
{
    int64_t most = (int64_t)(check_random(&play->random) % 17) - 1;
    struct lc__heap_entry *entry = NULL;
    size_t visited = 0, expected = 0;
    play->walks++;
    while ((entry = lc__heap_walk(&play->heap, entry, most))) {
        struct item *item = (struct item *)entry;
        if (!item->in || item->key > most || item->walks == play->walks)
            return false;
        item->walks = play->walks;
        visited++;
    }
    for (const struct item *item = play->sorted; item; item = item->next)
        expected += item->key <= most;
    return visited == expected;
}

static bool play_agrees(struct play *play)
{
    return lc__heap_first(&play->heap) == (play->sorted ? &play->sorted->entry : NULL) &&
           play->heap.count == play->count && walk_agrees(play);
}

static bool play_all(uint64_t seed)
{
    enum { STEPS = 1000 };
    struct play play = {.random = seed};
    for (int i = 0; i < STEPS; i++) {
        play_step(&play);
        if (!play_agrees(&play))
            return false;
    }
    while (play.sorted) {
        remove_item(&play, play.sorted);
        if (!play_agrees(&play))
            return false;
    }
    return true;
}

static void random_plays_agree_with_a_sorted_list(void)
{
    unsigned plays = check_fewer(check_count(200, 50000));
    for (unsigned i = 0; i < plays; i++) {
        uint64_t seed = check_seed() + i;
        bool agreed = play_all(seed);
        CU_ASSERT_TRUE(agreed);
        if (!agreed)
            fprintf(stderr, "check: heap of seed %llu\n", (unsigned long long)seed);
    }
}

CHECK_SUITE(unit_heap, "unit: heap", {"a zeroed heap is empty", zeroed_heap_is_empty},
            {"the smallest key comes first", smallest_key_comes_first},
            {"equal keys come in order of insertion", equal_keys_come_in_order_of_insertion},
            {"an entry inserted again is the last of its key",
             entry_inserted_again_is_the_last_of_its_key},
            {"any entry can be removed", any_entry_can_be_removed},
            {"random plays agree with a sorted list", random_plays_agree_with_a_sorted_list});
