/*
 * harness.c: see harness.h.
 */
#include "ledger/harness.h"

#include "support/check.h"

#include <lifecycle/time.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/** For what a test cannot go on without. */
static void *must(void *allocated)
{
    if (!allocated)
        abort();
    return allocated;
}

static int milliseconds_until(int64_t deadline)
{
    int64_t left = deadline - lc_now();
    return left > 0 ? (int)(left / LC_MILLISECOND) + 1 : 0;
}

/* ---- directories ---- */

char *scratch_new(void)
{
    const char *root = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/ledger-test-XXXXXX", root ? root : "/tmp") < 0 || !mkdtemp(path))
        abort();
    char *data = NULL;
    if (asprintf(&data, "%s/data", path) < 0)
        abort();
    free(path);
    return data;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void scratch_remove(char *data)
{
    *strrchr(data, '/') = '\0';
    nftw(data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(data);
}

/* ---- the process ---- */

static void *drain(void *arg)
{
    struct server *server = arg;
    for (;;) {
        char bytes[4096];
        ssize_t got = read(server->log_pipe, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        pthread_mutex_lock(&server->lock);
        if (got > 0) {
            server->log = must(realloc(server->log, server->length + (size_t)got + 1));
            memcpy(server->log + server->length, bytes, (size_t)got);
            server->length += (size_t)got;
            server->log[server->length] = '\0';
        }
        server->closed = got <= 0;
        pthread_cond_broadcast(&server->more);
        pthread_mutex_unlock(&server->lock);
        if (got <= 0)
            return NULL;
    }
}

/** Becomes the program. Between fork and exec only what signal handlers may do is allowed. */
static void become(char *const *arguments, char *const *environment, const struct setup *setup,
                   int log_pipe)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* so that a crashed test leaves nothing running */
    dup2(log_pipe, STDERR_FILENO);
    if (setup->size)
        setrlimit(RLIMIT_FSIZE, setup->size);
    execve(arguments[0], arguments, environment);
    _exit(127);
}

/** Our environment with what the setup adds. The array is the caller's; the strings are not. */
static char **make_environment(const struct setup *setup, char *preload)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **made = must(calloc(count + 6, sizeof *made));
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        made[at++] = environ[i];
    for (size_t i = 0; i < 4 && setup->environment[i]; i++)
        made[at++] = (char *)(uintptr_t)setup->environment[i];
    if (setup->preload)
        made[at++] = preload;
    return made;
}

struct server *server_spawn(char *const *arguments, const struct setup *setup)
{
    static const struct setup nothing;
    if (!setup)
        setup = &nothing;
    struct server *server = must(calloc(1, sizeof *server));
    server->log = must(calloc(1, 1));
    pthread_mutex_init(&server->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->more, &monotonic);
    pthread_condattr_destroy(&monotonic);

    char preload[4096];
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s/tests/%s.so", CHECK_BUILD_DIR,
             setup->preload ? setup->preload : "");
    char **environment = make_environment(setup, preload);
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0)
        abort();
    server->pid = fork();
    if (server->pid == 0)
        become(arguments, environment, setup, pipes[1]);
    close(pipes[1]);
    free(environment);
    server->log_pipe = pipes[0];
    if (server->pid < 0 || pthread_create(&server->drainer, NULL, drain, server) != 0)
        abort();
    return server;
}

struct server *server_start(const char *data, const struct setup *setup)
{
    char limit[64];
    const char *arguments[20];
    size_t count = 0;
    if (setup && setup->files) {
        /* By util-linux's program, since Valgrind keeps our own setrlimit from the child. */
        snprintf(limit, sizeof limit, "--nofile=%ju:%ju", (uintmax_t)setup->files->rlim_cur,
                 (uintmax_t)setup->files->rlim_max);
        arguments[count++] = "/usr/bin/prlimit";
        arguments[count++] = limit;
    }
    arguments[count++] = CHECK_BUILD_DIR "/examples/ledger";
    arguments[count++] = "--port";
    arguments[count++] = "0";
    arguments[count++] = "--data";
    arguments[count++] = data;
    for (size_t i = 0; setup && i < 8 && setup->options[i]; i++)
        arguments[count++] = setup->options[i];
    arguments[count] = NULL;
    struct server *server = server_spawn((char *const *)(uintptr_t)arguments, setup);
    static const char listens[] = "listening on 127.0.0.1:";
    if (server_says(server, listens)) {
        pthread_mutex_lock(&server->lock);
        server->port = (int)strtol(strstr(server->log, listens) + strlen(listens), NULL, 10);
        pthread_mutex_unlock(&server->lock);
    }
    return server;
}

bool server_has_closed(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    bool closed = server->closed;
    pthread_mutex_unlock(&server->lock);
    return closed;
}

/**
 * Waits until something new comes from the process. The lock is held. @return false when nothing
 * more will.
 */
static bool wait_more(struct server *server, int64_t deadline)
{
    struct timespec until = {deadline / LC_SECOND, deadline % LC_SECOND};
    return !server->closed && pthread_cond_timedwait(&server->more, &server->lock, &until) == 0;
}

bool server_says(struct server *server, const char *text)
{
    int64_t deadline = check_patience();
    pthread_mutex_lock(&server->lock);
    /* Only whole lines count, so that a number at the end of one is not read too early. */
    bool said = false;
    do {
        const char *found = strstr(server->log, text);
        said = found && strchr(found, '\n');
    } while (!said && wait_more(server, deadline));
    pthread_mutex_unlock(&server->lock);
    return said;
}

unsigned server_said_times(struct server *server, const char *text)
{
    unsigned times = 0;
    pthread_mutex_lock(&server->lock);
    for (const char *at = server->log; (at = strstr(at, text)) != NULL; at++)
        times++;
    pthread_mutex_unlock(&server->lock);
    return times;
}

bool server_said(struct server *server, const char *text)
{
    return server_said_times(server, text) > 0;
}

bool server_said_in_order(struct server *server, const char *first, const char *second)
{
    pthread_mutex_lock(&server->lock);
    const char *found = strstr(server->log, first);
    bool ordered = found && strstr(found, second) != NULL;
    pthread_mutex_unlock(&server->lock);
    return ordered;
}

int server_wait(struct server *server)
{
    /* Its log ends when it does. */
    int64_t deadline = check_patience();
    pthread_mutex_lock(&server->lock);
    while (wait_more(server, deadline))
        continue;
    bool late = !server->closed;
    pthread_mutex_unlock(&server->lock);
    if (late)
        kill(server->pid, SIGKILL);
    pthread_join(server->drainer, NULL);

    int status = 0;
    while (waitpid(server->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    server->pid = -1;
    if (late)
        return -1000;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int server_end(struct server *server, int signal)
{
    kill(server->pid, signal);
    return server_wait(server);
}

void server_free(struct server *server)
{
    static unsigned failures_before;
    if (server->pid > 0)
        server_end(server, SIGKILL);
    if (CU_get_number_of_failures() > failures_before)
        printf("\n---- the log of a ledger ----\n%s----", server->log);
    failures_before = CU_get_number_of_failures();
    close(server->log_pipe);
    pthread_cond_destroy(&server->more);
    pthread_mutex_destroy(&server->lock);
    free(server->log);
    free(server);
}

/* ---- clients ---- */

static struct client *connect_client(const struct server *server, bool narrow)
{
    struct client *client = must(calloc(1, sizeof *client));
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (narrow)
        setsockopt(client->socket, SOL_SOCKET, SO_RCVBUF, &(int){1}, sizeof(int));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(client->socket, (struct sockaddr *)&address, sizeof address) != 0) {
        close(client->socket);
        client->socket = -1;
    }
    return client;
}

struct client *client_new(const struct server *server)
{
    return connect_client(server, false);
}

struct client *client_new_narrow(const struct server *server)
{
    return connect_client(server, true);
}

void client_free(struct client *client)
{
    if (client->socket >= 0)
        close(client->socket);
    free(client);
}

bool client_send(struct client *client, const void *bytes, size_t length)
{
    const char *from = bytes;
    while (length > 0) {
        ssize_t sent = send(client->socket, from, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        from += sent;
        length -= (size_t)sent;
    }
    return true;
}

bool client_say(struct client *client, const char *line)
{
    char *whole = NULL;
    int length = asprintf(&whole, "%s\n", line);
    bool sent = length > 0 && client_send(client, whole, (size_t)length);
    free(whole);
    return sent;
}

const char *client_hear(struct client *client)
{
    static _Thread_local char line[sizeof client->received];
    int64_t deadline = check_patience();
    for (;;) {
        char *newline = memchr(client->received, '\n', client->used);
        if (newline) {
            size_t length = (size_t)(newline - client->received);
            memcpy(line, client->received, length);
            line[length] = '\0';
            client->used -= length + 1;
            memmove(client->received, newline + 1, client->used);
            return line;
        }
        struct pollfd wait = {client->socket, POLLIN, 0};
        int ready = poll(&wait, 1, milliseconds_until(deadline));
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = ready <= 0 ? 0
                                 : recv(client->socket, client->received + client->used,
                                        sizeof client->received - client->used, 0);
        client->reset = got < 0;
        if (got <= 0)
            return NOTHING;
        client->used += (size_t)got;
    }
}

const char *client_ask(struct client *client, const char *line)
{
    return client_say(client, line) ? client_hear(client) : NOTHING;
}

bool client_sees_end(struct client *client)
{
    int64_t deadline = check_patience();
    while (strcmp(client_hear(client), NOTHING) != 0)
        continue;
    return lc_now() < deadline;
}

const char *ask(const struct server *server, const char *line)
{
    struct client *client = client_new(server);
    const char *heard = client_ask(client, line);
    client_free(client);
    return heard;
}

bool ask_until(const struct server *server, const char *line, const char *wanted)
{
    int64_t deadline = check_patience();
    while (strncmp(ask(server, line), wanted, strlen(wanted)) != 0) {
        if (lc_now() > deadline)
            return false;
        poll(NULL, 0,
             1); /* not a guess, only politeness: the question is asked again until answered so */
    }
    return true;
}

/* ---- load ---- */

/** Notes a promise. The load's lock is held. */
static void promise(struct load *load, uintmax_t number, const char *text)
{
    if (number < 1 || number > 10000000) {
        load->broken++;
        return;
    }
    while (number > load->capacity) {
        size_t capacity = load->capacity ? 2 * load->capacity : 1024;
        load->promised = must(realloc(load->promised, capacity * sizeof *load->promised));
        memset(load->promised + load->capacity, 0,
               (capacity - load->capacity) * sizeof *load->promised);
        load->capacity = capacity;
    }
    if (load->promised[number - 1]) {
        load->broken++;
        return;
    }
    load->promised[number - 1] = must(strdup(text));
    load->acknowledged++;
}

/** One append. @return whether the client can go on. */
static bool append_one(struct load *load, struct client *client, unsigned client_number,
                       unsigned count)
{
    char line[128];
    snprintf(line, sizeof line, "APPEND %s %u %u", load->name, client_number, count);
    const char *heard = client_ask(client, line);
    pthread_mutex_lock(&load->lock);
    if (strncmp(heard, "OK ", 3) == 0)
        promise(load, strtoumax(heard + 3, NULL, 10), line + strlen("APPEND "));
    else if (strncmp(heard, "ERR ", 4) == 0)
        load->refused++;
    bool go_on = strcmp(heard, NOTHING) != 0 && !load->stop;
    pthread_cond_broadcast(&load->more);
    pthread_mutex_unlock(&load->lock);
    return go_on;
}

static void *append_lines(void *arg)
{
    struct load *load = arg;
    struct client *client = client_new(load->server);
    pthread_mutex_lock(&load->lock);
    unsigned number = load->named++;
    pthread_mutex_unlock(&load->lock);
    for (unsigned i = 0; load->appends == 0 || i < load->appends; i++)
        if (!append_one(load, client, number, i))
            break;
    client_free(client);
    pthread_mutex_lock(&load->lock);
    load->running--;
    pthread_cond_broadcast(&load->more);
    pthread_mutex_unlock(&load->lock);
    return NULL;
}

struct load *load_start(const struct server *server, const char *name, unsigned clients,
                        unsigned appends)
{
    struct load *load = must(calloc(1, sizeof *load));
    load->server = server;
    load->name = name;
    load->clients = clients;
    load->appends = appends;
    load->running = clients;
    load->threads = must(calloc(clients, sizeof *load->threads));
    pthread_mutex_init(&load->lock, NULL);
    pthread_cond_init(&load->more, NULL);
    for (unsigned i = 0; i < clients; i++)
        if (pthread_create(&load->threads[i], NULL, append_lines, load) != 0)
            abort();
    return load;
}

void load_wait(struct load *load, size_t acknowledged)
{
    /* Clients give up by themselves when patience ends, so this ends too. */
    pthread_mutex_lock(&load->lock);
    while (load->acknowledged < acknowledged && load->running > 0)
        pthread_cond_wait(&load->more, &load->lock);
    pthread_mutex_unlock(&load->lock);
}

void load_join(struct load *load, bool stop)
{
    pthread_mutex_lock(&load->lock);
    load->stop = stop;
    pthread_mutex_unlock(&load->lock);
    for (unsigned i = 0; i < load->clients; i++)
        pthread_join(load->threads[i], NULL);
    load->clients = 0;
}

/** Asks for entries [from .. to) in one go and compares. */
static bool compare(struct client *client, char *const *promised, size_t from, size_t to)
{
    bool same = true;
    for (size_t i = from; i < to; i++) {
        char line[64];
        snprintf(line, sizeof line, "GET %zu", i + 1);
        if (promised[i])
            same = same && client_say(client, line);
    }
    for (size_t i = from; same && i < to; i++) {
        const char *heard = promised[i] ? client_hear(client) : "";
        if (promised[i])
            same = strncmp(heard, "OK ", 3) == 0 && strcmp(heard + 3, promised[i]) == 0;
        if (!same)
            printf("\nentry %zu was promised as \"%s\" and is \"%s\"\n", i + 1, promised[i], heard);
    }
    return same;
}

bool load_is_kept(struct load *load, const struct server *server)
{
    struct client *client = client_new(server);
    bool kept = true;
    for (size_t from = 0; kept && from < load->capacity; from += 128)
        kept =
            compare(client, load->promised, from, from + 128); /* capacities are multiples of it */
    client_free(client);
    return kept;
}

void load_free(struct load *load)
{
    load_join(load, true);
    for (size_t i = 0; i < load->capacity; i++)
        free(load->promised[i]);
    free(load->promised);
    free(load->threads);
    pthread_cond_destroy(&load->more);
    pthread_mutex_destroy(&load->lock);
    free(load);
}
