/*
 * io.c: listening, accepting, connecting, reading and writing, in each world: TCP for threads and
 * fibers, and what stands for it in a simulation.
 */
#include "support/check.h"
#include "support/helper.h"
#include "support/later.h"
#include "support/mode.h"

#include <lifecycle.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a connection ---- */

struct connection {
    int listener, client, server;
    char port[8];
};

static void listener_open(struct connection *connection)
{
    CHECK_SUCCESS(lc_listen("127.0.0.1", "0", &connection->listener));
    int port = lc_fd_port(connection->listener);
    CU_ASSERT_TRUE_FATAL(port > 0);
    snprintf(connection->port, sizeof connection->port, "%d", port);
}

static void client_open(struct connection *connection)
{
    CHECK_SUCCESS(
        lc_connect(NULL, "127.0.0.1", connection->port, &connection->client, check_patience()));
    CU_ASSERT_EQUAL_FATAL(
        lc_accept(NULL, connection->listener, &connection->server, check_patience()), 0);
}

static struct connection connection_open(void)
{
    struct connection connection = {0};
    listener_open(&connection);
    client_open(&connection);
    return connection;
}

static void connection_close(const struct connection *connection)
{
    close(connection->client);
    close(connection->server);
    close(connection->listener);
}

static bool is_ours(int fd)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static void descriptors_are_nonblocking(void)
{
    struct connection connection = connection_open();
    CU_ASSERT_TRUE(is_ours(connection.listener));
    CU_ASSERT_TRUE(is_ours(connection.client));
    CU_ASSERT_TRUE(is_ours(connection.server));
    CU_ASSERT_EQUAL(lc_fd_port(connection.server), lc_fd_port(connection.listener));
    connection_close(&connection);
}

/* ---- bytes ---- */

enum { BYTES = 256 * 1024 };

struct transfer {
    int fd;
    int result;
};

static void send_pattern(void *arg)
{
    struct transfer *transfer = arg;
    static char pattern[BYTES]; /* several may fill it, all with the same */
    for (size_t i = 0; i < BYTES; i++)
        pattern[i] = (char)(i * 7 + i / 251);
    transfer->result = lc_write_all(NULL, transfer->fd, pattern, BYTES, check_patience());
    shutdown(transfer->fd, SHUT_WR);
}

static void echo(void *arg)
{
    struct transfer *transfer = arg;
    char some[5000];
    ssize_t got;
    while ((got = lc_read(NULL, transfer->fd, some, sizeof some, check_patience())) > 0)
        if (lc_write_all(NULL, transfer->fd, some, (size_t)got, check_patience()) < 0)
            break;
    transfer->result = (int)got;
    shutdown(transfer->fd, SHUT_WR);
}

/* @return how many bytes came, all as they were sent, until the end. */
static size_t receive_pattern(int fd)
{
    char some[3000];
    size_t at = 0;
    ssize_t got;
    while ((got = lc_read(NULL, fd, some, sizeof some, check_patience())) > 0)
        for (ssize_t i = 0; i < got; i++, at++)
            if (some[i] != (char)(at * 7 + at / 251))
                return 0;
    CU_ASSERT_EQUAL(got, 0);
    return at;
}

static void all_bytes_arrive(void)
{
    struct connection connection = connection_open();
    struct transfer sending = {connection.client, 1}, echoing = {connection.server, 1};
    struct helper sender, echoer;
    helper_start(&echoer, echo, &echoing);
    helper_start(&sender, send_pattern, &sending);
    CU_ASSERT_EQUAL(receive_pattern(connection.client), BYTES);
    helper_join(&sender);
    helper_join(&echoer);
    CU_ASSERT_EQUAL(sending.result, 0);
    CU_ASSERT_EQUAL(echoing.result, 0);
    connection_close(&connection);
}

static void pipe_open(int ends[2])
{
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
}

static void pipe_send_pattern(void *arg)
{
    struct transfer *transfer = arg;
    send_pattern(transfer);
    close(transfer->fd);
}

/* Blocking descriptors, of which no call may block its thread. */
static void a_blocking_pipe_does_not_block(void)
{
    int ends[2];
    char byte;
    struct helper sender;
    static const char much[BYTES];
    pipe_open(ends);
    CU_ASSERT_EQUAL(lc_read(NULL, ends[0], &byte, 1, lc_deadline_after(LC_MICROSECOND)),
                    -ETIMEDOUT);
    struct transfer sending = {ends[1], 1};
    helper_start(&sender, pipe_send_pattern, &sending);
    CU_ASSERT_EQUAL(receive_pattern(ends[0]), BYTES);
    helper_join(&sender);
    CU_ASSERT_EQUAL(sending.result, 0);
    close(ends[0]);
    pipe_open(ends);
    CU_ASSERT_EQUAL(lc_write_all(NULL, ends[1], much, BYTES, lc_deadline_after(LC_MICROSECOND)),
                    -ETIMEDOUT);
    CU_ASSERT_FALSE(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
    CU_ASSERT_FALSE(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
    close(ends[0]);
    close(ends[1]);
}

static void a_blocking_socket_does_not_block(void)
{
    int ends[2];
    char byte;
    static const char much[4 * BYTES];
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CU_ASSERT_EQUAL(lc_read(NULL, ends[0], &byte, 1, LC_NOW), -ETIMEDOUT);
    CU_ASSERT_EQUAL(
        lc_write_all(NULL, ends[1], much, sizeof much, lc_deadline_after(LC_MICROSECOND)),
        -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_read(NULL, ends[0], &byte, 1, LC_NOW), 1);
    close(ends[0]);
    close(ends[1]);
}

static void the_end_is_told(void)
{
    struct connection connection = connection_open();
    char bytes[8];
    CU_ASSERT_EQUAL(lc_write_all(NULL, connection.client, "abc", 3, LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_read(NULL, connection.server, bytes, 0, LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, connection.server, POLLIN, check_patience()), POLLIN);
    close(connection.client);
    size_t all = 0;
    ssize_t got;
    while ((got = lc_read(NULL, connection.server, bytes, sizeof bytes, check_patience())) > 0)
        all += (size_t)got;
    CU_ASSERT_EQUAL(all, 3);
    CU_ASSERT_EQUAL(got, 0);
    int result;
    do /* of TCP the first is taken, and answered by a reset */
        result = lc_write_all(NULL, connection.server, "x", 1, check_patience());
    while (result == 0);
    CU_ASSERT_TRUE(result == -EPIPE || result == -ECONNRESET);
    close(connection.server);
    close(connection.listener);
}

/* ---- deadlines ---- */

static void deadlines_end_each_call(void)
{
    struct connection connection = connection_open();
    char byte;
    int fd = 7;
    int64_t deadline = lc_deadline_after(LC_MILLISECOND);
    CU_ASSERT_EQUAL(lc_read(NULL, connection.server, &byte, 1, deadline), -ETIMEDOUT);
    CU_ASSERT_TRUE(lc_now() >= deadline);
    CU_ASSERT_EQUAL(lc_accept(NULL, connection.listener, &fd, deadline), -ETIMEDOUT);
    CU_ASSERT_EQUAL(fd, -1);
    deadline = lc_deadline_after(LC_MILLISECOND);
    CU_ASSERT_EQUAL(lc_accept(NULL, connection.listener, &fd, deadline), -ETIMEDOUT);
    CU_ASSERT_TRUE(lc_now() >= deadline);
    deadline = lc_deadline_after(LC_MILLISECOND);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, connection.client, POLLIN, deadline), -ETIMEDOUT);
    CU_ASSERT_TRUE(lc_now() >= deadline);
    connection_close(&connection);
}

/* ---- contexts ---- */

static void cancel(void *context)
{
    lc_context_cancel(context, NULL);
}

/* Waits by `call` until the context is cancelled. */
static void is_cancelled(int (*call)(lc_context *context, const struct connection *connection),
                         const struct connection *connection)
{
    lc_context *context = lc_context_new(NULL);
    struct later later_cancel;
    later(&later_cancel, cancel, context);
    CU_ASSERT_EQUAL(call(context, connection), -ECANCELED);
    CU_ASSERT_TRUE(later_join(&later_cancel));
    CU_ASSERT_EQUAL(call(context, connection), -ECANCELED);
    lc_context_unref(context);
}

static int read_one(lc_context *context, const struct connection *connection)
{
    char byte;
    return (int)lc_read(context, connection->server, &byte, 1, check_patience());
}

static int write_much(lc_context *context, const struct connection *connection)
{
    static const char much[BYTES];
    int result = 0;
    while (result == 0)
        result = lc_write_all(context, connection->client, much, BYTES, check_patience());
    return result;
}

static int accept_one(lc_context *context, const struct connection *connection)
{
    int fd;
    return lc_accept(context, connection->listener, &fd, check_patience());
}

static int wait_for_one(lc_context *context, const struct connection *connection)
{
    return lc_wait_fd(context, connection->server, POLLIN, check_patience());
}

static void the_end_of_the_context_ends_each_call(void)
{
    struct connection connection = connection_open();
    is_cancelled(read_one, &connection);
    is_cancelled(accept_one, &connection);
    is_cancelled(wait_for_one, &connection);
    is_cancelled(write_much, &connection);
    connection_close(&connection);
}

static void a_connect_under_an_ended_context(void)
{
    lc_context *context = lc_context_new(NULL);
    int fd;
    lc_context_cancel(context, lc_error_new(-EIO, "the boss says so"));
    if (!lc_is_simulated()) { /* there it is a listener's name like any other */
        lc_error *error = lc_connect(context, "some.name", "80", &fd, LC_FOREVER);
        CU_ASSERT_EQUAL(lc_error_code(error), -ECANCELED);
        CU_ASSERT_STRING_EQUAL(
            lc_error_message(error),
            "cannot connect to some.name:80: context cancelled: the boss says so");
        CU_ASSERT_TRUE(lc_error_is(error, -EIO));
        CU_ASSERT_EQUAL(fd, -1);
        lc_error_unref(error);
    }
    lc_context_unref(context);
}

static void what_has_come_wins(void)
{
    struct connection connection = connection_open();
    lc_context *context = lc_context_new(NULL);
    struct connection second = connection;
    char bytes[2];
    CHECK_SUCCESS(lc_connect(NULL, "127.0.0.1", connection.port, &second.client, check_patience()));
    CU_ASSERT_EQUAL(lc_write_all(NULL, connection.client, "x", 1, LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, connection.server, POLLIN, check_patience()), POLLIN);
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, connection.listener, POLLIN, check_patience()), POLLIN);
    lc_context_cancel(context, NULL);
    CU_ASSERT_EQUAL(lc_wait_fd(context, connection.server, POLLIN, LC_NOW), POLLIN);
    CU_ASSERT_EQUAL(lc_read(context, connection.server, bytes, 2, LC_NOW), 1);
    CU_ASSERT_EQUAL(lc_accept(context, connection.listener, &second.server, LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_write_all(context, connection.client, "y", 1, LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_read(NULL, connection.server, bytes, 2, check_patience()), 1);
    close(second.client);
    close(second.server);
    connection_close(&connection);
    lc_context_unref(context);
}

/* The byte comes first, and then the end: in each order of wake-ups the byte is read. */
struct last_word {
    struct connection connection;
    lc_context *context;
};

static void say_and_cancel(void *arg)
{
    const struct last_word *word = arg;
    lc_write_all(NULL, word->connection.client, "x", 1, check_patience());
    /* Over TCP it may take a moment. */
    lc_wait_fd(NULL, word->connection.server, POLLIN, check_patience());
    lc_context_cancel(word->context, NULL);
}

static void data_before_the_end_is_not_lost(void)
{
    struct last_word word = {.connection = connection_open()};
    for (unsigned i = 0; i < check_fewer(lc_is_simulated() ? 3 : 200); i++) {
        struct helper speaker;
        char byte = 0;
        word.context = lc_context_new(NULL);
        helper_start(&speaker, say_and_cancel, &word);
        ssize_t got = lc_wait_fd(word.context, word.connection.server, POLLIN, LC_FOREVER);
        CU_ASSERT_EQUAL(got, POLLIN);
        helper_join(&speaker);
        CU_ASSERT_EQUAL(lc_read(word.context, word.connection.server, &byte, 1, LC_NOW), 1);
        CU_ASSERT_EQUAL(byte, 'x');
        lc_context_unref(word.context);
    }
    connection_close(&word.connection);
}

/* What never pauses ends all the same, and loses nothing. */
static void a_busy_loop_sees_the_end(void)
{
    enum { SOME = 1000 };
    struct connection connection = connection_open();
    lc_context *context = lc_context_new(NULL);
    char bytes[SOME] = {0};
    size_t read_under_end = 0, rest = 0;
    CU_ASSERT_EQUAL(lc_write_all(NULL, connection.client, bytes, SOME, LC_NOW), 0);
    shutdown(connection.client, SHUT_WR);
    lc_context_cancel(context, NULL);
    CU_ASSERT_TRUE(lc_wait_fd(NULL, connection.server, POLLIN, check_patience()) > 0);
    ssize_t got;
    while ((got = lc_read(context, connection.server, bytes, 1, LC_NOW)) == 1)
        read_under_end++;
    CU_ASSERT_EQUAL(got, -ECANCELED);
    CU_ASSERT_EQUAL(read_under_end, 64);
    while ((got = lc_read(NULL, connection.server, bytes, SOME, check_patience())) > 0)
        rest += (size_t)got;
    CU_ASSERT_EQUAL(read_under_end + rest, SOME);
    connection_close(&connection);
    lc_context_unref(context);
}

static void set_flag(void *flag)
{
    atomic_store((atomic_bool *)flag, true);
}

static void one_that_never_waits_lets_others_run(void)
{
    enum { MOST = 1000000 };
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    atomic_bool flag = false;
    struct helper helper;
    char byte;
    int reads = 0;
    helper_start(&helper, set_flag, &flag);
    while (!atomic_load(&flag) && reads < MOST)
        reads += lc_read(NULL, zero, &byte, 1, LC_NOW) == 1;
    CU_ASSERT_TRUE(reads < MOST);
    helper_join(&helper);
    close(zero);
}

/* ---- several on one descriptor ---- */

struct shared {
    int fd;
    atomic_uint bytes;
    atomic_int results;
};

static void read_single_bytes(void *arg)
{
    struct shared *shared = arg;
    char byte;
    ssize_t got;
    while ((got = lc_read(NULL, shared->fd, &byte, 1, check_patience())) == 1)
        atomic_fetch_add(&shared->bytes, 1);
    atomic_fetch_add(&shared->results, (int)got);
}

static void two_read_from_one(void)
{
    enum { SOME = 100 };
    struct connection connection = connection_open();
    struct shared shared = {.fd = connection.server};
    struct helper readers[2];
    for (int i = 0; i < 2; i++)
        helper_start(&readers[i], read_single_bytes, &shared);
    for (int i = 0; i < SOME; i++) {
        CU_ASSERT_EQUAL(lc_write_all(NULL, connection.client, "x", 1, check_patience()), 0);
        if (i % 10 == 0)
            lc_yield();
    }
    shutdown(connection.client, SHUT_WR);
    for (int i = 0; i < 2; i++)
        helper_join(&readers[i]);
    CU_ASSERT_EQUAL(atomic_load(&shared.bytes), SOME);
    CU_ASSERT_EQUAL(atomic_load(&shared.results), 0);
    connection_close(&connection);
}

static void accept_until_cancelled(void *arg)
{
    struct last_word *word = arg;
    int fd;
    while (lc_accept(word->context, word->connection.listener, &fd, LC_FOREVER) == 0) {
        lc_write_all(NULL, fd, "x", 1, check_patience());
        close(fd);
    }
}

static void two_accept_from_one(void)
{
    struct last_word word = {.context = lc_context_new(NULL)};
    struct helper acceptors[2];
    listener_open(&word.connection);
    /* As a service manager may hand it over. */
    fcntl(word.connection.listener, F_SETFL, 0);
    for (int i = 0; i < 2; i++)
        helper_start(&acceptors[i], accept_until_cancelled, &word);
    for (int i = 0; i < 10; i++) {
        char bytes[2];
        int fd = -1;
        CHECK_SUCCESS(lc_connect(NULL, "127.0.0.1", word.connection.port, &fd, check_patience()));
        CU_ASSERT_EQUAL(lc_read(NULL, fd, bytes, 2, check_patience()), 1);
        CU_ASSERT_EQUAL(lc_read(NULL, fd, bytes, 2, check_patience()), 0);
        close(fd);
    }
    lc_context_cancel(word.context, NULL);
    for (int i = 0; i < 2; i++)
        helper_join(&acceptors[i]);
    close(word.connection.listener);
    lc_context_unref(word.context);
}

static void forget(void *arg)
{
    CU_ASSERT_EQUAL(lc_fd_forget(*(const int *)arg), 1);
}

static void one_that_is_forgotten_ends_the_read(void)
{
    struct connection connection = connection_open();
    struct later later_forget;
    char byte;
    later(&later_forget, forget, &connection.server);
    CU_ASSERT_EQUAL(lc_read(NULL, connection.server, &byte, 1, check_patience()), -EBADF);
    CU_ASSERT_TRUE(later_join(&later_forget));
    connection_close(&connection);
}

static void shut_down(void *arg)
{
    shutdown(*(const int *)arg, SHUT_RDWR);
}

static void a_listener_that_is_shut_down_ends_the_accept(void)
{
    struct connection connection = {0};
    struct later later_shut;
    int fd;
    listener_open(&connection);
    later(&later_shut, shut_down, &connection.listener);
    CU_ASSERT_EQUAL(lc_accept(NULL, connection.listener, &fd, check_patience()), -EINVAL);
    CU_ASSERT_TRUE(later_join(&later_shut));
    close(connection.listener);
}

/* ---- errors ---- */

static void says(lc_error *error, int code, const char *message)
{
    CU_ASSERT_EQUAL(lc_error_code(error), code);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), message);
    lc_error_unref(error);
}

static void errors_name_address_and_reason(void)
{
    struct connection connection = {0};
    char message[128];
    int fd;
    listener_open(&connection);
    snprintf(message, sizeof message, "cannot listen on 127.0.0.1:%s: Address already in use",
             connection.port);
    says(lc_listen("127.0.0.1", connection.port, &fd), -EADDRINUSE, message);
    CU_ASSERT_EQUAL(fd, -1);
    close(connection.listener);
    snprintf(message, sizeof message, "cannot connect to 127.0.0.1:%s: Connection refused",
             connection.port);
    says(lc_connect(NULL, "127.0.0.1", connection.port, &fd, LC_FOREVER), -ECONNREFUSED, message);
    CU_ASSERT_EQUAL(fd, -1);
    lc_error *error = lc_connect(NULL, "::1", "1", &fd, LC_FOREVER);
    const char *start = "cannot connect to [::1]:1: "; /* the reason is that of the machine */
    CU_ASSERT_EQUAL(strncmp(lc_error_message(error), start, strlen(start)), 0);
    lc_error_unref(error);
    /* The address is free again at once. */
    CHECK_SUCCESS(lc_listen("127.0.0.1", connection.port, &fd));
    close(fd);
}

static void bad_arguments_are_named(void)
{
    int fd;
    says(lc_listen("127.0.0.1", "70x", &fd), -EINVAL,
         "the port of lc_listen is a number from 0 to 65535, not \"70x\"");
    says(lc_listen("127.0.0.1", "65536", &fd), -EINVAL,
         "the port of lc_listen is a number from 0 to 65535, not \"65536\"");
    says(lc_listen("127.0.0.1", NULL, &fd), -EINVAL,
         "the port of lc_listen is a number from 0 to 65535, not \"(null)\"");
    says(lc_connect(NULL, "127.0.0.1", "0", &fd, LC_FOREVER), -EINVAL,
         "the port of lc_connect is a number from 1 to 65535, not \"0\"");
    says(lc_connect(NULL, "", "1", &fd, LC_FOREVER), -EINVAL, "lc_connect needs a host");
    says(lc_connect(NULL, NULL, "1", &fd, LC_FOREVER), -EINVAL, "lc_connect needs a host");
    says(lc_listen("127.0.0.1", "0", NULL), -EINVAL, "lc_listen needs a place for the descriptor");
    says(lc_connect(NULL, "127.0.0.1", "1", NULL, LC_FOREVER), -EINVAL,
         "lc_connect needs a place for the descriptor");
    says(lc_listen_unix("x", NULL), -EINVAL, "lc_listen_unix needs a place for the descriptor");
    says(lc_connect_unix(NULL, "x", NULL, LC_FOREVER), -EINVAL,
         "lc_connect_unix needs a place for the descriptor");
    says(lc_listen_unix("", &fd), -EINVAL, "cannot listen on a Unix socket without a path");
    says(lc_connect_unix(NULL, NULL, &fd, LC_FOREVER), -EINVAL,
         "cannot connect to a Unix socket without a path");
}

static void what_is_no_socket_is_refused(void)
{
    int ends[2], fd;
    char byte;
    pipe_open(ends);
    CU_ASSERT_EQUAL(lc_accept(NULL, ends[0], &fd, LC_FOREVER), -ENOTSOCK);
    CU_ASSERT_EQUAL(lc_accept(NULL, -1, &fd, LC_FOREVER), -EBADF);
    CU_ASSERT_EQUAL(lc_accept(NULL, ends[0], NULL, LC_FOREVER), -EINVAL);
    CU_ASSERT_EQUAL(lc_read(NULL, -1, &byte, 1, LC_FOREVER), -EBADF);
    CU_ASSERT_EQUAL(lc_read(NULL, ends[1], &byte, 1, LC_NOW), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_write_all(NULL, -1, "x", 1, LC_FOREVER), -EBADF);
    CU_ASSERT_EQUAL(lc_write_all(NULL, -1, NULL, 0, LC_FOREVER), 0);
    CU_ASSERT_EQUAL(lc_fd_port(ends[0]), -ENOTSOCK);
    CU_ASSERT_EQUAL(lc_fd_port(-1), -EBADF);
    close(ends[0]);
    close(ends[1]);
    struct connection connection = connection_open();
    CU_ASSERT_EQUAL(lc_accept(NULL, connection.client, &fd, LC_FOREVER), -EINVAL);
    connection_close(&connection);
}

/* ---- hosts ---- */

static void is_reached(const char *at, const char *as)
{
    struct connection connection = {0};
    CHECK_SUCCESS(lc_listen(at, "0", &connection.listener));
    snprintf(connection.port, sizeof connection.port, "%d", lc_fd_port(connection.listener));
    CHECK_SUCCESS(lc_connect(NULL, as, connection.port, &connection.client, check_patience()));
    CU_ASSERT_EQUAL(lc_accept(NULL, connection.listener, &connection.server, check_patience()), 0);
    connection_close(&connection);
}

static void everywhere_and_names(void)
{
    is_reached(NULL, "127.0.0.1");
    is_reached("", "localhost");
    is_reached("::", "127.0.0.1");
    is_reached("0.0.0.0", "127.0.0.1");
    is_reached("localhost", "localhost");
    is_reached("127.0.0.1", "localhost"); /* which may have another address before */
}

CHECK_SUITE_IN_MODES(
    io, "unit: io", {"what is made is non-blocking and close-on-exec", descriptors_are_nonblocking},
    {"all bytes arrive", all_bytes_arrive},
    {"a blocking pipe does not block", a_blocking_pipe_does_not_block},
    {"a blocking socket does not block", a_blocking_socket_does_not_block},
    {"the end of a stream is told, and a write to it raises no signal", the_end_is_told},
    {"a deadline ends each call", deadlines_end_each_call},
    {"the end of the context ends each call", the_end_of_the_context_ends_each_call},
    {"no name is looked up under an ended context", a_connect_under_an_ended_context},
    {"what has come wins over context and deadline", what_has_come_wins},
    {"data that comes before the end is not lost", data_before_the_end_is_not_lost},
    {"a loop that never waits sees the end of the context", a_busy_loop_sees_the_end},
    {"a fiber that never waits for its reads lets others run",
     one_that_never_waits_lets_others_run},
    {"two read from one descriptor", two_read_from_one},
    {"two accept from one listener", two_accept_from_one},
    {"a read of a forgotten descriptor ends", one_that_is_forgotten_ends_the_read},
    {"an accept of a listener that is shut down ends",
     a_listener_that_is_shut_down_ends_the_accept},
    {"an error names the address and the reason", errors_name_address_and_reason},
    {"bad arguments are named", bad_arguments_are_named},
    {"what is no socket is refused", what_is_no_socket_is_refused},
    {"all addresses, and names", everywhere_and_names});
