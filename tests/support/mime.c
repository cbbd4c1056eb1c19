/*
 * mime.c: see mime.h.
 */
#include "support/mime.h"

#include "support/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in the isolate ---- */

static lc_error *obey(lc_message *message, void *arg)
{
    const struct mime_order order = *(const struct mime_order *)lc_message_data(message);
    lc_error *error = order.act(arg, (void *)(uintptr_t)order.arg);
    lc_handle_close(order.did);
    return error;
}

static lc_error *enter(void *arg)
{
    struct mime *mime = arg;
    lc_port_options options = {.size = sizeof options};
    options.handler = obey;
    options.arg = mime;
    atomic_fetch_add(&mime->entered, 1);
    if (check_code(lc_port_open(&options, &mime->orders)) != 0)
        abort();
    return mime->first ? mime->first(mime, (void *)(uintptr_t)mime->first_arg) : NULL;
}

static void release(void *arg)
{
    atomic_fetch_add(&((struct mime *)arg)->released, 1);
}

void mime_say(struct mime *mime, const char *text)
{
    if (lc_send(mime->notes.send, text, strlen(text)) != 0)
        abort();
}

lc_error *mime_says(struct mime *mime, void *arg)
{
    mime_say(mime, arg);
    return NULL;
}

void mime_wait(struct mime *mime)
{
    mime->self = doer_self();
    mime_say(mime, "waits");
    lc_handle_wait(mime->gate, LC_FOREVER);
}

lc_error *mime_waits(struct mime *mime, void *arg)
{
    (void)arg;
    mime_wait(mime);
    mime_say(mime, "goes on");
    return NULL;
}

lc_error *mime_fails(struct mime *mime, void *arg)
{
    (void)mime;
    return lc_error_new(-100, "%s", (const char *)arg);
}

lc_error *mime_throws(struct mime *mime, void *arg)
{
    lc_throw(lc_isolate_context(), mime_fails(mime, arg));
    mime_say(mime, "thrown?");
    return NULL;
}

lc_error *mime_exits(struct mime *mime, void *arg)
{
    const lc_payload last = text_payload(arg);
    lc_isolate_exit(arg ? mime->notes.send : LC_NO_PORT, &last);
}

lc_error *mime_closes(struct mime *mime, void *arg)
{
    (void)arg;
    if (lc_port_close(mime->orders) != 0)
        abort();
    return NULL;
}

lc_error *mime_shows_context(struct mime *mime, void *arg)
{
    (void)arg;
    mime->context = lc_context_ref(lc_isolate_context());
    return NULL;
}

void mime_count_deferred(void *mime)
{
    atomic_fetch_add(&((struct mime *)mime)->deferred, 1);
}

/* ---- by the test ---- */

void mime_init(struct mime *mime)
{
    static const lc_isolate_options defaults = {.size = sizeof defaults};
    *mime = (struct mime){.options = defaults, .notes = open_port(), .gate = lc_handle_new()};
    mime->options.name = "mime";
    mime->options.entry = enter;
    mime->options.arg = mime;
    mime->options.release = release;
    mime->options.on_error = mime->notes.send;
    mime->options.on_exit = mime->notes.send;
    mime->options.exit_response = text_payload("exit");
}

bool mime_spawn(struct mime *mime)
{
    lc_error *error = lc_isolate_spawn(&mime->options, &mime->isolate);
    bool well = error == NULL;
    CHECK_SUCCESS(error);
    if (!well)
        return false;
    mime->done = lc_isolate_done(mime->isolate);
    return mime->options.paused || mime->options.hold_at_start || mime_is_ready(mime);
}

void mime_begin(struct mime *mime)
{
    mime_init(mime);
    CU_ASSERT_TRUE(mime_spawn(mime));
}

bool mime_is_ready(struct mime *mime)
{
    lc_handle *ready = lc_isolate_ready(mime->isolate);
    int result = lc_handle_wait(ready, check_patience());
    lc_handle_unref(ready);
    return result == 0;
}

bool mime_has_ended(struct mime *mime)
{
    return lc_handle_wait(mime->done, check_patience()) == 0;
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

bool mime_comes_to(struct mime *mime, lc_isolate_state state)
{
    struct wanted wanted = {mime->isolate, state};
    return check_until(is_there, &wanted);
}

static bool has_ended_or_ends(void *arg)
{
    const struct mime *mime = arg;
    lc_isolate_end_hold(mime->isolate);
    return lc_handle_is_closed(mime->done);
}

void mime_drop(struct mime *mime)
{
    mime_let_go(mime);
    lc_isolate_kill(mime->isolate, LC_PRIORITY_IMMEDIATE);
    if (mime->options.hold_at_exit)
        CU_ASSERT_TRUE(check_until(has_ended_or_ends, mime));
    CU_ASSERT_TRUE(!mime->done || mime_has_ended(mime));
    lc_handle_unref(mime->done);
    lc_handle_unref(mime->gate);
    lc_context_unref(mime->context);
    CU_ASSERT_EQUAL(lc_port_close(mime->notes), 0);
}

bool mime_told(struct mime *mime, mime_act act, const void *arg)
{
    const struct mime_order order = {act, arg, NULL};
    return lc_send(mime->orders.send, &order, sizeof order) == 0;
}

bool mime_does(struct mime *mime, mime_act act, const void *arg)
{
    const struct mime_order order = {act, arg, lc_handle_new()};
    bool well = lc_send(mime->orders.send, &order, sizeof order) == 0 &&
                lc_handle_wait(order.did, check_patience()) == 0;
    lc_handle_unref(order.did);
    return well;
}

bool mime_sleeps(struct mime *mime)
{
    return hears(mime->notes, "waits") && doer_sleeps(mime->self);
}

void mime_let_go(struct mime *mime)
{
    lc_handle_close(mime->gate);
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

bool mime_sent(struct mime *mime, struct load *load)
{
    const lc_payload payload = load_payload(load);
    return lc_send_payload(mime->orders.send, &payload, LC_FOREVER) == 0;
}
