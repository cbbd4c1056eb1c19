/*
 * simulate_main.c: a test program of simulations. See lc_simulate_main in <lifecycle/simulate.h>.
 *
 * Each seed runs in a child process, which begins with the program's state at the call of
 * lc_simulate_main. A crash ends that child only. Parent and child share a mapping: the child
 * writes its result into it before it ends, the parent reads it after it has reaped the child. So
 * no descriptor is opened.
 *
 * The parent blocks SIGCHLD, SIGINT and SIGTERM before the first fork, and takes them by
 * sigtimedwait: a signal that comes between waitpid and sigtimedwait stays pending and ends the
 * wait.
 */
#include "supervise/simulate.h"

#include <lifecycle/log.h>

#include <bsd/string.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Written by a child; the parent reads it after the child has ended. */
struct result {
    bool ended; /* the child has finished its seed */
    bool failed;
    char message[LC_ERROR_MESSAGE_MAX + 1];
};

struct driver {
    lc_simulation_options options; /* with the seed that runs next, and how many are left */
    struct result *result;
    sigset_t awaited;          /* the signals that are blocked */
    sigset_t kept_mask;        /* the mask before that */
    struct sigaction on_child; /* the action of SIGCHLD before that */
    int interrupted;           /* the signal that ends the program; 0: none has come */
};

/* ---- a child ---- */

static void line_drop(const lc_log_record *record, void *arg)
{
    (void)record, (void)arg;
}

enum loudness { WITHOUT_LOG, WITH_LOG };

/*
 * Ends by _exit(): the program's atexit functions are the parent's to call, and the parent has
 * flushed all streams before the fork.
 */
static LC_NORETURN void child_run(struct driver *driver, enum loudness loudness)
{
    static const lc_log_sink silent = {.size = sizeof silent, .write = line_drop};
    struct result *result = driver->result;
    sigaction(SIGCHLD, &driver->on_child, NULL);
    pthread_sigmask(SIG_SETMASK, &driver->kept_mask, NULL);
    if (loudness == WITHOUT_LOG)
        lc_log_set_sink(&silent);
    driver->options.seeds = 1;
    lc_error *error = lc_simulate(&driver->options);
    strlcpy(result->message, error ? lc_error_message(error) : "", sizeof result->message);
    result->failed = error != NULL;
    result->ended = true;
    lc_log_flush();
    fflush(NULL);
    _exit(error ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Waits for the child, and for signals that end it. @return 0, or a negative errno. */
static int child_reap(struct driver *driver, pid_t child, int *status)
{
    /* If another thread of the program takes SIGCHLD, the end is seen this much later at most. */
    static const struct timespec most = {1, 0};
    for (;;) {
        pid_t ended = waitpid(child, status, WNOHANG);
        if (ended == child)
            return 0;
        if (ended < 0 && errno != EINTR)
            return -errno;
        int number = sigtimedwait(&driver->awaited, NULL, &most);
        if (number == SIGINT || number == SIGTERM) {
            driver->interrupted = number;
            kill(child, SIGKILL);
        }
    }
}

/* Writes the result of a child that could not write one. */
static void result_note_end(struct result *result, uint64_t seed, int status)
{
    if (result->ended && WIFEXITED(status))
        return;
    bool signalled = WIFSIGNALED(status);
    result->failed = true;
    if (signalled)
        snprintf(result->message, sizeof result->message, "killed by SIG%s (seed %" PRIu64 ")",
                 sigabbrev_np(WTERMSIG(status)), seed);
    else
        snprintf(result->message, sizeof result->message,
                 "the process has ended with status %d before the test (seed %" PRIu64 ")",
                 WEXITSTATUS(status), seed);
}

/* Runs one seed in a child, and waits for its result. */
static void seed_run_apart(struct driver *driver, enum loudness loudness)
{
    struct result *result = driver->result;
    int status = 0;
    result->ended = result->failed = false;
    fflush(NULL); /* else the child would write it too */
    pid_t child = fork();
    if (child == 0)
        child_run(driver, loudness);
    int failed = child < 0 ? -errno : child_reap(driver, child, &status);
    if (failed == 0) {
        result_note_end(result, driver->options.seed, status);
        return;
    }
    result->failed = true;
    snprintf(result->message, sizeof result->message, "no child process for seed %" PRIu64 ": %s",
             driver->options.seed, strerror(-failed));
}

/* ---- all seeds ---- */

/* Prints which seed has failed, and runs it once more with its log. */
static void failure_tell(struct driver *driver)
{
    static char message[LC_ERROR_MESSAGE_MAX + 1];
    uint64_t seed = driver->options.seed;
    strlcpy(message, driver->result->message, sizeof message);
    fprintf(stderr, "seed %" PRIu64 " failed: %s\nonce more, with its log:\n", seed, message);
    seed_run_apart(driver, WITH_LOG);
    if (driver->interrupted)
        return;
    if (!driver->result->failed || strcmp(driver->result->message, message) != 0)
        fprintf(stderr,
                "seed %" PRIu64 " ended otherwise this time, so something does not follow from the "
                "seed: %s\n",
                seed, driver->result->failed ? driver->result->message : "passed");
    fprintf(stderr, "to repeat it: LIFECYCLE_SEED=%" PRIu64 " %s\n", seed, program_invocation_name);
}

static void interruption_tell(const struct driver *driver, uint64_t passed, uint64_t count)
{
    fprintf(stderr,
            "interrupted by SIG%s at seed %" PRIu64 ", after %" PRIu64 " of %" PRIu64 " seeds\n",
            sigabbrev_np(driver->interrupted), driver->options.seed, passed, count);
}

/* @return the exit status. */
static int seeds_run(struct driver *driver)
{
    uint64_t count = driver->options.seeds;
    for (uint64_t passed = 0; passed < count; passed++, driver->options.seed++) {
        seed_run_apart(driver, WITHOUT_LOG);
        bool failed = driver->result->failed;
        if (failed && !driver->interrupted)
            failure_tell(driver);
        if (driver->interrupted)
            interruption_tell(driver, passed, count);
        if (failed || driver->interrupted)
            return EXIT_FAILURE;
    }
    printf("%" PRIu64 " seed%s passed\n", count, count == 1 ? "" : "s");
    return EXIT_SUCCESS;
}

/* Blocks the signals that the parent waits for. A signal that is ignored stays ignored. */
static void signals_await(struct driver *driver)
{
    static const int enders[] = {SIGINT, SIGTERM};
    struct sigaction plain = {.sa_handler = SIG_DFL}; /* if ignored, the system reaps children */
    struct sigaction found;
    sigemptyset(&plain.sa_mask);
    sigemptyset(&driver->awaited);
    sigaddset(&driver->awaited, SIGCHLD);
    for (size_t i = 0; i < sizeof enders / sizeof enders[0]; i++)
        if (sigaction(enders[i], NULL, &found) == 0 && found.sa_handler != SIG_IGN)
            sigaddset(&driver->awaited, enders[i]);
    sigaction(SIGCHLD, &plain, &driver->on_child);
    pthread_sigmask(SIG_BLOCK, &driver->awaited, &driver->kept_mask);
}

/* Restores everything; the signal that has come, if any, now acts as it does without us. */
static void signals_release(struct driver *driver)
{
    if (driver->interrupted)
        raise(driver->interrupted);
    sigaction(SIGCHLD, &driver->on_child, NULL);
    pthread_sigmask(SIG_SETMASK, &driver->kept_mask, NULL);
}

static int seeds_run_apart(const lc_simulation_options *options)
{
    void *shared = mmap(NULL, sizeof(struct result), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct driver driver = {.options = *options, .result = shared};
    if (shared == MAP_FAILED) {
        fprintf(stderr, "no memory for the result of a simulation: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    signals_await(&driver);
    int status = seeds_run(&driver);
    fflush(stdout);
    munmap(shared, sizeof(struct result));
    signals_release(&driver);
    return status;
}

/* ---- one seed ---- */

/* Runs one seed without a child, so that a debugger sees it. @return the exit status. */
static int seed_run_here(lc_simulation_options *options)
{
    options->seeds = 1;
    lc_error *error = lc_simulate(options);
    int status = error ? EXIT_FAILURE : EXIT_SUCCESS;
    lc_log_flush();
    if (error)
        fprintf(stderr, "seed %" PRIu64 " failed: %s\n", options->seed, lc_error_message(error));
    else
        printf("seed %" PRIu64 " passed\n", options->seed);
    lc_error_unref(error);
    return status;
}

/* @return whether the text is a decimal number of 64 bits. */
static bool seed_parse(const char *text, uint64_t *seed)
{
    char *end;
    errno = 0;
    *seed = strtoumax(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

int lc_simulate_main(const lc_simulation_options *given)
{
    lc_simulation_options options;
    const char *seed = secure_getenv("LIFECYCLE_SEED");
    lc_error *mistake = lc__simulate_read_options(&options, given);
    if (!mistake && seed && !seed_parse(seed, &options.seed))
        mistake = lc_error_new(-EINVAL, "LIFECYCLE_SEED is \"%s\", not a number from 0 to %" PRIu64,
                               seed, UINT64_MAX);
    if (mistake) {
        fprintf(stderr, "%s: %s\n", program_invocation_name, lc_error_message(mistake));
        lc_error_unref(mistake);
        return EXIT_FAILURE;
    }
    return seed ? seed_run_here(&options) : seeds_run_apart(&options);
}
