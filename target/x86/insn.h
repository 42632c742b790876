/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prototypes of the functions that insn_*.def names: true, or false: #UD. */
#ifndef TARGET_X86_INSN_H
#define TARGET_X86_INSN_H

#include "target/x86/decode.h"

#define ROWS(map, opcode, count, pp, ext, name, operands, trans, feature, flags) \
	bool x86_trans_##trans(struct x86_ctx *ctx, const struct x86_insn *i);
#define ROW(map, opcode, pp, ext, name, operands, trans, feature, flags) \
	bool x86_trans_##trans(struct x86_ctx *ctx, const struct x86_insn *i);
#include "target/x86/insn_all.def"
#undef ROW
#undef ROWS

#endif
