/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buses: a tree of functions and bridges, fixed before the vCPUs run. Only the bus
 * numbers in the bridges change, and with them who answers to which number.
 *
 * INTx: a pin turns by the slot's number at each bridge on its way up (PCI-to-PCI
 * bridge 1.2, 9.1; PCI Express 3.0, 2.2.8.1). The root bus counts the functions that
 * drive each of its slots' pins and passes on only first and last.
 */
#include <errno.h>
#include <stdlib.h>

#include "hw/core/machine.h"
#include "hw/pci/internal.h"
#include "util/bits.h"

struct pci_bus *pci_bus_new(struct machine *m, struct pci_fn *bridge)
{
	struct pci_bus *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->machine = m;
	b->bridge = bridge;
	pthread_mutex_init(&b->lock, NULL);
	if (bridge)
		bridge->h.secondary = b;
	return b;
}

void pci_bus_free(struct pci_bus *b)
{
	struct pci_fn *f;

	if (!b)
		return;
	pci_for_each(f, b)
		pci_unplug(f);
	if (b->bridge)
		b->bridge->h.secondary = NULL;
	pthread_mutex_destroy(&b->lock);
	free(b);
}

struct pci_bus *pci_root(struct pci_bus *b)
{
	while (b && b->bridge)
		b = b->bridge->h.bus;
	return b;
}

/* PCI 3.0, 6.2.1: a slot says so at its function 0; we let all functions say it. */
static void mark_multifunction(struct pci_bus *b, unsigned slot)
{
	for (unsigned i = PCI_DEVFN(slot, 0); i <= PCI_DEVFN(slot, 7u); i++)
		if (b->fn[i]) {
			b->fn[i]->h.reset[PCI_HEADER_TYPE] |= 0x80;
			b->fn[i]->cfg[PCI_HEADER_TYPE] |= 0x80;
		}
}

/* Slot status: presence detect; link status: data link layer active. */
static void mark_presence(struct pci_fn *port, bool present)
{
	unsigned sltsta = port->h.exp + 0x1au, lnksta = port->h.exp + 0x13u;
	static const uint8_t presence = 0x40, active = 0x20;

	if (!port->h.exp)
		return;
	port->h.reset[sltsta] = (uint8_t)((port->h.reset[sltsta] & ~presence) |
					  (present ? presence : 0));
	port->h.reset[lnksta] = (uint8_t)((port->h.reset[lnksta] & ~active) |
					  (present ? active : 0));
	port->cfg[sltsta] = port->h.reset[sltsta];
	port->cfg[lnksta] = port->h.reset[lnksta];
}

static int free_slot(const struct pci_bus *b)
{
	for (unsigned slot = b->bridge ? 0 : 1; slot < (b->bridge ? 1 : 32); slot++) {
		unsigned fn = 0;

		while (fn < 8 && !b->fn[PCI_DEVFN(slot, fn)])
			fn++;
		if (fn == 8)
			return (int)PCI_DEVFN(slot, 0);
	}
	return -1;
}

int pci_plug(struct pci_bus *b, struct pci_fn *f, int devfn, struct err *e)
{
	const char *id = f->h.dev->id;

	if (f->h.bus)
		return err_set(e, EBUSY, "%s is plugged already", id);
	if (devfn < 0 && (devfn = free_slot(b)) < 0)
		return err_set(e, ENOSPC, "%s: no free PCI slot", id);
	/* A port's link has one device at its end, whose number is 0 (PCIe 3.0, 7.3.1). */
	if (devfn > (b->bridge ? 7 : 255))
		return err_set(e, EINVAL, "%s: there is no PCI slot %02x.%u", id, devfn >> 3,
			       devfn & 7u);
	if (b->fn[devfn])
		return err_set(e, EBUSY, "%s: PCI slot %02x.%u is %s's", id, devfn >> 3,
			       devfn & 7u, b->fn[devfn]->h.dev->id);
	dev_lock(f->h.dev);
	b->fn[devfn] = f;
	f->h.bus = b;
	f->h.devfn = (uint8_t)devfn;
	for (unsigned i = 1; i < 8; i++)
		if (b->fn[(devfn & ~7) + (int)i])
			mark_multifunction(b, (unsigned)devfn >> 3);
	if (b->bridge)
		mark_presence(b->bridge, true);
	pci_bars_update(f);
	pci_intx_update(f);
	dev_unlock(f->h.dev);
	if (f->h.type->plugged)
		f->h.type->plugged(f);
	return 0;
}

/*
 * The pin's way to the root; NULL where a bridge on it is not plugged. slot and pin: of the root
 * bus.
 */
static struct pci_bus *swizzle(struct pci_fn *f, unsigned *slot, unsigned *pin)
{
	struct pci_bus *b = f->h.bus;

	*slot = pci_slot(f);
	*pin = f->h.type->intx_pin - 1u;
	while (b && b->bridge) {
		*pin = (*pin + *slot) & 3;
		*slot = pci_slot(b->bridge);
		b = b->bridge->h.bus;
	}
	return b;
}

static void drive(struct pci_fn *f, bool want)
{
	unsigned slot, pin;
	struct pci_bus *root;

	if (want == f->h.intx_driven)
		return;
	root = swizzle(f, &slot, &pin);
	if (!root)
		return;
	f->h.intx_driven = want;
	pthread_mutex_lock(&root->lock);
	if (want ? root->intx_count[slot][pin]++ == 0 : --root->intx_count[slot][pin] == 0)
		if (root->intx)
			root->intx(root->opaque, slot, pin, want);
	pthread_mutex_unlock(&root->lock);
}

static void update_locked(struct pci_fn *f)
{
	if (f->h.type->intx_pin && f->h.bus)
		drive(f, atomic_load(&f->h.intx) &&
			 !(pci_get8(f, PCI_COMMAND + 1) & PCI_COMMAND_INTX_DISABLE >> 8));
}

void pci_intx_update(struct pci_fn *f)
{
	pthread_mutex_lock(&f->h.irq_lock);
	update_locked(f);
	pthread_mutex_unlock(&f->h.irq_lock);
}

void pci_set_intx(struct pci_fn *f, int level)
{
	uint8_t *status = &f->cfg[PCI_STATUS];

	pthread_mutex_lock(&f->h.irq_lock);
	atomic_store(&f->h.intx, !!level);
	if (!f->h.type->intx_pin || !level)
		__atomic_fetch_and(status, (uint8_t)~PCI_STATUS_INTERRUPT, __ATOMIC_RELAXED);
	else
		__atomic_fetch_or(status, PCI_STATUS_INTERRUPT, __ATOMIC_RELAXED);
	update_locked(f);
	pthread_mutex_unlock(&f->h.irq_lock);
}

void pci_intx_reset(struct pci_bus *b)
{
	struct pci_fn *f;

	pci_for_each(f, b) {
		pci_set_intx(f, 0);
		if (f->h.secondary)
			pci_intx_reset(f->h.secondary);
	}
}

void pci_unplug(struct pci_fn *f)
{
	struct pci_bus *b = f->h.bus;

	if (!b)
		return;
	dev_lock(f->h.dev);
	pthread_mutex_lock(&f->h.irq_lock);
	if (f->h.intx_driven)
		drive(f, false);
	b->fn[f->h.devfn] = NULL;
	f->h.bus = NULL;
	f->h.intx_driven = false;
	pthread_mutex_unlock(&f->h.irq_lock);
	pci_bars_update(f);
	if (b->bridge)
		mark_presence(b->bridge, b->fn[0]);
	dev_unlock(f->h.dev);
}

/* ---- configuration accesses ---- */

static struct pci_bus *find_bus(struct pci_bus *b, unsigned nr)
{
	struct pci_fn *f;

	pci_for_each(f, b) {
		unsigned first = pci_get8(f, PCI_SECONDARY_BUS);

		/* Numbers overlap only by a guest's mistake: the first bridge answers. */
		if (!f->h.secondary || nr < first || nr > pci_get8(f, PCI_SUBORDINATE_BUS))
			continue;
		return nr == first ? f->h.secondary : find_bus(f->h.secondary, nr);
	}
	return NULL;
}

struct pci_fn *pci_find(struct pci_bus *root, unsigned bus, unsigned devfn)
{
	if (bus)
		root = find_bus(root, bus);
	return root && devfn < 256 ? root->fn[devfn] : NULL;
}

uint32_t pci_config_get(struct pci_bus *root, unsigned bus, unsigned devfn, unsigned off,
			unsigned size)
{
	struct pci_fn *f = pci_find(root, bus, devfn);
	uint32_t v = 0;

	if (!f || off + size > PCI_CONFIG_SIZE)
		return (uint32_t)mask_bits(8 * size);
	dev_lock(f->h.dev);
	if (f->h.type->config_read)
		f->h.type->config_read(f, off, size);
	for (unsigned i = 0; i < size; i++)
		v |= (uint32_t)pci_get8(f, off + i) << 8 * i;
	dev_unlock(f->h.dev);
	return v;
}

void pci_config_set(struct pci_bus *root, unsigned bus, unsigned devfn, unsigned off,
		    uint32_t val, unsigned size)
{
	struct pci_fn *f = pci_find(root, bus, devfn);
	bool left;

	if (!f || off + size > PCI_CONFIG_SIZE)
		return;
	dev_lock(f->h.dev);
	left = pci_fn_write(f, off, val, size);
	dev_unlock(f->h.dev);
	if (left)
		pci_bars_retry(root, NULL);
}
