/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chips' change of home: what moves, what does not, and that nothing is lost. */
#include "tests/dev/chips.h"

#include <errno.h>

enum { TPR = 0x80, EOI = 0xb0, SVR = 0xf0, TIMER = 0x320, LINT0 = 0x350, INITIAL = 0x380,
       CURRENT = 0x390, DIVIDE = 0x3e0 };

static struct board *b;

static void home(enum irqchip_home h) { irqchip_set_home(b->m, h); }

static void fresh(unsigned cpus, unsigned chips)
{
	if (b)
		board_free(b);
	b = board_new(cpus, chips);
	if (chips & BOARD_PIC)
		pic_start(b, 0, 0);
	for (unsigned i = 0; chips & BOARD_LAPIC && i < cpus; i++)
		apic_wr(b, i, SVR, 0x1ff);
}

/* Everything in motion. */
static void stir(unsigned steps)
{
	static const uint16_t regs[] = { TPR, EOI, SVR, TIMER, LINT0, INITIAL, DIVIDE, 0x300,
					 0xd0 };

	for (unsigned i = 0; i < steps; i++) {
		unsigned cpu = rnd(BOARD_CPUS);

		switch (rnd(10)) {
		case 0: case 1: irqchip_gsi(b->m, rnd(24), (int)rnd(2)); break;
		case 2: io_entry(b, rnd(24), (uint64_t)rnd(256) << 56 | rnd(0x20000)); break;
		case 3: machine_msi(b->m, 0xfee00000 | rnd(8) << 12, 16 + rnd(240)); break;
		case 4: (void)inta(b, cpu); break;
		case 5:
			apic_wr(b, cpu, regs[rnd(9)], rnd(4) ? rnd(0x20000) : rnd(UINT32_MAX));
			break;
		case 6: outb(b, (uint16_t)(0x40 + rnd(4)), rnd(256)); break;
		case 7: outb(b, (uint16_t)(rnd(2) ? 0x20 : 0xa0), rnd(3) ? 0x20 : rnd(256)); break;
		case 8: outb(b, (uint16_t)(rnd(2) ? 0x21 : 0xa1), rnd(256)); break;
		case 9: pass(b, rnd(1000000)); break;
		}
	}
}

/* ---- there and back again ---- */

static void test_round_trips(void)
{
	fresh(BOARD_CPUS, BOARD_ALL);
	for (unsigned round = 0; round < 3000; round++) {
		struct state_buf before[3 + BOARD_CPUS] = { 0 }, after;
		int level[BOARD_CPUS];
		unsigned n = 0;

		if (!rnd(50))
			fresh(BOARD_CPUS, BOARD_ALL);
		/* an engine whose local APICs take what ours did not would change the IOAPIC */
		b->msi_result = -ENODEV;
		stir(20);
		/* What is due now is given out before: it is no part of the comparison. */
		home(IRQCHIP_KERNEL);
		home(IRQCHIP_USER);
		for (struct dev *d = b->m->devs; d; d = d->next, n++)
			CHECK_EQ(state_save(d, &before[n], &b->err), 0);
		for (unsigned i = 0; i < BOARD_CPUS; i++)
			level[i] = intr(b, i);
		switch (rnd(4)) {
		case 0: home(IRQCHIP_SPLIT); break;
		case 1: home(IRQCHIP_KERNEL); break;
		case 2: home(IRQCHIP_SPLIT); home(IRQCHIP_KERNEL); break;
		case 3: home(IRQCHIP_KERNEL); home(IRQCHIP_SPLIT); break;
		}
		for (unsigned i = 1; i < BOARD_CPUS; i++)
			CHECK_EQ(intr(b, i), 0);
		if (atomic_load(&b->m->irqchip->home) == IRQCHIP_KERNEL)
			CHECK_EQ(intr(b, 0), 0);
		home(IRQCHIP_USER);
		n = 0;
		for (struct dev *d = b->m->devs; d; d = d->next, n++) {
			after = (struct state_buf){ 0 };
			CHECK_EQ(state_save(d, &after, &b->err), 0);
			CHECK(state_same(&before[n], &after), "round %u: %s", round, d->id);
			free(before[n].data);
			free(after.data);
		}
		for (unsigned i = 0; i < BOARD_CPUS; i++)
			CHECK_EQ(intr(b, i), level[i]);
	}
}

/* ---- who hears what ---- */

static void test_kernel(void)
{
	uint64_t v;

	fresh(2, BOARD_ALL);
	io_entry(b, 4, 0x34);
	irqchip_gsi(b->m, 5, 1);
	apic_wr(b, 0, LINT0, 0x700);
	CHECK_EQ(intr(b, 0), 1);
	home(IRQCHIP_KERNEL);
	CHECK(!intr(b, 0) && !b->port[0].ack && !b->port[0].apic && !b->port[1].apic, "let go");
	irqchip_gsi(b->m, 4, 1);
	CHECK(b->gsi_calls == 1 && b->last_gsi == 4 && b->last_level == 1, "lines");
	CHECK_EQ(machine_msi(b->m, 0xfee01000, 0x55), 0);
	CHECK(b->msi_calls == 1 && b->msi_addr == 0xfee01000 && b->msi_data == 0x55, "messages");
	irqchip_eoi(b->m, 0x34);
	CHECK(!intr(b, 0) && !intr(b, 1), "nothing here");
	/* registers are the engine's */
	outb(b, 0x21, 0xff);
	outb(b, 0x43, 0x34);
	outb(b, 0x40, 0);
	io_wr(b, 0x10 + 8, 0x77);
	apic_wr(b, 0, TPR, 0x77);
	CHECK(b->m->irqchip->pic[0].imr == 0 && b->m->irqchip->lapic[0]->tpr == 0 &&
	      (b->m->irqchip->ioapic->redir[4] & 0xff) == 0x34, "nothing is written");
	CHECK_EQ(inb(b, 0x21), 0xff);
	region_read(b->m->mmio, LAPIC_AT + TPR, 4, &v);
	CHECK_EQ(v, 0xffffffff);
	/* a reset reaches the structs, and no CPU */
	machine_reset(b->m, RESET_WARM);
	CHECK(b->m->irqchip->ioapic->redir[4] == 0x10000 && !intr(b, 0), "reset");
	home(IRQCHIP_USER);
	CHECK(b->port[0].apic && b->port[1].apic && b->port[1].ack, "taken back");
}

/* Lines that moved while the chips were away. */
static void test_gap(void)
{
	fresh(2, BOARD_ALL);
	io_entry(b, 4, 0x34);			/* edge */
	io_entry(b, 5, 0x35);			/* edge, high all the time */
	io_entry(b, 20, 0x8044);		/* level */
	io_entry(b, 21, 0x8045);		/* level, falls */
	irqchip_gsi(b->m, 5, 1);
	irqchip_gsi(b->m, 21, 1);
	CHECK_EQ(inta(b, 0), 0x45);
	apic_wr(b, 0, EOI, 0);
	CHECK_EQ(inta(b, 0), 0x45);		/* not answered yet */
	CHECK_EQ(inta(b, 0), -1);
	apic_wr(b, 0, EOI, 0);
	CHECK_EQ(inta(b, 0), 0x45);
	home(IRQCHIP_KERNEL);
	irqchip_gsi(b->m, 4, 1);
	irqchip_gsi(b->m, 20, 1);
	irqchip_gsi(b->m, 21, 0);
	home(IRQCHIP_USER);
	CHECK(b->m->irqchip->pic[0].irr & 0x10, "the PIC saw the edge, too");
	apic_wr(b, 0, EOI, 0);
	CHECK_EQ(inta(b, 0), 0x44);
	apic_wr(b, 0, EOI, 0);
	CHECK_EQ(inta(b, 0), 0x44);		/* level: still */
	irqchip_gsi(b->m, 20, 0);
	apic_wr(b, 0, EOI, 0);
	CHECK_EQ(inta(b, 0), 0x35);		/* was there before */
	apic_wr(b, 0, EOI, 0);
	CHECK_EQ(inta(b, 0), 0x34);
	apic_wr(b, 0, EOI, 0);
	CHECK_EQ(inta(b, 0), -1);
	/* an engine that has pulled knows the lines from then on */
	irqchip_gsi(b->m, 4, 0);
	irqchip_gsi(b->m, 5, 0);
	home(IRQCHIP_KERNEL);
	irqchip_gsi(b->m, 4, 1);
	irqchip_gsi(b->m, 0, 1);
	irqchip_pulled(b->m);
	CHECK_EQ(b->m->irqchip->ioapic->lines, 1u << 4 | 1u << 2);
	CHECK_EQ(b->m->irqchip->pic[0].lines, 0x11);
	irqchip_gsi(b->m, 0, 0);
	irqchip_gsi(b->m, 5, 1);
	home(IRQCHIP_USER);
	CHECK_EQ(inta(b, 0), 0x35);
	apic_wr(b, 0, EOI, 0);
	CHECK_EQ(inta(b, 0), -1);
}

static void test_split(void)
{
	fresh(2, BOARD_ALL);
	b->table_changes = 0;
	home(IRQCHIP_SPLIT);
	CHECK(b->table_changes && !b->port[0].apic && b->port[0].ack && !b->port[1].ack, "split");
	/* the PIC's way is the first CPU's port */
	irqchip_gsi(b->m, 10, 1);
	CHECK(intr(b, 0) && !intr(b, 1), "straight");
	CHECK_EQ(inta(b, 0), 0x2a);
	CHECK(!intr(b, 0), "taken");
	/* the IOAPIC is here, its messages go to the engine */
	io_entry(b, 17, UINT64_C(1) << 56 | 0x8099);
	irqchip_gsi(b->m, 17, 1);
	CHECK(b->msi_calls == 1 && b->msi_addr == 0xfee01000 && b->msi_data == 0xc099, "message");
	irqchip_eoi(b->m, 0x99);
	CHECK_EQ(b->msi_calls, 2);
	CHECK_EQ(b->gsi_calls, 0);
	/* what no local APIC here took goes to the engine's when they have their state */
	irqchip_gsi(b->m, 17, 0);
	irqchip_eoi(b->m, 0x99);
	home(IRQCHIP_USER);
	apic_wr(b, 1, SVR, 0xff);
	irqchip_gsi(b->m, 17, 1);
	b->msi_calls = 0;
	home(IRQCHIP_SPLIT);
	CHECK_EQ(b->msi_calls, 0);
	clock_run(b->m->clock);
	WAIT_FOR(*(volatile unsigned *)&b->msi_calls);
	clock_stop(b->m->clock);
	CHECK(b->msi_calls == 1 && b->msi_data == 0xc099, "owed");
	/* the output moves with the home */
	irqchip_gsi(b->m, 1, 1);
	CHECK(intr(b, 0), "here");
	home(IRQCHIP_KERNEL);
	CHECK(!intr(b, 0) && !b->port[0].ack, "not here");
	home(IRQCHIP_SPLIT);
	CHECK(intr(b, 0), "here again");
	home(IRQCHIP_USER);
	CHECK(!intr(b, 0), "LINT0 is masked");
	apic_wr(b, 0, LINT0, 0x700);
	CHECK(intr(b, 0), "and is not");
	CHECK_EQ(inta(b, 0), 0x21);
}

static void test_without_lapic(void)
{
	fresh(1, BOARD_PIC | BOARD_PIT);
	irqchip_gsi(b->m, 1, 1);
	CHECK(intr(b, 0) && b->port[0].ack, "straight");
	CHECK_EQ(inta(b, 0), 0x21);
	home(IRQCHIP_KERNEL);
	CHECK(!intr(b, 0) && !b->port[0].ack, "lent");
	home(IRQCHIP_USER);
	CHECK(b->port[0].ack, "back");
	/* no chips of our own: straight to the engine */
	fresh(1, 0);
	irqchip_gsi(b->m, 77, 1);
	CHECK(b->gsi_calls == 1 && b->last_gsi == 77, "engine");
	irqchip_set_home(b->m, IRQCHIP_KERNEL);
	irqchip_eoi(b->m, 1);
	irqchip_pulled(b->m);
	irqchip_pit_legacy_off(b->m, true);
	CHECK_EQ(machine_msi(b->m, 0xfee00000, 0x33), 0);
	b->m->engine.msi = NULL;
	CHECK(machine_msi(b->m, 0xfee00000, 0x33) < 0, "nobody");
}

/* ---- timers ---- */

static void test_timers(void)
{
	fresh(2, BOARD_ALL);
	io_entry(b, 2, 0x40);
	at(b, 1000000000);
	outb(b, 0x43, 0x30);			/* one-shot, 1000 ticks */
	outb(b, 0x40, 1000 & 0xff);
	outb(b, 0x40, 1000 >> 8);
	apic_wr(b, 0, DIVIDE, 0xb);
	apic_wr(b, 0, TIMER, 0x50);
	apic_wr(b, 0, INITIAL, 500000);
	apic_wr(b, 1, DIVIDE, 0xb);
	apic_wr(b, 1, TIMER, 0x20051);
	apic_wr(b, 1, INITIAL, 300000);
	/* due when they are lent: given out first, and not again later */
	pass(b, 900000);
	home(IRQCHIP_KERNEL);
	CHECK(b->m->irqchip->lapic[0]->irr[2] == (1u << 0x10 | 1), "timer and PIT");
	CHECK(b->m->irqchip->lapic[1]->irr[2] == 1u << 0x11, "the other's");
	clock_run(b->m->clock);
	usleep(3000);
	clock_stop(b->m->clock);
	CHECK(!intr(b, 0) && !intr(b, 1) && b->gsi_calls == 0, "no timer is armed");
	home(IRQCHIP_USER);
	CHECK_EQ(inta(b, 0), 0x50);
	apic_wr(b, 0, EOI, 0);
	CHECK_EQ(inta(b, 0), 0x40);
	apic_wr(b, 0, EOI, 0);
	CHECK_EQ(inta(b, 0), -1);
	(void)apic_rd(b, 0, CURRENT);
	outb(b, 0x43, 0xf0);
	CHECK_EQ(inta(b, 0), -1);
	/* the periodic one goes on on its grid */
	CHECK_EQ(inta(b, 1), 0x51);
	apic_wr(b, 1, EOI, 0);
	at(b, (now(b) - 1000000000) / 300000 * 300000 + 300000 + 1000000000 - 1);
	CHECK_EQ(apic_rd(b, 1, CURRENT), 1);
	CHECK(!intr(b, 1), "early");
	pass(b, 1);
	(void)apic_rd(b, 1, CURRENT);
	CHECK_EQ(inta(b, 1), 0x51);
	apic_wr(b, 1, EOI, 0);
	apic_wr(b, 1, TIMER, 0x10000);
	/* changed by the engine while lent: worked out anew */
	home(IRQCHIP_SPLIT);
	b->m->irqchip->lapic[0]->lvt[LAPIC_LVT_TIMER] = 0x40052;
	b->m->irqchip->lapic[0]->tsc_deadline = clock_ns_to_ticks(now(b) + 1000, BOARD_TSC_HZ);
	home(IRQCHIP_USER);
	pass(b, 1001);
	clock_run(b->m->clock);
	WAIT_FOR(intr(b, 0));
	clock_stop(b->m->clock);
	CHECK_EQ(inta(b, 0), 0x52);
	CHECK_EQ(b->m->irqchip->lapic[0]->tsc_deadline, 0);
	apic_wr(b, 0, EOI, 0);
	/* saved while lent, loaded while here */
	home(IRQCHIP_KERNEL);
	b->m->irqchip->lapic[0]->lvt[LAPIC_LVT_TIMER] = 0x53;
	b->m->irqchip->lapic[0]->timer_initial = 1000;
	b->m->irqchip->lapic[0]->timer_start = now(b);
	struct state_buf s = { 0 };

	CHECK_EQ(state_save(b->lapic[0], &s, &b->err), 0);
	machine_reset(b->m, RESET_COLD);
	home(IRQCHIP_USER);
	CHECK_EQ(state_load(b->lapic[0], s.data, s.len, &b->err), 0);
	pass(b, 1000);
	(void)apic_rd(b, 0, CURRENT);
	CHECK_EQ(inta(b, 0), 0x53);
	apic_wr(b, 0, EOI, 0);
	free(s.data);
	/* due and saved while here, loaded while lent: the engine finds it given */
	apic_wr(b, 0, TIMER, 0x54);
	apic_wr(b, 0, INITIAL, 1000);
	pass(b, 1000);
	s = (struct state_buf){ 0 };
	CHECK_EQ(state_save(b->lapic[0], &s, &b->err), 0);
	home(IRQCHIP_KERNEL);
	machine_reset(b->m, RESET_COLD);
	CHECK_EQ(state_load(b->lapic[0], s.data, s.len, &b->err), 0);
	CHECK_EQ(b->m->irqchip->lapic[0]->irr[2], 1u << 0x14);
	CHECK_EQ(b->m->irqchip->lapic[0]->nr_vectors, 1);
	home(IRQCHIP_USER);
	CHECK_EQ(inta(b, 0), 0x54);
	(void)apic_rd(b, 0, CURRENT);
	CHECK(!intr(b, 0), "not again");
	free(s.data);
}

/* ---- devices at work while the chips move: no thread may see half of it ---- */

static _Atomic bool stop;

static void *driver(void *arg)
{
	unsigned n = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; !atomic_load(&stop); i++) {
		irqchip_gsi(b->m, 16 + n, i & 1);
		irqchip_gsi(b->m, 3 + n, i & 1);
		machine_msi(b->m, 0xfee00000 | (i & 7) << 12, 0x40 + i % 0x80);
	}
	irqchip_gsi(b->m, 16 + n, 1);
	return NULL;
}

static void test_threads(void)
{
	pthread_t t[3];

	fresh(BOARD_CPUS, BOARD_ALL);
	for (unsigned i = 0; i < 3; i++)
		io_entry(b, 16 + i, (uint64_t)i << 56 | 0x80d0 | i);
	b->m->engine.gsi = NULL;		/* not counted by several threads */
	b->m->engine.msi = NULL;
	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, driver, (void *)i);
	for (unsigned n = 0; n < 300; n++) {
		home(n % 3);
		for (unsigned i = 0; i < BOARD_CPUS; i++)
			if (intr(b, i) && inta(b, i) >= 0)
				apic_wr(b, i, EOI, 0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	home(IRQCHIP_USER);
	/* the lines are high: whatever was lost on the way, they are asked for again and again */
	for (unsigned i = 0; i < 3; i++) {
		unsigned served = 0;

		for (unsigned n = 0; n < 500; n++) {
			int v = inta(b, i);

			served += v == (int)(0xd0 + i);
			apic_wr(b, i, EOI, 0);
		}
		CHECK(served > 200, "line %u is served %u times", 16 + i, served);
	}
}

int main(void)
{
	test_kernel();
	test_gap();
	test_split();
	test_without_lapic();
	test_timers();
	test_round_trips();
	test_threads();
	board_free(b);
	return check_done();
}
