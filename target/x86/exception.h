/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions beyond what helpers raise (helper.h). */
#ifndef TARGET_X86_EXCEPTION_H
#define TARGET_X86_EXCEPTION_H

#include "target/x86/helper.h"

/* s->int_shadow */
enum { X86_SHADOW_MOV_SS = 1, X86_SHADOW_STI = 2 };

enum { X86_MP_HALTED = 3 };	/* s->mp_state: HLT, waiting for an interrupt */

/* Bits of DR6. */
enum { X86_DR6_BD = 1 << 13, X86_DR6_BS = 1 << 14, X86_DR6_BT = 1 << 15 };
/* #DB at the instruction at s->pc, with its reason put in DR6 (the lowest four: breakpoints). */
void x86_debug_exception(struct x86_state *s, uint64_t why);

/* debug.c: a port is accessed while DR7 enables something. */
void x86_watch_port(struct x86_state *s, uint16_t port, unsigned size);

#endif
