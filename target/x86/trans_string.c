// SPDX-License-Identifier: GPL-2.0-or-later
/* String instructions: repeated ones in C, single ones inline; IN and OUT (SDM volume 2). */
#include "target/x86/insn.h"
#include "target/x86/string_io.h"
#include "target/x86/trans_int.h"

static bool repeated(struct x86_ctx *ctx, const struct x86_insn *i, enum x86_string kind,
		     unsigned size)
{
	unsigned rep = i->rep == 0xf3 ? X86_REP_E : i->rep ? X86_REP_NE : X86_REP_NONE;

	x86_call(ctx, x86_help_string,
		 x86_imm(ctx, X86_STRING_HOW(kind, size, i->adsize, i->sreg, rep)), IR_NONE);
	/* it may have written what follows */
	ir_exit(ctx->b, ctx->next);
	ctx->done = true;
	return true;
}

static ir_val address(struct x86_ctx *ctx, const struct x86_insn *i, unsigned reg, unsigned size,
		      bool write)
{
	return x86_linear(ctx, reg == X86_RSI ? i->sreg : X86_ES,
			  x86_reg_get(ctx, reg, i->adsize), size, write);
}

static ir_val load(struct x86_ctx *ctx, const struct x86_insn *i, unsigned reg, unsigned size)
{
	ir_val t = ir_tmp(ctx->b);

	x86_ld(ctx, t, address(ctx, i, reg, size, false), 0, x86_mo(size));
	return t;
}

/* size, or -size where DF is set */
static ir_val step(struct x86_ctx *ctx, unsigned size)
{
	struct ir_block *b = ctx->b;
	ir_val t = ir_tmp(b);

	ir_lds(b, t, offsetof(struct x86_state, rflags) + 1, MO_8);
	t = ir_get2(b, IR_AND, IR_I64, t, x86_imm(ctx, X86_FLAG_DF >> 8));	/* 4 or 0 */
	t = size == 1 ? ir_get2(b, IR_SHR, IR_I64, t, x86_imm(ctx, 1)) :
			ir_get2(b, IR_SHL, IR_I64, t, x86_imm(ctx, x86_mo(size) - 1));
	return ir_get2(b, IR_SUB, IR_I64, x86_imm(ctx, size), t);
}

static void advance(struct x86_ctx *ctx, const struct x86_insn *i, unsigned reg, ir_val by)
{
	ir_val r = x86_gpr(reg);

	if (i->adsize >= 4)
		ir_op2(ctx->b, IR_ADD, i->adsize == 8 ? IR_I64 : IR_I32, r, r, by);
	else
		x86_reg_put(ctx, reg, 2, ir_get2(ctx->b, IR_ADD, IR_I64, r, by));
}

bool x86_trans_movs(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size;
	ir_val v, by;

	if (i->rep)
		return repeated(ctx, i, X86_MOVS, size);
	v = load(ctx, i, X86_RSI, size);
	x86_st(ctx, address(ctx, i, X86_RDI, size, true), 0, v, x86_mo(size));
	by = step(ctx, size);
	advance(ctx, i, X86_RSI, by);
	advance(ctx, i, X86_RDI, by);
	return true;
}

bool x86_trans_stos(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size;

	if (i->rep)
		return repeated(ctx, i, X86_STOS, size);
	x86_st(ctx, address(ctx, i, X86_RDI, size, true), 0, x86_gpr(X86_RAX), x86_mo(size));
	advance(ctx, i, X86_RDI, step(ctx, size));
	return true;
}

bool x86_trans_lods(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[1].size;
	ir_val v;

	if (i->rep)
		return repeated(ctx, i, X86_LODS, size);
	v = load(ctx, i, X86_RSI, size);
	x86_reg_put(ctx, X86_RAX, size, v);
	advance(ctx, i, X86_RSI, step(ctx, size));
	return true;
}

bool x86_trans_cmps(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size;
	ir_val a, x, by;

	if (i->rep)
		return repeated(ctx, i, X86_CMPS, size);
	a = load(ctx, i, X86_RSI, size);
	x = load(ctx, i, X86_RDI, size);
	by = step(ctx, size);
	advance(ctx, i, X86_RSI, by);
	advance(ctx, i, X86_RDI, by);
	x86_flags(ctx, X86_CC_CMP, size, a, x, IR_NONE);
	return true;
}

bool x86_trans_scas(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[1].size;
	ir_val x;

	if (i->rep)
		return repeated(ctx, i, X86_SCAS, size);
	x = load(ctx, i, X86_RDI, size);
	advance(ctx, i, X86_RDI, step(ctx, size));
	x86_flags(ctx, X86_CC_CMP, size, x86_gpr(X86_RAX), x, IR_NONE);
	return true;
}

bool x86_trans_ins(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return repeated(ctx, i, X86_INS, i->opnd[0].size);
}

bool x86_trans_outs(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return repeated(ctx, i, X86_OUTS, i->opnd[1].size);
}

/* --- ports --- */

/* port | size << 16 */
static ir_val port(struct x86_ctx *ctx, const struct x86_insn *i, unsigned n, unsigned size)
{
	if (i->opnd[n].kind == X86_O_IMM)
		return x86_imm(ctx, i->imm[0] | (uint64_t)size << 16);
	return ir_get2(ctx->b, IR_OR, IR_I64, x86_reg_get(ctx, X86_RDX, 2),
		       x86_imm(ctx, (uint64_t)size << 16));
}

bool x86_trans_in(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size;

	x86_put(ctx, 0, x86_call_light(ctx, x86_help_in, port(ctx, i, 1, size), IR_NONE));
	return true;
}

/* What a port does may be anything, to memory's layout, too. */
bool x86_trans_out(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[1].size;

	x86_call_light(ctx, x86_help_out, port(ctx, i, 0, size), x86_gpr(X86_RAX));
	x86_end_lookup(ctx);
	return true;
}
