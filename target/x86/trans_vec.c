// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Vector instructions that are one operation of tcg/vec.def: x86_trans_vop_NAME for each, and
 * what all vector instructions share.
 */
#include "target/x86/vec.h"

#include "target/x86/helper.h"
#include "target/x86/insn.h"

#include <string.h>

/* --- memory --- */

static uint32_t checked(struct x86_ctx *ctx, struct x86_addr a, uint32_t memop, bool write)
{
	unsigned log = memop & MO_SIZE;

	if (ctx->key & X86_KEY_DEBUG) {
		ir_val lin = ir_get2(ctx->b, IR_ADD, IR_I64, a.base,
				     x86_imm(ctx, (uint64_t)(int64_t)a.off));

		x86_call_light(ctx, x86_help_watch, lin,
			       x86_imm(ctx, UINT64_C(1) << log | (uint64_t)write << 8));
	}
	if (ctx->key & X86_KEY_AC && log && log <= MO_64)
		memop |= MO_ALIGN;
	return memop;
}

void x86_fld(struct x86_ctx *ctx, ir_val dst, struct x86_addr a, uint32_t memop)
{
	memop = checked(ctx, a, memop, false);
	ir_fld(ctx->b, dst, a.base, a.off, memop);
}

void x86_fst(struct x86_ctx *ctx, struct x86_addr a, ir_val v, uint32_t memop)
{
	memop = checked(ctx, a, memop, true);
	ir_fst(ctx->b, a.base, a.off, v, memop);
}

/* Size and alignment of a memory operand. */
static uint32_t memop_of(const struct x86_insn *i, unsigned n)
{
	uint32_t m = x86_mo(i->opnd[n].size);

	if (x86_insn_aligned(i))
		m |= MO_ALIGN;
	return m;
}

/* --- operations --- */

enum vec_mode x86_vec_mode(const struct x86_insn *i, enum vec_op op)
{
	if (!i->vex)
		return V_MERGE;
	return i->vex_l && !(vec_info[op].flags & VOF_128) ? V_256 : V_128;
}

ir_val x86_vec_get(struct x86_ctx *ctx, unsigned n)
{
	const struct x86_insn *i = ctx->insn;
	const struct x86_opnd *o = &i->opnd[n];
	ir_val t, v;

	if (o->kind == X86_O_VEC)
		return x86_vec(o->reg);
	t = ir_ftmp(ctx->b);
	if (o->size >= 4) {
		x86_fld(ctx, t, x86_addr(ctx, o->size, false), memop_of(i, n));
		return t;
	}
	v = x86_get(ctx, n);
	ir_itov(ctx->b, t, IR_NONE, v, VOP_AUX(VOP_MOVD_FROM, V_128, 0));
	return t;
}

static bool xm(const struct x86_ctx *ctx, enum vec_op op)
{
	return ctx->key & X86_KEY_XM && vec_info[op].flags & VOF_FP;
}

void x86_xm_begin(struct x86_ctx *ctx, enum vec_op op)
{
	if (xm(ctx, op))
		x86_call_light(ctx, x86_help_xm_begin, x86_imm(ctx, 0), x86_imm(ctx, 0));
}

/*
 * Elements of a result that an unmasked underflow is raised for when they are tiny, also exact:
 * how many, of which size (X86_TINY_COUNT). By the end of the name: PS, PD, SS, SD;
 * not of operations that only choose, round to integers or give masks.
 */
static unsigned tiny_of(enum vec_op op, enum vec_mode mode)
{
	const char *name = vec_info[op].name;
	size_t n = strlen(name);
	bool wide = name[n - 1] == 'D', scalar = name[n - 2] == 'S';
	unsigned count = scalar ? 1 : (mode == V_256 ? 32 : 16) / (wide ? 8 : 4);

	if (op == VOP_CVTPS2PH)
		return (mode == V_256 ? 8u : 4u) << X86_TINY_COUNT | 1;
	if (vec_info[op].kind != VK_VOP || (name[n - 1] != 'S' && !wide) ||
	    (name[n - 2] != 'P' && name[n - 2] != 'S') || !strncmp(name, "CMP", 3) ||
	    !strncmp(name, "MIN", 3) || !strncmp(name, "MAX", 3) || !strncmp(name, "ROUND", 5))
		return 0;
	return count << X86_TINY_COUNT | (wide ? 3 : 2);
}

void x86_xm_end(struct x86_ctx *ctx, enum vec_op op, enum vec_mode mode, ir_val result)
{
	unsigned tiny = 0;

	if (!xm(ctx, op))
		return;
	if (result != IR_NONE)
		tiny = tiny_of(op, mode);
	if (tiny)
		ir_fsts(ctx->b, offsetof(struct x86_state, vtmp), result,
			mode == V_256 ? MO_256 : MO_128);
	x86_call_light(ctx, x86_help_xm_end, x86_imm(ctx, tiny), x86_imm(ctx, 0));
}

/* From a temporary to where the instruction puts it. */
static void put(struct x86_ctx *ctx, ir_val dst, ir_val t, enum vec_mode mode)
{
	ir_vop(ctx->b, dst, t, IR_NONE, IR_NONE, VOP_AUX(VOP_MOV, mode, 0));
}

void x86_vop(struct x86_ctx *ctx, enum vec_op op, enum vec_mode mode, ir_val dst, ir_val a,
	     ir_val x, ir_val c, uint8_t imm)
{
	ir_val t = dst;

	if (xm(ctx, op))
		t = ir_ftmp(ctx->b);
	x86_xm_begin(ctx, op);
	ir_vop(ctx->b, t, a, x, c, VOP_AUX(op, mode, imm));
	x86_xm_end(ctx, op, mode, t);
	if (t != dst)
		put(ctx, dst, t, mode);
}

ir_val x86_vtoi(struct x86_ctx *ctx, enum vec_op op, enum vec_mode mode, ir_val a, ir_val x,
		uint8_t imm)
{
	ir_val t = ir_tmp(ctx->b);

	x86_xm_begin(ctx, op);
	ir_vtoi(ctx->b, t, a, x, VOP_AUX(op, mode, imm));
	x86_xm_end(ctx, op, mode, IR_NONE);
	return t;
}

void x86_itov(struct x86_ctx *ctx, enum vec_op op, enum vec_mode mode, ir_val dst, ir_val a,
	      ir_val x, uint8_t imm)
{
	ir_val t = dst;

	if (xm(ctx, op))
		t = ir_ftmp(ctx->b);
	x86_xm_begin(ctx, op);
	ir_itov(ctx->b, t, a, x, VOP_AUX(op, mode, imm));
	x86_xm_end(ctx, op, mode, IR_NONE);
	if (t != dst)
		put(ctx, dst, t, mode);
}

/* --- what is one operation --- */

/*
 * Sources: the operands behind the first; with fewer of them than the operation takes, the
 * destination comes before them, and XMM0 behind.
 */
static unsigned sources(struct x86_ctx *ctx, unsigned nargs, ir_val src[3])
{
	const struct x86_insn *i = ctx->insn;
	unsigned n = 0, given = 0;

	for (unsigned k = 1; k < i->nr_opnds; k++)
		given += i->opnd[k].kind != X86_O_IMM;
	if (given < nargs)
		src[n++] = x86_vec_get(ctx, 0);
	for (unsigned k = 1; k < i->nr_opnds; k++)
		if (i->opnd[k].kind != X86_O_IMM)
			src[n++] = x86_vec_get(ctx, k);
	if (n < nargs)
		src[n++] = x86_vec(0);
	return n;
}

static uint8_t immediate(const struct x86_insn *i, enum vec_op op)
{
	uint8_t imm;

	if (!(vec_info[op].flags & VOF_IMM))
		return 0;
	imm = (uint8_t)i->imm[0];
	/* without VEX there are eight predicates */
	if (!i->vex && (op == VOP_CMPPS || op == VOP_CMPPD || op == VOP_CMPSS || op == VOP_CMPSD))
		imm &= 7;
	return imm;
}

static bool one_op(struct x86_ctx *ctx, enum vec_op op)
{
	const struct x86_insn *i = ctx->insn;
	const struct vec_info *info = &vec_info[op];
	ir_val src[3] = { IR_NONE, IR_NONE, IR_NONE };
	enum vec_mode mode = x86_vec_mode(i, op);

	sources(ctx, info->nargs, src);
	if (info->kind == VK_VTOI) {
		ir_val t = x86_vtoi(ctx, op, mode, src[0], src[1], immediate(i, op));

		x86_put(ctx, 0, t);
	} else {
		x86_vop(ctx, op, mode, x86_vec(i->opnd[0].reg), src[0], src[1], src[2],
			immediate(i, op));
	}
	return true;
}

/* Also for operations that no row names. */
#define VOP(name, kind, nargs, flags)							\
bool x86_trans_vop_##name(struct x86_ctx *ctx, const struct x86_insn *i);		\
bool x86_trans_vop_##name(struct x86_ctx *ctx, const struct x86_insn *i)		\
{											\
	return one_op(ctx, VOP_##name);							\
}
#include "tcg/vec.def"
#undef VOP

/* The result is flags. */
static bool flags_op(struct x86_ctx *ctx, enum vec_op op)
{
	ir_val src[3] = { IR_NONE, IR_NONE, IR_NONE };
	ir_val t;

	src[0] = x86_vec_get(ctx, 0);
	src[1] = x86_vec_get(ctx, 1);
	t = x86_vtoi(ctx, op, x86_vec_mode(ctx->insn, op), src[0], src[1], 0);
	x86_flags_packed(ctx, t);
	return true;
}

#define FLAGS(name)									\
bool x86_trans_vec_comis_##name(struct x86_ctx *ctx, const struct x86_insn *i)		\
{											\
	return flags_op(ctx, VOP_##name);						\
}
FLAGS(UCOMISS)
FLAGS(COMISS)
FLAGS(UCOMISD)
FLAGS(COMISD)
FLAGS(PTEST)
FLAGS(TESTPS)
FLAGS(TESTPD)

/* The destination may be memory. */
static bool store_op(struct x86_ctx *ctx, enum vec_op op)
{
	const struct x86_insn *i = ctx->insn;
	enum vec_mode mode = x86_vec_mode(i, op);
	ir_val src = x86_vec(i->opnd[1].reg), t;
	uint8_t imm = (uint8_t)i->imm[0];
	struct x86_addr a;

	if (i->opnd[0].kind == X86_O_VEC) {
		x86_vop(ctx, op, mode, x86_vec(i->opnd[0].reg), src, IR_NONE, IR_NONE, imm);
		return true;
	}
	t = ir_ftmp(ctx->b);
	a = x86_addr(ctx, i->opnd[0].size, true);
	if (vec_info[op].flags & VOF_FP)
		x86_call_light(ctx, x86_help_check_store,
			       ir_get2(ctx->b, IR_ADD, IR_I64, a.base,
				       x86_imm(ctx, (uint64_t)(int64_t)a.off)),
			       x86_imm(ctx, i->opnd[0].size));
	x86_xm_begin(ctx, op);
	ir_vop(ctx->b, t, src, IR_NONE, IR_NONE, VOP_AUX(op, mode, imm));
	x86_xm_end(ctx, op, mode, t);
	x86_fst(ctx, a, t, memop_of(i, 0));
	return true;
}

bool x86_trans_vec_store_EXTRACTI128(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return store_op(ctx, VOP_EXTRACTI128);
}

bool x86_trans_vec_store_CVTPS2PH(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return store_op(ctx, VOP_CVTPS2PH);
}

/* --- moves --- */

/* Without VEX what is behind the 128 bits stays. */
static uint32_t merge(const struct x86_insn *i) { return i->vex ? 0 : MO_VMERGE; }

bool x86_trans_vec_load(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val dst = x86_vec(i->opnd[0].reg);

	if (i->opnd[1].kind == X86_O_VEC)
		put(ctx, dst, x86_vec(i->opnd[1].reg), x86_vec_mode(i, VOP_MOV));
	else
		x86_fld(ctx, dst, x86_addr(ctx, i->opnd[1].size, false),
			memop_of(i, 1) | merge(i));
	return true;
}

bool x86_trans_vec_store(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val src = x86_vec(i->opnd[1].reg);

	if (i->opnd[0].kind == X86_O_VEC)
		put(ctx, x86_vec(i->opnd[0].reg), src, x86_vec_mode(i, VOP_MOV));
	else
		x86_fst(ctx, x86_addr(ctx, i->opnd[0].size, true), src, memop_of(i, 0));
	return true;
}

bool x86_trans_vec_movq_load(struct x86_ctx *ctx, const struct x86_insn *i)
{
	if (i->opnd[1].kind == X86_O_VEC)
		return one_op(ctx, VOP_MOVQ);
	return x86_trans_vec_load(ctx, i);
}

bool x86_trans_vec_movq_store(struct x86_ctx *ctx, const struct x86_insn *i)
{
	if (i->opnd[0].kind == X86_O_VEC)
		return one_op(ctx, VOP_MOVQ);
	return x86_trans_vec_store(ctx, i);
}

/* MOVLPS, MOVHPS and their PD forms: opcodes 12, 13, 16, 17. */
bool x86_trans_vec_load_half(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned n = i->vex ? 2 : 1;
	ir_val v = x86_vec_get(ctx, n);

	x86_vop(ctx, i->opcode >= 0x16 ? VOP_PUNPCKLQDQ : VOP_MOVSD, i->vex ? V_128 : V_MERGE,
		x86_vec(i->opnd[0].reg), x86_vec(i->opnd[n - 1].reg), v, IR_NONE, 0);
	return true;
}

bool x86_trans_vec_store_half(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val src = x86_vec(i->opnd[1].reg);

	if (i->opcode < 0x16)
		x86_fst(ctx, x86_addr(ctx, 8, true), src, MO_64);
	else
		x86_put(ctx, 0, x86_vtoi(ctx, VOP_PEXTRQ, V_128, src, IR_NONE, 1));
	return true;
}

bool x86_trans_vec_from_gpr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	enum vec_op op = i->opnd[1].size == 8 ? VOP_MOVQ_FROM : VOP_MOVD_FROM;
	ir_val dst = x86_vec(i->opnd[0].reg);

	if (i->opnd[1].kind == X86_O_MEM)
		x86_fld(ctx, dst, x86_addr(ctx, i->opnd[1].size, false), memop_of(i, 1) | merge(i));
	else
		x86_itov(ctx, op, x86_vec_mode(i, op), dst, IR_NONE, x86_gpr(i->opnd[1].reg), 0);
	return true;
}

bool x86_trans_vec_to_gpr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	enum vec_op op = i->opnd[0].size == 8 ? VOP_MOVQ_TO : VOP_MOVD_TO;
	ir_val src = x86_vec(i->opnd[1].reg);

	if (i->opnd[0].kind == X86_O_MEM)
		x86_fst(ctx, x86_addr(ctx, i->opnd[0].size, true), src, memop_of(i, 0));
	else
		x86_put(ctx, 0, x86_vtoi(ctx, op, V_128, src, IR_NONE, 0));
	return true;
}

bool x86_trans_vec_zeroupper(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_vop(ctx->b, IR_NONE, IR_NONE, IR_NONE, IR_NONE,
	       VOP_AUX(VOP_ZEROUPPER, V_128, ctx->bits == 64 ? 0 : 8));
	return true;
}

bool x86_trans_vec_zeroall(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_vop(ctx->b, IR_NONE, IR_NONE, IR_NONE, IR_NONE,
	       VOP_AUX(VOP_ZEROALL, V_128, ctx->bits == 64 ? 0 : 8));
	return true;
}
