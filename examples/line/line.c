/*
 * line.c: a server that keeps the lines its clients send. docs/tutorial.md builds it in six steps.
 *
 *     build/examples/line greeting.txt        and in another terminal:  nc 127.0.0.1 7171
 *
 * The line "fail" makes the keeper fail, SIGHUP reads greeting.txt again, Ctrl-C stops the server.
 */
#define _GNU_SOURCE
#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 256 }; /* a line is shorter */

/* What the components share. It stays when one of them restarts. */
static struct server {
    lc_channel *lines;  /* from the clients to the keeper */
    lc_watch *greeting; /* a text; each reload publishes a new one */
    unsigned kept;      /* how many lines the keeper has taken; it alone writes this */
} server;

/* The keeper logs each line with its number. */
static lc_error *keep(lc_context *context, lc_ready *ready, void *arg)
{
    void *item;
    lc_ready_signal(ready);
    while (!lc_context_error(context) &&
           lc_context_receive(context, server.lines, &item, LC_FOREVER) == 0) {
        char *line = item; /* what was received belongs to the receiver */
        bool fail = strcmp(line, "fail") == 0;
        lc_log(LC_LOG_INFO, arg, "%u: %s", ++server.kept, line);
        free(line);
        if (fail)
            return lc_error_new(-EIO, "a client asked for it");
    }
    return NULL; /* it was told to stop, which is no failure */
}

/* Hands one line to the keeper and answers the client. @return 0, or a negative errno. */
static int take_line(lc_context *context, int fd, const char *text)
{
    char *line = strdup(text);
    int64_t deadline = lc_deadline_after(2 * LC_SECOND);
    int code = line ? lc_context_send(context, server.lines, line, deadline) : -ENOMEM;
    if (code != 0)
        free(line); /* a send that fails leaves the item with the sender */
    const char *answer = code == 0 ? "ok\n" : "busy\n";
    return lc_write_all(context, fd, answer, strlen(answer), lc_deadline_after(LC_SECOND));
}

/* Reads up to a newline. @return the length of the line; 0 at the end; or a negative errno. */
static ssize_t read_line(lc_context *context, int fd, char *text, size_t *used)
{
    const char *end;
    while (!(end = memchr(text, '\n', *used))) {
        if (*used == TEXT_MAX)
            return -EMSGSIZE;
        int64_t deadline = lc_deadline_after(LC_MINUTE);
        ssize_t got = lc_read(context, fd, text + *used, TEXT_MAX - *used, deadline);
        if (got <= 0)
            return got;
        *used += (size_t)got;
    }
    return end + 1 - text;
}

static int greet(lc_context *context, int fd)
{
    lc_watch_value *greeting = lc_watch_read(server.greeting);
    const char *text = lc_watch_value_data(greeting);
    int code = lc_write_all(context, fd, text, strlen(text), lc_deadline_after(LC_SECOND));
    lc_watch_value_unref(greeting);
    return code;
}

/* One fiber for each client. It ends when the client leaves, or when the grace is over. */
static lc_error *serve_client(lc_context *context, void *arg)
{
    int fd = (int)(intptr_t)arg;
    char text[TEXT_MAX] = "";
    size_t used = 0;
    ssize_t length;
    int code = greet(context, fd);
    while (code == 0 && (length = read_line(context, fd, text, &used)) > 0) {
        text[length - 1] = '\0';
        code = take_line(context, fd, text);
        used -= (size_t)length;
        memmove(text, text + length, used);
    }
    close(fd);
    return NULL; /* a client that has gone is no failure */
}

/* The listener. Told to stop, it accepts no more and gives its clients ten seconds to finish. */
static lc_error *listen_for_clients(lc_context *context, lc_ready *ready, void *arg)
{
    int listener, fd;
    lc_error *error = lc_listen("127.0.0.1", arg, &listener);
    if (error)
        return error;
    lc_context *grace = lc_context_with_grace(context, 10 * LC_SECOND);
    lc_task_group *clients =
        lc_task_group_new(LC_TASK_GROUP(.name = "client", .context = grace, .limit = 1000));
    lc_ready_signal(ready);
    while (lc_accept(context, listener, &fd, LC_FOREVER) == 0)
        if (lc_task_group_start(clients, serve_client, (void *)(intptr_t)fd) != 0)
            close(fd); /* there are too many clients, or there is no memory */
    close(listener);
    lc_task_group_wait(clients, LC_FOREVER);
    lc_task_group_unref(clients);
    lc_context_unref(grace);
    return NULL;
}

/* Publishes the first line of the file as the greeting: before the first start, at each SIGHUP. */
static lc_error *configure(lc_context *context, void *path)
{
    char text[TEXT_MAX];
    FILE *file = fopen(path ? path : "/dev/null", "re");
    (void)context;
    if (!file)
        return lc_error_new_errno(errno, "cannot open %s", (char *)path);
    const char *line = fgets(text, sizeof text, file);
    fclose(file);
    char *greeting = strdup(line ? line : "hello\n");
    int code = greeting ? lc_watch_publish(server.greeting, greeting, free) : -ENOMEM;
    if (code == 0)
        return NULL;
    free(greeting);
    return lc_error_new(code, "cannot publish the greeting");
}

static const lc_node *const *const nodes =
    LC_NODES(LC_NODE(.name = "keeper", .run = keep, .arg = "keeper"),
             LC_NODE(.name = "listener", .run = listen_for_clients, .arg = "7171",
                     .needs = {"keeper"}, .kind = LC_FIBER, .first_start = LC_SHUTDOWN));

int main(int argc, char **argv)
{
    lc_error *error = lc_channel_new(LC_CHANNEL(.capacity = 64, .discard = free), &server.lines);
    server.greeting = lc_watch_new();
    if (error || !server.greeting)
        return LC_EXIT_ERROR;
    return lc_service_main(LC_SERVICE(.name = "line", .nodes = nodes, .configure = configure,
                                      .arg = argc > 1 ? argv[1] : NULL));
}
