/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point arithmetic and comparisons: SDM volume 2, rules of volume 1 chapters 4 and 11. */
#include "tcg/interp/vec_impl.h"

#ifdef __x86_64__
#include "tcg/x86_64/host_vec.h"
#endif

/* --- one element; the formats differ only in the functions' names --- */

enum arith { ADD, SUB, MUL, DIV, MIN, MAX };
enum { LT = 1, EQ = 2, GT = 4, UN = 8 };

/* Predicates 0 to 15: which outcomes make it true. 16 up: the same, the other way of signalling. */
static const uint8_t predicate[16] = {
	EQ, LT, LT | EQ, UN, LT | GT | UN, EQ | GT | UN, GT | UN, LT | EQ | GT,
	EQ | UN, LT | UN, LT | EQ | UN, 0, LT | GT, EQ | GT, GT, LT | EQ | GT | UN
};
#define SIGNALS 0x6666u			/* of those 16: the ordering ones signal a quiet NaN */

static unsigned outcome(int cmp)
{
	return cmp == SF_LESS ? LT : cmp == SF_EQUAL ? EQ : cmp == SF_GREATER ? GT : UN;
}

/*
 * Minimum and maximum are the second operand, bit for bit, unless the first is really less
 * (greater); any NaN is invalid.
 */
#define SCALAR(N, T)									\
static T flush##N(const struct sf_env *env, T a)					\
{											\
	return env->daz && sf##N##_classify(a) & (SF_CLASS_POS_SUBNORMAL |		\
						  SF_CLASS_NEG_SUBNORMAL) ?		\
		       a & (T)1 << (N - 1) : a;						\
}											\
static T arith##N(struct sf_env *env, enum arith op, T a, T b)				\
{											\
	switch (op) {									\
	case ADD:									\
		return sf##N##_add(env, a, b);						\
	case SUB:									\
		return sf##N##_sub(env, a, b);						\
	case MUL:									\
		return sf##N##_mul(env, a, b);						\
	case DIV:									\
		return sf##N##_div(env, a, b);						\
	default:									\
		return flush##N(env, sf##N##_compare(env, a, b, true) ==		\
				     (op == MIN ? SF_LESS : SF_GREATER) ? a : b);	\
	}										\
}											\
static bool compare##N(struct sf_env *env, unsigned pred, T a, T b)			\
{											\
	bool signaling = (SIGNALS >> (pred & 15) & 1) ^ (pred >> 4 & 1);		\
											\
	return predicate[pred & 15] & outcome(sf##N##_compare(env, a, b, signaling));	\
}											\
/* form 0: 132, 1: 213, 2: 231 */							\
static T fused##N(struct sf_env *env, unsigned form, T a, T b, T c, unsigned neg)	\
{											\
	switch (form) {									\
	case 0:										\
		return sf##N##_muladd(env, a, c, b, neg);				\
	case 1:										\
		return sf##N##_muladd(env, b, a, c, neg);				\
	default:									\
		return sf##N##_muladd(env, b, c, a, neg);				\
	}										\
}
SCALAR(32, uint32_t)
SCALAR(64, uint64_t)

/* --- vectors of them --- */

/* Result is a's (127:0) but for the lowest element. */
static void rest_of_a(struct vop *v)
{
	O.q[0] = A.q[0];
	O.q[1] = A.q[1];
}

#define LOW(f, expr) do { const unsigned i = 0; rest_of_a(v); O.f[i] = (expr); } while (0)
#define FOUR(name, ps, pd, ss, sd)			\
	case VOP_##name##PS: EACH(d, ps); break;	\
	case VOP_##name##PD: EACH(q, pd); break;	\
	case VOP_##name##SS: LOW(d, ss); break;		\
	case VOP_##name##SD: LOW(q, sd); break;
#define BINARY(name)                                                                   \
	FOUR(name, arith32(e, name, A.d[i], B.d[i]), arith64(e, name, A.q[i], B.q[i]), \
	     arith32(e, name, A.d[i], B.d[i]), arith64(e, name, A.q[i], B.q[i]))

static uint32_t all32(bool x) { return x ? UINT32_MAX : 0; }
static uint64_t all64(bool x) { return x ? UINT64_MAX : 0; }

static bool elementwise(struct vop *v)
{
	struct sf_env *e = v->env;
	unsigned pred = v->imm & (v->sse ? 7 : 31);

	switch (v->op) {
	BINARY(ADD)
	BINARY(SUB)
	BINARY(MUL)
	BINARY(DIV)
	BINARY(MIN)
	BINARY(MAX)
	FOUR(SQRT, sf32_sqrt(e, A.d[i]), sf64_sqrt(e, A.q[i]), sf32_sqrt(e, B.d[i]),
	     sf64_sqrt(e, B.q[i]))
	FOUR(CMP, all32(compare32(e, pred, A.d[i], B.d[i])),
	     all64(compare64(e, pred, A.q[i], B.q[i])),
	     all32(compare32(e, pred, A.d[i], B.d[i])),
	     all64(compare64(e, pred, A.q[i], B.q[i])))
	case VOP_ADDSUBPS: EACH(d, arith32(e, i & 1 ? ADD : SUB, A.d[i], B.d[i])); break;
	case VOP_ADDSUBPD: EACH(q, arith64(e, i & 1 ? ADD : SUB, A.q[i], B.q[i])); break;
	default: return false;
	}
	return true;
}

static uint32_t pair32(struct vop *v, enum arith op, unsigned i)
{
	const union vreg *r = i & 2 ? &B : &A;
	unsigned k = (i & 4) + 2 * (i & 1);

	return arith32(v->env, op, r->d[k], r->d[k + 1]);
}

static uint64_t pair64(struct vop *v, enum arith op, unsigned i)
{
	const union vreg *r = i & 1 ? &B : &A;

	return arith64(v->env, op, r->q[i & 2], r->q[(i & 2) + 1]);
}

/* Products and sums that the immediate does not ask for are not computed: they raise nothing. */
static void dot32(struct vop *v)
{
	unsigned lane, i;

	for (lane = 0; lane < v->n / 4; lane += 4) {
		uint32_t p[4], sum;

		for (i = 0; i < 4; i++)
			p[i] = v->imm >> (4 + i) & 1 ?
				       arith32(v->env, MUL, A.d[lane + i], B.d[lane + i]) : 0;
		p[0] = arith32(v->env, ADD, p[0], p[1]);
		p[2] = arith32(v->env, ADD, p[2], p[3]);
		sum = arith32(v->env, ADD, p[0], p[2]);
		for (i = 0; i < 4; i++)
			O.d[lane + i] = v->imm >> i & 1 ? sum : 0;
	}
}

static void dot64(struct vop *v)
{
	uint64_t p[2], sum;
	unsigned i;

	for (i = 0; i < 2; i++)
		p[i] = v->imm >> (4 + i) & 1 ? arith64(v->env, MUL, A.q[i], B.q[i]) : 0;
	sum = arith64(v->env, ADD, p[0], p[1]);
	for (i = 0; i < 2; i++)
		O.q[i] = v->imm >> i & 1 ? sum : 0;
}

/*
 * 1/x and 1/sqrt(x), approximately: processors differ in the low bits, and a guest sees the
 * host's. Subnormal operands count as zeros, tiny results are zeros; no flags.
 */
static uint32_t approximate(uint32_t x, bool root)
{
#ifdef __x86_64__
	return root ? host_rsqrt(x) : host_rcp(x);
#else
	struct sf_env env = { .nan = SF_NAN_X86, .daz = SF_DAZ_X86, .ftz = SF_FTZ_X86 };
	uint32_t r = x, one = 0x3f800000;

	if (root && !sf32_is_nan(x) && x & 0x7f800000)
		r = sf32_sqrt(&env, x);
	r = sf32_div(&env, one, r);
	if (sf32_is_nan(r) || !(r & 0x7f800000) || (r & 0x7f800000) == 0x7f800000)
		return r;
	return (r + 0x400) & ~UINT32_C(0x7ff);		/* 12 bits */
#endif
}

static bool horizontal(struct vop *v)
{
	switch (v->op) {
	case VOP_HADDPS: EACH(d, pair32(v, ADD, i)); break;
	case VOP_HSUBPS: EACH(d, pair32(v, SUB, i)); break;
	case VOP_HADDPD: EACH(q, pair64(v, ADD, i)); break;
	case VOP_HSUBPD: EACH(q, pair64(v, SUB, i)); break;
	case VOP_DPPS: dot32(v); break;
	case VOP_DPPD: dot64(v); break;
	case VOP_RCPPS: EACH(d, approximate(A.d[i], false)); break;
	case VOP_RSQRTPS: EACH(d, approximate(A.d[i], true)); break;
	case VOP_RCPSS: LOW(d, approximate(B.d[i], false)); break;
	case VOP_RSQRTSS: LOW(d, approximate(B.d[i], true)); break;
	default: return false;
	}
	return true;
}

/* --- multiply-add: the names are regular, so is the decoding --- */

enum { NEG_P = SF_FMA_NEG_PRODUCT, NEG_A = SF_FMA_NEG_ADDEND };

/* neg_even, neg_odd: negations in even and odd elements */
static void fused(struct vop *v, unsigned first, unsigned neg_even, unsigned neg_odd)
{
	bool scalars = neg_even == neg_odd;		/* the alternating kinds have none */
	unsigned n = v->op - first, form = scalars ? n / 4 : n / 2, kind = scalars ? n & 3 : n & 1;
	struct sf_env *e = v->env;

	switch (kind) {
	case 0:
		EACH(d, fused32(e, form, A.d[i], B.d[i], C.d[i], i & 1 ? neg_odd : neg_even));
		break;
	case 1:
		EACH(q, fused64(e, form, A.q[i], B.q[i], C.q[i], i & 1 ? neg_odd : neg_even));
		break;
	case 2:
		LOW(d, fused32(e, form, A.d[i], B.d[i], C.d[i], neg_even));
		break;
	default:
		LOW(q, fused64(e, form, A.q[i], B.q[i], C.q[i], neg_even));
		break;
	}
}

static bool multiply_add(struct vop *v)
{
	if (v->op < VOP_FMADD132PS || v->op > VOP_FMSUBADD231PD)
		return false;
	if (v->op >= VOP_FMSUBADD132PS)
		fused(v, VOP_FMSUBADD132PS, 0, NEG_A);
	else if (v->op >= VOP_FMADDSUB132PS)
		fused(v, VOP_FMADDSUB132PS, NEG_A, 0);
	else if (v->op >= VOP_FNMSUB132PS)
		fused(v, VOP_FNMSUB132PS, NEG_P | NEG_A, NEG_P | NEG_A);
	else if (v->op >= VOP_FNMADD132PS)
		fused(v, VOP_FNMADD132PS, NEG_P, NEG_P);
	else if (v->op >= VOP_FMSUB132PS)
		fused(v, VOP_FMSUB132PS, NEG_A, NEG_A);
	else
		fused(v, VOP_FMADD132PS, 0, 0);
	return true;
}

/* --- comparisons into flags --- */

static void set_flags(struct vop *v, int cmp)
{
	enum { CF = 1, PF = 4, ZF = 0x40 };

	v->x = cmp == SF_UNORDERED ? ZF | PF | CF :
	       cmp == SF_LESS      ? CF :
	       cmp == SF_EQUAL     ? ZF :
				     0;
}

bool vec_float(struct vop *v)
{
	switch (v->op) {
	case VOP_UCOMISS: set_flags(v, sf32_compare(v->env, A.d[0], B.d[0], false)); return true;
	case VOP_COMISS: set_flags(v, sf32_compare(v->env, A.d[0], B.d[0], true)); return true;
	case VOP_UCOMISD: set_flags(v, sf64_compare(v->env, A.q[0], B.q[0], false)); return true;
	case VOP_COMISD: set_flags(v, sf64_compare(v->env, A.q[0], B.q[0], true)); return true;
	}
	return elementwise(v) || horizontal(v) || multiply_add(v);
}
