/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The formats as data, with every operation behind one signature, and the
 * values to try them on.
 */
#ifndef TESTS_SOFTFLOAT_FORMATS_H
#define TESTS_SOFTFLOAT_FORMATS_H

#include "util/softfloat/softfloat.h"

typedef unsigned __int128 u128;

typedef u128 (*fmt_op)(struct sf_env *env, u128 a, u128 b, u128 c);
typedef u128 (*fmt_from_int)(struct sf_env *env, uint64_t v);
typedef uint64_t (*fmt_to_int)(struct sf_env *env, u128 a, enum sf_round rm,
			       enum sf_int oor);

enum fmt_op_index {
	OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_SQRT, OP_FMA, OP_FMS, OP_FNMA,
	OP_REM, OP_MIN, OP_MAX, OP_MINIMUM, OP_MAXIMUM, OP_MINNUM, OP_MAXNUM,
	OP_EQ_Q, OP_LT_Q, OP_LE_Q, OP_EQ_S, OP_LT_S, OP_LE_S,
	OP_ROUND_INT, OP_ROUND_INT_EXACT,	/* by env->round */
	OP_CLASSIFY, OP_IS_NAN, OP_IS_SNAN,
	OP_TO_16, OP_TO_32, OP_TO_64, OP_TO_80, OP_TO_128,
	OP_COUNT
};

enum { INT_I32, INT_U32, INT_I64, INT_U64, INT_COUNT };

struct fmt {
	int width;
	int exp_bits;
	int field;	/* bits of the significand field */
	int prec;	/* precision; == field where the integer bit is stored */
	fmt_op op[OP_COUNT];
	fmt_from_int from_int[INT_COUNT];
	fmt_to_int to_int[INT_COUNT];	/* sign extended */
};

enum { FMT_16, FMT_32, FMT_64, FMT_80, FMT_128, FMT_COUNT };
extern const struct fmt formats[FMT_COUNT];
extern const char *const fmt_op_names[OP_COUNT];

static inline int fmt_bias(const struct fmt *f)
{
	return (1 << (f->exp_bits - 1)) - 1;
}

/* frac: without the integer bit, which is supplied for f80. */
u128 fmt_make(const struct fmt *f, bool sign, int biased, u128 frac);

#define FMT_VALUES_MAX 128
/* Fills out with corner cases, the most telling ones first; returns how many. */
int fmt_values(const struct fmt *f, u128 out[FMT_VALUES_MAX]);

uint64_t test_random(void);
/* Any value; corners, close exponents and sparse fractions are likely. */
u128 fmt_random(const struct fmt *f);
/* One that is likely to interact with near when added to it. */
u128 fmt_random_near(const struct fmt *f, u128 near);
uint64_t test_random_int(void);

/* printf helper: 32 hex digits into one of eight rotating buffers. */
const char *test_hex(u128 v);

#endif
