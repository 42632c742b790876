// SPDX-License-Identifier: GPL-2.0-or-later
/* Zba, Zbb, Zbs: bit manipulation. Unprivileged spec ch. 28. */
#include "target/riscv/translate.h"

#include "riscv_decode.h"

typedef const struct riscv_arg_i arg_i;
typedef const struct riscv_arg_r arg_r;
typedef const struct riscv_arg_r2 arg_r2;
typedef struct riscv_ctx ctx_t;

static ir_val imm(ctx_t *ctx, uint64_t v)
{
	return ir_const(ctx->b, v);
}

#define OP_REG(name, op, ty) \
	bool riscv_trans_##name(ctx_t *ctx, arg_r *a) \
	{ \
		ir_op2(ctx->b, op, ty, x_dst(a->rd), x_get(ctx, a->rs1), x_get(ctx, a->rs2)); \
		return true; \
	}
#define OP_IMM(name, op, ty)                                             \
	bool riscv_trans_##name(ctx_t *ctx, arg_i *a)                    \
	{                                                                \
		ir_op2(ctx->b, op, ty, x_dst(a->rd), x_get(ctx, a->rs1), \
		       imm(ctx, (uint64_t)a->imm));                      \
		return true;                                             \
	}
#define OP_ONE(name, op, ty) \
	bool riscv_trans_##name(ctx_t *ctx, arg_r2 *a) \
	{ \
		ir_op1(ctx->b, op, ty, x_dst(a->rd), x_get(ctx, a->rs1)); \
		return true; \
	}

/* --- Zba --- */

static bool shift_add(ctx_t *ctx, arg_r *a, unsigned n, bool unsigned_word)
{
	ir_val v = x_get(ctx, a->rs1);

	if (unsigned_word)
		v = ir_get1(ctx->b, IR_ZEXT32, IR_I64, v);
	v = ir_get2(ctx->b, IR_SHL, IR_I64, v, imm(ctx, n));
	ir_op2(ctx->b, IR_ADD, IR_I64, x_dst(a->rd), v, x_get(ctx, a->rs2));
	return true;
}

#define SHIFT_ADD(name, n, uw) \
	bool riscv_trans_##name(ctx_t *ctx, arg_r *a) { return shift_add(ctx, a, n, uw); }
SHIFT_ADD(add_uw, 0, true)
SHIFT_ADD(sh1add, 1, false)
SHIFT_ADD(sh2add, 2, false)
SHIFT_ADD(sh3add, 3, false)
SHIFT_ADD(sh1add_uw, 1, true)
SHIFT_ADD(sh2add_uw, 2, true)
SHIFT_ADD(sh3add_uw, 3, true)

bool riscv_trans_slli_uw(ctx_t *ctx, arg_i *a)
{
	ir_val v = ir_get1(ctx->b, IR_ZEXT32, IR_I64, x_get(ctx, a->rs1));

	ir_op2(ctx->b, IR_SHL, IR_I64, x_dst(a->rd), v, imm(ctx, (uint64_t)a->imm));
	return true;
}

/* --- Zbb --- */

OP_REG(andn, IR_ANDN, IR_I64)
OP_REG(orn, IR_ORN, IR_I64)
OP_REG(xnor, IR_XNOR, IR_I64)
OP_ONE(clz, IR_CLZ, IR_I64)
OP_ONE(ctz, IR_CTZ, IR_I64)
OP_ONE(cpop, IR_POPCNT, IR_I64)
OP_ONE(clzw, IR_CLZ, IR_I32)
OP_ONE(ctzw, IR_CTZ, IR_I32)
OP_ONE(cpopw, IR_POPCNT, IR_I32)
OP_ONE(sext_b, IR_SEXT8, IR_I64)
OP_ONE(sext_h, IR_SEXT16, IR_I64)
OP_ONE(zext_h, IR_ZEXT16, IR_I64)
OP_ONE(orc_b, IR_ORCB, IR_I64)
OP_ONE(rev8, IR_BSWAP, IR_I64)
OP_REG(max, IR_MAXS, IR_I64)
OP_REG(maxu, IR_MAXU, IR_I64)
OP_REG(min, IR_MINS, IR_I64)
OP_REG(minu, IR_MINU, IR_I64)
OP_REG(rol, IR_ROL, IR_I64)
OP_REG(ror, IR_ROR, IR_I64)
OP_REG(rolw, IR_ROL, IR_I32S)
OP_REG(rorw, IR_ROR, IR_I32S)
OP_IMM(rori, IR_ROR, IR_I64)
OP_IMM(roriw, IR_ROR, IR_I32S)

/* --- Zbs --- */

static bool bit_op(ctx_t *ctx, int32_t rd, int32_t rs1, ir_val n, enum ir_opcode op)
{
	ir_val bit = ir_get2(ctx->b, IR_SHL, IR_I64, imm(ctx, 1), n);

	ir_op2(ctx->b, op, IR_I64, x_dst(rd), x_get(ctx, rs1), bit);
	return true;
}

static bool bit_get(ctx_t *ctx, int32_t rd, int32_t rs1, ir_val n)
{
	ir_val v = ir_get2(ctx->b, IR_SHR, IR_I64, x_get(ctx, rs1), n);

	ir_op2(ctx->b, IR_AND, IR_I64, x_dst(rd), v, imm(ctx, 1));
	return true;
}

/* The constant mask of bclri is no 32-bit immediate anyway: and with its complement folds. */
bool riscv_trans_bclri(ctx_t *ctx, arg_i *a)
{
	ir_op2(ctx->b, IR_AND, IR_I64, x_dst(a->rd), x_get(ctx, a->rs1),
	       imm(ctx, ~(1ull << a->imm)));
	return true;
}

bool riscv_trans_bexti(ctx_t *ctx, arg_i *a)
{
	return bit_get(ctx, a->rd, a->rs1, imm(ctx, (uint64_t)a->imm));
}

bool riscv_trans_binvi(ctx_t *ctx, arg_i *a)
{
	return bit_op(ctx, a->rd, a->rs1, imm(ctx, (uint64_t)a->imm), IR_XOR);
}

bool riscv_trans_bseti(ctx_t *ctx, arg_i *a)
{
	return bit_op(ctx, a->rd, a->rs1, imm(ctx, (uint64_t)a->imm), IR_OR);
}

bool riscv_trans_bclr(ctx_t *ctx, arg_r *a)
{
	return bit_op(ctx, a->rd, a->rs1, x_get(ctx, a->rs2), IR_ANDN);
}

bool riscv_trans_bext(ctx_t *ctx, arg_r *a)
{
	return bit_get(ctx, a->rd, a->rs1, x_get(ctx, a->rs2));
}

bool riscv_trans_binv(ctx_t *ctx, arg_r *a)
{
	return bit_op(ctx, a->rd, a->rs1, x_get(ctx, a->rs2), IR_XOR);
}

bool riscv_trans_bset(ctx_t *ctx, arg_r *a)
{
	return bit_op(ctx, a->rd, a->rs1, x_get(ctx, a->rs2), IR_OR);
}
