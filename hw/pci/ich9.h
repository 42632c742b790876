/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The LPC bridge's parts: hw/pci/ich9_lpc.c (configuration, lines, ports), ich9_pm.c (ACPI). */
#ifndef HW_PCI_ICH9_H
#define HW_PCI_ICH9_H

#include "hw/pci/q35.h"

extern const struct dev_type dev_ich9_lpc;

struct ich9_pm {
	uint16_t pm1_sts;	/* without the timer's bit, which follows from tmr_seen */
	uint16_t pm1_en;
	uint32_t pm1_cnt;
	uint64_t gpe_sts, gpe_en;
	uint32_t smi_en;
	uint64_t tmr_seen;	/* changes of the timer's top bit that the guest has cleared */
	struct timer timer;	/* at the next such change, while it would interrupt */
};
extern const struct field ich9_pm_fields[];

struct ich9 {
	struct dev dev;
	struct pci_fn pci;
	struct ich9_pm pm;
	uint8_t apm_control, apm_status, reset_control;
	/* Interrupt lines, under lines_lock: taken last before the chips' locks. */
	uint16_t isa;		/* levels of the ISA devices' lines */
	uint8_t others;		/* of lines 16 to 23: of devices that are no PCI functions */
	uint32_t driven;	/* levels of the GSIs, as the chips know them */
	bool sci;
	uint16_t pirq_count[8];	/* root slots' pins that drive a PIRQ */
	pthread_mutex_t lines_lock;
	struct pci_bus *root;	/* whose INTx we take; NULL: not plugged */
	uint64_t pm_at;		/* where we have mapped the PM block; UINT64_MAX: nowhere */
};

enum { ICH9_R_PM, ICH9_R_APM, ICH9_PM_SIZE = 0x80 };

/* Of the PM block, under the dev lock. */
void ich9_pm_init(struct ich9 *s);
void ich9_pm_fini(struct ich9 *s);
void ich9_pm_reset(struct ich9 *s);
void ich9_pm_loaded(struct ich9 *s);
uint64_t ich9_pm_read(struct dev *d, uint64_t off, unsigned size);
void ich9_pm_write(struct dev *d, uint64_t off, uint64_t val, unsigned size);
bool ich9_pm_sci(struct ich9 *s);	/* the level it asks for */

/* SCI's level has changed; any lock but lines_lock. */
void ich9_set_sci(struct ich9 *s, bool level);

/* Port 0xcf9, for the host bridge; they take the dev lock. */
uint8_t ich9_reset_read(struct dev *lpc);
void ich9_reset_write(struct dev *lpc, uint8_t val);

#endif
