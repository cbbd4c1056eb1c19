/*
 * output.c: see output.h.
 *
 * A reader that stops reading must delay nothing. So a line is written in a way that cannot block
 * (lc__standard_error_write), and if it does not fit it is lost, which log.c counts. A reader that
 * is merely slow gets a moment, so that a burst of lines is not lost: 100 ms, at most once in ten
 * seconds for the whole process. All that logging ever waits for a reader is therefore one percent
 * of the time.
 *
 * The lock orders the lines: what a terminal or a stream socket has taken a part of is kept, and
 * goes out before any other line. It is held for a write that does not block, never for a wait. A
 * fork takes it, so that the child finds it free; the child forgets the rest of a line that the
 * parent has begun.
 */
#include "base/output.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/standard.h"
#include "base/system.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define MOMENT (100 * LC_MILLISECOND)
#define MOMENT_EVERY (10 * LC_SECOND)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Under the lock. */
static char rest[LC_LOG_LINE_MAX]; /* of a line that was begun */
static size_t rest_size;
static int64_t moment_ends;
static int64_t next_moment; /* when it may begin */

/* ---- forks ---- */

static void lock_for_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void unlock_in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

static void unlock_in_child(void)
{
    rest_size = 0;
    pthread_mutex_unlock(&lock);
}

static void watch_output_forks(void)
{
    pthread_atfork(lock_for_fork, unlock_in_parent, unlock_in_child);
}

/* ---- writing ---- */

/* Under the lock. @return 0: nothing is left; or a negative errno. */
static int write_rest(void)
{
    while (rest_size > 0) {
        long written = lc__standard_error_write(rest, rest_size);
        if (written <= 0)
            return written < 0 ? (int)written : -EAGAIN;
        rest_size -= (size_t)written;
        memmove(rest, rest + written, rest_size);
    }
    return 0;
}

/* Under the lock. What is left of a line that was begun counts as put out. */
static int write_line(const char *line, size_t size)
{
    int result = write_rest();
    if (result < 0 || size == 0)
        return result;
    long written = lc__standard_error_write(line, size);
    if (written <= 0)
        return written < 0 ? (int)written : -EAGAIN;
    rest_size = size - (size_t)written;
    memcpy(rest, line + written, rest_size);
    return 0;
}

/* Under the lock. @return until when a slow reader is waited for; LC_NOW: not at all. */
static int64_t give_moment(void)
{
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
    pthread_once(&once, watch_output_forks);
    for (;;) {
        pthread_mutex_lock(&lock);
        int result = write_line(line, size);
        int64_t until = result == -EAGAIN ? give_moment() : LC_NOW;
        pthread_mutex_unlock(&lock);
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
