/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ring 3: the loop of all work, memory, numbers; CPU 0 talks to the host. */
#include "tests/moves/load64/load.h"

enum { MEMORY = 16 << 20, WORDS = 512, PAGES_A_TIME = 8 };
#define BEAT	UINT64_C(25000000)	/* 250 ms of the HPET's */
#define STUCK	UINT64_C(1500000000)	/* 15 s */

/* ---- memory: each page is of a generation, which a table of its own knows ---- */

static uint64_t *page_at(struct cpu *c, uint64_t n)
{
	return (uint64_t *)(uintptr_t)(MEMORY + (c->id * mem_pages + n) * PAGE);
}

/* Generations of more pages than the table has entries: by groups. */
static uint64_t *page_gen(struct cpu *c, uint64_t n)
{
	return &c->gen[n % 1024];
}

static void page_fill(struct cpu *c, uint64_t n, uint64_t gen)
{
	uint64_t *p = page_at(c, n), x = mix(n << 32 ^ gen << 4 ^ c->id);

	p[0] = gen;
	for (unsigned i = 1; i < WORDS; i++)
		p[i] = x = x * 6364136223846793005 + 1442695040888963407;
}

static void page_check(struct cpu *c, uint64_t n, uint64_t gen)
{
	uint64_t *p = page_at(c, n), x = mix(n << 32 ^ gen << 4 ^ c->id);

	if (p[0] != gen) {
		bad("a page's generation", (uint64_t)(uintptr_t)p, p[0]);
		return;
	}
	for (unsigned i = 1; i < WORDS; i++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		if (p[i] != x) {
			bad("a word of memory", (uint64_t)(uintptr_t)&p[i], p[i]);
			return;
		}
	}
	c->sums++;
}

void memory_start(struct cpu *c)
{
	for (uint64_t n = 0; n < mem_pages; n++)
		page_fill(c, n, 0);
}

void work_memory(struct cpu *c)
{
	for (unsigned i = 0; i < PAGES_A_TIME; i++) {
		uint64_t n = next_random(c) % mem_pages, *gen = page_gen(c, n);

		page_check(c, n, *gen);
		if (i & 1)
			continue;
		/* all pages of the group are of one generation */
		++*gen;
		for (uint64_t k = n % 1024; k < mem_pages; k += 1024)
			page_fill(c, k, *gen);
	}
}

/* ---- numbers with results that were computed elsewhere (Python) ---- */

static uint64_t chain(uint64_t n)
{
	uint64_t a = 0x123456789abcdef, b = 0xfedcba987654321;

	for (uint64_t i = 1; i <= n; i++) {
		a = mix(a ^ b) + a % (i * 7919);
		b = (b << 13 | b >> 51) - a / (i + (b & 0xff));
	}
	return a ^ b;
}

void work_numbers(struct cpu *c)
{
	uint64_t v = chain(2000);

	if (v != CHAIN_2000)
		bad("the numbers", v, 0);
	else
		c->sums++;
}

/* ---- CPU 0 ---- */

static void quit(void)
{
	stopping = true;
	disk_drain();
	bad_print();
	disk_report();
	say("DONE bad %u\n", nr_bad);
	call(CALL_OFF, 0, 0, 0);
}

static void beat(bool now)
{
	static uint64_t last, beats, loops_seen[MAX_CPUS], moved_at[MAX_CPUS];
	uint64_t t = hpet_now(), loops = 0, ticks = 0, ipis = 0, sums = 0;

	bad_print();
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (cpus[i].loops != loops_seen[i]) {
			loops_seen[i] = cpus[i].loops;
			moved_at[i] = t;
		} else if (t - moved_at[i] > STUCK) {
			bad("a CPU does not get on", i, cpus[i].loops);
			moved_at[i] = t;
		}
	}
	if (t - last < BEAT && !now)
		return;
	last = t;
	for (unsigned i = 0; i < nr_cpus; i++) {
		loops += cpus[i].loops;
		ticks += cpus[i].timer_total;
		sums += cpus[i].sums;
		for (unsigned j = 0; j < nr_cpus; j++)
			ipis += cpus[i].ipi_got[j] + cpus[i].sync_got[j];
	}
	say("beat %u ms %u checksum %s sums %u loops %u irq %u pit %u hpet %u ipi %u io %u"
	    " ioirq %u tsc %u bad %u\n", ++beats, t / 100000, nr_bad ? "BAD" : "ok", sums, loops,
	    ticks, pit_ticks, hpet_fired, ipis, io_done, disk_irqs, rdtsc(), nr_bad);
}

static void control(void)
{
	bool now = false;

	switch (call(CALL_GET, 0, 0, 0)) {
	case 'q': quit(); break;
	case 'p': now = true; break;
	default: break;
	}
	beat(now);
}

void ring3(struct cpu *c)
{
	static volatile uint32_t ready;

	memory_start(c);
	code_start(c);
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	while (ready < nr_cpus)
		relax();
	for (;; c->loops++) {
		work_memory(c);
		work_disk(c);
		work_numbers(c);
		work_vectors(c);
		work_disk(c);
		work_code(c);
		work_ipi(c);
		work_timer(c);
		work_clocks(c);
		if (!(c->loops & 15)) {
			call(CALL_MSRS, 0, 0, 0);
			call(CALL_HALT, 0, 0, 0);
		}
		if (!c->id)
			control();
	}
}
