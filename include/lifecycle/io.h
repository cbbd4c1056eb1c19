/*
 * io.h: waiting for descriptors under a context and a deadline, in threads, in fibers and in
 * simulations. None of the calls is a pthread cancellation point.
 */
#ifndef LIFECYCLE_IO_H
#define LIFECYCLE_IO_H

#include <lifecycle/api.h>
#include <lifecycle/context.h>
#include <lifecycle/time.h>

LC_BEGIN_DECLARATIONS

/**
 * Waits until poll(2) reports one of `events` (POLLIN, POLLOUT), an error or a hang-up.
 * @return what poll(2) reported, above 0; or as lc_context_wait_any. A context that is NULL never ends.
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
