/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MMIO transport (virtio 1.2, 4.2). A machine creates a number of slots
 * (dev type "virtio-mmio"), places each and connects its interrupt; a virtio
 * device is attached to a slot later, and a slot without one says so by id 0.
 */
#ifndef HW_VIRTIO_VIRTIO_MMIO_H
#define HW_VIRTIO_VIRTIO_MMIO_H

#include "hw/core/dev.h"

#define VIRTIO_MMIO_SIZE 0x200u		/* bytes of a slot */

/* Maps a slot's four register regions at base. */
int virtio_mmio_place(struct dev *slot, struct space *s, uint64_t base, struct err *e);
/*
 * Puts a virtio device (initialised) into an empty slot. -EBUSY: taken;
 * -EINVAL: not a virtio device.
 */
int virtio_mmio_attach(struct dev *slot, struct dev *virtio, struct err *e);

#endif
