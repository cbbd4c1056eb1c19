/*
 * executor.c: making and freeing executors, the coming and going of their threads, and where a
 * fiber goes. See executor.h and <lifecycle/executor.h>.
 */
#include "executor/executor.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/memory.h"
#include "base/options.h"
#include "executor/monitor.h"
#include "executor/overflow.h"
#include "executor/poller.h"
#include "executor/processors.h"
#include "executor/simulation.h"
#include "executor/stack.h"
#include "executor/thread_create.h"
#include "executor/timers.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <bsd/string.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER; /* for what follows */
static struct lc__executor_list executors = TAILQ_HEAD_INITIALIZER(executors);
static _Atomic(lc_executor *) standard; /* the default one; set under the lock */
/*
 * Loops of executors that were freed, to be used again: a timer that moved from one may still be
 * disarmed by somebody who has just read where it was, and then takes the lock there.
 */
static struct lc__loop *spare;
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;

struct lc__executor_list *lc__executors_lock(void)
{
    pthread_mutex_lock(&list_lock);
    return &executors;
}

void lc__executors_unlock(void)
{
    pthread_mutex_unlock(&list_lock);
}

/* ---- loops ---- */

static struct lc__loop *loop_at(const lc_executor *executor, unsigned index)
{
    /* Acquire: who finds a loop finds it filled in. */
    return atomic_load_explicit(&executor->loops[index], memory_order_acquire);
}

/* NULL: no memory. */
static struct lc__loop *take_spare(void)
{
    pthread_mutex_lock(&spare_lock);
    struct lc__loop *loop = spare;
    if (loop)
        spare = loop->next_spare;
    pthread_mutex_unlock(&spare_lock);
    if (loop)
        return loop;
    loop = lc__allocate(sizeof *loop);
    if (loop)
        loop->timers = (struct lc__timers)LC__TIMERS_INIT;
    return loop;
}

/* Under the executor's lock. NULL: no memory. */
static struct lc__loop *make_loop(lc_executor *executor, unsigned index)
{
    struct lc__loop *loop = loop_at(executor, index);
    if (loop)
        return loop;
    loop = take_spare();
    if (!loop)
        return NULL;
    lc__loop_init(loop, executor, index);
    atomic_store_explicit(&executor->loops[index], loop, memory_order_release);
    if (atomic_load_explicit(&executor->made, memory_order_relaxed) <= index)
        atomic_store_explicit(&executor->made, index + 1, memory_order_relaxed);
    return loop;
}

static struct lc__loop *need_loop(lc_executor *executor, unsigned index)
{
    struct lc__loop *loop = loop_at(executor, index);
    if (loop)
        return loop;
    pthread_mutex_lock(&executor->lock);
    loop = make_loop(executor, index);
    pthread_mutex_unlock(&executor->lock);
    return loop;
}

/* ---- threads ---- */

/* Of all executors. The last that ends sees to the stacks that are left. */
static atomic_uint threads_running;

static void *thread_main(void *arg)
{
    struct lc__loop *loop = arg;
    atomic_fetch_add_explicit(&threads_running, 1, memory_order_relaxed);
    char name[64], shown[16];
    snprintf(name, sizeof name, "%s-%u", loop->executor->name, loop->index);
    strlcpy(shown, name, sizeof shown);
    pthread_setname_np(pthread_self(), shown);
    /* Cancelling it would leave its fibers hanging; and callbacks switch this off and on. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    lc__library_own_thread();
    lc__overflow_thread_begins();
    lc__loop_run(loop);
    /* Acquire and release: the last one finds all that others have left. */
    if (atomic_fetch_sub_explicit(&threads_running, 1, memory_order_acq_rel) == 1)
        lc__stacks_trim_all();
    lc__overflow_thread_ends();
    return NULL;
}

/*
 * Under the executor's lock, and so without waiting: behind our own code a thread runs the
 * destructors of the program's thread-local variables, which may want what our caller holds.
 */
static void join_some(lc_executor *executor)
{
    struct lc__loop_thread *thread, *next;
    STAILQ_FOREACH_SAFE (thread, &executor->left, link, next) {
        if (pthread_tryjoin_np(thread->id, NULL) != 0)
            continue;
        STAILQ_REMOVE(&executor->left, thread, lc__loop_thread, link);
        lc__free(thread);
    }
}

/* Under the executor's lock. @return 0, -EAGAIN, -ENOMEM, -ENOTSUP. */
static int make_thread(struct lc__loop *loop)
{
    int guarded = lc__fork_guard();
    if (guarded < 0)
        return guarded;
    join_some(loop->executor);
    struct lc__loop_thread *thread = lc__allocate(sizeof *thread);
    if (!thread)
        return -ENOMEM;
    /* Before there is a thread: it may leave at once, as soon as it gets the lock. */
    loop->thread = thread;
    atomic_store(&loop->running, true);
    if (lc__thread_create(&thread->id, 0, thread_main, loop) < 0) {
        atomic_store(&loop->running, false);
        loop->thread = NULL;
        lc__free(thread);
        return -EAGAIN;
    }
    if (loop->executor->stall_limit < LC_FOREVER)
        lc__monitor_start();
    return 0;
}

int lc__executor_need_thread(struct lc__loop *loop)
{
    /*
     * The caller has booked, or only wants to help. Sequentially consistent, as the booking, and
     * what who leaves does: he stores, and then looks for bookings. So either we see that nobody
     * runs the loop, or he sees the booking and stays.
     */
    if (atomic_load(&loop->running))
        return 0;
    pthread_mutex_lock(&loop->executor->lock);
    int result = loop->running ? 0 : make_thread(loop);
    pthread_mutex_unlock(&loop->executor->lock);
    return result;
}

/* Under the executor's lock: nobody is in the loop any more. */
static void vacate(struct lc__loop *loop)
{
    if (loop->thread)
        STAILQ_INSERT_TAIL(&loop->executor->left, loop->thread, link);
    loop->thread = NULL;
    loop->guest = false;
    atomic_store(&loop->running, false);
    pthread_cond_broadcast(&loop->executor->ended);
}

bool lc__executor_may_retire(struct lc__loop *loop)
{
    return !loop->guest && lc__loop_has_begun(loop) == 0;
}

/*
 * Under the executor's lock: whether there are jobs, and no thread to run them. One stays for them,
 * since a message to an isolate must not fail for want of a thread.
 */
static bool is_last_with_jobs(const lc_executor *executor)
{
    if (atomic_load(&executor->bound) == 0)
        return false;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        const struct lc__loop *loop = loop_at(executor, i);
        if (loop && atomic_load(&loop->running) && !loop->guest)
            return false;
    }
    return true;
}

bool lc__executor_lets_go(struct lc__loop *loop, bool waited)
{
    lc_executor *executor = loop->executor;
    /* A guest came for one fiber, and leaves when that has ended and all it has left behind. */
    bool closing = atomic_load(&executor->closing) && atomic_load(&executor->bound) == 0;
    bool wants = loop->guest || waited || closing;
    if (!wants || !lc__loop_is_empty(loop))
        return false;
    /* Deadlines of contexts that outlive the fibers: they go to the thread for all others. */
    if (lc__timers_hand_over(&loop->timers) < 0) {
        if (!loop->guest && !closing)
            return false; /* it stays for them */
        lc__timers_leave(&loop->timers);
    }
    lc__loop_let_go(loop);
    pthread_mutex_lock(&executor->lock);
    /* Sequentially consistent: see lc__executor_need_thread. */
    atomic_store(&loop->running, false);
    bool empty = atomic_load(&loop->bookings) == 0 && lc__loop_is_empty(loop) &&
                 lc__timers_count(&loop->timers) == 0 &&
                 (loop->guest || closing || !is_last_with_jobs(executor));
    if (empty)
        vacate(loop);
    else
        atomic_store(&loop->running, true);
    pthread_mutex_unlock(&executor->lock);
    return empty;
}

/* ---- where work goes ---- */

/* Threads that are no executor's put their fibers into one loop each. */
LC__OF_ITS_THREAD
static unsigned own_turn(void)
{
    static atomic_uint turns;
    static _Thread_local unsigned turn; /* 1 more, once drawn */
    if (turn == 0)
        turn = atomic_fetch_add_explicit(&turns, 1, memory_order_relaxed) + 1;
    return turn - 1;
}

struct lc__loop *lc__executor_place(lc_executor *executor, lc_thread_group *group, bool spread)
{
    struct lc__loop *own = lc__loop_of_thread;
    bool here = own && own->executor == executor;
    if (executor->simulation)
        return need_loop(executor, 0);
    if (here && !spread && (!group || lc__thread_group_has(group, own->index)))
        return own;
    unsigned index = own_turn();
    if (group)
        index = group->first +
                atomic_fetch_add_explicit(&group->turn, 1, memory_order_relaxed) % group->count;
    else if (spread)
        index = atomic_fetch_add_explicit(&executor->turn, 1, memory_order_relaxed);
    return need_loop(executor, index % executor->threads);
}

struct lc__loop *lc__executor_any_loop(lc_executor *executor)
{
    struct lc__loop *found = NULL;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = loop_at(executor, i);
        if (loop && atomic_load(&loop->running))
            return loop;
        found = loop ? loop : found;
    }
    return found;
}

bool lc__executor_find_work(struct lc__loop *loop)
{
    lc_executor *executor = loop->executor;
    bool found = false;
    int64_t now = LC_NOW;
    /* Who overlooks a loop that is just being made is called again when its backlog has aged. */
    unsigned made = atomic_load_explicit(&executor->made, memory_order_relaxed);
    for (unsigned i = 1; i < made && !found; i++) {
        struct lc__loop *victim = loop_at(executor, (loop->index + i) % made);
        if (!victim || (atomic_load_explicit(&victim->fresh_count, memory_order_relaxed) == 0 &&
                        lc__jobs_is_empty(victim)))
            continue;
        if (now == LC_NOW)
            now = lc__clock_real.now(&lc__clock_real);
        atomic_fetch_add(&executor->moves_begun, 1);
        found = lc__loop_steal(loop, victim, now) || lc__jobs_steal(loop, victim);
        atomic_fetch_add(&executor->moves_ended, 1);
    }
    return found;
}

/* @return whether somebody was called. */
static bool call_one(lc_executor *executor, unsigned index)
{
    struct lc__loop *loop = need_loop(executor, index);
    if (!loop)
        return false;
    if (!atomic_load(&loop->running))
        return lc__executor_need_thread(loop) == 0;
    bool asleep = atomic_load_explicit(&loop->asleep, memory_order_relaxed);
    if (asleep)
        lc__loop_poke(loop);
    return asleep;
}

void lc__executor_call_help(lc_executor *executor, bool add)
{
    unsigned most = add ? LC_EXECUTOR_THREADS_MAX : executor->threads;
    /* Acquire: pairs with the release of who came, whom we must not take for asleep any more. */
    if (atomic_exchange_explicit(&executor->helping, true, memory_order_acquire))
        return;
    bool called = false;
    for (unsigned i = 0; i < most && !called; i++)
        called = call_one(executor, i);
    if (!called)
        atomic_store_explicit(&executor->helping, false, memory_order_relaxed);
}

/* ---- making and freeing ---- */

enum { NAME_MAX_OF_EXECUTOR = sizeof((lc_executor *)0)->name - 1 };

LC__OPTIONS_END(lc_executor_options, stall_limit);

static lc_error *executor_options_check(const lc_executor_options *options)
{
    size_t length = strnlen(options->name, NAME_MAX_OF_EXECUTOR + 1);
    if (length < 1 || length > NAME_MAX_OF_EXECUTOR)
        return lc_error_new(-EINVAL, "an executor needs a name of 1 to %d bytes",
                            NAME_MAX_OF_EXECUTOR);
    if (options->threads > LC_EXECUTOR_THREADS_MAX)
        return lc_error_new(-EINVAL,
                            "executor \"%s\" asks for %u threads: at most %d, or 0 for as many as "
                            "there are processors",
                            options->name, options->threads, LC_EXECUTOR_THREADS_MAX);
    if (options->stack_size != 0 &&
        (options->stack_size < LC_FIBER_STACK_MIN || options->stack_size > LC_FIBER_STACK_MAX))
        return lc_error_new(
            -EINVAL,
            "executor \"%s\" asks for stacks of %zu bytes: %zu to %zu, or 0 for the "
            "default",
            options->name, options->stack_size, LC_FIBER_STACK_MIN, LC_FIBER_STACK_MAX);
    if (options->idle_timeout < LC_NONE)
        return lc_error_new(-EINVAL,
                            "executor \"%s\" has an idle_timeout of %" PRId64
                            " ns: above 0, 0 for ten seconds, or LC_NONE for none",
                            options->name, options->idle_timeout);
    if (options->stall_limit < LC_NONE)
        return lc_error_new(-EINVAL,
                            "executor \"%s\" has a stall_limit of %" PRId64
                            " ns: above 0, 0 for 100 ms, or LC_NONE for none",
                            options->name, options->stall_limit);
    return NULL;
}

/* What zero and LC_NONE stand for. The stack's default is that of lc__executor_make. */
static void executor_options_complete(lc_executor_options *options)
{
    if (options->idle_timeout == 0)
        options->idle_timeout = 10 * LC_SECOND;
    else if (options->idle_timeout == LC_NONE)
        options->idle_timeout = 0;
    if (options->stall_limit == 0)
        options->stall_limit = 100 * LC_MILLISECOND;
    else if (options->stall_limit == LC_NONE)
        options->stall_limit = LC_FOREVER;
}

static lc_error *executor_options_read(lc_executor_options *options,
                                       const lc_executor_options *given)
{
    lc_error *mistake = lc__options_read(options, sizeof *options, given, "lc_executor_options");
    if (!options->name)
        options->name = "executor";
    if (!mistake)
        mistake = executor_options_check(options);
    executor_options_complete(options);
    return mistake;
}

lc_executor *lc__executor_make(const lc_executor_options *options)
{
    lc_executor *executor = lc__allocate(sizeof *executor);
    if (!executor)
        return NULL;
    strlcpy(executor->name, options->name, sizeof executor->name);
    executor->threads = options->threads ? options->threads : lc__processors();
    executor->stack_size = options->stack_size ? options->stack_size : LC__STACK_DEFAULT;
    executor->idle_timeout = options->idle_timeout;
    executor->stall_limit = options->stall_limit;
    pthread_mutex_init(&executor->lock, NULL);
    pthread_cond_init(&executor->ended, NULL);
    STAILQ_INIT(&executor->left);
    return executor;
}

static size_t count_once(const lc_executor *executor)
{
    size_t count = 0;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = loop_at(executor, i);
        /* In this order, which is that of a fiber's life: none slips by. */
        count += loop ? atomic_load(&loop->fresh_count) : 0;
        count += loop ? atomic_load(&loop->working) : 0;
    }
    return count;
}

/* Counts until nobody has carried a fiber past us. */
static size_t count_working(const lc_executor *executor)
{
    for (unsigned round = 0;; lc__spin(&round)) {
        unsigned moves = atomic_load(&executor->moves_begun);
        if (atomic_load(&executor->moves_ended) != moves)
            continue;
        size_t count = count_once(executor);
        if (atomic_load(&executor->moves_begun) == moves)
            return count;
    }
}

static size_t count_deadlines(const lc_executor *executor)
{
    size_t count = 0;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = loop_at(executor, i);
        if (!loop)
            continue;
        count += lc__timers_count(&loop->timers);
        count += atomic_load_explicit(&loop->due.count, memory_order_relaxed);
    }
    return count;
}

/* Why an executor keeps the library up: noted under the lock of the list, told after it. */
struct hold {
    char executor[sizeof((lc_executor *)0)->name];
    char fiber[LC_NAME_MAX + 1]; /* one of them; "": none was found */
    bool is_default;
    char job[LC_NAME_MAX + 1]; /* as `fiber` */
    size_t working;
    size_t jobs;
    size_t deadlines;
};

/* @return whether it does. */
static bool note_hold(const lc_executor *executor, struct hold *hold)
{
    *hold = (struct hold){.is_default = executor->is_default,
                          .working = count_working(executor),
                          .jobs = atomic_load(&executor->jobs),
                          .deadlines = count_deadlines(executor)};
    strlcpy(hold->executor, executor->name, sizeof hold->executor);
    if (hold->working > 0)
        lc__fiber_name_one(executor, hold->fiber);
    if (hold->jobs > 0)
        lc__jobs_name_one(executor, hold->job);
    return !hold->is_default || hold->working + hold->jobs + hold->deadlines > 0;
}

static void tell_hold(const struct hold *hold)
{
    bool named = hold->fiber[0] != '\0';
    lc_log(LC_LOG_ERROR, NULL,
           "the library cannot shut down: executor \"%s\" %s, deadlines to come: %zu, fibers not "
           "ended: %zu%s%s%s",
           hold->executor, hold->is_default ? "has work" : "was not freed", hold->deadlines,
           hold->working, named ? ", among them \"" : "", hold->fiber, named ? "\"" : "");
    if (hold->jobs > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: isolates of executor \"%s\" that have not ended: "
               "%zu, among them \"%s\"",
               hold->executor, hold->jobs, hold->job);
}

/* Whether it has fibers, and each of them runs, or will as soon as its thread comes to it. */
static bool executor_is_ending(const lc_executor *executor)
{
    return executor->is_default && count_working(executor) > 0 && !lc__fiber_any_waits(executor);
}

/*
 * What a fiber does last may tell others that it is done: those then call the shutdown while the
 * fiber still returns. So fibers that wait for nothing get a moment to end in; one that waits is
 * not ending. On the real clock: real threads are waited for.
 */
static void executors_settle(void)
{
    const int64_t moment = 100 * LC_MILLISECOND;
    int64_t began = lc__clock_real.now(&lc__clock_real);
    bool ending = true;
    for (unsigned round = 0; ending; lc__spin(&round)) {
        ending = false;
        const lc_executor *executor;
        pthread_mutex_lock(&list_lock);
        TAILQ_FOREACH (executor, &executors, link)
            ending |= executor_is_ending(executor);
        pthread_mutex_unlock(&list_lock);
        ending &= lc__clock_real.now(&lc__clock_real) - began < moment;
    }
}

static bool executors_busy(void)
{
    enum { TOLD_MAX = 8 }; /* more are not needed to see what is wrong */
    struct hold holds[TOLD_MAX];
    size_t count = 0;
    lc_executor *executor;
    pthread_mutex_lock(&list_lock);
    TAILQ_FOREACH (executor, &executors, link)
        if (count < TOLD_MAX && note_hold(executor, &holds[count]))
            count++;
    pthread_mutex_unlock(&list_lock);
    for (size_t i = 0; i < count; i++)
        tell_hold(&holds[i]);
    return count > 0;
}

/* No thread is in the loop; some may be about to leave off poking it. */
static void retire_loop(struct lc__loop *loop)
{
    unsigned round = 0;
    /* Acquire: pairs with the release of the last touch. */
    while (atomic_load_explicit(&loop->wakers, memory_order_acquire) > 0)
        lc__spin(&round);
    lc__poller_end(&loop->poller, &loop->parker);
    pthread_mutex_lock(&spare_lock);
    loop->next_spare = spare;
    spare = loop;
    pthread_mutex_unlock(&spare_lock);
}

/*
 * Under the executor's lock, which it gives away while it waits. @return whether it has waited for
 * a thread: another may have come meanwhile.
 */
static bool await_one(lc_executor *executor)
{
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = loop_at(executor, i);
        if (!loop || !atomic_load(&loop->running))
            continue;
        lc__loop_poke(loop);
        pthread_cond_wait(&executor->ended, &executor->lock);
        return true;
    }
    return false;
}

int lc__executor_bind(lc_executor *executor)
{
    /* Sequentially consistent, as who closes: he sees the job, or we that he closes. */
    atomic_fetch_add(&executor->bound, 1);
    atomic_fetch_add(&executor->jobs, 1);
    if (!atomic_load(&executor->closing))
        return 0;
    lc__job_finishing(executor);
    lc__executor_unbind(executor);
    return -ESHUTDOWN;
}

void lc__job_finishing(lc_executor *executor)
{
    atomic_fetch_sub(&executor->jobs, 1);
}

void lc__executor_unbind(lc_executor *executor)
{
    /* The executor is still there: who frees it waits for the thread we are on. */
    if (atomic_fetch_sub(&executor->bound, 1) > 1 || !atomic_load(&executor->closing))
        return;
    pthread_mutex_lock(&executor->lock);
    pthread_cond_broadcast(&executor->ended);
    pthread_mutex_unlock(&executor->lock);
}

static void await_jobs(lc_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    while (atomic_load(&executor->bound) > 0)
        pthread_cond_wait(&executor->ended, &executor->lock);
    pthread_mutex_unlock(&executor->lock);
}

/* Waits until nobody is in any loop, and joins the threads. */
static void await_threads(lc_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    while (await_one(executor))
        continue;
    for (struct lc__loop_thread *thread; (thread = STAILQ_FIRST(&executor->left));) {
        STAILQ_REMOVE_HEAD(&executor->left, link);
        pthread_mutex_unlock(&executor->lock);
        pthread_join(thread->id, NULL);
        lc__free(thread);
        pthread_mutex_lock(&executor->lock);
    }
    pthread_mutex_unlock(&executor->lock);
}

void lc__executor_destroy(lc_executor *executor)
{
    pthread_mutex_lock(&list_lock);
    if (executor->listed)
        TAILQ_REMOVE(&executors, executor, link);
    pthread_mutex_unlock(&list_lock);
    /* Once more: the monitor, which finds it no longer, may just have called a thread. */
    await_threads(executor);
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = loop_at(executor, i);
        if (loop)
            retire_loop(loop);
    }
    lc__stacks_trim_all(); /* no thread may be left that would */
    pthread_cond_destroy(&executor->ended);
    pthread_mutex_destroy(&executor->lock);
    lc__free(executor);
}

static bool has_guest(lc_executor *executor)
{
    bool found = false;
    pthread_mutex_lock(&executor->lock);
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX && !found; i++) {
        const struct lc__loop *loop = loop_at(executor, i);
        found = loop && loop->guest;
    }
    pthread_mutex_unlock(&executor->lock);
    return found;
}

/* Whether the caller is one of the executor's fibers, or in a blocking call of one. */
static bool has_caller(const lc_executor *executor)
{
    const struct lc__task *task = lc__task_current();
    while (task && !(task->fiber && task->fiber->loop->executor == executor))
        task = task->client;
    return task || (lc__loop_of_thread && lc__loop_of_thread->executor == executor);
}

int lc_executor_free(lc_executor *executor)
{
    if (!executor)
        return 0;
    if (lc__forked())
        return -ENOTSUP;
    if (executor->is_default)
        return -EBUSY;
    if (has_caller(executor) || has_guest(executor))
        return -EDEADLK;
    if (executor->simulation && !lc__simulation_is_over(executor->simulation))
        return -EBUSY;
    atomic_store(&executor->closing, true);
    if (executor->simulation)
        lc__jobs_drop(executor); /* they are lost with their world */
    await_jobs(executor);
    await_threads(executor);
    lc__timers_attend(); /* there are fewer threads now */
    if (executor->simulation)
        lc__simulation_free(executor->simulation);
    lc__executor_destroy(executor);
    return 0;
}

static void shut_down(void)
{
    lc_executor *executor = atomic_exchange(&standard, NULL);
    if (executor) {
        executor->is_default = false;
        lc_executor_free(executor);
    }
    lc__monitor_stop();
    lc__overflow_stop();
    lc__stacks_free();
    while (spare) {
        struct lc__loop *loop = spare;
        spare = loop->next_spare;
        pthread_mutex_destroy(&loop->timers.lock);
        lc__free(loop);
    }
}

static struct lc__facility facility = {
    .settle = executors_settle, .busy = executors_busy, .shut_down = shut_down};

void lc__executor_enlist(lc_executor *executor)
{
    lc__facility_register(&facility);
    pthread_mutex_lock(&list_lock);
    TAILQ_INSERT_TAIL(&executors, executor, link);
    executor->listed = true;
    pthread_mutex_unlock(&list_lock);
}

static lc_error *make(const lc_executor_options *given, lc_executor **executor)
{
    *executor = NULL;
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "no executor in a child forked when there were workers");
    lc_executor_options options;
    lc_error *mistake = executor_options_read(&options, given);
    if (mistake)
        return mistake;
    *executor = lc__executor_make(&options);
    if (!*executor)
        return lc_error_new(-ENOMEM, "no memory for executor \"%s\"", options.name);
    lc__executor_enlist(*executor);
    int reporting = options.report_overflow ? lc__overflow_report() : 0;
    if (reporting == 0)
        return NULL;
    lc__executor_destroy(*executor);
    *executor = NULL;
    return lc_error_new_errno(-reporting, "executor \"%s\" cannot report overflows", options.name);
}

lc_error *lc_executor_new(const lc_executor_options *options, lc_executor **executor)
{
    if (!executor)
        return lc_error_new(-EINVAL, "lc_executor_new needs a place for the executor");
    return make(options, executor);
}

/* Makes it the default one. @return false if there is one already. */
static bool set_standard(lc_executor *executor)
{
    lc_executor *none = NULL;
    executor->is_default = true;
    /* Release and acquire: who finds it finds it filled in. */
    return atomic_compare_exchange_strong_explicit(&standard, &none, executor, memory_order_acq_rel,
                                                   memory_order_acquire);
}

lc_error *lc_default_executor_configure(const lc_executor_options *options)
{
    lc_executor *executor;
    lc_error *error = make(options, &executor);
    if (!executor || set_standard(executor))
        return error;
    lc__executor_destroy(executor);
    return lc_error_new(-EBUSY, "there is a default executor already: configure it before the "
                                "first fiber is started");
}

lc_executor *lc__executor_default(void)
{
    lc_executor *there = atomic_load_explicit(&standard, memory_order_acquire);
    if (there || lc__forked())
        return lc__forked() ? NULL : there;
    lc_error_unref(lc_default_executor_configure(NULL)); /* another thread may have been faster */
    return atomic_load_explicit(&standard, memory_order_acquire);
}

lc_executor *lc_executor_current(void)
{
    struct lc__loop *loop = lc__loop_of_thread;
    return loop && !lc__forked() ? loop->executor : lc__executor_default();
}

unsigned lc_executor_threads(const lc_executor *executor)
{
    return executor ? executor->threads : 0;
}

/* ---- a thread of somebody else's as one of the executor's ---- */

struct guest {
    lc_error *(*run)(void *arg);
    void *arg;
    lc_error *result;
};

static void run_guest(void *arg)
{
    struct guest *guest = arg;
    guest->result = guest->run(guest->arg);
}

/* @return a loop that nobody runs, and that is the caller's now; NULL and why in *error. */
static struct lc__loop *claim_loop(lc_executor *executor, int *error)
{
    struct lc__loop *claimed = NULL;
    *error = -EAGAIN;
    pthread_mutex_lock(&executor->lock);
    /* A simulation has but one. */
    unsigned most = executor->simulation ? 1 : LC_EXECUTOR_THREADS_MAX;
    for (unsigned i = 0; i < most && !claimed; i++) {
        struct lc__loop *loop = make_loop(executor, i);
        if (!loop) {
            *error = -ENOMEM;
            break;
        }
        if (!atomic_load(&loop->running))
            claimed = loop;
    }
    if (claimed) {
        claimed->guest = true;
        atomic_store(&claimed->running, true);
    }
    pthread_mutex_unlock(&executor->lock);
    return claimed;
}

static void give_loop_back(struct lc__loop *loop)
{
    pthread_mutex_lock(&loop->executor->lock);
    vacate(loop);
    pthread_mutex_unlock(&loop->executor->lock);
}

/* Runs the loop on this thread until the guest's main fiber and all others of it have ended. */
static int run_loop(struct lc__loop *loop, struct guest *guest)
{
    int cancelling; /* as in the executor's own threads */
    struct lc__fiber_options fiber = {
        .name = "main",
        .stack_size = (size_t)1024 * 1024,
        .run = run_guest,
        .arg = guest,
        .executor = loop->executor,
        .pinned = true,
    };
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    lc__overflow_thread_begins();
    lc__loop_of_thread = loop;
    int result = lc__fiber_start(&fiber);
    lc__loop_of_thread = NULL;
    /* Also if that failed: others may have put fibers here. */
    lc__loop_run(loop);
    lc__stacks_trim_all(); /* the executor's own threads may sleep, or not be there */
    lc__timers_attend();
    lc__overflow_thread_ends();
    pthread_setcancelstate(cancelling, NULL);
    return result;
}

static lc_error *run_here(lc_executor *executor, lc_error *(*run)(void *arg), void *arg)
{
    int failed = lc__fork_guard();
    struct lc__loop *loop = failed < 0 ? NULL : claim_loop(executor, &failed);
    if (!loop)
        return lc_error_new_errno(-failed, "no place in executor \"%s\" for this thread",
                                  executor->name);
    struct lc__simulation *simulation = executor->simulation;
    struct guest guest = {run, arg, NULL};
    if (!simulation && executor->stall_limit < LC_FOREVER)
        lc__monitor_start();
    if (simulation)
        lc__simulation_begin(simulation);
    failed = run_loop(loop, &guest);
    if (simulation)
        give_loop_back(loop);
    /* A real loop is no longer ours, nor need the executor be there. */
    if (failed < 0)
        return lc_error_new_errno(-failed,
                                  "no fiber could be made to run lc_executor_run's function");
    return simulation ? lc__simulation_verdict(simulation, guest.result) : guest.result;
}

lc_error *lc_executor_run(lc_executor *executor, lc_error *(*run)(void *arg), void *arg)
{
    if (!run)
        return lc_error_new(-EINVAL, "lc_executor_run needs a function to run");
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "no executor in a child forked when there were workers");
    if (lc__loop_of_thread)
        return lc_error_new(-EDEADLK, "lc_executor_run was called in a fiber, whose thread is an "
                                      "executor's already");
    executor = executor ? executor : lc__executor_default();
    if (!executor)
        return lc_error_new(-ENOMEM, "no memory for the default executor");
    return run_here(executor, run, arg);
}

/* ---- groups ---- */

lc_thread_group *lc_thread_group_new(lc_executor *executor, unsigned threads)
{
    lc_thread_group *group = executor && threads > 0 ? lc__allocate(sizeof *group) : NULL;
    if (!group)
        return NULL;
    atomic_init(&group->refs, 1);
    group->executor = executor;
    group->all = executor->threads;
    group->count = threads < executor->threads ? threads : executor->threads;
    /* Each begins where the one before has ended, so that groups do not all share one thread. */
    group->first = atomic_fetch_add_explicit(&executor->turn, group->count, memory_order_relaxed) %
                   executor->threads;
    return group;
}
