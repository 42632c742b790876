/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leaving a block. Inside the page: a jump that is patched to the target block.
 * To other pages, to what may cross into one, and through registers: the jump
 * cache of the active view. Calls push the guest's return address and use the
 * host's call, returns compare and use the host's ret, so that the host predicts
 * both.
 */
#include "tcg/x86_64/emit_x86.h"

/*
 * Inside the page, and the instruction there, too. One that crosses is looked at again whenever
 * the second page may have changed, so that no edge is ever patched to it; the jump cache is
 * cleared then.
 */
bool may_link(const struct emitter *e, uint64_t target)
{
	uint64_t last = target + e->b->tcg->max_insn_len - 1;

	return !((target ^ e->b->pc) >> TLB_PAGE_BITS) && !((last ^ target) >> TLB_PAGE_BITS) &&
	       !e->b->cross;
}

static bool to_itself(const struct emitter *e, uint64_t target)
{
	bool it = target == e->b->pc && !e->b->cross && !e->e->alone;

	e->e->loops |= it;
	return it;
}

/* Forward direct edges cannot form a loop by themselves; anything else looks at the poll word.
 * pc: where to go on afterwards; NOREG-like ~0: the value is in rax already. */
static void poll(struct emitter *e, bool in_rax, uint64_t pc)
{
	struct cold *c;
	uint8_t *j;

	x_rm(&e->c, 0x83, ALU_CMP, HEAD(poll));
	b1(&e->c, 0);
	j = x_jcc(&e->c, CC_NE);
	if (in_rax) {
		x_fix(j, e->e->thunks->leave_at - e->e->rx_delta);
		return;
	}
	c = new_cold(e, COLD_POLL);
	c->pc = pc;
	cold_from(c, j);
}

/* edx = the index of eax among n entries, times 2 */
static void mixed(struct code *c, unsigned mix, unsigned n)
{
	v_rr(c, 3, 3, 0, 0xf0, RDX, 0,
	     RAX); /* rorx edx, eax, mix: the bits rotated in are masked off */
	b1(c, mix);
	x_alu_rr(c, ALU_XOR, 0, RDX, RAX);
	x_alu_ri(c, ALU_AND, 0, RDX, (n - 1) << 1);
}

/* edx = JC_INDEX(eax) * 2 */
void jc_index(struct code *c) { mixed(c, JC_MIX, JC_ENTRIES); }
/* edx = (JC_VICTIM(eax) - JC_ENTRIES) * 2 */
void jc_victim(struct code *c) { mixed(c, JC_VICTIM_MIX, JC_VICTIMS); }

/*
 * rax = target; clobbers rdx; leaves flags of the comparison. Entry's code is
 * at the returned operand.
 */
static struct mem jc_probe(struct emitter *e)
{
	jc_index(&e->c);
	x_alu_rm(&e->c, ALU_CMP, W, RAX, MX(R15, RDX, 8, offsetof(struct tcg_view, jc)));
	return MX(R15, RDX, 8, offsetof(struct tcg_view, jc) + 8);
}

void emit_jc_const(struct emitter *e, uint64_t target)
{
	int32_t disp = (int32_t)(offsetof(struct tcg_view, jc) +
				 JC_INDEX(target) * sizeof(struct jc_entry));

	struct mem m = M(R15, disp + 8);

	mov_pc(e, RAX, target);
	if (e->e->pcrel)
		m = jc_probe(e);
	else
		x_alu_rm(&e->c, ALU_CMP, W, RAX, M(R15, disp));
	x_fix(x_jcc(&e->c, CC_NE), e->e->thunks->lookup - e->e->rx_delta);
	x_rm(&e->c, 0xff, 4, m);
}

static void go(struct emitter *e, uint64_t target)
{
	if (to_itself(e, target))
		x_fix(x_jmp(&e->c), e->c.start + e->e->entry + 5);
	else if (may_link(e, target))
		emit_edge(e, target, 0);
	else
		emit_jc_const(e, target);
}

static void branch(struct emitter *e, const struct ir_op *op)
{
	uint64_t target = (uint64_t)op->imm;
	struct cold *c;
	int cc;

	if (target <= e->insn_pc) {
		poll(e, false, e->insn_pc);
		/* a loop: the branch is taken most of the time */
		if (!to_itself(e, target) || !e->entry_kills_flags)
			flags_store(e, &e->fl);
	}
	cc = emit_cmp(e, IR_TYPE(op->ty), IR_CC(op->ty), op->a, op->b);
	if (to_itself(e, target)) {
		x_fix(x_jcc(&e->c, cc), e->c.start + e->e->entry + 5);
	} else if (flags_pending(e)) {
		c = new_cold(e, COLD_EDGE);
		c->pc = target;
		cold_from(c, x_jcc(&e->c, cc));
	} else if (may_link(e, target)) {
		emit_edge(e, target, 2 + cc);
	} else {
		c = new_cold(e, COLD_JC);
		c->pc = target;
		cold_from(c, x_jcc(&e->c, cc));
	}
}

static void push_return(struct emitter *e, uint64_t ret)
{
	unsigned i, n = e->op_index;

	/* the link register was just set to it */
	for (i = n; i-- > 0 && n - i < 4; ) {
		const struct ir_op *op = &e->b->ops[i];
		uint64_t c;

		if (op->op == IR_MOV && is_slot(e, op->dst) && e->pin[op->dst] >= 0 &&
		    is_pc(e, op->a, &c) && c == ret) {
			x_push(&e->c, e->pin[op->dst]);
			return;
		}
	}
	mov_pc(e, RDX, ret);
	x_push(&e->c, RDX);
}

static void landing(struct emitter *e, uint64_t ret)
{
	if (e->e->pcrel) {	/* the callee may have run in another page */
		x_pop(&e->c, RAX);
		x_lea(&e->c, W, RAX,
		      M(RAX, (int32_t) - (int64_t)(ret - (e->b->pc & ~UINT64_C(0xfff)))));
		x_st(&e->c, HEAD(vpage), RAX);
	} else {
		x_alu_ri(&e->c, ALU_ADD, W, RSP, 8);
	}
	go(e, ret);
}

static void call_direct(struct emitter *e, const struct ir_op *op)
{
	uint64_t target = (uint64_t)op->imm, ret = e->insn_pc + op->a;
	int32_t disp = (int32_t)(offsetof(struct tcg_view, jc) +
				 JC_INDEX(target) * sizeof(struct jc_entry));
	struct cold *c;

	poll(e, false, target);
	push_return(e, ret);
	if (to_itself(e, target)) {
		x_fix(x_call(&e->c), e->c.start + e->e->entry + 5);
	} else if (may_link(e, target)) {
		emit_edge(e, target, 1);
	} else {
		struct mem m = M(R15, disp + 8);

		mov_pc(e, RAX, target);
		if (e->e->pcrel)
			m = jc_probe(e);
		else
			x_alu_rm(&e->c, ALU_CMP, W, RAX, M(R15, disp));
		c = new_cold(e, COLD_CALLJC);
		cold_from(c, x_jcc(&e->c, CC_NE));
		x_rm(&e->c, 0xff, 2, m);
		c->back = e->c.p;
	}
	landing(e, ret);
}

static void call_indirect(struct emitter *e, const struct ir_op *op)
{
	struct cold *c;
	struct mem m;

	take(e, RAX);
	take(e, RDX);
	load_to(e, RAX, op->a);
	poll(e, true, 0);
	push_return(e, (uint64_t)op->imm);
	m = jc_probe(e);
	c = new_cold(e, COLD_CALLJC);
	cold_from(c, x_jcc(&e->c, CC_NE));
	x_rm(&e->c, 0xff, 2, m);
	c->back = e->c.p;
	landing(e, (uint64_t)op->imm);
}

static void jump_indirect(struct emitter *e, const struct ir_op *op)
{
	struct mem m;

	take(e, RAX);
	take(e, RDX);
	load_to(e, RAX, op->a);
	poll(e, true, 0);
	m = jc_probe(e);
	x_fix(x_jcc(&e->c, CC_NE), e->e->thunks->lookup - e->e->rx_delta);
	x_rm(&e->c, 0xff, 4, m);
}

static void ret(struct emitter *e, const struct ir_op *op)
{
	int r = in_reg(e, op->a);
	struct cold *c;

	x_alu_rm(&e->c, ALU_CMP, W, r, M(RSP, 8));
	c = new_cold(e, COLD_RET);
	c->addr = (int8_t)r;
	cold_from(c, x_jcc(&e->c, CC_NE));
	b1(&e->c, 0xc3);
}

static void store_pc(struct emitter *e, uint64_t pc, int tmp)
{
	if (!e->e->pcrel && (int64_t)pc == (int32_t)pc) {
		x_rm(&e->c, 0xc7 | W, 0, STATE(e->b->tcg->pc_off));
		b4(&e->c, (uint32_t)pc);
	} else {
		mov_pc(e, tmp, pc);
		x_st(&e->c, STATE(e->b->tcg->pc_off), tmp);
	}
}

static void c_args(struct emitter *e, const struct ir_op *op)
{
	take(e, RAX);
	take(e, RDX);
	take(e, RCX);
	if (op->a != IR_NONE)
		load_to(e, RAX, op->a);
	if (op->b != IR_NONE)
		load_to(e, RDX, op->b);
}

static void exit_fn(struct emitter *e, const struct ir_op *op)
{
	c_args(e, op);
	store_pc(e, e->insn_pc, RCX);
	x_mov_ri(&e->c, RCX, (uint64_t)op->imm);
	jump_thunk(e, op->ty & IRX_CONTINUE && !e->e->alone ? e->e->thunks->exit_fn_on :
							     e->e->thunks->exit_fn);
}

/* IRH_FLAGS_C: called in the cold part only. */
static void flags_c(struct emitter *e, const struct ir_op *op)
{
	const struct isa_tcg *t = e->b->tcg;
	struct cold *c;

	take(e, RAX);
	take(e, RDX);
	take(e, RCX);
	x_rm(&e->c, 0xb6 | P0F, RAX, STATE(t->flags_op_off));
	x_alu_ri(&e->c, ALU_SUB, 0, RAX, t->flags_c_first);
	x_alu_ri(&e->c, ALU_CMP, 0, RAX, t->flags_c_last - t->flags_c_first);
	c = new_cold(e, COLD_FLAGS_C);
	c->cval = (uint64_t)op->imm;
	cold_from(c, x_jcc(&e->c, CC_A));
	x_ld(&e->c, RAX, STATE(t->flags_off[2]));
	c->back = e->c.p;
	def_done(e, op->dst, RAX);
}

void emit_call(struct emitter *e, const struct ir_op *op)
{
	const struct emit_thunks *t = e->e->thunks;
	/* exceptions raised there begin with the slots as they are, and may change some */
	bool raises = op->ty & IRH_LEAVE && !(op->ty & IRH_INT_ONLY) &&
		      e->b->tcg->traps_write_slots;

	flags_store(e, &e->fl);
	if (op->ty & IRH_FLAGS_C) {
		flags_c(e, op);
		return;
	}
	if (op->ty & IRH_SYNC)
		e->fl.on = false;	/* the state's are the newer ones from here */
	c_args(e, op);
	if (op->ty & IRH_LEAVE)
		store_pc(e, e->insn_pc, RCX);
	x_mov_ri(&e->c, RCX, (uint64_t)op->imm);
	call_thunk(e,
		   op->ty & IRH_SYNC || raises ? t->call_sync :
		   op->ty & IRH_INT_ONLY ? t->call_int :
					   t->call_full,
		   false);
	if (op->ty & IRH_LEAVE) {
		x_rm(&e->c, 0x83, ALU_CMP, HEAD(leave));
		b1(&e->c, 0);
		x_fix(x_jcc(&e->c, CC_NE), t->leave - e->e->rx_delta);
	}
	if (op->ty & IRH_SYNC)
		memset(e->boxed, 0, sizeof(e->boxed));
	if (op->dst != IR_NONE)
		def_done(e, op->dst, RAX);
}

void emit_exit_op(struct emitter *e, const struct ir_op *op)
{
	struct cold *c;

	if (op->op != IR_BRC && op->op != IR_GUARD &&
	    !(op->op == IR_EXIT && to_itself(e, (uint64_t)op->imm) && e->entry_kills_flags))
		flags_store(e, &e->fl);
	switch (op->op) {
	case IR_BRC:
		branch(e, op);
		break;
	case IR_EXIT:
		if ((uint64_t)op->imm <= e->insn_pc)
			poll(e, false, (uint64_t)op->imm);
		go(e, (uint64_t)op->imm);
		break;
	case IR_CALLD: call_direct(e, op); break;
	case IR_CALLI: call_indirect(e, op); break;
	case IR_JMPI: jump_indirect(e, op); break;
	case IR_RET: ret(e, op); break;
	case IR_EXITFN: exit_fn(e, op); break;
	case IR_LOOKUP:
		/* the view may have changed: what the return stack pairs is of the old one */
		x_ld(&e->c, R15, HEAD(view));
		x_ld(&e->c, RSP, HEAD(ret_base));
		emit_jc_const(e, (uint64_t)op->imm);
		break;
	case IR_GUARD:
		x_rm(&e->c, 0x80, ALU_CMP, STATE(op->off));
		b1(&e->c, op->memop & 0xff);
		c = new_cold(e, COLD_GUARD);
		c->pc = e->insn_pc;
		cold_from(c, x_jcc(&e->c, CC_NE));
		break;
	}
}
