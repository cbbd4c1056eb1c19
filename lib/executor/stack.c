/*
 * stack.c: see stack.h.
 *
 * Each executor thread keeps a few free stacks of the default size to itself (loop_stacks.c). This
 * file has the other free stacks, of all sizes, for all threads.
 *
 *     cold ------- lc__stack_take() ------+
 *      ^                                  v
 *      |                               in use <-- lc__stack_take() --+
 *      |                                  |                          |
 *      |                                  +--- lc__stack_give() --> warm
 *      |                                                             |
 *      +--------------- class_cool(), a slab at a time --------------+
 *
 * A free stack is *warm* while it keeps its memory, and *cold* when the memory was given back to
 * the system. Giving back is a system call that interrupts all processors, so one call does it for
 * many stacks. lc__stack_give() makes the call for a slab that has free stacks only, and if
 * more stacks are warm than the budget allows. lc__stacks_trim() does the rest when stacks were not
 * used for some time. So the cost of ending a fiber does not depend on how many fibers end
 * together.
 *
 * The lock is not held during that call. The stacks are then neither warm nor cold, and no list has
 * them.
 */
#include "executor/stack.h"

#include "base/assert.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/sanitizer.h"
#include "executor/fiber.h"

#include <lifecycle/time.h>

#include <bsd/sys/queue.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

enum {
    SMALLEST = LC__SANITIZED ? 64 * 1024 : 32 * 1024, /* code with a sanitizer needs more */
    CLASSES = LC__SANITIZED ? 15 : 16, /* sizes, each twice the one before: up to 1 GiB */
    COLOURS = 16,                      /* different offsets of control blocks */
    COLOUR_STEP = 2 * 64,              /* bytes: two lines of the cache */
    GUARDS_BY_MPROTECT = 8192, /* each splits a mapping; the kernel allows 65,530 mappings */
};
#define SLAB_SIZE_MAX ((size_t)64 * 1024 * 1024) /* of stacks larger than the default */

/* Written at the low end of a stack that has no other guard. */
static const uint64_t overrun_mark[4] = {UINT64_C(0x6c69666563796331), UINT64_C(0x9d1f3c5b7a284e60),
                                         UINT64_C(0x6c69666563796332),
                                         UINT64_C(0xe3a5c7190b2d4f68)};

/* The free stacks of one size. */
struct stack_class {
    TAILQ_HEAD(lc__fibers, lc__fiber) warm; /* the one given back last is the first */
    size_t warm_count;
    size_t unused;         /* this many at the end of `warm` were not used since `trimmed` */
    struct lc__slab *cold; /* slabs with cold stacks of this size */
};

/*
 * How many bytes of stacks may be warm: one budget for stacks up to the default size, one for
 * larger stacks. Few fibers use all of their stack, but each stack counts in full. A stack smaller
 * than the default counts as one of the default size.
 */
struct stack_budget {
    size_t most;        /* above it, lc__stack_give() gives memory back */
    size_t least;       /* below it, memory is kept for ever */
    atomic_size_t warm; /* written under the lock */
};
static struct stack_budget small_budget = {.most = 4096 * (size_t)LC__STACK_DEFAULT,
                                           .least = 64 * (size_t)LC__STACK_DEFAULT};
static struct stack_budget large_budget = {.most = (size_t)64 << 20, .least = (size_t)16 << 20};
/* A slab has few large stacks, and one call for each is cheap beside the memory that it frees. */
enum { LARGE_EXCESS = 4 };

static struct lc__lock lock = LC__LOCK_INIT; /* for all that follows */
static struct stack_class classes[CLASSES];
static int64_t trimmed; /* when `unused` was last counted; 0: there was no excess then */
static size_t mprotected;
static bool no_guard_advice; /* the kernel does not have it, or an emulator ignores it */
static size_t page_size;
/*
 * Release, paired with lc__slabs(): a thread that finds a slab finds it filled in. Slabs are only
 * added, until the shutdown.
 */
static _Atomic(struct lc__slab *) slabs;

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* ---- places ---- */

static unsigned class_index(size_t size)
{
    unsigned index = 0;
    while (index < CLASSES && ((size_t)SMALLEST << index) < size)
        index++;
    return index;
}

static char *slab_low(const struct lc__slab *slab, unsigned index)
{
    return slab->base + (size_t)index * slab->stack_size;
}

struct lc__fiber *lc__slab_fiber(const struct lc__slab *slab, unsigned index)
{
    size_t block = (sizeof(struct lc__fiber) + 63) & ~(size_t)63;
    size_t colour = (size_t)(index % COLOURS) * COLOUR_STEP;
    return (struct lc__fiber *)(slab_low(slab, index) + slab->stack_size - colour - block);
}

static char *fiber_low(const struct lc__fiber *fiber)
{
    return slab_low(fiber->stack.slab, fiber->stack.index);
}

void *lc__stack_low(const struct lc__fiber *fiber)
{
    return fiber_low(fiber) + page_size;
}

size_t lc__stack_usable(const struct lc__fiber *fiber)
{
    return (size_t)((const char *)fiber - (const char *)lc__stack_low(fiber));
}

struct lc__slab *lc__slabs(void)
{
    return atomic_load_explicit(&slabs, memory_order_acquire);
}

/* ---- guards ---- */

/*
 * Whether the kernel refuses to write there. Emulators accept MADV_GUARD_INSTALL and ignore it. A
 * system call that is to write there tells, and does not end the process.
 */
static bool page_is_guarded(char *low)
{
    return syscall(SYS_getrusage, RUSAGE_SELF, low) != 0;
}

static bool guard_by_advice(char *low)
{
    static bool proven;
    if (no_guard_advice)
        return false;
    bool guarded = madvise(low, page_size, MADV_GUARD_INSTALL) == 0;
    proven = proven || (guarded && page_is_guarded(low));
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

static void slab_guard(struct lc__slab *slab, unsigned index)
{
    LC__ASSERT(lc__lock_is_held(&lock));
    char *low = slab_low(slab, index);
    slab->guarded |= UINT64_C(1) << index;
    if (guard_by_advice(low) || guard_by_mprotect(low))
        return;
    memcpy(low + page_size, overrun_mark, sizeof overrun_mark);
    atomic_fetch_or_explicit(&slab->marked, UINT64_C(1) << index, memory_order_relaxed);
}

static bool slab_is_marked(struct lc__slab *slab, unsigned index)
{
    return atomic_load_explicit(&slab->marked, memory_order_relaxed) >> index & 1;
}

bool lc__stack_is_overrun(const struct lc__fiber *fiber)
{
    return slab_is_marked(fiber->stack.slab, fiber->stack.index) &&
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

/* ---- slabs ---- */

static unsigned slab_capacity(size_t stack_size)
{
    size_t fit = SLAB_SIZE_MAX / stack_size;
    if (fit < 1)
        return 1;
    return fit < LC__STACKS_PER_SLAB ? (unsigned)fit : LC__STACKS_PER_SLAB;
}

static struct lc__slab *slab_map(size_t stack_size)
{
    struct lc__slab *slab = lc__allocate(sizeof *slab);
    if (!slab)
        return NULL;
    slab->stack_size = stack_size;
    slab->count = slab_capacity(stack_size);
    slab->cold = slab->count < 64 ? (UINT64_C(1) << slab->count) - 1 : UINT64_MAX;
    size_t size = slab->count * stack_size;
    slab->base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (slab->base == MAP_FAILED) {
        lc__free(slab);
        return NULL;
    }
    /* With a huge page the first use of one stack would take the memory of thirty. */
    madvise(slab->base, size, MADV_NOHUGEPAGE);
    return slab;
}

static struct lc__slab *class_add_slab(struct stack_class *class, size_t stack_size)
{
    LC__ASSERT(lc__lock_is_held(&lock));
    struct lc__slab *slab = slab_map(stack_size);
    if (!slab)
        return NULL;
    slab->next_cold = class->cold;
    class->cold = slab;
    slab->next = atomic_load_explicit(&slabs, memory_order_relaxed);
    atomic_store_explicit(&slabs, slab, memory_order_release);
    return slab;
}

/* ---- warm stacks ---- */

static struct stack_budget *slab_budget(const struct lc__slab *slab)
{
    return slab->stack_size <= LC__STACK_DEFAULT ? &small_budget : &large_budget;
}

/* Relaxed: a reader without the lock needs an estimate only. */
static size_t budget_warm(const struct stack_budget *budget)
{
    return atomic_load_explicit(&budget->warm, memory_order_relaxed);
}

static void class_count_warm(struct stack_class *class, const struct lc__slab *slab, size_t by)
{
    LC__ASSERT(lc__lock_is_held(&lock));
    struct stack_budget *budget = slab_budget(slab);
    size_t size = slab->stack_size > LC__STACK_DEFAULT ? slab->stack_size : LC__STACK_DEFAULT;
    class->warm_count += by;
    if (class->warm_count < class->unused)
        class->unused = class->warm_count;
    atomic_store_explicit(&budget->warm, budget_warm(budget) + by * size, memory_order_relaxed);
}

static void class_add_warm(struct stack_class *class, struct lc__fiber *fiber)
{
    struct lc__slab *slab = fiber->stack.slab;
    LC__ASSERT(!((slab->warm | slab->cold) >> fiber->stack.index & 1)); /* not given back before */
    TAILQ_INSERT_HEAD(&class->warm, fiber, free);
    slab->warm |= UINT64_C(1) << fiber->stack.index;
    class_count_warm(class, slab, 1);
}

static void class_take_warm(struct stack_class *class, struct lc__fiber *fiber)
{
    struct lc__slab *slab = fiber->stack.slab;
    TAILQ_REMOVE(&class->warm, fiber, free);
    slab->warm &= ~(UINT64_C(1) << fiber->stack.index);
    class_count_warm(class, slab, (size_t)-1);
}

static bool budget_is_exceeded(const struct stack_budget *budget)
{
    return budget_warm(budget) > budget->least;
}

bool lc__stacks_have_excess(void)
{
    return budget_is_exceeded(&small_budget) || budget_is_exceeded(&large_budget);
}

/* ---- taking ---- */

static void stacks_init(void)
{
    LC__ASSERT(lc__lock_is_held(&lock));
    if (page_size != 0)
        return;
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < CLASSES; i++)
        TAILQ_INIT(&classes[i].warm);
}

static struct lc__fiber *class_take_cold(struct stack_class *class, size_t stack_size)
{
    LC__ASSERT(lc__lock_is_held(&lock));
    struct lc__slab *slab = class->cold ? class->cold : class_add_slab(class, stack_size);
    if (!slab)
        return NULL;
    unsigned index = (unsigned)__builtin_ctzll(slab->cold);
    slab->cold &= slab->cold - 1;
    if (slab->cold == 0)
        class->cold = slab->next_cold;
    if (!(slab->guarded >> index & 1)) {
        lc__sanitizer_stack_mapped(slab_low(slab, index), slab->stack_size);
        slab_guard(slab, index);
    }
    struct lc__fiber *fiber = lc__slab_fiber(slab, index);
    fiber->stack = (struct lc__stack){slab, index};
    return fiber;
}

/*
 * Makes ThreadSanitizer forget the fiber that has written to the stack, by a new mapping. Otherwise
 * it would report a race with the next fiber that uses the stack.
 */
static void stack_forget_use(struct lc__fiber *fiber)
{
#ifdef LC__TSAN
    const struct lc__stack stack = fiber->stack;
    /* Not counted as a write of this thread: the thread that runs the fiber writes there next. */
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    mmap(fiber_low(fiber), stack.slab->stack_size, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_FIXED, -1, 0);
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    slab_guard(stack.slab, stack.index);
    fiber->stack = stack;
#endif
    (void)fiber;
}

struct lc__fiber *lc__stack_take(size_t size)
{
    unsigned number = class_index(size);
    if (number >= CLASSES || lc__memory_must_fail())
        return NULL;
    struct stack_class *class = &classes[number];
    lc__lock_take(&lock);
    stacks_init();
    struct lc__fiber *fiber = TAILQ_FIRST(&class->warm);
    if (fiber)
        class_take_warm(class, fiber);
    else
        fiber = class_take_cold(class, (size_t)SMALLEST << number);
    if (fiber)
        stack_forget_use(fiber);
    lc__lock_give(&lock);
    return fiber;
}

/* ---- giving back ---- */

/* No list has these stacks. Gives back the control blocks too, and keeps the guards. */
static void slab_give_memory_back(struct lc__slab *slab, uint64_t stacks)
{
    for (unsigned from = 0, to; from < slab->count; from = to + 1) {
        for (to = from; to < slab->count && stacks >> to & 1; to++)
            continue;
        if (to == from)
            continue;
        char *low = slab_low(slab, from) + page_size;
        madvise(low, (to - from) * slab->stack_size - page_size, MADV_DONTNEED);
        for (unsigned i = from; i < to; i++)
            if (slab_is_marked(slab, i))
                memcpy(slab_low(slab, i) + page_size, overrun_mark, sizeof overrun_mark);
    }
}

/*
 * Makes the warm stacks of the slab cold. Gives the lock away during the system call.
 * @return how many stacks these were.
 */
static size_t class_cool(struct stack_class *class, struct lc__slab *slab)
{
    LC__ASSERT(lc__lock_is_held(&lock));
    uint64_t stacks = slab->warm;
    for (uint64_t left = stacks; left; left &= left - 1)
        class_take_warm(class, lc__slab_fiber(slab, (unsigned)__builtin_ctzll(left)));
    lc__lock_give(&lock);
    slab_give_memory_back(slab, stacks);
    lc__lock_take(&lock);
    if (slab->cold == 0) {
        slab->next_cold = class->cold;
        class->cold = slab;
    }
    slab->cold |= stacks;
    return (size_t)__builtin_popcountll(stacks);
}

/* Cools the slabs of the `count` stacks that were not used for longest, while there is excess. */
static void class_cool_oldest(struct stack_class *class, size_t count)
{
    LC__ASSERT(lc__lock_is_held(&lock));
    struct lc__fiber *oldest;
    while (count > 0 && (oldest = TAILQ_LAST(&class->warm, lc__fibers)) &&
           budget_is_exceeded(slab_budget(oldest->stack.slab))) {
        size_t cooled = class_cool(class, oldest->stack.slab);
        count -= cooled < count ? cooled : count;
    }
}

static struct stack_class *fiber_class(const struct lc__fiber *fiber)
{
    return &classes[class_index(fiber->stack.slab->stack_size)];
}

static bool slab_is_free(const struct lc__slab *slab)
{
    return __builtin_popcountll(slab->warm | slab->cold) == (int)slab->count;
}

void lc__stack_give(struct lc__fiber *fiber)
{
    struct stack_class *class = fiber_class(fiber);
    struct lc__slab *slab = fiber->stack.slab;
    const struct stack_budget *budget = slab_budget(slab);
    LC__ASSERT(atomic_load_explicit(&fiber->state, memory_order_relaxed) == LC__FIBER_FREE);
    lc__lock_take(&lock);
    class_add_warm(class, fiber);
    if (budget_warm(budget) > budget->most && slab_is_free(slab))
        class_cool(class, slab);
    else if (budget == &large_budget && budget_warm(budget) > LARGE_EXCESS * budget->most)
        class_cool_oldest(class, 1);
    lc__lock_give(&lock);
}

/* Begins to count which stacks are used. */
static void stacks_watch_use(int64_t now)
{
    LC__ASSERT(lc__lock_is_held(&lock));
    trimmed = lc__stacks_have_excess() ? now : 0;
    for (unsigned i = 0; i < CLASSES; i++)
        classes[i].unused = classes[i].warm_count;
}

int64_t lc__stacks_trim(int64_t now, int64_t after)
{
    if (!lc__stacks_have_excess())
        return LC_FOREVER;
    lc__lock_take(&lock);
    if (trimmed == 0) {
        stacks_watch_use(now);
    } else if (now - trimmed >= after) {
        for (unsigned i = CLASSES; i-- > 0;)
            class_cool_oldest(&classes[i], classes[i].unused);
        stacks_watch_use(now);
    }
    int64_t next = trimmed == 0 ? LC_FOREVER : trimmed + after;
    lc__lock_give(&lock);
    return next;
}

void lc__stacks_trim_all(void)
{
    if (!lc__stacks_have_excess())
        return;
    lc__lock_take(&lock);
    for (unsigned i = CLASSES; i-- > 0;)
        class_cool_oldest(&classes[i], classes[i].warm_count);
    trimmed = 0;
    lc__lock_give(&lock);
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
