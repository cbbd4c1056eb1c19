/*
 * io.c: waits for a descriptor, accepts, reads and writes under a context and a deadline. See
 * <lifecycle/io.h>; socket.c listens and connects.
 *
 * Each call tries first and waits if there is nothing. So what has come wins over the end of the
 * context and over the deadline. A try does not block, whatever the flags of the descriptor are.
 */
#include <lifecycle/io.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_repeated.h"
#include "base/memory.h"
#include "base/sanitizer.h"
#include "base/spin.h"
#include "base/system.h"
#include "base/task.h"
#include "executor/simulation.h"

#include <lifecycle/executor.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* ---- between two tries ---- */

/* After so many tries without a wait, a worker lets others run. */
enum { TRIES_IN_A_ROW = 64 };

/* What a call tries until it has succeeded. */
struct tries {
    lc_context *context;
    int fd;
    short events; /* what it waits for between them */
    short seen;   /* what the last wait has reported */
    int64_t deadline;
};

/*
 * Counts the tries in a row that the worker has begun under a context that has ended. Only their
 * addresses distinguish contexts. A context at the address of another gets fewer tries, if the
 * worker has not used it before its end.
 */
static unsigned io_count_served(struct lc__task *task, const lc_context *context)
{
    bool ended = lc_context_error(context) != NULL;
    bool same = ended && task->io_context == context;
    task->io_context = ended ? context : NULL;
    task->io_served = same ? task->io_served + 1 : 0;
    return task->io_served;
}

/*
 * Called before each try. Otherwise a descriptor that is always ready would keep other fibers from
 * the thread, and the worker would never see that it is to stop.
 * @return 0; or the code of the context's error, after enough tries since it has ended.
 */
static int tries_begin(const struct tries *tries)
{
    lc__task_check();
    struct lc__task *task = lc__task_current();
    if (io_count_served(task, tries->context) >= TRIES_IN_A_ROW)
        return lc_error_code(lc_context_error(tries->context));
    if (++task->io_tries < TRIES_IN_A_ROW)
        return 0;
    task->io_tries = 0;
    if (task->fiber)
        lc_yield();
    return 0;
}

int lc_wait_fd(lc_context *context, int fd, short events, int64_t deadline)
{
    lc_waitable waitable = lc_on_fd(fd, events);
    if (!lc_context_error(context))
        lc__task_current()->io_context = NULL;
    int result = lc_context_wait_any(context, &waitable, 1, deadline);
    return result < 0 ? result : waitable.revents;
}

/*
 * Called when a try has found nothing. After a hang-up or an error that try was the last: poll(2)
 * reports a Unix listener that was shut down, for example, as ready for ever, with nothing to
 * accept. @return 0: try again; -EIO: a further try is useless; or an error of the wait.
 */
static int tries_wait(struct tries *tries)
{
    if (tries->seen & (POLLERR | POLLHUP))
        return -EIO;
    int result = lc_wait_fd(tries->context, tries->fd, tries->events, tries->deadline);
    if (result < 0)
        return result;
    tries->seen = (short)result;
    return 0;
}

static bool io_is_stream_socket(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/*
 * In a simulation with early wake-ups, a stream moves fewer bytes at a time than it could. A
 * descriptor that is no stream may need its bytes all at once.
 */
static size_t io_cut_size(int fd, size_t size)
{
    struct lc__simulation *simulation = lc__task_current()->simulation;
    size_t cut = simulation ? lc__simulation_part(simulation, size) : size;
    return cut == size || io_is_stream_socket(fd) ? cut : size;
}

/*
 * What a worker does before a write happens before what another does after it has read the bytes.
 * ThreadSanitizer does not see the raw calls; it gets one object for all descriptors.
 */
static char moved;

/* ---- reading ---- */

/* Reads a descriptor that is no socket only if it is readable, since it may block. */
static ssize_t io_read_once(int fd, void *buffer, size_t size)
{
    ssize_t got = lc__receive(fd, buffer, size);
    if (got != -ENOTSOCK)
        return got;
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int ready = lc__poll_now(&polled, 1);
    if (ready <= 0)
        return ready < 0 ? ready : -EAGAIN;
    return lc__read(fd, buffer, size);
}

ssize_t lc_read(lc_context *context, int fd, void *buffer, size_t size, int64_t deadline)
{
    struct tries tries = {context, fd, POLLIN, 0, deadline};
    ssize_t got = -EAGAIN;
    if (size == 0)
        return 0;
    size = io_cut_size(fd, size);
    while (got == -EAGAIN) {
        int result = tries_begin(&tries);
        if (result < 0)
            return result;
        got = io_read_once(fd, buffer, size);
        if (got == -EAGAIN)
            result = tries_wait(&tries);
        if (result < 0)
            return result;
    }
    lc__sanitizer_acquire(&moved);
    return got;
}

/* ---- writing ---- */

/* As io_read_once(). A write of PIPE_BUF bytes to a writable pipe does not block. */
static ssize_t io_write_once(int fd, const void *data, size_t size)
{
    ssize_t sent = lc__send(fd, data, size);
    if (sent != -ENOTSOCK)
        return sent;
    struct pollfd polled = {.fd = fd, .events = POLLOUT};
    int ready = lc__poll_now(&polled, 1);
    if (ready <= 0)
        return ready < 0 ? ready : -EAGAIN;
    int flags = fcntl(fd, F_GETFL);
    bool blocks = flags >= 0 && !(flags & O_NONBLOCK);
    return lc__write(fd, data, blocks && size > PIPE_BUF ? PIPE_BUF : size);
}

int lc_write_all(lc_context *context, int fd, const void *data, size_t size, int64_t deadline)
{
    struct tries tries = {context, fd, POLLOUT, 0, deadline};
    const char *at = data;
    lc__sanitizer_release(&moved);
    while (size > 0) {
        int result = tries_begin(&tries);
        if (result < 0)
            return result;
        size_t part = io_cut_size(fd, size);
        ssize_t sent = io_write_once(fd, at, part);
        if (sent == -EAGAIN) {
            result = tries_wait(&tries);
            if (result < 0)
                return result;
            continue;
        }
        if (sent < 0)
            return (int)sent;
        if (part < size)
            lc_yield(); /* so that the other side sees the part alone */
        at += sent;
        size -= (size_t)sent;
    }
    return 0;
}

/* ---- accepting ---- */

/* Errors of the connection, not of the listener: accept(2) says to try again. */
static bool accept_is_aborted(int code)
{
    return code == -ECONNABORTED || code == -EPROTO || code == -ENOPROTOOPT || code == -EHOSTDOWN ||
           code == -EHOSTUNREACH || code == -ENETDOWN || code == -ENETUNREACH || code == -ENONET;
}

/* Errors that go away when other workers or processes give something back. */
static bool accept_is_scarce(int code)
{
    return code == -EMFILE || code == -ENFILE || code == -ENOBUFS || code == -ENOMEM;
}

/* Whether to log a line; counted for all listeners together, but apart for each simulation. */
static bool scarcity_admits(uint64_t *left_out)
{
    static struct lc__spinlock lock;
    static struct lc__log_repeated lines; /* under the lock */
    struct lc__simulation *simulation = lc__task_current()->simulation;
    struct lc__log_repeated *counted = simulation ? lc__simulation_scarcity(simulation) : &lines;
    int64_t now = simulation ? lc_now() : lc__clock_real.now(&lc__clock_real);
    lc__spinlock_lock(&lock);
    bool admits = lc__log_repeated_admits(counted, now, left_out);
    lc__spinlock_unlock(&lock);
    return admits;
}

static void scarcity_log(int listener, int code, int64_t pause)
{
    uint64_t left_out = 0;
    if (!lc__log_is_on(LC_LOG_WARNING) || !scarcity_admits(&left_out))
        return;
    lc_log(LC_LOG_WARNING, NULL,
           "cannot accept a connection on descriptor %d: %s; tries again in %" PRId64
           " ms (such lines left out: %" PRIu64 ")",
           listener, strerror(-code), pause / LC_MILLISECOND, left_out);
}

/* Pauses, longer each time. @return 0: try again; or an error of the wait. */
static int scarcity_pause(const struct tries *tries, int code, int64_t *pause)
{
    *pause = *pause == 0 ? 10 * LC_MILLISECOND : *pause * 2;
    if (*pause > LC_SECOND)
        *pause = LC_SECOND;
    int64_t left = tries->deadline == LC_FOREVER ? LC_FOREVER : tries->deadline - lc_now();
    scarcity_log(tries->fd, code, *pause);
    if (left <= 0)
        return -ETIMEDOUT;
    return lc_context_sleep(tries->context, left < *pause ? left : *pause);
}

static int accept_once(int listener)
{
    return lc__memory_must_fail() ? -EMFILE : lc__accept(listener);
}

/* A blocking listener would block the second of two workers that find one connection. */
static int listener_unblock(int listener)
{
    int flags = fcntl(listener, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK))
        return 0;
    return flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int lc_accept(lc_context *context, int listener, int *fd, int64_t deadline)
{
    struct tries tries = {context, listener, POLLIN, 0, deadline};
    int64_t pause = 0;
    if (!fd)
        return -EINVAL;
    *fd = -1;
    int result = listener_unblock(listener);
    while (result == 0) {
        result = tries_begin(&tries);
        if (result < 0)
            return result;
        result = accept_once(listener);
        if (result >= 0) {
            *fd = result;
            return 0;
        }
        if (result == -EAGAIN)
            result = tries_wait(&tries);
        if (accept_is_aborted(result))
            result = 0;
        else if (accept_is_scarce(result)) /* the wait needs a descriptor too */
            result = scarcity_pause(&tries, result, &pause);
    }
    return result == -EIO ? -EINVAL : result; /* a hang-up: it does not listen any more */
}
