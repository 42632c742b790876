/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that says "hi" by SBI's console and ends as HOW says. */
#define SAY(text)		\
	la a0, text;		\
	call say

	.globl _start
_start:
	la sp, stack_top
	SAY(hi)
#if HOW == 1			/* SBI: power off */
	li a0, 0
	li a1, 0
	j system_reset
#elif HOW == 2			/* SBI: reset once; memory beyond the image keeps what it holds */
	li t0, 0x81000000
	ld t1, 0(t0)
	addi t2, t1, 1
	sd t2, 0(t0)
	seqz a0, t1
	li a1, 0
	j system_reset
#elif HOW == 3			/* the test device: failure 7 */
	li t0, 0x100000
	li t1, 0x73333
	sw t1, 0(t0)
#elif HOW == 4			/* pvpanic */
	li t0, 0x10101000
	li t1, 1
	sb t1, 0(t0)
#elif HOW == 5			/* the test device: power off */
	li t0, 0x100000
	li t1, 0x5555
	sw t1, 0(t0)
#elif HOW == 6			/* SBI: power off for a failure */
	li a0, 0
	li a1, 1
	j system_reset
#elif HOW == 7			/* SBI: start hart 1, stop; hart 1 powers off */
	li a0, 1
	la a1, second
	li a2, 42
	li a6, 0
	li a7, 0x48534d
	ecall
	bnez a0, fail
	li a6, 1
	ecall
	j fail
second:
	li t0, 42		/* a0 = hart, a1 = the argument */
	bne a1, t0, fail
	li t0, 1
	bne a0, t0, fail
1:	li a0, 0		/* until hart 0 has stopped */
	li a6, 2
	li a7, 0x48534d
	ecall
	li t0, 1
	bne a1, t0, 1b
	/* and start it again: it comes out at third */
	li a0, 0
	la a1, third
	li a6, 0
	ecall
	bnez a0, fail
2:	wfi
	j 2b
third:
	li a0, 0
	li a1, 0
	j system_reset
#elif HOW == 8			/* timer: sleeps for 50 ms by SBI's timer and WFI */
	rdtime s0
	li t0, 500000
	add s0, s0, t0
	mv a0, s0
	li a6, 0
	li a7, 0x54494d45
	ecall
	li t0, 0x20
	csrs sie, t0
1:	wfi
	csrr t1, sip
	andi t1, t1, 0x20
	beqz t1, 1b
	rdtime t1
	bltu t1, s0, fail
	li a0, -1		/* a deadline ahead takes the pending interrupt down */
	li a6, 0
	ecall
	csrr t1, sip
	andi t1, t1, 0x20
	bnez t1, fail
	li a0, 0
	li a1, 0
	j system_reset
#elif HOW == 9			/* an IPI to itself sets sip.SSIP, which software clears */
	li a0, 1
	li a1, 0
	li a6, 0
	li a7, 0x735049
	ecall
	csrr t0, sip
	andi t0, t0, 2
	beqz t0, fail
	csrc sip, 2
	csrr t0, sip
	andi t0, t0, 2
	bnez t0, fail
	li a0, 0
	li a1, 0
	j system_reset
#elif HOW == 10			/* pvpanic: a crash kernel is loaded, and again and again */
	li t0, 0x10101000
	li t1, 2
	li t2, 300
1:	sb t1, 0(t0)
	addi t2, t2, -1
	bnez t2, 1b
	li a0, 0
	li a1, 0
	j system_reset
#endif
1:	j 1b

fail:	li t0, 0x100000
	li t1, 0x3333
	sw t1, 0(t0)
	j fail
system_reset:
	li a6, 0
	li a7, 0x53525354
	ecall
	j fail
say:	mv a1, a0		/* DBCN write: length, address */
	li a0, 3
	li a2, 0
	li a6, 0
	li a7, 0x4442434e
	ecall
	ret
	.data
hi:	.ascii "hi\n"
	.bss
	.space 1024
stack_top:
