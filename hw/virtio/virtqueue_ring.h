/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two formats of rings, behind virtqueue.c. All calls are under the queue's lock. */
#ifndef HW_VIRTIO_VIRTQUEUE_RING_H
#define HW_VIRTIO_VIRTQUEUE_RING_H

#include "hw/virtio/virtqueue.h"
#include "util/bits.h"

struct vq_ring {
	uint64_t (*avail_size)(unsigned num), (*used_size)(unsigned num);	/* bytes */
	/* Whether size, alignment and indices are ones that the format has. */
	bool (*layout_ok)(const struct virtqueue *q);
	/* 1: taken; 0: none is there; -errno: the driver broke the rules (-ERANGE: an index
	 * jumped; -EOVERFLOW: more than fits the ring). */
	int  (*pop)(struct virtqueue *q, struct vq_chain *c);
	void (*unpop)(struct virtqueue *q, unsigned n);
	/* Whether there are more than n requests, where n were given back. */
	bool (*has_avail)(struct virtqueue *q, unsigned n);
	void (*push)(struct virtqueue *q, const struct vq_used *u, unsigned n);
	/* Whether the driver wants to hear of what was pushed since the last call. */
	bool (*want_interrupt)(struct virtqueue *q);
	/* Asks for notifications of requests behind the next n; asks for none. */
	void (*notify_on)(struct virtqueue *q, unsigned n);
	void (*notify_off)(struct virtqueue *q);
};

extern const struct vq_ring vq_ring_split, vq_ring_packed;

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };	/* 2.7.5, 2.8.1 */

/* Descriptors looked at for one chain: as long as allowed, its table's, and some empty ones. */
#define VQ_MAX_SEEN (2 * VQ_MAX_IOV)

void vq_chain_begin(struct vq_chain *c);
/* Appends a buffer of the guest; 0, or -errno where the rules of chains or memory say no. */
int vq_chain_add(struct virtqueue *q, struct vq_chain *c, uint64_t addr, uint32_t len, bool in);
/* An indirect table (len / 16 descriptors), or NULL and *ret. */
const uint8_t *vq_indirect(struct virtqueue *q, uint64_t addr, uint32_t len, int *ret);

static inline uint16_t vq_load16(const uint8_t *p)
{
	return cpu_to_le(16, __atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE));
}

static inline void vq_store16(uint8_t *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)(void *)p, (uint16_t)cpu_to_le(16, v), __ATOMIC_RELEASE);
}

/*
 * Exactly one load, at any alignment: the compiler may not look again at what
 * the guest can change.
 */
static inline uint64_t vq_load64_once(const uint8_t *p)
{
	struct word { uint64_t v; } __attribute__((packed));

	return cpu_to_le(64, ((const volatile struct word *)(const void *)p)->v);
}

/* 2.7.10, 2.8.10: has the index passed the event since the last time we looked? */
static inline bool vq_passed(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

#endif
