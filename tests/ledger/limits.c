/*
 * limits.c: long lines, many clients, few descriptors, clients that do not read.
 */
#include "ledger/harness.h"
#include "support/check.h"

#include <lifecycle/time.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

/**
 * A ledger that was left at the start of these suites with a client that never reads; see the last
 * of the tests.
 */
static struct {
    char *data;
    struct server *server;
    struct client *client;
} patience;

/** Fills a line: APPEND and x's, `length` bytes in all, without its end. */
static void long_line(char *line, size_t length)
{
    memset(line, 'x', length);
    memcpy(line, "APPEND ", 7);
    line[length] = '\0';
}

static void a_line_has_a_limit(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct client *client = client_new(server);
    static char line[300000];
    long_line(line, LINE_MAX_BYTES);
    CU_ASSERT_STRING_EQUAL(client_ask(client, line), "OK 1");
    const char *kept = client_ask(client, "GET 1");
    CU_ASSERT_EQUAL(strlen(kept), 3 + LINE_MAX_BYTES - 7);
    CU_ASSERT_STRING_EQUAL(kept + 3, line + 7);
    line[LINE_MAX_BYTES] = '\r'; /* belongs to the end of the line, not to the line */
    line[LINE_MAX_BYTES + 1] = '\0';
    CU_ASSERT_STRING_EQUAL(client_ask(client, line), "OK 2");

    static const size_t lengths[] = {
        LINE_MAX_BYTES + 1, LINE_MAX_BYTES + 2, LINE_MAX_BYTES + 3, 8192, 8196, 200000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        long_line(line, lengths[i]);
        CU_ASSERT_STRING_EQUAL(client_ask(client, line), "ERR line too long (limit 4096 bytes)");
        CU_ASSERT_STRING_EQUAL(client_ask(client, "COUNT"), "OK 2");
    }
    client_free(client);
    server_free(server);
    scratch_remove(data);
}

static void clients_have_a_limit(void)
{
    enum { LIMIT = 1000 };
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    static struct client *clients[LIMIT];
    for (unsigned i = 0; i < LIMIT; i++) {
        clients[i] = client_new(server);
        CU_ASSERT_TRUE(client_say(clients[i], "COUNT"));
    }
    for (unsigned i = 0; i < LIMIT; i++)
        CU_ASSERT_STRING_EQUAL_FATAL(client_hear(clients[i]), "OK 0");
    for (unsigned i = 0; i < 3; i++) {
        struct client *extra = client_new(server);
        const char *heard = client_hear(extra);
        CU_ASSERT_STRING_EQUAL(heard, "ERR too many clients (limit 1000)");
        CU_ASSERT_TRUE(client_sees_end(extra));
        client_free(extra);
    }
    /* The others are served as before, all at once, and lose nothing. */
    for (unsigned i = 0; i < LIMIT; i++)
        CU_ASSERT_TRUE(client_say(clients[i], "APPEND x"));
    for (unsigned i = 0; i < LIMIT; i++) {
        const char *heard = client_hear(clients[i]);
        CU_ASSERT_EQUAL(strncmp(heard, "OK ", 3), 0);
    }
    CU_ASSERT_STRING_EQUAL(client_ask(clients[0], "COUNT"), "OK 1000");
    /* A place that is left can be taken. */
    CU_ASSERT_STRING_EQUAL(client_ask(clients[0], "QUIT"), "OK bye");
    client_free(clients[0]);
    CU_ASSERT_TRUE(ask_until(server, "COUNT", "OK 1000"));
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    for (unsigned i = 1; i < LIMIT; i++) {
        CU_ASSERT_TRUE(client_sees_end(clients[i]));
        client_free(clients[i]);
    }
    server_free(server);
    scratch_remove(data);
}

/** Whether the server's end of some connection has its keep-alive timer running. */
static bool keeps_alive(int port)
{
    FILE *table = fopen("/proc/net/tcp", "r");
    char line[512];
    bool found = false;
    while (table && fgets(line, sizeof line, table)) {
        unsigned local = 0, state = 0, timer = 0;
        if (sscanf(line, " %*d: %*x:%x %*x:%*x %x %*x:%*x %x:", &local, &state, &timer) == 3 &&
            local == (unsigned)port && state == 1)
            found = found || timer == 2;
    }
    if (table)
        fclose(table);
    return found;
}

static void a_silent_client_is_dropped(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, &(struct setup){.options = {"--idle", "1"}});
    struct client *silent = client_new(server), *slow = client_new(server);
    CU_ASSERT_STRING_EQUAL(client_ask(silent, "COUNT"), "OK 0");
    CU_ASSERT_TRUE(client_send(slow, "COU", 3)); /* a part of a line is none */
    CU_ASSERT_TRUE(keeps_alive(server->port));
    CU_ASSERT_STRING_EQUAL(client_hear(silent), "ERR no line came for 1 s");
    CU_ASSERT_TRUE(client_sees_end(silent));
    CU_ASSERT_STRING_EQUAL(client_hear(slow), "ERR no line came for 1 s");
    CU_ASSERT_TRUE(client_sees_end(slow));
    client_free(silent);
    client_free(slow);
    CU_ASSERT_STRING_EQUAL(ask(server, "COUNT"), "OK 0");
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

static void too_few_descriptors_are_refused(void)
{
    char *data = scratch_new();
    struct rlimit files = {1024, 1024};
    struct server *server = server_start(data, &(struct setup){.files = &files});
    CU_ASSERT_EQUAL(server->port, 0);
    CU_ASSERT_EQUAL(server_wait(server), 1);
    CU_ASSERT_TRUE(
        server_said(server, "the limit of open files is 1024, but 1000 clients need 2064"));
    server_free(server);

    files = (struct rlimit){64, 4096}; /* a low soft limit is raised */
    server = server_start(data, &(struct setup){.files = &files});
    struct client *clients[200];
    unsigned count = 0;
    bool served = true;
    while (served && count < 200) {
        clients[count] = client_new(server);
        served = strcmp(client_ask(clients[count], "COUNT"), "OK 0") == 0;
        count++;
    }
    CU_ASSERT_TRUE(served);
    while (count > 0)
        client_free(clients[--count]);
    server_free(server);
    scratch_remove(data);
}

/**
 * Has the ledger owe a client more than its connection can hold, none of which the client takes.
 */
static void stuff(struct client *client)
{
    static char line[LINE_MAX_BYTES + 1];
    long_line(line, LINE_MAX_BYTES);
    CU_ASSERT_STRING_EQUAL(client_ask(client, line), "OK 1");
    fcntl(client->socket, F_SETFL, O_NONBLOCK);
    /* Until the ledger takes nothing more, which it does while an answer of its own is stuck. */
    struct pollfd room = {client->socket, POLLOUT, 0};
    do {
        while (client_say(client, "GET 1"))
            continue;
    } while (poll(&room, 1, 100) > 0);
}

static void a_client_that_never_reads_is_left_waiting(void)
{
    patience.data = scratch_new();
    patience.server = server_start(patience.data, NULL);
    patience.client = client_new_narrow(patience.server);
    stuff(patience.client);
    CU_ASSERT_STRING_EQUAL(ask(patience.server, "COUNT"), "OK 1");
    CU_ASSERT_STRING_EQUAL(ask(patience.server, "APPEND others do not notice"), "OK 2");
    CU_ASSERT_FALSE(server_said(patience.server, "did not take its answers"));
}

static void a_client_that_never_reads_is_dropped(void)
{
    if (!patience.server)
        return; /* the test before was not run */
    CU_ASSERT_TRUE(server_says(patience.server, "did not take its answers for 30 s"));
    CU_ASSERT_STRING_EQUAL(ask(patience.server, "APPEND nor now"), "OK 3");
    /* By then the reporter has told of all this. */
    CU_ASSERT_TRUE(server_says(patience.server, "info reporter: report appends=2 "));
    CU_ASSERT_TRUE(server_said(
        patience.server, " clients=1 journal=ready store=ready listener=ready reporter=ready"));
    client_free(patience.client);
    CU_ASSERT_EQUAL(server_end(patience.server, SIGTERM), 0);
    server_free(patience.server);
    scratch_remove(patience.data);
}

static void a_client_that_never_reads_does_not_delay_the_end(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct client *client = client_new_narrow(server);
    stuff(client);
    int64_t begun = lc_now();
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    CU_ASSERT_TRUE(lc_now() - begun < 5 * LC_SECOND);
    CU_ASSERT_TRUE(server_said(server, "did not take its answers for 2 s"));
    client_free(client);
    server_free(server);
    scratch_remove(data);
}

/* fclose has answered 0, and there is no text. */
static void a_status_needs_memory(void)
{
    char *data = scratch_new();
    struct server *server = server_start(
        data, &(struct setup){.preload = "interpose_lack", .environment = {"LACK_MEMSTREAM=1"}});
    struct client *client = client_new(server);
    CU_ASSERT_STRING_EQUAL(client_ask(client, "STATUS"), "ERR no memory for the status");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "COUNT"), "OK 0");
    CU_ASSERT_PTR_NOT_NULL(strstr(client_ask(client, "STATUS JSON"), "\"journal\""));
    client_free(client);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

CHECK_SUITE(limits, "ledger: limits",
            {"a client that never reads is left waiting",
             a_client_that_never_reads_is_left_waiting},
            {"a status for which there is no memory is refused", a_status_needs_memory},
            {"a line has at most 4096 bytes", a_line_has_a_limit},
            {"there are at most 1,000 clients", clients_have_a_limit},
            {"a client that sends no line is dropped, and one that is gone is noticed",
             a_silent_client_is_dropped},
            {"a descriptor limit too low is raised, or refused with the number",
             too_few_descriptors_are_refused},
            {"a client that never reads does not delay the end",
             a_client_that_never_reads_does_not_delay_the_end});

/* Suites run in the order of their titles: this one is last, when the 30 s have passed anyway. */
CHECK_SUITE(patience_end, "waits: the ledger's 30 s for a client that never reads",
            {"it is dropped, and no other client notices", a_client_that_never_reads_is_dropped});
