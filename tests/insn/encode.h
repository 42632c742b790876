/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few RV64 instructions that test frames are made of (unprivileged manual, ch. 2 and 35). */
#ifndef TESTS_INSN_ENCODE_H
#define TESTS_INSN_ENCODE_H

#include <stdint.h>

enum { ZERO = 0, RA = 1, SP = 2, GP = 3, TP = 4, T0 = 5, S0 = 8, S1 = 9, A0 = 10, A1 = 11, A2 = 12,
       A7 = 17, T6 = 31 };

static inline uint32_t enc_i(unsigned op, unsigned f3, unsigned rd, unsigned rs1, int imm)
{
	return (uint32_t)imm << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op;
}
static inline uint32_t enc_s(unsigned op, unsigned f3, unsigned rs2, unsigned rs1, int imm)
{
	return ((uint32_t)imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 |
	       ((uint32_t)imm & 31) << 7 | op;
}
static inline uint32_t enc_addi(unsigned rd, unsigned rs1, int imm)
{
	return enc_i(0x13, 0, rd, rs1, imm);
}
static inline uint32_t enc_addiw(unsigned rd, unsigned rs1, int imm)
{
	return enc_i(0x1b, 0, rd, rs1, imm);
}
static inline uint32_t enc_slli(unsigned rd, unsigned rs1, int n)
{
	return enc_i(0x13, 1, rd, rs1, n);
}
static inline uint32_t enc_srli(unsigned rd, unsigned rs1, int n)
{
	return enc_i(0x13, 5, rd, rs1, n);
}
static inline uint32_t enc_ld(unsigned rd, unsigned rs1, int imm)
{
	return enc_i(0x03, 3, rd, rs1, imm);
}
static inline uint32_t enc_sd(unsigned rs2, unsigned rs1, int imm)
{
	return enc_s(0x23, 3, rs2, rs1, imm);
}
static inline uint32_t enc_fld(unsigned rd, unsigned rs1, int imm)
{
	return enc_i(0x07, 3, rd, rs1, imm);
}
static inline uint32_t enc_fsd(unsigned rs2, unsigned rs1, int imm)
{
	return enc_s(0x27, 3, rs2, rs1, imm);
}
static inline uint32_t enc_csrrw(unsigned rd, unsigned csr, unsigned rs1)
{
	return enc_i(0x73, 1, rd, rs1, (int)csr);
}
static inline uint32_t enc_csrrs(unsigned rd, unsigned csr, unsigned rs1)
{
	return enc_i(0x73, 2, rd, rs1, (int)csr);
}
static inline uint32_t enc_sc_w(unsigned rd, unsigned rs2, unsigned rs1)
{
	return 0x1800202fu | rs2 << 20 | rs1 << 15 | rd << 7;
}
static inline uint32_t enc_lui(unsigned rd, uint32_t v)
{
	return (v & 0xfffff000u) | rd << 7 | 0x37;
}
static inline uint32_t enc_auipc(unsigned rd) { return rd << 7 | 0x17; }
static inline uint32_t enc_bne(unsigned rs1, unsigned rs2, int32_t distance)
{
	uint32_t d = (uint32_t)distance;

	return (d >> 12 & 1) << 31 | (d >> 5 & 63) << 25 | rs2 << 20 | rs1 << 15 | 1 << 12 |
	       (d >> 1 & 15) << 8 | (d >> 11 & 1) << 7 | 0x63;
}
#define ENC_ECALL 0x73u
#define ENC_EBREAK 0x00100073u
enum { CSR_FFLAGS = 1, CSR_FRM = 2, CSR_FCSR = 3 };

#endif
