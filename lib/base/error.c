/*
 * error.c: see <lifecycle/error.h>.
 */
#include "base/error.h"

#include "base/format.h"
#include "base/memory.h"
#include "base/refs.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- errors without memory ---- */

/* One for each code that memory ran out for, so that an error keeps its code all the same. */
#define RESERVE_SIZE 256
static struct lc_error reserve[RESERVE_SIZE]; /* under the lock until handed out, then unchanging */
static size_t reserve_used;
static pthread_mutex_t reserve_lock = PTHREAD_MUTEX_INITIALIZER;

/* Under the lock. */
static lc_error *find_reserve(int code)
{
    for (size_t i = 0; i < reserve_used; i++)
        if (reserve[i].code == code)
            return &reserve[i];
    if (reserve_used == RESERVE_SIZE)
        return &reserve[0]; /* no program has so many codes */
    struct lc_error *error = &reserve[reserve_used++];
    atomic_init(&error->refs, LC__IMMORTAL);
    error->code = code;
    error->message = "(message lost: out of memory)";
    error->file = "";
    return error;
}

/* Takes `cause` over, which is told to the log, since nobody else will hear of it. */
static lc_error *from_reserve(int code, lc_error *cause)
{
    if (cause)
        lc_log(LC_LOG_ERROR, NULL, "out of memory while wrapping an error: %s", cause->message);
    lc_error_unref(cause);
    pthread_mutex_lock(&reserve_lock);
    lc_error *error = find_reserve(code);
    pthread_mutex_unlock(&reserve_lock);
    return error;
}

/* ---- making ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * Messages shorter than this are formatted once; longer ones once more, when their length is known.
 */
enum { SHORT = 256 };

static size_t format_short(char *text, const char *format, va_list arguments) LC_PRINTF(2, 0);
static size_t format_short(char *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = lc__format(text, SHORT, format, again);
    va_end(again);
    return length > 0 ? (size_t)length : 0;
}

/* A message in the making: what does not fit is counted all the same. */
struct message {
    char *text; /* NULL: it is only counted */
    size_t size;
    size_t length;
};

static void add(struct message *message, const char *text, size_t length)
{
    if (message->text && message->length < message->size)
        memcpy(message->text + message->length, text,
               smaller(length, message->size - message->length));
    message->length += length;
}

/* The formatted message, then ": " and the cause's, if both are there. */
static void add_all(struct message *message, const char *own, size_t own_length,
                    const lc_error *cause)
{
    add(message, own, own_length);
    if (cause && own_length > 0)
        add(message, ": ", 2);
    if (cause)
        add(message, cause->message, strlen(cause->message));
}

/* Takes `cause` over. The message is cut at the limit, and shows that it was. */
static lc_error *make_of(const char *file, int line, lc_error *cause, int code, const char *own,
                         size_t own_length)
{
    struct message whole = {NULL, 0, 0};
    add_all(&whole, own, own_length, cause);
    size_t size = smaller(whole.length, LC_ERROR_MESSAGE_MAX) + 1;
    size_t file_size = strlen(file) + 1;
    struct lc_error *error = lc__allocate(sizeof *error + size + file_size);
    if (!error)
        return from_reserve(code, cause);
    char *text = (char *)(error + 1); /* cleared, so it ends where it is to */
    struct message written = {text, size - 1, 0};
    add_all(&written, own, own_length, cause);
    if (whole.length >= size)
        memcpy(text + size - sizeof "...", "...", sizeof "...");
    char *origin = text + size;
    memcpy(origin, file, file_size);

    atomic_init(&error->refs, 1);
    error->code = code;
    error->line = line;
    error->message = text;
    error->file = origin;
    error->cause = cause;
    return error;
}

/* Not inlined: only long messages are to take so much of the stack. */
LC_PRINTF(5, 0)
__attribute__((noinline)) static lc_error *make_long(const char *file, int line, lc_error *cause,
                                                     int code, const char *format,
                                                     va_list arguments)
{
    /* Of what is beyond the limit it counts only that there is some. */
    char text[LC_ERROR_MESSAGE_MAX + 2];
    int length = lc__format(text, sizeof text, format, arguments);
    return make_of(file, line, cause, code, text, smaller((size_t)length, sizeof text - 1));
}

LC_PRINTF(5, 0)
static lc_error *make(const char *file, int line, lc_error *cause, int code, const char *format,
                      va_list arguments)
{
    char text[SHORT];
    /* Formatting is most of what an error costs, and many have nothing to fill in. */
    if (!strchr(format, '%'))
        return make_of(file, line, cause, code, format, strlen(format));
    size_t length = format_short(text, format, arguments);
    if (length < sizeof text)
        return make_of(file, line, cause, code, text, length);
    return make_long(file, line, cause, code, format, arguments);
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

/* Code 0 is a mistake of the caller's. The message is kept, since it tells which call it was. */
LC_PRINTF(4, 0)
static lc_error *make_uncoded(const char *file, int line, lc_error *cause, const char *format,
                              va_list arguments)
{
    char text[SHORT] = "";
    if (format)
        lc__format(text, sizeof text, format, arguments);
    return make_plain(file, line, cause, -EINVAL,
                      "%s%san error needs a code other than 0, which means success", text,
                      *text ? ": " : "");
}

LC_PRINTF(5, 0)
static lc_error *make_checked(const char *file, int line, lc_error *cause, int code,
                              const char *format, va_list arguments)
{
    file = file ? file : "";
    if (code == 0)
        return make_uncoded(file, line, cause, format, arguments);
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

/*
 * The reason stands behind the message as a cause does, but is none: it lives until the message has
 * been put together.
 */
lc_error *lc_error_new_errno_at(const char *file, int line, int number, const char *format, ...)
{
    char wrong[64];
    struct lc_error reason = LC__ERROR_IMMORTAL(number > 0 ? -number : -EINVAL, wrong);
    va_list arguments;
    if (number > 0)
        reason.message = strerror(number);
    else
        snprintf(wrong, sizeof wrong, "an errno is above 0, and this was %d", number);
    va_start(arguments, format);
    lc_error *error = format ? make_checked(file, line, &reason, reason.code, format, arguments)
                             : make_of(file ? file : "", line, &reason, reason.code, "", 0);
    va_end(arguments);
    if (error->cause == &reason)
        error->cause = NULL;
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
    while (counted(error) && lc__refs_drop(&error->refs)) {
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
