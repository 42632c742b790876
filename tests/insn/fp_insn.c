/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/insn/fp_insn.h"

#include <stddef.h>

#define BOX UINT64_C(0xffffffff00000000)

#define BOTH(N, F)							\
	{ "fadd." N, FP_ARITH, F, OP_ADD, 2, true },			\
	{ "fsub." N, FP_ARITH, F, OP_SUB, 2, true },			\
	{ "fmul." N, FP_ARITH, F, OP_MUL, 2, true },			\
	{ "fdiv." N, FP_ARITH, F, OP_DIV, 2, true },			\
	{ "fsqrt." N, FP_ARITH, F, OP_SQRT, 1, true },			\
	{ "fmin." N, FP_ARITH, F, OP_MIN, 2, false },			\
	{ "fmax." N, FP_ARITH, F, OP_MAX, 2, false },			\
	{ "fmadd." N, FP_FMA, F, 0, 3, true },				\
	{ "fmsub." N, FP_FMA, F, 2, 3, true },				\
	{ "fnmsub." N, FP_FMA, F, 1, 3, true },				\
	{ "fnmadd." N, FP_FMA, F, 3, 3, true },				\
	{ "fsgnj." N, FP_SIGN, F, 0, 2, false },			\
	{ "fsgnjn." N, FP_SIGN, F, 1, 2, false },			\
	{ "fsgnjx." N, FP_SIGN, F, 2, 2, false },			\
	{ "feq." N, FP_COMPARE, F, OP_EQ_Q, 2, false },			\
	{ "flt." N, FP_COMPARE, F, OP_LT_S, 2, false },			\
	{ "fle." N, FP_COMPARE, F, OP_LE_S, 2, false },			\
	{ "fclass." N, FP_CLASS, F, 0, 1, false },			\
	{ "fcvt.w." N, FP_TO_INT, F, INT_I32, 1, true },		\
	{ "fcvt.wu." N, FP_TO_INT, F, INT_U32, 1, true },		\
	{ "fcvt.l." N, FP_TO_INT, F, INT_I64, 1, true },		\
	{ "fcvt.lu." N, FP_TO_INT, F, INT_U64, 1, true },		\
	{ "fcvt." N ".w", FP_FROM_INT, F, INT_I32, 0, true },		\
	{ "fcvt." N ".wu", FP_FROM_INT, F, INT_U32, 0, true },		\
	{ "fcvt." N ".l", FP_FROM_INT, F, INT_I64, 0, true },		\
	{ "fcvt." N ".lu", FP_FROM_INT, F, INT_U64, 0, true },

const struct fp_insn fp_insns[] = {
	BOTH("s", FMT_32)
	BOTH("d", FMT_64)
	{ "fcvt.s.d", FP_CONVERT, FMT_64, FMT_32, 1, true },
	{ "fcvt.d.s", FP_CONVERT, FMT_32, FMT_64, 1, true },
	{ "fmv.x.w", FP_MOVE_X, FMT_32, 0, 1, false },
	{ "fmv.x.d", FP_MOVE_X, FMT_64, 0, 1, false },
	{ "fmv.w.x", FP_MOVE_F, FMT_32, 0, 0, false },
	{ "fmv.d.x", FP_MOVE_F, FMT_64, 0, 0, false },
	{ NULL, 0, 0, 0, 0, false },
};

static uint64_t sign_of(const struct fmt *f)
{
	return UINT64_C(1) << (f->width - 1);
}

/* A narrower value that is not boxed reads as the default NaN. */
static uint64_t operand(const struct fmt *f, uint64_t reg)
{
	if (f->width == 64)
		return reg;
	return (reg & BOX) == BOX ? (uint32_t)reg : 0x7fc00000u;
}

static uint64_t boxed(const struct fmt *f, u128 v)
{
	return f->width == 64 ? (uint64_t)v : (uint32_t)v | BOX;
}

static uint64_t classify(const struct fmt *f, uint64_t v)
{
	uint64_t frac = v & ((UINT64_C(1) << f->field) - 1), top = (UINT64_C(1) << f->exp_bits) - 1;
	uint64_t exp = v >> f->field & top;
	bool neg = v & sign_of(f);

	if (exp == top && frac)
		return frac >> (f->field - 1) ? 1 << 9 : 1 << 8;
	if (exp == top)
		return neg ? 1 << 0 : 1 << 7;
	if (exp)
		return neg ? 1 << 1 : 1 << 6;
	if (frac)
		return neg ? 1 << 2 : 1 << 5;
	return neg ? 1 << 3 : 1 << 4;
}

static uint64_t with_sign(const struct fmt *f, unsigned rule, uint64_t a, uint64_t b)
{
	uint64_t s = sign_of(f), sign = rule == 2 ? (a ^ b) & s : rule == 1 ? ~b & s : b & s;

	return (a & ~s) | sign;
}

/* What a 32-bit integer source or result looks like in a 64-bit register. */
static uint64_t narrow_source(unsigned type, uint64_t x)
{
	return type == INT_I32 ? (uint64_t)(int64_t)(int32_t)x : type == INT_U32 ? (uint32_t)x : x;
}

static uint64_t narrow_result(unsigned type, uint64_t v)
{
	return type <= INT_U32 ? (uint64_t)(int64_t)(int32_t)v : v;
}

static void same(struct fp_result out[5], uint64_t value, unsigned flags)
{
	int rm;

	for (rm = 0; rm < 5; rm++)
		out[rm] = (struct fp_result){ value, flags };
}

/* Rounds what ref computed last, in all modes. */
static void rounded(struct ref *ref, const struct fmt *to, struct fp_result out[5])
{
	int rm;

	for (rm = 0; rm < 5; rm++) {
		struct ref_result r = ref_round(ref, to, to->prec, (enum sf_round)rm);

		out[rm] = (struct fp_result){ boxed(to, r.bits), r.flags };
	}
}

void fp_reference(struct ref *ref, const struct fp_insn *i, const struct fp_case *c,
		  struct fp_result out[5])
{
	const struct fmt *f = &formats[i->fmt];
	uint64_t a = operand(f, c->f[0]), b = operand(f, c->f[1]), d = operand(f, c->f[2]);
	struct ref_result r;
	int rm;

	switch (i->kind) {
	case FP_ARITH:
		ref_compute(ref, f, i->what, a, i->operands > 1 ? b : 0, 0);
		rounded(ref, f, out);
		return;
	case FP_FMA:
		/* a NaN's sign does not show: results are the default one */
		ref_compute(ref, f, OP_FMA, a ^ (i->what & 1 ? sign_of(f) : 0), b,
			    d ^ (i->what & 2 ? sign_of(f) : 0));
		rounded(ref, f, out);
		return;
	case FP_SIGN:
		same(out, boxed(f, with_sign(f, i->what, a, b)), 0);
		return;
	case FP_COMPARE:
		r = ref_compare(ref, f, i->what, a, b);
		same(out, (uint64_t)r.bits, r.flags);
		return;
	case FP_CLASS:
		same(out, classify(f, a), 0);
		return;
	case FP_TO_INT:
		for (rm = 0; rm < 5; rm++) {
			r = ref_to_int(ref, f, a, (enum sf_round)rm, i->what, SF_INT_RISCV);
			out[rm] = (struct fp_result){ narrow_result(i->what, (uint64_t)r.bits),
						      r.flags };
		}
		return;
	case FP_FROM_INT:
		ref_compute_int(ref, narrow_source(i->what, c->x),
				i->what == INT_I32 || i->what == INT_I64);
		rounded(ref, f, out);
		return;
	case FP_CONVERT:
		ref_compute(ref, f, i->what == FMT_32 ? OP_TO_32 : OP_TO_64, a, 0, 0);
		rounded(ref, &formats[i->what], out);
		return;
	case FP_MOVE_X:		/* the bits, boxed or not */
		same(out, f->width == 64 ? c->f[0] : (uint64_t)(int64_t)(int32_t)c->f[0], 0);
		return;
	case FP_MOVE_F:
		same(out, boxed(f, c->x), 0);
		return;
	}
}
