/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local APICs of eight processors: registers, priorities, with the other chips, state. */
#include "tests/dev/lapic.h"

#include <errno.h>

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
	test_base();
	test_virtual_wire();
	test_ioapic();
	test_state();
	board_free(b);
	return check_done();
}
