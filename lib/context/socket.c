/*
 * socket.c: listens and connects. See <lifecycle/io.h>.
 *
 * In a simulation the addresses are private Unix addresses (address.c), and all else is the same.
 */
#include <lifecycle/io.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/system.h"
#include "base/task.h"
#include "context/address.h"
#include "executor/simulated_net.h"
#include "wait/wait.h"

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* @return the descriptor, or a negative errno. */
static int socket_make(int family)
{
    if (lc__memory_must_fail())
        return -EMFILE;
    return lc__socket(family);
}

static void socket_switch(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

/* ---- errors ---- */

/* A host and a port as text. A host with colons is in brackets. */
struct target {
    char text[280];
};

static struct target target_write(const char *host, const char *port)
{
    struct target target;
    bool colons = host && strchr(host, ':');
    snprintf(target.text, sizeof target.text, "%s%.255s%s:%s", colons ? "[" : "",
             host && *host ? host : "*", colons ? "]" : "", port);
    return target;
}

static lc_error *socket_path_error(const char *what, const char *path, int code)
{
    const size_t most = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (code == -EINVAL && !(path && *path))
        return lc_error_new(code, "cannot %s a Unix socket without a path", what);
    if (code == -ENAMETOOLONG)
        return lc_error_new(
            code, "cannot %s %s: the path of a Unix socket has at most %zu bytes, and not %zu",
            what, path, most, strlen(path));
    if (code == -EEXIST)
        return lc_error_new(code, "cannot %s %s: it is there, and is no socket", what, path);
    return lc_error_new(code, "cannot %s %s: %s", what, path, strerror(-code));
}

static lc_error *socket_place_missing(const char *call)
{
    return lc_error_new(-EINVAL, "%s needs a place for the descriptor", call);
}

/* @return NULL, and the port's number; or the error of a bad argument. */
static lc_error *socket_check_port(const char *call, const char *port, int least, unsigned *number)
{
    int parsed = lc__address_port(port);
    if (parsed < least)
        return lc_error_new(-EINVAL, "the port of %s is a number from %d to 65535, not \"%s\"",
                            call, least, port ? port : "(null)");
    *number = (unsigned)parsed;
    return NULL;
}

/* ---- listening ---- */

/* @return the descriptor, or a negative errno. */
static int socket_listen_at(const struct lc__address *address)
{
    int family = address->at.any.sa_family;
    int fd = socket_make(family);
    if (fd < 0)
        return fd;
    if (family != AF_UNIX) {
        socket_switch(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        socket_switch(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* what is accepted inherits it */
    }
    if (family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->at.v6.sin6_addr))
        socket_switch(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (bind(fd, &address->at.any, address->size) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int code = -errno;
    lc__close(fd);
    return code;
}

/* Whether this machine does not have the address: only then the next one is tried. */
static bool socket_is_not_here(int code)
{
    return code == -EADDRNOTAVAIL || code == -EAFNOSUPPORT;
}

lc_error *lc_listen(const char *host, const char *port, int *fd)
{
    struct lc__addresses found;
    unsigned number = 0;
    lc__task_check();
    if (!fd)
        return socket_place_missing("lc_listen");
    *fd = -1;
    lc_error *mistake = socket_check_port("lc_listen", port, 0, &number);
    if (mistake)
        return mistake;
    int result = lc__addresses_to_listen(host, number, &found);
    for (size_t i = 0; i < found.count; i++) {
        result = socket_listen_at(&found.list[i]);
        if (!socket_is_not_here(result))
            break;
    }
    if (result < 0)
        return lc_error_new(result, "cannot listen on %s: %s", target_write(host, port).text,
                            found.reason ? found.reason : strerror(-result));
    *fd = result;
    return NULL;
}

int lc_fd_port(int fd)
{
    struct lc__address name = {.size = sizeof name.at};
    if (getsockname(fd, &name.at.any, &name.size) < 0)
        return -errno;
    unsigned port = 0;
    if (name.at.any.sa_family == AF_INET)
        port = ntohs(name.at.v4.sin_port);
    else if (name.at.any.sa_family == AF_INET6)
        port = ntohs(name.at.v6.sin6_port);
    else if (name.at.any.sa_family == AF_UNIX && lc__task_current()->simulation)
        port = lc__simulated_net_port(&name.at.local, name.size);
    return port > 0 ? (int)port : -EINVAL;
}

/* ---- listening at a path ---- */

/*
 * Locks the directory of the path. If several processes found one stale file, each would remove it,
 * and the last would remove the socket that another has just made. The caller goes on without the
 * lock if the directory cannot be opened, or if another process holds the lock for a second.
 * @return a descriptor that the caller closes, or a negative number.
 */
static int socket_lock_directory(const char *path)
{
    enum { TRIES = 1000 };
    char copy[sizeof((struct sockaddr_un *)0)->sun_path];
    strlcpy(copy, path, sizeof copy);
    int lock = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0 && i < TRIES; i++)
        lc_sleep(LC_MILLISECOND);
    return lock;
}

/* @return 0: the file is a socket on which nothing listens; or why it has to stay. */
static int socket_check_stale(const char *path, const struct lc__address *address)
{
    struct stat status;
    if (lstat(path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    int fd = socket_make(AF_UNIX);
    if (fd < 0)
        return fd;
    int result = lc__connect(fd, &address->at.any, address->size);
    lc__close(fd);
    if (result == -ECONNREFUSED || result == -ENOENT)
        return 0;
    return result == 0 || result == -EAGAIN ? -EADDRINUSE : result;
}

/* @return the descriptor, or a negative errno. */
static int socket_listen_at_path(const char *path, const struct lc__address *address)
{
    int result = socket_listen_at(address);
    if (result != -EADDRINUSE)
        return result;
    result = socket_check_stale(path, address);
    if (result < 0)
        return result;
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    return socket_listen_at(address);
}

lc_error *lc_listen_unix(const char *path, int *fd)
{
    struct lc__address address;
    lc__task_check();
    if (!fd)
        return socket_place_missing("lc_listen_unix");
    *fd = -1;
    int result = lc__address_of_path(path, true, &address);
    if (result == 0 && lc__task_current()->simulation) {
        result = socket_listen_at(&address);
    } else if (result == 0) {
        lc__task_shield(); /* the sleep would otherwise not give the lock back */
        int lock = socket_lock_directory(path);
        result = socket_listen_at_path(path, &address);
        if (lock >= 0)
            lc__close(lock);
        lc__task_unshield();
    }
    if (result < 0)
        return socket_path_error("listen on", path, result);
    *fd = result;
    return NULL;
}

/* ---- connecting ---- */

/* An attempt to connect to one of several addresses. */
struct attempt {
    lc_context *context;
    int64_t deadline;
    bool cut_short; /* the context, the deadline, or the end of the task has ended it */
};

/* As lc_context_wait_any, but -EINTR if the task must end. */
static int attempt_wait(struct attempt *attempt, lc_waitable *waitable, size_t count,
                        int64_t deadline)
{
    lc_context *context = attempt->context;
    int result = lc__wait_any_holding(waitable, count, lc_context_done(context), deadline);
    if (result >= 0 && (size_t)result == count)
        result = lc_error_code(lc_context_error(context));
    return result;
}

/* The listener's queue is full. The kernel does not report when a Unix socket has room again. */
static int attempt_pause(struct attempt *attempt, int64_t *pause)
{
    *pause = *pause == 0 ? LC_MILLISECOND : *pause * 2;
    if (*pause > 100 * LC_MILLISECOND)
        *pause = 100 * LC_MILLISECOND;
    int64_t until = lc_deadline_after(*pause);
    bool last = attempt->deadline <= until;
    int result = attempt_wait(attempt, NULL, 0, last ? attempt->deadline : until);
    if (result == -ETIMEDOUT && !last && !lc_context_error(attempt->context))
        return 0;
    attempt->cut_short = true;
    return result;
}

/* @return the result of a connect that is under way. */
static int attempt_finish(struct attempt *attempt, int fd)
{
    lc_waitable writable = lc_on_fd(fd, POLLOUT);
    int result = attempt_wait(attempt, &writable, 1, attempt->deadline);
    if (result < 0) {
        attempt->cut_short = true;
        return result;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return -error;
}

/* @return the descriptor, or a negative errno. */
static int attempt_connect(struct attempt *attempt, const struct lc__address *address)
{
    int64_t pause = 0;
    int fd = socket_make(address->at.any.sa_family);
    if (fd < 0)
        return fd;
    if (address->at.any.sa_family != AF_UNIX)
        socket_switch(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    int result = lc__connect(fd, &address->at.any, address->size);
    while (result == -EAGAIN && address->at.any.sa_family == AF_UNIX) {
        result = attempt_pause(attempt, &pause);
        if (result == 0)
            result = lc__connect(fd, &address->at.any, address->size);
    }
    if (result == -EINPROGRESS)
        result = attempt_finish(attempt, fd);
    if (result == 0)
        return fd;
    lc__close(fd);
    return result;
}

/* The deadline of one of `left` addresses: each gets its share of the time. */
static int64_t attempt_deadline(int64_t deadline, size_t left)
{
    int64_t now = lc_now();
    if (deadline == LC_FOREVER || deadline <= now)
        return deadline;
    return now + (deadline - now) / (int64_t)left;
}

/* @return the descriptor, or the error of the last address. */
static int socket_connect_to_any(lc_context *context, const struct lc__addresses *found,
                                 int64_t deadline)
{
    int result = -ECONNREFUSED;
    for (size_t i = 0; i < found->count; i++) {
        struct attempt attempt = {context, attempt_deadline(deadline, found->count - i), false};
        result = attempt_connect(&attempt, &found->list[i]);
        bool shared = result == -ETIMEDOUT && !lc_context_error(context);
        if (result >= 0 || (attempt.cut_short && !shared))
            break;
    }
    return result;
}

/* Whether the code is that of the context's error, which then becomes the cause. */
static bool context_ended_by(const lc_context *context, int code)
{
    const lc_error *ended = lc_context_error(context);
    return ended && lc_error_code(ended) == code;
}

lc_error *lc_connect(lc_context *context, const char *host, const char *port, int *fd,
                     int64_t deadline)
{
    struct lc__addresses found = {.count = 0};
    unsigned number = 0;
    lc__task_check();
    if (!fd)
        return socket_place_missing("lc_connect");
    *fd = -1;
    lc_error *mistake = socket_check_port("lc_connect", port, 1, &number);
    if (!mistake && !(host && *host))
        mistake = lc_error_new(-EINVAL, "lc_connect needs a host");
    if (mistake)
        return mistake;
    int result = lc_error_code(lc_context_error(context));
    if (result == 0 || !lc__address_is_name(host))
        result = lc__addresses_to_connect(host, number, &found);
    if (result == 0)
        result = socket_connect_to_any(context, &found, deadline);
    if (result < 0)
        lc__task_check(); /* does not return if the task must end */
    if (result < 0 && context_ended_by(context, result))
        return lc_error_wrap(lc_error_ref(lc_context_error(context)), result,
                             "cannot connect to %s", target_write(host, port).text);
    if (result < 0)
        return lc_error_new(result, "cannot connect to %s: %s", target_write(host, port).text,
                            found.reason ? found.reason : strerror(-result));
    *fd = result;
    return NULL;
}

lc_error *lc_connect_unix(lc_context *context, const char *path, int *fd, int64_t deadline)
{
    struct lc__address address;
    lc__task_check();
    if (!fd)
        return socket_place_missing("lc_connect_unix");
    *fd = -1;
    int result = lc__address_of_path(path, false, &address);
    struct attempt attempt = {context, deadline, false};
    if (result == 0)
        result = attempt_connect(&attempt, &address);
    if (result < 0)
        lc__task_check(); /* does not return if the task must end */
    if (result < 0 && context_ended_by(context, result))
        return lc_error_wrap(lc_error_ref(lc_context_error(context)), result,
                             "cannot connect to %s", path);
    if (result < 0)
        return socket_path_error("connect to", path, result);
    *fd = result;
    return NULL;
}
