/*
 * session.c: the conversation with one client, line by line: a task of the listener's group.
 *
 * It is a fiber, so a thousand of them share a few threads: it waits only through the library.
 *
 * Whatever the client does, the session ends without an error, and no other session is affected.
 * It waits without a deadline only for the store's answer and for the journal's recovery, which
 * always come. A client that sends nothing for long is disconnected.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#define LIBBSD_OPENBSD_VIS 1 /* which strnvis we mean; we use none */
#include <bsd/vis.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** A client that does not read an answer for so long is dropped. */
#define CLIENT_PATIENCE (30 * LC_SECOND)
/** How long a client has to close its end, so that it gets the last answers. */
#define LINGER_PATIENCE (250 * LC_MILLISECOND)

/** How much of a wrong line an answer quotes, in bytes. */
#define QUOTE_MAX 64

struct session {
    struct ledger *ledger;
    char name[24];       /**< for the log */
    lc_context *stop;    /**< the listener's: at its end nothing more is received */
    lc_context *context; /**< of the task: at its end nothing more is sent */
    int socket;
    bool over;       /**< the session ends */
    bool vanished;   /**< the client cannot be reached any more */
    int64_t line_by; /**< the deadline of the client's next line */
    struct request request;
    /*
     * Received and not yet executed is input[begin .. end). A line, its end counted, always fits:
     * when the input is full and holds no newline, its line is too long, and is skipped up to the
     * newline.
     */
    size_t begin;
    size_t end;
    bool skipping;
    char input[LEDGER_LINE_MAX + sizeof "\r\n" - 1];
    char output[LEDGER_LINE_MAX + 512];
};

/* ---- the socket ---- */

static void send_all(struct session *session, const char *bytes, size_t length)
{
    if (session->over)
        return;
    int sent = lc_write_all(session->context, session->socket, bytes, length,
                            lc_deadline_after(CLIENT_PATIENCE));
    bool stopped = lc_context_error(session->context) != NULL;
    if (sent == -ETIMEDOUT || (sent < 0 && stopped))
        lc_log(LC_LOG_NOTICE, session->name, "dropped: it did not take its answers for %d s",
               (int)((stopped ? SESSION_GRACE : CLIENT_PATIENCE) / LC_SECOND));
    session->vanished = sent < 0;
    session->over = sent < 0;
}

/** Sends one line. */
__attribute__((format(printf, 2, 3))) static void answer(struct session *session,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof session->output - 1; /* for the newline */
    int length = vsnprintf(session->output, room, format, arguments);
    va_end(arguments);
    size_t used = length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
    /* A path in an error message may hold anything; one line each way is a promise. */
    for (size_t i = 0; i < used; i++)
        if (session->output[i] == '\n')
            session->output[i] = ' ';
    session->output[used++] = '\n';
    send_all(session, session->output, used);
}

/** Answers with OK and a text of any length, its lines joined to one; its last end is ours. */
static void answer_text(struct session *session, const char *text)
{
    size_t used = strlcpy(session->output, "OK ", sizeof session->output);
    for (; *text; text++) {
        if (used == sizeof session->output - 1) { /* one is left for the end of the line */
            send_all(session, session->output, used);
            used = 0;
        }
        if (*text != '\n')
            session->output[used++] = *text;
        else if (text[1] != '\0')
            session->output[used++] = ' ';
    }
    session->output[used++] = '\n';
    send_all(session, session->output, used);
}

/** Sets the deadline of the next line: a client that sends nothing is disconnected. */
static void await_line(struct session *session)
{
    session->line_by = lc_deadline_after(session->ledger->config.idle);
}

/** Ends the session of a client that has sent no whole line for too long. */
static void drop_silent(struct session *session)
{
    int seconds = (int)(session->ledger->config.idle / LC_SECOND);
    lc_log(LC_LOG_INFO, session->name, "dropped: it has sent no line for %d s", seconds);
    answer(session, "ERR no line came for %d s", seconds);
    session->over = true;
}

/** Receives more of the input; the session is over if there will be none. */
static void receive(struct session *session)
{
    if (session->begin > 0) {
        session->end -= session->begin;
        memmove(session->input, session->input + session->begin, session->end);
        session->begin = 0;
    }
    if (session->end == sizeof session->input) {
        if (!session->skipping)
            answer(session, "ERR line too long (limit %d bytes)", LEDGER_LINE_MAX);
        session->skipping = true;
        session->end = 0;
    }
    if (session->over)
        return;
    ssize_t got = lc_now() >= session->line_by
                      ? -ETIMEDOUT
                      : lc_read(session->stop, session->socket, session->input + session->end,
                                sizeof session->input - session->end, session->line_by);
    if (got > 0) {
        session->end += (size_t)got;
    } else if (got == -ETIMEDOUT) {
        drop_silent(session);
    } else {
        /* A last line without its end may be half of what was meant, so it is not executed. */
        session->over = true;
        session->vanished = !lc_context_error(session->stop);
    }
}

/**
 * The next line received whole, without its end, or NULL. The line stays where it is until
 * `receive`.
 */
static char *next_line(struct session *session, size_t *length)
{
    for (;;) {
        char *line = session->input + session->begin;
        char *newline = memchr(line, '\n', session->end - session->begin);
        if (!newline)
            return NULL;
        session->begin = (size_t)(newline + 1 - session->input);
        if (session->skipping) { /* the rest of a line that was too long, and answered so */
            session->skipping = false;
            continue;
        }
        if (newline > line && newline[-1] == '\r')
            newline--;
        *newline = '\0';
        *length = (size_t)(newline - line);
        return line;
    }
}

/**
 * Ends the connection in order: a close with unread bytes would send a reset, which can overtake
 * the last answers. So the client is first told that nothing more comes, and has a moment to close.
 */
static void linger(struct session *session)
{
    shutdown(session->socket, SHUT_WR);
    int64_t deadline = lc_deadline_after(LINGER_PATIENCE);
    while (lc_now() < deadline &&
           lc_read(NULL, session->socket, session->input, sizeof session->input, deadline) > 0)
        continue;
}

/* ---- commands ---- */

static void run_append(struct session *session, char *text)
{
    struct request *request = &session->request;
    request->text = text;
    request->length = strlen(text);
    request->number = 0;
    request->refused = NULL;
    /* This never waits: there is room for a request of each client. */
    if (lc_channel_send(session->ledger->requests, request, LC_FOREVER) != 0) {
        answer(session, "ERR not stored: the store has stopped");
        return;
    }
    void *answered = NULL;
    lc_channel_receive(request->reply, &answered, LC_FOREVER);
    if (request->refused)
        answer(session, "ERR %s", lc_error_message(request->refused));
    else
        answer(session, "OK %ju", (uintmax_t)request->number);
    lc_error_unref(request->refused);
}

static void run_get(struct session *session, char *argument)
{
    const char *wrong = NULL;
    long long number = strtonum(argument, 1, INT64_MAX, &wrong);
    if (wrong) {
        answer(session, "ERR GET needs the number of an entry, from 1 on: GET n");
        return;
    }
    char text[JOURNAL_TEXT_MAX + 1];
    lc_error *error = journal_read(&session->ledger->journal, (uint64_t)number, text);
    if (error)
        answer(session, "ERR %s", lc_error_message(error));
    else
        answer(session, "OK %s", text);
    lc_error_unref(error);
}

static void run_count(struct session *session, char *argument)
{
    (void)argument;
    uint64_t count = 0;
    if (journal_count(&session->ledger->journal, &count) != 0)
        answer(session, "ERR the journal is not open");
    else
        answer(session, "OK %ju", (uintmax_t)count);
}

/**
 * Prints what may hold anything: escaped and in quotes, or "-" if there is nothing. Returns whether
 * there was memory for it.
 */
static bool print_quoted(FILE *out, const char *text)
{
    char *escaped = NULL;
    if (!text || *text == '\0')
        return fputc('-', out) != EOF;
    if (stravis(&escaped, text, VIS_CSTYLE | VIS_OCTAL | VIS_NL | VIS_DQ) < 0)
        return false;
    bool printed = fprintf(out, "\"%s\"", escaped) >= 0;
    free(escaped);
    return printed;
}

static bool print_node(FILE *out, const lc_snapshot *snapshot, const lc_node_status *node)
{
    return fprintf(out,
                   "%s%s=%s since=%jds restarts=%ju waiting=", node != snapshot->nodes ? " ; " : "",
                   node->name, lc_node_state_name(node->state),
                   (intmax_t)((snapshot->time - node->since) / LC_SECOND),
                   (uintmax_t)node->restarts) >= 0 &&
           print_quoted(out, node->waits_for) &&
           fprintf(out, " instance=%ju error=", (uintmax_t)node->instance) >= 0 &&
           print_quoted(out, node->error ? lc_error_message(node->error) : NULL);
}

/**
 * A stream of open_memstream that has no memory for its text says so only where something is
 * printed: neither ferror nor fclose tells.
 */
static void answer_status(struct session *session, const lc_snapshot *snapshot)
{
    char *line = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&line, &size);
    bool printed = out != NULL;
    for (size_t i = 0; i < snapshot->count && printed; i++)
        printed = print_node(out, snapshot, &snapshot->nodes[i]);
    if (out && fclose(out) != 0)
        printed = false;
    if (printed && line)
        answer_text(session, line);
    else
        answer(session, "ERR no memory for the status");
    free(line);
}

/** JSON or DOT, which mean the same as one line. */
static void answer_snapshot(struct session *session, lc_snapshot *snapshot,
                            lc_snapshot_format format)
{
    const char *text = lc_snapshot_print(snapshot, format);
    if (text)
        answer_text(session, text);
    else
        answer(session, "ERR no memory for the status");
}

static void run_status(struct session *session, char *argument)
{
    lc_snapshot *snapshot = lc_supervisor_snapshot(lc_context_supervisor(session->context));
    if (!snapshot)
        answer(session, "ERR no memory for the status");
    else if (!argument)
        answer_status(session, snapshot);
    else if (strcmp(argument, "DOT") == 0)
        answer_snapshot(session, snapshot, LC_SNAPSHOT_DOT);
    else if (strcmp(argument, "JSON") == 0)
        answer_snapshot(session, snapshot, LC_SNAPSHOT_JSON);
    else
        answer(session, "ERR only DOT or JSON may follow STATUS");
    lc_snapshot_free(snapshot);
}

/** Whether a component will not run again. */
static bool is_over(struct session *session, const char *name)
{
    lc_node_status node;
    return lc_supervisor_node(lc_context_supervisor(session->context), name, &node) == 0 &&
           (node.state == LC_NODE_STOPPED || node.state == LC_NODE_DONE);
}

static void run_fail(struct session *session, char *argument)
{
    if (!session->ledger->config.allow_fail) {
        answer(session, "ERR FAIL is not allowed (start with --allow-fail)");
        return;
    }
    char *behavior_name = argument;
    const char *name = strsep(&behavior_name, " ");
    lc_behavior behavior = LC_STOP;
    lc_channel *faults = graph_faults(session->ledger, name);
    if (!faults || !behavior_name || lc_behavior_parse(behavior_name, &behavior) != 0) {
        answer(session,
               "ERR FAIL needs a component (journal, store, listener, reporter) and a behavior "
               "(restart, stop, stop-parents, shutdown, spin-halt): FAIL component behavior");
        return;
    }
    if (is_over(session, name)) {
        answer(session, "ERR %s has stopped", name);
        return;
    }
    /* Answered first: the failure may well end this session. */
    answer(session, "OK failing %s: %s", name, behavior_name);
    int code = graph_fail(faults, name, behavior);
    if (code != 0)
        lc_log(LC_LOG_WARNING, session->name, "cannot fail %s: %s", name, strerror(-code));
}

static void run_quit(struct session *session, char *argument)
{
    (void)argument;
    answer(session, "OK bye");
    session->over = true;
}

static const struct command {
    const char *name;
    const char *argument; /**< what must follow, or, in brackets, may; NULL for nothing */
    void (*run)(struct session *session, char *argument);
} commands[] = {
    {"APPEND", "text", run_append},
    {"GET", "n", run_get},
    {"COUNT", NULL, run_count},
    {"STATUS", "[DOT|JSON]", run_status},
    {"FAIL", "component behavior", run_fail},
    {"QUIT", NULL, run_quit},
};

/** Refuses a line, quoting how it begins with everything unprintable escaped. */
static void refuse(struct session *session, const char *line, size_t length, const char *why)
{
    char quote[4 * QUOTE_MAX + 1];
    size_t quoted = length < QUOTE_MAX ? length : QUOTE_MAX;
    strvisx(quote, line, quoted, VIS_CSTYLE | VIS_OCTAL | VIS_NL | VIS_TAB);
    answer(session, "ERR %s: \"%s%s\"", why, quote, quoted < length ? "..." : "");
}

static void execute(struct session *session, char *line, size_t length)
{
    if (length > LEDGER_LINE_MAX) { /* by one or two, so that the input had room for it */
        answer(session, "ERR line too long (limit %d bytes)", LEDGER_LINE_MAX);
        return;
    }
    if (strlen(line) != length) {
        refuse(session, line, length, "a line may not hold NUL bytes");
        return;
    }
    char *argument = line;
    const char *name = strsep(&argument, " ");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *command = &commands[i];
        if (strcmp(name, command->name) != 0)
            continue;
        bool given = argument && *argument != '\0';
        bool needed = command->argument && command->argument[0] != '[';
        if (given && !command->argument)
            answer(session, "ERR nothing may follow %s", name);
        else if (!given && needed)
            answer(session, "ERR something must follow %s: %s %s", name, name, command->argument);
        else
            command->run(session, given ? argument : NULL);
        return;
    }
    if (argument)
        argument[-1] = ' ';
    refuse(session, line, length,
           "unknown command (there are APPEND text, GET n, COUNT, STATUS, FAIL, QUIT)");
}

/* ---- the session as a task ---- */

static void session_free(struct session *session)
{
    lc_channel_unref(session->request.reply);
    free(session);
}

static lc_error *session_run(lc_context *context, void *arg)
{
    struct session *session = arg;
    session->context = context;
    await_line(session);
    while (!session->over) {
        size_t length = 0;
        char *line = next_line(session, &length);
        if (line) {
            execute(session, line, length);
            await_line(session);
        } else if (!lc_context_error(session->stop)) {
            receive(session);
        } else {
            session->over = true; /* everything received has been answered */
        }
    }
    if (!session->vanished)
        linger(session);
    close(session->socket);
    atomic_fetch_sub(&session->ledger->clients, 1);
    session_free(session);
    return NULL;
}

/**
 * A client sends nothing once its machine has gone: keep-alive finds that after two minutes.
 */
static void keep_alive(int socket)
{
    setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &(int){60}, sizeof(int));
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &(int){10}, sizeof(int));
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &(int){6}, sizeof(int));
}

int session_start(struct ledger *ledger, lc_context *stop, lc_task_group *sessions, int socket)
{
    static _Atomic unsigned count;
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return -ENOMEM;
    session->ledger = ledger;
    session->stop = stop;
    session->socket = socket;
    snprintf(session->name, sizeof session->name, "client %u", atomic_fetch_add(&count, 1) + 1);
    keep_alive(socket);
    atomic_fetch_add(&ledger->clients, 1);
    lc_error *error = lc_channel_new(LC_CHANNEL(.capacity = 1), &session->request.reply);
    int result = error ? lc_error_code(error) : lc_task_group_start(sessions, session_run, session);
    lc_error_unref(error);
    if (result < 0) {
        atomic_fetch_sub(&ledger->clients, 1);
        session_free(session);
    }
    return result;
}
