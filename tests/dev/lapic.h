/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the local APIC share: a board of eight processors, each with one. */
#ifndef TESTS_DEV_LAPIC_H
#define TESTS_DEV_LAPIC_H

#include "tests/dev/chips.h"

enum {
	ID = 0x20, VERSION = 0x30, TPR = 0x80, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0,
	SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280, ICR = 0x300, ICR2 = 0x310,
	TIMER = 0x320, LINT0 = 0x350, ERROR = 0x370, INITIAL = 0x380, CURRENT = 0x390,
	DIVIDE = 0x3e0,
};
#define MASKED	   0x10000u
#define PERIODIC   0x20000u
#define DEADLINE   0x40000u
#define MSR(reg)   (0x800u + ((reg) >> 4))
#define MSR_TSC_DEADLINE 0x6e0u
#define BASE_ON	   0x800u
#define BASE_X2	   0x400u

static struct board *b;

static inline uint32_t rd(unsigned cpu, unsigned reg) { return apic_rd(b, cpu, reg); }
static inline void wr(unsigned cpu, unsigned reg, uint32_t v) { apic_wr(b, cpu, reg, v); }

static inline void fresh(void)
{
	machine_reset(b->m, RESET_COLD);
	for (unsigned i = 0; i < BOARD_CPUS; i++) {
		b->port[i].lines = 0;
		b->inits[i] = b->sipis[i] = 0;
		wr(i, SVR, 0x1ff);
	}
}

static inline int set_base(unsigned cpu, uint64_t v)
{
	return b->port[cpu].apic->base_set(b->port[cpu].apic_chip, v);
}

static inline uint64_t base(unsigned cpu)
{
	return b->port[cpu].apic->base_get(b->port[cpu].apic_chip);
}

static inline void x2(unsigned cpu) { CHECK_EQ(set_base(cpu, base(cpu) | BASE_X2), 0); }

static inline int msi(uint32_t addr, uint32_t data)
{
	return machine_msi(b->m, 0xfee00000 | addr, data);
}

/* Which CPUs have `vector` waiting, as bits; and takes and ends it there. */
static inline unsigned takers(int vector)
{
	unsigned who = 0;

	for (unsigned i = 0; i < BOARD_CPUS; i++) {
		if (!intr(b, i))
			continue;
		CHECK_EQ(inta(b, i), vector);
		who |= 1u << i;
		if (base(i) & BASE_X2)
			msr_wr(b, i, MSR(EOI), 0);
		else
			wr(i, EOI, 0);
		CHECK(!intr(b, i), "CPU %u: one was enough", i);
	}
	return who;
}

static inline void ipi(unsigned from, uint32_t dest, uint32_t low)
{
	wr(from, ICR2, dest << 24);
	wr(from, ICR, low);
}

#endif
