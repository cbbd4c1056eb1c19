/*
 * disk.c: what the ledger has promised is on disk: through kill -9, torn writes, damage, failing
 * syncs, full disks.
 */
#include "ledger/harness.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * ---- a journal made and read by hand: the format as examples/ledger/journal.c describes it ----
 */

#define MAGIC "ledger 1\n"
#define MAGIC_SIZE 9
#define HEADER_SIZE 24

struct image {
    size_t size;
    unsigned char bytes[65536];
};

/** CRC-32 as in zlib, bit by bit: a second opinion. */
static uint32_t crc(const unsigned char *bytes, size_t length)
{
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum & 1 ? (sum >> 1) ^ UINT32_C(0xedb88320) : sum >> 1;
    }
    return ~sum;
}

static void put(unsigned char *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

static void image_start(struct image *image)
{
    memcpy(image->bytes, MAGIC, MAGIC_SIZE);
    image->size = MAGIC_SIZE;
}

/** Adds a record. @return where it begins. */
static size_t image_add(struct image *image, uint64_t number, uint64_t batch, const char *text)
{
    size_t at = image->size;
    unsigned char *record = image->bytes + at;
    size_t length = strlen(text);
    put(record + 4, length, 4);
    put(record + 8, number, 8);
    put(record + 16, batch, 8);
    for (size_t i = 0; i < length; i++)
        record[HEADER_SIZE + i] = (unsigned char)text[i];
    put(record, crc(record + 4, HEADER_SIZE - 4 + length), 4);
    image->size += HEADER_SIZE + length;
    return at;
}

static char *journal_path(const char *data)
{
    char *path = NULL;
    if (asprintf(&path, "%s/journal", data) < 0)
        abort();
    return path;
}

/** Makes the image the journal of a data directory. */
static void image_write(const struct image *image, const char *data)
{
    char *path = journal_path(data);
    mkdir(data, 0777);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    CU_ASSERT_EQUAL_FATAL(write(file, image->bytes, image->size), (ssize_t)image->size);
    close(file);
    free(path);
}

static void image_read(struct image *image, const char *data)
{
    char *path = journal_path(data);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(file, image->bytes, sizeof image->bytes);
    CU_ASSERT_FATAL(got >= 0);
    image->size = (size_t)got;
    close(file);
    free(path);
}

/** Whether what was cut off was kept: exactly the end of the image. */
static bool tail_is_kept(const struct image *image, const char *data)
{
    char *path = NULL;
    static struct image tail;
    if (asprintf(&path, "%s/journal.torn.1", data) < 0)
        abort();
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, tail.bytes, sizeof tail.bytes);
    if (file >= 0)
        close(file);
    free(path);
    return got > 0 && (size_t)got <= image->size &&
           memcmp(tail.bytes, image->bytes + image->size - got, (size_t)got) == 0;
}

/**
 * Whether the ledger starts on this image, has `count` entries and the last of them says `last`.
 */
static bool opens_with(const struct image *image, unsigned count, const char *last, bool cut)
{
    char *data = scratch_new();
    image_write(image, data);
    struct server *server = server_start(data, NULL);
    char line[64], wanted[64];
    snprintf(wanted, sizeof wanted, "OK %u", count);
    bool good = strcmp(ask(server, "COUNT"), wanted) == 0;
    snprintf(line, sizeof line, "GET %u", count);
    snprintf(wanted, sizeof wanted, "OK %s", last);
    good = good && (count == 0 || strcmp(ask(server, line), wanted) == 0);
    good = good && server_said(server, "warning journal") == cut &&
           server_said(server, "cut off a torn tail") == cut && tail_is_kept(image, data) == cut;
    snprintf(wanted, sizeof wanted, "OK %u", count + 1);
    good = good && strcmp(ask(server, "APPEND and on it goes"), wanted) == 0;
    good = good && server_end(server, SIGTERM) == 0;
    /* What it appended is found by the next one, without another warning. */
    server_free(server);
    server = server_start(data, NULL);
    good = good && strcmp(ask(server, "COUNT"), wanted) == 0 && !server_said(server, "warning");
    CU_ASSERT_TRUE(good); /* before the server goes, so that its log is shown */
    server_free(server);
    scratch_remove(data);
    return good;
}

/**
 * Whether the ledger refuses to start on this image, names file and offset, and leaves the file as
 * it is.
 */
static bool refuses_damage(const struct image *image, size_t offset)
{
    char *data = scratch_new();
    image_write(image, data);
    struct server *server = server_start(data, NULL);
    bool good = server->port == 0 && server_wait(server) == 1;
    char *path = journal_path(data);
    char text[512];
    snprintf(text, sizeof text, "%s is damaged at byte %zu", path, offset);
    good = good && server_said(server, text) && server_said(server, "ended by an error");
    struct image after;
    image_read(&after, data);
    good = good && after.size == image->size && memcmp(after.bytes, image->bytes, after.size) == 0;
    CU_ASSERT_TRUE(good);
    free(path);
    server_free(server);
    scratch_remove(data);
    return good;
}

/* ---- recovery ---- */

static void our_format_is_theirs(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    CU_ASSERT_STRING_EQUAL(ask(server, "APPEND one"), "OK 1");
    CU_ASSERT_STRING_EQUAL(ask(server, "APPEND two"), "OK 2");
    server_end(server, SIGKILL);
    server_free(server);
    struct image theirs, ours;
    image_read(&theirs, data);
    image_start(&ours);
    image_add(&ours, 1, 1, "one");
    image_add(&ours, 2, 2, "two");
    CU_ASSERT_EQUAL_FATAL(theirs.size, ours.size);
    CU_ASSERT_EQUAL(memcmp(theirs.bytes, ours.bytes, ours.size), 0);
    scratch_remove(data);
}

static void a_torn_tail_is_cut_off(void)
{
    struct image whole;
    image_start(&whole);
    image_add(&whole, 1, 1, "first");
    size_t last = image_add(&whole, 2, 2, "second");
    opens_with(&whole, 2, "second", false);
    struct image torn = whole;
    for (size_t size = last + 1; size < whole.size; size++) {
        torn.size = size;
        if (!opens_with(&torn, 1, "first", true))
            break;
    }
    /* Space that was allocated and never written reads as zeros. */
    torn = whole;
    memset(torn.bytes + last, 0, 4096);
    torn.size = last + 4096;
    opens_with(&torn, 1, "first", true);
    /* Nothing but a torn first record; a file that was only half created. */
    image_start(&torn);
    image_add(&torn, 1, 1, "first");
    torn.size -= 1;
    opens_with(&torn, 0, "", true);
    torn.size = 4;
    opens_with(&torn, 0, "", false);
    torn.size = 0;
    opens_with(&torn, 0, "", false);
}

static void a_torn_batch_is_cut_off(void)
{
    /* The disk may have written the parts of an unsynced batch in any order. */
    struct image image;
    image_start(&image);
    image_add(&image, 1, 1, "first");
    size_t torn = image_add(&image, 2, 2, "lost");
    image_add(&image, 3, 2, "whole, but not promised");
    image_add(&image, 4, 2, "nor this");
    memset(image.bytes + torn, 0, HEADER_SIZE);
    opens_with(&image, 1, "first", true);

    image_start(&image);
    image_add(&image, 1, 1, "first");
    image_add(&image, 2, 2, "whole and on disk, so it may stay");
    torn = image_add(&image, 3, 2, "torn");
    image_add(&image, 4, 2, "behind it");
    image.bytes[torn + HEADER_SIZE] ^= 1;
    opens_with(&image, 2, "whole and on disk, so it may stay", true);
}

static void damage_in_the_middle_is_refused(void)
{
    struct image whole;
    image_start(&whole);
    image_add(&whole, 1, 1, "first");
    size_t second = image_add(&whole, 2, 2, "second");
    size_t third = image_add(&whole, 3, 2, "third");
    size_t fourth = image_add(&whole, 4, 4, "fourth");
    struct image image = whole;
    for (size_t at = MAGIC_SIZE; at < fourth; at++) {
        image.bytes[at] ^= 0x10;
        size_t told = at < second ? MAGIC_SIZE : at < third ? second : third;
        if (!refuses_damage(&image, told))
            break;
        image.bytes[at] ^= 0x10;
    }
    /* Bytes missing from the middle, and bytes too many. */
    image = whole;
    memmove(image.bytes + second, whole.bytes + third, whole.size - third);
    image.size -= third - second;
    refuses_damage(&image, second);
    image = whole;
    memmove(image.bytes + second + 5, whole.bytes + second, whole.size - second);
    image.size += 5;
    refuses_damage(&image, second);
    /* A later batch that is itself torn proves nothing, one behind it does. */
    image = whole;
    image_add(&image, 5, 5, "fifth");
    image.bytes[third + 1] ^= 1;
    image.bytes[fourth + 1] ^= 1;
    refuses_damage(&image, third);
}

static void a_foreign_file_is_refused(void)
{
    char *data = scratch_new();
    struct image image = {.size = 30, .bytes = "something else altogether, keep"};
    image_write(&image, data);
    struct server *server = server_start(data, NULL);
    CU_ASSERT_EQUAL(server_wait(server), 1);
    CU_ASSERT_TRUE(server_said(server, "/data/journal is not a journal of the ledger"));
    struct image after;
    image_read(&after, data);
    CU_ASSERT_EQUAL(after.size, image.size);
    CU_ASSERT_EQUAL(memcmp(after.bytes, image.bytes, image.size), 0);
    server_free(server);
    scratch_remove(data);
}

static void killed_at_any_moment(void)
{
    char *data = scratch_new();
    uint64_t random = check_seed();
    unsigned rounds = check_count(50, 500);
    uintmax_t before = 0;
    for (unsigned round = 0; round < rounds; round++) {
        struct server *server = server_start(data, NULL);
        struct load *load = load_start(server, "round", 8, 0);
        load_wait(load, check_random(&random) % 200);
        CU_ASSERT_EQUAL(server_end(server, SIGKILL), -SIGKILL);
        load_join(load, true);
        CU_ASSERT_EQUAL(load->broken + load->refused, 0);
        server_free(server);

        server = server_start(data, NULL);
        uintmax_t count = 0;
        CU_ASSERT_EQUAL(sscanf(ask(server, "COUNT"), "OK %ju", &count), 1);
        CU_ASSERT_TRUE(count >= before + load->acknowledged);
        before = count;
        bool kept = load_is_kept(load, server);
        CU_ASSERT_TRUE(kept);
        load_free(load);
        CU_ASSERT_EQUAL(server_end(server, round % 2 ? SIGTERM : SIGKILL),
                        round % 2 ? 0 : -SIGKILL);
        server_free(server);
        if (!kept)
            break;
    }
    scratch_remove(data);
}

/** A ledger with three entries has run here, and was killed. */
static char *directory_with_three(struct image *image)
{
    char *data = scratch_new();
    struct server *server = server_start(data, NULL);
    CU_ASSERT_STRING_EQUAL(ask(server, "APPEND one"), "OK 1");
    CU_ASSERT_STRING_EQUAL(ask(server, "APPEND two"), "OK 2");
    CU_ASSERT_STRING_EQUAL(ask(server, "APPEND three"), "OK 3");
    server_end(server, SIGKILL);
    server_free(server);
    image_read(image, data);
    return data;
}

static void is_refused_as_cut(const char *data, const char *why)
{
    struct image before, after;
    image_read(&before, data);
    struct server *server = server_start(data, NULL);
    CU_ASSERT_EQUAL(server->port, 0);
    CU_ASSERT_EQUAL(server_wait(server), 1);
    CU_ASSERT_TRUE(server_said(server, why));
    CU_ASSERT_TRUE(server_said(server, "entries are missing"));
    server_free(server);
    image_read(&after, data);
    CU_ASSERT_EQUAL(after.size, before.size);
    CU_ASSERT_EQUAL(memcmp(after.bytes, before.bytes, after.size), 0);
}

static void a_lost_end_is_noticed(void)
{
    struct image whole, cut;
    char *data = directory_with_three(&whole);
    const size_t third = whole.size - HEADER_SIZE - strlen("three");
    const size_t second = third - HEADER_SIZE - strlen("two");
    cut = whole;
    cut.size = third; /* between two records */
    image_write(&cut, data);
    is_refused_as_cut(data, "has 2 entries up to byte ");
    cut.size = third + 7; /* within one */
    image_write(&cut, data);
    is_refused_as_cut(data, "has 2 entries up to byte ");
    cut.size = second;
    image_write(&cut, data);
    is_refused_as_cut(data, "has 1 entries up to byte ");
    cut.size = MAGIC_SIZE;
    image_write(&cut, data);
    is_refused_as_cut(data, "has 0 entries up to byte ");
    image_write(&whole, data); /* restored from a copy */
    struct server *server = server_start(data, NULL);
    CU_ASSERT_STRING_EQUAL(ask(server, "COUNT"), "OK 3");
    server_free(server);
    scratch_remove(data);
}

/** Writes the promised end by hand: "number" entries up to `offset`. */
static void write_end_file(const char *data, uint64_t number, uint64_t offset, bool damaged)
{
    unsigned char record[HEADER_SIZE] = {0};
    char *path = NULL;
    put(record + 8, number, 8);
    put(record + 16, offset, 8);
    put(record, crc(record + 4, HEADER_SIZE - 4) + damaged, 4);
    if (asprintf(&path, "%s/journal.end", data) < 0)
        abort();
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    CU_ASSERT_EQUAL_FATAL(write(file, record, sizeof record), (ssize_t)sizeof record);
    close(file);
    free(path);
}

static void opens_with_three(const char *data, bool warns)
{
    struct server *server = server_start(data, NULL);
    CU_ASSERT_STRING_EQUAL(ask(server, "COUNT"), "OK 3");
    CU_ASSERT_EQUAL(server_said(server, "journal.end is damaged"), warns);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
}

static void an_old_end_is_borne(void)
{
    struct image whole;
    char *data = directory_with_three(&whole);
    const size_t first = MAGIC_SIZE + HEADER_SIZE + strlen("one");
    write_end_file(data, 1, first, false); /* after a power failure */
    opens_with_three(data, false);
    write_end_file(data, 1, first, true);
    opens_with_three(data, true);
    opens_with_three(data, false); /* it has been written again */
    write_end_file(data, 1, first + 1, false);
    is_refused_as_cut(data, "has 3 entries up to byte ");
    scratch_remove(data);
}

static void a_directory_serves_one_ledger(void)
{
    char *data = scratch_new();
    struct server *first = server_start(data, NULL);
    struct server *second = server_start(data, NULL);
    CU_ASSERT_EQUAL(second->port, 0);
    CU_ASSERT_EQUAL(server_wait(second), 1);
    CU_ASSERT_TRUE(server_said(second, "/data/journal is in use by another ledger"));
    CU_ASSERT_STRING_EQUAL(ask(first, "APPEND undisturbed"), "OK 1");
    server_free(second);
    server_free(first);
    scratch_remove(data);
}

/** A port that is free now; from the log of a process without stderr none can be read. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(probe, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(probe, (struct sockaddr *)&address, &size) != 0)
        abort();
    close(probe);
    return ntohs(address.sin_port);
}

/** Which of the standard descriptors are closed does not matter to the journal. */
static void without_standard_descriptors(const char *closed)
{
    char *data = scratch_new();
    char command[1024];
    int port = free_port();
    snprintf(command, sizeof command,
             "exec " CHECK_BUILD_DIR "/examples/ledger --port %d --data '%s' %s", port, data,
             closed);
    const char *const arguments[] = {"/bin/sh", "-c", command, NULL};
    struct server *server = server_spawn((char *const *)(uintptr_t)arguments, NULL);
    server->port = port;
    CU_ASSERT_TRUE(ask_until(server, "COUNT", "OK 0"));
    CU_ASSERT_STRING_EQUAL(ask(server, "APPEND one"), "OK 1");
    CU_ASSERT_STRING_EQUAL(ask(server, "APPEND two"), "OK 2");
    CU_ASSERT_EQUAL(kill(server->pid, SIGTERM), 0);
    CU_ASSERT_EQUAL(server_wait(server), 0);
    server_free(server);
    struct image theirs, ours;
    image_read(&theirs, data);
    image_start(&ours);
    image_add(&ours, 1, 1, "one");
    image_add(&ours, 2, 2, "two");
    CU_ASSERT_EQUAL_FATAL(theirs.size, ours.size);
    CU_ASSERT_EQUAL(memcmp(theirs.bytes, ours.bytes, ours.size), 0);
    scratch_remove(data);
}

static void no_line_of_the_log_gets_into_it(void)
{
    without_standard_descriptors("<&- >&- 2>&-");
    without_standard_descriptors("2>&-");
    without_standard_descriptors("<&-");
}

/* ---- what must have happened before an answer leaves ---- */

static void no_answer_before_its_sync(void)
{
    char *data = scratch_new();
    struct server *server = server_start(data, &(struct setup){.preload = "interpose_sync"});
    struct load *load = load_start(server, "watched", 50, 40);
    load_join(load, false);
    CU_ASSERT_EQUAL(load->acknowledged, 2000);
    load_free(load);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    unsigned answers = 0, syncs = 0, directories = 0;
    const char *summary = strstr(server->log, "interpose: ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(summary);
    CU_ASSERT_EQUAL(sscanf(summary, "interpose: %u answers judged, %u syncs, %u directory syncs",
                           &answers, &syncs, &directories),
                    3);
    CU_ASSERT_EQUAL(answers, 2000);
    CU_ASSERT_TRUE(syncs >= 40);      /* a client's appends are one after the other */
    CU_ASSERT_TRUE(syncs < 1500);     /* those of many clients share their syncs */
    CU_ASSERT_TRUE(directories >= 2); /* the data directory, and the one it was made in */
    server_free(server);
    scratch_remove(data);
}

static void the_watcher_bites(void)
{
    char *data = scratch_new();
    struct server *server = server_start(
        data, &(struct setup){.preload = "interpose_sync", .environment = {"INTERPOSE_BLIND=1"}});
    CU_ASSERT_STRING_EQUAL(ask(server, "APPEND x"), NOTHING);
    CU_ASSERT_EQUAL(server_wait(server), -SIGABRT);
    CU_ASSERT_TRUE(server_said(server, "\"OK 1\" leaves, and only 0 are on disk"));
    server_free(server);
    scratch_remove(data);
}

static void a_failed_sync_is_fatal(void)
{
    char *data = scratch_new();
    struct server *server = server_start(
        data, &(struct setup){.preload = "interpose_fault", .environment = {"FAULT_SYNC=3"}});
    struct client *client = client_new(server);
    CU_ASSERT_STRING_EQUAL(client_ask(client, "APPEND one"), "OK 1");
    CU_ASSERT_STRING_EQUAL(client_ask(client, "APPEND two"), "OK 2");
    const char *heard = client_ask(client, "APPEND never");
    CU_ASSERT_STRING_EQUAL(heard, "ERR not stored: Input/output error"); /* and not where */
    client_free(client);
    CU_ASSERT_EQUAL(server_wait(server), 1);
    CU_ASSERT_TRUE(server_said(server, " ready: cannot sync "));
    CU_ASSERT_TRUE(server_said(server, "/data/journal: Input/output error"));
    CU_ASSERT_TRUE(server_said(server, "ended by an error: cannot sync "));
    CU_ASSERT_FALSE(server_said(server, "a sync after the failed one"));
    server_free(server);
    server = server_start(data, NULL);
    CU_ASSERT_STRING_EQUAL(ask(server, "COUNT"), "OK 2"); /* what was refused has not come back */
    CU_ASSERT_FALSE(server_said(server, "warning"));
    server_free(server);
    scratch_remove(data);
}

/** The journal cannot grow: what is there can be read, and when it can grow again, it does. */
static void a_full_disk_refuses_appends(void)
{
    char *data = scratch_new();
    struct rlimit size = {20000, RLIM_INFINITY};
    struct server *server = server_start(data, &(struct setup){.size = &size});
    struct client *client = client_new(server);
    char text[1200], count[64];
    snprintf(text, sizeof text, "APPEND %01100d", 0);
    unsigned stored = 0;
    while (strncmp(client_ask(client, text), "OK ", 3) == 0)
        stored++;
    CU_ASSERT_TRUE(stored > 10 && stored < 20);
    CU_ASSERT_STRING_EQUAL(client_ask(client, text), "ERR not stored: File too large");
    CU_ASSERT_EQUAL(strncmp(client_ask(client, "GET 1"), "OK 000", 6), 0);
    snprintf(count, sizeof count, "OK %u", stored);
    CU_ASSERT_STRING_EQUAL(client_ask(client, "COUNT"), count);
    /* It is told where operators look, once; and a shorter line may still fit. */
    CU_ASSERT_TRUE(server_says(server, "error store: nothing can be stored until there is room: "));
    CU_ASSERT_TRUE(server_said(server, "/data/journal: File too large"));
    CU_ASSERT_EQUAL(server_said_times(server, "until there is room"), 1);
    size.rlim_cur = RLIM_INFINITY;
    CU_ASSERT_EQUAL(prlimit(server->pid, RLIMIT_FSIZE, &size, NULL), 0);
    snprintf(count, sizeof count, "OK %u", stored + 1);
    CU_ASSERT_STRING_EQUAL(client_ask(client, text), count);
    CU_ASSERT_TRUE(server_says(server, "notice store: there is room again"));
    client_free(client);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);
    scratch_remove(data);
}

/** Under load each promise is kept, and nothing that was refused comes back. */
static void a_full_disk_keeps_promises(void)
{
    char *data = scratch_new();
    struct rlimit size = {20000, 20000};
    struct server *server = server_start(data, &(struct setup){.size = &size});
    struct load *load = load_start(server, "until nothing more fits", 10, 0);
    CU_ASSERT_TRUE(server_says(server, "nothing can be stored until there is room"));
    load_join(load, true);
    CU_ASSERT_TRUE(load->acknowledged > 100);
    CU_ASSERT_TRUE(load->refused > 0);
    CU_ASSERT_EQUAL(load->broken, 0);
    CU_ASSERT_EQUAL(server_end(server, SIGTERM), 0);
    server_free(server);

    server = server_start(data, NULL);
    char count[64];
    snprintf(count, sizeof count, "OK %zu", load->acknowledged);
    CU_ASSERT_STRING_EQUAL(ask(server, "COUNT"),
                           count); /* all that was promised, and nothing else */
    CU_ASSERT_TRUE(load_is_kept(load, server));
    load_free(load);
    server_free(server);
    scratch_remove(data);
}

static void a_full_disk_at_the_start_is_fatal(void)
{
    char *data = scratch_new();
    struct rlimit size;
    struct server *server;
    size = (struct rlimit){4, 4}; /* not even enough for the first line of a new journal */
    server = server_start(data, &(struct setup){.size = &size});
    CU_ASSERT_EQUAL(server_wait(server), 1);
    CU_ASSERT_TRUE(server_said(server, "/data/journal: File too large"));
    server_free(server);
    scratch_remove(data);
}

static void a_directory_that_cannot_be_made_is_fatal(void)
{
    char *data = scratch_new();
    int file = open(data, O_CREAT | O_WRONLY | O_CLOEXEC,
                    0666); /* a plain file where the directory should be */
    close(file);
    char *below = NULL;
    if (asprintf(&below, "%s/below", data) < 0)
        abort();
    const char *const wrong[] = {data, below, "/proc/no/such/place"};
    for (size_t i = 0; i < 3; i++) {
        struct server *server = server_start(wrong[i], NULL);
        CU_ASSERT_EQUAL(server->port, 0);
        CU_ASSERT_EQUAL(server_wait(server), 1);
        CU_ASSERT_TRUE(server_said(server, ", not ready: cannot open or make the directory "));
        CU_ASSERT_TRUE(server_said(server, wrong[i]));
        CU_ASSERT_TRUE(
            server_said(server, i < 2 ? "Not a directory" : "No such file or directory"));
        CU_ASSERT_TRUE(server_said(server, "ended by an error"));
        server_free(server);
    }
    free(below);
    scratch_remove(data);
}

CHECK_SUITE(disk, "ledger: disk", {"the journal is as described", our_format_is_theirs},
            {"a torn tail is cut off, wherever it is torn", a_torn_tail_is_cut_off},
            {"a torn batch is cut off", a_torn_batch_is_cut_off},
            {"damage to what was promised is refused", damage_in_the_middle_is_refused},
            {"a foreign file is refused", a_foreign_file_is_refused},
            {"every acknowledged line survives kill -9", killed_at_any_moment},
            {"a directory serves one ledger at a time", a_directory_serves_one_ledger},
            {"no line of the log gets into it, started without standard descriptors",
             no_line_of_the_log_gets_into_it},
            {"no OK leaves before its record was synced", no_answer_before_its_sync},
            {"the watcher of that does bite", the_watcher_bites},
            {"a failed sync is fatal and not retried", a_failed_sync_is_fatal},
            {"a full disk refuses appends, and all else goes on", a_full_disk_refuses_appends},
            {"a full disk under load: promises are kept, and refusals", a_full_disk_keeps_promises},
            {"a disk that is full at the start is fatal", a_full_disk_at_the_start_is_fatal},
            {"a journal that ends before what was promised is refused", a_lost_end_is_noticed},
            {"a promised end that is older, damaged or missing is no harm", an_old_end_is_borne},
            {"a directory that cannot be made is fatal", a_directory_that_cannot_be_made_is_fatal});
