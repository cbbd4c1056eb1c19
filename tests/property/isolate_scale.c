/*
 * isolate_scale.c: a million isolates at once, and what they cost; floods and backlogs: no isolate
 * starves behind them, and control does not wait behind them.
 */
#include "support/check.h"
#include "support/fibers.h"

#include "base/memory.h"
#include "isolate/record.h"

#include <lifecycle.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- very many ---- */

static unsigned many(void)
{
    bool slowed = check_fewer(100) < 100;
    return slowed ? 100000 : check_count(1000000, 1000000);
}

enum question { ANSWER, END };

struct crowd {
    unsigned count;
    lc_send_port *ports; /* by number */
    lc_receive_port answers;
    atomic_uint there;
    atomic_uint asked;
    lc_handle *all_there;
    unsigned *answered;
};

/* What an isolate has is its place in the crowd: as much as a pointer. */
static struct crowd crowd;

static lc_error *answer(lc_message *message, void *arg)
{
    uint32_t number = (uint32_t)(uintptr_t)arg;
    if (*(const enum question *)lc_message_data(message) == END) {
        lc_isolate_exit(LC_NO_PORT, NULL);
        return NULL;
    }
    atomic_fetch_add_explicit(&crowd.asked, 1, memory_order_relaxed);
    lc_send(crowd.answers.send, &number, sizeof number);
    return NULL;
}

static lc_error *arrive(void *arg)
{
    lc_port_options options = {.size = sizeof options};
    lc_receive_port port;
    options.handler = answer;
    options.arg = arg;
    if (check_code(lc_port_open(&options, &port)) < 0)
        return lc_error_new(-1, "no port");
    crowd.ports[(uintptr_t)arg] = port.send;
    if (atomic_fetch_add(&crowd.there, 1) + 1 == crowd.count)
        lc_handle_close(crowd.all_there);
    return NULL;
}

static void spawn_all(lc_executor *executor)
{
    lc_isolate_options options = {.size = sizeof options};
    unsigned failed = 0;
    options.executor = executor;
    options.entry = arrive;
    options.spread = true;
    for (uintptr_t i = 0; i < crowd.count; i++) {
        options.arg = (void *)i;
        lc_error *error = lc_isolate_spawn(&options, NULL);
        failed += error != NULL;
        lc_error_unref(error);
    }
    CU_ASSERT_EQUAL(failed, 0);
    CHECK_CLOSES(crowd.all_there);
}

static void tell_all(enum question question)
{
    unsigned failed = 0;
    for (unsigned i = 0; i < crowd.count; i++)
        failed += lc_send(crowd.ports[i], &question, sizeof question) != 0;
    CU_ASSERT_EQUAL(failed, 0);
}

static void read_answers(void)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < crowd.count; i++) {
        lc_message *message;
        if (lc_port_receive(crowd.answers, &message, check_patience()) != 0) {
            wrong++;
            break;
        }
        uint32_t number = *(const uint32_t *)lc_message_data(message);
        wrong += crowd.answered[number]++ > 0;
        lc_message_free(message);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(atomic_load(&crowd.asked), crowd.count);
}

/* What the library holds for each isolate while all of them wait. */
static void weigh(size_t before)
{
    size_t made = lc__pool_made(&lc__isolates);
    size_t chunks = (made + LC__POOL_CHUNK - 1) / LC__POOL_CHUNK;
    size_t bytes = chunks * LC__POOL_CHUNK * sizeof(struct lc__isolate);
    size_t others = lc__memory_in_use() - before;
    printf("%u isolates, %.1f bytes each, %zu allocations ", crowd.count,
           (double)bytes / crowd.count, others);
    CU_ASSERT_TRUE(made >= crowd.count);
    CU_ASSERT_TRUE(bytes / crowd.count < 256);
    /*
     * The pool's, and those of the executor, its threads and the fibers that carry: none for each.
     */
    CU_ASSERT_TRUE(others < chunks + 200);
}

static void a_million_at_once(void)
{
    lc_port_options options = {.size = sizeof options};
    options.limit = LC_MAILBOX_UNLIMITED;
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* so that the pool is empty */
    size_t before = lc__memory_in_use();
    crowd = (struct crowd){.count = many(), .all_there = lc_handle_new()};
    crowd.ports = calloc(crowd.count, sizeof *crowd.ports);
    crowd.answered = calloc(crowd.count, sizeof *crowd.answered);
    CHECK_SUCCESS(lc_port_open(&options, &crowd.answers));
    lc_executor *executor = fibers_executor(2);
    spawn_all(executor);
    weigh(before);
    tell_all(ANSWER);
    read_answers();
    tell_all(END);
    fibers_end(executor); /* when all have ended */
    CU_ASSERT_EQUAL(lc_port_close(crowd.answers), 0);
    unsigned open = 0;
    for (unsigned i = 0; i < crowd.count; i++)
        open += lc_port_is_open(crowd.ports[i]);
    CU_ASSERT_EQUAL(open, 0);
    lc_handle_unref(crowd.all_there);
    free(crowd.ports);
    free(crowd.answered);
    /* A group's shutdown looks at all places there are: later tests need not have so many. */
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
}

/* ---- a flood ---- */

enum { FLOOD = 100000, TURN_MOST = 128 };

/* One that keeps itself busy, and tells another from time to time how far it is. One thread. */
struct flood {
    lc_send_port own;
    lc_send_port bystander;
    unsigned handled;
    unsigned told;    /* how often */
    unsigned heard;   /* by the bystander */
    unsigned longest; /* that it had to wait, in messages of the flood */
};

static lc_error *drown(lc_message *message, void *arg)
{
    struct flood *flood = arg;
    (void)message;
    flood->handled++;
    if (flood->handled < FLOOD)
        lc_send(flood->own, NULL, 0);
    if (flood->handled % 1000 == 0) {
        flood->told++;
        lc_send(flood->bystander, &flood->handled, sizeof flood->handled);
    }
    if (flood->handled == FLOOD)
        lc_isolate_exit(flood->bystander, &(lc_payload){NULL, 0, NULL});
    return NULL;
}

static lc_error *stand_by(lc_message *message, void *arg)
{
    struct flood *flood = arg;
    const unsigned *sent = lc_message_data(message);
    if (!sent)
        lc_isolate_exit(LC_NO_PORT, NULL);
    flood->heard++;
    if (flood->handled - *sent > flood->longest)
        flood->longest = flood->handled - *sent;
    return NULL;
}

static lc_error *open_for(struct flood *flood, lc_message_handler handler, lc_send_port *address)
{
    lc_port_options options = {.size = sizeof options};
    lc_receive_port port;
    options.handler = handler;
    options.arg = flood;
    int result = check_code(lc_port_open(&options, &port));
    *address = port.send;
    return result == 0 ? NULL : lc_error_new(result, "no port");
}

static lc_error *enter_bystander(void *arg)
{
    struct flood *flood = arg;
    return open_for(flood, stand_by, &flood->bystander);
}

static lc_error *enter_flood(void *arg)
{
    struct flood *flood = arg;
    lc_error *error = open_for(flood, drown, &flood->own);
    /* So many that its mailbox is never empty, whatever it handles at a time. */
    for (unsigned i = 0; i < FLOOD / 10 && !error; i++)
        lc_send(flood->own, NULL, 0);
    return error;
}

static void others_go_on_beside_a_flood(void)
{
    struct flood flood = {.handled = 0};
    lc_isolate_options options = {.size = sizeof options};
    lc_executor *executor = fibers_executor(1);
    options.executor = executor;
    options.arg = &flood;
    options.entry = enter_bystander;
    lc_isolate bystander;
    CHECK_SUCCESS(lc_isolate_spawn(&options, &bystander));
    lc_handle *ready = lc_isolate_ready(bystander);
    CHECK_CLOSES(ready);
    options.entry = enter_flood;
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    fibers_end(executor);
    lc_handle_unref(ready);
    CU_ASSERT_EQUAL(flood.handled, FLOOD);
    CU_ASSERT_EQUAL(flood.told, FLOOD / 1000);
    CU_ASSERT_EQUAL(flood.heard, flood.told);
    CU_ASSERT_TRUE(flood.longest <= TURN_MOST);
}

/* ---- a backlog ---- */

enum { BACKLOG = 100000 };

struct backlog {
    lc_handle *gate; /* the first message waits for it */
    lc_handle *begun;
    atomic_uint handled;
    atomic_uint destroyed;
    atomic_uint disorder;
    lc_send_port port;
};

struct item {
    struct backlog *backlog;
    unsigned number;
};

static void destroy_item(void *data)
{
    atomic_fetch_add_explicit(&((struct item *)data)->backlog->destroyed, 1, memory_order_relaxed);
}

static lc_error *work_off(lc_message *message, void *arg)
{
    struct backlog *backlog = arg;
    const struct item *item = lc_message_data(message);
    if (item->number == 0) {
        lc_handle_close(backlog->begun);
        lc_handle_wait(backlog->gate, LC_FOREVER);
    }
    if (atomic_fetch_add(&backlog->handled, 1) != item->number)
        atomic_fetch_add(&backlog->disorder, 1);
    return NULL;
}

static lc_error *enter_backlog(void *arg)
{
    lc_port_options options = {.size = sizeof options};
    lc_receive_port port;
    options.handler = work_off;
    options.arg = arg;
    int result = check_code(lc_port_open(&options, &port));
    ((struct backlog *)arg)->port = port.send;
    return result == 0 ? NULL : lc_error_new(result, "no port");
}

/* A ping that comes after the running handler, and has been answered. */
static void pass_by(lc_isolate isolate, lc_receive_port answers)
{
    lc_message *message;
    CU_ASSERT_EQUAL(lc_isolate_ping(isolate, answers.send, NULL, LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_EQUAL(lc_port_receive(answers, &message, check_patience()), 0);
    lc_message_free(message);
}

static struct item *pile_up(struct backlog *backlog, unsigned count)
{
    struct item *items = calloc(count, sizeof *items);
    unsigned failed = 0;
    for (unsigned i = 0; i < count; i++) {
        items[i] = (struct item){backlog, i};
        failed += lc_send_moved(backlog->port, &items[i], sizeof *items, destroy_item) != 0;
    }
    CU_ASSERT_EQUAL(failed, 0);
    return items;
}

static void control_overtakes_a_backlog(void)
{
    struct backlog backlog = {.gate = lc_handle_new(), .begun = lc_handle_new()};
    unsigned count = check_fewer(check_count(BACKLOG, BACKLOG));
    lc_isolate_options options = {.size = sizeof options};
    lc_executor *executor = fibers_executor(1);
    lc_capability resume = lc_capability_new();
    lc_receive_port answers;
    lc_isolate isolate;
    options.executor = executor;
    options.entry = enter_backlog;
    options.arg = &backlog;
    CHECK_SUCCESS(lc_port_open(NULL, &answers));
    CHECK_SUCCESS(lc_isolate_spawn(&options, &isolate));
    lc_handle *ready = lc_isolate_ready(isolate), *done = lc_isolate_done(isolate);
    CHECK_CLOSES(ready);
    struct item *items = pile_up(&backlog, count);
    CHECK_CLOSES(backlog.begun);

    CU_ASSERT_EQUAL(lc_isolate_pause(isolate, resume), 0);
    lc_handle_close(backlog.gate);
    pass_by(isolate, answers);
    CU_ASSERT_EQUAL(atomic_load(&backlog.handled), 1);
    CU_ASSERT_EQUAL(atomic_load(&backlog.destroyed), 1);
    /* Somewhere in the middle, and it stays there. */
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, resume), 0);
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate, resume), 0);
    pass_by(isolate, answers);
    unsigned handled = atomic_load(&backlog.handled);
    pass_by(isolate, answers);
    CU_ASSERT_EQUAL(atomic_load(&backlog.handled), handled);
    CU_ASSERT_EQUAL(atomic_load(&backlog.destroyed), handled);
    /* The ping comes before the kill, and the kill before the rest. */
    CU_ASSERT_EQUAL(lc_isolate_ping(isolate, answers.send, NULL, LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate, LC_PRIORITY_NEXT_EVENT), 0);
    CHECK_CLOSES(done);
    lc_message *message;
    CU_ASSERT_EQUAL(lc_port_receive(answers, &message, LC_NOW), 0);
    lc_message_free(message);
    CU_ASSERT_EQUAL(atomic_load(&backlog.handled), handled);
    CU_ASSERT_EQUAL(atomic_load(&backlog.disorder), 0);

    fibers_end(executor);
    CU_ASSERT_EQUAL(atomic_load(&backlog.destroyed), count);
    CU_ASSERT_EQUAL(lc_port_close(answers), 0);
    lc_handle_unref(ready);
    lc_handle_unref(done);
    lc_handle_unref(backlog.gate);
    lc_handle_unref(backlog.begun);
    free(items);
}

CHECK_SUITE(isolate_scale, "property: very many isolates",
            {"a million isolates live at once, with less than 256 bytes each", a_million_at_once},
            {"isolates go on beside a flood to another", others_go_on_beside_a_flood},
            {"control overtakes a backlog of 100,000 messages", control_overtakes_a_backlog});
