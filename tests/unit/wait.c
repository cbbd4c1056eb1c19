/*
 * wait.c: waiting for any and for all of several things, for descriptors, for time, and under a
 * context.
 */
#include "support/check.h"
#include "support/later.h"

#include "support/manual_clock.h"

#include <lifecycle.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void close_handle(void *arg)
{
    lc_handle_close(arg);
}

static void write_byte(void *arg)
{
    if (write(*(int *)arg, "x", 1) != 1)
        abort();
}

static void close_channel(void *arg)
{
    lc_channel_close(arg);
}

struct ends {
    int read;
    int write;
};

static struct ends pipe_new(void)
{
    int pipes[2];
    if (pipe(pipes) != 0)
        abort();
    return (struct ends){pipes[0], pipes[1]};
}

static void pipe_drop(struct ends *ends)
{
    close(ends->read);
    close(ends->write);
}

static lc_channel *channel_new(void)
{
    lc_channel *channel = NULL;
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &channel));
    return channel;
}

/* ---- any ---- */

static void lowest_index_is_returned(void)
{
    lc_handle *open = lc_handle_new();
    lc_waitable waitables[] = {lc_on_handle(open), lc_on_handle(lc_handle_new_closed()),
                               lc_on_handle(open), lc_on_handle(lc_handle_new_closed())};
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 4, check_patience()), 1);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 4, LC_NOW), 1);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 1, LC_NOW), -ETIMEDOUT);
    lc_handle_close(open);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 4, check_patience()), 0);
    lc_handle_unref(open);
}

static void empty_places_never_come(void)
{
    lc_waitable waitables[] = {{.kind = LC_WAITABLE_NONE}, lc_on_handle(lc_handle_new_closed())};
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 2, check_patience()), 1);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 1, LC_NOW), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_wait_any(NULL, 0, LC_NOW), -ETIMEDOUT);
}

static void each_kind_is_ready_in_its_turn(void)
{
    struct ends ends = pipe_new();
    lc_handle *handle = lc_handle_new();
    lc_channel *empty = channel_new(), *full = channel_new();
    lc_channel_send(full, NULL, LC_NOW);
    lc_waitable waitables[] = {lc_on_handle(handle), lc_on_receive(empty), lc_on_send(full),
                               lc_on_fd(ends.read, POLLIN)};
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 4, LC_NOW), -ETIMEDOUT);
    write_byte(&ends.write);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 4, check_patience()), 3);
    CU_ASSERT_EQUAL(waitables[3].revents, POLLIN);
    void *item;
    lc_channel_receive(full, &item, LC_NOW);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 4, check_patience()), 2);
    lc_channel_send(empty, NULL, LC_NOW);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 4, check_patience()), 1);
    lc_handle_close(handle);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 4, check_patience()), 0);
    lc_handle_unref(handle);
    lc_channel_unref(empty);
    lc_channel_unref(full);
    pipe_drop(&ends);
}

static void closed_channels_are_ready(void)
{
    lc_channel *channel = channel_new();
    lc_waitable receive = lc_on_receive(channel), send = lc_on_send(channel);
    CU_ASSERT_EQUAL(lc_wait_any(&send, 1, LC_NOW), 0);
    lc_channel_send(channel, NULL, LC_NOW);
    CU_ASSERT_EQUAL(lc_wait_any(&send, 1, LC_NOW), -ETIMEDOUT);
    lc_channel_close(channel);
    CU_ASSERT_EQUAL(lc_wait_any(&send, 1, LC_NOW), 0);
    void *item;
    lc_channel_receive(channel, &item, LC_NOW);
    CU_ASSERT_EQUAL(lc_wait_any(&receive, 1, LC_NOW), 0);
    lc_channel_unref(channel);
}

/* Each thing wakes a wait for all kinds at once, with and without descriptors among them. */
static void woken_by(void (*function)(void *), void *arg, lc_waitable *waitables, size_t count,
                     int wanted)
{
    struct later then;
    later(&then, function, arg);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, count, check_patience()), wanted);
    CU_ASSERT_TRUE(later_join(&then));
}

static void send_item(void *arg)
{
    lc_channel_send(arg, NULL, LC_NOW);
}

static void receive_item(void *arg)
{
    void *item;
    lc_channel_receive(arg, &item, LC_NOW);
}

static void each_kind_wakes(void)
{
    struct ends ends = pipe_new();
    lc_handle *handle = lc_handle_new();
    lc_channel *empty = channel_new(), *full = channel_new();
    lc_channel_send(full, NULL, LC_NOW);
    lc_waitable waitables[] = {lc_on_handle(handle), lc_on_receive(empty), lc_on_send(full),
                               lc_on_fd(ends.read, POLLIN)};
    woken_by(write_byte, &ends.write, waitables, 4, 3);
    char byte;
    CU_ASSERT_EQUAL(read(ends.read, &byte, 1), 1);
    for (size_t count = 3; count <= 4; count++) {
        woken_by(receive_item, full, waitables, count, 2);
        send_item(full);
        woken_by(send_item, empty, waitables, count, 1);
        receive_item(empty);
    }
    woken_by(close_channel, empty, waitables, 4, 1);
    woken_by(close_handle, handle, waitables, 1, 0);
    lc_handle *other = lc_handle_new();
    waitables[0] = lc_on_handle(other);
    waitables[1].kind = LC_WAITABLE_NONE;
    woken_by(close_handle, other, waitables, 4, 0);
    lc_handle_unref(handle);
    lc_handle_unref(other);
    lc_channel_unref(empty);
    lc_channel_unref(full);
    pipe_drop(&ends);
}

static void one_thing_may_be_listed_twice(void)
{
    lc_handle *handle = lc_handle_new();
    lc_waitable waitables[] = {
        {.kind = LC_WAITABLE_NONE}, lc_on_handle(handle), lc_on_handle(handle)};
    woken_by(close_handle, handle, waitables, 3, 1);
    lc_handle_unref(handle);
}

static void many_are_waited_for(void)
{
    enum { COUNT = 3000 };
    static lc_handle *handles[COUNT];
    static lc_waitable waitables[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        handles[i] = lc_handle_new();
        waitables[i] = lc_on_handle(handles[i]);
    }
    woken_by(close_handle, handles[COUNT - 1], waitables, COUNT, COUNT - 1);
    woken_by(close_handle, handles[1234], waitables, COUNT - 1, 1234);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 1234, LC_NOW), -ETIMEDOUT);
    for (size_t i = 0; i < COUNT; i++)
        lc_handle_unref(handles[i]);
}

static void many_descriptors_are_waited_for(void)
{
    enum { COUNT = 100 };
    struct ends ends[COUNT];
    lc_waitable waitables[COUNT + 1];
    lc_handle *handle = lc_handle_new();
    for (size_t i = 0; i < COUNT; i++) {
        ends[i] = pipe_new();
        waitables[i] = lc_on_fd(ends[i].read, POLLIN);
    }
    waitables[COUNT] = lc_on_handle(handle);
    woken_by(write_byte, &ends[77].write, waitables, COUNT + 1, 77);
    woken_by(close_handle, handle, waitables + 78, COUNT + 1 - 78, COUNT - 78);
    write_byte(&ends[33].write);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, COUNT + 1, check_patience()), 33);
    for (size_t i = 0; i < COUNT; i++)
        pipe_drop(&ends[i]);
    lc_handle_unref(handle);
}

/* By each of the waits, with a line that names it. */
static void check_wait_refused(lc_waitable *waitables, size_t count, const char *said)
{
    char line[160];
    struct {
        const char *name;
        int result;
    } const waits[] = {
        {"lc_wait_any", lc_wait_any(waitables, count, LC_NOW)},
        {"lc_wait_all", lc_wait_all(waitables, count, LC_NOW)},
        {"lc_context_wait_any", lc_context_wait_any(NULL, waitables, count, LC_NOW)},
    };
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        snprintf(line, sizeof line, ": %s: %s", waits[i].name, said);
        CU_ASSERT_EQUAL(waits[i].result, -EINVAL);
        CU_ASSERT_TRUE(check_log_has(line));
    }
}

static void bad_arguments_are_refused(void)
{
    lc_handle *closed = lc_handle_new_closed();
    lc_waitable good = lc_on_handle(closed);
    lc_waitable bad[][2] = {
        {good, lc_on_handle(NULL)},
        {good, lc_on_receive(NULL)},
        {good, lc_on_send(NULL)},
        {good, lc_on_signals(NULL)},
        {good, {.kind = (lc_waitable_kind)77, .object = closed}},
    };
    static const char *const said[] = {
        "waitable 1 is lc_on_handle(NULL)",
        "waitable 1 is lc_on_receive(NULL)",
        "waitable 1 is lc_on_send(NULL)",
        "waitable 1 is lc_on_signals(NULL)",
        "waitable 1 is of kind 77, which does not exist",
    };
    check_log_capture();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_wait_refused(bad[i], 2, said[i]);
    check_wait_refused(NULL, 1, "waitables is NULL, and count is 1");
    check_wait_refused(&good, LC_WAIT_MAX + 1, "count is 65537; at most 65536");
    CU_ASSERT_EQUAL(check_log_count(""), 3 * 7);
    check_log_release();
}

static void one_watch_twice_is_refused(void)
{
    lc_process_signals *watch;
    CHECK_SUCCESS(lc_process_signals_new((const int[]){SIGUSR1}, 1, &watch));
    lc_waitable twice[] = {lc_on_signals(watch), {.kind = LC_WAITABLE_NONE}, lc_on_signals(watch)};
    check_log_capture();
    check_wait_refused(twice, 3, "waitable 2 is a watch of signals that stands before it");
    check_log_release();
    lc_process_signals_free(watch);
}

/* A number that no descriptor has. */
static int closed_descriptor(void)
{
    enum { FAR = 10000 };
    int descriptor = FAR;
    while (fcntl(descriptor, F_GETFD) >= 0)
        descriptor++;
    return descriptor;
}

static void descriptors_that_are_not_open(void)
{
    lc_waitable waitables[] = {lc_on_fd(closed_descriptor(), POLLIN)};
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 1, check_patience()), -EBADF);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 1, LC_NOW), -EBADF);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, closed_descriptor(), POLLIN, check_patience()), -EBADF);
    waitables[0].fd = -1;
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 1, LC_NOW), -EBADF);
}

/* ---- all ---- */

static void all_of_none_is_at_once(void)
{
    CU_ASSERT_EQUAL(lc_wait_all(NULL, 0, LC_NOW), 0);
}

static void all_waits_for_each(void)
{
    struct later then;
    struct ends ends = pipe_new();
    lc_handle *handle = lc_handle_new();
    lc_waitable waitables[] = {lc_on_handle(lc_handle_new_closed()),
                               {.kind = LC_WAITABLE_NONE},
                               lc_on_handle(handle),
                               lc_on_fd(ends.read, POLLIN)};
    waitables[1] = lc_on_handle(lc_handle_new_closed());
    CU_ASSERT_EQUAL(lc_wait_all(waitables, 2, LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_wait_all(waitables, 3, LC_NOW), -ETIMEDOUT);
    later(&then, close_handle, handle);
    CU_ASSERT_EQUAL(lc_wait_all(waitables, 3, check_patience()), 0);
    CU_ASSERT_TRUE(later_join(&then));
    CU_ASSERT_EQUAL(lc_wait_all(waitables, 4, LC_NOW), -ETIMEDOUT);
    later(&then, write_byte, &ends.write);
    CU_ASSERT_EQUAL(lc_wait_all(waitables, 4, check_patience()), 0);
    CU_ASSERT_TRUE(later_join(&then));
    lc_handle_unref(handle);
    pipe_drop(&ends);
}

/* Ready once each, not at the same time: the item is gone when the handle closes. */
struct taking {
    lc_channel *channel;
    lc_handle *handle;
    pid_t sleeper;
};

static void send_take_close(void *arg)
{
    struct taking *taking = arg;
    lc_channel_send(taking->channel, NULL, LC_NOW);
    later_asleep(taking->sleeper);
    receive_item(taking->channel);
    lc_handle_close(taking->handle);
}

static void all_need_not_be_ready_together(void)
{
    struct later then;
    struct taking taking = {channel_new(), lc_handle_new(), later_self()};
    lc_waitable waitables[] = {lc_on_handle(taking.handle), lc_on_receive(taking.channel)};
    later(&then, send_take_close, &taking);
    CU_ASSERT_EQUAL(lc_wait_all(waitables, 2, check_patience()), 0);
    CU_ASSERT_TRUE(later_join(&then));
    lc_handle_unref(taking.handle);
    lc_channel_unref(taking.channel);
}

static void all_of_many(void)
{
    enum { COUNT = 50 };
    lc_handle *handles[COUNT];
    lc_waitable waitables[COUNT];
    struct later then;
    for (size_t i = 0; i < COUNT; i++) {
        handles[i] = lc_handle_new();
        waitables[i] = lc_on_handle(handles[i]);
        if (i != 20)
            lc_handle_close(handles[i]);
    }
    CU_ASSERT_EQUAL(lc_wait_all(waitables, COUNT, LC_NOW), -ETIMEDOUT);
    later(&then, close_handle, handles[20]);
    CU_ASSERT_EQUAL(lc_wait_all(waitables, COUNT, check_patience()), 0);
    CU_ASSERT_TRUE(later_join(&then));
    for (size_t i = 0; i < COUNT; i++) {
        CU_ASSERT_EQUAL(waitables[i].kind,
                        LC_WAITABLE_HANDLE); /* the caller's array is left alone */
        lc_handle_unref(handles[i]);
    }
}

/* ---- deadlines, on a clock moved by hand ---- */

struct timed {
    struct manual_clock *clock;
    int (*wait)(struct timed *timed);
    lc_handle *handle;
    struct ends ends;
    lc_context *context;
    int result;
};

static int timed_any(struct timed *timed)
{
    lc_waitable waitable = lc_on_handle(timed->handle);
    return lc_wait_any(&waitable, 1, 2000);
}

static int timed_any_of_none(struct timed *timed)
{
    (void)timed;
    return lc_wait_any(NULL, 0, 2000);
}

static int timed_all(struct timed *timed)
{
    lc_waitable waitables[] = {lc_on_handle(lc_handle_new_closed()), lc_on_handle(timed->handle)};
    return lc_wait_all(waitables, 2, 2000);
}

static int timed_descriptor(struct timed *timed)
{
    lc_waitable waitables[] = {lc_on_handle(timed->handle), lc_on_fd(timed->ends.read, POLLIN)};
    return lc_wait_any(waitables, 2, 2000);
}

static int timed_fd(struct timed *timed)
{
    return lc_wait_fd(NULL, timed->ends.read, POLLIN, 2000);
}

static int timed_sleep(struct timed *timed)
{
    (void)timed;
    return lc_sleep(1000) == 0 ? -ETIMEDOUT : 1;
}

static int timed_context(struct timed *timed)
{
    lc_waitable waitable = lc_on_handle(timed->handle);
    return lc_context_wait_any(timed->context, &waitable, 1, 2000);
}

static int timed_context_sleep(struct timed *timed)
{
    return lc_context_sleep(timed->context, 1000) == 0 ? -ETIMEDOUT : 1;
}

static int timed_context_handle(struct timed *timed)
{
    return lc_context_wait(timed->context, timed->handle, 2000);
}

static int timed_context_receive(struct timed *timed)
{
    void *item;
    lc_channel *channel = channel_new();
    int result = lc_context_receive(timed->context, channel, &item, 2000);
    lc_channel_unref(channel);
    return result;
}

/* The channel has room for one. */
static int timed_context_send(struct timed *timed)
{
    lc_channel *channel = channel_new();
    int result = lc_context_send(timed->context, channel, NULL, 2000);
    if (result == 0)
        result = lc_context_send(timed->context, channel, NULL, 2000);
    lc_channel_unref(channel);
    return result;
}

static void *wait_on_clock(void *arg)
{
    struct timed *timed = arg;
    manual_clock_use(timed->clock);
    timed->result = timed->wait(timed);
    return NULL;
}

static void waits_end_at_their_deadline(void)
{
    int (*waits[])(struct timed *) = {timed_any,
                                      timed_any_of_none,
                                      timed_all,
                                      timed_descriptor,
                                      timed_fd,
                                      timed_sleep,
                                      timed_context,
                                      timed_context_sleep,
                                      timed_context_handle,
                                      timed_context_receive,
                                      timed_context_send};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        pthread_t thread;
        struct timed timed = {manual_clock_new(1000), waits[i], lc_handle_new(), pipe_new(),
                              lc_context_new(NULL),   1};
        pthread_create(&thread, NULL, wait_on_clock, &timed);
        check_waits_for(timed.clock, 1000);
        pthread_join(thread, NULL);
        CU_ASSERT_EQUAL(timed.result, -ETIMEDOUT);
        CU_ASSERT_EQUAL(manual_clock_waiting(timed.clock), 0);
        lc_handle_unref(timed.handle);
        pipe_drop(&timed.ends);
        lc_context_unref(timed.context);
        manual_clock_free(timed.clock);
    }
}

static void real_deadlines_come(void)
{
    struct ends ends = pipe_new();
    lc_handle *handle = lc_handle_new();
    lc_waitable waitables[] = {lc_on_handle(handle), lc_on_fd(ends.read, POLLIN)};
    for (size_t count = 0; count <= 2; count++) {
        int64_t deadline = lc_deadline_after(LC_MILLISECOND);
        CU_ASSERT_EQUAL(lc_wait_any(waitables, count, deadline), -ETIMEDOUT);
        CU_ASSERT_TRUE(lc_now() >= deadline);
    }
    int64_t before = lc_now();
    CU_ASSERT_EQUAL(lc_sleep(2 * LC_MILLISECOND), 0);
    CU_ASSERT_TRUE(lc_now() - before >= 2 * LC_MILLISECOND);
    CU_ASSERT_EQUAL(lc_sleep(0), 0);
    CU_ASSERT_EQUAL(lc_sleep(-1), 0);
    lc_handle_unref(handle);
    pipe_drop(&ends);
}

/* ---- descriptors ---- */

static void fd_tells_what_poll_tells(void)
{
    struct ends ends = pipe_new();
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, POLLIN, LC_NOW), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.write, POLLOUT, LC_NOW), POLLOUT);
    struct later then;
    later(&then, write_byte, &ends.write);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, ends.read, POLLIN, check_patience()), POLLIN);
    CU_ASSERT_TRUE(later_join(&then));
    char byte;
    CU_ASSERT_EQUAL(read(ends.read, &byte, 1), 1);
    close(ends.write);
    int reported = lc_wait_fd(NULL, ends.read, POLLIN, check_patience());
    CU_ASSERT_TRUE(reported > 0 && (reported & POLLHUP));
    close(ends.read);
}

/* ---- under a context ---- */

static void ended_context_ends_every_wait(void)
{
    lc_context *context = lc_context_new(NULL);
    lc_handle *open = lc_handle_new();
    lc_channel *channel = channel_new();
    lc_waitable waitable = lc_on_handle(open);
    void *item = context;
    lc_context_cancel(context, NULL);
    CU_ASSERT_EQUAL(lc_context_wait_any(context, &waitable, 1, check_patience()), -ECANCELED);
    CU_ASSERT_EQUAL(lc_context_wait(context, open, LC_FOREVER), -ECANCELED);
    CU_ASSERT_EQUAL(lc_context_sleep(context, LC_HOUR), -ECANCELED);
    CU_ASSERT_EQUAL(lc_context_receive(context, channel, &item, LC_FOREVER), -ECANCELED);
    CU_ASSERT_PTR_EQUAL(item, context);
    CU_ASSERT_EQUAL(lc_context_send(context, channel, NULL, LC_FOREVER),
                    0); /* what is waited for wins */
    CU_ASSERT_EQUAL(lc_context_send(context, channel, NULL, LC_FOREVER), -ECANCELED);
    CU_ASSERT_EQUAL(lc_context_receive(context, channel, &item, LC_FOREVER), 0);
    lc_channel_close(channel);
    CU_ASSERT_EQUAL(lc_context_receive(context, channel, &item, LC_FOREVER), -EPIPE);
    CU_ASSERT_EQUAL(lc_context_send(context, channel, &item, LC_FOREVER), -EPIPE);
    waitable = lc_on_handle(lc_handle_new_closed());
    CU_ASSERT_EQUAL(lc_context_wait_any(context, &waitable, 1, check_patience()), 0);
    lc_channel_unref(channel);
    lc_handle_unref(open);
    lc_context_unref(context);
}

/* A look without a wait takes what is there; else it says that it came too early, or too late. */
static void context_waits_look_once(void)
{
    lc_context *context = lc_context_new(NULL);
    lc_handle *open = lc_handle_new();
    lc_channel *channel = channel_new();
    void *item = context;
    for (int ended = 0; ended < 2; ended++) {
        int nothing = ended ? -ECANCELED : -ETIMEDOUT;
        CU_ASSERT_EQUAL(lc_context_wait(context, open, LC_NOW), nothing);
        CU_ASSERT_EQUAL(lc_context_receive(context, channel, &item, LC_NOW), nothing);
        CU_ASSERT_PTR_EQUAL(item, context);
        CU_ASSERT_EQUAL(lc_context_send(context, channel, open, LC_NOW), 0);
        CU_ASSERT_EQUAL(lc_context_send(context, channel, open, LC_NOW), nothing);
        CU_ASSERT_EQUAL(lc_context_receive(context, channel, &item, LC_NOW), 0);
        CU_ASSERT_PTR_EQUAL(item, open);
        item = context;
        lc_context_cancel(context, NULL);
    }
    lc_handle_close(open);
    CU_ASSERT_EQUAL(lc_context_wait(context, open, LC_NOW), 0);
    lc_channel_unref(channel);
    lc_handle_unref(open);
    lc_context_unref(context);
}

/* Each refusal is one line, of the function that was called. */
static void check_refused_aloud(int result, const char *line)
{
    CU_ASSERT_EQUAL(result, -EINVAL);
    CU_ASSERT_EQUAL(check_log_count(line), 1);
    CU_ASSERT_EQUAL(check_log_count(""), 1);
    check_log_release();
    check_log_capture();
}

static void waits_for_nothing_are_refused_aloud(void)
{
    lc_context *context = lc_context_new(NULL);
    lc_channel *channel = channel_new();
    void *item;
    check_log_capture();
    check_refused_aloud(lc_handle_wait(NULL, LC_NOW), "lc_handle_wait: the handle is NULL");
    for (int i = 0; i < 2; i++) { /* under a context, and under none */
        lc_context *under = i ? context : NULL;
        check_refused_aloud(lc_context_wait(under, NULL, LC_FOREVER),
                            "lc_context_wait: the handle is NULL; to wait for the end of the "
                            "context alone, call lc_handle_wait with lc_context_done");
        check_refused_aloud(lc_context_send(under, NULL, NULL, LC_FOREVER),
                            "lc_context_send: the channel is NULL");
        check_refused_aloud(lc_context_receive(under, NULL, &item, LC_FOREVER),
                            "lc_context_receive: the channel is NULL");
        check_refused_aloud(lc_context_receive(under, channel, NULL, LC_FOREVER),
                            "lc_context_receive: the place for the item is NULL");
    }
    check_refused_aloud(lc_channel_send(NULL, NULL, LC_NOW), "lc_channel_send: the channel");
    check_refused_aloud(lc_channel_receive(NULL, &item, LC_NOW), "lc_channel_receive: the channel");
    check_refused_aloud(lc_channel_receive(channel, NULL, LC_NOW),
                        "receive: the place for the item");
    lc_channel *merged;
    CHECK_SUCCESS(lc_channels_merge(&channel, 1, &merged));
    check_refused_aloud(lc_channel_send(merged, NULL, LC_NOW),
                        "lc_channel_send: the channel is merged");
    check_log_release();
    lc_channel_unref(merged);
    lc_channel_unref(channel);
    lc_context_unref(context);
}

static void timed_out_context_tells_so(void)
{
    lc_context *context = lc_context_with_deadline(NULL, LC_NOW);
    lc_handle *open = lc_handle_new();
    CU_ASSERT_EQUAL(lc_context_wait(context, open, LC_FOREVER), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(context)), -ETIMEDOUT);
    lc_handle_unref(open);
    lc_context_unref(context);
}

static void cancel_context(void *arg)
{
    lc_context_cancel(arg, NULL);
}

struct context_wait {
    lc_context *context;
    lc_handle *open;
    lc_channel *empty, *full;
    struct ends ends;
};

static int context_wait_handle(struct context_wait *wait)
{
    return lc_context_wait(wait->context, wait->open, LC_FOREVER);
}

static int context_wait_mixed(struct context_wait *wait)
{
    lc_waitable waitables[] = {lc_on_handle(wait->open), lc_on_fd(wait->ends.read, POLLIN),
                               lc_on_receive(wait->empty)};
    return lc_context_wait_any(wait->context, waitables, 3, check_patience());
}

static int context_wait_sleep(struct context_wait *wait)
{
    return lc_context_sleep(wait->context, LC_HOUR);
}

static int context_wait_receive(struct context_wait *wait)
{
    void *item;
    return lc_context_receive(wait->context, wait->empty, &item, LC_FOREVER);
}

static int context_wait_send(struct context_wait *wait)
{
    return lc_context_send(wait->context, wait->full, NULL, LC_FOREVER);
}

static void cancel_wakes_every_wait(void)
{
    int (*waits[])(struct context_wait *) = {context_wait_handle, context_wait_mixed,
                                             context_wait_sleep, context_wait_receive,
                                             context_wait_send};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        struct later then;
        struct context_wait wait = {lc_context_with_deadline(NULL, check_patience()),
                                    lc_handle_new(), channel_new(), channel_new(), pipe_new()};
        lc_channel_send(wait.full, NULL, LC_NOW);
        later(&then, cancel_context, wait.context);
        CU_ASSERT_EQUAL(waits[i](&wait), -ECANCELED);
        CU_ASSERT_TRUE(later_join(&then));
        lc_context_unref(wait.context);
        lc_handle_unref(wait.open);
        lc_channel_unref(wait.empty);
        lc_channel_unref(wait.full);
        pipe_drop(&wait.ends);
    }
}

static void transfer_under_a_context_is_woken(void)
{
    struct later then;
    lc_context *context = lc_context_with_deadline(NULL, check_patience());
    lc_channel *channel = channel_new();
    void *item;
    later(&then, send_item, channel);
    CU_ASSERT_EQUAL(lc_context_receive(context, channel, &item, LC_FOREVER), 0);
    CU_ASSERT_TRUE(later_join(&then));
    CU_ASSERT_EQUAL(lc_context_send(context, channel, NULL, LC_FOREVER), 0);
    later(&then, receive_item, channel);
    CU_ASSERT_EQUAL(lc_context_send(context, channel, NULL, LC_FOREVER), 0);
    CU_ASSERT_TRUE(later_join(&then));
    lc_channel_unref(channel);
    lc_context_unref(context);
}

/*
 * A wait is no pthread cancellation point: the cancel stays pending and the wait ends as it should.
 */
struct uncancellable {
    lc_handle *started, *end;
    pid_t tid;
    int result;
};

static void *wait_uncancellably(void *arg)
{
    struct uncancellable *wait = arg;
    wait->tid = later_self();
    lc_handle_close(wait->started);
    wait->result = lc_handle_wait(wait->end, check_patience());
    return NULL;
}

static void waits_are_no_cancellation_points(void)
{
    pthread_t thread;
    struct uncancellable wait = {lc_handle_new(), lc_handle_new(), 0, 1};
    pthread_create(&thread, NULL, wait_uncancellably, &wait);
    CHECK_CLOSES(wait.started);
    CU_ASSERT_TRUE(later_asleep(wait.tid));
    pthread_cancel(thread);
    lc_handle_close(wait.end);
    void *result = &wait;
    pthread_join(thread, &result);
    CU_ASSERT_PTR_NULL(result); /* returned, not PTHREAD_CANCELED */
    CU_ASSERT_EQUAL(wait.result, 0);
    lc_handle_unref(wait.started);
    lc_handle_unref(wait.end);
}

CHECK_SUITE(unit_wait, "unit: waiting",
            {"the lowest index that is ready is returned", lowest_index_is_returned},
            {"empty places never come", empty_places_never_come},
            {"each kind is ready in its turn", each_kind_is_ready_in_its_turn},
            {"closed channels are ready", closed_channels_are_ready},
            {"each kind wakes a mixed wait", each_kind_wakes},
            {"one thing may be listed twice", one_thing_may_be_listed_twice},
            {"thousands are waited for", many_are_waited_for},
            {"many descriptors are waited for", many_descriptors_are_waited_for},
            {"bad arguments are refused aloud", bad_arguments_are_refused},
            {"one watch of signals listed twice is refused", one_watch_twice_is_refused},
            {"a descriptor that is not open is EBADF", descriptors_that_are_not_open},
            {"a wait for all of nothing returns at once", all_of_none_is_at_once},
            {"a wait for all waits for each", all_waits_for_each},
            {"a wait for all does not need them ready together", all_need_not_be_ready_together},
            {"a wait for all of many returns", all_of_many},
            {"waits end at their deadline on the thread's clock, not before",
             waits_end_at_their_deadline},
            {"deadlines on the real clock come", real_deadlines_come},
            {"a wait for a descriptor tells what poll tells", fd_tells_what_poll_tells},
            {"an ended context ends every wait, but what is waited for wins",
             ended_context_ends_every_wait},
            {"a look under a context takes what is there", context_waits_look_once},
            {"a wait for nothing is refused aloud", waits_for_nothing_are_refused_aloud},
            {"a wait under a timed-out context is ETIMEDOUT", timed_out_context_tells_so},
            {"a cancel wakes every wait under the context", cancel_wakes_every_wait},
            {"a transfer under a context is woken", transfer_under_a_context_is_woken},
            {"a wait is no pthread cancellation point", waits_are_no_cancellation_points});
