/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSI-X and MSI: masks, pending bits, delivery. INTx: sharing, swizzling, disable. */
#include <errno.h>

#include "tests/pci/pcitest.h"

enum { SLOT = PCI_DEVFN(3, 0), TABLE = 0xc0001000, PBA = 0xc0001800 };

static void vector(struct board *t, unsigned v, uint64_t addr, uint32_t data, uint32_t ctrl)
{
	region_write(t->m->mmio, TABLE + 16 * v, 8, addr);
	region_write(t->m->mmio, TABLE + 16 * v + 8, 4, data);
	region_write(t->m->mmio, TABLE + 16 * v + 12, 4, ctrl);
}

static void test_msix(void)
{
	struct board t = board_new();
	struct tfn *f = board_fn(&t, t.root, SLOT, "mem32=0x4000 msix=3 msi=4");
	unsigned cap = f->pci.h.msix;

	board_listen(&t);
	CHECK_EQ(cfg_get(f, cap, 1), PCI_CAP_ID_MSIX);
	CHECK_EQ(cfg_get(f, cap + 2, 2), 2);
	CHECK_EQ(cfg_get(f, cap + 4, 4), T_TABLE_OFF | 1);
	CHECK_EQ(cfg_get(f, cap + 8, 4), T_PBA_OFF | 1);
	cfg_set(&t, 0, SLOT, 0x14, 0xc0000000, 4);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 6, 2);
	CHECK_EQ(space_get(t.m->mmio, TABLE + 12, 4), 1);	/* masked after reset */
	vector(&t, 0, UINT64_C(0x1fee01007), 0x4123, 0);
	vector(&t, 1, 0xfee00000, 0x51, 1);
	CHECK_EQ(space_get(t.m->mmio, TABLE, 8), UINT64_C(0x1fee01004));
	CHECK_EQ(space_get(t.m->mmio, TABLE + 8, 8), 0x4123);
	/* Only three vectors, and only the mask bit of the control word. */
	region_write(t.m->mmio, TABLE + 48, 4, 0x1234);
	CHECK_EQ(space_get(t.m->mmio, TABLE + 48, 4), 0);
	region_write(t.m->mmio, TABLE + 44, 4, ~0u);
	CHECK_EQ(space_get(t.m->mmio, TABLE + 44, 4), 1);

	/* Off: nothing is sent, nothing waits. */
	pci_msix_send(&f->pci, 0);
	CHECK_EQ(t.nr_msi, 0);
	CHECK_EQ(space_get(t.m->mmio, PBA, 8), 0);
	CHECK(!pci_msix_enabled(&f->pci), "off");
	cfg_set(&t, 0, SLOT, cap + 2, 0x8000, 2);
	CHECK(pci_msix_enabled(&f->pci), "on");
	pci_msix_send(&f->pci, 0);
	CHECK_EQ(t.nr_msi, 1);
	CHECK_EQ(t.msi_addr[0], UINT64_C(0x1fee01004));
	CHECK_EQ(t.msi_data[0], 0x4123);
	/* A masked vector waits, once. */
	pci_msix_send(&f->pci, 1);
	pci_msix_send(&f->pci, 1);
	CHECK_EQ(t.nr_msi, 1);
	CHECK_EQ(space_get(t.m->mmio, PBA, 8), 2);
	region_write(t.m->mmio, TABLE + 16 + 12, 4, 0);
	CHECK_EQ(t.nr_msi, 2);
	CHECK_EQ(t.msi_data[1], 0x51);
	CHECK_EQ(space_get(t.m->mmio, PBA, 8), 0);
	/* The function's mask. */
	cfg_set(&t, 0, SLOT, cap + 3, 0xc0, 1);
	pci_msix_send(&f->pci, 0);
	pci_msix_send(&f->pci, 1);
	pci_msix_send(&f->pci, 2);
	CHECK_EQ(t.nr_msi, 2);
	CHECK_EQ(space_get(t.m->mmio, PBA, 4), 7);
	bus_save_load(t.b, &f->dev);
	CHECK_EQ(space_get(t.m->mmio, PBA, 4), 7);
	cfg_set(&t, 0, SLOT, cap + 3, 0x80, 1);
	CHECK_EQ(t.nr_msi, 4);			/* 2 is masked itself */
	CHECK_EQ(t.msi_data[2], 0x4123);
	CHECK_EQ(t.msi_data[3], 0x51);
	CHECK_EQ(space_get(t.m->mmio, PBA, 4), 4);
	/* Pending bits do not outlive the enable bit. */
	cfg_set(&t, 0, SLOT, cap + 3, 0, 1);
	CHECK_EQ(space_get(t.m->mmio, PBA, 4), 0);
	cfg_set(&t, 0, SLOT, cap + 3, 0x80, 1);
	region_write(t.m->mmio, TABLE + 32 + 12, 4, 0);
	CHECK_EQ(t.nr_msi, 4);
	/* No mastering, no message; no such vector. */
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 2, 2);
	pci_msix_send(&f->pci, 0);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 6, 2);
	pci_msix_send(&f->pci, 3);
	pci_msix_send(&f->pci, ~0u);
	CHECK_EQ(t.nr_msi, 4);
	machine_reset(t.m, RESET_WARM);
	CHECK(!pci_msix_enabled(&f->pci), "after reset");
	CHECK_EQ(f->pci.msix[0].ctrl, 1);
	CHECK_EQ(f->pci.msix[0].data, 0);
	bus_free(t.b);
}

static void test_msi(void)
{
	struct board t = board_new();
	struct tfn *f = board_fn(&t, t.root, SLOT, "msi=8");
	unsigned cap = f->pci.h.msi;

	board_listen(&t);
	CHECK_EQ(cfg_get(f, cap + 2, 2), 0x186);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 4, 2);
	cfg_set(&t, 0, SLOT, cap + 4, 0xfee00007, 4);
	cfg_set(&t, 0, SLOT, cap + 8, 1, 4);
	cfg_set(&t, 0, SLOT, cap + 12, 0x4045, 2);
	pci_msi_send(&f->pci, 0);
	CHECK_EQ(t.nr_msi, 0);
	/* Four of eight are given. */
	cfg_set(&t, 0, SLOT, cap + 2, 0x21, 2);
	CHECK(pci_msi_enabled(&f->pci), "on");
	pci_msi_send(&f->pci, 3);
	CHECK_EQ(t.msi_addr[0], UINT64_C(0x1fee00004));
	CHECK_EQ(t.msi_data[0], 0x4047);
	pci_msi_send(&f->pci, 6);
	CHECK_EQ(t.msi_data[1], 0x4046);
	/* More than there are is as many as there are. */
	cfg_set(&t, 0, SLOT, cap + 2, 0x71, 2);
	pci_msi_send(&f->pci, 7);
	CHECK_EQ(t.msi_data[2], 0x4047);
	/* Masks and pending bits. */
	cfg_set(&t, 0, SLOT, cap + 0x10, ~0u, 4);
	CHECK_EQ(cfg_get(f, cap + 0x10, 4), 0xff);
	pci_msi_send(&f->pci, 2);
	CHECK_EQ(t.nr_msi, 3);
	CHECK_EQ(cfg_get(f, cap + 0x14, 4), 4);
	bus_save_load(t.b, &f->dev);
	CHECK_EQ(cfg_get(f, cap + 0x14, 4), 4);
	cfg_set(&t, 0, SLOT, cap + 0x14, 0, 4);		/* read-only */
	CHECK_EQ(cfg_get(f, cap + 0x14, 4), 4);
	cfg_set(&t, 0, SLOT, cap + 0x10, 0, 1);
	CHECK_EQ(t.nr_msi, 4);
	CHECK_EQ(t.msi_data[3], 0x4042);
	CHECK_EQ(cfg_get(f, cap + 0x14, 4), 0);
	bus_free(t.b);
}

/* ---- INTx ---- */

static int pins[32][4], transitions;

static void on_intx(void *opaque, unsigned slot, unsigned pin, int level)
{
	CHECK(pins[slot][pin] != level, "a change");
	pins[slot][pin] = level;
	transitions++;
}

static void test_intx(void)
{
	struct board t = board_new();
	struct tfn *a = board_fn(&t, t.root, PCI_DEVFN(5, 0), "pin=1"),
		   *b = board_fn(&t, t.root, PCI_DEVFN(5, 1), "pin=1"),
		   *c = board_fn(&t, t.root, PCI_DEVFN(5, 7), "pin=4"),
		   *none = board_fn(&t, t.root, PCI_DEVFN(6, 0), "");
	struct dev *port = board_port(&t, t.root, PCI_DEVFN(7, 0)),
		   *deep = board_port(&t, root_port_bus(port), 0);
	struct tfn *d = board_fn(&t, root_port_bus(deep), 0, "pin=2");

	t.root->intx = on_intx;
	CHECK_EQ(a->pci.cfg[PCI_HEADER_TYPE], 0x80);
	CHECK_EQ(none->pci.cfg[PCI_HEADER_TYPE], 0);
	/* Two on a line: up with the first, down with the last. */
	pci_set_intx(&a->pci, 1);
	pci_set_intx(&a->pci, 1);
	pci_set_intx(&b->pci, 1);
	CHECK_EQ(transitions, 1);
	CHECK_EQ(pins[5][0], 1);
	CHECK_EQ(a->pci.cfg[PCI_STATUS] & 8, 8);
	pci_set_intx(&a->pci, 0);
	CHECK_EQ(pins[5][0], 1);
	pci_set_intx(&b->pci, 0);
	CHECK_EQ(pins[5][0], 0);
	CHECK_EQ(transitions, 2);
	pci_set_intx(&c->pci, 1);
	CHECK_EQ(pins[5][3], 1);
	pci_set_intx(&none->pci, 1);
	CHECK_EQ(none->pci.cfg[PCI_STATUS] & 8, 0);
	CHECK_EQ(transitions, 3);
	/* Disable holds the line down, the status bit stays; and back. */
	cfg_set(&t, 0, PCI_DEVFN(5, 7), PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
	CHECK_EQ(pins[5][3], 0);
	CHECK_EQ(c->pci.cfg[PCI_STATUS] & 8, 8);
	cfg_set(&t, 0, PCI_DEVFN(5, 7), PCI_COMMAND, 0, 2);
	CHECK_EQ(pins[5][3], 1);
	/* INTB# at slot 0 behind slot 0 behind slot 7: pin 1 turns by 0 and by 0. */
	pci_set_intx(&d->pci, 1);
	CHECK_EQ(pins[7][1], 1);
	/* A saved level comes back. */
	bus_save_load(t.b, &d->dev);
	CHECK_EQ(pins[7][1], 1);
	machine_reset(t.m, RESET_WARM);
	CHECK_EQ(pins[7][1], 0);
	CHECK_EQ(pins[5][3], 0);
	/* What goes takes its line along. */
	pci_set_intx(&d->pci, 1);
	dev_free(&d->dev);
	CHECK_EQ(pins[7][1], 0);
	bus_free(t.b);
}

/* Slots behind a bridge that has more than one: PCI-to-PCI bridge 1.2, table 9-1. */
static void test_swizzle(void)
{
	struct board t = board_new();
	struct tfn *bridge = board_fn(&t, t.root, PCI_DEVFN(9, 0), "pin=1");
	struct pci_bus *below = pci_bus_new(t.m, &bridge->pci);

	t.root->intx = on_intx;
	below->bridge = NULL;		/* for once without a port's limit to slot 0 */
	for (unsigned slot = 1; slot < 8; slot++) {
		char text[8];

		snprintf(text, sizeof(text), "pin=%u", 1 + slot % 4);
		board_fn(&t, below, PCI_DEVFN(slot, 0), text);
	}
	below->bridge = &bridge->pci;
	for (unsigned slot = 1; slot < 8; slot++) {
		pci_set_intx(below->fn[PCI_DEVFN(slot, 0)], 1);
		CHECK_EQ(pins[9][(slot + slot % 4) % 4], 1);
		pci_set_intx(below->fn[PCI_DEVFN(slot, 0)], 0);
		CHECK_EQ(pins[9][(slot + slot % 4) % 4], 0);
	}
	pci_bus_free(below);
	bus_free(t.b);
}

int main(void)
{
	test_msix();
	test_msi();
	test_intx();
	test_swizzle();
	return check_done();
}
