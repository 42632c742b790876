/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The I/O APIC: its messages are caught where the engine's local APICs would be. */
#include "tests/dev/chips.h"

#include <errno.h>

#define LEVEL  0x8000u
#define MASKED 0x10000u
#define REMOTE 0x4000u
#define EXPECT(n, v) do { CHECK_EQ(b->msi_calls, n); CHECK_EQ(b->msi_data & 0xff, v); } while (0)

static struct board *b;

static void gsi(unsigned n, int level) { irqchip_gsi(b->m, n, level); }

static void fresh(void)
{
	machine_reset(b->m, RESET_COLD);
	b->msi_calls = 0;
}

static void test_registers(void)
{
	uint64_t v;

	fresh();
	CHECK_EQ(io_rd(b, 1), 0x00170011);
	CHECK_EQ(io_rd(b, 0), 0);
	io_wr(b, 0, 0xffffffff);
	CHECK_EQ(io_rd(b, 0), 0x0f000000);
	CHECK_EQ(io_rd(b, 2), 0x0f000000);
	io_wr(b, 1, 0);
	CHECK_EQ(io_rd(b, 1), 0x00170011);
	for (unsigned pin = 0; pin < 24; pin++) {
		CHECK_EQ(io_rd(b, 0x10 + 2 * pin), MASKED);
		CHECK_EQ(io_rd(b, 0x11 + 2 * pin), 0);
	}
	io_wr(b, 0x10 + 2 * 23, 0xffffffff);
	io_wr(b, 0x11 + 2 * 23, 0xffffffff);
	CHECK_EQ(io_rd(b, 0x10 + 2 * 23), 0x1afff);	/* not the read-only ones */
	CHECK_EQ(io_rd(b, 0x11 + 2 * 23), 0xff000000);
	io_wr(b, 0x40, 0x1234);				/* beyond the table */
	CHECK_EQ(io_rd(b, 0x40), 0xffffffff);		/* as the kernel's chip */
	CHECK_EQ(io_rd(b, 0xff), 0xffffffff);
	/* a byte selects, as EDK II does */
	region_write(b->m->mmio, IOAPIC_AT, 1, 1);
	region_read(b->m->mmio, IOAPIC_AT + 0x10, 4, &v);
	CHECK_EQ(v, 0x00170011);
	region_read(b->m->mmio, IOAPIC_AT, 4, &v);
	CHECK_EQ(v, 1);
	region_read(b->m->mmio, IOAPIC_AT + 0x12, 1, &v);
	CHECK_EQ(v, 0x17);
	region_read(b->m->mmio, IOAPIC_AT + 0x20, 4, &v);
	CHECK_EQ(v, 0);
}

static void test_edge(void)
{
	fresh();
	io_entry(b, 4, UINT64_C(0x03) << 56 | 0x31);
	gsi(4, 1);
	EXPECT(1, 0x31);
	CHECK_EQ(b->msi_addr, 0xfee03000);
	CHECK_EQ(b->msi_data, 0x4031);
	gsi(4, 1);
	EXPECT(1, 0x31);
	gsi(4, 0);
	gsi(4, 1);
	EXPECT(2, 0x31);
	irqchip_eoi(b->m, 0x31);			/* nothing to an edge */
	EXPECT(2, 0x31);
	gsi(4, 0);
	/* logical, lowest priority, with the polarity that makes no difference */
	io_entry(b, 4, UINT64_C(0xc0) << 56 | 0x2931);
	gsi(4, 1);
	CHECK_EQ(b->msi_addr, 0xfeec0004);
	CHECK_EQ(b->msi_data, 0x4131);
	gsi(4, 0);
	/* masked: neither delivered nor kept */
	io_entry(b, 4, 0x31 | MASKED);
	gsi(4, 1);
	EXPECT(3, 0x31);
	io_entry(b, 4, 0x31);
	EXPECT(3, 0x31);
	CHECK_EQ(b->m->irqchip->ioapic->irr, 1u << 4);	/* but the KVM chip knows it */
	gsi(4, 0);
	CHECK_EQ(b->m->irqchip->ioapic->irr, 0);
	gsi(4, 1);
	EXPECT(4, 0x31);
	gsi(4, 0);
	/* the timer's line is pin 2; what is called GSI 2 goes nowhere */
	io_entry(b, 2, 0x32);
	io_entry(b, 0, 0x30);
	gsi(0, 1);
	EXPECT(5, 0x32);
	gsi(2, 1);
	EXPECT(5, 0x32);
	gsi(24, 1);
	gsi(4000, 1);
	EXPECT(5, 0x32);
}

static void test_level(void)
{
	fresh();
	io_entry(b, 18, 0x55 | LEVEL | 0x2000);
	gsi(18, 1);
	EXPECT(1, 0x55);
	CHECK_EQ(b->msi_data, 0xc055);
	CHECK_EQ(io_rd(b, 0x10 + 36), 0x55 | LEVEL | 0x2000 | REMOTE);
	gsi(18, 0);
	gsi(18, 1);
	EXPECT(1, 0x55);				/* not answered yet */
	irqchip_eoi(b->m, 0x54);
	EXPECT(1, 0x55);
	irqchip_eoi(b->m, 0x55);
	EXPECT(2, 0x55);				/* still high: again */
	gsi(18, 0);
	irqchip_eoi(b->m, 0x55);
	EXPECT(2, 0x55);
	CHECK_EQ(io_rd(b, 0x10 + 36), 0x55 | LEVEL | 0x2000);
	irqchip_eoi(b->m, 0x55);
	/* masked while high, and unmasked */
	io_wr(b, 0x10 + 36, 0x55 | LEVEL | MASKED);
	gsi(18, 1);
	EXPECT(2, 0x55);
	io_wr(b, 0x10 + 36, 0x55 | LEVEL);
	EXPECT(3, 0x55);
	/* an EOI while it is masked ends, and delivers nothing */
	io_wr(b, 0x10 + 36, 0x55 | LEVEL | MASKED);
	CHECK(io_rd(b, 0x10 + 36) & REMOTE, "kept over writes");
	irqchip_eoi(b->m, 0x55);
	EXPECT(3, 0x55);
	io_wr(b, 0x10 + 36, 0x55 | LEVEL);
	EXPECT(4, 0x55);
	/* a change to edge and back frees it from a lost EOI */
	io_wr(b, 0x10 + 36, 0x55 | MASKED);
	CHECK(!(io_rd(b, 0x10 + 36) & REMOTE), "gone");
	io_wr(b, 0x10 + 36, 0x56 | LEVEL);
	EXPECT(5, 0x56);
	gsi(18, 0);
	/* by the EOI register; two pins of one vector */
	io_entry(b, 20, 0x56 | LEVEL);
	gsi(20, 1);
	EXPECT(6, 0x56);
	region_write(b->m->mmio, IOAPIC_AT + 0x40, 4, 0x56);
	EXPECT(7, 0x56);
	CHECK(!(io_rd(b, 0x10 + 36) & REMOTE) && io_rd(b, 0x10 + 40) & REMOTE, "each its own");
	gsi(20, 0);
	/* NMI and the like are not answered by an EOI */
	io_entry(b, 19, 0x400 | LEVEL);
	gsi(19, 1);
	CHECK_EQ(b->msi_calls, 8);
	CHECK(!(io_rd(b, 0x10 + 38) & REMOTE), "no remote IRR");
	gsi(19, 0);
	/* nobody took it, so nobody ends it: it is not waited for */
	b->msi_result = -ENODEV;
	io_entry(b, 21, 0x57 | LEVEL);
	gsi(21, 1);
	CHECK_EQ(b->msi_calls, 9);
	CHECK(!(io_rd(b, 0x10 + 42) & REMOTE), "not accepted");
	b->msi_result = 0;
	io_wr(b, 0x10 + 42, 0x58 | LEVEL);
	EXPECT(10, 0x58);
	CHECK(io_rd(b, 0x10 + 42) & REMOTE, "accepted");
	gsi(21, 0);
}

static void test_changes(void)
{
	fresh();
	b->table_changes = 0;
	io_entry(b, 3, 0x33);
	CHECK_EQ(b->table_changes, 1);
	io_entry(b, 3, 0x33);
	CHECK_EQ(b->table_changes, 1);			/* nothing new */
	gsi(3, 1);
	CHECK_EQ(b->table_changes, 1);
	gsi(3, 0);
}

static void test_state(void)
{
	struct ioapic_state *io = b->m->irqchip->ioapic;
	struct state_buf s = { 0 };

	fresh();
	for (unsigned i = 0; i < 2000; i++) {
		switch (rnd(6)) {
		case 0: io_wr(b, 0x10 + rnd(48), (uint32_t)rnd(0x20000)); break;
		case 1: irqchip_eoi(b->m, rnd(256)); break;
		case 2: round_trip(b, b->ioapic); break;
		default: gsi(rnd(24), (int)rnd(2));
		}
	}
	/* saved when a message was owed (an engine may be that late): it comes when time goes on */
	fresh();
	io->redir[9] = 0x49 | LEVEL;
	io->lines = io->irr = 1u << 9;
	b->msi_calls = 0;
	CHECK_EQ(state_save(b->ioapic, &s, &b->err), 0);
	CHECK_EQ(state_load(b->ioapic, s.data, s.len, &b->err), 0);
	EXPECT(0, b->msi_data & 0xff);
	clock_run(b->m->clock);
	WAIT_FOR(*(volatile unsigned *)&b->msi_calls);
	clock_stop(b->m->clock);
	EXPECT(1, 0x49);
	/* reserved bits, and a line of a pin that does not exist */
	s.len = 0;
	io->redir[9] = UINT64_MAX;
	CHECK_EQ(state_save(b->ioapic, &s, &b->err), 0);
	CHECK_EQ(state_load(b->ioapic, s.data, s.len, &b->err), 0);
	CHECK_EQ(io->redir[9], UINT64_C(0xff0000000001efff));
	s.len = 0;
	io->lines = 1u << 24;
	CHECK_EQ(state_save(b->ioapic, &s, &b->err), 0);
	CHECK(state_load(b->ioapic, s.data, s.len, &b->err) < 0, "pin 24");
	CHECK_EQ(io->redir[9], MASKED);			/* as after a reset */
	free(s.data);
}

int main(void)
{
	b = board_new(1, BOARD_IOAPIC);
	irqchip_set_home(b->m, IRQCHIP_SPLIT);
	test_registers();
	test_edge();
	test_level();
	test_changes();
	test_state();
	board_free(b);
	return check_done();
}
