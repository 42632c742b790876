// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random work on several address spaces against a model: accesses from U and S,
 * switches, changes of mappings with a fence that is just enough for them.
 */
#include "tests/priv/priv.h"

#define VA      0x1000000000ul
#define BIG_RAM (RAM + 0x2000000)
#define SPACES  20
#define SMALL   8
#define BIGS    3
#define PIECES  8
#define PIECE   0x11000ul
enum { VAS = 8, FIRST_BIG = 6 };
/* Of each address: is it one for users, is it the same in every space? */
static const struct {
	u64 va;
	bool user, global;
} vas[VAS] = {
	{ VA, true, false },
	{ VA + (1ul << 22), true, false },
	{ VA + PAGE, false, false },
	{ VA + (1ul << 20) + PAGE, false, false },
	{ VA + (1ul << 24), false, true },
	{ VA + 5 * PAGE, true, true },
	{ VA + (1ul << 30), false, true },
	{ VA + (3ul << 30), true, false },
};

static struct space sp[SPACES];
static u64 *small[SMALL];
static int at[SPACES][VAS]; /* number of the page mapped there; -1: none */
static unsigned active;
static u64 rnd;

static unsigned pick(unsigned n)
{
	rnd ^= rnd << 13;
	rnd ^= rnd >> 7;
	rnd ^= rnd << 17;
	return (unsigned)(rnd >> 20) % n;
}

static u64 peek(u64 va, u64 b) { return *(volatile u64 *)va; }
static u64 poke(u64 va, u64 v)
{
	*(volatile u64 *)(va + 8) = v;
	return 0;
}
static u64 call(u64 va, u64 b) { return ((u64(*)(void))(va + 64))(); }

static void say(u64 *p, u64 n)
{
	p[0] = n;
	((u32 *)p)[16] = 0x00000513 | (u32)n << 20; /* li a0, n */
	((u32 *)p)[17] = 0x00008067;
}

static u64 *phys(unsigned v, int n, unsigned piece)
{
	return v < FIRST_BIG ? small[n] : (u64 *)(BIG_RAM + (1ul << 21) * n + piece * PIECE);
}

static u64 number(unsigned v, int n, unsigned piece)
{
	return v < FIRST_BIG ? 100 + (u64)n : 200 + 16 * (u64)n + piece;
}

static void set(unsigned s, unsigned v, int n)
{
	u64 *e = pte_at(&sp[s], vas[v].va, v >= FIRST_BIG);

	at[s][v] = n;
	*e = n < 0 ? 0 :
		     PPN(phys(v, n, 0)) | RWX | (vas[v].user ? PTE_U : 0) |
			     (vas[v].global ? PTE_G : 0);
}

static void begin(unsigned spaces, bool global_kernel)
{
	for (unsigned i = 0; i < SMALL; i++)
		say(small[i] = page_alloc(), 100 + i);
	for (unsigned n = 0; n < BIGS; n++)
		for (unsigned j = 0; j < PIECES; j++)
			say((u64 *)(BIG_RAM + (1ul << 21) * n + j * PIECE), 200 + 16 * n + j);
	for (unsigned s = 0; s < spaces; s++) {
		space_new(&sp[s], SV39, s + 1);
		if (global_kernel) {
			*pte_at(&sp[s], RAM, 2) |= PTE_G;
			*pte_at(&sp[s], RAM + ALIAS, 2) |= PTE_G;
		}
		for (unsigned v = 0; v < VAS; v++)
			set(s, v,
			    vas[v].global ? 0 : (int)(s + v) % (v < FIRST_BIG ? SMALL : BIGS));
	}
	active = 0;
	set_satp(&sp[0]);
	sfence();
	fence_i();
}

static void use(unsigned v)
{
	unsigned piece = v < FIRST_BIG ? 0 : pick(PIECES), how = pick(4);
	u64 va = vas[v].va + (v < FIRST_BIG ? 0 : piece * PIECE), val;
	int n = at[active][v];
	u64 (*run)(void *, u64, u64) = run_s;
	bool sum = false;

	if (vas[v].user) {
		if (pick(2))
			run = run_u;
		else
			sum = true;
	}
	if (n < 0 || !pick(16)) { /* not mapped, or the wrong one asks */
		if (n >= 0)
			run = vas[v].user ? run_s : run_u, sum = false;
		EQ(run((void *)try_load, va, 0), C_LPAGE);
		EQ(run((void *)try_store, va + 8, 0), C_SPAGE);
		EQ(run((void *)try_exec, va + 64, 0), C_FPAGE);
		return;
	}
	if (sum)
		csr_set(mstatus, MST_SUM);
	if (how == 0 && !sum) {
		EQ(run(call, va, 0), number(v, n, piece));
	} else if (how == 1) {
		val = rnd;
		run(poke, va, val);
		EQ(phys(v, n, piece)[1], val);
	} else {
		EQ(run(peek, va, 0), number(v, n, piece));
	}
	if (sum)
		csr_clear(mstatus, MST_SUM);
}

static void change(unsigned spaces)
{
	unsigned s = pick(spaces), v = pick(VAS);
	int n = pick(8) ? (int)pick(v < FIRST_BIG ? SMALL : BIGS) : -1;
	u64 va = vas[v].va + (v < FIRST_BIG ? pick(4096) : pick(1u << 21));

	if (vas[v].global) {
		for (unsigned i = 0; i < spaces; i++)
			set(i, v, n);
		if (pick(4))
			sfence_va(va);
		else
			sfence();
		return;
	}
	set(s, v, n);
	switch (pick(8)) {
	case 0: sfence(); break;
	case 1:
	case 2: sfence_va(va); break;
	case 3: sfence_asid(s + 1); break;
	default: sfence_both(va, s + 1);
	}
}

static void work(u64 seed, unsigned spaces, bool global_kernel)
{
	rnd = seed;
	begin(spaces, global_kernel);
	for (unsigned i = 0; i < 6000; i++) {
		unsigned what = pick(16);

		if (what < 3) {
			active = pick(spaces);
			set_satp(&sp[active]);
		} else if (what < 6) {
			change(spaces);
		} else {
			use(pick(VAS));
		}
	}
}

static void few(void) { work(0x9e3779b97f4a7c15, 2, false); }
static void few_global(void) { work(0x2545f4914f6cdd1d, 3, true); }
static void many(void) { work(0xda942042e4dd58b5, SPACES, false); }
static void many_global(void) { work(0xd1342543de82ef95, SPACES, true); }
/* New numbers each time, told when it fails. */
static void fresh_seed(void)
{
	for (unsigned i = 0; i < 4; i++) {
		u64 seed = (now() * 0x9e3779b97f4a7c15) | 1;

		work(seed, 2 + i * 3, i & 1);
		put("seed ");
		put_hex(seed);
		put("\n");
	}
}

const struct test tests[] = {
	{ "two spaces", few },       { "three, global kernel", few_global },
	{ "many spaces", many },     { "many, global kernel", many_global },
	{ "new seeds", fresh_seed }, { NULL, NULL },
};
