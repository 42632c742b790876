/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a driver leaves to a network card (virtio 1.2, 5.1.6.2): checksums, and cutting
 * large TCP segments. Frames are the guest's: every offset is checked.
 */
#ifndef HW_VIRTIO_NET_OFFLOAD_H
#define HW_VIRTIO_NET_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Checksum over [start, len), stored at start + offset. False: out of range. */
bool net_fill_checksum(uint8_t *frame, size_t len, size_t start, size_t offset);

struct net_gso {
	bool ipv6;
	size_t tcp;			/* where the TCP header begins */
	size_t size;			/* payload of one segment, bytes */
};
/* Pieces of less are not made: a guest would have us send thousands for one frame. */
#define NET_MIN_SEGMENT 48u

/*
 * Cuts a TCP segment; `send` gets each piece with its checksums, in `piece` (room for a
 * frame as long as the whole). g->size 0: one piece, checksums filled in. False: it is
 * none that can be cut, and nothing was sent.
 */
bool net_segment(const uint8_t *frame, size_t len, const struct net_gso *g, uint8_t *piece,
		 void (*send)(void *opaque, const uint8_t *frame, size_t len), void *opaque);

#endif
