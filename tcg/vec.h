/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of the vector operations (vec.def) and what a front end may ask of them. */
#ifndef TCG_VEC_H
#define TCG_VEC_H

#include <stdbool.h>
#include <stdint.h>

#include "tcg/ir.h"

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
	/* which modes there are (enum vec_mode); none of these: all three */
	VOF_128 = 4,		/* no 256-bit form */
	VOF_256 = 8,		/* only that */
	VOF_VEX = 16,		/* no SSE form: not V_MERGE */
	VOF_SSE = 32,		/* only that: V_MERGE */
};
extern const struct vec_info { const char *name; uint8_t kind, nargs, flags; } vec_info[VOP_NR];

/*
 * V_MERGE into a temporary leaves its bits 128 to 255 zero. VOP_EXTRACTI128 reads 256 bits in
 * either mode and zeroes the upper half.
 */
bool vec_mode_ok(enum vec_op op, enum vec_mode mode);

#endif
