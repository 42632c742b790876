// SPDX-License-Identifier: GPL-2.0-or-later
/* Moves and arithmetic of general registers (SDM volume 2). */
#include "target/x86/trans_int.h"

#include "target/x86/helper.h"
#include "target/x86/insn.h"

ir_val x86_copy(struct x86_ctx *ctx, ir_val v)
{
	ir_val t;

	if (v >= ctx->b->nr_slots)
		return v;
	t = ir_tmp(ctx->b);
	ir_mov(ctx->b, t, v);
	return t;
}

struct x86_dst x86_dst_begin(struct x86_ctx *ctx, unsigned n)
{
	const struct x86_opnd *o = &ctx->insn->opnd[n];
	struct x86_dst d = { .o = o };

	if (o->kind == X86_O_MEM) {
		d.a = x86_addr(ctx, o->size, true);
		if (ctx->insn->lock) {
			/* atomic operations have no displacement */
			if (d.a.off)
				d.a.base = ir_get2(ctx->b, IR_ADD, IR_I64, d.a.base,
						   x86_imm(ctx, (uint64_t)(int64_t)d.a.off));
			d.a.off = 0;
			x86_rmw_check(ctx, d.a.base, o->size);
			return d;
		}
		d.old = ir_tmp(ctx->b);
		x86_ld(ctx, d.old, d.a.base, d.a.off, x86_mo(o->size) | MO_RMW);
	} else {
		d.old = x86_raw(ctx, n);
	}
	return d;
}

ir_val x86_dst_end(struct x86_ctx *ctx, const struct x86_dst *d, ir_val v)
{
	const struct x86_opnd *o = d->o;

	if (o->kind == X86_O_MEM) {
		x86_st(ctx, d->a.base, d->a.off, v, x86_mo(o->size));
		return v;
	}
	if (o->kind == X86_O_REG8H) {
		ir_op2(ctx->b, IR_INS8H, IR_I64, x86_gpr(o->reg), x86_gpr(o->reg), v);
		return v;
	}
	x86_reg_put(ctx, o->reg, o->size, v);
	return x86_gpr(o->reg);
}

ir_val x86_dst_op2(struct x86_ctx *ctx, const struct x86_dst *d, enum ir_opcode op, ir_val a,
		   ir_val x)
{
	enum ir_type ty = d->o->size == 8 ? IR_I64 : IR_I32;

	if (d->o->kind == X86_O_REG && d->o->size >= 4) {
		ir_op2(ctx->b, op, ty, x86_gpr(d->o->reg), a, x);
		return x86_gpr(d->o->reg);
	}
	return x86_dst_end(ctx, d, ir_get2(ctx->b, op, ty, a, x));
}

/* Keeps the second operand where writing the destination would change it. */
static ir_val keep(struct x86_ctx *ctx, const struct x86_dst *d, ir_val v)
{
	if ((d->o->kind == X86_O_REG || d->o->kind == X86_O_REG8H) && v == x86_gpr(d->o->reg))
		return x86_copy(ctx, v);
	return v;
}

static enum ir_type type(const struct x86_insn *i)
{
	return i->opnd[0].size == 8 ? IR_I64 : IR_I32;
}

static ir_val locked(struct x86_ctx *ctx, const struct x86_dst *d, enum ir_amo kind, ir_val x)
{
	ir_val old = ir_tmp(ctx->b);

	ir_amo(ctx->b, kind, old, d->a.base, x, x86_mo(d->o->size));
	return old;
}

/* --- moves --- */

bool x86_trans_mov(struct x86_ctx *ctx, const struct x86_insn *i)
{
	const struct x86_opnd *d = &i->opnd[0], *s = &i->opnd[1];
	struct x86_addr a;

	if (d->kind == X86_O_REG && d->size >= 4 && s->kind == X86_O_MEM) {
		a = x86_addr(ctx, s->size, false);
		x86_ld(ctx, x86_gpr(d->reg), a.base, a.off, x86_mo(s->size));
		return true;
	}
	x86_put(ctx, 0, d->kind == X86_O_REG && s->kind == X86_O_IMM ? x86_get(ctx, 1) :
									x86_raw(ctx, 1));
	return true;
}

bool x86_trans_movzx(struct x86_ctx *ctx, const struct x86_insn *i)
{
	const struct x86_opnd *d = &i->opnd[0], *s = &i->opnd[1];
	ir_val r = x86_gpr(d->reg);
	struct x86_addr a;

	if (d->size == 2) {
		x86_put(ctx, 0, x86_get(ctx, 1));
	} else if (s->kind == X86_O_MEM) {
		a = x86_addr(ctx, s->size, false);
		x86_ld(ctx, r, a.base, a.off, x86_mo(s->size));
	} else if (s->kind == X86_O_REG8H) {
		ir_op1(ctx->b, IR_EXT8H, IR_I64, r, x86_gpr(s->reg));
	} else {
		ir_op1(ctx->b, s->size == 1 ? IR_ZEXT8 : IR_ZEXT16, IR_I64, r, x86_gpr(s->reg));
	}
	return true;
}

bool x86_trans_movsx(struct x86_ctx *ctx, const struct x86_insn *i)
{
	const struct x86_opnd *d = &i->opnd[0], *s = &i->opnd[1];
	static const uint8_t ops[] = { [1] = IR_SEXT8, [2] = IR_SEXT16, [4] = IR_SEXT32 };
	ir_val r = x86_gpr(d->reg);
	struct x86_addr a;

	if (d->size == 8 && s->kind == X86_O_MEM) {
		a = x86_addr(ctx, s->size, false);
		x86_ld(ctx, r, a.base, a.off, x86_mo(s->size) | MO_SIGN);
	} else if (d->size == 8) {
		ir_op1(ctx->b, (enum ir_opcode)ops[s->size], IR_I64, r, x86_raw(ctx, 1));
	} else {
		ir_val v = x86_raw(ctx, 1);

		if (s->size < d->size)
			v = ir_get1(ctx->b, (enum ir_opcode)ops[s->size], IR_I64, v);
		x86_put(ctx, 0, v);
	}
	return true;
}

bool x86_trans_movbe(struct x86_ctx *ctx, const struct x86_insn *i)
{
	bool load = i->opnd[1].kind == X86_O_MEM;
	unsigned size = i->opsize;
	struct x86_addr a = x86_addr(ctx, size, !load);
	ir_val t;

	if (!load) {
		x86_st(ctx, a.base, a.off, x86_raw(ctx, 1), x86_mo(size) | MO_BE);
		return true;
	}
	t = ir_tmp(ctx->b);
	x86_ld(ctx, t, a.base, a.off, x86_mo(size) | MO_BE);
	x86_put(ctx, 0, t);
	return true;
}

bool x86_trans_lea(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val d = x86_gpr(i->opnd[0].reg), base, index;
	struct ir_block *b = ctx->b;
	enum ir_type ty = i->opsize == 8 ? IR_I64 : IR_I32;

	/* the usual ones: the last operation writes the register */
	if (i->opsize < 4 || i->adsize < i->opsize || i->base < 0 || i->base == X86_BASE_RIP) {
		x86_put(ctx, 0, x86_ea_offset(ctx));
		return true;
	}
	base = x86_gpr((unsigned)i->base);
	if (i->index >= 0) {
		index = x86_gpr((unsigned)i->index);
		if (i->scale)
			index = ir_get2(b, IR_SHL, ty, index, x86_imm(ctx, i->scale));
		if (i->disp)
			base = ir_get2(b, IR_ADD, ty, base, index);
		else
			ir_op2(b, IR_ADD, ty, d, base, index);
	}
	if (i->disp || i->index < 0)
		ir_op2(b, IR_ADD, ty, d, base, x86_imm(ctx, (uint64_t)i->disp));
	return true;
}

bool x86_trans_xchg(struct x86_ctx *ctx, const struct x86_insn *i)
{
	const struct x86_opnd *d = &i->opnd[0];
	ir_val x, y;

	if (d->kind == X86_O_MEM) {	/* locked, with or without the prefix */
		ir_val lin = x86_ea(ctx, d->size, true), old = ir_tmp(ctx->b);

		x86_rmw_check(ctx, lin, d->size);
		ir_amo(ctx->b, AMO_SWAP, old, lin, x86_raw(ctx, 1), x86_mo(d->size));
		x86_put(ctx, 1, old);
		return true;
	}
	if (i->opcode == 0x90 && d->reg == X86_RAX)
		return true;		/* NOP does not even clear the upper half */
	x = x86_copy(ctx, x86_raw(ctx, 0));
	y = x86_raw(ctx, 1);
	x86_put(ctx, 0, y);
	x86_put(ctx, 1, x);
	return true;
}

bool x86_trans_bswap(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val r = x86_gpr(i->opnd[0].reg);

	if (i->opsize == 2)	/* undefined; processors clear it */
		x86_put(ctx, 0, x86_imm(ctx, 0));
	else
		ir_op1(ctx->b, IR_BSWAP, type(i), r, r);
	return true;
}

bool x86_trans_xlat(struct x86_ctx *ctx, const struct x86_insn *i)
{
	enum ir_type ty = i->adsize == 8 ? IR_I64 : IR_I32;
	ir_val a = x86_reg_get(ctx, X86_RAX, 1), t = ir_tmp(ctx->b);

	a = ir_get2(ctx->b, IR_ADD, ty, x86_gpr(X86_RBX), a);
	if (i->adsize == 2)
		a = ir_get1(ctx->b, IR_ZEXT16, IR_I64, a);
	x86_ld(ctx, t, x86_linear(ctx, i->sreg, a, 1, false), 0, MO_8);
	x86_reg_put(ctx, X86_RAX, 1, t);
	return true;
}

bool x86_trans_cmov(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val r = x86_gpr(i->opnd[0].reg), src, old, dst = r;
	struct x86_cond c;

	/* read whatever the condition is; 32 bits: the upper half becomes zero in any case */
	if (i->opsize == 4) {
		src = x86_get(ctx, 1);
		old = x86_reg_get(ctx, i->opnd[0].reg, 4);
	} else {
		src = x86_raw(ctx, 1);
		old = r;
		if (i->opsize == 2)
			dst = ir_tmp(ctx->b);
	}
	c = x86_cond(ctx, i->opcode);
	ir_select(ctx->b, c.cc, c.ty, dst, c.a, c.b, src, old);
	if (i->opsize == 2)
		x86_put(ctx, 0, dst);
	return true;
}

bool x86_trans_setcc(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct x86_cond c = x86_cond(ctx, i->opcode);
	ir_val t = ir_tmp(ctx->b);

	ir_setc(ctx->b, c.cc, c.ty, t, c.a, c.b);
	x86_put(ctx, 0, t);
	return true;
}

bool x86_trans_cbw(struct x86_ctx *ctx, const struct x86_insn *i)
{
	static const uint8_t ops[] = { [2] = IR_SEXT8, [4] = IR_SEXT16, [8] = IR_SEXT32 };
	ir_val t = ir_get1(ctx->b, (enum ir_opcode)ops[i->opsize], IR_I64, x86_gpr(X86_RAX));

	x86_reg_put(ctx, X86_RAX, i->opsize, t);
	return true;
}

bool x86_trans_cwd(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val t = x86_gpr(X86_RAX);

	if (i->opsize == 8) {
		ir_op2(ctx->b, IR_SAR, IR_I64, x86_gpr(X86_RDX), t, x86_imm(ctx, 63));
	} else if (i->opsize == 4) {
		ir_op2(ctx->b, IR_SAR, IR_I32, x86_gpr(X86_RDX), t, x86_imm(ctx, 31));
	} else {
		t = ir_get1(ctx->b, IR_SEXT16, IR_I64, t);
		t = ir_get2(ctx->b, IR_SAR, IR_I64, t, x86_imm(ctx, 15));
		x86_reg_put(ctx, X86_RDX, 2, t);
	}
	return true;
}

/* --- arithmetic --- */

static bool add_sub(struct x86_ctx *ctx, const struct x86_insn *i, bool sub)
{
	enum ir_opcode op = sub ? IR_SUB : IR_ADD;
	unsigned size = i->opnd[0].size;
	ir_val x = x86_raw(ctx, 1), r;
	struct x86_dst d = x86_dst_begin(ctx, 0);

	if (i->lock) {
		r = sub ? ir_get2(ctx->b, IR_SUB, type(i), x86_imm(ctx, 0), x) : x;
		r = ir_get2(ctx->b, op, type(i), locked(ctx, &d, AMO_ADD, r), x);
	} else {
		x = keep(ctx, &d, x);
		r = x86_dst_op2(ctx, &d, op, d.old, x);
	}
	x86_flags(ctx, sub ? X86_CC_SUB : X86_CC_ADD, size, r, x, IR_NONE);
	return true;
}

static bool same_register(const struct x86_insn *i)
{
	return i->opnd[0].kind == X86_O_REG && i->opnd[1].kind == X86_O_REG &&
	       i->opnd[0].reg == i->opnd[1].reg;
}

static bool clear(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_put(ctx, 0, x86_imm(ctx, 0));
	x86_flags(ctx, X86_CC_LOGIC, i->opnd[0].size, x86_imm(ctx, 0), IR_NONE, IR_NONE);
	return true;
}

bool x86_trans_add(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return add_sub(ctx, i, false);
}

bool x86_trans_sub(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return same_register(i) ? clear(ctx, i) : add_sub(ctx, i, true);
}

static bool with_carry(struct x86_ctx *ctx, const struct x86_insn *i, bool sub)
{
	enum ir_opcode op = sub ? IR_SUBC : IR_ADDC;
	unsigned size = i->opnd[0].size;
	ir_val c = x86_copy(ctx, x86_carry(ctx)), x = x86_raw(ctx, 1), r, v;
	struct x86_dst d = x86_dst_begin(ctx, 0);

	if (i->lock) {
		v = ir_get2(ctx->b, IR_ADD, type(i), x, c);
		if (sub)
			v = ir_get2(ctx->b, IR_SUB, type(i), x86_imm(ctx, 0), v);
		v = locked(ctx, &d, AMO_ADD, v);
		r = ir_tmp(ctx->b);
		ir_op3(ctx->b, op, type(i), r, v, x, c);
	} else {
		x = keep(ctx, &d, x);
		if (d.o->kind == X86_O_REG && size >= 4) {
			r = x86_gpr(d.o->reg);
			ir_op3(ctx->b, op, type(i), r, d.old, x, c);
		} else {
			r = ir_tmp(ctx->b);
			ir_op3(ctx->b, op, type(i), r, d.old, x, c);
			r = x86_dst_end(ctx, &d, r);
		}
	}
	x86_flags(ctx, sub ? X86_CC_SBB : X86_CC_ADC, size, r, x, c);
	return true;
}

bool x86_trans_adc(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return with_carry(ctx, i, false);
}

bool x86_trans_sbb(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return with_carry(ctx, i, true);
}

static bool logic(struct x86_ctx *ctx, const struct x86_insn *i, enum ir_opcode op,
		  enum ir_amo kind)
{
	ir_val x = x86_raw(ctx, 1), r;
	struct x86_dst d = x86_dst_begin(ctx, 0);

	if (i->lock)
		r = ir_get2(ctx->b, op, type(i), locked(ctx, &d, kind, x), x);
	else
		r = x86_dst_op2(ctx, &d, op, d.old, x);
	x86_flags(ctx, X86_CC_LOGIC, i->opnd[0].size, r, IR_NONE, IR_NONE);
	return true;
}

bool x86_trans_and(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return logic(ctx, i, IR_AND, AMO_AND);
}

bool x86_trans_or(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return logic(ctx, i, IR_OR, AMO_OR);
}

bool x86_trans_xor(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return same_register(i) ? clear(ctx, i) : logic(ctx, i, IR_XOR, AMO_XOR);
}

bool x86_trans_cmp(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val a = x86_raw(ctx, 0), x = x86_raw(ctx, 1);

	x86_flags(ctx, X86_CC_CMP, i->opnd[0].size, a, x, IR_NONE);
	return true;
}

bool x86_trans_test(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val a = x86_raw(ctx, 0);

	if (!same_register(i))
		a = ir_get2(ctx->b, IR_AND, type(i), a, x86_raw(ctx, 1));
	x86_flags(ctx, X86_CC_LOGIC, i->opnd[0].size, a, IR_NONE, IR_NONE);
	return true;
}

static bool inc_dec(struct x86_ctx *ctx, const struct x86_insn *i, bool inc)
{
	ir_val by = x86_imm(ctx, inc ? 1 : UINT64_MAX), c, r;
	struct x86_dst d;

	if (!ctx->cc_known && x86_flags_dead(ctx))
		c = x86_imm(ctx, 0);
	else
		c = x86_copy(ctx, x86_carry(ctx));
	d = x86_dst_begin(ctx, 0);

	if (i->lock)
		r = ir_get2(ctx->b, IR_ADD, type(i), locked(ctx, &d, AMO_ADD, by), by);
	else
		r = x86_dst_op2(ctx, &d, IR_ADD, d.old, by);
	x86_flags(ctx, inc ? X86_CC_INC : X86_CC_DEC, i->opnd[0].size, r, IR_NONE, c);
	return true;
}

bool x86_trans_inc(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return inc_dec(ctx, i, true);
}

bool x86_trans_dec(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return inc_dec(ctx, i, false);
}

/* No host operation does this one: by compare and exchange, begun with a guess. */
static uint64_t help_lock_neg(void *state, uint64_t lin, uint64_t size)
{
	struct x86_state *s = state;
	struct cpu_env *env = cpu_env(s);
	uint64_t old, new, seen = 0;

	do {
		old = seen;
		new = -old;
		seen = 0;
		if (env->ops->mem_cas(env, lin, x86_view_now(s), (unsigned)size, &old, &new, &seen))
			return 0;
	} while (seen != old);
	s->cc_op = (uint8_t)(X86_CC_CMP + x86_mo((unsigned)size));
	s->cc[0] = 0;
	s->cc[1] = old;
	return 0;
}

bool x86_trans_neg(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct x86_dst d = x86_dst_begin(ctx, 0);
	ir_val zero = x86_imm(ctx, 0), old;

	if (i->lock) {
		x86_call(ctx, help_lock_neg, d.a.base, x86_imm(ctx, d.o->size));
		return true;
	}
	old = x86_copy(ctx, d.old);
	x86_dst_op2(ctx, &d, IR_SUB, zero, old);
	x86_flags(ctx, X86_CC_CMP, i->opnd[0].size, zero, old, IR_NONE);
	return true;
}

bool x86_trans_not(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct x86_dst d = x86_dst_begin(ctx, 0);
	ir_val ones = x86_imm(ctx, UINT64_MAX);

	if (i->lock)
		locked(ctx, &d, AMO_XOR, ones);
	else
		x86_dst_op2(ctx, &d, IR_XOR, d.old, ones);
	return true;
}

bool x86_trans_xadd(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct x86_dst d = x86_dst_begin(ctx, 0);
	ir_val x = x86_copy(ctx, x86_raw(ctx, 1)), old, r;

	if (i->lock) {
		old = locked(ctx, &d, AMO_ADD, x);
		r = ir_get2(ctx->b, IR_ADD, type(i), old, x);
		x86_put(ctx, 1, old);
	} else {
		old = x86_copy(ctx, d.old);
		r = ir_get2(ctx->b, IR_ADD, type(i), old, x);
		if (d.o->kind == X86_O_MEM) {
			x86_dst_end(ctx, &d, r);
			x86_put(ctx, 1, old);
		} else {	/* one register: the sum stays */
			x86_put(ctx, 1, old);
			x86_dst_end(ctx, &d, r);
		}
	}
	x86_flags(ctx, X86_CC_ADD, i->opnd[0].size, r, x, IR_NONE);
	return true;
}

bool x86_trans_cmpxchg(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size;
	struct ir_block *b = ctx->b;
	struct x86_dst d = x86_dst_begin(ctx, 0);
	ir_val acc = x86_copy(ctx, x86_reg_get(ctx, X86_RAX, size)), src = x86_get(ctx, 1), old,
	       t = ir_tmp(b), mem = src;

	if (i->lock) {
		old = ir_tmp(b);
		ir_cas(b, old, d.a.base, acc, src, x86_mo(size));
	} else {
		old = size == 8 ? x86_copy(ctx, d.old) :
		      d.o->kind == X86_O_MEM || d.o->kind == X86_O_REG8H ? d.old :
		      x86_reg_get(ctx, d.o->reg, size);
		mem = ir_tmp(b);
		/* a register that differs keeps its upper half, too */
		ir_select(b, IR_EQ, IR_I64, mem, acc, old, src,
			  size == 4 && d.o->kind == X86_O_REG ? d.old : old);
		if (d.o->kind == X86_O_MEM)
			x86_dst_end(ctx, &d, mem);
	}
	/* where they are equal, all 64 bits of the accumulator stay */
	if (size == 8)
		ir_mov(b, t, old);
	else if (size == 4)
		ir_select(b, IR_EQ, IR_I64, t, acc, old, x86_gpr(X86_RAX), old);
	else
		ir_op2(b, size == 2 ? IR_INS16 : IR_INS8, IR_I64, t, x86_gpr(X86_RAX), old);
	ir_mov(b, x86_gpr(X86_RAX), t);
	if (!i->lock && d.o->kind != X86_O_MEM) {
		/* the destination is the accumulator, and they were equal: the source */
		if (size == 4)
			ir_mov(b, d.old, mem);
		else
			x86_dst_end(ctx, &d, mem);
	}
	x86_flags(ctx, X86_CC_CMP, size, acc, old, IR_NONE);
	return true;
}
