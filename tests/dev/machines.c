/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine types as a whole: maps, wires, device trees, odd configurations. */
#include <errno.h>
#include <libfdt.h>

#include "tests/dev/devtest.h"
#include "hw/machine/pc.h"
#include "hw/pci/pci.h"
#include "io/char/char.h"
#include "util/bits.h"

static struct cpu_port ports[256];
static struct err e;
static int gsi_level[16];

static void gsi(void *opaque, unsigned n, int level) { gsi_level[n] = level; }

static struct machine_config riscv_config(void)
{
	return (struct machine_config){
		.ram_size = 128 << 20, .nr_cpus = 2, .timebase_hz = 10000000,
		.isa_string = "rv64imafdc_zicbom_zicboz_zicsr_zifencei_sstc",
		.mmu_type = "riscv,sv57", .s_mode_boot = true, .sstc = true,
		.have_rng_seed = true,
	};
}

static struct machine *make(const char *isa, const char *name, const struct machine_config *c)
{
	struct machine *m = machine_new(machine_type_find(isa, name), c, &e);

	if (!m) {
		CHECK(m, "%s", e.msg);
		exit(1);
	}
	for (unsigned i = 0; i < c->nr_cpus; i++) {
		ports[i] = (struct cpu_port){ .index = i };
		m->ports[i] = &ports[i];
	}
	m->engine.gsi = gsi;
	CHECK(machine_init(m, &e) == 0, "%s", e.msg);
	return m;
}

static uint32_t cell(const void *t, const char *path, const char *prop, unsigned i)
{
	int len = 0;
	const fdt32_t *p = fdt_getprop(t, fdt_path_offset(t, path), prop, &len);

	CHECK(p && len >= (int)(4 * (i + 1)), "%s %s[%u]", path, prop, i);
	return p && len >= (int)(4 * (i + 1)) ? fdt32_to_cpu(p[i]) : 0;
}

static const char *string(const void *t, const char *path, const char *prop)
{
	const char *s = fdt_getprop(t, fdt_path_offset(t, path), prop, NULL);

	CHECK(s, "%s %s", path, prop);
	return s ? s : "";
}

static bool has(const void *t, const char *path) { return fdt_path_offset(t, path) >= 0; }

/* Every node with a `reg` in /soc is where the device really is. */
static void check_regs(struct machine *m, const void *t)
{
	int soc = fdt_path_offset(t, "/soc"), node;
	unsigned n = 0;

	fdt_for_each_subnode(node, t, soc) {
		const fdt32_t *r = fdt_getprop(t, node, "reg", NULL);
		const struct mapping *map;

		if (!r)
			continue;
		n++;
		map = space_find(m->mmio, (uint64_t)fdt32_to_cpu(r[0]) << 32 | fdt32_to_cpu(r[1]));
		CHECK(map && map->base == fdt32_to_cpu(r[1]), "%s", fdt_get_name(t, node, NULL));
	}
	CHECK(n >= 8, "%u nodes", n);
}

static void test_virt_tree(bool s_mode)
{
	struct machine_config c = riscv_config();
	char *t = malloc(65536);
	struct machine *m;
	int n;

	c.s_mode_boot = s_mode;
	m = make("riscv64", "virt", &c);
	n = m->type->build_fdt(m, t, 65536, "root=/dev/vda", 0x84000000, 0x1234, &e);
	CHECK(n > 0 && !fdt_check_full(t, (size_t)n), "%s", e.msg);
	check_regs(m, t);
	CHECK_EQ(cell(t, "/memory@80000000", "reg", 3), 128 << 20);
	CHECK(!strcmp(string(t, "/chosen", "bootargs"), "root=/dev/vda"), "bootargs");
	CHECK(has(t, string(t, "/chosen", "stdout-path")), "stdout-path names a node");
	CHECK_EQ(cell(t, "/chosen", "linux,initrd-start", 1), 0x84000000);
	CHECK_EQ(cell(t, "/chosen", "linux,initrd-end", 1), 0x84001234);
	CHECK(fdt_getprop(t, fdt_path_offset(t, "/chosen"), "rng-seed", &n) && n == 32, "%d", n);
	CHECK_EQ(cell(t, "/cpus", "timebase-frequency", 0), 10000000);
	CHECK(!strcmp(string(t, "/cpus/cpu@1", "riscv,isa"), c.isa_string), "isa");
	CHECK(!strcmp(string(t, "/cpus/cpu@1", "mmu-type"), "riscv,sv57"), "mmu-type");
	n = fdt_path_offset(t, "/cpus/cpu@0");
	CHECK_EQ(fdt_stringlist_count(t, n, "riscv,isa-extensions"), 11);
	CHECK_EQ(fdt_stringlist_search(t, n, "riscv,isa-extensions", "sstc"), 10);
	CHECK_EQ(cell(t, "/cpus/cpu@0", "riscv,cboz-block-size", 0), 64);
	CHECK_EQ(cell(t, "/soc/plic@c000000", "riscv,ndev", 0), 95);
	CHECK_EQ(cell(t, "/soc/plic@c000000", "interrupts-extended", 1), s_mode ? 0xffffffff : 11);
	CHECK_EQ(cell(t, "/soc/plic@c000000", "interrupts-extended", 7), 9);
	CHECK_EQ(cell(t, "/soc/plic@c000000", "interrupts-extended", 6),
		 cell(t, "/cpus/cpu@1/interrupt-controller", "phandle", 0));
	CHECK_EQ(cell(t, "/soc", "interrupt-parent", 0),
		 cell(t, "/soc/plic@c000000", "phandle", 0));
	CHECK_EQ(cell(t, "/soc/serial@10000000", "interrupts", 0), 10);
	CHECK_EQ(cell(t, "/soc/rtc@101000", "interrupts", 0), 11);
	CHECK_EQ(cell(t, "/soc/poweroff", "regmap", 0), cell(t, "/soc/test@100000", "phandle", 0));
	CHECK_EQ(cell(t, "/soc/reboot", "value", 0), 0x7777);
	CHECK(has(t, "/soc/fw-cfg@10100000") && has(t, "/soc/flash@20000000") &&
	      has(t, "/soc/flash@22000000"), "nodes");
	CHECK(has(t, "/soc/clint@2000000") == !s_mode, "the CLINT is firmware's");
	CHECK((space_find(m->mmio, 0x2000000) != NULL) == !s_mode, "and mapped for it");
	CHECK_EQ(m->type->build_fdt(m, t, 1000, "", 0, 0, &e), -ENOSPC);
	machine_free(m);
	free(t);
}

static void test_virt_wires(void)
{
	struct machine_config c = riscv_config();
	uint64_t v;
	struct machine *m;

	c.serial[0] = chardev_new("ring", &e);
	m = make("riscv64", "virt", &c);
	clock_run(m->clock);
	/* UART's transmit interrupt: source 10, to hart 1 in S-mode. */
	region_write(m->mmio, 0xc000000 + 4 * 10, 4, 1);
	region_write(m->mmio, 0xc002000 + 0x80 * 3, 4, 1 << 10);
	CHECK_EQ(ports[1].lines, 0);
	region_write(m->mmio, 0x10000001, 1, 2);
	CHECK_EQ(ports[1].lines, 1 << 9);
	region_read(m->mmio, 0xc201004 + 0x2000, 4, &v);
	CHECK_EQ(v, 10);
	machine_reset(m, RESET_WARM);
	CHECK_EQ(ports[1].lines, 0);
	CHECK_EQ(region_read(m->mmio, 0x30000000, 4, &v), -ENXIO);
	machine_free(m);
	chardev_free(c.serial[0]);
}

static void test_virt_slots(void)
{
	struct machine_config c = riscv_config();
	struct machine *m = make("riscv64", "virt", &c);
	char *t = malloc(65536);
	struct dev *d;
	uint64_t v;

	for (unsigned i = 0; i < 8; i++) {
		CHECK_EQ(region_read(m->mmio, 0x10001000 + 0x1000 * i, 4, &v), -ENXIO);
		d = dev_new(m, dev_type_find("virtio-rng"), NULL, &e);
		CHECK(m->type->plug(m, d, &e) == 0, "%s", e.msg);
		region_read(m->mmio, 0x10001000 + 0x1000 * i, 4, &v);
		CHECK_EQ(v, 0x74726976);
		region_read(m->mmio, 0x10001008 + 0x1000 * i, 4, &v);
		CHECK_EQ(v, 4);
	}
	d = dev_new(m, dev_type_find("virtio-rng"), NULL, &e);
	CHECK_EQ(m->type->plug(m, d, &e), -ENOSPC);
	CHECK(m->type->build_fdt(m, t, 65536, NULL, 0, 0, &e) > 0, "%s", e.msg);
	CHECK_EQ(cell(t, "/soc/virtio_mmio@10008000", "interrupts", 0), 8);
	check_regs(m, t);
	machine_reset(m, RESET_WARM);
	machine_free(m);
	free(t);

	m = make("riscv64", "virt", &c);
	d = dev_new(m, dev_type_find("test-mmio"), NULL, &e);
	CHECK_EQ(m->type->plug(m, d, &e), -EINVAL);	/* not a virtio device */
	machine_free(m);
}

static void test_virt_limits(void)
{
	struct machine_config c = riscv_config();
	char *t = malloc(1 << 20);
	struct machine *m;

	c.nr_cpus = 256;
	c.s_mode_boot = false;
	m = make("riscv64", "virt", &c);
	CHECK(m->type->build_fdt(m, t, 1 << 20, NULL, 0, 0, &e) > 0, "%s", e.msg);
	CHECK_EQ(cell(t, "/cpus/cpu@ff/interrupt-controller", "phandle", 0), 0x10ff);
	machine_free(m);
	c.nr_cpus = 257;
	CHECK(!machine_new(machine_type_find("riscv64", "virt"), &c, &e), "too many");
	c.nr_cpus = 0;
	CHECK(!machine_new(machine_type_find("riscv64", "virt"), &c, &e), "too few");
	c = riscv_config();
	c.ram_size = 12345;
	m = machine_new(machine_type_find("riscv64", "virt"), &c, &e);
	CHECK_EQ(machine_init(m, &e), -EINVAL);
	CHECK(strstr(e.msg, "machine 'virt'"), "%s", e.msg);
	machine_free(m);
	free(t);
}

static void test_testpc(void)
{
	struct machine_config c = { .ram_size = 2 << 20, .nr_cpus = 1 };
	struct machine *m = make("x86_64", "testpc", &c);
	uint64_t v;

	CHECK_EQ(region_write(m->pio, 0x3f9, 1, 2), 0);		/* IER: THRE */
	CHECK_EQ(gsi_level[4], 1);
	CHECK_EQ(region_read(m->pio, 0x3fa, 1, &v), 0);
	CHECK_EQ(v, 2);
	CHECK_EQ(gsi_level[4], 0);
	CHECK_EQ(region_read(m->pio, 0x505, 1, &v), 0);
	CHECK_EQ(v, 7);
	CHECK_EQ(region_write(m->mmio, 0xd0000018, 4, 1), 0);
	CHECK_EQ(gsi_level[5], 1);
	CHECK_EQ(region_read(m->pio, 0x10000, 1, &v), -ENXIO);
	CHECK(space_find(m->mmio, 0xd0001000)->region->flags & REGION_DOORBELL, "doorbell");
	CHECK_EQ(m->type->build_fdt(m, NULL, 0, "", 0, 0, &e), -ENOTSUP);
	machine_free(m);
	c.ram_size = UINT64_C(4) << 30;
	m = machine_new(machine_type_find("x86_64", "testpc"), &c, &e);
	CHECK_EQ(machine_init(m, &e), -EINVAL);
	machine_free(m);
}

static struct dev *new_dev(struct machine *m, const char *type, const char *id)
{
	struct dev *d = dev_new(m, dev_type_find(type), id, &e);

	if (!d) {
		CHECK(d, "%s", e.msg);
		exit(1);
	}
	return d;
}

/* As -device does it: a device that is not initialised yet. */
static void test_pc_plug(void)
{
	struct machine_config c = { .ram_size = 32 << 20, .nr_cpus = 1 };
	struct machine *m = make("x86_64", "pc", &c);
	struct dev *port = new_dev(m, "pcie-root-port", "rp0"), *rng, *below;

	CHECK(m->type->plug(m, port, &e) == 0, "%s", e.msg);
	rng = new_dev(m, "virtio-rng", "rng0");
	CHECK(m->type->plug(m, rng, &e) == 0, "%s", e.msg);
	CHECK_EQ(m->type->plug_below(m, new_dev(m, "virtio-rng", "x"), rng, &e), -EINVAL);
	below = new_dev(m, "virtio-rng", "rng1");
	CHECK(m->type->plug_below(m, below, port, &e) == 0, "%s", e.msg);
	CHECK_EQ(m->type->plug_below(m, new_dev(m, "virtio-rng", "y"), port, &e), -ENOSPC);
	CHECK_EQ(m->type->plug(m, new_dev(m, "test-mmio", "z"), &e), -EINVAL);
	CHECK(m->pci->fn[PCI_DEVFN(1, 0)] && m->pci->fn[PCI_DEVFN(1, 0)]->h.secondary, "port");
	CHECK(m->pci->fn[PCI_DEVFN(2, 0)], "virtio-rng");
	machine_free(m);
}

/* A table that direct boot has placed. */
static const uint8_t *acpi_table(struct machine *m, const char *sig)
{
	const uint8_t *rsdp = mem_ptr(&m->mem, PC_RSDP, 36), *xsdt, *t;

	xsdt = mem_ptr(&m->mem, ld_le64(rsdp + 24), 4096);
	for (unsigned i = 36; i < ld_le32(xsdt + 4); i += 8) {
		t = mem_ptr(&m->mem, ld_le64(xsdt + i), 36);
		if (!memcmp(t, sig, 4))
			return t;
	}
	CHECK(false, "no %s", sig);
	exit(1);
}

/* What ACPI says of the devices: buses behind buses, a VGA or none. */
static void test_pc_tables(void)
{
	struct machine_config c = { .ram_size = 32 << 20, .nr_cpus = 1, .direct_boot = true };

	for (unsigned vga = 0; vga < 2; vga++) {
		struct machine *m = make("x86_64", "pc", &c);
		struct dev *one = new_dev(m, "pcie-root-port", "one"),
			   *two = new_dev(m, "pcie-root-port", "two");

		CHECK_EQ(m->type->plug(m, one, &e), 0);
		CHECK_EQ(m->type->plug_below(m, two, one, &e), 0);
		CHECK_EQ(m->type->plug_below(m, new_dev(m, "virtio-rng", "rng"), two, &e), 0);
		if (vga)
			CHECK_EQ(m->type->plug(m, new_dev(m, "VGA", "vga"), &e), 0);
		CHECK(m->type->ready(m, &e) == 0, "%s", e.msg);
		CHECK(pci_find(m->pci, 2, 0), "the device is on bus 2");
		CHECK_EQ(acpi_table(m, "MCFG")[55], 2);
		CHECK_EQ(ld_le16(acpi_table(m, "FACP") + 109) & 4, vga ? 0 : 4);
		machine_free(m);
	}
}

int main(void)
{
	test_virt_tree(true);
	test_virt_tree(false);
	test_virt_wires();
	test_virt_slots();
	test_virt_limits();
	test_testpc();
	test_pc_plug();
	test_pc_tables();
	CHECK(!machine_type_find("riscv64", "no-such"), "unknown machine");
	return check_done();
}
