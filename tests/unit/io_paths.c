/*
 * io_paths.c: Unix sockets at paths, and connects that take long: what a simulation does not have.
 * Each test runs in a thread and in a fiber.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/helper.h"
#include "support/later.h"

#include <lifecycle.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- a directory for each test ---- */

static char directory[32], path[64];

static void in_both(void (*body)(void *arg))
{
    void (*const runs[])(void (*run)(void *arg), void *arg) = {NULL, fibers_here};
    for (int i = 0; i < 2; i++) {
        strcpy(directory, "/tmp/lifecycle-io-XXXXXX");
        CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/socket", directory);
        if (runs[i])
            runs[i](body, NULL);
        else
            body(NULL);
        unlink(path);
        CU_ASSERT_EQUAL(rmdir(directory), 0);
    }
}

/* An error with the message "cannot WHAT PATH: REASON". */
static void says(lc_error *error, int code, const char *what, const char *reason)
{
    char message[256];
    snprintf(message, sizeof message, "cannot %s %s: %s", what, path, reason);
    CU_ASSERT_EQUAL(lc_error_code(error), code);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), message);
    lc_error_unref(error);
}

/* The next descriptor's number: the same as before if none was left open. */
static int descriptor_next(void)
{
    int fd = open("/dev/null", O_RDONLY);
    int number = fd;
    close(fd);
    return number;
}

/* ---- paths ---- */

static void talk(void *arg)
{
    int listener, client, server;
    char bytes[8];
    (void)arg;
    CHECK_SUCCESS(lc_listen_unix(path, &listener));
    CHECK_SUCCESS(lc_connect_unix(NULL, path, &client, check_patience()));
    CU_ASSERT_EQUAL(lc_accept(NULL, listener, &server, check_patience()), 0);
    CU_ASSERT_EQUAL(lc_write_all(NULL, client, "abc", 3, LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_read(NULL, server, bytes, sizeof bytes, check_patience()), 3);
    CU_ASSERT_EQUAL(lc_fd_port(listener), -EINVAL);
    close(client);
    close(server);
    close(listener);
}

static void a_path_is_listened_on(void)
{
    in_both(talk);
}

static void find_stale(void *arg)
{
    int listener, fd;
    int next = descriptor_next();
    (void)arg;
    says(lc_connect_unix(NULL, path, &fd, LC_FOREVER), -ENOENT, "connect to",
         "No such file or directory");
    CHECK_SUCCESS(lc_listen_unix(path, &listener));
    close(listener);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    says(lc_connect_unix(NULL, path, &fd, LC_FOREVER), -ECONNREFUSED, "connect to",
         "Connection refused");
    CU_ASSERT_EQUAL(fd, -1);
    CHECK_SUCCESS(lc_listen_unix(path, &listener));
    CHECK_SUCCESS(lc_connect_unix(NULL, path, &fd, LC_FOREVER));
    close(fd);
    close(listener);
    CU_ASSERT_EQUAL(descriptor_next(), next);
}

static void a_stale_file_is_replaced(void)
{
    in_both(find_stale);
}

static void find_live(void *arg)
{
    int listener, client, fd;
    (void)arg;
    CHECK_SUCCESS(lc_listen_unix(path, &listener));
    int next = descriptor_next();
    says(lc_listen_unix(path, &fd), -EADDRINUSE, "listen on", "Address already in use");
    CU_ASSERT_EQUAL(fd, -1);
    CU_ASSERT_EQUAL(descriptor_next(), next);
    /* It is where it was. */
    CHECK_SUCCESS(lc_connect_unix(NULL, path, &client, check_patience()));
    close(client);
    close(listener);
}

static void a_live_one_is_refused(void)
{
    in_both(find_live);
}

static void find_other(void *arg)
{
    int fd;
    struct stat status;
    (void)arg;
    close(open(path, O_CREAT | O_WRONLY, 0600));
    says(lc_listen_unix(path, &fd), -EEXIST, "listen on", "it is there, and is no socket");
    CU_ASSERT_TRUE(stat(path, &status) == 0 && S_ISREG(status.st_mode));
    unlink(path);
    CU_ASSERT_EQUAL(symlink("/nowhere", path), 0);
    says(lc_listen_unix(path, &fd), -EEXIST, "listen on", "it is there, and is no socket");
    CU_ASSERT_TRUE(lstat(path, &status) == 0 && S_ISLNK(status.st_mode));
}

static void another_file_is_left_alone(void)
{
    in_both(find_other);
}

static void bad_paths_are_refused(void)
{
    char much[109];
    int fd;
    memset(much, 'x', 108);
    much[108] = '\0';
    lc_error *error = lc_listen_unix(much, &fd);
    CU_ASSERT_EQUAL(lc_error_code(error), -ENAMETOOLONG);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error),
                                  "the path of a Unix socket has at most 107 bytes, and not 108"));
    lc_error_unref(error);
    CHECK_ERROR(lc_connect_unix(NULL, much, &fd, LC_FOREVER), -ENAMETOOLONG);
    snprintf(path, sizeof path, "/nowhere/socket");
    says(lc_listen_unix(path, &fd), -ENOENT, "listen on", "No such file or directory");
}

/* ---- several that come together ---- */

enum { RIVALS = 4 };

struct rival {
    int fd, code;
};

static void listen_as_rival(void *arg)
{
    struct rival *rival = arg;
    lc_error *error = lc_listen_unix(path, &rival->fd);
    rival->code = lc_error_code(error);
    lc_error_unref(error);
}

static void fight(void *arg)
{
    struct rival rivals[RIVALS];
    struct helper helpers[RIVALS];
    (void)arg;
    for (unsigned round = 0; round < check_fewer(100); round++) {
        unsigned won = 0;
        for (int i = 0; i < RIVALS; i++)
            helper_start(&helpers[i], listen_as_rival, &rivals[i]);
        for (int i = 0; i < RIVALS; i++) {
            helper_join(&helpers[i]);
            won += rivals[i].code == 0;
            CU_ASSERT_TRUE(rivals[i].code == 0 || rivals[i].code == -EADDRINUSE);
        }
        CU_ASSERT_EQUAL(won, 1);
        for (int i = 0; i < RIVALS; i++)
            if (rivals[i].fd >= 0)
                close(rivals[i].fd); /* leaves a stale file for the next round */
    }
}

static void let_go(void *lock)
{
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    close(*(const int *)lock);
}

/* As if another process were just replacing a stale file. */
static void wait_for_turn(void *arg)
{
    int listener;
    int lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct later later_let_go;
    (void)arg;
    CU_ASSERT_EQUAL(flock(lock, LOCK_EX), 0);
    later(&later_let_go, let_go, &lock);
    CHECK_SUCCESS(lc_listen_unix(path, &listener));
    CU_ASSERT_TRUE(later_join(&later_let_go));
    close(listener);
}

static void those_that_come_together_take_turns(void)
{
    in_both(wait_for_turn);
}

static void one_of_several_gets_a_stale_file(void)
{
    in_both(fight);
}

/* ---- connects that take long ---- */

static void cancel(void *context)
{
    lc_context_cancel(context, lc_error_new(-EIO, "enough"));
}

static int listener_narrow(const struct sockaddr *address, socklen_t size)
{
    int listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(listener, address, size), 0);
    CU_ASSERT_EQUAL_FATAL(listen(listener, 0), 0);
    return listener;
}

/* Fills the queue, up to the connect that the deadline ends. @return how many there were. */
static int queue_fill(lc_error *(*connect_one)(lc_context *context, int *fd, int64_t deadline),
                      int *fds, int most)
{
    for (int i = 0; i < most; i++) {
        lc_error *error = connect_one(NULL, &fds[i], lc_deadline_after(20 * LC_MILLISECOND));
        if (!error)
            continue;
        CU_ASSERT_EQUAL(lc_error_code(error), -ETIMEDOUT);
        CU_ASSERT_EQUAL(fds[i], -1);
        lc_error_unref(error);
        return i;
    }
    CU_FAIL("the queue has no end");
    return most;
}

static void connects_are_ended(lc_error *(*connect_one)(lc_context *context, int *fd,
                                                        int64_t deadline))
{
    enum { MOST = 8 };
    int fds[MOST], fd;
    int count = queue_fill(connect_one, fds, MOST);
    int next = descriptor_next();
    lc_context *context = lc_context_new(NULL);
    struct later later_cancel;
    later(&later_cancel, cancel, context);
    lc_error *error = connect_one(context, &fd, check_patience());
    CU_ASSERT_TRUE(later_join(&later_cancel));
    CU_ASSERT_EQUAL(lc_error_code(error), -ECANCELED);
    CU_ASSERT_TRUE(lc_error_is(error, -EIO));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), ": context cancelled: enough"));
    CU_ASSERT_EQUAL(descriptor_next(), next);
    lc_error_unref(error);
    lc_context_unref(context);
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static lc_error *connect_path(lc_context *context, int *fd, int64_t deadline)
{
    return lc_connect_unix(context, path, fd, deadline);
}

static void accept_and_close(void *listener)
{
    close(accept(*(const int *)listener, NULL, NULL));
}

static void meet_full_queue(void *arg)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)arg;
    memcpy(address.sun_path, path, sizeof path);
    int listener = listener_narrow((struct sockaddr *)&address, sizeof address);
    connects_are_ended(connect_path);
    /* It connects as soon as there is room. */
    int fds[8], fd;
    int count = queue_fill(connect_path, fds, 8);
    struct later later_accept;
    later(&later_accept, accept_and_close, &listener);
    CHECK_SUCCESS(connect_path(NULL, &fd, check_patience()));
    CU_ASSERT_TRUE(later_join(&later_accept));
    close(fd);
    for (int i = 0; i < count; i++)
        close(fds[i]);
    close(listener);
}

static void a_full_queue_of_a_path_is_waited_for(void)
{
    in_both(meet_full_queue);
}

static char port[8];

static lc_error *connect_port(lc_context *context, int *fd, int64_t deadline)
{
    return lc_connect(context, "127.0.0.1", port, fd, deadline);
}

static void meet_silence(void *arg)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    (void)arg;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = listener_narrow((struct sockaddr *)&address, sizeof address);
    snprintf(port, sizeof port, "%d", lc_fd_port(listener));
    connects_are_ended(connect_port);
    close(listener);
}

static void a_connect_without_an_answer_is_ended(void)
{
    in_both(meet_silence);
}

/* ---- names ---- */

static void look_up(void *arg)
{
    int fd;
    (void)arg;
    lc_error *error = lc_connect(NULL, "no such name", "80", &fd, LC_FOREVER);
    CU_ASSERT_TRUE(lc_error_code(error) == -ENOENT || lc_error_code(error) == -EAGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "cannot connect to no such name:80: "));
    lc_error_unref(error);
    error = lc_listen("no such name", "80", &fd);
    CU_ASSERT_TRUE(lc_error_code(error) == -ENOENT || lc_error_code(error) == -EAGAIN);
    lc_error_unref(error);
    error = lc_listen("192.0.2.1", "80", &fd); /* of an example network */
    CU_ASSERT_EQUAL(lc_error_code(error), -EADDRNOTAVAIL);
    lc_error_unref(error);
}

static void names_that_are_unknown_are_named(void)
{
    in_both(look_up);
}

CHECK_SUITE(io_paths, "unit: io at paths",
            {"a path is listened on and connected to", a_path_is_listened_on},
            {"a stale file is replaced", a_stale_file_is_replaced},
            {"a path with a live listener is refused", a_live_one_is_refused},
            {"a file that is no socket is left alone", another_file_is_left_alone},
            {"bad paths are refused", bad_paths_are_refused},
            {"listeners that come together take turns", those_that_come_together_take_turns},
            {"one of several listeners gets a stale file", one_of_several_gets_a_stale_file},
            {"a full queue of a path is waited for", a_full_queue_of_a_path_is_waited_for},
            {"a connect without an answer is ended", a_connect_without_an_answer_is_ended},
            {"names that are unknown are named", names_that_are_unknown_are_named});
