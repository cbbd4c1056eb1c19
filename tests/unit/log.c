/*
 * log.c: the log: levels, sinks, and what the default sink writes.
 */
#include "base/log_repeated.h"
#include "support/check.h"
#include "support/mode.h"
#include "support/race.h"

#include <lifecycle.h>

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- sinks ---- */

struct sink {
    unsigned writes, flushes;
    atomic_uint releases;
    lc_log_level level;
    char component[32];
    char message[64];
    char fields[64];
    int64_t time;
};

static void sink_write(const lc_log_record *record, void *arg)
{
    struct sink *sink = arg;
    sink->writes++;
    sink->level = record->level;
    sink->time = record->time;
    snprintf(sink->component, sizeof sink->component, "%s", record->component);
    snprintf(sink->message, sizeof sink->message, "%s", record->message);
    sink->fields[0] = '\0';
    for (size_t i = 0; i < record->field_count; i++) {
        size_t used = strlen(sink->fields);
        snprintf(sink->fields + used, sizeof sink->fields - used, "%s=%s;", record->fields[i].key,
                 record->fields[i].value ? record->fields[i].value : "(null)");
    }
}

static void sink_flush(void *arg)
{
    ((struct sink *)arg)->flushes++;
}

static void sink_release(void *arg)
{
    atomic_fetch_add(&((struct sink *)arg)->releases, 1);
}

static void use(struct sink *sink)
{
    *sink = (struct sink){0};
    CU_ASSERT_EQUAL(lc_log_set_sink(LC_LOG_SINK(.write = sink_write, .flush = sink_flush,
                                                .release = sink_release, .arg = sink)),
                    0);
}

static void sink_gets_the_record(void)
{
    struct sink sink;
    use(&sink);
    int64_t before = lc_now();
    lc_log_field fields[] = {lc_field_text("path", "/tmp/x y"), lc_field_text("lines", NULL)};
    lc_log_fields(LC_LOG_WARNING, "store", fields, 2, "opened %d\n", 3);
    CU_ASSERT_EQUAL(sink.writes, 1);
    CU_ASSERT_EQUAL(sink.level, LC_LOG_WARNING);
    CU_ASSERT_STRING_EQUAL(sink.component, "store");
    CU_ASSERT_EQUAL(strncmp(sink.message, "opened 3", 8), 0);
    CU_ASSERT_STRING_EQUAL(sink.fields, "path=/tmp/x y;lines=(null);");
    CU_ASSERT_TRUE(sink.time >= before && sink.time <= lc_now());
    lc_log(LC_LOG_INFO, NULL, "without a component");
    CU_ASSERT_STRING_EQUAL(sink.component, "");
    CU_ASSERT_STRING_EQUAL(sink.fields, "");
    lc_log_set_sink(NULL);
}

static void sink_is_released_once(void)
{
    struct sink first, second;
    use(&first);
    CU_ASSERT_EQUAL(first.releases, 0);
    use(&second);
    CU_ASSERT_EQUAL(first.releases, 1);
    lc_log(LC_LOG_INFO, "test", "to the second");
    CU_ASSERT_EQUAL(first.writes, 0);
    CU_ASSERT_EQUAL(second.writes, 1);
    lc_log_set_sink(NULL);
    CU_ASSERT_EQUAL(first.releases, 1);
    CU_ASSERT_EQUAL(second.releases, 1);
}

/* The old one stays, and is told why. */
static void check_sink_refused(const lc_log_sink *calls, const char *said)
{
    struct sink sink;
    use(&sink);
    CU_ASSERT_EQUAL(lc_log_set_sink(calls), -EINVAL);
    CU_ASSERT_EQUAL(sink.writes, 1);
    CU_ASSERT_EQUAL(sink.level, LC_LOG_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(sink.message, said));
    lc_log(LC_LOG_INFO, "test", "the old one stays");
    CU_ASSERT_EQUAL(sink.writes, 2);
    CU_ASSERT_EQUAL(sink.releases, 0);
    lc_log_set_sink(NULL);
}

static void wrong_sinks_are_refused(void)
{
    const lc_log_sink unsized = {.write = sink_write};
    struct {
        lc_log_sink known;
        uintptr_t later;
    } const newer = {{.size = sizeof newer, .write = sink_write}, 1};
    check_sink_refused(LC_LOG_SINK(.flush = sink_flush, .release = sink_release),
                       "lc_log_set_sink: write is missing");
    check_sink_refused(&unsized, "lc_log_set_sink: size of lc_log_sink is 0");
    check_sink_refused(&newer.known, "lc_log_set_sink: lc_log_sink has 48 bytes");
}

static void flush_reaches_the_sink(void)
{
    struct sink sink;
    use(&sink);
    lc_log_flush();
    CU_ASSERT_EQUAL(sink.flushes, 1);
    lc_log_set_sink(NULL);
    lc_log_flush(); /* the default has nothing to flush, and is asked nothing */
    CU_ASSERT_EQUAL(sink.flushes, 1);
}

static void flush_and_test_cancel(void *arg)
{
    sink_flush(arg);
    pthread_testcancel();
}

static void *cancel_and_flush(void *unused)
{
    pthread_cancel(pthread_self());
    lc_log_flush();
    pthread_testcancel();
    return unused;
}

/* As a write: the thread leaves the sink, which can then be released. */
static void flush_is_not_cancelled(void)
{
    struct sink sink = {.writes = 0};
    const lc_log_sink calls = {.size = sizeof(lc_log_sink),
                               .write = sink_write,
                               .flush = flush_and_test_cancel,
                               .release = sink_release,
                               .arg = &sink};
    pthread_t thread;
    void *result;
    CU_ASSERT_EQUAL(lc_log_set_sink(&calls), 0);
    CU_ASSERT_EQUAL(pthread_create(&thread, NULL, cancel_and_flush, NULL), 0);
    CU_ASSERT_EQUAL(pthread_join(thread, &result), 0);
    CU_ASSERT_PTR_EQUAL(result, PTHREAD_CANCELED);
    CU_ASSERT_EQUAL(sink.flushes, 1);
    CU_ASSERT_EQUAL(lc_log_set_sink(NULL), 0);
    CU_ASSERT_EQUAL(atomic_load(&sink.releases), 1);
}

static void release_and_test_cancel(void *arg)
{
    pthread_testcancel();
    sink_release(arg);
}

static void *cancel_and_replace(void *unused)
{
    pthread_cancel(pthread_self());
    CU_ASSERT_EQUAL(lc_log_set_sink(NULL), 0);
    pthread_testcancel();
    return unused;
}

static void release_is_not_cancelled(void)
{
    struct sink sink = {.writes = 0};
    const lc_log_sink calls = {.size = sizeof(lc_log_sink),
                               .write = sink_write,
                               .flush = sink_flush,
                               .release = release_and_test_cancel,
                               .arg = &sink};
    pthread_t thread;
    CU_ASSERT_EQUAL(lc_log_set_sink(&calls), 0);
    CU_ASSERT_EQUAL(pthread_create(&thread, NULL, cancel_and_replace, NULL), 0);
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
    CU_ASSERT_EQUAL(atomic_load(&sink.releases), 1);
}

static void level_drops_what_matters_less(void)
{
    struct sink sink;
    use(&sink);
    lc_log(LC_LOG_DEBUG, "test", "dropped by default");
    CU_ASSERT_EQUAL(sink.writes, 0);
    lc_log_set_level(LC_LOG_ERROR);
    lc_log(LC_LOG_WARNING, "test", "dropped");
    CU_ASSERT_EQUAL(sink.writes, 0);
    lc_log(LC_LOG_ERROR, "test", "kept");
    lc_log(LC_LOG_CRITICAL, "test", "kept");
    CU_ASSERT_EQUAL(sink.writes, 2);
    lc_log_set_level(LC_LOG_DEBUG);
    lc_log(LC_LOG_DEBUG, "test", "kept");
    CU_ASSERT_EQUAL(sink.writes, 3);
    lc_log_set_level(LC_LOG_INFO);
    lc_log_set_sink(NULL);
}

static void level_is_read_back(void)
{
    CU_ASSERT_EQUAL(lc_log_read_level(), LC_LOG_INFO);
    lc_log_set_level((lc_log_level)(lc_log_read_level() + 1));
    CU_ASSERT_EQUAL(lc_log_read_level(), LC_LOG_DEBUG);
    check_log_capture();
    lc_log_set_level((lc_log_level)(lc_log_read_level() + 1));
    CU_ASSERT_TRUE(check_log_has("the level is 8"));
    check_log_release();
    CU_ASSERT_EQUAL(lc_log_read_level(), LC_LOG_DEBUG);
    lc_log_set_level(LC_LOG_INFO);
}

static void levels_have_names(void)
{
    lc_log_level level = LC_LOG_INFO;
    for (int i = -1; i < 10; i++) {
        const char *name = lc_log_level_name((lc_log_level)i);
        bool is_one = i >= LC_LOG_CRITICAL && i <= LC_LOG_DEBUG;
        CU_ASSERT_EQUAL(name != NULL, is_one);
        CU_ASSERT_EQUAL(lc_log_level_parse(name, &level), is_one ? 0 : -EINVAL);
        CU_ASSERT_EQUAL((int)level, is_one ? i : i < 2 ? LC_LOG_INFO : LC_LOG_DEBUG);
    }
    CU_ASSERT_STRING_EQUAL(lc_log_level_name(LC_LOG_WARNING), "warning");
    CU_ASSERT_EQUAL(lc_log_level_parse("Warning", &level), -EINVAL);
    CU_ASSERT_EQUAL(lc_log_level_parse("", &level), -EINVAL);
    CU_ASSERT_EQUAL(lc_log_level_parse("error", NULL), -EINVAL);
    CU_ASSERT_EQUAL(level, LC_LOG_DEBUG);
}

static void errno_is_kept(void)
{
    struct sink sink;
    use(&sink);
    errno = EXDEV;
    lc_log(LC_LOG_INFO, "test", "%s", "text");
    CU_ASSERT_EQUAL(errno, EXDEV);
    lc_log_set_sink(NULL);
}

/* A sink may log, and replace itself: no lock is held. */
static void sink_writes_again(const lc_log_record *record, void *arg)
{
    struct sink *sink = arg;
    if (sink->writes++ == 0) {
        lc_log(LC_LOG_INFO, "sink", "again: %s", record->message);
        lc_log_set_sink(NULL);
        CU_ASSERT_EQUAL(sink->releases, 0); /* this thread is still in it */
    }
}

static void sink_is_called_without_a_lock(void)
{
    struct sink sink = {0};
    lc_log_set_sink(LC_LOG_SINK(.write = sink_writes_again, .release = sink_release, .arg = &sink));
    lc_log(LC_LOG_INFO, "test", "first");
    CU_ASSERT_EQUAL(sink.writes, 2);
    CU_ASSERT_EQUAL(sink.releases, 1);
}

static lc_error *log_as_worker(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)arg;
    lc_ready_signal(ready);
    lc_log(LC_LOG_INFO, NULL, "hello");
    return NULL;
}

static void worker_speaks_by_its_name(void)
{
    struct sink sink;
    lc_manager *manager = NULL;
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = lc_context_with_signaler(NULL, signaler);
    lc_manager_builder *builder = lc_manager_builder_new("speaking");
    lc_manager_builder_add(builder, LC_WORKER(.name = "talker", .run = log_as_worker));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    use(&sink);
    CHECK_SUCCESS(lc_manager_start(manager, context));
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_STRING_EQUAL(sink.component, "talker");
    lc_log_set_sink(NULL);
    lc_manager_unref(manager);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
}

/* Replaced while others write: none is called after its release. */
struct guarded_sink {
    atomic_bool released;
    atomic_uint *wrong;
};

static void guarded_write(const lc_log_record *record, void *arg)
{
    (void)record;
    struct guarded_sink *sink = arg;
    if (atomic_load(&sink->released))
        atomic_fetch_add(sink->wrong, 1);
}

static void guarded_release(void *arg)
{
    struct guarded_sink *sink = arg;
    if (atomic_exchange(&sink->released, true))
        atomic_fetch_add(sink->wrong, 1);
}

struct replacing {
    struct guarded_sink sink;
    atomic_uint wrong;
};

static void replace_sink(void *arg)
{
    (void)arg;
    lc_log_set_sink(NULL);
}

static void prepare_sink(void *arg)
{
    struct replacing *replacing = arg;
    struct guarded_sink *sink = &replacing->sink;
    atomic_store(&sink->released, false);
    sink->wrong = &replacing->wrong;
    lc_log_set_sink(LC_LOG_SINK(.write = guarded_write, .release = guarded_release, .arg = sink));
}

static void write_record(void *arg)
{
    (void)arg;
    lc_log(LC_LOG_INFO, "race", "to the sink, or to stderr if it is gone already");
}

static bool judge_sink(void *arg)
{
    struct replacing *replacing = arg;
    return atomic_load(&replacing->wrong) == 0 && atomic_load(&replacing->sink.released);
}

CHECK_CHILD(log_sink_replaced)
{
    struct replacing replacing = {.wrong = 0};
    struct race race = {prepare_sink, replace_sink, write_record, judge_sink};
    if (!freopen("/dev/null", "w", stderr))
        return 1;
    return race_run(&race, &replacing, check_fewer(10000)) == 0 ? 0 : 2;
}

static void sink_is_not_called_after_release(void)
{
    CU_ASSERT_EQUAL(check_child("log_sink_replaced").status, 0);
}

/* ---- lines that come in a storm ---- */

/* A thousand a second, for a minute. */
static lc_error *storm(void *arg)
{
    static struct lc__log_repeated repeated;
    (void)arg;
    repeated = (struct lc__log_repeated){0};
    check_log_capture();
    for (int i = 0; i < 10; i++)
        lc__log_repeated(&repeated, LC_LOG_ERROR, "node", NULL, "failed for the %d. time", i);
    CU_ASSERT_EQUAL(check_log_count("failed for the"), 10);
    CU_ASSERT_FALSE(check_log_has("left_out"));
    for (int i = 10; i < 60000; i++) {
        lc__log_repeated(&repeated, LC_LOG_ERROR, "node", NULL, "failed for the %d. time", i);
        lc_sleep(LC_MILLISECOND);
    }
    CU_ASSERT_EQUAL(check_log_count("failed for the"), 60);
    CU_ASSERT_EQUAL(check_log_count("left_out"), 5); /* one in each ten seconds but the first */
    lc__log_repeated_end(&repeated, LC_LOG_ERROR, "node");
    CU_ASSERT_EQUAL(check_log_count("more such lines were left out"), 1);
    lc__log_repeated_end(&repeated, LC_LOG_ERROR, "node");
    CU_ASSERT_EQUAL(check_log_count("more such lines were left out"), 1);
    lc__log_repeated(&repeated, LC_LOG_ERROR, "node", NULL, "failed again");
    CU_ASSERT_EQUAL(check_log_count("failed again"), 1);
    check_log_release();
    return NULL;
}

static void a_storm_is_counted(void)
{
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &world));
    CHECK_SUCCESS(lc_executor_run(world, storm, NULL));
    lc_executor_free(world);
}

/* Logged and left out are together all there were; two subjects do not disturb each other. */
static void each_line_of_a_storm_is_accounted_for(void)
{
    struct lc__log_repeated one = {0}, other = {0};
    uint64_t random = check_seed(), logged = 0, told = 0, left_out = 0, all = 0;
    int64_t now = 0;
    for (int i = 0; i < 10000; i++, all++) {
        now += (int64_t)(check_random(&random) % (4 * LC_SECOND));
        for (uint64_t burst = check_random(&random) % 20; burst > 0; burst--, all++)
            if (lc__log_repeated_admits(&one, now, &left_out)) {
                logged++;
                told += left_out;
            }
        if (lc__log_repeated_admits(&one, now, &left_out)) {
            logged++;
            told += left_out;
        }
    }
    CU_ASSERT_EQUAL(logged + told + one.left_out, all);
    CU_ASSERT_TRUE(logged < all / 2);
    CU_ASSERT_TRUE(lc__log_repeated_admits(&other, now, &left_out) && left_out == 0);
}

/* What is looked ahead at is counted as it would be otherwise. */
static void a_look_ahead_counts_what_is_left_out(void)
{
    struct lc__log_repeated lines = {0};
    uint64_t left_out = 0;
    for (int i = 0; i < 10; i++) {
        CU_ASSERT_FALSE(lc__log_repeated_is_left_out(&lines, LC_LOG_ERROR, LC_SECOND));
        CU_ASSERT_TRUE(lc__log_repeated_admits(&lines, LC_SECOND, &left_out));
    }
    CU_ASSERT_TRUE(lc__log_repeated_is_left_out(&lines, LC_LOG_ERROR, LC_SECOND));
    CU_ASSERT_EQUAL(lines.left_out, 1);
    CU_ASSERT_TRUE(lc__log_repeated_is_left_out(&lines, LC_LOG_DEBUG, 20 * LC_SECOND)); /* off */
    CU_ASSERT_FALSE(lc__log_repeated_is_left_out(&lines, LC_LOG_ERROR, 20 * LC_SECOND));
    CU_ASSERT_TRUE(lc__log_repeated_admits(&lines, 20 * LC_SECOND, &left_out));
    CU_ASSERT_EQUAL(left_out, 1);
}

/* ---- fields ---- */

/* Whole, and cut wherever it may be. */
static bool field_has_text(lc_log_field field, const char *expected)
{
    char text[40];
    size_t length = strlen(expected);
    bool right =
        lc_log_field_copy_text(&field, text, sizeof text) == length && strcmp(text, expected) == 0;
    for (size_t size = 0; size <= length; size++) {
        memset(text, '#', sizeof text);
        right &= lc_log_field_copy_text(&field, text, size) == length && text[size] == '#' &&
                 (size == 0 || (strncmp(text, expected, size - 1) == 0 && !text[size - 1]));
    }
    return right;
}

static void check_field_text(lc_log_field field, const char *expected)
{
    CU_ASSERT_TRUE(field_has_text(field, expected));
}

static void fields_have_texts(void)
{
    check_field_text(lc_field_text("k", "any \n text"), "any \n text");
    check_field_text(lc_field_text("k", ""), "");
    check_field_text(lc_field_text("k", NULL), "-");
    check_field_text(lc_field_int("k", 0), "0");
    check_field_text(lc_field_int("k", INT64_MAX), "9223372036854775807");
    check_field_text(lc_field_int("k", INT64_MIN), "-9223372036854775808");
    check_field_text(lc_field_uint("k", UINT64_MAX), "18446744073709551615");
    check_field_text(lc_field_duration("k", 0), "0s");
    check_field_text(lc_field_duration("k", 1), "0.000000001s");
    check_field_text(lc_field_duration("k", -LC_SECOND / 4), "-0.25s");
    check_field_text(lc_field_duration("k", 100 * LC_SECOND), "100s");
    check_field_text(lc_field_duration("k", LC_FOREVER), "9223372036.854775807s");
    check_field_text(lc_field_duration("k", INT64_MIN), "-9223372036.854775808s");
    check_field_text(lc_field_double("k", 0.1), "0.1");
    check_field_text(lc_field_double("k", 1.0 / 3), "0.33333333333333331");
    check_field_text(lc_field_double("k", -1e300), "-1e+300");
    check_field_text(lc_field_double("k", -DBL_MAX), "-1.7976931348623157e+308");
    check_field_text(lc_field_double("k", -2.5e-7), "-2.5e-07");
    check_field_text(lc_field_double("k", (double)NAN), "nan");
    check_field_text(lc_field_double("k", (double)INFINITY), "inf");
    check_field_text((lc_log_field){.key = "k", .kind = (lc_log_field_kind)99}, "?");
}

/* Makes the locale, so that the test hangs on no setting of the machine. */
CHECK_CHILD(log_in_another_locale)
{
    char path[] = "/tmp/lifecycle-locale-XXXXXX", command[200], text[32];
    if (!mkdtemp(path))
        return 10;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8", path);
    setenv("LOCPATH", path, 1);
    bool made = system(command) == 0 && setlocale(LC_ALL, "de_DE.UTF-8");
    snprintf(command, sizeof command, "rm -r %s", path);
    int removed = system(command);
    snprintf(text, sizeof text, "%.1f", 2.5);
    if (!made || removed != 0 || strcmp(text, "2,5") != 0)
        return 11;
    bool right = field_has_text(lc_field_double("k", 2.5), "2.5") &&
                 field_has_text(lc_field_double("k", 1.0 / 3), "0.33333333333333331") &&
                 field_has_text(lc_field_double("k", 1e300), "1e+300") &&
                 field_has_text(lc_field_duration("k", 2500 * LC_MILLISECOND), "2.5s");
    return right ? 0 : 12;
}

static void numbers_are_those_of_no_locale(void)
{
    CU_ASSERT_EQUAL(check_child("log_in_another_locale").status, 0);
}

/* ---- the default sink ---- */

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    if (!found)
        fprintf(stderr, "\nnot /%s/: %s\n", pattern, text);
    return found;
}

static void log_a_plain_record(void)
{
    lc_log_field fields[] = {lc_field_text("path", "/var/lib/ledger/journal"),
                             lc_field_text("lines", "42")};
    lc_log_fields(LC_LOG_INFO, "store", fields, 2, "opened the journal");
}

CHECK_CHILD(log_default)
{
    unsetenv("JOURNAL_STREAM");
    log_a_plain_record();
    return 0;
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z"

static void default_is_a_line_on_stderr(void)
{
    struct check_exit ended = check_child("log_default");
    CU_ASSERT_TRUE(matches(ended.errors, "^" TIME " info store: opened the journal "
                                         "path=/var/lib/ledger/journal lines=42\n$"));
}

static void the_date_is_the_date(void)
{
    char before[16], after[16];
    struct tm parts;
    time_t now = time(NULL);
    strftime(before, sizeof before, "%Y-%m-%dT", gmtime_r(&now, &parts));
    struct check_exit ended = check_child("log_default");
    now = time(NULL);
    strftime(after, sizeof after, "%Y-%m-%dT", gmtime_r(&now, &parts));
    CU_ASSERT_TRUE(strncmp(ended.errors, before, strlen(before)) == 0 ||
                   strncmp(ended.errors, after, strlen(after)) == 0);
}

CHECK_CHILD(log_levels)
{
    unsetenv("JOURNAL_STREAM");
    lc_log_set_level(LC_LOG_DEBUG);
    for (lc_log_level level = LC_LOG_CRITICAL; level <= LC_LOG_DEBUG; level++)
        lc_log(level, "x", "y");
    lc_log(LC_LOG_INFO, NULL, "nothing");
    return 0;
}

static void default_names_the_level(void)
{
    struct check_exit ended = check_child("log_levels");
    CU_ASSERT_TRUE(matches(ended.errors,
                           "^" TIME " critical x: y\n" TIME " error x: y\n" TIME
                           " warning x: y\n" TIME " notice x: y\n" TIME " info x: y\n" TIME
                           " debug x: y\n" TIME " info nothing\n$"));
}

CHECK_CHILD(log_control_characters)
{
    unsetenv("JOURNAL_STREAM");
    lc_log_field field = lc_field_text("evil\nkey", "value\nforged");
    lc_log_fields(LC_LOG_INFO, "com\nponent", &field, 1, "a\nb\tc\x1b[31md\\e\rf\x7fg \xc3\xa9");
    return 0;
}

static void control_characters_are_escaped(void)
{
    struct check_exit ended = check_child("log_control_characters");
    size_t length = strlen(ended.errors);
    CU_ASSERT_TRUE(length > 0 && strchr(ended.errors, '\n') == ended.errors + length - 1);
    for (size_t i = 0; i + 1 < length; i++)
        CU_ASSERT_TRUE((unsigned char)ended.errors[i] >= ' ' && ended.errors[i] != 0x7f);
    CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors, "a\\nb\\tc\\"));
    CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors, "d\\\\e\\rf"));
    CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors, "value\\nforged"));
    CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors, "\xc3\xa9")); /* UTF-8 stays readable */
}

/* What acts on a terminal, or turns the direction of what is around it, and is no C0 control. */
#define ACTS                                                                                       \
    "\xc2\x85\xc2\x9b\x33\x31m\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8"    \
    "\x9c"
#define ACTS_ESCAPED "\\u0085\\u009b31m\\u2028\\u2029\\u202e\\u2066\\u200f\\u061c"

/* NOLINTBEGIN(misc-misleading-bidirectional): that is what the test is about */
CHECK_CHILD(log_acting_characters)
{
    unsetenv("JOURNAL_STREAM");
    lc_log_field field = lc_field_text("k" ACTS, "v" ACTS "\x9b\x85\xff");
    lc_log_fields(LC_LOG_INFO, "c" ACTS, &field, 1, "m" ACTS "\x9b\x85 \xe2\x82\xac \xe2\x82 end");
    return 0;
}

/* NOLINTEND(misc-misleading-bidirectional) */

static void acting_characters_are_escaped(void)
{
    struct check_exit ended = check_child("log_acting_characters");
    CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors,
                                  " info c" ACTS_ESCAPED ": m" ACTS_ESCAPED
                                  "\\x9b\\x85 \xe2\x82\xac \\xe2\\x82 end "
                                  "k" ACTS_ESCAPED "=v" ACTS_ESCAPED "\\x9b\\x85\\xff\n"));
}

CHECK_CHILD(log_faked_fields)
{
    unsetenv("JOURNAL_STREAM");
    lc_log_field fields[] = {lc_field_text("user", "x y\" admin=\"yes"),
                             lc_field_text("a b=c", "1"), lc_field_text("", ""),
                             lc_field_text(NULL, NULL)};
    lc_log(LC_LOG_INFO, "x", "login user=root \"quoted\" \\");
    lc_log(LC_LOG_INFO, "x", "\"login\"");
    lc_log(LC_LOG_INFO, "x", "an \"ordinary\" text");
    lc_log(LC_LOG_INFO, "user=root", "y");
    lc_log_fields(LC_LOG_INFO, "x", fields, 4, "login");
    return 0;
}

static void fields_are_not_faked(void)
{
    struct check_exit ended = check_child("log_faked_fields");
    static const char with_fields[] = " info x: login user=\"x y\\\" admin=\\\"yes\" "
                                      "\"a b=c\"=1 \"\"=\"\" -=-\n";
    const char *const lines[] = {" info x: \"login user=root \\\"quoted\\\" \\\\\"\n",
                                 " info x: \"\\\"login\\\"\"\n", " info x: an \"ordinary\" text\n",
                                 " info \"user=root\": y\n", with_fields};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors, lines[i]));
}

CHECK_CHILD(log_wrong_arguments)
{
    unsetenv("JOURNAL_STREAM");
    lc_log_fields(LC_LOG_INFO, "x", NULL, 3, "no fields");
    lc_log((lc_log_level)0, "x", "level 0");
    lc_log((lc_log_level)99, "x", "level 99");
    lc_log((lc_log_level)-1, "x", "level -1");
    return 0;
}

static void wrong_arguments_do_no_harm(void)
{
    struct check_exit ended = check_child("log_wrong_arguments");
    CU_ASSERT_TRUE(matches(ended.errors,
                           "^" TIME " info x: no fields\n" TIME " error x: level 0\n" TIME
                           " error x: level 99\n" TIME " error x: level -1\n$"));
}

CHECK_CHILD(log_long_line)
{
    unsetenv("JOURNAL_STREAM");
    char *text = malloc(3 * LC_LOG_LINE_MAX);
    memset(text, 'x', 3 * LC_LOG_LINE_MAX);
    text[3 * LC_LOG_LINE_MAX - 1] = '\0';
    lc_log_field field = lc_field_text("long", text);
    lc_log(LC_LOG_INFO, "x", "%s", text);
    lc_log_fields(LC_LOG_INFO, "x", &field, 1, "short");
    free(text);
    return 0;
}

static void long_lines_are_cut(void)
{
    struct check_exit ended = check_child("log_long_line");
    unsigned lines = 0;
    for (char *at = ended.errors, *end; (end = strchr(at, '\n')); at = end + 1) {
        CU_ASSERT_TRUE((size_t)(end - at) < LC_LOG_LINE_MAX);
        CU_ASSERT_TRUE((size_t)(end - at) > LC_LOG_LINE_MAX / 2);
        CU_ASSERT_EQUAL(strncmp(end - 3, "...", 3), 0);
        lines++;
    }
    CU_ASSERT_EQUAL(lines, 2);
}

/* ---- the systemd journal ---- */

static int log_to_journal(unsigned long inode_off_by)
{
    char stream[64];
    struct stat status;
    if (fstat(STDERR_FILENO, &status) != 0)
        return 1;
    snprintf(stream, sizeof stream, "%lu:%lu", (unsigned long)status.st_dev,
             (unsigned long)status.st_ino + inode_off_by);
    setenv("JOURNAL_STREAM", stream, 1);
    log_a_plain_record();
    lc_log(LC_LOG_ERROR, "store", "failed");
    return 0;
}

CHECK_CHILD(log_journal)
{
    return log_to_journal(0);
}

CHECK_CHILD(log_other_journal)
{
    return log_to_journal(1);
}

static void journal_gets_priorities(void)
{
    struct check_exit ended = check_child("log_journal");
    CU_ASSERT_TRUE(matches(ended.errors, "^<6>(info )?store: opened the journal path=[^\n]*\n"
                                         "<3>(error )?store: failed\n$"));
}

static void another_journal_does_not_count(void)
{
    struct check_exit ended = check_child("log_other_journal");
    CU_ASSERT_TRUE(matches(ended.errors, "^" TIME " info store: opened the journal"));
}

/* ---- lines of several threads do not mix ---- */

static void *log_many(void *arg)
{
    for (unsigned i = 0; i < 50; i++)
        lc_log(LC_LOG_INFO, arg, "%s%s%s%s", (char *)arg, (char *)arg, (char *)arg, (char *)arg);
    return NULL;
}

CHECK_CHILD(log_from_threads)
{
    static char names[][9] = {"aaaaaaaa", "bbbbbbbb"};
    pthread_t threads[2];
    unsetenv("JOURNAL_STREAM");
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, log_many, names[i]);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static void lines_do_not_mix(void)
{
    struct check_exit ended = check_child("log_from_threads");
    unsigned lines = 0;
    for (char *at = ended.errors, *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        CU_ASSERT_TRUE(matches(at, "^" TIME " info (a{8}: a{32}|b{8}: b{32})$"));
        lines++;
    }
    CU_ASSERT_EQUAL(lines, 100);
}

/* ---- a reader that does not read ---- */

/* What was read from the other end of standard error. */
struct reader {
    int end;
    size_t used;
    char read[1 << 20];
};

/* Makes `end` what is read of standard error, which becomes `other`. */
static void read_from(struct reader *reader, int end, int other)
{
    memset(reader, 0, sizeof *reader);
    reader->end = end;
    fcntl(end, F_SETFL, O_NONBLOCK);
    dup2(other, STDERR_FILENO);
    close(other);
}

static void drain(struct reader *reader)
{
    ssize_t got;
    while ((got = read(reader->end, reader->read + reader->used,
                       sizeof reader->read - 1 - reader->used)) > 0)
        reader->used += (size_t)got;
}

/* @return how many lines were read, lost ones that were told included; 0: one is not whole. */
static unsigned lines_accounted_for(struct reader *reader, unsigned *told)
{
    unsigned lines = 0;
    for (char *at = reader->read, *end; (end = strchr(at, '\n')); at = end + 1) {
        unsigned long lost = 0;
        *end = '\0';
        char *text = strstr(at, "log: ");
        if (text && sscanf(text, "log: %lu lines are lost", &lost) == 1)
            *told += 1;
        else if (!matches(at, "^" TIME " info test: x{300}\r?$"))
            return 0;
        lines += text ? (unsigned)lost : 1;
    }
    return lines;
}

/*
 * Logs more than anything takes, reads it, and logs one more. @return 0: each line was read or
 * counted as lost.
 */
static int overfill(struct reader *reader)
{
    enum { LINES = 3000 };
    char text[301];
    unsigned told = 0;
    memset(text, 'x', 300);
    text[300] = '\0';
    unsetenv("JOURNAL_STREAM");
    for (unsigned i = 0; i < LINES; i++)
        lc_log(LC_LOG_INFO, "test", "%s", text);
    lc_log_flush(); /* and comes back */
    drain(reader);
    lc_log(LC_LOG_INFO, "test", "%s", text);
    drain(reader);
    unsigned accounted = lines_accounted_for(reader, &told);
    if (accounted != LINES + 1)
        return 11;
    return told >= 1 ? 0 : 12;
}

static struct reader reader;

CHECK_CHILD(log_full_pipe)
{
    int ends[2];
    if (pipe(ends) != 0)
        return 10;
    read_from(&reader, ends[0], ends[1]);
    int result = overfill(&reader);
    /* What others share is as it was. */
    return result ? result : fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK ? 13 : 0;
}

CHECK_CHILD(log_full_socket)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 10;
    read_from(&reader, ends[0], ends[1]);
    return overfill(&reader);
}

CHECK_CHILD(log_full_terminal)
{
    int controller = posix_openpt(O_RDWR | O_NOCTTY);
    if (controller < 0 || grantpt(controller) != 0 || unlockpt(controller) != 0)
        return 10;
    int terminal = open(ptsname(controller), O_RDWR | O_NOCTTY);
    if (terminal < 0)
        return 10;
    read_from(&reader, controller, terminal);
    return overfill(&reader);
}

static void a_reader_that_hangs_delays_nothing(void)
{
    CU_ASSERT_EQUAL(check_child("log_full_pipe").status, 0);
    CU_ASSERT_EQUAL(check_child("log_full_socket").status, 0);
    CU_ASSERT_EQUAL(check_child("log_full_terminal").status, 0);
}

/*
 * How soon a reader comes is not up to the test: that it is waited for is seen by the time that the
 * first line takes which does not fit.
 */
CHECK_CHILD(log_slow_reader)
{
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        return 10;
    int64_t before = lc_now();
    for (unsigned i = 0; i < 2000; i++)
        lc_log(LC_LOG_INFO, "test", "a line that takes its place, and stays there");
    return lc_now() - before >= 100 * LC_MILLISECOND ? 0 : 11;
}

static void a_slow_reader_gets_a_moment(void)
{
    CU_ASSERT_EQUAL(check_child("log_slow_reader").status, 0);
}

/* ---- forks ---- */

static atomic_bool logging_is_over;

static void *log_until_over(void *arg)
{
    (void)arg;
    while (!atomic_load(&logging_is_over))
        lc_log(LC_LOG_INFO, "thread", "on and on");
    return NULL;
}

/* The program's own threads: of the library's the child would know. */
CHECK_CHILD(log_in_forked_children)
{
    pthread_t threads[2];
    int failed = 0;
    if (!freopen("/dev/null", "w", stderr))
        return 10;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, log_until_over, NULL);
    for (unsigned i = 0; i < check_fewer(check_count(500, 3000)) && failed == 0; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            alarm(20); /* one that hangs */
            lc_log(LC_LOG_INFO, "child", "here");
            lc_log_flush();
            _exit(0);
        }
        failed = child < 0 || waitpid(child, &status, 0) != child || status != 0;
    }
    atomic_store(&logging_is_over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return failed ? 11 : 0;
}

static void a_forked_child_logs(void)
{
    CU_ASSERT_EQUAL(check_child("log_in_forked_children").status, 0);
}

/* ---- a descriptor 2 that is not standard error ---- */

static int open_scratch(int flags)
{
    char path[] = "/tmp/lifecycle-check-XXXXXX";
    int made = mkostemp(path, O_CLOEXEC);
    if (made < 0)
        abort();
    int opened = open(path, flags);
    unlink(path);
    close(made);
    return opened;
}

static bool stays_empty(int file)
{
    struct stat status;
    lc_log(LC_LOG_CRITICAL, "test", "not for this file");
    return fstat(file, &status) == 0 && status.st_size == 0;
}

/* Becomes a child that is started without the standard descriptors. */
static int begin_without_standard(const char *child)
{
    for (int number = 0; number < 3; number++)
        close(number);
    execl(CHECK_BUILD_DIR "/tests/check", "check", "--child", child, check_mode_name(),
          (char *)NULL);
    return 10;
}

/* Opens files until one has the number of standard error. */
CHECK_CHILD(log_started_without_stderr)
{
    int file;
    do
        file = open_scratch(O_RDWR);
    while (file >= 0 && file < STDERR_FILENO);
    if (file != STDERR_FILENO)
        return 11;
    return stays_empty(file) ? 0 : 12;
}

CHECK_CHILD(log_without_stderr)
{
    return begin_without_standard("log_started_without_stderr");
}

static bool is_open(int number)
{
    return fcntl(number, F_GETFD) == 0;
}

CHECK_CHILD(log_started_and_opened)
{
    if (is_open(0) || is_open(1) || is_open(2))
        return 11;
    if (lc_standard_fds_open() != 0 || !is_open(0) || !is_open(1) || !is_open(2))
        return 12;
    int file = open_scratch(O_RDWR);
    if (file <= STDERR_FILENO || !stays_empty(file))
        return 13;
    /* What the program puts there from now on is standard error. */
    dup2(file, STDERR_FILENO);
    return stays_empty(file) ? 14 : 0;
}

CHECK_CHILD(log_with_standard_opened)
{
    return begin_without_standard("log_started_and_opened");
}

CHECK_CHILD(log_stderr_is_close_on_exec)
{
    return dup3(open_scratch(O_RDWR), STDERR_FILENO, O_CLOEXEC) == STDERR_FILENO &&
                   stays_empty(STDERR_FILENO)
               ? 0
               : 11;
}

static void a_file_is_not_taken_for_stderr(void)
{
    CU_ASSERT_EQUAL(check_child("log_without_stderr").status, 0);
    CU_ASSERT_EQUAL(check_child("log_with_standard_opened").status, 0);
    CU_ASSERT_EQUAL(check_child("log_stderr_is_close_on_exec").status, 0);
}

/* ---- a reader that has gone ---- */

CHECK_CHILD(log_without_reader)
{
    int ends[2];
    sigset_t pending;
    unsetenv("JOURNAL_STREAM");
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        return 1;
    close(ends[0]);
    close(ends[1]);
    signal(SIGPIPE, SIG_DFL);
    lc_log(LC_LOG_INFO, "test", "no reader is there");
    lc_log_flush();
    return sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE) ? 0 : 2;
}

static void a_reader_that_has_gone_ends_nothing(void)
{
    CU_ASSERT_EQUAL(check_child("log_without_reader").status, 0);
}

CHECK_SUITE(
    unit_log, "unit: log",
    {"a reader that has gone does not end the process", a_reader_that_has_gone_ends_nothing},
    {"a sink gets the whole record", sink_gets_the_record},
    {"a sink is released once, when it is replaced", sink_is_released_once},
    {"a wrong sink is refused and the old one stays", wrong_sinks_are_refused},
    {"a flush reaches the sink", flush_reaches_the_sink},
    {"a thread is not cancelled in a flush", flush_is_not_cancelled},
    {"a thread is not cancelled where a sink is released", release_is_not_cancelled},
    {"the level drops what matters less", level_drops_what_matters_less},
    {"the level is read back", level_is_read_back}, {"levels have names", levels_have_names},
    {"numbers of fields are texts for a sink", fields_have_texts},
    {"a locale does not change numbers", numbers_are_those_of_no_locale},
    {"logging keeps errno", errno_is_kept},
    {"a sink is called without a lock: it may log and replace itself",
     sink_is_called_without_a_lock},
    {"a worker speaks by its name", worker_speaks_by_its_name},
    {"a sink is not called after its release", sink_is_not_called_after_release},
    {"of a storm of like lines a few are logged, the others counted", a_storm_is_counted},
    {"each line of a storm is logged or counted", each_line_of_a_storm_is_accounted_for},
    {"a look ahead counts what is left out", a_look_ahead_counts_what_is_left_out},
    {"the default is a line on stderr", default_is_a_line_on_stderr},
    {"the date is the date", the_date_is_the_date},
    {"the default names the level", default_names_the_level},
    {"control characters are escaped", control_characters_are_escaped},
    {"long lines are cut and say so", long_lines_are_cut},
    {"the systemd journal gets priorities and no time", journal_gets_priorities},
    {"a journal that is not stderr does not count", another_journal_does_not_count},
    {"lines of several threads do not mix", lines_do_not_mix},
    {"what acts on a terminal is escaped", acting_characters_are_escaped},
    {"neither a message nor a component nor a value fakes a field", fields_are_not_faked},
    {"wrong arguments do no harm", wrong_arguments_do_no_harm},
    {"a reader that does not read delays nothing; what it misses is counted",
     a_reader_that_hangs_delays_nothing},
    {"a reader that is slow gets a moment", a_slow_reader_gets_a_moment},
    {"a child forked while other threads log can log", a_forked_child_logs},
    {"a file with the number of stderr is not taken for it", a_file_is_not_taken_for_stderr});
