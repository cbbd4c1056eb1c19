/*
 * descriptors.c: the library's own descriptors: none is needed for a halt, none is shared with a
 * forked child, and one that is not a descriptor at all is refused.
 */
#include "support/check.h"

#include <lifecycle.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- not a descriptor ---- */

static void negative_descriptors_are_refused(void)
{
    lc_waitable waitable = lc_on_fd(-1, POLLIN);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, -1, POLLIN, check_patience()), -EBADF);
    CU_ASSERT_EQUAL(lc_wait_any(&waitable, 1, check_patience()), -EBADF);
}

/* ---- none left ---- */

static void use_up_descriptors(void)
{
    struct rlimit limit = {64, 64};
    setrlimit(RLIMIT_NOFILE, &limit);
    while (open("/dev/null", O_RDONLY) >= 0)
        continue;
}

static void terminate_me(const lc_error *error, void *arg)
{
    (void)error;
    *(bool *)arg = true;
    kill(getpid(), SIGINT);
    kill(getpid(), SIGTERM);
}

CHECK_CHILD(halt_without_descriptors)
{
    bool halted = false;
    int pipes[2];
    if (pipe(pipes) != 0)
        return 4;
    use_up_descriptors();
    lc_error *error = lc_error_new(-EMFILE, "no descriptor left");
    int waited = lc_wait_fd(NULL, pipes[0], POLLIN, check_patience());
    int halt = lc_spin_halt(error, terminate_me, &halted);
    closefrom(STDERR_FILENO + 1); /* a leak checker wants some at the end */
    lc_error_unref(error);
    if (waited != -EMFILE)
        return 1; /* else this shows nothing */
    return halt == 0 && halted ? 0 : 2;
}

static void a_halt_needs_no_descriptor(void)
{
    struct check_exit ended = check_child("halt_without_descriptors");
    CU_ASSERT_EQUAL(ended.status, 0);
}

/* ---- forked before there are threads ---- */

/* The number that the next descriptor of this process will have. */
static int next_descriptor(void)
{
    int next = 0;
    while (fcntl(next, F_GETFD) >= 0)
        next++;
    return next;
}

/* Waits for what the parent has and the child has too, until the deadline. */
static int wait_beside_parent(int descriptor)
{
    lc_handle *never = lc_handle_new();
    lc_waitable both[] = {lc_on_handle(never), lc_on_fd(descriptor, POLLIN)};
    int result = lc_wait_any(both, 2, lc_deadline_after(50 * LC_MILLISECOND));
    lc_handle_unref(never);
    return result == -ETIMEDOUT ? 0 : 1;
}

/* A spare descriptor is left by a wait before the fork: were it shared, a wake-up for one process
 * could go to the other. */
CHECK_CHILD(fork_with_spares)
{
    int pipes[2];
    if (pipe(pipes) != 0)
        return 5;
    int spare = next_descriptor(); /* the wait makes it */
    if (lc_wait_fd(NULL, pipes[0], POLLIN, lc_deadline_after(LC_MILLISECOND)) != -ETIMEDOUT)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        /* The child has let go of the spare, and its own wait works. */
        bool shared = fcntl(spare, F_GETFD) >= 0;
        _exit(shared ? 2 : wait_beside_parent(pipes[0]));
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (fcntl(spare, F_GETFD) < 0)
        return 3; /* not the spare after all */
    return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

CHECK_CHILD(fork_with_watch)
{
    static const int numbers[] = {SIGUSR1};
    lc_process_signals *watch;
    if (check_code(lc_process_signals_new(numbers, 1, &watch)) != 0)
        return 1;
    lc_waitable signals = lc_on_signals(watch);
    if (lc_wait_any(&signals, 1, lc_deadline_after(LC_MILLISECOND)) != -ETIMEDOUT)
        return 2;
    pid_t child = fork();
    if (child == 0) {
        /* Takes what it shares with its parent, if it does, and then gets a signal of its own. */
        if (lc_wait_any(&signals, 1, lc_deadline_after(LC_MILLISECOND)) != -ETIMEDOUT)
            _exit(3);
        kill(getpid(), SIGUSR1);
        _exit(lc_process_signals_next(watch, check_patience()) == SIGUSR1 ? 0 : 4);
    }
    int status = 0;
    waitpid(child, &status, 0);
    /* The child's signal is not the parent's; the parent's own is. */
    if (lc_wait_any(&signals, 1, LC_NOW) != -ETIMEDOUT)
        return 5;
    kill(getpid(), SIGUSR1);
    if (lc_wait_any(&signals, 1, check_patience()) != 0)
        return 6;
    lc_process_signals_free(watch);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 7;
}

static void spares_are_not_shared_with_a_child(void)
{
    CU_ASSERT_EQUAL(check_child("fork_with_spares").status, 0);
}

static void watches_are_not_shared_with_a_child(void)
{
    CU_ASSERT_EQUAL(check_child("fork_with_watch").status, 0);
}

CHECK_SUITE(unit_descriptors, "unit: descriptors",
            {"a negative descriptor is refused, not waited for", negative_descriptors_are_refused},
            {"a halt holds when no descriptor is left", a_halt_needs_no_descriptor},
            {"a forked child does not share spare descriptors", spares_are_not_shared_with_a_child},
            {"a forked child's signals are its own", watches_are_not_shared_with_a_child});
