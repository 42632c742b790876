// SPDX-License-Identifier: GPL-2.0-or-later
/* Code that changes, code on two mappings, instructions across pages. */
#include "tests/priv/priv.h"

#define VA      0x1000000000ul
#define LI(n)   (0x00000513u | (u32)(n) << 20) /* li a0, n */
#define ADDI(n) (0x00050513u | (u32)(n) << 20) /* addi a0, a0, n */
#define RET     0x00008067u
#define NOP     0x00000013u
#define CNOP    0x0001
static struct space sp;
static u32 *page;

static u64 call(u64 va, u64 b) { return ((u64(*)(u64))va)(b); }

static void fresh(void)
{
	space_new(&sp, SV39, 1);
	page = page_alloc();
	set_satp(&sp);
	sfence();
}

static void with_fence(void)
{
	fresh();
	for (unsigned at = 0; at < 1000; at += 13)
		for (u32 n = 0; n < 3; n++) {
			page[at] = LI(n);
			page[at + 1] = RET;
			fence_i();
			EQ(call((u64)(page + at), 0), n);
		}
	/* data beside code, over and over: the code stays right */
	page[0] = LI(5);
	page[1] = RET;
	fence_i();
	for (unsigned i = 0; i < 3000; i++) {
		page[2 + i % 1000] = i;
		EQ(call((u64)page, 0), 5);
	}
}

/* A write into the middle of a long block, by each size and by an AMO */
static void patch_middle(void)
{
	fresh();
	for (unsigned i = 0; i < 40; i++)
		page[i] = ADDI(1);
	page[40] = RET;
	fence_i();
	EQ(call((u64)page, 0), 40);
	for (unsigned i = 0; i < 40; i++) {
		u32 insn = ADDI(2);

		switch (i & 3) {
		case 0: page[i] = insn; break;
		case 1: ((volatile u8 *)page)[4 * i + 2] = (u8)(insn >> 16); break;
		case 2:
			((volatile u16 *)page)[2 * i] = (u16)insn;
			((volatile u16 *)page)[2 * i + 1] = (u16)(insn >> 16);
			break;
		default:
			asm volatile("amoswap.w zero, %1, (%0)" ::"r"(page + i), "r"(insn)
				     : "memory");
		}
		if (i & 1)
			((volatile u8 *)page)[4 * i + 3] = (u8)(insn >> 24);
		fence_i();
		EQ(call((u64)page, 0), 41 + i);
	}
	for (unsigned i = 0; i < 40; i += 2) {
		*(volatile u64 *)(page + i) = (u64)ADDI(4) << 32 | ADDI(4);
		fence_i();
		EQ(call((u64)page, 0), 80 + 2 * (i + 2));
	}
	/* sc, too */
	for (unsigned i = 0; i < 40; i++) {
		asm volatile("1: lr.w t0, (%0)\n sc.w t0, %1, (%0)\n bnez t0, 1b" ::"r"(page + i),
			     "r"(ADDI(1))
			     : "t0", "memory");
		fence_i();
		EQ(call((u64)page, 0), 160 - 3 * (i + 1));
	}
}

/* Code that patches what follows it and fences itself. */
static void patch_self(void)
{
	u64 r;

	for (unsigned i = 0; i < 200; i++) {
		asm volatile(
			"la t0, 2f\n sw %1, 0(t0)\n fence.i\n .option push\n .option norvc\n "
			"2: li a0, 99\n"
			" .option pop\n mv %0, a0"
			: "=r"(r)
			: "r"(LI(i))
			: "t0", "a0", "memory");
		EQ(r, i);
	}
	/* without fence.i either is right, then with it the new one */
	for (unsigned i = 0; i < 200; i++) {
		asm volatile(
			"la t0, 2f\n sw %1, 0(t0)\n .option push\n .option norvc\n 2: li a0, 199\n"
			" .option pop\n mv %0, a0"
			: "=r"(r)
			: "r"(LI(i))
			: "t0", "a0", "memory");
		OK(r == i || r == (i ? i - 1 : 199));
	}
}

/* A loop that changes its own body and goes round by a fence.i inside */
static void patch_loop(void)
{
	fresh();
	page[0] = 0x00000513; /* li a0, 0 */
	page[1] = ADDI(1);
	page[2] = 0x0055a023; /* sw t0, 0(a1): the instruction at page[1] */
	page[3] = 0x0000100f; /* fence.i */
	page[4] = 0xfff60613; /* addi a2, a2, -1 */
	page[5] = 0xfe0618e3; /* bnez a2, page[1] */
	page[6] = RET;
	fence_i();
	{
		register u64 a0 asm("a0") = 0, a1 asm("a1") = (u64)(page + 1), a2 asm("a2") = 10,
				t0 asm("t0") = ADDI(100);

		asm volatile("jalr ra, %1"
			     : "+r"(a0), "+r"(a1), "+r"(a2)
			     : "r"(t0)
			     : "ra", "memory");
		EQ(a0, 1 + 9 * 100);
	}
}

/* One page at two addresses: a write through either is seen through both. */
static void two_mappings(void)
{
	fresh();
	map(&sp, VA, (u64)page, 0, RWX);
	map(&sp, VA + 0x5000, (u64)page, 0, RWX);
	map(&sp, VA + 0x100000, (u64)page, 0, RW);
	sfence();
	for (u32 n = 0; n < 50; n++) {
		page[0] = LI(n);
		page[1] = RET;
		fence_i();
		EQ(run_s(call, VA, 0), n);
		EQ(run_s(call, VA + 0x5000, 0), n);
		EQ(call((u64)page, 0), n);
	}
}

static u64 s_write_call(u64 n, u64 b)
{
	u64 r = 0;

	for (u32 i = 0; i < n; i++) {
		*(volatile u32 *)(VA + 0x100000) = LI(i);
		fence_i();
		r += call(VA, 0) != i;
		*(volatile u32 *)(VA + 0x5000) = LI(i + 1);
		fence_i();
		r += call(VA, 0) != i + 1;
		r += call(VA + 0x5000, 0) != i + 1;
	}
	return r;
}

static void write_by_alias(void)
{
	fresh();
	map(&sp, VA, (u64)page, 0, RX);
	map(&sp, VA + 0x5000, (u64)page, 0, RWX);
	map(&sp, VA + 0x100000, (u64)page, 0, RW);
	page[0] = LI(0);
	page[1] = RET;
	sfence();
	fence_i();
	EQ(run_s(s_write_call, 100, 0), 0);
}

/* PC-relative code on two mappings: auipc, jal and branches give each its own addresses. */
static void position(void)
{
	fresh();
	page[0] = 0x00000517; /* auipc a0, 0 */
	page[1] = RET;
	page[16] = 0x00c000ef; /* jal ra, +12 -> page[19] */
	page[19] = 0x00008513; /* mv a0, ra */
	page[20] = 0x00028067; /* jr t0 */
	map(&sp, VA, (u64)page, 0, RWX);
	map(&sp, VA + 0x5000, (u64)page, 0, RWX);
	sfence();
	fence_i();
	for (unsigned i = 0; i < 3; i++) {
		EQ(run_s(call, VA, 0), VA);
		EQ(run_s(call, VA + 0x5000, 0), VA + 0x5000);
		EQ(call((u64)page, 0), (u64)page);
	}
	{
		register u64 a0 asm("a0");

		asm volatile("la t0, 1f\n jr %1\n 1:"
			     : "=r"(a0)
			     : "r"(page + 16)
			     : "t0", "ra", "memory");
		EQ(a0, (u64)(page + 17));
	}
}

/* A four-byte instruction that begins in the last two bytes of a page */
static u16 *last, *first_of_next;

static void cross_setup(void)
{
	u64 *a, *b, *c;

	fresh();
	a = page_alloc();
	b = page_alloc();
	c = page_alloc();
	(void)b;
	map(&sp, VA, (u64)c, 0, RWX);
	map(&sp, VA + PAGE, (u64)a, 0, RWX);
	last = (u16 *)c + 2047;
	first_of_next = (u16 *)a;
	*last = (u16)LI(7);
	first_of_next[0] = (u16)(LI(7) >> 16);
	first_of_next[1] = 0x8082; /* ret */
	sfence();
	fence_i();
}

static void crossing(void)
{
	u64 *other;

	cross_setup();
	EQ(run_s(call, VA + PAGE - 2, 0), 7);
	/* the second half changes */
	for (u32 n = 0; n < 20; n++) {
		first_of_next[0] = (u16)(LI(n) >> 16);
		fence_i();
		EQ(run_s(call, VA + PAGE - 2, 0), n);
	}
	/* the first half: addi a0, x0 -> addi a0, a0 needs both halves */
	*last = (u16)ADDI(5);
	first_of_next[0] = (u16)(ADDI(5) >> 16);
	fence_i();
	EQ(run_s(call, VA + PAGE - 2, 1) >= 5, 1);
	*last = (u16)LI(7);
	first_of_next[0] = (u16)(LI(7) >> 16);
	fence_i();
	/* the second page is another one */
	other = page_alloc();
	((u16 *)other)[0] = (u16)(LI(33) >> 16);
	((u16 *)other)[1] = 0x8082;
	EQ(run_s(call, VA + PAGE - 2, 0), 7);
	map(&sp, VA + PAGE, (u64)other, 0, RWX);
	sfence_va(VA + PAGE);
	fence_i();
	EQ(run_s(call, VA + PAGE - 2, 0), 33);
}

static void crossing_faults(void)
{
	cross_setup();
	for (unsigned i = 0; i < 4; i++) {
		u64 *e = pte_at(&sp, VA + PAGE, 0), keep = *e;

		EQ(run_s(call, VA + PAGE - 2, 0), 7);
		*e = i == 0 ? 0 :
		     i == 1 ? keep & ~(u64)PTE_X :
		     i == 2 ? keep | PTE_U :
			      PPN(NOTHING) | RWX;
		sfence();
		EQ(run_s((void *)try_exec, VA + PAGE - 2, 0), i == 3 ? C_FACCESS : C_FPAGE);
		EQ(cpu()->t.epc, VA + PAGE - 2);
		EQ(cpu()->t.tval, VA + PAGE);
		/* a two-byte instruction there does not need the next page */
		*last = 0x8082;
		fence_i();
		EQ(run_s((void *)try_exec, VA + PAGE - 2, 0), ~0ul);
		*last = (u16)LI(7);
		fence_i();
		*e = keep;
		sfence();
	}
	/* the first page missing, execution falling into it */
	{
		u64 *e = pte_at(&sp, VA, 0), keep = *e;

		*e = 0;
		sfence();
		EQ(run_s((void *)try_exec, VA + PAGE - 2, 0), C_FPAGE);
		EQ(cpu()->t.epc, VA + PAGE - 2);
		EQ(cpu()->t.tval, VA + PAGE - 2);
		*e = keep;
		sfence();
	}
}

/* Straight code runs into a page that is not there, or not executable. */
static void fall_through(void)
{
	u16 *p;

	cross_setup();
	p = (u16 *)((u64)last & ~0xffful);
	for (unsigned i = 0; i < 2048; i++)
		p[i] = CNOP;
	fence_i();
	first_of_next[0] = 0x8082;
	EQ(run_s((void *)try_exec, VA, 0), ~0ul);
	*pte_at(&sp, VA + PAGE, 0) &= ~(u64)PTE_X;
	sfence();
	for (unsigned i = 0; i < 3; i++) {
		EQ(run_s((void *)try_exec, VA, 0), C_FPAGE);
		EQ(cpu()->t.epc, VA + PAGE);
		EQ(cpu()->t.tval, VA + PAGE);
	}
}

/* The page of a function is exchanged; callers in other pages must notice. */
static u64 s_caller(u64 va, u64 pte)
{
	volatile u64 *e = (u64 *)pte;
	u64 r = 0, old = *e;

	for (unsigned i = 0; i < 50; i++) {
		r += call(va, 0) != (i & 1 ? 22 : 11);
		r += call(va, 0) != (i & 1 ? 22 : 11);
		*e = old ^ (i & 1 ? 0 : 1ul << 10);
		sfence_va(va);
	}
	*e = old;
	return r;
}

static void exchanged(void)
{
	u32 *a;

	fresh();
	a = page_alloc();
	if ((u64)a & PAGE)
		a = page_alloc();
	page_alloc();
	a[0] = LI(11);
	a[1] = RET;
	a[1024] = LI(22);
	a[1025] = RET;
	fence_i();
	map(&sp, VA, (u64)a, 0, RWX);
	sfence();
	EQ(run_s(s_caller, VA, (u64)pte_at(&sp, VA, 0)), 0);
}

/* A function that exchanges the page its caller lives in, and returns there. */
static u64 swap_below(void)
{
	volatile u64 *e = (u64 *)*(u64 *)(RAM + 0x300000);

	*e ^= 1ul << 10;
	sfence_va(VA);
	return 0;
}

static void return_to_exchanged(void)
{
	u32 *a;

	fresh();
	a = page_alloc();
	if ((u64)a & PAGE)
		a = page_alloc();
	page_alloc();
	for (unsigned h = 0; h < 2; h++) {
		u32 *c = a + 1024 * h;

		c[0] = 0xff010113; /* addi sp, sp, -16 */
		c[1] = 0x00113023; /* sd ra, 0(sp) */
		c[2] = 0x000500e7; /* jalr ra, a0 */
		c[3] = LI(50 + h); /* which page did we come back to? */
		c[4] = 0x00013083; /* ld ra, 0(sp) */
		c[5] = 0x01010113;
		c[6] = RET;
	}
	fence_i();
	map(&sp, VA, (u64)a, 0, RWX);
	*(u64 *)(RAM + 0x300000) = (u64)pte_at(&sp, VA, 0);
	sfence();
	for (unsigned i = 0; i < 20; i++)
		EQ(run_s(call, VA, (u64)swap_below), i & 1 ? 50 : 51);
}

/* Code copied by cbo.zero, and code where there was data */
static void zeroed(void)
{
	fresh();
	page[0] = LI(1);
	page[1] = RET;
	fence_i();
	EQ(call((u64)page, 0), 1);
	{
		register u64 a asm("a0") = (u64)page;

		t_clear();
		TRY(".4byte 0x0045200f", NO_OUT, "r"(a));
	}
	fence_i();
	if (page[0] == 0)
		EQ(try_exec((u64)page), C_ILLEGAL);
	page[0] = LI(2);
	page[1] = RET;
	fence_i();
	EQ(call((u64)page, 0), 2);
}

/* More code than a small buffer of translations holds, all of it used twice */
static void much(void)
{
	static u32 area[64 * 1024] __attribute__((aligned(4096)));

	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < 64 * 1024; i += 4) {
			area[i] = LI((i / 4 + round) & 0x7ff);
			area[i + 1] = ADDI(1);
			area[i + 2] = RET;
		}
		fence_i();
		for (unsigned pass = 0; pass < 2; pass++) {
			u64 bad = 0;

			for (unsigned i = 0; i < 64 * 1024; i += 4)
				bad += call((u64)(area + i), 0) != ((i / 4 + round) & 0x7ff) + 1;
			EQ(bad, 0);
		}
	}
}

const struct test tests[] = {
	{ "with fence.i", with_fence },
	{ "patch the middle", patch_middle },
	{ "patch what follows", patch_self },
	{ "patch a loop", patch_loop },
	{ "two mappings", two_mappings },
	{ "write by an alias", write_by_alias },
	{ "position", position },
	{ "crossing a page", crossing },
	{ "crossing with faults", crossing_faults },
	{ "fall through", fall_through },
	{ "exchanged page", exchanged },
	{ "return to an exchanged page", return_to_exchanged },
	{ "zeroed", zeroed },
	{ "much code", much },
	{ NULL, NULL },
};
