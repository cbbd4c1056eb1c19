/*
 * simulate.h: a whole service on one thread, with a clock that jumps and a scheduler that follows a
 * seed: the same seed, the same run, log lines and all.
 *
 *     int main(void)
 *     {
 *         return lc_simulate_main(LC_SIMULATION(.seeds = 1000, .test = opens_in_time,
 *                                               .nodes = LC_NODES(LC_NODE(.name = "shop", ...))));
 *     }
 *
 * lc_simulate does the same within a program's own tests, and lc_executor_new_simulated makes the
 * world alone, to run anything in it.
 *
 * What runs in it: fibers; isolates; workers of kind thread, as fibers with large stacks;
 * lc_call_blocking, right where it is called. When nothing can run, the clock jumps to the next
 * timer: an hour of time-outs takes as long as the work in it. When nothing can ever run again, the
 * run ends with an error that names every worker that waits, and what for; isolates that will get
 * no message any more are among them.
 *
 * What does not: the program's own threads must stay outside, pthread_exit ends the process with
 * status 0, and process signals are those that lc_simulation_signal delivers. Descriptors are real
 * ones whose both ends are in the simulation, such as pipes and socket pairs; or they are made up,
 * if a source for them is given. Code that asks the system for the time or for random
 * numbers, or whose order depends on addresses, makes a run that does not repeat.
 */
#ifndef LIFECYCLE_SIMULATE_H
#define LIFECYCLE_SIMULATE_H

#include <lifecycle/api.h>
#include <lifecycle/error.h>
#include <lifecycle/executor.h>
#include <lifecycle/supervisor.h>
#include <lifecycle/time.h>

LC_BEGIN_DECLARATIONS

/**
 * What happens in a simulation beside what the program does, and what lc_simulate runs in it.
 * Written by LC_SIMULATION; zero means the default, in each field.
 */
typedef struct lc_simulation_options {
    size_t size;   /**< sizeof(lc_simulation_options) */
    uint64_t seed; /**< all choices follow from it; for several seeds the first of them */
    int64_t start; /**< what lc_now says at first; above 0. 0: LC_SECOND */
    /**
     * One wake-up in so many comes late, by up to delay_max nanoseconds of virtual time: as if the
     * worker had got no processor. 0: none does.
     */
    unsigned delay_one_in;
    /**
     * One wait in so many first wakes for no reason and waits again; one lc_read or piece of
     * lc_write_all in so many moves fewer bytes than it could. 0: none does.
     */
    unsigned early_one_in;
    int64_t delay_max; /**< 0: 10 ms */
    /** One allocation of the library in so many fails, as do threads and descriptors. 0: none. */
    unsigned fail_one_in;
    /** It begins without faults, as if by lc_simulation_set_faults(false). */
    bool quiet_start;
    /**
     * More switches than this end the run with -ELOOP, and the error names the worker that had most
     * of the last ones. 0: 100,000,000; UINT64_MAX: no limit.
     */
    uint64_t steps_max;
    /**
     * Says what poll(2) would: which of `events` a descriptor has ready, or a negative errno. The
     * descriptors are whatever numbers the program uses. NULL: the descriptors are real. When
     * nothing else can run, and before the clock goes on, poll(2) is asked for them without a wait,
     * and the fibers whose descriptors are ready are woken in the order in which they have begun to
     * wait. What comes from outside the simulation makes a run that does not repeat.
     */
    int (*poll)(int fd, short events, void *arg);
    void *poll_arg;

    /* For lc_simulate and lc_simulate_main; lc_executor_new_simulated does not look at them. */

    /** How many seeds are run, from `seed` on. 0: one. */
    uint64_t seeds;
    /** The nodes of the service under test; the array ends with NULL. NULL: the test adds some. */
    const lc_node *const *nodes;
    /** How its supervisor is to be. NULL: the defaults. */
    const lc_supervisor_options *supervisor;
    /**
     * The test; required. It runs in a fiber with a stack of 1 MiB, while the supervisor runs
     * beside it. @return NULL, or what is wrong, given over. What it throws counts as returned.
     */
    lc_error *(*test)(lc_supervisor *supervisor, void *arg);
    void *arg;
    /** Called before each seed, outside its simulation: resets what the program keeps. */
    void (*begin)(void *arg);
} lc_simulation_options;

/** A pointer to options: LC_SIMULATION(.seed = 42). */
#define LC_SIMULATION(...) LC_OPTIONS(lc_simulation_options, __VA_ARGS__)

/**
 * Makes a simulated executor. lc_executor_run runs a simulation on it and returns, beside what it
 * says there: -EDEADLK if workers are left that nothing can wake, with their names and what they
 * wait for (their stacks are lost, and what only those referred to); -ELOOP at steps_max. Several
 * runs follow each other on the same clock.
 * @param options  NULL for the defaults.
 * @return NULL; -EINVAL naming the option; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_executor_new_simulated(const lc_simulation_options *options,
                                                         lc_executor **executor);

/**
 * Tests a service in simulations, one for each seed: makes a supervisor of the nodes, runs it, and
 * `test` in a fiber beside it. When the test has ended, the supervisor is cancelled, halts are
 * released, and the simulation goes on until every worker in it has ended. The first seed that
 * fails is the last. Nothing is made to fail while the supervisor is made.
 *
 * What a seed ends with:
 *
 * - The test's error, if it has one: an error of its code that wraps it. The message begins with
 *   the test's, then come the seed, and what the test left behind, as below.
 * - Else what was left behind: -EDEADLK with the workers that nothing can wake (a test that never
 *   ends is one of them), -ELOOP, -EBUSY if a context with a deadline to come was not given back,
 *   or the supervisor's error, if nodes failed while they were being stopped, or are overdue.
 *
 * It is no error that the supervisor ends, with an error or without, before the test does: the test
 * sees that. An error of the supervisor is told behind the test's all the same.
 * @return NULL if all seeds have passed; else the error of the first that has not, which names it;
 * -EINVAL naming the option; -EDEADLK from a fiber; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_simulate(const lc_simulation_options *options);

/**
 * The main function of a test program: lc_simulate, but each seed in a forked child, so that each
 * begins with the program as it is now, and a crash is the failure of its seed. Prints how many
 * seeds have passed. The first that fails is told on stderr, is run once more with its log, and is
 * the last. No log is written for the others.
 *
 * `LIFECYCLE_SEED=17` in the environment runs that seed alone, in this process, with its log.
 *
 * Call it while the process has one thread. SIGINT and SIGTERM end the child, and then this
 * process.
 * @return the exit status: 0, or 1 if a seed has failed or the options are bad.
 */
LC_API int lc_simulate_main(const lc_simulation_options *options);

/** Whether the caller runs in a simulation. */
LC_API bool lc_is_simulated(void);
/**
 * Delivers a process signal to what watches for it in the caller's simulation. Nothing else
 * happens, also if nothing watches for it.
 * @return 0; -EINVAL (no signal's number); -ENOTSUP outside a simulation.
 */
LC_API int lc_simulation_signal(int number);
/**
 * Says that the source given in the options may have something new for a descriptor: each that
 * waits for it looks again. @return 0; -ENOTSUP outside a simulation.
 */
LC_API int lc_simulation_touch(int fd);
/**
 * Turns the faults of the caller's simulation off or on again: late and early wake-ups, failures.
 * For what a test sets up. Nothing is drawn from the seed for them while they are off. Wake-ups
 * that are late already stay so. Outside a simulation it does nothing.
 */
LC_API void lc_simulation_set_faults(bool on);

LC_END_DECLARATIONS

#endif
