/*
 * crowd.c: a thousand clients on a few threads: how many threads those are, that nothing which they
 * were promised is lost, and that none keeps the others of its thread waiting.
 */
#include "ledger/harness.h"
#include "support/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CLIENTS = 1000,
    ROUNDS = 5,
    LINES = CLIENTS * ROUNDS,
    /* Beside one for each processor: main, commit, the monitor, and room to spare. */
    THREADS_SPARE = 8,
};

static unsigned threads_of(const struct server *server)
{
    char text[256];
    unsigned count = 0;
    snprintf(text, sizeof text, "/proc/%d/status", (int)server->pid);
    FILE *status = fopen(text, "re");
    while (status && count == 0 && fgets(text, sizeof text, status))
        if (strncmp(text, "Threads:", 8) == 0)
            count = (unsigned)strtoul(text + 8, NULL, 10);
    if (status)
        fclose(status);
    CU_ASSERT_TRUE(count > 0);
    return count;
}

/* Each client says its line of this round, and then each hears its number. */
static void append_round(struct client **clients, char *(*kept)[LINES + 1], unsigned round)
{
    char line[64];
    for (unsigned i = 0; i < CLIENTS; i++) {
        snprintf(line, sizeof line, "APPEND client %u round %u", i, round);
        CU_ASSERT_TRUE(client_say(clients[i], line));
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        unsigned long number = 0;
        snprintf(line, sizeof line, "OK client %u round %u", i, round);
        CU_ASSERT_EQUAL_FATAL(sscanf(client_hear(clients[i]), "OK %lu", &number), 1);
        CU_ASSERT_TRUE_FATAL(number >= 1 && number <= LINES);
        CU_ASSERT_PTR_NULL((*kept)[number]);
        (*kept)[number] = strdup(line);
    }
}

static void check_kept(const struct server *server, char *(*kept)[LINES + 1])
{
    struct client *client = client_new(server);
    for (unsigned number = 1; number <= LINES; number++) {
        char question[32];
        snprintf(question, sizeof question, "GET %u", number);
        CU_ASSERT_PTR_NOT_NULL((*kept)[number]);
        if ((*kept)[number])
            CU_ASSERT_STRING_EQUAL(client_ask(client, question), (*kept)[number]);
        free((*kept)[number]);
    }
    client_free(client);
}

static void a_thousand_share_a_few_threads(void)
{
    static struct client *clients[CLIENTS];
    static char *kept[LINES + 1];
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i] = client_new(server);
    for (unsigned round = 0; round < ROUNDS; round++)
        append_round(clients, &kept, round);
    CU_ASSERT_TRUE(threads_of(server) <= (unsigned)sysconf(_SC_NPROCESSORS_ONLN) + THREADS_SPARE);
    CU_ASSERT_EQUAL(server_end(server, SIGKILL), -SIGKILL);
    for (unsigned i = 0; i < CLIENTS; i++)
        client_free(clients[i]);
    server_free(server);

    server = server_start(data, NULL);
    check_kept(server, &kept);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

/* ---- a client that never pauses ---- */

struct flood {
    struct client *client;
    pthread_t says, hears;
};

static void *say_without_end(void *arg)
{
    struct flood *flood = arg;
    static const char line[] = "COUNT\n";
    char many[600 * (sizeof line - 1)];
    for (size_t at = 0; at < sizeof many; at += sizeof line - 1)
        memcpy(many + at, line, sizeof line - 1);
    while (client_send(flood->client, many, sizeof many))
        continue;
    return NULL;
}

static void *hear_without_end(void *arg)
{
    struct flood *flood = arg;
    char answers[65536];
    while (recv(flood->client->socket, answers, sizeof answers, 0) > 0)
        continue;
    return NULL;
}

static void flood_start(struct flood *flood, const struct server *server)
{
    flood->client = client_new(server);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&flood->says, NULL, say_without_end, flood), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&flood->hears, NULL, hear_without_end, flood), 0);
}

static void flood_end(struct flood *flood)
{
    shutdown(flood->client->socket, SHUT_RDWR);
    pthread_join(flood->says, NULL);
    pthread_join(flood->hears, NULL);
    client_free(flood->client);
}

static void one_that_never_pauses_keeps_nobody_waiting(void)
{
    enum { FLOODS = 4, ASKING = 8, TIMES = 2 };
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    struct client *asking[ASKING];
    struct flood floods[FLOODS];
    for (unsigned i = 0; i < ASKING; i++)
        asking[i] = client_new(server);
    for (unsigned i = 0; i < FLOODS; i++)
        flood_start(&floods[i], server);
    for (unsigned time = 0; time < TIMES; time++)
        for (unsigned i = 0; i < ASKING; i++)
            CU_ASSERT_STRING_EQUAL(client_ask(asking[i], "COUNT"), "OK 0");
    for (unsigned i = 0; i < FLOODS; i++)
        flood_end(&floods[i]);
    for (unsigned i = 0; i < ASKING; i++)
        client_free(asking[i]);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

/*
 * ---- clients that go on sending when they have said QUIT ----
 *
 * Real ones may be slower than the ledger reads: so what they have sent stays there.
 */

struct leaving {
    struct client *client;
    pthread_t says;
    atomic_bool over; /* the server has closed the connection */
};

static void *say_after_quit(void *arg)
{
    struct leaving *leaving = arg;
    static const char nothing[65536];
    while (client_send(leaving->client, nothing, sizeof nothing))
        continue;
    atomic_store(&leaving->over, true);
    return NULL;
}

static void leaving_start(struct leaving *leaving, const struct server *server)
{
    atomic_store(&leaving->over, false);
    leaving->client = client_new(server);
    CU_ASSERT_TRUE(client_say(leaving->client, "QUIT"));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&leaving->says, NULL, say_after_quit, leaving), 0);
}

/* Whether others are answered while some of the leaving are still listened to. */
static bool are_answered_meanwhile(const struct server *server, struct client **asking,
                                   unsigned count)
{
    enum { LEAVING = 6 };
    static struct leaving leaving[LEAVING];
    bool over = true;
    for (unsigned i = 0; i < LEAVING; i++)
        leaving_start(&leaving[i], server);
    for (unsigned i = 0; i < LEAVING; i++)
        CU_ASSERT_TRUE(client_sees_end(leaving[i].client)); /* from now on it lingers */
    for (unsigned i = 0; i < count; i++)
        CU_ASSERT_STRING_EQUAL(client_ask(asking[i], "COUNT"), "OK 0");
    for (unsigned i = 0; i < LEAVING; i++)
        over = atomic_load(&leaving[i].over) && over;
    for (unsigned i = 0; i < LEAVING; i++) {
        pthread_join(leaving[i].says, NULL);
        client_free(leaving[i].client);
    }
    return !over;
}

static void those_who_leave_keep_no_client_waiting(void)
{
    enum { ASKING = 8, TRIES = 3 };
    char *data = scratch_new();
    struct server *server = server_start(
        data, &(struct setup){.preload = "interpose_fault", .environment = {"FLOOD=1"}});
    struct client *asking[ASKING];
    bool answered = false; /* a machine that is busy may need longer than they linger */
    for (unsigned i = 0; i < ASKING; i++)
        asking[i] = client_new(server);
    for (unsigned round = 0; round < TRIES && !answered; round++)
        answered = are_answered_meanwhile(server, asking, ASKING);
    CU_ASSERT_TRUE(answered);
    for (unsigned i = 0; i < ASKING; i++)
        client_free(asking[i]);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

CHECK_SUITE(crowd, "ledger: crowds",
            {"1,000 clients share a few threads, and kill -9 loses nothing they were promised",
             a_thousand_share_a_few_threads},
            {"clients that never pause keep no other client waiting",
             one_that_never_pauses_keeps_nobody_waiting},
            {"clients that send on after QUIT keep no other waiting",
             those_who_leave_keep_no_client_waiting});
