/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scalar floating point on the host's SSE/FMA unit, in the guest's rounding mode
 * and with its sticky flags living in MXCSR. What the host does otherwise than
 * the guest goes to a cold stub that calls soft float (translator.md §5.5):
 * NaN results (their payload), operands that are not boxed, conversions out of
 * range, rounding modes the host lacks.
 *
 * FP_RISCV: F32 lives boxed in 64 bits. AVX scalar operations copy the upper
 * bits of their first source, so a boxed source makes a boxed result for free.
 */
#include "tcg/x86_64/emit_x86.h"

static bool f64(const struct ir_op *op)
{
	return IR_TYPE(op->ty) == IR_F64;
}

static int pp(const struct ir_op *op)		/* scalar prefix: F2 double, F3 single */
{
	return f64(op) ? 3 : 2;
}

/* May the host's current rounding mode serve this op? */
static bool round_ok(const struct emitter *e, const struct ir_op *op)
{
	unsigned rm = op->aux & 7;

	return e->b->round < 4 && (rm == IR_RM_DYN || rm == e->b->round);
}

/*
 * The whole op by soft float: operands through memory. In the cold part (`cold`)
 * nothing but the result may change, so slots in memory travel through a saved
 * register.
 */
static void soft(struct emitter *e, const struct ir_op *op, bool cold)
{
	const struct ir_opinfo *info = &ir_opinfo[op->op];
	const ir_val v[3] = { op->a, op->b, op->c };
	const char kind[3] = { info->a, info->b, info->c };
	bool saved = false;
	int i, r;

	for (i = 0; i < 3; i++) {
		struct mem arg = M(RBP, CPU_FAST_OFF(fparg) + 8 * i);

		if (kind[i] == '_' || v[i] == IR_NONE)
			continue;
		if (kind[i] == 'i') {
			x_st(&e->c, arg, in_reg(e, v[i]));
		} else if (cold && e->pin[v[i]] < 0) {
			if (!saved)
				x_st(&e->c, FAST(va), RDX);
			saved = true;
			x_ld(&e->c, RDX, slot_mem(e, v[i]));
			x_st(&e->c, arg, RDX);
		} else {
			r = f_in_reg(e, v[i]);
			v_rm(&e->c, 1, 1, 0, 0xd6, r, 0, arg);
			if (is_slot(e, v[i]) && e->pin[v[i]] < 0)
				e->flock &= ~(1 << r);
		}
	}
	if (saved)
		x_ld(&e->c, RDX, FAST(va));
	x_rm(&e->c, 0xc7 | W, 0, FAST(desc));
	b4(&e->c, SOFT_DESC(op->op, op->ty, op->aux, e->b->round));
	call_thunk(e, e->e->thunks->soft_fp, false);	/* keeps every general register */
}

/* A temporary may be gone when the cold part is written. */
static bool has_temps(const struct emitter *e, const struct ir_op *op)
{
	const struct ir_opinfo *info = &ir_opinfo[op->op];

	return !is_slot(e, op->a) || (info->b == 'f' && !is_slot(e, op->b)) ||
	       (info->c == 'f' && !is_slot(e, op->c));
}

void emit_soft_cold(struct emitter *e, const struct cold *k)
{
	soft(e, k->op, true);
	if (ir_opinfo[k->op->op].dst == 'i')
		x_ld(&e->c, k->dst, FAST(fpres));
	else
		v_rm(&e->c, 2, 1, 0, 0x7e, k->dst, 0, FAST(fpres));
}

static void soft_result(struct emitter *e, const struct ir_op *op)
{
	int d;

	if (ir_opinfo[op->op].dst == 'i') {
		take(e, RAX);
		x_ld(&e->c, RAX, FAST(fpres));
		def_done(e, op->dst, RAX);
	} else {
		d = f_def_reg(e, op->dst);
		v_rm(&e->c, 2, 1, 0, 0x7e, d, 0, FAST(fpres));
		f_def_done(e, op->dst, d, false);
	}
}

static void all_soft(struct emitter *e, const struct ir_op *op)
{
	soft(e, op, false);
	soft_result(e, op);
}

/* An F32 operand must be boxed: checked once in a block, else leave to the safe variant. */
static void want_boxed(struct emitter *e, ir_val v)
{
	struct cold *c;

	if (!is_slot(e, v) || e->boxed[v >> 6] & BIT(v & 63))
		return;
	if (e->pin[v] >= 0) {
		int t = scratch(e);

		/* vpextrd t, x, 1 */
		v_rr(&e->c, 1, 3, 0, 0x16, e->pin[v], 0, t);
		b1(&e->c, 1);
		x_alu_ri(&e->c, ALU_CMP, 0, t, -1);
		e->lock &= ~(1 << t);
	} else {
		struct mem m = slot_mem(e, v);

		m.disp += 4;
		x_alu_mi(&e->c, ALU_CMP, 0, m, -1);
	}
	c = new_cold(e, COLD_SAFE);
	c->pc = e->insn_pc;
	cold_from(c, x_jcc(&e->c, CC_NE));
	e->boxed[v >> 6] |= BIT(v & 63);
}

static bool boxes(struct emitter *e, const struct ir_op *op)
{
	const struct ir_opinfo *info = &ir_opinfo[op->op];

	if (f64(op))
		return true;
	if (e->e->safe)
		return false;
	if (info->a == 'f')
		want_boxed(e, op->a);
	if (info->b == 'f')
		want_boxed(e, op->b);
	if (info->c == 'f' && op->c != IR_NONE)
		want_boxed(e, op->c);
	return true;
}

/* Result in r: a NaN becomes the default NaN in the cold part. */
static void nan_check(struct emitter *e, bool dbl, int r)
{
	struct cold *c;

	v_rr(&e->c, dbl ? 1 : 0, 1, 0, 0x2e, r, 0, r);	/* vucomis */
	c = new_cold(e, COLD_NAN);
	cold_from(c, x_jcc(&e->c, CC_P));
	c->fp = dbl;
	c->dst = (int8_t)r;
	c->back = e->c.p;
}

static void arith(struct emitter *e, const struct ir_op *op)
{
	static const uint8_t code[] = { [IR_FADD - IR_FADD] = 0x58, [IR_FSUB - IR_FADD] = 0x5c,
					[IR_FMUL - IR_FADD] = 0x59, [IR_FDIV - IR_FADD] = 0x5e };
	int a, d, opc = op->op == IR_FSQRT ? 0x51 : code[op->op - IR_FADD];
	ir_val x = op->op == IR_FSQRT ? op->a : op->b;

	if (!round_ok(e, op) || !boxes(e, op)) {
		all_soft(e, op);
		return;
	}
	a = f_in_reg(e, op->a);
	d = f_def_reg(e, op->dst);
	if (is_slot(e, x) && e->pin[x] < 0)
		v_rm(&e->c, pp(op), 1, 0, opc, d, a, slot_mem(e, x));
	else
		v_rr(&e->c, pp(op), 1, 0, opc, d, a, f_in_reg(e, x));
	nan_check(e, f64(op), d);
	f_def_done(e, op->dst, d, !f64(op));
}

static void fma_op(struct emitter *e, const struct ir_op *op)
{
	/* vf[n]m{add,sub}213s: x = +-(x * v) +- rm; opcode map 0F38, W1 double */
	static const uint8_t code[4] = { [0] = 0xa9, [1] = 0xad, [2] = 0xab, [3] = 0xaf };
	unsigned n = (op->aux & IR_FMA_NEG_PROD ? 1 : 0) | (op->aux & IR_FMA_NEG_ADD ? 2 : 0);
	struct cold *c;
	int a, x, d;

	if (!round_ok(e, op) || has_temps(e, op) || !boxes(e, op)) {
		all_soft(e, op);
		return;
	}
	d = f_scratch(e);
	a = f_in_reg(e, op->a);
	v_rr(&e->c, 0, 1, 0, 0x28, d, 0, a);
	if (is_slot(e, op->a) && e->pin[op->a] < 0)
		e->flock &= ~(1 << a);
	x = f_in_reg(e, op->b);
	if (is_slot(e, op->c) && e->pin[op->c] < 0)
		v_rm(&e->c, 1, 2, f64(op), code[n], d, x, slot_mem(e, op->c));
	else
		v_rr(&e->c, 1, 2, f64(op), code[n], d, x, f_in_reg(e, op->c));
	/* inf * 0 + NaN raises NV on the guest, not on the host: NaN results by soft float */
	v_rr(&e->c, f64(op) ? 1 : 0, 1, 0, 0x2e, d, 0, d);
	c = new_cold(e, COLD_SOFT);
	c->op = op;
	c->dst = (int8_t)d;
	cold_from(c, x_jcc(&e->c, CC_P));
	c->back = e->c.p;
	f_def_done(e, op->dst, d, !f64(op));
}

static void minmax(struct emitter *e, const struct ir_op *op)
{
	struct cold *c;
	int a, x, d;

	if (has_temps(e, op) || !boxes(e, op)) {
		all_soft(e, op);
		return;
	}
	a = f_in_reg(e, op->a);
	x = f_in_reg(e, op->b);
	d = f_scratch(e);
	v_rr(&e->c, f64(op) ? 1 : 0, 1, 0, 0x2e, a, 0, x);
	c = new_cold(e, COLD_SOFT);
	c->op = op;
	c->dst = (int8_t)d;
	cold_from(c, x_jcc(&e->c, CC_E));	/* equal (zeros of either sign) or unordered */
	v_rr(&e->c, pp(op), 1, 0, op->op == IR_FMIN ? 0x5d : 0x5f, d, a, x);
	c->back = e->c.p;
	f_def_done(e, op->dst, d, !f64(op));
}

static void sgnj(struct emitter *e, const struct ir_op *op)
{
	struct mem sign = f64(op) ? FAST(c_sign64) : FAST(c_sign32),
		   abs = f64(op) ? FAST(c_abs64) : FAST(c_abs32);
	int a, x, d, t;

	if (!boxes(e, op)) {
		all_soft(e, op);
		return;
	}
	a = f_in_reg(e, op->a);
	if (op->a == op->b) {
		d = f_def_reg(e, op->dst);
		if (op->aux == 0)
			v_rr(&e->c, 0, 1, 0, 0x28, d, 0, a);
		else if (op->aux == 1)
			v_rm(&e->c, 1, 1, 0, 0xef, d, a, sign);		/* vpxor: neg */
		else
			v_rm(&e->c, 1, 1, 0, 0xdb, d, a, abs);		/* vpand: abs */
		f_def_done(e, op->dst, d, !f64(op));
		return;
	}
	t = f_scratch(e);
	x = f_in_reg(e, op->b);
	v_rm(&e->c, 1, 1, 0, 0xdb, t, x, sign);
	if (is_slot(e, op->b) && e->pin[op->b] < 0)
		e->flock &= ~(1 << x);
	if (op->aux == 1)
		v_rm(&e->c, 1, 1, 0, 0xef, t, t, sign);
	if (op->aux == 2) {
		d = f_def_reg(e, op->dst);
		v_rr(&e->c, 1, 1, 0, 0xef, d, t, a);
	} else {
		int u = f_scratch(e);

		v_rm(&e->c, 1, 1, 0, 0xdb, u, a, abs);
		v_rr(&e->c, 1, 1, 0, 0xeb, t, t, u);
		d = t;
	}
	f_def_done(e, op->dst, d, !f64(op));
}

static void compare(struct emitter *e, const struct ir_op *op)
{
	int a, x, d, t;

	if (!boxes(e, op)) {
		all_soft(e, op);
		return;
	}
	a = f_in_reg(e, op->a);
	x = f_in_reg(e, op->b);
	if ((op->aux & 3) == IR_FEQ) {
		t = f_scratch(e);
		v_rr(&e->c, pp(op), 1, 0, 0xc2, t, a, x); /* vcmps: EQ_OQ is quiet, EQ_OS signals */
		b1(&e->c, op->aux & IR_FCMP_SIGNALING ? 0x10 : 0);
		d = def_reg(e, op->dst, IR_NONE);
		v_rr(&e->c, 1, 1, 0, 0x7e, t, 0, d);		/* vmovd */
		x_alu_ri(&e->c, ALU_AND, 0, d, 1);
	} else {
		/*
		 * b > a, b >= a: false when unordered; comis signals on quiet
		 * NaNs, ucomis does not
		 */
		v_rr(&e->c, f64(op) ? 1 : 0, 1, 0, op->aux & IR_FCMP_SIGNALING ? 0x2f : 0x2e, x, 0,
		     a);
		d = def_reg(e, op->dst, IR_NONE);
		x_setcc(&e->c, (op->aux & 3) == IR_FLT ? CC_A : CC_AE, d);
		x_rr_b(&e->c, 0xb6 | P0F, d, d);
	}
	def_done(e, op->dst, d);
}

static void f2i(struct emitter *e, const struct ir_op *op)
{
	unsigned kind = op->aux >> 8 & 3, rm = op->aux & 7;
	bool trunc = rm == 1, wide = kind == IR_INT_S64;
	struct cold *c;
	int a;

	if ((kind != IR_INT_S32 && kind != IR_INT_S64) || (!trunc && !round_ok(e, op)) ||
	    has_temps(e, op) || !boxes(e, op)) {
		all_soft(e, op);
		return;
	}
	a = f_in_reg(e, op->a);
	take(e, RAX);
	v_rr(&e->c, pp(op), 1, wide, trunc ? 0x2c : 0x2d, RAX, 0, a);
	/* the "integer indefinite" value: out of range, or exactly the minimum */
	if (wide) {
		take(e, RDX);
		x_mov_ri(&e->c, RDX, UINT64_C(1) << 63);
		x_alu_rr(&e->c, ALU_CMP, W, RAX, RDX);
	} else {
		x_alu_ri(&e->c, ALU_CMP, 0, RAX, INT32_MIN);
	}
	c = new_cold(e, COLD_SOFT);
	c->op = op;
	c->dst = RAX;
	cold_from(c, x_jcc(&e->c, CC_E));
	if (!wide)
		x_rr(&e->c, 0x63 | W, RAX, RAX);
	c->back = e->c.p;
	def_done(e, op->dst, RAX);
}

static void i2f(struct emitter *e, const struct ir_op *op)
{
	unsigned kind = op->aux >> 8 & 3;
	bool exact = f64(op) && (kind == IR_INT_S32 || kind == IR_INT_U32);
	int r, d, t;

	if (kind == IR_INT_U64 || (!exact && !round_ok(e, op))) {
		all_soft(e, op);
		return;
	}
	r = in_reg(e, op->a);
	if (kind == IR_INT_U32) {
		int z = scratch(e);

		x_rr(&e->c, 0x8b, z, r);
		r = z;
	}
	t = f_scratch(e);
	if (f64(op))
		v_rr(&e->c, 1, 1, 0, 0xef, t, t, t); /* breaks the dependency on the upper half */
	else
		v_rm(&e->c, 2, 1, 0, 0x7e, t, 0,
		     FAST(c_box)); /* upper bits of the result: the box */
	d = f_def_reg(e, op->dst);
	v_rr(&e->c, pp(op), 1, kind != IR_INT_S32, 0x2a, d, t, r);
	f_def_done(e, op->dst, d, !f64(op));
}

static void f2f(struct emitter *e, const struct ir_op *op)
{
	int a, d, t;

	if ((f64(op) && !round_ok(e, op)) || !boxes(e, op)) {
		all_soft(e, op);
		return;
	}
	a = f_in_reg(e, op->a);
	d = f_def_reg(e, op->dst);
	if (f64(op)) {
		t = f_scratch(e);
		v_rm(&e->c, 2, 1, 0, 0x7e, t, 0, FAST(c_box));
		v_rr(&e->c, 3, 1, 0, 0x5a, d, t, a);
	} else {
		v_rr(&e->c, 2, 1, 0, 0x5a, d, a, a);
	}
	nan_check(e, !f64(op), d);
	f_def_done(e, op->dst, d, f64(op));
}

static void move(struct emitter *e, const struct ir_op *op)
{
	int r, d;

	switch (op->op) {
	case IR_FMOV:
		r = f_in_reg(e, op->a);
		d = f_def_reg(e, op->dst);
		if (d != r)
			(e->b->tcg->fp_policy == FP_X86 ? y_rr : v_rr)(&e->c, 0, 1, 0, 0x28, d, 0,
								       r);
		f_def_done(e, op->dst, d,
			   is_slot(e, op->a) && e->boxed[op->a >> 6] & BIT(op->a & 63));
		break;
	case IR_FMVXF:
		r = f_in_reg(e, op->a);
		d = def_reg(e, op->dst, IR_NONE);
		v_rr(&e->c, 1, 1, f64(op), 0x7e, r, 0, d);
		if (!f64(op))
			x_rr(&e->c, 0x63 | W, d, d);
		def_done(e, op->dst, d);
		break;
	default:	/* FMVFX */
		r = in_reg(e, op->a);
		d = f_def_reg(e, op->dst);
		v_rr(&e->c, 1, 1, f64(op), 0x6e, d, 0, r);
		if (!f64(op))
			v_rm(&e->c, 1, 1, 0, 0xeb, d, d, FAST(c_box));
		f_def_done(e, op->dst, d, !f64(op));
		break;
	}
}

void emit_fp(struct emitter *e, const struct ir_op *op)
{
	switch (op->op) {
	case IR_FADD: case IR_FSUB: case IR_FMUL: case IR_FDIV: case IR_FSQRT: arith(e, op); break;
	case IR_FMADD: fma_op(e, op); break;
	case IR_FMIN: case IR_FMAX: minmax(e, op); break;
	case IR_FSGNJ: sgnj(e, op); break;
	case IR_FCMP: compare(e, op); break;
	case IR_F2I: f2i(e, op); break;
	case IR_I2F: i2f(e, op); break;
	case IR_F2F: f2f(e, op); break;
	case IR_FCLASS: all_soft(e, op); break;
	default: move(e, op); break;
	}
}
