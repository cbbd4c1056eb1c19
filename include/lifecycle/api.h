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
/** The call does not come back. */
#define LC_NORETURN __attribute__((noreturn))
/** The result is never NULL. */
#define LC_NEVER_NULL __attribute__((returns_nonnull))
/** Dropping the result is a mistake: it is the only sign of failure, or would leak. */
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
 * first. Afterwards a child has copies of locks and queues whose threads are gone. What it may do
 * is exec, or call what takes no lock: lc_error_..., lc_log (which then goes to stderr), lc_now,
 * lc_random, lc_handle_is_closed, lc_context_error and the like. Calls that start, wait or make
 * something answer -ENOTSUP or NULL there, and none of those hangs. lc_library_shutdown takes the
 * threads down, and forking is free again.
 */

LC_BEGIN_DECLARATIONS

/**
 * The version of the library that is running, as "major.minor.patch". Never NULL, never freed.
 * Compare with LC_VERSION_MAJOR and its siblings, which are those of the headers compiled against.
 * Thread-safe.
 */
LC_API const char *lc_version(void);

/**
 * Joins every thread the library made and frees everything it holds for the process: the timer
 * thread, ended workers, the default executor, the monitor, the threads of lc_call_blocking, stacks
 * of fibers, spare descriptors, the process-signal table, the log sink (its release is called).
 * Afterwards a leak checker finds nothing of ours, and `dlclose` is safe; the next call into the
 * library starts it again.
 *
 * Call it when no worker runs and no other thread is inside the library; waiting for the done
 * handle of each component, and dropping what one made, is how to be sure.
 *
 * A fiber or worker that has told others that it is done may still be returning: it is waited for.
 * So is, for a tenth of a second, any other fiber that waits for nothing.
 *
 * @return 0, or -EBUSY if workers, fibers, isolates, ports of threads and fibers, executors that
 * were not freed, supervisors or trees that run, process-signal watches or deadlines to come are
 * still there (the log says which, and nothing was taken down), -EDEADLK if called from a worker's
 * thread, -ENOTSUP in a forked child.
 */
LC_API int lc_library_shutdown(void);

/**
 * Opens /dev/null at each of the descriptors 0, 1 and 2 that is closed. Otherwise a file of the
 * program could get one of these numbers, and then what is written to standard output or error.
 * lc_service_main begins with it. A main that opens files, or calls the library, before
 * lc_service_main calls it first thing. Call it while the process has one thread.
 *
 * @return 0, or a negative errno: /dev/null cannot be opened.
 */
LC_API int lc_standard_fds_open(void);

LC_END_DECLARATIONS

#endif
