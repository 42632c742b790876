/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HW_VIRTIO_VIRTIO_CONSOLE_H
#define HW_VIRTIO_VIRTIO_CONSOLE_H

#include <stdbool.h>

#include "util/err.h"

struct dev;
struct chardev;

#define VIRTIO_CONSOLE_MAX_PORTS 8

/*
 * Adds the next port of a "virtio-console", before dev_init. console: /dev/hvcN in
 * the guest; else a plain channel, found by name under /dev/virtio-ports. Port 0 is
 * a console. c stays the caller's; NULL swallows output. name may be NULL; copied.
 */
int virtio_console_add_port(struct dev *d, struct chardev *c, bool console, const char *name,
			    struct err *e);

#endif
