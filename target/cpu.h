/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What instruction semantics may ask of the world: time, timers, other CPUs,
 * memory by physical address, TLB flushes. The vCPU's owner (accel) fills it; the
 * target never sees an engine.
 */
#ifndef TARGET_CPU_H
#define TARGET_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "tcg/cpu_head.h"

enum flush_kind { FLUSH_ALL, FLUSH_ASID, FLUSH_VA, FLUSH_VA_ASID };
struct tlb_flush {
	uint8_t kind;		/* enum flush_kind */
	uint8_t keep_global;	/* ASID forms: global entries stay */
	uint16_t asid;
	gva_t va;		/* start, FLUSH_VA* */
	uint64_t len;		/* bytes; 0: one page */
};

struct cpu_env_ops {
	/* The ISA's time counter (riscv: mtime, machine timebase), and its deadline timers:
	 * at `deadline` the env sets cpu line `line` through its cpu_port; UINT64_MAX disarms. */
	uint64_t (*time)(struct cpu_env *env);
	void (*timer)(struct cpu_env *env, unsigned line, uint64_t deadline);
	/* Guest physical memory for page walks: host pointer to 8 aligned bytes of it, or NULL. */
	void *(*phys)(struct cpu_env *env, uint64_t pa);
	/* The same to be written to: NULL where it is read-only (flash), too. */
	void *(*phys_rw)(struct cpu_env *env, uint64_t pa);
	/* After a store through phys_rw (A/D update). */
	void (*phys_dirty)(struct cpu_env *env, uint64_t pa);
	/* This CPU's cached translations; takes effect before the next access. */
	void (*flush)(struct cpu_env *env, const struct tlb_flush *f);
	/* Instruction memory was changed by this CPU and a barrier was executed. */
	void (*code_barrier)(struct cpu_env *env);
	/* Level of all input lines now. */
	uint64_t (*lines)(struct cpu_env *env);
	/* Takes an input line down that software may clear (riscv: sip.SSIP raised by an IPI). */
	void (*line_clear)(struct cpu_env *env, unsigned line);
	/*
	 * Sticky FP flags (SF_*) raised by host FP and soft float since the
	 * last call; clears them.
	 */
	unsigned (*fp_take)(struct cpu_env *env);
	/* Sets the rounding mode (enum sf_round) of translated code. */
	void (*fp_round)(struct cpu_env *env, unsigned round);
	/*
	 * mode (privilege, address space, views) changed: the engine
	 * recomputes before the next instruction.
	 */
	void (*mode_changed)(struct cpu_env *env);
	/* The guest spins for another CPU: a chance to let that one run. May be NULL. */
	void (*relax)(struct cpu_env *env);

	/*
	 * Memory for helpers, through translated code's own tables; on the vCPU's thread. view:
	 * isa_tcg's. The state's pc must be the instruction's when they are called.
	 */
	/*
	 * One access of 1, 2, 4 or 8 bytes, RAM or device, across pages too: 0, or -1 with the
	 * exception raised (isa_tcg.mem_fault was called; the helper returns with LEAVE_LOOP).
	 */
	int (*mem)(struct cpu_env *env, gva_t va, unsigned view, unsigned size, bool write,
		   uint64_t *val);
	/*
	 * Host address of [va, va + size), which lies in one page, where it is RAM that may be
	 * accessed so (and, for a write, holds no translated code: else the page must be written
	 * by mem); NULL otherwise, nothing raised. Good until the helper returns.
	 */
	void *(*mem_host)(struct cpu_env *env, gva_t va, unsigned view, enum cpu_access acc,
			  unsigned size);
	/*
	 * Atomic compare and exchange of 16 bytes (va aligned to 16), or of any size and alignment
	 * with the other vCPUs stopped: old gets what was there. 0, or -1 as mem.
	 */
	int (*mem_cas)(struct cpu_env *env, gva_t va, unsigned view, unsigned size,
		       const void *expect, const void *new, void *old);
	/* Port I/O, 1, 2 or 4 bytes. Ports nobody has read as ones. */
	void (*pio)(struct cpu_env *env, uint16_t port, unsigned size, bool write, uint32_t *val);

	/* The interrupt controller's vector to take now (INTA), or -1. */
	int (*irq_ack)(struct cpu_env *env);
	/*
	 * The local APIC: MSRs 0x800 to 0x8ff, 0x6e0, 0x1b (IA32_APIC_BASE), and CPU_APIC_CR8.
	 * 0, or -EINVAL: #GP.
	 */
	int (*apic_read)(struct cpu_env *env, uint32_t msr, uint64_t *val);
	int (*apic_write)(struct cpu_env *env, uint32_t msr, uint64_t val);
	/*
	 * Paravirtual services, x86: a message to the local APICs (SDM volume 3, 11.11); the line
	 * KICK of another CPU, by its index: 0, or -EINVAL where there is none.
	 */
	void (*msi)(struct cpu_env *env, uint64_t addr, uint32_t data);
	int (*kick)(struct cpu_env *env, uint32_t index);
	/* Virtual time and the time of day that belongs to it, ns; for paravirtual clocks. */
	uint64_t (*clock_ns)(struct cpu_env *env);
	uint64_t (*wall_ns)(struct cpu_env *env);
	/* Fills buf with random bytes. */
	void (*random)(struct cpu_env *env, void *buf, unsigned n);
};
enum { CPU_APIC_CR8 = 0xffffffff };	/* apic_read, apic_write: the task priority as CR8 */

struct cpu_topology {		/* all at least 1; sockets * cores * threads >= CPUs */
	unsigned nr_cpus, sockets, cores, threads;
};

struct cpu_env {
	const struct cpu_env_ops *ops;
	unsigned index;		/* hart or CPU number */
	uint32_t features;	/* of the ISA's own numbering: the CPU model */
	uint64_t features2;
	const void *model;	/* from isa->cpu_model; NULL: the ISA has none */
	struct cpu_topology topology;
	uint64_t time_hz;	/* of ops->time */
	uint64_t tsc_reset;	/* x86: tsc_offset after a reset; an engine may be bound to it */
	/*
	 * What the guest knows the CPU to be, the ISA's; malloc'ed by the engine that first started
	 * it: the next one gives the same or refuses. NULL: not yet. vcpu_free frees it.
	 */
	void *fixed;
};

static inline struct cpu_env *cpu_env(void *state) { return CPU_HEAD(state)->env; }

#endif
