/*
 * run.h: the run loop, which keeps a component running, and the spin-halt.
 *
 * The loop makes a component with a factory, starts it, and waits. A fatal error stops the
 * instance; then the judge answers with a behavior (behavior.h).
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
    /** It blocks until SIGTERM or lc_halt_release, then returns the error. */
    LC_HALT_WAIT = 0,
    /** It returns the error at once; a supervisor above halts. */
    LC_HALT_RETURN = 1
} lc_halt_mode;

/** Options of a run. Zero means the default in each field. */
typedef struct lc_run_options {
    size_t size; /**< sizeof(lc_run_options) */
    /** For errors, and of the worker that starts it; up to LC_NAME_MAX bytes; NULL: "component". */
    const char *name;
    lc_component_factory factory; /**< required */
    void *arg;                    /**< for the factory */
    /**
     * NULL: the error is logged and the component restarted, after the default pauses of a node
     * (lc_backoff). With a judge there are no pauses. Without one, a supervisor that ends in
     * shutdown or spin-halt is not restarted: the run ends in the same way.
     */
    lc_judge judge;
    void *judge_arg; /**< for the judge; NULL: `arg` */
    lc_halt_mode halt;
    /**
     * Whether SIGINT and SIGTERM cancel the run, as the end of its context does. The run then
     * returns an error of code -ECANCELED with a cause, of code -EINTR, that names the signal. At
     * a signal during the stop, the log names what still runs, down to the worker. A SIGINT that
     * is the third signal of the run, or a later one, ends the process at once with status 130
     * (128 + SIGINT). A signal after the last instance has ended is dropped.
     */
    bool handle_signals;
    /** Called when a halt has begun to wait, on the run's stack; must not throw; may be NULL. */
    void (*on_halt)(const lc_error *error, void *arg);
    void *on_halt_arg; /**< NULL: `arg` */
} lc_run_options;

/** A pointer to lc_run_options: LC_RUN(.name = "store", .factory = make_store). */
#define LC_RUN(...) LC_OPTIONS(lc_run_options, __VA_ARGS__)

/**
 * Runs a component until it completes, is cancelled, or its judge ends it. Blocks; call it from a
 * worker or from main. No instance is running when it returns.
 *
 * The result:
 *
 * - The component has completed without an error: NULL.
 * - The context has ended: its error, once the instance is done. A clean end (context.h) of the
 *   instance changes nothing. The judge is asked about any other error, but nothing is restarted;
 *   without a judge the result names that error.
 * - The judge has answered stop, stop-parents, shutdown or spin-halt: the error that was thrown,
 *   unwrapped.
 * - The judge has answered another value: an error of code -EINVAL that wraps the error and names
 *   the value.
 * - The factory has failed for the first instance: its error. A later time that is a failure as any
 *   other.
 * - Bad options: -EINVAL naming the field.
 *
 * @param context   cancels the run; needs no signaler. NULL for none.
 * @param behavior NULL, or receives the judge's last answer; without a judge, the behavior by which
 *                  a supervisor that was the component has ended; without either, LC_STOP.
 * @return NULL or an error, given to the caller.
 */
LC_API LC_MUST_CHECK lc_error *lc_component_run(const lc_run_options *options, lc_context *context,
                                                lc_behavior *behavior);

/**
 * Spin-halts: blocks until SIGTERM or lc_halt_release, and uses no processor time. If the library
 * has caught a SIGTERM since it was last shut down (because a watch asked for it), the call returns
 * at once, and neither logs nor calls on_halt. At a SIGINT or SIGHUP the log says why the process
 * does not end. A halt needs no memory and no descriptor, so a process that has run out of them can
 * halt.
 * @param error     the reason; borrowed; logged.
 * @param on_halt   called once the halt waits: from then on lc_halt_release ends it. It must not
 *                  throw; may be NULL.
 * @return 0 after SIGTERM or lc_halt_release; or, without a wait, -ENOSPC: more than 8 halts beside
 * LC_PROCESS_SIGNALS_MAX watches (logged); -ENOTSUP in a forked child.
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
