/*
 * log_json.c: the log as JSON: each line is an object that jq reads, with what the program logged,
 * whatever is in it and however long it is.
 */
#include "support/check.h"
#include "support/filter.h"
#include "support/scripted_worker.h"

#include "base/log_json.h"
#include "support/manual_clock.h"

#include <lifecycle.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Lines of the log, for jq. */
struct lines {
    char *text;
    size_t size;
    FILE *file;
};

static struct lines *lines_new(void)
{
    struct lines *lines = calloc(1, sizeof *lines);
    if (!lines || !(lines->file = open_memstream(&lines->text, &lines->size)))
        abort();
    return lines;
}

/* The record as a line of at most `size` bytes. @return how many it has. */
static size_t lines_add(struct lines *lines, const lc_log_record *record, size_t size)
{
    char line[LC_LOG_LINE_MAX];
    size_t used = lc__log_format_json(record, line, size);
    CU_ASSERT_TRUE(used <= size);
    CU_ASSERT_PTR_EQUAL(memchr(line, '\n', used), line + used - 1);
    fwrite(line, 1, used, lines->file);
    return used;
}

/* What jq makes of them, for free(). Frees the lines. */
static char *lines_read(struct lines *lines, const char *command)
{
    fclose(lines->file);
    char *read = filter_text(lines->text, lines->size, command);
    free(lines->text);
    free(lines);
    return read;
}

static lc_log_record record_of(const char *message, const lc_log_field *fields, size_t count)
{
    return (lc_log_record){.time = 1,
                           .level = LC_LOG_INFO,
                           .component = "store",
                           .message = message,
                           .fields = fields,
                           .field_count = count};
}

/* jq's view of one record. */
static void check_read_as(const lc_log_record *record, const char *command, const char *expected)
{
    struct lines *lines = lines_new();
    lines_add(lines, record, LC_LOG_LINE_MAX);
    char *read = lines_read(lines, command);
    CU_ASSERT_STRING_EQUAL(read, expected);
    if (strcmp(read, expected) != 0)
        fprintf(stderr, "\nread: %s", read);
    free(read);
}

/* ---- what is in it ---- */

/* What a program of an earlier version may write; a compiler may warn of it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
static const lc_log_field key_and_value = {"plain", "two words"};
#pragma GCC diagnostic pop

static void every_kind_of_field(void)
{
    const lc_log_field fields[] = {
        lc_field_text("path", "/srv/journal"),
        lc_field_int("least", INT64_MIN),
        lc_field_uint("most", UINT64_MAX),
        lc_field_double("half", 0.5),
        lc_field_double("tenth", 0.1),
        lc_field_double("tiny", 5e-324),
        lc_field_duration("took", 2 * LC_SECOND + 50 * LC_MILLISECOND),
        lc_field_duration("one", LC_NANOSECOND),
        lc_field_duration("none", 0),
        lc_field_double("nothing", (double)NAN),
        lc_field_double("endless", -(double)INFINITY),
        lc_field_text(NULL, NULL),
        key_and_value,
    };
    char line[LC_LOG_LINE_MAX];
    lc_log_record record = record_of("opened", fields, COUNT_OF(fields));
    record.wall = INT64_C(1732207387123456789);
    line[lc__log_format_json(&record, line, sizeof line)] = '\0';
    CU_ASSERT_STRING_EQUAL(
        line, "{\"time\":\"2024-11-21T16:43:07.123456Z\",\"level\":\"info\",\"component\":"
              "\"store\",\"message\":\"opened\",\"fields\":{\"path\":\"/srv/journal\","
              "\"least\":-9223372036854775808,\"most\":18446744073709551615,\"half\":0.5,"
              "\"tenth\":0.1,\"tiny\":4.94065645841247e-324,\"took\":2.05,\"one\":0.000000001,"
              "\"none\":0,\"nothing\":\"nan\",\"endless\":\"-inf\",\"-\":\"-\","
              "\"plain\":\"two words\"}}\n");
    check_read_as(&record, "jq -c '[.fields.half, .fields.took, (.fields.most | type)]'",
                  "[0.5,2.05,\"number\"]\n");
}

static void what_is_not_there_is_left_out(void)
{
    lc_log_record record = record_of("", NULL, 0);
    record.component = "";
    record.level = LC_LOG_CRITICAL;
    check_read_as(&record, "jq -c .",
                  "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"critical\","
                  "\"message\":\"\"}\n");
}

/* A field has its own place, so that it passes for none of the record's members. */
static void no_field_passes_for_a_member(void)
{
    const lc_log_field fields[] = {lc_field_text("level", "debug"), lc_field_text("time", "x"),
                                   lc_field_text("a\"},\"level\":\"debug\",\"b\":{\"", "\"}}\n{")};
    lc_log_record record = record_of("\",\"level\":\"debug", fields, COUNT_OF(fields));
    check_read_as(&record, "jq -c '[.level, .fields.level, keys]'",
                  "[\"info\",\"debug\",[\"component\",\"fields\",\"level\",\"message\","
                  "\"time\"]]\n");
}

/* NOLINTBEGIN(misc-misleading-bidirectional): that is what the test is about */
static void nothing_acts_on_a_terminal(void)
{
    char line[LC_LOG_LINE_MAX];
    lc_log_record record =
        record_of("\x1b[31m \x7f \xc2\x9b \xe2\x80\xae \xe2\x80\xa8 \b\f\r\t", NULL, 0);
    line[lc__log_format_json(&record, line, sizeof line)] = '\0';
    CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"\\u001b[31m \\u007f \\u009b \\u202e \\u2028 "
                                        "\\b\\f\\r\\t\""));
}
/* NOLINTEND(misc-misleading-bidirectional) */

/* ---- any bytes ---- */

#define FUZZ_RECORDS 1000
#define FUZZ_LONGEST 24

/* Bytes without 0, half of them such as are found in UTF-8, or in escapes. */
static char *random_text(uint64_t *random)
{
    static const char *const likely[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\"",
                                         "\\x9b",    "\n",           "\xc2\x80",         "\xed\xa0",
                                         "\xf4\x90", "\\u009b",      "\xf0\x8f",         "\x9b"};
    size_t length = check_random(random) % FUZZ_LONGEST, used = 0;
    char *text = calloc(1, FUZZ_LONGEST + 1);
    if (!text)
        abort();
    bool ascii = check_random(random) & 1;
    while (used < length) {
        uint64_t drawn = check_random(random);
        const char *piece = likely[drawn / 2 % COUNT_OF(likely)];
        if (!ascii && drawn & 1 && used + strlen(piece) <= length)
            while (*piece)
                text[used++] = *piece++;
        else
            text[used++] = (char)(1 + drawn / 64 % (ascii ? 127 : 255));
    }
    return text;
}

/* Undoes the escapes of a record that has them, in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++) {
        unsigned byte = 0;
        if (at[0] != '\\')
            *to = *at++;
        else if (at[1] == 'x' && sscanf(at + 2, "%2x", &byte) == 1)
            *to = (char)byte, at += 4;
        else
            *to = '\\', at += 2;
    }
    *to = '\0';
}

/* What jq reads: whether the record is escaped, and its texts. @return what is behind. */
static char *check_texts(char *read, char *const texts[static 3])
{
    bool escaped = strcmp(read, "true") == 0;
    read += strlen(read) + 1;
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(read);
        if (escaped)
            unescape(read);
        CU_ASSERT_STRING_EQUAL(read, texts[i]);
        read += length + 1;
    }
    return read;
}

/* Nothing is lost, and nothing reads as what it is not. */
static void any_bytes_are_read_back(void)
{
    static char *texts[FUZZ_RECORDS][3];
    uint64_t random = check_seed();
    struct lines *lines = lines_new();
    for (unsigned i = 0; i < FUZZ_RECORDS; i++) {
        for (int j = 0; j < 3; j++)
            texts[i][j] = random_text(&random);
        const lc_log_field field = lc_field_text("key", texts[i][2]);
        lc_log_record record = record_of(texts[i][1], &field, 1);
        record.component = texts[i][0];
        lines_add(lines, &record, LC_LOG_LINE_MAX);
    }
    char *read = lines_read(lines, "jq -j '(.escaped // false | tostring), (.component // \"\"), "
                                   ".message, .fields.key | . + \"\\u0000\"'");
    char *at = read;
    for (unsigned i = 0; i < FUZZ_RECORDS; i++) {
        at = check_texts(at, texts[i]);
        for (int j = 0; j < 3; j++)
            free(texts[i][j]);
    }
    free(read);
}

/* A key that is no UTF-8 is escaped as well, and so are all texts beside it. */
static void keys_are_escaped(void)
{
    const lc_log_field field = lc_field_int("\x9b\\", 1);
    lc_log_record record = record_of("a\\x9b", &field, 1);
    check_read_as(&record, "jq -c '[.escaped, .message, .fields]'",
                  "[true,\"a\\\\\\\\x9b\",{\"\\\\x9b\\\\\\\\\":1}]\n");
}

/* ---- too long ---- */

/* However little fits, the line is an object, and says when something is left out. */
static void long_records_are_cut(void)
{
    enum { LEAST = 160, MOST = 460 };
    const lc_log_field fields[] = {
        lc_field_text("first", "0123456789\n\x1b\"\\\xe2\x82\xac"), lc_field_int("int", -123456789),
        lc_field_double("double", (double)NAN), lc_field_duration("took", LC_MINUTE + 1),
        lc_field_text("last", "0123456789012345678901234567890123456789")};
    struct lines *lines = lines_new();
    lc_log_record record =
        record_of("a message of some length \xf0\x9f\x98\x80, and \x9b", fields, COUNT_OF(fields));
    char whole[LC_LOG_LINE_MAX];
    size_t needed = lc__log_format_json(&record, whole, sizeof whole);
    CU_ASSERT_TRUE(needed > LEAST + 100 && needed < MOST - 50);
    for (size_t size = LEAST; size < MOST; size++)
        lines_add(lines, &record, size);
    char *read = lines_read(lines, "jq -c '[.level, .cut // false, (.fields // {} | length)]'");
    const char *at = read;
    unsigned cut = 0, fewest = 99;
    for (size_t size = LEAST; size < MOST; size++, at = strchr(at, '\n') + 1) {
        unsigned count = 99;
        bool is_cut = strncmp(at, "[\"info\",true,", 13) == 0;
        CU_ASSERT_TRUE_FATAL(strchr(at, '\n') &&
                             sscanf(strrchr(at, '\n') ? at + 8 : at, "%*[^,],%u", &count) == 1);
        CU_ASSERT_TRUE(is_cut || count == COUNT_OF(fields));
        fewest = count < fewest ? count : fewest;
        cut += is_cut;
    }
    CU_ASSERT_EQUAL(*at, '\0');
    CU_ASSERT_EQUAL(fewest, 0);
    CU_ASSERT_TRUE(cut > 100 && cut < MOST - LEAST - 10);
    free(read);
}

/* A text is cut between two characters, and what stands before the cut is unchanged. */
static void texts_are_cut_between_characters(void)
{
    char euros[3 * LC_LOG_LINE_MAX + 1];
    for (size_t i = 0; i < LC_LOG_LINE_MAX; i++)
        memcpy(euros + 3 * i, "\xe2\x82\xac", 4);
    for (unsigned shift = 0; shift < 3; shift++) {
        const lc_log_record record = record_of(&"xxx"[shift], NULL, 0);
        lc_log_record longer = record;
        char message[3 * LC_LOG_LINE_MAX + 8];
        snprintf(message, sizeof message, "%s%s", record.message, euros);
        longer.message = message;
        check_read_as(&longer,
                      "jq -c '[.cut, (.message | ltrimstr(\"xxx\") | ltrimstr(\"xx\") | "
                      "ltrimstr(\"x\") | test(\"^€{1000,}$\"))]'",
                      "[true,true]\n");
    }
}

/* ---- the sink ---- */

static int log_two_lines(void)
{
    const lc_log_field field = lc_field_uint("lines", 42);
    if (lc_log_set_sink(lc_log_json_sink()) != 0)
        return 10;
    lc_log_fields(LC_LOG_WARNING, "store", &field, 1, "as %s", "JSON");
    if (lc_log_set_sink(NULL) != 0)
        return 11;
    lc_log_fields(LC_LOG_WARNING, "store", &field, 1, "as %s", "text");
    return 0;
}

CHECK_CHILD(json_log)
{
    unsetenv("JOURNAL_STREAM");
    return log_two_lines();
}

static bool json_matches(const char *text, const char *pattern)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        abort();
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    if (!found)
        fprintf(stderr, "\nnot /%s/: %s\n", pattern, text);
    return found;
}

#define TIME "20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z"
#define JSON_LINE                                                                                  \
    "\\{\"time\":\"" TIME "\",\"level\":\"warning\",\"component\":\"store\",\"message\":"          \
    "\"as JSON\",\"fields\":\\{\"lines\":42\\}\\}\n"

static void the_sink_writes_lines_on_stderr(void)
{
    struct check_exit ended = check_child("json_log");
    CU_ASSERT_EQUAL(ended.status, 0);
    CU_ASSERT_TRUE(
        json_matches(ended.errors, "^" JSON_LINE TIME " warning store: as text lines=42\n$"));
}

CHECK_CHILD(json_log_in_journal)
{
    char stream[64];
    struct stat status;
    if (fstat(STDERR_FILENO, &status) != 0)
        return 1;
    snprintf(stream, sizeof stream, "%lu:%lu", (unsigned long)status.st_dev,
             (unsigned long)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    return log_two_lines();
}

static void the_journal_gets_priorities(void)
{
    struct check_exit ended = check_child("json_log_in_journal");
    CU_ASSERT_TRUE(json_matches(ended.errors, "^<4>" JSON_LINE "<4>store: as text lines=42\n$"));
}

/* The pipe is not read before the end. */
CHECK_CHILD(json_log_full_pipe)
{
    enum { LINES = 2000 };
    int ends[2];
    static char text[1 << 20];
    size_t used = 0;
    ssize_t got;
    unsetenv("JOURNAL_STREAM");
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0 ||
        lc_log_set_sink(lc_log_json_sink()) != 0)
        return 10;
    close(ends[1]);
    for (unsigned i = 0; i < LINES; i++)
        lc_log(LC_LOG_INFO, "test", "%0200u", i);
    lc_log_flush(); /* and comes back */
    for (int i = 0; i < 2; i++) {
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        while ((got = read(ends[0], text + used, sizeof text - used)) > 0)
            used += (size_t)got;
        if (i == 0)
            lc_log(LC_LOG_INFO, "test", "%0200u", LINES);
    }
    char *sum = filter_text(text, used,
                            "jq -s -c '[(map(select(.component == \"log\")) | length > 0), "
                            "(map(if .component == \"log\" then .message | split(\" \")[0] | "
                            "tonumber else 1 end) | add)]'");
    bool is_told = strcmp(sum, "[true,2001]\n") == 0;
    free(sum);
    return is_told ? 0 : 11;
}

static void lost_lines_are_told_in_json(void)
{
    CU_ASSERT_EQUAL(check_child("json_log_full_pipe").status, 0);
}

static void write_nothing(const lc_log_record *record, void *arg)
{
    (void)record;
    *(unsigned *)arg += 1;
}

static int log_in_a_forked_child(const char *component)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        lc_log(LC_LOG_INFO, component, "forked");
        lc_log_flush();
        _exit(0);
    }
    return waitpid(child, &status, 0) == child ? status : -1;
}

/* With a thread of the library's, which the forked child lacks. */
CHECK_CHILD(json_log_in_forked_child)
{
    unsigned written = 0;
    unsetenv("JOURNAL_STREAM");
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(LC_HOUR));
    if (!context || lc_log_set_sink(lc_log_json_sink()) != 0)
        return 10;
    int first = log_in_a_forked_child("json");
    lc_log_set_sink(LC_LOG_SINK(.write = write_nothing, .arg = &written));
    int second = log_in_a_forked_child("own"); /* the form that was in force last */
    lc_log_set_sink(NULL);
    int third = log_in_a_forked_child("text");
    lc_context_unref(context);
    return first || second || third || written ? 11 : 0;
}

static void a_forked_child_keeps_the_form(void)
{
    struct check_exit ended = check_child("json_log_in_forked_child");
    CU_ASSERT_EQUAL(ended.status, 0);
    CU_ASSERT_TRUE(json_matches(ended.errors, "^\\{[^\n]*\"json\",\"message\":\"forked\"\\}\n"
                                              "\\{[^\n]*\"own\",\"message\":\"forked\"\\}\n"
                                              "[^{\n]* text: forked\n$"));
}

/* A copy of the sink is the sink. */
CHECK_CHILD(json_log_by_a_copy)
{
    unsetenv("JOURNAL_STREAM");
    lc_log_sink copy = *lc_log_json_sink();
    for (int i = 0; i < 2; i++)
        if (lc_log_set_sink(&copy) != 0)
            return 10;
    memset(&copy, 0, sizeof copy);
    lc_log(LC_LOG_INFO, "test", "once");
    return lc_library_shutdown() == 0 ? 0 : 11;
}

static void a_copy_of_the_sink_will_do(void)
{
    struct check_exit ended = check_child("json_log_by_a_copy");
    CU_ASSERT_EQUAL(ended.status, 0);
    CU_ASSERT_TRUE(json_matches(ended.errors, "^\\{[^\n]*\"message\":\"once\"\\}\n$"));
}

/* ---- time ---- */

struct kept {
    int64_t time, wall;
};

static void keep_times(const lc_log_record *record, void *arg)
{
    *(struct kept *)arg = (struct kept){record->time, record->wall};
}

static void records_tell_the_time_of_day(void)
{
    struct kept kept = {0};
    struct manual_clock *clock = manual_clock_new(12 * LC_SECOND + LC_MILLISECOND);
    lc_log_set_sink(LC_LOG_SINK(.write = keep_times, .arg = &kept));
    int64_t before = lc_wall_now();
    lc_log(LC_LOG_INFO, "test", "now");
    CU_ASSERT_TRUE(kept.wall >= before && kept.wall <= lc_wall_now());
    manual_clock_use(clock);
    lc_log(LC_LOG_INFO, "test", "then");
    manual_clock_use(NULL);
    check_log_release();
    manual_clock_free(clock);
    CU_ASSERT_EQUAL(kept.time, 12 * LC_SECOND + LC_MILLISECOND);
    CU_ASSERT_EQUAL(kept.wall, LC_SIMULATION_EPOCH + kept.time);
    lc_log_record record = record_of("then", NULL, 0);
    record.wall = kept.wall;
    check_read_as(&record, "jq -c .time", "\"2026-01-01T00:00:12.001000Z\"\n");
}

CHECK_SUITE(log_json, "unit: log as JSON", {"fields of every kind", every_kind_of_field},
            {"what is not there is left out", what_is_not_there_is_left_out},
            {"no field and no text passes for a member", no_field_passes_for_a_member},
            {"nothing acts on a terminal", nothing_acts_on_a_terminal},
            {"any bytes are read back by another parser", any_bytes_are_read_back},
            {"keys are escaped as well", keys_are_escaped},
            {"long records are cut, and stay whole objects", long_records_are_cut},
            {"texts are cut between characters", texts_are_cut_between_characters},
            {"the sink writes lines on stderr", the_sink_writes_lines_on_stderr},
            {"the systemd journal gets priorities", the_journal_gets_priorities},
            {"lines that are lost are told in JSON", lost_lines_are_told_in_json},
            {"a forked child keeps the form", a_forked_child_keeps_the_form},
            {"a copy of the sink will do", a_copy_of_the_sink_will_do},
            {"records tell the time of day", records_tell_the_time_of_day});
