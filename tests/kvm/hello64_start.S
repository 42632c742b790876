/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry of hello64, in long mode with the boot GDT and page tables (target/x86/state.h,
 * X86_BOOT_*), its interrupt handler, its stacks.
 */
	.section .text.start, "ax"
	.globl _start, timer_entry, stack1
	.code64
_start:
	lea stack0(%rip), %rsp
	call hello
1:	cli
	hlt
	jmp 1b

timer_entry:
	push %rax
	push %rcx
	incl ticks(%rip)
	mov $0xfee000b0, %ecx		/* end of interrupt */
	movl $0, (%rcx)
	pop %rcx
	pop %rax
	iretq

	.bss
	.balign 16
	.skip 4096
stack0:	.skip 4096
stack1:
	.section .note.GNU-stack, "", @progbits
