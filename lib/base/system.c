/*
 * system.c: see system.h. The system calls are raw because glibc's wrappers are cancellation
 * points.
 */
#include "base/system.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int lc__write_all(int descriptor, const void *bytes, size_t size)
{
    int kept = errno;
    int result = 0;
    const char *at = bytes;
    while (size > 0) {
        long written = syscall(SYS_write, descriptor, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            result = -errno;
            break;
        }
        at += written;
        size -= (size_t)written;
    }
    errno = kept;
    return result;
}

int lc__eventfd(int flags)
{
    long descriptor = syscall(SYS_eventfd2, 0, flags);
    return descriptor < 0 ? -errno : (int)descriptor;
}

int lc__open(const char *path)
{
    long descriptor = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    return descriptor < 0 ? -errno : (int)descriptor;
}

void lc__close(int descriptor)
{
    syscall(SYS_close, descriptor);
}

long lc__read(int descriptor, void *bytes, size_t size)
{
    for (;;) {
        long got = syscall(SYS_read, descriptor, bytes, size);
        if (got >= 0 || errno != EINTR)
            return got < 0 ? -errno : got;
    }
}

int lc__getrandom(void *bytes, size_t size)
{
    int kept = errno;
    int result = 0;
    char *at = bytes;
    while (size > 0 && result == 0) {
        long got = syscall(SYS_getrandom, at, size, 0);
        if (got < 0 && errno != EINTR)
            result = -errno;
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
    errno = kept;
    return result;
}

int lc__send_datagram(int descriptor, const void *bytes, size_t size,
                      const struct sockaddr *address, socklen_t address_size)
{
    for (;;) {
        long sent = syscall(SYS_sendto, descriptor, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT,
                            address, address_size);
        if (sent >= 0 || errno != EINTR)
            return sent < 0 ? -errno : 0;
    }
}

long lc__receive(int descriptor, void *bytes, size_t size)
{
    for (;;) {
        long got = syscall(SYS_recvfrom, descriptor, bytes, size, MSG_DONTWAIT, NULL, NULL);
        if (got >= 0 || errno != EINTR)
            return got < 0 ? -errno : got;
    }
}

long lc__send(int descriptor, const void *bytes, size_t size)
{
    for (;;) {
        long sent =
            syscall(SYS_sendto, descriptor, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
        if (sent >= 0 || errno != EINTR)
            return sent < 0 ? -errno : sent;
    }
}

long lc__write(int descriptor, const void *bytes, size_t size)
{
    for (;;) {
        long written = syscall(SYS_write, descriptor, bytes, size);
        if (written >= 0 || errno != EINTR)
            return written < 0 ? -errno : written;
    }
}

int lc__socket(int family)
{
    long made = syscall(SYS_socket, family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return made < 0 ? -errno : (int)made;
}

int lc__accept(int listener)
{
    for (;;) {
        long made = syscall(SYS_accept4, listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (made >= 0 || errno != EINTR)
            return made < 0 ? -errno : (int)made;
    }
}

int lc__connect(int descriptor, const struct sockaddr *address, socklen_t address_size)
{
    if (syscall(SYS_connect, descriptor, address, address_size) == 0)
        return 0;
    return errno == EINTR ? -EINPROGRESS : -errno; /* the kernel goes on with it */
}

/* The raw calls take what the kernel calls a timespec, which must be libc's. */
_Static_assert(sizeof(time_t) == sizeof(long),
               "a 32-bit system with 64-bit time needs other calls");

int lc__poll(struct pollfd *descriptors, size_t count, int64_t deadline)
{
    struct timespec left = {0, 0};
    if (deadline != LC_NOW && deadline != LC_FOREVER) {
        int64_t timeout = deadline - lc__clock_real.now(&lc__clock_real);
        timeout = timeout > 0 ? timeout : 0;
        left.tv_sec = timeout / LC_SECOND;
        left.tv_nsec = timeout % LC_SECOND;
    }
    long ready =
        syscall(SYS_ppoll, descriptors, count, deadline == LC_FOREVER ? NULL : &left, NULL, 0);
    return ready < 0 ? -errno : (int)ready;
}

int lc__poll_now(struct pollfd *descriptors, size_t count)
{
    int ready;
    while ((ready = lc__poll(descriptors, count, LC_NOW)) == -EINTR)
        continue;
    return ready;
}
