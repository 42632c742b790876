/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating-point operations, by integer-only IEEE arithmetic. Under FP_RISCV a
 * 32-bit value in a 64-bit register is valid only with all upper bits set, and
 * reads as the default NaN otherwise (unprivileged manual, "NaN boxing of narrower
 * values"); moves and stores take the bits as they are.
 */
#include "tcg/interp/eval.h"

#include "util/softfloat/softfloat.h"

#define BOX UINT64_C(0xffffffff00000000)
#define F32_DEFAULT_NAN 0x7fc00000u

uint64_t interp_fp_box(uint32_t v, enum ir_fp_policy policy)
{
	return policy == FP_RISCV ? v | BOX : v;
}

static uint32_t unbox(uint64_t v, enum ir_fp_policy policy)
{
	if (policy == FP_RISCV && (v & BOX) != BOX)
		return F32_DEFAULT_NAN;
	return (uint32_t)v;
}

static unsigned negations(unsigned aux)
{
	return (aux & IR_FMA_NEG_PROD ? SF_FMA_NEG_PRODUCT : 0) |
	       (aux & IR_FMA_NEG_ADD ? SF_FMA_NEG_ADDEND : 0);
}

static uint64_t copy_sign(uint64_t a, uint64_t b, uint64_t sign, unsigned rule)
{
	switch (rule) {
	case 0:
		return (a & ~sign) | (b & sign);
	case 1:
		return (a & ~sign) | (~b & sign);
	default:
		return a ^ (b & sign);
	}
}

#define ROUND(env) ((enum sf_round)(env)->round)

/* The two formats differ only in the functions' names. */
#define ARITHMETIC(N, T)								\
static T arith##N(const struct ir_op *op, T a, T b, T c, struct sf_env *env)		\
{											\
	switch (op->op) {								\
	case IR_FADD:									\
		return sf##N##_add(env, a, b);						\
	case IR_FSUB:									\
		return sf##N##_sub(env, a, b);						\
	case IR_FMUL:									\
		return sf##N##_mul(env, a, b);						\
	case IR_FDIV:									\
		return sf##N##_div(env, a, b);						\
	case IR_FSQRT:									\
		return sf##N##_sqrt(env, a);						\
	case IR_FMADD:									\
		return sf##N##_muladd(env, a, b, c, negations(op->aux));		\
	case IR_FMIN:									\
		return sf##N##_min(env, a, b);						\
	case IR_FMAX:									\
		return sf##N##_max(env, a, b);						\
	default:									\
		return (T)copy_sign(a, b, (T)1 << (N - 1), op->aux);			\
	}										\
}											\
static bool compare##N(unsigned kind, T a, T b, struct sf_env *env)			\
{											\
	switch (kind) {									\
	case IR_FEQ:									\
		return sf##N##_eq_q(env, a, b);						\
	case IR_FLT:									\
		return sf##N##_lt_q(env, a, b);						\
	case IR_FLE:									\
		return sf##N##_le_q(env, a, b);						\
	case IR_FEQ | IR_FCMP_SIGNALING:						\
		return sf##N##_eq_s(env, a, b);						\
	case IR_FLT | IR_FCMP_SIGNALING:						\
		return sf##N##_lt_s(env, a, b);						\
	default:									\
		return sf##N##_le_s(env, a, b);						\
	}										\
}											\
static uint64_t to_int##N(unsigned kind, T a, struct sf_env *env)			\
{											\
	switch (kind) {									\
	case IR_INT_S32:								\
		return (uint64_t)(int64_t)sf##N##_to_i32(env, a, ROUND(env), SF_INT_RISCV);	\
	case IR_INT_U32:								\
		return (uint64_t)(int64_t)(int32_t)sf##N##_to_u32(env, a, ROUND(env),	\
								  SF_INT_RISCV);	\
	case IR_INT_S64:								\
		return (uint64_t)sf##N##_to_i64(env, a, ROUND(env), SF_INT_RISCV);	\
	default:									\
		return sf##N##_to_u64(env, a, ROUND(env), SF_INT_RISCV);		\
	}										\
}											\
static T from_int##N(unsigned kind, uint64_t v, struct sf_env *env)			\
{											\
	switch (kind) {									\
	case IR_INT_S32:								\
		return sf##N##_from_i32(env, (int32_t)v);				\
	case IR_INT_U32:								\
		return sf##N##_from_u32(env, (uint32_t)v);				\
	case IR_INT_S64:								\
		return sf##N##_from_i64(env, (int64_t)v);				\
	default:									\
		return sf##N##_from_u64(env, v);					\
	}										\
}
ARITHMETIC(32, uint32_t)
ARITHMETIC(64, uint64_t)

static uint64_t single(const struct ir_op *op, uint64_t ra, uint64_t rb, uint64_t rc,
		       struct sf_env *env, enum ir_fp_policy policy)
{
	uint32_t a = unbox(ra, policy), b = unbox(rb, policy), c = unbox(rc, policy);

	switch (op->op) {
	case IR_FCMP:
		return compare32(op->aux, a, b, env);
	case IR_FCLASS:
		return sf32_classify(a);
	case IR_F2I:
		return to_int32(op->aux >> 8 & 3, a, env);
	case IR_I2F:
		return interp_fp_box(from_int32(op->aux >> 8 & 3, ra, env), policy);
	case IR_F2F:
		return sf32_to_f64(env, a);
	case IR_FMVXF:
		return (uint64_t)(int64_t)(int32_t)ra;
	case IR_FMVFX:
		return interp_fp_box((uint32_t)ra, policy);
	default:
		return interp_fp_box(arith32(op, a, b, c, env), policy);
	}
}

static uint64_t wide(const struct ir_op *op, uint64_t a, uint64_t b, uint64_t c,
		     struct sf_env *env, enum ir_fp_policy policy)
{
	switch (op->op) {
	case IR_FCMP:
		return compare64(op->aux, a, b, env);
	case IR_FCLASS:
		return sf64_classify(a);
	case IR_F2I:
		return to_int64(op->aux >> 8 & 3, a, env);
	case IR_I2F:
		return from_int64(op->aux >> 8 & 3, a, env);
	case IR_F2F:
		return interp_fp_box(sf64_to_f32(env, a), policy);
	case IR_FMVXF: case IR_FMVFX:
		return a;
	default:
		return arith64(op, a, b, c, env);
	}
}

uint64_t interp_fp(const struct ir_op *op, uint64_t a, uint64_t b, uint64_t c, struct sf_env *env,
		   enum ir_fp_policy policy)
{
	return (IR_TYPE(op->ty) == IR_F32 ? single : wide)(op, a, b, c, env, policy);
}
