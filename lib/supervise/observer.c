/*
 * observer.c: see observer.h and <lifecycle/observe.h>.
 */
#include "supervise/observer.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

/* An event in the queue of an observer, with its own copy of all that it refers to. */
struct observed {
    lc_event public; /* first */
    uint64_t number; /* of all events made for this observer; a gap shows that events are lost */
    lc_error *error;
    char name[];
};

static void observed_discard(void *event)
{
    lc_event_free(event);
}

void lc_event_free(lc_event *event)
{
    struct observed *freed = (struct observed *)event;
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
    lc_error *error =
        lc_channel_new(LC_CHANNEL(.capacity = capacity, .when_full = LC_CHANNEL_DROP_OLDEST,
                                  .discard = observed_discard),
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

/* NULL: no memory. Then the event is lost, which the number of the next one shows. */
static struct observed *observed_new(const lc_event *event, uint64_t number)
{
    size_t length = strlen(event->name) + 1;
    struct observed *made = lc__allocate(sizeof *made + length);
    if (!made)
        return NULL;
    made->public = *event;
    made->number = number;
    made->error = lc_error_ref(event->error);
    made->public.error = made->error;
    made->public.name = memcpy(made->name, event->name, length);
    return made;
}

static void observer_tell(lc_observer *observer, const lc_event *event)
{
    struct observed *made = observed_new(event, observer->sent++);
    if (!made)
        return;
    if (lc_channel_send(observer->channel, made, LC_NOW) < 0) /* closed */
        lc_event_free(&made->public);
}

void lc__observers_tell(const struct lc__observers *observers, const lc_event *event)
{
    lc_observer *observer;
    LIST_FOREACH (observer, observers, link)
        observer_tell(observer, event);
}

void lc__observers_close(const struct lc__observers *observers)
{
    lc_observer *observer;
    LIST_FOREACH (observer, observers, link)
        lc_channel_close(observer->channel);
}

int lc_observer_next(lc_observer *observer, lc_event **event, int64_t deadline)
{
    void *received;
    if (!observer || !event)
        return -EINVAL;
    int result = lc_channel_receive(observer->channel, &received, deadline);
    if (result < 0)
        return result;
    struct observed *next = received;
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
