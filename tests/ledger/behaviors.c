/*
 * behaviors.c: what becomes of the ledger when a component fails and its handler answers each of
 * the five behaviors, and when it is told to end by a signal.
 */
#include "ledger/harness.h"
#include "support/check.h"

#include <lifecycle/time.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * The end must come within 5 s; a sanitizer or an emulator may take longer, and is not what is
 * judged.
 */
#define END_LIMIT (5 * LC_SECOND)

static struct server *start(const char *data)
{
    return server_start(data, &(struct setup){.options = {"--allow-fail"}});
}

/** Has a component fail, and checks the answer. */
static void fail(const struct server *server, const char *component, const char *behavior)
{
    char line[128], answer[128];
    snprintf(line, sizeof line, "FAIL %s %s", component, behavior);
    snprintf(answer, sizeof answer, "OK failing %s: %s", component, behavior);
    CU_ASSERT_STRING_EQUAL(ask(server, line), answer);
}

static bool refuses_connections(const struct server *server)
{
    struct client *client = client_new(server);
    bool refused = client->socket < 0;
    client_free(client);
    return refused;
}

/** Whether STATUS comes to say that a component is in a state, after so many restarts. */
static bool becomes(const struct server *server, const char *component, const char *state,
                    unsigned restarts)
{
    char begin[64], count[32];
    snprintf(begin, sizeof begin, "%s=%s since=", component, state);
    snprintf(count, sizeof count, "s restarts=%u waiting=", restarts);
    int64_t deadline = check_patience();
    while (lc_now() < deadline) {
        const char *part = strstr(ask(server, "STATUS"), begin);
        char *rest = NULL;
        if (part && strtol(part + strlen(begin), &rest, 10) >= 0 &&
            strncmp(rest, count, strlen(count)) == 0)
            return true;
    }
    return false;
}

/** Sends the signal and checks that the ledger ends as it should, in time. */
static void ends_with(struct server *server, int signal, int status)
{
    int64_t begun = lc_now();
    CU_ASSERT_EQUAL(server_end(server, signal), status);
    CU_ASSERT_TRUE(lc_now() - begun < END_LIMIT);
}

/** What needs another component has stopped before that one. */
static void stops_in_order(struct server *server)
{
    CU_ASSERT_TRUE(server_said_in_order(server, "info listener: stopped", "info store: stopped"));
    CU_ASSERT_TRUE(server_said_in_order(server, "info store: stopped", "info journal: stopped"));
}

/* ---- start ---- */

static void starts_in_order(void)
{
    for (unsigned i = 0; i < 10; i++) {
        char *data = scratch_new();
        struct server *server = start(data);
        CU_ASSERT_TRUE(server_said_in_order(server, "journal: opened", "listener: listening"));
        server_free(server);
        scratch_remove(data);
    }
}

/* ---- restart ---- */

static void restarts_the_store(void)
{
    char *data = scratch_new();
    struct server *server = start(data);
    struct client *client = client_new(server);
    CU_ASSERT_STRING_EQUAL(client_ask(client, "APPEND before"), "OK 1");
    fail(server, "store", "restart");
    CU_ASSERT_TRUE(becomes(server, "store", "ready", 1));
    /* Clients do not lose their connection, and the new instance has read everything from disk. */
    CU_ASSERT_STRING_EQUAL(client_ask(client, "APPEND after"), "OK 2");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "GET 1"), "OK before");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "COUNT"), "OK 2");
    CU_ASSERT_TRUE(
        server_said(server, "ready: a client asked store to fail: restart; restart 1 in "));
    client_free(client);
    ends_with(server, SIGTERM, 0);
    server_free(server);
    scratch_remove(data);
}

static void restarts_the_journal_and_the_store_along(void)
{
    char *data = scratch_new();
    struct server *server = start(data);
    struct client *client = client_new(server);
    CU_ASSERT_STRING_EQUAL(client_ask(client, "APPEND before"), "OK 1");
    fail(server, "journal", "restart");
    CU_ASSERT_TRUE(becomes(server, "journal", "ready", 1));
    CU_ASSERT_TRUE(becomes(server, "store", "ready", 1));
    CU_ASSERT_TRUE(becomes(server, "listener", "ready", 0));
    CU_ASSERT_TRUE(server_said_in_order(server, "store: stopped", "/journal with 1 entries"));
    CU_ASSERT_STRING_EQUAL(client_ask(client, "APPEND after"), "OK 2");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "GET 1"), "OK before");
    client_free(client);
    ends_with(server, SIGTERM, 0);
    server_free(server);
    scratch_remove(data);
}

static void restarts_the_listener(void)
{
    char *data = scratch_new();
    struct server *server = start(data);
    struct client *client = client_new(server);
    CU_ASSERT_STRING_EQUAL(client_ask(client, "APPEND before"), "OK 1");
    for (unsigned restarts = 1; restarts <= 3; restarts++) {
        fail(server, "listener", "restart");
        CU_ASSERT_TRUE(client_sees_end(client));
        client_free(client);
        /* On the same port, though the system had chosen it. */
        CU_ASSERT_TRUE(becomes(server, "listener", "ready", restarts));
        CU_ASSERT_STRING_EQUAL(ask(server, "COUNT"), "OK 1");
        client = client_new(server);
        CU_ASSERT_STRING_EQUAL(client_ask(client, "COUNT"), "OK 1");
    }
    client_free(client);
    ends_with(server, SIGTERM, 0);
    server_free(server);
    scratch_remove(data);
}

static void restarts_the_reporter(void)
{
    char *data = scratch_new();
    struct server *server = start(data);
    fail(server, "reporter", "restart");
    CU_ASSERT_TRUE(becomes(server, "reporter", "ready", 1));
    ends_with(server, SIGTERM, 0);
    server_free(server);
    scratch_remove(data);
}

/* Each pause before a restart is twice as long as the one before, so there are but a few. */
static void loses_nothing_over_restarts_under_load(void)
{
    enum { RESTARTS = 4 };
    char *data = scratch_new();
    struct server *server = start(data);
    struct load *load = load_start(server, "restless", 20, 0);
    for (unsigned i = 1; i <= RESTARTS; i++) {
        load_wait(load, 250 * (size_t)i);
        fail(server, "store", "restart");
        /* Else the last of them might still be to come when all is read back. */
        CU_ASSERT_TRUE(becomes(server, "store", "ready", i));
    }
    for (unsigned i = 1; i <= RESTARTS; i++) {
        load_wait(load, 1000 + 250 * (size_t)i);
        fail(server, "journal", "restart");
        CU_ASSERT_TRUE(becomes(server, "journal", "ready", i));
        CU_ASSERT_TRUE(becomes(server, "store", "ready", RESTARTS + i));
    }
    load_wait(load, 2500);
    load_join(load, true);
    CU_ASSERT_TRUE(load->acknowledged >= 2500);
    CU_ASSERT_EQUAL(load->broken + load->refused, 0);
    CU_ASSERT_TRUE(load_is_kept(load, server));
    load_free(load);

    /*
     * Clients of a listener that restarts lose their connection, and nothing that they were
     * promised.
     */
    load = load_start(server, "cut", 20, 0);
    load_wait(load, 200);
    fail(server, "listener", "restart");
    load_join(load, false);
    CU_ASSERT_EQUAL(load->broken, 0);
    CU_ASSERT_TRUE(ask_until(server, "COUNT", "OK "));
    CU_ASSERT_TRUE(load_is_kept(load, server));
    load_free(load);
    ends_with(server, SIGTERM, 0);
    server_free(server);
    scratch_remove(data);
}

/* ---- a sync that takes its time ---- */

struct held {
    char *data;
    char fifo[4096];
    int gate;
    struct server *server;
};

/** Starts a ledger; its first fdatasync waits for release_sync. */
static void hold_sync(struct held *held)
{
    held->data = scratch_new();
    snprintf(held->fifo, sizeof held->fifo, "%s-fifo", held->data);
    CU_ASSERT_EQUAL_FATAL(mkfifo(held->fifo, 0600), 0);
    char hold[sizeof held->fifo + 32];
    snprintf(hold, sizeof hold, "HOLD_SYNC=1:%s", held->fifo);
    held->gate = -1;
    held->server = server_start(held->data, &(struct setup){.options = {"--allow-fail"},
                                                            .preload = "interpose_fault",
                                                            .environment = {hold}});
}

static void release_sync(struct held *held)
{
    held->gate =
        open(held->fifo, O_RDWR | O_CLOEXEC); /* stays open: the ledger may not be there yet */
    CU_ASSERT_TRUE(held->gate >= 0);
}

static void held_free(struct held *held)
{
    server_free(held->server);
    close(held->gate);
    scratch_remove(held->data);
}

static void answers_what_it_has_taken(void)
{
    struct held held;
    hold_sync(&held);
    struct client *client = client_new(held.server);
    CU_ASSERT_TRUE(client_send(client, "APPEND taken\nAPPEND too\n", 24));
    CU_ASSERT_TRUE(server_says(held.server, "interpose: held"));
    kill(held.server->pid, SIGTERM);
    CU_ASSERT_TRUE(server_says(held.server, "stopping: received SIGTERM"));
    release_sync(&held);
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK 1");
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK 2");
    CU_ASSERT_TRUE(client_sees_end(client));
    CU_ASSERT_EQUAL(server_wait(held.server), 0);
    stops_in_order(held.server);
    client_free(client);
    held_free(&held);
}

static void keeps_requests_for_the_next_store(void)
{
    struct held held;
    hold_sync(&held);
    struct client *first = client_new(held.server);
    struct client *second = client_new(held.server);
    CU_ASSERT_TRUE(client_say(first, "APPEND a"));
    CU_ASSERT_TRUE(server_says(held.server, "interpose: held"));
    CU_ASSERT_TRUE(client_say(second, "APPEND b")); /* is queued behind it */
    fail(held.server, "store", "restart");
    CU_ASSERT_TRUE(becomes(held.server, "store", "failing", 0));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(ask(held.server, "STATUS"), "error=\"a client asked store to fail: restart\" ;"));
    release_sync(&held);
    CU_ASSERT_STRING_EQUAL(client_hear(first), "OK 1");
    CU_ASSERT_STRING_EQUAL(client_hear(second), "OK 2");
    client_free(first);
    client_free(second);
    ends_with(held.server, SIGTERM, 0);
    held_free(&held);
}

static void a_store_that_will_not_run_again_answers_all(void)
{
    struct held held;
    hold_sync(&held);
    struct client *first = client_new(held.server);
    struct client *second = client_new(held.server);
    CU_ASSERT_TRUE(client_say(first, "APPEND a"));
    CU_ASSERT_TRUE(server_says(held.server, "interpose: held"));
    /* All of it has been received when the first line is answered, and b queues up behind a. */
    CU_ASSERT_TRUE(client_send(second, "COUNT\nAPPEND b\nAPPEND c\n", 24));
    CU_ASSERT_STRING_EQUAL(client_hear(second), "OK 0");
    /* It would be restarted, were it not for the end of all. */
    fail(held.server, "store", "restart");
    CU_ASSERT_TRUE(becomes(held.server, "store", "failing", 0));
    kill(held.server->pid, SIGTERM);
    CU_ASSERT_TRUE(server_says(held.server, "stopping: received SIGTERM"));
    release_sync(&held);
    CU_ASSERT_STRING_EQUAL(client_hear(first), "OK 1");
    CU_ASSERT_STRING_EQUAL(client_hear(second), "OK 2");
    CU_ASSERT_STRING_EQUAL(client_hear(second), "ERR not stored: the store has stopped");
    CU_ASSERT_TRUE(client_sees_end(second));
    CU_ASSERT_EQUAL(server_wait(held.server), 0);
    client_free(first);
    client_free(second);
    held_free(&held);
}

static void a_second_signal_is_told_what_is_still_stopping(void)
{
    struct held held;
    hold_sync(&held);
    struct client *client = client_new(held.server);
    CU_ASSERT_TRUE(client_say(client, "APPEND a"));
    CU_ASSERT_TRUE(server_says(held.server, "interpose: held"));
    kill(held.server->pid, SIGINT);
    CU_ASSERT_TRUE(server_says(held.server, "stopping: received SIGINT"));
    kill(held.server->pid, SIGINT);
    CU_ASSERT_TRUE(server_says(held.server, "received SIGINT; still stopping: "));
    CU_ASSERT_TRUE(
        server_said_in_order(held.server, "still stopping: ", "listener (stopping for "));
    release_sync(&held);
    CU_ASSERT_STRING_EQUAL(client_hear(client), "OK 1");
    CU_ASSERT_EQUAL(server_wait(held.server), 0);
    client_free(client);
    held_free(&held);
}

/* ---- stop, stop-parents ---- */

static void stops_the_journal_and_what_needs_it(void)
{
    char *data = scratch_new();
    struct server *server = start(data);
    struct load *load = load_start(server, "until closed", 10, 0);
    load_wait(load, 100);
    fail(server, "journal", "stop");
    load_join(load, false); /* every client was answered or disconnected */
    CU_ASSERT_TRUE(server_says(server, "info store: stopped"));
    CU_ASSERT_TRUE(server_said_in_order(server, "info listener: stopped", "info store: stopped"));
    CU_ASSERT_TRUE(refuses_connections(server));
    CU_ASSERT_FALSE(server_said(server, "reporter: stopped"));
    CU_ASSERT_FALSE(server_said(server, "store: failed"));
    ends_with(server, SIGTERM, 0);
    server_free(server);
    server = start(data);
    CU_ASSERT_TRUE(load_is_kept(load, server));
    load_free(load);
    server_free(server);
    scratch_remove(data);
}

static void stops_the_store_and_what_needs_it(void)
{
    char *data = scratch_new();
    struct server *server = start(data);
    struct load *load = load_start(server, "until stopped", 10, 0);
    load_wait(load, 100);
    fail(server, "store", "stop");
    load_join(load, false); /* every client was answered or disconnected */
    CU_ASSERT_TRUE(server_says(server, "ready: a client asked store to fail: stop; stop"));
    CU_ASSERT_TRUE(server_says(server, "info listener: stopped"));
    CU_ASSERT_TRUE(refuses_connections(server));
    CU_ASSERT_FALSE(server_said(server, "reporter: stopped"));
    CU_ASSERT_FALSE(server_said(server, "ended"));
    ends_with(server, SIGTERM, 0);
    CU_ASSERT_TRUE(server_said(server, "info reporter: stopped"));
    server_free(server);
    server = start(data);
    CU_ASSERT_TRUE(load_is_kept(load, server));
    load_free(load);
    server_free(server);
    scratch_remove(data);
}

static void stops_the_listener_alone(void)
{
    char *data = scratch_new();
    struct server *server = start(data);
    fail(server, "listener", "stop");
    CU_ASSERT_TRUE(server_says(server, "ready: a client asked listener to fail: stop; stop"));
    CU_ASSERT_TRUE(refuses_connections(server));
    ends_with(server, SIGINT, 0);
    CU_ASSERT_TRUE(server_said_in_order(server, "received SIGINT", "info reporter: stopped"));
    CU_ASSERT_TRUE(server_said_in_order(server, "received SIGINT", "info store: stopped"));
    CU_ASSERT_TRUE(server_said_in_order(server, "info store: stopped", "info journal: stopped"));
    server_free(server);
    scratch_remove(data);
}

static void stops_the_listener_and_what_it_needs(void)
{
    char *data = scratch_new();
    struct server *server = start(data);
    fail(server, "listener", "stop-parents");
    CU_ASSERT_TRUE(server_says(server, "info journal: stopped"));
    CU_ASSERT_TRUE(server_said_in_order(server, "listener to fail: stop-parents; stop-parents",
                                        "info store: stopped"));
    stops_in_order(server);
    CU_ASSERT_FALSE(server_said(server, "reporter: stopped"));
    CU_ASSERT_TRUE(refuses_connections(server));
    ends_with(server, SIGTERM, 0);
    server_free(server);
    scratch_remove(data);
}

static void ends_when_everything_has_stopped(void)
{
    char *data = scratch_new();
    struct server *server = start(data);
    fail(server, "reporter", "stop");
    CU_ASSERT_TRUE(becomes(server, "reporter", "stopped", 0));
    CU_ASSERT_STRING_EQUAL(ask(server, "FAIL reporter stop"), "ERR reporter has stopped");
    CU_ASSERT_STRING_EQUAL(ask(server, "APPEND the others go on"), "OK 1");
    fail(server, "store", "stop-parents");
    CU_ASSERT_EQUAL(server_wait(server), 1);
    CU_ASSERT_TRUE(server_said(server, "ended by an error: a client asked reporter to fail: stop"));
    server_free(server);
    scratch_remove(data);
}

/* ---- shutdown, spin-halt ---- */

static const char *const components[] = {"journal", "store", "listener", "reporter"};
#define COMPONENTS (sizeof components / sizeof components[0])

static void shuts_down(void)
{
    for (size_t i = 0; i < COMPONENTS; i++) {
        char *data = scratch_new();
        struct server *server = start(data);
        CU_ASSERT_STRING_EQUAL(ask(server, "APPEND kept"), "OK 1");
        fail(server, components[i], "shutdown");
        CU_ASSERT_EQUAL(server_wait(server), 1);
        char error[128];
        snprintf(error, sizeof error, "ended by an error: a client asked %s to fail: shutdown",
                 components[i]);
        CU_ASSERT_TRUE(server_said(server, error));
        for (size_t j = 0; j < COMPONENTS; j++) {
            char stopped[64];
            snprintf(stopped, sizeof stopped, "%s: stopped", components[j]);
            CU_ASSERT_TRUE(server_said(server, stopped));
        }
        if (i >= 2) /* neither of the two has stopped first, by failing */
            stops_in_order(server);
        server_free(server);
        server = start(data);
        CU_ASSERT_STRING_EQUAL(ask(server, "GET 1"), "OK kept");
        server_free(server);
        scratch_remove(data);
    }
}

static void spin_halts(void)
{
    for (size_t i = 0; i < COMPONENTS; i++) {
        char *data = scratch_new();
        struct server *server = start(data);
        CU_ASSERT_STRING_EQUAL(ask(server, "APPEND kept"), "OK 1");
        fail(server, components[i], "spin-halt");
        CU_ASSERT_TRUE(server_says(server, "halted until SIGTERM"));
        for (size_t j = 0; j < COMPONENTS; j++) {
            char stopped[64];
            snprintf(stopped, sizeof stopped, "%s: stopped", components[j]);
            CU_ASSERT_TRUE(server_said(server, stopped));
        }
        CU_ASSERT_TRUE(refuses_connections(server));

        /* SIGINT and SIGHUP are answered with the reason, and do not end it. */
        char reason[128];
        snprintf(reason, sizeof reason, "a client asked %s to fail: spin-halt", components[i]);
        unsigned told = server_said_times(server, reason);
        kill(server->pid, SIGINT);
        CU_ASSERT_TRUE(server_says(server, "SIGINT does not end this process"));
        kill(server->pid, SIGHUP);
        CU_ASSERT_TRUE(server_says(server, "SIGHUP does not end this process"));
        CU_ASSERT_TRUE(server_said_times(server, reason) >= told + 2);
        CU_ASSERT_EQUAL(kill(server->pid, 0), 0);
        CU_ASSERT_FALSE(server_has_closed(server));

        ends_with(server, SIGTERM, 75);
        CU_ASSERT_TRUE(server_said(server, "the halt has been ended"));
        server_free(server);
        scratch_remove(data);
    }
}

/* ---- signals ---- */

static void ends_on_signals(void)
{
    static const int signals[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < 2; i++) {
        char *data = scratch_new();
        struct server *server = server_start(data, NULL);
        struct client *idle = client_new(server);
        CU_ASSERT_STRING_EQUAL(client_ask(idle, "COUNT"), "OK 0");
        ends_with(server, signals[i], 0);
        stops_in_order(server);
        CU_ASSERT_TRUE(server_said_in_order(server, "info reporter: stopped", "ledger: ended"));
        CU_ASSERT_TRUE(client_sees_end(idle));
        client_free(idle);
        server_free(server);

        server = server_start(data, NULL);
        struct load *load = load_start(server, "busy", 50, 0);
        load_wait(load, 300);
        ends_with(server, signals[i], 0);
        load_join(load, false);
        CU_ASSERT_EQUAL(load->broken + load->refused, 0);
        server_free(server);
        server = server_start(data, NULL);
        CU_ASSERT_TRUE(load_is_kept(load, server));
        char count[64];
        snprintf(count, sizeof count, "OK %zu", load->acknowledged);
        CU_ASSERT_STRING_EQUAL(ask(server, "COUNT"),
                               count); /* each was answered, and the answer came through */
        load_free(load);
        server_free(server);
        scratch_remove(data);
    }
}

CHECK_SUITE(behaviors, "ledger: behaviors",
            {"the listener starts when the store is ready", starts_in_order},
            {"restart of the store: clients stay", restarts_the_store},
            {"restart of the journal: the store restarts along, clients stay",
             restarts_the_journal_and_the_store_along},
            {"restart of the listener: clients reconnect", restarts_the_listener},
            {"restart of the reporter", restarts_the_reporter},
            {"restarts under load lose nothing", loses_nothing_over_restarts_under_load},
            {"requests in the queue wait for the next store", keeps_requests_for_the_next_store},
            {"a store that will not run again answers all",
             a_store_that_will_not_run_again_answers_all},
            {"stop of the journal takes the store and the listener along",
             stops_the_journal_and_what_needs_it},
            {"stop of the store takes the listener along", stops_the_store_and_what_needs_it},
            {"stop of the listener leaves the store", stops_the_listener_alone},
            {"stop-parents of the listener takes the store along",
             stops_the_listener_and_what_it_needs},
            {"when everything has stopped the process ends", ends_when_everything_has_stopped},
            {"shutdown ends with status 1 and the error", shuts_down},
            {"spin-halt waits for SIGTERM and ends with status 75", spin_halts});

CHECK_SUITE(signals, "ledger: signals",
            {"SIGTERM and SIGINT end it with status 0 and lose nothing", ends_on_signals},
            {"what was taken is answered before the end", answers_what_it_has_taken},
            {"the second one is told what is still stopping",
             a_second_signal_is_told_what_is_still_stopping});
