// SPDX-License-Identifier: GPL-2.0-or-later
/* Series in binary128; constants as (high, low) halves of their encodings. */
#include "target/x86/x87_math.h"

#include <stdbool.h>

typedef unsigned __int128 f128;
#define F128(hi, lo) ((f128)UINT64_C(hi) << 64 | UINT64_C(lo))

#define ONE F128(0x3fff000000000000, 0)
#define TWO F128(0x4000000000000000, 0)
#define HALF F128(0x3ffe000000000000, 0)
#define LN2 F128(0x3ffe62e42fefa39e, 0xf35793c7673007e6)
#define LOG2E F128(0x3fff71547652b82f, 0xe1777d0ffda0d23a)
#define SQRT2 F128(0x3fff6a09e667f3bc, 0xc908b2fb1366ea95)
#define PI F128(0x4000921fb54442d1, 0x8469898cc51701b8)
#define PI_2 F128(0x3fff921fb54442d1, 0x8469898cc51701b8)
#define PI_4 F128(0x3ffe921fb54442d1, 0x8469898cc51701b8)
#define SIGN F128(0x8000000000000000, 0)

/* Intermediate results raise nothing that is told. */
static struct sf_env quiet(void)
{
	return (struct sf_env){ .round = SF_RNE, .nan = SF_NAN_X86 };
}

static f128 add(f128 a, f128 b) { struct sf_env e = quiet(); return sf128_add(&e, a, b); }
static f128 sub(f128 a, f128 b) { struct sf_env e = quiet(); return sf128_sub(&e, a, b); }
static f128 mul(f128 a, f128 b) { struct sf_env e = quiet(); return sf128_mul(&e, a, b); }
static f128 quo(f128 a, f128 b) { struct sf_env e = quiet(); return sf128_div(&e, a, b); }
static f128 num(int v) { struct sf_env e = quiet(); return sf128_from_i32(&e, v); }
static f128 wide(x87_f80 x) { struct sf_env e = quiet(); return sf80_to_f128(&e, x); }
static bool less(f128 a, f128 b) { struct sf_env e = quiet(); return sf128_lt_q(&e, a, b); }
static f128 mag(f128 a) { return a & ~SIGN; }

/* That an intermediate result is below normal is no operand's. */
static x87_f80 narrow(struct sf_env *env, f128 v)
{
	struct sf_env e = *env;
	x87_f80 r;

	e.flags = SF_NX;
	r = sf128_to_f80(&e, v);
	env->flags |= e.flags & ~SF_DENORM;
	return r;
}

/* The last product, which may overflow, or be too small. */
static x87_f80 narrow_mul(struct sf_env *env, x87_f80 y, f128 l)
{
	struct sf_env e = *env;
	f128 v;

	e.flags = 0;
	v = sf128_mul(&e, wide(y), l);
	env->flags |= e.flags & ~SF_DENORM;
	return narrow(env, v);
}

/* e^x - 1, |x| < 0.35 */
static f128 expm1_small(f128 x)
{
	f128 r = 0;

	for (int n = 26; n >= 1; n--)		/* x/1 (1 + x/2 (1 + x/3 ... */
		r = mul(quo(x, num(n)), add(ONE, r));
	return r;
}

/* By halving twice: e^2x - 1 = u (u + 2). */
x87_f80 x87_math_2xm1(struct sf_env *env, x87_f80 x)
{
	f128 u = expm1_small(mul(mul(wide(x), LN2), mul(HALF, HALF)));

	u = mul(u, add(u, TWO));
	return narrow(env, mul(u, add(u, TWO)));
}

/* ln((1 + s) / (1 - s)), |s| < 0.18 */
static f128 twice_atanh(f128 s)
{
	f128 q = mul(s, s), r = 0;

	for (int n = 51; n >= 1; n -= 2)
		r = add(mul(r, q), quo(ONE, num(n)));
	return mul(mul(r, s), TWO);
}

/* Of v > 0: its exponent, and the logarithm of a number between sqrt(1/2) and sqrt(2). */
static f128 log2_of(f128 v)
{
	int e = 0;

	if (!(v >> 112)) {
		v = mul(v, F128(0x407f000000000000, 0));
		e = -128;
	}
	e += (int)(v >> 112) - 0x3fff;
	v = (v & (((f128)1 << 112) - 1)) | ONE;
	if (less(SQRT2, v)) {
		v = mul(v, HALF);
		e++;
	}
	v = mul(twice_atanh(quo(sub(v, ONE), add(v, ONE))), LOG2E);
	return add(num(e), v);
}

x87_f80 x87_math_yl2x(struct sf_env *env, x87_f80 y, x87_f80 x)
{
	return narrow_mul(env, y, log2_of(wide(x)));
}

/* 1 + x = (1 + s) / (1 - s) with s = x / (x + 2): exact for small x */
x87_f80 x87_math_yl2xp1(struct sf_env *env, x87_f80 y, x87_f80 x)
{
	f128 v = wide(x), l;

	if (less(mag(v), F128(0x3ffd200000000000, 0)))
		l = mul(twice_atanh(quo(v, add(v, TWO))), LOG2E);
	else
		l = log2_of(add(v, ONE));
	return narrow_mul(env, y, l);
}

/* atan of 0 <= t <= 1: halved three times by t / (1 + sqrt(1 + t^2)) */
static f128 atan_unit(f128 t)
{
	struct sf_env e = quiet();
	f128 q, r = 0;

	for (int n = 0; n < 3; n++)
		t = quo(t, add(ONE, sf128_sqrt(&e, add(ONE, mul(t, t)))));
	q = mul(t, t);
	for (int n = 37; n >= 1; n -= 2)
		r = sub(quo(ONE, num(n)), mul(r, q));
	return mul(mul(r, t), num(8));
}

x87_f80 x87_math_atan2(struct sf_env *env, x87_f80 y, x87_f80 x)
{
	f128 a = wide(y), b = wide(x), ma = mag(a), mb = mag(b), r;

	if (less(mb, ma))
		r = sub(PI_2, atan_unit(quo(mb, ma)));
	else
		r = atan_unit(quo(ma, mb));
	if (b & SIGN)
		r = sub(PI, r);
	return narrow(env, r | (a & SIGN));
}

/*
 * The processors reduce by pi to 66 bits; so does this, in integers: x is m * 2^e, the remainder
 * by pi/2 is taken bit by bit. Returns the quadrant.
 */
static unsigned reduce(x87_f80 x, f128 *r)
{
	/* pi/2 * 2^65: 66 bits */
	const f128 half_pi = (f128)3 << 64 | UINT64_C(0x243f6a8885a308d3);
	int e = (int)(x >> 64 & 0x7fff) - 0x3fff - 63;
	f128 v = (uint64_t)x;
	unsigned q = 0;
	struct sf_env env = quiet();
	f128 t;

	if (e < -63) {		/* below one: nothing to take away, or pi/2 once at most */
		*r = mag(wide(x));
		if (less(*r, PI_4))
			return 0;
	}
	/* in units of 2^-65, the bits of the exponent one by one */
	for (int n = e + 65; n >= 0; n--) {
		if (n != e + 65) {
			v <<= 1;
			q <<= 1;
		}
		while (v >= half_pi) {
			v -= half_pi;
			q++;
		}
	}
	/* to the nearest: between -pi/4 and pi/4 */
	t = sf128_from_u64(&env, (uint64_t)(v >> 64));
	t = add(mul(t, F128(0x403f000000000000, 0)), sf128_from_u64(&env, (uint64_t)v));
	t = mul(t, F128(0x3fbe000000000000, 0));	/* 2^-65 */
	if (less(PI_4, t)) {
		f128 p = sf128_from_u64(&env, (uint64_t)half_pi);

		p = add(mul(num(3), F128(0x403f000000000000, 0)), p);
		t = sub(t, mul(p, F128(0x3fbe000000000000, 0)));
		q++;
	}
	*r = t;
	return q & 3;
}

static f128 sin_small(f128 x)
{
	f128 q = mul(x, x), r = ONE;

	for (int n = 30; n >= 2; n -= 2)
		r = sub(ONE, mul(quo(q, num(n * (n + 1))), r));
	return mul(x, r);
}

static f128 cos_small(f128 x)
{
	f128 q = mul(x, x), r = ONE;

	for (int n = 31; n >= 1; n -= 2)
		r = sub(ONE, mul(quo(q, num(n * (n + 1))), r));
	return r;
}

/* sin(|x| + k pi/2) */
static f128 wave(x87_f80 x, unsigned k)
{
	f128 r;
	unsigned q = reduce(x, &r) + k;

	r = q & 1 ? cos_small(r) : sin_small(r);
	return q & 2 ? r ^ SIGN : r;
}

x87_f80 x87_math_sin(struct sf_env *env, x87_f80 x)
{
	return narrow(env, wave(x, 0) ^ (x >> 79 & 1 ? SIGN : 0));
}

x87_f80 x87_math_cos(struct sf_env *env, x87_f80 x) { return narrow(env, wave(x, 1)); }

x87_f80 x87_math_tan(struct sf_env *env, x87_f80 x)
{
	return narrow(env, quo(wave(x, 0), wave(x, 1)) ^ (x >> 79 & 1 ? SIGN : 0));
}
