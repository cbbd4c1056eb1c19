/*
 * echo.c: a server and a hundred clients in one simulation, over sockets: the code is what it would
 * be outside. Each client gets back what it has sent, or is cut off by the end of the server's
 * context; a seed repeats; nothing is left behind.
 */
#include "support/check.h"
#include "support/seeds.h"

#include <lifecycle.h>

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 100, ROUNDS_MAX = 3, BYTES_MAX = 600 };

#define HOST "echo.example"
#define PORT "7070"

static struct fixture {
    lc_context *context; /* the server's */
    bool at_path;        /* a Unix socket, else TCP */
    bool scarce;         /* allocations fail */
    atomic_uint well;    /* clients that got back all they had sent */
    atomic_uint cut;     /* clients that were cut off */
    atomic_uint wrong;
    atomic_ullong trace; /* of all that has happened, in order */
} fixture;               /* atomic, as ThreadSanitizer takes fibers for threads */

static void note(uint64_t what)
{
    fixture.trace = (fixture.trace ^ what) * 0x100000001b3 + (uint64_t)lc_now();
}

static int start(const char *name, void (*run)(void *arg), void *arg)
{
    lc_fiber_options fiber = {.size = sizeof fiber};
    fiber.name = name;
    fiber.run = run;
    fiber.arg = arg;
    return lc_fiber_start(&fiber);
}

/* ---- the server ---- */

static void serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char some[256];
    ssize_t got;
    while ((got = lc_read(fixture.context, fd, some, sizeof some, lc_deadline_after(LC_MINUTE))) >
           0)
        if (lc_write_all(fixture.context, fd, some, (size_t)got, lc_deadline_after(LC_SECOND)) < 0)
            break;
    note((uint64_t)got);
    close(fd);
}

static lc_error *listen_for_clients(int *listener)
{
    return fixture.at_path ? lc_listen_unix("/run/echo.socket", listener)
                           : lc_listen(HOST, PORT, listener);
}

static void run_server(void *arg)
{
    int listener, fd;
    (void)arg;
    lc_error *error = listen_for_clients(&listener);
    if (error) {
        fixture.wrong += !fixture.scarce;
        lc_error_unref(error);
        return;
    }
    int result;
    while ((result = lc_accept(fixture.context, listener, &fd, LC_FOREVER)) == 0)
        if (start("customer", serve, (void *)(intptr_t)fd) < 0)
            close(fd);
    fixture.wrong += result != -ECANCELED && !fixture.scarce;
    close(listener);
}

/* ---- a client ---- */

static int connect_client(void)
{
    int fd;
    for (int i = 0; i < 20 && !lc_context_error(fixture.context); i++) {
        lc_error *error =
            fixture.at_path
                ? lc_connect_unix(NULL, "/run/echo.socket", &fd, lc_deadline_after(LC_SECOND))
                : lc_connect(NULL, HOST, PORT, &fd, lc_deadline_after(LC_SECOND));
        if (!error)
            return fd;
        lc_error_unref(error);
        lc_sleep(LC_MILLISECOND);
    }
    return -1;
}

/* @return whether all came back. */
static bool talk(int fd, char seed)
{
    char sent[BYTES_MAX], got[BYTES_MAX];
    size_t size = 1 + (size_t)lc_random_below(BYTES_MAX);
    size_t at = 0;
    for (size_t i = 0; i < size; i++)
        sent[i] = (char)(seed + (char)i);
    if (lc_write_all(NULL, fd, sent, size, lc_deadline_after(LC_SECOND)) < 0)
        return false;
    while (at < size) {
        ssize_t length = lc_read(NULL, fd, got + at, size - at, lc_deadline_after(LC_MINUTE));
        note((uint64_t)length);
        if (length <= 0)
            return false;
        at += (size_t)length;
    }
    fixture.wrong += memcmp(sent, got, size) != 0;
    return true;
}

static void run_client(void *arg)
{
    intptr_t number = (intptr_t)arg;
    lc_sleep((int64_t)lc_random_below((uint64_t)LC_SECOND));
    int fd = connect_client();
    bool well = fd >= 0;
    uint64_t rounds = 1 + lc_random_below(ROUNDS_MAX);
    for (uint64_t i = 0; i < rounds && well; i++) {
        well = talk(fd, (char)number);
        lc_sleep((int64_t)lc_random_below(100 * (uint64_t)LC_MILLISECOND));
    }
    if (fd >= 0)
        close(fd);
    note((uint64_t)number);
    if (well)
        fixture.well++;
    else
        fixture.cut++;
    if (!well && !lc_context_error(fixture.context) && !fixture.scarce)
        fixture.wrong++;
}

/* ---- all of them ---- */

static lc_error *live(void *arg)
{
    (void)arg;
    if (start("server", run_server, NULL) < 0)
        return NULL;
    for (intptr_t i = 0; i < CLIENTS; i++)
        if (start("client", run_client, (void *)i) < 0)
            fixture.cut++;
    lc_sleep((int64_t)lc_random_below(2 * (uint64_t)LC_SECOND));
    lc_context_cancel(fixture.context, NULL);
    return NULL;
}

static unsigned descriptors_count(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

static void run_once(uint64_t seed)
{
    lc_simulation_options options = {.size = sizeof options};
    lc_executor *world;
    options.seed = seed;
    options.early_one_in = seed & 1 ? 4 : 0;
    options.delay_one_in = seed & 2 ? 8 : 0;
    options.fail_one_in = seed % 8 == 7 ? 100 : 0;
    fixture = (struct fixture){
        .context = lc_context_new(NULL), .at_path = seed & 4, .scarce = options.fail_one_in > 0};
    CHECK_SUCCESS(lc_executor_new_simulated(&options, &world));
    CHECK_SUCCESS(lc_executor_run(world, live, NULL));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    CU_ASSERT_EQUAL(fixture.wrong, 0);
    CU_ASSERT_TRUE(fixture.scarce || fixture.well + fixture.cut == CLIENTS);
    lc_context_unref(fixture.context);
}

static unsigned all_well, all_cut;

static void run_seed(const void *arg, uint64_t seed)
{
    (void)arg;
    unsigned before = descriptors_count();
    run_once(seed);
    all_well += fixture.well;
    all_cut += fixture.cut;
    CU_ASSERT_EQUAL(descriptors_count(), before);
    if (seed % 16 != 0)
        return;
    uint64_t trace = fixture.trace;
    run_once(seed);
    CU_ASSERT_EQUAL(fixture.trace, trace);
}

static void clients_are_served_until_the_end(void)
{
    all_well = all_cut = 0;
    check_seeds_large(run_seed, NULL);
    CU_ASSERT_TRUE(all_well > 0);
    CU_ASSERT_TRUE(all_cut > 0);
}

/* ---- worlds beside each other ---- */

static lc_error *listen_and_leave(void *listener)
{
    int fd;
    lc_error *error = lc_connect(NULL, HOST, PORT, &fd, LC_FOREVER);
    CU_ASSERT_EQUAL(lc_error_code(error), -ECONNREFUSED);
    lc_error_unref(error);
    error = lc_listen(HOST, PORT, listener);
    CHECK_ERROR(lc_listen(HOST, PORT, &fd), -EADDRINUSE);
    return error;
}

/* Whether a listener of another world is open makes no difference. */
static void worlds_share_no_address(void)
{
    enum { WORLDS = 3 };
    int listeners[WORLDS];
    for (int i = 0; i < WORLDS; i++) {
        lc_executor *world;
        CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &world));
        CHECK_SUCCESS(lc_executor_run(world, listen_and_leave, &listeners[i]));
        CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    }
    for (int i = 0; i < WORLDS; i++)
        close(listeners[i]);
}

static lc_error *use_paths(void *arg)
{
    char much[200];
    int listener, fd;
    (void)arg;
    memset(much, 'x', sizeof much - 1);
    much[sizeof much - 1] = '\0';
    CHECK_ERROR(lc_listen_unix(much, &fd), -ENAMETOOLONG);
    CHECK_ERROR(lc_connect_unix(NULL, "/a", &fd, LC_FOREVER), -ENOENT);
    CHECK_SUCCESS(lc_listen_unix("/a", &listener));
    CHECK_ERROR(lc_listen_unix("/a", &fd), -EADDRINUSE);
    CHECK_SUCCESS(lc_connect_unix(NULL, "/a", &fd, LC_FOREVER));
    CU_ASSERT_EQUAL(lc_fd_port(fd), -EINVAL);
    CU_ASSERT_EQUAL(lc_fd_port(listener), -EINVAL);
    close(fd);
    close(listener);
    CHECK_ERROR(lc_connect_unix(NULL, "/a", &fd, LC_FOREVER), -ECONNREFUSED);
    CHECK_SUCCESS(lc_listen_unix("/a", &listener)); /* nothing listens there any more */
    close(listener);
    return NULL;
}

static lc_error *use_ports(void *arg)
{
    int one, other, fd;
    (void)arg;
    CHECK_SUCCESS(lc_listen("a.example", "0", &one));
    CHECK_SUCCESS(lc_listen("a.example", "0", &other));
    CU_ASSERT_NOT_EQUAL(lc_fd_port(one), lc_fd_port(other));
    CHECK_SUCCESS(lc_listen("b.example", "80", &fd));
    CU_ASSERT_EQUAL(lc_fd_port(fd), 80);
    close(fd);
    close(one);
    close(other);
    return NULL;
}

static void paths_and_ports_are_as_outside(void)
{
    lc_executor *world;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &world));
    CHECK_SUCCESS(lc_executor_run(world, use_paths, NULL));
    CHECK_SUCCESS(lc_executor_run(world, use_ports, NULL));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

/* ---- pieces ---- */

struct piecewise {
    int ends[2];
    unsigned reads;
    size_t bytes;
};

static void read_pieces(void *arg)
{
    struct piecewise *piecewise = arg;
    char some[1000];
    ssize_t got;
    while ((got = lc_read(NULL, piecewise->ends[0], some, sizeof some, LC_FOREVER)) > 0) {
        piecewise->reads++;
        piecewise->bytes += (size_t)got;
    }
    close(piecewise->ends[0]);
}

static lc_error *write_once(void *arg)
{
    struct piecewise *piecewise = arg;
    char some[1000] = {0};
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, piecewise->ends), 0);
    CU_ASSERT_EQUAL(start("reader", read_pieces, piecewise), 0);
    CU_ASSERT_EQUAL(lc_write_all(NULL, piecewise->ends[1], some, sizeof some, LC_FOREVER), 0);
    close(piecewise->ends[1]);
    return NULL;
}

static unsigned pieces_of(uint64_t seed, unsigned early_one_in)
{
    lc_simulation_options options = {.size = sizeof options};
    struct piecewise piecewise = {.reads = 0};
    lc_executor *world;
    options.seed = seed;
    options.early_one_in = early_one_in;
    CHECK_SUCCESS(lc_executor_new_simulated(&options, &world));
    CHECK_SUCCESS(lc_executor_run(world, write_once, &piecewise));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    CU_ASSERT_EQUAL(piecewise.bytes, 1000);
    return piecewise.reads;
}

static void early_wakes_cut_reads_and_writes(void)
{
    unsigned most = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        CU_ASSERT_EQUAL(pieces_of(seed, 0), 1);
        unsigned pieces = pieces_of(seed, 2);
        CU_ASSERT_EQUAL(pieces_of(seed, 2), pieces);
        most = pieces > most ? pieces : most;
    }
    CU_ASSERT_TRUE(most > 2);
}

CHECK_SUITE(echo, "simulation: sockets",
            {"a hundred clients are served until the context ends, over many seeds",
             clients_are_served_until_the_end},
            {"simulations share no address", worlds_share_no_address},
            {"paths and ports are as outside", paths_and_ports_are_as_outside},
            {"where waits wake early, reads and writes are cut", early_wakes_cut_reads_and_writes});
