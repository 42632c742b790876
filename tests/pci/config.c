/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ways to configuration space, the host bridge's registers, buses behind ports. */
#include <errno.h>

#include "tests/pci/pcitest.h"

enum { ADDRESS = 0xcf8, DATA = 0xcfc, PCIEXBAR = 0x60 };

static uint64_t seed = 88172645463325252;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void select_reg(struct board *t, unsigned bus, unsigned devfn, unsigned off)
{
	port_out(t, ADDRESS, 4, 0x80000000 | bus << 16 | devfn << 8 | (off & 0xfc));
}

static uint32_t cf8_get(struct board *t, unsigned bus, unsigned devfn, unsigned off, unsigned n)
{
	select_reg(t, bus, devfn, off);
	return port_in(t, DATA + (off & 3), n);
}

static void cf8_set(struct board *t, unsigned bus, unsigned devfn, unsigned off, uint32_t v,
		    unsigned n)
{
	select_reg(t, bus, devfn, off);
	port_out(t, DATA + (off & 3), n, v);
}

static uint64_t ecam(unsigned bus, unsigned devfn, unsigned off)
{
	return Q35_ECAM_BASE + (bus << 20 | devfn << 12 | off);
}

static void test_ports(void)
{
	struct board t = board_new();

	board_fn(&t, t.root, PCI_DEVFN(2, 0), "mem32=0x1000");
	/* the probe for this mechanism that systems do */
	port_out(&t, ADDRESS + 3, 1, 1);
	port_out(&t, ADDRESS, 4, 0x80000000);
	CHECK_EQ(port_in(&t, ADDRESS, 4), 0x80000000);
	CHECK_EQ(port_in(&t, DATA, 4), 0x29c08086);
	CHECK_EQ(port_in(&t, DATA, 2), 0x8086);
	CHECK_EQ(port_in(&t, DATA + 2, 2), 0x29c0);
	CHECK_EQ(port_in(&t, DATA + 3, 1), 0x29);
	/* reserved bits and those of the byte */
	port_out(&t, ADDRESS, 4, 0xffffffff);
	CHECK_EQ(port_in(&t, ADDRESS, 4), 0x80fffffc);
	/* narrower accesses are not this register's */
	port_out(&t, ADDRESS, 2, 0);
	port_out(&t, ADDRESS, 1, 0);
	CHECK_EQ(port_in(&t, ADDRESS, 4), 0x80fffffc);
	CHECK_EQ(port_in(&t, ADDRESS, 2), 0xffff);
	CHECK_EQ(port_in(&t, ADDRESS, 1), 0xff);
	/* without an LPC bridge 0xcf9 is nobody's */
	CHECK_EQ(port_in(&t, ICH9_RESET_PORT, 1), 0xff);
	port_out(&t, ICH9_RESET_PORT, 1, 6);
	CHECK_EQ(t.b->events, 0);
	/* not enabled: no access */
	port_out(&t, ADDRESS, 4, 0x00001014);
	CHECK_EQ(port_in(&t, DATA, 4), 0xffffffff);
	port_out(&t, DATA, 4, 0x12345678);
	CHECK_EQ(cf8_get(&t, 0, PCI_DEVFN(2, 0), 0x14, 4), 0);
	cf8_set(&t, 0, PCI_DEVFN(2, 0), 0x16, 0xc123, 2);
	CHECK_EQ(cf8_get(&t, 0, PCI_DEVFN(2, 0), 0x14, 4), 0xc1230000);
	cf8_set(&t, 0, PCI_DEVFN(2, 0), 0x15, 0x7f, 1);
	CHECK_EQ(cf8_get(&t, 0, PCI_DEVFN(2, 0), 0x14, 4), 0xc1237000);
	/* nobody there */
	CHECK_EQ(cf8_get(&t, 0, PCI_DEVFN(9, 0), 0, 4), 0xffffffff);
	CHECK_EQ(cf8_get(&t, 3, PCI_DEVFN(2, 0), 0, 2), 0xffff);
	bus_save_load(t.b, t.host);
	CHECK_EQ(port_in(&t, ADDRESS, 4), 0x80031000);
	machine_reset(t.m, RESET_WARM);
	CHECK_EQ(port_in(&t, ADDRESS, 4), 0);
	bus_free(t.b);
}

static void test_ecam_moves(void)
{
	struct board t = board_new();
	struct tfn *f = board_fn(&t, t.root, PCI_DEVFN(2, 0), "mem32=0x1000");

	CHECK_EQ(space_get(t.m->mmio, ecam(0, 0, 0), 4), 0xffffffff);
	q35_host_direct_boot(t.host);
	CHECK_EQ(space_get(t.m->mmio, ecam(0, 0, 0), 4), 0x29c08086);
	CHECK_EQ(space_get(t.m->mmio, ecam(0, 16, 0), 8), UINT64_C(0x0010000056781234));
	CHECK_EQ(space_get(t.m->mmio, ecam(255, 255, 0xffc), 4), 0xffffffff);
	/* 64 MiB elsewhere, told through itself */
	region_write(t.m->mmio, ecam(0, 0, PCIEXBAR), 4, 0xe4000005);
	CHECK_EQ(space_get(t.m->mmio, ecam(0, 0, 0), 4), 0xffffffff);
	CHECK_EQ(space_get(t.m->mmio, 0xe4000000, 4), 0x29c08086);
	CHECK_EQ(space_get(t.m->mmio, 0xe8000000, 4), 0xffffffff);
	bus_save_load(t.b, t.host);
	CHECK_EQ(space_get(t.m->mmio, 0xe4000002, 2), 0x29c0);
	/* 128 MiB: bit 26 is no address bit then */
	region_write(t.m->mmio, 0xe4000000 + PCIEXBAR, 4, 0xec000003);
	CHECK_EQ(space_get(t.m->mmio, 0xe8000000, 4), 0x29c08086);
	/* above 4 GiB; a length that does not exist; off */
	cf8_set(&t, 0, 0, PCIEXBAR + 4, 0x10, 4);
	CHECK_EQ(space_get(t.m->mmio, 0x10e8000000, 4), 0x29c08086);
	cf8_set(&t, 0, 0, PCIEXBAR, 0xec000007, 4);
	CHECK_EQ(space_get(t.m->mmio, 0x10e8000000, 4), 0xffffffff);
	cf8_set(&t, 0, 0, PCIEXBAR + 4, 0, 4);
	/* over a BAR: not there, and the BAR is */
	cf8_set(&t, 0, PCI_DEVFN(2, 0), 0x14, 0xb8000000, 4);
	cf8_set(&t, 0, PCI_DEVFN(2, 0), 4, 2, 2);
	q35_host_direct_boot(t.host);
	CHECK_EQ(space_get(t.m->mmio, ecam(0, 0, 0), 4), 0xffffffff);
	CHECK_EQ(pci_bar_addr(&f->pci, 1), 0xb8000000);
	machine_reset(t.m, RESET_WARM);
	q35_host_direct_boot(t.host);
	CHECK_EQ(space_get(t.m->mmio, ecam(0, 0, 0), 4), 0x29c08086);
	machine_reset(t.m, RESET_WARM);
	CHECK_EQ(space_get(t.m->mmio, ecam(0, 0, 0), 4), 0xffffffff);
	bus_free(t.b);
}

/* Registers that firmware writes keep what they may. */
static void test_registers(void)
{
	static const struct { uint8_t off, n; uint32_t write, read; } regs[] = {
		{ 0x90, 1, 0xff, 0x30 }, { 0x91, 1, 0x33, 0x33 }, { 0x96, 1, 0x11, 0x11 },
		{ 0x9d, 1, 0x4a, 0x42 }, { 0x50, 2, 0xffff, 0xffff },
		{ 0xb0, 2, 0x8001, 0x8000 }, { 0xa2, 2, 0x1234, 0x1234 },
		{ 0xdc, 4, 0xdeadbeef, 0xdeadbeef }, { 0x9e, 1, 0x81, 0xb9 },
	};
	struct board t = board_new();

	CHECK_EQ(cf8_get(&t, 0, 0, 0x0a, 2), 0x0600);
	CHECK_EQ(cf8_get(&t, 0, 0, 0x90, 1), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
		cf8_set(&t, 0, 0, regs[i].off, regs[i].write, regs[i].n);
		CHECK_EQ(cf8_get(&t, 0, 0, regs[i].off, regs[i].n), regs[i].read);
	}
	machine_reset(t.m, RESET_WARM);
	CHECK_EQ(cf8_get(&t, 0, 0, 0x90, 1), 0);
	CHECK_EQ(cf8_get(&t, 0, 0, 0x9d, 1), 2);
	bus_free(t.b);
}

/* A tree with bridges in bridges, numbered as firmware does it: by hand. */
static void test_buses(void)
{
	struct board t = board_new();
	struct dev *p = board_port(&t, t.root, PCI_DEVFN(4, 0)),
		   *q = board_port(&t, root_port_bus(p), 0),
		   *r = board_port(&t, t.root, PCI_DEVFN(5, 0));
	struct tfn *deep = board_fn(&t, root_port_bus(q), 0, "mem32=0x1000"),
		   *other = board_fn(&t, root_port_bus(r), -1, "mem32=0x1000");
	struct tfn *extra = tfn(dev_new(t.m, &t_type, NULL, &t.b->err));

	CHECK_EQ(cf8_get(&t, 0, PCI_DEVFN(4, 0), 0x0e, 1), 1);
	CHECK_EQ(cf8_get(&t, 0, PCI_DEVFN(4, 0), 0x0a, 2), 0x0604);
	CHECK(!pci_find(t.root, 1, 0), "not numbered yet");
	cf8_set(&t, 0, PCI_DEVFN(4, 0), 0x18, 0x00ff0100, 4);	/* while looking: 1 to 255 */
	CHECK(pci_find(t.root, 1, 0) == pci_fn_of(q), "bus 1");
	cf8_set(&t, 1, 0, 0x18, 0x00020201, 4);
	CHECK(pci_find(t.root, 2, 0) == &deep->pci, "bus 2");
	cf8_set(&t, 0, PCI_DEVFN(4, 0), 0x1a, 2, 1);
	cf8_set(&t, 0, PCI_DEVFN(5, 0), 0x18, 0x00030300, 4);
	CHECK(pci_find(t.root, 3, 0) == &other->pci, "bus 3");
	CHECK(!pci_find(t.root, 2, 8) && !pci_find(t.root, 4, 0), "nobody");
	CHECK_EQ(cf8_get(&t, 3, 0, 0, 4), 0x56781234);
	CHECK_EQ(cf8_get(&t, 3, PCI_DEVFN(1, 0), 0, 4), 0xffffffff);
	/* Only device 0 below a port, only once. */
	dev_init(&extra->dev, &t.b->err);
	CHECK_EQ(pci_plug(root_port_bus(r), &extra->pci, PCI_DEVFN(1, 0), &t.b->err), -EINVAL);
	CHECK_EQ(pci_plug(root_port_bus(r), &extra->pci, -1, &t.b->err), -ENOSPC);
	CHECK_EQ(pci_plug(root_port_bus(r), &extra->pci, 0, &t.b->err), -EBUSY);
	CHECK_EQ(pci_plug(t.root, &extra->pci, -1, &t.b->err), 0);
	CHECK_EQ(extra->pci.h.devfn, PCI_DEVFN(1, 0));
	CHECK_EQ(pci_plug(t.root, &extra->pci, -1, &t.b->err), -EBUSY);
	/* The slot says that it is full. */
	CHECK_EQ(pci_fn_of(p)->cfg[pci_fn_of(p)->h.exp + 0x1a], 0x40);
	/* Nonsense numbers: no loop, no crash. */
	cf8_set(&t, 0, PCI_DEVFN(4, 0), 0x18, 0xffff0000, 4);
	cf8_set(&t, 0, PCI_DEVFN(5, 0), 0x18, 0x00ff0100, 4);
	for (unsigned bus = 0; bus < 256; bus++)
		pci_find(t.root, bus, 0);
	bus_free(t.b);
}

/* The same accesses both ways, on two equal boards: always the same answers. */
static void test_equal(void)
{
	static const char props[] = "io=32 mem32=0x4000 mem64=0x10000 msix=4 msi=4 pin=1";
	struct board t[2];

	for (unsigned i = 0; i < 2; i++) {
		struct dev *p;

		t[i] = board_new();
		p = board_port(&t[i], t[i].root, PCI_DEVFN(4, 0));
		board_fn(&t[i], t[i].root, PCI_DEVFN(2, 0), props);
		board_fn(&t[i], t[i].root, PCI_DEVFN(2, 3), props);
		board_fn(&t[i], root_port_bus(p), 0, props);
		q35_host_direct_boot(t[i].host);
		cf8_set(&t[i], 0, PCI_DEVFN(4, 0), 0x18, 0x00010100, 4);
	}
	for (unsigned n = 0; n < 40000; n++) {
		static const uint8_t fns[] = { 16, 19, 32, 0, 40 };
		unsigned bus = rnd() % 16 == 0, size = 1u << rnd() % 3, off, devfn;
		uint32_t val = (uint32_t)rnd();

		devfn = bus ? 0 : fns[rnd() % ARRAY_SIZE(fns)];
		off = (unsigned)rnd() % 256 & ~(size - 1);
		if (!bus && !devfn && off >= 0x60 && off < 0x68)
			continue;		/* ECAM stays where it is */
		if (rnd() & 1) {
			cf8_set(&t[0], bus, devfn, off, val, size);
			region_write(t[1].m->mmio, ecam(bus, devfn, off), size, val);
		} else {
			CHECK_EQ(cf8_get(&t[0], bus, devfn, off, size),
				 space_get(t[1].m->mmio, ecam(bus, devfn, off), size));
		}
	}
	for (unsigned i = 0; i < 5; i++) {
		struct state_buf a = { 0 }, b = { 0 };
		struct dev *x = t[0].m->devs, *y = t[1].m->devs;

		for (unsigned k = 0; k < i; k++) {
			x = x->next;
			y = y->next;
		}
		if (x == t[0].host)
			continue;		/* has CONFIG_ADDRESS */
		state_save(x, &a, &t[0].b->err);
		state_save(y, &b, &t[1].b->err);
		CHECK(a.len == b.len && !memcmp(a.data, b.data, a.len), "%s", x->id);
		free(a.data);
		free(b.data);
	}
	bus_free(t[0].b);
	bus_free(t[1].b);
}

static void test_caps(void)
{
	struct board t = board_new();
	struct tfn *f = board_fn(&t, t.root, PCI_DEVFN(2, 0), "mem32=0x4000 msix=4 msi=2");
	static const uint8_t want[] = { PCI_CAP_ID_PM, PCI_CAP_ID_EXP, PCI_CAP_ID_MSIX,
					PCI_CAP_ID_MSI };
	unsigned at, n = 0;

	CHECK_EQ(f->pci.cfg[PCI_STATUS] & PCI_STATUS_CAP_LIST, PCI_STATUS_CAP_LIST);
	for (at = f->pci.cfg[0x34]; at && n < 10; at = f->pci.cfg[at + 1], n++)
		CHECK_EQ(f->pci.cfg[at], n < 4 ? want[n] : 0xff);
	CHECK_EQ(n, 4);
	/* Extended ones are a list of their own. */
	CHECK_EQ(pci_add_ext_cap(&f->pci, 0x0b, 1, 16), 0x100);
	CHECK_EQ(pci_add_ext_cap(&f->pci, 0x03, 1, 12), 0x110);
	CHECK_EQ(cfg_get(f, 0x100, 4), 0x1101000b);
	CHECK_EQ(cfg_get(f, 0x110, 4), 0x00010003);
	CHECK_EQ(pci_add_ext_cap(&f->pci, 1, 1, 4096), -ENOSPC);
	/* Until there is no more room. */
	for (n = 0; pci_add_cap(&f->pci, PCI_CAP_ID_VNDR, 16) > 0; n++)
		;
	CHECK(n > 2 && n < 12, "%u", n);
	bus_free(t.b);
}

int main(void)
{
	test_ports();
	test_ecam_moves();
	test_registers();
	test_buses();
	test_equal();
	test_caps();
	return check_done();
}
