/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2_poke IMAGE MODEL SEED REQUESTS: writes at random to an image of any format and to a raw
 * file of the same contents, so that another program can compare the two.
 */
#include "tests/block/qcow2.h"

static uint8_t *model;

static void request(struct block *b)
{
	uint64_t sectors = block_size(b) / 512, first = rnd((unsigned)sectors);
	uint64_t n = 1 + rnd((unsigned)MIN(sectors - first, UINT64_C(300)));
	uint8_t *at = model + first * 512;

	switch (rnd(5)) {
	case 0:
		memset(at, 0, n * 512);
		CHECK_EQ(block_rw(b, BLOCK_WRITE_ZEROES, first * 512, NULL, n * 512), 0);
		break;
	case 1:
		CHECK_EQ(block_rw(b, BLOCK_DISCARD, first * 512, NULL, n * 512), 0);
		CHECK_EQ(block_rw(b, BLOCK_READ, first * 512, at, n * 512), 0);
		break;
	default:
		q_fill(at, n * 512);
		CHECK_EQ(block_rw(b, BLOCK_WRITE, first * 512, at, n * 512), 0);
	}
}

int main(int argc, char **argv)
{
	struct block_config c = { 0 };
	struct err e = { 0 };
	struct block *b;
	int fd;

	if (argc != 5)
		return 2;
	snprintf(c.path, sizeof(c.path), "%s", argv[1]);
	c.format = BLOCK_FORMAT_QCOW2;
	b = block_open(&c, &e);
	fd = open(argv[2], O_RDWR);
	if (!b || fd < 0) {
		fprintf(stderr, "%s\n", b ? argv[2] : e.msg);
		return 1;
	}
	q_seed = strtoull(argv[3], NULL, 0);
	model = calloc(1, block_size(b));
	CHECK(read(fd, model, block_size(b)) >= 0);
	q_same(b, model, block_size(b), argv[1]);
	for (unsigned n = (unsigned)strtoul(argv[4], NULL, 0); n; n--)
		request(b);
	q_same(b, model, block_size(b), argv[1]);
	CHECK_EQ(pwrite(fd, model, block_size(b), 0), block_size(b));
	block_close(b);
	return check_done();
}
