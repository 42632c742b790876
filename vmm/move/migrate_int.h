/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by migrate*.c and incoming*.c only. */
#ifndef VMM_MOVE_MIGRATE_INT_H
#define VMM_MOVE_MIGRATE_INT_H

#include "hw/core/mem.h"
#include "vmm/guest.h"
#include "vmm/move/migrate.h"
#include "vmm/move/pages.h"
#include "vmm/move/state.h"
#include "vmm/move/wire.h"

enum {
	ACK_MS = 120000,	/* for what the other side has to compute or write first */
	TAKE_MS = 20000,	/* for the other side's end, when its disks are wanted */
};

struct migration;
typedef int migrate_call(struct migration *m, struct err *e);

/*
 * One migration, of either direction. Its thread does all the waiting; what touches the guest is
 * called on the main thread by migrate_on_main. The object stays for query-migrate until the next
 * one, or the guest's end.
 */
struct migration {
	struct guest *g;
	bool incoming;
	char *uri;
	uint8_t session[16];
	pthread_t thread;
	bool thread_up;			/* to be joined */
	struct chan_stop stop;

	pthread_mutex_t lock;		/* what follows, up to the next comment */
	pthread_cond_t cond;
	enum migrate_status status;
	struct err error;		/* of MIGRATE_FAILED, MIGRATE_CANCELLED */
	bool ending;			/* the main loop has ended: no more calls */
	migrate_call *call;		/* waits for the main thread */
	bool call_done;
	int call_ret;
	struct err *call_err;
	bool cancel;			/* asked for, and not too late */
	bool decided;			/* MV_GO: the source never runs again by itself */
	bool lost;			/* decided, and nobody knows whether the other side runs */
	bool thread_done;

	/* figures; any thread reads */
	uint64_t began, done_at, freeze_at;
	_Atomic uint64_t bytes, pages, zero_pages, remaining, disk_bytes, disk_total;
	_Atomic uint64_t dirty_rate, bandwidth;		/* pages a second, bytes a second */
	_Atomic unsigned rounds, downtime_ms, expected_ms, throttle;

	/* the thread's */
	struct migrate_params par;
	struct chan *chan[WIRE_MAX_STREAMS];
	unsigned streams;
	struct page_packer *packer[WIRE_MAX_STREAMS];
	struct chan_limit limit;
	struct wire_msg msg;
	struct state_buf state;
	bool ran;			/* before the freeze; the main thread's */
	bool runs;			/* source: what MV_END says of it */
	bool frozen;			/* by this migration */
	bool inactive;			/* disks were given up */

	/* source */
	struct mem_log *log;
	pthread_mutex_t walk_lock;
	unsigned walk_block;
	uint64_t walk_page;
	uint32_t round;
	struct migrate_disk *disk;	/* `blocks` */
	unsigned nr_disks;
	_Atomic bool want_postcopy;
	_Atomic bool give_up;		/* postcopy-paused: the destination is known to be dead */

	/* destination */
	struct incoming *in;
};

/* Runs fn on the main thread and waits for it; -ECANCELED where that has ended. */
int  migrate_on_main(struct migration *m, migrate_call *fn, struct err *e);
void migrate_set_status(struct migration *m, enum migrate_status s);
void migrate_fail(struct migration *m, const struct err *e);
/*
 * Where it stands, for tests: the environment's AMBI_TEST_MIGRATE_DIE=src-NAME or dst-NAME ends
 * this process by SIGKILL here, AMBI_TEST_MIGRATE_CUT cuts the connection.
 */
void migrate_phase(struct migration *m, const char *name);
struct migration *migrate_new(struct guest *g, bool incoming, const char *uri, struct err *e);
void migrate_free(struct migration *m);
int  migrate_thread(struct migration *m, void *(*fn)(void *), struct err *e);
/* A call for migrate_on_main, with the guest's events served first; fills m->ran. */
int  migrate_freeze(struct migration *m, struct err *e);
int  migrate_freeze_wait(struct migration *m, struct err *e);	/* the thread's form */
/* Main thread: a source whose destination is known to be dead runs again. */
int  migrate_go_on(struct migration *m, struct err *e);

/* migrate_source.c */
void *migrate_source(void *m);
/* Disks, state and MV_END, of the frozen guest. */
int  migrate_state(struct migration *m, struct err *e);
/* The point of no return; false: it was cancelled before. */
bool migrate_decide(struct migration *m);
void migrate_undecide(struct migration *m);	/* the destination has said that it won't run */
void migrate_lost(struct migration *m);		/* nobody knows whether it runs */

/* migrate_post.c: what follows the freeze, where the rest of RAM comes after the guest */
int  migrate_post(struct migration *m, struct err *e);

/* migrate_source.c */
/* Into msg of the control channel, why the other side ended the connection, if it said so. */
int  migrate_reason(struct migration *m, struct err *e);

/* migrate_ram.c */
int  migrate_ram_start(struct migration *m, struct err *e);
int  migrate_ram_round(struct migration *m, struct err *e);	/* what is in the log */
int  migrate_ram_send(struct migration *m, unsigned stream, const struct page_ref *ref, unsigned n,
		      struct err *e);
void migrate_ram_end(struct migration *m);

/* migrate_disk.c */
int  migrate_disks_start(struct migration *m, struct err *e);
int  migrate_disks_bulk(struct migration *m, struct err *e);
int  migrate_disks_round(struct migration *m, struct err *e);
uint64_t migrate_disks_dirty(struct migration *m);	/* bytes */
void migrate_disks_end(struct migration *m);
int  incoming_disks(struct migration *m, const struct wire_msg *msg, struct err *e);
int  incoming_disks_flush(struct migration *m, struct err *e);	/* what has come is on the disk */
int  incoming_disk(struct migration *m, const struct wire_msg *msg, struct err *e);
/*
 * Of all disks of the guest, given up (a failure leaves some to be taken back) or taken back (a
 * failure undoes it). The other side may be about to end and has the locks until then: it is tried
 * for ms.
 */
int  migrate_disks_give(struct migration *m, struct err *e);
int  migrate_disks_take(struct migration *m, unsigned ms, struct err *e);

/* incoming.c */
/* The listener, so that what is wrong with the URI is known at once. */
int  incoming_new(struct migration *m, struct err *e);
void incoming_free(struct migration *m);
void *migrate_destination(void *m);

#endif
