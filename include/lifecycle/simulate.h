/*
 * simulate.h: a whole service on one thread, with a clock that jumps and a scheduler that follows a
 * seed: the same seed, the same run, log lines and all.
 *
 *     lc_executor *world;
 *     lc_error *error = lc_executor_new_simulated(LC_SIMULATION(.seed = 42), &world);
 *     error = lc_executor_run(world, test_my_service, NULL);
 *     lc_executor_free(world);
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
#include <lifecycle/time.h>

LC_BEGIN_DECLARATIONS

/**
 * What happens in a simulation beside what the program does. Written by LC_SIMULATION; zero means the default, in each field.
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
     * One wait in so many first wakes for no reason and waits anew; one lc_read or piece of
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
     * nothing else can run, and before the clock goes on, poll(2) is asked for them without waiting,
     * and the fibers whose descriptors are ready are woken in the order in which they have begun to
     * wait. What comes from outside the simulation makes a run that does not repeat.
     */
    int (*poll)(int fd, short events, void *arg);
    void *poll_arg;
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

/** Whether the caller runs in a simulation. */
LC_API bool lc_is_simulated(void);
/**
 * Delivers a process signal to what watches for it in the caller's simulation. Nothing else
 * happens, also if nobody watches.
 * @return 0; -EINVAL (no signal's number); -ENOTSUP outside a simulation.
 */
LC_API int lc_simulation_signal(int number);
/**
 * Says that the source given in the options may have something new for a descriptor: who waits for
 * it looks again. @return 0; -ENOTSUP outside a simulation.
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
