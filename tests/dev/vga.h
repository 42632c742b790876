/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the displays share: one on a board, and the guest's hands. */
#ifndef TESTS_DEV_VGA_H
#define TESTS_DEV_VGA_H

#include "hw/display/display.h"
#include "hw/display/vga.h"
#include "tests/pci/pcitest.h"

enum { SLOT = 2, VRAM_AT = 0xc0000000, MMIO_AT = 0xc2000000, ROM_AT = 0xc3000000 };

static struct board t;
static struct vga *v;

static inline void conf_addr(unsigned off)
{
	port_out(&t, 0xcf8, 4, 0x80000000u | SLOT << 11 | (off & 0xfc));
}
static inline uint32_t conf_in(unsigned off)
{
	conf_addr(off);
	return port_in(&t, 0xcfc, 4);
}
static inline void conf_out(unsigned off, uint32_t val)
{
	conf_addr(off);
	port_out(&t, 0xcfc, 4, val);
}

static inline void outb(unsigned port, unsigned val) { port_out(&t, port, 1, val); }
static inline unsigned inb(unsigned port) { return port_in(&t, port, 1); }
static inline void set(unsigned port, unsigned index, unsigned val)
{
	port_out(&t, port, 2, index | val << 8);
}
static inline unsigned get(unsigned port, unsigned index)
{
	outb(port, index);
	return inb(port + 1);
}
static inline void set_ar(unsigned index, unsigned val)
{
	inb(0x3da);
	outb(0x3c0, index);
	outb(0x3c0, val);
}
static inline void poke(unsigned addr, unsigned val) { bus_write(t.b, addr, 1, val); }
static inline unsigned peek(unsigned addr) { return (unsigned)bus_read(t.b, addr, 1); }
static inline void vbe(unsigned reg, unsigned val)
{
	port_out(&t, 0x1ce, 2, reg);
	port_out(&t, 0x1cf, 2, val);
}
static inline unsigned vbe_get(unsigned reg)
{
	port_out(&t, 0x1ce, 2, reg);
	return port_in(&t, 0x1cf, 2);
}
static inline bool mapped(struct space *s, uint64_t addr)
{
	uint64_t val;

	return !region_read(s, addr, 1, &val);
}

static inline void plug(const char *type, const void *rom, size_t rom_size)
{
	struct dev *d = bus_new_dev(t.b, type);

	v = vga_of(d);
	if ((rom && vga_set_rom(d, rom, rom_size, &t.b->err)) || dev_init(d, &t.b->err) ||
	    pci_plug(t.root, &v->pci, PCI_DEVFN(SLOT, 0), &t.b->err))
		bus_fail(t.b, type);
}

static inline void decode(void)
{
	conf_out(0x10, VRAM_AT);
	conf_out(0x18, MMIO_AT);
	conf_out(0x04, 3);
}

static inline void start(const char *type)
{
	t = board_new();
	plug(type, NULL, 0);
	decode();
}

static inline void stop(void)
{
	bus_free(t.b);
}

static inline void planar(void)
{
	outb(0x3c2, 0x67);
	set(0x3c4, 4, 6);
	set(0x3c4, 2, 15);
	set(0x3ce, 0, 0);
	set(0x3ce, 1, 0);
	set(0x3ce, 3, 0);
	set(0x3ce, 4, 0);
	set(0x3ce, 5, 0);
	set(0x3ce, 6, 5);
	set(0x3ce, 7, 15);
	set(0x3ce, 8, 0xff);
}

#endif
