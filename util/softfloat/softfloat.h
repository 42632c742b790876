/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer-only IEEE 754 arithmetic.
 *
 * Values are passed as bit patterns; no function here touches a floating
 * point or vector register, allocates, blocks or calls libc, so all of them
 * may run while the guest owns the host's FPU state (MXCSR).
 *
 * Every function takes the guest's FP environment.  Flags are sticky: they
 * are only ever OR-ed into env->flags.  Nothing fails: each bit pattern is a
 * valid argument (of a container wider than the format only the low N bits
 * are read, which concerns f80).
 *
 * N in the names below is the width: 16, 32, 64 (IEEE binary formats),
 * 80 (x87 extended, low 80 bits of the container, explicit integer bit)
 * and 128 (IEEE binary128).
 */
#ifndef UTIL_SOFTFLOAT_SOFTFLOAT_H
#define UTIL_SOFTFLOAT_SOFTFLOAT_H

#include <stdbool.h>
#include <stdint.h>

/* 0..4 are the encodings of RISC-V's frm field. */
enum sf_round {
	SF_RNE,		/* to nearest, ties to even */
	SF_RTZ,		/* towards zero */
	SF_RDN,		/* towards -infinity */
	SF_RUP,		/* towards +infinity */
	SF_RMM,		/* to nearest, ties away from zero */
	SF_ODD,		/* von Neumann: inexact results get an odd last bit */
};

/* The low five are RISC-V's fflags. */
enum {
	SF_NX = 1,	/* inexact */
	SF_UF = 2,	/* underflow: tiny and inexact */
	SF_OF = 4,	/* overflow */
	SF_DZ = 8,	/* division by zero */
	SF_NV = 16,	/* invalid operation */
	SF_DENORM = 32,	/* x86 DE; Arm IDC when daz is SF_DAZ_ARM */
};

/* What a NaN result looks like. */
enum sf_nan {
	/* Always the positive quiet NaN without payload (RISC-V, Arm DN=1). */
	SF_NAN_DEFAULT,
	/*
	 * First NaN operand, quieted; generated NaNs are negative (SDM vol. 1
	 * table 4-7).  f80 follows the x87 column: the larger significand.
	 */
	SF_NAN_X86,
	/*
	 * First signalling operand, else first quiet one; a fused
	 * multiply-add looks at the addend first (Arm ARM, FPProcessNaNs).
	 */
	SF_NAN_ARM,
};

/* Flushing of tiny results to zero. */
enum sf_ftz {
	SF_FTZ_OFF,
	SF_FTZ_X86,	/* MXCSR.FTZ: raises UF and NX */
	SF_FTZ_ARM,	/* FPCR.FZ: decided before rounding, raises UF only */
};

/* Treating subnormal operands as zero. */
enum sf_daz {
	SF_DAZ_OFF,
	SF_DAZ_X86,	/* MXCSR.DAZ: silent */
	SF_DAZ_ARM,	/* FPCR.FZ: raises SF_DENORM */
};

struct sf_env {
	uint8_t round;		/* enum sf_round */
	uint8_t flags;		/* sticky SF_NX.. */
	uint8_t nan;		/* enum sf_nan */
	uint8_t tiny_before;	/* 1: tininess is detected before rounding */
	uint8_t ftz;		/* enum sf_ftz */
	uint8_t daz;		/* enum sf_daz */
	/*
	 * f80 only: significand bits that add, sub, mul, div and sqrt round
	 * to (x87 precision control): 24, 53, or 0 for all 64.
	 */
	uint8_t prec;
};

/* What a float to integer conversion out of range yields (with SF_NV only). */
enum sf_int {
	SF_INT_RISCV,	/* nearest representable; NaN: the largest */
	SF_INT_ARM,	/* nearest representable; NaN: 0 */
	SF_INT_X86,	/* "indefinite": signed 1 << (n-1), unsigned all ones */
};

/* Negations inside a fused multiply-add; a NaN operand's sign is kept. */
enum {
	SF_FMA_NEG_PRODUCT = 1,
	SF_FMA_NEG_ADDEND = 2,
};

/* Result bits of sfN_classify(): those of RISC-V's fclass. */
enum {
	SF_CLASS_NEG_INF = 1 << 0,
	SF_CLASS_NEG_NORMAL = 1 << 1,
	SF_CLASS_NEG_SUBNORMAL = 1 << 2,
	SF_CLASS_NEG_ZERO = 1 << 3,
	SF_CLASS_POS_ZERO = 1 << 4,
	SF_CLASS_POS_SUBNORMAL = 1 << 5,
	SF_CLASS_POS_NORMAL = 1 << 6,
	SF_CLASS_POS_INF = 1 << 7,
	SF_CLASS_SNAN = 1 << 8,
	SF_CLASS_QNAN = 1 << 9,
};

/* Result of sfN_compare(). */
enum {
	SF_LESS = -1,
	SF_EQUAL = 0,
	SF_GREATER = 1,
	SF_UNORDERED = 2,
};

/*
 * One line per format: X(N, container type).  Everything else about a
 * format is in format.h.
 */
#define SF_FORMATS(X)			\
	X(16, uint16_t)			\
	X(32, uint32_t)			\
	X(64, uint64_t)			\
	X(80, unsigned __int128)	\
	X(128, unsigned __int128)

#define SF_DECLARE(N, T)						\
/* Correctly rounded to env->round. */					\
T sf##N##_add(struct sf_env *env, T a, T b);				\
T sf##N##_sub(struct sf_env *env, T a, T b);				\
T sf##N##_mul(struct sf_env *env, T a, T b);				\
T sf##N##_div(struct sf_env *env, T a, T b);				\
T sf##N##_sqrt(struct sf_env *env, T a);				\
/*									\
 * a * b + c, one rounding.  infinity * 0 raises SF_NV even when c is a	\
 * quiet NaN, except with SF_NAN_X86.  x86 NaN precedence is a, b, c: of	\
 * VFMADD132 pass operands 1, 3, 2; of 213 pass 2, 1, 3; of 231 pass	\
 * 2, 3, 1.  sfN_muladd() takes SF_FMA_NEG_* in neg.			\
 */									\
T sf##N##_fma(struct sf_env *env, T a, T b, T c);			\
T sf##N##_muladd(struct sf_env *env, T a, T b, T c, unsigned int neg);	\
/* IEEE remainder: exact, quotient rounded to nearest even. */		\
T sf##N##_rem(struct sf_env *env, T a, T b);				\
/* To an integral value by rm; SF_NX is raised only if exact is set. */	\
T sf##N##_round_int(struct sf_env *env, T a, enum sf_round rm,		\
		    bool exact);					\
									\
/* _q: only a signalling NaN raises SF_NV.  _s: every NaN does. */	\
bool sf##N##_eq_q(struct sf_env *env, T a, T b);			\
bool sf##N##_lt_q(struct sf_env *env, T a, T b);			\
bool sf##N##_le_q(struct sf_env *env, T a, T b);			\
bool sf##N##_eq_s(struct sf_env *env, T a, T b);			\
bool sf##N##_lt_s(struct sf_env *env, T a, T b);			\
bool sf##N##_le_s(struct sf_env *env, T a, T b);			\
int sf##N##_compare(struct sf_env *env, T a, T b, bool signaling);	\
									\
/* IEEE 754-2019 minimumNumber/maximumNumber (RISC-V fmin, fmax). */	\
T sf##N##_min(struct sf_env *env, T a, T b);				\
T sf##N##_max(struct sf_env *env, T a, T b);				\
/* IEEE 754-2019 minimum/maximum: NaNs win (RISC-V Zfa, Arm FMIN). */	\
T sf##N##_minimum(struct sf_env *env, T a, T b);			\
T sf##N##_maximum(struct sf_env *env, T a, T b);			\
/* IEEE 754-2008 minNum/maxNum: signalling NaNs win (Arm FMINNM). */	\
T sf##N##_minnum(struct sf_env *env, T a, T b);				\
T sf##N##_maxnum(struct sf_env *env, T a, T b);				\
									\
/* rm instead of env->round; oor as explained at enum sf_int. */	\
int32_t sf##N##_to_i32(struct sf_env *env, T a, enum sf_round rm,	\
		       enum sf_int oor);				\
uint32_t sf##N##_to_u32(struct sf_env *env, T a, enum sf_round rm,	\
			enum sf_int oor);				\
int64_t sf##N##_to_i64(struct sf_env *env, T a, enum sf_round rm,	\
		       enum sf_int oor);				\
uint64_t sf##N##_to_u64(struct sf_env *env, T a, enum sf_round rm,	\
			enum sf_int oor);				\
T sf##N##_from_i32(struct sf_env *env, int32_t v);			\
T sf##N##_from_u32(struct sf_env *env, uint32_t v);			\
T sf##N##_from_i64(struct sf_env *env, int64_t v);			\
T sf##N##_from_u64(struct sf_env *env, uint64_t v);			\
									\
/*									\
 * Between formats; a NaN keeps the leading bits of its payload unless	\
 * env->nan says otherwise.  To the own format: quiets and flushes.	\
 * SF_DENORM is raised for subnormal sources; x87 stores and VCVTPH2PS	\
 * do not do that.							\
 */									\
uint16_t sf##N##_to_f16(struct sf_env *env, T a);			\
uint32_t sf##N##_to_f32(struct sf_env *env, T a);			\
uint64_t sf##N##_to_f64(struct sf_env *env, T a);			\
unsigned __int128 sf##N##_to_f80(struct sf_env *env, T a);		\
unsigned __int128 sf##N##_to_f128(struct sf_env *env, T a);		\
									\
/* These raise nothing and know no daz. */				\
unsigned int sf##N##_classify(T a);					\
bool sf##N##_is_nan(T a);						\
bool sf##N##_is_snan(T a);

SF_FORMATS(SF_DECLARE)

#endif
