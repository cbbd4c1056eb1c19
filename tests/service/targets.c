/*
 * targets.c: the programs of tests/targets, which show how the API is to read, do what they say. They
 * are built as a user builds a program, with all warnings as errors.
 */
#include "support/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a program ---- */

struct program {
    FILE *output; /* both streams of it */
    pid_t process;
};

/* Starts it; should the test be lost, the program ends after a minute. */
static bool program_start(struct program *program, const char *name)
{
    char command[512], line[64] = "";
    snprintf(command, sizeof command, "exec 2>&1; echo $$; exec timeout 60 '%s/tests/targets/%s'",
             CHECK_BUILD_DIR, name);
    program->output = popen(command, "r");
    if (!program->output || !fgets(line, sizeof line, program->output))
        return false;
    program->process = (pid_t)strtol(line, NULL, 10); /* of timeout, which passes signals on */
    return program->process > 1;
}

/* Reads on until a line holds the text. @return whether there was one. */
static bool program_says(struct program *program, const char *text)
{
    char line[1024];
    while (fgets(line, sizeof line, program->output))
        if (strstr(line, text))
            return true;
    printf("\n    it never said: %s\n", text);
    return false;
}

/* Reads the rest. @return the exit status; -1: it was ended by a signal. */
static int program_ends(struct program *program)
{
    char line[1024];
    while (fgets(line, sizeof line, program->output))
        continue;
    int status = pclose(program->output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- greeter ---- */

static void greeter_is_restarted(void)
{
    struct program greeter;
    CU_ASSERT_TRUE_FATAL(program_start(&greeter, "greeter"));
    CU_ASSERT_TRUE(program_says(&greeter, "greet: hello 1"));
    CU_ASSERT_TRUE(program_says(&greeter, "greet: hello 2"));
    CU_ASSERT_TRUE(program_says(&greeter, "lost its voice"));
    CU_ASSERT_TRUE(program_says(&greeter, "greet: hello 1"));
    kill(greeter.process, SIGTERM);
    CU_ASSERT_EQUAL(program_ends(&greeter), 0);
}

CHECK_SUITE(service_targets, "service: targets",
            {"greeter is restarted when it loses its voice, and ends by SIGTERM",
             greeter_is_restarted});
