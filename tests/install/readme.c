/*
 * readme.c: what README.md and docs/ show is true. All C code in them compiles, as a program if it has a main, else as
 * a piece of one; the programs of the README and the guide say what these say; the tutorial ends in
 * examples/tutorial.c.
 */
#include "support/check.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define WARNINGS                                                                                   \
    "-std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wundef -Wcast-qual -Wwrite-strings "     \
    "-Wformat=2 -Wvla -Werror"
/* A piece is missing what surrounds it. */
#define FOR_PIECES                                                                                 \
    "-D_GNU_SOURCE -Wno-unused-function -include errno.h -include fcntl.h -include poll.h "        \
    "-include signal.h -include stdio.h -include stdlib.h -include string.h -include unistd.h "    \
    "-include lifecycle.h"

/** Has awk write each piece of C to $dir/NAME-N.c, and what is shown as text after it to $dir/NAME-N.txt. */
static const char extract[] =
    "awk -v dir=\"$dir\" '"
    "FNR == 1 { n = 0; name = FILENAME; gsub(/.*\\/|\\.md$/, \"\", name) }"
    "/^```/ { code = $0 == \"```c\"; n += code; inside = n > 0 && (code || $0 == \"```text\");"
    " out = dir \"/\" name \"-\" n (code ? \".c\" : \".txt\"); next }"
    "inside { print > out }' README.md docs/*.md";

/** Where everything is put. */
static char dir[32];

/** Opens a pipe from a shell command, run in the source directory; a sanitizer's library is no user's. */
static FILE *shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static FILE *shell(const char *format, ...)
{
    char command[2048], whole[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    snprintf(whole, sizeof whole,
             "exec 2>&1; cd '%s'; dir='%s'; build='%s%s'; unset MAKEFLAGS MFLAGS MAKELEVEL "
             "MAKEOVERRIDES BUILD VARIANT LD_PRELOAD; set -e; %s",
             CHECK_SOURCE_DIR, dir, CHECK_BUILD_DIR, *CHECK_VARIANT ? "/plain" : "", command);
    return popen(whole, "r");
}

/** Waits for the command and shows what it says. @return whether its exit status is 0. */
static bool succeeds(FILE *output)
{
    char line[1024];
    while (output && fgets(line, sizeof line, output))
        printf("  %s", line);
    return output && pclose(output) == 0;
}

/** Takes all C out of the documents; makes an ordinary library, if the one under test is none. */
static bool begin(void)
{
    snprintf(dir, sizeof dir, "/tmp/lifecycle-readme-XXXXXX");
    return mkdtemp(dir) && succeeds(shell("%s", extract)) &&
           (!*CHECK_VARIANT || succeeds(shell("make -s CC=cc BUILD=\"$build\" libraries")));
}

static void end(void)
{
    CU_ASSERT_TRUE(succeeds(shell("rm -r \"$dir\"")));
}

static void compiles(void)
{
    CU_ASSERT_TRUE_FATAL(begin());
    CU_ASSERT_TRUE(
        succeeds(shell("for file in \"$dir\"/*.c; do"
                       " grep -q 'int main(' \"$file\" && continue;"
                       " cc " WARNINGS " " FOR_PIECES " -Iinclude -fsyntax-only \"$file\";"
                       " done")));
    CU_ASSERT_TRUE(succeeds(shell("for file in $(grep -l 'int main(' \"$dir\"/*.c); do"
                                  " cc " WARNINGS " -Iinclude -o \"$dir/program\" \"$file\""
                                  " \"$build/liblifecycle.a\" $(pkg-config --libs libbsd) -pthread;"
                                  " done")));
    end();
}

static void tutorial_ends_in_the_example(void)
{
    CU_ASSERT_TRUE_FATAL(begin());
    CU_ASSERT_TRUE(succeeds(shell("cmp examples/tutorial.c \"$dir/tutorial-4.c\"")));
    end();
}

/** The next record that is shown, without its time; "" at the end. */
static const char *next_shown(FILE *text)
{
    static char line[256];
    while (fgets(line, sizeof line, text))
        if (strncmp(line, "20", 2) == 0 && strchr(line, ' '))
            return strchr(line, ' ');
    return "";
}

/** Runs a program; interrupts it where that is shown. It may say more than what is shown. */
static void says(const char *program, unsigned records)
{
    FILE *text = shell("cat \"$dir/%s.txt\"", program);
    FILE *output = shell("cc -Iinclude -o \"$dir/%s\" \"$dir/%s.c\" \"$build/liblifecycle.a\""
                         " $(pkg-config --libs libbsd) -pthread;"
                         " echo $$; exec timeout 60 \"$dir/%s\"",
                         program, program, program);
    CU_ASSERT_TRUE_FATAL(text != NULL && output != NULL);
    char said[256] = "";
    CU_ASSERT_TRUE(fgets(said, sizeof said, output) != NULL);
    pid_t process = (pid_t)strtol(said, NULL, 10);
    CU_ASSERT_TRUE_FATAL(process > 1);

    unsigned found = 0;
    const char *shown = next_shown(text);
    while (*shown && fgets(said, sizeof said, output)) {
        const char *record = strchr(said, ' ');
        if (!record || strcmp(record, shown) != 0)
            continue; /* it may go on once more before the signal is there */
        shown = next_shown(text);
        found++;
        if (strstr(shown, "received SIGINT"))
            kill(process, SIGINT);
    }
    CU_ASSERT_EQUAL(found, records);
    CU_ASSERT_STRING_EQUAL(shown, "");
    CU_ASSERT_EQUAL(pclose(output), 0);
    pclose(text);
}

static void says_what_it_says(void)
{
    CU_ASSERT_TRUE_FATAL(begin());
    says("README-1", 5);
    end();
}

static void guide_says_what_it_says(void)
{
    CU_ASSERT_TRUE_FATAL(begin());
    char program[64];
    unsigned programs = 0;
    FILE *found = shell("cd \"$dir\"; grep -l 'int main(' guide-*.c | sed 's/\\.c$//'");
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    while (fgets(program, sizeof program, found)) {
        program[strcspn(program, "\n")] = '\0';
        says(program, programs == 0 ? 9 : 6); /* the graph, the tree */
        programs++;
    }
    pclose(found);
    CU_ASSERT_EQUAL(programs, 2);
    end();
}

CHECK_SUITE(readme_suite, "project: readme",
            {"all C code of the README and docs/ compiles", compiles},
            {"the tutorial ends in examples/tutorial.c", tutorial_ends_in_the_example},
            {"the README's program says what the README says", says_what_it_says},
            {"the guide's programs say what the guide says", guide_says_what_it_says});
