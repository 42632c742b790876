/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The riscv64 `virt` board: the memory map and device tree that OpenSBI, U-Boot,
 * EDK2 and distribution kernels are built for. Wiring only.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/intc/plic.h"
#include "hw/machine/riscv_fdt.h"
#include "hw/virtio/virtio_mmio.h"
#include "util/bits.h"

#define VIRT_TEST    0x00100000u
#define VIRT_RTC     0x00101000u
#define VIRT_CLINT   0x02000000u
#define VIRT_SSWI    0x02f00000u
#define VIRT_PLIC    0x0c000000u
#define VIRT_UART    0x10000000u
#define VIRT_VIRTIO  0x10001000u	/* slots of 4 KiB */
#define VIRT_FW_CFG  0x10100000u
#define VIRT_PVPANIC 0x10101000u
#define VIRT_VMGENID 0x10102000u
#define VIRT_FLASH   0x20000000u
#define FLASH_BANK   0x02000000u
#define VIRT_DRAM    UINT64_C(0x80000000)

#define VIRTIO_SLOTS 8
enum { IRQ_VIRTIO = 1, IRQ_UART = 10, IRQ_RTC = 11, IRQ_VMGENID = 12 };	/* PLIC sources */

/* One device: region 0 at base, its line (0: none) to the PLIC, one pointer property or none. */
static int add(struct machine *m, const char *type, const char *id, uint64_t base, unsigned irq,
	       const char *prop, void *ptr, struct err *e)
{
	struct dev *d = dev_new(m, dev_type_find(type), id, e);
	int rc;

	if (!d)
		return err_prefix(e, "%s", id);
	if (prop)
		dev_set_ptr(d, prop, ptr);
	rc = dev_init(d, e);
	if (!rc)
		rc = dev_map(d, 0, m->mmio, base, e);
	if (!rc && irq)
		dev_connect(d, 0, plic_set_source, machine_dev(m, "plic"), irq);
	return rc;
}

static int virt_init(struct machine *m, struct err *e)
{
	struct machine_config *c = &m->cfg;
	const struct {
		const char *type, *id;
		uint64_t base;
		unsigned irq;
		const char *prop;
		void *ptr;
	} parts[] = {
		/* The interrupt controller first: see machine_reset(). */
		{ "sifive-plic", "plic", VIRT_PLIC, 0, NULL, NULL },
		{ "sifive-test", "test", VIRT_TEST, 0, NULL, NULL },
		{ "goldfish-rtc", "rtc", VIRT_RTC, IRQ_RTC, NULL, NULL },
		{ "uart16550a", "serial0", VIRT_UART, IRQ_UART, "chardev", c->serial[0] },
		{ "fw-cfg", "fw-cfg", VIRT_FW_CFG, 0, NULL, NULL },
		{ "pvpanic", "pvpanic", VIRT_PVPANIC, 0, NULL, NULL },
		{ "vmgenid", "vmgenid", VIRT_VMGENID, IRQ_VMGENID, NULL, NULL },
		{ "cfi-flash", "flash0", VIRT_FLASH, 0, "block", c->flash[0] },
		{ "cfi-flash", "flash1", VIRT_FLASH + FLASH_BANK, 0, "block", c->flash[1] },
	};
	int rc;

	if (!c->isa_string || !c->timebase_hz)
		return err_set(e, EINVAL, "no ISA string or no timebase");
	rc = mem_add(&m->mem, "ram", VIRT_DRAM, c->ram_size, 0, e);
	for (unsigned i = 0; !rc && i < ARRAY_SIZE(parts); i++)
		rc = add(m, parts[i].type, parts[i].id, parts[i].base, parts[i].irq,
			 parts[i].prop, parts[i].ptr, e);
	if (rc || c->s_mode_boot)
		return rc;
	/* Only M-mode firmware uses the core-local interruptor; an SBI stands in for it. */
	rc = add(m, "riscv-aclint", "aclint", VIRT_CLINT, 0, NULL, NULL, e);
	return rc ? rc : dev_map(machine_dev(m, "aclint"), 1, m->mmio, VIRT_SSWI, e);
}

static void virt_chosen(struct fdt *f, struct machine *m, const char *cmdline, gpa_t initrd,
			uint64_t initrd_size)
{
	char path[48];

	fdt_node(f, "chosen");
	if (cmdline && *cmdline)
		fdt_prop_str(f, "bootargs", cmdline);
	snprintf(path, sizeof(path), "/soc/serial@%x", VIRT_UART);
	fdt_prop_str(f, "stdout-path", path);
	if (initrd_size) {
		fdt_prop_u64(f, "linux,initrd-start", initrd);
		fdt_prop_u64(f, "linux,initrd-end", initrd + initrd_size);
	}
	if (m->cfg.have_rng_seed)
		fdt_prop(f, "rng-seed", m->cfg.rng_seed, sizeof(m->cfg.rng_seed));
	fdt_node_end(f);
}

static int virt_build_fdt(struct machine *m, void *buf, size_t size, const char *cmdline,
			  gpa_t initrd, uint64_t initrd_size, struct err *e)
{
	char path[48];
	struct fdt f;

	fdt_start_tree(&f, buf, size);
	fdt_prop_u32(&f, "#address-cells", 2);
	fdt_prop_u32(&f, "#size-cells", 2);
	fdt_prop_str(&f, "compatible", "riscv-virtio");
	fdt_prop_str(&f, "model", "ambi,virt");
	virt_chosen(&f, m, cmdline, initrd, initrd_size);
	fdt_node(&f, "aliases");
	snprintf(path, sizeof(path), "/soc/serial@%x", VIRT_UART);
	fdt_prop_str(&f, "serial0", path);
	fdt_node_end(&f);
	for (unsigned i = 0; i < m->mem.nr; i++) {
		fdt_node_at(&f, "memory", m->mem.block[i].base);
		fdt_prop_str(&f, "device_type", "memory");
		fdt_prop_reg(&f, m->mem.block[i].base, m->mem.block[i].size);
		fdt_node_end(&f);
	}
	riscv_fdt_cpus(&f, m);
	fdt_node(&f, "soc");
	fdt_prop_u32(&f, "#address-cells", 2);
	fdt_prop_u32(&f, "#size-cells", 2);
	fdt_prop_str(&f, "compatible", "simple-bus");
	fdt_prop_u32(&f, "interrupt-parent", FDT_PHANDLE_INTC);
	fdt_prop_empty(&f, "ranges");
	for (struct dev *d = m->devs; d; d = d->next)
		if (d->type->describe_fdt)
			d->type->describe_fdt(d, &f);
	fdt_node_end(&f);
	return fdt_finish_tree(&f, e);
}

static int virt_plug(struct machine *m, struct dev *d, struct err *e)
{
	for (unsigned i = 0; i < VIRTIO_SLOTS; i++) {
		uint64_t base = VIRT_VIRTIO + 0x1000 * i;
		struct dev *slot;
		int rc;

		if (space_find(m->mmio, base))
			continue;
		rc = d->ready ? 0 : dev_init(d, e);
		if (rc)
			return rc;
		slot = dev_new(m, dev_type_find("virtio-mmio"), NULL, e);
		if (!slot)
			return -ENOMEM;
		rc = dev_init(slot, e);
		if (!rc)
			rc = virtio_mmio_attach(slot, d, e);
		if (!rc)
			rc = virtio_mmio_place(slot, m->mmio, base, e);
		if (rc)
			dev_free(slot);
		else
			dev_connect(slot, 0, plic_set_source, machine_dev(m, "plic"),
				    IRQ_VIRTIO + i);
		return rc;
	}
	return err_set(e, ENOSPC, "%s: all %d virtio slots of machine 'virt' are taken", d->id,
		       VIRTIO_SLOTS);
}

const struct machine_type machine_virt_riscv = {
	.name = "virt",
	.isa = "riscv64",
	.help = "RISC-V board with virtio devices",
	.ram_base = VIRT_DRAM,
	.init = virt_init,
	.build_fdt = virt_build_fdt,
	.plug = virt_plug,
};
