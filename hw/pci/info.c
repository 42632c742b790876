/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "hw/pci/internal.h"
#include "util/bits.h"

static void print_bars(FILE *out, struct pci_fn *f)
{
	for (unsigned i = 0; i < PCI_NR_BARS; i++) {
		const struct pci_bar *b = &f->h.bar[i];

		if (!b->size)
			continue;
		fprintf(out, i == PCI_BAR_ROM ? " rom " : " bar%u ", i);
		fprintf(out, "%s%s%s+%#" PRIx64, b->flags & PCI_BAR_IO ? "io" : "mem",
			b->flags & PCI_BAR_64 ? "64" : "",
			b->flags & PCI_BAR_PREFETCH ? " prefetch" : "", b->size);
		if (f->h.mapped[i] == PCI_NOWHERE)
			fprintf(out, " off");
		else
			fprintf(out, " at %#" PRIx64, f->h.mapped[i]);
	}
}

static void print_bus(FILE *out, struct pci_bus *b)
{
	unsigned nr = b->bridge ? pci_get8(b->bridge, PCI_SECONDARY_BUS) : 0;
	struct pci_fn *f;

	pci_for_each(f, b) {
		dev_lock(f->h.dev);
		fprintf(out, "%02x:%02x.%x %04x:%04x class %06x %s", nr, pci_slot(f),
			f->h.devfn & 7u, ld_le16(f->cfg), ld_le16(f->cfg + PCI_DEVICE_ID),
			ld_le32(f->cfg + PCI_REVISION_ID) >> 8, f->h.dev->id);
		if (f->h.secondary)
			fprintf(out, " buses %02x-%02x", f->cfg[PCI_SECONDARY_BUS],
				f->cfg[PCI_SUBORDINATE_BUS]);
		print_bars(out, f);
		if (f->h.type->intx_pin)
			fprintf(out, " int%c line %u level %d", 'A' + f->h.type->intx_pin - 1,
				f->cfg[PCI_INTERRUPT_LINE], atomic_load(&f->h.intx));
		if (f->h.msi)
			fprintf(out, " msi %s", pci_msi_enabled(f) ? "on" : "off");
		if (f->h.msix)
			fprintf(out, " msix %u %s", f->h.nr_msix,
				pci_msix_enabled(f) ? "on" : "off");
		fputc('\n', out);
		dev_unlock(f->h.dev);
		if (f->h.secondary)
			print_bus(out, f->h.secondary);
	}
}

char *pci_info(struct pci_bus *root)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	print_bus(out, root);
	fclose(out);
	return text;
}
