/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of the extended state in guest memory; helpers of IR_CALL. */
#ifndef TARGET_X86_XSAVE_H
#define TARGET_X86_XSAVE_H

#include "target/x86/state.h"

enum {				/* how */
	X86_XS_WIDE = 1,	/* REX.W: 64-bit pointers */
	X86_XS_OPT = 2,		/* XSAVEOPT */
	X86_XS_COMPACT = 4,	/* XSAVEC, XSAVES */
	X86_XS_SUPERVISOR = 8,	/* XSAVES, XRSTORS: with IA32_XSS */
};

uint64_t x86_fxsave(void *state, uint64_t lin, uint64_t wide);
uint64_t x86_fxrstor(void *state, uint64_t lin, uint64_t wide);
uint64_t x86_xsave(void *state, uint64_t lin, uint64_t how);
uint64_t x86_xrstor(void *state, uint64_t lin, uint64_t how);
uint64_t x86_ldmxcsr(void *state, uint64_t v, uint64_t unused);
uint64_t x86_stmxcsr(void *state, uint64_t unused, uint64_t unused2);

/* Components that are not in their initial configuration (XGETBV of 1: and XCR0). */
uint64_t x86_xinuse(const struct x86_state *s);

#endif
