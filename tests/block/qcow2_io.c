/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random requests, several in flight, on qcow2 images of all cluster sizes and both versions, with
 * and without backing files, through every cache mode, across closing and snapshots, against
 * models in memory; and the image's consistency at each step.
 */
#include "tests/block/qcow2.h"

#define SNAPS 6u

static struct model disk;
static uint8_t *snap[SNAPS];

static void snapshots(struct block *b, const char *what)
{
	unsigned i = rnd(SNAPS);
	char name[16];
	struct err e = { 0 };

	snprintf(name, sizeof(name), "snap %u", i);
	if (!snap[i]) {
		CHECK_EQ(block_snapshot_apply(b, name, &e), -ENOENT);
		CHECK_EQ(block_snapshot_delete(b, name, &e), -ENOENT);
		CHECK(block_snapshot_create(b, name, &e) == 0, "%s: %s", what, e.msg);
		CHECK_EQ(block_snapshot_create(b, name, &e), -EEXIST);
		snap[i] = malloc(disk.size);
		memcpy(snap[i], disk.p, disk.size);
	} else if (rnd(2)) {
		CHECK(block_snapshot_apply(b, name, &e) == 0, "%s: %s", what, e.msg);
		memcpy(disk.p, snap[i], disk.size);
	} else {
		CHECK(block_snapshot_delete(b, name, &e) == 0, "%s: %s", what, e.msg);
		free(snap[i]);
		snap[i] = NULL;
	}
	q_check(b, false, what);
}

static void stress(unsigned bits, unsigned version, const char *backing, const char *options,
		   uint64_t sectors, unsigned rounds)
{
	struct block_create c = { .path = q_path("disk"), .size = sectors * 512,
				  .format = BLOCK_FORMAT_QCOW2, .cluster_bits = bits,
				  .version = version, .overwrite = true };
	struct err e = { 0 };
	struct block *b;
	char what[128], path[128];

	snprintf(path, sizeof(path), "%s", c.path);
	snprintf(what, sizeof(what), "2^%u v%u %s%s", bits, version,
		 backing ? backing : "", options);
	disk = (struct model){ calloc(1, c.size), c.size, NULL };
	if (backing) {
		c.backing = backing;
		c.backing_format = strstr(backing, "raw") ? BLOCK_FORMAT_RAW : BLOCK_FORMAT_QCOW2;
		b = q_must(q_path("base.qcow2"), ",readonly=on");
		CHECK_EQ(block_rw(b, BLOCK_READ, 0, disk.p, MIN(disk.size, block_size(b))), 0);
		block_close(b);
	}
	CHECK(block_create(&c, &e) == 0, "%s: %s", what, e.msg);
	jobs_start(disk.size);
	b = q_must(path, options);
	same(b, disk.p, disk.size, what);
	for (unsigned i = 0; i < rounds; i++) {
		jobs_round(b, &disk, what);
		if (!rnd(20))
			snapshots(b, what);
		if (!rnd(25)) {
			block_close(b);
			b = q_must(path, options);
			q_check(b, false, what);
			same(b, disk.p, disk.size, what);
		}
		if (check_failed)
			break;
	}
	same(b, disk.p, disk.size, what);
	for (unsigned i = 0; i < SNAPS; i++)
		if (snap[i]) {
			char name[16];

			snprintf(name, sizeof(name), "snap %u", i);
			CHECK(block_snapshot_apply(b, name, &e) == 0, "%s: %s", what, e.msg);
			same(b, snap[i], disk.size, what);
			CHECK(block_snapshot_delete(b, name, &e) == 0, "%s: %s", what, e.msg);
			free(snap[i]);
			snap[i] = NULL;
		}
	block_close(b);
	b = q_must(path, ",readonly=on");
	q_check(b, false, what);
	block_close(b);
	jobs_end();
	free(disk.p);
}

/* ---- requests that end together ---- */

enum { TOGETHER = 64, PIECE = 4096 };
static _Atomic unsigned ended, promised, kept;
static __thread void (*announced)(struct block_req *r, int ret);

static void one_ended(struct block_req *r, int ret)
{
	CHECK(!ret && (!announced || announced == r->done), "another one's end was announced");
	kept += announced != NULL;
	promised += r->more;
	announced = r->more ? r->done : NULL;
	ended++;
}

static void other_ended(struct block_req *r, int ret) { one_ended(r, ret); }

/* `more` comes through the image, so that a controller interrupts once for many. */
static void together(void)
{
	struct block_create c = { .path = q_path("many"), .size = TOGETHER * PIECE,
				  .format = BLOCK_FORMAT_QCOW2, .overwrite = true };
	static struct block_req req[TOGETHER];
	struct iovec iov[TOGETHER];
	struct err e = { 0 };
	struct block *b;
	uint8_t *buf;

	CHECK(block_create(&c, &e) == 0, "%s", e.msg);
	b = q_must(c.path, ",cache=none");
	buf = aligned_alloc(PIECE, TOGETHER * PIECE);
	if (!buf)
		exit(1);
	memset(buf, 1, TOGETHER * PIECE);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, buf, TOGETHER * PIECE), 0);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < TOGETHER; i++) {
			iov[i] = (struct iovec){ buf + i * PIECE, PIECE };
			req[i] = (struct block_req){
				.op = BLOCK_READ, .offset = i * PIECE, .bytes = PIECE,
				.iov = &iov[i], .nr_iov = 1,
				.done = round & i & 1 ? other_ended : one_ended,
				.next = i + 1 < TOGETHER ? &req[i + 1] : NULL };
		}
		ended = 0;
		block_submit(b, req);
		block_drain(b);
		CHECK(ended == TOGETHER && promised == kept, "%u ended", ended);
	}
	CHECK(promised, "each came alone");
	block_close(b);
	free(buf);
}

/* The same bytes as a raw file and as an image: what others stand on. */
static void make_bases(void)
{
	uint64_t n = 300 * 512;
	struct block_create c = { .path = q_path("base.qcow2"), .size = n, .cluster_bits = 10,
				  .format = BLOCK_FORMAT_QCOW2 };
	struct err e = { 0 };
	uint8_t *data = malloc(n);
	struct block *b;

	fill(data, n);
	memset(data + 100 * 512, 0, 100 * 512);
	put_file(q_path("base.raw"), data, n);
	CHECK(block_create(&c, &e) == 0, "%s", e.msg);
	b = q_must(c.path, "");
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, data, 100 * 512), 0);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 200 * 512, data + 200 * 512, 100 * 512), 0);
	block_close(b);
	free(data);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rnd_seed = strtoull(argv[1], NULL, 0);
	q_start();
	make_bases();
	stress(9, 3, NULL, "", 800, 250);
	stress(9, 2, NULL, "", 500, 150);
	stress(9, 3, "base.raw", "", 500, 200);
	stress(10, 2, "base.qcow2", "", 500, 150);
	stress(12, 3, "base.qcow2", "", 500, 200);
	stress(12, 3, NULL, ",cache=writethrough", 400, 60);
	stress(12, 3, NULL, ",cache=unsafe", 2000, 150);
	stress(16, 3, NULL, "", 2000, 200);
	stress(16, 3, "base.raw", ",discard=ignore", 2001, 150);
	stress(16, 2, NULL, "", 2000, 100);
	stress(21, 3, NULL, "", 20000, 20);
	if (strcmp(q_dir, "/dev/shm")) {
		stress(9, 3, NULL, ",cache=none", 500, 100);
		stress(12, 3, "base.qcow2", ",cache=none", 500, 100);
		stress(16, 3, NULL, ",cache=directsync", 1000, 40);
		together();
	}
	/* the table of pointers to counts grows */
	stress(9, 3, NULL, "", 60000, 12);
	return q_end();
}
