/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots of a guest, for the rest of vmm/; saving and loading is in move.h. */
#ifndef VMM_MOVE_SNAPSHOT_H
#define VMM_MOVE_SNAPSHOT_H

#include <jansson.h>

#include "vmm/guest.h"
#include "vmm/move/move.h"

/* What a save tells. */
struct snapshot_report {
	char *path;			/* malloc'ed, on success */
	uint64_t bytes, pages, zero, same;	/* of the file; of RAM: looked at, left out */
	uint64_t pause_ns;
};
int snapshot_save_report(struct guest *g, const struct snapshot_save_opts *o,
			 struct snapshot_report *rep, struct err *e);

/*
 * All RAM is here on return: of a guest that was restored lazily some of it may be missing. -EBUSY
 * where it comes by a migration.
 */
int  snapshot_settle(struct guest *g, struct err *e);
/*
 * The guest gets another generation number (hw/misc/vmgenid.h), and is told of it (tell) as soon as
 * it runs.
 */
void snapshot_new_generation(struct guest *g, bool tell);
/* The guest ends; nobody looks at its RAM any more. */
void snapshot_end(struct guest *g);

/* Refuses where another one next to it builds on it. name NULL: as for the load. */
int snapshot_delete(struct guest *g, const char *path, const char *name, struct err *e);

/*
 * -loadvm PATH[,name=NAME][,clock=continue|advance][,eager=on]. isa and machine (64 bytes each):
 * what the snapshot's guest is, from its description; the load checks it. 1: it began with
 * firmware; 0: it did not; or an error.
 */
int snapshot_loadvm_peek(const char *arg, char isa[64], char machine[64], struct err *e);
int snapshot_loadvm(struct guest *g, const char *arg, struct err *e);

#endif
