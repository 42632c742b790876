/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's DSDT: processors, the host bridge with its windows, PCI interrupt routing for
 * PICs (through link devices, which are the LPC bridge's PIRQ registers) and for the
 * IOAPIC (GSI 16 + PIRQ), soft-off, and the devices behind the LPC bridge.
 *
 * Root ports have no _PRT: a guest then swizzles the pin and asks the bus above (PCI
 * Firmware 3.2, 4.3; PCI-to-PCI bridge 1.2, 9.1).
 */
#include "hw/acpi/dsdt.h"

#include "hw/pci/q35.h"
#include "util/bits.h"

#define NR_PIRQS 8
#define LPC_SLOT 31

/* ---- host bridge ---- */

static void write_mem_windows(struct aml *a, const struct acpi_config *c)
{
	uint64_t first = c->mem32, ecam_end = c->ecam_base + c->ecam_size;

	/* ECAM may lie inside; it is no window. */
	if (c->ecam_size && c->ecam_base < c->mem32_end && ecam_end > first) {
		if (c->ecam_base > first)
			aml_res_window(a, 32, AML_RANGE_MEM, first, c->ecam_base - 1);
		first = ecam_end;
	}
	if (c->mem32_end > first)
		aml_res_window(a, 32, AML_RANGE_MEM, first, c->mem32_end - 1);
	if (c->mem64_end > c->mem64)
		aml_res_window(a, 64, AML_RANGE_MEM, c->mem64, c->mem64_end - 1);
}

static void write_host_crs(struct aml *a, const struct acpi_config *c)
{
	aml_name(a, "_CRS");
	aml_template(a);
	aml_res_window(a, 16, AML_RANGE_BUS, 0, acpi_nr_buses(c) - 1);
	aml_res_io(a, 0xcf8, 8);
	aml_res_window(a, 16, AML_RANGE_IO, 0, 0xcf7);
	aml_res_window(a, 16, AML_RANGE_IO, 0xd00, 0xffff);
	write_mem_windows(a, c);
	aml_end(a);
}

/*
 * PCI Firmware 3.2, 4.5.1. The guest may take what root ports have: native hotplug, PME, AER and
 * the capability structure, but no SHPC (bit 1).
 */
static void write_osc(struct aml *a)
{
	enum { GRANTED = 0x1d, BAD_UUID = 4, BAD_REVISION = 8, MASKED = 0x10 };

	aml_method(a, "_OSC", 4, true);
	aml_op(a, AML_CREATE_DWORD_FIELD), aml_arg(a, 3), aml_int(a, 0), aml_ref(a, "CDW1");
	aml_if(a);
	aml_op(a, AML_LEQUAL), aml_arg(a, 0);
	aml_uuid(a, "33db4d5b-1ff7-401c-9657-7441c03dd766");
	aml_op(a, AML_CREATE_DWORD_FIELD), aml_arg(a, 3), aml_int(a, 8), aml_ref(a, "CDW3");
	aml_op(a, AML_AND), aml_ref(a, "CDW3"), aml_int(a, GRANTED), aml_local(a, 0);
	aml_if(a);
	aml_op(a, AML_LNOT), aml_op(a, AML_LEQUAL), aml_arg(a, 1), aml_int(a, 1);
	aml_op(a, AML_OR), aml_ref(a, "CDW1"), aml_int(a, BAD_REVISION), aml_ref(a, "CDW1");
	aml_end(a);
	aml_if(a);
	aml_op(a, AML_LNOT), aml_op(a, AML_LEQUAL), aml_ref(a, "CDW3"), aml_local(a, 0);
	aml_op(a, AML_OR), aml_ref(a, "CDW1"), aml_int(a, MASKED), aml_ref(a, "CDW1");
	aml_end(a);
	aml_op(a, AML_STORE), aml_local(a, 0), aml_ref(a, "CDW3");
	aml_end(a);
	aml_else(a);
	aml_op(a, AML_OR), aml_ref(a, "CDW1"), aml_int(a, BAD_UUID), aml_ref(a, "CDW1");
	aml_end(a);
	aml_op(a, AML_RETURN), aml_arg(a, 3);
	aml_end(a);
}

/* ---- interrupt routing ---- */

static void write_prt_table(struct aml *a, const struct acpi_config *c, const char *name,
			    bool apic)
{
	/* A package has at most 255 elements: 32 slots of four pins fit. */
	aml_name(a, "%s", name);
	aml_package(a, 32 * 4);
	for (unsigned slot = 0; slot < 32; slot++) {
		for (unsigned pin = 0; pin < 4; pin++) {
			unsigned pirq = c->pirq(slot, pin) & (NR_PIRQS - 1);
			char link[] = "\\_SB.LNKA";

			link[sizeof(link) - 2] = (char)('A' + pirq);
			aml_package(a, 4);
			aml_int(a, (uint64_t)slot << 16 | 0xffff);	/* any function */
			aml_int(a, pin);
			if (apic)
				aml_int(a, 0);
			else
				aml_ref(a, link);
			aml_int(a, apic ? 16 + pirq : 0);
			aml_end(a);
		}
	}
	aml_end(a);
}

static void write_prt(struct aml *a, const struct acpi_config *c)
{
	write_prt_table(a, c, "PRTP", false);
	write_prt_table(a, c, "PRTA", true);
	aml_method(a, "_PRT", 0, false);
	aml_if(a);
	aml_ref(a, "\\PICF");
	aml_op(a, AML_RETURN), aml_ref(a, "PRTA");
	aml_end(a);
	aml_op(a, AML_RETURN), aml_ref(a, "PRTP");
	aml_end(a);
}

/* A PIRQ register (316972, 13.1.9): bits 3:0 are the PIC's input, bit 7 routes to none. */
static void write_link(struct aml *a, unsigned n)
{
	static const uint32_t possible[] = { 5, 10, 11 };
	char reg[] = "\\_SB.PCI0.ISA.PRQA";

	reg[sizeof(reg) - 2] = (char)('A' + n);
	aml_device(a, "LNK%c", 'A' + n);
	aml_id(a, "_HID", "PNP0C0F");
	aml_name_int(a, "_UID", n);
	aml_name(a, "_PRS");
	aml_template(a);
	aml_res_gsi(a, possible, ARRAY_SIZE(possible), AML_SHARED);
	aml_end(a);
	aml_method(a, "_STA", 0, false);
	aml_if(a);
	aml_op(a, AML_AND), aml_ref(a, reg), aml_int(a, 0x80), aml_op(a, AML_NO_TARGET);
	aml_return_int(a, 0x09);
	aml_end(a);
	aml_return_int(a, 0x0b);
	aml_end(a);
	aml_method(a, "_DIS", 0, false);
	aml_op(a, AML_OR), aml_ref(a, reg), aml_int(a, 0x80), aml_ref(a, reg);
	aml_end(a);
	aml_method(a, "_CRS", 0, false);
	aml_op(a, AML_RETURN), aml_ref(a, "IQCR"), aml_ref(a, reg);
	aml_end(a);
	/* The interrupt's number is at byte 5 of the descriptor. */
	aml_method(a, "_SRS", 1, true);
	aml_op(a, AML_CREATE_DWORD_FIELD), aml_arg(a, 0), aml_int(a, 5), aml_ref(a, "PRRI");
	aml_op(a, AML_STORE), aml_ref(a, "PRRI"), aml_ref(a, reg);
	aml_end(a);
	aml_end(a);
}

/* IQCR(register): the _CRS of a link. */
static void write_link_crs(struct aml *a)
{
	aml_method(a, "IQCR", 1, true);
	aml_op(a, AML_STORE);
	aml_template(a);
	aml_res_gsi(a, (const uint32_t[]){ 0 }, 1, AML_SHARED);
	aml_end(a);
	aml_local(a, 0);
	aml_op(a, AML_CREATE_DWORD_FIELD), aml_local(a, 0), aml_int(a, 5), aml_ref(a, "PRRI");
	aml_if(a);
	aml_op(a, AML_LLESS), aml_arg(a, 0), aml_int(a, 0x80);
	aml_op(a, AML_STORE), aml_arg(a, 0), aml_ref(a, "PRRI");
	aml_end(a);
	aml_op(a, AML_RETURN), aml_local(a, 0);
	aml_end(a);
}

/* ---- devices ---- */

static void write_lpc(struct aml *a, struct machine *m)
{
	aml_device(a, "ISA");
	aml_name_int(a, "_ADR", LPC_SLOT << 16);
	aml_region(a, "PIRR", AML_PCI_CONFIG, 0x60, 0x0c);
	aml_field(a, "PIRR", AML_ACC_BYTE);
	for (unsigned i = 0; i < NR_PIRQS; i++) {
		char reg[] = { 'P', 'R', 'Q', (char)('A' + i), 0 };

		if (i == 4)		/* 0x64 to 0x67 are others */
			aml_field_unit(a, NULL, 32);
		aml_field_unit(a, reg, 8);
	}
	aml_end(a);
	for (struct dev *d = m->devs; d; d = d->next)
		if (d->type->describe_acpi)
			d->type->describe_acpi(d, a);
	aml_end(a);
}

static void write_host_bridge(struct aml *a, struct machine *m, const struct acpi_config *c)
{
	aml_device(a, "PCI0");
	aml_id(a, "_HID", "PNP0A08");
	aml_id(a, "_CID", "PNP0A03");
	aml_name_int(a, "_UID", 0);
	aml_name_int(a, "_BBN", 0);
	aml_name_int(a, "_SEG", 0);
	write_host_crs(a, c);
	write_osc(a);
	write_prt(a, c);
	for (unsigned i = 0; i < c->nr_root_ports; i++) {
		aml_device(a, "RP%02u", i);
		aml_name_int(a, "_ADR", (uint64_t)c->root_port[i].slot << 16);
		aml_end(a);
	}
	write_lpc(a, m);
	aml_end(a);
}

/* What the board decodes and no PCI function claims. Guests want ECAM to be reserved (PCI
 * Firmware 3.2, 4.1.2). */
static void write_board(struct aml *a, const struct acpi_config *c)
{
	uint64_t ecam_last = c->ecam_base + c->ecam_size - 1;

	aml_device(a, "BORD");
	aml_id(a, "_HID", "PNP0C02");
	aml_name_int(a, "_UID", 0);
	aml_name(a, "_CRS");
	aml_template(a);
	if (c->ecam_size && ecam_last <= UINT32_MAX)
		aml_res_mem32(a, (uint32_t)c->ecam_base, (uint32_t)c->ecam_size, true);
	else if (c->ecam_size)
		aml_res_window(a, 64, AML_RANGE_MEM, c->ecam_base, ecam_last);
	aml_res_io(a, c->pm_base, 0x80);
	aml_res_io(a, 0xb2, 2);
	aml_end(a);
	aml_end(a);
}

static void write_hpet(struct aml *a, const struct acpi_config *c)
{
	aml_device(a, "HPET");
	aml_id(a, "_HID", "PNP0103");
	aml_name_int(a, "_UID", 0);
	aml_name(a, "_CRS");
	aml_template(a);
	aml_res_mem32(a, (uint32_t)c->hpet_base, 0x400, false);
	aml_end(a);
	aml_end(a);
}

void dsdt_write(struct aml *a, struct machine *m, const struct acpi_config *c)
{
	aml_name_int(a, "PICF", 0);
	aml_method(a, "_PIC", 1, false);
	aml_op(a, AML_STORE), aml_arg(a, 0), aml_ref(a, "PICF");
	aml_end(a);
	aml_name(a, "_S5");
	aml_package(a, 4);
	aml_int(a, ICH9_SLP_TYP_S5), aml_int(a, 0), aml_int(a, 0), aml_int(a, 0);
	aml_end(a);
	aml_scope(a, "\\_SB");
	for (unsigned i = 0; i < c->nr_cpus; i++) {
		aml_device(a, "C%03X", i);
		aml_id(a, "_HID", "ACPI0007");
		aml_name_int(a, "_UID", i);
		aml_end(a);
	}
	/* Before the _PRT that names them: old guests resolve a package's names as they come. */
	write_link_crs(a);
	for (unsigned i = 0; i < NR_PIRQS; i++)
		write_link(a, i);
	write_host_bridge(a, m, c);
	write_board(a, c);
	if (c->hpet_base)
		write_hpet(a, c);
	aml_end(a);
}
