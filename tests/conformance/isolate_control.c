/*
 * isolate_control.c: contract C8-C11, C14: what can be asked of an isolate from outside, and what
 * it tells of its errors and of its end.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/helper.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/scripted_isolate.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* The isolate, as a caller without capabilities has it. */
static lc_isolate bare(const struct scripted_isolate *isolate)
{
    return (lc_isolate){isolate->real.control, LC_NO_CAPABILITY, LC_NO_CAPABILITY};
}

/* The isolate waits in a handler, with a message behind it that says "message". */
static void keep_busy(struct scripted_isolate *isolate)
{
    CU_ASSERT_TRUE(isolate_told(isolate, isolate_waits, NULL));
    CU_ASSERT_TRUE(isolate_told(isolate, isolate_says, "message"));
    CU_ASSERT_TRUE(isolate_sleeps(isolate));
}

static void pause(struct scripted_isolate *isolate, lc_capability resume)
{
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate->real, resume), 0);
}

static void resume(struct scripted_isolate *isolate, lc_capability resume)
{
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate->real, resume), 0);
}

/* ---- C8: ping ---- */

static int ping(struct scripted_isolate *isolate, const char *response, lc_priority priority)
{
    const lc_payload payload = text_payload(response);
    return lc_isolate_ping(isolate->real, isolate->notes.send, &payload, priority);
}

/* Whether the next message is this one that was moved; then it is destroyed once. */
static bool hears_load(lc_receive_port port, struct load *load)
{
    lc_message *message;
    if (lc_port_receive(port, &message, check_patience()) != 0)
        return false;
    bool is = lc_message_data(message) == load && lc_message_size(message) == sizeof *load &&
              atomic_load(&load->destroyed) == 0;
    lc_message_free(message);
    return is && atomic_load(&load->destroyed) == 1;
}

static bool hears_empty(lc_receive_port port)
{
    lc_message *message;
    if (lc_port_receive(port, &message, check_patience()) != 0)
        return false;
    bool empty = !lc_message_data(message) && lc_message_size(message) == 0 &&
                 !lc_message_error(message) &&
                 lc_send_port_equal(lc_message_port(message), port.send);
    lc_message_free(message);
    return empty;
}

static const lc_priority priorities[] = {LC_PRIORITY_DEFAULT, LC_PRIORITY_IMMEDIATE,
                                         LC_PRIORITY_NEXT_EVENT};
enum { PRIORITIES = sizeof priorities / sizeof *priorities };

static void ping_gives_the_response(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    for (int i = 0; i < PRIORITIES; i++) {
        struct load load = {.destroyed = 0};
        const lc_payload moved = load_payload(&load);
        CU_ASSERT_EQUAL(ping(&isolate, "response", priorities[i]), 0);
        CU_ASSERT_TRUE(hears(isolate.notes, "response"));
        CU_ASSERT_EQUAL(lc_isolate_ping(isolate.real, isolate.notes.send, NULL, priorities[i]), 0);
        CU_ASSERT_TRUE(hears_empty(isolate.notes));
        CU_ASSERT_EQUAL(lc_isolate_ping(isolate.real, isolate.notes.send, &moved, priorities[i]),
                        0);
        CU_ASSERT_TRUE(hears_load(isolate.notes, &load));
    }
    isolate_drop(&isolate);
}

static void immediate_ping_overtakes_all(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    keep_busy(&isolate);
    CU_ASSERT_EQUAL(ping(&isolate, "first", LC_PRIORITY_DEFAULT), 0);
    CU_ASSERT_EQUAL(ping(&isolate, "second", LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "first"));
    CU_ASSERT_TRUE(hears(isolate.notes, "second"));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(isolate.notes, "message"));
    isolate_drop(&isolate);
}

static void ping_before_the_next_event(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    keep_busy(&isolate);
    CU_ASSERT_EQUAL(ping(&isolate, "first", LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_EQUAL(ping(&isolate, "second", LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(isolate.notes, "first"));
    CU_ASSERT_TRUE(hears(isolate.notes, "second"));
    CU_ASSERT_TRUE(hears(isolate.notes, "message"));
    isolate_drop(&isolate);
}

static void pings_work_while_paused(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    lc_capability capability = lc_capability_new();
    pause(&isolate, capability);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    CU_ASSERT_EQUAL(ping(&isolate, "next", LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "next"));
    CU_ASSERT_EQUAL(ping(&isolate, "now", LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "now"));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    resume(&isolate, capability);
    CU_ASSERT_TRUE(hears(isolate.notes, "message"));
    isolate_drop(&isolate);
}

static void pings_work_before_the_entry(void)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.paused = true;
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    for (int i = 0; i < PRIORITIES; i++) {
        CU_ASSERT_EQUAL(ping(&isolate, "response", priorities[i]), 0);
        CU_ASSERT_TRUE(hears(isolate.notes, "response"));
    }
    CU_ASSERT_EQUAL(atomic_load(&isolate.entered), 0);
    isolate_drop(&isolate);
}

static void ping_needs_no_capability(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    for (int i = 0; i < PRIORITIES; i++) {
        CU_ASSERT_EQUAL(lc_isolate_ping(bare(&isolate), isolate.notes.send, NULL, priorities[i]),
                        0);
        CU_ASSERT_TRUE(hears_empty(isolate.notes));
    }
    isolate_drop(&isolate);
}

static void pings_before_a_kill_are_answered(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    keep_busy(&isolate);
    CU_ASSERT_EQUAL(ping(&isolate, "before", LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_DEFAULT), 0);
    CU_ASSERT_EQUAL(ping(&isolate, "after", LC_PRIORITY_NEXT_EVENT), 0);
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(isolate.notes, "before"));
    CU_ASSERT_TRUE(hears(isolate.notes, "after"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    isolate_drop(&isolate);
}

static lc_error *waits_and_fails(struct scripted_isolate *isolate, void *arg)
{
    isolate_waits(isolate, arg);
    return lc_error_new(-100, "failed");
}

static void pings_before_an_error_are_answered(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, waits_and_fails, NULL));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    CU_ASSERT_EQUAL(ping(&isolate, "before", LC_PRIORITY_NEXT_EVENT), 0);
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(isolate.notes, "error: failed"));
    CU_ASSERT_TRUE(hears(isolate.notes, "before"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    isolate_drop(&isolate);
}

static lc_error *pings_itself(struct scripted_isolate *isolate, void *arg)
{
    const lc_priority *priority = arg;
    const lc_payload response = text_payload("response");
    lc_isolate self;
    if (!lc_isolate_current(&self) ||
        lc_isolate_ping(self, isolate->notes.send, &response, *priority) != 0)
        return lc_error_new(-EINVAL, "no ping");
    isolate_say(isolate, "pinged");
    return NULL;
}

static void isolate_pings_itself(void)
{
    static lc_priority now = LC_PRIORITY_IMMEDIATE, next = LC_PRIORITY_NEXT_EVENT;
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, pings_itself, &now));
    CU_ASSERT_TRUE(hears(isolate.notes, "response"));
    CU_ASSERT_TRUE(hears(isolate.notes, "pinged"));
    CU_ASSERT_TRUE(isolate_told(&isolate, pings_itself, &next));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    CU_ASSERT_TRUE(hears(isolate.notes, "pinged"));
    CU_ASSERT_TRUE(hears(isolate.notes, "response"));
    CU_ASSERT_TRUE(hears(isolate.notes, "message"));
    isolate_drop(&isolate);
}

static void pings_that_are_refused(void)
{
    struct scripted_isolate isolate;
    struct load load = {.destroyed = 0};
    const lc_payload moved = load_payload(&load), bad = {NULL, 1, NULL};
    isolate_begin(&isolate);
    for (int i = 0; i < PRIORITIES; i++) {
        CU_ASSERT_EQUAL(lc_isolate_ping(isolate.real, LC_NO_PORT, &moved, priorities[i]), -EINVAL);
        CU_ASSERT_EQUAL(lc_isolate_ping(isolate.real, isolate.notes.send, &bad, priorities[i]),
                        -EINVAL);
    }
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    for (int i = 0; i < PRIORITIES; i++)
        CU_ASSERT_EQUAL(lc_isolate_ping(isolate.real, isolate.notes.send, &moved, priorities[i]),
                        -ESRCH);
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 0);
    isolate_drop(&isolate);
}

/* ---- C9: kill ---- */

static int kill_with(const struct scripted_isolate *isolate, lc_priority priority)
{
    return lc_isolate_kill(isolate->real, priority);
}

static void kill_lets_the_handler_return(lc_priority priority)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    keep_busy(&isolate);
    CU_ASSERT_EQUAL(kill_with(&isolate, priority), 0);
    CU_ASSERT_NOT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_ENDED);
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_ENDED);
    isolate_drop(&isolate);
}

static void kill_comes_before_the_next_event(void)
{
    kill_lets_the_handler_return(LC_PRIORITY_DEFAULT);
    kill_lets_the_handler_return(LC_PRIORITY_NEXT_EVENT);
}

static lc_error *kills_itself(struct scripted_isolate *isolate, void *arg)
{
    const lc_priority *priority = arg;
    lc_isolate self;
    lc_defer(isolate_count_deferred, isolate);
    lc_isolate_current(&self);
    lc_isolate_kill(self, *priority);
    isolate_say(isolate, "goes on");
    return NULL;
}

static void kill_of_oneself_before_the_next_event(void)
{
    static lc_priority next = LC_PRIORITY_NEXT_EVENT;
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_waits, NULL));
    CU_ASSERT_TRUE(isolate_told(&isolate, kills_itself, &next));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(atomic_load(&isolate.deferred), 1);
    isolate_drop(&isolate);
}

static void immediate_kill_of_oneself(void)
{
    static lc_priority now = LC_PRIORITY_IMMEDIATE;
    struct scripted_isolate isolate;
    struct load load = {.order = {kills_itself, &now, NULL}};
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_sent(&isolate, &load));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(atomic_load(&isolate.deferred), 1);
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1);
    CU_ASSERT_EQUAL(atomic_load(&isolate.released), 1);
    isolate_drop(&isolate);
}

static void immediate_kill_of_oneself_in_the_entry(void)
{
    static lc_priority now = LC_PRIORITY_IMMEDIATE;
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.paused = true;
    isolate.first = kills_itself;
    isolate.first_arg = &now;
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    lc_handle *ready = lc_isolate_ready(isolate.real);
    resume(&isolate, isolate.real.pause);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(atomic_load(&isolate.entered), 1);
    CU_ASSERT_EQUAL(atomic_load(&isolate.deferred), 1);
    CHECK_CLOSES(ready); /* with its end */
    lc_handle_unref(ready);
    isolate_drop(&isolate);
}

/* Is killed, and then makes a call of the library that checks. */
struct victim {
    void (*call)(struct scripted_isolate *isolate);
    struct scripted_isolate *isolate;
    atomic_uint killed;
    atomic_uint survived;
};

static void say_by_deferred(void *isolate)
{
    isolate_count_deferred(isolate);
    isolate_say(isolate, "deferred"); /* calls that check are carried out here */
    isolate_count_deferred(isolate);
}

/* In a callback of the handler, which goes on. */
static void kill_by_callback(void *arg)
{
    struct victim *victim = arg;
    lc_context *context = victim->isolate->context;
    bool lived = !lc_context_error(context);
    lc_isolate_kill(victim->isolate->real, LC_PRIORITY_IMMEDIATE);
    if (lived && lc_error_code(lc_context_error(context)) == -ECANCELED)
        atomic_fetch_add(&victim->killed, 1);
}

static lc_error *is_killed(struct scripted_isolate *isolate, void *arg)
{
    struct victim *victim = arg;
    lc_defer(say_by_deferred, isolate);
    isolate_shows_context(isolate, NULL);
    lc_handle_on_close(lc_handle_new_closed(), kill_by_callback, victim, NULL);
    victim->call(isolate);
    atomic_fetch_add(&victim->survived, 1);
    return NULL;
}

static void call_check(struct scripted_isolate *isolate)
{
    (void)isolate;
    lc_isolate_check();
}

static void call_wait(struct scripted_isolate *isolate)
{
    lc_handle_wait(lc_context_done(isolate->context), LC_NOW);
}

static void call_sleep(struct scripted_isolate *isolate)
{
    (void)isolate;
    lc_sleep(0);
}

static void call_yield(struct scripted_isolate *isolate)
{
    (void)isolate;
    lc_yield();
}

static void call_send(struct scripted_isolate *isolate)
{
    isolate_say(isolate, "goes on");
}

static void call_open(struct scripted_isolate *isolate)
{
    lc_receive_port port;
    (void)isolate;
    check_code(lc_port_open(NULL, &port));
}

static void call_timer(struct scripted_isolate *isolate)
{
    lc_timer_start(isolate->notes.send, NULL, 0, 0, NULL);
}

static void call_current(struct scripted_isolate *isolate)
{
    (void)isolate;
    lc_isolate_current(NULL);
}

static void call_context(struct scripted_isolate *isolate)
{
    (void)isolate;
    lc_isolate_context();
}

static void call_exit(struct scripted_isolate *isolate)
{
    const lc_payload last = text_payload("last");
    lc_isolate_exit(isolate->notes.send, &last);
}

static void call_ping(struct scripted_isolate *isolate)
{
    lc_isolate_ping(bare(isolate), isolate->notes.send, NULL, LC_PRIORITY_IMMEDIATE);
}

static void killed_at_once(void (*call)(struct scripted_isolate *isolate))
{
    struct scripted_isolate isolate;
    struct victim victim = {call, &isolate, 0, 0};
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_waits, NULL));
    CU_ASSERT_TRUE(isolate_told(&isolate, is_killed, &victim));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(isolate.notes, "deferred"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(atomic_load(&victim.killed), 1);
    CU_ASSERT_EQUAL(atomic_load(&victim.survived), 0);
    CU_ASSERT_EQUAL(atomic_load(&isolate.deferred), 2);
    isolate_drop(&isolate);
}

static void next_call_does_not_return(void)
{
    static void (*const calls[])(struct scripted_isolate * isolate) = {
        call_check, call_wait,    call_sleep,   call_yield, call_send, call_open,
        call_timer, call_current, call_context, call_exit,  call_ping,
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        killed_at_once(calls[i]);
}

static lc_error *waits_for_its_context(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    lc_defer(isolate_count_deferred, isolate);
    isolate_say(isolate, "waits");
    lc_handle_wait(lc_context_done(lc_isolate_context()), LC_FOREVER);
    lc_isolate_check();
    isolate_say(isolate, "goes on");
    return NULL;
}

static void immediate_kill_ends_a_wait_for_the_context(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, waits_for_its_context, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "waits"));
    CU_ASSERT_EQUAL(kill_with(&isolate, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_EQUAL(atomic_load(&isolate.deferred), 1);
    isolate_drop(&isolate);
}

static lc_error *works_without_end(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    lc_defer(isolate_count_deferred, isolate);
    isolate_say(isolate, "works");
    while (atomic_load(&isolate->released) == 0)
        lc_isolate_check();
    return NULL;
}

/* On a thread of its own, which it does not let go. */
static void long_computation_is_killed(void)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.executor = fibers_executor(1);
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    CU_ASSERT_TRUE(isolate_told(&isolate, works_without_end, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "works"));
    CU_ASSERT_EQUAL(kill_with(&isolate, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_EQUAL(atomic_load(&isolate.deferred), 1);
    isolate_drop(&isolate);
    fibers_end(isolate.options.executor);
}

static lc_error *checks(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    lc_isolate_check();
    isolate_say(isolate, "checked");
    return NULL;
}

static void check_does_nothing_else(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    lc_isolate_check(); /* outside of isolates */
    CU_ASSERT_TRUE(isolate_told(&isolate, checks, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "checked"));
    CU_ASSERT_EQUAL(kill_with(&isolate, LC_PRIORITY_IMMEDIATE), 0);
    lc_isolate_check();
    isolate_drop(&isolate);
}

static lc_error *drops_its_handler(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    lc_port_set_handler(isolate->orders, NULL, NULL);
    return NULL;
}

/* Messages lie in its mailbox when it is killed, while it is busy, or is paused. */
static void killed_with_messages(lc_priority priority, bool paused, bool without_handler)
{
    enum { COUNT = 100 };
    struct scripted_isolate isolate;
    static struct load loads[COUNT];
    isolate_begin(&isolate);
    uint64_t dropped = lc_messages_dropped();
    bool busy = !paused && !without_handler;
    if (paused)
        pause(&isolate, isolate.real.pause);
    CU_ASSERT_TRUE(!without_handler || isolate_does(&isolate, drops_its_handler, NULL));
    CU_ASSERT_TRUE(!busy ||
                   (isolate_told(&isolate, isolate_waits, NULL) && isolate_sleeps(&isolate)));
    for (int i = 0; i < COUNT; i++) {
        loads[i] = (struct load){.order = {isolate_says, "message", NULL}};
        CU_ASSERT_TRUE(isolate_sent(&isolate, &loads[i]));
    }
    CU_ASSERT_EQUAL(kill_with(&isolate, priority), 0);
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    for (int i = 0; i < COUNT; i++)
        CU_ASSERT_EQUAL(atomic_load(&loads[i].destroyed), 1);
    CU_ASSERT_TRUE(lc_messages_dropped() >= dropped + COUNT);
    if (busy && priority != LC_PRIORITY_IMMEDIATE)
        CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    isolate_drop(&isolate);
}

static void messages_of_a_killed_one_are_dropped(void)
{
    for (int i = 0; i < PRIORITIES; i++) {
        killed_with_messages(priorities[i], false, false);
        killed_with_messages(priorities[i], true, false);
        killed_with_messages(priorities[i], false, true);
    }
}

static void kill_works_before_the_entry(void)
{
    for (int i = 0; i < PRIORITIES; i++) {
        struct scripted_isolate isolate;
        isolate_init(&isolate);
        isolate.options.paused = true;
        CU_ASSERT_TRUE(isolate_spawn(&isolate));
        CU_ASSERT_EQUAL(kill_with(&isolate, priorities[i]), 0);
        CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
        CU_ASSERT_TRUE(isolate_has_ended(&isolate));
        CU_ASSERT_EQUAL(atomic_load(&isolate.entered), 0);
        CU_ASSERT_EQUAL(atomic_load(&isolate.released), 1);
        isolate_drop(&isolate);
    }
}

static lc_error *waits_to_be_killed(struct scripted_isolate *isolate, void *arg)
{
    lc_defer(say_by_deferred, isolate);
    isolate_shows_context(isolate, NULL);
    return isolate_waits(isolate, arg);
}

static void pings_before_an_immediate_kill_are_answered(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, waits_to_be_killed, NULL));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    CU_ASSERT_EQUAL(ping(&isolate, "before", LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_EQUAL(kill_with(&isolate, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "deferred"));
    CU_ASSERT_TRUE(hears(isolate.notes, "before"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    isolate_drop(&isolate);
}

static void kill_needs_the_terminate_capability(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    lc_isolate wrong = isolate.real;
    wrong.terminate = isolate.real.pause;
    for (int i = 0; i < PRIORITIES; i++) {
        CU_ASSERT_EQUAL(lc_isolate_kill(bare(&isolate), priorities[i]), -EPERM);
        CU_ASSERT_EQUAL(lc_isolate_kill(wrong, priorities[i]), -EPERM);
    }
    CU_ASSERT_TRUE(isolate_does(&isolate, isolate_says, "lives"));
    CU_ASSERT_TRUE(hears(isolate.notes, "lives"));
    wrong = bare(&isolate);
    wrong.terminate = isolate.real.terminate;
    CU_ASSERT_EQUAL(lc_isolate_kill(wrong, LC_PRIORITY_DEFAULT), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    for (int i = 0; i < PRIORITIES; i++)
        CU_ASSERT_EQUAL(kill_with(&isolate, priorities[i]), -ESRCH);
    isolate_drop(&isolate);
}

static void immediate_kill_after_another(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, waits_to_be_killed, NULL));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    CU_ASSERT_EQUAL(kill_with(&isolate, LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_PTR_NULL(lc_context_error(isolate.context));
    CU_ASSERT_EQUAL(kill_with(&isolate, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_PTR_NOT_NULL(lc_context_error(isolate.context));
    CU_ASSERT_TRUE(hears(isolate.notes, "deferred"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    isolate_drop(&isolate);
}

static lc_error *defers_more(struct scripted_isolate *isolate, void *arg)
{
    lc_defer(isolate_count_deferred, isolate);
    return kills_itself(isolate, arg);
}

static void deferred_calls_of_a_killed_one_run(void)
{
    static lc_priority now = LC_PRIORITY_IMMEDIATE;
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, defers_more, &now));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_EQUAL(atomic_load(&isolate.deferred), 2);
    isolate_drop(&isolate);
}

/* Sends what it owns to one with a full mailbox, and is parked there. */
struct parking {
    struct scripted_isolate *receiver;
    struct load *load;
    struct strand sender;
};

static lc_error *parks(struct scripted_isolate *isolate, void *arg)
{
    struct parking *parking = arg;
    const lc_payload payload = load_payload(parking->load);
    parking->sender = strand_self();
    isolate_say(isolate, "parks");
    lc_send_payload(parking->receiver->orders.send, &payload, LC_FOREVER);
    lc_isolate_check();
    isolate_say(isolate, "goes on");
    return NULL;
}

/* The mailbox is full again before a parked sender can look. */
static lc_error *fills_its_mailbox(struct scripted_isolate *isolate, void *arg)
{
    bool told = isolate_told(isolate, isolate_says, arg);
    isolate_wait(isolate);
    return told ? NULL : lc_error_new(-100, "it was full");
}

static void parked_sender_is_killed(void)
{
    struct scripted_isolate receiver, sender;
    struct load load = {.order = {isolate_says, "sent", NULL}};
    struct parking parking = {.receiver = &receiver, .load = &load};
    isolate_init(&receiver);
    receiver.options.mailbox_limit = 1;
    receiver.options.when_full = LC_FULL_PARK_SENDER;
    CU_ASSERT_TRUE(isolate_spawn(&receiver));
    isolate_begin(&sender);
    lc_capability capability = lc_capability_new();
    pause(&receiver, capability);
    CU_ASSERT_TRUE(isolate_told(&receiver, fills_its_mailbox, "filled"));
    CU_ASSERT_TRUE(isolate_told(&sender, parks, &parking));
    CU_ASSERT_TRUE(hears(sender.notes, "parks"));
    CU_ASSERT_TRUE(strand_sleeps(parking.sender));
    CU_ASSERT_EQUAL(kill_with(&sender, LC_PRIORITY_IMMEDIATE), 0);
    resume(&receiver, capability);
    CU_ASSERT_TRUE(isolate_sleeps(&receiver));
    isolate_let_go(&receiver);
    CU_ASSERT_TRUE(hears(sender.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&sender));
    isolate_drop(&receiver);
    isolate_drop(&sender);
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1); /* sent or not */
}

/* ---- C10: exit listeners ---- */

static int listen_to_exit(const struct scripted_isolate *isolate, lc_receive_port port,
                          const char *response)
{
    const lc_payload payload = text_payload(response);
    return lc_isolate_add_exit_listener(bare(isolate), port.send, &payload);
}

static void exit_is_the_last_act(void)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.errors_not_fatal = true;
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_fails, "failed"));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_exits, "last"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_EQUAL(atomic_load(&isolate.released), 1);
    CU_ASSERT_TRUE(hears(isolate.notes, "error: failed"));
    CU_ASSERT_TRUE(hears(isolate.notes, "message"));
    CU_ASSERT_TRUE(hears(isolate.notes, "last"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    isolate_drop(&isolate);
}

static void ended_when_the_exit_is_heard(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_ENDED);
    CU_ASSERT_EQUAL(atomic_load(&isolate.released), 1);
    CU_ASSERT_FALSE(lc_port_is_open(isolate.orders.send));
    isolate_drop(&isolate);
}

/* Has one listen, ended in each way there is. */
static void heard_when_it(isolate_action act, const void *arg, bool kills, const char *before)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    lc_receive_port port = open_port();
    CU_ASSERT_EQUAL(listen_to_exit(&isolate, port, "over"), 0);
    CU_ASSERT_TRUE(kills ? kill_with(&isolate, LC_PRIORITY_DEFAULT) == 0
                         : isolate_told(&isolate, act, arg));
    CU_ASSERT_TRUE(hears(port, "over"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(port));
    if (before)
        CU_ASSERT_TRUE(hears(isolate.notes, before));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    isolate_drop(&isolate);
}

static void every_end_is_told(void)
{
    heard_when_it(isolate_closes, NULL, false, NULL);
    heard_when_it(isolate_exits, NULL, false, NULL);
    heard_when_it(isolate_exits, "last", false, "last");
    heard_when_it(isolate_fails, "failed", false, "error: failed");
    heard_when_it(isolate_throws, "thrown", false, "error: thrown");
    heard_when_it(NULL, NULL, true, NULL);
}

static void empty_response_is_the_default(void)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.exit_response = (lc_payload){NULL, 0, NULL};
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    lc_receive_port port = open_port();
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate.real, port.send, NULL), 0);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(hears_empty(port));
    CU_ASSERT_TRUE(hears_empty(isolate.notes));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    isolate_drop(&isolate);
}

static void same_port_replaces_its_response(void)
{
    struct scripted_isolate isolate;
    struct load loads[2] = {{.destroyed = 0}, {.destroyed = 0}};
    const lc_payload moved[2] = {load_payload(&loads[0]), load_payload(&loads[1])};
    isolate_begin(&isolate);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate.real, isolate.notes.send, &moved[0]), 0);
    CU_ASSERT_EQUAL(atomic_load(&loads[0].destroyed), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate.real, isolate.notes.send, &moved[1]), 0);
    CU_ASSERT_EQUAL(atomic_load(&loads[0].destroyed), 1);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(hears_load(isolate.notes, &loads[1]));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(atomic_load(&loads[0].destroyed), 1);
    isolate_drop(&isolate);
}

static void exit_listener_is_removed(void)
{
    struct scripted_isolate isolate;
    struct load load = {.destroyed = 0};
    const lc_payload moved = load_payload(&load);
    isolate_begin(&isolate);
    lc_receive_port port = open_port();
    CU_ASSERT_EQUAL(lc_isolate_remove_exit_listener(isolate.real, port.send), -ENOENT);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate.real, port.send, &moved), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_exit_listener(bare(&isolate), port.send), 0);
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1);
    CU_ASSERT_EQUAL(lc_isolate_remove_exit_listener(isolate.real, port.send), -ENOENT);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(port));
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1);
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    isolate_drop(&isolate);
}

static void many_exit_listeners(void)
{
    enum { COUNT = 5 };
    static const char *const responses[COUNT] = {"a", "b", "c", "d", "e"};
    struct scripted_isolate isolate;
    lc_receive_port ports[COUNT];
    isolate_begin(&isolate);
    for (int i = 0; i < COUNT; i++) {
        ports[i] = open_port();
        CU_ASSERT_EQUAL(listen_to_exit(&isolate, ports[i], responses[i]), 0);
    }
    CU_ASSERT_EQUAL(lc_isolate_remove_exit_listener(isolate.real, ports[2].send), 0);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    for (int i = 0; i < COUNT; i++) {
        CU_ASSERT_TRUE(i == 2 || hears(ports[i], responses[i]));
        CU_ASSERT_TRUE(hears_nothing(ports[i]));
        CU_ASSERT_EQUAL(lc_port_close(ports[i]), 0);
    }
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    isolate_drop(&isolate);
}

static void listens_too_late(void)
{
    struct scripted_isolate isolate;
    struct load load = {.destroyed = 0};
    const lc_payload moved = load_payload(&load);
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    lc_receive_port port = open_port();
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate.real, port.send, &moved), -ESRCH);
    CU_ASSERT_EQUAL(listen_to_exit(&isolate, port, "over"), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_remove_exit_listener(isolate.real, port.send), -ESRCH);
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(port));
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 0);
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    isolate_drop(&isolate);
}

static void exit_listeners_change_while_paused(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    lc_receive_port port = open_port();
    pause(&isolate, isolate.real.pause);
    CU_ASSERT_EQUAL(listen_to_exit(&isolate, port, "over"), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_exit_listener(isolate.real, isolate.notes.send), 0);
    CU_ASSERT_EQUAL(kill_with(&isolate, LC_PRIORITY_DEFAULT), 0);
    CU_ASSERT_TRUE(hears(port, "over"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    isolate_drop(&isolate);
}

static void isolate_listens_to_another(void)
{
    struct scripted_isolate isolate, other;
    struct load load = {.order = {isolate_says, "it has ended", NULL}};
    const lc_payload moved = load_payload(&load);
    isolate_begin(&isolate);
    isolate_begin(&other);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate.real, other.orders.send, &moved), 0);
    CU_ASSERT_EQUAL(kill_with(&isolate, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_TRUE(hears(other.notes, "it has ended"));
    isolate_drop(&isolate);
    isolate_drop(&other);
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1);
}

static void bad_exit_listeners_are_refused(void)
{
    static const lc_payload bad = {NULL, 1, NULL};
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate.real, LC_NO_PORT, NULL), -EINVAL);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate.real, isolate.notes.send, &bad), -EINVAL);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit")); /* as it was */
    isolate_drop(&isolate);
}

/* ---- C11: errors ---- */

/* Whether the next message is an error of this message, with a backtrace if it was thrown. */
static bool hears_error(lc_receive_port port, const char *text, bool thrown)
{
    lc_message *message;
    if (lc_port_receive(port, &message, check_patience()) != 0)
        return false;
    const lc_error *error = lc_message_error(message);
    const char *backtrace = lc_message_backtrace(message);
    bool is = error && lc_error_code(error) == -100 && strcmp(lc_error_message(error), text) == 0 &&
              (thrown ? backtrace && backtrace[0] : !backtrace) && !lc_message_data(message);
    lc_message_free(message);
    return is;
}

static void entry_fails(isolate_action act, bool thrown)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.paused = true;
    isolate.first = act;
    isolate.first_arg = "in the entry";
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    lc_handle *ready = lc_isolate_ready(isolate.real);
    resume(&isolate, isolate.real.pause);
    CU_ASSERT_TRUE(hears_error(isolate.notes, "in the entry", thrown));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CHECK_CLOSES(ready); /* with its end */
    lc_handle_unref(ready);
    isolate_drop(&isolate);
}

static void errors_of_the_entry_are_told(void)
{
    entry_fails(isolate_fails, false);
    entry_fails(isolate_throws, true);
}

static void handler_fails(isolate_action act, bool thrown)
{
    struct scripted_isolate isolate;
    struct load load = {.order = {act, "in a handler", NULL}};
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_sent(&isolate, &load));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "in a handler", thrown));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1);
    isolate_drop(&isolate);
}

static void errors_of_handlers_are_told(void)
{
    handler_fails(isolate_fails, false);
    handler_fails(isolate_throws, true);
}

static lc_error *starts_timer(struct scripted_isolate *isolate, void *arg)
{
    const lc_payload order = {arg, sizeof(struct isolate_order), NULL};
    return lc_timer_start(isolate->orders.send, &order, 0, 0, NULL) == 0
               ? NULL
               : lc_error_new(-EINVAL, "no timer");
}

static void errors_of_timers_are_told(void)
{
    struct isolate_order order = {isolate_throws, "in a timer", NULL};
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, starts_timer, &order));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "in a timer", true));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    isolate_drop(&isolate);
}

enum { TIMERS = 3 };

static lc_error *starts_timers(struct scripted_isolate *isolate, void *arg)
{
    lc_error *error = NULL;
    for (int i = 0; i < TIMERS && !error; i++)
        error = starts_timer(isolate, arg);
    return error;
}

static void other_timers_go_on(void)
{
    struct isolate_order order = {isolate_throws, "in a timer", NULL};
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.errors_not_fatal = true;
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    CU_ASSERT_TRUE(isolate_told(&isolate, starts_timers, &order));
    for (int i = 0; i < TIMERS; i++)
        CU_ASSERT_TRUE(hears_error(isolate.notes, "in a timer", true));
    isolate_drop(&isolate);
}

static lc_error *starts_periodic_timer(struct scripted_isolate *isolate, void *arg)
{
    const struct isolate_order order = {isolate_throws, arg, NULL};
    const lc_payload payload = {(void *)(uintptr_t)&order, sizeof order, NULL};
    int result =
        lc_timer_start(isolate->orders.send, &payload, LC_MILLISECOND, LC_MILLISECOND, NULL);
    return result == 0 ? NULL : lc_error_new(-100, "no timer");
}

static void periodic_timer_goes_on(void)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.errors_not_fatal = true;
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    CU_ASSERT_TRUE(isolate_told(&isolate, starts_periodic_timer, "again"));
    for (int i = 0; i < 3; i++)
        CU_ASSERT_TRUE(hears_error(isolate.notes, "again", true));
    isolate_drop(&isolate);
}

static void every_listener_is_told_once(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    lc_receive_port ports[3] = {open_port(), open_port(), open_port()};
    for (int i = 0; i < 3; i++)
        for (int times = 0; times < 2; times++)
            CU_ASSERT_EQUAL(lc_isolate_add_error_listener(bare(&isolate), ports[i].send), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate.real, isolate.notes.send), 0);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_throws, "failed"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(hears_error(ports[i], "failed", true));
        CU_ASSERT_TRUE(hears_nothing(ports[i]));
        CU_ASSERT_EQUAL(lc_port_close(ports[i]), 0);
    }
    CU_ASSERT_TRUE(hears_error(isolate.notes, "failed", true));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    isolate_drop(&isolate);
}

static void error_listener_is_removed(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    lc_receive_port ports[2] = {open_port(), open_port()};
    CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(isolate.real, ports[0].send), -ENOENT);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate.real, ports[i].send), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(bare(&isolate), ports[0].send), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(isolate.real, ports[0].send), -ENOENT);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_fails, "failed"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(ports[0]));
    CU_ASSERT_TRUE(hears_error(ports[1], "failed", false));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "failed", false));
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate.real, ports[i].send), -ESRCH);
        CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(isolate.real, ports[i].send), -ESRCH);
        CU_ASSERT_EQUAL(lc_port_close(ports[i]), 0);
    }
    isolate_drop(&isolate);
}

static void without_listener_it_is_logged(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate.real, LC_NO_PORT), -EINVAL);
    CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(isolate.real, isolate.notes.send), 0);
    check_log_capture();
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_throws, "unheard"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_EQUAL(check_log_count("isolate: uncaught error: unheard backtrace="), 1);
    check_log_release();
    isolate_drop(&isolate);
}

static void with_a_listener_it_is_not_logged(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    check_log_capture();
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_throws, "heard"));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "heard", true));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_FALSE(check_log_has("heard"));
    check_log_release();
    isolate_drop(&isolate);
}

static void fatal_error_ends_it(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, waits_and_fails, NULL));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "failed", false));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(atomic_load(&isolate.released), 1);
    isolate_drop(&isolate);
}

static lc_error *defers_and_throws(struct scripted_isolate *isolate, void *arg)
{
    lc_defer(isolate_count_deferred, isolate);
    lc_defer(say_by_deferred, isolate);
    return isolate_throws(isolate, arg);
}

static void error_is_told_before_deferred_calls(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, defers_and_throws, "thrown"));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "thrown", true));
    CU_ASSERT_TRUE(hears(isolate.notes, "deferred"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_EQUAL(atomic_load(&isolate.deferred), 3);
    isolate_drop(&isolate);
}

static void survives_errors(isolate_action act, bool thrown)
{
    struct scripted_isolate isolate;
    struct load load = {.order = {act, "failed", NULL}};
    isolate_init(&isolate);
    isolate.options.errors_not_fatal = true;
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(isolate_told(&isolate, act, "failed"));
        CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    }
    CU_ASSERT_TRUE(isolate_sent(&isolate, &load));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(hears_error(isolate.notes, "failed", thrown));
        CU_ASSERT_TRUE(hears(isolate.notes, "message"));
    }
    CU_ASSERT_TRUE(hears_error(isolate.notes, "failed", thrown));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_EQUAL(atomic_load(&load.destroyed), 1);
    isolate_drop(&isolate);
}

static void goes_on_with_the_next_message(void)
{
    survives_errors(isolate_fails, false);
    survives_errors(isolate_throws, true);
}

static void survives_an_error_in_its_entry(void)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.errors_not_fatal = true;
    isolate.options.paused = true;
    isolate.first = isolate_throws;
    isolate.first_arg = "in the entry";
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    lc_handle *ready = lc_isolate_ready(isolate.real);
    resume(&isolate, isolate.real.pause);
    CU_ASSERT_TRUE(hears_error(isolate.notes, "in the entry", true));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "lives"));
    CU_ASSERT_TRUE(hears(isolate.notes, "lives"));
    CHECK_OPEN(ready);
    lc_handle_unref(ready);
    isolate_drop(&isolate);
}

static void errors_become_fatal_or_not(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(bare(&isolate), false), -EPERM);
    pause(&isolate, isolate.real.pause); /* control works while it is paused */
    CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(isolate.real, false), 0);
    resume(&isolate, isolate.real.pause);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_fails, "first"));
    CU_ASSERT_TRUE(isolate_does(&isolate, isolate_says, "lives"));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "first", false));
    CU_ASSERT_TRUE(hears(isolate.notes, "lives"));
    CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(bare(&isolate), true), -EPERM);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_fails, "second"));
    CU_ASSERT_TRUE(isolate_does(&isolate, isolate_says, "lives"));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "second", false));
    CU_ASSERT_TRUE(hears(isolate.notes, "lives"));
    CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(isolate.real, true), 0);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_fails, "third"));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "third", false));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(isolate.real, false), -ESRCH);
    isolate_drop(&isolate);
}

static void kill_is_no_error(void)
{
    for (int i = 0; i < PRIORITIES; i++) {
        struct scripted_isolate isolate;
        isolate_begin(&isolate);
        check_log_capture();
        CU_ASSERT_TRUE(isolate_told(&isolate, waits_for_its_context, NULL));
        CU_ASSERT_TRUE(hears(isolate.notes, "waits"));
        CU_ASSERT_EQUAL(kill_with(&isolate, priorities[i]), 0);
        if (priorities[i] != LC_PRIORITY_IMMEDIATE) /* else it would wait for ever */
            CU_ASSERT_EQUAL(kill_with(&isolate, LC_PRIORITY_IMMEDIATE), 0);
        CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
        CU_ASSERT_TRUE(isolate_has_ended(&isolate));
        CU_ASSERT_TRUE(hears_nothing(isolate.notes));
        CU_ASSERT_FALSE(check_log_has("isolate"));
        check_log_release();
        isolate_drop(&isolate);
    }
}

static lc_error *signals_an_error(struct scripted_isolate *isolate, void *arg)
{
    lc_signal_error(lc_isolate_context(), isolate_fails(isolate, arg));
    isolate_say(isolate, "goes on");
    return NULL;
}

static void signalled_error_lets_the_handler_go_on(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, signals_an_error, "signalled"));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "signalled", true));
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    isolate_drop(&isolate);
}

static void throw_below(void *context)
{
    lc_throw(context, lc_error_new(-100, "by another"));
}

static void errors_of_others_below_its_context(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_does(&isolate, isolate_shows_context, NULL));
    lc_context *below = lc_context_new(isolate.context);
    keep_busy(&isolate);
    helper_do(throw_below, below);
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "goes on"));
    CU_ASSERT_TRUE(hears_error(isolate.notes, "by another", false));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    lc_context_unref(below);
    isolate_drop(&isolate);
}

static void errors_below_a_context_that_has_ended(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_does(&isolate, isolate_shows_context, NULL));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(isolate.context)), -ECANCELED);
    check_log_capture();
    lc_signal_error(isolate.context, lc_error_new(-100, "too late"));
    CU_ASSERT_TRUE(check_log_has("too late"));
    check_log_release();
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    isolate_drop(&isolate);
}

/* ---- C14: holds ---- */

static void begin_held(struct scripted_isolate *isolate, bool at_start, bool at_exit)
{
    isolate_init(isolate);
    isolate->options.hold_at_start = at_start;
    isolate->options.hold_at_exit = at_exit;
    CU_ASSERT_TRUE(isolate_spawn(isolate));
}

static void hold_at_start_holds(void)
{
    struct scripted_isolate isolate;
    begin_held(&isolate, true, false);
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_HELD_AT_START);
    CU_ASSERT_EQUAL(ping(&isolate, "control works", LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "control works"));
    CU_ASSERT_EQUAL(atomic_load(&isolate.entered), 0);
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_HELD_AT_START);
    CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate.real), 0);
    CU_ASSERT_TRUE(isolate_is_ready(&isolate));
    CU_ASSERT_EQUAL(atomic_load(&isolate.entered), 1);
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_RUNNING);
    CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate.real), -ENOENT);
    isolate_drop(&isolate);
}

/* How one ends, and what is heard of it. */
struct ending {
    isolate_action act; /* NULL: it is killed */
    const void *arg;
    lc_priority priority; /* of the kill */
    const char *before;   /* the hold; NULL: nothing */
};

/* Ended so, it is held; then it is let go. */
static void held_at_exit(struct ending ending)
{
    struct scripted_isolate isolate;
    begin_held(&isolate, false, true);
    CU_ASSERT_TRUE(ending.act ? isolate_told(&isolate, ending.act, ending.arg)
                              : kill_with(&isolate, ending.priority) == 0);
    CU_ASSERT_TRUE(isolate_comes_to(&isolate, LC_ISOLATE_HELD_AT_EXIT));
    CU_ASSERT_TRUE(!ending.before || hears(isolate.notes, ending.before));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    CU_ASSERT_EQUAL(ping(&isolate, "control works", LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "control works"));
    CU_ASSERT_TRUE(isolate_comes_to(&isolate, LC_ISOLATE_HELD_AT_EXIT));
    CU_ASSERT_EQUAL(atomic_load(&isolate.released), 0);
    CHECK_OPEN(isolate.done);
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate.real), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate.real), -ESRCH);
    isolate_drop(&isolate);
}

static void hold_at_exit_holds(void)
{
    held_at_exit((struct ending){.act = isolate_closes});
    held_at_exit((struct ending){.act = isolate_exits});
    held_at_exit((struct ending){.act = isolate_exits, .arg = "last", .before = "last"});
}

static void errors_do_not_end_a_hold_at_exit(void)
{
    held_at_exit((struct ending){.act = isolate_fails, .arg = "failed", .before = "error: failed"});
    held_at_exit(
        (struct ending){.act = isolate_throws, .arg = "thrown", .before = "error: thrown"});
}

static void kills_do_not_end_a_hold_at_exit(void)
{
    for (int i = 0; i < PRIORITIES; i++)
        held_at_exit((struct ending){.priority = priorities[i]});
    held_at_exit((struct ending){.act = kills_itself, .arg = &priorities[1]});
}

static void killed_while_held_at_exit(void)
{
    for (int i = 0; i < PRIORITIES; i++) {
        struct scripted_isolate isolate;
        begin_held(&isolate, false, true);
        CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
        CU_ASSERT_TRUE(isolate_comes_to(&isolate, LC_ISOLATE_HELD_AT_EXIT));
        CU_ASSERT_EQUAL(kill_with(&isolate, priorities[i]), 0);
        CU_ASSERT_EQUAL(ping(&isolate, "control works", LC_PRIORITY_NEXT_EVENT), 0);
        CU_ASSERT_TRUE(hears(isolate.notes, "control works"));
        CU_ASSERT_TRUE(isolate_comes_to(&isolate, LC_ISOLATE_HELD_AT_EXIT));
        CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate.real), 0);
        CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
        isolate_drop(&isolate);
    }
}

static void killed_while_held_at_start(void)
{
    for (int i = 0; i < PRIORITIES; i++) {
        struct scripted_isolate isolate;
        begin_held(&isolate, true, true);
        CU_ASSERT_EQUAL(kill_with(&isolate, priorities[i]), 0);
        CU_ASSERT_TRUE(isolate_comes_to(&isolate, LC_ISOLATE_HELD_AT_EXIT));
        CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate.real), 0);
        CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
        CU_ASSERT_TRUE(isolate_has_ended(&isolate));
        CU_ASSERT_EQUAL(atomic_load(&isolate.entered), 0);
        CU_ASSERT_EQUAL(atomic_load(&isolate.released), 1);
        isolate_drop(&isolate);
    }
}

static void resume_ends_no_hold(void)
{
    struct scripted_isolate isolate;
    begin_held(&isolate, true, true);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate.real, isolate.real.pause), -ENOENT);
    CU_ASSERT_EQUAL(ping(&isolate, "still held", LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "still held"));
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_HELD_AT_START);
    CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate.real), 0);
    CU_ASSERT_TRUE(isolate_is_ready(&isolate));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(isolate_comes_to(&isolate, LC_ISOLATE_HELD_AT_EXIT));
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate.real, isolate.real.pause), -ENOENT);
    CU_ASSERT_EQUAL(ping(&isolate, "still held", LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "still held"));
    CU_ASSERT_TRUE(isolate_comes_to(&isolate, LC_ISOLATE_HELD_AT_EXIT));
    isolate_drop(&isolate);
}

static void end_of_hold_ends_no_pause(void)
{
    struct scripted_isolate isolate;
    isolate_init(&isolate);
    isolate.options.paused = true;
    isolate.options.hold_at_start = true;
    CU_ASSERT_TRUE(isolate_spawn(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_HELD_AT_START);
    CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate.real), 0);
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_PAUSED);
    CU_ASSERT_EQUAL(ping(&isolate, "still paused", LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "still paused"));
    CU_ASSERT_EQUAL(atomic_load(&isolate.entered), 0);
    CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate.real), -ENOENT);
    resume(&isolate, isolate.real.pause);
    CU_ASSERT_TRUE(isolate_is_ready(&isolate));
    isolate_drop(&isolate);
}

static void end_of_hold_needs_the_pause_capability(void)
{
    struct scripted_isolate isolate;
    begin_held(&isolate, true, false);
    lc_isolate wrong = isolate.real;
    wrong.pause = isolate.real.terminate;
    CU_ASSERT_EQUAL(lc_isolate_end_hold(bare(&isolate)), -EPERM);
    CU_ASSERT_EQUAL(lc_isolate_end_hold(wrong), -EPERM);
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate.real), LC_ISOLATE_HELD_AT_START);
    wrong = bare(&isolate);
    wrong.pause = isolate.real.pause;
    CU_ASSERT_EQUAL(lc_isolate_end_hold(wrong), 0);
    CU_ASSERT_TRUE(isolate_is_ready(&isolate));
    isolate_drop(&isolate);
}

static void listeners_change_while_held_at_exit(void)
{
    struct scripted_isolate isolate;
    begin_held(&isolate, false, true);
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_closes, NULL));
    CU_ASSERT_TRUE(isolate_comes_to(&isolate, LC_ISOLATE_HELD_AT_EXIT));
    lc_receive_port port = open_port();
    CU_ASSERT_EQUAL(listen_to_exit(&isolate, port, "over"), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_exit_listener(isolate.real, isolate.notes.send), 0);
    CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate.real), 0);
    CU_ASSERT_TRUE(hears(port, "over"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    isolate_drop(&isolate);
}

/* One is held at its start, one at its exit, and their group is shut down. */
static void group_shutdown_ends_holds(void)
{
    struct scripted_isolate first, second;
    lc_isolate_group *group;
    CHECK_SUCCESS(lc_isolate_group_new(NULL, &group));
    isolate_init(&first);
    first.options.group = group;
    first.options.hold_at_start = first.options.hold_at_exit = true;
    CU_ASSERT_TRUE(isolate_spawn(&first));
    isolate_init(&second);
    second.options.group = group;
    second.options.hold_at_exit = true;
    CU_ASSERT_TRUE(isolate_spawn(&second));
    CU_ASSERT_TRUE(isolate_told(&second, isolate_closes, NULL));
    CU_ASSERT_TRUE(isolate_comes_to(&second, LC_ISOLATE_HELD_AT_EXIT));
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(group, check_patience()), 0);
    CU_ASSERT_TRUE(hears(first.notes, "exit"));
    CU_ASSERT_TRUE(hears(second.notes, "exit"));
    CU_ASSERT_EQUAL(atomic_load(&first.entered), 0);
    isolate_drop(&first);
    isolate_drop(&second);
    lc_isolate_group_unref(group);
}

CHECK_SUITE_IN_MODES(
    isolate_control, "conformance: isolates, control and listeners",
    {"C8 a ping is answered with the response given", ping_gives_the_response},
    {"C8 an immediate ping is answered while a handler runs", immediate_ping_overtakes_all},
    {"C8 a ping before the next event comes after the handler and earlier control",
     ping_before_the_next_event},
    {"C8 pings are answered while an isolate is paused", pings_work_while_paused},
    {"C8 pings are answered before the entry has run", pings_work_before_the_entry},
    {"C8 a ping needs no capability", ping_needs_no_capability},
    {"C8 pings that wait when a kill takes effect are answered", pings_before_a_kill_are_answered},
    {"C8 pings that wait when an error is fatal are answered", pings_before_an_error_are_answered},
    {"C8 an isolate that pings itself at once has the answer sent before the call returns",
     isolate_pings_itself},
    {"C8 pings of no isolate, and bad ones, are refused, and keep what they would move",
     pings_that_are_refused},
    {"C9 by default a kill lets the running handler return", kill_comes_before_the_next_event},
    {"C9 a kill of oneself before the next event returns", kill_of_oneself_before_the_next_event},
    {"C9 an immediate kill of oneself does not return", immediate_kill_of_oneself},
    {"C9 an immediate kill of oneself ends the entry", immediate_kill_of_oneself_in_the_entry},
    {"C9 after an immediate kill the context is cancelled and the next call does not return",
     next_call_does_not_return},
    {"C9 an immediate kill ends a wait for the context",
     immediate_kill_ends_a_wait_for_the_context},
    {"C9 an immediate kill ends a computation that checks", long_computation_is_killed,
     CHECK_KERNEL},
    {"C9 a check does nothing unless the isolate was killed", check_does_nothing_else},
    {"C9 messages of a killed isolate are dropped and destroyed once",
     messages_of_a_killed_one_are_dropped},
    {"C9 an isolate that is killed before its entry has run never runs it",
     kill_works_before_the_entry},
    {"C9 pings that wait when an immediate kill takes effect are answered",
     pings_before_an_immediate_kill_are_answered},
    {"C9 a kill needs the terminate capability", kill_needs_the_terminate_capability},
    {"C9 an immediate kill may follow one before the next event", immediate_kill_after_another},
    {"C9 all deferred calls of a killed isolate run", deferred_calls_of_a_killed_one_run},
    {"C9 a sender that is killed while parked leaves nothing behind", parked_sender_is_killed},
    {"C10 the exit message comes after all else", exit_is_the_last_act},
    {"C10 the isolate has ended when its exit is heard", ended_when_the_exit_is_heard},
    {"C10 every kind of end is told", every_end_is_told},
    {"C10 the response is empty by default", empty_response_is_the_default},
    {"C10 the same port again replaces its response", same_port_replaces_its_response},
    {"C10 an exit listener can be removed", exit_listener_is_removed},
    {"C10 each of many exit listeners gets its own response", many_exit_listeners},
    {"C10 added after the exit, nothing arrives", listens_too_late},
    {"C10 exit listeners change while the isolate is paused", exit_listeners_change_while_paused},
    {"C10 an isolate listens to the exit of another", isolate_listens_to_another},
    {"C10 bad exit listeners are refused", bad_exit_listeners_are_refused},
    {"C11 errors of the entry are told, with a backtrace if thrown", errors_of_the_entry_are_told},
    {"C11 errors of handlers are told, with a backtrace if thrown", errors_of_handlers_are_told},
    {"C11 errors of timers are told", errors_of_timers_are_told},
    {"C11 every listener is told, the same port once", every_listener_is_told_once},
    {"C11 an error listener can be removed", error_listener_is_removed},
    {"C11 an error without a listener is logged", without_listener_it_is_logged},
    {"C11 an error with a listener is not logged", with_a_listener_it_is_not_logged},
    {"C11 a fatal error ends the isolate, and is told before the exit", fatal_error_ends_it},
    {"C11 an error is told before deferred calls run", error_is_told_before_deferred_calls},
    {"C11 if errors are not fatal it goes on with the next message", goes_on_with_the_next_message},
    {"C11 if errors are not fatal it survives its entry", survives_an_error_in_its_entry},
    {"C11 a throw in one timer's handler leaves other due timers", other_timers_go_on},
    {"C11 a throw in a periodic timer's handler leaves the timer", periodic_timer_goes_on},
    {"C11 whether errors are fatal can be changed, with the terminate capability",
     errors_become_fatal_or_not},
    {"C11 a kill is not an error", kill_is_no_error},
    {"C11 an error that is signalled lets the handler go on",
     signalled_error_lets_the_handler_go_on},
    {"C11 what others throw below its context is the isolate's error, in its turn",
     errors_of_others_below_its_context},
    {"C11 what is thrown below its context after its end is logged",
     errors_below_a_context_that_has_ended},
    {"C14 a hold at the start keeps the entry from running", hold_at_start_holds},
    {"C14 a hold at the exit comes after the last event", hold_at_exit_holds},
    {"C14 a hold at the exit holds after errors", errors_do_not_end_a_hold_at_exit},
    {"C14 a hold at the exit holds after kills", kills_do_not_end_a_hold_at_exit},
    {"C14 a kill does not end a hold at the exit", killed_while_held_at_exit},
    {"C14 an isolate killed while held at its start is held at its exit",
     killed_while_held_at_start},
    {"C14 a resume ends no hold", resume_ends_no_hold},
    {"C14 the end of a hold ends no pause", end_of_hold_ends_no_pause},
    {"C14 the end of a hold needs the pause capability", end_of_hold_needs_the_pause_capability},
    {"C14 listeners change while an isolate is held at its exit",
     listeners_change_while_held_at_exit},
    {"C14 holds do not hold when the group is shut down", group_shutdown_ends_holds});
