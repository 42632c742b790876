// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Translation of segment, privilege and interrupt instructions. What kernels do all the time
 * (STI, CLI, PUSHF, POPF, SWAPGS, segment registers of real mode) is inline, the rest C code.
 */
#include "target/x86/far.h"
#include "target/x86/insn.h"
#include "target/x86/smm.h"
#include "target/x86/translate.h"

#define OFF(member) ((uint32_t)offsetof(struct x86_state, member))
#define SEG_OFF(n, member) \
	((uint32_t)(offsetof(struct x86_state, seg) + (n) * sizeof(struct x86_seg) + \
		    offsetof(struct x86_seg, member)))

static ir_val lds(struct x86_ctx *ctx, uint32_t off, uint32_t memop)
{
	ir_val v = ir_tmp(ctx->b);

	ir_lds(ctx->b, v, off, memop);
	return v;
}

static ir_val op(struct x86_ctx *ctx, enum ir_opcode opcode, ir_val a, uint64_t c)
{
	return ir_get2(ctx->b, opcode, IR_I64, a, x86_imm(ctx, c));
}

static ir_val arg(struct x86_ctx *ctx, const struct x86_insn *i, unsigned sel)
{
	return x86_imm(ctx, X86_LEAVE_ARG(i->len, i->opsize, sel));
}

static bool end(struct x86_ctx *ctx, const struct x86_insn *i, ir_leave fn, ir_val a,
		unsigned sel)
{
	x86_end_fn(ctx, fn, a, arg(ctx, i, sel));
	return true;
}

/*
 * What changes privilege thousands of times a second goes on without the engine, unless there is
 * something to look at first.
 */
static void may_go_on(struct x86_state *s)
{
	if (s->single || s->int_shadow || s->exc_pending || s->rflags & X86_FLAG_TF ||
	    s->dr7 & 0xff || (s->irq_waiting && s->rflags & X86_FLAG_IF))
		atomic_store(&CPU_HEAD(s)->poll, 1);
}

#define GO_ON(name)							\
	static void go_##name(void *state, uint64_t a, uint64_t x)	\
	{								\
		x86_leave_##name(state, a, x);				\
		may_go_on(state);					\
	}
GO_ON(syscall)
GO_ON(sysret)
GO_ON(sysenter)
GO_ON(sysexit)

static void go_iret(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	bool masked = s->nmi_masked;

	x86_leave_iret(state, a, x);
	may_go_on(s);
	if (masked)		/* the next one may wait already */
		atomic_store(&CPU_HEAD(s)->poll, 1);
}

static bool end_on(struct x86_ctx *ctx, const struct x86_insn *i, ir_leave fn)
{
	ir_exit_fn_on(ctx->b, fn, x86_imm(ctx, 0), arg(ctx, i, 0));
	ctx->done = true;
	return true;
}

static bool real_or_vm(const struct x86_ctx *ctx)
{
	return !(ctx->key & X86_KEY_PROT) || ctx->key & X86_KEY_VM86;
}

/* --- far transfers --- */

bool x86_trans_jmp_far(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end(ctx, i, x86_leave_jmp_far, x86_imm(ctx, i->imm[0]), i->sel);
}

bool x86_trans_call_far(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end(ctx, i, x86_leave_call_far, x86_imm(ctx, i->imm[0]), i->sel);
}

/* The pointer of Mp: its offset, and the second argument with its selector. */
static ir_val far_pointer(struct x86_ctx *ctx, const struct x86_insn *i, ir_val *sel)
{
	ir_val lin = x86_ea(ctx, i->opsize + 2u, false), off = ir_tmp(ctx->b);

	*sel = ir_tmp(ctx->b);
	x86_ld(ctx, off, lin, 0, x86_mo(i->opsize));
	x86_ld(ctx, *sel, lin, i->opsize, MO_16);
	return off;
}

static bool far_mem(struct x86_ctx *ctx, const struct x86_insn *i, ir_leave fn)
{
	ir_val sel, off = far_pointer(ctx, i, &sel);

	sel = op(ctx, IR_OR, op(ctx, IR_SHL, sel, 16), X86_LEAVE_ARG(i->len, i->opsize, 0));
	x86_end_fn(ctx, fn, off, sel);
	return true;
}

bool x86_trans_jmp_far_mem(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return far_mem(ctx, i, x86_leave_jmp_far);
}

bool x86_trans_call_far_mem(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return far_mem(ctx, i, x86_leave_call_far);
}

bool x86_trans_ret_far(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end(ctx, i, x86_leave_ret_far, x86_imm(ctx, i->nr_opnds ? i->imm[0] & 0xffff : 0),
		   0);
}

bool x86_trans_iret(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end_on(ctx, i, go_iret);
}

bool x86_trans_int(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end(ctx, i, x86_leave_int, x86_imm(ctx, i->imm[0] & 0xff), 1);
}

bool x86_trans_int3(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end(ctx, i, x86_leave_int, x86_imm(ctx, X86_BP), 0);
}

bool x86_trans_into(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end(ctx, i, x86_leave_into, x86_imm(ctx, 0), 0);
}

bool x86_trans_icebp(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end(ctx, i, x86_leave_icebp, x86_imm(ctx, 0), 0);
}

bool x86_trans_syscall(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end_on(ctx, i, go_syscall);
}

bool x86_trans_sysret(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end_on(ctx, i, go_sysret);
}

bool x86_trans_sysenter(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end_on(ctx, i, go_sysenter);
}

bool x86_trans_sysexit(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end_on(ctx, i, go_sysexit);
}

bool x86_trans_rsm(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return ctx->key & X86_KEY_SMM && end(ctx, i, x86_leave_rsm, x86_imm(ctx, 0), 0);
}

bool x86_trans_undefined(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return false;
}

/* --- segment registers --- */

enum { OPCODE_LSS = 0xb2 };

/* Everything but what comes after the instruction's own writes (loaded()). */
static void load_seg(struct x86_ctx *ctx, unsigned sreg, ir_val sel)
{
	if (!real_or_vm(ctx)) {
		x86_call_light(ctx, x86_help_seg_load, sel, x86_imm(ctx, sreg));
		return;
	}
	sel = ir_get1(ctx->b, IR_ZEXT16, IR_I64, sel);
	ir_sts(ctx->b, SEG_OFF(sreg, selector), sel, MO_32);
	ir_sts(ctx->b, SEG_OFF(sreg, base), op(ctx, IR_SHL, sel, 4), MO_64);
}

static void loaded(struct x86_ctx *ctx, const struct x86_insn *i, unsigned sreg)
{
	if (sreg == X86_SS)
		end(ctx, i, i->opcode == OPCODE_LSS ? x86_leave_lss : x86_leave_shadow,
		    x86_imm(ctx, 0), 0);
	else if (sreg < X86_FS && ctx->bits != 64 && !real_or_vm(ctx))
		x86_end_lookup(ctx);
}

static void store16(struct x86_ctx *ctx, const struct x86_insn *i, ir_val v)
{
	if (i->opnd[0].kind == X86_O_REG)
		x86_reg_put(ctx, i->opnd[0].reg, i->opsize, v);
	else
		x86_st(ctx, x86_ea(ctx, 2, true), 0, v, MO_16);
}

bool x86_trans_mov_from_seg(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned sreg = i->modrm >> 3 & 7;

	if (sreg > X86_GS)
		return false;
	store16(ctx, i, lds(ctx, SEG_OFF(sreg, selector), MO_16));
	return true;
}

bool x86_trans_mov_to_seg(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned sreg = i->modrm >> 3 & 7;

	if (sreg > X86_GS || sreg == X86_CS)
		return false;
	load_seg(ctx, sreg, x86_get(ctx, 1));
	loaded(ctx, i, sreg);
	return true;
}

bool x86_trans_push_seg(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_push(ctx, lds(ctx, SEG_OFF(i->opnd[0].reg, selector), MO_16), i->opsize);
	return true;
}

bool x86_trans_pop_seg(struct x86_ctx *ctx, const struct x86_insn *i)
{
	load_seg(ctx, i->opnd[0].reg, x86_pop_peek(ctx, i->opsize));
	x86_sp_add(ctx, i->opsize);
	loaded(ctx, i, i->opnd[0].reg);
	return true;
}

bool x86_trans_load_far(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned sreg = i->opcode == 0xc4 ? X86_ES : i->opcode == 0xc5 ? X86_DS :
			i->opcode == OPCODE_LSS ? X86_SS : i->opcode == 0xb4 ? X86_FS : X86_GS;
	ir_val sel, off = far_pointer(ctx, i, &sel);

	load_seg(ctx, sreg, sel);
	x86_reg_put(ctx, i->opnd[0].reg, i->opsize, off);
	loaded(ctx, i, sreg);
	return true;
}

/* --- system tables --- */

static void umip(struct x86_ctx *ctx)
{
	if (ctx->cpl)
		x86_call_light(ctx, x86_help_umip, x86_imm(ctx, 0), x86_imm(ctx, 0));
}

bool x86_trans_sldt(struct x86_ctx *ctx, const struct x86_insn *i)
{
	umip(ctx);
	store16(ctx, i, lds(ctx, SEG_OFF(X86_LDT, selector), MO_16));
	return true;
}

bool x86_trans_str(struct x86_ctx *ctx, const struct x86_insn *i)
{
	umip(ctx);
	store16(ctx, i, lds(ctx, SEG_OFF(X86_TR, selector), MO_16));
	return true;
}

bool x86_trans_smsw(struct x86_ctx *ctx, const struct x86_insn *i)
{
	umip(ctx);
	store16(ctx, i, lds(ctx, OFF(cr0), MO_64));
	return true;
}

bool x86_trans_lldt(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call_light(ctx, x86_help_lldt, x86_get(ctx, 0), x86_imm(ctx, 0));
	return true;
}

bool x86_trans_ltr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call_light(ctx, x86_help_ltr, x86_get(ctx, 0), x86_imm(ctx, 0));
	return true;
}

bool x86_trans_verify(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_verify, x86_get(ctx, 0), x86_imm(ctx, i->modrm >> 3 & 1));
	return true;
}

static ir_val dest(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return x86_imm(ctx, X86_LEAVE_ARG(i->opnd[0].reg, i->opsize, 0));
}

bool x86_trans_lar(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_lar, x86_get(ctx, 1), dest(ctx, i));
	return true;
}

bool x86_trans_lsl(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_lsl, x86_get(ctx, 1), dest(ctx, i));
	return true;
}

/* Memory is written only where the requested privilege grows: C code. */
bool x86_trans_arpl(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct ir_block *b = ctx->b;
	ir_val dst, rpl, less, v, f;

	if (i->opnd[0].kind == X86_O_MEM) {
		ir_val lin = x86_ea(ctx, 2, false);

		x86_call(ctx, x86_help_arpl, lin,
			 op(ctx, IR_OR, x86_get(ctx, 1), (uint64_t)i->sreg << 16));
		return true;
	}
	dst = x86_get(ctx, 0);
	rpl = op(ctx, IR_AND, x86_get(ctx, 1), 3);
	less = ir_tmp(b);
	ir_setc(b, IR_LTU, IR_I64, less, op(ctx, IR_AND, dst, 3), rpl);
	v = ir_tmp(b);
	ir_select(b, IR_NE, IR_I64, v, less, x86_imm(ctx, 0),
		  ir_get2(b, IR_OR, IR_I64, op(ctx, IR_AND, dst, 0xfffc), rpl), dst);
	f = op(ctx, IR_AND, x86_flags_get(ctx), X86_FLAGS_ARITH & ~X86_FLAG_ZF);
	f = ir_get2(b, IR_OR, IR_I64, f, op(ctx, IR_SHL, less, 6));
	x86_reg_put(ctx, i->opnd[0].reg, 2, v);
	x86_flags_packed(ctx, f);
	return true;
}

/* SGDT, SIDT, LGDT, LIDT: a limit of 16 bits and a base of 24, 32 or 64. */
bool x86_trans_sgdt(struct x86_ctx *ctx, const struct x86_insn *i)
{
	bool idt = i->modrm >> 3 & 1;
	ir_val lin;

	umip(ctx);
	lin = x86_ea(ctx, ctx->bits == 64 ? 10 : 6, true);
	x86_st(ctx, lin, 0, lds(ctx, idt ? OFF(idtr.limit) : OFF(gdtr.limit), MO_16), MO_16);
	x86_st(ctx, lin, 2, lds(ctx, idt ? OFF(idtr.base) : OFF(gdtr.base), MO_64),
	       ctx->bits == 64 ? MO_64 : MO_32);
	return true;
}

bool x86_trans_lgdt(struct x86_ctx *ctx, const struct x86_insn *i)
{
	unsigned idt = i->modrm >> 3 & 1;
	ir_val lin = x86_ea(ctx, ctx->bits == 64 ? 10 : 6, false);
	ir_val limit = ir_tmp(ctx->b), base = ir_tmp(ctx->b);

	x86_ld(ctx, limit, lin, 0, MO_16);
	x86_ld(ctx, base, lin, 2, ctx->bits == 64 ? MO_64 : MO_32);
	if (ctx->bits != 64 && i->opsize == 2)
		base = op(ctx, IR_AND, base, 0xffffff);
	x86_call_light(ctx, x86_help_dtable, base, op(ctx, IR_OR, limit, idt << 16));
	return true;
}

bool x86_trans_lmsw(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call_light(ctx, x86_help_lmsw, x86_get(ctx, 0), x86_imm(ctx, 0));
	x86_end_lookup(ctx);
	return true;
}

bool x86_trans_clts(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call_light(ctx, x86_help_clts, x86_imm(ctx, 0), x86_imm(ctx, 0));
	x86_end_lookup(ctx);
	return true;
}

bool x86_trans_swapgs(struct x86_ctx *ctx, const struct x86_insn *i)
{
	uint32_t gs = SEG_OFF(X86_GS, base), other = OFF(kernel_gs_base);
	ir_val a = lds(ctx, gs, MO_64), b = lds(ctx, other, MO_64);

	ir_sts(ctx->b, gs, b, MO_64);
	ir_sts(ctx->b, other, a, MO_64);
	return true;
}

/* --- waiting --- */

bool x86_trans_hlt(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return end(ctx, i, x86_leave_hlt, x86_imm(ctx, 0), 0);
}

bool x86_trans_monitor(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return true;		/* MWAIT waits for interrupts only: it may end at any time */
}

bool x86_trans_pause(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call_light(ctx, x86_help_pause, x86_imm(ctx, 0), x86_imm(ctx, 0));
	return true;
}

/* --- interrupts and flags --- */

bool x86_trans_cli(struct x86_ctx *ctx, const struct x86_insn *i)
{
	if (ctx->cpl)
		x86_call_light(ctx, x86_help_cli, x86_imm(ctx, 0), x86_imm(ctx, 0));
	else
		ir_sts(ctx->b, OFF(rflags),
		       op(ctx, IR_AND, lds(ctx, OFF(rflags), MO_64), ~(uint64_t)X86_FLAG_IF),
		       MO_64);
	return true;
}

/*
 * The instruction behind STI goes without interrupts. Where none waits, that needs nothing, as
 * long as the two lie in one block: interrupts are looked at between blocks only.
 */
bool x86_trans_sti(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct ir_block *b = ctx->b;

	if (ctx->cpl || !x86_short_form(ctx) || ctx->next + X86_MAX_LEN > ctx->page_end ||
	    b->nr_insns >= b->max_insns || b->nr_ops > IR_MAX_OPS / 2 ||
	    b->nr_vals > IR_MAX_VALS / 2)
		return end(ctx, i, x86_leave_sti, x86_imm(ctx, 0), 0);
	ir_guard(b, OFF(irq_waiting), 0);
	ir_sts(b, OFF(rflags), op(ctx, IR_OR, lds(ctx, OFF(rflags), MO_64), X86_FLAG_IF), MO_64);
	return true;
}

bool x86_trans_pushf(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val v;

	if (ctx->key & X86_KEY_VM86)
		x86_call_light(ctx, x86_help_vm_iopl, x86_imm(ctx, 0), x86_imm(ctx, 0));
	v = op(ctx, IR_AND, lds(ctx, OFF(rflags), MO_64),
	       ~(uint64_t)(X86_FLAGS_ARITH | X86_FLAG_RF | X86_FLAG_VM));
	x86_push(ctx, ir_get2(ctx->b, IR_OR, IR_I64, v, x86_flags_get(ctx)), i->opsize);
	return true;
}

bool x86_trans_popf(struct x86_ctx *ctx, const struct x86_insn *i)
{
	struct ir_block *b = ctx->b;
	/* single step and alignment checks are part of the mode; other rings may not touch IF */
	uint64_t hard = X86_FLAG_TF | (i->opsize > 2 ? X86_FLAG_AC : 0) |
			(ctx->cpl ? X86_FLAG_IF : 0);
	uint64_t easy = X86_FLAG_DF | X86_FLAG_NT | (i->opsize > 2 ? X86_FLAG_ID : 0) |
			(ctx->cpl ? 0 : X86_FLAG_IF | X86_FLAG_IOPL);
	ir_val v, old, slow;

	if (!x86_short_form(ctx) || ctx->key & X86_KEY_VM86)
		return end(ctx, i, x86_leave_popf, x86_imm(ctx, 0), 0);
	v = x86_pop_peek(ctx, i->opsize);
	old = lds(ctx, OFF(rflags), MO_64);
	slow = ir_tmp(b);
	ir_setc(b, IR_NE, IR_I64, slow,
		op(ctx, IR_AND, ir_get2(b, IR_XOR, IR_I64, v, old), hard), x86_imm(ctx, 0));
	if (!ctx->cpl) {
		ir_val on = op(ctx, IR_SHR, v, 9);

		on = ir_get2(b, IR_AND, IR_I64, on, lds(ctx, OFF(irq_waiting), MO_8));
		slow = ir_get2(b, IR_OR, IR_I64, slow, on);
	}
	ir_sts(b, OFF(guard), slow, MO_8);
	ir_guard(b, OFF(guard), 0);
	old = op(ctx, IR_AND, old, ~(easy | X86_FLAG_RF));
	ir_sts(b, OFF(rflags), ir_get2(b, IR_OR, IR_I64, old, op(ctx, IR_AND, v, easy)), MO_64);
	x86_sp_add(ctx, i->opsize);
	x86_flags_packed(ctx, v);
	return true;
}
