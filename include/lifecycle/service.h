/*
 * service.h: the main program of a service: runs a supervisor between the process's signals and the
 * service manager.
 *
 *     int main(void)
 *     {
 *         lc_supervisor *supervisor = make_my_graph();
 *         return lc_service_main(NULL, supervisor);
 *     }
 *
 * - SIGTERM and SIGINT stop the service; the second one says what is still stopping. SIGHUP calls
 *   the reload hook.
 * - The service manager is told over NOTIFY_SOCKET as sd_notify(3) says: READY=1 when every node is
 *   ready, RELOADING=1 around a reload, STOPPING=1, STATUS=, and WATCHDOG=1 twice in WATCHDOG_USEC.
 * - A spin-halt is not a stop: while the process is halted neither READY=1 nor STOPPING=1 is sent
 *   (systemd would kill it when its stop time-out is over), the status says why, the watchdog is
 *   fed, EXTEND_TIMEOUT_USEC is sent where readiness had not been, and once a minute the log says
 *   why the process is halted and how to end it.
 *
 * A unit that does not restart a service behind the operator's back has
 * RestartPreventExitStatus=75.
 */
#ifndef LIFECYCLE_SERVICE_H
#define LIFECYCLE_SERVICE_H

#include <lifecycle/api.h>
#include <lifecycle/error.h>
#include <lifecycle/supervisor.h>
#include <lifecycle/time.h>

LC_BEGIN_DECLARATIONS

/** Exit statuses of lc_service_main. 70 and 75 are those of sysexits(3). */
enum {
    LC_EXIT_CLEAN = 0,     /**< stopped by a signal, or nothing was left to run, without an error */
    LC_EXIT_ERROR = 1,     /**< ended by an error; or overdue at the final deadline */
    LC_EXIT_INTERNAL = 70, /**< a fatal error that nobody was there to take; the library's own */
    LC_EXIT_HALTED = 75    /**< after a spin-halt: must not simply be restarted */
};

/** How a service is to be run. Begin with LC_SERVICE_INIT. */
typedef struct lc_service_options {
    size_t size;      /**< sizeof(lc_service_options) */
    const char *name; /**< for the log; 1 to LC_NAME_MAX bytes; NULL: the supervisor's */
    /** Path of the pid file, locked while the service runs; NULL: none. See pidfile_open(3bsd). */
    const char *pid_file;
    /** Whether the process title tells the state; needs setproctitle_init(3bsd) on Linux. */
    bool process_title;
    /** Called for SIGHUP, on the stack of lc_service_main; must not throw. NULL: SIGHUP is logged. */
    lc_error *(*reload)(void *arg);
    void *reload_arg;
    /**
     * So long after the stop has begun, the components that are still stopping are named and the
     * process exits with LC_EXIT_ERROR, whatever they do. LC_FOREVER: never.
     */
    int64_t stop_timeout;
    /** How often the halt's reason is logged; a minute. */
    int64_t halt_reminder;
} lc_service_options;

#define LC_SERVICE_INIT                                                                            \
    {                                                                                              \
        sizeof(lc_service_options), NULL, NULL, false, NULL, NULL, 30 * LC_SECOND, LC_MINUTE       \
    }

/**
 * Runs a supervisor as the main program: until it ends, or a signal ends it, or its halt is ended.
 * @param options     NULL for the defaults.
 * @param supervisor  taken over, also if the call fails.
 * @return the process's exit status: one of the above. What is wrong has been logged.
 */
LC_API int lc_service_main(const lc_service_options *options, lc_supervisor *supervisor);

LC_END_DECLARATIONS

#endif
