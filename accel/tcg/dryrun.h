/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a block by the interpreter as if nothing had happened: on a copy of the
 * state, stores going to a log that later loads see. What target code asks of the
 * world is answered from the real one and noted, so that running the block for
 * real can be given the same answers.
 */
#ifndef ACCEL_TCG_DRYRUN_H
#define ACCEL_TCG_DRYRUN_H

#include "accel/tcg/tcg.h"

#define DRY_MAX_LOG 1024
#define DRY_MAX_ANSWERS 16

enum dry_end {
	DRY_DONE,
	DRY_DEVICE,		/* touches what is not plain RAM */
	DRY_FULL,		/* more accesses or questions than there is room for */
	DRY_REFUSED,		/* the interpreter found the block malformed */
};

struct dry_access {		/* within one page; values in memory's byte order */
	uint64_t va;
	uint8_t *host;
	uint8_t len;
	bool write;
	uint64_t val;		/* stored, or what the load saw (earlier stores included) */
	uint64_t old;		/* what memory holds */
};

struct dry {
	struct tcg_cpu *c;
	void *state;		/* the copy, with head and headroom as a vCPU's */
	struct cpu_env env;	/* of the copy */
	enum dry_end end;
	unsigned insns;		/* begun */
	unsigned nr_log, nr_writes;
	struct dry_access log[DRY_MAX_LOG];
	const struct dry
		*from; /* not NULL: loads and answers are those of that run, which began alike */
	uint64_t time[DRY_MAX_ANSWERS], lines[DRY_MAX_ANSWERS];
	unsigned nr_time, nr_lines;
	uint64_t set, clear;	/* lines that the run itself changed */
};

int  dry_init(struct dry *d, struct tcg_cpu *c);	/* 0 or -ENOMEM */
void dry_fini(struct dry *d);
/* Runs b from `start` (a state with its head); the result is in d->state and d->log. */
enum dry_end dry_run(struct dry *d, const struct ir_block *b, const void *start,
		     const struct dry *from);
/* Puts back what memory held before the logged stores. */
void dry_undo(const struct dry *d);
/* A logged store that memory does not show now, or NULL; *seen: what is there. */
const struct dry_access *dry_missing(const struct dry *d, uint64_t *seen);
/* Has somebody else changed what the run read? */
bool dry_raced(const struct dry *d);

#endif
