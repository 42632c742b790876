/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * C code of the instructions that change segments, privilege and system registers, in the forms
 * of IR_EXITFN (x86_leave_*) and IR_CALL (x86_help_*).
 */
#ifndef TARGET_X86_FAR_H
#define TARGET_X86_FAR_H

#include "target/x86/helper.h"

/* Second argument of x86_leave_*: the instruction's length, its operand size, a selector. */
#define X86_LEAVE_ARG(len, size, sel) \
	((uint64_t)(len) | (uint64_t)(size) << 8 | (uint64_t)(sel) << 16)
#define X86_ARG_LEN(x) ((unsigned)((x) & 0xff))
#define X86_ARG_SIZE(x) ((unsigned)((x) >> 8 & 0xff))
#define X86_ARG_SEL(x) ((uint16_t)((x) >> 16))

/* rip behind an instruction of len bytes at s->pc. */
static inline uint64_t x86_next_rip(struct x86_state *s, unsigned len)
{
	uint64_t rip = x86_get_rip(s) + len;

	return x86_code64(s) ? rip : (uint32_t)rip;
}
/* Ends an instruction that changed the mode or let interrupts in. */
static inline void x86_resume(struct x86_state *s)
{
	x86_mode_changed(s);
	if (s->rflags & X86_FLAG_TF || s->int_shadow ||
	    (s->irq_waiting && s->rflags & X86_FLAG_IF))
		x86_leave_loop(s);
}

/* far.c; a: offset, x: X86_LEAVE_ARG with the selector */
void x86_leave_jmp_far(void *state, uint64_t a, uint64_t x);
void x86_leave_call_far(void *state, uint64_t a, uint64_t x);
/* a: bytes to release */
void x86_leave_ret_far(void *state, uint64_t a, uint64_t x);
/* iret.c; a: not used */
void x86_leave_iret(void *state, uint64_t a, uint64_t x);
/*
 * Code segment to return to, checked for the privilege in sel's low bits. 0, or -1 raised.
 */
struct x86_desc;
int x86_return_code(struct x86_state *s, uint16_t sel, struct x86_desc *d);

/* syscall.c; a: vector, x: in the selector's place 1 for INT n */
void x86_leave_int(void *state, uint64_t a, uint64_t x);
void x86_leave_into(void *state, uint64_t a, uint64_t x);
void x86_leave_icebp(void *state, uint64_t a, uint64_t x);
void x86_leave_syscall(void *state, uint64_t a, uint64_t x);
void x86_leave_sysret(void *state, uint64_t a, uint64_t x);
void x86_leave_sysenter(void *state, uint64_t a, uint64_t x);
void x86_leave_sysexit(void *state, uint64_t a, uint64_t x);
void x86_leave_shadow(void *state, uint64_t a, uint64_t x);
void x86_leave_lss(void *state, uint64_t a, uint64_t x);
void x86_leave_hlt(void *state, uint64_t a, uint64_t x);
/* a: what was popped */
void x86_leave_popf(void *state, uint64_t a, uint64_t x);
void x86_leave_sti(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_cli(void *state, uint64_t a, uint64_t x);

/* sysop.c; a: selector, x: enum x86_sreg */
uint64_t x86_help_seg_load(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_lldt(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_ltr(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_dtable(void *state, uint64_t a, uint64_t x);	/* x: limit, bit 16: IDTR */
uint64_t x86_help_vm_iopl(void *state, uint64_t a, uint64_t x);	/* #GP unless IOPL is 3 */
uint64_t x86_help_umip(void *state, uint64_t a, uint64_t x);
/* a: selector, x: X86_LEAVE_ARG(register, size, 0); sets ZF */
uint64_t x86_help_lar(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_lsl(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_verify(void *state, uint64_t a, uint64_t x);	/* x: 1 for writing */
/* ARPL of memory: a: linear address, x: the other selector, bits 16 up: enum x86_sreg; sets ZF */
uint64_t x86_help_arpl(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_lmsw(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_clts(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_pause(void *state, uint64_t a, uint64_t x);

#endif
