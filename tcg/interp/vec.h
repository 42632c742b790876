/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference for vector operations (tcg/vec.def): plain C on bytes and soft float. Nothing
 * here is fast, except in being called.
 */
#ifndef TCG_INTERP_VEC_H
#define TCG_INTERP_VEC_H

#include "tcg/vec.h"
#include "util/softfloat/softfloat.h"

/* A vector value; element 0 is the lowest. The host's byte order is the guest's: little. */
union vreg {
	uint8_t b[32];
	uint16_t w[16];
	uint32_t d[8];
	uint64_t q[4];
};

/* Environment by the value of isa_tcg.fp_round (enum sf_round | FP_CTL_*). */
struct sf_env interp_vec_env(unsigned fp_round);

/*
 * aux: VOP_AUX of a valid operation (vec_mode_ok); in: a, b, c; x: the integer operand of ITOV.
 * VOP and ITOV set all of *out; bits 128 and up are zero with V_MERGE (the caller knows the
 * destination), out may be one of the operands. VTOI returns the integer, without *out.
 * Flags raised are added to env->flags. ZEROUPPER and ZEROALL are the caller's.
 */
uint64_t interp_vec(uint32_t aux, union vreg *out, const union vreg in[3], uint64_t x,
		    struct sf_env *env);

#endif
