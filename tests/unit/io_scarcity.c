/*
 * io_scarcity.c: accepting when the process has no descriptor left: it is logged, pauses, and is
 * tried again, until there is one, or the context or the deadline ends it. In child processes,
 * without descriptors to open.
 */
#include "support/check.h"
#include "support/helper.h"

#include <lifecycle.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* A listener with a client that waits to be accepted. */
static struct {
    int listener, client, last;
} fixture;

static int client_add(void)
{
    char port[16];
    snprintf(port, sizeof port, "%d", lc_fd_port(fixture.listener));
    return lc_error_code(lc_connect(NULL, "127.0.0.1", port, &fixture.client, check_patience()));
}

/* `last` is one that can be given back. */
static void descriptors_use_up(void)
{
    struct rlimit limit = {64, 64};
    int fd;
    setrlimit(RLIMIT_NOFILE, &limit);
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        fixture.last = fd;
}

static int fixture_begin(void)
{
    STEP(1, lc_error_code(lc_listen("127.0.0.1", "0", &fixture.listener)) == 0);
    STEP(2, client_add() == 0);
    check_log_capture();
    descriptors_use_up();
    return 0;
}

/* A leak checker wants some at the end. */
static int fixture_end(int step)
{
    closefrom(3);
    check_log_release();
    return step;
}

static bool is_logged(void *text)
{
    return check_log_has(*(const char *const *)text);
}

/* Waits until a line with this text is in the log. */
static bool log_awaits(const char *text)
{
    return check_until(is_logged, &text);
}

/* ---- in the real world ---- */

struct accepting {
    lc_context *context;
    int fd, result;
};

static void accept_one(void *arg)
{
    struct accepting *accepting = arg;
    accepting->result =
        lc_accept(accepting->context, fixture.listener, &accepting->fd, check_patience());
}

static int scarce_steps(void)
{
    struct accepting accepting = {.context = lc_context_new(NULL)};
    struct helper helper;
    int fd;
    STEP(10, lc_accept(NULL, fixture.listener, &fd, lc_deadline_after(15 * LC_MILLISECOND)) ==
                 -ETIMEDOUT);
    STEP(11, check_log_has("Too many open files; tries again in 10 ms"));
    STEP(12, check_log_has("Too many open files; tries again in 20 ms"));
    helper_start(&helper, accept_one, &accepting);
    STEP(13, log_awaits("tries again in 40 ms"));
    lc_context_cancel(accepting.context, NULL);
    helper_join(&helper);
    STEP(14, accepting.result == -ECANCELED);
    lc_context_unref(accepting.context);
    accepting = (struct accepting){.result = 1};
    helper_start(&helper, accept_one, &accepting);
    STEP(15, log_awaits("tries again in 80 ms"));
    close(fixture.last);
    helper_join(&helper);
    STEP(16, accepting.result == 0 && accepting.fd == fixture.last);
    return 0;
}

CHECK_CHILD(accept_without_descriptors)
{
    int step = fixture_begin();
    return fixture_end(step ? step : scarce_steps());
}

static lc_error *scarce_fiber(void *step)
{
    *(int *)step = scarce_steps();
    return NULL;
}

CHECK_CHILD(accept_in_fibers_without_descriptors)
{
    int step = fixture_begin();
    if (step == 0 && lc_error_code(lc_executor_run(NULL, scarce_fiber, &step)) != 0)
        step = 20;
    return fixture_end(step);
}

/* ---- in virtual time ---- */

static void give_one_back(void *arg)
{
    (void)arg;
    lc_sleep(10 * LC_SECOND);
    close(fixture.last);
}

/* 10, 20, 40, 80, 160, 320 and 640 ms, and then whole seconds. */
static int simulated_steps(void)
{
    struct helper helper;
    int fd;
    STEP(30, fixture_begin() == 0);
    int64_t began = lc_now();
    helper_start(&helper, give_one_back, NULL);
    STEP(31, lc_accept(NULL, fixture.listener, &fd, LC_FOREVER) == 0);
    STEP(32, lc_now() - began == 10270 * LC_MILLISECOND);
    STEP(33, check_log_count("cannot accept a connection on descriptor") == 10);
    STEP(34, check_log_count("tries again in 1000 ms") == 3);
    helper_join(&helper);
    close(fd);
    STEP(35, client_add() == 0); /* takes the descriptor */
    STEP(36,
         lc_accept(NULL, fixture.listener, &fd, lc_deadline_after(LC_MILLISECOND)) == -ETIMEDOUT);
    STEP(37, check_log_has("such lines left out: 6"));
    return 0;
}

static lc_error *simulated_fiber(void *step)
{
    *(int *)step = simulated_steps();
    return NULL;
}

CHECK_CHILD(accept_in_simulation_without_descriptors)
{
    int step = -1;
    lc_executor *world;
    if (lc_error_code(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &world)) != 0)
        return 39;
    if (lc_error_code(lc_executor_run(world, simulated_fiber, &step)) != 0)
        step = 40;
    fixture_end(step);
    return lc_executor_free(world) == 0 ? step : 41;
}

static void it_is_tried_again(void)
{
    CU_ASSERT_EQUAL(check_child("accept_without_descriptors").status, 0);
    CU_ASSERT_EQUAL(check_child("accept_in_fibers_without_descriptors").status, 0);
}

static void pauses_grow_and_lines_are_cut(void)
{
    CU_ASSERT_EQUAL(check_child("accept_in_simulation_without_descriptors").status, 0);
}

CHECK_SUITE(io_scarcity, "unit: io without descriptors",
            {"an accept without a descriptor is tried again, and can be ended", it_is_tried_again},
            {"the pauses grow, and the lines are cut", pauses_grow_and_lines_are_cut});
