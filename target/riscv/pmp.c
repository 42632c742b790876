// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Physical memory protection (3.7), with a granularity of one page (G = 10), so
 * that a translation of a page needs no check per access.
 */
#include "target/riscv/mmu.h"

enum {
	PMP_R = 1,
	PMP_W = 2,
	PMP_X = 4,
	PMP_A = 3 << 3,
	PMP_OFF = 0,
	PMP_TOR = 1 << 3,
	PMP_NA4 = 2 << 3,
	PMP_NAPOT = 3 << 3,
	PMP_L = 1 << 7
};
#define ADDR_MASK ((1ull << 54) - 1)
#define GRAIN_ONES 0x1ffull	/* G - 1 low bits of a NAPOT address */
#define GRAIN_ZEROS 0x3ffull	/* G low bits of the others */

/* [first, last] of entry i; false when off or empty. */
static bool entry_range(const struct riscv_state *s, unsigned i, uint64_t *first, uint64_t *last)
{
	uint64_t a = s->pmpaddr[i] & ADDR_MASK, size;	/* a restored one may be anything */

	switch (s->pmpcfg[i] & PMP_A) {
	case PMP_TOR:
		*first = i ? (s->pmpaddr[i - 1] & ADDR_MASK & ~GRAIN_ZEROS) << 2 : 0;
		*last = ((a & ~GRAIN_ZEROS) << 2) - 1;
		return (a & ~GRAIN_ZEROS) && *first <= *last;
	case PMP_NAPOT:
		a |= GRAIN_ONES;
		size = 8ull << __builtin_ctzll(~a);
		*first = (a << 2) & ~(size - 1);
		*last = *first + size - 1;
		return true;
	default:
		return false;
	}
}

uint8_t riscv_pmp_prot(const struct riscv_state *s, uint64_t pa, unsigned priv)
{
	uint64_t first, last;

	for (unsigned i = 0; i < RISCV_NR_PMP; i++)
		if (entry_range(s, i, &first, &last) && pa >= first && pa <= last)
			return priv == PRIV_M && !(s->pmpcfg[i] & PMP_L) ?
				       PROT_R | PROT_W | PROT_X :
				       s->pmpcfg[i] & 7;
	return priv == PRIV_M ? PROT_R | PROT_W | PROT_X : 0;
}
_Static_assert((int)PROT_R == PMP_R && (int)PROT_W == PMP_W && (int)PROT_X == PMP_X, "same bits");

/* The usual way to open it: the first entry that is on allows everything everywhere. */
bool riscv_pmp_open(const struct riscv_state *s, uint32_t features)
{
	uint64_t first, last;

	if (!(features & FEAT_PMP))
		return true;
	for (unsigned i = 0; i < RISCV_NR_PMP; i++)
		if (entry_range(s, i, &first, &last))
			return first == 0 && last >= (1ull << 56) - 1 && (s->pmpcfg[i] & 7) == 7;
	return false;
}

uint64_t riscv_pmpcfg_read(const struct riscv_state *s, unsigned reg)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8 && reg * 4 + i < RISCV_NR_PMP; i++)
		v |= (uint64_t)s->pmpcfg[reg * 4 + i] << (8 * i);
	return v;
}

void riscv_pmpcfg_write(struct riscv_state *s, unsigned reg, uint64_t v)
{
	for (unsigned i = 0; i < 8 && reg * 4 + i < RISCV_NR_PMP; i++) {
		uint8_t *p = &s->pmpcfg[reg * 4 + i],
			cfg = (uint8_t)(v >> (8 * i)) & (PMP_L | PMP_A | 7);

		if (*p & PMP_L)
			continue;
		if ((cfg & PMP_A) == PMP_NA4)	/* not selectable with this grain */
			cfg = (uint8_t)((cfg & ~PMP_A) | (*p & PMP_A));
		if ((cfg & (PMP_R | PMP_W)) == PMP_W)	/* reserved */
			cfg &= (uint8_t)~PMP_W;
		*p = cfg;
	}
}

uint64_t riscv_pmpaddr_read(const struct riscv_state *s, unsigned i)
{
	if (i >= RISCV_NR_PMP)
		return 0;
	return (s->pmpcfg[i] & PMP_A) == PMP_NAPOT ? s->pmpaddr[i] | GRAIN_ONES :
						     s->pmpaddr[i] & ~GRAIN_ZEROS;
}

void riscv_pmpaddr_write(struct riscv_state *s, unsigned i, uint64_t v)
{
	if (i >= RISCV_NR_PMP || s->pmpcfg[i] & PMP_L)
		return;
	/* the top of a locked range is locked with it */
	if (i + 1 < RISCV_NR_PMP && s->pmpcfg[i + 1] & PMP_L &&
	    (s->pmpcfg[i + 1] & PMP_A) == PMP_TOR)
		return;
	s->pmpaddr[i] = v & ADDR_MASK;
}
