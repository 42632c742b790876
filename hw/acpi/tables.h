/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI 6.4 and SMBIOS 3 tables as firmware expects them from a VMM: table bytes with
 * unresolved pointers, and a list of loader commands (fw_cfg file "etc/table-loader":
 * allocate, add pointer, add checksum) that places them. Direct boot executes the
 * same commands itself, so both ways give the guest the same tables.
 */
#ifndef HW_ACPI_TABLES_H
#define HW_ACPI_TABLES_H

#include "hw/core/machine.h"
#include "util/err.h"

struct acpi_root_port { uint8_t slot; };

struct acpi_config {
	unsigned nr_cpus;		/* APIC ids 0..n-1; above 254: x2APIC entries */
	uint64_t ecam_base, ecam_size;
	unsigned nr_buses;		/* PCI buses the guest is told of; 0: all that ECAM holds */
	uint64_t mem32, mem32_end, mem64, mem64_end;	/* PCI windows, end exclusive */
	uint16_t pm_base;		/* PM1a event block; control +4, timer +8, GPE0 +0x20 */
	uint8_t sci;
	uint64_t ioapic_base, lapic_base, hpet_base;	/* hpet 0: none */
	uint8_t ioapic_id;
	uint16_t reset_port;		/* 0xcf9 */
	uint8_t reset_value;
	bool i8042, vga;
	unsigned (*pirq)(unsigned slot, unsigned pin);	/* of the root bus: 0..7; GSI 16 + n */
	unsigned nr_root_ports;
	struct acpi_root_port root_port[32];
};

struct acpi_blob { uint8_t *data; size_t size; };
struct acpi_tables { struct acpi_blob tables, rsdp, loader; };

/* Builds from the configuration and the devices' describe_acpi. 0 or -errno. */
int  acpi_build(struct machine *m, const struct acpi_config *c, struct acpi_tables *out,
		struct err *e);
void acpi_tables_free(struct acpi_tables *t);
/* Adds the three files to a fw_cfg device. */
int  acpi_to_fw_cfg(const struct acpi_tables *t, struct dev *fw_cfg, struct err *e);
/*
 * Executes the loader's commands: tables go to [at, at+room), the RSDP to rsdp_at (16-aligned,
 * in 0xe0000..0xfffff for guests that search). 0 or -errno. *end (may be NULL): first free byte.
 */
int  acpi_place(const struct acpi_tables *t, struct mem *mem, gpa_t at, uint64_t room,
		gpa_t rsdp_at, gpa_t *end, struct err *e);

/* ---- SMBIOS (DMTF DSP0134) ---- */

struct smbios_config {
	unsigned sockets, cores, threads;
	uint64_t ram_low, ram_high;	/* bytes below and above 4 GiB */
	uint8_t uuid[16];
	bool have_uuid;
	/* Strings; NULL: our own ("ambi", "pc", version). */
	const char *vendor, *product, *version, *serial;
};
struct smbios_tables { struct acpi_blob anchor, tables; };	/* anchor: _SM3_ entry point */

int  smbios_build(const struct smbios_config *c, struct smbios_tables *out, struct err *e);
void smbios_free(struct smbios_tables *t);
/* fw_cfg files "etc/smbios/smbios-anchor" and "-tables". */
int  smbios_to_fw_cfg(const struct smbios_tables *t, struct dev *fw_cfg, struct err *e);
/* Direct boot: anchor (16-aligned, in 0xf0000..0xfffff) with the tables behind it or at `at`. */
int  smbios_place(const struct smbios_tables *t, struct mem *mem, gpa_t anchor_at, gpa_t at,
		  struct err *e);

#endif
