/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One instruction of each kind that lockstep's test sabotages, each at a label of
 * its name and the first of its kind to run; then memory in every way that emitted
 * code treats differently. Ends by powering off.
 */
	.globl _start, do_xor, do_sub, do_and, do_or, do_shl, do_shr, do_mul, do_divu
	.globl do_brc, do_add, do_fmul, do_fcmp, do_f2i, loop, done, fault_here, trap, target
_start:
	la sp, stack_top
	la s0, data
	ld a0, 0(s0)
	ld a1, 8(s0)
do_xor:	xor a2, a0, a1
do_sub:	sub a3, a0, a1
do_and:	and a4, a0, a1
do_or:	or a5, a0, a1
do_shl:	sll a6, a0, a1
do_shr:	srl a7, a0, a1
do_mul:	mul s1, a0, a1
do_divu: divu s2, a0, a1
do_brc:	bltu a0, a1, 1f
	li s3, 1
1:	nop
do_add:	add s4, a0, a1
	csrr t0, sstatus
	li t1, 0x6000
	csrs sstatus, t1
	fld fa0, 16(s0)
	fld fa1, 24(s0)
do_fmul: fmul.d fa2, fa0, fa1
do_fcmp: flt.d s5, fa0, fa1
do_f2i:	fcvt.l.d s6, fa2, rtz
	fsd fa2, 32(s0)
	csrr s7, fflags
	li t0, 0x10000000	/* the UART's line status */
io:	lbu t1, 5(t0)
	/* a group of accesses that fits its page, and one that does not */
	la s1, last32
	li s2, 2
group:	sd a0, 0(s1)
	sd a1, 8(s1)
	sw a2, 16(s1)
	ld t0, 0(s1)
	lbu t1, 20(s1)
	sd t0, 24(s1)
	ld t2, 28(s1)		/* across two pages the second time */
	addi s1, s1, 16
	addi s2, s2, -1
	bnez s2, group
	/* a block that is its own loop */
	li s2, 3000
	la s1, data
loop:	ld t0, 40(s1)
	addi t0, t0, 3
	sd t0, 40(s1)
	addi s2, s2, -1
	bnez s2, loop
	/* atomics */
	la s1, word
	amoadd.d t0, a0, (s1)
	amomaxu.w t1, a1, (s1)
	amoswap.d t2, a2, (s1)
1:	lr.d t3, (s1)
	addi t3, t3, 1
	sc.d t4, t3, (s1)
	bnez t4, 1b
	/* calls, time, a trap */
	call function
	rdtime s3
	rdtime s4
	la t0, trap
	csrw stvec, t0
	li t1, 64
fault_here: ld t2, 0(t1)
	la t0, data
	jalr ra, 0(t0)		/* no instruction there */
	/* code that changes while it runs */
	la t0, patch
	lw t1, 0(t0)
	la t2, target
	call target
	sw t1, 0(t2)
	fence.i
	call target
done:	li a0, 0
	li a1, 0
	li a7, 0x53525354
	li a6, 0
	ecall
1:	j 1b

function: addi sp, sp, -16
	sd ra, 8(sp)
	la t0, target
	jalr t0
	ld ra, 8(sp)
	addi sp, sp, 16
	ret
	.balign 4
	.option push
	.option norvc
target:	addi s8, s8, 1
	ret
patch:	addi s8, s8, 5
	.option pop
	.balign 4
trap:	csrr t5, sepc
	csrr t6, scause
	li t0, 2
	beq t6, t0, 1f
	addi t5, t5, 4
	csrw sepc, t5
	sret
1:	csrw sepc, ra
	sret

	.data
	.balign 64
data:	.dword 0xf01057e757e70000, 0x123456789abcde85, 0x4012345678900000, 0x40f0000012345678
	.dword 0, 7
word:	.dword 0x8000000000000009, 0
	.bss
	.balign 4096
	.space 4096 - 32
last32:	.space 4096 + 32
	.space 4096
stack_top:
