/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HW_VIRTIO_VIRTIO_BLK_H
#define HW_VIRTIO_VIRTIO_BLK_H

struct dev;
struct block;

/* The disk behind a "virtio-blk", before dev_init; stays the caller's and outlives the device. */
void virtio_blk_set_drive(struct dev *d, struct block *b);

#endif
