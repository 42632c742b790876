/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pci_assign: everything has a place of its own, aligned and inside its windows; or nothing. */
#include <errno.h>

#include "tests/pci/pcitest.h"

static const struct pci_windows windows = {
	.io = 0xc000, .io_end = 0x10000, .mem32 = 0xc0000000, .mem32_end = 0xfc000000,
	.mem64 = UINT64_C(0x8000000000), .mem64_end = UINT64_C(0x10000000000),
};

static uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

struct range { uint64_t at, size; bool io; };
static struct range ranges[2000];
static unsigned nr_ranges;

static uint64_t bar_reg(struct pci_fn *f, unsigned i)
{
	uint64_t at = ld_le32(f->cfg + 0x10 + 4 * i);

	if (f->h.bar[i].flags & PCI_BAR_64)
		at |= (uint64_t)ld_le32(f->cfg + 0x14 + 4 * i) << 32;
	return at & ~(f->h.bar[i].size - 1);
}

/* The window of a bridge that a BAR must lie in; [0, 0): closed. */
static void window(struct pci_fn *br, const struct pci_bar *b, uint64_t *base, uint64_t *end)
{
	const uint8_t *c = br->cfg;

	if (b->flags & PCI_BAR_IO) {
		*base = (uint64_t)(c[0x1c] & 0xf0) << 8;
		*end = ((uint64_t)(c[0x1d] & 0xf0) << 8) + 0x1000;
	} else if ((b->flags & PCI_BAR_64) && (b->flags & PCI_BAR_PREFETCH)) {
		*base = (uint64_t)(ld_le16(c + 0x24) & 0xfff0) << 16 |
			(uint64_t)ld_le32(c + 0x28) << 32;
		*end = ((uint64_t)(ld_le16(c + 0x26) & 0xfff0) << 16 |
			(uint64_t)ld_le32(c + 0x2c) << 32) + 0x100000;
	} else {
		*base = (uint64_t)(ld_le16(c + 0x20) & 0xfff0) << 16;
		*end = ((uint64_t)(ld_le16(c + 0x22) & 0xfff0) << 16) + 0x100000;
	}
	if (*base >= *end)
		*base = *end = 0;
}

static void check_bus(struct pci_bus *b, const struct pci_windows *w)
{
	for (unsigned n = 0; n < 256; n++) {
		struct pci_fn *f = b->fn[n];

		if (!f)
			continue;
		CHECK_EQ(f->cfg[PCI_COMMAND] & 3,
			 !strcmp(f->h.dev->type->name, "q35-host") ? 2 : 3);
		for (unsigned i = 0; i < PCI_NR_BARS; i++) {
			const struct pci_bar *bar = &f->h.bar[i];
			uint64_t at = bar_reg(f, i), base, end;
			bool io = bar->flags & PCI_BAR_IO;

			if (!bar->size)
				continue;
			CHECK(at && f->h.mapped[i] == at, "%s bar %u at %#llx", f->h.dev->id, i,
			      (unsigned long long)at);
			ranges[nr_ranges++] = (struct range){ at, bar->size, io };
			if (io)
				CHECK(at >= w->io && at + bar->size <= w->io_end, "ports");
			else
				CHECK((at >= w->mem32 && at + bar->size <= w->mem32_end) ||
				      ((bar->flags & PCI_BAR_64) && at >= w->mem64 &&
				       at + bar->size <= w->mem64_end), "memory");
			for (struct pci_bus *up = b; up->bridge; up = up->bridge->h.bus) {
				window(up->bridge, bar, &base, &end);
				CHECK(at >= base && at + bar->size <= end, "%s bar %u: window",
				      f->h.dev->id, i);
			}
		}
		if (f->h.secondary) {
			CHECK(pci_find(pci_root(b), f->cfg[PCI_SECONDARY_BUS], 0) ==
			      f->h.secondary->fn[0], "found by its number");
			CHECK(f->cfg[PCI_SECONDARY_BUS] <= f->cfg[PCI_SUBORDINATE_BUS], "range");
			CHECK_EQ(f->cfg[PCI_COMMAND] & 4, 4);
			check_bus(f->h.secondary, w);
		}
	}
}

static void check_tree(struct pci_bus *root, const struct pci_windows *w)
{
	nr_ranges = 0;
	check_bus(root, w);
	for (unsigned i = 0; i < nr_ranges; i++)
		for (unsigned k = 0; k < i; k++)
			CHECK(ranges[i].io != ranges[k].io ||
			      ranges[i].at >= ranges[k].at + ranges[k].size ||
			      ranges[k].at >= ranges[i].at + ranges[i].size, "overlap");
}

static void some_fn(struct board *t, struct pci_bus *bus, int devfn)
{
	bool prefetch = rnd() & 1;
	char text[160];
	unsigned n = 0;

	if (rnd() & 1)
		n += (unsigned)snprintf(text + n, sizeof(text) - n, "io=%u ", 16u << rnd() % 4);
	if (rnd() & 1)
		n += (unsigned)snprintf(text + n, sizeof(text) - n, "mem32=%u ",
					4096u << rnd() % 8);
	if (rnd() & 1)
		n += (unsigned)snprintf(text + n, sizeof(text) - n, "mem64=%llu ",
					4096ull << rnd() % (prefetch ? 22 : 8));
	snprintf(text + n, sizeof(text) - n, "prefetch=%s pin=%u", prefetch ? "on" : "off",
		 (unsigned)(rnd() % 5));
	board_fn(t, bus, devfn, text);
}

static void test_random(void)
{
	struct pci_windows w = windows;

	w.io = 0x1000;
	for (unsigned round = 0; round < 40; round++) {
		struct board t = board_new();
		struct dev *port[8];

		seed = round + 1;
		rnd();
		for (unsigned i = 0; i < 8; i++)
			port[i] = board_port(&t, i & 1 ? root_port_bus(port[i - 1]) : t.root,
					     i & 1 ? 0 : (int)PCI_DEVFN(20 + i, 0));
		for (unsigned i = 0; i < 10; i++)
			some_fn(&t, t.root, -1);
		for (unsigned i = 0; i < 8; i++)
			for (unsigned k = i & 1 ? 0 : 1; k < 8; k += 1 + rnd() % 3)
				some_fn(&t, root_port_bus(port[i]), (int)k);
		CHECK(!pci_assign(t.root, &w, NULL, &t.b->err), "%s", t.b->err.msg);
		check_tree(t.root, &w);
		/* Again, as after a reset, and without one. */
		CHECK(!pci_assign(t.root, &w, NULL, &t.b->err), "%s", t.b->err.msg);
		check_tree(t.root, &w);
		machine_reset(t.m, RESET_WARM);
		CHECK(!pci_assign(t.root, &w, NULL, &t.b->err), "%s", t.b->err.msg);
		check_tree(t.root, &w);
		bus_free(t.b);
	}
}

/* Hundreds of GiB in one BAR, beside small ones, at the root and behind a port. */
static void test_large(void)
{
	struct board t = board_new();
	struct dev *p = board_port(&t, t.root, PCI_DEVFN(1, 0));
	struct tfn *a = board_fn(&t, t.root, -1, "mem64=128G"),
		   *b = board_fn(&t, root_port_bus(p), 0, "mem64=64G prefetch=on"),
		   *c = board_fn(&t, root_port_bus(p), 1, "mem64=0x4000 prefetch=on mem32=0x4000"),
		   *d = board_fn(&t, root_port_bus(p), 2, "mem64=0x4000");

	CHECK_EQ(pci_assign(t.root, &windows, NULL, &t.b->err), 0);
	check_tree(t.root, &windows);
	CHECK_EQ(pci_bar_addr(&a->pci, 2), UINT64_C(0x8000000000));
	CHECK_EQ(pci_bar_addr(&b->pci, 2), UINT64_C(0xa000000000));
	CHECK_EQ(pci_bar_addr(&c->pci, 2), UINT64_C(0xb000000000));
	/* A bridge forwards 64 bits for prefetchable memory alone. */
	CHECK(pci_bar_addr(&d->pci, 2) < windows.mem32_end, "%#llx",
	      (unsigned long long)pci_bar_addr(&d->pci, 2));
	bus_free(t.b);
}

/* No room: an error that says who, and nothing is touched. */
static void test_full(void)
{
	struct pci_windows w = windows;
	struct board t = board_new();
	struct tfn *a = board_fn(&t, t.root, -1, "mem32=0x1000"),
		   *b = board_fn(&t, t.root, -1, "mem64=1T");

	CHECK_EQ(pci_assign(t.root, &w, NULL, &t.b->err), -ENOSPC);
	CHECK(strstr(t.b->err.msg, b->dev.id), "%s", t.b->err.msg);
	CHECK_EQ(cfg_get(a, PCI_COMMAND, 2), 0);
	CHECK_EQ(cfg_get(a, 0x14, 4), 0);
	w.mem64 = UINT64_C(1) << 40;
	w.mem64_end = UINT64_C(1) << 41;
	CHECK_EQ(pci_assign(t.root, &w, NULL, &t.b->err), 0);
	/* Without a window above 4 GiB all of it has to be below. */
	w.mem64 = w.mem64_end = 0;
	CHECK_EQ(pci_assign(t.root, &w, NULL, &t.b->err), -ENOSPC);
	dev_free(&b->dev);
	b = board_fn(&t, t.root, -1, "mem64=256M");
	CHECK_EQ(pci_assign(t.root, &w, NULL, &t.b->err), 0);
	check_tree(t.root, &w);
	CHECK_EQ(pci_bar_addr(&b->pci, 2), 0xc0000000);
	for (unsigned i = 0; i < 4; i++)
		board_fn(&t, t.root, -1, "mem32=256M");
	CHECK_EQ(pci_assign(t.root, &w, NULL, &t.b->err), -ENOSPC);
	bus_free(t.b);
}

/* Ports are few: 4 KiB for each bridge with one below it, none for one without. */
static void test_ports(void)
{
	struct board t = board_new();
	struct dev *p[5];

	for (unsigned i = 0; i < 5; i++)
		p[i] = board_port(&t, t.root, -1);
	for (unsigned i = 0; i < 4; i++)
		board_fn(&t, root_port_bus(p[i]), 0, "io=32");
	CHECK_EQ(pci_assign(t.root, &windows, NULL, &t.b->err), 0);
	check_tree(t.root, &windows);
	CHECK(pci_fn_of(p[4])->cfg[0x1c] > pci_fn_of(p[4])->cfg[0x1d], "closed");
	CHECK(ld_le16(pci_fn_of(p[4])->cfg + 0x20) > ld_le16(pci_fn_of(p[4])->cfg + 0x22),
	      "closed");
	board_fn(&t, root_port_bus(p[4]), 0, "io=32");
	CHECK_EQ(pci_assign(t.root, &windows, NULL, &t.b->err), -ENOSPC);
	bus_free(t.b);
}

static uint8_t line(unsigned slot, unsigned pin)
{
	return (uint8_t)(0x40 + slot * 4 + pin);
}

static void test_lines_and_info(void)
{
	struct board t = board_new();
	struct dev *p = board_port(&t, t.root, PCI_DEVFN(7, 0)),
		   *q = board_port(&t, root_port_bus(p), 0);
	struct tfn *a = board_fn(&t, t.root, PCI_DEVFN(2, 0), "pin=3 mem32=0x4000 msix=2"),
		   *b = board_fn(&t, root_port_bus(q), 0, "pin=2"),
		   *c = board_fn(&t, t.root, PCI_DEVFN(3, 0), "io=16 mem64=8G prefetch=on");
	char *text;

	CHECK_EQ(pci_assign(t.root, &windows, line, &t.b->err), 0);
	CHECK_EQ(cfg_get(a, 0x3c, 2), 0x0300u | line(2, 2));
	CHECK_EQ(cfg_get(b, 0x3c, 2), 0x0200u | line(7, 1));
	CHECK_EQ(cfg_get(c, 0x3c, 2), 0);
	text = pci_info(t.root);
	CHECK(strstr(text, "00:00.0 8086:29c0 class 060000 q35-host0\n"), "%s", text);
	CHECK(strstr(text, "00:07.0 1b36:000c class 060400 pcie-root-port0 buses 01-02 "), "%s",
	      text);
	CHECK(strstr(text, "\n00:02.0 1234:5678 class ff0000 tfn0 bar1 mem+0x4000 at 0x"), "%s",
	      text);
	CHECK(strstr(text, "msix 2 off"), "%s", text);
	CHECK(strstr(text, "\n02:00.0 1234:5678 "), "%s", text);
	CHECK(strstr(text, "bar2 mem64 prefetch+0x200000000 at 0x8000000000"), "%s", text);
	free(text);
	bus_free(t.b);
}

/* As many buses as there are numbers, and one more. */
static void test_many(void)
{
	struct board t = board_new();
	struct pci_bus *bus = t.root;

	for (unsigned i = 0; i < 255; i++)
		bus = root_port_bus(board_port(&t, bus, i ? 0 : -1));
	CHECK_EQ(pci_assign(t.root, &windows, NULL, &t.b->err), 0);
	check_tree(t.root, &windows);
	board_port(&t, bus, 0);
	CHECK_EQ(pci_assign(t.root, &windows, NULL, &t.b->err), -ENOSPC);
	bus_free(t.b);
}

int main(void)
{
	test_random();
	test_large();
	test_full();
	test_ports();
	test_lines_and_info();
	test_many();
	return check_done();
}
