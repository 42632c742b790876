/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC: a Q35-like chipset with PCI Express, ACPI, the ISA devices that firmware
 * and kernels still look for, and virtio devices in PCI slots. The same machine
 * whoever runs the processors and whoever is the home of the interrupt chips.
 *
 * Ports: 0x20 PIC, 0x40 PIT, 0x60 keyboard, 0x61, 0x70 RTC, 0x92, 0x2f8 and 0x3f8
 * serial, 0x402 debug console, 0x505 pvpanic, 0x510 fw_cfg, 0x600 power management,
 * 0xcf8 PCI.
 */
#include "hw/machine/pc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/acpi/tables.h"
#include "hw/block/ahci.h"
#include "hw/core/irqchip.h"
#include "hw/misc/cfi_flash.h"
#include "hw/misc/fw_cfg.h"
#include "hw/misc/vmgenid.h"
#include "hw/pci/q35.h"
#include "hw/rtc/mc146818.h"
#include "hw/timer/hpet.h"
#include "hw/virtio/virtio_pci.h"
#include "util/bits.h"

#define MIB UINT64_C(0x100000)
#define GIB UINT64_C(0x40000000)
#define RAM_MIN (16 * MIB)
#define MEM64_SIZE (64 * GIB)		/* for 64-bit BARs */
#define MEM64_MIN (32 * GIB)		/* lowest start: the same on machines of most sizes */
enum {
	ROM_MAX = 16 << 20, FLASH_MAX = 16 << 20, ROM_SHADOW = 128 << 10, ROM_SHADOW_END = 0x100000,
	IO_FIRST = 0x1000, IO_END = 0x10000,	/* PCI ports on direct boot */
	SMBIOS_TABLES = PC_SMBIOS + 0x40,
	LPC_SLOT = 31, SATA_FN = 2, VGA_SLOT = 30,
};

struct pc {
	struct dev *lpc, *host, *rtc, *fw_cfg;
	struct mem_block *rom;		/* BIOS image; NULL: none */
	struct acpi_tables acpi;
	struct smbios_tables smbios;
	bool described;			/* tables are built and in fw_cfg */
};

static struct pc *pc(const struct machine *m) { return m->priv; }

/* Lines may be shared with PCI's, which the LPC bridge routes to them. */
static void gsi_set(void *to, unsigned gsi, int level)
{
	struct machine *m = to;

	ich9_isa_irq(pc(m)->lpc, gsi, level);
}

/* Creates, sets a pointer property if there is one, initialises. */
static struct dev *add(struct machine *m, const char *type, const char *id, const char *prop,
		       void *ptr, struct err *e)
{
	struct dev *d = dev_new(m, dev_type_find(type), id, e);

	if (d && prop)
		dev_set_ptr(d, prop, ptr);
	if (!d || dev_init(d, e) < 0) {
		err_prefix(e, "%s", id);
		return NULL;
	}
	return d;
}

static int add_ram(struct machine *m, struct err *e)
{
	uint64_t size = m->cfg.ram_size, low = MIN(size, PC_LOW_MAX);
	unsigned bits = m->cfg.phys_bits;
	int rc;

	if (size < RAM_MIN)
		return err_set(e, EINVAL, "a PC needs %llu MiB of memory or more (-m)",
			       (unsigned long long)(RAM_MIN / MIB));
	if (bits && bits < 64 && size > low && PC_HIGH_BASE + size - low > UINT64_C(1) << bits)
		return err_set(e, EINVAL, "%llu GiB of memory do not fit into this CPU's %u "
			       "bits of physical address (-m; -cpu ...,phys-bits=)",
			       (unsigned long long)(size / GIB), bits);
	rc = mem_add(&m->mem, "ram-low", 0, PC_VGA, 0, e);
	if (!rc)
		rc = mem_add(&m->mem, "ram", PC_SHADOW, low - PC_SHADOW, 0, e);
	if (!rc && size > low)
		rc = mem_add(&m->mem, "ram-high", PC_HIGH_BASE, size - low, 0, e);
	return rc;
}

/* The image ends at 4 GiB; its end also lies below 1 MiB, where real mode finds it. */
static int add_rom(struct machine *m, struct err *e)
{
	uint64_t size = m->cfg.bios_size, room = align_up(size, MEM_PAGE_SIZE);
	int rc;

	if (!size)
		return 0;
	if (size > ROM_MAX || size & 0xffff)
		return err_set(e, EINVAL, "firmware of %llu bytes: a PC's has a multiple of "
			       "64 KiB, at most 16 MiB", (unsigned long long)size);
	rc = mem_add(&m->mem, "bios", PC_HIGH_BASE - room, room, MEM_ROM, e);
	if (rc)
		return rc;
	pc(m)->rom = mem_find(&m->mem, PC_HIGH_BASE - room);
	memcpy(pc(m)->rom->host, m->cfg.bios, size);
	return 0;
}

/* Chips first: see machine_reset(). */
static int add_chips(struct machine *m, struct err *e)
{
	struct dev *pic, *ioapic, *pit;
	char id[32];
	int rc;

	if (!(pic = add(m, "i8259", "pic", NULL, NULL, e)) ||
	    !(ioapic = add(m, "ioapic", "ioapic", NULL, NULL, e)) ||
	    !(pit = add(m, "i8254", "pit", NULL, NULL, e)))
		return -EINVAL;
	if ((rc = dev_map(pic, 0, m->pio, 0x20, e)) || (rc = dev_map(pic, 1, m->pio, 0xa0, e)) ||
	    (rc = dev_map(pic, 2, m->pio, 0x4d0, e)) ||
	    (rc = dev_map(ioapic, 0, m->mmio, PC_IOAPIC, e)) ||
	    (rc = dev_map(pit, 0, m->pio, 0x40, e)) || (rc = dev_map(pit, 1, m->pio, 0x61, e)))
		return rc;
	for (unsigned i = 0; i < m->cfg.nr_cpus; i++) {
		struct dev *d;

		snprintf(id, sizeof(id), "lapic%u", i);
		d = dev_new(m, dev_type_find("lapic"), id, e);
		if (!d)
			return -EINVAL;
		snprintf(id, sizeof(id), "%u", i);
		if (dev_set(d, "cpu", id, e) < 0 || dev_init(d, e) < 0)
			return err_prefix(e, "lapic%u", i);
		/* one page for all: the accessing CPU's own answers */
		if (!i && (rc = dev_map(d, 0, m->mmio, PC_LAPIC, e)))
			return rc;
	}
	return 0;
}

static int add_serial(struct machine *m, struct err *e)
{
	static const struct { uint16_t port; uint8_t gsi; } com[4] = {
		{ 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(com); i++) {
		struct dev *d;
		char id[16];
		int rc;

		if (i && !m->cfg.serial[i])
			continue;
		snprintf(id, sizeof(id), "serial%u", i);
		d = add(m, "uart16550a", id, "chardev", m->cfg.serial[i], e);
		if (!d)
			return -EINVAL;
		rc = dev_map(d, 1, m->pio, com[i].port, e);
		if (rc)
			return rc;
		dev_connect(d, 0, gsi_set, m, com[i].gsi);
	}
	return 0;
}

static void pit_off(void *to, unsigned pin, int level)
{
	irqchip_pit_legacy_off(to, level);
}

static int add_timers(struct machine *m, struct err *e)
{
	struct pc *p = pc(m);
	struct dev *hpet = NULL;
	int rc = 0;

	p->rtc = add(m, "mc146818", "rtc", NULL, NULL, e);
	if (!p->rtc || (rc = dev_map(p->rtc, 0, m->pio, 0x70, e)) ||
	    (rc = dev_map(p->rtc, 1, m->pio, 0x71, e)))
		return p->rtc ? rc : -EINVAL;
	mc146818_set_memory(p->rtc, MIN(m->cfg.ram_size, PC_LOW_MAX),
			    m->cfg.ram_size - MIN(m->cfg.ram_size, PC_LOW_MAX));
	mc146818_set(p->rtc, CMOS_CPUS, (uint8_t)(m->cfg.nr_cpus - 1));
	if (m->cfg.hpet_off) {
		dev_connect(p->rtc, 0, gsi_set, m, 8);
		return 0;
	}
	hpet = add(m, "hpet", "hpet", NULL, NULL, e);
	if (!hpet || (rc = dev_map(hpet, 0, m->mmio, PC_HPET, e)))
		return hpet ? rc : -EINVAL;
	for (unsigned i = 0; i < HPET_NR_GSI_LINES; i++)
		dev_connect(hpet, i, gsi_set, m, hpet_line_gsi(i));
	dev_connect(hpet, HPET_LINE_PIT_OFF, pit_off, m, 0);
	dev_connect(p->rtc, 0, hpet_rtc_line, hpet, 0);
	return 0;
}

static int add_isa(struct machine *m, struct err *e)
{
	const struct {
		const char *type, *id;
		unsigned region;
		uint16_t port;
		const char *prop;
		void *ptr;
		bool off;
	} parts[] = {
		{ "port92", "port92", 0, 0x92, NULL, NULL, false },
		{ "isa-debugcon", "debugcon", 0, 0x402, "chardev", m->cfg.debugcon,
		  !m->cfg.debugcon },
		{ "pvpanic", "pvpanic", 1, 0x505, NULL, NULL, false },
	};
	struct dev *kbd;
	int rc = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		struct dev *d;

		if (parts[i].off)
			continue;
		d = add(m, parts[i].type, parts[i].id, parts[i].prop, parts[i].ptr, e);
		rc = d ? dev_map(d, parts[i].region, m->pio, parts[i].port, e) : -EINVAL;
		if (rc)
			return rc;
	}
	if (m->cfg.i8042_off)
		return 0;
	kbd = add(m, "i8042", "i8042", NULL, NULL, e);
	if (!kbd || (rc = dev_map(kbd, 0, m->pio, 0x60, e)) ||
	    (rc = dev_map(kbd, 1, m->pio, 0x64, e)))
		return kbd ? rc : -EINVAL;
	dev_connect(kbd, 0, gsi_set, m, 1);
	dev_connect(kbd, 1, gsi_set, m, 12);
	return 0;
}

/* Two flash chips below 4 GiB: [0] (code) ends there, [1] (variables) lies right below it. */
static int add_flash(struct machine *m, struct err *e)
{
	uint64_t end = PC_HIGH_BASE;

	if (m->cfg.flash[0] && m->cfg.bios_size)
		return err_set(e, EINVAL, "-bios and a flash chip: one firmware is enough");
	if (m->cfg.flash[1] && !m->cfg.flash[0])
		return err_set(e, EINVAL, "if=pflash,unit=1 without unit 0");
	for (unsigned i = 0; i < ARRAY_SIZE(m->cfg.flash); i++) {
		struct dev *d;
		char id[16];
		int rc;

		if (!m->cfg.flash[i])
			continue;
		snprintf(id, sizeof(id), "flash%u", i);
		d = dev_new(m, dev_type_find("cfi-flash"), id, e);
		if (!d)
			return -EINVAL;
		cfi_flash_set_pc(d);
		dev_set_ptr(d, "block", m->cfg.flash[i]);
		rc = dev_init(d, e);
		if (rc)
			return err_prefix(e, "%s", id);
		if (cfi_flash_size(d) > end - (PC_HIGH_BASE - FLASH_MAX))
			return err_set(e, EINVAL, "%s: flash chips hold at most 16 MiB together",
				       id);
		end -= cfi_flash_size(d);
		rc = cfi_flash_map(d, end, e);
		if (rc)
			return err_prefix(e, "%s", id);
	}
	return 0;
}

static int add_pci(struct machine *m, struct err *e)
{
	struct pc *p = pc(m);

	p->host = add(m, "q35-host", "host", NULL, NULL, e);
	if (!p->host)
		return -EINVAL;
	m->pci = q35_host_bus(p->host);
	p->lpc = add(m, "ich9-lpc", "lpc", NULL, NULL, e);
	if (!p->lpc)
		return -EINVAL;
	return pci_plug(m->pci, pci_fn_of(p->lpc), PCI_DEVFN(LPC_SLOT, 0), e);
}

/* Only where a drive wants it: a guest spends time on every controller. */
static int add_sata(struct machine *m, struct err *e)
{
	struct dev *d = NULL;
	int rc;

	for (unsigned i = 0; i < ARRAY_SIZE(m->cfg.sata); i++) {
		if (!m->cfg.sata[i])
			continue;
		if (!d && !(d = dev_new(m, dev_type_find("ich9-ahci"), "sata", e)))
			return -EINVAL;
		ahci_set_drive(d, i, m->cfg.sata[i], m->cfg.sata_cdrom >> i & 1);
	}
	if (!d)
		return 0;
	rc = dev_init(d, e);
	return rc ? rc : pci_plug(m->pci, pci_fn_of(d), PCI_DEVFN(LPC_SLOT, SATA_FN), e);
}

static void gpe_set(void *m, unsigned bit, int level)
{
	if (level)
		ich9_gpe(pc(m)->lpc, bit);
}

static int add_vmgenid(struct machine *m, struct err *e)
{
	struct dev *d = add(m, "vmgenid", "vmgenid", NULL, NULL, e);

	if (!d)
		return -EINVAL;
	dev_connect(d, 0, gpe_set, m, VMGENID_GPE);
	return dev_map(d, 0, m->mmio, PC_VMGENID, e);
}

static int pc_init(struct machine *m, struct err *e)
{
	int rc;

	m->priv = calloc(1, sizeof(struct pc));
	m->pio = space_new("ports", 16);
	if (!m->priv || !m->pio)
		return err_errno(e, ENOMEM, "ports");
	if ((rc = add_ram(m, e)) || (rc = add_rom(m, e)) || (rc = add_chips(m, e)) ||
	    (rc = add_pci(m, e)) || (rc = add_timers(m, e)) || (rc = add_serial(m, e)) ||
	    (rc = add_isa(m, e)) || (rc = add_flash(m, e)) ||
	    (rc = add_sata(m, e)) || (rc = add_vmgenid(m, e)))
		return rc;
	pc(m)->fw_cfg = add(m, "fw-cfg", "fw-cfg", NULL, NULL, e);
	if (!pc(m)->fw_cfg)
		return -EINVAL;
	rc = dev_map(pc(m)->fw_cfg, 1, m->pio, FW_CFG_PORTS, e);
	return rc ? rc : dev_map(pc(m)->fw_cfg, 2, m->pio, FW_CFG_DMA_PORT, e);
}

/* ---- what firmware and guest are told ---- */

static uint64_t high_ram_end(const struct machine *m)
{
	return PC_HIGH_BASE + m->cfg.ram_size - MIN(m->cfg.ram_size, PC_LOW_MAX);
}

static struct pci_windows windows(const struct machine *m)
{
	uint64_t at = MAX(align_up(high_ram_end(m), GIB), MEM64_MIN), end = at + MEM64_SIZE;

	if (m->cfg.phys_bits && m->cfg.phys_bits < 64)
		end = MIN(end, UINT64_C(1) << m->cfg.phys_bits);
	if (end < at + GIB)		/* no room: all BARs go below 4 GiB */
		end = at = 0;
	return (struct pci_windows){
		.io = IO_FIRST, .io_end = IO_END, .mem32 = PC_PCI_MEM32,
		.mem32_end = PC_PCI_MEM32_END, .mem64 = at, .mem64_end = end,
	};
}

/* A bus, and all behind its bridges. */
static unsigned count_buses(const struct pci_bus *b)
{
	unsigned n = 1;

	for (unsigned i = 0; i < ARRAY_SIZE(b->fn); i++)
		n += b->fn[i] && b->fn[i]->h.secondary ? count_buses(b->fn[i]->h.secondary) : 0;
	return n;
}

static bool has_vga(const struct machine *m)
{
	for (const struct dev *d = m->devs; d; d = d->next)
		if (!strcmp(d->type->name, "VGA"))
			return true;
	return false;
}

static void add_root_ports(struct machine *m, struct acpi_config *c)
{
	for (unsigned slot = 1; slot < 32 && c->nr_root_ports < ARRAY_SIZE(c->root_port); slot++) {
		struct pci_fn *f = m->pci->fn[PCI_DEVFN(slot, 0)];

		if (f && (f->cfg[PCI_HEADER_TYPE] & 0x7f) == 1)
			c->root_port[c->nr_root_ports++].slot = (uint8_t)slot;
	}
	/*
	 * No more buses than there can be: Linux reads 32 vendor IDs on each that MCFG has,
	 * two exits an ID, which for 256 buses is more than the rest of its boot.
	 */
	c->nr_buses = count_buses(m->pci);
}

static int build_acpi(struct machine *m, struct err *e)
{
	struct pci_windows w = windows(m);
	struct acpi_config c = {
		.nr_cpus = m->cfg.nr_cpus,
		.ecam_base = Q35_ECAM_BASE, .ecam_size = Q35_ECAM_SIZE,
		.mem32 = w.mem32, .mem32_end = w.mem32_end,
		.mem64 = w.mem64, .mem64_end = w.mem64_end,
		.pm_base = ICH9_PMBASE, .sci = ICH9_SCI,
		.ioapic_base = PC_IOAPIC, .lapic_base = PC_LAPIC,
		.hpet_base = m->cfg.hpet_off ? 0 : PC_HPET,
		.ioapic_id = 0,
		.reset_port = ICH9_RESET_PORT, .reset_value = ICH9_RESET_VALUE,
		.i8042 = !m->cfg.i8042_off, .vga = has_vga(m), .pirq = q35_pirq,
	};

	if (m->cfg.acpi_off)
		return 0;
	add_root_ports(m, &c);
	return acpi_build(m, &c, &pc(m)->acpi, e);
}

static int build_smbios(struct machine *m, struct err *e)
{
	static const uint8_t zero[16];
	struct smbios_config c = {
		.sockets = MAX(m->cfg.sockets, 1u),
		.cores = m->cfg.cores ? m->cfg.cores : m->cfg.nr_cpus,
		.threads = MAX(m->cfg.threads, 1u),
		.ram_low = MIN(m->cfg.ram_size, PC_LOW_MAX),
		.ram_high = m->cfg.ram_size - MIN(m->cfg.ram_size, PC_LOW_MAX),
		.have_uuid = memcmp(m->cfg.uuid, zero, sizeof(zero)) != 0,
	};

	memcpy(c.uuid, m->cfg.uuid, sizeof(c.uuid));
	return smbios_build(&c, &pc(m)->smbios, e);
}

/* RAM as firmware's own map wants it: what it cannot learn elsewhere; 20 bytes an entry. */
static int fw_e820(struct machine *m, struct err *e)
{
	uint64_t high = high_ram_end(m) - PC_HIGH_BASE;
	const struct fw_cfg_e820 map[] = {
		{ 0, MIN(m->cfg.ram_size, PC_LOW_MAX), FW_CFG_E820_RAM },
		{ PC_HIGH_BASE, high, FW_CFG_E820_RAM },
	};

	return fw_cfg_add_e820(pc(m)->fw_cfg, map, high ? 2 : 1, e);
}

static int describe(struct machine *m, struct err *e)
{
	static const uint8_t irq0_override = 1;
	struct dev *fw = pc(m)->fw_cfg;
	uint8_t high[8];
	int rc;

	st_le64(high, MAX(windows(m).mem64, align_up(high_ram_end(m), GIB)));
	if ((rc = build_acpi(m, e)) || (rc = build_smbios(m, e)) ||
	    (rc = fw_e820(m, e)) ||
	    (rc = fw_cfg_add(fw, FW_CFG_IRQ0_OVERRIDE, &irq0_override, 1, e)) ||
	    (rc = fw_cfg_add_system_states(fw, false, false, e)) ||
	    (rc = fw_cfg_add_file(fw, "etc/reserved-memory-end", high, sizeof(high), e)) ||
	    (rc = smbios_to_fw_cfg(&pc(m)->smbios, fw, e)))
		return rc;
	return m->cfg.acpi_off ? 0 : acpi_to_fw_cfg(&pc(m)->acpi, fw, e);
}

/* The PIC line that firmware would choose: Q35 boards have 10 and 11 to share. */
static uint8_t pic_line(unsigned slot, unsigned pin)
{
	static const uint8_t line[8] = { 10, 10, 11, 11, 10, 10, 11, 11 };

	return line[q35_pirq(slot, pin)];
}

/* Firmware's part where there is none: PCI resources, power management, tables. */
static int direct_boot(struct machine *m, struct err *e)
{
	struct pci_windows w = windows(m);
	struct pc *p = pc(m);
	int rc;

	q35_host_direct_boot(p->host);
	ich9_direct_boot(p->lpc);
	/* The SCI and the lines that PCI shares are levels for the PIC, too. Not by the port: after
	 * a reset the chips may be an engine's, which takes over what the state says. */
	m->irqchip->pic[1].elcr = 1 << (9 - 8) | 1 << (10 - 8) | 1 << (11 - 8);
	rc = pci_assign(m->pci, &w, pic_line, e);
	if (!rc && !m->cfg.acpi_off)
		rc = acpi_place(&p->acpi, &m->mem, pc_low_end(m), PC_TABLES_SIZE, PC_RSDP, NULL, e);
	return rc ? rc : smbios_place(&p->smbios, &m->mem, PC_SMBIOS, SMBIOS_TABLES, e);
}

/* After power-on and every reset. */
static int pc_ready(struct machine *m, struct err *e)
{
	struct pc *p = pc(m);
	int rc;

	if (!p->described && (rc = describe(m, e)))
		return rc;
	p->described = true;
	if (p->rom) {
		uint64_t n = MIN(p->rom->size, (uint64_t)ROM_SHADOW);

		mem_write(&m->mem, ROM_SHADOW_END - n, p->rom->host + p->rom->size - n, n, true);
	}
	return m->cfg.direct_boot ? direct_boot(m, e) : 0;
}

/* virtio devices get a slot's transport; PCI functions, known after their init, go in as are. */
static int plug(struct machine *m, struct pci_bus *bus, struct dev *d, struct err *e)
{
	struct dev *slot;
	char id[40];
	int rc = dev_init(d, e);

	if (rc)
		return rc;
	if (pci_fn_of(d)) {
		/* A VGA has its own place: the others' are the same whether there is one. */
		int devfn = !strcmp(d->type->name, "VGA") && bus == m->pci ?
			    PCI_DEVFN(VGA_SLOT, 0) : -1;

		return pci_plug(bus, pci_fn_of(d), devfn < 0 || bus->fn[devfn] ? -1 : devfn, e);
	}
	snprintf(id, sizeof(id), "%.20s.pci", d->id);
	slot = add(m, "virtio-pci", id, NULL, NULL, e);
	if (!slot)
		return -EINVAL;
	rc = virtio_pci_attach(slot, d, e);
	return rc ? rc : pci_plug(bus, pci_fn_of(slot), -1, e);
}

static int pc_plug(struct machine *m, struct dev *d, struct err *e)
{
	return plug(m, m->pci, d, e);
}

static int pc_plug_below(struct machine *m, struct dev *d, struct dev *bridge, struct err *e)
{
	if (strcmp(bridge->type->name, "pcie-root-port"))
		return err_set(e, EINVAL, "bus=%s: is a %s, not a pcie-root-port", bridge->id,
			       bridge->type->name);
	return plug(m, root_port_bus(bridge), d, e);
}

static void pc_fini(struct machine *m)
{
	if (!pc(m))
		return;
	acpi_tables_free(&pc(m)->acpi);
	smbios_free(&pc(m)->smbios);
}

void pc_power_button(struct machine *m)
{
	ich9_power_button(pc(m)->lpc);
}

static int pc_build_fdt(struct machine *m, void *buf, size_t size, const char *cmdline,
			gpa_t initrd, uint64_t initrd_size, struct err *e)
{
	return err_set(e, ENOTSUP, "machine 'pc' has no device tree: it has ACPI");
}

const struct machine_type machine_pc = {
	.name = "pc",
	.isa = "x86_64",
	.help = "PC with PCI Express and ACPI (Q35-like)",
	.ram_base = 0,
	.init = pc_init,
	.build_fdt = pc_build_fdt,
	.plug = pc_plug,
	.plug_below = pc_plug_below,
	.ready = pc_ready,
	.fini = pc_fini,
};
