// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Task switches (SDM volume 3, chapter 7): 16- and 32-bit task state segments, by JMP, CALL,
 * interrupts and IRET. Faults before the new task is current are the old one's; what is wrong
 * with its segments is found out when it is, and raised in it (7.3).
 */
#include "target/x86/control.h"
#include "target/x86/exception.h"
#include "target/x86/far.h"
#include "target/x86/segment.h"

/* Offsets in a TSS: 32-bit and 16-bit form. */
struct layout {
	uint8_t size, least;		/* of a register; smallest limit */
	uint8_t ip, flags, gpr, sreg, nr_sregs, ldt;
};
static const struct layout layout32 = { 4, 103, 32, 36, 40, 72, 6, 96 };
static const struct layout layout16 = { 2, 43, 14, 16, 18, 34, 4, 42 };
enum { TSS32_CR3 = 28, TSS32_TRAP = 100 };

struct task {
	uint64_t ip, flags, gpr[8], sreg[6], ldt, cr3, trap;
};

static int save(struct x86_state *s, uint64_t next_rip, uint64_t flags)
{
	const struct x86_seg *tr = &s->seg[X86_TR];
	const struct layout *l = tr->attr & 8 ? &layout32 : &layout16;
	uint64_t base = tr->base;

	if (x86_sys_write(s, base + l->ip, l->size, next_rip) ||
	    x86_sys_write(s, base + l->flags, l->size, flags))
		return -1;
	for (unsigned i = 0; i < 8; i++)
		if (x86_sys_write(s, base + l->gpr + i * l->size, l->size, s->gpr[i]))
			return -1;
	for (unsigned i = 0; i < l->nr_sregs; i++)
		if (x86_sys_write(s, base + l->sreg + i * l->size, 2, s->seg[i].selector))
			return -1;
	return 0;
}

static int load(struct x86_state *s, const struct x86_seg *tss, struct task *t)
{
	const struct layout *l = tss->attr & 8 ? &layout32 : &layout16;
	uint64_t base = tss->base;

	*t = (struct task){ 0 };
	if (x86_sys_read(s, base + l->ip, l->size, &t->ip) ||
	    x86_sys_read(s, base + l->flags, l->size, &t->flags) ||
	    x86_sys_read(s, base + l->ldt, 2, &t->ldt))
		return -1;
	for (unsigned i = 0; i < 8; i++) {
		if (x86_sys_read(s, base + l->gpr + i * l->size, l->size, &t->gpr[i]))
			return -1;
		if (l->size == 2)
			t->gpr[i] |= 0xffff0000;
	}
	for (unsigned i = 0; i < l->nr_sregs; i++)
		if (x86_sys_read(s, base + l->sreg + i * l->size, 2, &t->sreg[i]))
			return -1;
	if (l->size == 4 && (x86_sys_read(s, base + TSS32_CR3, 4, &t->cr3) ||
			     x86_sys_read(s, base + TSS32_TRAP, 2, &t->trap)))
		return -1;
	return 0;
}

static int set_busy(struct x86_state *s, const struct x86_desc *d, bool busy)
{
	uint64_t v = d->lo >> 40 & 0xfd;

	return x86_sys_write(s, d->addr + 5, 1, busy ? v | 2 : v);
}

static int raise_ts(struct x86_state *s, uint16_t sel)
{
	x86_exception(s, X86_TS, true, sel & ~3u);
	return -1;
}

static int load_ldt(struct x86_state *s, uint16_t sel)
{
	struct x86_desc d;

	s->seg[X86_LDT] = (struct x86_seg){ .selector = sel, .attr = X86_SYS_LDT };
	if (!(sel & ~3))
		return 0;
	if (sel & 4)
		return raise_ts(s, sel);
	if (x86_desc_read(s, &d, sel, false, X86_TS))
		return -1;
	if (!x86_desc_system(&d) || x86_desc_type(&d) != X86_SYS_LDT || !x86_desc_present(&d))
		return raise_ts(s, sel);
	s->seg[X86_LDT] = x86_desc_seg(&d, sel);
	return 0;
}

static int load_cs(struct x86_state *s, uint16_t sel, unsigned cpl)
{
	struct x86_desc d;
	unsigned dpl;

	if (!(sel & ~3))
		return raise_ts(s, sel);
	if (x86_desc_read(s, &d, sel, false, X86_TS))
		return -1;
	dpl = x86_desc_dpl(&d);
	if (!x86_desc_code(&d) || (x86_desc_conforming(&d) ? dpl > cpl : dpl != cpl))
		return raise_ts(s, sel);
	if (!x86_desc_present(&d)) {
		x86_exception(s, X86_NP, true, sel & ~3u);
		return -1;
	}
	if (x86_desc_access(s, &d))
		return -1;
	s->seg[X86_CS] = x86_desc_seg(&d, sel);
	return 0;
}

static int load_data(struct x86_state *s, unsigned sreg, uint16_t sel, unsigned cpl)
{
	struct x86_desc d;
	unsigned type, dpl;

	if (!(sel & ~3))
		return 0;
	if (x86_desc_read(s, &d, sel, false, X86_TS))
		return -1;
	type = x86_desc_type(&d);
	dpl = x86_desc_dpl(&d);
	if (x86_desc_system(&d) ||
	    (type & (X86_TYPE_CODE | X86_TYPE_READABLE)) == X86_TYPE_CODE ||
	    (!x86_desc_conforming(&d) && (dpl < cpl || dpl < (sel & 3u))))
		return raise_ts(s, sel);
	if (!x86_desc_present(&d)) {
		x86_exception(s, X86_NP, true, sel & ~3u);
		return -1;
	}
	if (x86_desc_access(s, &d))
		return -1;
	s->seg[sreg] = x86_desc_seg(&d, sel);
	return 0;
}

/* Selectors are there at once, what they name is checked one by one (table 7-1). */
static int load_segments(struct x86_state *s, const struct task *t)
{
	unsigned cpl = t->sreg[X86_CS] & 3;
	struct x86_seg ss;

	for (unsigned i = 0; i < 6; i++)
		s->seg[i] = (struct x86_seg){ .selector = (uint32_t)t->sreg[i] };
	s->seg[X86_SS].attr = (uint16_t)(cpl << X86_SEG_DPL_SHIFT);
	if (load_ldt(s, (uint16_t)t->ldt))
		return -1;
	if (s->rflags & X86_FLAG_VM) {
		for (unsigned i = 0; i < 6; i++)
			x86_seg_real(s, i, (uint16_t)t->sreg[i]);
		return 0;
	}
	if (load_cs(s, (uint16_t)t->sreg[X86_CS], cpl))
		return -1;
	x86_set_rip(s, t->ip);		/* CS has its base: what is wrong with others is told so */
	if (x86_ss_check(s, &ss, (uint16_t)t->sreg[X86_SS], cpl, X86_TS))
		return -1;
	s->seg[X86_SS] = ss;
	for (unsigned i = 0; i < 6; i++)
		if (i != X86_CS && i != X86_SS &&
		    load_data(s, i, (uint16_t)t->sreg[i], cpl))
			return -1;
	return 0;
}

int x86_task_switch(struct x86_state *s, uint16_t sel, struct x86_desc *d,
		    enum x86_task_how how, uint64_t next_rip, bool has_error, uint32_t error)
{
	struct x86_seg tss = x86_desc_seg(d, sel);
	const struct layout *l = tss.attr & 8 ? &layout32 : &layout16;
	uint64_t flags = x86_rflags_get(s);
	struct x86_desc old;
	struct x86_stack st;
	struct task t;

	if (tss.limit < l->least)
		return raise_ts(s, sel);
	if (how == X86_TASK_IRET)
		flags &= ~(uint64_t)X86_FLAG_NT;
	if (x86_desc_read(s, &old, (uint16_t)s->seg[X86_TR].selector, false, X86_TS) ||
	    load(s, &tss, &t) || save(s, next_rip, flags))
		return -1;
	if (how != X86_TASK_CALL && set_busy(s, &old, false))
		return -1;
	if (how == X86_TASK_CALL && x86_sys_write(s, tss.base, 2, s->seg[X86_TR].selector))
		return -1;
	if (how != X86_TASK_IRET && set_busy(s, d, true))
		return -1;

	/* from here on it is the new task */
	tss.attr |= 2;
	s->seg[X86_TR] = tss;
	s->cr0 |= X86_CR0_TS;
	s->dr7 &= ~UINT64_C(0x155);	/* local breakpoints */
	s->cc_op = X86_CC_RFLAGS;
	s->rflags = (t.flags & 0x3f7fd7) | 2;
	if (!(s->dr7 & 0xff))
		s->rflags &= ~(uint64_t)X86_FLAG_RF;	/* as IRET */
	if (how == X86_TASK_CALL)
		s->rflags |= X86_FLAG_NT;
	for (unsigned i = 0; i < 8; i++)
		s->gpr[i] = t.gpr[i];
	if (l->size == 4 && s->cr0 & X86_CR0_PG)
		x86_cr3_set(s, t.cr3);
	s->rip = t.ip;
	s->delivering = 0;		/* what is raised now is the new task's own */
	s->stepping = 0;
	/* an exception in between saves this as its place: CS has no base yet */
	s->seg[X86_CS].base = 0;
	s->seg[X86_CS].attr = 0;
	s->pc = (uint32_t)t.ip;
	if (load_segments(s, &t))
		return -1;
	x86_set_rip(s, t.ip);
	if (has_error) {
		x86_stack_now(s, &st);
		if (x86_push_value(s, &st, error, l->size))
			return -1;
		x86_stack_set_sp(s, &st);
	}
	if (s->rip > s->seg[X86_CS].limit) {
		x86_gp(s, 0);
		return -1;
	}
	if (t.trap & 1) {
		s->exc_pending = 1;
		s->exc_nr = X86_DB;
		s->exc_has_error = 0;
		s->exc_has_payload = 1;
		s->exc_payload = X86_DR6_BT;
		x86_leave_loop(s);
	}
	x86_resume(s);
	return 0;
}
