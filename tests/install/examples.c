/*
 * examples.c: examples/simulate is a test by itself: it passes, shows how to replay a run, and what
 * a deadlock looks like. examples/tree shows a tree in which one part breaks and comes back, and
 * the others do not notice. examples/line has its test beside it. The ledger has tests of its own.
 */
#include "support/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/** What the example said, all of it, and how it ended. */
struct outcome {
    int status;
    char said[65536];
};

static void run_example(const char *name, const char *arguments, struct outcome *outcome)
{
    char command[1024];
    snprintf(command, sizeof command, "exec 2>&1; exec '%s/examples/%s' %s", CHECK_BUILD_DIR, name,
             arguments);
    FILE *output = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(output);
    size_t size = fread(outcome->said, 1, sizeof outcome->said - 1, output);
    outcome->said[size] = '\0';
    outcome->status = WEXITSTATUS(pclose(output));
}

static void run(const char *arguments, struct outcome *outcome)
{
    run_example("simulate", arguments, outcome);
}

static void passes(void)
{
    static struct outcome all;
    run("", &all);
    CU_ASSERT_EQUAL(all.status, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(all.said, "1000 runs, 0 failed: "));
    if (all.status != 0)
        printf("%s", all.said);
}

static void repeats(void)
{
    static struct outcome first, second;
    for (unsigned seed = 1; seed <= 32; seed++) { /* of each kind one at least */
        char argument[16];
        snprintf(argument, sizeof argument, "%u", seed);
        run(argument, &first);
        run(argument, &second);
        CU_ASSERT_EQUAL(first.status, 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(first.said, "as it should be"));
        CU_ASSERT_STRING_EQUAL(first.said, second.said);
    }
}

static void names_who_waits(void)
{
    static struct outcome stuck;
    run("--deadlock", &stuck);
    CU_ASSERT_EQUAL(stuck.status, 1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(stuck.said, "error client: waits for ever in a deadlock, for: channel: send"));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        stuck.said, "they wait for: \"client\" (channel: send), \"backend\" (channel: receive)"));
}

/** What was seen of the tree. */
struct seen {
    bool broken;  /* the feed's connection */
    bool pausing; /* before its restart, in a snapshot */
    bool back;    /* the feed is ready again */
    unsigned snapshots;
    unsigned undisturbed; /* snapshots in which the web is as it was */
    bool disturbed;       /* it was told of as anything but starting and ready, before the end */
};

static void look(struct seen *seen, const char *line)
{
    if (strstr(line, "root.feed: dead: the connection is broken"))
        seen->broken = true;
    if (strstr(line, "-- root.feed ") && strstr(line, " back-off "))
        seen->pausing = true;
    if (seen->pausing && strstr(line, "root.feed: ready"))
        seen->back = true;
    if (strncmp(line, "root ", 5) == 0)
        seen->snapshots++;
    if (strstr(line, "|-- root.web ") && strstr(line, " ready ") && strstr(line, "  instance 1\n"))
        seen->undisturbed++;
    if (strstr(line, " root.web: ") && !strstr(line, "starting") && !strstr(line, "ready"))
        seen->disturbed = true;
}

/** Lets the example run until `enough` is true, and ends it by the signal. */
static void watch_tree(struct seen *seen, const bool *enough, int signal)
{
    char line[1024] = "", last[1024] = "";
    FILE *output =
        popen("echo $$; exec 2>&1; exec timeout 120 '" CHECK_BUILD_DIR "/examples/tree'", "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(output);
    CU_ASSERT_TRUE(fgets(line, sizeof line, output) != NULL);
    pid_t process = (pid_t)strtol(line, NULL, 10);
    CU_ASSERT_TRUE_FATAL(process > 1);
    while (!*enough && fgets(line, sizeof line, output))
        look(seen, line);
    CU_ASSERT_TRUE(*enough);
    kill(process, signal);
    while (fgets(line, sizeof line, output))
        memcpy(last, line, sizeof last);
    CU_ASSERT_PTR_NOT_NULL(strstr(last, "notice tree: ended"));
    CU_ASSERT_EQUAL(pclose(output), 0);
}

static void shows_a_tree(void)
{
    struct seen seen = {0}, short_seen = {0};
    watch_tree(&seen, &seen.back, SIGTERM);
    CU_ASSERT_TRUE(seen.broken);
    CU_ASSERT_FALSE(seen.disturbed);
    CU_ASSERT_TRUE(seen.snapshots > 0);
    CU_ASSERT_EQUAL(seen.undisturbed, seen.snapshots);
    watch_tree(&short_seen, &short_seen.broken, SIGINT);
}

static void line_passes_its_test(void)
{
    static struct outcome all;
    run_example("line_test", "", &all);
    CU_ASSERT_EQUAL(all.status, 0);
    if (all.status != 0)
        printf("%s", all.said);
}

CHECK_SUITE(examples_suite, "project: examples",
            {"simulate finds nothing wrong in 1,000 worlds", passes},
            {"simulate says the same of the same seed", repeats},
            {"simulate shows a deadlock", names_who_waits},
            {"tree shows how a part of it breaks and comes back", shows_a_tree},
            {"line passes the test beside it", line_passes_its_test});
