// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The arithmetic flags from what the last operation left (enum x86_cc_op). Compiled for general
 * registers only: translated code calls this with the guest's registers in the vector ones.
 */
#include "target/x86/helper.h"

/* PF is of the low eight bits. */
static uint64_t sign_zero_parity(uint64_t r, uint64_t sign)
{
	uint64_t f = 0;

	r &= sign | (sign - 1);
	if (!r)
		f |= X86_FLAG_ZF;
	if (r & sign)
		f |= X86_FLAG_SF;
	if (!__builtin_parity((unsigned)(r & 0xff)))
		f |= X86_FLAG_PF;
	return f;
}

static uint64_t add_flags(uint64_t r, uint64_t x, uint64_t c, uint64_t sign)
{
	uint64_t mask = sign | (sign - 1), m = r - x - c, f;

	f = sign_zero_parity(r, sign) | ((r ^ x ^ m) & X86_FLAG_AF);
	if (c ? (r & mask) <= (x & mask) : (r & mask) < (x & mask))
		f |= X86_FLAG_CF;
	if ((r ^ x) & (r ^ m) & sign)
		f |= X86_FLAG_OF;
	return f;
}

static uint64_t sub_flags(uint64_t m, uint64_t x, uint64_t c, uint64_t sign)
{
	uint64_t mask = sign | (sign - 1), r = m - x - c, f;

	f = sign_zero_parity(r, sign) | ((r ^ x ^ m) & X86_FLAG_AF);
	if (c ? (m & mask) <= (x & mask) : (m & mask) < (x & mask))
		f |= X86_FLAG_CF;
	if ((m ^ x) & (m ^ r) & sign)
		f |= X86_FLAG_OF;
	return f;
}

uint64_t x86_cc_compute(unsigned cc_op, uint64_t a, uint64_t x, uint64_t c)
{
	uint64_t sign = UINT64_C(1) << ((8u << (cc_op & 3)) - 1), mask = sign | (sign - 1), f;

	if (cc_op <= X86_CC_PACKED)
		return a & X86_FLAGS_ARITH;
	switch (cc_op & ~3u) {
	case X86_CC_ADD:
		return add_flags(a, x, 0, sign);
	case X86_CC_ADC:
		return add_flags(a, x, c, sign);
	case X86_CC_SUB:
		return sub_flags(a + x, x, 0, sign);
	case X86_CC_SBB:
		return sub_flags(a + x + c, x, c, sign);
	case X86_CC_CMP:
		return sub_flags(a, x, 0, sign);
	case X86_CC_LOGIC:
		return sign_zero_parity(a, sign);
	case X86_CC_INC:
		f = sign_zero_parity(a, sign) | (c & 1);
		f |= (a & 0xf) == 0 ? X86_FLAG_AF : 0;
		return f | ((a & mask) == sign ? X86_FLAG_OF : 0);
	case X86_CC_DEC:
		f = sign_zero_parity(a, sign) | (c & 1);
		f |= (a & 0xf) == 0xf ? X86_FLAG_AF : 0;
		return f | ((a & mask) == sign - 1 ? X86_FLAG_OF : 0);
	case X86_CC_SHL:
		f = sign_zero_parity(a, sign) | (x & sign ? X86_FLAG_CF : 0);
		return f | ((a ^ x) & sign ? X86_FLAG_OF : 0);
	case X86_CC_SHR: case X86_CC_SAR:
		f = sign_zero_parity(a, sign) | (x & 1);
		return f | ((a ^ x) & sign ? X86_FLAG_OF : 0);
	case X86_CC_MUL:
		return sign_zero_parity(a, sign) | (x ? X86_FLAG_CF | X86_FLAG_OF : 0);
	default:	/* X86_CC_BMI */
		return (sign_zero_parity(a, sign) & ~(uint64_t)X86_FLAG_PF) | (x ? 1 : 0);
	}
}

uint64_t x86_arith_flags(const struct x86_state *s)
{
	if (s->cc_op == X86_CC_RFLAGS)
		return s->rflags & X86_FLAGS_ARITH;
	return x86_cc_compute(s->cc_op, s->cc[0], s->cc[1], s->cc[2]);
}

uint64_t x86_rflags_get(struct x86_state *s)
{
	s->rflags = (s->rflags & ~(uint64_t)X86_FLAGS_ARITH) | x86_arith_flags(s) | 2;
	s->cc_op = X86_CC_RFLAGS;
	return s->rflags;
}

void x86_rflags_put(struct x86_state *s, uint64_t v, uint64_t mask)
{
	s->rflags = (x86_rflags_get(s) & ~mask) | (v & mask) | 2;
}

/* --- as helpers --- */

uint64_t x86_help_flags(void *state, uint64_t unused, uint64_t unused2)
{
	return x86_arith_flags(state);
}

uint64_t x86_help_carry(void *state, uint64_t unused, uint64_t unused2)
{
	return x86_arith_flags(state) & X86_FLAG_CF;
}

uint64_t x86_help_cond(void *state, uint64_t cc, uint64_t unused)
{
	uint64_t f = x86_arith_flags(state), less = (f >> 7 ^ f >> 11) & 1, v;

	switch (cc >> 1 & 7) {
	case 0:
		v = f >> 11 & 1;
		break;
	case 1:
		v = f & 1;
		break;
	case 2:
		v = f >> 6 & 1;
		break;
	case 3:
		v = (f | f >> 6) & 1;
		break;
	case 4:
		v = f >> 7 & 1;
		break;
	case 5:
		v = f >> 2 & 1;
		break;
	case 6:
		v = less;
		break;
	default:
		v = less | (f >> 6 & 1);
	}
	return v ^ (cc & 1);
}
