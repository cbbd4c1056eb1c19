/*
 * error.h: errors that are thrown, handled, or returned from a run.
 *
 * An lc_error is immutable and reference-counted. NULL means success, everywhere. It has a code, a
 * message, the place it was made at, and perhaps a cause: the error it wraps.
 *
 *     lc_error *failed = lc_error_new_errno(errno, "%s", path);
 *     return lc_error_wrap(failed, -EIO, "cannot open the journal");
 *
 * Ownership: a function with a parameter `lc_error *` takes over the caller's reference; one with a
 * `const lc_error *` borrows it. A function that returns an `lc_error *` gives a reference to the
 * caller. Making an error never fails: without memory the error has its code, and a message that
 * says so.
 *
 * All calls are thread-safe.
 */
#ifndef LIFECYCLE_ERROR_H
#define LIFECYCLE_ERROR_H

#include <lifecycle/api.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_error lc_error;

/** A message longer than this many bytes is cut there, and ends in "...". */
#define LC_ERROR_MESSAGE_MAX ((size_t)4096)

/**
 * Makes an error.
 * @param code a negative errno (-EIO), or a number of the program's own, not 0. For 0 the result is
 * an error of code -EINVAL that says so.
 * @param ...   a printf-style format and its arguments: the message, without newline.
 * @return a new reference; never NULL.
 */
#define lc_error_new(code, ...) lc_error_new_at(__FILE__, __LINE__, (code), __VA_ARGS__)

/**
 * Makes an error from an errno: its code is -number, and its message "<message>: <strerror>".
 * @param number  above 0: errno after a system call, or minus the result of a call of this library.
 * For any other number the result is an error of code -EINVAL that says so.
 * @param ...     as of lc_error_new.
 * @return a new reference; never NULL.
 */
#define lc_error_new_errno(number, ...)                                                            \
    lc_error_new_errno_at(__FILE__, __LINE__, (number), __VA_ARGS__)

/**
 * Makes an error that wraps another. `lc_error_is` finds the code of both. The message is
 * "<message>: <message of the cause>".
 * @param cause  taken over. NULL is allowed and makes a plain error.
 * @return a new reference; never NULL.
 */
#define lc_error_wrap(cause, code, ...)                                                            \
    lc_error_wrap_at(__FILE__, __LINE__, (cause), (code), __VA_ARGS__)

/**
 * Makes an opaque error that wraps another: its message is "[exception!] <message of the cause>",
 * its code is -EFAULT, and `lc_error_is` does not find the codes inside (`lc_error_cause` still
 * returns the cause, for logs). Source: the component/lifecycle package's exception.
 * @param cause  taken over. NULL gives NULL: success needs no wrapping.
 */
#define lc_error_wrap_opaque(cause) lc_error_wrap_opaque_at(__FILE__, __LINE__, (cause))

LC_API LC_MUST_CHECK LC_NEVER_NULL lc_error *lc_error_new_at(const char *file, int line, int code,
                                                             const char *format, ...)
    LC_PRINTF(4, 5);
LC_API LC_MUST_CHECK LC_NEVER_NULL lc_error *lc_error_new_errno_at(const char *file, int line,
                                                                   int number, const char *format,
                                                                   ...) LC_PRINTF(4, 5);
LC_API LC_MUST_CHECK LC_NEVER_NULL lc_error *
lc_error_wrap_at(const char *file, int line, lc_error *cause, int code, const char *format, ...)
    LC_PRINTF(5, 6);
LC_API LC_MUST_CHECK lc_error *lc_error_wrap_opaque_at(const char *file, int line, lc_error *cause);

/** One more reference to the same error. NULL gives NULL. */
LC_API lc_error *lc_error_ref(const lc_error *error);
/** Gives a reference back; the last one frees the error and its causes. NULL is allowed. */
LC_API void lc_error_unref(lc_error *error);

/** The error's own code, or 0 for NULL. */
LC_API int lc_error_code(const lc_error *error);
/**
 * The whole message, causes included, without newline; "success" for NULL. Lives as long as the
 * error.
 */
LC_API const char *lc_error_message(const lc_error *error);
/** The error directly inside, or NULL. Borrowed: lives as long as `error`. */
LC_API const lc_error *lc_error_cause(const lc_error *error);
/** The source file the error was made in; "" if not known. */
LC_API const char *lc_error_file(const lc_error *error);
/** The line of `lc_error_file`; 0 if not known. */
LC_API int lc_error_line(const lc_error *error);

/** Whether the error, or one that it wraps, has this code; not what an opaque error wraps. */
LC_API bool lc_error_is(const lc_error *error, int code);
/**
 * Whether the object `target` is the error or one that it wraps; not what an opaque error wraps.
 */
LC_API bool lc_error_contains(const lc_error *error, const lc_error *target);

LC_END_DECLARATIONS

#endif
