// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Far jumps, calls and returns (SDM volume 2, JMP, CALL, RET; volume 3, 5.8): to code segments,
 * through call gates of 16, 32 and 64 bits, to tasks.
 */
#include "target/x86/far.h"

#include "target/x86/segment.h"
#include "util/bits.h"

static int refuse(struct x86_state *s, enum x86_vector v, uint16_t sel)
{
	x86_exception(s, v, true, sel & ~3u);
	return -1;
}

/* --- where it goes --- */

struct target {
	struct x86_desc code;
	uint16_t sel;
	uint64_t offset;
	unsigned cpl, size;	/* size: of what a call pushes */
	bool gate;
	unsigned params;
	struct x86_desc task;	/* of a TSS, where `is_task` */
	bool is_task;
};

static int check_offset(struct x86_state *s, const struct target *t)
{
	if (x86_lma(s) && x86_desc_long(&t->code) ?
		    !x86_canonical(s, t->offset) :
		    t->offset > x86_desc_seg(&t->code, t->sel).limit)
		return refuse(s, X86_GP, 0);
	return 0;
}

static int code_direct(struct x86_state *s, struct target *t)
{
	unsigned dpl = x86_desc_dpl(&t->code);

	t->cpl = x86_cpl(s);
	if (x86_desc_conforming(&t->code) ? dpl > t->cpl : (t->sel & 3u) > t->cpl || dpl != t->cpl)
		return refuse(s, X86_GP, t->sel);
	if (x86_lma(s) && x86_desc_long(&t->code) && x86_desc_big(&t->code))
		return refuse(s, X86_GP, t->sel);
	if (!x86_desc_present(&t->code))
		return refuse(s, X86_NP, t->sel);
	if (!(x86_lma(s) && x86_desc_long(&t->code)))
		t->offset = (uint32_t)t->offset;
	return 0;
}

static int code_by_gate(struct x86_state *s, struct target *t, const struct x86_desc *gate,
			bool call)
{
	unsigned cpl = x86_cpl(s), dpl;
	bool wide = x86_lma(s);

	t->gate = true;
	t->size = wide ? 8 : x86_desc_type(gate) == X86_SYS_CALL32 ? 4 : 2;
	t->sel = (uint16_t)(gate->lo >> 16);
	t->offset = gate->lo & 0xffff;
	if (t->size > 2)
		t->offset |= (gate->lo >> 32 & 0xffff0000) | gate->hi << 32;
	t->params = wide ? 0 : gate->lo >> 32 & 31;
	if (!(t->sel & ~3))
		return refuse(s, X86_GP, 0);
	if (x86_desc_read(s, &t->code, t->sel, false, X86_GP))
		return -1;
	dpl = x86_desc_dpl(&t->code);
	if (!x86_desc_code(&t->code) || dpl > cpl ||
	    (!call && !x86_desc_conforming(&t->code) && dpl != cpl) ||
	    (wide && (!x86_desc_long(&t->code) || x86_desc_big(&t->code))))
		return refuse(s, X86_GP, t->sel);
	if (!x86_desc_present(&t->code))
		return refuse(s, X86_NP, t->sel);
	t->cpl = x86_desc_conforming(&t->code) ? cpl : dpl;
	return 0;
}

static int task_target(struct x86_state *s, struct target *t)
{
	unsigned type = x86_desc_type(&t->code);
	uint16_t sel = t->sel;

	t->task = t->code;
	if (type == X86_SYS_TASK) {
		sel = (uint16_t)(t->code.lo >> 16);
		if (sel & 4 || !(sel & ~3))
			return refuse(s, X86_GP, sel);
		if (x86_desc_read(s, &t->task, sel, false, X86_GP))
			return -1;
		type = x86_desc_type(&t->task);
		if (!x86_desc_system(&t->task) || (type & 7) != X86_SYS_TSS16)
			return refuse(s, X86_GP, sel);
	}
	if (!x86_desc_present(&t->task))
		return refuse(s, X86_NP, sel);
	t->sel = sel;
	t->is_task = true;
	return 0;
}

/* What the selector names: code, or through a gate. */
static int resolve(struct x86_state *s, struct target *t, bool call)
{
	struct x86_desc gate;
	unsigned type, dpl;

	if (!(t->sel & ~3))
		return refuse(s, X86_GP, 0);
	if (x86_desc_read(s, &t->code, t->sel, false, X86_GP))
		return -1;
	if (x86_desc_code(&t->code))
		return code_direct(s, t);
	type = x86_desc_type(&t->code);
	dpl = x86_desc_dpl(&t->code);
	if (!x86_desc_system(&t->code) ||
	    (x86_lma(s) ? type != X86_SYS_CALL32 :
			  type != X86_SYS_TSS16 && type != X86_SYS_CALL16 &&
				  type != X86_SYS_TASK && type != X86_SYS_TSS32 &&
				  type != X86_SYS_CALL32))
		return refuse(s, X86_GP, t->sel);
	if (dpl < x86_cpl(s) || (t->sel & 3u) > dpl)
		return refuse(s, X86_GP, t->sel);
	if (type == X86_SYS_TASK) {
		if (!x86_desc_present(&t->code))
			return refuse(s, X86_NP, t->sel);
		return task_target(s, t);
	}
	if (type == X86_SYS_TSS16 || type == X86_SYS_TSS32)
		return t->sel & 4 ? refuse(s, X86_GP, t->sel) : task_target(s, t);
	if (x86_lma(s)) {
		if (x86_desc_read(s, &gate, t->sel, true, X86_GP))
			return -1;
		if (gate.hi >> 40 & 31)
			return refuse(s, X86_GP, t->sel);
	} else {
		gate = t->code;
	}
	if (!x86_desc_present(&gate))
		return refuse(s, X86_NP, t->sel);
	return code_by_gate(s, t, &gate, call);
}

static void enter(struct x86_state *s, const struct target *t)
{
	s->seg[X86_CS] = x86_desc_seg(&t->code, (uint16_t)((t->sel & ~3u) | t->cpl));
	x86_set_rip(s, t->offset);
	x86_resume(s);
}

/* --- jumps --- */

static void real_jump(struct x86_state *s, uint16_t sel, uint64_t offset)
{
	if (offset > s->seg[X86_CS].limit) {
		refuse(s, X86_GP, 0);
		return;
	}
	x86_seg_real(s, X86_CS, sel);
	x86_set_rip(s, offset);
	x86_resume(s);
}

void x86_leave_jmp_far(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	struct target t = { .sel = X86_ARG_SEL(x), .offset = a };

	if (x86_real_or_vm(s)) {
		real_jump(s, t.sel, a);
		return;
	}
	if (resolve(s, &t, false))
		return;
	if (t.is_task) {
		x86_task_switch(s, t.sel, &t.task, X86_TASK_JMP, x86_next_rip(s, X86_ARG_LEN(x)),
				false, 0);
		return;
	}
	if (check_offset(s, &t) || x86_desc_access(s, &t.code))
		return;
	enter(s, &t);
}

/* --- calls --- */

static void real_call(struct x86_state *s, uint64_t offset, uint64_t x)
{
	unsigned size = X86_ARG_SIZE(x);
	struct x86_stack st;

	x86_stack_now(s, &st);
	if (x86_push_value(s, &st, s->seg[X86_CS].selector, size) ||
	    x86_push_value(s, &st, x86_next_rip(s, X86_ARG_LEN(x)), size))
		return;
	if (offset > s->seg[X86_CS].limit) {
		refuse(s, X86_GP, 0);
		return;
	}
	x86_stack_set_sp(s, &st);
	real_jump(s, X86_ARG_SEL(x), offset);
}

/* The stack of an inner ring, with what the old one had as parameters. */
static int inner_stack(struct x86_state *s, const struct target *t, struct x86_stack *st)
{
	struct x86_stack old;
	uint16_t ss = 0;
	uint64_t v;

	st->view = x86_view_system(s);
	st->error = 0;
	if (t->size == 8) {
		st->ss = (struct x86_seg){ .selector = t->cpl,
					   .attr = (uint16_t)(t->cpl << X86_SEG_DPL_SHIFT) };
		st->mask = ~UINT64_C(0);
		if (x86_tss_stack(s, t->cpl, NULL, &st->sp))
			return -1;
	} else {
		if (x86_tss_stack(s, t->cpl, &ss, &st->sp) ||
		    x86_ss_check(s, &st->ss, ss, t->cpl, X86_TS))
			return -1;
		st->mask = st->ss.attr & X86_SEG_DB ? UINT32_MAX : 0xffff;
		st->error = ss & ~3u;
	}
	x86_stack_now(s, &old);
	if (x86_push_value(s, st, old.ss.selector, t->size) ||
	    x86_push_value(s, st, s->gpr[X86_RSP], t->size))
		return -1;
	old.sp += (uint64_t)t->params * t->size;
	for (unsigned i = 0; i < t->params; i++) {
		old.sp -= t->size;
		if (x86_pop_value(s, &old, &v, t->size) || x86_push_value(s, st, v, t->size))
			return -1;
		old.sp -= t->size;
	}
	return 0;
}

void x86_leave_call_far(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	struct target t = { .sel = X86_ARG_SEL(x), .offset = a, .size = X86_ARG_SIZE(x) };
	struct x86_stack st;
	bool inner;

	if (x86_real_or_vm(s)) {
		real_call(s, a, x);
		return;
	}
	if (resolve(s, &t, true))
		return;
	if (t.is_task) {
		x86_task_switch(s, t.sel, &t.task, X86_TASK_CALL,
				x86_next_rip(s, X86_ARG_LEN(x)), false, 0);
		return;
	}
	inner = t.cpl != x86_cpl(s);
	if (inner) {
		if (inner_stack(s, &t, &st))
			return;
	} else {
		x86_stack_now(s, &st);
	}
	if (x86_push_value(s, &st, s->seg[X86_CS].selector, t.size) ||
	    x86_push_value(s, &st, x86_next_rip(s, X86_ARG_LEN(x)), t.size))
		return;
	if (check_offset(s, &t) || x86_desc_access(s, &t.code))
		return;
	if (inner) {
		s->seg[X86_SS] = st.ss;
		s->gpr[X86_RSP] = st.sp;
	} else {
		x86_stack_set_sp(s, &st);
	}
	enter(s, &t);
}

/* --- returns --- */

int x86_return_code(struct x86_state *s, uint16_t sel, struct x86_desc *d)
{
	unsigned rpl = sel & 3, dpl;

	if (!(sel & ~3))
		return refuse(s, X86_GP, 0);
	if (x86_desc_read(s, d, sel, false, X86_GP))
		return -1;
	dpl = x86_desc_dpl(d);
	if (!x86_desc_code(d) || rpl < x86_cpl(s) ||
	    (x86_desc_conforming(d) ? dpl > rpl : dpl != rpl) ||
	    (x86_lma(s) && x86_desc_long(d) && x86_desc_big(d)))
		return refuse(s, X86_GP, sel);
	if (!x86_desc_present(d))
		return refuse(s, X86_NP, sel);
	return 0;
}

static void real_return(struct x86_state *s, uint64_t release, unsigned size)
{
	struct x86_stack st;
	uint64_t ip, cs;

	x86_stack_now(s, &st);
	if (x86_pop_value(s, &st, &ip, size) || x86_pop_value(s, &st, &cs, size))
		return;
	if (ip > s->seg[X86_CS].limit) {
		refuse(s, X86_GP, 0);
		return;
	}
	st.sp += release;
	x86_stack_set_sp(s, &st);
	real_jump(s, (uint16_t)cs, ip);
}

/* SS:SP of an outer ring, popped from st. */
static int outer_stack(struct x86_state *s, struct x86_stack *st, const struct x86_desc *code,
		       unsigned cpl, unsigned size, struct x86_stack *outer)
{
	bool wide = x86_lma(s) && x86_desc_long(code);
	uint64_t sp, ss;

	if (x86_pop_value(s, st, &sp, size) || x86_pop_value(s, st, &ss, size))
		return -1;
	ss &= 0xffff;
	if (!(ss & ~3u) && wide && cpl != 3 && (ss & 3) == cpl)
		outer->ss = (struct x86_seg){ .selector = (uint32_t)ss,
					      .attr = (uint16_t)(cpl << X86_SEG_DPL_SHIFT) };
	else if (x86_ss_check(s, &outer->ss, (uint16_t)ss, cpl, X86_GP))
		return -1;
	outer->mask = wide				    ? ~UINT64_C(0) :
		      outer->ss.attr & X86_SEG_DB ? UINT32_MAX :
							   0xffff;
	outer->sp = sp;
	return 0;
}

void x86_leave_ret_far(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	unsigned size = X86_ARG_SIZE(x), cpl;
	struct x86_stack st, outer;
	struct target t = { 0 };
	uint64_t cs;

	if (x86_real_or_vm(s)) {
		real_return(s, a, size);
		return;
	}
	x86_stack_now(s, &st);
	if (x86_pop_value(s, &st, &t.offset, size) || x86_pop_value(s, &st, &cs, size))
		return;
	t.sel = (uint16_t)cs;
	if (x86_return_code(s, t.sel, &t.code))
		return;
	cpl = t.cpl = t.sel & 3;
	st.sp += a;
	if (cpl != x86_cpl(s) && outer_stack(s, &st, &t.code, cpl, size, &outer))
		return;
	if (check_offset(s, &t) || x86_desc_access(s, &t.code))
		return;
	if (cpl == x86_cpl(s)) {
		x86_stack_set_sp(s, &st);
	} else {
		s->seg[X86_SS] = outer.ss;
		outer.sp += a;
		x86_stack_set_sp(s, &outer);
		x86_seg_outer(s, cpl);
	}
	enter(s, &t);
}
