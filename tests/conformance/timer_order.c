/*
 * timer_order.c: contract C18, the last lines: timers fire by due time, then in the order in which
 * they were started, also when many are due at once. Of isolates, and of contexts.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/isolates.h"
#include "support/mode.h"

#include <stdio.h>

enum { TIMERS = 40, MANY = 300 };

/* What has arrived, in that order; one isolate or one thread writes it. */
struct arrivals {
    int numbers[MANY];
    int count;
    int expected; /* how many are to come */
    lc_handle *all;
};

static void arrivals_init(struct arrivals *arrivals, int expected)
{
    *arrivals = (struct arrivals){.expected = expected, .all = lc_handle_new()};
}

static void note_arrival(struct arrivals *arrivals, int number)
{
    arrivals->numbers[arrivals->count++] = number;
    if (arrivals->count == arrivals->expected)
        lc_handle_close(arrivals->all);
}

/* Waits for all. @return whether they came as 0, 1, 2 ...; the first that did not is shown. */
static bool came_in_order(struct arrivals *arrivals)
{
    CHECK_CLOSES(arrivals->all);
    lc_handle_unref(arrivals->all);
    for (int i = 0; i < arrivals->expected; i++) {
        if (arrivals->numbers[i] == i)
            continue;
        printf("\n    number %d arrived in place %d\n", arrivals->numbers[i], i);
        return false;
    }
    return true;
}

/* ---- an isolate's timers ---- */

struct ticking {
    struct agent agent;
    struct arrivals arrivals;
    lc_receive_port port;
    int64_t (*after)(int number); /* when the timer of that number is due */
    int (*started)(int turn);     /* which timer is started in that turn */
};

static lc_error *note_tick(lc_message *message, void *arg)
{
    note_arrival(arg, number_in(message));
    return NULL;
}

static lc_error *start_timers(void *arg)
{
    struct ticking *ticking = arg;
    ticking->port = port_with(note_tick, &ticking->arrivals);
    for (int turn = 0; turn < ticking->arrivals.expected; turn++) {
        int number = ticking->started(turn);
        const lc_payload payload = {&number, sizeof number, NULL};
        CU_ASSERT_EQUAL(
            lc_timer_start(ticking->port.send, &payload, ticking->after(number), 0, NULL), 0);
    }
    return NULL;
}

static void timers_arrive_in_order(int count, int64_t (*after)(int number),
                                   int (*started)(int turn))
{
    struct ticking ticking = {.after = after, .started = started};
    arrivals_init(&ticking.arrivals, count);
    agent_init(&ticking.agent);
    ticking.agent.first = start_timers;
    ticking.agent.arg = &ticking;
    agent_begin(&ticking.agent);
    CU_ASSERT_TRUE(came_in_order(&ticking.arrivals));
    agent_stop(&ticking.agent);
}

static int in_turn(int turn)
{
    return turn;
}

static int backwards(int turn)
{
    return TIMERS - 1 - turn;
}

static int64_t five_milliseconds(int number)
{
    (void)number;
    return 5 * LC_MILLISECOND;
}

static int64_t at_once(int number)
{
    (void)number;
    return 0;
}

static int64_t later_by_number(int number)
{
    return LC_MILLISECOND + number * LC_MILLISECOND / 10;
}

static void equal_timers_fire_as_they_were_started(void)
{
    timers_arrive_in_order(TIMERS, five_milliseconds, in_turn);
}

static void timers_due_at_once_fire_as_they_were_started(void)
{
    timers_arrive_in_order(MANY, at_once, in_turn);
}

static void timers_fire_by_due_time(void)
{
    timers_arrive_in_order(TIMERS, later_by_number, backwards);
}

/* ---- deadlines of contexts ---- */

struct deadline {
    lc_context *context;
    struct arrivals *arrivals;
    int number;
};

static void note_deadline(void *arg)
{
    struct deadline *deadline = arg;
    note_arrival(deadline->arrivals, deadline->number);
}

/* Made in a scattered order, all of them long before the first is due. */
static void deadlines_come_in_order(int64_t apart)
{
    static struct deadline deadlines[MANY];
    struct arrivals arrivals;
    arrivals_init(&arrivals, MANY);
    int64_t first = lc_deadline_after(20 * LC_MILLISECOND);
    for (int i = 0; i < MANY; i++) {
        int number = apart > 0 ? i * 37 % MANY : i; /* no common factor: each once */
        struct deadline *deadline = &deadlines[number];
        *deadline = (struct deadline){lc_context_with_deadline(NULL, first + number * apart),
                                      &arrivals, number};
        CU_ASSERT_EQUAL(
            lc_handle_on_close(lc_context_done(deadline->context), note_deadline, deadline, NULL),
            0);
    }
    CU_ASSERT_TRUE(came_in_order(&arrivals));
    for (int i = 0; i < MANY; i++)
        lc_context_unref(deadlines[i].context);
}

static void equal_deadlines_come_as_they_were_made(void)
{
    deadlines_come_in_order(0);
}

static void deadlines_come_by_their_time(void)
{
    deadlines_come_in_order(1);
}

CHECK_SUITE_IN_MODES(timer_order, "conformance: timers fire in order",
                     {"C18 forty timers of five milliseconds arrive as they were started",
                      equal_timers_fire_as_they_were_started},
                     {"C18 timers that are due at once arrive as they were started",
                      timers_due_at_once_fire_as_they_were_started},
                     {
                         "C18 timers arrive by their due time, not by when they were started",
                         timers_fire_by_due_time,
                     },
                     {"C18 what deadlines at one time call is called as they were made",
                      equal_deadlines_come_as_they_were_made},
                     {"C18 what deadlines call is called by their time",
                      deadlines_come_by_their_time});
