/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every computational F and D instruction as data, and what MPFR says it does
 * (unprivileged manual, chapters "F" and "D").
 */
#ifndef TESTS_INSN_FP_INSN_H
#define TESTS_INSN_FP_INSN_H

#include "tests/softfloat/ref.h"

enum fp_kind { FP_ARITH, FP_FMA, FP_SIGN, FP_COMPARE, FP_CLASS, FP_TO_INT, FP_FROM_INT, FP_CONVERT,
	       FP_MOVE_X, FP_MOVE_F };

struct fp_insn {
	const char *name;		/* as in the ISA's table */
	enum fp_kind kind;
	uint8_t fmt;			/* of the operands; FROM_INT, MOVE_F: of the result */
	uint8_t what; /* ARITH, COMPARE: OP_*; TO_INT, FROM_INT: INT_*; SIGN: 0 copy, 1 negate,
					 * 2 xor; FMA: bit 0 negates the product, bit 1 the
					 * addend; CONVERT: FMT_* */
	uint8_t operands;
	bool rounds;			/* has an rm field */
};
extern const struct fp_insn fp_insns[];	/* name NULL ends */

/* Operands of one execution, as the registers have them. */
struct fp_case { uint64_t f[3], x; };

static inline bool fp_to_x(const struct fp_insn *i)
{
	return i->kind == FP_COMPARE || i->kind == FP_CLASS || i->kind == FP_TO_INT ||
	       i->kind == FP_MOVE_X;
}
static inline bool fp_from_x(const struct fp_insn *i)
{
	return i->kind == FP_FROM_INT || i->kind == FP_MOVE_F;
}

struct fp_result { uint64_t value; unsigned flags; };
/* Results in the rounding modes 0-4. */
void fp_reference(struct ref *ref, const struct fp_insn *i, const struct fp_case *c,
		  struct fp_result out[5]);

#endif
