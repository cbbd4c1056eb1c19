/*
 * message.c: see message.h and <lifecycle/port.h>.
 */
#include "isolate/message.h"

#include "base/cache.h"
#include "base/memory.h"
#include "executor/callback.h"
#include "executor/job.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

static atomic_uint_least64_t dropped; /* a counter, it orders nothing */

uint64_t lc_messages_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

void lc_payload_keep(void *data)
{
    (void)data;
}

int lc__payload_check(const lc_payload *payload)
{
    if (!payload || payload->destroy)
        return 0;
    if (payload->size > LC_MESSAGE_BYTES_MAX || (payload->size > 0 && !payload->data))
        return -EINVAL;
    return 0;
}

void lc__payload_destroy(const lc_payload *payload)
{
    if (!payload || !payload->destroy)
        return;
    lc__callback_enter();
    payload->destroy(payload->data);
    lc__callback_leave();
}

/* Not cleared: what is behind the header is written over, and the header is written here. */
static lc_message *make(lc_send_port port, size_t bytes)
{
    size_t size = offsetof(lc_message, bytes) + bytes;
    bool is_block = size <= LC__BLOCK_SIZE;
    lc_message *message = is_block ? lc__block_take(lc__loop_cache()) : lc__allocate_raw(size);
    if (!message)
        return NULL;
    message->is_block = is_block;
    message->is_tick = false;
    message->next = NULL;
    message->port = port;
    message->data = NULL;
    message->size = 0;
    message->destroy = NULL;
    message->stamp = 0;
    return message;
}

/* With a payload that is good, or NULL, behind the first `before` bytes. */
static lc_message *make_with(lc_send_port port, const lc_payload *payload, size_t before)
{
    bool moved = payload && payload->destroy;
    size_t bytes = payload && !moved ? payload->size : 0;
    lc_message *message = make(port, before + bytes);
    if (!message || !payload)
        return message;
    message->size = payload->size;
    message->destroy = payload->destroy;
    if (moved)
        message->data = payload->data;
    else if (bytes > 0)
        message->data = memcpy(message->bytes + before, payload->data, bytes);
    return message;
}

lc_message *lc__message_new(lc_send_port port, const lc_payload *payload)
{
    return make_with(port, payload, 0);
}

lc_message *lc__message_new_tick(lc_send_port port, const lc_payload *payload)
{
    lc_message *message = make_with(port, payload, sizeof(struct lc__tick));
    if (!message)
        return NULL;
    message->is_tick = true;
    *lc__tick_of(message) = (struct lc__tick){NULL, 0};
    return message;
}

static void free_memory(lc_message *message)
{
    if (message->is_block)
        lc__block_give(lc__loop_cache(), message);
    else
        lc__free(message);
}

/* What an error listener is told: the data of its message, known by what destroys it. */
struct report {
    lc_error *error;
    char *backtrace; /* NULL: none */
};

static void free_report(void *arg)
{
    struct report *report = arg;
    lc_error_unref(report->error);
    lc__free(report->backtrace);
    lc__free(report);
}

static const struct report *report_of(const lc_message *message)
{
    return message && message->destroy == free_report ? message->data : NULL;
}

lc_message *lc__message_of_error(lc_send_port port, const lc_error *error, const char *backtrace)
{
    lc_message *message = make(port, 0);
    struct report *report = message ? lc__allocate(sizeof *report) : NULL;
    if (!report) {
        if (message)
            free_memory(message);
        return NULL;
    }
    report->error = lc_error_ref(error);
    report->backtrace = backtrace ? lc__duplicate(backtrace) : NULL;
    message->data = report;
    message->destroy = free_report;
    return message;
}

void *lc_message_data(const lc_message *message)
{
    return message && !report_of(message) ? message->data : NULL;
}

size_t lc_message_size(const lc_message *message)
{
    return message ? message->size : 0;
}

lc_send_port lc_message_port(const lc_message *message)
{
    return message ? message->port : LC_NO_PORT;
}

void *lc_message_take(lc_message *message)
{
    if (!message || !message->destroy || report_of(message))
        return NULL;
    void *data = message->data;
    message->destroy = NULL;
    message->data = NULL;
    return data;
}

const lc_error *lc_message_error(const lc_message *message)
{
    const struct report *report = report_of(message);
    return report ? report->error : NULL;
}

const char *lc_message_backtrace(const lc_message *message)
{
    const struct report *report = report_of(message);
    return report ? report->backtrace : NULL;
}

uint64_t lc_message_periods(const lc_message *message)
{
    return message && message->is_tick ? lc__tick_of((lc_message *)(uintptr_t)message)->periods : 0;
}

void lc__message_disown(lc_message *message)
{
    if (message)
        message->destroy = NULL;
    lc_message_free(message);
}

void lc_message_free(lc_message *message)
{
    if (!message)
        return;
    struct lc__tick_origin *origin = message->is_tick ? lc__tick_of(message)->origin : NULL;
    if (origin)
        origin->operations->gone(origin);
    const lc_payload payload = {message->data, message->size, message->destroy};
    lc__payload_destroy(&payload);
    free_memory(message);
}

void lc__message_drop(lc_message *message)
{
    if (!message)
        return;
    atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
    lc_message_free(message);
}

void lc__messages_drop(lc_message *first)
{
    while (first) {
        lc_message *next = first->next;
        lc__message_drop(first);
        first = next;
    }
}

lc_message *lc__messages_of(struct lc__messages *from, uint32_t number)
{
    struct lc__messages found = {NULL, NULL}, rest = {NULL, NULL};
    for (lc_message *message; (message = lc__messages_shift(from));)
        lc__messages_append(message->port.number == number ? &found : &rest, message);
    *from = rest;
    return found.first;
}

lc_message *lc__messages_shift_counted(struct lc__messages *list)
{
    lc_message *before = NULL, *found = list->first;
    while (found && found->is_tick) {
        before = found;
        found = found->next;
    }
    if (!found)
        return NULL;
    if (!before)
        return lc__messages_shift(list);
    before->next = found->next;
    if (list->last == found)
        list->last = before;
    return found;
}

uint32_t lc__messages_count(const lc_message *message)
{
    uint32_t counted = 0;
    for (; message; message = message->next)
        counted += !message->is_tick;
    return counted;
}
