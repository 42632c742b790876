/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Submission and completion queues, interrupts and PRPs. A doorbell or a completion
 * calls nvme_sq_run; one thread at a time is in it for a queue, the others leave word.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/block/nvme_int.h"
#include "util/log.h"

enum { SQE = 64, CQE = 16 };

/* ---- interrupts (7.5) ---- */

void nvme_update_irq(struct nvme *s)
{
	bool msix = pci_msix_enabled(&s->fn), level = false;

	for (unsigned i = 0; i < NVME_QUEUES && !msix; i++) {
		const struct nvme_cq *cq = &s->cq[i];

		level |= cq->size && cq->irq && cq->head != cq->tail &&
			 !(cq->vector < 32 && s->intms >> cq->vector & 1);
	}
	for (; msix && s->owed; s->owed &= s->owed - 1)
		pci_msix_send(&s->fn, (unsigned)__builtin_ctz(s->owed));
	s->owed = 0;
	pci_set_intx(&s->fn, level);
}

/* ---- completions ---- */

static unsigned cq_used(const struct nvme_cq *cq)
{
	return (cq->tail + cq->size - cq->head) % cq->size;
}

static bool cq_has_room(const struct nvme_cq *cq)
{
	return cq->size && cq_used(cq) + cq->h.reserved + 1 < cq->size;
}

/* The phase tag goes last: it is what the driver looks at. */
static void put_entry(struct nvme *s, struct nvme_cq *cq, const struct nvme_sq *sq, uint16_t cid,
		      unsigned status, uint32_t result)
{
	gpa_t at = cq->base + (uint64_t)cq->tail * CQE;
	uint8_t *p = pci_is_master(&s->fn) ? dma_map(&s->dev, at, CQE) : NULL;
	uint32_t last = cpu_to_le(32, cid | (uint32_t)cq->phase << 16 | (status & 0x7fff) << 17);

	if (p) {
		st_le32(p, result);
		st_le32(p + 4, 0);
		st_le32(p + 8, sq->head | sq->h.id << 16);
		__atomic_store_n((uint32_t *)(void *)(p + 12), last, __ATOMIC_RELEASE);
		dma_done(&s->dev, at, CQE);
	}
	if (++cq->tail == cq->size) {
		cq->tail = 0;
		cq->phase = !cq->phase;
	}
	if (cq->irq)
		s->owed |= (uint32_t)BIT(cq->vector);
	if (!p)
		nvme_fatal(s, "completion queue is not in memory");
}

bool nvme_post(struct nvme *s, struct nvme_sq *sq, uint16_t cid, unsigned status, uint32_t result)
{
	struct nvme_cq *cq = &s->cq[sq->cqid];

	if (!cq_has_room(cq))
		return false;
	put_entry(s, cq, sq, cid, status, result);
	return true;
}

/* ---- requests ---- */

static void io_done(struct block_req *io, int ret);

static struct nvme_req *take_req(struct nvme_sq *sq)
{
	struct nvme_sq_host *h = &sq->h;
	struct nvme_req *r = h->free;

	if (!h->reqs && !(h->reqs = calloc(NVME_REQS, sizeof(*h->reqs))))
		return NULL;
	if (r)
		h->free = r->next_free;
	else if (h->made < NVME_REQS)
		r = &h->reqs[h->made++];
	else
		return NULL;
	r->sq = sq;
	r->to_guest = r->then_flush = false;
	r->io = (struct block_req){ .done = io_done };
	sg_clear(&r->sg);
	return r;
}

static void put_req(struct nvme_req *r)
{
	r->live = false;
	r->next_free = r->sq->h.free;
	r->sq->h.free = r;
}

void nvme_free_reqs(struct nvme_sq *sq)
{
	for (unsigned i = 0; i < sq->h.made; i++) {
		sg_free(&sq->h.reqs[i].sg);
		free(sq->h.reqs[i].ranges);
	}
	free(sq->h.reqs);
	sq->h.reqs = sq->h.free = NULL;
	sq->h.made = 0;
}

void nvme_complete(struct nvme_req *r, unsigned status, uint32_t result)
{
	struct nvme_sq *sq = r->sq;
	struct nvme *s = sq->h.ctrl;
	struct nvme_cq *cq = &s->cq[sq->cqid];

	if (r->to_guest)
		sg_written(&r->sg, &s->dev, r->sg.bytes);
	cq->h.reserved--;
	put_entry(s, cq, sq, r->cid, status, result);
	put_req(r);
}

/* The last command of a queue that is being deleted. */
static void deleted(struct nvme_sq *sq)
{
	struct nvme *s = sq->h.ctrl;

	sq->h.deleting = false;
	sq->size = 0;
	s->cq[0].h.reserved--;
	put_entry(s, &s->cq[0], &s->sq[0], sq->h.delete_cid, NVME_OK, 0);
}

/* The queue is of this controller's present life only where the request still lives. */
static void finish(struct nvme_req *r, unsigned status)
{
	struct nvme_sq *sq = r->sq;

	if (r->live) {
		nvme_complete(r, status, 0);
	} else {
		if (r->to_guest)
			sg_written(&r->sg, &sq->h.ctrl->dev, r->sg.bytes);
		put_req(r);
	}
	if (!--sq->h.in_flight && sq->h.deleting)
		deleted(sq);
}

static void io_done(struct block_req *io, int ret)
{
	struct nvme_req *r = container_of(io, struct nvme_req, io);
	struct nvme_sq *sq = r->sq;
	struct nvme *s = sq->h.ctrl;
	bool more = io->more;
	unsigned status;

	pthread_mutex_lock(&s->lock);
	status = r->live ? nvme_io_next(r, ret) : NVME_OK;
	if (status == NVME_SUBMIT) {
		if (!more)
			nvme_run_all(s);	/* those before it count on this one */
		pthread_mutex_unlock(&s->lock);
		io->next = NULL;
		block_submit(s->drive, io);
		return;
	}
	finish(r, status);
	if (!--s->in_flight && s->draining)
		nvme_drained(s);
	if (!more)
		nvme_run_all(s);
	pthread_mutex_unlock(&s->lock);
}

/* ---- submissions ---- */

static bool fetch(struct nvme_sq *sq, struct nvme_cmd *c)
{
	struct nvme *s = sq->h.ctrl;
	uint8_t e[SQE];

	if (dma_read(&s->dev, sq->base + (uint64_t)sq->head * SQE, e, sizeof(e))) {
		nvme_fatal(s, "submission queue is not in memory");
		return false;
	}
	sq->head = (uint16_t)((sq->head + 1) % sq->size);
	*c = (struct nvme_cmd){
		.opcode = e[0], .flags = e[1], .cid = ld_le16(e + 2), .nsid = ld_le32(e + 4),
		.prp1 = ld_le64(e + 24), .prp2 = ld_le64(e + 32), .dw10 = ld_le32(e + 40),
		.dw11 = ld_le32(e + 44), .dw12 = ld_le32(e + 48), .dw13 = ld_le32(e + 52),
		.dw14 = ld_le32(e + 56), .dw15 = ld_le32(e + 60),
	};
	return true;
}

static bool may_fetch(const struct nvme_sq *sq)
{
	const struct nvme *s = sq->h.ctrl;

	return (s->csts & (CSTS_RDY | CSTS_CFS)) == CSTS_RDY && !s->draining && sq->size &&
	       !sq->h.deleting && sq->head != sq->tail && cq_has_room(&s->cq[sq->cqid]) &&
	       pci_is_master(&s->fn);
}

/* One command; a request for the back end is appended to the list. */
static void start(struct nvme_req *r, const struct nvme_cmd *c, struct block_req ***tail)
{
	struct nvme_sq *sq = r->sq;
	struct nvme *s = sq->h.ctrl;
	struct nvme_cq *cq = &s->cq[sq->cqid];
	uint32_t result = 0;
	unsigned status;

	r->cid = c->cid;
	cq->h.reserved++;
	if (c->flags)			/* fused commands, SGLs */
		status = NVME_BAD_FIELD;
	else
		status = sq->h.id ? nvme_io(r, c) : nvme_admin(r, c, &result);
	if (status == NVME_HELD) {
		put_req(r);
	} else if (status == NVME_SUBMIT) {
		r->live = true;
		sq->h.in_flight++;
		s->in_flight++;
		**tail = &r->io;
		*tail = &r->io.next;
	} else {
		nvme_complete(r, status, result);
	}
}

void nvme_sq_run(struct nvme_sq *sq)
{
	struct nvme *s = sq->h.ctrl;
	struct block_req *list, **tail;
	struct nvme_req *r;
	struct nvme_cmd c;

	if (sq->h.running) {
		sq->h.again = true;
		return;
	}
	sq->h.running = true;
	do {
		list = NULL;
		tail = &list;
		sq->h.again = false;
		while (may_fetch(sq) && (r = take_req(sq))) {
			if (fetch(sq, &c))
				start(r, &c, &tail);
			else
				put_req(r);
		}
		if (list) {
			pthread_mutex_unlock(&s->lock);
			block_submit(s->drive, list);
			pthread_mutex_lock(&s->lock);
		}
	} while (list || sq->h.again);
	sq->h.running = false;
	nvme_update_irq(s);
}

void nvme_run_all(struct nvme *s)
{
	for (unsigned i = 0; i < NVME_QUEUES; i++)
		if (s->sq[i].size)
			nvme_sq_run(&s->sq[i]);
	nvme_update_irq(s);
}

void nvme_forget(struct nvme *s)
{
	for (unsigned i = 0; i < NVME_QUEUES; i++) {
		struct nvme_sq *sq = &s->sq[i];

		for (unsigned j = 0; j < sq->h.made; j++)
			sq->h.reqs[j].live = false;
		sq->h.deleting = false;
		sq->size = s->cq[i].size = 0;
		s->cq[i].h.reserved = 0;
	}
	s->shutdown_live = false;
	s->owed = 0;
	s->nr_aer = 0;
	s->draining = s->in_flight > 0;
}

/* 3.1.10, 3.1.11: index 2n: tail of submission queue n; 2n + 1: head of completion queue n. */
void nvme_doorbell(struct nvme *s, unsigned index, uint32_t val)
{
	unsigned id = index / 2;
	struct nvme_sq *sq = &s->sq[id];
	struct nvme_cq *cq = &s->cq[id];

	if (!(s->csts & CSTS_RDY) || s->draining)
		return;
	if (id >= NVME_QUEUES || !(index & 1 ? cq->size : sq->size)) {
		nvme_error_event(s, 0);
	} else if (!(index & 1)) {
		if (val >= sq->size)
			nvme_error_event(s, 1);
		else
			sq->tail = (uint16_t)val;
		nvme_sq_run(sq);
	} else {
		if (val >= cq->size ||
		    (val + cq->size - cq->head) % cq->size > cq_used(cq))
			nvme_error_event(s, 1);
		else
			cq->head = (uint16_t)val;
		for (unsigned i = 0; i < NVME_QUEUES; i++)
			if (s->sq[i].size && s->sq[i].cqid == id && s->sq[i].head != s->sq[i].tail)
				nvme_sq_run(&s->sq[i]);
	}
	nvme_update_irq(s);
}

/* ---- data ---- */

static unsigned add(struct nvme_req *r, uint64_t at, uint64_t len, bool to_guest)
{
	int ret = sg_add(&r->sg, &r->sq->h.ctrl->dev, at, len, to_guest);

	return !ret ? NVME_OK : ret == -EFAULT ? NVME_DATA_ERROR : NVME_INTERNAL;
}

/*
 * A list's entries; the last in a page leads to the next page where more than a page of data is
 * left. Such a next page is whole, so that each brings data.
 */
static unsigned map_list(struct nvme_req *r, uint64_t list, uint64_t rest, bool to_guest)
{
	struct dev *d = &r->sq->h.ctrl->dev;
	unsigned status = NVME_OK;
	uint8_t entries[NVME_PAGE];

	if (list & 7)
		return NVME_BAD_PRP_OFFSET;
	while (rest && !status) {
		unsigned room = (NVME_PAGE - list % NVME_PAGE) / 8;
		unsigned n = (unsigned)MIN((rest + NVME_PAGE - 1) / NVME_PAGE, (uint64_t)room);

		if (dma_read(d, list, entries, n * 8))
			return NVME_DATA_ERROR;
		for (unsigned i = 0; i < n && !status; i++) {
			uint64_t at = ld_le64(entries + 8 * i);
			uint64_t len = MIN(rest, (uint64_t)NVME_PAGE);

			if (at % NVME_PAGE)
				return NVME_BAD_PRP_OFFSET;
			if (i + 1 == room && rest > NVME_PAGE) {
				list = at;
				break;
			}
			status = add(r, at, len, to_guest);
			rest -= len;
		}
	}
	return status;
}

unsigned nvme_map(struct nvme_req *r, const struct nvme_cmd *c, uint64_t len, bool to_guest)
{
	uint64_t first = MIN(len, NVME_PAGE - c->prp1 % NVME_PAGE);
	unsigned status;

	sg_clear(&r->sg);
	if (len > NVME_MAX_BYTES)
		return NVME_BAD_FIELD;
	if (c->prp1 & 3)
		return NVME_BAD_PRP_OFFSET;
	status = add(r, c->prp1, first, to_guest);
	len -= first;
	if (status || !len)
		return status;
	if (len > NVME_PAGE)
		return map_list(r, c->prp2, len, to_guest);
	return c->prp2 % NVME_PAGE ? NVME_BAD_PRP_OFFSET : add(r, c->prp2, len, to_guest);
}

unsigned nvme_reply(struct nvme_req *r, const struct nvme_cmd *c, const void *buf, uint32_t n,
		    uint32_t len)
{
	unsigned status = nvme_map(r, c, len, true);
	const uint8_t *from = buf;

	if (status)
		return status;
	for (unsigned i = 0; i < r->sg.nr; i++) {
		uint8_t *to = r->sg.iov[i].iov_base;
		uint32_t have = MIN(n, (uint32_t)r->sg.iov[i].iov_len);

		memcpy(to, from, have);
		memset(to + have, 0, r->sg.iov[i].iov_len - have);
		from += have;
		n -= have;
	}
	r->to_guest = true;
	return NVME_OK;
}
