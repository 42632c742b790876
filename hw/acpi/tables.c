/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The static tables (ACPI 6.4, chapter 5), and the commands that place them all. */
#include "hw/acpi/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/acpi/aml_internal.h"
#include "hw/acpi/dsdt.h"
#include "hw/acpi/loader.h"
#include "hw/misc/fw_cfg.h"
#include "util/bits.h"

#define TABLES_FILE "etc/acpi/tables"
#define RSDP_FILE   "etc/acpi/rsdp"
#define LOADER_FILE "etc/table-loader"

enum { HEADER = 36, CHECKSUM = 9, MAX_TABLES = 8 };
enum { GAS_MEMORY, GAS_IO };

struct build {
	const struct acpi_config *c;
	struct machine *m;
	struct aml out, script;		/* bytes of the tables, commands */
	size_t start;			/* of the table being written */
	size_t table[MAX_TABLES];	/* those that RSDT and XSDT name */
	unsigned nr_tables;
};

static void put_le(struct build *b, uint64_t v, unsigned n)
{
	uint8_t raw[8];

	st_le64(raw, v);
	aml_raw(&b->out, raw, n);
}

static void align_out(struct build *b, size_t to)
{
	static const uint8_t none[64];

	aml_raw(&b->out, none, (size_t)align_up(b->out.len, to) - b->out.len);
}

/* 5.2.6. The length is patched, the sum left to the loader. */
static void table_begin(struct build *b, const char *sig, unsigned revision)
{
	uint8_t h[HEADER] = { 0 };

	align_out(b, 16);
	b->start = b->out.len;
	memcpy(h, sig, 4);
	h[8] = (uint8_t)revision;
	memcpy(h + 10, "AMBI  AMBI PC ", 14);
	st_le32(h + 24, 1);
	memcpy(h + 28, "AMBI", 4);
	st_le32(h + 32, 1);
	aml_raw(&b->out, h, sizeof(h));
}

static void table_end(struct build *b)
{
	size_t len = b->out.len - b->start;

	if (b->out.error)
		return;
	st_le32(b->out.buf + b->start + 4, (uint32_t)len);
	loader_add_checksum(&b->script, TABLES_FILE, b->start, len, b->start + CHECKSUM);
}

static void table_list(struct build *b)
{
	if (b->nr_tables == MAX_TABLES)
		abort();
	b->table[b->nr_tables++] = b->start;
}

/* A pointer field of the tables, at off, to a place in them. */
static void set_pointer(struct build *b, uint8_t *field, size_t off, unsigned size, size_t to)
{
	uint8_t raw[8];

	st_le64(raw, to);
	memcpy(field, raw, size);
	loader_add_pointer(&b->script, TABLES_FILE, off, size, TABLES_FILE);
}

/* Generic address (5.2.3.2); access: 1 byte, 2 word, 3 dword. */
static void set_gas(uint8_t *to, unsigned space, unsigned bits, unsigned access, uint64_t addr)
{
	to[0] = (uint8_t)space;
	to[1] = (uint8_t)bits;
	to[2] = 0;
	to[3] = (uint8_t)access;
	st_le64(to + 4, addr);
}

/* 5.2.10: 64-byte aligned, no checksum. */
static size_t write_facs(struct build *b)
{
	uint8_t t[64] = "FACS";
	size_t at;

	align_out(b, 64);
	at = b->out.len;
	st_le32(t + 4, sizeof(t));
	t[32] = 2;
	aml_raw(&b->out, t, sizeof(t));
	return at;
}

static size_t write_dsdt(struct build *b)
{
	table_begin(b, "DSDT", 2);	/* 2: integers of 64 bits */
	dsdt_write(&b->out, b->m, b->c);
	table_end(b);
	return b->start;
}

/* Register blocks: 32-bit field, extended field, offset in the PM block, bits, access size. */
static const struct { uint16_t at, x; uint8_t off, bits, access; } pm_blocks[] = {
	{ 56, 148, 0x00, 32, 2 },	/* PM1a events */
	{ 64, 172, 0x04, 16, 2 },	/* PM1a control */
	{ 76, 208, 0x08, 32, 3 },	/* timer */
	{ 80, 220, 0x20, 128, 1 },	/* GPE0 */
};

/* 5.2.9. No SMI command: ACPI mode is always on. */
static void write_fadt(struct build *b, size_t facs, size_t dsdt)
{
	enum { WBINVD = 1 << 0, PROC_C1 = 1 << 2, SLP_BUTTON = 1 << 5, FIX_RTC = 1 << 6,
	       RESET_REG_SUP = 1 << 10, USE_PLATFORM_CLOCK = 1 << 15 };
	enum { BOOT_LEGACY = 1 << 0, BOOT_8042 = 1 << 1, BOOT_NO_VGA = 1 << 2 };
	uint8_t f[276] = { 0 };		/* with the place of the header */
	size_t at;

	table_begin(b, "FACP", 6);
	at = b->start;
	set_pointer(b, f + 36, at + 36, 4, facs);
	set_pointer(b, f + 40, at + 40, 4, dsdt);
	set_pointer(b, f + 140, at + 140, 8, dsdt);	/* X_DSDT */
	f[45] = 0;				/* preferred profile: unspecified */
	st_le16(f + 46, b->c->sci);
	for (unsigned i = 0; i < ARRAY_SIZE(pm_blocks); i++) {
		uint16_t port = (uint16_t)(b->c->pm_base + pm_blocks[i].off);

		st_le32(f + pm_blocks[i].at, port);
		set_gas(f + pm_blocks[i].x, GAS_IO, pm_blocks[i].bits, pm_blocks[i].access, port);
	}
	f[88] = 4;				/* bytes of PM1 events, control, timer, GPE0 */
	f[89] = 2;
	f[91] = 4;
	f[92] = 16;
	st_le16(f + 96, 0xfff);			/* latencies that mean: no C2, no C3 */
	st_le16(f + 98, 0xfff);
	f[108] = 0x32;				/* century, in CMOS */
	st_le16(f + 109, BOOT_LEGACY | (b->c->vga ? 0 : BOOT_NO_VGA) |
		(b->c->i8042 ? BOOT_8042 : 0));
	/* A fixed power button (bit 4 clear), no fixed sleep button; a timer of 24 bits. */
	st_le32(f + 112, WBINVD | PROC_C1 | SLP_BUTTON | FIX_RTC | RESET_REG_SUP |
		USE_PLATFORM_CLOCK);
	set_gas(f + 116, GAS_IO, 8, 1, b->c->reset_port);
	f[128] = b->c->reset_value;
	f[131] = 4;				/* minor revision: 6.4 */
	memcpy(f + 268, "AMBI\0\0\0\0", 8);	/* hypervisor vendor */
	aml_raw(&b->out, f + HEADER, sizeof(f) - HEADER);
	table_end(b);
	table_list(b);
}

static void write_madt_cpus(struct build *b)
{
	for (unsigned i = 0; i < b->c->nr_cpus; i++) {
		if (i < 255) {			/* 5.2.12.2 */
			aml_raw(&b->out, (const uint8_t[]){ 0, 8, (uint8_t)i, (uint8_t)i }, 4);
			put_le(b, 1, 4);
		} else {			/* 5.2.12.12 */
			aml_raw(&b->out, (const uint8_t[]){ 9, 16, 0, 0 }, 4);
			put_le(b, i, 4);
			put_le(b, 1, 4);
			put_le(b, i, 4);
		}
	}
}

static void put_override(struct build *b, unsigned irq, unsigned gsi, unsigned flags)
{
	aml_raw(&b->out, (const uint8_t[]){ 2, 10, 0, (uint8_t)irq }, 4);
	put_le(b, gsi, 4);
	put_le(b, flags, 2);
}

static void write_madt(struct build *b)
{
	enum { HIGH_LEVEL = 0x0d };	/* polarity 1: high, trigger 3: level (MPS INTI flags) */

	table_begin(b, "APIC", 5);
	put_le(b, b->c->lapic_base, 4);
	put_le(b, 1, 4);		/* 8259s are there, too */
	write_madt_cpus(b);
	aml_raw(&b->out, (const uint8_t[]){ 1, 12, b->c->ioapic_id, 0 }, 4);
	put_le(b, b->c->ioapic_base, 4);
	put_le(b, 0, 4);
	put_override(b, 0, 2, 0);	/* the PIT; edge and high as on ISA */
	put_override(b, b->c->sci, b->c->sci, HIGH_LEVEL);
	/* NMI: LINT1 of every processor. */
	aml_raw(&b->out, (const uint8_t[]){ 4, 6, 0xff, 0, 0, 1 }, 6);
	if (b->c->nr_cpus > 255) {
		aml_raw(&b->out, (const uint8_t[]){ 10, 12, 0, 0 }, 4);
		put_le(b, UINT32_MAX, 4);
		put_le(b, 1, 4);
	}
	table_end(b);
	table_list(b);
}

/* PCI Firmware 3.2, 4.1.2 */
static void write_mcfg(struct build *b)
{
	table_begin(b, "MCFG", 1);
	put_le(b, 0, 8);
	put_le(b, b->c->ecam_base, 8);
	put_le(b, 0, 2);		/* segment */
	put_le(b, 0, 1);		/* buses */
	put_le(b, acpi_nr_buses(b->c) - 1, 1);
	put_le(b, 0, 4);
	table_end(b);
	table_list(b);
}

/* IA-PC HPET 1.0a, 3.2.4 */
static void write_hpet(struct build *b)
{
	uint8_t gas[12];

	table_begin(b, "HPET", 1);
	/* As the capability register's low half: Intel, legacy routes, 64 bits, 3 timers. */
	put_le(b, 0x8086a201, 4);
	set_gas(gas, GAS_MEMORY, 64, 0, b->c->hpet_base);
	aml_raw(&b->out, gas, sizeof(gas));
	put_le(b, 0, 1);		/* number */
	put_le(b, 0x80, 2);		/* least ticks of a periodic timer */
	put_le(b, 0, 1);
	table_end(b);
	table_list(b);
}

/* Windows ACPI Emulated Devices: one read of the RTC or the PM timer is enough. */
static void write_waet(struct build *b)
{
	table_begin(b, "WAET", 1);
	put_le(b, 3, 4);
	table_end(b);
	table_list(b);
}

/* RSDT (pointers of 4 bytes) or XSDT (of 8). */
static size_t write_root(struct build *b, const char *sig, unsigned size)
{
	table_begin(b, sig, 1);
	for (unsigned i = 0; i < b->nr_tables; i++) {
		uint8_t raw[8];

		set_pointer(b, raw, b->out.len, size, b->table[i]);
		aml_raw(&b->out, raw, size);
	}
	table_end(b);
	return b->start;
}

/* 5.2.5.3 */
static void write_rsdp(struct build *b, uint8_t rsdp[36], size_t rsdt, size_t xsdt)
{
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "AMBI  ", 6);
	rsdp[15] = 2;
	st_le32(rsdp + 16, (uint32_t)rsdt);
	st_le32(rsdp + 20, 36);
	st_le64(rsdp + 24, xsdt);
	loader_add_pointer(&b->script, RSDP_FILE, 16, 4, TABLES_FILE);
	loader_add_pointer(&b->script, RSDP_FILE, 24, 8, TABLES_FILE);
	loader_add_checksum(&b->script, RSDP_FILE, 0, 20, 8);
	loader_add_checksum(&b->script, RSDP_FILE, 0, 36, 32);
}

static int check_config(const struct acpi_config *c, struct err *e)
{
	if (!c->nr_cpus || c->nr_cpus > 4096)
		return err_set(e, EINVAL, "%u processors", c->nr_cpus);
	if (c->nr_root_ports > ARRAY_SIZE(c->root_port))
		return err_set(e, EINVAL, "%u root ports", c->nr_root_ports);
	if (!c->pirq)
		return err_set(e, EINVAL, "no PCI interrupt routing");
	if (!c->ecam_size || c->ecam_size & 0xfffff || c->ecam_size >> 20 > 256 ||
	    c->ecam_base & 0xfffff || c->ecam_base + c->ecam_size < c->ecam_base)
		return err_set(e, EINVAL, "ECAM of %#llx bytes at %#llx",
			       (unsigned long long)c->ecam_size, (unsigned long long)c->ecam_base);
	if (c->nr_buses > c->ecam_size >> 20)
		return err_set(e, EINVAL, "%u PCI buses", c->nr_buses);
	if (c->mem32_end > UINT64_C(1) << 32 || c->mem32 > c->mem32_end || c->mem64 > c->mem64_end)
		return err_set(e, EINVAL, "PCI windows");
	if (c->pm_base > 0xff80 || (c->ioapic_base | c->lapic_base | c->hpet_base) > UINT32_MAX)
		return err_set(e, EINVAL, "addresses of chips");
	return 0;
}

int acpi_build(struct machine *m, const struct acpi_config *c, struct acpi_tables *out,
	       struct err *e)
{
	struct build b = { .c = c, .m = m };
	size_t facs, dsdt, rsdt, xsdt;
	int rc;

	memset(out, 0, sizeof(*out));
	if (check_config(c, e))
		return err_prefix(e, "ACPI");
	out->rsdp.data = calloc(1, 36);
	if (!out->rsdp.data)
		return err_errno(e, ENOMEM, "ACPI");
	out->rsdp.size = 36;
	aml_start(&b.out);
	aml_start(&b.script);
	loader_allocate(&b.script, TABLES_FILE, 64, LOADER_HIGH);
	loader_allocate(&b.script, RSDP_FILE, 16, LOADER_FSEG);
	facs = write_facs(&b);
	dsdt = write_dsdt(&b);
	write_fadt(&b, facs, dsdt);
	write_madt(&b);
	write_mcfg(&b);
	if (c->hpet_base)
		write_hpet(&b);
	write_waet(&b);
	rsdt = write_root(&b, "RSDT", 4);
	xsdt = write_root(&b, "XSDT", 8);
	write_rsdp(&b, out->rsdp.data, rsdt, xsdt);
	rc = aml_finish(&b.out, e);
	if (!rc)
		rc = aml_finish(&b.script, e);
	out->tables = (struct acpi_blob){ b.out.buf, b.out.len };
	out->loader = (struct acpi_blob){ b.script.buf, b.script.len };
	if (rc) {
		acpi_tables_free(out);
		err_prefix(e, "ACPI");
	}
	return rc;
}

void acpi_tables_free(struct acpi_tables *t)
{
	free(t->tables.data);
	free(t->rsdp.data);
	free(t->loader.data);
	memset(t, 0, sizeof(*t));
}

int acpi_to_fw_cfg(const struct acpi_tables *t, struct dev *fw_cfg, struct err *e)
{
	int rc = fw_cfg_add_file(fw_cfg, TABLES_FILE, t->tables.data, t->tables.size, e);

	if (!rc)
		rc = fw_cfg_add_file(fw_cfg, RSDP_FILE, t->rsdp.data, t->rsdp.size, e);
	if (!rc)
		rc = fw_cfg_add_file(fw_cfg, LOADER_FILE, t->loader.data, t->loader.size, e);
	return rc;
}

static int place_files(struct loader_file f[2], struct mem *mem, struct err *e)
{
	for (unsigned i = 0; i < 2; i++)
		if (f[i].placed && mem_write(mem, f[i].addr, f[i].data, f[i].size, true))
			return err_set(e, EFAULT, "no memory at %#llx for %s",
				       (unsigned long long)f[i].addr, f[i].name);
	return 0;
}

int acpi_place(const struct acpi_tables *t, struct mem *mem, gpa_t at, uint64_t room,
	       gpa_t rsdp_at, gpa_t *end, struct err *e)
{
	struct loader_file f[2] = {
		{ .name = TABLES_FILE, .size = t->tables.size },
		{ .name = RSDP_FILE, .size = t->rsdp.size },
	};
	struct loader_room zone[3] = {
		[LOADER_HIGH] = { at, at + room },
		[LOADER_FSEG] = { rsdp_at, rsdp_at + MEM_PAGE_SIZE },
	};
	int rc;

	if (at + room < at || rsdp_at + MEM_PAGE_SIZE < rsdp_at)
		return err_set(e, EINVAL, "ACPI: place out of range");
	f[0].data = malloc(f[0].size + 1);
	f[1].data = malloc(f[1].size + 1);
	if (f[0].data && f[1].data) {
		memcpy(f[0].data, t->tables.data, f[0].size);
		memcpy(f[1].data, t->rsdp.data, f[1].size);
		rc = loader_run(t->loader.data, t->loader.size, f, 2, zone, e);
		if (!rc)
			rc = place_files(f, mem, e);
		if (rc)
			err_prefix(e, "ACPI");
		else if (end)
			*end = zone[LOADER_HIGH].next;
	} else {
		rc = err_errno(e, ENOMEM, "ACPI");
	}
	free(f[0].data);
	free(f[1].data);
	return rc;
}
