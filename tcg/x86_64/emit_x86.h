/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of one emission. Host register contract at every edge between blocks:
 *   rsp guest return stack, rbp architectural state, r15 active view,
 *   rax rcx rdx and xmm0-2 free, the pins hold their guest slots.
 * Inside a block the free registers cache clean copies of unpinned slots and
 * hold temporaries; slots in memory are written through at once, so that the
 * state is exact at every operation that can fault.
 */
#ifndef TCG_X86_64_EMIT_X86_H
#define TCG_X86_64_EMIT_X86_H

#include "tcg/isa_tcg.h"
#include "tcg/emit.h"
#include "tcg/x86_64/asm.h"
#include "util/bits.h"

#define NR_PINS 10
#define NR_FPINS 13
extern const uint8_t x86_pins[NR_PINS];		/* host register of pin preference 1.. */
#define FIRST_FPIN 3				/* xmm3.. */

enum cold_kind {
	COLD_MEM,
	COLD_GROUP,
	COLD_EXIT,
	COLD_JC,
	COLD_POLL,
	COLD_GUARD,
	COLD_RET,
	COLD_CALLJC,
	COLD_SOFT,
	COLD_NAN,
	COLD_SAFE,
	COLD_FLAGS_C,
	COLD_EDGE		/* a side exit that stores flags first */
};

/* Flags that are still where the instruction left their operands (emit_flags.c). */
struct lazy_flags {
	bool on;
	uint8_t op, stored;	/* bits 0 to 2: the operands lie in the state; 3: the operation */
	uint16_t until;		/* index of the last operation that may look at them */
	ir_val v[3];
};

struct opnd { enum { O_REG, O_MEM, O_IMM } k; int r; struct mem m; int32_t imm; };

struct cold {
	uint8_t kind;
	bool fp;		/* COLD_MEM: value in an xmm register */
	bool merge;		/* the same, FLD: the register's upper half stays */
	/* the same: the value stays in memory, as an operand of what follows */
	bool fold;
	int8_t addr;		/* COLD_MEM, COLD_GROUP: register with the address */
	int8_t dst;		/* where a result goes */
	uint8_t *jump[4];	/* ends of the jumps that come here */
	uint8_t *back, *after;	/* COLD_MEM: with the addend in rdx; with the result done */
	uint64_t pc;		/* instruction, or target */
	uint32_t desc;
	int32_t delta;		/* COLD_GROUP */
	bool store, konst, pc_value; /* COLD_MEM: a value to store, which lies at vo or is cval */
	struct opnd vo;
	uint64_t cval;			/* COLD_FLAGS_C: the function */
	uint32_t exit;
	const struct ir_op *op;	/* COLD_SOFT */
	struct lazy_flags fl;	/* as they were at the jump */
};

struct group {			/* accesses through one base that share a check */
	ir_val base, host;	/* host: temporary with host address of base + min */
	int32_t min, end;
	uint8_t write;
	uint8_t align, phase;	/* base + phase must have the bits of align clear */
	uint16_t first, n;
};

#define MAX_COLD 512
#define MAX_GROUPS 96
#define NR_SPILLS 5

struct emitter {
	struct code c;
	struct ir_block *b;
	struct emit_block *e;
	uint64_t insn_pc;
	ir_val s[3];			/* what rax, rcx, rdx hold; IR_NONE: nothing */
	ir_val fs[3];			/* temporaries in xmm0-2 */
	uint8_t lock, flock;		/* registers that the current op uses */
	/* result of the FLD before, if it is to be read at fold_m */
	ir_val fold;
	uint8_t fold_size, fold_lock;	/* MO_SIZE; registers that fold_m needs */
	struct mem fold_m;
	uint8_t spill_used;
	uint64_t boxed[IR_MAX_SLOTS / 64];	/* F slots known to hold a boxed F32 */
	unsigned op_index, nr_cold, nr_groups;
	struct lazy_flags fl;
	bool entry_kills_flags;		/* the block sets flags before anybody can look */
	uint16_t flags_until[IR_MAX_OPS];
	bool failed;			/* out of a fixed table: -E2BIG */
	const struct isa_tcg *pins_for;	/* whose pins pin[] holds */
	int8_t pin[IR_MAX_SLOTS];	/* host register, or -1 */
	int8_t treg[IR_MAX_VALS];	/* scratch register of a temporary, or -1 */
	int8_t tspill[IR_MAX_VALS];	/* spill slot, or -1 */
	uint16_t op_group[IR_MAX_OPS];	/* 0xffff: none */
	/* by how much the base had moved since its group began (pushes, pops) */
	int32_t op_delta[IR_MAX_OPS];
	struct group group[MAX_GROUPS];
	struct cold cold[MAX_COLD];
};

/* regs.c */
void pins_of(const struct isa_tcg *tcg, int8_t pin[IR_MAX_SLOTS]);
void regs_begin(struct emitter *e);
static inline bool is_slot(const struct emitter *e, ir_val v)
{
	return v < e->b->nr_slots;
}
static inline struct ir_value *val(const struct emitter *e, ir_val v)
{
	return &e->b->vals[v - e->b->nr_slots];
}
static inline bool is_const(const struct emitter *e, ir_val v, uint64_t *c)
{
	if (v == IR_NONE || is_slot(e, v))
		return false;
	if (val(e, v)->kind != VAL_CONST && (val(e, v)->kind != VAL_PC || e->e->pcrel))
		return false;
	*c = val(e, v)->cval;
	return true;
}
static inline bool is_pc(const struct emitter *e, ir_val v, uint64_t *va)
{
	if (v == IR_NONE || is_slot(e, v) || val(e, v)->kind != VAL_PC)
		return false;
	*va = val(e, v)->cval;
	return true;
}
struct mem slot_mem(const struct emitter *e, ir_val v);

struct opnd opnd(struct emitter *e, ir_val v);		/* as it lies; locks a scratch register */
struct opnd opnd_rm(struct emitter *e, ir_val v);	/* never an immediate */
int  in_reg(struct emitter *e, ir_val v);		/* in some register, locked */
void load_to(struct emitter *e, int reg, ir_val v);	/* copies; flags kept */
void forget_temp(struct emitter *e, ir_val v);
void take(struct emitter *e, int scratch); /* frees that scratch register and locks it */
int  scratch(struct emitter *e);			/* any free one, locked */
void flush_scratch(struct emitter *e);			/* nothing stays in rax, rcx, rdx */
int def_reg(struct emitter *e, ir_val dst,
	    ir_val like); /* where to compute dst; reuses like's register when it dies */
void def_done(struct emitter *e, ir_val dst, int reg);	/* reg now holds dst */
void op_end(struct emitter *e, const struct ir_op *op);	/* counts uses down, unlocks */
int  f_in_reg(struct emitter *e, ir_val v);		/* xmm register */
int  f_def_reg(struct emitter *e, ir_val dst);
void f_def_done(struct emitter *e, ir_val dst, int reg, bool boxed);
int  f_scratch(struct emitter *e);

/* emit_int.c, emit_mem.c, emit_fp.c, emit_exit.c: one operation each; true when handled */
void emit_int(struct emitter *e, const struct ir_op *op);
int emit_cmp(struct emitter *e, enum ir_type ty, enum ir_cc cc, ir_val a,
	     ir_val b); /* host condition */
void find_groups(struct emitter *e);
void emit_mem(struct emitter *e, const struct ir_op *op);
void emit_fp(struct emitter *e, const struct ir_op *op);
void emit_soft_cold(struct emitter *e, const struct cold *k);
void emit_exit_op(struct emitter *e, const struct ir_op *op);
void jc_index(struct code *c);
void jc_victim(struct code *c);
bool may_link(const struct emitter *e, uint64_t target);	/* by a patched edge */
void emit_jc_const(struct emitter *e, uint64_t target);
void emit_call(struct emitter *e, const struct ir_op *op);

/* emit_flags.c */
void flags_plan(struct emitter *e);
void emit_flags(struct emitter *e, const struct ir_op *op);
void flags_store(struct emitter *e, struct lazy_flags *f);	/* what is not stored yet */
bool flags_pending(const struct emitter *e);
void flags_before_write(struct emitter *e, ir_val dst); /* before an operation writes a slot */

void vec_load(struct emitter *e, uint32_t memop, struct mem m, int d, bool merge);
void vec_store(struct emitter *e, uint32_t memop, struct mem m, int r);

/* emit_vec.c: IR_VOP, IR_VTOI, IR_ITOV, IR_FLDS, IR_FSTS */
void emit_vec(struct emitter *e, const struct ir_op *op);
/* Can the next operation read what FLD op loads from memory itself? */
bool vec_folds(const struct emitter *e, const struct ir_op *op);
static inline bool vec_slot(const struct emitter *e, ir_val v)
{
	return is_slot(e, v) && e->b->tcg->slots[v].fp == 2;
}
/* as v_rr, v_rm of asm.h, for 256 bits */
static inline void y_rr(struct code *c, int pp, int map, int w, int op, int r, int v, int rm)
{
	x_vex(c, pp, map, w, 1, op, r, v, 0, rm);
	b1(c, 0xc0 | (r & 7) << 3 | (rm & 7));
}
static inline void y_rm(struct code *c, int pp, int map, int w, int op, int r, int v, struct mem m)
{
	x_vex(c, pp, map, w, 1, op, r, v, m.index < 0 ? 0 : m.index, m.base);
	x_modrm_mem(c, r, m);
}

/* emit_cold.c */
struct cold *new_cold(struct emitter *e, enum cold_kind k);
void cold_from(struct cold *c, uint8_t *jump);
void emit_colds(struct emitter *e);
void jump_thunk(struct emitter *e, const uint8_t *thunk);
void call_thunk(struct emitter *e, const uint8_t *thunk,
		bool fault); /* fault: record the return address */
void emit_edge(struct emitter *e, uint64_t target, int how);	/* how: 0 jmp, 1 call, 2+cc jcc */
void mov_pc(struct emitter *e, int reg, uint64_t va);

#define STATE(off) M(RBP, (off))
#define HEAD(m) M(RBP, CPU_HEAD_OFF(m))
#define FAST(m) M(RBP, CPU_FAST_OFF(m))

#endif
