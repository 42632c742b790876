/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translating engine. One struct tcg_vm per VM: code buffer in regions, a
 * hash of translated blocks, per-page lists for self-modifying code. One struct
 * tcg_cpu per vCPU: TLB contexts, second-level TLB, mailbox.
 *
 * Blocks are found by {guest physical address, virtual address, mode key}: they
 * survive address-space switches. Lock-free to look up; inserted and killed
 * under blocks_lock; their memory is reused only with the world stopped.
 */
#ifndef ACCEL_TCG_TCG_H
#define ACCEL_TCG_TCG_H

#include <pthread.h>
#include <stdatomic.h>

#include "accel/accel.h"
#include "tcg/isa_tcg.h"
#include "tcg/emit.h"

#define TCG_MAX_CONTEXTS 16
#define HASH_BITS 16
#define REGION_SIZE (2u << 20)
#define REGION_EXITS 49152
#define GRANULE_BITS 6			/* SMC bitmap: 64-byte pieces of a page */
#define KEY_SAFE (UINT32_C(1) << 31)	/* variant without groups and assumptions */
#define KEY_PCREL \
	(UINT32_C(1) << 30) /* serves every virtual page; tb.pc is the offset in the page */
#define NO_PHYS (~UINT64_C(0))
#define WRITTEN_MANY (~UINT32_C(0))

struct tb {				/* what a lookup reads lies in the first 64 bytes */
	struct tb *_Atomic hash_next;
	uint64_t phys;			/* of the first byte */
	uint64_t phys2; /* of the second page's start, for a crossing instruction; NO_PHYS */
	uint64_t pc;
	uint32_t key;
	uint16_t bytes, insns;
	const uint8_t *code; /* executable address of its code: what the jump cache holds */
	const uint8_t *entry;		/* for edges and C, which have set cpu_head.vpage */
	uint8_t *rw;
	uint32_t size, invalid; /* bytes of host code; offset of the stub for a dead block */
	uint32_t first_exit;		/* into its region's exits */
	uint16_t nr_exits, nr_faults;
	bool dead, loops;		/* loops: has jumps to itself, past its entry */
	struct tcg_region *region;
	struct tb *page_next[2];
	const void *ir;			/* packed IR instead of code: the interpreter's blocks */
	struct emit_fault *faults;	/* sorted by return address: side table for precise state */
};

struct tcg_exit { struct tb *tb; uint32_t field, stub; uint64_t target; };

struct tcg_region {
	uint8_t *rw;
	unsigned index;
	size_t used;
	uint64_t age;			/* order of filling; 0: free */
	bool owned;			/* some vCPU fills it now */
	/* in address order; never moves: others search while it grows */
	struct tb **tbs;
	_Atomic unsigned nr_tbs;
	struct tcg_exit *exits;
	unsigned nr_exits;
	char *arena;			/* metadata of its blocks */
	size_t arena_used, arena_cap;
};

struct tcg_page {			/* a page of guest memory with translations */
	struct tb *first;
	uint64_t granules;		/* pieces covered by blocks */
	uint32_t gen;			/* counts writes: a translation made meanwhile is dropped */
	uint64_t vpage;			/* virtual page of its first translations */
	_Atomic bool pcrel;		/* seen at two virtual addresses: translate relative */
	uint64_t hash;			/* of its bytes when the engine was parked */
};

struct tcg_context {
	bool valid, stale;		/* stale: clear before use */
	uint64_t space, last_use, flush_pos;
	uint16_t asid;
	uint32_t serial;		/* of its entries in the second level */
	uint64_t big_lo[2],
		big_hi[2]; /* span of addresses mapped by large pages: lower, upper half */
	struct tcg_view *view[TCG_MAX_VIEWS];	/* its own, or tcg_cpu.shared */
};

#define L2_SETS 4096
#define L2_WAYS 4
struct l2_entry { uint64_t va, addend, pa; uint32_t serial; uint8_t view, prot, global; };

#define FLUSH_LOG 64

struct tcg_cpu {
	struct vcpu *v;
	struct tcg_vm *tv;
	void *state;
	const struct isa_tcg *isa;
	struct tcg_context *ctx;
	struct cpu_mode mode;
	uint32_t key;
	bool mode_dirty;
	bool unsettled;			/* what is derived from registers must be computed anew */
	bool forget;			/* the TLBs, too; in the world, where nobody else looks */
	struct tcg_view *view;		/* of the mode */
	const void *ra; /* of the memory stub under way; NULL: the state's pc is exact */
	uint32_t link_from;		/* edge to patch when the target exists; ~0 none */
	uint64_t killed_before;		/* the interpreter's block: tcg_vm.n_killed when it began */
	bool interpret_one;		/* the emitter gave up on the instruction at pc */
	bool want_safe;			/* next block: the safe variant */
	unsigned max_insns; /* of a block; 0: as many as fit (lockstep bisects with less) */
	struct tcg_context contexts[TCG_MAX_CONTEXTS];
	struct tcg_view *views;		/* the memory of all of them */
	/*
	 * views that all contexts share, for global pages; `foreign`: one
	 * holds pages of one space only
	 */
	struct tcg_view *shared[TCG_MAX_VIEWS];
	unsigned foreign;
	uint64_t shared_space, shared_lo[2], shared_hi[2];
	uint64_t use_clock;
	uint32_t next_serial, global_serial;
	struct l2_entry *l2;
	uint8_t l2_victim[L2_SETS];
	struct tlb_flush flush_log[FLUSH_LOG];
	uint64_t flush_pos;
	struct tcg_region *region;
	void *ret_stack;
	/* mailbox: flushes asked for by other threads */
	pthread_mutex_t mail_lock;
	struct tlb_flush mail[16];
	unsigned nr_mail;
	bool mail_all;
	_Atomic uint64_t mail_sent, mail_done;
	bool running;			/* under tv->world_lock */
	unsigned stop_depth;		/* of world_stop by this vCPU, its own thread's */
	unsigned alone;			/* tcg_step: instructions left; interpreted one by one */
	bool step, stepped;		/* one instruction; it has run, but was not reported */
	struct debug_req debug;
	gva_t watch_hit;
	uint8_t watch_access;
	bool watch_pending;
	/* statistics */
	uint64_t n_translated, n_insns, t_translate, n_fills, n_slow, n_lookups, n_enters;
};

struct tcg_vm {
	struct vm *vm;
	const struct isa_tcg *isa;
	bool interp, check, perfmap, lockstep, pcrel,
		stats; /* pcrel: all blocks relative (a test) */
	struct emit_thunks thunks;
	uint8_t *rw, *rx;
	size_t size;
	ptrdiff_t delta;
	pthread_mutex_t blocks_lock;
	struct tb *_Atomic *hash;
	struct tcg_region *regions;
	unsigned nr_regions;
	uint64_t region_age;
	struct tcg_page **pages[MEM_MAX_BLOCKS];
	/*
	 * A page: 0 nobody has a writable entry, else the virtual page it was
	 * entered by, or WRITTEN_MANY.
	 */
	_Atomic uint32_t *written[MEM_MAX_BLOCKS];
	/* stopping the world */
	pthread_mutex_t world_lock;
	pthread_cond_t world_cond;
	unsigned nr_running;
	_Atomic unsigned exclusive;	/* who have or want the world for themselves */
	unsigned nr_inside;		/* of those who wait for it, in the middle of a block */
	bool held;			/* one has it */
	uint64_t n_exclusive, n_evicted;
	_Atomic uint64_t n_killed;	/* blocks, since the start */
	FILE *perf;
	bool unchained;			/* each block leaves to run_code: lockstep, -d exec */
	struct tcg_lockstep *lock;	/* -accel tcg,lockstep=on */
	struct tcg_check *checker;	/* -accel tcg,check=on */
	struct tcg_view *empty_view;	/* what translated code looks at then */
	unsigned block_insns;	/* block-insns=N: most instructions of a block; 0: 64 */
	unsigned lock_runs; /* lockstep=N: each block its first N times, then each Nth; 0: always */
	/* enum ir_opcode to emit wrongly, to see that lockstep finds it, or below; 0: none */
	unsigned sabotage;
};

static inline struct tcg_cpu *tcg_of(void *state) { return CPU_HEAD(state)->tcg; }
static inline uint64_t *state_pc(struct tcg_cpu *c)
{
	return (uint64_t *)((char *)c->state + c->isa->pc_off);
}

/* fast.c: compiled without vector registers, called straight from translated code */
struct emit_fill fast_fill(void *state, uint64_t va, uint64_t desc, const void *ra);
const void *fast_lookup(void *state, uint64_t pc);
const void *fast_safe(void *state, uint64_t pc);
const void *fast_link(void *state, uint64_t id);
bool fast_linkable(const struct tcg_exit *x,
		   const struct tb *tb); /* may the edge be patched for good? */
void fast_soft_fp(void *state, uint64_t desc);
struct tb *fast_find(struct tcg_cpu *c, uint64_t pc,
		     uint32_t key); /* NULL: page not known or not translated */
unsigned tb_hash(uint64_t phys, uint64_t pc, uint32_t key);

/* tlb.c */
int  tlb_cpu_init(struct tcg_cpu *c, struct err *e);
void tlb_cpu_free(struct tcg_cpu *c);
void tlb_mode_update(struct tcg_cpu *c);		/* mode, view, context from the state */
void tlb_flush_local(struct tcg_cpu *c, const struct tlb_flush *f);
void tlb_flush_everything(struct tcg_cpu *c);
/* hint: what tcg_vm.written said of the page; gpa NO_PHYS: all pages. gpa is page-aligned. */
void tlb_drop_writable(struct tcg_cpu *c, uint64_t gpa, uint32_t hint);
void tlb_clear_jumps(struct tcg_cpu *c);
/* Walks and enters; FAULT_NONE and *host (NULL: not RAM, use *pa), or the fault. */
enum fault_kind tlb_fill(struct tcg_cpu *c, uint64_t va, enum cpu_access acc, unsigned view,
			 uint8_t **host, uint64_t *pa);

/* access.c */
struct emit_fill slow_access(void *state, uint64_t va, uint64_t desc, const void *ra);
/* The same for the interpreter: pc is in the state. 0, or -1 with the exception raised. */
int  access_value(struct tcg_cpu *c, uint64_t va, uint32_t desc, uint64_t *val);
/* Accesses go through that view until it is exchanged back; returns the old one. */
unsigned access_swap_view(struct tcg_cpu *c, unsigned view);
/* cpu_env_ops of the same names, for helpers. */
int access_env_mem(struct cpu_env *env, gva_t va, unsigned view, unsigned size, bool write,
		   uint64_t *val);
void *access_env_host(struct cpu_env *env, gva_t va, unsigned view, enum cpu_access acc,
		      unsigned size);
int access_env_cas(struct cpu_env *env, gva_t va, unsigned view, unsigned size,
		   const void *expect, const void *new, void *old);
void code_written(struct tcg_vm *tv, struct mem_block *b, uint64_t off, uint64_t len);

/* blocks.c */
int  blocks_init(struct tcg_vm *tv, size_t code_size, struct err *e);
void blocks_free(struct tcg_vm *tv);
struct tb *blocks_find_host(struct tcg_vm *tv,
			    const void *host); /* block that contains the address */
bool blocks_pc_at(struct tcg_cpu *c, const void *ra, uint64_t *pc);	/* side table */
/* Space for a block in c's region; may stop the world to evict. */
struct tcg_region *blocks_region(struct tcg_cpu *c, bool fresh);
struct tb *blocks_insert(struct tcg_cpu *c, struct tb *tb, uint32_t gen,
			 uint32_t gen2);	/* NULL: a page changed meanwhile */
struct tcg_page *blocks_page(struct tcg_vm *tv, uint64_t gpa, bool make);
void blocks_kill(struct tcg_vm *tv, struct tb *tb);			/* under blocks_lock */
void blocks_kill_all(struct tcg_vm *tv);
void *region_alloc(struct tcg_region *r, size_t n);

/* translate.c */
/*
 * The block for pc in the current mode, translated if needed; NULL: an
 * exception was raised (state changed).
 */
struct tb *tcg_block(struct tcg_cpu *c, uint64_t pc, bool safe);
struct ir_block *tcg_cached_ir(struct tcg_cpu *c, uint64_t pc);	/* NULL: an exception was raised */
struct ir_block *tcg_ir(struct tcg_cpu *c, uint64_t pc, uint64_t *phys,
			unsigned max_insns); /* IR only */

/* world.c */
void world_enter(struct tcg_cpu *c);
void world_leave(struct tcg_cpu *c);
void world_pause_point(struct tcg_cpu *c);
/* self: running caller, or NULL; inside: translated code called it and waits for its return */
void world_stop(struct tcg_vm *tv, struct tcg_cpu *self, bool inside);
void world_resume(struct tcg_vm *tv, struct tcg_cpu *self);
void tcg_poke(struct tcg_cpu *c);
void tcg_poke_all(struct tcg_vm *tv);
void mail_process(struct tcg_cpu *c);
void tcg_remote_flush(struct vm *vm, const uint64_t *mask, const struct tlb_flush *f);
void tcg_remote_barrier(struct vm *vm, const uint64_t *mask);

/* park.c; accel_ops' */
void tcg_park(struct vm *vm);
void tcg_unpark(struct vm *vm, struct unpark_report *rep);

/* oracle.c */
int oracle_run(struct tcg_cpu *c, uint64_t pc,
	       unsigned max_insns); /* interprets one block; sets pc */
int  lockstep_start(struct tcg_vm *tv, struct err *e);
int lockstep_run(struct tcg_cpu *c, uint64_t pc,
		 struct vm_exit *x); /* instead of entering chained code */
void lockstep_info(struct tcg_vm *tv, FILE *f);
void lockstep_vcpu_stop(struct tcg_cpu *c);
void lockstep_stop(struct tcg_vm *tv);
/*
 * -accel tcg,lockstep=on,sabotage=OP: emits operation OP as another one. 0: no
 * such operation, or none like it.
 */
enum { SABOTAGE_FLUSH = IR_NR_OPS };	/* invalidations are lost: for check=on */
unsigned sabotage_find(const char *name);
void sabotage_block(struct ir_block *b, unsigned op);

#endif
