/*
 * main.c: a supervision tree to look at.
 *
 *     root
 *     |-- web         serves, whatever happens beside it
 *     |-- load        loads something once, and is done
 *     |-- feed        has a connection that breaks, and then cannot be made again for a while
 *     |   `-- reader  reads from it
 *     `-- cache       holds what the feed brings: the two fail together
 *
 * Each change of state is logged, and the whole tree is printed every second: the feed comes back
 * after longer and longer pauses, the cache with it, and the others go on. SIGTERM or Ctrl-C ends
 * the program.
 */
#define _GNU_SOURCE
#include <lifecycle.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The connection holds so long, and then so many attempts to make it again fail. */
#define HOLDS_FOR (1200 * LC_MILLISECOND)
#define OUTAGE 4
/* How long everything may take to end. */
#define PATIENCE (5 * LC_SECOND)

/* ---- the runnables ---- */

/* Until told to stop; what is returned then says that this was all. */
static lc_error *wait_for_the_end(lc_context *context)
{
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

/* Nothing to do but to be there: web, reader, cache. */
static lc_error *run_quietly(lc_context *context, void *arg)
{
    (void)arg;
    lc_runnable_signal_healthy(context);
    return wait_for_the_end(context);
}

static lc_error *run_load(lc_context *context, void *arg)
{
    (void)arg;
    lc_runnable_signal_healthy(context);
    lc_runnable_signal_done(context); /* so that its return is no death */
    return NULL;
}

/* `arg` counts the attempts, and is there for as long as the tree. */
static lc_error *run_feed(lc_context *context, void *arg)
{
    unsigned *attempts = arg;
    if ((*attempts)++ % (OUTAGE + 1) != 0)
        return lc_error_new(-ECONNREFUSED, "attempt %u: no answer", *attempts);
    lc_child reader = {.size = sizeof reader};
    reader.name = "reader";
    reader.run = run_quietly;
    lc_error *error = lc_runnable_start_child(context, &reader); /* ends and starts again with us */
    if (error)
        return error;
    lc_runnable_signal_healthy(context); /* from here on the next pause is a short one again */
    if (lc_context_sleep(context, HOLDS_FOR) == 0)
        return lc_error_new(-ECONNRESET, "the connection is broken");
    return lc_error_ref(lc_context_error(context));
}

static lc_error *run_root(lc_context *context, void *arg)
{
    lc_error *error = lc_runnable_start_child(context, LC_CHILD(.name = "web", .run = run_quietly));
    if (!error)
        error = lc_runnable_start_child(context, LC_CHILD(.name = "load", .run = run_load));
    if (!error) /* one for all */
        error = lc_runnable_start_group(
            context, LC_CHILD_GROUP(.children = LC_CHILDREN(
                                        LC_CHILD(.name = "feed", .run = run_feed, .arg = arg,
                                                 .backoff = {.first = 200 * LC_MILLISECOND}),
                                        LC_CHILD(.name = "cache", .run = run_quietly))));
    if (error)
        return error;
    lc_runnable_signal_healthy(context);
    return wait_for_the_end(context);
}

/* ---- looking at them ---- */

static void print(lc_tree *tree)
{
    lc_snapshot *snapshot = lc_tree_snapshot(tree);
    const char *text = lc_snapshot_print(snapshot, LC_SNAPSHOT_TEXT);
    if (text)
        printf("\n%s", text);
    fflush(stdout);
    lc_snapshot_free(snapshot);
}

/* @return whether more is to come. */
static bool tell_next(lc_observer *observer)
{
    lc_event *event = NULL;
    if (lc_observer_next(observer, &event, LC_NOW) != 0)
        return false;
    if (event->kind == LC_EVENT_STATE)
        lc_log(LC_LOG_INFO, event->name, "%s%s%s", lc_node_state_name(event->state),
               event->error ? ": " : "", event->error ? lc_error_message(event->error) : "");
    lc_event_free(event);
    return true;
}

/* Until the tree has ended, which it does when a signal comes. */
static void watch(lc_tree *tree, lc_observer *observer, lc_process_signals *signals)
{
    enum { EVENT, SIGNAL };
    int64_t next_print = lc_deadline_after(LC_SECOND);
    for (bool more = true; more;) {
        lc_waitable waits[] = {
            [EVENT] = lc_on_observer(observer), [SIGNAL] = lc_on_signals(signals)};
        int happened = lc_wait_any(waits, 2, next_print);
        if (happened == EVENT) {
            more = tell_next(observer);
        } else if (happened == SIGNAL) {
            lc_log(LC_LOG_NOTICE, "tree", "%s: stopping",
                   strsignal(lc_process_signals_next(signals, LC_NOW)));
            lc_tree_cancel(tree);
        } else {
            print(tree);
            next_print = lc_deadline_after(LC_SECOND);
        }
    }
}

static lc_error *run(lc_tree *tree)
{
    lc_process_signals *signals = NULL;
    lc_observer *observer = lc_tree_observe(tree, 1000);
    lc_error *error = lc_process_signals_new((const int[]){SIGINT, SIGTERM}, 2, &signals);
    if (!error && !observer)
        error = lc_error_new(-ENOMEM, "no memory to watch the tree");
    if (!error)
        error = lc_tree_start(tree, NULL);
    if (!error) {
        watch(tree, observer, signals);
        error = lc_tree_wait(tree, lc_deadline_after(PATIENCE));
    }
    lc_observer_free(observer);
    lc_process_signals_free(signals);
    return error;
}

int main(void)
{
    if (lc_standard_fds_open() != 0)
        return EXIT_FAILURE;
    unsigned attempts = 0;
    lc_tree *tree = NULL;
    lc_tree_options options = {.size = sizeof options};
    lc_child first = {.size = sizeof first, .name = "root"};
    options.root = &first;
    first.run = run_root;
    first.arg = &attempts;
    lc_error *error = lc_tree_new(&options, &tree);
    if (!error)
        error = run(tree);
    if (error)
        lc_log(LC_LOG_ERROR, "tree", "ended by an error: %s", lc_error_message(error));
    else
        lc_log(LC_LOG_NOTICE, "tree", "ended");
    int status = error ? EXIT_FAILURE : EXIT_SUCCESS;
    lc_error_unref(error);
    lc_tree_unref(tree);
    lc_library_shutdown();
    return status;
}
