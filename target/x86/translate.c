// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From guest code to a block of IR: decoding, what makes an instruction undefined beyond its
 * encoding, ways out. A block goes on through forward jumps inside its page and through
 * conditional branches that are not taken.
 */
#include "target/x86/translate.h"

#include "target/x86/cpu.h"
#include "target/x86/helper.h"
#include "target/x86/insn.h"
#include "target/x86/tcg.h"

static unsigned key_bits(uint32_t key)
{
	return key & X86_KEY_CODE64 ? 64 : key & X86_KEY_CODE32 ? 32 : 16;
}

unsigned x86_insn_len(const uint8_t *code, unsigned avail, uint32_t key)
{
	struct x86_insn i;

	switch (x86_decode(&i, code, avail, key_bits(key))) {
	case X86_MORE:
		return avail + 1;
	case X86_TOO_LONG:
		return X86_MAX_LEN;
	default:
		return i.len ? i.len : 1;
	}
}

/* --- ways out --- */

static void leave_exception(void *state, uint64_t vector, uint64_t error)
{
	x86_exception(state, (enum x86_vector)vector, (int64_t)error >= 0, (uint32_t)error);
}

void x86_raise(struct x86_ctx *ctx, enum x86_vector v, int error)
{
	x86_end_fn(ctx, leave_exception, x86_imm(ctx, v), x86_imm(ctx, (uint64_t)(int64_t)error));
}

void x86_end_fn(struct x86_ctx *ctx, ir_leave fn, ir_val a, ir_val x)
{
	ir_exit_fn(ctx->b, fn, a, x);
	ctx->done = true;
}

void x86_end_lookup(struct x86_ctx *ctx)
{
	ir_lookup(ctx->b, ctx->next);
	ctx->done = true;
}

ir_val x86_call(struct x86_ctx *ctx, ir_helper fn, ir_val a, ir_val x)
{
	ir_val t = ir_tmp(ctx->b);

	ir_call(ctx->b, IRH_SYNC | IRH_LEAVE, t, fn, a, x);
	x86_flags_unknown(ctx);
	return t;
}

ir_val x86_call_light(struct x86_ctx *ctx, ir_helper fn, ir_val a, ir_val x)
{
	ir_val t = ir_tmp(ctx->b);

	ir_call(ctx->b, IRH_LEAVE, t, fn, a, x);
	return t;
}

ir_val x86_call_pure(struct x86_ctx *ctx, ir_helper fn, ir_val a, ir_val x)
{
	ir_val t = ir_tmp(ctx->b);

	ir_call(ctx->b, IRH_INT_ONLY | IRH_PURE, t, fn, a, x);
	return t;
}

ir_val x86_rip_of(struct x86_ctx *ctx, uint64_t linear)
{
	ir_val base;

	if (ctx->key & X86_KEY_CS0)
		return ir_pc(ctx->b, linear);
	base = ir_tmp(ctx->b);
	ir_lds(ctx->b, base, offsetof(struct x86_state, seg[X86_CS].base), MO_64);
	return ir_get2(ctx->b, IR_SUB, IR_I32, ir_pc(ctx->b, linear), base);
}

uint64_t x86_help_seg(void *state, uint64_t off, uint64_t how)
{
	uint64_t lin = 0;

	x86_seg_check(state, how & 0xff, off, how >> 8 & 0xff, how >> 16 & 1, &lin);
	return lin;
}

/* --- what an instruction needs --- */

bool x86_has(const struct x86_ctx *ctx, const char *feature)
{
	return !ctx->model || x86_feature_in(&ctx->model->features, feature);
}

static bool has_feature(const struct x86_ctx *ctx, const struct x86_row *row)
{
	const struct x86_feature *f = x86_row_feature(row);

	return !f || !ctx->model || ctx->model->features.w[f->word] >> f->bit & 1;
}

/*
 * SDM volume 2, the tables of exception conditions of each group of instructions; EM and TS are
 * told apart by C code, being one bit of the key.
 */
static void leave_no_unit(void *state, uint64_t flags, uint64_t unused)
{
	struct x86_state *s = state;

	if (flags & X86_F_AVX) {
		if (!(s->cr4 & X86_CR4_OSXSAVE) || (s->xcr0 & 6) != 6) {
			x86_ud(s);
			return;
		}
	} else if (flags & (X86_F_SSE | X86_F_MMX)) {
		if (s->cr0 & X86_CR0_EM ||
		    (flags & X86_F_SSE && !(s->cr4 & X86_CR4_OSFXSR))) {
			x86_ud(s);
			return;
		}
	}
	x86_exception(s, X86_NM, false, 0);
}

/* False: the exception is in the block. */
static bool allowed(struct x86_ctx *ctx, const struct x86_insn *i)
{
	uint32_t f = i->row->flags, key = ctx->key;
	bool real = !(key & X86_KEY_PROT) || key & X86_KEY_VM86;

	if ((f & X86_F_PROT && real) || !has_feature(ctx, i->row) ||
	    (f & X86_F_AVX && real)) {
		x86_raise(ctx, X86_UD, -1);
		return false;
	}
	if (f & X86_F_CPL0 && ctx->cpl) {
		x86_raise(ctx, X86_GP, 0);
		return false;
	}
	if ((f & X86_F_AVX && key & X86_KEY_NO_AVX) || (f & X86_F_SSE && key & X86_KEY_NO_SSE) ||
	    (f & (X86_F_FPU | X86_F_MMX) && key & X86_KEY_NO_FPU)) {
		x86_end_fn(ctx, leave_no_unit, x86_imm(ctx, f), x86_imm(ctx, 0));
		return false;
	}
	return true;
}

/* --- looking ahead --- */

enum ahead { AHEAD_STOP, AHEAD_PASS, AHEAD_KILL };

/* Does it leave all flags alone, or set all of them without looking; and cannot fault? */
static enum ahead ahead(const struct x86_insn *i)
{
	bool (*const t)(struct x86_ctx *, const struct x86_insn *) = i->row->trans;
	unsigned n;

	if (t == x86_trans_lea)
		return AHEAD_PASS;
	for (n = 0; n < i->nr_opnds; n++)
		if (i->opnd[n].kind == X86_O_MEM)
			return AHEAD_STOP;
	if (t == x86_trans_mov || t == x86_trans_movzx || t == x86_trans_movsx ||
	    t == x86_trans_xchg || t == x86_trans_not || t == x86_trans_cbw || t == x86_trans_cwd)
		return AHEAD_PASS;
	if (t == x86_trans_add || t == x86_trans_sub || t == x86_trans_and || t == x86_trans_or ||
	    t == x86_trans_xor || t == x86_trans_cmp || t == x86_trans_test ||
	    t == x86_trans_neg || t == x86_trans_imul)
		return AHEAD_KILL;
	if ((t == x86_trans_shl || t == x86_trans_shr || t == x86_trans_sar) &&
	    i->opnd[1].kind == X86_O_IMM && i->imm[i->opnd[1].reg] & 31)
		return AHEAD_KILL;
	return AHEAD_STOP;
}

bool x86_flags_dead(const struct x86_ctx *ctx)
{
	const struct ir_block *b = ctx->b;
	uint64_t off = ctx->next - b->pc;
	struct x86_insn i;
	unsigned n;

	/* with checks of debug registers and alignment blocks end early */
	if (ctx->key & (X86_KEY_SINGLE | X86_KEY_DEBUG | X86_KEY_AC) ||
	    b->nr_ops > IR_MAX_OPS / 2 || b->nr_vals > IR_MAX_VALS / 2)
		return false;
	/* they have to be in this block */
	for (n = 0; n < 4 && b->nr_insns + n < b->max_insns; n++, off += i.len) {
		if (off >= ctx->fetch->avail ||
		    x86_decode(&i, ctx->fetch->code + off, ctx->fetch->avail - (unsigned)off,
			       ctx->bits) != X86_DECODED)
			return false;
		switch (ahead(&i)) {
		case AHEAD_KILL:
			return true;
		case AHEAD_PASS:
			break;
		default:
			return false;
		}
	}
	return false;
}

/* --- the block --- */

static void translate_insn(struct x86_ctx *ctx, const struct x86_insn *i,
			   enum x86_decode_result res)
{
	ctx->insn = i;
	ctx->next = ctx->pc + i->len;
	if (ctx->bits != 64)
		ctx->next = (uint32_t)ctx->next;
	ir_insn(ctx->b, ctx->pc, i->len);
	if (ctx->key & X86_KEY_DEBUG)
		x86_call_light(ctx, x86_help_break, ir_pc(ctx->b, ctx->pc), IR_NONE);
	if (res == X86_TOO_LONG)
		x86_raise(ctx, X86_GP, 0);
	else if (res == X86_UNDEFINED)
		x86_raise(ctx, X86_UD, -1);
	else if (allowed(ctx, i) && !i->row->trans(ctx, i))
		x86_raise(ctx, X86_UD, -1);
}

/*
 * C code may have written memory, the rest of the block among it, which must then be the new code:
 * stores of the block's own are seen to by the engine (isa_tcg.coherent_code).
 */
static bool helper_may_store(const struct ir_block *b, unsigned from)
{
	for (; from < b->nr_ops; from++) {
		const struct ir_op *op = &b->ops[from];

		if (op->op == IR_CALL &&
		    (op->ty & IRH_SYNC || (op->ty & (IRH_LEAVE | IRH_INT_ONLY)) == IRH_LEAVE))
			return true;
	}
	return false;
}

void x86_translate(struct ir_block *b, const struct ir_fetch *f)
{
	struct x86_ctx ctx = {
		.b = b, .fetch = f, .key = b->key, .pc = b->pc, .page_end = b->pc + f->avail,
		.model = b->env ? b->env->model : NULL, .bits = (uint8_t)key_bits(b->key),
		.cpl = b->key >> X86_KEY_CPL_SHIFT & 3,
	};
	enum x86_decode_result res;
	struct x86_insn insn;
	unsigned first;

	while (!ctx.done) {
		uint64_t off = ctx.pc - b->pc;

		res = X86_MORE;
		if (off < f->avail)
			res = x86_decode(&insn, f->code + off, f->avail - (unsigned)off, ctx.bits);
		if (res == X86_MORE || b->full || b->nr_insns >= b->max_insns) {
			ir_exit(b, ctx.pc);
			return;
		}
		if (res != X86_DECODED && !insn.len)
			insn.len = 1;
		first = b->nr_ops;
		translate_insn(&ctx, &insn, res);
		if (!ctx.done && helper_may_store(b, first)) {
			ir_exit(b, ctx.next);
			return;
		}
		ctx.pc = ctx.next;
	}
}
