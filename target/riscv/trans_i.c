// SPDX-License-Identifier: GPL-2.0-or-later
/* RV64I: arithmetic, control transfer, loads and stores; Zicond. Unprivileged spec ch. 2, 4. */
#include "target/riscv/translate.h"

#include "riscv_decode.h"
#include "target/riscv/helper.h"

typedef const struct riscv_arg_i arg_i;
typedef const struct riscv_arg_r arg_r;
typedef const struct riscv_arg_s arg_s;
typedef struct riscv_ctx ctx_t;

static ir_val imm(ctx_t *ctx, int64_t v)
{
	return ir_const(ctx->b, (uint64_t)v);
}

bool riscv_trans_lui(ctx_t *ctx, const struct riscv_arg_u *a)
{
	ir_mov(ctx->b, x_dst(a->rd), imm(ctx, a->imm));
	return true;
}

bool riscv_trans_auipc(ctx_t *ctx, const struct riscv_arg_u *a)
{
	ir_mov(ctx->b, x_dst(a->rd), ir_pc(ctx->b, ctx->pc + (int64_t)a->imm));
	return true;
}

/* --- control transfer --- */

/* x1 and x5 are the link registers of the return-address stack hints (2.5.1). */
static bool is_link(int32_t r)
{
	return r == 1 || r == 5;
}

static void link_write(ctx_t *ctx, int32_t rd)
{
	ir_mov(ctx->b, x_dst(rd), ir_pc(ctx->b, ctx->pc + ctx->len));
}

static void jump_direct(ctx_t *ctx, int32_t rd, uint64_t target)
{
	if (rd == 0 && target > ctx->pc && target < ctx->page_end) {
		ctx->next = target;
		return;
	}
	link_write(ctx, rd);
	if (is_link(rd))
		ir_call_direct(ctx->b, target, ctx->len);
	else
		ir_exit(ctx->b, target);
	ctx->done = true;
}

bool riscv_trans_jal(ctx_t *ctx, const struct riscv_arg_j *a)
{
	jump_direct(ctx, a->rd, ctx->pc + (int64_t)a->imm);
	return true;
}

bool riscv_trans_jalr(ctx_t *ctx, arg_i *a)
{
	uint64_t va;
	ir_val target;

	if (a->rs1 && ir_is_pc(ctx->b, x_get(ctx, a->rs1), &va)) {
		jump_direct(ctx, a->rd, (va + (int64_t)a->imm) & ~1ull);
		return true;
	}
	target = ir_get2(ctx->b, IR_ADD, IR_I64, x_get(ctx, a->rs1), imm(ctx, a->imm));
	target = ir_get2(ctx->b, IR_AND, IR_I64, target, imm(ctx, -2));
	link_write(ctx, a->rd);
	if (is_link(a->rd))
		ir_call_ind(ctx->b, target, ctx->pc + ctx->len);
	else if (is_link(a->rs1))
		ir_ret(ctx->b, target);
	else
		ir_jmp_ind(ctx->b, target);
	ctx->done = true;
	return true;
}

static bool condition(enum ir_cc cc, uint64_t a, uint64_t b)
{
	switch (cc) {
	case IR_EQ:
		return a == b;
	case IR_NE:
		return a != b;
	case IR_LT:
		return (int64_t)a < (int64_t)b;
	case IR_GE:
		return (int64_t)a >= (int64_t)b;
	case IR_LTU:
		return a < b;
	default:
		return a >= b;
	}
}

static bool branch(ctx_t *ctx, arg_s *a, enum ir_cc cc)
{
	/* with the operands exchanged */
	static const uint8_t turned[] = {
		[IR_EQ] = IR_EQ, [IR_NE] = IR_NE, [IR_LT] = IR_GT, [IR_GE] = IR_LE,
		[IR_LTU] = IR_GTU, [IR_GEU] = IR_LEU,
	};
	uint64_t target = ctx->pc + (int64_t)a->imm, va, vb;
	bool same = a->rs1 == a->rs2;

	if (same || (ir_is_const(ctx->b, x_get(ctx, a->rs1), &va) &&
		     ir_is_const(ctx->b, x_get(ctx, a->rs2), &vb))) {
		if (same ? condition(cc, 0, 0) : condition(cc, va, vb))
			jump_direct(ctx, 0, target);
		return true;
	}
	if (a->rs1 == 0)	/* a constant is best second */
		ir_brc(ctx->b, (enum ir_cc)turned[cc], IR_I64, x_get(ctx, a->rs2), imm(ctx, 0),
		       target);
	else
		ir_brc(ctx->b, cc, IR_I64, x_get(ctx, a->rs1), x_get(ctx, a->rs2), target);
	return true;
}

#define BRANCH(name, cc) \
	bool riscv_trans_##name(ctx_t *ctx, arg_s *a) { return branch(ctx, a, cc); }
BRANCH(beq, IR_EQ)
BRANCH(bne, IR_NE)
BRANCH(blt, IR_LT)
BRANCH(bge, IR_GE)
BRANCH(bltu, IR_LTU)
BRANCH(bgeu, IR_GEU)

/* --- memory --- */

static bool load(ctx_t *ctx, arg_i *a, uint32_t memop)
{
	ir_ld(ctx->b, x_dst(a->rd), x_get(ctx, a->rs1), a->imm, memop);
	return true;
}

static bool store(ctx_t *ctx, arg_s *a, uint32_t memop)
{
	ir_st(ctx->b, x_get(ctx, a->rs1), a->imm, x_get(ctx, a->rs2), memop);
	return true;
}

#define LOAD(name, memop) \
	bool riscv_trans_##name(ctx_t *ctx, arg_i *a) { return load(ctx, a, memop); }
#define STORE(name, memop) \
	bool riscv_trans_##name(ctx_t *ctx, arg_s *a) { return store(ctx, a, memop); }
LOAD(lb, MO_8 | MO_SIGN)
LOAD(lh, MO_16 | MO_SIGN)
LOAD(lw, MO_32 | MO_SIGN)
LOAD(ld, MO_64)
LOAD(lbu, MO_8)
LOAD(lhu, MO_16)
LOAD(lwu, MO_32)
STORE(sb, MO_8)
STORE(sh, MO_16)
STORE(sw, MO_32)
STORE(sd, MO_64)

bool riscv_trans_prefetch(ctx_t *ctx, arg_i *a)
{
	return true;
}

bool riscv_trans_pause(ctx_t *ctx)
{
	ir_val none = ir_const(ctx->b, 0);

	ir_call(ctx->b, 0, IR_NONE, riscv_help_pause, none, none);
	return true;
}

bool riscv_trans_fence(ctx_t *ctx, const struct riscv_arg_fence *a)
{
	/* bits of a set: W 1, R 2, O 4, I 8; device accesses are ordered as memory */
	unsigned p = (unsigned)(a->pred | a->pred >> 2), s = (unsigned)(a->succ | a->succ >> 2);

	ir_fence(ctx->b, (p & 2 && s & 2 ? IR_FENCE_RR : 0) | (p & 2 && s & 1 ? IR_FENCE_RW : 0) |
			 (p & 1 && s & 2 ? IR_FENCE_WR : 0) | (p & 1 && s & 1 ? IR_FENCE_WW : 0));
	return true;
}

bool riscv_trans_fence_tso(ctx_t *ctx)
{
	ir_fence(ctx->b, IR_FENCE_RR | IR_FENCE_RW | IR_FENCE_WW);
	return true;
}

/* --- arithmetic --- */

static bool op_imm(ctx_t *ctx, arg_i *a, enum ir_opcode op, enum ir_type ty)
{
	ir_op2(ctx->b, op, ty, x_dst(a->rd), x_get(ctx, a->rs1), imm(ctx, a->imm));
	return true;
}

static bool op_reg(ctx_t *ctx, arg_r *a, enum ir_opcode op, enum ir_type ty)
{
	ir_op2(ctx->b, op, ty, x_dst(a->rd), x_get(ctx, a->rs1), x_get(ctx, a->rs2));
	return true;
}

#define OP_IMM(name, op, ty) \
	bool riscv_trans_##name(ctx_t *ctx, arg_i *a) { return op_imm(ctx, a, op, ty); }
#define OP_REG(name, op, ty) \
	bool riscv_trans_##name(ctx_t *ctx, arg_r *a) { return op_reg(ctx, a, op, ty); }
OP_IMM(addi, IR_ADD, IR_I64)
OP_IMM(xori, IR_XOR, IR_I64)
OP_IMM(ori, IR_OR, IR_I64)
OP_IMM(andi, IR_AND, IR_I64)
OP_IMM(srai, IR_SAR, IR_I64)
OP_IMM(addiw, IR_ADD, IR_I32S)
OP_IMM(slliw, IR_SHL, IR_I32S)
OP_IMM(srliw, IR_SHR, IR_I32S)
OP_IMM(sraiw, IR_SAR, IR_I32S)
OP_REG(add, IR_ADD, IR_I64)
OP_REG(sub, IR_SUB, IR_I64)
OP_REG(sll, IR_SHL, IR_I64)
OP_REG(xor, IR_XOR, IR_I64)
OP_REG(srl, IR_SHR, IR_I64)
OP_REG(sra, IR_SAR, IR_I64)
OP_REG(or, IR_OR, IR_I64)
OP_REG(and, IR_AND, IR_I64)
OP_REG(addw, IR_ADD, IR_I32S)
OP_REG(subw, IR_SUB, IR_I32S)
OP_REG(sllw, IR_SHL, IR_I32S)
OP_REG(srlw, IR_SHR, IR_I32S)
OP_REG(sraw, IR_SAR, IR_I32S)

/*
 * Without Zba a zero-extension is slli 32, srli 32 - n, n the scale of an index:
 * keep the zero-extended source beside the shift; whichever is unused dies.
 */
bool riscv_trans_slli(ctx_t *ctx, arg_i *a)
{
	uint64_t c;

	if (a->imm == 32 && a->rd && a->rs1 && !ir_is_const(ctx->b, x_get(ctx, a->rs1), &c)) {
		ctx->zext = ir_get1(ctx->b, IR_ZEXT32, IR_I64, x_get(ctx, a->rs1));
		ctx->zext_reg = (uint8_t)a->rd;
		ctx->zext_pc = ctx->pc + ctx->len;
	}
	return op_imm(ctx, a, IR_SHL, IR_I64);
}

bool riscv_trans_srli(ctx_t *ctx, arg_i *a)
{
	if (a->rs1 && a->rs1 == ctx->zext_reg && ctx->zext_pc == ctx->pc && a->imm &&
	    a->imm <= 32) {
		ir_op2(ctx->b, IR_SHL, IR_I64, x_dst(a->rd), ctx->zext, imm(ctx, 32 - a->imm));
		return true;
	}
	return op_imm(ctx, a, IR_SHR, IR_I64);
}

static void set_less(ctx_t *ctx, int32_t rd, enum ir_cc cc, ir_val x, ir_val y)
{
	ir_setc(ctx->b, cc, IR_I64, x_dst(rd), x, y);
}

bool riscv_trans_slti(ctx_t *ctx, arg_i *a)
{
	set_less(ctx, a->rd, IR_LT, x_get(ctx, a->rs1), imm(ctx, a->imm));
	return true;
}

bool riscv_trans_sltiu(ctx_t *ctx, arg_i *a)
{
	if (a->imm == 1)	/* seqz */
		set_less(ctx, a->rd, IR_EQ, x_get(ctx, a->rs1), imm(ctx, 0));
	else
		set_less(ctx, a->rd, IR_LTU, x_get(ctx, a->rs1), imm(ctx, a->imm));
	return true;
}

bool riscv_trans_slt(ctx_t *ctx, arg_r *a)
{
	set_less(ctx, a->rd, IR_LT, x_get(ctx, a->rs1), x_get(ctx, a->rs2));
	return true;
}

bool riscv_trans_sltu(ctx_t *ctx, arg_r *a)
{
	if (a->rs1 == 0)	/* snez */
		set_less(ctx, a->rd, IR_NE, x_get(ctx, a->rs2), imm(ctx, 0));
	else
		set_less(ctx, a->rd, IR_LTU, x_get(ctx, a->rs1), x_get(ctx, a->rs2));
	return true;
}

/* --- Zicond --- */

static bool czero(ctx_t *ctx, arg_r *a, enum ir_cc zero_if)
{
	ir_select(ctx->b, zero_if, IR_I64, x_dst(a->rd), x_get(ctx, a->rs2), imm(ctx, 0),
		  imm(ctx, 0), x_get(ctx, a->rs1));
	return true;
}

bool riscv_trans_czero_eqz(ctx_t *ctx, arg_r *a)
{
	return czero(ctx, a, IR_EQ);
}

bool riscv_trans_czero_nez(ctx_t *ctx, arg_r *a)
{
	return czero(ctx, a, IR_NE);
}
