/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both formats of rings share: locks, life, and the buffers of a chain. */
#include "hw/virtio/virtqueue.h"

#include <errno.h>
#include <string.h>

#include "hw/virtio/virtio.h"
#include "hw/virtio/virtqueue_ring.h"
#include "util/bits.h"

const struct field virtqueue_fields[] = { FIELD(struct virtqueue, desc),
					  FIELD(struct virtqueue, avail),
					  FIELD(struct virtqueue, used),
					  FIELD(struct virtqueue, num),
					  FIELD(struct virtqueue, last_avail),
					  FIELD(struct virtqueue, used_idx),
					  FIELD(struct virtqueue, signalled),
					  FIELD(struct virtqueue, avail_flipped),
					  FIELD(struct virtqueue, used_flipped),
					  FIELD(struct virtqueue, ready),
					  FIELD_SKIP(struct virtqueue, h,
						     "follows from the addresses; the lock"),
					  FIELD_END };

void vq_init(struct virtqueue *q, struct virtio_dev *vd, unsigned index)
{
	q->h.vd = vd;
	q->h.index = index;
	pthread_mutex_init(&q->h.lock, NULL);
}

void vq_fini(struct virtqueue *q) { pthread_mutex_destroy(&q->h.lock); }

int vq_bind(struct virtqueue *q)
{
	uint64_t features = q->h.vd->driver_features;
	struct dev *d = q->h.vd->h.dev;
	struct vq_host *h = &q->h;
	unsigned num = q->num;
	int ret = -EINVAL;

	pthread_mutex_lock(&h->lock);
	h->live = false;
	h->ring = features & VIRTIO_F_RING_PACKED ? &vq_ring_packed : &vq_ring_split;
	h->event_idx = features & VIRTIO_F_EVENT_IDX;
	if (!num || num > VQ_MAX_SIZE || q->desc % 16 || !h->ring->layout_ok(q))
		goto out;
	h->desc = dma_map(d, q->desc, 16 * (uint64_t)num);
	h->avail = dma_map(d, q->avail, h->ring->avail_size(num));
	h->used = dma_map(d, q->used, h->ring->used_size(num));
	if (!h->desc || !h->avail || !h->used)
		goto out;
	h->num = (uint16_t)num;
	memset(h->popped, 0, sizeof(h->popped));
	h->pops = 0;
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
	q->avail_flipped = q->used_flipped = false;
	q->ready = false;
	pthread_mutex_unlock(&q->h.lock);
}

void vq_chain_begin(struct vq_chain *c)
{
	c->head = 0;
	c->nr_out = c->nr_in = 0;
	c->out_bytes = c->in_bytes = 0;
}

int vq_chain_add(struct virtqueue *q, struct vq_chain *c, uint64_t addr, uint32_t len, bool in)
{
	struct dev *d = q->h.vd->h.dev;
	unsigned n = c->nr_out + c->nr_in;
	void *p;

	if (!in && c->nr_in)
		return -EINVAL;		/* 2.7.4.2: readable parts come first */
	if (!len)
		return 0;
	if (n == VQ_MAX_IOV)
		return -E2BIG;
	/* The device may read ROM, but never write it. */
	p = in ? dma_map(d, addr, len) : mem_ptr(&d->machine->mem, addr, len);
	if (!p)
		return -EFAULT;
	c->iov[n].iov_base = p;
	c->iov[n].iov_len = len;
	c->gpa[n] = addr;
	if (in) {
		c->nr_in++;
		c->in_bytes += len;
	} else {
		c->nr_out++;
		c->out_bytes += len;
	}
	return c->in_bytes > UINT32_MAX ? -EINVAL : 0;
}

const uint8_t *vq_indirect(struct virtqueue *q, uint64_t addr, uint32_t len, int *ret)
{
	const uint8_t *table;

	*ret = -EINVAL;
	if (!len || len % 16 || !(q->h.vd->driver_features & VIRTIO_F_INDIRECT_DESC))
		return NULL;
	table = mem_ptr(&q->h.vd->h.dev->machine->mem, addr, len);
	*ret = table ? 0 : -EFAULT;
	return table;
}

static bool usable(struct virtqueue *q)
{
	return q->h.live && !virtio_is_broken(q->h.vd) && !q->h.vd->h.no_dma;
}

bool vq_pop(struct virtqueue *q, struct vq_chain *c)
{
	struct vq_host *h = &q->h;
	int ret = 0;

	pthread_mutex_lock(&h->lock);
	if (usable(q))
		ret = h->ring->pop(q, c);
	pthread_mutex_unlock(&h->lock);
	if (ret < 0)
		virtio_break(h->vd, "queue %u: %s", h->index,
			     ret == -ERANGE ? "avail index jumped" :
			     ret == -EOVERFLOW ? "more requests than the ring holds" :
			     "bad descriptor chain");
	else if (ret)
		vq_count(&h->requests, 1);
	return ret > 0;
}

void vq_unpop(struct virtqueue *q, unsigned n)
{
	pthread_mutex_lock(&q->h.lock);
	if (q->h.live)
		q->h.ring->unpop(q, n);
	pthread_mutex_unlock(&q->h.lock);
	atomic_fetch_sub_explicit(&q->h.requests, n, memory_order_relaxed);
}

bool vq_has_avail(struct virtqueue *q)
{
	bool any;

	pthread_mutex_lock(&q->h.lock);
	any = usable(q) && q->h.ring->has_avail(q, 0);
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
	if (h->live && n)
		h->ring->push(q, u, n);
	pthread_mutex_unlock(&h->lock);
}

void vq_push(struct virtqueue *q, const struct vq_chain *c, uint32_t written)
{
	struct vq_used u = { c->head, written };

	vq_mark_written(q, c, written);
	vq_push_many(q, &u, 1);
}

void vq_signal(struct virtqueue *q)
{
	struct vq_host *h = &q->h;
	bool want;

	pthread_mutex_lock(&h->lock);
	want = h->live && h->ring->want_interrupt(q);
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
		h->ring->notify_on(q, n);
		/* The driver publishes, then looks at our wish; we do the converse. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		more = h->ring->has_avail(q, n);
	}
	pthread_mutex_unlock(&h->lock);
	return more;
}

void vq_notify_off(struct virtqueue *q)
{
	pthread_mutex_lock(&q->h.lock);
	if (usable(q))
		q->h.ring->notify_off(q);
	pthread_mutex_unlock(&q->h.lock);
}
