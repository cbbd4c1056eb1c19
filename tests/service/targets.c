/*
 * targets.c: the programs of tests/targets, which show how the API is to read, do what they say.
 * They are built as a user builds a program, with all warnings as errors.
 */
#include "support/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a program ---- */

struct program {
    FILE *output; /* both streams of it */
    pid_t process;
};

/* Starts it; should the test be lost, the program ends after a minute. */
static bool program_start(struct program *program, const char *name)
{
    char command[512], line[64] = "";
    snprintf(command, sizeof command, "exec 2>&1; echo $$; exec timeout 60 '%s/tests/targets/%s'",
             CHECK_BUILD_DIR, name);
    program->output = popen(command, "r");
    if (!program->output || !fgets(line, sizeof line, program->output))
        return false;
    program->process = (pid_t)strtol(line, NULL, 10); /* of timeout, which passes signals on */
    return program->process > 1;
}

/* Reads on until a line holds the text. @return whether there was one. */
static bool program_says(struct program *program, const char *text)
{
    char line[1024];
    while (fgets(line, sizeof line, program->output))
        if (strstr(line, text))
            return true;
    printf("\n    it never said: %s\n", text);
    return false;
}

/* Reads the rest. @return the exit status; -1: it was ended by a signal. */
static int program_ends(struct program *program)
{
    char line[1024];
    while (fgets(line, sizeof line, program->output))
        continue;
    int status = pclose(program->output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- greeter ---- */

static void greeter_is_restarted(void)
{
    struct program greeter;
    CU_ASSERT_TRUE_FATAL(program_start(&greeter, "greeter"));
    CU_ASSERT_TRUE(program_says(&greeter, "greet: hello 1"));
    CU_ASSERT_TRUE(program_says(&greeter, "greet: hello 2"));
    CU_ASSERT_TRUE(program_says(&greeter, "lost its voice"));
    CU_ASSERT_TRUE(program_says(&greeter, "greet: hello 1"));
    kill(greeter.process, SIGTERM);
    CU_ASSERT_EQUAL(program_ends(&greeter), 0);
}

/* ---- shop ---- */

/* A network of its own, if the system permits: another run may have a shop at that port. */
static void network_leave(void)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ioctl(fd, SIOCSIFFLAGS, &loopback);
    close(fd);
}

static int shop_enter(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(7070)};
    struct timeval patience = {.tv_sec = 30};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Whether the shop answers with what the customer has said. */
static bool customer_is_served(int fd, const char *order)
{
    char answer[64] = "";
    ssize_t length = (ssize_t)strlen(order);
    return write(fd, order, (size_t)length) == length &&
           recv(fd, answer, (size_t)length, MSG_WAITALL) == length && strcmp(answer, order) == 0;
}

/* Two customers; one stays when the shop closes, and is still served. */
static int shop_serve(struct program *shop)
{
    int failed = 0;
    failed += !program_says(shop, "shop: ready");
    int first = shop_enter(), second = shop_enter();
    failed += !customer_is_served(first, "two apples");
    failed += !customer_is_served(second, "a pear");
    close(first);
    kill(shop->process, SIGHUP);
    failed += !program_says(shop, "shop: reloaded");
    kill(shop->process, SIGTERM);
    failed += !program_says(shop, "shop: stopping: received SIGTERM");
    failed += !customer_is_served(second, "a plum");
    close(second);
    failed += program_ends(shop) != 0;
    return failed;
}

CHECK_CHILD(target_shop)
{
    struct program shop;
    network_leave();
    return program_start(&shop, "shop") ? shop_serve(&shop) : 1;
}

static void shop_serves_reloads_and_drains(void)
{
    struct check_exit child = check_child("target_shop");
    CU_ASSERT_EQUAL(child.status, 0);
    if (child.status != 0)
        printf("\n%s\n", child.errors);
}

/* ---- shop_test ---- */

static void shop_test_passes(void)
{
    struct program test;
    CU_ASSERT_TRUE_FATAL(program_start(&test, "shop_test"));
    CU_ASSERT_TRUE(program_says(&test, "1000 seeds passed"));
    CU_ASSERT_EQUAL(program_ends(&test), 0);
}

/* The seed alone shows what happens in it. */
static void shop_test_shows_a_seed(void)
{
    struct program test;
    setenv("LIFECYCLE_SEED", "17", 1);
    CU_ASSERT_TRUE_FATAL(program_start(&test, "shop_test"));
    unsetenv("LIFECYCLE_SEED");
    CU_ASSERT_TRUE(program_says(&test, "store: failed"));
    CU_ASSERT_TRUE(program_says(&test, "the store is locked; restart 2 in"));
    CU_ASSERT_TRUE(program_says(&test, "seed 17 passed"));
    CU_ASSERT_EQUAL(program_ends(&test), 0);
}

CHECK_SUITE(service_targets, "service: targets",
            {"greeter is restarted when it loses its voice, and ends by SIGTERM",
             greeter_is_restarted},
            {"shop serves, reloads, and lets its customers finish", shop_serves_reloads_and_drains},
            {"shop_test passes 1,000 seeds", shop_test_passes},
            {"shop_test shows one seed", shop_test_shows_a_seed});
