/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks and a snapshot. A disk whose image keeps snapshots itself gets one there, named after the
 * snapshot's number; what a guest wrote to a temporary overlay goes into the file; an image that is
 * only read has to be the same one at the load. Section "DISK", all numbers little-endian:
 *
 *	u32 number of disks; each
 *		u8 kind (1 read only, 2 snapshot in the image, 3 overlay), u8 zero,
 *		u16 length of the path, path (for people),
 *		u64 size of the disk, u64 size of the file, u64 its modification time, ns
 *		3: pieces: u32 bytes, u32 (1: zeros, no data), u64 offset, data; at the end one of
 *		   0 bytes
 *
 * Disks are told apart by their order on the command line.
 */
#ifndef VMM_MOVE_SNAPDISK_H
#define VMM_MOVE_SNAPDISK_H

#include "vmm/guest.h"
#include "vmm/move/snapfile.h"

/* Can all of the guest's disks be part of a snapshot? The reason says what is missing. */
int  snapdisks_can(struct guest *g, struct err *e);
/* Makes the snapshots in the images, and writes the section. A failure leaves none. Frozen. */
int  snapdisks_save(struct guest *g, struct snapwriter *w, struct err *e);
/* Deletes a snapshot's part in the images, as far as it is there. */
void snapdisks_delete(struct guest *g, const uint8_t uuid[16]);

struct snapdisks;			/* a file's, checked against the guest's */
struct snapdisks *snapdisks_open(struct guest *g, struct snapfile *f, struct err *e);
/* The disks become the snapshot's; a failure leaves them as they were. Frozen. */
int  snapdisks_apply(struct snapdisks *d, struct err *e);
void snapdisks_back(struct snapdisks *d);	/* undoes the apply */
void snapdisks_free(struct snapdisks *d);	/* NULL is allowed */

#endif
