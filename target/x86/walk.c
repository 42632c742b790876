/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debugger's page walk: linear to physical in every paging mode (SDM volume
 * 3, chapter 4), without permissions, accessed bits or faults.
 */
#include "target/x86/state.h"

#include "target/cpu.h"
#include "util/bits.h"

#include <errno.h>

enum { PT_P = 1, PT_PS = 128 };
#define ADDR_MASK UINT64_C(0x000ffffffffff000)

static int entry(struct cpu_env *env, uint64_t pa, unsigned size, uint64_t *e)
{
	uint8_t *p = env->ops->phys(env, pa & ~UINT64_C(7));

	if (!p)
		return -EFAULT;
	*e = size == 8 ? ld_le64(p) : ld_le32(p + (pa & 4));
	return *e & PT_P ? 0 : -EFAULT;
}

static int walk32(struct x86_state *s, struct cpu_env *env, uint32_t va, uint64_t *pa)
{
	uint64_t e;

	if (entry(env, (s->cr3 & 0xfffff000) + (va >> 22) * 4, 4, &e))
		return -EFAULT;
	if (e & PT_PS && s->cr4 & X86_CR4_PSE) { /* PSE-36: bits 13 to 20 are 32 to 39 */
		*pa = (e & 0xffc00000) | get_bits(e, 13, 8) << 32 | (va & 0x3fffff);
		return 0;
	}
	if (entry(env, (e & 0xfffff000) + get_bits(va, 12, 10) * 4, 4, &e))
		return -EFAULT;
	*pa = (e & 0xfffff000) | (va & 0xfff);
	return 0;
}

int x86_translate_debug(void *state, uint64_t va, uint64_t *pa)
{
	struct x86_state *s = state;
	struct cpu_env *env = cpu_env(state);
	bool wide = s->efer & X86_EFER_LMA;
	unsigned shift;
	uint64_t e;

	if (!wide)
		va = (uint32_t)va;
	if (!(s->cr0 & X86_CR0_PG)) {
		*pa = va;
		return 0;
	}
	if (!(s->cr4 & X86_CR4_PAE))
		return walk32(s, env, va, pa);
	if (wide) {
		shift = s->cr4 & X86_CR4_LA57 ? 48 : 39;
		if ((uint64_t)sext(va, shift + 9) != va)
			return -EFAULT;
		e = s->cr3;
	} else {
		if (s->pdptr_valid & 1)
			e = s->pdptr[va >> 30];
		else if (entry(env, (s->cr3 & 0xffffffe0) + (va >> 30) * 8, 8, &e))
			return -EFAULT;
		if (!(e & PT_P))
			return -EFAULT;
		shift = 21;
	}
	for (;; shift -= 9) {
		if (entry(env, (e & ADDR_MASK) + get_bits(va, shift, 9) * 8, 8, &e))
			return -EFAULT;
		if (shift == 12 || (shift <= 30 && e & PT_PS))
			break;
	}
	*pa = (e & ADDR_MASK & ~mask_bits(shift)) | (va & mask_bits(shift));
	return 0;
}
