/*
 * front.c: lc_service_main from LC_SERVICE: nodes, configuration before the first start, log levels
 * by signal, and what it refuses. Each service runs in a simulation, over some seeds.
 */
#include "support/check.h"

#include <lifecycle.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define SEEDS 200

/* A service in a simulation, and what it is told while it runs. */
static struct fixture {
    lc_service_options options;
    void (*act)(struct fixture *fixture); /* in a fiber beside it */
    int status;
    atomic_uint configured;        /* calls of configure */
    atomic_uint started;           /* starts of the node */
    atomic_uint configured_before; /* calls before its first start */
    atomic_uint fails_at;          /* the call that fails */
    atomic_bool waits;             /* configure waits for the end of its context */
    atomic_bool in_fiber;
    char status_text[256]; /* the last STATUS= */
} fixture;

static lc_error *work(lc_context *context, lc_ready *ready, void *arg)
{
    struct fixture *own = arg;
    if (own->started++ == 0)
        own->configured_before = own->configured;
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return NULL;
}

static lc_error *configure(lc_context *context, void *arg)
{
    struct fixture *own = arg;
    own->configured++;
    own->in_fiber = lc_is_fiber();
    if (own->configured == own->fails_at)
        return lc_error_new(-EBADMSG, "line 3 is wrong");
    if (own->waits)
        lc_handle_wait(lc_context_done(context), LC_FOREVER);
    else
        lc_sleep(LC_SECOND);
    return lc_error_ref(lc_context_error(context));
}

static void hear(const char *message, void *arg)
{
    struct fixture *own = arg;
    const char *status = strstr(message, "STATUS=");
    if (status)
        snprintf(own->status_text, sizeof own->status_text, "%s", status + strlen("STATUS="));
}

static void run_act(void *arg)
{
    struct fixture *own = arg;
    own->act(own);
}

static lc_error *serve(void *arg)
{
    struct fixture *own = arg;
    lc_fiber_options fiber = {.size = sizeof fiber, .name = "act", .run = run_act, .arg = own};
    if (lc_fiber_start(&fiber) != 0)
        return lc_error_new(-ENOMEM, "no fiber to act");
    own->status = lc_service_main(&own->options);
    return NULL;
}

static const lc_node *const *nodes_of(struct fixture *own)
{
    static lc_node node;
    static const lc_node *const nodes[] = {&node, NULL};
    node = (lc_node){.size = sizeof node, .name = "store", .run = work, .arg = own};
    return nodes;
}

static void fixture_begin(void (*act)(struct fixture *fixture))
{
    fixture = (struct fixture){.act = act, .status = -1};
    fixture.options = (lc_service_options){.size = sizeof fixture.options,
                                           .name = "shop",
                                           .nodes = nodes_of(&fixture),
                                           .arg = &fixture,
                                           .notify = hear};
}

static void fixture_run(uint64_t seed)
{
    lc_executor *world;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = seed), &world));
    CHECK_SUCCESS(lc_executor_run(world, serve, &fixture));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

/* Behind the last seed. */
static uint64_t seeds_end(void)
{
    return check_seed() + check_count(SEEDS, 10 * SEEDS);
}

static void stop_in_an_hour(struct fixture *own)
{
    (void)own;
    lc_sleep(LC_HOUR);
    lc_simulation_signal(SIGTERM);
}

/* ---- nodes ---- */

static void nodes_are_run(void)
{
    check_log_capture();
    for (uint64_t seed = check_seed(); seed < seeds_end(); seed++) {
        fixture_begin(stop_in_an_hour);
        fixture_run(seed);
        CU_ASSERT_EQUAL(fixture.status, LC_EXIT_CLEAN);
        CU_ASSERT_EQUAL(fixture.started, 1);
    }
    CU_ASSERT_TRUE(check_log_has("shop: ready"));
    check_log_release();
}

static void states_are_logged(void)
{
    check_log_capture();
    fixture_begin(stop_in_an_hour);
    fixture.options.log_states = true;
    fixture_run(check_seed());
    CU_ASSERT_EQUAL(check_log_count("shop/store: ready"), 1);
    check_log_release();
}

/* ---- configuration ---- */

static void reload_and_stop(struct fixture *own)
{
    lc_sleep(LC_MINUTE);
    CU_ASSERT_EQUAL(own->configured, 1);
    lc_simulation_signal(SIGHUP);
    lc_sleep(LC_MINUTE);
    CU_ASSERT_EQUAL(own->configured, 2);
    lc_simulation_signal(SIGTERM);
}

static void configure_comes_first(void)
{
    check_log_capture();
    for (uint64_t seed = check_seed(); seed < seeds_end(); seed++) {
        fixture_begin(reload_and_stop);
        fixture.options.configure = configure;
        fixture_run(seed);
        CU_ASSERT_EQUAL(fixture.status, LC_EXIT_CLEAN);
        CU_ASSERT_EQUAL(fixture.configured_before, 1);
        CU_ASSERT_EQUAL(fixture.started, 1);
        CU_ASSERT_TRUE(fixture.in_fiber); /* as its caller is */
    }
    check_log_release();
}

static void do_nothing(struct fixture *own)
{
    (void)own;
}

static void failing_configure_refuses_the_start(void)
{
    check_log_capture();
    for (uint64_t seed = check_seed(); seed < seeds_end(); seed++) {
        fixture_begin(do_nothing);
        fixture.options.configure = configure;
        fixture.fails_at = 1;
        fixture_run(seed);
        CU_ASSERT_EQUAL(fixture.status, LC_EXIT_ERROR);
        CU_ASSERT_EQUAL(fixture.started, 0);
        CU_ASSERT_STRING_EQUAL(fixture.status_text,
                               "cannot start: configure has failed: line 3 is wrong");
    }
    CU_ASSERT_EQUAL(check_log_count("cannot start: configure has failed: line 3 is wrong"),
                    check_count(SEEDS, 10 * SEEDS));
    check_log_release();
}

static void failing_reload_is_part_of_the_status(void)
{
    check_log_capture();
    for (uint64_t seed = check_seed(); seed < seeds_end(); seed++) {
        fixture_begin(reload_and_stop);
        fixture.options.configure = configure;
        fixture.fails_at = 2;
        fixture_run(seed);
        CU_ASSERT_EQUAL(fixture.status, LC_EXIT_CLEAN);
    }
    CU_ASSERT_EQUAL(check_log_count("the reload has failed: line 3 is wrong"),
                    check_count(SEEDS, 10 * SEEDS));
    check_log_release();
}

static void stop_at_once(struct fixture *own)
{
    lc_sleep(LC_SECOND / 2);
    CU_ASSERT_EQUAL(own->configured, 1);
    lc_simulation_signal(SIGTERM);
}

/* Nothing is started, and the end is as clean as that of a service that ran. */
static void stop_while_configuring(bool waits)
{
    for (uint64_t seed = check_seed(); seed < seeds_end(); seed++) {
        fixture_begin(stop_at_once);
        fixture.options.configure = configure;
        fixture.waits = waits;
        fixture_run(seed);
        CU_ASSERT_EQUAL(fixture.status, LC_EXIT_CLEAN);
        CU_ASSERT_EQUAL(fixture.started, 0);
        CU_ASSERT_EQUAL(fixture.configured, 1);
    }
}

static void stop_ends_the_configuration(void)
{
    check_log_capture();
    stop_while_configuring(true);
    stop_while_configuring(false);
    check_log_release();
}

/* Its context has ended, and it goes on. */
static lc_error *configure_for_ever(lc_context *context, void *arg)
{
    struct fixture *own = arg;
    (void)context;
    own->configured++;
    lc_sleep(LC_HOUR);
    return NULL;
}

static void endless_configuration_is_named(void)
{
    check_log_capture();
    for (uint64_t seed = check_seed(); seed < seeds_end(); seed++) {
        fixture_begin(stop_at_once);
        fixture.options.configure = configure_for_ever;
        fixture_run(seed);
        CU_ASSERT_EQUAL(fixture.status, LC_EXIT_ERROR);
        CU_ASSERT_EQUAL(fixture.started, 0);
        CU_ASSERT_STRING_EQUAL(fixture.status_text, "not stopped in time: configure");
    }
    CU_ASSERT_EQUAL(
        check_log_count("has not stopped in 30.0 s, and is not waited for any longer: configure"),
        check_count(SEEDS, 10 * SEEDS));
    check_log_release();
}

static void hup_then_stop(struct fixture *own)
{
    lc_sleep(LC_SECOND / 2);
    lc_simulation_signal(SIGHUP); /* while it is configured for the first time */
    lc_sleep(LC_MINUTE);
    CU_ASSERT_EQUAL(own->configured, 2);
    CU_ASSERT_EQUAL(own->configured_before, 1);
    lc_simulation_signal(SIGTERM);
}

static void reload_waits_for_readiness(void)
{
    check_log_capture();
    for (uint64_t seed = check_seed(); seed < seeds_end(); seed++) {
        fixture_begin(hup_then_stop);
        fixture.options.configure = configure;
        fixture_run(seed);
        CU_ASSERT_EQUAL(fixture.status, LC_EXIT_CLEAN);
    }
    check_log_release();
}

/* ---- the log's level ---- */

static void change_levels(struct fixture *own)
{
    (void)own;
    lc_sleep(LC_MINUTE);
    lc_simulation_signal(SIGUSR1);
    lc_sleep(LC_SECOND);
    CU_ASSERT_EQUAL(lc_log_read_level(), LC_LOG_DEBUG);
    lc_simulation_signal(SIGUSR1); /* there is no more */
    lc_sleep(LC_SECOND);
    CU_ASSERT_EQUAL(lc_log_read_level(), LC_LOG_DEBUG);
    for (int i = 0; i < 2; i++) {
        lc_simulation_signal(SIGUSR2);
        lc_sleep(LC_SECOND);
    }
    CU_ASSERT_EQUAL(lc_log_read_level(), LC_LOG_NOTICE);
    lc_simulation_signal(SIGTERM);
}

static void signals_change_the_level(void)
{
    lc_log_level before = lc_log_read_level();
    check_log_capture();
    fixture_begin(change_levels);
    fixture.options.log_level_signals = true;
    fixture_run(check_seed());
    CU_ASSERT_EQUAL(fixture.status, LC_EXIT_CLEAN);
    CU_ASSERT_TRUE(check_log_has("the log level is debug"));
    CU_ASSERT_TRUE(check_log_has("the log level is notice"));
    check_log_release();
    lc_log_set_level(before);
}

/* From nothing at all up to what matters most, and further. */
static void raise_from_nothing(struct fixture *own)
{
    (void)own;
    lc_sleep(LC_MINUTE);
    lc_log_set_level((lc_log_level)0);
    lc_simulation_signal(SIGUSR2); /* there is no less */
    lc_sleep(LC_SECOND);
    CU_ASSERT_EQUAL((int)lc_log_read_level(), 0);
    for (lc_log_level level = LC_LOG_CRITICAL; level <= LC_LOG_NOTICE; level++) {
        lc_simulation_signal(SIGUSR1);
        lc_sleep(LC_SECOND);
        CU_ASSERT_EQUAL(lc_log_read_level(), level);
    }
    lc_simulation_signal(SIGTERM);
}

static void silent_log_is_raised(void)
{
    lc_log_level before = lc_log_read_level();
    check_log_capture();
    fixture_begin(raise_from_nothing);
    fixture.options.log_level_signals = true;
    fixture_run(check_seed());
    CU_ASSERT_EQUAL(fixture.status, LC_EXIT_CLEAN);
    CU_ASSERT_EQUAL(check_log_count("the log level is"), 1);
    CU_ASSERT_TRUE(check_log_has("the log level is notice"));
    check_log_release();
    lc_log_set_level(before);
}

/* ---- what cannot be run ---- */

static void refuses(const lc_service_options *options, const char *why)
{
    check_log_capture();
    CU_ASSERT_EQUAL(lc_service_main(options), LC_EXIT_ERROR);
    CU_ASSERT_EQUAL(check_log_count(why), 1);
    check_log_release();
}

static void bad_services_are_refused(void)
{
    lc_supervisor *supervisor;
    refuses(LC_SERVICE(.name = "shop", .keep_library = true), "either nodes or a supervisor");
    CHECK_SUCCESS(lc_supervisor_new(NULL, &supervisor));
    fixture_begin(do_nothing);
    fixture.options.supervisor = supervisor; /* taken over all the same */
    fixture.options.keep_library = true;
    refuses(&fixture.options, "either nodes or a supervisor");
    refuses(LC_SERVICE(.keep_library = true,
                       .nodes = LC_NODES(LC_NODE(.name = "store", .needs = {"journal"}))),
            "made of nothing");
    refuses(LC_SERVICE(.keep_library = true,
                       .nodes = LC_NODES(
                           LC_NODE(.name = "store", .run = lc_noop_worker, .needs = {"journal"}))),
            "depends on \"journal\", which is not a node of \"service\"");
    refuses(LC_SERVICE(.keep_library = true, .name = "", .nodes = nodes_of(&fixture)),
            "lc_service_options.name");
}

CHECK_SUITE(
    service_front, "service: from nodes, simulated", {"its nodes are run", nodes_are_run},
    {"states are logged, if asked for", states_are_logged},
    {"configure is called before the first start, and for SIGHUP", configure_comes_first},
    {"a configure that fails at first refuses the start", failing_configure_refuses_the_start},
    {"a configure that fails later does not end the service", failing_reload_is_part_of_the_status},
    {"a stop ends the first configuration, and nothing starts", stop_ends_the_configuration},
    {"a first configuration that does not end is named", endless_configuration_is_named},
    {"SIGHUP during the first configuration waits for readiness", reload_waits_for_readiness},
    {"signals change the log's level", signals_change_the_level},
    {"a signal raises the level of a log that tells nothing", silent_log_is_raised},
    {"services that cannot be run are refused", bad_services_are_refused});
