/*
 * io.h: sockets, pipes and other descriptors under a context and a deadline: listen, accept,
 * connect, read, write.
 *
 *     while ((length = lc_read(context, fd, line, sizeof line, lc_deadline_after(LC_MINUTE))) > 0)
 *         if (lc_write_all(context, fd, line, (size_t)length, lc_deadline_after(LC_SECOND)) < 0)
 *             break;
 *     close(fd);
 *
 * The calls work in threads and in fibers, where only the calling fiber waits, and in simulations
 * (simulate.h). Any number of threads and fibers may use one descriptor. No call is a pthread
 * cancellation point. A descriptor that is made here is non-blocking and close-on-exec; it belongs
 * to the caller, for close(2).
 *
 * A context of NULL never ends. Each call tries first, and waits only if it must. So if a
 * connection or bytes have come, the call returns them even if the context has ended or the
 * deadline has passed, and nothing is lost. A loop over a socket that always has something ends
 * nevertheless: under a context that has ended, a worker gets 64 results of this header, then the
 * code of the context's error. A fiber that never has to wait lets the other fibers of its thread
 * run now and then.
 *
 * Each call may return, beside its own errors: -ETIMEDOUT at the deadline; the code of the
 * context's error once it has ended (-ECANCELED; -ETIMEDOUT after the context's own deadline:
 * lc_context_error tells the two apart); -EBADF for a descriptor that is not open or was forgotten
 * by lc_fd_forget; -EMFILE, -ENFILE, -ENOMEM, as a wait in a thread needs one descriptor more;
 * -ENOTSUP in a forked child, if it has to wait; -EIO if poll(2) reports an error or a hang-up, and
 * a read or a write reports none.
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
 * @param host  an address (127.0.0.1, ::1) or a name, which stands for its first address that this
 *              machine has. NULL, "" or "::": every address of this machine, IPv6 and IPv4;
 *              "0.0.0.0": every IPv4 address. The lookup of a name takes as long as the resolver
 *              does; for a fiber another thread makes it.
 * @param port  a number from 0 to 65535; 0 takes a free one, which lc_fd_port returns.
 * @param fd    receives the descriptor, for lc_accept and close(2); -1 if the call fails.
 * @return NULL; or an error that names the address and the reason, "cannot listen on
 * 127.0.0.1:7070: Address already in use", with the negative errno as its code; -EINVAL naming the
 * argument; -ENOENT: the resolver does not know the name; -EAGAIN: it does not answer now.
 */
LC_API LC_MUST_CHECK lc_error *lc_listen(const char *host, const char *port, int *fd);
/**
 * Listens at a Unix socket, a file that is made with the process's umask. A socket file on which no
 * process listens any more is replaced. To find out, the call connects to the file; a process that
 * listens there sees a client that leaves at once. close(2) leaves the file; the next call replaces
 * it. The call holds a lock (flock(2)) of the directory for a moment, if it can be opened for
 * reading, so that of several processes at one path only one succeeds.
 * @param path  at most 107 bytes.
 * @return NULL; or an error that names the path and the reason: -EADDRINUSE if a process listens on
 * it, -EEXIST if the file is no socket, -ENAMETOOLONG, -EACCES, and so on.
 */
LC_API LC_MUST_CHECK lc_error *lc_listen_unix(const char *path, int *fd);
/**
 * The local port of a TCP socket, such as that of a listener at port "0". In a simulation too.
 * @return 1 to 65535; -EBADF, -ENOTSOCK; -EINVAL for a socket that has no port.
 */
LC_API int lc_fd_port(int fd);

/**
 * Waits for a connection and accepts it. It skips connections that were broken off before. Without
 * free descriptors or memory in the process or the system, it logs a warning (at most ten such
 * lines in ten seconds), pauses (10 ms at first, up to a second), and tries again until the context
 * ends or the deadline passes. The connection waits in the kernel until then.
 * @param listener  of lc_listen, lc_listen_unix or another source, such as a service manager. It is
 *                  made non-blocking if it is not, as several workers may accept from it.
 * @param fd        receives the connection; -1 if the call fails.
 * @return 0; -EINVAL if the socket does not listen (also one that was shut down); -ENOTSOCK,
 * -EOPNOTSUPP; or as at the top.
 */
LC_API int lc_accept(lc_context *context, int listener, int *fd, int64_t deadline);

/* ---- connecting ---- */

/**
 * Connects by TCP (TCP_NODELAY is set). Tries the addresses of a name one after the other; each
 * gets its share of the time until the deadline.
 * @param host  an address or a name, looked up as by lc_listen: neither the end of the context nor
 *              the deadline interrupts the lookup. Under a context that has ended there is none.
 * @param port  a number from 1 to 65535.
 * @param fd    receives the descriptor; -1 if the call fails.
 * @return NULL; or an error that names host, port and the last reason, "cannot connect to
 * example.org:80: Connection refused", with the negative errno as its code; or an error with the
 * code of the context's error.
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
 * Reads the bytes that are there. Waits only if there are none.
 *
 * A blocking descriptor stays so, but this call does not block: it reads a socket by MSG_DONTWAIT,
 * and another descriptor (a pipe, a terminal) only once poll(2) says that it is readable. A
 * blocking pipe must have no other reader.
 * @param size  bytes; for 0 the result is 0.
 * @return the bytes read, 1 or more; 0 at the end; or a negative errno (-ECONNRESET, ...), as at
 * the top.
 */
LC_API ssize_t lc_read(lc_context *context, int fd, void *buffer, size_t size, int64_t deadline);
/**
 * Writes all bytes. Waits while there is no room. The bytes of two workers that write to one
 * descriptor may mix.
 *
 * A socket raises no SIGPIPE: the result is -EPIPE. For a pipe the kernel raises it; a program that
 * writes to pipes ignores the signal. A blocking descriptor does not block: the call writes to a
 * socket by MSG_DONTWAIT, and to another descriptor once poll(2) says that it is writable, at most
 * PIPE_BUF bytes at a time, which then fit into a pipe.
 * @return 0; or a negative errno (-EPIPE, -ECONNRESET, ...), as at the top: then an unknown part of
 * the bytes was written, and a stream is of no more use.
 */
LC_API int lc_write_all(lc_context *context, int fd, const void *data, size_t size,
                        int64_t deadline);

/**
 * Waits until poll(2) reports one of `events` (POLLIN, POLLOUT), an error or a hang-up.
 * @return what poll(2) reported, above 0; or a negative errno, as at the top.
 */
LC_API int lc_wait_fd(lc_context *context, int fd, short events, int64_t deadline);
/**
 * Ends all waits for a descriptor with -EBADF. Call it before close(2) if another worker may wait
 * for the descriptor: a wait for a closed descriptor may last for ever, as in poll(2).
 * @return how many waits it has ended; -ENOTSUP in a forked child.
 */
LC_API int lc_fd_forget(int fd);

LC_END_DECLARATIONS

#endif
