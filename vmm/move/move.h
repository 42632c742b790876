/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that no engine owns. Switch, snapshot, migration and twin are one mechanism:
 *
 *	freeze		vCPUs at an instruction boundary, back ends quiet, virtual time stopped,
 *			registers and interrupt chips in their canonical structs
 *	save, load	these structs as a stream by names (state.h); RAM and disks by the
 *			transport at hand
 *	thaw		registers and chips to the engine, virtual time goes on
 *
 * docs/moves.md has the protocol, the formats and who runs when something fails. All functions
 * are for the main thread, unless said otherwise.
 */
#ifndef VMM_MOVE_MOVE_H
#define VMM_MOVE_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct accel_ops;
struct guest;

/* ---- freeze.c ---- */

/*
 * On success the guest stands still and vcpu.state, hw/core/irqchip.h's structs and all devices'
 * structs are what it is; RAM does not change. On failure it goes on if it ran. Nests not.
 * A reset or an end that the guest has just asked for (guest.events) is part of its state, and is
 * served here when the main loop goes on; who lets that go on meanwhile waits for it
 * (migrate_freeze).
 */
int  guest_freeze(struct guest *g, struct err *e);
/*
 * loaded: registers and chips were changed meanwhile (a load), all of it goes to the engine.
 * run: it goes on; else it stays stopped, as after `stop`.
 */
void guest_thaw(struct guest *g, bool loaded, bool run);
bool guest_is_frozen(const struct guest *g);
/* on: what is in flight is over on return; no vCPU runs. guest_resume lets them go. */
void guest_hold_back_ends(struct guest *g, bool on);
/* power.c, freeze's and thaw's: guest_cpu.power from or to an engine with local APICs. */
void guest_power(struct guest *g, bool to_engine);

/* ---- switch.c: another engine, in place ---- */

struct switch_report {
	uint64_t pause_ns;		/* of the guest's virtual CPUs, host time */
	/* to the translator: pages with translated code, and those that were changed meanwhile */
	uint64_t code_pages, code_dropped;
	char note[160];			/* what the guest may notice (TSC frequency); "": nothing */
};

/*
 * A failure leaves the guest as it was, on the old engine. To the engine that it is on: 0, at
 * once. Event VM_SWITCH.
 */
int guest_switch(struct guest *g, const struct accel_ops *to, struct switch_report *rep,
		 struct err *e);

/* ---- snapshot.c ---- */

enum clock_policy {			/* what the guest's clocks show after a restore */
	CLOCK_CONTINUE,			/* no time has passed */
	CLOCK_ADVANCE,			/* host's wall clock since the save has passed */
};

struct snapshot_save_opts {
	const char *path;		/* a file, or a directory: path/NAME.ambi */
	const char *name;		/* NULL: by date, or the file's name */
	const char *parent;		/* incremental: the snapshot's path; NULL: full */
	int level;			/* of zstd; 0: its default here */
	bool stop;			/* stays stopped afterwards */
};
struct snapshot_load_opts {
	const char *path, *name;	/* as for the save */
	enum clock_policy clock;
	bool eager;			/* all RAM before the first instruction */
	bool stop;			/* do not run */
};

/* The save: snapshot.h. */
/* Into a guest that runs, or was just built (-loadvm). A failure leaves it as it was. */
int snapshot_load(struct guest *g, const struct snapshot_load_opts *o, struct err *e);

/* ---- migrate.c, incoming.c ---- */

struct migrate_opts {			/* 0 and NULL: the default */
	const char *uri;		/* unix:PATH tcp:HOST:PORT fd:N exec:CMD file:PATH */
	uint64_t bandwidth;		/* bytes a second; 0: no limit */
	unsigned downtime_ms;		/* 0: 300 */
	unsigned streams;		/* parallel zstd streams; 0: 1 */
	int level;			/* zstd; -1: not compressed */
	bool auto_converge, postcopy, blocks;	/* blocks: disks go along */
	bool keep;			/* stays, stopped, when it has gone; else ambi ends */
	const char *tls_creds;		/* directory; NULL: no TLS */
};

/* Starts it; the rest goes on in the background. Event MIGRATION. */
int  migrate_start(struct guest *g, const struct migrate_opts *o, struct err *e);
void migrate_cancel(struct guest *g);
/* An error where it was not asked for at the start. */
int  migrate_start_postcopy(struct guest *g, struct err *e);
/*
 * -incoming and migrate-incoming, for a guest that was frozen before it ever ran: listens; the rest
 * goes on in the background, and the guest runs when it is there. A failure ends ambi.
 */
int  migrate_incoming(struct guest *g, const char *uri, struct err *e);
/* The guest ends: threads of a migration under way are gone on return. */
void migrate_end(struct guest *g);

/* ---- twin.c ---- */

struct twin_opts {
	const char *name, *accel;	/* of the copy; accel NULL: as this one's */
	const char *qmp;		/* its control socket; NULL: the usual place */
	bool run;			/* else it stays stopped */
};
/* pause: of this guest, ns. */
int guest_twin(struct guest *g, const struct twin_opts *o, int *pid, uint64_t *pause,
	       struct err *e);

#endif
