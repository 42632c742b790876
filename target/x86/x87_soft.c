// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x87 instructions in integer arithmetic: what tcg/x87.h's host does, for hosts that have no such
 * unit, and to compare with where there is one. Masked responses are exact but for the last place
 * of functions; an unmasked overflow or underflow leaves the masked result, not one with a
 * wrapped exponent (SDM volume 1, 8.5.4, 8.5.5). Translated code calls it only where the host has
 * no unit, so it need not spare vector registers.
 */
#include "target/x86/fpu.h"
#include "target/x86/x87.h"
#include "target/x86/x87_math.h"

#define F80(se, m) ((x87_f80)(se) << 64 | UINT64_C(m))
#define INDEFINITE F80(0xffff, 0xc000000000000000)
#define SIGN ((x87_f80)0x8000 << 64)
#define TOP_BIT (UINT64_C(1) << 63)

struct unit {
	struct x87_image *m;
	struct sf_env env;		/* PC and RC; its flags are this instruction's */
	uint32_t ex, cc, cc_set;	/* exceptions so far; condition codes that are written */
	bool fault;			/* of the stack: nothing else is done, if IE is unmasked */
	bool denormal;			/* the memory operand: told where nothing worse is */
};

/* --- the stack --- */

static unsigned top(const struct unit *u) { return u->m->sw >> X86_FSW_TOP_SHIFT & 7; }

static bool empty(const struct unit *u, unsigned i)
{
	return (u->m->tw >> 2 * ((top(u) + i) & 7) & 3) == 3;
}

static void tag(struct unit *u, unsigned i, bool used)
{
	unsigned shift = 2 * ((top(u) + i) & 7);

	u->m->tw = (u->m->tw & ~(3u << shift)) | (used ? 0u : 3u) << shift;
}

static x87_f80 st(const struct unit *u, unsigned i)
{
	uint64_t m;
	uint16_t se;

	memcpy(&m, u->m->st[i], 8);
	memcpy(&se, u->m->st[i] + 8, 2);
	return F80(se, 0) | m;
}

static void st_put(struct unit *u, unsigned i, x87_f80 v)
{
	uint64_t m = (uint64_t)v;
	uint16_t se = (uint16_t)(v >> 64);

	memcpy(u->m->st[i], &m, 8);
	memcpy(u->m->st[i] + 8, &se, 2);
	tag(u, i, true);
}

/* The registers lie in the order of the stack: it turns under them. */
static void turn(struct unit *u, unsigned by)
{
	uint8_t old[8][10];

	for (unsigned i = 0; i < 8; i++)
		memcpy(old[i], u->m->st[i], 10);
	for (unsigned i = 0; i < 8; i++)
		memcpy(u->m->st[i], old[(i + by) & 7], 10);
	u->m->sw = (u->m->sw & ~(uint32_t)X86_FSW_TOP) | ((top(u) + by) & 7) << X86_FSW_TOP_SHIFT;
}

static void pop(struct unit *u)
{
	tag(u, 0, false);
	turn(u, 1);
}

static void push(struct unit *u, x87_f80 v)
{
	turn(u, 7);
	st_put(u, 0, v);
}

/* --- exceptions --- */

static bool unmasked(const struct unit *u, uint32_t ex) { return ex & ~u->m->cw & X86_FSW_EXC; }

static void stack_fault(struct unit *u, bool overflow)
{
	u->ex |= X86_FSW_IE | X86_FSW_SF;
	u->cc_set |= X86_FSW_C1;
	u->cc = overflow ? u->cc | X86_FSW_C1 : u->cc & ~(uint32_t)X86_FSW_C1;
	u->fault = true;
}

/* One operand or two; false: a stack fault. */
static bool have(struct unit *u, unsigned i, unsigned k)
{
	if (!empty(u, i) && !empty(u, k))
		return true;
	stack_fault(u, false);
	return false;
}

static bool room(struct unit *u)
{
	if (empty(u, 7))
		return true;
	stack_fault(u, true);
	return false;
}

/* Exceptions of the arithmetic so far; false: one that comes before the result is unmasked. */
static bool go_on(struct unit *u)
{
	if (u->denormal && !(u->env.flags & (SF_NV | SF_DZ)))
		u->env.flags |= SF_DENORM;
	u->ex |= x86_flags_of(u->env.flags);
	return !unmasked(u, u->ex & (X86_FSW_IE | X86_FSW_DE | X86_FSW_ZE));
}

/* C1: was the magnitude rounded up? By comparing with the result towards zero. */
static void rounded(struct unit *u, x87_f80 v, x87_f80 truncated)
{
	u->cc_set |= X86_FSW_C1;
	if (u->ex & X86_FSW_PE && (v & ~SIGN) > (truncated & ~SIGN))
		u->cc |= X86_FSW_C1;
}

/* --- arithmetic --- */

static x87_f80 binary(struct sf_env *e, unsigned digit, x87_f80 a, x87_f80 b)
{
	switch (digit) {
	case 0: return sf80_add(e, a, b);
	case 1: return sf80_mul(e, a, b);
	case 4: return sf80_sub(e, a, b);
	case 5: return sf80_sub(e, b, a);
	case 6: return sf80_div(e, a, b);
	case 7: return sf80_div(e, b, a);
	default: return sf80_sqrt(e, a);
	}
}

/* Digit 8: the square root of a. The result, or nothing. */
static bool arith(struct unit *u, unsigned digit, x87_f80 a, x87_f80 b, x87_f80 *r)
{
	struct sf_env zero = u->env;

	zero.round = SF_RTZ;
	*r = binary(&u->env, digit, a, b);
	if (!go_on(u))
		return false;
	rounded(u, *r, binary(&zero, digit, a, b));
	return true;
}

/* Into st(dst); a stack fault gives the indefinite NaN. False: not written. */
static bool arith_to(struct unit *u, unsigned digit, unsigned dst, x87_f80 a, x87_f80 b, bool ok)
{
	x87_f80 r = INDEFINITE;

	if (ok ? !arith(u, digit, a, b, &r) : unmasked(u, u->ex))
		return false;
	st_put(u, dst, r);
	return true;
}

static bool compare(struct unit *u, x87_f80 a, x87_f80 b, bool quiet, bool ok)
{
	int r = ok ? sf80_compare(&u->env, a, b, !quiet) : SF_UNORDERED;

	u->cc_set |= X86_FSW_C0 | X86_FSW_C1 | X86_FSW_C2 | X86_FSW_C3;
	u->cc |= r == SF_LESS ? X86_FSW_C0 : r == SF_EQUAL ? X86_FSW_C3 :
		 r == SF_UNORDERED ? X86_FSW_C0 | X86_FSW_C2 | X86_FSW_C3 : 0;
	return go_on(u);
}

/* --- memory operands --- */

/* With arithmetic a signalling NaN is still one when the other operand is looked at. */
static x87_f80 operand(struct unit *u, unsigned op, unsigned digit, const void *mem)
{
	struct sf_env exact = { .round = SF_RNE };
	uint64_t v = 0, hi = 0;

	switch (op) {
	case 0: case 1:
		memcpy(&v, mem, 4);
		if (op == 0 && sf32_is_snan((uint32_t)v))
			return F80(0x7fff | (v >> 16 & 0x8000), 0) | TOP_BIT | (v & 0x7fffff) << 40;
		return sf32_to_f80(&u->env, (uint32_t)v);
	case 4: case 5:
		memcpy(&v, mem, 8);
		if (op == 4 && sf64_is_snan(v))
			return F80(0x7fff | (v >> 48 & 0x8000), 0) | TOP_BIT |
			       (v & UINT64_C(0xfffffffffffff)) << 11;
		return sf64_to_f80(&u->env, v);
	case 2:
		memcpy(&v, mem, 4);
		return sf80_from_i32(&exact, (int32_t)v);
	case 3:
		if (digit == 5) {
			memcpy(&v, mem, 8);
			memcpy(&hi, (const uint8_t *)mem + 8, 2);
			return F80(hi, 0) | v;
		}
		memcpy(&v, mem, 4);
		return sf80_from_i32(&exact, (int32_t)v);
	default:
		if (op == 7 && digit == 5) {
			memcpy(&v, mem, 8);
			return sf80_from_i64(&exact, (int64_t)v);
		}
		memcpy(&v, mem, 2);
		return sf80_from_i32(&exact, (int16_t)v);
	}
}

/* Packed decimal: 18 digits and a sign (SDM volume 1, 4.7). */
static x87_f80 from_bcd(const uint8_t *b)
{
	struct sf_env exact = { .round = SF_RNE };
	uint64_t v = 0;

	for (unsigned i = 9; i--;)
		v = v * 100 + (b[i] >> 4) * 10 + (b[i] & 15);
	return sf80_from_u64(&exact, v) | (b[9] & 0x80 ? SIGN : 0);
}

static void to_bcd(struct unit *u, x87_f80 v, bool ok, uint8_t *b)
{
	static const uint64_t limit = UINT64_C(999999999999999999);
	struct sf_env zero = u->env;
	int64_t n = INT64_MIN;

	if (ok)
		n = sf80_to_i64(&u->env, v, u->env.round, SF_INT_X86);
	if (n == INT64_MIN || (n < 0 ? -(uint64_t)n : (uint64_t)n) > limit) {
		u->env.flags = SF_NV;
		for (unsigned i = 0; i < 10; i++)
			b[i] = i < 7 ? 0 : i == 7 ? 0xc0 : 0xff;
		return;
	}
	for (uint64_t m = n < 0 ? -(uint64_t)n : (uint64_t)n, i = 0; i < 9; i++, m /= 100)
		b[i] = (uint8_t)(m % 10 | m / 10 % 10 << 4);
	b[9] = v & SIGN ? 0x80 : 0;
	if (n != sf80_to_i64(&zero, v, SF_RTZ, SF_INT_X86))
		u->cc |= X86_FSW_C1;
}

static uint64_t to_integer(struct sf_env *e, x87_f80 v, unsigned round, unsigned bytes)
{
	int64_t n = sf80_to_i64(e, v, round, SF_INT_X86), min = -(INT64_C(1) << (8 * bytes - 1));

	if (bytes < 8 && (n < min || n > -min - 1)) {
		e->flags = SF_NV;
		n = min;
	}
	return (uint64_t)n;
}

/* What a store writes, with ST in v; !ok: the register is empty. */
static void store_value(struct unit *u, unsigned op, unsigned digit, x87_f80 v, bool ok, void *mem)
{
	struct sf_env zero = u->env;
	uint64_t r, t;
	unsigned bytes = op == 7 && digit == 7 ? 8 : op == 7 ? 2 : 4;
	bool integer = op == 3 || op == 7 || digit == 1;

	if (op == 5 && digit == 1)
		bytes = 8;
	zero.round = SF_RTZ;
	if (integer) {
		unsigned round = digit == 1 ? SF_RTZ : u->env.round;

		r = ok ? to_integer(&u->env, v, round, bytes) : UINT64_C(1) << (8 * bytes - 1);
		t = ok ? to_integer(&zero, v, SF_RTZ, bytes) : r;
		u->cc |= r != t ? X86_FSW_C1 : 0;	/* away from zero */
		memcpy(mem, &r, bytes);
		return;
	}
	if (op == 5) {
		r = ok ? sf80_to_f64(&u->env, v) : UINT64_C(0xfff8000000000000);
		t = ok ? sf80_to_f64(&zero, v) : r;
		u->cc |= (r << 1) > (t << 1) ? X86_FSW_C1 : 0;
		memcpy(mem, &r, 8);
	} else {
		r = ok ? sf80_to_f32(&u->env, v) : 0xffc00000;
		t = ok ? sf80_to_f32(&zero, v) : r;
		u->cc |= (uint32_t)(r << 1) > (uint32_t)(t << 1) ? X86_FSW_C1 : 0;
		memcpy(mem, &r, 4);
	}
	u->env.flags &= ~(unsigned)SF_DENORM & 0xff;	/* stores do not raise it */
}

static void store(struct unit *u, unsigned op, unsigned digit, void *mem)
{
	bool ok = have(u, 0, 0), pops = digit != 2;
	x87_f80 v = st(u, 0);
	uint8_t b[16];
	unsigned size = 10;
	bool is_store;

	u->cc_set |= X86_FSW_C1;
	if (op == 7 && digit == 6) {
		to_bcd(u, v, ok, b);
	} else if (op == 3 && digit == 7) {
		v = ok ? v : INDEFINITE;
		memcpy(b, &v, 10);
	} else {
		store_value(u, op, digit, v, ok, b);
		size = x87_mem_size(op, (uint8_t)(digit << 3), &is_store);
	}
	u->ex |= x86_flags_of(u->env.flags);
	if (unmasked(u, u->ex & (X86_FSW_IE | X86_FSW_OE | X86_FSW_UE)))
		return;
	__builtin_memcpy(mem, b, 2);
	for (unsigned i = 2; i < size; i++)
		((uint8_t *)mem)[i] = b[i];
	if (pops)
		pop(u);
}

static void memory_form(struct unit *u, unsigned op, unsigned digit, void *mem)
{
	x87_f80 v;
	bool ok;

	if (!(op & 1)) {		/* arithmetic */
		ok = have(u, 0, 0);
		v = operand(u, op, digit, mem);
		u->denormal = u->env.flags & SF_DENORM && ok && !sf80_is_nan(st(u, 0));
		u->env.flags &= (uint8_t)~SF_DENORM;
		if (digit != 2 && digit != 3)
			arith_to(u, digit, 0, st(u, 0), v, ok);
		else if (compare(u, st(u, 0), v, false, ok) && digit == 3)
			pop(u);
		return;
	}
	if (digit == 0 || (op == 3 && digit == 5) || (op == 7 && (digit == 4 || digit == 5))) {
		u->cc_set |= X86_FSW_C1;
		ok = room(u);
		v = op == 7 && digit == 4 ? from_bcd(mem) : operand(u, op, digit, mem);
		if (!ok)
			u->env.flags = 0;
		if (go_on(u))
			push(u, ok ? v : INDEFINITE);
		return;
	}
	store(u, op, digit, mem);
}

/* --- register forms --- */

static void load_constant(struct unit *u, uint8_t modrm)
{
	/* fld1, fldl2t, fldl2e, fldpi, fldlg2, fldln2, fldz: towards zero, and is the rest more
	 * than half a unit? */
	static const struct { uint16_t se; uint64_t m; uint8_t up; } c[7] = {
		{ 0x3fff, UINT64_C(0x8000000000000000), 0 }, { 0x4000, UINT64_C(0xd49a784bcd1b8afe), 1 },
		{ 0x3fff, UINT64_C(0xb8aa3b295c17f0bb), 3 }, { 0x4000, UINT64_C(0xc90fdaa22168c234), 3 },
		{ 0x3ffd, UINT64_C(0x9a209a84fbcff798), 3 }, { 0x3ffe, UINT64_C(0xb17217f7d1cf79ab), 3 },
		{ 0, 0, 0 },
	};
	unsigned i = modrm - 0xe8, r = u->env.round;
	bool up = c[i].up && (r == SF_RUP || (r == SF_RNE && c[i].up & 2));

	u->cc_set |= X86_FSW_C1;
	if (!room(u) && unmasked(u, u->ex))
		return;
	push(u, u->fault ? INDEFINITE : F80(c[i].se, 0) | (c[i].m + up));
}

static void examine(struct unit *u)
{
	x87_f80 v = st(u, 0);
	unsigned e = (unsigned)(v >> 64) & 0x7fff;
	uint64_t m = (uint64_t)v;
	uint32_t cc;

	if (empty(u, 0))
		cc = X86_FSW_C3 | X86_FSW_C0;
	else if (!e)
		cc = m ? X86_FSW_C3 | X86_FSW_C2 : X86_FSW_C3;
	else if (!(m & TOP_BIT))
		cc = 0;
	else if (e == 0x7fff)
		cc = m == TOP_BIT ? X86_FSW_C2 | X86_FSW_C0 : X86_FSW_C0;
	else
		cc = X86_FSW_C2;
	u->cc_set |= X86_FSW_C0 | X86_FSW_C1 | X86_FSW_C2 | X86_FSW_C3;
	u->cc |= cc | (v & SIGN ? X86_FSW_C1 : 0);
}

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
		a = sf80_mul(&e, a, F80(0x3fff + (n + k < -16381 ? -16381 : n + k), 0x8000000000000000));
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
static void extract(struct unit *u)
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
static void trigonometric(struct unit *u, uint8_t modrm)
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
static void function(struct unit *u, uint8_t modrm)
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

static void group_d9(struct unit *u, uint8_t modrm)
{
	x87_f80 v = st(u, 0), r;
	bool ok;

	switch (modrm) {
	case 0xe0: case 0xe1:
		u->cc_set |= X86_FSW_C1;
		ok = have(u, 0, 0);
		if (!ok && unmasked(u, u->ex))
			return;
		r = modrm == 0xe0 ? v ^ SIGN : v & ~SIGN;
		st_put(u, 0, ok ? r : INDEFINITE);
		return;
	case 0xe4:
		compare(u, v, 0, false, have(u, 0, 0));
		return;
	case 0xe5:
		examine(u);
		return;
	case 0xf4:
		extract(u);
		return;
	case 0xf6: case 0xf7:		/* FDECSTP, FINCSTP */
		u->cc_set |= X86_FSW_C1;
		turn(u, modrm == 0xf6 ? 7 : 1);
		return;
	case 0xfa:
		ok = have(u, 0, 0);
		arith_to(u, 8, 0, v, 0, ok);
		return;
	case 0xf2: case 0xfb: case 0xfe: case 0xff:
		trigonometric(u, modrm);
		return;
	default:
		if (modrm >= 0xe8 && modrm <= 0xee)
			load_constant(u, modrm);
		else if (modrm >= 0xf0)
			function(u, modrm);
	}
}

static void load_reg(struct unit *u, unsigned i)
{
	x87_f80 v = st(u, i);

	u->cc_set |= X86_FSW_C1;
	if (!have(u, i, i) || !room(u)) {
		if (unmasked(u, u->ex))
			return;
		v = INDEFINITE;
	}
	push(u, v);
}

/* D9 D8 and up look at no tags. */
static void store_reg(struct unit *u, unsigned i, bool pops, bool unchecked)
{
	bool ok;

	if (unchecked && empty(u, 0)) {
		u->cc_set |= X86_FSW_C1;
		pop(u);
		return;
	}
	ok = have(u, 0, 0);

	u->cc_set |= X86_FSW_C1;
	if (!ok && unmasked(u, u->ex))
		return;
	st_put(u, i, ok ? st(u, 0) : INDEFINITE);
	if (pops)
		pop(u);
}

static void exchange(struct unit *u, unsigned i)
{
	x87_f80 a = st(u, 0), b = st(u, i);

	u->cc_set |= X86_FSW_C1;
	if (!have(u, 0, i)) {
		if (unmasked(u, u->ex))
			return;
		a = empty(u, 0) ? INDEFINITE : a;
		b = empty(u, i) ? INDEFINITE : b;
	}
	st_put(u, 0, b);
	st_put(u, i, a);
}

/* FCMOVcc: CF, ZF, CF or ZF, PF; DB: their opposites. */
static void move_if(struct unit *u, unsigned op, uint8_t modrm, uint64_t flags)
{
	static const uint8_t mask[4] = { X86_FLAG_CF, X86_FLAG_ZF, X86_FLAG_CF | X86_FLAG_ZF,
					 X86_FLAG_PF };
	unsigned i = modrm & 7;
	bool cond = (flags & mask[modrm >> 3 & 3]) != 0;

	if (!have(u, 0, i)) {
		if (!unmasked(u, u->ex))
			st_put(u, 0, INDEFINITE);
		return;
	}
	if (cond != (op == 3))
		st_put(u, 0, st(u, i));
}

/* FCOMI and the like: C0, C2, C3 stay, CF, PF, ZF are set as they would be. */
static void compare_flags(struct unit *u, uint8_t modrm, bool pops, uint64_t *flags)
{
	unsigned i = modrm & 7;
	uint32_t cc;

	compare(u, st(u, 0), st(u, i), (modrm >> 3 & 7) == 5, have(u, 0, i));
	cc = u->cc;
	u->cc = 0;
	u->cc_set = u->fault ? X86_FSW_C1 : 0;
	if (unmasked(u, u->ex & (X86_FSW_IE | X86_FSW_DE)))
		return;
	*flags = (*flags & ~(uint64_t)X86_FLAGS_ARITH) |
		 (cc >> 8 & (X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_ZF));
	if (pops)
		pop(u);
}

static void register_form(struct unit *u, unsigned op, uint8_t modrm, uint64_t *flags)
{
	unsigned digit = modrm >> 3 & 7, i = modrm & 7, pops;
	bool ok, fcom = digit == 2 || digit == 3;

	if (op == 1 && modrm >= 0xe0) {
		group_d9(u, modrm);
	} else if (op == 1 && digit == 0) {
		load_reg(u, i);
	} else if ((op == 1 || op == 5 || op == 7) && digit == 1) {
		exchange(u, i);
	} else if ((op == 5 || op == 7) && digit == 0) {
		u->cc_set |= X86_FSW_C1;
		tag(u, i, false);
		if (op == 7)
			pop(u);
	} else if (((op == 5 || op == 7) && fcom) || (op == 1 && digit == 3)) {
		store_reg(u, i, op != 5 || digit == 3, op == 1);
	} else if ((op == 2 || op == 3) && digit < 4) {
		move_if(u, op, modrm, *flags);
	} else if ((op == 3 || op == 7) && (digit == 5 || digit == 6)) {
		compare_flags(u, modrm, op == 7, flags);
	} else if (op == 5 || op == 2) {	/* FUCOM, FUCOMP; FUCOMPP */
		pops = op == 2 ? 2 : digit == 5;
		for (ok = compare(u, st(u, 0), st(u, i), true, have(u, 0, i)); ok && pops; pops--)
			pop(u);
	} else if (op == 0 || op == 4 || op == 6) {
		ok = have(u, 0, i);
		if (fcom) {
			pops = op == 6 ? digit - 1 : digit == 3;
			for (ok = compare(u, st(u, 0), st(u, i), false, ok); ok && pops; pops--)
				pop(u);
		} else if (op == 0) {
			arith_to(u, digit, 0, st(u, 0), st(u, i), ok);
		} else if (arith_to(u, digit >= 4 ? digit ^ 1 : digit, i, st(u, i), st(u, 0), ok) &&
			   op == 6) {
			pop(u);
		}
	}
}

void x87_soft_exec(struct x87_image *m, unsigned op, uint8_t modrm, void *mem, uint64_t *flags)
{
	static const uint8_t round[4] = { SF_RNE, SF_RDN, SF_RUP, SF_RTZ };
	static const uint8_t prec[4] = { 24, 0, 53, 0 };
	struct unit u = {
		.m = m,
		.env = { .round = round[m->cw >> 10 & 3], .nan = SF_NAN_X86,
			 .prec = prec[m->cw >> 8 & 3] },
	};

	if (modrm < 0xc0)
		memory_form(&u, op & 7, modrm >> 3 & 7, mem);
	else
		register_form(&u, op & 7, modrm, flags);
	u.ex |= x86_flags_of(u.env.flags);
	m->sw = (m->sw & ~u.cc_set) | (u.cc & u.cc_set) | u.ex;
	if (unmasked(&u, m->sw))
		m->sw |= X86_FSW_ES | X86_FSW_B;
}
