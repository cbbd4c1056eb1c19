/*
 * sanitizer.h: what the sanitizers and Valgrind have to be told or given. Nothing in other builds.
 * Floor 0.
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
 * To be called first in what runs while a thread is being unwound by pthread_exit or
 * pthread_cancel: the frames that were left did not take away the marks around their variables, and
 * whoever uses that stack next would be blamed.
 */
void lc__frames_were_left(void);

/*
 * ThreadSanitizer puts handlers off until the thread makes a call that it knows, and a sleep in a
 * raw system call is none: who waits for a signal has to come back now and then. @return the
 * deadline, or a sooner one.
 */
int64_t lc__deadline_for_signals(int64_t deadline);

/* ---- stacks that are switched in user space ---- */

/* What a sanitizer keeps of a stack. */
struct lc__sanitizer_stack {
#if defined(LC__ASAN)
    void *fake_stack;
    const void *low;
    size_t size;
#elif defined(LC__TSAN)
    void *fiber;
#else
    char nothing;
#endif
};

/* A new mapping is going to be used as a stack, as long as the process lives. */
void lc__sanitizer_stack_mapped(void *low, size_t size);

#if defined(LC__ASAN) || defined(LC__TSAN)

/* The calling thread's own stack: it will be left, and come back to. */
void lc__sanitizer_stack_of_thread(struct lc__sanitizer_stack *stack);
/*
 * A stack is about to be used, perhaps for the second time: what lies in it is forgotten. Where
 * things were done before in this thread is where its user comes from.
 */
void lc__sanitizer_stack_begins(struct lc__sanitizer_stack *stack, void *low, size_t size);
/* After the last switch away from it, on another stack. */
void lc__sanitizer_stack_ended(struct lc__sanitizer_stack *stack);
/* Right before the switch. `for_good`: `from` will not be come back to. */
void lc__sanitizer_leaving(struct lc__sanitizer_stack *from, struct lc__sanitizer_stack *to,
                           bool for_good);
/* Right after it, on the stack come to. */
void lc__sanitizer_arrived(struct lc__sanitizer_stack *stack);

#else

static inline void lc__sanitizer_stack_of_thread(struct lc__sanitizer_stack *stack)
{
    (void)stack;
}
static inline void lc__sanitizer_stack_begins(struct lc__sanitizer_stack *stack, void *low,
                                              size_t size)
{
    (void)stack, (void)low, (void)size;
}
static inline void lc__sanitizer_stack_ended(struct lc__sanitizer_stack *stack)
{
    (void)stack;
}
static inline void lc__sanitizer_leaving(struct lc__sanitizer_stack *from,
                                         struct lc__sanitizer_stack *to, bool for_good)
{
    (void)from, (void)to, (void)for_good;
}
static inline void lc__sanitizer_arrived(struct lc__sanitizer_stack *stack)
{
    (void)stack;
}

#endif

#endif
