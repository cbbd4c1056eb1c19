/*
 * send.c: see send.h and <lifecycle/port.h>.
 */
#include "isolate/send.h"

#include "base/fork.h"
#include "isolate/check.h"
#include "isolate/mailbox.h"
#include "isolate/room.h"
#include "isolate/thread_port.h"

#include <errno.h>

void lc__send_own(lc_message *message)
{
    int result = lc__port_is_of_thread(message->port) ? lc__thread_port_put(message, true, LC_NOW)
                                                      : lc__mailbox_put(message, true);
    if (result < 0)
        lc__message_drop(message);
}

static int message_send(lc_message *message, int64_t deadline)
{
    if (lc__port_is_of_thread(message->port))
        return lc__thread_port_put(message, false, deadline);
    int result;
    while ((result = lc__mailbox_put(message, false)) == -EAGAIN)
        if ((result = lc__room_await(message->port, deadline)) < 0)
            break;
    return result;
}

int lc_send_payload(lc_send_port port, const lc_payload *payload, int64_t deadline)
{
    lc__check_with(payload);
    if (!lc_send_port_is_set(port) || lc__payload_check(payload) < 0)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    lc_message *message = lc__message_new(port, payload);
    if (!message)
        return -ENOMEM;
    int result = message_send(message, deadline);
    if (result == -EINTR)
        lc_message_free(message); /* with data that is moved, as this call does not return */
    else if (result < 0)
        lc__message_disown(message);
    /*
     * A sender that was killed while it waited for room ends, whether or not the message is sent.
     */
    if (result == -EINTR || result > 0)
        lc__task_check(); /* does not return */
    return result;
}

int lc_send(lc_send_port port, const void *data, size_t size)
{
    const lc_payload payload = {(void *)(uintptr_t)data, size, NULL};
    return lc_send_payload(port, &payload, LC_FOREVER);
}

int lc_send_moved(lc_send_port port, void *data, size_t size, void (*destroy)(void *data))
{
    const lc_payload payload = {data, size, destroy ? destroy : lc_payload_keep};
    return lc_send_payload(port, &payload, LC_FOREVER);
}

uint64_t lc_send_port_hash(lc_send_port port)
{
    /*
     * The multiplication by an odd number spreads neighbours; the upper half folds onto the
     * lower.
     */
    uint64_t number = (port.serial ^ (uint64_t)port.place << 32 ^ port.number << 16);
    number *= UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 32;
}
