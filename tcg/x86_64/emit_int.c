/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer operations (Intel SDM volume 2; BMI2 forms for variable shifts). */
#include "tcg/x86_64/emit_x86.h"

static unsigned width(enum ir_type ty)
{
	return ty == IR_I64 ? W : 0;
}

static void finish(struct emitter *e, const struct ir_op *op, int r)
{
	if (IR_TYPE(op->ty) == IR_I32S)
		x_rr(&e->c, 0x63 | W, r, r);	/* movsxd */
	def_done(e, op->dst, r);
}

static void alu_opnd(struct emitter *e, int n, unsigned w, int dst, const struct opnd *o)
{
	if (o->k == O_REG)
		x_alu_rr(&e->c, n, w, dst, o->r);
	else if (o->k == O_MEM)
		x_alu_rm(&e->c, n, w, dst, o->m);
	else
		x_alu_ri(&e->c, n, w, dst, o->imm);
}

/* Where v lies when it is in a register already, else NOREG. */
static int where(struct emitter *e, ir_val v)
{
	uint64_t c;
	struct opnd o;

	if (is_const(e, v, &c))
		return NOREG;
	o = opnd(e, v);
	return o.k == O_REG ? o.r : NOREG;
}

static void alu2(struct emitter *e, const struct ir_op *op, int n, bool commutes)
{
	unsigned w = width(IR_TYPE(op->ty));
	ir_val a = op->a, x = op->b;
	struct opnd o;
	int ra, d;

	ra = where(e, a);
	o = opnd(e, x);
	d = def_reg(e, op->dst, a);
	if (o.k == O_REG && o.r == d && ra != d) {
		if (commutes) {
			x = a;
			a = op->b;
			ra = d;
			o = opnd(e, x);
		} else {
			int t = scratch(e);

			load_to(e, t, a);
			alu_opnd(e, n, w, t, &o);
			finish(e, op, t);
			return;
		}
	}
	if (n == ALU_ADD && ra >= 0 && ra != d && o.k != O_MEM) {
		if (o.k == O_REG)
			x_lea(&e->c, w, d, MX(ra, o.r, 1, 0));
		else
			x_lea(&e->c, w, d, M(ra, o.imm));
	} else if (n == ALU_SUB && ra >= 0 && ra != d && o.k == O_IMM && o.imm != INT32_MIN) {
		x_lea(&e->c, w, d, M(ra, -o.imm));
	} else {
		if (ra != d)
			load_to(e, d, a);
		alu_opnd(e, n, w, d, &o);
	}
	finish(e, op, d);
}

/* a & ~b and the like: complement b in a scratch register first */
static void alu_not(struct emitter *e, const struct ir_op *op, int n)
{
	unsigned w = width(IR_TYPE(op->ty));
	int t = scratch(e);
	struct opnd o;

	load_to(e, t, op->b);
	x_rr(&e->c, 0xf7 | w, 2, t);
	o = opnd(e, op->a);
	alu_opnd(e, n, w, t, &o);
	finish(e, op, t);
}

static void xnor(struct emitter *e, const struct ir_op *op)
{
	unsigned w = width(IR_TYPE(op->ty));
	int t = scratch(e);
	struct opnd o;

	load_to(e, t, op->a);
	o = opnd(e, op->b);
	alu_opnd(e, ALU_XOR, w, t, &o);
	x_rr(&e->c, 0xf7 | w, 2, t);
	finish(e, op, t);
}

/* t = a << k; d = t + b in one lea: true when the next operation was taken in */
static bool scaled_add(struct emitter *e, const struct ir_op *op, uint64_t k)
{
	struct ir_op *next = &e->b->ops[e->op_index + 1];
	struct ir_value *t;
	ir_val other;
	int ra, rb, d;

	if (IR_TYPE(op->ty) != IR_I64 || !k || k > 3 || is_slot(e, op->dst) || next->op != IR_ADD ||
	    IR_TYPE(next->ty) != IR_I64)
		return false;
	t = &e->b->vals[op->dst - e->b->nr_slots];
	if (t->uses != 1 || (next->a != op->dst && next->b != op->dst))
		return false;
	other = next->a == op->dst ? next->b : next->a;
	if (other == op->dst)
		return false;
	ra = in_reg(e, op->a);
	rb = in_reg(e, other);
	if (is_slot(e, next->dst))
		flags_before_write(e, next->dst);
	d = def_reg(e, next->dst, IR_NONE);
	x_lea(&e->c, W, d, MX(rb, ra, 1 << k, 0));
	def_done(e, next->dst, d);
	t->uses = 0;
	next->op = IR_NOP;
	if (!is_slot(e, other)) {	/* its read is counted by hand: the op is gone */
		struct ir_op fake = { .op = IR_MOV, .dst = IR_NONE, .a = other };

		op_end(e, &fake);
	}
	return true;
}

static void shift(struct emitter *e, const struct ir_op *op)
{
	static const uint8_t ext[] = { [IR_SHL - IR_SHL] = 4,
				       [IR_SHR - IR_SHL] = 5,
				       [IR_SAR - IR_SHL] = 7,
				       [IR_ROL - IR_SHL] = 0,
				       [IR_ROR - IR_SHL] = 1 };
	static const uint8_t pp[] = { 1, 3, 2 };	/* shlx shrx sarx */
	unsigned w = width(IR_TYPE(op->ty));
	uint64_t k;
	struct opnd o;
	int d, r;

	if (is_const(e, op->b, &k)) {
		k &= w ? 63 : 31;
		if (op->op == IR_SHL && scaled_add(e, op, k))
			return;
		d = def_reg(e, op->dst, op->a);
		r = where(e, op->a);
		if (!w && !k) {
			o = opnd_rm(e, op->a);
			if (o.k == O_REG)
				x_rr(&e->c, 0x8b, d, o.r);
			else
				x_rm(&e->c, 0x8b, d, o.m);
		} else {
			if (r != d)
				load_to(e, d, op->a);
			x_shift_ri(&e->c, ext[op->op - IR_SHL], w, d, (unsigned)k);
		}
		if (op->op == IR_SHR && k) /* the top bit is clear: sign and zero extension agree */
			def_done(e, op->dst, d);
		else
			finish(e, op, d);
		return;
	}
	if (op->op == IR_ROL || op->op == IR_ROR) {
		take(e, RCX);
		load_to(e, RCX, op->b);
		d = scratch(e);
		load_to(e, d, op->a);
		x_rr(&e->c, 0xd3 | w, ext[op->op - IR_SHL], d);
		finish(e, op, d);
		return;
	}
	r = in_reg(e, op->b);
	o = opnd_rm(e, op->a);
	d = def_reg(e, op->dst, IR_NONE);
	if (o.k == O_REG)
		v_rr(&e->c, pp[op->op - IR_SHL], 2, !!w, 0xf7, d, r, o.r);
	else
		v_rm(&e->c, pp[op->op - IR_SHL], 2, !!w, 0xf7, d, r, o.m);
	finish(e, op, d);
}

static void mul(struct emitter *e, const struct ir_op *op)
{
	unsigned w = width(IR_TYPE(op->ty));
	struct opnd o, p;
	int d;

	o = opnd(e, op->b);
	if (o.k == O_IMM) {
		p = opnd_rm(e, op->a);
		d = def_reg(e, op->dst, IR_NONE);
		if (p.k == O_REG)
			x_rr(&e->c, 0x69 | w, d, p.r);
		else
			x_rm(&e->c, 0x69 | w, d, p.m);
		b4(&e->c, (uint32_t)o.imm);
	} else {
		int ra = where(e, op->a);

		d = def_reg(e, op->dst, op->a);
		if (o.k == O_REG && o.r == d && ra != d) {	/* commutes */
			o = opnd_rm(e, op->a);
		} else if (ra != d) {
			load_to(e, d, op->a);
		}
		if (o.k == O_REG)
			x_rr(&e->c, 0xaf | P0F | w, d, o.r);
		else
			x_rm(&e->c, 0xaf | P0F | w, d, o.m);
	}
	finish(e, op, d);
}

static void mulh(struct emitter *e, const struct ir_op *op)
{
	struct opnd o;

	take(e, RAX);
	take(e, RDX);
	o = opnd_rm(e, op->b);
	if (op->op == IR_MULHS) {
		load_to(e, RAX, op->a);
		if (o.k == O_REG)
			x_rr(&e->c, 0xf7 | W, 5, o.r);
		else
			x_rm(&e->c, 0xf7 | W, 5, o.m);
		finish(e, op, RDX);
		return;
	}
	load_to(e, RDX, op->a);
	if (o.k == O_REG)
		v_rr(&e->c, 3, 2, 1, 0xf6, RAX, RAX, o.r);	/* mulx: high half to rax */
	else
		v_rm(&e->c, 3, 2, 1, 0xf6, RAX, RAX, o.m);
	if (op->op == IR_MULHSU) {	/* minus b where a is negative */
		x_shift_ri(&e->c, 7, W, RDX, 63);
		alu_opnd(e, ALU_AND, W, RDX, &o);
		x_alu_rr(&e->c, ALU_SUB, W, RAX, RDX);
	}
	finish(e, op, RAX);
}

static uint8_t *short_jump(struct code *c, int opcode)
{
	b1(c, opcode);
	b1(c, 0);
	return c->p;
}

static void short_fix(struct code *c, uint8_t *end)
{
	end[-1] = (uint8_t)(c->p - end);
}

static void divide(struct emitter *e, const struct ir_op *op)
{
	bool is_signed = op->op == IR_DIVS || op->op == IR_REMS,
	     rem = op->op == IR_REMS || op->op == IR_REMU;
	unsigned w = width(IR_TYPE(op->ty));
	uint8_t *zero, *minus = NULL, *done1, *done2 = NULL;

	take(e, RAX);
	take(e, RCX);
	take(e, RDX);
	load_to(e, RCX, op->b);
	load_to(e, RAX, op->a);
	x_rr(&e->c, 0x85 | w, RCX, RCX);
	zero = short_jump(&e->c, 0x74);
	if (is_signed) {
		x_alu_ri(&e->c, ALU_CMP, w, RCX, -1);
		minus = short_jump(&e->c, 0x74);
		if (w)
			b1(&e->c, 0x48);
		b1(&e->c, 0x99);	/* cqo, cdq */
	} else {
		x_alu_rr(&e->c, ALU_XOR, 0, RDX, RDX);
	}
	x_rr(&e->c, 0xf7 | w, is_signed ? 7 : 6, RCX);
	done1 = short_jump(&e->c, 0xeb);
	if (minus) {
		short_fix(&e->c, minus);
		if (rem)
			x_alu_rr(&e->c, ALU_XOR, 0, RDX, RDX);
		else
			x_rr(&e->c, 0xf7 | w, 3, RAX);
		done2 = short_jump(&e->c, 0xeb);
	}
	short_fix(&e->c, zero);
	if (rem)
		x_rr(&e->c, 0x8b | w, RDX, RAX);
	else
		x_alu_ri(&e->c, ALU_OR, w, RAX, -1);
	short_fix(&e->c, done1);
	if (done2)
		short_fix(&e->c, done2);
	finish(e, op, rem ? RDX : RAX);
}

static void unary(struct emitter *e, const struct ir_op *op)
{
	unsigned code, w = width(IR_TYPE(op->ty));
	bool byte = op->op == IR_SEXT8 || op->op == IR_ZEXT8;
	struct opnd o;
	int d;

	switch (op->op) {
	case IR_SEXT8: code = 0xbe | P0F | W; break;
	case IR_SEXT16: code = 0xbf | P0F | W; break;
	case IR_SEXT32: code = 0x63 | W; break;
	case IR_ZEXT8: code = 0xb6 | P0F; break;
	case IR_ZEXT16: code = 0xb7 | P0F; break;
	case IR_ZEXT32: code = 0x8b; break;
	case IR_CLZ: code = 0xbd | P0F | PF3 | w; break;
	case IR_CTZ: code = 0xbc | P0F | PF3 | w; break;
	default: code = 0xb8 | P0F | PF3 | w; break;	/* POPCNT */
	}
	o = opnd_rm(e, op->a);
	d = def_reg(e, op->dst, op->a);
	if (o.k == O_MEM)
		x_rm(&e->c, code, d, o.m);
	else if (byte)
		x_rr_b(&e->c, code, d, o.r);
	else
		x_rr(&e->c, code, d, o.r);
	if (op->op == IR_CLZ || op->op == IR_CTZ || op->op == IR_POPCNT)
		finish(e, op, d);
	else
		def_done(e, op->dst, d);
}

static void bswap(struct emitter *e, const struct ir_op *op)
{
	unsigned w = width(IR_TYPE(op->ty));
	int r = where(e, op->a), d = def_reg(e, op->dst, op->a);

	if (r != d)
		load_to(e, d, op->a);
	x_prefix(&e->c, (0xc8 | (d & 7)) | P0F | w, 0, 0, d, false);
	finish(e, op, d);
}

static void orcb(struct emitter *e, const struct ir_op *op)
{
	int x = f_scratch(e), y = f_scratch(e), r = in_reg(e, op->a),
	    d = def_reg(e, op->dst, IR_NONE);

	v_rr(&e->c, 1, 1, 1, 0x6e, x, 0, r);	/* vmovq x, r */
	v_rr(&e->c, 1, 1, 0, 0xef, y, y, y);	/* vpxor */
	v_rr(&e->c, 1, 1, 0, 0x74, x, x, y);	/* vpcmpeqb: ff where zero */
	v_rr(&e->c, 1, 1, 1, 0x7e, x, 0, d);	/* vmovq d, x */
	x_rr(&e->c, 0xf7 | W, 2, d);
	def_done(e, op->dst, d);
}

/* mov r8 or r16: the rest of the register stays */
static void insert(struct emitter *e, const struct ir_op *op)
{
	bool byte = op->op == IR_INS8;
	unsigned load = byte ? 0x8a | P8 : 0x8b | P66, imm = byte ? 0xc6 | P8 : 0xc7 | P66;
	struct opnd o = opnd(e, op->b);
	int ra = where(e, op->a), d;

	if (ra >= 0 && is_slot(e, op->dst) && e->pin[op->dst] == ra) {
		d = ra;
	} else {		/* b must survive until it is inserted */
		d = scratch(e);
		load_to(e, d, op->a);
	}
	if (o.k == O_REG) {
		x_rr(&e->c, load, d, o.r);
	} else if (o.k == O_MEM) {
		x_rm(&e->c, load, d, o.m);
	} else {
		x_rr(&e->c, imm, 0, d);
		b1(&e->c, (uint8_t)o.imm);
		if (!byte)
			b1(&e->c, (uint8_t)(o.imm >> 8));
	}
	def_done(e, op->dst, d);
}

/* Bits 15:8: the low word turned by a byte, twice. */
static void insert_high(struct emitter *e, const struct ir_op *op)
{
	struct opnd o = opnd(e, op->b);
	int ra = where(e, op->a), d;

	if (ra >= 0 && is_slot(e, op->dst) && e->pin[op->dst] == ra &&
	    !(o.k == O_REG && o.r == ra)) {
		d = ra;
	} else {
		d = scratch(e);
		load_to(e, d, op->a);
	}
	x_shift_ri(&e->c, 0, P66, d, 8);
	if (o.k == O_REG) {
		x_rr(&e->c, 0x8a | P8, d, o.r);
	} else if (o.k == O_MEM) {
		x_rm(&e->c, 0x8a | P8, d, o.m);
	} else {
		x_rr(&e->c, 0xc6 | P8, 0, d);
		b1(&e->c, (uint8_t)o.imm);
	}
	x_shift_ri(&e->c, 0, P66, d, 8);
	def_done(e, op->dst, d);
}

static void extract_high(struct emitter *e, const struct ir_op *op)
{
	int r = in_reg(e, op->a), d = def_reg(e, op->dst, IR_NONE);

	if (r <= RBX && d < 8) {
		/* movzx d, ah/ch/dh/bh: there is no REX prefix with these */
		b1(&e->c, 0x0f);
		b1(&e->c, 0xb6);
		b1(&e->c, 0xc0 | d << 3 | (r + 4));
	} else {
		x_rr(&e->c, 0xb7 | P0F, d, r);
		x_shift_ri(&e->c, 5, 0, d, 8);
	}
	def_done(e, op->dst, d);
}

static void with_carry(struct emitter *e, const struct ir_op *op)
{
	unsigned w = width(IR_TYPE(op->ty));
	int t = scratch(e), c;
	struct opnd o;

	load_to(e, t, op->a);
	c = in_reg(e, op->c);
	o = opnd(e, op->b);
	x_rr(&e->c, 0xba | P0F, 4, c);		/* bt c, 0 */
	b1(&e->c, 0);
	alu_opnd(e, op->op == IR_ADDC ? ALU_ADC : ALU_SBB, w, t, &o);
	finish(e, op, t);
}

static enum ir_cc swap_cc(enum ir_cc cc)
{
	static const uint8_t t[] = {
		[IR_EQ] = IR_EQ,   [IR_NE] = IR_NE,  [IR_LT] = IR_GT,   [IR_GE] = IR_LE,
		[IR_LE] = IR_GE,   [IR_GT] = IR_LT,  [IR_LTU] = IR_GTU, [IR_GEU] = IR_LEU,
		[IR_LEU] = IR_GEU, [IR_GTU] = IR_LTU
	};
	return t[cc];
}

int emit_cmp(struct emitter *e, enum ir_type ty, enum ir_cc cc, ir_val a, ir_val x)
{
	static const uint8_t host[] = {
		[IR_EQ] = CC_E,   [IR_NE] = CC_NE, [IR_LT] = CC_L,  [IR_GE] = CC_GE,
		[IR_LE] = CC_LE,  [IR_GT] = CC_G,  [IR_LTU] = CC_B, [IR_GEU] = CC_AE,
		[IR_LEU] = CC_BE, [IR_GTU] = CC_A
	};
	unsigned w = width(ty);
	struct opnd o, p;
	uint64_t c;

	if (is_const(e, a, &c) && !is_const(e, x, &c)) {
		ir_val t = a;

		a = x;
		x = t;
		cc = swap_cc(cc);
	}
	o = opnd_rm(e, a);
	p = opnd(e, x);
	if (o.k == O_MEM && p.k == O_MEM) {
		o.r = in_reg(e, a);
		o.k = O_REG;
	}
	if (o.k == O_REG && p.k == O_IMM && !p.imm)
		x_rr(&e->c, 0x85 | w, o.r, o.r);
	else if (o.k == O_REG)
		alu_opnd(e, ALU_CMP, w, o.r, &p);
	else if (p.k == O_REG)
		x_alu_mr(&e->c, ALU_CMP, w, o.m, p.r);
	else
		x_alu_mi(&e->c, ALU_CMP, w, o.m, p.imm);
	return host[cc];
}

static void setc(struct emitter *e, const struct ir_op *op)
{
	int cc = emit_cmp(e, IR_TYPE(op->ty), IR_CC(op->ty), op->a, op->b);
	int d = def_reg(e, op->dst, IR_NONE);

	x_setcc(&e->c, cc, d);
	x_rr_b(&e->c, 0xb6 | P0F, d, d);
	def_done(e, op->dst, d);
}

/* d = cc ? yes : no; flags set already, mov keeps them */
static void choose(struct emitter *e, ir_val dst, int cc, int ryes, int rno)
{
	int d;

	if ((!is_slot(e, dst) || e->pin[dst] < 0) && ryes <= RDX &&
	    (e->s[ryes] == IR_NONE || is_slot(e, e->s[ryes])))
		d = ryes;	/* a clean copy may be overwritten */
	else
		d = def_reg(e, dst, IR_NONE);
	if (d == ryes) {
		x_cmov(&e->c, cc ^ 1, d, rno);
	} else {
		x_mov_rr(&e->c, d, rno);
		x_cmov(&e->c, cc, d, ryes);
	}
	def_done(e, dst, d);
}

static void select_op(struct emitter *e, const struct ir_op *op)
{
	int cc = emit_cmp(e, IR_TYPE(op->ty), IR_CC(op->ty), op->a, op->b), yes, no;

	e->lock = 0;		/* compared; what follows only moves, which keeps the flags */
	yes = in_reg(e, op->c);
	no = in_reg(e, op->d);
	choose(e, op->dst, cc, yes, no);
}

static void minmax(struct emitter *e, const struct ir_op *op)
{
	static const uint8_t ccs[] = { [IR_MINS - IR_MINS] = CC_L, [IR_MINU - IR_MINS] = CC_B,
				       [IR_MAXS - IR_MINS] = CC_G, [IR_MAXU - IR_MINS] = CC_A };
	int a = in_reg(e, op->a), x = in_reg(e, op->b), cc = ccs[op->op - IR_MINS], t;

	x_alu_rr(&e->c, ALU_CMP, width(IR_TYPE(op->ty)), a, x);
	if (IR_TYPE(op->ty) == IR_I64) {
		choose(e, op->dst, cc, a, x);
		return;
	}
	t = scratch(e);
	x_mov_rr(&e->c, t, x);
	x_cmov(&e->c, cc, t, a);
	x_rr(&e->c, 0x8b, t, t);
	finish(e, op, t);
}

static void mov(struct emitter *e, const struct ir_op *op)
{
	uint64_t c;
	int d, r;

	if (is_slot(e, op->dst) && e->pin[op->dst] >= 0) {
		load_to(e, e->pin[op->dst], op->a);
		return;
	}
	if (is_const(e, op->a, &c) && is_slot(e, op->dst) && (int64_t)c == (int32_t)c) {
		r = 0;
		for (d = 0; d < 3; d++)
			if (e->s[d] == op->dst)
				e->s[d] = IR_NONE;
		x_rm(&e->c, 0xc7 | W, 0, slot_mem(e, op->dst));
		b4(&e->c, (uint32_t)c);
		return;
	}
	r = is_const(e, op->a, &c) ? NOREG : where(e, op->a);
	if (r > RDX && is_slot(e, op->dst)) {	/* from a pin straight to memory */
		for (d = 0; d < 3; d++)
			if (e->s[d] == op->dst)
				e->s[d] = IR_NONE;
		x_st(&e->c, slot_mem(e, op->dst), r);
		return;
	}
	d = def_reg(e, op->dst, op->a);
	if (r != d)
		load_to(e, d, op->a);
	def_done(e, op->dst, d);
}

void emit_int(struct emitter *e, const struct ir_op *op)
{
	switch (op->op) {
	case IR_MOV: mov(e, op); break;
	case IR_ADD: alu2(e, op, ALU_ADD, true); break;
	case IR_SUB: alu2(e, op, ALU_SUB, false); break;
	case IR_AND: alu2(e, op, ALU_AND, true); break;
	case IR_OR: alu2(e, op, ALU_OR, true); break;
	case IR_XOR: alu2(e, op, ALU_XOR, true); break;
	case IR_ANDN: alu_not(e, op, ALU_AND); break;
	case IR_ORN: alu_not(e, op, ALU_OR); break;
	case IR_XNOR: xnor(e, op); break;
	case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROL: case IR_ROR: shift(e, op); break;
	case IR_MUL: mul(e, op); break;
	case IR_MULHU: case IR_MULHS: case IR_MULHSU: mulh(e, op); break;
	case IR_DIVS: case IR_DIVU: case IR_REMS: case IR_REMU: divide(e, op); break;
	case IR_BSWAP: bswap(e, op); break;
	case IR_INS8: case IR_INS16: insert(e, op); break;
	case IR_INS8H: insert_high(e, op); break;
	case IR_EXT8H: extract_high(e, op); break;
	case IR_ADDC: case IR_SUBC: with_carry(e, op); break;
	case IR_ORCB: orcb(e, op); break;
	case IR_SETC: setc(e, op); break;
	case IR_SELECT: select_op(e, op); break;
	case IR_MINS: case IR_MINU: case IR_MAXS: case IR_MAXU: minmax(e, op); break;
	default: unary(e, op); break;
	}
}
