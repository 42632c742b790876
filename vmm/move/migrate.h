/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A migration as commands and queries see it. Main thread, unless said otherwise. */
#ifndef VMM_MOVE_MIGRATE_H
#define VMM_MOVE_MIGRATE_H

#include "vmm/move/move.h"

enum migrate_status {
	MIGRATE_NONE, MIGRATE_SETUP, MIGRATE_ACTIVE, MIGRATE_POSTCOPY, MIGRATE_DEVICE,
	MIGRATE_COMPLETED, MIGRATE_FAILED, MIGRATE_CANCELLING, MIGRATE_CANCELLED,
	MIGRATE_POSTCOPY_PAUSED,
};
const char *migrate_status_name(enum migrate_status s);		/* query-migrate's */

/* What migrate-set-parameters has; a migration takes a copy, limits may change under way. */
struct migrate_params {
	uint64_t bandwidth;		/* bytes a second; 0: no limit */
	unsigned downtime_ms, streams;
	int level;			/* of zstd; -1: not compressed */
	bool auto_converge, postcopy, blocks;
	bool keep;			/* the source stays, stopped, after completion */
	unsigned postcopy_rounds;	/* switch by itself after that many; 0: when asked */
	char tls_creds[1024], tls_hostname[256];	/* "": what the URI says */
};
extern struct migrate_params migrate_params;	/* for the next one */
/* Also to the one under way, where limits are concerned. */
void migrate_set_params(struct guest *g, const struct migrate_params *p);

struct migrate_info {
	enum migrate_status status;
	bool incoming;
	char error[512];		/* "": none */
	uint64_t transferred, total, remaining, pages, zero_pages;	/* bytes; pages */
	uint64_t dirty_rate, bandwidth;		/* pages a second; bytes a second */
	uint64_t disk_transferred, disk_total;
	uint64_t total_ms, downtime_ms, expected_ms;
	unsigned rounds, throttle;
};
void migrate_query(struct guest *g, struct migrate_info *i);
/* While one is under way: -EBUSY where pages of RAM are still with the source, or (any) at all. */
int  migrate_has_ram(struct guest *g, bool any, struct err *e);

/* Event MIGRATION; any thread. */
void migrate_event(struct guest *g, const char *status);

/* "inmigrate", "finish-migrate", "postmigrate"; NULL: a migration has nothing to do with it. */
const char *migrate_run_state(struct guest *g);
/*
 * `cont` for a guest that guest_is_frozen: of -incoming it runs when it is there; after a
 * migration that failed with its disks not taken back these are tried again. Where the other side
 * runs, or may run, -EBUSY; force: the user knows that it doesn't.
 */
int  migrate_cont(struct guest *g, bool force, struct err *e);

#endif
