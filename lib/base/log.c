/*
 * log.c: see <lifecycle/log.h>.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/format.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/task.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
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
    char *text; /* of the size that line_begin was given */
    size_t room;
    size_t used;
    bool cut;
};

static struct line line_begin(char *text, size_t size)
{
    return (struct line){.text = text, .room = size - (sizeof "...\n" - 1)};
}

static void line_end(struct line *line)
{
    static const char dots[] = {'.', '.', '.', '\n'};
    size_t from = line->cut ? 0 : sizeof dots - 1;
    memcpy(line->text + line->used, dots + from, sizeof dots - from);
    line->used += sizeof dots - from;
}

/* Adds all of it or nothing, so that no character is cut; and then nothing more. */
static void add_bytes(struct line *line, const char *bytes, size_t size)
{
    line->cut = line->cut || size > line->room - line->used;
    if (line->cut)
        return;
    memcpy(line->text + line->used, bytes, size);
    line->used += size;
}

static void add_char(struct line *line, char c)
{
    add_bytes(line, &c, 1);
}

static void add_plain(struct line *line, const char *text)
{
    add_bytes(line, text, strlen(text));
}

/* @return what stands for a character that has a short escape; or 0. */
static char short_escape(uint32_t character, bool quoted)
{
    switch (character) {
    case '\n':
        return 'n';
    case '\t':
        return 't';
    case '\r':
        return 'r';
    case '\\':
        return '\\';
    case '"':
        return quoted ? '"' : '\0';
    default:
        return '\0';
    }
}

static void add_escape(struct line *line, char letter, int digits, unsigned value)
{
    char escape[8] = {'\\', letter};
    for (int i = 0; i < digits; i++)
        escape[2 + i] = "0123456789abcdef"[value >> 4 * (digits - 1 - i) & 0xf];
    add_bytes(line, escape, 2 + (size_t)digits);
}

/* Escapes what could forge or break a line, or acts on a terminal. */
static void add_escaped(struct line *line, const char *text, bool quoted)
{
    uint32_t character;
    for (size_t length; *text; text += length) {
        length = lc__text_decode(text, &character);
        char letter = short_escape(character, quoted);
        if (letter)
            add_escape(line, letter, 0, 0);
        else if (lc__text_acts(character))
            add_escape(line, 'u', 4, character);
        else if (length == 1 && character == LC__TEXT_REPLACEMENT)
            add_escape(line, 'x', 2, (unsigned char)*text);
        else
            add_bytes(line, text, length);
    }
}

static void add_text(struct line *line, const char *text, bool quoted)
{
    if (quoted)
        add_char(line, '"');
    add_escaped(line, text, quoted);
    if (quoted)
        add_char(line, '"');
}

/* In the component and the message an equals sign is quoted, so that they fake no field. */
static void add_words(struct line *line, const char *text)
{
    add_text(line, text, *text == '"' || strchr(text, '='));
}

static void add_word(struct line *line, const char *text)
{
    add_text(line, text, *text == '\0' || strpbrk(text, " =\""));
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
    const char *stream = secure_getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat found;
    stderr_is_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                        fstat(STDERR_FILENO, &found) == 0 && found.st_dev == device &&
                        found.st_ino == inode;
}

static bool is_leap_year(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/*
 * gmtime_r and strftime take a lock of libc: after a fork it may be held for ever by a thread that
 * the child does not have.
 */
static void add_date(struct line *line, int64_t day)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    char text[32];
    int year = 1970, month = 0;
    for (; day >= 365 + is_leap_year(year); year++)
        day -= 365 + is_leap_year(year);
    for (; day >= month_days[month] + (month == 1 && is_leap_year(year)); month++)
        day -= month_days[month] + (month == 1 && is_leap_year(year));
    snprintf(text, sizeof text, "%04d-%02d-%02d", year, month + 1, (int)day + 1);
    add_plain(line, text);
}

static void add_wall_time(struct line *line)
{
    char text[32];
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    int second = (int)(wall.tv_sec % 86400);
    add_date(line, wall.tv_sec / 86400);
    snprintf(text, sizeof text, "T%02d:%02d:%02d.%06ldZ", second / 3600, second / 60 % 60,
             second % 60, wall.tv_nsec / 1000);
    add_plain(line, text);
}

static void add_time(struct line *line, int64_t time)
{
    char text[64];
    if (lc__clock_current() == &lc__clock_real) {
        add_wall_time(line);
        return;
    }
    snprintf(text, sizeof text, "+%lld.%09llds", (long long)(time / LC_SECOND),
             (long long)(time % LC_SECOND));
    add_plain(line, text);
}

static void add_head(struct line *line, lc_log_level level, int64_t time)
{
    pthread_once(&journal_once, look_for_journal);
    if (stderr_is_journal) {
        char priority[] = {'<', (char)('0' + level), '>', '\0'};
        add_plain(line, priority);
        return;
    }
    add_time(line, time);
    add_char(line, ' ');
    add_plain(line, level_name(level));
    add_char(line, ' ');
}

/* Lines that were not put out, and of which the log does not say so yet. Orders nothing. */
static atomic_uint_least64_t lost;

/*
 * Logs how many lines were lost. Further lines may be lost meanwhile, and another thread may log
 * their number: each is counted once. @return 0: all are logged; or why the line was not put out.
 */
static int tell_lost(void)
{
    char text[192];
    struct line line = line_begin(text, sizeof text);
    uint64_t count = atomic_exchange_explicit(&lost, 0, memory_order_relaxed);
    if (count == 0)
        return lc__output_put_rest();
    add_head(&line, LC_LOG_WARNING, lc_now());
    snprintf(text + line.used, sizeof text - line.used,
             "log: %" PRIu64 " lines are lost: standard error did not take them", count);
    line.used = strlen(text);
    line_end(&line);
    int result = lc__output_put(line.text, line.used);
    if (result < 0)
        atomic_fetch_add_explicit(&lost, count, memory_order_relaxed);
    return result;
}

static void write_standard(void *arg, const lc_log_record *record)
{
    (void)arg;
    char text[LC_LOG_LINE_MAX];
    struct line line = line_begin(text, sizeof text);
    add_head(&line, record->level, record->time);
    if (*record->component) {
        add_words(&line, record->component);
        add_plain(&line, ": ");
    }
    add_words(&line, record->message);
    for (size_t i = 0; i < record->field_count; i++) {
        const lc_log_field *field = &record->fields[i];
        add_char(&line, ' ');
        add_word(&line, field->key ? field->key : "-");
        add_char(&line, '=');
        add_word(&line, field->value ? field->value : "-");
    }
    line_end(&line);
    bool all_told = atomic_load_explicit(&lost, memory_order_relaxed) == 0 || tell_lost() == 0;
    if (!all_told || lc__output_put(line.text, line.used) < 0)
        atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
}

/* A reader that is slow gets a second, and no more: the process is about to end. */
static void flush_standard(void *arg)
{
    (void)arg;
    int64_t now = lc__clock_real.now(&lc__clock_real);
    int64_t deadline = now + LC_SECOND;
    while (tell_lost() == -EAGAIN && now < deadline) {
        lc__output_await(deadline);
        now = lc__clock_real.now(&lc__clock_real);
    }
}

/* ---- the sink in force ---- */

/* Counted, so that it is called without the lock, and released only when no thread is in it. */
struct sink {
    lc_log_sink calls;
    unsigned users; /* under sink_lock: 1 while in force, and 1 for each thread that is in it */
};

/* Never freed: one user more than there are. */
static struct sink standard = {{write_standard, flush_standard, NULL, NULL}, 2};
static struct sink *current = &standard; /* under sink_lock */
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
    atomic_store_explicit(&lost, 0, memory_order_relaxed);
    pthread_mutex_unlock(&sink_lock);
}

static void watch_log_forks(void)
{
    pthread_atfork(lock_sink, unlock_sink, unlock_sink_in_child);
}

/*
 * In a child forked when the library had threads the user's sink may wait for one of them: it logs
 * to stderr.
 */
static struct sink *enter_sink(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (lc__forked())
        return &standard;
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
    if (sink->calls.release)
        sink->calls.release(sink->calls.arg);
    lc__free(sink);
    pthread_setcancelstate(cancelling, NULL);
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

static bool is_level(lc_log_level level)
{
    return level >= LC_LOG_CRITICAL && level <= LC_LOG_DEBUG;
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

void lc_log_flush(void)
{
    int cancelling; /* as in a write */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    struct sink *sink = enter_sink();
    if (sink->calls.flush)
        sink->calls.flush(sink->calls.arg);
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
