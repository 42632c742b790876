/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests at random on a disk, several in flight, and a model in memory that has them, too. */
#ifndef TESTS_BLOCK_DISK_H
#define TESTS_BLOCK_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "io/block/block.h"
#include "tests/block/random.h"
#include "tests/dev/devtest.h"
#include "util/bits.h"

#define JOBS 8u

static inline void put_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len || close(fd)) {
		perror(path);
		exit(1);
	}
}

struct model {
	uint8_t *p;
	uint64_t size;			/* bytes */
	void (*about)(uint64_t first, uint64_t n);	/* NULL, or told which sectors may change */
};

/* A discarded sector has the old bytes or zeros: the model learns which. */
static inline void learn(struct block *b, struct model *m, uint64_t off, uint64_t n,
			 const char *what)
{
	static const uint8_t zeros[512];
	uint8_t *now = malloc(n);

	CHECK_EQ(block_rw(b, BLOCK_READ, off, now, n), 0);
	for (uint64_t i = 0; i < n; i += 512)
		CHECK(!memcmp(now + i, zeros, 512) || !memcmp(now + i, m->p + off + i, 512),
		      "%s: discard", what);
	memcpy(m->p + off, now, n);
	free(now);
}

/* One request of up to max sectors, waited for. */
static inline void one_request(struct block *b, struct model *m, unsigned max)
{
	uint64_t sectors = m->size / 512, first = rnd((unsigned)sectors);
	uint64_t n = 1 + rnd((unsigned)MIN(sectors - first, (uint64_t)max));
	uint8_t *at = m->p + first * 512;

	if (m->about)
		m->about(first, n);
	switch (rnd(6)) {
	case 0:
		memset(at, 0, n * 512);
		CHECK_EQ(block_rw(b, BLOCK_WRITE_ZEROES, first * 512, NULL, n * 512), 0);
		break;
	case 1:
		CHECK_EQ(block_rw(b, BLOCK_DISCARD, first * 512, NULL, n * 512), 0);
		learn(b, m, first * 512, n * 512, "one request");
		break;
	default:
		fill(at, n * 512);
		CHECK_EQ(block_rw(b, BLOCK_WRITE, first * 512, at, n * 512), 0);
	}
}

/* ---- several in flight ---- */

struct job {
	struct block_req r;
	struct iovec iov[4];
	uint8_t *buf;
	int ret;
};

static struct job job[JOBS];

/* Buffers for requests of up to a disk's size. */
static inline void jobs_start(uint64_t size)
{
	for (unsigned i = 0; i < JOBS; i++)
		if (posix_memalign((void **)&job[i].buf, 4096, size + 16))
			exit(1);
}

static inline void jobs_end(void)
{
	for (unsigned i = 0; i < JOBS; i++)
		free(job[i].buf);
}

static inline void job_done(struct block_req *r, int ret)
{
	container_of(r, struct job, r)->ret = ret;
}

/* The buffer in pieces; memory that is not aligned to anything when `odd`. */
static inline void job_iov(struct job *j, uint64_t bytes, bool odd)
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
static inline void job_make(struct job *j, struct model *m, uint64_t lo, uint64_t n)
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
	job_iov(j, j->r.bytes, rnd(4) == 0);
	if (m->about && j->r.op != BLOCK_READ && j->r.op != BLOCK_FLUSH)
		m->about(lo + at, len);
	if (j->r.op == BLOCK_WRITE) {
		for (uint64_t k = 0, seen = 0; k < j->r.nr_iov; seen += j->iov[k++].iov_len) {
			fill(j->iov[k].iov_base, j->iov[k].iov_len);
			memcpy(m->p + j->r.offset + seen, j->iov[k].iov_base, j->iov[k].iov_len);
		}
	}
	if (j->r.op == BLOCK_WRITE_ZEROES)
		memset(m->p + j->r.offset, 0, j->r.bytes);
}

static inline void job_verify(struct block *b, struct job *j, struct model *m, const char *what)
{
	uint64_t seen = 0;

	CHECK(j->ret == 0, "%s: op %d: %d", what, j->r.op, j->ret);
	for (unsigned k = 0; j->r.op == BLOCK_READ && k < j->r.nr_iov; k++) {
		CHECK(!memcmp(j->iov[k].iov_base, m->p + j->r.offset + seen, j->iov[k].iov_len),
		      "%s: read at %#llx", what, (unsigned long long)j->r.offset);
		seen += j->iov[k].iov_len;
	}
	if (j->r.op == BLOCK_DISCARD)
		learn(b, m, j->r.offset, j->r.bytes, what);
}

/* Each job has its part of the disk, so that any order gives one result; clusters are shared. */
static inline void jobs_round(struct block *b, struct model *m, const char *what)
{
	struct block_req *list = NULL;
	uint64_t sectors = m->size / 512, part = sectors / JOBS;

	for (unsigned i = 0; i < JOBS; i++) {
		job_make(&job[i], m, i * part, i + 1 == JOBS ? sectors - i * part : part);
		job[i].r.next = list;
		list = &job[i].r;
	}
	block_submit(b, list);
	block_drain(b);
	for (unsigned i = 0; i < JOBS; i++)
		job_verify(b, &job[i], m, what);
}

/* All of the disk is the model's. */
static inline void same(struct block *b, const uint8_t *model, uint64_t size, const char *what)
{
	uint8_t *found = malloc(size);

	CHECK_EQ(block_size(b), size);
	CHECK_EQ(block_rw(b, BLOCK_READ, 0, found, size), 0);
	for (uint64_t i = 0; i < size; i += 512)
		if (memcmp(found + i, model + i, 512)) {
			CHECK(false, "%s: differs at %#llx", what, (unsigned long long)i);
			break;
		}
	free(found);
}

#endif
