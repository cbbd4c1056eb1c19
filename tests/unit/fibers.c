/*
 * fibers.c: what <lifecycle/executor.h> promises of a fiber: its life, what is its own, how it
 * ends, where it runs. That every wait of the library works in it is in fiber_waits.c.
 */
#include "support/fibers.h"
#include "support/check.h"
#include "support/scripted_worker.h"

#include <bsd/string.h>
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- a life ---- */

struct life {
    atomic_uint ran;
    bool in_fiber;
    char name[LC_NAME_MAX + 1];
};

static void live(void *arg)
{
    struct life *life = arg;
    life->in_fiber = lc_is_fiber();
    strncpy(life->name, lc_worker_name(), LC_NAME_MAX);
    atomic_fetch_add(&life->ran, 1);
}

static void a_fiber_runs(void)
{
    struct life life = {0};
    lc_executor *executor = fibers_executor(1);
    fibers_start(executor, "lively", live, &life);
    fibers_end(executor);
    CU_ASSERT_EQUAL(life.ran, 1);
    CU_ASSERT_TRUE(life.in_fiber);
    CU_ASSERT_STRING_EQUAL(life.name, "lively");
    CU_ASSERT_FALSE(lc_is_fiber());
}

static void longest_name_is_kept(void)
{
    struct life life = {0};
    char name[LC_NAME_MAX + 1];
    memset(name, 'n', LC_NAME_MAX);
    name[LC_NAME_MAX] = '\0';
    lc_executor *executor = fibers_executor(1);
    fibers_start(executor, name, live, &life);
    fibers_end(executor);
    CU_ASSERT_STRING_EQUAL(life.name, name);
}

static void count_one(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static void many_fibers_run_and_end(void)
{
    unsigned count = check_fewer(check_count(40000, 400000)); /* ThreadSanitizer allows 8,000 */
    atomic_uint ran = 0;
    lc_executor *executor = fibers_executor(2);
    for (unsigned i = 0; i < count; i++)
        fibers_start(executor, "one of many", count_one, &ran);
    fibers_end(executor);
    CU_ASSERT_EQUAL(ran, count);
}

/* Each starts two more, until there are enough. */
struct brood {
    atomic_int left;
    atomic_uint ran;
    unsigned count;
    lc_handle *grown;
};

static void breed(void *arg)
{
    struct brood *brood = arg;
    for (int i = 0; i < 2; i++)
        if (atomic_fetch_sub(&brood->left, 1) > 0)
            fibers_start(NULL, "bred", breed, brood);
    if (atomic_fetch_add(&brood->ran, 1) + 1 == brood->count)
        lc_handle_close(brood->grown);
}

static void fibers_start_fibers(void)
{
    int count = (int)check_fewer(check_count(10000, 100000));
    struct brood brood = {count, 0, (unsigned)count + 1, lc_handle_new()};
    lc_executor *executor = fibers_executor(2);
    fibers_start(executor, "first", breed, &brood);
    CHECK_CLOSES(brood.grown);
    fibers_end(executor);
    CU_ASSERT_EQUAL(brood.ran, brood.count);
    lc_handle_unref(brood.grown);
}

/* ---- what is refused ---- */

static void abort_if_run(void *arg)
{
    (void)arg;
    abort();
}

static lc_fiber_options good_options(void)
{
    lc_fiber_options options = {.size = sizeof options};
    options.name = "never";
    options.run = abort_if_run;
    return options;
}

static void refused(const lc_fiber_options *options, int code, const char *text)
{
    check_log_capture();
    CU_ASSERT_EQUAL(lc_fiber_start(options), code);
    CU_ASSERT_TRUE(check_log_has(text));
    check_log_release();
}

static void bad_options_are_refused(void)
{
    char long_name[LC_NAME_MAX + 2];
    memset(long_name, 'n', sizeof long_name);
    long_name[LC_NAME_MAX + 1] = '\0';
    refused(NULL, -EINVAL, "\"fiber\" has no function");
    lc_fiber_options options = good_options();
    options.size = 0;
    refused(&options, -EINVAL, "size of lc_fiber_options is 0");
    options = good_options();
    options.name = "";
    refused(&options, -EINVAL, "a name of 1 to 64 bytes");
    options.name = long_name;
    refused(&options, -EINVAL, "a name of 1 to 64 bytes");
    options = good_options();
    options.run = NULL;
    refused(&options, -EINVAL, "\"never\" has no function");
    options = good_options();
    options.stack_size = LC_FIBER_STACK_MAX + 1;
    refused(&options, -E2BIG, "\"never\" asks for a stack of 1073741825 bytes");
}

static void note_name(void *arg)
{
    strlcpy(arg, lc_worker_name(), LC_NAME_MAX + 1);
}

/* On the calling fiber's executor, like all that fibers_here starts. */
static void start_with_defaults(void *name)
{
    CU_ASSERT_EQUAL(lc_fiber_start(LC_FIBER_OPTIONS(.run = note_name, .arg = name)), 0);
}

static void zero_is_the_default(void)
{
    char name[LC_NAME_MAX + 1] = "";
    fibers_here(start_with_defaults, name);
    CU_ASSERT_STRING_EQUAL(name, "fiber");
}

static void group_of_another_executor_is_refused(void)
{
    lc_executor *executor = fibers_executor(1), *other = fibers_executor(1);
    lc_thread_group *group = lc_thread_group_new(other, 1);
    lc_fiber_options options = good_options();
    options.executor = executor;
    options.group = group;
    refused(&options, -EINVAL, "\"never\" has a group of another executor");
    lc_thread_group_unref(group);
    fibers_end(executor);
    fibers_end(other);
}

/* ---- what is its own ---- */

struct turns {
    atomic_uint at;
    atomic_uint order[6];
};

struct taker {
    struct turns *turns;
    unsigned number;
};

static void take_turns(void *arg)
{
    struct taker *taker = arg;
    for (int i = 0; i < 3; i++) {
        struct turns *turns = taker->turns;
        atomic_store(&turns->order[atomic_fetch_add(&turns->at, 1)], taker->number);
        lc_yield();
    }
}

static void start_two_takers(void *arg)
{
    struct taker *takers = arg;
    fibers_start(NULL, "first", take_turns, &takers[0]);
    fibers_start(NULL, "second", take_turns, &takers[1]);
}

static void yield_lets_others_run(void)
{
    struct turns turns = {0};
    struct taker takers[] = {{&turns, 1}, {&turns, 2}};
    lc_yield(); /* allowed in a thread too */
    fibers_here(start_two_takers, takers);
    CU_ASSERT_EQUAL(turns.at, 6);
    /* The second starts only when the first has given way. */
    CU_ASSERT_EQUAL(turns.order[0], 1);
    CU_ASSERT_EQUAL(turns.order[1], 2);
    CU_ASSERT_EQUAL(turns.order[2], 1);
    CU_ASSERT_EQUAL(turns.order[3], 2);
}

/* Waits in different ways, and looks each time whether what is its own still is. */
struct own {
    int number;
    lc_channel *ball; /* goes round, so that each wait is one */
    bool well;
};

enum { OWN_ROUNDS = 200 };
static _Thread_local int of_thread;

static bool wait_somehow(struct own *own, int round)
{
    void *item;
    switch (round % 3) {
    case 0:
        return lc_channel_receive(own->ball, &item, check_patience()) == 0 &&
               lc_channel_send(own->ball, item, check_patience()) == 0;
    case 1:
        return lc_sleep(round % 2 ? LC_MICROSECOND : 0) == 0;
    default:
        lc_yield();
        return true;
    }
}

static void look_at_errno(void *arg)
{
    struct own *own = arg;
    own->well = true;
    for (int round = 0; round < OWN_ROUNDS; round++) {
        errno = own->number;
        own->well &= wait_somehow(own, round);
        own->well &= errno == own->number;
    }
}

static void look_at_thread(void *arg)
{
    struct own *own = arg;
    const int *error = &errno, *local = &of_thread;
    pthread_t thread = pthread_self();
    own->well = true;
    for (int round = 0; round < OWN_ROUNDS; round++) {
        own->well &= wait_somehow(own, round);
        own->well &=
            &errno == error && &of_thread == local && pthread_equal(thread, pthread_self());
    }
}

static void each_looks(void (*look)(void *arg), unsigned threads)
{
    enum { FIBERS = 8 };
    struct own own[FIBERS];
    lc_channel *ball;
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = FIBERS), &ball));
    lc_executor *executor = fibers_executor(threads);
    for (int i = 0; i < FIBERS; i++) {
        own[i] = (struct own){i + 1, ball, false};
        fibers_spread(executor, look, &own[i]);
    }
    CU_ASSERT_EQUAL(lc_channel_send(ball, ball, check_patience()), 0);
    CU_ASSERT_EQUAL(lc_channel_send(ball, ball, check_patience()), 0);
    fibers_end(executor);
    for (int i = 0; i < FIBERS; i++)
        CU_ASSERT_TRUE(own[i].well);
    lc_channel_unref(ball);
}

static void errno_is_kept_over_waits(void)
{
    each_looks(look_at_errno, 1);
    each_looks(look_at_errno, 2);
}

static void a_started_fiber_stays_on_its_thread(void)
{
    each_looks(look_at_thread, 2);
}

/* Every fiber rounds in its own direction, whatever the others have set in between. */
struct rounding {
    int mode;
    int inherited;
    bool well;
};

static double third(void)
{
    volatile double one = 1, three = 3;
    return one / three;
}

static void round_on_and_on(void *arg)
{
    struct rounding *rounding = arg;
    rounding->inherited = fegetround();
    fesetround(rounding->mode);
    double before = third();
    rounding->well = true;
    for (int i = 0; i < 50; i++) {
        lc_yield();
        rounding->well &= fegetround() == rounding->mode && third() == before;
    }
    if (!check_in_valgrind()) /* which keeps the mode, and does not round by it: see its manual */
        rounding->well &= rounding->mode == FE_UPWARD ? before * 3 > 1 : before * 3 <= 1;
}

static void start_rounding(void *arg)
{
    struct rounding *rounding = arg;
    fibers_start(NULL, "up", round_on_and_on, &rounding[0]);
    fibers_start(NULL, "down", round_on_and_on, &rounding[1]);
    CU_ASSERT_EQUAL(fegetround(), FE_TONEAREST);
    lc_yield();
    CU_ASSERT_EQUAL(fegetround(), FE_TONEAREST);
}

static void rounding_mode_is_the_fibers_own(void)
{
    struct rounding rounding[] = {{FE_UPWARD, -1, false}, {FE_DOWNWARD, -1, false}};
    fibers_here(start_rounding, rounding);
    CU_ASSERT_TRUE(rounding[0].well);
    CU_ASSERT_TRUE(rounding[1].well);
    CU_ASSERT_EQUAL(rounding[0].inherited, FE_TONEAREST);
    CU_ASSERT_EQUAL(rounding[1].inherited, FE_TONEAREST);
    CU_ASSERT_EQUAL(fegetround(), FE_TONEAREST);
}

/* ---- stacks ---- */

enum { LARGE = 4 * 1024 * 1024 };

static __attribute__((noinline)) unsigned char fill_stack(unsigned char with)
{
    volatile unsigned char large[LARGE - 64 * 1024];
    for (size_t i = 0; i < sizeof large; i += 512)
        large[i] = with;
    for (size_t i = 0; i < sizeof large; i += 512)
        if (large[i] != with)
            return 0;
    return with;
}

static void use_large_stack(void *arg)
{
    *(unsigned char *)arg = fill_stack(123);
}

static void large_stack_is_usable(void)
{
    unsigned char found = 0;
    lc_executor *executor = fibers_executor(1);
    lc_fiber_options options = {.size = sizeof options};
    options.executor = executor;
    options.run = use_large_stack;
    options.arg = &found;
    options.stack_size = LARGE;
    CU_ASSERT_EQUAL(lc_fiber_start(&options), 0);
    fibers_end(executor);
    CU_ASSERT_EQUAL(found, 123);
}

/* ---- deferring and throwing ---- */

struct unwinding {
    struct scope scope;
    lc_handle *unwound;
    unsigned count;
    unsigned order[4];
    uintptr_t frame;
    bool came_back;
};

static void note(struct unwinding *unwinding, unsigned number)
{
    unwinding->order[unwinding->count++] = number;
}

static void note_one(void *arg)
{
    struct unwinding *unwinding = arg;
    note(unwinding, 1);
    lc_handle_close(unwinding->unwound);
}

static void note_two(void *arg)
{
    lc_yield(); /* it may wait */
    note(arg, 2);
}

static void note_and_throw(void *arg)
{
    struct unwinding *unwinding = arg;
    note(unwinding, 3);
    lc_throw(unwinding->scope.context, lc_error_new(-EPIPE, "thrown while unwinding"));
}

static void defer(void (*function)(void *arg), void *arg)
{
    if (lc_defer(function, arg) != 0)
        abort();
}

static void defer_and_return(void *arg)
{
    struct unwinding *unwinding = arg;
    unwinding->frame = (uintptr_t)__builtin_frame_address(0);
    defer(note_one, arg);
    defer(note_two, arg);
}

static void defer_and_throw(void *arg)
{
    struct unwinding *unwinding = arg;
    defer_and_return(arg);
    unwinding->frame = (uintptr_t)__builtin_frame_address(0);
    lc_throw(unwinding->scope.context, lc_error_new(-EIO, "thrown in a fiber"));
    unwinding->came_back = true;
}

static void defer_what_throws(void *arg)
{
    defer_and_return(arg);
    defer(note_and_throw, arg);
}

static void throw_with_a_throw_deferred(void *arg)
{
    struct unwinding *unwinding = arg;
    defer_what_throws(arg);
    lc_throw(unwinding->scope.context, lc_error_new(-EIO, "thrown in a fiber"));
    unwinding->came_back = true;
}

static void unwind_by(struct unwinding *unwinding, void (*run)(void *arg))
{
    *unwinding = (struct unwinding){.scope = scope_new(NULL)};
    fibers_here(run, unwinding);
    CU_ASSERT_FALSE(unwinding->came_back);
}

static void deferred_calls_run_last_first(void)
{
    struct unwinding unwinding;
    unwind_by(&unwinding, defer_and_return);
    CU_ASSERT_EQUAL(unwinding.count, 2);
    CU_ASSERT_EQUAL(unwinding.order[0], 2);
    CU_ASSERT_EQUAL(unwinding.order[1], 1);
    CU_ASSERT_PTR_NULL(lc_signaler_take(unwinding.scope.signaler));
    scope_drop(&unwinding.scope);
}

static void throw_runs_deferred_calls(void)
{
    struct unwinding unwinding;
    unwind_by(&unwinding, defer_and_throw);
    CU_ASSERT_EQUAL(unwinding.count, 2);
    CU_ASSERT_EQUAL(unwinding.order[0], 2);
    CU_ASSERT_EQUAL(unwinding.order[1], 1);
    CHECK_ERROR(lc_signaler_take(unwinding.scope.signaler), -EIO);
    scope_drop(&unwinding.scope);
}

static void throw_in_a_deferred_call_is_thrown(void)
{
    struct unwinding unwinding;
    void (*const ways[])(void *arg) = {defer_what_throws, throw_with_a_throw_deferred};
    for (size_t i = 0; i < 2; i++) {
        check_log_capture();
        unwind_by(&unwinding, ways[i]);
        CU_ASSERT_EQUAL(check_log_count("unhandled error: thrown while unwinding"), i);
        check_log_release();
        CU_ASSERT_EQUAL(unwinding.count, 3);
        CU_ASSERT_EQUAL(unwinding.order[0], 3);
        CU_ASSERT_EQUAL(unwinding.order[1], 2);
        CU_ASSERT_EQUAL(unwinding.order[2], 1);
        /* The first throw is reported, whether the fiber's own code threw or a deferred call. */
        CHECK_ERROR(lc_signaler_take(unwinding.scope.signaler), i == 0 ? -EPIPE : -EIO);
        scope_drop(&unwinding.scope);
    }
}

/* We run only when the thrower that has woken us has gone on to its end. */
static void throw_again_and_again(void *arg)
{
    enum { TIMES = 100 };
    struct unwinding *unwinding = arg;
    uintptr_t frame = 0;
    for (int i = 0; i < TIMES; i++) {
        *unwinding = (struct unwinding){.scope = scope_new(NULL), .unwound = lc_handle_new()};
        fibers_start(NULL, "thrower", defer_and_throw, unwinding);
        CHECK_CLOSES(unwinding->unwound);
        CU_ASSERT_FALSE(unwinding->came_back);
        CU_ASSERT_TRUE(i == 0 || unwinding->frame == frame);
        frame = unwinding->frame;
        CHECK_ERROR(lc_signaler_take(unwinding->scope.signaler), -EIO);
        scope_drop(&unwinding->scope);
        lc_handle_unref(unwinding->unwound);
    }
}

static void stack_of_a_thrower_is_used_again(void)
{
    struct unwinding unwinding;
    fibers_here(throw_again_and_again, &unwinding);
}

/* ---- where it runs ---- */

/* Two that wait for each other without giving way: only two threads get them past. */
struct apart {
    atomic_uint arrived;
    atomic_uint well;
    lc_handle *started; /* both have been */
};

static void meet_without_waiting(void *arg)
{
    struct apart *apart = arg;
    int64_t deadline = check_patience();
    atomic_fetch_add(&apart->arrived, 1);
    while (atomic_load(&apart->arrived) < 2 && lc_now() < deadline)
        sched_yield();
    if (atomic_load(&apart->arrived) == 2)
        atomic_fetch_add(&apart->well, 1);
}

/*
 * Two threads, watched for stalls: before a slow one comes, the other may have taken what was meant
 * for it, and stands still in that with its own behind it.
 */
static lc_executor *two_threads(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.threads = 2;
    lc_executor *executor;
    CHECK_SUCCESS(lc_executor_new(&options, &executor));
    return executor;
}

static void spread_uses_both_threads(void)
{
    enum { TIMES = 20 };
    check_log_capture();
    for (int i = 0; i < TIMES; i++) {
        struct apart apart = {0};
        lc_executor *executor = two_threads();
        fibers_spread(executor, meet_without_waiting, &apart);
        fibers_spread(executor, meet_without_waiting, &apart);
        fibers_end(executor);
        CU_ASSERT_EQUAL(apart.well, 2);
    }
    CU_ASSERT_TRUE(check_log_count("keeps a thread") < TIMES); /* seldom does that come about */
    check_log_release();
}

static void start_two_apart(void *arg)
{
    fibers_spread(NULL, meet_without_waiting, arg);
    fibers_spread(NULL, meet_without_waiting, arg);
    lc_handle_close(((struct apart *)arg)->started);
}

static void spread_in_a_fiber_uses_both_threads(void)
{
    struct apart apart = {.started = lc_handle_new()};
    lc_executor *executor = two_threads();
    fibers_start(executor, "spreads", start_two_apart, &apart);
    CHECK_CLOSES(apart.started);
    fibers_end(executor);
    CU_ASSERT_EQUAL(apart.well, 2);
    lc_handle_unref(apart.started);
}

/* Without it a fiber goes where its maker is. */
struct together {
    pthread_t thread;
    atomic_uint same;
    lc_handle *started;
};

static void compare_thread(void *arg)
{
    struct together *together = arg;
    if (pthread_equal(together->thread, pthread_self()))
        atomic_fetch_add(&together->same, 1);
}

static void start_one_here(void *arg)
{
    struct together *together = arg;
    together->thread = pthread_self();
    fibers_start(NULL, "near", compare_thread, together);
    lc_handle_close(together->started);
}

static void a_fiber_stays_near_its_maker(void)
{
    enum { TIMES = 50 };
    unsigned same = 0;
    lc_executor *executor = fibers_executor(2);
    struct together together[TIMES];
    for (int i = 0; i < TIMES; i++) {
        together[i] = (struct together){.started = lc_handle_new()};
        fibers_spread(executor, start_one_here, &together[i]);
        CHECK_CLOSES(together[i].started);
    }
    fibers_end(executor);
    for (int i = 0; i < TIMES; i++) {
        same += together[i].same;
        lc_handle_unref(together[i].started);
    }
    /* One that has waited too long for its start may be taken: on a busy machine some are. */
    CU_ASSERT_TRUE(same > 0);
}

CHECK_SUITE(unit_fibers, "unit: fibers", {"a fiber runs, by its name", a_fiber_runs},
            {"the longest name is kept", longest_name_is_kept},
            {"many fibers run and end", many_fibers_run_and_end},
            {"fibers start fibers", fibers_start_fibers},
            {"bad options are refused, and named in the log", bad_options_are_refused},
            {"zero is the default", zero_is_the_default},
            {"a group of another executor is refused", group_of_another_executor_is_refused},
            {"yield lets the others run", yield_lets_others_run},
            {"errno is kept over waits", errno_is_kept_over_waits},
            {"a started fiber stays on its thread", a_started_fiber_stays_on_its_thread},
            {"the rounding mode is the fiber's own", rounding_mode_is_the_fibers_own},
            {"a large stack is usable", large_stack_is_usable},
            {"deferred calls run last first", deferred_calls_run_last_first},
            {"a throw reports, and runs the deferred calls", throw_runs_deferred_calls},
            {"a throw in a deferred call is reported if it is the first, and the rest run",
             throw_in_a_deferred_call_is_thrown},
            {"the stack of a thrower is used again", stack_of_a_thrower_is_used_again},
            {"spreading uses both threads", spread_uses_both_threads},
            {"spreading by a fiber uses both threads", spread_in_a_fiber_uses_both_threads},
            {"without it a fiber stays near its maker", a_fiber_stays_near_its_maker});
