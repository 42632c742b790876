/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ring 0: interrupt chips, timers, the start of the other CPUs. */
#include "tests/moves/load64/load.h"

enum { PIT_DIVIDER = 11932 };	/* 100 Hz */
enum { APIC_EOI = 0xb, APIC_SVR = 0xf, APIC_ICR = 0x30, APIC_ICR_HIGH = 0x31, APIC_LVT_TIMER = 0x32,
       APIC_COUNT = 0x38, APIC_NOW = 0x39, APIC_DIVIDE = 0x3e };
enum { MSR_APIC_BASE = 0x1b, MSR_X2APIC = 0x800, MSR_DEADLINE = 0x6e0 };

volatile uint64_t pit_ticks, hpet_fired, hpet_armed_at, hpet_ticks_armed;
uint64_t timer_hz;
bool use_x2apic, have_deadline, have_avx, have_kvmclock;
extern uint8_t stacks[];

static void apic_put(unsigned reg, uint32_t v)
{
	if (use_x2apic)
		wrmsr(MSR_X2APIC + reg, v);
	else
		*mmio(LAPIC + 16 * reg) = v;
}

static uint32_t apic_get(unsigned reg)
{
	return use_x2apic ? (uint32_t)rdmsr(MSR_X2APIC + reg) : *mmio(LAPIC + 16 * reg);
}

void apic_eoi(void) { apic_put(APIC_EOI, 0); }

void apic_send(unsigned cpu, uint32_t command)
{
	if (use_x2apic) {
		wrmsr(MSR_X2APIC + APIC_ICR, (uint64_t)cpu << 32 | command);
		return;
	}
	while (apic_get(APIC_ICR) & 0x1000)
		relax();
	apic_put(APIC_ICR_HIGH, cpu << 24);
	apic_put(APIC_ICR, command);
}

void apic_start(void)
{
	if (use_x2apic)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	apic_put(APIC_SVR, 0x100 | V_SPURIOUS);
	apic_put(APIC_DIVIDE, 0xb);			/* by 1 */
	apic_put(APIC_LVT_TIMER, 0x10000);
}

/* mode: LVT bits 17, 18 (0 one-shot, 0x20000 periodic, 0x40000 TSC deadline); ~0: off */
void timer_set(struct cpu *c, uint64_t mode, uint64_t value)
{
	apic_put(APIC_LVT_TIMER, 0x10000);
	if (mode == ~UINT64_C(0)) {
		apic_put(APIC_COUNT, 0);
		return;
	}
	c->timer_fired = 0;
	apic_put(APIC_LVT_TIMER, (uint32_t)mode | V_APIC_TIMER);
	if (mode & 0x40000)
		wrmsr(MSR_DEADLINE, value);
	else
		apic_put(APIC_COUNT, (uint32_t)value);
}

void ioapic_route(unsigned pin, unsigned vector, bool level, unsigned cpu)
{
	*mmio(IOAPIC) = 0x11 + 2 * pin;
	*mmio(IOAPIC + 0x10) = cpu << 24;
	*mmio(IOAPIC) = 0x10 + 2 * pin;
	*mmio(IOAPIC + 0x10) = vector | (level ? 0xa000 : 0);
}

static uint64_t hpet_read(void)
{
	return *(volatile uint64_t *)(uintptr_t)(HPET + 0xf0);
}

/*
 * How fast the APIC's timer counts: 20 ms by the HPET. Where this CPU has lost time between two
 * readings it is measured again: timers that are programmed by such a rate would be early.
 */
static void measure(void)
{
	enum { TRIES = 50, NOMINAL = 1000000000, PART = 100 };
	uint64_t from, to, ticks;

	for (unsigned i = 0; i < TRIES && timer_hz != NOMINAL; i++) {
		apic_put(APIC_COUNT, UINT32_MAX);
		from = hpet_read();
		ticks = apic_get(APIC_NOW);
		while ((to = hpet_read()) - from < 2000000)
			;
		ticks -= apic_get(APIC_NOW);
		apic_put(APIC_COUNT, 0);
		timer_hz = ticks * 1000000 / ((to - from) / 100);
		if (timer_hz > NOMINAL - NOMINAL / PART && timer_hz < NOMINAL + NOMINAL / PART)
			timer_hz = NOMINAL;
	}
}

void chips_start(void)
{
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	/* the HPET's second comparator is a one-shot timer at pin 18 */
	*mmio(HPET + 0x10) = 0;
	*(volatile uint64_t *)(uintptr_t)(HPET + 0xf0) = 0;
	*mmio(HPET + 0x120) = 0;
	*mmio(HPET + 0x10) = 1;
	measure();
	ioapic_route(2, V_PIT, false, 0);
	ioapic_route(18, V_HPET, false, nr_cpus - 1);
	*mmio(HPET + 0x120) = 18 << 9 | 4;
	out8(0x43, 0x34);
	out8(0x40, PIT_DIVIDER & 0xff);
	out8(0x40, PIT_DIVIDER >> 8);
}

void cpus_start(void)
{
	bare_copy(BARE_SECOND, second_code, second_code_end);
	for (unsigned i = 1; i < nr_cpus; i++) {
		second_stack = (uint64_t)(uintptr_t)(stacks + STACK * (i + 1));
		apic_send(i, 0x4500);			/* INIT, then SIPI */
		apic_send(i, 0x4600 | BARE_SECOND >> 12);
		while (!cpus[i].up)
			relax();
	}
}
