/*
 * simulated_fds.c: real descriptors in a simulation that has no source of them: pipes and socket
 * pairs between its own fibers, in virtual time.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/seeds.h"

#include <lifecycle.h>

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* Runs `body` in a world of these options. @return what the run returned. */
static lc_error *live(lc_simulation_options options, lc_error *(*body)(void *arg), void *arg)
{
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(&options, &world));
    lc_error *error = lc_executor_run(world, body, arg);
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    return error;
}

static lc_simulation_options of_seed(uint64_t seed)
{
    lc_simulation_options options = {.size = sizeof options};
    options.seed = seed;
    options.steps_max = 1000000;
    return options;
}

/* ---- a pipe ---- */

struct pipe_ends {
    int read, write;
};

static struct pipe_ends pipe_open(void)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    return (struct pipe_ends){ends[0], ends[1]};
}

static void pipe_close(struct pipe_ends ends)
{
    close(ends.read);
    close(ends.write);
}

static void write_after_an_hour(void *arg)
{
    const struct pipe_ends *ends = arg;
    lc_sleep(LC_HOUR);
    CU_ASSERT_EQUAL(write(ends->write, "x", 1), 1);
}

static lc_error *read_in_virtual_time(void *arg)
{
    struct pipe_ends ends = pipe_open();
    int64_t began = lc_now();
    char byte;
    (void)arg;
    fibers_start(NULL, "writer", write_after_an_hour, &ends);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, POLLIN, began + LC_MINUTE), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_now() - began, LC_MINUTE);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, POLLIN, LC_FOREVER), POLLIN);
    CU_ASSERT_EQUAL(lc_now() - began, LC_HOUR);
    CU_ASSERT_EQUAL(read(ends.read, &byte, 1), 1);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, POLLIN, LC_NOW), -ETIMEDOUT);
    pipe_close(ends);
    return NULL;
}

static void a_wait_ends_when_there_is_data(void)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        CHECK_SUCCESS(live(of_seed(seed), read_in_virtual_time, NULL));
}

static void read_byte(int fd)
{
    char byte = 0;
    CU_ASSERT_EQUAL(read(fd, &byte, 1), 1);
    CU_ASSERT_EQUAL(byte, 'x');
}

/* Data that is there comes before the deadline that the clock could go on to. */
static lc_error *read_at_the_deadline(void *arg)
{
    struct pipe_ends ends = pipe_open();
    (void)arg;
    fibers_start(NULL, "writer", write_after_an_hour, &ends);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, POLLIN, lc_deadline_after(LC_HOUR + 1)), POLLIN);
    read_byte(ends.read);
    pipe_close(ends);
    return NULL;
}

static void the_clock_waits_for_descriptors(void)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        CHECK_SUCCESS(live(of_seed(seed), read_at_the_deadline, NULL));
}

/* ---- many that wait ---- */

enum { WAITERS = 300 }; /* more than are asked for at once */

static struct crowd {
    struct pipe_ends ends;
    atomic_uint next;        /* the number of the next waiter */
    unsigned order[WAITERS]; /* in which they went on */
    atomic_uint woken;       /* atomic, as ThreadSanitizer takes fibers for threads */
} crowd;

static void wait_in_crowd(void *arg)
{
    unsigned mine = crowd.next++;
    (void)arg;
    if (lc_wait_fd(NULL, crowd.ends.read, POLLIN, LC_FOREVER) == POLLIN)
        crowd.order[crowd.woken++] = mine;
}

static lc_error *gather_crowd(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < WAITERS; i++)
        fibers_start(NULL, "waiter", wait_in_crowd, NULL);
    lc_sleep(LC_SECOND);
    CU_ASSERT_EQUAL(crowd.next, WAITERS);
    CU_ASSERT_EQUAL(crowd.woken, 0);
    CU_ASSERT_EQUAL(write(crowd.ends.write, "x", 1), 1);
    return NULL;
}

static void crowd_live_with(lc_simulation_options options)
{
    crowd.ends = pipe_open();
    crowd.next = crowd.woken = 0;
    CHECK_SUCCESS(live(options, gather_crowd, NULL));
    CU_ASSERT_EQUAL(crowd.woken, WAITERS);
    pipe_close(crowd.ends);
}

static void crowd_live(uint64_t seed)
{
    crowd_live_with(of_seed(seed));
}

static void the_order_follows_from_the_seed(void)
{
    static unsigned first[WAITERS];
    crowd_live(7);
    memcpy(first, crowd.order, sizeof first);
    crowd_live(7);
    CU_ASSERT_EQUAL(memcmp(first, crowd.order, sizeof first), 0);
    crowd_live(8);
    CU_ASSERT_NOT_EQUAL(memcmp(first, crowd.order, sizeof first), 0);
}

/* ---- faults ---- */

/* Each wake-up is late: one that was woken must not keep the clock, which it waits for. */
static void late_wakes_come(void)
{
    lc_simulation_options options = of_seed(1);
    options.delay_one_in = 1;
    options.early_one_in = 2;
    for (options.seed = 0; options.seed < 20; options.seed++) {
        crowd_live_with(options);
    }
}

/* ---- the end of a descriptor ---- */

static int result_of_wait;

static void wait_for_end(void *arg)
{
    result_of_wait = lc_wait_fd(NULL, *(const int *)arg, POLLIN, LC_FOREVER);
}

static lc_error *forget_and_close(void *arg)
{
    struct pipe_ends ends = pipe_open();
    const bool *forgets = arg;
    fibers_start(NULL, "waiter", wait_for_end, &ends.read);
    lc_sleep(LC_SECOND);
    CU_ASSERT_EQUAL(*forgets ? lc_fd_forget(ends.read) : 1, 1);
    pipe_close(ends);
    return NULL;
}

static void one_that_is_closed_ends_the_wait(void)
{
    for (int forgets = 0; forgets < 2; forgets++) {
        result_of_wait = 0;
        CHECK_SUCCESS(live(of_seed(1), forget_and_close, &(bool){forgets}));
        CU_ASSERT_EQUAL(result_of_wait, -EBADF);
    }
}

/* ---- deadlock ---- */

static lc_error *wait_for_nothing(void *arg)
{
    fibers_start(NULL, "reader", wait_for_end, arg);
    return NULL;
}

static void what_nothing_makes_ready_is_reported(void)
{
    struct pipe_ends ends = pipe_open();
    check_log_capture();
    lc_error *error = live(of_seed(1), wait_for_nothing, &ends.read);
    CU_ASSERT_TRUE(check_log_has("waits for ever in a deadlock, for: a descriptor"));
    check_log_release();
    CU_ASSERT_EQUAL(lc_error_code(error), -EDEADLK);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "\"reader\" (a descriptor)"));
    lc_error_unref(error);
    /* What waited is lost, and harms none that comes after it. */
    CU_ASSERT_EQUAL(write(ends.write, "x", 1), 1);
    CHECK_SUCCESS(live(of_seed(1), read_in_virtual_time, NULL));
    pipe_close(ends);
}

/* ---- among other things ---- */

static void close_after_a_second(void *arg)
{
    lc_sleep(LC_SECOND);
    lc_handle_close(arg);
}

static lc_error *wait_for_either(void *arg)
{
    struct pipe_ends one = pipe_open(), other = pipe_open();
    lc_handle *handle = lc_handle_new();
    lc_waitable any[] = {lc_on_handle(handle), lc_on_fd(one.read, POLLIN),
                         lc_on_fd(other.read, POLLIN), lc_on_fd(one.read, POLLIN),
                         lc_on_fd(other.read, POLLIN)};
    (void)arg;
    fibers_start(NULL, "closer", close_after_a_second, handle);
    fibers_start(NULL, "writer", write_after_an_hour, &other);
    CU_ASSERT_EQUAL(lc_wait_any(any, 5, LC_FOREVER), 0);
    CU_ASSERT_EQUAL(lc_wait_any(any + 1, 4, LC_FOREVER), 1);
    CU_ASSERT_EQUAL(write(one.write, "x", 1), 1);
    CU_ASSERT_EQUAL(lc_wait_any(any, 5, LC_FOREVER), 0);
    CU_ASSERT_EQUAL(lc_wait_any(any + 1, 4, LC_FOREVER), 0);
    CU_ASSERT_EQUAL(lc_wait_all(any, 5, LC_FOREVER), 0);
    read_byte(one.read);
    read_byte(other.read);
    lc_handle_unref(handle);
    pipe_close(one);
    pipe_close(other);
    return NULL;
}

static void waits_for_several_work(void)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        CHECK_SUCCESS(live(of_seed(seed), wait_for_either, NULL));
}

/* ---- ports ---- */

enum { PORTS = 16384 }; /* that a listener at port 0 may get */

static lc_error *listen_on_every_port(void *arg)
{
    int first = -1, fd = -1, *refused = arg;
    CHECK_SUCCESS(lc_listen(NULL, "0", &first)); /* and stays open */
    for (int i = 1; i < PORTS + 2; i++) {
        lc_error *error = lc_listen(NULL, "0", &fd);
        if (error) {
            CHECK_ERROR(error, -EADDRINUSE);
            *refused = i;
            continue;
        }
        if (i == PORTS + 1)
            CU_ASSERT_EQUAL(lc_fd_port(fd), lc_fd_port(first) + 1);
        close(fd);
    }
    close(first);
    return NULL;
}

/*
 * A service that is restarted often enough has had each port; it has them again, if they are free.
 */
static void ports_are_given_out_again(void)
{
    int refused = 0;
    CHECK_SUCCESS(live(of_seed(check_seed()), listen_on_every_port, &refused));
    CU_ASSERT_EQUAL(refused, PORTS);
}

CHECK_SUITE(
    simulated_fds, "unit: descriptors in a simulation",
    {"a wait ends at the virtual time at which there is data", a_wait_ends_when_there_is_data},
    {"the clock goes on only when no descriptor is ready", the_clock_waits_for_descriptors},
    {"the order in which many are woken follows from the seed", the_order_follows_from_the_seed},
    {"late and early wake-ups lose none", late_wakes_come},
    {"a descriptor that is closed or forgotten ends the wait", one_that_is_closed_ends_the_wait},
    {"a descriptor that nothing makes ready is part of a deadlock's report",
     what_nothing_makes_ready_is_reported},
    {"a port is given out again after all the others", ports_are_given_out_again},
    {"waits for several descriptors and other things", waits_for_several_work});
