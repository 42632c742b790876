/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies directly before every architectural state. Translated code holds a
 * pointer to the state in one register (rbp on x86-64) and reaches this head at
 * small negative offsets, the ISA's registers at positive ones.
 */
#ifndef TCG_CPU_HEAD_H
#define TCG_CPU_HEAD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gva_t;

enum cpu_access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

struct cpu_env;			/* target/cpu.h: services for semantics code */
struct tcg_cpu;			/* accel/tcg: runtime state of one vCPU */

struct cpu_head {
	uint64_t spill[5];	/* temporaries of emitted code; dead between blocks */
	void *host_rsp;		/* C stack while on the guest return stack */
	void *ret_base;		/* empty position of the guest return stack */
	void *view;		/* active TLB view (r15) */
	struct tcg_cpu *tcg;	/* NULL when no translator has been attached */
	uint64_t vpage;		/* virtual page of the running block, where it is not a constant */
	struct cpu_env *env;	/* never NULL once the vCPU exists */
	_Atomic uint32_t poll;	/* non-zero: leave translated code at the next poll point */
	uint32_t leave;		/* enum cpu_leave: set by helpers that change control flow */
	/* SF_* raised by soft float since last taken (the host's own are in MXCSR) */
	uint8_t fp_flags;
	uint8_t fp_round;	/* enum sf_round in force */
	uint8_t pad[6];
};
_Static_assert(sizeof(struct cpu_head) <= 128, "reachable by 8-bit displacement");

#define CPU_HEAD(state) ((struct cpu_head *)(state) - 1)
#define CPU_HEAD_OFF(m) ((int)offsetof(struct cpu_head, m) - (int)sizeof(struct cpu_head))

#endif
