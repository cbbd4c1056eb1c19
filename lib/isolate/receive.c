/*
 * receive.c: see receive.h and <lifecycle/port.h>.
 */
#include "isolate/receive.h"

#include "base/memory.h"
#include "base/task.h"
#include "isolate/port.h"
#include "isolate/thread_port.h"
#include "wait/channel.h"

#include <errno.h>

/* The channel of a port of the calling task's; a reference. NULL: why not, in *error. */
static lc_channel *channel_of(lc_receive_port port, int *error)
{
    lc_channel *channel = lc__thread_port_channel(port, error);
    if (!channel)
        *error = lc__port_refusal(port.send, *error);
    return channel;
}

int lc__port_receive(lc_receive_port port, lc_message **message, int64_t deadline)
{
    int error;
    void *item;
    lc_channel *channel = channel_of(port, &error);
    if (!channel)
        return error;
    int result = lc__thread_port_take(channel, &item, deadline);
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
        int result = found < 0 ? -ETIMEDOUT : lc__thread_port_take(channels[found], item, LC_NOW);
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
        channels[had] = channel_of(ports[had], &result);
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
    lc_channel *channel = channel_of(port, &error);
    /* The port keeps it, and is the caller's. */
    lc_channel_unref(channel);
    return lc_on_receive(channel);
}
