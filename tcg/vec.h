/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of the vector operations (vec.def) and what a front end may ask of them. */
#ifndef TCG_VEC_H
#define TCG_VEC_H

#include <stdbool.h>
#include <stdint.h>

enum vec_op {
	VOP_NONE,
#define VOP(name, kind, nargs, flags) VOP_##name,
#include "tcg/vec.def"
#undef VOP
	VOP_NR
};

/* kind: which IR operation carries it */
enum vec_kind { VK_VOP, VK_VTOI, VK_ITOV };
enum {
	VOF_IMM = 1,		/* uses the immediate */
	VOF_FP = 2,		/* raises floating-point flags, rounds as the mode says */
};
extern const struct vec_info { const char *name; uint8_t kind, nargs, flags; } vec_info[VOP_NR];

#endif
