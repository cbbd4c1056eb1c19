/*
 * observer.h (internal): those who are told what happens. Floor 5: shell.c.
 */
#ifndef LIFECYCLE_SUPERVISE_OBSERVER_H
#define LIFECYCLE_SUPERVISE_OBSERVER_H

#include <lifecycle/observe.h>

#include <bsd/sys/queue.h>

struct lc__shell;

struct lc_observer {
    LIST_ENTRY(lc_observer) link; /* the shell's, in its service */
    lc_channel *channel;          /* of struct lc__event */
    uint64_t sent;                /* events made for it, lost ones too; the shell's */
    uint64_t expected;            /* the number of the next event, if none is lost; its caller's */
    struct lc__shell *shell;      /* held; for lc_observer_free */
};

/* An observer that nobody tells anything yet. NULL: no memory, or a bad capacity. */
lc_observer *lc__observer_new(size_t capacity);
/* Tells it: copied, with `name`. Waits for nobody; from one caller at a time. */
void lc__observer_tell(lc_observer *observer, const lc_event *event);
/* Frees one that is in no shell's list. */
void lc__observer_destroy(lc_observer *observer);

#endif
