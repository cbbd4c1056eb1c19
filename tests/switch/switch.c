/*
 * switch.c: a program of its own, with nothing in it but libc and lib/executor/switch_*.c, so that
 * it can be built for any processor and run by an emulator. It looks at what the switch promises,
 * says what is broken, and ends with status 1 if anything is. `make check-switch` runs it.
 */
#include "executor/switch.h"

#include <execinfo.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *test; /* the one that runs */
static unsigned checks, failures;

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(bool holds, const char *condition, int line)
{
    checks++;
    if (holds)
        return;
    failures++;
    printf("%s: line %d: not so: %s\n", test, line, condition);
}

/* ---- stacks ---- */

enum { STACK_SIZE = 256 * 1024, MARGIN = 4096, MARK = 0xA5 };

/* A stack, with a margin below and above that nothing may write to. */
struct stack {
    char *memory;
    char *low, *top;
    void *sp; /* where it was left */
};

/* Its top is `shift` bytes lower than it could be. */
static void make(struct stack *stack, size_t shift)
{
    stack->memory = aligned_alloc(MARGIN, STACK_SIZE + 2 * MARGIN);
    if (!stack->memory)
        abort();
    memset(stack->memory, MARK, STACK_SIZE + 2 * MARGIN);
    stack->low = stack->memory + MARGIN;
    stack->top = stack->low + STACK_SIZE - shift;
    stack->sp = NULL;
}

static bool is_marked(const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)from[i] != MARK)
            return false;
    return true;
}

static void discard(struct stack *stack)
{
    CHECK(is_marked(stack->memory, MARGIN));
    CHECK(is_marked(stack->top, MARGIN));
    free(stack->memory);
}

/* What most tests need: one stack beside the thread's own. */
static struct stack stack;
static void *outside; /* where the thread's own stack was left */

static void enter(void)
{
    lc__switch(&outside, stack.sp);
}

static void leave(void)
{
    lc__switch(&stack.sp, outside);
}

static void begin(void (*entry)(void *arg), void *arg)
{
    make(&stack, 0);
    stack.sp = lc__switch_prepare(stack.low, stack.top, entry, arg);
}

static void end(void)
{
    discard(&stack);
}

/* ---- back and forth ---- */

enum { ROUNDS = 100000 };

static void count_rounds(void *arg)
{
    for (unsigned *rounds = arg;; leave())
        ++*rounds;
}

static void goes_back_and_forth(void)
{
    unsigned rounds = 0;
    begin(count_rounds, &rounds);
    bool each = true;
    for (unsigned i = 1; i <= ROUNDS; i++) {
        enter();
        each &= rounds == i;
    }
    CHECK(each);
    end();
}

/* ---- from one to the next, without the thread's own stack ---- */

enum { RING = 5 };
static struct stack ring[RING];
static unsigned ring_order[RING * 3 + 1], ring_count;

static void pass_on(void *arg)
{
    unsigned own = (unsigned)(uintptr_t)arg;
    for (;;) {
        ring_order[ring_count++] = own;
        bool over = ring_count == sizeof ring_order / sizeof ring_order[0];
        lc__switch(&ring[own].sp, over ? outside : ring[(own + 1) % RING].sp);
    }
}

static void goes_round(void)
{
    ring_count = 0;
    for (unsigned i = 0; i < RING; i++) {
        make(&ring[i], (size_t)i * 16);
        ring[i].sp = lc__switch_prepare(ring[i].low, ring[i].top, pass_on, (void *)(uintptr_t)i);
    }
    lc__switch(&outside, ring[0].sp);
    CHECK(ring_count == RING * 3 + 1);
    for (unsigned i = 0; i < ring_count; i++)
        CHECK(ring_order[i] == i % RING);
    for (unsigned i = 0; i < RING; i++)
        discard(&ring[i]);
}

/* ---- the argument ---- */

static uintptr_t handed;

static void note_argument(void *arg)
{
    handed = (uintptr_t)arg;
    leave();
}

static void hands_the_argument_on(void)
{
    /* Each half differs from the other, and would not survive a widening with its sign. */
    static const uintptr_t values[] = {0, 1, UINTPTR_MAX, UINTPTR_MAX / 3 * 2,
                                       (uintptr_t)UINT64_C(0xfedcba9876543210)};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        begin(note_argument, (void *)values[i]);
        enter();
        CHECK(handed == values[i]);
        end();
    }
}

/* ---- a stack that was given up is used again ---- */

static void is_used_again(void)
{
    unsigned first = 0, second = 0;
    begin(count_rounds, &first);
    enter();
    stack.sp = lc__switch_prepare(stack.low, stack.top, count_rounds, &second);
    enter();
    enter();
    CHECK(first == 1);
    CHECK(second == 2);
    end();
}

/* ---- alignment, and the registers that a call keeps ---- */

/* note_sp(arg): what the stack pointer is as a function begins; goes on in noted_sp(arg). */
void note_sp(void *arg);
void noted_sp(void *arg) __attribute__((used));
/* Sets the registers that a call keeps, switches, and notes what they are then. */
void switch_with(const uint64_t *set, uint64_t *seen, void **from, void *to);

#if defined(__x86_64__)

enum { SP_AT_ENTRY = 8, KEPT = 6 };

__asm__(".text\n"
        ".globl note_sp\n"
        ".type note_sp, @function\n"
        "note_sp:\n"
        "    movq %rsp, (%rdi)\n"
        "    jmp noted_sp\n"
        ".size note_sp, . - note_sp\n"
        ".globl switch_with\n"
        ".type switch_with, @function\n"
        "switch_with:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    pushq %rsi\n"
        "    movq (%rdi), %rbx\n"
        "    movq 8(%rdi), %rbp\n"
        "    movq 16(%rdi), %r12\n"
        "    movq 24(%rdi), %r13\n"
        "    movq 32(%rdi), %r14\n"
        "    movq 40(%rdi), %r15\n"
        "    movq %rdx, %rdi\n"
        "    movq %rcx, %rsi\n"
        "    call lc__switch\n"
        "    popq %rax\n"
        "    movq %rbx, (%rax)\n"
        "    movq %rbp, 8(%rax)\n"
        "    movq %r12, 16(%rax)\n"
        "    movq %r13, 24(%rax)\n"
        "    movq %r14, 32(%rax)\n"
        "    movq %r15, 40(%rax)\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size switch_with, . - switch_with\n");

#elif defined(__aarch64__)

enum { SP_AT_ENTRY = 0, KEPT = 11 + 8 };

__asm__(".text\n"
        ".p2align 2\n"
        ".globl note_sp\n"
        ".type note_sp, %function\n"
        "note_sp:\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    b noted_sp\n"
        ".size note_sp, . - note_sp\n"
        ".globl switch_with\n"
        ".type switch_with, %function\n"
        "switch_with:\n"
        "    stp x29, x30, [sp, #-176]!\n"
        "    stp x19, x20, [sp, #16]\n"
        "    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    str x1, [sp, #160]\n"
        "    ldp x19, x20, [x0]\n"
        "    ldp x21, x22, [x0, #16]\n"
        "    ldp x23, x24, [x0, #32]\n"
        "    ldp x25, x26, [x0, #48]\n"
        "    ldp x27, x28, [x0, #64]\n"
        "    ldr x29, [x0, #80]\n"
        "    ldr d8, [x0, #88]\n"
        "    ldr d9, [x0, #96]\n"
        "    ldr d10, [x0, #104]\n"
        "    ldr d11, [x0, #112]\n"
        "    ldr d12, [x0, #120]\n"
        "    ldr d13, [x0, #128]\n"
        "    ldr d14, [x0, #136]\n"
        "    ldr d15, [x0, #144]\n"
        "    mov x0, x2\n"
        "    mov x1, x3\n"
        "    bl lc__switch\n"
        "    ldr x9, [sp, #160]\n"
        "    stp x19, x20, [x9]\n"
        "    stp x21, x22, [x9, #16]\n"
        "    stp x23, x24, [x9, #32]\n"
        "    stp x25, x26, [x9, #48]\n"
        "    stp x27, x28, [x9, #64]\n"
        "    str x29, [x9, #80]\n"
        "    str d8, [x9, #88]\n"
        "    str d9, [x9, #96]\n"
        "    str d10, [x9, #104]\n"
        "    str d11, [x9, #112]\n"
        "    str d12, [x9, #120]\n"
        "    str d13, [x9, #128]\n"
        "    str d14, [x9, #136]\n"
        "    str d15, [x9, #144]\n"
        "    ldp x19, x20, [sp, #16]\n"
        "    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n"
        "    ldp x25, x26, [sp, #64]\n"
        "    ldp x27, x28, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    ldp x29, x30, [sp], #176\n"
        "    ret\n"
        ".size switch_with, . - switch_with\n");

#endif

#if defined(__x86_64__) || defined(__aarch64__)

struct noted {
    uintptr_t sp; /* first: note_sp writes it */
    char text[32];
};

void noted_sp(void *arg)
{
    struct noted *noted = arg;
    /* Library code with vectors in it relies on the alignment. */
    snprintf(noted->text, sizeof noted->text, "%.3f %d", 2.5, 7);
    leave();
}

static void begins_aligned(void)
{
    for (size_t shift = 0; shift <= 128; shift += 16) {
        struct noted noted = {0, ""};
        make(&stack, shift);
        stack.sp = lc__switch_prepare(stack.low, stack.top, note_sp, &noted);
        enter();
        CHECK(noted.sp % 16 == SP_AT_ENTRY);
        CHECK(noted.sp > (uintptr_t)stack.low && noted.sp <= (uintptr_t)stack.top);
        CHECK(strcmp(noted.text, "2.500 7") == 0);
        end();
    }
}

/* No two registers get the same, in any round on either stack. */
static void choose(uint64_t *set, uint64_t side, uint64_t round)
{
    for (uint64_t i = 0; i < KEPT; i++)
        set[i] = side << 60 | round << 32 | UINT64_C(0xa5000000) | i;
}

static bool switch_keeps(uint64_t side, uint64_t round, void **from, void *const *to)
{
    uint64_t set[KEPT], seen[KEPT];
    choose(set, side, round);
    memset(seen, 0, sizeof seen);
    switch_with(set, seen, from, *to);
    return memcmp(set, seen, sizeof set) == 0;
}

static void keep_inside(void *arg)
{
    bool *kept = arg;
    for (uint64_t round = 0;; round++)
        *kept &= switch_keeps(2, round, &stack.sp, &outside);
}

static void keeps_registers(void)
{
    bool kept = true, kept_inside = true;
    begin(keep_inside, &kept_inside);
    for (uint64_t round = 0; round < 100; round++)
        kept &= switch_keeps(1, round, &outside, &stack.sp);
    CHECK(kept);
    CHECK(kept_inside);
    end();
}

#else

static void begins_aligned(void)
{
    puts("stack alignment: not looked at on this processor");
}

static void keeps_registers(void)
{
    puts("registers: not looked at on this processor");
}

#endif

/* ---- the rounding mode ---- */

/* Which way a division is rounded: -1 down, 1 up, 0 to what is nearest. */
static int rounds_to(void)
{
    /* The double nearest to a tenth is above it: rounding down does not give it. */
    volatile double one = 1, ten = 10, minus = -1;
    bool up = one / ten == 0x1.999999999999ap-4;
    bool minus_up = minus / ten != -0x1.999999999999ap-4;
    return up && minus_up ? 1 : up ? 0 : -1;
}

struct rounding {
    int first; /* what the stack began with */
    bool kept;
};

static void round_down(void *arg)
{
    struct rounding *rounding = arg;
    rounding->first = fegetround();
    fesetround(FE_DOWNWARD);
    for (rounding->kept = true;; leave())
        rounding->kept &= fegetround() == FE_DOWNWARD && rounds_to() == -1;
}

static void rounds_for_itself(void)
{
    struct rounding rounding = {-1, false};
    int before = fegetround();
    fesetround(FE_UPWARD);
    begin(round_down, &rounding);
    fesetround(FE_TONEAREST);
    enter();
    /* A stack begins with what its maker had when it made it, as a thread does. */
    CHECK(rounding.first == FE_UPWARD);
    CHECK(fegetround() == FE_TONEAREST);
    CHECK(rounds_to() == 0);
    fesetround(FE_UPWARD);
    enter();
    CHECK(fegetround() == FE_UPWARD);
    CHECK(rounds_to() == 1);
    CHECK(rounding.kept);
    fesetround(before);
    end();
}

/* ---- the signal mask ---- */

static void change_mask(int how, int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(how, &set, NULL);
}

static bool is_blocked(int number)
{
    sigset_t set;
    sigprocmask(SIG_SETMASK, NULL, &set);
    return sigismember(&set, number) == 1;
}

static void swap_mask(void *arg)
{
    bool *blocked = arg;
    *blocked = is_blocked(SIGUSR1);
    change_mask(SIG_UNBLOCK, SIGUSR1);
    change_mask(SIG_BLOCK, SIGUSR2);
    for (;;) {
        leave();
        *blocked = is_blocked(SIGUSR1) && !is_blocked(SIGUSR2);
    }
}

static void leaves_the_signal_mask_alone(void)
{
    bool blocked = false;
    begin(swap_mask, &blocked);
    change_mask(SIG_BLOCK, SIGUSR1);
    enter();
    CHECK(blocked);
    CHECK(!is_blocked(SIGUSR1));
    CHECK(is_blocked(SIGUSR2));
    change_mask(SIG_BLOCK, SIGUSR1);
    change_mask(SIG_UNBLOCK, SIGUSR2);
    enter();
    CHECK(blocked);
    CHECK(is_blocked(SIGUSR1));
    CHECK(!is_blocked(SIGUSR2));
    change_mask(SIG_UNBLOCK, SIGUSR1);
    end();
}

/* ---- deep down ---- */

enum { DEPTH = 700, FRAME = 200 }; /* some two thirds of the stack */

static __attribute__((noinline)) unsigned descend(unsigned depth)
{
    volatile unsigned char frame[FRAME];
    for (unsigned i = 0; i < FRAME; i++)
        frame[i] = (unsigned char)(depth + i);
    unsigned below = 0;
    if (depth < DEPTH)
        below = descend(depth + 1);
    else
        leave();
    for (unsigned i = 0; i < FRAME; i++)
        if (frame[i] != (unsigned char)(depth + i))
            return 0;
    return depth == DEPTH || below > 0 ? below + 1 : 0;
}

static void descend_and_tell(void *arg)
{
    unsigned *deep = arg;
    *deep = descend(1);
    leave();
}

static void stands_deep_recursion(void)
{
    unsigned deep = 0;
    begin(descend_and_tell, &deep);
    enter();
    CHECK(deep == 0);
    volatile unsigned char own[16 * 1024];
    for (unsigned i = 0; i < sizeof own; i++)
        own[i] = (unsigned char)i;
    enter();
    CHECK(deep == DEPTH);
    CHECK(own[0] == 0 && own[sizeof own - 1] == (unsigned char)(sizeof own - 1));
    end();
}

/* ---- long jumps stay on their stack ---- */

static void jump(void *arg)
{
    int *jumps = arg;
    jmp_buf place;
    *jumps = setjmp(place);
    leave();
    if (*jumps < 3)
        longjmp(place, *jumps + 1);
    leave();
}

static void stands_long_jumps(void)
{
    int jumps = -1;
    begin(jump, &jumps);
    for (int i = 0; i <= 3; i++) {
        enter();
        CHECK(jumps == i);
    }
    end();
}

/* ---- the end of a backtrace ---- */

/* Behind a stack's first function there is what called it; libc has a way of its own to do so. */
#ifdef LC__SWITCH_UCONTEXT
enum { FRAMES = 64, BELOW_ENTRY_MAX = 3 };
#else
enum { FRAMES = 64, BELOW_ENTRY_MAX = 1 };
#endif

struct trace {
    void *frames[FRAMES];
    int count;
    void *entry; /* an address in the function that the stack began with */
};

static __attribute__((noinline)) void take_trace(struct trace *trace)
{
    trace->entry = __builtin_return_address(0);
    trace->count = backtrace(trace->frames, FRAMES);
}

static void trace_inside(void *arg)
{
    for (;;) {
        take_trace(arg);
        leave();
    }
}

/* The entry is found, and behind it nothing but how a stack begins. */
static bool ends_well(const struct trace *trace)
{
    for (int i = 0; i < trace->count; i++)
        if (trace->frames[i] == trace->entry)
            return trace->count < FRAMES && trace->count - 1 - i <= BELOW_ENTRY_MAX;
    return false;
}

static void ends_a_backtrace(void)
{
    struct trace trace = {.count = 0};
    begin(trace_inside, &trace);
    enter();
    CHECK(ends_well(&trace));
    trace.count = 0;
    enter(); /* no longer by way of how it began */
    CHECK(ends_well(&trace));
    end();
}

/* ---- running them ---- */

/* On a stack of its own: the one it happened on is likely to be the reason. */
static void crashed(int number)
{
    static const char ends[] = ": it has crashed\n";
    (void)number;
    if (write(STDERR_FILENO, test, strlen(test)) < 0 ||
        write(STDERR_FILENO, ends, sizeof ends - 1) < 0)
        _exit(2);
    _exit(1);
}

static void tell_of_crashes(void)
{
    static char memory[64 * 1024];
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    const stack_t own = {.ss_sp = memory, .ss_size = sizeof memory};
    struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
    sigaltstack(&own, NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);
}

int main(void)
{
    static const struct {
        const char *title;
        void (*run)(void);
    } tests[] = {
        {"goes back and forth", goes_back_and_forth},
        {"goes from one stack to the next", goes_round},
        {"hands the argument on", hands_the_argument_on},
        {"a stack is used again", is_used_again},
        {"begins aligned", begins_aligned},
        {"keeps registers", keeps_registers},
        {"a rounding mode for each stack", rounds_for_itself},
        {"leaves the signal mask alone", leaves_the_signal_mask_alone},
        {"deep recursion", stands_deep_recursion},
        {"long jumps", stands_long_jumps},
        {"a backtrace ends", ends_a_backtrace},
    };
    tell_of_crashes();
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        test = tests[i].title;
        tests[i].run();
    }
    printf("%zu tests, %u checks, %u failed\n", sizeof tests / sizeof tests[0], checks, failures);
    return failures == 0 ? 0 : 1;
}
