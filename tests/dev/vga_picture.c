/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What VGA and bochs-display show: text, planes, VBE modes; their state. */
#include "tests/dev/vga.h"

#include <errno.h>

static struct display_image im;

static void shoot(unsigned width, unsigned height)
{
	struct err e = { 0 };

	free(im.pixel);
	CHECK_EQ(display_capture(t.m, &im, &e), 0);
	CHECK(im.width == width && im.height == height, "%ux%u", im.width, im.height);
}

static uint32_t at(unsigned x, unsigned y)
{
	return x < im.width && y < im.height ? im.pixel[y * im.width + x] : 0xdead0000;
}

static void crtc(const uint8_t cr[25])
{
	set(0x3d4, 0x11, 0);
	for (unsigned i = 0; i < 25; i++)
		set(0x3d4, i, cr[i]);
}

static void colors(void)
{
	for (unsigned i = 0; i < 16; i++)
		set_ar(i, i);
	set_ar(0x12, 15);
	set_ar(0x13, 0);
	set_ar(0x14, 0);
	outb(0x3c6, 0xff);
	outb(0x3c8, 0);
	for (unsigned i = 0; i < 256; i++) {
		outb(0x3c9, i & 0x3f);
		outb(0x3c9, i >> 2);
		outb(0x3c9, 0x3f - (i & 0x3f));
	}
}

static uint32_t color(unsigned i)
{
	unsigned c[3] = { i & 0x3f, i >> 2 & 0x3f, 0x3f - (i & 0x3f) };
	uint32_t rgb = 0;

	for (unsigned k = 0; k < 3; k++)
		rgb = rgb << 8 | c[k] << 2 | c[k] >> 4;
	return rgb;
}

static const uint8_t cr_text[25] = {
	0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00,
	0x52, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
};
static const uint8_t glyph_a[16] = { 0,    0,    0x10, 0x38, 0x6c, 0xc6,
				     0xc6, 0xfe, 0xc6, 0xc6, 0xc6, 0xc6 };

static void text_mode(void)
{
	/* fonts: plane 2, one byte after the other */
	planar();
	set(0x3c4, 2, 4);
	for (unsigned i = 0; i < 16; i++) {
		poke(0xa0000 + 'A' * 32 + i, glyph_a[i]);
		poke(0xa0000 + 0xc4 * 32 + i, i == 7 ? 0xff : 0);
		poke(0xa4000 + 'A' * 32 + i, 0x80);
	}
	set(0x3c4, 1, 0);
	set(0x3c4, 2, 3);
	set(0x3c4, 3, 0);
	set(0x3c4, 4, 2);
	set(0x3ce, 5, 0x10);
	set(0x3ce, 6, 0xe);
	crtc(cr_text);
	colors();
	set_ar(0x10, 0x0c);
	set_ar(0x11, 0);
	set_ar(0x13, 8);	/* with 9 dots: not moved */
	inb(0x3da);
	outb(0x3c0, 0x20);
}

static void put(unsigned x, unsigned y, unsigned c, unsigned attr)
{
	bus_write(t.b, 0xb8000 + 2 * (80 * y + x), 2, c | attr << 8);
}

static void check_a(unsigned col, unsigned line, unsigned width, uint32_t fg, uint32_t bg)
{
	unsigned bad = 0;

	for (unsigned y = 0; y < 16; y++)
		for (unsigned x = 0; x < width; x++)
			bad += at(col * width + x, line * 16 + y) !=
			       (x < 8 && glyph_a[y] >> (7 - x) & 1 ? fg : bg);
	CHECK_EQ(bad, 0);
}

static void test_text(void)
{
	struct err e = { 0 };
	char *text;

	start("VGA");
	text_mode();
	for (unsigned i = 0; i < 80 * 25; i++)
		put(i % 80, i / 80, ' ', 7);
	put(2, 0, 'A', 0x1e);
	put(79, 24, 'A', 0x9b);
	put(0, 3, 0xc4, 7);
	set(0x3d4, 0x0e, (5 * 80 + 9) >> 8);
	set(0x3d4, 0x0f, (5 * 80 + 9) & 0xff);
	shoot(720, 400);
	check_a(2, 0, 9, color(14), color(1));
	check_a(79, 24, 9, color(11), color(1));	/* bit 7 blinks */
	for (unsigned x = 0; x < 9; x++)
		CHECK_EQ(at(x, 3 * 16 + 7), color(7));
	CHECK_EQ(at(9, 3 * 16 + 7), color(0));
	/* the cursor: lines 13 and 14, in the character's colour */
	CHECK_EQ(at(9 * 9, 5 * 16 + 12), color(0));
	CHECK_EQ(at(9 * 9, 5 * 16 + 13), color(7));
	CHECK_EQ(at(9 * 9 + 8, 5 * 16 + 14), color(7));
	CHECK_EQ(at(9 * 9, 5 * 16 + 15), color(0));
	CHECK_EQ(at(10 * 9, 5 * 16 + 13), color(0));
	set(0x3d4, 0x0a, 0x2d);
	set(0x3c4, 1, 1);
	set_ar(0x10, 0x04);
	inb(0x3da);
	outb(0x3c0, 0x20);
	shoot(640, 400);
	check_a(79, 24, 8, color(11), color(9));
	CHECK_EQ(at(9 * 8, 5 * 16 + 13), color(0));

	/* attribute bit 3 chooses the font where there are two */
	set(0x3c4, 3, 0x04);
	put(4, 1, 'A', 0x06);
	put(3, 1, 'A', 0x0e);
	shoot(640, 400);
	CHECK_EQ(at(3 * 8, 16), color(6));
	CHECK_EQ(at(3 * 8 + 1, 16), color(0));
	check_a(4, 1, 8, color(6), color(0));
	set(0x3c4, 3, 0);

	/* scrolled by a row, split below line 199 */
	set(0x3d4, 0x0d, 80);
	set(0x3d4, 0x18, 199);
	set(0x3d4, 0x07, 0x0f);
	set(0x3d4, 0x09, 0x0f);
	shoot(640, 400);
	check_a(4, 0, 8, color(6), color(0));
	CHECK_EQ(at(2 * 8 + 3, 200 + 2), color(14));
	set(0x3d4, 0x0d, 0);

	put(0, 6, 'O', 7);
	put(1, 6, 'K', 7);
	text = display_text(t.m, &e);
	CHECK(text && !strncmp(text, "  A\n   AA\n\n\xe2\x94\x80\n\n\nOK\n\n", 20),
	      "%s", text ? text : "");
	CHECK(text && !strcmp(text + strlen(text) - 2, "A\n"), "%s", text ? text : "");
	free(text);
	/* off: black, but still there */
	set(0x3c4, 1, 0x21);
	shoot(640, 400);
	CHECK_EQ(at(4 * 8, 16 + 7), 0);
	text = display_text(t.m, &e);
	CHECK(text && strstr(text, "OK"), "%s", text ? text : "");
	free(text);
	stop();
}

static void test_graphics(void)
{
	uint8_t cr[25];
	struct err e = { 0 };

	start("VGA");
	/* 12h: 640x480, four planes */
	planar();
	memcpy(cr, (const uint8_t[25]){ 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0,
					0x40, 0,    0,    0,    0,    0,    0,    0xea, 0x8c,
					0xdf, 0x28, 0,    0xe7, 0x04, 0xe3, 0xff },
	       25);
	set(0x3c4, 1, 1);
	crtc(cr);
	colors();
	set_ar(0x10, 1);
	inb(0x3da);
	outb(0x3c0, 0x20);
	set(0x3c4, 2, 0x9);
	poke(0xa0000 + 80 * 479 + 79, 0x01);
	set(0x3c4, 2, 0x2);
	poke(0xa0000 + 80, 0x40);
	shoot(640, 480);
	CHECK_EQ(at(639, 479), color(9));
	CHECK_EQ(at(638, 479), color(0));
	CHECK_EQ(at(1, 1), color(2));
	CHECK(!display_text(t.m, &e), "no text");
	set_ar(0x13, 1);	/* one pixel to the left */
	set_ar(0x10, 0x81);	/* bits 4 and 5 of the colour from AR14 */
	set_ar(0x14, 0x0d);
	inb(0x3da);
	outb(0x3c0, 0x20);
	shoot(640, 480);
	CHECK_EQ(at(0, 1), color(0xd2));
	CHECK_EQ(at(638, 479), color(0xd9));

	/* 13h: 320x200, a byte a pixel */
	planar();
	set(0x3c4, 4, 0xe);
	set(0x3ce, 5, 0x40);
	memcpy(cr, (const uint8_t[25]){ 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0,
					0x41, 0,    0,    0,    0,    0,    0,    0x9c, 0x8e,
					0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff },
	       25);
	crtc(cr);
	colors();
	set_ar(0x10, 0x41);
	inb(0x3da);
	outb(0x3c0, 0x20);
	for (unsigned i = 0; i < 64000; i += 317)
		poke(0xa0000 + i, i >> 4);
	shoot(320, 200);
	for (unsigned i = 0; i < 64000; i += 317)
		if (at(i % 320, i / 320) != color(i >> 4 & 0xff))
			CHECK(false, "pixel %u", i);

	/* 4: the CGA's 320x200 with four colours, odd lines 8 KiB behind the even ones */
	planar();
	set(0x3c4, 4, 2);
	set(0x3c4, 2, 3);
	set(0x3c4, 1, 9);
	set(0x3ce, 5, 0x30);
	set(0x3ce, 6, 0xf);
	memcpy(cr, (const uint8_t[25]){ 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0,
					0xc1, 0,    0,    0,    0,    0,    0,    0x9c, 0x8e,
					0x8f, 0x14, 0,    0x96, 0xb9, 0xa2, 0xff },
	       25);
	crtc(cr);
	colors();
	set_ar(0x10, 1);
	set_ar(0x12, 3);
	inb(0x3da);
	outb(0x3c0, 0x20);
	for (unsigned i = 0; i < 0x4000; i += 4)
		bus_write(t.b, 0xb8000 + i, 4, 0);
	poke(0xb8000 + 80 * 99 + 79, 0x02);
	poke(0xb8000 + 0x2000 + 80 * 99 + 1, 0x1b);
	shoot(320, 200);
	CHECK_EQ(at(319, 198), color(2));
	CHECK_EQ(at(318, 198), color(0));
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(at(4 + i, 199), color(i));
	stop();
}

/* ---- VBE ---- */

static void mode(unsigned x, unsigned y, unsigned bpp, unsigned flags)
{
	vbe(DISPI_ENABLE, 0);
	vbe(DISPI_XRES, x);
	vbe(DISPI_YRES, y);
	vbe(DISPI_BPP, bpp);
	vbe(DISPI_ENABLE, DISPI_ENABLED | DISPI_LFB | flags);
}

static void test_vbe(void)
{
	start("VGA");
	CHECK_EQ(vbe_get(DISPI_ID), 0xb0c5);
	vbe(DISPI_ID, 0xb0c2);
	CHECK_EQ(vbe_get(DISPI_ID), 0xb0c2);
	vbe(DISPI_ID, 0x1234);
	CHECK_EQ(vbe_get(DISPI_ID), 0xb0c2);
	CHECK_EQ(vbe_get(DISPI_MEMORY), 256);
	machine_reset(t.m, RESET_COLD);
	decode();
	CHECK_EQ(vbe_get(DISPI_ID), 0xb0c5);
	CHECK_EQ(vbe_get(DISPI_MEMORY), 256);
	port_out(&t, 0x1ce, 2, DISPI_MEMORY);
	CHECK_EQ(port_in(&t, 0x1d0, 2), 256);
	vbe(DISPI_ENABLE, DISPI_GETCAPS);
	CHECK_EQ(vbe_get(DISPI_BPP), 32);
	CHECK(vbe_get(DISPI_XRES) >= 1920, "caps");

	memset(v->vram, 0x55, 4 << 20);
	mode(800, 600, 32, 0);
	CHECK_EQ(vbe_get(DISPI_ENABLE), DISPI_ENABLED | DISPI_LFB);
	CHECK_EQ(vbe_get(DISPI_VIRT_WIDTH), 800);
	CHECK_EQ(vbe_get(DISPI_VIRT_HEIGHT), (16 << 20) / 3200);
	CHECK(!v->vram[0] && !v->vram[800 * 600 * 4 - 1] && v->vram[800 * 600 * 4] == 0x55,
	      "cleared");
	vbe(DISPI_XRES, 640);		/* not now */
	CHECK_EQ(vbe_get(DISPI_XRES), 800);
	CHECK_EQ(mem_write(&t.m->mem, VRAM_AT + 4 * (800 * 599 + 799), "\x33\x22\x11", 4, false),
		 0);
	shoot(800, 600);
	CHECK_EQ(at(799, 599), 0x112233);
	CHECK_EQ(at(798, 599), 0);
	/* longer lines; the picture begins somewhere in them */
	vbe(DISPI_VIRT_WIDTH, 1000);
	CHECK_EQ(vbe_get(DISPI_VIRT_HEIGHT), (16 << 20) / 4000);
	vbe(DISPI_VIRT_WIDTH, 799);
	CHECK_EQ(vbe_get(DISPI_VIRT_WIDTH), 1000);
	vbe(DISPI_X_OFFSET, 100);
	vbe(DISPI_Y_OFFSET, 7);
	st_le32(v->vram + 4 * (1000 * 8 + 103), 0xabcdef);
	shoot(800, 600);
	CHECK_EQ(at(3, 1), 0xabcdef);
	vbe(DISPI_Y_OFFSET, 0xffff);	/* beyond the memory */
	shoot(800, 600);
	CHECK_EQ(at(3, 1), 0);

	mode(1024, 768, 16, DISPI_NOCLEAR);
	st_le16(v->vram + 2 * 1024, 0xf81f);
	st_le16(v->vram + 2 * 1024 + 2, 0x07e0 >> 1 & 0x07e0);
	shoot(1024, 768);
	CHECK_EQ(at(0, 1), 0xff00ff);
	CHECK_EQ(at(1, 1), 0x007d00);
	mode(640, 480, 15, DISPI_NOCLEAR);
	st_le16(v->vram, 0x7c01);
	shoot(640, 480);
	CHECK_EQ(at(0, 0), 0xff0008);
	mode(640, 480, 24, 0);
	memcpy(v->vram + 3 * 641, "\x01\x02\x03", 3);
	shoot(640, 480);
	CHECK_EQ(at(1, 1), 0x030201);
	mode(640, 480, 8, 0);
	outb(0x3c2, 1);
	colors();
	v->vram[640 * 479] = 0xa7;
	shoot(640, 480);
	CHECK_EQ(at(0, 479), color(0xa7));
	/* colours of eight bits */
	mode(640, 480, 8, DISPI_NOCLEAR | DISPI_8BIT_DAC);
	outb(0x3c8, 0xa7);
	outb(0x3c9, 0xfe);
	outb(0x3c9, 0x81);
	outb(0x3c9, 0x01);
	shoot(640, 480);
	CHECK_EQ(at(0, 479), 0xfe8101);
	/* seen as six bits each again, they stay apart */
	mode(640, 480, 8, DISPI_NOCLEAR);
	shoot(640, 480);
	CHECK_EQ(at(0, 479), 0xfb0404);
	outb(0x3c7, 0xa7);
	CHECK_EQ(inb(0x3c9), 0x3e);

	/* the window shows a bank */
	vbe(DISPI_BANK, 3);
	poke(0xa1234, 0x99);
	CHECK_EQ(v->vram[0x31234], 0x99);
	CHECK_EQ(peek(0xa1234), 0x99);
	CHECK_EQ(peek(0xb8000), 0xff);
	vbe(DISPI_BANK, 256);
	CHECK_EQ(vbe_get(DISPI_BANK), 3);
	/* four planes */
	mode(800, 600, 4, 0);
	CHECK_EQ(vbe_get(DISPI_VIRT_HEIGHT), (4 << 20) / 100);
	planar();
	set(0x3c4, 2, 6);
	poke(0xa0000 + 100 * 599 + 99, 1);
	for (unsigned i = 0; i < 16; i++)
		set_ar(i, i);
	set_ar(0x12, 15);
	shoot(800, 600);
	CHECK_EQ(at(799, 599), color(6));

	/* what cannot be is not switched on */
	mode(0, 600, 32, 0);
	CHECK_EQ(vbe_get(DISPI_ENABLE) & 1, 0);
	mode(8192, 8192, 32, 0);
	CHECK_EQ(vbe_get(DISPI_ENABLE) & 1, 0);
	mode(8192, 8193, 8, 0);
	CHECK_EQ(vbe_get(DISPI_YRES), 8192);
	vbe(DISPI_BPP, 12);
	CHECK_EQ(vbe_get(DISPI_BPP), 8);
	stop();
}

static void test_mmio(void)
{
	uint8_t sum = 0;
	struct err e = { 0 };

	start("bochs-display");
	free(im.pixel);
	CHECK_EQ(display_capture(t.m, &im, &e), -ENODATA);
	CHECK_EQ(bus_read(t.b, MMIO_AT, 8), 0x00ffffffffffff00);
	for (unsigned i = 0; i < 128; i++)
		sum = (uint8_t)(sum + peek(MMIO_AT + i));
	CHECK_EQ(sum, 0);
	CHECK_EQ(peek(MMIO_AT + 128), 0);
	CHECK_EQ(bus_read(t.b, MMIO_AT + 0x500, 2), 0xb0c5);
	CHECK_EQ(bus_read(t.b, MMIO_AT + 0x500 + 2 * DISPI_MEMORY, 2), 256);
	CHECK_EQ(bus_read(t.b, MMIO_AT + 0x600, 4), 8);
	CHECK_EQ(bus_read(t.b, MMIO_AT + 0x604, 4), 0x1e1e1e1e);
	bus_write(t.b, MMIO_AT + 0x502, 2, 320);
	bus_write(t.b, MMIO_AT + 0x504, 2, 200);
	bus_write(t.b, MMIO_AT + 0x506, 2, 32);
	bus_write(t.b, MMIO_AT + 0x508, 2, DISPI_ENABLED | DISPI_LFB);
	st_le32(v->vram + 4 * 320, 0x123456);
	shoot(320, 200);
	CHECK_EQ(at(0, 1), 0x123456);
	/* VGA's ports, index and data in one */
	bus_write(t.b, MMIO_AT + 0x404, 2, 0x0c02);
	bus_write(t.b, MMIO_AT + 0x404, 1, 2);
	CHECK_EQ(peek(MMIO_AT + 0x405), 0x0c);
	stop();
}

/* ---- state ---- */

static void test_state(void)
{
	struct state_buf s = { 0 }, again = { 0 };
	uint32_t *before;

	start("VGA");
	text_mode();
	put(7, 7, 'A', 0x4e);
	peek(0xb8000);
	outb(0x3c8, 5);
	outb(0x3c9, 1);
	shoot(720, 400);
	before = im.pixel;
	im.pixel = NULL;
	CHECK_EQ(state_save(&v->dev, &s, &t.b->err), 0);
	machine_reset(t.m, RESET_COLD);
	CHECK_EQ(state_load(&v->dev, s.data, s.len, &t.b->err), 0);
	shoot(720, 400);
	CHECK(!memcmp(before, im.pixel, 720 * 400 * 4), "the same picture");
	CHECK(mapped(t.m->pio, 0x3c0) && mem_ptr(&t.m->mem, VRAM_AT, 1), "decoded");
	CHECK_EQ(state_save(&v->dev, &again, &t.b->err), 0);
	CHECK(s.len == again.len && !memcmp(s.data, again.data, s.len), "the same state");
	free(before);
	free(s.data);
	free(again.data);

	/* impossible ones are refused and leave a fresh device */
	for (unsigned i = 0; i < 7; i++) {
		mode(800, 600, 32, 0);
		switch (i) {
		case 0: v->dac_sub = 3; break;
		case 1: v->sr[2] = 0x10; break;
		case 2: v->ar_index = 0x40; break;
		case 3: v->dispi[DISPI_VIRT_WIDTH] = 10; break;
		case 4: v->dispi[DISPI_YRES] = 8192; break;
		case 5: v->dispi[DISPI_BPP] = 7; break;
		case 6: v->dispi[DISPI_BANK] = 256; break;
		}
		s = (struct state_buf){ 0 };
		CHECK_EQ(state_save(&v->dev, &s, &t.b->err), 0);
		CHECK_EQ(state_load(&v->dev, s.data, s.len, &t.b->err), -EINVAL);
		CHECK_EQ(dispi_on(v), false);
		free(s.data);
		decode();
	}
	stop();
}

int main(void)
{
	test_text();
	test_graphics();
	test_vbe();
	test_mmio();
	test_state();
	free(im.pixel);
	return check_done();
}
