/*
 * handle.c: handles: closing, waiting, callbacks, descriptors.
 */
#include "support/check.h"
#include "support/later.h"
#include "support/mode.h"

#include "base/memory.h"
#include "support/manual_clock.h"
#include "wait/handle.h"

#include <lifecycle.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

static void close_handle(void *arg)
{
    lc_handle_close(arg);
}

static void closes_once_and_for_ever(void)
{
    lc_handle *handle = lc_handle_new();
    CU_ASSERT_FALSE(lc_handle_is_closed(handle));
    CU_ASSERT_EQUAL(lc_handle_wait(handle, LC_NOW), -ETIMEDOUT);
    lc_handle_close(handle);
    lc_handle_close(handle);
    CU_ASSERT_TRUE(lc_handle_is_closed(handle));
    CU_ASSERT_EQUAL(lc_handle_wait(handle, LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_handle_wait(handle, LC_FOREVER), 0);
    lc_handle_unref(handle);
}

static void null_is_accepted(void)
{
    lc_handle_close(NULL);
    lc_handle_unref(NULL);
    CU_ASSERT_PTR_NULL(lc_handle_ref(NULL));
    CU_ASSERT_FALSE(lc_handle_is_closed(NULL));
    CU_ASSERT_EQUAL(lc_handle_wait(NULL, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_handle_on_close(NULL, close_handle, NULL, NULL), -EINVAL);
    CU_ASSERT_EQUAL(lc_handle_fd(NULL), -EINVAL);
    CU_ASSERT_FALSE(lc_handle_callback_cancel(NULL));
}

static void references_are_counted(void)
{
    size_t before = lc__memory_in_use();
    lc_handle *handle = lc_handle_new();
    CU_ASSERT_PTR_EQUAL(lc_handle_ref(handle), handle);
    lc_handle_unref(handle);
    CU_ASSERT_FALSE(lc_handle_is_closed(handle));
    lc_handle_unref(handle);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
}

static void closed_handle_is_shared(void)
{
    lc_handle *handle = lc_handle_new_closed();
    CU_ASSERT_TRUE(lc_handle_is_closed(handle));
    lc_handle_unref(handle);
    lc_handle_unref(handle);
    lc_handle_unref(lc_handle_ref(handle));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_handle_new_closed()));
    CU_ASSERT_EQUAL(lc_handle_wait(lc_handle_new_closed(), LC_NOW), 0);
    lc_handle_close(lc_handle_new_closed());
}

static void wait_is_woken(void)
{
    struct later then;
    lc_handle *handle = lc_handle_new();
    later(&then, close_handle, handle);
    CHECK_CLOSES(handle);
    CU_ASSERT_TRUE(later_join(&then));
    lc_handle_unref(handle);
}

struct sleeper {
    lc_handle *handle;
    int64_t deadline;
    struct manual_clock *clock;
    int result;
    pthread_t thread;
};

static void *sleep_on_handle(void *arg)
{
    struct sleeper *sleeper = arg;
    manual_clock_use(sleeper->clock);
    sleeper->result = lc_handle_wait(sleeper->handle, sleeper->deadline);
    return NULL;
}

static void any_number_may_wait(void)
{
    enum { COUNT = 5 };
    struct sleeper sleepers[COUNT];
    lc_handle *handle = lc_handle_new();
    for (unsigned i = 0; i < COUNT; i++) {
        sleepers[i] = (struct sleeper){.handle = handle, .deadline = check_patience(), .result = 1};
        pthread_create(&sleepers[i].thread, NULL, sleep_on_handle, &sleepers[i]);
    }
    lc_handle_close(handle);
    for (unsigned i = 0; i < COUNT; i++) {
        pthread_join(sleepers[i].thread, NULL);
        CU_ASSERT_EQUAL(sleepers[i].result, 0);
    }
    lc_handle_unref(handle);
}

static void wait_ends_at_the_deadline(void)
{
    struct manual_clock *clock = manual_clock_new(1000);
    struct sleeper sleeper = {lc_handle_new(), 2000, clock, 1, 0};
    pthread_create(&sleeper.thread, NULL, sleep_on_handle, &sleeper);
    check_waits_for(clock, 1000);
    pthread_join(sleeper.thread, NULL);
    CU_ASSERT_EQUAL(sleeper.result, -ETIMEDOUT);
    CU_ASSERT_EQUAL(manual_clock_waiting(clock), 0);
    CU_ASSERT_FALSE(lc_handle_is_closed(sleeper.handle));
    lc_handle_unref(sleeper.handle);
    manual_clock_free(clock);
}

static void real_deadline_comes(void)
{
    lc_handle *handle = lc_handle_new();
    int64_t deadline = lc_deadline_after(LC_MILLISECOND);
    CU_ASSERT_EQUAL(lc_handle_wait(handle, deadline), -ETIMEDOUT);
    CU_ASSERT_TRUE(lc_now() >= deadline);
    CU_ASSERT_EQUAL(lc_handle_wait(handle, deadline), -ETIMEDOUT); /* one that has passed */
    lc_handle_unref(handle);
}

/* ---- callbacks ---- */

static char a[] = "a", b[] = "b", c[] = "c", d[] = "d", n[] = "n";
static char order[16];
static size_t ordered;

static void note(void *arg)
{
    order[ordered++] = *(char *)arg;
    order[ordered] = '\0';
}

static void callbacks_run_oldest_first(void)
{
    lc_handle *handle = lc_handle_new();
    ordered = 0;
    CU_ASSERT_EQUAL(lc_handle_on_close(handle, note, a, NULL), 0);
    CU_ASSERT_EQUAL(lc_handle_on_close(handle, note, b, NULL), 0);
    CU_ASSERT_EQUAL(lc_handle_on_close(handle, note, c, NULL), 0);
    CU_ASSERT_EQUAL(ordered, 0);
    lc_handle_close(handle);
    CU_ASSERT_STRING_EQUAL(order, "abc"); /* on this stack: they have run when the close returns */
    lc_handle_close(handle);
    CU_ASSERT_STRING_EQUAL(order, "abc");
    CU_ASSERT_EQUAL(lc_handle_on_close(handle, note, d, NULL), 0); /* right here */
    CU_ASSERT_STRING_EQUAL(order, "abcd");
    lc_handle_unref(handle);
}

static void callbacks_are_cancelled(void)
{
    lc_handle *handle = lc_handle_new();
    lc_handle_callback *first, *second, *third;
    ordered = 0;
    lc_handle_on_close(handle, note, a, &first);
    lc_handle_on_close(handle, note, b, &second);
    lc_handle_on_close(handle, note, c, &third);
    CU_ASSERT_TRUE(lc_handle_callback_cancel(second));
    lc_handle_close(handle);
    CU_ASSERT_STRING_EQUAL(order, "ac");
    CU_ASSERT_FALSE(lc_handle_callback_cancel(first));
    CU_ASSERT_FALSE(lc_handle_callback_cancel(third));
    lc_handle_callback *late = NULL;
    CU_ASSERT_EQUAL(lc_handle_on_close(handle, note, d, &late), 0);
    CU_ASSERT_STRING_EQUAL(order, "acd");
    CU_ASSERT_FALSE(lc_handle_callback_cancel(late));
    lc_handle_unref(handle);
}

struct self_cancelling {
    lc_handle_callback *callback;
    unsigned runs;
    bool prevented;
};

static void cancel_self(void *arg)
{
    struct self_cancelling *self = arg;
    self->runs++;
    self->prevented = lc_handle_callback_cancel(self->callback);
}

static void callback_cancels_itself(void)
{
    lc_handle *handle = lc_handle_new();
    struct self_cancelling self = {.prevented = true};
    lc_handle_on_close(handle, cancel_self, &self, &self.callback);
    lc_handle_close(handle);
    CU_ASSERT_EQUAL(self.runs, 1);
    CU_ASSERT_FALSE(self.prevented);
    lc_handle_unref(handle);
}

static void cancel_next(void *arg)
{
    struct self_cancelling *next = arg;
    next->prevented = lc_handle_callback_cancel(next->callback);
}

static void count_run(void *arg)
{
    ((struct self_cancelling *)arg)->runs++;
}

/* A callback that takes the next one back: either it is prevented, or it runs; never both. */
static void callback_cancels_another(void)
{
    lc_handle *handle = lc_handle_new();
    struct self_cancelling next = {0};
    lc_handle_on_close(handle, cancel_next, &next, NULL);
    lc_handle_on_close(handle, count_run, &next, &next.callback);
    lc_handle_close(handle);
    CU_ASSERT_EQUAL(next.runs, next.prevented ? 0 : 1);
    lc_handle_unref(handle);
}

struct blocking {
    lc_handle *running;
    lc_handle *may_end;
    bool over;
};

static void block(void *arg)
{
    struct blocking *blocking = arg;
    lc_handle_close(blocking->running);
    lc_handle_wait(blocking->may_end, check_patience());
    blocking->over = true;
}

static void *close_on_thread(void *arg)
{
    lc_handle_close(arg);
    return NULL;
}

static void cancel_waits_for_a_running_callback(void)
{
    struct later then;
    pthread_t closer;
    lc_handle *handle = lc_handle_new();
    struct blocking blocking = {lc_handle_new(), lc_handle_new(), false};
    lc_handle_callback *callback = NULL;
    lc_handle_on_close(handle, block, &blocking, &callback);
    pthread_create(&closer, NULL, close_on_thread, handle);
    CHECK_CLOSES(blocking.running);
    CU_ASSERT_TRUE(lc_handle_is_closed(handle));  /* while the callback runs */
    later(&then, close_handle, blocking.may_end); /* once this thread waits in the cancel */
    CU_ASSERT_FALSE(lc_handle_callback_cancel(callback));
    CU_ASSERT_TRUE(blocking.over);
    CU_ASSERT_TRUE(later_join(&then));
    pthread_join(closer, NULL);
    lc_handle_unref(blocking.running);
    lc_handle_unref(blocking.may_end);
    lc_handle_unref(handle);
}

static void callbacks_of_a_dropped_handle_never_run(void)
{
    size_t before = lc__memory_in_use();
    lc_handle *handle = lc_handle_new();
    ordered = 0;
    lc_handle_on_close(handle, note, a, NULL);
    lc_handle_unref(handle);
    CU_ASSERT_EQUAL(ordered, 0);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
}

static void free_handle(void *arg)
{
    lc_handle_unref(arg);
}

static void callback_may_free_the_handle(void)
{
    size_t before = lc__memory_in_use();
    lc_handle *handle = lc_handle_new();
    ordered = 0;
    lc_handle_on_close(handle, free_handle, handle, NULL);
    lc_handle_on_close(handle, note, b, NULL);
    lc_handle_close(handle);
    CU_ASSERT_STRING_EQUAL(order, "b");
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
}

struct reentrant {
    lc_handle *handle;
    bool closed;
};

static void use_while_closing(void *arg)
{
    struct reentrant *reentrant = arg;
    reentrant->closed = lc_handle_is_closed(reentrant->handle);
    lc_handle_close(reentrant->handle);
    lc_handle_on_close(reentrant->handle, note, n, NULL);
}

static void callbacks_may_use_the_handle(void)
{
    struct reentrant reentrant = {lc_handle_new(), false};
    ordered = 0;
    lc_handle_on_close(reentrant.handle, use_while_closing, &reentrant, NULL);
    lc_handle_close(reentrant.handle);
    CU_ASSERT_TRUE(reentrant.closed);
    CU_ASSERT_STRING_EQUAL(order, "n");
    lc_handle_unref(reentrant.handle);
}

static void null_function_is_refused(void)
{
    lc_handle *handle = lc_handle_new();
    CU_ASSERT_EQUAL(lc_handle_on_close(handle, NULL, NULL, NULL), -EINVAL);
    lc_handle_unref(handle);
}

/* ---- descriptors ---- */

static bool readable(int descriptor)
{
    struct pollfd polled = {.fd = descriptor, .events = POLLIN};
    return poll(&polled, 1, 0) == 1 && polled.revents == POLLIN;
}

static void descriptor_tells_of_the_close(void)
{
    lc_handle *handle = lc_handle_new();
    int descriptor = lc_handle_fd(handle);
    CU_ASSERT_TRUE(descriptor >= 0);
    CU_ASSERT_EQUAL(lc_handle_fd(handle), descriptor);
    CU_ASSERT_FALSE(readable(descriptor));
    lc_handle_close(handle);
    CU_ASSERT_TRUE(readable(descriptor));
    CU_ASSERT_TRUE(readable(descriptor)); /* stays so */
    CU_ASSERT_EQUAL(lc_handle_fd(handle), descriptor);
    lc_handle_unref(handle);
}

static void descriptor_of_a_closed_handle_is_readable(void)
{
    lc_handle *handle = lc_handle_new();
    lc_handle_close(handle);
    int descriptor = lc_handle_fd(handle);
    CU_ASSERT_TRUE(readable(descriptor));
    CU_ASSERT_EQUAL(lc_handle_fd(handle), descriptor);
    lc_handle_unref(handle);
    descriptor = lc_handle_fd(lc_handle_new_closed());
    CU_ASSERT_TRUE(readable(descriptor));
    CU_ASSERT_EQUAL(lc_handle_fd(lc_handle_new_closed()), descriptor);
}

static void descriptor_wakes_poll(void)
{
    struct later then;
    lc_handle *handle = lc_handle_new();
    struct pollfd polled = {.fd = lc_handle_fd(handle), .events = POLLIN};
    later(&then, close_handle, handle);
    CU_ASSERT_EQUAL(poll(&polled, 1, 30000), 1);
    CU_ASSERT_TRUE(later_join(&then));
    lc_handle_unref(handle);
}

/* After it was polled and the handle freed, nothing of it may stay open. */
static void descriptor_goes_with_the_handle(void)
{
    lc_handle *handle = lc_handle_new();
    int descriptor = lc_handle_fd(handle);
    lc_handle_unref(handle);
    lc_handle *other = lc_handle_new();
    int again = lc_handle_fd(other);
    CU_ASSERT_EQUAL(again, descriptor); /* lowest free number, or kept as a spare */
    CU_ASSERT_FALSE(readable(again));
    lc_handle_close(other);
    CU_ASSERT_TRUE(readable(again));
    lc_handle_unref(other);
    handle = lc_handle_new(); /* the spare of a closed one is open again */
    CU_ASSERT_FALSE(readable(lc_handle_fd(handle)));
    lc_handle_unref(handle);
}

static void too_many_descriptors_are_an_error(void)
{
    struct rlimit kept, none;
    lc_library_shutdown(); /* no spares */
    lc_handle *handle = lc_handle_new();
    getrlimit(RLIMIT_NOFILE, &kept);
    none = kept;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    int result = lc_handle_fd(handle);
    setrlimit(RLIMIT_NOFILE, &kept);
    CU_ASSERT_EQUAL(result, -EMFILE);
    CU_ASSERT_TRUE(lc_handle_fd(handle) >= 0);
    lc_handle_unref(handle);
}

/* ---- what was written before the close is seen ---- */

static int written;

static void write_and_close(void *arg)
{
    written = 42;
    lc_handle_close(arg);
}

static void close_publishes_what_was_written(void)
{
    struct later then;
    lc_handle *handle = lc_handle_new();
    written = 0;
    later(&then, write_and_close, handle);
    CHECK_CLOSES(handle);
    CU_ASSERT_EQUAL(written, 42);
    CU_ASSERT_TRUE(later_join(&then));
    lc_handle_unref(handle);
}

static void is_at_most_32_bytes(void)
{
    CU_ASSERT_TRUE(sizeof(struct lc_handle) <= 32);
}

/* ---- a cancel in a callback, in every world ---- */

/* A callback that says that it runs, waits at a gate, and then cancels another. */
struct running {
    lc_handle *handle;
    lc_handle *entered;
    lc_handle *gate;
    lc_handle *left;
    lc_handle_callback *callback; /* its own, for the other to cancel */
    lc_handle_callback **cancels; /* NULL: none */
    bool prevented;
};

static void run_and_cancel(void *arg)
{
    struct running *running = arg;
    lc_handle_close(running->entered);
    lc_handle_wait(running->gate, check_patience());
    if (running->cancels)
        running->prevented = lc_handle_callback_cancel(*running->cancels);
    lc_handle_close(running->left);
}

static void close_running(void *arg)
{
    lc_handle_close(((struct running *)arg)->handle);
}

static void running_init(struct running *running, lc_handle *gate)
{
    *running = (struct running){
        .handle = lc_handle_new(),
        .entered = lc_handle_new(),
        .gate = lc_handle_ref(gate),
        .left = lc_handle_new(),
        .prevented = true,
    };
    lc_handle_on_close(running->handle, run_and_cancel, running, &running->callback);
}

static void running_drop(struct running *running)
{
    lc_handle_unref(running->handle);
    lc_handle_unref(running->entered);
    lc_handle_unref(running->gate);
    lc_handle_unref(running->left);
}

static void callbacks_cancel_each_other(void)
{
    struct running pair[2];
    struct helper closers[2];
    lc_handle *gate = lc_handle_new();
    for (size_t i = 0; i < 2; i++)
        running_init(&pair[i], gate);
    for (size_t i = 0; i < 2; i++) {
        pair[i].cancels = &pair[1 - i].callback;
        helper_start(&closers[i], close_running, &pair[i]);
    }
    CHECK_CLOSES(pair[0].entered);
    CHECK_CLOSES(pair[1].entered);
    lc_handle_close(gate); /* both run, and now cancel each other */
    for (size_t i = 0; i < 2; i++) {
        CHECK_CLOSES(pair[i].left);
        helper_join(&closers[i]);
        CU_ASSERT_FALSE(pair[i].prevented);
        running_drop(&pair[i]);
    }
    lc_handle_unref(gate);
}

static void cancel_in_a_callback_does_not_wait(void)
{
    struct running running, canceller;
    struct helper closer;
    lc_handle *gate = lc_handle_new();
    running_init(&running, gate);
    running_init(&canceller, lc_handle_new_closed());
    canceller.cancels = &running.callback;
    helper_start(&closer, close_running, &running);
    CHECK_CLOSES(running.entered);
    lc_handle_close(canceller.handle); /* its callback runs here, and the other one still runs */
    CU_ASSERT_TRUE(lc_handle_is_closed(canceller.left));
    CU_ASSERT_FALSE(canceller.prevented);
    CHECK_OPEN(running.left);
    lc_handle_close(gate);
    helper_join(&closer);
    CU_ASSERT_TRUE(lc_handle_is_closed(running.left));
    CU_ASSERT_FALSE(lc_handle_callback_cancel(canceller.callback));
    running_drop(&running);
    running_drop(&canceller);
    lc_handle_unref(gate);
}

/* A library callback of another kind: the end of a deadline, on the stack of the timers. */
static void cancel_at_a_deadline_does_not_wait(void)
{
    struct running running, canceller;
    struct helper closer;
    lc_handle *gate = lc_handle_new();
    running_init(&running, gate);
    running_init(&canceller, lc_handle_new_closed());
    canceller.cancels = &running.callback;
    helper_start(&closer, close_running, &running);
    CHECK_CLOSES(running.entered);
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(LC_MILLISECOND));
    lc_handle_on_close(lc_context_done(context), close_running, &canceller, NULL);
    CHECK_CLOSES(canceller.left);
    CHECK_OPEN(running.left);
    lc_handle_close(gate);
    helper_join(&closer);
    lc_handle_callback_cancel(canceller.callback);
    lc_context_unref(context);
    running_drop(&running);
    running_drop(&canceller);
    lc_handle_unref(gate);
}

static void abandoning_never_waits(void)
{
    struct running running;
    struct helper closer;
    lc_handle *gate = lc_handle_new();
    running_init(&running, gate);
    helper_start(&closer, close_running, &running);
    CHECK_CLOSES(running.entered);
    CU_ASSERT_FALSE(lc_handle_callback_abandon(running.callback)); /* it runs on */
    CHECK_OPEN(running.left);
    lc_handle_close(gate);
    helper_join(&closer);
    CU_ASSERT_TRUE(lc_handle_is_closed(running.left));
    running_drop(&running);
    running_init(&running, gate);
    CU_ASSERT_TRUE(lc_handle_callback_abandon(running.callback)); /* it never runs */
    lc_handle_close(running.handle);
    CHECK_OPEN(running.entered);
    running_drop(&running);
    running_init(&running, gate);
    lc_handle_close(running.handle);
    CU_ASSERT_FALSE(lc_handle_callback_abandon(running.callback)); /* it has run */
    running_drop(&running);
    CU_ASSERT_FALSE(lc_handle_callback_abandon(NULL));
    lc_handle_unref(gate);
}

CHECK_SUITE_IN_MODES(unit_callbacks_of_handles, "unit: callbacks of handles",
                     {"two callbacks that cancel each other both end", callbacks_cancel_each_other},
                     {"a cancel in a callback does not wait for another callback",
                      cancel_in_a_callback_does_not_wait},
                     {"a cancel at a deadline does not wait for another callback",
                      cancel_at_a_deadline_does_not_wait},
                     {"a callback that is abandoned is not waited for", abandoning_never_waits});

CHECK_SUITE(
    unit_handle, "unit: handles", {"a handle closes once and for ever", closes_once_and_for_ever},
    {"NULL is accepted", null_is_accepted}, {"references are counted", references_are_counted},
    {"the closed handle is shared, and unref of it is allowed", closed_handle_is_shared},
    {"a close wakes its waiter", wait_is_woken}, {"any number may wait", any_number_may_wait},
    {"a wait ends at its deadline, not before", wait_ends_at_the_deadline},
    {"a wait ends at a deadline on the real clock", real_deadline_comes},
    {"callbacks run oldest first, once, on the closer's stack", callbacks_run_oldest_first},
    {"a cancelled callback does not run", callbacks_are_cancelled},
    {"a callback may cancel itself", callback_cancels_itself},
    {"a callback may cancel another", callback_cancels_another},
    {"a cancel waits for a callback that runs", cancel_waits_for_a_running_callback},
    {"callbacks of a dropped handle never run", callbacks_of_a_dropped_handle_never_run},
    {"a callback may free the handle", callback_may_free_the_handle},
    {"callbacks may use the handle", callbacks_may_use_the_handle},
    {"a callback needs a function", null_function_is_refused},
    {"a descriptor becomes readable at the close", descriptor_tells_of_the_close},
    {"a closed handle's descriptor is readable", descriptor_of_a_closed_handle_is_readable},
    {"a descriptor wakes poll", descriptor_wakes_poll},
    {"a descriptor goes with its handle", descriptor_goes_with_the_handle},
    {"too many descriptors are an error", too_many_descriptors_are_an_error},
    {"what was written before the close is seen after it", close_publishes_what_was_written},
    {"an unwaited handle takes at most 32 bytes", is_at_most_32_bytes});
