/*
 * io.c: waiting for a descriptor under a context and a deadline. See <lifecycle/io.h>.
 */
#include <lifecycle/io.h>

int lc_wait_fd(lc_context *context, int fd, short events, int64_t deadline)
{
    lc_waitable waitable = lc_on_fd(fd, events);
    int result = lc_context_wait_any(context, &waitable, 1, deadline);
    return result < 0 ? result : waitable.revents;
}
