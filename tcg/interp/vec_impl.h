/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the reference of vector operations: one operation under way, and its parts. */
#ifndef TCG_INTERP_VEC_IMPL_H
#define TCG_INTERP_VEC_IMPL_H

#include "tcg/interp/vec.h"

struct vop {
	unsigned op;		/* enum vec_op */
	uint8_t imm;
	bool sse;		/* V_MERGE: what the SSE encoding does */
	unsigned n;		/* bytes that the operation works on: 16 or 32 */
	union vreg a, b, c;
	union vreg *o;		/* zero at first */
	uint64_t x;		/* integer in, or out */
	struct sf_env *env;
};

/* o->f[i] = expr for each element; A, B, C: the operands, O: the result */
#define A (v->a)
#define B (v->b)
#define C (v->c)
#define O (*v->o)
#define ELEMENTS(f) (v->n / (unsigned)sizeof(O.f[0]))
#define EACH(f, expr) do { for (unsigned i = 0; i < ELEMENTS(f); i++) O.f[i] = (expr); } while (0)

/* Each handles its operations and says whether this was one. */
bool vec_move(struct vop *v);		/* vec_move.c: moves, shuffles, blends, extracts */
bool vec_integer(struct vop *v);	/* vec_int.c: arithmetic, shifts, compares */
bool vec_float(struct vop *v);		/* vec_fp.c */
bool vec_convert(struct vop *v);	/* vec_cvt.c */
bool vec_crypto(struct vop *v);		/* vec_crypto.c */

#endif
