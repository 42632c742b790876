/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vector instructions: what their translations share, and the C code behind some. */
#ifndef TARGET_X86_VEC_H
#define TARGET_X86_VEC_H

#include "target/x86/translate.h"

/* --- trans_vec.c --- */
/* Loads, stores of vector values: slots or floating temporaries; memop as ir_fld's. */
void x86_fld(struct x86_ctx *ctx, ir_val dst, struct x86_addr a, uint32_t memop);
void x86_fst(struct x86_ctx *ctx, struct x86_addr a, ir_val v, uint32_t memop);
/* Mode of an operation that is encoded as this instruction is. */
enum vec_mode x86_vec_mode(const struct x86_insn *i, enum vec_op op);
/* Operand n, vector or memory, as a vector value. */
ir_val x86_vec_get(struct x86_ctx *ctx, unsigned n);
/*
 * The operation, with SIMD floating-point exceptions where MXCSR unmasks some (in a temporary
 * first, so that nothing is written when one is raised).
 */
void x86_vop(struct x86_ctx *ctx, enum vec_op op, enum vec_mode mode, ir_val dst, ir_val a,
	     ir_val x, ir_val c, uint8_t imm);
ir_val x86_vtoi(struct x86_ctx *ctx, enum vec_op op, enum vec_mode mode, ir_val a, ir_val x,
		uint8_t imm);
void x86_itov(struct x86_ctx *ctx, enum vec_op op, enum vec_mode mode, ir_val dst, ir_val a,
	      ir_val x, uint8_t imm);
/*
 * Around an operation with X86_KEY_XM: flags so far go to MXCSR; the operation's are judged, and
 * its result (a vector, or IR_NONE) for being tiny.
 */
void x86_xm_begin(struct x86_ctx *ctx, enum vec_op op);
void x86_xm_end(struct x86_ctx *ctx, enum vec_op op, enum vec_mode mode, ir_val result);

/* --- vec_helper.c: ir_helper --- */
uint64_t x86_help_xm_begin(void *state, uint64_t unused, uint64_t unused2);
/* tiny: of the result in vtmp: log2 of an element's bytes, and how many, from this bit on. */
enum { X86_TINY_COUNT = 2 };
uint64_t x86_help_xm_end(void *state, uint64_t tiny, uint64_t unused2);

/* Elements under a mask: fields of the first argument; the second is the offset in the segment. */
enum {
	X86_VM_DATA = 0,	/* vector register, 4 bits */
	X86_VM_MASK = 4,	/* vector register, 4 bits */
	X86_VM_INDEX = 8,	/* vector register, 4 bits */
	X86_VM_SEG = 12,	/* 3 bits */
	X86_VM_QUAD = 15,	/* elements of 8 bytes, not 4 */
	X86_VM_INDEX_QUAD = 16,
	X86_VM_WIDE = 17,	/* 256 bits */
	X86_VM_SCALE = 18,	/* 2 bits */
	X86_VM_ADSIZE = 20,	/* 4 bits: 2, 4, 8 */
	X86_VM_STORE = 24,
};
uint64_t x86_help_maskmov(void *state, uint64_t how, uint64_t off);
uint64_t x86_help_gather(void *state, uint64_t how, uint64_t off);
uint64_t x86_help_maskmovdqu(void *state, uint64_t how, uint64_t off);
uint64_t x86_help_maskmovq(void *state, uint64_t how, uint64_t off);	/* MMX registers */

/* Raises what a store there would: before an operation whose flags must not be seen then. */
uint64_t x86_help_check_store(void *state, uint64_t lin, uint64_t size);

/*
 * PCMPESTRI and the like (pcmpstr.c). how: register | register or X86_PS_MEM (in vtmp) << 8 |
 * opcode's low two bits << 16 | 64-bit lengths << 18; imm: the immediate.
 */
enum { X86_PS_MEM = 16 };
uint64_t x86_help_pcmpstr(void *state, uint64_t how, uint64_t imm);

#endif
