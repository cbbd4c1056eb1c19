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

/* As lc__thread_port_channel(), for a port of either kind. */
static lc_channel *channel_of_port(lc_receive_port port, int *error)
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
    lc_channel *channel = channel_of_port(port, &error);
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

static void message_read_stamp(const void *message, void *stamp)
{
    *(uint64_t *)stamp = ((const lc_message *)message)->stamp;
}

/*
 * Finds the channel that has the oldest message. While this function looks at the later channels,
 * an older message may come to a channel that it has looked at. So it looks again until it has
 * found the same channel twice. @return -1: no channel has a message.
 */
static long channels_find_oldest(lc_channel *const *channels, size_t count)
{
    long found = -1, before;
    uint64_t lowest = UINT64_MAX;
    do {
        before = found;
        for (size_t i = 0; i < count; i++) {
            uint64_t stamp;
            if (!lc__channel_look(channels[i], message_read_stamp, &stamp) || stamp >= lowest)
                continue;
            lowest = stamp;
            found = (long)i;
        }
    } while (found != before);
    return found;
}

static int channels_receive_oldest(lc_channel *const *channels, lc_waitable *waitables,
                                   size_t count, void **item, int64_t deadline)
{
    for (;;) {
        long found = channels_find_oldest(channels, count);
        int result = found < 0 ? -ETIMEDOUT : lc__thread_port_take(channels[found], item, LC_NOW);
        /* -ETIMEDOUT: there is no message; or the one that was found is gone, to make room. */
        if (result != -ETIMEDOUT)
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
        channels[had] = channel_of_port(ports[had], &result);
        if (!channels[had])
            break;
        waitables[had] = lc_on_receive(channels[had]);
        result = 0;
    }
    void *item = NULL;
    if (result == 0)
        result = channels_receive_oldest(channels, waitables, count, &item, deadline);
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
    lc_channel *channel = channel_of_port(port, &error);
    lc_channel_unref(channel); /* the port has a reference, and only the caller closes the port */
    return lc_on_receive(channel);
}
