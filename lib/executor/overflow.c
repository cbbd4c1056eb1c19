/*
 * overflow.c: see overflow.h.
 */
#include "executor/overflow.h"

#include "base/assert.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/standard.h"
#include "executor/fiber.h"
#include "executor/stack.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { HANDLER_STACK = 64 * 1024 };

static const int fault_signals[] = {SIGSEGV, SIGBUS};
enum { COUNT = sizeof fault_signals / sizeof fault_signals[0] };

static struct lc__lock lock = LC__LOCK_INIT; /* for what follows */
static struct sigaction found[COUNT];        /* what was installed before */
static atomic_bool installed;                /* changed under the lock */
static _Thread_local void *handler_stack;    /* NULL: this file gave it none */

/* ---- in the handler: no call but of functions that are safe there ---- */

static void line_add(char *line, size_t size, const char *text)
{
    size_t used = strlen(line);
    for (; *text && used + 1 < size; text++)
        line[used++] = *text;
    line[used] = '\0';
}

static void line_add_number(char *line, size_t size, size_t number)
{
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    line_add(line, size, digits + at);
}

static void overflow_tell(const struct lc__fiber *fiber)
{
    char line[256] = "lifecycle: fiber \"";
    line_add(line, sizeof line, lc__fiber_name(fiber));
    line_add(line, sizeof line, "\" has overflowed its stack of ");
    line_add_number(line, sizeof line, fiber->stack.slab->stack_size);
    line_add(line, sizeof line,
             " bytes: give it a larger one, or move large arrays off the stack\n");
    lc__standard_error_write(line, strlen(line)); /* returns also if the reader hangs */
}

/*
 * Installs again what was installed before, and returns. The fault then happens again. It ends the
 * process as it would without this handler, or goes to the handler of the program.
 */
static void overflow_handle(int number, siginfo_t *info, void *context)
{
    (void)context;
    const struct lc__fiber *fiber = lc__stack_of_guard(info->si_addr);
    if (fiber)
        overflow_tell(fiber);
    for (int i = 0; i < COUNT; i++)
        if (fault_signals[i] == number)
            sigaction(number, &found[i], NULL);
    /* A process has sent the signal, so no fault happens again. */
    if (info->si_code <= 0)
        raise(number);
}

/* ---- installing ---- */

int lc__overflow_report(void)
{
    int result = 0;
    struct sigaction handler = {.sa_sigaction = overflow_handle,
                                .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&handler.sa_mask);
    lc__lock_take(&lock);
    for (int i = 0; i < COUNT && !atomic_load(&installed) && result == 0; i++)
        if (sigaction(fault_signals[i], &handler, &found[i]) != 0)
            result = -errno;
    if (result == 0)
        atomic_store(&installed, true);
    lc__lock_give(&lock);
    return result;
}

void lc__overflow_stop(void)
{
    lc__lock_take(&lock);
    for (int i = 0; i < COUNT && atomic_load(&installed); i++) {
        struct sigaction now;
        if (sigaction(fault_signals[i], NULL, &now) == 0 && now.sa_sigaction == overflow_handle)
            sigaction(fault_signals[i], &found[i], NULL);
    }
    atomic_store(&installed, false);
    lc__lock_give(&lock);
}

void lc__overflow_thread_begins(void)
{
    stack_t now;
    LC__ASSERT(!handler_stack);
    if (!atomic_load(&installed) || sigaltstack(NULL, &now) != 0 || !(now.ss_flags & SS_DISABLE))
        return;
    handler_stack = lc__allocate(HANDLER_STACK);
    stack_t alternate = {.ss_sp = handler_stack, .ss_size = HANDLER_STACK};
    if (handler_stack)
        sigaltstack(&alternate, NULL);
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
