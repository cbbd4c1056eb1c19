/*
 * log_sink.c: see log_sink.h.
 */
#include "base/log_sink.h"

#include "base/fork.h"
#include "base/lock.h"
#include "base/log_standard.h"
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/* Counted: it is called without the lock, and released when no thread is in it any more. */
struct sink {
    const lc_log_sink *calls;
    unsigned users;   /* under sink_lock: 1 while in force, and 1 for each thread that is in it */
    lc_log_sink copy; /* of the calls of a sink of the program */
};

/* The library's own sinks are never freed: each counts one user too many. */
static struct sink text_sink = {.calls = &lc__log_text_sink, .users = 2};
static struct sink json_sink = {.calls = &lc__log_json_sink, .users = 1};
static struct sink *current = &text_sink; /* under sink_lock */
/* The last of the library's own sinks that was in force; for forked children. Relaxed. */
static _Atomic(struct sink *) own_sink = &text_sink;
static struct lc__lock sink_lock = LC__LOCK_INIT;

/* A fork takes the lock, so that the child finds it free. */
static void sink_lock_before_fork(void)
{
    lc__lock_take(&sink_lock);
}

static void sink_unlock_after_fork(void)
{
    lc__lock_give(&sink_lock);
}

/* The parent reports the lines that it has lost. */
static void sink_unlock_in_child(void)
{
    lc__log_forget_lost();
    lc__lock_give(&sink_lock);
}

static void sink_watch_forks(void)
{
    pthread_atfork(sink_lock_before_fork, sink_unlock_after_fork, sink_unlock_in_child);
}

/*
 * A child that was forked when the library had threads logs to stderr, since the program's sink may
 * wait for a thread that the child does not have.
 */
static struct sink *sink_enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (lc__forked())
        return atomic_load_explicit(&own_sink, memory_order_relaxed);
    pthread_once(&once, sink_watch_forks);
    lc__lock_take(&sink_lock);
    struct sink *sink = current;
    sink->users++;
    lc__lock_give(&sink_lock);
    return sink;
}

static void sink_leave(struct sink *sink)
{
    if (lc__forked())
        return;
    lc__lock_take(&sink_lock);
    bool last = --sink->users == 0;
    lc__lock_give(&sink_lock);
    if (!last)
        return;
    int cancelling; /* a thread that is cancelled in the release would not free the sink */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    if (sink->calls->release)
        sink->calls->release(sink->calls->arg);
    lc__free(sink);
    pthread_setcancelstate(cancelling, NULL);
}

static bool sink_is_json(const lc_log_sink *calls)
{
    return calls->write == lc__log_json_sink.write && calls->arg == lc__log_json_sink.arg;
}

/* @return NULL if memory has run out. */
static struct sink *sink_new(const lc_log_sink *calls)
{
    struct sink *sink = lc__allocate(sizeof *sink);
    if (sink) {
        sink->copy = *calls;
        sink->calls = &sink->copy;
    }
    return sink;
}

static void sink_put_in_force(struct sink *next)
{
    lc__lock_take(&sink_lock);
    struct sink *old = current;
    if (old != next)
        next->users++;
    current = next;
    if (next == &text_sink || next == &json_sink)
        atomic_store_explicit(&own_sink, next, memory_order_relaxed);
    lc__lock_give(&sink_lock);
    if (old != next)
        sink_leave(old);
}

int lc__log_sink_replace(const lc_log_sink *calls)
{
    struct sink *next = &text_sink;
    if (calls)
        next = sink_is_json(calls) ? &json_sink : sink_new(calls);
    if (!next)
        return -ENOMEM;
    sink_put_in_force(next);
    return 0;
}

/* Neither call can be cancelled: a thread that is cancelled in a sink would never leave it. */
void lc__log_sink_write(const lc_log_record *record)
{
    int cancelling;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    struct sink *sink = sink_enter();
    sink->calls->write(record, sink->calls->arg);
    sink_leave(sink);
    pthread_setcancelstate(cancelling, NULL);
}

void lc__log_sink_flush(void)
{
    int cancelling;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    struct sink *sink = sink_enter();
    if (sink->calls->flush)
        sink->calls->flush(sink->calls->arg);
    sink_leave(sink);
    pthread_setcancelstate(cancelling, NULL);
}
