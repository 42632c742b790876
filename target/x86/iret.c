// SPDX-License-Identifier: GPL-2.0-or-later
/* IRET in all modes (SDM volume 2, IRET/IRETD/IRETQ). */
#include "target/x86/far.h"
#include "target/x86/segment.h"
#include "util/bits.h"

enum {
	FLAGS_ALWAYS = X86_FLAGS_ARITH | X86_FLAG_TF | X86_FLAG_DF | X86_FLAG_NT,
	FLAGS_WIDE = X86_FLAG_RF | X86_FLAG_AC | X86_FLAG_ID,
};

static void refuse(struct x86_state *s, uint16_t sel)
{
	x86_exception(s, X86_GP, true, sel & ~3u);
}

/* Bits that a return from ring cpl may change. */
static uint64_t flags_mask(const struct x86_state *s, unsigned cpl, unsigned size)
{
	uint64_t mask = FLAGS_ALWAYS | (size > 2 ? FLAGS_WIDE : 0);

	if (cpl == 0)
		mask |= X86_FLAG_IOPL;
	if (cpl <= (s->rflags & X86_FLAG_IOPL) >> 12)
		mask |= X86_FLAG_IF;
	if (cpl == 0 && size > 2)
		mask |= X86_FLAG_VIF | X86_FLAG_VIP;
	return mask;
}

static void put_flags(struct x86_state *s, uint64_t v, uint64_t mask)
{
	/* RF says something only where instruction breakpoints are on */
	if (!(s->dr7 & 0xff))
		v &= ~(uint64_t)X86_FLAG_RF;
	s->cc_op = X86_CC_RFLAGS;	/* all of them are replaced */
	s->rflags = (s->rflags & ~mask) | (v & mask);
}

static void iret_real(struct x86_state *s, unsigned size)
{
	uint64_t ip, cs, flags, mask;
	struct x86_stack st;
	bool vm = s->rflags & X86_FLAG_VM;

	if (vm && (s->rflags & X86_FLAG_IOPL) != X86_FLAG_IOPL) {
		refuse(s, 0);
		return;
	}
	x86_stack_now(s, &st);
	if (x86_pop_value(s, &st, &ip, size) || x86_pop_value(s, &st, &cs, size) ||
	    x86_pop_value(s, &st, &flags, size))
		return;
	if (ip > s->seg[X86_CS].limit) {
		refuse(s, 0);
		return;
	}
	x86_stack_set_sp(s, &st);
	mask = FLAGS_ALWAYS | X86_FLAG_IF | (size > 2 ? FLAGS_WIDE : 0);
	put_flags(s, flags, vm ? mask : mask | X86_FLAG_IOPL);
	x86_seg_real(s, X86_CS, (uint16_t)cs);
	x86_set_rip(s, ip);
	s->nmi_masked = 0;
	x86_resume(s);
}

static void iret_vm86(struct x86_state *s, struct x86_stack *st, uint64_t ip, uint64_t cs,
		      uint64_t flags)
{
	static const uint8_t order[] = { X86_ES, X86_DS, X86_FS, X86_GS };
	uint64_t sp, sel[5];

	if (x86_pop_value(s, st, &sp, 4) || x86_pop_value(s, st, &sel[4], 4))
		return;
	for (unsigned i = 0; i < 4; i++)
		if (x86_pop_value(s, st, &sel[i], 4))
			return;
	if (ip > 0xffff) {
		refuse(s, 0);
		return;
	}
	put_flags(s, flags, FLAGS_ALWAYS | FLAGS_WIDE | X86_FLAG_IF | X86_FLAG_IOPL |
				    X86_FLAG_VM | X86_FLAG_VIF | X86_FLAG_VIP);
	x86_seg_real(s, X86_CS, (uint16_t)cs);
	x86_seg_real(s, X86_SS, (uint16_t)sel[4]);
	for (unsigned i = 0; i < 4; i++)
		x86_seg_real(s, order[i], (uint16_t)sel[i]);
	s->gpr[X86_RSP] = sp;
	x86_set_rip(s, ip);
	s->nmi_masked = 0;
	x86_resume(s);
}

/* NT: back to the task that called this one. */
static void iret_task(struct x86_state *s, uint64_t next_rip)
{
	struct x86_desc d;
	uint64_t link;
	uint16_t sel;

	if (x86_lma(s)) {
		refuse(s, 0);
		return;
	}
	if (x86_sys_read(s, s->seg[X86_TR].base, 2, &link))
		return;
	sel = (uint16_t)link;
	if (sel & 4 || !(sel & ~3)) {
		x86_exception(s, X86_TS, true, sel & ~3u);
		return;
	}
	if (x86_desc_read(s, &d, sel, false, X86_TS))
		return;
	if (!x86_desc_system(&d) || (x86_desc_type(&d) & 7) != X86_SYS_TSS16_BUSY) {
		x86_exception(s, X86_TS, true, sel & ~3u);
		return;
	}
	if (!x86_desc_present(&d)) {
		x86_exception(s, X86_NP, true, sel & ~3u);
		return;
	}
	s->nmi_masked = 0;
	x86_task_switch(s, sel, &d, X86_TASK_IRET, next_rip, false, 0);
}

/* The frame: rip, cs, flags, and in v[3], v[4] rsp and ss where they are there. */
static int read_frame(struct x86_state *s, struct x86_stack *st, uint64_t *v, unsigned size,
		      unsigned n)
{
	struct cpu_env *env = cpu_env(s);
	const uint8_t *p = NULL;

	if (size == 8 && st->mask == ~UINT64_C(0) && (st->sp & 0xfff) + n * 8 <= 4096 &&
	    x86_canonical(s, st->sp))
		p = env->ops->mem_host(env, st->sp, st->view, ACCESS_READ, n * 8);
	for (unsigned i = 0; i < n; i++) {
		if (p)
			v[i] = ld_le64(p + i * 8);
		else if (x86_pop_value(s, st, &v[i], size))
			return -1;
	}
	if (p)
		st->sp += n * 8;
	return 0;
}

static int outer_ss(struct x86_state *s, struct x86_seg *out, uint16_t ss, unsigned cpl,
		    bool wide)
{
	if (!(ss & ~3) && wide && cpl != 3 && (ss & 3u) == cpl) {
		*out = (struct x86_seg){ .selector = ss,
					 .attr = (uint16_t)(cpl << X86_SEG_DPL_SHIFT) };
		return 0;
	}
	return x86_ss_check(s, out, ss, cpl, X86_GP);
}

static void iret_protected(struct x86_state *s, unsigned size, uint64_t next_rip)
{
	bool always = x86_code64(s), wide, stack;
	unsigned old = x86_cpl(s), cpl;
	struct x86_stack st;
	struct x86_desc code;
	struct x86_seg cs, ss;
	uint64_t v[5];

	if (s->rflags & X86_FLAG_NT) {
		iret_task(s, next_rip);
		return;
	}
	x86_stack_now(s, &st);
	if (read_frame(s, &st, v, size, always ? 5 : 3))
		return;
	if (size == 4 && v[2] & X86_FLAG_VM && old == 0 && !x86_lma(s)) {
		iret_vm86(s, &st, v[0], v[1], v[2]);
		return;
	}
	if (x86_return_code(s, (uint16_t)v[1], &code))
		return;
	cpl = v[1] & 3;
	wide = x86_lma(s) && x86_desc_long(&code);
	stack = always || cpl != old;
	if (stack) {
		if (!always && read_frame(s, &st, v + 3, size, 2))
			return;
		if (outer_ss(s, &ss, (uint16_t)v[4], cpl, wide))
			return;
	}
	cs = x86_desc_seg(&code, (uint16_t)v[1]);
	if (wide ? !x86_canonical(s, v[0]) : v[0] > cs.limit) {
		refuse(s, 0);
		return;
	}
	if (x86_desc_access(s, &code))
		return;
	put_flags(s, v[2], flags_mask(s, old, size));
	s->seg[X86_CS] = cs;
	if (stack) {
		s->seg[X86_SS] = ss;
		st.mask = wide ? ~UINT64_C(0) : ss.attr & X86_SEG_DB ? UINT32_MAX : 0xffff;
		st.sp = v[3];
		if (cpl != old)
			x86_seg_outer(s, cpl);
	}
	x86_stack_set_sp(s, &st);
	x86_set_rip(s, v[0]);
	s->nmi_masked = 0;
	x86_resume(s);
}

void x86_leave_iret(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	unsigned size = X86_ARG_SIZE(x);

	if (x86_real_or_vm(s))
		iret_real(s, size);
	else
		iret_protected(s, size, x86_next_rip(s, X86_ARG_LEN(x)));
}
