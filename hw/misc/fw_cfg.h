/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "fw-cfg": what the VMM hands to guest firmware: numbered items and named files.
 *
 *	region 0	memory-mapped registers
 *	region 1	selector and data, ports 0x510 and 0x511
 *	region 2	DMA address, port 0x514
 */
#ifndef HW_MISC_FW_CFG_H
#define HW_MISC_FW_CFG_H

#include <stdbool.h>
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

/* With FW_CFG_ARCH_LOCAL; x86: is IRQ 0 at the IOAPIC's pin 2 (one byte)? For SeaBIOS. */
enum { FW_CFG_ARCH_LOCAL = 0x8000, FW_CFG_IRQ0_OVERRIDE = 0x8002 };

enum { FW_CFG_PORTS = 0x510, FW_CFG_DMA_PORT = 0x514 };

/*
 * All before the guest runs. -EEXIST, -ENOSPC, -ENOMEM, -EINVAL. The data is copied, by the
 * _ref forms borrowed: it stays, unchanged, until the device is freed (kernel and initrd).
 */
int fw_cfg_add(struct dev *d, uint16_t key, const void *data, size_t len, struct err *e);
int fw_cfg_add_ref(struct dev *d, uint16_t key, const void *data, size_t len, struct err *e);
int fw_cfg_add_file(struct dev *d, const char *name, const void *data, size_t len, struct err *e);
int fw_cfg_add_file_ref(struct dev *d, const char *name, const void *data, size_t len,
			struct err *e);
/*
 * A file that the guest may write, by DMA. The bytes are the caller's and stay until the device is
 * freed; `written` changes them (n bytes at off, inside), called under fw_cfg's lock.
 */
typedef void fw_cfg_written(void *opaque, uint32_t off, const uint8_t *data, uint32_t n);
int fw_cfg_add_writable(struct dev *d, const char *name, const void *data, size_t len,
			fw_cfg_written *written, void *opaque, struct err *e);
/* With its final zero: "bootorder" (a device path a line). */
int fw_cfg_add_string(struct dev *d, const char *name, const char *text, struct err *e);
/* Little-endian: "etc/boot-fail-wait" (4 bytes, ms), "etc/sercon-port" (2), ... */
int fw_cfg_add_number(struct dev *d, const char *name, uint64_t val, unsigned bytes,
		      struct err *e);

/* "etc/e820": ranges as the BIOS call 0x15/0xe820 reports them, RAM below 4 GiB included. */
enum { FW_CFG_E820_RAM = 1, FW_CFG_E820_RESERVED = 2, FW_CFG_E820_MAX = 64 };
struct fw_cfg_e820 { uint64_t base, size; uint32_t type; };
int fw_cfg_add_e820(struct dev *d, const struct fw_cfg_e820 *map, unsigned n, struct err *e);
/* "etc/system-states": are S3 and S4 offered? */
int fw_cfg_add_system_states(struct dev *d, bool s3, bool s4, struct err *e);

#endif
