/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building IR: front ends call these in program order. Constants are folded as
 * operations are added; a destination of IR_NONE drops a pure operation.
 */
#ifndef TCG_BUILD_H
#define TCG_BUILD_H

#include "tcg/ir.h"

void ir_begin(struct ir_block *b, const struct isa_tcg *tcg, uint64_t pc, uint32_t key);

ir_val ir_const(struct ir_block *b, uint64_t v);
ir_val ir_pc(struct ir_block *b,
	     uint64_t va); /* a virtual address derived from the pc: link values, auipc */
ir_val ir_tmp(struct ir_block *b);			/* integer temporary */
ir_val ir_ftmp(struct ir_block *b);
/* The value that is known to be in v at this point: the constant behind a slot, or v. */
ir_val ir_known(const struct ir_block *b, ir_val v);
bool ir_is_const(const struct ir_block *b, ir_val v, uint64_t *c);
bool ir_is_pc(const struct ir_block *b, ir_val v, uint64_t *va);

void ir_insn(struct ir_block *b, uint64_t pc, unsigned len);
void ir_mov(struct ir_block *b, ir_val dst, ir_val a);
void ir_op1(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val dst, ir_val a);
void ir_op2(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val dst, ir_val a, ir_val x);
static inline ir_val ir_get2(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val a,
			     ir_val x)
{ ir_val t = ir_tmp(b); ir_op2(b, op, ty, t, a, x); return t; }
static inline ir_val ir_get1(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val a)
{ ir_val t = ir_tmp(b); ir_op1(b, op, ty, t, a); return t; }
void ir_setc(struct ir_block *b, enum ir_cc cc, enum ir_type ty, ir_val dst, ir_val a, ir_val x);
void ir_select(struct ir_block *b, enum ir_cc cc, enum ir_type ty, ir_val dst, ir_val a, ir_val x,
	       ir_val yes, ir_val no);

/* dst IR_NONE: the access still happens */
void ir_ld(struct ir_block *b, ir_val dst, ir_val addr, int32_t off, uint32_t memop);
void ir_st(struct ir_block *b, ir_val addr, int32_t off, ir_val v, uint32_t memop);
void ir_fld(struct ir_block *b, ir_val dst, ir_val addr, int32_t off, uint32_t memop);
void ir_fst(struct ir_block *b, ir_val addr, int32_t off, ir_val v, uint32_t memop);
void ir_amo(struct ir_block *b, enum ir_amo kind, ir_val dst, ir_val addr, ir_val v,
	    uint32_t memop);
void ir_cas(struct ir_block *b, ir_val dst, ir_val addr, ir_val expect, ir_val new, uint32_t memop);
void ir_sc(struct ir_block *b, ir_val dst, ir_val addr, ir_val v, uint32_t memop);
void ir_fence(struct ir_block *b, unsigned kinds);
void ir_lds(struct ir_block *b, ir_val dst, uint32_t off, uint32_t memop);	/* state field */
void ir_sts(struct ir_block *b, uint32_t off, ir_val v, uint32_t memop);

typedef uint64_t (*ir_helper)(void *state, uint64_t a, uint64_t b);
typedef void (*ir_leave)(void *state, uint64_t a, uint64_t b);
void ir_call(struct ir_block *b, unsigned irh, ir_val dst, ir_helper fn, ir_val a, ir_val x);

void ir_guard(struct ir_block *b, uint32_t off, uint8_t expect);
void ir_brc(struct ir_block *b, enum ir_cc cc, enum ir_type ty, ir_val a, ir_val x,
	    uint64_t target);
void ir_exit(struct ir_block *b, uint64_t target);
void ir_call_direct(struct ir_block *b, uint64_t target, unsigned ret_delta);
void ir_call_ind(struct ir_block *b, ir_val target, uint64_t ret_pc);
void ir_jmp_ind(struct ir_block *b, ir_val target);
void ir_ret(struct ir_block *b, ir_val target);
void ir_exit_fn(struct ir_block *b, ir_leave fn, ir_val a, ir_val x);
void ir_exit_fn_on(struct ir_block *b, ir_leave fn, ir_val a, ir_val x);	/* IRX_CONTINUE */
void ir_lookup(struct ir_block *b,
	       uint64_t target); /* after a CALL that may have changed the mode */

void ir_op3(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val dst, ir_val a, ir_val x,
	    ir_val c);				/* ADDC, SUBC */
/* a, x, c: IR_NONE where the operation does not use it */
void ir_flags(struct ir_block *b, unsigned flags_op, ir_val a, ir_val x, ir_val c);
void ir_flds(struct ir_block *b, ir_val dst, uint32_t off, uint32_t memop);
void ir_fsts(struct ir_block *b, uint32_t off, ir_val v, uint32_t memop);
/* aux: VOP_AUX; operands that the operation does not have: IR_NONE */
void ir_vop(struct ir_block *b, ir_val dst, ir_val a, ir_val x, ir_val c, uint32_t aux);
void ir_vtoi(struct ir_block *b, ir_val dst, ir_val a, ir_val x, uint32_t aux);
void ir_itov(struct ir_block *b, ir_val dst, ir_val a, ir_val x, uint32_t aux);

void ir_fop(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val dst, ir_val a, ir_val x,
	    ir_val y, unsigned aux);

#endif
