// SPDX-License-Identifier: GPL-2.0-or-later
/* Physical memory protection: matching, priority, locks, page tables behind it. */
#include "tests/priv/priv.h"

enum { R = 1, W = 2, X = 4, TOR = 8, NA4 = 16, NAPOT = 24, L = 128 };
static u64 area[4 * 512] __attribute__((aligned(16384)));

static u64 ld(u64 va, u64 b) { return try_load(va, NULL); }
static u64 st(u64 va, u64 b) { return try_store(va, 5); }
static u64 ex(u64 va, u64 b) { return try_exec(va); }

static void cfg(unsigned i, u8 v, u64 addr)
{
	u64 sh = 8 * (i & 7), old;

#define ONE(n) \
	case n: csr_write(pmpaddr##n, addr); break;
	switch (i) {
		ONE(0)
		ONE(1)
		ONE(2) ONE(3) ONE(4) ONE(5) ONE(6) ONE(7) ONE(8) ONE(9) ONE(10) ONE(11) ONE(12)
			ONE(13) ONE(14) ONE(15)
	}
	if (i < 8) {
		old = csr_read(pmpcfg0);
		csr_write(pmpcfg0, (old & ~(0xfful << sh)) | (u64)v << sh);
	} else {
		old = csr_read(pmpcfg2);
		csr_write(pmpcfg2, (old & ~(0xfful << sh)) | (u64)v << sh);
	}
	sfence();
}

#define NAPOT_OF(base, size) ((u64)(base) >> 2 | ((size) / 8 - 1))

static void closed(void)
{
	csr_write(pmpcfg0, 0);
	csr_write(pmpcfg2, 0);
	for (unsigned i = 0; i < 16; i++)
		cfg(i, 0, 0);
}

/* The lower modes' code and stack: everything but `area`, at the lowest priority. */
static void rest_open(void)
{
	closed();
	cfg(15, NAPOT | R | W | X, ~0ul >> 10);
}

/* No entry matches: M may, others may not; S cannot even fetch. */
static void no_match(void)
{
	closed();
	EQ(ld((u64)area, 0), ~0ul);
	EQ(st((u64)area, 0), ~0ul);
	t_clear();
	asm volatile(
		"li t5, " STR(
			TRY_TO_M) "\n la t6, 9f\n li t0, 0x1000\n csrc mstatus, t0\n li t0, 0x800\n"
				  " csrs mstatus, t0\n la t0, 1f\n csrw mepc, t0\n mret\n "
				  "1: nop\n .balign 4\n 9: li t5, 0" ::
					  : "t0", "t5", "t6", "memory");
	EQ(cpu()->t.cause, C_FACCESS);
	if (csr_read(marchid))
		return; /* QEMU raises it at the mret */
	EQ(cpu()->t.tval, cpu()->t.epc);
	EQ(cpu()->t.status >> 11 & 3, S);
}

static void permissions(void)
{
	rest_open();
	for (unsigned p = 0; p < 8; p++) {
		if ((p & 3) == W)
			continue;
		cfg(0, NAPOT | p, NAPOT_OF(area, PAGE));
		area[0] = 0x0000806700008067;
		fence_i();
		for (unsigned mode = 0; mode < 2; mode++) {
			u64 (*const run)(void *, u64, u64) = mode ? run_s : run_u_bare;

			EQ(run(ld, (u64)area + 8, 0), p & R ? ~0ul : C_LACCESS);
			if (!(p & R))
				EQ(cpu()->t.tval, (u64)area + 8);
			EQ(run(st, (u64)area + 8, 0), p & W ? ~0ul : C_SACCESS);
			EQ(run(ex, (u64)area, 0), p & X ? ~0ul : C_FACCESS);
			if (!(p & X))
				EQ(cpu()->t.tval, (u64)area);
			/* the neighbours are not concerned */
			EQ(run(ld, (u64)area + PAGE, 0), ~0ul);
			EQ(run(ld, (u64)area - 8, 0), ~0ul);
		}
		EQ(ld((u64)area + 8, 0), ~0ul); /* M is not bound by unlocked entries */
		EQ(st((u64)area + 8, 0), ~0ul);
		EQ(ex((u64)area, 0), ~0ul);
	}
}

static void top_of_range(void)
{
	rest_open();
	cfg(0, 0, (u64)(area + 512) >> 2);
	cfg(1, TOR | R, (u64)(area + 1024) >> 2);
	EQ(run_s(st, (u64)(area + 511), 0), ~0ul);
	EQ(run_s(st, (u64)(area + 512), 0), C_SACCESS);
	EQ(run_s(ld, (u64)(area + 512), 0), ~0ul);
	EQ(run_s(st, (u64)(area + 1023), 0), C_SACCESS);
	EQ(run_s(st, (u64)(area + 1024), 0), ~0ul);
	cfg(0, 0, (u64)(area + 1536) >> 2); /* bottom above top: matches nothing */
	EQ(run_s(st, (u64)(area + 512), 0), ~0ul);
	EQ(run_s(st, (u64)(area + 1024), 0), ~0ul);
	/* entry 0 as TOR begins at 0 */
	cfg(1, 0, 0);
	cfg(0, TOR | R | W | X, (u64)(area + 512) >> 2);
	cfg(1, NAPOT, NAPOT_OF(area, 4 * PAGE));
	EQ(run_s(st, (u64)(area + 511), 0), ~0ul);
	EQ(run_s(st, (u64)(area + 512), 0), C_SACCESS);
}

static void priority(void)
{
	rest_open();
	cfg(2, NAPOT | R | W, NAPOT_OF(area, PAGE));
	cfg(3, NAPOT, NAPOT_OF(area, 4 * PAGE));
	EQ(run_s(st, (u64)area, 0), ~0ul);
	EQ(run_s(st, (u64)(area + 512), 0), C_SACCESS);
	cfg(1, NAPOT | R, NAPOT_OF(area, 2 * PAGE));
	EQ(run_s(st, (u64)area, 0), C_SACCESS);
	EQ(run_s(ld, (u64)(area + 512), 0), ~0ul);
	EQ(run_s(ld, (u64)(area + 1024), 0), C_LACCESS);
	cfg(1, 0, 0);
	EQ(run_s(st, (u64)area, 0), ~0ul);
}

/* Across the border of an entry: the part that is not allowed faults, nothing is written. */
static void across(void)
{
	rest_open();
	cfg(0, NAPOT, NAPOT_OF(area + 512, PAGE));
	area[511] = area[512] = 0x1111;
	EQ(run_s(st, (u64)(area + 512) - 4, 0), C_SACCESS);
	EQ(area[511], 0x1111);
	EQ(area[512], 0x1111);
	EQ(run_s(ld, (u64)(area + 512) - 4, 0), C_LACCESS);
}

static void warl(void)
{
	u64 a, b;

	closed();
	/* the grain: write ones, see which low bits stay */
	csr_write(pmpaddr0, ~0ul);
	a = csr_read(pmpaddr0);
	EQ(a >> 54, 0);
	csr_write(pmpcfg0, NAPOT);
	b = csr_read(pmpaddr0);
	EQ(b, ~0ul >> 10);
	csr_write(pmpcfg0, NA4 | R);
	b = csr_read(pmpcfg0);
	if (a & 1)
		EQ(b, NA4 | R);
	else
		OK((b & 24) != NA4);  /* a grain above 4 bytes has no NA4 */
	csr_write(pmpcfg0, 0x60 | R); /* reserved bits read 0 */
	EQ(csr_read(pmpcfg0) & 0x60, 0);
	csr_write(pmpcfg0, 0);
	csr_write(pmpaddr5, 0x12345678 & ~0x3fful);
	EQ(csr_read(pmpaddr5), 0x12345678 & ~0x3fful);
	csr_write(pmpcfg0, 0x0807060504030100);
	EQ(csr_read(pmpcfg0) & 0x1f1f1f1f1f1f1f1f & ~0x0000020000020000ul,
	   0x0807040504010100 & ~0x0000020000020000ul);
}

/* Page tables are read with S's rights. */
static void tables(void)
{
	struct space sp;
	u64 *page, *t;

	rest_open();
	space_new(&sp, SV39, 1);
	page = page_alloc();
	map(&sp, 0x1000000000, (u64)page, 0, RWX);
	t = pte_at(&sp, 0x1000000000, 0);
	set_satp(&sp);
	sfence();
	EQ(run_s(ld, 0x1000000000, 0), ~0ul);
	cfg(0, NAPOT, NAPOT_OF((u64)t & ~0xffful, PAGE));
	EQ(run_s(ld, 0x1000000000, 0), C_LACCESS);
	EQ(cpu()->t.tval, 0x1000000000);
	EQ(run_s(st, 0x1000000000, 0), C_SACCESS);
	EQ(run_s(ex, 0x1000000000, 0), C_FACCESS);
	cfg(0, NAPOT | R, NAPOT_OF((u64)t & ~0xffful, PAGE));
	EQ(run_s(ld, 0x1000000000, 0), ~0ul);
	/* hardware's update of A and D needs W too */
	csr_write(0x30a, ENV_ADUE);
	if (csr_read(0x30a) & ENV_ADUE) {
		*t &= ~(u64)PTE_D;
		sfence();
		EQ(run_s(st, 0x1000000000, 0), C_SACCESS);
		EQ(*t & PTE_D, 0);
		cfg(0, NAPOT | R | W, NAPOT_OF((u64)t & ~0xffful, PAGE));
		EQ(run_s(st, 0x1000000000, 0), ~0ul);
		EQ(*t & PTE_D, PTE_D);
	}
	csr_write(0x30a, 0);
	/* the page itself: R of the entry and R of the PTE are both needed */
	cfg(0, NAPOT | R, NAPOT_OF(page, PAGE));
	EQ(run_s(ld, 0x1000000000, 0), ~0ul);
	EQ(run_s(st, 0x1000000000, 0), C_SACCESS);
	*t = PPN(page) | PTE_V | PTE_X | PTE_A | PTE_D;
	sfence();
	EQ(run_s(ld, 0x1000000000, 0), C_LPAGE);
}

/* The check of loads under MPRV is MPP's. */
static void mprv(void)
{
	u64 v;

	rest_open();
	cfg(0, NAPOT, NAPOT_OF(area, PAGE));
	for (unsigned mpp = 0; mpp < 4; mpp++) {
		if (mpp == 2)
			continue;
		t_clear();
		csr_clear(mstatus, MST_MPP);
		csr_set(mstatus, (u64)mpp << 11);
		asm volatile(
			"li t5, " STR(
				TRY_MAGIC) "\n la t6, 9f\n li t0, 0x20000\n csrs mstatus, t0\n "
					     "ld %0, 0(%1)\n"
					   " .balign 4\n 9: li t5, 0\n li t0, 0x20000\n "
					   "csrc mstatus, t0"
			: "=&r"(v)
			: "r"(area)
			: "t0", "t5", "t6", "memory");
		EQ(cpu()->t.cause, mpp == M ? ~0ul : C_LACCESS);
	}
}

/* Last: locks stay until reset. */
static void locked(void)
{
	rest_open();
	cfg(6, NAPOT | R | L, NAPOT_OF(area + 1024, PAGE));
	EQ(ld((u64)(area + 1024), 0), ~0ul);
	EQ(st((u64)(area + 1024), 0), C_SACCESS); /* M too */
	EQ(ex((u64)(area + 1024), 0), C_FACCESS);
	EQ(run_s(st, (u64)(area + 1024), 0), C_SACCESS);
	csr_write(pmpaddr6, 0);
	EQ(csr_read(pmpaddr6), NAPOT_OF(area + 1024, PAGE));
	csr_write(pmpcfg0, 0);
	EQ(csr_read(pmpcfg0) >> 48 & 255, NAPOT | R | L);
	EQ(st((u64)(area + 1024), 0), C_SACCESS);
	EQ(st((u64)(area + 1535), 0), C_SACCESS);
	EQ(st((u64)(area + 1536), 0), ~0ul);
	/* a locked TOR locks the address below it */
	cfg(8, 0, (u64)(area + 1536) >> 2);
	cfg(9, TOR | L | R, (u64)(area + 2048) >> 2);
	csr_write(pmpaddr8, 0);
	EQ(csr_read(pmpaddr8), (u64)(area + 1536) >> 2);
	csr_write(pmpcfg2, csr_read(pmpcfg2) | 1); /* entry 8 itself is free */
	EQ(csr_read(pmpcfg2) & 255, 1);
	EQ(st((u64)(area + 1536), 0), C_SACCESS);
	EQ(st((u64)(area + 1535), 0), C_SACCESS);
	EQ(st((u64)(area + 1023), 0), ~0ul);
}

const struct test tests[] = {
	{ "no match", no_match },  { "permissions", permissions },
	{ "TOR", top_of_range },   { "priority", priority },
	{ "across", across },      { "WARL", warl },
	{ "page tables", tables }, { "MPRV", mprv },
	{ "locks", locked },       { NULL, NULL },
};
