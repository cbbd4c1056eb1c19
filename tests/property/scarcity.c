/*
 * scarcity.c: whole scenarios in which something cannot be had: the n-th allocation of the library,
 * the n-th allocation of libc (by any caller), the n-th mapping, the n-th thread; alone, or
 * with all that follow. Each attempt runs in a process of its own, with a time limit. It must not
 * crash, hang or turn in a loop, must leave nothing behind, and must answer with success or with an
 * error that names the lack.
 *
 * A child process, into which ledger/interpose_lack.c is preloaded, forks one process an attempt:
 * before the library has made a thread a fork is fully supported. By hand, for one scenario:
 *
 *     LC_CHECK_SCENARIO=snapshot LD_PRELOAD=build/tests/interpose_lack.so \
 *         build/tests/check --child lack_of_libc_memory threads
 */
#include "ledger/lack.h"
#include "support/check.h"
#include "support/parts.h"

#include "base/memory.h"
#include "base/sanitizer.h"

#include <lifecycle.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is lacking. The sanitizers bring an allocator of their own, which cannot be replaced. */
enum { OWN = LACK_KINDS, KINDS };
static const char *const kind_names[KINDS] = {
    [LACK_MEMORY] = "libc's memory",
    [LACK_MAPPING] = "mapping",
    [LACK_THREAD] = "thread",
    [OWN] = "the library's memory",
};

/* What a scenario answers above 0: it has gone wrong. */
enum { HANGS = 90, WRONG, LEAKS, STAYS_UP };

struct scenario {
    const char *name;
    /** Frees what it made. @return 0, a negative errno, or one of those above. */
    int (*run)(void);
    /** It waits for what it cannot get, and goes on when that is there again. */
    bool waits;
};

static int code_of(lc_error *error)
{
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code;
}

static bool closes(lc_handle *handle)
{
    return lc_handle_wait(handle, check_patience()) == 0;
}

/* ---- managers ---- */

static lc_error *wait_for_end(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return NULL;
}

static lc_error *complete(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)arg;
    lc_ready_signal(ready);
    return NULL;
}

static lc_error *build(lc_worker_function run, lc_worker_kind kind, void *arg, lc_manager **manager)
{
    lc_manager_builder *builder = lc_manager_builder_new("scarce");
    lc_worker worker = {.size = sizeof worker};
    worker.run = run;
    worker.arg = arg;
    worker.kind = kind;
    worker.name = "one";
    lc_manager_builder_add(builder, &worker);
    worker.name = "two";
    lc_manager_builder_add(builder, &worker);
    lc_error *error = lc_manager_builder_build(builder, manager);
    lc_manager_builder_free(builder);
    return error;
}

/* A start that succeeded may still fail: then there is an error on the context, and done closes. */
static int await_manager(lc_manager *manager, lc_signaler *signaler, lc_context *context)
{
    lc_waitable waitables[] = {lc_on_handle(lc_signaler_thrown(signaler)),
                               lc_on_handle(lc_manager_ready(manager))};
    int index = lc_wait_any(waitables, 2, check_patience());
    int result = index == 0 ? code_of(lc_signaler_take(signaler)) : 0;
    lc_context_cancel(context, NULL);
    return index >= 0 && closes(lc_manager_done(manager)) ? result : HANGS;
}

static int run_manager(lc_worker_kind kind)
{
    lc_manager *manager = NULL;
    int result = code_of(build(wait_for_end, kind, NULL, &manager));
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = lc_context_with_signaler(NULL, signaler);
    if (result == 0)
        result = context ? code_of(lc_manager_start(manager, context)) : -ENOMEM;
    if (result == 0)
        result = await_manager(manager, signaler, context);
    lc_manager_unref(manager);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
    return result;
}

static int manager_of_threads(void)
{
    return run_manager(LC_THREAD);
}

static int manager_of_fibers(void)
{
    return run_manager(LC_FIBER);
}

/* ---- supervisors ---- */

struct plan {
    lc_worker_kind kind;
    atomic_uint instances; /* of the node that fails once */
};

static lc_error *fail_once(lc_context *context, lc_ready *ready, void *arg)
{
    struct plan *plan = arg;
    (void)context;
    lc_ready_signal(ready);
    return atomic_fetch_add(&plan->instances, 1) == 0 ? lc_error_new(-EIO, "the first time") : NULL;
}

static lc_error *make_failing_once(lc_component **component, void *arg)
{
    struct plan *plan = arg;
    lc_manager *manager = NULL;
    lc_error *error = build(fail_once, plan->kind, plan, &manager);
    if (!error)
        *component = lc_manager_component(manager);
    return error;
}

static lc_error *make_completing(lc_component **component, void *arg)
{
    const struct plan *plan = arg;
    lc_manager *manager = NULL;
    lc_error *error = build(complete, plan->kind, NULL, &manager);
    if (!error)
        *component = lc_manager_component(manager);
    return error;
}

static const lc_backoff short_pauses = {.first = 100 * LC_MICROSECOND,
                                        .most = LC_MILLISECOND,
                                        .factor = 2.0,
                                        .jitter = LC_NONE,
                                        .steady = LC_NONE};

static int add(lc_supervisor *supervisor, const char *name, lc_component_factory factory,
               struct plan *plan, const lc_dependency *dependency)
{
    lc_node node = {.size = sizeof node};
    node.name = name;
    node.factory = factory;
    node.arg = plan;
    node.judge = dependency ? NULL : answer_restart;
    node.kind = plan->kind;
    node.backoff = short_pauses;
    node.start_timeout = LC_MINUTE;
    node.intensity = (lc_intensity){4, LC_MINUTE, LC_SHUTDOWN};
    const lc_dependency *const list[] = {dependency, NULL};
    node.dependencies = list;
    return code_of(lc_supervisor_add(supervisor, &node));
}

static int make_graph(struct plan *plan, bool handle_signals, lc_supervisor **supervisor)
{
    static const lc_dependency below = {.size = sizeof below, .name = "below"};
    lc_supervisor_options options = {.size = sizeof options};
    options.handle_signals = handle_signals;
    options.stop_timeout = LC_MINUTE;
    int result = code_of(lc_supervisor_new(&options, supervisor));
    if (result == 0)
        result = add(*supervisor, "below", make_failing_once, plan, NULL);
    if (result == 0)
        result = add(*supervisor, "above", make_completing, plan, &below);
    return result;
}

static int run_graph(lc_worker_kind kind, bool handle_signals)
{
    struct plan plan = {.kind = kind};
    lc_supervisor *supervisor = NULL;
    int result = make_graph(&plan, handle_signals, &supervisor);
    if (result == 0)
        result = code_of(lc_supervisor_run(supervisor, NULL, NULL));
    lc_supervisor_unref(supervisor);
    return result;
}

static int graph_of_threads(void)
{
    return run_graph(LC_THREAD, true);
}

static int graph_of_fibers(void)
{
    return run_graph(LC_FIBER, false);
}

static int run_component(void)
{
    struct plan plan = {.kind = LC_THREAD};
    lc_run_options options = {.size = sizeof options};
    options.factory = make_completing;
    options.arg = &plan;
    options.judge = answer_stop;
    options.handle_signals = true;
    return code_of(lc_component_run(&options, NULL, NULL));
}

/* ---- the service ---- */

static int serve(void)
{
    struct plan plan = {.kind = LC_THREAD};
    char path[128];
    snprintf(path, sizeof path, "/tmp/lifecycle-scarcity-%d.pid", (int)getpid());
    lc_service_options options = {.size = sizeof options};
    options.pid_file = path;
    options.process_title = true;
    lc_supervisor *supervisor = NULL;
    int result = make_graph(&plan, false, &supervisor);
    if (result < 0) {
        lc_supervisor_unref(supervisor);
        return result;
    }
    int status = check_service(&options, supervisor);
    unlink(path);
    if (status != LC_EXIT_CLEAN && status != LC_EXIT_ERROR)
        return WRONG;
    return status == LC_EXIT_CLEAN ? 0 : -ENOMEM; /* why was logged */
}

/* ---- trees ---- */

struct growth {
    atomic_uint instances;
    atomic_int answer;
    lc_handle *grown;
};

static lc_error *die_once(lc_context *context, void *arg)
{
    struct growth *growth = arg;
    if (atomic_fetch_add(&growth->instances, 1) == 0)
        return lc_error_new(-EIO, "the first time");
    lc_runnable_signal_healthy(context);
    lc_handle_close(growth->grown);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_child child_of(struct growth *growth, const char *name, lc_runnable run)
{
    lc_child child = {.size = sizeof child};
    child.name = name;
    child.run = run;
    child.arg = growth;
    child.backoff = short_pauses;
    return child;
}

/* Children that cannot be run are no reason to go on. */
static lc_error *grow(lc_context *context, void *arg)
{
    struct growth *growth = arg;
    const lc_child one = child_of(growth, "one", die_once), two = child_of(growth, "two", die_once);
    const lc_child *const members[] = {&one, &two, NULL};
    lc_child_group group = {.size = sizeof group};
    group.children = members;
    group.strategy = LC_ONE_FOR_ONE;
    group.intensity = (lc_intensity){4, LC_MINUTE, LC_SHUTDOWN};
    atomic_store(&growth->answer, code_of(lc_runnable_start_group(context, &group)));
    if (atomic_load(&growth->answer) < 0)
        lc_handle_close(growth->grown);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

/* A root that cannot be run is tried again without end: it is given up after a while. */
static int await_tree(lc_tree *tree, struct growth *growth)
{
    lc_waitable waitables[] = {lc_on_handle(lc_tree_done(tree)), lc_on_handle(growth->grown)};
    lc_wait_any(waitables, 2, lc_deadline_after(200 * LC_MILLISECOND));
    lc_tree_cancel(tree);
    int result = code_of(lc_tree_wait(tree, check_patience()));
    return result == -ETIMEDOUT ? HANGS : atomic_load(&growth->answer);
}

static int grow_tree(void)
{
    struct growth growth = {.grown = lc_handle_new()};
    lc_tree_options options = {.size = sizeof options};
    const lc_child root = child_of(&growth, "root", grow);
    options.root = &root;
    lc_tree *tree = NULL;
    int result = growth.grown ? code_of(lc_tree_new(&options, &tree)) : -ENOMEM;
    if (result == 0)
        result = code_of(lc_tree_start(tree, NULL));
    if (result == 0)
        result = await_tree(tree, &growth);
    lc_tree_unref(tree);
    lc_handle_unref(growth.grown);
    return result;
}

/* ---- isolates ---- */

static lc_error *answer_and_exit(lc_message *message, void *arg)
{
    (void)arg;
    lc_send_port back;
    memcpy(&back, lc_message_data(message), sizeof back);
    lc_isolate_exit(back, &(lc_payload){(void *)(uintptr_t) "done", 4, NULL});
}

static lc_error *open_and_tell(void *arg)
{
    lc_receive_port port;
    lc_port_options options = {.size = sizeof options};
    options.handler = answer_and_exit;
    int result = check_code(lc_port_open(&options, &port));
    if (result < 0)
        return lc_error_new(result, "no port");
    result = lc_send(*(lc_send_port *)arg, &port.send, sizeof port.send);
    return result < 0 ? lc_error_new(result, "no message") : NULL;
}

static bool has_ended(void *arg)
{
    return lc_isolate_read_state(*(lc_isolate *)arg) == LC_ISOLATE_ENDED;
}

/* It tells its port, is sent ours, and answers with its last message; or it has ended before. */
static int talk(lc_receive_port port, lc_isolate isolate, lc_handle *done)
{
    lc_message *message = NULL;
    lc_waitable waitables[] = {lc_on_port(port), lc_on_handle(done)};
    int result = lc_wait_any(waitables, 2, check_patience());
    if (result == 0)
        result = lc_port_receive(port, &message, check_patience());
    if (message && lc_message_size(message) == sizeof(lc_send_port))
        result = lc_send(*(lc_send_port *)lc_message_data(message), &port.send, sizeof port.send);
    lc_message_free(message);
    if (result < 0)
        lc_isolate_kill(isolate, LC_PRIORITY_IMMEDIATE);
    return result > 0 ? 0 : result;
}

static int spawn_and_talk(void)
{
    lc_receive_port port;
    lc_port_options options = {.size = sizeof options};
    int result = check_code(lc_port_open(&options, &port));
    if (result < 0)
        return result;
    lc_isolate_options spawned = {.size = sizeof spawned};
    spawned.entry = open_and_tell;
    spawned.arg = &port.send;
    spawned.on_error = port.send;
    lc_isolate isolate;
    result = code_of(lc_isolate_spawn(&spawned, &isolate));
    if (result < 0) {
        lc_port_close(port);
        return result;
    }
    lc_handle *done = lc_isolate_done(isolate);
    result = done ? talk(port, isolate, done) : -ENOMEM;
    if (!done)
        lc_isolate_kill(isolate, LC_PRIORITY_IMMEDIATE);
    if (!check_until(has_ended, &isolate) || result == -ETIMEDOUT)
        result = HANGS;
    lc_handle_unref(done);
    lc_port_close(port);
    return result;
}

static lc_error *compute(lc_payload *result, void *arg)
{
    (void)arg;
    *result = (lc_payload){(void *)(uintptr_t) "42", 2, NULL};
    return NULL;
}

static int compute_once(void)
{
    lc_message *result = NULL;
    int code = code_of(lc_isolate_compute("sum", compute, NULL, &result, check_patience()));
    lc_message_free(result);
    return code == -ETIMEDOUT ? HANGS : code;
}

/* Has a periodic timer, and ends at its third message by a throw, if there is memory for that. */
static lc_error *count_ticks(lc_message *message, void *arg)
{
    unsigned *ticks = arg;
    (void)message;
    if (++*ticks < 3)
        return NULL;
    lc_context *context = lc_isolate_context();
    if (context)
        lc_throw(context, lc_error_new(-ENOMEM, "enough"));
    return lc_error_new(-ENOMEM, "no context to throw on");
}

static lc_error *begin_ticking(void *arg)
{
    lc_receive_port port;
    lc_port_options options = {.size = sizeof options};
    options.handler = count_ticks;
    options.arg = arg;
    int result = check_code(lc_port_open(&options, &port));
    if (result == 0)
        result = lc_timer_start(port.send, NULL, LC_MILLISECOND, LC_MILLISECOND, NULL);
    return result < 0 ? lc_error_new(result, "no timer") : NULL;
}

static int tick_and_throw(void)
{
    unsigned ticks = 0;
    lc_isolate isolate;
    lc_isolate_options options = {.size = sizeof options};
    lc_isolate_group *group = NULL;
    int result = code_of(lc_isolate_group_new(NULL, &group));
    options.entry = begin_ticking;
    options.arg = &ticks;
    options.group = group;
    if (result == 0)
        result = code_of(lc_isolate_spawn(&options, &isolate));
    if (result == 0 && !check_until(has_ended, &isolate))
        result = HANGS;
    int down = group ? lc_isolate_group_shutdown(group, check_patience()) : 0;
    lc_isolate_group_unref(group);
    return down == -ETIMEDOUT ? HANGS : result;
}

static int spawn_program(void)
{
    lc_isolate isolate;
    lc_isolate_options options = {.size = sizeof options};
    const char *uri = "file://" CHECK_BUILD_DIR "/tests/programs/program.so";
    int result = code_of(lc_isolate_spawn_uri(uri, 0, NULL, NULL, &options, &isolate));
    if (result == 0 && !check_until(has_ended, &isolate))
        return HANGS;
    return result;
}

/* ---- time ---- */

static int let_time_pass(void)
{
    lc_receive_port port;
    lc_port_options options = {.size = sizeof options};
    lc_message *message = NULL;
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(LC_MILLISECOND));
    int result = context ? 0 : -ENOMEM;
    if (context && !closes(lc_context_done(context)))
        result = HANGS;
    lc_context_unref(context);
    if (result != 0)
        return result;
    result = check_code(lc_port_open(&options, &port));
    if (result < 0)
        return result;
    result = lc_timer_start(port.send, NULL, LC_MILLISECOND, 0, NULL);
    if (result == 0)
        result = lc_port_receive(port, &message, check_patience());
    lc_message_free(message);
    lc_port_close(port);
    return result == -ETIMEDOUT ? HANGS : result;
}

/* ---- fibers ---- */

static void block(void *arg)
{
    ++*(unsigned *)arg;
}

static lc_error *in_fiber(void *arg)
{
    unsigned calls = 0;
    (void)arg;
    int result = lc_call_blocking(block, &calls);
    if (result == 0 && calls != 1)
        return lc_error_new(-EPROTO, "it was not called");
    lc_sleep(LC_MILLISECOND);
    return result < 0 ? lc_error_new(result, "no thread to block in") : NULL;
}

static int run_in_executor(void)
{
    lc_executor *executor = NULL;
    lc_executor_options options = {.size = sizeof options};
    options.report_overflow = true;
    int result = code_of(lc_executor_new(&options, &executor));
    if (result == 0)
        result = code_of(lc_executor_run(executor, in_fiber, NULL));
    return lc_executor_free(executor) == 0 ? result : WRONG;
}

static void close_it(void *arg)
{
    lc_handle_close(arg);
}

/* On an executor that wants four threads, of which there may be fewer. */
static int spread_fibers(void)
{
    enum { FIBERS = 4 };
    lc_executor *executor = NULL;
    lc_executor_options options = {.size = sizeof options};
    options.threads = FIBERS;
    lc_handle *run[FIBERS] = {NULL};
    lc_fiber_options fiber = {.size = sizeof fiber};
    int result = code_of(lc_executor_new(&options, &executor));
    fiber.name = "spread";
    fiber.run = close_it;
    fiber.executor = executor;
    fiber.spread = true;
    for (int i = 0; i < FIBERS && result == 0; i++) {
        run[i] = lc_handle_new();
        fiber.arg = run[i];
        int started = run[i] ? lc_fiber_start(&fiber) : -ENOMEM;
        if (started == 0 && !closes(run[i]))
            result = HANGS;
        else
            result = started;
    }
    for (int i = 0; i < FIBERS; i++)
        lc_handle_unref(run[i]);
    return lc_executor_free(executor) == 0 ? result : WRONG;
}

/* ---- the program's own threads ---- */

static void count_call(void *arg)
{
    ++*(unsigned *)arg;
}

struct guest {
    unsigned calls;
    int deferred;
};

static void *defer_and_throw(void *arg)
{
    struct guest *guest = arg;
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = lc_context_with_signaler(NULL, signaler);
    guest->deferred = lc_defer(count_call, &guest->calls);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
    return NULL;
}

static int end_foreign_thread(void)
{
    struct guest guest = {0, 0};
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, defer_and_throw, &guest);
    if (failed)
        return -failed;
    pthread_join(thread, NULL);
    if (guest.calls != (guest.deferred == 0))
        return WRONG;
    return guest.deferred;
}

/* ---- handles and channels ---- */

static int merge_and_wait(void)
{
    enum { SOURCES = 3 };
    lc_channel *sources[SOURCES] = {NULL}, *merged = NULL;
    lc_handle *handles[SOURCES] = {NULL};
    lc_waitable waitables[SOURCES + 1];
    unsigned calls = 0, expected = 0;
    int result = 0;
    for (int i = 0; i < SOURCES; i++) {
        handles[i] = lc_handle_new();
        int made =
            check_code(lc_channel_new(LC_CHANNEL(.capacity = LC_CHANNEL_UNBOUNDED), &sources[i]));
        result = result < 0 ? result : handles[i] ? made : -ENOMEM;
        waitables[i] = lc_on_handle(handles[i]);
    }
    if (result == 0)
        result = check_code(lc_channels_merge(sources, SOURCES, &merged));
    waitables[SOURCES] = lc_on_receive(merged);
    if (result == 0)
        result = lc_channel_send(sources[1], &calls, LC_NOW);
    if (result == 0)
        result = lc_wait_any(waitables, SOURCES + 1, check_patience());
    if (result == SOURCES)
        result = lc_handle_on_close(handles[0], count_call, &calls, NULL);
    expected = result == 0;
    if (result == 0)
        result = lc_handle_fd(handles[0]);
    lc_handle_close(handles[0]);
    for (int i = 0; i < SOURCES; i++) {
        lc_channel_unref(sources[i]);
        lc_handle_unref(handles[i]);
    }
    lc_channel_unref(merged);
    if (calls < expected)
        return WRONG;
    return result > 0 ? 0 : result;
}

/* ---- texts ---- */

static int log_lines(void)
{
    const lc_log_field field = lc_field_text("key", "a value = \"quoted\"\n");
    lc_log_fields(LC_LOG_ERROR, "a\tname", &field, 1, "a line\nthat is escaped: %d", 42);
    lc_error *error = lc_error_new(-EIO, "first %0300d", 7);
    error = lc_error_wrap(error, -ENOMEM, "second");
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code == -ENOMEM ? 0 : WRONG;
}

/* @return whether the text ends as it must. */
static bool is_whole(const char *text)
{
    size_t length = strlen(text);
    return length > 2 && text[length - 1] == '\n';
}

static int print_snapshot(void)
{
    struct plan plan = {.kind = LC_THREAD};
    lc_supervisor *supervisor = NULL;
    int result = make_graph(&plan, false, &supervisor);
    lc_snapshot *snapshot = result == 0 ? lc_supervisor_snapshot(supervisor) : NULL;
    if (result == 0 && !snapshot)
        result = -ENOMEM;
    for (int format = LC_SNAPSHOT_TEXT; snapshot && format <= LC_SNAPSHOT_DOT; format++) {
        const char *text = lc_snapshot_print(snapshot, (lc_snapshot_format)format);
        if (!text)
            result = -ENOMEM;
        else if (!is_whole(text))
            result = WRONG;
    }
    lc_snapshot_free(snapshot);
    lc_supervisor_unref(supervisor);
    return result;
}

/* ---- an attempt ---- */

static const struct scenario scenarios[] = {
    {"a manager of threads", manager_of_threads, false},
    {"a manager of fibers", manager_of_fibers, false},
    {"a graph of threads", graph_of_threads, false},
    {"a graph of fibers", graph_of_fibers, false},
    {"a run of a component", run_component, false},
    {"a service", serve, false},
    {"a tree", grow_tree, false},
    {"an isolate", spawn_and_talk, true},
    {"a computation", compute_once, true},
    {"deadlines", let_time_pass, false},
    {"an executor", run_in_executor, false},
    {"fibers that are spread", spread_fibers, false},
    {"a timer and a throw", tick_and_throw, true},
    {"a program", spawn_program, true},
    {"handles and channels", merge_and_wait, false},
    {"a thread of the program", end_foreign_thread, false},
    {"log and errors", log_lines, false},
    {"a snapshot", print_snapshot, false},
};

enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

struct request {
    const struct scenario *scenario;
    int kind;
    unsigned long nth; /* 0: nothing fails */
    bool for_good;
};

/* In memory that the attempt's process shares. */
struct outcome {
    int answer;
    unsigned long counted;
    unsigned long refused;
    bool ended; /* the scenario has returned */
    size_t left;
};

static void (*begin_lack)(int kind, unsigned long nth, bool for_good);
static unsigned long (*lack_counts)(int kind);
static unsigned long (*lack_refusals)(int kind);
static void (*await_refused_thread)(void);

static void begin(const struct request *request)
{
    if (request->kind != OWN)
        begin_lack(request->kind, request->nth, request->for_good);
    else if (request->for_good)
        lc__memory_fail_from(request->nth);
    else
        lc__memory_fail_at(request->nth);
}

static void end(const struct request *request, struct outcome *outcome)
{
    if (request->kind == OWN) {
        outcome->counted = lc__memory_asked();
        outcome->refused = lc__memory_has_failed();
        lc__memory_fail_at(0);
        return;
    }
    outcome->counted = lack_counts(request->kind);
    outcome->refused = lack_refusals(request->kind);
    begin_lack(request->kind, 0, false);
}

enum { TIME_MAX = 20 }; /* seconds */

static const struct request *healed;

/* In a signal handler: only atomic variables are written. */
static void heal(int number)
{
    (void)number;
    if (healed->kind == OWN)
        lc__memory_fail_at(0);
    else
        begin_lack(healed->kind, 0, false);
    signal(SIGALRM, SIG_DFL);
    alarm(TIME_MAX);
}

/* The attempt is ended by SIGALRM when it hangs; before that a lack may end. */
static void watch_time(const struct request *request)
{
    healed = request;
    signal(SIGALRM, request->scenario->waits && request->for_good ? heal : SIG_DFL);
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    if (request->scenario->waits && request->for_good)
        setitimer(ITIMER_REAL, &soon, NULL);
    else
        alarm(TIME_MAX);
}

/* Where there was no memory for a done handle, an isolate may just be ending. */
static bool is_down(void *unused)
{
    (void)unused;
    return lc_library_shutdown() == 0;
}

static void be_attempt(const struct request *request, struct outcome *outcome, bool silent)
{
    int nowhere = silent ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    if (nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
    watch_time(request);
    begin(request);
    outcome->answer = request->scenario->run();
    end(request, outcome);
    outcome->ended = true;
    if (!check_until(is_down, NULL))
        outcome->answer = STAYS_UP;
    outcome->left = lc__memory_in_use();
    _exit(0);
}

/* What is wrong with how it has ended; NULL: nothing. */
static const char *judge(const struct outcome *outcome, int status, const struct rusage *used)
{
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGALRM ? "it hangs" : "a signal has ended it";
    if (WEXITSTATUS(status) != 0 || !outcome->ended)
        return "it has ended the process";
    if (outcome->answer == HANGS)
        return "a wait was in vain";
    if (outcome->answer == STAYS_UP)
        return "the library could not be shut down";
    if (outcome->answer > 0)
        return "it has gone wrong";
    if (outcome->left > 0)
        return "memory is left";
    if (used->ru_utime.tv_sec + used->ru_stime.tv_sec >= 3)
        return "it turns in a loop";
    bool named = outcome->answer == 0 || outcome->answer == -ENOMEM || outcome->answer == -EAGAIN ||
                 outcome->answer == -EMFILE;
    if (!named)
        return "the error does not name the lack";
    return outcome->answer < 0 && outcome->refused == 0 ? "it fails although nothing lacks" : NULL;
}

/* An attempt, and where its process writes what has become of it. */
struct attempt {
    struct request request;
    struct outcome *outcome;
    pid_t process; /* 0: there is none */
};

static void attempt_begin(struct attempt *attempt, bool silent)
{
    *attempt->outcome = (struct outcome){0};
    attempt->process = fork();
    if (attempt->process == 0)
        be_attempt(&attempt->request, attempt->outcome, silent);
}

/* @return what is wrong; NULL: nothing. */
static const char *attempt_end(struct attempt *attempt)
{
    struct rusage used;
    int status;
    pid_t process = attempt->process;
    attempt->process = 0;
    if (process < 0 || wait4(process, &status, 0, &used) != process)
        return "no process";
    return judge(attempt->outcome, status, &used);
}

/* ---- all of them ---- */

/* Most of an attempt's time is spent in waits: so several run at once. */
enum { SHOWN_MAX = 6, AT_ONCE = 16 };

static struct attempt running[AT_ONCE];
static unsigned wrong;
static unsigned long refused;

/* What was wrong is shown again with its log. */
static void finish(struct attempt *attempt)
{
    const struct request *request = &attempt->request;
    const struct outcome *outcome = attempt->outcome;
    if (attempt->process == 0)
        return;
    const char *mistake = attempt_end(attempt);
    refused += outcome->refused;
    if (!mistake)
        return;
    wrong++;
    fprintf(stderr, "\n%s, %s %lu%s: %s (answer %d, %zu allocations left)\n",
            request->scenario->name, kind_names[request->kind], request->nth,
            request->for_good ? " and all that follow" : "", mistake, outcome->answer,
            outcome->left);
    attempt_begin(attempt, false);
    attempt_end(attempt);
}

static void finish_all(void)
{
    for (int i = 0; i < AT_ONCE; i++)
        finish(&running[i]);
}

/* In the place of the one that began first. */
static void try(const struct request *request)
{
    static unsigned tried;
    struct attempt *attempt = &running[tried++ % AT_ONCE];
    finish(attempt);
    attempt->request = *request;
    attempt_begin(attempt, true);
}

/* Without a lack. @return how many requests the scenario makes. */
static unsigned long count_requests(const struct scenario *scenario, int kind)
{
    struct attempt *attempt = &running[0];
    attempt->request = (struct request){scenario, kind, 0, false};
    attempt_begin(attempt, true);
    finish(attempt);
    return attempt->outcome->counted;
}

/* Some of the requests that the scenario makes fail: all, if they are few. */
static void try_some(const struct scenario *scenario, int kind, uint64_t *seed)
{
    unsigned long counted = count_requests(scenario, kind);
    unsigned most = check_count(check_fewer(16), 100000);
    for (unsigned long i = 0; i < counted + 2 && i < most && wrong < SHOWN_MAX; i++) {
        bool all = counted + 2 <= most;
        struct request request = {scenario, kind,
                                  1 + (all ? i : check_random(seed) % (counted + 2)), false};
        try(&request);
        request.for_good = true;
        try(&request);
    }
    finish_all();
}

static bool share_outcomes(void)
{
    struct outcome *outcomes = mmap(NULL, AT_ONCE * sizeof *outcomes, PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < AT_ONCE && outcomes != MAP_FAILED; i++)
        running[i].outcome = &outcomes[i];
    return outcomes != MAP_FAILED;
}

static bool find_interposer(void)
{
    *(void **)&begin_lack = dlsym(RTLD_DEFAULT, "lack_begin");
    *(void **)&lack_counts = dlsym(RTLD_DEFAULT, "lack_counted");
    *(void **)&lack_refusals = dlsym(RTLD_DEFAULT, "lack_refused");
    *(void **)&await_refused_thread = dlsym(RTLD_DEFAULT, "lack_await_thread");
    return begin_lack && lack_counts && lack_refusals && await_refused_thread;
}

static int lack(int kind)
{
    const char *chosen = getenv("LC_CHECK_SCENARIO"); /* a part of a name */
    const char *given = getenv("SCARCITY_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 0;
    if (!share_outcomes() || !find_interposer())
        return 2;
    for (int i = 0; i < SCENARIOS; i++)
        if (!chosen || strstr(scenarios[i].name, chosen))
            try_some(&scenarios[i], kind, &seed);
    return wrong > 0 ? 1 : refused == 0 ? 3 : 0;
}

CHECK_CHILD(lack_of_libc_memory)
{
    return lack(LACK_MEMORY);
}

CHECK_CHILD(lack_of_mappings)
{
    return lack(LACK_MAPPING);
}

CHECK_CHILD(lack_of_threads)
{
    return lack(LACK_THREAD);
}

CHECK_CHILD(lack_of_own_memory)
{
    return lack(OWN);
}

/* ---- no further thread can be made ---- */

/* What a supervisor runs: its first instance fails when no thread can be made any more. */
struct starved {
    atomic_uint instances;
};

static lc_error *fail_when_starved(lc_context *context, lc_ready *ready, void *arg)
{
    struct starved *starved = arg;
    (void)context;
    lc_ready_signal(ready);
    atomic_fetch_add(&starved->instances, 1);
    begin_lack(LACK_THREAD, 1, true);
    return lc_error_new(-EIO, "the first one");
}

static lc_error *make_starved(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("starved");
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "work", .run = fail_when_starved, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    if (!error)
        *component = lc_manager_component(manager);
    return error;
}

/* A thread of the program's own, made while there could be one: SIGTERM, after some attempts. */
static void *end_after_attempts(void *unused)
{
    (void)unused;
    for (int attempts = 0; attempts < 3; attempts++)
        await_refused_thread();
    kill(getpid(), SIGTERM);
    return NULL;
}

/* Three attempts take 0.3 s; a loop would make thousands before the signal is dealt with. */
CHECK_CHILD(starved_supervisor_hears_sigterm)
{
    enum { ATTEMPTS_MAX = 12 };
    struct starved starved = {0};
    lc_supervisor_options options = {.size = sizeof options};
    lc_supervisor *supervisor = NULL;
    lc_node node = {.size = sizeof node};
    pthread_t helper;
    if (!find_interposer() || pthread_create(&helper, NULL, end_after_attempts, NULL) != 0)
        return 2;
    options.handle_signals = true;
    node.name = "starved";
    node.factory = make_starved;
    node.arg = &starved;
    check_log_capture();
    int result = code_of(lc_supervisor_new(&options, &supervisor));
    if (result == 0)
        result = code_of(lc_supervisor_add(supervisor, &node));
    if (result == 0)
        result = code_of(lc_supervisor_run(supervisor, NULL, NULL));
    pthread_join(helper, NULL);
    unsigned long attempts = lack_refusals(LACK_THREAD);
    bool counted = check_log_has("no thread to start \"starved\", 3 times in a row");
    lc_supervisor_unref(supervisor);
    check_log_release();
    fprintf(stderr, "result %d, attempts %lu, counted %d\n", result, attempts, counted);
    return result == -ECANCELED && attempts <= ATTEMPTS_MAX && counted ? 0 : 1;
}

/* ---- no task to destroy a component in, or to ask a handler in ---- */

/* A component of the program's own kind: a thread, which its destroy joins. */
struct joined {
    lc_component component;
    lc_handle *ready;
    lc_handle *done;
    pthread_t thread;
    pthread_t destroyer;
    pthread_t asker;
    int join_result;
    bool fails;
    lc_context *context;
};

static void *end_without_threads(void *arg)
{
    struct joined *joined = arg;
    lc_handle_close(joined->ready);
    begin_lack(LACK_THREAD, 1, true);
    if (joined->fails)
        lc_signal_error(joined->context, lc_error_new(-EIO, "it fails"));
    lc_handle_close(joined->done); /* the destroy must not run in here */
    return NULL;
}

static lc_error *start_joined(lc_component *component, lc_context *context)
{
    struct joined *joined = (struct joined *)component;
    joined->context = lc_context_ref(context);
    int failed = pthread_create(&joined->thread, NULL, end_without_threads, joined);
    return failed ? lc_error_new(-failed, "no thread") : NULL;
}

static lc_handle *ready_of_joined(lc_component *component)
{
    return ((struct joined *)component)->ready;
}

static lc_handle *done_of_joined(lc_component *component)
{
    return ((struct joined *)component)->done;
}

static void join(lc_component *component)
{
    struct joined *joined = (struct joined *)component;
    joined->destroyer = pthread_self();
    joined->join_result = pthread_join(joined->thread, NULL);
    lc_context_unref(joined->context);
}

static lc_error *give_joined(lc_component **component, void *arg)
{
    *component = arg;
    return NULL;
}

static lc_behavior stop_joined(const lc_failure *failure, void *arg)
{
    (void)failure;
    ((struct joined *)arg)->asker = pthread_self();
    return LC_STOP;
}

static int run_joined(bool fails)
{
    static const lc_component_ops ops = {.size = sizeof ops,
                                         .start = start_joined,
                                         .ready = ready_of_joined,
                                         .done = done_of_joined,
                                         .destroy = join};
    struct joined joined = {.component = {&ops}, .fails = fails, .join_result = -1};
    lc_supervisor *supervisor = NULL;
    lc_node node = {.size = sizeof node};
    joined.ready = lc_handle_new();
    joined.done = lc_handle_new();
    node.name = "joined";
    node.factory = give_joined;
    node.arg = node.judge_arg = &joined;
    node.judge = stop_joined;
    int result = code_of(lc_supervisor_new(NULL, &supervisor));
    if (result == 0)
        result = code_of(lc_supervisor_add(supervisor, &node));
    if (result == 0)
        result = code_of(lc_supervisor_run(supervisor, NULL, NULL));
    begin_lack(LACK_THREAD, 0, false);
    lc_supervisor_unref(supervisor);
    lc_handle_unref(joined.ready);
    lc_handle_unref(joined.done);
    bool elsewhere = !pthread_equal(joined.destroyer, joined.thread) &&
                     (!fails || !pthread_equal(joined.asker, joined.thread));
    fprintf(stderr, "result %d, join %d\n", result, joined.join_result);
    return result == (fails ? -EIO : 0) && joined.join_result == 0 && elsewhere ? 0 : 1;
}

CHECK_CHILD(no_task_to_destroy_in)
{
    return find_interposer() ? run_joined(false) : 2;
}

CHECK_CHILD(no_task_to_ask_in)
{
    return find_interposer() ? run_joined(true) : 2;
}

static bool refuses(lc_error *error, const char *name)
{
    bool names = error && strstr(lc_error_message(error), "no thread for the timers of") &&
                 strstr(lc_error_message(error), name);
    return code_of(error) == -EAGAIN && names;
}

/* Nothing has been started: so without a lack it can be started later. */
CHECK_CHILD(starts_without_timers_are_refused)
{
    struct plan plan = {.kind = LC_FIBER};
    struct growth growth = {.grown = lc_handle_new()};
    lc_supervisor *supervisor = NULL;
    lc_tree_options options = {.size = sizeof options};
    lc_tree *tree = NULL;
    const lc_child root = child_of(&growth, "root", die_once);
    options.root = &root;
    if (!find_interposer() || make_graph(&plan, true, &supervisor) < 0 ||
        code_of(lc_tree_new(&options, &tree)) < 0)
        return 2;
    begin_lack(LACK_THREAD, 1, true);
    bool well = refuses(lc_supervisor_run(supervisor, NULL, NULL), "supervisor");
    well &= refuses(lc_tree_start(tree, NULL), "tree");
    well &= atomic_load(&plan.instances) + atomic_load(&growth.instances) == 0;
    begin_lack(LACK_THREAD, 0, false);
    well &= code_of(lc_supervisor_run(supervisor, NULL, NULL)) == 0;
    well &= code_of(lc_tree_start(tree, NULL)) == 0;
    lc_tree_cancel(tree);
    well &= code_of(lc_tree_wait(tree, check_patience())) != -ETIMEDOUT; /* its root fails late */
    lc_supervisor_unref(supervisor);
    lc_tree_unref(tree);
    lc_handle_unref(growth.grown);
    return well ? 0 : 1;
}

static void without(const char *child)
{
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)check_seed());
    setenv("SCARCITY_SEED", seed, 1);
    setenv("LD_PRELOAD", CHECK_BUILD_DIR "/tests/interpose_lack.so", 1);
    struct check_exit result = check_child(child);
    unsetenv("LD_PRELOAD");
    unsetenv("SCARCITY_SEED");
    CU_ASSERT_EQUAL(result.status, 0);
    if (result.status != 0)
        fprintf(stderr, "\n%s: %d\n%s", child, result.status, result.errors);
}

#if !defined LC__ASAN && !defined LC__TSAN
static void without_libc_memory(void)
{
    without("lack_of_libc_memory");
}
#define LIBC_TEST {"each allocation of libc fails", without_libc_memory},
#else
#define LIBC_TEST
#endif

/* For ThreadSanitizer each use of a stack is a new mapping, so that it forgets the one before. */
#ifndef LC__TSAN
static void without_mappings(void)
{
    without("lack_of_mappings");
}
#define MAPPING_TEST {"each mapping fails", without_mappings},
#else
#define MAPPING_TEST
#endif

static void without_threads(void)
{
    without("lack_of_threads");
}

static void without_own_memory(void)
{
    without("lack_of_own_memory");
}

static void starved_supervisor(void)
{
    without("starved_supervisor_hears_sigterm");
}

static void destroy_without_task(void)
{
    without("no_task_to_destroy_in");
}

static void ask_without_task(void)
{
    without("no_task_to_ask_in");
}

static void starts_without_timers(void)
{
    without("starts_without_timers_are_refused");
}

CHECK_SUITE(
    scarcity, "property: scarcity", LIBC_TEST MAPPING_TEST{"each thread fails", without_threads},
    {"each allocation of the library fails, and all that follow", without_own_memory},
    {"without further threads a supervisor pauses, counts, and hears SIGTERM", starved_supervisor},
    {"without a thread for timers nothing is started", starts_without_timers},
    {"without a task no component is destroyed by a thread of its own", destroy_without_task},
    {"without a task no handler is asked by a thread of the component", ask_without_task});
