/*
 * signals.c: process signals. No other file of the library touches dispositions and masks. See
 * <lifecycle/wait.h> and signals.h.
 *
 * The handler takes no lock and finds the watches in a table that is never freed. For each watch
 * that wants the signal it sets a bit and unparks the worker that waits. So a watch needs neither
 * memory nor a descriptor, and a halt works when the process has run out of both.
 */
#include "wait/signals.h"

#include "base/assert.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/lock.h"
#include "base/sanitizer.h"
#include "base/spin.h"
#include "base/task.h"
#include "executor/park.h"
#include "executor/simulation.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define NUMBER_MAX 64

/* The bit of a signal in a set. */
static uint64_t signal_bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

/* A watch, or room for one. */
struct lc_process_signals {
    atomic_uint_least64_t wanted;  /* 0: the watch is free, or gets no signal */
    atomic_uint_least64_t pending; /* have come, and were not returned yet */
    /*
     * Of the worker that waits. A thread that takes it out unparks it once. NULL: no worker waits,
     * or that unpark is under way.
     */
    _Atomic(struct lc__parker *) waiter;
    /* NULL: the watch is for the process's signals. Set while `wanted` is 0. */
    _Atomic(struct lc__simulation *) simulation;
    bool taken; /* under signals_lock */
};

/* Behind the slots for users are some that only halts take. */
enum { HALTS = 8, SLOTS = LC_PROCESS_SIGNALS_MAX + HALTS };

static struct lc_process_signals slots[SLOTS];
static atomic_uint_least64_t caught;
static atomic_int handlers_running;

static struct lc__lock signals_lock = LC__LOCK_INIT; /* for what follows, and `taken` */
static unsigned watch_counts[NUMBER_MAX + 1];
static struct sigaction found_actions[NUMBER_MAX + 1]; /* of the program, before ours */

/* ---- the handler: async-signal-safe, lock-free ---- */

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 &&
                   ATOMIC_POINTER_LOCK_FREE == 2,
               "the handler uses these");

/*
 * Store/load handshake with lc__signals_show(), which stores the waiter and then loads the bits. A
 * wake-up too many makes the waiter look at the bits once more.
 */
static void signals_notify(struct lc_process_signals *watch, uint64_t bit, bool in_handler)
{
    atomic_fetch_or(&watch->pending, bit);
    struct lc__parker *waiter = atomic_exchange(&watch->waiter, NULL);
    if (waiter && in_handler)
        lc__unpark_in_handler(waiter);
    else if (waiter)
        lc__unpark(waiter);
}

static void signals_handle(int number)
{
    uint64_t bit = signal_bit(number);
    int kept = errno;
    /* seq_cst, paired with signals_await_handlers(): a count of 0 means that no handler runs. */
    atomic_fetch_add(&handlers_running, 1);
    atomic_fetch_or(&caught, bit);
    for (struct lc_process_signals *watch = slots; watch < slots + SLOTS; watch++)
        if (atomic_load(&watch->wanted) & bit && !atomic_load(&watch->simulation))
            signals_notify(watch, bit, true);
    atomic_fetch_sub(&handlers_running, 1);
    errno = kept;
}

bool lc__signal_was_caught(int number)
{
    struct lc__simulation *simulation = lc__task_current()->simulation;
    uint64_t all = simulation ? *lc__simulation_caught(simulation) : atomic_load(&caught);
    return all & signal_bit(number);
}

/* ---- dispositions; under signals_lock ---- */

/*
 * Whether a fault of the program raises the signal. A handler that returns from it goes back to the
 * instruction that has failed, for ever.
 */
static bool signal_is_fault(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGTRAP || number == SIGSYS;
}

static int signal_install(int number)
{
    struct sigaction ours = {.sa_handler = signals_handle, .sa_flags = SA_RESTART | SA_ONSTACK};
    LC__ASSERT(lc__lock_is_held(&signals_lock));
    sigfillset(&ours.sa_mask);
    if (signal_is_fault(number))
        return -EINVAL;
    if (watch_counts[number] == 0 && sigaction(number, &ours, &found_actions[number]) != 0)
        return -EINVAL;
    watch_counts[number]++;
    return 0;
}

/*
 * Puts back the disposition that was there, or ignores the signal where that was the default
 * action. If the program has set another disposition since, it stays.
 */
static void signal_uninstall(int number, bool ignore)
{
    struct sigaction now, then = found_actions[number];
    LC__ASSERT(lc__lock_is_held(&signals_lock) && watch_counts[number] > 0);
    if (ignore && then.sa_handler == SIG_DFL)
        then.sa_handler = SIG_IGN;
    if (--watch_counts[number] == 0 && sigaction(number, NULL, &now) == 0 &&
        now.sa_handler == signals_handle)
        sigaction(number, &then, NULL);
}

static void signals_uninstall(uint64_t set, bool ignore)
{
    for (int number = 1; number <= NUMBER_MAX; number++)
        if (set & signal_bit(number))
            signal_uninstall(number, ignore);
}

/* @return 0; or the number of a signal that cannot be caught: then no handler is installed. */
static int signals_install(uint64_t set)
{
    uint64_t installed = 0;
    for (int number = 1; number <= NUMBER_MAX; number++) {
        if (!(set & signal_bit(number)))
            continue;
        if (signal_install(number) < 0) {
            signals_uninstall(installed, false);
            return number;
        }
        installed |= signal_bit(number);
    }
    return 0;
}

/* ---- the library's shutdown, and forks ---- */

static bool signals_busy(void)
{
    unsigned watches = 0;
    lc__lock_take(&signals_lock);
    for (struct lc_process_signals *watch = slots; watch < slots + SLOTS; watch++)
        watches += watch->taken;
    lc__lock_give(&signals_lock);
    if (watches > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: watches of process signals not ended: %u", watches);
    return watches > 0;
}

/* No disposition is ours any more, so once no handler runs, none runs again. */
static void signals_await_handlers(void)
{
    unsigned round = 0;
    while (atomic_load(&handlers_running) > 0)
        lc__spin(&round);
    atomic_store(&caught, 0);
}

static struct lc__facility facility = {.busy = signals_busy, .shut_down = signals_await_handlers};

/* Handlers that run in other threads of the parent do not run in a forked child. */
static void signals_begin_in_child(void)
{
    atomic_store(&handlers_running, 0);
}

static void signals_watch_forks(void)
{
    pthread_atfork(NULL, NULL, signals_begin_in_child);
}

/* ---- watches ---- */

/* @return the first free slot from `first` on, below `end`; or NULL. */
static struct lc_process_signals *signals_free_slot(size_t first, size_t end)
{
    LC__ASSERT(lc__lock_is_held(&signals_lock) && first <= end && end <= SLOTS);
    for (size_t i = first; i < end; i++)
        if (!slots[i].taken)
            return &slots[i];
    return NULL;
}

static void signals_end_watch(struct lc_process_signals *watch, bool ignore)
{
    LC__ASSERT(lc__lock_is_held(&signals_lock));
    if (!atomic_load(&watch->simulation))
        signals_uninstall(atomic_load(&watch->wanted), ignore);
    atomic_store(&watch->wanted, 0);
    watch->taken = false;
}

/* Workers that a simulation leaves in a deadlock do not end their watches. */
static void signals_forget_simulation(struct lc__simulation *simulation)
{
    lc__lock_take(&signals_lock);
    for (struct lc_process_signals *watch = slots; watch < slots + SLOTS; watch++) {
        if (!watch->taken || atomic_load(&watch->simulation) != simulation)
            continue;
        atomic_store(&watch->waiter, NULL);
        signals_end_watch(watch, false);
    }
    lc__lock_give(&signals_lock);
}

/* @return 0; -ENOSPC; or the number of a signal that cannot be caught. */
static int signals_begin_watch(uint64_t wanted, size_t first, size_t end,
                               struct lc_process_signals **begun)
{
    LC__ASSERT(lc__lock_is_held(&signals_lock));
    struct lc_process_signals *watch = signals_free_slot(first, end);
    if (!watch)
        return -ENOSPC;
    struct lc__simulation *simulation = lc__task_current()->simulation;
    lc__simulation_at_end(signals_forget_simulation);
    /* Wanted before the handler is installed, so that the first signal is not lost. */
    atomic_store(&watch->simulation, simulation);
    atomic_store(&watch->pending, 0);
    atomic_store(&watch->wanted, wanted);
    int refused = simulation ? 0 : signals_install(wanted);
    if (refused > 0) {
        atomic_store(&watch->wanted, 0);
        return refused;
    }
    watch->taken = true;
    *begun = watch;
    return 0;
}

/* @return NULL, or an error that names the number that is no signal. */
static lc_error *signals_read_set(const int *signals, size_t count, uint64_t *set)
{
    *set = 0;
    if (!signals || count == 0)
        return lc_error_new(-EINVAL, "a watch of process signals needs one signal or more");
    for (size_t i = 0; i < count; i++) {
        if (signals[i] < 1 || signals[i] > NUMBER_MAX)
            return lc_error_new(-EINVAL, "%d is not a signal: 1 to %d are", signals[i], NUMBER_MAX);
        *set |= signal_bit(signals[i]);
    }
    return NULL;
}

/* The error for a result of signals_begin_watch(), where there is room for `room` watches. */
static lc_error *signals_error(int result, size_t room)
{
    if (result > 0)
        return lc_error_new(-EINVAL, "signal %d cannot be caught", result);
    if (result < 0)
        return lc_error_new(result,
                            "there are %zu watches of process signals, the most there "
                            "can be",
                            room);
    return NULL;
}

static lc_error *signals_new_in(size_t first, size_t end, const int *signals, size_t count,
                                lc_process_signals **watch)
{
    uint64_t wanted;
    if (!watch)
        return lc_error_new(-EINVAL, "lc_process_signals_new needs a place for the watch");
    *watch = NULL;
    lc_error *mistake = signals_read_set(signals, count, &wanted);
    if (mistake)
        return mistake;
    if (lc__forked())
        return lc_error_new(-ENOTSUP,
                            "no signals are watched in a child forked when there were workers");
    static pthread_once_t watch_forks_once = PTHREAD_ONCE_INIT;
    pthread_once(&watch_forks_once, signals_watch_forks);
    lc__facility_register(&facility);
    lc__lock_take(&signals_lock);
    int result = signals_begin_watch(wanted, first, end, watch);
    lc__lock_give(&signals_lock);
    return signals_error(result, end - first);
}

lc_error *lc_process_signals_new(const int *signals, size_t count, lc_process_signals **watch)
{
    return signals_new_in(0, LC_PROCESS_SIGNALS_MAX, signals, count, watch);
}

lc_error *lc__signals_watch_for_halt(const int *signals, size_t count, lc_process_signals **watch)
{
    return signals_new_in(LC_PROCESS_SIGNALS_MAX, SLOTS, signals, count, watch);
}

static void signals_free(lc_process_signals *watch, bool ignore)
{
    if (!watch)
        return;
    lc__lock_take(&signals_lock);
    signals_end_watch(watch, ignore);
    lc__lock_give(&signals_lock);
}

void lc_process_signals_free(lc_process_signals *watch)
{
    signals_free(watch, false);
}

void lc__signals_unwatch_and_ignore(lc_process_signals *watch)
{
    signals_free(watch, true);
}

/* ---- waiting ---- */

/* A handler may still set a bit for the watch that had this slot before: only `wanted` counts. */
static uint64_t signals_pending(lc_process_signals *watch)
{
    return atomic_load(&watch->pending) & atomic_load(&watch->wanted);
}

bool lc__signals_are_pending(lc_process_signals *watch)
{
    return signals_pending(watch) != 0;
}

bool lc__signals_show(lc_process_signals *watch, struct lc__parker *parker)
{
    /* Store/load handshake with signals_notify(). */
    atomic_store(&watch->waiter, parker);
    return signals_pending(watch) == 0;
}

unsigned lc__signals_take_back(lc_process_signals *watch)
{
    return atomic_exchange(&watch->waiter, NULL) == NULL;
}

void lc__signals_wake(lc_process_signals *watch)
{
    struct lc__parker *waiter = atomic_exchange(&watch->waiter, NULL);
    if (waiter)
        lc__unpark(waiter);
}

static void signals_add_to(lc_process_signals *watch, sigset_t *set)
{
    uint64_t wanted = atomic_load(&watch->wanted);
    for (int number = 1; number <= NUMBER_MAX; number++)
        if (wanted & signal_bit(number))
            sigaddset(set, number);
}

bool lc__signals_unblock(lc_process_signals *watch, sigset_t *kept)
{
    sigset_t wanted;
    if (atomic_load(&watch->simulation))
        return false;
    sigemptyset(&wanted);
    signals_add_to(watch, &wanted);
    pthread_sigmask(SIG_UNBLOCK, &wanted, kept);
    /* The mask is the thread's, and other fibers of the thread may wait for signals too. */
    return !lc__task_current()->fiber;
}

/* @return the lowest signal that is pending, and takes it; 0: there is none. */
static int signals_take(lc_process_signals *watch)
{
    uint64_t set = signals_pending(watch);
    if (set == 0)
        return 0;
    int number = __builtin_ctzll(set) + 1;
    atomic_fetch_and(&watch->pending, ~signal_bit(number));
    return number;
}

static int signals_park(lc_process_signals *watch, int64_t deadline, const atomic_bool *ended)
{
    struct lc__park_reason reason = {"process signals", watch};
    struct lc__parker parker;
    lc__parker_init(&parker);
    int64_t until = lc__deadline_for_signals(deadline);
    int result = 0;
    /* Store/load handshake with a caller that sets `ended`, then calls lc__signals_wake(). */
    if (lc__signals_show(watch, &parker) && !(ended && atomic_load(ended)))
        result = lc__park(&parker, 0, until, &reason);
    lc__park_until(&parker, lc__signals_take_back(watch));
    return result == -ETIMEDOUT && until < deadline ? 0 : result;
}

int lc__signals_next(lc_process_signals *watch, int64_t deadline, const atomic_bool *ended)
{
    int waited = 0;
    int number;
    sigset_t kept;
    /* The thread that waits for signals gets them. */
    bool mask_changed = lc__signals_unblock(watch, &kept);
    while ((number = signals_take(watch)) == 0 && waited == 0 && !(ended && atomic_load(ended)))
        waited = signals_park(watch, deadline, ended);
    if (mask_changed)
        pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return number > 0 ? number : waited;
}

int lc_process_signals_next(lc_process_signals *watch, int64_t deadline)
{
    if (!watch)
        return -EINVAL;
    lc__task_check();
    int result = lc__signals_next(watch, deadline, NULL);
    if (result == -EINTR)
        lc__task_check(); /* does not return */
    return result;
}

/* ---- simulated signals ---- */

int lc_simulation_signal(int number)
{
    struct lc__simulation *simulation = lc__task_current()->simulation;
    if (!simulation)
        return -ENOTSUP;
    if (number < 1 || number > NUMBER_MAX)
        return -EINVAL;
    *lc__simulation_caught(simulation) |= signal_bit(number);
    for (struct lc_process_signals *watch = slots; watch < slots + SLOTS; watch++)
        if (atomic_load(&watch->simulation) == simulation &&
            atomic_load(&watch->wanted) & signal_bit(number))
            signals_notify(watch, signal_bit(number), false);
    return 0;
}
