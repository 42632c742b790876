/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hand-written paths between translated code and C: enter and leave, TLB
 * fill, block lookup, helper calls. C runs on the thread's own stack; the guest
 * return stack pointer waits in cpu_fast.ret_sp.
 */
#include <errno.h>

#include "tcg/x86_64/emit_x86.h"

struct ctx {
	struct code c;
	const struct isa_tcg *tcg;
	int8_t pin[IR_MAX_SLOTS];
	uint8_t *leave;		/* store pins, return to the caller of enter */
	uint8_t *leave_kept;	/* the same where the state's slots are the newer ones */
	ptrdiff_t delta;
};

static void pins_store(struct ctx *x)
{
	unsigned i;

	for (i = 0; i < x->tcg->nr_slots; i++) {
		struct mem m = STATE(x->tcg->slots[i].off);

		if (x->pin[i] < 0)
			continue;
		if (x->tcg->slots[i].fp == 2)
			y_rm(&x->c, 0, 1, 0, 0x11, x->pin[i], 0, m);
		else if (x->tcg->slots[i].fp)
			v_rm(&x->c, 1, 1, 0, 0xd6, x->pin[i], 0, m);
		else
			x_st(&x->c, m, x->pin[i]);
	}
}

static void pins_load(struct ctx *x)
{
	unsigned i;

	for (i = 0; i < x->tcg->nr_slots; i++) {
		struct mem m = STATE(x->tcg->slots[i].off);

		if (x->pin[i] < 0)
			continue;
		if (x->tcg->slots[i].fp == 2)
			y_rm(&x->c, 0, 1, 0, 0x10, x->pin[i], 0, m);
		else if (x->tcg->slots[i].fp)
			v_rm(&x->c, 2, 1, 0, 0x7e, x->pin[i], 0, m);
		else
			x_ld(&x->c, x->pin[i], m);
	}
}

static const uint8_t saved[] = {
	RCX, RSI, RDI, R8, R9, R10, R11
}; /* odd: keeps the stack aligned for call */

static void to_c(struct ctx *x)
{
	unsigned i;

	x_st(&x->c, FAST(ret_sp), RSP);
	x_ld(&x->c, RSP, HEAD(host_rsp));
	for (i = 0; i < ARRAY_SIZE(saved); i++)
		x_push(&x->c, saved[i]);
}

static void from_c(struct ctx *x)
{
	unsigned i;

	for (i = ARRAY_SIZE(saved); i-- > 0; )
		x_pop(&x->c, saved[i]);
	x_ld(&x->c, RSP, FAST(ret_sp));
}

/* With vectors also the scratch registers: a temporary may live across an access or a call. */
static void xmm_move(struct ctx *x, bool save, int from, int to)
{
	bool vec = x->tcg->fp_policy == FP_X86;
	int i, op = save ? 0x11 : 0x10;

	for (i = vec ? from : MAX(from, FIRST_FPIN); i < to; i++) {
		struct mem m =
			M(RBP, CPU_FAST_OFF(xmm) + (int)sizeof(((struct cpu_fast *)0)->xmm[0]) * i);

		if (vec)
			y_rm(&x->c, 0, 1, 0, op, i, 0, m);	/* vmovups */
		else
			v_rm(&x->c, 0, 1, 0, op, i, 0, m);
	}
}

static void xmm_save(struct ctx *x) { xmm_move(x, true, 0, 16); }
static void xmm_load(struct ctx *x) { xmm_move(x, false, 0, 16); }

static void call_c(struct ctx *x, const void *fn)
{
	x_mov_ri(&x->c, RAX, (uint64_t)(uintptr_t)fn);
	x_rr(&x->c, 0xff, 2, RAX);
}

static void jump_leave(struct ctx *x, int cc)
{
	x_fix(cc < 0 ? x_jmp(&x->c) : x_jcc(&x->c, cc), x->leave);
}

static const uint8_t *here(struct ctx *x)
{
	while ((uintptr_t)x->c.p & 15)
		b1(&x->c, 0xcc);
	return x->c.p + x->delta;
}

/* void enter(state, code): rdi, rsi */
static void do_enter(struct ctx *x, struct emit_thunks *out)
{
	static const uint8_t callee[] = { RBP, RBX, R12, R13, R14, R15 };
	const uint8_t *p;
	unsigned i;

	p = here(x);
	memcpy(&out->enter, &p, sizeof(p));
	for (i = 0; i < ARRAY_SIZE(callee); i++)
		x_push(&x->c, callee[i]);
	/*
	 * entered at rsp % 16 == 8, six pushes: again 8, which to_c's seven
	 * pushes and a call want
	 */
	x_mov_rr(&x->c, RBP, RDI);
	x_mov_rr(&x->c, RAX, RSI);
	x_st(&x->c, HEAD(host_rsp), RSP);
	pins_load(x);
	x_ld(&x->c, R15, HEAD(view));
	x_ld(&x->c, RSP, HEAD(ret_base));
	x_rr(&x->c, 0xff, 4, RAX);

	out->leave = here(x);
	x->leave = x->c.p;
	pins_store(x);
	x->leave_kept = x->c.p;
	x_ld(&x->c, RSP, HEAD(host_rsp));
	for (i = ARRAY_SIZE(callee); i-- > 0; )
		x_pop(&x->c, callee[i]);
	b1(&x->c, 0xc3);
}

/* rax = va, edx = descriptor; returns with ZF: addend in rdx, else the access is done */
static void do_mem(struct ctx *x, const struct emit_runtime *rt, struct emit_thunks *out)
{
	uint8_t *slow, *leave1, *leave2, *join;

	out->mem = here(x);
	x_st(&x->c, FAST(va), RAX);
	x_st(&x->c, FAST(desc), RDX);
	to_c(x);
	x_mov_rr(&x->c, RDI, RBP);
	x_mov_rr(&x->c, RSI, RAX);
	x_ld(&x->c, RCX, FAST(ret_sp));
	x_ld(&x->c, RCX, M(RCX, 0));
	call_c(x, rt->int_fill);
	x_alu_ri(&x->c, ALU_CMP, 0, RDX, FILL_SLOW);
	slow = x_jcc(&x->c, CC_E);
	x_alu_ri(&x->c, ALU_CMP, 0, RDX, FILL_LEAVE);
	leave1 = x_jcc(&x->c, CC_E);
	join = x->c.p;
	x_rr(&x->c, 0x85, RDX, RDX);	/* ZF: FILL_FAST; pops and moves keep flags */
	x_mov_rr(&x->c, RDX, RAX);
	from_c(x);
	b1(&x->c, 0xc3);

	x_fix(slow, x->c.p);
	if (x->tcg->traps_write_slots) {	/* what a fault works on must be in the state */
		from_c(x);
		pins_store(x);
		to_c(x);
	}
	xmm_save(x);
	x_mov_rr(&x->c, RDI, RBP);
	x_ld(&x->c, RSI, FAST(va));
	x_ld(&x->c, RDX, FAST(desc));
	x_ld(&x->c, RCX, FAST(ret_sp));
	x_ld(&x->c, RCX, M(RCX, 0));
	call_c(x, rt->slow_access);
	xmm_load(x);
	x_alu_ri(&x->c, ALU_CMP, 0, RDX, FILL_LEAVE);
	leave2 = x_jcc(&x->c, CC_E);
	x_fix(x_jmp(&x->c), join);
	x_fix(leave1, x->c.p);
	if (!x->tcg->traps_write_slots)
		x_fix(leave2, x->c.p);
	from_c(x);
	jump_leave(x, -1);
	if (x->tcg->traps_write_slots) {
		x_fix(leave2, x->c.p);
		x_fix(x_jmp(&x->c), x->leave_kept);
	}
}

/* rax = argument; jumps to the code that fn returns */
static const uint8_t *do_find(struct ctx *x, const void *fn)
{
	const uint8_t *p = here(x);

	to_c(x);
	x_mov_rr(&x->c, RDI, RBP);
	x_mov_rr(&x->c, RSI, RAX);
	call_c(x, fn);
	from_c(x);
	x_rr(&x->c, 0x85 | W, RAX, RAX);
	jump_leave(x, CC_E);
	x_rr(&x->c, 0xff, 4, RAX);
	return p;
}

/* rax = pc, at the end of a block: rdx is free */
static const uint8_t *do_lookup(struct ctx *x, const uint8_t *find)
{
	const uint8_t *p = here(x);
	struct mem jc = MX(R15, RDX, 8, offsetof(struct tcg_view, jc[JC_ENTRIES]));

	jc_victim(&x->c);
	x_alu_rm(&x->c, ALU_CMP, W, RAX, jc);
	x_fix(x_jcc(&x->c, CC_NE), find - x->delta);
	jc.disp += 8;
	x_rm(&x->c, 0xff, 4, jc);
	return p;
}

/* rax, rdx: arguments, rcx: function; result in rax */
static const uint8_t *do_call(struct ctx *x, bool full)
{
	const uint8_t *p = here(x);

	to_c(x);
	if (full)
		xmm_save(x);
	x_mov_rr(&x->c, RDI, RBP);
	x_mov_rr(&x->c, RSI, RAX);
	x_rr(&x->c, 0xff, 2, RCX);
	if (full)
		xmm_load(x);
	from_c(x);
	b1(&x->c, 0xc3);
	return p;
}

static void do_call_sync(struct ctx *x, struct emit_thunks *out)
{
	out->call_sync = here(x);
	pins_store(x);
	xmm_move(x, true, 0, FIRST_FPIN);
	x_st(&x->c, FAST(ret_sp), RSP);
	x_ld(&x->c, RSP, HEAD(host_rsp));
	x_push(&x->c, RCX);
	x_mov_rr(&x->c, RDI, RBP);
	x_mov_rr(&x->c, RSI, RAX);
	x_rr(&x->c, 0xff, 2, RCX);
	x_ld(&x->c, RSP, FAST(ret_sp));
	pins_load(x);
	xmm_move(x, false, 0, FIRST_FPIN);
	b1(&x->c, 0xc3);
}

/* On the C stack, with the slots in the state. */
static void do_exit_fn(struct ctx *x)
{
	pins_store(x);
	x_ld(&x->c, RSP, HEAD(host_rsp));
	x_mov_rr(&x->c, RDI, RBP);
	x_mov_rr(&x->c, RSI, RAX);
	x_push(&x->c, RCX);		/* aligns */
	x_rr(&x->c, 0xff, 2, RCX);
	x_pop(&x->c, RCX);
}

static void do_small(struct ctx *x, struct emit_thunks *out)
{
	struct mem jc;

	/* rax = pc */
	out->leave_at = here(x);
	x_st(&x->c, STATE(x->tcg->pc_off), RAX);
	jump_leave(x, -1);

	out->guard = here(x);
	x_st(&x->c, STATE(x->tcg->pc_off), RAX);
	x_rm(&x->c, 0xc7, 0, HEAD(leave));
	b4(&x->c, 0xffff);		/* EMIT_LEAVE_GUARD */
	jump_leave(x, -1);

	/* rax, rdx: arguments, rcx: function that decides where to go; pc is stored */
	out->exit_fn = here(x);
	do_exit_fn(x);
	x_fix(x_jmp(&x->c), x->leave_kept);

	out->exit_fn_on = here(x);
	do_exit_fn(x);
	x_rm(&x->c, 0x83, ALU_CMP, HEAD(leave));
	b1(&x->c, 0);
	x_fix(x_jcc(&x->c, CC_NE), x->leave_kept);
	x_rm(&x->c, 0x83, ALU_CMP, HEAD(poll));
	b1(&x->c, 0);
	x_fix(x_jcc(&x->c, CC_NE), x->leave_kept);
	pins_load(x);
	x_ld(&x->c, R15, HEAD(view));
	x_ld(&x->c, RSP, HEAD(ret_base));
	x_ld(&x->c, RAX, STATE(x->tcg->pc_off));
	jc_index(&x->c);
	jc = MX(R15, RDX, 8, offsetof(struct tcg_view, jc));
	x_alu_rm(&x->c, ALU_CMP, W, RAX, jc);
	x_fix(x_jcc(&x->c, CC_NE), out->lookup - x->delta);
	jc.disp += 8;
	x_rm(&x->c, 0xff, 4, jc);

	/* rax = target of a return that did not match: the stack's pairs are worthless */
	out->ret_miss = here(x);
	x_ld(&x->c, RSP, HEAD(ret_base));
	x_rm(&x->c, 0x83, ALU_CMP, HEAD(poll));	/* a loop may consist of such returns alone */
	b1(&x->c, 0);
	x_fix(x_jcc(&x->c, CC_NE), (uint8_t *)(uintptr_t)out->leave_at - x->delta);
	jc_index(&x->c);
	jc = MX(R15, RDX, 8, offsetof(struct tcg_view, jc));
	x_alu_rm(&x->c, ALU_CMP, W, RAX, jc);
	x_fix(x_jcc(&x->c, CC_NE), out->lookup - x->delta);
	jc.disp += 8;
	x_rm(&x->c, 0xff, 4, jc);

	/*
	 * A return to JC_EMPTY, which the words below the empty return stack answer to: at each
	 * second of them lies this address, and the pc behind it.
	 */
	out->ret_empty = here(x);
	x_ld(&x->c, RAX, M(RSP, 0));
	x_fix(x_jmp(&x->c), (uint8_t *)(uintptr_t)out->ret_miss - x->delta);

}

/* The request is in cpu_fast.desc; every register is kept but the flags. */
static void do_soft_fp(struct ctx *x, const void *fn, struct emit_thunks *out)
{
	out->soft_fp = here(x);
	to_c(x);
	x_push(&x->c, RAX);
	x_push(&x->c, RDX);
	x_mov_rr(&x->c, RDI, RBP);
	x_ld(&x->c, RSI, FAST(desc));
	call_c(x, fn);
	x_pop(&x->c, RDX);
	x_pop(&x->c, RAX);
	from_c(x);
	b1(&x->c, 0xc3);
}

int emit_thunks(uint8_t *rw, ptrdiff_t rx_delta, size_t cap, const struct isa_tcg *tcg,
		const struct emit_runtime *rt, struct emit_thunks *out)
{
	struct ctx x = { .c = { rw, rw, rw + cap }, .tcg = tcg, .delta = rx_delta };

	if (cap < 8192)
		return -ENOSPC;
	pins_of(tcg, x.pin);
	out->start = rw + rx_delta;
	do_enter(&x, out);
	do_mem(&x, rt, out);
	out->find = do_find(&x, (const void *)rt->int_lookup);
	out->lookup = do_lookup(&x, out->find);
	out->safe = do_find(&x, (const void *)rt->int_safe);
	out->link = do_find(&x, (const void *)rt->int_link);
	out->call_int = do_call(&x, false);
	out->call_full = do_call(&x, true);
	do_call_sync(&x, out);
	do_soft_fp(&x, (const void *)rt->int_soft_fp, out);
	do_small(&x, out);
	out->end = x.c.p + rx_delta;
	return (int)(x.c.p - rw);
}

void emit_init_cpu(void *state)
{
	struct cpu_fast *f = CPU_FAST(state);

	memset(f, 0, sizeof(*f));
	f->c_sign64[0] = BIT(63);
	f->c_abs64[0] = ~BIT(63);
	f->c_sign32[0] = BIT(31);
	f->c_abs32[0] = ~BIT(31);
	f->c_box[0] = UINT64_C(0xffffffff00000000);
	f->c_nan64[0] = UINT64_C(0x7ff8000000000000);
	f->c_nan32[0] = UINT64_C(0xffffffff7fc00000);
}
