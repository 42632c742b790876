// SPDX-License-Identifier: GPL-2.0-or-later
/* Sv39, Sv48, Sv57: what each bit of a page-table entry allows, and what faults. */
#include "tests/priv/priv.h"

#define VA   0x1000000000ul
#define HIGH 0xffffffc000000000ul /* the top of Sv39's upper half */
static const unsigned modes[] = { SV39, SV48, SV57 };
static unsigned nr_modes = 3;
static struct space sp;
static u64 *page; /* mapped at VA */

/* The address spaces one after another; false at the end. */
static bool each_mode(unsigned *i)
{
	for (; *i < nr_modes; (*i)++) {
		space_new(&sp, modes[*i], 1);
		page = page_alloc();
		page[0] = 0x1122334455667788;
		((u32 *)page)[16] = 0x00b00513; /* li a0, 11; ret at 64 */
		((u32 *)page)[17] = 0x00008067;
		set_satp(&sp);
		if (csr_read(satp) != sp.satp)
			continue;
		sfence();
		fence_i();
		(*i)++;
		return true;
	}
	return false;
}
#define FOR_MODES for (unsigned i_ = 0; each_mode(&i_);)

static void have_modes(void)
{
	for (unsigned i = 0; i < 3; i++) {
		space_new(&sp, modes[i], 0);
		set_satp(&sp);
		if (csr_read(satp) != sp.satp)
			absent(i == 2 ? "Sv57" : i == 1 ? "Sv48" : "Sv39");
	}
	/* a mode that does not exist: no effect at all */
	space_new(&sp, SV39, 5);
	set_satp(&sp);
	csr_write(satp, 1ul << 60);
	EQ(csr_read(satp), sp.satp);
	csr_write(satp, 15ul << 60 | 1);
	EQ(csr_read(satp), sp.satp);
}

static u64 ld(u64 va, u64 b) { return try_load(va, NULL); }
static u64 st(u64 va, u64 b) { return try_store(va, 1); }
static u64 ex(u64 va, u64 b)
{
	u64 v = 0;
	u64 c = try_call(va + 64, &v);
	return c == ~0ul && v != 11 ? 0xbad : c;
}

static void page_set(u64 flags)
{
	map(&sp, VA, (u64)page, 0, flags);
	sfence();
}

#define NONE (~0ul)

static void want(unsigned mode, u64 l, u64 s, u64 e, unsigned line)
{
	u64 (*const run)(void *, u64, u64) = mode == U ? run_u : run_s;

	check_at(run(ld, VA, 0), l, line);
	if (l != NONE)
		check_at(cpu()->t.tval, VA, line);
	check_at(run(st, VA, 0), s, line);
	if (s != NONE)
		check_at(cpu()->t.tval, VA, line);
	check_at(run(ex, VA, 0), e, line);
	if (e != NONE) {
		check_at(cpu()->t.tval, VA + 64, line);
		check_at(cpu()->t.epc, VA + 64, line);
	}
}
#define WANT(m, l, s, e) want(m, l, s, e, __LINE__)

static void permissions(void)
{
	static const struct {
		u64 flags;
		bool l, s, e;
	} t[] = {
		{ PTE_R, 1, 0, 0 },
		{ PTE_R | PTE_W, 1, 1, 0 },
		{ PTE_X, 0, 0, 1 },
		{ PTE_R | PTE_X, 1, 0, 1 },
		{ PTE_R | PTE_W | PTE_X, 1, 1, 1 },
		{ PTE_W, 0, 0, 0 },
		{ PTE_W | PTE_X, 0, 0, 0 },
		{ 0, 0, 0, 0 },
	};

	FOR_MODES
	{
		for (unsigned i = 0; i < 8; i++) {
			u64 ad = t[i].flags ? PTE_A | PTE_D : 0, base = PTE_V | t[i].flags | ad;

			page_set(base);
			WANT(S, t[i].l ? NONE : C_LPAGE, t[i].s ? NONE : C_SPAGE,
			     t[i].e ? NONE : C_FPAGE);
			WANT(U, C_LPAGE, C_SPAGE, C_FPAGE);
			page_set(base | (t[i].flags ? PTE_U : 0));
			WANT(U, t[i].l ? NONE : C_LPAGE, t[i].s ? NONE : C_SPAGE,
			     t[i].e ? NONE : C_FPAGE);
			WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
			csr_set(mstatus, MST_SUM);
			WANT(S, t[i].l ? NONE : C_LPAGE, t[i].s ? NONE : C_SPAGE, C_FPAGE);
			WANT(U, t[i].l ? NONE : C_LPAGE, t[i].s ? NONE : C_SPAGE,
			     t[i].e ? NONE : C_FPAGE);
			csr_clear(mstatus, MST_SUM);
		}
		page_set(RWX & ~(u64)PTE_V);
		WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
	}
}

static void mxr(void)
{
	FOR_MODES
	{
		page_set(PTE_V | PTE_X | PTE_A | PTE_D);
		WANT(S, C_LPAGE, C_SPAGE, NONE);
		csr_set(mstatus, MST_MXR); /* no fence in between: it acts at once */
		WANT(S, NONE, C_SPAGE, NONE);
		WANT(U, C_LPAGE, C_SPAGE, C_FPAGE);
		csr_clear(mstatus, MST_MXR);
		WANT(S, C_LPAGE, C_SPAGE, NONE);
		page_set(PTE_V | PTE_X | PTE_A | PTE_D | PTE_U);
		csr_set(mstatus, MST_MXR);
		WANT(U, NONE, C_SPAGE, NONE);
		WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
		csr_set(mstatus, MST_SUM);
		WANT(S, NONE, C_SPAGE, C_FPAGE);
		csr_clear(mstatus, MST_SUM | MST_MXR);
		WANT(U, C_LPAGE, C_SPAGE, NONE);
	}
}

/* SUM switched by S itself around one access, as kernels do */
static u64 sum_toggle(u64 va, u64 b)
{
	u64 r = 0, v;

	for (int i = 0; i < 100; i++) {
		csr_set(sstatus, MST_SUM);
		r += try_load(va, &v) != NONE;
		r += v != 0x1122334455667788;
		csr_clear(sstatus, MST_SUM);
		r += try_load(va, &v) != C_LPAGE;
	}
	return r;
}

static void sum(void)
{
	FOR_MODES
	{
		page_set(RWX | PTE_U);
		EQ(run_s(sum_toggle, VA, 0), 0);
	}
}

static void reserved(void)
{
	FOR_MODES
	{
		for (unsigned bit = 54; bit < 61; bit++) {
			page_set(RWX | 1ul << bit);
			WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
		}
		/* without menvcfg.PBMTE the memory type must be 0 */
		for (u64 n = 1; n < 4; n++) {
			page_set(RWX | PTE_PBMT(n));
			WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
		}
		page_set(RWX);
		WANT(S, NONE, NONE, NONE);
		/* pointers to tables: D, A, U and the high bits are reserved */
		for (unsigned bit = 4; bit < 64; bit = bit == 4 ? 6 : bit == 7 ? 54 : bit + 1) {
			*pte_at(&sp, VA, 1) ^= 1ul << bit;
			sfence();
			WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
			*pte_at(&sp, VA, 1) ^= 1ul << bit;
		}
		/* G and the bits for software are not */
		*pte_at(&sp, VA, 1) |= 3 << 8 | PTE_G;
		sfence();
		WANT(S, NONE, NONE, NONE);
		*pte_at(&sp, VA, 1) &= ~(3ul << 8 | PTE_G);
		page_set(RWX | 3 << 8);
		WANT(S, NONE, NONE, NONE);
		/* a pointer at the last level */
		page_set(PTE_V);
		WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
	}
}

static void pbmt(void)
{
	csr_write(0x30a, ENV_PBMTE);
	if (!(csr_read(0x30a) & ENV_PBMTE)) {
		absent("Svpbmt");
		return;
	}
	FOR_MODES
	{
		for (u64 n = 0; n < 4; n++) {
			page_set(RWX | PTE_PBMT(n));
			if (n < 3)
				WANT(S, NONE, NONE, NONE);
			else
				WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
		}
		page_set(RWX);
		*pte_at(&sp, VA, 1) |= PTE_PBMT(1); /* in a pointer it stays reserved */
		sfence();
		WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
	}
	/* off again, followed by a fence */
	page_set(RWX | PTE_PBMT(1));
	csr_write(0x30a, 0);
	sfence();
}

static void napot(void)
{
	static u64 *big;

	FOR_MODES
	{
		u64 base, v;

		do
			big = page_alloc();
		while ((u64)big & 0xffff);
		for (int i = 1; i < 16; i++)
			page_alloc();
		base = (u64)big;
		for (u64 i = 0; i < 16; i++)
			big[i * 512] = 100 + i;
		for (u64 i = 0; i < 16; i++)
			*pte_at(&sp, VA + i * PAGE, 0) = PPN(base | 0x8000) | RW | PTE_N;
		sfence();
		csr_set(mstatus, MST_MPRV);
		csr_clear(mstatus, MST_MPP);
		csr_set(mstatus, 1ul << 11);
		if (try_load(VA, &v) != NONE) {
			csr_clear(mstatus, MST_MPRV);
			absent("Svnapot");
			continue;
		}
		for (u64 i = 0; i < 16; i++) {
			/* the trap handler sets MPP */
			csr_clear(mstatus, MST_MPP);
			csr_set(mstatus, 1ul << 11);
			v = *(volatile u64 *)(VA + i * PAGE);
			csr_clear(mstatus, MST_MPRV);
			EQ(v, 100 + i);
			csr_set(mstatus, MST_MPRV);
		}
		csr_clear(mstatus, MST_MPRV);
		/* the other patterns are reserved, and N above the last level */
		for (u64 p = 0; p < 16; p++) {
			*pte_at(&sp, VA, 0) = PPN(base | p << 12) | RW | PTE_N;
			sfence();
			EQ(run_s(ld, VA, 0), p == 8 ? NONE : C_LPAGE);
		}
		*pte_at(&sp, VA + (1 << 21), 1) = PPN(RAM) | RW | PTE_N;
		sfence();
		EQ(run_s(ld, VA + (1 << 21), 0), C_LPAGE);
	}
}

static void misaligned_super(void)
{
	FOR_MODES
	{
		unsigned levels = sp.levels;

		for (unsigned l = 1; l < levels; l++) {
			u64 va = VA + (1ul << (12 + 9 * l)), *e = pte_at(&sp, va, l);

			if (e == pte_at(&sp, RAM, l) || e == pte_at(&sp, RAM + ALIAS, l))
				continue;
			for (unsigned bit = 0; bit < 9 * l; bit++) {
				if (bit + 12 == 31)
					continue; /* RAM's own bit */
				*e = PPN(RAM | 1ul << (bit + 12)) | RW;
				sfence();
				EQ(run_s(ld, va, 0), C_LPAGE);
				EQ(run_s(st, va, 0), C_SPAGE);
				EQ(run_s(ex, va, 0), C_FPAGE);
			}
			*e = 0;
		}
	}
}

static u64 peek(u64 va, u64 b) { return *(volatile u64 *)va; }

static void superpages(void)
{
	FOR_MODES
	{
		u64 *at = page;

		for (unsigned l = 1; l < sp.levels && l < 3; l++) {
			u64 size = 1ul << (12 + 9 * l), va = VA + 4 * (1ul << 30) + size;

			*pte_at(&sp, va, l) = PPN(RAM) | RW;
			sfence();
			*at = 77 + l;
			if ((u64)at - RAM < size)
				EQ(run_s(peek, va + ((u64)at - RAM), 0), 77 + l);
			*(volatile u64 *)(RAM + 0x100000) = 55 + l;
			EQ(run_s(peek, va + 0x100000, 0), 55 + l);
		}
	}
}

/* Addresses whose upper bits are not copies of the topmost translated one */
static void canonical(void)
{
	FOR_MODES
	{
		unsigned bits = 12 + 9 * sp.levels;
		u64 low_last = (1ul << (bits - 1)) - PAGE, bad = 1ul << (bits - 1),
		    high = ~0ul << (bits - 1);

		map(&sp, low_last, (u64)page, 0, RWX);
		map(&sp, high, (u64)page, 0, RWX);
		map(&sp, -PAGE, (u64)page, 0, RWX);
		sfence();
		EQ(run_s(ld, low_last, 0), NONE);
		EQ(run_s(ld, high, 0), NONE);
		EQ(run_s(ld, -PAGE, 0), NONE);
		EQ(run_s(ex, -PAGE, 0), NONE);
		EQ(run_s(ld, bad, 0), C_LPAGE);
		EQ(cpu()->t.tval, bad);
		EQ(run_s(st, bad, 0), C_SPAGE);
		EQ(run_s(ex, bad, 0), C_FPAGE);
		EQ(cpu()->t.tval, bad + 64);
		EQ(run_s(ld, high - PAGE, 0), C_LPAGE);
		for (unsigned b = bits; b < 64; b++) {
			EQ(run_s(ld, RAM | 1ul << b, 0), C_LPAGE);
			EQ(cpu()->t.tval, RAM | 1ul << b);
		}
		EQ(run_s(ld, low_last + PAGE - 4, 0), C_LPAGE); /* across the edge */
		EQ(cpu()->t.tval, bad);
	}
}

static u64 pte_bits(u64 va) { return *pte_at(&sp, va, 0) & (PTE_A | PTE_D); }

/* Svade: what is not set faults; Svadu: hardware sets it. */
static void ad_faults(void)
{
	csr_write(0x30a, ENV_ADUE);
	if (!(csr_read(0x30a) & ENV_ADUE)) {
		absent("Svadu");
		return;
	}
	csr_write(0x30a, 0);
	FOR_MODES
	{
		page_set(PTE_V | PTE_R | PTE_W | PTE_X);
		WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
		EQ(pte_bits(VA), 0);
		page_set(PTE_V | PTE_R | PTE_W | PTE_X | PTE_D);
		WANT(S, C_LPAGE, C_SPAGE, C_FPAGE);
		page_set(PTE_V | PTE_R | PTE_W | PTE_X | PTE_A);
		WANT(S, NONE, C_SPAGE, NONE);
		EQ(pte_bits(VA), PTE_A);
		page_set(RWX);
		WANT(S, NONE, NONE, NONE);
	}
}

static void ad_updates(void)
{
	csr_write(0x30a, ENV_ADUE);
	if (!(csr_read(0x30a) & ENV_ADUE)) {
		absent("Svadu");
		return;
	}
	FOR_MODES
	{
		u64 super = VA + (1ul << 30);

		page_set(PTE_V | PTE_R | PTE_W | PTE_X);
		EQ(run_s(ld, VA, 0), NONE);
		EQ(pte_bits(VA), PTE_A);
		EQ(run_s(st, VA, 0), NONE);
		EQ(pte_bits(VA), PTE_A | PTE_D);
		page_set(PTE_V | PTE_R | PTE_W | PTE_X);
		EQ(run_s(ex, VA, 0), NONE);
		EQ(pte_bits(VA), PTE_A);
		page_set(PTE_V | PTE_R | PTE_W | PTE_X);
		EQ(run_s(st, VA, 0), NONE);
		EQ(pte_bits(VA), PTE_A | PTE_D);
		/* no update where the access is not allowed */
		page_set(PTE_V | PTE_R | PTE_X);
		EQ(run_s(st, VA, 0), C_SPAGE);
		EQ(pte_bits(VA) & PTE_D, 0);
		page_set(PTE_V | PTE_R | PTE_W | PTE_U);
		EQ(run_s(ld, VA, 0), C_LPAGE);
		EQ(pte_bits(VA), 0);
		/*
		 * D cleared by software and fenced: set again by the next
		 * store, also after loads and stores
		 */
		page_set(PTE_V | PTE_R | PTE_W);
		EQ(run_s(st, VA, 0), NONE);
		*pte_at(&sp, VA, 0) &= ~(u64)(PTE_D | PTE_A);
		sfence_va(VA);
		EQ(run_s(ld, VA, 0), NONE);
		EQ(pte_bits(VA), PTE_A);
		EQ(run_s(st, VA, 0), NONE);
		EQ(pte_bits(VA), PTE_A | PTE_D);
		*pte_at(&sp, super, 1) = PPN(RAM) | PTE_V | PTE_R | PTE_W;
		sfence();
		EQ(run_s(ld, super + 0x5000, 0), NONE);
		EQ(*pte_at(&sp, super, 1) & (PTE_A | PTE_D), PTE_A);
		EQ(run_s(st, super + 0x1ff000, 0), NONE);
		EQ(*pte_at(&sp, super, 1) & (PTE_A | PTE_D), PTE_A | PTE_D);
	}
	csr_write(0x30a, 0);
}

/* A table or a page where there is no memory */
/* D tells of stores that happened, not of those behind a fault (4.3.1: never speculative). */
static u64 store_behind(u64 va, u64 other)
{
	t_clear();
	TRY("ld t0, 0(%[a])\n ld t1, 0(%[b])\n sd t1, 8(%[a])",
	    NO_OUT, [a] "r"(va), [b] "r"(other));
	return cpu()->t.cause;
}

static void d_exact(void)
{
	csr_write(0x30a, ENV_ADUE);
	if (!(csr_read(0x30a) & ENV_ADUE))
		return;
	space_new(&sp, SV39, 1);
	map(&sp, VA, (u64)page_alloc(), 0, PTE_V | PTE_R | PTE_W | PTE_A);
	set_satp(&sp);
	sfence();
	EQ(run_s(store_behind, VA, VA + 0x100000), C_LPAGE);
	EQ(pte_bits(VA), PTE_A);
	EQ(run_s(store_behind, VA, VA), ~0ul);
	EQ(pte_bits(VA), PTE_A | PTE_D);
}

static void no_memory(void)
{
	FOR_MODES
	{
		*pte_at(&sp, VA + (1ul << 30), 1) = PPN(NOTHING) | PTE_V;
		sfence();
		EQ(run_s(ld, VA + (1ul << 30), 0), C_LACCESS);
		EQ(run_s(st, VA + (1ul << 30), 0), C_SACCESS);
		EQ(run_s(ex, VA + (1ul << 30), 0), C_FACCESS);
		EQ(cpu()->t.tval, VA + (1ul << 30) + 64);
		map(&sp, VA, NOTHING, 0, RWX);
		sfence();
		WANT(S, C_LACCESS, C_SACCESS, C_FACCESS);
	}
}

/* MPRV: loads and stores of M by MPP's rules, fetches as before. */
static u64 m_load(unsigned mpp, u64 va, u64 *v)
{
	u64 c;

	t_clear();
	csr_clear(mstatus, MST_MPP);
	csr_set(mstatus, (u64)mpp << 11);
	asm volatile(
		"li t5, " STR(
			TRY_MAGIC) "\n la t6, 9f\n li t0, 0x20000\n csrs mstatus, t0\n "
				     "ld %0, 0(%1)\n"
				   " .balign 4\n 9: li t5, 0\n li t0, 0x20000\n csrc mstatus, t0"
		: "=&r"(c)
		: "r"(va)
		: "t0", "t5", "t6", "memory");
	*v = c;
	return cpu()->t.cause;
}

static void mprv(void)
{
	u64 v;

	FOR_MODES
	{
		page_set(RW);
		EQ(m_load(S, VA, &v), NONE);
		EQ(v, 0x1122334455667788);
		EQ(m_load(U, VA, &v), C_LPAGE);
		EQ(cpu()->t.status >> 11 & 3, M);
		EQ(m_load(M, VA, &v), C_LACCESS);
		EQ(m_load(M, (u64)page, &v), NONE);
		page_set(RW | PTE_U);
		EQ(m_load(U, VA, &v), NONE);
		EQ(v, 0x1122334455667788);
		EQ(m_load(S, VA, &v), C_LPAGE);
		csr_set(mstatus, MST_SUM);
		EQ(m_load(S, VA, &v), NONE);
		csr_clear(mstatus, MST_SUM);
		EQ(m_load(S, VA, &v), C_LPAGE);
		page_set(PTE_V | PTE_X | PTE_A);
		EQ(m_load(S, VA, &v), C_LPAGE);
		csr_set(mstatus, MST_MXR);
		EQ(m_load(S, VA, &v), NONE);
		csr_clear(mstatus, MST_MXR);
		EQ(m_load(S, VA, &v), C_LPAGE);

		*(u64 *)(RAM + 0x200000) = 1;
		page[0] = 2;
		EQ(m_load(S, RAM + 0x200000, &v), NONE);
		EQ(v, 1);
	}
}

/* Changing the table and fencing must be seen; S does it itself. */
static u64 remap(u64 va, u64 pte_pa)
{
	volatile u64 *pte = (u64 *)pte_pa;
	u64 old = *pte, other = old ^ (1ul << 10), r = 0, v;

	for (int i = 0; i < 50; i++) {
		*pte = i & 1 ? old : other;
		sfence_va(va);
		v = *(volatile u64 *)va;
		r += v != (i & 1 ? 1000 : 1001);
		*(volatile u64 *)va = v;
	}
	return r;
}

static void remapping(void)
{
	FOR_MODES
	{
		u64 *two = page_alloc();

		if ((u64)two & PAGE)
			two = page_alloc();
		page_alloc();
		two[0] = 1000;
		two[512] = 1001;
		map(&sp, VA, (u64)two, 0, RW);
		sfence();
		EQ(run_s(remap, VA, (u64)pte_at(&sp, VA, 0)), 0);
	}
}

const struct test tests[] = {
	{ "modes", have_modes },
	{ "permissions", permissions },
	{ "MXR", mxr },
	{ "SUM", sum },
	{ "reserved bits", reserved },
	{ "Svpbmt", pbmt },
	{ "Svnapot", napot },
	{ "misaligned superpages", misaligned_super },
	{ "superpages", superpages },
	{ "canonical addresses", canonical },
	{ "A and D faults", ad_faults },
	{ "A and D updates", ad_updates },
	{ "D of a store behind a fault", d_exact },
	{ "no memory", no_memory },
	{ "MPRV", mprv },
	{ "remapping", remapping },
	{ NULL, NULL },
};
