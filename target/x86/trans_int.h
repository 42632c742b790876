/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of integer instructions share. */
#ifndef TARGET_X86_TRANS_INT_H
#define TARGET_X86_TRANS_INT_H

#include "target/x86/translate.h"

/* A value that stays when slots are written. */
ir_val x86_copy(struct x86_ctx *ctx, ir_val v);

/* A destination that is read, too: its address is computed once. */
struct x86_dst {
	const struct x86_opnd *o;
	struct x86_addr a;
	ir_val old;	/* bits above the size do not matter; not set where the access is locked */
};
struct x86_dst x86_dst_begin(struct x86_ctx *ctx, unsigned n);
/* Returns what holds the result from here on (low bits), for x86_flags: the slot, if it can. */
ir_val x86_dst_end(struct x86_ctx *ctx, const struct x86_dst *d, ir_val v);
ir_val x86_dst_op2(struct x86_ctx *ctx, const struct x86_dst *d, enum ir_opcode op, ir_val a,
		   ir_val x);

#endif
