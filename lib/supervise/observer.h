/*
 * observer.h (internal): the observers of a supervisor or tree, each with its queue of events.
 * Floor 5: shell.c, observe.c.
 */
#ifndef LIFECYCLE_SUPERVISE_OBSERVER_H
#define LIFECYCLE_SUPERVISE_OBSERVER_H

#include <lifecycle/observe.h>

#include <bsd/sys/queue.h>

struct lc__shell;

struct lc_observer {
    LIST_ENTRY(lc_observer) link; /* of the serving task of the shell */
    lc_channel *channel;          /* of events; it drops the oldest to make room */
    uint64_t sent;                /* events made so far, lost ones too; of the serving task */
    uint64_t expected;            /* the number of the next event, if none is lost; of the reader */
    struct lc__shell *shell;      /* held; for lc_observer_free() */
};

LIST_HEAD(lc__observers, lc_observer);

/* An observer that is in no list. NULL: no memory, or a bad capacity. */
lc_observer *lc__observer_new(size_t capacity);
/* Frees an observer that is in no list. */
void lc__observer_destroy(lc_observer *observer);

/* Sends a copy of the event, with its name, to each observer. Never waits. One caller at a time. */
void lc__observers_tell(const struct lc__observers *observers, const lc_event *event);
/* No event follows: observers that wait for one stop waiting. */
void lc__observers_close(const struct lc__observers *observers);

#endif
