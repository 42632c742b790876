// SPDX-License-Identifier: GPL-2.0-or-later
/* Multiplication, division, decimal arithmetic (SDM volume 2). */
#include "target/x86/arith.h"
#include "target/x86/insn.h"
#include "target/x86/trans_int.h"

static ir_val extended(struct x86_ctx *ctx, ir_val v, unsigned size, bool sign)
{
	static const uint8_t ops[2][5] = {
		{ [1] = IR_ZEXT8, [2] = IR_ZEXT16, [4] = IR_ZEXT32 },
		{ [1] = IR_SEXT8, [2] = IR_SEXT16, [4] = IR_SEXT32 },
	};
	uint64_t c;
	unsigned k = 64 - 8 * size;

	if (size == 8)
		return v;
	if (ir_is_const(ctx->b, v, &c) && v >= ctx->b->nr_slots)
		return x86_imm(ctx, sign ? (uint64_t)((int64_t)(c << k) >> k) : c << k >> k);
	return ir_get1(ctx->b, (enum ir_opcode)ops[sign][size], IR_I64, v);
}

/* --- multiplication --- */

/* MUL, IMUL with one operand: rDX:rAX (AX) = rAX * operand; CF, OF: the upper half says more. */
bool x86_trans_mul(struct x86_ctx *ctx, const struct x86_insn *i)
{
	bool sign = (i->reg & 7) == 5;
	unsigned size = i->opnd[0].size;
	struct ir_block *b = ctx->b;
	ir_val x = x86_raw(ctx, 0), rax = x86_gpr(X86_RAX), lo, hi, over;

	if (size == 8) {
		lo = ir_get2(b, IR_MUL, IR_I64, rax, x);
		hi = ir_get2(b, sign ? IR_MULHS : IR_MULHU, IR_I64, rax, x);
		over = sign ? ir_get2(b, IR_XOR, IR_I64, hi,
				      ir_get2(b, IR_SAR, IR_I64, lo, x86_imm(ctx, 63))) : hi;
		ir_mov(b, rax, lo);
		ir_mov(b, x86_gpr(X86_RDX), hi);
	} else {
		lo = ir_get2(b, IR_MUL, IR_I64, extended(ctx, rax, size, sign),
			     extended(ctx, x, size, sign));
		hi = ir_get2(b, IR_SHR, IR_I64, lo, x86_imm(ctx, 8 * size));
		over = sign ? ir_get2(b, IR_XOR, IR_I64, lo, extended(ctx, lo, size, true)) : hi;
		if (size == 1) {
			x86_reg_put(ctx, X86_RAX, 2, lo);
		} else {
			x86_reg_put(ctx, X86_RAX, size, lo);
			x86_reg_put(ctx, X86_RDX, size, hi);
		}
	}
	x86_flags(ctx, X86_CC_MUL, size, rax, over, IR_NONE);
	return true;
}

/* IMUL with two or three operands: the lower half alone. */
bool x86_trans_imul(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opsize;
	bool three = i->nr_opnds == 3;
	struct ir_block *b = ctx->b;
	ir_val d = x86_gpr(i->opnd[0].reg), x = three ? x86_raw(ctx, 1) : d, lo, over, t;
	ir_val y = x86_raw(ctx, three ? 2 : 1);

	if (size == 8) {
		t = ir_get2(b, IR_MULHS, IR_I64, x, y);
		ir_op2(b, IR_MUL, IR_I64, d, x, y);
		over = ir_get2(b, IR_XOR, IR_I64, t,
			       ir_get2(b, IR_SAR, IR_I64, d, x86_imm(ctx, 63)));
	} else if (size == 4) {
		t = ir_get2(b, IR_MUL, IR_I64, extended(ctx, x, 4, true),
			    extended(ctx, y, 4, true));
		over = ir_get2(b, IR_XOR, IR_I64, t, extended(ctx, t, 4, true));
		ir_op2(b, IR_MUL, IR_I32, d, x, y);
	} else {
		lo = ir_get2(b, IR_MUL, IR_I64, extended(ctx, x, size, true),
			     extended(ctx, y, size, true));
		over = ir_get2(b, IR_XOR, IR_I64, lo, extended(ctx, lo, size, true));
		x86_reg_put(ctx, i->opnd[0].reg, size, lo);
	}
	x86_flags(ctx, X86_CC_MUL, size, d, over, IR_NONE);
	return true;
}

bool x86_trans_mulx(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val rdx = x86_gpr(X86_RDX), x = x86_raw(ctx, 2), lo, hi;
	struct ir_block *b = ctx->b;

	if (i->opnd[0].size == 8) {
		lo = ir_get2(b, IR_MUL, IR_I64, rdx, x);
		hi = ir_get2(b, IR_MULHU, IR_I64, rdx, x);
	} else {
		lo = ir_get2(b, IR_MUL, IR_I64, extended(ctx, rdx, 4, false),
			     extended(ctx, x, 4, false));
		hi = ir_get2(b, IR_SHR, IR_I64, lo, x86_imm(ctx, 32));
	}
	x86_put(ctx, 1, lo);
	x86_put(ctx, 0, hi);	/* last: where both are one register, it has the upper half */
	return true;
}

/* --- division --- */

static ir_val divide(struct x86_ctx *ctx, ir_helper fn, ir_val a, ir_val x)
{
	ir_val t = ir_tmp(ctx->b);

	ir_call(ctx->b, IRH_INT_ONLY | IRH_LEAVE, t, fn, a, x);
	return t;
}

/* Is rDX the sign of rAX (CDQ, CQO)? */
static bool sign_in_rdx(const struct x86_ctx *ctx, unsigned size)
{
	const struct ir_block *b = ctx->b;
	unsigned def = b->slot_def[X86_RDX];
	const struct ir_op *op = def ? &b->ops[def - 1] : NULL;
	uint64_t c;

	return op && op->op == IR_SAR && IR_TYPE(op->ty) == (size == 8 ? IR_I64 : IR_I32) &&
	       op->dst == x86_gpr(X86_RDX) && op->a == x86_gpr(X86_RAX) &&
	       op->b >= b->nr_slots &&	/* SARX: RCX may have become 63 since */
	       ir_is_const(b, op->b, &c) && c == 8 * size - 1 && b->slot_def[X86_RAX] < def;
}

/*
 * The common divisions inline. What is, or may be, #DE fails a guard and goes the long way; so
 * does -1 as a divisor where the quotient could be too great for it.
 */
static bool divide_inline(struct x86_ctx *ctx, bool sign, unsigned size, ir_val x)
{
	enum ir_type ty = size == 8 ? IR_I64 : IR_I32;
	ir_val a = x86_gpr(X86_RAX), bad, q, r, t;
	struct ir_block *b = ctx->b;
	uint64_t c;

	if (size < 4 || !x86_short_form(ctx))
		return false;
	bad = ir_tmp(b);
	if (!sign && ir_is_const(b, x86_gpr(X86_RDX), &c) && !(size == 8 ? c : (uint32_t)c)) {
		q = ir_get2(b, IR_DIVU, ty, a, x);
		ir_setc(b, IR_EQ, ty, bad, x, x86_imm(ctx, 0));
	} else if (sign && sign_in_rdx(ctx, size)) {
		q = ir_get2(b, IR_DIVS, ty, a, x);
		t = ir_get2(b, IR_ADD, ty, x, x86_imm(ctx, 1));
		ir_setc(b, IR_LEU, ty, bad, t, x86_imm(ctx, 1));
	} else if (size == 4) {
		a = ir_get2(b, IR_SHL, IR_I64, x86_gpr(X86_RDX), x86_imm(ctx, 32));
		a = ir_get2(b, IR_OR, IR_I64, a, x86_reg_get(ctx, X86_RAX, 4));
		x = extended(ctx, x, 4, sign);
		q = ir_get2(b, sign ? IR_DIVS : IR_DIVU, IR_I64, a, x);
		if (sign) {	/* by zero gives -1 */
			ir_setc(b, IR_NE, IR_I64, bad, q, extended(ctx, q, 4, true));
			t = ir_tmp(b);
			ir_setc(b, IR_EQ, IR_I64, t, x, x86_imm(ctx, 0));
			bad = ir_get2(b, IR_OR, IR_I64, bad, t);
		} else {	/* ones */
			ir_setc(b, IR_GTU, IR_I64, bad, q, x86_imm(ctx, UINT32_MAX));
		}
	} else {
		return false;
	}
	ir_sts(b, offsetof(struct x86_state, guard), bad, MO_8);
	ir_guard(b, offsetof(struct x86_state, guard), 0);
	r = ir_get2(b, IR_MUL, IR_I64, q, x);
	r = ir_get2(b, IR_SUB, IR_I64, a, r);
	x86_reg_put(ctx, X86_RAX, size, q);
	x86_reg_put(ctx, X86_RDX, size, r);
	return true;
}

bool x86_trans_div(struct x86_ctx *ctx, const struct x86_insn *i)
{
	bool sign = (i->reg & 7) == 7;
	unsigned size = i->opnd[0].size;
	struct ir_block *b = ctx->b;
	ir_val x = x86_raw(ctx, 0), a, t, q;

	if (divide_inline(ctx, sign, size, x))
		return true;
	if (size == 8) {
		ir_sts(b, offsetof(struct x86_state, scratch), x86_gpr(X86_RDX), MO_64);
		q = divide(ctx, sign ? x86_help_idiv64 : x86_help_div64, x86_gpr(X86_RAX), x);
		t = ir_tmp(b);
		ir_lds(b, t, offsetof(struct x86_state, scratch), MO_64);
		ir_mov(b, x86_gpr(X86_RAX), q);
		ir_mov(b, x86_gpr(X86_RDX), t);
		return true;
	}
	x = extended(ctx, x, size, sign);
	if (size == 1) {
		a = x86_reg_get(ctx, X86_RAX, 2);
	} else {
		a = ir_get2(b, IR_SHL, IR_I64, x86_reg_get(ctx, X86_RDX, size),
			    x86_imm(ctx, 8 * size));
		a = ir_get2(b, IR_OR, IR_I64, a, x86_reg_get(ctx, X86_RAX, size));
	}
	/* quotient in the lower half of the dividend's width, remainder in the upper */
	q = divide(ctx, size == 4 ? (sign ? x86_help_idiv32 : x86_help_div32) :
		   size == 2 ? (sign ? x86_help_idiv16 : x86_help_div16) :
			       (sign ? x86_help_idiv8 : x86_help_div8), a, x);
	if (size == 1) {
		x86_reg_put(ctx, X86_RAX, 2, q);
		return true;
	}
	t = ir_get2(b, IR_SHR, IR_I64, q, x86_imm(ctx, 8 * size));
	x86_reg_put(ctx, X86_RAX, size, q);
	x86_reg_put(ctx, X86_RDX, size, t);
	return true;
}

/* --- decimal: C code on AX and the flags --- */

static bool decimal(struct x86_ctx *ctx, unsigned what, unsigned base)
{
	ir_val v = ir_get2(ctx->b, IR_OR, IR_I64, x86_reg_get(ctx, X86_RAX, 2),
			   x86_imm(ctx, (uint64_t)base << 16 | (uint64_t)what << 24));
	ir_val r = ir_tmp(ctx->b);

	/* AX, and the flags above it */
	ir_call(ctx->b, IRH_INT_ONLY | IRH_LEAVE, r, x86_help_decimal, v, x86_flags_get(ctx));
	x86_reg_put(ctx, X86_RAX, 2, r);
	x86_flags_packed(ctx, ir_get2(ctx->b, IR_SHR, IR_I64, r, x86_imm(ctx, 16)));
	return true;
}

bool x86_trans_daa(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return decimal(ctx, X86_DEC_DAA, 0);
}

bool x86_trans_das(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return decimal(ctx, X86_DEC_DAS, 0);
}

bool x86_trans_aaa(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return decimal(ctx, X86_DEC_AAA, 0);
}

bool x86_trans_aas(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return decimal(ctx, X86_DEC_AAS, 0);
}

bool x86_trans_aam(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return decimal(ctx, X86_DEC_AAM, (unsigned)i->imm[0]);
}

bool x86_trans_aad(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return decimal(ctx, X86_DEC_AAD, (unsigned)i->imm[0]);
}
