/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Helpers of arithmetic, as ir_helper; compiled for general registers only (IRH_INT_ONLY). */
#ifndef TARGET_X86_ARITH_H
#define TARGET_X86_ARITH_H

#include <stdint.h>

/*
 * Dividend, divisor (extended to 64 bits); the quotient in the lower half of the dividend's
 * width, the remainder in the upper one. #DE stays pending (exc_pending), with LEAVE_LOOP.
 */
uint64_t x86_help_div8(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_idiv8(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_div16(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_idiv16(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_div32(void *state, uint64_t a, uint64_t x);
uint64_t x86_help_idiv32(void *state, uint64_t a, uint64_t x);
/* scratch: the upper half of the dividend; then the remainder. */
uint64_t x86_help_div64(void *state, uint64_t lo, uint64_t x);
uint64_t x86_help_idiv64(void *state, uint64_t lo, uint64_t x);

enum { X86_DEC_DAA, X86_DEC_DAS, X86_DEC_AAA, X86_DEC_AAS, X86_DEC_AAM, X86_DEC_AAD };
/* how: AX | imm8 << 16 | X86_DEC_* << 24; flags: the six. The new AX, the flags from bit 16 on. */
uint64_t x86_help_decimal(void *state, uint64_t how, uint64_t flags);

/*
 * SHLD, SHRD of 16 or 32 bits. v: the operand, above bit 32 what is shifted in; how: count |
 * size << 8 | right << 16. The result, above bit 32 that of one place less (count not zero).
 */
uint64_t x86_help_shd(void *state, uint64_t v, uint64_t how);
/* CRC-32C of the low `size` (how) bytes of v, into crc = the upper half of how. */
uint64_t x86_help_crc32(void *state, uint64_t v, uint64_t how);
uint64_t x86_help_pext(void *state, uint64_t v, uint64_t mask);
uint64_t x86_help_pdep(void *state, uint64_t v, uint64_t mask);

#endif
