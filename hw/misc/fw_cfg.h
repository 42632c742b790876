/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the VMM hands to guest firmware: small numbered items and named files. */
#ifndef HW_MISC_FW_CFG_H
#define HW_MISC_FW_CFG_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct dev;

/* Item numbers that firmware expects (fw_cfg specification; values are little-endian). */
enum {
	FW_CFG_SIGNATURE = 0x00, FW_CFG_ID = 0x01, FW_CFG_RAM_SIZE = 0x03, FW_CFG_NB_CPUS = 0x05,
	FW_CFG_KERNEL_ADDR = 0x07, FW_CFG_KERNEL_SIZE = 0x08, FW_CFG_INITRD_ADDR = 0x0a,
	FW_CFG_INITRD_SIZE = 0x0b, FW_CFG_BOOT_MENU = 0x0e, FW_CFG_MAX_CPUS = 0x0f,
	FW_CFG_KERNEL_DATA = 0x11, FW_CFG_INITRD_DATA = 0x12, FW_CFG_CMDLINE_SIZE = 0x14,
	FW_CFG_CMDLINE_DATA = 0x15, FW_CFG_FILE_DIR = 0x19, FW_CFG_FIRST_FILE = 0x20,
};

/* Both copy the data. Before the guest runs. -EEXIST, -ENOSPC, -ENOMEM. */
int fw_cfg_add(struct dev *d, uint16_t key, const void *data, size_t len, struct err *e);
int fw_cfg_add_file(struct dev *d, const char *name, const void *data, size_t len, struct err *e);

#endif
