/*
 * error.c: see <lifecycle/error.h>.
 */
#include "base/error.h"

#include "base/memory.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- errors without memory ---- */

/*
 * One for each errno, so that an error keeps its code even when there is no memory to make it with.
 */
#define RESERVE_SIZE 134
static struct lc_error reserve[RESERVE_SIZE];
static pthread_once_t reserve_once = PTHREAD_ONCE_INIT;

static void fill_reserve(void)
{
    for (int number = 0; number < RESERVE_SIZE; number++) {
        struct lc_error *error = &reserve[number];
        atomic_init(&error->refs, LC__IMMORTAL);
        error->code = -number;
        error->message = "(message lost: out of memory)";
        error->file = "";
    }
}

static lc_error *from_reserve(int code)
{
    pthread_once(&reserve_once, fill_reserve);
    bool known = code < 0 && code > -RESERVE_SIZE;
    return &reserve[known ? -code : ENOMEM];
}

/* ---- making ---- */

/* Cuts a text that is longer than the limit, and shows it. */
static void limit_message(char *message, size_t length)
{
    if (length > LC_ERROR_MESSAGE_MAX)
        memcpy(message + LC_ERROR_MESSAGE_MAX - 3, "...", sizeof "...");
}

/*
 * Takes `cause` over. The message is the formatted one, then ": " and the cause's, if both are
 * there.
 */
LC_PRINTF(5, 0)
static lc_error *make(const char *file, int line, lc_error *cause, int code, const char *format,
                      va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int formatted = vsnprintf(NULL, 0, format, again);
    va_end(again);

    size_t own = formatted > 0 ? (size_t)formatted : 0;
    const char *between = cause && own > 0 ? ": " : "";
    const char *rest = cause ? cause->message : "";
    size_t whole = own + strlen(between) + strlen(rest);
    size_t file_size = strlen(file) + 1;
    struct lc_error *error = lc__allocate(sizeof *error + whole + 1 + file_size);
    if (!error) {
        if (cause)
            lc_log(LC_LOG_ERROR, NULL, "out of memory while wrapping an error: %s", cause->message);
        lc_error_unref(cause);
        return from_reserve(code);
    }
    char *message = (char *)(error + 1);
    if (own > 0)
        vsnprintf(message, own + 1, format, arguments);
    snprintf(message + own, whole - own + 1, "%s%s", between, rest);
    limit_message(message, whole);
    char *origin = message + whole + 1;
    memcpy(origin, file, file_size);

    atomic_init(&error->refs, 1);
    error->code = code;
    error->line = line;
    error->message = message;
    error->file = origin;
    error->cause = cause;
    return error;
}

LC_PRINTF(5, 6)
static lc_error *make_plain(const char *file, int line, lc_error *cause, int code,
                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc_error *error = make(file, line, cause, code, format, arguments);
    va_end(arguments);
    return error;
}

LC_PRINTF(5, 0)
static lc_error *make_checked(const char *file, int line, lc_error *cause, int code,
                              const char *format, va_list arguments)
{
    file = file ? file : "";
    if (code == 0)
        return make_plain(file, line, cause, -EINVAL,
                          "an error needs a code other than 0, which means success");
    if (!format)
        return make_plain(file, line, cause, code, "error %d", code);
    return make(file, line, cause, code, format, arguments);
}

lc_error *lc_error_new_at(const char *file, int line, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc_error *error = make_checked(file, line, NULL, code, format, arguments);
    va_end(arguments);
    return error;
}

lc_error *lc_error_wrap_at(const char *file, int line, lc_error *cause, int code,
                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc_error *error = make_checked(file, line, cause, code, format, arguments);
    va_end(arguments);
    return error;
}

lc_error *lc_error_wrap_opaque_at(const char *file, int line, lc_error *cause)
{
    if (!cause)
        return NULL;
    /* The cause's reference goes to the new error, whose message is not the usual "own: cause". */
    lc_error *error =
        make_plain(file ? file : "", line, NULL, -EFAULT, "[exception!] %s", cause->message);
    if (atomic_load_explicit(&error->refs, memory_order_relaxed) == LC__IMMORTAL) {
        lc_error_unref(cause);
        return error;
    }
    error->opaque = true;
    error->cause = cause;
    return error;
}

/* ---- references ---- */

/*
 * Counting is idle for immortal errors: they are shared by everybody, and writing would bounce
 * their line.
 */
static bool counted(const lc_error *error)
{
    return error && atomic_load_explicit(&error->refs, memory_order_relaxed) != LC__IMMORTAL;
}

lc_error *lc_error_ref(const lc_error *error)
{
    lc_error *shared = (lc_error *)(uintptr_t)error; /* immutable but for its count */
    if (counted(shared))
        atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    return shared;
}

void lc_error_unref(lc_error *error)
{
    /* Release, then acquire by the last: what other holders did with it happens before the free. */
    while (counted(error) &&
           atomic_fetch_sub_explicit(&error->refs, 1, memory_order_acq_rel) == 1) {
        lc_error *cause = error->cause;
        lc__free(error);
        error = cause;
    }
}

/* ---- looking ---- */

int lc_error_code(const lc_error *error)
{
    return error ? error->code : 0;
}

const char *lc_error_message(const lc_error *error)
{
    return error ? error->message : "success";
}

const lc_error *lc_error_cause(const lc_error *error)
{
    return error ? error->cause : NULL;
}

const char *lc_error_file(const lc_error *error)
{
    return error ? error->file : "";
}

int lc_error_line(const lc_error *error)
{
    return error ? error->line : 0;
}

/* The error inside that a look through the chain comes to next. */
static const lc_error *visible_cause(const lc_error *error)
{
    return error->opaque ? NULL : error->cause;
}

bool lc_error_is(const lc_error *error, int code)
{
    while (error && error->code != code)
        error = visible_cause(error);
    return error != NULL;
}

bool lc_error_contains(const lc_error *error, const lc_error *target)
{
    while (error && error != target)
        error = visible_cause(error);
    return error != NULL;
}
