// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions that want company: addresses in fixed registers, targets, counts. */
#include "tests/insn_x86/gen.h"

#include "util/bits.h"

#include <string.h>

static void shift(struct gen *g, const struct xs_row *r)
{
	unsigned writes = r->writes, undef = r->undef, count, bits;
	bool twice = r->map == M_0F, by_cl = r->map == M_0F ? r->op & 1 : r->op >= 0xd2;
	bool rotate = !(r->writes & ZF);
	struct enc e;

	gen_draw(g, r, &e);
	bits = e.osz * 8u;
	count = (unsigned)e.imm & (bits == 64 ? 63 : 31);
	if (twice && bits == 16) { /* more than the size: no defined result */
		count = count & 15;
		e.imm = count;
		if (by_cl)
			GEN_BYTES(g, 0, 0xb1, (uint8_t)count);
	}
	if (!rotate && bits < 32 && (by_cl || count >= bits))
		undef |= CF;
	if (!by_cl && !count)
		writes = undef = 0;
	else if (!by_cl && count == 1)
		undef &= ~(unsigned)OF;
	gen_fix_flags(g, by_cl || !count ? ARITH : r->reads);
	gen_begin(g, r);
	g->n += enc_put(&e, g->c->code + g->n, XS_CODE + g->c->at + g->n);
	gen_end(g, writes, undef);
}

static void bit_test(struct gen *g, const struct xs_row *r)
{
	struct enc e;

	gen_draw(g, r, &e);
	if (e.is_mem && !rng_one_in(&g->r, 8))
		e.reg = (uint8_t)g->index;
	gen_put(g, &e);
}

static void string(struct gen *g, const struct xs_row *r)
{
	unsigned n = rng_one_in(&g->r, 4) ? rng_below(&g->r, 300) : rng_below(&g->r, 12);
	uint64_t high = XS_ALIAS - XS_DATA;
	struct enc e;

	gen_draw(g, r, &e);
	e.rep = rng_one_in(&g->r, 4) ? 0 : rng_one_in(&g->r, 2) ? 0xf2 : 0xf3;
	if (strcmp(r->name, "cmps") && strcmp(r->name, "scas") && e.rep == 0xf2)
		e.rep = 0xf3;
	if (g->c->wide && rng_one_in(&g->r, 2))
		high = 0;
	high = g->c->wide ? high : 0;
	gen_mov_imm(g, 6, XS_DATA + high + gen_offset(g, e.osz, false));
	gen_mov_imm(g, 7,
		    XS_DATA + (rng_one_in(&g->r, 2) ? high : 0) + gen_offset(g, e.osz, false));
	gen_mov_imm(g, 1, n);
	e.a67 = rng_one_in(&g->r, 16) && g->c->wide;
	gen_put(g, &e);
	if (!g->c->wide)
		gen_mov_imm(g, 6, g->index_value);
}

static void jump(struct gen *g, const struct xs_row *r)
{
	unsigned skip = rng_below(&g->r, 4), size, c;
	bool cond = r->op >= 0xe0 && r->op <= 0xe3;
	struct enc e;

	if (g->nr_jumps >= ARRAY_SIZE(g->jump))
		return;
	gen_draw(g, r, &e);
	e.osz = 4;
	e.imm = 0;
	size = e.nr_imm = r->f & F_IB ? 1 : 4;
	if (cond)
		gen_mov_imm(g, 1, rng_below(&g->r, 4));
	c = r->reads;
	gen_fix_flags(g, c);
	gen_begin(g, r);
	g->n += enc_put(&e, g->c->code + g->n, XS_CODE + g->c->at + g->n);
	gen_end(g, 0, 0);
	gen_jump(g, g->n - size, size, skip);
}

/* A 32-bit absolute address of the place after the next `len` bytes. */
static uint32_t after(struct gen *g, unsigned len)
{
	return (uint32_t)(XS_CODE + g->c->at + g->n + len);
}

static void indirect(struct gen *g, const struct xs_row *r)
{
	unsigned op = rng_one_in(&g->r, 2) ? 0xd0 : 0xe0;

	if (r->op == 0xc3) {
		gen_begin(g, NULL);
		gen_bytes(g, (uint8_t[]){ 0x68 }, 1);
		gen_bytes(g, &(uint32_t){ after(g, 5) }, 4);
		gen_end(g, 0, 0);
		gen_begin(g, r);
		gen_bytes(g, (uint8_t[]){ 0xc3 }, 1);
		gen_end(g, 0, 0);
		return;
	}
	gen_mov_imm(g, 0, after(g, 7));
	gen_begin(g, r);
	gen_bytes(g, (uint8_t[]){ 0xff, (uint8_t)op }, 2);
	gen_end(g, 0, 0);
}

static void divide(struct gen *g, const struct xs_row *r)
{
	struct enc e;

	gen_draw(g, r, &e);
	if (e.osz == 1) {
		if (rng_below(&g->r, 4))
			GEN_BYTES(g, 0, 0xb4, (uint8_t)rng_below(&g->r, 2)); /* mov ah */
	} else if (rng_below(&g->r, 4)) {
		switch (rng_below(&g->r, 3)) {
		case 0:
			GEN_BYTES(g, ARITH, 0x31, 0xd2);
			g->undef |= AF;
			break;
		case 1:
			if (e.w)
				GEN_BYTES(g, 0, 0x48, 0x99);
			else if (e.osz == 2)
				GEN_BYTES(g, 0, 0x66, 0x99);
			else
				GEN_BYTES(g, 0, 0x99);
			break;
		default: gen_mov_imm(g, 2, rng_below(&g->r, 16)); break;
		}
	}
	gen_put(g, &e);
}

static void frame(struct gen *g, const struct xs_row *r)
{
	unsigned level = rng_one_in(&g->r, 2) ? 0 : rng_below(&g->r, 4);
	uint8_t size = (uint8_t)rng_below(&g->r, 64);

	gen_begin(g, r);
	gen_bytes(g, (uint8_t[]){ 0xc8, size, 0, (uint8_t)level }, 4);
	gen_end(g, 0, 0);
	gen_begin(g, r);
	gen_bytes(g, (uint8_t[]){ 0xc9 }, 1);
	gen_end(g, 0, 0);
}

static void pop_flags(struct gen *g, const struct xs_row *r)
{
	/* not the trap flag, alignment checks, nested task, which outlive the case */
	uint32_t v = (uint32_t)rng_next(&g->r) & ~(uint32_t)(0x100 | 0x40000 | 0x4000 | DF);

	if (rng_one_in(&g->r, 8))
		v |= DF;
	gen_begin(g, NULL);
	gen_bytes(g, (uint8_t[]){ 0x68 }, 1);
	gen_bytes(g, &v, 4);
	gen_end(g, 0, 0);
	gen_begin(g, r);
	gen_bytes(g, (uint8_t[]){ 0x9d }, 1);
	gen_end(g, ARITH, 0);
}

/* mov [data + off], imm of 4 or 2 bytes */
static void store(struct gen *g, unsigned off, uint32_t v, unsigned size)
{
	gen_begin(g, NULL);
	if (size == 2)
		gen_bytes(g, (uint8_t[]){ 0x66 }, 1);
	gen_bytes(g, (uint8_t[]){ 0xc7 }, 1);
	if (g->c->wide)
		gen_bytes(g, (uint8_t[]){ 0x04, 0x25 }, 2);
	else
		gen_bytes(g, (uint8_t[]){ 0x05 }, 1);
	gen_bytes(g, &(uint32_t){ (uint32_t)XS_DATA + off }, 4);
	gen_bytes(g, &v, size);
	g->c->insn[g->c->nr_insns].stays = true;
	gen_end(g, 0, 0);
}

static void at_abs(struct enc *e, unsigned off)
{
	e->is_mem = true;
	e->base = NO_REG;
	e->index = NO_REG;
	e->seg = 0;
	e->a67 = false;
	e->disp = (int64_t)(XS_DATA + off);
}

/*
 * The instruction and operand pointers that are stored depend on the processor (when they are
 * kept, and of which instruction): they are overwritten.
 */
static void environment(struct gen *g, const struct xs_row *r)
{
	unsigned off = rng_below(&g->r, XS_DATA_RW - 128), k;
	bool half = rng_one_in(&g->r, 8);
	struct enc e;

	gen_draw(g, r, &e);
	e.osz = half ? 2 : 4;
	if (strcmp(r->name, "fldcw") == 0) {
		store(g, off,
		      (uint32_t)(rng_next(&g->r) & 0xffff) | (rng_one_in(&g->r, 4) ? 0 : 63), 2);
		e.osz = 4;
	} else if (r->f & F_MEM && (e.reg & 7) == 4 && !rng_one_in(&g->r, 4)) {
		store(g, off, (uint32_t)(rng_next(&g->r) & 0xf7f) | 63, half ? 2 : 4);
		store(g, off + (half ? 2 : 4), (uint32_t)(rng_next(&g->r) & 0x7f3f), half ? 2 : 4);
	}
	at_abs(&e, off);
	gen_put(g, &e);
	if (r->name[0] != 'f' || r->name[1] != 'n')
		return;
	for (k = 0; k < 4; k++)
		store(g, off + (half ? 6 + k * 2 : 12 + k * 4), 0, half ? 2 : 4);
}

static void x87_plain(struct gen *g, const struct xs_row *r)
{
	static const uint8_t d9[] = { 0xd0, 0xe0, 0xe1, 0xe4, 0xe5, 0xe8, 0xe9, 0xea, 0xeb, 0xec,
				      0xed, 0xee, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xfa, 0xfc, 0xfd };
	uint8_t b = 0;

	switch (r->op) {
	case 0xd9: b = d9[rng_below(&g->r, ARRAY_SIZE(d9))]; break;
	case 0xda: b = 0xe9; break;
	case 0xdb: b = rng_one_in(&g->r, 4) ? 0xe3 : 0xe2; break;
	case 0xde: b = 0xd9; break;
	case 0xdf: b = 0xe0; break;
	}
	gen_begin(g, r);
	gen_bytes(g, (uint8_t[]){ r->op, b }, 2);
	gen_end(g, r->writes, 0);
}

static void mxcsr(struct gen *g, const struct xs_row *r)
{
	unsigned off = rng_below(&g->r, XS_DATA_RW - 64) & ~3u;
	struct enc e;

	gen_draw(g, r, &e);
	if (e.reg == 2) {
		store(g, off,
		      (uint32_t)(rng_next(&g->r) & 0xffff) | (rng_one_in(&g->r, 8) ? 0 : 0x1f80),
		      4);
		at_abs(&e, off);
	}
	gen_put(g, &e);
}

static void fence(struct gen *g, const struct xs_row *r)
{
	gen_begin(g, r);
	gen_bytes(g, (uint8_t[]){ 0x0f, 0xae, (uint8_t)(0xe8 + 8 * rng_below(&g->r, 3)) }, 3);
	gen_end(g, 0, 0);
}

/* Bases that are written stay what addresses were made with, or are nonsense. */
static void segment_base(struct gen *g, const struct xs_row *r)
{
	struct enc e;

	gen_draw(g, r, &e);
	if (e.reg >= 2) {
		gen_mov_imm(g, 0,
			    rng_one_in(&g->r, 8) ? rng_next(&g->r) :
			    e.reg & 1            ? g->c->in.gs_base :
						   g->c->in.fs_base);
		e.rm = 0;
		e.osz = 8;
		e.w = 1;
	}
	gen_put(g, &e);
}

/*
 * FXSAVE and XSAVE, and often the way back. What depends on the processor is overwritten:
 * instruction and operand pointers, the mask of MXCSR, which components are in use.
 */
static void save_restore(struct gen *g, const struct xs_row *r)
{
	unsigned off = rng_below(&g->r, XS_DATA_RW - 1024) & ~63u, k;
	bool whole = r->digits == 0x10;
	struct enc e;

	gen_draw(g, r, &e);
	e.vex = e.l = false;
	e.w = g->c->wide && rng_one_in(&g->r, 2);
	at_abs(&e, off + (rng_one_in(&g->r, 32) ? 8 : 0));
	if (whole) {
		for (k = 0; k < 24; k += 4) /* of the header only XSTATE_BV is written */
			store(g, off + 520 + k, 0, 4);
		gen_mov_imm(g, 0, rng_one_in(&g->r, 2) ? 7 : rng_below(&g->r, 8));
		gen_mov_imm(g, 2, 0);
	}
	gen_put(g, &e);
	for (k = 4; k < 24; k += 4)
		store(g, off + k, k == 4 ? 0xff : 0, 4);
	store(g, off + 28, 0xffff, 4);
	if (whole) {
		store(g, off + 512, rng_below(&g->r, 8), 4);
		store(g, off + 516, rng_one_in(&g->r, 16), 4);
	}
	if (rng_one_in(&g->r, 3))
		return;
	if (rng_one_in(&g->r, 3))
		store(g, off + 24,
		      (uint32_t)rng_next(&g->r) & (rng_one_in(&g->r, 4) ? ~0u : 0xffff) & ~0x40u,
		      4);
	e.reg++;
	gen_put(g, &e);
}

static void at_rdi(struct gen *g, const struct xs_row *r)
{
	struct enc e;

	gen_draw(g, r, &e);
	gen_mov_imm(g, 7,
		    (g->c->wide && rng_one_in(&g->r, 2) ? XS_ALIAS : XS_DATA) +
			    gen_offset(g, 16, false));
	gen_put(g, &e);
}

void gen_special(struct gen *g, const struct xs_row *r)
{
	struct enc e;

	if (r->f & F_STR)
		string(g, r);
	else if (!strcmp(r->name, "maskmovq") || !strcmp(r->name, "maskmovdqu"))
		at_rdi(g, r);
	else if (!strcmp(r->name, "fence"))
		fence(g, r);
	else if (!strcmp(r->name, "fsgsbase"))
		segment_base(g, r);
	else if (!strcmp(r->name, "fxsave") || !strcmp(r->name, "xsave"))
		save_restore(g, r);
	else if (!strcmp(r->name, "mxcsr"))
		mxcsr(g, r);
	else if (!strncmp(r->name, "bt", 2))
		bit_test(g, r);
	else if (!strcmp(r->name, "div"))
		divide(g, r);
	else if (!strcmp(r->name, "enter") || !strcmp(r->name, "leave"))
		frame(g, r);
	else if (!strcmp(r->name, "popf"))
		pop_flags(g, r);
	else if (!strcmp(r->name, "call-rm") || !strcmp(r->name, "ret"))
		indirect(g, r);
	else if (!strcmp(r->name, "jcc") || !strcmp(r->name, "jmp") || !strcmp(r->name, "call") ||
		 !strcmp(r->name, "loop"))
		jump(g, r);
	else if (!strcmp(r->name, "xlat")) {
		gen_draw(g, r, &e);
		gen_put(g, &e);
	} else if (r->op >= 0xd8 && r->op <= 0xdf && r->map == M_1 && r->f & F_MEM)
		environment(g, r);
	else if (r->op >= 0xd8 && r->op <= 0xdf && r->map == M_1)
		x87_plain(g, r);
	else
		shift(g, r);
}
