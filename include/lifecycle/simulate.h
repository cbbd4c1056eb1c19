/*
 * simulate.h: simulations: a whole service on one thread, with a virtual clock and a scheduler that
 * follows a seed. The same seed gives the same run, log lines included.
 *
 *     int main(void)
 *     {
 *         return lc_simulate_main(LC_SIMULATION(.seeds = 1000, .test = opens_in_time,
 *                                               .nodes = LC_NODES(LC_NODE(.name = "shop", ...))));
 *     }
 *
 * lc_simulate does the same within the tests of a program. lc_executor_new_simulated makes an
 * executor that runs any function in a simulation.
 *
 * A simulation runs fibers, isolates, and workers of kind LC_THREAD, as fibers with large stacks.
 * lc_call_blocking calls its function directly. When nothing can run, the clock jumps to the next
 * timer: an hour of time-outs takes as long as the work in it. When nothing can ever run again, the
 * run ends with an error that names every worker that waits, and what it waits for; so it does for
 * isolates that will get no more messages.
 *
 * The program's own threads must stay outside of it. pthread_exit in it ends the process with
 * status 0. Process signals come from lc_simulation_signal. Descriptors are real ones that have
 * both ends in the simulation, such as pipes and socket pairs, or those of a source of the program,
 * `poll`. A run does not repeat if its code asks the system for the time or for random numbers, or
 * depends on the order of addresses.
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
 * Options of a simulation, and of the test that lc_simulate runs in it; see LC_SIMULATION. Zero
 * means the default in each field.
 */
typedef struct lc_simulation_options {
    size_t size;   /**< sizeof(lc_simulation_options) */
    uint64_t seed; /**< all choices follow from it; of several seeds the first */
    int64_t start; /**< the first value of lc_now; above 0. 0: LC_SECOND */
    /**
     * One wake-up in so many comes late, by up to delay_max nanoseconds of virtual time, as if all
     * processors were busy. 0: none.
     */
    unsigned delay_one_in;
    /**
     * One wait in so many wakes without a reason first, and waits again. One lc_read, or piece of
     * lc_write_all, in so many moves fewer bytes than it could. 0: none.
     */
    unsigned early_one_in;
    int64_t delay_max; /**< 0: 10 ms */
    /** One allocation of the library, or new thread or descriptor, in so many fails. 0: none. */
    unsigned fail_one_in;
    /** The simulation begins without faults, as after lc_simulation_set_faults(false). */
    bool quiet_start;
    /**
     * The largest number of switches. A run with more ends with -ELOOP, and the error names the
     * worker that had most of the last ones. 0: 100,000,000; UINT64_MAX: no limit.
     */
    uint64_t steps_max;
    /**
     * A source of descriptors, which are any numbers that the program uses: returns the `events`
     * for which a descriptor is ready, as poll(2) reports them, or a negative errno. NULL:
     * descriptors are real. Then, when nothing else can run and before the clock goes on, the
     * simulation calls poll(2) without a wait, and wakes the fibers that wait for a ready
     * descriptor in the order in which their waits began. A run does not repeat if bytes come from
     * outside of it.
     */
    int (*poll)(int fd, short events, void *arg);
    void *poll_arg;

    /* For lc_simulate and lc_simulate_main; lc_executor_new_simulated ignores them. */

    /** How many seeds to run, from `seed` on. 0: one. */
    uint64_t seeds;
    /** The nodes of the service under test; LC_NODES. NULL: the test adds them. */
    const lc_node *const *nodes;
    /** The options of its supervisor. NULL: the defaults. */
    const lc_supervisor_options *supervisor;
    /**
     * The test; required. It runs in a fiber with a stack of 1 MiB, and the supervisor runs beside
     * it. @return NULL, or an error, which the caller takes over. A throw counts as a return.
     */
    lc_error *(*test)(lc_supervisor *supervisor, void *arg);
    void *arg;
    /** Called before each seed, outside of its simulation, to reset the program's variables. */
    void (*begin)(void *arg);
} lc_simulation_options;

/** A pointer to options: LC_SIMULATION(.seed = 42). */
#define LC_SIMULATION(...) LC_OPTIONS(lc_simulation_options, __VA_ARGS__)

/**
 * Makes a simulated executor, on which lc_executor_run runs a simulation. Beside its other errors
 * it returns -EDEADLK if nothing can wake the workers that are left, naming them and what they wait
 * for (their stacks are lost, with all that only those refer to); and -ELOOP at steps_max. Several
 * runs follow each other on the same clock.
 * @param options  NULL for the defaults.
 * @return NULL; -EINVAL naming the option; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_executor_new_simulated(const lc_simulation_options *options,
                                                         lc_executor **executor);

/**
 * Tests a service in simulations, one for each seed: makes a supervisor of the nodes, without
 * faults, runs it, and runs `test` in a fiber beside it. When the test has ended, it cancels the
 * supervisor and releases halts, and the simulation goes on until every worker in it has ended. It
 * stops at the first seed that fails.
 *
 * The error of a seed:
 *
 * - The test's, if it has one: an error of its code that wraps it. The message begins with the
 *   test's, then names the seed and what the test has left behind, as below.
 * - Else what was left behind: -EDEADLK with the workers that nothing can wake (such as a test that
 *   never ends); -ELOOP; -EBUSY if a context with a deadline to come was not given back; or the
 *   supervisor's error, if nodes have failed while they were being stopped, or are overdue.
 *
 * If the supervisor ends before the test does, that is no error by itself: the test can see it. The
 * message of a test's error names an error of the supervisor too.
 * @return NULL if all seeds have passed; else the error of the first that has failed, which names
 * it; -EINVAL naming the option; -EDEADLK in a fiber; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_simulate(const lc_simulation_options *options);

/**
 * The main function of a test program: as lc_simulate, with each seed in a forked child. So each
 * seed begins with the present state of the program, and a crash is a failure of its seed. Prints
 * how many seeds have passed. Stops at the first that fails, names it on stderr, and runs it once
 * more with its log. The others write no log.
 *
 * `LIFECYCLE_SEED=17` in the environment runs that seed alone, in this process, with its log.
 *
 * Call it while the process has one thread. SIGINT and SIGTERM end the child, then this process.
 * @return the exit status: 0, or 1 if a seed has failed or the options are bad.
 */
LC_API int lc_simulate_main(const lc_simulation_options *options);

/** Whether the caller runs in a simulation. */
LC_API bool lc_is_simulated(void);
/**
 * Delivers a process signal to the watches for it in the caller's simulation. Without a watch
 * nothing happens.
 * @return 0; -EINVAL: there is no such signal; -ENOTSUP outside of a simulation.
 */
LC_API int lc_simulation_signal(int number);
/**
 * Says that lc_simulation_options.poll may have a new answer for a descriptor: each wait for it
 * calls that again. @return 0; -ENOTSUP outside of a simulation.
 */
LC_API int lc_simulation_touch(int fd);
/**
 * Switches the faults of the caller's simulation off or on: late and early wake-ups, failures. A
 * test prepares its data without them. While they are off they take no random numbers of the seed.
 * A wake-up that is already late stays so. Outside of a simulation the call does nothing.
 */
LC_API void lc_simulation_set_faults(bool on);

LC_END_DECLARATIONS

#endif
