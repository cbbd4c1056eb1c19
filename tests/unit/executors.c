/*
 * executors.c: what <lifecycle/executor.h> promises of executors: their options, their threads'
 * coming and going, where fibers run, stalls, and how they end. A program's own thread as one of an
 * executor's is in guest.c.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/helper.h"
#include "support/later.h"
#include "support/race.h"
#include "support/scripted_worker.h"

#include "executor/executor.h"
#include "executor/processors.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static lc_executor *executor_new(const lc_executor_options *options)
{
    lc_executor *executor = NULL;
    CHECK_SUCCESS(lc_executor_new(options, &executor));
    return executor;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void close_handle(void *arg)
{
    lc_handle_close(arg);
}

static void await_handle(void *arg)
{
    lc_handle_wait(arg, check_patience());
}

/* ---- options ---- */

static void refused(const lc_executor_options *options, const char *text)
{
    lc_executor *executor = (lc_executor *)(uintptr_t)options; /* to be set to NULL */
    lc_error *error = lc_executor_new(options, &executor);
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    CU_ASSERT_PTR_NULL(executor);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), text));
    lc_error_unref(error);
    error = lc_default_executor_configure(options);
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    lc_error_unref(error);
}

static void bad_options_are_refused(void)
{
    static const lc_executor_options good = {.size = sizeof good};
    lc_executor_options options = good;
    options.size = 0;
    refused(&options, "size of lc_executor_options is 0");
    options = good;
    options.name = "";
    refused(&options, "name");
    options.name = "a name that has one byte too many";
    refused(&options, "name of 1 to 32 bytes");
    options = good;
    options.threads = LC_EXECUTOR_THREADS_MAX + 1;
    refused(&options, "257 threads");
    options = good;
    options.stack_size = LC_FIBER_STACK_MIN - 1;
    refused(&options, "stacks of 32767 bytes");
    options.stack_size = LC_FIBER_STACK_MAX + 1;
    refused(&options, "stacks of 1073741825 bytes");
    options = good;
    options.idle_timeout = -2;
    refused(&options, "idle_timeout of -2 ns");
    options = good;
    options.stall_limit = -2;
    refused(&options, "stall_limit of -2 ns");
    CHECK_ERROR(lc_executor_new(&good, NULL), -EINVAL);
}

static void check_times(const lc_executor_options *options, int64_t idle, int64_t stall)
{
    lc_executor *executor = executor_new(options);
    CU_ASSERT_EQUAL(executor->idle_timeout, idle);
    CU_ASSERT_EQUAL(executor->stall_limit, stall);
    fibers_end(executor);
}

static void zero_is_the_default(void)
{
    lc_executor *executor = executor_new(LC_EXECUTOR());
    CU_ASSERT_STRING_EQUAL(executor->name, "executor");
    CU_ASSERT_EQUAL(executor->stack_size, LC_FIBER_STACK_DEFAULT);
    CU_ASSERT_TRUE(lc_executor_threads(executor) >= 1);
    fibers_end(executor);
    check_times(LC_EXECUTOR(), 10 * LC_SECOND, 100 * LC_MILLISECOND);
    check_times(LC_EXECUTOR(.idle_timeout = LC_NONE, .stall_limit = LC_NONE), 0, LC_FOREVER);
    check_times(LC_EXECUTOR(.idle_timeout = 1, .stall_limit = 2), 1, 2);
}

static void longest_name_and_most_threads_are_taken(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.name = "a name that has not a byte more.";
    options.threads = LC_EXECUTOR_THREADS_MAX;
    CU_ASSERT_EQUAL(strlen(options.name), 32);
    lc_executor *executor = executor_new(&options);
    CU_ASSERT_EQUAL(lc_executor_threads(executor), LC_EXECUTOR_THREADS_MAX);
    fibers_end(executor);
    CU_ASSERT_EQUAL(lc_executor_threads(NULL), 0);
    CU_ASSERT_EQUAL(lc_executor_free(NULL), 0);
}

/* ---- how many processors ---- */

CHECK_CHILD(bound_to_one_processor)
{
    check_use_cpus(1);
    lc_executor *executor;
    lc_error *error = lc_executor_new(NULL, &executor);
    if (error)
        return 100;
    int threads = (int)lc_executor_threads(executor);
    lc_executor_free(executor);
    return threads;
}

static void threads_follow_affinity(void)
{
    CU_ASSERT_EQUAL(check_child("bound_to_one_processor").status, 1);
    cpu_set_t set;
    CU_ASSERT_EQUAL(sched_getaffinity(0, sizeof set, &set), 0);
    CU_ASSERT_TRUE(lc__processors() >= 1 && (int)lc__processors() <= CPU_COUNT(&set));
}

/* A hierarchy of control groups, made up of files. */
struct groups {
    char root[64];
    char groups[PATH_MAX];
};

static void write_file(const char *root, const char *path, const char *text)
{
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s/%s", root, path);
    FILE *file = fopen(full, "w");
    if (!file || fputs(text, file) < 0)
        abort();
    fclose(file);
}

static struct groups groups_new(void)
{
    struct groups made = {.root = "/tmp/lifecycle-groups-XXXXXX"};
    char path[PATH_MAX];
    if (!mkdtemp(made.root))
        abort();
    snprintf(made.groups, sizeof made.groups, "%s/groups", made.root);
    snprintf(path, sizeof path, "%s/above", made.root);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/above/own", made.root);
    mkdir(path, 0700);
    return made;
}

static void groups_drop(const struct groups *made)
{
    static const char *const paths[] = {
        "groups", "cpu.max", "above/cpu.max", "above/own/cpu.max", "above/own", "above", ""};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char full[PATH_MAX];
        snprintf(full, sizeof full, "%s/%s", made->root, paths[i]);
        remove(full);
    }
}

static void quota_is_read_from_control_groups(void)
{
    struct groups made = groups_new();
    CU_ASSERT_EQUAL(lc__processors_quota(made.groups, made.root), 0); /* no file at all */
    write_file(made.root, "groups", "1:cpu:/above/own\n");
    write_file(made.root, "above/own/cpu.max", "100000 100000\n");
    CU_ASSERT_EQUAL(lc__processors_quota(made.groups, made.root), 0); /* of version 1 only */
    write_file(made.root, "groups", "1:name=x:/elsewhere\n0::/above/own\n");
    CU_ASSERT_EQUAL(lc__processors_quota(made.groups, made.root), 1);
    write_file(made.root, "above/own/cpu.max", "350000 100000\n");
    CU_ASSERT_EQUAL(lc__processors_quota(made.groups, made.root), 4); /* rounded up */
    write_file(made.root, "above/cpu.max", "max 100000\n");
    CU_ASSERT_EQUAL(lc__processors_quota(made.groups, made.root), 4);
    write_file(made.root, "above/cpu.max", "150000 100000\n");
    CU_ASSERT_EQUAL(lc__processors_quota(made.groups, made.root),
                    2); /* the group above allows less */
    write_file(made.root, "cpu.max", "5000 100000\n");
    CU_ASSERT_EQUAL(lc__processors_quota(made.groups, made.root), 1);
    write_file(made.root, "cpu.max", "");
    write_file(made.root, "above/cpu.max", "nonsense");
    write_file(made.root, "above/own/cpu.max", "max 100000\n");
    CU_ASSERT_EQUAL(lc__processors_quota(made.groups, made.root), 0);
    groups_drop(&made);
}

/* ---- a thread of the program's ---- */

static lc_error *fail(void *arg)
{
    return lc_error_new(*(int *)arg, "as told");
}

static lc_error *run_within(void *arg)
{
    return lc_executor_run(arg, fail, &(int){-EIO});
}

static void run_returns_what_its_function_does(void)
{
    lc_executor *executor = fibers_executor(1);
    CHECK_ERROR(lc_executor_run(executor, fail, &(int){-EIO}), -EIO);
    CHECK_ERROR(lc_executor_run(executor, NULL, NULL), -EINVAL);
    CHECK_ERROR(lc_executor_run(executor, run_within, executor), -EDEADLK);
    fibers_end(executor);
}

static unsigned count_threads(const char *prefix)
{
    glob_t found = {0};
    unsigned count = 0;
    if (glob("/proc/self/task/*/comm", GLOB_NOSORT, NULL, &found) != 0)
        abort();
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char name[32] = "";
        FILE *file = fopen(found.gl_pathv[i], "r"); /* it may just have ended */
        if (file && fgets(name, sizeof name, file))
            count += strncmp(name, prefix, strlen(prefix)) == 0;
        if (file)
            fclose(file);
    }
    globfree(&found);
    return count;
}

/* What a small service does, with no thread but main. */
static lc_error *be_a_service(void *arg)
{
    lc_channel *channel;
    void *item = NULL;
    int pipes[2];
    if (check_code(lc_channel_new(LC_CHANNEL(.capacity = 1), &channel)) != 0 || pipe(pipes) != 0)
        return lc_error_new(-EMFILE, "cannot begin");
    lc_handle *handle = lc_handle_new();
    fibers_start(NULL, "closer", close_handle, handle);
    bool well =
        lc_handle_wait(handle, LC_FOREVER) == 0 && lc_sleep(LC_MILLISECOND) == 0 &&
        lc_channel_receive(channel, &item, lc_deadline_after(LC_MILLISECOND)) == -ETIMEDOUT &&
        lc_wait_fd(NULL, pipes[0], 1, lc_deadline_after(LC_MILLISECOND)) == -ETIMEDOUT;
    lc_handle_unref(handle);
    lc_channel_unref(channel);
    *(unsigned *)arg = count_threads("");
    return well ? NULL : lc_error_new(-EIO, "a wait went wrong");
}

CHECK_CHILD(main_as_a_fiber)
{
    unsigned threads = 0;
    unsigned before = count_threads(""); /* a sanitizer has one of its own */
    lc_executor *executor = fibers_executor(1);
    lc_error *error = lc_executor_run(executor, be_a_service, &threads);
    fprintf(stderr, "%s\n", lc_error_message(error));
    int result = error ? 101 : (int)(threads - before);
    lc_error_unref(error);
    return lc_executor_free(executor) == 0 ? result : 102;
}

static void main_needs_no_other_thread(void)
{
    CU_ASSERT_EQUAL(check_child("main_as_a_fiber").status, 0);
}

/* ---- ending ---- */

struct freeing {
    lc_executor *executor;
    lc_handle *handle;
    lc_handle *begun;
    atomic_bool ended;
    int result;
};

static struct freeing freeing_new(unsigned threads)
{
    return (struct freeing){
        .executor = fibers_executor(threads), .handle = lc_handle_new(), .begun = lc_handle_new()};
}

static void freeing_drop(struct freeing *freeing)
{
    lc_handle_unref(freeing->handle);
    lc_handle_unref(freeing->begun);
}

static void wait_and_note(void *arg)
{
    struct freeing *freeing = arg;
    lc_handle_close(freeing->begun);
    await_handle(freeing->handle);
    lc_yield();
    atomic_store(&freeing->ended, true);
}

static void free_waits_for_fibers(void)
{
    struct freeing freeing = freeing_new(2);
    struct later then;
    fibers_spread(freeing.executor, wait_and_note, &freeing);
    later(&then, close_handle, freeing.handle);
    CU_ASSERT_EQUAL(lc_executor_free(freeing.executor), 0);
    CU_ASSERT_TRUE(freeing.ended);
    CU_ASSERT_TRUE(later_join(&then));
    freeing_drop(&freeing);
}

static void free_own(void *arg)
{
    struct freeing *freeing = arg;
    freeing->result = lc_executor_free(freeing->executor);
}

static void a_fiber_may_not_free_its_executor(void)
{
    struct freeing freeing = freeing_new(1);
    fibers_start(freeing.executor, "suicidal", free_own, &freeing);
    fibers_end(freeing.executor);
    CU_ASSERT_EQUAL(freeing.result, -EDEADLK);
    freeing_drop(&freeing);
}

static void free_own_by_blocking(void *arg)
{
    CU_ASSERT_EQUAL(lc_call_blocking(free_own, arg), 0);
}

static void a_blocking_call_of_a_fiber_may_not_free_its_executor(void)
{
    struct freeing freeing = freeing_new(1);
    fibers_start(freeing.executor, "suicidal", free_own_by_blocking, &freeing);
    fibers_end(freeing.executor);
    CU_ASSERT_EQUAL(freeing.result, -EDEADLK);
    freeing_drop(&freeing);
}

static lc_error *be_a_guest(void *arg)
{
    struct freeing *freeing = arg;
    lc_handle_close(freeing->begun);
    await_handle(freeing->handle);
    return NULL;
}

static void run_as_guest(void *arg)
{
    struct freeing *freeing = arg;
    lc_error_unref(lc_executor_run(freeing->executor, be_a_guest, freeing));
}

static void an_executor_with_a_guest_is_not_freed(void)
{
    struct freeing freeing = freeing_new(1);
    struct helper helper;
    helper_start(&helper, run_as_guest, &freeing);
    CHECK_CLOSES(freeing.begun);
    CU_ASSERT_EQUAL(lc_executor_free(freeing.executor), -EDEADLK);
    fibers_start(freeing.executor, "closer", close_handle, freeing.handle); /* nothing happened */
    helper_join(&helper);
    fibers_end(freeing.executor);
    freeing_drop(&freeing);
}

/* Starts fibers until it is told that there will be no more. */
static void start_until_refused(void *arg)
{
    struct freeing *freeing = arg;
    lc_fiber_options options = {.size = sizeof options};
    options.run = do_nothing;
    int64_t deadline = check_patience();
    while ((freeing->result = lc_fiber_start(&options)) == 0 && lc_now() < deadline)
        lc_yield();
}

static void no_fiber_starts_while_it_is_freed(void)
{
    struct freeing freeing = freeing_new(2);
    fibers_start(freeing.executor, "starter", start_until_refused, &freeing);
    fibers_end(freeing.executor);
    CU_ASSERT_EQUAL(freeing.result, -ESHUTDOWN);
    freeing_drop(&freeing);
}

/* ---- several ---- */

struct link {
    lc_channel *from, *to;
};

static void hand_on(void *arg)
{
    struct link *link = arg;
    void *item;
    while (lc_channel_receive(link->from, &item, check_patience()) == 0)
        lc_channel_send(link->to, item, check_patience());
    lc_channel_close(link->to);
}

/* A chain of fibers, each in an executor of its own. */
static void several_executors_at_once(void)
{
    enum { LINKS = 4, ITEMS = 200 };
    lc_executor *executors[LINKS];
    lc_channel *channels[LINKS + 1];
    struct link links[LINKS];
    for (int i = 0; i <= LINKS; i++)
        CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = ITEMS), &channels[i]));
    for (int i = 0; i < LINKS; i++) {
        executors[i] = fibers_executor(1);
        links[i] = (struct link){channels[i], channels[i + 1]};
        fibers_start(executors[i], "link", hand_on, &links[i]);
    }
    for (uintptr_t i = 0; i < ITEMS; i++)
        CU_ASSERT_EQUAL(lc_channel_send(channels[0], (void *)i, check_patience()), 0);
    lc_channel_close(channels[0]);
    for (uintptr_t i = 0; i < ITEMS; i++) {
        void *item = NULL;
        CU_ASSERT_EQUAL(lc_channel_receive(channels[LINKS], &item, check_patience()), 0);
        CU_ASSERT_EQUAL((uintptr_t)item, i);
    }
    for (int i = 0; i < LINKS; i++)
        fibers_end(executors[i]);
    for (int i = 0; i <= LINKS; i++)
        lc_channel_unref(channels[i]);
}

static void note_executor(void *arg)
{
    *(lc_executor **)arg = lc_executor_current();
}

static void a_fiber_knows_its_executor(void)
{
    lc_executor *executor = fibers_executor(1), *seen = NULL;
    fibers_start(executor, "looks", note_executor, &seen);
    fibers_end(executor);
    CU_ASSERT_PTR_EQUAL(seen, executor);
    CU_ASSERT_PTR_NOT_NULL(lc_executor_current());
    CU_ASSERT_PTR_EQUAL(lc_executor_current(), lc_executor_current());
}

/* ---- threads come and go ---- */

static bool none_is_left(void *prefix)
{
    return count_threads(prefix) == 0;
}

static void idle_threads_end_and_come_back(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.name = "idle";
    options.threads = 2;
    options.idle_timeout = LC_MILLISECOND;
    lc_executor *executor = executor_new(&options);
    char prefix[] = "idle-";
    for (int i = 0; i < 5; i++) {
        struct freeing life = {.handle = lc_handle_new(), .begun = lc_handle_new()};
        fibers_spread(executor, wait_and_note, &life);
        CHECK_CLOSES(life.begun);
        CU_ASSERT_TRUE(count_threads(prefix) > 0); /* as long as it has a fiber */
        lc_handle_close(life.handle);
        CU_ASSERT_TRUE(check_until(none_is_left, prefix));
        CU_ASSERT_TRUE(life.ended);
        freeing_drop(&life);
    }
    fibers_end(executor);
}

/* ---- groups ---- */

enum { THREADS = 4 };

struct place {
    atomic_uint count;
    pthread_t threads[THREADS + 1];
    pthread_mutex_t lock;
    atomic_uint moved;
};

static void note_place(struct place *place)
{
    unsigned count = atomic_load(&place->count);
    pthread_mutex_lock(&place->lock);
    for (unsigned i = 0; i < count; i++) {
        if (pthread_equal(place->threads[i], pthread_self())) {
            pthread_mutex_unlock(&place->lock);
            return;
        }
    }
    if (place->count <= THREADS)
        place->threads[place->count++] = pthread_self();
    pthread_mutex_unlock(&place->lock);
}

static void be_in_place(void *arg)
{
    struct place *place = arg;
    pthread_t thread = pthread_self();
    for (int i = 0; i < 3; i++) {
        note_place(place);
        /* So that others wait long enough behind it for idle threads to want them. */
        for (int64_t end = lc_now() + 10 * LC_MICROSECOND; lc_now() < end;)
            continue;
        lc_sleep(LC_MICROSECOND * 10 * i);
        if (!pthread_equal(thread, pthread_self()))
            atomic_fetch_add(&place->moved, 1);
    }
}

static void start_in_group(lc_executor *executor, lc_thread_group *group, struct place *place)
{
    lc_fiber_options options = {.size = sizeof options};
    options.executor = executor;
    options.group = group;
    options.run = be_in_place;
    options.arg = place;
    for (int i = 0; i < 100; i++) {
        options.spread = i % 2;
        CU_ASSERT_EQUAL(lc_fiber_start(&options), 0);
    }
}

static void a_group_runs_on_its_threads_only(void)
{
    for (unsigned most = 1; most <= THREADS + 1; most++) {
        struct place place = {.lock = PTHREAD_MUTEX_INITIALIZER};
        lc_executor *executor = fibers_executor(THREADS);
        lc_thread_group *group = lc_thread_group_new(executor, most);
        start_in_group(NULL, group, &place); /* its executor goes without saying */
        start_in_group(executor, group, &place);
        lc_thread_group_unref(group); /* its fibers run on */
        fibers_end(executor);
        CU_ASSERT_TRUE(place.count >= 1 && place.count <= most);
        CU_ASSERT_EQUAL(place.moved, 0);
    }
    lc_executor *executor = fibers_executor(1);
    CU_ASSERT_PTR_NULL(lc_thread_group_new(executor, 0));
    CU_ASSERT_PTR_NULL(lc_thread_group_new(NULL, 1));
    lc_thread_group_unref(NULL);
    CU_ASSERT_PTR_NULL(lc_thread_group_ref(NULL));
    fibers_end(executor);
}

/* ---- stalls ---- */

static atomic_bool released;

/*
 * The monitor counts the time that a hog's thread runs, not that for which it waits for a
 * processor: on a busy machine one that gave way in each turn would run for too short.
 */
static void hog(void *arg)
{
    int64_t deadline = check_patience();
    (void)arg;
    while (!atomic_load(&released) && lc_now() < deadline)
        continue;
}

static void release(void *arg)
{
    atomic_store(&released, true);
    lc_handle_close(arg);
}

static bool log_has(void *text)
{
    return check_log_has(text);
}

/* So many hogs on the one thread, and a fiber behind them that lets them go. */
static void free_from_behind(int hogs)
{
    lc_executor_options options = {.size = sizeof options};
    options.name = "stalling";
    options.threads = 1;
    options.stall_limit = 5 * LC_MILLISECOND;
    lc_executor *executor = executor_new(&options);
    lc_handle *over = lc_handle_new();
    char told[] = "hog: keeps a thread of executor \"stalling\"";
    atomic_store(&released, false);
    check_log_capture();
    for (int i = 0; i < hogs; i++)
        fibers_start(executor, "hog", hog, NULL);
    fibers_start(executor, "behind", release, over);
    CHECK_CLOSES(over);
    if (hogs > 1) /* one that is let go at once may not have been told yet */
        CU_ASSERT_TRUE(check_until(log_has, told));
    fibers_end(executor);
    check_log_release();
    lc_handle_unref(over);
}

static void fibers_behind_a_hog_get_a_thread(void)
{
    free_from_behind(1);
}

static void fibers_behind_many_hogs_get_one_each(void)
{
    free_from_behind(4);
}

static void hog_until_told(void *arg)
{
    int64_t deadline = check_patience();
    while (!check_log_has(arg) && lc_now() < deadline)
        continue;
}

static void a_hog_is_named(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.name = "stalling";
    options.threads = 1;
    options.stall_limit = 2 * LC_MILLISECOND;
    lc_executor *executor = executor_new(&options);
    char told[] = "greedy: keeps a thread of executor \"stalling\"";
    check_log_capture();
    fibers_start(executor, "greedy", hog_until_told, told);
    fibers_end(executor);
    CU_ASSERT_EQUAL(check_log_count(told), 1);
    check_log_release();
}

/* ---- stealing ---- */

struct raid {
    pthread_t victim;
    atomic_bool seen_elsewhere;
    atomic_uint moved;
    atomic_uint toilers; /* that have not ended */
    lc_handle *over;
};

static void toil(void *arg)
{
    struct raid *raid = arg;
    pthread_t thread = pthread_self();
    if (!pthread_equal(thread, raid->victim))
        atomic_store(&raid->seen_elsewhere, true);
    for (int64_t end = lc_now() + 20 * LC_MICROSECOND; lc_now() < end;)
        continue;
    lc_yield();
    if (!pthread_equal(thread, pthread_self()))
        atomic_fetch_add(&raid->moved, 1);
    atomic_fetch_sub(&raid->toilers, 1);
}

/* Has always more to do on its own thread than it gets done, until another helps. */
static void pile_up(void *arg)
{
    struct raid *raid = arg;
    int64_t deadline = check_patience();
    raid->victim = pthread_self();
    while (!atomic_load(&raid->seen_elsewhere) && lc_now() < deadline) {
        while (atomic_load(&raid->toilers) < 1000) {
            atomic_fetch_add(&raid->toilers, 1);
            fibers_start(NULL, "toiler", toil, raid);
        }
        lc_sleep(LC_MICROSECOND);
    }
    lc_handle_close(raid->over);
}

static void idle_threads_take_what_has_not_started(void)
{
    struct raid raid = {.over = lc_handle_new()};
    lc_executor *executor = fibers_executor(2);
    fibers_start(executor, "victim", pile_up, &raid);
    CHECK_CLOSES(raid.over);
    fibers_end(executor);
    CU_ASSERT_TRUE(raid.seen_elsewhere);
    CU_ASSERT_EQUAL(raid.moved, 0);
    lc_handle_unref(raid.over);
}

/* ---- the library's shutdown ---- */

static bool shuts_down(void *unused)
{
    (void)unused;
    return lc_library_shutdown() == 0;
}

static void running_fiber_keeps_the_library_up(void)
{
    struct freeing life = {.handle = lc_handle_new(), .begun = lc_handle_new()};
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    fibers_start(NULL, "stays", wait_and_note, &life);
    CHECK_CLOSES(life.begun);
    check_log_capture();
    CU_ASSERT_EQUAL(lc_library_shutdown(), -EBUSY);
    CU_ASSERT_TRUE(check_log_has("fibers not ended: 1"));
    CU_ASSERT_TRUE(check_log_has("\"stays\""));
    lc_handle_close(life.handle);
    CU_ASSERT_TRUE(check_until(shuts_down, NULL));
    check_log_release();
    CU_ASSERT_TRUE(life.ended);
    freeing_drop(&life);
}

/** The close is the last that it does, and yet others may be faster than its return. */
static void tell_and_return(void *arg)
{
    lc_handle_close(arg);
}

static bool told_and_shut_down(void *arg)
{
    (void)arg;
    lc_handle *over = lc_handle_new();
    fibers_start(NULL, "tells", tell_and_return, over);
    lc_handle_wait(over, LC_FOREVER);
    bool well = lc_library_shutdown() == 0;
    lc_handle_unref(over);
    return well;
}

static void fiber_that_ends_is_waited_for(void)
{
    unsigned rounds = check_fewer(check_count(2000, 20000));
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    CU_ASSERT_EQUAL(race_repeat(told_and_shut_down, NULL, rounds), 0);
}

static void yield_until_told(void *arg)
{
    while (!lc_handle_is_closed(arg))
        lc_yield();
}

static void busy_fiber_is_not_waited_for_long(void)
{
    lc_handle *told = lc_handle_new();
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    fibers_start(NULL, "busy", yield_until_told, told);
    check_log_capture();
    CU_ASSERT_EQUAL(lc_library_shutdown(), -EBUSY);
    CU_ASSERT_TRUE(check_log_has("\"busy\""));
    check_log_release();
    lc_handle_close(told);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    lc_handle_unref(told);
}

static void executor_not_freed_keeps_the_library_up(void)
{
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    lc_executor *executor = fibers_executor(1);
    check_log_capture();
    CU_ASSERT_EQUAL(lc_library_shutdown(), -EBUSY);
    CU_ASSERT_TRUE(check_log_has("executor \"tested\" was not freed"));
    check_log_release();
    fibers_end(executor);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
}

static lc_error *return_at_once(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)arg;
    lc_ready_signal(ready);
    return NULL;
}

static void run_manager_of_fibers(void)
{
    struct scope scope = scope_new(NULL);
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("short");
    lc_manager_builder_set_kind(builder, LC_FIBER);
    lc_manager_builder_add(builder, LC_WORKER(.name = "one", .run = return_at_once));
    lc_manager_builder_add(builder, LC_WORKER(.name = "two", .run = return_at_once));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    lc_manager_unref(manager);
    scope_drop(&scope);
}

static void done_is_enough_for_a_shutdown(void)
{
    unsigned rounds = check_fewer(check_count(1000, 20000));
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    for (unsigned i = 0; i < rounds; i++)
        run_manager_of_fibers();
}

/* ---- deadlines that are left ---- */

struct left {
    lc_context *context;
    int64_t after;
};

static void leave_deadline(void *arg)
{
    struct left *left = arg;
    left->context = lc_context_with_deadline(NULL, lc_deadline_after(left->after));
}

static void deadlines_outlive_their_executor(void)
{
    struct left left = {.after = 20 * LC_MILLISECOND};
    lc_executor *executor = fibers_executor(1);
    fibers_start(executor, "leaves", leave_deadline, &left);
    fibers_end(executor);
    CHECK_CLOSES(lc_context_done(left.context));
    CU_ASSERT_TRUE(lc_now() >= lc_context_deadline(left.context));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(left.context)), -ETIMEDOUT);
    lc_context_unref(left.context);
}

/* By a worker of a manager: done is closed when it will do nothing but end. */
static lc_error *leave_in_worker(lc_context *context, lc_ready *ready, void *arg)
{
    leave_deadline(arg);
    return return_at_once(context, ready, NULL);
}

static void run_leaver(struct left *left)
{
    struct scope scope = scope_new(NULL);
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("leaving");
    lc_manager_builder_set_kind(builder, LC_FIBER);
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "leaver", .run = leave_in_worker, .arg = left));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    CHECK_CLOSES(lc_manager_done(manager));
    lc_manager_unref(manager);
    scope_drop(&scope);
}

static void deadline_to_come_keeps_the_library_up(void)
{
    struct left left = {.after = LC_HOUR};
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    run_leaver(&left);
    check_log_capture();
    CU_ASSERT_EQUAL(lc_library_shutdown(), -EBUSY);
    CU_ASSERT_TRUE(check_log_has("deadlines to come: 1"));
    check_log_release();
    lc_context_unref(left.context);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
}

static void shutdown_once_a_deadline_has_come(void)
{
    unsigned rounds = check_fewer(check_count(300, 5000));
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    for (unsigned i = 0; i < rounds; i++) {
        struct left left = {.after = 100 * LC_MICROSECOND};
        run_leaver(&left);
        CHECK_CLOSES(lc_context_done(left.context));
        CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
        lc_context_unref(left.context);
    }
}

/* ---- the default one ---- */

static void configured_executor_is_the_default(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.name = "configured";
    options.threads = 3;
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    CHECK_SUCCESS(lc_default_executor_configure(&options));
    CU_ASSERT_EQUAL(lc_executor_threads(lc_executor_current()), 3);
    CHECK_ERROR(lc_default_executor_configure(&options), -EBUSY);
    CHECK_ERROR(lc_default_executor_configure(NULL), -EBUSY);
    CU_ASSERT_EQUAL(lc_executor_threads(lc_executor_current()), 3);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    CHECK_SUCCESS(lc_default_executor_configure(NULL));
    CU_ASSERT_EQUAL(lc_executor_threads(lc_executor_current()), lc__processors());
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
}

CHECK_SUITE(
    unit_executors, "unit: executors",
    {"bad options are refused, and named in the error", bad_options_are_refused},
    {"zero is the default, LC_NONE none of it", zero_is_the_default},
    {"the longest name and the most threads are taken", longest_name_and_most_threads_are_taken},
    {"threads are as many as the affinity allows", threads_follow_affinity},
    {"a quota is read from control groups", quota_is_read_from_control_groups},
    {"a run returns what its function does", run_returns_what_its_function_does},
    {"main needs no other thread", main_needs_no_other_thread},
    {"freeing waits for fibers", free_waits_for_fibers},
    {"a fiber may not free its executor", a_fiber_may_not_free_its_executor},
    {"a blocking call of a fiber may not free its executor",
     a_blocking_call_of_a_fiber_may_not_free_its_executor},
    {"an executor with a guest is not freed", an_executor_with_a_guest_is_not_freed},
    {"no fiber starts while it is freed", no_fiber_starts_while_it_is_freed},
    {"several executors at once", several_executors_at_once},
    {"a fiber knows its executor", a_fiber_knows_its_executor},
    {"idle threads end, and come back", idle_threads_end_and_come_back},
    {"a group runs on its threads only", a_group_runs_on_its_threads_only},
    {"a hog is named, once", a_hog_is_named},
    {"fibers behind a hog get a thread", fibers_behind_a_hog_get_a_thread},
    {"fibers behind many hogs get one for each", fibers_behind_many_hogs_get_one_each},
    {"idle threads take what has not started", idle_threads_take_what_has_not_started},
    {"a running fiber keeps the library up, and is named", running_fiber_keeps_the_library_up},
    {"a fiber that has told its end is waited for by a shutdown", fiber_that_ends_is_waited_for},
    {"a shutdown does not wait long for a busy fiber", busy_fiber_is_not_waited_for_long},
    {"an executor not freed keeps the library up", executor_not_freed_keeps_the_library_up},
    {"done is enough for a shutdown", done_is_enough_for_a_shutdown},
    {"deadlines outlive their executor", deadlines_outlive_their_executor},
    {"a deadline to come keeps the library up", deadline_to_come_keeps_the_library_up},
    {"a deadline that has come does not", shutdown_once_a_deadline_has_come},
    {"the executor that was configured is the default", configured_executor_is_the_default});
