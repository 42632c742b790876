// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x87 instructions in integer arithmetic: what tcg/x87.h's host does, for hosts that have no such
 * unit, and to compare with where there is one. Masked responses are exact but for the last place
 * of functions; an unmasked overflow or underflow leaves the masked result, not one with a
 * wrapped exponent (SDM volume 1, 8.5.4, 8.5.5). Translated code calls it only where the host has
 * no unit, so it need not spare vector registers.
 */
#include "target/x86/x87_soft.h"

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

	ok = go_on(u);
	u->cc_set |= X86_FSW_C0 | X86_FSW_C1 | X86_FSW_C2 | X86_FSW_C3;
	u->cc |= r == SF_LESS ? X86_FSW_C0 : r == SF_EQUAL ? X86_FSW_C3 :
		 r == SF_UNORDERED ? X86_FSW_C0 | X86_FSW_C2 | X86_FSW_C3 : 0;
	return ok;
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
		{ 0x3fff, UINT64_C(0x8000000000000000), 0 },
		{ 0x4000, UINT64_C(0xd49a784bcd1b8afe), 1 },
		{ 0x3fff, UINT64_C(0xb8aa3b295c17f0bb), 3 },
		{ 0x4000, UINT64_C(0xc90fdaa22168c234), 3 },
		{ 0x3ffd, UINT64_C(0x9a209a84fbcff798), 3 },
		{ 0x3ffe, UINT64_C(0xb17217f7d1cf79ab), 3 },
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
		x87_soft_extract(u);
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
		x87_soft_trigonometric(u, modrm);
		return;
	default:
		if (modrm >= 0xe8 && modrm <= 0xee)
			load_constant(u, modrm);
		else if (modrm >= 0xf0)
			x87_soft_function(u, modrm);
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
