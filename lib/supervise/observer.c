/*
 * observer.c: a bounded queue of events for each observer, in which the oldest makes room for the
 * newest. See <lifecycle/observe.h>.
 */
#include "supervise/observer.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

/* An event as it lies in the queue: what it refers to goes with it. */
struct event {
    lc_event public; /* first */
    uint64_t number; /* counts what was made for this observer, so that gaps show */
    lc_error *error;
    char name[];
};

static void discard(void *event)
{
    lc_event_free(event);
}

void lc_event_free(lc_event *event)
{
    struct event *freed = (struct event *)event;
    if (!freed)
        return;
    lc_error_unref(freed->error);
    lc__free(freed);
}

lc_observer *lc__observer_new(size_t capacity)
{
    if (capacity < 1 || capacity > LC_OBSERVER_EVENTS_MAX)
        return NULL;
    lc_observer *observer = lc__allocate(sizeof *observer);
    if (!observer)
        return NULL;
    lc_error *error = lc_channel_new(
        LC_CHANNEL(.capacity = capacity, .when_full = LC_CHANNEL_DROP_OLDEST, .discard = discard),
        &observer->channel);
    if (!error)
        return observer;
    lc_error_unref(error);
    lc__free(observer);
    return NULL;
}

void lc__observer_destroy(lc_observer *observer)
{
    lc_channel_unref(observer->channel);
    lc__free(observer);
}

/* Without memory it is lost, which its number will show. */
static struct event *make_event(const lc_event *event, uint64_t number)
{
    size_t length = strlen(event->name) + 1;
    struct event *made = lc__allocate(sizeof *made + length);
    if (!made)
        return NULL;
    made->public = *event;
    made->number = number;
    made->error = lc_error_ref(event->error);
    made->public.error = made->error;
    made->public.name = memcpy(made->name, event->name, length);
    return made;
}

void lc__observer_tell(lc_observer *observer, const lc_event *event)
{
    struct event *made = make_event(event, observer->sent++);
    if (!made)
        return;
    if (lc_channel_send(observer->channel, made, LC_NOW) < 0) /* closed, since all is over */
        lc_event_free(&made->public);
}

int lc_observer_next(lc_observer *observer, lc_event **event, int64_t deadline)
{
    void *received;
    if (!observer || !event)
        return -EINVAL;
    int result = lc_channel_receive(observer->channel, &received, deadline);
    if (result < 0)
        return result;
    struct event *next = received;
    next->public.lost = next->number - observer->expected;
    observer->expected = next->number + 1;
    *event = &next->public;
    return 0;
}

lc_waitable lc_on_observer(lc_observer *observer)
{
    return observer ? lc_on_receive(observer->channel)
                    : lc_waitable_make(LC_WAITABLE_NONE, NULL, -1, 0);
}
