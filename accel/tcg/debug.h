/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -d in_asm,ir,out_asm and the perf map. */
#ifndef ACCEL_TCG_DEBUG_H
#define ACCEL_TCG_DEBUG_H

#include "accel/tcg/tcg.h"

void debug_guest(struct tcg_cpu *c, const struct ir_block *b, const uint8_t *code, unsigned avail);
void debug_host(struct tcg_cpu *c, const struct tb *tb, const struct ir_block *b, const struct emit_block *e);

#endif
