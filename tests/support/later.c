/*
 * later.c: see later.h. /proc tells whether a thread sleeps.
 */
#include "support/later.h"

#include "support/check.h"

#include <lifecycle.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t later_self(void)
{
    return (pid_t)syscall(SYS_gettid);
}

/* The state letter of a thread as proc(5) has it; '\0' if there is no such thread. */
static char state_of(pid_t thread)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "r");
    if (!file)
        return '\0';
    char *got = fgets(line, sizeof line, file);
    fclose(file);
    /* "tid (name) state ...": a name may hold anything, so the last parenthesis counts. */
    char *after = got ? strrchr(line, ')') : NULL;
    return after && after[1] == ' ' ? after[2] : '\0';
}

static bool sleeps(void *arg)
{
    return state_of(*(pid_t *)arg) == 'S';
}

static bool has_ended(void *arg)
{
    char state = state_of(*(pid_t *)arg);
    return state == '\0' ||
           state == 'Z'; /* the first thread stays a zombie as long as others live */
}

bool later_asleep(pid_t thread)
{
    return check_until(sleeps, &thread);
}

bool later_ended(pid_t thread)
{
    return check_until(has_ended, &thread);
}

static void *run(void *arg)
{
    struct later *later = arg;
    later->slept = later_asleep(later->sleeper);
    later->function(later->arg);
    return NULL;
}

void later(struct later *later, void (*function)(void *arg), void *arg)
{
    *later = (struct later){.sleeper = later_self(), .function = function, .arg = arg};
    if (pthread_create(&later->thread, NULL, run, later) != 0)
        abort();
}

bool later_join(struct later *later)
{
    pthread_join(later->thread, NULL);
    return later->slept;
}
