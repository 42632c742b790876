/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paging (SDM volume 3, chapter 4): 32-bit, PAE, 4-level and 5-level, permissions as each view
 * has them, accessed and dirty bits; and the exceptions that follow from it.
 *
 * An entry in a place without RAM reads as ones, as everything there does, and has reserved
 * bits set therefore.
 */
#include "target/x86/control.h"
#include "target/x86/decode.h"
#include "target/x86/helper.h"
#include "target/x86/tcg.h"
#include "target/x86/translate.h"

#include <stdatomic.h>

enum {
	PT_P = 1, PT_W = 2, PT_U = 4, PT_A = 32, PT_D = 64, PT_PS = 128, PT_G = 256,
};
#define PT_NX (UINT64_C(1) << 63)
#define PT_ADDR UINT64_C(0x000ffffffffff000)

/* Error codes of #PF (4.7) */
enum { ERR_P = 1, ERR_W = 2, ERR_U = 4, ERR_RSVD = 8, ERR_I = 16, ERR_PK = 32 };
/* In fault_error: not a page fault at all */
#define NOT_CANONICAL UINT32_MAX

enum { MAX_LEVELS = 5, RETRY = -2 };

struct walk {
	struct x86_state *s;
	gva_t va;
	enum cpu_access acc;
	unsigned view;
	unsigned n;			/* entries seen, from the root */
	bool wide;			/* entries of 8 bytes */
	uint64_t entry[MAX_LEVELS], pa[MAX_LEVELS];
	void *host[MAX_LEVELS];		/* NULL: not RAM, or a register */
	uint64_t access;		/* U and W: of all; NX: of any */
};

/* --- entries --- */

static void *entry_host(struct walk *k, uint64_t pa)
{
	struct cpu_env *env = cpu_env(k->s);
	uint8_t *p = env->ops->phys(env, pa & ~UINT64_C(7));

	return p ? p + (pa & 7) : NULL;
}

static uint64_t entry_read(struct walk *k, uint64_t pa)
{
	void *p = entry_host(k, pa);
	uint64_t e = UINT64_MAX;

	if (p)
		e = k->wide ? atomic_load_explicit((_Atomic uint64_t *)p, memory_order_relaxed) :
			      atomic_load_explicit((_Atomic uint32_t *)p, memory_order_relaxed);
	k->entry[k->n] = e;
	k->pa[k->n] = pa;
	k->host[k->n++] = p;
	return e;
}

/* false: somebody else has changed the entry, the walk is void. */
static bool entry_set_bits(struct walk *k, unsigned i, uint64_t bits)
{
	struct cpu_env *env = cpu_env(k->s);
	uint64_t old = k->entry[i];
	uint32_t old32 = (uint32_t)old;

	if ((old & bits) == bits || !env->ops->phys_rw(env, k->pa[i] & ~UINT64_C(7)))
		return true;	/* tables in flash stay as they are */
	if (k->wide ? !atomic_compare_exchange_strong((_Atomic uint64_t *)k->host[i], &old,
						      old | bits) :
		      !atomic_compare_exchange_strong((_Atomic uint32_t *)k->host[i], &old32,
						      old32 | (uint32_t)bits))
		return false;
	env->ops->phys_dirty(env, k->pa[i]);
	k->entry[i] |= bits;
	return true;
}

/* --- faults --- */

static int fault(struct walk *k, uint32_t error)
{
	struct x86_state *s = k->s;
	bool fetch_told = (s->cr4 & X86_CR4_PAE && s->efer & X86_EFER_NXE) ||
			  s->cr4 & X86_CR4_SMEP;

	if (k->acc == ACCESS_WRITE)
		error |= ERR_W;
	if (k->view == X86_VIEW_USER)
		error |= ERR_U;
	if (k->acc == ACCESS_EXEC && fetch_told)
		error |= ERR_I;
	s->fault_va = k->va;
	s->fault_acc = (uint8_t)k->acc;
	s->fault_error = error;
	return -1;
}

/* --- permissions (4.6) --- */

/* PROT_* that protection keys leave (4.6.2). */
static unsigned pkey_prot(struct walk *k, uint64_t leaf)
{
	struct x86_state *s = k->s;
	uint32_t bits;

	if (!(s->cr4 & X86_CR4_PKE) || !(s->efer & X86_EFER_LMA) || !(k->access & PT_U))
		return PROT_R | PROT_W | PROT_X;
	s->pkeys_seen |= leaf >> 59 & 15 ? 1 : 0;
	bits = x86_pkru(s) >> (leaf >> 59 & 15) * 2;
	if (bits & 1)
		return PROT_X;
	if (bits & 2 && (k->view == X86_VIEW_USER || s->cr0 & X86_CR0_WP))
		return PROT_R | PROT_X;
	return PROT_R | PROT_W | PROT_X;
}

static unsigned page_prot(struct walk *k)
{
	const struct x86_state *s = k->s;
	bool user = k->access & PT_U, writable = k->access & PT_W;
	unsigned prot = 0;

	if (k->view == X86_VIEW_USER) {
		if (!user)
			return 0;
		prot = PROT_R | (writable ? PROT_W : 0) | PROT_X;
	} else {
		if (!user || k->view == X86_VIEW_KERNEL_AC || !(s->cr4 & X86_CR4_SMAP))
			prot = PROT_R | (writable || !(s->cr0 & X86_CR0_WP) ? PROT_W : 0);
		if (!user || !(s->cr4 & X86_CR4_SMEP))
			prot |= PROT_X;
	}
	if (k->access & PT_NX)
		prot &= ~(unsigned)PROT_X;
	return prot;
}

/* --- the walk --- */

/* The entry's reserved bits (4.3 to 4.5); level 0 is the page table. */
static uint64_t reserved(const struct walk *k, unsigned level, uint64_t e)
{
	const struct x86_state *s = k->s;
	const struct x86_cpu_model *m = x86_model(s);
	uint64_t phys = m && m->phys_mask ? m->phys_mask : mask_bits(52), bad;
	bool leaf = !level || e & PT_PS;

	if (!k->wide)	/* PSE-36: bits 13 to 20 are 32 to 39 of the address */
		return level && leaf && s->cr4 & X86_CR4_PSE ?
			       BIT(21) | ((mask_bits(40) & ~phys) >> 32 & 0xff) << 13 : 0;
	bad = PT_ADDR & ~phys;
	if (!(s->efer & X86_EFER_NXE))
		bad |= PT_NX;
	if (!(s->efer & X86_EFER_LMA))
		bad |= UINT64_C(0x7ff) << 52;
	if (level > 2 || (level == 2 && m && !(m->features.w[X86_W_81_EDX] & BIT(26))))
		bad |= PT_PS;
	else if (level && leaf)
		bad |= mask_bits(12 + 9 * level) & ~mask_bits(13);	/* 12 is PAT */
	return bad;
}

/* From `table` down, `level` levels below it: the leaf's level, or -1 with the fault noted. */
static int descend(struct walk *k, uint64_t table, unsigned level)
{
	unsigned bits = k->wide ? 9 : 10;
	uint64_t e;

	for (;; level--) {
		uint64_t i = get_bits(k->va, 12 + bits * level, bits);

		e = entry_read(k, table + (i << (k->wide ? 3 : 2)));
		if (!(e & PT_P))
			return fault(k, 0);
		if (e & reserved(k, level, e) || !k->host[k->n - 1])
			return fault(k, ERR_P | ERR_RSVD);
		k->access = (k->access & e & (PT_U | PT_W)) | ((k->access | e) & PT_NX);
		if (!level || (e & PT_PS && (k->wide || k->s->cr4 & X86_CR4_PSE)))
			return (int)level;
		table = e & (k->wide ? PT_ADDR : 0xfffff000);
	}
}

static uint64_t leaf_base(const struct walk *k, uint64_t e, unsigned shift)
{
	if (k->wide)
		return e & PT_ADDR & ~mask_bits(shift);
	if (shift == 22)
		return (e & 0xffc00000) | get_bits(e, 13, 8) << 32;
	return e & 0xfffff000;
}

/* 0 done, RETRY, or -1. */
static int walk_once(struct walk *k, struct tlb_walk *w)
{
	static const uint8_t need[] = { PROT_R, PROT_W, PROT_X };
	struct x86_state *s = k->s;
	unsigned shift, prot, keys, i;
	int level;
	uint64_t leaf;

	k->n = 0;
	k->access = PT_U | PT_W;
	k->wide = s->cr4 & X86_CR4_PAE;
	if (s->efer & X86_EFER_LMA) {
		level = descend(k, s->cr3 & PT_ADDR, s->cr4 & X86_CR4_LA57 ? 4 : 3);
	} else if (k->wide) {
		uint64_t e;

		/* RSM, or a KVM that does not tell them */
		if (!(s->pdptr_valid & 1) && x86_pdptes_load(s, s->cr3))
			return fault(k, ERR_P | ERR_RSVD);
		e = s->pdptr[k->va >> 30 & 3];

		level = e & PT_P ? descend(k, e & PT_ADDR, 1) : fault(k, 0);
	} else {
		level = descend(k, s->cr3 & 0xfffff000, 1);
	}
	if (level < 0)
		return -1;
	leaf = k->entry[k->n - 1];
	prot = page_prot(k);
	keys = pkey_prot(k, leaf);
	if (!(prot & need[k->acc]))
		return fault(k, ERR_P | (k->acc != ACCESS_EXEC && !(keys & need[k->acc]) ?
						 ERR_PK : 0));
	prot &= keys;
	if (!(prot & need[k->acc]))
		return fault(k, ERR_P | ERR_PK);
	for (i = 0; i < k->n; i++)
		if (!entry_set_bits(k, i, PT_A | (i == k->n - 1 && k->acc == ACCESS_WRITE ?
							  PT_D : 0)))
			return RETRY;
	leaf = k->entry[k->n - 1];
	shift = 12 + (unsigned)level * (k->wide ? 9 : 10);
	w->page_size = UINT64_C(1) << shift;
	w->pa = leaf_base(k, leaf, shift) | (k->va & mask_bits(shift));
	w->prot = (uint8_t)(leaf & PT_D ? prot : prot & ~(unsigned)PROT_W);
	w->global = leaf & PT_G && s->cr4 & X86_CR4_PGE;
	return 0;
}

static bool canonical(const struct x86_state *s, gva_t va)
{
	unsigned bits = s->cr4 & X86_CR4_LA57 ? 57 : 48;

	return (uint64_t)sext(va, bits) == va;
}

void x86_walk(void *state, gva_t va, enum cpu_access acc, unsigned view, struct tlb_walk *w)
{
	struct x86_state *s = state;
	struct walk k = { .s = s, .va = va, .acc = acc, .view = view };
	int r;

	*w = (struct tlb_walk){ 0 };
	if (!(s->cr0 & X86_CR0_PG)) {
		w->pa = va & 0xffffffff;
		w->page_size = UINT64_C(1) << 30;
		w->prot = PROT_R | PROT_W | PROT_X;
		return;
	}
	if (!(s->efer & X86_EFER_LMA)) {
		k.va = (uint32_t)va;
	} else if (!canonical(s, va)) {
		fault(&k, 0);
		s->fault_error = NOT_CANONICAL;
		w->fault = FAULT_PAGE;
		return;
	}
	do
		r = walk_once(&k, w);
	while (r == RETRY);
	w->fault = r ? FAULT_PAGE : FAULT_NONE;
	s->fault_va = r ? va : s->fault_va;
}

/* --- views --- */

unsigned x86_view_system(const struct x86_state *s)
{
	if (!(s->cr0 & X86_CR0_PG))
		return X86_VIEW_PHYS;
	return s->cr4 & X86_CR4_SMAP ? X86_VIEW_KERNEL : X86_VIEW_KERNEL_AC;
}

unsigned x86_view_now(const struct x86_state *s)
{
	if (!(s->cr0 & X86_CR0_PG))
		return X86_VIEW_PHYS;
	if (x86_cpl(s) == 3)
		return X86_VIEW_USER;
	return s->rflags & X86_FLAG_AC ? X86_VIEW_KERNEL_AC : x86_view_system(s);
}

/* --- memory for helpers --- */

int x86_mem_read(struct x86_state *s, uint64_t lin, unsigned size, uint64_t *v)
{
	struct cpu_env *env = cpu_env(s);

	return env->ops->mem(env, lin, x86_view_now(s), size, false, v);
}

int x86_mem_write(struct x86_state *s, uint64_t lin, unsigned size, uint64_t v)
{
	struct cpu_env *env = cpu_env(s);

	return env->ops->mem(env, lin, x86_view_now(s), size, true, &v);
}

int x86_sys_read(struct x86_state *s, uint64_t lin, unsigned size, uint64_t *v)
{
	struct cpu_env *env = cpu_env(s);

	return env->ops->mem(env, lin, x86_view_system(s), size, false, v);
}

int x86_sys_write(struct x86_state *s, uint64_t lin, unsigned size, uint64_t v)
{
	struct cpu_env *env = cpu_env(s);

	return env->ops->mem(env, lin, x86_view_system(s), size, true, &v);
}

/* --- exceptions of memory --- */

/* The instruction at pc, as far as it can be read without side effects. */
static bool insn_at_pc(struct x86_state *s, struct x86_insn *insn)
{
	struct cpu_env *env = cpu_env(s);
	uint8_t code[X86_MAX_LEN], *p;
	unsigned n, bits;
	uint64_t pa;

	for (n = 0; n < sizeof(code); n++) {
		if (x86_translate_debug(s, s->pc + n, &pa))
			break;
		p = env->ops->phys(env, pa & ~UINT64_C(7));
		if (!p)
			break;
		code[n] = p[pa & 7];
	}
	bits = x86_code64(s) ? 64 : s->seg[X86_CS].attr & X86_SEG_DB ? 32 : 16;
	return n && x86_decode(insn, code, n, bits) == X86_DECODED;
}

/*
 * Addresses that are not canonical are #SS for references to the stack (6.15): those that
 * name SS or a base that implies it, and PUSH, POP, CALL, RET and the like, which are at rsp.
 */
static bool stack_access(struct x86_state *s, gva_t va)
{
	enum { NEAR = 16, OPCODE_LEAVE = 0xc9 };
	struct x86_insn insn;

	if (va - (s->gpr[X86_RSP] - NEAR) < 4 * NEAR)
		return true;
	if (!insn_at_pc(s, &insn))
		return false;
	if (insn.row->map == X86_MAP_1 && insn.opcode == OPCODE_LEAVE)
		return true;
	for (unsigned i = 0; i < insn.nr_opnds; i++)
		if (insn.opnd[i].kind == X86_O_MEM)
			return insn.sreg == X86_SS;
	return false;
}

static void page_fault(struct x86_state *s, gva_t va, enum cpu_access acc)
{
	struct tlb_walk w;

	if (s->fault_va != va || s->fault_acc != acc) {
		x86_walk(s, va, acc, x86_view_now(s), &w);
		if (!w.fault)	/* mapped meanwhile: the instruction begins again */
			return x86_leave_loop(s);
	}
	if (s->fault_error == NOT_CANONICAL) {
		x86_exception(s, acc != ACCESS_EXEC && stack_access(s, va) ? X86_SSF : X86_GP,
			      true, 0);
		return;
	}
	s->cr2 = s->efer & X86_EFER_LMA ? va : (uint32_t)va;
	x86_exception(s, X86_PF, true, s->fault_error);
}

/* Operands of SSE that must be aligned come before EFLAGS.AC's checks (6.15, #GP and #AC). */
static bool alignment_check(struct x86_state *s)
{
	struct x86_insn insn;

	return x86_cpl(s) == 3 && s->cr0 & X86_CR0_AM && s->rflags & X86_FLAG_AC &&
	       !(insn_at_pc(s, &insn) && x86_insn_aligned(&insn));
}

void x86_mem_fault(void *state, gva_t va, enum cpu_access acc, enum fault_kind k)
{
	struct x86_state *s = state;

	switch (k) {
	case FAULT_PAGE:
		page_fault(s, va, acc);
		break;
	case FAULT_ALIGN:
		if (alignment_check(s))
			x86_exception(s, X86_AC, true, 0);
		else
			x86_exception(s, X86_GP, true, 0);
		break;
	default:	/* code where nothing is: ones are no instruction (FF /7) */
		if (acc == ACCESS_EXEC)
			x86_exception(s, X86_UD, false, 0);
		else
			x86_exception(s, X86_GP, true, 0);
	}
}
