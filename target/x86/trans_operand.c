// SPDX-License-Identifier: GPL-2.0-or-later
/* Registers, addresses, memory and the stack as IR. */
#include "target/x86/helper.h"
#include "target/x86/translate.h"

/* --- registers --- */

ir_val x86_reg_get(struct x86_ctx *ctx, unsigned reg, unsigned size)
{
	ir_val v = x86_gpr(reg);

	switch (size) {
	case 1:
		return ir_get1(ctx->b, IR_ZEXT8, IR_I64, v);
	case 2:
		return ir_get1(ctx->b, IR_ZEXT16, IR_I64, v);
	case 4:
		return ir_get1(ctx->b, IR_ZEXT32, IR_I64, v);
	default:
		return v;
	}
}

void x86_reg_put(struct x86_ctx *ctx, unsigned reg, unsigned size, ir_val v)
{
	ir_val r = x86_gpr(reg);

	switch (size) {
	case 1:
		ir_op2(ctx->b, IR_INS8, IR_I64, r, r, v);
		break;
	case 2:
		ir_op2(ctx->b, IR_INS16, IR_I64, r, r, v);
		break;
	case 4:
		ir_op1(ctx->b, IR_ZEXT32, IR_I64, r, v);
		break;
	default:
		ir_mov(ctx->b, r, v);
	}
}

/* --- addresses --- */

/* base + (index << scale) + disp, not truncated; the displacement apart */
static ir_val sum64(struct x86_ctx *ctx, int32_t *off)
{
	const struct x86_insn *i = ctx->insn;
	struct ir_block *b = ctx->b;
	ir_val v = IR_NONE;

	*off = 0;
	if (i->base == X86_BASE_RIP)
		return ir_pc(b, ctx->next + (uint64_t)i->disp);
	if (i->index >= 0) {
		v = x86_gpr((unsigned)i->index);
		if (i->scale)
			v = ir_get2(b, IR_SHL, IR_I64, v, x86_imm(ctx, i->scale));
	}
	if (i->base >= 0)
		v = v == IR_NONE ? x86_gpr((unsigned)i->base) :
				   ir_get2(b, IR_ADD, IR_I64, x86_gpr((unsigned)i->base), v);
	if (v == IR_NONE)
		return x86_imm(ctx, (uint64_t)i->disp);
	if (i->disp == (int32_t)i->disp)
		*off = (int32_t)i->disp;
	else
		v = ir_get2(b, IR_ADD, IR_I64, v, x86_imm(ctx, (uint64_t)i->disp));
	return v;
}

/* The same with 32-bit and 16-bit addresses: zero-extended. */
static ir_val sum32(struct x86_ctx *ctx)
{
	const struct x86_insn *i = ctx->insn;
	struct ir_block *b = ctx->b;
	ir_val v = IR_NONE;
	bool exact = false;	/* upper half is zero already */

	if (i->base == X86_BASE_RIP) {
		v = ir_pc(b, ctx->next + (uint64_t)i->disp);
		return ir_get1(b, IR_ZEXT32, IR_I64, v);
	}
	if (i->index >= 0) {
		v = x86_gpr((unsigned)i->index);
		if (i->scale) {
			v = ir_get2(b, IR_SHL, IR_I32, v, x86_imm(ctx, i->scale));
			exact = true;
		}
	}
	if (i->base >= 0) {
		exact = v != IR_NONE;
		v = v == IR_NONE ? x86_gpr((unsigned)i->base) :
				   ir_get2(b, IR_ADD, IR_I32, x86_gpr((unsigned)i->base), v);
	}
	if (v == IR_NONE)
		return x86_imm(ctx, i->adsize == 2 ? (uint16_t)i->disp : (uint32_t)i->disp);
	if (i->disp) {
		v = ir_get2(b, IR_ADD, IR_I32, v, x86_imm(ctx, (uint64_t)i->disp));
		exact = true;
	}
	if (i->adsize == 2)
		return ir_get1(b, IR_ZEXT16, IR_I64, v);
	return exact ? v : ir_get1(b, IR_ZEXT32, IR_I64, v);
}

static ir_val offset(struct x86_ctx *ctx, int32_t *off)
{
	if (ctx->insn->adsize == 8)
		return sum64(ctx, off);
	*off = 0;
	return sum32(ctx);
}

ir_val x86_ea_offset(struct x86_ctx *ctx)
{
	int32_t off;
	ir_val v = offset(ctx, &off);

	if (!off)
		return v;
	return ir_get2(ctx->b, IR_ADD, IR_I64, v, x86_imm(ctx, (uint64_t)(int64_t)off));
}

static uint32_t seg_base(unsigned sreg)
{
	return (uint32_t)(offsetof(struct x86_state, seg) + sreg * sizeof(struct x86_seg) +
			  offsetof(struct x86_seg, base));
}

/* May offsets in the segment be used as linear addresses? */
static bool flat(const struct x86_ctx *ctx, unsigned sreg, bool write)
{
	if (ctx->bits == 64)
		return sreg != X86_FS && sreg != X86_GS;
	if (!(ctx->key & X86_KEY_FLAT) || sreg > X86_DS)
		return false;
	return sreg != X86_CS || !write || !(ctx->key & X86_KEY_PROT) || ctx->key & X86_KEY_VM86;
}

/* An access inside what is known to be allowed; others fail the guard (x86_short_form). */
static ir_val inside(struct x86_ctx *ctx, unsigned sreg, ir_val off, unsigned size, bool write)
{
	struct ir_block *b = ctx->b;
	uint32_t seg = seg_base(sreg) - (uint32_t)offsetof(struct x86_seg, base);
	ir_val top = ir_tmp(b), bad = ir_tmp(b), base = ir_tmp(b);

	ir_lds(b, top, seg + (uint32_t)(write ? offsetof(struct x86_seg, write_top) :
						offsetof(struct x86_seg, read_top)), MO_64);
	ir_setc(b, IR_GTU, IR_I64, bad,
		ir_get2(b, IR_ADD, IR_I64, off, x86_imm(ctx, size)), top);
	ir_sts(b, offsetof(struct x86_state, guard), bad, MO_8);
	ir_guard(b, offsetof(struct x86_state, guard), 0);
	ir_lds(b, base, seg_base(sreg), MO_64);
	return ir_get2(b, IR_ADD, IR_I32, base, off);
}

ir_val x86_linear(struct x86_ctx *ctx, unsigned sreg, ir_val off, unsigned size, bool write)
{
	ir_val base;

	if (flat(ctx, sreg, write))
		return off;
	if (ctx->bits == 64) {
		base = ir_tmp(ctx->b);
		ir_lds(ctx->b, base, seg_base(sreg), MO_64);
		return ir_get2(ctx->b, IR_ADD, IR_I64, base, off);
	}
	if (x86_short_form(ctx))
		return inside(ctx, sreg, off, size, write);
	return x86_call_light(ctx, x86_help_seg, off,
			      x86_imm(ctx, X86_SEG_HOW(sreg, size, write)));
}

struct x86_addr x86_addr(struct x86_ctx *ctx, unsigned size, bool write)
{
	struct x86_addr a;

	a.base = offset(ctx, &a.off);
	if (flat(ctx, ctx->insn->sreg, write))
		return a;
	if (ctx->bits != 64 && a.off) {
		a.base = ir_get2(ctx->b, IR_ADD, IR_I32, a.base,
				 x86_imm(ctx, (uint64_t)(int64_t)a.off));
		a.off = 0;
	}
	a.base = x86_linear(ctx, ctx->insn->sreg, a.base, size, write);
	return a;
}

ir_val x86_ea(struct x86_ctx *ctx, unsigned size, bool write)
{
	struct x86_addr a = x86_addr(ctx, size, write);

	if (!a.off)
		return a.base;
	return ir_get2(ctx->b, IR_ADD, IR_I64, a.base, x86_imm(ctx, (uint64_t)(int64_t)a.off));
}

/* --- memory --- */

/* SDM volume 3, 17.2.5; the alignment check: 6.15, #AC. */
static uint32_t access_checks(struct x86_ctx *ctx, ir_val lin, int32_t off, uint32_t memop,
			      bool write)
{
	uint64_t how = UINT64_C(1) << (memop & MO_SIZE) | (uint64_t)write << 8;

	if (ctx->key & X86_KEY_DEBUG) {
		if (off)
			lin = ir_get2(ctx->b, IR_ADD, IR_I64, lin,
				      x86_imm(ctx, (uint64_t)(int64_t)off));
		x86_call_light(ctx, x86_help_watch, lin, x86_imm(ctx, how));
	}
	if (ctx->key & X86_KEY_AC && (memop & MO_SIZE) && (memop & MO_SIZE) <= MO_64)
		memop |= MO_ALIGN;
	return memop;
}

void x86_ld(struct x86_ctx *ctx, ir_val dst, ir_val lin, int32_t off, uint32_t memop)
{
	memop = access_checks(ctx, lin, off, memop, false);
	ir_ld(ctx->b, dst, lin, off, memop);
}

void x86_st(struct x86_ctx *ctx, ir_val lin, int32_t off, ir_val v, uint32_t memop)
{
	memop = access_checks(ctx, lin, off, memop, true);
	ir_st(ctx->b, lin, off, v, memop);
}

static uint64_t help_align(void *state, uint64_t lin, uint64_t mask)
{
	if (lin & mask)
		x86_exception(state, X86_AC, true, 0);
	return 0;
}

void x86_access_check(struct x86_ctx *ctx, ir_val lin, unsigned size, unsigned align, bool write)
{
	if (ctx->key & X86_KEY_DEBUG)
		x86_call_light(ctx, x86_help_watch, lin,
			       x86_imm(ctx, size | (uint64_t)write << 8));
	if (ctx->key & X86_KEY_AC && align > 1)
		x86_call_light(ctx, help_align, lin, x86_imm(ctx, align - 1));
}

void x86_rmw_check(struct x86_ctx *ctx, ir_val lin, unsigned size)
{
	x86_access_check(ctx, lin, size, size <= 8 ? size : 1, true);
}

/* --- operands --- */

static ir_val load(struct x86_ctx *ctx, unsigned size)
{
	struct x86_addr a = x86_addr(ctx, size, false);
	ir_val t = ir_tmp(ctx->b);

	x86_ld(ctx, t, a.base, a.off, x86_mo(size));
	return t;
}

ir_val x86_raw(struct x86_ctx *ctx, unsigned n)
{
	const struct x86_opnd *o = &ctx->insn->opnd[n];

	switch (o->kind) {
	case X86_O_REG:
		return x86_gpr(o->reg);
	case X86_O_REG8H:
		return ir_get1(ctx->b, IR_EXT8H, IR_I64, x86_gpr(o->reg));
	case X86_O_MEM:
		return load(ctx, o->size);
	default:
		return x86_imm(ctx, ctx->insn->imm[o->reg]);
	}
}

ir_val x86_get(struct x86_ctx *ctx, unsigned n)
{
	const struct x86_opnd *o = &ctx->insn->opnd[n];
	uint64_t v = ctx->insn->imm[0];

	if (o->kind == X86_O_REG)
		return x86_reg_get(ctx, o->reg, o->size);
	if (o->kind != X86_O_IMM)
		return x86_raw(ctx, n);
	v = ctx->insn->imm[o->reg];
	return x86_imm(ctx, o->size >= 8 ? v : v & ((UINT64_C(1) << 8 * o->size) - 1));
}

void x86_put(struct x86_ctx *ctx, unsigned n, ir_val v)
{
	const struct x86_opnd *o = &ctx->insn->opnd[n];
	struct x86_addr a;

	if (o->kind == X86_O_REG) {
		x86_reg_put(ctx, o->reg, o->size, v);
	} else if (o->kind == X86_O_REG8H) {
		ir_op2(ctx->b, IR_INS8H, IR_I64, x86_gpr(o->reg), x86_gpr(o->reg), v);
	} else {
		a = x86_addr(ctx, o->size, true);
		x86_st(ctx, a.base, a.off, v, x86_mo(o->size));
	}
}

/* --- the stack --- */

static unsigned sp_size(const struct x86_ctx *ctx)
{
	return ctx->bits == 64 ? 8 : ctx->key & X86_KEY_STACK32 ? 4 : 2;
}

static ir_val sp_plus(struct x86_ctx *ctx, int64_t n)
{
	ir_val sp = x86_gpr(X86_RSP), by = x86_imm(ctx, (uint64_t)n), v;

	if (sp_size(ctx) == 8)
		return ir_get2(ctx->b, IR_ADD, IR_I64, sp, by);
	v = ir_get2(ctx->b, IR_ADD, IR_I32, sp, by);
	return sp_size(ctx) == 4 ? v : ir_get2(ctx->b, IR_INS16, IR_I64, sp, v);
}

/* As an offset in SS. */
static ir_val sp_offset(struct x86_ctx *ctx, ir_val sp)
{
	switch (sp_size(ctx)) {
	case 2:
		return ir_get1(ctx->b, IR_ZEXT16, IR_I64, sp);
	case 4:
		return ir_get1(ctx->b, IR_ZEXT32, IR_I64, sp);
	default:
		return sp;
	}
}

ir_val x86_push_addr(struct x86_ctx *ctx, unsigned size, ir_val *new_sp)
{
	ir_val off;

	*new_sp = sp_plus(ctx, -(int64_t)size);
	off = sp_size(ctx) == 2 ? sp_offset(ctx, *new_sp) : *new_sp;
	return x86_linear(ctx, X86_SS, off, size, true);
}

void x86_push(struct x86_ctx *ctx, ir_val v, unsigned size)
{
	ir_val sp, lin;

	if (ctx->bits == 64) {
		x86_st(ctx, x86_gpr(X86_RSP), -(int32_t)size, v, x86_mo(size));
		x86_sp_add(ctx, -(int64_t)size);
		return;
	}
	lin = x86_push_addr(ctx, size, &sp);
	x86_st(ctx, lin, 0, v, x86_mo(size));
	ir_mov(ctx->b, x86_gpr(X86_RSP), sp);
}

ir_val x86_pop_peek(struct x86_ctx *ctx, unsigned size)
{
	ir_val t = ir_tmp(ctx->b), lin;

	lin = x86_linear(ctx, X86_SS, sp_offset(ctx, x86_gpr(X86_RSP)), size, false);
	x86_ld(ctx, t, lin, 0, x86_mo(size));
	return t;
}

void x86_sp_add(struct x86_ctx *ctx, int64_t n)
{
	ir_val sp = x86_gpr(X86_RSP), by = x86_imm(ctx, (uint64_t)n);

	if (sp_size(ctx) == 2)
		ir_mov(ctx->b, sp, sp_plus(ctx, n));
	else
		ir_op2(ctx->b, IR_ADD, sp_size(ctx) == 8 ? IR_I64 : IR_I32, sp, sp, by);
}
