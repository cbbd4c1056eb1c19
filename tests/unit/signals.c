/*
 * signals.c: process signals: watches, dispositions, masks. Uses SIGUSR1, SIGUSR2 and SIGWINCH,
 * which nothing else here does.
 */
#include "support/check.h"
#include "support/later.h"

#include "base/memory.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static const int usr1[] = {SIGUSR1};
static const int usr2[] = {SIGUSR2};
static const int both[] = {SIGUSR2, SIGUSR1};

static lc_process_signals *watch_new(const int *signals, size_t count)
{
    lc_process_signals *watch = NULL;
    CHECK_SUCCESS(lc_process_signals_new(signals, count, &watch));
    return watch;
}

static void own_handler(int signal)
{
    (void)signal;
}

static void other_handler(int signal)
{
    (void)signal;
}

static void (*handler_of(int signal))(int)
{
    struct sigaction found;
    sigaction(signal, NULL, &found);
    return found.sa_handler;
}

static void watched_signal_is_told(void)
{
    lc_process_signals *watch = watch_new(usr1, 1);
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, LC_NOW), -ETIMEDOUT);
    raise(SIGUSR1);
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, check_patience()), SIGUSR1);
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, LC_NOW), -ETIMEDOUT);
    lc_process_signals_free(watch);
}

static void lowest_number_comes_first(void)
{
    lc_process_signals *watch = watch_new(both, 2);
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, check_patience()), SIGUSR1);
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, check_patience()), SIGUSR2);
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, LC_NOW), -ETIMEDOUT);
    lc_process_signals_free(watch);
}

static void each_watch_is_told(void)
{
    lc_process_signals *first = watch_new(usr1, 1), *second = watch_new(both, 2);
    raise(SIGUSR1);
    CU_ASSERT_EQUAL(lc_process_signals_next(first, check_patience()), SIGUSR1);
    CU_ASSERT_EQUAL(lc_process_signals_next(second, check_patience()), SIGUSR1);
    raise(SIGUSR2);
    CU_ASSERT_EQUAL(lc_process_signals_next(first, LC_NOW), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_process_signals_next(second, check_patience()), SIGUSR2);
    lc_process_signals_free(first);
    raise(SIGUSR1);
    CU_ASSERT_EQUAL(lc_process_signals_next(second, check_patience()), SIGUSR1);
    lc_process_signals_free(second);
}

static void new_watch_begins_empty(void)
{
    lc_process_signals *first = watch_new(usr1, 1);
    raise(SIGUSR1);
    lc_process_signals *second = watch_new(usr1, 1);
    CU_ASSERT_EQUAL(lc_process_signals_next(second, LC_NOW), -ETIMEDOUT);
    lc_process_signals_free(first); /* with one untold */
    lc_process_signals *third = watch_new(usr1, 1);
    CU_ASSERT_EQUAL(lc_process_signals_next(third, LC_NOW), -ETIMEDOUT);
    lc_process_signals_free(second);
    lc_process_signals_free(third);
}

static void send_usr1(void *arg)
{
    (void)arg;
    kill(getpid(), SIGUSR1);
}

static void signal_wakes_a_wait(void)
{
    struct later then;
    lc_process_signals *watch = watch_new(usr1, 1);
    later(&then, send_usr1, NULL);
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, check_patience()), SIGUSR1);
    CU_ASSERT_TRUE(later_join(&then));
    lc_process_signals_free(watch);
}

static void signal_wakes_wait_any(void)
{
    struct later then;
    lc_handle *handle = lc_handle_new();
    lc_process_signals *watch = watch_new(usr1, 1);
    lc_waitable waitables[] = {lc_on_handle(handle), lc_on_signals(watch)};
    later(&then, send_usr1, NULL);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 2, check_patience()), 1);
    CU_ASSERT_TRUE(later_join(&then));
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 2, LC_NOW), 1); /* until it was taken */
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, LC_NOW), SIGUSR1);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 2, LC_NOW), -ETIMEDOUT);
    lc_process_signals_free(watch);
    lc_handle_unref(handle);
}

/* ---- dispositions ---- */

static void disposition_is_put_back(void)
{
    signal(SIGUSR1, own_handler);
    signal(SIGUSR2, SIG_IGN);
    lc_process_signals *first = watch_new(both, 2), *second = watch_new(usr1, 1);
    CU_ASSERT_TRUE(handler_of(SIGUSR1) != own_handler);
    CU_ASSERT_TRUE(handler_of(SIGUSR2) != SIG_IGN);
    lc_process_signals_free(first);
    CU_ASSERT_TRUE(handler_of(SIGUSR1) != own_handler); /* still watched by the second */
    CU_ASSERT_TRUE(handler_of(SIGUSR2) == SIG_IGN);
    raise(SIGUSR1);
    CU_ASSERT_EQUAL(lc_process_signals_next(second, check_patience()), SIGUSR1);
    lc_process_signals_free(second);
    CU_ASSERT_TRUE(handler_of(SIGUSR1) == own_handler);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static void foreign_disposition_is_left_alone(void)
{
    lc_process_signals *watch = watch_new(usr1, 1);
    signal(SIGUSR1, other_handler);
    lc_process_signals_free(watch);
    CU_ASSERT_TRUE(handler_of(SIGUSR1) == other_handler);
    signal(SIGUSR1, SIG_DFL);
}

static void watching_again_after_unwatch(void)
{
    for (int i = 0; i < 3; i++) {
        lc_process_signals *watch = watch_new(usr2, 1);
        raise(SIGUSR2);
        CU_ASSERT_EQUAL(lc_process_signals_next(watch, check_patience()), SIGUSR2);
        lc_process_signals_free(watch);
        CU_ASSERT_TRUE(handler_of(SIGUSR2) == SIG_DFL);
    }
}

static void mask_is_unblocked_only_while_waiting(void)
{
    sigset_t set, kept, now;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &kept);
    lc_process_signals *watch = watch_new(usr1, 1);
    kill(getpid(), SIGUSR1); /* stays pending: this is the only thread, and it blocks it */
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, check_patience()), SIGUSR1);
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    CU_ASSERT_TRUE(sigismember(&now, SIGUSR1));
    struct later then;
    later(&then, send_usr1, NULL); /* by a thread that blocks it as well: inherited */
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, check_patience()), SIGUSR1);
    CU_ASSERT_TRUE(later_join(&then));
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, LC_NOW), -ETIMEDOUT);
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    CU_ASSERT_TRUE(sigismember(&now, SIGUSR1));
    lc_process_signals_free(watch);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
}

/* ---- limits ---- */

static void bad_numbers_are_refused(void)
{
    static const int bad[][2] = {{SIGUSR1, 0},       {SIGUSR1, -1},      {SIGUSR1, 65},
                                 {SIGUSR1, SIGSEGV}, {SIGUSR1, SIGKILL}, {SIGUSR1, SIGSTOP}};
    lc_process_signals *watch = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", bad[i][1]);
        CHECK_SAYS(lc_process_signals_new(bad[i], 2, &watch), -EINVAL, number);
        CU_ASSERT_PTR_NULL(watch);
        CU_ASSERT_TRUE(handler_of(SIGUSR1) == SIG_DFL);
    }
    CHECK_SAYS(lc_process_signals_new(NULL, 1, &watch), -EINVAL, "one signal or more");
    CHECK_SAYS(lc_process_signals_new(usr1, 0, &watch), -EINVAL, "one signal or more");
    CHECK_SAYS(lc_process_signals_new(usr1, 1, NULL), -EINVAL, "a place");
    CU_ASSERT_EQUAL(lc_process_signals_next(NULL, LC_NOW), -EINVAL);
    lc_process_signals_free(NULL);
}

static void too_many_watches_are_refused(void)
{
    lc_process_signals *watches[LC_PROCESS_SIGNALS_MAX], *one_more = NULL;
    for (size_t i = 0; i < LC_PROCESS_SIGNALS_MAX; i++)
        watches[i] = watch_new(usr1, 1);
    CHECK_SAYS(lc_process_signals_new(usr1, 1, &one_more), -ENOSPC, "64 watches");
    CU_ASSERT_PTR_NULL(one_more);
    raise(SIGUSR1);
    for (size_t i = 0; i < LC_PROCESS_SIGNALS_MAX; i++) {
        CU_ASSERT_EQUAL(lc_process_signals_next(watches[i], check_patience()), SIGUSR1);
        lc_process_signals_free(watches[i]);
    }
    CU_ASSERT_TRUE(handler_of(SIGUSR1) == SIG_DFL);
}

/* ---- a watch under fire: nothing is lost, errno of the interrupted thread is kept ---- */

static void handler_keeps_errno(void)
{
    lc_process_signals *watch = watch_new(usr1, 1);
    errno = EXDEV;
    raise(SIGUSR1);
    CU_ASSERT_EQUAL(errno, EXDEV);
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, check_patience()), SIGUSR1);
    lc_process_signals_free(watch);
}

static void other_waits_survive_signals(void)
{
    struct later then;
    lc_process_signals *watch = watch_new(usr1, 1);
    lc_handle *handle = lc_handle_new();
    later(&then, send_usr1, NULL); /* interrupts this wait, or not: it must not end it */
    CU_ASSERT_EQUAL(lc_handle_wait(handle, lc_deadline_after(20 * LC_MILLISECOND)), -ETIMEDOUT);
    CU_ASSERT_TRUE(later_join(&then));
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, check_patience()), SIGUSR1);
    lc_handle_unref(handle);
    lc_process_signals_free(watch);
}

CHECK_SUITE(unit_signals, "unit: process signals",
            {"a watched signal is told", watched_signal_is_told},
            {"the lowest number comes first, several as one", lowest_number_comes_first},
            {"each watch is told", each_watch_is_told},
            {"a new watch begins empty", new_watch_begins_empty},
            {"a signal wakes a wait", signal_wakes_a_wait},
            {"a signal wakes a wait for several things", signal_wakes_wait_any},
            {"the disposition found is put back with the last watch", disposition_is_put_back},
            {"a disposition that the program sets during a watch is left alone",
             foreign_disposition_is_left_alone},
            {"a signal can be watched again and again", watching_again_after_unwatch},
            {"the signals are unblocked only while waiting", mask_is_unblocked_only_while_waiting},
            {"numbers that cannot be caught are refused", bad_numbers_are_refused},
            {"too many watches are refused", too_many_watches_are_refused},
            {"the handler keeps errno", handler_keeps_errno},
            {"other waits go on through a signal", other_waits_survive_signals});
