/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMM_MOVE_SNAPSHOT_INT_H
#define VMM_MOVE_SNAPSHOT_INT_H

#include "vmm/move/lazy.h"
#include "vmm/move/snapchain.h"
#include "vmm/move/snapshot.h"

/* guest.snapshots: from the first save or load on. */
struct snapshots {
	struct snap_id base;		/* what was saved or loaded last */
	char *base_path;		/* absolute; NULL: none */
	struct mem_log *log;		/* pages written since then; NULL: not known */
	guint notify;			/* source: the guest is going to be told; 0: no */
	/* RAM on its way */
	struct lazy *lazy;
	struct snapram *ram;
	struct snapchain *chain;
};

struct snapshots *snapshots_of(struct guest *g);
/* From now on the next incremental snapshot builds on that one. The guest is frozen. */
void snapshots_new_base(struct guest *g, const struct snap_id *id, const char *path);
/* What it builds on is not known any more. */
void snapshots_no_base(struct guest *g);

#endif
