// SPDX-License-Identifier: GPL-2.0-or-later
/* Near jumps, calls and returns; the stack; single flags (SDM volume 2). */
#include "target/x86/insn.h"
#include "target/x86/helper.h"
#include "target/x86/trans_int.h"

/* --- where to --- */

/*
 * Linear address of the target rip + displacement. Outside 64-bit mode rip wraps at the operand
 * size; the base of CS is not known when it is translated, and need not be where CS is 32 bits
 * wide. False: only the running code can tell.
 */
static bool direct_target(const struct x86_ctx *ctx, const struct x86_insn *i, uint64_t *target)
{
	*target = ctx->next + i->imm[i->opnd[0].reg];
	if (ctx->bits == 64)
		return true;
	*target = (uint32_t)*target;
	if (i->opsize == 4)
		return true;
	if (ctx->key & X86_KEY_CS0)
		*target &= 0xffff;
	else if (ctx->bits == 32 || i->row->operands[1] != 'b')
		return false;	/* short jumps are taken to stay inside the segment */
	return true;
}

/* From rip, truncated as the operand size wants, to a linear address. */
static ir_val linear(struct x86_ctx *ctx, ir_val rip, unsigned size)
{
	ir_val base;

	if (ctx->bits == 64)
		return rip;
	rip = ir_get1(ctx->b, size == 2 ? IR_ZEXT16 : IR_ZEXT32, IR_I64, rip);
	if (ctx->key & X86_KEY_CS0)
		return rip;
	base = ir_tmp(ctx->b);
	ir_lds(ctx->b, base, offsetof(struct x86_state, seg[X86_CS].base), MO_64);
	return ir_get2(ctx->b, IR_ADD, IR_I32, base, rip);
}

/* The target of a relative jump as a value. */
static ir_val relative(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val rip = x86_rip_of(ctx, ctx->next);

	rip = ir_get2(ctx->b, IR_ADD, IR_I64, rip, x86_imm(ctx, i->imm[i->opnd[0].reg]));
	return linear(ctx, rip, i->opsize);
}

static void jump(struct x86_ctx *ctx, const struct x86_insn *i)
{
	uint64_t target;

	if (!direct_target(ctx, i, &target)) {
		ir_jmp_ind(ctx->b, relative(ctx, i));
		ctx->done = true;
	} else if (target > ctx->pc && target < ctx->page_end && !ctx->b->cross) {
		ctx->next = target;
	} else {
		ir_exit(ctx->b, target);
		ctx->done = true;
	}
}

/* If c is true, to the target. */
static void branch(struct x86_ctx *ctx, const struct x86_insn *i, struct x86_cond c)
{
	uint64_t target, a, x;
	ir_val t;

	if (ir_is_const(ctx->b, c.a, &a) && ir_is_const(ctx->b, c.b, &x) && c.ty == IR_I64 &&
	    (c.cc == IR_EQ || c.cc == IR_NE)) {
		if ((a == x) == (c.cc == IR_EQ))
			jump(ctx, i);
		return;
	}
	if (direct_target(ctx, i, &target)) {
		ir_brc(ctx->b, c.cc, c.ty, c.a, c.b, target);
		return;
	}
	t = ir_tmp(ctx->b);
	ir_select(ctx->b, c.cc, c.ty, t, c.a, c.b, relative(ctx, i), ir_pc(ctx->b, ctx->next));
	ir_jmp_ind(ctx->b, t);
	ctx->done = true;
}

bool x86_trans_jcc(struct x86_ctx *ctx, const struct x86_insn *i)
{
	branch(ctx, i, x86_cond(ctx, i->opcode));
	return true;
}

bool x86_trans_jmp(struct x86_ctx *ctx, const struct x86_insn *i)
{
	jump(ctx, i);
	return true;
}

bool x86_trans_jmp_ind(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_jmp_ind(ctx->b, linear(ctx, x86_raw(ctx, 0), i->opsize));
	ctx->done = true;
	return true;
}

bool x86_trans_call(struct x86_ctx *ctx, const struct x86_insn *i)
{
	uint64_t target;
	bool direct = direct_target(ctx, i, &target);
	ir_val to = IR_NONE;

	if (!direct)
		to = relative(ctx, i);
	x86_push(ctx, x86_rip_of(ctx, ctx->next), i->opsize);
	if (direct)
		ir_call_direct(ctx->b, target, i->len);
	else
		ir_call_ind(ctx->b, to, ctx->next);
	ctx->done = true;
	return true;
}

bool x86_trans_call_ind(struct x86_ctx *ctx, const struct x86_insn *i)
{
	/* the target may be rSP itself: read before the push */
	ir_val to = x86_copy(ctx, linear(ctx, x86_raw(ctx, 0), i->opsize));

	x86_push(ctx, x86_rip_of(ctx, ctx->next), i->opsize);
	ir_call_ind(ctx->b, to, ctx->next);
	ctx->done = true;
	return true;
}

bool x86_trans_ret(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val to = linear(ctx, x86_pop_peek(ctx, i->opsize), i->opsize);

	x86_sp_add(ctx, i->opsize + (i->nr_opnds ? (int64_t)i->imm[0] : 0));
	ir_ret(ctx->b, to);
	ctx->done = true;
	return true;
}

/* LOOP, LOOPE, LOOPNE, JCXZ: the counter has the address size. */
bool x86_trans_loop(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val cx = x86_gpr(X86_RCX), v, t;
	struct x86_cond c = { IR_NE, IR_I64, 0, x86_imm(ctx, 0) }, z;
	uint64_t target;

	if (i->opcode == 0xe3) {
		c.cc = IR_EQ;
		c.a = x86_reg_get(ctx, X86_RCX, i->adsize);
		branch(ctx, i, c);
		return true;
	}
	v = ir_get2(ctx->b, IR_SUB, i->adsize == 8 ? IR_I64 : IR_I32, cx, x86_imm(ctx, 1));
	c.a = i->adsize == 2 ? ir_get1(ctx->b, IR_ZEXT16, IR_I64, v) : v;
	if (i->opcode != 0xe2) {	/* and ZF set, or clear */
		z = x86_cond(ctx, i->opcode == 0xe1 ? 4 : 5);
		t = ir_tmp(ctx->b);
		ir_select(ctx->b, z.cc, z.ty, t, z.a, z.b, c.a, x86_imm(ctx, 0));
		c.a = t;
	}
	x86_reg_put(ctx, X86_RCX, i->adsize, v);
	/* a branch backwards may begin the instruction again, a jump does not */
	if (direct_target(ctx, i, &target) && target <= ctx->pc) {
		ir_brc(ctx->b, c.cc ^ 1, c.ty, c.a, c.b, ctx->next);
		ir_exit(ctx->b, target);
		ctx->done = true;
	} else {
		branch(ctx, i, c);
	}
	return true;
}

/* --- the stack --- */

bool x86_trans_push(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_push(ctx, x86_raw(ctx, 0), i->opsize);
	return true;
}

bool x86_trans_pop(struct x86_ctx *ctx, const struct x86_insn *i)
{
	const struct x86_opnd *o = &i->opnd[0];
	struct x86_addr a;
	ir_val v;

	if (ctx->bits == 64 && i->opsize == 8 && o->kind == X86_O_REG && o->reg != X86_RSP) {
		x86_ld(ctx, x86_gpr(o->reg), x86_gpr(X86_RSP), 0, MO_64);
		x86_sp_add(ctx, 8);
		return true;
	}
	v = x86_pop_peek(ctx, i->opsize);
	if (o->kind == X86_O_REG) {
		/* SP counts up first, then it, or its low half, is what was popped */
		if (o->reg != X86_RSP || i->opsize == 2)
			x86_sp_add(ctx, i->opsize);
		x86_reg_put(ctx, o->reg, i->opsize, v);
		return true;
	}
	/* an address by rSP is that behind the pop */
	if (i->base == X86_RSP) {
		struct x86_insn after = *i;

		after.disp += i->opsize;
		ctx->insn = &after;
		a = x86_addr(ctx, i->opsize, true);
		ctx->insn = i;
	} else {
		a = x86_addr(ctx, i->opsize, true);
	}
	x86_st(ctx, a.base, a.off, v, x86_mo(i->opsize));
	x86_sp_add(ctx, i->opsize);
	return true;
}

static ir_val at_sp(struct x86_ctx *ctx, int64_t n, unsigned size, bool write)
{
	bool wide = ctx->key & X86_KEY_STACK32;
	ir_val off = ir_get2(ctx->b, IR_ADD, IR_I32, x86_gpr(X86_RSP), x86_imm(ctx, (uint64_t)n));

	if (!wide)
		off = ir_get1(ctx->b, IR_ZEXT16, IR_I64, off);
	return x86_linear(ctx, X86_SS, off, size, write);
}

bool x86_trans_pusha(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned n, size = i->opsize;

	for (n = 0; n < 8; n++)
		x86_st(ctx, at_sp(ctx, -(int64_t)(n + 1) * size, size, true), 0, x86_gpr(n),
		       x86_mo(size));
	x86_sp_add(ctx, -8 * (int64_t)size);
	return true;
}

/* In C: eight values at once are too many for a back end. */
static uint64_t help_popa(void *state, uint64_t size, uint64_t unused)
{
	struct x86_state *s = state;
	uint64_t mask = s->seg[X86_SS].attr & X86_SEG_DB ? UINT32_MAX : 0xffff, lin, v[8] = { 0 };
	unsigned n;

	for (n = 0; n < 8; n++)
		if (n != X86_RSP &&
		    (x86_seg_check(s, X86_SS, (s->gpr[X86_RSP] + (7 - n) * size) & mask,
				   (unsigned)size, false, &lin) ||
		     x86_mem_read(s, lin, (unsigned)size, &v[n])))
			return 0;
	for (n = 0; n < 8; n++) {
		if (n == X86_RSP)
			v[n] = s->gpr[n] + 8 * size;
		if (n == X86_RSP ? mask == 0xffff : size == 2)
			s->gpr[n] = (s->gpr[n] & ~UINT64_C(0xffff)) | (v[n] & 0xffff);
		else
			s->gpr[n] = (uint32_t)v[n];
	}
	return 0;
}

bool x86_trans_popa(struct x86_ctx *ctx, const struct x86_insn *i)
{
	if (ctx->key & (X86_KEY_DEBUG | X86_KEY_AC))
		x86_access_check(ctx, at_sp(ctx, 0, i->opsize, false), 8u * i->opsize, i->opsize,
				 false);
	x86_call(ctx, help_popa, x86_imm(ctx, i->opsize), IR_NONE);
	return true;
}

bool x86_trans_leave(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned sp_size = ctx->bits == 64 ? 8 : ctx->key & X86_KEY_STACK32 ? 4 : 2;
	ir_val bp = x86_reg_get(ctx, X86_RBP, sp_size), t = ir_tmp(ctx->b), sp;

	x86_ld(ctx, t, x86_linear(ctx, X86_SS, bp, i->opsize, false), 0, x86_mo(i->opsize));
	sp = ir_get2(ctx->b, IR_ADD, IR_I64, bp, x86_imm(ctx, i->opsize));
	x86_reg_put(ctx, X86_RSP, sp_size, sp);
	x86_reg_put(ctx, X86_RBP, i->opsize, t);
	return true;
}

/* ENTER with a frame inside others: C code; a is size | level << 8 | allocated << 16. */
static uint64_t help_enter(void *state, uint64_t a, uint64_t unused)
{
	struct x86_state *s = state;
	unsigned size = a & 0xff, level = a >> 8 & 31, n;
	bool wide = x86_code64(s), big = s->seg[X86_SS].attr & X86_SEG_DB;
	uint64_t mask = wide ? UINT64_MAX : big ? UINT32_MAX : 0xffff;
	uint64_t sp = s->gpr[X86_RSP], bp = s->gpr[X86_RBP], frame, lin, v = bp, zero = 0;
	struct cpu_env *env = cpu_env(s);

	sp = (sp - size) & mask;
	frame = sp;
	if (x86_seg_check(s, X86_SS, sp, size, true, &lin) || x86_mem_write(s, lin, size, v))
		return 0;
	for (n = 1; n < level; n++) {
		bp = (bp - size) & mask;
		if (x86_seg_check(s, X86_SS, bp, size, false, &lin) ||
		    x86_mem_read(s, lin, size, &v))
			return 0;
		sp = (sp - size) & mask;
		if (x86_seg_check(s, X86_SS, sp, size, true, &lin) ||
		    x86_mem_write(s, lin, size, v))
			return 0;
	}
	if (level) {
		sp = (sp - size) & mask;
		if (x86_seg_check(s, X86_SS, sp, size, true, &lin) ||
		    x86_mem_write(s, lin, size, frame))
			return 0;
	}
	sp = (sp - (a >> 16)) & mask;
	/* a write there must be possible (SDM) */
	if (x86_seg_check(s, X86_SS, sp, size, true, &lin) ||
	    env->ops->mem_cas(env, lin, x86_view_now(s), size, &zero, &zero, &v))
		return 0;
	s->gpr[X86_RSP] = (s->gpr[X86_RSP] & ~mask) | sp;
	if (size == 2)
		s->gpr[X86_RBP] = (s->gpr[X86_RBP] & ~UINT64_C(0xffff)) | (frame & 0xffff);
	else
		s->gpr[X86_RBP] = frame;
	return 0;
}

bool x86_trans_enter(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val sp;

	if (ctx->key & (X86_KEY_DEBUG | X86_KEY_AC))
		x86_access_check(ctx, x86_push_addr(ctx, i->opsize, &sp), i->opsize, i->opsize,
				 true);
	x86_call(ctx, help_enter,
		 x86_imm(ctx, i->opsize | (i->imm[1] & 31) << 8 | i->imm[0] << 16), IR_NONE);
	return true;
}

/* BOUND: #BR outside the two limits. */
static uint64_t help_bound(void *state, uint64_t bounds, uint64_t value)
{
	struct x86_state *s = state;
	bool wide = value >> 32;
	int32_t v = wide ? (int32_t)value : (int16_t)value;
	int32_t lo = wide ? (int32_t)bounds : (int16_t)bounds;
	int32_t hi = wide ? (int32_t)(bounds >> 32) : (int16_t)(bounds >> 16);

	if (v < lo || v > hi)
		x86_exception(s, X86_BR, false, 0);
	return 0;
}

bool x86_trans_bound(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct x86_addr a = x86_addr(ctx, 2 * i->opsize, false);
	ir_val t = ir_tmp(ctx->b), v = x86_get(ctx, 0);

	x86_ld(ctx, t, a.base, a.off, x86_mo(2 * i->opsize));
	if (i->opsize == 4)
		v = ir_get2(ctx->b, IR_OR, IR_I64, v, x86_imm(ctx, UINT64_C(1) << 32));
	x86_call_light(ctx, help_bound, t, v);
	return true;
}

/* --- single flags --- */

bool x86_trans_clc(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val f = ir_get2(ctx->b, IR_AND, IR_I64, x86_flags_get(ctx),
			   x86_imm(ctx, ~(uint64_t)X86_FLAG_CF));

	if (i->opcode == 0xf9)
		f = ir_get2(ctx->b, IR_OR, IR_I64, f, x86_imm(ctx, X86_FLAG_CF));
	x86_flags_packed(ctx, f);
	return true;
}

bool x86_trans_cmc(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_flags_packed(ctx, ir_get2(ctx->b, IR_XOR, IR_I64, x86_flags_get(ctx),
				      x86_imm(ctx, X86_FLAG_CF)));
	return true;
}

bool x86_trans_cld(struct x86_ctx *ctx, const struct x86_insn *i)
{
	uint32_t at = offsetof(struct x86_state, rflags) + 1;	/* bits 8 to 15: no arithmetic */
	ir_val t = ir_tmp(ctx->b);
	uint64_t df = X86_FLAG_DF >> 8;

	ir_lds(ctx->b, t, at, MO_8);
	t = i->opcode == 0xfc ? ir_get2(ctx->b, IR_AND, IR_I64, t, x86_imm(ctx, 0xff & ~df)) :
				ir_get2(ctx->b, IR_OR, IR_I64, t, x86_imm(ctx, df));
	ir_sts(ctx->b, at, t, MO_8);
	return true;
}

enum { AH_FLAGS = X86_FLAG_SF | X86_FLAG_ZF | X86_FLAG_AF | X86_FLAG_PF | X86_FLAG_CF };

bool x86_trans_sahf(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val f, t;

	if (ctx->bits == 64 && !x86_has(ctx, "lahf-lm"))
		return false;
	f = ir_get2(ctx->b, IR_AND, IR_I64, x86_flags_get(ctx), x86_imm(ctx, X86_FLAG_OF));
	t = ir_get1(ctx->b, IR_EXT8H, IR_I64, x86_gpr(X86_RAX));
	t = ir_get2(ctx->b, IR_AND, IR_I64, t, x86_imm(ctx, AH_FLAGS));
	x86_flags_packed(ctx, ir_get2(ctx->b, IR_OR, IR_I64, f, t));
	return true;
}

bool x86_trans_lahf(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val f, rax = x86_gpr(X86_RAX);

	if (ctx->bits == 64 && !x86_has(ctx, "lahf-lm"))
		return false;
	f = ir_get2(ctx->b, IR_AND, IR_I64, x86_flags_get(ctx), x86_imm(ctx, AH_FLAGS));
	f = ir_get2(ctx->b, IR_OR, IR_I64, f, x86_imm(ctx, 2));
	ir_op2(ctx->b, IR_INS8H, IR_I64, rax, rax, f);
	return true;
}

bool x86_trans_salc(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val c = ir_get2(ctx->b, IR_SUB, IR_I64, x86_imm(ctx, 0), x86_carry(ctx));

	x86_reg_put(ctx, X86_RAX, 1, c);
	return true;
}
