// SPDX-License-Identifier: GPL-2.0-or-later
/* Segment and system register instructions (SDM volume 2): what is not worth inline code. */
#include "target/x86/control.h"
#include "target/x86/exception.h"
#include "target/x86/far.h"
#include "target/x86/segment.h"

static uint64_t refuse(struct x86_state *s, enum x86_vector v, uint16_t sel)
{
	x86_exception(s, v, true, sel & ~3u);
	return 0;
}

/*
 * Into a data segment register. The block goes on behind it in 64-bit mode, and for FS and GS;
 * else it ends, since flat segments are part of the mode (SS: in x86_leave_shadow).
 */
uint64_t x86_help_seg_load(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	unsigned sreg = x & 7;

	if (x86_seg_load(s, sreg, (uint16_t)a))
		return 0;
	if (sreg < X86_FS && sreg != X86_SS && !x86_code64(s))
		x86_mode_changed(s);
	return 0;
}

uint64_t x86_help_lldt(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	uint16_t sel = (uint16_t)a;
	struct x86_desc d;

	if (!(sel & ~3)) {
		s->seg[X86_LDT] = (struct x86_seg){ .selector = sel, .attr = X86_SYS_LDT };
		return 0;
	}
	if (sel & 4)
		return refuse(s, X86_GP, sel);
	if (x86_desc_read(s, &d, sel, x86_lma(s), X86_GP))
		return 0;
	if (!x86_desc_system(&d) || x86_desc_type(&d) != X86_SYS_LDT ||
	    (x86_lma(s) && d.hi >> 40 & 31))
		return refuse(s, X86_GP, sel);
	if (!x86_desc_present(&d))
		return refuse(s, X86_NP, sel);
	s->seg[X86_LDT] = x86_desc_seg(&d, sel);
	return 0;
}

uint64_t x86_help_ltr(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	uint16_t sel = (uint16_t)a;
	struct x86_desc d;
	unsigned type;

	if (!(sel & ~3) || sel & 4)
		return refuse(s, X86_GP, sel);
	if (x86_desc_read(s, &d, sel, x86_lma(s), X86_GP))
		return 0;
	type = x86_desc_type(&d);
	if (!x86_desc_system(&d) ||
	    (type != X86_SYS_TSS32 && (type != X86_SYS_TSS16 || x86_lma(s))) ||
	    (x86_lma(s) && d.hi >> 40 & 31))
		return refuse(s, X86_GP, sel);
	if (!x86_desc_present(&d))
		return refuse(s, X86_NP, sel);
	d.lo |= UINT64_C(2) << 40;	/* busy */
	if (x86_sys_write(s, d.addr + 5, 1, d.lo >> 40 & 0xff))
		return 0;
	s->seg[X86_TR] = x86_desc_seg(&d, sel);
	return 0;
}

uint64_t x86_help_dtable(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	if (x86_code64(s) && !x86_canonical(s, a))
		return x86_gp(s, 0);
	*(x >> 16 ? &s->idtr : &s->gdtr) = (struct x86_dtable){ a, x & 0xffff };
	return 0;
}

uint64_t x86_help_vm_iopl(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	return (s->rflags & X86_FLAG_IOPL) == X86_FLAG_IOPL ? 0 : x86_gp(s, 0);
}

uint64_t x86_help_umip(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	return s->cr4 & X86_CR4_UMIP ? x86_gp(s, 0) : 0;
}

/* --- LAR, LSL, VERR, VERW --- */

/* Is the descriptor one that the current privilege may see? Types: a bit each. */
static bool visible(struct x86_state *s, const struct x86_desc *d, uint16_t sel, uint32_t types)
{
	if (x86_desc_system(d) && !(types >> x86_desc_type(d) & 1))
		return false;
	if (!x86_desc_system(d) && x86_desc_conforming(d))
		return true;
	return x86_desc_dpl(d) >= x86_cpl(s) && x86_desc_dpl(d) >= (sel & 3u);
}

/* 1: there; 0: not, or hidden; -1: a page fault was raised */
static int find(struct x86_state *s, struct x86_desc *d, uint16_t sel, uint32_t types)
{
	int r = sel & ~3 ? x86_desc_peek(s, d, sel, false) : 1;

	if (r < 0)
		return -1;
	return !r && visible(s, d, sel, types);
}

static void zero_flag(struct x86_state *s, bool z)
{
	x86_rflags_put(s, z ? X86_FLAG_ZF : 0, X86_FLAG_ZF);
}

static void put_reg(struct x86_state *s, uint64_t x, uint64_t v)
{
	uint64_t *r = &s->gpr[X86_ARG_LEN(x) & 15];

	*r = X86_ARG_SIZE(x) == 2 ? (*r & ~UINT64_C(0xffff)) | (v & 0xffff) : v;
}

#define BIT_TSS	(1 << X86_SYS_TSS32 | 1 << X86_SYS_TSS32_BUSY)
#define BIT_TSS16	(1 << X86_SYS_TSS16 | 1 << X86_SYS_TSS16_BUSY)

uint64_t x86_help_lar(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	uint32_t types = BIT_TSS | 1 << X86_SYS_LDT | 1 << X86_SYS_CALL32;
	struct x86_desc d;
	int r;

	if (!x86_lma(s))
		types |= BIT_TSS16 | 1 << X86_SYS_CALL16 | 1 << X86_SYS_TASK;
	r = find(s, &d, (uint16_t)a, types);
	if (r < 0)
		return 0;
	if (r)
		put_reg(s, x, d.lo >> 32 & 0xf0ff00);
	zero_flag(s, r);
	return 0;
}

uint64_t x86_help_lsl(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	uint32_t types = BIT_TSS | 1 << X86_SYS_LDT;
	struct x86_desc d;
	int r;

	if (!x86_lma(s))
		types |= BIT_TSS16;
	r = find(s, &d, (uint16_t)a, types);
	if (r < 0)
		return 0;
	if (r)
		put_reg(s, x, x86_desc_seg(&d, 0).limit);
	zero_flag(s, r);
	return 0;
}

uint64_t x86_help_verify(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	struct x86_desc d;
	int r = find(s, &d, (uint16_t)a, 0);

	if (r < 0)
		return 0;
	if (r && x86_desc_code(&d))
		r = !x && x86_desc_type(&d) & X86_TYPE_READABLE;
	else if (r)
		r = !x || x86_desc_type(&d) & X86_TYPE_WRITABLE;
	zero_flag(s, r);
	return 0;
}

uint64_t x86_help_arpl(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	uint64_t v;

	if (x86_mem_read(s, a, 2, &v))
		return 0;
	if ((v & 3) >= (x & 3)) {
		zero_flag(s, false);
		return 0;
	}
	if (!x86_seg_writable(s, x >> 16 & 7))
		return x86_gp(s, 0);
	if (!x86_mem_write(s, a, 2, (v & 0xfffc) | (x & 3)))
		zero_flag(s, true);
	return 0;
}

/* --- CR0's old ways --- */

uint64_t x86_help_lmsw(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	/* PE may be set, never cleared */
	if (x86_cr0_set(s, (s->cr0 & ~UINT64_C(14)) | (a & 15)))
		return x86_gp(s, 0);
	return 0;
}

uint64_t x86_help_clts(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;

	s->cr0 &= ~(uint64_t)X86_CR0_TS;
	x86_mode_changed(s);
	return 0;
}

uint64_t x86_help_pause(void *state, uint64_t a, uint64_t x)
{
	struct cpu_env *env = cpu_env(state);

	if (env->ops->relax)
		env->ops->relax(env);
	return 0;
}
