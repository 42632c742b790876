/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * C functions that blocks call (ir_helper) or end with (ir_leave); pc in the state
 * is that of the instruction. A helper that raises an exception, or must let an
 * interrupt in, sets pc and CPU_HEAD()->leave.
 */
#ifndef TARGET_RISCV_HELPER_H
#define TARGET_RISCV_HELPER_H

#include <stdint.h>

/* ends of blocks; len = bytes of the instruction */
void riscv_leave_illegal(void *state, uint64_t insn, uint64_t unused);
void riscv_leave_ecall(void *state, uint64_t len, uint64_t unused);
void riscv_leave_ebreak(void *state, uint64_t len, uint64_t unused);
void riscv_leave_sret(void *state, uint64_t len, uint64_t unused);
void riscv_leave_mret(void *state, uint64_t len, uint64_t unused);
void riscv_leave_wfi(void *state, uint64_t len, uint64_t unused);

/* CSR accesses are described by a constant. */
enum csr_op { CSR_OP_WRITE, CSR_OP_SET, CSR_OP_CLEAR };
#define CSR_DESC(csr, op, rd, len) \
	((uint64_t)(csr) | (uint64_t)(op) << 12 | (uint64_t)(rd) << 16 | (uint64_t)(len) << 24)
#define DESC_CSR(d)	((unsigned)(d) & 0xfff)
#define DESC_OP(d)	((unsigned)(d) >> 12 & 3)
#define DESC_RD(d)	((unsigned)(d) >> 16 & 31)
#define DESC_LEN(d)	((unsigned)(d) >> 24)
/* Returns the value read. */
uint64_t riscv_help_csr_read(void *state, uint64_t desc, uint64_t unused);
/* Writes rd in the state (IRH_SYNC unless rd is 0). */
uint64_t riscv_help_csr_write(void *state, uint64_t desc, uint64_t operand);
/* The same for sstatus. */
uint64_t riscv_help_sstatus(void *state, uint64_t desc, uint64_t operand);
/* Lets an interrupt in after SIE was set. */
uint64_t riscv_help_sie_on(void *state, uint64_t len, uint64_t unused);

/* sfence.vma and sinval.vma: operand = ASID | SFENCE_* */
#define SFENCE_HAS_VA	(1ull << 32)
#define SFENCE_HAS_ASID	(1ull << 33)
uint64_t riscv_help_sfence(void *state, uint64_t va, uint64_t operand);
uint64_t riscv_help_pause(void *state, uint64_t unused, uint64_t unused2);
uint64_t riscv_help_fence_i(void *state, uint64_t unused, uint64_t unused2);
/* cbo.inval, clean, flush: checks only, for there is no cache; kind as in the instruction */
uint64_t riscv_help_cbo(void *state, uint64_t va, uint64_t kind);

void riscv_guard_fail(void *state);

#endif
