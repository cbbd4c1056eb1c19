/*
 * simulate.c: a service and its test in a simulation, for each of some seeds. See
 * <lifecycle/simulate.h>.
 *
 * The supervisor runs in the fiber that lc_executor_run makes, the test in one of its own. The test
 * ends by cancelling the context of the supervisor's run, however it ends. Nothing here waits for
 * anything else: the simulation is over when every fiber in it has ended, or none can go on.
 */
#include "supervise/simulate.h"

#include "base/error.h"
#include "base/options.h"
#include "context/worker.h"
#include "executor/simulation.h"

#include <lifecycle/log.h>
#include <lifecycle/run.h>

#include <bsd/string.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The run of one seed. It lies on the stack of lc_simulate(), outside the simulation. */
struct trial {
    const lc_simulation_options *options; /* with the trial's seed */
    lc_supervisor *supervisor;
    lc_context *context;         /* of the supervisor's run; ended when the test has ended */
    struct lc__worker_call call; /* the test as a worker, for what it throws */
    lc_error *test_error;        /* held; NULL: none */
    bool test_returned;
    bool test_ended;
    bool run_ended_first;  /* before the test */
    lc_error *run_error;   /* of the supervisor's run, unless it ended as told; held */
    lc_error *left_behind; /* by the simulation: a deadlock, for example; held */
};

/* ---- the test ---- */

static lc_error *test_work(void *arg)
{
    struct trial *trial = arg;
    lc_error *error = trial->options->test(trial->supervisor, trial->options->arg);
    trial->test_returned = true;
    return error;
}

/* Takes over what the test returns, throws or signals. The first error is the test's. */
static void test_failed(void *arg, lc_error *error)
{
    struct trial *trial = arg;
    if (!trial->test_error) {
        trial->test_error = error;
        return;
    }
    lc_log(LC_LOG_ERROR, "test", "a further error of the test: %s", lc_error_message(error));
    lc_error_unref(error);
}

/* The test has ended, in any way. It was the operator that a halt waits for. */
static void test_ended(void *arg)
{
    struct trial *trial = arg;
    trial->test_ended = true;
    trial->run_ended_first = lc_handle_is_closed(lc_supervisor_done(trial->supervisor));
    lc_context_cancel(trial->context, NULL);
    lc_halt_release();
}

static void test_run(void *arg)
{
    struct trial *trial = arg;
    lc__worker_run(&trial->call);
}

/* ---- in the simulation ---- */

/* Makes the test's throws and its end go to the trial. @return false: no memory. */
static bool test_prepare(struct trial *trial, lc_signaler *signaler)
{
    trial->context = lc_context_new(NULL);
    trial->call = (struct lc__worker_call){
        .context = signaler ? lc_context_with_signaler(NULL, signaler) : NULL,
        .work = test_work,
        .failed = test_failed,
        .ended = test_ended,
        .arg = trial,
    };
    return trial->context && trial->call.context;
}

static lc_error *test_start(struct trial *trial)
{
    lc_fiber_options fiber = {.size = sizeof fiber};
    lc_signaler *signaler = lc_signaler_new();
    int failed = test_prepare(trial, signaler) ? 0 : -ENOMEM;
    lc_signaler_unref(signaler);
    fiber.name = "test";
    fiber.run = test_run;
    fiber.arg = trial;
    fiber.stack_size = (size_t)1024 * 1024;
    if (!failed)
        failed = lc_fiber_start(&fiber);
    return failed ? lc_error_new(failed, "no fiber for the test: %s", strerror(-failed)) : NULL;
}

/* A halt has begun to wait; the test may have ended before that. */
static void trial_halt_begun(const lc_error *error, void *arg)
{
    struct trial *trial = arg;
    const lc_supervisor_options *given = trial->options->supervisor;
    if (given && given->on_halt)
        given->on_halt(error, given->on_halt_arg);
    if (trial->test_ended)
        lc_halt_release();
}

static lc_error *trial_make_supervisor(struct trial *trial)
{
    lc_supervisor_options options;
    lc_error *error = lc__options_read(&options, sizeof options, trial->options->supervisor,
                                       "lc_supervisor_options");
    if (error)
        return error;
    if (trial->options->nodes)
        options.nodes = trial->options->nodes;
    options.on_halt = trial_halt_begun;
    options.on_halt_arg = trial;
    return lc_supervisor_new(&options, &trial->supervisor);
}

static lc_error *trial_set_up(struct trial *trial)
{
    lc_error *error = trial_make_supervisor(trial);
    if (!error)
        error = test_start(trial);
    return error;
}

/*
 * Whether the test, or a signal that the test has sent, has stopped the run, and nothing went wrong
 * while it stopped. An error for what went wrong would wrap the one this looks for.
 */
static bool trial_ended_as_told(const struct trial *trial, const lc_error *error)
{
    return error == lc_context_error(trial->context) ||
           (lc_error_code(error) == -ECANCELED && lc_error_code(lc_error_cause(error)) == -EINTR);
}

/* The main function of the simulation. */
static lc_error *trial_live(void *arg)
{
    struct trial *trial = arg;
    lc_simulation_set_faults(false);
    lc_error *error = trial_set_up(trial);
    if (error)
        return error;
    lc_simulation_set_faults(!trial->options->quiet_start);
    trial->run_error = lc_supervisor_run(trial->supervisor, trial->context, NULL);
    if (trial_ended_as_told(trial, trial->run_error)) {
        lc_error_unref(trial->run_error);
        trial->run_error = NULL;
    }
    return NULL;
}

/* ---- what came of it ---- */

static void trial_text_append(char *text, size_t size, const char *piece)
{
    if (*text)
        strlcat(text, "; ", size);
    strlcat(text, piece, size);
}

/*
 * Wraps the test's error, which is taken over, in one whose message begins with the test's. The
 * message of lc_error_wrap() would end with it.
 */
static lc_error *trial_extend_error(lc_error *error, uint64_t seed, const char *behind)
{
    lc_error *extended =
        lc_error_new_at(lc_error_file(error), lc_error_line(error), lc_error_code(error),
                        "%s (seed %" PRIu64 "%s%s)", lc_error_message(error), seed,
                        *behind ? "; left behind: " : "", behind);
    if (atomic_load_explicit(&extended->refs, memory_order_relaxed) == LC__IMMORTAL) {
        lc_error_unref(extended); /* there is no memory for it: the test's own says more */
        return error;
    }
    extended->cause = error;
    return extended;
}

/* Takes the errors of the trial. @return the one that the seed ends with, or NULL. */
static lc_error *trial_judge(struct trial *trial)
{
    uint64_t seed = trial->options->seed;
    char behind[LC_ERROR_MESSAGE_MAX + 1] = "";
    if (trial->left_behind)
        trial_text_append(behind, sizeof behind, lc_error_message(trial->left_behind));
    if (trial->run_error) {
        trial_text_append(behind, sizeof behind, "the supervisor: ");
        strlcat(behind, lc_error_message(trial->run_error), sizeof behind);
    }
    if (trial->test_ended && !trial->test_returned && !trial->test_error)
        trial->test_error =
            lc_error_new(-EFAULT, "the test has ended by a throw to a signaler of its own");
    if (trial->test_error)
        return trial_extend_error(lc_error_ref(trial->test_error), seed, behind);
    if (trial->left_behind)
        return lc_error_ref(trial->left_behind);
    if (trial->run_error && !trial->run_ended_first)
        return lc_error_wrap(lc_error_ref(trial->run_error), lc_error_code(trial->run_error),
                             "left behind by the test (seed %" PRIu64 ")", seed);
    return NULL;
}

/* Gives back all that the trial holds, except the executor. */
static void trial_drop(struct trial *trial)
{
    lc_supervisor_unref(trial->supervisor);
    lc_context_unref(trial->context);
    lc_context_unref(trial->call.context);
}

/* ---- seeds ---- */

/* Simulates one seed. An executor that something still refers to is leaked. */
static lc_error *trial_simulate(struct trial *trial)
{
    lc_executor *executor;
    lc_error *error = lc_executor_new_simulated(trial->options, &executor);
    if (error)
        return error;
    error = lc_executor_run(executor, trial_live, trial);
    /* Before the executor is freed: what the nodes made for the supervisor refers to it. */
    trial_drop(trial);
    int failed = lc_executor_free(executor);
    if (failed && !error)
        error = lc_error_new(
            failed, "a context with a deadline to come was not given back (seed %" PRIu64 ")",
            trial->options->seed);
    return error;
}

static lc_error *seed_run(const lc_simulation_options *options)
{
    struct trial trial = {.options = options};
    if (options->begin)
        options->begin(options->arg);
    trial.left_behind = trial_simulate(&trial);
    lc_error *error = trial_judge(&trial);
    lc_error_unref(trial.test_error);
    lc_error_unref(trial.run_error);
    lc_error_unref(trial.left_behind);
    return error;
}

lc_error *lc__simulate_read_options(lc_simulation_options *options,
                                    const lc_simulation_options *given)
{
    lc_error *mistake = lc__simulation_read_options(options, given);
    if (mistake)
        return mistake;
    if (!options->test)
        return lc_error_new(-EINVAL, "test of lc_simulation_options is missing");
    if (options->seeds == 0)
        options->seeds = 1;
    if (options->seeds - 1 > UINT64_MAX - options->seed)
        return lc_error_new(-EINVAL,
                            "seeds of lc_simulation_options is %" PRIu64 ": from seed %" PRIu64
                            " on there are %" PRIu64,
                            options->seeds, options->seed, UINT64_MAX - options->seed + 1);
    return NULL;
}

lc_error *lc_simulate(const lc_simulation_options *given)
{
    lc_simulation_options options;
    lc_error *error = lc__simulate_read_options(&options, given);
    for (; !error && options.seeds > 0; options.seeds--, options.seed++)
        error = seed_run(&options);
    return error;
}
