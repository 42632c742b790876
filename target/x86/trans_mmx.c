// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MMX: vector operations on the low 64 bits of a temporary, which come from the mantissas of the
 * x87 registers (SDM volume 1, 9.2). Each instruction makes all tags valid and the top zero
 * (9.6.2), except EMMS.
 */
#include "target/x86/fpu.h"
#include "target/x86/insn.h"
#include "target/x86/vec.h"
#include "target/x86/x87.h"

#define OFF(m) ((uint32_t)offsetof(struct x86_state, m))

static uint32_t reg_off(unsigned reg) { return OFF(fpr) + 16 * reg; }

/* Before anything else: an x87 exception may wait. */
static void begin(struct x86_ctx *ctx)
{
	if (ctx->key & X86_KEY_X87)
		x86_call(ctx, x86_help_fpu_wait, x86_imm(ctx, 0), x86_imm(ctx, 0));
}

static void enter_as(struct x86_ctx *ctx, unsigned tags)
{
	ir_val t = ir_tmp(ctx->b);

	ir_lds(ctx->b, t, OFF(fstat), MO_32);
	t = ir_get2(ctx->b, IR_AND, IR_I64, t, x86_imm(ctx, 0xffff & ~X86_FSW_TOP));
	ir_sts(ctx->b, OFF(fstat), t, MO_32);
	ir_sts(ctx->b, OFF(ftop), x86_imm(ctx, 0), MO_8);
	ir_sts(ctx->b, OFF(ftag), x86_imm(ctx, tags), MO_32);
}

static void enter(struct x86_ctx *ctx) { enter_as(ctx, 0xff); }

static ir_val get(struct x86_ctx *ctx, unsigned n)
{
	const struct x86_opnd *o = &ctx->insn->opnd[n];
	ir_val t;

	if (o->kind != X86_O_MMX)
		return x86_vec_get(ctx, n);
	t = ir_ftmp(ctx->b);
	ir_flds(ctx->b, t, reg_off(o->reg), MO_64);
	return t;
}

static void put(struct x86_ctx *ctx, unsigned n, ir_val t)
{
	unsigned reg = ctx->insn->opnd[n].reg;

	ir_fsts(ctx->b, reg_off(reg), t, MO_64);
	ir_sts(ctx->b, reg_off(reg) + 8, x86_imm(ctx, 0xffff), MO_16);
	enter(ctx);
}

static ir_val vop(struct x86_ctx *ctx, enum vec_op op, ir_val a, ir_val x, uint8_t imm)
{
	ir_val t = ir_ftmp(ctx->b);

	ir_vop(ctx->b, t, a, x, IR_NONE, VOP_AUX(op, V_128, imm));
	return t;
}

/* How the 128-bit operation gives the 64-bit one. */
enum shape {
	PLAIN,		/* its low half is it */
	BOTH,		/* the two operands are the halves of one, which is used twice */
	HIGH,		/* the upper half of the low interleaving */
	REPEAT,		/* the first operand twice: indices of eight bytes */
};

static bool one_op(struct x86_ctx *ctx, enum vec_op op, enum shape shape)
{
	const struct x86_insn *i = ctx->insn;
	bool unary = vec_info[op].nargs == 1, imm = vec_info[op].flags & VOF_IMM;
	uint8_t k = imm ? (uint8_t)i->imm[0] : 0;
	ir_val a, x = IR_NONE, r;

	begin(ctx);
	if (unary) {
		a = get(ctx, i->opnd[1].kind == X86_O_IMM ? 0 : 1);
	} else {
		x = get(ctx, 1);
		a = get(ctx, 0);
	}
	if (shape == BOTH)
		a = x = vop(ctx, VOP_PUNPCKLQDQ, a, x, 0);
	if (shape == REPEAT)
		a = vop(ctx, VOP_PUNPCKLQDQ, a, a, 0);
	r = vop(ctx, op, a, x, k);
	if (shape == HIGH)
		r = vop(ctx, VOP_PSRLDQ, r, IR_NONE, 8);
	put(ctx, 0, r);
	return true;
}

#define MMX(name, op, shape)								\
bool x86_trans_mmx_##name(struct x86_ctx *ctx, const struct x86_insn *i)		\
{											\
	return one_op(ctx, VOP_##op, shape);						\
}
#define P(name) MMX(name, name, PLAIN)
P(PUNPCKLBW) P(PUNPCKLWD) P(PUNPCKLDQ) P(PCMPGTB) P(PCMPGTW) P(PCMPGTD) P(PSHUFLW)
P(PSRLWI) P(PSRAWI) P(PSLLWI) P(PSRLDI) P(PSRADI) P(PSLLDI) P(PSRLQI) P(PSLLQI)
P(PCMPEQB) P(PCMPEQW) P(PCMPEQD) P(PSRLW) P(PSRLD) P(PSRLQ) P(PSRAW) P(PSRAD) P(PSLLW) P(PSLLD)
P(PSLLQ) P(PADDQ) P(PMULLW) P(PSUBUSB) P(PSUBUSW) P(PMINUB) P(PAND) P(PADDUSB) P(PADDUSW)
P(PMAXUB) P(PANDN) P(PAVGB) P(PAVGW) P(PMULHUW) P(PMULHW) P(PSUBSB) P(PSUBSW) P(PMINSW) P(POR)
P(PADDSB) P(PADDSW) P(PMAXSW) P(PXOR) P(PMULUDQ) P(PMADDWD) P(PSADBW) P(PSUBB) P(PSUBW) P(PSUBD)
P(PSUBQ) P(PADDB) P(PADDW) P(PADDD) P(PMADDUBSW) P(PSIGNB) P(PSIGNW) P(PSIGND) P(PMULHRSW)
P(PABSB) P(PABSW) P(PABSD)
MMX(PACKSSWB, PACKSSWB, BOTH) MMX(PACKUSWB, PACKUSWB, BOTH) MMX(PACKSSDW, PACKSSDW, BOTH)
MMX(PHADDW, PHADDW, BOTH) MMX(PHADDD, PHADDD, BOTH) MMX(PHADDSW, PHADDSW, BOTH)
MMX(PHSUBW, PHSUBW, BOTH) MMX(PHSUBD, PHSUBD, BOTH) MMX(PHSUBSW, PHSUBSW, BOTH)
MMX(PUNPCKHBW, PUNPCKLBW, HIGH) MMX(PUNPCKHWD, PUNPCKLWD, HIGH) MMX(PUNPCKHDQ, PUNPCKLDQ, HIGH)
MMX(PSHUFB, PSHUFB, REPEAT)

bool x86_trans_mmx_palignr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned n = i->imm[0] > 16 ? 16 : (unsigned)i->imm[0];
	ir_val a, x;

	begin(ctx);
	x = get(ctx, 1);
	a = get(ctx, 0);
	a = vop(ctx, VOP_PUNPCKLQDQ, x, a, 0);
	put(ctx, 0, vop(ctx, VOP_PSRLDQ, a, IR_NONE, (uint8_t)n));
	return true;
}

/* --- moves --- */

bool x86_trans_mmx_load(struct x86_ctx *ctx, const struct x86_insn *i)
{
	begin(ctx);
	put(ctx, 0, get(ctx, 1));
	return true;
}

bool x86_trans_mmx_store(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val t;

	begin(ctx);
	t = get(ctx, 1);
	if (i->opnd[0].kind == X86_O_MMX) {
		put(ctx, 0, t);
	} else {
		x86_fst(ctx, x86_addr(ctx, 8, true), t, MO_64);
		enter(ctx);
	}
	return true;
}

bool x86_trans_mmx_from_gpr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	bool wide = i->opnd[1].size == 8;
	ir_val t = ir_ftmp(ctx->b), v;

	begin(ctx);
	v = x86_raw(ctx, 1);
	ir_itov(ctx->b, t, IR_NONE, v, VOP_AUX(wide ? VOP_MOVQ_FROM : VOP_MOVD_FROM, V_128, 0));
	put(ctx, 0, t);
	return true;
}

static ir_val to_int(struct x86_ctx *ctx, enum vec_op op, unsigned n, uint8_t imm)
{
	ir_val t = ir_tmp(ctx->b);

	ir_vtoi(ctx->b, t, get(ctx, n), IR_NONE, VOP_AUX(op, V_128, imm));
	return t;
}

bool x86_trans_mmx_to_gpr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	begin(ctx);
	x86_put(ctx, 0, to_int(ctx, i->opnd[0].size == 8 ? VOP_MOVQ_TO : VOP_MOVD_TO, 1, 0));
	enter(ctx);
	return true;
}

bool x86_trans_mmx_pextrw(struct x86_ctx *ctx, const struct x86_insn *i)
{
	begin(ctx);
	x86_reg_put(ctx, i->opnd[0].reg, 8,
		    to_int(ctx, VOP_PEXTRW, 1, (uint8_t)(i->imm[0] & 3)));
	enter(ctx);
	return true;
}

bool x86_trans_mmx_pmovmskb(struct x86_ctx *ctx, const struct x86_insn *i)
{
	begin(ctx);
	x86_reg_put(ctx, i->opnd[0].reg, 8, to_int(ctx, VOP_PMOVMSKB, 1, 0));
	enter(ctx);
	return true;
}

bool x86_trans_mmx_pinsrw(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val t = ir_ftmp(ctx->b), v;

	begin(ctx);
	if (i->opnd[1].kind == X86_O_MEM) {
		struct x86_addr a = x86_addr(ctx, 2, false);

		v = ir_tmp(ctx->b);
		x86_ld(ctx, v, a.base, a.off, MO_16);
	} else {
		v = x86_gpr(i->opnd[1].reg);
	}
	ir_itov(ctx->b, t, get(ctx, 0), v, VOP_AUX(VOP_PINSRW, V_128, i->imm[0] & 3));
	put(ctx, 0, t);
	return true;
}

bool x86_trans_mmx_maskmovq(struct x86_ctx *ctx, const struct x86_insn *i)
{
	uint64_t how = (uint64_t)i->opnd[0].reg << X86_VM_DATA |
		       (uint64_t)i->opnd[1].reg << X86_VM_MASK | (uint64_t)i->sreg << X86_VM_SEG |
		       (uint64_t)i->adsize << X86_VM_ADSIZE;

	begin(ctx);
	x86_call(ctx, x86_help_maskmovq, x86_imm(ctx, how), x86_reg_get(ctx, X86_RDI, i->adsize));
	return true;
}

bool x86_trans_mmx_emms(struct x86_ctx *ctx, const struct x86_insn *i)
{
	begin(ctx);
	enter_as(ctx, 0);
	return true;
}

/* --- with vector registers --- */

/* Only forms with an MMX register are MMX instructions. */
static bool uses(const struct x86_insn *i)
{
	return i->opnd[0].kind == X86_O_MMX || i->opnd[1].kind == X86_O_MMX;
}

/* The unit is in MMX's state also where the conversion raises an exception. */
static void enter_early(struct x86_ctx *ctx, const struct x86_insn *i)
{
	if (ctx->key & X86_KEY_XM && uses(i))
		enter(ctx);
}

/* The lanes that are not converted are zero, which raises nothing. */
bool x86_trans_mmx_cvtpi2ps(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val dst = x86_vec(i->opnd[0].reg), t = ir_ftmp(ctx->b), x;

	begin(ctx);
	x = get(ctx, 1);
	enter_early(ctx, i);
	x86_xm_begin(ctx, VOP_CVTDQ2PS);
	ir_vop(ctx->b, t, x, IR_NONE, IR_NONE, VOP_AUX(VOP_CVTDQ2PS, V_128, 0));
	x86_xm_end(ctx, VOP_CVTDQ2PS, V_128, IR_NONE);
	ir_vop(ctx->b, dst, dst, t, IR_NONE, VOP_AUX(VOP_MOVSD, V_MERGE, 0));
	if (uses(i))
		enter(ctx);
	return true;
}

bool x86_trans_mmx_cvtpi2pd(struct x86_ctx *ctx, const struct x86_insn *i)
{
	if (uses(i))
		begin(ctx);
	x86_vop(ctx, VOP_CVTDQ2PD, V_MERGE, x86_vec(i->opnd[0].reg), get(ctx, 1), IR_NONE, IR_NONE,
		0);
	if (uses(i))
		enter(ctx);
	return true;
}

/* 2C truncates; 66: doubles. */
bool x86_trans_mmx_to_ints(struct x86_ctx *ctx, const struct x86_insn *i)
{
	bool wide = i->row->pp == X86_PP_66;
	enum vec_op op = wide ? (i->opcode & 1 ? VOP_CVTPD2DQ : VOP_CVTTPD2DQ) :
				(i->opcode & 1 ? VOP_CVTPS2DQ : VOP_CVTTPS2DQ);
	ir_val t = ir_ftmp(ctx->b), x;

	begin(ctx);
	x = x86_vec_get(ctx, 1);
	if (!wide)
		x = vop(ctx, VOP_MOVQ, x, IR_NONE, 0);
	enter_early(ctx, i);
	x86_xm_begin(ctx, op);
	ir_vop(ctx->b, t, x, IR_NONE, IR_NONE, VOP_AUX(op, V_128, 0));
	x86_xm_end(ctx, op, V_128, IR_NONE);
	put(ctx, 0, t);
	return true;
}

bool x86_trans_mmx_movq2dq(struct x86_ctx *ctx, const struct x86_insn *i)
{
	begin(ctx);
	ir_vop(ctx->b, x86_vec(i->opnd[0].reg), get(ctx, 1), IR_NONE, IR_NONE,
	       VOP_AUX(VOP_MOVQ, V_MERGE, 0));
	enter(ctx);
	return true;
}

bool x86_trans_mmx_movdq2q(struct x86_ctx *ctx, const struct x86_insn *i)
{
	begin(ctx);
	put(ctx, 0, x86_vec(i->opnd[1].reg));
	return true;
}
