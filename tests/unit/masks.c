/*
 * masks.c: which signals workers have blocked: those that the program has, also when what starts
 * them is a thread of the library's that has all of them blocked.
 */
#include "support/check.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

struct masks {
    atomic_uint instances;
    atomic_uint blocked; /* instances in which SIGTERM was */
};

static void note_mask(struct masks *masks)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    atomic_fetch_add(&masks->instances, 1);
    atomic_fetch_add(&masks->blocked, (unsigned)sigismember(&mask, SIGTERM));
}

static lc_error *run_root(lc_context *context, void *arg)
{
    struct masks *masks = arg;
    note_mask(masks);
    if (atomic_load(&masks->instances) < 3)
        return lc_error_new(-EIO, "a death");
    lc_runnable_signal_healthy(context);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

/* Its threads leave during the pause, mostly, so that the one that ends it makes new ones. */
static lc_executor *hasty_executor(void)
{
    lc_executor *executor = NULL;
    lc_executor_options options = {.size = sizeof options};
    options.idle_timeout = LC_MICROSECOND;
    CHECK_SUCCESS(lc_executor_new(&options, &executor));
    return executor;
}

static void restart_of(lc_worker_kind kind)
{
    struct masks masks = {0};
    lc_tree *tree;
    lc_tree_options options = {.size = sizeof options};
    lc_child first = {.size = sizeof first, .name = "root"};
    options.root = &first;
    lc_executor *executor = kind == LC_FIBER ? hasty_executor() : NULL;
    first.run = run_root;
    first.arg = &masks;
    first.kind = kind;
    first.executor = executor;
    first.backoff = (lc_backoff){.first = 5 * LC_MILLISECOND,
                                 .most = LC_SECOND,
                                 .factor = 1,
                                 .jitter = LC_NONE,
                                 .steady = LC_NONE,
                                 .pause_first = true};
    check_log_capture();
    CHECK_SUCCESS(lc_tree_new(&options, &tree));
    CHECK_SUCCESS(lc_tree_start(tree, NULL));
    CHECK_CLOSES(lc_tree_ready(tree));
    lc_tree_cancel(tree);
    CHECK_CLOSES(lc_tree_done(tree));
    lc_tree_unref(tree);
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
    check_log_release();
    CU_ASSERT_EQUAL(atomic_load(&masks.instances), 3);
    CU_ASSERT_EQUAL(atomic_load(&masks.blocked), 0);
}

static void threads_restarted_after_a_pause(void)
{
    restart_of(LC_THREAD);
}

static void fibers_restarted_after_a_pause(void)
{
    restart_of(LC_FIBER);
}

CHECK_SUITE(masks, "unit: signal masks of workers",
            {"a thread restarted after a pause has no more signals blocked",
             threads_restarted_after_a_pause},
            {"a fiber restarted after a pause has no more signals blocked",
             fibers_restarted_after_a_pause});
