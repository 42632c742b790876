/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plug-in of one guest ISA. Everything else in the tree is ISA-neutral; the
 * list of ISAs is target/isas.def.
 */
#ifndef TARGET_ISA_H
#define TARGET_ISA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "target/cpu.h"
#include "util/err.h"

struct isa_tcg;			/* tcg/isa_tcg.h: translator side; NULL: cannot be translated */
struct mem;

/* Register groups: what pull and push move. */
enum reg_group { REGS_CORE = 1, REGS_FP = 2, REGS_SYS = 4, REGS_VEC = 8, REGS_ALL = 15 };
enum reg_flag {
	REG_HIDDEN = 1,		/* not shown by `info registers` */
	REG_DERIVED = 2,	/* not saved: computed from others */
	REG_RO = 4,		/* gdb may not write */
};

/*
 * One row of regs.def: the only description of a register, for the translator,
 * KVM pull/push, gdb, snapshot, dump and replay hash.
 */
struct reg {
	const char *name;	/* snapshot key; unique in the ISA */
	const char *gdb_name;	/* NULL: as name */
	uint32_t off;		/* in the state struct */
	uint16_t bits;
	uint8_t group, flags;
	int16_t gdb;		/* gdb's register number; -1: not in gdb's list */
	uint64_t kvm;		/* id in the ISA's KVM numbering; 0: none */
	uint64_t reset;		/* value at reset */
};

struct cpu_model { const char *name, *help; uint32_t features; uint64_t features2; };

/* Why the guest left to the VMM, from target code (an engine passes it on in struct vm_exit). */
enum fw_result {
	FW_CONTINUE, FW_HALT, FW_POWEROFF, FW_RESET, FW_PANIC,
	FW_STOP,		/* this CPU stops until cpu_start names it */
};

/* How firmware calls (SBI, PSCI) reach other CPUs and the console; implemented in vmm. */
struct fw_ops {
	int (*cpu_start)(void *opaque, unsigned index, uint64_t pc,
			 uint64_t arg); /* 0, -EINVAL, -EALREADY */
	int (*cpu_state)(
		void *opaque,
		unsigned index); /* 0 started, 1 stopped, 2 start pending, 4 suspended; -EINVAL */
	void (*line)(void *opaque, unsigned index, unsigned line, int level);
	void (*remote_flush)(void *opaque, const uint64_t *mask,
			     const struct tlb_flush *f); /* bit per CPU; complete on return */
	void (*remote_code_barrier)(void *opaque, const uint64_t *mask);
	void (*console_put)(void *opaque, const void *buf, size_t n);
	int  (*console_get)(void *opaque);	/* byte, or -1 */
	unsigned nr_cpus;
	struct mem *mem;
	void *opaque;
};

struct isa {
	const char *name;		/* "riscv64" */
	uint16_t elf_machine, pe_machine;
	uint8_t elf_class;		/* 1: 32, 2: 64 bits */
	const char *gdb_arch, *gdb_feature;	/* "riscv:rv64", "org.gnu.gdb.riscv.cpu" */
	size_t state_size;
	const struct reg *regs;		/* terminated by name == NULL */
	const struct cpu_model *cpus;	/* first is the default; terminated by name == NULL */
	uint32_t pc_off;		/* of the program counter (64 bits) in the state */
	/* Input lines that are edges, which no device drives, and those of env ops' timer(): both
	 * are saved with the CPU. */
	uint64_t edge_lines, timer_lines;

	void (*reset)(void *state);	/* power-on values; CPU_HEAD(state)->env is set */
	/* Entry state of a directly booted kernel: arg0 = hart id, arg1 = device tree for riscv. */
	void (*boot)(void *state, uint64_t pc, uint64_t arg0, uint64_t arg1, bool firmware_mode);
	/* x86: what INIT does to a running CPU, and the start that SIPI gives it. NULL: none. */
	void (*init)(void *state);
	void (*sipi)(void *state, unsigned vector);
	/* Parses "model,feature=on,..." into env features. */
	int (*cpu_config)(const char *text, uint32_t *features, uint64_t *features2, struct err *e);
	/*
	 * The same for ISAs whose models need more than bits: the result is malloc'ed, never
	 * changed afterwards, shared by all vCPUs (cpu_env.model). NULL and an error. May be NULL.
	 */
	void *(*cpu_model)(const char *text, const struct cpu_topology *t, struct err *e);
	/*
	 * cpu_env.fixed as bytes, for guests that come from another process. get returns the size,
	 * and fills buf if n is enough; set is given hostile bytes. The engine is told of a change
	 * by accel_ops.cpu_changed. NULL: the ISA has none.
	 */
	size_t (*identity_get)(const struct cpu_env *env, uint8_t *buf, size_t n);
	int (*identity_set)(struct cpu_env *env, const uint8_t *buf, size_t n, struct err *e);
	/* The ISA string for the device tree. */
	void (*isa_string)(uint32_t features, uint64_t features2, char *buf, size_t n);
	/*
	 * All rows of `regs` were written from outside (a restore): what is derived follows, time
	 * being the machine's present one. -EINVAL: no CPU can be in such a state, or none that the
	 * engines would bear. May be NULL.
	 */
	int  (*loaded)(void *state, struct err *e);
	/* Names of what the guest's CPUs have, "a,b,c"; env is complete. NULL: not known. */
	void (*features)(const struct cpu_env *env, char *buf, size_t n);
	/* Debugger's view: guest virtual to physical without side effects; -EFAULT. */
	int  (*translate_debug)(void *state, gva_t va, uint64_t *pa);
	/*
	 * A firmware call trapped from the guest: reads and writes the
	 * argument registers. NULL: none.
	 */
	/* The program counter is behind the call instruction already. */
	enum fw_result (*firmware)(void *state, const struct fw_ops *fw);
	/* One instruction as text; returns its length in bytes (>= 1). NULL where unknown. */
	unsigned (*disasm)(uint64_t pc, const uint8_t *bytes, unsigned n, char *buf, size_t size);
	/* Dump beyond the table (privilege mode, pending interrupts). */
	void (*dump)(void *state, FILE *f);
	const struct isa_tcg *tcg;
};

extern const struct isa *const isas[];		/* NULL-terminated */
const struct isa *isa_find(const char *name);
const struct isa *isa_find_elf(uint16_t machine, uint8_t elf_class);
const struct reg *isa_reg(const struct isa *isa, const char *name);
/* Register access by row: value of up to 64 bits. */
uint64_t isa_reg_get(const struct reg *r, const void *state);
void isa_reg_set(const struct reg *r, void *state, uint64_t v);
void isa_dump(const struct isa *isa, void *state, FILE *f);

#endif
