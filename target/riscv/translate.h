/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the trans_*.c files, one function per pattern of insn*.dec. They emit
 * IR in the order of the manual's description and return false for a reserved
 * encoding. An instruction's slot writes come last: what may fault goes first.
 */
#ifndef TARGET_RISCV_TRANSLATE_H
#define TARGET_RISCV_TRANSLATE_H

#include "tcg/isa_tcg.h"
#include "target/riscv/state.h"
#include "tcg/build.h"

/*
 * What a block depends on (cpu_mode.key): view 0-3, privilege 4-5, frm 8-10,
 * features 12-29 (30 and 31 are the engine's) as far as they are usable in that privilege mode.
 */
#define KEY_VIEW(k)	((k) & 15)
#define KEY_PRIV(k)	((k) >> 4 & 3)
#define KEY_FRM(k)	((k) >> 8 & 7)
#define KEY_FEATURES(k)	((k) >> 12)
#define KEY_MAKE(view, priv, frm, features)                                \
	((uint32_t)(view) | (uint32_t)(priv) << 4 | (uint32_t)(frm) << 8 | \
	 (uint32_t)(features) << 12)

/* Memory views (struct cpu_mode). */
enum { VIEW_U, VIEW_S, VIEW_S_SUM, VIEW_M, VIEW_M_MPRV, NR_VIEWS };

enum { SLOT_X = 0, SLOT_F = 32, NR_SLOTS = 64 };

struct riscv_ctx {
	struct ir_block *b;
	uint64_t pc;		/* of the instruction */
	uint64_t next;		/* where translation goes on: pc + len, or a jump's target */
	uint64_t page_end;	/* first address behind what may be fetched */
	uint32_t insn;		/* its bits */
	uint32_t features;
	uint8_t len, priv, frm;
	bool fp_checked;	/* the block has tested fpstate */
	bool done;		/* an END op has been emitted */
	uint8_t zext_reg;	/* of the slli by 32 that ends at zext_pc; 0 none */
	ir_val zext;		/* its source, zero-extended */
	uint64_t zext_pc;
};

static inline bool riscv_has(const struct riscv_ctx *ctx, uint32_t feature)
{
	return ctx->features & feature;
}

/* Integer registers: x0 reads as the constant, and writes to it are dropped. */
static inline ir_val x_get(struct riscv_ctx *ctx, int32_t r)
{
	return r ? (ir_val)(SLOT_X + r) : ir_const(ctx->b, 0);
}

static inline ir_val x_dst(int32_t r)
{
	return r ? (ir_val)(SLOT_X + r) : IR_NONE;
}

static inline ir_val f_reg(int32_t r)
{
	return (ir_val)(SLOT_F + r);
}

/* Goes on at pc + len in the engine, for what may have changed the mode or the code itself. */
void riscv_end_lookup(struct riscv_ctx *ctx);
/* Ends the block with a call that sets pc. */
void riscv_end_fn(struct riscv_ctx *ctx, ir_leave fn, uint64_t a, uint64_t b);
/*
 * Makes sure once a block that FS is dirty and frm is the key's: what follows
 * may use f registers.
 */
void riscv_fp_check(struct riscv_ctx *ctx);

#endif
