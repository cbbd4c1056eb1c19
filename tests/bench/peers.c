/*
 * peers.c: asking the programs of peers/. Each sample is taken by a process of its own that runs
 * beside our sample: started again and again it sees the noise that we see, and it leaves us the
 * machine for ourselves in between.
 */
#include "bench/peers.h"

#include "bench/bench.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 256 };

static const char *const programs[] = {"go", "otp"};

/* The output of a program; NULL if it was not built. */
static FILE *start(const char *program, unsigned threads, const char *word)
{
    char path[sizeof CHECK_BUILD_DIR + 64];
    char command[sizeof path + 128];
    snprintf(path, sizeof path, "%s/bench-peers/%s", CHECK_BUILD_DIR, program);
    if (access(path, X_OK) != 0)
        return NULL;
    snprintf(command, sizeof command, "'%s' %u 1 %s", path, threads, word);
    FILE *output = popen(command, "r");
    if (!output)
        bench_fail(command);
    return output;
}

void bench_ask_peer(const char *program, const char *figure, bench_note note)
{
    char name[64];
    char line[LINE_SIZE];
    unsigned threads = bench_threads(figure);
    snprintf(name, sizeof name, "%s%s", figure, threads > 0 ? "" : "_1t");
    FILE *output = start(program, threads > 0 ? threads : 1, name);
    while (output && fgets(line, sizeof line, output)) {
        char told[64];
        char peer[32];
        double value;
        if (sscanf(line, "%63[^\t#]\t%31[^\t]\t%lf", told, peer, &value) == 3 &&
            strcmp(told, name) == 0)
            note(peer, value);
    }
    if (output)
        pclose(output);
}

static void print_version(const char *program)
{
    char line[LINE_SIZE] = "";
    FILE *output = start(program, 1, "none"); /* no figure's name holds that word */
    if (output && !fgets(line, sizeof line, output))
        line[0] = '\0';
    if (output)
        pclose(output);
    line[strcspn(line, "\n")] = '\0';
    printf("  %s: %s", program, strncmp(line, "# ", 2) == 0 ? line + 2 : "missing");
}

void bench_print_peer_versions(void)
{
    printf("peers");
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        print_version(programs[i]);
    printf("\n");
}
