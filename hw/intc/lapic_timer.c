/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's timer (11.5.4). Its input clock is 1 GHz, one count a virtual
 * nanosecond before the divider (as in KVM), so periods are whole nanoseconds from
 * timer_start on, and do not drift however late an interrupt is.
 *
 * `due` is the next interrupt not yet delivered. It follows from the registers but
 * for one thing: an interrupt may be due, and not delivered, when the machine stops.
 * While the chip is lent `due` is 0: to be worked out.
 *
 * The TSC is virtual time at machine_config.tsc_hz; 0: there is no TSC-deadline mode.
 */
#include "hw/intc/lapic.h"

/* Shorter periods are skipped through, so that a guest cannot keep the clock's thread busy. */
#define MIN_PERIOD_NS UINT64_C(50000)

static unsigned mode(const struct lapic *l)
{
	return l->s.lvt[LAPIC_LVT_TIMER] >> 17 & 3;
}

/* Figure 11-10: bits 3, 1, 0; 111 divides by one. */
static uint64_t divider(const struct lapic *l)
{
	unsigned d = (l->s.timer_divide & 3) | (l->s.timer_divide >> 1 & 4);

	return 1u << ((d + 1) & 7);
}

static uint64_t ran(const struct lapic *l, uint64_t now)
{
	return now > l->s.timer_start ? now - l->s.timer_start : 0;
}

/* The first interrupt after `now`; a TSC deadline that has passed is still owed. */
static uint64_t next(const struct lapic *l, uint64_t now)
{
	uint64_t period = l->s.timer_initial * divider(l), hz = l->dev.machine->cfg.tsc_hz, at;

	if (!lapic_on(l) || l->s.lvt[LAPIC_LVT_TIMER] & LVT_MASKED)
		return TIMER_NEVER;
	switch (mode(l)) {
	case LVT_ONE_SHOT:
		at = l->s.timer_start + period;
		return period && at > now ? at : TIMER_NEVER;
	case LVT_PERIODIC:
		if (!period)
			return TIMER_NEVER;
		if (period < MIN_PERIOD_NS)
			now += MIN_PERIOD_NS;
		at = l->s.timer_start + ran(l, now) / period * period + period;
		return at > now ? at : TIMER_NEVER;
	case LVT_DEADLINE:
		return l->s.tsc_deadline && hz ? clock_ticks_to_ns(l->s.tsc_deadline, hz) :
						 TIMER_NEVER;
	default: return TIMER_NEVER;
	}
}

void lapic_timer_arm(struct lapic *l)
{
	timer_set(&l->timer, irqchip_lapic_lent(l->dev.machine->irqchip) ? TIMER_NEVER : l->due);
}

void lapic_timer_catch_up(struct lapic *l)
{
	uint64_t now = dev_now(&l->dev);

	if (now < l->due || irqchip_lapic_lent(l->dev.machine->irqchip))
		return;
	if (mode(l) == LVT_DEADLINE)
		l->s.tsc_deadline = 0;
	lapic_local(l, LAPIC_LVT_TIMER);
	l->due = next(l, now);
}

/* `since`: what fell due after it is owed. Time goes on while registers are written. */
static void restart(struct lapic *l, uint64_t since)
{
	if (irqchip_lapic_lent(l->dev.machine->irqchip)) {
		l->due = 0;
	} else {
		l->due = next(l, since);
		lapic_timer_catch_up(l);
	}
	lapic_timer_arm(l);
}

void lapic_timer_restart(struct lapic *l)
{
	uint64_t now = dev_now(&l->dev);

	restart(l, l->due && l->due <= now ? l->due - 1 : now);
}

/* An engine that cannot tell whether an interrupt of this moment was given says it is due. */
void lapic_timer_back(struct lapic *l)
{
	uint64_t now = dev_now(&l->dev);

	l->due = next(l, now ? now - 1 : 0);
	lapic_timer_catch_up(l);
	lapic_timer_arm(l);
}

/* Loaded into a lent chip. No engine knows of a count that is over and not yet delivered. */
void lapic_timer_lent(struct lapic *l)
{
	if (l->due && l->due <= dev_now(&l->dev) && mode(l) != LVT_DEADLINE)
		lapic_local(l, LAPIC_LVT_TIMER);
	l->due = 0;
}

void lapic_timer_fired(void *opaque)
{
	struct lapic *l = opaque;

	dev_lock(&l->dev);
	lapic_timer_catch_up(l);
	lapic_timer_arm(l);
	dev_unlock(&l->dev);
}

static uint32_t current(const struct lapic *l, uint64_t now)
{
	uint64_t n = ran(l, now) / divider(l);
	uint32_t initial = l->s.timer_initial;

	if (!initial || mode(l) == LVT_DEADLINE)
		return 0;
	if (mode(l) == LVT_PERIODIC)
		return (uint32_t)(initial - n % initial);
	return n < initial ? (uint32_t)(initial - n) : 0;
}

uint32_t lapic_timer_current(const struct lapic *l)
{
	return current(l, dev_now((struct dev *)&l->dev));
}

/* "Writes to the initial-count register are ignored in TSC-deadline mode" (11.5.4.1) */
void lapic_timer_set_initial(struct lapic *l, uint32_t count)
{
	if (mode(l) == LVT_DEADLINE)
		return;
	lapic_timer_catch_up(l);
	l->s.timer_initial = count;
	l->s.timer_start = dev_now(&l->dev);
	restart(l, l->s.timer_start);
}

/* The count goes on from where it is at the new rate. */
void lapic_timer_set_divide(struct lapic *l, uint32_t divide)
{
	uint64_t now, since;
	uint32_t gone;

	lapic_timer_catch_up(l);
	since = now = dev_now(&l->dev);
	gone = l->s.timer_initial - current(l, now);
	if (now && l->due <= now)	/* over since the look above: it ends now */
		since--;
	l->s.timer_divide = divide & 0xb;
	if (l->s.timer_initial && mode(l) != LVT_DEADLINE) {
		uint64_t back = gone * divider(l);

		l->s.timer_start = now > back ? now - back : 0;
	}
	restart(l, since);
}

void lapic_timer_set_deadline(struct lapic *l, uint64_t tsc)
{
	if (mode(l) != LVT_DEADLINE)
		return;
	lapic_timer_catch_up(l);
	l->s.tsc_deadline = tsc;
	lapic_timer_restart(l);
}

/* One that passed while the entry was masked is gone without an interrupt. */
uint64_t lapic_timer_deadline(struct lapic *l)
{
	uint64_t hz = l->dev.machine->cfg.tsc_hz;

	if (mode(l) != LVT_DEADLINE)
		return 0;
	lapic_timer_catch_up(l);
	if (l->s.lvt[LAPIC_LVT_TIMER] & LVT_MASKED && hz &&
	    clock_ns_to_ticks(dev_now(&l->dev), hz) >= l->s.tsc_deadline)
		l->s.tsc_deadline = 0;
	return l->s.tsc_deadline;
}
