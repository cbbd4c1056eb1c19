/*
 * io.h: sockets, pipes and other descriptors under a context and a deadline: listen, accept,
 * connect, read, write.
 *
 *     while ((length = lc_read(context, fd, line, sizeof line, lc_deadline_after(LC_MINUTE))) > 0)
 *         if (lc_write_all(context, fd, line, (size_t)length, lc_deadline_after(LC_SECOND)) < 0)
 *             break;
 *     close(fd);
 *
 * All of it works in threads and in fibers, where only the calling fiber waits. In a simulation it
 * works too: see simulate.h. Each call may be made from any thread, for the same descriptor as
 * well. None is a pthread cancellation point. A descriptor that is made here is non-blocking and
 * close-on-exec; it is the caller's, for close(2).
 *
 * The context may be NULL: it then never ends. Each call first tries, and waits only if it has to.
 * So what has come wins over the end of the context and over the deadline, and nothing is lost. A
 * loop over a socket that always has something ends all the same: once a worker has had 64 calls of
 * this header served under a context that has ended, they answer the code of the context's error. A
 * fiber whose descriptors are always ready lets the other fibers of its thread run now and then.
 *
 * What every call may return beside its own errors: -ETIMEDOUT at the deadline; the code of the
 * context's error once it has ended (-ECANCELED; -ETIMEDOUT after its own deadline, which
 * lc_context_error tells apart); -EBADF for a descriptor that is not open or was forgotten by
 * lc_fd_forget; -EMFILE, -ENFILE, -ENOMEM, as a wait in a thread needs one descriptor more;
 * -ENOTSUP in a forked child, if it has to wait; -EIO for a descriptor of which poll(2) reports an
 * error or a hang-up, and a read or a write nothing.
 */
#ifndef LIFECYCLE_IO_H
#define LIFECYCLE_IO_H

#include <lifecycle/api.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/time.h>

#include <sys/types.h>

LC_BEGIN_DECLARATIONS

/* ---- listening ---- */

/**
 * Listens for TCP connections (SO_REUSEADDR and TCP_NODELAY are set).
 * @param host  an address (127.0.0.1, ::1) or a name, of whose addresses the first that this
 *              machine has is taken. NULL, "" or "::": every address of this machine, IPv6 and
 *              IPv4; "0.0.0.0": every IPv4 address. A name that has to be looked up may block for
 *              as long as the resolver does; in a fiber another thread asks it.
 * @param port  a number from 0 to 65535; 0 takes a free one, which lc_fd_port tells.
 * @param fd    receives the descriptor, for lc_accept and close(2); -1 if the call fails.
 * @return NULL; or an error that names the address and the reason, "cannot listen on
 * 127.0.0.1:7070: Address already in use", with the negative errno as its code; -EINVAL naming the
 * argument; -ENOENT, -EAGAIN for a name that the resolver does not know, or not now.
 */
LC_API LC_MUST_CHECK lc_error *lc_listen(const char *host, const char *port, int *fd);
/**
 * Listens at a Unix socket, a file that is made with the process's umask. A socket file on which no
 * process listens any more is replaced; one that does is found out by connecting to it, and sees a
 * client that leaves at once. close(2) leaves the file; the next call replaces it. Processes that
 * come together at one path are told apart by a lock (flock(2)) of its directory for a moment, if
 * that can be opened for reading.
 * @param path  at most 107 bytes.
 * @return NULL; or an error that names the path and the reason: -EADDRINUSE if a process listens on
 * it, -EEXIST if the file is no socket, -ENAMETOOLONG, -EACCES, and so on.
 */
LC_API LC_MUST_CHECK lc_error *lc_listen_unix(const char *path, int *fd);
/**
 * The local port of a TCP socket: what a listener at port "0" has got. In a simulation too.
 * @return 1 to 65535; -EBADF, -ENOTSOCK; -EINVAL for a socket that has no port.
 */
LC_API int lc_fd_port(int fd);

/**
 * Waits for a connection and takes it. Connections that are broken off before they are taken are
 * passed over. When the process or the system has run out of descriptors or memory, a warning is
 * logged (ten such lines in ten seconds at most), and the call pauses, from 10 ms on up to a
 * second, and tries again, until the context ends or the deadline comes. The connection waits in
 * the kernel meanwhile.
 * @param listener  of lc_listen, lc_listen_unix or elsewhere (a service manager, say). One that is
 *                  not non-blocking is made so, as several workers may accept from it.
 * @param fd        receives the connection; -1 if the call fails.
 * @return 0; -EINVAL if the socket does not listen (also one that was shut down); -ENOTSOCK,
 * -EOPNOTSUPP; or as at the top.
 */
LC_API int lc_accept(lc_context *context, int listener, int *fd, int64_t deadline);

/* ---- connecting ---- */

/**
 * Connects by TCP (TCP_NODELAY is set). The addresses of a name are tried one after the other; each
 * gets its share of the time up to the deadline.
 * @param host  an address or a name. A name is looked up as by lc_listen: neither the context nor
 *              the deadline cuts the resolver short. With a context that has ended no name is
 *              looked up.
 * @param port  a number from 1 to 65535.
 * @param fd    receives the descriptor; -1 if the call fails.
 * @return NULL; or an error that names host, port and the last reason, "cannot connect to
 * example.org:80: Connection refused", with the negative errno as its code; the end of the context
 * as an error of its code.
 */
LC_API LC_MUST_CHECK lc_error *lc_connect(lc_context *context, const char *host, const char *port,
                                          int *fd, int64_t deadline);
/**
 * Connects to a Unix socket. While the listener's queue is full the call tries again.
 * @return NULL; or an error that names the path and the reason: -ENOENT, -ECONNREFUSED (nothing
 * listens there), -EACCES, -ENAMETOOLONG, and so on.
 */
LC_API LC_MUST_CHECK lc_error *lc_connect_unix(lc_context *context, const char *path, int *fd,
                                               int64_t deadline);

/* ---- reading and writing ---- */

/**
 * Reads what is there, and waits only if nothing is.
 *
 * A descriptor that is not non-blocking is left as it is, and does not block either: a socket is
 * read by MSG_DONTWAIT, another (a pipe, a terminal) only once poll(2) has said that it is
 * readable. That holds as long as no other worker or process reads from the same blocking pipe.
 * @param size  bytes; for 0 the result is 0.
 * @return the bytes read, 1 or more; 0 at the end; or a negative errno (-ECONNRESET, ...), as at
 * the top.
 */
LC_API ssize_t lc_read(lc_context *context, int fd, void *buffer, size_t size, int64_t deadline);
/**
 * Writes all of it, and waits while there is no room. Pieces of two workers that write to one
 * descriptor may mix.
 *
 * A socket raises no SIGPIPE: the result is -EPIPE. For a pipe the kernel raises it; a program that
 * writes to pipes ignores the signal. A descriptor that is not non-blocking does not block: a
 * socket is written to by MSG_DONTWAIT, another once poll(2) has said that it is writable, by at
 * most PIPE_BUF bytes, which always fit into a pipe then.
 * @return 0; or a negative errno (-EPIPE, -ECONNRESET, ...), as at the top: then an unknown part
 * has been written, and a stream is of no use any more.
 */
LC_API int lc_write_all(lc_context *context, int fd, const void *data, size_t size,
                        int64_t deadline);

/**
 * Waits until poll(2) reports one of `events` (POLLIN, POLLOUT), an error or a hang-up.
 * @return what poll(2) reported, above 0; or a negative errno, as at the top.
 */
LC_API int lc_wait_fd(lc_context *context, int fd, short events, int64_t deadline);
/**
 * To be called before a descriptor is closed that others may wait for: their waits return -EBADF.
 * Without it a wait for a closed descriptor may last for ever, as in poll(2).
 * @return how many waits were told; -ENOTSUP in a forked child.
 */
LC_API int lc_fd_forget(int fd);

LC_END_DECLARATIONS

#endif
