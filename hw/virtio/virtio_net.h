/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HW_VIRTIO_VIRTIO_NET_H
#define HW_VIRTIO_VIRTIO_NET_H

struct dev;
struct netdev;

/*
 * The network behind a "virtio-net", before dev_init; stays the caller's.
 * NULL: a cable to nowhere.
 */
void virtio_net_set_netdev(struct dev *d, struct netdev *n);

#endif
