/*
 * switch_aarch64.c: the switch by the procedure call standard for AArch64. See switch.h.
 */
#include "executor/switch.h"

#ifdef LC__SWITCH_AARCH64

#include <stdint.h>

/* What lies on a stack that was left, from its pointer up. */
struct frame {
    uint64_t d8_to_d15[8];
    uint64_t x19_to_x28[10];
    uint64_t x29, x30; /* x30: where to go on */
    uint64_t fpcr;     /* its modes are among what a call keeps */
    uint64_t unused;
};

_Static_assert(sizeof(struct frame) == 176, "lc__switch knows the layout");

__asm__(".text\n"
        ".p2align 4\n"
        ".globl lc__switch\n"
        ".hidden lc__switch\n"
        ".type lc__switch, %function\n"
        "lc__switch:\n"
        "    .cfi_startproc\n"
        "    sub sp, sp, #176\n"
        "    .cfi_adjust_cfa_offset 176\n"
        "    stp d8, d9, [sp, #0]\n"
        "    stp d10, d11, [sp, #16]\n"
        "    stp d12, d13, [sp, #32]\n"
        "    stp d14, d15, [sp, #48]\n"
        "    stp x19, x20, [sp, #64]\n"
        "    stp x21, x22, [sp, #80]\n"
        "    stp x23, x24, [sp, #96]\n"
        "    stp x25, x26, [sp, #112]\n"
        "    stp x27, x28, [sp, #128]\n"
        "    stp x29, x30, [sp, #144]\n"
        "    mrs x9, fpcr\n"
        "    str x9, [sp, #160]\n"
        "    mov x10, sp\n"
        "    str x10, [x0]\n"
        "    mov sp, x1\n"
        "    ldp d8, d9, [sp, #0]\n"
        "    ldp d10, d11, [sp, #16]\n"
        "    ldp d12, d13, [sp, #32]\n"
        "    ldp d14, d15, [sp, #48]\n"
        "    ldp x19, x20, [sp, #64]\n"
        "    ldp x21, x22, [sp, #80]\n"
        "    ldp x23, x24, [sp, #96]\n"
        "    ldp x25, x26, [sp, #112]\n"
        "    ldp x27, x28, [sp, #128]\n"
        "    ldp x29, x30, [sp, #144]\n"
        "    ldr x11, [sp, #160]\n"
        "    cmp x9, x11\n" /* writing it is slow, and it hardly ever differs */
        "    b.eq 1f\n"
        "    msr fpcr, x11\n"
        "1:\n"
        "    add sp, sp, #176\n"
        "    .cfi_adjust_cfa_offset -176\n"
        "    br x30\n" /* a jump and not a return: see switch_x86_64.c */
        "    .cfi_endproc\n"
        ".size lc__switch, . - lc__switch\n"
        /* The first thing on a new stack: calls x19(x20), and is where a backtrace ends. */
        ".p2align 4\n"
        ".type enter_stack, %function\n"
        "enter_stack:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined x30\n"
        "    mov x0, x20\n"
        "    blr x19\n"
        "    brk #1\n"
        "    .cfi_endproc\n"
        ".size enter_stack, . - enter_stack\n");

void enter_stack(void) __attribute__((visibility("hidden")));

void *lc__switch_prepare(void *low, void *top, void (*entry)(void *arg), void *arg)
{
    (void)low;
    struct frame *frame = (struct frame *)top - 1;
    *frame = (struct frame){
        .x19_to_x28 = {(uint64_t)(uintptr_t)entry, (uint64_t)(uintptr_t)arg},
        .x30 = (uint64_t)(uintptr_t)enter_stack,
    };
    /* A fiber begins with the modes of its maker, as a thread does. */
    __asm__ volatile("mrs %0, fpcr" : "=r"(frame->fpcr));
    return frame;
}

#endif

typedef int lc__switch_aarch64_is_a_file; /* ISO C has no empty ones */
