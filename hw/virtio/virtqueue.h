/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtqueues, split (virtio 1.2, 2.7) and packed (2.8), device side. Every byte of a ring is the
 * guest's and is read once: an index or chain that breaks the rules marks the
 * device as needing a reset, and the queue looks empty from then on.
 *
 * Each call takes the queue's own lock, so a worker may pop while an I/O thread
 * pushes. Queues are set up and torn down under the device's lock.
 */
#ifndef HW_VIRTIO_VIRTQUEUE_H
#define HW_VIRTIO_VIRTQUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "hw/core/mem.h"
#include "hw/core/state.h"
#include "util/err.h"

#define VQ_MAX_SIZE 256u	/* descriptors: what QueueNumMax says */
#define VQ_MAX_IOV 256u		/* descriptors of one chain (2.7.5: at most the queue's size) */

struct virtio_dev;

/* One request of the guest: buffers to read, then buffers to write. */
struct vq_chain {
	uint32_t head;			/* names the chain in vq_push */
	/* iov[0..nr_out) readable, iov[nr_out..nr_out+nr_in) writable */
	uint16_t nr_out, nr_in;
	uint64_t out_bytes, in_bytes;	/* in_bytes fits 32 bits */
	struct iovec iov[VQ_MAX_IOV];	/* host addresses, valid until vq_push */
	gpa_t gpa[VQ_MAX_IOV];		/* the same in the guest, to mark pages dirty */
};

struct vq_host {			/* not state: follows from it */
	pthread_mutex_t lock;
	struct virtio_dev *vd;
	unsigned index;
	bool live;			/* the pointers below may be used */
	bool event_idx;
	/* since the start, for `info virtio` */
	_Atomic uint64_t requests, notifies, interrupts;
	const struct vq_ring *ring;	/* the ring's format */
	uint16_t num;
	uint8_t *desc, *avail, *used;
	/* Packed: descriptors of the last chains popped, since unpop and notify_beyond count
	 * chains; the next one goes to popped[pops % VQ_MAX_SIZE]. */
	uint16_t popped[VQ_MAX_SIZE];
	unsigned pops;
};

struct virtqueue {
	/* Guest addresses, as the driver gave them: descriptors, driver area, device area. */
	uint64_t desc, avail, used;
	uint16_t num;			/* descriptors; 0 until the driver chose */
	/* Next entry to take, of the avail ring; packed: of the one ring, below num. */
	uint16_t last_avail;
	uint16_t used_idx;		/* the same, to fill */
	/* used_idx at the last decision about an interrupt; packed: bit 15 is used_flipped */
	uint16_t signalled;
	/* Packed: the complements of the wrap counters (2.8.1), which start at 1. */
	bool avail_flipped, used_flipped;
	bool ready;
	struct vq_host h;
};

extern const struct field virtqueue_fields[];

static inline void vq_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void vq_init(struct virtqueue *q, struct virtio_dev *vd, unsigned index);
void vq_fini(struct virtqueue *q);
/*
 * Checks size and addresses and makes the queue live; -EINVAL where the
 * driver's words are wrong.
 */
int vq_bind(struct virtqueue *q);
/* Not live any more: pops find nothing, pushes vanish. */
void vq_unbind(struct virtqueue *q);
void vq_reset(struct virtqueue *q);	/* unbinds, and forgets indices and addresses */

/* Takes the next request: true, or false where there is none. */
bool vq_pop(struct virtqueue *q, struct vq_chain *c);
/* Gives the last n popped chains back to the ring, as if not taken: none of them was pushed. */
void vq_unpop(struct virtqueue *q, unsigned n);
bool vq_has_avail(struct virtqueue *q);

/* Returns a request with `written` bytes in its writable part, which it marks dirty. */
void vq_push(struct virtqueue *q, const struct vq_chain *c, uint32_t written);
/* Marks the first `written` bytes of the writable part dirty. vq_push does it too. */
void vq_mark_written(struct virtqueue *q, const struct vq_chain *c, uint32_t written);
struct vq_used { uint32_t head, len; };
/* Returns several at once: the driver sees all or none of them. Pages are marked already. */
void vq_push_many(struct virtqueue *q, const struct vq_used *u, unsigned n);
/* Interrupts the driver if it wants to hear of what was pushed since the last call. */
void vq_signal(struct virtqueue *q);

/*
 * Whether the driver should notify of new requests. Switched on when the device
 * runs out of them: true when some came meanwhile, so that none is missed.
 */
bool vq_notify_on(struct virtqueue *q);
/* The same where the n requests just given back by vq_unpop are not enough: true when there are
 * more than these. */
bool vq_notify_beyond(struct virtqueue *q, unsigned n);
void vq_notify_off(struct virtqueue *q);

#endif
