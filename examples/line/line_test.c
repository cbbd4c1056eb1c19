/*
 * line_test.c: tests the server of line.c, whole and unchanged, in virtual time. Each seed is
 * another order of events.
 *
 *     build/examples/line_test                        runs all seeds
 *     LIFECYCLE_SEED=17 build/examples/line_test      runs one, with its log
 */
int line_main(int argc, char **argv);
#define main line_main /* the test has a main of its own */
#include "line.c"      // NOLINT(bugprone-suspicious-include): its graph is what is tested
#undef main

#include <inttypes.h>
#include <signal.h>

/* Makes what line.c's main makes. Each seed begins with this. */
static void begin(void *arg)
{
    (void)arg;
    server.kept = 0;
    server.greeting = lc_watch_new();
    lc_error_unref(lc_channel_new(LC_CHANNEL(.capacity = 64, .discard = free), &server.lines));
    lc_error_unref(configure(NULL, NULL));
}

/* Sends the text and expects the answer. */
static lc_error *talk(int fd, const char *text, const char *answer)
{
    char got[64] = "";
    size_t length = 0, wanted = strlen(answer);
    int64_t deadline = lc_deadline_after(10 * LC_SECOND);
    int code = lc_write_all(NULL, fd, text, strlen(text), deadline);
    while (code == 0 && length < wanted) {
        ssize_t more = lc_read(NULL, fd, got + length, wanted - length, deadline);
        code = more > 0 ? 0 : -EPIPE;
        length += more > 0 ? (size_t)more : 0;
    }
    if (code == 0 && strcmp(got, answer) == 0)
        return NULL;
    return lc_error_new(-EPROTO, "\"%s\" was answered by \"%s\"", text, got);
}

/* A client sends lines in pieces. One makes the keeper fail, and the client does not notice. */
static lc_error *serve_one(lc_supervisor *supervisor, int fd)
{
    static const char *const dialogue[][2] = {
        {"", "hello\n"}, {"first\nsec", "ok\n"}, {"ond\nfail\n", "ok\nok\n"}, {"third\n", "ok\n"}};
    lc_error *error = NULL;
    for (size_t i = 0; !error && i < sizeof dialogue / sizeof *dialogue; i++)
        error = talk(fd, dialogue[i][0], dialogue[i][1]);
    if (error)
        return error;
    lc_sleep(LC_SECOND); /* the keeper pauses for a tenth of that, and starts again */
    lc_node_status keeper;
    if (lc_supervisor_node(supervisor, "keeper", &keeper) != 0 || keeper.restarts != 1)
        return lc_error_new(-EPROTO, "the keeper was not restarted once");
    if (server.kept != 4)
        return lc_error_new(-EPROTO, "%u lines were kept", server.kept);
    return NULL;
}

/* After a stop this client is served on, a new one is refused, and the grace has an end. */
static lc_error *drain(lc_supervisor *supervisor, int fd)
{
    int another;
    int64_t began = lc_now();
    lc_simulation_signal(SIGTERM);
    lc_sleep(LC_SECOND);
    lc_error *error = talk(fd, "last\n", "ok\n");
    if (error)
        return error;
    error = lc_connect(NULL, "127.0.0.1", "7171", &another, lc_deadline_after(LC_SECOND));
    if (!error)
        return lc_error_new(-EPROTO, "a new client was accepted during the stop");
    lc_error_unref(error);
    lc_handle_wait(lc_supervisor_done(supervisor), lc_deadline_after(LC_MINUTE));
    if (lc_now() - began != 10 * LC_SECOND)
        return lc_error_new(-EPROTO, "the stop took %" PRId64 " ns", lc_now() - began);
    return NULL;
}

static lc_error *test(lc_supervisor *supervisor, void *arg)
{
    int fd;
    (void)arg;
    if (lc_handle_wait(lc_supervisor_ready(supervisor), lc_deadline_after(LC_SECOND)) != 0)
        return lc_error_new(-ETIMEDOUT, "the server is not ready");
    lc_error *error = lc_connect(NULL, "127.0.0.1", "7171", &fd, lc_deadline_after(LC_SECOND));
    if (error)
        return error;
    error = serve_one(supervisor, fd);
    if (!error)
        error = drain(supervisor, fd);
    close(fd);
    return error;
}

int main(void)
{
    return lc_simulate_main(LC_SIMULATION(.seeds = 300, .begin = begin, .test = test,
                                          .nodes = nodes,
                                          .supervisor = LC_SUPERVISOR(.handle_signals = true)));
}
