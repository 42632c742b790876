/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of capabilities, and those that hardly do anything: power management, PCI Express. */
#include <errno.h>

#include "hw/pci/internal.h"
#include "util/bits.h"

int pci_add_cap(struct pci_fn *f, uint8_t id, unsigned n)
{
	unsigned at = f->h.cap_next, link = f->h.cap_last ? f->h.cap_last + 1u :
							    PCI_CAPABILITY_LIST;

	if (n < 2 || n > 0x100 - at)
		return -ENOSPC;
	pci_config_init(f, at, 1, id, 0);
	pci_config_init(f, at + 1, 1, 0, 0);
	pci_config_init(f, link, 1, at, 0);
	pci_config_init(f, PCI_STATUS, 1, PCI_STATUS_CAP_LIST, 0);
	f->h.cap_last = (uint8_t)at;
	f->h.cap_next = (uint16_t)align_up(at + n, 4);
	return (int)at;
}

int pci_add_ext_cap(struct pci_fn *f, uint16_t id, uint8_t version, unsigned n)
{
	unsigned at = f->h.ext_next, last = f->h.ext_last;

	if (n < 4 || n > PCI_CONFIG_SIZE - at)
		return -ENOSPC;
	pci_config_init(f, at, 4, id | (version & 15u) << 16, 0);
	if (last)
		pci_config_init(f, last, 4, ld_le32(f->h.reset + last) | at << 20, 0);
	f->h.ext_last = (uint16_t)at;
	f->h.ext_next = (uint16_t)align_up(at + n, 4);
	return (int)at;
}

/* PCI Power Management 1.2, 3.2. The state is kept; a function works in all of them. */
int pci_add_pm(struct pci_fn *f)
{
	int at = pci_add_cap(f, PCI_CAP_ID_PM, 8);

	if (at < 0)
		return at;
	pci_config_init(f, (unsigned)at + 2, 2, 3, 0);		/* version 1.2, D0 and D3, no PME */
	pci_config_init(f, (unsigned)at + 4, 2, 8, 3);		/* no reset on the way back to D0 */
	return at;
}

/* PCI Express Base 3.0, 7.8. */
enum {
	EXP_FLAGS = 0x02, EXP_DEVCAP = 0x04, EXP_DEVCTL = 0x08, EXP_DEVSTA = 0x0a,
	EXP_LNKCAP = 0x0c, EXP_LNKCTL = 0x10, EXP_LNKSTA = 0x12, EXP_SLTCAP = 0x14,
	EXP_SLTCTL = 0x18, EXP_SLTSTA = 0x1a, EXP_RTCTL = 0x1c, EXP_RTSTA = 0x20,
	EXP_DEVCTL2 = 0x28, EXP_LNKCAP2 = 0x2c, EXP_LNKCTL2 = 0x30, EXP_SIZE = 0x3c,
};
enum { TYPE_ENDPOINT = 0, TYPE_ROOT_PORT = 4, TYPE_INTEGRATED = 9 };
enum { LINK_X1_2_5GT = 0x11, LNKCAP_ACTIVE_REPORTING = 1 << 20, ROLE_BASED_ERRORS = 1 << 15 };

static int add_express(struct pci_fn *f, unsigned type, uint16_t flags)
{
	int cap = pci_add_cap(f, PCI_CAP_ID_EXP, EXP_SIZE);
	unsigned at = (unsigned)cap;

	if (cap < 0)
		return cap;
	f->h.exp = (uint8_t)at;
	pci_config_init(f, at + EXP_FLAGS, 2, 2 | type << 4 | flags, 0);
	pci_config_init(f, at + EXP_DEVCAP, 4, ROLE_BASED_ERRORS, 0);
	/* Error reporting, relaxed order, no-snoop, request size; payloads stay at 128. */
	pci_config_init(f, at + EXP_DEVCTL, 2, 0x2810, 0x781f);
	pci_config_w1c(f, at + EXP_DEVSTA, 2, 0xf);
	pci_config_init(f, at + EXP_DEVCTL2, 2, 0, 0x1f);	/* completion timeout */
	if (type == TYPE_INTEGRATED)
		return cap;		/* has no link */
	pci_config_init(f, at + EXP_LNKCAP, 4, LINK_X1_2_5GT, 0);
	pci_config_init(f, at + EXP_LNKCTL, 2, 0, 0xc3);	/* ASPM, common clock, synch */
	pci_config_init(f, at + EXP_LNKSTA, 2, LINK_X1_2_5GT, 0);
	pci_config_init(f, at + EXP_LNKCAP2, 4, 2, 0);		/* 2.5 GT/s */
	pci_config_init(f, at + EXP_LNKCTL2, 2, 1, 0xf);
	return cap;
}

int pci_add_express(struct pci_fn *f, bool root_complex)
{
	return add_express(f, root_complex ? TYPE_INTEGRATED : TYPE_ENDPOINT, 0);
}

int pci_add_express_port(struct pci_fn *f, unsigned slot)
{
	int at = add_express(f, TYPE_ROOT_PORT, 0x100);		/* slot implemented */
	unsigned reg = (unsigned)at;

	if (at < 0)
		return at;
	pci_config_init(f, reg + EXP_LNKCAP, 4,
			(slot & 0xffu) << 24 | LNKCAP_ACTIVE_REPORTING | LINK_X1_2_5GT, 0);
	pci_config_init(f, reg + EXP_SLTCAP, 4, (slot & 0x1fffu) << 19, 0);
	pci_config_init(f, reg + EXP_RTCTL, 2, 0, 0xf);
	pci_config_w1c(f, reg + EXP_RTSTA + 2, 1, 1);		/* PME status */
	return at;
}
