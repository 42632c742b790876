/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the interpreter: the value of one pure operation. */
#ifndef TCG_INTERP_EVAL_H
#define TCG_INTERP_EVAL_H

#include "tcg/ir.h"

struct sf_env;

/* Integer operations from MOV to MAXU; b is ignored by those with one operand. */
uint64_t interp_alu(enum ir_opcode op, enum ir_type ty, uint64_t a, uint64_t b);
/* The comparison of SETC, SELECT and BRC; ty as in ir_op. */
bool interp_cond(uint8_t ty, uint64_t a, uint64_t b);

/* Floating operations from FADD to FMVFX; env's rounding is the operation's. */
uint64_t interp_fp(const struct ir_op *op, uint64_t a, uint64_t b, uint64_t c, struct sf_env *env,
		   enum ir_fp_policy policy);
/* A 32-bit float as it stands in a floating register. */
uint64_t interp_fp_box(uint32_t v, enum ir_fp_policy policy);

#endif
