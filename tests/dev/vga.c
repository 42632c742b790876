/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VGA and bochs-display: PCI, registers, planes. What is seen: vga_picture.c. */
#include "tests/dev/vga.h"

#include <errno.h>

/* ---- PCI ---- */

static void test_pci(void)
{
	uint8_t rom[5000] = { 0x55, 0xaa, 10 };
	struct mem *m;
	uint8_t *p;

	t = board_new();
	m = &t.m->mem;
	rom[4999] = 0x77;
	plug("VGA", rom, sizeof(rom));
	CHECK_EQ(conf_in(0), 0x11111234);
	CHECK_EQ(conf_in(8) >> 8, 0x030000);
	conf_out(0x10, ~0u);
	CHECK_EQ(conf_in(0x10), 0xff000008);
	conf_out(0x18, ~0u);
	CHECK_EQ(conf_in(0x18), 0xfffff000);
	conf_out(0x30, ~0u - 1);
	CHECK_EQ(conf_in(0x30), 0xffffe000);

	conf_out(0x10, VRAM_AT);
	conf_out(0x18, MMIO_AT);
	conf_out(0x30, ROM_AT);
	CHECK(!mem_find(m, VRAM_AT) && !mapped(t.m->mmio, MMIO_AT), "nothing is decoded");
	CHECK(!mapped(t.m->pio, 0x3c0) && !mapped(t.m->mmio, 0xa0000), "nor VGA's own");
	conf_out(0x04, 1);
	CHECK(mapped(t.m->pio, 0x3c0) && mapped(t.m->pio, 0x1ce), "ports");
	CHECK(!mapped(t.m->mmio, 0xa0000), "but no memory");
	conf_out(0x04, 2);
	CHECK(!mapped(t.m->pio, 0x3c0) && !mapped(t.m->pio, 0x1ce), "no ports");
	CHECK(mapped(t.m->mmio, 0xa0000) && mapped(t.m->mmio, 0xbffff), "the window");
	CHECK(mapped(t.m->mmio, MMIO_AT), "registers");
	p = mem_ptr(m, VRAM_AT, 16 << 20);
	CHECK(p && p == v->vram, "memory");
	CHECK(!mem_find(m, ROM_AT), "the ROM has its own switch");
	conf_out(0x30, ROM_AT | 1);
	p = mem_ptr(m, ROM_AT, 8192);
	CHECK(p && p[0] == 0x55 && p[2] == 10 && p[4999] == 0x77 && !p[5000], "the ROM");
	CHECK_EQ(mem_write(m, ROM_AT, "x", 1, false), 0);
	CHECK_EQ(p[0], 0x55);
	/* the memory moves, with what is in it */
	CHECK_EQ(mem_write(m, VRAM_AT + 0x1234, "moved", 6, false), 0);
	conf_out(0x10, 0xd0000000);
	CHECK(!mem_find(m, VRAM_AT), "left");
	p = mem_ptr(m, 0xd0001234, 6);
	CHECK(p && !strcmp((char *)p, "moved"), "came");
	/* where RAM is it does not come; the RAM keeps answering */
	conf_out(0x10, 0x80000000);
	CHECK(mem_ptr(m, 0x80000000, 1) != v->vram && !mem_find(m, 0xd0000000), "RAM stays");
	bus_save_load(t.b, &v->dev);
	conf_out(0x10, VRAM_AT);
	bus_save_load(t.b, &v->dev);
	CHECK(mem_ptr(m, VRAM_AT, 1) == v->vram && mapped(t.m->pio, 0x3c0) == false, "loaded");
	machine_reset(t.m, RESET_WARM);
	CHECK(!mem_find(m, VRAM_AT) && !mem_find(m, ROM_AT), "reset");
	CHECK(!mapped(t.m->mmio, 0xa0000), "reset");
	stop();

	t = board_new();
	plug("bochs-display", NULL, 0);
	CHECK_EQ(conf_in(8) >> 8, 0x038000);
	conf_out(0x30, ~0u);
	CHECK_EQ(conf_in(0x30), 0);
	decode();
	CHECK(!mapped(t.m->pio, 0x3c0) && !mapped(t.m->mmio, 0xa0000), "legacy-free");
	CHECK(mapped(t.m->mmio, MMIO_AT), "registers");
	stop();
}

/* ---- registers ---- */

static void test_registers(void)
{
	unsigned seen = 0;

	start("VGA");
	outb(0x3c2, 0x67);
	CHECK_EQ(inb(0x3cc), 0x67);
	CHECK_EQ(inb(0x3b4), 0xff);
	set(0x3c4, 2, 0xff);
	CHECK_EQ(get(0x3c4, 2), 0x0f);
	set(0x3ce, 5, 0xff);
	CHECK_EQ(get(0x3ce, 5), 0x7b);
	set(0x3d4, 0x0e, 0x12);
	CHECK_EQ(get(0x3d4, 0x0e), 0x12);
	CHECK_EQ(get(0x3d4, 0x3f), 0);

	/* protected registers, but the line compare's bit */
	set(0x3d4, 0x01, 79);
	set(0x3d4, 0x07, 0x0f);
	set(0x3d4, 0x11, 0x8e);
	set(0x3d4, 0x01, 1);
	set(0x3d4, 0x07, 0xf0);
	CHECK_EQ(get(0x3d4, 0x01), 79);
	CHECK_EQ(get(0x3d4, 0x07), 0x1f);
	set(0x3d4, 0x11, 0x0e);
	set(0x3d4, 0x07, 0xf0);
	CHECK_EQ(get(0x3d4, 0x07), 0xf0);

	/* the attribute controller's flip-flop */
	inb(0x3da);
	outb(0x3c0, 0x20 | 5);
	outb(0x3c0, 0x2a);
	outb(0x3c0, 6);
	outb(0x3c0, 0x15);
	outb(0x3c0, 5);
	CHECK_EQ(inb(0x3c1), 0x2a);
	inb(0x3da);
	outb(0x3c0, 6);
	CHECK_EQ(inb(0x3c1), 0x15);
	CHECK_EQ(inb(0x3c0), 6);

	/* colours, written and read in threes */
	outb(0x3c8, 254);
	for (unsigned i = 0; i < 9; i++)
		outb(0x3c9, 0x40 + 5 * i);
	CHECK_EQ(inb(0x3c8), 1);
	outb(0x3c7, 255);
	CHECK_EQ(inb(0x3c7), 3);
	CHECK_EQ(inb(0x3c9), (0x40 + 15) & 0x3f);
	CHECK_EQ(inb(0x3c9), (0x40 + 20) & 0x3f);
	CHECK_EQ(inb(0x3c9), (0x40 + 25) & 0x3f);
	CHECK_EQ(inb(0x3c9), (0x40 + 30) & 0x3f);
	outb(0x3c8, 9);
	outb(0x3c9, 1);
	outb(0x3c8, 9);		/* an unfinished one is forgotten */
	outb(0x3c9, 2);
	outb(0x3c9, 3);
	outb(0x3c9, 4);
	outb(0x3c7, 9);
	CHECK_EQ(inb(0x3c9), 2);

	/* monochrome's addresses */
	outb(0x3c2, 0x66);
	CHECK_EQ(inb(0x3d4), 0xff);
	CHECK_EQ(get(0x3b4, 0x0e), 0x12);
	outb(0x3c2, 0x67);

	/* the beam moves with virtual time */
	clock_stop(t.m->clock);
	for (unsigned i = 0; i < 2000; i++) {
		clock_set(t.m->clock, clock_now(t.m->clock) + 7919);
		seen |= 1u << (inb(0x3da) & 9);
	}
	CHECK_EQ(seen, 1u << 0 | 1u << 1 | 1u << 9);
	clock_run(t.m->clock);
	stop();
}

/* ---- planes ---- */

static uint32_t planes(unsigned off)
{
	return ld_le32(v->vram + 4 * off);
}

static void test_planes(void)
{
	start("VGA");
	planar();
	poke(0xa0000, 0xa5);
	CHECK_EQ(planes(0), 0xa5a5a5a5);
	set(0x3c4, 2, 5);
	poke(0xa0001, 0x3c);
	CHECK_EQ(planes(1), 0x003c003c);
	set(0x3ce, 4, 1);
	CHECK_EQ(peek(0xa0001), 0);
	set(0x3ce, 4, 2);
	CHECK_EQ(peek(0xa0001), 0x3c);
	set(0x3c4, 2, 15);
	bus_write(t.b, 0xa0010, 4, 0x44332211);
	CHECK_EQ(planes(0x10), 0x11111111);
	CHECK_EQ(planes(0x13), 0x44444444);
	CHECK_EQ(bus_read(t.b, 0xa0010, 4), 0x44332211);

	/* rotation, set/reset, the bit mask and the latches */
	set(0x3ce, 3, 4);
	poke(0xa0002, 0x12);
	CHECK_EQ(planes(2), 0x21212121);
	set(0x3ce, 3, 0);
	set(0x3ce, 1, 0x6);
	set(0x3ce, 0, 0x4);
	poke(0xa0003, 0x5a);
	CHECK_EQ(planes(3), 0x5aff005a);
	set(0x3ce, 1, 0);
	st_le32(v->vram + 4 * 4, 0x44332211);
	peek(0xa0004);
	set(0x3ce, 8, 0xf0);
	poke(0xa0005, 0xa5);
	CHECK_EQ(planes(5), 0xa4a3a2a1);
	set(0x3ce, 8, 0xff);
	for (unsigned f = 1; f < 4; f++) {
		static const uint32_t want[4] = { 0, 0x44030201, 0x47776757, 0x03746556 };

		set(0x3ce, 3, f << 3);
		peek(0xa0004);
		poke(0xa0006, 0x47);
		CHECK_EQ(planes(6), want[f]);
	}
	set(0x3ce, 3, 0);

	/* write mode 1 copies what was read */
	set(0x3ce, 5, 1);
	peek(0xa0004);
	poke(0xa0007, 0xee);
	CHECK_EQ(planes(7), 0x44332211);
	/* 2: a colour */
	set(0x3ce, 5, 2);
	set(0x3ce, 8, 0x81);
	peek(0xa0004);
	poke(0xa0008, 0x0a);
	CHECK_EQ(planes(8), 0xc532a310);
	/* 3: set/reset through the data */
	set(0x3ce, 5, 3);
	set(0x3ce, 0, 0x3);
	set(0x3ce, 8, 0x3f);
	peek(0xa0004);
	poke(0xa0009, 0xf0);
	CHECK_EQ(planes(9), 0x44033231);

	/* read mode 1: where the colours are equal */
	set(0x3ce, 5, 8);
	set(0x3ce, 2, 0x5);
	st_le32(v->vram + 4 * 10, 0x00ff0fff);
	CHECK_EQ(peek(0xa000a), 0xf0);
	set(0x3ce, 7, 0xd);
	CHECK_EQ(peek(0xa000a), 0xff);
	set(0x3ce, 7, 0);
	CHECK_EQ(peek(0xa000a), 0xff);

	/* chain 4: a byte of one plane each, as in mode 13h */
	planar();
	set(0x3c4, 4, 0xe);
	bus_write(t.b, 0xa0100, 4, 0x04030201);
	CHECK_EQ(planes(0x100), 0x04030201);
	CHECK_EQ(bus_read(t.b, 0xa0100, 4), 0x04030201);

	/* odd and even planes, in the text mode's window */
	planar();
	set(0x3c4, 4, 2);
	set(0x3c4, 2, 3);
	set(0x3ce, 5, 0x10);
	set(0x3ce, 6, 0xe);
	st_le32(v->vram + 4 * 0x20, 0xdddddddd);
	bus_write(t.b, 0xb8020, 2, 0x1f41);
	CHECK_EQ(planes(0x20), 0xdddd1f41);
	CHECK_EQ(bus_read(t.b, 0xb8020, 2), 0x1f41);
	/* windows */
	poke(0xa0000, 0);
	CHECK_EQ(peek(0xa0000), 0xff);
	CHECK_EQ(peek(0xb0000), 0xff);
	set(0x3ce, 6, 0xa);
	CHECK_EQ(bus_read(t.b, 0xb0020, 2), 0x1f41);
	CHECK_EQ(peek(0xb8020), 0xff);
	set(0x3ce, 6, 2);
	CHECK_EQ(bus_read(t.b, 0xa0020, 2), 0x1f41);
	outb(0x3c2, 0x65);
	CHECK_EQ(peek(0xa0020), 0xff);
	stop();
}

int main(void)
{
	test_pci();
	test_registers();
	test_planes();
	return check_done();
}
