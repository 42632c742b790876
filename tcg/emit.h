/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host back end: turns one block of IR into host code with the contract of
 * translator.md §5.2: the same pinned registers at every edge, guest state exact
 * at every faulting operation, no host address computed outside the memory ops.
 */
#ifndef TCG_EMIT_H
#define TCG_EMIT_H

#include "tcg/ir.h"
#include "tcg/view.h"

#define EMIT_MAX_EXITS 160
#define EMIT_MAX_FAULTS 512
#define EMIT_MAX_MARKS 128

/* Result of a fill, in two registers. */
struct emit_fill { uint64_t addend, status; };
enum {
	FILL_FAST,
	FILL_DONE,
	FILL_LEAVE,
	FILL_SLOW
}; /* status; FILL_DONE: slow_val holds the result */

/* C side of the thunks. The int_ ones are compiled with -mgeneral-regs-only. */
enum { EMIT_LEAVE_GUARD = 0xffff };	/* cpu_head.leave: a guard failed */

struct emit_runtime {
	struct emit_fill (*int_fill)(void *state, uint64_t va, uint64_t desc, const void *ra);
	struct emit_fill (*slow_access)(void *state, uint64_t va, uint64_t desc,
					const void *ra);                /* not FILL_SLOW */
	const void *(*int_lookup)(void *state, uint64_t pc);		/* NULL: leave, pc stored */
	const void *(*int_safe)(void *state,
				uint64_t pc); /* variant without groups and short cuts */
	const void *(*int_link)(void *state, uint64_t exit_id); /* the same for a direct edge */
	void (*int_soft_fp)(void *state, uint64_t op);          /* CPU_FAST fparg -> fpres */
};

struct emit_thunks {		/* addresses in the executable mapping */
	void (*enter)(void *state, const void *code);
	/*
	 * lookup: rax, which the jump cache has no entry of; find: the same by C alone, for what
	 * an entry may lead to (a dead block, JC_EMPTY)
	 */
	const uint8_t *mem, *lookup, *find, *safe, *link, *ret_miss, *ret_empty, *leave_at, *guard,
		*exit_fn, *exit_fn_on, *call_int, *call_full, *call_sync, *soft_fp, *leave;
	const uint8_t *start, *end;
};

struct emit_exit {		/* a direct edge inside the page */
	uint32_t field;		/* offset of the rel32 in the block's code */
	uint32_t stub;		/* offset of its unlinked target */
	uint64_t target;	/* guest pc */
};
struct emit_fault { uint32_t ra; uint16_t pc_delta; };	/* return address offset -> instruction */

struct emit_block {
	/* in */
	uint8_t *rw;			/* where to write */
	ptrdiff_t rx_delta;		/* executable address = rw + rx_delta */
	size_t cap;
	const struct emit_thunks *thunks;
	bool smp;			/* other threads read guest memory: fences are needed */
	bool safe;			/* no groups, no assumption about boxing */
	bool alone; /* no edge to its own start: every way out leaves (lockstep) */
	bool pcrel; /* serves any virtual page: addresses are relative to cpu_head.vpage */
	uint32_t first_exit;		/* id of exits[0]; consecutive */
	/* out */
	size_t size;
	uint32_t cold;			/* offset of the cold part */
	/*
	 * entry (5-byte nop), and the stub it is patched to when invalid. pcrel: the
	 * entry wants vpage set; offset 0 is for the jump cache and sets it from rax
	 */
	uint32_t entry, invalid;
	bool loops;			/* has jumps to itself, which do not come by the entry */
	unsigned nr_exits, nr_faults, nr_groups;
	struct emit_exit exits[EMIT_MAX_EXITS];
	struct emit_fault faults[EMIT_MAX_FAULTS];
	unsigned nr_marks;
	uint32_t marks[EMIT_MAX_MARKS];	/* where the code of each guest instruction starts */
};

bool emit_host_ok(const char **why);	/* processor features */
/* Writes the thunks; returns their size or -ENOSPC. */
int emit_thunks(uint8_t *rw, ptrdiff_t rx_delta, size_t cap, const struct isa_tcg *tcg,
		const struct emit_runtime *rt, struct emit_thunks *out);
/* 0, or -ENOSPC (code), -E2BIG (too many exits or faults: translate fewer instructions). */
int emit_block(struct ir_block *b, struct emit_block *e);
/* Retargets a direct edge; atomic for running code. */
void emit_patch_edge(uint8_t *rw_field, ptrdiff_t rx_delta, const void *target);
void emit_patch_invalid(uint8_t *rw_entry, ptrdiff_t rx_delta, const void *stub);
/* Constants in CPU_FAST that the code refers to. */
void emit_init_cpu(void *state);
/* Host FP environment of translated code: an enum sf_round (RMM: nearest) with FP_CTL_*. */
uint32_t emit_fp_enter(unsigned round); /* sets it; returns the caller's to restore */
void emit_fp_leave(uint32_t saved);
/* SF_* flags since last time; clears. SF_DENORM only where the guest knows it. */
unsigned emit_fp_take(enum ir_fp_policy policy);
void emit_fp_round(unsigned round);
/*
 * Compare and exchange of 16 aligned bytes; *old gets what was there. false: the host cannot do
 * that atomically.
 */
bool emit_cas16(void *p, const void *expect, const void *new, void *old);
/* For tests: emits as if the host lacked AES (1), PCLMUL (2), SHA (4), F16C (8). */
void emit_vec_without(unsigned mask);
/* When a fault at host_pc hit the return stack's guard: continues with an empty stack. */
void emit_fix_stack(void *ucontext, void *ret_base);
uint64_t emit_signal_pc(const void *ucontext);

#endif
