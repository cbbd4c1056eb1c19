/*
 * output.c: see output.h.
 *
 * A reader that stops reading delays nothing. lc__standard_error_write() cannot block, and a line
 * that does not fit is lost, which log_standard.c counts. A reader that is slow gets 100 ms, once
 * in ten seconds at most for the whole process, so that a burst of lines is not lost. So the log
 * waits for a reader for one percent of the time at most.
 *
 * The lock orders the lines. When a terminal or a stream socket has taken a part of a line, the
 * rest is kept and is written before any other line. The lock is held for a write that does not
 * block, never for a wait. A fork takes the lock, so that the child finds it free. The child
 * forgets the rest of a line that the parent has begun.
 */
#include "base/output.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/lock.h"
#include "base/standard.h"
#include "base/system.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define MOMENT (100 * LC_MILLISECOND)
#define MOMENT_EVERY (10 * LC_SECOND)

static struct lc__lock output_lock = LC__LOCK_INIT;
/* Under output_lock. */
static char rest[LC_LOG_LINE_MAX]; /* of a line that was begun */
static size_t rest_size;
static int64_t moment_ends;
static int64_t next_moment; /* when it may begin */

/* ---- forks ---- */

static void output_lock_before_fork(void)
{
    lc__lock_take(&output_lock);
}

static void output_unlock_after_fork(void)
{
    lc__lock_give(&output_lock);
}

static void output_unlock_in_child(void)
{
    rest_size = 0;
    lc__lock_give(&output_lock);
}

static void output_watch_forks(void)
{
    pthread_atfork(output_lock_before_fork, output_unlock_after_fork, output_unlock_in_child);
}

/* ---- writing ---- */

/* @return 0: nothing is left; or a negative errno. */
static int output_write_rest(void)
{
    LC__ASSERT(lc__lock_is_held(&output_lock));
    while (rest_size > 0) {
        long written = lc__standard_error_write(rest, rest_size);
        if (written <= 0)
            return written < 0 ? (int)written : -EAGAIN;
        rest_size -= (size_t)written;
        memmove(rest, rest + written, rest_size);
    }
    return 0;
}

/* A line of which a part is written counts as written. */
static int output_write_line(const char *line, size_t size)
{
    int result = output_write_rest();
    if (result < 0 || size == 0)
        return result;
    long written = lc__standard_error_write(line, size);
    if (written <= 0)
        return written < 0 ? (int)written : -EAGAIN;
    rest_size = size - (size_t)written;
    memcpy(rest, line + written, rest_size);
    return 0;
}

/* @return until when to wait for a slow reader; LC_NOW: no wait. */
static int64_t output_give_moment(void)
{
    LC__ASSERT(lc__lock_is_held(&output_lock));
    int64_t now = lc__clock_real.now(&lc__clock_real);
    if (now >= next_moment) {
        moment_ends = now + MOMENT;
        next_moment = now + MOMENT_EVERY;
    }
    return now < moment_ends ? moment_ends : LC_NOW;
}

int lc__output_put(const char *line, size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    /* A child that was not made by libc's fork may find the lock held by a thread that is gone. */
    if (lc__forked())
        return lc__standard_error_write(line, size) < 0 ? -EAGAIN : 0;
    pthread_once(&once, output_watch_forks);
    for (;;) {
        lc__lock_take(&output_lock);
        int result = output_write_line(line, size);
        int64_t until = result == -EAGAIN ? output_give_moment() : LC_NOW;
        lc__lock_give(&output_lock);
        if (until == LC_NOW)
            return result;
        lc__output_await(until);
    }
}

int lc__output_put_rest(void)
{
    return lc__output_put(NULL, 0);
}

void lc__output_await(int64_t deadline)
{
    struct pollfd writable = {.fd = STDERR_FILENO, .events = POLLOUT};
    lc__poll(&writable, 1, deadline);
}
