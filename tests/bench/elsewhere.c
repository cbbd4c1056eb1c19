/*
 * elsewhere.c: samples that need a process of their own, because what is measured leaves traces in
 * a process, or costs what else is measured there. It is the bench itself, called with a word and a
 * number, and prints what it has taken.
 */
#include "bench/bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *word;
    int (*take)(unsigned number);
} samples[] = {
    {BENCH_PARK, bench_park},
    {BENCH_COUNT_ENGINE, bench_count_engine},
    {BENCH_IDLE_ISOLATES, bench_idle_isolates},
};

double bench_resident_bytes(void)
{
    char line[128];
    unsigned long kilobytes = 0;
    malloc_trim(0);
    FILE *status = fopen("/proc/self/status", "r");
    while (status && kilobytes == 0 && fgets(line, sizeof line, status))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kilobytes = strtoul(line + 6, NULL, 10);
    if (kilobytes == 0)
        bench_fail("the system does not tell VmRSS");
    fclose(status);
    return (double)kilobytes * 1024;
}

double bench_elsewhere(const char *word, size_t number)
{
    char path[256] = "";
    char command[sizeof path + 64];
    char line[64] = "";
    if (readlink("/proc/self/exe", path, sizeof path - 1) < 0)
        bench_fail("the bench does not find itself");
    snprintf(command, sizeof command, "'%s' %s %zu", path, word, number);
    FILE *output = popen(command, "r");
    if (!output || !fgets(line, sizeof line, output) || pclose(output) != 0)
        bench_fail(command);
    return strtod(line, NULL);
}

void bench_tell_elsewhere(double value)
{
    printf("%.1f\n", value);
}

bool bench_is_elsewhere(int count, char **arguments, int *status)
{
    for (size_t i = 0; count == 3 && i < sizeof samples / sizeof samples[0]; i++) {
        if (strcmp(arguments[1], samples[i].word) != 0)
            continue;
        *status = samples[i].take((unsigned)strtoul(arguments[2], NULL, 10));
        return true;
    }
    return false;
}
