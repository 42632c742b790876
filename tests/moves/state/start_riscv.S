/* SPDX-License-Identifier: GPL-2.0-or-later */
	.section .text.start, "ax"
	.globl _start
_start:
	la sp, stack_top
	li t0, 0x2000			/* sstatus.FS */
	csrs sstatus, t0
	call calc
	.bss
	.balign 16
	.skip 16384
stack_top:
