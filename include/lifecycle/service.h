/*
 * service.h: the main program of a service: runs a supervisor between the process's signals and the
 * service manager.
 *
 *     int main(void)
 *     {
 *         return lc_service_main(LC_SERVICE(
 *             .name = "greeter",
 *             .nodes = LC_NODES(LC_NODE(.name = "greet", .run = greet))));
 *     }
 *
 * - SIGTERM and SIGINT stop the service; the second one says what is still stopping. SIGHUP calls
 *   `configure`.
 * - The service manager is told over NOTIFY_SOCKET as sd_notify(3) says: READY=1 when every node is
 *   ready, RELOADING=1 before a reload and READY=1 after it, STOPPING=1, STATUS=, WATCHDOG=1 twice
 *   in WATCHDOG_USEC, and EXTEND_TIMEOUT_USEC while it starts, reloads or stops.
 * - A spin-halt is not a stop: once everything is being stopped for one, and while the process is
 *   halted, neither READY=1 nor STOPPING=1 is sent (systemd would kill it when its stop time-out is
 *   over), the status says why, the watchdog is fed, EXTEND_TIMEOUT_USEC is sent where readiness
 *   had not been, and once a minute the log says why the process is halted and how to end it.
 *
 * A unit that does not restart a service behind the operator's back has
 * RestartPreventExitStatus=75. docs/service.md shows one, and what is sent when.
 */
#ifndef LIFECYCLE_SERVICE_H
#define LIFECYCLE_SERVICE_H

#include <lifecycle/api.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/options.h>
#include <lifecycle/supervisor.h>
#include <lifecycle/time.h>

LC_BEGIN_DECLARATIONS

/** Exit statuses of a service. 70 and 75 are those of sysexits(3). */
enum {
    LC_EXIT_CLEAN = 0,     /**< stopped by a signal, or nothing was left to run, without an error */
    LC_EXIT_ERROR = 1,     /**< ended by an error; or overdue at the final deadline */
    LC_EXIT_INTERNAL = 70, /**< an error was thrown with no signaler above: see lc_throw */
    LC_EXIT_HALTED = 75    /**< after a spin-halt: must not simply be restarted */
};

/** How a service is to be run. Zero means the default in each field. */
typedef struct lc_service_options {
    size_t size; /**< sizeof(lc_service_options) */
    /** For the log; up to LC_NAME_MAX bytes. NULL: the supervisor's; without one "service". */
    const char *name;
    /**
     * Called in a worker of its own before the first node starts, and again for each SIGHUP, so
     * that it may take its time; it may throw. `context` ends when the service stops. An error of
     * the first call is why the service cannot start. An error of a later one is logged and part of
     * the status, and the service goes on. SIGHUP before the service is ready is dealt with when it
     * is; while a reload goes on, after it. NULL: SIGHUP is logged, and the manager is told of a
     * reload that is over at once.
     */
    lc_error *(*configure)(lc_context *context, void *arg);
    void *arg;           /**< for configure */
    lc_worker_kind kind; /**< of configure's worker; 0: a fiber if the caller is one */
    /** SIGUSR1 makes the log tell more, SIGUSR2 less, a level each time. */
    bool log_level_signals;
    bool log_states; /**< lc_supervisor_options.log_states, of the service's own supervisor */
    /**
     * So long after the stop has begun, what is still stopping is named and the process exits with
     * LC_EXIT_ERROR, by _exit(2), since workers are alive. If it is to halt, it halts then. 0: 30
     * s; LC_FOREVER: never.
     */
    int64_t stop_timeout;
    /** What the service is made of: LC_NODES, or a supervisor made by hand, taken over. */
    const lc_node *const *nodes;
    lc_supervisor *supervisor;
    /**
     * Path of the pid file, from the root, locked while the service runs; NULL: none. A second
     * instance is refused, and its log names the process of the first. The file is made with mode
     * 0600, as any user who may open it could lock it. A file that is there already must be a
     * regular one of the same user, with one name; a symbolic link is refused.
     */
    const char *pid_file;
    /**
     * Whether the process title, which ps(1) shows, tells the state. On Linux libbsd overwrites the
     * arguments and the environment for it. So the program calls setproctitle_init(3bsd) first
     * thing in main, before it keeps a pointer into them; or it is linked with libbsd-ctor, which
     * does that.
     */
    bool process_title;
    /**
     * Whether MAINPID= goes with the first READY=1: for a program that daemonises, whose service
     * manager knows another process.
     */
    bool tell_pid;
    /**
     * At its end lc_service_main calls lc_library_shutdown, unless a fiber or worker of the library
     * calls it. True: it does not, for a program that goes on.
     */
    bool keep_library;
    /**
     * Called when a halt has begun to wait, on the stack of lc_service_main: the place for an
     * alert. The watchdog is not fed meanwhile; must not throw. NULL: nothing.
     */
    void (*on_halt)(const lc_error *error, void *arg);
    void *on_halt_arg; /**< NULL: `arg` */
    /** How often the halt's reason is logged. 0: once a minute. */
    int64_t halt_reminder;
    /**
     * Takes what would be sent over NOTIFY_SOCKET: lines "NAME=value". For tests, and for service
     * managers of another kind. On the stack of lc_service_main; must not throw. NULL: it is sent.
     */
    void (*notify)(const char *message, void *arg);
    void *notify_arg; /**< NULL: `arg` */
    /**
     * WATCHDOG=1 is told twice in this time, but at most every 10 ms; 0: in WATCHDOG_USEC, if that
     * is set.
     */
    int64_t watchdog;
    /**
     * So long after the beginning of the start, or of a reload, the manager's time-out for it is
     * extended by EXTEND_TIMEOUT_USEC; afterwards the manager's own counts. 0: ten minutes;
     * LC_FOREVER: without limit. While the service stops, stop_timeout is that limit.
     */
    int64_t start_timeout;
    int64_t reload_timeout; /**< the same for a reload */
} lc_service_options;

/** A pointer to lc_service_options: LC_SERVICE(.name = "shop", .nodes = LC_NODES(...)). */
#define LC_SERVICE(...) LC_OPTIONS(lc_service_options, __VA_ARGS__)

/**
 * Makes a supervisor of the nodes, or takes the one that is given, and runs it as the main program:
 * until it ends, or a signal ends it, or its halt is ended. Why it cannot start is logged. Blocks;
 * call it from main, or from a fiber. A SIGTERM that was caught before a halt counts, as
 * lc_spin_halt says.
 *
 * It begins with lc_standard_fds_open.
 *
 * NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are read once, at the start, and then taken out of
 * the environment, so that children do not inherit them; no other thread may use the environment
 * meanwhile.
 *
 * At the end the signal dispositions found are put back, but for a service that has run, where the
 * default action was found: SIGTERM, SIGINT and SIGHUP are then ignored, so that one that comes in
 * the last moment does not replace the exit status. A program that goes on sets them again.
 *
 * In a simulation it uses neither the environment nor a pid file nor a title, and takes signals of
 * lc_simulation_signal; at the final deadline it returns.
 *
 * The supervisor's own options about signals and halts have no effect: those above count.
 * @param options  borrowed for the call; `supervisor` is taken over, also if the call fails; but
 * not if the struct's size is wrong, and it cannot be read.
 * @return the process's exit status: one of the above. What is wrong has been logged.
 */
LC_API int lc_service_main(const lc_service_options *options);

LC_END_DECLARATIONS

#endif
