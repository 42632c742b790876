/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Value of a pure integer operation on constants: what the builder folds with. */
#ifndef TCG_EVAL_H
#define TCG_EVAL_H

#include "tcg/ir.h"

bool ir_eval_cc(enum ir_cc cc, enum ir_type ty, uint64_t a, uint64_t b);
/* false: not an operation that is folded */
bool ir_eval1(enum ir_opcode op, enum ir_type ty, uint64_t a, uint64_t *r);
bool ir_eval2(enum ir_opcode op, enum ir_type ty, uint64_t a, uint64_t b, uint64_t *r);

#endif
