/*
 * readme.c: what README.md and docs/ show is true. All C code in them compiles, as a program if it has a main, else as
 * a piece of one; the README's program says what the README says; the tutorial ends in examples/tutorial.c.
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

/** What becomes of each piece of C, which awk writes to $dir/NAME-N.c. */
static const char extract[] =
    "awk -v dir=\"$dir\" '"
    "FNR == 1 { n = 0; name = FILENAME; gsub(/.*\\/|\\.md$/, \"\", name) }"
    "/^```/ { inside = $0 == \"```c\"; if (inside) out = dir \"/\" name \"-\" ++n \".c\"; next }"
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

/** The next record that the README shows, without its time; "" at the end. */
static const char *next_shown(FILE *readme)
{
    static char line[256];
    while (fgets(line, sizeof line, readme))
        if (strncmp(line, "20", 2) == 0 && strchr(line, ' '))
            return strchr(line, ' ');
    return "";
}

static void says_what_it_says(void)
{
    CU_ASSERT_TRUE_FATAL(begin());
    FILE *readme = shell("cat README.md");
    FILE *greeter =
        shell("cc -Iinclude -o \"$dir/greeter\" \"$dir/README-1.c\" \"$build/liblifecycle.a\""
              " $(pkg-config --libs libbsd) -pthread; echo $$; exec timeout 60 \"$dir/greeter\"");
    CU_ASSERT_TRUE_FATAL(readme != NULL && greeter != NULL);
    char said[256] = "";
    CU_ASSERT_TRUE(fgets(said, sizeof said, greeter) != NULL);
    pid_t process = (pid_t)strtol(said, NULL, 10);
    CU_ASSERT_TRUE_FATAL(process > 1);

    unsigned found = 0;
    const char *shown = next_shown(readme);
    while (*shown && fgets(said, sizeof said, greeter)) {
        const char *text = strchr(said, ' ');
        if (!text || strcmp(text, shown) != 0)
            continue; /* it may greet once more before the signal is there */
        shown = next_shown(readme);
        found++;
        if (strstr(shown, "received SIGINT"))
            kill(process, SIGINT);
    }
    CU_ASSERT_EQUAL(found, 5);
    CU_ASSERT_STRING_EQUAL(shown, "");
    CU_ASSERT_EQUAL(pclose(greeter), 0);
    pclose(readme);
    end();
}

CHECK_SUITE(readme_suite, "project: readme",
            {"all C code of the README and docs/ compiles", compiles},
            {"the tutorial ends in examples/tutorial.c", tutorial_ends_in_the_example},
            {"the README's program says what the README says", says_what_it_says});
