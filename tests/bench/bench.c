/*
 * bench.c: the bench program: all figures, or those whose name holds the word given. Prints a line a figure and writes the same to BUILD/bench.tsv:
 * name, ours, peer, peer's value, ratio; nanoseconds, medians.
 */
#include "bench/bench.h"

#include <lifecycle.h>

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

void bench_run(const struct bench_figure *figure)
{
    if (!bench_wants(figure->name))
        return;
    enum { ROUNDS_MAX = 4096 };
    static double ours[ROUNDS_MAX], peer[ROUNDS_MAX], ratio[ROUNDS_MAX];
    unsigned rounds = figure->rounds < ROUNDS_MAX ? figure->rounds : ROUNDS_MAX;
    figure->ours(figure->n); /* warm-up */
    for (unsigned i = 0; i < rounds; i++) {
        ours[i] = figure->ours(figure->n);
        if (!figure->peer_sample)
            continue;
        peer[i] = figure->peer_sample(figure->n);
        ratio[i] = ours[i] / peer[i];
    }
    double mine = median(ours, rounds);
    if (!figure->peer_sample) {
        printf("%-28s %12.0f ns\n", figure->name, mine);
        fprintf(table, "%s\t%.1f\t-\t-\t-\n", figure->name, mine);
    } else {
        double theirs = median(peer, rounds);
        /* The ratio pair by pair, not of the medians: a slow moment of the machine strikes both of a pair. */
        double pairwise = median(ratio, rounds);
        printf("%-28s %12.0f ns   %s %12.0f ns   ratio %.2f\n", figure->name, mine, figure->peer,
               theirs, pairwise);
        fprintf(table, "%s\t%.1f\t%s\t%.1f\t%.3f\n", figure->name, mine, figure->peer, theirs,
                pairwise);
    }
    fflush(stdout);
}

int main(int count, char **arguments)
{
    struct utsname system;
    wanted = count > 1 ? arguments[1] : NULL;
    uname(&system);
    table = fopen(CHECK_BUILD_DIR "/bench.tsv", "w");
    if (!table)
        bench_fail("cannot write " CHECK_BUILD_DIR "/bench.tsv");
    printf("lifecycle %s, glibc %s, %s %s, %ld processors; medians\n", lc_version(),
           gnu_get_libc_version(), system.sysname, system.release, sysconf(_SC_NPROCESSORS_ONLN));
    bench_managers();
    bench_primitives();
    bench_ledger();
    fclose(table);
    return lc_library_shutdown() == 0 ? 0 : 1;
}
