// SPDX-License-Identifier: GPL-2.0-or-later
/* Address-space identifiers, global pages, and which sfence.vma drops what. */
#include "tests/priv/priv.h"

#define VA 0x1000000000ul
#define NR 40
static struct space sp[NR];
static u64 *pages[NR];

static u64 peek(u64 va, u64 b) { return *(volatile u64 *)va; }
static u64 poke(u64 va, u64 v)
{
	*(volatile u64 *)va = v;
	return 0;
}
static u64 call(u64 va, u64 b) { return ((u64(*)(void))va)(); }

/* A page that says n when read at 0 and when called at 64. */
static u64 *page_saying(u64 n)
{
	u64 *p = page_alloc();

	p[0] = n;
	((u32 *)p)[16] = 0x00000513 | (u32)n << 20; /* li a0, n */
	((u32 *)p)[17] = 0x00008067;                /* ret */
	return p;
}

static void spaces(unsigned n, u64 flags)
{
	for (unsigned i = 0; i < n; i++) {
		space_new(&sp[i], SV39, i + 1);
		pages[i] = page_saying(100 + i);
		map(&sp[i], VA, (u64)pages[i], 0, flags);
	}
	sfence();
	fence_i();
}

static void asid_bits(void)
{
	u64 v;

	space_new(&sp[0], SV39, 0xffff);
	set_satp(&sp[0]);
	v = csr_read(satp) >> 44 & 0xffff;
	EQ(v & (v + 1), 0); /* the low bits, without holes */
	EQ(v, 0xffff);
}

static void two_spaces(void)
{
	spaces(2, RWX);
	for (unsigned i = 0; i < 100; i++) {
		set_satp(&sp[i & 1]);
		EQ(run_s(peek, VA, 0), 100 + (i & 1));
		EQ(run_s(call, VA + 64, 0), 100 + (i & 1));
		run_s(poke, VA + 8, i);
		EQ(pages[i & 1][1], i);
	}
}

/* S switches satp itself, in code that every space maps */
static u64 switcher(u64 va, u64 b)
{
	u64 r = 0;

	for (unsigned i = 0; i < 200; i++) {
		set_satp(&sp[i & 1]);
		r += *(volatile u64 *)va != 100 + (i & 1);
		r += ((u64(*)(void))(va + 64))() != 100 + (i & 1);
	}
	return r;
}

static void switch_in_s(void)
{
	spaces(2, RWX);
	set_satp(&sp[0]);
	EQ(run_s(switcher, VA, 0), 0);
}

/* More than any table of contexts holds, in turn, and with changes of one while others run. */
static void many(void)
{
	spaces(NR, RWX);
	for (unsigned round = 0; round < 4; round++)
		for (unsigned i = 0; i < NR; i++) {
			set_satp(&sp[i]);
			EQ(run_s(peek, VA, 0), 100 + i);
			EQ(run_s(call, VA + 64, 0), 100 + i);
		}
	for (unsigned i = 0; i < NR; i++) {
		map(&sp[i], VA, (u64)pages[(i + 1) % NR], 0, RWX);
		set_satp(&sp[(i + 7) % NR]);
		EQ(run_s(peek, RAM, 0), *(u64 *)RAM);
		sfence_asid(i + 1); /* of a space that is not the present one */
		set_satp(&sp[i]);
		EQ(run_s(peek, VA, 0), 100 + (i + 1) % NR);
		EQ(run_s(call, VA + 64, 0), 100 + (i + 1) % NR);
	}
}

/* Which fence is enough for a change of VA in space 1, done while space 0 or 1 is active? */
static void fences(void)
{
	for (unsigned active = 0; active < 2; active++)
		for (unsigned kind = 0; kind < 4; kind++) {
			spaces(3, RWX);
			set_satp(&sp[1]);
			EQ(run_s(peek, VA, 0), 101);
			EQ(run_s(call, VA + 64, 0), 101);
			run_s(poke, VA + 8, 1);
			set_satp(&sp[active]);
			EQ(run_s(peek, VA, 0), 100 + active);
			map(&sp[1], VA, (u64)pages[2], 0, RWX);
			switch (kind) {
			case 0: sfence(); break;
			case 1: sfence_va(VA); break;
			case 2: sfence_asid(2); break;
			default: sfence_both(VA, 2); break;
			}
			EQ(run_s(peek, VA, 0), active ? 102 : 100);
			set_satp(&sp[1]);
			EQ(run_s(peek, VA, 0), 102);
			EQ(run_s(call, VA + 64, 0), 102);
			run_s(poke, VA + 8, 77);
			EQ(pages[2][1], 77);
			EQ(pages[1][1], 1);
			set_satp(&sp[0]);
			EQ(run_s(peek, VA, 0), 100);
		}
}

/* The fence from S: operands in registers that happen to hold 0 are not x0. */
static u64 fence_s(u64 va, u64 asid)
{
	sfence_both(va, asid);
	return *(volatile u64 *)VA;
}
static u64 fence_v(u64 va, u64 b)
{
	sfence_va(va);
	return *(volatile u64 *)VA;
}

static void fences_s(void)
{
	spaces(2, RWX);
	set_satp(&sp[0]);
	EQ(run_s(peek, VA, 0), 100);
	map(&sp[0], VA, (u64)pages[1], 0, RWX);
	EQ(run_s(fence_s, VA, 1), 101);
	map(&sp[0], VA, (u64)pages[0], 0, RWX);
	EQ(run_s(fence_v, VA + 0xff8, 0), 100); /* any byte of the page */
	/* address 0 and ASID 0 */
	space_new(&sp[2], SV39, 0);
	map(&sp[2], 0, (u64)pages[0], 0, RWX);
	set_satp(&sp[2]);
	sfence();
	EQ(run_s(peek, 0, 0), 100);
	map(&sp[2], 0, (u64)pages[1], 0, RWX);
	sfence_both(0, 0);
	EQ(run_s(peek, 0, 0), 101);
	map(&sp[2], 0, (u64)pages[0], 0, RWX);
	sfence_asid(0);
	EQ(run_s(peek, 0, 0), 100);
	map(&sp[2], 0, (u64)pages[1], 0, RWX);
	sfence_va(0);
	EQ(run_s(peek, 0, 0), 101);
}

static void sinval(void)
{
	t_clear();
	TRY(".4byte 0x16000073", NO_OUT, "r"(0));
	if (cpu()->t.cause != ~0ul) {
		absent("Svinval");
		return;
	}
	spaces(2, RWX);
	set_satp(&sp[0]);
	for (unsigned i = 0; i < 6; i++) {
		EQ(run_s(peek, VA, 0), 100 + (i & 1));
		map(&sp[0], VA, (u64)pages[~i & 1], 0, RWX);
		asm volatile(".4byte 0x18000073" ::: "memory"); /* sfence.w.inval */
		if (i < 3) {
			register u64 a asm("a0") = VA;
			/* sinval.vma a0, x0 */
			asm volatile(".4byte 0x16050073" ::"r"(a) : "memory");
		} else {
			register u64 a asm("a0") = VA, b asm("a1") = 1;
			asm volatile(".4byte 0x16b50073" ::"r"(a), "r"(b) : "memory");
		}
		asm volatile(".4byte 0x18100073" ::: "memory"); /* sfence.inval.ir */
	}
}

static void global(void)
{
	u64 *g = page_saying(500), *h = page_saying(501);

	spaces(20, RWX);
	for (unsigned i = 0; i < 20; i++)
		map(&sp[i], VA + PAGE, (u64)g, 0, RWX | PTE_G);
	for (unsigned i = 0; i < 20; i++) {
		set_satp(&sp[i]);
		EQ(run_s(peek, VA + PAGE, 0), 500);
		EQ(run_s(call, VA + PAGE + 64, 0), 500);
		EQ(run_s(peek, VA, 0), 100 + i);
	}
	for (unsigned i = 0; i < 20; i++)
		map(&sp[i], VA + PAGE, (u64)h, 0, RWX | PTE_G);
	sfence_va(VA + PAGE); /* without ASID: global ones too, in every space */
	for (unsigned i = 0; i < 20; i++) {
		set_satp(&sp[i]);
		EQ(run_s(peek, VA + PAGE, 0), 501);
		EQ(run_s(call, VA + PAGE + 64, 0), 501);
	}
	for (unsigned i = 0; i < 20; i++)
		map(&sp[i], VA + PAGE, (u64)g, 0, RWX | PTE_G);
	sfence();
	for (unsigned i = 0; i < 20; i++) {
		set_satp(&sp[i]);
		EQ(run_s(peek, VA + PAGE, 0), 500);
		EQ(run_s(call, VA + PAGE + 64, 0), 500);
	}
}

/* Turning translation off acts at once, also for global entries. */
static u64 off_and_read(u64 va, u64 satp_value)
{
	u64 v;

	csr_write(satp, 0);
	v = *(volatile u64 *)va;
	csr_write(satp, satp_value);
	return v;
}

static void bare_after_global(void)
{
	static u64 *own;

	spaces(1, RWX);
	own = page_saying(300);
	for (unsigned g = 0; g < 2; g++) {
		/* the page's own physical address leads elsewhere while translation is on */
		space_new(&sp[1], SV39, 9);
		*pte_at(&sp[1], RAM, 2) = 0;
		for (u64 va = RAM; va < RAM + (64ul << 20); va += 1ul << 21)
			map(&sp[1], va, va, 1, RWX);
		{
			u64 base = (u64)own & ~((1ul << 21) - 1);

			*pte_at(&sp[1], base, 1) = 0;
			for (u64 va = base; va < base + (1ul << 21); va += PAGE)
				map(&sp[1], va, va, 0, RWX);
		}
		map(&sp[1], (u64)own, (u64)pages[0], 0, RWX | (g ? PTE_G : 0));
		sfence();
		set_satp(&sp[1]);
		EQ(run_s(peek, (u64)own, 0), 100);
		EQ(run_s(off_and_read, (u64)own, sp[1].satp), 300);
		EQ(run_s(peek, (u64)own, 0), 100);
		csr_write(satp, 0);
		EQ(run_s(peek, (u64)own, 0), 300);
		EQ(run_s(call, (u64)own + 64, 0), 300 & 0xfff);
		set_satp(&sp[1]);
		EQ(run_s(call, (u64)own + 64, 0), 100);
		sfence();
	}
}

/* One fence at any address of a superpage drops all of it. */
static void superpage(void)
{
	static const u64 at[] = { 0, 0x1000, 0x1ff000, 0x100000 };
	u64 a = RAM, b = RAM + (1ul << 21), old[2][4];

	for (unsigned i = 0; i < 4; i++) {
		old[0][i] = *(u64 *)(a + at[i]);
		old[1][i] = *(u64 *)(b + at[i]);
	}
	for (unsigned pmp = 0; pmp < 2; pmp++)
		for (unsigned f = 0; f < 4; f++)
			for (unsigned first = 0; first < 4; first++) {
				spaces(2, RWX);
				if (pmp) { /* a boundary inside: the page is cut up */
					csr_write(pmpcfg0, 0);
					csr_write(pmpaddr0, (RAM + 0x3000) >> 2 | 0x1ff);
					csr_write(pmpaddr1, ~0ul >> 10);
					csr_write(pmpcfg0, 0x1f1f);
					sfence();
				}
				map(&sp[0], VA + (1ul << 21), a, 1, RW);
				set_satp(&sp[0]);
				sfence();
				EQ(run_s(peek, VA + (1ul << 21) + at[first], 0), old[0][first]);
				if (first & 1)
					for (unsigned i = 0; i < 4; i++)
						EQ(run_s(peek, VA + (1ul << 21) + at[i], 0),
						   old[0][i]);
				map(&sp[0], VA + (1ul << 21), b, 1, RW);
				if (f & 1)
					sfence_both(VA + (1ul << 21) + at[f], 1);
				else
					sfence_va(VA + (1ul << 21) + at[f]);
				for (unsigned i = 0; i < 4; i++)
					EQ(run_s(peek, VA + (1ul << 21) + at[i], 0), old[1][i]);
				pmp_open();
				csr_write(satp, 0);
			}
}

static void superpage_of_other(void)
{
	u64 *a = (u64 *)(RAM + 0x3000), *b = (u64 *)(RAM + (1ul << 21) + 0x3000);

	for (unsigned g = 0; g < 2; g++) {
		u64 f = RW | (g ? PTE_G : 0);

		spaces(2, RWX);
		for (unsigned i = 0; i < 2; i++)
			map(&sp[i], VA + (1ul << 21), RAM, 1, f);
		sfence();
		for (unsigned i = 0; i < 2; i++) {
			set_satp(&sp[i]);
			EQ(run_s(peek, VA + (1ul << 21) + 0x3000, 0), *a);
		}
		for (unsigned i = 0; i < 2; i++)
			map(&sp[i], VA + (1ul << 21), RAM + (1ul << 21), 1, f);
		sfence_va(VA + (1ul << 21) + 0x10000);
		for (unsigned i = 0; i < 2; i++) {
			set_satp(&sp[i]);
			EQ(run_s(peek, VA + (1ul << 21) + 0x3000, 0), *b);
		}
	}
}

/* A table page changed above the leaf: one fence of the address suffices for it. */
static void table_swap(void)
{
	spaces(1, RWX);
	{
		u64 *t1 = page_alloc(), *t2 = page_alloc(), *two = page_saying(222);

		t1[0] = PPN(pages[0]) | RWX;
		t2[0] = PPN(two) | RWX;
		*pte_at(&sp[0], VA, 1) = PPN(t1) | PTE_V;
		set_satp(&sp[0]);
		sfence();
		for (unsigned i = 0; i < 10; i++) {
			EQ(run_s(peek, VA, 0), i & 1 ? 222 : 100);
			EQ(run_s(call, VA + 64, 0), i & 1 ? 222 : 100);
			*pte_at(&sp[0], VA, 1) = PPN(i & 1 ? t1 : t2) | PTE_V;
			sfence_va(VA);
		}
	}
}

/* More fences for another space than any log of them holds, and fewer. */
static void fences_from_afar(void)
{
	static const unsigned numbers[] = { 1, 10, 63, 64, 65, 66, 130 };

	for (unsigned k = 0; k < sizeof(numbers) / sizeof(*numbers); k++) {
		unsigned n = numbers[k];
		u64 bad = 0;

		spaces(2, RWX);
		for (unsigned i = 0; i < 130; i++)
			map(&sp[1], VA + (i + 1) * PAGE, (u64)pages[1], 0, RWX);
		sfence();
		set_satp(&sp[1]);
		for (unsigned i = 0; i < 130; i++)
			bad += run_s(peek, VA + (i + 1) * PAGE, 0) != 101 ||
			       run_s(call, VA + (i + 1) * PAGE + 64, 0) != 101;
		EQ(bad, 0);
		set_satp(&sp[0]);
		EQ(run_s(peek, VA, 0), 100);
		for (unsigned i = 0; i < n; i++) {
			map(&sp[1], VA + (i + 1) * PAGE, (u64)pages[0], 0, RWX);
			if (k & 1)
				sfence_va(VA + (i + 1) * PAGE);
			else
				sfence_both(VA + (i + 1) * PAGE, 2);
		}
		set_satp(&sp[1]);
		for (unsigned i = 0; i < 130; i++) {
			u64 want = i < n ? 100 : 101;

			bad += run_s(peek, VA + (i + 1) * PAGE, 0) != want ||
			       run_s(call, VA + (i + 1) * PAGE + 64, 0) != want;
		}
		EQ(bad, 0);
	}
}

/* Page numbers that agree in many low bits: what one pushes out must still go by its fence. */
static void conflicts(void)
{
	for (unsigned bits = 18; bits <= 30; bits += 2)
		for (unsigned n = 2; n <= 20; n += 9) {
			u64 step = 1ul << bits, bad = 0;

			spaces(2, RWX);
			for (unsigned i = 0; i < n; i++)
				map(&sp[0], VA + (i + 1) * step, (u64)pages[0], 0, RWX);
			set_satp(&sp[0]);
			sfence();
			for (unsigned pass = 0; pass < 2; pass++)
				for (unsigned i = 0; i < n; i++) {
					bad += run_s(peek, VA + (i + 1) * step, 0) != 100;
					bad += run_s(call, VA + (i + 1) * step + 64, 0) != 100;
					run_s(poke, VA + (i + 1) * step + 8, i);
				}
			for (unsigned i = 0; i < n; i++) {
				map(&sp[0], VA + (i + 1) * step, (u64)pages[1], 0, RWX);
				sfence_va(VA + (i + 1) * step);
				for (unsigned j = 0; j < n; j++) {
					u64 want = j <= i ? 101 : 100;

					bad += run_s(peek, VA + (j + 1) * step, 0) != want;
					bad += run_s(call, VA + (j + 1) * step + 64, 0) != want;
				}
				pages[1][1] = 0;
				run_s(poke, VA + (i + 1) * step + 8, 55);
				bad += pages[1][1] != 55;
			}
			EQ(bad, 0);
		}
}

/* One page read, written and executed in every mode that may; then each right is taken away. */
static void all_views(void)
{
	u64 v;

	for (unsigned i = 0; i < 4; i++) {
		spaces(2, RWX | PTE_U);
		set_satp(&sp[0]);
		csr_set(mstatus, MST_SUM);
		for (unsigned k = 0; k < 2; k++) {
			EQ(run_u(peek, VA, 0), 100 + k);
			EQ(run_u(call, VA + 64, 0), 100 + k);
			run_u(poke, VA + 8, 3);
			EQ(run_s(peek, VA, 0), 100 + k);
			run_s(poke, VA + 16, 4);
			csr_set(mstatus, MST_MPRV);
			csr_clear(mstatus, MST_MPP);
			v = *(volatile u64 *)(VA + 8);
			csr_clear(mstatus, MST_MPRV);
			EQ(v, 3);
			map(&sp[0], VA, (u64)pages[1], 0, RWX | PTE_U);
			sfence_va(VA);
		}
		csr_clear(mstatus, MST_SUM);
	}
}

/* Invalid entries are not cached for longer than a fence, and usually need one. */
static void unmap(void)
{
	spaces(1, RWX);
	set_satp(&sp[0]);
	for (unsigned i = 0; i < 20; i++) {
		u64 *e = pte_at(&sp[0], VA, 0), keep = *e;

		EQ(run_s((void *)try_load, VA, 0), ~0ul);
		*e = 0;
		sfence_va(VA);
		EQ(run_s((void *)try_load, VA, 0), C_LPAGE);
		EQ(run_s((void *)try_store, VA, 0), C_SPAGE);
		EQ(run_s((void *)try_exec, VA + 64, 0), C_FPAGE);
		*e = keep & ~(u64)PTE_W;
		sfence_va(VA);
		EQ(run_s((void *)try_load, VA, 0), ~0ul);
		EQ(run_s((void *)try_store, VA, 0), C_SPAGE);
		*e = keep;
		sfence_va(VA);
		EQ(run_s((void *)try_store, VA, 0), ~0ul);
	}
}

const struct test tests[] = {
	{ "ASID bits", asid_bits },
	{ "two spaces", two_spaces },
	{ "switch in S", switch_in_s },
	{ "many spaces", many },
	{ "each fence", fences },
	{ "fence operands", fences_s },
	{ "Svinval", sinval },
	{ "global pages", global },
	{ "bare after paging", bare_after_global },
	{ "superpage", superpage },
	{ "superpage of another space", superpage_of_other },
	{ "table swap", table_swap },
	{ "unmap", unmap },
	{ "fences from afar", fences_from_afar },
	{ "conflicts", conflicts },
	{ "all views", all_views },
	{ NULL, NULL },
};
