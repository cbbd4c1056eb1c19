/*
 * fork.c: a forked child: all of the library before it has threads, refusals and no hang
 * afterwards. Each test runs in a process of its own, so that the threads of this one do not count.
 */
#include "support/check.h"
#include "support/parts.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `body` in a forked child of this process. @return its exit status, or what ended it. */
static int forked(int (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        _exit(body());
    }
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

static lc_manager *noop_manager(void)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("noop");
    lc_manager_builder_add(builder, LC_WORKER(.name = "noop", .run = lc_noop_worker));
    lc_error_unref(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    return manager;
}

static int use_everything(void)
{
    struct scope scope = scope_new(NULL);
    lc_manager *manager = noop_manager();
    STEP(1, lc_manager_start(manager, scope.context) == NULL);
    STEP(2, lc_handle_wait(lc_manager_ready(manager), check_patience()) == 0);
    lc_context *timed = lc_context_with_deadline(NULL, lc_deadline_after(LC_MILLISECOND));
    STEP(3, lc_handle_wait(lc_context_done(timed), check_patience()) == 0);
    scope_cancel(&scope);
    STEP(4, lc_handle_wait(lc_manager_done(manager), check_patience()) == 0);
    lc_manager_unref(manager);
    lc_context_unref(timed);
    scope_drop(&scope);
    STEP(5, lc_library_shutdown() == 0);
    return 0;
}

/*
 * Handles, contexts and channels do not make threads: a child forked after them has all of the
 * library.
 */
CHECK_CHILD(fork_before_threads)
{
    lc_handle *handle = lc_handle_new();
    lc_context *context = lc_context_new(NULL);
    lc_handle_close(handle);
    int inside = forked(use_everything);
    if (inside != 0)
        return inside;
    int here = use_everything();
    lc_handle_unref(handle);
    lc_context_unref(context);
    return here;
}

static void before_threads_all_works(void)
{
    CU_ASSERT_EQUAL(check_child("fork_before_threads").status, 0);
}

/* After a shutdown the library has no threads, and a fork counts as one before them. */
CHECK_CHILD(fork_after_shutdown)
{
    int here = use_everything();
    return here ? here : forked(use_everything);
}

static void after_shutdown_all_works(void)
{
    CU_ASSERT_EQUAL(check_child("fork_after_shutdown").status, 0);
}

static lc_manager *unstarted;
static struct scope parents;
static lc_handle *open_handle;
static lc_channel *empty, *full;
static lc_context *live;
static int pipes[2];
static lc_supervisor *supervisor; /* that runs */

static lc_error *make_noop(lc_component **component, void *arg)
{
    (void)arg;
    *component = lc_manager_component(noop_manager());
    return NULL;
}

static int code_of(lc_error *error)
{
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code;
}

static lc_error *add_noop(const char *name)
{
    lc_node node = {.size = sizeof node};
    node.name = name;
    node.factory = make_noop;
    return lc_supervisor_add(supervisor, &node);
}

static int is_refused_supervision(void)
{
    STEP(31, code_of(add_noop("another")) == -ENOTSUP);
    STEP(32, code_of(lc_supervisor_remove(supervisor, "noop", LC_FOREVER)) == -ENOTSUP);
    STEP(33, code_of(lc_supervisor_check(supervisor)) == -ENOTSUP);
    STEP(34, code_of(lc_supervisor_run(supervisor, NULL, NULL)) == -ENOTSUP);
    /* It is told to stop, in vain; but in no time. */
    lc_context_cancel(live, NULL);
    return 0;
}

CHECK_CHILD(fork_beside_a_supervisor)
{
    lc_supervisor_options options = {.size = sizeof options};
    live = lc_context_new(NULL);
    STEP(131, lc_supervisor_new(&options, &supervisor) == NULL);
    STEP(132, add_noop("noop") == NULL);
    lc_supervisor_ref(supervisor);
    STEP(133, lc_component_start(lc_supervisor_component(supervisor), live) == NULL);
    STEP(134, lc_handle_wait(lc_supervisor_ready(supervisor), check_patience()) == 0);
    int inside = forked(is_refused_supervision);
    STEP(inside, inside == 0);
    lc_context_cancel(live, NULL);
    STEP(135, lc_handle_wait(lc_supervisor_done(supervisor), check_patience()) == 0);
    lc_supervisor_unref(supervisor);
    lc_supervisor_unref(supervisor);
    lc_context_unref(live);
    STEP(136, lc_library_shutdown() == 0);
    return 0;
}

static void supervisors_are_left_alone(void)
{
    struct check_exit ended = check_child("fork_beside_a_supervisor");
    CU_ASSERT_EQUAL(ended.status, 0);
    if (ended.status != 0)
        fprintf(stderr, "\nfork_beside_a_supervisor: step %d\n%s", ended.status, ended.errors);
}

static int is_refused_everything(void)
{
    static const int signals[] = {SIGUSR1};
    lc_process_signals *watch = NULL;
    lc_waitable waitable = lc_on_handle(open_handle);
    lc_waitable mixed[] = {lc_on_handle(open_handle), lc_on_fd(pipes[0], POLLIN)};
    void *item;
    STEP(1, lc_handle_wait(open_handle, LC_FOREVER) == -ENOTSUP);
    STEP(2, lc_wait_any(&waitable, 1, LC_FOREVER) == -ENOTSUP);
    STEP(3, lc_wait_all(&waitable, 1, LC_FOREVER) == -ENOTSUP);
    STEP(4, lc_wait_any(mixed, 2, LC_FOREVER) == -ENOTSUP);
    STEP(5, lc_wait_fd(NULL, pipes[0], POLLIN, LC_FOREVER) == -ENOTSUP);
    STEP(6, lc_sleep(LC_HOUR) == -ENOTSUP);
    STEP(7, lc_channel_receive(empty, &item, LC_FOREVER) == -ENOTSUP);
    STEP(8, lc_channel_send(full, NULL, LC_FOREVER) == -ENOTSUP);
    STEP(9, lc_context_wait(live, open_handle, LC_FOREVER) == -ENOTSUP);
    STEP(10, lc_context_sleep(live, LC_HOUR) == -ENOTSUP);
    STEP(11, lc_context_receive(live, empty, &item, LC_FOREVER) == -ENOTSUP);
    STEP(12, lc_context_send(live, full, NULL, LC_FOREVER) == -ENOTSUP);
    STEP(13, check_code(lc_process_signals_new(signals, 1, &watch)) == -ENOTSUP);
    STEP(14, lc_spin_halt(NULL, NULL, NULL) == -ENOTSUP);
    STEP(15, lc_error_code(lc_manager_start(unstarted, parents.context)) == -ENOTSUP);
    lc_error *error = NULL;
    STEP(16, lc_signaler_wait(parents.signaler, open_handle, &error, LC_FOREVER) == -ENOTSUP);
    lc_run_options options = {.size = sizeof options};
    options.factory = make_noop;
    options.judge = answer_stop;
    error = lc_component_run(&options, NULL, NULL);
    STEP(17, lc_error_is(error, -ENOTSUP));
    lc_error_unref(error);
    STEP(18, lc_library_shutdown() != 0);
    return 0;
}

CHECK_CHILD(fork_after_threads)
{
    struct scope scope = scope_new(NULL);
    lc_manager *running = noop_manager();
    parents = scope_new(NULL);
    unstarted = noop_manager();
    open_handle = lc_handle_new();
    live = lc_context_new(NULL);
    check_code(lc_channel_new(LC_CHANNEL(.capacity = 1), &empty));
    check_code(lc_channel_new(LC_CHANNEL(.capacity = 1), &full));
    lc_channel_send(full, NULL, LC_NOW);
    STEP(101, pipe(pipes) == 0);
    lc_error_unref(lc_manager_start(running, scope.context));
    STEP(102, lc_handle_wait(lc_manager_ready(running), check_patience()) == 0);
    int inside = forked(is_refused_everything);
    STEP(inside, inside == 0);
    scope_cancel(&scope); /* the parent is as good as before */
    STEP(103, lc_handle_wait(lc_manager_done(running), check_patience()) == 0);
    STEP(104, lc_manager_start(unstarted, parents.context) == NULL);
    STEP(105, lc_handle_wait(lc_manager_ready(unstarted), check_patience()) == 0);
    scope_cancel(&parents);
    STEP(106, lc_handle_wait(lc_manager_done(unstarted), check_patience()) == 0);
    lc_manager_unref(running);
    lc_manager_unref(unstarted);
    scope_drop(&scope);
    scope_drop(&parents);
    lc_handle_unref(open_handle);
    lc_context_unref(live);
    lc_channel_unref(empty);
    lc_channel_unref(full);
    STEP(107, lc_library_shutdown() == 0);
    return 0;
}

static void after_threads_waits_are_refused(void)
{
    struct check_exit ended = check_child("fork_after_threads");
    CU_ASSERT_EQUAL(ended.status, 0);
    if (ended.status != 0)
        fprintf(stderr, "\nfork_after_threads: step %d\n%s", ended.status, ended.errors);
}

CHECK_SUITE(unit_fork, "unit: fork",
            {"a child forked before the library has threads may use all of it",
             before_threads_all_works},
            {"a child forked after a shutdown may use all of it", after_shutdown_all_works},
            {"a child forked afterwards is refused waits and threads, and does not hang",
             after_threads_waits_are_refused},
            {"a forked child cannot change a supervisor that runs", supervisors_are_left_alone});
