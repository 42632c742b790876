/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a program to a block through the builder; and smaller programs that still fail. */
#include "tests/ir/prog.h"

#include <string.h>

struct build {
	const struct prog *p;
	struct ir_block *b;
	enum prog_consts consts;
	uint64_t from;			/* the block begins with the instruction there */
	ir_val result[PROG_STEPS];	/* of steps with a temporary as destination */
	enum ir_type result_type[PROG_STEPS];
	uint64_t pc;
	bool wrote_slot;		/* the instruction has results already */
	bool stored, acted;		/* to memory; in another way that cannot be repeated */
};

static void begin_block(struct build *s)
{
	ir_begin(s->b, &tm_isa, s->pc, 0);
	s->b->round = s->p->round;
}

/* Temporaries end with their instruction: execution may be resumed at any of them. */
static void begin_insn(struct build *s)
{
	memset(s->result, 0xff, sizeof(s->result));
	if (s->pc == s->from)
		begin_block(s);
	ir_insn(s->b, s->pc, 4);
	s->pc += 4;
	s->wrote_slot = s->stored = s->acted = false;
}

static ir_val constant(struct build *s, unsigned n)
{
	ir_val t;

	if (s->consts == PROG_KNOWN)
		return s->p->const_is_pc[n] ? ir_pc(s->b, s->p->consts[n]) :
					      ir_const(s->b, s->p->consts[n]);
	t = ir_tmp(s->b);
	ir_lds(s->b, t, offsetof(struct tm_state, field) + 8 * n, MO_64);
	return t;
}

/*
 * Floating temporaries are read as the type they were written: whether an F32 is boxed is
 * looked at in slots only.
 */
static enum ir_type operand_type(const struct prog_step *step, char kind)
{
	if (kind != 'f')
		return IR_I64;
	if (step->op == IR_FST || step->op == IR_FLD)
		return step->memop == MO_32 ? IR_F32 : IR_F64;
	return IR_TYPE(step->ty);
}

static enum ir_type result_type(const struct prog_step *step)
{
	if (step->op == STEP_LR || ir_opinfo[step->op].dst != 'f')
		return IR_I64;
	if (step->op == IR_F2F)
		return IR_TYPE(step->ty) == IR_F32 ? IR_F64 : IR_F32;
	return operand_type(step, 'f');
}

static ir_val value(struct build *s, uint16_t ref, enum ir_type type)
{
	unsigned n = ref & 0xff;

	if (ref >= REF_STEP(0) && ref - REF_STEP(0) < PROG_STEPS &&
	    s->result[ref - REF_STEP(0)] != IR_NONE && s->result_type[ref - REF_STEP(0)] == type)
		return s->result[ref - REF_STEP(0)];
	if (ref >= REF_CONST(0) && ref < REF_STEP(0) && type == IR_I64)
		return constant(s, n);
	return type == IR_I64 ? TM_X(n % TM_INTS) : TM_F(n % TM_FLOATS);
}

static ir_val operand(struct build *s, const struct prog_step *step, uint16_t ref, char kind)
{
	return value(s, ref, operand_type(step, kind));
}

static ir_val destination(struct build *s, unsigned i)
{
	const struct prog_step *step = &s->p->steps[i];
	enum ir_type type = result_type(step);
	bool fp = type != IR_I64;

	if (step->op < IR_NR_OPS && ir_opinfo[step->op].dst == '_')
		return IR_NONE;
	if (step->dst < REF_STEP(0)) {
		s->wrote_slot = true;
		return fp ? TM_F(step->dst) : TM_X(step->dst);
	}
	s->result[i] = fp ? ir_ftmp(s->b) : ir_tmp(s->b);
	s->result_type[i] = type;
	return s->result[i];
}

static void build_lr(struct build *s, const struct prog_step *step, ir_val dst, ir_val a)
{
	ir_val t = ir_tmp(s->b);

	ir_ld(s->b, t, a, 0, step->memop | MO_ACQ);
	ir_sts(s->b, offsetof(struct tm_state, resv_addr), a, MO_64);
	ir_sts(s->b, offsetof(struct tm_state, resv_val), t, MO_64);
	ir_mov(s->b, dst, t);
}

static ir_helper helper_of(unsigned irh)
{
	if (irh & IRH_LEAVE)
		return tm_helper_leave;
	return irh & IRH_SYNC ? tm_helper_sync : tm_helper_pure;
}

static void build_memory(struct build *s, const struct prog_step *step, ir_val dst, ir_val a)
{
	ir_val b = operand(s, step, step->b, step->op == IR_FST ? 'f' : 'i');

	switch (step->op) {
	case IR_LD:
		ir_ld(s->b, dst, a, step->off, step->memop);
		break;
	case IR_ST:
		ir_st(s->b, a, step->off, b, step->memop);
		break;
	case IR_FLD:
		ir_fld(s->b, dst, a, step->off, step->memop);
		break;
	case IR_FST:
		ir_fst(s->b, a, step->off, b, step->memop);
		break;
	case IR_AMO:
		ir_amo(s->b, (enum ir_amo)step->off, dst, a, b, step->memop);
		break;
	case IR_CAS:
		ir_cas(s->b, dst, a, b, operand(s, step, step->c, 'i'), step->memop);
		break;
	case IR_SC:
		ir_sc(s->b, dst, a, b, step->memop);
		break;
	default:
		build_lr(s, step, dst, a);
	}
}

static void build_other(struct build *s, const struct prog_step *step, ir_val dst)
{
	const struct ir_opinfo *info = &ir_opinfo[step->op];
	ir_val a = operand(s, step, step->a, info->a), b = operand(s, step, step->b, info->b);

	switch (step->op) {
	case IR_MOV: case IR_FMOV:
		ir_mov(s->b, dst, a);
		break;
	case IR_SETC:
		ir_setc(s->b, IR_CC(step->ty), IR_TYPE(step->ty), dst, a, b);
		break;
	case IR_SELECT:
		ir_select(s->b, IR_CC(step->ty), IR_TYPE(step->ty), dst, a, b,
			  operand(s, step, step->c, 'i'), operand(s, step, step->d, 'i'));
		break;
	case IR_ADDC: case IR_SUBC:
		ir_op3(s->b, step->op, step->ty, dst, a, b, operand(s, step, step->c, 'i'));
		break;
	case IR_FLAGS:
		ir_flags(s->b, step->memop, a, b, operand(s, step, step->c, 'i'));
		s->acted = true;
		break;
	case IR_FENCE:
		ir_fence(s->b, step->memop);
		break;
	case IR_LDS:
		ir_lds(s->b, dst, offsetof(struct tm_state, word), step->memop);
		break;
	case IR_STS:
		ir_sts(s->b, offsetof(struct tm_state, word), a, step->memop & MO_SIZE);
		break;
	case IR_CALL:
		ir_call(s->b, step->ty, dst, helper_of(step->ty), a, b);
		break;
	case IR_GUARD:
		ir_guard(s->b, offsetof(struct tm_state, guard), (uint8_t)step->memop);
		break;
	case IR_BRC:
		ir_brc(s->b, IR_CC(step->ty), IR_TYPE(step->ty), a, b,
		       TM_PC + (uint64_t)(int32_t)step->memop);
		break;
	default:
		if (step->op >= IR_FADD)
			ir_fop(s->b, step->op, step->ty, dst, a, info->b == '_' ? IR_NONE : b,
			       info->c == '_' ? IR_NONE : operand(s, step, step->c, 'f'),
			       step->memop);
		else if (info->b == '_')
			ir_op1(s->b, step->op, step->ty, dst, a);
		else
			ir_op2(s->b, step->op, step->ty, dst, a, b);
	}
}

/*
 * Back ends may leave at these and start the instruction anew (`safe` variant), so that
 * nothing may have happened before. A store may precede a memory access (cbo.zero).
 */
static bool needs_fresh(const struct build *s, const struct prog_step *step, bool memory)
{
	if (step->fresh || s->b->nr_insns == 0)
		return true;
	if (memory)
		return s->wrote_slot || s->acted;
	if (step->op >= IR_FADD || step->op == IR_GUARD || step->op == IR_CALL ||
	    step->op == IR_BRC)
		return s->wrote_slot || s->acted || s->stored;
	return false;
}

static void build_step(struct build *s, unsigned i)
{
	const struct prog_step *step = &s->p->steps[i];
	bool memory = step->op == STEP_LR || (step->op >= IR_LD && step->op <= IR_SC);

	if (step->op == IR_NOP)
		return;
	if (needs_fresh(s, step, memory))
		begin_insn(s);
	if (memory) {
		ir_val a = operand(s, step, step->a, 'i');

		build_memory(s, step, destination(s, i), a);
		s->stored |= step->op == IR_ST || step->op == IR_FST;
		s->acted |= step->op == STEP_LR || step->op == IR_AMO || step->op == IR_CAS ||
			    step->op == IR_SC;
		return;
	}
	build_other(s, step, destination(s, i));
	s->acted |= step->op == IR_CALL || step->op == IR_STS;
}

static void build_end(struct build *s)
{
	const struct prog *p = s->p;
	ir_val v = value(s, p->end_arg, IR_I64);

	begin_insn(s);
	/* no ISA has odd addresses of instructions: the jump cache's empty entries rely on it */
	if (p->end == IR_CALLI || p->end == IR_JMPI || p->end == IR_RET)
		v = ir_get2(s->b, IR_AND, IR_I64, v, ir_const(s->b, ~UINT64_C(1)));
	switch (p->end) {
	case IR_CALLD:
		ir_call_direct(s->b, TM_PC + 0x800, 4);
		break;
	case IR_CALLI:
		ir_call_ind(s->b, v, s->pc);
		break;
	case IR_JMPI:
		ir_jmp_ind(s->b, v);
		break;
	case IR_RET:
		ir_ret(s->b, v);
		break;
	case IR_EXITFN:
		ir_exit_fn(s->b, tm_exit_fn, v, TM_X(1));
		break;
	case IR_LOOKUP:
		ir_lookup(s->b, TM_PC + 0x900);
		break;
	default:
		ir_exit(s->b, TM_PC + 0xa00);
	}
}

void prog_build_from(const struct prog *p, struct ir_block *b, enum prog_consts consts, uint64_t pc)
{
	struct build s = { .p = p, .b = b, .consts = consts, .pc = TM_PC, .from = pc };
	unsigned i;

	begin_block(&s);
	for (i = 0; i < p->nr_steps; i++)
		build_step(&s, i);
	build_end(&s);
}

void prog_build(const struct prog *p, struct ir_block *b, enum prog_consts consts)
{
	prog_build_from(p, b, consts, TM_PC);
}

static bool try_without(struct prog *p, unsigned from, unsigned n,
			bool (*fails)(const struct prog *, void *), void *opaque)
{
	static struct prog q;
	unsigned i;

	q = *p;
	for (i = from; i < from + n && i < q.nr_steps; i++)
		q.steps[i].op = IR_NOP;
	if (!fails(&q, opaque))
		return false;
	*p = q;
	return true;
}

void prog_shrink(struct prog *p, bool (*fails)(const struct prog *, void *), void *opaque)
{
	unsigned n, i;
	struct prog q;

	for (n = p->nr_steps / 2; n >= 1; n /= 2) {
		for (i = 0; i < p->nr_steps; i += n)
			try_without(p, i, n, fails, opaque);
	}
	q = *p;
	q.end = IR_EXIT;
	if (fails(&q, opaque))
		*p = q;
}
