// SPDX-License-Identifier: GPL-2.0-or-later
/* Control and debug registers, MSRs, CPUID, time, caches, fences, hints. */
#include "target/x86/ctl.h"
#include "target/x86/insn.h"
#include "target/x86/translate.h"

static ir_val none(struct x86_ctx *ctx) { return x86_imm(ctx, 0); }

static unsigned width(struct x86_ctx *ctx) { return ctx->bits == 64 ? 8 : 4; }

/* EDX:EAX */
static void put_pair(struct x86_ctx *ctx, ir_val v)
{
	ir_val high = ir_get2(ctx->b, IR_SHR, IR_I64, v, x86_imm(ctx, 32));

	x86_reg_put(ctx, X86_RAX, 4, v);
	x86_reg_put(ctx, X86_RDX, 4, high);
}

static ir_val get_pair(struct x86_ctx *ctx)
{
	ir_val low = x86_reg_get(ctx, X86_RAX, 4), high = x86_reg_get(ctx, X86_RDX, 4);

	high = ir_get2(ctx->b, IR_SHL, IR_I64, high, x86_imm(ctx, 32));
	return ir_get2(ctx->b, IR_OR, IR_I64, high, low);
}

static ir_val field(struct x86_ctx *ctx, size_t off)
{
	ir_val t = ir_tmp(ctx->b);

	ir_lds(ctx->b, t, (uint32_t)off, MO_64);
	return t;
}

/* --- control and debug registers --- */

bool x86_trans_mov_from_cr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val v;

	switch (i->reg) {
	case 0: v = field(ctx, offsetof(struct x86_state, cr0)); break;
	case 2: v = field(ctx, offsetof(struct x86_state, cr2)); break;
	case 3: v = field(ctx, offsetof(struct x86_state, cr3)); break;
	case 4: v = field(ctx, offsetof(struct x86_state, cr4)); break;
	case 8: v = x86_call_light(ctx, x86_help_get_cr, x86_imm(ctx, 8), none(ctx)); break;
	default: return false;
	}
	x86_reg_put(ctx, i->rm, width(ctx), v);
	return true;
}

bool x86_trans_mov_to_cr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	if (i->reg != 0 && i->reg != 2 && i->reg != 3 && i->reg != 4 && i->reg != 8)
		return false;
	x86_call(ctx, x86_help_put_cr, x86_imm(ctx, i->reg),
		 x86_reg_get(ctx, i->rm, width(ctx)));
	x86_end_lookup(ctx);
	return true;
}

bool x86_trans_mov_from_dr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val v = x86_call_light(ctx, x86_help_get_dr, x86_imm(ctx, i->reg), none(ctx));

	x86_reg_put(ctx, i->rm, width(ctx), v);
	return true;
}

bool x86_trans_mov_to_dr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_put_dr, x86_imm(ctx, i->reg),
		 x86_reg_get(ctx, i->rm, width(ctx)));
	x86_end_lookup(ctx);
	return true;
}

/* --- invalidations, caches --- */

bool x86_trans_invlpg(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_invlpg, x86_ea(ctx, 1, false), none(ctx));
	x86_end_lookup(ctx);
	return true;
}

bool x86_trans_invpcid(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val lin = x86_ea(ctx, 16, false);

	x86_call(ctx, x86_help_invpcid, lin, x86_reg_get(ctx, i->reg, width(ctx)));
	x86_end_lookup(ctx);
	return true;
}

/* Caches that nobody can see, hints. */
bool x86_trans_cache_nop(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return true;
}

/* Checked as a load is. */
bool x86_trans_clflush(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_ld(ctx, IR_NONE, x86_ea(ctx, 1, false), 0, MO_8);
	return true;
}

bool x86_trans_lfence(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_fence(ctx->b, IR_FENCE_RR | IR_FENCE_RW);
	return true;
}

bool x86_trans_mfence(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_fence(ctx->b, IR_FENCE_FULL);
	return true;
}

bool x86_trans_sfence(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_fence(ctx->b, IR_FENCE_WW);
	return true;
}

/* --- MSRs, CPUID, time --- */

bool x86_trans_rdmsr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_rdmsr, none(ctx), none(ctx));
	return true;
}

bool x86_trans_wrmsr(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_wrmsr, none(ctx), none(ctx));
	x86_end_lookup(ctx);
	return true;
}

bool x86_trans_cpuid(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_cpuid, none(ctx), none(ctx));
	return true;
}

bool x86_trans_rdtsc(struct x86_ctx *ctx, const struct x86_insn *i)
{
	put_pair(ctx, x86_call_light(ctx, x86_help_rdtsc, none(ctx), none(ctx)));
	return true;
}

bool x86_trans_rdtscp(struct x86_ctx *ctx, const struct x86_insn *i)
{
	put_pair(ctx, x86_call_light(ctx, x86_help_rdtsc, none(ctx), none(ctx)));
	x86_reg_put(ctx, X86_RCX, 4, field(ctx, offsetof(struct x86_state, tsc_aux)));
	return true;
}

bool x86_trans_rdpid(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_reg_put(ctx, i->rm, width(ctx), field(ctx, offsetof(struct x86_state, tsc_aux)));
	return true;
}

bool x86_trans_rdpmc(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_rdpmc, none(ctx), none(ctx));
	return true;
}

bool x86_trans_rdrand(struct x86_ctx *ctx, const struct x86_insn *i)
{
	ir_val v = x86_call_light(ctx, x86_help_random, x86_imm(ctx, i->opsize), none(ctx));

	x86_reg_put(ctx, i->rm, i->opsize, v);
	x86_flags_packed(ctx, x86_imm(ctx, X86_FLAG_CF));
	return true;
}

/* --- XCR0, PKRU, AC --- */

bool x86_trans_xgetbv(struct x86_ctx *ctx, const struct x86_insn *i)
{
	put_pair(ctx, x86_call_light(ctx, x86_help_xgetbv, x86_reg_get(ctx, X86_RCX, 4),
				     none(ctx)));
	return true;
}

bool x86_trans_xsetbv(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_xsetbv, x86_reg_get(ctx, X86_RCX, 4), get_pair(ctx));
	x86_end_lookup(ctx);
	return true;
}

bool x86_trans_rdpkru(struct x86_ctx *ctx, const struct x86_insn *i)
{
	put_pair(ctx, x86_call_light(ctx, x86_help_rdpkru, x86_reg_get(ctx, X86_RCX, 4),
				     none(ctx)));
	return true;
}

bool x86_trans_wrpkru(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_wrpkru, x86_reg_get(ctx, X86_RCX, 4), get_pair(ctx));
	x86_end_lookup(ctx);
	return true;
}

static bool set_ac(struct x86_ctx *ctx, bool on)
{
	if (ctx->cpl)		/* #UD, not #GP */
		return false;
	x86_call_light(ctx, x86_help_set_ac, x86_imm(ctx, on), none(ctx));
	x86_end_lookup(ctx);
	return true;
}

bool x86_trans_stac(struct x86_ctx *ctx, const struct x86_insn *i) { return set_ac(ctx, true); }
bool x86_trans_clac(struct x86_ctx *ctx, const struct x86_insn *i) { return set_ac(ctx, false); }

bool x86_trans_hypercall(struct x86_ctx *ctx, const struct x86_insn *i)
{
	x86_call(ctx, x86_help_hypercall, none(ctx), none(ctx));
	return true;
}

/* --- FSGSBASE --- */

static bool get_base(struct x86_ctx *ctx, const struct x86_insn *i, enum x86_sreg sreg)
{
	ir_val v = x86_call_light(ctx, x86_help_get_base, x86_imm(ctx, sreg), none(ctx));

	x86_reg_put(ctx, i->rm, i->rex_w ? 8 : 4, v);
	return true;
}

static bool put_base(struct x86_ctx *ctx, const struct x86_insn *i, enum x86_sreg sreg)
{
	x86_call_light(ctx, x86_help_put_base, x86_imm(ctx, sreg),
		       x86_reg_get(ctx, i->rm, i->rex_w ? 8 : 4));
	return true;
}

bool x86_trans_rdfsbase(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return get_base(ctx, i, X86_FS);
}

bool x86_trans_rdgsbase(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return get_base(ctx, i, X86_GS);
}

bool x86_trans_wrfsbase(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return put_base(ctx, i, X86_FS);
}

bool x86_trans_wrgsbase(struct x86_ctx *ctx, const struct x86_insn *i)
{
	return put_base(ctx, i, X86_GS);
}
