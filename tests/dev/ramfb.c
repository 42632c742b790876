/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ramfb: the fw_cfg file that the guest writes, and the picture it asks for. */
#include <errno.h>

#include "hw/display/display.h"
#include "hw/display/ramfb.h"
#include "hw/misc/fw_cfg.h"
#include "tests/dev/devtest.h"
#include "util/bits.h"

enum { SELECT = 8, WRITE = 16, READ = 2, ERROR = 1, SKIP = 4, PORT_DMA = 0x514, PICTURE = 0x10000 };
enum { XR24 = 0x34325258, RG24 = 0x34324752, RG16 = 0x36314752 };

static struct bus *b;

static uint8_t *ram(uint64_t off) { return mem_ptr(&b->m->mem, BUS_RAM + off, 1); }

/* One request; the control word that comes back. */
static uint32_t dma(uint32_t control, uint32_t len, uint64_t addr)
{
	st_be32(ram(0), control);
	st_be32(ram(4), len);
	st_be64(ram(8), addr);
	region_write(b->m->pio, PORT_DMA, 4, 0);
	region_write(b->m->pio, PORT_DMA + 4, 4, __builtin_bswap32((uint32_t)BUS_RAM));
	return ld_be32(ram(0));
}

/* By its name, as firmware finds it. */
static uint32_t find_key(const char *name)
{
	uint32_t n;

	CHECK_EQ(dma(FW_CFG_FILE_DIR << 16 | SELECT | READ, 4 + 64 * 8, BUS_RAM + 0x1000), 0);
	n = ld_be32(ram(0x1000));
	for (uint32_t i = 0; i < n && i < 8; i++)
		if (!strcmp((char *)ram(0x1004 + 64 * i + 8), name)) {
			CHECK_EQ(ld_be32(ram(0x1004 + 64 * i)), 28);
			return ld_be16(ram(0x1004 + 64 * i + 4));
		}
	CHECK(false, "no %s", name);
	return 0;
}

static void configure(uint32_t key, uint64_t addr, uint32_t format, uint32_t w, uint32_t h,
		      uint32_t stride)
{
	uint8_t *c = ram(0x2000);

	st_be64(c, addr);
	st_be32(c + 8, format);
	st_be32(c + 12, 0);
	st_be32(c + 16, w);
	st_be32(c + 20, h);
	st_be32(c + 24, stride);
	CHECK_EQ(dma(key << 16 | SELECT | WRITE, 28, BUS_RAM + 0x2000), 0);
}

int main(void)
{
	struct display_image im = { 0 };
	struct dev *fw, *fb;
	struct err e = { 0 };
	uint32_t key;

	b = bus_new();
	fb = dev_new(b->m, dev_type_find("ramfb"), NULL, &e);
	CHECK_EQ(dev_init(fb, &e), -ENOTSUP);
	dev_free(fb);
	CHECK_EQ(display_capture(b->m, &im, &e), -ENODEV);
	fw = dev_new(b->m, dev_type_find("fw-cfg"), "fw-cfg", &e);
	CHECK_EQ(dev_init(fw, &e), 0);
	CHECK_EQ(dev_map(fw, 1, b->m->pio, FW_CFG_PORTS, &e), 0);
	CHECK_EQ(dev_map(fw, 2, b->m->pio, FW_CFG_DMA_PORT, &e), 0);
	CHECK_EQ(fw_cfg_add_string(fw, "fixed", "text", &e), 0);
	fb = bus_new_dev(b, "ramfb");
	CHECK_EQ(dev_init(fb, &e), 0);
	machine_reset(b->m, RESET_COLD);
	CHECK_EQ(display_capture(b->m, &im, &e), -ENODATA);

	key = find_key("etc/ramfb");
	configure(key, BUS_RAM + PICTURE, XR24, 64, 48, 0);
	CHECK(ramfb_active(fb), "active");
	st_le32(ram(PICTURE + 4 * (64 * 47 + 63)), 0xff123456);
	CHECK_EQ(display_capture(b->m, &im, &e), 0);
	CHECK(im.width == 64 && im.height == 48, "size");
	CHECK_EQ(im.pixel[64 * 47 + 63], 0x123456);
	CHECK_EQ(im.pixel[64 * 47 + 62], 0);
	free(im.pixel);
	CHECK(!display_text(b->m, &e), "no text");
	/* what was written can be read, and a part of it changed */
	CHECK_EQ(dma(key << 16 | SELECT | READ, 28, BUS_RAM + 0x3000), 0);
	CHECK(!memcmp(ram(0x3000), ram(0x2000), 28), "read back");
	CHECK_EQ(dma(key << 16 | SELECT | SKIP, 8, 0), 0);
	st_be32(ram(0x3000), RG16);
	CHECK_EQ(dma(WRITE, 4, BUS_RAM + 0x3000), 0);
	st_le16(ram(PICTURE + 2 * 65), 0xfc1f);
	CHECK_EQ(display_capture(b->m, &im, &e), 0);
	CHECK_EQ(im.pixel[65], 0xff82ff);
	free(im.pixel);
	bus_save_load(b, fb);
	CHECK(ramfb_active(fb), "loaded");
	configure(key, BUS_RAM + PICTURE, RG24, 10, 10, 40);
	memcpy(ram(PICTURE + 40 * 3 + 3), "\x03\x02\x01", 3);
	CHECK_EQ(display_capture(b->m, &im, &e), 0);
	CHECK_EQ(im.pixel[31], 0x010203);
	free(im.pixel);

	/* mistakes: too much, what is not there, items that are not for writing */
	CHECK_EQ(dma(key << 16 | SELECT | WRITE, 29, BUS_RAM + 0x2000), ERROR);
	CHECK_EQ(dma(key << 16 | SELECT | WRITE, UINT32_MAX, BUS_RAM + 0x2000), ERROR);
	CHECK_EQ(dma(key << 16 | SELECT | WRITE, 28, 0x1000), ERROR);
	CHECK_EQ(dma((key - 1) << 16 | SELECT | WRITE, 1, BUS_RAM + 0x2000), ERROR);
	CHECK_EQ(dma(FW_CFG_ID << 16 | SELECT | WRITE, 4, BUS_RAM + 0x2000), ERROR);
	CHECK(ramfb_active(fb), "as it was");
	configure(key, BUS_RAM + PICTURE, XR24, 100000, 2, 0);
	CHECK_EQ(display_capture(b->m, &im, &e), -ENODATA);
	configure(key, BUS_RAM + PICTURE, 0x20203843, 10, 2, 0);
	CHECK_EQ(display_capture(b->m, &im, &e), -ENODATA);
	/* lines that are not memory are black */
	memset(ram(BUS_RAM_SIZE - 40), 0x7f, 40);
	configure(key, BUS_RAM + BUS_RAM_SIZE - 40, XR24, 10, 3, UINT32_MAX);
	CHECK_EQ(display_capture(b->m, &im, &e), 0);
	CHECK_EQ(im.pixel[9], 0x7f7f7f);
	CHECK_EQ(im.pixel[10], 0);
	free(im.pixel);
	machine_reset(b->m, RESET_WARM);
	CHECK(!ramfb_active(fb), "reset");
	bus_free(b);
	return check_done();
}
