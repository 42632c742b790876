// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From guest code to a block of IR. A block goes on through direct jumps forward
 * inside its page and through conditional branches that are not taken, so that
 * the back end sees long stretches; each taken branch is a side exit.
 */
#include "target/riscv/translate.h"

#include <string.h>

#include "riscv_decode.h"
#include "target/riscv/helper.h"
#include "target/riscv/tcg.h"

unsigned riscv_insn_len(const uint8_t *code, unsigned avail, uint32_t key)
{
	return (code[0] & 3) == 3 ? 4 : 2;
}

void riscv_end_lookup(struct riscv_ctx *ctx)
{
	ir_lookup(ctx->b, ctx->pc + ctx->len);
	ctx->done = true;
}

void riscv_end_fn(struct riscv_ctx *ctx, ir_leave fn, uint64_t a, uint64_t b)
{
	ir_exit_fn(ctx->b, fn, ir_const(ctx->b, a), ir_const(ctx->b, b));
	ctx->done = true;
}

void riscv_fp_check(struct riscv_ctx *ctx)
{
	unsigned bad = ctx->frm > 4 ? FPS_BAD_FRM : 0;

	if (ctx->fp_checked)
		return;
	ctx->fp_checked = true;
	ir_guard(ctx->b, offsetof(struct riscv_state, fpstate),
		 (uint8_t)(FPS_DIRTY | ctx->frm | bad));
}

static void translate_insn(struct riscv_ctx *ctx, const uint8_t *code)
{
	uint16_t half[2];
	bool ok;

	memcpy(half, code, ctx->len);
	ctx->insn = ctx->len == 4 ? half[0] | (uint32_t)half[1] << 16 : half[0];
	ctx->next = ctx->pc + ctx->len;
	ir_insn(ctx->b, ctx->pc, ctx->len);
	ok = ctx->len == 4 ? riscv_decode32(ctx, ctx->insn) : riscv_decode16(ctx, ctx->insn);
	if (!ok)
		riscv_end_fn(ctx, riscv_leave_illegal, ctx->insn, 0);
}

void riscv_translate(struct ir_block *b, const struct ir_fetch *f)
{
	struct riscv_ctx ctx = {
		.b = b, .pc = b->pc, .page_end = b->pc + f->avail,
		.features = KEY_FEATURES(b->key), .priv = KEY_PRIV(b->key), .frm = KEY_FRM(b->key),
	};

	b->round = ctx.frm > 4 ? 0 : ctx.frm;
	while (!ctx.done) {
		uint64_t off = ctx.pc - b->pc;
		const uint8_t *code = f->code + off;

		if (off + 2 > f->avail || off + riscv_insn_len(code, f->avail, 0) > f->avail ||
		    b->full || b->nr_insns >= b->max_insns) {
			ir_exit(b, ctx.pc);
			return;
		}
		ctx.len = (uint8_t)riscv_insn_len(code, f->avail, 0);
		translate_insn(&ctx, code);
		ctx.pc = ctx.next;
	}
}
