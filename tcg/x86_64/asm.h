/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-64 encoder: just bytes. Intel SDM volume 2: REX 2.2.1, VEX 2.3.
 * An opcode is a number with prefix bits; `reg` and `rm` are 0-15.
 */
#ifndef TCG_X86_64_ASM_H
#define TCG_X86_64_ASM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, NOREG = -1 };

enum {
	P0F = 0x100, P0F38 = 0x200, P0F3A = 0x400, P66 = 0x1000, PF3 = 0x2000, PF2 = 0x4000,
	W = 0x8000,		/* 64-bit operand */
	P8 = 0x10000,		/* byte register in reg: REX needed for sil.. */
	LOCK = 0x20000,
};

struct mem { int base, index, scale; int32_t disp; };	/* index NOREG: none */
#define M(b, d) ((struct mem){ (b), NOREG, 1, (int32_t)(d) })
#define MX(b, i, s, d) ((struct mem){ (b), (i), (s), (int32_t)(d) })

struct code {
	uint8_t *p, *start, *limit;
}; /* writes stop at limit; p may not pass it by more than a bit */

static inline void b1(struct code *c, unsigned v) { *c->p++ = (uint8_t)v; }
static inline void b4(struct code *c, uint32_t v) { memcpy(c->p, &v, 4); c->p += 4; }
static inline void b8(struct code *c, uint64_t v) { memcpy(c->p, &v, 8); c->p += 8; }

static inline void x_prefix(struct code *c, unsigned op, int r, int x, int b, bool byte_rm)
{
	unsigned rex = (op & W ? 8 : 0) | (r >> 3 & 1) << 2 | (x >> 3 & 1) << 1 | (b >> 3 & 1);

	if (op & LOCK)
		b1(c, 0xf0);
	if (op & P66)
		b1(c, 0x66);
	if (op & PF3)
		b1(c, 0xf3);
	if (op & PF2)
		b1(c, 0xf2);
	if (rex || (op & P8 && r >= 4) || (byte_rm && b >= 4))
		b1(c, 0x40 | rex);
	if (op & (P0F | P0F38 | P0F3A))
		b1(c, 0x0f);
	if (op & P0F38)
		b1(c, 0x38);
	if (op & P0F3A)
		b1(c, 0x3a);
	b1(c, op & 0xff);
}

static inline void x_modrm_mem(struct code *c, int reg, struct mem m)
{
	/*
	 * not `!= NOREG`: gcc 12 at -O2 loses that test when this is inlined
	 * twice (tests/ir found it)
	 */
	bool sib = m.index >= 0 || (m.base & 7) == RSP;
	int mod = m.disp == 0 && (m.base & 7) != RBP ? 0 : m.disp == (int8_t)m.disp ? 1 : 2;
	static const uint8_t ss[9] = { [1] = 0, [2] = 1, [4] = 2, [8] = 3 };

	b1(c, mod << 6 | (reg & 7) << 3 | (sib ? 4 : m.base & 7));
	if (sib)
		b1(c, ss[m.scale] << 6 | (m.index < 0 ? 4 : m.index & 7) << 3 | (m.base & 7));
	if (mod == 1)
		b1(c, (uint8_t)m.disp);
	else if (mod == 2)
		b4(c, (uint32_t)m.disp);
}

static inline void x_rr(struct code *c, unsigned op, int reg, int rm)
{
	x_prefix(c, op, reg, 0, rm, op & P8);
	b1(c, 0xc0 | (reg & 7) << 3 | (rm & 7));
}
static inline void x_rm(struct code *c, unsigned op, int reg, struct mem m)
{
	x_prefix(c, op, reg, m.index < 0 ? 0 : m.index, m.base, false);
	x_modrm_mem(c, reg, m);
}

/* movzx/movsx from a byte register: rm is the byte */
static inline void x_rr_b(struct code *c, unsigned op, int reg, int rm)
{
	x_prefix(c, op, reg, 0, rm, true);
	b1(c, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* ALU group: n = 0 add 1 or 2 adc 3 sbb 4 and 5 sub 6 xor 7 cmp */
enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
static inline void x_alu_rr(struct code *c, int n, unsigned w, int dst, int src)
{
	x_rr(c, (n << 3 | 3) | w, dst, src);
}
static inline void x_alu_rm(struct code *c, int n, unsigned w, int dst, struct mem m)
{
	x_rm(c, (n << 3 | 3) | w, dst, m);
}
static inline void x_alu_mr(struct code *c, int n, unsigned w, struct mem m, int src)
{
	x_rm(c, (n << 3 | 1) | w, src, m);
}
static inline void x_alu_ri(struct code *c, int n, unsigned w, int dst, int32_t imm)
{
	if (imm == (int8_t)imm) {
		x_rr(c, 0x83 | w, n, dst);
		b1(c, (uint8_t)imm);
	} else if (dst == RAX) {
		if (w)
			b1(c, 0x48);
		b1(c, n << 3 | 5);
		b4(c, (uint32_t)imm);
	} else {
		x_rr(c, 0x81 | w, n, dst);
		b4(c, (uint32_t)imm);
	}
}
static inline void x_alu_mi(struct code *c, int n, unsigned w, struct mem m, int32_t imm)
{
	if (imm == (int8_t)imm) {
		x_rm(c, 0x83 | w, n, m);
		b1(c, (uint8_t)imm);
	} else {
		x_rm(c, 0x81 | w, n, m);
		b4(c, (uint32_t)imm);
	}
}
static inline void x_mov_rr(struct code *c, int dst, int src)
{
	if (dst != src)
		x_rr(c, 0x8b | W, dst, src);
}
/* Smallest encoding; flags are kept. */
static inline void x_mov_ri(struct code *c, int dst, uint64_t v)
{
	if (v == (uint32_t)v) {
		if (dst >= 8)
			b1(c, 0x41);
		b1(c, 0xb8 | (dst & 7));
		b4(c, (uint32_t)v);
	} else if ((int64_t)v == (int32_t)v) {
		x_rr(c, 0xc7 | W, 0, dst);
		b4(c, (uint32_t)v);
	} else {
		b1(c, 0x48 | (dst >> 3 & 1));
		b1(c, 0xb8 | (dst & 7));
		b8(c, v);
	}
}
static inline void x_ld(struct code *c, int dst, struct mem m) { x_rm(c, 0x8b | W, dst, m); }
static inline void x_st(struct code *c, struct mem m, int src) { x_rm(c, 0x89 | W, src, m); }
static inline void x_lea(struct code *c, unsigned w, int dst, struct mem m)
{
	x_rm(c, 0x8d | w, dst, m);
}
static inline void x_push(struct code *c, int r) { if (r >= 8) b1(c, 0x41); b1(c, 0x50 | (r & 7)); }
static inline void x_pop(struct code *c, int r) { if (r >= 8) b1(c, 0x41); b1(c, 0x58 | (r & 7)); }
static inline void x_shift_ri(struct code *c, int n, unsigned w, int dst,
			      unsigned k) /* n: 0 rol 1 ror 4 shl 5 shr 7 sar */
{
	x_rr(c, 0xc1 | w, n, dst);
	b1(c, k);
}

/* VEX: pp 0 none 1 66 2 F3 3 F2; map 1 0F 2 0F38 3 0F3A */
static inline void x_vex(struct code *c, int pp, int map, int w, int l, int op, int r, int v, int x,
			 int b)
{
	if (map == 1 && !w && x < 8 && b < 8) {
		b1(c, 0xc5);
		b1(c, (r < 8) << 7 | (~v & 15) << 3 | l << 2 | pp);
	} else {
		b1(c, 0xc4);
		b1(c, (r < 8) << 7 | (x < 8) << 6 | (b < 8) << 5 | map);
		b1(c, w << 7 | (~v & 15) << 3 | l << 2 | pp);
	}
	b1(c, op);
}
static inline void v_rr(struct code *c, int pp, int map, int w, int op, int r, int v, int rm)
{
	x_vex(c, pp, map, w, 0, op, r, v, 0, rm);
	b1(c, 0xc0 | (r & 7) << 3 | (rm & 7));
}
static inline void v_rm(struct code *c, int pp, int map, int w, int op, int r, int v, struct mem m)
{
	x_vex(c, pp, map, w, 0, op, r, v, m.index < 0 ? 0 : m.index, m.base);
	x_modrm_mem(c, r, m);
}

/* Jumps: condition codes of the ISA (SDM appendix B.1) */
enum {
	CC_O,
	CC_NO,
	CC_B,
	CC_AE,
	CC_E,
	CC_NE,
	CC_BE,
	CC_A,
	CC_S,
	CC_NS,
	CC_P,
	CC_NP,
	CC_L,
	CC_GE,
	CC_LE,
	CC_G
};
static inline uint8_t *x_jcc(struct code *c, int cc)
{
	b1(c, 0x0f);
	b1(c, 0x80 | cc);
	b4(c, 0);
	return c->p;
}
static inline uint8_t *x_jmp(struct code *c) { b1(c, 0xe9); b4(c, 0); return c->p; }
static inline uint8_t *x_call(struct code *c) { b1(c, 0xe8); b4(c, 0); return c->p; }
/* end is what x_jcc and the others returned: the address behind the rel32 */
static inline void x_fix(uint8_t *end, const uint8_t *target)
{
	int32_t d = (int32_t)(target - end);

	memcpy(end - 4, &d, 4);
}
static inline void x_setcc(struct code *c, int cc, int r)
{
	x_prefix(c, (0x90 | cc) | P0F, 0, 0, r, true);
	b1(c, 0xc0 | (r & 7));
}
static inline void x_cmov(struct code *c, int cc, int dst, int src)
{
	x_rr(c, (0x40 | cc) | P0F | W, dst, src);
}

#endif
