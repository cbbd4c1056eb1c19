/*
 * sanitizer.c: see sanitizer.h.
 */
#include "base/sanitizer.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define HAS_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define HAS_TSAN
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN
#endif
#if defined(__SANITIZE_THREAD__) && !defined(HAS_TSAN)
#define HAS_TSAN
#endif

#ifdef HAS_ASAN

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <stddef.h>

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

#else

void lc__frames_were_left(void)
{
}

#endif

#ifdef HAS_TSAN

#include <lifecycle/time.h>

int64_t lc__deadline_for_signals(int64_t deadline)
{
    int64_t soon = lc_deadline_after(20 * LC_MILLISECOND);
    return deadline < soon ? deadline : soon;
}

#else

int64_t lc__deadline_for_signals(int64_t deadline)
{
    return deadline;
}

#endif
