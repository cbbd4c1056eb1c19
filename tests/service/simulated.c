/*
 * simulated.c: a service in virtual time: what takes minutes, and what happens when memory is
 * refused.
 */
#include "service/scripted_service.h"
#include "support/check.h"
#include "support/seeds.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* Calls `body` in a simulation. */
static void simulate(const lc_simulation_options *options, lc_error *(*body)(void *arg), void *arg)
{
    lc_executor *world;
    CHECK_SUCCESS(lc_executor_new_simulated(options, &world));
    CHECK_SUCCESS(lc_executor_run(world, body, arg));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

/* ---- a long halt ---- */

static void note_halt(const lc_error *error, void *arg)
{
    (void)error;
    lc_handle_close(arg);
}

/* Halted before it was ready, for ten minutes. */
static lc_error *halt_for_long(void *arg)
{
    static struct scripted_service service;
    (void)arg;
    service_init(&service, 1);
    service.nodes[0].behavior = LC_SPIN_HALT;
    service.options.on_halt = note_halt;
    service.options.on_halt_arg = lc_handle_new();
    service.options.watchdog = 30 * LC_SECOND;
    check_log_capture();
    service_start(&service);
    CU_ASSERT_TRUE(worker_entered(&service.nodes[0].worker));
    worker_told(&service.nodes[0].worker, WORKER_FAIL);
    CHECK_CLOSES(service.options.on_halt_arg);
    lc_sleep(10 * LC_MINUTE + LC_SECOND);
    unsigned extended = service_told(&service, "EXTEND_TIMEOUT_USEC=60000000");
    CU_ASSERT_TRUE(extended == 30 || extended == 31);
    CU_ASSERT_EQUAL(service_told(&service, "WATCHDOG=1"), 40);
    CU_ASSERT_EQUAL(check_log_count("still halted, since a restart would do harm: worker"), 10);
    CU_ASSERT_EQUAL(lc_halt_release(), 1);
    CU_ASSERT_TRUE(service_ends(&service, LC_EXIT_HALTED));
    CU_ASSERT_EQUAL(service_told(&service, "READY=1") + service_told(&service, "STOPPING=1"), 0);
    check_log_release();
    lc_handle_unref(service.options.on_halt_arg);
    service_drop(&service);
    return NULL;
}

static void halt_in_one_world(const void *arg, uint64_t seed)
{
    lc_simulation_options options = {.size = sizeof options};
    (void)arg;
    options.seed = seed;
    simulate(&options, halt_for_long, NULL);
}

static void long_halt_is_extended_and_explained(void)
{
    check_seeds(halt_in_one_world, NULL);
}

/* ---- phases that take long ---- */

#define EXTENDED "EXTEND_TIMEOUT_USEC=60000000"

/* Told after a second, and then every twenty. Wake-ups may be late. */
static bool is_extended_for(struct scripted_service *service, unsigned before, int64_t time)
{
    unsigned wanted = 1 + (unsigned)((time - LC_SECOND - 1) / (20 * LC_SECOND));
    unsigned told = service_told(service, EXTENDED) - before;
    return told == wanted || told + 1 == wanted;
}

static lc_error *reload_for_long(lc_context *context, void *arg)
{
    (void)arg;
    lc_context_sleep(context, 3 * LC_MINUTE);
    return NULL;
}

/* Starts for five minutes, reloads for three, stops for three; only so long as it may. */
static lc_error *take_long(void *arg)
{
    static struct scripted_service service;
    (void)arg;
    service_init(&service, 1);
    service.options.start_timeout = 2 * LC_MINUTE;
    service.options.reload_timeout = LC_MINUTE;
    service.options.stop_timeout = 10 * LC_MINUTE;
    service_reload_by(&service, reload_for_long, NULL);
    check_log_capture();
    service_start(&service);
    CU_ASSERT_TRUE(worker_entered(&service.nodes[0].worker));
    lc_sleep(5 * LC_MINUTE);
    CU_ASSERT_TRUE(is_extended_for(&service, 0, 2 * LC_MINUTE));
    CU_ASSERT_TRUE(worker_does(&service.nodes[0].worker, WORKER_READY));
    CU_ASSERT_TRUE(service_tells(&service, "READY=1", 1));
    unsigned before = service_told(&service, EXTENDED);
    lc_sleep(5 * LC_MINUTE);
    CU_ASSERT_EQUAL(service_told(&service, EXTENDED), before);
    lc_simulation_signal(SIGHUP);
    lc_sleep(5 * LC_MINUTE);
    CU_ASSERT_EQUAL(service_told(&service, "READY=1"), 2);
    CU_ASSERT_TRUE(is_extended_for(&service, before, LC_MINUTE));
    before = service_told(&service, EXTENDED);
    lc_simulation_signal(SIGTERM);
    lc_sleep(3 * LC_MINUTE);
    CU_ASSERT_TRUE(is_extended_for(&service, before, 3 * LC_MINUTE));
    worker_told(&service.nodes[0].worker, WORKER_RETURN);
    CU_ASSERT_TRUE(service_ends(&service, LC_EXIT_CLEAN));
    check_log_release();
    service_drop(&service);
    return NULL;
}

static void take_long_in_one_world(const void *arg, uint64_t seed)
{
    lc_simulation_options options = {.size = sizeof options};
    (void)arg;
    options.seed = seed;
    simulate(&options, take_long, NULL);
}

static void long_phases_are_extended(void)
{
    check_seeds(take_long_in_one_world, NULL);
}

/* ---- a watchdog that wants to be fed all the time ---- */

static lc_error *feed_all_the_time(void *arg)
{
    static struct scripted_service service;
    (void)arg;
    service_init(&service, 1);
    service.options.watchdog = 1;
    check_log_capture();
    CU_ASSERT_TRUE(service_begins(&service));
    lc_sleep(LC_SECOND);
    unsigned fed = service_told(&service, "WATCHDOG=1");
    CU_ASSERT_TRUE(fed > 50 && fed <= 102);
    CU_ASSERT_EQUAL(check_log_count("service: the watchdog is to be fed within 0 us"), 1);
    service_all_obey(&service);
    lc_simulation_signal(SIGTERM);
    CU_ASSERT_TRUE(service_ends(&service, LC_EXIT_CLEAN));
    check_log_release();
    service_drop(&service);
    return NULL;
}

static void watchdog_has_a_floor(void)
{
    lc_simulation_options options = {.size = sizeof options};
    simulate(&options, feed_all_the_time, NULL);
}

/* ---- memory that is refused ---- */

static lc_error *make_noop(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("noop");
    lc_manager_builder_add(builder, LC_WORKER(.name = "noop", .run = lc_noop_worker, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_error *reload(lc_context *context, void *arg)
{
    (void)arg;
    lc_context_sleep(context, LC_SECOND);
    return NULL;
}

struct poor {
    unsigned readies;
    int status;
    bool reloaded;
};

/* Here the manager acts: it reloads the service, and then stops it. */
static void act(const char *message, void *arg)
{
    struct poor *poor = arg;
    poor->reloaded |= strstr(message, "RELOADING=1") != NULL;
    if (strstr(message, "READY=1"))
        lc_simulation_signal(++poor->readies == 1 ? SIGHUP : SIGTERM);
}

static lc_error *serve_poorly(void *arg)
{
    struct poor *poor = arg;
    lc_supervisor *supervisor = NULL;
    lc_service_options options = {.size = sizeof options};
    options.name = "poor";
    options.notify = act;
    options.notify_arg = poor;
    options.configure = reload;
    options.watchdog = LC_SECOND;
    lc_node node = {.size = sizeof node};
    node.name = "noop";
    node.factory = make_noop;
    lc_error *error = lc_supervisor_new(NULL, &supervisor);
    error = error ? error : lc_supervisor_add(supervisor, &node);
    if (error)
        poor->status = LC_EXIT_ERROR;
    else
        poor->status = check_service(&options, lc_supervisor_ref(supervisor));
    lc_error_unref(error);
    lc_supervisor_unref(supervisor);
    return NULL;
}

static struct poor run_poorly(uint64_t seed)
{
    struct poor poor = {.status = -1};
    lc_simulation_options options = {.size = sizeof options};
    options.seed = seed;
    options.fail_one_in = seed % 3 ? 20 : 60;
    simulate(&options, serve_poorly, &poor);
    return poor;
}

/* Whether it hangs or leaks is looked at by what calls it. */
static void run_one_poorly(const void *arg, uint64_t seed)
{
    (void)arg;
    int status = run_poorly(seed).status;
    CU_ASSERT_TRUE(status == LC_EXIT_CLEAN || status == LC_EXIT_ERROR);
}

static void refused_memory_neither_hangs_nor_leaks(void)
{
    check_seeds(run_one_poorly, NULL);
}

/* So that this means something. */
static void memory_is_refused(void)
{
    unsigned clean = 0, failed = 0, reloaded = 0;
    check_log_capture();
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct poor poor = run_poorly(seed);
        clean += poor.status == LC_EXIT_CLEAN;
        failed += poor.status == LC_EXIT_ERROR;
        reloaded += poor.reloaded;
    }
    CU_ASSERT_TRUE(clean > 10);
    CU_ASSERT_TRUE(failed > 10);
    CU_ASSERT_TRUE(reloaded > 10);
    CU_ASSERT_TRUE(check_log_has("cannot be begun"));
    CU_ASSERT_TRUE(check_log_has("cannot start"));
    check_log_release();
}

CHECK_SUITE(service_simulated, "service: simulated",
            {"a start that has halted is extended, and the reason is logged each minute",
             long_halt_is_extended_and_explained},
            {"a long start, reload or stop is extended as long as it may take",
             long_phases_are_extended},
            {"the watchdog is fed at a pace", watchdog_has_a_floor},
            {"refused memory makes it neither hang nor leak",
             refused_memory_neither_hangs_nor_leaks},
            {"some start without memory, some end for want of it, some reload", memory_is_refused});
