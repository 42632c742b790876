/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI Express functions (PCI Local Bus 3.0, PCI Express Base 3.0): configuration
 * space, base address registers, INTx, MSI and MSI-X. A device embeds struct pci_fn
 * in its state (composition, field table pci_fn_fields) and plugs it into a bus.
 *
 * Configuration space is bytes with two masks: what the guest may write, and what a
 * written 1 clears. Reads come from the bytes; a device's hook runs after a write.
 * Locking: configuration accesses, BAR changes and resets run under the function's
 * dev lock; pci_msix_send and pci_set_intx may be called with any lock but another
 * device's. Order: dev lock, a function's irq_lock, the root bus's lock, chips.
 *
 * A BAR is decoded while it is set, the command register says so and the function is
 * plugged; windows of the bridges above it are not looked at. Where RAM is, RAM
 * answers. A BAR may be memory itself (pci_bar_memory); mem_move follows the register.
 * A BAR that would overlap another region is left out (said once), and tried again when
 * something has moved.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/core/dev.h"
#include "hw/core/state.h"

/* The expansion ROM's register is the last BAR, of a type 0 function. */
enum { PCI_CONFIG_SIZE = 4096, PCI_NR_BARS = 7, PCI_BAR_ROM = 6, PCI_MAX_MSIX = 64,
       PCI_BAR_MAX_PARTS = 8 };
#define PCI_DEVFN(slot, fn) ((slot) << 3 | (fn))

enum {				/* type 0 header, PCI 3.0 section 6.1 */
	PCI_VENDOR_ID = 0x00, PCI_DEVICE_ID = 0x02, PCI_COMMAND = 0x04, PCI_STATUS = 0x06,
	PCI_REVISION_ID = 0x08, PCI_CLASS_PROG = 0x09, PCI_CLASS_DEVICE = 0x0a,
	PCI_CACHE_LINE_SIZE = 0x0c, PCI_LATENCY_TIMER = 0x0d, PCI_HEADER_TYPE = 0x0e,
	PCI_BASE_ADDRESS_0 = 0x10, PCI_SUBSYSTEM_VENDOR_ID = 0x2c, PCI_SUBSYSTEM_ID = 0x2e,
	PCI_ROM_ADDRESS = 0x30, PCI_CAPABILITY_LIST = 0x34, PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d,
};
enum {				/* type 1 header, PCI-to-PCI bridge 1.2 section 3.2 */
	PCI_PRIMARY_BUS = 0x18, PCI_SECONDARY_BUS = 0x19, PCI_SUBORDINATE_BUS = 0x1a,
	PCI_IO_BASE = 0x1c, PCI_IO_LIMIT = 0x1d, PCI_SEC_STATUS = 0x1e,
	PCI_MEMORY_BASE = 0x20, PCI_MEMORY_LIMIT = 0x22, PCI_PREF_BASE = 0x24,
	PCI_PREF_LIMIT = 0x26, PCI_PREF_BASE_UPPER = 0x28, PCI_PREF_LIMIT_UPPER = 0x2c,
	PCI_BRIDGE_CONTROL = 0x3e,
};
enum {
	PCI_COMMAND_IO = 1, PCI_COMMAND_MEMORY = 2, PCI_COMMAND_MASTER = 4,
	PCI_COMMAND_INTX_DISABLE = 0x400, PCI_STATUS_INTERRUPT = 8, PCI_STATUS_CAP_LIST = 0x10,
};
enum { PCI_CAP_ID_PM = 1, PCI_CAP_ID_MSI = 5, PCI_CAP_ID_VNDR = 9, PCI_CAP_ID_EXP = 0x10,
       PCI_CAP_ID_MSIX = 0x11 };

struct pci_bus;
struct pci_fn;

enum { PCI_BAR_IO = 1, PCI_BAR_64 = 2, PCI_BAR_PREFETCH = 4 };

/* Const description of a function, part of the device's type. */
struct pci_type {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class;			/* 24 bits: base, sub, interface */
	uint8_t revision;
	uint8_t header_type;		/* 0, or 1: a bridge; bit 7: has more functions, also set
					 * by pci_plug */
	uint8_t intx_pin;		/* 1 to 4 (INTA..INTD); 0: none */
	/* After the guest's write of n bytes at off, stored already; may be NULL. */
	void (*config_written)(struct pci_fn *f, unsigned off, unsigned n);
	/* Before the guest's read, to refresh bytes; may be NULL. */
	void (*config_read)(struct pci_fn *f, unsigned off, unsigned n);
	/* BARs have moved or decoding was switched: rebind doorbells. Under the dev lock, also
	 * by reset and load. May be NULL. */
	void (*bars_changed)(struct pci_fn *f);
	/* The function has got its place on a bus (h.bus, h.devfn). May be NULL. */
	void (*plugged)(struct pci_fn *f);
};

struct pci_bar_part { uint8_t region; uint32_t off; };	/* a dev region inside a BAR */
struct pci_bar {
	uint64_t size;			/* power of two; 0: none */
	uint8_t flags;			/* PCI_BAR_* */
	uint8_t nr_parts;
	struct pci_bar_part part[PCI_BAR_MAX_PARTS];
	const uint8_t *memory;		/* of pci_bar_memory; NULL: none */
};

struct pci_msix { uint32_t addr_lo, addr_hi, data, ctrl; };	/* a vector of the table */

struct pci_fn_host {			/* not state */
	struct dev *dev;		/* that embeds us */
	const struct pci_type *type;
	struct pci_bus *bus;		/* NULL: not plugged */
	struct pci_bus *secondary;	/* of a bridge; NULL: none */
	uint8_t devfn;
	uint8_t wmask[PCI_CONFIG_SIZE], w1c[PCI_CONFIG_SIZE];
	uint8_t reset[PCI_CONFIG_SIZE];	/* contents after reset */
	struct pci_bar bar[PCI_NR_BARS];
	uint64_t mapped[PCI_NR_BARS];	/* where decoded now; UINT64_MAX: nowhere */
	uint16_t cap_next;		/* first free byte behind the capabilities */
	uint16_t ext_next, ext_last;	/* the same of the extended ones */
	uint8_t cap_last, msi, msix, exp;	/* offsets of capabilities; 0: none */
	unsigned nr_msix;
	_Atomic int intx;		/* level driven by the device */
	bool intx_driven;		/* and what the bus sees of it; under irq_lock */
	pthread_mutex_t irq_lock;	/* MSI and MSI-X tables and pending bits, INTx */
};

struct pci_fn {
	uint8_t cfg[PCI_CONFIG_SIZE];
	struct pci_msix msix[PCI_MAX_MSIX];
	uint64_t msix_pending;		/* one bit a vector */
	struct pci_fn_host h;
};

extern const struct field pci_fn_fields[];
#define PCI_FIELDS(T, m) FIELD_SUB(T, m, struct pci_fn, pci_fn_fields)

/*
 * For devices: in init, reset, loaded and fini of the dev_type. pci_loaded puts bytes that the
 * guest cannot write back to what they are after a reset: a device with read-only bytes that
 * change sets them afterwards. -EINVAL: another device's state. pci_fini comes first in fini, as
 * it may call bars_changed.
 */
int  pci_init(struct pci_fn *f, struct dev *d, const struct pci_type *t, struct err *e);
void pci_reset(struct pci_fn *f);		/* configuration as after reset; BARs go */
int  pci_loaded(struct pci_fn *f, struct err *e);
void pci_fini(struct pci_fn *f);
/* The function that a device embeds, or NULL where its type is none (by its type's init). */
struct pci_fn *pci_fn_of(struct dev *d);

/*
 * Building, in init. Capabilities: returns the offset of n bytes (id and next are filled in), or
 * -ENOSPC. A BAR's regions are given part by part; size covers them all.
 */
int  pci_add_cap(struct pci_fn *f, uint8_t id, unsigned n);
int  pci_add_ext_cap(struct pci_fn *f, uint16_t id, uint8_t version, unsigned n);
void pci_set_bar(struct pci_fn *f, unsigned bar, uint64_t size, unsigned flags);
void pci_bar_part(struct pci_fn *f, unsigned bar, unsigned region, uint32_t off);
/*
 * The BAR is a movable block of memory (its start, from mem_add_movable), and may have no parts.
 */
void pci_bar_memory(struct pci_fn *f, unsigned bar, const uint8_t *host);
/* A BAR's register in configuration space. */
static inline unsigned pci_bar_reg(unsigned bar)
{
	return bar == PCI_BAR_ROM ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * bar;
}
/* Initial bytes (of `reset`) and write masks; little-endian; n: 1 to 4. */
void pci_config_init(struct pci_fn *f, unsigned off, unsigned n, uint32_t val, uint32_t wmask);
void pci_config_w1c(struct pci_fn *f, unsigned off, unsigned n, uint32_t mask);
int  pci_add_pm(struct pci_fn *f);
int  pci_add_msi(struct pci_fn *f, unsigned nr_vectors);	/* a power of two, at most 32 */
/* Table and pending bits are dev regions that the device lists with these callbacks:
 * REGION pci_msix_table (16 bytes a vector) and pci_msix_pba (8 bytes for 64 vectors). */
int  pci_add_msix(struct pci_fn *f, unsigned nr_vectors, unsigned bar, uint32_t table_off,
		  unsigned table_region, uint32_t pba_off, unsigned pba_region);
/* Callbacks of those regions, to be named in the dev_type's region table. */
uint64_t pci_msix_table_read(struct dev *d, uint64_t off, unsigned size);
void pci_msix_table_write(struct dev *d, uint64_t off, uint64_t val, unsigned size);
uint64_t pci_msix_pba_read(struct dev *d, uint64_t off, unsigned size);
/* PCI Express capability: an endpoint integrated into the root complex, or below a port. */
int  pci_add_express(struct pci_fn *f, bool root_complex);
/* The same of a root port, with a slot without hotplug. */
int  pci_add_express_port(struct pci_fn *f, unsigned slot);

/*
 * Interrupts; any thread. Messages are dropped while the function is not bus master, MSI is off,
 * or there is no such vector. While MSI or MSI-X is on, a device leaves INTx low.
 */
void pci_set_intx(struct pci_fn *f, int level);	/* honours the command register's disable bit */
bool pci_msix_enabled(struct pci_fn *f);
void pci_msix_send(struct pci_fn *f, unsigned vector);	/* pends while masked */
bool pci_msi_enabled(struct pci_fn *f);
void pci_msi_send(struct pci_fn *f, unsigned vector);

/* Bus mastering is on: DMA is allowed. */
static inline bool pci_is_master(const struct pci_fn *f)
{
	return f->cfg[PCI_COMMAND] & PCI_COMMAND_MASTER;
}
/* Where a BAR is decoded now; UINT64_MAX: nowhere. */
static inline uint64_t pci_bar_addr(const struct pci_fn *f, unsigned bar)
{
	return f->h.mapped[bar];
}

/* ---- buses ---- */

struct pci_bus {
	struct machine *machine;
	struct pci_fn *bridge;		/* whose secondary bus this is; NULL: the root bus */
	struct pci_fn *fn[256];		/* by devfn; fixed before the vCPUs run */
	/* Root bus: INTx of a slot after swizzling (PCI-to-PCI bridge 1.2, 9.1), the OR of all
	 * functions there. pin: 0..3. Any thread, under `lock`. */
	void (*intx)(void *opaque, unsigned slot, unsigned pin, int level);
	void *opaque;
	/* Root bus only. */
	pthread_mutex_t lock;		/* of intx_count and calls of intx */
	uint16_t intx_count[32][4];	/* functions that drive a slot's pin */
	_Atomic bool conflict;		/* a BAR could not be mapped */
};

struct pci_bus *pci_bus_new(struct machine *m, struct pci_fn *bridge);	/* NULL: no memory */
void pci_bus_free(struct pci_bus *b);	/* functions that are left are unplugged */
/* devfn -1: the first free slot (from slot 1; below a port: slot 0 only). -EBUSY, -ENOSPC. */
int  pci_plug(struct pci_bus *b, struct pci_fn *f, int devfn, struct err *e);
void pci_unplug(struct pci_fn *f);
/* The bus that a function's requests end at; NULL: it hangs nowhere. */
struct pci_bus *pci_root(struct pci_bus *b);
/* Below `root` by numbers as bridges are programmed now; NULL: nobody answers. */
struct pci_fn *pci_find(struct pci_bus *root, unsigned bus, unsigned devfn);
/* Configuration access by the host bridge: all ones where nobody answers. size 1, 2, 4. */
uint32_t pci_config_get(struct pci_bus *root, unsigned bus, unsigned devfn, unsigned off,
			unsigned size);
void pci_config_set(struct pci_bus *root, unsigned bus, unsigned devfn, unsigned off,
		    uint32_t val, unsigned size);

/*
 * What firmware does, for a guest that is entered without: numbers the buses, places all BARs
 * and bridge windows, sets interrupt lines (`line`: of a root slot and pin; may be NULL) and
 * switches decoding on. Again after a reset. Windows are [start, end), empty where equal; 64-bit
 * BARs go to mem64, or to mem32 where mem64 is empty. -ENOSPC: nothing was changed.
 */
struct pci_windows { uint64_t io, io_end, mem32, mem32_end, mem64, mem64_end; };
int  pci_assign(struct pci_bus *root, const struct pci_windows *w,
		uint8_t (*line)(unsigned slot, unsigned pin), struct err *e);
/* "00:03.0 1af4:1042 class 010000 ..." a line each, for `info pci`. malloc'ed. */
char *pci_info(struct pci_bus *root);

#endif
