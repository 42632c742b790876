// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exceptions and interrupts: delivery through the IDT (SDM volume 3, chapter 6; volume 2, INT n).
 *
 * Everything that can fault is read and pushed before anything of the state changes. A fault
 * on the way calls x86_exception again, which finds the event in s->delivering, combines the two
 * (6.15, interrupt 8) and delivers the result; the first delivery then gives up. So -1 from
 * anything means that the state is already that of another handler.
 */
#include "target/x86/exception.h"

#include "target/x86/control.h"
#include "target/x86/segment.h"
#include "target/x86/smm.h"
#include "target/x86/tcg.h"
#include "util/log.h"

enum {				/* s->delivering */
	DELIVERING = 1 << 8,
	DELIVERING_HARD = 1 << 9,	/* no software interrupt: EXT is set in error codes */
	DELIVERING_EXCEPTION = 1 << 10,
};
enum { FLAGS_CLEARED = X86_FLAG_TF | X86_FLAG_NT | X86_FLAG_RF | X86_FLAG_VM };

struct event {
	uint8_t how, vector;	/* enum x86_event */
	bool has_error;
	uint32_t error;
	uint64_t rip;		/* to be pushed */
	uint64_t flags;
};

static void trace(struct x86_state *s, const struct event *e)
{
	static const char *const hows[] = { "exception", "software", "icebp", "external" };

	log_trace("int: cpu %u %s %02x error %x cs:rip %04x:%016lx ring %u ss:rsp %04x:%016lx "
		  "cr2 %lx flags %lx\n", cpu_env(s)->index, hows[e->how], e->vector,
		  e->has_error ? e->error : 0, s->seg[X86_CS].selector, (unsigned long)e->rip,
		  x86_cpl(s), s->seg[X86_SS].selector, (unsigned long)s->gpr[X86_RSP],
		  (unsigned long)s->cr2, (unsigned long)e->flags);
}

/* --- real mode (SDM volume 3, 20.1.4) --- */

static int deliver_real(struct x86_state *s, const struct event *e)
{
	struct x86_stack st;
	uint64_t entry;

	if (e->vector * 4u + 3 > s->idtr.limit) {
		x86_exception(s, X86_GP, true, e->vector * 8u + 2);
		return -1;
	}
	if (x86_sys_read(s, s->idtr.base + e->vector * 4u, 4, &entry))
		return -1;
	x86_stack_now(s, &st);
	if (x86_push_value(s, &st, e->flags, 2) ||
	    x86_push_value(s, &st, s->seg[X86_CS].selector, 2) ||
	    x86_push_value(s, &st, e->rip, 2))
		return -1;
	x86_stack_set_sp(s, &st);
	s->rflags &= ~(uint64_t)(X86_FLAG_TF | X86_FLAG_IF | X86_FLAG_RF | X86_FLAG_AC);
	x86_seg_real(s, X86_CS, (uint16_t)(entry >> 16));
	x86_set_rip(s, entry & 0xffff);
	return 0;
}

/* --- gates --- */

struct gate {
	struct x86_desc d;	/* of the IDT */
	unsigned type;
	uint64_t offset;
	struct x86_desc code;
	uint16_t sel;
	unsigned cpl;		/* of the handler */
};

static int gate_error(struct x86_state *s, enum x86_vector v, const struct event *e)
{
	x86_exception(s, v, true, e->vector * 8u + 2);
	return -1;
}

static int gate_read(struct x86_state *s, const struct event *e, struct gate *g, bool wide)
{
	unsigned size = wide ? 16 : 8;
	uint64_t at = s->idtr.base + e->vector * size;
	const uint64_t *p;

	if (e->vector * size + size - 1 > s->idtr.limit)
		return gate_error(s, X86_GP, e);
	p = cpu_env(s)->ops->mem_host(cpu_env(s), at, x86_view_system(s), ACCESS_READ, size);
	g->d.hi = 0;
	if (p) {
		g->d.lo = ld_64(p);
		g->d.hi = wide ? ld_64(p + 1) : 0;
	} else if (x86_sys_read(s, at, 8, &g->d.lo) ||
		   (wide && x86_sys_read(s, at + 8, 8, &g->d.hi))) {
		return -1;
	}
	g->type = x86_desc_type(&g->d);
	if (!x86_desc_system(&g->d) ||
	    ((g->type & 7) != 6 && (g->type & 7) != 7 && (g->type != X86_SYS_TASK || wide)) ||
	    (wide && g->type < X86_SYS_INT32))
		return gate_error(s, X86_GP, e);
	if (e->how == X86_EVENT_SOFT && x86_desc_dpl(&g->d) < x86_cpl(s))
		return gate_error(s, X86_GP, e);
	if (!x86_desc_present(&g->d))
		return gate_error(s, X86_NP, e);
	g->sel = (uint16_t)(g->d.lo >> 16);
	g->offset = (g->d.lo & 0xffff) | (g->d.lo >> 32 & 0xffff0000) | g->d.hi << 32;
	return 0;
}

static int selector_error(struct x86_state *s, enum x86_vector v, uint16_t sel)
{
	x86_exception(s, v, true, sel & ~3u);
	return -1;
}

/* The handler's code segment and privilege. */
static int gate_code(struct x86_state *s, struct gate *g, bool wide)
{
	unsigned cpl = x86_cpl(s), dpl;

	if (!(g->sel & ~3))
		return selector_error(s, X86_GP, 0);
	if (x86_desc_read(s, &g->code, g->sel, false, X86_GP))
		return -1;
	dpl = x86_desc_dpl(&g->code);
	if (!x86_desc_code(&g->code) || dpl > cpl)
		return selector_error(s, X86_GP, g->sel);
	if (wide && (!x86_desc_long(&g->code) || x86_desc_big(&g->code)))
		return selector_error(s, X86_GP, g->sel);
	if (!x86_desc_present(&g->code))
		return selector_error(s, X86_NP, g->sel);
	g->cpl = x86_desc_conforming(&g->code) ? cpl : dpl;
	if (s->rflags & X86_FLAG_VM && g->cpl != 0)
		return selector_error(s, X86_GP, g->sel);
	return x86_desc_access(s, &g->code);
}

static void enter(struct x86_state *s, const struct gate *g)
{
	s->rflags &= ~(uint64_t)FLAGS_CLEARED;
	if (!(g->type & 1))
		s->rflags &= ~(uint64_t)X86_FLAG_IF;
	s->seg[X86_CS] = x86_desc_seg(&g->code, (uint16_t)((g->sel & ~3u) | g->cpl));
	x86_set_rip(s, g->offset);
}

static unsigned stack_view(const struct x86_state *s, unsigned cpl)
{
	return cpl == 3 ? x86_view_now(s) : x86_view_system(s);
}

static int deliver_task(struct x86_state *s, const struct event *e, const struct gate *g)
{
	struct x86_desc d;

	if (g->sel & 4 || !(g->sel & ~3))
		return selector_error(s, X86_GP, g->sel);
	if (x86_desc_read(s, &d, g->sel, false, X86_GP))
		return -1;
	if (!x86_desc_system(&d) || (x86_desc_type(&d) & 7) != X86_SYS_TSS16)
		return selector_error(s, X86_GP, g->sel);
	if (!x86_desc_present(&d))
		return selector_error(s, X86_NP, g->sel);
	s->rflags |= e->flags & X86_FLAG_RF;	/* of a fault: saved with the old task's */
	return x86_task_switch(s, g->sel, &d, X86_TASK_CALL, e->rip, e->has_error, e->error);
}

/* 16- and 32-bit gates */
static int deliver_legacy(struct x86_state *s, const struct event *e)
{
	unsigned size, n = 0;
	uint64_t v[10];
	struct x86_stack st;
	struct gate g;
	uint16_t ss;

	if (gate_read(s, e, &g, false))
		return -1;
	if (g.type == X86_SYS_TASK)
		return deliver_task(s, e, &g);
	size = g.type & 8 ? 4 : 2;
	if (size == 2)
		g.offset &= 0xffff;
	if (gate_code(s, &g, false))
		return -1;
	if (g.cpl != x86_cpl(s)) {
		if (x86_tss_stack(s, g.cpl, &ss, &st.sp) ||
		    x86_ss_check(s, &st.ss, ss, g.cpl, X86_TS))
			return -1;
		st.mask = st.ss.attr & X86_SEG_DB ? UINT32_MAX : 0xffff;
		st.view = x86_view_system(s);
		st.error = ss & ~3u;
		if (s->rflags & X86_FLAG_VM) {
			v[n++] = s->seg[X86_GS].selector;
			v[n++] = s->seg[X86_FS].selector;
			v[n++] = s->seg[X86_DS].selector;
			v[n++] = s->seg[X86_ES].selector;
		}
		v[n++] = s->seg[X86_SS].selector;
		v[n++] = s->gpr[X86_RSP];
	} else {
		x86_stack_now(s, &st);
	}
	v[n++] = e->flags;
	v[n++] = s->seg[X86_CS].selector;
	v[n++] = e->rip;
	if (e->has_error)
		v[n++] = e->error;
	for (unsigned i = 0; i < n; i++)
		if (x86_push_value(s, &st, v[i], size))
			return -1;
	if (g.offset > x86_desc_seg(&g.code, g.sel).limit)
		return selector_error(s, X86_GP, 0);
	if (s->rflags & X86_FLAG_VM)
		for (unsigned i = X86_ES; i <= X86_GS; i++)
			if (i != X86_CS && i != X86_SS)
				s->seg[i] = (struct x86_seg){ 0 };
	if (g.cpl != x86_cpl(s)) {
		s->seg[X86_SS] = st.ss;
		/* the whole register: what the old stack's width left of it is not kept */
		s->gpr[X86_RSP] = st.ss.attr & X86_SEG_DB ? (uint32_t)st.sp : st.sp;
	} else {
		x86_stack_set_sp(s, &st);
	}
	enter(s, &g);
	return 0;
}

static int deliver_long(struct x86_state *s, const struct event *e)
{
	unsigned cpl = x86_cpl(s), ist, n = 0;
	uint64_t v[6], sp, at;
	struct gate g;

	if (gate_read(s, e, &g, true) || gate_code(s, &g, true))
		return -1;
	ist = g.d.lo >> 32 & 7;
	if (ist) {
		at = 0x1c + ist * 8u;
		if (at + 7 > s->seg[X86_TR].limit)
			return selector_error(s, X86_TS, (uint16_t)s->seg[X86_TR].selector);
		if (x86_sys_read(s, s->seg[X86_TR].base + at, 8, &sp))
			return -1;
	} else if (g.cpl != cpl) {
		if (x86_tss_stack(s, g.cpl, NULL, &sp))
			return -1;
	} else {
		sp = s->gpr[X86_RSP];
	}
	sp &= ~UINT64_C(15);
	v[n++] = s->seg[X86_SS].selector;
	v[n++] = s->gpr[X86_RSP];
	v[n++] = e->flags;
	v[n++] = s->seg[X86_CS].selector;
	v[n++] = e->rip;
	if (e->has_error)
		v[n++] = e->error;
	if (x86_push_frame(s, sp, stack_view(s, g.cpl), v, n))
		return -1;
	if (!x86_canonical(s, g.offset))
		return selector_error(s, X86_GP, 0);
	if (g.cpl != cpl)
		s->seg[X86_SS] = (struct x86_seg){
			.selector = g.cpl, .attr = (uint16_t)(g.cpl << X86_SEG_DPL_SHIFT),
		};
	s->gpr[X86_RSP] = sp - n * 8;
	enter(s, &g);
	return 0;
}

static void deliver(struct x86_state *s, struct event *e)
{
	int r;

	if (log_on(LOG_INT) && CPU_HEAD(s)->tcg && log_filter(s->pc))
		trace(s, e);
	s->delivering = (uint16_t)(DELIVERING | e->vector |
				   (e->how == X86_EVENT_SOFT ? 0 : DELIVERING_HARD) |
				   (e->how == X86_EVENT_EXCEPTION ? DELIVERING_EXCEPTION : 0));
	s->stepping = s->watch_hits = 0;
	if (!(s->cr0 & X86_CR0_PE))
		r = deliver_real(s, e);
	else if (x86_lma(s))
		r = deliver_long(s, e);
	else
		r = deliver_legacy(s, e);
	if (r)
		return;		/* another handler runs, and its delivery has ended all this */
	s->delivering = 0;
	s->int_shadow = 0;
	s->mp_state = 0;
	x86_mode_changed(s);
}

/* --- exceptions while an event is delivered (SDM volume 3, table 6-5) --- */

enum class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum class class_of(unsigned vector)
{
	switch (vector) {
	case X86_DE: case X86_TS: case X86_NP: case X86_SSF: case X86_GP:
		return CONTRIBUTORY;
	case X86_PF:
		return PAGE_FAULT;
	default:
		return BENIGN;
	}
}

static void shutdown(struct x86_state *s)
{
	s->delivering = 0;
	CPU_HEAD(s)->leave = LEAVE_SHUTDOWN;
}

/* false: the processor shuts down. */
static bool combine(const struct x86_state *s, struct event *e)
{
	unsigned old = s->delivering & 0xff;
	enum class first = s->delivering & DELIVERING_EXCEPTION ? class_of(old) : BENIGN;
	enum class second = class_of(e->vector);

	if (s->delivering & DELIVERING_EXCEPTION && old == X86_DF && second != BENIGN)
		return false;
	if ((first == CONTRIBUTORY && second == CONTRIBUTORY) ||
	    (first == PAGE_FAULT && second != BENIGN)) {
		e->vector = X86_DF;
		e->has_error = true;
		e->error = 0;
	} else if (s->delivering & DELIVERING_HARD && second == CONTRIBUTORY && e->has_error) {
		e->error |= 1;
	}
	return true;
}

void x86_exception(struct x86_state *s, enum x86_vector v, bool has_error, uint32_t error)
{
	struct event e = {
		.how = X86_EVENT_EXCEPTION, .vector = (uint8_t)v, .has_error = has_error,
		.error = error, .rip = x86_get_rip(s), .flags = x86_rflags_get(s),
	};

	x86_leave_loop(s);
	if (s->delivering && !combine(s, &e)) {
		shutdown(s);
		return;
	}
	if (v != X86_DB)
		e.flags |= X86_FLAG_RF;
	deliver(s, &e);
}

void x86_event(struct x86_state *s, enum x86_event how, unsigned vector, bool has_error,
	       uint32_t error, uint64_t next_rip)
{
	struct event e = {
		.how = (uint8_t)how, .vector = (uint8_t)vector, .has_error = has_error,
		.error = error, .rip = next_rip, .flags = x86_rflags_get(s),
	};

	deliver(s, &e);
}

/* --- between instructions --- */

/* Into DR6 goes what the exception is for (SDM volume 3, 17.2.3); some bits are 0 for "yes". */
void x86_debug_exception(struct x86_state *s, uint64_t why)
{
	const uint64_t low = 0xffff0ff0;

	s->dr6 = (s->dr6 & ~UINT64_C(15)) | low;
	s->dr6 |= why;
	s->dr6 ^= why & low;
	s->dr7 &= ~(uint64_t)(1 << 13);		/* GD */
	x86_exception(s, X86_DB, false, 0);
}

static void take_exception(struct x86_state *s)
{
	bool payload = s->exc_has_payload && s->exc_pending;

	s->exc_pending = s->exc_injected = s->exc_has_payload = 0;
	if (s->exc_nr == X86_PF && payload)
		s->cr2 = s->exc_payload;
	if (s->exc_nr == X86_DB && payload)
		x86_debug_exception(s, s->exc_payload);
	else if (s->exc_nr == X86_BP || s->exc_nr == X86_OF)
		x86_event(s, X86_EVENT_SOFT, s->exc_nr, false, 0, x86_get_rip(s));
	else
		x86_exception(s, s->exc_nr, s->exc_has_error, s->exc_error);
}

/* What a state brought along that came from elsewhere, and traps of the last instruction. */
static bool take_event(struct x86_state *s)
{
	if (s->exc_injected || (s->exc_pending && s->int_shadow != X86_SHADOW_MOV_SS)) {
		take_exception(s);
	} else if (s->nmi_injected) {
		s->nmi_injected = 0;
		s->nmi_masked = 1;
		x86_event(s, X86_EVENT_EXTERNAL, X86_NMI, false, 0, x86_get_rip(s));
	} else if (s->int_injected) {
		s->int_injected = 0;
		x86_event(s, s->int_soft ? X86_EVENT_SOFT : X86_EVENT_EXTERNAL, s->int_nr, false,
			  0, x86_get_rip(s));
	} else {
		return false;
	}
	return true;
}

/* HLT ends with an event, not with a look at who woke the processor. */
static bool still_halted(struct x86_state *s)
{
	if (s->mp_state != X86_MP_HALTED)
		return false;
	CPU_HEAD(s)->leave = LEAVE_HALT;
	return true;
}

bool x86_interrupt(void *state)
{
	struct x86_state *s = state;
	struct cpu_env *env = cpu_env(s);
	uint64_t lines = env->ops->lines(env);
	int vector;

	/* HLT was the instruction in STI's shadow; a KVM that interprets leaves the shadow there */
	if (unlikely(s->mp_state == X86_MP_HALTED))
		s->int_shadow = 0;
	if (unlikely(lines & 1 << X86_LINE_KICK))
		x86_kick_take(s);
	if ((s->exc_injected | s->exc_pending | s->nmi_injected | s->int_injected) &&
	    take_event(s))
		return true;
	if (!(lines & (1 << X86_LINE_INTR | 1 << X86_LINE_NMI | 1 << X86_LINE_SMI)) &&
	    !s->nmi_pending) {
		s->irq_waiting = 0;
		return still_halted(s);
	}
	if (lines & 1 << X86_LINE_SMI && !s->in_smm && !s->int_shadow) {
		env->ops->line_clear(env, X86_LINE_SMI);
		x86_smm_enter(s);
		return true;
	}
	if (lines & 1 << X86_LINE_NMI) {	/* an edge: one may wait while one is handled */
		env->ops->line_clear(env, X86_LINE_NMI);
		s->nmi_pending = 1;
	}
	if (s->nmi_pending && !s->nmi_masked && !s->int_shadow) {
		s->nmi_pending = 0;
		s->nmi_masked = 1;
		x86_event(s, X86_EVENT_EXTERNAL, X86_NMI, false, 0, x86_get_rip(s));
		return true;
	}
	s->irq_waiting = lines & 1 << X86_LINE_INTR;
	if (!s->irq_waiting || !(s->rflags & X86_FLAG_IF) || s->int_shadow)
		return still_halted(s);
	s->irq_waiting = 0;
	vector = env->ops->irq_ack(env);
	if (vector < 0)
		return still_halted(s);
	x86_event(s, X86_EVENT_EXTERNAL, (unsigned)vector, false, 0, x86_get_rip(s));
	return true;
}

bool x86_wake(void *state, uint64_t *lines)
{
	struct x86_state *s = state;
	struct cpu_env *env = cpu_env(s);

	*lines = 1 << X86_LINE_KICK | (s->nmi_masked ? 0 : 1 << X86_LINE_NMI) |
		 (s->in_smm ? 0 : 1 << X86_LINE_SMI) |
		 (s->rflags & X86_FLAG_IF ? 1 << X86_LINE_INTR : 0);
	return env->ops->lines(env) & *lines || s->exc_pending ||
	       (s->nmi_pending && !s->nmi_masked);
}
