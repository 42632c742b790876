/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wrong code on purpose: what lockstep must find, in its tests and when in doubt about it. */
#include <strings.h>

#include "accel/tcg/tcg.h"

static bool alike(unsigned a, unsigned b)
{
	const struct ir_opinfo *x = &ir_opinfo[a], *y = &ir_opinfo[b];

	return x->dst == y->dst && x->a == y->a && x->b == y->b && x->c == y->c && x->d == y->d &&
	       x->flags == y->flags;
}

/*
 * The operation that is emitted instead, or 0. Some exist for 64 bits only,
 * and may stand in for others no more.
 */
static unsigned other(unsigned op)
{
	if (op < IR_ADD || (op >= IR_MULHU && op <= IR_MULHSU) || op == IR_SETC || op == IR_ORCB)
		return 0;
	if (op > IR_ADD && alike(op, op - 1) && (op - 1 < IR_MULHU || op - 1 > IR_MULHSU) &&
	    op - 1 != IR_ORCB)
		return op - 1;
	return op + 1 < IR_NR_OPS && alike(op, op + 1) &&
			       (op + 1 < IR_MULHU || op + 1 > IR_MULHSU) ?
		       op + 1 :
		       0;
}

unsigned sabotage_find(const char *name)
{
	unsigned i;

	if (!strcasecmp(name, "flush"))
		return SABOTAGE_FLUSH;
	for (i = 1; i < IR_NR_OPS; i++)
		if (!strcasecmp(ir_opinfo[i].name, name))
			return i == IR_BRC || other(i) ? i : 0;
	return 0;
}

void sabotage_block(struct ir_block *b, unsigned op)
{
	unsigned i;

	for (i = 0; i < b->nr_ops; i++)
		if (b->ops[i].op == op && op == IR_BRC)
			b->ops[i].ty ^= 1 << 4;		/* the opposite condition */
		else if (b->ops[i].op == op)
			b->ops[i].op = (uint8_t)other(op);
}
