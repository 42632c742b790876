/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of boot devices as SeaBIOS and OVMF know them ("bootorder" in fw_cfg): Open
 * Firmware's device paths. SeaBIOS looks at the addresses, OVMF also at the names of the
 * nodes: those of an NVMe controller are QEMU's whatever its own numbers are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/block/ahci.h"
#include "hw/machine/pc.h"
#include "hw/pci/pci.h"

static void put_node(FILE *f, const struct pci_fn *fn, const char *name)
{
	if (fn->h.bus->bridge)
		put_node(f, fn->h.bus->bridge, "pci-bridge");
	else
		fputs("/pci@i0cf8", f);
	fprintf(f, "/%s@%x", name, fn->h.devfn >> 3);
	if (fn->h.devfn & 7)
		fprintf(f, ",%x", fn->h.devfn & 7u);
}

/* A device's PCI function: its own, or that of the slot which pc.c made for it. */
static struct pci_fn *function_of(struct machine *m, struct dev *d)
{
	struct pci_fn *fn = pci_fn_of(d);
	struct dev *slot;
	char id[40];

	snprintf(id, sizeof(id), "%.20s.pci", d->id);
	slot = fn ? NULL : machine_dev(m, id);
	if (slot)
		fn = pci_fn_of(slot);
	return fn && fn->h.bus ? fn : NULL;
}

static void put_sata(FILE *f, const struct pci_fn *fn, struct dev *d, bool want_cdrom)
{
	bool cdrom;

	for (unsigned i = 0; i < AHCI_PORTS; i++)
		if (ahci_drive(d, i, &cdrom) && cdrom == want_cdrom) {
			put_node(f, fn, "pci8086,2922");
			fprintf(f, "/drive@%x/disk@0\n", i);
		}
}

char *pc_boot_order(struct machine *m, const char *order)
{
	static const struct { char letter; const char *type, *node, *rest; } kinds[] = {
		{ 'c', "virtio-blk", "scsi", "/disk@0,0" },
		{ 'c', "nvme", "pci8086,5845", "/namespace@1,0" },
		{ 'n', "virtio-net", "ethernet", "/ethernet-phy@0" },
	};
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (; f && *order; order++)
		for (struct dev *d = m->devs; d; d = d->next) {
			struct pci_fn *fn = function_of(m, d);

			if (fn && !strcmp(d->type->name, "ich9-ahci") && strchr("cd", *order))
				put_sata(f, fn, d, *order == 'd');
			for (unsigned i = 0; fn && i < sizeof(kinds) / sizeof(kinds[0]); i++)
				if (kinds[i].letter == *order &&
				    !strcmp(kinds[i].type, d->type->name)) {
					put_node(f, fn, kinds[i].node);
					fprintf(f, "%s\n", kinds[i].rest);
				}
		}
	if (f)
		fclose(f);
	return text;
}
