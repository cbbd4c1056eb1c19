/*
 * bench.c: the bench program: all figures, or those with the given word in their names.
 * LC_BENCH_SECONDS is the time for all of them together. Prints a line for each figure and writes
 * the same to BUILD/bench.tsv: name, ours, peer, peer's value, ratio; nanoseconds, bytes or counts,
 * medians. Of several peers the table has the fastest; the others are only printed.
 */
#include "bench/bench.h"

#include "bench/peers.h"
#include "bench/rows.h"

#include <lifecycle.h>

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

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

bool bench_wants(const char *name)
{
    return !wanted || strstr(name, wanted);
}

/* The time for all rows together. */
static double seconds(void)
{
    const char *text = getenv("LC_BENCH_SECONDS");
    double given = text ? strtod(text, NULL) : 0;
    return given > 0 ? given : 200;
}

int main(int count, char **arguments)
{
    struct utsname system;
    int status;
    if (bench_is_elsewhere(count, arguments, &status))
        return status;
    wanted = count > 1 ? arguments[1] : NULL;
    uname(&system);
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
    rows_measure(seconds());
    bench_ledger_end();
    rows_tell(CHECK_BUILD_DIR "/bench.tsv");
    return lc_library_shutdown() == 0 ? 0 : 1;
}
