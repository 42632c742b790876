/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configurations as the machine `pc` would make them, and a board with a few devices. */
#ifndef TESTS_ACPI_SAMPLE_H
#define TESTS_ACPI_SAMPLE_H

#include "hw/acpi/aml.h"
#include "hw/acpi/tables.h"
#include "hw/pci/q35.h"
#include "tests/dev/devtest.h"
#include "util/bits.h"

#define GIB (UINT64_C(1) << 30)

struct sample { unsigned cpus, ports; uint64_t ram; };
static const struct sample samples[] = {
	{ 1, 0, GIB / 2 }, { 2, 8, GIB / 2 }, { 255, 8, 600 * GIB }, { 256, 29, 4 * GIB },
};

static inline struct acpi_config sample_acpi(const struct sample *s)
{
	struct acpi_config c = {
		.nr_cpus = s->cpus, .ecam_base = Q35_ECAM_BASE, .ecam_size = Q35_ECAM_SIZE,
		.mem32 = 0x80000000, .mem32_end = 0xfec00000,
		.mem64 = 4 * GIB, .mem64_end = 512 * GIB,
		.pm_base = ICH9_PMBASE, .sci = ICH9_SCI, .ioapic_base = 0xfec00000,
		.lapic_base = 0xfee00000, .hpet_base = 0xfed00000, .reset_port = 0xcf9,
		.reset_value = ICH9_RESET_VALUE, .i8042 = true, .vga = s->cpus > 1,
		.pirq = q35_pirq, .nr_root_ports = s->ports,
	};

	if (s->ram > 2 * GIB)
		c.mem64 = align_up(s->ram + 2 * GIB, GIB);
	c.mem64_end = c.mem64 + 512 * GIB;
	if (s->cpus == 1)
		c.hpet_base = 0;
	for (unsigned i = 0; i < s->ports; i++)
		c.root_port[i].slot = (uint8_t)(i + 1);
	return c;
}

static inline struct smbios_config sample_smbios(const struct sample *s)
{
	return (struct smbios_config){
		.sockets = s->cpus > 1 ? 2 : 1, .cores = s->cpus > 1 ? s->cpus / 2 : 1,
		.threads = 1, .ram_low = MIN(s->ram, 2 * GIB),
		.ram_high = s->ram > 2 * GIB ? s->ram - 2 * GIB : 0,
		.uuid = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
			  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff },
		.have_uuid = true, .serial = s->cpus > 1 ? "S-42" : NULL,
	};
}

/* ---- a device with ports, a line and an object in the DSDT ---- */

struct sample_dev {
	struct dev dev;
};

static inline uint64_t sample_read(struct dev *d, uint64_t off, unsigned size)
{
	return 0;
}

static inline void sample_write(struct dev *d, uint64_t off, uint64_t val, unsigned size) { }

static inline void sample_describe(struct dev *d, struct aml *a)
{
	aml_dev(a, d, "COM1", "PNP0501");
	aml_name_int(a, "_UID", 1);
	aml_end(a);
}

static const struct dev_type dev_sample = {
	.name = "sample", .help = "for tests", .size = sizeof(struct sample_dev),
	.regions = (const struct region[]){
		{ "ports", 8, 1, 1, 0, sample_read, sample_write },
		{ "regs", 0x1000, 4, 4, 0, sample_read, sample_write } },
	.nr_regions = 2, .nr_irqs = 2, .state = (const struct field[]){ FIELD_END },
	.describe_acpi = sample_describe,
};

static inline struct bus *sample_bus(void)
{
	struct bus *b = bus_new();
	struct dev *d = dev_new(b->m, &dev_sample, "com1", &b->err);

	if (!d || dev_init(d, &b->err) || dev_map(d, 0, b->m->pio, 0x3f8, &b->err) ||
	    dev_map(d, 1, b->m->mmio, 0xfe000000, &b->err))
		bus_fail(b, "sample device");
	dev_connect(d, 0, bus_wire, b, 4);
	dev_connect(d, 1, bus_wire, b, 20);
	return b;
}

#endif
