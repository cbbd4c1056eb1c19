/*
 * system.h: system calls as the library needs them. None is a pthread cancellation point: a thread
 * that is cancelled inside the library would leave its waiters on a dead stack. Errors are negative
 * errnos. Floor 0.
 */
#ifndef LIFECYCLE_BASE_SYSTEM_H
#define LIFECYCLE_BASE_SYSTEM_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Writes all bytes. May run in a signal handler; errno is kept. @return 0 or a negative errno. */
int lc__write_all(int descriptor, const void *bytes, size_t size);
/*
 * eventfd(2) with a count of 0. It is a raw call, as lc__close is: otherwise ThreadSanitizer would
 * take the next file of the same number for this one. @return the descriptor, or a negative errno.
 */
int lc__eventfd(int flags);
/* Opens for reading; a raw call too. @return the descriptor, or a negative errno. */
int lc__open(const char *path);
/* close(2). Its errors are ignored. */
void lc__close(int descriptor);
/* Reads at most `size` bytes. @return how many, or a negative errno. */
long lc__read(int descriptor, void *bytes, size_t size);
/*
 * Fills the buffer with random bytes of the kernel, as getrandom(2). Waits while the kernel has
 * none yet, early in the boot. @return 0 or a negative errno: -ENOSYS, or -EPERM where a filter of
 * system calls forbids it.
 */
int lc__getrandom(void *bytes, size_t size);
/*
 * Sends a datagram without a wait and without SIGPIPE. @return 0 or a negative errno; -EAGAIN: the
 * receiver has too many already.
 */
int lc__send_datagram(int descriptor, const void *bytes, size_t size,
                      const struct sockaddr *address, socklen_t address_size);
/*
 * One read of a socket, and one write to it, without a wait and without SIGPIPE. @return how many
 * bytes, or a negative errno: -EAGAIN if it would have to wait, -ENOTSOCK.
 */
long lc__receive(int descriptor, void *bytes, size_t size);
long lc__send(int descriptor, const void *bytes, size_t size);
/* One write(2). @return how many bytes, or a negative errno. */
long lc__write(int descriptor, const void *bytes, size_t size);
/* A stream socket, non-blocking and close-on-exec. @return the descriptor, or a negative errno. */
int lc__socket(int family);
/* accept4(2), non-blocking and close-on-exec. @return the descriptor, or a negative errno. */
int lc__accept(int listener);
/* connect(2). @return 0 or a negative errno; -EINPROGRESS also if a signal has interrupted it. */
int lc__connect(int descriptor, const struct sockaddr *address, socklen_t address_size);
/*
 * poll(2) until a deadline of CLOCK_MONOTONIC. @return as poll(2), or a negative errno, -EINTR
 * among them.
 */
int lc__poll(struct pollfd *descriptors, size_t count, int64_t deadline);
/* poll(2) without waiting. @return as poll(2), or a negative errno, but not -EINTR. */
int lc__poll_now(struct pollfd *descriptors, size_t count);

#endif
