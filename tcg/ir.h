/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The intermediate representation: one linear array of 16-byte operations for a
 * superblock (single entry, side exits), in a per-thread arena.
 *
 * Values are 16-bit ids: [0, nr_slots) are guest slots (architectural registers,
 * described by the ISA's slot table), from nr_slots on temporaries of the block,
 * each assigned once. A temporary may be a constant, or a constant relative to
 * the block's virtual page (so that one translation may serve several mappings).
 *
 * Precision: guest slots hold the architectural state whenever an operation with
 * IRF_F or a floating one executes: a back end may start the instruction anew there.
 * So an instruction's own slot writes, and what else cannot be repeated, follow its
 * last such operation, and temporaries end with it. ir_validate checks this.
 */
#ifndef TCG_IR_H
#define TCG_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { IRF_P = 1, IRF_F = 2, IRF_E = 4, IRF_X = 8 };

enum ir_opcode {
#define IR(name, dst, a, b, c, d, flags) IR_##name,
#include "tcg/ir.def"
#undef IR
	IR_NR_OPS
};

typedef uint16_t ir_val;
#define IR_NONE ((ir_val)0xffff)

enum ir_type { IR_I64, IR_I32, IR_I32S, IR_F32, IR_F64 };	/* low 4 bits of ty */
enum ir_cc {			/* high 4 bits of ty; the low bit inverts */
	IR_EQ, IR_NE, IR_LT, IR_GE, IR_LE, IR_GT, IR_LTU, IR_GEU, IR_LEU, IR_GTU
};
#define IR_TY(ty, cc) ((uint8_t)((ty) | (cc) << 4))
#define IR_TYPE(ty) ((enum ir_type)((ty) & 15))
#define IR_CC(ty) ((enum ir_cc)((ty) >> 4))

enum {				/* memop */
	/* log2 of bytes */
	MO_8 = 0, MO_16 = 1, MO_32 = 2, MO_64 = 3, MO_128 = 4, MO_256 = 5, MO_SIZE = 7,
	MO_SIGN = 8,		/* sign-extend to 64 bits */
	MO_BE = 16,
	MO_ALIGN = 32,		/* misaligned: fault (FAULT_ALIGN) */
	MO_ACQ = 64, MO_REL = 128,	/* acquire load, release store */
	MO_AMO = 256,		/* read-modify-write or SC: a fault is a store fault */
	/*
	 * FLD into a vector slot: bits 128 and up stay; without, they become zero. Below that
	 * the rest is zero either way.
	 */
	MO_VMERGE = 512,
	/* LD whose instruction stores there next: a fault is a store fault */
	MO_RMW = 1024,
};
/*
 * Vector operations. What becomes of the result's bits 128 to 255: V_MERGE leaves what the
 * destination has there (x86's SSE encodings), V_128 zeroes them, V_256 computes them.
 */
enum vec_mode { V_MERGE, V_128, V_256 };
#define VOP_AUX(vop, mode, imm) \
	((uint32_t)(vop) | (uint32_t)(mode) << 12 | ((uint32_t)(imm) & 0xff) << 16)
#define VOP_OP(aux) ((aux) & 0xfff)
#define VOP_MODE(aux) ((enum vec_mode)((aux) >> 12 & 3))
#define VOP_IMM(aux) ((uint8_t)((aux) >> 16))
enum ir_amo { AMO_SWAP, AMO_ADD, AMO_AND, AMO_OR, AMO_XOR, AMO_MINS, AMO_MAXS, AMO_MINU, AMO_MAXU };
enum { IR_FENCE_RR = 1, IR_FENCE_RW = 2, IR_FENCE_WR = 4, IR_FENCE_WW = 8, IR_FENCE_FULL = 15 };
enum ir_fcmp {
	IR_FEQ,
	IR_FLT,
	IR_FLE,
	IR_FCMP_SIGNALING = 4
};                      /* RISC-V: feq quiet, flt/fle signaling */
enum { IR_RM_DYN = 7 }; /* low 3 bits of aux: an enum sf_round, or the block's ir_block.round */
enum { IR_FMA_NEG_PROD = 16, IR_FMA_NEG_ADD = 32 };	/* flags of aux */
enum { IR_INT_S32, IR_INT_U32, IR_INT_S64, IR_INT_U64 };	/* integer kind of F2I, I2F */
enum ir_fp_policy {
	FP_NONE,
	FP_RISCV,
	FP_X86
}; /*
    * RISCV: default NaN, F32 boxed in 64 bits, min/max of 754-2019, saturating F2I.
    * X86: vectors only; the first NaN operand quieted, MXCSR's flags, FTZ and DAZ
    */

enum { /* ty of CALL */
       /* none: fn reads and writes neither slots nor pc, can't fault */
       IRH_SYNC = 1, /* fn may read and write slots in the state */
       IRH_LEAVE =
	       2, /* fn may raise an exception or change the mode by setting CPU_HEAD()->leave */
       IRH_INT_ONLY = 4, /* fn was compiled with -mgeneral-regs-only and calls nothing else */
       IRH_PURE = 8, /* only its result matters (it may read the state): dropped when dst is dead */
       /*
	* pure and for integers only: the result is the third operand of the state's flags where
	* isa_tcg.flags_c_first to flags_c_last made them, which needs no call
	*/
       IRH_FLAGS_C = 16,
};

/*
 * ty of EXITFN. Where fn leaves neither cpu_head.leave nor cpu_head.poll set, go on at the new pc
 * in the mode that it has made known (env->mode_changed) without asking the engine. fn looks
 * for itself whether an interrupt can be taken now, and then sets poll.
 */
enum { IRX_CONTINUE = 1 };

struct ir_op {
	uint8_t op, ty;
	ir_val dst, a, b;
	union {
		int64_t imm;
		struct { int32_t off; uint32_t memop; };
		struct { ir_val c, d; uint32_t aux; };
		/* GUARD: off, aux shares memop's place */
	};
};
_Static_assert(sizeof(struct ir_op) == 16, "two to a cache line half");

struct ir_slot {		/* one per guest slot, in slot order */
	const char *name;
	uint32_t off;		/* in the state */
	/* 0 integer (64 bits), 1 floating (64 bits), 2 vector (256 bits, off a multiple of 32) */
	uint8_t fp;
	uint8_t pin;		/* 1..: order of preference for a pinned host register; 0 never */
};

enum val_kind {
	VAL_TMP,
	VAL_FTMP,
	VAL_CONST,
	VAL_PC
}; /* VAL_PC: cval is a virtual address in terms of ir_block.pc */
struct ir_value { uint8_t kind; uint8_t uses; uint64_t cval; };

#define IR_MAX_OPS 2048
#define IR_MAX_VALS 2048
#define IR_MAX_SLOTS 128

struct isa_tcg;

struct cpu_env;

struct ir_block {
	const struct isa_tcg *tcg;
	struct cpu_env *env;	/* of the vCPU: its model; NULL in tests of the IR */
	uint64_t pc,
		end; /* guest virtual range covered: [pc, end) lies in one page unless `cross` */
	uint32_t key;		/* mode key the block is translated for */
	uint8_t view;		/* memory view, of cpu_mode */
	uint8_t round;		/* enum sf_round assumed (from the key) */
	bool cross;		/* its only instruction crosses the page */
	bool full;		/* arena nearly full: the front end must end the block */
	unsigned nr_slots, nr_ops, nr_vals, nr_insns, max_insns;
	struct ir_op ops[IR_MAX_OPS];
	struct ir_value vals[IR_MAX_VALS];	/* of value id - nr_slots */
	/* builder: constant known to be in a slot */
	ir_val slot_const[IR_MAX_SLOTS];	/* IR_NONE, or a VAL_CONST/VAL_PC value */
	/* builder: 1 + index of the op that last wrote the slot; 0: none in the block */
	uint16_t slot_def[IR_MAX_SLOTS];
};

extern const struct ir_opinfo {
	const char *name;
	char dst, a, b, c, d;
	uint8_t flags;
} ir_opinfo[IR_NR_OPS];

/* Checks operand kinds, single assignment, one END op at the end: NULL, or what is wrong. */
const char *ir_validate(const struct ir_block *b);
void ir_print(const struct ir_block *b, FILE *f);
void ir_print_op(const struct ir_block *b, const struct ir_op *op, FILE *f);

#endif
