/*
 * switch_x86_64.c: the switch by the System V ABI for x86-64. See switch.h.
 */
#include "executor/switch.h"

#ifdef LC__SWITCH_X86_64

#include "base/assert.h"

#include <stdint.h>

/*
 * The top of a stack that was left, from its stack pointer up. A call preserves the two control
 * words, so a fiber that sets a rounding mode sets it for itself only.
 */
struct switch_frame {
    uint32_t mxcsr;
    uint16_t x87_control;
    uint16_t unused;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t address; /* where to continue */
};

_Static_assert(sizeof(struct switch_frame) == 64, "lc__switch has this layout");

/*
 * The macros tell the debugger where each register is after each instruction. So a backtrace is
 * right that a profiler's signal handler takes in the middle of a switch.
 *
 * The last instruction is a jump and not a return. The processor predicts that a return goes to the
 * caller, which is never right here. It predicts that a jump goes where it went the last time.
 */
__asm__(".text\n"
        ".macro save register\n"
        "    pushq \\register\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset \\register, 0\n"
        ".endm\n"
        ".macro restore register\n"
        "    popq \\register\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_restore \\register\n"
        ".endm\n"
        ".p2align 4\n"
        ".globl lc__switch\n"
        ".hidden lc__switch\n"
        ".type lc__switch, @function\n"
        "lc__switch:\n"
        "    .cfi_startproc\n"
        "    save %rbp\n"
        "    save %rbx\n"
        "    save %r12\n"
        "    save %r13\n"
        "    save %r14\n"
        "    save %r15\n"
        "    subq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    ldmxcsr (%rsp)\n"
        "    fldcw 4(%rsp)\n"
        "    addq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    restore %r15\n"
        "    restore %r14\n"
        "    restore %r13\n"
        "    restore %r12\n"
        "    restore %rbx\n"
        "    restore %rbp\n"
        "    popq %rcx\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_register %rip, %rcx\n"
        "    jmp *%rcx\n"
        "    .cfi_endproc\n"
        ".size lc__switch, . - lc__switch\n"
        ".purgem save\n"
        ".purgem restore\n"
        /*
         * The first code on a new stack: calls rbx(r12). A backtrace ends here. Until the first
         * switch to the stack, a backtrace looks up the address before this code, where a call
         * would be. So the frame description begins one instruction early.
         */
        ".p2align 4\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined %rip\n"
        "    nop\n"
        ".globl lc__enter_stack\n"
        ".hidden lc__enter_stack\n"
        ".type lc__enter_stack, @function\n"
        "lc__enter_stack:\n"
        "    movq %r12, %rdi\n"
        "    call *%rbx\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size lc__enter_stack, . - lc__enter_stack\n");

void lc__enter_stack(void) __attribute__((visibility("hidden")));

void *lc__switch_prepare(void *low, void *top, void (*entry)(void *arg), void *arg)
{
    (void)low;
    LC__ASSERT((uintptr_t)top % 16 == 0);
    /* lc__enter_stack begins with the stack pointer at `top`, a multiple of 16. */
    struct switch_frame *frame = (struct switch_frame *)top - 1;
    *frame = (struct switch_frame){
        .rbx = (uint64_t)(uintptr_t)entry,
        .r12 = (uint64_t)(uintptr_t)arg,
        .address = (uint64_t)(uintptr_t)lc__enter_stack,
    };
    /* A fiber inherits the modes of its maker, as a thread does. */
    __asm__ volatile("stmxcsr %0" : "=m"(frame->mxcsr));
    __asm__ volatile("fnstcw %0" : "=m"(frame->x87_control));
    return frame;
}

#endif

typedef int lc__switch_x86_64_is_a_file; /* ISO C has no empty ones */
