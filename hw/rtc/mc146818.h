/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "mc146818": the PC's real-time clock with its battery-backed memory.
 *
 *	region 0	index, port 0x70 (bit 7, the NMI mask, is ignored)
 *	region 1	data, port 0x71
 *	irq 0		GSI 8 (through the HPET, where there is one: hpet_rtc_line)
 *
 * The time is the host's plus machine_config.rtc_offset_s; what the guest sets is
 * kept as a difference to that. Time and memory outlive a reset.
 */
#ifndef HW_RTC_MC146818_H
#define HW_RTC_MC146818_H

#include <stdint.h>

struct dev;

/* Bytes that firmware reads (index). */
enum {
	CMOS_EQUIPMENT = 0x14, CMOS_CENTURY = 0x32,
	/* Boot order as SeaBIOS reads it: 1 floppy, 2 hard disk, 3 CD, 4 network; the first and
	 * second choice in the low and high half of 0x3d, the third in the high half of 0x38,
	 * whose bit 0 switches the floppy's signature check off. */
	CMOS_BOOT_3RD = 0x38, CMOS_BOOT_1ST = 0x3d,
	CMOS_CPUS = 0x5f,		/* started by firmware, minus one */
};

/* One byte of the memory (index 0x0e to 0x7f, not the century), from the machine; any thread. */
void mc146818_set(struct dev *d, unsigned index, uint8_t val);
/* Sizes of RAM as firmware reads them: bytes below 4 GiB (from 0) and above. */
void mc146818_set_memory(struct dev *d, uint64_t low, uint64_t high);

#endif
