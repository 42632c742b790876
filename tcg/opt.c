/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tcg/opt.h"

#include "tcg/isa_tcg.h"

#include <string.h>

unsigned ir_reads(const struct ir_op *op, ir_val out[IR_MAX_READS])
{
	const struct ir_opinfo *info = &ir_opinfo[op->op];
	unsigned n = 0;

	if (info->a != '_')
		out[n++] = op->a;
	if (info->b != '_')
		out[n++] = op->b;
	if (info->c != '_' && op->c != IR_NONE)
		out[n++] = op->c;
	if (info->d != '_')
		out[n++] = op->d;
	return n;
}

/* A write that leaves part of a vector slot as it is does not end the life of what was there. */
static bool merges(const struct ir_op *op)
{
	return ((op->op == IR_VOP || op->op == IR_ITOV) && VOP_MODE(op->aux) == V_MERGE) ||
	       (op->op == IR_FLD && op->memop & MO_VMERGE);
}

bool ir_shows_flags(const struct ir_block *b, const struct ir_op *op)
{
	const struct isa_tcg *t = b->tcg;
	uint32_t off = (uint32_t)op->off;

	if (ir_opinfo[op->op].flags & (IRF_F | IRF_E | IRF_X))
		return true;
	return op->op == IR_LDS &&
	       (off == t->flags_op_off || off == t->flags_off[0] || off == t->flags_off[1] ||
		off == t->flags_off[2]);
}

static bool pure(const struct ir_op *op)
{
	return ir_opinfo[op->op].flags & IRF_P || (op->op == IR_CALL && op->ty & IRH_PURE);
}

void ir_optimize(struct ir_block *b)
{
	bool flags_dead = false;
	uint64_t dead[IR_MAX_SLOTS / 64] = { 0 };	/* overwritten before it can be seen */
	unsigned i, j, n;
	ir_val r[IR_MAX_READS];

	for (i = 0; i < b->nr_vals; i++)
		b->vals[i].uses = 0;
	for (i = b->nr_ops; i-- > 0; ) {
		struct ir_op *op = &b->ops[i];
		const struct ir_opinfo *info = &ir_opinfo[op->op];
		ir_val d = info->dst == '_' ? IR_NONE : op->dst;

		if (op->op == IR_FLAGS) {
			if (flags_dead) {
				op->op = IR_NOP;
				continue;
			}
			flags_dead = true;
		}
		if (d != IR_NONE && pure(op)) {
			bool unread = d < b->nr_slots ? dead[d >> 6] >> (d & 63) & 1
						      : !b->vals[d - b->nr_slots].uses;
			if (unread) {
				op->op = IR_NOP;
				continue;
			}
		}
		if (ir_shows_flags(b, op))
			flags_dead = false;
		if (d != IR_NONE && d < b->nr_slots && !merges(op))
			dead[d >> 6] |= UINT64_C(1) << (d & 63);
		/* a 32-bit operand that is not boxed leaves for the `safe` variant, too */
		if (info->flags & (IRF_F | IRF_E | IRF_X) ||
		    (op->op >= IR_FADD && IR_TYPE(op->ty) == IR_F32))
			memset(dead, 0, sizeof(dead));
		n = ir_reads(op, r);
		for (j = 0; j < n; j++) {
			if (r[j] == IR_NONE)
				continue;
			if (r[j] < b->nr_slots)
				dead[r[j] >> 6] &= ~(UINT64_C(1) << (r[j] & 63));
			else if (b->vals[r[j] - b->nr_slots].uses < 255)
				b->vals[r[j] - b->nr_slots].uses++;
		}
	}
}
