/*
 * standard.c: see standard.h and <lifecycle/api.h>.
 *
 * How it writes without a wait. O_NONBLOCK cannot be set on standard error: other processes share
 * the open file, and a program that does not expect EAGAIN loses what it writes. So each write says
 * that it does not block: MSG_DONTWAIT for a socket, RWF_NOWAIT for a pipe. A terminal, and a pipe
 * of a Linux before 6.4, accepts neither. It is opened once more, so that O_NONBLOCK is set on the
 * library's own open file only. A process that has given up its rights may not open it; then
 * poll(2) says whether there is room, and the write may still block on a pipe that another process
 * fills in between. A file has no reader to wait for.
 */
#include "base/standard.h"

#include <lifecycle/api.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Relaxed: set before main, and cleared before a file of the program can get the number. */
static atomic_bool error_was_closed;

/* Runs before main, when no file of the program has the number yet. */
__attribute__((constructor)) static void standard_look_at_start(void)
{
    atomic_store_explicit(&error_was_closed, fcntl(STDERR_FILENO, F_GETFD) < 0,
                          memory_order_relaxed);
}

bool lc__standard_error_is_there(void)
{
    if (atomic_load_explicit(&error_was_closed, memory_order_relaxed))
        return false;
    int flags = fcntl(STDERR_FILENO, F_GETFD);
    /* Neither a shell nor dup2(2) leaves this flag set; on a file of the program it is set. */
    if (flags < 0 || (flags & FD_CLOEXEC))
        return false;
    return (fcntl(STDERR_FILENO, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

/* ---- writing; raw calls, since glibc's are cancellation points ---- */

static long standard_write_to_file(const void *bytes, size_t size)
{
    long written;
    do
        written = syscall(SYS_write, STDERR_FILENO, bytes, size);
    while (written < 0 && errno == EINTR);
    return written;
}

static long standard_write_if_writable(const void *bytes, size_t size)
{
    const struct timespec none = {0, 0};
    struct pollfd writable = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (syscall(SYS_ppoll, &writable, 1, &none, NULL, 0) > 0)
        return syscall(SYS_write, STDERR_FILENO, bytes, size);
    errno = EAGAIN;
    return -1;
}

static long standard_write_to_own(const void *bytes, size_t size)
{
    long own = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd/2",
                       O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0)
        return standard_write_if_writable(bytes, size);
    long written = syscall(SYS_write, own, bytes, size);
    int kept = errno;
    syscall(SYS_close, own);
    errno = kept;
    return written;
}

static long standard_write_to_device(const void *bytes, size_t size)
{
    struct iovec all = {(void *)(uintptr_t)bytes, size};
    /* Without an offset, which is -1 in both halves of it. */
    long written = syscall(SYS_pwritev2, STDERR_FILENO, &all, 1, -1L, -1L, RWF_NOWAIT);
    if (written < 0 && errno != EAGAIN && errno != EPIPE && errno != EINTR)
        written = standard_write_to_own(bytes, size);
    return written;
}

/*
 * A reader that is gone does not end the process. The write sends SIGPIPE to its own thread, which
 * has blocked the signal and then takes it, unless one was pending before.
 */
static long standard_write_without_signal(const void *bytes, size_t size)
{
    static const struct timespec none = {0, 0};
    sigset_t broken, before, pending;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    sigpending(&pending);
    long written = standard_write_to_device(bytes, size);
    int kept = errno;
    if (written < 0 && kept == EPIPE && !sigismember(&pending, SIGPIPE))
        syscall(SYS_rt_sigtimedwait, &broken, NULL, &none, (size_t)(_NSIG / 8));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = kept;
    return written;
}

static long standard_write_without_waiting(const void *bytes, size_t size)
{
    struct stat status;
    if (fstat(STDERR_FILENO, &status) != 0)
        return -1;
    if (S_ISSOCK(status.st_mode))
        return syscall(SYS_sendto, STDERR_FILENO, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL, NULL,
                       0);
    if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))
        return standard_write_without_signal(bytes, size);
    return standard_write_to_file(bytes, size);
}

long lc__standard_error_write(const void *bytes, size_t size)
{
    int kept = errno;
    long written = -EBADF;
    if (lc__standard_error_is_there()) {
        written = standard_write_without_waiting(bytes, size);
        written = written < 0 ? -errno : written;
    }
    errno = kept;
    return written == -EINTR ? -EAGAIN : written;
}

/* ---- opening ---- */

/* @return 0, also if another thread was faster; or a negative errno. */
static int standard_open_null_at(int number)
{
    int opened = open("/dev/null", O_RDWR); /* gets the lowest number that is free */
    if (opened < 0)
        return -errno;
    if (opened != number)
        close(opened);
    else if (number == STDERR_FILENO)
        atomic_store_explicit(&error_was_closed, false, memory_order_relaxed);
    return 0;
}

int lc_standard_fds_open(void)
{
    int result = 0;
    for (int number = STDIN_FILENO; number <= STDERR_FILENO && result == 0; number++)
        if (fcntl(number, F_GETFD) < 0)
            result = standard_open_null_at(number);
    return result;
}
