/*
 * isolates.c: what <lifecycle/isolate.h> promises beside the contract: groups, what is refused and
 * how it is named, other worlds, and calls outside of isolates.
 */
#include "support/isolates.h"
#include "support/check.h"
#include "support/fibers.h"
#include "support/helper.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/scripted_isolate.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static lc_error *do_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

/* ---- groups ---- */

/* What the isolates of a group share. */
struct shared {
    atomic_uint released;
    atomic_uint number;
};

static void release_shared(void *data)
{
    atomic_fetch_add(&((struct shared *)data)->released, 1);
}

static lc_isolate_group *new_group(struct shared *shared)
{
    lc_isolate_group_options options = {.size = sizeof options};
    lc_isolate_group *group;
    options.data = shared;
    options.release = shared ? release_shared : NULL;
    CHECK_SUCCESS(lc_isolate_group_new(&options, &group));
    return group;
}

static void begin_in(struct scripted_isolate *isolate, lc_isolate_group *group)
{
    isolate_init(isolate);
    isolate->options.group = group;
    CU_ASSERT_TRUE(isolate_spawn(isolate));
}

/* With `arg`, a group, as the one it should find itself in. */
static lc_error *adds_one(struct scripted_isolate *isolate, void *arg)
{
    lc_isolate_group *group = lc_isolate_group_current();
    struct shared *shared = lc_isolate_group_data(group);
    if (group != arg)
        return lc_error_new(-100, "another group");
    atomic_fetch_add(&shared->number, 1);
    isolate_say(isolate, "added");
    return NULL;
}

static void isolates_share_data(void)
{
    enum { COUNT = 3 };
    struct shared shared = {.number = 0};
    struct scripted_isolate isolates[COUNT];
    lc_isolate_group *group = new_group(&shared);
    CU_ASSERT_PTR_EQUAL(lc_isolate_group_data(group), &shared);
    for (int i = 0; i < COUNT; i++) {
        begin_in(&isolates[i], group);
        CU_ASSERT_TRUE(isolate_told(&isolates[i], adds_one, group));
    }
    for (int i = 0; i < COUNT; i++) {
        CU_ASSERT_TRUE(hears(isolates[i].notes, "added"));
        isolate_drop(&isolates[i]);
    }
    CU_ASSERT_EQUAL(atomic_load(&shared.number), COUNT);
    lc_isolate_group_unref(group);
}

static bool is_released(void *arg)
{
    const struct shared *shared = arg;
    return atomic_load(&shared->released) == 1;
}

static void data_is_released_with_the_last_reference(void)
{
    struct shared shared = {.number = 0};
    struct scripted_isolate isolate;
    lc_isolate_group *group = new_group(&shared);
    CU_ASSERT_PTR_EQUAL(lc_isolate_group_ref(group), group);
    lc_isolate_group_unref(group);
    begin_in(&isolate, group);
    lc_isolate_group_unref(group);
    CU_ASSERT_TRUE(isolate_told(&isolate, adds_one, group)); /* its isolate keeps it */
    CU_ASSERT_TRUE(hears(isolate.notes, "added"));
    CU_ASSERT_EQUAL(atomic_load(&shared.released), 0);
    isolate_drop(&isolate);
    CU_ASSERT_TRUE(check_until(is_released, &shared));
}

static void no_group(void)
{
    lc_isolate_group_unref(NULL);
    CU_ASSERT_PTR_NULL(lc_isolate_group_ref(NULL));
    CU_ASSERT_PTR_NULL(lc_isolate_group_data(NULL));
    CU_ASSERT_EQUAL(lc_isolate_group_count(NULL), 0);
    CU_ASSERT_PTR_NULL(lc_isolate_group_current());
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(NULL, LC_NOW), -EINVAL);
}

struct counted {
    lc_isolate_group *group;
    size_t count;
};

static bool count_is(void *arg)
{
    const struct counted *counted = arg;
    return lc_isolate_group_count(counted->group) == counted->count;
}

static void group_is_counted(void)
{
    enum { COUNT = 4 };
    struct scripted_isolate isolates[COUNT];
    lc_isolate_group *group = new_group(NULL);
    CU_ASSERT_EQUAL(lc_isolate_group_count(group), 0);
    for (int i = 0; i < COUNT; i++) {
        begin_in(&isolates[i], group);
        CU_ASSERT_EQUAL(lc_isolate_group_count(group), (size_t)i + 1);
    }
    for (int i = 0; i < COUNT; i++) {
        struct counted counted = {group, (size_t)(COUNT - 1 - i)};
        isolate_drop(&isolates[i]);
        CU_ASSERT_TRUE(check_until(count_is, &counted));
    }
    lc_isolate_group_unref(group);
}

/* One that says whether it is in a group. */
struct child {
    struct scripted_isolate *isolate;
    lc_isolate_options options;
};

static lc_error *say_group(void *arg)
{
    struct child *child = arg;
    isolate_say(child->isolate, lc_isolate_group_current() ? "in a group" : "in none");
    return NULL;
}

static lc_error *spawns(struct scripted_isolate *isolate, void *arg)
{
    struct child *child = arg;
    (void)isolate;
    return lc_isolate_spawn(&child->options, NULL);
}

static void children_are_in_the_group(void)
{
    struct scripted_isolate isolate;
    struct child child = {&isolate, {.size = sizeof(lc_isolate_options)}};
    lc_isolate_group *group = new_group(NULL);
    child.options.entry = say_group;
    child.options.arg = &child;
    begin_in(&isolate, group);
    CU_ASSERT_TRUE(isolate_told(&isolate, spawns, &child));
    CU_ASSERT_TRUE(hears(isolate.notes, "in a group"));
    CHECK_SUCCESS(lc_isolate_spawn(&child.options, NULL)); /* not by an isolate */
    CU_ASSERT_TRUE(hears(isolate.notes, "in none"));
    child.options.group = group;
    CHECK_SUCCESS(lc_isolate_spawn(&child.options, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "in a group"));
    isolate_drop(&isolate);
    lc_isolate_group_unref(group);
}

/* ---- groups: threads ---- */

enum { PLACES = 8, ISOLATES = 12, ROUNDS = 20 };

/* The threads that isolates have run on. */
struct places {
    pthread_mutex_t lock;
    pid_t threads[PLACES];
    unsigned count;
};

static lc_error *notes_place(struct scripted_isolate *isolate, void *arg)
{
    struct places *places = arg;
    pid_t self = later_self();
    unsigned found = 0;
    (void)isolate;
    pthread_mutex_lock(&places->lock);
    while (found < places->count && places->threads[found] != self)
        found++;
    if (found == places->count && found < PLACES)
        places->threads[places->count++] = self;
    pthread_mutex_unlock(&places->lock);
    return NULL;
}

/* @return on how many threads of four the isolates of a group have run. */
static unsigned threads_used(unsigned quota)
{
    struct places places = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static struct scripted_isolate isolates[ISOLATES];
    lc_isolate_group_options options = {.size = sizeof options};
    lc_isolate_group *group;
    options.executor = fibers_executor(4);
    options.threads = quota;
    CHECK_SUCCESS(lc_isolate_group_new(&options, &group));
    for (int i = 0; i < ISOLATES; i++) {
        isolate_init(&isolates[i]);
        isolates[i].options.group = group;
        isolates[i].options.spread = true;
        isolates[i].first = notes_place;
        isolates[i].first_arg = &places;
        CU_ASSERT_TRUE(isolate_spawn(&isolates[i]));
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < ISOLATES; i++)
            CU_ASSERT_TRUE(isolate_told(&isolates[i], notes_place, &places));
    for (int i = 0; i < ISOLATES; i++)
        CU_ASSERT_TRUE(isolate_does(&isolates[i], notes_place, &places));
    for (int i = 0; i < ISOLATES; i++)
        isolate_drop(&isolates[i]);
    lc_isolate_group_unref(group);
    fibers_end(options.executor);
    return places.count;
}

static void threads_are_limited(void)
{
    CU_ASSERT_EQUAL(threads_used(1), 1);
    CU_ASSERT_TRUE(threads_used(2) <= 2);
}

static void quota_may_be_more_than_there_is(void)
{
    unsigned used = threads_used(100);
    CU_ASSERT_TRUE(used >= 1 && used <= 4);
    used = threads_used(0);
    CU_ASSERT_TRUE(used >= 1 && used <= 4);
}

/* ---- groups: shutdown ---- */

/* In each state that there is, with messages. */
static void shutdown_kills_all(void)
{
    enum { RUNNING, HANDLING, PAUSED, UNBEGUN, HELD, COUNT };
    struct scripted_isolate isolates[COUNT];
    struct load loads[COUNT];
    lc_isolate_group *group = new_group(NULL);
    for (int i = 0; i < COUNT; i++) {
        isolate_init(&isolates[i]);
        isolates[i].options.group = group;
        isolates[i].options.paused = i == UNBEGUN;
        isolates[i].options.hold_at_start = i == HELD;
        CU_ASSERT_TRUE(isolate_spawn(&isolates[i]));
    }
    CU_ASSERT_EQUAL(lc_isolate_pause(isolates[PAUSED].real, isolates[PAUSED].real.pause), 0);
    CU_ASSERT_TRUE(isolate_told(&isolates[HANDLING], isolate_waits, NULL));
    CU_ASSERT_TRUE(isolate_sleeps(&isolates[HANDLING]));
    for (int i = HANDLING; i <= PAUSED; i++) {
        loads[i] = (struct load){.order = {isolate_says, "message", NULL}};
        CU_ASSERT_TRUE(isolate_sent(&isolates[i], &loads[i]));
    }
    /* Its handler is waited for. */
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(group, lc_deadline_after(LC_MILLISECOND)),
                    -ETIMEDOUT);
    isolate_let_go(&isolates[HANDLING]);
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(group, check_patience()), 0);
    CU_ASSERT_EQUAL(lc_isolate_group_count(group), 0);
    CU_ASSERT_TRUE(hears(isolates[HANDLING].notes, "goes on"));
    for (int i = 0; i < COUNT; i++) {
        CU_ASSERT_TRUE(hears(isolates[i].notes, "exit"));
        CU_ASSERT_TRUE(hears_nothing(isolates[i].notes));
        CU_ASSERT_EQUAL(atomic_load(&isolates[i].entered), i < UNBEGUN);
        CU_ASSERT_EQUAL(atomic_load(&isolates[i].released), 1);
        isolate_drop(&isolates[i]);
    }
    for (int i = HANDLING; i <= PAUSED; i++)
        CU_ASSERT_EQUAL(atomic_load(&loads[i].destroyed), 1);
    lc_isolate_group_unref(group);
}

static void nothing_is_spawned_after_a_shutdown(void)
{
    struct scripted_isolate isolate;
    lc_isolate none;
    lc_isolate_group *group = new_group(NULL);
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(group, LC_NOW), 0); /* of none */
    isolate_init(&isolate);
    isolate.options.group = group;
    CHECK_ERROR(lc_isolate_spawn(&isolate.options, &none), -ESHUTDOWN);
    CHECK_ERROR(lc_isolate_spawn(&isolate.options, NULL), -ESHUTDOWN);
    CU_ASSERT_EQUAL(atomic_load(&isolate.released), 0);
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(lc_isolate_group_count(group), 0);
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(group, LC_NOW), 0); /* again */
    isolate_drop(&isolate);
    lc_isolate_group_unref(group);
}

static lc_error *shuts_down(struct scripted_isolate *isolate, void *arg)
{
    int result = lc_isolate_group_shutdown(arg, LC_FOREVER);
    isolate_say(isolate, result == -EDEADLK ? "deadlock" : result == 0 ? "down" : "?");
    return NULL;
}

static void an_isolate_does_not_shut_its_own_group_down(void)
{
    struct scripted_isolate isolate;
    lc_isolate_group *group = new_group(NULL);
    begin_in(&isolate, group);
    CU_ASSERT_TRUE(isolate_told(&isolate, shuts_down, group));
    CU_ASSERT_TRUE(hears(isolate.notes, "deadlock"));
    CU_ASSERT_TRUE(isolate_does(&isolate, isolate_says, "lives"));
    CU_ASSERT_TRUE(hears(isolate.notes, "lives"));
    isolate_drop(&isolate);
    lc_isolate_group_unref(group);
}

static void an_isolate_shuts_another_group_down(void)
{
    struct scripted_isolate isolate, member;
    lc_isolate_group *group = new_group(NULL), *other = new_group(NULL);
    begin_in(&isolate, group);
    begin_in(&member, other);
    CU_ASSERT_TRUE(isolate_told(&isolate, shuts_down, other));
    CU_ASSERT_TRUE(hears(isolate.notes, "down"));
    CU_ASSERT_TRUE(hears(member.notes, "exit"));
    isolate_drop(&member);
    isolate_drop(&isolate);
    lc_isolate_group_unref(other);
    lc_isolate_group_unref(group);
}

/* Killed while it waits for the end of the others. */
static void killed_while_it_shuts_a_group_down(void)
{
    struct scripted_isolate isolate, member;
    lc_isolate_group *other = new_group(NULL);
    isolate_begin(&isolate);
    begin_in(&member, other);
    CU_ASSERT_TRUE(isolate_told(&member, isolate_waits, NULL));
    CU_ASSERT_TRUE(isolate_sleeps(&member));
    CU_ASSERT_TRUE(isolate_told(&isolate, shuts_down, other));
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    isolate_let_go(&member);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    isolate_drop(&isolate);
    isolate_drop(&member);
    lc_isolate_group_unref(other);
}

struct closing {
    lc_isolate_group *group;
    atomic_int result;
};

static void shut_down(void *arg)
{
    struct closing *closing = arg;
    atomic_store(&closing->result, lc_isolate_group_shutdown(closing->group, check_patience()));
}

static void several_shut_a_group_down(void)
{
    enum { COUNT = 3 };
    struct scripted_isolate isolate;
    struct closing closing = {new_group(NULL), -1};
    struct helper helpers[COUNT];
    begin_in(&isolate, closing.group);
    for (int i = 0; i < COUNT; i++)
        helper_start(&helpers[i], shut_down, &closing);
    for (int i = 0; i < COUNT; i++) {
        helper_join(&helpers[i]);
        CU_ASSERT_EQUAL(atomic_load(&closing.result), 0);
    }
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    isolate_drop(&isolate);
    lc_isolate_group_unref(closing.group);
}

/* ---- what is refused ---- */

static const char name_of_64[] = "0123456789012345678901234567890123456789012345678901234567890123";
static const char name_of_65[] =
    "01234567890123456789012345678901234567890123456789012345678901234";

/* That it is refused, and its message holds the text. */
static void refused(lc_error *error, const char *text)
{
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), text));
    lc_error_unref(error);
}

static void group_refused(const lc_isolate_group_options *options, const char *text)
{
    lc_isolate_group *group = (lc_isolate_group *)(uintptr_t)options; /* to be set to NULL */
    refused(lc_isolate_group_new(options, &group), text);
    CU_ASSERT_PTR_NULL(group);
}

static void bad_groups_are_refused(void)
{
    static const lc_isolate_group_options good = {.size = sizeof good};
    lc_isolate_group_options options = good;
    lc_isolate_group *group;
    options.size = 0;
    group_refused(&options, "size of lc_isolate_group_options is 0");
    options = good;
    options.name = "";
    group_refused(&options, "name of 1 to 64 bytes");
    options.name = name_of_65;
    group_refused(&options, "name of 1 to 64 bytes");
    refused(lc_isolate_group_new(&good, NULL), "place");
    options.name = name_of_64;
    CHECK_SUCCESS(lc_isolate_group_new(&options, &group));
    lc_isolate_group_unref(group);
}

/* Spawned, and as a component. */
static void isolate_refused(const lc_isolate_options *options, const char *text)
{
    lc_isolate isolate;
    lc_component *component = (lc_component *)(uintptr_t)options; /* to be set to NULL */
    refused(lc_isolate_spawn(options, &isolate), text);
    refused(lc_isolate_spawn(options, NULL), text);
    refused(lc_isolate_component_new(options, &component), text);
    CU_ASSERT_PTR_NULL(component);
}

static void bad_isolates_are_refused(void)
{
    lc_isolate_options good = {.size = sizeof good}, options = good;
    good.entry = do_nothing;
    good.name = "spoilt";
    isolate_refused(NULL, "\"isolate\" has no entry");
    options.size = 0;
    isolate_refused(&options, "size of lc_isolate_options is 0");
    options = good;
    options.name = "";
    isolate_refused(&options, "1 to 64 bytes");
    options.name = name_of_65;
    isolate_refused(&options, "1 to 64 bytes");
    options = good;
    options.entry = NULL;
    isolate_refused(&options, "\"spoilt\" has no entry");
    options = good;
    options.mailbox_limit = UINT32_MAX;
    isolate_refused(&options, "mailbox_limit of 4294967295");
    options = good;
    options.when_full = (lc_when_full)3;
    isolate_refused(&options, "\"spoilt\" has a when_full of 3");
    options = good;
    options.exit_response = (lc_payload){NULL, 1, NULL};
    isolate_refused(&options, "\"spoilt\" has an exit_response");
}

static void isolate_of_another_executor_is_refused(void)
{
    lc_isolate_options options = {.size = sizeof options};
    options.entry = do_nothing;
    options.name = "astray";
    options.group = new_group(NULL);
    options.executor = fibers_executor(1);
    isolate_refused(&options, "\"astray\" has a group of another executor");
    fibers_end(options.executor);
    options.executor = lc_executor_current(); /* the group's */
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(options.group, check_patience()), 0);
    lc_isolate_group_unref(options.group);
}

static void bad_components_are_refused(void)
{
    struct load load = {.destroyed = 0};
    lc_isolate_options options = {.size = sizeof options};
    lc_component *component;
    options.entry = do_nothing;
    refused(lc_isolate_component_new(&options, NULL), "place");
    options.exit_response = load_payload(&load);
    refused(lc_isolate_component_new(&options, &component), "exit_response of isolate \"isolate\"");
    CU_ASSERT_PTR_NULL(component);
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 0);
}

static void the_most_is_taken(void)
{
    struct scripted_isolate isolate;
    char name[LC_NAME_MAX + 1] = "";
    isolate_init(&isolate);
    isolate.options.name = name_of_64;
    isolate.options.mailbox_limit = UINT32_MAX - 1;
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_copy_name(isolate.real, name, sizeof name), 0);
    CU_ASSERT_STRING_EQUAL(name, name_of_64);
    isolate_drop(&isolate);
}

static void uri_refused(const char *uri, const lc_isolate_options *options, const char *text)
{
    refused(lc_isolate_spawn_uri(uri, 0, NULL, NULL, options, NULL), text);
}

static void bad_spawns_from_objects_are_refused(void)
{
    static const char *const arguments[] = {"one", NULL};
    static const lc_payload bad = {NULL, 1, NULL};
    lc_isolate_options good = {.size = sizeof good}, options = good;
    uri_refused(NULL, NULL, "URI");
    uri_refused("", NULL, "URI");
    options.size = 0;
    uri_refused("x.so", &options, "size of lc_isolate_options is 0");
    options = good;
    options.entry = do_nothing;
    uri_refused("x.so", &options, "entry, arg, release or group");
    options = good;
    options.arg = &options;
    uri_refused("x.so", &options, "entry, arg, release or group");
    options = good;
    options.release = release_shared;
    uri_refused("x.so", &options, "entry, arg, release or group");
    options = good;
    options.group = new_group(NULL);
    uri_refused("x.so", &options, "entry, arg, release or group");
    lc_isolate_group_unref(options.group);
    refused(lc_isolate_spawn_uri("x.so", -1, arguments, NULL, NULL, NULL), "-1 arguments");
    refused(lc_isolate_spawn_uri("x.so", 1, NULL, NULL, NULL, NULL), "1 arguments");
    refused(lc_isolate_spawn_uri("x.so", 2, arguments, NULL, NULL, NULL), "argument 1");
    refused(lc_isolate_spawn_uri("x.so", 1, arguments, &bad, NULL, NULL), "first message");
}

static lc_error *compute_nothing(lc_payload *result, void *arg)
{
    (void)arg;
    (void)result;
    return NULL;
}

static void bad_runs_are_refused(void)
{
    lc_message *result;
    refused(lc_isolate_compute(NULL, NULL, NULL, &result, LC_FOREVER), "computation");
    refused(lc_isolate_compute(NULL, compute_nothing, NULL, NULL, LC_FOREVER), "result");
    refused(lc_isolate_compute("", compute_nothing, NULL, &result, LC_FOREVER), "1 to 64 bytes");
    refused(lc_isolate_compute(name_of_65, compute_nothing, NULL, &result, LC_FOREVER),
            "1 to 64 bytes");
    CU_ASSERT_PTR_NULL(result);
}

static void bad_control_is_refused(void)
{
    struct scripted_isolate isolate;
    char name[8];
    isolate_begin(&isolate);
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate.real, LC_NO_CAPABILITY), -EINVAL);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate.real, LC_NO_CAPABILITY), -ENOENT);
    CU_ASSERT_EQUAL(lc_isolate_copy_name(isolate.real, NULL, 8), -EINVAL);
    CU_ASSERT_EQUAL(lc_isolate_copy_name(isolate.real, name, 0), -EINVAL);
    CU_ASSERT_EQUAL(lc_isolate_copy_name(isolate.real, name, 3), 0);
    CU_ASSERT_STRING_EQUAL(name, "is");
    isolate_drop(&isolate);
    CU_ASSERT_EQUAL(lc_isolate_copy_name(isolate.real, name, sizeof name), -ESRCH);
}

/* The address of no isolate. */
static void control_of_none(void)
{
    const lc_isolate none = {LC_NO_PORT, LC_NO_CAPABILITY, LC_NO_CAPABILITY};
    lc_receive_port port = open_port();
    const lc_isolate no_isolate = {port.send, lc_capability_new(), lc_capability_new()};
    const lc_isolate both[] = {none, no_isolate};
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(lc_isolate_read_state(both[i]), LC_ISOLATE_ENDED);
        CU_ASSERT_EQUAL(lc_isolate_kill(both[i], LC_PRIORITY_IMMEDIATE), -ESRCH);
        CU_ASSERT_EQUAL(lc_isolate_pause(both[i], lc_capability_new()), -ESRCH);
        CU_ASSERT_EQUAL(lc_isolate_ping(both[i], port.send, NULL, LC_PRIORITY_DEFAULT), -ESRCH);
        CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(both[i], port.send, NULL), -ESRCH);
        CU_ASSERT_EQUAL(lc_isolate_add_error_listener(both[i], port.send), -ESRCH);
        CU_ASSERT_EQUAL(lc_isolate_end_hold(both[i]), -ESRCH);
        CU_ASSERT_PTR_EQUAL(lc_isolate_ready(both[i]), lc_handle_new_closed());
        CU_ASSERT_PTR_EQUAL(lc_isolate_done(both[i]), lc_handle_new_closed());
    }
    CU_ASSERT_TRUE(hears_nothing(port));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

/* ---- states ---- */

static void states_are_told(void)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.paused = true;
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_PAUSED);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate.real, isolate.real.pause), 0);
    CU_ASSERT_TRUE(isolate_is_ready(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_RUNNING);
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate.real, isolate.real.pause), 0);
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_PAUSED);
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_DEFAULT), 0);
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_ENDED);
    isolate_drop(&isolate);
}

/* On one thread with its spawner: its entry cannot have run. */
static void look_before_the_entry(void *unused)
{
    struct scripted_isolate isolate;
    (void)unused;
    isolate_init(&isolate);
    CHECK_SUCCESS(lc_isolate_spawn(&isolate.options, &isolate.real));
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_START);
    isolate.done = lc_isolate_done(isolate.real);
    CU_ASSERT_TRUE(isolate_is_ready(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_RUNNING);
    isolate_drop(&isolate);
}

static void state_before_the_entry(void)
{
    fibers_here(look_before_the_entry, NULL);
}

/* ---- callers that are no isolates ---- */

static void caller_is_no_isolate(void)
{
    lc_isolate isolate = {.pause = {{1, 2}}};
    CU_ASSERT_FALSE(lc_isolate_current(NULL));
    CU_ASSERT_FALSE(lc_isolate_current(&isolate));
    CU_ASSERT_PTR_NULL(lc_isolate_context());
    lc_isolate_check();
}

CHECK_CHILD(exit_outside_of_an_isolate)
{
    lc_isolate_exit(LC_NO_PORT, NULL);
}

static void call_exit(void *unused)
{
    (void)unused;
    lc_isolate_exit(LC_NO_PORT, NULL);
}

static lc_error *exit_in_callback(void *gate)
{
    lc_handle_on_close(gate, call_exit, NULL, NULL);
    lc_handle_close(gate);
    return NULL;
}

/* Without CUnit, which a child has not. */
CHECK_CHILD(exit_in_a_callback)
{
    lc_isolate_options options = {.size = sizeof options};
    lc_handle *gate = lc_handle_new();
    lc_isolate isolate;
    options.entry = exit_in_callback;
    options.arg = gate;
    lc_error_unref(lc_isolate_spawn(&options, &isolate));
    lc_handle *done = lc_isolate_done(isolate);
    lc_handle_wait(done, check_patience());
    return 0;
}

static void exit_is_an_isolates(void)
{
    static const char *const children[] = {"exit_outside_of_an_isolate", "exit_in_a_callback"};
    for (int i = 0; i < 2; i++) {
        struct check_exit end = check_child(children[i]);
        CU_ASSERT_EQUAL(end.status, 70);
        CU_ASSERT_PTR_NOT_NULL(strstr(end.errors, "lc_isolate_exit"));
    }
}

/* ---- an exit's last message ---- */

struct last {
    lc_send_port port;
    lc_payload payload;
};

static lc_error *exits_with(struct scripted_isolate *isolate, void *arg)
{
    const struct last *last = arg;
    (void)isolate;
    lc_isolate_exit(last->port, &last->payload);
}

/* @return how often what it moves was destroyed by the end. */
static unsigned destroyed_by_exit(bool to_a_port, bool received)
{
    struct scripted_isolate isolate;
    struct load load = {.destroyed = 0};
    isolate_begin(&isolate);
    lc_receive_port port = open_port();
    const struct last last = {to_a_port ? port.send : LC_NO_PORT, load_payload(&load)};
    CU_ASSERT_TRUE(received || lc_port_close(port) == 0);
    CU_ASSERT_TRUE(isolate_told(&isolate, exits_with, &last));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), !(to_a_port && received));
    CU_ASSERT_TRUE(!received || lc_port_close(port) == 0);
    isolate_drop(&isolate);
    return atomic_load(&load.destroyed);
}

static void last_message_is_destroyed_once(void)
{
    CU_ASSERT_EQUAL(destroyed_by_exit(true, true), 1);
    CU_ASSERT_EQUAL(destroyed_by_exit(true, false), 1);
    CU_ASSERT_EQUAL(destroyed_by_exit(false, true), 1);
}

static void bad_last_message_is_logged(void)
{
    struct scripted_isolate isolate;
    struct last last = {LC_NO_PORT, {NULL, 1, NULL}};
    isolate_begin(&isolate);
    last.port = isolate.notes.send;
    check_log_capture();
    CU_ASSERT_TRUE(isolate_told(&isolate, exits_with, &last));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(check_log_has("last message of an isolate"));
    check_log_release();
    isolate_drop(&isolate);
}

/* ---- other worlds ---- */

/* `arg` is a group of the real world. */
static lc_error *spawn_into_the_real_world(void *arg)
{
    lc_isolate_group *group = arg;
    lc_isolate_options options = {.size = sizeof options};
    lc_receive_port port = open_port();
    struct load load = {.destroyed = 0};
    options.entry = do_nothing;
    options.group = group;
    options.on_exit = port.send;
    options.exit_response = load_payload(&load);
    CHECK_ERROR(lc_isolate_spawn(&options, NULL), -ENOTSUP);
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 0);
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    return NULL;
}

static void worlds_do_not_mix(void)
{
    lc_isolate_group *group = new_group(NULL);
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &world));
    lc_isolate_options options = {.size = sizeof options};
    options.entry = do_nothing;
    options.executor = world;
    CHECK_ERROR(lc_isolate_spawn(&options, NULL), -ENOTSUP);
    CHECK_SUCCESS(lc_executor_run(world, spawn_into_the_real_world, group));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    CU_ASSERT_EQUAL(lc_isolate_group_count(group), 0);
    lc_isolate_group_unref(group);
}

/* ---- values ---- */

static void capabilities_are_values(void)
{
    enum { COUNT = 100 };
    lc_capability made[COUNT];
    for (int i = 0; i < COUNT; i++) {
        made[i] = lc_capability_new();
        CU_ASSERT_FALSE(lc_capability_equal(made[i], LC_NO_CAPABILITY));
        for (int before = 0; before < i; before++)
            CU_ASSERT_FALSE(lc_capability_equal(made[i], made[before]));
        lc_capability copy = made[i];
        CU_ASSERT_TRUE(lc_capability_equal(copy, made[i]));
        CU_ASSERT_EQUAL(lc_capability_hash(copy), lc_capability_hash(made[i]));
    }
}

/* Neither half of a capability is in its hash, nor what one bit changes in it. */
static void hash_gives_no_capability_away(void)
{
    enum { COUNT = 1000 };
    unsigned ones = 0;
    for (int i = 0; i < COUNT; i++) {
        lc_capability made = lc_capability_new();
        uint64_t hash = lc_capability_hash(made);
        CU_ASSERT_NOT_EQUAL(hash, made.id[0]);
        CU_ASSERT_NOT_EQUAL(hash, made.id[1]);
        CU_ASSERT_NOT_EQUAL(hash, made.id[0] ^ made.id[1]);
        made.id[i % 2] ^= UINT64_C(1) << i % 64;
        ones += (unsigned)__builtin_popcountll(hash ^ lc_capability_hash(made));
    }
    /* Half of all bits: 32,000, of which the standard deviation is 127. */
    CU_ASSERT_TRUE(ones > 31000 && ones < 33000);
}

static lc_error *hash_in_a_simulation(void *hash)
{
    *(uint64_t *)hash = lc_capability_hash((lc_capability){{1, 2}});
    return NULL;
}

static void hash_is_repeated_by_a_simulation(void)
{
    uint64_t hashes[2];
    for (unsigned i = 0; i < 2; i++) {
        lc_executor *world = NULL;
        CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = i + 1), &world));
        CHECK_SUCCESS(lc_executor_run(world, hash_in_a_simulation, &hashes[i]));
        CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    }
    CU_ASSERT_EQUAL(hashes[0], hashes[1]);
    CU_ASSERT_NOT_EQUAL(hashes[0], lc_capability_hash((lc_capability){{1, 2}}));
}

/* ---- limits ---- */

static void pauses_have_a_limit(void)
{
    struct agent agent;
    static lc_capability keys[LC_ISOLATE_PAUSES_MAX];
    lc_capability one_more = lc_capability_new();
    agent_start(&agent);
    for (size_t i = 0; i < LC_ISOLATE_PAUSES_MAX; i++) {
        keys[i] = lc_capability_new();
        CU_ASSERT_EQUAL(lc_isolate_pause(agent.isolate, keys[i]), 0);
    }
    CU_ASSERT_EQUAL(lc_isolate_pause(agent.isolate, one_more), -EMFILE);
    CU_ASSERT_EQUAL(lc_isolate_pause(agent.isolate, keys[7]), 0); /* it is there */
    CU_ASSERT_EQUAL(lc_isolate_resume(agent.isolate, one_more), -ENOENT);
    CU_ASSERT_EQUAL(lc_isolate_resume(agent.isolate, keys[7]), 0);
    CU_ASSERT_EQUAL(lc_isolate_pause(agent.isolate, one_more), 0);
    CU_ASSERT_EQUAL(lc_isolate_pause(agent.isolate, keys[7]), -EMFILE);
    agent_stop(&agent);
}

static void listeners_have_a_limit(void)
{
    static lc_receive_port ports[LC_ISOLATE_LISTENERS_MAX + 1];
    struct agent agent;
    struct parcel parcel = {.number = 1};
    const lc_payload payload = {&parcel, sizeof parcel, parcel_destroy};
    agent_start(&agent);
    lc_isolate isolate = agent.isolate;
    for (size_t i = 0; i < LC_ISOLATE_LISTENERS_MAX; i++) {
        ports[i] = probe_open();
        CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate, ports[i].send, NULL), 0);
        CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate, ports[i].send), 0);
    }
    ports[LC_ISOLATE_LISTENERS_MAX] = probe_open();
    lc_send_port more = ports[LC_ISOLATE_LISTENERS_MAX].send;
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate, more, &payload), -EMFILE);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate, more), -EMFILE);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate, ports[7].send, NULL), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate, ports[7].send), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_exit_listener(isolate, ports[7].send), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(isolate, ports[7].send), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate, more, NULL), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate, more), 0);
    agent_stop(&agent);
    PROBE_GETS(ports[LC_ISOLATE_LISTENERS_MAX], 0);
    CU_ASSERT_TRUE(probe_is_empty(ports[7]));
    for (size_t i = 0; i <= LC_ISOLATE_LISTENERS_MAX; i++)
        probe_close(ports[i]);
}

CHECK_SUITE_IN_MODES(
    isolate_groups, "unit: groups of isolates",
    {"isolates of a group share data", isolates_share_data},
    {"a group's data is released with the last reference",
     data_is_released_with_the_last_reference},
    {"no group is none", no_group}, {"a group counts those alive", group_is_counted},
    {"what an isolate spawns is in its group", children_are_in_the_group},
    {"a group's isolates run on its threads only", threads_are_limited, CHECK_KERNEL},
    {"a group may be given more threads than there are", quota_may_be_more_than_there_is,
     CHECK_KERNEL},
    {"a shutdown kills all isolates of a group", shutdown_kills_all},
    {"after a shutdown nothing is spawned in a group", nothing_is_spawned_after_a_shutdown},
    {"an isolate does not shut its own group down", an_isolate_does_not_shut_its_own_group_down},
    {"an isolate shuts another group down", an_isolate_shuts_another_group_down},
    {"an isolate that is killed while it shuts a group down leaves nothing behind",
     killed_while_it_shuts_a_group_down},
    {"several may shut a group down", several_shut_a_group_down});

CHECK_SUITE(isolates, "unit: isolates", {"bad groups are refused", bad_groups_are_refused},
            {"bad isolates are refused, and the option is named", bad_isolates_are_refused},
            {"an isolate of another executor than its group's is refused",
             isolate_of_another_executor_is_refused},
            {"bad components are refused", bad_components_are_refused},
            {"the longest name and the largest mailbox are taken", the_most_is_taken},
            {"bad spawns from shared objects are refused", bad_spawns_from_objects_are_refused},
            {"bad runs are refused", bad_runs_are_refused},
            {"bad control is refused", bad_control_is_refused},
            {"control of no isolate does nothing", control_of_none},
            {"states are told", states_are_told},
            {"before its entry an isolate is at its start", state_before_the_entry},
            {"a caller that is no isolate has neither reference nor context", caller_is_no_isolate},
            {"an exit outside of isolates ends the process with 70", exit_is_an_isolates},
            {"an exit's last message is destroyed once", last_message_is_destroyed_once},
            {"an exit's last message that is none is logged", bad_last_message_is_logged},
            {"isolates are not spawned between a simulation and the real world", worlds_do_not_mix},
            {"capabilities are values, unlike each other", capabilities_are_values},
            {"a capability's hash tells nothing of it", hash_gives_no_capability_away},
            {"a simulation repeats the hash of a capability", hash_is_repeated_by_a_simulation},
            {"an isolate has 4,096 pauses and no more", pauses_have_a_limit},
            {"an isolate has 4,096 listeners of a kind and no more", listeners_have_a_limit});
