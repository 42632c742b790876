// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/insn_x86/gen.h"

#include "util/bits.h"

#include <stdio.h>
#include <stdlib.h>

const char *const xs_class_name[XS_NR_CLASSES] = { "int", "x87", "sse", "avx", "near", "bytes" };

void gen_begin(struct gen *g, const struct xs_row *row)
{
	g->c->insn[g->c->nr_insns] = (struct xs_insn){
		.at = (uint16_t)g->n, .undef = g->undef, .row = row
	};
}

void gen_bytes(struct gen *g, const void *p, unsigned n)
{
	memcpy(g->c->code + g->n, p, n);
	g->n += n;
}

void gen_end(struct gen *g, unsigned writes, unsigned undef)
{
	struct xs_insn *i = &g->c->insn[g->c->nr_insns++];

	i->len = (uint16_t)(g->n - i->at);
	i->writes = (uint16_t)writes;
	i->makes = (uint16_t)undef;
	g->undef = (uint16_t)((g->undef & ~writes) | undef);
}

void gen_glue(struct gen *g, const void *p, unsigned n, unsigned writes)
{
	gen_begin(g, NULL);
	gen_bytes(g, p, n);
	gen_end(g, writes, 0);
}

/* CMP gives all arithmetic flags a meaning again. */
void gen_fix_flags(struct gen *g, unsigned wanted)
{
	if (g->undef & wanted)
		GEN_BYTES(g, ARITH, 0x83, (uint8_t)(0xf8 | rng_below(&g->r, 8)),
			  (uint8_t)rng_next(&g->r));
}

void gen_mov_imm(struct gen *g, unsigned reg, uint64_t v)
{
	uint8_t b[10];
	unsigned n = 0;

	if (g->c->wide && (v >> 32 || reg >= 8))
		b[n++] = (uint8_t)(0x40 | (v >> 32 ? 8 : 0) | (reg >= 8));
	b[n++] = (uint8_t)(0xb8 | (reg & 7));
	memcpy(b + n, &v, 8);
	gen_glue(g, b, n + (v >> 32 ? 8 : 4), 0);
}

/* Where in the data: mostly well inside and aligned, sometimes over an edge. */
unsigned gen_offset(struct gen *g, unsigned size, bool aligned)
{
	unsigned off = rng_below(&g->r, XS_DATA_RW - 128);

	switch (rng_below(&g->r, 64)) {
	case 0: return XS_DATA_RW + rng_below(&g->r, 0x1000 - 128); /* read-only */
	case 1: return XS_DATA_SIZE - rng_below(&g->r, size + 1);   /* unmapped */
	case 2: return XS_DATA_RW - rng_below(&g->r, size + 1);
	case 3:
	case 4:
	case 5:
	case 6:
		off = 0x1000 - rng_below(&g->r, size + 1); /* two pages */
		return aligned && !rng_one_in(&g->r, 8) ? off & ~15u : off;
	}
	if (aligned ? rng_one_in(&g->r, 40) : rng_one_in(&g->r, 3))
		return off;
	size = size & (size - 1) ? 16 : size ? size : 1;
	return off & ~(size - 1);
}

static int draw_base(struct gen *g)
{
	int b;

	do
		b = (int)rng_below(&g->r, g->c->wide ? 16 : 8);
	while (!(g->bases >> b & 1));
	return b;
}

void gen_mem(struct gen *g, struct enc *e, unsigned size, bool aligned)
{
	unsigned off = gen_offset(g, size, aligned);
	int b;

	e->is_mem = true;
	e->index = NO_REG;
	e->scale = 0;
	e->target = XS_DATA + off;
	if (e->row->f & F_VSIB) {
		e->base = draw_base(g);
		e->index = rng_one_in(&g->r, 4) ? (int)rng_below(&g->r, g->c->wide ? 16 : 8) :
						  (g->c->wide ? 15 : 7);
		e->scale = (uint8_t)rng_below(&g->r, 4);
		e->disp = (int64_t)(0x1000 - (g->c->in.gpr[e->base] & 0xfff));
		return;
	}
	switch (rng_below(&g->r, 16)) {
	case 0: /* absolute */
		e->base = NO_REG;
		e->disp = (int64_t)e->target;
		return;
	case 1:
	case 2:
		if (!g->c->wide)
			break;
		e->base = RIP;
		e->a67 = rng_one_in(&g->r, 8);
		return;
	case 3:
		if (!g->c->wide)
			break;
		e->seg = rng_one_in(&g->r, 2) ? 0x65 : 0x64;
		e->base = NO_REG;
		e->disp = (int64_t)(e->target -
				    (e->seg == 0x65 ? g->c->in.gs_base : g->c->in.fs_base));
		if (e->disp == (int32_t)e->disp)
			return;
		e->seg = 0;
		break;
	case 4:
		if (!rng_one_in(&g->r, 16))
			break;
		e->base = NO_REG; /* anything: faults, or wraps */
		e->disp = (int32_t)rng_int(&g->r);
		if (!g->c->wide && rng_one_in(&g->r, 2)) {
			e->a67 = true;
			e->base = REG16;
			e->base16 = (uint8_t)rng_below(&g->r, 8);
		}
		return;
	}
	e->base = b = draw_base(g);
	e->target += (g->c->in.gpr[b] & ~UINT64_C(0xffff)) - (XS_DATA & ~UINT64_C(0xffff));
	if (rng_one_in(&g->r, 3)) {
		e->index = g->index;
		e->scale = (uint8_t)rng_below(&g->r, 4);
	} else if (rng_one_in(&g->r, 200)) {
		e->index = (int)rng_below(&g->r, g->c->wide ? 16 : 8);
		e->index = e->index == 4 ? NO_REG : e->index;
	}
	e->disp = (int64_t)(e->target - g->c->in.gpr[b]);
	if (e->index == g->index)
		e->disp -= (int64_t)((uint64_t)g->index_value << e->scale);
	e->disp32 = rng_one_in(&g->r, 4);
	if (g->c->wide && rng_one_in(&g->r, 12))
		e->a67 = true; /* harmless below 4 GiB, wraps above */
	else if (!g->c->wide && rng_one_in(&g->r, 12))
		e->seg = "\x26\x2e\x36\x3e"[rng_below(&g->r, 4)];
}

static bool kept(const struct gen *g, unsigned reg, bool byte, bool rex)
{
	if (byte && !rex && reg >= 4 && reg < 8)
		reg &= 3;
	return g->keep >> reg & 1;
}

static unsigned draw_reg(struct gen *g, bool dest, bool byte, bool rex)
{
	unsigned r, tries = 0;

	do
		r = rng_below(&g->r, g->c->wide ? 16 : 8);
	while ((r >= 8 && byte && !rex) || (dest && kept(g, r, byte, rex) && tries++ < 100));
	return r;
}

static void draw_size(struct gen *g, const struct xs_row *r, struct enc *e)
{
	bool wide = g->c->wide;

	e->osz = 4;
	if (r->f & F_OS) {
		unsigned k = rng_below(&g->r, 8);

		if (r->f & F_D64 && wide)
			e->osz = k ? 8 : 2;
		else
			e->osz = k < 2 && !(r->f & F_NO16) ? 2 : k < 5 && wide ? 8 : 4;
		e->w = e->osz == 8 && !(r->f & F_D64);
	}
	if (r->f & F_B8)
		e->osz = 1;
	if (r->f & F_WR && (wide || e->vex)) {
		e->w = (uint8_t)rng_below(&g->r, 2);
		if (!wide && !(r->f & (F_VSIB | F_NDS)))
			e->w = 0;
		if (!wide && r->f & F_RG)
			e->w = 0;
		if (!(r->f & (F_B8 | F_OS)))
			e->osz = e->w && wide ? 8 : 4;
	}
	if (r->f & F_W1)
		e->w = 1;
}

static unsigned mem_size(const struct xs_row *r, const struct enc *e)
{
	unsigned v = e->vex && e->l ? 32 : 16;

	switch (r->mem) {
	case SZ_OP: return e->osz;
	case SZ_V: return v;
	case SZ_V2: return v / 2;
	case SZ_V4: return v / 4;
	case SZ_V8: return v / 8;
	default: return r->mem;
	}
}

static unsigned draw_vector(struct gen *g)
{
	unsigned n = g->c->wide ? 16 : 8, r = rng_below(&g->r, n);

	return r == n - 1 && !rng_one_in(&g->r, 4) ? 0 : r; /* the last: gathers' index */
}

void gen_draw(struct gen *g, const struct xs_row *r, struct enc *e)
{
	bool vec = r >= rows_vec && r->f & (F_LEG | F_V0 | F_V1 | F_LIG);
	uint64_t f = r->f;
	bool gpr_reg = f & F_RG || !(f & (F_LEG | F_V0 | F_V1 | F_LIG));
	bool gpr_rm = f & F_MG || !(f & (F_LEG | F_V0 | F_V1 | F_LIG));

	(void)vec;
	*e = (struct enc){ .row = r, .wide = g->c->wide, .base = NO_REG, .index = NO_REG };
	e->op = (uint8_t)(r->op + r->step * rng_below(&g->r, r->count));
	e->vex = f & (F_V0 | F_V1 | F_LIG) && (!(f & F_LEG) || g->cls == XS_AVX);
	if (e->vex) {
		e->l = f & F_LIG ? rng_one_in(&g->r, 2) :
				   f & F_V1 && (!(f & F_V0) || rng_one_in(&g->r, 2));
		e->long_vex = rng_one_in(&g->r, 3);
		if (!(f & (F_W0 | F_W1 | F_WR)))
			e->w = rng_one_in(&g->r, 8); /* ignored */
	}
	draw_size(g, r, e);
	if (g->c->wide && !e->vex)
		e->rex = rng_one_in(&g->r, f & F_B8 ? 2 : 8);
	if (f & F_R4) {
		e->rm = (uint8_t)draw_reg(g, f & F_DM, f & F_B8, e->rex);
	} else if (f & F_M) {
		if (r->digits) {
			do
				e->reg = (uint8_t)rng_below(&g->r, 8);
			while (!(r->digits >> e->reg & 1));
		} else if (f & (F_MM | F_MMR)) {
			e->reg = (uint8_t)rng_below(&g->r, 8);
		} else if (gpr_reg) {
			e->reg = (uint8_t)draw_reg(g, f & F_DR, f & F_B8, e->rex);
		} else {
			e->reg = (uint8_t)draw_vector(g);
		}
		if (f & F_MEM || (!(f & F_R) && rng_below(&g->r, 5) < 2)) {
			gen_mem(g, e, mem_size(r, e), e->vex ? f & F_ALV : f & F_AL);
		} else if (f & (F_MM | F_MMM)) {
			e->rm = (uint8_t)rng_below(&g->r, 8);
		} else if (gpr_rm) {
			e->rm = (uint8_t)draw_reg(g, f & F_DM, f & F_B8, e->rex);
		} else {
			e->rm = (uint8_t)draw_vector(g);
		}
	}
	if (e->vex && f & F_NDS)
		e->vvvv = (uint8_t)(gpr_reg ? draw_reg(g, f & F_DV, false, false) : draw_vector(g));
	if (f & F_VSIB && e->vvvv == e->reg && !rng_one_in(&g->r, 8))
		e->vvvv ^= 1;
	e->lock = f & F_LOCK && e->is_mem && rng_one_in(&g->r, 4);
	e->imm = rng_int(&g->r);
	if (f & F_IB) {
		e->nr_imm = 1;
		if (f & F_IMM3)
			e->imm &= e->vex ? 31 : 7;
	} else if (f & F_IS4) {
		e->nr_imm = 1;
		e->imm = draw_vector(g) << 4;
	} else if (f & F_IW) {
		e->nr_imm = 2;
	} else if (f & F_IZ) {
		e->nr_imm = e->osz == 2 ? 2 : 4;
	} else if (f & F_IV) {
		e->nr_imm = e->osz;
	} else if (f & F_MOFFS) {
		e->imm = XS_DATA + gen_offset(g, e->osz, false);
		e->nr_imm = g->c->wide ? 8 : 4;
		if (g->c->wide && rng_one_in(&g->r, 2))
			e->imm += XS_ALIAS - XS_DATA;
	}
}

void gen_put(struct gen *g, struct enc *e)
{
	const struct xs_row *r = e->row;
	unsigned undef = r->undef;

	gen_fix_flags(g, r->reads);
	gen_begin(g, r);
	g->n += enc_put(e, g->c->code + g->n, XS_CODE + g->c->at + g->n);
	gen_end(g, r->writes, undef);
}

/* A jump over the next `items` items; its field of `size` bytes ends the instruction. */
void gen_jump(struct gen *g, unsigned field, unsigned size, unsigned items)
{
	g->jump[g->nr_jumps++] = (struct gen_jump){ field, items, (uint8_t)size, g->undef };
}

static void land(struct gen *g, bool all)
{
	unsigned i, k = 0;

	for (i = 0; i < g->nr_jumps; i++) {
		struct gen_jump *j = &g->jump[i];
		uint32_t d = g->n - (j->field + j->size);

		if (j->left && !all) {
			j->left--;
			g->jump[k++] = *j;
			continue;
		}
		memcpy(g->c->code + j->field, &d, j->size);
		g->undef |= j->undef;
	}
	g->nr_jumps = k;
}

static const struct xs_row *draw_row(struct gen *g, const struct xs_row *t)
{
	unsigned n = 0;
	const struct xs_row *r;

	while (t[n].name)
		n++;
	for (;;) {
		r = &t[rng_below(&g->r, n)];
		if (r->f & (F_SKIP | F_DENY) || r->f & (g->c->wide ? F_32 : F_64))
			continue;
		if (t == rows_vec && !(r->f & (g->cls == XS_AVX ? F_V0 | F_V1 | F_LIG : F_LEG)))
			continue;
		return r;
	}
}

static void item(struct gen *g)
{
	const struct xs_row *const table[] = { rows_int, rows_x87, rows_vec, rows_vec };
	const struct xs_row *r;
	struct enc e;

	r = draw_row(g, g->cls != XS_INT && rng_one_in(&g->r, 8) ? rows_int : table[g->cls]);
	if (r->f & F_GROUP) {
		gen_special(g, r);
		return;
	}
	gen_draw(g, r, &e);
	gen_put(g, &e);
}

/* A loop of a few items that runs a few times. */
static void loop(struct gen *g)
{
	unsigned k = 1 + rng_below(&g->r, 4), head, c = (unsigned)g->counter;

	gen_mov_imm(g, c, 1 + rng_below(&g->r, 6));
	gen_fix_flags(g, ARITH);
	head = g->n;
	while (k-- && g->c->nr_insns < XS_MAX_INSNS - 24) {
		item(g);
		land(g, false);
	}
	land(g, true);
	g->undef = ARITH;
	gen_fix_flags(g, ARITH);
	if (g->c->wide)
		GEN_BYTES(g, 0, 0x41, 0xff, (uint8_t)(0xc8 | (c & 7)));
	else
		GEN_BYTES(g, 0, (uint8_t)(0x48 | c));
	gen_begin(g, NULL);
	gen_bytes(g, (uint8_t[]){ 0x0f, 0x85 }, 2);
	gen_bytes(g, &(uint32_t){ head - g->n - 4 }, 4);
	gen_end(g, 0, 0);
}

static void draw_state(struct gen *g)
{
	struct xs_state *s = &g->c->in;
	bool wide = g->c->wide;
	unsigned i, masks = rng_one_in(&g->r, 8) ? rng_below(&g->r, 64) : 63;

	memset(s, 0, sizeof(*s));
	g->bases = wide ? 1 << 3 | 1 << 4 | 1 << 5 | 1 << 12 | 1 << 13 | 1 << 15 : 1 << 3 | 1 << 4;
	g->index = wide ? 14 : 6;
	g->counter = wide ? 11 : 5;
	g->index_value = rng_below(&g->r, 32);
	g->keep = (uint16_t)(g->bases | 1u << g->index | 1u << g->counter);
	for (i = 0; i < (wide ? 16 : 8); i++) {
		s->gpr[i] = rng_int(&g->r);
		if (g->bases >> i & 1)
			s->gpr[i] = (wide && rng_one_in(&g->r, 2) ? XS_ALIAS : XS_DATA) + 0x800 +
				    (rng_below(&g->r, 0xf00) & ~(i == 4 ? 15u : 0u));
		if (!wide)
			s->gpr[i] = (uint32_t)s->gpr[i];
	}
	s->gpr[g->index] = g->index_value;
	if (g->cls == XS_BYTES) {
		for (i = 0; i < (wide ? 16 : 8); i++)
			if (i != 4 && rng_one_in(&g->r, 2))
				s->gpr[i] = (wide && rng_one_in(&g->r, 3) ? XS_ALIAS : XS_DATA) +
					    rng_below(&g->r, XS_DATA_RW - 256);
		s->gpr[1] = rng_one_in(&g->r, 2) ? rng_below(&g->r, 16) : s->gpr[1];
	}
	s->rflags = 0x202 | (rng_next(&g->r) & (ARITH | (rng_one_in(&g->r, 8) ? DF : 0)));
	s->fs_base = XS_DATA + 0x100;
	s->gs_base = (rng_one_in(&g->r, 2) ? XS_DATA : XS_ALIAS) + 0x1000;

	rng_fill(&g->r, s->x + XS_X_XMM, 256);
	rng_fill(&g->r, s->x + XS_X_YMMH, 256);
	for (i = 0; i < 16; i++) { /* index of gathers */
		uint32_t v = (uint32_t)(int)(rng_below(&g->r, 200)) - 100;

		if (i & 1 && rng_one_in(&g->r, 2))
			v = i && (int32_t)ld_le32(s->x + XS_X_XMM + (wide ? 15 : 7) * 16) < 0 ?
				    ~0u :
				    0;
		st_le32(s->x + (i < 4 ? XS_X_XMM : XS_X_YMMH) + (wide ? 15 : 7) * 16 + (i & 3) * 4,
			v);
	}
	for (i = 0; i < 8; i++)
		rng_f80(&g->r, s->x + XS_X_ST + i * 16);
	st_le16(s->x + XS_X_FCW,
		(uint16_t)(0x40 | masks | rng_below(&g->r, 4) << 10 |
			   (rng_one_in(&g->r, 2) ? 3 : rng_below(&g->r, 4) & ~1u) << 8));
	i = rng_one_in(&g->r, 2) ? 0 : rng_below(&g->r, 64) & masks;
	st_le16(s->x + XS_X_FSW,
		(uint16_t)(i | (rng_next(&g->r) & 0x4700) | rng_below(&g->r, 8) << 11));
	s->x[XS_X_FTW] = (uint8_t)(rng_one_in(&g->r, 2) ? rng_next(&g->r) : 0xff);
	masks = rng_one_in(&g->r, 8) ? rng_below(&g->r, 64) : 63;
	i = rng_one_in(&g->r, 2) ? 0 : rng_below(&g->r, 64) & masks;
	st_le32(s->x + XS_X_MXCSR,
		masks << 7 | i | rng_below(&g->r, 4) << 13 |
			(rng_one_in(&g->r, 4) ? 0x8040 & (unsigned)rng_next(&g->r) : 0));
	s->x[XS_X_HEADER] = 7;
}

static void near(struct gen *g)
{
	static const uint8_t x87[] = { 0xf0, 0xf1, 0xf2, 0xf3, 0xf9, 0xfb, 0xfe, 0xff };
	const struct xs_row *r = &rows_near[rng_below(&g->r, 3)];
	struct enc e;

	if (r->op == 0xd9) {
		gen_begin(g, r);
		gen_bytes(g, (uint8_t[]){ 0xd9, x87[rng_below(&g->r, sizeof(x87))] }, 2);
		gen_end(g, 0, 0);
		return;
	}
	g->cls = rng_one_in(&g->r, 2) ? XS_AVX : XS_SSE;
	gen_draw(g, r, &e);
	gen_put(g, &e);
}

/*
 * Which flags DPPS and DPPD leave when one of their steps meets an exception that is not masked
 * depends on how far the processor's microcode gets: only all masked is compared.
 */
static void mask_dot_products(struct xs_case *c)
{
	uint32_t v = ld_le32(c->in.x + XS_X_MXCSR);
	bool loaded = false;

	for (unsigned i = 0; i < c->nr_insns; i++)
		loaded |= c->insn[i].row && c->insn[i].row->map == M_0F &&
			  (c->insn[i].row->op == 0xae || c->insn[i].row->op == 0xc7);
	for (unsigned i = 0; i < c->nr_insns; i++) {
		if (!c->insn[i].row || strncmp(c->insn[i].row->name, "dpp", 3))
			continue;
		st_le32(c->in.x + XS_X_MXCSR, v | 0x1f80);
		if (loaded)
			xs_erase(c, i);
	}
}

void xs_generate(struct xs_case *c, enum xs_class cls, unsigned bits, uint64_t seed)
{
	struct gen g = { .c = c, .cls = cls, .r = { seed * 0x100000001b3 + cls * 77 + bits } };
	unsigned items;

	memset(c, 0, offsetof(struct xs_case, in));
	memset(c->code, 0xcc, sizeof(c->code));
	c->wide = bits == 64;
	c->tag = seed;
	c->at = (uint32_t)(seed % XS_MAX_CASES) * 1000 + rng_below(&g.r, 350);
	draw_state(&g);
	c->in.rip = XS_CODE + c->at;
	if (cls == XS_BYTES) {
		gen_random_bytes(&g);
	} else if (cls == XS_NEAR) {
		c->near = true;
		near(&g);
	} else {
		items = 1 + rng_below(&g.r, 16);
		while (items-- && c->nr_insns < XS_MAX_INSNS - 24 && g.n < XS_MAX_CODE - 300) {
			if (rng_one_in(&g.r, 24)) {
				land(&g, true);
				loop(&g);
			} else {
				item(&g);
			}
			land(&g, false);
		}
		land(&g, true);
	}
	gen_begin(&g, NULL);
	gen_bytes(&g, "\xcc", 1);
	gen_end(&g, 0, 0);
	c->size = g.n;
	mask_dot_products(c);
}

void xs_fill_data(uint8_t data[XS_DATA_SIZE], uint64_t seed)
{
	struct rng r = { seed };

	rng_fill(&r, data, XS_DATA_SIZE);
}

static bool is_jump(const struct xs_case *c, const struct xs_insn *i)
{
	const uint8_t *p = c->code + i->at;

	return i->len && (p[0] == 0xe8 || p[0] == 0xe9 || p[0] == 0xeb || (p[0] & 0xf0) == 0x70 ||
			  (p[0] & 0xfc) == 0xe0 || (p[0] == 0x0f && (p[1] & 0xf0) == 0x80));
}

/* What is undefined where, anew; with a jump left as it was. */
static bool flow(struct xs_case *c)
{
	unsigned undef = 0, k;

	for (k = 0; k < c->nr_insns; k++)
		if (is_jump(c, &c->insn[k]))
			return true;
	for (k = 0; k < c->nr_insns; k++) {
		struct xs_insn *i = &c->insn[k];

		if (i->row && i->row->reads & undef && c->code[i->at] != 0x90)
			return false;
		i->undef = (uint16_t)undef;
		undef = (undef & ~(unsigned)i->writes) | i->makes;
	}
	return true;
}

bool xs_erase(struct xs_case *c, unsigned n)
{
	struct xs_insn *i = &c->insn[n];
	bool jumps = false;
	unsigned k;

	for (k = 0; k < i->len && c->code[i->at + k] == 0x90; k++)
		;
	if (k == i->len)
		return false;
	if (i->stays && c->code[i->at] != 0x90)
		return false;
	/* its count has to be loaded: 16-bit SHLD */
	if (!i->row && i[1].row && i[1].row->map == M_0F && (i[1].row->op & 0xf6) == 0xa4 &&
	    c->code[i[1].at] != 0x90)
		return false;
	if (!is_jump(c, i) && i->writes) {
		for (k = 0; k < c->nr_insns; k++)
			jumps |= is_jump(c, &c->insn[k]);
		if (jumps)
			return false;
	}
	memset(c->code + i->at, 0x90, i->len);
	i->writes = i->makes = 0;
	return flow(c);
}
