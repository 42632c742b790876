/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The chipset that SeaBIOS and OVMF know: a host bridge with ECAM (Intel 3 Series
 * MCH, document 316966), an LPC bridge with ACPI power management and the PIRQ router
 * (ICH9, 316972), and PCI Express root ports of no particular make.
 *
 *	dev type "q35-host"	00:00.0; ports 0xcf8/0xcfc, ECAM by PCIEXBAR
 *	dev type "ich9-lpc"	00:1f.0; PM block by PMBASE, ports 0xb2, 0xb3, 0xcf9
 *	dev type "pcie-root-port"
 *
 * A board creates the interrupt chips first, then the host, the LPC bridge, and behind
 * it all that has interrupt lines. All map their ports themselves, in init. Plugged into
 * 00:1f.0 (pci_plug), the LPC bridge takes the bus's INTx, for PIRQs and so for GSIs.
 *
 * Port 0xcf9 lies inside of CONFIG_ADDRESS's four bytes: the host hands byte accesses
 * there on to the function at 00:1f.0, if it is an ich9-lpc.
 */
#ifndef HW_PCI_Q35_H
#define HW_PCI_Q35_H

#include "hw/pci/pci.h"

#define Q35_ECAM_BASE	UINT64_C(0xb0000000)	/* what firmware programs and direct boot sets */
#define Q35_ECAM_SIZE	UINT64_C(0x10000000)
enum { ICH9_PMBASE = 0x600, ICH9_SCI = 9 };
/* Values of PM1_CNT.SLP_TYP that switch off: soft off, and "to disk" is no different for us (ICH9
 * 13.8.3.3). The DSDT's _S5 says the first. */
enum { ICH9_SLP_TYP_S4 = 6, ICH9_SLP_TYP_S5 = 7 };
enum { ICH9_RESET_PORT = 0xcf9, ICH9_RESET_VALUE = 0x0e };	/* of the FADT's reset register */

/*
 * PIRQ of a root slot's pin (0..3), GSI 16 + n with the IOAPIC: slots 0 to 24 have PIRQ E..H
 * at (slot + pin) & 3, slots 25 to 31 PIRQ A..D at pin. ACPI's _PRT says the same.
 */
static inline unsigned q35_pirq(unsigned slot, unsigned pin)	/* 0..7: PIRQ A..H */
{
	return slot < 25 ? 4 + ((slot + pin) & 3) : pin & 3;
}

/* The root bus of a "q35-host" (initialised), which is the machine's `pci` too. */
struct pci_bus *q35_host_bus(struct dev *host);
/* What firmware would do: PCIEXBAR. After every reset. */
void q35_host_direct_boot(struct dev *host);
/*
 * The chipset's end of ISA lines, and of lines 16 to 23 for devices that are no PCI functions (the
 * HPET), for dev_connect: ORs a device's line with the PIRQs that are routed to the same, and with
 * SCI. A line that is driven through here must not be driven by irqchip_gsi also. Any thread.
 */
void ich9_isa_irq(void *lpc, unsigned line, int level);
/* PMBASE, ACPI enable, PIRQs to PIC lines 10 and 11 (the board makes those level-triggered in the
 * PIC's ELCR). After every reset. */
void ich9_direct_boot(struct dev *lpc);
/* PIC line (0: none) to which a PIRQ is routed now. */
uint8_t ich9_pirq_line(struct dev *lpc, unsigned pirq);
/* ACPI events; any thread. bit: 0 to 63 of GPE0. */
void ich9_power_button(struct dev *lpc);
void ich9_gpe(struct dev *lpc, unsigned bit);
/* The secondary bus of a "pcie-root-port". */
struct pci_bus *root_port_bus(struct dev *port);

#endif
