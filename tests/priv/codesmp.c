// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Code that one hart writes while others run beside it: what they see after the
 * writer's release, their acquire and a fence.i is the new code, wherever the
 * translator was at that time.
 */
#include "tests/priv/priv.h"

const unsigned want_harts = 4;
#define READERS 3
#define NR_PAGES 24

/*
 * A slot of 32 bytes: f(a0, a1) goes to its end when a1 is 0, else through the
 * changing instruction, which lies behind a branch that is not taken then.
 */
enum { SLOT = 32, CHANGES = 8 };
static volatile u64 round_nr, done[READERS + 1], stop;
static u8 *volatile slot;
static u64 bad;

static void slot_write(u8 *p)
{
	u32 *w = (u32 *)p;

	w[0] = 0x00058863;		/* beqz a1, +16 */
	w[1] = 0x00000013;		/* nop */
	w[2] = 0x00000513;		/* li a0, n */
	w[3] = 0x00008067;		/* ret */
	w[4] = 0x00100513;		/* li a0, 1 */
	w[5] = 0x00008067;		/* ret */
}

static u64 slot_call(u8 *p, u64 through)
{
	return ((u64 (*)(u64, u64))p)(0, through);
}

static void reader(u64 me)
{
	u64 seen = 0;

	while (!stop) {
		u64 r = __atomic_load_n(&round_nr, __ATOMIC_ACQUIRE);
		u8 *p = slot;

		if (r == seen) {		/* run beside the bytes that are being written */
			if (p)
				slot_call(p, 0);
			continue;
		}
		fence_i();
		if (slot_call(p, 1) != (r & 1023))
			__atomic_fetch_add(&bad, 1, __ATOMIC_SEQ_CST);
		seen = r;
		__atomic_store_n(&done[me], r, __ATOMIC_RELEASE);
	}
}

static void run(u8 *(*place)(u64), u64 rounds)
{
	bad = stop = round_nr = 0;
	slot = NULL;
	for (u64 h = 1; h <= READERS; h++) {
		done[h] = 0;
		hart_start(h, reader, h);
	}
	for (u64 r = 1; r <= rounds; r++) {
		u8 *p = place(r);

		slot = p;
		*(volatile u32 *)(p + CHANGES) = 0x00000513 | (u32)(r & 1023) << 20;
		__atomic_store_n(&round_nr, r, __ATOMIC_RELEASE);
		for (u64 h = 1; h <= READERS; h++)
			UNTIL(__atomic_load_n(&done[h], __ATOMIC_ACQUIRE) == r);
	}
	stop = 1;
	for (u64 h = 1; h <= READERS; h++)
		hart_wait(h);
	EQ(bad, 0);
}

static u8 *code[NR_PAGES];

static void pages(void)
{
	for (unsigned i = 0; i < NR_PAGES; i++) {
		code[i] = page_alloc();
		for (unsigned k = 0; k < PAGE / SLOT; k++)
			slot_write(code[i] + k * SLOT);
	}
	fence_i();
}

static u8 *one_slot(u64 r) { return code[0]; }
static u8 *many_slots(u64 r) { return code[0] + r * 7 % (PAGE / SLOT) * SLOT; }
static u8 *many_pages(u64 r) { return code[r % NR_PAGES] + r * 7 % (PAGE / SLOT) * SLOT; }

static void same_place(void) { pages(); run(one_slot, 30); }
static void same_page(void) { pages(); run(many_slots, 30); }
static void all_pages(void) { pages(); run(many_pages, 30); }

/* The changing instruction lies across the end of a page. */
static u8 *across(u64 r) { return code[0] + PAGE - CHANGES - 2; }

static void crossing(void)
{

	pages();
	EQ((u64)code[1], (u64)code[0] + PAGE);
	slot_write(across(0));
	run(across, 30);
}

const struct test tests[] = {
	{ "one place", same_place },
	{ "places in a page", same_page },
	{ "places in pages", all_pages },
	{ "across pages", crossing },
	{ NULL, NULL },
};
