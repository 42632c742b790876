/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory operations. The inline path is translator.md §5.1: index, page of
 * the last byte, compare with the tag, add the addend. Accesses through one base
 * register within 512 bytes share one check (a group): the first checks the whole
 * range and keeps the host address; when the range does not lie in one plainly
 * mapped page, control leaves to the block's `safe` variant, which has no groups.
 */
#include "tcg/opt.h"
#include "tcg/x86_64/emit_x86.h"

#define GROUP_SPAN 512

static unsigned size_of(uint32_t memop)
{
	return 1u << (memop & MO_SIZE);
}

static bool plain(const struct ir_op *op)
{
	return (op->op == IR_LD || op->op == IR_ST || op->op == IR_FLD || op->op == IR_FST) &&
	       !(op->memop & MO_BE) &&
	       (!(op->memop & MO_ALIGN) || (op->memop & MO_SIZE) >= MO_128);
}

/* Vectors that must be aligned: one check serves all of a group that want the same of its base. */
static bool agrees(const struct group *g, const struct ir_op *op, int32_t off)
{
	unsigned mask = size_of(op->memop) - 1;

	return !(op->memop & MO_ALIGN) || !(((unsigned)off ^ g->phase) & mask & g->align);
}

static void want_aligned(struct group *g, const struct ir_op *op, int32_t off)
{
	unsigned mask = size_of(op->memop) - 1;

	if (!(op->memop & MO_ALIGN) || mask <= g->align)
		return;
	g->align = (uint8_t)mask;
	g->phase = (uint8_t)((unsigned)off & mask);
}

/* From an aligned address, and as many whole pieces: the check looks at the last one's start. */
static void round_range(struct group *g)
{
	int32_t align = g->align;

	g->min -= (g->min - g->phase) & align;
	g->end += -(g->end - g->min) & align;
}

/*
 * By a slot, or a temporary (the address of a read-modify-write: computed once, used twice). Not
 * with any displacement that there is: sums of the others stay what they are.
 */
static bool groupable(const struct emitter *e, const struct ir_op *op)
{
	ir_val v = op->a;

	return op->off > -GROUP_SPAN * 8 && op->off < GROUP_SPAN * 8 &&
	       (is_slot(e, v) ||
		(v != IR_NONE && val(e, v)->kind == VAL_TMP && val(e, v)->uses >= 2));
}

/* The base plus a constant: what was checked still is, at another offset. */
static bool moves_base(const struct emitter *e, const struct ir_op *op, int32_t *delta)
{
	uint64_t k;

	if ((op->op != IR_ADD && op->op != IR_SUB) || IR_TYPE(op->ty) != IR_I64 ||
	    op->a != op->dst || !is_const(e, op->b, &k) || k + 4096 > 8192)
		return false;
	*delta += op->op == IR_ADD ? (int32_t)k : -(int32_t)k;
	return *delta > -GROUP_SPAN * 8 && *delta < GROUP_SPAN * 8;
}

void find_groups(struct emitter *e)
{
	struct ir_block *b = e->b;
	struct {
		ir_val base;
		int g;
		int32_t delta;	/* constants added to the base meanwhile */
		bool loads_only;
	/* loads_only: a store behind what may leave must not make the page dirty before */
	} open[3];
	unsigned i, j, nopen = 0;
	bool first_in_insn = true;

	for (i = 0; i < b->nr_ops; i++) {
		struct ir_op *op = &b->ops[i];
		const struct ir_opinfo *info = &ir_opinfo[op->op];
		struct group *g = NULL;

		e->op_group[i] = 0xffff;
		if (op->op == IR_INSN)
			first_in_insn = true;
		if (op->op == IR_CALL || op->op == IR_AMO || op->op == IR_CAS || op->op == IR_SC)
			nopen = 0;
		if (plain(op) && groupable(e, op)) {
			int32_t off = op->off, end;

			for (j = 0; j < nopen; j++)
				if (open[j].base == op->a)
					break;
			if (j < nopen)
				off += open[j].delta;
			end = off + (int32_t)size_of(op->memop);
			if (j < nopen) {
				g = &e->group[open[j].g];
				if (MAX(end, g->end) - MIN(off, g->min) > GROUP_SPAN ||
				    !agrees(g, op, off) ||
				    (open[j].loads_only && !g->write &&
				     (op->op == IR_ST || op->op == IR_FST)))
					g = NULL;
			}
			if (!g && first_in_insn && e->nr_groups < MAX_GROUPS) {
				if (j == nopen) {
					if (nopen == ARRAY_SIZE(open)) { /* the oldest closes */
						memmove(open, open + 1,
							sizeof(open[0]) * (nopen - 1));
						nopen--;
					}
					j = nopen++;
				}
				off = op->off;
				end = off + (int32_t)size_of(op->memop);
				open[j].base = op->a;
				open[j].g = (int)e->nr_groups;
				open[j].delta = 0;
				open[j].loads_only = false;
				g = &e->group[e->nr_groups++];
				*g = (struct group){ .base = op->a,
						     .host = IR_NONE,
						     .min = off,
						     .end = end,
						     .first = (uint16_t)i };
			}
			if (g) {
				g->min = MIN(off, g->min);
				g->end = MAX(end, g->end);
				want_aligned(g, op, off);
				e->op_delta[i] = off - op->off;
				g->write |= op->op == IR_ST || op->op == IR_FST;
				g->n++;
				e->op_group[i] = (uint16_t)(g - e->group);
			}
		}
		if (info->flags & IRF_F && !(g && g->n > 1))
			for (j = 0; j < nopen; j++)
				open[j].loads_only |= &e->group[open[j].g] != g;
		if (info->flags & IRF_F && op->op != IR_GUARD)
			first_in_insn = false;
		if (info->dst != '_' && op->dst != IR_NONE)
			for (j = 0; j < nopen; j++)
				if (open[j].base == op->dst && !moves_base(e, op, &open[j].delta)) {
					memmove(open + j, open + j + 1,
						sizeof(open[0]) * (nopen - j - 1));
					nopen--;
					break;
				}
	}
	for (i = 0; i < b->nr_ops; i++) {
		struct group *g;

		if (e->op_group[i] == 0xffff)
			continue;
		g = &e->group[e->op_group[i]];
		if (g->n < 2 || b->nr_vals >= IR_MAX_VALS - 1) {
			e->op_group[i] = 0xffff;
			continue;
		}
		if (g->host == IR_NONE) {
			round_range(g);
			b->vals[b->nr_vals] =
				(struct ir_value){ .kind = VAL_TMP, .uses = (uint8_t)(g->n - 1) };
			g->host = (ir_val)(b->nr_slots + b->nr_vals++);
		}
	}
}

/* Are the next n reads of v all that is left? */
static bool ends(const struct emitter *e, ir_val v, unsigned n)
{
	return !is_slot(e, v) && val(e, v)->kind == VAL_TMP && val(e, v)->uses <= n;
}

/*
 * The address in a register that the check leaves alone: a pin, or rcx. last: nobody needs the
 * base afterwards, so it must not be saved from what happens to its register.
 */
static int address(struct emitter *e, ir_val base, int32_t off, bool last)
{
	struct opnd o;
	uint64_t c;

	if (is_const(e, base, &c)) {
		take(e, RCX);
		x_mov_ri(&e->c, RCX, c + (uint64_t)(int64_t)off);
		return RCX;
	}
	if (is_pc(e, base, &c)) {
		take(e, RCX);
		mov_pc(e, RCX, c + (uint64_t)(int64_t)off);
		return RCX;
	}
	o = opnd(e, base);
	if (o.k == O_REG && o.r > RDX && !off)
		return o.r;
	if (last && o.k == O_REG)
		forget_temp(e, base);
	if (o.k == O_REG && o.r == RCX) {
		if (off) {	/* the copy in rcx is given up */
			take(e, RCX);
			x_lea(&e->c, W, RCX, M(RCX, off));
		}
		return RCX;
	}
	take(e, RCX);
	if (o.k == O_REG) {
		if (off)
			x_lea(&e->c, W, RCX, M(o.r, off));
		else
			x_mov_rr(&e->c, RCX, o.r);
	} else {
		x_ld(&e->c, RCX, o.m);
		if (off)
			x_lea(&e->c, W, RCX, M(RCX, off));
		else if (is_slot(e, base))
			e->s[RCX] = base;
	}
	return RCX;
}

/*
 * Checks [addr, addr + len) and leaves the addend in rdx; rax is clobbered.
 * align: low bits that must be zero; len is a multiple of align + 1.
 */
static struct cold *check(struct emitter *e, int addr, bool write, unsigned len, unsigned align,
			  enum cold_kind k)
{
	int tab = write ? offsetof(struct tcg_view, w) : offsetof(struct tcg_view, r);
	struct cold *c;

	take(e, RAX);
	take(e, RDX);
	/* rorx rdx, addr, 8: page number * 16 lands at bits 4.. */
	v_rr(&e->c, 3, 3, 1, 0xf0, RDX, 0, addr);
	b1(&e->c, TLB_PAGE_BITS - 4);
	x_alu_ri(&e->c, ALU_AND, 0, RDX, (TLB_ENTRIES - 1) << 4);
	/* the last byte's page; or the last whole piece's page, and that pieces are aligned */
	if (len - align > 1)
		x_lea(&e->c, W, RAX, M(addr, (int32_t)(len - align) - 1));
	else
		x_mov_rr(&e->c, RAX, addr);
	x_alu_ri(&e->c, ALU_AND, W, RAX, (int32_t)(-4096 | align));
	x_alu_rm(&e->c, ALU_CMP, W, RAX, MX(R15, RDX, 1, tab));
	c = new_cold(e, k);
	cold_from(c, x_jcc(&e->c, CC_NE));
	c->addr = (int8_t)addr;
	c->pc = e->insn_pc;
	x_ld(&e->c, RDX, MX(R15, RDX, 1, tab + 8));
	c->back = e->c.p;
	return c;
}

/* Notes where a store's value lies at the jump to the cold part. */
static void cold_value(struct emitter *e, struct cold *c, ir_val v)
{
	int r;

	c->store = true;
	if (is_const(e, v, &c->cval)) {
		c->konst = true;
		return;
	}
	if (is_pc(e, v, &c->cval)) {
		c->konst = c->pc_value = true;
		return;
	}
	if (c->fp) {
		r = is_slot(e, v) ? e->pin[v] : e->treg[v - e->b->nr_slots];
		c->vo.k = r >= 0 ? O_REG : O_MEM;
		c->vo.r = r;
		if (r < 0)
			c->vo.m = slot_mem(e, v);
		return;
	}
	c->vo = opnd(e, v);
}

static void load_from(struct emitter *e, const struct ir_op *op, struct mem m, int d)
{
	static const unsigned code[2][4] = {
		{ 0xb6 | P0F, 0xb7 | P0F, 0x8b, 0x8b | W },
		{ 0xbe | P0F | W, 0xbf | P0F | W, 0x63 | W, 0x8b | W },
	};

	x_rm(&e->c, code[!!(op->memop & MO_SIGN)][op->memop & 3], d, m);
	if (op->memop & MO_BE) {
		unsigned sz = op->memop & 3;

		if (sz == MO_64 || sz == MO_32) {
			x_prefix(&e->c, (0xc8 | (d & 7)) | P0F | (sz == MO_64 ? W : 0), 0, 0, d,
				 false);
			if (sz == MO_32 && op->memop & MO_SIGN)
				x_rr(&e->c, 0x63 | W, d, d);
		} else if (sz == MO_16) {	/* rol 8, then extend */
			x_rr(&e->c, 0xc1 | P66, 0, d);
			b1(&e->c, 8);
			x_rr(&e->c, code[!!(op->memop & MO_SIGN)][MO_16], d, d);
		}
	}
}

static void store_to(struct emitter *e, const struct ir_op *op, struct mem m, ir_val v)
{
	static const unsigned code[4] = { 0x88 | P8, 0x89 | P66, 0x89, 0x89 | W };
	unsigned sz = op->memop & 3;
	struct opnd o = opnd(e, v);

	if (op->memop & MO_BE && sz) {
		int t = scratch(e);

		load_to(e, t, v);
		x_rm(&e->c, (sz == MO_16 ? 0xf1 | P66 : 0xf1) | P0F38 | (sz == MO_64 ? W : 0), t,
		     m); /* movbe */
		return;
	}
	if (o.k == O_IMM) {
		static const unsigned icode[4] = { 0xc6, 0xc7 | P66, 0xc7, 0xc7 | W };

		x_rm(&e->c, icode[sz], 0, m);
		if (sz == MO_8)
			b1(&e->c, (uint8_t)o.imm);
		else if (sz == MO_16) {
			b1(&e->c, (uint8_t)o.imm);
			b1(&e->c, (uint8_t)(o.imm >> 8));
		} else {
			b4(&e->c, (uint32_t)o.imm);
		}
		return;
	}
	if (o.k == O_MEM) {
		o.r = scratch(e);
		x_ld(&e->c, o.r, o.m);
	}
	x_rm(&e->c, code[sz], o.r, m);
}

/* Into a vector register; merge: its upper half stays, by the encodings without VEX. */
void vec_load(struct emitter *e, uint32_t memop, struct mem m, int d, bool merge)
{
	switch (memop & MO_SIZE) {
	case MO_32:
		if (merge)
			x_rm(&e->c, 0x6e | P0F | P66, d, m);		/* movd */
		else
			v_rm(&e->c, 1, 1, 0, 0x6e, d, 0, m);
		break;
	case MO_64:
		if (merge)
			x_rm(&e->c, 0x7e | P0F | PF3, d, m);		/* movq */
		else
			v_rm(&e->c, 2, 1, 0, 0x7e, d, 0, m);
		break;
	case MO_128:
		if (merge)
			x_rm(&e->c, 0x10 | P0F, d, m);			/* movups */
		else
			v_rm(&e->c, 0, 1, 0, 0x10, d, 0, m);
		break;
	default:
		y_rm(&e->c, 0, 1, 0, 0x10, d, 0, m);
		break;
	}
}

void vec_store(struct emitter *e, uint32_t memop, struct mem m, int r)
{
	switch (memop & MO_SIZE) {
	case MO_32: v_rm(&e->c, 1, 1, 0, 0x7e, r, 0, m); break;
	case MO_64: v_rm(&e->c, 1, 1, 0, 0xd6, r, 0, m); break;
	case MO_128: v_rm(&e->c, 0, 1, 0, 0x11, r, 0, m); break;
	default: y_rm(&e->c, 0, 1, 0, 0x11, r, 0, m); break;
	}
}

static void fload_from(struct emitter *e, const struct ir_op *op, struct mem m, int d)
{
	if (e->b->tcg->fp_policy == FP_X86) {
		vec_load(e, op->memop, m, d,
			 op->memop & MO_VMERGE && is_slot(e, op->dst) && e->pin[op->dst] >= 0);
		return;
	}
	if ((op->memop & MO_SIZE) == MO_64) {
		v_rm(&e->c, 3, 1, 0, 0x10, d, 0, m);		/* vmovsd */
	} else {
		v_rm(&e->c, 2, 1, 0, 0x10, d, 0, m);		/* vmovss */
		v_rm(&e->c, 1, 1, 0, 0xeb, d, d, FAST(c_box));	/* vpor */
	}
}

static void fstore_to(struct emitter *e, const struct ir_op *op, struct mem m, int r)
{
	if (e->b->tcg->fp_policy == FP_X86) {
		vec_store(e, op->memop, m, r);
		return;
	}
	v_rm(&e->c, (op->memop & MO_SIZE) == MO_64 ? 3 : 2, 1, 0, 0x11, r, 0, m);
}

/* The access itself at a host address; dst registers as the cold part needs them. */
static void access_at(struct emitter *e, const struct ir_op *op, struct mem m, struct cold *c)
{
	int d;

	switch (op->op) {
	case IR_LD:
		if (c && !(is_slot(e, op->dst) && e->pin[op->dst] >= 0))
			d = RAX;	/* free here on both paths */
		else
			d = def_reg(e, op->dst, IR_NONE);
		load_from(e, op, m, d);
		if (c) {
			c->dst = (int8_t)d;
			c->after = e->c.p;
		}
		def_done(e, op->dst, d);
		break;
	case IR_ST:
		if (c)
			cold_value(e, c, op->b);
		store_to(e, op, m, op->b);
		if (c)
			c->after = e->c.p;
		break;
	case IR_FLD:
		if (vec_folds(e, op)) {
			e->fold = op->dst;
			e->fold_m = m;
			e->fold_size = op->memop & MO_SIZE;
			e->fold_lock = (uint8_t)((m.base <= RDX ? 1 << m.base : 0) |
						 (m.index == RDX ? 1 << RDX : 0));
			if (c)
				c->fp = c->fold = true;
			break;
		}
		d = f_def_reg(e, op->dst);
		fload_from(e, op, m, d);
		if (c) {
			c->fp = true;
			c->dst = (int8_t)d;
			c->merge = op->memop & MO_VMERGE && is_slot(e, op->dst) &&
				   e->pin[op->dst] >= 0;
			c->after = e->c.p;
		}
		if (op->memop & MO_VMERGE && vec_slot(e, op->dst) && e->pin[op->dst] < 0)
			v_rm(&e->c, 0, 1, 0, 0x11, d, 0, slot_mem(e, op->dst));	/* half of it */
		else
			f_def_done(e, op->dst, d, (op->memop & MO_SIZE) == MO_32);
		break;
	default:	/* FST */
		if (c) {
			c->fp = true;
			cold_value(e, c, op->b);
		}
		fstore_to(e, op, m, f_in_reg(e, op->b));
		if (c)
			c->after = e->c.p;
		break;
	}
}

static uint32_t descriptor(const struct ir_op *op)
{
	uint32_t d = op->memop & 0xfff;

	if (op->op == IR_CAS)
		return (op->aux & 0xfff) | DESC_WRITE | DESC_CAS;
	if (op->op == IR_ST || op->op == IR_FST || op->op == IR_AMO || op->op == IR_SC)
		d |= DESC_WRITE;
	if (op->op == IR_FLD || op->op == IR_FST)
		d |= DESC_FP;
	if (op->op == IR_SC)
		d |= DESC_SC;
	if (op->op == IR_AMO)
		d |= (uint32_t)op->off << DESC_AMO_SHIFT;
	return d;
}


static void plain_access(struct emitter *e, const struct ir_op *op)
{
	uint16_t gi = e->op_group[e->op_index];
	bool write = op->op == IR_ST || op->op == IR_FST;
	struct cold *c;
	int addr;

	if (gi != 0xffff) {
		struct group *g = &e->group[gi];
		int32_t off = op->off + e->op_delta[e->op_index] - g->min;

		if (g->first == e->op_index) {
			addr = address(e, g->base, g->min, ends(e, g->base, g->n));
			c = check(e, addr, g->write, (unsigned)(g->end - g->min), g->align,
				  COLD_GROUP);
			e->lock &= ~(1 << RAX);		/* the check is done with it */
			c->desc = DESC_GROUP | (g->write ? DESC_WRITE : 0) |
				  (uint32_t)(g->end - g->min) << DESC_LEN_SHIFT |
				  (g->align ? MO_ALIGN | (g->align > 15 ? MO_256 : MO_128) : 0);
			x_alu_rr(&e->c, ALU_ADD, W, RDX, addr);
			e->s[RDX] = g->host;
			e->treg[g->host - e->b->nr_slots] = RDX;
			e->e->nr_groups++;
			access_at(e, op, M(RDX, off), NULL);
		} else {
			addr = in_reg(e, g->host);
			access_at(e, op, M(addr, off), NULL);
			/* one read of the host address: counted like an operand */
			struct ir_op fake = { .op = IR_MOV, .dst = IR_NONE, .a = g->host };
			uint8_t lock = e->lock, flock = e->flock;

			op_end(e, &fake);
			e->lock = lock;
			e->flock = flock;
		}
		return;
	}
	addr = address(e, op->a, op->off, ends(e, op->a, 1));
	c = check(e, addr, write, size_of(op->memop),
		  op->memop & MO_ALIGN ? size_of(op->memop) - 1 : 0, COLD_MEM);
	e->lock &= ~(1 << RAX);
	c->desc = descriptor(op);
	access_at(e, op, MX(addr, RDX, 1, 0), c);
}

/* Opcode bits of an operand size: w for the wide form of an opcode whose byte form is one less. */
static unsigned sized(unsigned opcode, unsigned sz)
{
	return sz == MO_8 ? (opcode - 1) | P8 : sz == MO_16 ? opcode | P66 :
	       sz == MO_64 ? opcode | W : opcode;
}

static void extend_rax(struct emitter *e, uint32_t memop)
{
	static const unsigned code[2][4] = {
		{ 0xb6 | P0F, 0xb7 | P0F, 0x8b, 0 },
		{ 0xbe | P0F | W, 0xbf | P0F | W, 0x63 | W, 0 },
	};
	unsigned c = code[!!(memop & MO_SIGN)][memop & 3];

	if (c)
		x_rr(&e->c, c, RAX, RAX);
}

static void amo(struct emitter *e, const struct ir_op *op)
{
	static const uint8_t alu[] = {
		[AMO_ADD] = ALU_ADD, [AMO_AND] = ALU_AND, [AMO_OR] = ALU_OR, [AMO_XOR] = ALU_XOR
	};
	static const uint8_t keep[] = {
		[AMO_MINS] = CC_L, [AMO_MAXS] = CC_G, [AMO_MINU] = CC_B, [AMO_MAXU] = CC_A
	};
	unsigned sz = op->memop & 3, w = sz == MO_64 ? W : 0;
	bool logic = op->off == AMO_AND || op->off == AMO_OR || op->off == AMO_XOR;
	/* nobody wants the old value: one locked instruction */
	bool unread = (op->dst == IR_NONE || (!is_slot(e, op->dst) && !val(e, op->dst)->uses)) &&
		      (logic || op->off == AMO_ADD);
	int kind = op->off, addr;
	struct cold *c;
	struct opnd o;
	uint8_t *again;

	addr = address(e, op->a, 0, ends(e, op->a, 1));
	/* as in sc(): nothing moves behind the jump */
	if (kind != AMO_SWAP && kind != AMO_ADD) {
		take(e, RAX);
		take(e, RDX);
		take(e, RCX);
	}
	c = check(e, addr, true, size_of(op->memop),
		  op->memop & MO_ALIGN ? size_of(op->memop) - 1 : 0, COLD_MEM);
	c->desc = descriptor(op);
	cold_value(e, c, op->b);
	x_alu_rr(&e->c, ALU_ADD, W, RDX, addr);
	if (unread) {
		load_to(e, RAX, op->b);
		x_rm(&e->c, sized((unsigned)alu[kind] << 3 | 1, sz) | LOCK, RAX, M(RDX, 0));
		c->dst = RAX;
		c->after = e->c.p;
		return;
	}
	if (kind == AMO_SWAP || kind == AMO_ADD) {
		load_to(e, RAX, op->b);
		if (kind == AMO_SWAP)
			x_rm(&e->c, sized(0x87, sz), RAX, M(RDX, 0));			/* xchg */
		else
			x_rm(&e->c, sized(0xc1 | P0F, sz) | LOCK, RAX, M(RDX, 0));	/* xadd */
	} else {
		take(e, RCX);
		x_rm(&e->c, sized(0x8b, sz), RAX, M(RDX, 0));
		again = e->c.p;
		if (logic) {
			x_mov_rr(&e->c, RCX, RAX);
			o = opnd(e, op->b);
			if (o.k == O_REG)
				x_alu_rr(&e->c, alu[kind], w, RCX, o.r);
			else if (o.k == O_MEM)
				x_alu_rm(&e->c, alu[kind], w, RCX, o.m);
			else
				x_alu_ri(&e->c, alu[kind], w, RCX, o.imm);
		} else {
			load_to(e, RCX, op->b);
			x_alu_rr(&e->c, ALU_CMP, w, RAX, RCX);
			x_cmov(&e->c, keep[kind], RCX, RAX);
		}
		x_rm(&e->c, sized(0xb1 | P0F, sz) | LOCK, RCX, M(RDX, 0));
		b1(&e->c, 0x75);
		b1(&e->c, (uint8_t)(again - (e->c.p + 1)));
	}
	extend_rax(e, op->memop);
	c->dst = RAX;
	c->after = e->c.p;
	def_done(e, op->dst, RAX);
}

static void sc(struct emitter *e, const struct ir_op *op)
{
	const struct isa_tcg *t = e->b->tcg;
	unsigned w = (op->memop & 3) == MO_64 ? W : 0;
	uint8_t *fail, *done;
	struct cold *c;
	int addr, v;

	addr = address(e, op->a, 0, false);
	take(e, RAX);
	take(e, RDX);
	take(e, RCX);	/* both ways must agree on what rcx caches: nothing; its content stays */
	x_alu_rm(&e->c, ALU_CMP, W, addr, STATE(t->resv_addr_off));
	b1(&e->c, 0x0f);
	b1(&e->c, 0x85);
	b4(&e->c, 0);
	fail = e->c.p;
	c = check(e, addr, true, size_of(op->memop), size_of(op->memop) - 1, COLD_MEM);
	c->desc = descriptor(op);
	cold_value(e, c, op->b);
	x_alu_rr(&e->c, ALU_ADD, W, RDX, addr);
	x_ld(&e->c, RAX, STATE(t->resv_val_off));
	if (is_slot(e, op->b) && e->pin[op->b] >= 0) {
		v = e->pin[op->b];
	} else {
		v = RCX;
		load_to(e, RCX, op->b);
	}
	x_rm(&e->c, 0xb1 | P0F | LOCK | w, v, M(RDX, 0));
	x_setcc(&e->c, CC_NE, RAX);
	x_rr_b(&e->c, 0xb6 | P0F, RAX, RAX);
	b1(&e->c, 0xeb);
	b1(&e->c, 0);
	done = e->c.p;
	x_fix(fail, e->c.p);
	x_rr(&e->c, 0xf7, 0, addr);	/* test: a misaligned address faults whatever is reserved */
	b4(&e->c, size_of(op->memop) - 1);
	cold_from(c, x_jcc(&e->c, CC_NE));
	x_mov_ri(&e->c, RAX, 1);
	done[-1] = (uint8_t)(e->c.p - done);
	c->dst = RAX;
	c->after = e->c.p;
	x_rm(&e->c, 0xc7 | W, 0, STATE(t->resv_addr_off));
	b4(&e->c, 0xffffffff);
	def_done(e, op->dst, RAX);
}

static void cas(struct emitter *e, const struct ir_op *op)
{
	unsigned size = size_of(op->aux), sz = op->aux & 3;
	struct cold *c;
	int addr, v;

	take(e, RAX);
	load_to(e, RAX, op->b);
	x_st(&e->c, FAST(fparg[0]), RAX);	/* for the slow path */
	addr = address(e, op->a, 0, ends(e, op->a, 1));
	take(e, RDX);
	take(e, RCX);
	c = check(e, addr, true, size, op->aux & MO_ALIGN ? size - 1 : 0, COLD_MEM);
	c->desc = descriptor(op);
	cold_value(e, c, op->c);
	x_alu_rr(&e->c, ALU_ADD, W, RDX, addr);
	load_to(e, RAX, op->b);
	if (is_slot(e, op->c) && e->pin[op->c] >= 0) {
		v = e->pin[op->c];
	} else {
		v = RCX;
		take(e, RCX);
		load_to(e, RCX, op->c);
	}
	x_rm(&e->c, sized(0xb1 | P0F, sz) | LOCK, v, M(RDX, 0));
	extend_rax(e, op->aux);
	c->dst = RAX;
	c->after = e->c.p;
	def_done(e, op->dst, RAX);
}

static void state_field(struct emitter *e, const struct ir_op *op)
{
	int d;

	if (op->op == IR_LDS) {
		if (ir_shows_flags(e->b, op))	/* the flags' own words */
			flags_store(e, &e->fl);
		d = def_reg(e, op->dst, IR_NONE);
		load_from(e, op, STATE(op->off), d);
		def_done(e, op->dst, d);
	} else {
		store_to(e, op, STATE(op->off), op->a);
	}
}

void emit_mem(struct emitter *e, const struct ir_op *op)
{
	switch (op->op) {
	case IR_LD: case IR_ST: case IR_FLD: case IR_FST:
		plain_access(e, op);
		break;
	case IR_AMO: amo(e, op); break;
	case IR_SC: sc(e, op); break;
	case IR_CAS: cas(e, op); break;
	case IR_LDS: case IR_STS: state_field(e, op); break;
	case IR_FENCE:
		/*
		 * TSO: only a store before a load needs ordering; a locked
		 * operation is the cheapest
		 */
		if (op->imm & IR_FENCE_WR && e->e->smp) {
			x_rm(&e->c, 0x83 | LOCK, ALU_OR, HEAD(spill[NR_SPILLS - 1]));
			b1(&e->c, 0);
		}
		break;
	}
}
