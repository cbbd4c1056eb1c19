/*
 * isolate_port.c: see isolate_port.h.
 */
#include "isolate/isolate_port.h"

#include "base/memory.h"
#include "isolate/lookup.h"
#include "isolate/room.h"

#include <errno.h>
#include <string.h>

struct lc__port *lc__isolate_port_search(struct lc__isolate *isolate, uint32_t number)
{
    const struct lc__extras *extras = isolate->extras;
    size_t low = 0, high = extras ? extras->port_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct lc__port *port = &extras->ports[middle];
        if (port->number == number)
            return port;
        if (port->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Makes room for one more port in the array. @return 0, -EMFILE, -ENOMEM. */
static int port_array_grow(struct lc__isolate *isolate)
{
    struct lc__extras *extras = lc__isolate_extras(isolate);
    if (!extras)
        return -ENOMEM;
    if (extras->port_count + 1 >= LC_PORTS_MAX)
        return -EMFILE;
    if (extras->port_count < extras->port_room)
        return 0;
    size_t room = extras->port_room ? extras->port_room * 2 : 4;
    struct lc__port *ports = lc__allocate_array(room, sizeof *ports);
    if (!ports)
        return -ENOMEM;
    struct lc__port *before = extras->ports;
    if (before)
        memcpy(ports, before, extras->port_count * sizeof *ports);
    lc__spinlock_lock(&isolate->lock); /* lc__mailbox_put() reads the array */
    extras->ports = ports;
    extras->port_room = room;
    lc__isolate_unlock(isolate);
    lc__free(before);
    return 0;
}

int lc__isolate_port_open(struct lc__isolate *isolate, const lc_port_options *options,
                          lc_receive_port *opened)
{
    LC__ASSERT(lc__isolate_running() == isolate);
    bool first = isolate->port.number == 0;
    if (isolate->last_number == UINT32_MAX)
        return -EMFILE;
    int result = first ? 0 : port_array_grow(isolate);
    if (result == 0 && !options->handler && !lc__isolate_extras(isolate))
        result = -ENOMEM; /* the messages of a port without a handler wait in the extras */
    if (result < 0)
        return result;
    lc__spinlock_lock(&isolate->lock);
    const struct lc__port port = {options->handler, options->arg, ++isolate->last_number,
                                  options->weak};
    if (first)
        isolate->port = port;
    else
        isolate->extras->ports[isolate->extras->port_count++] = port;
    isolate->keep_alive += !port.weak;
    opened->send = (lc_send_port){isolate->serial, isolate->place, port.number};
    lc__isolate_unlock(isolate);
    return 0;
}

/* Finds a port of the calling isolate. NULL and *error: -EPERM, -EBADF. */
static struct lc__port *port_find_own(lc_receive_port port, int *error)
{
    struct lc__isolate *isolate = lc__isolate_running();
    bool own = isolate && port.send.place == isolate->place && port.send.serial == isolate->serial;
    *error = own ? -EBADF : -EPERM;
    return own ? lc__isolate_port_find(isolate, port.send.number) : NULL;
}

/* Takes all messages of a port out of the isolate's queues. */
static void port_take_messages(struct lc__isolate *isolate, uint32_t number,
                               struct lc__messages *messages)
{
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    struct lc__messages taken = {.stqh_first = isolate->taken};
    lc__messages_move(&taken, number, messages);
    isolate->taken = STAILQ_FIRST(&taken);
    lc__messages_move(&isolate->mailbox, number, messages);
    uint32_t left =
        lc__messages_count(isolate->taken) + lc__messages_count(STAILQ_FIRST(&isolate->mailbox));
    if (isolate->uncounted > left)
        isolate->uncounted = left;
    isolate->queued = left - isolate->uncounted;
    if (!isolate->extras)
        return;
    struct lc__messages waiting = STAILQ_HEAD_INITIALIZER(waiting);
    lc__messages_move(&isolate->extras->waiting, number, &waiting);
    isolate->waiting -= lc__messages_count(STAILQ_FIRST(&waiting));
    STAILQ_CONCAT(messages, &waiting);
}

static void port_remove(struct lc__isolate *isolate, struct lc__port *port)
{
    struct lc__extras *extras = isolate->extras;
    if (port == &isolate->port) {
        port->number = 0;
        return;
    }
    size_t at = (size_t)(port - extras->ports);
    memmove(port, port + 1, (extras->port_count - at - 1) * sizeof *port);
    extras->port_count--;
}

int lc__isolate_port_close(lc_receive_port port)
{
    int error;
    struct lc__port *found = port_find_own(port, &error);
    if (!found)
        return error;
    struct lc__isolate *isolate = lc__isolate_running();
    struct lc__messages messages = STAILQ_HEAD_INITIALIZER(messages);
    lc__spinlock_lock(&isolate->lock);
    isolate->keep_alive -= !found->weak;
    port_remove(isolate, found);
    port_take_messages(isolate, port.send.number, &messages);
    lc_handle *room = STAILQ_EMPTY(&messages) ? NULL : lc__room_take(isolate);
    lc__isolate_unlock(isolate);
    lc__room_wake(room);
    lc__messages_drop(STAILQ_FIRST(&messages));
    return 0;
}

/*
 * The port has got a handler: its messages that wait for one come next. They came before all that
 * the isolate has taken since, and they no longer count against the limit.
 * @return as lc__room_take().
 */
static lc_handle *port_resume_waiting(struct lc__isolate *isolate, uint32_t number)
{
    struct lc__messages waited = STAILQ_HEAD_INITIALIZER(waited);
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    if (isolate->extras)
        lc__messages_move(&isolate->extras->waiting, number, &waited);
    if (STAILQ_EMPTY(&waited))
        return NULL;
    uint32_t count = lc__messages_count(STAILQ_FIRST(&waited));
    isolate->uncounted += count;
    isolate->waiting -= count;
    STAILQ_NEXT(STAILQ_LAST(&waited, lc_message, link), link) = isolate->taken;
    isolate->taken = STAILQ_FIRST(&waited);
    return lc__room_take(isolate);
}

int lc__isolate_port_set_handler(lc_receive_port port, lc_message_handler handler, void *arg)
{
    int error;
    struct lc__port *found = port_find_own(port, &error);
    if (!found)
        return error;
    struct lc__isolate *isolate = lc__isolate_running();
    if (!handler && !lc__isolate_extras(isolate))
        return -ENOMEM;
    lc__spinlock_lock(&isolate->lock);
    found->handler = handler;
    found->arg = arg;
    lc_handle *room = handler ? port_resume_waiting(isolate, port.send.number) : NULL;
    lc__isolate_unlock(isolate);
    lc__room_wake(room);
    return 0;
}

int lc__isolate_port_set_weak(lc_receive_port port, bool weak)
{
    int error;
    struct lc__port *found = port_find_own(port, &error);
    if (!found)
        return error;
    struct lc__isolate *isolate = lc__isolate_running();
    lc__spinlock_lock(&isolate->lock);
    isolate->keep_alive += found->weak;
    isolate->keep_alive -= weak;
    found->weak = weak;
    lc__isolate_unlock(isolate);
    return 0;
}
