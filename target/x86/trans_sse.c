// SPDX-License-Identifier: GPL-2.0-or-later
/* Vector instructions with general registers, strings, and elements under masks. */
#include "target/x86/helper.h"
#include "target/x86/insn.h"
#include "target/x86/vec.h"

/* CVTSI2SS, CVTSI2SD: the integer is the last operand. F3: single. */
bool x86_trans_vec_from_int(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned n = i->vex ? 2 : 1;
	bool wide = i->opnd[n].size == 8, single = i->row->pp == X86_PP_F3;
	enum vec_op op = single ? (wide ? VOP_CVTSI2SS64 : VOP_CVTSI2SS32) :
				  (wide ? VOP_CVTSI2SD64 : VOP_CVTSI2SD32);
	ir_val v = x86_raw(ctx, n);

	x86_itov(ctx, op, x86_vec_mode(i, op), x86_vec(i->opnd[0].reg),
		 x86_vec(i->opnd[n - 1].reg), v, 0);
	return true;
}

/* 2C truncates. */
bool x86_trans_vec_to_int(struct x86_ctx *ctx, const struct x86_insn *i)
{
	static const uint16_t ops[2][2][2] = {
		{ { VOP_CVTTSD2SI32, VOP_CVTTSD2SI64 }, { VOP_CVTTSS2SI32, VOP_CVTTSS2SI64 } },
		{ { VOP_CVTSD2SI32, VOP_CVTSD2SI64 }, { VOP_CVTSS2SI32, VOP_CVTSS2SI64 } },
	};
	enum vec_op op = ops[i->opcode & 1][i->row->pp == X86_PP_F3][i->opnd[0].size == 8];
	ir_val src = x86_vec_get(ctx, 1);

	x86_put(ctx, 0, x86_vtoi(ctx, op, V_128, src, IR_NONE, 0));
	return true;
}

/* Bytes of an element: C4, C5, 15 are words, 14 and 20 bytes; else the operand's size. */
static unsigned element(const struct x86_insn *i, unsigned n)
{
	if (i->row->map == X86_MAP_0F || i->opcode == 0x15)
		return 2;
	if (i->opcode == 0x14 || i->opcode == 0x20)
		return 1;
	return i->opcode == 0x17 ? 4 : i->opnd[n].size;
}

bool x86_trans_vec_pinsr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	static const uint16_t ops[9] = { [1] = VOP_PINSRB, [2] = VOP_PINSRW, [4] = VOP_PINSRD,
					 [8] = VOP_PINSRQ };
	unsigned n = i->vex ? 2 : 1, size = element(i, n);
	ir_val v;

	if (i->vex && i->rex_w && i->opcode == 0x22 && ctx->bits != 64)
		return false;
	if (i->opnd[n].kind == X86_O_MEM) {
		struct x86_addr a = x86_addr(ctx, size, false);

		v = ir_tmp(ctx->b);
		x86_ld(ctx, v, a.base, a.off, x86_mo(size));
	} else {
		v = x86_gpr(i->opnd[n].reg);
	}
	x86_itov(ctx, ops[size], x86_vec_mode(i, ops[size]), x86_vec(i->opnd[0].reg),
		 x86_vec(i->opnd[n - 1].reg), v, (uint8_t)(i->imm[0] & (16 / size - 1)));
	return true;
}

bool x86_trans_vec_pextr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	static const uint16_t ops[9] = { [1] = VOP_PEXTRB, [2] = VOP_PEXTRW, [4] = VOP_PEXTRD,
					 [8] = VOP_PEXTRQ };
	unsigned size = element(i, 0);
	ir_val v;

	if (i->vex && i->rex_w && i->opcode == 0x16 && ctx->bits != 64)
		return false;
	v = x86_vtoi(ctx, ops[size], V_128, x86_vec(i->opnd[1].reg), IR_NONE,
		     (uint8_t)(i->imm[0] & (16 / size - 1)));
	if (i->opnd[0].kind == X86_O_MEM) {
		struct x86_addr a = x86_addr(ctx, size, true);

		x86_st(ctx, a.base, a.off, v, x86_mo(size));
	} else {
		/* zero-extended whatever the width */
		x86_reg_put(ctx, i->opnd[0].reg, 8, v);
	}
	return true;
}

/* From memory there is one element to choose from. */
bool x86_trans_vec_insertps(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned n = i->vex ? 2 : 1;
	ir_val src = x86_vec_get(ctx, n);
	uint8_t imm = (uint8_t)i->imm[0];

	if (i->opnd[n].kind == X86_O_MEM)
		imm &= 0x3f;
	x86_vop(ctx, VOP_INSERTPS, x86_vec_mode(i, VOP_INSERTPS), x86_vec(i->opnd[0].reg),
		x86_vec(i->opnd[n - 1].reg), src, IR_NONE, imm);
	return true;
}

bool x86_trans_vec_pcmpstr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	bool wide = i->rex_w && ctx->bits == 64;	/* else VEX.W has no meaning */
	uint64_t how = i->opnd[0].reg | (uint64_t)(i->opcode & 3) << 16 | (uint64_t)wide << 18;

	if (i->opnd[1].kind == X86_O_MEM) {
		ir_val t = ir_ftmp(ctx->b);

		x86_fld(ctx, t, x86_addr(ctx, 16, false), MO_128);
		ir_fsts(ctx->b, offsetof(struct x86_state, vtmp), t, MO_128);
		how |= X86_PS_MEM << 8;
	} else {
		how |= (uint64_t)i->opnd[1].reg << 8;
	}
	x86_call(ctx, x86_help_pcmpstr, x86_imm(ctx, how | (uint64_t)i->vex << 19),
		 x86_imm(ctx, i->imm[0]));
	return true;
}

/* --- elements under masks --- */

static uint64_t how_of(const struct x86_insn *i, bool quad)
{
	return (uint64_t)i->sreg << X86_VM_SEG | (uint64_t)quad << X86_VM_QUAD |
	       (uint64_t)i->vex_l << X86_VM_WIDE | (uint64_t)i->adsize << X86_VM_ADSIZE;
}

bool x86_trans_vec_maskmovdqu(struct x86_ctx *ctx, const struct x86_insn *i)
{
	uint64_t how = how_of(i, false) | (uint64_t)i->opnd[0].reg << X86_VM_DATA |
		       (uint64_t)i->opnd[1].reg << X86_VM_MASK;

	x86_call(ctx, x86_help_maskmovdqu, x86_imm(ctx, how),
		 x86_reg_get(ctx, X86_RDI, i->adsize));
	return true;
}

/* 2C to 2F: 2D and 2F of quadwords; 8C, 8E: as W says. */
bool x86_trans_vec_maskmov(struct x86_ctx *ctx, const struct x86_insn *i)
{
	bool store = i->opnd[0].kind == X86_O_MEM;
	bool quad = i->opcode >= 0x8c ? i->rex_w : i->opcode & 1;
	uint64_t how = how_of(i, quad) | (uint64_t)i->opnd[store ? 2 : 0].reg << X86_VM_DATA |
		       (uint64_t)i->opnd[1].reg << X86_VM_MASK | (uint64_t)store << X86_VM_STORE;

	x86_call(ctx, x86_help_maskmov, x86_imm(ctx, how), x86_ea_offset(ctx));
	return true;
}

/* The index register is a vector: no two of the three may be the same (SDM volume 2, VGATHER). */
bool x86_trans_vec_gather(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned data = i->opnd[0].reg, mask = i->opnd[2].reg, index = (unsigned)i->index;
	struct x86_insn plain = *i;
	uint64_t how;
	ir_val off;

	if (data == mask || data == index || mask == index)
		return false;
	how = how_of(i, i->rex_w) | (uint64_t)data << X86_VM_DATA | (uint64_t)mask << X86_VM_MASK |
	      (uint64_t)index << X86_VM_INDEX | (uint64_t)(i->opcode & 1) << X86_VM_INDEX_QUAD |
	      (uint64_t)i->scale << X86_VM_SCALE;
	plain.index = -1;
	ctx->insn = &plain;
	off = x86_ea_offset(ctx);
	ctx->insn = i;
	x86_call(ctx, x86_help_gather, x86_imm(ctx, how), off);
	return true;
}
