/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ring 3: clocks that must not run backwards, on a CPU and from one to the next; timers that must
 * fire, once and not too early. IPIs with sequence numbers.
 */
#include "tests/moves/load64/load.h"

enum { MS = 100000 };				/* ticks of the HPET */
#define LOST	UINT64_C(1000000000)		/* 10 s */
#define EARLY	UINT64_C(30000)			/* 300 us */

extern uint64_t kvmclock[MAX_CPUS][8];

uint64_t hpet_now(void) { return *(volatile uint64_t *)(uintptr_t)(HPET + 0xf0); }
uint64_t pm_now(void) { return call(CALL_PM, 0, 0, 0) & 0xffffff; }

/* struct pvclock_vcpu_time_info */
static uint64_t kvmclock_now(struct cpu *c)
{
	volatile uint32_t *p = (volatile uint32_t *)kvmclock[c->id];
	uint64_t base, at, delta;
	uint32_t version, scale;
	int8_t shift;

	do {
		version = p[0];
		__asm__ volatile("" : : : "memory");
		at = *(volatile uint64_t *)(p + 2);
		base = *(volatile uint64_t *)(p + 4);
		scale = p[6];
		shift = (int8_t)p[7];
		delta = rdtsc() - at;
		__asm__ volatile("" : : : "memory");
	} while (version & 1 || version != p[0]);
	delta = shift < 0 ? delta >> -shift : delta << shift;
	return base + (uint64_t)((unsigned __int128)delta * scale >> 32);
}

struct shared { volatile uint32_t lock; uint64_t last; };

static void in_order(const char *what, struct shared *s, uint64_t now, uint64_t *mine,
		     uint64_t slack)
{
	if (now < *mine)
		bad(what, *mine, now);
	*mine = now;
	if (!s)
		return;
	if (now + slack < s->last)
		bad(what, s->last, now);
	if (now > s->last)
		s->last = now;
}

/* The lock makes the order of the readings that of the comparisons. */
void work_clocks(struct cpu *c)
{
	static struct shared hpet, tsc, clock, pm;
	static uint64_t pm_at;
	uint64_t t, d;

	for (unsigned i = 0; i < 2; i++) {
		lock(&hpet.lock);
		in_order("the HPET ran backwards", &hpet, hpet_now(), &c->hpet_last, 0);
		unlock(&hpet.lock);

		lock(&tsc.lock);
		in_order("the TSC ran backwards", &tsc, rdtsc(), &c->tsc_last, TSC_SLACK);
		unlock(&tsc.lock);

		if (have_kvmclock) {
			lock(&clock.lock);
			in_order("kvmclock ran backwards", &clock, kvmclock_now(c),
				 &c->kvmclock_last, CLOCK_SLACK);
			unlock(&clock.lock);
		}
		/* 24 bits that wrap every 4.7 s: back is what looks like more than 2.3 s on */
		lock(&pm.lock);
		t = pm_now();
		d = (t - pm.last) & 0xffffff;
		if (pm_at && d >= 1 << 23 && hpet_now() - pm_at < 200 * MS)
			bad("the PM timer ran backwards", pm.last, t);
		pm.last = t;
		pm_at = hpet_now();
		unlock(&pm.lock);
	}
}

/* ---- timers ---- */

static void arm(struct cpu *c)
{
	uint64_t r = next_random(c), us = 200 + r % 8000;
	unsigned kind = (r >> 32) % 3;

	c->timer_ns = us * 1000;
	c->timer_at = c->timer_seen_at = hpet_now();
	c->timer_deadline = 0;
	if (kind == 0 && have_deadline) {
		c->timer_mode = 0x40000;
		c->timer_deadline = rdtsc() + us * 1000;
		call(CALL_TIMER, c->timer_mode, c->timer_deadline, 0);
	} else {
		c->timer_mode = kind == 1 ? 0x20000 : 0;
		call(CALL_TIMER, c->timer_mode, us * (timer_hz / 1000000), 0);
	}
}

static void work_apic_timer(struct cpu *c)
{
	uint64_t fired = c->timer_fired, now = hpet_now(), passed = now - c->timer_at;
	uint64_t periods = c->timer_mode == 0x20000 ? fired : 1;

	if (!c->timer_at) {
		arm(c);
		return;
	}
	if (!fired) {
		if (now - c->timer_seen_at > LOST) {
			bad("the APIC timer's interrupt was lost", c->timer_mode, c->timer_ns);
			arm(c);
		}
		return;
	}
	if (c->timer_mode == 0x40000) {
		if (rdtsc() < c->timer_deadline)
			bad("the deadline timer was early", c->timer_deadline, rdtsc());
	} else if (passed + EARLY < periods * c->timer_ns / 10) {
		bad("the APIC timer was early", fired << 32 | c->timer_ns, passed * 10);
	}
	if (c->timer_mode == 0x20000 && fired < 3)
		return;
	if (c->timer_mode != 0x20000 && fired != 1)
		bad("the APIC timer fired twice", c->timer_mode, fired);
	/* what is pending comes before the next call */
	call(CALL_TIMER, ~UINT64_C(0), 0, 0);
	relax();
	arm(c);
}

/*
 * A comparator that is set to a time long gone waits for the counter to wrap, and this CPU may
 * lose much time between reading and writing: then it is set anew, and may fire once more, which
 * is waited for.
 */
static void work_hpet_timer(void)
{
	static uint64_t seen, at, ticks, quiet_until;
	uint64_t fired = hpet_fired, now = hpet_now();

	if (now < quiet_until)
		return;
	if (quiet_until) {
		quiet_until = 0;
		seen = fired;
	} else if (at && fired == seen) {
		if (now - at > LOST + ticks) {
			bad("the HPET's interrupt was lost", ticks, now - at);
			at = 0;
		}
		return;
	} else if (at) {
		if (fired != seen + 1)
			bad("the HPET fired twice", seen, fired);
		if (now < at + ticks)
			bad("the HPET was early", ticks, now - at);
		seen = fired;
	}
	ticks = MS / 2 + mix(now) % (5 * MS);
	at = hpet_now();
	*(volatile uint64_t *)(uintptr_t)(HPET + 0x128) = at + ticks;
	now = hpet_now();
	if (now < at + ticks)
		return;
	*(volatile uint64_t *)(uintptr_t)(HPET + 0x128) = now;	/* at once, or never */
	quiet_until = now + 500 * MS;
}

static void work_pit(void)
{
	static uint64_t seen, at;
	uint64_t now = hpet_now();

	if (pit_ticks != seen || !at) {
		seen = pit_ticks;
		at = now;
	} else if (now - at > LOST) {
		bad("the PIT's interrupts were lost", seen, now - at);
		at = now;
	}
}

void work_timer(struct cpu *c)
{
	work_apic_timer(c);
	if (c->id)
		return;
	work_hpet_timer();
	work_pit();
}

/* ---- IPIs: the next one when the last has been seen; none lost, none twice ---- */

void work_ipi(struct cpu *c)
{
	static uint64_t at[MAX_CPUS][MAX_CPUS];

	for (unsigned i = 0; i < nr_cpus; i++) {
		uint64_t sent = c->ipi_sent[i], got = cpus[i].ipi_got[c->id];

		if (got > sent) {
			bad("an IPI came twice", sent, got);
		} else if (got == sent) {
			c->ipi_sent[i]++;
			at[c->id][i] = hpet_now();
			call(CALL_IPI, i, V_IPI + c->id, 0);
		} else if (hpet_now() - at[c->id][i] > LOST) {
			bad("an IPI was lost", sent, got);
			at[c->id][i] = hpet_now();
		}
	}
}
