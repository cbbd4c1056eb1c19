/*
 * sanitizer.c: see sanitizer.h.
 */
#include "base/sanitizer.h"

#ifdef LC__HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif

void lc__sanitizer_stack_mapped(void *low, size_t size)
{
#ifdef LC__HAVE_VALGRIND
    /* Else it takes a switch for one very large frame. */
    VALGRIND_STACK_REGISTER(low, (char *)low + size);
#endif
    (void)low, (void)size;
}

#ifdef LC__ASAN

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

void lc__frames_were_left(void)
{
    pthread_attr_t attributes;
    void *bottom;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    /* All of it: the frames that are being run now lie where others were left. */
    if (pthread_attr_getstack(&attributes, &bottom, &size) == 0)
        __asan_unpoison_memory_region(bottom, size);
    pthread_attr_destroy(&attributes);
}

void lc__sanitizer_stack_of_thread(struct lc__sanitizer_stack *stack)
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

void lc__sanitizer_stack_begins(struct lc__sanitizer_stack *stack, void *low, size_t size)
{
    *stack = (struct lc__sanitizer_stack){NULL, low, size};
    __asan_unpoison_memory_region(low, size);
}

void lc__sanitizer_stack_ended(struct lc__sanitizer_stack *stack)
{
    (void)stack;
}

void lc__sanitizer_leaving(struct lc__sanitizer_stack *from, struct lc__sanitizer_stack *to,
                           bool for_good)
{
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_stack, to->low, to->size);
}

void lc__sanitizer_arrived(struct lc__sanitizer_stack *stack)
{
    __sanitizer_finish_switch_fiber(stack->fake_stack, NULL, NULL);
}

#else

void lc__frames_were_left(void)
{
}

#endif

#ifdef LC__TSAN

#include <lifecycle/time.h>

#include <sanitizer/tsan_interface.h>
#include <sys/mman.h>

int64_t lc__deadline_for_signals(int64_t deadline)
{
    int64_t soon = lc_deadline_after(20 * LC_MILLISECOND);
    return deadline < soon ? deadline : soon;
}

void lc__sanitizer_stack_of_thread(struct lc__sanitizer_stack *stack)
{
    stack->fiber = __tsan_get_current_fiber();
}

void lc__sanitizer_stack_begins(struct lc__sanitizer_stack *stack, void *low, size_t size)
{
    (void)low, (void)size;
    stack->fiber = __tsan_create_fiber(0);
}

void lc__sanitizer_stack_ended(struct lc__sanitizer_stack *stack)
{
    __tsan_destroy_fiber(stack->fiber);
}

void lc__sanitizer_leaving(struct lc__sanitizer_stack *from, struct lc__sanitizer_stack *to,
                           bool for_good)
{
    (void)from, (void)for_good;
    /* That one worker ran after another in the same thread orders nothing between them. */
    __tsan_switch_to_fiber(to->fiber, __tsan_switch_to_fiber_no_sync);
}

void lc__sanitizer_arrived(struct lc__sanitizer_stack *stack)
{
    (void)stack;
}

#else

int64_t lc__deadline_for_signals(int64_t deadline)
{
    return deadline;
}

#endif
