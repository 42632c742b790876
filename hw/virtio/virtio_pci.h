/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI transport (virtio 1.2, 4.1), modern only. A machine creates a slot (dev type
 * "virtio-pci") for each virtio device, attaches the device, and plugs the slot's
 * function (pci_fn_of) into a bus: in this order, since the device says what the
 * function's header and capabilities are.
 */
#ifndef HW_VIRTIO_VIRTIO_PCI_H
#define HW_VIRTIO_VIRTIO_PCI_H

#include "hw/core/dev.h"

/*
 * Puts a virtio device (initialised) into an empty slot (initialised). -EBUSY: taken;
 * -EINVAL: not a virtio device.
 */
int virtio_pci_attach(struct dev *slot, struct dev *virtio, struct err *e);

#endif
