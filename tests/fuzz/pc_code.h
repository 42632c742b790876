/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 machine code for pc_guest.c. The encodings used are the same in 32- and 64-bit code,
 * and in 16-bit code with the size prefix, so that one emitter serves all modes. eax, edx
 * and edi (es in real mode) are changed freely.
 */
#ifndef TESTS_FUZZ_PC_CODE_H
#define TESTS_FUZZ_PC_CODE_H

#include <stdbool.h>
#include <stdint.h>

struct fuzz_in;
struct pcg_places;

enum { EAX, ECX, EDX, EDI = 7 };

struct emit {
	const struct pcg_places *pl;
	struct fuzz_in *in;
	uint8_t *code;
	uint32_t len, max, base;	/* base: of code in the guest, or of its segment */
	unsigned bits;
	unsigned favourite, started;	/* virtio devices: a number, a mask */
};

void code_byte(struct emit *e, unsigned v);
void code_bytes(struct emit *e, const char *s, unsigned n);
void code_16(struct emit *e, unsigned v);
void code_32(struct emit *e, uint32_t v);
/* mov reg, v: 32 bits of it, and 64 in long mode where it has more. */
void code_load(struct emit *e, unsigned reg, uint64_t v);
/* Prefix of an instruction on operands of `size` bytes. */
void code_operand(struct emit *e, unsigned size);
void code_out(struct emit *e, unsigned port, unsigned size, uint32_t v);
void code_in(struct emit *e, unsigned port, unsigned size);
/* edi, or es:di, points to addr; false: this mode gets nowhere near. */
bool code_point(struct emit *e, uint64_t addr);
/* Memory operand of what code_point left; reg: of the instruction. */
void code_rm(struct emit *e, unsigned reg);
/* Instruction `op` (its form for bytes) between al, ax, eax or rax and that operand. */
void code_mem(struct emit *e, unsigned op, unsigned size);
/* Nothing where this mode gets nowhere near. */
void code_store(struct emit *e, uint64_t addr, unsigned size, uint64_t v);
void code_fetch(struct emit *e, uint64_t addr, unsigned size);

#define CODE(e, s) code_bytes(e, s, sizeof(s) - 1)

#endif
