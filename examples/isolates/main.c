/*
 * main.c: counts the words of all files below a directory: options, limits, exit status.
 */
#define _GNU_SOURCE
#include "isolates.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* The exit status for wrong arguments. */
#define EXIT_USAGE 2
/* Descriptors beside those of the files: the standard ones, the walk's, the library's. */
#define DESCRIPTORS_SPARE 32

#define OPEN_DEFAULT 64
#define OPEN_MAX_FILES 100000
#define STEP_DEFAULT 16384
#define STEP_MAX (1 << 20)
#define FAN_IN_DEFAULT 16
#define FAN_IN_MAX 65536

static const char usage[] =
    "usage: isolates [options] DIR\n"
    "\n"
    "Counts the words of the files in DIR and in all directories below it, an isolate for each\n"
    "file, and prints the sum. Symbolic links, and what is no regular file, are left out. A word\n"
    "is what wc(1) takes for one: bytes without white space between them.\n"
    "\n"
    "  --threads N         isolates run on N threads (default: one for each processor)\n"
    "  --open N            at most N files are open at a time (default 64)\n"
    "  --bytes-per-step N  bytes that are read of a file before others have their turn\n"
    "                      (default 16384)\n"
    "  --fan-in N          at most N report to one reducer, 2 or more (default 16)\n"
    "  --quiet             no progress; without it there is some if standard error is a terminal\n"
    "  --help              this\n"
    "\n"
    "Ctrl-Z pauses it, fg goes on. Ctrl-C ends it, and says how far it came.\n"
    "Exit status: 0; 1 if something could not be read, which is named, and the rest counted;\n"
    "2 wrong arguments; 130 Ctrl-C; 143 SIGTERM.\n";

/* ---- options ---- */

static LC_NORETURN void wrong(const char *what, const char *value, const char *right)
{
    fprintf(stderr, "isolates: %s '%s' is wrong: it takes %s (see --help)\n", what, value, right);
    exit(EXIT_USAGE);
}

static size_t number(const char *option, const char *value, size_t least, size_t most)
{
    char right[64];
    const char *mistake = NULL;
    size_t read = (size_t)strtonum(value, (long long)least, (long long)most, &mistake);
    snprintf(right, sizeof right, "a number from %zu to %zu", least, most);
    if (mistake)
        wrong(option, value, right);
    return read;
}

static void take_directory(struct options *options, int count, char **arguments)
{
    struct stat status;
    if (count != 1) {
        fprintf(stderr, "isolates: %s (see --help)\n",
                count == 0 ? "which directory?" : "one directory at a time");
        exit(EXIT_USAGE);
    }
    options->directory = arguments[0];
    if (stat(options->directory, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return;
        errno = ENOTDIR;
    }
    fprintf(stderr, "isolates: %s: %s\n", options->directory, strerror(errno));
    exit(EXIT_USAGE);
}

static void parse(int count, char **arguments, struct options *options)
{
    static const struct option known[] = {{"threads", required_argument, NULL, 't'},
                                          {"open", required_argument, NULL, 'o'},
                                          {"bytes-per-step", required_argument, NULL, 'b'},
                                          {"fan-in", required_argument, NULL, 'f'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case 't':
            options->threads = (unsigned)number("--threads", optarg, 1, LC_EXECUTOR_THREADS_MAX);
            break;
        case 'o':
            options->open = number("--open", optarg, 1, OPEN_MAX_FILES);
            break;
        case 'b':
            options->step = number("--bytes-per-step", optarg, 1, STEP_MAX);
            break;
        case 'f':
            options->fan_in = number("--fan-in", optarg, 2, FAN_IN_MAX);
            break;
        case 'q':
            options->quiet = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        default: /* getopt_long has said what is wrong */
            fputs("Try --help.\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    take_directory(options, count - optind, arguments + optind);
}

/* ---- limits ---- */

/* Checks now that as many files can be open as the options allow, instead of failing later. */
static void check_descriptors(const struct options *options)
{
    struct rlimit limit;
    rlim_t needed = options->open + DESCRIPTORS_SPARE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return;
    limit.rlim_cur = needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return;
    fprintf(
        stderr,
        "isolates: %zu files cannot be open at a time: the limit (ulimit -Hn) is %ju, and %d are "
        "needed for other things\n",
        options->open, (uintmax_t)limit.rlim_max, DESCRIPTORS_SPARE);
    exit(EXIT_USAGE);
}

/* ---- from start to end ---- */

int main(int count, char **arguments)
{
    struct options options = {.step = STEP_DEFAULT, .open = OPEN_DEFAULT, .fan_in = FAN_IN_DEFAULT};
    if (lc_standard_fds_open() != 0)
        return EXIT_FAILURE;
    parse(count, arguments, &options);
    check_descriptors(&options);
    signal(SIGPIPE, SIG_IGN); /* a write without a reader is reported as an error */
    lc_error *error =
        lc_default_executor_configure(LC_EXECUTOR(.name = "isolates", .threads = options.threads));
    if (error)
        fprintf(stderr, "isolates: %s\n", lc_error_message(error));
    int status = error ? EXIT_FAILURE : run(&options);
    lc_error_unref(error);
    if (lc_library_shutdown() != 0)
        status = EXIT_FAILURE; /* it has said what is left */
    return status;
}
