/*
 * supervisor_behaviors.c: contract A28, A29, A30, A32, A34: what comes of a node's error, by the
 * handler's answer; errors of nodes that are being stopped; restart types; supervisors as nodes of
 * others. The spin-halt is in supervisor_halt.c.
 */
#include "support/check.h"
#include "support/crew.h"
#include "support/mode.h"

#include <lifecycle.h>

#include <errno.h>
#include <string.h>

/* ---- what a handler is asked ---- */

static void is_judged_after(enum crew_order order)
{
    struct crew *crew = crew_new();
    struct player *only = crew_player(crew, "only", "");
    only->end = PLAYER_RETURNS_NULL;
    crew_begin(crew);
    crew_order(only, 1, order);
    RUNS(only, 2);
    crew_cancel(crew);
    CU_ASSERT_PTR_EQUAL(STINT(only, 1).judged, STINT(only, 1).error);
    CU_ASSERT_TRUE(STINT(only, 1).done_when_asked);
    BEFORE(crew, "only-1", "only?1");
    BEFORE(crew, "only?1", "only*2");
    ASKED(only, 1);
    crew_drop(crew);
}

static void errors_are_judged_once_their_instance_is_done(void)
{
    is_judged_after(CREW_FAIL);
    is_judged_after(CREW_THROW);
    is_judged_after(CREW_SIGNAL); /* its context ends, and so does it */
}

static void of_many_errors_the_first_is_judged(void)
{
    struct crew *crew = crew_new();
    struct player *only = crew_player(crew, "only", "");
    only->end = PLAYER_STAYS;
    check_log_capture();
    crew_begin(crew);
    crew_order(only, 1, CREW_SIGNAL);
    IS_TOLD(only, 1);
    CHECK_OPEN(STINT(only, 1).asked);
    lc_signal_error(STINT(only, 1).context, lc_error_new(-EPIPE, "another"));
    crew_order(only, 1, CREW_FAIL);
    RUNS(only, 2);
    crew_order(only, 2, CREW_RETURN);
    crew_end(crew);
    CU_ASSERT_PTR_NULL(crew->result);
    CU_ASSERT_PTR_EQUAL(STINT(only, 1).judged, STINT(only, 1).error);
    ASKED(only, 1);
    CU_ASSERT_TRUE(check_log_has("another")); /* none is lost */
    check_log_release();
    crew_drop(crew);
}

static void a_handler_that_blocks_holds_up_no_other_node(void)
{
    struct crew *crew = crew_new();
    struct player *judged = crew_player(crew, "judged", "");
    struct player *user = crew_player(crew, "user", "judged");
    struct player *other = crew_player(crew, "other", "");
    judged->handler_waits = lc_handle_new();
    crew_begin(crew);
    RUNS(user, 1);
    crew_order(judged, 1, CREW_FAIL);
    IS_ASKED(judged, 1);
    crew_order(other, 1, CREW_FAIL);
    RUNS(other, 2);
    struct player *late = crew_player(crew, "late", "other");
    CHECK_SUCCESS(crew_join(late));
    RUNS(late, 1);
    NOT_TOLD(user, 1);
    MADE(judged, 1);
    lc_handle_close(judged->handler_waits);
    RUNS(judged, 2);
    crew_cancel(crew);
    crew_drop(crew);
}

/* ---- A28: restart ---- */

static void a_node_restarts_alone(void)
{
    struct crew *crew = crew_new();
    struct player *journal = crew_player(crew, "journal", "");
    struct player *store = crew_player(crew, "store", "journal");
    struct player *front = crew_player(crew, "front", "store");
    crew_begin(crew);
    RUNS(front, 1);
    for (unsigned number = 1; number <= 3; number++) {
        crew_order(store, number, CREW_FAIL);
        RUNS(store, number + 1);
        CU_ASSERT_PTR_NULL(lc_context_error(STINT(store, number + 1).context));
        CU_ASSERT_PTR_NOT_EQUAL(STINT(store, number).context, STINT(store, number + 1).context);
    }
    NOT_TOLD(journal, 1);
    NOT_TOLD(front, 1);
    crew_cancel(crew);
    MADE(journal, 1);
    MADE(store, 4);
    MADE(front, 1);
    crew_drop(crew);
}

static void what_restarts_waits_for_its_dependencies(void)
{
    struct crew *crew = crew_new();
    struct player *journal = crew_player(crew, "journal", "");
    struct player *store = crew_player(crew, "store", "journal");
    crew_begin(crew);
    RUNS(store, 1);
    journal->slow = true;
    crew_order(journal, 1, CREW_FAIL);
    RUNS(journal, 2); /* and is not ready */
    crew_order(store, 1, CREW_FAIL);
    IS_ASKED(store, 1);
    crew_sees(store, LC_NODE_WAITING);
    MADE(store, 1);
    crew_order(journal, 2, CREW_READY);
    RUNS(store, 2);
    crew_cancel(crew);
    crew_drop(crew);
}

static void dependants_that_ask_for_it_restart_along(void)
{
    struct crew *crew = crew_new();
    struct player *disk = crew_player(crew, "disk", "");
    struct player *journal = crew_player(crew, "journal", "disk+");
    struct player *store = crew_player(crew, "store", "journal+");
    struct player *front = crew_player(crew, "front", "store journal");
    struct player *stats = crew_player(crew, "stats", "disk");
    store->end = PLAYER_RETURNS_NULL;
    journal->end = PLAYER_STAYS;
    crew_begin(crew);
    RUNS(front, 1);
    RUNS(stats, 1);
    crew_order(disk, 1, CREW_FAIL);
    IS_TOLD(journal, 1);
    MADE(disk, 1);
    crew_order(journal, 1, CREW_RETURN);
    RUNS(store, 2);
    NOT_TOLD(front, 1);
    NOT_TOLD(stats, 1);
    crew_order(journal, 2, CREW_RETURN);
    crew_cancel(crew);
    BEFORE(crew, "disk?1", "store~1");
    BEFORE(crew, "store-1", "journal~1");
    BEFORE(crew, "journal-1", "disk*2");
    BEFORE(crew, "disk!2", "journal*2");
    BEFORE(crew, "journal!2", "store*2");
    MADE(front, 1);
    MADE(stats, 1);
    ASKED(journal, 0);
    ASKED(store, 0);
    crew_drop(crew);
}

/* ---- A29: stop, stop-parents ---- */

static void stop_takes_descendants_along(void)
{
    struct crew *crew = crew_new();
    struct player *journal = crew_player(crew, "journal", "");
    struct player *store = crew_player(crew, "store", "journal");
    struct player *front = crew_player(crew, "front", "store");
    struct player *top = crew_player(crew, "top", "front store:started");
    struct player *index = crew_player(crew, "index", "journal");
    struct player *waiting = crew_player(crew, "waiting", "top:completed");
    store->answers[0] = LC_STOP;
    check_log_capture();
    crew_begin(crew);
    RUNS(top, 1);
    RUNS(index, 1);
    crew_order(store, 1, CREW_FAIL);
    LEAVES(front, 1);
    crew_sees(waiting, LC_NODE_STOPPED);
    NOT_TOLD(journal, 1);
    NOT_TOLD(index, 1);
    CHECK_OPEN(crew->finished);
    crew_order(index, 1, CREW_RETURN);
    crew_order(journal, 1, CREW_RETURN);
    crew_end(crew);
    check_log_release();
    BEFORE(crew, "store?1", "top~1");
    BEFORE(crew, "top-1", "front~1");
    CU_ASSERT_PTR_EQUAL(crew->result, STINT(store, 1).error);
    CU_ASSERT_EQUAL(crew->behavior, LC_STOP);
    MADE(waiting, 0);
    for (unsigned i = 0; i < crew->count; i++)
        CU_ASSERT_EQUAL(atomic_load(&crew->players[i].asked), &crew->players[i] == store);
    crew_drop(crew);
}

static void stop_parents_takes_ancestors_and_all_their_descendants(void)
{
    struct crew *crew = crew_new();
    struct player *disk = crew_player(crew, "disk", "");
    crew_player(crew, "journal", "disk");
    struct player *store = crew_player(crew, "store", "journal");
    struct player *front = crew_player(crew, "front", "store");
    struct player *index = crew_player(crew, "index", "journal");
    struct player *cache = crew_player(crew, "cache", "disk");
    struct player *net = crew_player(crew, "net", "");
    struct player *user = crew_player(crew, "user", "net");
    store->answers[0] = LC_STOP_PARENTS;
    check_log_capture();
    crew_begin(crew);
    CHECK_CLOSES(lc_supervisor_ready(crew->supervisor));
    RUNS(user, 1);
    crew_order(store, 1, CREW_FAIL);
    LEAVES(front, 1);
    crew_sees(disk, LC_NODE_STOPPED);
    NOT_TOLD(net, 1);
    NOT_TOLD(user, 1);
    crew_order(user, 1, CREW_RETURN);
    crew_order(net, 1, CREW_RETURN);
    crew_end(crew);
    BEFORE(crew, "index-1", "journal~1");
    BEFORE(crew, "journal-1", "disk~1");
    BEFORE(crew, "cache-1", "disk~1");
    CU_ASSERT_PTR_EQUAL(crew->result, STINT(store, 1).error);
    CU_ASSERT_EQUAL(crew->behavior, LC_STOP);
    ASKED(index, 0);
    ASKED(cache, 0);
    check_log_release();
    crew_drop(crew);
}

/* ---- A30: shutdown ---- */

static void shutdown_stops_everything_in_order(void)
{
    struct crew *crew = crew_new();
    struct player *journal = crew_player(crew, "journal", "");
    struct player *store = crew_player(crew, "store", "journal");
    struct player *other = crew_player(crew, "other", "");
    struct player *slow = crew_player(crew, "slow", "journal");
    struct player *never = crew_player(crew, "never", "slow");
    other->answers[0] = LC_SHUTDOWN;
    store->end = PLAYER_STAYS;
    slow->slow = true;
    crew_begin(crew);
    RUNS(store, 1);
    RUNS(slow, 1);
    crew_order(other, 1, CREW_FAIL);
    IS_TOLD(store, 1);
    LEAVES(slow, 1);
    NOT_TOLD(journal, 1);
    CHECK_OPEN(crew->finished);
    crew_order(store, 1, CREW_RETURN);
    crew_end(crew);
    BEFORE(crew, "other?1", "store~1");
    BEFORE(crew, "store-1", "journal~1");
    BEFORE(crew, "slow-1", "journal~1");
    BEFORE(crew, "journal-1", "returned");
    CU_ASSERT_PTR_EQUAL(crew->result, STINT(other, 1).error);
    CU_ASSERT_EQUAL(crew->behavior, LC_SHUTDOWN);
    MADE(never, 0);
    lc_behavior behavior = LC_RESTART;
    lc_error_unref(lc_supervisor_result(crew->supervisor, &behavior));
    CU_ASSERT_EQUAL(behavior, LC_SHUTDOWN);
    crew_drop(crew);
}

/* Whatever its handler says then, the node is not started again. */
static void a_shutdown_waits_for_handlers_and_for_no_pause(void)
{
    struct crew *crew = crew_new();
    struct player *judged = crew_player(crew, "judged", "");
    struct player *pausing = crew_player(crew, "pausing", "");
    struct player *other = crew_player(crew, "other", "");
    judged->handler_waits = lc_handle_new();
    pausing->node.backoff = (lc_backoff){.first = LC_HOUR,
                                         .most = LC_HOUR,
                                         .factor = 1,
                                         .jitter = LC_NONE,
                                         .steady = LC_NONE,
                                         .pause_first = true};
    other->answers[0] = LC_SHUTDOWN;
    crew->clock = check_clock_new(); /* which stands still */
    crew_begin(crew);
    crew_order(judged, 1, CREW_FAIL);
    IS_ASKED(judged, 1);
    crew_order(pausing, 1, CREW_FAIL);
    crew_sees(pausing, LC_NODE_BACKOFF);
    crew_order(other, 1, CREW_FAIL);
    crew_sees(pausing, LC_NODE_STOPPED);
    CHECK_OPEN(crew->finished);
    crew_note(crew, "answers");
    lc_handle_close(judged->handler_waits);
    crew_end(crew);
    BEFORE(crew, "answers", "returned");
    CU_ASSERT_PTR_EQUAL(crew->result, STINT(other, 1).error);
    MADE(judged, 1);
    MADE(pausing, 1);
    crew_drop(crew);
}

static void the_first_shutdown_counts(void)
{
    struct crew *crew = crew_new();
    struct player *one = crew_player(crew, "one", ""), *two = crew_player(crew, "two", "");
    one->answers[0] = two->answers[0] = LC_SHUTDOWN;
    one->handler_waits = lc_handle_new();
    crew_begin(crew);
    crew_order(one, 1, CREW_FAIL);
    IS_ASKED(one, 1);
    crew_order(two, 1, CREW_FAIL);
    crew_sees_kind(crew, LC_EVENT_STOPPING);
    lc_handle_close(one->handler_waits);
    crew_end(crew);
    CU_ASSERT_PTR_EQUAL(crew->result, STINT(two, 1).error);
    CU_ASSERT_EQUAL(crew->behavior, LC_SHUTDOWN);
    crew_drop(crew);
}

/* ---- A32: errors of nodes that we stop ---- */

static void an_error_around_the_cancel_cause_is_dropped(void)
{
    struct crew *crew = crew_new();
    struct player *one = crew_player(crew, "one", ""), *two = crew_player(crew, "two", "one");
    one->end = two->end = PLAYER_WRAPS;
    check_log_capture();
    crew_begin(crew);
    RUNS(two, 1);
    crew_cancel(crew);
    CU_ASSERT_PTR_EQUAL(crew->result, lc_context_error(crew->context));
    ASKED(one, 0);
    ASKED(two, 0);
    CU_ASSERT_FALSE(check_log_has("cut off"));
    check_log_release();
    crew_drop(crew);
}

/* What it wraps, and what it names. */
static void tells_of_late_failures(const lc_error *result, const lc_error *reason, const char *name,
                                   const char *message)
{
    CU_ASSERT_EQUAL(lc_error_code(result), lc_error_code(reason));
    CU_ASSERT_TRUE(lc_error_contains(result, reason));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(result), name));
    CU_ASSERT_TRUE(check_log_has(message));
}

/* The store fails while everything is stopped, and its handler answers that. */
static struct crew *crew_whose_store_fails_late(lc_behavior answer)
{
    struct crew *crew = crew_new();
    crew_player(crew, "journal", "");
    struct player *store = crew_player(crew, "store", "journal");
    store->end = PLAYER_FAILS;
    store->answers[0] = answer;
    check_log_capture();
    crew_begin(crew);
    RUNS(store, 1);
    crew_cancel(crew);
    CU_ASSERT_TRUE(check_log_has("store failed the 1. time"));
    BEFORE(crew, "store-1", "journal~1"); /* all the same */
    ASKED(store, 1);
    CU_ASSERT_PTR_EQUAL(STINT(store, 1).judged, STINT(store, 1).error);
    check_log_release();
    return crew;
}

static void another_error_is_logged_and_attached(void)
{
    static const lc_behavior answers[] = {LC_RESTART, LC_STOP, LC_STOP_PARENTS};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct crew *crew = crew_whose_store_fails_late(answers[i]);
        const lc_error *reason = lc_context_error(crew->context);
        CU_ASSERT_EQUAL(lc_error_code(crew->result), lc_error_code(reason));
        CU_ASSERT_TRUE(lc_error_contains(crew->result, reason));
        CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(crew->result), "store"));
        CU_ASSERT_EQUAL(crew->behavior, LC_STOP);
        crew_drop(crew);
    }
}

static void a_late_error_may_turn_the_stop_into_more(void)
{
    static const lc_behavior answers[] = {LC_SHUTDOWN, LC_SPIN_HALT};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct crew *crew = crew_whose_store_fails_late(answers[i]);
        CU_ASSERT_PTR_EQUAL(crew->result, STINT(&crew->players[1], 1).error);
        CU_ASSERT_EQUAL(crew->behavior, answers[i]);
        crew_drop(crew);
    }
}

static void an_error_of_a_node_that_is_shut_down_is_attached(void)
{
    struct crew *crew = crew_new();
    struct player *journal = crew_player(crew, "journal", "");
    struct player *store = crew_player(crew, "store", "journal");
    journal->answers[0] = LC_SHUTDOWN;
    store->end = PLAYER_FAILS;
    check_log_capture();
    crew_begin(crew);
    RUNS(store, 1);
    crew_order(journal, 1, CREW_FAIL);
    crew_end(crew);
    tells_of_late_failures(crew->result, STINT(journal, 1).error, "store",
                           "store failed the 1. time");
    CU_ASSERT_EQUAL(crew->behavior, LC_SHUTDOWN);
    ASKED(store, 1);
    check_log_release();
    crew_drop(crew);
}

/* It is told and asked about, and starts again all the same; nor is it part of how the run ends. */
static void an_error_of_what_restarts_along_is_told(void)
{
    struct crew *crew = crew_new();
    struct player *journal = crew_player(crew, "journal", "");
    struct player *store = crew_player(crew, "store", "journal+");
    store->end = PLAYER_FAILS;
    store->answers[0] = LC_STOP;
    check_log_capture();
    crew_begin(crew);
    RUNS(store, 1);
    crew_order(journal, 1, CREW_FAIL);
    RUNS(store, 2);
    CU_ASSERT_EQUAL(check_log_count("store failed the 1. time"), 1);
    ASKED(store, 1);
    crew_order(store, 2, CREW_RETURN);
    crew_sees(store, LC_NODE_DONE);
    crew_cancel(crew);
    CU_ASSERT_PTR_EQUAL(crew->result, lc_context_error(crew->context));
    check_log_release();
    crew_drop(crew);
}

/* F28: one node's answer stops another an instant before that one's own failure. */
static void a_halt_is_not_lost_to_a_stop(void)
{
    struct crew *crew = crew_new();
    struct player *base = crew_player(crew, "base", "");
    struct player *broken = crew_player(crew, "broken", "base");
    struct player *other = crew_player(crew, "other", "base");
    broken->answers[0] = LC_STOP_PARENTS;
    other->end = PLAYER_FAILS;
    other->answers[0] = LC_SPIN_HALT;
    check_log_capture();
    crew_begin(crew);
    RUNS(broken, 1);
    RUNS(other, 1);
    crew_order(broken, 1, CREW_FAIL);
    crew_end(crew);
    CU_ASSERT_EQUAL(crew->behavior, LC_SPIN_HALT);
    CU_ASSERT_PTR_EQUAL(crew->result, STINT(other, 1).error);
    CU_ASSERT_TRUE(lc_handle_is_closed(STINT(base, 1).left));
    check_log_release();
    crew_drop(crew);
}

/* The code counts: a worker makes an error of its own from what its wait has returned. */
static void an_error_of_the_same_code_is_clean(void)
{
    struct crew *crew = crew_new();
    struct player *store = crew_player(crew, "store", "");
    store->end = PLAYER_FAILS;
    lc_error_unref(STINT(store, 1).error);
    STINT(store, 1).error = lc_error_new(-ECANCELED, "sleep: canceled");
    check_log_capture();
    crew_begin(crew);
    RUNS(store, 1);
    crew_cancel(crew);
    CU_ASSERT_PTR_EQUAL(crew->result, lc_context_error(crew->context));
    CU_ASSERT_FALSE(check_log_has("sleep: canceled"));
    ASKED(store, 0);
    check_log_release();
    crew_drop(crew);
}

/* But only of a node that has been told to stop. */
static void an_error_of_that_code_is_judged_without_a_stop(void)
{
    struct crew *crew = crew_new();
    struct player *store = crew_player(crew, "store", "");
    store->answers[0] = LC_STOP;
    lc_error_unref(STINT(store, 1).error);
    STINT(store, 1).error = lc_error_new(-ECANCELED, "looks like a cancel");
    crew_begin(crew);
    crew_order(store, 1, CREW_FAIL);
    crew_end(crew);
    ASKED(store, 1);
    CU_ASSERT_PTR_EQUAL(crew->result, STINT(store, 1).error);
    crew_drop(crew);
}

/* ---- A34: no handler, or no such answer ---- */

static void without_a_handler_a_node_restarts(void)
{
    struct crew *crew = crew_new();
    struct player *store = crew_player(crew, "store", "");
    store->node.judge = NULL;
    check_log_capture();
    crew_begin(crew);
    crew_order(store, 1, CREW_FAIL);
    RUNS(store, 2);
    crew_order(store, 2, CREW_THROW);
    RUNS(store, 3);
    crew_cancel(crew);
    CU_ASSERT_TRUE(check_log_has("store failed the 1. time"));
    CU_ASSERT_TRUE(check_log_has("store failed the 2. time"));
    check_log_release();
    crew_drop(crew);
}

static void an_answer_outside_the_five_shuts_down(void)
{
    struct crew *crew = crew_new();
    struct player *store = crew_player(crew, "store", ""), *other = crew_player(crew, "other", "");
    store->answers[0] = (lc_behavior)4242;
    crew_begin(crew);
    RUNS(other, 1);
    crew_order(store, 1, CREW_FAIL);
    crew_end(crew);
    TELLS(crew->result, -EINVAL, "4242");
    TELLS(crew->result, -EINVAL, "store");
    CU_ASSERT_TRUE(lc_error_contains(crew->result, STINT(store, 1).error));
    CU_ASSERT_TRUE(lc_handle_is_closed(STINT(other, 1).left));
    MADE(store, 1);
    crew_drop(crew);
}

/* ---- restart types ---- */

static void a_permanent_node_restarts_also_when_it_completes(void)
{
    struct crew *crew = crew_new();
    struct player *ever = crew_player(crew, "ever", "");
    struct player *user = crew_player(crew, "user", "ever");
    ever->node.restart = LC_PERMANENT;
    crew_begin(crew);
    RUNS(user, 1);
    crew_order(ever, 1, CREW_RETURN);
    crew_order(ever, 2, CREW_FAIL);
    crew_order(ever, 3, CREW_RETURN);
    RUNS(ever, 4);
    NOT_TOLD(user, 1);
    crew_cancel(crew);
    ASKED(ever, 1);
    crew_drop(crew);
}

static void a_temporary_node_stops_instead_of_restarting(void)
{
    struct crew *crew = crew_new();
    struct player *once = crew_player(crew, "once", "");
    struct player *user = crew_player(crew, "user", "once");
    struct player *completing = crew_player(crew, "completing", "");
    once->node.restart = completing->node.restart = LC_TEMPORARY;
    check_log_capture();
    crew_begin(crew);
    RUNS(user, 1);
    crew_order(once, 1, CREW_FAIL);
    LEAVES(user, 1);
    crew_order(completing, 1, CREW_RETURN);
    crew_end(crew);
    CU_ASSERT_PTR_EQUAL(crew->result, STINT(once, 1).error);
    MADE(once, 1);
    MADE(user, 1);
    check_log_release();
    crew_drop(crew);
}

/* ---- a cancel meanwhile ---- */

static void an_error_thrown_before_the_cancel_is_judged_and_nothing_restarts(void)
{
    struct crew *crew = crew_new();
    struct player *store = crew_player(crew, "store", "");
    store->end = PLAYER_STAYS;
    crew_begin(crew);
    crew_order(store, 1, CREW_SIGNAL);
    crew_sees(store, LC_NODE_FAILING);
    lc_context_cancel(crew->context, NULL);
    crew_order(store, 1, CREW_RETURN);
    crew_end(crew);
    CU_ASSERT_PTR_EQUAL(crew->result, lc_context_error(crew->context));
    ASKED(store, 1);
    MADE(store, 1);
    crew_drop(crew);
}

/* ---- supervisors as nodes ---- */

/* A crew whose supervisor is what the factory of another's node makes. */
static lc_error *make_inner(lc_component **component, void *arg)
{
    struct crew *inner = arg;
    *component = lc_supervisor_component(lc_supervisor_ref(inner->supervisor));
    return NULL;
}

static struct player *nest(struct crew *outer, struct crew *inner, const char *name)
{
    struct player *player = crew_player(outer, name, "");
    for (unsigned i = 0; i < inner->count; i++)
        CHECK_SUCCESS(crew_join(&inner->players[i]));
    player->node.factory = make_inner;
    player->node.arg = inner;
    player->node.judge = NULL;
    return player;
}

static void a_supervisor_may_be_a_node(void)
{
    struct crew *outer = crew_new(), *inner = crew_new();
    struct player *journal = crew_player(inner, "journal", "");
    struct player *store = crew_player(inner, "store", "journal");
    struct player *setup = crew_player(inner, "setup", "");
    store->slow = true;
    nest(outer, inner, "storage");
    struct player *front = crew_player(outer, "front", "storage");
    front->end = PLAYER_STAYS;
    crew_begin(outer);
    crew_order(setup, 1, CREW_RETURN);
    RUNS(store, 1);
    MADE(front, 0); /* not before all of the storage is ready */
    crew_order(store, 1, CREW_READY);
    RUNS(front, 1);
    crew_order(journal, 1, CREW_FAIL); /* which is dealt with inside */
    RUNS(journal, 2);
    NOT_TOLD(front, 1);
    lc_context_cancel(outer->context, NULL);
    IS_TOLD(front, 1);
    NOT_TOLD(store, 1);
    crew_order(front, 1, CREW_RETURN);
    crew_end(outer);
    CHECK_CLOSES(lc_supervisor_done(inner->supervisor));
    BEFORE(inner, "store-1", "journal~2");
    CU_ASSERT_PTR_EQUAL(outer->result, lc_context_error(outer->context));
    crew_drop(outer);
    crew_drop(inner);
}

static void a_supervisor_that_completes_is_a_node_that_does(void)
{
    struct crew *outer = crew_new(), *inner = crew_new();
    struct player *setup = crew_player(inner, "setup", "");
    nest(outer, inner, "setups");
    struct player *after = crew_player(outer, "after", "setups:completed");
    crew_begin(outer);
    crew_order(setup, 1, CREW_RETURN);
    crew_order(after, 1, CREW_RETURN);
    crew_end(outer);
    CU_ASSERT_PTR_NULL(outer->result);
    crew_drop(outer);
    crew_drop(inner);
}

/* What an inner handler answers the outer supervisor does, too. */
static void goes_through(lc_behavior answer)
{
    struct crew *outer = crew_new(), *inner = crew_new();
    struct player *store = crew_player(inner, "store", "");
    struct player *beside = crew_player(inner, "beside", "");
    struct player *storage = nest(outer, inner, "storage");
    struct player *front = crew_player(outer, "front", "storage");
    struct player *other = crew_player(outer, "other", "");
    store->answers[0] = answer;
    check_log_capture();
    crew_begin(outer);
    RUNS(front, 1);
    RUNS(other, 1);
    RUNS(beside, 1);
    crew_order(store, 1, CREW_FAIL);
    crew_end(outer);
    CU_ASSERT_PTR_EQUAL(outer->result, STINT(store, 1).error);
    CU_ASSERT_EQUAL(outer->behavior, answer);
    CU_ASSERT_TRUE(lc_handle_is_closed(STINT(beside, 1).left));
    CU_ASSERT_TRUE(lc_handle_is_closed(STINT(front, 1).left));
    CU_ASSERT_TRUE(lc_handle_is_closed(STINT(other, 1).left));
    lc_behavior behavior = LC_RESTART;
    lc_error *result = lc_supervisor_result(inner->supervisor, &behavior);
    CU_ASSERT_PTR_EQUAL(result, STINT(store, 1).error);
    CU_ASSERT_EQUAL(behavior, answer);
    lc_error_unref(result);
    (void)storage;
    check_log_release();
    crew_drop(outer);
    crew_drop(inner);
}

/* What fails inside while everything stops is known outside, too. */
static void a_late_error_inside_is_told_outside(void)
{
    struct crew *outer = crew_new(), *inner = crew_new();
    struct player *store = crew_player(inner, "store", "");
    store->end = PLAYER_FAILS;
    nest(outer, inner, "storage");
    check_log_capture();
    crew_begin(outer);
    RUNS(store, 1);
    crew_cancel(outer);
    CU_ASSERT_TRUE(lc_error_contains(outer->result, lc_context_error(outer->context)));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(outer->result), "storage"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(outer->result), "store failed the 1. time"));
    check_log_release();
    crew_drop(outer);
    crew_drop(inner);
}

/* So is a halt, which an inner handler answers about it. */
static void a_late_halt_inside_halts_outside(void)
{
    struct crew *outer = crew_new(), *inner = crew_new();
    struct player *store = crew_player(inner, "store", "");
    store->end = PLAYER_FAILS;
    store->answers[0] = LC_SPIN_HALT;
    nest(outer, inner, "storage");
    check_log_capture();
    crew_begin(outer);
    RUNS(store, 1);
    crew_cancel(outer);
    CU_ASSERT_EQUAL(outer->behavior, LC_SPIN_HALT);
    CU_ASSERT_TRUE(lc_error_contains(outer->result, STINT(store, 1).error));
    check_log_release();
    crew_drop(outer);
    crew_drop(inner);
}

static void a_shutdown_inside_shuts_down_outside(void)
{
    goes_through(LC_SHUTDOWN);
}

static void a_spin_halt_inside_halts_outside(void)
{
    goes_through(LC_SPIN_HALT);
}

/* Two supervisors that are made one after the other. */
struct successors {
    struct crew *crews[2];
    unsigned made;
    unsigned asked;
    lc_error *judged;
};

static lc_error *make_successor(lc_component **component, void *arg)
{
    struct successors *successors = arg;
    return make_inner(component, successors->crews[successors->made++]);
}

static lc_behavior restart_successor(const lc_failure *failure, void *arg)
{
    struct successors *successors = arg;
    successors->judged = lc_error_ref(failure->error);
    successors->asked++;
    return LC_RESTART;
}

static void a_handler_outside_judges_what_comes_from_inside(lc_behavior inside)
{
    struct crew *outer = crew_new();
    struct successors successors = {.crews = {crew_new(), crew_new()}};
    struct player *first = crew_player(successors.crews[0], "store", "");
    struct player *second = crew_player(successors.crews[1], "store", "");
    struct player *storage = nest(outer, successors.crews[0], "storage");
    struct player *front = crew_player(outer, "front", "storage");
    CHECK_SUCCESS(crew_join(second));
    storage->node.factory = make_successor;
    storage->node.judge = restart_successor;
    storage->node.arg = storage->node.judge_arg = &successors;
    first->answers[0] = inside;
    check_log_capture();
    crew_begin(outer);
    RUNS(front, 1);
    crew_order(first, 1, CREW_FAIL);
    RUNS(second, 1);
    NOT_TOLD(front, 1);
    CU_ASSERT_EQUAL(successors.asked, 1);
    CU_ASSERT_PTR_EQUAL(successors.judged, STINT(first, 1).error);
    lc_error_unref(successors.judged);
    crew_cancel(outer);
    check_log_release();
    crew_drop(outer);
    crew_drop(successors.crews[0]);
    crew_drop(successors.crews[1]);
}

static void a_handler_outside_judges_a_shutdown_inside(void)
{
    a_handler_outside_judges_what_comes_from_inside(LC_SHUTDOWN);
}

static void a_handler_outside_judges_a_halt_inside(void)
{
    a_handler_outside_judges_what_comes_from_inside(LC_SPIN_HALT);
}

static void a_handler_outside_judges_what_has_stopped_inside(void)
{
    a_handler_outside_judges_what_comes_from_inside(LC_STOP);
}

static void a_bad_graph_inside_is_an_error_of_its_node(void)
{
    struct crew *outer = crew_new(), *inner = crew_new();
    struct player *store = crew_player(inner, "store", "journal");
    struct successors successors = {.crews = {inner, inner}};
    struct player *storage = nest(outer, inner, "storage");
    storage->node.factory = make_successor;
    storage->node.judge = restart_successor;
    storage->node.arg = storage->node.judge_arg = &successors;
    storage->node.restart = LC_TEMPORARY;
    check_log_capture();
    crew_begin(outer);
    crew_end(outer);
    TELLS(outer->result, -ENOENT, "\"journal\"");
    CU_ASSERT_EQUAL(successors.asked, 1);
    lc_error_unref(successors.judged);
    MADE(store, 0);
    check_log_release();
    crew_drop(outer);
    crew_drop(inner);
}

CHECK_SUITE_IN_MODES(
    supervisor_behaviors, "conformance: supervisor: behaviors",
    {"an error is judged once its instance is done, however it was reported",
     errors_are_judged_once_their_instance_is_done},
    {"of many errors of one instance the first is judged, the others are logged",
     of_many_errors_the_first_is_judged},
    {"a handler that blocks holds up no other node", a_handler_that_blocks_holds_up_no_other_node},
    {"A28 a node restarts alone", a_node_restarts_alone},
    {"A28 what restarts waits for its dependencies", what_restarts_waits_for_its_dependencies},
    {"A28 dependants restart along where their edge asks for it, in order",
     dependants_that_ask_for_it_restart_along},
    {"A29 stop takes the descendants along, in order, and nobody else",
     stop_takes_descendants_along},
    {"A29 stop-parents takes the ancestors along, and all their descendants",
     stop_parents_takes_ancestors_and_all_their_descendants},
    {"A30 shutdown stops everything in order, then the run returns the error",
     shutdown_stops_everything_in_order},
    {"A30 a shutdown waits for handlers, not for pauses, and nothing starts any more",
     a_shutdown_waits_for_handlers_and_for_no_pause},
    {"A30 of two shutdowns the first counts", the_first_shutdown_counts},
    {"A32 an error that holds the cancel cause is dropped",
     an_error_around_the_cancel_cause_is_dropped},
    {"A32 any other is logged, attached to the run's error, and put to the handler",
     another_error_is_logged_and_attached},
    {"A32 of whose answers shutdown and spin-halt count", a_late_error_may_turn_the_stop_into_more},
    {"A32 so is one of a node that is shut down", an_error_of_a_node_that_is_shut_down_is_attached},
    {"A32 one of a node that restarts along is told, and no part of the run's end",
     an_error_of_what_restarts_along_is_told},
    {"A32 a halt is not lost when another node's error has told this one to stop",
     a_halt_is_not_lost_to_a_stop},
    {"A32 an error of the code of the context's error is clean",
     an_error_of_the_same_code_is_clean},
    {"A32 without an order to stop it is judged", an_error_of_that_code_is_judged_without_a_stop},
    {"A34 without a handler a node restarts, and its error is logged",
     without_a_handler_a_node_restarts},
    {"A34 an answer outside the five shuts down, and is named",
     an_answer_outside_the_five_shuts_down},
    {"a permanent node restarts also when it completes",
     a_permanent_node_restarts_also_when_it_completes},
    {"a temporary node stops instead of restarting", a_temporary_node_stops_instead_of_restarting},
    {"an error thrown before the cancel is judged, and nothing restarts",
     an_error_thrown_before_the_cancel_is_judged_and_nothing_restarts},
    {"a supervisor may be a node of another", a_supervisor_may_be_a_node},
    {"a supervisor that completes is a node that does",
     a_supervisor_that_completes_is_a_node_that_does},
    {"A30 a shutdown inside shuts down the supervisor outside",
     a_shutdown_inside_shuts_down_outside},
    {"A31 a spin-halt inside halts the supervisor outside", a_spin_halt_inside_halts_outside},
    {"A32 a late error inside is told outside", a_late_error_inside_is_told_outside},
    {"A32 a late halt inside halts the supervisor outside", a_late_halt_inside_halts_outside},
    {"a handler outside judges a shutdown inside", a_handler_outside_judges_a_shutdown_inside},
    {"a handler outside judges a spin-halt inside", a_handler_outside_judges_a_halt_inside},
    {"a handler outside judges an error that has stopped what is inside",
     a_handler_outside_judges_what_has_stopped_inside},
    {"a bad graph inside is an error of its node", a_bad_graph_inside_is_an_error_of_its_node});
