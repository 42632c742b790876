/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loop over a block's operations, memory, and the ways out. Values of pure
 * operations come from alu.c and fp.c.
 *
 * All addresses in a block are in terms of b->pc. The block may have been entered
 * through another mapping of the same physical page: run.delta is the difference.
 */
#include "tcg/interp/interp.h"

#include "tcg/isa_tcg.h"
#include "tcg/build.h"
#include "tcg/interp/eval.h"
#include "tcg/interp/vec.h"
#include "util/bits.h"
#include "util/softfloat/softfloat.h"

#include <errno.h>
#include <string.h>

enum step { STEP_NEXT, STEP_PC, STEP_LEAVE, STEP_FAULT, STEP_BAD };

struct run {
	const struct ir_block *b;
	const struct isa_tcg *tcg;
	const struct interp_mem *m;
	char *state;
	uint64_t delta;
	uint64_t pc;			/* where STEP_PC goes */
	uint64_t tmp[IR_MAX_VALS];
	union vreg vtmp[IR_MAX_VALS];	/* floating temporaries where they are vectors: FP_X86 */
};

static uint64_t *slot(struct run *r, ir_val v)
{
	return (uint64_t *)(void *)(r->state + r->tcg->slots[v].off);
}

static uint64_t get(struct run *r, ir_val v)
{
	unsigned n = v - r->b->nr_slots;

	if (v < r->b->nr_slots)
		return *slot(r, v);
	if (n >= r->b->nr_vals)
		return 0;		/* IR_NONE of an operation with fewer arguments */
	switch (r->b->vals[n].kind) {
	case VAL_CONST:
		return r->b->vals[n].cval;
	case VAL_PC:
		return r->b->vals[n].cval + r->delta;
	default:
		return r->tmp[n];
	}
}

static void set(struct run *r, ir_val v, uint64_t x)
{
	if (v < r->b->nr_slots)
		*slot(r, v) = x;
	else if (v != IR_NONE)
		r->tmp[v - r->b->nr_slots] = x;
}

static void set_pc(struct run *r, uint64_t pc)
{
	st_64(r->state + r->tcg->pc_off, pc);
}

static enum step go(struct run *r, uint64_t pc)
{
	r->pc = pc;
	return STEP_PC;
}

static uint64_t extend_memop(uint64_t v, uint32_t memop)
{
	unsigned bits = 8u << (memop & MO_SIZE);

	return memop & MO_SIGN ? (uint64_t)sext(v, bits) : v & mask_bits(bits);
}

/* --- memory --- */

static enum step run_load(struct run *r, const struct ir_op *op)
{
	uint64_t v;

	if (r->m->load(r->m->opaque, get(r, op->a) + (uint64_t)(int64_t)op->off, op->memop, &v))
		return STEP_FAULT;
	if (op->op == IR_LD)
		set(r, op->dst, extend_memop(v, op->memop));
	else if ((op->memop & MO_SIZE) == MO_32)
		set(r, op->dst, interp_fp_box((uint32_t)v, r->tcg->fp_policy));
	else
		set(r, op->dst, v);
	return STEP_NEXT;
}

static enum step run_store(struct run *r, const struct ir_op *op)
{
	uint64_t va = get(r, op->a) + (uint64_t)(int64_t)op->off;

	return r->m->store(r->m->opaque, va, op->memop, get(r, op->b)) ? STEP_FAULT : STEP_NEXT;
}

static enum step run_amo(struct run *r, const struct ir_op *op)
{
	uint64_t old;

	if (r->m->amo(r->m->opaque, get(r, op->a), (enum ir_amo)op->off, get(r, op->b), op->memop,
		      &old))
		return STEP_FAULT;
	set(r, op->dst, extend_memop(old, op->memop));
	return STEP_NEXT;
}

static enum step run_cas(struct run *r, const struct ir_op *op)
{
	uint64_t old;

	if (r->m->cas(r->m->opaque, get(r, op->a), get(r, op->b), get(r, op->c), op->aux, &old))
		return STEP_FAULT;
	set(r, op->dst, extend_memop(old, op->aux));
	return STEP_NEXT;
}

/*
 * A reservation is an address and the value that was there: the store happens if the
 * value still is. It is gone afterwards. Without one memory is not touched, except
 * that a misaligned address must fault whatever is reserved.
 */
static enum step run_sc(struct run *r, const struct ir_op *op)
{
	uint64_t va = get(r, op->a), mask = mask_bits(8u << (op->memop & MO_SIZE)), old;
	char *resv_addr = r->state + r->tcg->resv_addr_off;
	uint64_t expect = ld_64(r->state + r->tcg->resv_val_off) & mask;
	bool misaligned = va & (mask_bits(op->memop & MO_SIZE));
	bool fail = ld_64(resv_addr) != va;

	if (!fail || (misaligned && op->memop & MO_ALIGN)) {
		if (r->m->cas(r->m->opaque, va, expect, get(r, op->b), op->memop, &old))
			return STEP_FAULT;
		fail |= (old & mask) != expect;
	}
	st_64(resv_addr, UINT64_MAX);
	set(r, op->dst, fail);
	return STEP_NEXT;
}

/* --- vectors --- */

static bool vectors(const struct run *r)
{
	return r->tcg->fp_policy == FP_X86;
}

static void vget(const struct run *r, ir_val v, union vreg *out)
{
	if (v == IR_NONE)
		memset(out, 0, sizeof(*out));
	else if (v < r->b->nr_slots)
		memcpy(out, r->state + r->tcg->slots[v].off, sizeof(*out));
	else
		*out = r->vtmp[v - r->b->nr_slots];
}

/* merge: bits 255:128 of a slot stay. */
static void vset(struct run *r, ir_val v, const union vreg *x, bool merge)
{
	if (v < r->b->nr_slots)
		memcpy(r->state + r->tcg->slots[v].off, x, merge ? 16 : 32);
	else if (v != IR_NONE)
		r->vtmp[v - r->b->nr_slots] = *x;
}

static enum step run_vec_memory(struct run *r, const struct ir_op *op)
{
	uint64_t va = get(r, op->a) + (uint64_t)(int64_t)op->off;
	bool write = op->op == IR_FST, wide = (op->memop & MO_SIZE) > MO_64;
	union vreg v = { 0 };
	int fault;

	if (write)
		vget(r, op->b, &v);
	if (wide && !r->m->vec)
		return STEP_BAD;
	fault = wide  ? r->m->vec(r->m->opaque, va, op->memop, write, v.q) :
		write ? r->m->store(r->m->opaque, va, op->memop, v.q[0]) :
			r->m->load(r->m->opaque, va, op->memop, &v.q[0]);
	if (fault)
		return STEP_FAULT;
	if (!write) {
		if (!wide)
			v.q[0] = extend_memop(v.q[0], op->memop);
		vset(r, op->dst, &v, op->memop & MO_VMERGE);
	}
	return STEP_NEXT;
}

static enum step run_vec_field(struct run *r, const struct ir_op *op)
{
	unsigned size = 1u << (op->memop & MO_SIZE);
	union vreg v = { 0 };

	if (op->op == IR_FLDS) {
		memcpy(&v, r->state + op->off, size);
		vset(r, op->dst, &v, false);
	} else {
		vget(r, op->a, &v);
		memcpy(r->state + op->off, &v, size);
	}
	return STEP_NEXT;
}

/* ZEROUPPER, ZEROALL */
static void zero_slots(struct run *r, bool all, unsigned count)
{
	unsigned i, n = 0;

	for (i = 0; i < r->tcg->nr_slots; i++)
		if (r->tcg->slots[i].fp == 2 && (!count || n++ < count))
			memset(r->state + r->tcg->slots[i].off + (all ? 0 : 16), 0, all ? 32 : 16);
}

static enum step run_vec(struct run *r, const struct ir_op *op)
{
	struct cpu_head *head = CPU_HEAD(r->state);
	struct sf_env env = interp_vec_env(head->fp_round);
	union vreg in[3] = { 0 }, out;
	uint64_t x;

	if (op->dst == IR_NONE) {
		zero_slots(r, VOP_OP(op->aux) == VOP_ZEROALL, VOP_IMM(op->aux));
		return STEP_NEXT;
	}
	vget(r, op->a, &in[0]);
	if (op->op != IR_ITOV)
		vget(r, op->b, &in[1]);
	if (op->op == IR_VOP)
		vget(r, op->c, &in[2]);
	x = interp_vec(op->aux, &out, in, op->op == IR_ITOV ? get(r, op->b) : 0, &env);
	if (op->op == IR_VTOI)
		set(r, op->dst, x);
	else
		vset(r, op->dst, &out, VOP_MODE(op->aux) == V_MERGE);
	head->fp_flags |= env.flags;
	return STEP_NEXT;
}

static enum step run_memory(struct run *r, const struct ir_op *op)
{
	switch (op->op) {
	case IR_FLD: case IR_FST:
		if (vectors(r))
			return run_vec_memory(r, op);
		return (op->op == IR_FLD ? run_load : run_store)(r, op);
	case IR_LD:
		return run_load(r, op);
	case IR_ST:
		return run_store(r, op);
	case IR_AMO:
		return run_amo(r, op);
	case IR_CAS:
		return run_cas(r, op);
	case IR_SC:
		return run_sc(r, op);
	default:
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		return STEP_NEXT;
	}
}

/* Fields of the state itself: host byte order. */
static enum step run_field(struct run *r, const struct ir_op *op)
{
	char *p = r->state + op->off;
	uint64_t v = op->op == IR_STS ? get(r, op->a) : 0;

	switch (op->memop & MO_SIZE) {
	case MO_8:
		if (op->op == IR_STS)
			*(uint8_t *)p = (uint8_t)v;
		else
			v = *(uint8_t *)p;
		break;
	case MO_16:
		if (op->op == IR_STS)
			st_16(p, (uint16_t)v);
		else
			v = ld_16(p);
		break;
	case MO_32:
		if (op->op == IR_STS)
			st_32(p, (uint32_t)v);
		else
			v = ld_32(p);
		break;
	default:
		if (op->op == IR_STS)
			st_64(p, v);
		else
			v = ld_64(p);
	}
	if (op->op == IR_LDS)
		set(r, op->dst, extend_memop(v, op->memop));
	return STEP_NEXT;
}

/* At once: what back ends do late is none of the reference's business. */
static enum step run_flags(struct run *r, const struct ir_op *op)
{
	const ir_val v[3] = { op->a, op->b, op->c };

	r->state[r->tcg->flags_op_off] = (char)op->aux;
	for (unsigned i = 0; i < 3; i++)
		if (v[i] != IR_NONE)
			st_64(r->state + r->tcg->flags_off[i], get(r, v[i]));
	return STEP_NEXT;
}

/* --- floating point --- */

static enum step run_fp(struct run *r, const struct ir_op *op)
{
	unsigned rm = op->aux & 7;
	struct sf_env env = {
		.round = (uint8_t)(rm == IR_RM_DYN ? r->b->round : rm),
		.nan = SF_NAN_DEFAULT,
	};
	const struct ir_opinfo *info = &ir_opinfo[op->op];
	uint64_t a = get(r, op->a);
	uint64_t b = info->b == '_' ? 0 : get(r, op->b);
	uint64_t c = info->c == '_' ? 0 : get(r, op->c);

	set(r, op->dst, interp_fp(op, a, b, c, &env, r->tcg->fp_policy));
	CPU_HEAD(r->state)->fp_flags |= env.flags & ~SF_DENORM;	/* RISC-V has no such flag */
	return STEP_NEXT;
}

/* --- leaving --- */

static enum step run_helper(struct run *r, const struct ir_op *op)
{
	struct cpu_head *head = CPU_HEAD(r->state);
	uint64_t v;

	if (op->op == IR_EXITFN) {
		((ir_leave)(uintptr_t)op->imm)(r->state, get(r, op->a), get(r, op->b));
		return STEP_LEAVE;
	}
	v = ((ir_helper)(uintptr_t)op->imm)(r->state, get(r, op->a), get(r, op->b));
	if (op->ty & IRH_LEAVE && head->leave)
		return STEP_LEAVE;
	set(r, op->dst, v);
	return STEP_NEXT;
}

static enum step run_control(struct run *r, const struct ir_op *op)
{
	uint64_t target = (uint64_t)op->imm + r->delta;

	switch (op->op) {
	case IR_GUARD:
		if (*(uint8_t *)(r->state + op->off) == op->aux)
			return STEP_NEXT;
		r->tcg->guard_fail(r->state);
		return STEP_LEAVE;
	case IR_BRC:
		return interp_cond(op->ty, get(r, op->a), get(r, op->b)) ? go(r, target) :
									   STEP_NEXT;
	case IR_EXIT: case IR_CALLD: case IR_LOOKUP:
		return go(r, target);
	case IR_CALLI: case IR_JMPI: case IR_RET:
		return go(r, get(r, op->a));
	default:
		return STEP_BAD;
	}
}

/* --- the block --- */

static enum step run_op(struct run *r, const struct ir_op *op)
{
	switch (op->op) {
	case IR_NOP:
		return STEP_NEXT;
	case IR_INSN:
		set_pc(r, (uint64_t)op->imm + r->delta);
		return STEP_NEXT;
	case IR_SETC:
		set(r, op->dst, interp_cond(op->ty, get(r, op->a), get(r, op->b)));
		return STEP_NEXT;
	case IR_SELECT:
		set(r, op->dst, get(r, interp_cond(op->ty, get(r, op->a), get(r, op->b)) ?
				       op->c : op->d));
		return STEP_NEXT;
	case IR_FLDS: case IR_FSTS:
		return run_vec_field(r, op);
	case IR_VOP: case IR_VTOI: case IR_ITOV:
		return run_vec(r, op);
	case IR_FMOV:
		if (vectors(r)) {
			union vreg v;

			vget(r, op->a, &v);
			vset(r, op->dst, &v, false);
			return STEP_NEXT;
		}
		set(r, op->dst, get(r, op->a));
		return STEP_NEXT;
	case IR_LDS: case IR_STS:
		return run_field(r, op);
	case IR_FLAGS:
		return run_flags(r, op);
	case IR_ADDC:
		set(r, op->dst, interp_alu(IR_ADD, IR_TYPE(op->ty), get(r, op->a) + get(r, op->b),
					   get(r, op->c) & 1));
		return STEP_NEXT;
	case IR_SUBC:
		set(r, op->dst, interp_alu(IR_SUB, IR_TYPE(op->ty), get(r, op->a) - get(r, op->b),
					   get(r, op->c) & 1));
		return STEP_NEXT;
	case IR_CALL: case IR_EXITFN:
		return run_helper(r, op);
	}
	if (op->op <= IR_MAXU) {
		set(r, op->dst, interp_alu(op->op, IR_TYPE(op->ty), get(r, op->a),
					   ir_opinfo[op->op].b == '_' ? 0 : get(r, op->b)));
		return STEP_NEXT;
	}
	if (op->op <= IR_FENCE)
		return run_memory(r, op);
	if (op->op >= IR_FADD && op->op < IR_NR_OPS)
		return run_fp(r, op);
	return run_control(r, op);
}

int interp_run(const struct ir_block *b, void *state, const struct interp_mem *m,
	       struct interp_result *result)
{
	enum step step = STEP_NEXT;
	struct run r;
	unsigned i;

	r.b = b;
	r.tcg = b->tcg;
	r.m = m;
	r.state = state;
	r.delta = ld_64(r.state + b->tcg->pc_off) - b->pc;
	result->insns = 0;
	for (i = 0; i < b->nr_ops && step == STEP_NEXT; i++) {
		if (b->ops[i].op == IR_INSN && result->insns++ && m->stop && m->stop(m->opaque)) {
			step = go(&r, (uint64_t)b->ops[i].imm + r.delta);
			break;
		}
		step = run_op(&r, &b->ops[i]);
	}
	switch (step) {
	case STEP_PC:
		set_pc(&r, r.pc);
		result->how = INTERP_PC;
		result->pc = r.pc;
		return 0;
	case STEP_LEAVE:
		result->how = INTERP_LEAVE;
		return 0;
	case STEP_FAULT:
		result->how = INTERP_FAULT;
		return 0;
	default:
		return -EINVAL;
	}
}

uint64_t interp_amo_value(enum ir_amo kind, uint64_t old, uint64_t v, uint32_t memop)
{
	unsigned bits = 8u << (memop & MO_SIZE);
	int64_t so = sext(old, bits), sv = sext(v, bits);
	uint64_t uo = old & mask_bits(bits), uv = v & mask_bits(bits);

	switch (kind) {
	case AMO_SWAP:
		return uv;
	case AMO_ADD:
		return (uo + uv) & mask_bits(bits);
	case AMO_AND:
		return uo & uv;
	case AMO_OR:
		return uo | uv;
	case AMO_XOR:
		return uo ^ uv;
	case AMO_MINS:
		return so < sv ? uo : uv;
	case AMO_MAXS:
		return so > sv ? uo : uv;
	case AMO_MINU:
		return uo < uv ? uo : uv;
	case AMO_MAXU:
		return uo > uv ? uo : uv;
	}
	return uv;
}
