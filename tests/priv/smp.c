// SPDX-License-Identifier: GPL-2.0-or-later
/* Several harts: atomics, code written by another, translations changed by another, order. */
#include "tests/priv/priv.h"

const unsigned want_harts = 4;
#define VA         0x1000000000ul
#define LI(n)      (0x00000513u | (u32)(n) << 20)
#define RET        0x00008067u
#define MSIPREG(h) (*(volatile u32 *)(CLINT + 4 * (h)))

static volatile u64 stop, count, shared, lock;
static u64 results[8];

static void all(void (*fn)(u64))
{
	for (unsigned h = 1; h < want_harts; h++)
		hart_start(h, fn, h);
	fn(0);
	for (unsigned h = 1; h < want_harts; h++)
		hart_wait(h);
}

#define ROUNDS 20000
static void add(u64 h)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		asm volatile("amoadd.d zero, %1, (%0)" ::"r"(&shared), "r"(1ul) : "memory");
		asm volatile("amoadd.w zero, %1, (%0)" ::"r"((u32 *)&count + (i & 1)), "r"(1ul)
			     : "memory");
		asm volatile("amoxor.d zero, %1, (%0)" ::"r"(&lock), "r"(1ul << (h * 8 + i % 8))
			     : "memory");
	}
}

static void amo_counts(void)
{
	shared = count = lock = 0;
	all(add);
	EQ(shared, 4 * ROUNDS);
	EQ(count, (u64)(4 * ROUNDS / 2) << 32 | 4 * ROUNDS / 2);
	EQ(lock, 0);
}

static void lrsc(u64 h)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		asm volatile(
			"1: lr.d t0, (%0)\n addi t0, t0, 3\n sc.d t1, t0, (%0)\n bnez t1, 1b" ::"r"(
				&shared)
			: "t0", "t1", "memory");
		asm volatile(
			"1: lr.w.aqrl t0, (%0)\n addi t0, t0, 1\n sc.w.rl t1, t0, (%0)\n "
			"bnez t1, 1b" ::
				"r"((u32 *)&count + (h & 1))
			: "t0", "t1", "memory");
	}
}

static void lrsc_counts(void)
{
	shared = count = 0;
	all(lrsc);
	EQ(shared, 12 * ROUNDS);
	EQ(count, (u64)(2 * ROUNDS) << 32 | 2 * ROUNDS);
}

static u64 plain;
static void locked(u64 h)
{
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		asm volatile("1: amoswap.w.aq t0, %1, (%0)\n bnez t0, 1b" ::"r"(&lock), "r"(1)
			     : "t0", "memory");
		plain++;
		asm volatile("amoswap.w.rl zero, zero, (%0)" ::"r"(&lock) : "memory");
	}
}

static void spin_lock(void)
{
	lock = plain = 0;
	all(locked);
	EQ(plain, ROUNDS);
}

/* Store, full fence, load on both sides: never both 0. Message passing: data before flag. */
static volatile u64 x __attribute__((aligned(64))), y __attribute__((aligned(64)));
static volatile u64 turn[2] __attribute__((aligned(64)));
static u64 seen[2][2000];

static void dekker(u64 h)
{
	volatile u64 *mine = h & 1 ? &x : &y, *other = h & 1 ? &y : &x;

	if (h > 1)
		return;
	for (unsigned i = 0; i < 2000; i++) {
		turn[h] = i + 1;
		UNTIL(turn[!h] >= i + 1);
		asm volatile("fence" ::: "memory");
		*mine = i + 1;
		asm volatile("fence" ::: "memory");
		seen[h][i] = *other;
	}
}

/* The same by the release of an LR: a compare-and-swap that fails has no other fence. */
static void dekker_lr(u64 h)
{
	volatile u64 *mine = h & 1 ? &x : &y, *other = h & 1 ? &y : &x;

	if (h > 1)
		return;
	for (unsigned i = 0; i < 2000; i++) {
		turn[h] = i + 1;
		UNTIL(turn[!h] >= i + 1);
		asm volatile("fence" ::: "memory");
		asm volatile("sd %1, (%2)\n lr.d.aqrl %0, (%3)"
			     : "=&r"(seen[h][i])
			     : "r"((u64)i + 1), "r"(mine), "r"(other)
			     : "memory");
	}
}

static void dekkers(void (*fn)(u64))
{
	u64 bad = 0;

	x = y = turn[0] = turn[1] = 0;
	all(fn);
	for (unsigned i = 0; i < 2000; i++)
		bad += seen[0][i] < i + 1 && seen[1][i] < i + 1;
	EQ(bad, 0);
}

static void fences(void)
{
	dekkers(dekker);
}

static void lr_release(void)
{
	dekkers(dekker_lr);
}

static void producer(u64 n)
{
	for (u64 i = 1; i <= n; i++) {
		x = i * 3;
		asm volatile("fence w, w" ::: "memory");
		y = i;
		UNTIL(shared >= i);
	}
}

static void message(void)
{
	u64 bad = 0;

	x = y = shared = 0;
	hart_start(1, producer, 500);
	for (u64 i = 1; i <= 500; i++) {
		UNTIL(y >= i);
		asm volatile("fence r, r" ::: "memory");
		bad += x != i * 3;
		shared = i;
	}
	hart_wait(1);
	EQ(bad, 0);
}

/* --- code from another hart: announced, answered by fence.i there --- */

static u32 *code;
static volatile u64 version, answered[8];

static void runner(u64 h)
{
	u64 have = 0;

	results[h] = 0;
	while (!stop) {
		u64 v = version;

		if (v != have) {
			fence_i();
			have = v;
			if (((u64(*)(void))code)() != v)
				results[h]++;
			answered[h] = v;
		} else {
			u64 r = ((u64(*)(void))code)();

			if (r != v &&
			    r != v + 1) /* the next one may be there before it is announced */
				results[h]++;
		}
	}
}

static void code_from_another(void)
{
	code = page_alloc();
	code[0] = LI(0);
	code[1] = RET;
	fence_i();
	stop = version = 0;
	for (unsigned h = 1; h < 4; h++) {
		answered[h] = 0;
		hart_start(h, runner, h);
	}
	for (u64 v = 1; v < 60; v++) {
		*(volatile u32 *)code = LI(v);
		asm volatile("fence w, w" ::: "memory");
		version = v;
		fence_i();
		EQ(((u64(*)(void))code)(), v);
		for (unsigned h = 1; h < 4; h++)
			UNTIL(answered[h] == v);
	}
	stop = 1;
	for (unsigned h = 1; h < 4; h++) {
		hart_wait(h);
		EQ(results[h], 0);
	}
}

/* A hart spins in a loop that another rewrites: an IPI whose handler does fence.i gets it out. */
static u64 spinner_in;
static void on_ipi(struct frame *f, u64 cause)
{
	MSIPREG(cpu()->hart) = 0;
	fence_i();
}

static void spinner(u64 h)
{
	cpu()->on_irq = on_ipi;
	csr_write(mie, MSIP);
	csr_set(mstatus, MST_MIE);
	*(volatile u64 *)&spinner_in = 1;
	((u64(*)(void))code)();
	csr_clear(mstatus, MST_MIE);
	csr_write(mie, 0);
}

static void rewritten_loop(void)
{
	for (unsigned i = 0; i < 20; i++) {
		code = page_alloc();
		code[0] = 0x0000006f; /* j . */
		code[1] = RET;
		fence_i();
		*(volatile u64 *)&spinner_in = 0;
		hart_start(1 + i % 3, spinner, 0);
		UNTIL(*(volatile u64 *)&spinner_in);
		for (u64 t = now(); now() - t < 5000;)
			;
		*(volatile u32 *)code = 0x00000013; /* nop */
		asm volatile("fence" ::: "memory");
		MSIPREG(1 + i % 3) = 1;
		hart_wait(1 + i % 3);
	}
}

/* --- translations changed by another hart: change, IPI, sfence there, answer --- */

static struct space sp;
static u64 *pages[2];
static volatile u64 asked, acked[8];

static void on_flush(struct frame *f, u64 cause)
{
	MSIPREG(cpu()->hart) = 0;
	asm volatile("fence" ::: "memory");
	sfence_va(VA);
	acked[cpu()->hart] = asked;
}

static u64 s_reader(u64 h, u64 b)
{
	u64 bad = 0;

	while (!stop) {
		u64 a0 = acked[h], v = *(volatile u64 *)VA, r = ((u64(*)(void))(VA + 64))(),
		    a1 = acked[h], q = asked;

		/* between two answers to one request, with none under way, there is one truth */
		if (a0 == a1 && q == a0 && version == q)
			bad += v != 100 + (a0 & 1) || r != 100 + (a0 & 1);
	}
	return bad;
}

static void reader(u64 h)
{
	acked[h] = asked;
	cpu()->on_irq = on_flush;
	set_satp(&sp);
	sfence();
	fence_i();
	csr_write(mie, MSIP);
	*(volatile u64 *)&answered[h] = 1;
	results[h] = run_s(s_reader, h, 0);
	csr_write(mie, 0);
	csr_write(satp, 0);
	sfence();
}

static void shootdown(void)
{
	space_new(&sp, SV39, 3);
	for (unsigned i = 0; i < 2; i++) {
		pages[i] = page_alloc();
		pages[i][0] = 100 + i;
		((u32 *)pages[i])[16] = LI(100 + i);
		((u32 *)pages[i])[17] = RET;
	}
	map(&sp, VA, (u64)pages[0], 0, RWX);
	stop = asked = version = 0;
	for (unsigned h = 1; h < 4; h++) {
		answered[h] = 0;
		hart_start(h, reader, h);
	}
	for (unsigned h = 1; h < 4; h++)
		UNTIL(answered[h]);
	for (u64 i = 1; i < 60; i++) {
		version = ~0ul; /* a change is under way */
		asm volatile("fence" ::: "memory");
		map(&sp, VA, (u64)pages[i & 1], 0, RWX);
		asked = i;
		asm volatile("fence" ::: "memory");
		for (unsigned h = 1; h < 4; h++)
			MSIPREG(h) = 1;
		for (unsigned h = 1; h < 4; h++)
			UNTIL(acked[h] == i);
		version = i;
		for (u64 t = now(); now() - t < 200;)
			;
	}
	stop = 1;
	for (unsigned h = 1; h < 4; h++) {
		hart_wait(h);
		EQ(results[h], 0);
	}
}

/* Wait for an IPI in WFI, all the others in turn: none is lost. */
static volatile u64 token;

static void ring(u64 h)
{
	csr_write(mie, MSIP);
	for (unsigned i = 0; i < 300; i++) {
		while (token % 4 != h) {
			while (!(csr_read(mip) & MSIP) && token % 4 != h)
				asm volatile("wfi" ::: "memory");
			MSIPREG(h) = 0;
			asm volatile("fence" ::: "memory");
		}
		asm volatile("fence" ::: "memory");
		token++;
		asm volatile("fence" ::: "memory");
		MSIPREG((h + 1) % 4) = 1;
	}
	csr_write(mie, 0);
}

static void wfi_ring(void)
{
	token = 0;
	all(ring);
	EQ(token, 1200);
	for (unsigned h = 0; h < 4; h++)
		MSIPREG(h) = 0;
}

/* Writable pages of data that another hart executes beside: the granule rule under load */
static void data_beside(u64 h)
{
	volatile u64 *mine = (u64 *)code + 64 * h + 32;
	u64 bad = 0;

	for (u64 i = 0; i < 3000; i++) {
		*mine = i;
		bad += ((u64(*)(void))((u64 *)code + 64 * h))() != h + 1;
		bad += *mine != i;
	}
	results[h] = bad;
}

static void beside(void)
{
	code = page_alloc();
	for (unsigned h = 0; h < 4; h++) {
		code[128 * h] = LI(h + 1);
		code[128 * h + 1] = RET;
	}
	fence_i();
	all(data_beside);
	for (unsigned h = 0; h < 4; h++)
		EQ(results[h], 0);
}

/* Hardware's update of A and D races with software's: none of either is lost. */
static u64 s_touch(u64 h, u64 n)
{
	for (u64 i = 0; i < n; i++) {
		*(volatile u64 *)(VA + h * 8) = i;
		sfence_va(VA);
	}
	return 0;
}

static void toucher(u64 h)
{
	csr_write(0x30a, ENV_ADUE);
	set_satp(&sp);
	sfence();
	run_s(s_touch, h, 2000);
	csr_write(satp, 0);
	csr_write(0x30a, 0);
	sfence();
}

static void ad_race(void)
{
	u64 *e, sets = 0;

	csr_write(0x30a, ENV_ADUE);
	if (!(csr_read(0x30a) & ENV_ADUE)) {
		absent("Svadu");
		return;
	}
	csr_write(0x30a, 0);
	space_new(&sp, SV39, 4);
	pages[0] = page_alloc();
	map(&sp, VA, (u64)pages[0], 0, PTE_V | PTE_R | PTE_W);
	e = pte_at(&sp, VA, 0);
	for (unsigned h = 1; h < 4; h++)
		hart_start(h, toucher, h);
	for (unsigned i = 0; i < 20000; i++) {
		/* software counts in the bits that are its own, and takes A and D away */
		asm volatile("amoand.d zero, %1, (%0)" ::"r"(e), "r"(~(u64)(PTE_A | PTE_D))
			     : "memory");
		asm volatile("amoxor.d zero, %1, (%0)" ::"r"(e), "r"(1ul << 8) : "memory");
		sets++;
	}
	for (unsigned h = 1; h < 4; h++)
		hart_wait(h);
	EQ(*e & 3 << 8, (sets & 1) << 8);
	EQ(*e & ~(u64)(PTE_A | PTE_D | 3 << 8), PPN(pages[0]) | PTE_V | PTE_R | PTE_W);
	for (unsigned h = 1; h < 4; h++)
		EQ(pages[0][h], 1999);
}

/*
 * Each hart makes, runs and replaces code of its own: with little room for
 * translations they push out each other's while calls are under way.
 */
static u32 areas[4][8192] __attribute__((aligned(4096)));

static u64 down(u32 *p, u64 n)
{
	/* the return addresses are kept over the calls, and so are the callers' translations */
	return n ? down(p, n - 1) + ((u64 (*)(void))(p + n % 2048 * 4))() : 0;
}

static void churn(u64 h)
{
	u32 *p = areas[h];
	u64 bad = 0;

	for (u64 round = 0; round < 12; round++) {
		for (u64 i = 0; i < 2048; i++) {
			p[4 * i] = LI((i + round) & 1023);
			p[4 * i + 1] = 0x00150513; /* addi a0, a0, 1 */
			p[4 * i + 2] = RET;
		}
		fence_i();
		for (u64 i = 0; i < 2048; i++)
			bad += ((u64 (*)(void))(p + 4 * i))() != ((i + round) & 1023) + 1;
		for (u64 n = 1; n < 200; n += 66) {
			u64 sum = 0;

			for (u64 i = 1; i <= n; i++)
				sum += ((i + round) & 1023) + 1;
			bad += down(p, n) != sum;
		}
	}
	results[h] = bad;
}

static void churning(void)
{
	all(churn);
	for (unsigned h = 0; h < 4; h++)
		EQ(results[h], 0);
}

const struct test tests[] = {
	{ "AMO counts", amo_counts },
	{ "LR/SC counts", lrsc_counts },
	{ "spin lock", spin_lock },
	{ "fences", fences },
	{ "release of LR", lr_release },
	{ "message passing", message },
	{ "code from another hart", code_from_another },
	{ "rewritten loop", rewritten_loop },
	{ "shootdown", shootdown },
	{ "wfi ring", wfi_ring },
	{ "data beside code", beside },
	{ "A and D race", ad_race },
	{ "churn", churning },
	{ NULL, NULL },
};
