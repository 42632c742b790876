/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Split rings (virtio 1.2, 2.7): a table of descriptors, a ring of available chains
 * and a ring of used ones. Rings: flags at 0, index at 2, entries from 4, the event
 * word after them (2.7.6, 2.7.8).
 */
#include "hw/virtio/virtqueue_ring.h"

#include <errno.h>

#include "hw/virtio/virtio.h"

enum { AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };

static uint64_t avail_size(unsigned num) { return 6 + 2 * (uint64_t)num; }
static uint64_t used_size(unsigned num) { return 6 + 8 * (uint64_t)num; }

static bool layout_ok(const struct virtqueue *q)
{
	return !(q->num & (q->num - 1)) && !(q->avail % 2) && !(q->used % 4);
}

static void mark_used(struct virtqueue *q)
{
	dma_done(q->h.vd->h.dev, q->used, used_size(q->h.num));
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

	vq_chain_begin(c);
	c->head = head;
	for (unsigned seen = 0; seen < VQ_MAX_SEEN; seen++) {
		uint64_t addr, rest;
		uint32_t len;
		unsigned flags;

		if (i >= n)
			return -EINVAL;
		addr = vq_load64_once(table + 16 * i);
		rest = vq_load64_once(table + 16 * i + 8);
		len = (uint32_t)rest;
		flags = (uint16_t)(rest >> 32);
		if (flags & DESC_INDIRECT) {
			if (indirect || (flags & DESC_NEXT))
				return -EINVAL;
			indirect = true;
			table = vq_indirect(q, addr, len, &ret);
			if (!table)
				return ret;
			n = len / 16;
			i = 0;
			continue;
		}
		ret = vq_chain_add(q, c, addr, len, flags & DESC_WRITE);
		if (ret < 0)
			return ret;
		if (!(flags & DESC_NEXT))
			return 1;
		i = (uint16_t)(rest >> 48);
	}
	return -ELOOP;
}

static int pop(struct virtqueue *q, struct vq_chain *c)
{
	struct vq_host *h = &q->h;
	uint16_t idx = vq_load16(h->avail + 2);
	int ret;

	if (idx == q->last_avail)
		return 0;
	if ((uint16_t)(idx - q->last_avail) > h->num)
		return -ERANGE;
	ret = walk(q, vq_load16(h->avail + 4 + 2 * (q->last_avail & (h->num - 1))), c);
	if (ret > 0)
		q->last_avail++;
	return ret;
}

static void unpop(struct virtqueue *q, unsigned n)
{
	q->last_avail = (uint16_t)(q->last_avail - n);
}

static bool has_avail(struct virtqueue *q, unsigned n)
{
	return vq_load16(q->h.avail + 2) != (uint16_t)(q->last_avail + n);
}

static void push(struct virtqueue *q, const struct vq_used *u, unsigned n)
{
	struct vq_host *h = &q->h;

	for (unsigned i = 0; i < n; i++) {
		uint8_t *p = h->used + 4 + 8 * ((uint16_t)(q->used_idx + i) & (h->num - 1));

		st_le32(p, u[i].head);
		st_le32(p + 4, u[i].len);
	}
	q->used_idx = (uint16_t)(q->used_idx + n);
	vq_store16(h->used + 2, q->used_idx);
	mark_used(q);
}

static bool want_interrupt(struct virtqueue *q)
{
	struct vq_host *h = &q->h;
	uint16_t before = q->signalled;

	if (q->used_idx == before)
		return false;
	q->signalled = q->used_idx;
	/* The driver sets its wish, then looks at the index; we do the converse. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (h->event_idx)
		return vq_passed(vq_load16(h->avail + 4 + 2 * h->num), q->used_idx, before);
	return !(vq_load16(h->avail) & AVAIL_NO_INTERRUPT);
}

static void notify_on(struct virtqueue *q, unsigned n)
{
	struct vq_host *h = &q->h;

	if (h->event_idx)
		vq_store16(h->used + 4 + 8 * h->num, (uint16_t)(q->last_avail + n));
	else
		vq_store16(h->used, 0);
	mark_used(q);
}

static void notify_off(struct virtqueue *q)
{
	/* With event indices the last one we set is behind us: the driver keeps quiet by itself. */
	if (q->h.event_idx)
		return;
	vq_store16(q->h.used, USED_NO_NOTIFY);
	mark_used(q);
}

const struct vq_ring vq_ring_split = {
	.avail_size = avail_size, .used_size = used_size, .layout_ok = layout_ok,
	.pop = pop, .unpop = unpop, .has_avail = has_avail, .push = push,
	.want_interrupt = want_interrupt, .notify_on = notify_on, .notify_off = notify_off,
};
