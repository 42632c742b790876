/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Out-of-line parts of a block, and the block itself. */
#include <errno.h>

#include "tcg/x86_64/emit_x86.h"
#include "util/scratch.h"

struct cold *new_cold(struct emitter *e, enum cold_kind k)
{
	struct cold *c;

	if (e->nr_cold == MAX_COLD) {
		e->failed = true;
		e->nr_cold--;
	}
	c = &e->cold[e->nr_cold++];
	memset(c, 0, sizeof(*c));
	c->kind = k;
	c->fl = e->fl;
	return c;
}

void cold_from(struct cold *c, uint8_t *jump)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(c->jump) - 1 && c->jump[i]; i++)
		;
	c->jump[i] = jump;
}

/* An address in the executable mapping as a target for code being written. */
static const uint8_t *rw_of(const struct emitter *e, const uint8_t *rx)
{
	return rx - e->e->rx_delta;
}

void jump_thunk(struct emitter *e, const uint8_t *thunk)
{
	x_fix(x_jmp(&e->c), rw_of(e, thunk));
}

static void note_fault(struct emitter *e, uint64_t pc)
{
	struct emit_block *o = e->e;

	if (o->nr_faults == EMIT_MAX_FAULTS) {
		e->failed = true;
		return;
	}
	o->faults[o->nr_faults++] =
		(struct emit_fault){ (uint32_t)(e->c.p - e->c.start), (uint16_t)(pc - e->b->pc) };
}

void call_thunk(struct emitter *e, const uint8_t *thunk, bool fault)
{
	x_fix(x_call(&e->c), rw_of(e, thunk));
	if (fault)
		note_fault(e, e->insn_pc);
}

/*
 * A virtual address: a constant, or relative to the page that the block is
 * running in. Keeps the flags.
 */
void mov_pc(struct emitter *e, int reg, uint64_t va)
{
	uint64_t delta = va - (e->b->pc & ~UINT64_C(0xfff));

	if (!e->e->pcrel) {
		x_mov_ri(&e->c, reg, va);
		return;
	}
	x_ld(&e->c, reg, HEAD(vpage));
	if ((int64_t)delta != (int32_t)delta)
		e->failed = true;	/* no direct branch or auipc reaches this far */
	else if (delta)
		x_lea(&e->c, W, reg, M(reg, (int32_t)delta));
}

void emit_edge(struct emitter *e, uint64_t target, int how)
{
	struct emit_block *o = e->e;
	struct cold *c;
	unsigned head = how >= 2 ? 2 : 1;
	uint8_t *j;

	if (o->nr_exits == EMIT_MAX_EXITS) {
		e->failed = true;
		return;
	}
	/* the displacement may be rewritten while others run it: inside 8 aligned bytes */
	while ((((uintptr_t)e->c.p + head) & 7) > 4)
		b1(&e->c, 0x90);
	j = how == 0 ? x_jmp(&e->c) : how == 1 ? x_call(&e->c) : x_jcc(&e->c, how - 2);
	c = new_cold(e, COLD_EXIT);
	c->exit = o->nr_exits;
	cold_from(c, j);
	o->exits[o->nr_exits++] = (struct emit_exit){ (uint32_t)(j - 4 - e->c.start), 0, target };
}

/* A vector slot in memory to the slow path's value; rax is free there, vector registers are not. */
static void copy_slot(struct emitter *e, struct mem m, unsigned bytes)
{
	struct mem to = FAST(slow_val);
	unsigned i;

	for (i = 0; i < bytes; i += 8, m.disp += 8, to.disp += 8) {
		x_ld(&e->c, RAX, m);
		x_st(&e->c, to, RAX);
	}
}

static void cold_mem(struct emitter *e, const struct cold *k)
{
	const struct emit_thunks *t = e->e->thunks;

	if (k->store) {
		int r = k->vo.r;

		if (k->konst) {
			r = RAX;
			if (k->pc_value)
				mov_pc(e, RAX, k->cval);
			else
				x_mov_ri(&e->c, RAX, k->cval);
		} else if (k->vo.k == O_IMM) {
			r = RAX;
			x_mov_ri(&e->c, RAX, (uint64_t)(int64_t)k->vo.imm);
		} else if (k->vo.k == O_MEM) {
			r = RAX;
			x_ld(&e->c, RAX, k->vo.m);
		}
		if (k->fp && e->b->tcg->fp_policy == FP_X86) {
			if (k->vo.k == O_MEM)
				copy_slot(e, k->vo.m, 1u << (k->desc & MO_SIZE));
			else
				vec_store(e, k->desc, FAST(slow_val), r);
		} else if (k->fp && r != RAX)
			v_rm(&e->c, 1, 1, 0, 0xd6, r, 0, FAST(slow_val));
		else if (k->fp && k->vo.k == O_REG)	/* xmm0 has rax's number */
			v_rm(&e->c, 1, 1, 0, 0xd6, 0, 0, FAST(slow_val));
		else
			x_st(&e->c, FAST(slow_val), r);
	}
	x_mov_rr(&e->c, RAX, k->addr);
	x_mov_ri(&e->c, RDX, k->desc);
	e->insn_pc = k->pc;
	call_thunk(e, t->mem, true);
	x_fix(x_jcc(&e->c, CC_E), k->back);
	if (k->kind == COLD_GROUP) {
		mov_pc(e, RAX, k->pc);
		jump_thunk(e, t->safe);
		return;
	}
	if (k->fold) {		/* an addend that makes the address that of the value */
		x_lea(&e->c, W, RDX, FAST(slow_vec));
		x_alu_rr(&e->c, ALU_SUB, W, RDX, k->addr);
		x_fix(x_jmp(&e->c), k->back);
		return;
	}
	if (!k->store || k->desc & (MO_AMO | DESC_SC | DESC_CAS)) {
		if (k->fp && e->b->tcg->fp_policy == FP_X86)
			vec_load(e, k->desc, FAST(slow_val), k->dst, k->merge);
		else if (k->fp)
			v_rm(&e->c, 2, 1, 0, 0x7e, k->dst, 0, FAST(slow_val));
		else
			x_ld(&e->c, k->dst, FAST(slow_val));
	}
	x_fix(x_jmp(&e->c), k->after);
}

static void cold_one(struct emitter *e, const struct cold *k)
{
	const struct emit_thunks *t = e->e->thunks;

	switch (k->kind) {
	case COLD_EDGE:
		if (may_link(e, k->pc))
			emit_edge(e, k->pc, 0);
		else
			emit_jc_const(e, k->pc);
		break;
	case COLD_MEM:
	case COLD_GROUP:
		cold_mem(e, k);
		break;
	case COLD_EXIT:
		e->e->exits[k->exit].stub = (uint32_t)(e->c.p - e->c.start);
		x_mov_ri(&e->c, RAX, e->e->first_exit + k->exit);
		jump_thunk(e, t->link);
		break;
	case COLD_JC:
		emit_jc_const(e, k->pc);
		break;
	case COLD_POLL:
		mov_pc(e, RAX, k->pc);
		jump_thunk(e, t->leave_at);
		break;
	case COLD_GUARD:
		mov_pc(e, RAX, k->pc);
		jump_thunk(e, t->guard);
		break;
	case COLD_SAFE:
		mov_pc(e, RAX, k->pc);
		jump_thunk(e, t->safe);
		break;
	case COLD_RET:
		x_mov_rr(&e->c, RAX, k->addr);
		jump_thunk(e, t->ret_miss);
		break;
	case COLD_CALLJC:
		x_fix(x_call(&e->c), rw_of(e, t->lookup));
		x_fix(x_jmp(&e->c), k->back);
		break;
	case COLD_FLAGS_C:
		x_mov_ri(&e->c, RCX, k->cval);
		call_thunk(e, t->call_int, false);
		x_fix(x_jmp(&e->c), k->back);
		break;
	case COLD_NAN:
		v_rm(&e->c, 2, 1, 0, 0x7e, k->dst, 0, k->fp ? FAST(c_nan64) : FAST(c_nan32));
		x_fix(x_jmp(&e->c), k->back);
		break;
	case COLD_SOFT:
		emit_soft_cold(e, k);
		x_fix(x_jmp(&e->c), k->back);
		break;
	}
}

void emit_colds(struct emitter *e)
{
	unsigned i, j;

	e->fl.on = false;
	for (i = 0; i < e->nr_cold && e->c.p < e->c.limit; i++) {
		struct cold k = e->cold[i];

		for (j = 0; j < ARRAY_SIZE(k.jump) && k.jump[j]; j++)
			x_fix(k.jump[j], e->c.p);
		e->lock = e->flock = 0;
		if (k.kind != COLD_NAN && k.kind != COLD_SOFT)	/* those come back, and need none */
			flags_store(e, &k.fl);
		cold_one(e, &k);
	}
}

static void one_op(struct emitter *e, const struct ir_op *op)
{
	if (e->fl.on && ir_opinfo[op->op].dst != '_' && is_slot(e, op->dst))
		flags_before_write(e, op->dst);
	switch (op->op) {
	case IR_NOP:
		return;
	case IR_INSN:
		e->insn_pc = (uint64_t)op->imm;
		if (e->e->nr_marks < EMIT_MAX_MARKS)
			e->e->marks[e->e->nr_marks++] = (uint32_t)(e->c.p - e->c.start);
		return;
	case IR_LD:
	case IR_ST:
	case IR_FLD:
	case IR_FST:
	case IR_AMO:
	case IR_CAS:
	case IR_SC:
	case IR_FENCE:
	case IR_LDS: case IR_STS:
		emit_mem(e, op);
		break;
	case IR_FLAGS:
		emit_flags(e, op);
		break;
	case IR_FLDS: case IR_FSTS:
	case IR_VOP: case IR_VTOI: case IR_ITOV:
		emit_vec(e, op);
		break;
	case IR_CALL:
		emit_call(e, op);
		break;
	case IR_GUARD:
	case IR_BRC:
	case IR_EXIT:
	case IR_CALLD:
	case IR_CALLI:
	case IR_JMPI:
	case IR_RET:
	case IR_EXITFN: case IR_LOOKUP:
		emit_exit_op(e, op);
		break;
	default:
		if (op->op >= IR_FADD || op->op == IR_FMOV)
			emit_fp(e, op);
		else
			emit_int(e, op);
		break;
	}
	op_end(e, op);
}

int emit_block(struct ir_block *b, struct emit_block *o)
{
	static _Thread_local struct emitter *e;
	unsigned i;

	if (!e)
		e = scratch_alloc(sizeof(*e));
	e->b = b;
	e->e = o;
	e->c.start = e->c.p = o->rw;
	e->c.limit = o->rw + o->cap - 512;	/* no single op or stub writes more */
	e->insn_pc = b->pc;
	e->nr_cold = e->nr_groups = 0;
	e->failed = false;
	o->nr_exits = o->nr_faults = o->nr_groups = o->nr_marks = 0;
	o->loops = false;
	if (o->cap < 1024)
		return -ENOSPC;
	if (e->pins_for != b->tcg) {
		pins_of(b->tcg, e->pin);
		e->pins_for = b->tcg;
	}
	if (o->safe)
		memset(e->op_group, 0xff, sizeof(e->op_group[0]) * b->nr_ops);
	else
		find_groups(e);
	regs_begin(e);
	flags_plan(e);

	if (o->pcrel) {		/* from the jump cache: rax is the pc */
		x_alu_ri(&e->c, ALU_AND, W, RAX, -4096);
		x_st(&e->c, HEAD(vpage), RAX);
		while ((uintptr_t)e->c.p & 7)
			b1(&e->c, 0x90);
	}
	o->entry = (uint32_t)(e->c.p - e->c.start);
	b4(&e->c, 0x00441f0f);	/* 5-byte nop: becomes a jump when the block dies */
	b1(&e->c, 0);
	for (i = 0; i < b->nr_ops && e->c.p < e->c.limit && !e->failed; i++) {
		e->op_index = i;
		one_op(e, &b->ops[i]);
	}
	o->cold = (uint32_t)(e->c.p - e->c.start);
	if (!e->failed)
		emit_colds(e);
	o->invalid = (uint32_t)(e->c.p - e->c.start);
	mov_pc(e, RAX, b->pc);
	jump_thunk(e, o->thunks->find);
	if (e->failed)
		return -E2BIG;
	if (e->c.p >= e->c.limit)
		return -ENOSPC;
	o->size = (size_t)(e->c.p - e->c.start);
	return 0;
}

void emit_patch_edge(uint8_t *rw_field, ptrdiff_t rx_delta, const void *target)
{
	int32_t d = (int32_t)((const uint8_t *)target - (rw_field + rx_delta + 4));

	/* inside 8 aligned bytes (emit_edge): one store, seen whole or not at all */
	__atomic_store_n((int32_t *)(void *)rw_field, d, __ATOMIC_RELEASE);
}

void emit_patch_invalid(uint8_t *rw_entry, ptrdiff_t rx_delta, const void *stub)
{
	int32_t d = (int32_t)((const uint8_t *)stub - (rw_entry + rx_delta + 5));
	uint64_t v;

	memcpy(&v, rw_entry, 8);
	v = (v & ~UINT64_C(0xffffffffff)) | 0xe9 | (uint64_t)(uint32_t)d << 8;
	__atomic_store_n((uint64_t *)(void *)rw_entry, v, __ATOMIC_RELEASE);
}
