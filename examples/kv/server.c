/* server.c: the listener. Each connection is a fiber that reads requests and writes answers. */
#define _GNU_SOURCE
#include "kv.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 900, HEAD_MAX = 8192, ANSWER_HEAD_MAX = 256 };
#define IDLE (60 * LC_SECOND)     /* until a next request begins */
#define PATIENCE (10 * LC_SECOND) /* until it is complete; to write its answer; after a stop */

struct http {
    struct kv *kv;
    lc_context *stop; /* ends the wait for a next request, and no other */
    int fd;
    bool last;          /* the connection ends after the next answer */
    size_t used, taken; /* bytes of `input`: received; of those, the request's */
    struct request request;
    char input[HEAD_MAX + VALUE_MAX], output[ANSWER_HEAD_MAX + VALUE_MAX]; /* head and body */
};

/* What parses returns NULL, or the status to refuse the request with. */
static const char *parse_path(struct request *request, const char *path)
{
    if (*path++ != '/' || *path == '\0')
        return "404 Not Found";
    for (; *path; path++) {
        bool coded = *path == '%';
        if (*path == '?' || (coded && strspn(path + 1, "0123456789ABCDEFabcdef") < 2))
            return "400 Bad Request";
        if (request->key_length == KEY_MAX)
            return "414 URI Too Long";
        char byte = coded ? (char)strtol((char[]){path[1], path[2], '\0'}, NULL, 16) : *path;
        request->key[request->key_length++] = byte;
        path += coded ? 2 : 0;
    }
    return NULL;
}

static const char *parse_first(struct http *http, char *version)
{
    const char *method = strsep(&version, " "), *path = strsep(&version, " ");
    if (!version || strncmp(version, "HTTP/1.", 7) != 0)
        return version ? "505 HTTP Version Not Supported" : "400 Bad Request";
    if (strcmp(method, "GET") != 0 && strcmp(method, "PUT") != 0 && strcmp(method, "DELETE") != 0)
        return "405 Method Not Allowed";
    http->request.verb = *method;
    http->request.has_host = http->last = strcmp(version, "HTTP/1.0") == 0;
    return parse_path(&http->request, path);
}

static const char *parse_field(struct http *http, char *name)
{
    struct request *request = &http->request;
    char *value = name + strcspn(name, ": \t");
    if (*value != ':' || value == name)
        return "400 Bad Request"; /* also a space before the colon: proxies disagree on it */
    *value++ = '\0';
    value += strspn(value, " \t");
    for (char *end = value + strlen(value); end > value && strchr(" \t", end[-1]);)
        *--end = '\0';
    request->has_host |= strcasecmp(name, "Host") == 0;
    request->asks_first |= strcasecmp(name, "Expect") == 0;
    http->last |= strcasecmp(name, "Connection") == 0 && strcasestr(value, "close");
    if (strcasecmp(name, "Transfer-Encoding") == 0)
        return "501 Not Implemented";
    if (strcasecmp(name, "Content-Length") != 0)
        return NULL;
    const char *wrong = NULL;
    if (request->has_length || *value == '\0' || value[strspn(value, "0123456789")] != '\0')
        return "400 Bad Request";
    request->has_length = true;
    request->length = (size_t)strtonum(value, 0, VALUE_MAX, &wrong);
    return wrong ? "413 Content Too Large" : NULL;
}

static const char *parse_head(struct http *http, const char *end)
{
    const char *status = NULL;
    char *rest = http->input;
    for (bool first = true; rest < end && !status; first = false) {
        char *line = strsep(&rest, "\n"), *line_end = strchr(line, '\r');
        if (!rest || !line_end || line_end[1] != '\0') /* `rest` ends at a NUL in the head */
            return "400 Bad Request";
        *line_end = '\0';
        status = first ? parse_first(http, line) : parse_field(http, line);
    }
    if (!status && !http->request.has_length && http->request.verb == 'P')
        status = "411 Length Required";
    return status || http->request.has_host ? status : "400 Bad Request";
}

static int receive(struct http *http, lc_context *context, int64_t deadline)
{
    ssize_t got = lc_read(http->used > 0 ? context : http->stop, http->fd, http->input + http->used,
                          sizeof http->input - http->used, deadline);
    http->used += got > 0 ? (size_t)got : 0;
    return got > 0 ? 0 : got < 0 ? (int)got : -EPIPE;
}

static int http_read(struct http *http, lc_context *context)
{
    struct request *request = &http->request;
    *request = (struct request){.found = http->output + ANSWER_HEAD_MAX};
    http->used -= http->taken;
    memmove(http->input, http->input + http->taken, http->used);
    int result = http->used > 0 ? 0 : receive(http, context, lc_deadline_after(IDLE));
    int64_t deadline = lc_deadline_after(PATIENCE);
    char *end;
    while (!(end = memmem(http->input, http->used, "\r\n\r\n", 4)) && http->used < HEAD_MAX &&
           result == 0)
        result = receive(http, context, deadline);
    request->status = end ? parse_head(http, end) : "431 Request Header Fields Too Large";
    http->taken = (size_t)(end ? end + 4 - http->input : 0) + request->length;
    request->value = http->input + http->taken - request->length;
    if (!request->status && http->used < http->taken && request->asks_first)
        result = lc_write_all(context, http->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, deadline);
    while (!request->status && http->used < http->taken && result == 0)
        result = receive(http, context, deadline);
    http->last |= request->status != NULL;
    return result;
}

static int http_write(struct http *http, lc_context *context)
{
    struct request *request = &http->request;
    if (*request->status >= '4')
        request->found_length = (size_t)snprintf(request->found, 64, "%s\n", request->status);
    http->last |= lc_context_error(http->stop) != NULL;
    size_t size = (size_t)snprintf(
        http->output, ANSWER_HEAD_MAX, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s%s\r\n",
        request->status, request->found_length, http->last ? "Connection: close\r\n" : "",
        strncmp(request->status, "405", 3) == 0 ? "Allow: GET, PUT, DELETE\r\n" : "");
    return lc_write_all(context, http->fd, memmove(request->found - size, http->output, size),
                        size + request->found_length, lc_deadline_after(PATIENCE));
}

static lc_error *serve_connection(lc_context *context, void *arg)
{
    struct http *http = arg;
    struct request *request = &http->request;
    while (!http->last && http_read(http, context) == 0) {
        if (!request->status)
            store_ask(request->verb == 'G' ? &http->kv->reader : &http->kv->writer, context,
                      request);
        if (http_write(http, context) < 0)
            break;
    }
    /* To close with something unread would send a reset, which may overtake the last answer. */
    int64_t deadline = lc_deadline_after(LC_SECOND);
    shutdown(http->fd, SHUT_WR);
    while (lc_now() < deadline &&
           lc_read(context, http->fd, http->input, sizeof http->input, deadline) > 0)
        continue;
    close(http->fd);
    free(http);
    return NULL;
}

lc_error *server_run(lc_context *context, lc_ready *ready, void *arg)
{
    struct kv *kv = arg;
    int listener, fd, result = -ENOMEM;
    lc_error *error = lc_listen(kv->host, kv->port, &listener);
    if (error)
        return error;
    lc_context *grace = lc_context_with_grace(context, PATIENCE);
    lc_task_group *group = lc_task_group_new(
        LC_TASK_GROUP(.name = "connections", .context = grace, .limit = CONNECTIONS_MAX));
    if (grace && group) {
        lc_log(LC_LOG_INFO, NULL, "listening on %s, port %d", kv->host, lc_fd_port(listener));
        lc_ready_signal(ready);
        while ((result = lc_accept(context, listener, &fd, LC_FOREVER)) == 0) {
            struct http *http = calloc(1, sizeof *http);
            if (http) {
                http->kv = kv;
                http->stop = context;
                http->fd = fd;
            }
            if (!http || lc_task_group_start(group, serve_connection, http) < 0) {
                close(fd);
                free(http);
            }
        }
    }
    close(listener);
    if (result != -ECANCELED) /* the supervisor then ends the context, as for a stop */
        lc_signal_error(context, lc_error_new_errno(-result, "cannot accept connections"));
    lc_task_group_wait(group, LC_FOREVER);
    lc_task_group_unref(group);
    lc_context_unref(grace);
    return NULL;
}
