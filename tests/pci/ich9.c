/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The LPC bridge: ACPI registers, power button, timer, power-off, reset; lines to GSIs. */
#include "tests/pci/pcitest.h"

enum { PM = ICH9_PMBASE, LPC = PCI_DEVFN(31, 0) };
enum { PM1_STS = PM, PM1_EN = PM + 2, PM1_CNT = PM + 4, PM_TMR = PM + 8, GPE0_STS = PM + 0x20,
       GPE0_EN = PM + 0x28, SMI_EN = PM + 0x30 };
enum { SCI = 1 << ICH9_SCI };

static struct dev *lpc;

static struct board board(void)
{
	struct board t = board_new();

	lpc = board_dev(&t, "ich9-lpc");
	CHECK_EQ(pci_plug(t.root, pci_fn_of(lpc), LPC, &t.b->err), 0);
	return t;
}

static void ready(struct board *t)
{
	board_listen(t);
	machine_reset(t->m, RESET_COLD);
	ich9_direct_boot(lpc);
}

static void warp(struct board *t, uint64_t ns)
{
	clock_stop(t->m->clock);
	clock_set(t->m->clock, ns);
}

static void test_pm_block(void)
{
	struct board t = board();

	board_listen(&t);
	machine_reset(t.m, RESET_COLD);
	CHECK_EQ(pci_config_get(t.root, 0, LPC, 0, 4), 0x29188086);
	CHECK_EQ(pci_config_get(t.root, 0, LPC, 0x0a, 2), 0x0601);
	CHECK_EQ(pci_config_get(t.root, 0, LPC, 0x0e, 1), 0x80);
	/* Not there until ACPI is enabled and a base is set. */
	CHECK_EQ(port_in(&t, PM1_CNT, 2), 0xffff);
	cfg_set(&t, 0, LPC, 0x44, 0x80, 1);
	CHECK_EQ(port_in(&t, 4, 2), 0xffff);
	cfg_set(&t, 0, LPC, 0x40, PM | 1, 4);
	CHECK_EQ(pci_config_get(t.root, 0, LPC, 0x40, 4), PM | 1);
	CHECK_EQ(port_in(&t, PM1_CNT, 2), 1);		/* SCI_EN for good */
	port_out(&t, PM1_CNT, 2, 0);
	CHECK_EQ(port_in(&t, PM1_CNT, 4), 1);
	CHECK_EQ(port_in(&t, SMI_EN, 4), 0x20);		/* firmware: SMM has been set up */
	CHECK_EQ(port_in(&t, PM + 0x68, 2), 0x800);	/* the watchdog is halted */
	cfg_set(&t, 0, LPC, 0x40, 0xb000, 4);
	CHECK_EQ(port_in(&t, PM1_CNT, 2), 0xffff);
	CHECK_EQ(port_in(&t, 0xb004, 1), 1);
	bus_save_load(t.b, lpc);
	CHECK_EQ(port_in(&t, 0xb004, 1), 1);
	cfg_set(&t, 0, LPC, 0x44, 0, 1);
	CHECK_EQ(port_in(&t, 0xb004, 1), 0xff);
	/* Over somebody else's ports: not there. */
	cfg_set(&t, 0, LPC, 0x40, 0xc80, 4);
	cfg_set(&t, 0, LPC, 0x44, 0x80, 1);
	CHECK_EQ(port_in(&t, 0xc84, 1), 0xff);
	cfg_set(&t, 0, LPC, 0x40, PM, 4);
	CHECK_EQ(port_in(&t, PM1_CNT, 1), 1);
	/* APM ports remember. */
	port_out(&t, 0xb2, 1, 0x55);
	port_out(&t, 0xb3, 1, 0xaa);
	CHECK_EQ(port_in(&t, 0xb2, 2), 0xaa55);
	CHECK_EQ(t.b->events, 0);
	CHECK_EQ(t.gsi_calls, 0);
	bus_free(t.b);
}

static void test_button(void)
{
	struct board t = board();

	ready(&t);
	ich9_power_button(lpc);
	CHECK_EQ(port_in(&t, PM1_STS, 2), 0x100);
	CHECK_EQ(t.gsi, 0);
	port_out(&t, PM1_EN, 2, 0xffff);
	CHECK_EQ(port_in(&t, PM1_EN, 2), 0x521);
	CHECK_EQ(t.gsi, SCI);
	bus_save_load(t.b, lpc);
	CHECK_EQ(t.gsi, SCI);
	port_out(&t, PM1_STS, 2, 0x20);		/* another bit: stays */
	CHECK_EQ(t.gsi, SCI);
	port_out(&t, PM1_STS + 1, 1, 1);	/* bit 8 by its byte */
	CHECK_EQ(port_in(&t, PM1_STS, 2), 0);
	CHECK_EQ(t.gsi, 0);
	/* Both words at once: clear and disable. */
	ich9_power_button(lpc);
	CHECK_EQ(t.gsi, SCI);
	port_out(&t, PM1_STS, 4, 0x00000100);
	CHECK_EQ(port_in(&t, PM1_STS, 4), 0);
	/* General-purpose events. */
	ich9_gpe(lpc, 33);
	CHECK_EQ(port_in(&t, GPE0_STS + 4, 4), 2);
	CHECK_EQ(t.gsi, 0);
	port_out(&t, GPE0_EN + 4, 1, 2);
	CHECK_EQ(t.gsi, SCI);
	/* SCI elsewhere, with what is raised. */
	cfg_set(&t, 0, LPC, 0x44, 0x84, 1);
	CHECK_EQ(t.gsi, 1 << 20);
	cfg_set(&t, 0, LPC, 0x44, 0x80, 1);
	CHECK_EQ(t.gsi, SCI);
	port_out(&t, GPE0_STS + 4, 4, 2);
	CHECK_EQ(t.gsi, 0);
	bus_free(t.b);
}

/* 3.579545 MHz, 24 bits; the status bit with each change of bit 23. */
static void test_timer(void)
{
	const uint64_t half = UINT64_C(2343484438);	/* ns of 2^23 ticks, rounded up */
	struct board t = board();

	clock_stop(t.m->clock);
	warp(&t, 0);
	ready(&t);
	CHECK_EQ(port_in(&t, PM_TMR, 4), 0);
	warp(&t, 1000000000);
	CHECK_EQ(port_in(&t, PM_TMR, 4), 3579545);
	CHECK_EQ(port_in(&t, PM_TMR, 2), 3579545 & 0xffff);
	CHECK_EQ(port_in(&t, PM_TMR + 2, 1), 3579545 >> 16 & 0xff);
	CHECK_EQ(port_in(&t, PM1_STS, 2), 0);
	warp(&t, half);
	CHECK_EQ(port_in(&t, PM_TMR, 4), 0x800000);
	CHECK_EQ(port_in(&t, PM1_STS, 2), 1);
	warp(&t, 2 * half);
	CHECK_EQ(port_in(&t, PM_TMR, 4), 0);
	port_out(&t, PM_TMR, 4, 0x1234);		/* read-only */
	CHECK_EQ(port_in(&t, PM_TMR, 4), 0);
	port_out(&t, PM1_STS, 2, 1);
	CHECK_EQ(port_in(&t, PM1_STS, 2), 0);
	/* Enabled, it comes by itself. */
	port_out(&t, PM1_EN, 2, 1);
	CHECK_EQ(t.gsi, 0);
	bus_save_load(t.b, lpc);
	warp(&t, 3 * half - 5000000);
	clock_run(t.m->clock);
	WAIT_FOR(t.gsi == SCI);
	CHECK_EQ(port_in(&t, PM1_STS, 2), 1);
	port_out(&t, PM1_STS, 2, 1);
	CHECK_EQ(t.gsi, 0);
	/* Saved after the change, before anybody was told. */
	warp(&t, 4 * half);
	bus_save_load(t.b, lpc);
	CHECK_EQ(t.gsi, 0);
	clock_run(t.m->clock);
	WAIT_FOR(t.gsi == SCI);
	bus_free(t.b);
}

static void test_off_and_reset(void)
{
	struct board t = board();

	ready(&t);
	port_out(&t, PM1_CNT, 2, 5 << 10 | 1 << 13);	/* to RAM: not offered */
	port_out(&t, PM1_CNT, 2, ICH9_SLP_TYP_S5 << 10);	/* no SLP_EN */
	CHECK_EQ(t.b->events, 0);
	CHECK_EQ(port_in(&t, PM1_CNT, 2), ICH9_SLP_TYP_S5 << 10 | 1);
	port_out(&t, PM1_CNT, 2, ICH9_SLP_TYP_S5 << 10 | 1 << 13);
	CHECK_EQ(t.b->events, 1);
	CHECK_EQ(t.b->last_event, MACHINE_POWEROFF);
	/* As the type was written before, by the byte. */
	port_out(&t, PM1_CNT + 1, 1, (ICH9_SLP_TYP_S5 << 10 | 1 << 13) >> 8);
	CHECK_EQ(t.b->events, 2);
	port_out(&t, PM1_CNT, 2, 1 << 13);		/* sleep type 0: firmware's way */
	CHECK_EQ(t.b->events, 3);

	port_out(&t, ICH9_RESET_PORT, 1, 0x02);
	CHECK_EQ(t.b->events, 3);
	CHECK_EQ(port_in(&t, ICH9_RESET_PORT, 1), 2);
	port_out(&t, ICH9_RESET_PORT, 1, ICH9_RESET_VALUE);
	CHECK_EQ(t.b->events, 4);
	CHECK_EQ(t.b->last_event, MACHINE_RESET);
	CHECK_EQ(port_in(&t, ICH9_RESET_PORT, 1), 0x0a);
	/* A write of four bytes is a configuration address and no reset. */
	port_out(&t, 0xcf8, 4, 0x80000600);
	CHECK_EQ(t.b->events, 4);
	machine_reset(t.m, RESET_WARM);
	CHECK_EQ(port_in(&t, ICH9_RESET_PORT, 1), 0);
	CHECK_EQ(port_in(&t, PM1_CNT, 2), 0xffff);
	bus_free(t.b);
}

static void test_lines(void)
{
	struct board t = board();
	/* slot 2 INTA: PIRQ G; slot 6 INTA: G too; slot 3 INTA: H */
	struct tfn *a = board_fn(&t, t.root, PCI_DEVFN(2, 0), "pin=1"),
		   *b = board_fn(&t, t.root, PCI_DEVFN(6, 0), "pin=1"),
		   *c = board_fn(&t, t.root, PCI_DEVFN(3, 0), "pin=1"),
		   *d = board_fn(&t, t.root, PCI_DEVFN(25, 0), "pin=1");	/* PIRQ A */
	uint32_t g = 1 << 22, h = 1 << 23;

	board_listen(&t);
	machine_reset(t.m, RESET_COLD);
	CHECK_EQ(q35_pirq(2, 0), 6);
	CHECK_EQ(ich9_pirq_line(lpc, 6), 0);
	pci_set_intx(&a->pci, 1);
	CHECK_EQ(t.gsi, g);			/* routed nowhere in PIC mode */
	cfg_set(&t, 0, LPC, 0x6a, 11, 1);
	CHECK_EQ(ich9_pirq_line(lpc, 6), 11);
	CHECK_EQ(t.gsi, g | 1 << 11);
	pci_set_intx(&b->pci, 1);
	pci_set_intx(&a->pci, 0);
	CHECK_EQ(t.gsi, g | 1 << 11);
	/* Two PIRQs and an ISA device on one line. */
	cfg_set(&t, 0, LPC, 0x6b, 11, 1);
	pci_set_intx(&c->pci, 1);
	CHECK_EQ(t.gsi, g | h | 1 << 11);
	ich9_isa_irq(lpc, 11, 1);
	pci_set_intx(&b->pci, 0);
	CHECK_EQ(t.gsi, h | 1 << 11);
	pci_set_intx(&c->pci, 0);
	CHECK_EQ(t.gsi, 1 << 11);
	bus_save_load(t.b, lpc);
	CHECK_EQ(t.gsi, 1 << 11);
	ich9_isa_irq(lpc, 11, 0);
	CHECK_EQ(t.gsi, 0);
	/* The route moves while the line is up. */
	pci_set_intx(&c->pci, 1);
	CHECK_EQ(t.gsi, h | 1 << 11);
	cfg_set(&t, 0, LPC, 0x6b, 5, 1);
	CHECK_EQ(t.gsi, h | 1 << 5);
	cfg_set(&t, 0, LPC, 0x6b, 13, 1);	/* reserved */
	CHECK_EQ(t.gsi, h);
	cfg_set(&t, 0, LPC, 0x6b, 0x85, 1);
	CHECK_EQ(t.gsi, h);
	/* An ISA line alone, and one that is none. */
	ich9_isa_irq(lpc, 4, 1);
	ich9_isa_irq(lpc, 24, 1);
	CHECK_EQ(t.gsi, h | 1 << 4);
	ich9_isa_irq(lpc, 4, 0);
	/* The HPET and a PCI function on one line above them. */
	pci_set_intx(&d->pci, 1);
	CHECK_EQ(t.gsi, h | 1 << 16);
	ich9_isa_irq(lpc, 16, 1);
	pci_set_intx(&d->pci, 0);
	CHECK_EQ(t.gsi, h | 1 << 16);
	bus_save_load(t.b, lpc);
	pci_set_intx(&d->pci, 1);
	ich9_isa_irq(lpc, 16, 0);
	CHECK_EQ(t.gsi, h | 1 << 16);
	pci_set_intx(&d->pci, 0);
	CHECK_EQ(t.gsi, h);
	t.gsi |= 1 << 17;			/* a state from before the OR: known to the chips */
	ich9_isa_irq(lpc, 17, 0);
	CHECK_EQ(t.gsi, h);
	ich9_isa_irq(lpc, 18, 1);
	/* Reset: everything is down, and nothing was pulsed. */
	t.gsi_calls = 0;
	t.gsi = 0;				/* the chips come first */
	machine_reset(t.m, RESET_WARM);
	CHECK_EQ(t.gsi, 0);
	pci_set_intx(&c->pci, 1);
	CHECK_EQ(t.gsi, h);
	ich9_direct_boot(lpc);
	CHECK_EQ(t.gsi, h | 1 << ich9_pirq_line(lpc, 7));
	bus_free(t.b);
}

/* A whole board saved with lines up, loaded into a new one whose chips were loaded before. */
static void test_load(void)
{
	struct board t[2];
	struct tfn *f[2], *g[2];
	struct dev *bridge[2];
	struct state_buf s[3] = { 0 }, again = { 0 };

	for (unsigned i = 0; i < 2; i++) {
		t[i] = board();
		bridge[i] = lpc;
		f[i] = board_fn(&t[i], t[i].root, PCI_DEVFN(2, 0), "pin=1");
		g[i] = board_fn(&t[i], t[i].root, PCI_DEVFN(3, 0), "pin=1");
		ready(&t[i]);
	}
	pci_set_intx(&f[0]->pci, 1);
	pci_set_intx(&g[0]->pci, 1);
	ich9_power_button(bridge[0]);
	port_out(&t[0], PM1_EN, 2, 0x100);
	state_save(bridge[0], &s[0], &t[0].b->err);
	state_save(&f[0]->dev, &s[1], &t[0].b->err);
	state_save(&g[0]->dev, &s[2], &t[0].b->err);
	t[1].gsi = atomic_load(&t[0].gsi);
	t[1].gsi_calls = 0;
	CHECK_EQ(state_load(bridge[1], s[0].data, s[0].len, &t[1].b->err), 0);
	CHECK_EQ(state_load(&f[1]->dev, s[1].data, s[1].len, &t[1].b->err), 0);
	CHECK_EQ(state_load(&g[1]->dev, s[2].data, s[2].len, &t[1].b->err), 0);
	CHECK_EQ(t[1].gsi_calls, 0);		/* no line moved */
	state_save(bridge[1], &again, &t[1].b->err);
	CHECK(again.len == s[0].len && !memcmp(again.data, s[0].data, again.len), "the same");
	free(again.data);
	pci_set_intx(&f[1]->pci, 0);
	pci_set_intx(&g[1]->pci, 0);
	CHECK_EQ(t[1].gsi, SCI);
	port_out(&t[1], PM1_STS, 2, 0x100);
	CHECK_EQ(t[1].gsi, 0);
	for (unsigned i = 0; i < 3; i++)
		free(s[i].data);
	bus_free(t[0].b);
	bus_free(t[1].b);
}

int main(void)
{
	test_pm_block();
	test_button();
	test_timer();
	test_off_and_reset();
	test_lines();
	test_load();
	return check_done();
}
