// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Segment registers: descriptors and their checks (SDM volume 3, chapters 3 and 5; volume 2,
 * MOV), limits of accesses, the stacks of privilege transfers.
 */
#include "target/x86/segment.h"

#include "util/bits.h"

/* --- descriptors --- */

int x86_desc_peek(struct x86_state *s, struct x86_desc *d, uint16_t sel, bool wide)
{
	uint64_t base = s->gdtr.base, limit = s->gdtr.limit;
	unsigned at = sel & ~7u;
	const uint8_t *p;

	if (sel & 4) {
		base = s->seg[X86_LDT].base;
		limit = s->seg[X86_LDT].limit;
		if (!(s->seg[X86_LDT].attr & X86_SEG_P))
			return 1;
	}
	if (at + (wide ? 15u : 7u) > limit)
		return 1;
	d->addr = base + at;
	d->hi = 0;
	if (!x86_lma(s))
		d->addr = (uint32_t)d->addr;
	p = cpu_env(s)->ops->mem_host(cpu_env(s), d->addr, x86_view_system(s), ACCESS_READ,
				      wide ? 16 : 8);
	if (p) {
		d->lo = ld_le64(p);
		d->hi = wide ? ld_le64(p + 8) : 0;
		return 0;
	}
	if (x86_sys_read(s, d->addr, 8, &d->lo))
		return -1;
	return wide ? x86_sys_read(s, d->addr + 8, 8, &d->hi) : 0;
}

int x86_desc_read(struct x86_state *s, struct x86_desc *d, uint16_t sel, bool wide,
		  enum x86_vector v)
{
	int r = x86_desc_peek(s, d, sel, wide);

	if (r > 0) {
		x86_exception(s, v, true, sel & ~3u);
		return -1;
	}
	return r;
}

struct x86_seg x86_desc_seg(const struct x86_desc *d, uint16_t sel)
{
	uint32_t low = (uint32_t)d->lo, high = (uint32_t)(d->lo >> 32);
	struct x86_seg g = { .selector = sel, .attr = x86_desc_attr(d) };

	g.base = low >> 16 | (high & 0xff) << 16 | (high & 0xff000000) | d->hi << 32;
	g.limit = (low & 0xffff) | (high & 0xf0000);
	if (g.attr & X86_SEG_G)
		g.limit = g.limit << 12 | 0xfff;
	return g;
}

int x86_desc_access(struct x86_state *s, struct x86_desc *d)
{
	if (x86_desc_system(d) || d->lo >> 40 & X86_TYPE_ACCESSED)
		return 0;
	d->lo |= UINT64_C(1) << 40;
	return x86_sys_write(s, d->addr + 5, 1, d->lo >> 40 & 0xff);
}

/* --- loading --- */

static int refuse(struct x86_state *s, enum x86_vector v, uint16_t sel)
{
	x86_exception(s, v, true, sel & ~3u);
	return -1;
}

void x86_seg_real(struct x86_state *s, unsigned sreg, uint16_t sel)
{
	struct x86_seg *g = &s->seg[sreg];

	g->selector = sel;
	g->base = (uint64_t)sel << 4;
	g->read_top = g->write_top = 0;
	/*
	 * Real mode leaves limit and rights as they are ("unreal" mode rests on it), but a far
	 * jump makes CS usable as real mode wants it.
	 */
	if (s->rflags & X86_FLAG_VM) {
		g->limit = 0xffff;
		g->attr = X86_SEG_P | X86_SEG_DPL | X86_SEG_S | 3;
	} else if (sreg == X86_CS) {
		g->attr = (uint16_t)((g->attr & (X86_SEG_DB | X86_SEG_G)) | X86_SEG_P |
				     X86_SEG_S | 3);
	}
}

int x86_ss_check(struct x86_state *s, struct x86_seg *out, uint16_t sel, unsigned cpl,
		 enum x86_vector v)
{
	struct x86_desc d;

	if (!(sel & ~3))
		return refuse(s, v, 0);
	if (x86_desc_read(s, &d, sel, false, v))
		return -1;
	if ((sel & 3u) != cpl || x86_desc_dpl(&d) != cpl || x86_desc_system(&d) ||
	    x86_desc_type(&d) & X86_TYPE_CODE || !(x86_desc_type(&d) & X86_TYPE_WRITABLE))
		return refuse(s, v, sel);
	if (!x86_desc_present(&d))
		return refuse(s, X86_SSF, sel);
	if (x86_desc_access(s, &d))
		return -1;
	*out = x86_desc_seg(&d, sel);
	return 0;
}

static int load_ss(struct x86_state *s, uint16_t sel)
{
	unsigned cpl = x86_cpl(s);
	struct x86_seg g;

	if (!(sel & ~3)) {	/* allowed in 64-bit mode's inner rings, with their number */
		if (!x86_code64(s) || cpl == 3 || (sel & 3u) != cpl)
			return refuse(s, X86_GP, 0);
		s->seg[X86_SS] = (struct x86_seg){
			.selector = sel, .attr = (uint16_t)(cpl << X86_SEG_DPL_SHIFT),
		};
		return 0;
	}
	if (x86_ss_check(s, &g, sel, cpl, X86_GP))
		return -1;
	s->seg[X86_SS] = g;
	return 0;
}

static int load_data(struct x86_state *s, unsigned sreg, uint16_t sel)
{
	struct x86_desc d;
	unsigned type, dpl;

	if (!(sel & ~3)) {
		s->seg[sreg] = (struct x86_seg){ .selector = sel };
		return 0;
	}
	if (x86_desc_read(s, &d, sel, false, X86_GP))
		return -1;
	type = x86_desc_type(&d);
	dpl = x86_desc_dpl(&d);
	if (x86_desc_system(&d) ||
	    (type & (X86_TYPE_CODE | X86_TYPE_READABLE)) == X86_TYPE_CODE)
		return refuse(s, X86_GP, sel);
	if ((type & (X86_TYPE_CODE | X86_TYPE_CONFORMING)) !=
		    (X86_TYPE_CODE | X86_TYPE_CONFORMING) &&
	    ((sel & 3u) > dpl || x86_cpl(s) > dpl))
		return refuse(s, X86_GP, sel);
	if (!x86_desc_present(&d))
		return refuse(s, X86_NP, sel);
	if (x86_desc_access(s, &d))
		return -1;
	s->seg[sreg] = x86_desc_seg(&d, sel);
	return 0;
}

int x86_seg_load(struct x86_state *s, unsigned sreg, uint16_t sel)
{
	if (x86_real_or_vm(s)) {
		x86_seg_real(s, sreg, sel);
		return 0;
	}
	return sreg == X86_SS ? load_ss(s, sel) : load_data(s, sreg, sel);
}

void x86_seg_outer(struct x86_state *s, unsigned cpl)
{
	static const uint8_t data[] = { X86_ES, X86_DS, X86_FS, X86_GS };

	for (unsigned i = 0; i < sizeof(data); i++) {
		struct x86_seg *g = &s->seg[data[i]];
		bool conforming = (g->attr & (X86_TYPE_CODE | X86_TYPE_CONFORMING)) ==
				  (X86_TYPE_CODE | X86_TYPE_CONFORMING);

		if (g->attr & X86_SEG_P && !conforming && x86_seg_dpl(g) < cpl)
			*g = (struct x86_seg){ 0 };
	}
}

/* --- accesses --- */

bool x86_seg_inside(const struct x86_seg *g, uint64_t off, unsigned size)
{
	uint64_t last = off + size - 1;

	if ((g->attr & (X86_SEG_S | X86_TYPE_CODE | X86_TYPE_DOWN)) ==
	    (X86_SEG_S | X86_TYPE_DOWN))
		return off > g->limit && last <= (g->attr & X86_SEG_DB ? UINT32_MAX : 0xffff);
	return last <= g->limit;
}

static bool allowed(const struct x86_state *s, const struct x86_seg *g, bool write)
{
	if (x86_real_or_vm(s))
		return true;
	if (!(g->attr & X86_SEG_P))
		return false;
	if (g->attr & X86_TYPE_CODE)
		return !write && g->attr & X86_TYPE_READABLE;
	return !write || g->attr & X86_TYPE_WRITABLE;
}

/* For accesses to come: only segments that grow upwards have one limit. */
static void remember(const struct x86_state *s, struct x86_seg *g)
{
	bool down = (g->attr & (X86_SEG_S | X86_TYPE_CODE | X86_TYPE_DOWN)) ==
		    (X86_SEG_S | X86_TYPE_DOWN);
	uint64_t top = down ? 0 : g->limit + UINT64_C(1);

	g->read_top = allowed(s, g, false) ? top : 0;
	g->write_top = allowed(s, g, true) ? top : 0;
}

bool x86_seg_writable(const struct x86_state *s, unsigned sreg)
{
	return x86_code64(s) || allowed(s, &s->seg[sreg], true);
}

void x86_seg_forget(struct x86_state *s)
{
	for (unsigned i = 0; i < X86_NR_SEGS; i++)
		s->seg[i].read_top = s->seg[i].write_top = 0;
}

int x86_seg_check(struct x86_state *s, unsigned sreg, uint64_t off, unsigned size, bool write,
		  uint64_t *lin)
{
	struct x86_seg *g = &s->seg[sreg];
	enum x86_vector v = sreg == X86_SS ? X86_SSF : X86_GP;

	if (x86_code64(s)) {
		*lin = off + (sreg == X86_FS || sreg == X86_GS ? g->base : 0);
		if (x86_canonical(s, *lin) && x86_canonical(s, *lin + size - 1))
			return 0;
	} else {
		*lin = (uint32_t)(g->base + off);
		if (!allowed(s, g, write)) {
			v = X86_GP;
		} else if (x86_seg_inside(g, off, size)) {
			remember(s, g);
			return 0;
		}
	}
	x86_exception(s, v, true, 0);
	return -1;
}

/* --- stacks --- */

void x86_stack_now(struct x86_state *s, struct x86_stack *st)
{
	st->ss = s->seg[X86_SS];
	st->sp = s->gpr[X86_RSP];
	st->mask = x86_code64(s)               ? ~UINT64_C(0) :
		   st->ss.attr & X86_SEG_DB ? UINT32_MAX :
						0xffff;
	st->view = x86_view_now(s);
	st->error = 0;
}

static int stack_linear(struct x86_state *s, const struct x86_stack *st, uint64_t off,
			unsigned size, uint64_t *lin)
{
	if (st->mask == ~UINT64_C(0)) {
		*lin = off;
		if (x86_canonical(s, off) && x86_canonical(s, off + size - 1))
			return 0;
	} else {
		*lin = (uint32_t)(st->ss.base + off);
		if (x86_seg_inside(&st->ss, off, size))
			return 0;
	}
	x86_exception(s, X86_SSF, true, st->error);
	return -1;
}

int x86_push_value(struct x86_state *s, struct x86_stack *st, uint64_t v, unsigned size)
{
	uint64_t off = (st->sp - size) & st->mask, lin;

	if (stack_linear(s, st, off, size, &lin))
		return -1;
	v &= mask_bits(size * 8);
	if (cpu_env(s)->ops->mem(cpu_env(s), lin, st->view, size, true, &v))
		return -1;
	st->sp = (st->sp & ~st->mask) | off;
	return 0;
}

int x86_pop_value(struct x86_state *s, struct x86_stack *st, uint64_t *v, unsigned size)
{
	uint64_t off = st->sp & st->mask, lin;

	if (stack_linear(s, st, off, size, &lin))
		return -1;
	if (cpu_env(s)->ops->mem(cpu_env(s), lin, st->view, size, false, v))
		return -1;
	*v &= mask_bits(size * 8);
	st->sp = (st->sp & ~st->mask) | ((off + size) & st->mask);
	return 0;
}

int x86_push_frame(struct x86_state *s, uint64_t sp, unsigned view, const uint64_t *v,
		   unsigned n)
{
	struct cpu_env *env = cpu_env(s);
	uint64_t low = sp - n * 8;
	uint8_t *p;

	if (!x86_canonical(s, low) || !x86_canonical(s, sp - 1)) {
		x86_exception(s, X86_SSF, true, 0);
		return -1;
	}
	p = (low & 0xfff) + n * 8 <= 4096 ?
		    env->ops->mem_host(env, low, view, ACCESS_WRITE, n * 8) : NULL;
	for (unsigned i = 0; i < n; i++) {
		uint64_t val = v[i];

		if (p)
			st_le64(p + (n - 1 - i) * 8, val);
		else if (env->ops->mem(env, sp - (i + 1) * 8, view, 8, true, &val))
			return -1;
	}
	return 0;
}

void x86_stack_set_sp(struct x86_state *s, const struct x86_stack *st)
{
	uint64_t *rsp = &s->gpr[X86_RSP];

	*rsp = st->mask == 0xffff ? (*rsp & ~UINT64_C(0xffff)) | (st->sp & 0xffff) :
				    st->sp & st->mask;
}

int x86_tss_stack(struct x86_state *s, unsigned cpl, uint16_t *ss, uint64_t *sp)
{
	const struct x86_seg *tr = &s->seg[X86_TR];
	unsigned at, size, type = tr->attr & X86_SEG_TYPE;
	uint64_t v;

	if (!ss) {		/* 64-bit */
		at = 4 + cpl * 8;
		size = 8;
	} else if (type & 8) {
		at = 4 + cpl * 8;
		size = 4;
	} else {
		at = 2 + cpl * 4;
		size = 2;
	}
	if (at + size + (ss ? 2 : 0) - 1 > tr->limit)
		return refuse(s, X86_TS, (uint16_t)tr->selector);
	if (x86_sys_read(s, tr->base + at, size, sp))
		return -1;
	if (!ss)
		return 0;
	if (x86_sys_read(s, tr->base + at + size, 2, &v))
		return -1;
	*ss = (uint16_t)v;
	return 0;
}
