/*
 * isolate_port.c: see isolate_port.h.
 */
#include "isolate/isolate_port.h"

#include "base/memory.h"
#include "isolate/lookup.h"
#include "isolate/room.h"

#include <errno.h>
#include <string.h>

struct lc__port *lc__isolate_port_find(struct lc__isolate *isolate, uint32_t number)
{
    if (number == isolate->port.number)
        return number > 0 ? &isolate->port : NULL;
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

/* Room for one more in the array; by the isolate. @return 0, -EMFILE, -ENOMEM. */
static int make_room(struct lc__isolate *isolate)
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
    /* Under the lock, as senders look there. */
    lc__spinlock_lock(&isolate->lock);
    extras->ports = ports;
    extras->port_room = room;
    lc__isolate_unlock(isolate);
    lc__free(before);
    return 0;
}

int lc__isolate_port_open(struct lc__isolate *isolate, const lc_port_options *options,
                          lc_receive_port *opened)
{
    bool first = isolate->port.number == 0;
    if (isolate->last_number == UINT32_MAX)
        return -EMFILE;
    int result = first ? 0 : make_room(isolate);
    if (result == 0 && !options->handler && !lc__isolate_extras(isolate))
        result = -ENOMEM; /* where its messages are to wait */
    if (result < 0)
        return result;
    lc__spinlock_lock(&isolate->lock);
    const struct lc__port port = {options->handler, options->arg, ++isolate->last_number,
                                  options->weak};
    if (first)
        isolate->port = port;
    else
        isolate->extras->ports[isolate->extras->port_count++] = port;
    isolate->keeping += !port.weak;
    opened->send = (lc_send_port){isolate->serial, isolate->place, port.number};
    lc__isolate_unlock(isolate);
    return 0;
}

/* Whether a port is one of the calling isolate's. @return it; NULL and -EPERM, -EBADF. */
static struct lc__port *own_port(lc_receive_port port, int *error)
{
    struct lc__isolate *isolate = lc__isolate_running();
    bool own = isolate && port.send.place == isolate->place && port.send.serial == isolate->serial;
    struct lc__port *found = own ? lc__isolate_port_find(isolate, port.send.number) : NULL;
    *error = own ? -EBADF : -EPERM;
    return found;
}

/* Under the lock. @return those that were for it. */
static lc_message *take_queued(struct lc__isolate *isolate, uint32_t number)
{
    lc_message *all = NULL;
    struct lc__messages in_hand = {isolate->taken, NULL};
    lc_message *lists[3] = {lc__messages_of(&in_hand, number),
                            lc__messages_of(&isolate->mailbox, number), NULL};
    isolate->taken = in_hand.first;
    uint32_t left = lc__messages_count(isolate->taken) + lc__messages_count(isolate->mailbox.first);
    if (isolate->counted_off > left)
        isolate->counted_off = left;
    isolate->queued = left - isolate->counted_off;
    if (isolate->extras)
        lists[2] = lc__messages_of(&isolate->extras->waiting, number);
    isolate->waiting -= lc__messages_count(lists[2]);
    for (int i = 0; i < 3; i++) {
        while (lists[i]) {
            lc_message *message = lists[i];
            lists[i] = message->next;
            message->next = all;
            all = message;
        }
    }
    return all;
}

static void remove_port(struct lc__isolate *isolate, struct lc__port *port)
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
    struct lc__port *found = own_port(port, &error);
    if (!found)
        return error;
    struct lc__isolate *isolate = lc__isolate_running();
    lc__spinlock_lock(&isolate->lock);
    isolate->keeping -= !found->weak;
    remove_port(isolate, found);
    lc_message *queued = take_queued(isolate, port.send.number);
    lc_handle *room = queued ? lc__room_take(isolate) : NULL;
    lc__isolate_unlock(isolate);
    lc__room_tell(room);
    lc__messages_drop(queued);
    return 0;
}

int lc__isolate_port_set_handler(lc_receive_port port, lc_message_handler handler, void *arg)
{
    int error;
    struct lc__port *found = own_port(port, &error);
    if (!found)
        return error;
    struct lc__isolate *isolate = lc__isolate_running();
    if (!handler && !lc__isolate_extras(isolate))
        return -ENOMEM;
    lc_message *waited = NULL;
    lc_handle *room = NULL;
    lc__spinlock_lock(&isolate->lock);
    found->handler = handler;
    found->arg = arg;
    if (handler && isolate->extras)
        waited = lc__messages_of(&isolate->extras->waiting, port.send.number);
    if (waited) { /* before what has come since */
        lc_message *last = waited;
        isolate->counted_off += lc__messages_count(waited);
        isolate->waiting -= lc__messages_count(waited);
        room = lc__room_take(isolate);
        while (last->next)
            last = last->next;
        last->next = isolate->taken;
        isolate->taken = waited;
    }
    lc__isolate_unlock(isolate);
    lc__room_tell(room);
    return 0;
}

int lc__isolate_port_set_weak(lc_receive_port port, bool weak)
{
    int error;
    struct lc__port *found = own_port(port, &error);
    if (!found)
        return error;
    struct lc__isolate *isolate = lc__isolate_running();
    lc__spinlock_lock(&isolate->lock);
    isolate->keeping += found->weak;
    isolate->keeping -= weak;
    found->weak = weak;
    lc__isolate_unlock(isolate);
    return 0;
}
