/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2_poke IMAGE MODEL SEED REQUESTS: writes at random, now and then several at a time, to an
 * image of any format and to a raw file of the same contents, so that another program can compare
 * the two.
 */
#include "tests/block/qcow2.h"

int main(int argc, char **argv)
{
	struct block_config c = { 0 };
	struct err e = { 0 };
	struct model m;
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
	rnd_seed = strtoull(argv[3], NULL, 0);
	m = (struct model){ calloc(1, block_size(b)), block_size(b), NULL };
	CHECK(read(fd, m.p, m.size) >= 0);
	same(b, m.p, m.size, argv[1]);
	jobs_start(m.size);
	for (unsigned n = (unsigned)strtoul(argv[4], NULL, 0); n; n--)
		if (n % 4)
			one_request(b, &m, 300);
		else
			jobs_round(b, &m, argv[1]);
	jobs_end();
	same(b, m.p, m.size, argv[1]);
	CHECK_EQ(pwrite(fd, m.p, m.size, 0), m.size);
	block_close(b);
	close(fd);
	free(m.p);
	return check_done();
}
