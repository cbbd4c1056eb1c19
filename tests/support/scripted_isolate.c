/*
 * scripted_isolate.c: see scripted_isolate.h.
 */
#include "support/scripted_isolate.h"

#include "support/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in the isolate ---- */

static lc_error *obey(lc_message *message, void *arg)
{
    const struct isolate_order order = *(const struct isolate_order *)lc_message_data(message);
    lc_error *error = order.act(arg, (void *)(uintptr_t)order.arg);
    lc_handle_close(order.did);
    return error;
}

static lc_error *enter(void *arg)
{
    struct scripted_isolate *isolate = arg;
    lc_port_options options = {.size = sizeof options};
    options.handler = obey;
    options.arg = isolate;
    atomic_fetch_add(&isolate->entered, 1);
    if (check_code(lc_port_open(&options, &isolate->orders)) != 0)
        abort();
    return isolate->first ? isolate->first(isolate, (void *)(uintptr_t)isolate->first_arg) : NULL;
}

static void release(void *arg)
{
    atomic_fetch_add(&((struct scripted_isolate *)arg)->released, 1);
}

void isolate_say(struct scripted_isolate *isolate, const char *text)
{
    if (lc_send(isolate->notes.send, text, strlen(text)) != 0)
        abort();
}

lc_error *isolate_says(struct scripted_isolate *isolate, void *arg)
{
    isolate_say(isolate, arg);
    return NULL;
}

void isolate_wait(struct scripted_isolate *isolate)
{
    isolate->self = strand_self();
    isolate_say(isolate, "waits");
    lc_handle_wait(isolate->gate, LC_FOREVER);
}

lc_error *isolate_waits(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    isolate_wait(isolate);
    isolate_say(isolate, "goes on");
    return NULL;
}

lc_error *isolate_fails(struct scripted_isolate *isolate, void *arg)
{
    (void)isolate;
    return lc_error_new(-100, "%s", (const char *)arg);
}

lc_error *isolate_throws(struct scripted_isolate *isolate, void *arg)
{
    lc_throw(lc_isolate_context(), isolate_fails(isolate, arg));
    isolate_say(isolate, "thrown?");
    return NULL;
}

lc_error *isolate_exits(struct scripted_isolate *isolate, void *arg)
{
    const lc_payload last = text_payload(arg);
    lc_isolate_exit(arg ? isolate->notes.send : LC_NO_PORT, &last);
}

lc_error *isolate_closes(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    if (lc_port_close(isolate->orders) != 0)
        abort();
    return NULL;
}

lc_error *isolate_shows_context(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    isolate->context = lc_context_ref(lc_isolate_context());
    return NULL;
}

void isolate_count_deferred(void *isolate)
{
    atomic_fetch_add(&((struct scripted_isolate *)isolate)->deferred, 1);
}

/* ---- by the test ---- */

void isolate_init(struct scripted_isolate *isolate)
{
    static const lc_isolate_options defaults = {.size = sizeof defaults};
    *isolate = (struct scripted_isolate){
        .options = defaults, .notes = open_port(), .gate = lc_handle_new()};
    isolate->options.name = "isolate";
    isolate->options.entry = enter;
    isolate->options.arg = isolate;
    isolate->options.release = release;
    isolate->options.on_error = isolate->notes.send;
    isolate->options.on_exit = isolate->notes.send;
    isolate->options.exit_response = text_payload("exit");
}

bool isolate_spawn(struct scripted_isolate *isolate)
{
    lc_error *error = lc_isolate_spawn(&isolate->options, &isolate->real);
    bool well = error == NULL;
    CHECK_SUCCESS(error);
    if (!well)
        return false;
    isolate->done = lc_isolate_done(isolate->real);
    return isolate->options.paused || isolate->options.hold_at_start || isolate_is_ready(isolate);
}

void isolate_begin(struct scripted_isolate *isolate)
{
    isolate_init(isolate);
    CU_ASSERT_TRUE(isolate_spawn(isolate));
}

bool isolate_is_ready(struct scripted_isolate *isolate)
{
    lc_handle *ready = lc_isolate_ready(isolate->real);
    int result = lc_handle_wait(ready, check_patience());
    lc_handle_unref(ready);
    return result == 0;
}

bool isolate_has_ended(struct scripted_isolate *isolate)
{
    return lc_handle_wait(isolate->done, check_patience()) == 0;
}

struct wanted {
    lc_isolate isolate;
    lc_isolate_state state;
};

static bool is_there(void *arg)
{
    const struct wanted *wanted = arg;
    return lc_isolate_read_state(wanted->isolate) == wanted->state;
}

bool isolate_comes_to(struct scripted_isolate *isolate, lc_isolate_state state)
{
    struct wanted wanted = {isolate->real, state};
    return check_until(is_there, &wanted);
}

static bool has_ended_or_ends(void *arg)
{
    const struct scripted_isolate *isolate = arg;
    lc_isolate_end_hold(isolate->real);
    return lc_handle_is_closed(isolate->done);
}

void isolate_drop(struct scripted_isolate *isolate)
{
    isolate_let_go(isolate);
    lc_isolate_kill(isolate->real, LC_PRIORITY_IMMEDIATE);
    if (isolate->options.hold_at_exit)
        CU_ASSERT_TRUE(check_until(has_ended_or_ends, isolate));
    CU_ASSERT_TRUE(!isolate->done || isolate_has_ended(isolate));
    lc_handle_unref(isolate->done);
    lc_handle_unref(isolate->gate);
    lc_context_unref(isolate->context);
    CU_ASSERT_EQUAL(lc_port_close(isolate->notes), 0);
}

bool isolate_told(struct scripted_isolate *isolate, isolate_action act, const void *arg)
{
    const struct isolate_order order = {act, arg, NULL};
    return lc_send(isolate->orders.send, &order, sizeof order) == 0;
}

bool isolate_does(struct scripted_isolate *isolate, isolate_action act, const void *arg)
{
    const struct isolate_order order = {act, arg, lc_handle_new()};
    bool well = lc_send(isolate->orders.send, &order, sizeof order) == 0 &&
                lc_handle_wait(order.did, check_patience()) == 0;
    lc_handle_unref(order.did);
    return well;
}

bool isolate_sleeps(struct scripted_isolate *isolate)
{
    return hears(isolate->notes, "waits") && strand_sleeps(isolate->self);
}

void isolate_let_go(struct scripted_isolate *isolate)
{
    lc_handle_close(isolate->gate);
}

/* ---- what is heard ---- */

lc_receive_port open_port(void)
{
    lc_receive_port port;
    if (check_code(lc_port_open(NULL, &port)) != 0)
        abort();
    return port;
}

static bool is_text(const lc_message *message, const char *text)
{
    const lc_error *error = lc_message_error(message);
    char said[256];
    if (error)
        snprintf(said, sizeof said, "error: %s", lc_error_message(error));
    else
        snprintf(said, sizeof said, "%.*s", (int)lc_message_size(message),
                 lc_message_size(message) > 0 ? (const char *)lc_message_data(message) : "");
    if (strcmp(said, text) == 0)
        return true;
    fprintf(stderr, "\nheard \"%s\" and not \"%s\"\n", said, text);
    return false;
}

bool hears(lc_receive_port port, const char *text)
{
    lc_message *message;
    if (lc_port_receive(port, &message, check_patience()) != 0)
        return false;
    bool is = is_text(message, text);
    lc_message_free(message);
    return is;
}

bool hears_nothing(lc_receive_port port)
{
    lc_message *message;
    int result = lc_port_receive(port, &message, LC_NOW);
    if (result == 0) {
        is_text(message, "(nothing)");
        lc_message_free(message);
    }
    return result == -ETIMEDOUT;
}

lc_payload text_payload(const char *text)
{
    return (lc_payload){(void *)(uintptr_t)text, text ? strlen(text) : 0, NULL};
}

/* ---- what is moved ---- */

static void destroy_load(void *data)
{
    atomic_fetch_add(&((struct load *)data)->destroyed, 1);
}

lc_payload load_payload(struct load *load)
{
    return (lc_payload){load, sizeof *load, destroy_load};
}

bool isolate_sent(struct scripted_isolate *isolate, struct load *load)
{
    const lc_payload payload = load_payload(load);
    return lc_send_payload(isolate->orders.send, &payload, LC_FOREVER) == 0;
}
