/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The translator's side of an ISA: slots, modes, translation, page walk, traps. */
#ifndef TCG_ISA_TCG_H
#define TCG_ISA_TCG_H

#include "tcg/cpu_head.h"
#include "tcg/ir.h"
#include "util/err.h"

#define TCG_MAX_VIEWS 6

/*
 * What translated code depends on besides the physical page. A view is one way
 * to see memory through an address space (user, supervisor, supervisor with SUM,
 * machine, ...): each has TLB tables and a jump cache of its own.
 */
struct cpu_mode {
	uint8_t view;		/* < isa_tcg.nr_views */
	/* anything else that changes translation; low 8 bits: the view and privilege */
	uint32_t key;
	/* identity of the address space: (root, ASID) pair, e.g. satp; 0 for untranslated */
	uint64_t space;
	uint16_t asid;
	/*
	 * The next instruction goes alone, by the interpreter, between two calls of isa_tcg.step:
	 * something is due exactly behind it (single step, the end of an interrupt shadow).
	 */
	bool single;
};

enum fault_kind { FAULT_NONE, FAULT_PAGE, FAULT_ACCESS, FAULT_ALIGN };
enum { PROT_R = 1, PROT_W = 2, PROT_X = 4 };

struct tlb_walk {
	uint64_t pa;		/* of the byte */
	/*
	 * of the guest's page, >= 4096: an invalidation anywhere in it drops all of
	 * it; the rest of the result holds for the 4 KiB around pa
	 */
	uint64_t page_size;
	uint8_t prot;		/* PROT_*: what this view needs no walk for (W: D is set) */
	uint8_t fault;		/* enum fault_kind */
	bool global;
};

struct ir_fetch {
	const uint8_t *code;	/* host bytes at pc */
	/* bytes up to the end of the page (or of the single crossing instruction) */
	unsigned avail;
};

struct isa_tcg {
	const struct ir_slot *slots;
	unsigned nr_slots;
	unsigned nr_views;
	/* bit per view that mostly shows global pages: one for all address spaces */
	unsigned shared_views;
	/*
	 * of the program counter as a virtual address (64 bits); where that is not what isa.pc_off
	 * shows (x86: cs base + rip), settle and unsettle convert
	 */
	uint32_t pc_off;
	uint32_t resv_addr_off, resv_val_off;	/* uint64_t each; address ~0: none */
	enum ir_fp_policy fp_policy;
	/* Taking an exception changes slots (x86: the stack pointer), in helpers, too. */
	bool traps_write_slots;
	/* A store shows in what the same CPU executes next, without any barrier (x86). */
	bool coherent_code;
	/* accesses that nothing answers: reads give ones, writes are lost; else FAULT_ACCESS */
	bool bus_ones;
	/* IR_FLAGS: where the operation (8 bits) and its three operands (64 bits) lie; has_flags */
	bool has_flags;
	uint32_t flags_op_off, flags_off[3];
	uint8_t flags_c_first, flags_c_last;	/* operations that IRH_FLAGS_C is about */

	void (*mode)(void *state, struct cpu_mode *m);
	/*
	 * Bytes of the instruction at code, of which avail >= 1 are valid; more than avail: at
	 * least so many are needed to tell.
	 */
	unsigned (*insn_len)(const uint8_t *code, unsigned avail, uint32_t key);
	unsigned max_insn_len;
	/* Fills b (begun with pc and key, view set) with up to max_insns instructions, ending with
	 * an END op. An instruction that does not fit in f->avail ends the block before it. */
	void (*translate)(struct ir_block *b, const struct ir_fetch *f);
	/*
	 * Page walk with permission check for one access. Sets A/D where the
	 * ISA's hardware does.
	 */
	void (*walk)(void *state, gva_t va, enum cpu_access acc, unsigned view, struct tlb_walk *w);
	/*
	 * Raises the memory exception: state's pc is that of the instruction;
	 * sets pc to the handler.
	 */
	void (*mem_fault)(void *state, gva_t va, enum cpu_access acc, enum fault_kind k);
	void (*guard_fail)(void *state);
	/* Takes the most urgent enabled pending interrupt: true when state (pc) changed. */
	bool (*interrupt)(void *state);
	/*
	 * cpu_mode.single: called before and after the instruction, also of one that faulted.
	 * NULL: the ISA never asks for it.
	 */
	void (*step)(void *state, bool begin);
	/* Would a wait end now? Lines that could end it go to *lines (mask for vcpu_wait). */
	bool (*wake)(void *state, uint64_t *lines);
	/* Rounding mode for host FP, an enum sf_round, with FP_CTL_*. */
	unsigned (*fp_round)(void *state);
	/* Adds sticky flags (SF_*) to the architectural ones. */
	void (*fp_flags)(void *state, unsigned flags);
	/*
	 * settle: what translated code keeps lazily or in another form (flags, pc) goes to the
	 * fields that isa.regs describes; unsettle: after those were written from outside, what is
	 * derived from them. Either may be called at any time between blocks, also twice.
	 * NULL: none.
	 */
	void (*settle)(void *state);
	void (*unsettle)(void *state);
	/* Rows that follow time, or that chips keep, as they are now; after settle. NULL: none. */
	void (*pull)(void *state);
	/*
	 * The vCPU comes to the translator (env, ops are complete), and leaves it: what the ISA
	 * derives from its model (env->model may be replaced). NULL: nothing.
	 */
	int (*cpu_start)(void *state, unsigned nr_cpus, bool apic, struct err *e);
	void (*cpu_stop)(void *state);
	/* Time is about to go on: clocks that the ISA keeps in memory. NULL: none. */
	void (*time_start)(void *state);
	/* What an engine tells the plan (struct accel_caps). NULL: nothing. */
	void (*caps)(unsigned *phys_bits, uint64_t *tsc_hz);
};

/* In the value of fp_round and env->fp_round: flush results, operands below normal to zero. */
enum { FP_CTL_ROUND = 7, FP_CTL_FTZ = 8, FP_CTL_DAZ = 16 };

/* Outcomes that target code sets in CPU_HEAD(state)->leave before it returns to translated code. */
enum cpu_leave {
	LEAVE_NONE,
	LEAVE_LOOP,		/* pc, mode or interrupts changed: back to the engine's loop */
	LEAVE_HALT,		/* wait for interrupt: pc is behind the instruction */
	LEAVE_FIRMWARE,		/* firmware call: pc is behind the instruction */
	LEAVE_DEBUG,		/* breakpoint instruction with a debugger that wants it; pc at it */
	LEAVE_SHUTDOWN,
};

#endif
