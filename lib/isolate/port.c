/*
 * port.c: receive ports: those of an isolate, which have handlers, and those of a fiber or a thread,
 * which are channels. See isolate.h and <lifecycle/port.h>.
 */
#include "base/fork.h"
#include "base/library.h"
#include "base/memory.h"
#include "base/options.h"
#include "isolate/isolate.h"
#include "wait/channel.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <string.h>

enum { CHANNEL_PLACE = 1u << 31 }; /* marks the place of a port that is a channel */

/* ---- ports of an isolate ---- */

struct lc__port *lc__port_find(struct lc__isolate *isolate, uint32_t number)
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

static int open_in(struct lc__isolate *isolate, const lc_port_options *options,
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
    lc__task_check();
    struct lc__isolate *isolate = lc__isolate_running();
    bool own = isolate && port.send.place == isolate->place && port.send.serial == isolate->serial;
    struct lc__port *found = own ? lc__port_find(isolate, port.send.number) : NULL;
    *error = own || !lc_port_is_open(port.send) ? -EBADF : -EPERM;
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

static int close_own(lc_receive_port port)
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

int lc_port_set_handler(lc_receive_port port, lc_message_handler handler, void *arg)
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

int lc_port_set_weak(lc_receive_port port, bool weak)
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

/* ---- ports of fibers and threads ---- */

/* A record of a pool, as an isolate is: see isolate.h. */
struct channel_port {
    void *free;               /* the pool's */
    struct lc__spinlock lock; /* for all that follows */
    bool open;
    uint8_t when_full;
    uint32_t place;
    uint64_t serial;
    lc_channel *channel;
    const struct lc__task *owner;
    const struct lc__simulation *world; /* the owner's; NULL: the real one */
};

static struct lc__pool channel_ports = {
    .record_size = sizeof(struct channel_port),
    .place_at = offsetof(struct channel_port, place),
};
static atomic_size_t open_count;
/* One number for each message to a channel port, so that the order over several ports is known. */
static atomic_uint_least64_t stamps;

static bool ports_open(void)
{
    size_t count = atomic_load(&open_count);
    if (count > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: ports of threads and fibers that were not closed: "
               "%zu",
               count);
    return count > 0;
}

static void free_pool(void)
{
    lc__pool_free_all(&channel_ports);
}

static struct lc__facility facility = {
    .busy = ports_open, .shut_down = free_pool, .is_memory = true};

/* The port, locked; NULL: it is closed, or none of these. */
static struct channel_port *lock_channel_port(lc_send_port port)
{
    struct channel_port *found =
        lc__port_is_channel(port)
            ? lc__pool_at(&channel_ports, port.place & ~(uint32_t)CHANNEL_PLACE)
            : NULL;
    if (!found)
        return NULL;
    lc__spinlock_lock(&found->lock);
    if (found->open && found->serial == port.serial)
        return found;
    lc__spinlock_unlock(&found->lock);
    return NULL;
}

static void discard(void *message)
{
    lc__message_drop(message);
}

static bool is_tick(const void *message)
{
    return ((const lc_message *)message)->is_tick;
}

static bool is_void(const void *message)
{
    return lc__tick_is_void(message);
}

/*
 * After each receive and each cancel, so that what is ready has something to be received: at the
 * front there is no tick of a cancelled timer.
 */
static void purge(lc_channel *channel)
{
    void *message;
    while (lc__channel_take_if(channel, is_void, &message))
        lc_message_free(message);
}

/* Takes the oldest message that is still to be delivered. @return as lc_channel_receive, -EINTR. */
static int take_message(lc_channel *channel, void **item, int64_t deadline)
{
    int result;
    bool delivered = false;
    while (!delivered &&
           (result = lc__channel_transfer(channel, LC__RECEIVE, item, deadline)) == 0) {
        delivered = lc__tick_deliver(*item);
        if (!delivered)
            lc_message_free(*item);
    }
    purge(channel);
    return result;
}

int lc__channel_port_open(const lc_port_options *options, lc_receive_port *opened)
{
    lc_channel *channel;
    lc__facility_register(&facility);
    int result = lc__channel_new_growing(options->limit, discard, is_tick, &channel);
    struct channel_port *port =
        result == 0 ? lc__pool_take(&channel_ports, lc__loop_index()) : NULL;
    if (!port) {
        if (result == 0)
            lc_channel_unref(channel);
        return -ENOMEM;
    }
    atomic_fetch_add(&open_count, 1);
    lc__spinlock_lock(&port->lock);
    port->open = true;
    port->when_full = (uint8_t)options->when_full;
    if (port->serial == 0)
        port->serial = lc__pool_first_serial(&channel_ports);
    port->channel = channel;
    port->owner = lc__task_current();
    port->world = port->owner->simulation;
    opened->send = (lc_send_port){port->serial, port->place | CHANNEL_PLACE, 1};
    lc__spinlock_unlock(&port->lock);
    return 0;
}

/* The channel of a port of the caller's. @return a reference; NULL and -EBADF, -EPERM. */
static lc_channel *own_channel(lc_receive_port port, int *error)
{
    struct channel_port *found = lc__forked() ? NULL : lock_channel_port(port.send);
    if (!found && lc__forked()) {
        *error = -ENOTSUP;
        return NULL;
    }
    if (!found) {
        *error = !lc__port_is_channel(port.send) && lc_port_is_open(port.send) ? -EPERM : -EBADF;
        return NULL;
    }
    bool own = found->owner == lc__task_current();
    lc_channel *channel = own ? lc_channel_ref(found->channel) : NULL;
    lc__spinlock_unlock(&found->lock);
    *error = -EPERM;
    return channel;
}

static int close_channel(lc_receive_port port)
{
    struct channel_port *found = lock_channel_port(port.send);
    if (!found)
        return -EBADF;
    bool own = found->owner == lc__task_current();
    lc_channel *channel = found->channel;
    if (own) {
        found->open = false;
        found->serial++;
        found->channel = NULL;
    }
    lc__spinlock_unlock(&found->lock);
    if (!own)
        return -EPERM;
    lc__pool_give(&channel_ports, lc__loop_index(), found);
    lc_channel_close(channel);
    for (void *message; lc__channel_transfer(channel, LC__RECEIVE, &message, LC_NOW) == 0;)
        lc__message_drop(message);
    lc_channel_unref(channel);
    atomic_fetch_sub(&open_count, 1);
    return 0;
}

/* Until there is room. @return as lc__channel_port_put. */
static int drop_oldest(lc_channel *channel, lc_message *message)
{
    void *oldest, *item = message;
    int result;
    while ((result = lc__channel_transfer(channel, LC__SEND, &item, LC_NOW)) == -ETIMEDOUT)
        if (lc__channel_take_counted(channel, &oldest))
            lc__message_drop(oldest);
    return result;
}

static int send_into(lc_channel *channel, lc_message *message, lc_when_full when_full, bool own,
                     int64_t deadline)
{
    void *item = message;
    switch (when_full) {
    case LC_FULL_DROP_OLDEST:
        return drop_oldest(channel, message);
    case LC_FULL_PARK_SENDER:
        if (!own)
            return lc__channel_transfer(channel, LC__SEND, &item, deadline);
        /* fall through */
    case LC_FULL_REFUSE:
        break;
    }
    int result = lc__channel_transfer(channel, LC__SEND, &item, LC_NOW);
    if (result == -ETIMEDOUT)
        return when_full == LC_FULL_REFUSE ? -ENOBUFS : -EDEADLK;
    return result;
}

int lc__channel_port_put(lc_message *message, bool urgent, int64_t deadline)
{
    struct channel_port *port = lock_channel_port(message->port);
    if (!port) {
        lc__message_drop(message);
        return 0;
    }
    if (port->world != lc__task_current()->simulation) {
        lc__spinlock_unlock(&port->lock);
        return -ENOTSUP;
    }
    lc_channel *channel = lc_channel_ref(port->channel);
    lc_when_full when_full = (lc_when_full)port->when_full;
    bool own = port->owner == lc__task_current();
    lc__spinlock_unlock(&port->lock);
    /* Before it is put there: of what one worker sends, the earlier has the lower number. */
    message->stamp = atomic_fetch_add_explicit(&stamps, 1, memory_order_relaxed);
    int result = urgent ? lc__channel_send_beyond(channel, message)
                        : send_into(channel, message, when_full, own, deadline);
    lc_channel_unref(channel);
    if (result == -EPIPE) { /* closed since */
        lc__message_drop(message);
        return 0;
    }
    return result;
}

void lc__channel_port_purge(lc_send_port port)
{
    struct channel_port *found = lock_channel_port(port);
    if (!found)
        return;
    lc_channel *channel = lc_channel_ref(found->channel);
    lc__spinlock_unlock(&found->lock);
    purge(channel);
    lc_channel_unref(channel);
}

int lc__port_receive(lc_receive_port port, lc_message **message, int64_t deadline)
{
    int error;
    void *item;
    lc_channel *channel = own_channel(port, &error);
    if (!channel)
        return error;
    int result = take_message(channel, &item, deadline);
    lc_channel_unref(channel);
    if (result < 0)
        return result == -EPIPE ? -EBADF : result;
    *message = item;
    return 0;
}

int lc_port_receive(lc_receive_port port, lc_message **message, int64_t deadline)
{
    lc__task_check();
    if (!message)
        return -EINVAL;
    int result = lc__port_receive(port, message, deadline);
    if (result == -EINTR)
        lc__task_check(); /* does not return */
    return result;
}

static void read_stamp(const void *message, void *stamp)
{
    *(uint64_t *)stamp = ((const lc_message *)message)->stamp;
}

/* Which of the channels has the oldest message. @return -1: none has one. */
static long oldest_of(lc_channel *const *channels, size_t count)
{
    long found = -1, before;
    uint64_t lowest = UINT64_MAX;
    /* An older one may come to where we have looked, before a younger comes to where we look then. */
    do {
        before = found;
        for (size_t i = 0; i < count; i++) {
            uint64_t stamp;
            if (!lc__channel_look(channels[i], read_stamp, &stamp) || stamp >= lowest)
                continue;
            lowest = stamp;
            found = (long)i;
        }
    } while (found != before);
    return found;
}

static int receive_oldest(lc_channel *const *channels, lc_waitable *waitables, size_t count,
                          void **item, int64_t deadline)
{
    for (;;) {
        long found = oldest_of(channels, count);
        int result = found < 0 ? -ETIMEDOUT : take_message(channels[found], item, LC_NOW);
        if (result != -ETIMEDOUT) /* else a message has given way to others meanwhile */
            return result;
        result = lc_wait_any(waitables, count, deadline);
        if (result < 0)
            return result;
    }
}

int lc_port_receive_any(const lc_receive_port *ports, size_t count, lc_message **message,
                        int64_t deadline)
{
    lc__task_check();
    if (!ports || !message || count == 0 || count > LC_WAIT_MAX)
        return -EINVAL;
    lc_channel **channels = lc__allocate_array(count, sizeof(lc_channel *));
    lc_waitable *waitables = lc__allocate_array(count, sizeof *waitables);
    int result = channels && waitables ? 0 : -ENOMEM;
    size_t had = 0;
    for (; result == 0 && had < count; had++) {
        channels[had] = own_channel(ports[had], &result);
        if (!channels[had])
            break;
        waitables[had] = lc_on_receive(channels[had]);
        result = 0;
    }
    void *item = NULL;
    if (result == 0)
        result = receive_oldest(channels, waitables, count, &item, deadline);
    while (had-- > 0)
        lc_channel_unref(channels[had]);
    lc__free(waitables);
    lc__free(channels);
    if (result == 0)
        *message = item;
    return result;
}

lc_waitable lc_on_port(lc_receive_port port)
{
    int error;
    lc_channel *channel = own_channel(port, &error);
    /* The port keeps it, and is the caller's. */
    lc_channel_unref(channel);
    return lc_on_receive(channel);
}

/* ---- both ---- */

int lc__port_check_world(lc_send_port port)
{
    bool is_of_this = true;
    if (lc__forked()) /* a lock may be held for ever */
        return -ENOTSUP;
    struct channel_port *found = lock_channel_port(port);
    if (found) {
        is_of_this = found->world == lc__task_current()->simulation;
        lc__spinlock_unlock(&found->lock);
    }
    struct lc__isolate *isolate = lc__port_is_channel(port) ? NULL : lc__isolate_lock(port);
    if (isolate) {
        is_of_this = lc__executor_is_of_this_world(isolate->job.executor);
        lc__isolate_unlock(isolate);
    }
    return is_of_this ? 0 : -ENOTSUP;
}

LC__OPTIONS_END(lc_port_options, limit);

static lc_error *port_options_read(lc_port_options *options, const lc_port_options *given,
                                   bool in_isolate)
{
    lc_error *mistake = lc__options_read(options, sizeof *options, given, "lc_port_options");
    if (options->limit == 0)
        options->limit = LC_MAILBOX_DEFAULT;
    if (mistake)
        return mistake;
    if (!in_isolate && options->handler)
        return lc_error_new(-EINVAL,
                            "a port with a handler is an isolate's: a fiber or a thread receives");
    if ((unsigned)options->when_full > LC_FULL_PARK_SENDER)
        return lc_error_new(-EINVAL, "a port has a when_full of %d, not one of LC_FULL_...",
                            (int)options->when_full);
    return NULL;
}

/* @return what the result of opening a port tells. */
static lc_error *port_error(int result)
{
    switch (result) {
    case 0:
        return NULL;
    case -EMFILE:
        return lc_error_new(result, "the isolate has %d ports open, the most there can be",
                            LC_PORTS_MAX);
    default:
        return lc_error_new(result, "no memory for a port");
    }
}

lc_error *lc_port_open(const lc_port_options *given, lc_receive_port *port)
{
    lc__task_check();
    if (!port)
        return lc_error_new(-EINVAL, "lc_port_open needs a place for the port");
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "no port in a child forked when there were workers");
    struct lc__isolate *isolate = lc__isolate_running();
    lc_port_options options;
    lc_error *mistake = port_options_read(&options, given, isolate != NULL);
    if (mistake)
        return mistake;
    return port_error(isolate ? open_in(isolate, &options, port)
                              : lc__channel_port_open(&options, port));
}

int lc_port_close(lc_receive_port port)
{
    lc__task_check();
    if (lc__forked())
        return -ENOTSUP;
    return lc__port_is_channel(port.send) ? close_channel(port) : close_own(port);
}

bool lc_port_is_open(lc_send_port port)
{
    if (lc__forked())
        return false;
    if (lc__port_is_channel(port)) {
        struct channel_port *found = lock_channel_port(port);
        if (found)
            lc__spinlock_unlock(&found->lock);
        return found != NULL;
    }
    struct lc__isolate *isolate = lc__isolate_lock(port);
    bool open = isolate && lc__port_find(isolate, port.number);
    if (isolate)
        lc__isolate_unlock(isolate);
    return open;
}
