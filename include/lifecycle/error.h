/*
 * error.h: an error that travels: thrown, handled, returned from a run.
 *
 * An lc_error is immutable and reference-counted. NULL means success, everywhere. It has a code, a
 * message, the place it was made at, and perhaps a cause: the error it wraps.
 *
 *     lc_error *failed = lc_error_new_errno(errno, "%s", path);
 *     return lc_error_wrap(failed, -EIO, "cannot open the journal");
 *
 * Ownership: a function that takes a plain `lc_error *` takes over the caller's reference; one that
 * takes a `const lc_error *` only looks. What returns a plain `lc_error *` gives a reference.
 * Making an error never fails: where memory has run out, the result keeps its code, and its message
 * says that the rest is lost.
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
 * @param code  a negative errno (-EIO), or any other number but 0 that means something to the
 * program. 0 is answered with an error of code -EINVAL that says so.
 * @param ...   a printf-style format and its arguments: the message, for a person, without newline.
 * @return a new reference; never NULL.
 */
#define lc_error_new(code, ...) lc_error_new_at(__FILE__, __LINE__, (code), __VA_ARGS__)

/**
 * Makes an error from an errno: its code is -number, and its message "<message>: <strerror>".
 * @param number  above 0, as errno is after a call of the system's has failed; of a call of this
 * library's that has answered with a negative one, minus that. Any other number is answered with an
 * error of code -EINVAL that says so.
 * @param ...     as of lc_error_new.
 * @return a new reference; never NULL.
 */
#define lc_error_new_errno(number, ...)                                                            \
    lc_error_new_errno_at(__FILE__, __LINE__, (number), __VA_ARGS__)

/**
 * Makes an error around another. `lc_error_is` sees through it. The message becomes
 * "<message>: <message of the cause>".
 * @param cause  taken over. NULL is allowed and makes a plain error.
 * @return a new reference; never NULL.
 */
#define lc_error_wrap(cause, code, ...)                                                            \
    lc_error_wrap_at(__FILE__, __LINE__, (cause), (code), __VA_ARGS__)

/**
 * Makes an opaque error around another: its message is "[exception!] <message of the cause>", its
 * code is -EFAULT, and `lc_error_is` does not see what is inside (`lc_error_cause` still gives it,
 * for logs). Source: the component/lifecycle package's exception.
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

/** Whether the error, or one that it wraps and is not hidden by an opaque one, has this code. */
LC_API bool lc_error_is(const lc_error *error, int code);
/**
 * Whether `target` itself, the very same object, is in the chain; an opaque error hides what is in
 * it.
 */
LC_API bool lc_error_contains(const lc_error *error, const lc_error *target);

LC_END_DECLARATIONS

#endif
