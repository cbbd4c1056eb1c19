/*
 * signals.c: process signals: the one place of the library that touches dispositions and masks. See
 * <lifecycle/wait.h> and signals.h.
 *
 * The handler finds the watches in a table of slots that are never freed while a signal is watched:
 * it takes no lock. For each watch that wants the signal it sets a bit and writes to the watch's
 * descriptor.
 */
#include "wait/signals.h"

#include "base/library.h"
#include "base/memory.h"
#include "base/spin.h"
#include "base/system.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NUMBER_MAX LC_PROCESS_SIGNALS_MAX

/* The bit of a signal in a set. */
static uint64_t bit_of(int number)
{
    return UINT64_C(1) << (number - 1);
}

struct slot {
    atomic_uint_least64_t wanted;  /* 0: free, or not to be told of anything */
    atomic_uint_least64_t pending; /* came, and not told yet */
    atomic_int descriptor;         /* eventfd, kept until the library shuts down; 0: not made yet */
    bool taken;                    /* under the lock */
};

struct lc_process_signals {
    struct slot *slot;
    uint64_t wanted;
};

static struct slot slots[LC_PROCESS_SIGNALS_MAX];
static atomic_uint_least64_t caught;
static atomic_int handlers_running;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for what follows, and slot.taken */
static unsigned watchers[NUMBER_MAX + 1];
static struct sigaction found[NUMBER_MAX + 1]; /* what was there before ours */

/* ---- the handler: async-signal-safe, lock-free ---- */

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
               "the handler uses these atomics");

static void handle(int number)
{
    uint64_t bit = bit_of(number);
    /*
     * Sequentially consistent throughout: who shuts down has put the dispositions back, and then
     * waits for this count; the bit is set before the descriptor is written, so who finds it
     * readable finds the bit.
     */
    atomic_fetch_add(&handlers_running, 1);
    atomic_fetch_or(&caught, bit);
    for (struct slot *slot = slots; slot < slots + LC_PROCESS_SIGNALS_MAX; slot++) {
        if (!(atomic_load(&slot->wanted) & bit))
            continue;
        uint64_t one = 1;
        atomic_fetch_or(&slot->pending, bit);
        lc__write_all(atomic_load(&slot->descriptor), &one, sizeof one);
    }
    atomic_fetch_sub(&handlers_running, 1);
}

bool lc__signal_was_caught(int number)
{
    return atomic_load(&caught) & bit_of(number);
}

/* ---- dispositions; under the lock ---- */

static int install(int number)
{
    struct sigaction ours = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigfillset(&ours.sa_mask);
    if (watchers[number] == 0 && sigaction(number, &ours, &found[number]) != 0)
        return -EINVAL;
    watchers[number]++;
    return 0;
}

/* Puts back what was there, unless the program has meanwhile set something else. */
static void uninstall(int number)
{
    struct sigaction now;
    if (--watchers[number] == 0 && sigaction(number, NULL, &now) == 0 && now.sa_handler == handle)
        sigaction(number, &found[number], NULL);
}

static void uninstall_all(uint64_t set)
{
    for (int number = 1; number <= NUMBER_MAX; number++)
        if (set & bit_of(number))
            uninstall(number);
}

/* @return 0, or the number that cannot be caught: then none is installed. */
static int install_all(uint64_t set)
{
    uint64_t installed = 0;
    for (int number = 1; number <= NUMBER_MAX; number++) {
        if (!(set & bit_of(number)))
            continue;
        if (install(number) < 0) {
            uninstall_all(installed);
            return number;
        }
        installed |= bit_of(number);
    }
    return 0;
}

/* ---- watches ---- */

static struct slot *free_slot(void)
{
    for (struct slot *slot = slots; slot < slots + LC_PROCESS_SIGNALS_MAX; slot++)
        if (!slot->taken)
            return slot;
    return NULL;
}

static int make_descriptor(struct slot *slot)
{
    if (atomic_load(&slot->descriptor) > 0)
        return 0;
    errno = EMFILE;
    int descriptor = lc__memory_must_fail() ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0)
        return -errno;
    atomic_store(&slot->descriptor, descriptor);
    return 0;
}

/* Under the lock. @return 0, a negative errno, or the number that cannot be caught. */
static int begin_watch(lc_process_signals *watch)
{
    struct slot *slot = free_slot();
    if (!slot)
        return -ENOSPC;
    int result = make_descriptor(slot);
    if (result < 0)
        return result;
    /* Wanted before installed, so that not even the first is lost. */
    atomic_store(&slot->pending, 0);
    atomic_store(&slot->wanted, watch->wanted);
    result = install_all(watch->wanted);
    if (result > 0) {
        atomic_store(&slot->wanted, 0);
        return result;
    }
    slot->taken = true;
    watch->slot = slot;
    return 0;
}

static bool signals_busy(void)
{
    unsigned watches = 0;
    pthread_mutex_lock(&lock);
    for (struct slot *slot = slots; slot < slots + LC_PROCESS_SIGNALS_MAX; slot++)
        watches += slot->taken;
    pthread_mutex_unlock(&lock);
    if (watches > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: %u watches of process signals are not ended",
               watches);
    return watches > 0;
}

/* No disposition is ours any more, so once no handler runs, none will. */
static void close_descriptors(void)
{
    unsigned round = 0;
    while (atomic_load(&handlers_running) > 0)
        lc__spin(&round);
    for (struct slot *slot = slots; slot < slots + LC_PROCESS_SIGNALS_MAX; slot++) {
        int descriptor = atomic_exchange(&slot->descriptor, 0);
        if (descriptor > 0)
            close(descriptor);
    }
    atomic_store(&caught, 0);
}

static struct lc__facility facility = {.busy = signals_busy, .shut_down = close_descriptors};

/* @return false if a number is not one of a signal. */
static bool make_set(const int *signals, size_t count, uint64_t *set)
{
    *set = 0;
    for (size_t i = 0; i < count; i++) {
        if (signals[i] < 1 || signals[i] > NUMBER_MAX) {
            lc_log(LC_LOG_ERROR, NULL, "%d is not a signal: 1 to %d are", signals[i], NUMBER_MAX);
            return false;
        }
        *set |= bit_of(signals[i]);
    }
    return count > 0;
}

int lc_process_signals_watch(const int *signals, size_t count, lc_process_signals **watch)
{
    uint64_t wanted;
    if (!watch)
        return -EINVAL;
    *watch = NULL;
    if (!signals || !make_set(signals, count, &wanted))
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    lc__facility_register(&facility);
    lc_process_signals *made = lc__allocate(sizeof *made);
    if (!made)
        return -ENOMEM;
    made->wanted = wanted;
    pthread_mutex_lock(&lock);
    int result = begin_watch(made);
    pthread_mutex_unlock(&lock);
    if (result == 0) {
        *watch = made;
        return 0;
    }
    lc__free(made);
    if (result < 0)
        return result;
    lc_log(LC_LOG_ERROR, NULL, "signal %d cannot be caught", result);
    return -EINVAL;
}

void lc_process_signals_unwatch(lc_process_signals *watch)
{
    if (!watch)
        return;
    pthread_mutex_lock(&lock);
    uninstall_all(watch->wanted);
    atomic_store(&watch->slot->wanted, 0);
    watch->slot->taken = false;
    pthread_mutex_unlock(&lock);
    lc__free(watch);
}

/* ---- waiting ---- */

/*
 * A handler of the slot's former watch may still set a bit of its own: only what is wanted now
 * counts.
 */
static uint64_t pending(const lc_process_signals *watch)
{
    return atomic_load(&watch->slot->pending) & watch->wanted;
}

bool lc__signals_are_pending(lc_process_signals *watch)
{
    if (pending(watch))
        return true;
    /*
     * Emptied first, looked at second: a signal that comes in between is seen, or makes it readable
     * again.
     */
    uint64_t wakes;
    lc__read(atomic_load(&watch->slot->descriptor), &wakes, sizeof wakes);
    return pending(watch) != 0;
}

int lc__signals_descriptor(const lc_process_signals *watch)
{
    return atomic_load(&watch->slot->descriptor);
}

void lc__signals_add_to(const lc_process_signals *watch, sigset_t *set)
{
    for (int number = 1; number <= NUMBER_MAX; number++)
        if (watch->wanted & bit_of(number))
            sigaddset(set, number);
}

int lc_process_signals_next(lc_process_signals *watch, int64_t deadline)
{
    if (!watch)
        return -EINVAL;
    for (;;) {
        uint64_t set = pending(watch);
        if (set) {
            int number = __builtin_ctzll(set) + 1;
            uint64_t before = atomic_fetch_and(&watch->slot->pending, ~bit_of(number));
            if (before & bit_of(number))
                return number;
            continue; /* another thread was faster */
        }
        lc_waitable signals = lc_on_signals(watch);
        int result = lc_wait_any(&signals, 1, deadline);
        if (result < 0)
            return result;
    }
}
