/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TCG_OPT_H
#define TCG_OPT_H

#include "tcg/ir.h"

/*
 * One backward pass: drops pure operations whose result nobody reads, and slot
 * writes that are overwritten before anything can observe them; leaves in
 * ir_value.uses the number of reads of each temporary (saturating at 255).
 */
void ir_optimize(struct ir_block *b);

/* Calls fn for each value operand that op reads. */
#define IR_MAX_READS 4
unsigned ir_reads(const struct ir_op *op, ir_val out[IR_MAX_READS]);

/* May C code, an exception or another block look at the lazily kept flags here? */
bool ir_shows_flags(const struct ir_block *b, const struct ir_op *op);

#endif
