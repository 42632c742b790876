/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host processor: features, floating-point environment, signal context. */
#include <cpuid.h>
#include <immintrin.h>
#include <ucontext.h>

#include "tcg/x86_64/emit_x86.h"
#include "util/softfloat/softfloat.h"

bool emit_host_ok(const char **why)
{
	unsigned a, b, c = 0, d;

	__get_cpuid(0x80000001, &a, &b, &c,
		    &d); /* ECX bit 5: LZCNT, which clang 14's builtin does not know */
	if (!__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("avx2") ||
	    !__builtin_cpu_supports("fma") || !(c >> 5 & 1) || !__builtin_cpu_supports("bmi")) {
		*why = "the processor lacks x86-64-v3 (AVX2, BMI2, FMA, LZCNT)";
		return false;
	}
	return true;
}

/* MXCSR: SDM volume 1, 10.2.3. Flags 0-5, masks 7-12, rounding 13-14. */
enum {
	MX_IE = 1,
	MX_DE = 2,
	MX_ZE = 4,
	MX_OE = 8,
	MX_UE = 16,
	MX_PE = 32,
	MX_FLAGS = 63,
	MX_DAZ = 0x40,
	MX_MASKS = 0x1f80,
	MX_ROUND = 0x6000,
	MX_FTZ = 0x8000,
};

/* ctl: enum sf_round | FP_CTL_* */
static unsigned mx_control(unsigned ctl)
{
	static const uint8_t rc[8] = { [SF_RNE] = 0, [SF_RTZ] = 3, [SF_RDN] = 1, [SF_RUP] = 2 };

	return (unsigned)rc[ctl & FP_CTL_ROUND] << 13 | (ctl & FP_CTL_FTZ ? MX_FTZ : 0) |
	       (ctl & FP_CTL_DAZ ? MX_DAZ : 0);
}

uint32_t emit_fp_enter(unsigned round)
{
	uint32_t old = _mm_getcsr();

	_mm_setcsr(MX_MASKS | mx_control(round));
	return old;
}

void emit_fp_leave(uint32_t old)
{
	_mm_setcsr(old);
}

unsigned emit_fp_take(enum ir_fp_policy policy)
{
	uint32_t m = _mm_getcsr();
	unsigned f = 0;

	if (!(m & MX_FLAGS))
		return 0;
	_mm_setcsr(m & ~(uint32_t)MX_FLAGS);
	if (m & MX_IE)
		f |= SF_NV;
	if (m & MX_DE && policy == FP_X86)
		f |= SF_DENORM;
	if (m & MX_ZE)
		f |= SF_DZ;
	if (m & MX_OE)
		f |= SF_OF;
	if (m & MX_UE)
		f |= SF_UF;
	if (m & MX_PE)
		f |= SF_NX;
	return f;
}

void emit_fp_round(unsigned round)
{
	_mm_setcsr((_mm_getcsr() & ~(uint32_t)(MX_ROUND | MX_FTZ | MX_DAZ)) | mx_control(round));
}

bool emit_cas16(void *p, const void *expect, const void *new, void *old)
{
	uint64_t e[2], n[2];

	memcpy(e, expect, 16);
	memcpy(n, new, 16);
	__asm__ volatile("lock cmpxchg16b %0"
			 : "+m"(*(unsigned char(*)[16])p), "+a"(e[0]), "+d"(e[1])
			 : "b"(n[0]), "c"(n[1])
			 : "cc", "memory");
	memcpy(old, e, 16);
	return true;
}

void emit_fix_stack(void *uc, void *ret_base)
{
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)ret_base;
}

uint64_t emit_signal_pc(const void *uc)
{
	return (uint64_t)((const ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
}
