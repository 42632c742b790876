// SPDX-License-Identifier: GPL-2.0-or-later
/* Sv39, Sv48, Sv57 (4.3 to 4.6) with Svadu, Svnapot and Svpbmt. */
#include "target/riscv/mmu.h"

#include <errno.h>
#include <stdatomic.h>

#include "target/riscv/translate.h"

enum {
	PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_G = 32, PTE_A = 64, PTE_D = 128,
};
#define PTE_PPN(pte)	((pte) >> 10 & ((1ull << 44) - 1))
#define PTE_RESERVED	(0x7full << 54)
#define PTE_PBMT	(3ull << 61)
#define PTE_N		(1ull << 63)
#define NAPOT_64K	8	/* the only pattern of ppn[3:0] that is defined */

struct walk {
	struct riscv_state *s;
	gva_t va;
	enum cpu_access acc;
	uint8_t priv;
	bool sum, mxr, adue, pbmte, napot, debug;
};

/* --- which mode --- */

static unsigned data_view(const struct riscv_state *s)
{
	switch (s->priv) {
	case PRIV_U:
		return VIEW_U;
	case PRIV_S:
		return s->mstatus & MST_SUM ? VIEW_S_SUM : VIEW_S;
	default:
		return s->mstatus & MST_MPRV && (s->mstatus & MST_MPP) != MST_MPP ? VIEW_M_MPRV :
										    VIEW_M;
	}
}

/* The features as this privilege mode may use them. */
static uint32_t usable_features(const struct riscv_state *s, uint32_t features)
{
	bool zero = s->priv == PRIV_M ||
		    (s->menvcfg & ENV_CBZE && (s->priv == PRIV_S || s->senvcfg & ENV_CBZE));

	return zero ? features : features & ~(uint32_t)FEAT_ZICBOZ;
}

void riscv_mode(void *state, struct cpu_mode *m)
{
	struct riscv_state *s = state;
	unsigned view = data_view(s);
	bool bare = view == VIEW_M || SATP_MODE(s->satp) == SATP_BARE;

	m->view = (uint8_t)view;
	m->key = KEY_MAKE(view, s->priv, s->frm, usable_features(s, cpu_env(s)->features));
	m->space = bare ? 0 : s->satp;
	m->asid = bare ? 0 : SATP_ASID(s->satp);
}

/* --- physical side --- */

/* Leaves w->prot what PMP allows too; false when the access is not. PMP's grain is a page. */
static bool pmp_apply(const struct walk *k, struct tlb_walk *w)
{
	static const uint8_t need[] = { PROT_R, PROT_W, PROT_X };
	uint8_t prot;

	if (!k->s->pmp_active)
		return true;
	prot = riscv_pmp_prot(k->s, w->pa, k->priv);
	w->prot &= prot;
	return prot & need[k->acc];
}

static bool pmp_table_ok(const struct walk *k, uint64_t pa, bool write)
{
	if (!k->s->pmp_active)
		return true;
	return riscv_pmp_prot(k->s, pa, PRIV_S) & (write ? PROT_W : PROT_R);
}

/* --- the walk --- */

/* PROT_* that a leaf gives this kind of access (4.3.1). */
static unsigned leaf_prot(const struct walk *k, uint64_t pte)
{
	unsigned prot = 0;

	if (pte & PTE_R || (k->mxr && pte & PTE_X))
		prot |= PROT_R;
	if (pte & PTE_W)
		prot |= PROT_W;
	if (pte & PTE_X)
		prot |= PROT_X;
	if (k->priv == PRIV_U)
		return pte & PTE_U ? prot : 0;
	if (pte & PTE_U)	/* S never executes user pages, and touches them only with SUM */
		return k->sum ? prot & ~(unsigned)PROT_X : 0;
	return prot;
}

/* Sets A and D as needed: 1 done, 0 the entry has changed, -1 a fault. */
static int update_ad(const struct walk *k, uint64_t *host, uint64_t pa, uint64_t *pte)
{
	struct cpu_env *env = cpu_env(k->s);
	uint64_t want = *pte | PTE_A | (k->acc == ACCESS_WRITE ? PTE_D : 0), old = *pte;

	if (want == *pte || k->debug)
		return 1;
	if (!k->adue)
		return -1;
	if (!pmp_table_ok(k, pa, true) || !env->ops->phys_rw(env, pa))
		return -2;
	if (!atomic_compare_exchange_strong((_Atomic uint64_t *)host, &old, want))
		return 0;
	env->ops->phys_dirty(env, pa);
	*pte = want;
	return 1;
}

static bool reserved_bits(const struct walk *k, uint64_t pte, bool leaf)
{
	uint64_t bad = PTE_RESERVED;

	if (!leaf)
		return pte & (bad | PTE_PBMT | PTE_N | PTE_A | PTE_D | PTE_U);
	if (!k->pbmte)
		bad |= PTE_PBMT;
	if (!k->napot)
		bad |= PTE_N;
	return pte & bad || (pte & PTE_PBMT) == PTE_PBMT;
}

/* A leaf at `level`: fault kind, or FAULT_NONE with w filled except for PMP. */
static enum fault_kind leaf(const struct walk *k, uint64_t pte, unsigned level, struct tlb_walk *w)
{
	static const uint8_t need[] = { PROT_R, PROT_W, PROT_X };
	unsigned shift = 12 + 9 * level, prot = leaf_prot(k, pte);
	uint64_t base = PTE_PPN(pte) << 12;

	if (reserved_bits(k, pte, true))
		return FAULT_PAGE;
	if (!k->debug && !(prot & need[k->acc]))
		return FAULT_PAGE;
	if (pte & PTE_N) {
		if (level || (PTE_PPN(pte) & 15) != NAPOT_64K)
			return FAULT_PAGE;
		shift = 16;
		base &= ~0xffffull;
	}
	w->page_size = 1ull << shift;
	if (base & (w->page_size - 1))
		return FAULT_PAGE;
	w->pa = base | (k->va & (w->page_size - 1));
	w->prot = (uint8_t)(pte & PTE_D ? prot : prot & ~(unsigned)PROT_W);
	return FAULT_NONE;
}

static enum fault_kind walk_table(const struct walk *k, struct tlb_walk *w)
{
	struct cpu_env *env = cpu_env(k->s);
	unsigned levels = 3 + SATP_MODE(k->s->satp) - SATP_SV39;
	unsigned bits = 12 + 9 * levels;
	uint64_t table, pa, pte, *host;
	enum fault_kind fault;
	int level, done;

	/* the bits above must repeat the topmost one that is translated */
	if ((uint64_t)((int64_t)(k->va << (64 - bits)) >> (64 - bits)) != k->va)
		return FAULT_PAGE;
again:
	w->global = false;
	table = SATP_PPN(k->s->satp) << 12;
	for (level = (int)levels - 1; level >= 0; level--) {
		pa = table + (k->va >> (12 + 9 * level) & 511) * 8;
		host = env->ops->phys(env, pa);
		if (!host || !pmp_table_ok(k, pa, false))
			return FAULT_ACCESS;
		pte = atomic_load_explicit((_Atomic uint64_t *)host, memory_order_relaxed);
		if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W)
			return FAULT_PAGE;
		w->global |= !!(pte & PTE_G);
		if (!(pte & (PTE_R | PTE_X))) {
			if (reserved_bits(k, pte, false))
				return FAULT_PAGE;
			table = PTE_PPN(pte) << 12;
			continue;
		}
		fault = leaf(k, pte, (unsigned)level, w);
		if (fault)
			return fault;
		done = update_ad(k, host, pa, &pte);
		if (done == 0)
			goto again;
		if (done < 0)
			return done == -1 ? FAULT_PAGE : FAULT_ACCESS;
		if (pte & PTE_D)
			w->prot |= leaf_prot(k, pte) & PROT_W;
		return FAULT_NONE;
	}
	return FAULT_PAGE;
}

static void walk_bare(const struct walk *k, struct tlb_walk *w)
{
	w->pa = k->va;
	w->page_size = 1ull << 30;
	w->prot = PROT_R | PROT_W | PROT_X;
	w->global = false;
	if (k->va >> 56)	/* physical addresses have 56 bits */
		w->fault = FAULT_ACCESS;
}

static void walk_init(struct walk *k, struct riscv_state *s, gva_t va, enum cpu_access acc)
{
	uint32_t features = cpu_env(s)->features;

	*k = (struct walk){
		.s = s, .va = va, .acc = acc,
		.mxr = s->mstatus & MST_MXR, .sum = s->mstatus & MST_SUM,
		.adue = s->menvcfg & ENV_ADUE, .pbmte = s->menvcfg & ENV_PBMTE,
		.napot = features & FEAT_SVNAPOT,
	};
}

void riscv_walk(void *state, gva_t va, enum cpu_access acc, unsigned view, struct tlb_walk *w)
{
	struct riscv_state *s = state;
	struct walk k;

	walk_init(&k, s, va, acc);
	switch (view) {
	case VIEW_U:
		k.priv = PRIV_U;
		break;
	case VIEW_S:
	case VIEW_S_SUM:
		k.priv = PRIV_S;
		k.sum = view == VIEW_S_SUM;
		break;
	case VIEW_M_MPRV:	/* MPRV is for loads and stores only */
		k.priv = acc == ACCESS_EXEC ? PRIV_M : (s->mstatus & MST_MPP) >> MST_MPP_SHIFT;
		break;
	default:
		k.priv = PRIV_M;
	}
	*w = (struct tlb_walk){ 0 };
	if (k.priv == PRIV_M || SATP_MODE(s->satp) == SATP_BARE)
		walk_bare(&k, w);
	else
		w->fault = (uint8_t)walk_table(&k, w);
	if (!w->fault && !pmp_apply(&k, w))
		w->fault = FAULT_ACCESS;
	/* A walk of the MPRV view is for data, one for fetches has nothing to say about them. */
	if (view == VIEW_M_MPRV)
		w->prot &= acc == ACCESS_EXEC ? PROT_X : PROT_R | PROT_W;
}

int riscv_translate_debug(void *state, gva_t va, uint64_t *pa)
{
	struct riscv_state *s = state;
	struct tlb_walk w = { 0 };
	struct walk k;

	walk_init(&k, s, va, ACCESS_READ);
	k.priv = s->priv;
	k.debug = true;
	if (s->priv == PRIV_M || SATP_MODE(s->satp) == SATP_BARE) {
		*pa = va;
		return 0;
	}
	if (walk_table(&k, &w))
		return -EFAULT;
	*pa = w.pa;
	return 0;
}
