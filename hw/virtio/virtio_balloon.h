/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the monitor and the API: how much memory a guest shall keep, and what it says about its
 * memory. d is a "virtio-balloon"; any thread, without its lock.
 */
#ifndef HW_VIRTIO_VIRTIO_BALLOON_H
#define HW_VIRTIO_VIRTIO_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct dev;

enum virtio_balloon_stat {	/* the tags of virtio 1.2, 5.5.6.4, and Linux's later ones */
	BALLOON_SWAP_IN, BALLOON_SWAP_OUT, BALLOON_MAJFLT, BALLOON_MINFLT, BALLOON_MEMFREE,
	BALLOON_MEMTOT, BALLOON_AVAIL, BALLOON_CACHES, BALLOON_HTLB_PGALLOC, BALLOON_HTLB_PGFAIL,
	BALLOON_OOM_KILL, BALLOON_ALLOC_STALL, BALLOON_ASYNC_SCAN, BALLOON_DIRECT_SCAN,
	BALLOON_ASYNC_RECLAIM, BALLOON_DIRECT_RECLAIM, BALLOON_NR_STATS,
};

struct virtio_balloon_stats {
	uint64_t target, actual;	/* bytes of RAM that the guest shall have, and has */
	uint64_t discarded, reported;	/* bytes given back so far by inflating, by reports */
	uint64_t refused;		/* pages that were not the guest's to give */
	uint64_t updates;		/* statistics received; 0: the rest is unknown */
	uint64_t age_ns;		/* of the last ones, virtual time */
	uint32_t known;			/* a bit for each of val */
	uint64_t val[BALLOON_NR_STATS];	/* memory in bytes */
};

/* The guest shall keep `bytes` of its RAM (rounded down to pages); it follows when it can. */
int virtio_balloon_set_target(struct dev *d, uint64_t bytes, struct err *e);
/* What is known now; asks the guest for newer statistics, which come later. */
void virtio_balloon_stats(struct dev *d, struct virtio_balloon_stats *out);
/* The same as text for `info balloon`: malloc'ed. */
char *virtio_balloon_info(struct dev *d);

#endif
