/*
 * memory.c: see memory.h.
 */
#include "base/memory.h"

#include "base/random.h"
#include "base/task.h"

#include <bsd/stdlib.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Whether the counters below are kept. Set before the first allocation. */
static bool tracked;
/* Counters only; they order nothing. */
static atomic_size_t in_use;
static atomic_size_t asked;         /* since the last lc__memory_fail_at or _from */
static atomic_size_t until_failure; /* 0: none is to fail; 1: the next one */
static atomic_bool fails_on;        /* those after that one fail too */
static atomic_bool failed;

void lc__memory_track(void)
{
    tracked = true;
}

size_t lc__memory_in_use(void)
{
    return atomic_load(&in_use);
}

static void memory_plan_failure(size_t nth, bool goes_on)
{
    atomic_store(&until_failure, 0);
    if (nth > 0)
        atomic_store(&failed, false);
    atomic_store(&asked, 0);
    atomic_store(&fails_on, goes_on);
    atomic_store(&until_failure, nth);
}

void lc__memory_fail_at(size_t nth)
{
    memory_plan_failure(nth, false);
}

void lc__memory_fail_from(size_t nth)
{
    memory_plan_failure(nth, true);
}

size_t lc__memory_asked(void)
{
    return atomic_load(&asked);
}

bool lc__memory_has_failed(void)
{
    return atomic_load(&failed);
}

/* In a simulation. */
static bool memory_fails_by_chance(void)
{
    const struct lc__faults *faults = lc__task_current()->faults;
    return faults && faults->one_in > 0 && lc__random_below(faults->random, faults->one_in) == 0;
}

bool lc__memory_must_fail(void)
{
    if (memory_fails_by_chance())
        return true;
    if (!tracked)
        return false;
    atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed);
    size_t left = atomic_load_explicit(&until_failure, memory_order_relaxed);
    while (left > 0 && !(left == 1 && atomic_load_explicit(&fails_on, memory_order_relaxed)) &&
           !atomic_compare_exchange_weak(&until_failure, &left, left - 1))
        continue;
    if (left != 1)
        return false;
    atomic_store(&failed, true);
    return true;
}

static void *memory_counted(void *memory)
{
    if (tracked && memory)
        atomic_fetch_add_explicit(&in_use, 1, memory_order_relaxed);
    return memory;
}

bool lc__memory_begin_use(void)
{
    if (lc__memory_must_fail())
        return false;
    if (tracked)
        atomic_fetch_add_explicit(&in_use, 1, memory_order_relaxed);
    return true;
}

void lc__memory_end_use(void)
{
    if (tracked)
        atomic_fetch_sub_explicit(&in_use, 1, memory_order_relaxed);
}

void lc__memory_free_uncounted(void *memory)
{
    free(memory);
}

void *lc__allocate_array(size_t count, size_t size)
{
    return lc__memory_must_fail() ? NULL : memory_counted(calloc(count, size));
}

void *lc__allocate_raw(size_t size)
{
    return lc__memory_must_fail() ? NULL : memory_counted(malloc(size));
}

void *lc__allocate(size_t size)
{
    /*
     * calloc of glibc before 2.41 does not use the thread's own cache of free memory. A large piece
     * may come cleared from the system, so there calloc is faster.
     */
    enum { LARGE = 32 * 1024 };
    if (size >= LARGE)
        return lc__allocate_array(1, size);
    void *memory = lc__allocate_raw(size);
    return memory ? memset(memory, 0, size) : NULL;
}

void *lc__reallocate_array(void *array, size_t count, size_t size)
{
    if (lc__memory_must_fail())
        return NULL;
    void *moved = reallocarray(array, count, size);
    return array ? moved : memory_counted(moved);
}

char *lc__duplicate(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = lc__allocate(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

void lc__free(void *memory)
{
    if (tracked && memory)
        atomic_fetch_sub_explicit(&in_use, 1, memory_order_relaxed);
    free(memory);
}
