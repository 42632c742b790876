/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tcg/x86_64/host_vec.h"

#include <immintrin.h>

/* Neither raises flags nor looks at MXCSR. */
uint32_t host_rcp(uint32_t x)
{
	return (uint32_t)_mm_cvtsi128_si32(_mm_castps_si128(
		_mm_rcp_ss(_mm_castsi128_ps(_mm_cvtsi32_si128((int)x)))));
}

uint32_t host_rsqrt(uint32_t x)
{
	return (uint32_t)_mm_cvtsi128_si32(_mm_castps_si128(
		_mm_rsqrt_ss(_mm_castsi128_ps(_mm_cvtsi32_si128((int)x)))));
}
