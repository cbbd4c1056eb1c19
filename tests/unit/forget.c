/*
 * forget.c: a descriptor that is forgotten and closed while others wait for it, and the number of
 * which another that is ready takes at once: they are told that theirs is gone, and do not wait
 * for, or read from, the other.
 */
#include "support/check.h"

#include <lifecycle.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { WAITERS = 3 };

static struct fixture {
    int gone[2];  /* the first is waited for, forgotten, closed */
    int other[2]; /* the first is ready, and takes its number */
    int waiters;  /* that wait for it, or are about to */
    lc_channel *results;
    lc_executor *executor;
} fixture;

static void wait_for_it(void *arg)
{
    (void)arg;
    int result = lc_wait_fd(NULL, fixture.gone[0], POLLIN, check_patience());
    lc_channel_send(fixture.results, (void *)(intptr_t)result, LC_FOREVER);
}

static void *wait_in_thread(void *arg)
{
    wait_for_it(arg);
    return NULL;
}

/* No waiter can look in between, if it is a fiber of this thread; and hardly, if it is a thread. */
static void replace(void *arg)
{
    (void)arg;
    int told;
    while ((told = lc_fd_forget(fixture.gone[0])) == 0)
        lc_yield();
    CU_ASSERT_EQUAL(told, fixture.waiters);
    CU_ASSERT_EQUAL(dup2(fixture.other[0], fixture.gone[0]), fixture.gone[0]);
}

static void begin(int waiters)
{
    fixture = (struct fixture){.waiters = waiters};
    CU_ASSERT_EQUAL_FATAL(pipe(fixture.gone), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(fixture.other), 0);
    CU_ASSERT_EQUAL(write(fixture.other[1], "x", 1), 1);
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = WAITERS), &fixture.results));
}

static void all_are_told(void)
{
    for (int i = 0; i < fixture.waiters; i++) {
        void *result = NULL;
        CU_ASSERT_EQUAL(lc_channel_receive(fixture.results, &result, check_patience()), 0);
        CU_ASSERT_EQUAL((intptr_t)result, -EBADF);
    }
}

static void end(void)
{
    for (unsigned i = 0; i < 2; i++) {
        close(fixture.gone[i]);
        close(fixture.other[i]);
    }
    lc_channel_unref(fixture.results);
}

static void start(void (*run)(void *arg))
{
    lc_fiber_options options = {.size = sizeof options};
    options.run = run;
    options.executor = fixture.executor;
    CU_ASSERT_EQUAL(lc_fiber_start(&options), 0);
}

static void fibers_are_told(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.threads = 1;
    begin(WAITERS);
    CHECK_SUCCESS(lc_executor_new(&options, &fixture.executor));
    for (unsigned i = 0; i < WAITERS; i++)
        start(wait_for_it);
    start(replace);
    all_are_told();
    CU_ASSERT_EQUAL(lc_executor_free(fixture.executor), 0);
    end();
}

static void a_thread_is_told(void)
{
    pthread_t thread;
    begin(1);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, wait_in_thread, NULL), 0);
    replace(NULL);
    all_are_told();
    pthread_join(thread, NULL);
    end();
}

CHECK_SUITE(forget, "unit: forgotten descriptors",
            {"fibers that wait are told, whatever has the number now", fibers_are_told},
            {"a thread that waits is told, whatever has the number now", a_thread_is_told});
