/*
 * examples.c: examples/simulate is a test by itself: it passes, shows how to replay a run, and what a deadlock looks
 * like. The ledger and the tutorial have tests of their own.
 */
#include "support/check.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/** What the example said, all of it, and how it ended. */
struct outcome {
    int status;
    char said[65536];
};

static void run(const char *arguments, struct outcome *outcome)
{
    char command[1024];
    snprintf(command, sizeof command, "exec 2>&1 '%s/examples/simulate' %s", CHECK_BUILD_DIR,
             arguments);
    FILE *output = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(output);
    size_t size = fread(outcome->said, 1, sizeof outcome->said - 1, output);
    outcome->said[size] = '\0';
    outcome->status = WEXITSTATUS(pclose(output));
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

CHECK_SUITE(examples_suite, "project: examples",
            {"simulate finds nothing wrong in 1,000 worlds", passes},
            {"simulate says the same of the same seed", repeats},
            {"simulate shows a deadlock", names_who_waits});
