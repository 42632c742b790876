// SPDX-License-Identifier: GPL-2.0-or-later
/* M: multiplication and division; the IR's division has RISC-V's results for 0 and overflow. */
#include "target/riscv/translate.h"

#include "riscv_decode.h"

#define OP_REG(name, op, ty) \
	bool riscv_trans_##name(struct riscv_ctx *ctx, const struct riscv_arg_r *a) \
	{ \
		ir_op2(ctx->b, op, ty, x_dst(a->rd), x_get(ctx, a->rs1), x_get(ctx, a->rs2)); \
		return true; \
	}
OP_REG(mul, IR_MUL, IR_I64)
OP_REG(mulh, IR_MULHS, IR_I64)
OP_REG(mulhsu, IR_MULHSU, IR_I64)
OP_REG(mulhu, IR_MULHU, IR_I64)
OP_REG(div, IR_DIVS, IR_I64)
OP_REG(divu, IR_DIVU, IR_I64)
OP_REG(rem, IR_REMS, IR_I64)
OP_REG(remu, IR_REMU, IR_I64)
OP_REG(mulw, IR_MUL, IR_I32S)
OP_REG(divw, IR_DIVS, IR_I32S)
OP_REG(divuw, IR_DIVU, IR_I32S)
OP_REG(remw, IR_REMS, IR_I32S)
OP_REG(remuw, IR_REMU, IR_I32S)
