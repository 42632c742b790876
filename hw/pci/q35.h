/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The chipset that SeaBIOS and OVMF know: a host bridge with ECAM (Intel 3 Series
 * MCH, document 316966), an LPC bridge with ACPI power management and the PIRQ router
 * (ICH9, 316972), and PCI Express root ports of no particular make.
 *
 *	dev type "q35-host"	00:00.0; ports 0xcf8/0xcfc, ECAM by PCIEXBAR
 *	dev type "ich9-lpc"	00:1f.0; PM block by PMBASE, ports 0xb2, 0xb3, 0xcf9
 *	dev type "pcie-root-port"
 */
#ifndef HW_PCI_Q35_H
#define HW_PCI_Q35_H

#include "hw/pci/pci.h"

#define Q35_ECAM_BASE	UINT64_C(0xb0000000)	/* what firmware programs and direct boot sets */
#define Q35_ECAM_SIZE	UINT64_C(0x10000000)
enum { ICH9_PMBASE = 0x600, ICH9_SCI = 9 };

/*
 * PIRQ of a root slot's pin (0..3), GSI 16 + n with the IOAPIC: slots 0 to 24 have PIRQ E..H
 * at (slot + pin) & 3, slots 25 to 31 PIRQ A..D at pin. ACPI's _PRT says the same.
 */
static inline unsigned q35_pirq(unsigned slot, unsigned pin)	/* 0..7: PIRQ A..H */
{
	return slot < 25 ? 4 + ((slot + pin) & 3) : pin & 3;
}

/* The root bus of a "q35-host" (initialised): it maps its ports and, once told, ECAM. */
struct pci_bus *q35_host_bus(struct dev *host);
/* What firmware would do: PCIEXBAR. */
void q35_host_direct_boot(struct dev *host);
/* PMBASE, SCI enable, PIRQ routes to `line` in PIC mode. */
void ich9_direct_boot(struct dev *lpc);
/* PIC line (0: none) to which a PIRQ is routed now. */
uint8_t ich9_pirq_line(struct dev *lpc, unsigned pirq);
/* ACPI events; any thread. */
void ich9_power_button(struct dev *lpc);
void ich9_gpe(struct dev *lpc, unsigned bit);
/* The secondary bus of a "pcie-root-port". */
struct pci_bus *root_port_bus(struct dev *port);

#endif
