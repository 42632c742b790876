/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every block must satisfy, whoever built or changed it. Run by tests and,
 * in debugging builds, between passes; the emitter may rely on all of it.
 */
#include "tcg/ir.h"

#include "tcg/isa_tcg.h"
#include "tcg/vec.h"

#include <stdarg.h>
#include <string.h>

struct check {
	const struct ir_block *b;
	unsigned i;			/* index of the operation */
	uint8_t defined[IR_MAX_VALS];
	bool acted;			/* the instruction did what cannot be repeated */
	uint64_t insn_pc;
};

static _Thread_local char message[160];

__attribute__((format(printf, 2, 3)))
static const char *bad(const struct check *c, const char *fmt, ...)
{
	const struct ir_op *op = &c->b->ops[c->i];
	va_list ap;
	int n;

	n = snprintf(message, sizeof(message), "op %u (%s): ", c->i,
		     op->op < IR_NR_OPS ? ir_opinfo[op->op].name : "?");
	va_start(ap, fmt);
	vsnprintf(message + n, sizeof(message) - (size_t)n, fmt, ap);
	va_end(ap);
	return message;
}

/* Vector slots are for vector operations; moves and memory know both kinds. */
static bool right_slot(uint8_t op, uint8_t fp)
{
	if (op == IR_VOP || op == IR_VTOI || op == IR_ITOV || op == IR_FLDS || op == IR_FSTS)
		return fp != 1;
	return fp != 2 || op < IR_FADD;
}

static const char *check_use(struct check *c, char kind, ir_val v, const char *which)
{
	const struct ir_block *b = c->b;
	unsigned n = v - b->nr_slots;
	uint8_t op = b->ops[c->i].op;

	if (kind == '_')
		return NULL;
	if (v == IR_NONE) {
		if (op == IR_CALL || op == IR_EXITFN || op == IR_FLAGS || op == IR_VOP ||
		    op == IR_VTOI || op == IR_ITOV)
			return NULL;	/* fewer arguments */
		return bad(c, "%s missing", which);
	}
	if (v < b->nr_slots) {
		if ((kind == 'f') != (b->tcg->slots[v].fp != 0) ||
		    !right_slot(op, b->tcg->slots[v].fp))
			return bad(c, "%s: slot %s of the wrong kind", which,
				   b->tcg->slots[v].name);
		return NULL;
	}
	if (n >= b->nr_vals)
		return bad(c, "%s: no value %u", which, v);
	switch (b->vals[n].kind) {
	case VAL_CONST:
	case VAL_PC:
		return kind == 'i' ? NULL : bad(c, "%s: constant as floating value", which);
	case VAL_TMP:
	case VAL_FTMP:
		if ((kind == 'f') != (b->vals[n].kind == VAL_FTMP))
			return bad(c, "%s: temporary %u of the wrong kind", which, n);
		return c->defined[n] ? NULL : bad(c, "%s: temporary %u used before set", which, n);
	}
	return bad(c, "%s: value %u of kind %u", which, n, b->vals[n].kind);
}

/* Operations that may drop their result and still have to be executed. */
static bool may_drop(uint8_t op)
{
	return op == IR_CALL || op == IR_VOP;	/* others write to a temporary that nobody reads */
}

static const char *check_def(struct check *c, char kind, ir_val v)
{
	const struct ir_block *b = c->b;
	unsigned n = v - b->nr_slots;

	if (kind == '_')
		return NULL;
	if (v == IR_NONE)
		return may_drop(b->ops[c->i].op) ? NULL : bad(c, "destination missing");
	if (v < b->nr_slots) {
		if ((kind == 'f') != (b->tcg->slots[v].fp != 0) ||
		    !right_slot(b->ops[c->i].op, b->tcg->slots[v].fp))
			return bad(c, "destination %s of the wrong kind", b->tcg->slots[v].name);
		c->acted = true;
		return NULL;
	}
	if (n >= b->nr_vals)
		return bad(c, "destination: no value %u", v);
	if (b->vals[n].kind != (kind == 'f' ? VAL_FTMP : VAL_TMP))
		return bad(c, "destination %u is no temporary of the right kind", n);
	if (c->defined[n])
		return bad(c, "temporary %u set twice", n);
	c->defined[n] = 1;
	return NULL;
}

static const char *check_vec(struct check *c, const struct ir_op *op)
{
	static const uint8_t kind[] = { [IR_VOP - IR_VOP] = VK_VOP,
					[IR_VTOI - IR_VOP] = VK_VTOI,
					[IR_ITOV - IR_VOP] = VK_ITOV };
	unsigned n = VOP_OP(op->aux);
	const struct vec_info *v;
	bool a, b, x;

	if (n == VOP_NONE || n >= VOP_NR || vec_info[n].kind != kind[op->op - IR_VOP])
		return bad(c, "vector operation %u", n);
	v = &vec_info[n];
	if (op->aux >> 24 || op->aux & 0xc000 || !vec_mode_ok(n, VOP_MODE(op->aux)))
		return bad(c, "%s: aux 0x%x", v->name, op->aux);
	a = v->nargs >= 1;
	b = v->nargs >= 2;
	x = v->nargs >= 3;
	if (op->op == IR_ITOV) {	/* the integer always, a where there is a rest */
		a = b;
		b = true;
	}
	if ((op->a != IR_NONE) != a || (op->b != IR_NONE) != b ||
	    (op->op == IR_VOP && (op->c != IR_NONE) != x))
		return bad(c, "%s: wrong operands", v->name);
	if ((op->dst != IR_NONE) != (op->op != IR_VOP || v->nargs > 0))
		return bad(c, "%s: %s destination", v->name, op->dst == IR_NONE ? "no" : "a");
	return NULL;
}

static const char *check_type(struct check *c, const struct ir_op *op)
{
	enum ir_type ty = IR_TYPE(op->ty);
	bool fp = ty == IR_F32 || ty == IR_F64;

	switch (op->op) {
	case IR_SETC: case IR_SELECT: case IR_BRC:
		if (IR_CC(op->ty) > IR_GTU)
			return bad(c, "condition %u", IR_CC(op->ty));
		return ty <= IR_I32S ? NULL : bad(c, "type %u", ty);
	case IR_FLAGS:
		return c->b->tcg->has_flags && op->aux <= 255 ? NULL : bad(c, "flags %u", op->aux);
	case IR_MULHU: case IR_MULHS: case IR_MULHSU: case IR_ORCB: case IR_INS8: case IR_INS8H:
	case IR_INS16: case IR_EXT8H:
		return op->ty == IR_I64 ? NULL : bad(c, "64 bits only");
	case IR_FCMP:
		if ((op->aux & 3) > IR_FLE || op->aux & ~7u)
			return bad(c, "comparison %u", op->aux);
		return fp ? NULL : bad(c, "type %u", ty);
	case IR_FSGNJ:
		return fp && op->aux <= 2 ? NULL : bad(c, "type %u, sign rule %u", ty, op->aux);
	case IR_F2I: case IR_I2F:
		if (op->aux & ~0x307u)
			return bad(c, "aux 0x%x", op->aux);
		/* fall through */
	case IR_FADD: case IR_FSUB: case IR_FMUL: case IR_FDIV: case IR_FSQRT: case IR_FMADD:
	case IR_F2F:
		/* 5: round to odd is no guest's; 6 is nobody's */
		if ((op->aux & 7) == 5 || (op->aux & 7) == 6)
			return bad(c, "rounding %u", op->aux & 7);
		return fp ? NULL : bad(c, "type %u", ty);
	case IR_VOP: case IR_VTOI: case IR_ITOV:
		return check_vec(c, op);
	case IR_FMIN: case IR_FMAX: case IR_FCLASS: case IR_FMVXF: case IR_FMVFX:
		return fp ? NULL : bad(c, "type %u", ty);
	}
	if (op->op >= IR_ADD && op->op <= IR_MAXU)
		return op->ty <= IR_I32S ? NULL : bad(c, "type 0x%x", op->ty);
	return NULL;
}

/*
 * Memory operations: the descriptor. And nothing of the instruction may have become visible
 * before one, nor before a floating operation: back ends start an instruction anew when an
 * assumption (a boxed operand, a shared check) does not hold.
 */
static const char *check_access(struct check *c, const struct ir_op *op)
{
	uint32_t memop = op->op == IR_CAS ? op->aux : op->memop;
	uint32_t size = memop & MO_SIZE;

	switch (op->op) {
	case IR_LDS: case IR_STS:
		return size <= MO_64 ? NULL : bad(c, "size %u", size);
	case IR_FLD: case IR_FST:
		if (size < MO_32 || size > (c->b->tcg->fp_policy == FP_X86 ? MO_256 : MO_64))
			return bad(c, "size %u", size);
		break;
	case IR_AMO: case IR_CAS: case IR_SC:
		if (op->op == IR_AMO && (uint32_t)op->off > AMO_MAXU)
			return bad(c, "kind %d", op->off);
		if (op->op == IR_AMO && op->off > AMO_XOR && size < MO_32)
			return bad(c, "kind %d of size %u", op->off, size);
		/* fall through */
	case IR_LD: case IR_ST:
		if (size > MO_64)
			return bad(c, "size %u", size);
		break;
	case IR_GUARD:
		break;
	case IR_BRC:	/* backwards it polls first, and the instruction begins again */
		return c->acted && (uint64_t)op->imm <= c->insn_pc ?
			       bad(c, "a loop's branch after the instruction has acted") : NULL;
	case IR_FLDS: case IR_FSTS:
		return size >= MO_64 && size <= MO_256 ? NULL : bad(c, "size %u", size);
	default:
		if (op->op < IR_FADD || op->op >= IR_VOP)
			return NULL;
	}
	return c->acted ? bad(c, "may leave after the instruction has acted") : NULL;
}

/* What a later guard of the instruction looks at is computed again when it is begun again. */
static bool for_guard(const struct check *c, const struct ir_op *op)
{
	const struct ir_op *end = &c->b->ops[c->b->nr_ops], *o;

	for (o = op + 1; o < end && o->op != IR_INSN; o++)
		if (o->op == IR_GUARD && o->off == op->off)
			return true;
	return false;
}

/* Besides writing a slot. Plain stores may be repeated. */
static bool acts(const struct check *c, const struct ir_op *op)
{
	switch (op->op) {
	case IR_FLAGS: case IR_AMO: case IR_CAS: case IR_SC: case IR_FSTS:
		return true;
	case IR_STS:
		return !for_guard(c, op);
	case IR_CALL:
		return op->ty & IRH_SYNC;
	default:
		return false;
	}
}

static const char *check_op(struct check *c)
{
	const struct ir_op *op = &c->b->ops[c->i];
	const struct ir_opinfo *info;
	const char *e;
	bool last = c->i == c->b->nr_ops - 1;

	if (op->op >= IR_NR_OPS)
		return bad(c, "no such operation: %u", op->op);
	info = &ir_opinfo[op->op];
	if (!(info->flags & IRF_E) == last)
		return bad(c, last ? "block does not end" : "block ends too early");
	if (op->op == IR_INSN) {
		c->acted = false;
		c->insn_pc = (uint64_t)op->imm;
	}
	e = check_type(c, op);
	if (!e)
		e = check_access(c, op);
	if (!e)
		e = check_use(c, info->a, op->a, "a");
	if (!e)
		e = check_use(c, info->b, op->b, "b");
	if (!e)
		e = check_use(c, info->c, op->c, "c");
	if (!e)
		e = check_use(c, info->d, op->d, "d");
	if (!e)
		e = check_def(c, info->dst, op->dst);
	c->acted |= acts(c, op);
	return e;
}

const char *ir_validate(const struct ir_block *b)
{
	struct check c = { .b = b };
	const char *e;

	if (b->nr_ops == 0 || b->nr_ops > IR_MAX_OPS)
		return "number of operations";
	if (b->nr_vals > IR_MAX_VALS)
		return "number of values";
	if (b->nr_slots != b->tcg->nr_slots || b->nr_slots > IR_MAX_SLOTS)
		return "number of slots";
	for (c.i = 0; c.i < b->nr_ops; c.i++) {
		e = check_op(&c);
		if (e)
			return e;
	}
	return NULL;
}
