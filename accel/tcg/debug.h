/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -d in_asm,ir,out_asm and the perf map. */
#ifndef ACCEL_TCG_DEBUG_H
#define ACCEL_TCG_DEBUG_H

#include "accel/tcg/tcg.h"

void debug_guest(struct tcg_cpu *c, const struct ir_block *b, const uint8_t *code, unsigned avail);
void debug_host(struct tcg_cpu *c, const struct tb *tb, const struct ir_block *b,
		const struct emit_block *e);

/*
 * The host code of the block just translated by this thread: from its n-th
 * guest instruction (1: first) on.
 */
void debug_host_last(const struct tb *tb, unsigned n);
void debug_host_code(const uint8_t *code, size_t n, uint64_t at);

#endif
