/*
 * standard.c: see standard.h and <lifecycle/api.h>.
 */
#include "base/standard.h"

#include <lifecycle/api.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

/* Orders nothing: it is set before main, and cleared before a file can get the number. */
static atomic_bool error_was_closed;

/* Before main, so that no file of the program has the number yet. */
__attribute__((constructor)) static void look_at_start(void)
{
    atomic_store_explicit(&error_was_closed, fcntl(STDERR_FILENO, F_GETFD) < 0,
                          memory_order_relaxed);
}

bool lc__standard_error_is_there(void)
{
    if (atomic_load_explicit(&error_was_closed, memory_order_relaxed))
        return false;
    int flags = fcntl(STDERR_FILENO, F_GETFD);
    /* Neither a shell nor dup2(2) leaves this flag on it, and a file of the program's has it. */
    if (flags < 0 || (flags & FD_CLOEXEC))
        return false;
    return (fcntl(STDERR_FILENO, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

/* @return 0, also if another thread was faster; or a negative errno. */
static int open_null_at(int number)
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

int lc_standard_descriptors_open(void)
{
    int result = 0;
    for (int number = STDIN_FILENO; number <= STDERR_FILENO && result == 0; number++)
        if (fcntl(number, F_GETFD) < 0)
            result = open_null_at(number);
    return result;
}
