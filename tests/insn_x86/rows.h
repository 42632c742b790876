/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The instructions, by encoding (SDM volume 2, appendix A). */
#ifndef TESTS_INSN_X86_ROWS_H
#define TESTS_INSN_X86_ROWS_H

#include <stdint.h>

enum {				/* maps and mandatory prefixes, as VEX encodes them */
	M_1 = 0, M_0F = 1, M_38 = 2, M_3A = 3,
	P_NONE = 0, P_66 = 1, P_F3 = 2, P_F2 = 3, P_ANY = 4,	/* ANY: 66 is the operand size */
};

#define F_M		(UINT64_C(1) << 0)	/* ModRM */
#define F_B8		(UINT64_C(1) << 1)	/* byte operands */
#define F_OS		(UINT64_C(1) << 2)	/* operand of 16, 32 or 64 bits */
#define F_R		(UINT64_C(1) << 3)	/* only registers */
#define F_MEM		(UINT64_C(1) << 4)	/* only memory */
#define F_IB		(UINT64_C(1) << 5)
#define F_IZ		(UINT64_C(1) << 6)	/* as the operand, at most 32 bits */
#define F_IV		(UINT64_C(1) << 7)	/* as the operand */
#define F_IW		(UINT64_C(1) << 8)
#define F_LOCK		(UINT64_C(1) << 9)
#define F_LEG		(UINT64_C(1) << 10)	/* without VEX; with VEX if any of the following */
#define F_V0		(UINT64_C(1) << 11)
#define F_V1		(UINT64_C(1) << 12)
#define F_LIG		(UINT64_C(1) << 13)	/* VEX.L is ignored */
#define F_NDS		(UINT64_C(1) << 14)	/* VEX.vvvv is an operand */
#define F_W0		(UINT64_C(1) << 15)
#define F_W1		(UINT64_C(1) << 16)
#define F_WR		(UINT64_C(1) << 17)	/* W chooses, also REX.W */
#define F_AL		(UINT64_C(1) << 18)	/* without VEX memory is aligned */
#define F_ALV		(UINT64_C(1) << 19)	/* and with VEX too */
#define F_RG		(UINT64_C(1) << 20)	/* reg field: general register */
#define F_MG		(UINT64_C(1) << 21)	/* r/m */
#define F_MM		(UINT64_C(1) << 22)	/* MMX registers */
#define F_IS4		(UINT64_C(1) << 23)
#define F_VSIB		(UINT64_C(1) << 24)
#define F_32		(UINT64_C(1) << 25)	/* not in 64-bit code */
#define F_64		(UINT64_C(1) << 26)
#define F_DR		(UINT64_C(1) << 27)	/* writes the general register of the reg field */
#define F_DM		(UINT64_C(1) << 28)
#define F_DV		(UINT64_C(1) << 29)
#define F_D64		(UINT64_C(1) << 30)	/* 64 bits by default in 64-bit code */
#define F_DENY		(UINT64_C(1) << 31)	/* must not run, or answers differ by nature */
#define F_SKIP		(UINT64_C(1) << 32)	/* not drawn; random bytes may be it */
#define F_R4		(UINT64_C(1) << 33)	/* register in the opcode's low bits */
#define F_MOFFS		(UINT64_C(1) << 34)
#define F_STR		(UINT64_C(1) << 35)	/* string instruction */
#define F_REP		(UINT64_C(1) << 36)	/* may have REP */
#define F_NO16		(UINT64_C(1) << 37)
#define F_NO64		(UINT64_C(1) << 38)
#define F_GROUP		(UINT64_C(1) << 39)	/* drawn by a function of its own: gen_special() */
#define F_REGX		(UINT64_C(1) << 40)	/* digits apply to register forms only */
#define F_IMM3		(UINT64_C(1) << 41)	/* without VEX only 3 bits of the immediate */
#define F_MMR		(UINT64_C(1) << 42)	/* reg field: MMX */
#define F_MMM		(UINT64_C(1) << 43)	/* r/m: MMX */

enum { SZ_OP = 0, SZ_V = 0x80, SZ_V2, SZ_V4, SZ_V8 };	/* operand; vector, its half, ... */

/* EFLAGS */
enum { CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, DF = 0x400, OF = 0x800,
       ARITH = CF | PF | AF | ZF | SF | OF };

struct xs_row {
	const char *name;
	uint8_t map, pp, op, count, step;	/* opcodes op, op + step, ... */
	uint8_t mem;
	uint8_t digits;				/* 0: a register; bit n: /n */
	uint64_t f;
	uint16_t writes, undef, reads;		/* flags; undef is among writes */
};

/* ended by a name that is NULL */
extern const struct xs_row rows_int[], rows_x87[], rows_vec[], rows_sys[], rows_near[];

#endif
