/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "ich9-ahci": a SATA controller (AHCI 1.3.1) with ATA disks and ATAPI CD-ROM drives.
 * A board sets the drives before dev_init and plugs the function; on a Q35 board it is
 * 00:1f.2.
 */
#ifndef HW_BLOCK_AHCI_H
#define HW_BLOCK_AHCI_H

#include <stdbool.h>

struct block;
struct dev;

enum { AHCI_PORTS = 6 };

/* Before dev_init. The back end stays the caller's and outlives the device. */
void ahci_set_drive(struct dev *d, unsigned port, struct block *b, bool cdrom);
/* What is attached to a port; NULL: nothing. */
struct block *ahci_drive(struct dev *d, unsigned port, bool *cdrom);

#endif
