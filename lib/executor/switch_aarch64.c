/*
 * switch_aarch64.c: the switch by the procedure call standard for AArch64. See switch.h.
 */
#include "executor/switch.h"

#ifdef LC__SWITCH_AARCH64

#include "base/assert.h"

#include <stdint.h>

/* The top of a stack that was left, from its stack pointer up. */
struct switch_frame {
    uint64_t d8_to_d15[8];
    uint64_t x19_to_x28[10];
    uint64_t x29, x30; /* x30: where to continue */
    uint64_t fpcr;     /* a call preserves its modes */
    uint64_t unused;
};

_Static_assert(sizeof(struct switch_frame) == 176, "lc__switch has this layout");

/* The macros tell the debugger where each register is, for backtraces in the middle of a switch. */
__asm__(".text\n"
        ".macro save first, second, at\n"
        "    stp \\first, \\second, [sp, #\\at]\n"
        "    .cfi_rel_offset \\first, \\at\n"
        "    .cfi_rel_offset \\second, \\at + 8\n"
        ".endm\n"
        ".macro restore first, second, at\n"
        "    ldp \\first, \\second, [sp, #\\at]\n"
        "    .cfi_restore \\first\n"
        "    .cfi_restore \\second\n"
        ".endm\n"
        ".p2align 4\n"
        ".globl lc__switch\n"
        ".hidden lc__switch\n"
        ".type lc__switch, %function\n"
        "lc__switch:\n"
        "    .cfi_startproc\n"
        "    sub sp, sp, #176\n"
        "    .cfi_adjust_cfa_offset 176\n"
        "    save d8, d9, 0\n"
        "    save d10, d11, 16\n"
        "    save d12, d13, 32\n"
        "    save d14, d15, 48\n"
        "    save x19, x20, 64\n"
        "    save x21, x22, 80\n"
        "    save x23, x24, 96\n"
        "    save x25, x26, 112\n"
        "    save x27, x28, 128\n"
        "    save x29, x30, 144\n"
        "    mrs x9, fpcr\n"
        "    str x9, [sp, #160]\n"
        "    mov x10, sp\n"
        "    str x10, [x0]\n"
        "    mov sp, x1\n"
        "    restore d8, d9, 0\n"
        "    restore d10, d11, 16\n"
        "    restore d12, d13, 32\n"
        "    restore d14, d15, 48\n"
        "    restore x19, x20, 64\n"
        "    restore x21, x22, 80\n"
        "    restore x23, x24, 96\n"
        "    restore x25, x26, 112\n"
        "    restore x27, x28, 128\n"
        "    restore x29, x30, 144\n"
        "    ldr x11, [sp, #160]\n"
        "    cmp x9, x11\n" /* writing it is slow, and it seldom differs */
        "    b.eq 1f\n"
        "    msr fpcr, x11\n"
        "1:\n"
        "    add sp, sp, #176\n"
        "    .cfi_adjust_cfa_offset -176\n"
        "    br x30\n" /* a jump and not a return: see switch_x86_64.c */
        "    .cfi_endproc\n"
        ".size lc__switch, . - lc__switch\n"
        ".purgem save\n"
        ".purgem restore\n"
        /*
         * The first code on a new stack: calls x19(x20). A backtrace ends here. Until the first
         * switch to the stack, a backtrace looks up the address before this code, where a call
         * would be. So the frame description begins one instruction early.
         */
        ".p2align 4\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined x30\n"
        "    nop\n"
        ".globl lc__enter_stack\n"
        ".hidden lc__enter_stack\n"
        ".type lc__enter_stack, %function\n"
        "lc__enter_stack:\n"
        "    mov x0, x20\n"
        "    blr x19\n"
        "    brk #1\n"
        "    .cfi_endproc\n"
        ".size lc__enter_stack, . - lc__enter_stack\n");

void lc__enter_stack(void) __attribute__((visibility("hidden")));

void *lc__switch_prepare(void *low, void *top, void (*entry)(void *arg), void *arg)
{
    (void)low;
    LC__ASSERT((uintptr_t)top % 16 == 0);
    struct switch_frame *frame = (struct switch_frame *)top - 1;
    *frame = (struct switch_frame){
        .x19_to_x28 = {(uint64_t)(uintptr_t)entry, (uint64_t)(uintptr_t)arg},
        .x30 = (uint64_t)(uintptr_t)lc__enter_stack,
    };
    /* A fiber inherits the modes of its maker, as a thread does. */
    __asm__ volatile("mrs %0, fpcr" : "=r"(frame->fpcr));
    return frame;
}

#endif

typedef int lc__switch_aarch64_is_a_file; /* ISO C has no empty ones */
