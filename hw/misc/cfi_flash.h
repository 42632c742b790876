/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "cfi-flash": NOR flash whose contents are a block back end's (property "block").
 *
 * As registers only (riscv): dev_map(d, 0, ...), a bank of 32 MiB. As memory that
 * the guest executes from (PC): cfi_flash_map in place of dev_map.
 */
#ifndef HW_MISC_CFI_FLASH_H
#define HW_MISC_CFI_FLASH_H

#include <stdint.h>

#include "util/err.h"

struct dev;

/* Before dev_init: one 8-bit chip of 4 KiB sectors, as large as the back end. */
void cfi_flash_set_pc(struct dev *d);
/* After dev_init: bytes, a multiple of the sector's size. */
uint64_t cfi_flash_size(struct dev *d);
/*
 * At [base, base + size): a MEM_ROM block with the region beneath it. While the chip does not
 * show its array the block is hidden (mem_hide, by the vCPU that wrote, no lock held). Before the
 * first vCPU starts; once. 0 or -errno.
 */
int cfi_flash_map(struct dev *d, uint64_t base, struct err *e);

#endif
