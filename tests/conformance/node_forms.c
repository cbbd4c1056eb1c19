/*
 * node_forms.c: what a node can be made of, what it is told of its failures, what the log says of
 * them, and what others can ask about it. Each test is a service in a simulation, over some seeds.
 */
#include "support/check.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the tests share ---- */

/* Args are not const. */
static char name_a[] = "a", name_b[] = "b", name_c[] = "c", name_d[] = "d", name_n[] = "n",
            name_o[] = "o", name_store[] = "store", name_x[] = "x", name_y[] = "y";

#define SEEDS 200

/* What the nodes of a seed have done. Reset before each. */
static struct state {
    atomic_uint starts, made, freed;
    atomic_uint fail_starts;   /* so many starts fail before they are ready */
    _Atomic int64_t ready_for; /* of an instance that fails once it was ready */
    lc_failure failure;        /* the last; its pointers are gone. Complete before `asked` grows */
    atomic_uint asked;
    atomic_int code;           /* of the failure's error */
    _Atomic int64_t failed_at; /* when the judge was asked */
    _Atomic int64_t again_at;  /* when the instance after that began */
    lc_behavior answer;
    atomic_bool as_proposed;
    _Atomic(lc_supervisor *) supervisor; /* that a worker has found above its context */
    char order[64];                      /* a letter a start */
    atomic_uint length;                  /* of it */
} state;

static void begin(void *arg)
{
    (void)arg;
    state = (struct state){.as_proposed = true};
}

/* In a test that runs in the simulation: a failed claim is the test's error. */
#define CLAIM(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return lc_error_new(-EPROTO, "line %d: %s", __LINE__, #condition);                     \
    } while (0)

static void passes(lc_error *error)
{
    CU_ASSERT_PTR_NULL(error);
    if (error)
        printf("\n    %s\n", lc_error_message(error));
    lc_error_unref(error);
}

/* Quietly: what is logged is counted where it matters. */
#define SIMULATE(before, ...)                                                                      \
    passes(                                                                                        \
        lc_simulate(LC_SIMULATION(.seed = check_seed(), .seeds = check_count(SEEDS, 10 * SEEDS),   \
                                  .begin = before, __VA_ARGS__)))

static lc_error *wait_for_end(lc_context *context)
{
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static bool becomes_ready(lc_supervisor *supervisor)
{
    return lc_handle_wait(lc_supervisor_ready(supervisor), lc_deadline_after(LC_HOUR)) == 0;
}

/* ---- forms ---- */

static lc_error *note_start(lc_context *context, lc_ready *ready, void *arg)
{
    unsigned place = state.length++;
    if (place < sizeof state.order - 1)
        state.order[place] = *(const char *)arg;
    state.starts++;
    lc_ready_signal(ready);
    return wait_for_end(context);
}

static lc_error *starts_in_order(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    CLAIM(becomes_ready(supervisor));
    CLAIM(strcmp(state.order, "abcd") == 0);
    return NULL;
}

static void one_worker_and_needs(void)
{
    SIMULATE(begin, .test = starts_in_order,
             .nodes = LC_NODES(
                 LC_NODE(.name = "d", .run = note_start, .arg = name_d, .needs = {"b", "c"}),
                 LC_NODE(.name = "c", .run = note_start, .arg = name_c, .kind = LC_FIBER,
                         .needs = {"b"}),
                 LC_NODE(.name = "b", .run = note_start, .arg = name_b,
                         .dependencies = LC_DEPENDENCIES(LC_DEPENDENCY(.name = "a"))),
                 LC_NODE(.name = "a", .run = note_start, .arg = name_a)));
}

static lc_error *starts_both(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    CLAIM(becomes_ready(supervisor));
    CLAIM(state.starts == 2);
    CLAIM(strchr(state.order, 'n') && strchr(state.order, 'o'));
    return NULL;
}

static void several_workers(void)
{
    SIMULATE(begin, .test = starts_both,
             .nodes = LC_NODES(LC_NODE(.name = "pair", .arg = name_n,
                                       .workers = LC_WORKERS(
                                           {.name = "one", .run = note_start},
                                           {.name = "own", .run = note_start, .arg = name_o}))));
}

static lc_error *note_runnable(lc_context *context, void *arg)
{
    (void)arg;
    state.starts++;
    lc_runnable_signal_healthy(context);
    return wait_for_end(context);
}

static lc_error *note_entry(void *arg)
{
    lc_receive_port port;
    (void)arg;
    state.starts++;
    return lc_port_open(NULL, &port); /* for which it lives */
}

static lc_error *starts_all(lc_supervisor *supervisor, void *arg)
{
    CLAIM(becomes_ready(supervisor));
    CLAIM(state.starts == *(const unsigned *)arg);
    return NULL;
}

static void tree_isolate_and_nested_nodes(void)
{
    unsigned starts = 4;
    SIMULATE(begin, .test = starts_all, .arg = &starts,
             .nodes = LC_NODES(
                 LC_NODE(.name = "tree", .tree = LC_TREE(.root = LC_CHILD(.run = note_runnable))),
                 LC_NODE(.name = "isolate", .isolate = LC_ISOLATE(.entry = note_entry)),
                 LC_NODE(.name = "inner",
                         .nodes = LC_NODES(LC_NODE(.name = "x", .run = note_start, .arg = name_x),
                                           LC_NODE(.name = "y", .run = note_start, .arg = name_y,
                                                   .needs = {"x"})))));
}

/* ---- the data of an instance ---- */

static lc_error *make_data(void **data, void *arg)
{
    if (state.made == *(const unsigned *)arg)
        return lc_error_new(-ENOSPC, "no room for data %u", ++state.made);
    state.made++;
    *data = malloc(1);
    return *data ? NULL : lc_error_new(-ENOMEM, "no memory");
}

static void free_data(void *data)
{
    state.freed++;
    free(data);
}

/* Makes what only one instance can have, as a file that is locked. */
static lc_error *make_only_data(void **data, void *arg)
{
    if (state.made > state.freed)
        return lc_error_new(-EBUSY, "data %u has not been freed", state.made);
    return make_data(data, arg);
}

static void free_slowly(void *data)
{
    lc_sleep(LC_SECOND);
    free_data(data);
}

/* The first instance fails once it is ready; the next stay. */
static lc_error *use_data(lc_context *context, lc_ready *ready, void *arg)
{
    bool first = ++state.starts == 1;
    *(char *)arg = 'x'; /* a sanitizer sees if it is freed, or none */
    lc_ready_signal(ready);
    if (first)
        return lc_error_new(-EIO, "the first one");
    lc_error *ended = wait_for_end(context);
    *(char *)arg = 'y';
    return ended;
}

static lc_error *has_new_data(lc_supervisor *supervisor, void *arg)
{
    lc_node_status store;
    unsigned fails_at = *(const unsigned *)arg;
    while (state.starts < 2)
        lc_sleep(LC_SECOND);
    CLAIM(lc_supervisor_node(supervisor, "store", &store) == 0);
    CLAIM(state.made == 2 + (fails_at == 1));
    CLAIM(state.freed == 1);
    CLAIM(store.state == LC_NODE_READY);
    return NULL;
}

static void each_instance_has_its_data(void)
{
    unsigned never = 99, second = 1;
    check_log_capture();
    SIMULATE(begin, .test = has_new_data, .arg = &never,
             .nodes = LC_NODES(LC_NODE(.name = "store", .run = use_data, .arg = &never,
                                       .make = make_data, .free = free_data)));
    CU_ASSERT_EQUAL(state.freed, state.made);
    /* A later make that fails is a failure as any other. */
    SIMULATE(begin, .test = has_new_data, .arg = &second,
             .nodes = LC_NODES(LC_NODE(.name = "store", .run = use_data, .arg = &second,
                                       .make = make_data, .free = free_data)));
    CU_ASSERT_EQUAL(state.freed + 1, state.made);
    check_log_release();
}

/* The end of the run is seen from a fiber of its own. */
static lc_error *has_only_data(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    CLAIM(lc_handle_wait(lc_supervisor_done(supervisor), lc_deadline_after(LC_HOUR)) == 0);
    CLAIM(state.starts == 2);
    CLAIM(state.made == 2);
    CLAIM(state.freed == 2);
    return lc_supervisor_result(supervisor, NULL);
}

/* As use_data, but the second instance ends by itself. */
static lc_error *use_data_twice(lc_context *context, lc_ready *ready, void *arg)
{
    if (state.starts == 0)
        return use_data(context, ready, arg);
    state.starts++;
    *(char *)arg = 'z';
    lc_ready_signal(ready);
    return NULL;
}

static void data_is_freed_before_the_next_is_made(void)
{
    unsigned never = 99;
    check_log_capture();
    SIMULATE(begin, .test = has_only_data,
             .nodes = LC_NODES(LC_NODE(.name = "store", .run = use_data_twice, .arg = &never,
                                       .make = make_only_data, .free = free_slowly)));
    check_log_release();
}

static lc_error *is_stopped(lc_supervisor *supervisor, void *arg)
{
    lc_node_status store;
    (void)arg;
    CLAIM(lc_handle_wait(lc_supervisor_done(supervisor), lc_deadline_after(LC_HOUR)) == 0);
    CLAIM(lc_supervisor_node(supervisor, "store", &store) == 0);
    CLAIM(store.state == LC_NODE_STOPPED);
    CLAIM(state.starts == 0 && state.freed == 0);
    CHECK_ERROR(lc_supervisor_result(supervisor, &state.answer), -ENOSPC);
    return NULL;
}

static void first_make_that_fails_stops_the_node(void)
{
    unsigned first = 0;
    check_log_capture();
    SIMULATE(begin, .test = is_stopped,
             .nodes = LC_NODES(LC_NODE(.name = "store", .run = use_data, .arg = &first,
                                       .make = make_data, .free = free_data)));
    CU_ASSERT_EQUAL(state.answer, LC_STOP);
    SIMULATE(begin, .test = is_stopped,
             .nodes = LC_NODES(LC_NODE(.name = "store", .run = use_data, .arg = &first,
                                       .make = make_data, .free = free_data,
                                       .first_start = LC_SHUTDOWN)));
    CU_ASSERT_EQUAL(state.answer, LC_SHUTDOWN);
    CU_ASSERT_TRUE(check_log_has("store: could not be made: no room for data 1; stop"));
    CU_ASSERT_TRUE(check_log_has("store: could not be made: no room for data 1; shutdown"));
    check_log_release();
}

/* ---- policies ---- */

/* Fails its first starts before it is ready; then once, after having been ready for a while. */
static lc_error *fail_for_a_while(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    state.starts++;
    if (state.failed_at > 0 && state.again_at == 0)
        state.again_at = lc_now();
    if (state.starts <= state.fail_starts) {
        lc_context_sleep(context, 2 * LC_SECOND);
        return lc_error_new(-EADDRINUSE, "the port is taken");
    }
    lc_ready_signal(ready);
    if (state.ready_for == 0 || lc_context_sleep(context, state.ready_for) != 0)
        return wait_for_end(context);
    state.ready_for = 0;
    return lc_error_new(-ENOSPC, "disk full");
}

static lc_error *ends_by(lc_supervisor *supervisor, void *arg)
{
    const int *codes = arg;
    lc_behavior behavior;
    CLAIM(lc_handle_wait(lc_supervisor_done(supervisor), lc_deadline_after(LC_HOUR)) == 0);
    lc_error *result = lc_supervisor_result(supervisor, &behavior);
    int code = lc_error_code(result);
    lc_error_unref(result);
    CLAIM(code == codes[0] && (int)behavior == codes[1] && (int)state.starts == codes[2]);
    return NULL;
}

static void fail_at_first(void *arg)
{
    begin(arg);
    state.fail_starts = 1;
}

static void fail_when_ready(void *arg)
{
    begin(arg);
    state.ready_for = LC_MINUTE;
}

static void first_start_ends_the_run(void)
{
    int at_first[] = {-EADDRINUSE, LC_SHUTDOWN, 1};
    check_log_capture();
    SIMULATE(fail_at_first, .test = ends_by, .arg = at_first,
             .nodes = LC_NODES(
                 LC_NODE(.name = "listener", .run = fail_for_a_while, .first_start = LC_SHUTDOWN),
                 LC_NODE(.name = "other", .run = lc_noop_worker)));
    CU_ASSERT_EQUAL(check_log_count("the port is taken; shutdown"), check_count(SEEDS, 10 * SEEDS));
    check_log_release();
}

static lc_error *restarts_once(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor;
    (void)arg;
    lc_sleep(LC_HOUR);
    CLAIM(state.starts == 2);
    return NULL;
}

static void later_failure_is_no_first_start(void)
{
    check_log_capture();
    SIMULATE(fail_when_ready, .test = restarts_once,
             .nodes = LC_NODES(
                 LC_NODE(.name = "listener", .run = fail_for_a_while, .first_start = LC_SHUTDOWN)));
}

static void on_error_decides_without_a_judge(void)
{
    int stop[] = {-ENOSPC, LC_STOP, 1}, shutdown[] = {-ENOSPC, LC_SHUTDOWN, 1};
    check_log_capture();
    SIMULATE(fail_when_ready, .test = ends_by, .arg = stop,
             .nodes =
                 LC_NODES(LC_NODE(.name = "store", .run = fail_for_a_while, .on_error = LC_STOP)));
    CU_ASSERT_TRUE(check_log_has("store: failed after 60.0 s ready: disk full; stop"));
    SIMULATE(fail_when_ready, .test = ends_by, .arg = shutdown,
             .nodes = LC_NODES(
                 LC_NODE(.name = "store", .run = fail_for_a_while, .on_error = LC_SHUTDOWN),
                 LC_NODE(.name = "other", .run = lc_noop_worker)));
    CU_ASSERT_TRUE(check_log_has("store: failed after 60.0 s ready: disk full; shutdown"));
    check_log_release();
}

/* ---- what a judge is told ---- */

static lc_behavior note_failure(const lc_failure *failure, void *arg)
{
    state.failure = *failure;
    state.code = lc_error_code(failure->error);
    state.as_proposed = strcmp(failure->node, arg) == 0;
    state.asked++;
    state.failed_at = lc_now();
    state.again_at = 0;
    return failure->proposed;
}

static lc_error *judge_is_told(lc_supervisor *supervisor, void *arg)
{
    const lc_failure *failure = &state.failure;
    (void)arg;
    CLAIM(becomes_ready(supervisor));
    CLAIM(state.asked == 2 && state.as_proposed && state.code == -EADDRINUSE);
    CLAIM(failure->size == sizeof *failure);
    CLAIM(failure->instance == 2 && failure->restarts == 1);
    CLAIM(!failure->was_ready && failure->ready_for == 0 && !failure->stopping);
    CLAIM(failure->ran == 2 * LC_SECOND);
    CLAIM(failure->proposed == LC_RESTART);
    CLAIM(failure->pause > 0 && state.again_at - state.failed_at == failure->pause);
    while (state.asked == 2)
        lc_sleep(LC_SECOND);
    CLAIM(state.code == -ENOSPC && failure->was_ready && failure->instance == 3);
    CLAIM(failure->ready_for == LC_MINUTE && failure->ran == LC_MINUTE);
    CLAIM(failure->pause == 0); /* after a steady life */
    lc_sleep(LC_SECOND);
    return NULL;
}

static void fail_twice_and_when_ready(void *arg)
{
    begin(arg);
    state.fail_starts = 2;
    state.ready_for = LC_MINUTE;
}

static void judge_is_told_all(void)
{
    check_log_capture();
    SIMULATE(fail_twice_and_when_ready, .test = judge_is_told,
             .nodes = LC_NODES(LC_NODE(.name = "store", .run = fail_for_a_while, .arg = name_store,
                                       .judge = note_failure)));
    unsigned seeds = check_count(SEEDS, 10 * SEEDS);
    CU_ASSERT_EQUAL(
        check_log_count(
            "store: failed after 2.0 s, not ready: the port is taken; restart 1 in 0.1"),
        seeds);
    CU_ASSERT_EQUAL(check_log_count("store: ready again after restart 2"), seeds);
    CU_ASSERT_EQUAL(
        check_log_count("store: failed after 60.0 s ready: disk full; restart 3 at once"), seeds);
    CU_ASSERT_EQUAL(check_log_count("store: ready again after restart 3"), seeds);
    check_log_release();
}

static lc_error *fail_when_told(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_new(-EIO, "cannot flush");
}

static lc_error *leave_it(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    CLAIM(becomes_ready(supervisor));
    return NULL;
}

static void judge_is_told_of_late_errors(void)
{
    check_log_capture();
    for (uint64_t seed = 0; seed < 20; seed++) {
        begin(NULL);
        /* The late error is what the run leaves behind. */
        CHECK_ERROR(
            lc_simulate(LC_SIMULATION(.seed = seed, .test = leave_it,
                                      .nodes = LC_NODES(
                                          LC_NODE(.name = "store", .run = fail_when_told,
                                                  .arg = name_store, .judge = note_failure)))),
            -ECANCELED);
        CU_ASSERT_EQUAL(state.asked, 1);
        CU_ASSERT_TRUE(state.failure.stopping);
        CU_ASSERT_EQUAL(state.failure.pause, 0);
        CU_ASSERT_EQUAL(state.code, -EIO);
    }
    check_log_release();
}

static void states_are_logged(void)
{
    check_log_capture();
    SIMULATE(begin, .test = leave_it,
             .supervisor = LC_SUPERVISOR(.name = "shop", .log_states = true),
             .nodes = LC_NODES(LC_NODE(.name = "store", .run = lc_noop_worker)));
    CU_ASSERT_EQUAL(check_log_count("shop/store: starting"), check_count(SEEDS, 10 * SEEDS));
    CU_ASSERT_EQUAL(check_log_count("shop/store: ready"), check_count(SEEDS, 10 * SEEDS));
    CU_ASSERT_EQUAL(check_log_count("shop/store: stopping"), check_count(SEEDS, 10 * SEEDS));
    CU_ASSERT_EQUAL(check_log_count("shop/store: stopped"), check_count(SEEDS, 10 * SEEDS));
    check_log_release();
}

/* ---- what others ask ---- */

static lc_error *find_supervisor(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_context *below = lc_context_new(context);
    state.supervisor = lc_context_supervisor(below);
    lc_context_unref(below);
    lc_ready_signal(ready);
    return wait_for_end(context);
}

static lc_error *is_found(lc_supervisor *supervisor, void *arg)
{
    lc_node_status status;
    (void)arg;
    CLAIM(becomes_ready(supervisor));
    CLAIM(state.supervisor == supervisor);
    CLAIM(lc_context_supervisor(NULL) == NULL);
    CLAIM(lc_supervisor_node(supervisor, "nothing", &status) == -ENOENT);
    CLAIM(lc_supervisor_node(supervisor, NULL, &status) == -EINVAL);
    CLAIM(lc_supervisor_node(supervisor, "finder", NULL) == -EINVAL);
    CLAIM(lc_supervisor_node(NULL, "finder", &status) == -EINVAL);
    CLAIM(lc_supervisor_node(supervisor, "finder", &status) == 0);
    CLAIM(strcmp(status.name, "finder") == 0 && status.state == LC_NODE_READY);
    CLAIM(status.instance == 1 && status.restarts == 0 && !status.error && !*status.waits_for);
    return NULL;
}

static void worker_finds_its_supervisor(void)
{
    SIMULATE(begin, .test = is_found,
             .nodes = LC_NODES(LC_NODE(.name = "finder", .run = find_supervisor)));
}

static lc_error *over_closes_at_the_end(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    lc_handle *gone = lc_supervisor_node_over(supervisor, "nothing");
    lc_handle *over = lc_supervisor_node_over(supervisor, "store");
    lc_handle *same = lc_supervisor_node_over(supervisor, "store");
    bool at_once = lc_handle_is_closed(gone), open = !lc_handle_is_closed(over);
    while (state.starts < 2) /* a restart is no end */
        lc_sleep(LC_SECOND);
    bool open_still = !lc_handle_is_closed(over) && !lc_handle_is_closed(same);
    int closed = lc_handle_wait(over, lc_deadline_after(LC_HOUR));
    lc_handle *late = lc_supervisor_node_over(supervisor, "store");
    bool late_closed = lc_handle_is_closed(late) && lc_handle_is_closed(same);
    lc_handle_unref(gone);
    lc_handle_unref(over);
    lc_handle_unref(same);
    lc_handle_unref(late);
    CLAIM(at_once && open && open_still && closed == 0 && late_closed);
    return NULL;
}

static lc_error *fail_thrice(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    state.starts++;
    lc_ready_signal(ready);
    lc_context_sleep(context, LC_MINUTE);
    return lc_error_new(-EIO, "failure %u", state.starts);
}

static void over_is_heard(void)
{
    check_log_capture();
    SIMULATE(begin, .test = over_closes_at_the_end,
             .nodes = LC_NODES(
                 LC_NODE(.name = "store", .run = fail_thrice,
                         .intensity = {.restarts = 2, .period = LC_HOUR, .exceeded = LC_STOP}),
                 LC_NODE(.name = "other", .run = lc_noop_worker)));
    check_log_release();
}

static lc_handle *held;

static lc_error *hold_over(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    CLAIM(becomes_ready(supervisor));
    lc_handle_unref(held);
    held = lc_supervisor_node_over(supervisor, "store");
    CLAIM(held && !lc_handle_is_closed(held));
    return NULL;
}

static void over_closes_with_the_supervisor(void)
{
    SIMULATE(begin, .test = hold_over,
             .nodes = LC_NODES(LC_NODE(.name = "store", .run = lc_noop_worker)));
    CU_ASSERT_TRUE(lc_handle_is_closed(held));
    lc_handle_unref(held);
    held = NULL;
    /* Of a supervisor that never runs too. */
    lc_supervisor *supervisor;
    CHECK_SUCCESS(lc_supervisor_new(
        LC_SUPERVISOR(.nodes = LC_NODES(LC_NODE(.name = "store", .run = lc_noop_worker))),
        &supervisor));
    lc_handle *over = lc_supervisor_node_over(supervisor, "store");
    CHECK_OPEN(over);
    lc_supervisor_unref(supervisor);
    CU_ASSERT_TRUE(lc_handle_is_closed(over));
    lc_handle_unref(over);
    over = lc_supervisor_node_over(NULL, "store");
    CU_ASSERT_TRUE(lc_handle_is_closed(over));
    lc_handle_unref(over);
}

/* ---- calls in a callback of the handle that closes at the end of a temporary node ---- */

static struct {
    lc_supervisor *supervisor;
    lc_handle *over, *finish, *heard;
    int remove_code, add_code;
} temporary;

static lc_error *end_when_told(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    lc_context_wait(context, temporary.finish, LC_FOREVER);
    return NULL;
}

static int code_of(lc_error *error)
{
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code;
}

static void remove_in_callback(void *arg)
{
    (void)arg;
    temporary.remove_code = code_of(lc_supervisor_remove(temporary.supervisor, "job", LC_NOW));
    lc_handle_close(temporary.heard);
}

static void add_in_callback(void *arg)
{
    (void)arg;
    temporary.add_code = code_of(lc_supervisor_add(
        temporary.supervisor, LC_NODE(.name = "new", .run = lc_noop_worker, .needs = {"job"})));
    lc_handle_close(temporary.heard);
}

static lc_error *hear_job_end(lc_supervisor *supervisor, void (*callback)(void *arg))
{
    temporary.supervisor = supervisor;
    CLAIM(becomes_ready(supervisor));
    temporary.over = lc_supervisor_node_over(supervisor, "job");
    CLAIM(temporary.over && !lc_handle_is_closed(temporary.over));
    CLAIM(lc_handle_on_close(temporary.over, callback, NULL, NULL) == 0);
    lc_handle_close(temporary.finish);
    CLAIM(lc_handle_wait(temporary.heard, lc_deadline_after(LC_HOUR)) == 0);
    return NULL;
}

/* The job is forgotten; the others are there, and the name is free. */
static lc_error *job_is_gone(lc_supervisor *supervisor)
{
    lc_node_status status;
    CLAIM(lc_supervisor_node(supervisor, "job", &status) == -ENOENT);
    CLAIM(lc_supervisor_node(supervisor, "new", &status) == -ENOENT);
    CLAIM(lc_supervisor_node(supervisor, "x", &status) == 0 && status.state == LC_NODE_READY);
    CLAIM(code_of(lc_supervisor_remove(supervisor, "y", LC_FOREVER)) == 0);
    CLAIM(code_of(lc_supervisor_add(supervisor, LC_NODE(.name = "job", .run = lc_noop_worker))) ==
          0);
    return NULL;
}

static lc_error *removes_in_callback(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    lc_error *error = hear_job_end(supervisor, remove_in_callback);
    if (error)
        return error;
    CLAIM(temporary.remove_code == -EDEADLK);
    return job_is_gone(supervisor);
}

static lc_error *adds_in_callback(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    lc_error *error = hear_job_end(supervisor, add_in_callback);
    if (error)
        return error;
    CLAIM(temporary.add_code == -ENOENT);
    return job_is_gone(supervisor);
}

static void drop_temporary(void)
{
    lc_handle_unref(temporary.over);
    lc_handle_unref(temporary.finish);
    lc_handle_unref(temporary.heard);
    memset(&temporary, 0, sizeof temporary);
}

static void begin_temporary(void *arg)
{
    begin(arg);
    drop_temporary();
    temporary.finish = lc_handle_new();
    temporary.heard = lc_handle_new();
}

static void forgotten_node_is_left_alone(lc_error *(*test)(lc_supervisor *supervisor, void *arg))
{
    check_log_capture();
    SIMULATE(begin_temporary, .test = test,
             .nodes =
                 LC_NODES(LC_NODE(.name = "x", .run = lc_noop_worker),
                          LC_NODE(.name = "job", .run = end_when_told, .restart = LC_TEMPORARY),
                          LC_NODE(.name = "y", .run = lc_noop_worker)));
    check_log_release();
    drop_temporary();
}

static void temporary_node_is_removed_in_its_callback(void)
{
    forgotten_node_is_left_alone(removes_in_callback);
}

static void temporary_node_is_needed_in_its_callback(void)
{
    forgotten_node_is_left_alone(adds_in_callback);
}

static void bad_node_in_a_list_is_refused(void)
{
    lc_supervisor *supervisor = NULL;
    CHECK_ERROR(lc_supervisor_new(
                    LC_SUPERVISOR(.nodes = LC_NODES(LC_NODE(.name = "one", .run = lc_noop_worker),
                                                    LC_NODE(.name = "one", .run = lc_noop_worker))),
                    &supervisor),
                -EEXIST);
    CU_ASSERT_PTR_NULL(supervisor);
    CHECK_ERROR(lc_supervisor_new(
                    LC_SUPERVISOR(.nodes = LC_NODES(LC_NODE(.name = "bad",
                                                            .workers = LC_WORKERS({.name = "w"})))),
                    &supervisor),
                -EINVAL);
}

static void node_is_refused(const lc_node *node, int code, const char *message)
{
    lc_supervisor *supervisor;
    lc_error *error = lc_supervisor_new(LC_SUPERVISOR(.nodes = LC_NODES(node)), &supervisor);
    CU_ASSERT_PTR_NULL(supervisor);
    CU_ASSERT_STRING_EQUAL(error ? lc_error_message(error) : "it is not refused", message);
    CHECK_ERROR(error, code);
}

/* Else a service would run without the node, and its log would tell so at the first start. */
static void what_is_wrong_below_a_node_is_refused(void)
{
    node_is_refused(LC_NODE(.name = "tree", .tree = LC_TREE(.name = "branches")), -EINVAL,
                    "node \"tree\": root of \"branches\" is missing");
    node_is_refused(LC_NODE(.name = "isolate", .isolate = LC_ISOLATE(.name = "alone")), -EINVAL,
                    "node \"isolate\": isolate \"alone\" has no entry to run");
    node_is_refused(
        LC_NODE(.name = "outer",
                .nodes = LC_NODES(LC_NODE(.name = "inner",
                                          .nodes = LC_NODES(LC_NODE(.name = "x", .run = note_start,
                                                                    .needs = {"y"}))))),
        -ENOENT,
        "node \"outer\": node \"inner\": node \"x\" depends on \"y\", which is not a node of "
        "\"inner\"");
}

CHECK_SUITE(node_forms, "conformance: supervisor: what nodes are made of, and told",
            {"one worker; needs and dependencies order the starts", one_worker_and_needs},
            {"several workers; a worker's own arg wins", several_workers},
            {"a tree, an isolate, nested nodes", tree_isolate_and_nested_nodes},
            {"each instance has data of its own, freed when it has ended",
             each_instance_has_its_data},
            {"data is freed before the next is made, and before the end of the run",
             data_is_freed_before_the_next_is_made},
            {"a first make that fails stops the node, or what first_start says",
             first_make_that_fails_stops_the_node},
            {"a failure of the first start ends the run, if asked for", first_start_ends_the_run},
            {"a failure after readiness is no first start", later_failure_is_no_first_start},
            {"on_error decides without a judge, and is logged", on_error_decides_without_a_judge},
            {"a judge is told all of a failure, and the log the decision", judge_is_told_all},
            {"a judge is told that an error is late", judge_is_told_of_late_errors},
            {"states are logged, if asked for", states_are_logged},
            {"a worker finds its supervisor, and asks for a node", worker_finds_its_supervisor},
            {"that a node will not run again is heard, a restart is not", over_is_heard},
            {"a node is over when its supervisor is", over_closes_with_the_supervisor},
            {"a callback may remove the temporary node whose end it hears",
             temporary_node_is_removed_in_its_callback},
            {"a callback cannot add a node that needs the temporary node whose end it hears",
             temporary_node_is_needed_in_its_callback},
            {"a bad node in a list is refused", bad_node_in_a_list_is_refused},
            {"a mistake in what a node is made of is refused, however deep",
             what_is_wrong_below_a_node_is_refused});
