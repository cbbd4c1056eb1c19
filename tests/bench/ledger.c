/*
 * ledger.c: appends to a running ledger, by 1 and by 100 clients, beside the limit: a bare loop of
 * write and fdatasync on the same disk.
 */
#include "bench/bench.h"

#include <lifecycle.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = CHECK_BUILD_DIR "/bench-XXXXXX";
static char data[sizeof directory + 16];
static pid_t server;
static int port;

static const char line[] = "APPEND a line of an ordinary length, as a client would send it\n";

/* ---- the server ---- */

static int read_port(int from)
{
    FILE *log = fdopen(from, "r");
    char text[1024];
    int found = 0;
    while (log && !found && fgets(text, sizeof text, log)) {
        char *at = strstr(text, "listening on 127.0.0.1:");
        if (at)
            found = (int)strtol(at + strlen("listening on 127.0.0.1:"), NULL, 10);
    }
    return found; /* the stream stays open: the ledger goes on writing to it */
}

static void start_server(void)
{
    int pipes[2];
    if (!mkdtemp(directory) || pipe(pipes) != 0)
        bench_fail("no place for the ledger's data");
    snprintf(data, sizeof data, "%s/data", directory);
    server = fork();
    if (server == 0) {
        dup2(pipes[1], STDERR_FILENO);
        execl(CHECK_BUILD_DIR "/examples/ledger", "ledger", "--port", "0", "--data", data,
              (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    port = read_port(pipes[0]);
    if (!port)
        bench_fail("the ledger does not listen");
}

static void stop_server(void)
{
    char command[sizeof directory + 16];
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command) != 0)
        bench_fail(command);
}

/* ---- clients: each sends a line and waits for its answer before the next ---- */

static int connect_client(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    if (client < 0 || connect(client, (struct sockaddr *)&address, sizeof address) != 0)
        bench_fail("cannot connect to the ledger");
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return client;
}

static void send_line(int client)
{
    if (send(client, line, sizeof line - 1, MSG_NOSIGNAL) != (ssize_t)(sizeof line - 1))
        bench_fail("cannot send to the ledger");
}

static void receive_answer(int client)
{
    char answer[256];
    ssize_t got = recv(client, answer, sizeof answer, 0);
    if (got < 3 || strncmp(answer, "OK ", 3) != 0)
        bench_fail("the ledger did not answer OK");
}

/* Nanoseconds for an append, all clients together, over at least half a second. */
static double append(size_t clients)
{
    struct pollfd *waiting = calloc(clients, sizeof *waiting);
    for (size_t i = 0; i < clients; i++)
        waiting[i] = (struct pollfd){connect_client(), POLLIN, 0};
    size_t answered = 0;
    int64_t begin = bench_now();
    for (size_t i = 0; i < clients; i++)
        send_line(waiting[i].fd);
    while (bench_now() - begin < LC_SECOND / 2) {
        if (poll(waiting, clients, -1) < 0)
            bench_fail("poll");
        for (size_t i = 0; i < clients; i++) {
            if (!waiting[i].revents)
                continue;
            receive_answer(waiting[i].fd);
            answered++;
            send_line(waiting[i].fd);
        }
    }
    double took = (double)(bench_now() - begin);
    for (size_t i = 0; i < clients; i++) {
        receive_answer(waiting[i].fd);
        close(waiting[i].fd);
    }
    free(waiting);
    return took / (double)answered;
}

/* ---- the limit ---- */

static double write_and_sync(size_t clients)
{
    (void)clients;
    char path[sizeof directory + 16];
    snprintf(path, sizeof path, "%s/bare", directory);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    size_t written = 0;
    int64_t begin = bench_now();
    while (file >= 0 && bench_now() - begin < LC_SECOND / 2) {
        if (write(file, line, sizeof line - 1) < 0 || fdatasync(file) != 0)
            bench_fail("write and fdatasync");
        written++;
    }
    double took = (double)(bench_now() - begin);
    close(file);
    unlink(path);
    return took / (double)written;
}

void bench_ledger(void)
{
    if (!bench_wants("ledger_append_1") && !bench_wants("ledger_append_100"))
        return;
    start_server();
    bench_add(
        &(struct bench_figure){"ledger_append_1", 1, append, "write+fdatasync", write_and_sync});
    bench_add(&(struct bench_figure){"ledger_append_100", 100, append, "write+fdatasync",
                                     write_and_sync});
}

void bench_ledger_end(void)
{
    if (server > 0)
        stop_server();
}
