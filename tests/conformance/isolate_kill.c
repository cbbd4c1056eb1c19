/*
 * isolate_kill.c: contract C9: an immediate kill interrupts every wait of the running handler, and
 * the wait does not return.
 */
#include "support/check.h"
#include "support/helper.h"
#include "support/mode.h"
#include "support/scripted_isolate.h"

#include <lifecycle.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a handler waits for: nothing of it ever comes. */
struct never {
    lc_handle *handle;
    lc_handle *other;
    lc_channel *empty;
    lc_channel *full;
    lc_channel *merged;
    lc_context *context; /* not the isolate's */
    lc_signaler *signaler;
    lc_isolate_group *group;         /* of an isolate that does not end */
    struct scripted_isolate *paused; /* its mailbox is full, and parks its senders */
    lc_receive_port port;            /* the test's, full, parks its senders */
    int pipe[2];
    struct load load;
    lc_task_group *tasks; /* of one that does not end */
};

struct wait {
    const char *name;
    void (*wait)(struct never *never);
};

static void wait_handle(struct never *never)
{
    lc_handle_wait(never->handle, LC_FOREVER);
}

static void wait_handle_until(struct never *never)
{
    lc_handle_wait(never->handle, lc_deadline_after(LC_SECOND * 3600));
}

static void wait_sleep(struct never *never)
{
    (void)never;
    lc_sleep(LC_SECOND * 3600);
}

static void wait_receive(struct never *never)
{
    void *item;
    lc_channel_receive(never->empty, &item, LC_FOREVER);
}

static void wait_receive_until(struct never *never)
{
    void *item;
    lc_channel_receive(never->empty, &item, lc_deadline_after(LC_SECOND * 3600));
}

static void wait_receive_merged(struct never *never)
{
    void *item;
    lc_channel_receive(never->merged, &item, LC_FOREVER);
}

static void wait_send(struct never *never)
{
    lc_channel_send(never->full, never, LC_FOREVER);
}

static void wait_any(struct never *never)
{
    lc_waitable waitables[] = {lc_on_handle(never->handle), lc_on_receive(never->empty),
                               lc_on_send(never->full)};
    lc_wait_any(waitables, 3, LC_FOREVER);
}

/* More than fit into what a wait has on its stack. */
static void wait_any_of_many(struct never *never)
{
    enum { MANY = 50 };
    lc_waitable waitables[MANY];
    for (int i = 0; i < MANY; i++)
        waitables[i] = lc_on_handle(never->handle);
    lc_wait_any(waitables, MANY, LC_FOREVER);
}

/* One is there, and the rest are not. */
static void wait_all(struct never *never)
{
    enum { MANY = 50 };
    lc_waitable waitables[MANY];
    for (int i = 0; i < MANY; i++)
        waitables[i] = i % 2 ? lc_on_receive(never->empty) : lc_on_handle(never->handle);
    waitables[7] = lc_on_receive(never->full);
    lc_wait_all(waitables, MANY, LC_FOREVER);
}

static void wait_all_handles(struct never *never)
{
    lc_waitable waitables[] = {lc_on_handle(never->handle), lc_on_handle(never->other)};
    lc_wait_all(waitables, 2, LC_FOREVER);
}

static void wait_context(struct never *never)
{
    lc_context_wait(never->context, never->handle, LC_FOREVER);
}

static void wait_context_sleep(struct never *never)
{
    lc_context_sleep(never->context, LC_SECOND * 3600);
}

static void wait_own_context_sleep(struct never *never)
{
    (void)never;
    lc_context_sleep(lc_isolate_context(), LC_SECOND * 3600);
}

static void wait_context_receive(struct never *never)
{
    void *item;
    lc_context_receive(never->context, never->empty, &item, LC_FOREVER);
}

static void wait_context_send(struct never *never)
{
    lc_context_send(never->context, never->full, never, LC_FOREVER);
}

static void wait_error(struct never *never)
{
    lc_error *error;
    lc_signaler_wait(never->signaler, never->handle, &error, LC_FOREVER);
}

static void wait_mailbox(struct never *never)
{
    const lc_payload payload = load_payload(&never->load);
    lc_send_payload(never->paused->orders.send, &payload, LC_FOREVER);
}

static void wait_port(struct never *never)
{
    const lc_payload payload = load_payload(&never->load);
    lc_send_payload(never->port.send, &payload, LC_FOREVER);
}

static void wait_group(struct never *never)
{
    lc_isolate_group_shutdown(never->group, LC_FOREVER);
}

static lc_error *compute_for_ever(lc_payload *result, void *arg)
{
    (void)arg;
    (void)result;
    lc_sleep(LC_SECOND * 3600); /* nothing of the test's, which may end first */
    return NULL;
}

static void wait_run(struct never *never)
{
    lc_message *result;
    lc_error_unref(lc_isolate_compute("stuck", compute_for_ever, never, &result, LC_FOREVER));
}

static void wait_tasks(struct never *never)
{
    lc_task_group_wait(never->tasks, LC_FOREVER);
}

static void wait_tasks_until(struct never *never)
{
    lc_task_group_wait(never->tasks, lc_deadline_after(LC_SECOND * 3600));
}

static const struct wait waits[] = {
    {"a handle", wait_handle},
    {"a handle, with a deadline", wait_handle_until},
    {"time to pass", wait_sleep},
    {"a channel's item", wait_receive},
    {"a channel's item, with a deadline", wait_receive_until},
    {"a merged channel's item", wait_receive_merged},
    {"room in a channel", wait_send},
    {"any of several", wait_any},
    {"any of many", wait_any_of_many},
    {"all of several", wait_all},
    {"all of several handles", wait_all_handles},
    {"a handle or a context", wait_context},
    {"time, or a context", wait_context_sleep},
    {"time, or its own context", wait_own_context_sleep},
    {"an item or a context", wait_context_receive},
    {"room or a context", wait_context_send},
    {"an error", wait_error},
    {"room in a mailbox", wait_mailbox},
    {"room in a port of a thread or fiber", wait_port},
    {"a group's shutdown", wait_group},
    {"a computation", wait_run},
    {"the tasks of a group", wait_tasks},
    {"the tasks of a group, with a deadline", wait_tasks_until},
};
enum { WAITS = sizeof waits / sizeof *waits };

/* ---- the things that never come ---- */

static void fill(struct never *never)
{
    static struct scripted_isolate paused;
    lc_port_options options = {.size = sizeof options};
    never->paused = &paused;
    isolate_init(&paused);
    paused.options.mailbox_limit = 1;
    paused.options.when_full = LC_FULL_PARK_SENDER;
    paused.options.group = never->group;
    CU_ASSERT_TRUE(isolate_spawn(&paused));
    CU_ASSERT_TRUE(isolate_told(&paused, isolate_waits, NULL));
    CU_ASSERT_TRUE(isolate_sleeps(&paused));
    CU_ASSERT_TRUE(isolate_told(&paused, isolate_says, "filled"));
    options.limit = 1;
    options.when_full = LC_FULL_PARK_SENDER;
    CHECK_SUCCESS(lc_port_open(&options, &never->port));
    CU_ASSERT_EQUAL(lc_send(never->port.send, "x", 1), 0);
    CU_ASSERT_EQUAL(lc_channel_send(never->full, never, LC_NOW), 0);
}

static lc_error *work_for_ever(lc_context *context, void *arg)
{
    (void)arg;
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return NULL;
}

static void never_init(struct never *never)
{
    *never = (struct never){.handle = lc_handle_new(),
                            .other = lc_handle_new(),
                            .context = lc_context_new(NULL),
                            .signaler = lc_signaler_new()};
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &never->empty));
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &never->full));
    CHECK_SUCCESS(lc_channels_merge(&never->empty, 1, &never->merged));
    CHECK_SUCCESS(lc_isolate_group_new(NULL, &never->group));
    never->tasks = lc_task_group_new(LC_TASK_GROUP(.name = "never", .kind = check_kind()));
    CU_ASSERT_EQUAL(lc_task_group_start(never->tasks, work_for_ever, NULL), 0);
    fill(never);
}

static void never_drop(struct never *never)
{
    void *item;
    lc_task_group_cancel(never->tasks, NULL);
    CU_ASSERT_EQUAL(lc_task_group_wait(never->tasks, check_patience()), 0);
    lc_task_group_unref(never->tasks);
    CU_ASSERT_EQUAL(lc_channel_receive(never->full, &item, LC_NOW), 0);
    CU_ASSERT_PTR_EQUAL(item, never);
    CU_ASSERT_EQUAL(lc_channel_receive(never->full, &item, LC_NOW), -ETIMEDOUT);
    isolate_drop(never->paused);
    CU_ASSERT_EQUAL(lc_port_close(never->port), 0);
    lc_isolate_group_unref(never->group);
    lc_channel_unref(never->merged);
    lc_channel_unref(never->full);
    lc_channel_unref(never->empty);
    lc_signaler_unref(never->signaler);
    lc_context_unref(never->context);
    lc_handle_unref(never->other);
    lc_handle_unref(never->handle);
}

/* ---- a handler that waits, and is killed ---- */

struct stuck {
    const struct wait *wait;
    struct never *never;
};

static lc_error *waits_for_ever(struct scripted_isolate *isolate, void *arg)
{
    const struct stuck *stuck = arg;
    lc_defer(isolate_count_deferred, isolate);
    isolate->self = strand_self();
    isolate_say(isolate, "waits");
    stuck->wait->wait(stuck->never);
    isolate_say(isolate, "goes on");
    atomic_fetch_add(&isolate->deferred, 100);
    return NULL;
}

/* `asleep`: it is parked when it is killed; else perhaps not yet. */
static void is_killed(const struct wait *wait, struct never *never, bool asleep)
{
    struct scripted_isolate isolate;
    const struct stuck stuck = {wait, never};
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, waits_for_ever, &stuck));
    CU_ASSERT_TRUE(isolate_told(&isolate, isolate_says, "message"));
    CU_ASSERT_TRUE(hears(isolate.notes, "waits"));
    if (asleep)
        CU_ASSERT_TRUE(strand_sleeps(isolate.self));
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    bool well = hears(isolate.notes, "exit") && isolate_has_ended(&isolate);
    CU_ASSERT_TRUE(well);
    if (!well)
        fprintf(stderr, "it waited for %s\n", wait->name);
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    CU_ASSERT_EQUAL(atomic_load(&isolate.deferred), 1);
    isolate_drop(&isolate);
}

static void kill_interrupts(bool asleep)
{
    for (int i = 0; i < WAITS; i++) {
        struct never never;
        never_init(&never);
        is_killed(&waits[i], &never, asleep);
        bool sends = waits[i].wait == wait_mailbox || waits[i].wait == wait_port;
        CU_ASSERT_EQUAL(atomic_load(&never.load.destroyed), sends ? 1 : 0);
        never_drop(&never);
    }
}

static void kill_interrupts_a_wait(void)
{
    kill_interrupts(true);
}

static void kill_comes_as_the_wait_begins(void)
{
    kill_interrupts(false);
}

static void wait_descriptor(struct never *never)
{
    lc_wait_fd(NULL, never->pipe[0], POLLIN, LC_FOREVER);
}

static void wait_descriptors(struct never *never)
{
    enum { MANY = 12 };
    lc_waitable waitables[MANY];
    for (int i = 0; i < MANY; i++)
        waitables[i] = lc_on_fd(never->pipe[0], POLLIN);
    lc_wait_any(waitables, MANY, lc_deadline_after(LC_SECOND * 3600));
}

static void kill_interrupts_a_wait_for_descriptors(void)
{
    static const struct wait two[] = {{"a descriptor", wait_descriptor},
                                      {"descriptors", wait_descriptors}};
    struct never never = {.handle = NULL};
    CU_ASSERT_EQUAL(pipe(never.pipe), 0);
    for (int i = 0; i < 2; i++) {
        is_killed(&two[i], &never, true);
        is_killed(&two[i], &never, false);
    }
    close(never.pipe[0]);
    close(never.pipe[1]);
}

/* ---- a connect that nothing answers ---- */

static char silent_port[8];

static void wait_connect(struct never *never)
{
    int fd;
    (void)never;
    lc_error_unref(lc_connect(NULL, "127.0.0.1", silent_port, &fd, LC_FOREVER));
}

/* A listener with a full queue. @return how many descriptors it takes, in `fds`. */
static int silence_begin(int fds[8])
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int count = 1;
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL(bind(fds[0], (const struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL(listen(fds[0], 0), 0);
    snprintf(silent_port, sizeof silent_port, "%d", lc_fd_port(fds[0]));
    for (int code = 0; count < 8 && code == 0; count += code == 0) {
        lc_error *error = lc_connect(NULL, "127.0.0.1", silent_port, &fds[count],
                                     lc_deadline_after(20 * LC_MILLISECOND));
        code = lc_error_code(error);
        lc_error_unref(error);
    }
    return count;
}

static void kill_interrupts_a_connect(void)
{
    static const struct wait connecting = {"a connect", wait_connect};
    struct never never = {.handle = NULL};
    int fds[8];
    int count = silence_begin(fds);
    is_killed(&connecting, &never, true);
    int before = open("/dev/null", O_RDONLY);
    close(before);
    is_killed(&connecting, &never, true);
    is_killed(&connecting, &never, false);
    int after = open("/dev/null", O_RDONLY);
    close(after);
    CU_ASSERT_EQUAL(after, before);
    while (count-- > 0)
        close(fds[count]);
}

/* ---- what comes at the same time ---- */

static lc_error *receives_for_ever(struct scripted_isolate *isolate, void *arg)
{
    void *item;
    isolate->self = strand_self();
    isolate_say(isolate, "waits");
    lc_channel_receive(arg, &item, LC_FOREVER);
    isolate_count_deferred(isolate);
    lc_isolate_check();
    isolate_say(isolate, "goes on");
    return NULL;
}

/* An item that is handed to the receiver, which then does not return, is not lost. */
static void item_for_a_killed_receiver(bool kill_first, bool full)
{
    static int items[2];
    struct scripted_isolate isolate;
    lc_channel *channel;
    void *item;
    isolate_begin(&isolate);
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &channel));
    CU_ASSERT_TRUE(isolate_told(&isolate, receives_for_ever, channel));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    if (kill_first)
        CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_EQUAL(lc_channel_send(channel, &items[0], LC_NOW), 0);
    bool both = full && lc_channel_send(channel, &items[1], LC_NOW) == 0;
    if (!kill_first)
        CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    /* If the item was first it may have been received. */
    unsigned received = atomic_load(&isolate.deferred);
    CU_ASSERT_TRUE(received <= !kill_first);
    const int *next = items + received;
    for (; lc_channel_receive(channel, &item, LC_NOW) == 0; next++)
        CU_ASSERT_PTR_EQUAL(item, next);
    CU_ASSERT_PTR_EQUAL(next, items + 1 + both);
    lc_channel_unref(channel);
    isolate_drop(&isolate);
}

static void items_for_killed_receivers(void)
{
    for (int i = 0; i < 4; i++)
        item_for_a_killed_receiver(i & 1, i & 2);
}

/* It comes back to a channel that has been closed, and on which a merged one waits. */
static void item_comes_back_to_a_closed_channel(void)
{
    static int item;
    struct scripted_isolate isolate;
    lc_channel *channels[2], *merged;
    void *received = NULL;
    isolate_begin(&isolate);
    for (int i = 0; i < 2; i++)
        CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &channels[i]));
    CHECK_SUCCESS(lc_channels_merge(channels, 2, &merged));
    CU_ASSERT_TRUE(isolate_told(&isolate, receives_for_ever, channels[0]));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_EQUAL(lc_channel_send(channels[0], &item, LC_NOW), 0);
    lc_channel_close(channels[0]);
    int64_t deadline = check_patience();
    CU_ASSERT_EQUAL(lc_channel_receive(merged, &received, deadline), 0);
    CU_ASSERT_PTR_EQUAL(received, &item);
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    lc_channel_unref(merged);
    for (int i = 0; i < 2; i++)
        lc_channel_unref(channels[i]);
    isolate_drop(&isolate);
}

static lc_error *sends_for_ever(struct scripted_isolate *isolate, void *arg)
{
    struct never *never = arg;
    isolate->self = strand_self();
    isolate_say(isolate, "waits");
    wait_port(never);
    isolate_say(isolate, "goes on");
    return NULL;
}

static void message_of_a_killed_sender(void)
{
    struct never never = {.handle = NULL};
    struct scripted_isolate isolate;
    lc_message *first, *second = NULL;
    lc_port_options options = {.size = sizeof options};
    options.limit = 1;
    options.when_full = LC_FULL_PARK_SENDER;
    isolate_begin(&isolate);
    CHECK_SUCCESS(lc_port_open(&options, &never.port));
    CU_ASSERT_EQUAL(lc_send(never.port.send, "x", 1), 0);
    CU_ASSERT_TRUE(isolate_told(&isolate, sends_for_ever, &never));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_EQUAL(lc_port_receive(never.port, &first, LC_NOW), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit") && isolate_has_ended(&isolate));
    CU_ASSERT_TRUE(hears_nothing(isolate.notes));
    bool received = lc_port_receive(never.port, &second, LC_NOW) == 0;
    CU_ASSERT_EQUAL(atomic_load(&never.load.destroyed), received ? 0 : 1);
    lc_message_free(second);
    CU_ASSERT_EQUAL(atomic_load(&never.load.destroyed), 1);
    lc_message_free(first);
    CU_ASSERT_EQUAL(lc_port_close(never.port), 0);
    isolate_drop(&isolate);
}

/* Room comes to a sender that was killed while it waited: its message is sent, or destroyed. */
static void messages_of_killed_senders(void)
{
    enum { ROUNDS = 20 };
    for (int i = 0; i < ROUNDS; i++)
        message_of_a_killed_sender();
}

/* Each sends to the other's full mailbox, and parks. */
static lc_error *sends_without_end(struct scripted_isolate *isolate, void *other)
{
    lc_defer(isolate_count_deferred, isolate);
    isolate_wait(isolate); /* until the other one is in its handler, too */
    isolate_say(isolate, "sends");
    while (isolate_told(other, isolate_says, "never said"))
        continue;
    isolate_say(isolate, "goes on");
    return NULL;
}

static void two_that_park_each_other(void)
{
    struct scripted_isolate pair[2];
    for (int i = 0; i < 2; i++) {
        isolate_init(&pair[i]);
        pair[i].options.mailbox_limit = 1;
        pair[i].options.when_full = LC_FULL_PARK_SENDER;
        CU_ASSERT_TRUE(isolate_spawn(&pair[i]));
    }
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(isolate_told(&pair[i], sends_without_end, &pair[!i]));
        CU_ASSERT_TRUE(isolate_sleeps(&pair[i]));
    }
    isolate_let_go(&pair[0]);
    isolate_let_go(&pair[1]);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_TRUE(hears(pair[i].notes, "sends") && strand_sleeps(pair[i].self));
    for (int i = 0; i < 2; i++) /* both, as one alone sends on to what has ended */
        CU_ASSERT_EQUAL(lc_isolate_kill(pair[i].real, LC_PRIORITY_IMMEDIATE), 0);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(hears(pair[i].notes, "exit"));
        CU_ASSERT_TRUE(isolate_has_ended(&pair[i]));
        CU_ASSERT_EQUAL(atomic_load(&pair[i].deferred), 1);
    }
    isolate_drop(&pair[0]);
    isolate_drop(&pair[1]);
}

/* ---- what goes on all the same ---- */

static void wait_at_gate(void *arg)
{
    struct scripted_isolate *isolate = arg;
    isolate_wait(isolate);
    isolate_say(isolate, "deferred");
}

static lc_error *waits_in_a_deferred_call(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    lc_defer(isolate_count_deferred, isolate);
    lc_defer(wait_at_gate, isolate);
    lc_handle *never = lc_handle_new();
    lc_defer((void (*)(void *))lc_handle_unref, never);
    isolate_say(isolate, "began");
    lc_handle_wait(never, LC_FOREVER);
    isolate_say(isolate, "goes on");
    return NULL;
}

static void deferred_calls_may_wait(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, waits_in_a_deferred_call, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "began"));
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "deferred"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    CU_ASSERT_EQUAL(atomic_load(&isolate.deferred), 1);
    isolate_drop(&isolate);
}

static void callback_at_gate(void *arg)
{
    struct scripted_isolate *isolate = arg;
    isolate_wait(isolate);
    isolate_say(isolate, "called");
}

static lc_error *waits_in_a_callback(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    lc_handle_on_close(lc_handle_new_closed(), callback_at_gate, isolate, NULL);
    lc_isolate_check();
    isolate_say(isolate, "goes on");
    return NULL;
}

static void callbacks_may_wait(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, waits_in_a_callback, NULL));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "called"));
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    isolate_drop(&isolate);
}

static void block_at_gate(void *arg)
{
    isolate_wait(arg);
}

static lc_error *waits_in_blocking(struct scripted_isolate *isolate, void *arg)
{
    (void)arg;
    lc_call_blocking(block_at_gate, isolate);
    isolate_say(isolate, "goes on");
    return NULL;
}

/* On a thread of its own it may finish; the call does not return. */
static void blocking_may_finish(void)
{
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, waits_in_blocking, NULL));
    CU_ASSERT_TRUE(hears(isolate.notes, "waits"));
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    isolate_let_go(&isolate);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CU_ASSERT_TRUE(isolate_has_ended(&isolate));
    isolate_drop(&isolate);
}

/* ---- a computation that is parked at its deadline ---- */

struct computation {
    lc_handle *never;
    lc_handle *began;
    lc_handle *gone; /* closed by a deferred call: it has ended */
};

static void close_handle(void *handle)
{
    lc_handle_close(handle);
}

static lc_error *compute_and_wait(lc_payload *result, void *arg)
{
    const struct computation *computation = arg;
    (void)result;
    lc_defer(close_handle, computation->gone);
    lc_handle_close(computation->began);
    lc_handle_wait(computation->never, LC_FOREVER);
    return NULL;
}

static void computation_ends_at_its_deadline(void)
{
    const struct computation computation = {lc_handle_new(), lc_handle_new(), lc_handle_new()};
    lc_message *result;
    lc_error *error = lc_isolate_compute("stuck", compute_and_wait, (void *)(uintptr_t)&computation,
                                         &result, lc_deadline_after(10 * LC_MILLISECOND));
    CHECK_ERROR(error, -ETIMEDOUT);
    CU_ASSERT_PTR_NULL(result);
    CHECK_CLOSES(computation.gone);
    lc_handle_unref(computation.never);
    lc_handle_unref(computation.began);
    lc_handle_unref(computation.gone);
}

/* The computation of a handler that is killed ends with it. */
static lc_error *has_it_computed(struct scripted_isolate *isolate, void *arg)
{
    lc_message *result;
    isolate->self = strand_self();
    isolate_say(isolate, "waits");
    lc_error_unref(lc_isolate_compute("stuck", compute_and_wait, arg, &result, LC_FOREVER));
    isolate_say(isolate, "goes on");
    return NULL;
}

static void computation_ends_with_its_caller(void)
{
    const struct computation computation = {lc_handle_new(), lc_handle_new(), lc_handle_new()};
    struct scripted_isolate isolate;
    isolate_begin(&isolate);
    CU_ASSERT_TRUE(isolate_told(&isolate, has_it_computed, &computation));
    CU_ASSERT_TRUE(isolate_sleeps(&isolate));
    CHECK_CLOSES(computation.began);
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate.real, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_TRUE(hears(isolate.notes, "exit"));
    CHECK_CLOSES(computation.gone);
    isolate_drop(&isolate);
    lc_handle_unref(computation.never);
    lc_handle_unref(computation.began);
    lc_handle_unref(computation.gone);
}

CHECK_SUITE_IN_MODES(
    isolate_kill, "conformance: isolates, immediate kill",
    {"C9 an immediate kill interrupts every wait of the handler, which does not return",
     kill_interrupts_a_wait},
    {"C9 an immediate kill interrupts a wait that is just begun", kill_comes_as_the_wait_begins},
    {"C9 an immediate kill interrupts a wait for descriptors",
     kill_interrupts_a_wait_for_descriptors},
    {"C9 an immediate kill interrupts a connect, which leaves no descriptor",
     kill_interrupts_a_connect, CHECK_KERNEL},
    {"C9 an item handed to a receiver that is killed is not lost", items_for_killed_receivers},
    {"C9 an item that comes back to a closed channel wakes a merged one",
     item_comes_back_to_a_closed_channel},
    {"C9 a message of a sender that is killed is sent or destroyed, not both",
     messages_of_killed_senders},
    {"C9 two isolates that park each other can be killed", two_that_park_each_other},
    {"C9 a deferred call of a killed handler may wait", deferred_calls_may_wait},
    {"C9 a callback in a killed handler may wait", callbacks_may_wait},
    {"C9 a blocking call of a killed handler may finish, and does not return", blocking_may_finish,
     CHECK_KERNEL},
    {"C9 a computation that waits ends at the deadline of its run",
     computation_ends_at_its_deadline},
    {"C9 a computation that waits ends with the handler that runs it",
     computation_ends_with_its_caller});
