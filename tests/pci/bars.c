/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Base address registers: sizing, decoding, moves, overlaps, reset and saved states. */
#include <errno.h>

#include "tests/pci/pcitest.h"

enum { SLOT = PCI_DEVFN(3, 0), OTHER = PCI_DEVFN(4, 0), BAR0 = 0x10, BAR1 = 0x14, BAR2 = 0x18 };

static uint32_t size_bar(struct board *t, unsigned off)
{
	uint32_t was = pci_config_get(t->root, 0, SLOT, off, 4), v;

	cfg_set(t, 0, SLOT, off, ~0u, 4);
	v = pci_config_get(t->root, 0, SLOT, off, 4);
	cfg_set(t, 0, SLOT, off, was, 4);
	return v;
}

static void test_sizing(void)
{
	struct board t = board_new();
	struct tfn *f = board_fn(&t, t.root, SLOT,
				 "io=32 mem32=0x4000 mem64=16G prefetch=on");

	CHECK_EQ(pci_config_get(t.root, 0, SLOT, 0, 4), 0x56781234);
	CHECK_EQ(pci_config_get(t.root, 0, SLOT, 0x2c, 4), 0xdef09abc);
	CHECK_EQ(size_bar(&t, BAR0), 0xffffffe1);
	CHECK_EQ(size_bar(&t, BAR1), 0xffffc000);
	CHECK_EQ(size_bar(&t, BAR2), 0x0000000c);
	CHECK_EQ(size_bar(&t, BAR2 + 4), 0xfffffffc);
	CHECK_EQ(size_bar(&t, BAR2 + 8), 0);
	CHECK_EQ(size_bar(&t, 0x30), 0);		/* no ROM */
	/* Sizing while decoding is on, as careless drivers do, maps nothing at the top. */
	cfg_set(&t, 0, SLOT, BAR1, 0xc0000000, 4);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 7, 2);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), 0xc0000000);
	cfg_set(&t, 0, SLOT, BAR1, ~0u, 4);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), UINT64_MAX);
	cfg_set(&t, 0, SLOT, BAR1, 0xc0000000, 4);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), 0xc0000000);
	/* Byte by byte comes to the same. */
	for (unsigned i = 0; i < 4; i++)
		cfg_set(&t, 0, SLOT, BAR1 + i, 0xd0123000u >> 8 * i & 0xff, 1);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), 0xd0120000);
	bus_free(t.b);
}

static void test_decoding(void)
{
	struct board t = board_new();
	struct tfn *f = board_fn(&t, t.root, SLOT, "io=32 mem32=0x4000 mem64=16G");

	cfg_set(&t, 0, SLOT, BAR0, 0xc000, 4);
	cfg_set(&t, 0, SLOT, BAR1, 0xc0000000, 4);
	cfg_set(&t, 0, SLOT, BAR2, 0, 4);
	cfg_set(&t, 0, SLOT, BAR2 + 4, 0x80, 4);
	CHECK_EQ(f->changed, 0);
	CHECK_EQ(space_get(t.m->mmio, 0xc0000000, 4), 0xffffffff);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	CHECK_EQ(f->changed, 1);
	CHECK_EQ(space_get(t.m->mmio, 0xc0000004, 4), 0xa1000004);
	CHECK_EQ(space_get(t.m->mmio, 0x8000000008, 4), 0xa2000008);
	CHECK_EQ(port_in(&t, 0xc000, 1), 0xff);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, PCI_COMMAND_IO, 2);
	CHECK_EQ(port_in(&t, 0xc004, 4), 0xa0000004);
	CHECK_EQ(space_get(t.m->mmio, 0xc0000004, 4), 0xffffffff);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 3, 2);
	/* A move with decoding on, twice to the same place. */
	f->changed = 0;
	cfg_set(&t, 0, SLOT, BAR1, 0xc1000000, 4);
	cfg_set(&t, 0, SLOT, BAR1, 0xc1000000, 4);
	CHECK_EQ(f->changed, 1);
	CHECK_EQ(space_get(t.m->mmio, 0xc0000004, 4), 0xffffffff);
	region_write(t.m->mmio, 0xc1000010, 4, 77);
	CHECK_EQ(f->last_off, 0x10);
	CHECK_EQ(f->last_val, 77);
	/* Both halves of 64 bits. */
	cfg_set(&t, 0, SLOT, BAR2 + 4, 0x100, 4);
	CHECK_EQ(pci_bar_addr(&f->pci, 2), UINT64_C(0x10000000000));
	CHECK_EQ(space_get(t.m->mmio, UINT64_C(0x10000000000), 4), 0xa2000000);
	/* Ports beyond 64 K are nowhere. */
	cfg_set(&t, 0, SLOT, BAR0, 0x10000, 4);
	CHECK_EQ(pci_bar_addr(&f->pci, 0), UINT64_MAX);

	machine_reset(t.m, RESET_WARM);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), UINT64_MAX);
	CHECK_EQ(f->released, 1);
	CHECK_EQ(space_get(t.m->mmio, 0xc1000004, 4), 0xffffffff);
	CHECK_EQ(pci_config_get(t.root, 0, SLOT, BAR1, 4), 0);
	CHECK_EQ(pci_config_get(t.root, 0, SLOT, PCI_COMMAND, 2), 0);
	bus_free(t.b);
}

/* What overlaps is left out, and comes when its place is free. */
static void test_overlap(void)
{
	struct board t = board_new();
	struct tfn *f = board_fn(&t, t.root, SLOT, "mem32=0x4000 mem64=0x10000"),
		   *o = board_fn(&t, t.root, OTHER, "mem32=0x4000");

	cfg_set(&t, 0, SLOT, BAR1, 0xc0000000, 4);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 2, 2);
	cfg_set(&t, 0, OTHER, BAR1, 0xc0000000, 4);
	cfg_set(&t, 0, OTHER, PCI_COMMAND, 2, 2);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), 0xc0000000);
	CHECK_EQ(pci_bar_addr(&o->pci, 1), UINT64_MAX);
	CHECK_EQ(o->changed, 0);
	cfg_set(&t, 0, SLOT, BAR1, 0xd0000000, 4);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), 0xd0000000);
	CHECK_EQ(pci_bar_addr(&o->pci, 1), 0xc0000000);
	CHECK_EQ(o->changed, 1);
	/* Two BARs of one function change places, by one write each. */
	cfg_set(&t, 0, SLOT, BAR2, 0xe0000000, 4);
	cfg_set(&t, 0, SLOT, BAR1, 0xe0000000, 4);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), UINT64_MAX);
	cfg_set(&t, 0, SLOT, BAR2, 0xd0000000, 4);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), 0xe0000000);
	CHECK_EQ(pci_bar_addr(&f->pci, 2), 0xd0000000);
	pci_unplug(&f->pci);
	CHECK_EQ(space_get(t.m->mmio, 0xe0000000, 4), 0xffffffff);
	bus_free(t.b);
}

/* A BAR with one free part and one taken is not there by half. */
static void test_half(void)
{
	struct board t = board_new();
	struct tfn *f = board_fn(&t, t.root, SLOT, "mem32=0x4000 msix=4"),
		   *o = board_fn(&t, t.root, OTHER, "mem32=0x1000");

	cfg_set(&t, 0, OTHER, BAR1, 0xc0001000, 4);	/* where f's table is going to be */
	cfg_set(&t, 0, OTHER, PCI_COMMAND, 2, 2);
	cfg_set(&t, 0, SLOT, BAR1, 0xc0000000, 4);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 2, 2);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), UINT64_MAX);
	CHECK_EQ(space_get(t.m->mmio, 0xc0000000, 4), 0xffffffff);
	CHECK_EQ(space_get(t.m->mmio, 0xc0001000, 4), 0xa1000000);
	/* It goes: the other's place is free. */
	dev_free(&o->dev);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 2, 2);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), 0xc0000000);
	CHECK_EQ(space_get(t.m->mmio, 0xc000100c, 4), 1);
	bus_free(t.b);
}

static struct state_buf save(struct board *t, struct tfn *f)
{
	struct state_buf s = { 0 };

	CHECK_EQ(state_save(&f->dev, &s, &t->b->err), 0);
	return s;
}

/* Two functions whose saved states have them in each other's place. */
static void test_load(void)
{
	struct board t = board_new();
	struct tfn *f = board_fn(&t, t.root, SLOT, "mem32=0x4000 msix=4 pin=1"),
		   *o = board_fn(&t, t.root, OTHER, "mem32=0x4000 msix=4 pin=1");
	struct state_buf sf, so, again;

	cfg_set(&t, 0, SLOT, BAR1, 0xc0000000, 4);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 6, 2);
	cfg_set(&t, 0, OTHER, BAR1, 0xd0000000, 4);
	cfg_set(&t, 0, OTHER, PCI_COMMAND, 6, 2);
	region_write(t.m->mmio, 0xc0001000, 4, 0xfee00000);
	region_write(t.m->mmio, 0xc0001008, 4, 0x41);
	pci_set_intx(&f->pci, 1);
	sf = save(&t, f);
	so = save(&t, o);
	/* swap */
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 0, 2);
	cfg_set(&t, 0, OTHER, BAR1, 0xc0000000, 4);
	cfg_set(&t, 0, SLOT, BAR1, 0xd0000000, 4);
	cfg_set(&t, 0, SLOT, PCI_COMMAND, 6, 2);
	region_write(t.m->mmio, 0xd0001008, 4, 0x99);
	pci_set_intx(&f->pci, 0);

	CHECK_EQ(state_load(&f->dev, sf.data, sf.len, &t.b->err), 0);
	CHECK_EQ(state_load(&o->dev, so.data, so.len, &t.b->err), 0);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), 0xc0000000);
	CHECK_EQ(pci_bar_addr(&o->pci, 1), 0xd0000000);
	CHECK_EQ(space_get(t.m->mmio, 0xc0001008, 4), 0x41);
	CHECK_EQ(f->pci.cfg[PCI_STATUS] & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	again = save(&t, f);
	CHECK(again.len == sf.len && !memcmp(again.data, sf.data, sf.len), "save, load, save");
	free(again.data);
	again = save(&t, o);
	CHECK(again.len == so.len && !memcmp(again.data, so.data, so.len), "save, load, save");
	free(again.data);

	/* Read-only bytes of a stranger's state do not come in; another device's is refused. */
	for (size_t i = 0; i + 4 < sf.len; i++)
		if (!memcmp(sf.data + i, "\x34\x12\x78\x56", 4)) {
			sf.data[i + 0x34] = 0x99;
			CHECK_EQ(state_load(&f->dev, sf.data, sf.len, &t.b->err), 0);
			CHECK_EQ(cfg_get(f, 0x34, 1), 0x40);
			sf.data[i] = 0x35;
			CHECK_EQ(state_load(&f->dev, sf.data, sf.len, &t.b->err), -EINVAL);
			break;
		}
	free(sf.data);
	free(so.data);
	bus_free(t.b);
}

int main(void)
{
	test_sizing();
	test_decoding();
	test_overlap();
	test_half();
	test_load();
	return check_done();
}
