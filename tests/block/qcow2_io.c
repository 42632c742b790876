/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random requests, several in flight, on qcow2 images of all cluster sizes and both versions, with
 * and without backing files, through every cache mode, across closing and snapshots, against
 * models in memory; and the image's consistency at each step.
 */
#include "tests/block/qcow2.h"

#define SLOTS 8u
#define SNAPS 6u

struct job {
	struct block_req r;
	struct iovec iov[4];
	uint8_t *buf;
	int ret;
};

static struct job job[SLOTS];
static uint8_t *model, *snap[SNAPS];
static uint64_t size;

static void job_done(struct block_req *r, int ret) { container_of(r, struct job, r)->ret = ret; }

static void set_iov(struct job *j, uint64_t bytes, bool odd)
{
	uint8_t *p = j->buf + (odd ? 3 : 0);

	j->r.nr_iov = 0;
	while (bytes) {
		uint64_t n = j->r.nr_iov == 3 ? bytes : odd ? 1 + rnd((unsigned)bytes) :
			     512 * (1 + rnd((unsigned)bytes / 512));

		j->iov[j->r.nr_iov++] = (struct iovec){ p, n };
		p += n;
		bytes -= n;
	}
	j->r.iov = j->iov;
}

/* A request within sectors [lo, lo + n) of the disk; the model has it done. */
static void make(struct job *j, uint64_t lo, uint64_t n)
{
	static const enum block_op ops[] = {
		BLOCK_READ, BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE,
		BLOCK_WRITE_ZEROES, BLOCK_WRITE_ZEROES, BLOCK_DISCARD, BLOCK_FLUSH,
	};
	uint64_t at = rnd((unsigned)n), len = 1 + rnd((unsigned)(n - at));

	if (rnd(3))
		len = 1 + rnd((unsigned)MIN(len, UINT64_C(16)));
	j->ret = 1;
	j->r = (struct block_req){ .op = ops[rnd(ARRAY_SIZE(ops))],
				   .done = job_done,
				   .offset = (lo + at) * 512,
				   .bytes = len * 512,
				   .unmap = rnd(2) };
	set_iov(j, j->r.bytes, rnd(4) == 0);
	if (j->r.op == BLOCK_WRITE) {
		for (uint64_t k = 0, seen = 0; k < j->r.nr_iov; seen += j->iov[k++].iov_len) {
			q_fill(j->iov[k].iov_base, j->iov[k].iov_len);
			memcpy(model + j->r.offset + seen, j->iov[k].iov_base, j->iov[k].iov_len);
		}
	}
	if (j->r.op == BLOCK_WRITE_ZEROES)
		memset(model + j->r.offset, 0, j->r.bytes);
}

/* Reads have the model's bytes; a discarded sector the old ones or zeros: the model learns. */
static void verify(struct block *b, struct job *j, const char *what)
{
	static const uint8_t zeros[512];
	uint64_t seen = 0;

	CHECK(j->ret == 0, "%s: op %d: %d", what, j->r.op, j->ret);
	for (unsigned k = 0; j->r.op == BLOCK_READ && k < j->r.nr_iov; k++) {
		CHECK(!memcmp(j->iov[k].iov_base, model + j->r.offset + seen, j->iov[k].iov_len),
		      "%s: read at %#llx", what, (unsigned long long)j->r.offset);
		seen += j->iov[k].iov_len;
	}
	if (j->r.op != BLOCK_DISCARD)
		return;
	CHECK_EQ(block_rw(b, BLOCK_READ, j->r.offset, j->buf, j->r.bytes), 0);
	for (uint64_t i = 0; i < j->r.bytes; i += 512) {
		CHECK(!memcmp(j->buf + i, zeros, 512) ||
		      !memcmp(j->buf + i, model + j->r.offset + i, 512), "%s: discard", what);
		memcpy(model + j->r.offset + i, j->buf + i, 512);
	}
}

/* Each job has its part of the disk, so that any order gives one result; clusters are shared. */
static void round_of_jobs(struct block *b, const char *what)
{
	struct block_req *list = NULL;
	uint64_t sectors = size / 512, part = sectors / SLOTS;

	for (unsigned i = 0; i < SLOTS; i++) {
		make(&job[i], i * part, i + 1 == SLOTS ? sectors - i * part : part);
		job[i].r.next = list;
		list = &job[i].r;
	}
	block_submit(b, list);
	block_drain(b);
	for (unsigned i = 0; i < SLOTS; i++)
		verify(b, &job[i], what);
}

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
		snap[i] = malloc(size);
		memcpy(snap[i], model, size);
	} else if (rnd(2)) {
		CHECK(block_snapshot_apply(b, name, &e) == 0, "%s: %s", what, e.msg);
		memcpy(model, snap[i], size);
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
	size = c.size;
	model = calloc(1, size);
	if (backing) {
		c.backing = backing;
		c.backing_format = strstr(backing, "raw") ? BLOCK_FORMAT_RAW : BLOCK_FORMAT_QCOW2;
		b = q_must(q_path("base.qcow2"), ",readonly=on");
		CHECK_EQ(block_rw(b, BLOCK_READ, 0, model, MIN(size, block_size(b))), 0);
		block_close(b);
	}
	CHECK(block_create(&c, &e) == 0, "%s: %s", what, e.msg);
	for (unsigned i = 0; i < SLOTS; i++)
		if (posix_memalign((void **)&job[i].buf, 4096, size + 16))
			exit(1);
	b = q_must(path, options);
	q_same(b, model, size, what);
	for (unsigned i = 0; i < rounds; i++) {
		round_of_jobs(b, what);
		if (!rnd(20))
			snapshots(b, what);
		if (!rnd(25)) {
			block_close(b);
			b = q_must(path, options);
			q_check(b, false, what);
			q_same(b, model, size, what);
		}
		if (check_failed)
			break;
	}
	q_same(b, model, size, what);
	for (unsigned i = 0; i < SNAPS; i++)
		if (snap[i]) {
			char name[16];

			snprintf(name, sizeof(name), "snap %u", i);
			CHECK(block_snapshot_apply(b, name, &e) == 0, "%s: %s", what, e.msg);
			q_same(b, snap[i], size, what);
			CHECK(block_snapshot_delete(b, name, &e) == 0, "%s: %s", what, e.msg);
			free(snap[i]);
			snap[i] = NULL;
		}
	block_close(b);
	b = q_must(path, ",readonly=on");
	q_check(b, false, what);
	block_close(b);
	for (unsigned i = 0; i < SLOTS; i++)
		free(job[i].buf);
	free(model);
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

	q_fill(data, n);
	memset(data + 100 * 512, 0, 100 * 512);
	q_put_file(q_path("base.raw"), data, n);
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
		q_seed = strtoull(argv[1], NULL, 0);
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
	}
	/* the table of pointers to counts grows */
	stress(9, 3, NULL, "", 60000, 12);
	return q_end();
}
