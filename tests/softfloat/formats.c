/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/softfloat/formats.h"

#include <stdio.h>

#define WRAP(N, T, name, call)						\
static u128 w##N##_##name(struct sf_env *env, u128 ua, u128 ub, u128 uc)	\
{									\
	T a = ua, b = ub, c = uc;					\
									\
	(void)env, (void)a, (void)b, (void)c;				\
	return call;							\
}

#define WRAP_INT(N, T, name, type)					\
static u128 w##N##_from_##name(struct sf_env *env, uint64_t v)		\
{									\
	return sf##N##_from_##name(env, (type)v);			\
}									\
static uint64_t w##N##_to_##name(struct sf_env *env, u128 a,		\
				 enum sf_round rm, enum sf_int oor)	\
{									\
	return sf##N##_to_##name(env, (T)a, rm, oor);			\
}

#define WRAP_FORMAT(N, T)						\
WRAP(N, T, add, sf##N##_add(env, a, b))					\
WRAP(N, T, sub, sf##N##_sub(env, a, b))					\
WRAP(N, T, mul, sf##N##_mul(env, a, b))					\
WRAP(N, T, div, sf##N##_div(env, a, b))					\
WRAP(N, T, sqrt, sf##N##_sqrt(env, a))					\
WRAP(N, T, fma, sf##N##_fma(env, a, b, c))				\
WRAP(N, T, fms, sf##N##_muladd(env, a, b, c, SF_FMA_NEG_ADDEND))	\
WRAP(N, T, fnma, sf##N##_muladd(env, a, b, c, SF_FMA_NEG_PRODUCT))	\
WRAP(N, T, rem, sf##N##_rem(env, a, b))					\
WRAP(N, T, min, sf##N##_min(env, a, b))					\
WRAP(N, T, max, sf##N##_max(env, a, b))					\
WRAP(N, T, minimum, sf##N##_minimum(env, a, b))				\
WRAP(N, T, maximum, sf##N##_maximum(env, a, b))				\
WRAP(N, T, minnum, sf##N##_minnum(env, a, b))				\
WRAP(N, T, maxnum, sf##N##_maxnum(env, a, b))				\
WRAP(N, T, eq_q, sf##N##_eq_q(env, a, b))				\
WRAP(N, T, lt_q, sf##N##_lt_q(env, a, b))				\
WRAP(N, T, le_q, sf##N##_le_q(env, a, b))				\
WRAP(N, T, eq_s, sf##N##_eq_s(env, a, b))				\
WRAP(N, T, lt_s, sf##N##_lt_s(env, a, b))				\
WRAP(N, T, le_s, sf##N##_le_s(env, a, b))				\
WRAP(N, T, rint, sf##N##_round_int(env, a, env->round, false))		\
WRAP(N, T, rintx, sf##N##_round_int(env, a, env->round, true))		\
WRAP(N, T, classify, sf##N##_classify(a))				\
WRAP(N, T, is_nan, sf##N##_is_nan(a))					\
WRAP(N, T, is_snan, sf##N##_is_snan(a))					\
WRAP(N, T, to_f16, sf##N##_to_f16(env, a))				\
WRAP(N, T, to_f32, sf##N##_to_f32(env, a))				\
WRAP(N, T, to_f64, sf##N##_to_f64(env, a))				\
WRAP(N, T, to_f80, sf##N##_to_f80(env, a))				\
WRAP(N, T, to_f128, sf##N##_to_f128(env, a))				\
WRAP_INT(N, T, i32, int32_t)						\
WRAP_INT(N, T, u32, uint32_t)						\
WRAP_INT(N, T, i64, int64_t)						\
WRAP_INT(N, T, u64, uint64_t)

SF_FORMATS(WRAP_FORMAT)

#define FORMAT(N, e, fld, p) {						\
	.width = N, .exp_bits = e, .field = fld, .prec = p,		\
	.op = {								\
		w##N##_add, w##N##_sub, w##N##_mul, w##N##_div,		\
		w##N##_sqrt, w##N##_fma, w##N##_fms, w##N##_fnma,	\
		w##N##_rem, w##N##_min, w##N##_max,			\
		w##N##_minimum, w##N##_maximum,				\
		w##N##_minnum, w##N##_maxnum,				\
		w##N##_eq_q, w##N##_lt_q, w##N##_le_q,			\
		w##N##_eq_s, w##N##_lt_s, w##N##_le_s,			\
		w##N##_rint, w##N##_rintx,				\
		w##N##_classify, w##N##_is_nan, w##N##_is_snan,		\
		w##N##_to_f16, w##N##_to_f32, w##N##_to_f64,		\
		w##N##_to_f80, w##N##_to_f128,				\
	},								\
	.from_int = { w##N##_from_i32, w##N##_from_u32,			\
		      w##N##_from_i64, w##N##_from_u64 },		\
	.to_int = { w##N##_to_i32, w##N##_to_u32,			\
		    w##N##_to_i64, w##N##_to_u64 },			\
}

const struct fmt formats[FMT_COUNT] = {
	FORMAT(16, 5, 10, 11),
	FORMAT(32, 8, 23, 24),
	FORMAT(64, 11, 52, 53),
	FORMAT(80, 15, 64, 64),
	FORMAT(128, 15, 112, 113),
};

const char *const fmt_op_names[OP_COUNT] = {
	"add", "sub", "mul", "div", "sqrt", "fma", "fms", "fnma",
	"rem", "min", "max", "minimum", "maximum", "minnum", "maxnum",
	"eq_q", "lt_q", "le_q", "eq_s", "lt_s", "le_s",
	"rint", "rint exact", "classify", "is_nan", "is_snan",
	"to_f16", "to_f32", "to_f64", "to_f80", "to_f128",
};

u128 fmt_make(const struct fmt *f, bool sign, int biased, u128 frac)
{
	u128 v = frac & (((u128)1 << (f->prec - 1)) - 1);

	if (f->field == f->prec && biased)
		v |= (u128)1 << (f->prec - 1);
	return (u128)sign << (f->field + f->exp_bits) |
	       (u128)biased << f->field | v;
}

int fmt_values(const struct fmt *f, u128 out[FMT_VALUES_MAX])
{
	const int bias = fmt_bias(f), top = (1 << f->exp_bits) - 1;
	const u128 one = 1, ones = ~(u128)0;
	const u128 msb = one << (f->prec - 2);
	const struct {
		int biased;
		u128 frac;
	} v[] = {
		{ 0, 0 }, { bias, 0 }, { top, 0 }, { top, msb },
		{ top, 1 }, { 0, 1 }, { 1, 0 }, { top - 1, ones },
		{ 0, ones }, { bias, 1 }, { bias - 1, ones }, { bias - 1, 0 },
		{ bias, msb }, { bias + 1, 0 }, { bias + 1, msb },
		{ bias + f->prec - 1, 0 }, { bias + f->prec - 2, 1 },
		{ bias + f->prec, ones }, { bias - f->prec, 0 },
		{ bias - f->prec, 1 }, { bias - f->prec + 1, 0 },
		{ 0, msb }, { 0, 2 }, { 0, 3 }, { 0, msb - 1 }, { 1, 1 },
		{ 1, ones }, { 2, 0 }, { top - 1, 0 }, { top - 2, ones },
		{ top, msb | 1 }, { top, ones }, { top, msb - 1 },
		{ bias - 1, 1 }, { bias - 2, 0 }, { bias, msb | 1 },
		{ bias, ones }, { bias / 2, ones }, { bias / 2 + 1, 0 },
		{ bias + bias / 2, 1 },
		/* Integer limits, as far as the format reaches. */
		{ bias + 30, ones }, { bias + 31, 0 }, { bias + 31, ones },
		{ bias + 32, 0 }, { bias + 62, ones }, { bias + 63, 0 },
		{ bias + 63, ones }, { bias + 64, 0 }, { bias + 31, 1 },
		{ bias + 3, ones }, { bias + 10, ones / 3 },
	};
	int n = 0;
	unsigned int i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		if (v[i].biased < 0 || v[i].biased > top)
			continue;
		out[n++] = fmt_make(f, false, v[i].biased, v[i].frac);
		out[n++] = fmt_make(f, true, v[i].biased, v[i].frac);
	}
	if (f->field == f->prec) {
		const u128 integer = one << 63;

		/* Pseudo-denormals, unnormals, pseudo-infinity, -NaN. */
		out[n++] = integer;
		out[n++] = integer | 12345;
		out[n++] = (u128)bias << 64 | 1;
		out[n++] = (u128)(bias + 5) << 64;
		out[n++] = (u128)top << 64;
		out[n++] = (u128)top << 64 | one << 62;
	}
	return n;
}

static uint64_t rng_state = 0x9e3779b97f4a7c15;

/* xorshift64* (Marsaglia; Vigna): the same sequence on every run. */
uint64_t test_random(void)
{
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return rng_state * 0x2545f4914f6cdd1d;
}

static u128 random_frac(void)
{
	u128 r = (u128)test_random() << 64 | test_random();
	unsigned int kind = test_random() % 8;
	unsigned int n = test_random() % 128;

	switch (kind) {
	case 0:
		return 0;
	case 1:
		return (u128)1 << n;
	case 2:
		return ~(u128)0 << n;
	case 3:
		return ~(u128)0 >> n;
	case 4:
		return r << n;
	case 5:
		return r >> n;
	default:
		return r;
	}
}

u128 fmt_random(const struct fmt *f)
{
	const int bias = fmt_bias(f), top = (1 << f->exp_bits) - 1;
	uint64_t r = test_random();
	int near = (int)(r >> 32 & 0xff) % (2 * f->prec + 8) - f->prec - 4;
	int biased;

	switch (r % 16) {
	case 0:
		biased = top;
		break;
	case 1:
		biased = 0;
		break;
	case 2: case 3:
		biased = (r >> 8) % 4;
		break;
	case 4: case 5:
		biased = top - (r >> 8) % 4;
		break;
	case 6: case 7:
		biased = (r >> 8) % (top + 1);
		break;
	case 8: case 9:
		biased = bias / 2 + near / 2;
		break;
	default:
		biased = bias + near;
		break;
	}
	if (biased < 0)
		biased = 0;
	if (biased > top)
		biased = top;
	return fmt_make(f, r >> 63, biased, random_frac());
}

u128 fmt_random_near(const struct fmt *f, u128 near)
{
	const int top = (1 << f->exp_bits) - 1;
	int biased = (near >> f->field) & top;
	uint64_t r = test_random();

	switch (r % 4) {
	case 0:
		return fmt_random(f);
	case 1:
		/* Almost cancels. */
		near ^= (u128)1 << (f->field + f->exp_bits);
		return near ^ (r >> 8 & 3);
	default:
		biased += (int)(r >> 32 & 0xff) % (2 * f->prec + 8) -
			  f->prec - 4;
		if (biased < 0 || biased > top)
			biased = r >> 8 & 1;
		return fmt_make(f, r >> 63, biased, random_frac());
	}
}

uint64_t test_random_int(void)
{
	uint64_t v = test_random() >> test_random() % 64;

	switch (test_random() % 4) {
	case 0:
		return -v;
	case 1:
		return ~(uint64_t)0 << test_random() % 64;
	default:
		return v;
	}
}

const char *test_hex(u128 v)
{
	static char bufs[8][33];
	static unsigned int next;
	char *buf = bufs[next++ % 8];

	if (v >> 64)
		snprintf(buf, 33, "%llx%016llx", (unsigned long long)(v >> 64),
			 (unsigned long long)v);
	else
		snprintf(buf, 33, "%llx", (unsigned long long)v);
	return buf;
}
