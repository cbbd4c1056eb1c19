/*
 * thread_port.c: see thread_port.h.
 */
#include "isolate/thread_port.h"

#include "base/fork.h"
#include "base/library.h"
#include "base/pool.h"
#include "base/spin.h"
#include "base/task.h"
#include "executor/job.h"
#include "wait/channel.h"

#include <lifecycle/log.h>

#include <errno.h>

/* A record of a pool, as an isolate is: see record.h. All fields but `free` are under the lock. */
struct thread_port {
    void *free; /* the pool's */
    struct lc__spinlock lock;
    bool open;
    bool parks_senders; /* when it is full */
    uint32_t place;
    uint64_t serial;
    lc_channel *channel;
    const struct lc__task *owner;
    const struct lc__simulation *world; /* the owner's; NULL: the real one */
};

static struct lc__pool thread_ports = {
    .record_size = sizeof(struct thread_port),
    .place_at = offsetof(struct thread_port, place),
};
static atomic_size_t open_count;
/* Numbers the messages to all these ports, so that lc_port_receive_any() knows their order. */
static atomic_uint_least64_t stamps;

static bool thread_ports_busy(void)
{
    size_t count = atomic_load(&open_count);
    if (count > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: ports of threads and fibers that were not closed: "
               "%zu",
               count);
    return count > 0;
}

static void thread_ports_free(void)
{
    lc__pool_free_all(&thread_ports);
}

static struct lc__facility facility = {
    .busy = thread_ports_busy, .shut_down = thread_ports_free, .is_memory = true};

/* @return the port, locked; NULL: it is closed, or it is no port of a thread. */
static struct thread_port *thread_port_lock(lc_send_port port)
{
    struct thread_port *found =
        lc__port_is_of_thread(port)
            ? lc__pool_at(&thread_ports, port.place & ~(uint32_t)LC__THREAD_PORT)
            : NULL;
    if (!found)
        return NULL;
    lc__spinlock_lock(&found->lock);
    if (found->open && found->serial == port.serial)
        return found;
    lc__spinlock_unlock(&found->lock);
    return NULL;
}

static void message_discard(void *message)
{
    lc__message_drop(message);
}

static bool message_is_tick(const void *message)
{
    return ((const lc_message *)message)->is_tick;
}

static bool message_is_void(const void *message)
{
    return lc__tick_is_void(message);
}

/*
 * Frees the void ticks at the front of the channel. Called after each receive and each cancel, so
 * that a channel that is ready to receive has a message that can be delivered.
 */
static void channel_purge(lc_channel *channel)
{
    void *message;
    while (lc__channel_take_if(channel, message_is_void, &message))
        lc_message_free(message);
}

int lc__thread_port_take(lc_channel *channel, void **item, int64_t deadline)
{
    int result;
    bool delivered = false;
    while (!delivered &&
           (result = lc__channel_transfer(channel, LC__RECEIVE, item, deadline)) == 0) {
        delivered = lc__tick_deliver(*item);
        if (!delivered)
            lc_message_free(*item);
    }
    channel_purge(channel);
    return result;
}

int lc__thread_port_open(const lc_port_options *options, lc_receive_port *opened)
{
    static const lc_channel_when_full when_full[] = {
        [LC_FULL_DROP_OLDEST] = LC_CHANNEL_DROP_OLDEST,
        [LC_FULL_REFUSE] = LC_CHANNEL_REFUSE,
        [LC_FULL_PARK_SENDER] = LC_CHANNEL_WAIT,
    };
    lc__facility_register(&facility);
    lc_channel *channel = lc__channel_new_counting(
        LC_CHANNEL(.capacity = options->limit, .when_full = when_full[options->when_full],
                   .discard = message_discard),
        message_is_tick);
    struct thread_port *port = channel ? lc__pool_take(&thread_ports, lc__loop_index()) : NULL;
    if (!port) {
        lc_channel_unref(channel);
        return -ENOMEM;
    }
    atomic_fetch_add(&open_count, 1);
    lc__spinlock_lock(&port->lock);
    port->open = true;
    port->parks_senders = options->when_full == LC_FULL_PARK_SENDER;
    if (port->serial == 0)
        port->serial = lc__pool_first_serial(&thread_ports);
    port->channel = channel;
    port->owner = lc__task_current();
    port->world = port->owner->simulation;
    opened->send = (lc_send_port){port->serial, port->place | LC__THREAD_PORT, 1};
    lc__spinlock_unlock(&port->lock);
    return 0;
}

lc_channel *lc__thread_port_channel(lc_receive_port port, int *error)
{
    *error = -ENOTSUP;
    if (lc__forked()) /* a lock may be held for ever */
        return NULL;
    struct thread_port *found = thread_port_lock(port.send);
    *error = lc__port_is_of_thread(port.send) && !found ? -EBADF : -EPERM;
    if (!found)
        return NULL;
    bool own = found->owner == lc__task_current();
    lc_channel *channel = own ? lc_channel_ref(found->channel) : NULL;
    lc__spinlock_unlock(&found->lock);
    return channel;
}

int lc__thread_port_close(lc_receive_port port)
{
    struct thread_port *found = thread_port_lock(port.send);
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
    lc__pool_give(&thread_ports, lc__loop_index(), found);
    lc_channel_close(channel);
    for (void *message; lc__channel_transfer(channel, LC__RECEIVE, &message, LC_NOW) == 0;)
        lc__message_drop(message);
    lc_channel_unref(channel);
    atomic_fetch_sub(&open_count, 1);
    return 0;
}

int lc__thread_port_put(lc_message *message, bool beyond_limit, int64_t deadline)
{
    LC__ASSERT(lc__port_is_of_thread(message->port));
    struct thread_port *port = thread_port_lock(message->port);
    if (!port) {
        lc__message_drop(message);
        return 0;
    }
    if (port->world != lc__task_current()->simulation) {
        lc__spinlock_unlock(&port->lock);
        return -ENOTSUP;
    }
    lc_channel *channel = lc_channel_ref(port->channel);
    bool would_wait_for_itself = port->parks_senders && port->owner == lc__task_current();
    lc__spinlock_unlock(&port->lock);
    /*
     * Relaxed, and before the put: of two messages of one worker the earlier has the lower stamp.
     */
    message->stamp = atomic_fetch_add_explicit(&stamps, 1, memory_order_relaxed);
    void *item = message;
    int result = beyond_limit ? lc__channel_send_beyond(channel, message)
                              : lc__channel_transfer(channel, LC__SEND, &item,
                                                     would_wait_for_itself ? LC_NOW : deadline);
    lc_channel_unref(channel);
    if (result == -EPIPE) { /* the port was closed since */
        lc__message_drop(message);
        return 0;
    }
    return result == -ETIMEDOUT && would_wait_for_itself ? -EDEADLK : result;
}

void lc__thread_port_purge(lc_send_port port)
{
    struct thread_port *found = thread_port_lock(port);
    if (!found)
        return;
    lc_channel *channel = lc_channel_ref(found->channel);
    lc__spinlock_unlock(&found->lock);
    channel_purge(channel);
    lc_channel_unref(channel);
}

bool lc__thread_port_is_open(lc_send_port port)
{
    struct thread_port *found = thread_port_lock(port);
    if (found)
        lc__spinlock_unlock(&found->lock);
    return found != NULL;
}

bool lc__thread_port_is_foreign(lc_send_port port)
{
    struct thread_port *found = thread_port_lock(port);
    if (!found)
        return false;
    bool foreign = found->world != lc__task_current()->simulation;
    lc__spinlock_unlock(&found->lock);
    return foreign;
}
