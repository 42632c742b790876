/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IR_FLAGS, late: what a flag-setting instruction leaves is at most a note in the emitter. Its
 * operands are stored when something can look at them: inline where the block goes on elsewhere,
 * in the cold part where a memory access may fault, before a pinned slot that is one of them
 * changes, and not at all where the next FLAGS comes first. Operands that are neither constants
 * nor pinned slots are stored at once, since nobody keeps them.
 */
#include "tcg/opt.h"
#include "tcg/x86_64/emit_x86.h"

enum { ALL_STORED = 15, OP_STORED = 8 };

/* Until which operation the flags of each FLAGS may be looked at. */
void flags_plan(struct emitter *e)
{
	const struct ir_block *b = e->b;
	const struct isa_tcg *t = b->tcg;
	unsigned i, last = 0;

	e->fl.on = false;
	e->entry_kills_flags = false;
	if (!t->has_flags)
		return;
	for (i = b->nr_ops; i-- > 0; ) {
		const struct ir_op *op = &b->ops[i];

		if (op->op == IR_FLAGS) {
			e->flags_until[i] = (uint16_t)last;
			last = 0;
			e->entry_kills_flags = true;
		} else if (ir_shows_flags(b, op)) {
			last = MAX(last, i);
			e->entry_kills_flags = false;
		}
	}
}

static void store_operand(struct emitter *e, struct lazy_flags *f, unsigned n)
{
	struct mem m = STATE(e->b->tcg->flags_off[n]);
	ir_val v = f->v[n];
	uint64_t c = 0;

	f->stored |= 1u << n;
	if (is_slot(e, v)) {
		x_st(&e->c, m, e->pin[v]);
		return;
	}
	is_const(e, v, &c);
	x_rm(&e->c, 0xc7 | W, 0, m);
	b4(&e->c, (uint32_t)c);
}

void flags_store(struct emitter *e, struct lazy_flags *f)
{
	unsigned i;

	if (!f->on || f->stored == ALL_STORED)
		return;
	for (i = 0; i < 3; i++)
		if (!(f->stored >> i & 1))
			store_operand(e, f, i);
	if (!(f->stored & OP_STORED)) {
		x_rm(&e->c, 0xc6, 0, STATE(e->b->tcg->flags_op_off));
		b1(&e->c, f->op);
		f->stored |= OP_STORED;
	}
}

bool flags_pending(const struct emitter *e)
{
	return e->fl.on && e->fl.stored != ALL_STORED;
}

void flags_before_write(struct emitter *e, ir_val dst)
{
	unsigned i;

	if (!flags_pending(e))
		return;
	if (e->op_index > e->fl.until) {
		e->fl.on = false;	/* nobody looks before the next FLAGS */
		return;
	}
	for (i = 0; i < 3; i++)
		if (!(e->fl.stored >> i & 1) && e->fl.v[i] == dst)
			store_operand(e, &e->fl, i);
}

static bool lazy(const struct emitter *e, ir_val v)
{
	uint64_t c;

	if (is_slot(e, v))
		return e->pin[v] >= 0;
	return is_const(e, v, &c) && (int64_t)c == (int32_t)c;
}

void emit_flags(struct emitter *e, const struct ir_op *op)
{
	const ir_val v[3] = { op->a, op->b, op->c };
	unsigned i;

	e->fl = (struct lazy_flags){ .on = true, .op = (uint8_t)op->aux,
				     .until = e->flags_until[e->op_index] };
	for (i = 0; i < 3; i++) {
		e->fl.v[i] = v[i];
		if (v[i] == IR_NONE) {
			e->fl.stored |= 1u << i;
		} else if (!lazy(e, v[i])) {
			x_st(&e->c, STATE(e->b->tcg->flags_off[i]), in_reg(e, v[i]));
			e->lock = 0;
			e->fl.stored |= 1u << i;
		}
	}
}
