/*
 * signals.c: process signals: the one place of the library that touches dispositions and masks. See
 * <lifecycle/wait.h> and signals.h.
 *
 * The handler takes no lock and finds the watches in a table that is never freed: for each one that
 * wants the signal it sets a bit, unparks who waits for this watch alone, and writes to the watch's
 * descriptor if a wait for several things has asked for one. So a watch by itself needs neither
 * memory nor a descriptor, and a halt works when the process has run out of both.
 */
#include "wait/signals.h"

#include "base/fork.h"
#include "base/library.h"
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
static uint64_t bit_of(int number)
{
    return UINT64_C(1) << (number - 1);
}

/* A watch, or room for one. */
struct lc_process_signals {
    atomic_uint_least64_t wanted;  /* 0: free, or not to be told of anything */
    atomic_uint_least64_t pending; /* came, and not told yet */
    /*
     * Who waits; taken out by whoever is to unpark it, who so owes it one unpark. NULL: nobody, or
     * that unpark is under way.
     */
    _Atomic(struct lc__parker *) waiter;
    /* Whose signals it watches; NULL: the process's. Set while `wanted` is 0. */
    _Atomic(struct lc__simulation *) simulation;
    bool taken; /* under the lock */
};

/* Behind those that users may have are some that only halts take. */
enum { HALTS = 8, SLOTS = LC_PROCESS_SIGNALS_MAX + HALTS };

static struct lc_process_signals slots[SLOTS];
static atomic_uint_least64_t caught;
static atomic_int handlers_running;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for what follows, and slot.taken */
static unsigned watchers[NUMBER_MAX + 1];
static struct sigaction found[NUMBER_MAX + 1]; /* what was there before ours */

/* ---- the handler: async-signal-safe, lock-free ---- */

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 &&
                   ATOMIC_POINTER_LOCK_FREE == 2,
               "the handler uses these");

/*
 * The bit is set before the waiter is taken, and who waits shows himself before he looks at the
 * bits, all of it sequentially consistent: one of the two sees the other.
 */
static void tell(struct lc_process_signals *watch, uint64_t bit, bool in_handler)
{
    atomic_fetch_or(&watch->pending, bit);
    struct lc__parker *waiter = atomic_exchange(&watch->waiter, NULL);
    if (waiter && in_handler)
        lc__unpark_in_handler(waiter);
    else if (waiter)
        lc__unpark(waiter);
}

static void handle(int number)
{
    uint64_t bit = bit_of(number);
    int kept = errno;
    /*
     * Sequentially consistent throughout: who shuts down has put the dispositions back, and then
     * waits for this count to come to 0.
     */
    atomic_fetch_add(&handlers_running, 1);
    atomic_fetch_or(&caught, bit);
    for (struct lc_process_signals *watch = slots; watch < slots + SLOTS; watch++)
        if (atomic_load(&watch->wanted) & bit && !atomic_load(&watch->simulation))
            tell(watch, bit, true);
    atomic_fetch_sub(&handlers_running, 1);
    errno = kept;
}

bool lc__signal_was_caught(int number)
{
    struct lc__simulation *simulation = lc__task_current()->simulation;
    uint64_t all = simulation ? *lc__simulation_caught(simulation) : atomic_load(&caught);
    return all & bit_of(number);
}

/* ---- dispositions; under the lock ---- */

/*
 * Those that a fault of the program raises: a handler that returns from one goes back to the very
 * fault, for ever.
 */
static bool is_fault(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGTRAP || number == SIGSYS;
}

static int install(int number)
{
    struct sigaction ours = {.sa_handler = handle, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigfillset(&ours.sa_mask);
    if (is_fault(number))
        return -EINVAL;
    if (watchers[number] == 0 && sigaction(number, &ours, &found[number]) != 0)
        return -EINVAL;
    watchers[number]++;
    return 0;
}

/*
 * Puts back what was there, or ignores the signal where that was the default action; unless the
 * program has meanwhile set something else.
 */
static void uninstall(int number, bool ignore)
{
    struct sigaction now, then = found[number];
    if (ignore && then.sa_handler == SIG_DFL)
        then.sa_handler = SIG_IGN;
    if (--watchers[number] == 0 && sigaction(number, NULL, &now) == 0 && now.sa_handler == handle)
        sigaction(number, &then, NULL);
}

static void uninstall_all(uint64_t set, bool ignore)
{
    for (int number = 1; number <= NUMBER_MAX; number++)
        if (set & bit_of(number))
            uninstall(number, ignore);
}

/* @return 0, or the number that cannot be caught: then none is installed. */
static int install_all(uint64_t set)
{
    uint64_t installed = 0;
    for (int number = 1; number <= NUMBER_MAX; number++) {
        if (!(set & bit_of(number)))
            continue;
        if (install(number) < 0) {
            uninstall_all(installed, false);
            return number;
        }
        installed |= bit_of(number);
    }
    return 0;
}

/* ---- the library's shutdown, and forks ---- */

static bool signals_busy(void)
{
    unsigned watches = 0;
    pthread_mutex_lock(&lock);
    for (struct lc_process_signals *watch = slots; watch < slots + SLOTS; watch++)
        watches += watch->taken;
    pthread_mutex_unlock(&lock);
    if (watches > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: watches of process signals not ended: %u", watches);
    return watches > 0;
}

/* No disposition is ours any more, so once no handler runs, none will. */
static void await_handlers(void)
{
    unsigned round = 0;
    while (atomic_load(&handlers_running) > 0)
        lc__spin(&round);
    atomic_store(&caught, 0);
}

static struct lc__facility facility = {.busy = signals_busy, .shut_down = await_handlers};

/* The handlers that run in other threads do not run in a forked child. */
static void begin_in_child(void)
{
    atomic_store(&handlers_running, 0);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, begin_in_child);
}

/* ---- watches ---- */

/* The first that is free from slot `first` on, below `end`; or NULL. */
static struct lc_process_signals *free_slot(size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        if (!slots[i].taken)
            return &slots[i];
    return NULL;
}

/* Under the lock. */
static void end_watch(struct lc_process_signals *watch, bool ignore)
{
    if (!atomic_load(&watch->simulation))
        uninstall_all(atomic_load(&watch->wanted), ignore);
    atomic_store(&watch->wanted, 0);
    watch->taken = false;
}

/* Workers that are lost in a deadlock do not end their watches. */
static void forget_simulation(struct lc__simulation *simulation)
{
    pthread_mutex_lock(&lock);
    for (struct lc_process_signals *watch = slots; watch < slots + SLOTS; watch++) {
        if (!watch->taken || atomic_load(&watch->simulation) != simulation)
            continue;
        atomic_store(&watch->waiter, NULL);
        end_watch(watch, false);
    }
    pthread_mutex_unlock(&lock);
}

/* Under the lock. @return 0, -ENOSPC, or the number that cannot be caught. */
static int begin_watch(uint64_t wanted, size_t first, size_t end, struct lc_process_signals **begun)
{
    struct lc_process_signals *watch = free_slot(first, end);
    if (!watch)
        return -ENOSPC;
    struct lc__simulation *simulation = lc__task_current()->simulation;
    lc__simulation_at_end(forget_simulation);
    /* Wanted before installed, so that not even the first is lost. */
    atomic_store(&watch->simulation, simulation);
    atomic_store(&watch->pending, 0);
    atomic_store(&watch->wanted, wanted);
    int refused = simulation ? 0 : install_all(wanted);
    if (refused > 0) {
        atomic_store(&watch->wanted, 0);
        return refused;
    }
    watch->taken = true;
    *begun = watch;
    return 0;
}

/* @return NULL, or an error that names the number that is not one of a signal. */
static lc_error *set_make(const int *signals, size_t count, uint64_t *set)
{
    *set = 0;
    if (!signals || count == 0)
        return lc_error_new(-EINVAL, "a watch of process signals needs one signal or more");
    for (size_t i = 0; i < count; i++) {
        if (signals[i] < 1 || signals[i] > NUMBER_MAX)
            return lc_error_new(-EINVAL, "%d is not a signal: 1 to %d are", signals[i], NUMBER_MAX);
        *set |= bit_of(signals[i]);
    }
    return NULL;
}

/* @return what the result of begin_watch tells, with room for so many watches. */
static lc_error *watch_error(int result, size_t room)
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

static lc_error *watch_in(size_t first, size_t end, const int *signals, size_t count,
                          lc_process_signals **watch)
{
    uint64_t wanted;
    if (!watch)
        return lc_error_new(-EINVAL, "lc_process_signals_new needs a place for the watch");
    *watch = NULL;
    lc_error *mistake = set_make(signals, count, &wanted);
    if (mistake)
        return mistake;
    if (lc__forked())
        return lc_error_new(-ENOTSUP,
                            "no signals are watched in a child forked when there were workers");
    static pthread_once_t watch_forks_once = PTHREAD_ONCE_INIT;
    pthread_once(&watch_forks_once, watch_forks);
    lc__facility_register(&facility);
    pthread_mutex_lock(&lock);
    int result = begin_watch(wanted, first, end, watch);
    pthread_mutex_unlock(&lock);
    return watch_error(result, end - first);
}

lc_error *lc_process_signals_new(const int *signals, size_t count, lc_process_signals **watch)
{
    return watch_in(0, LC_PROCESS_SIGNALS_MAX, signals, count, watch);
}

lc_error *lc__signals_watch_for_halt(const int *signals, size_t count, lc_process_signals **watch)
{
    return watch_in(LC_PROCESS_SIGNALS_MAX, SLOTS, signals, count, watch);
}

static void unwatch(lc_process_signals *watch, bool ignore)
{
    if (!watch)
        return;
    pthread_mutex_lock(&lock);
    end_watch(watch, ignore);
    pthread_mutex_unlock(&lock);
}

void lc_process_signals_free(lc_process_signals *watch)
{
    unwatch(watch, false);
}

void lc__signals_unwatch_and_ignore(lc_process_signals *watch)
{
    unwatch(watch, true);
}

/* ---- waiting ---- */

/*
 * A handler may still tell a slot of a signal of its former watch: only what is wanted now counts.
 */
static uint64_t pending(lc_process_signals *watch)
{
    return atomic_load(&watch->pending) & atomic_load(&watch->wanted);
}

bool lc__signals_are_pending(lc_process_signals *watch)
{
    return pending(watch) != 0;
}

bool lc__signals_show(lc_process_signals *watch, struct lc__parker *parker)
{
    /* Sequentially consistent, and before the look: see tell. */
    atomic_store(&watch->waiter, parker);
    return pending(watch) == 0;
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

static void add_to(lc_process_signals *watch, sigset_t *set)
{
    uint64_t wanted = atomic_load(&watch->wanted);
    for (int number = 1; number <= NUMBER_MAX; number++)
        if (wanted & bit_of(number))
            sigaddset(set, number);
}

bool lc__signals_unblock(lc_process_signals *watch, sigset_t *kept)
{
    sigset_t wanted;
    if (atomic_load(&watch->simulation))
        return false;
    sigemptyset(&wanted);
    add_to(watch, &wanted);
    pthread_sigmask(SIG_UNBLOCK, &wanted, kept);
    /* A mask is its thread's, and the thread's other fibers may wait for signals too. */
    return !lc__task_current()->fiber;
}

/* @return the lowest that is pending, which is then told; or 0. */
static int take_pending(lc_process_signals *watch)
{
    uint64_t set = pending(watch);
    if (set == 0)
        return 0;
    int number = __builtin_ctzll(set) + 1;
    atomic_fetch_and(&watch->pending, ~bit_of(number));
    return number;
}

static int park_for(lc_process_signals *watch, int64_t deadline, const atomic_bool *ended)
{
    struct lc__park_reason reason = {"process signals", watch};
    struct lc__parker parker;
    lc__parker_init(&parker);
    int64_t until = lc__deadline_for_signals(deadline);
    int result = 0;
    /* Shown before `ended` is looked at: who sets it wakes who is shown. */
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
    /* The thread that waits for them is the one to get them. */
    bool mask_changed = lc__signals_unblock(watch, &kept);
    while ((number = take_pending(watch)) == 0 && waited == 0 && !(ended && atomic_load(ended)))
        waited = park_for(watch, deadline, ended);
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
    *lc__simulation_caught(simulation) |= bit_of(number);
    for (struct lc_process_signals *watch = slots; watch < slots + SLOTS; watch++)
        if (atomic_load(&watch->simulation) == simulation &&
            atomic_load(&watch->wanted) & bit_of(number))
            tell(watch, bit_of(number), false);
    return 0;
}
