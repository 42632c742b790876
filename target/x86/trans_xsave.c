// SPDX-License-Identifier: GPL-2.0-or-later
/* Images of the extended state, MXCSR. */
#include "target/x86/insn.h"
#include "target/x86/translate.h"
#include "target/x86/xsave.h"

/* Of segment checks: the least that each touches; what is behind it is checked as memory. */
enum { FX_BYTES = 512, XS_BYTES = 576 };

static bool save(struct x86_ctx *ctx, ir_helper fn, unsigned how, unsigned bytes)
{
	ir_val lin = x86_ea(ctx, bytes, true);

	x86_call(ctx, fn, lin, x86_imm(ctx, how | (ctx->insn->rex_w ? X86_XS_WIDE : 0)));
	return true;
}

/* Behind it operations may be checked or not, and other pages be accessible. */
static bool restore(struct x86_ctx *ctx, ir_helper fn, unsigned how, unsigned bytes)
{
	ir_val lin = x86_ea(ctx, bytes, false);

	x86_call(ctx, fn, lin, x86_imm(ctx, how | (ctx->insn->rex_w ? X86_XS_WIDE : 0)));
	x86_end_lookup(ctx);
	return true;
}

bool x86_trans_fxsave(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return save(ctx, x86_fxsave, 0, FX_BYTES);
}

bool x86_trans_fxrstor(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return restore(ctx, x86_fxrstor, 0, FX_BYTES);
}

bool x86_trans_xsave(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return save(ctx, x86_xsave, 0, XS_BYTES);
}

bool x86_trans_xsaveopt(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return save(ctx, x86_xsave, X86_XS_OPT, XS_BYTES);
}

bool x86_trans_xsavec(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return save(ctx, x86_xsave, X86_XS_COMPACT, XS_BYTES);
}

bool x86_trans_xsaves(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return save(ctx, x86_xsave, X86_XS_COMPACT | X86_XS_SUPERVISOR, XS_BYTES);
}

bool x86_trans_xrstor(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return restore(ctx, x86_xrstor, 0, XS_BYTES);
}

bool x86_trans_xrstors(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return restore(ctx, x86_xrstor, X86_XS_SUPERVISOR, XS_BYTES);
}

bool x86_trans_ldmxcsr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val v = x86_get(ctx, 0);

	x86_call(ctx, x86_ldmxcsr, v, x86_imm(ctx, 0));
	x86_end_lookup(ctx);
	return true;
}

bool x86_trans_stmxcsr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val lin = x86_ea(ctx, 4, true);
	ir_val v = x86_call_light(ctx, x86_stmxcsr, x86_imm(ctx, 0), x86_imm(ctx, 0));

	x86_st(ctx, lin, 0, v, MO_32);
	return true;
}
