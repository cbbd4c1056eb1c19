/*
 * snapshot.c: snapshots made by hand: what they keep, and how they are printed. JSON is read by jq,
 * which is not ours; DOT by a reader of the few forms that are written, and by dot where there is
 * one.
 */
#include "support/check.h"
#include "support/filter.h"

#include "base/memory.h"
#include "supervise/snapshot.h"

#include <lifecycle.h>

#include <errno.h>
#include <iconv.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRINTS(snapshot, format, expected)                                                         \
    CU_ASSERT_STRING_EQUAL(lc_snapshot_print((snapshot), (format)), (expected))

/* ---- states ---- */

static void states_have_names(void)
{
    static const char *const names[] = {"waiting", "back-off", "starting", "ready",
                                        "failing", "stopping", "judged",   "done",
                                        "stopped", "dead",     "canceled"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        CU_ASSERT_STRING_EQUAL(lc_node_state_name((lc_node_state)i), names[i]);
    CU_ASSERT_PTR_NULL(lc_node_state_name((lc_node_state)11));
    CU_ASSERT_PTR_NULL(lc_node_state_name((lc_node_state)-1));
}

/* ---- two snapshots, as of a graph and of a tree ---- */

static lc_snapshot *graph(void)
{
    struct lc__snapshot *made = lc__snapshot_new("service", 1000 * LC_SECOND, 4, 4);
    lc_node_status *row = lc__snapshot_add(made, "journal");
    row->state = LC_NODE_READY;
    row->since = 1000 * LC_SECOND - 12350 * LC_MILLISECOND;
    row->instance = 3;
    row->restarts = 2;
    row->error = lc_error_new(-EIO, "disk: \"broken\"\nreally");
    row = lc__snapshot_add(made, "store");
    row->state = LC_NODE_STARTING;
    row->since = 1000 * LC_SECOND - 61 * LC_SECOND;
    row->instance = 2;
    row->restarts = 1;
    lc__snapshot_link(made, 0, LC_WHEN_READY, false, true);
    row = lc__snapshot_add(made, "front");
    row->since = 2000 * LC_SECOND; /* a clock that was moved: no negative time is printed */
    row->waits_for = lc__snapshot_text(made, "%s to be %s", "store", "ready");
    lc__snapshot_link(made, 1, LC_WHEN_READY, true, false);
    lc__snapshot_link(made, 3, LC_WHEN_COMPLETED, false, false);
    lc__snapshot_link(made, 0, LC_WHEN_STARTED, true, true);
    row = lc__snapshot_add(made, "migrate");
    row->state = LC_NODE_STOPPING;
    row->instance = 1;
    row->overdue = true;
    row->since = 1000 * LC_SECOND - 3 * LC_HOUR - 120 * LC_SECOND;
    return lc__snapshot_finish(made);
}

/* Breadth first: parents come before children, but no line is next to its parent's. */
static lc_snapshot *tree(void)
{
    static const struct {
        const char *name;
        size_t parent;
        lc_node_state state;
    } nodes[] = {
        {"root", 0, LC_NODE_READY},       {"root.a", 0, LC_NODE_READY},
        {"root.b", 0, LC_NODE_DEAD},      {"root.c", 0, LC_NODE_CANCELED},
        {"root.a.x", 1, LC_NODE_DONE},    {"root.b.y", 2, LC_NODE_STARTING},
        {"root.a.z", 1, LC_NODE_BACKOFF}, {"root.a.x.deep", 4, LC_NODE_READY},
    };
    enum { COUNT = sizeof nodes / sizeof *nodes };
    struct lc__snapshot *made = lc__snapshot_new("tree", 50 * LC_HOUR, COUNT, 0);
    for (size_t i = 0; i < COUNT; i++) {
        lc_node_status *row = lc__snapshot_add(made, nodes[i].name);
        row->parent = nodes[i].parent;
        row->state = nodes[i].state;
        row->instance = 1;
    }
    return lc__snapshot_finish(made);
}

static void keeps_what_it_was_given(void)
{
    lc_snapshot *snapshot = graph();
    CU_ASSERT_STRING_EQUAL(snapshot->name, "service");
    CU_ASSERT_EQUAL(snapshot->time, 1000 * LC_SECOND);
    CU_ASSERT_EQUAL(snapshot->count, 4);
    CU_ASSERT_EQUAL(snapshot->link_count, 4);
    CU_ASSERT_STRING_EQUAL(snapshot->nodes[2].name, "front");
    CU_ASSERT_STRING_EQUAL(snapshot->nodes[2].waits_for, "store to be ready");
    CU_ASSERT_EQUAL(snapshot->nodes[2].parent, 2);
    CU_ASSERT_EQUAL(snapshot->nodes[2].first_link, 1);
    CU_ASSERT_EQUAL(snapshot->nodes[2].link_count, 3);
    CU_ASSERT_STRING_EQUAL(snapshot->nodes[3].waits_for, "");
    CU_ASSERT_EQUAL(snapshot->nodes[3].link_count, 0);
    CU_ASSERT_PTR_NULL(snapshot->nodes[3].error);
    CU_ASSERT_EQUAL(lc_error_code(snapshot->nodes[0].error), -EIO);
    CU_ASSERT_EQUAL(snapshot->links[2].dependency, 3);
    CU_ASSERT_STRING_EQUAL(snapshot->links[0].condition, "ready");
    CU_ASSERT_STRING_EQUAL(snapshot->links[2].condition, "completed");
    CU_ASSERT_STRING_EQUAL(snapshot->links[3].condition, "started");
    CU_ASSERT_TRUE(snapshot->links[1].restart_along && !snapshot->links[1].met);
    CU_ASSERT_TRUE(!snapshot->links[0].restart_along && snapshot->links[0].met);
    lc_snapshot_free(snapshot);
    lc_snapshot_free(NULL);
}

static void many_and_long_texts_are_kept(void)
{
    enum { COUNT = 3000, LONG = 20000 };
    static char text[LONG + 1];
    memset(text, 'x', LONG);
    struct lc__snapshot *made = lc__snapshot_new("many", 1, COUNT, 0);
    for (int i = 0; i < COUNT; i++) {
        lc_node_status *row = lc__snapshot_add(made, "short");
        row->waits_for = lc__snapshot_text(made, "%d %s", i, i % 1000 == 0 ? text : "");
    }
    lc_snapshot *snapshot = lc__snapshot_finish(made);
    bool well = true;
    for (int i = 0; i < COUNT; i++) {
        char *end;
        well &= strcmp(snapshot->nodes[i].name, "short") == 0;
        well &= strtol(snapshot->nodes[i].waits_for, &end, 10) == i;
        well &= strlen(end) == (i % 1000 == 0 ? LONG + 1 : 1);
    }
    CU_ASSERT_TRUE(well);
    lc_snapshot_free(snapshot);
}

/* ---- printed ---- */

static void a_graph_as_text(void)
{
    lc_snapshot *snapshot = graph();
    PRINTS(snapshot, LC_SNAPSHOT_TEXT,
           "journal  ready 12.3 s  instance 3 (2 restarts)"
           "  last error: disk: \"broken\"\\nreally\n"
           "store    starting 1 min 1 s  instance 2 (1 restart)  after journal (ready)\n"
           "front    waiting 0.0 s  waits for store to be ready"
           "  after store (not yet ready, restarts along), migrate (not yet completed),"
           " journal (started, restarts along)\n"
           "migrate  stopping 3 h 2 min, overdue  instance 1\n");
    lc_snapshot_free(snapshot);
}

static void a_tree_as_text(void)
{
    lc_snapshot *snapshot = tree();
    PRINTS(snapshot, LC_SNAPSHOT_TEXT,
           "root                       ready 2 d 2 h  instance 1\n"
           "|-- root.a                 ready 2 d 2 h  instance 1\n"
           "|   |-- root.a.x           done 2 d 2 h  instance 1\n"
           "|   |   `-- root.a.x.deep  ready 2 d 2 h  instance 1\n"
           "|   `-- root.a.z           back-off 2 d 2 h  instance 1\n"
           "|-- root.b                 dead 2 d 2 h  instance 1\n"
           "|   `-- root.b.y           starting 2 d 2 h  instance 1\n"
           "`-- root.c                 canceled 2 d 2 h  instance 1\n");
    lc_snapshot_free(snapshot);
}

static void a_graph_as_json(void)
{
    lc_snapshot *snapshot = graph();
    PRINTS(snapshot, LC_SNAPSHOT_JSON,
           "{\"name\":\"service\",\"time\":1000000000000,\"nodes\":[\n"
           "{\"name\":\"journal\",\"state\":\"ready\",\"since\":987650000000,\"instance\":3,"
           "\"restarts\":2,\"error\":{\"code\":-5,\"message\":\"disk: \\\"broken\\\"\\nreally\"},"
           "\"waits_for\":\"\",\"overdue\":false,\"parent\":null,\"dependencies\":[]},\n"
           "{\"name\":\"store\",\"state\":\"starting\",\"since\":939000000000,\"instance\":2,"
           "\"restarts\":1,\"error\":null,\"waits_for\":\"\",\"overdue\":false,\"parent\":null,"
           "\"dependencies\":[{\"name\":\"journal\",\"condition\":\"ready\","
           "\"restart_along\":false,\"met\":true}]},\n"
           "{\"name\":\"front\",\"state\":\"waiting\",\"since\":2000000000000,\"instance\":0,"
           "\"restarts\":0,\"error\":null,\"waits_for\":\"store to be ready\",\"overdue\":false,"
           "\"parent\":null,\"dependencies\":["
           "{\"name\":\"store\",\"condition\":\"ready\",\"restart_along\":true,\"met\":false},"
           "{\"name\":\"migrate\",\"condition\":\"completed\",\"restart_along\":false,"
           "\"met\":false},"
           "{\"name\":\"journal\",\"condition\":\"started\",\"restart_along\":true,"
           "\"met\":true}]},\n"
           "{\"name\":\"migrate\",\"state\":\"stopping\",\"since\":-9920000000000,\"instance\":1,"
           "\"restarts\":0,\"error\":null,\"waits_for\":\"\",\"overdue\":true,\"parent\":null,"
           "\"dependencies\":[]}]}\n");
    lc_snapshot_free(snapshot);
}

static void a_graph_as_dot(void)
{
    lc_snapshot *snapshot = graph();
    PRINTS(snapshot, LC_SNAPSHOT_DOT,
           "digraph {\n"
           "  label=\"service\";\n"
           "  node [style=filled];\n"
           "  n0 [label=\"journal\\nready 12.3 s\", shape=box, fillcolor=palegreen];\n"
           "  n1 [label=\"store\\nstarting 1 min 1 s\", shape=box, fillcolor=lightblue];\n"
           "  n2 [label=\"front\\nwaiting 0.0 s\", shape=ellipse, fillcolor=white];\n"
           "  n3 [label=\"migrate\\nstopping 3 h 2 min\", shape=box, fillcolor=khaki, color=red,"
           " penwidth=3];\n"
           "  n1 -> n0 [label=\"ready\", style=\"solid\"];\n"
           "  n2 -> n1 [label=\"ready\", style=\"dashed,bold\"];\n"
           "  n2 -> n3 [label=\"completed\", style=\"dashed\"];\n"
           "  n2 -> n0 [label=\"started\", style=\"solid,bold\"];\n"
           "}\n");
    lc_snapshot_free(snapshot);
}

static void a_tree_points_from_parent_to_child(void)
{
    lc_snapshot *snapshot = tree();
    const char *dot = lc_snapshot_print(snapshot, LC_SNAPSHOT_DOT);
    CU_ASSERT_PTR_NOT_NULL(strstr(dot, "\n  n0 -> n1;\n  n0 -> n2;\n  n0 -> n3;\n  n1 -> n4;\n"
                                       "  n2 -> n5;\n  n1 -> n6;\n  n4 -> n7;\n}\n"));
    const char *json = lc_snapshot_print(snapshot, LC_SNAPSHOT_JSON);
    CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"parent\":\"root.a.x\",\"dependencies\":[]}]}\n"));
    lc_snapshot_free(snapshot);
}

static void an_empty_one_is_printed(void)
{
    lc_snapshot *snapshot = lc__snapshot_finish(lc__snapshot_new("none", 7, 0, 0));
    PRINTS(snapshot, LC_SNAPSHOT_TEXT, "");
    PRINTS(snapshot, LC_SNAPSHOT_JSON, "{\"name\":\"none\",\"time\":7,\"nodes\":[]}\n");
    PRINTS(snapshot, LC_SNAPSHOT_DOT, "digraph {\n  label=\"none\";\n  node [style=filled];\n}\n");
    lc_snapshot_free(snapshot);
}

static void a_text_stays(void)
{
    lc_snapshot *snapshot = graph();
    const char *text = lc_snapshot_print(snapshot, LC_SNAPSHOT_TEXT);
    CU_ASSERT_PTR_NOT_EQUAL(text, lc_snapshot_print(snapshot, LC_SNAPSHOT_JSON));
    CU_ASSERT_PTR_EQUAL(text, lc_snapshot_print(snapshot, LC_SNAPSHOT_TEXT));
    CU_ASSERT_PTR_NULL(lc_snapshot_print(snapshot, (lc_snapshot_format)3));
    CU_ASSERT_PTR_NULL(lc_snapshot_print(snapshot, (lc_snapshot_format)-1));
    CU_ASSERT_PTR_NULL(lc_snapshot_print(NULL, LC_SNAPSHOT_TEXT));
    lc_snapshot_free(snapshot);
}

static void a_deep_tree_is_printed(void)
{
    enum { DEPTH = 2000 };
    struct lc__snapshot *made = lc__snapshot_new("deep", 1, DEPTH, 0);
    for (size_t i = 0; i < DEPTH; i++)
        lc__snapshot_add(made, "n")->parent = i > 0 ? i - 1 : 0;
    lc_snapshot *snapshot = lc__snapshot_finish(made);
    const char *text = lc_snapshot_print(snapshot, LC_SNAPSHOT_TEXT);
    const char *last = text + strlen(text) - 1;
    while (last > text && last[-1] != '\n')
        last--;
    CU_ASSERT_EQUAL(strspn(last, " "), (size_t)4 * (DEPTH - 2));
    CU_ASSERT_STRING_EQUAL(last + strspn(last, " "), "`-- n  waiting 0.0 s\n");
    lc_snapshot_free(snapshot);
}

/* ---- texts with anything in them ---- */

/* NOLINTBEGIN(misc-misleading-bidirectional): that is what the test is about */
static void each_format_escapes(void)
{
    struct lc__snapshot *made = lc__snapshot_new("a\\b\"c&lt;", 0, 2, 0);
    lc__snapshot_add(made, "\x1b[31m\t\n\\n\"&amp;\x7f\xc2\x9b\xe2\x80\xae");
    lc__snapshot_add(made, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xff\xc0\xaf\xed\xa0\x80\xe2\x82");
    lc_snapshot *snapshot = lc__snapshot_finish(made);
    PRINTS(snapshot, LC_SNAPSHOT_TEXT,
           "\\u001b[31m\\u0009\\n\\\\n\"&amp;\\u007f\\u009b\\u202e  waiting 0.0 s\n"
           "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"
           "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
           "\xef\xbf\xbd                               waiting 0.0 s\n");
    const char *json = lc_snapshot_print(snapshot, LC_SNAPSHOT_JSON);
    CU_ASSERT_PTR_NOT_NULL(strstr(json, "{\"name\":\"a\\\\b\\\"c&lt;\","));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(json, "{\"name\":\"\\u001b[31m\\u0009\\n\\\\n\\\"&amp;\\u007f\\u009b\\u202e\","));
    const char *dot = lc_snapshot_print(snapshot, LC_SNAPSHOT_DOT);
    CU_ASSERT_PTR_NOT_NULL(strstr(dot, "label=\"a\\\\\\\\b\\\"c&amp;lt;\";"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dot, "label=\"\\\\u001b[31m\\\\u0009\\\\n\\\\\\\\n\\\"&amp;amp;"
                                       "\\\\u007f\\\\u009b\\\\u202e\\nwaiting"));
    lc_snapshot_free(snapshot);
}

/* NOLINTEND(misc-misleading-bidirectional) */

#define FUZZ_NAMES 4000
#define FUZZ_LONGEST 24

/* Bytes without 0, half of them such as are found in UTF-8. */
static void random_name(char name[static FUZZ_LONGEST + 1], uint64_t *random)
{
    static const char *const likely[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\"",
                                         "\\",       "\n",           "\xc2\x80",         "\xed\xa0",
                                         "\xf4\x90", "\xe0\x9f",     "\xf0\x8f",         "&"};
    size_t length = 1 + check_random(random) % FUZZ_LONGEST, used = 0;
    while (used < length) {
        uint64_t drawn = check_random(random);
        const char *piece = likely[drawn / 2 % (sizeof likely / sizeof *likely)];
        if (drawn & 1 && used + strlen(piece) <= length) {
            memcpy(name + used, piece, strlen(piece));
            used += strlen(piece);
        } else {
            name[used++] = (char)(1 + drawn / 64 % 255);
        }
    }
    name[used] = '\0';
}

static lc_snapshot *random_snapshot(unsigned names)
{
    uint64_t random = check_seed();
    char name[FUZZ_LONGEST + 1];
    struct lc__snapshot *made = lc__snapshot_new("fuzz", 0, names, names);
    for (unsigned i = 0; i < names; i++) {
        random_name(name, &random);
        lc_node_status *row = lc__snapshot_add(made, name);
        row->state = (lc_node_state)(i % (LC_NODE_CANCELED + 1));
        row->waits_for = lc__snapshot_text(made, "%s", row->name);
        row->error = lc_error_new(-EIO, "%s", name);
        lc__snapshot_link(made, i / 2, (lc_condition)(i % 3), i & 1, i & 4);
    }
    return lc__snapshot_finish(made);
}

static unsigned lines_of(const char *text)
{
    unsigned count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void no_name_breaks_a_line(void)
{
    lc_snapshot *snapshot = random_snapshot(FUZZ_NAMES);
    const char *text = lc_snapshot_print(snapshot, LC_SNAPSHOT_TEXT);
    CU_ASSERT_EQUAL(lines_of(text), FUZZ_NAMES);
    bool clean = true;
    for (; *text; text++)
        clean &= *text == '\n' || (unsigned char)*text >= ' ';
    CU_ASSERT_TRUE(clean);
    lc_snapshot_free(snapshot);
}

/* How many bytes the character at the beginning has; 0: they are no UTF-8. */
static size_t character_length(const char *bytes)
{
    iconv_t converter = iconv_open("UTF-32LE", "UTF-8");
    size_t found = 0, there = strnlen(bytes, 4);
    if (converter == (iconv_t)-1)
        abort();
    for (size_t length = 1; !found && length <= there; length++) {
        char wide[4], *from = (char *)(uintptr_t)bytes, *to = wide;
        size_t from_left = length, to_left = sizeof wide;
        iconv(converter, NULL, NULL, NULL, NULL);
        if (iconv(converter, &from, &from_left, &to, &to_left) != (size_t)-1)
            found = length;
    }
    iconv_close(converter);
    return found;
}

/*
 * What is to be read back where `bytes` were printed: what is no UTF-8 is replaced, byte by byte.
 */
static void put_well_formed(FILE *out, const char *bytes)
{
    while (*bytes) {
        size_t length = character_length(bytes);
        if (length > 0)
            fwrite(bytes, 1, length, out);
        else
            fputs("\xef\xbf\xbd", out);
        bytes += length > 0 ? length : 1;
    }
    putc('\0', out);
}

/* The three texts of each node that are the program's. */
static char *expected_texts(const lc_snapshot *snapshot)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    for (size_t i = 0; i < snapshot->count; i++) {
        put_well_formed(out, snapshot->nodes[i].name);
        put_well_formed(out, snapshot->nodes[i].waits_for);
        put_well_formed(out, snapshot->nodes[snapshot->links[i].dependency].name);
        put_well_formed(out, lc_error_message(snapshot->nodes[i].error));
    }
    fclose(out);
    return text;
}

static bool same_texts(const char *one, const char *other, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(one, other) != 0)
            return false;
        one += strlen(one) + 1;
        other += strlen(other) + 1;
    }
    return true;
}

static void json_is_read_by_others(void)
{
    lc_snapshot *snapshot = random_snapshot(FUZZ_NAMES);
    const char *json = lc_snapshot_print(snapshot, LC_SNAPSHOT_JSON);
    char *expected = expected_texts(snapshot);
    char *read = filter_text(json, strlen(json),
                             "jq -j '.nodes[] | (.name, .waits_for, .dependencies[0].name, "
                             ".error.message) + \"\\u0000\"'");
    CU_ASSERT_TRUE(same_texts(expected, read, 4 * FUZZ_NAMES));
    free(expected);
    free(read);
    lc_snapshot_free(snapshot);
}

static bool has_form(const regex_t *form, const char *line, size_t length)
{
    regmatch_t whole = {0, (regoff_t)length};
    return regexec(form, line, 1, &whole, REG_STARTEND) == 0 && whole.rm_so == 0 &&
           whole.rm_eo == (regoff_t)length;
}

/* How many lines of the text have none of the forms that a drawing is made of. */
static unsigned odd_lines(const char *text)
{
#define QUOTED "\"([^\"\\]|\\\\.)*\""
    regex_t form;
    if (regcomp(&form,
                "digraph \\{|\\}|  label=" QUOTED ";|  node \\[style=filled\\];"
                "|  n[0-9]+ \\[label=" QUOTED ", shape=[a-z]+, fillcolor=[a-z]+\\];"
                "|  n[0-9]+ -> n[0-9]+ \\[label=\"[a-z]+\", style=\"(solid|dashed)(,bold)?\"\\];",
                REG_EXTENDED) != 0)
        abort();
    unsigned odd = 0;
    for (const char *end; (end = strchr(text, '\n')); text = end + 1)
        odd += !has_form(&form, text, (size_t)(end - text));
    regfree(&form);
    return odd + (*text != '\0');
}

/* Graphviz takes many times longer for each name than the library. */
static void dot_is_well_formed(void)
{
    const unsigned names = check_count(FUZZ_NAMES / 10, FUZZ_NAMES);
    lc_snapshot *snapshot = random_snapshot(names);
    const char *dot = lc_snapshot_print(snapshot, LC_SNAPSHOT_DOT);
    CU_ASSERT_EQUAL(lines_of(dot), 4 + 2 * names);
    CU_ASSERT_EQUAL(odd_lines(dot), 0);
    char *said = filter_text(dot, strlen(dot),
                             "! command -v dot >/dev/null || dot -Tcanon >/dev/null; echo $?");
    CU_ASSERT_STRING_EQUAL(said, "0\n");
    free(said);
    lc_snapshot_free(snapshot);
}

/* ---- memory ---- */

/* @return whether the snapshot was made and printed in each format; if not, that was told. */
static bool make_and_print(void)
{
    struct lc__snapshot *made = lc__snapshot_new("lean", 0, 2, 1);
    if (!made)
        return false;
    lc__snapshot_add(made, "one")->error = lc_error_new(-EIO, "kept");
    lc_node_status *row = lc__snapshot_add(made, "two");
    row->waits_for = lc__snapshot_text(made, "%5000s", "much room");
    lc__snapshot_link(made, 0, LC_WHEN_READY, false, false);
    lc_snapshot *snapshot = lc__snapshot_finish(made);
    if (!snapshot)
        return false;
    bool well = lc_snapshot_print(snapshot, LC_SNAPSHOT_TEXT) != NULL;
    well &= lc_snapshot_print(snapshot, LC_SNAPSHOT_JSON) != NULL;
    well &= lc_snapshot_print(snapshot, LC_SNAPSHOT_DOT) != NULL;
    lc_snapshot_free(snapshot);
    return well;
}

static void no_memory_is_told_and_nothing_leaks(void)
{
    unsigned refused = 0;
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* idle threads of earlier tests */
    for (size_t nth = 1;; nth++) {
        size_t before = lc__memory_in_use();
        lc__memory_fail_at(nth);
        bool well = make_and_print();
        bool failed = lc__memory_has_failed();
        lc__memory_fail_at(0);
        CU_ASSERT_EQUAL(lc__memory_in_use(), before);
        if (!failed) {
            CU_ASSERT_TRUE(well);
            break;
        }
        refused += !well;
        CU_ASSERT_TRUE(nth < 100);
    }
    CU_ASSERT_TRUE(refused >= 10); /* an error that finds no memory is another error, no failure */
}

CHECK_SUITE(snapshots, "unit: snapshots", {"states have names", states_have_names},
            {"a snapshot keeps what it was given", keeps_what_it_was_given},
            {"many texts and long ones are kept", many_and_long_texts_are_kept},
            {"a graph is printed a line a node, with dependencies named", a_graph_as_text},
            {"a tree is printed with children below their parents", a_tree_as_text},
            {"a graph is printed as JSON", a_graph_as_json},
            {"a graph is printed as DOT, from dependant to dependency", a_graph_as_dot},
            {"a tree is printed as DOT and JSON with its parents",
             a_tree_points_from_parent_to_child},
            {"one without nodes is printed", an_empty_one_is_printed},
            {"what was printed stays, other formats are refused", a_text_stays},
            {"a deep tree is printed", a_deep_tree_is_printed},
            {"each format escapes what would break it", each_format_escapes},
            {"no name breaks a line", no_name_breaks_a_line},
            {"JSON with any names is read back by another parser", json_is_read_by_others},
            {"DOT with any names is well formed", dot_is_well_formed},
            {"without memory there is no snapshot, or no text",
             no_memory_is_told_and_nothing_leaks});
