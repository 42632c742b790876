// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * F and D. A block's first FP instruction guards FS and frm (riscv_fp_check); after
 * that no operation tests them. Unprivileged spec ch. 20, 21.
 */
#include "target/riscv/translate.h"

#include "riscv_decode.h"

typedef const struct riscv_arg_f arg_f;
typedef const struct riscv_arg_f2 arg_f2;
typedef const struct riscv_arg_f4 arg_f4;
typedef struct riscv_ctx ctx_t;

/* The rounding operand; false when the mode is reserved (11.2). */
static bool rounding(ctx_t *ctx, int32_t rm, unsigned *aux)
{
	riscv_fp_check(ctx);
	*aux = (unsigned)rm;
	if (rm == IR_RM_DYN)
		return ctx->frm <= 4;
	return rm <= 4;
}

bool riscv_trans_flw(ctx_t *ctx, const struct riscv_arg_i *a)
{
	riscv_fp_check(ctx);
	ir_fld(ctx->b, f_reg(a->rd), x_get(ctx, a->rs1), a->imm, MO_32);
	return true;
}

bool riscv_trans_fld(ctx_t *ctx, const struct riscv_arg_i *a)
{
	riscv_fp_check(ctx);
	ir_fld(ctx->b, f_reg(a->rd), x_get(ctx, a->rs1), a->imm, MO_64);
	return true;
}

bool riscv_trans_fsw(ctx_t *ctx, const struct riscv_arg_s *a)
{
	riscv_fp_check(ctx);
	ir_fst(ctx->b, x_get(ctx, a->rs1), a->imm, f_reg(a->rs2), MO_32);
	return true;
}

bool riscv_trans_fsd(ctx_t *ctx, const struct riscv_arg_s *a)
{
	riscv_fp_check(ctx);
	ir_fst(ctx->b, x_get(ctx, a->rs1), a->imm, f_reg(a->rs2), MO_64);
	return true;
}

static bool arith(ctx_t *ctx, arg_f *a, enum ir_opcode op, enum ir_type ty)
{
	unsigned aux;

	if (!rounding(ctx, a->rm, &aux))
		return false;
	ir_fop(ctx->b, op, ty, f_reg(a->rd), f_reg(a->rs1), f_reg(a->rs2), IR_NONE, aux);
	return true;
}

/* no rounding: aux is the operation's own */
static bool plain(ctx_t *ctx, arg_f *a, enum ir_opcode op, enum ir_type ty, unsigned aux)
{
	riscv_fp_check(ctx);
	ir_fop(ctx->b, op, ty, f_reg(a->rd), f_reg(a->rs1), f_reg(a->rs2), IR_NONE, aux);
	return true;
}

static bool compare(ctx_t *ctx, arg_f *a, enum ir_type ty, unsigned aux)
{
	riscv_fp_check(ctx);
	ir_fop(ctx->b, IR_FCMP, ty, x_dst(a->rd), f_reg(a->rs1), f_reg(a->rs2), IR_NONE, aux);
	return true;
}

/* fmadd, fmsub, fnmsub, fnmadd = (ab)+c, (ab)-c, -(ab)+c, -(ab)-c */
static bool fused(ctx_t *ctx, arg_f4 *a, enum ir_type ty, unsigned neg)
{
	unsigned aux;

	if (!rounding(ctx, a->rm, &aux))
		return false;
	ir_fop(ctx->b, IR_FMADD, ty, f_reg(a->rd), f_reg(a->rs1), f_reg(a->rs2), f_reg(a->rs3),
	       aux | neg);
	return true;
}

static bool to_int(ctx_t *ctx, arg_f2 *a, enum ir_type ty, unsigned kind)
{
	unsigned aux;

	if (!rounding(ctx, a->rm, &aux))
		return false;
	ir_fop(ctx->b, IR_F2I, ty, x_dst(a->rd), f_reg(a->rs1), IR_NONE, IR_NONE, aux | kind << 8);
	return true;
}

static bool from_int(ctx_t *ctx, arg_f2 *a, enum ir_type ty, unsigned kind)
{
	unsigned aux;

	if (!rounding(ctx, a->rm, &aux))
		return false;
	ir_fop(ctx->b, IR_I2F, ty, f_reg(a->rd), x_get(ctx, a->rs1), IR_NONE, IR_NONE,
	       aux | kind << 8);
	return true;
}

/* one f operand, one f result, rounded */
static bool unary(ctx_t *ctx, arg_f2 *a, enum ir_opcode op, enum ir_type ty)
{
	unsigned aux;

	if (!rounding(ctx, a->rm, &aux))
		return false;
	ir_fop(ctx->b, op, ty, f_reg(a->rd), f_reg(a->rs1), IR_NONE, IR_NONE, aux);
	return true;
}

static bool to_x(ctx_t *ctx, arg_f2 *a, enum ir_opcode op, enum ir_type ty)
{
	riscv_fp_check(ctx);
	if (a->rd)
		ir_fop(ctx->b, op, ty, x_dst(a->rd), f_reg(a->rs1), IR_NONE, IR_NONE, 0);
	return true;
}

static bool from_x(ctx_t *ctx, arg_f2 *a, enum ir_type ty)
{
	riscv_fp_check(ctx);
	ir_fop(ctx->b, IR_FMVFX, ty, f_reg(a->rd), x_get(ctx, a->rs1), IR_NONE, IR_NONE, 0);
	return true;
}

#define DEF(name, arg, call) \
	bool riscv_trans_##name(ctx_t *ctx, const struct riscv_arg_##arg *a) { return call; }
#define BOTH_WIDTHS(W, s) \
	DEF(fadd_##s, f, arith(ctx, a, IR_FADD, W)) \
	DEF(fsub_##s, f, arith(ctx, a, IR_FSUB, W)) \
	DEF(fmul_##s, f, arith(ctx, a, IR_FMUL, W)) \
	DEF(fdiv_##s, f, arith(ctx, a, IR_FDIV, W)) \
	DEF(fsqrt_##s, f2, unary(ctx, a, IR_FSQRT, W)) \
	DEF(fmin_##s, f, plain(ctx, a, IR_FMIN, W, 0)) \
	DEF(fmax_##s, f, plain(ctx, a, IR_FMAX, W, 0)) \
	DEF(fsgnj_##s, f, plain(ctx, a, IR_FSGNJ, W, 0)) \
	DEF(fsgnjn_##s, f, plain(ctx, a, IR_FSGNJ, W, 1)) \
	DEF(fsgnjx_##s, f, plain(ctx, a, IR_FSGNJ, W, 2)) \
	DEF(feq_##s, f, compare(ctx, a, W, IR_FEQ)) \
	DEF(flt_##s, f, compare(ctx, a, W, IR_FLT | IR_FCMP_SIGNALING)) \
	DEF(fle_##s, f, compare(ctx, a, W, IR_FLE | IR_FCMP_SIGNALING)) \
	DEF(fmadd_##s, f4, fused(ctx, a, W, 0)) \
	DEF(fmsub_##s, f4, fused(ctx, a, W, IR_FMA_NEG_ADD)) \
	DEF(fnmsub_##s, f4, fused(ctx, a, W, IR_FMA_NEG_PROD)) \
	DEF(fnmadd_##s, f4, fused(ctx, a, W, IR_FMA_NEG_PROD | IR_FMA_NEG_ADD)) \
	DEF(fcvt_w_##s, f2, to_int(ctx, a, W, IR_INT_S32)) \
	DEF(fcvt_wu_##s, f2, to_int(ctx, a, W, IR_INT_U32)) \
	DEF(fcvt_l_##s, f2, to_int(ctx, a, W, IR_INT_S64)) \
	DEF(fcvt_lu_##s, f2, to_int(ctx, a, W, IR_INT_U64)) \
	DEF(fcvt_##s##_w, f2, from_int(ctx, a, W, IR_INT_S32)) \
	DEF(fcvt_##s##_wu, f2, from_int(ctx, a, W, IR_INT_U32)) \
	DEF(fcvt_##s##_l, f2, from_int(ctx, a, W, IR_INT_S64)) \
	DEF(fcvt_##s##_lu, f2, from_int(ctx, a, W, IR_INT_U64)) \
	DEF(fclass_##s, f2, to_x(ctx, a, IR_FCLASS, W))
BOTH_WIDTHS(IR_F32, s)
BOTH_WIDTHS(IR_F64, d)
DEF(fcvt_s_d, f2, unary(ctx, a, IR_F2F, IR_F64))
DEF(fcvt_d_s, f2, unary(ctx, a, IR_F2F, IR_F32))
DEF(fmv_x_w, f2, to_x(ctx, a, IR_FMVXF, IR_F32))
DEF(fmv_x_d, f2, to_x(ctx, a, IR_FMVXF, IR_F64))
DEF(fmv_w_x, f2, from_x(ctx, a, IR_F32))
DEF(fmv_d_x, f2, from_x(ctx, a, IR_F64))
