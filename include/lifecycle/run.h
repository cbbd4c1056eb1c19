/*
 * run.h: the run loop, which keeps a component running, and the spin-halt.
 *
 * The loop makes a component with a factory, starts it, and waits. A fatal error stops the
 * instance; then the judge says what happens: restart, stop, stop-parents, shutdown,
 * spin-halt.
 *
 * The semantics are those of RunComponent in the Go component/lifecycle packages.
 */
#ifndef LIFECYCLE_RUN_H
#define LIFECYCLE_RUN_H

#include <lifecycle/api.h>
#include <lifecycle/behavior.h>
#include <lifecycle/component.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/options.h>

LC_BEGIN_DECLARATIONS

/** What the run loop does with the answer spin-halt. */
typedef enum lc_halt_mode {
    /** Block until SIGTERM or lc_halt_release, then return the error. */
    LC_HALT_WAIT = 0,
    /** Return the error at once, for a supervisor above that does the waiting. */
    LC_HALT_RETURN = 1
} lc_halt_mode;

/** How to run a component. Zero means the default in each field. */
typedef struct lc_run_options {
    size_t size; /**< sizeof(lc_run_options) */
    /** For errors and the start's worker; up to LC_NAME_MAX bytes; NULL: "component". */
    const char *name;
    lc_component_factory factory; /**< required */
    void *arg;                    /**< for the factory */
    /**
     * NULL: the error is logged and the answer is LC_RESTART: after 100 ms, then after twice as
     * long each time, up to 30 s. An instance that was ready for 10 s, and for as long as the next
     * pause, sets the pause back, and the restart after it comes at once. With a judge each
     * restart comes at once. A supervisor that ends in shutdown or spin-halt is not restarted
     * without a judge: the run ends in the same way.
     */
    lc_judge judge;
    void *judge_arg; /**< for the judge; NULL: `arg` */
    lc_halt_mode halt;
    /**
     * Whether SIGINT and SIGTERM cancel the run, as if its context had been: it then returns an
     * error of code -ECANCELED whose cause, of code -EINTR, names the signal. One that comes when
     * the run is being stopped already is answered by a log line that names what still runs, down
     * to the worker; a SIGINT that is at least the third signal of the run ends the process at
     * once, with status 130 (128 + SIGINT). One that comes in the last moment, when the run is
     * over anyway, is dropped.
     */
    bool handle_signals;
    /** Called when a halt has begun to wait, on the run loop's stack; must not throw; may be NULL.
     */
    void (*on_halt)(const lc_error *error, void *arg);
    void *on_halt_arg; /**< NULL: `arg` */
} lc_run_options;

/** A pointer to lc_run_options: LC_RUN(.name = "store", .factory = make_store). */
#define LC_RUN(...) LC_OPTIONS(lc_run_options, __VA_ARGS__)

/**
 * Runs a component until it completes, is cancelled, or its judge ends it. Blocks; call it from a
 * worker or from main. No instance is running when it returns.
 *
 * - Completed without error: NULL.
 * - Context ended: its error, once the instance is done. An error thrown meanwhile that has the
 * code of the context's error in its chain is the answer to that, and is dropped. Any other is
 * still put to the judge, but nothing is restarted; without a judge the result names it.
 * - The judge answered stop, stop-parents, shutdown, spin-halt: the error thrown, unwrapped.
 * - It answered none of the five: an error of code -EINVAL that wraps the error thrown and names
 * the value.
 * - The factory failed for the first instance: its error. For a later instance it is a failure like
 * any other.
 * - Bad options: -EINVAL naming the field.
 *
 * @param context   cancels the run; needs no signaler. NULL for none.
 * @param behavior  NULL, or receives the judge's last answer; without a judge, how a supervisor
 *                  that was the component has ended; LC_STOP where there is neither.
 * @return NULL or an error, given to the caller.
 */
LC_API LC_MUST_CHECK lc_error *lc_component_run(const lc_run_options *options, lc_context *context,
                                                lc_behavior *behavior);

/**
 * Spin-halts: blocks, using no CPU, until SIGTERM or lc_halt_release. A SIGTERM that the library
 * has caught before, at any time since it was last shut down (because something watched for it),
 * counts: the call then returns at once, and neither logs nor calls on_halt. SIGINT and SIGHUP are
 * answered by a log line that says why the process refuses to go. It needs neither memory nor a
 * descriptor, so that a process which has run out of them halts as well.
 * @param error     why; borrowed; logged.
 * @param on_halt   called once the halt waits, that is, from when lc_halt_release will end it; must
 *                  not throw; may be NULL.
 * @return 0 when released or terminated; or, without having waited, -ENOSPC (more than 8 halts
 * beside LC_PROCESS_SIGNALS_MAX watches; logged), -ENOTSUP in a forked child.
 */
LC_API int lc_spin_halt(const lc_error *error, void (*on_halt)(const lc_error *error, void *arg),
                        void *arg);

/**
 * Ends every halt that waits now; later ones are not affected.
 * @return how many were ended; -ENOTSUP in a forked child.
 */
LC_API int lc_halt_release(void);

LC_END_DECLARATIONS

#endif
