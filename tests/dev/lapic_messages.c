/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between local APICs: destinations in all modes, x2APIC, INIT and SIPI. */
#include "tests/dev/lapic.h"

#include <errno.h>

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

int main(void)
{
	b = board_new(BOARD_CPUS, BOARD_ALL);
	test_physical();
	test_flat();
	test_cluster();
	test_x2();
	test_x2_checks();
	test_shorthands();
	test_lowest();
	test_init_sipi();
	board_free(b);
	return check_done();
}
