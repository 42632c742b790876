// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fast system calls, software interrupts, HLT, and the instructions that let interrupts in
 * (SDM volume 2; AMD's manual for SYSCALL outside 64-bit mode).
 */
#include "target/x86/control.h"
#include "target/x86/exception.h"
#include "target/x86/far.h"
#include "target/x86/segment.h"

/* --- software interrupts --- */

void x86_leave_int(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	/* INT n, not INT3: the monitor's business (SDM volume 3, 20.3.3.4) */
	if (X86_ARG_SEL(x) && s->rflags & X86_FLAG_VM &&
	    (s->rflags & X86_FLAG_IOPL) != X86_FLAG_IOPL) {
		x86_gp(s, 0);
		return;
	}
	x86_event(s, X86_EVENT_SOFT, (unsigned)a, false, 0, x86_next_rip(s, X86_ARG_LEN(x)));
}

void x86_leave_into(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	uint64_t next = x86_next_rip(s, X86_ARG_LEN(x));

	if (x86_arith_flags(s) & X86_FLAG_OF)
		x86_event(s, X86_EVENT_SOFT, X86_OF, false, 0, next);
	else
		x86_set_rip(s, next);
}

void x86_leave_icebp(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	x86_event(s, X86_EVENT_ICEBP, X86_DB, false, 0, x86_next_rip(s, X86_ARG_LEN(x)));
}

/* --- SYSCALL, SYSRET --- */

static void flat_code(struct x86_state *s, uint16_t sel, unsigned cpl, bool wide)
{
	s->seg[X86_CS] = (struct x86_seg){
		.selector = sel, .limit = UINT32_MAX,
		.attr = (uint16_t)(X86_SEG_P | X86_SEG_S | 11 | X86_SEG_G |
				   cpl << X86_SEG_DPL_SHIFT | (wide ? X86_SEG_L : X86_SEG_DB)),
	};
}

static void flat_stack(struct x86_state *s, uint16_t sel, unsigned cpl)
{
	s->seg[X86_SS] = (struct x86_seg){
		.selector = sel, .limit = UINT32_MAX,
		.attr = (uint16_t)(X86_SEG_P | X86_SEG_S | 3 | X86_SEG_G | X86_SEG_DB |
				   cpl << X86_SEG_DPL_SHIFT),
	};
}

/* Intel's processors know SYSCALL in 64-bit mode only. */
static bool intel(struct x86_state *s)
{
	uint32_t r[4];

	x86_cpuid_get(s, 0, 0, r);
	return r[X86_EBX] == 0x756e6547;
}

void x86_leave_syscall(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	bool wide = x86_code64(s);
	uint16_t sel = (uint16_t)(s->star >> 32 & 0xfffc);
	uint64_t next, flags;

	if (!(s->efer & X86_EFER_SCE) || !(s->cr0 & X86_CR0_PE) || (!wide && intel(s))) {
		x86_ud(s);
		return;
	}
	next = x86_next_rip(s, X86_ARG_LEN(x));
	s->gpr[X86_RCX] = next;
	flags = x86_rflags_get(s) & ~(uint64_t)X86_FLAG_RF;
	if (x86_lma(s)) {
		s->gpr[X86_R11] = flags;
		s->rflags = (flags & ~s->fmask) | 2;
		s->cc_op = X86_CC_RFLAGS;
	} else {
		s->rflags &= ~(uint64_t)(X86_FLAG_IF | X86_FLAG_VM | X86_FLAG_RF);
	}
	s->stepping &= !!(s->rflags & X86_FLAG_TF);
	flat_code(s, sel, 0, x86_lma(s));
	flat_stack(s, (uint16_t)(sel + 8), 0);
	x86_set_rip(s, !x86_lma(s) ? (uint32_t)s->star : wide ? s->lstar : s->cstar);
	x86_resume(s);
}

void x86_leave_sysret(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	uint16_t sel = (uint16_t)(s->star >> 48);
	bool wide = X86_ARG_SIZE(x) == 8;
	uint64_t rip = s->gpr[X86_RCX];

	if (!(s->efer & X86_EFER_SCE) || !(s->cr0 & X86_CR0_PE) ||
	    (!x86_code64(s) && intel(s))) {
		x86_ud(s);
		return;
	}
	if (x86_cpl(s) != 0 || (wide && !x86_canonical(s, rip))) {
		x86_gp(s, 0);
		return;
	}
	if (x86_lma(s)) {
		s->cc_op = X86_CC_RFLAGS;
		s->rflags = (s->gpr[X86_R11] & 0x3c7fd7 & ~(uint64_t)X86_FLAG_RF) | 2;
	} else {
		s->rflags |= X86_FLAG_IF;
	}
	flat_code(s, (uint16_t)((sel + (wide ? 16 : 0)) | 3), 3, wide);
	flat_stack(s, (uint16_t)((sel + 8) | 3), 3);
	x86_set_rip(s, wide ? rip : (uint32_t)rip);
	x86_resume(s);
}

/* --- SYSENTER, SYSEXIT --- */

void x86_leave_sysenter(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	uint16_t sel = (uint16_t)(s->sysenter_cs & 0xfffc);
	bool wide = x86_lma(s);

	if (!(s->cr0 & X86_CR0_PE) || !sel) {
		x86_gp(s, 0);
		return;
	}
	s->rflags &= ~(uint64_t)(X86_FLAG_VM | X86_FLAG_IF | X86_FLAG_RF);
	flat_code(s, sel, 0, wide);
	flat_stack(s, (uint16_t)(sel + 8), 0);
	s->gpr[X86_RSP] = wide ? s->sysenter_esp : (uint32_t)s->sysenter_esp;
	x86_set_rip(s, wide ? s->sysenter_eip : (uint32_t)s->sysenter_eip);
	x86_resume(s);
}

void x86_leave_sysexit(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	uint16_t sel = (uint16_t)(s->sysenter_cs & 0xfffc);
	bool wide = X86_ARG_SIZE(x) == 8;
	uint64_t rip = s->gpr[X86_RDX], rsp = s->gpr[X86_RCX];

	if (!(s->cr0 & X86_CR0_PE) || !sel || x86_cpl(s) != 0 ||
	    (wide && (!x86_canonical(s, rip) || !x86_canonical(s, rsp)))) {
		x86_gp(s, 0);
		return;
	}
	sel = (uint16_t)(sel + (wide ? 32 : 16));
	flat_code(s, sel | 3, 3, wide);
	flat_stack(s, (uint16_t)((sel + 8) | 3), 3);
	s->gpr[X86_RSP] = wide ? rsp : (uint32_t)rsp;
	x86_set_rip(s, wide ? rip : (uint32_t)rip);
	x86_resume(s);
}

/* --- interrupts on and off --- */

/* LSS loads the stack pointer, too, and needs no shadow for that (volume 3, 6.8.3). */
void x86_leave_lss(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	x86_set_rip(s, x86_next_rip(s, X86_ARG_LEN(x)));
	x86_resume(s);
}

/* Behind MOV or POP to SS: the next instruction goes without interrupts. */
void x86_leave_shadow(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	s->int_shadow = X86_SHADOW_MOV_SS;
	x86_set_rip(s, x86_next_rip(s, X86_ARG_LEN(x)));
	x86_resume(s);
}

void x86_leave_hlt(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	x86_set_rip(s, x86_next_rip(s, X86_ARG_LEN(x)));
	if (unlikely(s->kicked)) {
		s->kicked = 0;
		CPU_HEAD(s)->leave = LEAVE_LOOP;
		return;
	}
	s->mp_state = X86_MP_HALTED;
	CPU_HEAD(s)->leave = LEAVE_HALT;
}

/* The long form of POPF: all checks, all flags (volume 2, POPF). */
void x86_leave_popf(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	unsigned size = X86_ARG_SIZE(x), cpl = x86_cpl(s);
	unsigned iopl = (s->rflags & X86_FLAG_IOPL) >> 12;
	uint64_t mask = X86_FLAGS_ARITH | X86_FLAG_TF | X86_FLAG_DF | X86_FLAG_NT, next;
	struct x86_stack st;
	uint64_t v;

	if (s->rflags & X86_FLAG_VM && iopl != 3) {
		x86_gp(s, 0);
		return;
	}
	next = x86_next_rip(s, X86_ARG_LEN(x));
	x86_stack_now(s, &st);
	if (x86_pop_value(s, &st, &v, size))
		return;
	if (size > 2)
		mask |= X86_FLAG_AC | X86_FLAG_ID | X86_FLAG_RF;
	if (cpl == 0)
		mask |= X86_FLAG_IOPL;
	if (cpl <= iopl)
		mask |= X86_FLAG_IF;
	x86_stack_set_sp(s, &st);
	x86_rflags_put(s, v & ~(uint64_t)X86_FLAG_RF, mask);
	x86_set_rip(s, next);
	x86_resume(s);
}

void x86_leave_sti(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	unsigned iopl = (s->rflags & X86_FLAG_IOPL) >> 12;
	uint64_t next = x86_next_rip(s, X86_ARG_LEN(x));

	if (x86_cpl(s) > iopl) {
		x86_gp(s, 0);
		return;
	}
	if (!(s->rflags & X86_FLAG_IF))
		s->int_shadow = X86_SHADOW_STI;
	s->rflags |= X86_FLAG_IF;
	x86_set_rip(s, next);
	x86_resume(s);
}

uint64_t x86_help_cli(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	if (x86_cpl(s) > (s->rflags & X86_FLAG_IOPL) >> 12)
		return x86_gp(s, 0);
	s->rflags &= ~(uint64_t)X86_FLAG_IF;
	return 0;
}
