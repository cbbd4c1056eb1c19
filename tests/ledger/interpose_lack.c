/*
 * interpose_lack.c: preloaded into a program, makes the n-th allocation of libc, the n-th mapping
 * or the n-th thread of the process fail, alone or with all that follow. The program asks for that
 * by lack_begin, which it finds by dlsym.
 *
 * LACK_MEMSTREAM=1  each stream of open_memstream is closed as libc closes one when it has no
 * memory for the text: fclose answers 0, and the text is NULL.
 */
/* Names, of functions and parameters, are those of the C library. A type takes no parentheses. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,bugprone-*) */
#include "lack.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* glibc's allocator by its other names: dlsym itself allocates. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_ulong counted[LACK_KINDS];
static atomic_ulong refused[LACK_KINDS];
static atomic_ulong until[LACK_KINDS]; /* 0: none fails; 1: the next */
static atomic_bool lasting[LACK_KINDS];

void lack_begin(int kind, unsigned long nth, bool for_good)
{
    atomic_store(&until[kind], 0);
    if (nth > 0)
        atomic_store(&refused[kind], 0);
    atomic_store(&counted[kind], 0);
    atomic_store(&lasting[kind], for_good);
    atomic_store(&until[kind], nth);
}

unsigned long lack_counted(int kind)
{
    return atomic_load(&counted[kind]);
}

unsigned long lack_refused(int kind)
{
    return atomic_load(&refused[kind]);
}

static sem_t refused_threads;

__attribute__((constructor)) static void count_from_zero(void)
{
    sem_init(&refused_threads, 0, 0);
}

void lack_await_thread(void)
{
    while (sem_wait(&refused_threads) != 0)
        continue; /* a signal came between */
}

static bool is_refused(int kind)
{
    atomic_fetch_add(&counted[kind], 1);
    unsigned long left = atomic_load(&until[kind]);
    while (left > 0 && !(left == 1 && atomic_load(&lasting[kind])) &&
           !atomic_compare_exchange_weak(&until[kind], &left, left - 1))
        continue;
    if (left != 1)
        return false;
    atomic_fetch_add(&refused[kind], 1);
    return true;
}

/* ---- memory ---- */

static void *none(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return is_refused(LACK_MEMORY) ? none() : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_refused(LACK_MEMORY) ? none() : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return is_refused(LACK_MEMORY) ? none() : __libc_realloc(memory, size);
}

void *reallocarray(void *memory, size_t count, size_t size)
{
    size_t bytes;
    if (is_refused(LACK_MEMORY) || __builtin_mul_overflow(count, size, &bytes))
        return none();
    return __libc_realloc(memory, bytes);
}

void *memalign(size_t alignment, size_t size)
{
    return is_refused(LACK_MEMORY) ? none() : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return is_refused(LACK_MEMORY) ? none() : __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = is_refused(LACK_MEMORY) ? NULL : __libc_memalign(alignment, size);
    if (!made)
        return ENOMEM;
    *memory = made;
    return 0;
}

/* ---- mappings and threads ---- */

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    if (is_refused(LACK_MAPPING)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    /* A system call answers in a long. NOLINTNEXTLINE(performance-no-int-to-ptr) */
    return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *arg)
{
    if (is_refused(LACK_THREAD)) {
        sem_post(&refused_threads);
        return EAGAIN;
    }
    return REAL(pthread_create)(thread, attributes, run, arg);
}

/* ---- open_memstream ---- */

static _Thread_local FILE *stream; /* the last that this thread has opened and not closed */
static _Thread_local char **stream_text;

FILE *open_memstream(char **text, size_t *size)
{
    FILE *opened = REAL(open_memstream)(text, size);
    if (opened && getenv("LACK_MEMSTREAM")) {
        stream = opened;
        stream_text = text;
    }
    return opened;
}

int fclose(FILE *closed)
{
    bool lacks = closed && closed == stream;
    int result = REAL(fclose)(closed);
    if (!lacks)
        return result;
    stream = NULL;
    free(*stream_text);
    *stream_text = NULL;
    return result;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name,bugprone-*) */
