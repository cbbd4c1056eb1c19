/*
 * allocation.c: what happens when memory, a thread or a descriptor is refused. Each attempt below
 * is made again and again, with the first, the second, ... allocation failing, until it meets no
 * failure: each time it must tell of an error, leak nothing and hang nowhere.
 */
#include "support/check.h"
#include "support/parts.h"

#include "base/memory.h"

#include <lifecycle.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/*
 * An attempt frees what it made. @return 0 if all of it succeeded, below 0 if it was told of an
 * error, above 0 if something was not as it must be.
 */
typedef int (*attempt_function)(void);

enum { MUST_TELL, MAY_SUCCEED }; /* MAY_SUCCEED: for what does without what it could not get */

#define ATTEMPTS_MAX 500

static bool tried(attempt_function attempt, size_t nth, int kind)
{
    lc_log_set_level((lc_log_level)0);
    CU_ASSERT_EQUAL(lc_library_shutdown(),
                    0); /* so that what is made once for the process fails too */
    size_t before = lc__memory_in_use();
    lc__memory_fail_at(nth);
    int result = attempt();
    bool failed = lc__memory_has_failed();
    lc__memory_fail_at(0);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    lc_log_set_level(LC_LOG_INFO);
    bool well = result <= 0 && lc__memory_in_use() == before;
    well &= failed ? kind == MAY_SUCCEED || result < 0 : result == 0;
    CU_ASSERT_TRUE(well);
    if (!well)
        fprintf(stderr, "\nallocation %zu %s: result %d, %zu allocations left\n", nth,
                failed ? "failed" : "did not fail", result, lc__memory_in_use() - before);
    return failed && well;
}

/* @return how many allocations there are to fail. */
static size_t each_fails(attempt_function attempt, int kind)
{
    size_t nth = 1;
    while (nth < ATTEMPTS_MAX && tried(attempt, nth, kind))
        nth++;
    CU_ASSERT_TRUE(nth > 1); /* or nothing was tested */
    CU_ASSERT_TRUE(nth < ATTEMPTS_MAX);
    return nth - 1;
}

static int or_no_memory(const void *made)
{
    return made ? 0 : -ENOMEM;
}

static bool closes(lc_handle *handle)
{
    return lc_handle_wait(handle, check_patience()) == 0;
}

/* ---- handles ---- */

static int make_handle(void)
{
    lc_handle *handle = lc_handle_new();
    lc_handle_unref(handle);
    return or_no_memory(handle);
}

static void count_call(void *arg)
{
    ++*(unsigned *)arg;
}

static int add_callback(void)
{
    unsigned calls = 0;
    lc_handle *handle = lc_handle_new();
    if (!handle)
        return -ENOMEM;
    int result = lc_handle_on_close(handle, count_call, &calls, NULL);
    lc_handle_close(handle);
    lc_handle_unref(handle);
    return calls == (result == 0) ? result : 1;
}

static int get_descriptor_of(lc_handle *handle)
{
    if (!handle)
        return -ENOMEM;
    int result = lc_handle_fd(handle);
    lc_handle_close(handle);
    if (result >= 0) {
        struct pollfd polled = {.fd = result, .events = POLLIN};
        result = poll(&polled, 1, 0) == 1 ? 0 : 1;
    }
    lc_handle_unref(handle);
    return result;
}

static int get_descriptor(void)
{
    return get_descriptor_of(lc_handle_new());
}

static int get_closed_descriptor(void)
{
    return get_descriptor_of(lc_handle_new_closed());
}

static void handles(void)
{
    each_fails(make_handle, MUST_TELL);
    each_fails(add_callback, MUST_TELL);
    CU_ASSERT_TRUE(each_fails(get_descriptor, MUST_TELL) >= 2);
    each_fails(get_closed_descriptor, MUST_TELL);
}

/* ---- channels ---- */

static int make_channel(void)
{
    lc_channel *channel = NULL;
    int result = check_code(lc_channel_new(LC_CHANNEL(.capacity = 16), &channel));
    if (result == 0)
        result = lc_channel_send(channel, NULL, LC_NOW); /* bounded: never for want of memory */
    lc_channel_unref(channel);
    return result;
}

static unsigned discarded;

static void count_discard(void *item)
{
    (void)item;
    discarded++;
}

static int grow_channel(void)
{
    lc_channel *channel = NULL;
    unsigned sent = 0;
    discarded = 0;
    int result = check_code(lc_channel_new(
        LC_CHANNEL(.capacity = LC_CHANNEL_UNBOUNDED, .discard = count_discard), &channel));
    if (result < 0)
        return result;
    for (unsigned i = 0; i < 200; i++) {
        int one = lc_channel_send(channel, NULL, LC_NOW);
        sent += one == 0;
        result = one < 0 ? one : result;
    }
    bool well = lc_channel_length(channel) == sent;
    lc_channel_unref(channel);
    return well && discarded == sent ? result : 1;
}

#define SOURCES 20

static int merge_channels(void)
{
    lc_channel *sources[SOURCES] = {NULL}, *merged = NULL;
    int result = 0;
    void *item;
    for (unsigned i = 0; i < SOURCES && result == 0; i++)
        result = check_code(lc_channel_new(LC_CHANNEL(.capacity = 1), &sources[i]));
    if (result == 0)
        result = check_code(lc_channels_merge(sources, SOURCES, &merged));
    if (result == 0) { /* watches all of them */
        result = lc_channel_receive(merged, &item, lc_deadline_after(LC_MILLISECOND));
        result = result == -ETIMEDOUT ? 0 : result;
    }
    lc_channel_unref(merged);
    for (unsigned i = 0; i < SOURCES; i++)
        lc_channel_unref(sources[i]);
    return result;
}

static void channels(void)
{
    each_fails(make_channel, MUST_TELL);
    each_fails(grow_channel, MUST_TELL);
    each_fails(merge_channels, MUST_TELL);
}

/* ---- waiting ---- */

#define MANY 40

/* Late enough for a busy machine: a wait that has timed out allocates nothing. */
static int64_t soon(void)
{
    return lc_deadline_after(100 * LC_MILLISECOND);
}

static int wait_for_handles(void)
{
    lc_handle *handle = lc_handle_new();
    lc_waitable waitables[MANY];
    if (!handle)
        return -ENOMEM;
    for (unsigned i = 0; i < MANY; i++)
        waitables[i] = lc_on_handle(handle);
    int result = lc_wait_any(waitables, MANY, soon());
    if (result == -ETIMEDOUT)
        result = lc_wait_all(waitables, MANY, soon());
    lc_handle_unref(handle);
    return result == -ETIMEDOUT ? 0 : result;
}

static int wait_for_descriptors(unsigned count)
{
    int pipes[2];
    lc_waitable waitables[MANY];
    if (pipe(pipes) != 0)
        return 1;
    for (unsigned i = 0; i < count; i++)
        waitables[i] = lc_on_fd(pipes[0], POLLIN);
    int result = lc_wait_any(waitables, count, soon());
    if (result == -ETIMEDOUT)
        result = lc_wait_all(waitables, count, soon());
    if (result == -ETIMEDOUT)
        result = lc_wait_fd(NULL, pipes[0], POLLIN, soon());
    close(pipes[0]);
    close(pipes[1]);
    return result == -ETIMEDOUT ? 0 : result;
}

static int wait_for_one_descriptor(void)
{
    return wait_for_descriptors(1);
}

static int wait_for_many_descriptors(void)
{
    return wait_for_descriptors(MANY);
}

static int connect_to_each_other(void)
{
    int listener, client = -1, server = -1;
    lc_error *error = lc_listen("127.0.0.1", "0", &listener);
    if (!error) {
        char port[8];
        snprintf(port, sizeof port, "%d", lc_fd_port(listener));
        error = lc_connect(NULL, "127.0.0.1", port, &client, check_patience());
    }
    int result = lc_error_code(error);
    if (result == 0)
        result = lc_accept(NULL, listener, &server, check_patience());
    lc_error_unref(error);
    close(client);
    close(server);
    close(listener);
    return result;
}

/* Needs none: halts must work without. */
static int watch_signals(void)
{
    static const int signals[] = {SIGUSR1};
    lc_process_signals *watch = NULL;
    int result = check_code(lc_process_signals_new(signals, 1, &watch));
    if (result < 0)
        return watch ? 1 : result;
    lc_waitable signal = lc_on_signals(watch);
    result = lc_wait_any(&signal, 1, soon());
    lc_process_signals_free(watch);
    return result == -ETIMEDOUT ? 0 : result;
}

static void waits(void)
{
    each_fails(wait_for_handles, MUST_TELL);
    each_fails(wait_for_one_descriptor, MUST_TELL);
    each_fails(wait_for_many_descriptors, MUST_TELL);
    each_fails(connect_to_each_other, MAY_SUCCEED); /* an accept is tried again */
    CU_ASSERT_FALSE(tried(watch_signals, 1, MUST_TELL));
}

/* ---- contexts and signalers ---- */

static int make_contexts(void)
{
    static const char key;
    unsigned releases = 0;
    lc_signaler *signaler = lc_signaler_new();
    lc_context *root = lc_context_new(NULL);
    lc_context *child = root ? lc_context_new(root) : NULL;
    lc_context *valued = child ? lc_context_with_value(child, &key, &releases, count_call) : NULL;
    lc_context *signalled = valued && signaler ? lc_context_with_signaler(valued, signaler) : NULL;
    lc_context *timed =
        signalled ? lc_context_with_deadline(signalled, lc_deadline_after(LC_HOUR)) : NULL;
    bool was_valued = valued != NULL;
    lc_context_cancel(root, NULL);
    if (timed && lc_error_code(lc_context_error(timed)) != -ECANCELED)
        return 1;
    lc_context_unref(root);
    lc_context_unref(child);
    lc_context_unref(valued);
    lc_context_unref(signalled);
    lc_context_unref(timed);
    lc_signaler_unref(signaler);
    return releases == was_valued ? or_no_memory(timed) : 1;
}

static int deadline_comes(void)
{
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(LC_MILLISECOND));
    if (!context)
        return -ENOMEM;
    bool well = closes(lc_context_done(context));
    lc_context_unref(context);
    return well ? 0 : 1;
}

/* A cancel cannot fail: what may be lost is the cause's text. */
static int cancel_with_cause(void)
{
    lc_context *context = lc_context_new(NULL);
    lc_context *child = lc_context_new(context);
    if (!context || !child) {
        lc_context_unref(child);
        lc_context_unref(context);
        return -ENOMEM;
    }
    lc_context_cancel(context, lc_error_new(-EIO, "cause"));
    bool well = lc_error_code(lc_context_error(context)) == -ECANCELED &&
                lc_error_code(lc_context_error(child)) == -ECANCELED &&
                lc_handle_is_closed(lc_context_done(child));
    lc_context_unref(child);
    lc_context_unref(context);
    return well ? 0 : 1;
}

struct throwing {
    lc_signaler *signaler;
    lc_context *context;
    unsigned deferred;
    int defer_result;
    bool went_on;
};

static void *defer_and_throw(void *arg)
{
    struct throwing *throwing = arg;
    throwing->defer_result = lc_defer(count_call, &throwing->deferred);
    lc_throw(throwing->context, lc_error_new(-EIO, "thrown"));
    throwing->went_on = true;
    return NULL;
}

/*
 * The error arrives with its code, whatever there is no memory for; a refused deferred call is not
 * made.
 */
static int throw_in_thread(void)
{
    struct throwing throwing = {.signaler = lc_signaler_new()};
    throwing.context = throwing.signaler ? lc_context_with_signaler(NULL, throwing.signaler) : NULL;
    if (!throwing.context) {
        lc_signaler_unref(throwing.signaler);
        return -ENOMEM;
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, defer_and_throw, &throwing) != 0)
        return 1;
    pthread_join(thread, NULL);
    lc_error *error = lc_signaler_take(throwing.signaler);
    bool well = lc_error_code(error) == -EIO && !throwing.went_on &&
                throwing.deferred == (throwing.defer_result == 0);
    lc_error_unref(error);
    lc_context_unref(throwing.context);
    lc_signaler_unref(throwing.signaler);
    return well ? throwing.defer_result : 1;
}

static void contexts(void)
{
    each_fails(make_contexts, MUST_TELL);
    each_fails(deadline_comes, MUST_TELL);
    each_fails(cancel_with_cause, MAY_SUCCEED);
    each_fails(throw_in_thread, MAY_SUCCEED); /* the error's own text may be lost */
}

/* ---- managers ---- */

#define WORKERS 4

static atomic_uint running; /* workers that have begun and not ended */

static lc_error *count_and_wait(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    atomic_fetch_add(&running, 1);
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), check_patience());
    atomic_fetch_sub(&running, 1);
    return NULL;
}

/* Of the managers; none, where each refusal is to be told: a start goes on without its warning. */
static int64_t ready_warning = LC_FOREVER;

static lc_error *build(lc_worker_function run, unsigned workers, lc_manager **manager)
{
    static const char *const names[WORKERS] = {"one", "two", "three", "four"};
    lc_manager_builder *builder = lc_manager_builder_new("wanting");
    lc_manager_builder_set_ready_warning(builder, ready_warning);
    for (unsigned i = 0; i < workers; i++)
        lc_manager_builder_add(builder, LC_WORKER(.name = names[i], .run = run));
    lc_error *error = lc_manager_builder_build(builder, manager);
    lc_manager_builder_free(builder);
    return error;
}

static int code_of(lc_error *error)
{
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code;
}

static unsigned failed_midway; /* starts that launched some workers, but not all */

/*
 * A start that succeeded may still fail: an error on the context, the others cancelled, done
 * closed.
 */
static int await_manager(lc_manager *manager, lc_signaler *signaler, lc_context *context)
{
    lc_waitable waitables[] = {lc_on_handle(lc_signaler_thrown(signaler)),
                               lc_on_handle(lc_manager_ready(manager))};
    int index = lc_wait_any(waitables, 2, check_patience());
    if (index < 0)
        return 1;
    int result = index == 0 ? code_of(lc_signaler_take(signaler)) : 0;
    if (result < 0)
        failed_midway++; /* and only the manager cancels */
    else
        lc_context_cancel(context, NULL);
    if (!closes(lc_manager_done(manager)) || !lc_handle_is_closed(lc_manager_shutdown(manager)))
        return 2;
    return atomic_load(&running) == 0 ? result : 3;
}

static int run_manager(void)
{
    lc_manager *manager = NULL;
    atomic_store(&running, 0);
    int result = code_of(build(count_and_wait, WORKERS, &manager));
    if (result < 0)
        return manager ? 1 : result;
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = signaler ? lc_context_with_signaler(NULL, signaler) : NULL;
    result = context ? code_of(lc_manager_start(manager, context)) : -ENOMEM;
    if (result == 0)
        result = await_manager(manager, signaler, context);
    else if (atomic_load(&running) != 0)
        result = 4;
    lc_manager_unref(manager);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
    return result;
}

static lc_error *complete(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)arg;
    lc_ready_signal(ready);
    return NULL;
}

static void managers(void)
{
    failed_midway = 0;
    CU_ASSERT_TRUE(each_fails(run_manager, MUST_TELL) >= WORKERS);
    CU_ASSERT_TRUE(failed_midway >= WORKERS - 1);
    ready_warning = 0;
    each_fails(run_manager, MAY_SUCCEED);
    ready_warning = LC_FOREVER;
}

/* ---- the run loop ---- */

static lc_error *make_completing(lc_component **component, void *arg)
{
    (void)arg;
    lc_manager *manager = NULL;
    lc_error *error = build(complete, 2, &manager);
    if (!error)
        *component = lc_manager_component(manager);
    return error;
}

static int run_with(bool handle_signals)
{
    lc_run_options options = {.size = sizeof options};
    options.factory = make_completing;
    options.judge = answer_stop;
    options.handle_signals = handle_signals;
    return code_of(lc_component_run(&options, NULL, NULL));
}

static int run_component(void)
{
    return run_with(false);
}

static int run_component_with_signals(void)
{
    return run_with(true);
}

static void release(const lc_error *error, void *arg)
{
    (void)arg;
    (void)error;
    lc_halt_release();
}

static int halt(void)
{
    lc_error *error = lc_error_new(-EIO, "halted");
    int result = lc_spin_halt(error, release, NULL);
    lc_error_unref(error);
    return result;
}

static void running_components(void)
{
    each_fails(run_component, MUST_TELL);
    each_fails(run_component_with_signals, MUST_TELL);
    each_fails(halt, MAY_SUCCEED); /* the error's text may be lost */
}

/* ---- combinators ---- */

static int combine_handles(void)
{
    lc_handle *handles[3] = {lc_handle_new(), lc_handle_new(), lc_handle_new_closed()};
    lc_handle *all = handles[0] && handles[1] ? lc_handles_all_closed(handles, 3) : NULL;
    int result = or_no_memory(all);
    lc_handle_close(handles[0]);
    lc_handle_close(handles[1]);
    if (all && !lc_handle_is_closed(all))
        result = 1;
    lc_handle_unref(all);
    lc_handle_unref(handles[0]);
    lc_handle_unref(handles[1]);
    return result;
}

static int combine_components(void)
{
    lc_manager *managers[2] = {NULL, NULL};
    lc_error *error = build(complete, 1, &managers[0]);
    if (!error)
        error = build(complete, 1, &managers[1]);
    int result = code_of(error);
    if (result == 0) {
        lc_component *parts[] = {lc_manager_component(managers[0]),
                                 lc_manager_component(managers[1])};
        lc_handle *ready = lc_components_all_ready(parts, 2);
        lc_handle *done = lc_components_all_done(parts, 2);
        result = ready && done ? 0 : -ENOMEM;
        lc_handle_unref(ready);
        lc_handle_unref(done);
    }
    lc_manager_unref(managers[0]);
    lc_manager_unref(managers[1]);
    return result;
}

/* Started under `context`; done, or counting as done, when this returns. */
static int start_merged(lc_component *merged, lc_signaler *signaler, lc_context *context)
{
    int result = code_of(lc_component_start(merged, context));
    if (result < 0)
        return atomic_load(&running) == 0 ? result : 1;
    lc_waitable waitables[] = {lc_on_handle(lc_signaler_thrown(signaler)),
                               lc_on_handle(lc_component_ready(merged))};
    int index = lc_wait_any(waitables, 2, check_patience());
    lc_context_cancel(context, NULL);
    if (index < 0 || !closes(lc_component_done(merged)))
        return 2;
    return index == 0 ? code_of(lc_signaler_take(signaler)) : 0;
}

static int merge_components(void)
{
    lc_manager *managers[2] = {NULL, NULL};
    lc_component *merged = NULL;
    atomic_store(&running, 0);
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = signaler ? lc_context_with_signaler(NULL, signaler) : NULL;
    lc_error *error = build(count_and_wait, 2, &managers[0]);
    if (!error)
        error = build(count_and_wait, 2, &managers[1]);
    int result = code_of(error);
    if (result == 0) {
        lc_component *parts[] = {lc_manager_component(managers[0]),
                                 lc_manager_component(managers[1])};
        result = check_code(lc_components_merge(parts, 2, &merged));
    }
    if (!merged) { /* not taken over */
        lc_manager_unref(managers[0]);
        lc_manager_unref(managers[1]);
    }
    if (result == 0)
        result = context ? start_merged(merged, signaler, context) : -ENOMEM;
    lc_component_destroy(merged);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
    return result;
}

static void combinators(void)
{
    each_fails(combine_handles, MUST_TELL);
    each_fails(combine_components, MUST_TELL);
    each_fails(merge_components, MUST_TELL);
}

/* ---- the log, errors ---- */

static void write_nothing(const lc_log_record *record, void *arg)
{
    (void)arg;
    (void)record;
}

static int set_sink(void)
{
    unsigned releases = 0;
    int result = lc_log_set_sink(
        LC_LOG_SINK(.write = write_nothing, .release = count_call, .arg = &releases));
    lc_log(LC_LOG_CRITICAL, "test", "logging itself needs no memory: %d", 42);
    lc_log_set_sink(NULL);
    return releases == (result == 0) ? result : 1;
}

static int make_errors(void)
{
    lc_error *error = lc_error_new(-EIO, "first");
    bool well = lc_error_code(error) == -EIO;
    error = lc_error_wrap(error, -EPIPE, "second");
    well &= lc_error_code(error) == -EPIPE;
    error = lc_error_wrap_opaque(error);
    well &= lc_error_code(error) == -EFAULT;
    lc_error_unref(error);
    return well ? 0 : 1;
}

static void log_and_errors(void)
{
    each_fails(set_sink, MUST_TELL);
    CU_ASSERT_EQUAL(each_fails(make_errors, MAY_SUCCEED), 3);
}

/* ---- supervision trees ---- */

#define CHILDREN 3

/* A tree with a root that starts children, in a group. */
struct growing {
    lc_worker_kind kind;
    lc_handle *reported; /* the root has been told whether its children start */
    atomic_int answer;
    atomic_int log_answer;
    atomic_uint begun; /* children */
    lc_handle *all;    /* closes when all of them have */
};

static lc_error *begin_and_wait(lc_context *context, void *arg)
{
    struct growing *growing = arg;
    if (atomic_fetch_add(&growing->begun, 1) + 1 == CHILDREN)
        lc_handle_close(growing->all);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_child child_of(struct growing *growing, const char *name, lc_runnable run)
{
    lc_child child = {.size = sizeof child};
    child.name = name;
    child.run = run;
    child.arg = growing;
    child.kind = growing->kind;
    child.backoff.first = LC_NONE; /* what cannot be started is tried again */
    return child;
}

static lc_error *grow(lc_context *context, void *arg)
{
    struct growing *growing = arg;
    lc_child children[CHILDREN];
    lc_child_group group = {.size = sizeof group};
    static const char *const names[CHILDREN] = {"one", "two", "three"};
    const char *log;
    for (size_t i = 0; i < CHILDREN; i++)
        children[i] = child_of(growing, names[i], begin_and_wait);
    const lc_child *const members[CHILDREN + 1] = {&children[0], &children[1], &children[2], NULL};
    group.children = members;
    group.strategy = LC_ONE_FOR_ONE;
    group.intensity.restarts = 10;
    atomic_store(&growing->log_answer, code_of(lc_runnable_sublog(context, "log", &log)));
    atomic_store(&growing->answer, code_of(lc_runnable_start_group(context, &group)));
    lc_handle_close(growing->reported);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static unsigned refused_groups;

/* A refused group has started no child, and its names are free; one that was accepted starts. */
static int judge_growth(struct growing *growing, lc_tree *tree)
{
    if (!closes(growing->reported))
        return 1;
    int answer = atomic_load(&growing->answer);
    lc_snapshot *snapshot = lc_tree_snapshot(tree);
    size_t nodes = snapshot ? snapshot->count : 0;
    lc_snapshot_free(snapshot);
    if (answer == 0 && !closes(growing->all))
        return 2;
    if (answer < 0 && (atomic_load(&growing->begun) > 0 || nodes > 1))
        return 3;
    refused_groups += answer < 0;
    if (answer == 0)
        answer = atomic_load(&growing->log_answer);
    return answer == 0 && nodes == 0 ? -ENOMEM : answer;
}

static int run_growing(struct growing *growing)
{
    lc_tree_options options = {.size = sizeof options};
    lc_tree *tree = NULL;
    const lc_child root = child_of(growing, "root", grow);
    options.root = &root;
    int result = code_of(lc_tree_new(&options, &tree));
    if (result < 0)
        return tree ? 4 : result;
    lc_observer *observer = lc_tree_observe(tree, 1);
    result = code_of(lc_tree_start(tree, NULL));
    if (result == 0) {
        result = judge_growth(growing, tree);
        lc_tree_cancel(tree);
        if (code_of(lc_tree_wait(tree, check_patience())) != 0)
            result = 5;
    }
    if (!observer && result == 0)
        result = -ENOMEM;
    lc_observer_free(observer);
    lc_tree_unref(tree);
    return result;
}

static int run_tree(lc_worker_kind kind)
{
    struct growing growing = {.kind = kind, .reported = lc_handle_new(), .all = lc_handle_new()};
    int result = growing.reported && growing.all ? run_growing(&growing) : -ENOMEM;
    lc_handle_unref(growing.reported);
    lc_handle_unref(growing.all);
    return result;
}

static int run_tree_of_threads(void)
{
    return run_tree(LC_THREAD);
}

static int run_tree_of_fibers(void)
{
    return run_tree(LC_FIBER);
}

/* What fails at a start is tried again, so it may succeed. */
static void trees(void)
{
    refused_groups = 0;
    each_fails(run_tree_of_threads, MAY_SUCCEED);
    /* The group, its ring, the list, and a runnable and its name for each child. */
    CU_ASSERT_EQUAL(refused_groups, 3 + 2 * CHILDREN);
    each_fails(run_tree_of_fibers, MAY_SUCCEED);
}

/* ---- supervisors ---- */

static int add_to(lc_supervisor *supervisor, const char *name, const char *dependency,
                  lc_worker_kind kind)
{
    const lc_dependency depends = {.size = sizeof depends, .name = dependency};
    lc_node node = {.size = sizeof node};
    node.name = name;
    node.factory = make_completing;
    node.judge = answer_stop;
    const lc_dependency *const list[] = {dependency ? &depends : NULL, NULL};
    node.dependencies = list;
    node.kind = kind;
    node.intensity.restarts = 3;
    return code_of(lc_supervisor_add(supervisor, &node));
}

/* All nodes complete, so the run ends; or one of them cannot, which it tells. */
static int run_supervisor(lc_worker_kind kind)
{
    lc_supervisor *supervisor = NULL;
    int result = code_of(lc_supervisor_new(NULL, &supervisor));
    if (result < 0)
        return supervisor ? 1 : result;
    lc_observer *observer = lc_supervisor_observe(supervisor, 100);
    result = add_to(supervisor, "below", NULL, kind);
    if (result == 0)
        result = add_to(supervisor, "above", "below", kind);
    lc_snapshot *snapshot = lc_supervisor_snapshot(supervisor);
    if (result == 0)
        result = code_of(lc_supervisor_check(supervisor));
    if (result == 0)
        result = code_of(lc_supervisor_run(supervisor, NULL, NULL));
    if (result == 0 && !(observer && snapshot))
        result = -ENOMEM;
    lc_snapshot_free(snapshot);
    lc_observer_free(observer);
    lc_supervisor_unref(supervisor);
    return result;
}

static int run_supervisor_of_threads(void)
{
    return run_supervisor(LC_THREAD);
}

static int run_supervisor_of_fibers(void)
{
    return run_supervisor(LC_FIBER);
}

/* An event for which there is no memory is lost, and that is no error. */
static void supervisors(void)
{
    each_fails(run_supervisor_of_threads, MAY_SUCCEED);
    each_fails(run_supervisor_of_fibers, MAY_SUCCEED);
}

/* ---- two at a time: what is left of a failed start is of no hindrance ---- */

static void library_recovers(void)
{
    for (size_t nth = 1; nth < 30; nth++) {
        lc_log_set_level((lc_log_level)0);
        lc__memory_fail_at(nth);
        run_manager();
        lc__memory_fail_at(0);
        CU_ASSERT_EQUAL(run_manager(), 0); /* no shutdown in between */
        lc_log_set_level(LC_LOG_INFO);
    }
}

CHECK_SUITE(allocation, "property: allocation failure", {"handles", handles},
            {"channels", channels}, {"waits", waits}, {"contexts, throwing, deferring", contexts},
            {"managers, also when a thread cannot be made midway", managers},
            {"the run loop and the halt", running_components}, {"combinators", combinators},
            {"supervision trees: a group is started as a whole or not at all", trees},
            {"supervisors", supervisors}, {"the log and errors", log_and_errors},
            {"the library goes on after a failure", library_recovers});
