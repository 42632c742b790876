/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSI (PCI 3.0, 6.8.1), with 64-bit addresses and masks per vector; all of it in cfg. */
#include <errno.h>

#include "hw/core/machine.h"
#include "hw/pci/internal.h"
#include "util/bits.h"

enum { CTRL = 2, ADDR_LO = 4, ADDR_HI = 8, DATA = 0xc, MASK = 0x10, PENDING = 0x14, SIZE = 0x18 };
enum { CTRL_ENABLE = 1, CTRL_MME_SHIFT = 4, CTRL_64 = 0x80, CTRL_MASKS = 0x100 };

int pci_add_msi(struct pci_fn *f, unsigned nr_vectors)
{
	unsigned log = 0;
	int at;

	if (!nr_vectors || nr_vectors > 32 || (nr_vectors & (nr_vectors - 1)) || f->h.msi)
		return -EINVAL;
	at = pci_add_cap(f, PCI_CAP_ID_MSI, SIZE);
	if (at < 0)
		return at;
	while (1u << log < nr_vectors)
		log++;
	f->h.msi = (uint8_t)at;
	pci_config_init(f, (unsigned)at + CTRL, 2, log << 1 | CTRL_64 | CTRL_MASKS,
			CTRL_ENABLE | 7 << CTRL_MME_SHIFT);
	pci_config_init(f, (unsigned)at + ADDR_LO, 4, 0, ~3u);
	pci_config_init(f, (unsigned)at + ADDR_HI, 4, 0, ~0u);
	pci_config_init(f, (unsigned)at + DATA, 2, 0, 0xffff);
	pci_config_init(f, (unsigned)at + MASK, 4, 0, (uint32_t)mask_bits(nr_vectors));
	return at;
}

static uint32_t reg(const struct pci_fn *f, unsigned off, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint32_t)pci_get8(f, f->h.msi + off + i) << 8 * i;
	return v;
}

bool pci_msi_enabled(struct pci_fn *f)
{
	return f->h.msi && (reg(f, CTRL, 1) & CTRL_ENABLE);
}

/* How many vectors the guest has given: never more than asked for. */
static unsigned nr_given(const struct pci_fn *f)
{
	uint32_t ctrl = reg(f, CTRL, 2);

	return 1u << MIN(ctrl >> CTRL_MME_SHIFT & 7, ctrl >> 1 & 7);
}

static void set_pending(struct pci_fn *f, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		pci_put8(f, f->h.msi + PENDING + i, (uint8_t)(v >> 8 * i));
}

static void deliver(struct pci_fn *f, unsigned v)
{
	uint64_t addr = reg(f, ADDR_LO, 4) | (uint64_t)reg(f, ADDR_HI, 4) << 32;

	/* 6.8.1.3: the low bits of the data are the vector's number. */
	if (pci_get8(f, PCI_COMMAND) & PCI_COMMAND_MASTER)
		machine_msi(f->h.dev->machine, addr, (reg(f, DATA, 2) & ~(nr_given(f) - 1)) | v);
}

void pci_msi_send(struct pci_fn *f, unsigned vector)
{
	pthread_mutex_lock(&f->h.irq_lock);
	if (pci_msi_enabled(f)) {
		unsigned v = vector & (nr_given(f) - 1);

		if (reg(f, MASK, 4) & BIT(v))
			set_pending(f, reg(f, PENDING, 4) | (uint32_t)BIT(v));
		else
			deliver(f, v);
	}
	pthread_mutex_unlock(&f->h.irq_lock);
}

void pci_msi_config_written(struct pci_fn *f, unsigned off, unsigned n)
{
	uint32_t go;

	if (!f->h.msi || !pci_touches(off, n, f->h.msi, SIZE))
		return;
	pthread_mutex_lock(&f->h.irq_lock);
	if (pci_msi_enabled(f)) {
		go = reg(f, PENDING, 4) & ~reg(f, MASK, 4);
		set_pending(f, reg(f, PENDING, 4) & ~go);
		for (unsigned v = 0; v < nr_given(f); v++)
			if (go & BIT(v))
				deliver(f, v);
	} else {
		set_pending(f, 0);
	}
	pthread_mutex_unlock(&f->h.irq_lock);
}
