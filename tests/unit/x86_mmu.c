/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 paging: every mode and page size, every combination of the rights in the entries and of the
 * bits that change their meaning, each kind of access in each view, against rules written down
 * once more in `expected`; then reserved bits, keys, addresses that are not canonical, accessed
 * and dirty bits.
 */
#include "target/x86/control.h"
#include "target/x86/helper.h"
#include "target/x86/tcg.h"
#include "target/x86/translate.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 1 << 20, P = 1, W = 2, U = 4, A = 32, D = 64, PS = 128, G = 256 };
#define NX (UINT64_C(1) << 63)
enum { EP = 1, EW = 2, EU = 4, ERSVD = 8, EI = 16, EPK = 32, FINE = -1, NONCANON = -2 };
enum { TOP = 0x10000, TABLE = 0x1000 };	/* the root, and how far the next level's table is */
#define VA UINT64_C(0x40200000)		/* index 1 of level 2, 1 of level 1, 0 of level 0 */
#define PAGE_4K UINT64_C(0x7000)
#define PAGE_BIG UINT64_C(0xc0000000)

static _Alignas(4096) uint8_t ram[RAM];
static unsigned dirtied;
static struct x86_cpu_model model;
static struct cpu_env env;
static struct x86_state *s;

static void *phys(struct cpu_env *e, uint64_t pa) { return pa + 8 <= RAM ? ram + pa : NULL; }
static uint64_t read_only = RAM;	/* from here on */
static void *phys_rw(struct cpu_env *e, uint64_t pa)
{
	return pa >= read_only ? NULL : phys(e, pa);
}
static void phys_dirty(struct cpu_env *e, uint64_t pa) { dirtied++; }
static unsigned flushes;
static void flush(struct cpu_env *e, const struct tlb_flush *f) { flushes++; }
static void mode_changed(struct cpu_env *e) { }
static const struct cpu_env_ops ops = {
	.phys = phys, .phys_rw = phys_rw, .phys_dirty = phys_dirty,
	.flush = flush, .mode_changed = mode_changed,
};

enum paging { BITS32, PAE, LEVEL4, LEVEL5, NR_PAGING };

/* Where the entry of level l lies for VA; level 0 is the page table. */
static uint64_t place(enum paging p, unsigned l)
{
	unsigned levels = p == BITS32 ? 2 : p == PAE ? 2 : p == LEVEL4 ? 4 : 5;
	unsigned bits = p == BITS32 ? 10 : 9, size = p == BITS32 ? 4 : 8;
	uint64_t i = VA >> (12 + bits * l) & mask_bits(bits);

	return TOP + TABLE * (levels - 1 - l) + i * size;
}

static uint64_t entry_get(enum paging p, unsigned l)
{
	return p == BITS32 ? ld_le32(ram + place(p, l)) : ld_le64(ram + place(p, l));
}

static void entry_put(enum paging p, unsigned l, uint64_t e)
{
	if (p == BITS32)
		st_le32(ram + place(p, l), (uint32_t)e);
	else
		st_le64(ram + place(p, l), e);
}

/* Tables that map VA with the leaf at level `leaf`; flags: of the leaf, upper: of all above. */
static void build(enum paging p, unsigned leaf, uint64_t flags, uint64_t upper)
{
	unsigned top = p == LEVEL5 ? 4 : p == LEVEL4 ? 3 : 1;

	memset(ram + TOP, 0, TABLE * 5);
	for (unsigned l = top; l > leaf; l--)
		entry_put(p, l, (TOP + TABLE * (top - l + 1)) | upper);
	entry_put(p, leaf, (leaf ? PAGE_BIG | PS : PAGE_4K) | flags);
	s->pdptr[1] = TOP | P;
	s->pdptr_valid = 1;
	s->cr3 = TOP;
	s->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_ET;
	s->cr4 = p == BITS32 ? X86_CR4_PSE : X86_CR4_PAE;
	s->cr4 |= p == LEVEL5 ? X86_CR4_LA57 : 0;
	s->efer = p >= LEVEL4 ? X86_EFER_LME | X86_EFER_LMA : 0;
}

/* Error code of the walk, or FINE; NONCANON. */
static int walk(uint64_t va, enum cpu_access acc, unsigned view, struct tlb_walk *w)
{
	s->fault_error = 0;
	x86_walk(s, va, acc, view, w);
	if (!w->fault)
		return FINE;
	CHECK(w->fault == FAULT_PAGE && s->fault_va == va && s->fault_acc == acc, "the fault");
	return s->fault_error == UINT32_MAX ? NONCANON : (int)s->fault_error;
}

/* SDM volume 3, 4.6.1, as sentences. */
static bool allowed(enum cpu_access acc, unsigned view, bool u, bool w, bool nx)
{
	bool user = view == X86_VIEW_USER, smap = s->cr4 & X86_CR4_SMAP;

	if (user && !u)
		return false;
	if (acc == ACCESS_EXEC)
		return !nx && (user || !u || !(s->cr4 & X86_CR4_SMEP));
	if (!user && u && smap && view == X86_VIEW_KERNEL)
		return false;
	if (acc == ACCESS_READ)
		return true;
	return w || (!user && !(s->cr0 & X86_CR0_WP));
}

static int expected(enum cpu_access acc, unsigned view, bool p, bool u, bool w, bool nx)
{
	int e = 0;

	if (p && allowed(acc, view, u, w, nx))
		return FINE;
	e |= p ? EP : 0;
	e |= acc == ACCESS_WRITE ? EW : 0;
	e |= view == X86_VIEW_USER ? EU : 0;
	if (acc == ACCESS_EXEC && ((s->cr4 & X86_CR4_PAE && s->efer & X86_EFER_NXE) ||
				   s->cr4 & X86_CR4_SMEP))
		e |= EI;
	return e;
}

static void check_rights(enum paging p, unsigned leaf)
{
	/* bits: leaf W U NX, upper W U NX, WP SMEP SMAP NXE */
	for (unsigned n = 0; n < 1 << 10; n++) {
		bool lw = n & 1, lu = n & 2, lnx = n & 4, uw = n & 8, uu = n & 16, unx = n & 32;
		bool nxe = n & 512, wide = p != BITS32;
		bool above = leaf < (p == LEVEL5 ? 4u : p == LEVEL4 ? 3u : 1u);
		bool u = lu && (uu || !above), wr = lw && (uw || !above);
		bool nx = lnx || (unx && above);

		if ((lnx || unx) && (!nxe || !wide))
			continue;
		for (unsigned view = X86_VIEW_USER; view <= X86_VIEW_KERNEL_AC; view++) {
			for (int acc = ACCESS_READ; acc <= ACCESS_EXEC; acc++) {
				struct tlb_walk w;
				uint64_t size;
				int got, want;

				build(p, leaf, P | (lw ? W : 0) | (lu ? U : 0) | (lnx ? NX : 0),
				      P | (uw ? W : 0) | (uu ? U : 0) | (unx ? NX : 0));
				s->cr0 |= n & 64 ? X86_CR0_WP : 0;
				s->cr4 |= n & 128 ? X86_CR4_SMEP : 0;
				s->cr4 |= n & 256 ? X86_CR4_SMAP : 0;
				s->efer |= nxe ? X86_EFER_NXE : 0;
				want = expected((enum cpu_access)acc, view, true, u, wr, nx);
				got = walk(VA + 0x123, (enum cpu_access)acc, view, &w);
				CHECK(got == want, "paging %d leaf %u case %#x view %u access %d: "
				      "%d, not %d", p, leaf, n, view, acc, got, want);
				if (got != FINE) {
					CHECK(!(entry_get(p, leaf) & (A | D)), "A after a fault");
					continue;
				}
				size = UINT64_C(1) << (12 + leaf * (wide ? 9 : 10));
				CHECK(w.page_size == size, "size");
				CHECK(w.pa == (leaf ? PAGE_BIG : PAGE_4K) + (VA & (size - 1)) +
				      0x123, "pa %#llx", (unsigned long long)w.pa);
				CHECK(entry_get(p, leaf) & A, "A");
				CHECK(!!(entry_get(p, leaf) & D) == (acc == ACCESS_WRITE), "D");
				/* what the view may do without a walk, it may do with one */
				for (int a = 0; a <= ACCESS_EXEC; a++) {
					static const uint8_t bit[] = { PROT_R, PROT_W, PROT_X };
					bool may = allowed((enum cpu_access)a, view, u, wr, nx);

					if (a == ACCESS_WRITE && acc != ACCESS_WRITE)
						may = false;	/* D is clear */
					CHECK(!!(w.prot & bit[a]) == may, "case %#x prot %u",
					      n, w.prot);
				}
			}
		}
	}
}

static void check_absent(enum paging p, unsigned leaf, unsigned gone)
{
	struct tlb_walk w;

	build(p, leaf, P | W | U, P | W | U);
	s->efer |= X86_EFER_NXE;
	entry_put(p, gone, entry_get(p, gone) & ~(uint64_t)P);
	CHECK(walk(VA, ACCESS_READ, X86_VIEW_USER, &w) == EU, "absent");
	CHECK(walk(VA, ACCESS_WRITE, X86_VIEW_KERNEL, &w) == EW, "absent");
	CHECK(walk(VA, ACCESS_EXEC, X86_VIEW_USER, &w) == (EU | (p == BITS32 ? 0 : EI)),
	      "absent");
}

struct reserved { uint8_t paging, leaf, level; uint64_t bits; bool bad; };
static const struct reserved reserved[] = {
	{ BITS32, 1, 1, 1 << 21, true },		/* 4 MiB pages */
	{ BITS32, 1, 1, 1 << 13, false },		/* address bit 32 */
	{ BITS32, 0, 0, PS, false },			/* PAT */
	{ PAE, 0, 0, UINT64_C(1) << 62, true }, { PAE, 0, 1, UINT64_C(1) << 52, true },
	{ PAE, 0, 0, NX, true }, { PAE, 1, 1, 1 << 13, true }, { PAE, 1, 1, 1 << 12, false },
	{ PAE, 0, 0, UINT64_C(1) << 45, true }, { PAE, 0, 0, UINT64_C(1) << 39, false },
	{ LEVEL4, 0, 0, UINT64_C(1) << 58, false }, { LEVEL4, 0, 0, NX, true },
	{ LEVEL4, 0, 3, PS, true }, { LEVEL5, 0, 4, PS, true }, { LEVEL4, 0, 2, NX, true },
	{ LEVEL4, 0, 1, UINT64_C(1) << 51, true }, { LEVEL4, 0, 3, UINT64_C(1) << 40, true },
	{ LEVEL4, 1, 1, 1 << 20, true }, { LEVEL4, 2, 2, 1 << 21, true },
	{ LEVEL4, 2, 2, 1 << 29, true }, { LEVEL4, 2, 2, 1 << 12, false },
	{ LEVEL4, 0, 0, UINT64_C(1) << 39, false }, { LEVEL4, 0, 0, UINT64_C(1) << 40, true },
};

static void check_reserved(void)
{
	struct tlb_walk w;

	for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++) {
		const struct reserved *r = &reserved[i];
		enum paging p = (enum paging)r->paging;
		int got;

		build(p, r->leaf, P | W | U, P | W | U);
		entry_put(p, r->level, entry_get(p, r->level) | r->bits);
		got = walk(VA, ACCESS_WRITE, X86_VIEW_USER, &w);
		CHECK((got == FINE) == !r->bad, "case %u: %d", i, got);
		CHECK(!r->bad || got == (EP | EW | EU | ERSVD), "case %u: %d", i, got);
	}
	/* a page above 4 GiB */
	build(BITS32, 1, P | W | U | 3 << 13, 0);
	CHECK(walk(VA + 5, ACCESS_READ, X86_VIEW_USER, &w) == FINE &&
	      w.pa == (PAGE_BIG | UINT64_C(3) << 32) + (VA & 0x3fffff) + 5, "PSE-36: %#llx",
	      (unsigned long long)w.pa);
	/* without CR4.PSE bit 7 has no meaning */
	build(BITS32, 0, P | W | U, P | W | U | PS);
	s->cr4 = 0;
	CHECK(walk(VA, ACCESS_READ, X86_VIEW_USER, &w) == FINE && w.page_size == 4096, "PSE off");
	/* 1 GiB pages that the model does not have */
	build(LEVEL4, 2, P | W | U, P | W | U);
	model.features.w[X86_W_81_EDX] &= ~(1u << 26);
	CHECK(walk(VA, ACCESS_READ, X86_VIEW_USER, &w) == (EP | EU | ERSVD), "1 GiB page");
	model.features.w[X86_W_81_EDX] |= 1u << 26;
	/* tables where no memory is */
	build(LEVEL4, 0, P | W | U, P | W | U);
	entry_put(LEVEL4, 1, UINT64_C(0x80000000) | P | W | U);
	CHECK(walk(VA, ACCESS_READ, X86_VIEW_USER, &w) == (EP | EU | ERSVD), "no table");
}

static void check_canonical(void)
{
	static const struct { uint64_t va; bool ok4, ok5; } t[] = {
		{ 0, true, true }, { UINT64_C(0x00007fffffffffff), true, true },
		{ UINT64_C(0x0000800000000000), false, true },
		{ UINT64_C(0xffff7fffffffffff), false, true },
		{ UINT64_C(0xffff800000000000), true, true },
		{ UINT64_C(0x0100000000000000), false, false },
		{ UINT64_C(0xff00000000000000), false, true },
		{ UINT64_C(0xfe00000000000000), false, false },
	};
	struct tlb_walk w;

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		build(LEVEL4, 0, P, P);
		CHECK((walk(t[i].va, ACCESS_READ, X86_VIEW_KERNEL, &w) != NONCANON) == t[i].ok4,
		      "%u", i);
		build(LEVEL5, 0, P, P);
		CHECK((walk(t[i].va, ACCESS_READ, X86_VIEW_KERNEL, &w) != NONCANON) == t[i].ok5,
		      "%u", i);
	}
}

static void check_keys(void)
{
	struct tlb_walk w;

	/* bits of key 3: AD is 6, WD is 7 */
	for (unsigned rights = 0; rights < 4; rights++)
		for (unsigned wp = 0; wp < 2; wp++)
			for (unsigned u = 0; u < 2; u++)
				for (unsigned view = X86_VIEW_USER; view <= X86_VIEW_KERNEL_AC;
				     view++) {
					bool user = view == X86_VIEW_USER;
					bool ad = rights & 1, wd = rights & 2;
					int rd = FINE, wr = FINE, ex = FINE;

					if (user && !u)
						continue;
					build(LEVEL4, 0, P | W | (u ? U : 0) | UINT64_C(3) << 59,
					      P | W | U);
					s->cr0 |= wp ? X86_CR0_WP : 0;
					s->cr4 |= X86_CR4_PKE;
					x86_pkru_put(s, rights << 6);
					if (u && ad)
						rd = EP | EPK | (user ? EU : 0);
					if (u && (ad || (wd && (user || wp))))
						wr = EP | EPK | EW | (user ? EU : 0);
					CHECK(walk(VA, ACCESS_READ, view, &w) == rd, "key, read");
					CHECK(walk(VA, ACCESS_WRITE, view, &w) == wr, "key, write");
					CHECK(walk(VA, ACCESS_EXEC, view, &w) == ex, "key, fetch");
				}
	/* other keys, other paging: no matter */
	build(LEVEL4, 0, P | W | U, P | W | U);
	s->cr4 |= X86_CR4_PKE;
	x86_pkru_put(s, 3 << 6);
	CHECK(walk(VA, ACCESS_WRITE, X86_VIEW_USER, &w) == FINE, "key 0");
	x86_pkru_put(s, 0);
}

/* PKRU is written often: only what may be remembered with other rights is forgotten. */
static bool pkru_flushes(uint32_t v)
{
	unsigned before = flushes;

	x86_pkru_put(s, v);
	CHECK(x86_pkru(s) == v, "%x", x86_pkru(s));
	return flushes != before;
}

static void check_key_flushes(void)
{
	struct tlb_walk w;

	for (unsigned key = 0; key < 16; key++) {
		build(LEVEL4, 0, P | W | U | (uint64_t)key << 59, P | W | U);
		x86_pkru_put(s, 0);
		s->pkeys_seen = 0;
		CHECK(!pkru_flushes(0xc0), "keys are off");
		CHECK(walk(VA, ACCESS_READ, X86_VIEW_USER, &w) == FINE && !pkru_flushes(0x40),
		      "not looked at");
		s->cr4 |= X86_CR4_PKE;
		x86_pkru_put(s, 0);
		s->pkeys_seen = 0;
		CHECK(!pkru_flushes(0x50) && !pkru_flushes(0xfffffffc) && !pkru_flushes(0),
		      "nothing is remembered");
		CHECK(pkru_flushes(1) && !pkru_flushes(1) && pkru_flushes(2) && pkru_flushes(0),
		      "key 0's rights");
		CHECK(walk(VA, ACCESS_WRITE, X86_VIEW_USER, &w) == FINE, "key %u", key);
		CHECK(pkru_flushes(UINT32_C(4) << 28) == (key != 0), "key %u, another's", key);
		CHECK(!pkru_flushes(0), "key %u: what was remembered is gone", key);
		/* a walk that the key refuses counts, too: it may be a read that is allowed */
		x86_pkru_put(s, UINT32_C(2) << 2 * key);
		CHECK(walk(VA, ACCESS_READ, X86_VIEW_USER, &w) == FINE, "key %u, read", key);
		CHECK(pkru_flushes(0), "key %u, rights given back", key);
	}
	/* a kernel's page has no key, whatever its entry says */
	build(LEVEL4, 0, P | W | UINT64_C(3) << 59, P | W);
	s->cr4 |= X86_CR4_PKE;
	CHECK(walk(VA, ACCESS_WRITE, X86_VIEW_KERNEL, &w) == FINE && !pkru_flushes(0xc0), "kernel");
	x86_pkru_put(s, 0);
}

static void check_rest(void)
{
	struct tlb_walk w;

	/* paging off */
	build(BITS32, 0, 0, 0);
	s->cr0 = X86_CR0_PE;
	CHECK(walk(0x12345678, ACCESS_WRITE, X86_VIEW_PHYS, &w) == FINE && w.pa == 0x12345678 &&
	      w.prot == (PROT_R | PROT_W | PROT_X), "paging off");
	CHECK(x86_view_now(s) == X86_VIEW_PHYS && x86_view_system(s) == X86_VIEW_PHYS, "views");
	/* PAE's first level */
	build(PAE, 0, P | W | U, P | W | U);
	s->pdptr[1] = 0;
	CHECK(walk(VA, ACCESS_READ, X86_VIEW_KERNEL, &w) == 0, "PDPTE");
	/* not known yet: from memory */
	s->pdptr_valid = 0;
	s->cr3 = 0x9000;
	st_le64(ram + 0x9008, TOP | P | 2);
	CHECK(walk(VA, ACCESS_READ, X86_VIEW_KERNEL, &w) == (EP | ERSVD) && !s->pdptr_valid,
	      "reserved bit of a PDPTE");
	st_le64(ram + 0x9008, TOP | P);
	CHECK(walk(VA, ACCESS_READ, X86_VIEW_KERNEL, &w) == FINE && s->pdptr_valid == 1 &&
	      s->pdptr[1] == (TOP | P), "PDPTEs from memory");
	/* global */
	build(LEVEL4, 0, P | W | U | G, P | W | U);
	CHECK(walk(VA, ACCESS_READ, X86_VIEW_USER, &w) == FINE && !w.global, "global, PGE off");
	s->cr4 |= X86_CR4_PGE;
	CHECK(walk(VA, ACCESS_READ, X86_VIEW_USER, &w) == FINE && w.global, "global");
	/* the table's dirty page is told once an entry */
	build(LEVEL4, 0, P | W | U, P | W | U);
	dirtied = 0;
	walk(VA, ACCESS_WRITE, X86_VIEW_USER, &w);
	CHECK(dirtied == 4, "%u entries written", dirtied);
	walk(VA, ACCESS_WRITE, X86_VIEW_USER, &w);
	CHECK(dirtied == 4, "%u entries written", dirtied);
	/* tables in flash are not written to */
	build(LEVEL4, 0, P | W | U, P | W | U);
	read_only = TOP;
	CHECK(walk(VA, ACCESS_WRITE, X86_VIEW_USER, &w) == FINE && dirtied == 4 &&
	      entry_get(LEVEL4, 0) == (PAGE_4K | P | W | U), "accessed in flash");
	read_only = RAM;
	/* addresses outside long mode have 32 bits */
	build(PAE, 0, P | W | U, P | W | U);
	CHECK(walk(VA | UINT64_C(1) << 32, ACCESS_READ, X86_VIEW_USER, &w) == FINE, "wrap");
	/* which view */
	build(LEVEL4, 0, P, P);
	CHECK(x86_view_now(s) == X86_VIEW_KERNEL_AC, "no SMAP");
	s->cr4 |= X86_CR4_SMAP;
	CHECK(x86_view_now(s) == X86_VIEW_KERNEL, "SMAP");
	s->rflags |= X86_FLAG_AC;
	CHECK(x86_view_now(s) == X86_VIEW_KERNEL_AC && x86_view_system(s) == X86_VIEW_KERNEL,
	      "AC");
	s->seg[X86_SS].attr |= X86_SEG_DPL;
	CHECK(x86_view_now(s) == X86_VIEW_USER, "ring 3");
	s->seg[X86_SS].attr = 0;
	s->rflags = 2;
}

int main(void)
{
	char *mem = aligned_alloc(4096, 8192 + align_up(sizeof(*s), 4096));

	memset(mem, 0, 8192 + align_up(sizeof(*s), 4096));
	s = (struct x86_state *)(void *)(mem + 4096);
	memset(&model.features, 0xff, sizeof(model.features));
	model.phys_mask = mask_bits(40);
	model.pkru_off = X86_PKRU_OFF;
	env = (struct cpu_env){ .ops = &ops, .model = &model };
	CPU_HEAD(s)->env = &env;
	s->rflags = 2;
	check_rights(BITS32, 0);
	check_rights(BITS32, 1);
	check_rights(PAE, 0);
	check_rights(PAE, 1);
	for (unsigned leaf = 0; leaf < 3; leaf++) {
		check_rights(LEVEL4, leaf);
		check_rights(LEVEL5, leaf);
	}
	for (unsigned l = 0; l < 5; l++) {
		check_absent(LEVEL5, 0, l);
		if (l < 4)
			check_absent(LEVEL4, 0, l);
		if (l < 2) {
			check_absent(PAE, 0, l);
			check_absent(BITS32, 0, l);
		}
	}
	check_reserved();
	check_canonical();
	check_keys();
	check_key_flushes();
	check_rest();
	free(mem);
	return check_done();
}
