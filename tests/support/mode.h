/*
 * mode.h: the modes that a test runs in. A suite that is registered here is written once and runs
 * in each mode: with workers that are threads, with workers that are fibers, and simulated, once a
 * seed.
 *
 * Such a test makes its builders by check_builder, its own threads by helper.h and later.h, and its
 * clocks by clock.h. Then it need not know its mode.
 */
#ifndef LIFECYCLE_TESTS_MODE_H
#define LIFECYCLE_TESTS_MODE_H

#include <lifecycle.h>

enum check_mode {
    CHECK_THREADS,    /**< workers are threads; the test runs in one as well */
    CHECK_FIBERS,     /**< workers are fibers; the test runs in a thread */
    CHECK_ALL_FIBERS, /**< workers are fibers, and so are the test and its helpers */
    CHECK_SIMULATED   /**< the test runs in a simulation; workers are of either kind, by the seed */
};

/** The mode that the calling test runs in; CHECK_THREADS if it was not registered for others. */
enum check_mode check_mode(void);
/** The kind of worker in that mode. */
lc_worker_kind check_kind(void);
/** Makes a builder of workers of that kind. */
lc_manager_builder *check_builder(const char *name);

/** What keeps a test from being run in every mode, or as often as others. */
enum check_limit {
    /** It ends a process, or is about what the kernel does: real signals, descriptors, time. Not
       simulated. */
    CHECK_KERNEL = 1,
    /** It ends threads by pthread_exit or pthread_cancel, or looks at them: only with threads. */
    CHECK_PTHREADS = 2,
    /** It is about a great number and waits for nothing: not simulated. */
    CHECK_LARGE = 4,
    /** It checks exact times: its simulations have no late wake-ups. */
    CHECK_EXACT = 8
};

struct check_modal_test {
    const char *name;
    void (*run)(void);
    unsigned limits; /**< of enum check_limit */
};

/**
 * A suite of tests that each run in every mode that they can run in. CHECK_SUITE_IN_MODES registers
 * it.
 */
struct check_modal_suite {
    const char *title;
    const struct check_modal_test *tests;
    struct check_modal_suite *next;
};
void check_register_in_modes(struct check_modal_suite *suite);
/** All of them, in no order. */
const struct check_modal_suite *check_modal_suites(void);
/** Whether the test runs in that mode. */
bool check_runs_in(const struct check_modal_test *test, enum check_mode wanted);

/*
 * CHECK_SUITE_IN_MODES(identifier, "title", {"what is promised", test}, {"...", test,
 * CHECK_LARGE}); The modes' names are added to the title.
 */
#define CHECK_SUITE_IN_MODES(identifier, suite_title, ...)                                         \
    _Pragma("GCC diagnostic push")                                                                 \
        _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"") /* limits: mostly 0 */  \
        static const struct check_modal_test identifier##_tests[] = {__VA_ARGS__, {NULL}};         \
    _Pragma("GCC diagnostic pop") static struct check_modal_suite identifier##_suite = {           \
        suite_title, identifier##_tests, NULL};                                                    \
    __attribute__((constructor)) static void identifier##_register(void)                           \
    {                                                                                              \
        check_register_in_modes(&identifier##_suite);                                              \
    }                                                                                              \
    struct check_modal_suite /* swallows the semicolon */

/**
 * Runs the body of a CHECK_CHILD that does not end its process: in the simulation right here, else
 * in a child process. Give it by CHECK_APART. @return its result, as check_exit.status.
 */
int check_apart(const char *name, int (*body)(void));
#define CHECK_APART(body) check_apart(#body, body)

/**
 * Sends the process a signal: in a simulation one that is simulated. Has it been caught when this
 * returns? Only in a simulation.
 */
void check_signal(int number);
/**
 * Sends it, and waits for one more line of the captured log with that text. @return whether it
 * came.
 */
bool check_signal_is_logged(int number, const char *text);
/** Whether the process has the default disposition for it. */
bool check_signal_is_default(int number);

/** For check.c: runs the body of a child process in the mode of that name. @return its result. */
int check_run_child(int (*body)(void), const char *mode_name);
/** For check.c: the mode's name, to be given to a child process. */
const char *check_mode_name(void);

#endif
