/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function's configuration space and its base address registers.
 *
 * Decoding: the register bytes are the truth. pci_bars_update compares where each
 * BAR ought to be with where its parts are mapped, and moves what differs: first all
 * that leave, then all that come, so that BARs may change places in any order.
 */
#include "hw/pci/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/machine.h"
#include "hw/pci/internal.h"
#include "util/bits.h"
#include "util/log.h"

static const struct field msix_fields[] = {
	FIELD(struct pci_msix, addr_lo), FIELD(struct pci_msix, addr_hi),
	FIELD(struct pci_msix, data), FIELD(struct pci_msix, ctrl), FIELD_END
};

const struct field pci_fn_fields[] = {
	FIELD_BLOB(struct pci_fn, cfg),
	FIELD_SUB(struct pci_fn, msix, struct pci_msix, msix_fields),
	FIELD(struct pci_fn, msix_pending),
	FIELD_SKIP(struct pci_fn, h, "wiring, masks, and what follows from cfg"),
	FIELD_END
};

static struct pci_fn *find_fn(void *base, const struct field *fields, unsigned depth)
{
	struct pci_fn *found;

	for (const struct field *f = fields; f && f->name; f++) {
		if (f->kind != FIELD_STRUCT || f->count != 1)
			continue;
		if (f->sub == pci_fn_fields)
			return (struct pci_fn *)((char *)base + f->off);
		if (depth && (found = find_fn((char *)base + f->off, f->sub, depth - 1)))
			return found;
	}
	return NULL;
}

struct pci_fn *pci_fn_of(struct dev *d)
{
	struct pci_fn *f = find_fn(d, d->type->state, 1);

	return f && f->h.dev == d ? f : NULL;
}

/* ---- building ---- */

void pci_config_init(struct pci_fn *f, unsigned off, unsigned n, uint32_t val, uint32_t wmask)
{
	for (unsigned i = 0; i < n; i++) {
		f->cfg[off + i] = f->h.reset[off + i] = (uint8_t)(val >> 8 * i);
		f->h.wmask[off + i] = (uint8_t)(wmask >> 8 * i);
	}
}

void pci_config_w1c(struct pci_fn *f, unsigned off, unsigned n, uint32_t mask)
{
	for (unsigned i = 0; i < n; i++)
		f->h.w1c[off + i] = (uint8_t)(mask >> 8 * i);
}

int pci_init(struct pci_fn *f, struct dev *d, const struct pci_type *t, struct err *e)
{
	if ((t->header_type & 0x7f) > 1 || t->intx_pin > 4)
		return err_set(e, EINVAL, "PCI function is ill-formed");
	f->h = (struct pci_fn_host){ .dev = d, .type = t, .cap_next = 0x40, .ext_next = 0x100 };
	for (unsigned i = 0; i < PCI_NR_BARS; i++)
		f->h.mapped[i] = PCI_NOWHERE;
	pthread_mutex_init(&f->h.irq_lock, NULL);
	pci_config_init(f, PCI_VENDOR_ID, 2, t->vendor, 0);
	pci_config_init(f, PCI_DEVICE_ID, 2, t->device, 0);
	/* I/O, memory, master, parity response, SERR#, INTx disable */
	pci_config_init(f, PCI_COMMAND, 2, 0, 0x0547);
	pci_config_w1c(f, PCI_STATUS, 2, 0xf900);
	pci_config_init(f, PCI_REVISION_ID, 4, t->class << 8 | t->revision, 0);
	pci_config_init(f, PCI_CACHE_LINE_SIZE, 1, 0, 0xff);
	pci_config_init(f, PCI_HEADER_TYPE, 1, t->header_type, 0);
	pci_config_init(f, PCI_INTERRUPT_LINE, 1, 0, 0xff);
	pci_config_init(f, PCI_INTERRUPT_PIN, 1, t->intx_pin, 0);
	if (!(t->header_type & 0x7f)) {
		pci_config_init(f, PCI_SUBSYSTEM_VENDOR_ID, 2, t->subsystem_vendor, 0);
		pci_config_init(f, PCI_SUBSYSTEM_ID, 2, t->subsystem, 0);
	}
	return 0;
}

void pci_fini(struct pci_fn *f)
{
	pci_unplug(f);
	pthread_mutex_destroy(&f->h.irq_lock);
}

void pci_set_bar(struct pci_fn *f, unsigned bar, uint64_t size, unsigned flags)
{
	bool io = flags & PCI_BAR_IO, wide = flags & PCI_BAR_64, rom = bar == PCI_BAR_ROM;
	unsigned limit = f->h.type->header_type & 1 ? 2 : PCI_NR_BARS;
	unsigned off = pci_bar_reg(bar);
	uint32_t kind = io ? 1 : (wide ? 4 : 0) | (flags & PCI_BAR_PREFETCH ? 8 : 0);

	/* Our own description of a device, not the guest's. */
	if (bar + wide >= limit || !size || (size & (size - 1)) || size < (io ? 4 : 16) ||
	    (rom && (flags || size < 2048)) || (wide && bar + 1 == PCI_BAR_ROM) ||
	    (!wide && size > (io ? 256 : UINT64_C(0x80000000))))
		abort();
	f->h.bar[bar].size = size;
	f->h.bar[bar].flags = (uint8_t)flags;
	/* PCI 3.0, 6.2.5.2: bit 0 of the ROM's is its own enable */
	pci_config_init(f, off, 4, kind, (uint32_t)~(size - 1) | rom);
	if (wide)
		pci_config_init(f, off + 4, 4, 0, (uint32_t)(~(size - 1) >> 32));
}

void pci_bar_part(struct pci_fn *f, unsigned bar, unsigned region, uint32_t off)
{
	struct pci_bar *b = &f->h.bar[bar];
	const struct dev_type *t = f->h.dev->type;

	if (bar >= PCI_NR_BARS || b->nr_parts == PCI_BAR_MAX_PARTS || region >= t->nr_regions ||
	    off + t->regions[region].size > b->size)
		abort();
	b->part[b->nr_parts++] = (struct pci_bar_part){ (uint8_t)region, off };
}

void pci_bar_memory(struct pci_fn *f, unsigned bar, const uint8_t *host)
{
	f->h.bar[bar].memory = host;
}

/* ---- decoding ---- */

static uint64_t bar_wanted(const struct pci_fn *f, unsigned bar)
{
	const struct pci_bar *b = &f->h.bar[bar];
	const uint8_t *reg = f->cfg + pci_bar_reg(bar);
	uint64_t at, last;

	if (!b->size || !f->h.bus || !(f->cfg[PCI_COMMAND] & (b->flags & PCI_BAR_IO ?
							      PCI_COMMAND_IO :
							      PCI_COMMAND_MEMORY)) ||
	    (bar == PCI_BAR_ROM && !(*reg & 1)))
		return PCI_NOWHERE;
	at = ld_le32(reg);
	if (b->flags & PCI_BAR_64)
		at |= (uint64_t)ld_le32(reg + 4) << 32;
	at &= ~(b->size - 1);
	last = at + b->size - 1;
	/* Not set, or being sized by a driver that leaves decoding on. */
	return at && last != UINT32_MAX && last != UINT64_MAX ? at : PCI_NOWHERE;
}

static void bar_unmap(struct pci_fn *f, unsigned bar, unsigned parts)
{
	if (f->h.bar[bar].memory)
		mem_move(&f->h.dev->machine->mem, f->h.bar[bar].memory, MEM_NOWHERE);
	while (parts--)
		dev_unmap(f->h.dev, f->h.bar[bar].part[parts].region);
}

static int bar_map(struct pci_fn *f, unsigned bar, uint64_t at)
{
	const struct pci_bar *b = &f->h.bar[bar];
	struct machine *m = f->h.dev->machine;
	struct space *s = b->flags & PCI_BAR_IO ? m->pio : m->mmio;
	struct err e = { 0 };
	int rc = s ? 0 : -ENXIO;

	for (unsigned i = 0; !rc && i < b->nr_parts; i++) {
		rc = dev_map(f->h.dev, b->part[i].region, s, at + b->part[i].off, &e);
		if (rc)
			bar_unmap(f, bar, i);
	}
	if (!rc && b->memory)
		mem_move(&m->mem, b->memory, at);
	if (rc)
		log_guest("%s: BAR %u stays unmapped: %s", f->h.dev->id, bar,
			  s ? e.msg : "there are no ports");
	return rc;
}

bool pci_bars_update(struct pci_fn *f)
{
	struct pci_bus *root = f->h.bus ? pci_root(f->h.bus) : NULL;
	uint64_t want[PCI_NR_BARS];
	bool left = false, changed = false;

	for (unsigned i = 0; i < PCI_NR_BARS; i++) {
		want[i] = bar_wanted(f, i);
		if (f->h.mapped[i] == PCI_NOWHERE || f->h.mapped[i] == want[i])
			continue;
		bar_unmap(f, i, f->h.bar[i].nr_parts);
		f->h.mapped[i] = PCI_NOWHERE;
		left = changed = true;
	}
	for (unsigned i = 0; i < PCI_NR_BARS; i++) {
		if (want[i] == f->h.mapped[i])
			continue;
		if (!bar_map(f, i, want[i])) {
			f->h.mapped[i] = want[i];
			changed = true;
		} else if (root) {
			atomic_store(&root->conflict, true);
		}
	}
	if (changed && f->h.type->bars_changed)
		f->h.type->bars_changed(f);
	return left;
}

static bool misses_bar(const struct pci_fn *f)
{
	for (unsigned i = 0; i < PCI_NR_BARS; i++)
		if (f->h.mapped[i] != bar_wanted(f, i))
			return true;
	return false;
}

static void retry(struct pci_bus *b, struct pci_fn *but)
{
	struct pci_fn *f;

	pci_for_each(f, b) {
		if (f->h.secondary)
			retry(f->h.secondary, but);
		if (f == but) {
			if (misses_bar(f))
				atomic_store(&pci_root(b)->conflict, true);
			continue;
		}
		/* With one lock held another may not be waited for. */
		if (!but) {
			dev_lock(f->h.dev);
		} else if (pthread_mutex_trylock(&f->h.dev->lock)) {
			atomic_store(&pci_root(b)->conflict, true);
			continue;
		}
		pci_bars_update(f);
		dev_unlock(f->h.dev);
	}
}

void pci_bars_retry(struct pci_bus *root, struct pci_fn *but)
{
	if (root && atomic_exchange(&root->conflict, false))
		retry(root, but);
}

/* ---- reset, load, guest writes ---- */

void pci_reset(struct pci_fn *f)
{
	pthread_mutex_lock(&f->h.irq_lock);
	for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++)
		pci_put8(f, i, f->h.reset[i]);
	for (unsigned i = 0; i < f->h.nr_msix; i++)
		f->msix[i] = (struct pci_msix){ .ctrl = 1 };	/* PCI 3.0, 6.8.2.9: masked */
	f->msix_pending = 0;
	pthread_mutex_unlock(&f->h.irq_lock);
	pci_bars_update(f);
	pci_set_intx(f, 0);
}

int pci_loaded(struct pci_fn *f, struct err *e)
{
	uint8_t extra[PCI_CONFIG_SIZE] = { 0 };		/* the function's own, beside the guest's */
	const uint8_t *was = f->h.reset;

	if (memcmp(f->cfg, was, 4))
		return err_set(e, EINVAL, "state of PCI device %04x:%04x, not %04x:%04x",
			       ld_le16(f->cfg), ld_le16(f->cfg + 2), ld_le16(was),
			       ld_le16(was + 2));
	if (f->h.type->intx_pin)
		extra[PCI_STATUS] = PCI_STATUS_INTERRUPT;
	if (f->h.msi)
		st_le32(extra + f->h.msi + 0x14, ld_le32(f->h.wmask + f->h.msi + 0x10));
	for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
		uint8_t free = f->h.wmask[i] | f->h.w1c[i] | extra[i];

		pci_put8(f, i, (uint8_t)((f->cfg[i] & free) | (was[i] & ~free)));
	}
	for (unsigned i = 0; i < PCI_MAX_MSIX; i++) {
		f->msix[i].addr_lo &= ~3u;
		f->msix[i].ctrl &= 1;
		if (i >= f->h.nr_msix)
			f->msix[i] = (struct pci_msix){ 0 };
	}
	f->msix_pending &= mask_bits(f->h.nr_msix);
	pci_bars_update(f);
	/* The order in which functions are loaded is not that in which they may move. */
	if (f->h.bus)
		pci_bars_retry(pci_root(f->h.bus), f);
	pci_set_intx(f, f->cfg[PCI_STATUS] & PCI_STATUS_INTERRUPT);
	return 0;
}

bool pci_fn_write(struct pci_fn *f, unsigned off, uint32_t val, unsigned n)
{
	bool left = false;

	for (unsigned i = off; i < off + n; i++, val >>= 8) {
		uint8_t mask = f->h.wmask[i], old = pci_get8(f, i);

		pci_put8(f, i, (uint8_t)(((old & ~mask) | (val & mask)) & ~(val & f->h.w1c[i])));
	}
	if (pci_touches(off, n, PCI_COMMAND, 2))
		pci_intx_update(f);
	if (pci_touches(off, n, PCI_COMMAND, 2) || pci_touches(off, n, PCI_BASE_ADDRESS_0, 24) ||
	    pci_touches(off, n, PCI_ROM_ADDRESS, 4))
		left = pci_bars_update(f);
	pci_msi_config_written(f, off, n);
	pci_msix_config_written(f, off, n);
	if (f->h.type->config_written)
		f->h.type->config_written(f, off, n);
	return left;
}
