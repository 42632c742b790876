// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Repeated string instructions (SDM volume 2, REP). What lies in RAM goes by host pointers, a
 * page at a time; everything else, and what crosses pages, element by element. Registers show
 * how far it has come before anything that can fault.
 */
#include "target/x86/string_io.h"

#include <string.h>

#include "target/x86/fpu.h"
#include "target/x86/helper.h"
#include "target/x86/segment.h"
#include "util/bits.h"

enum { BUDGET = 64 * 1024, SLOW_COST = 64 };	/* bytes until somebody else may want to run */

struct string {
	struct x86_state *s;
	struct cpu_env *env;
	unsigned kind, size, sreg, rep, view;
	uint64_t mask;			/* of addresses and the count */
	bool wide, down, debug, aligned;	/* aligned: #AC where it is not */
	int64_t budget;
};

static uint64_t reg(const struct string *t, unsigned r)
{
	return t->s->gpr[r] & t->mask;
}

static void reg_put(const struct string *t, unsigned r, uint64_t v)
{
	uint64_t keep = t->mask == 0xffff ? ~t->mask : 0;	/* 32 bits clear the upper half */

	t->s->gpr[r] = (t->s->gpr[r] & keep) | (v & t->mask);
}

static bool counts(const struct string *t) { return t->rep != X86_REP_NONE; }
static uint64_t count(const struct string *t) { return counts(t) ? reg(t, X86_RCX) : 1; }

/* n elements are done. */
static void advance(struct string *t, uint64_t n)
{
	uint64_t by = t->down ? -(n * t->size) : n * t->size;

	if (t->kind == X86_MOVS || t->kind == X86_LODS || t->kind == X86_CMPS ||
	    t->kind == X86_OUTS)
		reg_put(t, X86_RSI, t->s->gpr[X86_RSI] + by);
	if (t->kind != X86_LODS && t->kind != X86_OUTS)
		reg_put(t, X86_RDI, t->s->gpr[X86_RDI] + by);
	if (counts(t))
		reg_put(t, X86_RCX, t->s->gpr[X86_RCX] - n);
}

/* --- one element --- */

static int linear(struct string *t, bool source, bool write, uint64_t *lin)
{
	unsigned sreg = source ? t->sreg : X86_ES;
	uint64_t off = reg(t, source ? X86_RSI : X86_RDI);

	if (t->wide) {
		*lin = off + (sreg == X86_FS || sreg == X86_GS ? t->s->seg[sreg].base : 0);
	} else if (x86_seg_check(t->s, sreg, off, t->size, write, lin)) {
		return -1;
	}
	if (t->debug)
		x86_help_watch(t->s, *lin, t->size | (uint64_t)write << 8);
	if (t->aligned && *lin & (t->size - 1)) {
		x86_exception(t->s, X86_AC, true, 0);
		return -1;
	}
	return 0;
}

static int load(struct string *t, bool source, uint64_t *v)
{
	uint64_t lin;

	return linear(t, source, false, &lin) || x86_mem_read(t->s, lin, t->size, v) ? -1 : 0;
}

static int store(struct string *t, uint64_t v)
{
	uint64_t lin;

	return linear(t, false, true, &lin) || x86_mem_write(t->s, lin, t->size, v) ? -1 : 0;
}

static void acc_put(struct string *t, uint64_t v)
{
	uint64_t *a = &t->s->gpr[X86_RAX];

	switch (t->size) {
	case 1:
		*a = (*a & ~UINT64_C(0xff)) | (v & 0xff);
		break;
	case 2:
		*a = (*a & ~UINT64_C(0xffff)) | (v & 0xffff);
		break;
	case 4:
		*a = (uint32_t)v;
		break;
	default:
		*a = v;
	}
}

static void compare(struct string *t, uint64_t a, uint64_t x)
{
	t->s->cc_op = (uint8_t)(X86_CC_CMP + (unsigned)__builtin_ctz(t->size));
	t->s->cc[0] = a;
	t->s->cc[1] = x;
}

static bool equal(const struct string *t, uint64_t a, uint64_t x)
{
	return !((a ^ x) << (64 - 8 * t->size));
}

/* 1: goes on; 0: a comparison ends it; -1: exception */
static int element(struct string *t)
{
	struct x86_state *s = t->s;
	uint64_t v = s->gpr[X86_RAX], x = 0;
	uint32_t port = 0;

	t->budget -= SLOW_COST;
	switch (t->kind) {
	case X86_MOVS:
		if (load(t, true, &v) || store(t, v))
			return -1;
		break;
	case X86_STOS:
		if (store(t, v))
			return -1;
		break;
	case X86_LODS:
		if (load(t, true, &v))
			return -1;
		acc_put(t, v);
		break;
	case X86_CMPS:
		if (load(t, true, &v))
			return -1;
		/* fall through */
	case X86_SCAS:
		if (load(t, false, &x))
			return -1;
		compare(t, v, x);
		advance(t, 1);
		return equal(t, v, x) == (t->rep == X86_REP_E);
	case X86_INS: {
		uint64_t lin;

		if (linear(t, false, true, &lin))
			return -1;
		/* a read may have consequences: the pages first */
		if (x86_bulk_check(s, lin, t->size))
			return -1;
		t->env->ops->pio(t->env, (uint16_t)s->gpr[X86_RDX], t->size, false, &port);
		if (x86_mem_write(s, lin, t->size, port))
			return -1;
		break;
	}
	default:
		if (load(t, true, &v))
			return -1;
		port = (uint32_t)v;
		t->env->ops->pio(t->env, (uint16_t)s->gpr[X86_RDX], t->size, true, &port);
	}
	advance(t, 1);
	return 1;
}

/* --- many --- */

/*
 * Host memory of n elements from where a register points, where they lie in one page and
 * segment; fewer: *n becomes that. NULL: one by one.
 */
static uint8_t *window(struct string *t, bool source, bool write, uint64_t *n)
{
	unsigned sreg = source ? t->sreg : X86_ES;
	const struct x86_seg *g = &t->s->seg[sreg];
	uint64_t off = reg(t, source ? X86_RSI : X86_RDI), lin, room, start;
	uint8_t *p;

	lin = off;
	if (!t->wide || sreg == X86_FS || sreg == X86_GS)
		lin += g->base;
	if (!t->wide)
		lin = (uint32_t)lin;
	room = t->down ? (lin & 0xfff) + t->size : 0x1000 - (lin & 0xfff);
	if (room > 0x1000 && (lin & 0xfff) + t->size > 0x1000)
		return NULL;
	if (!t->down && t->mask - off < room - 1)	/* the address wraps */
		room = t->mask - off + 1;
	if (t->down && off + t->size < room)
		room = off + t->size;
	*n = MIN(*n, room / t->size);
	if (!*n)
		return NULL;
	start = t->down ? (*n - 1) * t->size : 0;
	if (!t->wide && (!(g->attr & X86_SEG_P) ||
			 !x86_seg_inside(g, off - start, (unsigned)(*n * t->size)) ||
			 (t->s->cr0 & X86_CR0_PE && !(t->s->rflags & X86_FLAG_VM) &&
			  (g->attr & (X86_TYPE_CODE | X86_TYPE_WRITABLE)) != X86_TYPE_WRITABLE)))
		return NULL;	/* rights: the slow way knows */
	p = t->env->ops->mem_host(t->env, lin - start, t->view, write ? ACCESS_WRITE : ACCESS_READ,
				  (unsigned)(*n * t->size));
	return p ? p + start : NULL;
}

/* Element by element, ascending: what overlaps repeats. */
static void copy_up(uint8_t *d, const uint8_t *s, uint64_t bytes, unsigned size)
{
	uint64_t gap = (uint64_t)(d - s), run;

	if (d <= s || gap >= bytes) {
		memmove(d, s, bytes);
		return;
	}
	run = gap >= size ? gap - gap % size : size;
	for (; bytes; bytes -= run, d += run, s += run) {
		run = MIN(run, bytes);
		memmove(d, s, run);
	}
}

static void copy_down(uint8_t *d, const uint8_t *s, uint64_t n, unsigned size)
{
	uint64_t v = 0;

	for (; n; n--, d -= size, s -= size) {
		memcpy(&v, s, size);
		memcpy(d, &v, size);
	}
}

static void fill(uint8_t *d, uint64_t v, uint64_t n, unsigned size)
{
	uint64_t same = (v & 0xff) * UINT64_C(0x0101010101010101), k;

	if (!((v ^ same) << (64 - 8 * size))) {
		memset(d, (int)(v & 0xff), n * size);
		return;
	}
	for (k = 0; k < n; k++)
		memcpy(d + k * size, &v, size);
}

/* Comparisons: how many elements are done; *end: the last one ended it. */
static uint64_t search(struct string *t, const uint8_t *a, const uint8_t *x, uint64_t n, bool *end)
{
	int64_t step = t->down ? -(int64_t)t->size : t->size;
	uint64_t k, va = t->s->gpr[X86_RAX], vx = 0;

	*end = false;
	for (k = 0; k < n && !*end; k++, x += step) {
		if (a) {
			va = 0;
			memcpy(&va, a, t->size);
			a += step;
		}
		memcpy(&vx, x, t->size);
		*end = equal(t, va, vx) != (t->rep == X86_REP_E);
	}
	compare(t, va, vx);
	return k;
}

/* 1: something was done; 0: it has to go one by one; 2: a comparison ended it */
static int many(struct string *t)
{
	uint64_t n = MIN(count(t), 0x1000 / t->size);
	uint8_t *d = NULL, *a = NULL;
	bool end = false;

	if (t->debug || t->aligned || !n)
		return 0;
	/* what is left in the nearer of the two pages bounds them */
	if (t->kind == X86_MOVS || t->kind == X86_CMPS) {
		a = window(t, true, false, &n);
		if (!a)
			return 0;
	}
	d = window(t, false, t->kind != X86_CMPS && t->kind != X86_SCAS, &n);
	if (!d)
		return 0;
	switch (t->kind) {
	case X86_MOVS:
		if (t->down)
			copy_down(d, a, n, t->size);
		else
			copy_up(d, a, n * t->size, t->size);
		break;
	case X86_STOS:
		fill(t->down ? d - (n - 1) * t->size : d, t->s->gpr[X86_RAX], n, t->size);
		break;
	default:
		n = search(t, a, d, n, &end);
	}
	t->budget -= (int64_t)(n * t->size) + SLOW_COST;
	advance(t, n);
	return end ? 2 : 1;
}

uint64_t x86_help_string(void *state, uint64_t how, uint64_t unused)
{
	struct x86_state *s = state;
	unsigned adsize = how >> 8 & 15;
	struct string t = {
		.s = s, .env = cpu_env(s), .kind = how & 15, .size = how >> 4 & 15,
		.sreg = how >> 12 & 15, .rep = how >> 16 & 3, .view = x86_view_now(s),
		.mask = adsize == 8 ? UINT64_MAX : adsize == 4 ? UINT32_MAX : 0xffff,
		.wide = x86_code64(s), .down = s->rflags & X86_FLAG_DF,
		.debug = s->dr7 & 0xff, .budget = BUDGET,
		.aligned = x86_cpl(s) == 3 && s->cr0 & X86_CR0_AM && s->rflags & X86_FLAG_AC,
	};
	bool bulk = (t.kind == X86_MOVS || t.kind == X86_STOS || t.kind == X86_CMPS ||
		     t.kind == X86_SCAS) && !s->stepping;
	int r;

	if (s->stepping || t.debug)	/* each round has a trap of its own */
		t.budget = -1;
	/* the check comes also where there is no element */
	if ((t.kind == X86_INS || t.kind == X86_OUTS) &&
	    x86_io_check(s, (uint16_t)s->gpr[X86_RDX], t.size))
		return 0;
	while (count(&t)) {
		r = bulk ? many(&t) : 0;
		if (!r) {
			r = element(&t);
			if (r < 0)
				return 0;
			if (!r)
				break;
		}
		if (r == 2 || !counts(&t))
			break;
		if (t.budget < 0 ||
		    atomic_load_explicit(&CPU_HEAD(s)->poll, memory_order_relaxed)) {
			if (count(&t))
				x86_leave_loop(s);
			break;
		}
	}
	return 0;
}
