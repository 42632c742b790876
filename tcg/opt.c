/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tcg/opt.h"

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

void ir_optimize(struct ir_block *b)
{
	uint64_t dead[IR_MAX_SLOTS / 64] = { 0 };	/* overwritten before it can be seen */
	unsigned i, j, n;
	ir_val r[IR_MAX_READS];

	for (i = 0; i < b->nr_vals; i++)
		b->vals[i].uses = 0;
	for (i = b->nr_ops; i-- > 0; ) {
		struct ir_op *op = &b->ops[i];
		const struct ir_opinfo *info = &ir_opinfo[op->op];
		ir_val d = info->dst == '_' ? IR_NONE : op->dst;

		if (d != IR_NONE && info->flags & IRF_P) {
			bool unread = d < b->nr_slots ? dead[d >> 6] >> (d & 63) & 1
						      : !b->vals[d - b->nr_slots].uses;
			if (unread) {
				op->op = IR_NOP;
				continue;
			}
		}
		if (d != IR_NONE && d < b->nr_slots)
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
