/*
 * later.c: see later.h. /proc tells whether a thread sleeps.
 */
#include "support/later.h"

#include "support/check.h"

#include "executor/fiber.h"

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

bool later_has_ended(pid_t thread)
{
    char state = state_of(thread);
    return state == '\0' ||
           state == 'Z'; /* the first thread stays a zombie as long as others live */
}

static bool has_ended(void *arg)
{
    return later_has_ended(*(pid_t *)arg);
}

bool later_asleep(pid_t thread)
{
    return check_until(sleeps, &thread);
}

bool later_ended(pid_t thread)
{
    return check_until(has_ended, &thread);
}

struct strand strand_self(void)
{
    return (struct strand){later_self(), lc__fiber_current()};
}

bool strand_is(struct strand strand, struct strand other)
{
    return strand.fiber == other.fiber && (strand.fiber || strand.thread == other.thread);
}

static bool is_parked(void *fiber)
{
    return atomic_load(&((struct lc__fiber *)fiber)->state) == LC__FIBER_PARKED;
}

bool strand_sleeps(struct strand strand)
{
    return strand.fiber ? check_until(is_parked, strand.fiber) : later_asleep(strand.thread);
}

static void run(void *arg)
{
    struct later *later = arg;
    later->slept = strand_sleeps(later->sleeper);
    later->function(later->arg);
}

void later(struct later *later, void (*function)(void *arg), void *arg)
{
    *later = (struct later){.sleeper = strand_self(), .function = function, .arg = arg};
    helper_start(&later->helper, run, later);
}

bool later_join(struct later *later)
{
    helper_join(&later->helper);
    return later->slept;
}
