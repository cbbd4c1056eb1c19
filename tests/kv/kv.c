/*
 * kv.c: examples/kv as a process, by clients on real sockets: its HTTP, byte for byte, and what it
 * keeps when it is stopped or killed under load. Its own test, in simulations, is run as well.
 */
#include "ledger/harness.h"
#include "support/check.h"

#include <lifecycle/handle.h>
#include <lifecycle/time.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char program[] = CHECK_BUILD_DIR "/examples/kv";

/** Starts a store and waits until it listens. */
static struct server *kv_start(const char *data)
{
    const char *arguments[] = {program, "--port", "0", "--data", data, NULL};
    struct server *server = server_spawn((char *const *)(uintptr_t)arguments, NULL);
    static const char listens[] = "listening on 127.0.0.1, port ";
    if (server_says(server, listens)) {
        pthread_mutex_lock(&server->lock);
        server->port = (int)strtol(strstr(server->log, listens) + strlen(listens), NULL, 10);
        pthread_mutex_unlock(&server->lock);
    }
    return server;
}

/* ---- HTTP ---- */

/** Sends bytes on a connection of its own and receives until its end. @return what, for free. */
static char *talk(const struct server *server, const char *bytes, size_t length)
{
    struct client *client = client_new(server);
    struct timeval patience = {.tv_sec = 30};
    setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    client_send(client, bytes, length);
    char *heard = NULL;
    size_t size = 0;
    FILE *all = open_memstream(&heard, &size);
    ssize_t got = 0;
    while ((got = recv(client->socket, client->received, sizeof client->received, 0)) > 0)
        fwrite(client->received, 1, (size_t)got, all);
    CU_ASSERT_EQUAL(got, 0); /* an orderly end */
    fclose(all);
    client_free(client);
    return heard;
}

static void check_talk(const struct server *server, const char *what, const char *said,
                       size_t length, const char *wanted)
{
    char *heard = talk(server, said, length);
    CU_ASSERT_STRING_EQUAL(heard, wanted);
    if (strcmp(heard, wanted) != 0)
        printf("\n%s: heard\n%s\n", what, heard);
    free(heard);
}

#define V "HTTP/1.1\r\nHost: kv\r\n"
#define CLOSE "Connection: close\r\n"
#define ANSWER(status, length) "HTTP/1.1 " status "\r\nContent-Length: " length "\r\n"
#define REFUSED(status, length) ANSWER(status, length) CLOSE "\r\n" status "\n"
#define BAD_REQUEST REFUSED("400 Bad Request", "16")

/* In order, on one store. Each ends its connection. */
static const struct {
    const char *what, *said, *heard;
} exchanges[] = {
    {"a key that is not there", "GET /key " V CLOSE "\r\n", REFUSED("404 Not Found", "14")},
    {"a value is put", "PUT /key " V CLOSE "Content-Length: 5\r\n\r\nvalue",
     ANSWER("201 Created", "0") CLOSE "\r\n"},
    {"and got", "GET /key " V CLOSE "\r\n", ANSWER("200 OK", "5") CLOSE "\r\nvalue"},
    {"another is put", "PUT /key " V CLOSE "content-LENGTH:3 \t\r\n\r\nnew",
     ANSWER("200 OK", "0") CLOSE "\r\n"},
    {"and got by HTTP/1.0, without a host", "GET /key HTTP/1.0\r\n\r\n",
     ANSWER("200 OK", "3") CLOSE "\r\nnew"},
    {"deleted", "DELETE /key " V CLOSE "\r\n", ANSWER("200 OK", "0") CLOSE "\r\n"},
    {"there is nothing to delete", "DELETE /key " V CLOSE "\r\n", REFUSED("404 Not Found", "14")},
    {"an empty value", "PUT /%65mpty " V "Content-Length: 0\r\n\r\nGET /empty " V CLOSE "\r\n",
     ANSWER("201 Created", "0") "\r\n" ANSWER("200 OK", "0") CLOSE "\r\n"},
    {"requests in one go are answered in order",
     "PUT /a%2Fb%00 " V "Content-Length: 1\r\n\r\n1GET /a/b%00 " V "\r\nGET /a/b " V
     "\r\nGET /a%2fb%00 " V CLOSE "\r\n",
     ANSWER("201 Created", "0") "\r\n" ANSWER("200 OK", "1") "\r\n1" ANSWER(
         "404 Not Found", "14") "\r\n404 Not Found\n" ANSWER("200 OK", "1") CLOSE "\r\n1"},
    {"no request at all", "\r\n\r\n", BAD_REQUEST},
    {"no version", "GET /a\r\nHost: kv\r\n\r\n", BAD_REQUEST},
    {"another version", "GET /a HTTP/2.0\r\nHost: kv\r\n\r\n",
     REFUSED("505 HTTP Version Not Supported", "31")},
    {"another method", "POST /a " V "Content-Length: 0\r\n\r\n",
     ANSWER("405 Method Not Allowed", "23") CLOSE
     "Allow: GET, PUT, DELETE\r\n\r\n405 Method Not Allowed\n"},
    {"no key", "GET / " V "\r\n", REFUSED("404 Not Found", "14")},
    {"a query", "GET /a?b " V "\r\n", BAD_REQUEST},
    {"half a code", "GET /a%2 " V "\r\n", BAD_REQUEST},
    {"no code", "GET /a%2g " V "\r\n", BAD_REQUEST},
    {"no host", "GET /a HTTP/1.1\r\n\r\n", BAD_REQUEST},
    {"a field without a colon", "GET /a " V "field\r\n\r\n", BAD_REQUEST},
    {"a field without a name", "GET /a " V ": value\r\n\r\n", BAD_REQUEST},
    {"a space before the colon", "GET /a " V "Content-Length : 1\r\n\r\n", BAD_REQUEST},
    {"a folded field", "GET /a " V "field: value\r\n more\r\n\r\n", BAD_REQUEST},
    {"a line end of one byte", "GET /a HTTP/1.1\nHost: kv\r\n\r\n", BAD_REQUEST},
    {"a carriage return within a line", "GET /a " V "field: a\rb\r\n\r\n", BAD_REQUEST},
    {"no length", "PUT /a " V "\r\n", REFUSED("411 Length Required", "20")},
    {"two lengths", "PUT /a " V "Content-Length: 1\r\nContent-Length: 1\r\n\r\n1", BAD_REQUEST},
    {"a length that is none", "PUT /a " V "Content-Length: 1x\r\n\r\n1", BAD_REQUEST},
    {"a signed length", "PUT /a " V "Content-Length: +1\r\n\r\n1", BAD_REQUEST},
    {"an empty length", "PUT /a " V "Content-Length:\r\n\r\n1", BAD_REQUEST},
    {"a list of lengths", "PUT /a " V "Content-Length: 1 1\r\n\r\n1", BAD_REQUEST},
    {"too long a length", "PUT /a " V "Content-Length: 65537\r\n\r\n1",
     REFUSED("413 Content Too Large", "22")},
    {"a length beyond all numbers", "PUT /a " V "Content-Length: 99999999999999999999\r\n\r\n1",
     REFUSED("413 Content Too Large", "22")},
    {"a body in chunks", "PUT /a " V "Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
     REFUSED("501 Not Implemented", "20")},
    {"the refused were not carried out", "GET /a " V CLOSE "\r\n", REFUSED("404 Not Found", "14")},
};

static void speaks_http(void)
{
    char *data = scratch_new();
    struct server *server = kv_start(data);
    for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++)
        check_talk(server, exchanges[i].what, exchanges[i].said, strlen(exchanges[i].said),
                   exchanges[i].heard);
    static const char nul[] = "GET /a HTTP/1.1\r\nHost: kv\r\n\0\r\nContent-Length: 1\r\n\r\n1";
    check_talk(server, "a NUL", nul, sizeof nul - 1, BAD_REQUEST);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

/** A text of `length` times `byte`, for the next call to free. */
static const char *many(char byte, size_t length)
{
    static char text[100000];
    memset(text, byte, length);
    text[length] = '\0';
    return text;
}

/** Says `length` times x between two texts. */
static void check_limit(const struct server *server, const char *before, size_t length,
                        const char *after, const char *heard)
{
    char *said = NULL;
    int size = asprintf(&said, "%s%s%s", before, many('x', length), after);
    check_talk(server, before, said, (size_t)size, heard);
    free(said);
}

static void keeps_its_limits(void)
{
    static const char key_end[] = " " V CLOSE "\r\n";
    static const char field[] = "GET /a " V CLOSE "field: ", field_end[] = "\r\n\r\n";
    static const char value[] = "PUT /a " V CLOSE "Content-Length: 65536\r\n\r\n";
    char *data = scratch_new();
    struct server *server = kv_start(data);
    check_limit(server, "GET /", 255, key_end, REFUSED("404 Not Found", "14"));
    check_limit(server, "GET /", 256, key_end, REFUSED("414 URI Too Long", "17"));
    check_limit(server, field, 8000, field_end, REFUSED("404 Not Found", "14"));
    check_limit(server, field, 90000, field_end,
                REFUSED("431 Request Header Fields Too Large", "36"));
    check_limit(server, value, 65536, "", ANSWER("201 Created", "0") CLOSE "\r\n");
    char *wanted = NULL;
    CU_ASSERT(asprintf(&wanted, ANSWER("200 OK", "65536") CLOSE "\r\n%s", many('x', 65536)) > 0);
    check_talk(server, "a long value", "GET /a " V CLOSE "\r\n", strlen("GET /a " V CLOSE "\r\n"),
               wanted);
    free(wanted);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

static void lets_a_client_ask_first(void)
{
    char *data = scratch_new();
    struct server *server = kv_start(data);
    struct client *client = client_new(server);
    client_say(client, "PUT /a " V "Expect: 100-continue\r\nContent-Length: 2\r\n\r");
    CU_ASSERT_STRING_EQUAL(client_hear(client), "HTTP/1.1 100 Continue\r");
    CU_ASSERT_STRING_EQUAL(client_hear(client), "\r");
    client_send(client, "ab", 2);
    CU_ASSERT_STRING_EQUAL(client_hear(client), "HTTP/1.1 201 Created\r");
    client_free(client);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

/** Runs a command of the shell. @return its status; `heard` receives what it has printed. */
static int shell(const char *command, char *heard, size_t room)
{
    FILE *output = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(output);
    heard[fread(heard, 1, room - 1, output)] = '\0';
    return pclose(output);
}

static void speaks_with_curl(void)
{
    char *data = scratch_new();
    struct server *server = kv_start(data);
    char command[512], heard[64] = "";
    snprintf(command, sizeof command,
             "url=http://127.0.0.1:%d/a%%20key; curl -sS -T Makefile $url && "
             "curl -sS $url | cmp - Makefile && curl -sS -X DELETE $url && "
             "curl -sS -o /dev/null -w '%%{http_code}' $url",
             server->port);
    CU_ASSERT_EQUAL(shell(command, heard, sizeof heard), 0);
    CU_ASSERT_STRING_EQUAL(heard, "404");
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

/* ---- stopped under load ---- */

enum { WRITERS = 8 };

/** Puts 1, 2, 3, ... under a key of its own, one after the other, until the connection ends. */
struct writer {
    const struct server *server;
    unsigned number;
    _Atomic unsigned answered; /**< the last that was answered */
    unsigned wanted;           /**< at so many answers it closes `enough`; also at its end */
    lc_handle *enough;
    unsigned sent; /**< the last that was sent */
    pthread_t thread;
};

static void *writer_run(void *arg)
{
    struct writer *writer = arg;
    struct client *client = client_new(writer->server);
    const char *heard = "";
    while (strncmp(heard, NOTHING, strlen(NOTHING)) != 0) {
        char request[256], value[16];
        int length = snprintf(value, sizeof value, "%u", ++writer->sent);
        snprintf(request, sizeof request, "PUT /writer%u " V "Content-Length: %d\r\n\r\n%s",
                 writer->number, length, value);
        heard = client_send(client, request, strlen(request)) ? client_hear(client) : NOTHING;
        if (strncmp(heard, "HTTP/1.1 20", strlen("HTTP/1.1 20")) == 0)
            writer->answered = writer->sent;
        if (writer->answered == writer->wanted)
            lc_handle_close(writer->enough);
        while (strcmp(heard, "\r") != 0 && strcmp(heard, NOTHING) != 0)
            heard = client_hear(client);
    }
    lc_handle_close(writer->enough);
    client_free(client);
    return NULL;
}

static void writers_start(struct writer *writers, const struct server *server, unsigned wanted)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){
            .server = server, .number = i, .wanted = wanted, .enough = lc_handle_new()};
        pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]);
    }
}

/** Waits until each writer has had as many answers as it wants. */
static void writers_wait(struct writer *writers)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        CHECK_CLOSES(writers[i].enough);
        CU_ASSERT_TRUE(writers[i].answered >= writers[i].wanted);
    }
}

static void writers_end(struct writer *writers)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        lc_handle_unref(writers[i].enough);
    }
}

/** Under each key is what was answered last, or what was sent behind it. */
static void check_kept(struct writer *writers, const struct server *server)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        char request[64];
        snprintf(request, sizeof request, "GET /writer%u " V CLOSE "\r\n", i);
        char *heard = talk(server, request, strlen(request));
        char *value = strstr(heard, "\r\n\r\n");
        unsigned kept = value ? (unsigned)strtoul(value, NULL, 10) : 0;
        CU_ASSERT(kept >= writers[i].answered && kept <= writers[i].sent);
        free(heard);
    }
}

/** Ends the process with a signal while all write, starts it again, and looks. */
static void end_under_load(int signal, int status)
{
    struct writer writers[WRITERS];
    char *data = scratch_new();
    struct server *server = kv_start(data);
    writers_start(writers, server, check_fewer(100));
    writers_wait(writers);
    CU_ASSERT_EQUAL(server_end(server, signal), status);
    writers_end(writers);
    server_free(server);
    server = kv_start(data);
    check_kept(writers, server);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

static void keeps_what_it_answered_when_stopped(void)
{
    end_under_load(SIGTERM, 0);
}

static void keeps_what_it_answered_when_killed(void)
{
    end_under_load(SIGKILL, -SIGKILL);
}

/* ---- options ---- */

static void check_refusal(const char *data, const char *option, const char *value, int status,
                          const char *says)
{
    const char *arguments[] = {program, "--data", data, option, value, NULL};
    struct server *server = server_spawn((char *const *)(uintptr_t)arguments, NULL);
    CU_ASSERT_EQUAL(server_wait(server), status);
    CU_ASSERT(server_said(server, says));
    server_free(server);
}

static void says_why_it_does_not_start(void)
{
    static const char usage[] = "usage: kv [--listen HOST] [--port N] [--data FILE]";
    char *data = scratch_new();
    check_refusal(data, "--listne", "x", 2, usage);
    check_refusal(data, "--port", NULL, 2, usage);
    check_refusal(data, "argument", NULL, 2, usage);
    check_refusal(data, "--port", "http?", 1, "http?");
    check_refusal(data, "--listen", "192.0.2.1", 1, "cannot listen on 192.0.2.1:8080: ");
    check_refusal("/nowhere/kv.db", "--port", "0", 1,
                  "/nowhere/kv.db: unable to open database file");
    scratch_remove(data);
}

/* ---- its own test ---- */

static void passes_its_own_test(void)
{
    char heard[4096];
    CU_ASSERT_EQUAL(shell("exec 2>&1 " CHECK_BUILD_DIR "/examples/kv_test", heard, sizeof heard),
                    0);
    CU_ASSERT_PTR_NOT_NULL(strstr(heard, "seeds passed"));
    if (!strstr(heard, "seeds passed"))
        printf("\n%s", heard);
}

CHECK_SUITE(kv, "kv: HTTP, stops under load, its simulations",
            {"answers each request as HTTP wants it", speaks_http},
            {"refuses what is beyond a limit", keeps_its_limits},
            {"a client may ask before it sends a value", lets_a_client_ask_first},
            {"curl puts, gets and deletes", speaks_with_curl},
            {"keeps what it has answered when it is stopped", keeps_what_it_answered_when_stopped},
            {"keeps what it has answered when it is killed", keeps_what_it_answered_when_killed},
            {"says why it does not start", says_why_it_does_not_start},
            {"passes its own test, in simulations", passes_its_own_test});
