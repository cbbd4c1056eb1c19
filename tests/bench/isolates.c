/*
 * isolates.c: isolates: spawning them, what a million idle ones occupy, and messages from one to
 * the other. All messages carry eight bytes, a number that the receiver reads and checks.
 *
 * A sender runs ahead of its receiver by no more than DEPTH messages, where one sends to one: then
 * it is parked, as by a channel of that depth, which is what the peers in Go have. Where a thousand
 * send to one no sender is parked, since all they send fits into a mailbox; the peers then have a
 * channel as deep, or one of DEPTH, whichever is faster. In Erlang nothing parks a sender but the
 * end of its time slice.
 */
#include "bench/bench.h"

#include <lifecycle.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    DEPTH = 1024,
    SENDERS = 1000,
    RING = 100000,
    IDLE = 1000000,
};

static void check(lc_error *error)
{
    if (error)
        bench_fail(lc_error_message(error));
}

/* ---- helpers of all figures ---- */

/* Isolates on at most so many threads, or any; drop_group ends them. */
static lc_isolate_group *new_group(unsigned threads)
{
    lc_isolate_group *group;
    lc_isolate_group_options options = {.size = sizeof options};
    options.threads = threads;
    check(lc_isolate_group_new(&options, &group));
    return group;
}

static void drop_group(lc_isolate_group *group)
{
    if (lc_isolate_group_shutdown(group, LC_FOREVER) < 0)
        bench_fail("lc_isolate_group_shutdown");
    lc_isolate_group_unref(group);
}

static void spawn(lc_isolate_group *group, lc_error *(*entry)(void *arg), void *arg)
{
    lc_isolate_options options = {.size = sizeof options};
    options.entry = entry;
    options.arg = arg;
    options.group = group;
    check(lc_isolate_spawn(&options, NULL));
}

/* A countdown to a handle's close. */
struct countdown {
    atomic_size_t left;
    lc_handle *over;
};

static void begin_countdown(struct countdown *countdown, size_t from)
{
    atomic_init(&countdown->left, from);
    countdown->over = lc_handle_new();
}

static void count_down(struct countdown *countdown)
{
    if (atomic_fetch_sub(&countdown->left, 1) == 1)
        lc_handle_close(countdown->over);
}

static void await_countdown(struct countdown *countdown)
{
    lc_handle_wait(countdown->over, LC_FOREVER);
    lc_handle_unref(countdown->over);
}

static lc_send_port open_port(lc_message_handler handler, void *arg)
{
    lc_receive_port port;
    if (lc_port_open(LC_PORT(.handler = handler, .arg = arg), &port))
        bench_fail("lc_port_open");
    return port.send;
}

static void send_number(lc_send_port port, uint64_t number)
{
    if (lc_send(port, &number, sizeof number) < 0)
        bench_fail("lc_send");
}

static uint64_t number_in(const lc_message *message)
{
    return *(const uint64_t *)lc_message_data(message);
}

/* ---- spawn and end: a hundred at a time, joined by one counter ---- */

enum { BATCH = 100 };

static lc_error *end_one(void *arg)
{
    count_down(arg);
    return NULL;
}

static double spawn_and_end(size_t n, bool known)
{
    lc_isolate isolate;
    lc_isolate_options options = {.size = sizeof options};
    int64_t begin = bench_now();
    for (size_t i = 0; i < n / BATCH; i++) {
        struct countdown ended;
        begin_countdown(&ended, BATCH);
        options.entry = end_one;
        options.arg = &ended;
        for (unsigned j = 0; j < BATCH; j++)
            check(lc_isolate_spawn(&options, known ? &isolate : NULL));
        await_countdown(&ended);
    }
    return (double)(bench_now() - begin) / (double)n;
}

/* No reference is held, as there is none to a goroutine. */
static double spawn_exit(size_t n)
{
    return spawn_and_end(n, false);
}

/* The spawner gets a reference with all capabilities. */
static double spawn_known_exit(size_t n)
{
    return spawn_and_end(n, true);
}

/* ---- a million idle ones, in a process of their own ---- */

static lc_error *ignore(lc_message *message, void *arg)
{
    (void)arg;
    (void)message;
    return NULL;
}

static lc_error *be_idle(void *arg)
{
    open_port(ignore, NULL);
    count_down(arg);
    return NULL;
}

static double idle(const struct bench_figure *unused)
{
    (void)unused;
    struct countdown ready;
    double before = bench_resident_bytes();
    lc_isolate_group *group = new_group(0);
    begin_countdown(&ready, IDLE);
    for (unsigned i = 0; i < IDLE; i++)
        spawn(group, be_idle, &ready);
    await_countdown(&ready);
    double after = bench_resident_bytes();
    drop_group(group);
    return (after - before) / IDLE;
}

int bench_idle_isolates(unsigned threads)
{
    bench_tell_elsewhere(bench_in_fiber(threads, idle, NULL));
    return lc_library_shutdown() == 0 ? 0 : 1;
}

static double idle_elsewhere(size_t threads)
{
    return bench_elsewhere(BENCH_IDLE_ISOLATES, threads);
}

/* ---- one sends, one receives ---- */

struct stream {
    uint64_t n;
    uint64_t received;
    lc_send_port port;
    pthread_t receiver_thread;
    bool far; /* the two are to be on different threads */
    struct countdown ready;
    struct countdown done;
};

static lc_error *receive(lc_message *message, void *arg)
{
    struct stream *stream = arg;
    if (number_in(message) != stream->received++)
        bench_fail("messages were lost");
    if (stream->received == stream->n)
        count_down(&stream->done);
    return NULL;
}

static lc_error *be_receiver(void *arg)
{
    struct stream *stream = arg;
    stream->port = open_port(receive, stream);
    stream->receiver_thread = pthread_self();
    count_down(&stream->ready);
    return NULL;
}

static lc_error *send_all(void *arg)
{
    struct stream *stream = arg;
    lc_send_port port = stream->port;
    uint64_t n = stream->n; /* the stream may be gone when all is sent */
    if (stream->far && pthread_equal(stream->receiver_thread, pthread_self()))
        bench_fail("isolates of two groups are on one thread");
    for (uint64_t i = 0; i < n; i++)
        send_number(port, i);
    return NULL;
}

/* Of n messages from an isolate of one group to one of another. */
static double stream(size_t n, lc_isolate_group *from, lc_isolate_group *to)
{
    struct stream stream = {.n = n, .far = from != to};
    lc_isolate_options options = {.size = sizeof options};
    options.entry = be_receiver;
    options.arg = &stream;
    options.group = to;
    options.mailbox_limit = DEPTH;
    options.when_full = LC_FULL_PARK_SENDER;
    begin_countdown(&stream.ready, 1);
    begin_countdown(&stream.done, 1);
    check(lc_isolate_spawn(&options, NULL));
    await_countdown(&stream.ready);
    int64_t begin = bench_now();
    spawn(from, send_all, &stream);
    await_countdown(&stream.done);
    return (double)(bench_now() - begin) / (double)n;
}

static double in_one_group(size_t n,
                           double (*take)(size_t n, lc_isolate_group *one, lc_isolate_group *other))
{
    lc_isolate_group *group = new_group(0);
    double took = take(n, group, group);
    drop_group(group);
    return took;
}

/* Groups of one thread take the executor's threads in turn. */
static double in_two_groups(size_t n, double (*take)(size_t n, lc_isolate_group *one,
                                                     lc_isolate_group *other))
{
    lc_isolate_group *near = new_group(1);
    lc_isolate_group *far = new_group(1);
    double took = take(n, near, far);
    drop_group(near);
    drop_group(far);
    return took;
}

static double oneway(size_t n)
{
    return in_one_group(n, stream);
}

static double oneway_far(size_t n)
{
    return in_two_groups(n, stream);
}

/* ---- there and back ---- */

struct rally {
    uint64_t n;
    lc_send_port caller;
    lc_send_port echo;
    pthread_t echo_thread;
    bool far;
    struct countdown ready;
    struct countdown done;
};

static lc_error *send_back(lc_message *message, void *arg)
{
    const struct rally *rally = arg;
    send_number(rally->caller, number_in(message) + 1);
    return NULL;
}

static lc_error *send_again(lc_message *message, void *arg)
{
    struct rally *rally = arg;
    uint64_t number = number_in(message);
    if (number == rally->n)
        count_down(&rally->done);
    else
        send_number(rally->echo, number);
    return NULL;
}

static lc_error *be_echo(void *arg)
{
    struct rally *rally = arg;
    rally->echo = open_port(send_back, rally);
    rally->echo_thread = pthread_self();
    count_down(&rally->ready);
    return NULL;
}

static lc_error *be_caller(void *arg)
{
    struct rally *rally = arg;
    rally->caller = open_port(send_again, rally);
    if (rally->far && pthread_equal(rally->echo_thread, pthread_self()))
        bench_fail("isolates of two groups are on one thread");
    send_number(rally->echo, 0);
    return NULL;
}

/* Of n round trips. The echo adds one to what it gets, and the caller sends that on. */
static double rally(size_t n, lc_isolate_group *callers, lc_isolate_group *echoes)
{
    struct rally rally = {.n = n, .far = callers != echoes};
    begin_countdown(&rally.ready, 1);
    begin_countdown(&rally.done, 1);
    spawn(echoes, be_echo, &rally);
    await_countdown(&rally.ready);
    int64_t begin = bench_now();
    spawn(callers, be_caller, &rally);
    await_countdown(&rally.done);
    return (double)(bench_now() - begin) / (double)n;
}

static double pingpong(size_t n)
{
    return in_one_group(n, rally);
}

static double pingpong_far(size_t n)
{
    return in_two_groups(n, rally);
}

/* ---- a thousand send, one receives ---- */

struct crowd {
    size_t each; /* messages of each sender */
    uint64_t received;
    uint64_t sum;
    lc_send_port port;
    lc_send_port senders[SENDERS];
    atomic_size_t next;
    struct countdown ready;
    struct countdown done;
};

static lc_error *receive_any(lc_message *message, void *arg)
{
    struct crowd *crowd = arg;
    crowd->sum += number_in(message);
    if (++crowd->received == crowd->each * SENDERS)
        count_down(&crowd->done);
    return NULL;
}

static lc_error *be_hub(void *arg)
{
    struct crowd *crowd = arg;
    crowd->port = open_port(receive_any, crowd);
    count_down(&crowd->ready);
    return NULL;
}

static lc_error *send_share(lc_message *message, void *arg)
{
    const struct crowd *crowd = arg;
    lc_send_port port = crowd->port;
    uint64_t each = number_in(message); /* the crowd may be gone when all is sent */
    for (uint64_t i = 0; i < each; i++)
        send_number(port, i);
    return NULL;
}

static lc_error *be_sender(void *arg)
{
    struct crowd *crowd = arg;
    crowd->senders[atomic_fetch_add(&crowd->next, 1)] = open_port(send_share, crowd);
    count_down(&crowd->ready);
    return NULL;
}

/* From when the senders, which are there, are told to begin. */
static double fanin(size_t n)
{
    static struct crowd crowd; /* too large for a fiber's stack */
    lc_isolate_group *group = new_group(0);
    crowd.each = n / SENDERS;
    crowd.received = crowd.sum = 0;
    atomic_init(&crowd.next, 0);
    begin_countdown(&crowd.ready, SENDERS + 1);
    begin_countdown(&crowd.done, 1);
    spawn(group, be_hub, &crowd);
    for (unsigned i = 0; i < SENDERS; i++)
        spawn(group, be_sender, &crowd);
    await_countdown(&crowd.ready);
    int64_t begin = bench_now();
    for (unsigned i = 0; i < SENDERS; i++)
        send_number(crowd.senders[i], crowd.each);
    await_countdown(&crowd.done);
    double took = (double)(bench_now() - begin) / (double)n;
    if (crowd.sum != SENDERS * (crowd.each * (crowd.each - 1) / 2))
        bench_fail("messages were lost");
    drop_group(group);
    return took;
}

/* ---- a token round a ring ---- */

struct ring {
    struct link {
        struct ring *ring;
        lc_send_port port;
        const struct link *next;
    } links[RING];
    struct countdown ready;
    struct countdown done;
};

/* The token is the number of hops that are left. */
static lc_error *pass_on(lc_message *message, void *arg)
{
    const struct link *link = arg;
    uint64_t left = number_in(message);
    if (left == 0)
        count_down(&link->ring->done);
    else
        send_number(link->next->port, left - 1);
    return NULL;
}

static lc_error *be_link(void *arg)
{
    struct link *link = arg;
    link->port = open_port(pass_on, link);
    count_down(&link->ring->ready);
    return NULL;
}

static double ring(size_t n)
{
    lc_isolate_group *group = new_group(0);
    struct ring *ring = calloc(1, sizeof *ring);
    if (!ring)
        bench_fail("no memory");
    begin_countdown(&ring->ready, RING);
    begin_countdown(&ring->done, 1);
    for (unsigned i = 0; i < RING; i++) {
        ring->links[i].ring = ring;
        ring->links[i].next = &ring->links[(i + 1) % RING];
        spawn(group, be_link, &ring->links[i]);
    }
    await_countdown(&ring->ready);
    int64_t begin = bench_now();
    send_number(ring->links[0].port, n - 1);
    await_countdown(&ring->done);
    double took = (double)(bench_now() - begin) / (double)n;
    drop_group(group);
    free(ring);
    return took;
}

/* ---- the figures ---- */

static void bench_spawns(void)
{
    static const struct bench_figure figures[] = {
        {"isolate_spawn_exit_1t", 200000, spawn_exit, "go", NULL},
        {"isolate_spawn_exit_2t", 200000, spawn_exit, "go", NULL},
        {"isolate_spawn_exit_vs_otp_1t", 200000, spawn_exit, "otp", NULL},
        {"isolate_spawn_exit_vs_otp_2t", 200000, spawn_exit, "otp", NULL},
        {"isolate_spawn_known_exit_vs_otp_1t", 200000, spawn_known_exit, "otp", NULL},
        {"isolate_spawn_known_exit_vs_otp_2t", 200000, spawn_known_exit, "otp", NULL},
        {"isolate_idle_bytes_1t", 1, idle_elsewhere, "go", NULL},
        {"isolate_idle_bytes_2t", 2, idle_elsewhere, "go", NULL},
        {"isolate_idle_bytes_vs_otp_1t", 1, idle_elsewhere, "otp", NULL},
        {"isolate_idle_bytes_vs_otp_2t", 2, idle_elsewhere, "otp", NULL},
        {"isolate_idle_bytes_vs_hibernated_otp_1t", 1, idle_elsewhere, "otp", NULL},
        {"isolate_idle_bytes_vs_hibernated_otp_2t", 2, idle_elsewhere, "otp", NULL},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        bench_add(&figures[i]);
}

static void bench_messages(void)
{
    static const struct bench_figure figures[] = {
        {"message_oneway_1t", 1000000, oneway, "go", NULL},
        {"message_oneway_2t", 1000000, oneway, "go", NULL},
        {"message_oneway_far_2t", 1000000, oneway_far, "go", NULL},
        {"message_oneway_vs_otp_1t", 1000000, oneway, "otp", NULL},
        {"message_oneway_vs_otp_2t", 1000000, oneway, "otp", NULL},
        {"message_oneway_far_vs_otp_2t", 1000000, oneway_far, "otp", NULL},
        {"message_pingpong_1t", 200000, pingpong, "go", NULL},
        {"message_pingpong_2t", 200000, pingpong, "go", NULL},
        {"message_pingpong_far_2t", 20000, pingpong_far, "go", NULL},
        {"message_pingpong_vs_otp_1t", 200000, pingpong, "otp", NULL},
        {"message_pingpong_vs_otp_2t", 200000, pingpong, "otp", NULL},
        {"message_pingpong_far_vs_otp_2t", 20000, pingpong_far, "otp", NULL},
        {"message_fanin_1t", 100000, fanin, "go", NULL},
        {"message_fanin_2t", 100000, fanin, "go", NULL},
        {"message_fanin_vs_otp_1t", 100000, fanin, "otp", NULL},
        {"message_fanin_vs_otp_2t", 100000, fanin, "otp", NULL},
        {"ring_100k_1t", 500000, ring, "go", NULL},
        {"ring_100k_2t", 500000, ring, "go", NULL},
        {"ring_100k_vs_otp_1t", 500000, ring, "otp", NULL},
        {"ring_100k_vs_otp_2t", 500000, ring, "otp", NULL},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        bench_add(&figures[i]);
}

void bench_isolates(void)
{
    bench_spawns();
    bench_messages();
}
