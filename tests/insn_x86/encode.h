/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One instruction from its parts to bytes. */
#ifndef TESTS_INSN_X86_ENCODE_H
#define TESTS_INSN_X86_ENCODE_H

#include "tests/insn_x86/rows.h"
#include "tests/insn_x86/stream.h"

enum { NO_REG = -1, RIP = -2, REG16 = -3 };	/* REG16: 16-bit addressing, rm = base16 */

struct enc {
	const struct xs_row *row;
	bool wide, vex, lock, a67, rex, is_mem, long_vex, l;
	uint8_t op, seg, rep, osz, w;		/* osz: 1, 2, 4, 8 */
	uint8_t reg, rm, vvvv;
	int base, index;
	uint8_t scale, base16;
	bool disp32;				/* although 8 bits would do */
	uint64_t target;			/* RIP: what is addressed */
	int64_t disp;
	uint64_t imm;
	uint8_t nr_imm;
};

/* Bytes to p, whose address is at; returns how many (at most 15). */
unsigned enc_put(const struct enc *e, uint8_t *p, uint64_t at);

#endif
