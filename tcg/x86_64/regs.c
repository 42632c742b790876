/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where values lie: pins, the three scratch registers, spill words. */
#include "tcg/opt.h"
#include "tcg/x86_64/emit_x86.h"

const uint8_t x86_pins[NR_PINS] = { RBX, RSI, RDI, R8, R9, R10, R11, R12, R13, R14 };

void pins_of(const struct isa_tcg *tcg, int8_t pin[IR_MAX_SLOTS])
{
	unsigned i;

	for (i = 0; i < tcg->nr_slots; i++) {
		const struct ir_slot *s = &tcg->slots[i];

		pin[i] = -1;
		if (s->pin && !s->fp && s->pin <= NR_PINS)
			pin[i] = (int8_t)x86_pins[s->pin - 1];
		if (s->pin && s->fp && s->pin <= NR_FPINS)
			pin[i] = (int8_t)(FIRST_FPIN + s->pin - 1);
	}
}

void regs_begin(struct emitter *e)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		e->s[i] = e->fs[i] = IR_NONE;
	e->lock = e->flock = e->spill_used = 0;
	e->fold = IR_NONE;
	memset(e->boxed, 0, sizeof(e->boxed));
	memset(e->treg, -1, e->b->nr_vals);
	memset(e->tspill, -1, e->b->nr_vals);
}

struct mem slot_mem(const struct emitter *e, ir_val v)
{
	return STATE(e->b->tcg->slots[v].off);
}

static struct mem spill_mem(int n)
{
	return M(RBP, CPU_HEAD_OFF(spill) + 8 * n);
}

/*
 * Gives register r up: a temporary with reads left goes to memory, a cached
 * slot is just forgotten.
 */
static void evict(struct emitter *e, int r)
{
	ir_val v = e->s[r];
	int n, t;

	e->s[r] = IR_NONE;
	if (v == IR_NONE || is_slot(e, v))
		return;
	t = v - e->b->nr_slots;
	e->treg[t] = -1;
	if (!e->b->vals[t].uses || e->tspill[t] >= 0)
		return;
	for (n = 0; n < NR_SPILLS && e->spill_used >> n & 1; n++)
		;
	if (n == NR_SPILLS) {
		e->failed = true; /* translated again in smaller pieces, at last one instruction */
		return;
	}
	e->spill_used |= 1 << n;
	e->tspill[t] = (int8_t)n;
	x_st(&e->c, spill_mem(n), r);
}

/* Whatever register v is in, it is not kept there. */
void forget_temp(struct emitter *e, ir_val v)
{
	int r;

	if (v == IR_NONE || is_slot(e, v) || val(e, v)->kind != VAL_TMP)
		return;
	for (r = 0; r < 3; r++)
		if (e->s[r] == v)
			e->s[r] = IR_NONE;
	e->treg[v - e->b->nr_slots] = -1;
}

void take(struct emitter *e, int r)
{
	evict(e, r);
	e->lock |= 1 << r;
}

#define LOOK_AHEAD 8

/* How soon is v read again? LOOK_AHEAD: not soon, or it is overwritten first. */
static unsigned next_read(const struct emitter *e, ir_val v)
{
	const struct ir_block *b = e->b;
	unsigned i, j, n;
	ir_val r[IR_MAX_READS];

	for (i = 0; i < LOOK_AHEAD && e->op_index + 1 + i < b->nr_ops; i++) {
		const struct ir_op *op = &b->ops[e->op_index + 1 + i];

		n = ir_reads(op, r);
		for (j = 0; j < n; j++)
			if (r[j] == v)
				return i;
		if (ir_opinfo[op->op].dst == 'i' && op->dst == v)
			break;
	}
	return LOOK_AHEAD;
}

/* A free one; else the copy of a slot that is read last; else a temporary has to move. */
int scratch(struct emitter *e)
{
	static const uint8_t order[3] = { RAX, RCX, RDX };
	unsigned far = 0, when;
	int i, r, best = -1;

	for (i = 0; i < 3; i++) {
		r = order[i];
		if (e->lock >> r & 1)
			continue;
		if (e->s[r] == IR_NONE) {
			best = r;
			break;
		}
		when = is_slot(e, e->s[r]) ? 1 + next_read(e, e->s[r]) : 0;
		if (best < 0 || when > far) {
			best = r;
			far = when;
		}
	}
	if (best < 0) {
		e->failed = true;
		best = RAX;
	}
	take(e, best);
	return best;
}

void flush_scratch(struct emitter *e)
{
	evict(e, RAX);
	evict(e, RCX);
	evict(e, RDX);
}

static int cached(const struct emitter *e, ir_val v)
{
	int i;

	for (i = 0; i < 3; i++)
		if (e->s[i] == v)
			return i;
	return -1;
}

struct opnd opnd(struct emitter *e, ir_val v)
{
	struct opnd o = { .k = O_REG };
	uint64_t c;
	int r;

	if (is_const(e, v, &c)) {
		if ((int64_t)c == (int32_t)c) {
			o.k = O_IMM;
			o.imm = (int32_t)c;
			return o;
		}
		o.r = scratch(e);
		x_mov_ri(&e->c, o.r, c);
		return o;
	}
	if (is_pc(e, v, &c)) {	/* relative: is_const did not take it */
		o.r = scratch(e);
		mov_pc(e, o.r, c);
		return o;
	}
	if (is_slot(e, v) && e->pin[v] >= 0) {
		o.r = e->pin[v];
		return o;
	}
	r = cached(e, v);
	if (r >= 0) {
		e->lock |= 1 << r;
		o.r = r;
		return o;
	}
	o.k = O_MEM;
	if (is_slot(e, v))
		o.m = slot_mem(e, v);
	else if (e->tspill[v - e->b->nr_slots] >= 0)
		o.m = spill_mem(e->tspill[v - e->b->nr_slots]);
	else
		e->failed = true;
	return o;
}

int in_reg(struct emitter *e, ir_val v)
{
	struct opnd o = opnd(e, v);
	int r;

	if (o.k == O_REG)
		return o.r;
	r = scratch(e);
	if (o.k == O_IMM) {
		x_mov_ri(&e->c, r, (uint64_t)(int64_t)o.imm);
	} else {
		x_ld(&e->c, r, o.m);
		e->s[r] = v;		/* a clean copy from now on */
		if (!is_slot(e, v))
			e->treg[v - e->b->nr_slots] = (int8_t)r;
	}
	return r;
}

struct opnd opnd_rm(struct emitter *e, ir_val v)
{
	struct opnd o = opnd(e, v);

	if (o.k == O_IMM) {
		o.k = O_REG;
		o.r = scratch(e);
		x_mov_ri(&e->c, o.r, (uint64_t)(int64_t)o.imm);
	}
	return o;
}

void load_to(struct emitter *e, int reg, ir_val v)
{
	struct opnd o;
	uint64_t c;

	if (is_const(e, v, &c)) {
		x_mov_ri(&e->c, reg, c);
		return;
	}
	if (is_pc(e, v, &c)) {
		mov_pc(e, reg, c);
		return;
	}
	o = opnd(e, v);
	if (o.k == O_REG)
		x_mov_rr(&e->c, reg, o.r);
	else
		x_ld(&e->c, reg, o.m);
}

/* Is temporary v the address of the access that comes next? That one wants it in rcx. */
static bool is_next_address(const struct emitter *e, ir_val v)
{
	const struct ir_op *op = &e->b->ops[e->op_index + 1];

	if (is_slot(e, v))
		return false;
	if (op < e->b->ops + e->b->nr_ops && ir_opinfo[op->op].dst == 'i' && op->dst == v)
		op++;		/* that one computes it, together with the current operation */
	if (op >= e->b->ops + e->b->nr_ops)
		return false;
	switch (op->op) {
	case IR_LD: case IR_ST: case IR_FLD: case IR_FST: case IR_AMO:
		return op->a == v;
	}
	return false;
}

int def_reg(struct emitter *e, ir_val dst, ir_val like)
{
	int r;

	if (is_slot(e, dst) && e->pin[dst] >= 0)
		return e->pin[dst];
	if (like != IR_NONE && !is_slot(e, like)) {
		int t = like - e->b->nr_slots;

		r = e->treg[t];
		if (r >= 0 &&
		    e->b->vals[t].uses == 1) { /* dies here: its register is the result's */
			e->lock |= 1 << r;
			return r;
		}
	}
	r = cached(e, dst);
	if (r >= 0 && !(e->lock >> r & 1)) {
		e->lock |= 1 << r;
		return r;
	}
	if (is_next_address(e, dst) && !(e->lock >> RCX & 1) &&
	    (e->s[RCX] == IR_NONE || is_slot(e, e->s[RCX]))) {
		take(e, RCX);
		return RCX;
	}
	return scratch(e);
}

void def_done(struct emitter *e, ir_val dst, int reg)
{
	int r = cached(e, dst);

	if (r >= 0)
		e->s[r] = IR_NONE;
	if (is_slot(e, dst)) {
		if (e->pin[dst] >= 0) {
			x_mov_rr(&e->c, e->pin[dst], reg);
			return;
		}
		x_st(&e->c, slot_mem(e, dst), reg);
	} else {
		if (reg > RDX) {	/* a pin: temporaries live in scratch only */
			int s = scratch(e);

			x_mov_rr(&e->c, s, reg);
			reg = s;
		}
		e->treg[dst - e->b->nr_slots] = (int8_t)reg;
	}
	if (reg > RDX)
		return;
	if (e->s[reg] != IR_NONE && !is_slot(e, e->s[reg]))
		e->treg[e->s[reg] - e->b->nr_slots] = -1;
	e->s[reg] = dst;
	if (!is_slot(e, dst))
		e->treg[dst - e->b->nr_slots] = (int8_t)reg;
}

static void release(struct emitter *e, ir_val v)
{
	int t, r;

	if (v == IR_NONE || is_slot(e, v))
		return;
	t = v - e->b->nr_slots;
	if (e->b->vals[t].kind == VAL_CONST || e->b->vals[t].kind == VAL_PC)
		return;
	if (e->b->vals[t].uses < 255)
		e->b->vals[t].uses--;
	if (e->b->vals[t].uses)
		return;
	r = e->treg[t];
	if (e->b->vals[t].kind == VAL_FTMP) {
		if (r >= 0 && e->fs[r] == v)
			e->fs[r] = IR_NONE;
	} else if (r >= 0 && e->s[r] == v) {
		e->s[r] = IR_NONE;
	}
	e->treg[t] = -1;
	if (e->tspill[t] >= 0)
		e->spill_used &= ~(1 << e->tspill[t]);
	e->tspill[t] = -1;
}

void op_end(struct emitter *e, const struct ir_op *op)
{
	const struct ir_opinfo *info = &ir_opinfo[op->op];

	if (info->a != '_')
		release(e, op->a);
	if (info->b != '_')
		release(e, op->b);
	if (info->c != '_')
		release(e, op->c);
	if (info->d != '_')
		release(e, op->d);
	/* a result nobody reads (of an op that is not pure) does not keep its register */
	if (info->dst != '_' && op->dst != IR_NONE && !is_slot(e, op->dst) &&
	    !val(e, op->dst)->uses) {
		int r = e->treg[op->dst - e->b->nr_slots];

		if (r >= 0 && info->dst == 'i' && e->s[r] == op->dst)
			e->s[r] = IR_NONE;
		if (r >= 0 && info->dst == 'f' && e->fs[r] == op->dst)
			e->fs[r] = IR_NONE;
	}
	e->lock = 0;
	e->flock = 0;
}

/* Floating values: pinned slots in xmm3-15, others in memory; temporaries in xmm0-2. */

int f_scratch(struct emitter *e)
{
	int r;

	for (r = 2; r >= 0; r--) {
		if (e->flock >> r & 1 || e->fs[r] != IR_NONE)
			continue;
		e->flock |= 1 << r;
		return r;
	}
	e->failed = true;
	return 0;
}

int f_in_reg(struct emitter *e, ir_val v)
{
	int r;

	if (is_slot(e, v)) {
		if (e->pin[v] >= 0)
			return e->pin[v];
		r = f_scratch(e);
		if (vec_slot(e, v))
			y_rm(&e->c, 0, 1, 0, 0x10, r, 0, slot_mem(e, v));	/* vmovups */
		else
			v_rm(&e->c, 2, 1, 0, 0x7e, r, 0, slot_mem(e, v));	/* vmovq */
		return r;
	}
	r = e->treg[v - e->b->nr_slots];
	if (r < 0) {
		e->failed = true;
		return 0;
	}
	e->flock |= 1 << r;
	return r;
}

int f_def_reg(struct emitter *e, ir_val dst)
{
	return is_slot(e, dst) && e->pin[dst] >= 0 ? e->pin[dst] : f_scratch(e);
}

void f_def_done(struct emitter *e, ir_val dst, int reg, bool boxed)
{
	if (vec_slot(e, dst)) {
		if (e->pin[dst] < 0)
			y_rm(&e->c, 0, 1, 0, 0x11, reg, 0, slot_mem(e, dst));
		else if (e->pin[dst] != reg)
			y_rr(&e->c, 0, 1, 0, 0x28, e->pin[dst], 0, reg);
		return;
	}
	if (is_slot(e, dst)) {
		if (e->pin[dst] < 0)
			v_rm(&e->c, 1, 1, 0, 0xd6, reg, 0, slot_mem(e, dst));	/* vmovq [m], x */
		else if (e->pin[dst] != reg)
			v_rr(&e->c, 0, 1, 0, 0x28, e->pin[dst], 0, reg);	/* vmovaps */
		if (boxed)
			e->boxed[dst >> 6] |= BIT(dst & 63);
		else
			e->boxed[dst >> 6] &= ~BIT(dst & 63);
		return;
	}
	e->fs[reg] = dst;
	e->treg[dst - e->b->nr_slots] = (int8_t)reg;
}
