/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSI-X (PCI 3.0, 6.8.2): a table and pending bits behind a BAR, masks per vector and function. */
#include <errno.h>
#include <stdlib.h>

#include "hw/core/machine.h"
#include "hw/pci/internal.h"
#include "util/bits.h"

enum { CTRL_HIGH = 3, ENABLE = 0x80, FUNCTION_MASK = 0x40 };	/* high byte of message control */
enum { VECTOR_MASKED = 1 };

int pci_add_msix(struct pci_fn *f, unsigned nr_vectors, unsigned bar, uint32_t table_off,
		 unsigned table_region, uint32_t pba_off, unsigned pba_region)
{
	int at;

	if (!nr_vectors || nr_vectors > PCI_MAX_MSIX || f->h.msix || ((table_off | pba_off) & 7))
		return -EINVAL;
	at = pci_add_cap(f, PCI_CAP_ID_MSIX, 12);
	if (at < 0)
		return at;
	f->h.msix = (uint8_t)at;
	f->h.nr_msix = nr_vectors;
	pci_config_init(f, (unsigned)at + 2, 2, nr_vectors - 1, (ENABLE | FUNCTION_MASK) << 8);
	pci_config_init(f, (unsigned)at + 4, 4, table_off | bar, 0);
	pci_config_init(f, (unsigned)at + 8, 4, pba_off | bar, 0);
	pci_bar_part(f, bar, table_region, table_off);
	pci_bar_part(f, bar, pba_region, pba_off);
	return at;
}

static uint8_t control(const struct pci_fn *f)
{
	return f->h.msix ? pci_get8(f, f->h.msix + CTRL_HIGH) : 0;
}

bool pci_msix_enabled(struct pci_fn *f)
{
	return control(f) & ENABLE;
}

static bool masked(const struct pci_fn *f, unsigned v)
{
	return (control(f) & FUNCTION_MASK) || (f->msix[v].ctrl & VECTOR_MASKED);
}

static void deliver(struct pci_fn *f, unsigned v)
{
	const struct pci_msix *x = &f->msix[v];

	/* A message is a write to memory like any other. */
	if (pci_get8(f, PCI_COMMAND) & PCI_COMMAND_MASTER)
		machine_msi(f->h.dev->machine, x->addr_lo | (uint64_t)x->addr_hi << 32, x->data);
}

/* What waits and may go. */
static void flush(struct pci_fn *f)
{
	if (!pci_msix_enabled(f))
		return;
	for (unsigned v = 0; f->msix_pending && v < f->h.nr_msix; v++)
		if ((f->msix_pending & BIT(v)) && !masked(f, v)) {
			f->msix_pending &= ~BIT(v);
			deliver(f, v);
		}
}

void pci_msix_send(struct pci_fn *f, unsigned vector)
{
	pthread_mutex_lock(&f->h.irq_lock);
	if (vector < f->h.nr_msix && pci_msix_enabled(f)) {
		if (masked(f, vector))
			f->msix_pending |= BIT(vector);
		else
			deliver(f, vector);
	}
	pthread_mutex_unlock(&f->h.irq_lock);
}

void pci_msix_config_written(struct pci_fn *f, unsigned off, unsigned n)
{
	if (!f->h.msix || !pci_touches(off, n, f->h.msix + CTRL_HIGH, 1))
		return;
	pthread_mutex_lock(&f->h.irq_lock);
	if (!pci_msix_enabled(f))
		f->msix_pending = 0;	/* of a driver that has gone */
	flush(f);
	pthread_mutex_unlock(&f->h.irq_lock);
}

/* ---- the regions ---- */

static uint32_t *table_word(struct pci_fn *f, uint64_t off)
{
	struct pci_msix *x = &f->msix[off / 16];

	switch (off & 12) {
	case 0: return &x->addr_lo;
	case 4: return &x->addr_hi;
	case 8: return &x->data;
	default: return &x->ctrl;
	}
}

uint64_t pci_msix_table_read(struct dev *d, uint64_t off, unsigned size)
{
	struct pci_fn *f = pci_fn_of(d);
	uint64_t v = 0;

	if (!f || off / 16 >= f->h.nr_msix)
		return 0;
	pthread_mutex_lock(&f->h.irq_lock);
	v = *table_word(f, off);
	if (size == 8)
		v |= (uint64_t)*table_word(f, off + 4) << 32;
	pthread_mutex_unlock(&f->h.irq_lock);
	return size < 4 ? v >> 8 * (off & 3) : v;
}

static void table_write(struct pci_fn *f, uint64_t off, uint32_t val)
{
	static const uint32_t writable[] = { ~3u, ~0u, ~0u, VECTOR_MASKED };

	*table_word(f, off) = val & writable[off / 4 & 3];
}

void pci_msix_table_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct pci_fn *f = pci_fn_of(d);

	/* 6.8.2: only 32 and 64 bits at a time are defined. */
	if (!f || off / 16 >= f->h.nr_msix || size < 4)
		return;
	pthread_mutex_lock(&f->h.irq_lock);
	table_write(f, off, (uint32_t)val);
	if (size == 8)
		table_write(f, off + 4, (uint32_t)(val >> 32));
	flush(f);
	pthread_mutex_unlock(&f->h.irq_lock);
}

uint64_t pci_msix_pba_read(struct dev *d, uint64_t off, unsigned size)
{
	struct pci_fn *f = pci_fn_of(d);
	uint64_t v;

	if (!f || off >= 8)
		return 0;
	pthread_mutex_lock(&f->h.irq_lock);
	v = f->msix_pending;
	pthread_mutex_unlock(&f->h.irq_lock);
	return v >> 8 * off;
}
