/*
 * instance.c: what the instances of the run loop and of nodes share: the context, the check of the
 * component, its start in a task, and what is known after each kind of start.
 */
#include "support/check.h"

#include "base/memory.h"
#include "context/context.h"
#include "context/owner.h"
#include "supervise/instance.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* A component with a start of the given kind, and with the given handles. */
struct fake {
    lc_component component; /* first */
    enum { SUCCEEDS, FAILS, THROWS, SIGNALS_AND_EXITS, EXITS } start;
    lc_handle *ready, *done;
};

static lc_error *fake_start(lc_component *component, lc_context *context)
{
    struct fake *fake = (struct fake *)component;
    if (fake->start == FAILS)
        return lc_error_new(-EIO, "fails");
    if (fake->start == THROWS)
        lc_throw(context, lc_error_new(-EIO, "throws"));
    if (fake->start == SIGNALS_AND_EXITS)
        lc_signal_error(context, lc_error_new(-EIO, "signals"));
    if (fake->start != SUCCEEDS)
        pthread_exit(NULL);
    return NULL;
}

static lc_handle *fake_ready(lc_component *component)
{
    return ((struct fake *)component)->ready;
}

static lc_handle *fake_done(lc_component *component)
{
    return ((struct fake *)component)->done;
}

static const lc_component_ops fake_ops = {
    .size = sizeof fake_ops, .start = fake_start, .ready = fake_ready, .done = fake_done};

/* ---- the component is checked ---- */

static void checks_component(void)
{
    lc_handle *handle = lc_handle_new();
    struct fake fake = {.component.ops = &fake_ops};
    struct lc__instance instance = {.name = "store"};
    lc_error *error = lc__instance_check(&instance, true);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error),
                           "the factory of \"store\" gave neither a component nor an error");
    CHECK_ERROR(error, -EINVAL);
    instance.component = &fake.component;
    CHECK_ERROR(lc__instance_check(&instance, false), -EINVAL);
    fake.done = handle;
    CU_ASSERT_PTR_NULL(lc__instance_check(&instance, false));
    error = lc__instance_check(&instance, true);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error),
                           "the component of \"store\" has no ready or no done handle");
    CHECK_ERROR(error, -EINVAL);
    fake.ready = handle;
    CU_ASSERT_PTR_NULL(lc__instance_check(&instance, true));
    lc_handle_unref(handle);
}

/* ---- the context ---- */

struct relayed {
    lc_error *error;
    unsigned releases;
};

static void take_relayed(void *arg, lc_error *error)
{
    ((struct relayed *)arg)->error = error;
}

static void count_release(void *arg)
{
    ((struct relayed *)arg)->releases++;
}

static void context_has_owner_and_relay(void)
{
    struct relayed relayed = {NULL, 0};
    const struct lc__relay relay = {take_relayed, count_release, &relayed, false};
    struct lc__owner *owner = lc__owner_new(NULL, "service/store");
    struct lc__instance instance = {.name = NULL};
    CU_ASSERT_TRUE_FATAL(lc__instance_open(&instance, "store", NULL, &relay, owner));
    const lc_context *context = instance.context;
    CU_ASSERT_PTR_EQUAL(lc__owner_next(&context), owner);
    CU_ASSERT_PTR_EQUAL(lc__context_signaler(instance.context), instance.signaler);
    lc_signal_error(instance.context, lc_error_new(-EIO, "told"));
    CU_ASSERT_EQUAL(relayed.releases, 1);
    CHECK_ERROR(relayed.error, -EIO);
    lc__instance_close(&instance);
    lc__owner_unref(owner);
}

static void context_without_owner_has_that_above(void)
{
    struct lc__owner *owner = lc__owner_new(NULL, "service");
    lc_context *above = lc__instance_context(NULL, NULL, lc__owner_ref(owner), lc__owner_unref);
    struct lc__instance instance = {.name = NULL};
    CU_ASSERT_TRUE_FATAL(lc__instance_open(&instance, "store", above, NULL, NULL));
    const lc_context *context = instance.context;
    CU_ASSERT_PTR_EQUAL(lc__owner_next(&context), owner);
    lc_signal_error(instance.context, lc_error_new(-EIO, "kept"));
    CHECK_ERROR(lc_signaler_take(instance.signaler), -EIO);
    lc__instance_close(&instance);
    lc_context_unref(above);
    lc__owner_unref(owner);
}

static unsigned owners_released;

static void count_owner(void *owner)
{
    (void)owner;
    owners_released++;
}

/* The relay and the owner are released once, whichever allocation fails, and if none does. */
static void no_memory_releases_all(void)
{
    unsigned failures = 0;
    bool made = false;
    while (!made) {
        struct relayed relayed = {NULL, 0};
        const struct lc__relay relay = {take_relayed, count_release, &relayed, false};
        owners_released = 0;
        lc__memory_fail_at(failures + 1);
        lc_context *context = lc__instance_context(NULL, &relay, &relayed, count_owner);
        lc__memory_fail_at(0);
        made = context != NULL;
        failures += made ? 0 : 1;
        lc_context_unref(context);
        CU_ASSERT_EQUAL(relayed.releases, 1);
        CU_ASSERT_EQUAL(owners_released, 1);
    }
    CU_ASSERT_EQUAL(failures, 2);
}

/* ---- the start ---- */

struct attempt {
    struct lc__instance instance;
    struct fake fake;
    bool makes; /* the work makes the component, before it starts it */
    bool runs;
    lc_handle *ended;
};

static lc_error *make_and_start(void *arg)
{
    struct attempt *attempt = arg;
    if (attempt->makes)
        attempt->instance.component = &attempt->fake.component;
    else
        pthread_exit(NULL);
    return lc__instance_start(&attempt->instance);
}

static void attempt_ended(void *arg)
{
    struct attempt *attempt = arg;
    attempt->runs = lc__instance_start_ended(&attempt->instance);
    lc_handle_close(attempt->ended);
}

/* Starts the component in a thread. @return the error in the signaler afterwards, taken over. */
static lc_error *start_attempt(struct attempt *attempt, bool makes)
{
    const struct lc__launch how = {.kind = LC_THREAD, .name = "store"};
    attempt->makes = makes;
    attempt->fake.component.ops = &fake_ops;
    attempt->ended = lc_handle_new();
    CU_ASSERT_TRUE_FATAL(lc__instance_open(&attempt->instance, "store", NULL, NULL, NULL));
    CU_ASSERT_EQUAL_FATAL(
        lc__instance_launch(&attempt->instance, &how, NULL, make_and_start, attempt_ended, attempt),
        0);
    CHECK_CLOSES(attempt->ended);
    lc_handle_unref(attempt->ended);
    lc_error *error = lc_signaler_take(attempt->instance.signaler);
    CU_ASSERT_FALSE(error && attempt->runs);
    return error;
}

static void start_that_succeeds_runs(void)
{
    struct attempt attempt = {.fake.start = SUCCEEDS};
    CHECK_SUCCESS(start_attempt(&attempt, true));
    CU_ASSERT_TRUE(attempt.runs);
    lc__instance_close(&attempt.instance);
}

static void start_that_fails_is_signalled(void)
{
    struct attempt fails = {.fake.start = FAILS}, throws = {.fake.start = THROWS};
    CHECK_SAYS(start_attempt(&fails, true), -EIO, "fails");
    CHECK_SAYS(start_attempt(&throws, true), -EIO, "throws");
    lc__instance_close(&fails.instance);
    lc__instance_close(&throws.instance);
}

static void start_that_ends_its_thread_has_failed(void)
{
    struct attempt told = {.fake.start = SIGNALS_AND_EXITS}, silent = {.fake.start = EXITS};
    check_log_capture();
    CHECK_SAYS(start_attempt(&told, true), -EIO, "signals");
    CU_ASSERT_EQUAL(check_log_count("ended its task"), 0); /* its own error says why */
    check_log_release();
    CHECK_SAYS(start_attempt(&silent, true), -ECHILD,
               "the start of \"store\" ended its task without an error");
    lc__instance_close(&told.instance);
    lc__instance_close(&silent.instance);
}

static void factory_that_ends_its_thread_has_refused(void)
{
    struct attempt attempt = {.runs = true};
    CHECK_SUCCESS(start_attempt(&attempt, false));
    CU_ASSERT_FALSE(attempt.runs);
    CU_ASSERT_EQUAL(lc_error_code(attempt.instance.refused), -ECHILD);
    lc__instance_close(&attempt.instance);
}

CHECK_SUITE(
    instances, "unit: instances of supervised components",
    {"the component that a factory gives is checked", checks_component},
    {"the context leads to the owner, and relays what is thrown", context_has_owner_and_relay},
    {"a context without an owner leads to the one above, and keeps what is thrown",
     context_without_owner_has_that_above},
    {"without memory for a context, relay and owner are released once", no_memory_releases_all},
    {"a start that succeeds leaves the component running", start_that_succeeds_runs},
    {"a start that fails or throws is signalled", start_that_fails_is_signalled},
    {"a start that ends its thread has failed", start_that_ends_its_thread_has_failed},
    {"a factory that ends its thread has refused", factory_that_ends_its_thread_has_refused});
