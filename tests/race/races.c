/*
 * races.c: pairs of calls let loose at the same moment, many rounds each on one processor and on
 * two. What is judged is what must hold in each order.
 */
#include "support/check.h"
#include "support/race.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ROUNDS RACE_ROUNDS

static bool closes(lc_handle *handle)
{
    return lc_handle_wait(handle, check_patience()) == 0;
}

/* ---- races of workers: a manager each round ---- */

struct trial {
    struct race_gate gate;
    struct scope scope;
    lc_manager *manager;
    uint64_t random;
    lc_error *error;
    lc_ready *ready;   /* kept by the worker */
    atomic_uint runs;  /* how many workers have run */
    atomic_uint ended; /* how many of them found the context ended when they were told */
};

static void trial_init(struct trial *trial)
{
    *trial =
        (struct trial){.random = check_seed(), .error = lc_error_new(-EIO, "thrown in a race")};
}

static void trial_open(struct trial *trial, lc_worker_function run, unsigned workers)
{
    static const char *const names[] = {"one", "two", "three"};
    atomic_store(&trial->gate.arrived, 0);
    atomic_store(&trial->runs, 0);
    atomic_store(&trial->ended, 0);
    trial->ready = NULL;
    trial->scope = scope_new(NULL);
    lc_manager_builder *builder = lc_manager_builder_new("racing");
    for (unsigned i = 0; i < workers; i++)
        lc_manager_builder_add(builder, LC_WORKER(.name = names[i], .run = run, .arg = trial));
    lc_error *failed = lc_manager_builder_build(builder, &trial->manager);
    if (failed)
        abort();
    lc_manager_builder_free(builder);
}

static bool trial_start(struct trial *trial)
{
    lc_error *failed = lc_manager_start(trial->manager, trial->scope.context);
    bool well = failed == NULL;
    lc_error_unref(failed);
    return well;
}

static void trial_close(struct trial *trial)
{
    lc_ready_unref(trial->ready);
    lc_manager_unref(trial->manager);
    scope_drop(&trial->scope);
}

static bool error_is_taken(struct trial *trial)
{
    lc_error *error = lc_signaler_take(trial->scope.signaler);
    bool well = error == trial->error;
    lc_error_unref(error);
    return well;
}

/* Throw against cancel: the error arrives, whatever the cancel does. */
static lc_error *meet_and_throw(lc_context *context, lc_ready *ready, void *arg)
{
    struct trial *trial = arg;
    (void)ready;
    race_meet(&trial->gate, 2);
    lc_throw(context, lc_error_ref(trial->error));
}

static bool throw_or_cancel(void *arg)
{
    struct trial *trial = arg;
    trial_open(trial, meet_and_throw, 1);
    bool well = trial_start(trial);
    race_meet(&trial->gate, 2);
    race_stagger(&trial->random);
    scope_cancel(&trial->scope);
    well &= closes(lc_manager_done(trial->manager)) && error_is_taken(trial) &&
            lc_handle_is_closed(lc_manager_shutdown(trial->manager)) &&
            lc_error_code(lc_context_error(trial->scope.context)) == -ECANCELED;
    trial_close(trial);
    return well;
}

static void throw_against_cancel(void)
{
    struct trial trial;
    trial_init(&trial);
    CU_ASSERT_EQUAL(race_repeat(throw_or_cancel, &trial, ROUNDS), 0);
    lc_error_unref(trial.error);
}

/* Two workers fail at once: one error is taken, the other logged. */
static lc_error *meet_and_fail(lc_context *context, lc_ready *ready, void *arg)
{
    struct trial *trial = arg;
    (void)ready;
    (void)context;
    race_meet(&trial->gate, 2);
    return lc_error_ref(trial->error);
}

static bool fail_twice(void *arg)
{
    struct trial *trial = arg;
    check_log_capture();
    trial_open(trial, meet_and_fail, 2);
    bool well = trial_start(trial) && closes(lc_manager_done(trial->manager)) &&
                error_is_taken(trial) && check_log_count("thrown in a race") == 1;
    trial_close(trial);
    check_log_release();
    return well;
}

static void failure_against_failure(void)
{
    struct trial trial;
    trial_init(&trial);
    CU_ASSERT_EQUAL(race_repeat(fail_twice, &trial, check_fewer(ROUNDS)), 0);
    lc_error_unref(trial.error);
}

/* Ready against return: it counts or not, and every caller is told the same, for ever. */
static lc_error *meet_and_return(lc_context *context, lc_ready *ready, void *arg)
{
    struct trial *trial = arg;
    (void)context;
    trial->ready = lc_ready_ref(ready);
    race_meet(&trial->gate, 2);
    return NULL;
}

static bool ready_or_return(void *arg)
{
    struct trial *trial = arg;
    trial_open(trial, meet_and_return, 1);
    bool well = trial_start(trial);
    race_meet(&trial->gate, 2);
    race_stagger(&trial->random);
    lc_ready_signal(trial->ready);
    bool ready = lc_handle_is_closed(lc_manager_ready(trial->manager));
    well &= closes(lc_manager_done(trial->manager));
    lc_worker_status status;
    lc_manager_copy_workers(trial->manager, &status, 1);
    lc_ready_signal(trial->ready);
    well &= status.was_ready == ready && status.state == LC_WORKER_RETURNED &&
            lc_handle_is_closed(lc_manager_ready(trial->manager)) == ready;
    trial_close(trial);
    return well;
}

static void ready_against_return(void)
{
    struct trial trial;
    trial_init(&trial);
    CU_ASSERT_EQUAL(race_repeat(ready_or_return, &trial, ROUNDS), 0);
    lc_error_unref(trial.error);
}

/* Start against cancel: the workers run, once each, and all find the context ended. */
static lc_error *run_until_ended(lc_context *context, lc_ready *ready, void *arg)
{
    struct trial *trial = arg;
    atomic_fetch_add(&trial->runs, 1);
    lc_ready_signal(ready);
    if (lc_handle_wait(lc_context_done(context), check_patience()) == 0 &&
        lc_context_error(context))
        atomic_fetch_add(&trial->ended, 1);
    return NULL;
}

static void open_for_start(void *arg)
{
    trial_open(arg, run_until_ended, 2);
}

static void start_it(void *arg)
{
    trial_start(arg);
}

static void cancel_it(void *arg)
{
    scope_cancel(&((struct trial *)arg)->scope);
}

static bool judge_start(void *arg)
{
    struct trial *trial = arg;
    bool well =
        closes(lc_manager_done(trial->manager)) && closes(lc_manager_ready(trial->manager)) &&
        lc_handle_is_closed(lc_manager_shutdown(trial->manager)) && trial->runs == 2 &&
        trial->ended == 2 && !lc_handle_is_closed(lc_signaler_thrown(trial->scope.signaler));
    trial_close(trial);
    return well;
}

static void start_against_cancel(void)
{
    struct trial trial;
    struct race race = {open_for_start, start_it, cancel_it, judge_start};
    trial_init(&trial);
    CU_ASSERT_EQUAL(race_run(&race, &trial, ROUNDS), 0);
    lc_error_unref(trial.error);
}

/* ---- handles ---- */

struct closing {
    lc_handle *handle;
    uint64_t random;
    int result;
    lc_handle_callback *callback;
    atomic_uint runs;
    bool prevented;
    unsigned runs_at_cancel;
};

static void new_handle(void *arg)
{
    struct closing *closing = arg;
    closing->handle = lc_handle_new();
}

static void close_it(void *arg)
{
    lc_handle_close(((struct closing *)arg)->handle);
}

/* A deadline about as far away as the close: both ends are hit. */
static void wait_shortly(void *arg)
{
    struct closing *closing = arg;
    int64_t timeout = (int64_t)(check_random(&closing->random) % 8000);
    closing->result = lc_handle_wait(closing->handle, lc_deadline_after(timeout));
}

static bool judge_wait(void *arg)
{
    struct closing *closing = arg;
    bool well = (closing->result == 0 || closing->result == -ETIMEDOUT) &&
                lc_handle_wait(closing->handle, LC_NOW) == 0;
    lc_handle_unref(closing->handle);
    return well;
}

static void close_against_timed_wait(void)
{
    struct closing closing = {.random = check_seed()};
    struct race race = {new_handle, wait_shortly, close_it, judge_wait};
    CU_ASSERT_EQUAL(race_run(&race, &closing, ROUNDS), 0);
}

/*
 * The waiter frees the handle as soon as it sees it closed: the closer must not touch it any more.
 */
static void wait_and_free(void *arg)
{
    struct closing *closing = arg;
    closing->result = lc_handle_wait(closing->handle, check_patience());
    lc_handle_unref(closing->handle);
}

static bool judge_free(void *arg)
{
    return ((struct closing *)arg)->result == 0;
}

static void close_against_free(void)
{
    struct closing closing = {.random = check_seed()};
    struct race race = {new_handle, wait_and_free, close_it, judge_free};
    CU_ASSERT_EQUAL(race_run(&race, &closing, ROUNDS), 0);
}

static void poll_and_free(void *arg)
{
    struct closing *closing = arg;
    while (!lc_handle_is_closed(closing->handle))
        sched_yield();
    closing->result = 0;
    lc_handle_unref(closing->handle);
}

static void close_against_free_by_a_poller(void)
{
    struct closing closing = {.random = check_seed()};
    struct race race = {new_handle, poll_and_free, close_it, judge_free};
    CU_ASSERT_EQUAL(race_run(&race, &closing, ROUNDS), 0);
}

static void count_run(void *arg)
{
    atomic_fetch_add(&((struct closing *)arg)->runs, 1);
}

static void new_handle_with_callback(void *arg)
{
    struct closing *closing = arg;
    new_handle(closing);
    atomic_store(&closing->runs, 0);
    if (lc_handle_on_close(closing->handle, count_run, closing, &closing->callback) != 0)
        abort();
}

static void cancel_callback(void *arg)
{
    struct closing *closing = arg;
    closing->prevented = lc_handle_callback_cancel(closing->callback);
    closing->runs_at_cancel = atomic_load(&closing->runs);
}

static bool judge_callback(void *arg)
{
    struct closing *closing = arg;
    unsigned wanted = closing->prevented ? 0 : 1;
    bool well = closing->runs_at_cancel == wanted && atomic_load(&closing->runs) == wanted;
    lc_handle_unref(closing->handle);
    return well;
}

static void callback_cancel_against_close(void)
{
    struct closing closing = {.random = check_seed()};
    struct race race = {new_handle_with_callback, cancel_callback, close_it, judge_callback};
    CU_ASSERT_EQUAL(race_run(&race, &closing, ROUNDS), 0);
}

static bool judge_two_closes(void *arg)
{
    struct closing *closing = arg;
    bool well = atomic_load(&closing->runs) == 1 && !lc_handle_callback_cancel(closing->callback);
    lc_handle_unref(closing->handle);
    return well;
}

static void close_against_close(void)
{
    struct closing closing = {.random = check_seed()};
    struct race race = {new_handle_with_callback, close_it, close_it, judge_two_closes};
    CU_ASSERT_EQUAL(race_run(&race, &closing, ROUNDS), 0);
}

/* Registered while it closes: the callback runs exactly once, here or there. */
static void register_callback(void *arg)
{
    struct closing *closing = arg;
    if (lc_handle_on_close(closing->handle, count_run, closing, &closing->callback) != 0)
        abort();
}

static void new_handle_without_callback(void *arg)
{
    new_handle(arg);
    atomic_store(&((struct closing *)arg)->runs, 0);
}

static void registration_against_close(void)
{
    struct closing closing = {.random = check_seed()};
    struct race race = {new_handle_without_callback, register_callback, close_it, judge_two_closes};
    CU_ASSERT_EQUAL(race_run(&race, &closing, ROUNDS), 0);
}

/* ---- channels ---- */

struct transfer {
    lc_channel *channel;
    uint64_t random;
    int sent, received;
    void *item;
    unsigned discarded;
};

static unsigned discarded;

static void count_discard(void *item)
{
    (void)item;
    discarded++;
}

static void *const THING = &discarded;

static void new_channel(void *arg)
{
    struct transfer *transfer = arg;
    discarded = 0;
    transfer->item = NULL;
    if (check_code(lc_channel_new(LC_CHANNEL(.capacity = 1, .discard = count_discard),
                                  &transfer->channel)) != 0)
        abort();
}

static void new_full_channel(void *arg)
{
    new_channel(arg);
    lc_channel_send(((struct transfer *)arg)->channel, NULL, LC_NOW);
}

static void send_one(void *arg)
{
    struct transfer *transfer = arg;
    transfer->sent = lc_channel_send(transfer->channel, THING, check_patience());
}

static void close_channel(void *arg)
{
    lc_channel_close(((struct transfer *)arg)->channel);
}

/* Sent or refused; what was sent is there to be discarded, what was refused is the sender's. */
static bool judge_send_or_close(void *arg)
{
    struct transfer *transfer = arg;
    size_t before = lc_channel_length(transfer->channel);
    bool well = transfer->sent == 0 || transfer->sent == -EPIPE;
    lc_channel_unref(transfer->channel);
    return well && discarded == before && before == (transfer->sent == 0);
}

static void send_against_close(void)
{
    struct transfer transfer = {.random = check_seed()};
    struct race race = {new_channel, send_one, close_channel, judge_send_or_close};
    CU_ASSERT_EQUAL(race_run(&race, &transfer, ROUNDS), 0);
}

static bool judge_blocked_send(void *arg)
{
    struct transfer *transfer = arg;
    bool well = transfer->sent == -EPIPE && lc_channel_length(transfer->channel) == 1;
    lc_channel_unref(transfer->channel);
    return well && discarded == 1;
}

static void blocked_send_against_close(void)
{
    struct transfer transfer = {.random = check_seed()};
    struct race race = {new_full_channel, send_one, close_channel, judge_blocked_send};
    CU_ASSERT_EQUAL(race_run(&race, &transfer, ROUNDS), 0);
}

static void receive_shortly(void *arg)
{
    struct transfer *transfer = arg;
    int64_t timeout = (int64_t)(check_random(&transfer->random) % 8000);
    transfer->received =
        lc_channel_receive(transfer->channel, &transfer->item, lc_deadline_after(timeout));
}

/* Received or still there: neither lost nor doubled. */
static bool judge_transfer(void *arg)
{
    struct transfer *transfer = arg;
    bool got = transfer->received == 0;
    bool well = transfer->sent == 0 && (got || transfer->received == -ETIMEDOUT) &&
                (transfer->item == THING) == got &&
                lc_channel_length(transfer->channel) == (got ? 0 : 1);
    lc_channel_unref(transfer->channel);
    return well && discarded == (got ? 0 : 1);
}

static void timed_receive_against_send(void)
{
    struct transfer transfer = {.random = check_seed()};
    struct race race = {new_channel, receive_shortly, send_one, judge_transfer};
    CU_ASSERT_EQUAL(race_run(&race, &transfer, ROUNDS), 0);
}

static void send_shortly(void *arg)
{
    struct transfer *transfer = arg;
    int64_t timeout = (int64_t)(check_random(&transfer->random) % 8000);
    transfer->sent = lc_channel_send(transfer->channel, THING, lc_deadline_after(timeout));
}

static void receive_one(void *arg)
{
    struct transfer *transfer = arg;
    transfer->received = lc_channel_receive(transfer->channel, &transfer->item, check_patience());
}

static bool judge_timed_send(void *arg)
{
    struct transfer *transfer = arg;
    bool sent = transfer->sent == 0;
    bool well = transfer->received == 0 && transfer->item == NULL &&
                (sent || transfer->sent == -ETIMEDOUT) &&
                lc_channel_length(transfer->channel) == sent;
    lc_channel_unref(transfer->channel);
    return well && discarded == sent;
}

static void timed_send_against_receive(void)
{
    struct transfer transfer = {.random = check_seed()};
    struct race race = {new_full_channel, send_shortly, receive_one, judge_timed_send};
    CU_ASSERT_EQUAL(race_run(&race, &transfer, ROUNDS), 0);
}

/* Two receivers and one item: a merged channel must not wake the wrong one for good. */
struct merging {
    lc_channel *sources[2];
    lc_channel *merged;
    int received;
};

static void new_merged(void *arg)
{
    struct merging *merging = arg;
    for (unsigned i = 0; i < 2; i++)
        if (check_code(lc_channel_new(LC_CHANNEL(.capacity = 1), &merging->sources[i])) != 0)
            abort();
    if (check_code(lc_channels_merge(merging->sources, 2, &merging->merged)) != 0)
        abort();
}

static void receive_merged(void *arg)
{
    struct merging *merging = arg;
    void *item;
    merging->received = lc_channel_receive(merging->merged, &item, check_patience());
    if (merging->received == 0)
        merging->received = lc_channel_receive(merging->merged, &item, check_patience());
}

static void send_and_close_sources(void *arg)
{
    struct merging *merging = arg;
    lc_channel_send(merging->sources[1], NULL, LC_NOW);
    lc_channel_close(merging->sources[0]);
    lc_channel_close(merging->sources[1]);
}

static bool judge_merged(void *arg)
{
    struct merging *merging = arg;
    bool well = merging->received == -EPIPE;
    lc_channel_unref(merging->merged);
    lc_channel_unref(merging->sources[0]);
    lc_channel_unref(merging->sources[1]);
    return well;
}

static void merged_receive_against_close(void)
{
    struct merging merging;
    struct race race = {new_merged, receive_merged, send_and_close_sources, judge_merged};
    CU_ASSERT_EQUAL(race_run(&race, &merging, ROUNDS), 0);
}

/* ---- contexts ---- */

struct family {
    lc_context *parent, *child, *grandchild;
    uint64_t random;
};

static void new_parent(void *arg)
{
    ((struct family *)arg)->parent = lc_context_new(NULL);
}

static void make_children(void *arg)
{
    struct family *family = arg;
    family->child = lc_context_new(family->parent);
    family->grandchild = lc_context_new(family->child);
}

static void cancel_parent(void *arg)
{
    lc_context_cancel(((struct family *)arg)->parent, NULL);
}

static bool judge_family(void *arg)
{
    struct family *family = arg;
    bool well = lc_context_error(family->child) && lc_context_error(family->grandchild) &&
                closes(lc_context_done(family->child)) &&
                closes(lc_context_done(family->grandchild));
    lc_context_unref(family->grandchild);
    lc_context_unref(family->child);
    lc_context_unref(family->parent);
    return well;
}

static void child_against_cancel(void)
{
    struct family family;
    struct race race = {new_parent, make_children, cancel_parent, judge_family};
    CU_ASSERT_EQUAL(race_run(&race, &family, ROUNDS), 0);
}

static void new_family(void *arg)
{
    new_parent(arg);
    make_children(arg);
}

static void drop_children(void *arg)
{
    struct family *family = arg;
    lc_context_unref(family->child);
    lc_context_unref(family->grandchild);
}

static bool judge_dropped(void *arg)
{
    struct family *family = arg;
    bool well = lc_context_error(family->parent) != NULL;
    lc_context_unref(family->parent);
    return well;
}

static void drop_against_cancel(void)
{
    struct family family;
    struct race race = {new_family, drop_children, cancel_parent, judge_dropped};
    CU_ASSERT_EQUAL(race_run(&race, &family, ROUNDS), 0);
}

/* A cancel may give the last reference back, and what that releases may cancel further up. */
enum { SIBLINGS = 32 };
struct releasing {
    lc_context *root;
    lc_context *middle;
    lc_context *siblings[SIBLINGS];
    lc_context *valued; /* ended by itself, before the race; the last child of the middle one */
};

static void cancel_root(void *value)
{
    lc_context_cancel(((struct releasing *)value)->root, NULL);
}

static void make_releasing(void *arg)
{
    static const char key;
    struct releasing *releasing = arg;
    releasing->root = lc_context_new(NULL);
    releasing->middle = lc_context_new(releasing->root);
    for (size_t i = 0; i < SIBLINGS; i++)
        releasing->siblings[i] = lc_context_new(releasing->middle);
    releasing->valued = lc_context_with_value(releasing->middle, &key, releasing, cancel_root);
    lc_context_cancel(releasing->valued, NULL);
}

static void cancel_above_valued(void *arg)
{
    lc_context_cancel(((struct releasing *)arg)->middle, NULL);
}

static void drop_valued(void *arg)
{
    lc_context_unref(((struct releasing *)arg)->valued);
}

static bool judge_released(void *arg)
{
    struct releasing *releasing = arg;
    bool well =
        closes(lc_context_done(releasing->root)) && closes(lc_context_done(releasing->middle));
    for (size_t i = 0; i < SIBLINGS; i++) {
        well &= closes(lc_context_done(releasing->siblings[i]));
        lc_context_unref(releasing->siblings[i]);
    }
    lc_context_unref(releasing->middle);
    lc_context_unref(releasing->root);
    return well;
}

static void release_against_cancel(void)
{
    struct releasing releasing;
    struct race race = {make_releasing, cancel_above_valued, drop_valued, judge_released};
    CU_ASSERT_EQUAL(race_run(&race, &releasing, ROUNDS), 0);
}

static void cancel_child_and_parent(void *arg)
{
    struct family *family = arg;
    lc_context_cancel(family->grandchild, NULL);
    lc_context_cancel(family->child, NULL);
}

static void cancel_against_cancel(void)
{
    struct family family;
    struct race race = {new_family, cancel_child_and_parent, cancel_parent, judge_family};
    CU_ASSERT_EQUAL(race_run(&race, &family, ROUNDS), 0);
}

/*
 * Two cancels meet in the middle of a tree: a thread that sees the root's handle closed finds all
 * below ended, also what the other cancel has only just begun with.
 */
#define LEAVES 20

struct crowd {
    lc_context *root, *middle, *leaves[LEAVES];
    unsigned live;
};

static void new_crowd(void *arg)
{
    struct crowd *crowd = arg;
    crowd->root = lc_context_new(NULL);
    crowd->middle = lc_context_new(crowd->root);
    for (unsigned i = 0; i < LEAVES; i++)
        crowd->leaves[i] = lc_context_new(crowd->middle);
}

static void cancel_root_and_look(void *arg)
{
    struct crowd *crowd = arg;
    lc_context_cancel(crowd->root, NULL);
    crowd->live = 0;
    if (lc_handle_is_closed(lc_context_done(crowd->root)))
        for (unsigned i = LEAVES; i-- > 0;)
            crowd->live += lc_context_error(crowd->leaves[i]) == NULL;
}

static void cancel_middle(void *arg)
{
    lc_context_cancel(((struct crowd *)arg)->middle, NULL);
}

static bool judge_crowd(void *arg)
{
    struct crowd *crowd = arg;
    bool well = crowd->live == 0 && closes(lc_context_done(crowd->root)) &&
                closes(lc_context_done(crowd->middle));
    for (unsigned i = 0; i < LEAVES; i++) {
        well &= closes(lc_context_done(crowd->leaves[i]));
        lc_context_unref(crowd->leaves[i]);
    }
    lc_context_unref(crowd->middle);
    lc_context_unref(crowd->root);
    return well;
}

static void cancel_against_cancel_below(void)
{
    struct crowd crowd;
    struct race race = {new_crowd, cancel_root_and_look, cancel_middle, judge_crowd};
    CU_ASSERT_EQUAL(race_run(&race, &crowd, ROUNDS), 0);
}

/*
 * A deadline that comes while the context is cancelled, and one while it is dropped: one cause, no
 * touch after.
 */
static void new_deadlined(void *arg)
{
    struct family *family = arg;
    int64_t timeout = (int64_t)(check_random(&family->random) % 100000) + 1;
    family->parent = lc_context_with_deadline(NULL, lc_deadline_after(timeout));
    make_children(family);
}

static void cancel_grandchild(void *arg)
{
    lc_context_cancel(((struct family *)arg)->grandchild, NULL);
}

static bool judge_deadline(void *arg)
{
    struct family *family = arg;
    /*
     * The deadline's thread may be in the midst of it: the second cancel does not wait for the
     * first.
     */
    bool ended =
        closes(lc_context_done(family->child)) && closes(lc_context_done(family->grandchild));
    int code = lc_error_code(lc_context_error(family->parent));
    bool well = ended && (code == -ECANCELED || code == -ETIMEDOUT) &&
                lc_error_code(lc_context_error(family->child)) == code;
    return judge_family(family) && well;
}

static void deadline_against_cancel(void)
{
    struct family family = {.random = check_seed()};
    struct race race = {new_deadlined, cancel_parent, cancel_grandchild, judge_deadline};
    CU_ASSERT_EQUAL(race_run(&race, &family, ROUNDS), 0);
}

/* Dropped while its deadline comes: the last reference frees it, once. */
static atomic_uint released;

static void count_release(void *value)
{
    (void)value;
    atomic_fetch_add(&released, 1);
}

static void new_deadlined_value(void *arg)
{
    static const char key;
    struct family *family = arg;
    int64_t timeout = (int64_t)(check_random(&family->random) % 100000) + 1;
    atomic_store(&released, 0);
    family->parent = lc_context_with_deadline(NULL, lc_deadline_after(timeout));
    family->child = lc_context_with_value(family->parent, &key, family, count_release);
    family->grandchild = lc_context_new(family->child);
}

static void drop_parent(void *arg)
{
    lc_context_unref(((struct family *)arg)->parent);
}

static bool is_released(void *arg)
{
    (void)arg;
    return atomic_load(&released) > 0;
}

static bool judge_freed(void *arg)
{
    return check_until(is_released, arg) && atomic_load(&released) == 1;
}

static void deadline_against_drop(void)
{
    struct family family = {.random = check_seed()};
    struct race race = {new_deadlined_value, drop_parent, drop_children, judge_freed};
    CU_ASSERT_EQUAL(race_run(&race, &family, ROUNDS), 0);
}

CHECK_SUITE(races, "race: races", {"throw against cancel", throw_against_cancel},
            {"failure against failure", failure_against_failure},
            {"ready against return", ready_against_return},
            {"start against cancel", start_against_cancel},
            {"close against wait with deadline", close_against_timed_wait},
            {"close against free by the waiter", close_against_free},
            {"close against free by a poller", close_against_free_by_a_poller},
            {"callback cancel against close", callback_cancel_against_close},
            {"close against close", close_against_close},
            {"registration against close", registration_against_close},
            {"channel send against close", send_against_close},
            {"blocked channel send against close", blocked_send_against_close},
            {"channel receive with deadline against send", timed_receive_against_send},
            {"channel send with deadline against receive", timed_send_against_receive},
            {"merged channel receive against close", merged_receive_against_close},
            {"child against cancel", child_against_cancel},
            {"drop against cancel", drop_against_cancel},
            {"release against cancel: a value released inside a cancel may cancel above",
             release_against_cancel},
            {"cancel against cancel", cancel_against_cancel},
            {"cancel against cancel below: all have ended once the root is closed",
             cancel_against_cancel_below},
            {"deadline against cancel", deadline_against_cancel},
            {"deadline against drop", deadline_against_drop});
