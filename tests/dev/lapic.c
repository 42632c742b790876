/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local APICs of eight processors: priorities, messages in all modes, timer, registers. */
#include <errno.h>

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

static uint32_t rd(unsigned cpu, unsigned reg) { return apic_rd(b, cpu, reg); }
static void wr(unsigned cpu, unsigned reg, uint32_t v) { apic_wr(b, cpu, reg, v); }

static void fresh(void)
{
	machine_reset(b->m, RESET_COLD);
	for (unsigned i = 0; i < BOARD_CPUS; i++) {
		b->port[i].lines = 0;
		b->inits[i] = b->sipis[i] = 0;
		wr(i, SVR, 0x1ff);
	}
}

static int set_base(unsigned cpu, uint64_t v)
{
	return b->port[cpu].apic->base_set(b->port[cpu].apic_chip, v);
}

static uint64_t base(unsigned cpu)
{
	return b->port[cpu].apic->base_get(b->port[cpu].apic_chip);
}

static void x2(unsigned cpu) { CHECK_EQ(set_base(cpu, base(cpu) | BASE_X2), 0); }

static int msi(uint32_t addr, uint32_t data) { return machine_msi(b->m, 0xfee00000 | addr, data); }

/* Which CPUs have `vector` waiting, as bits; and takes and ends it there. */
static unsigned takers(int vector)
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

static void ipi(unsigned from, uint32_t dest, uint32_t low)
{
	wr(from, ICR2, dest << 24);
	wr(from, ICR, low);
}

/* ---- registers ---- */

static void test_registers(void)
{
	uint64_t v;

	machine_reset(b->m, RESET_COLD);
	for (unsigned i = 0; i < BOARD_CPUS; i++) {
		CHECK_EQ(rd(i, ID), i << 24);		/* each its own at one address */
		CHECK_EQ(base(i), 0xfee00000 | BASE_ON | (i ? 0 : 0x100));
	}
	CHECK_EQ(rd(1, VERSION), 0x50014);
	CHECK_EQ(rd(1, SVR), 0xff);
	CHECK_EQ(rd(1, DFR), 0xffffffff);
	for (unsigned reg = TIMER; reg <= ERROR; reg += 16)
		CHECK_EQ(rd(1, reg), MASKED);
	wr(1, TIMER, 0x40);
	CHECK_EQ(rd(1, TIMER), MASKED | 0x40);		/* software disabled: stays masked */
	wr(1, SVR, 0xffffffff);
	CHECK_EQ(rd(1, SVR), 0x13ff);
	wr(1, SVR, 0x1ff);
	for (unsigned reg = TIMER, i = 0; reg <= ERROR; reg += 16, i++) {
		static const uint32_t valid[] = { 0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff,
						  0x100ff };
		wr(1, reg, 0xffffffff);
		CHECK_EQ(rd(1, reg), valid[i]);
		wr(1, reg, MASKED);
	}
	wr(1, TPR, 0xfff);
	CHECK_EQ(rd(1, TPR), 0xff);
	CHECK_EQ(rd(1, PPR), 0xff);
	wr(1, TPR, 0);
	wr(1, LDR, 0x12345678);
	CHECK_EQ(rd(1, LDR), 0x12000000);
	wr(1, DFR, 0);
	CHECK_EQ(rd(1, DFR), 0x0fffffff);
	wr(1, ICR2, 0xffffffff);
	CHECK_EQ(rd(1, ICR2), 0xff000000);
	wr(1, DIVIDE, 0xff);
	CHECK_EQ(rd(1, DIVIDE), 0xb);
	wr(1, ID, 0x77000000);
	CHECK_EQ(rd(1, ID), 0x01000000);
	wr(1, VERSION, 0);
	CHECK_EQ(rd(1, VERSION), 0x50014);
	/* no such register: an error, seen after the next write of ESR */
	CHECK_EQ(rd(1, ESR), 0);
	(void)rd(1, 0x40);
	CHECK_EQ(rd(1, ESR), 0);
	wr(1, ESR, 0);
	CHECK_EQ(rd(1, ESR), 0x80);
	wr(1, ESR, 0);
	CHECK_EQ(rd(1, ESR), 0);
	/* within a 16-byte slot only the first word is there */
	CHECK_EQ(rd(1, ID + 4), 0);
	wr(1, TPR + 4, 0x50);
	CHECK_EQ(rd(1, TPR), 0);
	/* not an MSR in this mode */
	CHECK_EQ(msr_rd(b, 1, MSR(ID), &v), -EINVAL);
	CHECK_EQ(msr_wr(b, 1, MSR(TPR), 0), -EINVAL);
	/* nobody's */
	cpu_current = 77;
	region_read(b->m->mmio, LAPIC_AT + ID, 4, &v);
	region_write(b->m->mmio, LAPIC_AT + TPR, 4, 0x50);
	cpu_current = 0;
	CHECK_EQ(v, 0xffffffff);
}

static void test_priorities(void)
{
	fresh();
	CHECK_EQ(inta(b, 2), -1);
	CHECK_EQ(msi(2 << 12, 0x41), 0);
	CHECK_EQ(msi(2 << 12, 0x61), 0);
	CHECK_EQ(msi(2 << 12, 0x63), 0);
	CHECK(intr(b, 2) && !intr(b, 1), "the one addressed");
	CHECK_EQ(rd(2, IRR + 0x30), 0xa);
	CHECK_EQ(rd(2, IRR + 0x20), 2);
	CHECK_EQ(inta(b, 2), 0x63);
	CHECK_EQ(rd(2, PPR), 0x60);
	CHECK_EQ(rd(2, ISR + 0x30), 8);
	CHECK(!intr(b, 2), "0x61 is of the same class");
	CHECK_EQ(msi(2 << 12, 0x70), 0);
	CHECK_EQ(inta(b, 2), 0x70);
	wr(2, EOI, 0);
	CHECK(!intr(b, 2), "0x63 is in service still");
	wr(2, EOI, 0);
	CHECK_EQ(inta(b, 2), 0x61);
	wr(2, EOI, 0);
	wr(2, TPR, 0x45);
	CHECK(!intr(b, 2) && rd(2, PPR) == 0x45, "by TPR");
	CHECK_EQ(inta(b, 2), -1);
	CHECK_EQ(b->port[2].apic->cr8_get(b->port[2].apic_chip), 4);
	b->port[2].apic->cr8_set(b->port[2].apic_chip, 3);
	CHECK(rd(2, TPR) == 0x30 && intr(b, 2), "by CR8");
	CHECK_EQ(b->port[2].apic->ack(b->port[2].apic_chip), 0x41);
	wr(2, EOI, 0);
	wr(2, EOI, 0);					/* of nothing */
	CHECK_EQ(rd(2, PPR), 0x30);
	wr(2, TPR, 0);
	/* one bit a vector */
	msi(2 << 12, 0x41);
	msi(2 << 12, 0x41);
	CHECK_EQ(inta(b, 2), 0x41);
	msi(2 << 12, 0x41);
	wr(2, EOI, 0);
	CHECK_EQ(inta(b, 2), 0x41);
	wr(2, EOI, 0);
	CHECK_EQ(inta(b, 2), -1);
	/* software disabled: nothing new, what waits is held, its entries are masked */
	msi(2 << 12, 0x41);
	wr(2, LINT0, 0x700);
	wr(2, SVR, 0xff);
	CHECK_EQ(rd(2, LINT0), MASKED | 0x700);
	CHECK_EQ(msi(2 << 12, 0x42), -ENODEV);
	CHECK_EQ(inta(b, 2), 0x41);
	CHECK_EQ(inta(b, 2), -1);
	/* vectors below 16 */
	CHECK_EQ(msi(3 << 12, 0x0f), -ENODEV);
	wr(3, ESR, 0);
	CHECK_EQ(rd(3, ESR), 0x40);
	/* what no message can be */
	CHECK_EQ(msi(3 << 12, 0x750), -EINVAL);
	CHECK_EQ(msi(3 << 12, 0x350), -EINVAL);
	CHECK_EQ(machine_msi(b->m, 0xfed00000, 0x50), -EINVAL);
	CHECK_EQ(msi(9 << 12, 0x50), -ENODEV);
}

/* The error entry interrupts once, until the errors are taken over. */
static void test_errors(void)
{
	fresh();
	wr(1, ERROR, 0xe0);
	ipi(1, 2, 0x0f);				/* an illegal vector to send */
	CHECK_EQ(inta(b, 1), 0xe0);
	wr(1, EOI, 0);
	(void)rd(1, 0x40);
	CHECK(!intr(b, 1), "not armed");
	wr(1, ESR, 0);
	CHECK_EQ(rd(1, ESR), 0xa0);
	(void)rd(1, 0x40);
	CHECK_EQ(inta(b, 1), 0xe0);
	wr(1, EOI, 0);
	wr(1, ESR, 0);
	wr(1, ERROR, 0x05);
	(void)rd(1, 0x40);
	CHECK(!intr(b, 1), "an illegal vector of its own");
	wr(1, ESR, 0);
	CHECK_EQ(rd(1, ESR), 0xc0);
}

/* ---- messages ---- */

static void test_physical(void)
{
	fresh();
	for (unsigned to = 0; to < BOARD_CPUS; to++) {
		ipi(5, to, 0x4051);
		CHECK_EQ(takers(0x51), 1u << to);
	}
	CHECK_EQ(rd(5, ICR), 0x4051);
	ipi(5, 8, 0x4051);
	CHECK_EQ(takers(0x51), 0);
	ipi(5, 0xff, 0x4051);
	CHECK_EQ(takers(0x51), 0xff);
	/* an APIC switched off is not there */
	CHECK_EQ(set_base(3, base(3) & ~BASE_ON), 0);
	ipi(5, 0xff, 0x4051);
	CHECK_EQ(takers(0x51), 0xf7);
	ipi(5, 3, 0x4051);
	CHECK_EQ(takers(0x51), 0);
	CHECK_EQ(rd(3, ID), 0xffffffff);
}

static void test_flat(void)
{
	fresh();
	for (unsigned i = 0; i < BOARD_CPUS; i++)
		wr(i, LDR, 1u << (31 - i));
	for (unsigned d = 0; d < 256; d++) {
		unsigned want = 0;

		for (unsigned i = 0; i < 8; i++)
			if (d >> (7 - i) & 1)
				want |= 1u << i;
		ipi(0, d, 0x4852);
		CHECK_EQ(takers(0x52), want);
		CHECK_EQ(msi(d << 12 | 4, 0x52), want ? 0 : -ENODEV);
		CHECK_EQ(takers(0x52), want);
	}
	/* two in one bit, and none: only a broadcast reaches that one */
	wr(6, LDR, 0x80000000);
	wr(7, LDR, 0);
	ipi(0, 0x80, 0x4852);
	CHECK_EQ(takers(0x52), 0x41);
	ipi(0, 0xff, 0x4852);
	CHECK_EQ(takers(0x52), 0xff);
	ipi(0, 0x7f, 0x4852);
	CHECK_EQ(takers(0x52), 0x3e);
}

static void test_cluster(void)
{
	fresh();
	for (unsigned i = 0; i < BOARD_CPUS; i++) {
		wr(i, DFR, 0x0fffffff);
		wr(i, LDR, ((i / 3) << 4 | 1u << i % 3) << 24);
	}
	for (unsigned d = 0; d < 256; d++) {
		unsigned want = 0;

		for (unsigned i = 0; i < 8; i++)
			if ((d >> 4 == i / 3 || d >> 4 == 15) && d >> i % 3 & 1)
				want |= 1u << i;
		ipi(0, d, 0x4852);
		CHECK_EQ(takers(0x52), d == 0xff ? 0xff : want);
	}
	for (unsigned i = 0; i < BOARD_CPUS; i++)
		wr(i, DFR, 0x5fffffff);			/* neither model: nobody */
	ipi(0, 0x11, 0x4852);
	CHECK_EQ(takers(0x52), 0);
}

static void test_x2(void)
{
	uint64_t v;

	fresh();
	for (unsigned i = 0; i < BOARD_CPUS; i++) {
		x2(i);
		CHECK_EQ(msr_rd(b, i, MSR(ID), &v), 0);
		CHECK_EQ(v, i);
		CHECK_EQ(msr_rd(b, i, MSR(LDR), &v), 0);
		CHECK_EQ(v, 1u << i);
		CHECK_EQ(rd(i, ID), 0xffffffff);	/* the page is gone */
	}
	for (uint64_t to = 0; to <= BOARD_CPUS; to++) {
		CHECK_EQ(msr_wr(b, 1, MSR(ICR), to << 32 | 0x53), 0);
		CHECK_EQ(takers(0x53), to < 8 ? 1u << to : 0);
	}
	CHECK_EQ(msr_wr(b, 1, MSR(ICR), UINT64_C(0xff) << 32 | 0x53), 0);
	CHECK_EQ(takers(0x53), 0);			/* 255 is nobody's number here */
	CHECK_EQ(msr_wr(b, 1, MSR(ICR), UINT64_C(0xffffffff) << 32 | 0x53), 0);
	CHECK_EQ(takers(0x53), 0xff);
	for (uint64_t d = 0; d < 256; d++) {
		CHECK_EQ(msr_wr(b, 1, MSR(ICR), d << 32 | 0x853), 0);
		CHECK_EQ(takers(0x53), d);
		CHECK_EQ(msr_wr(b, 1, MSR(ICR), (d | 0x10000) << 32 | 0x853), 0);
		CHECK_EQ(takers(0x53), 0);		/* another cluster */
	}
	/* messages of eight bits: 255 is everybody, logical ones reach cluster 0 */
	CHECK_EQ(msi(0xff << 12, 0x53), 0);
	CHECK_EQ(takers(0x53), 0xff);
	CHECK_EQ(msi(0x21 << 12 | 4, 0x53), 0);
	CHECK_EQ(takers(0x53), 0x21);
	CHECK_EQ(msr_rd(b, 1, MSR(ICR), &v), 0);
	CHECK_EQ(v, UINT64_C(0x100ff) << 32 | 0x853);
	CHECK_EQ(msr_wr(b, 4, 0x83f, 0x99), 0);		/* self IPI */
	CHECK_EQ(takers(0x99), 1u << 4);
	/* a mixed machine: those in xAPIC mode see the low numbers */
	CHECK_EQ(set_base(6, base(6) & ~(uint64_t)(BASE_ON | BASE_X2)), 0);
	CHECK_EQ(set_base(6, base(6) | BASE_ON), 0);
	wr(6, SVR, 0x1ff);
	CHECK_EQ(msr_wr(b, 1, MSR(ICR), UINT64_C(6) << 32 | 0x53), 0);
	CHECK_EQ(takers(0x53), 1u << 6);
	ipi(6, 2, 0x4053);
	CHECK_EQ(takers(0x53), 1u << 2);
	ipi(6, 0xff, 0x4053);
	CHECK_EQ(takers(0x53), 0xff);
}

static void test_x2_checks(void)
{
	static const struct { unsigned reg; uint64_t bad, good; } w[] = {
		{ TPR, 0x100, 0xff }, { EOI, 1, 0 }, { SVR, 0x10000, 0x1ff }, { ESR, 1, 0 },
		{ ICR, 0x2000, 0x40 }, { ICR, 0x10000, 0x40 }, { ICR, 0x100000, 0x40 },
		{ TIMER, 0x80000, MASKED }, { TIMER, 0x100, MASKED }, { LINT0, 0x20000, MASKED },
		{ ERROR, 0x100, MASKED }, { INITIAL, UINT64_C(1) << 32, 0 }, { DIVIDE, 4, 0xb },
		{ 0x3f0, 0x100, 0x40 },
	};
	static const unsigned read_only[] = { ID, VERSION, PPR, LDR, ISR, TMR + 0x70, IRR,
					      CURRENT };
	static const unsigned none[] = { 0x00, 0x10, 0x40, 0x90, 0xc0, DFR, 0x290, 0x2f0, ICR2,
					 0x3a0, 0x3d0, 0xff0 };
	uint64_t v;

	fresh();
	x2(2);
	for (unsigned i = 0; i < ARRAY_SIZE(w); i++) {
		CHECK_EQ(msr_wr(b, 2, MSR(w[i].reg), w[i].bad), -EINVAL);
		CHECK(!msr_wr(b, 2, MSR(w[i].reg), w[i].good), "register %#x", w[i].reg);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(read_only); i++) {
		CHECK(!msr_rd(b, 2, MSR(read_only[i]), &v), "register %#x", read_only[i]);
		CHECK_EQ(msr_wr(b, 2, MSR(read_only[i]), 0), -EINVAL);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
		CHECK_EQ(msr_rd(b, 2, MSR(none[i]), &v), -EINVAL);
		CHECK(msr_wr(b, 2, MSR(none[i]), 0) == -EINVAL, "register %#x", none[i]);
	}
	CHECK_EQ(msr_rd(b, 2, MSR(EOI), &v), -EINVAL);
	CHECK_EQ(msr_rd(b, 2, 0x83f, &v), -EINVAL);
	CHECK_EQ(msr_rd(b, 2, 0x7ff, &v), -EINVAL);
	CHECK_EQ(msr_rd(b, 2, 0x900, &v), -EINVAL);
}

static void test_shorthands(void)
{
	fresh();
	for (unsigned mode = 0; mode < 2; mode++) {	/* physical, logical: the same */
		ipi(3, 1, 0x44055 | mode << 11);
		CHECK_EQ(takers(0x55), 1u << 3);
		ipi(3, 1, 0x84055 | mode << 11);
		CHECK_EQ(takers(0x55), 0xff);
		ipi(3, 1, 0xc4055 | mode << 11);
		CHECK_EQ(takers(0x55), 0xf7);
	}
	/* NMI and SMI to all others */
	ipi(3, 0, 0xc4400);
	ipi(2, 0, 0xc4200);
	for (unsigned i = 0; i < BOARD_CPUS; i++)
		CHECK_EQ(b->port[i].lines, (i != 3 ? 1u << PORT_X86_NMI : 0) |
					   (i != 2 ? 1u << PORT_X86_SMI : 0));
}

static void test_lowest(void)
{
	unsigned seen = 0;

	fresh();
	for (unsigned i = 0; i < BOARD_CPUS; i++)
		wr(i, LDR, 1u << (24 + i));
	/* the one of lowest priority */
	for (unsigned i = 0; i < BOARD_CPUS; i++)
		wr(i, TPR, 0x60 - 8 * i);
	CHECK_EQ(msi(0x3e << 12 | 4, 0x171), 0);
	CHECK_EQ(takers(0x71), 1u << 5);
	wr(1, TPR, 0);
	ipi(0, 0x3e, 0x4971);
	CHECK_EQ(takers(0x71), 1u << 1);
	/* among equals the vector chooses; each has its turn, always the same */
	for (unsigned i = 0; i < BOARD_CPUS; i++)
		wr(i, TPR, 0);
	for (unsigned v = 0x40; v < 0x60; v++) {
		unsigned who, again;

		msi(0x3e << 12 | 4, 0x100 | v);
		who = takers((int)v);
		msi(0x3e << 12 | 4 | 8, v);		/* the redirection hint */
		again = takers((int)v);
		CHECK(who && !(who & (who - 1)) && who == again && !(who & ~0x3eu), "one: %#x",
		      who);
		seen |= who;
	}
	CHECK_EQ(seen, 0x3e);
	/* nobody who is disabled */
	for (unsigned i = 1; i < 6; i++)
		wr(i, SVR, i == 5 ? 0x1ff : 0xff);
	msi(0x3e << 12 | 4, 0x140);
	CHECK_EQ(takers(0x40), 1u << 5);
}

static void test_init_sipi(void)
{
	fresh();
	wr(2, TPR, 0x50);
	wr(2, LDR, 0x04000000);
	msi(2 << 12, 0x41);
	ipi(0, 2, 0x4610);
	CHECK_EQ(b->sipis[2], 1);			/* from power-up on it waits for one */
	CHECK_EQ(b->sipi_vector[2], 0x10);
	ipi(0, 2, 0x4611);
	CHECK_EQ(b->sipis[2], 1);			/* one is enough */
	ipi(0, 2, 0x8500);				/* de-assert: nothing */
	CHECK_EQ(b->inits[2], 0);
	ipi(0, 2, 0xc500);
	CHECK_EQ(b->inits[2], 1);
	CHECK(rd(2, TPR) == 0 && rd(2, SVR) == 0xff && rd(2, LDR) == 0 &&
	      rd(2, IRR + 0x20) == 0 && rd(2, ID) == 0x02000000, "reset by INIT");
	ipi(0, 2, 0x469a);
	CHECK(b->sipis[2] == 2 && b->sipi_vector[2] == 0x9a, "started");
	/* to all others, as old guests do; not to itself */
	ipi(0, 0, 0xc4500);
	for (unsigned i = 0; i < BOARD_CPUS; i++)
		CHECK_EQ(b->inits[i], i == 0 ? 0 : i == 2 ? 2 : 1);
	ipi(0, 0, 0x84500);
	ipi(0, 0, 0x44500);
	CHECK_EQ(b->inits[0], 0);
	/* the bootstrap processor starts at once, and takes no SIPI */
	ipi(1, 0, 0x4500);
	CHECK_EQ(b->inits[0], 1);
	ipi(1, 0, 0x4610);
	CHECK_EQ(b->sipis[0], 0);
	/* in x2APIC mode the mode and the identity stay */
	x2(4);
	ipi(0, 4, 0x4500);
	CHECK_EQ(base(4), 0xfee00000 | BASE_ON | BASE_X2);
	CHECK_EQ(b->m->irqchip->lapic[4]->ldr, 1u << 4);
	/* an NMI that was not taken is not one for who starts anew */
	for (unsigned i = 0; i < 2; i++) {
		ipi(0, 3, 0x4400);
		CHECK(b->port[3].lines & 1u << PORT_X86_NMI, "NMI");
		if (i)
			machine_reset(b->m, RESET_WARM);
		else
			ipi(0, 3, 0x4500);
		CHECK_EQ(b->port[3].lines, 0);
	}
}

/* ---- the base register ---- */

static void test_base(void)
{
	uint64_t on = 0xfee00000 | BASE_ON, v;

	fresh();
	CHECK_EQ(set_base(1, on), 0);
	CHECK_EQ(set_base(1, on | 1), -EINVAL);
	CHECK_EQ(set_base(1, on | 0x200), -EINVAL);
	CHECK_EQ(set_base(1, on | UINT64_C(1) << 40), -EINVAL);
	CHECK_EQ(set_base(1, 0xfee00000 | BASE_X2), -EINVAL);
	CHECK_EQ(set_base(1, on | BASE_X2), 0);
	CHECK_EQ(set_base(1, on | BASE_X2), 0);
	CHECK_EQ(set_base(1, on), -EINVAL);		/* not straight back */
	CHECK_EQ(set_base(1, 0xfee00000), 0);
	CHECK_EQ(set_base(1, on | BASE_X2), -EINVAL);	/* nor straight there */
	CHECK_EQ(set_base(1, on), 0);
	CHECK_EQ(rd(1, SVR), 0xff);			/* it has forgotten */
	/* which is the BSP, the guest does not decide */
	CHECK_EQ(set_base(1, on | 0x100), 0);
	CHECK_EQ(base(1), on);
	/* moved: each sees its own where it has put it, and nothing at the old place */
	CHECK_EQ(set_base(1, 0xd0000000 | BASE_ON), 0);
	CHECK_EQ(rd(1, ID), 0xffffffff);
	CHECK_EQ(rd(2, ID), 0x02000000);
	cpu_current = 1;
	CHECK_EQ(region_read(b->m->mmio, 0xd0000000 + ID, 4, &v), 0);
	CHECK_EQ(v, 0x01000000);
	CHECK_EQ(set_base(2, 0xd0000000 | BASE_ON), 0);
	cpu_current = 2;
	CHECK_EQ(region_read(b->m->mmio, 0xd0000000 + ID, 4, &v), 0);
	CHECK_EQ(v, 0x02000000);
	cpu_current = 3;
	CHECK_EQ(region_read(b->m->mmio, 0xd0000000 + ID, 4, &v), 0);
	CHECK_EQ(v, 0xffffffff);
	cpu_current = 2;
	CHECK_EQ(set_base(1, on), 0);			/* the one it was mapped for has left */
	CHECK_EQ(region_read(b->m->mmio, 0xd0000000 + ID, 4, &v), 0);
	CHECK_EQ(v, 0x02000000);
	round_trip(b, b->lapic[2]);
	CHECK_EQ(region_read(b->m->mmio, 0xd0000000 + ID, 4, &v), 0);
	CHECK_EQ(set_base(2, on), 0);
	CHECK_EQ(region_read(b->m->mmio, 0xd0000000 + ID, 4, &v), -ENXIO);
	cpu_current = 0;
	CHECK_EQ(rd(1, ID), 0x01000000);
	CHECK_EQ(rd(2, ID), 0x02000000);
	CHECK_EQ(set_base(1, IOAPIC_AT | BASE_ON), 0);	/* another device is there: it stays */
	CHECK_EQ(io_rd(b, 1), 0x00170011);
	machine_reset(b->m, RESET_COLD);
	CHECK_EQ(rd(1, ID), 0x01000000);
}

/* ---- timer ---- */

static void test_one_shot(void)
{
	uint64_t start;

	fresh();
	at(b, UINT64_C(1000000000));
	for (unsigned d = 0; d < 8; d++) {
		static const uint8_t code[8] = { 0xb, 0, 1, 2, 3, 8, 9, 10 };
		uint64_t div = 1u << d;

		wr(1, DIVIDE, code[d]);
		wr(1, TIMER, 0x81);
		wr(1, INITIAL, 1000);
		start = now(b);
		CHECK_EQ(rd(1, CURRENT), 1000);
		at(b, start + 300 * div);
		CHECK_EQ(rd(1, CURRENT), 700);
		CHECK_EQ(rd(1, INITIAL), 1000);
		at(b, start + 1000 * div - 1);
		CHECK(rd(1, CURRENT) == 1 && !intr(b, 1), "divider %u: early", d);
		round_trip(b, b->lapic[1]);
		at(b, start + 1000 * div);
		round_trip(b, b->lapic[1]);		/* due, and not lost */
		CHECK_EQ(rd(1, CURRENT), 0);
		CHECK_EQ(inta(b, 1), 0x81);
		wr(1, EOI, 0);
		round_trip(b, b->lapic[1]);
		pass(b, UINT64_C(1000000000));
		CHECK(rd(1, CURRENT) == 0 && !intr(b, 1), "once");
	}
	/* stopped by zero; masked it runs, but does not interrupt, nor later */
	wr(1, DIVIDE, 0xb);
	wr(1, INITIAL, 1000);
	wr(1, INITIAL, 0);
	pass(b, 5000);
	CHECK(rd(1, CURRENT) == 0 && !intr(b, 1), "stopped");
	wr(1, TIMER, MASKED | 0x81);
	wr(1, INITIAL, 1000);
	pass(b, 400);
	CHECK_EQ(rd(1, CURRENT), 600);
	pass(b, 1000);
	wr(1, TIMER, 0x81);
	pass(b, 1000);
	CHECK(rd(1, CURRENT) == 0 && !intr(b, 1), "masked");
	/* unmasked in time */
	wr(1, TIMER, MASKED | 0x81);
	wr(1, INITIAL, 1000);
	pass(b, 400);
	wr(1, TIMER, 0x81);
	pass(b, 600);
	(void)rd(1, CURRENT);
	CHECK_EQ(inta(b, 1), 0x81);
	wr(1, EOI, 0);
	/* a divider that changes: the count goes on at another speed */
	wr(1, INITIAL, 1000);
	pass(b, 500);
	wr(1, DIVIDE, 0);
	CHECK_EQ(rd(1, CURRENT), 500);
	pass(b, 500);
	CHECK_EQ(rd(1, CURRENT), 250);
	pass(b, 500);
	CHECK_EQ(rd(1, CURRENT), 0);
	CHECK_EQ(inta(b, 1), 0x81);
	wr(1, EOI, 0);
}

static void test_periodic(void)
{
	uint64_t start, k = 0;

	fresh();
	at(b, UINT64_C(7000000003));
	wr(1, DIVIDE, 0xb);
	wr(1, TIMER, PERIODIC | 0x82);
	wr(1, INITIAL, 1000003);
	start = now(b);
	for (unsigned i = 0; i < 20000; i++) {
		k += rnd(10) ? 1 : 2 + rnd(5000);
		at(b, start + k * 1000003);		/* missed ones are one */
		CHECK_EQ(rd(1, CURRENT), 1000003);
		CHECK_EQ(inta(b, 1), 0x82);
		wr(1, EOI, 0);
		if (!rnd(16))
			round_trip(b, b->lapic[1]);
		at(b, start + (k + 1) * 1000003 - 1);
		CHECK_EQ(rd(1, CURRENT), 1);
		CHECK(!intr(b, 1), "period %llu is early", (unsigned long long)k);
	}
	CHECK(k > 4000000, "over %llu periods", (unsigned long long)k);
	/* to one-shot: the present round is the last */
	wr(1, TIMER, 0x82);
	pass(b, 5000000);
	(void)rd(1, CURRENT);
	while (intr(b, 1)) {
		CHECK_EQ(inta(b, 1), 0x82);
		wr(1, EOI, 0);
	}
	pass(b, 5000000);
	CHECK(rd(1, CURRENT) == 0 && !intr(b, 1), "over");
}

static uint64_t tsc(void) { return clock_ns_to_ticks(now(b), BOARD_TSC_HZ); }

static void test_deadline(void)
{
	uint64_t v, due;

	fresh();
	at(b, UINT64_C(50000000000));
	CHECK_EQ(msr_wr(b, 1, MSR_TSC_DEADLINE, tsc() + 1000), 0);
	CHECK_EQ(msr_rd(b, 1, MSR_TSC_DEADLINE, &v), 0);
	CHECK_EQ(v, 0);					/* not in this mode */
	wr(1, TIMER, DEADLINE | 0x83);
	wr(1, INITIAL, 1000);
	CHECK_EQ(rd(1, INITIAL), 0);
	for (unsigned i = 0; i < 2000; i++) {
		due = tsc() + 1 + rnd(100000000);
		CHECK_EQ(msr_wr(b, 1, MSR_TSC_DEADLINE, due), 0);
		CHECK_EQ(msr_rd(b, 1, MSR_TSC_DEADLINE, &v), 0);
		CHECK_EQ(v, due);
		at(b, clock_ticks_to_ns(due, BOARD_TSC_HZ) - 1);
		CHECK(tsc() < due, "before");
		msr_rd(b, 1, MSR_TSC_DEADLINE, &v);
		CHECK(v == due && !intr(b, 1), "early");
		pass(b, 1);
		if (!rnd(8))
			round_trip(b, b->lapic[1]);
		msr_rd(b, 1, MSR_TSC_DEADLINE, &v);
		CHECK_EQ(v, 0);
		CHECK_EQ(inta(b, 1), 0x83);
		wr(1, EOI, 0);
	}
	/* in the past: at once; zero disarms; leaving the mode, too */
	CHECK_EQ(msr_wr(b, 1, MSR_TSC_DEADLINE, 1), 0);
	CHECK_EQ(inta(b, 1), 0x83);
	wr(1, EOI, 0);
	msr_wr(b, 1, MSR_TSC_DEADLINE, tsc() + 1000);
	msr_wr(b, 1, MSR_TSC_DEADLINE, 0);
	pass(b, 1000000);
	msr_rd(b, 1, MSR_TSC_DEADLINE, &v);
	CHECK(!intr(b, 1), "disarmed");
	msr_wr(b, 1, MSR_TSC_DEADLINE, tsc() + 1000);
	wr(1, TIMER, 0x83);
	wr(1, TIMER, DEADLINE | 0x83);
	pass(b, 1000000);
	msr_rd(b, 1, MSR_TSC_DEADLINE, &v);
	CHECK(!v && !intr(b, 1), "disarmed by the mode");
	/* masked when it passes: gone */
	wr(1, TIMER, MASKED | DEADLINE | 0x83);
	msr_wr(b, 1, MSR_TSC_DEADLINE, tsc() + 1000);
	pass(b, 1000000);
	wr(1, TIMER, DEADLINE | 0x83);
	CHECK(!intr(b, 1), "masked");
	/* an illegal vector is an error, not an interrupt */
	wr(1, TIMER, DEADLINE | 0x03);
	msr_wr(b, 1, MSR_TSC_DEADLINE, 1);
	CHECK(!intr(b, 1), "vector 3");
	wr(1, ESR, 0);
	CHECK_EQ(rd(1, ESR), 0x40);
	b->m->cfg.tsc_hz = 0;
	CHECK_EQ(msr_wr(b, 1, MSR_TSC_DEADLINE, 1), -EINVAL);
	CHECK_EQ(msr_rd(b, 1, MSR_TSC_DEADLINE, &v), -EINVAL);
	b->m->cfg.tsc_hz = BOARD_TSC_HZ;
}

/* By the clock's thread, on all CPUs at once; and a guest that wants one a nanosecond. */
static void test_running(void)
{
	fresh();
	for (unsigned i = 0; i < BOARD_CPUS; i++) {
		wr(i, DIVIDE, 0xb);
		wr(i, TIMER, PERIODIC | 0x90);
		wr(i, INITIAL, 1000000);
	}
	clock_run(b->m->clock);
	for (unsigned n = 0; n < 10; n++)
		for (unsigned i = 0; i < BOARD_CPUS; i++) {
			WAIT_FOR(intr(b, i));
			CHECK_EQ(inta(b, i), 0x90);
			wr(i, EOI, 0);
		}
	for (unsigned i = 1; i < BOARD_CPUS; i++)
		wr(i, INITIAL, 0);
	wr(0, INITIAL, 1);
	usleep(3000);
	wr(0, INITIAL, 0);
	clock_stop(b->m->clock);
}

/* A count so short that it is over while the register is being written is not lost. */
static void test_short(void)
{
	fresh();
	clock_run(b->m->clock);
	wr(1, DIVIDE, 0xb);
	for (unsigned n = 0; n < 1000; n++) {
		wr(1, TIMER, 0x91);
		wr(1, INITIAL, 1 + n % 300);
		wr(1, TIMER, 0x92);
		wr(1, DIVIDE, n & 1 ? 0xb : 0);
		WAIT_FOR(intr(b, 1));
		CHECK((inta(b, 1) & ~3) == 0x90, "turn %u", n);
		wr(1, EOI, 0);
		CHECK(!intr(b, 1), "turn %u: twice", n);
	}
	clock_stop(b->m->clock);
}

/* ---- the PIC on LINT0 ---- */

static void test_virtual_wire(void)
{
	fresh();
	pic_start(b, 0, 0);
	irqchip_gsi(b->m, 4, 1);
	CHECK(!intr(b, 0), "LINT0 is masked");
	wr(0, LINT0, 0x700);
	CHECK(intr(b, 0) && !intr(b, 1), "as ExtINT");
	wr(0, TPR, 0xf0);
	CHECK(intr(b, 0), "no matter which priority");
	msi(0, 0x91);
	CHECK_EQ(inta(b, 0), 0x24);			/* the PIC's turn */
	CHECK(!intr(b, 0), "0x91 is below TPR");
	CHECK_EQ(rd(0, ISR + 0x10), 0);			/* not the local APIC's to end */
	wr(0, TPR, 0);
	CHECK_EQ(inta(b, 0), 0x91);
	irqchip_gsi(b->m, 3, 1);
	CHECK_EQ(inta(b, 0), 0x23);
	wr(0, EOI, 0);
	outb(b, 0x20, 0x20);
	outb(b, 0x20, 0x20);
	irqchip_gsi(b->m, 3, 0);
	/* as a fixed interrupt: an edge of the PIC's output */
	wr(0, LINT0, 0x92);
	irqchip_gsi(b->m, 3, 1);
	CHECK_EQ(inta(b, 0), 0x92);
	wr(0, EOI, 0);
	CHECK(!intr(b, 0), "once");
	outb(b, 0x21, 0xff);
	outb(b, 0x21, 0);
	irqchip_gsi(b->m, 3, 0);
	/* as NMI */
	outb(b, 0x20, 0x0c);
	(void)inb(b, 0x20);
	outb(b, 0x20, 0x20);
	(void)takers(0x92);
	wr(0, LINT0, 0x400);
	irqchip_gsi(b->m, 3, 1);
	CHECK_EQ(b->port[0].lines, 1u << PORT_X86_NMI);
	/* without an APIC the wire is the processor's INTR */
	CHECK_EQ(set_base(0, base(0) & ~(uint64_t)BASE_ON), 0);
	CHECK(intr(b, 0), "straight");
	CHECK_EQ(inta(b, 0), 0x23);
	CHECK_EQ(inta(b, 0), -1);
	irqchip_gsi(b->m, 3, 0);
}

/* ---- with the IOAPIC: level-triggered interrupts end by an EOI here ---- */

static void test_ioapic(void)
{
	fresh();
	io_entry(b, 17, UINT64_C(3) << 56 | 0xa055);
	irqchip_gsi(b->m, 17, 1);
	CHECK_EQ(inta(b, 3), 0x55);
	CHECK_EQ(rd(3, TMR + 0x20), 1u << 0x15);
	CHECK(!intr(b, 3), "in service");
	wr(3, EOI, 0);
	CHECK(intr(b, 3), "again while the line is high");
	irqchip_gsi(b->m, 17, 0);
	CHECK_EQ(inta(b, 3), 0x55);
	wr(3, EOI, 0);
	CHECK(!intr(b, 3) && !(io_rd(b, 0x10 + 34) & 0x4000), "ended");
	/* an edge of the same vector clears TMR */
	msi(3 << 12, 0x55);
	CHECK_EQ(rd(3, TMR + 0x20), 0);
	CHECK_EQ(takers(0x55), 1u << 3);
	/* a guest that suppresses the broadcast tells the IOAPIC itself */
	wr(3, SVR, 0x11ff);
	irqchip_gsi(b->m, 17, 1);
	CHECK_EQ(inta(b, 3), 0x55);
	wr(3, EOI, 0);
	CHECK(!intr(b, 3), "not broadcast");
	region_write(b->m->mmio, IOAPIC_AT + 0x40, 4, 0x55);
	CHECK_EQ(inta(b, 3), 0x55);
	irqchip_gsi(b->m, 17, 0);
}

/* ---- state ---- */

static void test_state(void)
{
	struct lapic_state *s = b->m->irqchip->lapic[2];
	static const struct { const char *what; size_t off; unsigned size; uint64_t v; } bad[] = {
#define BAD(m, x) { #m, offsetof(struct lapic_state, m), sizeof(((struct lapic_state *)0)->m), x }
		BAD(base, 0xfee00400), BAD(base, 0xfee00a00), BAD(id, 0x100), BAD(tpr, 0x100),
		BAD(wait_sipi, 2), BAD(irr[0], 0x8000), BAD(isr[0], 1), BAD(timer_divide, 0x10),
	};
	struct state_buf buf = { 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		fresh();
		memcpy((char *)s + bad[i].off, &bad[i].v, bad[i].size);
		buf.len = 0;
		CHECK_EQ(state_save(b->lapic[2], &buf, &b->err), 0);
		CHECK(state_load(b->lapic[2], buf.data, buf.len, &b->err) == -EINVAL, "%s",
		      bad[i].what);
		CHECK_EQ(rd(2, SVR), 0xff);
	}
	free(buf.data);
	fresh();
	for (unsigned i = 0; i < 20000; i++) {
		unsigned cpu = rnd(BOARD_CPUS), reg = rnd(64) << 4;

		switch (rnd(8)) {
		case 0: msi(rnd(8) << 12, 16 + rnd(240)); break;
		case 1: (void)inta(b, cpu); break;
		case 2: wr(cpu, EOI, 0); break;
		case 3: round_trip(b, b->lapic[cpu]); break;
		case 4: pass(b, rnd(100000)); break;
		case 5:
			if (reg != 0x300 || rnd(4))
				wr(cpu, reg, rnd(2) ? rnd(0x80000) : rnd(UINT32_MAX));
			break;
		case 6: (void)rd(cpu, reg); break;
		case 7: CHECK_EQ(!!intr(b, cpu), intr(b, cpu)); break;
		}
	}
	round_trip_all(b);
}

int main(void)
{
	b = board_new(BOARD_CPUS, BOARD_ALL);
	test_registers();
	test_priorities();
	test_errors();
	test_physical();
	test_flat();
	test_cluster();
	test_x2();
	test_x2_checks();
	test_shorthands();
	test_lowest();
	test_init_sipi();
	test_base();
	test_one_shot();
	test_periodic();
	test_deadline();
	test_running();
	test_short();
	test_virtual_wire();
	test_ioapic();
	test_state();
	board_free(b);
	return check_done();
}
