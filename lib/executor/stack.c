/*
 * stack.c: see stack.h.
 *
 * Each executor thread has a few free stacks of the default size to itself (loop.c); this file is
 * behind those, for all threads and sizes.
 *
 * A free stack is *warm* while it keeps its memory, and is then used again as it is; it is *cold*
 * when that has been given back. To give it back is a call of the kernel that interrupts all
 * processors, so it is made for many stacks at a time. While fibers end, it is made for a whole
 * slab whose stacks are all free, and only if more are warm than the budget allows. What is left is
 * given back after some time without use. So the cost of an end does not depend on how many end
 * together. The lock is not held during that call: those stacks are then neither warm nor cold.
 */
#include "executor/stack.h"

#include "base/memory.h"
#include "base/sanitizer.h"
#include "executor/fiber.h"

#include <lifecycle/time.h>

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

enum {
    SMALLEST = LC__SANITIZED ? 64 * 1024 : 32 * 1024, /* sanitizers use up more for the same */
    CLASSES = LC__SANITIZED ? 15 : 16,                /* each twice the one before: up to 1 GiB */
    COLOURS = 16,                                     /* how many places control blocks lie at */
    COLOUR_STEP = 2 * 64,                             /* bytes: two lines of the cache */
    GUARDS_BY_MPROTECT = 8192, /* each splits a mapping, of which the kernel allows 65,530 */
};
#define SLAB_SIZE_MAX ((size_t)64 * 1024 * 1024) /* of stacks larger than the default */

/* What lies at the low end of a stack that has no other guard. */
static const uint64_t overrun_mark[4] = {UINT64_C(0x6c69666563796331), UINT64_C(0x9d1f3c5b7a284e60),
                                         UINT64_C(0x6c69666563796332),
                                         UINT64_C(0xe3a5c7190b2d4f68)};

/* The free stacks of one size. */
struct class
{
    TAILQ_HEAD(lc__fibers, lc__fiber) warm; /* the last given first */
    size_t warm_count;
    size_t unused;         /* so many at the end of `warm` have not been used since `trimmed` */
    struct lc__slab *cold; /* slabs with cold stacks of this size */
};

/*
 * How many bytes may be warm, of stacks up to the default size and of larger ones. Few fibers touch
 * all of their stack, but a budget must hold for those as well. A small stack counts as a default
 * one.
 */
struct budget {
    size_t most;  /* above it, what ends gives memory back */
    size_t least; /* for ever */
    atomic_size_t warm;
};
static struct budget small_budget = {.most = 4096 * (size_t)LC__STACK_DEFAULT,
                                     .least = 64 * (size_t)LC__STACK_DEFAULT};
static struct budget large_budget = {.most = (size_t)64 << 20, .least = (size_t)16 << 20};
/* Of large stacks there are few in a slab, and a call for each is little beside what it frees. */
enum { LARGE_EXCESS = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for all that follows */
static struct class classes[CLASSES];
static int64_t trimmed; /* when it was looked at what is used; 0: there was no excess since */
static size_t mprotected;
static bool no_guard_advice; /* the kernel has none, or it is not followed */
static size_t page_size;
/* Release: who finds a slab finds it filled in. Slabs are only ever added, until the shutdown. */
static _Atomic(struct lc__slab *) slabs;

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* ---- places ---- */

static unsigned class_of(size_t size)
{
    unsigned class = 0;
    while (class < CLASSES && ((size_t)SMALLEST << class) < size)
        class ++;
    return class;
}

static char *low_of(const struct lc__slab *slab, unsigned index)
{
    return slab->base + (size_t)index * slab->stack_size;
}

struct lc__fiber *lc__slab_fiber(const struct lc__slab *slab, unsigned index)
{
    size_t block = (sizeof(struct lc__fiber) + 63) & ~(size_t)63;
    size_t colour = (size_t)(index % COLOURS) * COLOUR_STEP;
    return (struct lc__fiber *)(low_of(slab, index) + slab->stack_size - colour - block);
}

static char *low_of_fiber(const struct lc__fiber *fiber)
{
    return low_of(fiber->stack.slab, fiber->stack.index);
}

void *lc__stack_low(const struct lc__fiber *fiber)
{
    return low_of_fiber(fiber) + page_size;
}

size_t lc__stack_usable(const struct lc__fiber *fiber)
{
    return (size_t)((const char *)fiber - (const char *)lc__stack_low(fiber));
}

struct lc__slab *lc__slabs(void)
{
    return atomic_load_explicit(&slabs, memory_order_acquire);
}

/* ---- guards; under the lock ---- */

/*
 * Emulators take the advice and do not follow it. So the kernel is asked to write there: that
 * tells, and does not end the process.
 */
static bool is_out_of_reach(char *low)
{
    return syscall(SYS_getrusage, RUSAGE_SELF, low) != 0;
}

static bool guard_by_advice(char *low)
{
    static bool proven;
    if (no_guard_advice)
        return false;
    bool guarded = madvise(low, page_size, MADV_GUARD_INSTALL) == 0;
    proven = proven || (guarded && is_out_of_reach(low));
    no_guard_advice = !guarded || !proven;
    return !no_guard_advice;
}

static bool guard_by_mprotect(char *low)
{
    if (mprotected >= GUARDS_BY_MPROTECT || mprotect(low, page_size, PROT_NONE) != 0)
        return false;
    mprotected++;
    return true;
}

static void guard(struct lc__slab *slab, unsigned index)
{
    char *low = low_of(slab, index);
    slab->guarded |= UINT64_C(1) << index;
    if (guard_by_advice(low) || guard_by_mprotect(low))
        return;
    memcpy(low + page_size, overrun_mark, sizeof overrun_mark);
    atomic_fetch_or_explicit(&slab->marked, UINT64_C(1) << index, memory_order_relaxed);
}

static bool is_marked(struct lc__slab *slab, unsigned index)
{
    return atomic_load_explicit(&slab->marked, memory_order_relaxed) >> index & 1;
}

bool lc__stack_is_overrun(const struct lc__fiber *fiber)
{
    return is_marked(fiber->stack.slab, fiber->stack.index) &&
           memcmp(lc__stack_low(fiber), overrun_mark, sizeof overrun_mark) != 0;
}

struct lc__fiber *lc__stack_of_guard(const void *address)
{
    const char *at = address;
    for (const struct lc__slab *slab = lc__slabs(); slab; slab = slab->next) {
        if (at < slab->base || at >= slab->base + slab->count * slab->stack_size)
            continue;
        size_t offset = (size_t)(at - slab->base);
        if (offset % slab->stack_size >= page_size)
            return NULL;
        return lc__slab_fiber(slab, (unsigned)(offset / slab->stack_size));
    }
    return NULL;
}

/* ---- slabs; under the lock ---- */

static unsigned stacks_per_slab(size_t stack_size)
{
    size_t fit = SLAB_SIZE_MAX / stack_size;
    if (fit < 1)
        return 1;
    return fit < LC__STACKS_PER_SLAB ? (unsigned)fit : LC__STACKS_PER_SLAB;
}

static struct lc__slab *map_slab(size_t stack_size)
{
    struct lc__slab *slab = lc__allocate(sizeof *slab);
    if (!slab)
        return NULL;
    slab->stack_size = stack_size;
    slab->count = stacks_per_slab(stack_size);
    slab->cold = slab->count < 64 ? (UINT64_C(1) << slab->count) - 1 : UINT64_MAX;
    size_t size = slab->count * stack_size;
    slab->base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (slab->base == MAP_FAILED) {
        lc__free(slab);
        return NULL;
    }
    /* A huge page would make the first touch of one stack the memory of thirty. */
    madvise(slab->base, size, MADV_NOHUGEPAGE);
    return slab;
}

static struct lc__slab *add_slab(struct class *class, size_t stack_size)
{
    struct lc__slab *slab = map_slab(stack_size);
    if (!slab)
        return NULL;
    slab->next_cold = class->cold;
    class->cold = slab;
    slab->next = atomic_load_explicit(&slabs, memory_order_relaxed);
    atomic_store_explicit(&slabs, slab, memory_order_release);
    return slab;
}

/* ---- warm stacks; under the lock ---- */

static struct budget *budget_of(const struct lc__slab *slab)
{
    return slab->stack_size <= LC__STACK_DEFAULT ? &small_budget : &large_budget;
}

/* Relaxed: a reader without the lock needs only an estimate of the bytes. */
static size_t warm_bytes(const struct budget *budget)
{
    return atomic_load_explicit(&budget->warm, memory_order_relaxed);
}

static void count_warm(struct class *class, const struct lc__slab *slab, size_t by)
{
    struct budget *budget = budget_of(slab);
    size_t size = slab->stack_size > LC__STACK_DEFAULT ? slab->stack_size : LC__STACK_DEFAULT;
    class->warm_count += by;
    if (class->warm_count < class->unused)
        class->unused = class->warm_count;
    atomic_store_explicit(&budget->warm, warm_bytes(budget) + by * size, memory_order_relaxed);
}

static void add_warm(struct class *class, struct lc__fiber *fiber)
{
    struct lc__slab *slab = fiber->stack.slab;
    TAILQ_INSERT_HEAD(&class->warm, fiber, free);
    slab->warm |= UINT64_C(1) << fiber->stack.index;
    count_warm(class, slab, 1);
}

static void take_warm(struct class *class, struct lc__fiber *fiber)
{
    struct lc__slab *slab = fiber->stack.slab;
    TAILQ_REMOVE(&class->warm, fiber, free);
    slab->warm &= ~(UINT64_C(1) << fiber->stack.index);
    count_warm(class, slab, (size_t)-1);
}

static bool is_excess(const struct budget *budget)
{
    return warm_bytes(budget) > budget->least;
}

bool lc__stacks_have_excess(void)
{
    return is_excess(&small_budget) || is_excess(&large_budget);
}

/* ---- taking ---- */

static void init(void)
{
    if (page_size != 0)
        return;
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < CLASSES; i++)
        TAILQ_INIT(&classes[i].warm);
}

static struct lc__fiber *take_cold(struct class *class, size_t stack_size)
{
    struct lc__slab *slab = class->cold ? class->cold : add_slab(class, stack_size);
    if (!slab)
        return NULL;
    unsigned index = (unsigned)__builtin_ctzll(slab->cold);
    slab->cold &= slab->cold - 1;
    if (slab->cold == 0)
        class->cold = slab->next_cold;
    if (!(slab->guarded >> index & 1)) {
        lc__sanitizer_stack_mapped(low_of(slab, index), slab->stack_size);
        guard(slab, index);
    }
    struct lc__fiber *fiber = lc__slab_fiber(slab, index);
    fiber->stack = (struct lc__stack){slab, index};
    return fiber;
}

/*
 * ThreadSanitizer remembers which fiber has written to a stack, and would report a race with the
 * next fiber that uses it. Of a new mapping it remembers nothing.
 */
static void forget_use(struct lc__fiber *fiber)
{
#ifdef LC__TSAN
    const struct lc__stack stack = fiber->stack;
    /* Not written by us: it will be written next by the thread that the fiber is to run in. */
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    mmap(low_of_fiber(fiber), stack.slab->stack_size, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_FIXED, -1, 0);
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    guard(stack.slab, stack.index);
    fiber->stack = stack;
#endif
    (void)fiber;
}

struct lc__fiber *lc__stack_take(size_t size)
{
    unsigned number = class_of(size);
    if (number >= CLASSES || lc__memory_must_fail())
        return NULL;
    struct class *class = &classes[number];
    pthread_mutex_lock(&lock);
    init();
    struct lc__fiber *fiber = TAILQ_FIRST(&class->warm);
    if (fiber)
        take_warm(class, fiber);
    else
        fiber = take_cold(class, (size_t)SMALLEST << number);
    if (fiber)
        forget_use(fiber);
    pthread_mutex_unlock(&lock);
    return fiber;
}

/* ---- giving back ---- */

/* Without the lock: no list holds these stacks. Control blocks go too; the guards stay. */
static void give_memory_back(struct lc__slab *slab, uint64_t stacks)
{
    for (unsigned from = 0, to; from < slab->count; from = to + 1) {
        for (to = from; to < slab->count && stacks >> to & 1; to++)
            continue;
        if (to == from)
            continue;
        char *low = low_of(slab, from) + page_size;
        madvise(low, (to - from) * slab->stack_size - page_size, MADV_DONTNEED);
        for (unsigned i = from; i < to; i++)
            if (is_marked(slab, i))
                memcpy(low_of(slab, i) + page_size, overrun_mark, sizeof overrun_mark);
    }
}

/* Under the lock, which it gives away meanwhile. @return how many of the slab were warm. */
static size_t cool(struct class *class, struct lc__slab *slab)
{
    uint64_t stacks = slab->warm;
    for (uint64_t left = stacks; left; left &= left - 1)
        take_warm(class, lc__slab_fiber(slab, (unsigned)__builtin_ctzll(left)));
    pthread_mutex_unlock(&lock);
    give_memory_back(slab, stacks);
    pthread_mutex_lock(&lock);
    if (slab->cold == 0) {
        slab->next_cold = class->cold;
        class->cold = slab;
    }
    slab->cold |= stacks;
    return (size_t)__builtin_popcountll(stacks);
}

/* The slabs of the `count` stacks that were not used for longest, as long as there is excess. */
static void cool_oldest(struct class *class, size_t count)
{
    struct lc__fiber *oldest;
    while (count > 0 && (oldest = TAILQ_LAST(&class->warm, lc__fibers)) &&
           is_excess(budget_of(oldest->stack.slab))) {
        size_t cooled = cool(class, oldest->stack.slab);
        count -= cooled < count ? cooled : count;
    }
}

static struct class *class_of_fiber(const struct lc__fiber *fiber)
{
    return &classes[class_of(fiber->stack.slab->stack_size)];
}

static bool is_all_free(const struct lc__slab *slab)
{
    return __builtin_popcountll(slab->warm | slab->cold) == (int)slab->count;
}

void lc__stack_give(struct lc__fiber *fiber)
{
    struct class *class = class_of_fiber(fiber);
    struct lc__slab *slab = fiber->stack.slab;
    const struct budget *budget = budget_of(slab);
    pthread_mutex_lock(&lock);
    add_warm(class, fiber);
    if (warm_bytes(budget) > budget->most && is_all_free(slab))
        cool(class, slab);
    else if (budget == &large_budget && warm_bytes(budget) > LARGE_EXCESS * budget->most)
        cool_oldest(class, 1);
    pthread_mutex_unlock(&lock);
}

/* Under the lock. From here on it is counted what is used. */
static void watch_use(int64_t now)
{
    trimmed = lc__stacks_have_excess() ? now : 0;
    for (unsigned i = 0; i < CLASSES; i++)
        classes[i].unused = classes[i].warm_count;
}

int64_t lc__stacks_trim(int64_t now, int64_t after)
{
    if (!lc__stacks_have_excess())
        return LC_FOREVER;
    pthread_mutex_lock(&lock);
    if (trimmed == 0) {
        watch_use(now);
    } else if (now - trimmed >= after) {
        for (unsigned i = CLASSES; i-- > 0;)
            cool_oldest(&classes[i], classes[i].unused);
        watch_use(now);
    }
    int64_t next = trimmed == 0 ? LC_FOREVER : trimmed + after;
    pthread_mutex_unlock(&lock);
    return next;
}

void lc__stacks_trim_all(void)
{
    if (!lc__stacks_have_excess())
        return;
    pthread_mutex_lock(&lock);
    for (unsigned i = CLASSES; i-- > 0;)
        cool_oldest(&classes[i], classes[i].warm_count);
    trimmed = 0;
    pthread_mutex_unlock(&lock);
}

void lc__stacks_free(void)
{
    struct lc__slab *slab = atomic_exchange(&slabs, NULL);
    memset(classes, 0, sizeof classes);
    small_budget.warm = large_budget.warm = 0;
    trimmed = 0;
    mprotected = page_size = 0;
    while (slab) {
        struct lc__slab *next = slab->next;
        size_t size = slab->count * slab->stack_size;
        lc__sanitizer_stacks_unmapping(slab->base, size);
        munmap(slab->base, size);
        lc__free(slab);
        slab = next;
    }
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
