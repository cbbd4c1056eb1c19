/*
 * protocol.c: what the ledger answers, line by line; its options; clients that misbehave.
 */
#include "ledger/harness.h"
#include "support/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void answers_each_command(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct client *client = client_new(server);
    CU_ASSERT_STRING_EQUAL(client_ask(client, "COUNT"), "OK 0");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "APPEND hello"), "OK 1");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "APPEND  two  words, kept as they are\t "), "OK 2");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "GET 1"), "OK hello");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "GET 2"), "OK  two  words, kept as they are\t ");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "GET 3"), "ERR no entry 3");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "COUNT"), "OK 2");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "APPEND caf\xc3\xa9 \x01\x7f\xff"), "OK 3");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "GET 3"), "OK caf\xc3\xa9 \x01\x7f\xff");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "QUIT"), "OK bye");
    CU_ASSERT_TRUE(client_sees_end(client));
    client_free(client);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

/**
 * Takes the number after `key` in one component's part of a STATUS answer; -1 if it is not there.
 */
static long status_number(const char *status, const char *component, const char *key)
{
    const char *part = strstr(status, component);
    const char *found = part ? strstr(part, key) : NULL;
    return found ? strtol(found + strlen(key), NULL, 10) : -1;
}

static void status_tells_of_each_component(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    CU_ASSERT_TRUE(ask_until(server, "STATUS", "OK journal=ready since="));
    /*
     * The listener is ready before the first client; the reporter starts at the same time as the
     * journal.
     */
    CU_ASSERT_TRUE(server_says(server, "listening"));
    const char *status = ask(server, "STATUS");
    CU_ASSERT_PTR_NOT_NULL(strstr(status, " ; store=ready since="));
    CU_ASSERT_PTR_NOT_NULL(strstr(status, " ; listener=ready since="));
    CU_ASSERT_PTR_NOT_NULL(strstr(status, " ; reporter="));
    CU_ASSERT_PTR_NOT_NULL(strstr(status, " waiting=-"));
    static const char *const components[] = {"journal=", "store=", "listener=", "reporter="};
    for (size_t i = 0; i < 4; i++) {
        long since = status_number(status, components[i], "since=");
        CU_ASSERT_TRUE(since >= 0 && since < 120);
        CU_ASSERT_EQUAL(status_number(status, components[i], "restarts="), 0);
        CU_ASSERT_EQUAL(status_number(status, components[i], "instance="), 1);
    }
    server_free(server);
    scratch_remove(data);
}

/** Whether a program reads `text` and says `wanted`, on a line of its own. */
static bool reads(const char *program, const char *text, const char *wanted)
{
    char file[] = "/tmp/ledger-status-XXXXXX", command[256], said[256] = "";
    int descriptor = mkstemp(file);
    bool written = write(descriptor, text, strlen(text)) == (ssize_t)strlen(text);
    close(descriptor);
    snprintf(command, sizeof command, "%s <%s", program, file);
    FILE *output = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(output);
    bool right = written && fgets(said, sizeof said, output) && begins(said, wanted) &&
                 said[strlen(wanted)] == '\n';
    pclose(output);
    unlink(file);
    return right;
}

static void status_comes_in_languages_of_programs(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct client *client = client_new(server);
    CU_ASSERT_TRUE(ask_until(server, "STATUS", "OK journal=ready since="));
    const char *json = client_ask(client, "STATUS JSON");
    CU_ASSERT_TRUE_FATAL(begins(json, "OK {"));
    CU_ASSERT_TRUE(reads("jq -r '[.nodes[].name] | join(\",\")'", json + 3,
                         "journal,store,listener,reporter"));
    json = client_ask(client, "STATUS JSON");
    CU_ASSERT_TRUE(reads("jq -c '[.nodes[] | [.dependencies[].name]]'", json + 3,
                         "[[],[\"journal\"],[\"store\",\"journal\"],[]]"));
    const char *dot = client_ask(client, "STATUS DOT");
    CU_ASSERT_TRUE(begins(dot, "OK digraph {"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dot, "n0 [label=\"journal\\nready "));
    CU_ASSERT_PTR_NOT_NULL(strstr(dot, "n1 -> n0"));
    CU_ASSERT_STRING_EQUAL(dot + strlen(dot) - 3, "; }");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "COUNT"), "OK 0"); /* it was one line */
    client_free(client);
    server_free(server);
    scratch_remove(data);
}

static void wrong_commands_are_told_what_is_right(void)
{
    static const struct {
        const char *line, *answer;
    } wrong[] = {
        {"", "ERR unknown command (there are APPEND text, GET n, COUNT, STATUS, FAIL, QUIT): \"\""},
        {"append x",
         "ERR unknown command (there are APPEND text, GET n, COUNT, STATUS, FAIL, QUIT): "
         "\"append x\""},
        {"\x1b[2J\tx",
         "ERR unknown command (there are APPEND text, GET n, COUNT, STATUS, FAIL, QUIT): "
         "\"\\033[2J\\tx\""},
        {"APPEND", "ERR something must follow APPEND: APPEND text"},
        {"APPEND ", "ERR something must follow APPEND: APPEND text"},
        {"GET", "ERR something must follow GET: GET n"},
        {"GET x", "ERR GET needs the number of an entry, from 1 on: GET n"},
        {"GET 0", "ERR GET needs the number of an entry, from 1 on: GET n"},
        {"GET -1", "ERR GET needs the number of an entry, from 1 on: GET n"},
        {"GET 99999999999999999999", "ERR GET needs the number of an entry, from 1 on: GET n"},
        {"GET 9223372036854775807", "ERR no entry 9223372036854775807"},
        {"COUNT me", "ERR nothing may follow COUNT"},
        {"STATUS all", "ERR only DOT or JSON may follow STATUS"},
        {"QUIT now", "ERR nothing may follow QUIT"},
        {"FAIL store restart", "ERR FAIL is not allowed (start with --allow-fail)"},
    };
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct client *client = client_new(server);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_STRING_EQUAL(client_ask(client, wrong[i].line), wrong[i].answer);
    CU_ASSERT_STRING_EQUAL(client_ask(client, "COUNT"), "OK 0");
    client_free(client);
    server_free(server);

    server = server_start(data, &(struct setup){.options = {"--allow-fail"}});
    client = client_new(server);
    static const char *const faults[] = {"FAIL disk stop", "FAIL store explode", "FAIL store",
                                         "FAIL store stop now"};
    for (size_t i = 0; i < 4; i++) {
        const char *heard = client_ask(client, faults[i]);
        CU_ASSERT_TRUE(
            begins(heard, "ERR FAIL needs a component (journal, store, listener, reporter)"));
        CU_ASSERT_PTR_NOT_NULL(strstr(heard, "stop-parents"));
    }
    client_free(client);
    server_free(server);
    scratch_remove(data);
}

static void lines_come_in_any_pieces(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct client *client = client_new(server);
    /* Many at once are answered in order. */
    static const char many[] = "APPEND a\nAPPEND b\r\nGET 2\nCOUNT\nnonsense\nGET 1\n";
    CU_ASSERT_TRUE(client_send(client, many, sizeof many - 1));
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK 1");
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK 2");
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK b");
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK 2");
    CU_ASSERT_TRUE(begins(client_hear(client), "ERR unknown command"));
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK a");
    /* One byte at a time. */
    static const char slow[] = "APPEND slow\nGET 3\n";
    for (size_t i = 0; i + 1 < sizeof slow; i++)
        CU_ASSERT_TRUE(client_send(client, slow + i, 1));
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK 3");
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK slow");
    /*
     * A client that has said all and closes its sending side still gets its answers; half a line is
     * not executed.
     */
    CU_ASSERT_TRUE(client_send(client, "COUNT\nAPPEND half", 17));
    shutdown(client->socket, SHUT_WR);
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK 3");
    CU_ASSERT_TRUE(client_sees_end(client));
    client_free(client);
    CU_ASSERT_STRING_EQUAL(ask(server, "COUNT"), "OK 3");
    server_free(server);
    scratch_remove(data);
}

static void says_goodbye_in_an_orderly_way(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct client *client = client_new(server);
    /* Closing at once, with all this unread, would reset the connection. */
    static char much[50000] = "QUIT\n";
    CU_ASSERT_TRUE(client_send(client, much, sizeof much));
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK bye");
    CU_ASSERT_TRUE(client_sees_end(client));
    CU_ASSERT_FALSE(client->reset);
    client_free(client);
    server_free(server);
    scratch_remove(data);
}

static void nul_bytes_are_refused(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct client *client = client_new(server);
    CU_ASSERT_TRUE(client_send(client, "APPEND a\0b\n", 11));
    const char *heard = client_hear(client);
    CU_ASSERT_TRUE(begins(heard, "ERR a line may not hold NUL bytes"));
    CU_ASSERT_PTR_NOT_NULL(strstr(heard, "\"APPEND a\\0b\""));
    CU_ASSERT_STRING_EQUAL(client_ask(client, "COUNT"), "OK 0");
    client_free(client);
    server_free(server);
    scratch_remove(data);
}

static void bad_clients_harm_no_other(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct load *load = load_start(server, "good", 8, 50);
    uint64_t random = check_seed();
    for (unsigned i = 0; i < 100; i++) {
        struct client *client = client_new(server);
        unsigned char garbage[3000];
        for (size_t at = 0; at < sizeof garbage; at++)
            garbage[at] = (unsigned char)check_random(&random);
        switch (i % 4) {
        case 0: /* garbage, and gone without reading what it was answered */
            client_send(client, garbage, sizeof garbage);
            break;
        case 1: /* half a line */
            client_send(client, "APPEND hal", 10);
            break;
        case 2: /* gone without a word, in the rudest way */
            client_send(client, "COUNT\nGET 1\nCOU", 15);
            setsockopt(client->socket, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
                       sizeof(struct linger));
            break;
        default: /* gone while its answer is on the way */
            client_say(client, "STATUS");
            break;
        }
        client_free(client);
    }
    load_join(load, false);
    CU_ASSERT_EQUAL(load->acknowledged, 400);
    CU_ASSERT_EQUAL(load->broken + load->refused, 0);
    CU_ASSERT_TRUE(load_is_kept(load, server));
    CU_ASSERT_STRING_EQUAL(ask(server, "COUNT"), "OK 400");
    load_free(load);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

static void many_clients_append_at_once(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct load *load = load_start(server, "crowd", 200, 20);
    load_join(load, false);
    CU_ASSERT_EQUAL(load->acknowledged, 4000);
    CU_ASSERT_EQUAL(load->broken + load->refused, 0);
    CU_ASSERT_STRING_EQUAL(ask(server, "COUNT"), "OK 4000");
    CU_ASSERT_TRUE(load_is_kept(load, server));
    load_free(load);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

/** Starts the ledger with these arguments, which it must refuse. */
static void refuses(const char *const *given, const char *option, const char *value)
{
    char program[] = CHECK_BUILD_DIR "/examples/ledger";
    const char *arguments[8] = {program};
    for (size_t i = 0; given[i]; i++)
        arguments[1 + i] = given[i];
    struct server *server = server_spawn((char *const *)(uintptr_t)arguments, NULL);
    CU_ASSERT_EQUAL(server_wait(server), 2);
    CU_ASSERT_TRUE(server_said(server, option));
    CU_ASSERT_TRUE(server_said(server, value));
    server_free(server);
}

static void wrong_options_are_refused(void)
{
    refuses((const char *[]){"--port", "65536", NULL}, "--port '65536'", "0 to 65535");
    refuses((const char *[]){"--port", "http", NULL}, "--port 'http'", "0 to 65535");
    refuses((const char *[]){"--port", "", NULL}, "--port ''", "0 to 65535");
    refuses((const char *[]){"--listen", "localhost", NULL}, "--listen 'localhost'", "127.0.0.1");
    refuses((const char *[]){"--listen", "", NULL}, "--listen ''", "127.0.0.1");
    refuses((const char *[]){"--data", "", NULL}, "--data ''", "directory");
    refuses((const char *[]){"--idle", "0", NULL}, "--idle '0'", "1 to 86400");
    refuses((const char *[]){"extra", NULL}, "'extra'", "--help");
    refuses((const char *[]){"--colour", NULL}, "--colour", "usage: ledger");
    refuses((const char *[]){"--port", NULL}, "--port", "usage: ledger");
}

/** It is no wrong option. */
static void no_memory_for_the_address_is_told(void)
{
    char program[] = CHECK_BUILD_DIR "/examples/ledger";
    char *arguments[] = {program, NULL};
    struct server *server =
        server_spawn(arguments, &(struct setup){.preload = "interpose_fault",
                                                .environment = {"FAULT_ADDRESS=1"}});
    CU_ASSERT_EQUAL(server_wait(server), 1);
    CU_ASSERT_TRUE(server_said(server, "cannot read the address 127.0.0.1: Memory allocation"));
    CU_ASSERT_FALSE(server_said(server, "--listen"));
    server_free(server);
}

CHECK_SUITE(protocol, "ledger: protocol", {"each command is answered", answers_each_command},
            {"STATUS tells of each component", status_tells_of_each_component},
            {"STATUS JSON and STATUS DOT tell the same to programs",
             status_comes_in_languages_of_programs},
            {"wrong commands are told what is right", wrong_commands_are_told_what_is_right},
            {"lines come in any pieces, and are answered in order", lines_come_in_any_pieces},
            {"NUL bytes are refused", nul_bytes_are_refused},
            {"the end is orderly, whatever is unread", says_goodbye_in_an_orderly_way},
            {"garbage, half lines and vanishing clients harm no other client",
             bad_clients_harm_no_other},
            {"200 clients append at once", many_clients_append_at_once},
            {"wrong options are refused with what is right", wrong_options_are_refused},
            {"no memory to read the address is told as that", no_memory_for_the_address_is_told});
