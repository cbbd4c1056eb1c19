/*
 * supervisor_time.c: contract A35 and A36: start and stop deadlines, back-off, restart intensity;
 * on a clock that the test moves.
 */
#include "support/check.h"
#include "support/crew.h"
#include "support/mode.h"

#include <lifecycle.h>

#include <errno.h>
#include <string.h>

/* A crew whose clock stands, until it is moved. */
static struct crew *crew_on_a_clock(void)
{
    struct crew *crew = crew_new();
    crew->clock = check_clock_new();
    return crew;
}

/* Nothing happens until a nanosecond before that time is over; then the node enters the state. */
static void enters_after(struct player *player, lc_node_state state, int64_t nanoseconds)
{
    struct crew *crew = player->crew;
    check_clock_advance(crew->clock, nanoseconds - 1);
    crew_is_quiet(crew);
    check_clock_advance(crew->clock, 1);
    int64_t at = crew_sees(player, state);
    CU_ASSERT_EQUAL(at, check_clock_now(crew->clock));
}

/* ---- A36: back-off ---- */

/* The stint fails, and the next is made after exactly that pause; 0: at once. */
static void restarts_after(struct player *player, unsigned number, int64_t pause)
{
    crew_order(player, number, CREW_FAIL);
    if (pause > 0) {
        crew_sees(player, LC_NODE_BACKOFF);
        enters_after(player, LC_NODE_STARTING, pause);
    }
    RUNS(player, number + 1);
}

/* One that restarts as by default, but without chance. */
static struct player *usual(struct crew *crew, const char *name)
{
    struct player *player = crew_player(crew, name, "");
    player->node.backoff = (lc_backoff){0};
    player->node.backoff.jitter = LC_NONE;
    player->slow = true;
    return player;
}

/* The stint becomes ready, and stays so for that long. */
static void lives(struct player *player, unsigned number, int64_t nanoseconds)
{
    crew_order(player, number, CREW_READY);
    crew_sees(player, LC_NODE_READY);
    check_clock_advance(player->crew->clock, nanoseconds);
}

static void pauses_grow(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *broken = usual(crew, "broken");
    crew_begin(crew);
    unsigned number = 1;
    for (int64_t pause = 100 * LC_MILLISECOND; pause < 30 * LC_SECOND; pause *= 2)
        restarts_after(broken, number++, pause);
    restarts_after(broken, number++, 30 * LC_SECOND);
    restarts_after(broken, number++, 30 * LC_SECOND);
    crew_cancel(crew);
    crew_drop(crew);
}

static void a_steady_life_sets_pauses_back(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *broken = usual(crew, "broken");
    crew_begin(crew);
    restarts_after(broken, 1, 100 * LC_MILLISECOND);
    lives(broken, 2, 10 * LC_SECOND - 1);
    restarts_after(broken, 2, 200 * LC_MILLISECOND);
    lives(broken, 3, 10 * LC_SECOND);
    restarts_after(broken, 3, 0);
    restarts_after(broken, 4, 100 * LC_MILLISECOND);
    crew_cancel(crew);
    crew_drop(crew);
}

static void an_instant_of_readiness_sets_nothing_back(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *broken = usual(crew, "broken");
    broken->slow = false;
    crew_begin(crew);
    int64_t pause = 100 * LC_MILLISECOND;
    for (unsigned number = 1; number < 8; number++, pause *= 2) {
        crew_sees(broken, LC_NODE_READY);
        restarts_after(broken, number, pause);
    }
    crew_cancel(crew);
    crew_drop(crew);
}

/* What completes is started again as slowly. */
static void what_completes_at_once_pauses_too(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *ever = usual(crew, "ever");
    ever->slow = false;
    ever->node.restart = LC_PERMANENT;
    check_log_capture();
    crew_begin(crew);
    int64_t pause = 100 * LC_MILLISECOND;
    for (unsigned number = 1; number < 6; number++, pause *= 2) {
        crew_order(ever, number, CREW_RETURN);
        crew_sees(ever, LC_NODE_BACKOFF);
        enters_after(ever, LC_NODE_STARTING, pause);
        RUNS(ever, number + 1);
    }
    CU_ASSERT_EQUAL(check_log_count("ever: has ended without an error"), 5);
    crew_cancel(crew);
    check_log_release();
    crew_drop(crew);
}

static void a_first_pause_may_be_asked_for(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *broken = usual(crew, "broken");
    broken->node.backoff = (lc_backoff){.first = 3 * LC_SECOND,
                                        .most = 10 * LC_SECOND,
                                        .factor = 3,
                                        .jitter = LC_NONE,
                                        .steady = 4 * LC_SECOND,
                                        .pause_first = true};
    crew_begin(crew);
    restarts_after(broken, 1, 3 * LC_SECOND);
    restarts_after(broken, 2, 9 * LC_SECOND);
    restarts_after(broken, 3, 10 * LC_SECOND);
    lives(broken, 4, 10 * LC_SECOND);
    restarts_after(broken, 4, 3 * LC_SECOND);
    crew_cancel(crew);
    crew_drop(crew);
}

static void there_may_be_no_pause(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *broken = crew_player(crew, "broken", "");
    broken->node.backoff.first = LC_NONE;
    broken->slow = true;
    crew_begin(crew);
    for (unsigned number = 1; number < CREW_STINTS; number++)
        restarts_after(broken, number, 0);
    crew_cancel(crew);
    crew_drop(crew);
}

/* What failed together does not come back together. */
static void pauses_are_spread(void)
{
    enum { COUNT = 6 };
    static const char *const names[COUNT] = {"a", "b", "c", "d", "e", "f"};
    struct crew *crew = crew_on_a_clock();
    struct player *players[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        players[i] = crew_player(crew, names[i], "");
        players[i]->node.backoff = (lc_backoff){0}; /* 100 ms, give or take a fifth */
    }
    crew_begin(crew);
    for (unsigned i = 0; i < COUNT; i++) {
        crew_order(players[i], 1, CREW_FAIL);
        crew_sees(players[i], LC_NODE_BACKOFF);
    }
    check_clock_advance(crew->clock, 80 * LC_MILLISECOND - 1);
    crew_is_quiet(crew);
    check_clock_advance(crew->clock, 40 * LC_MILLISECOND + 1);
    int64_t first = 0, different = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        RUNS(players[i], 2);
        first = first ? first : STINT(players[i], 2).entered_at;
        different += STINT(players[i], 2).entered_at != first;
    }
    if (lc_is_simulated()) /* elsewhere the clock is moved in one piece */
        CU_ASSERT_TRUE(different > 0);
    crew_cancel(crew);
    crew_drop(crew);
}

static void each_node_has_its_own_pause(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *one = crew_player(crew, "one", ""), *two = crew_player(crew, "two", "");
    struct player *user = crew_player(crew, "user", "one");
    one->node.backoff = (lc_backoff){.first = 5 * LC_SECOND,
                                     .most = 5 * LC_SECOND,
                                     .factor = 1,
                                     .jitter = LC_NONE,
                                     .steady = LC_NONE,
                                     .pause_first = true};
    two->node.backoff = (lc_backoff){.first = 2 * LC_SECOND,
                                     .most = 2 * LC_SECOND,
                                     .factor = 1,
                                     .jitter = LC_NONE,
                                     .steady = LC_NONE,
                                     .pause_first = true};
    crew_begin(crew);
    RUNS(user, 1);
    crew_order(one, 1, CREW_FAIL);
    crew_sees(one, LC_NODE_BACKOFF);
    crew_order(two, 1, CREW_FAIL);
    crew_sees(two, LC_NODE_BACKOFF);
    enters_after(two, LC_NODE_STARTING, 2 * LC_SECOND);
    crew_sees(two, LC_NODE_READY);
    crew_order(user, 1, CREW_FAIL); /* waits for what pauses */
    crew_sees(user, LC_NODE_WAITING);
    enters_after(one, LC_NODE_STARTING, 3 * LC_SECOND);
    RUNS(user, 2);
    crew_cancel(crew);
    crew_drop(crew);
}

static void a_cancel_ends_a_pause_at_once(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *broken = crew_player(crew, "broken", "");
    broken->node.backoff = (lc_backoff){.first = LC_HOUR,
                                        .most = LC_HOUR,
                                        .factor = 1,
                                        .jitter = LC_NONE,
                                        .steady = LC_NONE,
                                        .pause_first = true};
    crew_begin(crew);
    crew_order(broken, 1, CREW_FAIL);
    crew_sees(broken, LC_NODE_BACKOFF);
    int64_t before = check_clock_now(crew->clock);
    crew_cancel(crew);
    CU_ASSERT_TRUE(check_clock_now(crew->clock) - before < LC_MINUTE);
    MADE(broken, 1);
    crew_drop(crew);
}

/* ---- A36: intensity ---- */

static struct player *intense(struct crew *crew, const char *name, lc_behavior exceeded)
{
    struct player *player = crew_player(crew, name, "base");
    player->node.backoff.first = LC_NONE;
    player->node.intensity = (lc_intensity){2, 10 * LC_SECOND, exceeded};
    return player;
}

static void too_many_restarts_are_followed_by_a_behavior(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *base = crew_player(crew, "base", "");
    struct player *broken = intense(crew, "broken", LC_STOP);
    struct player *other = crew_player(crew, "other", "");
    check_log_capture();
    crew_begin(crew);
    RUNS(other, 1);
    restarts_after(broken, 1, 0);
    check_clock_advance(crew->clock, 10 * LC_SECOND - 1);
    restarts_after(broken, 2, 0);
    crew_order(broken, 3, CREW_FAIL);
    crew_sees(broken, LC_NODE_STOPPED);
    NOT_TOLD(base, 1);
    NOT_TOLD(other, 1);
    crew_order(base, 1, CREW_RETURN);
    crew_order(other, 1, CREW_RETURN);
    crew_end(crew);
    MADE(broken, 3);
    ASKED(broken, 3);
    CU_ASSERT_TRUE(check_log_has("broken: "));
    CU_ASSERT_TRUE(lc_error_contains(crew->result, STINT(broken, 3).error));
    TELLS(crew->result, lc_error_code(STINT(broken, 3).error), "\"broken\"");
    check_log_release();
    crew_drop(crew);
}

static void restarts_further_apart_are_borne(void)
{
    struct crew *crew = crew_on_a_clock();
    crew_player(crew, "base", "");
    struct player *broken = intense(crew, "broken", LC_SHUTDOWN);
    check_log_capture();
    crew_begin(crew);
    for (unsigned number = 1; number < CREW_STINTS - 3; number++) {
        restarts_after(broken, number, 0);
        check_clock_advance(crew->clock, 5 * LC_SECOND);
    }
    restarts_after(broken, CREW_STINTS - 3, 0); /* 10 s after the one before the last */
    crew_order(broken, CREW_STINTS - 2, CREW_FAIL);
    crew_end(crew);
    CU_ASSERT_EQUAL(crew->behavior, LC_SHUTDOWN);
    MADE(broken, CREW_STINTS - 2);
    check_log_release();
    crew_drop(crew);
}

static void too_many_restarts_may_stop_parents(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *base = crew_player(crew, "base", "");
    struct player *broken = intense(crew, "broken", LC_STOP_PARENTS);
    struct player *other = crew_player(crew, "other", "");
    check_log_capture();
    crew_begin(crew);
    RUNS(other, 1);
    for (unsigned number = 1; number <= 3; number++)
        crew_order(broken, number, CREW_FAIL);
    LEAVES(base, 1);
    NOT_TOLD(other, 1);
    crew_order(other, 1, CREW_RETURN);
    crew_end(crew);
    CU_ASSERT_TRUE(lc_error_contains(crew->result, STINT(broken, 3).error));
    check_log_release();
    crew_drop(crew);
}

static void too_many_restarts_may_halt(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *base = crew_player(crew, "base", "");
    struct player *broken = intense(crew, "broken", LC_SPIN_HALT);
    check_log_capture();
    crew_begin(crew);
    for (unsigned number = 1; number <= 3; number++)
        crew_order(broken, number, CREW_FAIL);
    crew_end(crew);
    CU_ASSERT_EQUAL(crew->behavior, LC_SPIN_HALT);
    CU_ASSERT_TRUE(lc_handle_is_closed(STINT(base, 1).left));
    check_log_release();
    crew_drop(crew);
}

static void restarts_after_completion_count_as_well(void)
{
    struct crew *crew = crew_on_a_clock();
    crew_player(crew, "base", "");
    struct player *ever = intense(crew, "ever", LC_SHUTDOWN);
    ever->node.restart = LC_PERMANENT;
    check_log_capture();
    crew_begin(crew);
    for (unsigned number = 1; number <= 3; number++)
        crew_order(ever, number, CREW_RETURN);
    crew_end(crew);
    CU_ASSERT_EQUAL(crew->behavior, LC_SHUTDOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(crew->result), "\"ever\""));
    MADE(ever, 3);
    ASKED(ever, 0);
    check_log_release();
    crew_drop(crew);
}

/* ---- A35: start deadlines ---- */

static void what_is_not_ready_in_time_has_failed(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *slow = crew_player(crew, "slow", "");
    struct player *user = crew_player(crew, "user", "slow");
    slow->slow = true;
    slow->node.start_timeout = 5 * LC_SECOND;
    crew_begin(crew);
    RUNS(slow, 1);
    crew_sees(slow, LC_NODE_STARTING);
    enters_after(slow, LC_NODE_FAILING, 5 * LC_SECOND);
    RUNS(slow, 2);
    TELLS(STINT(slow, 1).judged, -ETIMEDOUT, "\"slow\"");
    CU_ASSERT_TRUE(STINT(slow, 1).done_when_asked);
    MADE(user, 0);
    check_clock_advance(crew->clock, 4 * LC_SECOND);
    crew_order(slow, 2, CREW_READY); /* in time: from here on there is no deadline */
    RUNS(user, 1);
    check_clock_advance(crew->clock, LC_HOUR);
    NOT_TOLD(slow, 2);
    crew_cancel(crew);
    ASKED(slow, 1);
    crew_drop(crew);
}

static void a_factory_that_blocks_is_not_ready_in_time_either(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *slow = crew_player(crew, "slow", "");
    slow->node.start_timeout = 5 * LC_SECOND;
    slow->factory_waits = lc_handle_new();
    crew_begin(crew);
    crew_sees(slow, LC_NODE_STARTING);
    enters_after(slow, LC_NODE_FAILING, 5 * LC_SECOND);
    MADE(slow, 0);
    lc_handle_close(slow->factory_waits);
    RUNS(slow, 2);
    TELLS(STINT(slow, 1).judged, -ETIMEDOUT, "\"slow\"");
    crew_cancel(crew);
    crew_drop(crew);
}

/* ---- A35: stop deadlines ---- */

/* One that stays after the run: it ends now, and nothing of it is left when this returns. */
static void ends_at_last(struct player *player, unsigned number)
{
    crew_order(player, number, CREW_RETURN);
    CHECK_CLOSES(lc_manager_done(STINT(player, number).manager));
}

static void what_is_overdue_is_not_waited_for(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *journal = crew_player(crew, "journal", "");
    struct player *store = crew_player(crew, "store", "journal");
    store->end = PLAYER_STAYS;
    store->node.stop_timeout = 3 * LC_SECOND;
    check_log_capture();
    crew_begin(crew);
    RUNS(store, 1);
    crew_sees(store, LC_NODE_READY);
    lc_context_cancel(crew->context, NULL);
    IS_TOLD(store, 1);
    check_clock_advance(crew->clock, 3 * LC_SECOND - 1);
    NOT_TOLD(journal, 1);
    CHECK_OPEN(crew->finished);
    CU_ASSERT_FALSE(check_log_has("store: "));
    check_clock_advance(crew->clock, 1);
    LEAVES(journal, 1);
    crew_end(crew);
    CU_ASSERT_EQUAL(check_log_count("store: "), 1);
    CU_ASSERT_EQUAL(lc_error_code(crew->result), -ECANCELED);
    CU_ASSERT_TRUE(lc_error_contains(crew->result, lc_context_error(crew->context)));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(crew->result), "store"));
    CU_ASSERT_PTR_NULL(strstr(lc_error_message(crew->result), "journal"));
    check_log_release();
    ends_at_last(store, 1);
    crew_drop(crew);
}

static void the_final_deadline_names_what_still_runs(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *journal = crew_player(crew, "journal", "");
    struct player *store = crew_player(crew, "store", "journal");
    struct player *other = crew_player(crew, "other", "");
    crew->options.stop_timeout = 7 * LC_SECOND;
    journal->end = store->end = PLAYER_STAYS;
    other->answers[0] = LC_SHUTDOWN;
    check_log_capture();
    crew_begin(crew);
    RUNS(store, 1);
    crew_order(other, 1, CREW_FAIL);
    IS_TOLD(store, 1);
    check_clock_advance(crew->clock, 7 * LC_SECOND - 1);
    NOT_TOLD(journal, 1);
    CHECK_OPEN(crew->finished);
    check_clock_advance(crew->clock, 1);
    crew_end(crew);
    IS_TOLD(journal, 1); /* all the same */
    CU_ASSERT_EQUAL(lc_error_code(crew->result), lc_error_code(STINT(other, 1).error));
    CU_ASSERT_TRUE(lc_error_contains(crew->result, STINT(other, 1).error));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(crew->result), "journal"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(crew->result), "store"));
    CU_ASSERT_EQUAL(check_log_count("store: "), 1);
    CU_ASSERT_EQUAL(check_log_count("journal: "), 1);
    CU_ASSERT_EQUAL(crew->behavior, LC_SHUTDOWN);
    check_log_release();
    ends_at_last(store, 1);
    ends_at_last(journal, 1);
    crew_drop(crew);
}

/* Of the node added first. No event tells. */
static bool is_overdue(void *arg)
{
    struct crew *crew = arg;
    check_clock_advance(crew->clock, 0);
    lc_snapshot *snapshot = lc_supervisor_snapshot(crew->supervisor);
    bool overdue = snapshot->nodes[0].overdue && !snapshot->nodes[1].overdue;
    lc_snapshot_free(snapshot);
    return overdue;
}

static void an_overdue_instance_blocks_the_restart(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *stuck = crew_player(crew, "stuck", "");
    struct player *user = crew_player(crew, "user", "stuck");
    stuck->end = PLAYER_STAYS;
    stuck->node.stop_timeout = 3 * LC_SECOND;
    check_log_capture();
    crew_begin(crew);
    RUNS(user, 1);
    crew_order(stuck, 1, CREW_SIGNAL);
    crew_sees(stuck, LC_NODE_FAILING);
    check_clock_advance(crew->clock, 3 * LC_SECOND - 1);
    CU_ASSERT_FALSE(is_overdue(crew));
    check_clock_advance(crew->clock, 1);
    CU_ASSERT_TRUE(check_until(is_overdue, crew));
    check_clock_advance(crew->clock, LC_HOUR);
    crew_is_quiet(crew);
    MADE(stuck, 1);
    ASKED(stuck, 0);
    CU_ASSERT_TRUE(is_overdue(crew));
    CU_ASSERT_EQUAL(check_log_count("stuck: "), 1);
    crew_order(stuck, 1, CREW_RETURN);
    RUNS(stuck, 2);
    CU_ASSERT_FALSE(is_overdue(crew));
    NOT_TOLD(user, 1);
    crew_order(stuck, 2, CREW_RETURN);
    crew_order(user, 1, CREW_RETURN);
    crew_end(crew);
    CU_ASSERT_PTR_NULL(crew->result);
    check_log_release();
    crew_drop(crew);
}

static void what_is_overdue_does_not_hold_up_what_restarts(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *journal = crew_player(crew, "journal", "");
    struct player *store = crew_player(crew, "store", "journal+");
    store->end = PLAYER_STAYS;
    store->node.stop_timeout = 3 * LC_SECOND;
    check_log_capture();
    crew_begin(crew);
    RUNS(store, 1);
    crew_sees(store, LC_NODE_READY);
    crew_order(journal, 1, CREW_FAIL);
    IS_TOLD(store, 1);
    check_clock_advance(crew->clock, 3 * LC_SECOND - 1);
    MADE(journal, 1);
    check_clock_advance(crew->clock, 1);
    RUNS(journal, 2);
    MADE(store, 1);
    crew_order(store, 1, CREW_RETURN);
    RUNS(store, 2);
    crew_order(store, 2, CREW_RETURN);
    crew_order(journal, 2, CREW_RETURN);
    crew_end(crew);
    check_log_release();
    crew_drop(crew);
}

/* It does not count as overdue any more once it has ended. */
static void an_overdue_node_that_ends_before_the_run_is_not_named(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *store = crew_player(crew, "store", ""), *other = crew_player(crew, "other", "");
    store->end = other->end = PLAYER_STAYS;
    store->node.stop_timeout = 3 * LC_SECOND;
    check_log_capture();
    crew_begin(crew);
    RUNS(store, 1);
    RUNS(other, 1);
    lc_context_cancel(crew->context, NULL);
    IS_TOLD(store, 1);
    IS_TOLD(other, 1);
    check_clock_advance(crew->clock, 3 * LC_SECOND);
    CU_ASSERT_TRUE(check_until(is_overdue, crew));
    crew_order(store, 1, CREW_RETURN);
    crew_sees(store, LC_NODE_STOPPED);
    crew_order(other, 1, CREW_RETURN);
    crew_end(crew);
    CU_ASSERT_PTR_EQUAL(crew->result, lc_context_error(crew->context));
    CU_ASSERT_EQUAL(check_log_count("store: "), 1);
    check_log_release();
    crew_drop(crew);
}

static void a_removal_waits_for_what_is_overdue(void)
{
    struct crew *crew = crew_on_a_clock();
    struct player *store = crew_player(crew, "store", "");
    crew->options.keep_running = true;
    store->end = PLAYER_STAYS;
    store->node.stop_timeout = 3 * LC_SECOND;
    check_log_capture();
    crew_begin(crew);
    RUNS(store, 1);
    CHECK_ERROR(lc_supervisor_remove(crew->supervisor, "store", LC_NOW), -ETIMEDOUT);
    IS_TOLD(store, 1);
    check_clock_advance(crew->clock, 3 * LC_SECOND);
    CHECK_ERROR(lc_supervisor_remove(crew->supervisor, "store", LC_NOW), -ETIMEDOUT);
    crew_order(store, 1, CREW_RETURN);
    lc_error *error = lc_supervisor_remove(crew->supervisor, "store", check_patience());
    CU_ASSERT_TRUE(error == NULL || lc_error_code(error) == -ENOENT);
    lc_error_unref(error);
    check_log_release();
    crew_cancel(crew);
    crew_drop(crew);
}

CHECK_SUITE_IN_MODES(
    supervisor_time, "conformance: supervisor: time",
    {"A36 pauses grow from 100 ms to 30 s", pauses_grow, CHECK_EXACT},
    {"A36 after a steady life a restart comes at once, and pauses begin anew",
     a_steady_life_sets_pauses_back, CHECK_EXACT},
    {"A36 an instant of readiness sets nothing back", an_instant_of_readiness_sets_nothing_back,
     CHECK_EXACT},
    {"A36 what completes at once pauses too", what_completes_at_once_pauses_too, CHECK_EXACT},
    {"A36 a first pause, a factor and a limit may be asked for", a_first_pause_may_be_asked_for,
     CHECK_EXACT},
    {"A36 there may be no pause", there_may_be_no_pause, CHECK_EXACT},
    {"A36 pauses are spread by a fifth", pauses_are_spread, CHECK_EXACT},
    {"A36 each node has its own pause", each_node_has_its_own_pause, CHECK_EXACT},
    {"A36 a cancel ends a pause at once", a_cancel_ends_a_pause_at_once, CHECK_EXACT},
    {"A36 too many restarts are followed by a behavior of their own",
     too_many_restarts_are_followed_by_a_behavior, CHECK_EXACT},
    {"A36 restarts that are further apart are borne", restarts_further_apart_are_borne,
     CHECK_EXACT},
    {"A36 too many restarts may stop parents", too_many_restarts_may_stop_parents, CHECK_EXACT},
    {"A36 too many restarts may halt", too_many_restarts_may_halt, CHECK_EXACT},
    {"A36 restarts after a completion count as well", restarts_after_completion_count_as_well,
     CHECK_EXACT},
    {"A35 what is not ready in time has failed, by -ETIMEDOUT",
     what_is_not_ready_in_time_has_failed, CHECK_EXACT},
    {"A35 so has one whose factory blocks", a_factory_that_blocks_is_not_ready_in_time_either,
     CHECK_EXACT},
    {"A35 an overdue node is logged, not waited for, and named in the error",
     what_is_overdue_is_not_waited_for, CHECK_EXACT},
    {"A35 at the final deadline all is told to stop, and what still runs is named",
     the_final_deadline_names_what_still_runs, CHECK_EXACT},
    {"A35 an overdue instance blocks its node's restart", an_overdue_instance_blocks_the_restart,
     CHECK_EXACT},
    {"A35 what is overdue does not hold up the restart of what it depends on",
     what_is_overdue_does_not_hold_up_what_restarts, CHECK_EXACT},
    {"A35 an overdue node that ends before the run does is not named",
     an_overdue_node_that_ends_before_the_run_is_not_named, CHECK_EXACT},
    {"A35 a removal waits for what is overdue", a_removal_waits_for_what_is_overdue, CHECK_EXACT});
