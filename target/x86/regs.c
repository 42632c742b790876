/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The register table from regs.def, with the widths of the members checked. */
#include "target/x86/regs.h"

#include "target/x86/kvm_id.h"
#include "target/x86/state.h"

#define MEMBER_BYTES(m) sizeof(((struct x86_state *)0)->m)

/* A row may use fewer bits than its member has (80 of an x87 slot's 128), never more. */
#define REG(name, m, nbits, group, kvm, gdb, flags, reset)			\
	_Static_assert((nbits) <= MEMBER_BYTES(m) * 8 && (nbits) % 8 == 0, #name);
#include "target/x86/regs.def"
#undef REG

const struct reg x86_regs[] = {
#define REG(rname, m, nbits, rgroup, rkvm, rgdb, rflags, rreset)		\
	{ .name = #rname, .off = offsetof(struct x86_state, m), .bits = nbits,	\
	  .group = rgroup, .flags = rflags, .gdb = rgdb, .kvm = rkvm, .reset = rreset },
#include "target/x86/regs.def"
#undef REG
	{ .name = NULL }
};
