/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building IR for x86 instructions: the context of one block, operands, flags, exceptions. Rows
 * of insn_*.def name the functions in trans_*.c.
 *
 * All program counters in IR are linear addresses (cs base + rip). Rules of tcg/ir.h hold: an
 * instruction's own slot writes and flags come after its last operation that can fault, so it
 * can be begun again.
 */
#ifndef TARGET_X86_TRANSLATE_H
#define TARGET_X86_TRANSLATE_H

#include "target/x86/decode.h"
#include "target/x86/state.h"
#include "tcg/build.h"
#include "tcg/isa_tcg.h"
#include "tcg/vec.h"

/* Slots: 0 to 15 general registers in encoding order, 16 to 31 vector registers. */
enum { X86_SLOT_GPR = 0, X86_SLOT_VEC = 16, X86_NR_SLOTS = 32 };

/* Ways to look at memory (cpu_mode.view). */
enum x86_view {
	X86_VIEW_PHYS,		/* paging off */
	X86_VIEW_USER,		/* CPL 3 */
	/* CPL 0 to 2, or implicit; SMAP on and EFLAGS.AC clear: no user pages */
	X86_VIEW_KERNEL,
	X86_VIEW_KERNEL_AC,	/* the same where user pages may be touched */
	X86_NR_VIEWS
};

/* Mode key: all that translation depends on. Low 8 bits: view and privilege. */
enum {
	X86_KEY_VIEW = 7, X86_KEY_CPL_SHIFT = 3, X86_KEY_CPL = 3 << 3,
	X86_KEY_CODE64 = 1 << 8,	/* 64-bit mode */
	X86_KEY_CODE32 = 1 << 9,	/* else 16-bit code */
	X86_KEY_STACK32 = 1 << 10,	/* SS.B (no meaning in 64-bit mode) */
	X86_KEY_PROT = 1 << 11,		/* CR0.PE */
	X86_KEY_VM86 = 1 << 12,
	/* ES, CS, SS, DS: base 0, limit 4 GiB, usable as they are */
	X86_KEY_FLAT = 1 << 13,
	X86_KEY_SINGLE = 1 << 14,	/* cpu_mode.single: long forms, without guards */
	X86_KEY_NO_FPU = 1 << 16,	/* CR0.TS or CR0.EM: x87, MMX */
	X86_KEY_NO_SSE = 1 << 17,	/* CR4.OSFXSR clear, or CR0.EM, or CR0.TS */
	X86_KEY_NO_AVX = 1 << 18,	/* XCR0, or CR4.OSXSAVE, or CR0.TS */
	X86_KEY_XM = 1 << 19,		/* MXCSR unmasks an exception: each operation is checked */
	X86_KEY_DEBUG = 1 << 20,	/* DR7 enables something: helpers look */
	X86_KEY_LMA = 1 << 21,		/* long mode active (64-bit or compatibility) */
	X86_KEY_CS0 = 1 << 22,		/* CS base is 0 (rip is the linear address) */
	X86_KEY_AC = 1 << 23,		/* alignment checks: CPL 3, CR0.AM, EFLAGS.AC */
	X86_KEY_SMM = 1 << 24,
	X86_KEY_X87 = 1 << 25,		/* FCW unmasks an exception: x87 in C code, one may wait */
};

struct x86_ctx {
	struct ir_block *b;
	const struct x86_cpu_model *model;	/* NULL: everything is allowed (tests of the IR) */
	uint32_t key;
	uint8_t bits;			/* 16, 32, 64: of code */
	uint8_t cpl;
	const struct ir_fetch *fetch;
	uint64_t page_end;		/* first address behind what may be decoded */
	/* linear, of this instruction and of the one that follows */
	uint64_t pc, next;
	const struct x86_insn *insn;
	bool done;			/* the block has its last operation */
	/*
	 * Flags as known at this point of the block: the operation behind them and its operands
	 * as values that still hold it, so that a condition needs no flags at all. cc_known false:
	 * only the state knows (and x86_flags_packed asks it).
	 */
	bool cc_known;
	uint8_t cc_op;			/* enum x86_cc_op + log2 of the width */
	ir_val cc[3];
	unsigned cc_at, cc_insn;	/* b->nr_ops and nr_insns then: how old cc[] is */
};

/* --- registers (trans_operand.c) --- */
static inline ir_val x86_gpr(unsigned reg) { return (ir_val)(X86_SLOT_GPR + reg); }
static inline ir_val x86_vec(unsigned reg) { return (ir_val)(X86_SLOT_VEC + reg); }
static inline ir_val x86_imm(struct x86_ctx *ctx, uint64_t v) { return ir_const(ctx->b, v); }
/* Zero-extended value of a general register; size 1, 2, 4, 8. */
ir_val x86_reg_get(struct x86_ctx *ctx, unsigned reg, unsigned size);
/* 8 and 16 bits leave the rest, 32 clears the upper half. */
void x86_reg_put(struct x86_ctx *ctx, unsigned reg, unsigned size, ir_val v);

/* --- operands --- */
/*
 * Linear address of the memory operand, segment base added, truncated as the mode wants; raises
 * #GP/#SS at run time where the segment forbids it (size: bytes accessed; 0: LEA, no segment).
 * Once per instruction: the value may be used for a load and a store.
 */
ir_val x86_ea(struct x86_ctx *ctx, unsigned size, bool write);
/* Offset part alone (LEA; bit-string addressing), truncated to the address size. */
ir_val x86_ea_offset(struct x86_ctx *ctx);
/* The same as a value and a displacement, which the back end likes better; for x86_ld, x86_st. */
struct x86_addr { ir_val base; int32_t off; };
struct x86_addr x86_addr(struct x86_ctx *ctx, unsigned size, bool write);
/* Linear address of offset in a segment, checked as above. */
ir_val x86_linear(struct x86_ctx *ctx, unsigned sreg, ir_val offset, unsigned size, bool write);
/* Operand n: general register, memory (loaded now), immediate; zero-extended. */
ir_val x86_get(struct x86_ctx *ctx, unsigned n);
/* Register operands are written; memory is stored (address computed anew: not for RMW). */
void x86_put(struct x86_ctx *ctx, unsigned n, ir_val v);
/* Operand n where bits above its size do not matter: a register's slot itself, if it can be. */
ir_val x86_raw(struct x86_ctx *ctx, unsigned n);
/* Guest memory: all loads and stores go through these (debug registers, alignment). */
void x86_ld(struct x86_ctx *ctx, ir_val dst, ir_val lin, int32_t off, uint32_t memop);
void x86_st(struct x86_ctx *ctx, ir_val lin, int32_t off, ir_val v, uint32_t memop);
/* The same checks where the access is C code: size below 256; align: what #AC asks for, 1: none. */
void x86_access_check(struct x86_ctx *ctx, ir_val lin, unsigned size, unsigned align, bool write);
/* Where it is an atomic operation of 1 to 16 bytes. */
void x86_rmw_check(struct x86_ctx *ctx, ir_val lin, unsigned size);
static inline uint32_t x86_mo(unsigned size)	/* memop of 1, 2, 4, 8, 16, 32 bytes */
{
	return (uint32_t)__builtin_ctz(size);
}
/* Stack: by STACK32 and the mode; size of the element. push: stores, then the caller writes rsp. */
ir_val x86_push_addr(struct x86_ctx *ctx, unsigned size, ir_val *new_sp);
void x86_push(struct x86_ctx *ctx, ir_val v, unsigned size);
ir_val x86_pop_peek(struct x86_ctx *ctx, unsigned size);	/* loads; rsp not changed yet */
void x86_sp_add(struct x86_ctx *ctx, int64_t n);

/*
 * May a short form be used, with guards? Where one fails (an interrupt waits, a segment is no
 * simple one), the instruction is translated anew alone, in the long form.
 */
static inline bool x86_short_form(const struct x86_ctx *ctx)
{
	return !(ctx->key & X86_KEY_SINGLE);
}

/* --- flags (trans_flags.c) --- */
/* The flags now come from cc_op (enum x86_cc_op, width added here) on a, x, c. */
void x86_flags(struct x86_ctx *ctx, enum x86_cc_op op, unsigned size, ir_val a, ir_val x, ir_val c);
/* They are bits (in their places of rflags) of v. */
void x86_flags_packed(struct x86_ctx *ctx, ir_val v);
/* All six as they are now, in their places. */
ir_val x86_flags_get(struct x86_ctx *ctx);
/* Operand n behind them, where cc_known (bits above the width do not matter). */
ir_val x86_flags_operand(struct x86_ctx *ctx, unsigned n);
/*
 * Will the next instructions set all flags anew before anybody can look? Exact: nothing faults
 * or leaves in between. For what is dear to compute.
 */
bool x86_flags_dead(const struct x86_ctx *ctx);
/* CF as 0 or 1. */
ir_val x86_carry(struct x86_ctx *ctx);
/* The state's flags were changed by C code: nothing is known. */
void x86_flags_unknown(struct x86_ctx *ctx);
/* Condition code of Jcc, SETcc, CMOVcc (low four bits of the opcode) as an IR comparison. */
struct x86_cond { enum ir_cc cc; enum ir_type ty; ir_val a, b; };
struct x86_cond x86_cond(struct x86_ctx *ctx, unsigned cc);

/* --- leaving --- */
/*
 * Exceptions known when translating. The instruction's pc is stored; ends the block (done).
 * error: -1 none.
 */
void x86_raise(struct x86_ctx *ctx, enum x86_vector v, int error);
/* C code that is the whole instruction and sets pc itself (x86_set_rip); ends the block. */
void x86_end_fn(struct x86_ctx *ctx, ir_leave fn, ir_val a, ir_val x);
/*
 * C code inside a block: may read and write all of the state (SYNC) and raise exceptions
 * (sets CPU_HEAD(s)->leave and returns). Flags are unknown afterwards.
 */
ir_val x86_call(struct x86_ctx *ctx, ir_helper fn, ir_val a, ir_val x);
/* The same, for helpers that neither touch slots nor flags: may only raise. */
ir_val x86_call_light(struct x86_ctx *ctx, ir_helper fn, ir_val a, ir_val x);
/* Pure C code compiled for general registers only (flags.c): may read the state's flags. */
ir_val x86_call_pure(struct x86_ctx *ctx, ir_helper fn, ir_val a, ir_val x);
/* The block ends behind this instruction since the mode may have changed. */
void x86_end_lookup(struct x86_ctx *ctx);
/* rip of a linear address inside this code segment (subtracts the base where it is not 0). */
ir_val x86_rip_of(struct x86_ctx *ctx, uint64_t linear);
bool x86_has(const struct x86_ctx *ctx, const char *feature);

#endif
