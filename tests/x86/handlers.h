/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A processor in 64-bit mode whose every vector has a handler that halts. */
#ifndef TESTS_X86_HANDLERS_H
#define TESTS_X86_HANDLERS_H

#include <stdlib.h>

#include "tests/kvm/harness.h"
#include "tests/x86/layout.h"

enum { HLT = 0xf4, HANDLERS = CODE + 0x1000 };	/* vector i's is at HANDLERS + i */

/* It begins at CODE, its stack at L_STACK. */
static inline struct kt *handlers_new(void)
{
	struct kt *t = kt_new(1, false);
	struct x86_state *s = kt_state(t, 0);

	x86_boot_long(s, CODE, 0, 0);
	for (unsigned i = 0; i < 256; i++) {
		uint32_t at = HANDLERS + i;
		uint64_t gate[2] = { (at & 0xffff) | (uint64_t)s->seg[X86_CS].selector << 16 |
				     UINT64_C(0x8e00) << 32 | (uint64_t)(at >> 16) << 48, 0 };
		uint8_t hlt = HLT;

		kt_put(t, L_IDT + 16 * i, gate, 16);
		kt_put(t, at, &hlt, 1);
	}
	s->idtr = (struct x86_dtable){ L_IDT, 4095 };
	s->gpr[X86_RSP] = L_STACK;
	return t;
}

/* Runs to the HLT of a handler, or of the code: its vector, or -1. */
static inline int to_hlt(struct kt *t)
{
	struct vcpu *v = t->vm.vcpu[0];
	struct x86_state *s = kt_state(t, 0);
	struct err e = { 0 };
	struct vm_exit x;

	CHECK(!vcpu_push(v, &e), "%s", e.msg);
	kt_run(t, 0, &x);
	CHECK(x.reason == VM_EXIT_HALT, "exit %d %s", x.reason, x.text);
	CHECK(!vcpu_pull(v, REGS_ALL, &e), "%s", e.msg);
	return s->rip > HANDLERS ? (int)(s->rip - 1 - HANDLERS) : -1;
}

#endif
