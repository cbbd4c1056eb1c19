/*
 * log.c: see <lifecycle/log.h>.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/format.h"
#include "base/log_line.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/task.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

/* ---- who speaks ---- */

void lc__log_set_speaker(const char *name)
{
    lc__task_current()->name = name;
}

const char *lc__log_speaker(void)
{
    const char *name = lc__task_current()->name;
    return name ? name : "";
}

/* ---- levels ---- */

/* By level; those below the first have no name. */
static const char *const level_names[] = {
    [LC_LOG_CRITICAL] = "critical", [LC_LOG_ERROR] = "error", [LC_LOG_WARNING] = "warning",
    [LC_LOG_NOTICE] = "notice",     [LC_LOG_INFO] = "info",   [LC_LOG_DEBUG] = "debug",
};

static bool is_level(lc_log_level level)
{
    return level >= LC_LOG_CRITICAL && level <= LC_LOG_DEBUG;
}

const char *lc_log_level_name(lc_log_level level)
{
    return is_level(level) ? level_names[level] : NULL;
}

int lc_log_level_parse(const char *name, lc_log_level *level)
{
    for (int i = LC_LOG_CRITICAL; name && level && i <= LC_LOG_DEBUG; i++) {
        if (strcmp(name, level_names[i]) != 0)
            continue;
        *level = (lc_log_level)i;
        return 0;
    }
    return -EINVAL;
}

/* ---- the sink in force ---- */

/* Counted, so that it is called without the lock, and released only when no thread is in it. */
struct sink {
    const lc_log_sink *calls;
    unsigned users;   /* under sink_lock: 1 while in force, and 1 for each thread that is in it */
    lc_log_sink copy; /* what the calls of a sink of the program's are */
};

/* The library's own are never freed: each has one user more than there are. */
static struct sink text_sink = {.calls = &lc__log_text_sink, .users = 2};
static struct sink json_sink = {.calls = &lc__log_json_sink, .users = 1};
static struct sink *current = &text_sink; /* under sink_lock */
/* Of the library's own: the one that was in force last. For forked children; orders nothing. */
static _Atomic(struct sink *) own_sink = &text_sink;
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int threshold = LC_LOG_INFO; /* orders nothing */

/* A fork takes the lock, so that the child finds it free, whatever other threads log. */
static void lock_sink(void)
{
    pthread_mutex_lock(&sink_lock);
}

static void unlock_sink(void)
{
    pthread_mutex_unlock(&sink_lock);
}

/* What the parent has lost, the parent tells. */
static void unlock_sink_in_child(void)
{
    lc__log_forget_lost();
    pthread_mutex_unlock(&sink_lock);
}

static void watch_log_forks(void)
{
    pthread_atfork(lock_sink, unlock_sink, unlock_sink_in_child);
}

/*
 * In a child forked when the library had threads the user's sink may wait for one of them: it logs
 * to stderr, in the form that was chosen.
 */
static struct sink *enter_sink(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (lc__forked())
        return atomic_load_explicit(&own_sink, memory_order_relaxed);
    pthread_once(&once, watch_log_forks);
    pthread_mutex_lock(&sink_lock);
    struct sink *sink = current;
    sink->users++;
    pthread_mutex_unlock(&sink_lock);
    return sink;
}

static void leave_sink(struct sink *sink)
{
    if (lc__forked())
        return;
    pthread_mutex_lock(&sink_lock);
    bool last = --sink->users == 0;
    pthread_mutex_unlock(&sink_lock);
    if (!last)
        return;
    int cancelling; /* a thread that is cancelled in the release would leave the rest undone */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    if (sink->calls->release)
        sink->calls->release(sink->calls->arg);
    lc__free(sink);
    pthread_setcancelstate(cancelling, NULL);
}

static bool is_json_sink(const lc_log_sink *calls)
{
    return calls->write == lc__log_json_sink.write && calls->arg == lc__log_json_sink.arg;
}

/* @return NULL if memory has run out. */
static struct sink *sink_new(const lc_log_sink *calls)
{
    struct sink *sink = lc__allocate(sizeof *sink);
    if (sink) {
        sink->copy = *calls;
        sink->calls = &sink->copy;
    }
    return sink;
}

static void sink_replace(struct sink *next)
{
    pthread_mutex_lock(&sink_lock);
    struct sink *old = current;
    if (old != next)
        next->users++;
    current = next;
    if (next == &text_sink || next == &json_sink)
        atomic_store_explicit(&own_sink, next, memory_order_relaxed);
    pthread_mutex_unlock(&sink_lock);
    if (old != next)
        leave_sink(old);
}

LC__OPTIONS_END(lc_log_sink, arg);

int lc_log_set_sink(const lc_log_sink *given)
{
    lc_log_sink calls;
    struct sink *next = &text_sink;
    lc_error *refused = lc__options_read(&calls, sizeof calls, given, "lc_log_sink");
    if (refused) {
        lc__refuse("lc_log_set_sink: %s", lc_error_message(refused));
        lc_error_unref(refused);
        return -EINVAL;
    }
    if (given && !calls.write)
        return lc__refuse("lc_log_set_sink: write is missing: a sink takes records by it");
    if (given)
        next = is_json_sink(&calls) ? &json_sink : sink_new(&calls);
    if (!next)
        return -ENOMEM;
    sink_replace(next);
    return 0;
}

void lc_log_set_level(lc_log_level level)
{
    if ((int)level < 0 || level > LC_LOG_DEBUG) {
        lc_log(LC_LOG_ERROR, NULL,
               "lc_log_set_level: the level is %d, not one of LC_LOG_..., nor 0", (int)level);
        return;
    }
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

lc_log_level lc_log_read_level(void)
{
    return (lc_log_level)atomic_load_explicit(&threshold, memory_order_relaxed);
}

void lc_log_flush(void)
{
    int cancelling; /* as in a write */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    struct sink *sink = enter_sink();
    if (sink->calls->flush)
        sink->calls->flush(sink->calls->arg);
    leave_sink(sink);
    pthread_setcancelstate(cancelling, NULL);
}

bool lc__log_is_on(lc_log_level level)
{
    return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

void lc__log_list(lc_log_level level, const char *component, const lc_log_field *fields,
                  size_t field_count, const char *format, va_list arguments)
{
    if (!is_level(level))
        level = LC_LOG_ERROR;
    if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
        return;
    char message[LC_LOG_LINE_MAX];
    int kept = errno;
    lc__format(message, sizeof message, format, arguments);
    lc_log_record record = {
        .time = lc_now(),
        .level = level,
        .component = component ? component : lc__log_speaker(),
        .message = message,
        .fields = fields,
        .field_count = fields ? field_count : 0,
        .wall = lc_wall_now(),
    };
    /* A thread that is cancelled in a sink would never leave it. */
    int cancelling;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    struct sink *sink = enter_sink();
    sink->calls->write(&record, sink->calls->arg);
    leave_sink(sink);
    pthread_setcancelstate(cancelling, NULL);
    errno = kept;
}

void lc_log(lc_log_level level, const char *component, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc__log_list(level, component, NULL, 0, format, arguments);
    va_end(arguments);
}

void lc_log_fields(lc_log_level level, const char *component, const lc_log_field *fields,
                   size_t field_count, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc__log_list(level, component, fields, field_count, format, arguments);
    va_end(arguments);
}

int lc__refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    lc__log_list(LC_LOG_ERROR, NULL, NULL, 0, format, arguments);
    va_end(arguments);
    return -EINVAL;
}
