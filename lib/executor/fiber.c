/*
 * fiber.c: see fiber.h.
 */
#include "executor/fiber.h"

#include "executor/job_queue.h"

#include <lifecycle/manager.h>

#include <string.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

_Static_assert(sizeof((struct lc__fiber *)0)->name > LC_NAME_MAX, "there is room for a name");

enum { NAME_WORDS = sizeof((struct lc__fiber *)0)->name / sizeof(uint64_t) };

/* Writes words up to the one that contains the end. */
void lc__fiber_set_name(struct lc__fiber *fiber, const char *name)
{
    size_t size = strnlen(name, LC_NAME_MAX) + 1;
    /* Release: a thread that reads the new name sees that the fiber before has left: stall.c. */
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i * sizeof(uint64_t) < size; i++) {
        uint64_t word = 0;
        size_t left = size - 1 - i * sizeof word;
        memcpy(&word, name + i * sizeof word, left < sizeof word ? left : sizeof word);
        atomic_store_explicit(&fiber->name[i], word, memory_order_relaxed);
    }
}

const char *lc__fiber_name(const struct lc__fiber *fiber)
{
    return (const char *)(uintptr_t)fiber->name;
}

void lc__fiber_copy_name(const struct lc__fiber *fiber, char *name)
{
    struct lc__job *job = atomic_load_explicit(&fiber->job, memory_order_acquire);
    if (job) {
        job->kind->copy_name(job, name);
        return;
    }
    uint64_t words[NAME_WORDS] = {0};
    for (size_t i = 0; i < NAME_WORDS; i++)
        words[i] = atomic_load_explicit(&fiber->name[i], memory_order_relaxed);
    memcpy(name, words, LC_NAME_MAX);
    name[LC_NAME_MAX] = '\0';
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
