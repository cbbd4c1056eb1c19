/*
 * log.c: see <lifecycle/log.h>.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/memory.h"
#include "base/standard.h"
#include "base/system.h"
#include "base/task.h"

#define LIBBSD_NETBSD_VIS /* else the header warns of a function that is not used here */
#include <bsd/vis.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

/* ---- a line in the making: text beyond the limit is dropped, and the line says so ---- */

struct line {
    char text[LC_LOG_LINE_MAX];
    size_t used;
    bool cut;
};

/* Room kept for "...\n" and the terminator that snprintf and vis write. */
#define LINE_ROOM (LC_LOG_LINE_MAX - 8)

static void add_char(struct line *line, char c)
{
    if (line->used < LINE_ROOM)
        line->text[line->used++] = c;
    else
        line->cut = true;
}

static void add_plain(struct line *line, const char *text)
{
    while (*text)
        add_char(line, *text++);
}

/* Escapes what could forge or break a line; bytes above 127 are left alone, they may be UTF-8. */
static void add_escaped(struct line *line, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= ' ' && c != 0x7f && c != '\\') {
            add_char(line, *text);
            continue;
        }
        char escaped[8] = "?"; /* stays if nvis finds no memory */
        nvis(escaped, sizeof escaped, c, VIS_CSTYLE | VIS_NL | VIS_TAB, text[1]);
        add_plain(line, escaped);
    }
}

static void add_value(struct line *line, const char *value)
{
    bool quoted = *value == '\0' || strpbrk(value, " =\"");
    if (quoted)
        add_char(line, '"');
    for (; *value; value++) {
        char one[2] = {*value, '\0'};
        if (*value == '"')
            add_char(line, '\\');
        add_escaped(line, one);
    }
    if (quoted)
        add_char(line, '"');
}

/* ---- the default sink: stderr ---- */

static const char *level_name(lc_log_level level)
{
    switch (level) {
    case LC_LOG_CRITICAL:
        return "critical";
    case LC_LOG_ERROR:
        return "error";
    case LC_LOG_WARNING:
        return "warning";
    case LC_LOG_NOTICE:
        return "notice";
    case LC_LOG_INFO:
        return "info";
    case LC_LOG_DEBUG:
        break;
    }
    return "debug";
}

static bool stderr_is_journal;
static pthread_once_t journal_once = PTHREAD_ONCE_INIT;

/*
 * systemd tells in JOURNAL_STREAM which device and inode its stream has: stderr may since be
 * another.
 */
static void look_for_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat found;
    stderr_is_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                        fstat(STDERR_FILENO, &found) == 0 && found.st_dev == device &&
                        found.st_ino == inode;
}

static void add_time(struct line *line, int64_t time)
{
    char text[64];
    if (lc__clock_current() != &lc__clock_real) {
        snprintf(text, sizeof text, "+%lld.%09llds", (long long)(time / LC_SECOND),
                 (long long)(time % LC_SECOND));
    } else {
        struct timespec wall;
        struct tm parts;
        clock_gettime(CLOCK_REALTIME, &wall);
        gmtime_r(&wall.tv_sec, &parts);
        size_t used = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(text + used, sizeof text - used, ".%06ldZ", wall.tv_nsec / 1000);
    }
    add_plain(line, text);
}

static void write_stderr(void *arg, const lc_log_record *record)
{
    (void)arg;
    pthread_once(&journal_once, look_for_journal);
    struct line line;
    line.used = 0;
    line.cut = false;
    if (stderr_is_journal) {
        char priority[] = {'<', (char)('0' + record->level), '>', '\0'};
        add_plain(&line, priority);
    } else {
        add_time(&line, record->time);
        add_char(&line, ' ');
        add_plain(&line, level_name(record->level));
        add_char(&line, ' ');
    }
    if (*record->component) {
        add_escaped(&line, record->component);
        add_plain(&line, ": ");
    }
    add_escaped(&line, record->message);
    for (size_t i = 0; i < record->field_count; i++) {
        add_char(&line, ' ');
        add_escaped(&line, record->fields[i].key);
        add_char(&line, '=');
        add_value(&line, record->fields[i].value ? record->fields[i].value : "-");
    }
    if (line.cut) {
        memcpy(line.text + line.used, "...", 3);
        line.used += 3;
    }
    line.text[line.used++] = '\n';
    if (lc__standard_error_is_there())
        lc__write_all(STDERR_FILENO, line.text, line.used);
}

/* ---- the sink in force ---- */

/* Counted, so that it is called without the lock and released only when nobody is in it. */
struct sink {
    lc_log_sink calls;
    unsigned users; /* under sink_lock: 1 while in force, and 1 for each thread that is in it */
};

/* Never freed: one user more than there are. */
static struct sink standard = {{write_stderr, NULL, NULL, NULL}, 2};
static struct sink *current = &standard; /* under sink_lock */
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int threshold = LC_LOG_INFO; /* orders nothing */

/*
 * In a forked child the lock may be held for ever by a thread that is not there: it logs to stderr.
 */
static struct sink *enter_sink(void)
{
    if (lc__forked())
        return &standard;
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
    if (sink->calls.release)
        sink->calls.release(sink->calls.arg);
    lc__free(sink);
}

int lc_log_set_sink(const lc_log_sink *calls)
{
    struct sink *next = &standard;
    if (calls) {
        if (!calls->write)
            return -EINVAL;
        next = lc__allocate(sizeof *next);
        if (!next)
            return -ENOMEM;
        next->calls = *calls;
    }
    pthread_mutex_lock(&sink_lock);
    struct sink *old = current;
    if (old != next)
        next->users++;
    current = next;
    pthread_mutex_unlock(&sink_lock);
    if (old != next)
        leave_sink(old);
    return 0;
}

void lc_log_set_level(lc_log_level level)
{
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

void lc_log_flush(void)
{
    struct sink *sink = enter_sink();
    if (sink->calls.flush)
        sink->calls.flush(sink->calls.arg);
    leave_sink(sink);
}

LC_PRINTF(5, 0)
static void log_record(lc_log_level level, const char *component, const lc_log_field *fields,
                       size_t field_count, const char *format, va_list arguments)
{
    if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
        return;
    char message[LC_LOG_LINE_MAX];
    int kept = errno;
    vsnprintf(message, sizeof message, format, arguments);
    lc_log_record record = {
        .time = lc_now(),
        .level = level,
        .component = component ? component : lc__log_speaker(),
        .message = message,
        .fields = fields,
        .field_count = fields ? field_count : 0,
    };
    /* A thread that is cancelled in a sink would never leave it. */
    int cancelling;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    struct sink *sink = enter_sink();
    sink->calls.write(sink->calls.arg, &record);
    leave_sink(sink);
    pthread_setcancelstate(cancelling, NULL);
    errno = kept;
}

void lc_log(lc_log_level level, const char *component, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_record(level, component, NULL, 0, format, arguments);
    va_end(arguments);
}

void lc_log_fields(lc_log_level level, const char *component, const lc_log_field *fields,
                   size_t field_count, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_record(level, component, fields, field_count, format, arguments);
    va_end(arguments);
}
