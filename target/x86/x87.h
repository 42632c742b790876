/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x87 instructions in C. */
#ifndef TARGET_X86_X87_H
#define TARGET_X86_X87_H

#include "target/x86/state.h"
#include "tcg/x87.h"

/*
 * How an instruction is told to its helper: op (low three bits of the opcode), modrm, segment of
 * the memory operand, operand size 16, whether there is memory.
 */
#define X87_HOW(op, modrm, sreg, size16) \
	(((uint64_t)(op) & 7) << 8 | (modrm) | (uint64_t)(sreg) << 16 | (uint64_t)(size16) << 20)
#define X87_HOW_OP(how) ((unsigned)(how) >> 8 & 7)
#define X87_HOW_MODRM(how) ((uint8_t)(how))
#define X87_HOW_SREG(how) ((unsigned)(how) >> 16 & 7)
#define X87_HOW_SIZE16(how) ((unsigned)(how) >> 20 & 1)

/* Bytes of a memory operand (register forms, environments: 0), and whether it is written. */
unsigned x87_mem_size(unsigned op, uint8_t modrm, bool *store);

/* ir_helper: any x87 instruction, lin: linear address of its operand; FWAIT. */
uint64_t x86_help_x87(void *state, uint64_t how, uint64_t lin);
uint64_t x86_help_fwait(void *state, uint64_t unused, uint64_t unused2);
uint64_t x86_help_x87_store80(void *state, uint64_t lin, uint64_t unused);
/* Raises #MF where an exception waits: before MMX instructions. */
uint64_t x86_help_fpu_wait(void *state, uint64_t unused, uint64_t unused2);

/*
 * Light ones (x87_unit.c, compiled for general registers only): while every exception is masked,
 * so that nothing is raised and nothing waits; memory is accessed by translated code, and the
 * pointers are its business. how: X87_HOW.
 */
uint64_t x86_x87_load(void *state, uint64_t how, uint64_t v);	/* m32, m64, integers: their bits */
uint64_t x86_x87_load80(void *state, uint64_t lo, uint64_t hi);
/* What a store writes; x86_x87_stored is called behind it. */
uint64_t x86_x87_value(void *state, uint64_t how, uint64_t unused);
uint64_t x86_x87_stored(void *state, uint64_t pops, uint64_t unused);
/* Arithmetic and comparisons with memory; all register forms; their flags for FCOMI. */
uint64_t x86_x87_arith(void *state, uint64_t how, uint64_t v);
uint64_t x86_x87_reg(void *state, uint64_t how, uint64_t unused);
uint64_t x86_x87_comi(void *state, uint64_t how, uint64_t unused);

/* For this instruction, a quicker one than x86_x87_value, _arith, _reg, _comi; NULL: none. */
typedef uint64_t (*x87_helper)(void *state, uint64_t how, uint64_t v);
x87_helper x86_x87_fast(unsigned op, uint8_t modrm);

/* The unit to and from an image; an instruction on one. */
void x87_image_get(struct x86_state *s, struct x87_image *m);
void x87_image_put(struct x86_state *s, const struct x87_image *m);
void x87_exec(struct x87_image *m, unsigned op, uint8_t modrm, void *mem, uint64_t *flags);

/* The same as x87_host_exec by integer arithmetic, for every host (x87_soft.c). */
void x87_soft_exec(struct x87_image *m, unsigned op, uint8_t modrm, void *mem, uint64_t *flags);

#endif
