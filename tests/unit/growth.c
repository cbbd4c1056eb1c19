/*
 * growth.c: each struct of options may be of an older header, with a field fewer, and of a newer
 * one, with a field more; and zero is the default in each field.
 */
#include "support/check.h"
#include "support/fibers.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SIZE_MOST = 512 };

/* A struct that grows, and the call that reads it. */
struct grown {
    const char *type;
    size_t size;
    size_t last;        /* where its last field begins */
    const void *sample; /* of all that is needed; the last field is zero */
    lc_error *(*use)(const void *options);
};

#define GROWN(of, field, use, ...)                                                                 \
    {                                                                                              \
#of, sizeof(of), offsetof(of, field), &(const of){.size = sizeof(of), __VA_ARGS__ }, use   \
    }

/* What the calls of this file take: a copy with room for a field behind it. */
union room {
    size_t size;
    unsigned char bytes[SIZE_MOST];
};

static lc_error *use(const struct grown *grown, union room *room, size_t size)
{
    room->size = size;
    return grown->use(room);
}

/* The error is -EINVAL and names type and sizes. It is consumed. */
static void check_names_sizes(lc_error *error, const struct grown *grown, size_t given)
{
    char sizes[2][32];
    snprintf(sizes[0], sizeof sizes[0], " %zu", given);
    snprintf(sizes[1], sizeof sizes[1], " %zu", grown->size);
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), grown->type));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), sizes[0]));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), sizes[1]));
    lc_error_unref(error);
}

/* What lies where a later field would be is not read. */
static void check_older(const struct grown *grown)
{
    union room room;
    memset(room.bytes, 0x77, sizeof room.bytes);
    memcpy(room.bytes, grown->sample, grown->last);
    CHECK_SUCCESS(use(grown, &room, grown->last));
}

static void check_newer(const struct grown *grown)
{
    const size_t newer = grown->size + sizeof(int64_t);
    union room room = {.bytes = {0}};
    memcpy(room.bytes, grown->sample, grown->size);
    CHECK_SUCCESS(use(grown, &room, newer));
    room.bytes[newer - 1] = 1;
    check_names_sizes(use(grown, &room, newer), grown, newer);
}

static void check_no_size(const struct grown *grown)
{
    char said[64];
    union room room = {.bytes = {0}};
    memcpy(room.bytes, grown->sample, grown->size);
    lc_error *error = use(grown, &room, 0);
    snprintf(said, sizeof said, "size of %s is 0", grown->type);
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), said));
    lc_error_unref(error);
}

/* ---- the calls ---- */

static lc_error *use_executor(const void *options)
{
    lc_executor *executor = NULL;
    lc_error *error = lc_executor_new(options, &executor);
    CU_ASSERT_EQUAL(executor == NULL, error != NULL);
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
    return error;
}

static lc_handle *has_run;

static void note_run(void *arg)
{
    (void)arg;
    lc_handle_close(has_run);
}

/* The mistake is in the log: it is what the log has more than before. */
static lc_error *use_fiber(const void *options)
{
    static const char *const texts[] = {"size of lc_fiber_options is 0",
                                        "lc_fiber_options has 72 bytes, and a field beyond the 64"};
    has_run = lc_handle_new();
    check_log_capture();
    int result = lc_fiber_start(options);
    lc_error *error = NULL;
    for (size_t i = 0; i < 2 && !error; i++)
        if (check_log_has(texts[i]))
            error = lc_error_new(result, "%s", texts[i]);
    check_log_release();
    if (result == 0)
        CHECK_CLOSES(has_run);
    lc_handle_unref(has_run);
    return error || result == 0 ? error : lc_error_new(-EPROTO, "not refused for its size");
}

static lc_error *use_worker(const void *worker)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("grown");
    lc_manager_builder_add(builder, worker);
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    lc_manager_unref(manager);
    return error;
}

static lc_error *use_port(const void *options)
{
    lc_receive_port port;
    lc_error *error = lc_port_open(options, &port);
    if (!error)
        CU_ASSERT_EQUAL(lc_port_close(port), 0);
    return error;
}

static lc_error *use_group(const void *options)
{
    lc_isolate_group *group = NULL;
    lc_error *error = lc_isolate_group_new(options, &group);
    CU_ASSERT_EQUAL(group == NULL, error != NULL);
    lc_isolate_group_unref(group);
    return error;
}

static lc_error *begin_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

static lc_error *use_isolate(const void *options)
{
    lc_isolate isolate;
    lc_error *error = lc_isolate_spawn(options, &isolate);
    if (error)
        return error;
    lc_handle *done = lc_isolate_done(isolate);
    CHECK_CLOSES(done);
    lc_handle_unref(done);
    return NULL;
}

static lc_error *use_isolate_component(const void *options)
{
    lc_component *component = NULL;
    lc_error *error = lc_isolate_component_new(options, &component);
    CU_ASSERT_EQUAL(component == NULL, error != NULL);
    lc_component_destroy(component);
    return error;
}

static lc_error *use_channel(const void *options)
{
    lc_channel *channel = NULL;
    lc_error *error = lc_channel_new(options, &channel);
    CU_ASSERT_EQUAL(channel == NULL, error != NULL);
    lc_channel_unref(channel);
    return error;
}

static const struct grown all_grown[] = {
    GROWN(lc_executor_options, stall_limit, use_executor, .threads = 2),
    GROWN(lc_worker, group, use_worker, .name = "one", .run = lc_noop_worker),
    GROWN(lc_port_options, limit, use_port, .when_full = LC_FULL_DROP_OLDEST),
    GROWN(lc_isolate_group_options, release, use_group, .threads = 1),
    GROWN(lc_isolate_options, mailbox_limit, use_isolate, .entry = begin_nothing),
    GROWN(lc_isolate_options, mailbox_limit, use_isolate_component, .entry = begin_nothing),
    GROWN(lc_channel_options, discard, use_channel, .capacity = 1),
    GROWN(lc_fiber_options, group, use_fiber, .run = note_run),
};

static void check_each(void (*check)(const struct grown *grown))
{
    for (size_t i = 0; i < sizeof all_grown / sizeof all_grown[0]; i++) {
        CU_ASSERT_TRUE_FATAL(all_grown[i].size + sizeof(int64_t) <= SIZE_MOST);
        check(&all_grown[i]);
    }
}

static void older_structs(void)
{
    check_each(check_older);
}

static void newer_structs(void)
{
    check_each(check_newer);
}

static void structs_without_size(void)
{
    check_each(check_no_size);
}

CHECK_SUITE(growth, "unit: growth of options",
            {"structs of an older header, with a field fewer", older_structs},
            {"structs of a newer header, with a field more", newer_structs},
            {"structs without a size are refused", structs_without_size});
