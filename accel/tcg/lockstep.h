/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -accel tcg,lockstep=on: every block is first interpreted as a dry run, then its
 * emitted code runs and must leave the same registers, memory and FP flags.
 */
#ifndef ACCEL_TCG_LOCKSTEP_H
#define ACCEL_TCG_LOCKSTEP_H

#include "accel/tcg/dryrun.h"

struct lock_ir {		/* a block's IR, kept between its runs */
	struct lock_ir *next;
	const struct tb *tb;
	uint64_t age;		/* its region's when this was made: blocks reuse addresses */
	uint64_t runs;
	bool helpers;		/* calls C */
	unsigned nr_ops, nr_vals;
	struct ir_block *head;	/* only what lies before ops */
	struct ir_op *ops;
	struct ir_value *vals;
};

enum lock_outcome {
	LOCK_SAME, LOCK_SKIPPED, LOCK_RACED, LOCK_DIFFERS,
	LOCK_MOVED,		/* could not be run; look at the state's pc again */
	LOCK_DEVICE,		/* was not run: one of several instructions touches a device */
};

struct lock_cpu {
	struct tcg_cpu *c;
	struct dry dry;		/* the whole block */
	struct dry cut;		/* the part that really ran, where it left early */
	const struct dry *want;	/* which of them was compared */
	const struct lock_ir *ir;
	uint64_t pc;		/* where the block was entered */
	char *orig;		/* head and state before the block */
	struct cpu_env_ops real;	/* of the vCPU, behind the ones that replay */
	bool replaying;
	unsigned at_time, at_lines;
};

#define LOCK_HASH 16384

struct tcg_lockstep {
	pthread_mutex_t lock;	/* one vCPU at a time: nobody else's stores come in between */
	struct isa_tcg isa;	/* whose failed guards are noted, not handled */
	struct lock_ir *hash[LOCK_HASH];
	unsigned nr_ir;
	struct lock_cpu *cpu[256];
	uint64_t n_same, n_skipped, n_device, n_raced, n_full, n_cut;
};

/* Runs tb from the present state, twice. */
enum lock_outcome lock_run_block(struct lock_cpu *lc, struct tb *tb);
/* Fills b with the IR of lc->ir. */
void lock_load_ir(const struct lock_cpu *lc, struct ir_block *b);
static inline void *lock_orig(const struct lock_cpu *lc)
{
	return lc->orig + sizeof(struct cpu_head);
}

/* Takes the block at pc out, if there is one, so that it is translated again. */
void lock_kill(struct tcg_cpu *c, uint64_t pc, bool safe);

/*
 * lockstep_report.c: finds the first instruction that differs and prints all
 * about it; text: one line for the user
 */
void lock_report(struct lock_cpu *lc, uint64_t pc, bool safe, unsigned insns, char *text, size_t n);

#endif
