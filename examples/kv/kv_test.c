/*
 * kv_test.c: the key-value store in simulations: the whole service, clients that know what they
 * have put, and a thief that now and then holds the database. Seconds of virtual time each, in
 * milliseconds; wake-ups come late or for no reason, as each seed says.
 *
 *     kv_test                    200 runs of each test; tells the first that fails, with its log
 *     LIFECYCLE_SEED=17 kv_test  this run alone, with its log
 */
#define _GNU_SOURCE
#include "kv.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS = 4, KEYS = 3, VALUE_SIZE = 4000, SEEDS = 200 };

static struct kv kv = {.host = "127.0.0.1", .port = "8080"};
static char path[64];

/** Before each seed: a database of its own, on a file system in memory if there is one. */
static void begin(void *arg)
{
    (void)arg;
    const char *directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, sizeof path, "%s/kv_test-%d.db", directory, (int)getpid());
    kv.writer = (struct store){path, lc_watch_new()};
    kv.reader = (struct store){path, lc_watch_new()};
}

static void end(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[sizeof path + 8];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    lc_watch_unref(kv.writer.queue);
    lc_watch_unref(kv.reader.queue);
}

static int64_t random_time(int64_t most)
{
    return (int64_t)lc_random_below((uint64_t)most);
}

/* ---- requests and answers ---- */

/** What may be there: nothing if `absent`, or any of the versions from `least` to `most`. */
struct known {
    int least, most;
    bool absent;
};

struct client {
    int number;
    int version; /**< of the last put */
    struct known keys[KEYS];
    int fd; /**< -1: not connected */
    size_t used;
    char input[4 * VALUE_SIZE];
};

struct operation {
    const char *method;
    int key, version;
};

static size_t value_print(char *text, int version)
{
    size_t size = (size_t)snprintf(text, VALUE_SIZE, "%d ", version);
    size_t length = size + (size_t)version * 1234 % (VALUE_SIZE - size);
    memset(text + size, 'x', length - size);
    return length;
}

/** Writes the text of a request; its key is percent-encoded in part. @return its size. */
static size_t request_print(char *text, size_t room, int client, const struct operation *operation)
{
    char value[VALUE_SIZE];
    bool puts = strcmp(operation->method, "PUT") == 0;
    size_t length = puts ? value_print(value, operation->version) : 0;
    return (size_t)snprintf(text, room,
                            "%s /client%%20%d/%%6bey%d HTTP/1.1\r\nHost: kv\r\n"
                            "Content-Length: %zu\r\n\r\n%.*s",
                            operation->method, client, operation->key, length, (int)length, value);
}

/**
 * Reads an answer, which is then at the beginning of the input.
 * @return its status, or 0 if the connection has ended.
 */
static int answer_read(struct client *client, char **body, size_t *size)
{
    for (;;) {
        client->input[client->used] = '\0';
        char *end = strstr(client->input, "\r\n\r\n"), *field = strstr(client->input, "Length: ");
        *size = end && field ? strtoul(field + strlen("Length: "), NULL, 10) : 0;
        *body = end ? end + 4 : NULL;
        if (end && *body + *size <= client->input + client->used)
            return atoi(client->input + strlen("HTTP/1.1 "));
        ssize_t got = lc_read(NULL, client->fd, client->input + client->used,
                              sizeof client->input - client->used - 1, LC_FOREVER);
        if (got <= 0)
            return 0;
        client->used += (size_t)got;
    }
}

static void answer_drop(struct client *client, const char *body, size_t size)
{
    client->used -= (size_t)(body + size - client->input);
    memmove(client->input, body + size, client->used);
}

/* ---- what clients know ---- */

/** Whether an answer to a get may be; what was got is the body. */
static bool may_get(const struct known *known, int status, const char *body, size_t size)
{
    if (status == 404)
        return known->absent;
    char value[VALUE_SIZE];
    int version = atoi(body);
    return status == 200 && version >= known->least && version <= known->most &&
           size == value_print(value, version) && memcmp(value, body, size) == 0;
}

/**
 * Takes note of an answer. With 503, or without an answer (0), the request may have been carried
 * out or not. @return whether the answer may be.
 */
static bool heed_answer(struct known *known, const struct operation *operation, int status)
{
    bool puts = strcmp(operation->method, "PUT") == 0;
    bool may_be_there = known->least <= known->most;
    if (status == 0 || status == 503) {
        known->absent |= !puts;
        if (puts) {
            known->least = may_be_there ? known->least : operation->version;
            known->most = operation->version;
        }
        return true;
    }
    bool may_be = status == 200 ? may_be_there : known->absent && status == (puts ? 201 : 404);
    *known = puts ? (struct known){operation->version, operation->version, false}
                  : (struct known){1, 0, true};
    return may_be;
}

static lc_error *wrong_answer(int client, const struct operation *operation, int status)
{
    return lc_error_new(-EPROTO, "client %d cannot have got the answer %d to %s of key %d", client,
                        status, operation->method, operation->key);
}

/* ---- clients ---- */

/** Reads the answers to what was sent, in order. @return NULL, or what is wrong. */
static lc_error *hear_answers(struct client *client, const struct operation *operations, int count)
{
    for (int i = 0; i < count; i++) {
        char *body = NULL;
        size_t size = 0;
        int status = client->fd < 0 ? 0 : answer_read(client, &body, &size);
        struct known *known = &client->keys[operations[i].key];
        bool may_be = strcmp(operations[i].method, "GET") != 0
                          ? heed_answer(known, &operations[i], status)
                          : status == 0 || may_get(known, status, body, size);
        if (!may_be)
            return wrong_answer(client->number, &operations[i], status);
        if (status != 0) {
            answer_drop(client, body, size);
        } else if (client->fd >= 0) {
            close(client->fd);
            client->fd = -1;
        }
    }
    return NULL;
}

/** Sends some requests at once, each about another key, and reads the answers. */
static lc_error *ask_together(struct client *client)
{
    static const char *const methods[] = {"GET", "PUT", "PUT", "DELETE"};
    char text[KEYS * 2 * VALUE_SIZE];
    size_t size = 0;
    struct operation operations[KEYS];
    int count = 1 + (int)lc_random_below(KEYS);
    for (int i = 0; i < count; i++) {
        operations[i] = (struct operation){methods[lc_random_below(4)], i, ++client->version};
        size += request_print(text + size, sizeof text - size, client->number, &operations[i]);
    }
    lc_write_all(NULL, client->fd, text, size, LC_FOREVER); /* what fails is not answered */
    return hear_answers(client, operations, count);
}

static bool client_connect(struct client *client)
{
    client->used = 0;
    lc_error *error = lc_connect(NULL, kv.host, kv.port, &client->fd, LC_FOREVER);
    lc_error_unref(error);
    return !error;
}

/** Asks until the service has stopped. */
static lc_error *client_run(lc_context *context, void *arg)
{
    struct client *client = arg;
    lc_error *error = NULL;
    while (!error && (client->fd >= 0 || client_connect(client))) {
        error = ask_together(client);
        lc_context_sleep(context, random_time(LC_SECOND / 10));
    }
    if (client->fd >= 0)
        close(client->fd);
    return error;
}

static void client_init(struct client *client, int number)
{
    *client = (struct client){.number = number, .fd = -1};
    for (int i = 0; i < KEYS; i++)
        client->keys[i] = (struct known){1, 0, true};
}

/* ---- the database, from elsewhere ---- */

static lc_error *base_execute(sqlite3 *base, const char *text)
{
    if (sqlite3_exec(base, text, NULL, NULL, NULL) == SQLITE_OK)
        return NULL;
    return lc_error_new(-EIO, "%s: %s", text, sqlite3_errmsg(base));
}

/** Now and then keeps the writer from writing, for a while. */
static lc_error *thief_run(lc_context *context, void *arg)
{
    (void)arg;
    sqlite3 *base = NULL;
    sqlite3_open(path, &base);
    lc_error *error = NULL;
    while (!error && lc_context_sleep(context, random_time(2 * LC_SECOND)) == 0) {
        error = base_execute(base, "BEGIN IMMEDIATE");
        lc_context_sleep(context, random_time(LC_SECOND / 2));
        if (!error)
            error = base_execute(base, "ROLLBACK");
    }
    sqlite3_close(base);
    return error;
}

/** Whether what a client knows of a key is so. */
static lc_error *check_key(sqlite3_stmt *select, const struct client *client, int number)
{
    char key[64];
    int size = snprintf(key, sizeof key, "client %d/key%d", client->number, number);
    sqlite3_bind_blob(select, 1, key, size, SQLITE_STATIC);
    int status = sqlite3_step(select) == SQLITE_ROW ? 200 : 404;
    lc_error *error = NULL;
    if (!may_get(&client->keys[number], status, sqlite3_column_blob(select, 0),
                 (size_t)sqlite3_column_bytes(select, 0)))
        error = lc_error_new(-EPROTO, "client %d knows better: key %d is %s", client->number,
                             number, status == 404 ? "lost" : "wrong");
    sqlite3_reset(select);
    return error;
}

static lc_error *check_database(const struct client *clients)
{
    sqlite3 *base = NULL;
    sqlite3_stmt *select = NULL;
    sqlite3_open(path, &base);
    sqlite3_prepare_v2(base, "SELECT value FROM kv WHERE key = ?1", -1, &select, NULL);
    lc_error *error = NULL;
    for (int i = 0; i < CLIENTS * KEYS && !error; i++)
        error = check_key(select, &clients[i / KEYS], i % KEYS);
    sqlite3_finalize(select);
    sqlite3_close(base);
    return error;
}

/* ---- the tests ---- */

/** As a service manager does it. @return how long it took. */
static int64_t stop_service(lc_supervisor *supervisor)
{
    int64_t begun = lc_now();
    lc_simulation_signal(SIGTERM);
    lc_handle_wait(lc_supervisor_done(supervisor), LC_FOREVER);
    return lc_now() - begun;
}

/** Whatever happens, and whenever the service is stopped, what was answered is so. */
static lc_error *keeps_what_it_answers(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    static struct client clients[CLIENTS];
    lc_task_group *group =
        lc_task_group_new(LC_TASK_GROUP(.name = "clients", .on_error = LC_TASKS_CANCEL));
    lc_handle_wait(lc_supervisor_ready(supervisor), LC_FOREVER);
    for (int i = 0; i < CLIENTS; i++) {
        client_init(&clients[i], i);
        lc_task_group_start(group, client_run, &clients[i]);
    }
    lc_task_group_start(group, thief_run, NULL);
    lc_sleep(random_time(5 * LC_SECOND));
    int64_t took = stop_service(supervisor);
    lc_task_group_cancel(group, NULL);
    lc_task_group_wait(group, LC_FOREVER);
    lc_error *error = lc_task_group_result(group);
    lc_task_group_unref(group);
    if (!error && took > LC_SECOND)
        error = lc_error_new(-ETIME, "the stop took %.3f s", (double)took / LC_SECOND);
    if (!error)
        error = check_database(clients);
    end();
    return error;
}

/** Sends one request, of client 0 about key 0. @return the status of the answer. */
static int ask(struct client *client, const char *method)
{
    char text[2 * VALUE_SIZE], *body = NULL;
    struct operation operation = {method, 0, ++client->version};
    size_t size = request_print(text, sizeof text, 0, &operation);
    lc_write_all(NULL, client->fd, text, size, LC_FOREVER);
    int status = answer_read(client, &body, &size);
    if (status != 0)
        answer_drop(client, body, size);
    return status;
}

static uint64_t restarts_of(lc_supervisor *supervisor, const char *node)
{
    lc_node_status status;
    return lc_supervisor_node(supervisor, node, &status) == 0 ? status.restarts : UINT64_MAX;
}

static lc_error *check_recovery(lc_supervisor *supervisor, struct client *client, sqlite3 *thief)
{
    if (!client_connect(client) || ask(client, "PUT") != 201)
        return lc_error_new(-EPROTO, "nothing can be put");
    lc_error *error = base_execute(thief, "BEGIN IMMEDIATE");
    if (error)
        return error;
    if (ask(client, "PUT") != 503)
        error = lc_error_new(-EPROTO, "a put that cannot be carried out is not answered 503");
    else if (ask(client, "GET") != 200)
        error = lc_error_new(-EPROTO, "the reader has failed with the writer");
    lc_sleep(random_time(10 * LC_SECOND));
    base_execute(thief, "ROLLBACK");
    int64_t deadline = lc_deadline_after(LC_MINUTE);
    while (!error && ask(client, "PUT") != 200) {
        lc_sleep(LC_SECOND / 10);
        if (lc_now() > deadline)
            error = lc_error_new(-ETIME, "nothing can be put after a minute");
    }
    if (!error && (restarts_of(supervisor, "writer") == 0 ||
                   restarts_of(supervisor, "reader") + restarts_of(supervisor, "listener") > 0))
        error = lc_error_new(-EPROTO, "not just the writer was restarted");
    return error;
}

/** The writer fails; until it is back a put is answered 503, and all else goes on. */
static lc_error *recovers(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    static struct client client;
    sqlite3 *thief = NULL;
    client_init(&client, 0);
    lc_handle_wait(lc_supervisor_ready(supervisor), LC_FOREVER);
    sqlite3_open(path, &thief);
    lc_error *error = check_recovery(supervisor, &client, thief);
    sqlite3_close(thief);
    if (client.fd >= 0)
        close(client.fd);
    stop_service(supervisor);
    end();
    return error;
}

/** For a stop: a connection that sends nothing, a slow one, and one that stays in the midst. */
struct guests {
    struct client idle, slow, stuck;
    char text[2 * VALUE_SIZE];
};

static lc_error *check_stop(lc_supervisor *supervisor, struct guests *guests)
{
    if (!client_connect(&guests->idle) || !client_connect(&guests->slow) ||
        !client_connect(&guests->stuck))
        return lc_error_new(-EPROTO, "it does not listen");
    const struct operation put = {"PUT", 0, 100};
    size_t size = request_print(guests->text, sizeof guests->text, 0, &put), half = size / 2,
           length;
    lc_write_all(NULL, guests->slow.fd, guests->text, half, LC_FOREVER);
    lc_write_all(NULL, guests->stuck.fd, guests->text, half, LC_FOREVER);
    lc_sleep(LC_SECOND); /* so that it is received */
    int64_t begun = lc_now();
    char *body = NULL;
    lc_simulation_signal(SIGTERM);
    if (answer_read(&guests->idle, &body, &length) != 0 || lc_now() - begun > LC_SECOND)
        return lc_error_new(-ETIME, "an idle connection holds up the stop");
    lc_sleep(random_time(7 * LC_SECOND));
    lc_write_all(NULL, guests->slow.fd, guests->text + half, size - half, LC_FOREVER);
    if (answer_read(&guests->slow, &body, &length) != 201 || !strstr(guests->slow.input, "close"))
        return lc_error_new(-EPROTO, "a request that was under way is not answered");
    lc_handle_wait(lc_supervisor_done(supervisor), LC_FOREVER);
    return lc_now() - begun < 12 * LC_SECOND ? NULL : lc_error_new(-ETIME, "the stop lasts");
}

/** A stop lets requests finish that are under way, for ten seconds; it waits for no others. */
static lc_error *lets_finish(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    static struct guests guests;
    client_init(&guests.idle, 0);
    client_init(&guests.slow, 0);
    client_init(&guests.stuck, 0);
    lc_handle_wait(lc_supervisor_ready(supervisor), LC_FOREVER);
    lc_error *error = check_stop(supervisor, &guests);
    const int fds[] = {guests.idle.fd, guests.slow.fd, guests.stuck.fd};
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    stop_service(supervisor);
    end();
    return error;
}

static int simulate(lc_error *(*test)(lc_supervisor *supervisor, void *arg))
{
    return lc_simulate_main(
        LC_SIMULATION(.seeds = SEEDS, .delay_one_in = 20, .early_one_in = 50, .begin = begin,
                      .test = test, .supervisor = LC_SUPERVISOR(.handle_signals = true),
                      .nodes =
                          LC_NODES(LC_NODE(.name = "writer", .run = store_run, .arg = &kv.writer),
                                   LC_NODE(.name = "reader", .run = store_run, .arg = &kv.reader,
                                           .needs = {"writer"}),
                                   LC_NODE(.name = "listener", .run = server_run, .arg = &kv,
                                           .kind = LC_FIBER, .needs = {"writer", "reader"}))));
}

int main(void)
{
    int status = simulate(keeps_what_it_answers);
    if (status == 0)
        status = simulate(recovers);
    return status != 0 ? status : simulate(lets_finish);
}
