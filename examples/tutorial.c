/*
 * tutorial.c: where docs/tutorial.md ends: a service of one component with three workers. One makes
 * a beat every second, one counts the beats, one answers clients:
 *
 *     echo count | nc -N 127.0.0.1 7171
 */
#include <lifecycle.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 7171
/* How long a client may take to say what it wants. */
#define CLIENT_PATIENCE (2 * LC_SECOND)
/* An instance that has failed is followed by the next after a pause, which doubles from this. */
#define FIRST_PAUSE (100 * LC_MILLISECOND)
/* After so many failures in a row the service gives up. */
#define FAILURES_MAX 5
/* A failure after this long is a first one again. */
#define GOOD_WHILE (10 * LC_SECOND)

/* What lives as long as the process, however often the component is restarted. */
struct pulse {
    _Atomic uint64_t total; /* beats counted */
    unsigned failures;      /* in a row; used by the run loop only, as is the next */
    int64_t made;           /* when the latest instance was made, as lc_now */
};

/* One beat, on its way from one worker to the other. */
struct beat {
    uint64_t number;
    int64_t at; /* as lc_now */
};

/* What one instance of the component works with. */
struct instance {
    struct pulse *pulse;
    lc_channel *beats; /* of struct beat */
    int64_t pause;     /* before it begins to serve */
};

/* ---- the workers ---- */

/* Makes a beat every second. */
static lc_error *beat_worker(lc_context *context, lc_ready *ready, void *arg)
{
    struct instance *instance = arg;
    lc_ready_signal(ready);
    for (uint64_t number = 1; lc_context_sleep(context, LC_SECOND) == 0; number++) {
        struct beat *beat = malloc(sizeof *beat);
        if (!beat)
            return lc_error_new(-ENOMEM, "no memory for beat %" PRIu64, number);
        *beat = (struct beat){number, lc_now()};
        if (lc_context_send(context, instance->beats, beat, LC_FOREVER) != 0) {
            free(beat); /* a send that fails leaves the item with its sender */
            break;
        }
    }
    return NULL;
}

/* Counts the beats, and logs how long each was under way where debugging is on. */
static lc_error *count_worker(lc_context *context, lc_ready *ready, void *arg)
{
    struct instance *instance = arg;
    void *item;
    lc_ready_signal(ready);
    while (lc_context_receive(context, instance->beats, &item, LC_FOREVER) == 0) {
        struct beat *beat = item;
        atomic_fetch_add(&instance->pulse->total, 1);
        lc_log(LC_LOG_DEBUG, NULL, "beat %" PRIu64 " after %" PRId64 " us", beat->number,
               (lc_now() - beat->at) / LC_MICROSECOND);
        free(beat);
    }
    return NULL;
}

static lc_error *open_listener(int *listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*listener < 0)
        return lc_error_new_errno(errno, "cannot make a socket");
    setsockopt(*listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(*listener, (struct sockaddr *)&address, sizeof address) == 0 &&
        listen(*listener, SOMAXCONN) == 0)
        return NULL;
    lc_error *error = lc_error_new_errno(errno, "cannot listen on port %d", PORT);
    close(*listener);
    return error;
}

/*
 * Waits for one word of the client, and answers it. A client that is slow or gone harms nobody.
 * @return an error if the client asked for one.
 */
static lc_error *answer(struct pulse *pulse, lc_context *context, int client)
{
    char word[16] = "", line[64];
    lc_waitable request = lc_on_fd(client, POLLIN);
    if (lc_context_wait_any(context, &request, 1, lc_deadline_after(CLIENT_PATIENCE)) != 0 ||
        recv(client, word, sizeof word - 1, MSG_DONTWAIT) <= 0)
        return NULL;
    word[strcspn(word, "\r\n")] = '\0';
    bool fail = strcmp(word, "fail") == 0;
    if (strcmp(word, "count") == 0)
        snprintf(line, sizeof line, "%" PRIu64 "\n", atomic_load(&pulse->total));
    else
        snprintf(line, sizeof line, "%s\n", fail ? "failing" : "unknown");
    send(client, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
    return fail ? lc_error_new(-EIO, "a client asked for it") : NULL;
}

/* Takes one client, answers it, lets it go. */
static lc_error *serve_client(struct pulse *pulse, lc_context *context, int listener)
{
    int client = accept(listener, NULL, NULL);
    if (client < 0)
        return NULL; /* it has gone again */
    lc_error *error = answer(pulse, context, client);
    close(client);
    return error;
}

/* Answers clients, one after the other. */
static lc_error *serve_worker(lc_context *context, lc_ready *ready, void *arg)
{
    struct instance *instance = arg;
    int listener;
    if (lc_context_sleep(context, instance->pause) != 0)
        return NULL; /* told to stop meanwhile */
    lc_error *error = open_listener(&listener);
    if (error)
        return error;
    lc_ready_signal(ready);
    /* What is waited for wins over the context's end, so the end is looked for in each round. */
    while (!error && !lc_context_error(context)) {
        lc_waitable client = lc_on_fd(listener, POLLIN);
        int code = lc_context_wait_any(context, &client, 1, LC_FOREVER);
        if (code == 0)
            error = serve_client(instance->pulse, context, listener);
        else if (!lc_context_error(context))
            error = lc_error_new_errno(-code, "cannot wait for clients");
    }
    close(listener);
    return error;
}

/* ---- making it ---- */

static void free_instance(void *data)
{
    struct instance *instance = data;
    lc_channel_unref(instance->beats);
    free(instance);
}

/* @return NULL if memory has run out. */
static struct instance *new_instance(struct pulse *pulse)
{
    struct instance *instance = calloc(1, sizeof *instance);
    if (!instance)
        return NULL;
    instance->pulse = pulse;
    instance->pause = pulse->failures > 0 ? FIRST_PAUSE << (pulse->failures - 1) : 0;
    pulse->made = lc_now();
    lc_error *error = lc_channel_new(LC_CHANNEL(.capacity = 16, .discard = free), &instance->beats);
    if (!error)
        return instance;
    lc_error_unref(error);
    free(instance);
    return NULL;
}

/* The factory: makes the component, with everything that one instance of it needs. */
static lc_error *make_pulse(lc_component **component, void *arg)
{
    struct instance *instance = new_instance(arg);
    if (!instance)
        return lc_error_new(-ENOMEM, "no memory for an instance");
    lc_manager *manager;
    lc_manager_builder *builder = lc_manager_builder_new("pulse");
    lc_manager_builder_add(builder, LC_WORKER(.name = "beat", .run = beat_worker, .arg = instance));
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "count", .run = count_worker, .arg = instance));
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "serve", .run = serve_worker, .arg = instance));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    if (error) {
        free_instance(instance);
        return error;
    }
    /* Freed with the manager: when it is done and nobody refers to it. */
    lc_manager_set_data(manager, instance, free_instance);
    *component = lc_manager_component(manager);
    return NULL;
}

/* ---- running it ---- */

/* The error handler: answers what is to be done about a fatal error. */
static lc_behavior judge(const lc_failure *failure, void *arg)
{
    struct pulse *pulse = arg;
    lc_behavior answer = LC_RESTART;
    if (lc_now() - pulse->made > GOOD_WHILE)
        pulse->failures = 0;
    /* An address that is in use stays so, and what fails again and again will fail again. */
    if (lc_error_is(failure->error, -EADDRINUSE) || ++pulse->failures > FAILURES_MAX)
        answer = LC_SHUTDOWN;
    lc_log(LC_LOG_ERROR, "pulse", "%s: %s", lc_behavior_name(answer),
           lc_error_message(failure->error));
    return answer;
}

int main(void)
{
    static struct pulse pulse;
    lc_run_options options = {.size = sizeof options};
    options.name = "pulse";
    options.factory = make_pulse;
    options.arg = &pulse;
    options.judge = judge;
    options.judge_arg = &pulse;
    options.handle_signals = true;
    lc_error *error = lc_component_run(&options, NULL, NULL);
    bool told = lc_error_is(error, -ECANCELED); /* by a signal, and all has stopped in order */
    lc_log(told ? LC_LOG_NOTICE : LC_LOG_CRITICAL, "pulse", "ended: %s", lc_error_message(error));
    lc_error_unref(error);
    lc_library_shutdown();
    return told ? 0 : 1;
}
