/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packed rings (virtio 1.2, 2.8): one ring of descriptors that the driver makes
 * available and the device overwrites as used, in the order of completion. A chain is
 * a run of descriptors; the used one stands where the next completed run begins, and
 * skips as many as its chain had. The two areas hold an event each: a place in the
 * ring with its wrap counter at 0, flags at 2 (2.8.14).
 */
#include "hw/virtio/virtqueue_ring.h"

#include <errno.h>

#include "hw/virtio/virtio.h"

enum { DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2 };
#define EVENT_SIZE 4u

struct place { unsigned idx; bool wrap; };	/* in the ring */

static uint64_t event_size(unsigned num) { return EVENT_SIZE; }

static bool layout_ok(const struct virtqueue *q)
{
	return !(q->avail % 4) && !(q->used % 4) && q->last_avail < q->num && q->used_idx < q->num;
}

static struct place avail_place(const struct virtqueue *q)
{
	return (struct place){ q->last_avail, !q->avail_flipped };
}

static struct place used_place(const struct virtqueue *q)
{
	return (struct place){ q->used_idx, !q->used_flipped };
}

static void advance(const struct virtqueue *q, struct place *p, unsigned n)
{
	p->idx += n;
	if (p->idx >= q->h.num) {
		p->idx -= q->h.num;
		p->wrap = !p->wrap;
	}
}

static bool is_avail(const struct virtqueue *q, struct place p)
{
	uint16_t flags = vq_load16(q->h.desc + 16 * p.idx + 14);

	return !!(flags & DESC_AVAIL) == p.wrap && !!(flags & DESC_USED) != p.wrap;
}

/* Taken and not returned yet. */
static unsigned in_flight(const struct virtqueue *q)
{
	unsigned num = q->h.num;

	return (q->last_avail + num * q->avail_flipped + 2 * num -
		(q->used_idx + num * q->used_flipped)) % (2 * num);
}

static int walk_indirect(struct virtqueue *q, struct vq_chain *c, uint64_t addr, uint32_t len)
{
	int ret;
	const uint8_t *table = vq_indirect(q, addr, len, &ret);

	if (!table)
		return ret;
	if (len / 16 > VQ_MAX_SEEN)
		return -E2BIG;
	/* 2.8.7: the whole table, in order; of the flags only the direction counts. */
	for (unsigned i = 0; i < len / 16; i++) {
		uint64_t rest = vq_load64_once(table + 16 * i + 8);

		ret = vq_chain_add(q, c, vq_load64_once(table + 16 * i), (uint32_t)rest,
				   rest >> 48 & DESC_WRITE);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The run at p into c; returns its length in descriptors, or -errno. */
static int walk(struct virtqueue *q, struct place p, struct vq_chain *c)
{
	vq_chain_begin(c);
	for (unsigned n = 1; n <= q->h.num; n++) {
		const uint8_t *d = q->h.desc + 16 * p.idx;
		uint64_t addr = vq_load64_once(d), rest = vq_load64_once(d + 8);
		unsigned flags = (unsigned)(rest >> 48);
		int ret;

		if (flags & DESC_INDIRECT) {
			if (n > 1 || (flags & DESC_NEXT))
				return -EINVAL;
			ret = walk_indirect(q, c, addr, (uint32_t)rest);
		} else {
			ret = vq_chain_add(q, c, addr, (uint32_t)rest, flags & DESC_WRITE);
		}
		if (ret < 0)
			return ret;
		if (!(flags & DESC_NEXT)) {
			/* 2.8.6: the last one has the id */
			c->head = (uint16_t)(rest >> 32) | n << 16;
			return (int)n;
		}
		advance(q, &p, 1);
	}
	return -ELOOP;
}

static void set_avail(struct virtqueue *q, struct place p)
{
	q->last_avail = (uint16_t)p.idx;
	q->avail_flipped = !p.wrap;
}

static int pop(struct virtqueue *q, struct vq_chain *c)
{
	struct place p = avail_place(q);
	int n;

	if (!is_avail(q, p))
		return 0;
	n = walk(q, p, c);
	if (n < 0)
		return n;
	/* The driver's marks alone do not bound it: it may set them again before we return any. */
	if (in_flight(q) + (unsigned)n > q->h.num)
		return -EOVERFLOW;
	advance(q, &p, (unsigned)n);
	set_avail(q, p);
	q->h.popped[q->h.pops++ % VQ_MAX_SIZE] = (uint16_t)n;
	return 1;
}

static void unpop(struct virtqueue *q, unsigned n)
{
	struct place p = avail_place(q);

	while (n--) {
		unsigned back = q->h.popped[--q->h.pops % VQ_MAX_SIZE];

		if (p.idx < back) {
			p.idx += q->h.num;
			p.wrap = !p.wrap;
		}
		p.idx -= back;
	}
	set_avail(q, p);
}

/* Behind the next n chains, which were popped before and given back. */
static struct place beyond(struct virtqueue *q, unsigned n)
{
	struct place p = avail_place(q);

	for (unsigned i = 0; i < n; i++)
		advance(q, &p, q->h.popped[(q->h.pops + i) % VQ_MAX_SIZE]);
	return p;
}

static bool has_avail(struct virtqueue *q, unsigned n) { return is_avail(q, beyond(q, n)); }

static void push(struct virtqueue *q, const struct vq_used *u, unsigned n)
{
	struct place p = used_place(q);
	uint8_t *first = q->h.desc + 16 * p.idx + 14;
	uint16_t first_flags = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t *d = q->h.desc + 16 * p.idx;
		uint16_t flags = (uint16_t)((p.wrap ? DESC_AVAIL | DESC_USED : 0) |
					    (u[i].len ? DESC_WRITE : 0));

		st_le32(d + 8, u[i].len);
		st_le16(d + 12, (uint16_t)u[i].head);
		/* The driver stops at the first that is not used: that one comes last. */
		if (i)
			vq_store16(d + 14, flags);
		else
			first_flags = flags;
		advance(q, &p, u[i].head >> 16);
	}
	vq_store16(first, first_flags);
	q->used_idx = (uint16_t)p.idx;
	q->used_flipped = !p.wrap;
	dma_done(q->h.vd->h.dev, q->desc, 16 * (uint64_t)q->h.num);
}

/* An event or an earlier place, as a number that is behind `now` by less than a round. */
static uint16_t relative(const struct virtqueue *q, unsigned idx, bool wrap, struct place now)
{
	return (uint16_t)(wrap == now.wrap ? idx : idx - q->h.num);
}

static bool want_interrupt(struct virtqueue *q)
{
	struct place now = used_place(q);
	uint16_t before = q->signalled, event;

	q->signalled = (uint16_t)(q->used_idx | q->used_flipped << 15);
	if (q->signalled == before)
		return false;
	/* The driver sets its wish, then looks at the ring; we do the converse. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	switch (vq_load16(q->h.avail + 2) & 3) {
	case EVENT_DISABLE: return false;
	case EVENT_DESC: break;
	default: return true;
	}
	if (!q->h.event_idx)
		return true;
	event = vq_load16(q->h.avail);
	return vq_passed(relative(q, event & 0x7fff, event >> 15, now), (uint16_t)now.idx,
			 relative(q, before & 0x7fff, !(before >> 15), now));
}

static void mark_event(struct virtqueue *q) { dma_done(q->h.vd->h.dev, q->used, EVENT_SIZE); }

static void notify_on(struct virtqueue *q, unsigned n)
{
	struct place p = beyond(q, n);

	if (q->h.event_idx)
		vq_store16(q->h.used, (uint16_t)(p.idx | (unsigned)p.wrap << 15));
	vq_store16(q->h.used + 2, q->h.event_idx ? EVENT_DESC : EVENT_ENABLE);
	mark_event(q);
}

static void notify_off(struct virtqueue *q)
{
	/* Other than a split ring's index, a place comes round soon: the wish must go. */
	vq_store16(q->h.used + 2, EVENT_DISABLE);
	mark_event(q);
}

const struct vq_ring vq_ring_packed = {
	.avail_size = event_size, .used_size = event_size, .layout_ok = layout_ok,
	.pop = pop, .unpop = unpop, .has_avail = has_avail, .push = push,
	.want_interrupt = want_interrupt, .notify_on = notify_on, .notify_off = notify_off,
};
