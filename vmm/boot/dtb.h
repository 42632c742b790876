/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device trees given by the user: checking, and /chosen. */
#ifndef VMM_BOOT_DTB_H
#define VMM_BOOT_DTB_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define DTB_MAX (UINT64_C(1) << 20)	/* bytes; what kernels map early is 2 MiB */

/* Hostile bytes: 0, or -EINVAL. Every offset that libfdt will follow is checked. */
int dtb_check(const void *data, size_t size, struct err *e);

/*
 * Copies a checked tree into buf (size bytes) and sets /chosen's bootargs (cmdline
 * not NULL) and initrd range (initrd_size not 0). Its size, or -errno.
 */
int dtb_patch(void *buf, size_t size, const void *dtb, const char *cmdline, uint64_t initrd,
	      uint64_t initrd_size, struct err *e);

#endif
