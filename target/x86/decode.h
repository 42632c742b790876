/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From bytes to a decoded instruction (SDM volume 2, chapter 2 and appendix A). The tables are
 * the rows of insn_*.def, included into one array by decode.c, which sorts them by map and
 * opcode when first used. A row is the only description of an encoding: length, operands,
 * what makes it undefined, its name, its translation.
 */
#ifndef TARGET_X86_DECODE_H
#define TARGET_X86_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct x86_ctx;
struct x86_insn;
struct x86_feature;

enum x86_map { X86_MAP_1, X86_MAP_0F, X86_MAP_0F38, X86_MAP_0F3A, X86_NR_MAPS };
enum { X86_PP_NONE, X86_PP_66, X86_PP_F3, X86_PP_F2, X86_PP_ANY };
/* X86_F_* of struct x86_row */
enum {
	X86_F_VEX = 1 << 0,	/* VEX encoding (only); without: legacy encoding (only) */
	X86_F_LOCK = 1 << 1,	/* LOCK allowed with a memory destination */
	X86_F_NO64 = 1 << 2,	/* undefined in 64-bit mode */
	X86_F_ONLY64 = 1 << 3,	/* undefined outside 64-bit mode */
	X86_F_D64 = 1 << 4,	/* 64-bit mode: operand size is 64 unless 66h makes it 16 */
	X86_F_F64 = 1 << 5,	/* 64-bit mode: operand size is 64 whatever the prefixes say */
	X86_F_CPL0 = 1 << 6,	/* #GP(0) outside ring 0 */
	X86_F_PROT = 1 << 7,	/* #UD in real and virtual-8086 mode */
	X86_F_MEM = 1 << 8,	/* modrm must name memory */
	X86_F_REG = 1 << 9,	/* modrm must name a register */
	/* REX.W or VEX.W must be so (VEX: outside 64-bit mode, too) */
	X86_F_W0 = 1 << 10, X86_F_W1 = 1 << 11,
	X86_F_L0 = 1 << 12, X86_F_L1 = 1 << 13,	/* VEX.L must be so */
	X86_F_NOV = 1 << 14,	/* VEX.vvvv must be 1111b */
	/* x87: #NM by CR0.TS or EM; waits for pending exceptions unless NOWAIT */
	X86_F_FPU = 1 << 15,
	X86_F_NOWAIT = 1 << 16,
	X86_F_MMX = 1 << 17,	/* #UD by CR0.EM, #NM by TS, pending x87 exceptions */
	X86_F_SSE = 1 << 18,	/* #UD by CR0.EM or without CR4.OSFXSR, #NM by TS */
	X86_F_AVX = 1 << 19,	/* #UD without CR4.OSXSAVE or XCR0's two bits, #NM by TS */
	X86_F_ALIGN = 1 << 20,	/* 16-byte memory operands must be aligned (#GP): legacy SSE */
	X86_F_END = 1 << 21,	/* ends the block by itself: always sets ctx->done */
	X86_F_REP = 1 << 22,	/* F2/F3 mean repetition, not a mandatory prefix */
};

/* A row of insn_*.def:
 *   ROW(map, opcode, pp, ext, "name", "operands", trans, "feature", flags)
 * map, opcode: X86_MAP_* without the prefix; ROWS(map, opcode, count, ...)
 *   for opcodes with a register in their low three bits.
 * pp: mandatory prefix, X86_PP_*; ANY where 66/F2/F3 are ordinary prefixes or ignored.
 * ext: -1: no opcode extension; 0 to 7: modrm.reg must be it (`/digit`);
 *   X86_EXT(reg, rm): both, with mod = 3.
 * operands: up to four, in Intel order, in the notation of SDM appendix A.2.1 and A.2.2:
 *   E modrm, general register or memory; G modrm.reg; B VEX.vvvv general register; R modrm.rm
 *   register only; M modrm memory only; I immediate; J relative target; A far pointer; O offset
 *   without modrm; S segment register; C D control, debug register; V modrm.reg vector; W
 *   modrm.rm vector or memory; H VEX.vvvv vector; L vector in imm8[7:4]; U modrm.rm vector
 *   only; P MMX by modrm.reg; Q MMX or memory; N modrm.rm MMX only; X DS:rSI; Y ES:rDI;
 *   Z register in the opcode's low bits (with REX.B); a lower-case register name (al, eAX, rAX:
 *   by operand size, cl, dx, 1, es, cs...) is that.
 *   Sizes: b w d q dq(16) qq(32) v(16/32/64 by operand size) z(16/32) y(32/64) p(far pointer)
 *   x(16 or 32 by VEX.L; 16 without VEX) s(6/10: descriptor table) t(10) ss sd(scalar 4, 8)
 *   ps pd (as x) none(0: address only, LEA). Ib sign: `Ib` zero-extended, `Is` a sign-extended
 *   byte, `Iz` sign-extended to the operand size, `Iv` full 64 bits with REX.W.
 * trans: translates it; false: #UD. feature: name in features.def that the CPU model must have
 *   (several: "avx2", "" none).
 */
#define X86_EXT(reg, rm) (8 + (reg) * 8 + (rm))	/* 8 to 71 */
struct x86_row {
	uint8_t map, opcode, count, pp;
	int8_t ext;
	const char *name, *operands;
	bool (*trans)(struct x86_ctx *ctx, const struct x86_insn *i);
	const char *feature;
	uint32_t flags;
};

enum x86_opnd_kind {
	X86_O_NONE, X86_O_REG, X86_O_REG8H /* ah ch dh bh: reg is 0 to 3 */, X86_O_MEM, X86_O_IMM,
	X86_O_REL /* imm: rip-relative displacement */, X86_O_FAR /* imm: offset, sel */,
	X86_O_SEG, X86_O_CR, X86_O_DR, X86_O_VEC, X86_O_MMX,
	X86_O_STR /* string operand; reg: rSI or rDI */,
};
struct x86_opnd {
	uint8_t kind;
	uint8_t size;		/* bytes; of a vector operand: what is accessed of it in memory */
	uint8_t reg;
	uint8_t letter;		/* of the notation, to tell E from G */
};

struct x86_insn {
	const struct x86_row *row;
	uint8_t len;
	uint8_t opcode;
	uint8_t opsize, adsize;		/* bytes: 2, 4, 8 */
	uint8_t rep;			/* 0, 0xf2, 0xf3: the last of them */
	bool lock, opsize_prefix, rex, rex_w, vex;
	uint8_t vex_l;			/* 0: 128, 1: 256 */
	int8_t segment;			/* enum x86_sreg of the override; -1: none */
	uint8_t modrm, mod, reg, rm;	/* reg, rm with the REX/VEX extension */
	/* memory operand: base, index 0 to 15, -1: none; base 16: rip */
	int8_t base, index;
	uint8_t scale;			/* shift, 0 to 3 */
	uint8_t sreg;			/* enum x86_sreg: of the memory operand, override applied */
	int64_t disp;
	/* in the order of the operands; sign-extended as the notation says */
	uint64_t imm[2];
	uint16_t sel;			/* of a far pointer */
	uint8_t nr_opnds;
	struct x86_opnd opnd[4];
};
enum { X86_BASE_RIP = 16, X86_MAX_LEN = 15 };

enum x86_decode_result {
	X86_DECODED,
	X86_UNDEFINED,		/* #UD; len is what was looked at */
	X86_TOO_LONG,		/* #GP(0): more than 15 bytes */
	X86_MORE,		/* code ends inside it */
};
/*
 * bits: 16, 32 or 64: of the code segment. Encodings only: what CPUID, CR0, CR4, CPL say of it is
 * looked at by the translator.
 */
enum x86_decode_result x86_decode(struct x86_insn *i, const uint8_t *code, unsigned avail,
				  unsigned bits);
/* Is its memory operand one that must be aligned (X86_F_ALIGN)? */
bool x86_insn_aligned(const struct x86_insn *i);
/* The feature that a decoded row needs; NULL: none. */
const struct x86_feature *x86_row_feature(const struct x86_row *row);
/* As AT&T or Intel text (Intel order), for traces and the monitor; returns its length in bytes. */
unsigned x86_disasm_bits(uint64_t pc, const uint8_t *bytes, unsigned n, unsigned bits, char *buf,
			 size_t size);
/* isa.disasm: 64-bit code. */
unsigned x86_disasm(uint64_t pc, const uint8_t *bytes, unsigned n, char *buf, size_t size);

#endif
