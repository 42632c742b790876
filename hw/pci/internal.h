/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of hw/pci/ share and devices do not need. */
#ifndef HW_PCI_INTERNAL_H
#define HW_PCI_INTERNAL_H

#include "hw/pci/pci.h"

#define PCI_NOWHERE UINT64_MAX

/* Bytes that other threads look at (interrupt control, bus numbers) while one writes them. */
static inline uint8_t pci_get8(const struct pci_fn *f, unsigned off)
{
	return __atomic_load_n(&f->cfg[off], __ATOMIC_RELAXED);
}
static inline void pci_put8(struct pci_fn *f, unsigned off, uint8_t v)
{
	__atomic_store_n(&f->cfg[off], v, __ATOMIC_RELAXED);
}
static inline unsigned pci_slot(const struct pci_fn *f) { return f->h.devfn >> 3; }

/* A guest's write under the dev lock. true: a BAR has left its place. */
bool pci_fn_write(struct pci_fn *f, unsigned off, uint32_t val, unsigned n);
/* Makes the mappings what the registers say; the same result. Under the dev lock. */
bool pci_bars_update(struct pci_fn *f);
/* Tries again BARs that could not be mapped, of all functions but one (whose lock is held; NULL:
 * no lock is). */
void pci_bars_retry(struct pci_bus *root, struct pci_fn *but);

/* After a change of the command register, the bus or the level. */
void pci_intx_update(struct pci_fn *f);
/* Takes down the lines of all functions; any lock but a function's irq_lock. */
void pci_intx_reset(struct pci_bus *b);
/* After a write to [off, off+n); under the dev lock. */
void pci_msi_config_written(struct pci_fn *f, unsigned off, unsigned n);
void pci_msix_config_written(struct pci_fn *f, unsigned off, unsigned n);

/* The next function of a bus behind devfn `at` - 1, or NULL; *at becomes its devfn + 1. */
static inline struct pci_fn *pci_next(struct pci_bus *b, unsigned *at)
{
	while (*at < 256)
		if (b->fn[(*at)++])
			return b->fn[*at - 1];
	return NULL;
}
#define pci_for_each(f, b) for (unsigned at_ = 0; ((f) = pci_next(b, &at_));)

static inline bool pci_touches(unsigned off, unsigned n, unsigned at, unsigned len)
{
	return off < at + len && at < off + n;
}

#endif
