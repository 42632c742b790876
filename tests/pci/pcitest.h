/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A board for PCI tests: the bus of devtest.h with a q35 host, and functions whose BARs
 * are properties. Messages and GSIs that leave the machine are remembered.
 */
#ifndef TESTS_PCI_PCITEST_H
#define TESTS_PCI_PCITEST_H

#include "hw/pci/pci.h"
#include "hw/pci/q35.h"
#include "tests/dev/devtest.h"
#include "util/bits.h"

/* A function with up to one BAR of each kind; a 4 KiB region (ports: 16 bytes) in each. */
struct tfn {
	struct dev dev;
	struct pci_fn pci;
	uint64_t io, mem32, mem64;	/* properties: sizes; 0: no such BAR */
	bool prefetch;
	uint32_t msix, msi, pin;
	uint32_t last_off, last_val;
	unsigned changed, released;	/* calls of bars_changed, and with all BARs gone */
	struct pci_type type;
};
enum { T_IO, T_MEM32, T_MEM64, T_TABLE, T_PBA, T_NR };
/* BARs: 0 ports, 1 32-bit memory (with the MSI-X table at 0x1000), 2 64-bit memory */
enum { T_TABLE_OFF = 0x1000, T_PBA_OFF = 0x1800 };

static inline struct tfn *tfn(struct dev *d) { return DEV_STATE(struct tfn, d); }

static inline uint64_t t_read(struct dev *d, uint64_t off, unsigned size, unsigned r)
{
	return 0xa0000000 + r * 0x1000000 + (unsigned)off;
}
static inline uint64_t t_read_io(struct dev *d, uint64_t off, unsigned size)
{
	return t_read(d, off, size, T_IO);
}
static inline uint64_t t_read32(struct dev *d, uint64_t off, unsigned size)
{
	return t_read(d, off, size, T_MEM32);
}
static inline uint64_t t_read64(struct dev *d, uint64_t off, unsigned size)
{
	return t_read(d, off, size, T_MEM64);
}
static inline void t_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	tfn(d)->last_off = (uint32_t)off;
	tfn(d)->last_val = (uint32_t)val;
}

static inline void t_bars_changed(struct pci_fn *f)
{
	struct tfn *t = container_of(f, struct tfn, pci);

	t->changed++;
	t->released += pci_bar_addr(f, 0) == UINT64_MAX && pci_bar_addr(f, 1) == UINT64_MAX &&
		       pci_bar_addr(f, 2) == UINT64_MAX;
}

static inline int t_init(struct dev *d, struct err *e)
{
	struct tfn *t = tfn(d);
	int rc;

	t->type = (struct pci_type){
		.vendor = 0x1234, .device = 0x5678, .subsystem_vendor = 0x9abc,
		.subsystem = 0xdef0, .class = 0xff0000, .intx_pin = (uint8_t)t->pin,
		.bars_changed = t_bars_changed,
	};
	rc = pci_init(&t->pci, d, &t->type, e);
	if (rc)
		return rc;
	if (t->io) {
		pci_set_bar(&t->pci, 0, t->io, PCI_BAR_IO);
		pci_bar_part(&t->pci, 0, T_IO, 0);
	}
	if (t->mem32) {
		pci_set_bar(&t->pci, 1, t->mem32, 0);
		pci_bar_part(&t->pci, 1, T_MEM32, 0);
	}
	if (t->mem64) {
		pci_set_bar(&t->pci, 2, t->mem64,
			    PCI_BAR_64 | (t->prefetch ? PCI_BAR_PREFETCH : 0));
		pci_bar_part(&t->pci, 2, T_MEM64, 0);
	}
	pci_add_pm(&t->pci);
	pci_add_express(&t->pci, true);
	if (t->msix)
		pci_add_msix(&t->pci, t->msix, 1, T_TABLE_OFF, T_TABLE, T_PBA_OFF, T_PBA);
	if (t->msi)
		pci_add_msi(&t->pci, t->msi);
	return 0;
}

static inline void t_reset(struct dev *d, enum reset_kind kind) { pci_reset(&tfn(d)->pci); }
static inline int t_loaded(struct dev *d, struct err *e) { return pci_loaded(&tfn(d)->pci, e); }
static inline void t_fini(struct dev *d) { pci_fini(&tfn(d)->pci); }

static const struct dev_type t_type = {
	.name = "tfn", .size = sizeof(struct tfn),
	.props = (const struct prop[]){
		PROP(struct tfn, io, PROP_SIZE, "", NULL),
		PROP(struct tfn, mem32, PROP_SIZE, "", NULL),
		PROP(struct tfn, mem64, PROP_SIZE, "", NULL),
		PROP(struct tfn, prefetch, PROP_BOOL, "", NULL),
		PROP(struct tfn, msix, PROP_U32, "", NULL),
		PROP(struct tfn, msi, PROP_U32, "", NULL),
		PROP(struct tfn, pin, PROP_U32, "", NULL), PROP_END },
	.regions = (const struct region[]){
		[T_IO] = { "io", 16, 1, 4, 0, t_read_io, t_write },
		[T_MEM32] = { "mem32", 0x1000, 1, 4, 0, t_read32, t_write },
		[T_MEM64] = { "mem64", 0x1000, 1, 4, 0, t_read64, t_write },
		[T_TABLE] = { "msix-table", 16 * PCI_MAX_MSIX, 4, 8, 0, pci_msix_table_read,
			      pci_msix_table_write },
		[T_PBA] = { "msix-pba", 8, 4, 8, 0, pci_msix_pba_read, NULL } },
	.nr_regions = T_NR,
	.state = (const struct field[]){
		PCI_FIELDS(struct tfn, pci),
		FIELD_SKIP(struct tfn, last_off, "test"), FIELD_SKIP(struct tfn, last_val, "test"),
		FIELD_SKIP(struct tfn, changed, "test"), FIELD_SKIP(struct tfn, released, "test"),
		FIELD_SKIP(struct tfn, type, "constant"), FIELD_END },
	.init = t_init, .reset = t_reset, .loaded = t_loaded, .fini = t_fini,
};

/* ---- the board ---- */

struct board {
	struct bus *b;
	struct machine *m;
	struct dev *host;
	struct pci_bus *root;
	unsigned nr_msi;
	uint64_t msi_addr[64];
	uint32_t msi_data[64];
	_Atomic uint32_t gsi;	/* levels */
	unsigned gsi_calls;
};

static inline int board_msi(void *opaque, uint64_t addr, uint32_t data)
{
	struct board *t = opaque;

	if (t->nr_msi < 64) {
		t->msi_addr[t->nr_msi] = addr;
		t->msi_data[t->nr_msi] = data;
	}
	t->nr_msi++;
	return 0;
}

static inline void board_gsi(void *opaque, unsigned gsi, int level)
{
	struct board *t = opaque;

	if (level)
		atomic_fetch_or(&t->gsi, 1u << gsi);
	else
		atomic_fetch_and(&t->gsi, ~(1u << gsi));
	t->gsi_calls++;
}

static inline struct dev *board_dev(struct board *t, const char *type)
{
	struct dev *d = bus_new_dev(t->b, type);

	if (dev_init(d, &t->b->err))
		bus_fail(t->b, type);
	return d;
}

static inline struct board board_new(void)
{
	struct board t = { .b = bus_new() };

	t.m = t.b->m;
	t.host = board_dev(&t, "q35-host");
	t.root = q35_host_bus(t.host);
	return t;
}
/* The board has come to rest at an address. */
static inline void board_listen(struct board *t)
{
	t->m->engine = (struct machine_engine){ .opaque = t, .msi = board_msi, .gsi = board_gsi };
}

/* A test function with properties "name=value name=value", plugged. */
static inline struct tfn *board_fn(struct board *t, struct pci_bus *bus, int devfn,
				   const char *props)
{
	struct dev *d = dev_new(t->m, &t_type, NULL, &t->b->err);
	char text[200], *save, *p;

	if (!d)
		bus_fail(t->b, "tfn");
	snprintf(text, sizeof(text), "%s", props);
	for (p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(p, '=');

		*eq = '\0';
		if (dev_set(d, p, eq + 1, &t->b->err))
			bus_fail(t->b, p);
	}
	if (dev_init(d, &t->b->err) || pci_plug(bus, &tfn(d)->pci, devfn, &t->b->err))
		bus_fail(t->b, d->id);
	dev_lock(d);
	t_reset(d, RESET_COLD);
	dev_unlock(d);
	return tfn(d);
}

static inline struct dev *board_port(struct board *t, struct pci_bus *bus, int devfn)
{
	struct dev *d = board_dev(t, "pcie-root-port");

	if (pci_plug(bus, pci_fn_of(d), devfn, &t->b->err))
		bus_fail(t->b, d->id);
	dev_lock(d);
	d->type->reset(d, RESET_COLD);
	dev_unlock(d);
	return d;
}

static inline uint32_t cfg_get(struct tfn *f, unsigned off, unsigned size)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint32_t)f->pci.cfg[off + i] << 8 * i;
	return v;
}
/* By the numbers of now: works for the root bus, and below once bridges are programmed. */
static inline void cfg_set(struct board *t, unsigned bus, unsigned devfn, unsigned off,
			   uint32_t val, unsigned size)
{
	pci_config_set(t->root, bus, devfn, off, val, size);
}

static inline uint64_t space_get(struct space *s, uint64_t at, unsigned size)
{
	uint64_t v;

	region_read(s, at, size, &v);
	return v;
}
static inline void port_out(struct board *t, unsigned port, unsigned size, uint32_t v)
{
	region_write(t->m->pio, port, size, v);
}
static inline uint32_t port_in(struct board *t, unsigned port, unsigned size)
{
	return (uint32_t)space_get(t->m->pio, port, size);
}

#endif
