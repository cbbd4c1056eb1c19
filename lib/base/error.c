/*
 * error.c: see <lifecycle/error.h>.
 */
#include "base/error.h"

#include "base/format.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/refs.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- errors without memory ---- */

/* An error for each code for which memory has run out: an error without memory keeps its code. */
#define RESERVE_SIZE 256
static struct lc_error
    reserve[RESERVE_SIZE];  /* under reserve_lock until handed out; then never changed */
static size_t reserve_used; /* under reserve_lock */
static struct lc__lock reserve_lock = LC__LOCK_INIT;

static lc_error *reserve_find(int code)
{
    LC__ASSERT(lc__lock_is_held(&reserve_lock));
    for (size_t i = 0; i < reserve_used; i++)
        if (reserve[i].code == code)
            return &reserve[i];
    if (reserve_used == RESERVE_SIZE)
        return &reserve[0]; /* with a wrong code: no program has so many */
    struct lc_error *error = &reserve[reserve_used++];
    atomic_init(&error->refs, LC__IMMORTAL);
    error->code = code;
    error->message = "(message lost: out of memory)";
    error->file = "";
    return error;
}

/* Takes `cause` over and logs it, since the error that is returned cannot hold it. */
static lc_error *reserve_take(int code, lc_error *cause)
{
    if (cause)
        lc_log(LC_LOG_ERROR, NULL, "out of memory while wrapping an error: %s", cause->message);
    lc_error_unref(cause);
    lc__lock_take(&reserve_lock);
    lc_error *error = reserve_find(code);
    lc__lock_give(&reserve_lock);
    return error;
}

/* ---- making ---- */

static size_t size_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Shorter messages are formatted once; longer ones once more, when their length is known. */
enum { SHORT = 256 };

static size_t message_format_short(char *text, const char *format, va_list arguments)
    LC_PRINTF(2, 0);
static size_t message_format_short(char *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = lc__format(text, SHORT, format, again);
    va_end(again);
    return length > 0 ? (size_t)length : 0;
}

/* A message that is being put together. What does not fit is counted. */
struct message {
    char *text; /* NULL: the text is only counted */
    size_t size;
    size_t length;
};

static void message_add(struct message *message, const char *text, size_t length)
{
    if (message->text && message->length < message->size)
        memcpy(message->text + message->length, text,
               size_smaller(length, message->size - message->length));
    message->length += length;
}

/* Adds the formatted message, ": ", and the message of the cause. Any of them may be missing. */
static void message_add_all(struct message *message, const char *own, size_t own_length,
                            const lc_error *cause)
{
    message_add(message, own, own_length);
    if (cause && own_length > 0)
        message_add(message, ": ", 2);
    if (cause)
        message_add(message, cause->message, strlen(cause->message));
}

/* Takes `cause` over. A message beyond the limit is cut, and ends in "...". */
static lc_error *error_new_of(const char *file, int line, lc_error *cause, int code,
                              const char *own, size_t own_length)
{
    struct message whole = {NULL, 0, 0};
    message_add_all(&whole, own, own_length, cause);
    size_t size = size_smaller(whole.length, LC_ERROR_MESSAGE_MAX) + 1;
    size_t file_size = strlen(file) + 1;
    struct lc_error *error = lc__allocate(sizeof *error + size + file_size);
    if (!error)
        return reserve_take(code, cause);
    char *text = (char *)(error + 1); /* cleared: it ends in a zero */
    struct message written = {text, size - 1, 0};
    message_add_all(&written, own, own_length, cause);
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

/* Not inlined: only a long message takes so much of the stack. */
LC_PRINTF(5, 0)
__attribute__((noinline)) static lc_error *error_new_long(const char *file, int line,
                                                          lc_error *cause, int code,
                                                          const char *format, va_list arguments)
{
    /* One byte more than the limit: enough to know that the message is longer. */
    char text[LC_ERROR_MESSAGE_MAX + 2];
    int length = lc__format(text, sizeof text, format, arguments);
    return error_new_of(file, line, cause, code, text,
                        size_smaller((size_t)length, sizeof text - 1));
}

LC_PRINTF(5, 0)
static lc_error *error_new(const char *file, int line, lc_error *cause, int code,
                           const char *format, va_list arguments)
{
    char text[SHORT];
    /* To format is most of the cost of an error, and many formats have nothing to fill in. */
    if (!strchr(format, '%'))
        return error_new_of(file, line, cause, code, format, strlen(format));
    size_t length = message_format_short(text, format, arguments);
    if (length < sizeof text)
        return error_new_of(file, line, cause, code, text, length);
    return error_new_long(file, line, cause, code, format, arguments);
}

LC_PRINTF(5, 6)
static lc_error *error_new_plain(const char *file, int line, lc_error *cause, int code,
                                 const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc_error *error = error_new(file, line, cause, code, format, arguments);
    va_end(arguments);
    return error;
}

/* Code 0 is a mistake of the caller. The message is kept: it says which call made the mistake. */
LC_PRINTF(4, 0)
static lc_error *error_new_uncoded(const char *file, int line, lc_error *cause, const char *format,
                                   va_list arguments)
{
    char text[SHORT] = "";
    if (format)
        lc__format(text, sizeof text, format, arguments);
    return error_new_plain(file, line, cause, -EINVAL,
                           "%s%san error needs a code other than 0, which means success", text,
                           *text ? ": " : "");
}

LC_PRINTF(5, 0)
static lc_error *error_new_checked(const char *file, int line, lc_error *cause, int code,
                                   const char *format, va_list arguments)
{
    file = file ? file : "";
    if (code == 0)
        return error_new_uncoded(file, line, cause, format, arguments);
    if (!format)
        return error_new_plain(file, line, cause, code, "error %d", code);
    return error_new(file, line, cause, code, format, arguments);
}

lc_error *lc_error_new_at(const char *file, int line, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc_error *error = error_new_checked(file, line, NULL, code, format, arguments);
    va_end(arguments);
    return error;
}

/*
 * The reason follows the message as the message of a cause does. But it is no cause: it lives until
 * the message has been put together.
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
    lc_error *error = format
                          ? error_new_checked(file, line, &reason, reason.code, format, arguments)
                          : error_new_of(file ? file : "", line, &reason, reason.code, "", 0);
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
    lc_error *error = error_new_checked(file, line, cause, code, format, arguments);
    va_end(arguments);
    return error;
}

lc_error *lc_error_wrap_opaque_at(const char *file, int line, lc_error *cause)
{
    if (!cause)
        return NULL;
    /* The new error gets the reference to the cause; its message is not the usual "own: cause". */
    lc_error *error =
        error_new_plain(file ? file : "", line, NULL, -EFAULT, "[exception!] %s", cause->message);
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
 * References to immortal errors are not counted: all threads share these errors, and each write
 * would move a line of the cache between processors.
 */
static bool error_is_counted(const lc_error *error)
{
    return error && atomic_load_explicit(&error->refs, memory_order_relaxed) != LC__IMMORTAL;
}

lc_error *lc_error_ref(const lc_error *error)
{
    lc_error *shared = (lc_error *)(uintptr_t)error; /* only its count changes */
    if (error_is_counted(shared))
        atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    return shared;
}

void lc_error_unref(lc_error *error)
{
    while (error_is_counted(error) && lc__refs_drop(&error->refs)) {
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

/* The error that a search of the chain comes to next. */
static const lc_error *error_visible_cause(const lc_error *error)
{
    return error->opaque ? NULL : error->cause;
}

bool lc_error_is(const lc_error *error, int code)
{
    while (error && error->code != code)
        error = error_visible_cause(error);
    return error != NULL;
}

bool lc_error_contains(const lc_error *error, const lc_error *target)
{
    while (error && error != target)
        error = error_visible_cause(error);
    return error != NULL;
}
