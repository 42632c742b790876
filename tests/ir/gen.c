/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drawing programs. */
#include "tests/ir/prog.h"

#include "util/bits.h"

#include <string.h>

#define FIRST_ADDRESS 24	/* slots from here on hold addresses */
#define LIVE_STEPS 3		/* temporaries are used soon */

struct gen {
	struct rng r;
	struct prog *p;
	uint16_t last;		/* integer slot written last: chains of results in one register */
	uint16_t base;		/* of the last access */
	int32_t base_off;
};

static uint16_t recent_step(struct gen *g)
{
	unsigned i = g->p->nr_steps, back = 1 + rng_below(&g->r, LIVE_STEPS);

	return back <= i ? REF_STEP(i - back) : REF_SLOT(rng_below(&g->r, FIRST_ADDRESS));
}

static uint16_t int_operand(struct gen *g)
{
	unsigned n = rng_below(&g->r, 10);

	if (n < 2)
		return REF_CONST(rng_below(&g->r, PROG_CONSTS));
	if (n < 4)
		return recent_step(g);
	if (n < 6)
		return g->last;
	return REF_SLOT(rng_below(&g->r, rng_one_in(&g->r, 8) ? TM_INTS : FIRST_ADDRESS));
}

/* Floating temporaries are for the next operation only. */
static uint16_t float_operand(struct gen *g)
{
	if (g->p->nr_steps && rng_one_in(&g->r, 5))
		return REF_STEP(g->p->nr_steps - 1);
	return REF_SLOT(rng_below(&g->r, TM_FLOATS));
}

static uint16_t int_dst(struct gen *g)
{
	if (rng_one_in(&g->r, 3))
		return REF_STEP(0);
	if (!rng_one_in(&g->r, 3))
		g->last = REF_SLOT(rng_below(&g->r, FIRST_ADDRESS));
	return g->last;
}

static uint16_t float_dst(struct gen *g)
{
	return rng_one_in(&g->r, 5) ? REF_STEP(0) : REF_SLOT(rng_below(&g->r, TM_FLOATS));
}

static unsigned int_type(struct gen *g)
{
	static const uint8_t types[] = { IR_I64, IR_I64, IR_I32S, IR_I32 };

	return types[rng_below(&g->r, ARRAY_SIZE(types))];
}

static void draw_int(struct gen *g, struct prog_step *s)
{
	s->dst = int_dst(g);
	s->a = int_operand(g);
	s->b = int_operand(g);
	switch (rng_below(&g->r, 10)) {
	case 0:
		s->op = IR_SETC;
		s->ty = IR_TY(int_type(g), rng_below(&g->r, IR_GTU + 1));
		return;
	case 1:
		s->op = IR_SELECT;
		s->ty = IR_TY(int_type(g), rng_below(&g->r, IR_GTU + 1));
		s->c = int_operand(g);
		s->d = int_operand(g);
		return;
	case 2:
		s->op = IR_MOV;
		s->a = rng_one_in(&g->r, 2) ? REF_CONST(rng_below(&g->r, PROG_CONSTS)) : s->a;
		return;
	case 3:	/* the common ones more often */
		s->op = IR_ADD + rng_below(&g->r, 5);
		break;
	default:
		s->op = IR_ADD + rng_below(&g->r, IR_MAXU - IR_ADD + 1);
	}
	s->ty = (uint8_t)int_type(g);
	switch (s->op) {
	case IR_ADDC: case IR_SUBC:
		s->c = REF_CONST(4 + rng_below(&g->r, 2));	/* a carry */
		break;
	case IR_MULHU: case IR_MULHS: case IR_MULHSU: case IR_ORCB:
	case IR_INS8:
	case IR_INS8H:
	case IR_INS16:
	case IR_EXT8H:
	case IR_SEXT8:
	case IR_SEXT16:
	case IR_SEXT32:
	case IR_ZEXT8:
	case IR_ZEXT16:
	case IR_ZEXT32: s->ty = IR_I64;
	}
	/* Now and then move an address, by little. */
	if (s->op == IR_ADD && rng_one_in(&g->r, 4)) {
		s->ty = IR_I64;
		s->dst = s->a = REF_SLOT(FIRST_ADDRESS + rng_below(&g->r, TM_INTS - FIRST_ADDRESS));
		s->b = REF_CONST(0);	/* a small one */
	}
}

static void draw_address(struct gen *g, struct prog_step *s, unsigned size)
{
	if (!rng_one_in(&g->r, 3)) {
		g->base = REF_SLOT(FIRST_ADDRESS + rng_below(&g->r, TM_INTS - FIRST_ADDRESS));
		g->base_off = (int32_t)rng_below(&g->r, 400) - 200;
	}
	s->a = g->base;
	s->off = g->base_off + 8 * ((int32_t)rng_below(&g->r, 16) - 8);
	if (!rng_one_in(&g->r, 4))
		s->off &= ~((1 << size) - 1);
	if (rng_one_in(&g->r, 30))
		s->off = (int32_t)rng_next(&g->r) >> 16;
	if (rng_one_in(&g->r, 60))	/* what sums of offsets run over with */
		s->off = (rng_one_in(&g->r, 2) ? INT32_MAX - 600 : INT32_MIN) +
			 (int32_t)rng_below(&g->r, 601);
	if (rng_one_in(&g->r, 200))
		s->a = int_operand(g);
}

static void draw_memory(struct gen *g, struct prog_step *s, bool fp)
{
	unsigned size = rng_below(&g->r, 4), n = rng_below(&g->r, fp ? 15 : 12);

	s->memop = size | (rng_one_in(&g->r, 2) ? MO_SIGN : 0);
	if (rng_one_in(&g->r, 60))
		s->memop |= MO_ALIGN;
	if (rng_one_in(&g->r, 30))
		s->memop |= MO_BE;
	draw_address(g, s, size);
	s->dst = int_dst(g);
	s->b = int_operand(g);
	s->c = int_operand(g);
	if (n < 5) {
		s->op = IR_LD;
		if (rng_one_in(&g->r, 10))
			s->memop |= MO_ACQ;
		return;
	}
	if (n < 9) {
		s->op = IR_ST;
		s->memop &= ~(uint32_t)MO_SIGN;
		if (rng_one_in(&g->r, 10))
			s->memop |= MO_REL;
		return;
	}
	if (n >= 12) {
		s->op = rng_one_in(&g->r, 2) ? IR_FLD : IR_FST;
		s->memop = MO_32 + rng_below(&g->r, 2);
		s->dst = float_dst(g);
		s->b = float_operand(g);
		return;
	}
	/* Atomics: at the address itself, which is aligned for most slots. */
	s->memop = (MO_32 + rng_below(&g->r, 2)) | MO_SIGN | MO_ALIGN;
	if (rng_one_in(&g->r, 2))	/* as x86 does: any size, unaligned ones, too */
		s->memop = rng_below(&g->r, 4) | (rng_one_in(&g->r, 4) ? MO_SIGN : 0);
	s->a = REF_SLOT(FIRST_ADDRESS + rng_below(&g->r, 3));
	s->b = REF_SLOT(rng_below(&g->r, FIRST_ADDRESS));	/* front ends pass registers here */
	s->c = REF_SLOT(rng_below(&g->r, FIRST_ADDRESS));
	switch (rng_below(&g->r, 5)) {
	case 0: case 1:
		s->memop = (MO_32 + rng_below(&g->r, 2)) | MO_SIGN | MO_ALIGN;
	}
	switch (s->memop & MO_ALIGN ? rng_below(&g->r, 5) : 2 + rng_below(&g->r, 3)) {
	case 0:
		s->op = STEP_LR;
		break;
	case 1:
		s->op = IR_SC;
		break;
	case 2:
		s->op = IR_CAS;
		break;
	default:
		s->op = IR_AMO;
		s->off = (int32_t)rng_below(&g->r, (s->memop & MO_SIZE) < MO_32 ? AMO_XOR + 1 :
										  AMO_MAXU + 1);
	}
}

static void draw_float(struct gen *g, struct prog_step *s)
{
	static const uint8_t ops[] = {
		IR_FADD, IR_FSUB, IR_FMUL,  IR_FDIV,  IR_FSQRT,  IR_FMADD, IR_FMADD,
		IR_FMIN, IR_FMAX, IR_FSGNJ, IR_FCMP,  IR_FCLASS, IR_F2I,   IR_F2I,
		IR_I2F,  IR_F2F,  IR_FMVXF, IR_FMVFX, IR_FMOV,
	};
	static const uint8_t rounds[] = {
		IR_RM_DYN, IR_RM_DYN, IR_RM_DYN, IR_RM_DYN, 0, 1, 2, 3, 4
	};

	s->op = ops[rng_below(&g->r, sizeof(ops))];
	s->ty = rng_one_in(&g->r, 2) ? IR_F32 : IR_F64;
	s->a = ir_opinfo[s->op].a == 'f' ? float_operand(g) : int_operand(g);
	s->b = float_operand(g);
	s->c = float_operand(g);
	s->dst = ir_opinfo[s->op].dst == 'f' ? float_dst(g) : int_dst(g);
	if (s->op == IR_FMOV && s->dst >= REF_STEP(0))	/* nobody moves into a temporary */
		s->dst = REF_SLOT(7);
	s->memop = rounds[rng_below(&g->r, sizeof(rounds))];
	switch (s->op) {
	case IR_FMADD:
		s->memop |= 16 * rng_below(&g->r, 4);
		break;
	case IR_F2I: case IR_I2F:
		s->memop |= rng_below(&g->r, 4) << 8;
		break;
	case IR_FSGNJ:
		s->memop = rng_below(&g->r, 3);
		break;
	case IR_FCMP:	/* what guests use */
		s->memop = rng_below(&g->r, 3);
		if (s->memop != IR_FEQ)
			s->memop |= IR_FCMP_SIGNALING;
		break;
	case IR_FMIN: case IR_FMAX: case IR_FCLASS: case IR_FMVXF: case IR_FMVFX: case IR_FMOV:
		s->memop = 0;
	}
}

static void draw_control(struct gen *g, struct prog_step *s)
{
	s->a = int_operand(g);
	s->b = int_operand(g);
	s->dst = int_dst(g);
	switch (rng_below(&g->r, 15)) {
	case 12: case 13: case 14:
		s->op = IR_FLAGS;
		s->memop = rng_below(&g->r, 200);
		s->c = int_operand(g);
		return;
	case 0:
		s->op = IR_GUARD;
		s->memop = rng_one_in(&g->r, 10) ? 2 : 1;
		break;
	case 1:
		s->op = IR_CALL;
		s->ty = rng_one_in(&g->r, 2) ? IRH_INT_ONLY : 0;
		break;
	case 2:
		s->op = IR_CALL;
		s->ty = IRH_SYNC | (rng_one_in(&g->r, 2) ? IRH_INT_ONLY : 0);
		break;
	case 3:
		s->op = IR_CALL;
		s->ty = IRH_LEAVE | IRH_SYNC;
		s->a = rng_one_in(&g->r, 4) ? s->a : REF_CONST(1);	/* odd: stays */
		break;
	case 4: case 5:
		s->op = rng_one_in(&g->r, 2) ? IR_LDS : IR_STS;
		s->memop = rng_below(&g->r, 4) | (rng_one_in(&g->r, 2) ? MO_SIGN : 0);
		break;
	case 6:
		s->op = IR_FENCE;
		s->memop = rng_below(&g->r, 16);
		break;
	default:
		s->op = IR_BRC;
		s->ty = IR_TY(int_type(g), rng_below(&g->r, IR_GTU + 1));
		/* Mostly equality of unlikely partners: the block goes on. */
		if (!rng_one_in(&g->r, 3))
			s->ty = IR_TY(IR_TYPE(s->ty), IR_EQ);
		s->memop = (uint32_t)((int)rng_below(&g->r, 1024) * 4 - 0x400);
		if (s->memop < 0x400)	/* no loops */
			s->memop += 0x400;
	}
}

static void draw_step(struct gen *g, struct prog_step *s, unsigned what)
{
	unsigned kind;

	memset(s, 0, sizeof(*s));
	s->fresh = rng_one_in(&g->r, 2);
	do
		kind = 1u << (rng_one_in(&g->r, 12) ? 3 : rng_below(&g->r, 3));
	while (!(kind & what));
	if (kind == GEN_INT)
		draw_int(g, s);
	else if (kind == GEN_MEM)
		draw_memory(g, s, what & GEN_FP);
	else if (kind == GEN_FP)
		draw_float(g, s);
	else
		draw_control(g, s);
}

#define ROTATE_RIGHT 2		/* constants of rotation() */
#define ROTATE_LEFT 3

/*
 * Two shifts and a combination, as compilers write a rotation: what the builder recognises, and
 * near misses (one count off, a source that changes in between, other slots).
 */
static void draw_rotation(struct gen *g)
{
	static const uint8_t joins[] = { IR_OR, IR_OR, IR_XOR, IR_ADD, IR_AND };
	struct prog_step *s = &g->p->steps[g->p->nr_steps];
	uint16_t x = REF_SLOT(rng_below(&g->r, FIRST_ADDRESS));
	uint16_t a = rng_one_in(&g->r, 4) ? x : REF_SLOT(rng_below(&g->r, FIRST_ADDRESS));
	uint16_t b = rng_one_in(&g->r, 6) ? x : REF_SLOT(rng_below(&g->r, FIRST_ADDRESS));
	unsigned ty = int_type(g), swap = rng_one_in(&g->r, 2), i;

	memset(s, 0, 3 * sizeof(*s));
	for (i = 0; i < 2; i++) {
		s[i].op = i == swap ? IR_SHR : IR_SHL;
		s[i].ty = (uint8_t)(rng_one_in(&g->r, 8) ? int_type(g) : ty);
		s[i].dst = i ? b : a;
		s[i].a = rng_one_in(&g->r, 8) ? REF_SLOT(rng_below(&g->r, FIRST_ADDRESS)) : x;
		s[i].b = REF_CONST(i == swap ? ROTATE_RIGHT : ROTATE_LEFT);
	}
	s[2].op = joins[rng_below(&g->r, ARRAY_SIZE(joins))];
	s[2].ty = IR_I64;
	s[2].dst = int_dst(g);
	s[2].a = rng_one_in(&g->r, 2) ? a : b;
	s[2].b = s[2].a == a ? b : a;
	g->p->nr_steps += 2;	/* the caller counts the third */
}

static void draw_start(struct gen *g, unsigned what)
{
	struct prog *p = g->p;
	unsigned i;

	p->start_pc = TM_PC + (what & GEN_MOVED && rng_one_in(&g->r, 2) ? 0x7ff000 : 0);
	p->round = what & GEN_FP ? (uint8_t)rng_below(&g->r, 5) : 0;
	for (i = 0; i < PROG_CONSTS; i++) {
		p->consts[i] = rng_int(&g->r);
		p->const_is_pc[i] = what & GEN_PC && i >= 2 && rng_one_in(&g->r, 6);
		if (p->const_is_pc[i])
			p->consts[i] = TM_PC + 0x400 + p->consts[i] % 0x10000;
	}
	p->consts[0] = (uint64_t)(int64_t)((int)rng_below(&g->r, 64) - 32) & ~UINT64_C(7);
	p->consts[1] |= 1;
	p->consts[4] = 0;
	p->consts[5] = 1;
	p->const_is_pc[4] = p->const_is_pc[5] = false;
	p->const_is_pc[ROTATE_RIGHT] = p->const_is_pc[ROTATE_LEFT] = false;
	p->consts[ROTATE_RIGHT] = rng_below(&g->r, 64);
	p->consts[ROTATE_LEFT] = (rng_one_in(&g->r, 2) ? 32 : 64) - p->consts[ROTATE_RIGHT] +
				 (rng_one_in(&g->r, 10) ? 1 : 0);
	memset(&p->start, 0, sizeof(p->start));
	for (i = 0; i < TM_INTS; i++)
		p->start.x[i] = rng_int(&g->r);
	for (i = FIRST_ADDRESS; i < TM_INTS; i++) {
		uint64_t at = rng_below(&g->r, 3 * TM_PAGE) + TM_PAGE / 2;

		if (rng_one_in(&g->r, 12))	/* near an edge between pages */
			at = (rng_below(&g->r, TM_PAGES) + 1) * TM_PAGE - rng_below(&g->r, 64);
		p->start.x[i] = TM_BASE + (i < FIRST_ADDRESS + 6 ? align_down(at, 8) : at);
	}
	for (i = 0; i < TM_FLOATS; i++)
		p->start.f[i] = rng_one_in(&g->r, 2) ?
					rng_f64(&g->r) :
					rng_f32(&g->r) | UINT64_C(0xffffffff00000000);
	p->start.pc = p->start_pc;
	p->start.resv_addr = UINT64_MAX;
	p->start.word = rng_next(&g->r);
	p->start.guard = 1;
	for (i = 0; i < TM_FIELDS; i++)
		p->start.field[i] = p->consts[i] + (p->const_is_pc[i] ? p->start_pc - TM_PC : 0);
}

void prog_generate(struct prog *p, uint64_t seed, unsigned max_steps, unsigned what)
{
	static const uint8_t ends[] = {
		IR_EXIT, IR_EXIT, IR_CALLD, IR_CALLI, IR_JMPI, IR_RET, IR_EXITFN, IR_LOOKUP
	};
	struct gen g = { .r = { seed }, .p = p, .base = REF_SLOT(FIRST_ADDRESS) };
	unsigned n = 1 + rng_below(&g.r, MIN(max_steps, (unsigned)PROG_STEPS));

	draw_start(&g, what);
	for (p->nr_steps = 0; p->nr_steps < n; p->nr_steps++) {
		if (what & GEN_INT && n - p->nr_steps >= 3 && rng_one_in(&g.r, 12))
			draw_rotation(&g);
		else
			draw_step(&g, &p->steps[p->nr_steps], what);
	}
	p->end = ends[rng_below(&g.r, what & GEN_CONTROL ? sizeof(ends) : 1)];
	p->end_arg = REF_SLOT(rng_below(&g.r, TM_INTS));
}
