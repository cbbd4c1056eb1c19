/*
 * listener.c: the listener: accepts clients and starts a session for each. The sessions are
 * components of their own below the listener's context, so they end with it; one that fails harms
 * nobody else.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/** How long accepting pauses when the machine is short of something. */
#define ACCEPT_PAUSE (100 * LC_MILLISECOND)

struct listener {
    struct ledger *ledger;
    int socket;
    lc_context *sessions_context; /**< ends with the listener's own */
    lc_channel *finished; /**< sessions that have ended; room for all, so that none ever waits */
    unsigned sessions;    /**< started and not reaped */
    lc_observer *states;  /**< wakes us when a component has come to another state */
};

static void name_address(const struct config *config, char *name, size_t size)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getnameinfo((const struct sockaddr *)&config->address, config->address_length, host,
                    sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(name, size, "(unprintable address)");
    else
        snprintf(name, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static lc_error *open_socket(struct listener *listener)
{
    struct config *config = &listener->ledger->config;
    struct sockaddr *address = (struct sockaddr *)&config->address;
    char name[128];
    name_address(config, name, sizeof name);

    listener->socket = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* A restart must not wait for the connections of the last instance to be forgotten by TCP. */
    if (listener->socket < 0 ||
        setsockopt(listener->socket, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
        bind(listener->socket, address, config->address_length) != 0 ||
        listen(listener->socket, SOMAXCONN) != 0)
        return lc_error_new_errno(errno, "cannot listen on %s", name);
    /* With port 0 the system has chosen one; kept, so that clients find a restarted listener. */
    getsockname(listener->socket, address, &config->address_length);
    name_address(config, name, sizeof name);
    lc_log(LC_LOG_INFO, "listener", "listening on %s", name);
    return NULL;
}

/** Tells a client that it cannot be served, as far as that is possible without waiting. */
static void refuse(int socket, const char *answer)
{
    char unread[LEDGER_LINE_MAX];
    send(socket, answer, strlen(answer), MSG_NOSIGNAL);
    shutdown(socket, SHUT_WR);
    /* Closing with something unread would send a reset, which can overtake the answer. */
    if (recv(socket, unread, sizeof unread, 0) < 0 && errno != EAGAIN)
        lc_log(LC_LOG_DEBUG, "listener", "a refused client: %s", strerror(errno));
    close(socket);
}

static lc_error *accept_client(struct listener *listener)
{
    int client = accept4(listener->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) {
        switch (errno) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            lc_log(LC_LOG_WARNING, "listener", "cannot accept a client now: %s", strerror(errno));
            lc_context_sleep(listener->sessions_context, ACCEPT_PAUSE);
            return NULL;
        case EBADF:
        case EINVAL:
        case ENOTSOCK:
            return lc_error_new_errno(errno, "cannot accept clients");
        default:
            return NULL; /* the client or its network went away again, in one of a dozen ways */
        }
    }
    if (listener->sessions == LEDGER_CLIENTS_MAX) {
        char answer[64];
        snprintf(answer, sizeof answer, "ERR too many clients (limit %d)\n", LEDGER_CLIENTS_MAX);
        refuse(client, answer);
        return NULL;
    }
    lc_error *error =
        session_start(listener->ledger, listener->sessions_context, client, listener->finished);
    if (error) {
        lc_log(LC_LOG_WARNING, "listener", "cannot serve a client: %s", lc_error_message(error));
        lc_error_unref(error);
        refuse(client, "ERR cannot serve you now, try again later\n");
        return NULL;
    }
    listener->sessions++;
    return NULL;
}

/** Takes leave of a session that has ended. */
static void reap(struct listener *listener)
{
    void *session = NULL;
    if (lc_channel_receive(listener->finished, &session, LC_NOW) != 0)
        return;
    session_reap(session);
    listener->sessions--;
}

/**
 * Sees to it that no session waits for a store that will not answer any more: until all sessions
 * have ended we have not stopped, and until then what we need is not told to stop either. An event
 * only wakes us; what is so is looked up, which is right even if events were lost.
 */
static void heed_states(struct listener *listener)
{
    lc_event *event = NULL;
    while (lc_observer_next(listener->states, &event, LC_NOW) == 0)
        lc_event_free(event);
    if (graph_is_over(listener->ledger, "store") || graph_is_over(listener->ledger, "journal"))
        store_refuse(listener->ledger);
}

enum { STATES, FINISHED, CLIENT };

static lc_error *accept_until_told(struct listener *listener, lc_context *context)
{
    lc_error *error = NULL;
    /* Asked each time: what is ready wins over the context's end, and clients may never stop. */
    while (!error && !lc_context_error(context)) {
        lc_waitable waits[] = {[STATES] = lc_on_observer(listener->states),
                               [FINISHED] = lc_on_receive(listener->finished),
                               [CLIENT] = lc_on_fd(listener->socket, POLLIN)};
        int ready = lc_context_wait_any(context, waits, 3, LC_FOREVER);
        if (ready == STATES)
            heed_states(listener);
        else if (ready == FINISHED)
            reap(listener); /* the lower index: places are freed before they are given away */
        else if (ready == CLIENT)
            error = accept_client(listener);
        else if (!lc_context_error(context))
            error = lc_error_new_errno(-ready, "cannot wait for clients");
        lc_yield(); /* a rush of clients must not keep those who are there from being served */
    }
    return error;
}

/** Waits until the sessions have ended, which have been told to. */
static void reap_all(struct listener *listener)
{
    while (listener->sessions > 0) {
        lc_waitable waits[] = {[STATES] = lc_on_observer(listener->states),
                               [FINISHED] = lc_on_receive(listener->finished)};
        if (lc_wait_any(waits, 2, LC_FOREVER) == STATES)
            heed_states(listener);
        reap(listener);
    }
}

static lc_error *listen_until_told(struct listener *listener, lc_context *context, lc_ready *ready)
{
    lc_error *error = open_socket(listener);
    if (!error) {
        lc_ready_signal(ready);
        heed_states(listener); /* what happened before we observed */
        error = accept_until_told(listener, context);
    }
    if (listener->socket >= 0)
        close(listener->socket);
    /* The sessions have been told if we were cancelled, but not if it was we who failed. */
    lc_context_cancel(listener->sessions_context, NULL);
    reap_all(listener);
    return error;
}

static lc_error *accept_worker(lc_context *context, lc_ready *ready, void *arg)
{
    struct listener listener = {.ledger = arg, .socket = -1};
    listener.sessions_context = lc_context_new(context);
    listener.states = lc_supervisor_observe(listener.ledger->supervisor, 1);
    lc_error *error =
        lc_channel_new(LC_CHANNEL(.capacity = LEDGER_CLIENTS_MAX), &listener.finished);
    if (!error && (!listener.sessions_context || !listener.states))
        error = lc_error_new(-ENOMEM, "no memory to listen");
    if (!error)
        error = listen_until_told(&listener, context, ready);
    lc_observer_free(listener.states);
    lc_channel_unref(listener.finished);
    lc_context_unref(listener.sessions_context);
    lc_log(LC_LOG_INFO, "listener", "stopped");
    return error;
}

static void add_workers(lc_manager_builder *builder, struct ledger *ledger)
{
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "accept", .run = accept_worker, .arg = ledger));
}

const struct kind listener_kind = {
    .name = "listener",
    /*
     * Its sessions send to the one and read from the other. It goes on while they restart: clients
     * stay, and what they append waits in the channel.
     */
    .needs = LC_DEPENDENCIES(LC_DEPENDENCY(.name = "store"), LC_DEPENDENCY(.name = "journal")),
    .add_workers = add_workers,
    /* An address that is in use or forbidden stays so: trying again at once is of no use. */
    .on_failure = LC_SHUTDOWN,
};
