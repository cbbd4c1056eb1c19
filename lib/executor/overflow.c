/*
 * overflow.c: see overflow.h.
 */
#include "executor/overflow.h"

#include "base/memory.h"
#include "base/standard.h"
#include "executor/fiber.h"
#include "executor/stack.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { HANDLER_STACK = 64 * 1024 };

static const int numbers[] = {SIGSEGV, SIGBUS};
enum { COUNT = sizeof numbers / sizeof numbers[0] };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for what follows */
static struct sigaction found[COUNT];                    /* what was there before ours */
static atomic_bool installed;
static _Thread_local void *handler_stack;

/* ---- in the handler ---- */

static void add(char *line, size_t size, const char *text)
{
    size_t used = strlen(line);
    for (; *text && used + 1 < size; text++)
        line[used++] = *text;
    line[used] = '\0';
}

static void add_number(char *line, size_t size, size_t number)
{
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    add(line, size, digits + at);
}

static void tell(const struct lc__fiber *fiber)
{
    char line[256] = "lifecycle: fiber \"";
    add(line, sizeof line, lc__fiber_name(fiber));
    add(line, sizeof line, "\" has overflowed its stack of ");
    add_number(line, sizeof line, fiber->stack.slab->stack_size);
    add(line, sizeof line, " bytes: give it a larger one, or move large arrays off the stack\n");
    lc__standard_error_write(line, strlen(line)); /* a reader that hangs must not hang us */
}

/*
 * What was there before is put back and the fault happens again: that ends the process in the way
 * it would have without us, or goes to whom it belongs.
 */
static void handle(int number, siginfo_t *info, void *context)
{
    (void)context;
    const struct lc__fiber *fiber = lc__stack_of_guard(info->si_addr);
    if (fiber)
        tell(fiber);
    for (int i = 0; i < COUNT; i++)
        if (numbers[i] == number)
            sigaction(number, &found[i], NULL);
    /* A process has sent it: there is no fault that would happen again. */
    if (info->si_code <= 0)
        raise(number);
}

/* ---- installing ---- */

int lc__overflow_report(void)
{
    int result = 0;
    struct sigaction ours = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&ours.sa_mask);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < COUNT && !atomic_load(&installed) && result == 0; i++)
        if (sigaction(numbers[i], &ours, &found[i]) != 0)
            result = -errno;
    if (result == 0)
        atomic_store(&installed, true);
    pthread_mutex_unlock(&lock);
    return result;
}

void lc__overflow_stop(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < COUNT && atomic_load(&installed); i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_sigaction == handle)
            sigaction(numbers[i], &found[i], NULL);
    }
    atomic_store(&installed, false);
    pthread_mutex_unlock(&lock);
}

void lc__overflow_thread_begins(void)
{
    stack_t now;
    if (!atomic_load(&installed) || sigaltstack(NULL, &now) != 0 || !(now.ss_flags & SS_DISABLE))
        return;
    handler_stack = lc__allocate(HANDLER_STACK);
    stack_t ours = {.ss_sp = handler_stack, .ss_size = HANDLER_STACK};
    if (handler_stack)
        sigaltstack(&ours, NULL);
}

void lc__overflow_thread_ends(void)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    if (!handler_stack)
        return;
    sigaltstack(&none, NULL);
    lc__free(handler_stack);
    handler_stack = NULL;
}
