/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What firmware does with PCI, for guests that are entered without.
 *
 * A plan has a row for each bus, parents before children, and a list of needs: BARs,
 * and the windows of bridges. Bottom up, the needs of a bus and kind are packed from
 * address 0, largest alignment first, which gives its bridge's window size; top down
 * the same packing from the window's address gives the places, as every window is
 * aligned to the largest alignment in it. Only then registers are written.
 */
#include <errno.h>
#include <stdlib.h>

#include "hw/core/machine.h"
#include "hw/pci/internal.h"
#include "util/bits.h"

enum kind { K_IO, K_MEM, K_PREF, NR_KINDS };	/* K_PREF: above 4 GiB, if there is room there */

struct need {
	struct pci_fn *fn;
	int bar;		/* -1: a bridge's window */
	unsigned bus;		/* row of the plan */
	unsigned child;		/* a window's: row of the bus behind it */
	enum kind kind;		/* of this bus's space */
	enum kind window;	/* of the bridge */
	uint64_t size, align, at;
};

struct row {
	struct pci_bus *bus;
	unsigned parent, last;	/* last: highest bus number below, itself included */
	uint64_t base[NR_KINDS], end[NR_KINDS];	/* end 0: no window */
};

struct plan {
	unsigned nr_rows, nr_needs, cap;
	struct need *need;
	struct need **order;	/* scratch for packing */
	struct row row[256];	/* the row's number is the bus's */
};

static int add_need(struct plan *p, const struct need *n)
{
	if (p->nr_needs == p->cap) {
		unsigned cap = p->cap ? 2 * p->cap : 64;
		struct need *more = realloc(p->need, cap * sizeof(*more));
		struct need **order;

		if (!more)
			return -ENOMEM;
		p->need = more;
		order = realloc(p->order, cap * sizeof(struct need *));
		if (!order)
			return -ENOMEM;
		p->order = order;
		p->cap = cap;
	}
	p->need[p->nr_needs++] = *n;
	return 0;
}

/* Numbers the buses depth first, so that those below a bridge are a range. */
static int add_rows(struct plan *p, struct pci_bus *b, unsigned parent, struct err *e)
{
	unsigned me = p->nr_rows;
	struct pci_fn *f;

	if (me == ARRAY_SIZE(p->row))
		return err_set(e, ENOSPC, "more than %zu PCI buses", ARRAY_SIZE(p->row));
	p->nr_rows++;
	p->row[me] = (struct row){ .bus = b, .parent = parent };
	pci_for_each(f, b) {
		int rc = f->h.secondary ? add_rows(p, f->h.secondary, me, e) : 0;

		if (rc)
			return rc;
	}
	p->row[me].last = p->nr_rows - 1;
	return 0;
}

static int add_bars(struct plan *p, unsigned bus, bool have_mem64)
{
	struct pci_fn *f;

	pci_for_each(f, p->row[bus].bus)
		for (int i = 0; i < PCI_NR_BARS; i++) {
			const struct pci_bar *b = &f->h.bar[i];
			struct need n = { .fn = f, .bar = i, .bus = bus, .kind = K_MEM,
					  .size = b->size, .align = b->size };

			if (!b->size)
				continue;
			if (b->flags & PCI_BAR_IO)
				n.kind = K_IO;
			/* A bridge has 64 bits for its prefetchable window alone. */
			else if ((b->flags & PCI_BAR_64) &&
				 ((b->flags & PCI_BAR_PREFETCH) || !bus))
				n.kind = bus || have_mem64 ? K_PREF : K_MEM;
			if (add_need(p, &n))
				return -ENOMEM;
		}
	return 0;
}

static int by_align(const void *a, const void *b)
{
	const struct need *x = *(struct need *const *)a, *y = *(struct need *const *)b;

	if (x->align != y->align)
		return x->align > y->align ? -1 : 1;
	return x < y ? -1 : x > y;	/* in order of the functions */
}

/* Places the needs of a bus and kind from base on. NULL: done, *end is behind the last; else the
 * one that does not fit below limit. */
static struct need *pack(struct plan *p, unsigned bus, enum kind k, uint64_t base, uint64_t limit,
			 uint64_t *end, uint64_t *align)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < p->nr_needs; i++)
		if (p->need[i].bus == bus && p->need[i].kind == k)
			p->order[nr++] = &p->need[i];
	if (nr)
		qsort(p->order, nr, sizeof(p->order[0]), by_align);
	*end = base;
	*align = nr ? p->order[0]->align : 1;
	for (unsigned i = 0; i < nr; i++) {
		struct need *n = p->order[i];

		n->at = align_up(*end, n->align);
		if (n->at < *end || n->at > limit || n->size > limit - n->at)
			return n;
		*end = n->at + n->size;
	}
	return NULL;
}

static int no_room(const struct need *n, struct err *e)
{
	static const char *const what[] = { "ports", "memory", "64-bit memory" };

	return err_set(e, ENOSPC, "%s: no room for %#llx bytes of PCI %s", n->fn->h.dev->id,
		       (unsigned long long)n->size, what[n->kind]);
}

/* Bottom up: what each bridge has to forward. */
static int size_windows(struct plan *p, bool have_mem64, struct err *e)
{
	for (unsigned bus = p->nr_rows - 1; bus; bus--)
		for (enum kind k = 0; k < NR_KINDS; k++) {
			/* PCI-to-PCI bridge 1.2, 3.2.5: what the windows' registers can say */
			uint64_t unit = k == K_IO ? 0x1000 : 0x100000, end, align;
			struct need *bad = pack(p, bus, k, 0, UINT64_MAX >> 1, &end, &align);
			struct need n = {
				.fn = p->row[bus].bus->bridge, .bar = -1, .bus = p->row[bus].parent,
				.child = bus, .kind = k, .window = k,
				.size = align_up(end, unit), .align = MAX(unit, align),
			};

			if (bad)
				return no_room(bad, e);
			if (!end)
				continue;
			if (k == K_PREF && !n.bus && !have_mem64)
				n.kind = K_MEM;
			if (add_need(p, &n))
				return err_errno(e, ENOMEM, "PCI");
		}
	return 0;
}

/* Top down, as windows are known before what is in them. */
static int place(struct plan *p, const struct pci_windows *w, struct err *e)
{
	struct row *root = &p->row[0];

	root->base[K_IO] = w->io;
	root->end[K_IO] = w->io_end;
	root->base[K_MEM] = w->mem32;
	root->end[K_MEM] = w->mem32_end;
	root->base[K_PREF] = w->mem64;
	root->end[K_PREF] = w->mem64_end;
	for (unsigned bus = 0; bus < p->nr_rows; bus++) {
		for (enum kind k = 0; k < NR_KINDS; k++) {
			uint64_t end, align;
			struct need *bad = pack(p, bus, k, p->row[bus].base[k], p->row[bus].end[k],
						&end, &align);

			if (bad)
				return no_room(bad, e);
		}
		for (unsigned i = 0; i < p->nr_needs; i++) {
			struct need *n = &p->need[i];

			if (n->bar < 0 && n->bus == bus) {
				p->row[n->child].base[n->window] = n->at;
				p->row[n->child].end[n->window] = n->at + n->size;
			}
		}
	}
	return 0;
}

/* ---- registers; under the function's lock ---- */

static void put_window(struct pci_fn *f, const struct row *r)
{
	uint64_t base, last;
	bool on;

	/* A base above the limit: nothing is forwarded. */
	on = r->end[K_IO];
	base = on ? r->base[K_IO] : 0xf000;
	last = on ? r->end[K_IO] - 1 : 0;
	pci_fn_write(f, PCI_IO_BASE, base >> 8 & 0xf0, 1);
	pci_fn_write(f, PCI_IO_LIMIT, last >> 8 & 0xf0, 1);
	on = r->end[K_MEM];
	base = on ? r->base[K_MEM] : 0xfff00000;
	last = on ? r->end[K_MEM] - 1 : 0;
	pci_fn_write(f, PCI_MEMORY_BASE, base >> 16 & 0xfff0, 2);
	pci_fn_write(f, PCI_MEMORY_LIMIT, last >> 16 & 0xfff0, 2);
	on = r->end[K_PREF];
	base = on ? r->base[K_PREF] : 0xfff00000;
	last = on ? r->end[K_PREF] - 1 : 0;
	pci_fn_write(f, PCI_PREF_BASE, base >> 16 & 0xfff0, 2);
	pci_fn_write(f, PCI_PREF_LIMIT, last >> 16 & 0xfff0, 2);
	pci_fn_write(f, PCI_PREF_BASE_UPPER, (uint32_t)(base >> 32), 4);
	pci_fn_write(f, PCI_PREF_LIMIT_UPPER, (uint32_t)(last >> 32), 4);
}

static uint8_t irq_line(struct pci_fn *f, uint8_t (*line)(unsigned slot, unsigned pin))
{
	unsigned slot = pci_slot(f), pin = f->h.type->intx_pin - 1u;

	for (struct pci_bus *b = f->h.bus; b->bridge; b = b->bridge->h.bus) {
		pin = (pin + slot) & 3;
		slot = pci_slot(b->bridge);
	}
	return line(slot, pin);
}

static void program(struct plan *p, uint8_t (*line)(unsigned slot, unsigned pin))
{
	struct pci_fn *f;

	/* Everybody off first, so that nobody meets another on the way. */
	for (unsigned bus = 0; bus < p->nr_rows; bus++)
		pci_for_each(f, p->row[bus].bus) {
			dev_lock(f->h.dev);
			pci_fn_write(f, PCI_COMMAND, f->cfg[PCI_COMMAND] & ~7u, 1);
			if (f->h.type->intx_pin && line)
				pci_fn_write(f, PCI_INTERRUPT_LINE, irq_line(f, line), 1);
			dev_unlock(f->h.dev);
		}
	for (unsigned bus = 1; bus < p->nr_rows; bus++) {
		f = p->row[bus].bus->bridge;
		dev_lock(f->h.dev);
		pci_fn_write(f, PCI_PRIMARY_BUS, p->row[bus].parent, 1);
		pci_fn_write(f, PCI_SECONDARY_BUS, bus, 1);
		pci_fn_write(f, PCI_SUBORDINATE_BUS, p->row[bus].last, 1);
		put_window(f, &p->row[bus]);
		dev_unlock(f->h.dev);
	}
	for (unsigned i = 0; i < p->nr_needs; i++) {
		const struct need *n = &p->need[i];
		unsigned off;

		if (n->bar < 0)
			continue;
		off = pci_bar_reg((unsigned)n->bar);
		dev_lock(n->fn->h.dev);
		pci_fn_write(n->fn, off, (uint32_t)n->at, 4);
		if (n->fn->h.bar[n->bar].flags & PCI_BAR_64)
			pci_fn_write(n->fn, off + 4, (uint32_t)(n->at >> 32), 4);
		dev_unlock(n->fn->h.dev);
	}
	for (unsigned bus = 0; bus < p->nr_rows; bus++)
		pci_for_each(f, p->row[bus].bus) {
			uint32_t on = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;

			/* Mastering is a driver's to give, but bridges have none at first. */
			if (f->h.secondary)
				on |= PCI_COMMAND_MASTER;
			dev_lock(f->h.dev);
			pci_fn_write(f, PCI_COMMAND, f->cfg[PCI_COMMAND] | on, 1);
			dev_unlock(f->h.dev);
		}
}

int pci_assign(struct pci_bus *root, const struct pci_windows *w,
	       uint8_t (*line)(unsigned slot, unsigned pin), struct err *e)
{
	bool have_mem64 = w->mem64_end > w->mem64;
	struct plan *p = calloc(1, sizeof(*p));
	int rc = p ? add_rows(p, root, 0, e) : err_errno(e, ENOMEM, "PCI");

	for (unsigned bus = 0; !rc && bus < p->nr_rows; bus++)
		if (add_bars(p, bus, have_mem64))
			rc = err_errno(e, ENOMEM, "PCI");
	if (!rc)
		rc = size_windows(p, have_mem64, e);
	if (!rc)
		rc = place(p, w, e);
	if (!rc)
		program(p, line);
	mem_settle(&root->machine->mem);
	if (p) {
		free(p->order);
		free(p->need);
	}
	free(p);
	return rc;
}
