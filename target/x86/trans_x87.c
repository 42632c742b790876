// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x87 instructions. While all exceptions are masked most are light calls with the memory access
 * in translated code; else, and for the rare ones, one call does everything.
 */
#include "target/x86/fpu.h"
#include "target/x86/insn.h"
#include "target/x86/translate.h"
#include "target/x86/x87.h"

#define OFF(m) ((uint32_t)offsetof(struct x86_state, m))
enum { LIGHT = IRH_INT_ONLY };

static uint64_t how_of(const struct x86_insn *i)
{
	return X87_HOW(i->opcode, i->modrm, i->sreg, i->opsize == 2);
}

static bool is_mem(const struct x86_insn *i) { return i->mod != 3; }

/* What a memory form touches, and how it is aligned (SDM volume 3, table 6-7). */
static unsigned bytes_of(const struct x86_insn *i, unsigned *align, bool *store)
{
	unsigned n = x87_mem_size(i->opcode & 7, i->modrm, store), env = i->opsize == 2 ? 14 : 28;
	unsigned digit = i->modrm >> 3 & 7;

	*align = n == 10 ? 8 : n;
	if (n)
		return n;
	*store = digit >= 6;
	*align = 2;
	if (digit == 5 || digit == 7)	/* FLDCW, FNSTCW, FNSTSW */
		return 2;
	*align = env / 7;
	return i->opcode == 0xdd ? env + 80 : env;
}

/* The whole instruction in C. */
bool x86_trans_x87(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val lin = x86_imm(ctx, 0);
	bool store;

	if (is_mem(i)) {
		unsigned align, n = bytes_of(i, &align, &store);

		/* what waits comes before what the operand's address may raise */
		if (ctx->key & X86_KEY_X87 && !(i->row->flags & X86_F_NOWAIT))
			x86_call_light(ctx, x86_help_fpu_wait, x86_imm(ctx, 0), x86_imm(ctx, 0));
		lin = x86_ea(ctx, n, store);
		x86_access_check(ctx, lin, n, align, store);
	}
	x86_call(ctx, x86_help_x87, x86_imm(ctx, how_of(i)), lin);
	return true;
}

/* The same for what may change the masks, and so the mode. */
bool x86_trans_x87_control(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_trans_x87(ctx, i);
	x86_end_lookup(ctx);
	return true;
}

bool x86_trans_x87_fnclex(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return x86_trans_x87(ctx, i);
}

bool x86_trans_x87_ignored(struct x86_ctx *ctx, const struct x86_insn *i) { return true; }

bool x86_trans_x87_fwait(struct x86_ctx *ctx, const struct x86_insn *i)
{
	if (ctx->key & (X86_KEY_X87 | X86_KEY_NO_FPU))
		x86_call(ctx, x86_help_fwait, x86_imm(ctx, 0), x86_imm(ctx, 0));
	return true;
}

static bool store_field(struct x86_ctx *ctx, uint32_t off)
{
	ir_val t = ir_tmp(ctx->b);

	ir_lds(ctx->b, t, off, MO_16);
	x86_put(ctx, 0, t);
	return true;
}

bool x86_trans_x87_fnstcw(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return store_field(ctx, OFF(fctrl));
}

bool x86_trans_x87_fnstsw(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return store_field(ctx, OFF(fstat));
}

/* --- light --- */

/* After the last access that may fault: where the instruction and its operand are. */
static void pointers(struct x86_ctx *ctx, const struct x86_insn *i, ir_val lin)
{
	struct ir_block *b = ctx->b;
	uint32_t op = X86_FOP_LIVE | (uint32_t)(i->opcode & 7) << 8 | i->modrm;
	ir_val t;

	ir_sts(b, OFF(fioff), x86_rip_of(ctx, ctx->pc), MO_64);
	ir_sts(b, OFF(fop_live), x86_imm(ctx, op), MO_32);
	if (lin == IR_NONE)
		return;
	if (i->sreg == X86_FS || i->sreg == X86_GS ||
	    (ctx->bits != 64 && !(ctx->key & X86_KEY_FLAT))) {
		t = ir_tmp(b);
		ir_lds(b, t, OFF(seg) + i->sreg * (uint32_t)sizeof(struct x86_seg) +
		       (uint32_t)offsetof(struct x86_seg, base), MO_64);
		lin = ir_get2(b, IR_SUB, ctx->bits == 64 ? IR_I64 : IR_I32, lin, t);
	}
	ir_sts(b, OFF(fooff), lin, MO_64);
	ir_sts(b, OFF(fds_live), x86_imm(ctx, i->sreg + 1u), MO_8);
}

static ir_val call(struct x86_ctx *ctx, ir_helper fn, ir_val a, ir_val x)
{
	ir_val t = ir_tmp(ctx->b);

	ir_call(ctx->b, LIGHT, t, fn, a, x);
	return t;
}

/* The quickest function for the instruction. */
static ir_val fast(struct x86_ctx *ctx, const struct x86_insn *i, ir_helper otherwise, ir_val v)
{
	ir_helper fn = x86_x87_fast(i->opcode & 7, i->modrm);

	return call(ctx, fn ? fn : otherwise, x86_imm(ctx, how_of(i)), v);
}

static bool slow(const struct x86_ctx *ctx) { return ctx->key & X86_KEY_X87; }

/*
 * Where nothing becomes unmasked, which a guard sees to, the mode stays as it is: programs do it
 * around each conversion to an integer.
 */
bool x86_trans_x87_fldcw(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct ir_block *b = ctx->b;
	ir_val v, slow_one;

	if (slow(ctx) || b->max_insns <= 1)
		return x86_trans_x87_control(ctx, i);
	v = x86_get(ctx, 0);
	slow_one = ir_tmp(b);
	ir_setc(b, IR_NE, IR_I64, slow_one,
		ir_get2(b, IR_AND, IR_I64, v, x86_imm(ctx, X86_FSW_EXC)),
		x86_imm(ctx, X86_FSW_EXC));
	ir_sts(b, OFF(fldcw_slow), slow_one, MO_8);
	ir_guard(b, OFF(fldcw_slow), 0);
	v = ir_get2(b, IR_AND, IR_I64, v, x86_imm(ctx, X86_FCW_BITS));
	ir_sts(b, OFF(fctrl), ir_get2(b, IR_OR, IR_I64, v, x86_imm(ctx, X86_FCW_ONES)), MO_32);
	return true;
}

static ir_val load(struct x86_ctx *ctx, ir_val lin, int32_t off, unsigned size)
{
	ir_val t = ir_tmp(ctx->b);

	x86_ld(ctx, t, lin, off, x86_mo(size));
	return t;
}

bool x86_trans_x87_load(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned n = i->opnd[0].size;
	ir_val lin, v, hi;

	if (slow(ctx))
		return x86_trans_x87(ctx, i);
	lin = x86_ea(ctx, n, false);
	v = load(ctx, lin, 0, n == 10 ? 8 : n);
	if (n == 10) {
		hi = load(ctx, lin, 8, 2);
		pointers(ctx, i, lin);
		call(ctx, x86_x87_load80, v, hi);
		return true;
	}
	pointers(ctx, i, lin);
	call(ctx, x86_x87_load, x86_imm(ctx, how_of(i)), v);
	return true;
}

bool x86_trans_x87_store(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned n = i->opnd[0].size, digit = i->modrm >> 3 & 7;
	ir_val lin, v;

	if (slow(ctx))
		return x86_trans_x87(ctx, i);
	lin = x86_ea(ctx, n, true);
	if (n == 10) {
		x86_access_check(ctx, lin, n, 8, true);
		x86_call_light(ctx, x86_help_x87_store80, lin, x86_imm(ctx, 0));
		pointers(ctx, i, lin);
		return true;
	}
	v = fast(ctx, i, x86_x87_value, x86_imm(ctx, 0));
	x86_st(ctx, lin, 0, v, x86_mo(n));
	pointers(ctx, i, lin);
	call(ctx, x86_x87_stored, x86_imm(ctx, digit != 2), x86_imm(ctx, 0));
	return true;
}

bool x86_trans_x87_arith_mem(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned n = i->opnd[0].size;
	ir_val lin, v;

	if (slow(ctx))
		return x86_trans_x87(ctx, i);
	lin = x86_ea(ctx, n, false);
	v = load(ctx, lin, 0, n);
	pointers(ctx, i, lin);
	fast(ctx, i, x86_x87_arith, v);
	return true;
}

static bool light_reg(struct x86_ctx *ctx, const struct x86_insn *i)
{
	if (slow(ctx))
		return x86_trans_x87(ctx, i);
	pointers(ctx, i, IR_NONE);
	fast(ctx, i, x86_x87_reg, x86_imm(ctx, 0));
	return true;
}

#define LIGHT_REG(name)									\
bool x86_trans_x87_##name(struct x86_ctx *ctx, const struct x86_insn *i)		\
{											\
	return light_reg(ctx, i);							\
}
LIGHT_REG(arith_reg)
LIGHT_REG(load_reg)
LIGHT_REG(store_reg)
LIGHT_REG(fxch)
LIGHT_REG(sign)
LIGHT_REG(const)
LIGHT_REG(sqrt)

bool x86_trans_x87_comi(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val v;

	if (slow(ctx))
		return x86_trans_x87(ctx, i);
	pointers(ctx, i, IR_NONE);
	v = fast(ctx, i, x86_x87_comi, x86_imm(ctx, 0));
	x86_flags_packed(ctx, v);
	return true;
}
