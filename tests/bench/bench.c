/*
 * bench.c: the bench program: all figures, or those whose name holds the word given. Prints a line a figure and writes
 * the same to BUILD/bench.tsv: name, ours, peer, peer's value, ratio; nanoseconds, bytes or counts, medians. Of several
 * peers the fastest is meant; the others are only printed.
 */
#include "bench/bench.h"

#include "bench/peers.h"

#include <lifecycle.h>

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static FILE *table;
static const char *wanted; /* NULL: all */

int64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * LC_SECOND + now.tv_nsec;
}

void bench_fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

double bench_log_to_nowhere(double (*sample)(size_t n), size_t n)
{
    int kept = dup(STDERR_FILENO);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (kept < 0 || nowhere < 0)
        bench_fail("no descriptors");
    dup2(nowhere, STDERR_FILENO);
    double took = sample(n);
    dup2(kept, STDERR_FILENO);
    close(nowhere);
    close(kept);
    return took;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
    qsort(values, count, sizeof values[0], by_value);
    return values[count / 2];
}

bool bench_wants(const char *name)
{
    return !wanted || strstr(name, wanted);
}

/* ---- what the peers of the figure being measured took ---- */

enum { ROUNDS_MAX = 4096, PEERS_MAX = 4 };

struct peer {
    char name[32];
    unsigned rounds;
    double values[ROUNDS_MAX];
    /* Ours to theirs, pair by pair: a slow moment of the machine strikes both of a pair. */
    double ratios[ROUNDS_MAX];
    double value; /* the medians of both, once they are settled */
    double ratio;
};

static struct peer peers[PEERS_MAX];
static unsigned peer_count;
static double sample_beside; /* ours, taken just before what is noted */

static struct peer *find_peer(const char *name)
{
    for (unsigned i = 0; i < peer_count; i++)
        if (strcmp(peers[i].name, name) == 0)
            return &peers[i];
    if (peer_count == PEERS_MAX)
        bench_fail("too many peers for a figure");
    struct peer *peer = &peers[peer_count++];
    snprintf(peer->name, sizeof peer->name, "%s", name);
    peer->rounds = 0;
    return peer;
}

static void note_sample(const char *name, double value)
{
    struct peer *peer = find_peer(name);
    if (peer->rounds == ROUNDS_MAX)
        bench_fail("too many samples of a peer");
    peer->values[peer->rounds] = value;
    peer->ratios[peer->rounds++] = sample_beside / value;
}

/* A program that is our peer warms up before each sample, and leaves the caches cold for ours: so do we then. */
static double take_warm(const struct bench_figure *figure)
{
    if (figure->peer && !figure->peer_sample)
        figure->ours(figure->n);
    return figure->ours(figure->n);
}

static double sample_ours(const struct bench_figure *figure)
{
    unsigned threads = bench_threads(figure->name);
    return threads > 0 ? bench_in_fiber(threads, take_warm, figure) : take_warm(figure);
}

static void sample_peers(const struct bench_figure *figure, double ours)
{
    sample_beside = ours;
    if (figure->peer_sample)
        note_sample(figure->peer, figure->peer_sample(figure->n));
    else if (figure->peer)
        bench_ask_peer(figure->peer, figure->name, note_sample);
}

static int by_median(const void *a, const void *b)
{
    return by_value(&((const struct peer *)a)->value, &((const struct peer *)b)->value);
}

/* The fastest first. */
static void settle_peers(void)
{
    for (unsigned i = 0; i < peer_count; i++) {
        peers[i].value = median(peers[i].values, peers[i].rounds);
        peers[i].ratio = median(peers[i].ratios, peers[i].rounds);
    }
    qsort(peers, peer_count, sizeof peers[0], by_median);
}

/* ---- the table ---- */

static void tell_peers(const char *unit)
{
    settle_peers();
    for (unsigned i = 0; i < peer_count; i++)
        printf("%s   %s %.0f %s   ratio %.2f", i > 0 ? ";" : "", peers[i].name, peers[i].value,
               unit, peers[i].ratio);
    fprintf(table, "\t%s\t%.1f\t%.3f\n", peers[0].name, peers[0].value, peers[0].ratio);
}

static const char *unit_of(const char *name)
{
    if (strstr(name, "_allocations"))
        return "";
    return strstr(name, "_bytes") ? "B" : "ns";
}

static void tell(const struct bench_figure *figure, double ours)
{
    const char *unit = unit_of(figure->name);
    printf("%-36s %10.0f %-2s", figure->name, ours, unit);
    fprintf(table, "%s\t%.1f", figure->name, ours);
    if (peer_count > 0) {
        tell_peers(unit);
    } else if (figure->peer) {
        printf("   %s missing", figure->peer);
        fprintf(table, "\t%s\tmissing\t-\n", figure->peer);
    } else {
        fprintf(table, "\t-\t-\t-\n");
    }
    printf("\n");
    fflush(stdout);
}

void bench_run(const struct bench_figure *figure)
{
    if (!bench_wants(figure->name))
        return;
    static double ours[ROUNDS_MAX];
    unsigned rounds = figure->rounds < ROUNDS_MAX ? figure->rounds : ROUNDS_MAX;
    peer_count = 0;
    sample_ours(figure); /* warm-up */
    for (unsigned i = 0; i < rounds; i++) {
        ours[i] = sample_ours(figure);
        sample_peers(figure, ours[i]);
    }
    tell(figure, median(ours, rounds));
}

int main(int count, char **arguments)
{
    struct utsname system;
    int status;
    if (bench_is_elsewhere(count, arguments, &status))
        return status;
    wanted = count > 1 ? arguments[1] : NULL;
    uname(&system);
    table = fopen(CHECK_BUILD_DIR "/bench.tsv", "w");
    if (!table)
        bench_fail("cannot write " CHECK_BUILD_DIR "/bench.tsv");
    printf("lifecycle %s, glibc %s, %s %s, %ld processors; medians\n", lc_version(),
           gnu_get_libc_version(), system.sysname, system.release, sysconf(_SC_NPROCESSORS_ONLN));
    bench_print_peer_versions();
    bench_managers();
    bench_primitives();
    bench_fibers();
    bench_timers();
    bench_parked();
    bench_ledger();
    bench_engine();
    bench_supervision();
    bench_tree();
    bench_isolates();
    fclose(table);
    return lc_library_shutdown() == 0 ? 0 : 1;
}
