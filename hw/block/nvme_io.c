/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of I/O queues (6): reads, writes, flush, zeroes, deallocation. Blocks are sectors. */
#include <stdlib.h>

#include "hw/block/nvme_int.h"

enum { FLUSH = 0x00, WRITE = 0x01, READ = 0x02, WRITE_ZEROES = 0x08, DATASET_MANAGEMENT = 0x09 };
enum { ALL_NAMESPACES = -1 };
#define FUA (1u << 30)
#define DEALLOCATE (1u << 25)
enum { FEATURE_CACHE = 0x06 };

static uint64_t sectors(const struct nvme *s) { return block_size(s->drive) / BLOCK_SECTOR; }

bool nvme_has_cache(const struct nvme *s)
{
	return !block_readonly(s->drive) && block_has_flush(s->drive);
}

unsigned nvme_flush(struct nvme_req *r)
{
	r->io.op = BLOCK_FLUSH;
	r->io.offset = r->io.bytes = 0;
	r->io.nr_iov = 0;
	return NVME_SUBMIT;
}

static unsigned range(struct nvme_req *r, uint64_t lba, uint64_t n)
{
	uint64_t all = sectors(r->sq->h.ctrl);

	if (n > all || lba > all - n)
		return NVME_LBA_RANGE;
	r->io.offset = lba * BLOCK_SECTOR;
	r->io.bytes = n * BLOCK_SECTOR;
	return NVME_OK;
}

static bool writes_through(const struct nvme *s, const struct nvme_cmd *c)
{
	return nvme_has_cache(s) && ((c->dw12 & FUA) || !(s->feature[FEATURE_CACHE] & 1));
}

static unsigned transfer(struct nvme_req *r, const struct nvme_cmd *c)
{
	struct nvme *s = r->sq->h.ctrl;
	bool write = c->opcode == WRITE;
	unsigned status = range(r, c->dw10 | (uint64_t)c->dw11 << 32, (c->dw12 & 0xffff) + 1u);

	if (!status && write && block_readonly(s->drive))
		status = NVME_READ_ONLY;
	if (!status)
		status = nvme_map(r, c, r->io.bytes, !write);
	if (status)
		return status;
	r->to_guest = !write;
	r->then_flush = write && writes_through(s, c);
	r->io.op = write ? BLOCK_WRITE : BLOCK_READ;
	r->io.iov = r->sg.iov;
	r->io.nr_iov = r->sg.nr;
	return NVME_SUBMIT;
}

static unsigned write_zeroes(struct nvme_req *r, const struct nvme_cmd *c)
{
	struct nvme *s = r->sq->h.ctrl;
	unsigned status = range(r, c->dw10 | (uint64_t)c->dw11 << 32, (c->dw12 & 0xffff) + 1u);

	if (!status && block_readonly(s->drive))
		status = NVME_READ_ONLY;
	if (status)
		return status;
	r->then_flush = writes_through(s, c);
	r->io.op = BLOCK_WRITE_ZEROES;
	r->io.unmap = c->dw12 & DEALLOCATE;
	return NVME_SUBMIT;
}

/* 6.7: ranges of attributes, length (in blocks), start; one after the other. */
static unsigned next_range(struct nvme_req *r)
{
	while (r->at < r->end) {
		const uint8_t *e = r->ranges + 16 * r->at++;
		uint32_t n = ld_le32(e + 4);
		unsigned status;

		if (!n)
			continue;
		status = range(r, ld_le64(e + 8), n);
		if (status)
			return status;
		r->io.op = BLOCK_DISCARD;
		r->io.iov = NULL;
		r->io.nr_iov = 0;
		return NVME_SUBMIT;
	}
	return NVME_OK;
}

static unsigned dataset_management(struct nvme_req *r, const struct nvme_cmd *c)
{
	struct nvme *s = r->sq->h.ctrl;
	unsigned n = (c->dw10 & 0xff) + 1, status, at = 0;

	if (!block_has_discard(s->drive))
		return NVME_BAD_OPCODE;
	if (!(c->dw11 & 4))
		return NVME_OK;		/* hints that nobody here needs */
	status = nvme_map(r, c, n * 16u, false);
	if (status)
		return status;
	if (!r->ranges && !(r->ranges = malloc(NVME_RANGES * 16)))
		return NVME_INTERNAL;
	for (unsigned i = 0; i < r->sg.nr; i++) {
		memcpy(r->ranges + at, r->sg.iov[i].iov_base, r->sg.iov[i].iov_len);
		at += (unsigned)r->sg.iov[i].iov_len;
	}
	r->at = 0;
	r->end = n;
	return next_range(r);
}

unsigned nvme_io(struct nvme_req *r, const struct nvme_cmd *c)
{
	struct nvme *s = r->sq->h.ctrl;

	if (c->nsid != 1 && !(c->opcode == FLUSH && c->nsid == (uint32_t)ALL_NAMESPACES))
		return NVME_BAD_NAMESPACE;
	switch (c->opcode) {
	case FLUSH: return nvme_has_cache(s) ? nvme_flush(r) : NVME_OK;
	case WRITE:
	case READ: return transfer(r, c);
	case WRITE_ZEROES: return write_zeroes(r, c);
	case DATASET_MANAGEMENT: return dataset_management(r, c);
	default: return NVME_BAD_OPCODE;
	}
}

unsigned nvme_io_next(struct nvme_req *r, int ret)
{
	if (ret)
		return r->io.op == BLOCK_READ ? NVME_READ_ERROR : NVME_WRITE_FAULT;
	if (r->io.op == BLOCK_DISCARD)
		return next_range(r);
	if (!r->then_flush)
		return NVME_OK;
	r->then_flush = false;
	return nvme_flush(r);
}
