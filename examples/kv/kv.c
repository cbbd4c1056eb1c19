/* kv.c: options, and the components as a graph. See docs/kv.md. */
#include "kv.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] = "usage: kv [--listen HOST] [--port N] [--data FILE]\n";
enum { LISTEN, PORT, DATA, HELP };
static const struct option options[] = {{"listen", required_argument, NULL, LISTEN},
                                        {"port", required_argument, NULL, PORT},
                                        {"data", required_argument, NULL, DATA},
                                        {"help", no_argument, NULL, HELP},
                                        {NULL, 0, NULL, 0}};

int main(int count, char **arguments)
{
    const char *values[] = {[LISTEN] = "127.0.0.1", [PORT] = "8080", [DATA] = "kv.db"};
    int option;
    while ((option = getopt_long(count, arguments, "", options, NULL)) != -1 && option <= DATA)
        values[option] = optarg;
    if (option != -1 || optind < count) {
        fputs(usage, option == HELP ? stdout : stderr);
        return option == HELP ? 0 : 2;
    }
    struct kv kv = {.host = values[LISTEN],
                    .port = values[PORT],
                    .writer = {values[DATA], lc_watch_new()},
                    .reader = {values[DATA], lc_watch_new()}};
    int status = lc_service_main(
        LC_SERVICE(.name = "kv",
                   .nodes = LC_NODES(LC_NODE(.name = "writer", .run = store_run, .arg = &kv.writer,
                                             .first_start = LC_SHUTDOWN),
                                     LC_NODE(.name = "reader", .run = store_run, .arg = &kv.reader,
                                             .needs = {"writer"}),
                                     LC_NODE(.name = "listener", .run = server_run, .arg = &kv,
                                             .kind = LC_FIBER, .first_start = LC_SHUTDOWN,
                                             .needs = {"writer", "reader"}))));
    lc_watch_unref(kv.writer.queue);
    lc_watch_unref(kv.reader.queue);
    return status;
}
