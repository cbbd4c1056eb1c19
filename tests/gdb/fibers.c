/*
 * fibers.c: a program with fibers in different waits, for check.py to look at in gdb. All run on
 * one thread, so that each has come to its wait when the main fiber looks again.
 */
#include <lifecycle.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

static lc_channel *letters;
static lc_handle *end;
static lc_context *day;
static unsigned begun;

/* Where check.py stops the program: the three wait, a fourth has not started. */
void all_wait(void);
__attribute__((noinline)) void all_wait(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) static int await_letter(int number)
{
    void *letter;
    int twice = number * 2;
    begun++;
    int result = lc_channel_receive(letters, &letter, LC_FOREVER);
    return result == -EPIPE ? twice : 0;
}

__attribute__((noinline)) static int await_end(int number)
{
    begun++;
    int result = lc_handle_wait(end, LC_FOREVER);
    return result == 0 ? number : 0;
}

__attribute__((noinline)) static int sleep_a_day(int number)
{
    begun++;
    int result = lc_context_sleep(day, 24 * LC_HOUR);
    return result == -ECANCELED ? number : 0;
}

static void read_letters(void *arg)
{
    *(int *)arg = await_letter(21);
}

static void watch_end(void *arg)
{
    *(int *)arg = await_end(22);
}

static void sleep_in(void *arg)
{
    *(int *)arg = sleep_a_day(23);
}

static void begin_late(void *arg)
{
    *(int *)arg = 24;
}

/*
 * gdb's own core files end where memory cannot be read: the guards of the stacks are taken away, by
 * MADV_GUARD_REMOVE, from all there is. (The kernel's core files have no such trouble.)
 */
static void remove_guards(void)
{
    enum { GUARD_REMOVE = 103 };
    char line[256];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx", &from, &to) == 2)
            madvise((void *)from, to - from, GUARD_REMOVE);
    }
    if (maps)
        fclose(maps);
}

static int start(const char *name, void (*run)(void *arg), int *result)
{
    lc_fiber_options options = {.size = sizeof options};
    options.name = name;
    options.run = run;
    options.arg = result;
    return lc_fiber_start(&options);
}

static lc_error *run(void *arg)
{
    int *results = arg;
    int failed = start("reader", read_letters, &results[0]) |
                 start("watcher of the end", watch_end, &results[1]) |
                 start("sleeper", sleep_in, &results[2]);
    while (!failed && begun < 3)
        lc_yield();
    failed |= start("latecomer", begin_late, &results[3]);
    remove_guards();
    all_wait();
    lc_channel_close(letters);
    lc_handle_close(end);
    lc_context_cancel(day, NULL);
    return failed ? lc_error_new(failed, "a fiber could not be started") : NULL;
}

int main(void)
{
    lc_executor_options options = {.size = sizeof options};
    int results[4] = {0};
    lc_executor *executor;
    options.name = "seen";
    options.threads = 1;
    options.stall_limit = LC_FOREVER; /* gdb stops all threads for as long as it likes */
    end = lc_handle_new();
    day = lc_context_new(NULL);
    if (lc_channel_new(LC_CHANNEL(.capacity = 1), &letters))
        return 1;
    if (lc_executor_new(&options, &executor) != NULL ||
        lc_executor_run(executor, run, results) != NULL)
        return 1;
    lc_executor_free(executor);
    lc_channel_unref(letters);
    lc_handle_unref(end);
    lc_context_unref(day);
    bool well = results[0] == 42 && results[1] == 22 && results[2] == 23 && results[3] == 24;
    return well && lc_library_shutdown() == 0 ? 0 : 2;
}
