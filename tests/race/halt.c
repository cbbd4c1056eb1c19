/*
 * halt.c: signal against halt, release against halt: in each order none of them is lost. In a child
 * process, which receives the SIGTERM.
 */
#include "support/check.h"
#include "support/race.h"

#include <lifecycle.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct halting {
    lc_process_signals *watch; /* so that a SIGTERM before the halt is caught */
    lc_error *error;
    int result;
    int released;
};

static void begin_watch(void *arg)
{
    static const int signals[] = {SIGTERM};
    struct halting *halting = arg;
    lc_log_set_level((lc_log_level)0);
    if (check_code(lc_process_signals_new(signals, 1, &halting->watch)) != 0)
        abort();
}

static void halt(void *arg)
{
    struct halting *halting = arg;
    halting->result = lc_spin_halt(halting->error, NULL, NULL);
}

static void terminate(void *arg)
{
    (void)arg;
    kill(getpid(), SIGTERM);
}

/*
 * Everybody was told; the shutdown makes the library forget the SIGTERM, which would end the next
 * halt as well.
 */
static bool judge_terminated(void *arg)
{
    struct halting *halting = arg;
    bool well = halting->result == 0 &&
                lc_process_signals_next(halting->watch, check_patience()) == SIGTERM;
    lc_process_signals_free(halting->watch);
    return lc_library_shutdown() == 0 && well;
}

CHECK_CHILD(signal_against_halt)
{
    struct halting halting = {.error = lc_error_new(-EIO, "halted")};
    struct race race = {begin_watch, halt, terminate, judge_terminated};
    unsigned wrong = race_run(&race, &halting, RACE_ROUNDS);
    lc_error_unref(halting.error);
    return wrong == 0 ? 0 : 1;
}

static void signal_ends_the_halt(void)
{
    CU_ASSERT_EQUAL(check_child("signal_against_halt").status, 0);
}

/*
 * A release that comes too early does not count, and says so: it is tried until it has ended one.
 */
static void release(void *arg)
{
    struct halting *halting = arg;
    while ((halting->released = lc_halt_release()) == 0)
        sched_yield();
}

static bool judge_released(void *arg)
{
    struct halting *halting = arg;
    return halting->result == 0 && halting->released == 1 && lc_halt_release() == 0;
}

static void quieten(void *arg)
{
    (void)arg;
    lc_log_set_level((lc_log_level)0);
}

CHECK_CHILD(release_against_halt)
{
    struct halting halting = {.error = lc_error_new(-EIO, "halted")};
    struct race race = {quieten, halt, release, judge_released};
    unsigned wrong = race_run(&race, &halting, RACE_ROUNDS);
    lc_error_unref(halting.error);
    return wrong == 0 ? 0 : 1;
}

static void release_ends_the_halt(void)
{
    CU_ASSERT_EQUAL(check_child("release_against_halt").status, 0);
}

CHECK_SUITE(race_halt, "race: halt", {"signal against halt", signal_ends_the_halt},
            {"release against halt", release_ends_the_halt});
