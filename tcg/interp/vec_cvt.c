/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conversions and rounding. Integer results out of range are the "indefinite" one (SDM volume 1,
 * 4.8.2 and table E-1). Only conversions between floating formats notice subnormal operands.
 */
#include "tcg/interp/vec_impl.h"

#define LOW(f, expr) do { rest_of_a(v); O.f[0] = (expr); } while (0)

static void rest_of_a(struct vop *v)
{
	O.q[0] = A.q[0];
	O.q[1] = A.q[1];
}

static enum sf_round mode_of(const struct vop *v, bool truncate)
{
	return truncate ? SF_RTZ : (enum sf_round)v->env->round;
}

static uint32_t int32_of32(struct vop *v, uint32_t a, bool t)
{
	return (uint32_t)sf32_to_i32(v->env, a, mode_of(v, t), SF_INT_X86);
}

static uint32_t int32_of64(struct vop *v, uint64_t a, bool t)
{
	return (uint32_t)sf64_to_i32(v->env, a, mode_of(v, t), SF_INT_X86);
}

static uint64_t int64_of32(struct vop *v, uint32_t a, bool t)
{
	return (uint64_t)sf32_to_i64(v->env, a, mode_of(v, t), SF_INT_X86);
}

static uint64_t int64_of64(struct vop *v, uint64_t a, bool t)
{
	return (uint64_t)sf64_to_i64(v->env, a, mode_of(v, t), SF_INT_X86);
}

/* Rounding control of an immediate: bits 1:0, or MXCSR's where bit 2 is set. */
static enum sf_round imm_mode(const struct vop *v)
{
	static const uint8_t mode[4] = { SF_RNE, SF_RDN, SF_RUP, SF_RTZ };

	return (enum sf_round)(v->imm & 4 ? v->env->round : mode[v->imm & 3]);
}

static uint32_t round32(struct vop *v, uint32_t a)
{
	return sf32_round_int(v->env, a, imm_mode(v), !(v->imm & 8));
}

static uint64_t round64(struct vop *v, uint64_t a)
{
	return sf64_round_int(v->env, a, imm_mode(v), !(v->imm & 8));
}

/* Half precision knows neither flushing nor DAZ of subnormal halves. */
static uint32_t from_half(struct vop *v, uint16_t h)
{
	struct sf_env e = *v->env;
	uint32_t r;

	e.daz = SF_DAZ_OFF;
	e.flags = 0;
	r = sf16_to_f32(&e, h);
	v->env->flags |= e.flags & (uint8_t)~SF_DENORM;
	return r;
}

static uint16_t to_half(struct vop *v, uint32_t a)
{
	struct sf_env e = *v->env;
	uint16_t r;

	e.ftz = SF_FTZ_OFF;
	e.round = (uint8_t)imm_mode(v);
	r = sf32_to_f16(&e, a);
	v->env->flags |= e.flags;
	return r;
}

static bool packed(struct vop *v)
{
	struct sf_env *e = v->env;
	unsigned i, half = v->n / 8;	/* elements where one side is 64 bits wide */

#define HALF(dst, expr) do { for (i = 0; i < half; i++) O.dst[i] = (expr); } while (0)
	switch (v->op) {
	case VOP_CVTPS2PD: HALF(q, sf32_to_f64(e, A.d[i])); break;
	case VOP_CVTPD2PS: HALF(d, sf64_to_f32(e, A.q[i])); break;
	case VOP_CVTDQ2PD: HALF(q, sf64_from_i32(e, (int32_t)A.d[i])); break;
	case VOP_CVTPD2DQ: HALF(d, int32_of64(v, A.q[i], false)); break;
	case VOP_CVTTPD2DQ: HALF(d, int32_of64(v, A.q[i], true)); break;
	case VOP_CVTDQ2PS: EACH(d, sf32_from_i32(e, (int32_t)A.d[i])); break;
	case VOP_CVTPS2DQ: EACH(d, int32_of32(v, A.d[i], false)); break;
	case VOP_CVTTPS2DQ: EACH(d, int32_of32(v, A.d[i], true)); break;
	case VOP_CVTPH2PS: EACH(d, from_half(v, A.w[i])); break;
	case VOP_CVTPS2PH:
		for (i = 0; i < v->n / 4; i++)
			O.w[i] = to_half(v, A.d[i]);
		break;
	case VOP_ROUNDPS: EACH(d, round32(v, A.d[i])); break;
	case VOP_ROUNDPD: EACH(q, round64(v, A.q[i])); break;
	default: return false;
	}
	return true;
}

static bool scalar(struct vop *v)
{
	struct sf_env *e = v->env;

	switch (v->op) {
	case VOP_CVTSS2SD: LOW(q, sf32_to_f64(e, B.d[0])); break;
	case VOP_CVTSD2SS: LOW(d, sf64_to_f32(e, B.q[0])); break;
	case VOP_ROUNDSS: LOW(d, round32(v, B.d[0])); break;
	case VOP_ROUNDSD: LOW(q, round64(v, B.q[0])); break;
	case VOP_CVTSI2SS32: LOW(d, sf32_from_i32(e, (int32_t)v->x)); break;
	case VOP_CVTSI2SS64: LOW(d, sf32_from_i64(e, (int64_t)v->x)); break;
	case VOP_CVTSI2SD32: LOW(q, sf64_from_i32(e, (int32_t)v->x)); break;
	case VOP_CVTSI2SD64: LOW(q, sf64_from_i64(e, (int64_t)v->x)); break;
	case VOP_CVTSS2SI32: v->x = int32_of32(v, A.d[0], false); break;
	case VOP_CVTTSS2SI32: v->x = int32_of32(v, A.d[0], true); break;
	case VOP_CVTSS2SI64: v->x = int64_of32(v, A.d[0], false); break;
	case VOP_CVTTSS2SI64: v->x = int64_of32(v, A.d[0], true); break;
	case VOP_CVTSD2SI32: v->x = int32_of64(v, A.q[0], false); break;
	case VOP_CVTTSD2SI32: v->x = int32_of64(v, A.q[0], true); break;
	case VOP_CVTSD2SI64: v->x = int64_of64(v, A.q[0], false); break;
	case VOP_CVTTSD2SI64: v->x = int64_of64(v, A.q[0], true); break;
	default: return false;
	}
	return true;
}

bool vec_convert(struct vop *v)
{
	return packed(v) || scalar(v);
}
