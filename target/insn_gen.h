/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instruction table that tools/decodegen.py makes from an ISA's *.dec files,
 * for disassembly and for tests that make random instructions.
 *
 * To make one: take a row, start from `match`, and for each field choose a value
 * and place it with insn_field_put(); respect `require` (reserved encodings) and
 * skip a word that an earlier row of the same length also matches
 * (insn_find() returns that one). Bits outside mask and fields may be anything.
 */
#ifndef TARGET_INSN_GEN_H
#define TARGET_INSN_GEN_H

#include <stdbool.h>
#include <stdint.h>

/* How a field is meant; the ISA's disassembler knows how each is written. */
enum insn_kind {
	INSN_X,			/* integer register */
	INSN_F,			/* floating-point register */
	INSN_IMM,		/* number, decimal */
	INSN_HEX,		/* number, hexadecimal */
	INSN_UPPER,		/* number << 12, written without its zeros */
	INSN_PCREL,		/* distance from the instruction */
	INSN_CSR, INSN_RM, INSN_FENCE, INSN_AQRL,
};

struct insn_part { uint8_t pos, len; };		/* most significant first */
struct insn_field {
	const char *name;
	uint8_t kind;		/* enum insn_kind */
	bool sign;		/* the first part holds the sign */
	uint8_t shift;		/* value = (bits << shift) + add */
	uint8_t add;
	uint8_t nr_parts;
	struct insn_part part[9];
};

struct insn_require {
	const char *field;
	int32_t not ;
}; /* the field must not have this value */

struct insn_gen {
	const char *name;	/* mnemonic */
	/* the whole template: mnemonic and {field} operands; NULL ends the table */
	const char *text;
	uint32_t mask, match;	/* match is a subset of mask */
	uint8_t len;		/* bytes */
	uint8_t nr_fields;
	int8_t ext;		/* the ISA's feature bit; -1: base */
	const struct insn_field *const *fields;
	const struct insn_require *require;	/* at most two; NULL: none */
	uint8_t nr_require;
};

static inline int64_t insn_field_get(const struct insn_field *f, uint32_t insn)
{
	int64_t v = 0;

	for (unsigned i = 0; i < f->nr_parts; i++) {
		uint32_t bits = insn >> f->part[i].pos & ((1u << f->part[i].len) - 1);

		if (i == 0 && f->sign && bits >> (f->part[i].len - 1))
			v = -1;
		v = v * (1 << f->part[i].len) + bits;
		if (i == 0 && v < 0)
			v = (int64_t)bits - (1 << f->part[i].len);
	}
	return v * (1 << f->shift) + f->add;
}

/* insn with the field set to the nearest encodable value below v. */
static inline uint32_t insn_field_put(const struct insn_field *f, uint32_t insn, int64_t v)
{
	v = (v - f->add) >> f->shift;
	for (int i = f->nr_parts - 1; i >= 0; i--) {
		uint32_t mask = (1u << f->part[i].len) - 1;

		insn &= ~(mask << f->part[i].pos);
		insn |= ((uint32_t)v & mask) << f->part[i].pos;
		v >>= f->part[i].len;
	}
	return insn;
}

static inline bool insn_matches(const struct insn_gen *g, uint32_t insn)
{
	if ((insn & g->mask) != g->match)
		return false;
	for (unsigned i = 0; i < g->nr_require; i++)
		for (unsigned j = 0; j < g->nr_fields; j++)
			if (g->fields[j]->name == g->require[i].field &&
			    insn_field_get(g->fields[j], insn) == g->require[i].not)
				return false;
	return true;
}

/* The row that the decoder takes for an instruction of `len` bytes with these features, or NULL. */
static inline const struct insn_gen *insn_find(const struct insn_gen *table, uint32_t insn,
					       unsigned len, uint32_t features)
{
	for (const struct insn_gen *g = table; g->text; g++)
		if (g->len == len && (g->ext < 0 || features >> g->ext & 1) &&
		    insn_matches(g, insn))
			return g;
	return 0;
}

#endif
