/*
 * readme.c: what README.md and docs/ show is true. All C code in them compiles, as a program if it
 * has a main, else as a piece of one; what is shown of a file is in that file; programs say what is
 * shown as their output.
 */
#include "support/check.h"

#include <arpa/inet.h>
#include <bsd/string.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARNINGS                                                                                   \
    "-std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wundef -Wcast-qual -Wformat=2 -Wvla "    \
    "-Werror"
/* A piece is missing what surrounds it. */
#define FOR_PIECES                                                                                 \
    "-D_GNU_SOURCE -Wno-unused-function -include errno.h -include fcntl.h -include inttypes.h "    \
    "-include poll.h -include signal.h -include stdio.h -include stdlib.h -include string.h "      \
    "-include time.h "                                                                             \
    "-include unistd.h -include lifecycle.h"
/*
 * What the program in $file is linked with: the library, and what the recipes of docs/blocking.md
 * use.
 */
#define LIBRARIES                                                                                  \
    "\"$build/liblifecycle.a\" $(pkg-config --libs libbsd) -pthread"                               \
    " $(grep -q '#include <sqlite3.h>' \"$file\" && pkg-config --libs sqlite3)"                    \
    " $(grep -q '#include <curl/' \"$file\" && pkg-config --libs libcurl)"

/**
 * Has awk write each piece of C to $dir/NAME-N.c, and what is shown as text after it to
 * $dir/NAME-N.txt.
 */
static const char extract[] =
    "awk -v dir=\"$dir\" '"
    "FNR == 1 { n = 0; name = FILENAME; gsub(/.*\\/|\\.md$/, \"\", name) }"
    "/^```/ { code = $0 == \"```c\"; n += code; inside = n > 0 && (code || $0 == \"```text\");"
    " out = dir \"/\" name \"-\" n (code ? \".c\" : \".txt\"); next }"
    "inside { print > out }' README.md docs/*.md";

/**
 * Has awk say which pieces that are shown as of a file ("```c FILE") are not there in one piece.
 */
static const char compare[] =
    "awk '/^```c ./ { path = $2; piece = \"\"; inside = 1; n++; next }"
    "/^```/ && inside { inside = 0; whole = \"\";"
    " while ((getline line < path) > 0) whole = whole line \"\\n\"; close(path);"
    " if (!index(whole, piece)) { print FILENAME \": is not in \" path \":\\n\" piece; bad = 1 } }"
    "inside { piece = piece $0 \"\\n\" }"
    "END { exit bad || n < 10 }' README.md docs/*.md";

/** Where everything is put. */
static char dir[32];

/**
 * Opens a pipe from a shell command, run in the source directory; a sanitizer's library is no
 * user's.
 */
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
                                  " " LIBRARIES "; done")));
    end();
}

static void shows_files_as_they_are(void)
{
    CU_ASSERT_TRUE(succeeds(shell("%s", compare)));
}

static void keeps_to_its_length(void)
{
    CU_ASSERT_TRUE(succeeds(shell("test $(wc -l <README.md) -le 200;"
                                  " test $(wc -l <examples/line/line.c) -le 150")));
}

/**
 * Takes the time off a record, and the digits off durations, which a busy machine lengthens:
 * "failed after 1.5 s" is as good as 1.6 s.
 * @return the rest, in the line itself; NULL if the line is no record.
 */
static char *reduce_record(char *line)
{
    char *record = strncmp(line, "20", 2) == 0 ? strchr(line, ' ') : NULL, *out = record;
    for (char *in = record; in && *in; in++) {
        size_t number = strspn(in, "0123456789.");
        if (number > 0 && strncmp(in + number, " s", 2) == 0)
            in += number;
        *out++ = *in;
    }
    if (out)
        *out = '\0';
    return record;
}

/** The next record that is shown; "" at the end. */
static const char *next_shown(FILE *text)
{
    static char line[256];
    char *record;
    while (fgets(line, sizeof line, text))
        if ((record = reduce_record(line)) != NULL)
            return record;
    return "";
}

/**
 * Runs a program; interrupts it where that is shown. It may say more than what is shown, which is
 * four records at the least.
 */
static void says(const char *program)
{
    FILE *text = shell("cat \"$dir/%s.txt\"", program);
    FILE *output = shell("file=\"$dir/%s.c\"; cc -Iinclude -o \"$dir/program\" \"$file\" " LIBRARIES
                         "; echo $$; exec timeout 60 \"$dir/program\"",
                         program);
    CU_ASSERT_TRUE_FATAL(text != NULL && output != NULL);
    char said[256] = "";
    CU_ASSERT_TRUE(fgets(said, sizeof said, output) != NULL);
    pid_t process = (pid_t)strtol(said, NULL, 10);
    CU_ASSERT_TRUE_FATAL(process > 1);

    unsigned found = 0;
    const char *shown = next_shown(text);
    while (*shown && fgets(said, sizeof said, output)) {
        const char *record = reduce_record(said);
        if (!record || strcmp(record, shown) != 0)
            continue; /* it may go on once more before the signal is there */
        shown = next_shown(text);
        found++;
        if (strstr(shown, "received SIGINT"))
            kill(process, SIGINT);
    }
    CU_ASSERT_TRUE(found >= 4);
    CU_ASSERT_STRING_EQUAL(shown, "");
    CU_ASSERT_EQUAL(pclose(output), 0);
    pclose(text);
}

static void says_what_it_says(void)
{
    CU_ASSERT_TRUE_FATAL(begin());
    CU_ASSERT_TRUE(succeeds(shell("cmp tests/targets/greeter.c \"$dir/README-1.c\"")));
    says("README-1");
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
        says(program); /* the graph, the tree */
        programs++;
    }
    pclose(found);
    CU_ASSERT_EQUAL(programs, 2);
    end();
}

/** The name of the program of docs/blocking.md that includes the header. */
static void find_recipe(const char *header, char *program, int size)
{
    FILE *found =
        shell("cd \"$dir\"; grep -l '#include <%s>' blocking-*.c | sed 's/\\.c$//'", header);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(program, size, found));
    program[strcspn(program, "\n")] = '\0';
    pclose(found);
}

static void recipe_uses_sqlite(void)
{
    char program[64];
    CU_ASSERT_TRUE_FATAL(begin());
    find_recipe("sqlite3.h", program, sizeof program);
    says(program);
    end();
}

/** Listens on a free port of 127.0.0.1. */
static int open_web_server(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
    CU_ASSERT_EQUAL(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return listener;
}

static void answer_one_request(int listener)
{
    static const char page[] = "HTTP/1.0 200 OK\r\n\r\nthe page\n";
    char request[4096];
    struct pollfd caller = {.fd = listener, .events = POLLIN};
    CU_ASSERT_EQUAL_FATAL(poll(&caller, 1, 60 * 1000), 1);
    int connection = accept(listener, NULL, NULL);
    CU_ASSERT_TRUE(read(connection, request, sizeof request) > 0);
    CU_ASSERT_EQUAL(write(connection, page, sizeof page - 1), (ssize_t)sizeof page - 1);
    close(connection);
}

static void recipe_fetches_a_page(void)
{
    char program[64], line[1024], said[8192] = "";
    unsigned port;
    CU_ASSERT_TRUE_FATAL(begin());
    find_recipe("curl/curl.h", program, sizeof program);
    int listener = open_web_server(&port);
    FILE *output = shell("file=\"$dir/%s.c\"; cc -Iinclude -o \"$dir/program\" \"$file\" " LIBRARIES
                         "; exec timeout 60 \"$dir/program\" http://127.0.0.1:%u/",
                         program, port);
    CU_ASSERT_PTR_NOT_NULL_FATAL(output);
    answer_one_request(listener);
    while (fgets(line, sizeof line, output))
        strlcat(said, line, sizeof said);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "the page\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, " info fetch: status 200\n"));
    CU_ASSERT_EQUAL(pclose(output), 0);
    close(listener);
    end();
}

CHECK_SUITE(readme_suite, "project: readme",
            {"all C code of the README and docs/ compiles", compiles},
            {"what is shown of a file is in that file", shows_files_as_they_are},
            {"the README has 200 lines at most, the tutorial's server 150", keeps_to_its_length},
            {"the README's program says what the README says", says_what_it_says},
            {"the guide's programs say what the guide says", guide_says_what_it_says},
            {"the recipe for SQLite asks a database, and a stop interrupts it", recipe_uses_sqlite},
            {"the recipe for libcurl fetches a page", recipe_fetches_a_page});
