/*
 * main.c: the ledger's options, the limits it needs, and the order in which things are made and
 * freed.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

/** A session has its socket, and while it reads from the journal one more. */
#define DESCRIPTORS_PER_CLIENT 2
/**
 * The standard ones, the journal, the listener, a client being refused, what the library waits
 * with.
 */
#define DESCRIPTORS_SPARE 64
#define DESCRIPTORS_NEEDED (LEDGER_CLIENTS_MAX * DESCRIPTORS_PER_CLIENT + DESCRIPTORS_SPARE)

/** The exit status for options that cannot be right. */
#define EXIT_USAGE 2

static const char usage[] =
    "usage: ledger [--listen ADDR] [--port N] [--data DIR] [--idle SECONDS] [--allow-fail] "
    "[--help]\n"
    "\n"
    "Keeps lines on disk for clients that connect by TCP.\n"
    "\n"
    "  --listen ADDR  the IPv4 or IPv6 address to listen on (default 127.0.0.1)\n"
    "  --port N       the port, 0 to 65535; 0 picks a free one (default 7070)\n"
    "  --data DIR     the directory of the journal, made if missing (default ./ledger-data)\n"
    "  --idle SECONDS how long a client may send no line, 1 to 86400 (default 600)\n"
    "  --allow-fail   let clients FAIL components, to watch what happens\n"
    "\n"
    "Commands, one a line: APPEND text, GET n, COUNT, STATUS [DOT|JSON], FAIL component behavior,\n"
    "QUIT.\n"
    "SIGTERM or Ctrl-C ends it.\n"
    "Exit status: 0 ended by a signal, 1 by an error, 2 wrong options, 75 after a spin-halt.\n";

/* ---- options ---- */

static _Noreturn void wrong_option(const char *option, const char *value, const char *right)
{
    lc_log(LC_LOG_ERROR, "ledger", "%s '%s' is wrong: it takes %s", option, value, right);
    exit(EXIT_USAGE);
}

static void set_address(struct config *config, const char *listen, const char *port)
{
    const char *wrong = NULL;
    long long number = strtonum(port, 0, 65535, &wrong);
    if (wrong)
        wrong_option("--port", port, "a number from 0 to 65535");
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    int result = *listen == '\0' ? EAI_NONAME : getaddrinfo(listen, NULL, &hints, &found);
    if (result == EAI_MEMORY || result == EAI_SYSTEM || result == EAI_AGAIN) {
        lc_log(LC_LOG_ERROR, "ledger", "cannot read the address %s: %s", listen,
               result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result));
        exit(EXIT_FAILURE);
    }
    if (result != 0)
        wrong_option("--listen", listen, "an IPv4 or IPv6 address, such as 127.0.0.1 or ::1");
    freeaddrinfo(found);
    config->host = listen;
    snprintf(config->port, sizeof config->port, "%lld", number);
}

static void set_idle(struct config *config, const char *seconds)
{
    const char *wrong = NULL;
    config->idle = strtonum(seconds, 1, 86400, &wrong) * LC_SECOND;
    if (wrong)
        wrong_option("--idle", seconds, "a number of seconds from 1 to 86400");
}

static void parse_options(int count, char **arguments, struct config *config)
{
    static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"data", required_argument, NULL, 'd'},
                                            {"allow-fail", no_argument, NULL, 'f'},
                                            {"idle", required_argument, NULL, 'i'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *listen = "127.0.0.1";
    const char *port = "7070";
    config->data = "ledger-data";
    config->idle = 10 * LC_MINUTE;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'l':
            listen = optarg;
            break;
        case 'p':
            port = optarg;
            break;
        case 'd':
            config->data = optarg;
            break;
        case 'i':
            set_idle(config, optarg);
            break;
        case 'f':
            config->allow_fail = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        default: /* getopt_long has said what is wrong */
            fputs(usage, stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < count)
        wrong_option("the argument", arguments[optind], "no arguments, only options (see --help)");
    if (*config->data == '\0')
        wrong_option("--data", config->data, "the path of a directory");
    set_address(config, listen, port);
}

/* ---- limits ---- */

/**
 * Sees to it that the last of the clients can still be served: running short later would be a
 * riddle.
 */
static lc_error *raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return lc_error_new_errno(errno, "cannot ask for the limit of open files");
    if (limit.rlim_cur >= DESCRIPTORS_NEEDED)
        return NULL;
    if (limit.rlim_max < DESCRIPTORS_NEEDED)
        return lc_error_new(
            -EMFILE,
            "the limit of open files is %ju, but %d clients need %d: raise the hard "
            "limit (ulimit -Hn, LimitNOFILE=)",
            (uintmax_t)limit.rlim_max, LEDGER_CLIENTS_MAX, DESCRIPTORS_NEEDED);
    limit.rlim_cur = DESCRIPTORS_NEEDED;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return lc_error_new_errno(errno, "cannot raise the limit of open files to %d",
                                  DESCRIPTORS_NEEDED);
    return NULL;
}

/* ---- from start to end ---- */

int main(int count, char **arguments)
{
    static struct ledger ledger;
    /* Before a file is opened: the journal must not get the number of standard error. */
    if (lc_standard_fds_open() != 0)
        return EXIT_FAILURE;
    parse_options(count, arguments, &ledger.config);
    /*
     * A file that may not grow, and a log without a reader, are errors that are reported. They do
     * not end the process.
     */
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);

    int status = EXIT_FAILURE;
    journal_init(&ledger.journal);
    lc_error *error = raise_descriptor_limit();
    if (!error)
        error = lc_channel_new(LC_CHANNEL(.capacity = LEDGER_CLIENTS_MAX), &ledger.requests);
    if (!error)
        status = graph_run(&ledger);
    else
        lc_log(LC_LOG_CRITICAL, "ledger", "cannot start: %s", lc_error_message(error));
    lc_error_unref(error);
    lc_channel_unref(ledger.requests);
    journal_free(&ledger.journal);
    return status;
}
