/*
 * sanitizer.h: what the sanitizers and Valgrind have to know. Nothing in other builds. Floor 0.
 */
#ifndef LIFECYCLE_BASE_SANITIZER_H
#define LIFECYCLE_BASE_SANITIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define LC__ASAN
#endif
#if __has_feature(thread_sanitizer)
#define LC__TSAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(LC__ASAN)
#define LC__ASAN
#endif
#if defined(__SANITIZE_THREAD__) && !defined(LC__TSAN)
#define LC__TSAN
#endif

#if defined(LC__ASAN) || defined(LC__TSAN)
enum { LC__SANITIZED = 1 };
#else
enum { LC__SANITIZED = 0 };
#endif

/*
 * Called first in what runs while pthread_exit or pthread_cancel unwinds a thread: the frames that
 * were left did not remove the marks around their variables, and AddressSanitizer would report the
 * next function that uses that part of the stack.
 */
void lc__frames_were_left(void);

/*
 * ThreadSanitizer delays a signal handler until the thread makes a call that it knows. A sleep in a
 * raw system call is none, so a thread that waits for a signal has to return now and then.
 * @return the deadline, or an earlier one.
 */
int64_t lc__deadline_for_signals(int64_t deadline);

/* ---- stacks that are switched in user space ---- */

/* What a sanitizer knows about a stack. */
struct lc__sanitizer_stack {
#if defined(LC__ASAN)
    void *fake_stack;
    const void *low;
    size_t size;
#elif defined(LC__TSAN)
    void *fiber;
    char left; /* of a thread's own: for the order between its fibers and its end */
#else
    char nothing;
#endif
};

/* A new mapping becomes a stack, until it is unmapped. */
void lc__sanitizer_stack_mapped(void *low, size_t size);
/* The caller is about to unmap stacks: AddressSanitizer's marks would stay for the next mapping. */
void lc__sanitizer_stacks_unmapping(void *low, size_t size);

/*
 * The calls below are inlined: ThreadSanitizer counts the entry and the exit of a function, and
 * both must happen on the same stack.
 */
#define LC__INLINED static inline __attribute__((always_inline))

#if defined(LC__ASAN)
void lc__asan_stack_of_thread(struct lc__sanitizer_stack *stack);
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(LC__TSAN)
#include <errno.h>
#include <sanitizer/tsan_interface.h>
/* ThreadSanitizer's as well, but in none of its headers. */
void AnnotateBenignRaceSized(const char *file, int line, const volatile void *memory, size_t size,
                             const char *description);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#endif

/* The calling thread's own stack: the thread switches away from it, and back to it. */
LC__INLINED void lc__sanitizer_stack_of_thread(struct lc__sanitizer_stack *stack)
{
#if defined(LC__ASAN)
    lc__asan_stack_of_thread(stack);
#elif defined(LC__TSAN)
    stack->fiber = __tsan_get_current_fiber();
    /* Each fiber has its own errno, at the same address, and any call may write to it. */
    AnnotateBenignRaceSized(__FILE__, __LINE__, &errno, sizeof errno, "errno of fibers");
    __tsan_release(stack);
#else
    (void)stack;
#endif
}

/*
 * A stack is about to be used, perhaps once more: its contents do not count. What runs on it
 * happens after what the calling thread has done so far.
 */
LC__INLINED void lc__sanitizer_stack_begins(struct lc__sanitizer_stack *stack, void *low,
                                            size_t size)
{
#if defined(LC__ASAN)
    *stack = (struct lc__sanitizer_stack){NULL, low, size};
    __asan_unpoison_memory_region(low, size);
#elif defined(LC__TSAN)
    stack->fiber = __tsan_create_fiber(0);
#endif
    (void)stack, (void)low, (void)size;
}

/* Called on another stack, after the last switch away from this one. */
LC__INLINED void lc__sanitizer_stack_ended(struct lc__sanitizer_stack *stack)
{
#if defined(LC__TSAN)
    __tsan_destroy_fiber(stack->fiber);
#endif
    (void)stack;
}

/*
 * Called right before the switch. `of_thread` is the thread's own stack. `for_good`: nothing
 * switches back to `from`.
 */
LC__INLINED void lc__sanitizer_leaving(struct lc__sanitizer_stack *from,
                                       struct lc__sanitizer_stack *to,
                                       struct lc__sanitizer_stack *of_thread, bool for_good)
{
#if defined(LC__ASAN)
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_stack, to->low, to->size);
#elif defined(LC__TSAN)
    __tsan_release(&of_thread->left);
    /* No order between workers comes from this: they only run on the same thread. */
    __tsan_switch_to_fiber(to->fiber, __tsan_switch_to_fiber_no_sync);
#endif
    (void)from, (void)to, (void)of_thread, (void)for_good;
}

/* Called right after the switch, on the new stack. */
LC__INLINED void lc__sanitizer_arrived(struct lc__sanitizer_stack *stack)
{
#if defined(LC__ASAN)
    __sanitizer_finish_switch_fiber(stack->fake_stack, NULL, NULL);
#endif
    (void)stack;
}

/* The first arrival on a stack: what its thread did when it began happens before. */
LC__INLINED void lc__sanitizer_entered(struct lc__sanitizer_stack *of_thread)
{
#if defined(LC__TSAN)
    __tsan_acquire(of_thread);
#endif
    (void)of_thread;
}

/* The thread runs no more fibers: what they did happens before what it does from here on. */
LC__INLINED void lc__sanitizer_thread_ends(struct lc__sanitizer_stack *of_thread)
{
#if defined(LC__TSAN)
    __tsan_acquire(&of_thread->left);
#endif
    (void)of_thread;
}

/* The thread reports on its fibers: what they have done so far happens before its reads. */
LC__INLINED void lc__sanitizer_reports(struct lc__sanitizer_stack *of_thread)
{
    lc__sanitizer_thread_ends(of_thread);
}

/* What is done before a release happens before what is done after the acquire. */
LC__INLINED void lc__sanitizer_release(void *object)
{
#if defined(LC__TSAN)
    __tsan_release(object);
#endif
    (void)object;
}

LC__INLINED void lc__sanitizer_acquire(void *object)
{
#if defined(LC__TSAN)
    __tsan_acquire(object);
#endif
    (void)object;
}

/*
 * For functions that work on data of the thread: the fibers of a thread share it without a lock,
 * and ThreadSanitizer takes them for threads.
 */
#if defined(LC__TSAN) && defined(__clang__)
#define LC__OF_ITS_THREAD __attribute__((no_sanitize("thread")))
#else
#define LC__OF_ITS_THREAD
#endif

#endif
