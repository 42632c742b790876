/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "VGA" and "bochs-display", PCI 1234:1111 (QEMU's docs/specs/standard-vga). BAR 0 is
 * the memory, which the guest has as memory; BAR 2 registers:
 *
 *	0x000	EDID
 *	0x400	VGA's ports 0x3c0 to 0x3df
 *	0x500	VBE registers, 16 bits each
 *	0x600	size of this block (8); 0x604 byte order of pixels (fixed: little)
 *
 * VGA also has the ports, the window at 0xa0000 and the option ROM; bochs-display has
 * none of them. Both follow the command register's I/O and memory bits.
 */
#include "hw/display/vga.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/machine.h"
#include "util/bits.h"
#include "util/log.h"

enum { R_MMIO, R_PORTS, R_DISPI, R_WINDOW, NR_REGIONS };
enum { MMIO_SIZE = 0x1000, MMIO_PORTS = 0x400, MMIO_DISPI = 0x500, MMIO_EXT = 0x600,
       NR_MMIO_PORTS = 0x20, MMIO_FIRST_PORT = 0x3c0 };
enum { DISPI_PORT_INDEX, DISPI_PORT_DATA, DISPI_PORT_DATA_HIGH, NR_DISPI_PORTS = 4 };
enum { VGAMEM_MIN = 1 << 20, VGAMEM_MAX = 256 << 20, ROM_MIN = 2048, ROM_MAX = 256 << 10 };

void vga_touch(struct vga *v, uint64_t off, uint64_t len)
{
	struct mem *m = &v->dev.machine->mem;
	uint64_t base = pci_bar_addr(&v->pci, 0);

	for (unsigned i = 0; i < m->nr; i++) {
		struct mem_block *b = &m->block[i];

		if (b->host != v->vram)
			continue;
		if (base != UINT64_MAX && mem_find(m, base + off) == b)
			mem_mark(m, base + off, len);
		else
			for (uint64_t p = off >> MEM_PAGE_BITS;
			     p <= (off + len - 1) >> MEM_PAGE_BITS; p++)
				mem_set_dirty(b, p);
		return;
	}
}

/* ---- regions ---- */

static uint64_t ports_read(struct dev *d, uint64_t off, unsigned size)
{
	return vga_port_read(vga_of(d), VGA_PORTS + (unsigned)off);
}

static void ports_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	vga_port_write(vga_of(d), VGA_PORTS + (unsigned)off, (uint8_t)val);
}

/*
 * Ports 0x1ce (index) and 0x1cf (data) are two bytes wide each. The dispatcher gives an access to
 * the data as two of a byte, since it is not aligned; at 0x1d0 the data is once more, aligned.
 */
static uint64_t dispi_port_read(struct dev *d, uint64_t off, unsigned size)
{
	struct vga *v = vga_of(d);

	switch (off) {
	case DISPI_PORT_INDEX: return v->dispi_index;
	case DISPI_PORT_DATA: return dispi_read(v, v->dispi_index) & 0xff;
	case DISPI_PORT_DATA_HIGH:
		return dispi_read(v, v->dispi_index) >> (size == 1 ? 8 : 0);
	default: return 0xff;
	}
}

static void dispi_port_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct vga *v = vga_of(d);

	switch (off) {
	case DISPI_PORT_INDEX: v->dispi_index = (uint16_t)val; break;
	case DISPI_PORT_DATA: v->dispi_low = (uint8_t)val; break;
	case DISPI_PORT_DATA_HIGH:
		if (size == 1)
			val = v->dispi_low | val << 8;
		dispi_write(v, v->dispi_index, (uint16_t)val);
		break;
	}
}

static uint64_t window_read(struct dev *d, uint64_t off, unsigned size)
{
	return vga_window_read(vga_of(d), (uint32_t)off);
}

static void window_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	vga_window_write(vga_of(d), (uint32_t)off, (uint8_t)val);
}

static uint64_t mmio_read(struct dev *d, uint64_t off, unsigned size)
{
	static const uint32_t ext[2] = { 8, 0x1e1e1e1e };
	struct vga *v = vga_of(d);
	uint8_t edid[EDID_SIZE];
	uint64_t val = 0;

	if (off + size <= EDID_SIZE) {
		edid_make(edid);
		for (unsigned i = 0; i < size; i++)
			val |= (uint64_t)edid[off + i] << 8 * i;
	} else if (off - MMIO_PORTS < NR_MMIO_PORTS) {
		for (unsigned i = 0; i < size; i++)
			val |= (uint64_t)vga_port_read(v, MMIO_FIRST_PORT +
						       (unsigned)(off - MMIO_PORTS) + i) << 8 * i;
	} else if (off - MMIO_DISPI < 2 * DISPI_NR) {
		val = dispi_read(v, (unsigned)(off - MMIO_DISPI) / 2) >> 8 * (off & 1);
	} else if (off - MMIO_EXT < sizeof(ext)) {
		val = ext[(off - MMIO_EXT) / 4] >> 8 * (off & 3);
	}
	return val;
}

static void mmio_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct vga *v = vga_of(d);

	if (off - MMIO_PORTS < NR_MMIO_PORTS)
		for (unsigned i = 0; i < size; i++)
			vga_port_write(v, MMIO_FIRST_PORT + (unsigned)(off - MMIO_PORTS) + i,
				       (uint8_t)(val >> 8 * i));
	else if (off - MMIO_DISPI < 2 * DISPI_NR && size == 2)
		dispi_write(v, (unsigned)(off - MMIO_DISPI) / 2, (uint16_t)val);
}

/* ---- PCI ---- */

static void decode_one(struct vga *v, unsigned region, struct space *s, uint64_t base, bool on)
{
	struct err e = { 0 };

	if (on && !v->dev.space[region]) {
		if (s && dev_map(&v->dev, region, s, base, &e))
			log_guest("%s: VGA's addresses are another device's: %s", v->dev.id,
				  e.msg);
	} else if (!on) {
		dev_unmap(&v->dev, region);
	}
}

/* VGA's own addresses; under the dev lock. */
static void decode(struct vga *v)
{
	struct machine *m = v->dev.machine;
	unsigned on = v->pci.cfg[PCI_COMMAND];

	if (!v->legacy || !v->pci.h.bus)
		return;
	decode_one(v, R_PORTS, m->pio, VGA_PORTS, on & PCI_COMMAND_IO);
	decode_one(v, R_DISPI, m->pio, DISPI_PORTS, on & PCI_COMMAND_IO);
	decode_one(v, R_WINDOW, m->mmio, VGA_WINDOW, on & PCI_COMMAND_MEMORY);
}

static void config_written(struct pci_fn *f, unsigned off, unsigned n)
{
	if (off <= PCI_COMMAND && off + n > PCI_COMMAND)
		decode(container_of(f, struct vga, pci));
}

static int init_rom(struct vga *v, struct err *e)
{
	uint64_t size = ROM_MIN;
	char name[24];
	int rc;

	if (!v->rom_image)
		return 0;
	while (size < v->rom_size || size < MEM_PAGE_SIZE)
		size *= 2;
	snprintf(name, sizeof(name), "%.18s.rom", v->dev.id);
	rc = mem_add_movable(&v->dev.machine->mem, name, size, MEM_ROM, &v->rom, e);
	if (rc)
		return rc;
	memcpy(v->rom, v->rom_image, v->rom_size);
	free(v->rom_image);
	v->rom_image = NULL;
	pci_set_bar(&v->pci, PCI_BAR_ROM, size, 0);
	pci_bar_memory(&v->pci, PCI_BAR_ROM, v->rom);
	return 0;
}

static int init(struct vga *v, const struct pci_type *t, struct err *e)
{
	uint64_t size = v->vgamem;
	char name[24];
	int rc;

	if (size < VGAMEM_MIN || size > VGAMEM_MAX || size & (size - 1))
		return err_set(e, EINVAL, "vgamem: 1M to 256M, a power of two");
	v->legacy = t->class == 0x030000;
	rc = pci_init(&v->pci, &v->dev, t, e);
	if (rc)
		return rc;
	snprintf(name, sizeof(name), "%.18s.vram", v->dev.id);
	rc = mem_add_movable(&v->dev.machine->mem, name, size, 0, &v->vram, e);
	if (!rc)
		rc = init_rom(v, e);
	if (rc)
		return rc;
	pci_set_bar(&v->pci, 0, size, PCI_BAR_PREFETCH);
	pci_bar_memory(&v->pci, 0, v->vram);
	pci_set_bar(&v->pci, 2, MMIO_SIZE, 0);
	pci_bar_part(&v->pci, 2, R_MMIO, 0);
	dispi_reset(v);		/* who is plugged in late is not reset before the start */
	return 0;
}

static int vga_init(struct dev *d, struct err *e)
{
	static const struct pci_type type = {
		.vendor = 0x1234, .device = 0x1111, .subsystem_vendor = 0x1af4,
		.subsystem = 0x1100, .class = 0x030000, .revision = 2,
		.config_written = config_written,
	};

	return init(vga_of(d), &type, e);
}

static int bochs_init(struct dev *d, struct err *e)
{
	static const struct pci_type type = {
		.vendor = 0x1234, .device = 0x1111, .subsystem_vendor = 0x1af4,
		.subsystem = 0x1100, .class = 0x038000, .revision = 2,
	};

	return init(vga_of(d), &type, e);
}

int vga_set_rom(struct dev *d, const void *rom, size_t size, struct err *e)
{
	struct vga *v = vga_of(d);

	if (d->type->init != vga_init && d->type->init != bochs_init)
		return err_set(e, EINVAL, "%s has no option ROM", d->id);
	if (size < 512 || size > ROM_MAX)
		return err_set(e, EINVAL, "%s: no option ROM of %zu bytes can be here", d->id,
			       size);
	free(v->rom_image);
	v->rom_image = malloc(size);
	if (!v->rom_image)
		return err_errno(e, ENOMEM, "%s", d->id);
	memcpy(v->rom_image, rom, size);
	v->rom_size = size;
	return 0;
}

static void vga_reset(struct dev *d, enum reset_kind kind)
{
	struct vga *v = vga_of(d);

	pci_reset(&v->pci);
	decode(v);
	dispi_reset(v);
}

static int vga_loaded(struct dev *d, struct err *e)
{
	struct vga *v = vga_of(d);
	int rc = pci_loaded(&v->pci, e);

	if (rc)
		return rc;
	decode(v);
	if (vga_ports_check(v))
		return err_set(e, EINVAL, "registers of a VGA hold what they cannot");
	return dispi_check(v, e);
}

static void vga_fini(struct dev *d)
{
	pci_fini(&vga_of(d)->pci);
	free(vga_of(d)->rom_image);
}

static const struct prop props[] = {
	PROP(struct vga, vgamem, PROP_SIZE, "memory: 1M to 256M", "16M"), PROP_END
};

static const struct region regions[NR_REGIONS] = {
	[R_MMIO] = { "registers", MMIO_SIZE, 1, 2, 0, mmio_read, mmio_write },
	[R_PORTS] = { "vga-ports", VGA_NR_PORTS, 1, 1, 0, ports_read, ports_write },
	[R_DISPI] = { "vbe-ports", NR_DISPI_PORTS, 1, 2, 0, dispi_port_read, dispi_port_write },
	/* pictures take many writes, and ports, which are not collected, see them all */
	[R_WINDOW] = { "vga-window", VGA_WINDOW_SIZE, 1, 1, REGION_COALESCE, window_read,
		       window_write },
};

static const struct field fields[] = {
	PCI_FIELDS(struct vga, pci),
	FIELD(struct vga, misc), FIELD(struct vga, feature),
	FIELD(struct vga, sr_index), FIELD(struct vga, gr_index), FIELD(struct vga, cr_index),
	FIELD(struct vga, ar_index), FIELD(struct vga, ar_data),
	FIELD_BLOB(struct vga, sr), FIELD_BLOB(struct vga, gr), FIELD_BLOB(struct vga, cr),
	FIELD_BLOB(struct vga, ar), FIELD_BLOB(struct vga, dac), FIELD_BLOB(struct vga, dac_latch),
	FIELD(struct vga, dac_mask), FIELD(struct vga, dac_state), FIELD(struct vga, dac_read),
	FIELD(struct vga, dac_write), FIELD(struct vga, dac_sub), FIELD(struct vga, latch),
	FIELD_ARRAY(struct vga, dispi), FIELD(struct vga, dispi_index),
	FIELD(struct vga, dispi_low),
	FIELD_SKIP(struct vga, vram, "the machine's memory, saved as such"),
	FIELD_SKIP(struct vga, rom, "the machine's memory, constant"),
	FIELD_SKIP(struct vga, rom_image, "until init"),
	FIELD_SKIP(struct vga, rom_size, "until init"),
	FIELD_SKIP(struct vga, legacy, "by the type"),
	FIELD_END
};

const struct dev_type dev_vga = {
	.name = "VGA",
	.help = "display: VGA and Bochs VBE extensions, PCI",
	.size = sizeof(struct vga),
	.props = props,
	.regions = regions,
	.nr_regions = NR_REGIONS,
	.state = fields,
	.init = vga_init,
	.reset = vga_reset,
	.loaded = vga_loaded,
	.fini = vga_fini,
};

const struct dev_type dev_bochs_display = {
	.name = "bochs-display",
	.help = "display: Bochs VBE extensions only, PCI",
	.size = sizeof(struct vga),
	.props = props,
	.regions = regions,
	.nr_regions = NR_REGIONS,
	.state = fields,
	.init = bochs_init,
	.reset = vga_reset,
	.loaded = vga_loaded,
	.fini = vga_fini,
};
