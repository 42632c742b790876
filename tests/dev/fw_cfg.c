/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "tests/dev/devtest.h"
#include "hw/misc/fw_cfg.h"
#include "util/bits.h"

#define BASE 0x10100000u
enum { DATA = 0, SELECTOR = 8, DMA = 16 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

static struct bus *b;
static struct dev *d;

/* The bus carries little-endian numbers; this register is big-endian. */
static void select_item(uint16_t key)
{
	bus_write(b, BASE + SELECTOR, 2, __builtin_bswap16(key));
}

static void read_bytes(void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = (uint8_t)bus_read(b, BASE + DATA, 1);
}

static uint32_t dma(uint32_t control, uint32_t len, uint64_t addr)
{
	uint8_t req[16];

	st_be32(req, control);
	st_be32(req + 4, len);
	st_be64(req + 8, addr);
	mem_write(&b->m->mem, BUS_RAM + 0x100, req, 16, false);
	bus_write(b, BASE + DMA, 4, 0);
	bus_write(b, BASE + DMA + 4, 4, __builtin_bswap32((uint32_t)BUS_RAM + 0x100));
	mem_read(&b->m->mem, BUS_RAM + 0x100, req, 4);
	return ld_be32(req);
}

static void test_items(void)
{
	uint8_t buf[16];

	select_item(FW_CFG_SIGNATURE);
	read_bytes(buf, 5);
	CHECK(!memcmp(buf, "QEMU\0", 5), "signature, zeros after it");
	select_item(FW_CFG_SIGNATURE);		/* wide reads keep the order of bytes */
	CHECK_EQ(bus_read(b, BASE + DATA, 4), ld_le32("QEMU"));
	select_item(FW_CFG_SIGNATURE);
	CHECK_EQ(bus_read(b, BASE + DATA, 8), ld_le32("QEMU"));
	select_item(FW_CFG_ID);
	CHECK_EQ(bus_read(b, BASE + DATA, 4), 3);
	select_item(FW_CFG_NB_CPUS);
	CHECK_EQ(bus_read(b, BASE + DATA, 2), BUS_CPUS);
	select_item(FW_CFG_RAM_SIZE);
	CHECK_EQ(bus_read(b, BASE + DATA, 8), BUS_RAM_SIZE);
	select_item(0x3fff);
	CHECK_EQ(bus_read(b, BASE + DATA, 8), 0);
	select_item(0x8000);			/* the architecture's own items: none */
	CHECK_EQ(bus_read(b, BASE + DATA, 4), 0);
	CHECK_EQ(bus_read(b, BASE + DMA, 8), ld_le64("QEMU CFG"));
	CHECK_EQ(bus_read(b, BASE + DMA + 4, 4), ld_le32(" CFG"));
	CHECK_EQ(bus_read(b, BASE + DMA + 5, 1), 'C');
}

static void test_files(void)
{
	struct err e;
	char name[64];
	uint8_t dir[4 + 3 * 64];

	CHECK_EQ(fw_cfg_add_file(d, "opt/b", "bbbb", 4, &e), 0);
	CHECK_EQ(fw_cfg_add_file(d, "opt/a", "file a", 6, &e), 0);
	CHECK_EQ(fw_cfg_add_file(d, "opt/a", "again", 5, &e), -EEXIST);
	memset(name, 'n', 63);
	name[63] = '\0';
	CHECK_EQ(fw_cfg_add_file(d, name, "", 0, &e), -EINVAL);
	CHECK_EQ(fw_cfg_add_file(d, "", "", 0, &e), -EINVAL);
	CHECK_EQ(fw_cfg_add(d, FW_CFG_ID, "", 0, &e), -EEXIST);
	CHECK_EQ(fw_cfg_add(d, 0x20, "", 0, &e), -EINVAL);
	CHECK_EQ(fw_cfg_add(d, FW_CFG_CMDLINE_DATA, "root=/dev/vda", 14, &e), 0);

	select_item(FW_CFG_FILE_DIR);
	read_bytes(dir, 4 + 2 * 64);
	CHECK_EQ(ld_be32(dir), 2);
	CHECK(!strcmp((char *)dir + 12, "opt/a"), "sorted by name");
	CHECK_EQ(ld_be32(dir + 4), 6);
	CHECK_EQ(ld_be16(dir + 8), 0x21);
	CHECK(!strcmp((char *)dir + 64 + 12, "opt/b"), "second");
	select_item(ld_be16(dir + 8));
	read_bytes(name, 7);
	CHECK(!strcmp(name, "file a"), "%s", name);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "opt/%u", i);
		if (fw_cfg_add_file(d, name, "x", 1, &e))
			break;
	}
	CHECK_EQ(e.code, ENOSPC);
}

static void test_dma(void)
{
	char got[16];

	CHECK_EQ(dma(0x21 << 16 | DMA_SELECT | DMA_READ, 4, BUS_RAM + 0x200), 0);
	mem_read(&b->m->mem, BUS_RAM + 0x200, got, 4);
	CHECK(!memcmp(got, "file", 4), "%.4s", got);
	CHECK_EQ(dma(DMA_SKIP, 1, 0), 0);
	CHECK_EQ(dma(DMA_READ, 8, BUS_RAM + 0x200), 0);
	mem_read(&b->m->mem, BUS_RAM + 0x200, got, 8);
	CHECK(!memcmp(got, "a\0\0\0\0\0\0", 8), "zeros beyond the end");
	CHECK_EQ(dma(0x21 << 16 | DMA_SELECT, 0, 0), 0);
	CHECK_EQ(bus_read(b, BASE + DATA, 1), 'f');
	CHECK_EQ(dma(DMA_WRITE, 4, BUS_RAM), DMA_ERROR);
	CHECK_EQ(dma(DMA_READ, 4, 0x1000), DMA_ERROR);		/* not RAM */
	CHECK_EQ(dma(DMA_READ, 0xffffffff, BUS_RAM), DMA_ERROR);	/* over its end */
	CHECK_EQ(dma(DMA_READ, 16, UINT64_MAX - 3), DMA_ERROR);
	CHECK_EQ(dma(DMA_SKIP, 0xffffffff, 0), 0);
	CHECK_EQ(dma(DMA_SKIP, 0xffffffff, 0), 0);		/* the offset saturates */
	CHECK_EQ(bus_read(b, BASE + DATA, 8), 0);
	bus_write(b, BASE + DMA, 8, 0);				/* request nowhere: ignored */
	bus_write(b, BASE + DMA, 8, UINT64_MAX);
	/* one 64-bit write does as well */
	st_be32(got, DMA_SELECT | DMA_READ | (uint32_t)FW_CFG_SIGNATURE << 16);
	st_be32(got + 4, 4);
	st_be64(got + 8, BUS_RAM + 0x300);
	mem_write(&b->m->mem, BUS_RAM + 0x140, got, 16, false);
	bus_write(b, BASE + DMA, 8, __builtin_bswap64(BUS_RAM + 0x140));
	mem_read(&b->m->mem, BUS_RAM + 0x300, got, 4);
	CHECK(!memcmp(got, "QEMU", 4), "%.4s", got);
}

static uint64_t in(uint16_t port, unsigned size)
{
	uint64_t v = 0;

	CHECK(region_read(b->m->pio, port, size, &v) == 0, "port %#x", port);
	return v;
}

static void out(uint16_t port, unsigned size, uint64_t v)
{
	CHECK(region_write(b->m->pio, port, size, v) == 0, "port %#x", port);
}

static void find_file(const char *name, uint16_t *key, uint32_t *len)
{
	uint8_t head[4], ent[64];
	unsigned n;

	*key = 0;
	out(FW_CFG_PORTS, 2, FW_CFG_FILE_DIR);
	for (unsigned i = 0; i < 4; i++)
		head[i] = (uint8_t)in(FW_CFG_PORTS + 1, 1);
	for (n = ld_be32(head); n && !*key; n--) {
		for (unsigned i = 0; i < 64; i++)
			ent[i] = (uint8_t)in(FW_CFG_PORTS + 1, 1);
		if (!strcmp((char *)ent + 8, name)) {
			*key = ld_be16(ent + 4);
			*len = ld_be32(ent);
		}
	}
	CHECK(*key, "%s", name);
}

/* The PC's ports, on a device of its own, with the files that its firmware looks for. */
static void test_ports(void)
{
	static const struct fw_cfg_e820 map[] = {
		{ 0, 0xc0000000, FW_CFG_E820_RAM },
		{ UINT64_C(0x100000000), 0x40000000, FW_CFG_E820_RESERVED },
	};
	const size_t big = 3 << 20;
	uint8_t *kernel = malloc(big), buf[64];
	struct err e;
	uint32_t len;
	uint16_t key;

	d = bus_new_dev(b, "fw-cfg");
	if (dev_init(d, &b->err) || dev_map(d, 1, b->m->pio, FW_CFG_PORTS, &b->err) ||
	    dev_map(d, 2, b->m->pio, FW_CFG_DMA_PORT, &b->err))
		bus_fail(b, "fw-cfg");
	for (size_t i = 0; i < big; i++)
		kernel[i] = (uint8_t)(i * 7 >> 3);
	CHECK_EQ(fw_cfg_add_ref(d, FW_CFG_KERNEL_DATA, kernel, big, &e), 0);
	CHECK_EQ(fw_cfg_add_file_ref(d, "opt/ambi/kernel", kernel, big, &e), 0);
	CHECK_EQ(fw_cfg_add(d, FW_CFG_IRQ0_OVERRIDE, "\1", 1, &e), 0);
	CHECK_EQ(fw_cfg_add(d, FW_CFG_ARCH_LOCAL | 0x20, "", 0, &e), -EINVAL);
	CHECK_EQ(fw_cfg_add_e820(d, map, 2, &e), 0);
	CHECK_EQ(fw_cfg_add_e820(d, map, FW_CFG_E820_MAX + 1, &e), -EINVAL);
	CHECK_EQ(fw_cfg_add_system_states(d, false, true, &e), 0);
	CHECK_EQ(fw_cfg_add_string(d, "bootorder", "/pci@i0cf8/scsi@3/disk@0,0\n", &e), 0);
	CHECK_EQ(fw_cfg_add_number(d, "etc/boot-fail-wait", 5000, 4, &e), 0);

	out(FW_CFG_PORTS, 2, FW_CFG_SIGNATURE);
	CHECK_EQ(in(FW_CFG_PORTS + 1, 1), 'Q');
	CHECK_EQ(in(FW_CFG_PORTS + 1, 1), 'E');
	out(FW_CFG_PORTS + 1, 1, 0x55);		/* data is read-only */
	out(FW_CFG_PORTS, 1, 0x11);		/* half a selector is none */
	CHECK_EQ(in(FW_CFG_PORTS + 1, 1), 'M');
	CHECK_EQ(in(FW_CFG_DMA_PORT, 4), ld_le32("QEMU"));
	CHECK_EQ(in(FW_CFG_DMA_PORT + 4, 4), ld_le32(" CFG"));
	out(FW_CFG_PORTS, 2, FW_CFG_IRQ0_OVERRIDE);
	CHECK_EQ(in(FW_CFG_PORTS + 1, 1), 1);

	/* 512 KiB of a borrowed item in one go, from its middle */
	st_be32(buf, FW_CFG_KERNEL_DATA << 16 | DMA_SELECT | DMA_SKIP);
	st_be32(buf + 4, 1 << 20);
	st_be64(buf + 8, 0);
	st_be32(buf + 16, DMA_READ);
	st_be32(buf + 20, 1 << 19);
	st_be64(buf + 24, BUS_RAM + 0x1000);
	mem_write(&b->m->mem, BUS_RAM, buf, 32, false);
	for (unsigned i = 0; i < 2; i++) {
		out(FW_CFG_DMA_PORT, 4, 0);
		out(FW_CFG_DMA_PORT + 4, 4, __builtin_bswap32((uint32_t)BUS_RAM + 16 * i));
	}
	CHECK(!memcmp(mem_ptr(&b->m->mem, BUS_RAM + 0x1000, 1 << 19), kernel + (1 << 20), 1 << 19),
	      "the kernel's bytes");
	mem_read(&b->m->mem, BUS_RAM + 16, buf, 4);
	CHECK_EQ(ld_be32(buf), 0);

	find_file("opt/ambi/kernel", &key, &len);
	CHECK_EQ(len, big);
	find_file("bootorder", &key, &len);
	CHECK_EQ(len, 28);
	find_file("etc/system-states", &key, &len);
	out(FW_CFG_PORTS, 2, key);
	for (unsigned i = 0; i < 6; i++)
		buf[i] = (uint8_t)in(FW_CFG_PORTS + 1, 1);
	CHECK(buf[3] == 1 && buf[4] == 0x82, "S4 only");
	find_file("etc/boot-fail-wait", &key, &len);
	CHECK_EQ(len, 4);
	find_file("etc/e820", &key, &len);
	CHECK_EQ(len, 40);
	out(FW_CFG_PORTS, 2, key);
	for (unsigned i = 0; i < 40; i++)
		buf[i] = (uint8_t)in(FW_CFG_PORTS + 1, 1);
	CHECK_EQ(ld_le64(buf + 8), 0xc0000000);
	CHECK_EQ(ld_le32(buf + 16), 1);
	CHECK_EQ(ld_le64(buf + 20), UINT64_C(0x100000000));
	CHECK_EQ(ld_le32(buf + 36), 2);
	bus_save_load(b, d);
	CHECK_EQ(in(FW_CFG_PORTS + 1, 1), 0);	/* behind the end, as before */
	dev_free(d);
	CHECK_EQ(kernel[big - 1], (uint8_t)((big - 1) * 7 >> 3));	/* ours still */
	free(kernel);
}

int main(void)
{
	b = bus_new();
	d = bus_new_dev(b, "fw-cfg");
	bus_plug(b, d, BASE, 0);
	test_items();
	test_files();
	test_dma();
	select_item(FW_CFG_SIGNATURE);
	bus_read(b, BASE + DATA, 1);
	bus_save_load(b, d);
	CHECK_EQ(bus_read(b, BASE + DATA, 1), 'E');
	test_ports();
	bus_free(b);
	return check_done();
}
