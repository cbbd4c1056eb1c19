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

static atomic_uint_least64_t dropped; /* a counter: relaxed, it orders nothing */

uint64_t lc_messages_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

/* ---- payloads ---- */

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

/* ---- messages ---- */

/* The memory is not cleared: this function writes the header, its caller the bytes behind it. */
static lc_message *message_make(lc_send_port port, size_t bytes)
{
    size_t size = offsetof(lc_message, bytes) + bytes;
    bool is_block = size <= LC__BLOCK_SIZE;
    lc_message *message = is_block ? lc__block_take(lc__loop_cache()) : lc__allocate_raw(size);
    if (!message)
        return NULL;
    message->is_block = is_block;
    message->is_tick = false;
    message->port = port;
    message->data = NULL;
    message->size = 0;
    message->destroy = NULL;
    message->stamp = 0;
    return message;
}

/* Copies the bytes of a payload that is not moved behind the first `before` bytes. */
static lc_message *message_make_with(lc_send_port port, const lc_payload *payload, size_t before)
{
    LC__ASSERT(lc__payload_check(payload) == 0);
    bool moved = payload && payload->destroy;
    size_t bytes = payload && !moved ? payload->size : 0;
    lc_message *message = message_make(port, before + bytes);
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
    return message_make_with(port, payload, 0);
}

lc_message *lc__message_new_tick(lc_send_port port, const lc_payload *payload)
{
    lc_message *message = message_make_with(port, payload, sizeof(struct lc__tick));
    if (!message)
        return NULL;
    message->is_tick = true;
    *lc__tick_of(message) = (struct lc__tick){NULL, 0};
    return message;
}

static void message_free_memory(lc_message *message)
{
    if (message->is_block)
        lc__block_give(lc__loop_cache(), message);
    else
        lc__free(message);
}

/*
 * The data of a message about an error. The message is recognised by its `destroy`, which is
 * error_report_free().
 */
struct error_report {
    lc_error *error;
    char *backtrace; /* NULL: none */
};

static void error_report_free(void *arg)
{
    struct error_report *report = arg;
    lc_error_unref(report->error);
    lc__free(report->backtrace);
    lc__free(report);
}

static const struct error_report *error_report_of(const lc_message *message)
{
    return message && message->destroy == error_report_free ? message->data : NULL;
}

lc_message *lc__message_of_error(lc_send_port port, const lc_error *error, const char *backtrace)
{
    lc_message *message = message_make(port, 0);
    struct error_report *report = message ? lc__allocate(sizeof *report) : NULL;
    if (!report) {
        if (message)
            message_free_memory(message);
        return NULL;
    }
    report->error = lc_error_ref(error);
    report->backtrace = backtrace ? lc__duplicate(backtrace) : NULL;
    message->data = report;
    message->destroy = error_report_free;
    return message;
}

void *lc_message_data(const lc_message *message)
{
    return message && !error_report_of(message) ? message->data : NULL;
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
    if (!message || !message->destroy || error_report_of(message))
        return NULL;
    void *data = message->data;
    message->destroy = NULL;
    message->data = NULL;
    return data;
}

const lc_error *lc_message_error(const lc_message *message)
{
    const struct error_report *report = error_report_of(message);
    return report ? report->error : NULL;
}

const char *lc_message_backtrace(const lc_message *message)
{
    const struct error_report *report = error_report_of(message);
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
    message_free_memory(message);
}

void lc__message_drop(lc_message *message)
{
    if (!message)
        return;
    atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
    lc_message_free(message);
}

/* ---- queues ---- */

void lc__messages_drop(lc_message *chain)
{
    while (chain) {
        lc_message *next = STAILQ_NEXT(chain, link);
        lc__message_drop(chain);
        chain = next;
    }
}

uint32_t lc__messages_count(const lc_message *chain)
{
    uint32_t count = 0;
    for (; chain; chain = STAILQ_NEXT(chain, link))
        count += !chain->is_tick;
    return count;
}

lc_message *lc__messages_shift_counted(struct lc__messages *queue)
{
    lc_message *found;
    STAILQ_FOREACH (found, queue, link)
        if (!found->is_tick)
            break;
    if (found)
        STAILQ_REMOVE(queue, found, lc_message, link);
    return found;
}

void lc__messages_move(struct lc__messages *from, uint32_t number, struct lc__messages *to)
{
    struct lc__messages kept = STAILQ_HEAD_INITIALIZER(kept);
    lc_message *message, *next;
    STAILQ_FOREACH_SAFE (message, from, link, next) {
        if (message->port.number == number)
            STAILQ_INSERT_TAIL(to, message, link);
        else
            STAILQ_INSERT_TAIL(&kept, message, link);
    }
    STAILQ_INIT(from);
    STAILQ_CONCAT(from, &kept);
}
