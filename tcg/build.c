/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tcg/build.h"

#include <string.h>

#include "tcg/isa_tcg.h"
#include "tcg/eval.h"
#include "util/bits.h"

/*
 * slot_const[] knows, at the current point of the block, which slots hold a
 * constant. A read of such a slot is replaced by the constant only where that
 * helps the back end (it fits an immediate, or the operation folds away).
 */

/* Ops that one guest instruction may need at most: the front end stops while there is room. */
#define INSN_ROOM 256

void ir_begin(struct ir_block *b, const struct isa_tcg *tcg, uint64_t pc, uint32_t key)
{
	memset(b, 0, offsetof(struct ir_block, ops));
	b->tcg = tcg;
	b->pc = b->end = pc;
	b->key = key;
	b->nr_slots = tcg->nr_slots;
	b->max_insns = 64;
	memset(b->slot_const, 0xff, sizeof(b->slot_const));
	memset(b->slot_def, 0, sizeof(b->slot_def));
}

static struct ir_op *add_op(struct ir_block *b, enum ir_opcode op, unsigned ty, ir_val dst,
			    ir_val a, ir_val x)
{
	struct ir_op *o;

	if (b->nr_ops >= IR_MAX_OPS)
		__builtin_trap();	/* the front end ignored `full`: our bug */
	o = &b->ops[b->nr_ops++];
	*o = (struct ir_op){ .op = op, .ty = ty, .dst = dst, .a = a, .b = x };
	if (b->nr_ops > IR_MAX_OPS - INSN_ROOM)
		b->full = true;
	return o;
}

static ir_val new_val(struct ir_block *b, enum val_kind kind, uint64_t cval)
{
	struct ir_value *v;

	if (b->nr_vals >= IR_MAX_VALS)
		__builtin_trap();
	v = &b->vals[b->nr_vals];
	v->kind = kind;
	v->uses = 0;
	v->cval = cval;
	if (b->nr_vals > IR_MAX_VALS - INSN_ROOM)
		b->full = true;
	return (ir_val)(b->nr_slots + b->nr_vals++);
}

ir_val ir_tmp(struct ir_block *b) { return new_val(b, VAL_TMP, 0); }
ir_val ir_ftmp(struct ir_block *b) { return new_val(b, VAL_FTMP, 0); }
ir_val ir_pc(struct ir_block *b, uint64_t va) { return new_val(b, VAL_PC, va); }

ir_val ir_const(struct ir_block *b, uint64_t v)
{
	unsigned i, first = b->nr_vals > 8 ? b->nr_vals - 8 : 0;

	for (i = first; i < b->nr_vals; i++)	/* the last few: catches the usual repeats */
		if (b->vals[i].kind == VAL_CONST && b->vals[i].cval == v)
			return (ir_val)(b->nr_slots + i);
	return new_val(b, VAL_CONST, v);
}

static const struct ir_value *value(const struct ir_block *b, ir_val v)
{
	return v != IR_NONE && v >= b->nr_slots ? &b->vals[v - b->nr_slots] : NULL;
}

ir_val ir_known(const struct ir_block *b, ir_val v)
{
	if (v < b->nr_slots && b->slot_const[v] != IR_NONE)
		return b->slot_const[v];
	return v;
}

bool ir_is_const(const struct ir_block *b, ir_val v, uint64_t *c)
{
	const struct ir_value *p = value(b, ir_known(b, v));

	if (!p || p->kind != VAL_CONST)
		return false;
	*c = p->cval;
	return true;
}

bool ir_is_pc(const struct ir_block *b, ir_val v, uint64_t *va)
{
	const struct ir_value *p = value(b, ir_known(b, v));

	if (!p || p->kind != VAL_PC)
		return false;
	*va = p->cval;
	return true;
}

/* The operand to use for v: a known constant when it fits an immediate. */
static ir_val operand(const struct ir_block *b, ir_val v)
{
	uint64_t c;

	if (v < b->nr_slots && ir_is_const(b, v, &c) && (int64_t)c == (int32_t)c)
		return b->slot_const[v];
	return v;
}

static void wrote(struct ir_block *b, ir_val dst)
{
	if (dst < b->nr_slots && dst < IR_MAX_SLOTS) {
		b->slot_const[dst] = IR_NONE;
		b->slot_def[dst] = (uint16_t)b->nr_ops;
	}
}

static ir_val need_dst(struct ir_block *b, ir_val dst)
{
	return dst == IR_NONE ? ir_tmp(b) : dst;
}

void ir_insn(struct ir_block *b, uint64_t pc, unsigned len)
{
	struct ir_op *o = add_op(b, IR_INSN, 0, IR_NONE, (ir_val)len, IR_NONE);

	o->imm = (int64_t)pc;
	b->nr_insns++;
	b->end = pc + len;
}

void ir_mov(struct ir_block *b, ir_val dst, ir_val a)
{
	const struct ir_value *p;

	if (dst == IR_NONE || dst == a)
		return;
	a = ir_known(b, a);
	p = value(b, a);
	if (p && p->kind != VAL_TMP && p->kind != VAL_CONST && p->kind != VAL_PC) {
		add_op(b, IR_FMOV, IR_F64, dst, a, IR_NONE);
		return;
	}
	if (dst < b->nr_slots && b->tcg->slots[dst].fp) {
		add_op(b, IR_FMOV, IR_F64, dst, a, IR_NONE);
		return;
	}
	add_op(b, IR_MOV, IR_I64, dst, a, IR_NONE);
	wrote(b, dst);
	if (dst < b->nr_slots && p && p->kind != VAL_TMP)
		b->slot_const[dst] = a;
}

static void mov_const(struct ir_block *b, ir_val dst, uint64_t v)
{
	ir_mov(b, dst, ir_const(b, v));
}

void ir_op1(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val dst, ir_val a)
{
	uint64_t c, r;

	if (dst == IR_NONE)
		return;
	if (ir_is_const(b, a, &c) && ir_eval1(op, ty, c, &r)) {
		mov_const(b, dst, r);
		return;
	}
	add_op(b, op, ty, dst, operand(b, a), IR_NONE);
	wrote(b, dst);
}

static bool commutes(enum ir_opcode op)
{
	switch (op) {
	case IR_ADD: case IR_AND: case IR_OR: case IR_XOR: case IR_XNOR: case IR_MUL:
	case IR_MULHU: case IR_MULHS: case IR_MINS: case IR_MINU: case IR_MAXS: case IR_MAXU:
		return true;
	default:
		return false;
	}
}

/* x op constant that is x, zero or a move; true when handled */
static bool simplify(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val dst, ir_val a,
		     uint64_t c)
{
	if (ty == IR_I32S && c == 0 &&
	    (op == IR_ADD || op == IR_SUB || op == IR_OR || op == IR_XOR)) {
		ir_op1(b, IR_SEXT32, IR_I64, dst, a);
		return true;
	}
	if (ty != IR_I64)
		return false;
	switch (op) {
	case IR_ADD: case IR_SUB: case IR_OR: case IR_XOR: case IR_SHL: case IR_SHR: case IR_SAR:
	case IR_ROL: case IR_ROR:
		if (c)
			return false;
		ir_mov(b, dst, a);
		return true;
	case IR_AND:
		if (c == ~UINT64_C(0)) {
			ir_mov(b, dst, a);
			return true;
		}
		if (c == 0xff || c == 0xffff || c == 0xffffffff) {
			ir_op1(b,
			       c == 0xff   ? IR_ZEXT8 :
			       c == 0xffff ? IR_ZEXT16 :
					     IR_ZEXT32,
			       IR_I64, dst, a);
			return true;
		}
		if (c)
			return false;
		mov_const(b, dst, 0);
		return true;
	default:
		return false;
	}
}

/* The shift by a constant that made slot v what it is, its source unchanged since; NULL: none. */
static const struct ir_op *shift_behind(const struct ir_block *b, ir_val v, enum ir_opcode op,
					uint64_t *k)
{
	const struct ir_op *o;

	if (v >= b->nr_slots || v >= IR_MAX_SLOTS || !b->slot_def[v])
		return NULL;
	o = &b->ops[b->slot_def[v] - 1];
	/* a count in a slot may have become a constant since */
	if (o->op != op || o->dst != v || o->a >= b->nr_slots || o->a == v ||
	    b->slot_def[o->a] >= b->slot_def[v] || o->b < b->nr_slots || !ir_is_const(b, o->b, k))
		return NULL;
	*k &= o->ty == IR_I64 ? 63 : 31;
	return o;
}

/* (x >> k) | (x << (width - k)): how a compiler writes a rotation without Zbb */
static bool rotation(struct ir_block *b, ir_val dst, ir_val a, ir_val x)
{
	const struct ir_op *r, *l;
	uint64_t kr = 0, kl = 0;

	r = shift_behind(b, a, IR_SHR, &kr);
	l = shift_behind(b, r ? x : a, IR_SHL, &kl);
	if (!r)
		r = shift_behind(b, x, IR_SHR, &kr);
	/* 32 bits: only the sign-extended forms give a sign-extended rotation */
	if (!r || !l || r->a != l->a || r->ty != l->ty || r->ty == IR_I32 || !kr || !kl ||
	    kr + kl != (r->ty == IR_I64 ? 64 : 32))
		return false;
	add_op(b, IR_ROR, r->ty, dst, r->a, r->b);
	wrote(b, dst);
	return true;
}

void ir_op2(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val dst, ir_val a, ir_val x)
{
	uint64_t ca = 0, cx = 0, r;
	bool ka, kx;

	if (dst == IR_NONE)
		return;
	ka = ir_is_const(b, a, &ca);
	kx = ir_is_const(b, x, &cx);
	if (ka && kx && ir_eval2(op, ty, ca, cx, &r)) {
		mov_const(b, dst, r);
		return;
	}
	if (ty == IR_I64 && (op == IR_ADD || op == IR_SUB)) {
		if (kx && ir_is_pc(b, a, &r)) {
			ir_mov(b, dst, ir_pc(b, op == IR_ADD ? r + cx : r - cx));
			return;
		}
		if (op == IR_ADD && ka && ir_is_pc(b, x, &r)) {
			ir_mov(b, dst, ir_pc(b, r + ca));
			return;
		}
	}
	if (ka && !kx && commutes(op)) {
		ir_val t = a;

		a = x;
		x = t;
		kx = true;
		cx = ca;
	}
	if (kx && simplify(b, op, ty, dst, a, cx))
		return;
	if (ty == IR_I64 && (op == IR_OR || op == IR_XOR || op == IR_ADD) && !ka && !kx &&
	    rotation(b, dst, a, x))
		return;
	add_op(b, op, ty, dst, operand(b, a), operand(b, x));
	wrote(b, dst);
}

void ir_setc(struct ir_block *b, enum ir_cc cc, enum ir_type ty, ir_val dst, ir_val a, ir_val x)
{
	uint64_t ca, cx;

	if (dst == IR_NONE)
		return;
	if (ir_is_const(b, a, &ca) && ir_is_const(b, x, &cx)) {
		mov_const(b, dst, ir_eval_cc(cc, ty, ca, cx));
		return;
	}
	add_op(b, IR_SETC, IR_TY(ty, cc), dst, operand(b, a), operand(b, x));
	wrote(b, dst);
}

void ir_select(struct ir_block *b, enum ir_cc cc, enum ir_type ty, ir_val dst, ir_val a, ir_val x,
	       ir_val yes, ir_val no)
{
	struct ir_op *o;
	uint64_t ca, cx;

	if (dst == IR_NONE)
		return;
	if (ir_is_const(b, a, &ca) && ir_is_const(b, x, &cx)) {
		ir_mov(b, dst, ir_eval_cc(cc, ty, ca, cx) ? yes : no);
		return;
	}
	o = add_op(b, IR_SELECT, IR_TY(ty, cc), dst, operand(b, a), operand(b, x));
	o->c = operand(b, yes);
	o->d = operand(b, no);
	wrote(b, dst);
}

void ir_op3(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val dst, ir_val a, ir_val x,
	    ir_val c)
{
	struct ir_op *o;
	uint64_t k;

	if (dst == IR_NONE)
		return;
	if (ir_is_const(b, c, &k) && !k) {
		ir_op2(b, op == IR_ADDC ? IR_ADD : IR_SUB, ty, dst, a, x);
		return;
	}
	o = add_op(b, op, ty, dst, operand(b, a), operand(b, x));
	o->c = operand(b, c);
	o->d = IR_NONE;
	wrote(b, dst);
}

void ir_flags(struct ir_block *b, unsigned flags_op, ir_val a, ir_val x, ir_val c)
{
	struct ir_op *o = add_op(b, IR_FLAGS, 0, IR_NONE, a == IR_NONE ? a : operand(b, a),
				 x == IR_NONE ? x : operand(b, x));

	o->c = c == IR_NONE ? c : operand(b, c);
	o->d = IR_NONE;
	o->aux = flags_op;
}

static struct ir_op *mem_op(struct ir_block *b, enum ir_opcode op, ir_val dst, ir_val addr,
			    ir_val v, int32_t off, uint32_t memop)
{
	struct ir_op *o = add_op(b, op, IR_I64, dst, addr, v);

	o->off = off;
	o->memop = memop;
	wrote(b, dst);
	return o;
}

void ir_ld(struct ir_block *b, ir_val dst, ir_val addr, int32_t off, uint32_t memop)
{
	mem_op(b, IR_LD, need_dst(b, dst), addr, IR_NONE, off, memop);
}

void ir_st(struct ir_block *b, ir_val addr, int32_t off, ir_val v, uint32_t memop)
{
	mem_op(b, IR_ST, IR_NONE, addr, operand(b, v), off, memop);
}

void ir_fld(struct ir_block *b, ir_val dst, ir_val addr, int32_t off, uint32_t memop)
{
	mem_op(b, IR_FLD, dst, addr, IR_NONE, off, memop);
}

void ir_fst(struct ir_block *b, ir_val addr, int32_t off, ir_val v, uint32_t memop)
{
	mem_op(b, IR_FST, IR_NONE, addr, v, off, memop);
}

void ir_amo(struct ir_block *b, enum ir_amo kind, ir_val dst, ir_val addr, ir_val v, uint32_t memop)
{
	mem_op(b, IR_AMO, need_dst(b, dst), addr, v, (int32_t)kind, memop | MO_AMO);
}

void ir_cas(struct ir_block *b, ir_val dst, ir_val addr, ir_val expect, ir_val new, uint32_t memop)
{
	struct ir_op *o;

	dst = need_dst(b, dst);
	o = add_op(b, IR_CAS, IR_I64, dst, addr, expect);
	o->c = new;
	o->aux = memop | MO_AMO;
	wrote(b, dst);
}

void ir_sc(struct ir_block *b, ir_val dst, ir_val addr, ir_val v, uint32_t memop)
{
	mem_op(b, IR_SC, need_dst(b, dst), addr, v, 0, memop | MO_AMO);
}

void ir_fence(struct ir_block *b, unsigned kinds)
{
	add_op(b, IR_FENCE, 0, IR_NONE, IR_NONE, IR_NONE)->imm = kinds;
}

void ir_lds(struct ir_block *b, ir_val dst, uint32_t off, uint32_t memop)
{
	if (dst != IR_NONE)
		mem_op(b, IR_LDS, dst, IR_NONE, IR_NONE, (int32_t)off, memop);
}

void ir_sts(struct ir_block *b, uint32_t off, ir_val v, uint32_t memop)
{
	mem_op(b, IR_STS, IR_NONE, IR_NONE, operand(b, v), (int32_t)off, memop);
	b->ops[b->nr_ops - 1].a = b->ops[b->nr_ops - 1].b;
	b->ops[b->nr_ops - 1].b = IR_NONE;
}

void ir_call(struct ir_block *b, unsigned irh, ir_val dst, ir_helper fn, ir_val a, ir_val x)
{
	struct ir_op *o = add_op(b, IR_CALL, irh, dst, a, x);

	o->imm = (int64_t)(intptr_t)fn;
	if (irh & IRH_SYNC) {
		ir_val v;

		for (v = 0; v < b->nr_slots && v < IR_MAX_SLOTS; v++)
			wrote(b, v);
	}
	wrote(b, dst);
}

void ir_guard(struct ir_block *b, uint32_t off, uint8_t expect)
{
	struct ir_op *o = add_op(b, IR_GUARD, 0, IR_NONE, IR_NONE, IR_NONE);

	o->off = (int32_t)off;
	o->memop = expect;
}

void ir_brc(struct ir_block *b, enum ir_cc cc, enum ir_type ty, ir_val a, ir_val x, uint64_t target)
{
	add_op(b, IR_BRC, IR_TY(ty, cc), IR_NONE, operand(b, a), operand(b, x))->imm =
		(int64_t)target;
}

void ir_exit(struct ir_block *b, uint64_t target)
{
	add_op(b, IR_EXIT, 0, IR_NONE, IR_NONE, IR_NONE)->imm = (int64_t)target;
}

void ir_call_direct(struct ir_block *b, uint64_t target, unsigned ret_delta)
{
	add_op(b, IR_CALLD, 0, IR_NONE, (ir_val)ret_delta, IR_NONE)->imm = (int64_t)target;
}

void ir_call_ind(struct ir_block *b, ir_val target, uint64_t ret_pc)
{
	add_op(b, IR_CALLI, 0, IR_NONE, target, IR_NONE)->imm = (int64_t)ret_pc;
}

void ir_jmp_ind(struct ir_block *b, ir_val target)
{
	add_op(b, IR_JMPI, 0, IR_NONE, target, IR_NONE);
}

void ir_ret(struct ir_block *b, ir_val target)
{
	add_op(b, IR_RET, 0, IR_NONE, target, IR_NONE);
}

void ir_exit_fn(struct ir_block *b, ir_leave fn, ir_val a, ir_val x)
{
	add_op(b, IR_EXITFN, 0, IR_NONE, a, x)->imm = (int64_t)(intptr_t)fn;
}

void ir_exit_fn_on(struct ir_block *b, ir_leave fn, ir_val a, ir_val x)
{
	ir_exit_fn(b, fn, a, x);
	b->ops[b->nr_ops - 1].ty = IRX_CONTINUE;
}

void ir_lookup(struct ir_block *b, uint64_t target)
{
	add_op(b, IR_LOOKUP, 0, IR_NONE, IR_NONE, IR_NONE)->imm = (int64_t)target;
}

void ir_fop(struct ir_block *b, enum ir_opcode op, enum ir_type ty, ir_val dst, ir_val a, ir_val x,
	    ir_val y, unsigned aux)
{
	struct ir_op *o;

	if (dst == IR_NONE)	/* integer results into x0 still raise flags */
		dst = ir_tmp(b);
	o = add_op(b, op, ty, dst, a, x);
	o->c = y;
	o->aux = aux;
	o->d = IR_NONE;
	wrote(b, dst);
}

void ir_flds(struct ir_block *b, ir_val dst, uint32_t off, uint32_t memop)
{
	mem_op(b, IR_FLDS, dst, IR_NONE, IR_NONE, (int32_t)off, memop);
}

void ir_fsts(struct ir_block *b, uint32_t off, ir_val v, uint32_t memop)
{
	mem_op(b, IR_FSTS, IR_NONE, v, IR_NONE, (int32_t)off, memop);
}

static void vec_op(struct ir_block *b, enum ir_opcode op, ir_val dst, ir_val a, ir_val x, ir_val c,
		   uint32_t aux)
{
	struct ir_op *o = add_op(b, op, IR_I64, dst, a, x);

	o->c = c;
	o->d = IR_NONE;
	o->aux = aux;
	wrote(b, dst);
}

void ir_vop(struct ir_block *b, ir_val dst, ir_val a, ir_val x, ir_val c, uint32_t aux)
{
	vec_op(b, IR_VOP, dst, a, x, c, aux);
}

void ir_vtoi(struct ir_block *b, ir_val dst, ir_val a, ir_val x, uint32_t aux)
{
	/* the flags it raises count even when nobody reads the result */
	vec_op(b, IR_VTOI, need_dst(b, dst), a, x, IR_NONE, aux);
}

void ir_itov(struct ir_block *b, ir_val dst, ir_val a, ir_val x, uint32_t aux)
{
	vec_op(b, IR_ITOV, dst, a, ir_known(b, x), IR_NONE, aux);
}
