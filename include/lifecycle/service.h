/*
 * service.h: the main program of a service: runs a supervisor, handles the process's signals, and
 * talks to the service manager.
 *
 *     int main(void)
 *     {
 *         return lc_service_main(LC_SERVICE(
 *             .name = "greeter",
 *             .nodes = LC_NODES(LC_NODE(.name = "greet", .run = greet))));
 *     }
 *
 * - SIGTERM and SIGINT stop the service; at a second one the log says what is still stopping.
 *   SIGHUP calls `configure`.
 * - The service manager gets messages over NOTIFY_SOCKET (sd_notify(3)): READY=1 when every node is
 *   ready, RELOADING=1 before a reload and READY=1 after it, STOPPING=1, STATUS=, WATCHDOG=1 twice
 *   in WATCHDOG_USEC, and EXTEND_TIMEOUT_USEC while it starts, reloads or stops.
 * - A spin-halt is not a stop. While everything stops for one, and while the process is halted,
 *   neither READY=1 nor STOPPING=1 is sent: systemd would kill the process after its stop time-out.
 *   The status says why, the watchdog is fed, EXTEND_TIMEOUT_USEC is sent if READY=1 was not, and
 *   once a minute the log says why the process is halted and how to end it.
 *
 * A systemd unit with RestartPreventExitStatus=75 does not restart a service that has halted.
 * docs/service.md shows such a unit, and all messages.
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
    LC_EXIT_HALTED = 75    /**< after a spin-halt: a restart would do harm */
};

/** Options of a service. Zero means the default in each field. */
typedef struct lc_service_options {
    size_t size; /**< sizeof(lc_service_options) */
    /** For the log; up to LC_NAME_MAX bytes. NULL: the supervisor's name, or "service". */
    const char *name;
    /**
     * Called before the first node starts, and again for each SIGHUP, in a worker of its own; it
     * may take long, and may throw. `context` ends when the service stops. After an error of the
     * first call the service does not start. An error of a later call is logged and shown in the
     * status, and the service goes on. A SIGHUP before the service is ready, or during a reload,
     * has its effect after that. NULL: SIGHUP is logged, and the service manager gets the messages
     * of a reload.
     */
    lc_error *(*configure)(lc_context *context, void *arg);
    void *arg;           /**< for configure */
    lc_worker_kind kind; /**< of configure's worker; 0: a fiber if the caller is one */
    /** Whether SIGUSR1 raises the log's level by one, and SIGUSR2 lowers it. */
    bool log_level_signals;
    bool log_states; /**< lc_supervisor_options.log_states, of the service's own supervisor */
    /**
     * The time limit of a stop. After it the log names what is still stopping, and the process ends
     * with LC_EXIT_ERROR, by _exit(2), since workers are alive; or it halts, if it stops in order
     * to halt. 0: 30 s; LC_FOREVER: no limit.
     */
    int64_t stop_timeout;
    /** Either the nodes, by LC_NODES, or a supervisor, which is taken over. */
    const lc_node *const *nodes;
    lc_supervisor *supervisor;
    /**
     * The absolute path of the pid file, which is locked while the service runs; NULL: none. A
     * second instance is refused, and its log names the process of the first. The file gets mode
     * 0600, since a user that can open it can lock it. A file that exists already must be a regular
     * file of the same user, with one name; a symbolic link is refused.
     */
    const char *pid_file;
    /**
     * Whether the process title, which ps(1) shows, is the status. On Linux libbsd overwrites the
     * arguments and the environment for that. So main first calls setproctitle_init(3bsd), before
     * it keeps a pointer into them; or the program is linked with libbsd-ctor, which does that.
     */
    bool process_title;
    /**
     * Whether MAINPID= is sent with the first READY=1. For a program that daemonises: the service
     * manager knows only the process that it has started.
     */
    bool tell_pid;
    /**
     * False: lc_service_main ends with lc_library_shutdown, unless a fiber or worker of the library
     * has called it. True: it does not, for a program that goes on.
     */
    bool keep_library;
    /**
     * Called when a halt has begun to wait, on the stack of lc_service_main, to raise an alert. The
     * watchdog is not fed during the call. It must not throw. NULL: nothing.
     */
    void (*on_halt)(const lc_error *error, void *arg);
    void *on_halt_arg; /**< NULL: `arg` */
    /** The time between two log lines with the reason of a halt. 0: a minute. */
    int64_t halt_reminder;
    /**
     * Called with each message to the service manager, lines "NAME=value", instead of
     * NOTIFY_SOCKET. For tests, and for other kinds of service manager. Called on the stack of
     * lc_service_main; it must not throw. NULL: messages go to NOTIFY_SOCKET.
     */
    void (*notify)(const char *message, void *arg);
    void *notify_arg; /**< NULL: `arg` */
    /**
     * WATCHDOG=1 is sent twice in this time, but at most every 10 ms. 0: WATCHDOG_USEC, if that is
     * set.
     */
    int64_t watchdog;
    /**
     * How long EXTEND_TIMEOUT_USEC extends the service manager's time-out of the start. After that
     * the manager's own time-out counts. 0: ten minutes; LC_FOREVER: no limit. For a stop this
     * limit is stop_timeout.
     */
    int64_t start_timeout;
    int64_t reload_timeout; /**< as start_timeout, for a reload */
} lc_service_options;

/** A pointer to lc_service_options: LC_SERVICE(.name = "shop", .nodes = LC_NODES(...)). */
#define LC_SERVICE(...) LC_OPTIONS(lc_service_options, __VA_ARGS__)

/**
 * Makes a supervisor of the nodes, or takes the given one, and runs it as the main program, until
 * it ends, a signal stops it, or its halt ends. It logs why a service cannot start. Blocks; call it
 * from main, or from a fiber. A SIGTERM that was caught before a halt ends the halt at once, as
 * lc_spin_halt says.
 *
 * The call begins with lc_standard_fds_open.
 *
 * It reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID once, at the start, and removes them from
 * the environment, so that child processes do not inherit them. No other thread may use the
 * environment at that time.
 *
 * At the end it restores the dispositions of signals. After a service that has run, SIGTERM, SIGINT
 * and SIGHUP are ignored if they had the default action, so that a signal in the last moment does
 * not replace the exit status. A program that goes on sets them again.
 *
 * In a simulation it uses neither the environment nor a pid file nor a process title, and gets the
 * signals of lc_simulation_signal; at the end of stop_timeout it returns.
 *
 * The supervisor's own options for signals and halts have no effect.
 * @param options  borrowed for the call. `supervisor` is taken over, also if the call fails, unless
 *                 the struct's size is wrong.
 * @return the process's exit status, one of LC_EXIT_...; errors have been logged.
 */
LC_API int lc_service_main(const lc_service_options *options);

LC_END_DECLARATIONS

#endif
