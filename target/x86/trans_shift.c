// SPDX-License-Identifier: GPL-2.0-or-later
/* Shifts and rotates (SDM volume 2, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD; BMI2). */
#include "target/x86/arith.h"
#include "target/x86/helper.h"
#include "target/x86/insn.h"
#include "target/x86/trans_int.h"

/*
 * What a shift leaves for the flags, given that its count may be zero, which leaves them alone:
 * the words of the state are chosen between, the operation too.
 */
static void flags_unless_zero(struct x86_ctx *ctx, ir_val count, enum x86_cc_op op, unsigned size,
			      ir_val r, ir_val x)
{
	const ir_val new[3] = { r, x, x86_imm(ctx, op + x86_mo(size)) };
	static const uint32_t at[3] = { offsetof(struct x86_state, cc[0]),
					offsetof(struct x86_state, cc[1]),
					offsetof(struct x86_state, cc_op) };
	ir_val old, v;
	unsigned n;

	for (n = x86_flags_dead(ctx) ? 3 : 0; n < 3; n++) {
		old = ir_tmp(ctx->b);
		v = ir_tmp(ctx->b);
		ir_lds(ctx->b, old, at[n], n == 2 ? MO_8 : MO_64);
		ir_select(ctx->b, IR_NE, IR_I64, v, count, x86_imm(ctx, 0), new[n], old);
		ir_sts(ctx->b, at[n], v, n == 2 ? MO_8 : MO_64);
	}
	x86_flags_unknown(ctx);
}

/* Operand as the shift wants it above its size. */
static ir_val widened(struct x86_ctx *ctx, const struct x86_dst *d, bool sign)
{
	if (d->o->size >= 4)
		return d->old;
	if (d->o->size == 1)
		return ir_get1(ctx->b, sign ? IR_SEXT8 : IR_ZEXT8, IR_I64, d->old);
	return ir_get1(ctx->b, sign ? IR_SEXT16 : IR_ZEXT16, IR_I64, d->old);
}

/* 8 and 16 bits are shifted in 64, where counts up to 31 push everything out. */
static enum ir_type type(unsigned size)
{
	return size == 4 ? IR_I32 : IR_I64;
}

/* True: the count is the constant *n (masked); else it is in *v, masked where the IR does not. */
static bool shift_count(struct x86_ctx *ctx, unsigned opnd, unsigned size, unsigned *n, ir_val *v)
{
	const struct x86_opnd *o = &ctx->insn->opnd[opnd];
	uint64_t mask = size == 8 ? 63 : 31, c;

	if (o->kind == X86_O_IMM) {
		*n = ctx->insn->imm[o->reg] & mask;
		return true;
	}
	if (ir_is_const(ctx->b, x86_gpr(X86_RCX), &c)) {
		*n = c & mask;
		return true;
	}
	*v = ir_get2(ctx->b, IR_AND, IR_I64, x86_gpr(X86_RCX), x86_imm(ctx, mask));
	return false;
}

static bool shift(struct x86_ctx *ctx, const struct x86_insn *i, enum ir_opcode op,
		  enum x86_cc_op cc)
{
	struct x86_dst d = x86_dst_begin(ctx, 0);
	unsigned size = d.o->size, n;
	ir_val count, v = widened(ctx, &d, op == IR_SAR), x, r, less;
	enum ir_type ty = type(size);

	if (shift_count(ctx, 1, size, &n, &count)) {
		if (!n) {
			x86_dst_end(ctx, &d, d.old);
			return true;
		}
		x = n == 1 ? x86_copy(ctx, v) : ir_get2(ctx->b, op, ty, v, x86_imm(ctx, n - 1));
		if (size >= 4)
			r = x86_dst_op2(ctx, &d, op, v, x86_imm(ctx, n));
		else
			r = x86_dst_end(ctx, &d, ir_get2(ctx->b, op, ty, v, x86_imm(ctx, n)));
		x86_flags(ctx, cc, size, r, x, IR_NONE);
		return true;
	}
	less = ir_get2(ctx->b, IR_SUB, IR_I64, count, x86_imm(ctx, 1));
	x = ir_get2(ctx->b, op, ty, v, less);
	if (size >= 4)		/* the IR masks the count itself */
		r = x86_dst_op2(ctx, &d, op, v, x86_gpr(X86_RCX));
	else
		r = x86_dst_end(ctx, &d, ir_get2(ctx->b, op, ty, v, count));
	flags_unless_zero(ctx, count, cc, size, r, x);
	return true;
}

bool x86_trans_shl(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return shift(ctx, i, IR_SHL, X86_CC_SHL);
}

bool x86_trans_shr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return shift(ctx, i, IR_SHR, X86_CC_SHR);
}

bool x86_trans_sar(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return shift(ctx, i, IR_SAR, X86_CC_SAR);
}

/* --- rotates: CF and OF alone change --- */

static ir_val from_bit(struct x86_ctx *ctx, ir_val v, unsigned n)
{
	return n ? ir_get2(ctx->b, IR_SHR, IR_I64, v, x86_imm(ctx, n)) : v;
}

/* f with CF = bit `cf` of c, OF = bit `of` of o xor the low bit of x (IR_NONE: CF). */
static ir_val carry_overflow(struct x86_ctx *ctx, ir_val f, ir_val c, unsigned cf, ir_val o,
			     unsigned of, ir_val x)
{
	struct ir_block *b = ctx->b;
	ir_val one = x86_imm(ctx, 1), bit;

	f = ir_get2(b, IR_AND, IR_I64, f,
		    x86_imm(ctx, X86_FLAGS_ARITH & ~(X86_FLAG_CF | X86_FLAG_OF)));
	c = ir_get2(b, IR_AND, IR_I64, from_bit(ctx, c, cf), one);
	bit = ir_get2(b, IR_XOR, IR_I64, from_bit(ctx, o, of), x == IR_NONE ? c : x);
	bit = ir_get2(b, IR_AND, IR_I64, bit, one);
	bit = ir_get2(b, IR_SHL, IR_I64, bit, x86_imm(ctx, 11));
	return ir_get2(b, IR_OR, IR_I64, ir_get2(b, IR_OR, IR_I64, f, c), bit);
}

static ir_val rotated_flags(struct x86_ctx *ctx, bool right, unsigned size, ir_val f, ir_val r)
{
	unsigned top = 8 * size - 1;

	/* left: CF is the bit that came in below; right: the one that came in above */
	return right ? carry_overflow(ctx, f, r, top, r, top - 1, IR_NONE) :
		       carry_overflow(ctx, f, r, 0, r, top, IR_NONE);
}

/* 8 and 16 bits: the operand doubled until it fills 32 bits. */
static ir_val doubled(struct x86_ctx *ctx, ir_val v, unsigned size)
{
	if (size == 1)
		v = ir_get2(ctx->b, IR_MUL, IR_I32, v, x86_imm(ctx, 0x01010101));
	else if (size == 2)
		v = ir_get2(ctx->b, IR_MUL, IR_I32, v, x86_imm(ctx, 0x00010001));
	return v;
}

static bool rotate(struct x86_ctx *ctx, const struct x86_insn *i, bool right)
{
	struct x86_dst d = x86_dst_begin(ctx, 0);
	unsigned size = d.o->size, n;
	ir_val count, v, r, f, t;
	enum ir_opcode op = right ? IR_ROR : IR_ROL;
	enum ir_type ty = size == 8 ? IR_I64 : IR_I32;
	bool fixed = shift_count(ctx, 1, size, &n, &count);

	if (fixed && !n) {
		x86_dst_end(ctx, &d, d.old);
		return true;
	}
	v = doubled(ctx, widened(ctx, &d, false), size);
	f = x86_flags_get(ctx);
	if (size >= 4)
		r = x86_dst_op2(ctx, &d, op, v, fixed ? x86_imm(ctx, n) : x86_gpr(X86_RCX));
	else
		r = x86_dst_end(ctx, &d, ir_get2(ctx->b, op, ty, v,
						 fixed ? x86_imm(ctx, n) : count));
	t = rotated_flags(ctx, right, size, f, r);
	if (!fixed) {
		v = ir_tmp(ctx->b);
		ir_select(ctx->b, IR_NE, IR_I64, v, count, x86_imm(ctx, 0), t, f);
		t = v;
	}
	x86_flags_packed(ctx, t);
	return true;
}

bool x86_trans_rol(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return rotate(ctx, i, false);
}

bool x86_trans_ror(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return rotate(ctx, i, true);
}

/* --- through carry --- */

/*
 * value: the operand; how: count | size << 8 | right << 16 | carry << 17. The carry that comes
 * out is left in scratch.
 */
static uint64_t rotate_carry(void *state, uint64_t value, uint64_t how)
{
	struct x86_state *s = state;
	unsigned bits = 8 * (how >> 8 & 0xff), n = how & 0xff;
	uint64_t c = how >> 17 & 1, mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
	uint64_t v = value & mask, out;

	for (; n; n--) {
		if (how >> 16 & 1) {
			out = v & 1;
			v = v >> 1 | c << (bits - 1);
		} else {
			out = v >> (bits - 1) & 1;
			v = ((v << 1) | c) & mask;
		}
		c = out;
	}
	s->scratch = c;
	return v;
}

/*
 * Bit `cf` of c came out. OF, for counts of one, also in CL: left, CF xor the top bit; right, the
 * two top bits' xor, of which the upper one was CF.
 */
static ir_val carried_flags(struct x86_ctx *ctx, bool right, unsigned size, ir_val f, ir_val c,
			    unsigned cf, ir_val r)
{
	unsigned top = 8 * size - 1;

	return right ? carry_overflow(ctx, f, c, cf, r, top - 1, from_bit(ctx, r, top)) :
		       carry_overflow(ctx, f, c, cf, r, top, IR_NONE);
}

/* By one, inline. */
static void rotate_carry_one(struct x86_ctx *ctx, const struct x86_dst *d, bool right)
{
	unsigned size = d->o->size, top = 8 * size - 1;
	enum ir_type ty = size == 8 ? IR_I64 : IR_I32;
	ir_val v = x86_copy(ctx, widened(ctx, d, false)), c, f, r, t;

	f = x86_flags_get(ctx);
	c = ir_get2(ctx->b, IR_AND, IR_I64, f, x86_imm(ctx, 1));
	if (right) {
		r = ir_get2(ctx->b, IR_SHR, ty, v, x86_imm(ctx, 1));
		t = ir_get2(ctx->b, IR_SHL, IR_I64, c, x86_imm(ctx, top));
	} else {
		r = ir_get2(ctx->b, IR_SHL, ty, v, x86_imm(ctx, 1));
		t = c;
	}
	r = ir_get2(ctx->b, IR_OR, IR_I64, r, t);
	x86_dst_end(ctx, d, r);
	x86_flags_packed(ctx, carried_flags(ctx, right, size, f, v, right ? 0 : top, r));
}

static bool through_carry(struct x86_ctx *ctx, const struct x86_insn *i, bool right)
{
	struct x86_dst d = x86_dst_begin(ctx, 0);
	unsigned size = d.o->size, n;
	struct ir_block *b = ctx->b;
	ir_val count, how, f, c, r, t;
	bool fixed = shift_count(ctx, 1, size, &n, &count);

	if (fixed && n == 1) {
		rotate_carry_one(ctx, &d, right);
		return true;
	}
	if (fixed && !n) {
		x86_dst_end(ctx, &d, d.old);
		return true;
	}
	f = x86_flags_get(ctx);
	how = ir_get2(b, IR_AND, IR_I64, f, x86_imm(ctx, 1));
	how = ir_get2(b, IR_SHL, IR_I64, how, x86_imm(ctx, 17));
	how = ir_get2(b, IR_OR, IR_I64, how, fixed ? x86_imm(ctx, n) : count);
	how = ir_get2(b, IR_OR, IR_I64, how, x86_imm(ctx, size << 8 | (unsigned)right << 16));
	r = ir_tmp(b);
	ir_call(b, 0, r, rotate_carry, widened(ctx, &d, false), how);
	c = ir_tmp(b);
	ir_lds(b, c, offsetof(struct x86_state, scratch), MO_64);
	x86_dst_end(ctx, &d, r);
	t = carried_flags(ctx, right, size, f, c, 0, r);
	if (!fixed) {
		c = ir_tmp(b);
		ir_select(b, IR_NE, IR_I64, c, count, x86_imm(ctx, 0), t, f);
		t = c;
	}
	x86_flags_packed(ctx, t);
	return true;
}

bool x86_trans_rcl(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return through_carry(ctx, i, false);
}

bool x86_trans_rcr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return through_carry(ctx, i, true);
}

/* --- SHLD, SHRD --- */

/*
 * v:x shifted left by count, v the upper half. 32 bits: both in one register; 16 bits: counts
 * above 16 are undefined, processors shift v:x:v.
 */
static ir_val double_shift(struct x86_ctx *ctx, bool right, unsigned size, ir_val v, ir_val x,
			   ir_val count)
{
	struct ir_block *b = ctx->b;
	ir_val back, hi = right ? x : v, lo = right ? v : x;

	if (size == 8) {	/* lo >> 1 >> (63 - count): a shift by 64 for count 0 */
		back = ir_get2(b, IR_XOR, IR_I64, count, x86_imm(ctx, 63));
		if (right) {
			x = ir_get2(b, IR_SHL, IR_I64, x, x86_imm(ctx, 1));
			x = ir_get2(b, IR_SHL, IR_I64, x, back);
			v = ir_get2(b, IR_SHR, IR_I64, v, count);
		} else {
			x = ir_get2(b, IR_SHR, IR_I64, x, x86_imm(ctx, 1));
			x = ir_get2(b, IR_SHR, IR_I64, x, back);
			v = ir_get2(b, IR_SHL, IR_I64, v, count);
		}
		return ir_get2(b, IR_OR, IR_I64, v, x);
	}
	if (size == 2) {
		hi = ir_get1(b, IR_ZEXT16, IR_I64, hi);
		lo = ir_get1(b, IR_ZEXT16, IR_I64, lo);
		hi = ir_get2(b, IR_SHL, IR_I64, hi, x86_imm(ctx, 16));
		hi = ir_get2(b, IR_OR, IR_I64, hi, lo);
		if (right) {	/* x:v, above it v again */
			v = ir_get1(b, IR_ZEXT16, IR_I64, v);
			v = ir_get2(b, IR_SHL, IR_I64, v, x86_imm(ctx, 32));
			v = ir_get2(b, IR_OR, IR_I64, v, hi);
			return ir_get2(b, IR_SHR, IR_I64, v, count);
		}
		hi = ir_get2(b, IR_SHL, IR_I64, hi, x86_imm(ctx, 16));
		v = ir_get1(b, IR_ZEXT16, IR_I64, v);
		hi = ir_get2(b, IR_OR, IR_I64, hi, v);
		v = ir_get2(b, IR_SHL, IR_I64, hi, count);
		return ir_get2(b, IR_SHR, IR_I64, v, x86_imm(ctx, 32));
	}
	hi = ir_get2(b, IR_SHL, IR_I64, hi, x86_imm(ctx, 32));
	lo = ir_get1(b, IR_ZEXT32, IR_I64, lo);
	hi = ir_get2(b, IR_OR, IR_I64, hi, lo);
	if (right)
		return ir_get2(b, IR_SHR, IR_I64, hi, count);
	v = ir_get2(b, IR_SHL, IR_I64, hi, count);
	return ir_get2(b, IR_SHR, IR_I64, v, x86_imm(ctx, 32));
}

/* 16 and 32 bits by CL: result, and above it that of one place less. */
static void shd_by_cl(struct x86_ctx *ctx, const struct x86_dst *d, bool right, ir_val count)
{
	unsigned size = d->o->size;
	struct ir_block *b = ctx->b;
	ir_val x = x86_raw(ctx, 1), how, r, last;

	x = ir_get2(b, IR_SHL, IR_I64, x, x86_imm(ctx, 32));
	x = ir_get2(b, IR_OR, IR_I64, x, size == 4 ? ir_get1(b, IR_ZEXT32, IR_I64, d->old) :
						     ir_get1(b, IR_ZEXT16, IR_I64, d->old));
	how = ir_get2(b, IR_OR, IR_I64, count, x86_imm(ctx, size << 8 | (unsigned)right << 16));
	r = x86_call_pure(ctx, x86_help_shd, x, how);
	last = ir_get2(b, IR_SHR, IR_I64, r, x86_imm(ctx, 32));
	x86_dst_end(ctx, d, r);
	flags_unless_zero(ctx, count, right ? X86_CC_SHR : X86_CC_SHL, size, r, last);
}

bool x86_trans_shd(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct x86_dst d = x86_dst_begin(ctx, 0);
	bool right = i->opcode >= 0xac, fixed;
	unsigned size = d.o->size, n;
	ir_val count, v, x, r, last;

	fixed = shift_count(ctx, 2, size, &n, &count);
	if (fixed && !n) {
		x86_dst_end(ctx, &d, d.old);
		return true;
	}
	if (!fixed && size < 8) {
		shd_by_cl(ctx, &d, right, count);
		return true;
	}
	v = x86_copy(ctx, d.old);
	x = x86_raw(ctx, 1);
	if (fixed)
		count = x86_imm(ctx, n);
	r = double_shift(ctx, right, size, v, x, count);
	if (d.o->kind == X86_O_MEM)	/* early: the back end has few registers */
		x86_dst_end(ctx, &d, r);
	/* the last bit out: the flags of the shift by one less */
	last = fixed ? x86_imm(ctx, n - 1) :
		       ir_get2(ctx->b, IR_SUB, IR_I64, count, x86_imm(ctx, 1));
	last = double_shift(ctx, right, size, v, x, last);
	if (d.o->kind != X86_O_MEM)
		x86_dst_end(ctx, &d, r);
	if (fixed)
		x86_flags(ctx, right ? X86_CC_SHR : X86_CC_SHL, size, r, last, IR_NONE);
	else
		flags_unless_zero(ctx, count, right ? X86_CC_SHR : X86_CC_SHL, size, r, last);
	return true;
}

/* --- BMI2: without flags --- */

bool x86_trans_shiftx(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val v = x86_raw(ctx, 1), n = x86_raw(ctx, 2);
	enum ir_opcode op = i->row->pp == X86_PP_66 ? IR_SHL :
			    i->row->pp == X86_PP_F3 ? IR_SAR : IR_SHR;

	ir_op2(ctx->b, op, type(i->opnd[0].size), x86_gpr(i->opnd[0].reg), v, n);
	return true;
}

bool x86_trans_rorx(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned size = i->opnd[0].size;

	ir_op2(ctx->b, IR_ROR, type(size), x86_gpr(i->opnd[0].reg), x86_raw(ctx, 1),
	       x86_imm(ctx, i->imm[0] & (8 * size - 1)));
	return true;
}
