// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A: LR/SC and AMOs. A reservation is an address and the value read there: SC is
 * a compare-and-swap with that value. All are sequentially consistent, which
 * satisfies every aq/rl. Misaligned ones fault (no misaligned atomicity granule).
 */
#include "target/riscv/translate.h"

#include "riscv_decode.h"

#define RL 1
#define AQ 2

typedef const struct riscv_arg_amo arg_amo;

static bool load_reserved(struct riscv_ctx *ctx, arg_amo *a, uint32_t memop)
{
	ir_val addr = x_get(ctx, a->rs1), v = ir_tmp(ctx->b);

	if (a->aqrl & RL)
		ir_fence(ctx->b, IR_FENCE_RR | IR_FENCE_WR);
	ir_ld(ctx->b, v, addr, 0, memop | MO_ALIGN | (a->aqrl & AQ ? MO_ACQ : 0));
	ir_sts(ctx->b, offsetof(struct riscv_state, resv_addr), addr, MO_64);
	ir_sts(ctx->b, offsetof(struct riscv_state, resv_val), v, MO_64);
	if (a->rd)
		ir_mov(ctx->b, x_dst(a->rd), v);
	return true;
}

static bool store_conditional(struct riscv_ctx *ctx, arg_amo *a, uint32_t memop)
{
	ir_sc(ctx->b, x_dst(a->rd), x_get(ctx, a->rs1), x_get(ctx, a->rs2),
	      (memop & MO_SIZE) | MO_ALIGN);
	return true;
}

static bool amo(struct riscv_ctx *ctx, arg_amo *a, enum ir_amo kind, uint32_t memop)
{
	ir_amo(ctx->b, kind, x_dst(a->rd), x_get(ctx, a->rs1), x_get(ctx, a->rs2),
	       memop | MO_ALIGN);
	return true;
}

#define EACH(name, call, width, memop)                                       \
	bool riscv_trans_##name##_##width(struct riscv_ctx *ctx, arg_amo *a) \
	{                                                                    \
		return call(ctx, a, memop);                                  \
	}
#define BOTH(name, call) EACH(name, call, w, MO_32 | MO_SIGN) EACH(name, call, d, MO_64)
BOTH(lr, load_reserved)
BOTH(sc, store_conditional)

#define AMO(name, kind)                                                     \
	static bool name(struct riscv_ctx *ctx, arg_amo *a, uint32_t memop) \
	{                                                                   \
		return amo(ctx, a, kind, memop);                            \
	}                                                                   \
	BOTH(name, name)
AMO(amoswap, AMO_SWAP)
AMO(amoadd, AMO_ADD)
AMO(amoxor, AMO_XOR)
AMO(amoand, AMO_AND)
AMO(amoor, AMO_OR)
AMO(amomin, AMO_MINS)
AMO(amomax, AMO_MAXS)
AMO(amominu, AMO_MINU)
AMO(amomaxu, AMO_MAXU)
