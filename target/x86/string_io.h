/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Repeated string instructions and port I/O, called by translated code. */
#ifndef TARGET_X86_STRING_IO_H
#define TARGET_X86_STRING_IO_H

#include "target/x86/state.h"

enum x86_string { X86_MOVS, X86_STOS, X86_LODS, X86_CMPS, X86_SCAS, X86_INS, X86_OUTS };
enum { X86_REP_NONE, X86_REP_E, X86_REP_NE };

/* The instruction as helpers get it. */
#define X86_STRING_HOW(kind, size, adsize, sreg, rep) \
	((kind) | (size) << 4 | (adsize) << 8 | (sreg) << 12 | (rep) << 16)

/*
 * An ir_helper (SYNC, LEAVE): goes on where the registers say, until the count is used up, an
 * exception, or somebody wants the loop; then pc stays at the instruction.
 */
uint64_t x86_help_string(void *state, uint64_t how, uint64_t unused);

/* May the current program use [port, port + size)? 0, or -1 with #GP (or #PF) raised. */
int x86_io_check(struct x86_state *s, uint16_t port, unsigned size);
/* ir_helper (LEAVE). how: port | size << 16 */
uint64_t x86_help_in(void *state, uint64_t how, uint64_t unused);
uint64_t x86_help_out(void *state, uint64_t how, uint64_t v);

#endif
