/*
 * service.c: a whole service in a simulation: the same seed gives the same log, byte for byte;
 * allocations that fail by the seed neither hang it nor leak; a simulation that gets nowhere says
 * so, and what waits for what.
 */
#include "support/check.h"
#include "support/seeds.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the service: makes and takes numbers, and now and then something in it fails ---- */

struct service {
    lc_worker_kind kind;
    lc_channel *numbers;
    uintptr_t made;
};

static bool happens_once_in(uint64_t number)
{
    return lc_random_below(number) == 0;
}

/* Lets up to 50 ms pass. @return NULL; also once the context has ended. */
static lc_error *take_time(lc_context *context)
{
    int result = lc_context_sleep(context, 1 + (int64_t)lc_random_below(50 * LC_MILLISECOND));
    return result == 0 || lc_context_error(context) ? NULL : lc_error_new(result, "cannot sleep");
}

/* Fails at times before it is ready, so that the run loop pauses before it restarts. */
static lc_error *watch(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_error *error = take_time(context);
    if (!error && happens_once_in(2))
        error = lc_error_new(-ENODEV, "cannot be watched");
    if (error)
        return error;
    lc_log(LC_LOG_INFO, NULL, "watches");
    return lc_noop_worker(context, ready, NULL);
}

static lc_error *make_numbers(lc_context *context, lc_ready *ready, void *arg)
{
    struct service *service = arg;
    lc_error *error = NULL;
    lc_ready_signal(ready);
    while (!error && !lc_context_error(context)) {
        error = take_time(context);
        if (error ||
            lc_context_send(context, service->numbers, (void *)++service->made, LC_FOREVER) != 0)
            continue;
        lc_log(LC_LOG_INFO, NULL, "made %zu", (size_t)service->made);
        if (happens_once_in(40))
            error = lc_error_new(-EIO, "broke after %zu", (size_t)service->made);
    }
    return error;
}

static lc_error *take_numbers(lc_context *context, lc_ready *ready, void *arg)
{
    struct service *service = arg;
    void *number;
    lc_ready_signal(ready);
    while (!lc_context_error(context) &&
           lc_context_receive(context, service->numbers, &number, LC_FOREVER) == 0) {
        lc_log(LC_LOG_INFO, NULL, "took %zu", (size_t)(uintptr_t)number);
        lc_error *error = take_time(context);
        if (!error && happens_once_in(60))
            error = lc_error_new(-EPIPE, "choked on %zu", (size_t)(uintptr_t)number);
        if (error)
            lc_throw(context, error);
    }
    return NULL;
}

static lc_error *make_instance(lc_component **component, void *arg)
{
    struct service *service = arg;
    lc_manager *manager;
    lc_manager_builder *builder = lc_manager_builder_new("service");
    lc_manager_builder_set_kind(builder, service->kind);
    lc_manager_builder_add(builder, LC_WORKER(.name = "watch", .run = watch, .arg = service));
    lc_manager_builder_add(builder, LC_WORKER(.name = "make", .run = make_numbers, .arg = service));
    lc_manager_builder_add(builder, LC_WORKER(.name = "take", .run = take_numbers, .arg = service));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

/* Keeps it running for a while, restarting by default. */
static lc_error *serve(void *arg)
{
    struct service *service = arg;
    lc_error *error = NULL;
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(20 * LC_SECOND));
    lc_run_options options = {.size = sizeof options};
    options.name = "service";
    options.factory = make_instance;
    options.arg = service;
    service->numbers = NULL;
    if (context && check_code(lc_channel_new(LC_CHANNEL(.capacity = 4), &service->numbers)) == 0)
        error = lc_component_run(&options, context, NULL);
    else
        error = lc_error_new(-ENOMEM, "no memory to begin with");
    lc_channel_unref(service->numbers);
    lc_context_unref(context);
    return error;
}

/* ---- a run of it ---- */

/* The options by the seed: in turn without faults, with each kind of them, with all. */
static lc_simulation_options options_of(uint64_t seed)
{
    lc_simulation_options options = {.size = sizeof options};
    options.seed = seed;
    options.delay_one_in = seed & 1 ? 8 : 0;
    options.early_one_in = seed & 2 ? 4 : 0;
    options.steps_max = 1000000;
    return options;
}

/* @return what the run returned. */
static lc_error *run_service(const lc_simulation_options *options)
{
    lc_executor *world;
    struct service service = {.kind = options->seed & 4 ? LC_FIBER : LC_THREAD};
    CHECK_SUCCESS(lc_executor_new_simulated(options, &world));
    lc_error *error = lc_executor_run(world, serve, &service);
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    return error;
}

/* ---- the same seed, the same log ---- */

static void write_record(const lc_log_record *record, void *file)
{
    fprintf(file, "%lld %lld %d %s: %s", (long long)record->time, (long long)record->wall,
            (int)record->level, record->component, record->message);
    for (size_t i = 0; i < record->field_count; i++) {
        char value[256];
        lc_log_field_copy_text(&record->fields[i], value, sizeof value);
        fprintf(file, " %s=%s", record->fields[i].key, value);
    }
    fputc('\n', file);
}

/* @return all that a run logs, for free. */
static char *log_of(const lc_simulation_options *options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    lc_log_set_sink(LC_LOG_SINK(.write = write_record, .arg = file));
    CHECK_ERROR(run_service(options), -ETIMEDOUT);
    check_log_release();
    fclose(file);
    return text;
}

static void run_twice(const void *unused, uint64_t seed)
{
    (void)unused;
    lc_simulation_options options = options_of(seed);
    char *first = log_of(&options);
    char *again = log_of(&options);
    CU_ASSERT_STRING_EQUAL(first, again);
    free(first);
    free(again);
}

static void same_seed_gives_the_same_log(void)
{
    check_seeds(run_twice, NULL);
}

/* So that it means something: the log tells of everything that there is to tell of. */
static void log_tells_of_everything(void)
{
    static const char *const told[] = {"made 1\n",
                                       "took 1\n",
                                       "broke after",
                                       "choked on",
                                       "cannot be watched",
                                       "; restart 1 in 0.1 s",
                                       "; restart 2 in 0.2 s"};
    unsigned found = 0;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        bool here = false;
        for (uint64_t seed = 0; seed < 20 && !here; seed++) {
            lc_simulation_options options = options_of(seed);
            char *text = log_of(&options);
            here = strstr(text, told[i]) != NULL;
            free(text);
        }
        found += here;
    }
    CU_ASSERT_EQUAL(found, sizeof told / sizeof *told);
}

static void another_seed_gives_another_log(void)
{
    enum { SEEDS = 20 };
    unsigned same = 0;
    lc_simulation_options options = options_of(0);
    char *first = log_of(&options);
    for (uint64_t seed = 1; seed < SEEDS; seed++) {
        options.seed = seed; /* and nothing else */
        char *other = log_of(&options);
        same += strcmp(first, other) == 0;
        free(other);
    }
    free(first);
    CU_ASSERT_EQUAL(same, 0);
}

/* ---- allocations that fail ---- */

static int code_without_memory(uint64_t seed)
{
    lc_simulation_options options = options_of(seed);
    options.fail_one_in = 50;
    lc_error *error = run_service(&options);
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code;
}

/* Whether it hangs the code tells, and check_seeds whether it leaks. */
static void run_without_memory(const void *unused, uint64_t seed)
{
    (void)unused;
    int code = code_without_memory(seed);
    CU_ASSERT_TRUE(code == -ETIMEDOUT || code == -ENOMEM);
}

static void failed_allocations_neither_hang_nor_leak(void)
{
    check_seeds(run_without_memory, NULL);
}

/* So that this means something, too. */
static void allocations_do_fail(void)
{
    enum { SEEDS = 50 };
    unsigned failed = 0, served = 0;
    check_log_capture();
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        int code = code_without_memory(seed);
        failed += code == -ENOMEM;
        served += code == -ETIMEDOUT && check_log_has("no memory");
    }
    check_log_release();
    CU_ASSERT_TRUE(failed > 0);
    CU_ASSERT_TRUE(served > 0); /* some went on all the same */
}

/* ---- simulations that get nowhere ---- */

static struct {
    lc_handle *never;
    lc_channel *empty;
} nowhere; /* static: a leak checker does not look on stacks that are lost */

static void wait_for_a_handle(void *arg)
{
    (void)arg;
    lc_handle_wait(nowhere.never, LC_FOREVER);
}

static void wait_for_an_item(void *arg)
{
    void *item;
    (void)arg;
    lc_channel_receive(nowhere.empty, &item, LC_FOREVER);
}

static void start(const char *name, void (*run)(void *arg))
{
    lc_fiber_options options = {.size = sizeof options};
    options.name = name;
    options.run = run;
    CU_ASSERT_EQUAL(lc_fiber_start(&options), 0);
}

static lc_error *get_stuck(void *arg)
{
    (void)arg;
    start("the-first", wait_for_a_handle);
    start("the-second", wait_for_an_item);
    lc_sleep(LC_HOUR); /* as long as a timer is to come, there is no deadlock */
    return NULL;
}

static void deadlock_names_what_waits_for_what(void)
{
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 7), &world));
    nowhere.never = lc_handle_new();
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &nowhere.empty));
    check_log_capture();
    lc_error *error = lc_executor_run(world, get_stuck, NULL);
    const char *message = lc_error_message(error);
    CU_ASSERT_EQUAL(lc_error_code(error), -EDEADLK);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "seed 7"));
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "\"the-first\" (handle)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "\"the-second\" (channel: receive)"));
    CU_ASSERT_PTR_NULL(strstr(message, "\"main\""));
    CU_ASSERT_EQUAL(check_log_count("the-first: waits for ever in a deadlock, for: handle"), 1);
    CU_ASSERT_EQUAL(check_log_count("the-second: waits for ever in a deadlock, for: channel"), 1);
    check_log_release();
    lc_error_unref(error);
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    lc_handle_unref(nowhere.never);
    lc_channel_unref(nowhere.empty);
}

static lc_error *go_round(void *arg)
{
    while (!arg)
        lc_yield();
    return NULL;
}

static void endless_run_is_broken_off(void)
{
    lc_simulation_options options = {.size = sizeof options};
    lc_executor *world;
    options.seed = 8;
    options.steps_max = 5000;
    CHECK_SUCCESS(lc_executor_new_simulated(&options, &world));
    lc_error *error = lc_executor_run(world, go_round, NULL);
    CU_ASSERT_EQUAL(lc_error_code(error), -ELOOP);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "seed 8"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "5000"));
    lc_error_unref(error);
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

CHECK_SUITE(simulated_service, "simulation: a whole service",
            {"the same seed gives the same log, byte for byte", same_seed_gives_the_same_log},
            {"the log tells of failures, restarts and pauses", log_tells_of_everything},
            {"another seed gives another log", another_seed_gives_another_log},
            {"allocations that fail by the seed neither hang it nor leak",
             failed_allocations_neither_hang_nor_leak},
            {"the allocations do fail, early and late", allocations_do_fail},
            {"a deadlock is reported, with what waits for what",
             deadlock_names_what_waits_for_what},
            {"a run without end is broken off", endless_run_is_broken_off});
