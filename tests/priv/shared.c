// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel's way of living in its address spaces: its own code and stack are global
 * superpages, so that what other pages leave behind at a switch can be told apart.
 */
#include "tests/priv/priv.h"

#define VA   0x1000003000ul
#define BIG  0x2000000000ul
#define LAST 0xfffffffffffff000ul
static struct space sp[3];
static u64 *pages[3];

static u64 peek(u64 va) { return *(volatile u64 *)va; }

static void spaces(void)
{
	for (unsigned i = 0; i < 3; i++) {
		space_new(&sp[i], SV39, i + 1);
		map(&sp[i], RAM, RAM, 2, RWX | PTE_G);
		pages[i] = page_alloc();
		pages[i][0] = 100 + i;
		map(&sp[i], VA, (u64)pages[i], 0, RW);
	}
	set_satp(&sp[0]);
	sfence();
}

/* Entries that come back from a larger cache belong to their space as much as the first time. */
static u64 switches(u64 n, u64 unused)
{
	u64 bad = 0;

	for (unsigned i = 0; i < n; i++) {
		set_satp(&sp[i % 3]);
		bad += peek(VA) != 100 + i % 3;
	}
	return bad;
}

static void own_pages(void)
{
	spaces();
	EQ(run_s(switches, 30, 0), 0);
}

/* The same for a write: it must not land in the page of another space. */
static u64 writes(u64 n, u64 unused)
{
	for (unsigned i = 0; i < n; i++) {
		set_satp(&sp[i % 3]);
		*(volatile u64 *)(VA + 8) += 1;
	}
	return 0;
}

static void own_writes(void)
{
	spaces();
	run_s(writes, 30, 0);
	for (unsigned i = 0; i < 3; i++)
		EQ(pages[i][1], 10);
}

/* One fence drops all of a superpage, also what was entered again after a switch. */
static u64 swap_big(u64 flags, u64 b)
{
	u64 first, second;

	for (unsigned i = 0; i < 7; i++) {
		set_satp(&sp[i % 3]);
		peek(VA);
		peek(BIG + 0x7000);
		peek(BIG + 0x5000);
	}
	first = peek(BIG + 0x5000);
	for (unsigned i = 0; i < 3; i++)
		map(&sp[i], BIG, b, 1, flags);
	sfence_va(BIG + 0x7000);
	second = peek(BIG + 0x5000);
	return first << 32 | second;
}

static void big_page(void)
{
	static const u64 flags[] = { RW, RW | PTE_G };
	u64 a = RAM + (16ul << 20), b = RAM + (18ul << 20);

	*(u64 *)(a + 0x5000) = 1;
	*(u64 *)(b + 0x5000) = 2;
	for (unsigned f = 0; f < 2; f++) {
		spaces();
		for (unsigned i = 0; i < 3; i++)
			map(&sp[i], BIG, a, 1, flags[f]);
		sfence();
		EQ(run_s(swap_big, flags[f], b), 1ul << 32 | 2);
	}
}

/* The page whose end is the end of the address space. */
static u64 change(u64 kind, u64 unused)
{
	u64 first = peek(LAST);

	map(&sp[0], LAST, (u64)pages[1], 0, RW);
	if (kind)
		sfence_both(LAST + 0xff8, 1);
	else
		sfence_va(LAST);
	return first << 32 | peek(LAST);
}

static void last_page(void)
{
	for (unsigned kind = 0; kind < 2; kind++) {
		spaces();
		map(&sp[0], LAST, (u64)pages[0], 0, RW);
		EQ(run_s(change, kind, 0), 100ul << 32 | 101);
	}
}

/* What senvcfg takes away is gone for code that has run before, too. */
static u64 zero(u64 va, u64 unused)
{
	register u64 a asm("a0") = va;

	t_clear();
	TRY(".4byte 0x0045200f", NO_OUT, "r"(a)); /* cbo.zero (a0) */
	return cpu()->t.cause;
}

static void cbo_zero(void)
{
	u64 *p = page_alloc();

	t_clear();
	TRY("csrw 0x30a, %[v]", NO_OUT, [v] "r"(ENV_CBZE));
	if (cpu()->t.cause != ~0ul || !(csr_read(0x30a) & ENV_CBZE)) {
		absent("Zicboz");
		return;
	}
	csr_write(0x10a, 0);
	for (unsigned i = 0; i < 6; i++) {
		p[0] = 7;
		csr_write(0x10a, i & 1 ? ENV_CBZE : 0);
		EQ(run_u_bare(zero, (u64)p, 0), i & 1 ? ~0ul : C_ILLEGAL);
		EQ(p[0], i & 1 ? 0 : 7);
	}
}

const struct test tests[] = {
	{ "pages of three spaces", own_pages },   { "writes in three spaces", own_writes },
	{ "superpage after switches", big_page }, { "last page", last_page },
	{ "cbo.zero by senvcfg", cbo_zero },      { NULL, NULL },
};
