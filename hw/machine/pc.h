/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC (hw/machine/pc.c): its map of guest physical memory, which boot code and
 * firmware tables must agree on.
 *
 *	0		RAM, up to 640 KiB
 *	0xa0000		VGA's window: nothing, or devices
 *	0xc0000		RAM: option ROMs and the BIOS's shadow
 *	1 MiB		RAM, up to PC_LOW_MAX
 *	0xb0000000	ECAM, 256 MiB
 *	0xc0000000	PCI memory
 *	0xfec00000	IOAPIC, HPET (0xfed00000), local APICs (0xfee00000)
 *	..4 GiB		firmware: flash, or the BIOS's ROM
 *	4 GiB		RAM beyond PC_LOW_MAX
 *	behind it	PCI memory of 64-bit BARs
 */
#ifndef HW_MACHINE_PC_H
#define HW_MACHINE_PC_H

#include "hw/core/machine.h"

#define PC_LOW_MAX	UINT64_C(0x80000000)	/* most RAM below 4 GiB */
#define PC_HIGH_BASE	UINT64_C(0x100000000)
#define PC_PCI_MEM32	UINT64_C(0xc0000000)
#define PC_PCI_MEM32_END UINT64_C(0xfc000000)
#define PC_IOAPIC	UINT64_C(0xfec00000)
#define PC_HPET		UINT64_C(0xfed00000)
#define PC_VMGENID	UINT64_C(0xfed50000)
#define PC_LAPIC	UINT64_C(0xfee00000)
enum {
	PC_EBDA = 0x9fc00,		/* where usable RAM ends below 640 KiB */
	PC_VGA = 0xa0000, PC_SHADOW = 0xc0000,
	/* Direct boot: tables that the guest searches for by signature. */
	PC_RSDP = 0xe0000, PC_SMBIOS = 0xf0000,
	PC_TABLES_SIZE = 0x40000,	/* ACPI tables, at the top of low RAM (direct boot) */
};

enum { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3 };
struct pc_range { uint64_t base, size; uint32_t type; };
enum { PC_MAX_RANGES = 16 };

/* The memory map as a guest without firmware is told; returns the number of ranges, ascending. */
unsigned pc_memory_map(const struct machine *m, struct pc_range *r);
/* First byte behind the RAM below 4 GiB that a guest may use: the tables begin there. */
uint64_t pc_low_end(const struct machine *m);
/* The RSDP after direct boot's tables are in place; 0: there is no ACPI. */
gpa_t pc_rsdp(const struct machine *m);

/* For the VMM's monitor: presses the power button. */
void pc_power_button(struct machine *m);
/* Whether a machine is one of these (the functions above may be used). */
bool machine_is_pc(const struct machine *m);

/*
 * Firmware's paths of what can be booted from, a line each, by `order`: c disks, d CD-ROM drives,
 * n network cards; among the same kind as they were created. malloc'ed; NULL: no memory.
 */
char *pc_boot_order(struct machine *m, const char *order);

#endif
