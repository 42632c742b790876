// SPDX-License-Identifier: GPL-2.0-or-later
/* Remainders, scaling and functions of the x87 unit: what is special; x87_math.c has the series. */
#include "target/x86/x87_soft.h"

static bool special(x87_f80 v)		/* not a finite number other than zero */
{
	return sf80_classify(v) & (SF_CLASS_POS_ZERO | SF_CLASS_NEG_ZERO | SF_CLASS_POS_INF |
				   SF_CLASS_NEG_INF | SF_CLASS_QNAN | SF_CLASS_SNAN);
}
static bool is_inf(x87_f80 v)
{
	return sf80_classify(v) & (SF_CLASS_POS_INF | SF_CLASS_NEG_INF);
}
static bool is_zero(x87_f80 v)
{
	return sf80_classify(v) & (SF_CLASS_POS_ZERO | SF_CLASS_NEG_ZERO);
}
static bool is_denormal(x87_f80 v)
{
	return sf80_classify(v) & (SF_CLASS_POS_SUBNORMAL | SF_CLASS_NEG_SUBNORMAL);
}
static int exponent(x87_f80 v) { return (int)(v >> 64 & 0x7fff) - 0x3fff; }

static x87_f80 invalid(struct unit *u)
{
	u->env.flags |= SF_NV;
	return INDEFINITE;
}

static void note_denormal(struct unit *u, x87_f80 v)
{
	if (is_denormal(v))
		u->env.flags |= SF_DENORM;
}

/* A pseudo-denormal as the number that it is. */
static x87_f80 normal_form(x87_f80 v)
{
	return !(v >> 64 & 0x7fff) && (uint64_t)v & TOP_BIT ? v | F80(1, 0) : v;
}

/* v * 2^n, n within the range of exponents twice */
static x87_f80 scaled(struct sf_env *e, x87_f80 v, int n)
{
	while (n) {
		int k = n > 16000 ? 16000 : n < -16000 ? -16000 : n;

		v = sf80_mul(e, v, F80(0x3fff + k, 0x8000000000000000));
		n -= k;
	}
	return v;
}

/* Partial remainder: at most 63 bits of the quotient at a time (SDM volume 2, FPREM, FPREM1). */
static x87_f80 remainder_of(struct unit *u, x87_f80 a, x87_f80 b, bool nearest)
{
	struct sf_env e = { .round = SF_RNE, .nan = SF_NAN_X86 };
	uint64_t q = 0, ma, mb;
	int ea, d;
	x87_f80 r;

	if (sf80_is_nan(a) || sf80_is_nan(b))
		return sf80_add(&u->env, a, b);
	if (is_inf(a) || is_zero(b))
		return invalid(u);
	note_denormal(u, a);
	note_denormal(u, b);
	u->cc_set |= X86_FSW_C0 | X86_FSW_C1 | X86_FSW_C2 | X86_FSW_C3;
	if (is_zero(a) || is_inf(b))
		return normal_form(a);
	/* normal forms: significands with their top bits set */
	ma = (uint64_t)a;
	mb = (uint64_t)b;
	ea = (a >> 64 & 0x7fff ? exponent(a) : -16382) - __builtin_clzll(ma);
	d = ea - ((b >> 64 & 0x7fff ? exponent(b) : -16382) - __builtin_clzll(mb));
	ma <<= __builtin_clzll(ma);
	mb <<= __builtin_clzll(mb);
	if (d < -1 || (d < 0 && !nearest))
		return normal_form(a);
	if (d >= 64) {
		int n = 32 + d % 32, left = d - n;	/* any of 32 to 63 */
		unsigned __int128 rem = ma;

		for (int i = 0; i <= n; i++) {
			if (i)
				rem <<= 1;
			if (rem >= mb)
				rem -= mb;
		}
		u->cc |= X86_FSW_C2;
		r = sf80_from_u64(&e, (uint64_t)rem);
		r = scaled(&e, r, ea - d + left - 63);
	} else {
		unsigned __int128 rem = ma;

		if (d < 0) {		/* half of b at least: only to the nearest */
			q = 0;
		} else {
			for (int i = 0; i <= d; i++) {
				if (i)
					rem <<= 1;
				q <<= 1;
				if (rem >= mb) {
					rem -= mb;
					q |= 1;
				}
			}
		}
		r = scaled(&e, sf80_from_u64(&e, (uint64_t)rem), (d < 0 ? ea : ea - d) - 63);
		if (nearest) {
			unsigned __int128 twice = rem << (d < 0 ? 0 : 1);

			if (twice > mb || (twice == mb && q & 1)) {
				q++;
				r = sf80_sub(&e, r, b & ~SIGN);
			}
		}
		u->cc |= (q & 4 ? X86_FSW_C0 : 0) | (q & 2 ? X86_FSW_C3 : 0) |
			 (q & 1 ? X86_FSW_C1 : 0);
	}
	if (is_zero(r))
		return a & SIGN;
	return r ^ (a & SIGN);
}

static x87_f80 scale_once(struct unit *u, x87_f80 a, x87_f80 b)
{
	struct sf_env e = { .round = SF_RTZ };
	int64_t n;

	if (sf80_is_nan(a) || sf80_is_nan(b))
		return sf80_add(&u->env, a, b);
	if (is_inf(b)) {
		if (b & SIGN ? is_inf(a) : is_zero(a))
			return invalid(u);
		note_denormal(u, a);
		return b & SIGN ? a & SIGN : (a & SIGN) | F80(0x7fff, 0x8000000000000000);
	}
	note_denormal(u, a);
	note_denormal(u, b);
	a = normal_form(a);
	if (is_inf(a) || is_zero(a) || is_zero(b))
		return a;
	n = sf80_to_i64(&e, b, SF_RTZ, SF_INT_RISCV);
	n = n > 65536 ? 65536 : n < -65536 ? -65536 : n;
	e = u->env;
	e.prec = 0;
	/* a power of two at a time is exact but for the last */
	if (n < 0 && !is_denormal(a) && exponent(a) + n > -16382) {
		a = (a & SIGN) | F80(exponent(a) + n + 0x3fff, 0) | (uint64_t)a;
	} else if (n < -1 && exponent(a) + n > -33000) {
		int k = exponent(a) + 16382;	/* to the least normal number; then once */

		a = scaled(&e, a, -k);
		n = n + k < -16381 ? -16381 : n + k;
		a = sf80_mul(&e, a, F80(0x3fff + n, 0x8000000000000000));
	} else {
		a = scaled(&e, a, (int)n);
	}
	u->env.flags |= e.flags & ~SF_DENORM;
	return a;
}

static x87_f80 scale(struct unit *u, x87_f80 a, x87_f80 b)
{
	struct unit zero = *u;
	x87_f80 r = scale_once(u, a, b);

	zero.env.round = SF_RTZ;
	if ((r & ~SIGN) > (scale_once(&zero, a, b) & ~SIGN) && u->env.flags & SF_NX)
		u->cc |= X86_FSW_C1;
	return r;
}

/* FXTRACT: the exponent stays in ST(1)'s place, the significand is pushed. */
void x87_soft_extract(struct unit *u)
{
	struct sf_env e = { .round = SF_RNE };
	x87_f80 v = st(u, 0), m = v, x;
	bool ok = have(u, 0, 0);
	int n;

	u->cc_set |= X86_FSW_C1;
	if (ok)
		ok = room(u);
	if (!ok) {
		if (unmasked(u, u->ex))
			return;
		st_put(u, 0, INDEFINITE);
		push(u, INDEFINITE);
		return;
	}
	if (sf80_is_nan(v)) {
		x = m = sf80_add(&u->env, v, v);
	} else if (is_inf(v)) {
		x = F80(0x7fff, 0x8000000000000000);
	} else if (is_zero(v)) {
		u->env.flags |= SF_DZ;
		x = F80(0xffff, 0x8000000000000000);
	} else {
		note_denormal(u, v);
		n = __builtin_clzll((uint64_t)v);
		x = sf80_from_i32(&e, (v >> 64 & 0x7fff ? exponent(v) : -16382) - n);
		m = (v & SIGN) | F80(0x3fff, 0) | (uint64_t)v << n;
	}
	if (!go_on(u))
		return;
	st_put(u, 0, x);
	push(u, m);
}

/* --- functions --- */

/* y * log2(x), y * log2(x + 1) */
static x87_f80 logarithm(struct unit *u, x87_f80 y, x87_f80 x, bool plus1)
{
	x87_f80 one = F80(0x3fff, 0x8000000000000000), z;
	bool sign = (y & SIGN) != 0;
	int order;

	if (sf80_is_nan(x) || sf80_is_nan(y))
		return sf80_add(&u->env, y, x);
	if (plus1) {
		if (is_zero(x) || is_inf(x) || is_zero(y) || is_inf(y)) {
			if ((is_zero(x) && is_inf(y)) || (is_inf(x) && (x & SIGN || is_zero(y))))
				return invalid(u);
			z = sf80_mul(&u->env, y, x);
			return z;
		}
		note_denormal(u, x);
		note_denormal(u, y);
		if (x & SIGN && exponent(x) >= 0)
			return invalid(u);
		return exponent(x) >= 0 ? x87_math_yl2x(&u->env, y, sf80_add(&u->env, x, one)) :
					  x87_math_yl2xp1(&u->env, y, x);
	}
	if (is_zero(x)) {
		if (is_zero(y))
			return invalid(u);
		if (!is_inf(y))
			u->env.flags |= SF_DZ;
		return (sign ? 0 : SIGN) | F80(0x7fff, 0x8000000000000000);
	}
	if (x & SIGN)
		return invalid(u);
	order = sf80_compare(&(struct sf_env){ 0 }, x, one, false);
	if (is_inf(x)) {
		if (is_zero(y))
			return invalid(u);
		note_denormal(u, y);
		return (y & SIGN) | F80(0x7fff, 0x8000000000000000);
	}
	if (is_inf(y) && order == SF_EQUAL)
		return invalid(u);
	note_denormal(u, x);
	note_denormal(u, y);
	if (is_inf(y))
		return y ^ (order == SF_LESS ? SIGN : 0);
	if (is_zero(y) || order == SF_EQUAL)
		return (y & SIGN) ^ (order == SF_LESS ? SIGN : 0);
	return x87_math_yl2x(&u->env, y, x);
}

static x87_f80 arctangent(struct unit *u, x87_f80 y, x87_f80 x)
{
	/* multiples of pi/4 that are exact limits */
	static const struct { uint16_t se; uint64_t m; } pi[5] = {
		{ 0, 0 }, { 0x3ffe, UINT64_C(0xc90fdaa22168c235) },
		{ 0x3fff, UINT64_C(0xc90fdaa22168c235) }, { 0x4000, UINT64_C(0x96cbe3f9990e91a8) },
		{ 0x4000, UINT64_C(0xc90fdaa22168c235) },
	};
	unsigned k;

	if (sf80_is_nan(x) || sf80_is_nan(y))
		return sf80_add(&u->env, y, x);
	note_denormal(u, x);
	note_denormal(u, y);
	if (is_inf(y))
		k = is_inf(x) ? (x & SIGN ? 3 : 1) : 2;
	else if (is_inf(x) || is_zero(y))
		k = x & SIGN ? 4 : 0;
	else if (is_zero(x))
		k = 2;
	else
		return x87_math_atan2(&u->env, y, x);
	if (k)
		u->env.flags |= SF_NX;
	return F80(pi[k].se, 0) | pi[k].m | (y & SIGN);
}

static x87_f80 two_to(struct unit *u, x87_f80 x)
{
	if (sf80_is_nan(x))
		return sf80_add(&u->env, x, x);
	if (is_inf(x))
		return x & SIGN ? F80(0xbfff, 0x8000000000000000) : x;
	note_denormal(u, x);
	if (is_zero(x))
		return x;
	return x87_math_2xm1(&u->env, x);
}

/* FSIN, FCOS, FSINCOS, FPTAN: C2 where the operand is too large. */
void x87_soft_trigonometric(struct unit *u, uint8_t modrm)
{
	bool two = modrm == 0xfb || modrm == 0xf2;
	x87_f80 x = st(u, 0), r, second = 0;
	bool ok = have(u, 0, 0);

	u->cc_set |= X86_FSW_C1 | X86_FSW_C2;
	if (ok && two)
		ok = room(u);
	if (!ok) {
		if (unmasked(u, u->ex))
			return;
		st_put(u, 0, INDEFINITE);
		if (two)
			push(u, INDEFINITE);
		return;
	}
	if (sf80_is_nan(x)) {
		r = second = sf80_add(&u->env, x, x);
	} else if (is_inf(x)) {
		r = second = invalid(u);
	} else if (exponent(x) >= 63) {
		u->cc |= X86_FSW_C2;
		return;
	} else {
		note_denormal(u, x);
		second = F80(0x3fff, 0x8000000000000000);
		if (is_zero(x)) {
			r = modrm == 0xff ? second : x;
		} else if (modrm == 0xf2) {
			r = x87_math_tan(&u->env, x);
		} else {
			r = modrm == 0xff ? x87_math_cos(&u->env, x) : x87_math_sin(&u->env, x);
			second = x87_math_cos(&u->env, x);
		}
	}
	if (!go_on(u))
		return;
	st_put(u, 0, r);
	if (two)
		push(u, second);
}

/* Result in ST, or in ST(1) and the stack is popped. */
void x87_soft_function(struct unit *u, uint8_t modrm)
{
	bool two = modrm == 0xf1 || modrm == 0xf3 || modrm == 0xf9;
	bool second = two || modrm == 0xf5 || modrm == 0xf8 || modrm == 0xfd;
	bool ok = have(u, 0, second ? 1 : 0);
	x87_f80 a = st(u, 0), b = st(u, 1), r = INDEFINITE;

	u->cc_set |= X86_FSW_C1;
	if (modrm == 0xf5 || modrm == 0xf8)
		u->cc_set |= X86_FSW_C2;
	if (ok)
		switch (modrm) {
		case 0xf0: r = two_to(u, a); break;
		case 0xf1: r = logarithm(u, b, a, false); break;
		case 0xf3: r = arctangent(u, b, a); break;
		case 0xf5: r = remainder_of(u, a, b, true); break;
		case 0xf8: r = remainder_of(u, a, b, false); break;
		case 0xf9: r = logarithm(u, b, a, true); break;
		case 0xfc:
			r = sf80_round_int(&u->env, a, u->env.round, true);
			note_denormal(u, a);
			if ((r & ~SIGN) > (a & ~SIGN) && !special(a))
				u->cc |= X86_FSW_C1;
			break;
		default: r = scale(u, a, b);
		}
	if (ok ? !go_on(u) : unmasked(u, u->ex))
		return;
	if (two)
		pop(u);
	st_put(u, 0, r);
}
