/*
 * stacks.c: the stacks of fibers: their guards, and the report of an overflow; that they are used
 * again, and their memory given back.
 */
#include "support/check.h"
#include "support/fibers.h"

#include "base/sanitizer.h"
#include "executor/fiber.h"
#include "executor/stack.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- what the system is asked for ---- */

static atomic_uint taken_back; /* calls that had memory taken back */

/* The library's calls come here, and go on to the system. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the system's are reserved */
int madvise(void *address, size_t length, int advice)
{
    if (advice == MADV_DONTNEED)
        atomic_fetch_add(&taken_back, 1);
    return (int)syscall(SYS_madvise, address, length, advice);
}

/* ---- taking and giving ---- */

static size_t count_slabs(void)
{
    size_t count = 0;
    for (const struct lc__slab *slab = lc__slabs(); slab; slab = slab->next)
        count++;
    return count;
}

static void stacks_are_as_large_as_asked(void)
{
    static const size_t kib = 1024;
    const size_t sizes[] = {1, 16 * kib, 16 * kib + 1, 64 * kib, 100 * kib, 1024 * kib, 8192 * kib};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct lc__fiber *fiber = lc__stack_take(sizes[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(fiber);
        if (!fiber)
            return;
        char *low = lc__stack_low(fiber);
        size_t usable = lc__stack_usable(fiber);
        CU_ASSERT_PTR_EQUAL(low + usable, fiber);
        CU_ASSERT_TRUE(fiber->stack.slab->stack_size >= sizes[i]);
        /* What is not usable is the guard's page, and less than a page at the top. */
        CU_ASSERT_TRUE(usable + 2 * (size_t)sysconf(_SC_PAGESIZE) > fiber->stack.slab->stack_size);
        low[0] = low[usable - 1] = 1;
        CU_ASSERT_PTR_EQUAL(lc__stack_of_guard(low - 1), fiber);
        CU_ASSERT_PTR_NULL(lc__stack_of_guard(low));
        CU_ASSERT_PTR_NULL(lc__stack_of_guard(fiber));
        CU_ASSERT_FALSE(lc__stack_is_overrun(fiber));
        lc__stack_give(fiber);
    }
    CU_ASSERT_PTR_NULL(lc__stack_take(LC_FIBER_STACK_MAX + 1));
    CU_ASSERT_PTR_NULL(lc__stack_of_guard(sizes));
}

static void the_last_given_is_the_first_taken(void)
{
    struct lc__fiber *first = lc__stack_take(LC__STACK_DEFAULT);
    struct lc__fiber *second = lc__stack_take(LC__STACK_DEFAULT);
    size_t slabs = count_slabs();
    CU_ASSERT_PTR_NOT_EQUAL(first, second);
    for (int i = 0; i < 1000; i++) {
        lc__stack_give(first);
        CU_ASSERT_PTR_EQUAL(lc__stack_take(LC__STACK_DEFAULT), first);
    }
    CU_ASSERT_EQUAL(count_slabs(), slabs);
    lc__stack_give(first);
    lc__stack_give(second);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void fibers_that_follow_each_other_share_a_stack(void)
{
    lc_executor *executor = fibers_executor(1);
    fibers_start(executor, "before", do_nothing, NULL);
    fibers_end(executor);
    size_t slabs = count_slabs();
    executor = fibers_executor(1);
    for (int i = 0; i < 200; i++) {
        fibers_start(executor, "after", do_nothing, NULL);
        fibers_end(executor);
        executor = fibers_executor(1);
    }
    fibers_end(executor);
    CU_ASSERT_EQUAL(count_slabs(), slabs);
}

/* ---- memory ---- */

static bool is_resident(const struct lc__fiber *fiber)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *low = lc__stack_low(fiber);
    size_t size = fiber->stack.slab->stack_size - page;
    unsigned char pages[64] = {0};
    if (size / page > sizeof pages || mincore(low, size, pages) != 0)
        return true;
    return memchr(pages, 1, size / page) != NULL;
}

/* Of stacks of that size; bytes. */
static size_t resident_of(size_t stack_size)
{
    static unsigned char pages[64 * 256];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), resident = 0;
    for (const struct lc__slab *slab = lc__slabs(); slab; slab = slab->next) {
        size_t size = slab->count * slab->stack_size;
        if (slab->stack_size != stack_size || size / page > sizeof pages ||
            mincore(slab->base, size, pages) != 0)
            continue;
        for (size_t i = 0; i < size / page; i++)
            resident += pages[i] & 1 ? page : 0;
    }
    return resident;
}

enum { LARGE_STACK = 1024 * 1024, LARGE_STACKS = 300, LARGE_KEPT = 16 * 1024 * 1024 };

static void fill_and_wait(void *arg)
{
    volatile char filled[LARGE_STACK * 3 / 4];
    for (size_t i = 0; i < sizeof filled; i += 1024)
        filled[i] = 1;
    lc_handle_wait(arg, LC_FOREVER);
}

static void wait_small(void *arg)
{
    lc_handle_wait(arg, LC_FOREVER);
}

static void start_large(lc_executor *executor, lc_handle *go)
{
    lc_fiber_options options = {.size = sizeof options};
    options.name = "large";
    options.executor = executor;
    options.stack_size = LARGE_STACK;
    options.run = fill_and_wait;
    options.arg = go;
    for (int i = 0; i < LARGE_STACKS; i++)
        CU_ASSERT_EQUAL(lc_fiber_start(&options), 0);
}

static bool all_large_are_filled(void *unused)
{
    (void)unused;
    return resident_of(LARGE_STACK) > (size_t)LARGE_STACKS * (LARGE_STACK * 3 / 4);
}

static bool large_are_given_back(void *unused)
{
    (void)unused;
    return resident_of(LARGE_STACK) <= LARGE_KEPT;
}

static lc_executor *soon_idle_executor(void)
{
    lc_executor_options options = {.size = sizeof options};
    lc_executor *executor = NULL;
    options.threads = 1;
    options.idle_timeout = 20 * LC_MILLISECOND;
    CHECK_SUCCESS(lc_executor_new(&options, &executor));
    return executor;
}

/* `stay`: a fiber that waits keeps the executor's thread from ending. */
static void large_stacks_are_used_and_given_back(bool stay)
{
    lc_handle *go = lc_handle_new();
    lc_handle *end = lc_handle_new();
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* no stack is left of others */
    lc_executor *executor = soon_idle_executor();
    if (stay)
        fibers_start(executor, "stays", wait_small, end);
    start_large(executor, go);
    CU_ASSERT_TRUE(check_until(all_large_are_filled, NULL));
    lc_handle_close(go);
    CU_ASSERT_TRUE(check_until(large_are_given_back, NULL));
    lc_handle_close(end);
    fibers_end(executor);
    lc_handle_unref(go);
    lc_handle_unref(end);
}

static void memory_of_large_ones_is_given_back_when_idle(void)
{
    large_stacks_are_used_and_given_back(true);
}

static void memory_of_large_ones_is_given_back_by_a_thread_that_leaves(void)
{
    large_stacks_are_used_and_given_back(false);
}

static void use_large_ones(void *go)
{
    start_large(NULL, go);
    lc_yield();
    lc_handle_close(go);
}

static lc_error *simulate_large_ones(void *go)
{
    use_large_ones(go);
    return NULL;
}

/* No thread is left that could do it later. */
static void memory_of_large_ones_is_given_back_after_a_run(void)
{
    lc_handle *real = lc_handle_new();
    fibers_here(use_large_ones, real);
    CU_ASSERT_TRUE(large_are_given_back(NULL));
    lc_executor *simulation = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &simulation));
    lc_handle *simulated = lc_handle_new();
    CHECK_SUCCESS(lc_executor_run(simulation, simulate_large_ones, simulated));
    CU_ASSERT_TRUE(large_are_given_back(NULL));
    CU_ASSERT_EQUAL(lc_executor_free(simulation), 0);
    lc_handle_unref(real);
    lc_handle_unref(simulated);
}

static void stacks_in_use_stay_warm(void)
{
    enum { COUNT = 100, USED = 40 };
    struct lc__fiber *all[COUNT];
    const int64_t after = LC_SECOND;
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    CU_ASSERT_EQUAL(lc__stacks_trim(LC_SECOND, after), LC_FOREVER); /* none is there */
    for (unsigned i = 0; i < COUNT; i++)
        all[i] = lc__stack_take(LARGE_STACK);
    for (unsigned i = 0; i < COUNT; i++)
        lc__stack_give(all[i]);
    CU_ASSERT_TRUE(lc__stacks_have_excess());
    CU_ASSERT_EQUAL(lc__stacks_trim(LC_SECOND, after), 2 * LC_SECOND);
    for (unsigned i = 0; i < USED; i++)
        all[i] = lc__stack_take(LARGE_STACK);
    for (unsigned i = 0; i < USED; i++)
        lc__stack_give(all[i]);
    size_t before = resident_of(LARGE_STACK);
    CU_ASSERT_EQUAL(lc__stacks_trim(2 * LC_SECOND - 1, after), 2 * LC_SECOND);
    CU_ASSERT_EQUAL(resident_of(LARGE_STACK), before); /* it is too early */
    int64_t next = lc__stacks_trim(2 * LC_SECOND, after);
    CU_ASSERT_TRUE(resident_of(LARGE_STACK) < before);
    if (next != LC_FOREVER) /* those that were used are left */
        CU_ASSERT_EQUAL(lc__stacks_trim(next, after), LC_FOREVER);
    CU_ASSERT_FALSE(lc__stacks_have_excess());
}

/* A thread that has nothing to give back sleeps as if there were no stacks. */
static void sleep_and_count(void *arg)
{
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    lc_sleep(200 * LC_MILLISECOND);
    getrusage(RUSAGE_THREAD, &after);
    *(long *)arg = after.ru_nvcsw - before.ru_nvcsw;
}

static void no_thread_wakes_for_nothing(void)
{
    long sleeps = -1;
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    lc_executor *executor = soon_idle_executor();
    fibers_start(executor, "sleeper", sleep_and_count, &sleeps);
    fibers_end(executor);
    CU_ASSERT_TRUE(sleeps >= 0 && sleeps < 5); /* 10, if it looked every 20 ms */
}

static void memory_of_many_is_given_back(void)
{
    enum { KEPT = 4096, COUNT = 6000 };
    static struct lc__fiber *all[COUNT];
    struct lc__stack kept[COUNT];
    unsigned resident = 0, taken = 0;
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* else others' stacks are those that stay warm */
    for (unsigned i = 0; i < COUNT; i++) {
        all[i] = lc__stack_take(LC_FIBER_STACK_MIN);
        CU_ASSERT_PTR_NOT_NULL_FATAL(all[i]);
        if (!all[i])
            return;
        kept[i] = all[i]->stack;
        memset(lc__stack_low(all[i]), 1, lc__stack_usable(all[i]));
        taken += is_resident(all[i]);
    }
    CU_ASSERT_EQUAL(taken, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        lc__stack_give(all[i]);
    for (unsigned i = 0; i < COUNT; i++) {
        struct lc__fiber place = {.stack = kept[i]}; /* the block itself may be gone */
        resident += is_resident(&place);
    }
    CU_ASSERT_TRUE(resident <= KEPT);
    CU_ASSERT_TRUE(resident > 0); /* some stay warm */
    /* And those that were given back serve again. */
    for (unsigned i = 0; i < COUNT; i++) {
        all[i] = lc__stack_take(LC_FIBER_STACK_MIN);
        memset(lc__stack_low(all[i]), 2, lc__stack_usable(all[i]));
    }
    for (unsigned i = 0; i < COUNT; i++)
        lc__stack_give(all[i]);
}

/* ---- many fibers ---- */

struct crowd {
    lc_context *context;
    lc_handle *never;
    atomic_uint parked, ended;
};

static void await_cancel(void *arg)
{
    struct crowd *crowd = arg;
    atomic_fetch_add(&crowd->parked, 1);
    if (lc_context_wait(crowd->context, crowd->never, LC_FOREVER) == -ECANCELED)
        atomic_fetch_add(&crowd->ended, 1);
}

static void park_many(unsigned count)
{
    struct crowd crowd = {.context = lc_context_new(NULL), .never = lc_handle_new()};
    lc_executor *executor = fibers_executor(2);
    for (unsigned i = 0; i < count; i++)
        fibers_spread(executor, await_cancel, &crowd);
    lc_context_cancel(crowd.context, NULL);
    fibers_end(executor);
    if (crowd.ended != count)
        abort();
    lc_context_unref(crowd.context);
    lc_handle_unref(crowd.never);
}

/*
 * What the end of a fiber costs does not depend on how many end: the system, which has to interrupt
 * all processors for it, takes the memory of many stacks back at once.
 */
static void memory_is_given_back_in_batches(void)
{
    enum { IN_A_BATCH = 4 }; /* mostly 64; what is given back for being idle is more scattered */
    unsigned count = check_fewer(40000);
    park_many(count); /* those that stay warm are there now */
    atomic_store(&taken_back, 0);
    park_many(count);
    unsigned calls = atomic_load(&taken_back);
    CU_ASSERT_TRUE(calls <= count / IN_A_BATCH);
    if (calls > count / IN_A_BATCH)
        printf("\n    of %u fibers, which took %u calls\n", count, calls);
}

static bool all_parked(void *arg)
{
    struct crowd *crowd = arg;
    return crowd->parked == check_fewer(40000);
}

static void many_are_parked_and_cancelled(void)
{
    struct crowd crowd = {.context = lc_context_new(NULL), .never = lc_handle_new()};
    unsigned count = check_fewer(40000);
    lc_executor *executor = fibers_executor(2);
    for (unsigned i = 0; i < count; i++)
        fibers_spread(executor, await_cancel, &crowd);
    CU_ASSERT_TRUE(check_until(all_parked, &crowd));
    lc_context_cancel(crowd.context, NULL);
    fibers_end(executor);
    CU_ASSERT_EQUAL(crowd.ended, count);
    lc_context_unref(crowd.context);
    lc_handle_unref(crowd.never);
}

/* ---- overflows ---- */

/* A sanitizer reports a fault itself, and ends the process in its own way. */
static bool died_of(const struct check_exit *ended, int number)
{
    return LC__SANITIZED ? ended->status != 0 : ended->status == -number;
}

static __attribute__((noinline)) unsigned recurse(volatile unsigned *left)
{
    volatile unsigned frame[128];
    frame[0] = *left - 1;
    return frame[0] == 0 ? 1 : recurse(frame) + frame[0];
}

static void overflow(void *arg)
{
    volatile unsigned deep = 1000000; /* more than any stack here holds */
    (void)arg;
    exit(recurse(&deep) ? 1 : 2); /* not reached */
}

static lc_executor *reporting_executor(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.name = "reporting";
    options.report_overflow = true;
    lc_executor *executor;
    if (lc_executor_new(&options, &executor))
        abort();
    return executor;
}

CHECK_CHILD(overflow_unreported)
{
    lc_executor *executor = fibers_executor(1);
    fibers_start(executor, "deep", overflow, NULL);
    fibers_end(executor);
    return 0;
}

CHECK_CHILD(overflow_reported)
{
    lc_executor *executor = reporting_executor();
    fibers_start(executor, "deep", overflow, NULL);
    fibers_end(executor);
    return 0;
}

static lc_error *overflow_in_main(void *arg)
{
    overflow(arg);
    return NULL;
}

CHECK_CHILD(overflow_in_guest)
{
    lc_error *error = lc_executor_run(reporting_executor(), overflow_in_main, NULL);
    return error ? 1 : 0;
}

/*
 * In a stack that was given back to the system, and taken again. No more of them than there are
 * guards without MADV_GUARD_INSTALL.
 */
CHECK_CHILD(overflow_after_many)
{
    park_many(check_fewer(8000));
    return overflow_reported();
}

static void an_overflow_ends_the_process(void)
{
    struct check_exit ended = check_child("overflow_unreported");
    CU_ASSERT_TRUE(died_of(&ended, SIGSEGV));
    CU_ASSERT_PTR_NULL(strstr(ended.errors, "lifecycle: fiber"));
}

static void an_overflow_is_reported_by_name(void)
{
    struct check_exit ended = check_child("overflow_reported");
    CU_ASSERT_TRUE(died_of(&ended, SIGSEGV));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(ended.errors, "fiber \"deep\" has overflowed its stack of 65536 bytes"));
    ended = check_child("overflow_in_guest");
    CU_ASSERT_TRUE(died_of(&ended, SIGSEGV));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(ended.errors, "fiber \"main\" has overflowed its stack of 1048576 bytes"));
    ended = check_child("overflow_after_many");
    CU_ASSERT_TRUE(died_of(&ended, SIGSEGV));
    CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors, "fiber \"deep\" has overflowed"));
}

/* ---- faults that are no overflow ---- */

static void fault(void *arg)
{
    volatile uintptr_t nowhere = 64; /* not NULL, which UBSan would tell of before it is tried */
    (void)arg;
    *(volatile int *)nowhere = 1; /* NOLINT(performance-no-int-to-ptr) */
}

static void exit_from_handler(int number)
{
    _exit(number == SIGSEGV ? 42 : 43);
}

CHECK_CHILD(fault_in_fiber)
{
    lc_executor *executor = reporting_executor();
    fibers_start(executor, "faulty", fault, NULL);
    fibers_end(executor);
    return 0;
}

CHECK_CHILD(fault_with_own_handler)
{
    struct sigaction own = {.sa_handler = exit_from_handler};
    sigaction(SIGSEGV, &own, NULL);
    return fault_in_fiber();
}

CHECK_CHILD(fault_sent)
{
    lc_executor *executor = reporting_executor();
    kill(getpid(), SIGSEGV);
    fibers_end(executor);
    return 0;
}

static void other_faults_are_left_alone(void)
{
    struct check_exit ended = check_child("fault_in_fiber");
    CU_ASSERT_TRUE(died_of(&ended, SIGSEGV));
    CU_ASSERT_PTR_NULL(strstr(ended.errors, "overflowed"));
    CU_ASSERT_EQUAL(check_child("fault_with_own_handler").status, 42);
    ended = check_child("fault_sent");
    CU_ASSERT_TRUE(died_of(&ended, SIGSEGV));
}

static bool handles_with(int number, void (*handler)(int))
{
    struct sigaction found;
    return sigaction(number, NULL, &found) == 0 && found.sa_handler == handler;
}

CHECK_CHILD(dispositions_put_back)
{
    struct sigaction own = {.sa_handler = exit_from_handler}, before;
    sigaction(SIGSEGV, NULL, &before);
    fibers_end(reporting_executor());
    if (handles_with(SIGSEGV, before.sa_handler))
        return 1;                  /* not installed at all */
    sigaction(SIGBUS, &own, NULL); /* the program's own, set later */
    if (lc_library_shutdown() != 0)
        return 2;
    return handles_with(SIGSEGV, before.sa_handler) && handles_with(SIGBUS, exit_from_handler) ? 0
                                                                                               : 3;
}

static void dispositions_are_put_back(void)
{
    CU_ASSERT_EQUAL(check_child("dispositions_put_back").status, 0);
}

CHECK_SUITE(unit_stacks, "unit: stacks",
            {"stacks are as large as asked, and guarded", stacks_are_as_large_as_asked},
            {"the last given is the first taken", the_last_given_is_the_first_taken},
            {"fibers that follow each other share a stack",
             fibers_that_follow_each_other_share_a_stack},
            {"the memory of many is given back", memory_of_many_is_given_back},
            {"the memory of large ones is given back while the executor is idle",
             memory_of_large_ones_is_given_back_when_idle},
            {"the memory of large ones is given back by a thread that leaves",
             memory_of_large_ones_is_given_back_by_a_thread_that_leaves},
            {"the memory of large ones is given back after a run and a simulation",
             memory_of_large_ones_is_given_back_after_a_run},
            {"stacks that are used keep their memory", stacks_in_use_stay_warm},
            {"a thread that has nothing to give back is not woken for it",
             no_thread_wakes_for_nothing},
            {"the memory of many is given back in batches", memory_is_given_back_in_batches},
            {"many are parked at once, and cancelled", many_are_parked_and_cancelled},
            {"an overflow ends the process", an_overflow_ends_the_process},
            {"an overflow is reported by the fiber's name", an_overflow_is_reported_by_name},
            {"faults that are no overflow are left alone", other_faults_are_left_alone},
            {"dispositions are put back", dispositions_are_put_back});
