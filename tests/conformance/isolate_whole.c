/*
 * isolate_whole.c: contract C15-C18: the threads that isolates run on, isolates from a shared
 * object, single computations, and isolates as components.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/parts.h"
#include "support/scripted_isolate.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- C15: the executor as a pool of threads ---- */

/* A fiber or an isolate that notes its thread, and perhaps keeps it. */
struct task {
    sem_t *hold; /* NULL: it ends at once */
    lc_handle *begun;
    lc_handle *ended;
    pid_t thread;
};

static void do_task(void *arg)
{
    struct task *task = arg;
    task->thread = later_self();
    lc_handle_close(task->begun);
    /* Outside of the library: the thread can do nothing else. */
    while (task->hold && sem_wait(task->hold) != 0)
        continue;
    lc_handle_close(task->ended);
}

static lc_error *enter_task(void *arg)
{
    do_task(arg);
    return NULL;
}

static void spawn_task(lc_executor *executor, struct task *task, bool spread)
{
    lc_isolate_options options = {.size = sizeof options};
    options.entry = enter_task;
    options.arg = task;
    options.executor = executor;
    options.spread = spread;
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
}

static void start_fiber(lc_executor *executor, struct task *task, bool spread)
{
    if (spread)
        fibers_spread(executor, do_task, task);
    else
        fibers_start(executor, "task", do_task, task);
}

/* Each second one is an isolate. `spread`: to the threads in turn. */
static void start_task(lc_executor *executor, struct task *task, sem_t *hold, bool spread)
{
    static unsigned started;
    *task = (struct task){hold, lc_handle_new(), lc_handle_new(), 0};
    if (started++ % 2)
        start_fiber(executor, task, spread);
    else
        spawn_task(executor, task, spread);
}

static void drop_task(struct task *task)
{
    CHECK_CLOSES(task->ended);
    lc_handle_unref(task->begun);
    lc_handle_unref(task->ended);
}

static void idle_thread_is_used_again(void)
{
    enum { TASKS = 20 };
    lc_executor *executor = fibers_executor(4);
    struct task first, next;
    start_task(executor, &first, NULL, false);
    drop_task(&first);
    for (int i = 0; i < TASKS; i++) {
        CU_ASSERT_TRUE(later_asleep(first.thread));
        start_task(executor, &next, NULL, false);
        drop_task(&next);
        CU_ASSERT_EQUAL(next.thread, first.thread);
    }
    fibers_end(executor);
}

/* Whether the task ran on one of those threads. */
static bool ran_on(const struct task *task, const struct task *others, int count)
{
    bool found = false;
    for (int i = 0; i < count; i++)
        found |= others[i].thread == task->thread;
    return found;
}

static void new_threads_up_to_the_limit(void)
{
    enum { LIMIT = 3, WAITING = 4 };
    lc_executor *executor = fibers_executor(LIMIT);
    struct task holding[LIMIT], waiting[WAITING];
    sem_t hold;
    sem_init(&hold, 0, 0);
    for (int i = 0; i < LIMIT; i++) {
        start_task(executor, &holding[i], &hold, true);
        CHECK_CLOSES(holding[i].begun);
        CU_ASSERT_FALSE(ran_on(&holding[i], holding, i));
    }
    for (int i = 0; i < WAITING; i++)
        start_task(executor, &waiting[i], NULL, true);
    for (int i = 0; i < WAITING; i++)
        CHECK_OPEN(waiting[i].begun);
    for (int i = 0; i < LIMIT; i++)
        sem_post(&hold);
    for (int i = 0; i < WAITING; i++) {
        drop_task(&waiting[i]);
        CU_ASSERT_TRUE(ran_on(&waiting[i], holding, LIMIT));
    }
    for (int i = 0; i < LIMIT; i++)
        drop_task(&holding[i]);
    fibers_end(executor);
    sem_destroy(&hold);
}

/* Watched, a thread that is kept is not waited for, by fibers and isolates alike. */
static void watched_thread_is_not_waited_for(void)
{
    enum { WAITING = 3 };
    lc_executor_options options = {.size = sizeof options};
    lc_executor *executor;
    struct task holding, waiting[WAITING];
    sem_t hold;
    sem_init(&hold, 0, 0);
    options.threads = 2;
    options.stall_limit = 5 * LC_MILLISECOND;
    CHECK_SUCCESS(lc_executor_new(&options, &executor));
    check_log_capture(); /* where it is told */
    start_task(executor, &holding, &hold, false);
    CHECK_CLOSES(holding.begun);
    for (int i = 0; i < WAITING; i++) {
        start_task(executor, &waiting[i], NULL, false);
        drop_task(&waiting[i]);
        CU_ASSERT_NOT_EQUAL(waiting[i].thread, holding.thread);
    }
    sem_post(&hold);
    drop_task(&holding);
    fibers_end(executor);
    check_log_release();
    sem_destroy(&hold);
}

static void idle_threads_end(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.threads = 2;
    options.idle_timeout = LC_MILLISECOND;
    lc_executor *executor;
    CHECK_SUCCESS(lc_executor_new(&options, &executor));
    for (int i = 0; i < 4; i++) {
        struct task task;
        start_task(executor, &task, NULL, false);
        drop_task(&task);
        CU_ASSERT_TRUE(later_ended(task.thread));
    }
    fibers_end(executor);
}

static bool one_has_ended(void *arg)
{
    const struct task *tasks = arg;
    return later_has_ended(tasks[0].thread) || later_has_ended(tasks[1].thread);
}

/* Isolates that live, and wait for messages, keep one. */
static void idle_threads_end_though_isolates_live(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.threads = 2;
    options.idle_timeout = LC_MILLISECOND;
    struct scripted_isolate isolate;
    struct task tasks[2];
    sem_t hold;
    sem_init(&hold, 0, 0);
    isolate_init(&isolate);
    CHECK_SUCCESS(lc_executor_new(&options, &isolate.options.executor));
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    for (int i = 0; i < 2; i++) {
        start_task(isolate.options.executor, &tasks[i], &hold, true);
        CHECK_CLOSES(tasks[i].begun);
    }
    for (int i = 0; i < 2; i++)
        sem_post(&hold);
    for (int i = 0; i < 2; i++)
        drop_task(&tasks[i]);
    CU_ASSERT_NOT_EQUAL(tasks[0].thread, tasks[1].thread);
    CU_ASSERT_TRUE(check_until(one_has_ended, tasks));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    CU_ASSERT_TRUE(hears(isolate.notes, "message"));
    isolate_drop(&isolate);
    fibers_end(isolate.options.executor);
    sem_destroy(&hold);
}

struct freeing {
    lc_executor *executor;
    pthread_t thread;
    atomic_bool over;
    atomic_uint accepted;
    atomic_uint ran;
};

/* In a thread, also where the test is a fiber: it blocks. */
static void *free_executor(void *arg)
{
    struct freeing *freeing = arg;
    fibers_end(freeing->executor);
    atomic_store(&freeing->over, true);
    return NULL;
}

static void begin_to_free(struct freeing *freeing)
{
    if (pthread_create(&freeing->thread, NULL, free_executor, freeing) != 0)
        abort();
}

static void await_freeing(void *arg)
{
    pthread_join(((struct freeing *)arg)->thread, NULL);
}

static lc_error *count_run(void *arg)
{
    atomic_fetch_add(&((struct freeing *)arg)->ran, 1);
    return NULL;
}

static bool is_refused(void *arg)
{
    struct freeing *freeing = arg;
    lc_isolate_options options = {.size = sizeof options};
    options.entry = count_run;
    options.arg = freeing;
    options.executor = freeing->executor;
    lc_error *error = lc_isolate_spawn(&options, NULL);
    bool refused = lc_error_code(error) == -ESHUTDOWN;
    atomic_fetch_add(&freeing->accepted, error == NULL);
    lc_error_unref(error);
    return refused;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void free_refuses_drains_and_joins(void)
{
    enum { WAITING = 6 };
    struct freeing freeing = {.executor = fibers_executor(1)};
    struct task holding, waiting[WAITING];
    sem_t hold;
    sem_init(&hold, 0, 0);
    start_task(freeing.executor, &holding, &hold, false);
    CHECK_CLOSES(holding.begun);
    for (int i = 0; i < WAITING; i++)
        start_task(freeing.executor, &waiting[i], NULL, false);
    begin_to_free(&freeing);
    CU_ASSERT_TRUE(check_until(is_refused, &freeing));
    lc_fiber_options options = {.size = sizeof options};
    options.run = do_nothing;
    options.executor = freeing.executor;
    CU_ASSERT_EQUAL(lc_fiber_start(&options), -ESHUTDOWN);
    CU_ASSERT_FALSE(atomic_load(&freeing.over));
    CHECK_OPEN(waiting[0].begun);
    sem_post(&hold);
    lc_call_blocking(await_freeing, &freeing);
    for (int i = 0; i < WAITING; i++) {
        CU_ASSERT_TRUE(lc_handle_is_closed(waiting[i].ended));
        drop_task(&waiting[i]);
    }
    CU_ASSERT_EQUAL(atomic_load(&freeing.ran), atomic_load(&freeing.accepted));
    CU_ASSERT_TRUE(later_ended(holding.thread));
    drop_task(&holding);
    sem_destroy(&hold);
}

/* An isolate that lives is waited for, and handles what it is sent until it ends. */
static void free_waits_for_isolates(void)
{
    struct freeing freeing = {.executor = fibers_executor(2)};
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.executor = freeing.executor;
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    begin_to_free(&freeing);
    CU_ASSERT_TRUE(check_until(is_refused, &freeing));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    CU_ASSERT_TRUE(hears(isolate.notes, "message"));
    CU_ASSERT_FALSE(atomic_load(&freeing.over));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    lc_call_blocking(await_freeing, &freeing);
    isolate_drop(&isolate);
}

/* ---- C16: from a shared object ---- */

#define PROGRAM CHECK_BUILD_DIR "/tests/programs/program.so"
#define BARE CHECK_BUILD_DIR "/tests/programs/bare.so"

/* The first message says where to answer. */
static lc_payload address(const lc_receive_port *port)
{
    return (lc_payload){(void *)(uintptr_t)&port->send, sizeof port->send, NULL};
}

static lc_error *spawn(const char *uri, const lc_receive_port *port)
{
    const lc_payload first = address(port);
    return lc_isolate_spawn_uri(uri, 0, NULL, &first, NULL, NULL);
}

static void arguments_and_first_message(void)
{
    char changing[] = "two";
    const char *const arguments[] = {"one", changing, ""};
    lc_receive_port port = open_port();
    const lc_payload first = address(&port);
    lc_isolate_options options = {.size = sizeof options};
    lc_isolate isolate;
    options.paused = true;
    options.on_exit = port.send;
    options.exit_response = text_payload("exit");
    CHECK_SUCCESS(lc_isolate_spawn_uri(PROGRAM, 3, arguments, &first, &options, &isolate));
    strcpy(changing, "TWO"); /* they were copied */
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), 0);
    CU_ASSERT_TRUE(hears(port, "one"));
    CU_ASSERT_TRUE(hears(port, "two"));
    CU_ASSERT_TRUE(hears(port, ""));
    CU_ASSERT_TRUE(hears(port, "end"));
    CU_ASSERT_TRUE(hears(port, "exit"));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

static void without_arguments_or_first_message(void)
{
    lc_receive_port port = open_port();
    lc_isolate_options options = {.size = sizeof options};
    options.on_error = port.send;
    CHECK_SUCCESS(spawn(PROGRAM, &port));
    CU_ASSERT_TRUE(hears(port, "end"));
    CHECK_SUCCESS(lc_isolate_spawn_uri(PROGRAM, 0, NULL, NULL, &options, NULL));
    CU_ASSERT_TRUE(hears(port, "error: no first message"));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

static void uri_forms(void)
{
    static const char *const uris[] = {
        PROGRAM,
        "file:" PROGRAM,
        "file://" PROGRAM,
        "file://localhost" PROGRAM,
        PROGRAM "#lc_isolate_main",
        "file:" CHECK_BUILD_DIR "/tests/programs/program%2eso#lc_isolate_main",
        "file:" CHECK_BUILD_DIR "/tests/programs/%70rogram%2Eso",
    };
    lc_receive_port port = open_port();
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        CHECK_SUCCESS(spawn(uris[i], &port));
        CU_ASSERT_TRUE(hears(port, "end"));
    }
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

static void named_entry_lives_on_messages(void)
{
    lc_receive_port port = open_port();
    CHECK_SUCCESS(spawn(PROGRAM "#one_message", &port));
    lc_message *message;
    CU_ASSERT_EQUAL_FATAL(lc_port_receive(port, &message, check_patience()), 0);
    lc_send_port to = *(const lc_send_port *)lc_message_data(message);
    lc_message_free(message);
    CU_ASSERT_TRUE(lc_port_is_open(to));
    CU_ASSERT_EQUAL(lc_send(to, &port.send, sizeof port.send), 0);
    CU_ASSERT_TRUE(hears(port, "answer"));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

/* From within a group. */
static lc_error *spawns_from_its_group(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    return spawn(PROGRAM "#group", &isolate->notes);
}

static void it_has_a_group_of_its_own(void)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    CHECK_SUCCESS(lc_isolate_group_new(NULL, &isolate.options.group));
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    CU_ASSERT_TRUE(isolate_told(&isolate, spawns_from_its_group, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "program.so"));
    CU_ASSERT_TRUE(hears(isolate.notes, "1"));
    CU_ASSERT_TRUE(hears(isolate.notes, "2"));
    CU_ASSERT_EQUAL(lc_isolate_group_count(isolate.options.group), 1);
    isolate_drop(&isolate);
    lc_isolate_group_unref(isolate.options.group);
}

static void options_of_a_spawn_are_heeded(void)
{
    lc_receive_port port = open_port();
    const lc_payload first = address(&port);
    lc_isolate_options options = {.size = sizeof options};
    options.name = "given";
    options.executor = lc_executor_current();
    options.on_exit = port.send;
    CHECK_SUCCESS(lc_isolate_spawn_uri(PROGRAM "#group", 0, NULL, &first, &options, NULL));
    CU_ASSERT_TRUE(hears(port, "given"));
    CU_ASSERT_TRUE(hears(port, "1"));
    CU_ASSERT_TRUE(hears(port, "2"));
    CU_ASSERT_TRUE(hears(port, ""));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

static void errors_of_its_entry_are_told(void)
{
    static const char *const arguments[] = {"a failure"};
    lc_receive_port port = open_port();
    lc_isolate_options options = {.size = sizeof options};
    options.on_error = options.on_exit = port.send;
    CHECK_SUCCESS(lc_isolate_spawn_uri(PROGRAM "#failing", 1, arguments, NULL, &options, NULL));
    CU_ASSERT_TRUE(hears(port, "error: a failure"));
    CU_ASSERT_TRUE(hears(port, ""));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

/* Refused with this error, which says both; what was to be moved is the caller's still. */
static void refused(const char *uri, int code, const char *told, const char *and_this)
{
    struct load load = {.destroyed = 0};
    const lc_payload first = load_payload(&load);
    lc_isolate isolate;
    lc_error *error = lc_isolate_spawn_uri(uri, 0, NULL, &first, NULL, &isolate);
    CU_ASSERT_EQUAL(lc_error_code(error), code);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), told));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), and_this));
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 0);
    lc_error_unref(error);
}

static void objects_that_are_not_there(void)
{
    refused("/nowhere/to/be/found.so", -ENOENT, "/nowhere/to/be/found.so", "could not be loaded");
    refused("file:/nowhere/to%20be.so#main", -ENOENT, "\"/nowhere/to be.so\"",
            "could not be loaded");
    refused("no-such-object.so", -ENOENT, "no-such-object.so", "could not be loaded");
    refused(CHECK_SOURCE_DIR "/Makefile", -ENOENT, "Makefile", "could not be loaded");
}

static void entries_that_are_not_there(void)
{
    refused(BARE, -ENOENT, "bare.so", "lc_isolate_main");
    refused(PROGRAM "#missing", -ENOENT, "program.so", "missing");
}

static void entries_of_another_version(void)
{
    refused(PROGRAM "#older", -ENOEXEC, "version 8", "version 1");
    refused(PROGRAM "#smaller", -ENOEXEC, "smaller", "program.so");
    refused(PROGRAM "#empty", -ENOEXEC, "empty", "program.so");
}

/* Their symbols are not read, unless they can be programs. */
static void entries_that_are_no_programs(void)
{
    refused(PROGRAM "#a_function", -ENOEXEC, "a_function", "LC_ISOLATE_PROGRAM");
    refused(PROGRAM "#tiny", -ENOEXEC, "tiny", "4 bytes");
    refused(PROGRAM "#crooked", -ENOEXEC, "crooked", "aligned");
    refused(PROGRAM "#of_each_thread", -ENOEXEC, "of_each_thread", "LC_ISOLATE_PROGRAM");
    refused("libc.so.6#printf", -ENOEXEC, "printf", "LC_ISOLATE_PROGRAM");
    refused("libc.so.6#environ", -ENOEXEC, "environ", "bytes");
}

static void uris_that_name_no_file(void)
{
    refused("#main", -EINVAL, "#main", "path");
    refused("#lc_isolate_main", -EINVAL, "#lc_isolate_main", "path");
    refused("file:", -EINVAL, "file:", "path");
    refused("file:#main", -EINVAL, "file:#main", "path");
    refused("file://", -EINVAL, "file://", "path");
    refused("file://localhost", -EINVAL, "file://localhost", "path");
    refused("file://localhost#main", -EINVAL, "file://localhost#main", "path");
    refused("file://example.com" PROGRAM, -EINVAL, "example.com", "localhost");
    refused("file://example.com", -EINVAL, "example.com", "localhost");
    refused("file://localhostile" PROGRAM, -EINVAL, "localhostile", "localhost");
    refused("file:" PROGRAM "%00.so", -EINVAL, "%00", "program.so");
    refused("file:%00", -EINVAL, "%00", "path");
}

/* What is no regular file is not opened: a FIFO would hold its opener for ever. */
static void files_that_are_not_regular(void)
{
    char place[] = "/tmp/lc-check-XXXXXX";
    char fifo[64], uri[80];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(place));
    snprintf(fifo, sizeof fifo, "%s/fifo.so", place);
    snprintf(uri, sizeof uri, "file:%s", fifo);
    CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
    refused(fifo, -EINVAL, fifo, "regular file");
    refused(uri, -EINVAL, fifo, "regular file");
    refused(place, -EINVAL, place, "regular file");
    refused("/dev/null", -EINVAL, "/dev/null", "regular file");
    CU_ASSERT_EQUAL(unlink(fifo), 0);
    CU_ASSERT_EQUAL(rmdir(place), 0);
}

static void first_message_is_moved(void)
{
    struct load load = {.destroyed = 0};
    const lc_payload first = load_payload(&load);
    lc_receive_port port = open_port();
    lc_isolate_options options = {.size = sizeof options};
    options.on_error = port.send;
    options.on_exit = port.send;
    options.paused = true;
    lc_isolate isolate;
    CHECK_SUCCESS(lc_isolate_spawn_uri(PROGRAM "#failing", 0, NULL, &first, &options, &isolate));
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 0);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), 0);
    CU_ASSERT_TRUE(hears(port, "error: failed"));
    CU_ASSERT_TRUE(hears(port, ""));
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1);
    /* Also if its entry never runs. */
    load.destroyed = 0;
    CHECK_SUCCESS(lc_isolate_spawn_uri(PROGRAM "#failing", 0, NULL, &first, &options, &isolate));
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate, LC_PRIORITY_DEFAULT), 0);
    CU_ASSERT_TRUE(hears(port, ""));
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1);
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

/* ---- C17: run-once ---- */

/* What a computation is to do. */
struct computation {
    lc_payload result;
    isolate_action act; /* with no isolate; NULL: nothing */
    const char *text;
    atomic_uint runs;
};

static lc_error *compute(lc_payload *result, void *arg)
{
    struct computation *computation = arg;
    atomic_fetch_add(&computation->runs, 1);
    *result = computation->result;
    return computation->act ? computation->act(NULL, (void *)(uintptr_t)computation->text) : NULL;
}

static lc_error *run(struct computation *computation, lc_message **result)
{
    return lc_isolate_compute("computation", compute, computation, result, check_patience());
}

static void run_gives_the_result(void)
{
    struct computation computation = {.result = text_payload("result")};
    lc_message *result;
    CHECK_SUCCESS(run(&computation, &result));
    CU_ASSERT_EQUAL(lc_message_size(result), strlen("result"));
    CU_ASSERT_EQUAL(memcmp(lc_message_data(result), "result", strlen("result")), 0);
    CU_ASSERT_PTR_NOT_EQUAL(lc_message_data(result), computation.result.data);
    CU_ASSERT_EQUAL(atomic_load(&computation.runs), 1);
    lc_message_free(result);
}

static void run_moves_the_result(void)
{
    struct load load = {.destroyed = 0};
    struct computation computation = {.result = load_payload(&load)};
    lc_message *result;
    CHECK_SUCCESS(run(&computation, &result));
    CU_ASSERT_PTR_EQUAL(lc_message_data(result), &load);
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 0);
    lc_message_free(result);
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1);
    CHECK_SUCCESS(run(&computation, &result));
    CU_ASSERT_PTR_EQUAL(lc_message_take(result), &load);
    lc_message_free(result);
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1);
}

static void run_gives_an_empty_result(void)
{
    struct computation computation = {.act = NULL};
    lc_message *result = NULL;
    CHECK_SUCCESS(run(&computation, &result));
    CU_ASSERT_PTR_NOT_NULL_FATAL(result);
    CU_ASSERT_EQUAL(lc_message_size(result), 0);
    CU_ASSERT_PTR_NULL(lc_message_data(result));
    lc_message_free(result);
}

static lc_error *run_failing(isolate_action act)
{
    struct load load = {.destroyed = 0};
    struct computation computation = {.act = act, .text = "failed"};
    lc_message *result = (lc_message *)&load; /* to be set to NULL */
    check_log_capture();
    lc_error *error = run(&computation, &result);
    CU_ASSERT_FALSE(check_log_has("computation"));
    check_log_release();
    CU_ASSERT_PTR_NULL(result);
    return error;
}

static void run_gives_the_error(void)
{
    static const isolate_action acts[] = {isolate_fails, isolate_throws};
    for (int i = 0; i < 2; i++) {
        lc_error *error = run_failing(acts[i]);
        CU_ASSERT_EQUAL(lc_error_code(error), -100);
        CU_ASSERT_STRING_EQUAL(lc_error_message(error), "failed");
        lc_error_unref(error);
    }
}

static lc_error *kills_the_caller(struct scripted_isolate *isolate, void *arg)
{
    lc_isolate self;
    (void)isolate;
    (void)arg;
    lc_isolate_current(&self);
    lc_isolate_kill(self, LC_PRIORITY_IMMEDIATE);
    return NULL;
}

static lc_error *exits(struct scripted_isolate *isolate, void *arg)
{
    (void)isolate;
    (void)arg;
    lc_isolate_exit(LC_NO_PORT, NULL);
}

static void run_that_ends_without_result(void)
{
    static const isolate_action acts[] = {kills_the_caller, exits};
    for (int i = 0; i < 2; i++) {
        lc_error *error = run_failing(acts[i]);
        CU_ASSERT_EQUAL(lc_error_code(error), -ENODATA);
        CU_ASSERT_STRING_EQUAL(lc_error_message(error), "computation ended without result");
        lc_error_unref(error);
    }
}

static lc_error *waits_for_its_context(struct scripted_isolate *isolate, void *arg)
{
    lc_handle_wait(lc_context_done(lc_isolate_context()), LC_FOREVER);
    return kills_the_caller(isolate, arg);
}

/* It is killed then; its context ends, and so does it. */
static void run_has_a_deadline(void)
{
    struct computation computation = {.act = waits_for_its_context};
    struct computation unbegun = {.act = NULL};
    lc_message *result;
    lc_error *error =
        lc_isolate_compute(NULL, compute, &computation, &result, lc_deadline_after(LC_MILLISECOND));
    CU_ASSERT_EQUAL(lc_error_code(error), -ETIMEDOUT);
    CU_ASSERT_PTR_NULL(result);
    lc_error_unref(error);
    /* What begins behind it may be told to end before it has begun. */
    error = lc_isolate_compute(NULL, compute, &unbegun, &result, LC_NOW);
    CU_ASSERT_TRUE(!error || lc_error_code(error) == -ETIMEDOUT);
    lc_error_unref(error);
    lc_message_free(result);
}

static lc_error *says_its_name(struct scripted_isolate *isolate, void *arg)
{
    lc_isolate self;
    char name[LC_NAME_MAX + 1] = "";
    (void)isolate;
    (void)arg;
    bool current = lc_isolate_current(&self);
    lc_isolate_copy_name(self, name, sizeof name);
    return lc_error_new(-100, "%s", current ? name : "no isolate");
}

static void run_is_in_an_isolate_of_that_name(void)
{
    static const char *const names[] = {"a name", NULL}, *const wanted[] = {"a name", "isolate"};
    struct computation computation = {.act = says_its_name};
    for (int i = 0; i < 2; i++) {
        lc_message *result;
        lc_error *error =
            lc_isolate_compute(names[i], compute, &computation, &result, check_patience());
        CU_ASSERT_STRING_EQUAL(lc_error_message(error), wanted[i]);
        lc_error_unref(error);
    }
}

/* A computation that has another run. */
static lc_error *compute_by_another(lc_payload *result, void *arg)
{
    static struct computation inner;
    lc_message *message;
    (void)arg;
    inner.result = text_payload("inner");
    lc_error *error = run(&inner, &message);
    if (error)
        return error;
    bool well = lc_message_size(message) == strlen("inner");
    lc_message_free(message);
    *result = text_payload(well ? "well" : "not well");
    return NULL;
}

static void run_within_an_isolate(void)
{
    lc_message *result;
    CHECK_SUCCESS(lc_isolate_compute(NULL, compute_by_another, NULL, &result, check_patience()));
    CU_ASSERT_EQUAL(lc_message_size(result), strlen("well"));
    lc_message_free(result);
}

/* One that waits for a computation is killed: it leaves no port, no message, no computation. */
struct nested {
    struct scripted_isolate *isolate;
    struct computation computation;
};

static lc_error *compute_until_let_go(lc_payload *result, void *arg)
{
    struct nested *nested = arg;
    isolate_wait(nested->isolate);
    return compute(result, &nested->computation);
}

static lc_error *runs(struct scripted_isolate *isolate, void *arg)
{
    lc_message *result;
    lc_error_unref(lc_isolate_compute(NULL, compute_until_let_go, arg, &result, LC_FOREVER));
    lc_message_free(result);
    lc_isolate_check();
    isolate_say(isolate, "goes on");
    return NULL;
}

static void waiting_for_a_run_and_killed(void)
{
    struct scripted_isolate isolate;
    struct nested nested = {&isolate, {.result = text_payload("result")}};
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, runs, &nested));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_EQUAL(atomic_load(&nested.computation.runs), 0); /* killed where it waits */
    isolate_drop(&isolate);
}

/* ---- C18: as a component ---- */

/* Its entry says "begins", and tells the test its reference. */
static lc_error *begins(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    lc_isolate_current(&isolate->real);
    isolate->done = lc_isolate_done(isolate->real);
    isolate_say(isolate, "begins");
    return NULL;
}

static lc_error *begins_and_waits(struct scripted_isolate *isolate, void *arg)
{
    begins(isolate, arg);
    isolate_wait(isolate);
    return NULL;
}

/* In a callback, so that the entry goes on, and returns. */
static void kill_in_callback(void *arg)
{
    const struct scripted_isolate *isolate = arg;
    lc_isolate_kill(isolate->real, LC_PRIORITY_IMMEDIATE);
}

static lc_error *begins_and_is_killed(struct scripted_isolate *isolate, void *arg)
{
    begins(isolate, arg);
    lc_handle_on_close(lc_handle_new_closed(), kill_in_callback, isolate, NULL);
    return NULL;
}

static lc_error *begins_and_fails(struct scripted_isolate *isolate, void *arg)
{
    begins(isolate, arg);
    return lc_error_new(-100, "in the entry");
}

struct fixture {
    struct scripted_isolate isolate;
    struct scope scope;
    lc_component *component;
};

static void fixture_init(struct fixture *fixture, isolate_action first, bool survives_errors)
{
    *fixture = (struct fixture){.scope = scope_new(NULL)};
    isolate_init(&fixture->isolate);
    fixture->isolate.first = first;
    fixture->isolate.options.errors_not_fatal = survives_errors;
    CHECK_SUCCESS(lc_isolate_component_new(&fixture->isolate.options, &fixture->component));
}

static void fixture_begin(struct fixture *fixture, isolate_action first)
{
    fixture_init(fixture, first, false);
    CHECK_SUCCESS(lc_component_start(fixture->component, fixture->scope.context));
    CU_ASSERT_TRUE(hears(fixture->isolate.notes, "begins"));
}

/* Its isolate has ended, or never began. */
static void fixture_drop(struct fixture *fixture)
{
    lc_component_destroy(fixture->component);
    CU_ASSERT_EQUAL(atomic_load(&fixture->isolate.released), 1);
    isolate_drop(&fixture->isolate);
    scope_drop(&fixture->scope);
}

static void ready_after_the_entry(void)
{
    struct fixture fixture;
    fixture_begin(&fixture, begins_and_waits);
    lc_handle *ready = lc_component_ready(fixture.component);
    CU_ASSERT_TRUE(isolate_sleeps(&fixture.isolate));
    CHECK_OPEN(ready);
    isolate_let_go(&fixture.isolate);
    CHECK_CLOSES(ready);
    CHECK_OPEN(lc_component_done(fixture.component));
    scope_cancel(&fixture.scope);
    CHECK_CLOSES(lc_component_done(fixture.component));
    fixture_drop(&fixture);
}

/* Stopped before its entry has run, while it runs, or while it is held at its exit. */
static void stop_ends_holds(bool at_start, isolate_action act, const void *arg)
{
    struct fixture fixture = {.scope = scope_new(NULL)};
    isolate_init(&fixture.isolate);
    fixture.isolate.first = begins;
    fixture.isolate.options.hold_at_start = at_start;
    fixture.isolate.options.hold_at_exit = true;
    CHECK_SUCCESS(lc_isolate_component_new(&fixture.isolate.options, &fixture.component));
    CHECK_SUCCESS(lc_component_start(fixture.component, fixture.scope.context));
    CU_ASSERT_TRUE(at_start || hears(fixture.isolate.notes, "begins"));
    if (act) {
        CU_ASSERT_TRUE(isolate_told(&fixture.isolate, act, arg));
        CU_ASSERT_TRUE(isolate_comes_to(&fixture.isolate, LC_ISOLATE_HELD_AT_EXIT));
        CU_ASSERT_TRUE(!arg || hears(fixture.isolate.notes, arg));
    }
    CHECK_OPEN(lc_component_done(fixture.component));
    scope_cancel(&fixture.scope);
    CHECK_CLOSES(lc_component_done(fixture.component));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "exit"));
    fixture.isolate.options.hold_at_exit =
        false; /* there is no hold left for isolate_drop to end */
    fixture_drop(&fixture);
}

static void component_that_is_stopped_is_not_held(void)
{
    stop_ends_holds(true, NULL, NULL);
    stop_ends_holds(false, NULL, NULL);
    stop_ends_holds(false, isolate_closes, NULL);
    stop_ends_holds(false, isolate_exits, "last");
}

static void not_ready_if_the_entry_fails(void)
{
    struct fixture fixture;
    fixture_begin(&fixture, begins_and_fails);
    CHECK_CLOSES(lc_component_done(fixture.component));
    CHECK_OPEN(lc_component_ready(fixture.component));
    lc_error *error = lc_signaler_take(fixture.scope.signaler);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), "in the entry");
    lc_error_unref(error);
    fixture_drop(&fixture);
}

static void done_after_the_exit(void)
{
    struct fixture fixture;
    fixture_begin(&fixture, begins);
    CHECK_CLOSES(lc_component_ready(fixture.component));
    CHECK_OPEN(lc_component_done(fixture.component));
    CU_ASSERT_TRUE(isolate_told(&fixture.isolate, isolate_exits, "last"));
    CHECK_CLOSES(lc_component_done(fixture.component));
    CU_ASSERT_EQUAL(atomic_load(&fixture.isolate.released), 1);
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "last"));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "exit"));
    CU_ASSERT_PTR_NULL(lc_signaler_take(fixture.scope.signaler));
    fixture_drop(&fixture);
}

static void error_is_thrown_after_listeners_were_told(isolate_action act)
{
    struct fixture fixture;
    fixture_begin(&fixture, begins);
    check_log_capture();
    CU_ASSERT_TRUE(isolate_told(&fixture.isolate, act, "failed"));
    CHECK_CLOSES(lc_signaler_thrown(fixture.scope.signaler));
    lc_message *message = NULL;
    CU_ASSERT_EQUAL_FATAL(lc_port_receive(fixture.isolate.notes, &message, LC_NOW), 0);
    lc_error *error = lc_signaler_take(fixture.scope.signaler);
    CU_ASSERT_EQUAL(lc_error_code(error), -100);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), "failed");
    CU_ASSERT_TRUE(lc_error_contains(error, lc_message_error(message)));
    lc_error_unref(error);
    lc_message_free(message);
    CHECK_CLOSES(lc_component_done(fixture.component));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "exit"));
    CU_ASSERT_FALSE(check_log_has("failed"));
    check_log_release();
    fixture_drop(&fixture);
}

static void errors_are_thrown_on_the_context(void)
{
    error_is_thrown_after_listeners_were_told(isolate_fails);
    error_is_thrown_after_listeners_were_told(isolate_throws);
}

static void survived_errors_are_not_thrown(void)
{
    struct fixture fixture;
    fixture_init(&fixture, begins, true);
    CHECK_SUCCESS(lc_component_start(fixture.component, fixture.scope.context));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "begins"));
    CU_ASSERT_TRUE(isolate_told(&fixture.isolate, isolate_throws, "failed"));
    CU_ASSERT_TRUE(isolate_told(&fixture.isolate, isolate_exits, "last"));
    CHECK_CLOSES(lc_component_done(fixture.component));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "error: failed"));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "last"));
    CHECK_OPEN(lc_signaler_thrown(fixture.scope.signaler));
    fixture_drop(&fixture);
}

static void end_of_the_context_kills_it(void)
{
    struct fixture fixture;
    fixture_begin(&fixture, begins);
    CU_ASSERT_TRUE(isolate_does(&fixture.isolate, isolate_shows_context, NULL));
    CU_ASSERT_PTR_NULL(lc_context_error(fixture.isolate.context));
    scope_cancel(&fixture.scope);
    CHECK_CLOSES(lc_component_done(fixture.component));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(fixture.isolate.context)), -ECANCELED);
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "exit"));
    CU_ASSERT_TRUE(hears_nothing(fixture.isolate.notes));
    CHECK_OPEN(lc_signaler_thrown(fixture.scope.signaler)); /* a kill is no error */
    fixture_drop(&fixture);
}

/* Also while a handler waits for the isolate's context, which is below that one. */
static lc_error *waits_below(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    isolate_say(isolate, "waits");
    lc_handle_wait(lc_context_done(lc_isolate_context()), LC_FOREVER);
    isolate_say(isolate, "goes on");
    return NULL;
}

static void handler_sees_the_end_of_the_context(void)
{
    struct fixture fixture;
    fixture_begin(&fixture, begins);
    CU_ASSERT_TRUE(isolate_told(&fixture.isolate, waits_below, NULL));
    CU_ASSERT_TRUE(isolate_told(&fixture.isolate, isolate_says, "message"));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "waits"));
    scope_cancel(&fixture.scope);
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "exit"));
    CHECK_CLOSES(lc_component_done(fixture.component));
    fixture_drop(&fixture);
}

static void started_under_an_ended_context(void)
{
    struct fixture fixture;
    fixture_init(&fixture, NULL, false);
    scope_cancel(&fixture.scope);
    CHECK_SUCCESS(lc_component_start(fixture.component, fixture.scope.context));
    CHECK_CLOSES(lc_component_done(fixture.component));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "exit"));
    fixture_drop(&fixture);
}

static void starts_once(void)
{
    struct fixture fixture;
    fixture_begin(&fixture, begins);
    CHECK_ERROR(lc_component_start(fixture.component, fixture.scope.context), -EALREADY);
    CU_ASSERT_TRUE(isolate_does(&fixture.isolate, isolate_says, "lives"));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "lives"));
    CU_ASSERT_EQUAL(atomic_load(&fixture.isolate.entered), 1);
    scope_cancel(&fixture.scope);
    CHECK_CLOSES(lc_component_done(fixture.component));
    fixture_drop(&fixture);
}

static void never_started(void)
{
    struct fixture fixture;
    fixture_init(&fixture, NULL, false);
    CHECK_OPEN(lc_component_ready(fixture.component));
    CHECK_OPEN(lc_component_done(fixture.component));
    CU_ASSERT_EQUAL(atomic_load(&fixture.isolate.released), 0);
    fixture_drop(&fixture);
    CU_ASSERT_EQUAL(atomic_load(&fixture.isolate.entered), 0);
}

static void start_that_fails(void)
{
    struct fixture fixture;
    lc_isolate_group *group;
    CHECK_SUCCESS(lc_isolate_group_new(NULL, &group));
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(group, LC_NOW), 0);
    fixture = (struct fixture){.scope = scope_new(NULL)};
    isolate_init(&fixture.isolate);
    fixture.isolate.options.group = group;
    CHECK_SUCCESS(lc_isolate_component_new(&fixture.isolate.options, &fixture.component));
    CHECK_ERROR(lc_component_start(fixture.component, fixture.scope.context), -ESHUTDOWN);
    CU_ASSERT_EQUAL(atomic_load(&fixture.isolate.released), 0);
    fixture_drop(&fixture);
    lc_isolate_group_unref(group);
}

static void options_are_copied(void)
{
    struct fixture fixture = {.scope = scope_new(NULL)};
    char name[] = "the name", response[] = "response";
    isolate_init(&fixture.isolate);
    fixture.isolate.first = begins;
    lc_isolate_options options = fixture.isolate.options;
    options.name = name;
    options.exit_response = text_payload(response);
    CHECK_SUCCESS(lc_isolate_component_new(&options, &fixture.component));
    memset(name, 'x', sizeof name - 1);
    memset(response, 'x', sizeof response - 1);
    memset(&options, 0xff, sizeof options);
    CHECK_SUCCESS(lc_component_start(fixture.component, fixture.scope.context));
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "begins"));
    char told[LC_NAME_MAX + 1] = "";
    CU_ASSERT_EQUAL(lc_isolate_copy_name(fixture.isolate.real, told, sizeof told), 0);
    CU_ASSERT_STRING_EQUAL(told, "the name");
    scope_cancel(&fixture.scope);
    CU_ASSERT_TRUE(hears(fixture.isolate.notes, "response"));
    CHECK_CLOSES(lc_component_done(fixture.component));
    fixture_drop(&fixture);
}

/* ---- C18: supervised ---- */

static lc_error *make_instance(lc_component **component, void *arg)
{
    struct scripted_isolate *isolate = arg;
    return lc_isolate_component_new(&isolate->options, component);
}

static lc_behavior answer(const lc_failure *failure, void *arg)
{
    return lc_error_code(failure->error) == -100 ? *(const lc_behavior *)arg : LC_SHUTDOWN;
}

struct play {
    struct scope scope;
    lc_component *supervisor;
    lc_observer *observer; /* its channel is another that is sent to in passing */
    lc_behavior behavior;
    struct scripted_isolate isolates[2]; /* the second depends on the first */
};

static void add_node(lc_supervisor *supervisor, struct play *play, int which)
{
    static const char *const names[] = {"first", "second"};
    lc_node node = {.size = sizeof node};
    node.name = names[which];
    node.factory = make_instance;
    node.arg = &play->isolates[which];
    node.judge = answer;
    node.judge_arg = &play->behavior;
    node.kind = check_kind();
    node.needs[0] = which > 0 ? "first" : NULL;
    CHECK_SUCCESS(lc_supervisor_add(supervisor, &node));
}

static void play_begin(struct play *play, lc_behavior behavior, isolate_action first)
{
    lc_supervisor *supervisor;
    *play = (struct play){.scope = scope_new(NULL), .behavior = behavior};
    CHECK_SUCCESS(lc_supervisor_new(NULL, &supervisor));
    play->observer = lc_supervisor_observe(supervisor, 1);
    for (int i = 0; i < 2; i++) {
        isolate_init(&play->isolates[i]);
        play->isolates[i].first = i == 0 ? first : begins;
        add_node(supervisor, play, i);
    }
    play->supervisor = lc_supervisor_component(supervisor);
    CHECK_SUCCESS(lc_component_start(play->supervisor, play->scope.context));
    CU_ASSERT_TRUE(hears(play->isolates[0].notes, "begins"));
}

static void play_end(struct play *play, unsigned instances)
{
    CHECK_CLOSES(lc_component_done(play->supervisor));
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(atomic_load(&play->isolates[i].released),
                        atomic_load(&play->isolates[i].entered));
        CU_ASSERT_EQUAL(atomic_load(&play->isolates[i].entered), i == 0 ? instances : 1);
        isolate_drop(&play->isolates[i]);
    }
    lc_observer_free(play->observer);
    lc_component_destroy(play->supervisor);
    scope_drop(&play->scope);
}

static void node_is_ready_after_its_entry(void)
{
    struct play play;
    play_begin(&play, LC_RESTART, begins_and_waits);
    CU_ASSERT_TRUE(isolate_sleeps(&play.isolates[0]));
    CU_ASSERT_TRUE(hears_nothing(play.isolates[1].notes));
    CU_ASSERT_EQUAL(atomic_load(&play.isolates[1].entered), 0);
    isolate_let_go(&play.isolates[0]);
    CU_ASSERT_TRUE(hears(play.isolates[1].notes, "begins"));
    CHECK_CLOSES(lc_component_ready(play.supervisor));
    scope_cancel(&play.scope);
    play_end(&play, 1);
}

static void node_is_restarted(void)
{
    enum { TIMES = 3 };
    struct play play;
    play_begin(&play, LC_RESTART, begins);
    CU_ASSERT_TRUE(hears(play.isolates[1].notes, "begins"));
    for (int i = 0; i < TIMES; i++) {
        lc_isolate before = play.isolates[0].real;
        lc_handle *done = play.isolates[0].done;
        CU_ASSERT_TRUE(
            isolate_told(&play.isolates[0], i % 2 ? isolate_throws : isolate_fails, "failed"));
        CU_ASSERT_TRUE(hears(play.isolates[0].notes, "error: failed"));
        CU_ASSERT_TRUE(hears(play.isolates[0].notes, "exit"));
        CU_ASSERT_TRUE(hears(play.isolates[0].notes, "begins"));
        CU_ASSERT_EQUAL(lc_isolate_read_state(before), LC_ISOLATE_ENDED);
        CU_ASSERT_FALSE(lc_isolate_equal(before, play.isolates[0].real));
        lc_handle_unref(done);
    }
    CU_ASSERT_TRUE(isolate_does(&play.isolates[1], isolate_says, "lives"));
    CU_ASSERT_TRUE(hears(play.isolates[1].notes, "lives"));
    scope_cancel(&play.scope);
    play_end(&play, 1 + TIMES);
}

static void node_is_stopped(void)
{
    struct play play;
    play_begin(&play, LC_STOP, begins);
    CU_ASSERT_TRUE(hears(play.isolates[1].notes, "begins"));
    CU_ASSERT_TRUE(isolate_told(&play.isolates[0], isolate_throws, "failed"));
    CU_ASSERT_TRUE(hears(play.isolates[0].notes, "error: failed"));
    CU_ASSERT_TRUE(hears(play.isolates[0].notes, "exit"));
    CU_ASSERT_TRUE(hears(play.isolates[1].notes, "exit")); /* which depended on it */
    CHECK_CLOSES(lc_component_done(play.supervisor));
    lc_error *error = lc_signaler_take(play.scope.signaler);
    CU_ASSERT_TRUE(lc_error_is(error, -100));
    lc_error_unref(error);
    play_end(&play, 1);
}

static void nodes_are_shut_down_in_order(void)
{
    struct play play;
    play_begin(&play, LC_RESTART, begins);
    CU_ASSERT_TRUE(hears(play.isolates[1].notes, "begins"));
    CU_ASSERT_EQUAL(
        lc_isolate_add_exit_listener(play.isolates[1].real, play.isolates[0].notes.send, NULL), 0);
    scope_cancel(&play.scope);
    CU_ASSERT_TRUE(hears(play.isolates[0].notes, "")); /* the second's exit, before its own */
    CU_ASSERT_TRUE(hears(play.isolates[0].notes, "exit"));
    CHECK_CLOSES(lc_component_done(play.supervisor));
    CHECK_OPEN(lc_signaler_thrown(play.scope.signaler));
    play_end(&play, 1);
}

static void node_that_ends_stops_no_other(void)
{
    struct play play;
    play_begin(&play, LC_RESTART, begins);
    CU_ASSERT_TRUE(hears(play.isolates[1].notes, "begins"));
    CU_ASSERT_TRUE(isolate_told(&play.isolates[0], isolate_closes, NULL));
    CU_ASSERT_TRUE(hears(play.isolates[0].notes, "exit"));
    CU_ASSERT_TRUE(isolate_does(&play.isolates[1], isolate_says, "lives"));
    CU_ASSERT_TRUE(hears(play.isolates[1].notes, "lives"));
    CU_ASSERT_TRUE(isolate_told(&play.isolates[1], isolate_closes, NULL));
    CHECK_CLOSES(lc_component_done(play.supervisor));
    CHECK_OPEN(lc_signaler_thrown(play.scope.signaler));
    play_end(&play, 1);
}

/*
 * The thread that makes something happen deals with it for the supervisor: here an isolate; its
 * entry has returned, and that has been killed. That must not cut the supervisor short.
 */
static void killed_while_it_serves_the_supervisor(void)
{
    struct play play;
    play_begin(&play, LC_RESTART, begins_and_is_killed);
    CU_ASSERT_TRUE(hears(play.isolates[1].notes, "begins"));
    CU_ASSERT_TRUE(hears(play.isolates[0].notes, "exit"));
    CU_ASSERT_TRUE(isolate_told(&play.isolates[1], isolate_closes, NULL));
    play_end(&play, 1);
}

/* ---- C18: in a tree ---- */

/* Runs the isolate as its component, below its own context, and so dies of its errors. */
static lc_error *run_isolate(lc_context *context, void *arg)
{
    struct scripted_isolate *isolate = arg;
    lc_component *component;
    lc_error *error = lc_isolate_component_new(&isolate->options, &component);
    if (error)
        return error;
    error = lc_component_start(component, context);
    if (!error && lc_context_wait(context, lc_component_ready(component), LC_FOREVER) == 0)
        lc_runnable_signal_healthy(context);
    if (!error)
        lc_handle_wait(lc_component_done(component), LC_FOREVER);
    lc_component_destroy(component);
    return error ? error : lc_error_ref(lc_context_error(context));
}

static lc_error *run_parent(lc_context *context, void *arg)
{
    lc_child child = {.size = sizeof child};
    child.name = "isolate";
    child.run = run_isolate;
    child.arg = arg;
    child.kind = check_kind();
    child.backoff = (lc_backoff){0};
    lc_error *error = lc_runnable_start_child(context, &child);
    if (error)
        return error;
    lc_runnable_signal_healthy(context);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static void child_of_a_tree(void)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.first = begins;
    lc_tree *tree = tree_of((lc_child){.run = run_parent, .arg = &isolate});
    check_log_capture(); /* where the deaths are told */
    CHECK_SUCCESS(lc_tree_start(tree, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "begins"));
    for (int i = 0; i < 2; i++) {
        lc_handle *done = isolate.done;
        CU_ASSERT_EQUAL(lc_tree_settle(tree, check_patience()), 0);
        CU_ASSERT_TRUE(isolate_told(&isolate, i == 0 ? isolate_throws : isolate_fails, "failed"));
        CU_ASSERT_TRUE(hears(isolate.notes, "error: failed"));
        CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
        CU_ASSERT_TRUE(hears(isolate.notes, "begins"));
        lc_handle_unref(done);
    }
    lc_tree_cancel(tree);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CHECK_SUCCESS(lc_tree_wait(tree, check_patience()));
    check_log_release();
    CU_ASSERT_EQUAL(atomic_load(&isolate.entered), 3);
    CU_ASSERT_EQUAL(atomic_load(&isolate.released), 3);
    lc_tree_unref(tree);
    isolate_drop(&isolate);
}

CHECK_SUITE_IN_MODES(
    isolate_whole, "conformance: isolates as a whole",
    {"C15 a task runs on an idle thread", idle_thread_is_used_again, CHECK_KERNEL},
    {"C15 else on a new thread, up to the limit, else it waits", new_threads_up_to_the_limit,
     CHECK_KERNEL},
    {"C15 a task behind one that keeps its thread gets another, if that is watched",
     watched_thread_is_not_waited_for, CHECK_KERNEL},
    {"C15 idle threads end after the time-out", idle_threads_end, CHECK_KERNEL},
    {"C15 idle threads but one end also while isolates wait for messages",
     idle_threads_end_though_isolates_live, CHECK_KERNEL},
    {"C15 freeing an executor refuses new tasks, drains, and joins its threads",
     free_refuses_drains_and_joins, CHECK_KERNEL},
    {"C15 freeing an executor waits for its isolates", free_waits_for_isolates, CHECK_KERNEL},
    {"C16 an entry gets the arguments and the first message", arguments_and_first_message},
    {"C16 there may be neither arguments nor a first message", without_arguments_or_first_message},
    {"C16 a URI is a path, or file: and a path, with or without an entry", uri_forms},
    {"C16 a named entry opens ports and lives for them", named_entry_lives_on_messages},
    {"C16 an isolate of a shared object has a group of its own", it_has_a_group_of_its_own},
    {"C16 the options of a spawn from a shared object are heeded", options_of_a_spawn_are_heeded},
    {"C16 errors of its entry are told", errors_of_its_entry_are_told},
    {"C16 a shared object that is not there is named", objects_that_are_not_there},
    {"C16 an entry that is not there is named", entries_that_are_not_there},
    {"C16 an entry of another version is refused", entries_of_another_version},
    {"C16 a symbol that is no program is refused", entries_that_are_no_programs},
    {"C16 a URI that names no file of this host is refused", uris_that_name_no_file},
    {"C16 what is no regular file is refused, and not opened", files_that_are_not_regular,
     CHECK_KERNEL},
    {"C16 a first message that is moved is destroyed once", first_message_is_moved},
    {"C17 a run gives the result", run_gives_the_result},
    {"C17 a run moves a result that can be destroyed", run_moves_the_result},
    {"C17 a run's result may be empty", run_gives_an_empty_result},
    {"C17 a run gives the error, returned or thrown", run_gives_the_error},
    {"C17 a run that ends with neither says so", run_that_ends_without_result},
    {"C17 a run that has not ended by its deadline is killed", run_has_a_deadline},
    {"C17 a run has an isolate of its own, of that name", run_is_in_an_isolate_of_that_name},
    {"C17 a run may be within an isolate", run_within_an_isolate},
    {"C17 an isolate that is killed while it waits for a run leaves nothing behind",
     waiting_for_a_run_and_killed},
    {"C14 holds do not hold an isolate when its component is stopped",
     component_that_is_stopped_is_not_held},
    {"C18 an isolate is ready after its entry returned", ready_after_the_entry},
    {"C18 an isolate with an entry that fails is never ready", not_ready_if_the_entry_fails},
    {"C18 an isolate is done after its exit", done_after_the_exit},
    {"C18 its error is thrown on the context after the listeners were told",
     errors_are_thrown_on_the_context},
    {"C18 errors that do not end it are not thrown", survived_errors_are_not_thrown},
    {"C18 the end of its context kills it, which is no error", end_of_the_context_kills_it},
    {"C18 its own context is below the one it was started with",
     handler_sees_the_end_of_the_context},
    {"C18 started under an ended context it ends", started_under_an_ended_context},
    {"C18 a component starts once", starts_once},
    {"C18 a component that was never started lets go of its argument", never_started},
    {"C18 a component that fails to start lets go of its argument", start_that_fails},
    {"C18 its options are copied", options_are_copied},
    {"C18 as a node it is ready after its entry", node_is_ready_after_its_entry},
    {"C18 as a node it is restarted after an error", node_is_restarted},
    {"C18 as a node it is stopped, and with it what depends on it", node_is_stopped},
    {"C18 as nodes isolates are shut down in order", nodes_are_shut_down_in_order},
    {"C18 a node that ends by itself stops no other", node_that_ends_stops_no_other},
    {"C18 a node that is killed while its readiness is told does not harm its supervisor",
     killed_while_it_serves_the_supervisor},
    {"C18 as a child in a tree it is restarted after an error, and stopped", child_of_a_tree});
