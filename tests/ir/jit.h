/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest engine around the host's back end: emits a block, enters it and is
 * back when it leaves. Blocks that were emitted stay and are found by their pc; a
 * block's `safe` variant is made when the first one asks for it.
 */
#ifndef TESTS_IR_JIT_H
#define TESTS_IR_JIT_H

#include "tcg/emit.h"
#include "tcg/interp/interp.h"

/* Called from emitted code: page and mem must use general registers only. */
struct jit_ops {
	/* Host address of va where the page may be accessed directly (all of it), else NULL. */
	uint8_t *(*page)(void *opaque, uint64_t va, bool write);
	struct interp_mem mem;		/* the slow path: faults are raised here */
	/* The block that begins at pc. */
	void (*translate)(void *opaque, uint64_t pc, struct ir_block *b);
	void *opaque;
};

struct jit;
/* NULL: the host's processor cannot run the back end's code; *why says what is missing. */
struct jit *jit_new(const struct isa_tcg *tcg, const char **why);
void jit_free(struct jit *j);
/* Forgets all blocks and TLB entries. */
void jit_reset(struct jit *j);

/*
 * Runs from the state's pc until emitted code leaves: at an exit to a pc that has no
 * block yet (0), by a fault or a helper (1). Sticky FP flags are in CPU_HEAD()->fp_flags.
 * -E2BIG, -ENOSPC: not emitted.
 */
int jit_run(struct jit *j, void *state, const struct jit_ops *ops);

/* Only emits: 0, -E2BIG or -ENOSPC. jit_code() has the result. */
int jit_emit(struct jit *j, const struct ir_block *b);

struct jit_stats { unsigned long blocks, safe, groups, slow, too_big; size_t bytes; };
const struct jit_stats *jit_stats(const struct jit *j);
/*
 * The last block's code, for pins and failure reports: all of it, and the part
 * before the cold stubs.
 */
const uint8_t *jit_code(const struct jit *j, size_t *size, size_t *hot);

#endif
