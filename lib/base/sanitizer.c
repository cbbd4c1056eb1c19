/*
 * sanitizer.c: see sanitizer.h.
 */
#include "base/sanitizer.h"

#include "base/task.h"

/* Valgrind is told where its header is installed, by instructions that do nothing otherwise. */
#ifdef __has_include
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define HAVE_VALGRIND
#endif
#endif

void lc__sanitizer_stack_mapped(void *low, size_t size)
{
#ifdef HAVE_VALGRIND
    /* Otherwise Valgrind takes a switch for one very large frame. */
    VALGRIND_STACK_REGISTER(low, (char *)low + size);
#endif
    (void)low, (void)size;
}

void lc__sanitizer_stacks_unmapping(void *low, size_t size)
{
#ifdef LC__ASAN
    __asan_unpoison_memory_region(low, size);
#endif
    (void)low, (void)size;
}

#ifdef LC__ASAN

#include <pthread.h>

void lc__frames_were_left(void)
{
    pthread_attr_t attributes;
    void *bottom;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    /* The whole stack: the frames that run now lie where others were left. */
    if (pthread_attr_getstack(&attributes, &bottom, &size) == 0)
        __asan_unpoison_memory_region(bottom, size);
    pthread_attr_destroy(&attributes);
}

void lc__asan_stack_of_thread(struct lc__sanitizer_stack *stack)
{
    *stack = (struct lc__sanitizer_stack){0};
    pthread_attr_t attributes;
    void *low;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    if (pthread_attr_getstack(&attributes, &low, &stack->size) == 0)
        stack->low = low;
    pthread_attr_destroy(&attributes);
}

#else

void lc__frames_were_left(void)
{
}

#endif

#ifdef LC__TSAN

#include <lifecycle/time.h>

int64_t lc__deadline_for_signals(int64_t deadline)
{
    /* Simulated signals have no handlers, and a simulation runs the same way in every build. */
    if (lc__task_current()->simulation)
        return deadline;
    int64_t soon = lc_deadline_after(20 * LC_MILLISECOND);
    return deadline < soon ? deadline : soon;
}

#else

int64_t lc__deadline_for_signals(int64_t deadline)
{
    return deadline;
}

#endif
