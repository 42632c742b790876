/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * C code behind instructions, in the forms that IR_CALL and IR_EXITFN take, and what it shares.
 *
 * A helper that raises an exception calls x86_exception and returns: the state is that of
 * before the instruction (s->pc and s->rip), and execution goes on at the handler. In an
 * IR_CALL, x86_exception has set CPU_HEAD(s)->leave = LEAVE_LOOP, which ends the block.
 */
#ifndef TARGET_X86_HELPER_H
#define TARGET_X86_HELPER_H

#include "target/cpu.h"
#include "target/x86/state.h"
#include "tcg/isa_tcg.h"

/* --- flags (flags.c): pure --- */
/* The six arithmetic flags of s, whatever form they are in, and all of RFLAGS. */
uint64_t x86_arith_flags(const struct x86_state *s);
uint64_t x86_rflags_get(struct x86_state *s);
/* Replaces the bits of mask; arithmetic ones settle. Does not look at privilege. */
void x86_rflags_put(struct x86_state *s, uint64_t v, uint64_t mask);
uint64_t x86_cc_compute(unsigned cc_op, uint64_t a, uint64_t x, uint64_t c);

/* ir_helper forms: all flags; CF as 0 or 1; condition code cc (Jcc's low four bits) as 0 or 1. */
uint64_t x86_help_flags(void *state, uint64_t unused, uint64_t unused2);
uint64_t x86_help_carry(void *state, uint64_t unused, uint64_t unused2);
uint64_t x86_help_cond(void *state, uint64_t cc, uint64_t unused);
/* Linear address of an offset; how: X86_SEG_HOW. Raises #GP, #SS. */
#define X86_SEG_HOW(sreg, size, write) ((sreg) | (uint64_t)(size) << 8 | (uint64_t)(write) << 16)
uint64_t x86_help_seg(void *state, uint64_t off, uint64_t how);

/* --- debug registers (in blocks with X86_KEY_DEBUG) --- */
/* Before an instruction: raises #DB where DR7 has a breakpoint on it. */
uint64_t x86_help_break(void *state, uint64_t lin, uint64_t unused);
/* Before an access: notes what is reported behind the instruction. how: size | write << 8. */
uint64_t x86_help_watch(void *state, uint64_t lin, uint64_t how);

/* --- where execution goes on (mode.c) --- */
/* rip inside CS as it is now: sets s->rip and s->pc. */
void x86_set_rip(struct x86_state *s, uint64_t rip);
/* s->rip from s->pc: helpers that read rip call it first. */
uint64_t x86_get_rip(struct x86_state *s);
static inline unsigned x86_cpl(const struct x86_state *s);
/* Derives what the mode key needs; tells the engine: after CR0, CR4, EFER, CS, SS, RFLAGS bits… */
void x86_mode_changed(struct x86_state *s);

/* --- exceptions (exception.c) --- */
/*
 * Delivers an exception of the instruction at s->pc: IDT, privileges, stacks, double and triple
 * faults (LEAVE_SHUTDOWN). has_error, error: the error code. #PF: s->cr2 was set by the caller.
 */
void x86_exception(struct x86_state *s, enum x86_vector v, bool has_error, uint32_t error);
static inline uint64_t x86_gp(struct x86_state *s, uint32_t error)
{
	x86_exception(s, X86_GP, true, error);
	return 0;
}
static inline uint64_t x86_ud(struct x86_state *s)
{
	x86_exception(s, X86_UD, false, 0);
	return 0;
}
/* Software interrupts and external ones: next_rip is what is pushed. */
enum x86_event { X86_EVENT_EXCEPTION, X86_EVENT_SOFT, X86_EVENT_ICEBP, X86_EVENT_EXTERNAL };

/* --- guest memory from helpers: 0, or -1 with the exception raised --- */
/* As the current privilege would. */
int x86_mem_read(struct x86_state *s, uint64_t lin, unsigned size, uint64_t *v);
int x86_mem_write(struct x86_state *s, uint64_t lin, unsigned size, uint64_t v);
/* Implicit supervisor accesses: descriptor tables, TSS (SDM volume 3, 4.6.1). */
int x86_sys_read(struct x86_state *s, uint64_t lin, unsigned size, uint64_t *v);
int x86_sys_write(struct x86_state *s, uint64_t lin, unsigned size, uint64_t v);
/* View of the current privilege; of implicit supervisor accesses. */
unsigned x86_view_now(const struct x86_state *s);
unsigned x86_view_system(const struct x86_state *s);
/* Linear address of [off, off + size) in a segment, limits and rights checked: 0, or -1 raised. */
int x86_seg_check(struct x86_state *s, unsigned sreg, uint64_t off, unsigned size, bool write,
		  uint64_t *lin);

static inline unsigned x86_cpl(const struct x86_state *s)
{
	if (!(s->cr0 & X86_CR0_PE))
		return 0;
	if (s->rflags & X86_FLAG_VM)
		return 3;
	return (s->seg[X86_SS].attr & X86_SEG_DPL) >> X86_SEG_DPL_SHIFT;
}
static inline bool x86_code64(const struct x86_state *s)
{
	return s->efer & X86_EFER_LMA && s->seg[X86_CS].attr & X86_SEG_L;
}
static inline void x86_leave_loop(struct x86_state *s)
{
	CPU_HEAD(s)->leave = LEAVE_LOOP;
}

#endif
