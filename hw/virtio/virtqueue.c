/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/virtio/virtqueue.h"

#include <errno.h>
#include <string.h>

#include "hw/virtio/virtio.h"
#include "util/bits.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };	/* 2.7.5 */
enum { AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };

const struct field virtqueue_fields[] = { FIELD(struct virtqueue, desc),
					  FIELD(struct virtqueue, avail),
					  FIELD(struct virtqueue, used),
					  FIELD(struct virtqueue, num),
					  FIELD(struct virtqueue, last_avail),
					  FIELD(struct virtqueue, used_idx),
					  FIELD(struct virtqueue, signalled),
					  FIELD(struct virtqueue, ready),
					  FIELD_SKIP(struct virtqueue, h,
						     "follows from the addresses; the lock"),
					  FIELD_END };

/* Rings: flags at 0, index at 2, entries from 4, the event word after them (2.7.6, 2.7.8). */
static uint16_t load16(const uint8_t *p)
{
	return cpu_to_le(16, __atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE));
}

static void store16(uint8_t *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)(void *)p, (uint16_t)cpu_to_le(16, v), __ATOMIC_RELEASE);
}

/*
 * Exactly one load, at any alignment: the compiler may not look again at what
 * the guest can change.
 */
static uint64_t load64_once(const uint8_t *p)
{
	struct word { uint64_t v; } __attribute__((packed));

	return cpu_to_le(64, ((const volatile struct word *)(const void *)p)->v);
}

static uint64_t avail_size(unsigned num) { return 6 + 2 * (uint64_t)num; }
static uint64_t used_size(unsigned num) { return 6 + 8 * (uint64_t)num; }

void vq_init(struct virtqueue *q, struct virtio_dev *vd, unsigned index)
{
	q->h.vd = vd;
	q->h.index = index;
	pthread_mutex_init(&q->h.lock, NULL);
}

void vq_fini(struct virtqueue *q) { pthread_mutex_destroy(&q->h.lock); }

int vq_bind(struct virtqueue *q)
{
	struct dev *d = q->h.vd->h.dev;
	struct vq_host *h = &q->h;
	unsigned num = q->num;
	int ret = -EINVAL;

	pthread_mutex_lock(&h->lock);
	h->live = false;
	if (!num || num > VQ_MAX_SIZE || (num & (num - 1)) || q->desc % 16 || q->avail % 2 ||
	    q->used % 4)
		goto out;
	h->desc = dma_map(d, q->desc, 16 * (uint64_t)num);
	h->avail = dma_map(d, q->avail, avail_size(num));
	h->used = dma_map(d, q->used, used_size(num));
	if (!h->desc || !h->avail || !h->used)
		goto out;
	h->num = (uint16_t)num;
	h->event_idx = q->h.vd->driver_features & VIRTIO_F_EVENT_IDX;
	h->live = true;
	ret = 0;
out:
	pthread_mutex_unlock(&h->lock);
	return ret;
}

void vq_unbind(struct virtqueue *q)
{
	pthread_mutex_lock(&q->h.lock);
	q->h.live = false;
	pthread_mutex_unlock(&q->h.lock);
}

void vq_reset(struct virtqueue *q)
{
	pthread_mutex_lock(&q->h.lock);
	q->h.live = false;
	q->desc = q->avail = q->used = 0;
	q->num = q->last_avail = q->used_idx = q->signalled = 0;
	q->ready = false;
	pthread_mutex_unlock(&q->h.lock);
}

static int add_buffer(struct virtqueue *q, struct vq_chain *c, const struct desc *ds)
{
	struct dev *d = q->h.vd->h.dev;
	bool in = ds->flags & DESC_WRITE;
	unsigned n = c->nr_out + c->nr_in;
	void *p;

	if (!in && c->nr_in)
		return -EINVAL;		/* 2.7.4.2: readable parts come first */
	if (!ds->len)
		return 0;
	if (n == VQ_MAX_IOV)
		return -E2BIG;
	/* The device may read ROM, but never write it. */
	p = in ? dma_map(d, ds->addr, ds->len) : mem_ptr(&d->machine->mem, ds->addr, ds->len);
	if (!p)
		return -EFAULT;
	c->iov[n].iov_base = p;
	c->iov[n].iov_len = ds->len;
	c->gpa[n] = ds->addr;
	if (in) {
		c->nr_in++;
		c->in_bytes += ds->len;
	} else {
		c->nr_out++;
		c->out_bytes += ds->len;
	}
	return c->in_bytes > UINT32_MAX ? -EINVAL : 0;
}

/*
 * Follows a chain. The number of descriptors looked at is bounded, which also
 * ends loops; an indirect table (2.7.5.3) may stand at the end of a chain, once.
 */
static int walk(struct virtqueue *q, uint16_t head, struct vq_chain *c)
{
	const uint8_t *table = q->h.desc;
	unsigned n = q->h.num, i = head;
	bool indirect = false;
	int ret;

	c->head = head;
	c->nr_out = c->nr_in = 0;
	c->out_bytes = c->in_bytes = 0;
	/* A chain as long as allowed, the descriptor of its table, and some room for empty ones. */
	for (unsigned seen = 0; seen < 2 * VQ_MAX_IOV; seen++) {
		struct desc ds;
		uint64_t rest;

		if (i >= n)
			return -EINVAL;
		ds.addr = load64_once(table + 16 * i);
		rest = load64_once(table + 16 * i + 8);
		ds.len = (uint32_t)rest;
		ds.flags = (uint16_t)(rest >> 32);
		ds.next = (uint16_t)(rest >> 48);
		if (ds.flags & DESC_INDIRECT) {
			if (indirect || (ds.flags & DESC_NEXT) || !ds.len || ds.len % 16 ||
			    !(q->h.vd->driver_features & VIRTIO_F_INDIRECT_DESC))
				return -EINVAL;
			indirect = true;
			table = mem_ptr(&q->h.vd->h.dev->machine->mem, ds.addr, ds.len);
			if (!table)
				return -EFAULT;
			n = ds.len / 16;
			i = 0;
			continue;
		}
		ret = add_buffer(q, c, &ds);
		if (ret < 0)
			return ret;
		if (!(ds.flags & DESC_NEXT))
			return 0;
		i = ds.next;
	}
	return -ELOOP;
}

static bool usable(struct virtqueue *q) { return q->h.live && !virtio_is_broken(q->h.vd); }

bool vq_pop(struct virtqueue *q, struct vq_chain *c)
{
	struct vq_host *h = &q->h;
	uint16_t idx, head;
	bool got = false;
	int ret;

	pthread_mutex_lock(&h->lock);
	if (!usable(q))
		goto out;
	idx = load16(h->avail + 2);
	if (idx == q->last_avail)
		goto out;
	if ((uint16_t)(idx - q->last_avail) > h->num) {
		virtio_break(h->vd, "queue %u: avail index jumped", h->index);
		goto out;
	}
	head = load16(h->avail + 4 + 2 * (q->last_avail & (h->num - 1)));
	ret = walk(q, head, c);
	if (ret < 0) {
		virtio_break(h->vd, "queue %u: bad descriptor chain (%s)", h->index,
			     strerror(-ret));
		goto out;
	}
	q->last_avail++;
	vq_count(&h->requests, 1);
	got = true;
out:
	pthread_mutex_unlock(&h->lock);
	return got;
}

void vq_unpop(struct virtqueue *q, unsigned n)
{
	pthread_mutex_lock(&q->h.lock);
	q->last_avail = (uint16_t)(q->last_avail - n);
	pthread_mutex_unlock(&q->h.lock);
}

bool vq_has_avail(struct virtqueue *q)
{
	bool any;

	pthread_mutex_lock(&q->h.lock);
	any = usable(q) && load16(q->h.avail + 2) != q->last_avail;
	pthread_mutex_unlock(&q->h.lock);
	return any;
}

void vq_mark_written(struct virtqueue *q, const struct vq_chain *c, uint32_t written)
{
	for (unsigned i = c->nr_out; i < (unsigned)c->nr_out + c->nr_in && written; i++) {
		uint32_t n = (uint32_t)MIN(c->iov[i].iov_len, written);

		dma_done(q->h.vd->h.dev, c->gpa[i], n);
		written -= n;
	}
}

void vq_push_many(struct virtqueue *q, const struct vq_used *u, unsigned n)
{
	struct vq_host *h = &q->h;

	pthread_mutex_lock(&h->lock);
	if (h->live) {
		for (unsigned i = 0; i < n; i++) {
			uint8_t *p = h->used + 4 + 8 * ((uint16_t)(q->used_idx + i) & (h->num - 1));

			st_le32(p, u[i].head);
			st_le32(p + 4, u[i].len);
		}
		q->used_idx = (uint16_t)(q->used_idx + n);
		store16(h->used + 2, q->used_idx);
		dma_done(h->vd->h.dev, q->used, used_size(h->num));
	}
	pthread_mutex_unlock(&h->lock);
}

void vq_push(struct virtqueue *q, const struct vq_chain *c, uint32_t written)
{
	struct vq_used u = { c->head, written };

	vq_mark_written(q, c, written);
	vq_push_many(q, &u, 1);
}

/* 2.7.10: has the index passed the event since the last time we looked? */
static bool passed(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

void vq_signal(struct virtqueue *q)
{
	struct vq_host *h = &q->h;
	bool want = false;

	pthread_mutex_lock(&h->lock);
	if (h->live && q->used_idx != q->signalled) {
		/* The driver sets its wish, then looks at the index; we do the converse. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (h->event_idx)
			want = passed(load16(h->avail + 4 + 2 * h->num), q->used_idx, q->signalled);
		else
			want = !(load16(h->avail) & AVAIL_NO_INTERRUPT);
		q->signalled = q->used_idx;
	}
	pthread_mutex_unlock(&h->lock);
	if (want)
		virtio_queue_interrupt(h->vd, h->index);
}

bool vq_notify_on(struct virtqueue *q) { return vq_notify_beyond(q, 0); }

bool vq_notify_beyond(struct virtqueue *q, unsigned n)
{
	struct vq_host *h = &q->h;
	bool more = false;

	pthread_mutex_lock(&h->lock);
	if (usable(q)) {
		uint16_t seen = (uint16_t)(q->last_avail + n);

		if (h->event_idx)
			store16(h->used + 4 + 8 * h->num, seen);
		else
			store16(h->used, 0);
		/* Also orders the store before the look at the index, as 2.7.10.1 needs. */
		dma_done(h->vd->h.dev, q->used, used_size(h->num));
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		more = load16(h->avail + 2) != seen;
	}
	pthread_mutex_unlock(&h->lock);
	return more;
}

void vq_notify_off(struct virtqueue *q)
{
	struct vq_host *h = &q->h;

	/* With event indices the last one we set is behind us: the driver keeps quiet by itself. */
	pthread_mutex_lock(&h->lock);
	if (usable(q) && !h->event_idx) {
		store16(h->used, USED_NO_NOTIFY);
		dma_done(h->vd->h.dev, q->used, used_size(h->num));
	}
	pthread_mutex_unlock(&h->lock);
}
