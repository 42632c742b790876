// SPDX-License-Identifier: GPL-2.0-or-later
/* Single bits, counting, BMI, ADX, CRC32, CMPXCHG8B and 16B (SDM volume 2). */
#include "target/x86/arith.h"
#include "target/x86/helper.h"
#include "target/x86/insn.h"
#include "target/x86/trans_int.h"

static enum ir_type type(unsigned size)
{
	return size == 8 ? IR_I64 : IR_I32;
}

/*
 * CF becomes bit (0 or 1), ZF stays, the others are undefined: the flags of X86_CC_BMI with the
 * last result, if there is one.
 */
static void flags_carry(struct x86_ctx *ctx, ir_val bit)
{
	unsigned op = ctx->cc_op & ~3u, size = 1u << (ctx->cc_op & 3);
	ir_val f;

	if (ctx->cc_known && ctx->cc_op > X86_CC_PACKED && op != X86_CC_CMP) {
		x86_flags(ctx, X86_CC_BMI, size, x86_flags_operand(ctx, 0), bit, IR_NONE);
		return;
	}
	if (ctx->cc_known && op == X86_CC_CMP) {
		f = ir_get2(ctx->b, IR_SUB, IR_I64, x86_flags_operand(ctx, 0),
			    x86_flags_operand(ctx, 1));
		x86_flags(ctx, X86_CC_BMI, size, f, bit, IR_NONE);
		return;
	}
	f = ir_get2(ctx->b, IR_AND, IR_I64, x86_flags_get(ctx),
		    x86_imm(ctx, X86_FLAGS_ARITH & ~X86_FLAG_CF));
	x86_flags_packed(ctx, ir_get2(ctx->b, IR_OR, IR_I64, f, bit));
}

/* Linear address of the word that a bit offset in a register selects (SDM volume 2, 3.1.1.9). */
static ir_val bit_string(struct x86_ctx *ctx, const struct x86_insn *i, ir_val offset, bool write)
{
	static const uint8_t ext[] = { [2] = IR_SEXT16, [4] = IR_SEXT32 };
	unsigned size = i->opsize, lg = x86_mo(size);
	struct ir_block *b = ctx->b;
	ir_val at = x86_ea_offset(ctx);

	if (size != 8)
		offset = ir_get1(b, (enum ir_opcode)ext[size], IR_I64, offset);
	offset = ir_get2(b, IR_SAR, IR_I64, offset, x86_imm(ctx, 3 + lg));
	offset = ir_get2(b, IR_SHL, IR_I64, offset, x86_imm(ctx, lg));
	at = ir_get2(b, IR_ADD, IR_I64, at, offset);
	if (i->adsize != 8)
		at = ir_get1(b, i->adsize == 4 ? IR_ZEXT32 : IR_ZEXT16, IR_I64, at);
	return x86_linear(ctx, i->sreg, at, size, write);
}

enum { BT = 0, BTS = 1, BTR = 2, BTC = 3 };

bool x86_trans_bt(struct x86_ctx *ctx, const struct x86_insn *i)
{
	static const uint8_t amo[] = { [BTS] = AMO_OR, [BTR] = AMO_AND, [BTC] = AMO_XOR };
	static const uint8_t ops[] = { [BTS] = IR_OR, [BTR] = IR_ANDN, [BTC] = IR_XOR };
	bool by_imm = i->opcode == 0xba, mem = i->opnd[0].kind == X86_O_MEM;
	unsigned what = by_imm ? i->modrm >> 3 & 3 : i->opcode >> 3 & 3, size = i->opsize;
	struct ir_block *b = ctx->b;
	ir_val n, mask = IR_NONE, old, lin = IR_NONE, bit, r;

	if (by_imm) {
		n = x86_imm(ctx, i->imm[0] & (8 * size - 1));
	} else {
		n = x86_raw(ctx, 1);
		if (mem)
			lin = bit_string(ctx, i, n, what != BT);
		n = ir_get2(b, IR_AND, IR_I64, n, x86_imm(ctx, 8 * size - 1));
	}
	if (mem && by_imm)
		lin = x86_ea(ctx, size, what != BT);
	if (what != BT) {
		uint64_t c;

		if (ir_is_const(b, n, &c))
			mask = x86_imm(ctx, UINT64_C(1) << c);
		else
			mask = ir_get2(b, IR_SHL, IR_I64, x86_imm(ctx, 1), n);
	}
	if (mem && i->lock) {
		x86_rmw_check(ctx, lin, size);
		old = ir_tmp(b);
		if (what == BTR)
			mask = ir_get2(b, IR_XOR, IR_I64, mask, x86_imm(ctx, UINT64_MAX));
		if (by_imm) {	/* as a value: back ends have no room for a wide constant there */
			ir_val t = ir_tmp(b);

			ir_mov(b, t, mask);
			mask = t;
		}
		ir_amo(b, (enum ir_amo)amo[what], old, lin, mask, x86_mo(size));
	} else if (mem) {
		old = ir_tmp(b);
		x86_ld(ctx, old, lin, 0, x86_mo(size) | (what != BT ? MO_RMW : 0));
	} else {
		old = x86_raw(ctx, 0);
	}
	bit = ir_get2(b, IR_SHR, type(size), old, n);
	bit = ir_get2(b, IR_AND, IR_I64, bit, x86_imm(ctx, 1));
	if (what != BT && !(mem && i->lock)) {
		r = ir_get2(b, (enum ir_opcode)ops[what], IR_I64, old, mask);
		if (mem)
			x86_st(ctx, lin, 0, r, x86_mo(size));
		else
			x86_put(ctx, 0, r);
	}
	flags_carry(ctx, bit);
	return true;
}

/* --- counting --- */

/* The source zero-extended, and not in a slot. */
static ir_val source(struct x86_ctx *ctx, unsigned n)
{
	return x86_copy(ctx, x86_get(ctx, n));
}

bool x86_trans_bsf(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opsize;
	struct ir_block *b = ctx->b;
	ir_val src = source(ctx, 1), r, t = ir_tmp(b), d = x86_gpr(i->opnd[0].reg);

	if (i->opcode & 1) {	/* BSR */
		r = ir_get1(b, IR_CLZ, type(size), src);
		r = ir_get2(b, IR_XOR, IR_I64, r, x86_imm(ctx, size == 8 ? 63 : 31));
	} else {
		r = ir_get1(b, IR_CTZ, type(size), src);
	}
	if (size == 2) {
		ir_val v = ir_tmp(b);

		ir_op2(b, IR_INS16, IR_I64, v, d, r);
		r = v;
	}
	/* of zero: the destination stays, all of it */
	ir_select(b, IR_EQ, IR_I64, t, src, x86_imm(ctx, 0), d, r);
	ir_mov(b, d, t);
	x86_flags(ctx, X86_CC_LOGIC, size, src, IR_NONE, IR_NONE);
	return true;
}

bool x86_trans_tzcnt(struct x86_ctx *ctx, const struct x86_insn *i)
{
	bool lead = i->opcode & 1;
	unsigned size = i->opsize;
	struct ir_block *b = ctx->b;
	ir_val src, r, c = ir_tmp(b);

	if (!x86_has(ctx, lead ? "abm" : "bmi1"))
		return x86_trans_bsf(ctx, i);
	src = source(ctx, 1);
	if (lead) {
		r = ir_get1(b, IR_CLZ, type(size), src);
		if (size == 2)
			r = ir_get2(b, IR_SUB, IR_I64, r, x86_imm(ctx, 16));
	} else {
		r = size != 2 ? src : ir_get2(b, IR_OR, IR_I64, src, x86_imm(ctx, 0x10000));
		r = ir_get1(b, IR_CTZ, type(size), r);
	}
	ir_setc(b, IR_EQ, IR_I64, c, src, x86_imm(ctx, 0));
	x86_put(ctx, 0, r);
	x86_flags(ctx, X86_CC_BMI, size, r, c, IR_NONE);
	return true;
}

bool x86_trans_popcnt(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct ir_block *b = ctx->b;
	ir_val src = source(ctx, 1), z = ir_tmp(b);

	ir_setc(b, IR_EQ, IR_I64, z, src, x86_imm(ctx, 0));
	x86_put(ctx, 0, ir_get1(b, IR_POPCNT, IR_I64, src));
	x86_flags_packed(ctx, ir_get2(b, IR_SHL, IR_I64, z, x86_imm(ctx, 6)));
	return true;
}

/* --- BMI --- */

bool x86_trans_andn(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size;
	ir_val d = x86_gpr(i->opnd[0].reg);

	ir_op2(ctx->b, IR_ANDN, type(size), d, x86_raw(ctx, 2), x86_raw(ctx, 1));
	x86_flags(ctx, X86_CC_LOGIC, size, d, IR_NONE, IR_NONE);
	return true;
}

bool x86_trans_bls(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size, what = i->modrm >> 3 & 7;
	struct ir_block *b = ctx->b;
	ir_val src = source(ctx, 1), c = ir_tmp(b), d = x86_gpr(i->opnd[0].reg), t;

	t = what == 3 ? ir_get2(b, IR_SUB, type(size), x86_imm(ctx, 0), src) :
			ir_get2(b, IR_SUB, type(size), src, x86_imm(ctx, 1));
	ir_setc(b, what == 3 ? IR_NE : IR_EQ, IR_I64, c, src, x86_imm(ctx, 0));
	ir_op2(b, what == 2 ? IR_XOR : IR_AND, type(size), d, src, t);
	x86_flags(ctx, X86_CC_BMI, size, d, c, IR_NONE);
	return true;
}

bool x86_trans_bzhi(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size;
	struct ir_block *b = ctx->b;
	ir_val src = source(ctx, 1), n = ir_get1(b, IR_ZEXT8, IR_I64, x86_raw(ctx, 2)), t, c, r;
	ir_val d = x86_gpr(i->opnd[0].reg), bits = x86_imm(ctx, 8 * size);

	t = ir_get2(b, IR_SHL, type(size), x86_imm(ctx, UINT64_MAX), n);
	t = ir_get2(b, IR_ANDN, IR_I64, src, t);
	r = ir_tmp(b);
	ir_select(b, IR_GEU, IR_I64, r, n, bits, src, t);
	c = ir_tmp(b);
	ir_setc(b, IR_GEU, IR_I64, c, n, bits);
	ir_mov(b, d, r);
	x86_flags(ctx, X86_CC_BMI, size, d, c, IR_NONE);
	return true;
}

bool x86_trans_bextr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size;
	struct ir_block *b = ctx->b;
	ir_val src = source(ctx, 1), ctl = x86_raw(ctx, 2), start, len, t, r, d;
	ir_val bits = x86_imm(ctx, 8 * size);

	start = ir_get1(b, IR_ZEXT8, IR_I64, ctl);
	len = ir_get1(b, IR_EXT8H, IR_I64, ctl);
	t = ir_get2(b, IR_SHR, IR_I64, src, start);
	r = ir_tmp(b);
	ir_select(b, IR_GEU, IR_I64, r, start, bits, x86_imm(ctx, 0), t);
	t = ir_get2(b, IR_SHL, IR_I64, x86_imm(ctx, UINT64_MAX), len);
	t = ir_get2(b, IR_ANDN, IR_I64, r, t);
	d = x86_gpr(i->opnd[0].reg);
	ir_select(b, IR_GEU, IR_I64, d, len, bits, r, t);
	x86_flags(ctx, X86_CC_LOGIC, size, d, IR_NONE, IR_NONE);
	return true;
}

bool x86_trans_pext(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val v = x86_get(ctx, 1), mask = x86_get(ctx, 2);

	x86_put(ctx, 0, x86_call_pure(ctx, i->row->pp == X86_PP_F3 ? x86_help_pext :
								      x86_help_pdep, v, mask));
	return true;
}

/* ADCX, ADOX: one flag in and out. */
bool x86_trans_adx(struct x86_ctx *ctx, const struct x86_insn *i)
{
	bool of = i->row->pp == X86_PP_F3;
	unsigned size = i->opnd[0].size, at = of ? 11 : 0;
	struct ir_block *b = ctx->b;
	ir_val src = x86_copy(ctx, x86_raw(ctx, 1)), d = x86_gpr(i->opnd[0].reg), f, c, below, t;

	f = x86_flags_get(ctx);
	c = at ? ir_get2(b, IR_SHR, IR_I64, f, x86_imm(ctx, at)) : f;
	c = ir_get2(b, IR_AND, IR_I64, c, x86_imm(ctx, 1));
	ir_op3(b, IR_ADDC, type(size), d, d, src, c);
	below = ir_tmp(b);
	ir_setc(b, IR_LTU, type(size), below, d, src);
	t = ir_tmp(b);
	ir_setc(b, IR_LEU, type(size), t, d, src);
	/* with a carry in, it goes out where the sum is not above */
	t = ir_get2(b, IR_AND, IR_I64, t, c);
	t = ir_get2(b, IR_OR, IR_I64, t, below);
	if (at)
		t = ir_get2(b, IR_SHL, IR_I64, t, x86_imm(ctx, at));
	f = ir_get2(b, IR_AND, IR_I64, f, x86_imm(ctx, X86_FLAGS_ARITH & ~(1u << at)));
	x86_flags_packed(ctx, ir_get2(b, IR_OR, IR_I64, f, t));
	return true;
}

bool x86_trans_crc32(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val how = ir_get2(ctx->b, IR_SHL, IR_I64, x86_gpr(i->opnd[0].reg), x86_imm(ctx, 32));
	ir_val v = x86_raw(ctx, 1);

	how = ir_get2(ctx->b, IR_OR, IR_I64, how, x86_imm(ctx, i->opnd[1].size));
	x86_put(ctx, 0, x86_call_pure(ctx, x86_help_crc32, v, how));
	return true;
}

/* --- compare and exchange of two registers --- */

static ir_val pair(struct x86_ctx *ctx, unsigned hi, unsigned lo)
{
	ir_val h = ir_get2(ctx->b, IR_SHL, IR_I64, x86_gpr(hi), x86_imm(ctx, 32));

	return ir_get2(ctx->b, IR_OR, IR_I64, h, x86_reg_get(ctx, lo, 4));
}

bool x86_trans_cmpxchg8b(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct ir_block *b = ctx->b;
	ir_val lin = x86_ea(ctx, 8, true), expect = pair(ctx, X86_RDX, X86_RAX), t, z, f, hi, lo;
	ir_val new = pair(ctx, X86_RCX, X86_RBX), old = ir_tmp(b);

	if (i->lock) {
		x86_rmw_check(ctx, lin, 8);
		ir_cas(b, old, lin, expect, new, MO_64);
	} else {
		x86_ld(ctx, old, lin, 0, MO_64 | MO_RMW);
		t = ir_tmp(b);
		ir_select(b, IR_EQ, IR_I64, t, old, expect, new, old);
		x86_st(ctx, lin, 0, t, MO_64);
	}
	f = ir_get2(b, IR_AND, IR_I64, x86_flags_get(ctx),
		    x86_imm(ctx, X86_FLAGS_ARITH & ~X86_FLAG_ZF));
	z = ir_tmp(b);
	ir_setc(b, IR_EQ, IR_I64, z, old, expect);
	z = ir_get2(b, IR_SHL, IR_I64, z, x86_imm(ctx, 6));
	f = ir_get2(b, IR_OR, IR_I64, f, z);
	lo = ir_get1(b, IR_ZEXT32, IR_I64, old);
	hi = ir_get2(b, IR_SHR, IR_I64, old, x86_imm(ctx, 32));
	t = ir_tmp(b);
	ir_select(b, IR_EQ, IR_I64, t, old, expect, x86_gpr(X86_RDX), hi);
	z = ir_tmp(b);
	ir_select(b, IR_EQ, IR_I64, z, old, expect, x86_gpr(X86_RAX), lo);
	ir_mov(b, x86_gpr(X86_RDX), t);
	ir_mov(b, x86_gpr(X86_RAX), z);
	x86_flags_packed(ctx, f);
	return true;
}

static uint64_t help_cmpxchg16b(void *state, uint64_t lin, uint64_t unused)
{
	struct x86_state *s = state;
	uint64_t expect[2] = { s->gpr[X86_RAX], s->gpr[X86_RDX] }, old[2];
	uint64_t new[2] = { s->gpr[X86_RBX], s->gpr[X86_RCX] };
	struct cpu_env *env = cpu_env(s);
	bool same;

	if (lin & 15)
		return x86_gp(s, 0);
	if (env->ops->mem_cas(env, lin, x86_view_now(s), 16, expect, new, old))
		return 0;
	same = old[0] == expect[0] && old[1] == expect[1];
	s->gpr[X86_RAX] = old[0];
	s->gpr[X86_RDX] = old[1];
	x86_rflags_put(s, same ? X86_FLAG_ZF : 0, X86_FLAG_ZF);
	return 0;
}

bool x86_trans_cmpxchg16b(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val lin = x86_ea(ctx, 16, true);

	x86_rmw_check(ctx, lin, 16);
	x86_call(ctx, help_cmpxchg16b, lin, IR_NONE);
	return true;
}
