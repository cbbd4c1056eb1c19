/*
 * fiber_descriptors.c: waits of fibers for descriptors: several on one, numbers that are closed and
 * used again, what epoll cannot watch.
 */
#include "support/check.h"
#include "support/fibers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
    int read, write;
};

static struct ends pipe_new(void)
{
    int pipes[2];
    if (pipe2(pipes, O_NONBLOCK) != 0)
        abort();
    return (struct ends){pipes[0], pipes[1]};
}

static void pipe_drop(const struct ends *ends)
{
    close(ends->read);
    close(ends->write);
}

static void write_byte(int descriptor)
{
    if (write(descriptor, "x", 1) != 1)
        abort();
}

/* ---- several on one ---- */

struct readers {
    int descriptor;
    atomic_uint waiting, got;
};

static void read_one(void *arg)
{
    struct readers *readers = arg;
    char byte;
    atomic_fetch_add(&readers->waiting, 1);
    do {
        if (lc_wait_fd(NULL, readers->descriptor, POLLIN, check_patience()) <= 0)
            return;
    } while (read(readers->descriptor, &byte, 1) != 1); /* the other was faster */
    atomic_fetch_add(&readers->got, 1);
}

static void feed_two_readers(void *arg)
{
    struct ends *ends = arg;
    struct readers readers = {.descriptor = ends->read};
    fibers_start(NULL, "reader", read_one, &readers);
    fibers_start(NULL, "reader", read_one, &readers);
    while (readers.waiting < 2)
        lc_yield();
    for (unsigned count = 1; count <= 2; count++) {
        write_byte(ends->write);
        while (readers.got < count)
            lc_yield();
        CU_ASSERT_EQUAL(readers.got, count);
    }
}

static void two_fibers_read_from_one(void)
{
    struct ends ends = pipe_new();
    fibers_here(feed_two_readers, &ends);
    pipe_drop(&ends);
}

/* On two threads each has an epoll of its own. */
static void readers_of_two_threads_share_one(void)
{
    enum { READERS = 8 };
    struct ends ends = pipe_new();
    struct readers readers = {.descriptor = ends.read};
    lc_executor *executor = fibers_executor(2);
    for (int i = 0; i < READERS; i++)
        fibers_spread(executor, read_one, &readers);
    for (int i = 0; i < READERS; i++)
        write_byte(ends.write);
    fibers_end(executor);
    CU_ASSERT_EQUAL(readers.got, READERS);
    pipe_drop(&ends);
}

struct talk {
    int near, far;
    atomic_int read, written; /* what the waits returned */
};

static void await_input(void *arg)
{
    struct talk *talk = arg;
    atomic_store(&talk->read, lc_wait_fd(NULL, talk->near, POLLIN, check_patience()));
}

static void await_room(void *arg)
{
    struct talk *talk = arg;
    atomic_store(&talk->written, lc_wait_fd(NULL, talk->near, POLLOUT, check_patience()));
}

static void fill(int descriptor)
{
    static const char bytes[4096];
    while (write(descriptor, bytes, sizeof bytes) > 0)
        continue;
}

static void drain(int descriptor)
{
    char bytes[4096];
    while (read(descriptor, bytes, sizeof bytes) > 0)
        continue;
}

/* Input for the one and room for the other come one after the other. */
static void talk_in_order(struct talk *talk, bool input_first)
{
    atomic_store(&talk->read, 0);
    atomic_store(&talk->written, 0);
    fill(talk->near);
    fibers_start(NULL, "reader", await_input, talk);
    fibers_start(NULL, "writer", await_room, talk);
    lc_sleep(LC_MICROSECOND);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(talk->read, i == 1 && input_first ? POLLIN : 0);
        CU_ASSERT_EQUAL(talk->written, i == 1 && !input_first ? POLLOUT : 0);
        bool input = (i == 0) == input_first;
        if (input)
            write_byte(talk->far);
        else
            drain(talk->far);
        atomic_int *result = input ? &talk->read : &talk->written;
        while (atomic_load(result) == 0)
            lc_yield();
    }
    CU_ASSERT_EQUAL(talk->read, POLLIN);
    CU_ASSERT_EQUAL(talk->written, POLLOUT);
    drain(talk->near);
}

static void talk_both_ways(void *arg)
{
    talk_in_order(arg, true);
    talk_in_order(arg, false);
}

static struct talk talk_new(void)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets) != 0)
        abort();
    return (struct talk){.near = sockets[0], .far = sockets[1]};
}

static void reader_and_writer_on_one_socket(void)
{
    struct talk talk = talk_new();
    fibers_here(talk_both_ways, &talk);
    close(talk.near);
    close(talk.far);
}

/* ---- forgotten ---- */

struct forgotten {
    int descriptor;
    lc_handle *begun[3];
    atomic_uint next, told;
};

static void await_forgetting(void *arg)
{
    struct forgotten *forgotten = arg;
    lc_handle_close(forgotten->begun[atomic_fetch_add(&forgotten->next, 1)]);
    if (lc_wait_fd(NULL, forgotten->descriptor, POLLIN, check_patience()) == -EBADF)
        atomic_fetch_add(&forgotten->told, 1);
}

static void *await_in_thread(void *arg)
{
    await_forgetting(arg);
    return NULL;
}

static bool all_are_told(void *arg)
{
    struct forgotten *forgotten = arg;
    lc_fd_forget(forgotten->descriptor); /* again for those that were not there yet */
    return forgotten->told == 3;
}

static void forgetting_tells_fibers_and_threads(void)
{
    struct ends ends = pipe_new();
    struct forgotten forgotten = {.descriptor = ends.read};
    pthread_t thread;
    CU_ASSERT_EQUAL(lc_fd_forget(ends.read), 0); /* nothing waits */
    CU_ASSERT_EQUAL(lc_fd_forget(-1), 0);
    for (int i = 0; i < 3; i++)
        forgotten.begun[i] = lc_handle_new();
    lc_executor *executor = fibers_executor(2);
    fibers_spread(executor, await_forgetting, &forgotten);
    fibers_spread(executor, await_forgetting, &forgotten);
    pthread_create(&thread, NULL, await_in_thread, &forgotten);
    for (int i = 0; i < 3; i++)
        CHECK_CLOSES(forgotten.begun[i]);
    CU_ASSERT_TRUE(check_until(all_are_told, &forgotten));
    pthread_join(thread, NULL);
    fibers_end(executor);
    CU_ASSERT_EQUAL(forgotten.told, 3);
    for (int i = 0; i < 3; i++)
        lc_handle_unref(forgotten.begun[i]);
    pipe_drop(&ends);
}

static void forget_parked_ones(void *arg)
{
    struct forgotten *forgotten = arg;
    for (int i = 0; i < 3; i++) {
        forgotten->begun[i] = lc_handle_new_closed();
        fibers_start(NULL, "forgotten", await_forgetting, forgotten);
    }
    while (forgotten->next < 3)
        lc_yield();
    CU_ASSERT_EQUAL(lc_fd_forget(forgotten->descriptor + 4096), 0); /* another, of the same place */
    CU_ASSERT_EQUAL(lc_fd_forget(forgotten->descriptor), 3);
}

static void forgetting_counts_the_waits(void)
{
    struct ends ends = pipe_new();
    struct forgotten forgotten = {.descriptor = ends.read};
    fibers_here(forget_parked_ones, &forgotten);
    CU_ASSERT_EQUAL(forgotten.told, 3);
    pipe_drop(&ends);
}

/* ---- numbers used again ---- */

/* Gives the number to the reading end of a fresh pipe. */
static struct ends pipe_at(int number)
{
    struct ends ends = pipe_new();
    if (ends.read != number) {
        if (dup2(ends.read, number) != number)
            abort();
        close(ends.read);
        ends.read = number;
    }
    return ends;
}

static void use_number_again(void *arg)
{
    struct ends ends = pipe_new();
    (void)arg;
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, POLLIN, lc_deadline_after(1)), -ETIMEDOUT);
        write_byte(ends.write);
        CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, POLLIN, check_patience()), POLLIN);
        close(ends.write);
        close(ends.read);
        ends = pipe_at(ends.read);
    }
    pipe_drop(&ends);
}

static void a_number_may_be_used_again(void)
{
    fibers_here(use_number_again, NULL);
}

struct stale {
    int number;
    lc_handle *over;
    int result;
};

static void await_number(void *arg)
{
    struct stale *stale = arg;
    stale->result = lc_wait_fd(NULL, stale->number, POLLIN, check_patience());
    lc_handle_close(stale->over);
}

/* The epoll keeps what it was asked under this number, since a copy keeps the pipe open. */
static void wait_beside_a_copy(void *arg)
{
    struct stale stale = {.over = lc_handle_new()};
    struct ends old = pipe_new();
    int copy = dup(old.read);
    (void)arg;
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, old.read, POLLIN, lc_deadline_after(LC_MICROSECOND)),
                    -ETIMEDOUT);
    close(old.read);
    struct ends fresh = pipe_at(old.read);
    stale.number = fresh.read;
    fibers_start(NULL, "waiter", await_number, &stale);
    lc_yield();
    write_byte(old.write); /* is reported for the number, and is not it */
    CU_ASSERT_EQUAL(lc_handle_wait(stale.over, lc_deadline_after(LC_MILLISECOND)), -ETIMEDOUT);
    write_byte(fresh.write);
    CHECK_CLOSES(stale.over);
    CU_ASSERT_EQUAL(stale.result, POLLIN);
    close(old.write);
    close(copy);
    pipe_drop(&fresh);
    lc_handle_unref(stale.over);
}

static void copies_do_not_mislead(void)
{
    fibers_here(wait_beside_a_copy, NULL);
}

/* ---- what is special ---- */

static void wait_for_special_ones(void *arg)
{
    FILE *file = tmpfile();
    int null = open("/dev/null", O_RDWR);
    (void)arg;
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, fileno(file), POLLIN, check_patience()), POLLIN);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, fileno(file), POLLIN | POLLOUT, check_patience()),
                    POLLIN | POLLOUT);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, null, POLLOUT, check_patience()), POLLOUT);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, null, POLLIN, LC_NOW), POLLIN);
    /* It is not ready for what it does not know. */
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, null, POLLPRI, lc_deadline_after(LC_MILLISECOND)), -ETIMEDOUT);
    fclose(file);
    close(null);
}

static void what_epoll_cannot_watch_is_ready(void)
{
    fibers_here(wait_for_special_ones, NULL);
}

static void wait_for_bad_ones(void *arg)
{
    struct ends ends = pipe_new();
    lc_waitable both[] = {lc_on_fd(ends.read, POLLIN), lc_on_fd(ends.write, POLLIN)};
    (void)arg;
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, -1, POLLIN, check_patience()), -EBADF);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, 1 << 20, POLLIN, check_patience()), -EBADF);
    pipe_drop(&ends);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, POLLIN, check_patience()), -EBADF);
    CU_ASSERT_EQUAL(lc_wait_any(both, 2, check_patience()), -EBADF);
}

static void closed_ones_are_refused(void)
{
    fibers_here(wait_for_bad_ones, NULL);
}

static void await_hang_ups(void *arg)
{
    struct ends ends = pipe_new();
    struct talk talk = talk_new();
    (void)arg;
    close(ends.write);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, POLLIN, check_patience()), POLLHUP);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, 0, check_patience()), POLLHUP);
    close(ends.read);
    shutdown(talk.far, SHUT_WR);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, talk.near, POLLIN | POLLRDHUP, check_patience()),
                    POLLIN | POLLRDHUP);
    close(talk.far);
    CU_ASSERT_TRUE(lc_wait_fd(NULL, talk.near, POLLIN, check_patience()) & POLLHUP);
    close(talk.near);
}

struct hang_up {
    int descriptor;
    lc_handle *over;
    int result;
};

static void await_hang_up(void *arg)
{
    struct hang_up *hang_up = arg;
    hang_up->result =
        lc_wait_fd(NULL, hang_up->descriptor, 0, check_patience()); /* asks for nothing else */
    lc_handle_close(hang_up->over);
}

static void hang_up_on_a_waiter(void *arg)
{
    struct ends ends = pipe_new();
    struct hang_up hang_up = {ends.read, lc_handle_new(), 0};
    await_hang_ups(arg);
    fibers_start(NULL, "waiter", await_hang_up, &hang_up);
    lc_yield();
    CHECK_OPEN(hang_up.over);
    close(ends.write);
    CHECK_CLOSES(hang_up.over);
    CU_ASSERT_EQUAL(hang_up.result, POLLHUP);
    close(ends.read);
    lc_handle_unref(hang_up.over);
}

static void hang_ups_are_reported(void)
{
    fibers_here(hang_up_on_a_waiter, NULL);
}

/* An event loop of another library, waited for as a descriptor. */
static void wait_for_an_epoll(void *arg)
{
    struct ends ends = pipe_new();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    (void)arg;
    CU_ASSERT_EQUAL(epoll_ctl(epoll, EPOLL_CTL_ADD, ends.read, &event), 0);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, epoll, POLLIN, lc_deadline_after(LC_MICROSECOND)), -ETIMEDOUT);
    write_byte(ends.write);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, epoll, POLLIN, check_patience()), POLLIN);
    close(epoll);
    pipe_drop(&ends);
}

static void an_epoll_may_be_waited_for(void)
{
    fibers_here(wait_for_an_epoll, NULL);
}

/* ---- many ---- */

enum { PIPES = 500 };

struct many {
    struct ends ends[PIPES];
    struct readers readers[PIPES];
};

static void each_gets_its_own(void *arg)
{
    struct many *many = arg;
    uint64_t random = check_seed();
    for (int i = 0; i < PIPES; i++)
        fibers_start(NULL, "reader", read_one, &many->readers[i]);
    while (many->readers[PIPES - 1].waiting == 0)
        lc_yield();
    unsigned first = (unsigned)(check_random(&random) % PIPES);
    for (unsigned i = 0; i < PIPES; i++) {
        unsigned at = (first + i * 7) % PIPES;
        CU_ASSERT_EQUAL(many->readers[at].got, 0);
        write_byte(many->ends[at].write);
        while (i % 50 == 0 && many->readers[at].got == 0)
            lc_yield();
    }
}

/* One fiber waits for all of them. */
static void one_waits_for_all(void *arg)
{
    struct many *many = arg;
    lc_waitable waitables[PIPES];
    for (int i = 0; i < PIPES; i++)
        waitables[i] = lc_on_fd(many->ends[i].read, POLLIN);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, PIPES, lc_deadline_after(LC_MILLISECOND)), -ETIMEDOUT);
    write_byte(many->ends[PIPES - 7].write);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, PIPES, check_patience()), PIPES - 7);
    for (int i = 0; i < PIPES; i++)
        write_byte(many->ends[i].write);
    CU_ASSERT_EQUAL(lc_wait_all(waitables, PIPES, check_patience()), 0);
}

static void with_many(void (*run)(void *arg))
{
    static struct many many;
    struct rlimit found, more;
    getrlimit(RLIMIT_NOFILE, &found);
    more = found;
    more.rlim_cur = found.rlim_max < 2048 ? found.rlim_max : 2048;
    if (found.rlim_cur < more.rlim_cur)
        setrlimit(RLIMIT_NOFILE, &more);
    for (int i = 0; i < PIPES; i++) {
        many.ends[i] = pipe_new();
        many.readers[i] = (struct readers){.descriptor = many.ends[i].read};
    }
    fibers_here(run, &many);
    for (int i = 0; i < PIPES; i++)
        pipe_drop(&many.ends[i]);
    setrlimit(RLIMIT_NOFILE, &found);
}

static void many_pipes_at_once(void)
{
    with_many(each_gets_its_own);
}

static void many_pipes_of_one_fiber(void)
{
    with_many(one_waits_for_all);
}

CHECK_SUITE(unit_fiber_descriptors, "unit: descriptors of fibers",
            {"two fibers read from one", two_fibers_read_from_one},
            {"readers of two threads share one", readers_of_two_threads_share_one},
            {"a reader and a writer on one socket", reader_and_writer_on_one_socket},
            {"forgetting tells fibers and threads", forgetting_tells_fibers_and_threads},
            {"forgetting counts the waits", forgetting_counts_the_waits},
            {"a number may be used again", a_number_may_be_used_again},
            {"copies do not mislead", copies_do_not_mislead},
            {"what epoll cannot watch is ready", what_epoll_cannot_watch_is_ready},
            {"closed ones are refused", closed_ones_are_refused},
            {"hang-ups are reported", hang_ups_are_reported},
            {"an epoll may be waited for", an_epoll_may_be_waited_for},
            {"many pipes at once, a fiber each", many_pipes_at_once},
            {"many pipes of one fiber", many_pipes_of_one_fiber});
