// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flags as IR. The back end keeps an operation's operands and stores them only when somebody can
 * look (IR_FLAGS); conditions compare those operands and never make a flag. What conditions of
 * each operation mean is derived from enum x86_cc_op in state.h.
 */
#include "target/x86/helper.h"
#include "target/x86/translate.h"

enum { COND_O, COND_B, COND_Z, COND_BE, COND_S, COND_P, COND_L, COND_LE };

void x86_flags(struct x86_ctx *ctx, enum x86_cc_op op, unsigned size, ir_val a, ir_val x, ir_val c)
{
	ctx->cc_op = (uint8_t)(op + x86_mo(size));
	ir_flags(ctx->b, ctx->cc_op, a, x, c);
	ctx->cc_known = true;
	ctx->cc[0] = a;
	ctx->cc[1] = x;
	ctx->cc[2] = c;
	ctx->cc_at = ctx->b->nr_ops;
	ctx->cc_insn = ctx->b->nr_insns;
}

void x86_flags_packed(struct x86_ctx *ctx, ir_val v)
{
	x86_flags(ctx, X86_CC_PACKED, 1, v, IR_NONE, IR_NONE);
}

void x86_flags_unknown(struct x86_ctx *ctx)
{
	ctx->cc_known = false;
}

/*
 * Operand n of the operation behind the flags: the value itself where it is still that, else
 * what IR_FLAGS has left in the state. Temporaries are dear when they live long.
 */
ir_val x86_flags_operand(struct x86_ctx *ctx, unsigned n)
{
	ir_val v = ctx->cc[n], t;
	uint64_t c;

	if (v < ctx->b->nr_slots ? ctx->b->slot_def[v] <= ctx->cc_at :
				   ir_is_const(ctx->b, v, &c) ||
					   ctx->b->nr_insns - ctx->cc_insn <= 1)
		return v;
	t = ir_tmp(ctx->b);
	ir_lds(ctx->b, t, (uint32_t)(offsetof(struct x86_state, cc) + 8 * n), MO_64);
	return t;
}

/* Was it just loaded or made with zeros above its width? */
static bool zero_above(const struct ir_block *b, ir_val v, unsigned lg)
{
	unsigned i, n = b->nr_ops < 12 ? b->nr_ops : 12;

	for (i = 1; i <= n && v >= b->nr_slots; i++) {
		const struct ir_op *op = &b->ops[b->nr_ops - i];

		if (op->dst != v)
			continue;
		if (op->op == IR_LD)
			return !(op->memop & MO_SIGN) && (op->memop & MO_SIZE) == lg;
		return lg == MO_8 ? op->op == IR_ZEXT8 || op->op == IR_EXT8H :
				    op->op == IR_ZEXT16;
	}
	return false;
}

/* Operand as a comparison of its width wants it. */
static ir_val wide(struct x86_ctx *ctx, ir_val v, bool sign)
{
	unsigned lg = ctx->cc_op & 3, k = 64 - (8u << lg);
	uint64_t c;

	if (lg >= MO_32)
		return v;
	if (ir_is_const(ctx->b, v, &c))
		return x86_imm(ctx, sign ? (uint64_t)((int64_t)(c << k) >> k) : c << k >> k);
	if (!sign && zero_above(ctx->b, v, lg))
		return v;
	if (lg == MO_8)
		return ir_get1(ctx->b, sign ? IR_SEXT8 : IR_ZEXT8, IR_I64, v);
	return ir_get1(ctx->b, sign ? IR_SEXT16 : IR_ZEXT16, IR_I64, v);
}

static enum ir_type type(const struct x86_ctx *ctx)
{
	return (ctx->cc_op & 3) == MO_64 ? IR_I64 : IR_I32;
}

static struct x86_cond compare(struct x86_ctx *ctx, enum ir_cc cc, ir_val a, ir_val x)
{
	bool sign = cc >= IR_LT && cc <= IR_GT;

	return (struct x86_cond){ cc, type(ctx), wide(ctx, a, sign), wide(ctx, x, sign) };
}

static ir_val op2(struct x86_ctx *ctx, enum ir_opcode op, ir_val a, ir_val x)
{
	return ir_get2(ctx->b, op, type(ctx), a, x);
}

static ir_val truth(struct x86_ctx *ctx, struct x86_cond c)
{
	ir_val t = ir_tmp(ctx->b);

	ir_setc(ctx->b, c.cc, c.ty, t, c.a, c.b);
	return t;
}

static struct x86_cond is_true(struct x86_ctx *ctx, ir_val v)
{
	return (struct x86_cond){ IR_NE, IR_I64, v, x86_imm(ctx, 0) };
}

static struct x86_cond either(struct x86_ctx *ctx, struct x86_cond a, struct x86_cond b)
{
	ir_val t = truth(ctx, a);

	return is_true(ctx, ir_get2(ctx->b, IR_OR, IR_I64, t, truth(ctx, b)));
}

static struct x86_cond zero(struct x86_ctx *ctx, ir_val v)
{
	return compare(ctx, IR_EQ, v, x86_imm(ctx, 0));
}

static struct x86_cond negative(struct x86_ctx *ctx, ir_val v)
{
	return compare(ctx, IR_LT, v, x86_imm(ctx, 0));
}

static struct x86_cond constant(struct x86_ctx *ctx, bool v)
{
	return (struct x86_cond){ IR_EQ, IR_I64, x86_imm(ctx, 0), x86_imm(ctx, !v) };
}

static struct x86_cond parity(struct x86_ctx *ctx, ir_val r)
{
	ir_val t = ir_get1(ctx->b, IR_ZEXT8, IR_I64, r);

	t = ir_get1(ctx->b, IR_POPCNT, IR_I64, t);
	t = ir_get2(ctx->b, IR_AND, IR_I64, t, x86_imm(ctx, 1));
	return (struct x86_cond){ IR_EQ, IR_I64, t, x86_imm(ctx, 0) };
}

static struct x86_cond minuend_cond(struct x86_ctx *ctx, unsigned kind, ir_val m, ir_val x)
{
	ir_val r;

	switch (kind) {
	case COND_B:
		return compare(ctx, IR_LTU, m, x);
	case COND_BE:
		return compare(ctx, IR_LEU, m, x);
	case COND_Z:
		return compare(ctx, IR_EQ, m, x);
	case COND_L:
		return compare(ctx, IR_LT, m, x);
	case COND_LE:
		return compare(ctx, IR_LE, m, x);
	}
	r = op2(ctx, IR_SUB, m, x);
	if (kind == COND_S)
		return negative(ctx, r);
	if (kind == COND_P)
		return parity(ctx, r);
	m = op2(ctx, IR_XOR, m, x);
	return negative(ctx, op2(ctx, IR_AND, m, op2(ctx, IR_XOR, r, op2(ctx, IR_ADD, r, x))));
}

static struct x86_cond sub_cond(struct x86_ctx *ctx, unsigned kind)
{
	ir_val r = x86_flags_operand(ctx, 0), x;

	if (kind == COND_Z)
		return zero(ctx, r);
	if (kind == COND_S)
		return negative(ctx, r);
	if (kind == COND_P)
		return parity(ctx, r);
	x = x86_flags_operand(ctx, 1);
	return minuend_cond(ctx, kind, op2(ctx, IR_ADD, r, x), x);
}

static struct x86_cond packed_cond(struct x86_ctx *ctx, unsigned kind, ir_val v)
{
	static const uint16_t bits[] = {
		[COND_O] = X86_FLAG_OF, [COND_B] = X86_FLAG_CF, [COND_Z] = X86_FLAG_ZF,
		[COND_BE] = X86_FLAG_CF | X86_FLAG_ZF, [COND_S] = X86_FLAG_SF,
		[COND_P] = X86_FLAG_PF, [COND_L] = X86_FLAG_SF,
		[COND_LE] = X86_FLAG_SF | X86_FLAG_ZF,
	};
	ir_val t;

	if (kind >= COND_L) {	/* SF xor OF in SF's place; ZF as it is */
		t = ir_get2(ctx->b, IR_SHR, IR_I64, v, x86_imm(ctx, 4));
		t = ir_get2(ctx->b, IR_AND, IR_I64, t, x86_imm(ctx, X86_FLAG_SF));
		v = ir_get2(ctx->b, IR_XOR, IR_I64, v, t);
	}
	return is_true(ctx, ir_get2(ctx->b, IR_AND, IR_I64, v, x86_imm(ctx, bits[kind])));
}

/* Overflow and the order that results have where the flags are those of a sum. */
static struct x86_cond add_cond(struct x86_ctx *ctx, unsigned kind)
{
	ir_val r = x86_flags_operand(ctx, 0), x = x86_flags_operand(ctx, 1), v;

	if (kind == COND_B)
		return compare(ctx, IR_LTU, r, x);
	if (kind == COND_BE)
		return either(ctx, compare(ctx, IR_LTU, r, x), zero(ctx, r));
	v = op2(ctx, IR_XOR, r, op2(ctx, IR_SUB, r, x));
	v = op2(ctx, IR_AND, v, op2(ctx, IR_XOR, r, x));
	if (kind == COND_O)
		return negative(ctx, v);
	v = op2(ctx, IR_XOR, v, r);		/* SF xor OF: the sign of the true sum */
	if (kind == COND_L)
		return negative(ctx, v);
	return either(ctx, negative(ctx, v), zero(ctx, r));
}

/* INC: the true sum is below n where the value before is below n - 1; DEC accordingly. */
static struct x86_cond step_cond(struct x86_ctx *ctx, unsigned kind, bool inc)
{
	ir_val r = x86_flags_operand(ctx, 0), before;
	unsigned bits = 8u << (ctx->cc_op & 3);
	uint64_t min = UINT64_C(1) << (bits - 1);

	before = op2(ctx, IR_ADD, r, x86_imm(ctx, inc ? UINT64_MAX : 1));
	switch (kind) {
	case COND_O:
		return compare(ctx, IR_EQ, r, x86_imm(ctx, inc ? min : min - 1));
	case COND_L:
		return compare(ctx, IR_LT, before, x86_imm(ctx, inc ? UINT64_MAX : 1));
	case COND_LE:
		return compare(ctx, IR_LE, before, x86_imm(ctx, inc ? UINT64_MAX : 1));
	default:
		return either(ctx, is_true(ctx, x86_flags_operand(ctx, 2)), zero(ctx, r));
	}
}

static struct x86_cond known(struct x86_ctx *ctx, unsigned kind)
{
	unsigned op = ctx->cc_op & ~3u;

	if (ctx->cc_op == X86_CC_PACKED)
		return packed_cond(ctx, kind, x86_flags_operand(ctx, 0));
	if (op == X86_CC_CMP)
		return minuend_cond(ctx, kind, x86_flags_operand(ctx, 0),
				    x86_flags_operand(ctx, 1));
	if (op == X86_CC_SUB)
		return sub_cond(ctx, kind);
	if (kind == COND_Z)
		return zero(ctx, x86_flags_operand(ctx, 0));
	if (kind == COND_S)
		return negative(ctx, x86_flags_operand(ctx, 0));
	if (kind == COND_P && op != X86_CC_BMI)
		return parity(ctx, x86_flags_operand(ctx, 0));
	if (kind == COND_B)
		return is_true(ctx, x86_carry(ctx));
	if (op == X86_CC_ADD)
		return add_cond(ctx, kind);
	if (op == X86_CC_LOGIC) {
		if (kind == COND_O)
			return constant(ctx, false);
		if (kind == COND_BE)
			return zero(ctx, x86_flags_operand(ctx, 0));
		if (kind == COND_L)
			return negative(ctx, x86_flags_operand(ctx, 0));
		return compare(ctx, IR_LE, x86_flags_operand(ctx, 0), x86_imm(ctx, 0));
	}
	if (op == X86_CC_INC || op == X86_CC_DEC)
		return step_cond(ctx, kind, op == X86_CC_INC);
	if (kind == COND_BE)
		return either(ctx, is_true(ctx, x86_carry(ctx)),
			      zero(ctx, x86_flags_operand(ctx, 0)));
	return packed_cond(ctx, kind, x86_flags_get(ctx));
}

struct x86_cond x86_cond(struct x86_ctx *ctx, unsigned cc)
{
	struct x86_cond c;

	if (ctx->cc_known) {
		c = known(ctx, cc >> 1 & 7);
		c.cc ^= cc & 1;
		return c;
	}
	return is_true(ctx, x86_call_pure(ctx, x86_help_cond, x86_imm(ctx, cc & 15), IR_NONE));
}

ir_val x86_flags_get(struct x86_ctx *ctx)
{
	if (ctx->cc_known && ctx->cc_op == X86_CC_PACKED)
		return ir_get2(ctx->b, IR_AND, IR_I64, x86_flags_operand(ctx, 0),
			       x86_imm(ctx, X86_FLAGS_ARITH));
	return x86_call_pure(ctx, x86_help_flags, IR_NONE, IR_NONE);
}

/* In a loop that counts by DEC, which keeps the carry, it lies where the last DEC put it. */
static ir_val carry_by_call(struct x86_ctx *ctx)
{
	ir_val t = ir_tmp(ctx->b);

	ir_call(ctx->b, IRH_INT_ONLY | IRH_PURE | IRH_FLAGS_C, t, x86_help_carry, IR_NONE, IR_NONE);
	return t;
}

/* r = a + x + c: with a carry in, it goes out where r <= x; SBB by its minuend. */
static ir_val carry_out(struct x86_ctx *ctx, ir_val a, ir_val x, ir_val c)
{
	ir_val below = truth(ctx, compare(ctx, IR_LTU, a, x)), t = ir_tmp(ctx->b);

	ir_select(ctx->b, IR_NE, IR_I64, t, c, x86_imm(ctx, 0),
		  truth(ctx, compare(ctx, IR_LEU, a, x)), below);
	return t;
}

ir_val x86_carry(struct x86_ctx *ctx)
{
	ir_val a, x, c;

	if (!ctx->cc_known)
		return carry_by_call(ctx);
	if (ctx->cc_op == X86_CC_PACKED)
		return ir_get2(ctx->b, IR_AND, IR_I64, x86_flags_operand(ctx, 0), x86_imm(ctx, 1));
	switch (ctx->cc_op & ~3u) {
	case X86_CC_LOGIC:
		return x86_imm(ctx, 0);
	case X86_CC_INC: case X86_CC_DEC:
		return x86_flags_operand(ctx, 2);
	case X86_CC_ADD:
		return truth(ctx, compare(ctx, IR_LTU, x86_flags_operand(ctx, 0),
					  x86_flags_operand(ctx, 1)));
	case X86_CC_CMP:
		a = x86_flags_operand(ctx, 0);
		return truth(ctx, minuend_cond(ctx, COND_B, a, x86_flags_operand(ctx, 1)));
	case X86_CC_SUB:
		return truth(ctx, sub_cond(ctx, COND_B));
	case X86_CC_ADC:
		a = x86_flags_operand(ctx, 0);
		x = x86_flags_operand(ctx, 1);
		return carry_out(ctx, a, x, x86_flags_operand(ctx, 2));
	case X86_CC_SBB:
		a = x86_flags_operand(ctx, 0);
		x = x86_flags_operand(ctx, 1);
		c = x86_flags_operand(ctx, 2);
		return carry_out(ctx, op2(ctx, IR_ADD, op2(ctx, IR_ADD, a, x), c), x, c);
	case X86_CC_SHL:
		return truth(ctx, negative(ctx, x86_flags_operand(ctx, 1)));
	case X86_CC_SHR: case X86_CC_SAR:
		return ir_get2(ctx->b, IR_AND, IR_I64, x86_flags_operand(ctx, 1), x86_imm(ctx, 1));
	case X86_CC_MUL: case X86_CC_BMI:
		return truth(ctx, is_true(ctx, x86_flags_operand(ctx, 1)));
	}
	return x86_call_pure(ctx, x86_help_carry, IR_NONE, IR_NONE);
}
