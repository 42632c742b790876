/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random IR programs in a form that can be shrunk: a list of steps that name
 * their operands so that any subset of the list is a program too. The same list is
 * built into blocks in several ways (constants known or not) and run in several
 * ways (interpreted, emitted), and all must end in the same state.
 */
#ifndef TESTS_IR_PROG_H
#define TESTS_IR_PROG_H

#include "tcg/build.h"
#include "tests/ir/machine.h"

#define PROG_STEPS 100
#define PROG_CONSTS TM_FIELDS

/*
 * Operand: a slot (integer or floating as the operation wants), a constant,
 * the result of a step.
 */
#define REF_SLOT(n) ((uint16_t)(n))
#define REF_CONST(n) ((uint16_t)(0x100 + (n)))
#define REF_STEP(n) ((uint16_t)(0x200 + (n)))

enum { STEP_LR = IR_NR_OPS };	/* load-reserved: LD and the two fields */

struct prog_step {
	uint8_t op;		/* enum ir_opcode or STEP_*; NOP: removed */
	uint8_t ty;		/* type and condition; flags of CALL */
	bool fresh;		/* begins a guest instruction */
	uint16_t dst;		/* slot, or REF_STEP(0) for a temporary */
	uint16_t a, b, c, d;
	int32_t off;		/* or kind of AMO */
	uint32_t memop;		/* or aux */
};

struct prog {
	unsigned nr_steps;
	struct prog_step steps[PROG_STEPS];
	uint8_t end;		/* opcode of the END operation */
	uint16_t end_arg;
	uint64_t consts[PROG_CONSTS];
	bool const_is_pc[PROG_CONSTS];	/* the constant is consts[] as an address */
	uint8_t round;
	uint64_t start_pc;	/* where the block is entered; built for tm_pc */
	struct tm_state start;	/* initial state */
};

enum {				/* what to draw from */
	GEN_INT = 1, GEN_MEM = 2, GEN_FP = 4, GEN_CONTROL = 8,
	GEN_PC = 16,		/* constants relative to the pc */
	GEN_ALL = 31,
	GEN_MOVED = 32,		/* entered at another virtual page than the block was made for */
};
void prog_generate(struct prog *p, uint64_t seed, unsigned max_steps, unsigned what);

enum prog_consts { PROG_KNOWN, PROG_BLIND };	/* are constants visible to the builder? */
void prog_build(const struct prog *p, struct ir_block *b, enum prog_consts consts);
/* The rest of the program from the instruction at pc. */
void prog_build_from(const struct prog *p, struct ir_block *b, enum prog_consts consts,
		     uint64_t pc);

/* Smallest program found for which fails() still says true. */
void prog_shrink(struct prog *p, bool (*fails)(const struct prog *p, void *opaque), void *opaque);

/* A small generator: the same stream on every host. */
struct rng { uint64_t s; };
uint64_t rng_next(struct rng *r);
unsigned rng_below(struct rng *r, unsigned n);
bool rng_one_in(struct rng *r, unsigned n);
uint64_t rng_int(struct rng *r);	/* interesting integers */
uint64_t rng_f64(struct rng *r);	/* interesting bit patterns */
uint32_t rng_f32(struct rng *r);

#endif
