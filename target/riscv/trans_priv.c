// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Zicsr, privileged instructions, fences of the second kind, cache blocks.
 * Whether the privilege mode allows one is known here (the key has the mode);
 * what mstatus or menvcfg may forbid besides is tested in the helpers.
 */
#include "target/riscv/translate.h"

#include "riscv_decode.h"
#include "target/riscv/csr.h"
#include "target/riscv/helper.h"
#include "tcg/fpflags.h"

typedef struct riscv_ctx ctx_t;

static ir_val imm(ctx_t *ctx, uint64_t v)
{
	return ir_const(ctx->b, v);
}

/* --- CSRs that are a field of the state and nothing else --- */

static const struct plain_csr { uint16_t csr, off; int64_t write; } plain_csrs[] = {
	{ CSR_SSCRATCH, offsetof(struct riscv_state, sscratch), -1 },
	{ CSR_SEPC, offsetof(struct riscv_state, sepc), ~1ll },
	{ CSR_SCAUSE, offsetof(struct riscv_state, scause), -1 },
	{ CSR_STVAL, offsetof(struct riscv_state, stval), -1 },
	{ CSR_STVEC, offsetof(struct riscv_state, stvec), ~2ll },
	{ CSR_MSCRATCH, offsetof(struct riscv_state, mscratch), -1 },
	{ CSR_MEPC, offsetof(struct riscv_state, mepc), ~1ll },
	{ CSR_MCAUSE, offsetof(struct riscv_state, mcause), -1 },
	{ CSR_MTVAL, offsetof(struct riscv_state, mtval), -1 },
	{ CSR_MTVEC, offsetof(struct riscv_state, mtvec), ~2ll },
};

struct access {
	unsigned csr;
	int32_t rd;
	enum csr_op op;
	ir_val operand;
	bool read, write;
};

static ir_val combine(ctx_t *ctx, const struct access *c, ir_val old)
{
	switch (c->op) {
	case CSR_OP_SET:
		return ir_get2(ctx->b, IR_OR, IR_I64, old, c->operand);
	case CSR_OP_CLEAR:
		return ir_get2(ctx->b, IR_ANDN, IR_I64, old, c->operand);
	default:
		return c->operand;
	}
}

static bool plain_access(ctx_t *ctx, const struct access *c)
{
	const struct plain_csr *p = NULL;
	ir_val old = IR_NONE, new;

	for (unsigned i = 0; i < sizeof(plain_csrs) / sizeof(*plain_csrs); i++)
		if (plain_csrs[i].csr == c->csr)
			p = &plain_csrs[i];
	if (!p)
		return false;
	if (c->read || c->op != CSR_OP_WRITE) {
		old = ir_tmp(ctx->b);
		ir_lds(ctx->b, old, p->off, MO_64);
	}
	if (c->write) {
		new = combine(ctx, c, old);
		if (p->write != -1)
			new = ir_get2(ctx->b, IR_AND, IR_I64, new, imm(ctx, (uint64_t)p->write));
		ir_sts(ctx->b, p->off, new, MO_64);
	}
	if (c->read)
		ir_mov(ctx->b, x_dst(c->rd), old);
	return true;
}

/* --- sstatus, the one that every trap and every copy to user space touches --- */

static void sstatus_value(ctx_t *ctx, int32_t rd, ir_val mstatus)
{
	ir_val v = ir_get2(ctx->b, IR_AND, IR_I64, mstatus, imm(ctx, SSTATUS_READ));
	ir_val fs = ir_get2(ctx->b, IR_AND, IR_I64, mstatus, imm(ctx, MST_FS));
	ir_val sd = ir_tmp(ctx->b);

	ir_setc(ctx->b, IR_EQ, IR_I64, sd, fs, imm(ctx, MST_FS));
	sd = ir_get2(ctx->b, IR_SHL, IR_I64, sd, imm(ctx, 63));
	ir_op2(ctx->b, IR_OR, IR_I64, x_dst(rd), v, sd);
}

/* Reads, and changes of SIE alone, are inline. */
static bool sstatus_inline(ctx_t *ctx, const struct access *c)
{
	uint32_t off = offsetof(struct riscv_state, mstatus);
	ir_val old, new;
	uint64_t bits;

	if (c->write &&
	    (c->op == CSR_OP_WRITE || !ir_is_const(ctx->b, c->operand, &bits) || bits != MST_SIE))
		return false;
	old = ir_tmp(ctx->b);
	ir_lds(ctx->b, old, off, MO_64);
	if (c->write) {
		new = combine(ctx, c, old);
		ir_sts(ctx->b, off, new, MO_64);
	}
	if (c->read)
		sstatus_value(ctx, c->rd, old);
	if (c->write && c->op == CSR_OP_SET)
		ir_call(ctx->b, IRH_LEAVE, IR_NONE, riscv_help_sie_on, imm(ctx, ctx->len),
			imm(ctx, 0));
	return true;
}

/* --- the general way --- */

/* May a write change privileges, views, rounding or features, which the block assumes? */
static bool ends_block(unsigned csr)
{
	switch (csr) {
	case CSR_FFLAGS: case CSR_SIE: case CSR_SIP: case CSR_MIE: case CSR_MIP: case CSR_STIMECMP:
	case CSR_SCOUNTEREN: case CSR_MCOUNTEREN: case CSR_MEDELEG: case CSR_MIDELEG:
		return false;
	default:
		return true;
	}
}

static void helper_access(ctx_t *ctx, const struct access *c)
{
	ir_val desc = imm(ctx, CSR_DESC(c->csr, c->op, c->rd, ctx->len));
	unsigned sync = c->rd ? IRH_SYNC : 0;

	if (!c->write) {
		ir_call(ctx->b, IRH_LEAVE, x_dst(c->rd), riscv_help_csr_read, desc, imm(ctx, 0));
		return;
	}
	ir_call(ctx->b, IRH_LEAVE | sync, IR_NONE,
		c->csr == CSR_SSTATUS ? riscv_help_sstatus : riscv_help_csr_write, desc,
		c->operand);
	if (ends_block(c->csr))
		riscv_end_lookup(ctx);
}

/* Reading and replacing fflags: compilers do it around every quiet comparison. */
static bool fflags_inline(ctx_t *ctx, const struct access *c)
{
	ir_val off = imm(ctx, offsetof(struct riscv_state, fflags)), old = IR_NONE;

	if (c->csr != CSR_FFLAGS || (c->write && c->op != CSR_OP_WRITE))
		return false;
	if (c->read) {
		old = ir_tmp(ctx->b);
		ir_call(ctx->b, IRH_INT_ONLY, old, fpflags_get, off, imm(ctx, 0));
	}
	if (c->write)
		ir_call(ctx->b, IRH_INT_ONLY, IR_NONE, fpflags_set, off, c->operand);
	if (c->read)
		ir_mov(ctx->b, x_dst(c->rd), old);
	return true;
}

static bool csr_access(ctx_t *ctx, const struct access *c)
{
	if ((c->csr >> 8 & 3) > ctx->priv || (c->write && c->csr >> 10 == 3))
		return false;
	if (c->csr >= CSR_FFLAGS && c->csr <= CSR_FCSR) {
		if (!riscv_has(ctx, FEAT_F))
			return false;
		riscv_fp_check(ctx);
	}
	if (fflags_inline(ctx, c) || plain_access(ctx, c))
		return true;
	if (c->csr == CSR_SSTATUS && sstatus_inline(ctx, c))
		return true;
	helper_access(ctx, c);
	return true;
}

static bool csr_reg(ctx_t *ctx, const struct riscv_arg_csr *a, enum csr_op op)
{
	return csr_access(ctx, &(struct access){
		.csr = (unsigned)a->csr, .rd = a->rd, .op = op, .operand = x_get(ctx, a->rs1),
		.read = a->rd, .write = op == CSR_OP_WRITE || a->rs1 });
}

static bool csr_imm(ctx_t *ctx, const struct riscv_arg_csr *a, enum csr_op op)
{
	return csr_access(ctx, &(struct access){ .csr = (unsigned)a->csr,
						 .rd = a->rd,
						 .op = op,
						 .operand = imm(ctx, (uint64_t)a->rs1),
						 .read = a->rd,
						 .write = op == CSR_OP_WRITE || a->rs1 });
}

#define CSR(name, how, op)                                                 \
	bool riscv_trans_##name(ctx_t *ctx, const struct riscv_arg_csr *a) \
	{                                                                  \
		return how(ctx, a, op);                                    \
	}
CSR(csrrw, csr_reg, CSR_OP_WRITE)
CSR(csrrs, csr_reg, CSR_OP_SET)
CSR(csrrc, csr_reg, CSR_OP_CLEAR)
CSR(csrrwi, csr_imm, CSR_OP_WRITE)
CSR(csrrsi, csr_imm, CSR_OP_SET)
CSR(csrrci, csr_imm, CSR_OP_CLEAR)

/* --- traps and returns --- */

#define LEAVE(name, least) \
	bool riscv_trans_##name(ctx_t *ctx) \
	{ \
		if (ctx->priv < (least)) \
			return false; \
		riscv_end_fn(ctx, riscv_leave_##name, ctx->len, 0); \
		return true; \
	}
LEAVE(ecall, PRIV_U)
LEAVE(ebreak, PRIV_U)
LEAVE(sret, PRIV_S)
LEAVE(mret, PRIV_M)
LEAVE(wfi, PRIV_S)

/* --- fences --- */

bool riscv_trans_fence_i(ctx_t *ctx)
{
	ir_call(ctx->b, 0, IR_NONE, riscv_help_fence_i, imm(ctx, 0), imm(ctx, 0));
	riscv_end_lookup(ctx);
	return true;
}

bool riscv_trans_sfence_vma(ctx_t *ctx, const struct riscv_arg_r *a)
{
	uint64_t has = (a->rs1 ? SFENCE_HAS_VA : 0) | (a->rs2 ? SFENCE_HAS_ASID : 0);
	ir_val operand = imm(ctx, has);

	if (ctx->priv < PRIV_S)
		return false;
	if (a->rs2)
		operand = ir_get2(ctx->b, IR_OR, IR_I64,
				  ir_get1(ctx->b, IR_ZEXT16, IR_I64, x_get(ctx, a->rs2)), operand);
	ir_call(ctx->b, IRH_LEAVE, IR_NONE, riscv_help_sfence, x_get(ctx, a->rs1), operand);
	riscv_end_lookup(ctx);
	return true;
}

/* Svinval: the invalidation itself may be done at once; the two fences have nothing left to do. */
bool riscv_trans_sinval_vma(ctx_t *ctx, const struct riscv_arg_r *a)
{
	return riscv_trans_sfence_vma(ctx, a);
}

bool riscv_trans_sfence_w_inval(ctx_t *ctx)
{
	return ctx->priv >= PRIV_S;
}

bool riscv_trans_sfence_inval_ir(ctx_t *ctx)
{
	return ctx->priv >= PRIV_S;
}

/* --- cache blocks of 64 bytes --- */

static bool cbo(ctx_t *ctx, const struct riscv_arg_mem *a, unsigned kind)
{
	ir_call(ctx->b, IRH_LEAVE, IR_NONE, riscv_help_cbo, x_get(ctx, a->rs1), imm(ctx, kind));
	return true;
}

bool riscv_trans_cbo_inval(ctx_t *ctx, const struct riscv_arg_mem *a)
{
	return cbo(ctx, a, 0);
}

bool riscv_trans_cbo_clean(ctx_t *ctx, const struct riscv_arg_mem *a)
{
	return cbo(ctx, a, 1);
}

bool riscv_trans_cbo_flush(ctx_t *ctx, const struct riscv_arg_mem *a)
{
	return cbo(ctx, a, 2);
}

/* The key has FEAT_ZICBOZ only where menvcfg and senvcfg allow it. */
bool riscv_trans_cbo_zero(ctx_t *ctx, const struct riscv_arg_mem *a)
{
	ir_val base = ir_get2(ctx->b, IR_AND, IR_I64, x_get(ctx, a->rs1), imm(ctx, ~63ull));

	for (int i = 0; i < 64; i += 8)
		ir_st(ctx->b, base, i, imm(ctx, 0), MO_64);
	return true;
}
