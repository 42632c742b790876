/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference for the IR: executes a block over an architectural state, one
 * operation at a time, with no host floating point. Emitted code is compared with
 * it (tests/ir, `-accel tcg,interp=on`), and it is the port for hosts that have
 * no back end.
 */
#ifndef TCG_INTERP_INTERP_H
#define TCG_INTERP_INTERP_H

#include "tcg/ir.h"

/*
 * Guest memory. Non-zero return: a fault was raised in the state, the block is left
 * at once. memop is the operation's; values are the guest's numbers (MO_BE is the
 * callback's business) in their low bits, what a load leaves above them is ignored.
 * amo and cas are indivisible and sequentially consistent; *old is the value before.
 */
struct interp_mem {
	int (*load)(void *opaque, uint64_t va, uint32_t memop, uint64_t *val);
	int (*store)(void *opaque, uint64_t va, uint32_t memop, uint64_t val);
	int (*amo)(void *opaque, uint64_t va, enum ir_amo kind, uint64_t v, uint32_t memop,
		   uint64_t *old);
	int (*cas)(void *opaque, uint64_t va, uint64_t expect, uint64_t new, uint32_t memop,
		   uint64_t *old);
	void *opaque;
	/*
	 * MO_128, MO_256: val has 2 or 4 words, the lowest first, in or out. A fault anywhere
	 * leaves memory untouched. NULL: no ISA whose fp_policy is FP_X86 is run.
	 */
	int (*vec)(void *opaque, uint64_t va, uint32_t memop, bool write, uint64_t *val);
	/* Before each instruction but the first: is the rest of the block old code? NULL: no. */
	bool (*stop)(void *opaque);
};

enum interp_how {
	INTERP_PC,		/* go on at pc; the state's pc says the same */
	INTERP_LEAVE,		/* CPU_HEAD()->leave is set, or state's pc was set by other code */
	INTERP_FAULT,		/* a memory callback returned non-zero */
};

struct interp_result {
	enum interp_how how;
	uint64_t pc;		/* INTERP_PC only */
	unsigned insns;		/* guest instructions begun */
};

/*
 * The state's pc must be the address the block is entered at: b->pc, or the same
 * offset in another virtual page. During the run it is exact at every operation that
 * may fault or leave. Returns 0, or -EINVAL for a block that ir_validate refuses in a
 * way that shows while running.
 */
int interp_run(const struct ir_block *b, void *state, const struct interp_mem *m,
	       struct interp_result *r);

/* What memory holds after a read-modify-write: old and v by memop's width. */
uint64_t interp_amo_value(enum ir_amo kind, uint64_t old, uint64_t v, uint32_t memop);

#endif
