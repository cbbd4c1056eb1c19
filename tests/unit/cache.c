/*
 * cache.c: blocks that threads keep: none is lost, none is given twice, and what is kept is not in
 * use.
 */
#include "support/check.h"

#include "base/cache.h"
#include "base/memory.h"

#include <lifecycle.h>

#include <string.h>

enum { MANY = 2000 }; /* more than two magazines, and than a depot's share of them */

static void *blocks[MANY];

static void take_many(struct lc__cache *cache)
{
    for (int i = 0; i < MANY; i++) {
        blocks[i] = lc__block_take(cache);
        CU_ASSERT_PTR_NOT_NULL_FATAL(blocks[i]);
        if (blocks[i])
            memset(blocks[i], 0, LC__BLOCK_SIZE);
    }
}

static void give_many(struct lc__cache *cache)
{
    for (int i = 0; i < MANY; i++)
        lc__block_give(cache, blocks[i]);
}

/* Marks each, and finds all marks again. */
static void expect_distinct(void)
{
    for (int i = 0; i < MANY; i++)
        memcpy(blocks[i], &i, sizeof i);
    for (int i = 0; i < MANY; i++)
        CU_ASSERT_EQUAL(memcmp(blocks[i], &i, sizeof i), 0);
}

static void goes_from_one_to_another(void)
{
    struct lc__cache maker = {0}, freer = {0};
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    size_t before = lc__memory_in_use();
    for (int round = 0; round < 3; round++) {
        take_many(&maker);
        CU_ASSERT_EQUAL(lc__memory_in_use(), before + MANY);
        expect_distinct();
        give_many(&freer);
        CU_ASSERT_EQUAL(lc__memory_in_use(), before);
    }
    lc__cache_empty(&maker);
    lc__cache_empty(&freer);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* the depot's go with it */
    CU_ASSERT_EQUAL(lc__memory_in_use(), 0);
}

static void works_without_a_cache(void)
{
    struct lc__cache cache = {0};
    size_t before = lc__memory_in_use();
    void *block = lc__block_take(NULL);
    lc__block_give(&cache, block);
    block = lc__block_take(&cache);
    lc__block_give(NULL, block);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
    lc__cache_empty(&cache);
}

static void fails_when_memory_is_to_fail(void)
{
    struct lc__cache cache = {0};
    lc__block_give(&cache, lc__block_take(NULL));
    size_t before = lc__memory_in_use();
    lc__memory_fail_at(1);
    CU_ASSERT_PTR_NULL(lc__block_take(&cache));
    lc__memory_fail_at(0);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
    lc__cache_empty(&cache);
}

CHECK_SUITE(cache, "unit: cache",
            {"blocks go from one thread to another", goes_from_one_to_another},
            {"a thread without one asks the allocator", works_without_a_cache},
            {"memory that is to fail fails", fails_when_memory_is_to_fail});
