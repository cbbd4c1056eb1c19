/*
 * watch.c: values with versions: what readers find, how long it lives, when it is released, and
 * that no reader misses the last.
 */
#include "support/check.h"
#include "support/helper.h"
#include "support/mode.h"
#include "support/race.h"

#include "base/memory.h"

#include <errno.h>
#include <stdatomic.h>

/** A value that knows how often it was released, and on which watch it is to look then. */
struct thing {
    int number;
    atomic_uint released;
    lc_watch *watch;  /**< read in the release; NULL: none */
    uint64_t version; /**< what was current then */
};

static void release(void *value)
{
    struct thing *thing = value;
    atomic_fetch_add(&thing->released, 1);
    lc_watch_value *current = lc_watch_read(thing->watch); /* a lock still held would hang here */
    thing->version = lc_watch_value_version(current);
    lc_watch_value_unref(current);
}

static void publish(lc_watch *watch, struct thing *thing)
{
    CU_ASSERT_EQUAL(lc_watch_publish(watch, thing, release), 0);
}

static void first_value_opens_the_watch(void)
{
    struct thing thing = {.number = 1};
    lc_watch *watch = lc_watch_new();
    CHECK_OPEN(lc_watch_published(watch));
    CU_ASSERT_PTR_NULL(lc_watch_read(watch));
    publish(watch, &thing);
    CHECK_CLOSES(lc_watch_published(watch));
    lc_watch_value *value = lc_watch_read(watch);
    CU_ASSERT_PTR_EQUAL(lc_watch_value_data(value), &thing);
    CU_ASSERT_EQUAL(lc_watch_value_version(value), 1);
    CHECK_OPEN(lc_watch_value_replaced(value));
    lc_watch_value_unref(value);
    CU_ASSERT_EQUAL(thing.released, 0);
    lc_watch_unref(watch);
    CU_ASSERT_EQUAL(thing.released, 1);
}

static void old_value_is_held_while_newer_come(void)
{
    struct thing things[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    lc_watch *watch = lc_watch_new();
    publish(watch, &things[0]);
    lc_watch_value *old = lc_watch_read(watch);
    publish(watch, &things[1]);
    CHECK_CLOSES(lc_watch_value_replaced(old));
    publish(watch, &things[2]);
    CU_ASSERT_EQUAL(things[1].released, 1); /* it had not been read */
    CU_ASSERT_EQUAL(things[0].released, 0);
    CU_ASSERT_EQUAL(((struct thing *)lc_watch_value_data(old))->number, 1);
    lc_watch_value *newest = lc_watch_read(watch);
    CU_ASSERT_EQUAL(lc_watch_value_version(newest), 3);
    lc_watch_value *again = lc_watch_value_ref(old);
    lc_watch_value_unref(old);
    CU_ASSERT_EQUAL(things[0].released, 0);
    lc_watch_value_unref(again);
    CU_ASSERT_EQUAL(things[0].released, 1);
    lc_watch_unref(watch);
    CU_ASSERT_EQUAL(things[2].released, 0); /* a value outlives its watch */
    CHECK_OPEN(lc_watch_value_replaced(newest));
    lc_watch_value_unref(newest);
    CU_ASSERT_EQUAL(things[2].released, 1);
}

static void release_may_read_the_watch(void)
{
    struct thing things[2] = {{.number = 1}, {.number = 2}};
    lc_watch *watch = lc_watch_new();
    things[0].watch = watch;
    publish(watch, &things[0]);
    publish(watch, &things[1]);
    CU_ASSERT_EQUAL(things[0].released, 1);
    CU_ASSERT_EQUAL(things[0].version, 2);
    lc_watch_unref(watch);
}

static void read_again(void *arg)
{
    lc_watch_value *value = lc_watch_read(arg);
    CU_ASSERT_EQUAL(lc_watch_value_version(value), 2);
    lc_watch_value_unref(value);
}

static void callback_of_a_handle_finds_the_newer_value(void)
{
    struct thing things[2] = {{.number = 1}, {.number = 2}};
    lc_watch *watch = lc_watch_new();
    publish(watch, &things[0]);
    lc_watch_value *value = lc_watch_read(watch);
    CU_ASSERT_EQUAL(lc_handle_on_close(lc_watch_value_replaced(value), read_again, watch, NULL), 0);
    publish(watch, &things[1]);
    lc_watch_value_unref(value);
    lc_watch_unref(watch);
}

static void handles_keep_what_they_are_part_of(void)
{
    struct thing thing = {.number = 1};
    lc_watch *watch = lc_watch_ref(lc_watch_new());
    lc_watch_unref(watch);
    publish(watch, &thing);
    lc_handle *published = lc_handle_ref(lc_watch_published(watch));
    lc_watch_value *value = lc_watch_read(watch);
    lc_handle *replaced = lc_handle_ref(lc_watch_value_replaced(value));
    lc_watch_value_unref(value);
    lc_watch_unref(watch);
    CU_ASSERT_TRUE(lc_handle_is_closed(published));
    lc_handle_unref(published);
    CU_ASSERT_EQUAL(thing.released, 0);
    lc_handle_unref(replaced);
    CU_ASSERT_EQUAL(thing.released, 1);
}

static void null_is_a_value_and_null_for_a_watch_is_accepted(void)
{
    lc_watch *watch = lc_watch_new();
    CU_ASSERT_EQUAL(lc_watch_publish(NULL, watch, NULL), -EINVAL);
    CU_ASSERT_EQUAL(lc_watch_publish(watch, NULL, NULL), 0);
    lc_watch_value *value = lc_watch_read(watch);
    CU_ASSERT_PTR_NOT_NULL(value);
    CU_ASSERT_PTR_NULL(lc_watch_value_data(value));
    lc_watch_value_unref(value);
    lc_watch_unref(watch);
    CU_ASSERT_PTR_NULL(lc_watch_ref(NULL));
    CU_ASSERT_PTR_NULL(lc_watch_read(NULL));
    CU_ASSERT_PTR_NULL(lc_watch_published(NULL));
    CU_ASSERT_PTR_NULL(lc_watch_value_ref(NULL));
    CU_ASSERT_PTR_NULL(lc_watch_value_data(NULL));
    CU_ASSERT_EQUAL(lc_watch_value_version(NULL), 0);
    CU_ASSERT_PTR_NULL(lc_watch_value_replaced(NULL));
    lc_watch_value_unref(NULL);
    lc_watch_unref(NULL);
}

static void without_memory_the_old_value_stays(void)
{
    struct thing things[2] = {{.number = 1}, {.number = 2}};
    lc_watch *watch = lc_watch_new();
    publish(watch, &things[0]);
    lc__memory_fail_at(1);
    CU_ASSERT_EQUAL(lc_watch_publish(watch, &things[1], release), -ENOMEM);
    lc__memory_fail_at(1);
    CU_ASSERT_PTR_NULL(lc_watch_new());
    lc__memory_fail_at(0);
    lc_watch_value *value = lc_watch_read(watch);
    CU_ASSERT_EQUAL(lc_watch_value_version(value), 1);
    CHECK_OPEN(lc_watch_value_replaced(value));
    lc_watch_value_unref(value);
    lc_watch_unref(watch);
    CU_ASSERT_EQUAL(things[1].released, 0);
}

/* ---- read, use, wait: in each world ---- */

enum { READERS = 3, VALUES = 200 };

struct fixture {
    lc_watch *watch;
    lc_context *context;
    lc_handle *looked;
    struct thing things[VALUES];
};

struct reader {
    struct fixture *fixture;
    unsigned looks;
    uint64_t last;  /**< the version that was seen last */
    bool backwards; /**< an older version came behind a newer one, or a value of another version */
    bool freed;     /**< a value was released while it was held */
};

static void look(struct reader *reader, lc_watch_value *value)
{
    const struct thing *thing = lc_watch_value_data(value);
    uint64_t version = lc_watch_value_version(value);
    reader->looks++;
    reader->backwards |= version <= reader->last || (uint64_t)thing->number != version;
    reader->last = version;
    lc_yield();
    reader->freed |= atomic_load(&thing->released) > 0;
}

/** The loop of the header's comment. */
static void follow(void *arg)
{
    struct reader *reader = arg;
    lc_context *context = reader->fixture->context;
    lc_waitable first = lc_on_handle(lc_watch_published(reader->fixture->watch));
    if (lc_context_wait_any(context, &first, 1, LC_FOREVER) < 0)
        return;
    while (!lc_context_error(context)) {
        lc_watch_value *value = lc_watch_read(reader->fixture->watch);
        look(reader, value);
        if (reader->looks == 1)
            lc_handle_close(reader->fixture->looked);
        lc_waitable next = lc_on_handle(lc_watch_value_replaced(value));
        lc_context_wait_any(context, &next, 1, LC_FOREVER);
        lc_watch_value_unref(value);
    }
}

/** Waits for no context: a last value that a reader missed would leave it waiting for ever. */
static void follow_to_the_last(void *arg)
{
    struct reader *reader = arg;
    bool began = lc_handle_wait(lc_watch_published(reader->fixture->watch), check_patience()) == 0;
    while (began && reader->last < VALUES) {
        lc_watch_value *value = lc_watch_read(reader->fixture->watch);
        look(reader, value);
        if (reader->last < VALUES &&
            lc_handle_wait(lc_watch_value_replaced(value), check_patience()) < 0)
            reader->last = UINT64_MAX;
        lc_watch_value_unref(value);
    }
}

static void no_reader_misses_the_last(void)
{
    struct fixture fixture = {.watch = lc_watch_new()};
    struct reader readers[READERS] = {
        {.fixture = &fixture}, {.fixture = &fixture}, {.fixture = &fixture}};
    struct helper helpers[READERS];
    for (size_t i = 0; i < READERS; i++)
        helper_start(&helpers[i], follow_to_the_last, &readers[i]);
    for (int i = 0; i < VALUES; i++) {
        fixture.things[i].number = i + 1;
        CU_ASSERT_EQUAL(lc_watch_publish(fixture.watch, &fixture.things[i], release), 0);
        if (i % 8 == 0)
            lc_yield();
    }
    for (size_t i = 0; i < READERS; i++) {
        helper_join(&helpers[i]);
        CU_ASSERT_EQUAL(readers[i].last, VALUES);
        CU_ASSERT_FALSE(readers[i].backwards);
        CU_ASSERT_FALSE(readers[i].freed);
    }
    lc_watch_unref(fixture.watch);
    for (int i = 0; i < VALUES; i++)
        CU_ASSERT_EQUAL(fixture.things[i].released, 1);
}

static void end_of_a_context_ends_the_loop(void)
{
    struct thing thing = {.number = 1};
    struct fixture fixture = {lc_watch_new(), lc_context_new(NULL), lc_handle_new(), {{0}}};
    struct reader readers[2] = {{.fixture = &fixture}, {.fixture = &fixture}};
    struct helper helper;
    helper_start(&helper, follow, &readers[0]);
    publish(fixture.watch, &thing);
    CHECK_CLOSES(fixture.looked);
    lc_context_cancel(fixture.context, NULL);
    helper_join(&helper);
    CU_ASSERT_EQUAL(readers[0].looks, 1);
    CU_ASSERT_EQUAL(thing.released, 0);
    helper_do(follow, &readers[1]); /* what is there wins over the end, which the loop then sees */
    CU_ASSERT_EQUAL(readers[1].looks, 0);
    lc_watch_unref(fixture.watch);
    CU_ASSERT_EQUAL(thing.released, 1);
    lc_context_unref(fixture.context);
    lc_handle_unref(fixture.looked);
}

/* ---- races ---- */

enum { HAND = 8 }; /* values that each side publishes */

struct duel {
    lc_watch *watch;
    struct thing things[2][HAND];
};

static void open_duel(void *arg)
{
    struct duel *duel = arg;
    *duel = (struct duel){.watch = lc_watch_new()};
}

static void play(struct duel *duel, int side)
{
    uint64_t last = 0;
    for (int i = 0; i < HAND; i++) {
        struct thing *thing = &duel->things[side][i];
        if (lc_watch_publish(duel->watch, thing, release) < 0)
            thing->number = -1;
        lc_watch_value *value = lc_watch_read(duel->watch);
        uint64_t version = lc_watch_value_version(value);
        if (version <= last) /* our own publish came after the read before */
            thing->number = -1;
        last = version;
        lc_watch_value_unref(value);
    }
}

static void play_first(void *arg)
{
    play(arg, 0);
}

static void play_second(void *arg)
{
    play(arg, 1);
}

static bool duel_was_fair(void *arg)
{
    struct duel *duel = arg;
    lc_watch_value *value = lc_watch_read(duel->watch);
    bool fair = lc_watch_value_version(value) == 2UL * HAND &&
                !lc_handle_is_closed(lc_watch_value_replaced(value));
    lc_watch_unref(duel->watch);
    lc_watch_value_unref(value);
    for (int i = 0; i < 2 * HAND; i++) {
        const struct thing *thing = &duel->things[i % 2][i / 2];
        fair &= thing->released == 1 && thing->number == 0;
    }
    return fair;
}

static void publishes_are_put_in_one_order(void)
{
    static const struct race race = {open_duel, play_first, play_second, duel_was_fair};
    struct duel duel;
    CU_ASSERT_EQUAL(race_run(&race, &duel, check_count(2000, 50000)), 0);
}

CHECK_SUITE(watch, "unit: watches",
            {"the first value opens the watch", first_value_opens_the_watch},
            {"an old value is held while newer come", old_value_is_held_while_newer_come},
            {"a release may read the watch", release_may_read_the_watch},
            {"a callback of a handle finds the newer value",
             callback_of_a_handle_finds_the_newer_value},
            {"handles keep what they are part of", handles_keep_what_they_are_part_of},
            {"NULL is a value, and calls accept NULL for a watch",
             null_is_a_value_and_null_for_a_watch_is_accepted},
            {"without memory the old value stays", without_memory_the_old_value_stays});

CHECK_SUITE_IN_MODES(watch_followed, "unit: watches, followed",
                     {"no reader misses the last value", no_reader_misses_the_last},
                     {"the end of a context ends the loop", end_of_a_context_ends_the_loop},
                     {"publishes of several are put in one order", publishes_are_put_in_one_order});
