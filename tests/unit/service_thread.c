/*
 * service_thread.c: lib/executor/service_thread.h: when it works, how it starts and ends.
 */
#include "support/check.h"

#include "base/clock.h"
#include "base/memory.h"
#include "executor/service_thread.h"
#include "executor/thread_create.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the work of the thread is to do, and what it has done. */
static struct {
    atomic_uint passes;
    _Atomic int64_t sleeps_until; /* what it returns */
    void (*_Atomic action)(void); /* NULL: none */
    atomic_int result;            /* of the action */
} work;

static int64_t work_once(void)
{
    void (*action)(void) = atomic_load(&work.action);
    if (action)
        action();
    int64_t until = atomic_load(&work.sleeps_until);
    atomic_fetch_add(&work.passes, 1);
    return until;
}

static struct lc__service_thread service =
    LC__SERVICE_THREAD("lc-test", "the next test", work_once);

static void work_prepare(int64_t sleeps_until, void (*action)(void))
{
    atomic_store(&work.passes, 0);
    atomic_store(&work.sleeps_until, sleeps_until);
    atomic_store(&work.action, action);
    atomic_store(&work.result, 1);
}

static bool has_worked(void *count)
{
    return atomic_load(&work.passes) >= *(unsigned *)count;
}

static void expect_passes(unsigned count)
{
    CU_ASSERT_TRUE(check_until(has_worked, &count));
}

static void start(void)
{
    CU_ASSERT_EQUAL(lc__service_thread_start(&service), 0);
    CU_ASSERT_TRUE(lc__service_thread_is_running(&service));
}

static void stop(void)
{
    lc__service_thread_stop(&service);
    CU_ASSERT_FALSE(lc__service_thread_is_running(&service));
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
}

/* ---- when it works ---- */

static void begins_with_work(void)
{
    work_prepare(LC_FOREVER, NULL);
    CU_ASSERT_FALSE(lc__service_thread_is_running(&service));
    start();
    expect_passes(1);
    stop();
    CU_ASSERT_EQUAL(atomic_load(&work.passes), 1);
}

static void each_wake_up_is_followed_by_work(void)
{
    work_prepare(LC_FOREVER, NULL);
    start();
    for (unsigned i = 1; i <= 100; i++) {
        expect_passes(i);
        lc__service_thread_wake(&service);
    }
    expect_passes(101);
    stop();
}

static void works_again_at_its_deadline(void)
{
    work_prepare(LC_NOW, NULL);
    start();
    expect_passes(3);
    atomic_store(&work.sleeps_until, LC_FOREVER);
    stop();
}

/* Wakes itself up in its work, once. */
static void wake_itself(void)
{
    atomic_store(&work.action, NULL);
    lc__service_thread_wake(&service);
}

static void wake_up_during_the_work_is_not_lost(void)
{
    work_prepare(LC_FOREVER, wake_itself);
    start();
    expect_passes(2);
    stop();
}

static void wake_up_of_none_does_nothing(void)
{
    work_prepare(LC_FOREVER, NULL);
    lc__service_thread_wake(&service);
    lc__service_thread_stop(&service);
    CU_ASSERT_FALSE(lc__service_thread_is_running(&service));
    CU_ASSERT_EQUAL(atomic_load(&work.passes), 0);
}

/* ---- starting and stopping ---- */

static pthread_t thread_of_pass[2];

static void note_thread(void)
{
    unsigned pass = atomic_load(&work.passes);
    if (pass < 2)
        thread_of_pass[pass] = pthread_self();
}

static void second_start_makes_no_second_thread(void)
{
    work_prepare(LC_FOREVER, note_thread);
    start();
    expect_passes(1);
    start();
    lc__service_thread_wake(&service);
    expect_passes(2);
    CU_ASSERT_TRUE(pthread_equal(thread_of_pass[0], thread_of_pass[1]));
    stop();
}

static void starts_again_after_a_stop(void)
{
    for (unsigned i = 0; i < 3; i++) {
        work_prepare(LC_FOREVER, NULL);
        start();
        expect_passes(1);
        stop();
    }
}

static bool is_stopping(void *unused)
{
    (void)unused;
    return atomic_load(&service.stopping);
}

enum { IN_WORK = 2 }; /* the result of an action that has begun */

static bool is_in_work(void *unused)
{
    (void)unused;
    return atomic_load(&work.result) == IN_WORK;
}

/* Asks for the thread while another thread is about to join it. */
static void start_while_stopping(void)
{
    atomic_store(&work.result, IN_WORK);
    check_until(is_stopping, NULL);
    atomic_store(&work.result, lc__service_thread_start(&service));
}

static void start_in_the_work_of_one_that_stops_makes_no_second(void)
{
    work_prepare(LC_FOREVER, start_while_stopping);
    start();
    CU_ASSERT_TRUE(check_until(is_in_work, NULL));
    stop();
    CU_ASSERT_EQUAL(atomic_load(&work.result), 0);
    CU_ASSERT_EQUAL(atomic_load(&work.passes), 1);
}

static void failure_is_told_and_leaves_nothing(void)
{
    work_prepare(LC_FOREVER, NULL);
    lc__memory_fail_from(1);
    int result = lc__service_thread_start(&service);
    lc__memory_fail_at(0);
    CU_ASSERT_TRUE(result == -EAGAIN || result == -ENOMEM);
    CU_ASSERT_FALSE(lc__service_thread_is_running(&service));
    start();
    expect_passes(1);
    stop();
}

/* ---- signals ---- */

static void *note_mask(void *result)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    atomic_store((atomic_int *)result,
                 sigismember(&mask, SIGUSR1) + 2 * sigismember(&mask, SIGUSR2));
    return NULL;
}

static atomic_int mask_of_child;

static void note_masks(void)
{
    pthread_t child;
    note_mask(&work.result);
    if (lc__thread_create(&child, 0, note_mask, &mask_of_child) == 0)
        pthread_join(child, NULL);
}

static void blocks_all_signals_and_passes_on_the_starters_mask(void)
{
    sigset_t usr1, before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    work_prepare(LC_FOREVER, note_masks);
    pthread_sigmask(SIG_SETMASK, &usr1, &before);
    start();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    expect_passes(1);
    CU_ASSERT_EQUAL(atomic_load(&work.result), 3);
    CU_ASSERT_EQUAL(atomic_load(&mask_of_child), 1);
    stop();
}

/* ---- fork ---- */

static int start_in_child(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(lc__service_thread_start(&service) == -ENOTSUP ? 7 : 1);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void is_not_for_forked_children(void)
{
    work_prepare(LC_FOREVER, NULL);
    start();
    CU_ASSERT_EQUAL(start_in_child(), 7);
    stop();
}

CHECK_SUITE(unit_service_thread, "unit: service threads", {"begins with work", begins_with_work},
            {"each wake-up is followed by work", each_wake_up_is_followed_by_work},
            {"works again at its deadline", works_again_at_its_deadline},
            {"a wake-up during the work is not lost", wake_up_during_the_work_is_not_lost},
            {"a wake-up of none does nothing", wake_up_of_none_does_nothing},
            {"a second start makes no second thread", second_start_makes_no_second_thread},
            {"starts again after a stop", starts_again_after_a_stop},
            {"a start in the work of one that stops makes no second",
             start_in_the_work_of_one_that_stops_makes_no_second},
            {"a failure is told, and leaves nothing", failure_is_told_and_leaves_nothing},
            {"blocks all signals, and passes on the starter's mask",
             blocks_all_signals_and_passes_on_the_starters_mask},
            {"is not for forked children", is_not_for_forked_children});
