/*
 * check.h: what every test file needs: suites that register themselves with CUnit, counts that grow
 * in the long run, seeds that are printed and can be given again, child processes for tests that
 * end a process, and captures of the log.
 */
#ifndef LIFECYCLE_TESTS_CHECK_H
#define LIFECYCLE_TESTS_CHECK_H

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lc_error;
struct lc_log_sink;

/** A suite of tests: a CUnit suite by the name of `title`. Files register themselves by
 * CHECK_SUITE. */
struct check_suite {
    const char *title;
    CU_TestInfo *tests;
    struct check_suite *next;
};
void check_register(struct check_suite *suite);

/* CHECK_SUITE(errors, "unit: errors", {"a code is kept", keeps_code}, {"...", ...}); */
#define CHECK_SUITE(identifier, title, ...)                                                        \
    static CU_TestInfo identifier##_tests[] = {__VA_ARGS__, CU_TEST_INFO_NULL};                    \
    static struct check_suite identifier##_suite = {title, identifier##_tests, NULL};              \
    __attribute__((constructor)) static void identifier##_register(void)                           \
    {                                                                                              \
        check_register(&identifier##_suite);                                                       \
    }                                                                                              \
    struct check_suite /* swallows the semicolon */

/** A part of a test that ends its process: run in a child by check_child. Registered by
 * CHECK_CHILD. */
struct check_child_entry {
    const char *name;
    int (*run)(void);
    struct check_child_entry *next;
};
void check_register_child(struct check_child_entry *entry);

/* CHECK_CHILD(throw_without_signaler) { ...; return 0; }  The body's result is the exit status. */
#define CHECK_CHILD(identifier)                                                                    \
    static int identifier(void);                                                                   \
    static struct check_child_entry identifier##_entry = {#identifier, identifier, NULL};          \
    __attribute__((constructor)) static void identifier##_register_child(void)                     \
    {                                                                                              \
        check_register_child(&identifier##_entry);                                                 \
    }                                                                                              \
    static int identifier(void)

/** Ends a child with a number that tells which step failed. */
#define STEP(number, condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return (number);                                                                       \
    } while (0)

/** How a child ended. */
struct check_exit {
    int status; /**< exit status, or -signal if a signal ended it, or -1000 if it had to be killed
                   after 60 s */
    char errors[32768]; /**< what it wrote on stderr, cut to fit, always terminated */
};

/**
 * Runs a CHECK_CHILD body in a fresh process (fork and exec of this program), in the mode of the
 * calling test (mode.h), and waits for it.
 */
struct check_exit check_child(const char *name);

/**
 * `usual`, or `thorough` when LC_CHECK_LONG is set in the environment (make check-long), or a
 * hundredth of `usual` when LC_CHECK_QUICK is (make check-valgrind).
 */
unsigned check_count(unsigned usual, unsigned thorough);

/**
 * `count` in an ordinary build, fewer under a sanitizer, which slows each round many times: for
 * long repetitions that are worth as much with fewer rounds.
 */
unsigned check_fewer(unsigned count);

/** Whether Valgrind runs the program. */
bool check_in_valgrind(void);

/** The seed of this run: LC_CHECK_SEED from the environment, else drawn; printed when the run
 * starts. */
uint64_t check_seed(void);

/**
 * The program prints this text if the test hangs or crashes: how to see the same again. The text
 * must stay; NULL: nothing. Each test begins with nothing.
 */
void check_say_on_crash(const char *text);

/**
 * A long test has come farther: the time after which it counts as hung starts again. For
 * those that go through very many cases.
 */
void check_goes_on(void);

/** A small generator for tests (splitmix64): the next number of `*state`. */
uint64_t check_random(uint64_t *state);

/**
 * The deadline after which a wait in a test counts as hung: 30 s from now (more under sanitizers).
 * In a simulation there is none: a wait that nothing ends is reported as a deadlock, with what all
 * others wait for.
 */
int64_t check_patience(void);

/** That a handle closes in time: the assertion most tests are made of. */
#define CHECK_CLOSES(handle) CU_ASSERT_EQUAL(lc_handle_wait((handle), check_patience()), 0)
/** That a handle is open at this moment. Means something only where nothing may close it. */
#define CHECK_OPEN(handle) CU_ASSERT_FALSE(lc_handle_is_closed(handle))
/** That an error has this code; the error is given back. */
#define CHECK_ERROR(error, wanted)                                                                 \
    do {                                                                                           \
        lc_error *check_error_ = (error);                                                          \
        CU_ASSERT_EQUAL(lc_error_code(check_error_), (wanted));                                    \
        lc_error_unref(check_error_);                                                              \
    } while (0)
/** The code of an error, which is given back; 0 for NULL. */
int check_code(struct lc_error *error);
/** That an error has this code, and a message that holds the text; the error is given back. */
#define CHECK_SAYS(error, code, text) check_says((error), (code), (text), __FILE__, __LINE__)
void check_says(struct lc_error *error, int code, const char *text, const char *file,
                unsigned line);
/** That there is no error; one that is there is shown and given back. */
#define CHECK_SUCCESS(error) check_success((error), __FILE__, __LINE__)
void check_success(struct lc_error *error, const char *file, unsigned line);

struct manual_clock;
/**
 * One thread is to wait on the clock for exactly this time: lets it pass, and asserts that the
 * thread does not stop waiting a nanosecond too early.
 */
void check_waits_for(struct manual_clock *clock, int64_t nanoseconds);

/**
 * Looks again and again until `condition(arg)`, and lets others run between; for what has no
 * handle. @return whether it came in time.
 */
bool check_until(bool (*condition)(void *arg), void *arg);

/** Binds the calling thread, and threads it makes, to the first `cpus` processors it may use; 0
 * undoes it. */
void check_use_cpus(unsigned cpus);

/** Logged records are kept while a capture runs, instead of being written. One capture at a time.
 */
void check_log_capture(void);
/** Whether a record of the running capture holds `text` in its component, message or fields. */
bool check_log_has(const char *text);
/** How many records of the running capture hold `text`. */
unsigned check_log_count(const char *text);
/** Ends the capture; records go again where they went before. */
void check_log_release(void);
/** Where records go while no capture runs: to this sink, which must stay; NULL: to stderr. */
void check_log_rest(const struct lc_log_sink *sink);

struct lc_service_options;
struct lc_supervisor;
/**
 * lc_service_main with this supervisor, which is taken over; `options` NULL for the defaults. The
 * library stays up behind it, since tests look at more.
 */
int check_service(const struct lc_service_options *options, struct lc_supervisor *supervisor);

#endif
