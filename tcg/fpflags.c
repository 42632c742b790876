/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiled without vector registers: the guest's are in them. */
#include "tcg/fpflags.h"

#include "tcg/cpu_head.h"

#ifdef __x86_64__
/* MXCSR flags (SDM volume 1, 10.2.3) to SF_*: PE UE OE ZE IE; DE has no meaning here. */
static unsigned host_take(void)
{
	uint32_t m, f;

	__asm__ volatile("stmxcsr %0" : "=m"(m));
	f = m & 0x3f;
	if (!f)
		return 0;
	m &= ~UINT32_C(0x3f);
	__asm__ volatile("ldmxcsr %0" : : "m"(m));
	return (f >> 5 & 1) | (f >> 3 & 2) | (f >> 1 & 4) | (f << 1 & 8) | (f << 4 & 16);
}
#else
static unsigned host_take(void)
{
	return 0;	/* no back end: soft float raises all flags in cpu_head */
}
#endif

uint64_t fpflags_get(void *state, uint64_t off, uint64_t unused)
{
	uint8_t *p = (uint8_t *)state + off;

	*p |= (uint8_t)((host_take() | CPU_HEAD(state)->fp_flags) & 31);
	CPU_HEAD(state)->fp_flags = 0;
	return *p;
}

uint64_t fpflags_set(void *state, uint64_t off, uint64_t v)
{
	host_take();
	CPU_HEAD(state)->fp_flags = 0;
	*((uint8_t *)state + off) = v & 31;
	return 0;
}
