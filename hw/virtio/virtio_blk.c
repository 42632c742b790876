/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block device (virtio 1.2, 5.2). A notification turns chains into requests of the
 * back end, all that are there in one submission; completions come on the back
 * end's thread and go straight to the used ring. The driver hears of those that
 * come together once: of what the page cache had, when the queue is looked through; of
 * what the back end collected in one call, with the last.
 */
#include "hw/virtio/virtio_blk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/virtio/virtio.h"
#include "io/block/block.h"
#include "io/iov.h"
#include "util/log.h"

enum {				/* 5.2.3 */
	F_SIZE_MAX = 1, F_SEG_MAX = 2, F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_TOPOLOGY = 10,
	F_MQ = 12, F_DISCARD = 13, F_WRITE_ZEROES = 14,
};
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

#define NR_REQS VQ_MAX_SIZE		/* of a queue */
#define MAX_QUEUES 16u
#define DEFAULT_QUEUES 4u		/* at most, one for each vCPU */
#define SIGNAL_EVERY 32u		/* requests served from the page cache */
#define MAX_AT_ONCE 1024u		/* of those, until others get the device's lock */
#define HEADER_SIZE 16u			/* type, reserved, sector */
#define ID_SIZE 20u
#define MAX_SEGMENT (4u << 20)		/* bytes */
#define MAX_ERASE_SECTORS (1u << 22)	/* of one discard: 2 GiB */
#define WRITE_ZEROES_UNMAP 1u

struct blk_req {
	struct block_req io;
	struct blk_queue *queue;
	struct blk_req *next_free;
	uint32_t written;		/* bytes that the request may have put into the chain */
	uint8_t *status;
	gpa_t status_gpa;
	struct vq_chain c;
};

struct blk_queue {
	struct virtio_blk *blk;
	struct virtqueue *vq;
	struct blk_req *reqs;		/* NR_REQS; in flight, free, or never used */
	struct blk_req *free;
	unsigned made;			/* of reqs; what is never used costs no memory */
	bool starved;			/* the queue waits for a free request */
	pthread_mutex_t lock;		/* of the three above */
};

struct virtio_blk {
	struct dev dev;
	struct virtio_dev vd;
	struct block *drive;
	char *serial;
	uint32_t num_queues;
	struct blk_queue queue[MAX_QUEUES];
	_Atomic uint32_t owed;		/* queues whose completions were not told */
};

/* The queue that this thread looks through, and what it completed without telling. */
static _Thread_local struct blk_queue *handled;
static _Thread_local unsigned completed;

static struct virtio_blk *blk_of(struct virtio_dev *vd)
{
	return DEV_STATE(struct virtio_blk, vd->h.dev);
}

void virtio_blk_set_drive(struct dev *d, struct block *b)
{
	DEV_STATE(struct virtio_blk, d)->drive = b;
}

static void blk_config(struct virtio_dev *vd, uint8_t *cfg)
{
	struct block *b = blk_of(vd)->drive;
	uint32_t align = block_alignment(b) / BLOCK_SECTOR, page = MAX(4096 / BLOCK_SECTOR, align);

	/* 5.2.4 */
	st_le64(cfg + 0, block_size(b) / BLOCK_SECTOR);
	st_le32(cfg + 8, MAX_SEGMENT);
	st_le32(cfg + 12, VQ_MAX_IOV - 2);
	st_le32(cfg + 20, align * BLOCK_SECTOR);	/* blk_size */
	cfg[24] = (uint8_t)__builtin_ctz(page / align);	/* physical_block_exp */
	st_le32(cfg + 28, 0);				/* opt_io_size: none */
	cfg[32] = block_has_flush(b);			/* writeback */
	st_le16(cfg + 34, (uint16_t)blk_of(vd)->vd.h.nr_queues);
	st_le32(cfg + 36, MAX_ERASE_SECTORS);		/* max_discard_sectors, _seg, alignment */
	st_le32(cfg + 40, 1);
	st_le32(cfg + 44, page);
	/* max_write_zeroes_sectors, _seg, may_unmap */
	st_le32(cfg + 48, MAX_ERASE_SECTORS);
	st_le32(cfg + 52, 1);
	cfg[56] = 1;
}

static void io_done(struct block_req *io, int ret);

static struct blk_req *take_req(struct blk_queue *bq)
{
	struct blk_req *r;

	pthread_mutex_lock(&bq->lock);
	r = bq->free;
	if (r) {
		bq->free = r->next_free;
	} else if (bq->made < NR_REQS) {
		r = &bq->reqs[bq->made++];
		r->queue = bq;
		r->io.done = io_done;
	} else {
		bq->starved = true;
	}
	pthread_mutex_unlock(&bq->lock);
	return r;
}

static void put_req(struct blk_req *r)
{
	struct blk_queue *bq = r->queue;
	bool starved;

	pthread_mutex_lock(&bq->lock);
	r->next_free = bq->free;
	bq->free = r;
	starved = bq->starved;
	bq->starved = false;
	pthread_mutex_unlock(&bq->lock);
	if (starved)
		virtio_kick(&bq->blk->vd, bq->vq->h.index);
}

static void tell(struct virtio_blk *blk)
{
	for (uint32_t owed = atomic_exchange(&blk->owed, 0); owed; owed &= owed - 1)
		vq_signal(&blk->vd.q[__builtin_ctz(owed)]);
}

/* more: another completion follows at once on this thread. */
static void finish(struct blk_req *r, uint8_t status, bool more)
{
	struct blk_queue *bq = r->queue;
	struct virtio_blk *blk = bq->blk;

	*r->status = status;
	dma_done(&blk->dev, r->status_gpa, 1);
	vq_push(bq->vq, &r->c, r->written + 1);
	put_req(r);
	if (bq == handled) {
		if (++completed % SIGNAL_EVERY == 0)
			vq_signal(bq->vq);
		return;
	}
	atomic_fetch_or(&blk->owed, (uint32_t)BIT(bq->vq->h.index));
	if (!more)
		tell(blk);
}

/*
 * 5.2.6.2: a write of a driver that was offered flushes and did not take them is stable when it
 * completes.
 */
static bool must_flush(struct virtio_blk *blk, const struct block_req *io)
{
	return (io->op == BLOCK_WRITE || io->op == BLOCK_WRITE_ZEROES) &&
	       !(blk->vd.driver_features & BIT(F_FLUSH)) && block_has_flush(blk->drive);
}

static void io_done(struct block_req *io, int ret)
{
	struct blk_req *r = container_of(io, struct blk_req, io);
	struct virtio_blk *blk = r->queue->blk;

	if (!ret && must_flush(blk, io)) {
		if (!io->more)
			tell(blk);	/* of those before it, which count on this one */
		io->op = BLOCK_FLUSH;
		io->offset = io->bytes = 0;
		io->next = NULL;
		block_submit(blk->drive, io);
		return;
	}
	finish(r, ret ? S_IOERR : S_OK, io->more);
}

/* One range of a discard or write-zeroes (5.2.6): we announce that a request has no more. */
static int prepare_erase(struct blk_req *r, bool discard)
{
	uint8_t range[16];
	uint32_t flags;

	if (r->c.out_bytes != HEADER_SIZE + sizeof(range))
		return S_UNSUPP;
	iov_to_buf(r->c.iov, r->c.nr_out, HEADER_SIZE, range, sizeof(range));
	flags = ld_le32(range + 12);
	if ((flags & ~WRITE_ZEROES_UNMAP) || (discard && flags))
		return S_UNSUPP;
	if (ld_le64(range) > UINT64_MAX / BLOCK_SECTOR || ld_le32(range + 8) > MAX_ERASE_SECTORS)
		return S_IOERR;
	r->io.op = discard ? BLOCK_DISCARD : BLOCK_WRITE_ZEROES;
	r->io.unmap = flags & WRITE_ZEROES_UNMAP;
	r->io.offset = ld_le64(range) * BLOCK_SECTOR;
	r->io.bytes = (uint64_t)ld_le32(range + 8) * BLOCK_SECTOR;
	r->io.iov = NULL;
	r->io.nr_iov = 0;
	return S_OK;
}

static void reply_id(struct blk_req *r)
{
	char id[ID_SIZE] = { 0 };
	const char *text = r->queue->blk->serial, *serial = text ? text : "";

	memcpy(id, serial, MIN(strlen(serial), sizeof(id)));	/* no NUL where it is full */
	r->written = (uint32_t)iov_from_buf(r->c.iov + r->c.nr_out, r->c.nr_in, 0, id, sizeof(id));
}

/* Moves the front of a chain's readable part past the header, in place. */
static unsigned skip_header(struct vq_chain *c)
{
	uint64_t skip = HEADER_SIZE;
	unsigned i = 0;

	for (; i < c->nr_out && skip >= c->iov[i].iov_len; i++)
		skip -= c->iov[i].iov_len;
	if (skip && i < c->nr_out) {
		c->iov[i].iov_base = (char *)c->iov[i].iov_base + skip;
		c->iov[i].iov_len -= skip;
	}
	return i;
}

/* S_OK: r->io is to be submitted; else the status, or -1: answered already. */
static int prepare(struct blk_req *r)
{
	struct vq_chain *c = &r->c;
	uint8_t header[HEADER_SIZE];
	uint64_t sector;
	unsigned first;

	iov_to_buf(c->iov, c->nr_out, 0, header, sizeof(header));
	sector = ld_le64(header + 8);
	r->io.unmap = false;
	switch (ld_le32(header)) {
	case T_IN:
	case T_OUT:
		break;
	case T_FLUSH:
		r->io.op = BLOCK_FLUSH;
		r->io.offset = r->io.bytes = 0;
		return S_OK;
	case T_GET_ID:
		reply_id(r);
		finish(r, S_OK, false);
		return -1;
	case T_DISCARD:
		return prepare_erase(r, true);
	case T_WRITE_ZEROES:
		return prepare_erase(r, false);
	default:
		return S_UNSUPP;
	}
	if (sector > UINT64_MAX / BLOCK_SECTOR)
		return S_IOERR;
	r->io.offset = sector * BLOCK_SECTOR;
	if (ld_le32(header) == T_IN) {
		r->io.op = BLOCK_READ;
		r->io.iov = c->iov + c->nr_out;
		r->io.nr_iov = c->nr_in;
		r->io.bytes = c->in_bytes;
		r->written = (uint32_t)c->in_bytes;
	} else {
		first = skip_header(c);
		r->io.op = BLOCK_WRITE;
		r->io.iov = c->iov + first;
		r->io.nr_iov = c->nr_out - first;
		r->io.bytes = c->out_bytes - HEADER_SIZE;
	}
	return S_OK;
}

/* The last writable byte is the status; what is before it is the data. */
static bool split_status(struct blk_req *r)
{
	struct vq_chain *c = &r->c;
	unsigned last = c->nr_out + c->nr_in - 1;

	if (!c->in_bytes || c->out_bytes < HEADER_SIZE)
		return false;
	c->iov[last].iov_len--;
	c->in_bytes--;
	r->status = (uint8_t *)c->iov[last].iov_base + c->iov[last].iov_len;
	r->status_gpa = c->gpa[last] + c->iov[last].iov_len;
	if (!c->iov[last].iov_len)
		c->nr_in--;
	return true;
}

static void blk_handle(struct virtio_dev *vd, struct virtqueue *q)
{
	struct virtio_blk *blk = blk_of(vd);
	struct blk_queue *bq = &blk->queue[q->h.index];
	struct blk_req *r;

	handled = bq;
	completed = 0;
	do {
		struct block_req *list = NULL, **tail = &list;

		vq_notify_off(q);
		while ((r = take_req(bq))) {
			int status;

			if (!vq_pop(q, &r->c)) {
				put_req(r);
				break;
			}
			r->written = 0;
			if (!split_status(r)) {
				virtio_break(vd, "request without header or status");
				put_req(r);
				break;
			}
			status = prepare(r);
			if (status == S_OK) {
				*tail = &r->io;
				tail = &r->io.next;
				r->io.next = NULL;
			} else if (status > 0) {
				finish(r, (uint8_t)status, false);
			}
		}
		if (list)
			block_submit(blk->drive, list);
		vq_signal(q);
		if (completed >= MAX_AT_ONCE) {
			virtio_kick(vd, q->h.index);
			break;
		}
	} while (r && vq_notify_on(q));	/* where no request is free, a completion kicks */
	handled = NULL;
}

static void blk_quiesce(struct virtio_dev *vd) { block_drain(blk_of(vd)->drive); }

static const struct virtio_type blk_type = {
	.id = VIRTIO_ID_BLOCK,
	.config_read = blk_config,
	.handle = blk_handle, .brief = true,
	.quiesce = blk_quiesce,
};

static void free_queues(struct virtio_blk *blk)
{
	for (unsigned i = 0; i < MAX_QUEUES && blk->queue[i].reqs; i++) {
		free(blk->queue[i].reqs);
		blk->queue[i].reqs = NULL;
		pthread_mutex_destroy(&blk->queue[i].lock);
	}
}

static int blk_init(struct dev *d, struct err *e)
{
	struct virtio_blk *blk = DEV_STATE(struct virtio_blk, d);
	unsigned n = blk->num_queues ? blk->num_queues :
				       MIN(d->machine->cfg.nr_cpus, DEFAULT_QUEUES);
	uint64_t f = BIT(F_SIZE_MAX) | BIT(F_SEG_MAX) | BIT(F_BLK_SIZE) | BIT(F_TOPOLOGY);

	if (!blk->drive)
		return err_set(e, EINVAL, "has no drive");
	if (block_readonly(blk->drive))
		f |= BIT(F_RO);
	else
		f |= BIT(F_WRITE_ZEROES);
	if (block_has_flush(blk->drive))
		f |= BIT(F_FLUSH);
	if (block_has_discard(blk->drive))
		f |= BIT(F_DISCARD);
	if (n > MAX_QUEUES)
		return err_set(e, EINVAL, "num-queues=%u: at most %u", n, MAX_QUEUES);
	if (n > 1)
		f |= BIT(F_MQ);
	for (unsigned i = 0; i < n; i++) {
		struct blk_queue *bq = &blk->queue[i];

		bq->blk = blk;
		bq->vq = &blk->vd.q[i];
		bq->reqs = calloc(NR_REQS, sizeof(*bq->reqs));
		if (!bq->reqs) {
			free_queues(blk);
			return err_set(e, ENOMEM, "no memory");
		}
		pthread_mutex_init(&bq->lock, NULL);
	}
	return virtio_init(&blk->vd, d, &blk_type, n, f, e);
}

static void blk_fini(struct dev *d)
{
	struct virtio_blk *blk = DEV_STATE(struct virtio_blk, d);

	virtio_fini(&blk->vd);
	free_queues(blk);
}

static void blk_reset(struct dev *d, enum reset_kind kind)
{
	virtio_reset(&DEV_STATE(struct virtio_blk, d)->vd);
}

static int blk_loaded(struct dev *d, struct err *e)
{
	return virtio_loaded(&DEV_STATE(struct virtio_blk, d)->vd, e);
}

const struct dev_type dev_virtio_blk = {
	.name = "virtio-blk", .help = "virtio disk",
	.size = sizeof(struct virtio_blk),
	.props = (const struct prop[]){
		VIRTIO_PROPS(struct virtio_blk),
		PROP(struct virtio_blk, drive, PROP_PTR, "the disk behind it", NULL),
		PROP(struct virtio_blk, serial, PROP_STR, "serial number, 20 characters", NULL),
		{ .name = "num-queues", .help = "queues; 0: one a vCPU, at most 4",
		  .kind = PROP_U32, .off = offsetof(struct virtio_blk, num_queues) },
		PROP_END },
	.state = (const struct field[]){
		VIRTIO_FIELDS(struct virtio_blk),
		FIELD_SKIP(struct virtio_blk, queue, "drained before a save"),
		FIELD_SKIP(struct virtio_blk, owed, "drained before a save"),
		FIELD_END },
	.init = blk_init, .fini = blk_fini, .reset = blk_reset, .loaded = blk_loaded,
};
