/*
 * listener.c: the listener: accepts clients and starts a session for each. The sessions are tasks
 * of one group, below the listener's context, so they end with it; one that fails harms no other.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** Listens. With port 0 the system chooses one, which is kept for the next instance. */
static lc_error *open_socket(struct config *config, int *listener)
{
    lc_error *error = lc_listen(config->host, config->port, listener);
    if (error)
        return error;
    snprintf(config->port, sizeof config->port, "%d", lc_fd_port(*listener));
    lc_log(LC_LOG_INFO, "listener",
           strchr(config->host, ':') ? "listening on [%s]:%s" : "listening on %s:%s", config->host,
           config->port);
    return NULL;
}

/** Tells a client that it cannot be served, as far as that is possible without waiting. */
static void refuse(int socket, const char *answer)
{
    char unread[LEDGER_LINE_MAX];
    lc_write_all(NULL, socket, answer, strlen(answer), LC_NOW);
    shutdown(socket, SHUT_WR);
    /* Closing with something unread would send a reset, which can overtake the answer. */
    lc_read(NULL, socket, unread, sizeof unread, LC_NOW);
    close(socket);
}

static void serve(struct ledger *ledger, lc_context *context, lc_task_group *sessions, int socket)
{
    char answer[64];
    int started = session_start(ledger, context, sessions, socket);
    if (started == -ENOSPC) {
        snprintf(answer, sizeof answer, "ERR too many clients (limit %d)\n", LEDGER_CLIENTS_MAX);
        refuse(socket, answer);
    } else if (started < 0) {
        lc_log(LC_LOG_WARNING, "listener", "cannot serve a client: %s", strerror(-started));
        refuse(socket, "ERR cannot serve you now, try again later\n");
    }
}

/* ---- the end of what the sessions need ---- */

/**
 * No session waits for a store that will not answer any more: when the store or the journal is
 * over, the requests are refused. Until all sessions have ended the listener has not stopped, and
 * until then what it needs is not told to stop either.
 */
struct end {
    lc_handle *over;
    lc_handle_callback *callback;
};

static void refuse_requests(void *ledger)
{
    store_refuse(ledger);
}

static lc_error *end_watch(struct end *end, lc_supervisor *supervisor, const char *node,
                           struct ledger *ledger)
{
    end->over = lc_supervisor_node_over(supervisor, node);
    if (!end->over || lc_handle_on_close(end->over, refuse_requests, ledger, &end->callback) != 0)
        return lc_error_new(-ENOMEM, "no memory to watch the %s", node);
    return NULL;
}

static void end_unwatch(struct end *end)
{
    lc_handle_callback_cancel(end->callback);
    lc_handle_unref(end->over);
}

/* ---- the component ---- */

/** Accepts until it is told to stop, and then waits for the sessions. */
static void serve_clients(struct ledger *ledger, lc_context *context, int listener)
{
    lc_context *grace = lc_context_with_grace(context, SESSION_GRACE);
    lc_task_group *sessions = lc_task_group_new(
        LC_TASK_GROUP(.name = "sessions", .context = grace, .limit = LEDGER_CLIENTS_MAX));
    int client, result = grace && sessions ? 0 : -ENOMEM;
    while (result == 0 && (result = lc_accept(context, listener, &client, LC_FOREVER)) == 0)
        serve(ledger, context, sessions, client);
    close(listener);
    if (result != -ECANCELED) /* which ends the context, and with it the sessions */
        lc_signal_error(context, lc_error_new_errno(-result, "cannot accept clients"));
    lc_task_group_wait(sessions, LC_FOREVER);
    lc_task_group_unref(sessions);
    lc_context_unref(grace);
}

lc_error *accept_clients(lc_context *context, lc_ready *ready, void *arg)
{
    struct ledger *ledger = arg;
    struct end store = {NULL, NULL}, journal = {NULL, NULL};
    lc_supervisor *supervisor = lc_context_supervisor(context);
    int listener = -1;
    lc_error *error = end_watch(&store, supervisor, "store", ledger);
    if (!error)
        error = end_watch(&journal, supervisor, "journal", ledger);
    if (!error)
        error = open_socket(&ledger->config, &listener);
    if (!error) {
        lc_ready_signal(ready);
        serve_clients(ledger, context, listener);
    }
    end_unwatch(&store);
    end_unwatch(&journal);
    lc_log(LC_LOG_INFO, "listener", "stopped");
    return error;
}
