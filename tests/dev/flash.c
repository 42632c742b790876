/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel command set, on two 16-bit lanes and as the PC's mapped 8-bit chip; what is written
 * lands in the file.
 */
#include <errno.h>
#include <fcntl.h>

#include "tests/dev/devtest.h"
#include "hw/misc/cfi_flash.h"
#include "io/block/block.h"

#define BASE  0x20000000u
#define BLOCK 0x40000u
#define FILE_SIZE (3 * BLOCK)

static struct bus *b;
static char path[] = "/tmp/ambi-flash-XXXXXX";

static uint64_t rd(uint64_t off) { return bus_read(b, BASE + off, 4); }
static void wr(uint64_t off, uint32_t v) { bus_write(b, BASE + off, 4, v); }
static void cmd(uint64_t off, uint32_t c) { wr(off, c << 16 | c); }

static uint32_t file_word(uint64_t off)
{
	uint32_t v = 0;
	int fd = open(path, O_RDONLY);

	CHECK(pread(fd, &v, 4, (off_t)off) == 4, "read back");
	close(fd);
	return v;
}

static struct block *open_file(bool readonly)
{
	struct block_config c = { .readonly = readonly };
	struct block *k;

	snprintf(c.path, sizeof(c.path), "%s", path);
	k = block_open(&c, &b->err);
	if (!k)
		bus_fail(b, path);
	return k;
}

static void test_query(void)
{
	static const char qry[] = "QRY";
	uint64_t size, blocks, block;

	CHECK_EQ(rd(0), 0x33221100);		/* the file's first bytes */
	CHECK_EQ(bus_read(b, BASE + 1, 1), 0x11);
	CHECK_EQ(bus_read(b, BASE + 2, 2), 0x3322);
	CHECK_EQ(bus_read(b, BASE, 8), 0x7766554433221100);
	CHECK_EQ(rd(0x1fffffc), 0xffffffff);	/* beyond the file: erased */
	cmd(0x55 * 4, 0x98);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(rd((0x10 + i) * 4), (uint64_t)qry[i] << 16 | (unsigned)qry[i]);
	CHECK_EQ(rd(0x13 * 4), 0x00010001);	/* Intel */
	size = 2ull << (rd(0x27 * 4) & 0xff);
	CHECK_EQ(size, 32 << 20);
	blocks = (rd(0x2d * 4) & 0xff) + 1;
	block = 2 * 256 * ((rd(0x2f * 4) & 0xff) | (rd(0x30 * 4) & 0xff) << 8);
	CHECK_EQ(blocks * block, size);
	CHECK_EQ(rd(0x31 * 4) & 0xff, 'P');
	CHECK_EQ(rd(0x1000 * 4), 0);
	cmd(0, 0x90);
	CHECK_EQ(rd(0), 0x00890089);
	cmd(0, 0xff);
	CHECK_EQ(rd(0), 0x33221100);
}

static void test_program(void)
{
	cmd(BLOCK, 0x20);
	cmd(BLOCK, 0xd0);
	CHECK_EQ(rd(BLOCK), 0x00800080);	/* ready, no error */
	cmd(0, 0xff);
	CHECK_EQ(rd(BLOCK), 0xffffffff);
	CHECK_EQ(rd(2 * BLOCK - 4), 0xffffffff);
	CHECK_EQ(file_word(BLOCK), 0xffffffff);
	CHECK(rd(BLOCK - 4) != 0xffffffff && rd(2 * BLOCK) != 0xffffffff, "one block only");

	cmd(BLOCK + 8, 0x40);
	wr(BLOCK + 8, 0xdeadbeef);
	CHECK_EQ(rd(0), 0x00800080);
	cmd(0, 0xff);
	CHECK_EQ(rd(BLOCK + 8), 0xdeadbeef);
	CHECK_EQ(file_word(BLOCK + 8), 0xdeadbeef);
	cmd(BLOCK + 8, 0x10);			/* bits only go down without an erase */
	wr(BLOCK + 8, 0xffff0000);
	cmd(0, 0xff);
	CHECK_EQ(rd(BLOCK + 8), 0xdead0000);

	cmd(BLOCK, 0xe8);			/* buffered: 4 words a lane */
	CHECK_EQ(rd(BLOCK), 0x00800080);
	wr(BLOCK, 0x00030003);
	for (unsigned i = 0; i < 4; i++)
		wr(BLOCK + 0x100 + 4 * i, 0x01010101 * (i + 1));
	cmd(BLOCK, 0xd0);
	CHECK_EQ(rd(BLOCK), 0x00800080);
	cmd(0, 0xff);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(rd(BLOCK + 0x100 + 4 * i), 0x01010101 * (i + 1));
	CHECK_EQ(rd(BLOCK + 0x110), 0xffffffff);
	CHECK_EQ(file_word(BLOCK + 0x10c), 0x04040404);
	/* beyond the file: kept in memory */
	cmd(0x1000000, 0x40);
	wr(0x1000000, 0x12345678);
	cmd(0, 0xff);
	CHECK_EQ(rd(0x1000000), 0x12345678);
}

static void test_mistakes(void)
{
	cmd(BLOCK, 0x20);
	cmd(BLOCK, 0x11);			/* no confirmation */
	CHECK_EQ(rd(0), 0x00b000b0);
	cmd(0, 0x50);				/* clear status */
	cmd(0, 0x70);
	CHECK_EQ(rd(0), 0x00800080);
	cmd(0, 0xe8);
	wr(0, 0xffffffff);			/* more than the buffer holds */
	CHECK_EQ(rd(0), 0x00b000b0);
	cmd(0, 0x50);
	cmd(0, 0xe8);
	wr(0, 0x00010001);
	wr(2 * BLOCK, 0);
	wr(2 * BLOCK + 0x10000, 0);		/* outside the buffer's window */
	cmd(0, 0xd0);
	CHECK_EQ(rd(0), 0x00b000b0);
	cmd(0, 0x50);
	CHECK(rd(2 * BLOCK) != 0, "nothing was programmed");
	cmd(0, 0x60);
	cmd(0, 0xd0);
	CHECK_EQ(rd(0), 0x00800080);
	cmd(0, 0x42);				/* unknown: read array */
	CHECK_EQ(rd(0), 0x33221100);
}

static void test_moves(struct dev *d)
{
	cmd(BLOCK, 0xe8);
	wr(BLOCK, 0x00010001);
	wr(BLOCK + 0x200, 0x11111111);
	bus_save_load(b, d);			/* in the middle of a buffered write */
	wr(BLOCK + 0x204, 0x22222222);
	cmd(BLOCK, 0xd0);
	cmd(0, 0xff);
	CHECK_EQ(rd(BLOCK + 0x200), 0x11111111);
	CHECK_EQ(rd(BLOCK + 0x204), 0x22222222);
	CHECK_EQ(file_word(BLOCK + 0x204), 0x22222222);
}

/* Written and saved at once: it is in the file. Loaded: the contents are the file's, then. */
static void test_back_end(struct dev *d, struct block *k)
{
	struct state_buf s = { 0 };
	uint32_t v;

	cmd(0x1000004, 0x40);
	wr(0x1000004, 0x44444444);		/* beyond the file */
	cmd(BLOCK + 0x3000, 0x40);
	wr(BLOCK + 0x3000, 0x33333333);		/* no "read array": written a little later */
	CHECK(file_word(BLOCK + 0x3000) == 0xffffffff);
	CHECK_EQ(state_save(d, &s, &b->err), 0);
	CHECK_EQ(file_word(BLOCK + 0x3000), 0x33333333);
	cmd(0x1000008, 0x40);
	wr(0x1000008, 0x55555555);
	cmd(0, 0xff);
	CHECK_EQ(rd(BLOCK + 0x3004), 0xffffffff);
	/* as a migration does it: the file is another process's until the state is there */
	CHECK_EQ(block_inactivate(k, &b->err), 0);
	for (size_t cut = 0; cut < s.len; cut += 7)
		CHECK(state_load(d, s.data, cut, &b->err) < 0);
	CHECK_EQ(state_load(d, s.data, s.len, &b->err), 0);
	v = 0x66666666;
	{
		int fd = open(path, O_WRONLY);

		CHECK_EQ(pwrite(fd, &v, 4, BLOCK + 0x3004), 4);
		close(fd);
	}
	CHECK_EQ(block_activate(k, &b->err), 0);
	cmd(0, 0xff);
	CHECK_EQ(rd(BLOCK + 0x3000), 0x33333333);
	CHECK_EQ(rd(BLOCK + 0x3004), 0x66666666);
	CHECK_EQ(rd(0x1000000), 0x12345678);
	CHECK_EQ(rd(0x1000004), 0x44444444);
	CHECK_EQ(rd(0x1000008), 0xffffffff);
	free(s.data);
}

static void test_readonly(void)
{
	struct dev *d = bus_new_dev(b, "cfi-flash");
	struct block *k = open_file(true);

	dev_set_ptr(d, "block", k);
	bus_plug(b, d, 0x24000000, 0);
	bus_write(b, 0x24000000, 4, 0x00400040);
	bus_write(b, 0x24000000, 4, 0);
	CHECK_EQ(bus_read(b, 0x24000000, 4), 0x00920092);	/* program error, locked */
	bus_write(b, 0x24000000, 4, 0x00ff00ff);
	CHECK_EQ(bus_read(b, 0x24000000, 4), 0x33221100);
	dev_free(d);
	block_close(k);
}

static void test_too_large(void)
{
	struct dev *d;
	struct block *k;

	CHECK(truncate(path, (32 << 20) + 512) == 0, "truncate");
	k = open_file(false);
	d = bus_new_dev(b, "cfi-flash");
	dev_set_ptr(d, "block", k);
	CHECK_EQ(dev_init(d, &b->err), -EFBIG);
	CHECK(strstr(b->err.msg, "33554944"), "%s", b->err.msg);
	block_close(k);
}

#define PC_BASE UINT64_C(0x30000000)

static unsigned hidings;

static void on_change(void *opaque, struct mem_block *m)
{
	hidings++;
	CHECK(m->base == PC_BASE, "the flash's block");
	/* the device's lock is free: an engine waits for vCPUs that may want it */
	CHECK(pthread_mutex_trylock(opaque) == 0, "no lock held");
	pthread_mutex_unlock(opaque);
}

static bool visible(void) { return mem_find(&b->m->mem, PC_BASE) != NULL; }
static uint8_t pc_rd(uint64_t off) { return (uint8_t)bus_read(b, PC_BASE + off, 1); }
static void pc_wr(uint64_t off, uint8_t v) { bus_write(b, PC_BASE + off, 1, v); }

static uint8_t pc_mem(uint64_t off)
{
	uint8_t v = 0;

	CHECK(mem_read(&b->m->mem, PC_BASE + off, &v, 1) == 0, "array is shown");
	return v;
}

/* How OVMF finds out whether a flash chip is there. */
static void probe(void)
{
	CHECK(visible() && pc_mem(0x17) == 0x88, "some byte that is no command");
	pc_wr(0x17, 0x50);
	CHECK(visible() && pc_mem(0x17) == 0x88, "not RAM");
	pc_wr(0x17, 0x70);
	CHECK(!visible(), "commands hide the array");
	CHECK_EQ(pc_rd(0x17), 0);
	pc_wr(0x17, 0xff);
	CHECK(visible(), "back");
	CHECK_EQ(pc_mem(0x17), 0x88);
}

static void test_pc(void)
{
	struct dev *d = bus_new_dev(b, "cfi-flash");
	struct block *k = open_file(false);
	struct mem_block *m;
	uint64_t dirty[8];

	cfi_flash_set_pc(d);
	dev_set_ptr(d, "block", k);
	CHECK(dev_init(d, &b->err) == 0, "%s", b->err.msg);
	CHECK_EQ(cfi_flash_size(d), FILE_SIZE);
	CHECK(cfi_flash_map(d, PC_BASE, &b->err) == 0, "%s", b->err.msg);
	b->m->mem.changed = on_change;
	b->m->mem.changed_opaque = &d->lock;
	m = mem_find(&b->m->mem, PC_BASE);
	CHECK(m->flags == MEM_ROM && m->size == FILE_SIZE, "a ROM as large as the file");
	probe();
	CHECK_EQ(hidings, 2);
	CHECK_EQ(pc_rd(0x17), 0x88);		/* the region beneath says the same */
	/* a sector of 4 KiB */
	pc_wr(0x2000, 0x20);
	pc_wr(0x2000, 0xd0);
	CHECK_EQ(pc_rd(0), 0x80);
	pc_wr(0x2000, 0xff);
	CHECK(pc_mem(0x2000) == 0xff && pc_mem(0x2fff) == 0xff, "erased");
	CHECK(pc_mem(0x1fff) != 0xff && pc_mem(0x3000) != 0xff, "and nothing else");
	CHECK_EQ(file_word(0x2000), 0xffffffff);
	/* byte by byte, then back: as variables are written */
	mem_take_dirty(m, 0, 512, dirty);
	for (unsigned i = 0; i < 300; i++) {
		pc_wr(0x2100 + i, 0x10);
		pc_wr(0x2100 + i, (uint8_t)i);
	}
	CHECK_EQ(pc_rd(0x2100), 0x80);
	pc_wr(0x2100 + 299, 0xff);
	for (unsigned i = 0; i < 300; i++)
		CHECK_EQ(pc_mem(0x2100 + i), i & 0xff);
	mem_take_dirty(m, 0, 512, dirty);
	CHECK_EQ(dirty[0], 4);
	CHECK_EQ(file_word(0x2100), 0x03020100);
	CHECK_EQ(file_word(0x2104 + 256), 0x07060504);
	/* without the way back it is written a little later */
	pc_wr(0x2400, 0x40);
	pc_wr(0x2400, 0x5a);
	CHECK_EQ(file_word(0x2400) & 0xff, 0xff);
	WAIT_FOR((file_word(0x2400) & 0xff) == 0x5a);
	/* a move in the middle of a command, then a reset */
	pc_wr(0x2500, 0x40);
	bus_save_load(b, d);
	CHECK(!visible(), "still hidden");
	pc_wr(0x2500, 0x12);
	pc_wr(0, 0x98);
	CHECK_EQ(pc_rd(0x10), 'Q');
	CHECK_EQ(pc_rd(0x2d) | pc_rd(0x2e) << 8, FILE_SIZE / 4096 - 1);
	CHECK_EQ((pc_rd(0x2f) | pc_rd(0x30) << 8) * 256, 4096);
	CHECK_EQ(pc_rd(0x28), 0);		/* x8 */
	b->m->mem.changed = NULL;
	machine_reset(b->m, RESET_WARM);
	CHECK(visible() && pc_mem(0x2500) == 0x12, "a reset shows the array");
	CHECK_EQ(file_word(0x2500) & 0xff, 0x12);
	/* buffered, 8-bit counts */
	pc_wr(0x2600, 0xe8);
	CHECK_EQ(pc_rd(0x2600), 0x80);
	pc_wr(0x2600, 1);
	pc_wr(0x2600, 0xab);
	pc_wr(0x2601, 0xcd);
	pc_wr(0x2600, 0xd0);
	pc_wr(0x2600, 0xff);
	CHECK(pc_mem(0x2600) == 0xab && pc_mem(0x2601) == 0xcd, "buffer");
	pc_wr(0x2700, 0x40);			/* freed with a write pending */
	pc_wr(0x2700, 0x77);
	dev_free(d);
	CHECK_EQ(file_word(0x2700) & 0xff, 0x77);
	block_close(k);
	mem_hide(&b->m->mem, m, true);		/* the block stays until the machine goes */
}

static void test_geometry(void)
{
	static const struct { const char *prop, *value; int rc; } bad[] = {
		{ "width", "2", -EINVAL }, { "sector", "2K", -EINVAL },
		{ "sector", "12K", -EINVAL },
		{ "size", "65M", -EINVAL }, { "size", "5K", -EINVAL },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dev *d = bus_new_dev(b, "cfi-flash");

		CHECK(dev_set(d, bad[i].prop, bad[i].value, &b->err) == 0, "%s", b->err.msg);
		CHECK_EQ(dev_init(d, &b->err), bad[i].rc);
		dev_free(d);
	}
}

int main(void)
{
	uint8_t *image = malloc(FILE_SIZE);
	int fd = mkstemp(path);
	struct block *k;
	struct dev *d;

	for (unsigned i = 0; i < FILE_SIZE; i++)
		image[i] = (uint8_t)(i % 15 * 0x11);
	CHECK(write(fd, image, FILE_SIZE) == FILE_SIZE, "%s", path);
	close(fd);
	free(image);
	b = bus_new();
	k = open_file(false);
	d = bus_new_dev(b, "cfi-flash");
	dev_set_ptr(d, "block", k);
	bus_plug(b, d, BASE, 0);
	test_query();
	test_program();
	test_mistakes();
	test_moves(d);
	test_back_end(d, k);
	dev_free(d);
	block_close(k);
	test_readonly();
	test_pc();
	test_geometry();
	test_too_large();
	bus_free(b);
	unlink(path);
	return check_done();
}
