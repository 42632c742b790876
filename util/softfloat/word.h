/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every format shares: unpacked numbers over significand words of 64
 * and of 128 bits, and the rounding decision.
 */
#ifndef UTIL_SOFTFLOAT_WORD_H
#define UTIL_SOFTFLOAT_WORD_H

#include "util/softfloat/softfloat.h"

#define SF_CAT2(a, b)		a##b
#define SF_CAT(a, b)		SF_CAT2(a, b)
#define SF_CAT4_(a, b, c, d)	a##b##c##d
#define SF_CAT4(a, b, c, d)	SF_CAT4_(a, b, c, d)

/* In this order: comparisons rely on it. */
enum sf_kind {
	SF_KIND_ZERO,
	SF_KIND_FINITE,
	SF_KIND_INF,
	SF_KIND_QNAN,
	SF_KIND_SNAN,
};

/*
 * Does the magnitude grow by one unit in the last place?  lsb is the last
 * bit kept, half the first one dropped, rest whether any after it is set.
 */
static inline bool sf_round_up(unsigned int rm, bool sign, bool lsb, bool half,
			       bool rest)
{
	switch (rm) {
	case SF_RNE:
		return half && (rest || lsb);
	case SF_RDN:
		return sign && (half || rest);
	case SF_RUP:
		return !sign && (half || rest);
	case SF_RMM:
		return half;
	case SF_ODD:
		/* Adding one to an even number is what makes it odd. */
		return !lsb && (half || rest);
	default:
		return false;
	}
}

/* Does an overflowing result become infinity (else the largest finite)? */
static inline bool sf_overflow_to_inf(unsigned int rm, bool sign)
{
	switch (rm) {
	case SF_RNE:
	case SF_RMM:
		return true;
	case SF_RDN:
		return sign;
	case SF_RUP:
		return !sign;
	default:
		return false;
	}
}

static inline unsigned int sf_clz64(uint64_t x)
{
	return __builtin_clzll(x);
}

static inline unsigned int sf_clz128(unsigned __int128 x)
{
	uint64_t hi = x >> 64;

	return hi ? sf_clz64(hi) : 64 + sf_clz64((uint64_t)x);
}

#define SF_W 64
#include "util/softfloat/word.inc.h"
#undef SF_W

#define SF_W 128
#include "util/softfloat/word.inc.h"
#undef SF_W

#endif
