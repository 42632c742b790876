/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What gdb looks at: hart 0 starts hart 1 and counts in work() until the counter
 * is large, then powers off; hart 1 counts for ever.
 */
	.globl sbi, hop_end
	.globl _start, work, counter, watched, hart1_entry, done
_start:
	la sp, stack_top
	/* hart 1: HSM start */
	li a0, 1
	la a1, hart1_entry
	li a2, 7
	li a7, 0x48534d
	li a6, 0
sbi:	ecall
again:
	call work
	call hop
	la t0, watched
	lw t1, 0(t0)
	addi t1, t1, 1
	sw t1, 0(t0)
	la t0, counter
	ld t1, 0(t0)
	li t2, 100000000		/* gdb makes it end */
	blt t1, t2, again
done:
	li a0, 0
	li a1, 0
	li a7, 0x53525354
	li a6, 0
	ecall
1:	j 1b
work:
	la t0, counter
	ld t1, 0(t0)
	addi t1, t1, 1
	sd t1, 0(t0)
	ret
hop:	j hop_end		/* goes on in the same block of the translator */
	.space 600
hop_end: ret
hart1_entry:
	la t0, hart1_runs
1:	ld t1, 0(t0)
	addi t1, t1, 1
	sd t1, 0(t0)
	j 1b
	.data
	.balign 8
counter: .dword 0
watched: .word 0
	.balign 8
	.globl hart1_runs
hart1_runs: .dword 0
	.bss
	.space 4096
stack_top:
