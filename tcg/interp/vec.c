/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tcg/interp/vec.h"

#include "tcg/interp/vec_impl.h"
#include "tcg/isa_tcg.h"

#include <string.h>

struct sf_env interp_vec_env(unsigned fp_round)
{
	return (struct sf_env){
		.round = fp_round & FP_CTL_ROUND,
		.nan = SF_NAN_X86,
		.ftz = fp_round & FP_CTL_FTZ ? SF_FTZ_X86 : SF_FTZ_OFF,
		.daz = fp_round & FP_CTL_DAZ ? SF_DAZ_X86 : SF_DAZ_OFF,
	};
}

uint64_t interp_vec(uint32_t aux, union vreg *out, const union vreg in[3], uint64_t x,
		    struct sf_env *env)
{
	union vreg result;
	struct vop v = {
		.op = VOP_OP(aux),
		.imm = VOP_IMM(aux),
		.sse = VOP_MODE(aux) == V_MERGE,
		.n = VOP_MODE(aux) == V_256 ? 32 : 16,
		.a = in[0],
		.b = in[1],
		.c = in[2],
		.o = &result,
		.x = x,
		.env = env,
	};

	memset(&result, 0, sizeof(result));
	if (!vec_move(&v) && !vec_integer(&v) && !vec_float(&v) && !vec_convert(&v))
		vec_crypto(&v);
	if (vec_info[v.op].kind != VK_VTOI)
		*out = result;
	return v.x;
}
