/*
 * parker.c: see parker.h. The only file that knows of the futex.
 */
#include "executor/parker.h"

#include "base/library.h"
#include "base/memory.h"
#include "base/system.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- the futex ---- */

/* Waits while `*word` is `value`, until a deadline of CLOCK_MONOTONIC; may return early. */
static void futex_wait(atomic_uint *word, unsigned value, int64_t deadline)
{
    struct timespec until = {deadline / LC_SECOND, deadline % LC_SECOND};
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
            deadline == LC_FOREVER ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
}

/* Uses the address only, never the memory: the word may be gone. A wake for nobody does no harm. */
static void futex_wake(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

/* ---- descriptors that wake a thread out of poll ---- */

enum { SPARE_MAX = 64 };
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static int spare[SPARE_MAX]; /* eventfds at zero, that nobody will write to */
static int spare_count;

static void close_spare(void)
{
    pthread_mutex_lock(&spare_lock);
    while (spare_count > 0)
        lc__close(spare[--spare_count]);
    pthread_mutex_unlock(&spare_lock);
}

static struct lc__facility wake_descriptors = {.shut_down = close_spare};

/*
 * A forked child has the spares of its parent, and would be woken in its stead: it makes its own.
 */
static void before_fork(void)
{
    pthread_mutex_lock(&spare_lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&spare_lock);
}

static void after_fork_in_child(void)
{
    while (spare_count > 0)
        lc__close(spare[--spare_count]);
    pthread_mutex_unlock(&spare_lock);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static int take_descriptor(void)
{
    int descriptor = -1;
    pthread_mutex_lock(&spare_lock);
    if (spare_count > 0)
        descriptor = spare[--spare_count];
    pthread_mutex_unlock(&spare_lock);
    if (descriptor >= 0)
        return descriptor;
    static pthread_once_t watch_forks_once = PTHREAD_ONCE_INIT;
    pthread_once(&watch_forks_once, watch_forks);
    lc__facility_register(&wake_descriptors);
    if (lc__memory_must_fail())
        return -EMFILE;
    return lc__eventfd(EFD_CLOEXEC);
}

/* The wait may have begun before a shutdown of the library, which the spare is not to outlive. */
static void give_descriptor(int descriptor)
{
    bool kept = false;
    lc__facility_register(&wake_descriptors);
    pthread_mutex_lock(&spare_lock);
    if (spare_count < SPARE_MAX) {
        spare[spare_count++] = descriptor;
        kept = true;
    }
    pthread_mutex_unlock(&spare_lock);
    if (!kept)
        lc__close(descriptor);
}

/* ---- the parker of a thread ---- */

LC__OF_ITS_THREAD
int lc__parker_need_poll(struct lc__parker *parker)
{
    if (parker->descriptor >= 0)
        return 0;
    int descriptor = take_descriptor();
    if (descriptor < 0)
        return descriptor;
    /* Seen by who wakes us by way of IN_POLL, which is set after it. */
    parker->descriptor = descriptor;
    return 0;
}

void lc__parker_end_poll(struct lc__parker *parker)
{
    if (parker->descriptor >= 0)
        give_descriptor(parker->descriptor);
}

void lc__parker_wake_thread(struct lc__parker *parker, int descriptor)
{
    if (descriptor < 0) {
        futex_wake(&parker->word);
    } else {
        uint64_t one = 1;
        lc__write_all(descriptor, &one, sizeof one);
    }
}

void lc__parker_unpark_thread(struct lc__parker *parker)
{
    int descriptor;
    if (lc__parker_change(parker, LC__PARKER_ONE, 0, &descriptor))
        lc__parker_wake_thread(parker, descriptor);
}

/* @return whether a descriptor became ready. */
static bool sleep_in_poll(struct lc__parker *parker, int64_t deadline, struct lc__sleeper *how)
{
    int ready = lc__poll(how->descriptors, how->count, deadline);
    if (ready < 0 && ready != -EINTR)
        how->error = ready;
    /*
     * If PARKED is gone, an unpark has written to our descriptor or is about to: take it out again,
     * or it would be written to after it has gone to another waiter.
     */
    unsigned before = atomic_fetch_and_explicit(
        &parker->word, ~(unsigned)(LC__PARKER_PARKED | LC__PARKER_IN_POLL), memory_order_acquire);
    uint64_t wakes;
    if (!(before & LC__PARKER_PARKED))
        lc__read(parker->descriptor, &wakes, sizeof wakes);
    return ready > 0;
}

bool lc__parker_sleep(struct lc__parker *parker, unsigned word, int64_t deadline,
                      struct lc__sleeper *how)
{
    if (how->descriptors)
        return sleep_in_poll(parker, deadline, how);
    futex_wait(&parker->word, word, deadline);
    /* It makes no difference who takes it away: a late futex wake finds nobody. */
    atomic_fetch_and_explicit(&parker->word, ~(unsigned)LC__PARKER_PARKED, memory_order_acquire);
    return false;
}
