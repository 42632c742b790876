// SPDX-License-Identifier: GPL-2.0-or-later
/* Flags from what an operation leaves (flags.c) against this host's own. */
#include <stdio.h>
#include <string.h>

#include "target/x86/helper.h"

static uint64_t rng = 88172645463325252;

static uint64_t value(void)
{
	static const uint64_t edges[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff,
					  0x80000000, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX };

	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng >> 60 < 6 ? edges[(rng >> 20) % (sizeof(edges) / sizeof(edges[0]))] : rng;
}

static unsigned bad;

static void expect(const char *name, unsigned lg, uint64_t a, uint64_t b, uint64_t host,
		   uint64_t ours, uint64_t mask)
{
	if (!((host ^ ours) & mask))
		return;
	if (bad++ < 20)
		printf("%s %u bits, %lx, %lx: %lx, the host %lx\n", name, 8u << lg,
		       (unsigned long)a, (unsigned long)b, (unsigned long)(ours & mask),
		       (unsigned long)(host & mask));
}

/* r = r OP b with carry c before it; the flags behind it */
#define RUN(insn, suffix, type)									\
	({											\
		type r_ = (type)a;								\
		uint64_t f_;									\
		__asm__("bt $0, %[c]\n\t" insn suffix "\n\tpushf\n\tpop %[f]"			\
			: [r] "+r"(r_), [f] "=&r"(f_)						\
			: [x] "r"((type)b), [c] "r"(c) : "cc", "memory");			\
		r = r_;										\
		f_;										\
	})
#define EACH(name, two, op, ca, cx, cc, mask)							\
	for (unsigned lg = 0; lg < 4; lg++) {							\
		uint64_t r = 0, f = lg == 0 ? RUN(name "b ", two, uint8_t) :			\
				lg == 1 ? RUN(name "w ", two, uint16_t) :			\
				lg == 2 ? RUN(name "l ", two, uint32_t) :			\
					  RUN(name "q ", two, uint64_t);			\
												\
		(void)r;									\
		expect(name, lg, a, b, f, x86_cc_compute((op) + lg, ca, cx, cc), mask);		\
	}

int main(void)
{
	enum { ALL = X86_FLAGS_ARITH, NO_AF = ALL & ~X86_FLAG_AF };

	for (unsigned i = 0; i < 200000 && bad < 20; i++) {
		uint64_t a = value(), b = value(), c = value() & 1;

		EACH("add", "%[x], %[r]", X86_CC_ADD, r, b, 0, ALL)
		EACH("adc", "%[x], %[r]", X86_CC_ADC, r, b, c, ALL)
		EACH("sub", "%[x], %[r]", X86_CC_SUB, r, b, 0, ALL)
		EACH("sbb", "%[x], %[r]", X86_CC_SBB, r, b, c, ALL)
		EACH("cmp", "%[x], %[r]", X86_CC_CMP, a, b, 0, ALL)
		EACH("and", "%[x], %[r]", X86_CC_LOGIC, r, 0, 0, NO_AF)
		EACH("inc", "%[r]", X86_CC_INC, r, 0, c, ALL)
		EACH("dec", "%[r]", X86_CC_DEC, r, 0, c, ALL)
		EACH("neg", "%[r]", X86_CC_CMP, 0, a, 0, ALL)
		EACH("shl", "$1, %[r]", X86_CC_SHL, r, a, 0, NO_AF)
		EACH("shr", "$1, %[r]", X86_CC_SHR, r, a, 0, NO_AF)
		EACH("sar", "$1, %[r]", X86_CC_SAR, r, a, 0, NO_AF)
		EACH("shl", "$3, %[r]", X86_CC_SHL, r, a << 2, 0, NO_AF & ~X86_FLAG_OF)
	}
	return bad != 0;
}
