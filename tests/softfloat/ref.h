/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference: MPFR computes, rounds and subnormalises; this turns its
 * results into bit patterns and IEEE flags.
 */
#ifndef TESTS_SOFTFLOAT_REF_H
#define TESTS_SOFTFLOAT_REF_H

#include "tests/softfloat/formats.h"

/* One operation on given operands, before rounding. */
struct ref;

struct ref_result {
	u128 bits;		/* NaNs: the positive default one */
	uint8_t flags;		/* tininess after rounding */
	uint8_t flags_before;	/* tininess before rounding */
};

struct ref *ref_new(void);
void ref_free(struct ref *ref);

/* op: OP_ADD to OP_REM, OP_MIN, OP_MAX, or OP_TO_*.  Unused operands: 0. */
void ref_compute(struct ref *ref, const struct fmt *f, enum fmt_op_index op,
		 u128 a, u128 b, u128 c);
void ref_compute_int(struct ref *ref, uint64_t v, bool is_signed);
/* Round what was computed last to f with prec (<= f->prec) bits. */
struct ref_result ref_round(struct ref *ref, const struct fmt *f, int prec,
			    enum sf_round rm);

/* Those that need no rounding to a format. */
struct ref_result ref_round_int(struct ref *ref, const struct fmt *f, u128 a,
				enum sf_round rm, bool exact);
struct ref_result ref_to_int(struct ref *ref, const struct fmt *f, u128 a,
			     enum sf_round rm, int type, enum sf_int oor);
struct ref_result ref_compare(struct ref *ref, const struct fmt *f,
			      enum fmt_op_index op, u128 a, u128 b);

#endif
