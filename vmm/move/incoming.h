/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by incoming*.c only. */
#ifndef VMM_MOVE_INCOMING_H
#define VMM_MOVE_INCOMING_H

#include "vmm/move/migrate_int.h"

struct stream {
	struct incoming *in;
	unsigned number;
	pthread_t thread;
	bool up;
};

struct incoming {
	struct migration *m;
	struct chan_listener *listener;
	struct stream stream[WIRE_MAX_STREAMS];	/* but the first */
	_Atomic bool streams_end;
	bool two_way;
	uint32_t flags;			/* HELLO_* */
	bool took_disks, ready;
	uint8_t *blocks;

	pthread_mutex_t lock;
	pthread_cond_t cond;
	uint32_t round;			/* all streams have ended it */
	unsigned arrived;		/* streams at the end of the next one, but the first */
	bool failed;
	struct err why;

	/* post-copy */
	int uffd;			/* -1: not used */
	/* by this machine's blocks, a bit a page; the post thread's */
	uint64_t *missing[MEM_MAX_BLOCKS], *wanted[MEM_MAX_BLOCKS];
	uint32_t number[MEM_MAX_BLOCKS];	/* what the source calls them */
	_Atomic uint64_t nr_missing;
	pthread_t post;
	bool post_up;
	pthread_mutex_t send_lock;	/* of the first stream's answers */
	bool post_done, may_go, go;	/* under lock; may_go: MV_READY is on its way */
	int post_ret;
};

void incoming_join_streams(struct migration *m);	/* all but the first end */

/*
 * incoming_post.c: pages that come while the guest runs. start: before the state is loaded; from
 * then on its thread reads the first stream. ready: MV_READY; go: waits for MV_GO. incoming_post:
 * MV_GOING, and the wait for the last page. stop: the thread ends, before MV_GO.
 */
int  incoming_missing(struct migration *m, const struct wire_msg *msg, struct err *e);
int  incoming_post_start(struct migration *m, struct err *e);
int  incoming_post_ready(struct migration *m, struct err *e);
int  incoming_post_go(struct migration *m, struct err *e);
void incoming_post_stop(struct migration *m);
int  incoming_post(struct migration *m, struct err *e);
void incoming_post_end(struct incoming *in);	/* ambi ends; the first stream is still open */
void incoming_post_free(struct incoming *in);

#endif
