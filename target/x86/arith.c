// SPDX-License-Identifier: GPL-2.0-or-later
/* Arithmetic that is too long to be IR. */
#include "target/x86/arith.h"

#include "target/x86/helper.h"

/* --- division --- */

/* Delivered by x86_interrupt: nothing here may call what is compiled otherwise. */
static uint64_t divide_error(struct x86_state *s)
{
	s->exc_pending = 1;
	s->exc_nr = X86_DE;
	s->exc_has_error = 0;
	s->exc_has_payload = 0;
	x86_leave_loop(s);
	return 0;
}

static uint64_t divide(struct x86_state *s, uint64_t a, uint64_t x, unsigned bits)
{
	uint64_t q;

	if (!x)
		return divide_error(s);
	q = a / x;
	if (q >> bits)
		return divide_error(s);
	return q | (a % x) << bits;
}

static uint64_t divide_signed(struct x86_state *s, int64_t a, int64_t x, unsigned bits)
{
	uint64_t mask = (UINT64_C(1) << bits) - 1;
	int64_t q, max = (int64_t)(mask >> 1);

	if (!x || (a == INT64_MIN && x == -1))
		return divide_error(s);
	q = a / x;
	if (q > max || q < -max - 1)
		return divide_error(s);
	return ((uint64_t)q & mask) | ((uint64_t)(a % x) & mask) << bits;
}

uint64_t x86_help_div8(void *state, uint64_t a, uint64_t x) { return divide(state, a, x, 8); }
uint64_t x86_help_div16(void *state, uint64_t a, uint64_t x) { return divide(state, a, x, 16); }
uint64_t x86_help_div32(void *state, uint64_t a, uint64_t x) { return divide(state, a, x, 32); }

uint64_t x86_help_idiv8(void *state, uint64_t a, uint64_t x)
{
	return divide_signed(state, (int16_t)a, (int64_t)x, 8);
}

uint64_t x86_help_idiv16(void *state, uint64_t a, uint64_t x)
{
	return divide_signed(state, (int32_t)a, (int64_t)x, 16);
}

uint64_t x86_help_idiv32(void *state, uint64_t a, uint64_t x)
{
	return divide_signed(state, (int64_t)a, (int64_t)x, 32);
}

/* hi:lo / x where hi < x */
static uint64_t long_division(uint64_t hi, uint64_t lo, uint64_t x, uint64_t *rem)
{
	uint64_t top;
	unsigned n;

	for (n = 0; n < 64; n++) {
		top = hi >> 63;
		hi = hi << 1 | lo >> 63;
		lo <<= 1;
		if (top || hi >= x) {
			hi -= x;
			lo |= 1;
		}
	}
	*rem = hi;
	return lo;
}

uint64_t x86_help_div64(void *state, uint64_t lo, uint64_t x)
{
	struct x86_state *s = state;
	uint64_t hi = s->scratch;

	if (hi >= x)
		return divide_error(s);
	if (hi)
		return long_division(hi, lo, x, &s->scratch);
	s->scratch = lo % x;
	return lo / x;
}

uint64_t x86_help_idiv64(void *state, uint64_t lo, uint64_t x)
{
	struct x86_state *s = state;
	uint64_t hi = s->scratch, q, rem, d = (int64_t)x < 0 ? -x : x;
	bool minus = hi >> 63, other = minus != (x >> 63);

	if (!x)
		return divide_error(s);
	if (minus) {
		hi = ~hi + !lo;
		lo = -lo;
	}
	if (hi >= d)
		return divide_error(s);
	if (hi) {
		q = long_division(hi, lo, d, &rem);
	} else {
		q = lo / d;
		rem = lo % d;
	}
	if (q > (UINT64_C(1) << 63) - !other)
		return divide_error(s);
	s->scratch = minus ? -rem : rem;
	return other ? -q : q;
}

/* --- decimal --- */

static uint64_t result_flags(uint8_t r)
{
	return (r ? 0 : X86_FLAG_ZF) | (r & 0x80 ? X86_FLAG_SF : 0) |
	       (__builtin_parity(r) ? 0 : X86_FLAG_PF);
}

static uint64_t adjust(uint8_t al, uint8_t ah, uint64_t f, bool sub)
{
	uint8_t old = al;
	bool cf = f & X86_FLAG_CF, af = f & X86_FLAG_AF, carry = false;

	if ((al & 15) > 9 || af) {
		carry = cf || (sub ? al < 6 : al > 0xf9);
		al = (uint8_t)(sub ? al - 6 : al + 6);
		af = true;
	}
	if (old > 0x99 || cf) {
		al = (uint8_t)(sub ? al - 0x60 : al + 0x60);
		carry = true;
	}
	f = (af ? X86_FLAG_AF : 0) | (carry ? X86_FLAG_CF : 0) | result_flags(al);
	return al | (uint64_t)ah << 8 | f << 16;
}

static uint64_t adjust_ascii(uint16_t ax, uint64_t f, bool sub)
{
	bool af = (ax & 15) > 9 || f & X86_FLAG_AF;

	if (af)
		ax = (uint16_t)(sub ? ax - 0x106 : ax + 0x106);
	ax &= 0xff0f;
	f = (af ? X86_FLAG_AF | X86_FLAG_CF : 0) | result_flags((uint8_t)ax);
	return ax | f << 16;
}

uint64_t x86_help_decimal(void *state, uint64_t how, uint64_t flags)
{
	uint8_t al = (uint8_t)how, ah = (uint8_t)(how >> 8), imm = (uint8_t)(how >> 16);
	uint16_t ax = (uint16_t)how;

	switch (how >> 24) {
	case X86_DEC_DAA: case X86_DEC_DAS:
		return adjust(al, ah, flags, how >> 24 == X86_DEC_DAS);
	case X86_DEC_AAA: case X86_DEC_AAS:
		return adjust_ascii(ax, flags, how >> 24 == X86_DEC_AAS);
	case X86_DEC_AAM:
		if (!imm)
			return divide_error(state);
		ax = (uint16_t)((al / imm) << 8 | al % imm);
		break;
	default:
		ax = (uint8_t)(al + ah * imm);
	}
	return ax | result_flags((uint8_t)ax) << 16;
}

/* --- bits --- */

/* 16 bits: counts above 16 are undefined; processors shift v:x:v. */
static uint32_t double_shift(uint64_t v, uint64_t x, unsigned n, unsigned size, bool right)
{
	if (size == 4)
		return (uint32_t)(right ? (x << 32 | v) >> n : (v << 32 | x) << n >> 32);
	if (right)
		return (uint16_t)((v << 32 | x << 16 | v) >> n);
	return (uint16_t)((v << 32 | x << 16 | v) << n >> 32);
}

uint64_t x86_help_shd(void *state, uint64_t v, uint64_t how)
{
	unsigned n = how & 31, size = how >> 8 & 0xff;
	uint64_t x = v >> 32, a = (uint32_t)v;
	bool right = how >> 16 & 1;

	if (size == 2)
		x &= 0xffff;
	if (!n)
		return a;
	return double_shift(a, x, n, size, right) |
	       (uint64_t)double_shift(a, x, n - 1, size, right) << 32;
}

uint64_t x86_help_crc32(void *state, uint64_t v, uint64_t how)
{
	uint32_t crc = (uint32_t)(how >> 32);
	unsigned n = how & 0xff, k;

	for (; n; n--, v >>= 8) {
		crc ^= (uint8_t)v;
		for (k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

uint64_t x86_help_pext(void *state, uint64_t v, uint64_t mask)
{
	uint64_t r = 0;
	unsigned n;

	for (n = 0; mask; mask &= mask - 1, n++)
		r |= (v >> __builtin_ctzll(mask) & 1) << n;
	return r;
}

uint64_t x86_help_pdep(void *state, uint64_t v, uint64_t mask)
{
	uint64_t r = 0;

	for (; mask; mask &= mask - 1, v >>= 1)
		r |= (v & 1) << __builtin_ctzll(mask);
	return r;
}
