/*
 * mode.c: see mode.h. Each suite is registered with CUnit once a mode; what CUnit calls is always
 * run_test, which finds out by the names what it is to run, and in which world.
 */
#include "support/mode.h"

#include "support/check.h"
#include "support/clock.h"
#include "support/seeds.h"

#include <CUnit/TestRun.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More steps than this, and a simulated test is taken to go round in circles. */
enum { STEPS_MAX = 1000000 };

static const char *const mode_names[] = {
    [CHECK_THREADS] = "threads",
    [CHECK_FIBERS] = "fiber workers",
    [CHECK_ALL_FIBERS] = "fibers",
    [CHECK_SIMULATED] = "simulated",
};
enum { MODES = sizeof mode_names / sizeof *mode_names };

static enum check_mode mode;
static lc_worker_kind simulated_kind;

enum check_mode check_mode(void)
{
    return mode;
}

const char *check_mode_name(void)
{
    return mode_names[mode];
}

lc_worker_kind check_kind(void)
{
    if (mode == CHECK_SIMULATED)
        return simulated_kind;
    return mode == CHECK_THREADS ? LC_THREAD : LC_FIBER;
}

lc_manager_builder *check_builder(const char *name)
{
    lc_manager_builder *builder = lc_manager_builder_new(name);
    if (builder)
        lc_manager_builder_set_kind(builder, check_kind());
    return builder;
}

/* ---- registering ---- */

/* A modal suite in one mode. */
struct made {
    struct check_suite suite; /* first */
    const struct check_modal_test *tests;
    enum check_mode mode;
    struct made *next;
};

static struct check_modal_suite *modal_suites;
static struct made *all_made;

static void run_test(void);

bool check_runs_in(const struct check_modal_test *test, enum check_mode wanted)
{
    unsigned limits = test->limits;
    if (limits & CHECK_PTHREADS)
        return wanted == CHECK_THREADS;
    return wanted != CHECK_SIMULATED || !(limits & (CHECK_KERNEL | CHECK_LARGE));
}

static void make_suite(const struct check_modal_suite *suite, enum check_mode in_mode)
{
    size_t count = 1, used = 0;
    for (const struct check_modal_test *test = suite->tests; test->name; test++)
        count++;
    size_t title_size = strlen(suite->title) + 32;
    struct made *made = calloc(1, sizeof *made);
    CU_TestInfo *tests = calloc(count, sizeof *tests);
    char *title = malloc(title_size);
    if (!made || !tests || !title)
        abort();
    for (const struct check_modal_test *test = suite->tests; test->name; test++)
        if (check_runs_in(test, in_mode))
            tests[used++] = (CU_TestInfo){test->name, run_test};
    snprintf(title, title_size, in_mode == CHECK_THREADS ? "%s" : "%s (%s)", suite->title,
             mode_names[in_mode]);
    *made = (struct made){{title, tests, NULL}, suite->tests, in_mode, all_made};
    all_made = made;
    check_register(&made->suite);
}

void check_register_in_modes(struct check_modal_suite *suite)
{
    suite->next = modal_suites;
    modal_suites = suite;
    for (int in_mode = 0; in_mode < MODES; in_mode++)
        make_suite(suite, (enum check_mode)in_mode);
}

const struct check_modal_suite *check_modal_suites(void)
{
    return modal_suites;
}

/* ---- one test in a world ---- */

static lc_error *run_body(void *test)
{
    ((const struct check_modal_test *)test)->run();
    return NULL;
}

static void run_in_fiber(const struct check_modal_test *test)
{
    CHECK_SUCCESS(lc_executor_run(NULL, run_body, (void *)(uintptr_t)test));
}

/* Without faults, with some wake-ups late, with some waits that wake early, with both. */
static lc_simulation_options options_for(const struct check_modal_test *test, uint64_t seed)
{
    lc_simulation_options options = {.size = sizeof options};
    options.seed = seed;
    options.early_one_in = seed & 1 ? 4 : 0;
    options.delay_one_in = seed & 2 && !(test->limits & CHECK_EXACT) ? 8 : 0;
    options.steps_max = STEPS_MAX;
    return options;
}

static void simulate(const void *arg, uint64_t seed)
{
    const struct check_modal_test *test = arg;
    lc_simulation_options options = options_for(test, seed);
    lc_executor *world;
    simulated_kind = seed & 4 ? LC_FIBER : LC_THREAD;
    CHECK_SUCCESS(lc_executor_new_simulated(&options, &world));
    CHECK_SUCCESS(lc_executor_run(world, run_body, (void *)(uintptr_t)test));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

/* ---- finding what to run ---- */

static const struct made *current_suite(void)
{
    const char *title = CU_get_current_suite()->pName;
    const struct made *made = all_made;
    while (made && strcmp(made->suite.title, title) != 0)
        made = made->next;
    return made;
}

static void run_test(void)
{
    const struct made *made = current_suite();
    const struct check_modal_test *test = made->tests;
    while (strcmp(test->name, CU_get_current_test()->pName) != 0)
        test++;
    mode = made->mode;
    if (mode == CHECK_SIMULATED)
        check_seeds(simulate, test);
    else if (mode == CHECK_ALL_FIBERS)
        run_in_fiber(test);
    else
        test->run();
    check_clocks_end();
    mode = CHECK_THREADS;
}

/* ---- child processes ---- */

struct child {
    int (*body)(void);
    int result;
};

static lc_error *run_child_body(void *arg)
{
    struct child *child = arg;
    child->result = child->body();
    return NULL;
}

int check_run_child(int (*body)(void), const char *mode_name)
{
    for (int named = 0; named < MODES; named++)
        if (strcmp(mode_names[named], mode_name) == 0)
            mode = (enum check_mode)named;
    struct child child = {body, -1};
    if (mode != CHECK_ALL_FIBERS)
        return body();
    lc_error_unref(lc_executor_run(NULL, run_child_body, &child));
    return child.result;
}

int check_apart(const char *name, int (*body)(void))
{
    return lc_is_simulated() ? body() : check_child(name).status;
}

void check_signal(int number)
{
    if (lc_is_simulated())
        lc_simulation_signal(number);
    else
        kill(getpid(), number);
}

struct logging {
    const char *text;
    unsigned before; /* so many lines had it */
};

static bool is_logged_again(void *arg)
{
    const struct logging *logging = arg;
    return check_log_count(logging->text) > logging->before;
}

bool check_signal_is_logged(int number, const char *text)
{
    struct logging logging = {text, check_log_count(text)};
    check_signal(number);
    return check_until(is_logged_again, &logging);
}

bool check_signal_is_default(int number)
{
    struct sigaction found;
    return sigaction(number, NULL, &found) == 0 && found.sa_handler == SIG_DFL;
}
