/* SPDX-License-Identifier: GPL-2.0-or-later */
	.section .text.start, "ax"
	.globl _start
_start:
	lea stack_top(%rip), %rsp
	mov %cr0, %rax
	and $~4, %eax			/* EM */
	or $2, %eax			/* MP */
	mov %rax, %cr0
	mov %cr4, %rax
	or $0x600, %eax			/* OSFXSR, OSXMMEXCPT */
	mov %rax, %cr4
#ifndef INTEGER
	fninit
#endif
	call calc
	.bss
	.balign 16
	.skip 16384
stack_top:
	.section .note.GNU-stack, "", @progbits
