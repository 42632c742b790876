/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entry, trap entries of M and S, going to lower modes and back. */
	.section .text.start, "ax"
	.globl	_start
_start:
	csrr	t0, mhartid
	li	t1, 8
	bgeu	t0, t1, park
	la	tp, cpus
	li	t1, CPU_SIZE
	mul	t1, t1, t0
	add	tp, tp, t1
	la	sp, stacks
	addi	t1, t0, 1
	slli	t1, t1, 15
	add	sp, sp, t1		/* 32 KiB for each hart */
	la	t2, trap_stacks
	slli	t1, t0, 14
	add	t2, t2, t1
	li	t1, 8192
	add	t2, t2, t1
	csrw	mscratch, t2		/* 8 KiB for M's traps, 8 KiB for S's */
	add	t2, t2, t1
	csrw	sscratch, t2
	la	t1, m_vec
	csrw	mtvec, t1
	la	t1, s_vec
	csrw	stvec, t1
	mv	a0, t0
	call	hart_main
park:	wfi
	j	park

.macro	entry	scratch, epc, status, cause, tval, handler, back
	csrrw	sp, \scratch, sp
	addi	sp, sp, -288
	.irp	n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, 8*\n(sp)
	.endr
	csrr	t0, \scratch
	sd	t0, 16(sp)
	addi	t0, sp, -2048
	csrw	\scratch, t0		/* a trap inside the handler goes below its stack */
	csrr	t0, \epc
	sd	t0, 256(sp)
	csrr	t0, \status
	sd	t0, 264(sp)
	csrr	t0, \cause
	sd	t0, 272(sp)
	csrr	t0, \tval
	sd	t0, 280(sp)
	mv	a0, sp
	call	\handler
	ld	t0, 256(sp)
	csrw	\epc, t0
	ld	t0, 264(sp)
	csrw	\status, t0
	addi	t0, sp, 288
	csrw	\scratch, t0
	.irp	n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	x\n, 8*\n(sp)
	.endr
	ld	sp, 16(sp)
	\back
.endm

	.text
	.balign	4
	.globl	m_vec, s_vec
m_vec:	entry	mscratch, mepc, mstatus, mcause, mtval, m_trap, mret
	.balign	4
s_vec:	entry	sscratch, sepc, sstatus, scause, stval, s_trap, sret

	.globl	vec_slot
	.section .bss
	.balign	8
vec_slot: .skip	8
	.text
/* Vectored table: each slot leaves its number + 1 in vec_slot. */
	.balign	256
	.globl	m_vectors
m_vectors:
	.option	push
	.option	norvc
	.set	slot, 0
	.rept	16
	j	vslots + slot * 16
	.set	slot, slot + 1
	.endr
vslots:
	.set	slot, 0
	.rept	16
	csrrw	sp, mscratch, sp
	sd	t0, -8(sp)
	li	t0, slot + 1
	j	vcommon
	.set	slot, slot + 1
	.endr
	.option	pop
vcommon:
	sd	t1, -16(sp)
	la	t1, vec_slot
	sd	t0, 0(t1)
	ld	t1, -16(sp)
	ld	t0, -8(sp)
	csrrw	sp, mscratch, sp
	j	m_vec

/* u64 run_raw(ctx, pc, sp, tp, a, b): a0..a5; mstatus.MPP is set */
	.globl	run_raw
run_raw:
	sd	ra, 0(a0)
	sd	sp, 8(a0)
	sd	tp, 16(a0)
	sd	s0, 24(a0)
	sd	s1, 32(a0)
	sd	s2, 40(a0)
	sd	s3, 48(a0)
	sd	s4, 56(a0)
	sd	s5, 64(a0)
	sd	s6, 72(a0)
	sd	s7, 80(a0)
	sd	s8, 88(a0)
	sd	s9, 96(a0)
	sd	s10, 104(a0)
	sd	s11, 112(a0)
	csrw	mepc, a1
	mv	sp, a2
	mv	tp, a3
	mv	a0, a4
	mv	a1, a5
	mv	a2, a6
	mret

/* Lower modes begin here: a2 is the function; its result goes back to run_raw's caller. */
	.globl	low_entry
low_entry:
	jalr	a2
	li	a7, 0x6578697400
	ecall

	.globl	m_call
m_call:
	mv	a6, a0
	mv	a0, a1
	mv	a1, a2
	li	a7, 0x6d63616c6c
	ecall
	ret

	.globl	check_fail
check_fail:
	li	a7, 0x6661696c00
	ecall
	ret
