/*
 * api.h: what every public header needs: symbol visibility, compiler attributes, C linkage,
 * the version, and the call that takes the whole library down.
 */
#ifndef LIFECYCLE_API_H
#define LIFECYCLE_API_H

#include <lifecycle/options.h>

#include <stddef.h>
#include <stdint.h>
#ifndef __cplusplus
#include <stdbool.h>
#endif

#define LC_VERSION_MAJOR 0
#define LC_VERSION_MINOR 2
#define LC_VERSION_PATCH 0

/** Marks what the shared library exports; everything else is hidden. */
#define LC_API __attribute__((visibility("default")))
/** Lets the compiler check a printf-style format against its arguments. */
#define LC_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
/** The call does not return. */
#define LC_NORETURN __attribute__((noreturn))
/** The result is never NULL. */
#define LC_NEVER_NULL __attribute__((returns_nonnull))
/** The caller must use the result: it is the only sign of failure, or must be freed. */
#define LC_MUST_CHECK __attribute__((warn_unused_result))

/** Before the braces of a value of a struct: LC_LITERAL(type){...}, in C and in C++. */
#ifdef __cplusplus
#define LC_LITERAL(type) type
#else
#define LC_LITERAL(type) (type)
#endif

#ifdef __cplusplus
#define LC_BEGIN_DECLARATIONS extern "C" {
#define LC_END_DECLARATIONS }
#else
#define LC_BEGIN_DECLARATIONS
#define LC_END_DECLARATIONS
#endif

/*
 * Fork: until the library has made its first thread, a forked child may use all of it, so daemonise
 * first. A child that is forked later has copies of locks and queues, but not the threads that use
 * them. It may exec, or call what takes no lock: lc_error_..., lc_log (which then writes to
 * stderr), lc_now, lc_random, lc_handle_is_closed, lc_context_error and the like. A call that
 * starts, makes or waits for something returns -ENOTSUP or NULL there; none of them hangs.
 * lc_library_shutdown ends the threads, and forking is free again.
 */

LC_BEGIN_DECLARATIONS

/**
 * The version of the library that is running, as "major.minor.patch". Never NULL, never freed.
 * LC_VERSION_MAJOR, _MINOR and _PATCH are the version of the headers that the program was compiled
 * with.
 * Thread-safe.
 */
LC_API const char *lc_version(void);

/**
 * Joins every thread the library made and frees everything it holds for the process: the timer
 * thread, ended workers, the default executor, the monitor, the threads of lc_call_blocking, stacks
 * of fibers, spare descriptors, the process-signal table, the log sink (its release is called).
 * Afterwards a leak checker finds no memory of the library, and `dlclose` is safe. The next call
 * into the library starts it again.
 *
 * Call it when no worker runs and no other thread is inside the library: after the done handle of
 * each component has closed, and after the program has freed what it made.
 *
 * The call waits for each fiber and worker that has reported its end and is still returning. It
 * also waits, for a tenth of a second, for any other fiber that waits for nothing.
 *
 * @return 0; -EBUSY if there are workers, fibers, isolates, ports of threads or fibers, executors,
 * supervisors or trees that run, watches of process signals, or contexts with a deadline to come:
 * the log says which, and nothing is ended or freed; -EDEADLK in a worker's thread; -ENOTSUP in a
 * forked child.
 */
LC_API int lc_library_shutdown(void);

/**
 * Opens /dev/null at each of the descriptors 0, 1 and 2 that is closed. Otherwise a file of the
 * program could get one of these numbers, and standard output or error would be written into it.
 * lc_service_main begins with this call. A main that opens files, or calls the library, before
 * lc_service_main makes this call first. Call it while the process has one thread.
 *
 * @return 0, or a negative errno: /dev/null cannot be opened.
 */
LC_API int lc_standard_fds_open(void);

LC_END_DECLARATIONS

#endif
