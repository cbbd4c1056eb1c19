/*
 * pool.c: lib/base/pool.h: records that keep their place, whichever thread takes and gives them.
 */
#include "support/check.h"

#include "base/memory.h"
#include "base/pool.h"

#include <lifecycle.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

struct record {
    void *free; /* the pool's */
    uint32_t place;
    atomic_uint owner; /* 0: none */
    uint64_t kept;
};

#define POOL                                                                                       \
    {                                                                                              \
        .record_size = sizeof(struct record), .place_at = offsetof(struct record, place)           \
    }

static struct lc__pool pool = POOL;

/* There is memory. */
static struct record *take(unsigned shard)
{
    struct record *record = lc__pool_take(&pool, shard);
    if (!record)
        abort();
    return record;
}

/* So that the memory of other suites does not count. */
static size_t memory_before(void)
{
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    return lc__memory_in_use();
}

static void new_record_is_zero_but_for_its_place(void)
{
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(lc__pool_made(&pool), i);
        struct record *record = take(0);
        CU_ASSERT_EQUAL(record->place, i);
        CU_ASSERT_EQUAL(atomic_load(&record->owner), 0);
        CU_ASSERT_EQUAL(record->kept, 0);
        CU_ASSERT_PTR_EQUAL(lc__pool_at(&pool, i), record);
    }
    CU_ASSERT_EQUAL(lc__pool_made(&pool), 3);
    lc__pool_free_all(&pool);
}

static void place_that_was_never_made_has_no_record(void)
{
    CU_ASSERT_PTR_NULL(lc__pool_at(&pool, 0));
    lc__pool_take(&pool, 0);
    CU_ASSERT_PTR_NOT_NULL(lc__pool_at(&pool, 0));
    CU_ASSERT_PTR_NULL(lc__pool_at(&pool, LC__POOL_CHUNK)); /* of the next chunk */
    CU_ASSERT_PTR_NULL(lc__pool_at(&pool, (uint32_t)LC__POOL_CHUNK * LC__POOL_CHUNKS - 1));
    CU_ASSERT_PTR_NULL(lc__pool_at(&pool, (uint32_t)LC__POOL_CHUNK * LC__POOL_CHUNKS));
    CU_ASSERT_PTR_NULL(lc__pool_at(&pool, UINT32_MAX));
    lc__pool_free_all(&pool);
}

static void given_record_is_taken_again_as_it_was(void)
{
    struct record *first = take(1), *second = take(1);
    first->kept = 7;
    second->kept = 8;
    lc__pool_give(&pool, 1, first);
    lc__pool_give(&pool, 1, second);
    CU_ASSERT_PTR_EQUAL(lc__pool_at(&pool, first->place), first); /* an address still finds it */
    struct record *again = take(1);
    CU_ASSERT_PTR_EQUAL(again, second); /* the last given: it is in a cache yet */
    CU_ASSERT_EQUAL(again->kept, 8);
    CU_ASSERT_EQUAL(again->place, 1);
    CU_ASSERT_PTR_EQUAL(lc__pool_take(&pool, 1), first);
    CU_ASSERT_EQUAL(lc__pool_made(&pool), 2);
    lc__pool_free_all(&pool);
}

/* Before a new one is made. */
static void records_of_all_shards_are_taken(void)
{
    void *given[LC__POOL_SHARDS];
    for (unsigned i = 0; i < LC__POOL_SHARDS; i++)
        given[i] = lc__pool_take(&pool, i);
    for (unsigned i = 0; i < LC__POOL_SHARDS; i++)
        lc__pool_give(&pool, i, given[i]);
    CU_ASSERT_PTR_EQUAL(lc__pool_take(&pool, 3), given[3]); /* its own first */
    CU_ASSERT_PTR_EQUAL(lc__pool_take(&pool, 3 + LC__POOL_SHARDS), given[4]);
    for (unsigned i = 2; i < LC__POOL_SHARDS; i++)
        CU_ASSERT_PTR_NOT_NULL(lc__pool_take(&pool, 1000000007));
    CU_ASSERT_EQUAL(lc__pool_made(&pool), LC__POOL_SHARDS);
    lc__pool_take(&pool, 0);
    CU_ASSERT_EQUAL(lc__pool_made(&pool), LC__POOL_SHARDS + 1);
    lc__pool_free_all(&pool);
}

static void records_stay_where_they_are(void)
{
    enum { MANY = 2 * LC__POOL_CHUNK + 1 };
    static struct record *records[MANY];
    size_t before = memory_before();
    for (uint32_t i = 0; i < MANY; i++) {
        records[i] = take(i);
        records[i]->kept = i;
    }
    for (uint32_t i = 0; i < MANY; i++) {
        CU_ASSERT_EQUAL(records[i]->place, i);
        CU_ASSERT_EQUAL(records[i]->kept, i);
        CU_ASSERT_PTR_EQUAL(lc__pool_at(&pool, i), records[i]);
    }
    CU_ASSERT_EQUAL(lc__memory_in_use() - before, 3); /* chunks */
    lc__pool_free_all(&pool);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
}

static void freed_pool_is_used_again(void)
{
    struct record *record = take(0);
    record->kept = 7;
    lc__pool_give(&pool, 0, record);
    lc__pool_free_all(&pool);
    CU_ASSERT_EQUAL(lc__pool_made(&pool), 0);
    CU_ASSERT_PTR_NULL(lc__pool_at(&pool, 0));
    record = take(0);
    CU_ASSERT_EQUAL(record->kept, 0);
    lc__pool_free_all(&pool);
    lc__pool_free_all(&pool); /* of one that is free already */
}

static void without_memory_there_is_no_record(void)
{
    lc__memory_fail_at(1);
    CU_ASSERT_PTR_NULL(lc__pool_take(&pool, 0));
    CU_ASSERT_TRUE(lc__memory_has_failed());
    lc__memory_fail_at(0);
    CU_ASSERT_EQUAL(lc__pool_made(&pool), 0);
    CU_ASSERT_PTR_NOT_NULL(lc__pool_take(&pool, 0));
    CU_ASSERT_EQUAL(lc__pool_made(&pool), 1);
    lc__pool_free_all(&pool);
}

static void when_all_places_are_taken_there_is_no_record(void)
{
    struct record *record = take(0);
    pool.made = (uint32_t)LC__POOL_CHUNK * LC__POOL_CHUNKS; /* as if */
    CU_ASSERT_PTR_NULL(lc__pool_take(&pool, 0));
    lc__pool_give(&pool, 5, record);
    CU_ASSERT_PTR_EQUAL(lc__pool_take(&pool, 0), record); /* but one that was given back */
    lc__pool_free_all(&pool);
}

/* ---- by several threads ---- */

enum { THREADS = 4, HELD = 16 };

struct taker {
    pthread_t thread;
    unsigned number; /* from 1 */
    bool wrong;
};

static void take_one(struct taker *taker, struct record **record)
{
    unsigned none = 0;
    *record = lc__pool_take(&pool, taker->number);
    taker->wrong |=
        !*record || !atomic_compare_exchange_strong(&(*record)->owner, &none, taker->number);
    taker->wrong |= *record && lc__pool_at(&pool, (*record)->place) != *record;
}

static void give_one(struct taker *taker, struct record **record)
{
    unsigned owner = taker->number;
    taker->wrong |= !atomic_compare_exchange_strong(&(*record)->owner, &owner, 0);
    lc__pool_give(&pool, taker->number, *record);
    *record = NULL;
}

static void *take_and_give(void *arg)
{
    struct taker *taker = arg;
    struct record *held[HELD] = {NULL};
    uint64_t random = check_seed() + taker->number;
    for (unsigned i = check_fewer(check_count(50000, 1000000)); i > 0 && !taker->wrong; i--) {
        struct record **record = &held[check_random(&random) % HELD];
        if (*record)
            give_one(taker, record);
        else
            take_one(taker, record);
    }
    for (size_t i = 0; i < HELD; i++)
        if (held[i] && !taker->wrong)
            give_one(taker, &held[i]);
    return NULL;
}

static void nobody_takes_what_another_has(void)
{
    struct taker takers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        takers[i] = (struct taker){.number = i + 1};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&takers[i].thread, NULL, take_and_give, &takers[i]),
                              0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(takers[i].thread, NULL);
        CU_ASSERT_FALSE(takers[i].wrong);
    }
    CU_ASSERT_TRUE(lc__pool_made(&pool) <= THREADS * HELD + THREADS * THREADS);
    lc__pool_free_all(&pool);
}

static void *fill(void *arg)
{
    struct taker *taker = arg;
    for (unsigned i = 0; i < LC__POOL_CHUNK; i++) {
        struct record *record;
        take_one(taker, &record);
    }
    return NULL;
}

/* All need new chunks at the same time. */
static void chunks_are_made_once(void)
{
    size_t before = memory_before();
    for (unsigned round = check_fewer(20); round > 0; round--) {
        struct taker takers[THREADS];
        for (unsigned i = 0; i < THREADS; i++) {
            takers[i] = (struct taker){.number = i + 1};
            CU_ASSERT_EQUAL_FATAL(pthread_create(&takers[i].thread, NULL, fill, &takers[i]), 0);
        }
        for (unsigned i = 0; i < THREADS; i++) {
            pthread_join(takers[i].thread, NULL);
            CU_ASSERT_FALSE(takers[i].wrong);
        }
        CU_ASSERT_EQUAL(lc__pool_made(&pool), THREADS * LC__POOL_CHUNK);
        CU_ASSERT_EQUAL(lc__memory_in_use() - before, THREADS);
        lc__pool_free_all(&pool);
    }
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
}

CHECK_SUITE(
    unit_pool, "unit: pools",
    {"a new record is zero but for its place", new_record_is_zero_but_for_its_place},
    {"a place that was never made has no record", place_that_was_never_made_has_no_record},
    {"a record that was given is taken again, as it was", given_record_is_taken_again_as_it_was},
    {"records that others gave are taken before new ones are made",
     records_of_all_shards_are_taken},
    {"records stay where they are, however many there are", records_stay_where_they_are},
    {"a pool that was freed can be used again", freed_pool_is_used_again},
    {"without memory there is no record, and later there is", without_memory_there_is_no_record},
    {"when all places are taken there is no record", when_all_places_are_taken_there_is_no_record},
    {"no thread takes what another has", nobody_takes_what_another_has},
    {"each chunk is made once, though many need it", chunks_are_made_once});
