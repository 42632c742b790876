/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A case while it is drawn. */
#ifndef TESTS_INSN_X86_GEN_H
#define TESTS_INSN_X86_GEN_H

#include "tests/insn_x86/encode.h"
#include "tests/insn_x86/random.h"

struct gen {
	struct xs_case *c;
	struct rng r;
	enum xs_class cls;
	unsigned n;			/* bytes so far */
	uint16_t undef;			/* flags without a meaning here */
	uint16_t keep;			/* registers that are not drawn as destinations */
	uint16_t bases;			/* of them: point into the data */
	int index;			/* small number, scaled in addresses */
	unsigned index_value;
	int counter;			/* of loops */
	struct gen_jump { unsigned field, left; uint8_t size; uint16_t undef; } jump[8];
	unsigned nr_jumps;
};

/* gen.c */
void gen_fix_flags(struct gen *g, unsigned wanted);
void gen_begin(struct gen *g, const struct xs_row *row);
void gen_end(struct gen *g, unsigned writes, unsigned undef);
void gen_bytes(struct gen *g, const void *p, unsigned n);
/* Glue: an instruction that only prepares the next one. */
void gen_glue(struct gen *g, const void *p, unsigned n, unsigned writes);
void gen_mov_imm(struct gen *g, unsigned reg, uint64_t v);	/* 32 or 64 bits */
void gen_draw(struct gen *g, const struct xs_row *row, struct enc *e);
void gen_mem(struct gen *g, struct enc *e, unsigned size, bool aligned);
void gen_put(struct gen *g, struct enc *e);
void gen_jump(struct gen *g, unsigned field, unsigned size, unsigned items);
unsigned gen_offset(struct gen *g, unsigned size, bool aligned);

/* gen_special.c */
void gen_special(struct gen *g, const struct xs_row *row);
/* gen_bytes.c */
void gen_random_bytes(struct gen *g);

#define GEN_BYTES(g, writes, ...) do {							\
	const uint8_t bytes_[] = { __VA_ARGS__ };					\
	gen_glue(g, bytes_, sizeof(bytes_), writes);					\
} while (0)

#endif
