/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry of hello64, its interrupt handler, and the page where the second
 * processor begins. The first enters here in long mode with the boot GDT and page
 * tables (target/x86/state.h, X86_BOOT_*); the second is brought to the same.
 */
	.set BOOT_GDT, 0x1000
	.set BOOT_PML4, 0x2000
	.set TRAMPOLINE, 0x8000

	.section .text.start, "ax"
	.globl _start, timer_entry, trampoline, trampoline_end
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

	/* copied to TRAMPOLINE, entered by SIPI in real mode with cs = 0x800 */
	.code16
trampoline:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl gdtr - trampoline
	mov $0x620, %eax		/* PAE, SSE */
	mov %eax, %cr4
	mov $BOOT_PML4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: long mode */
	mov $0x900, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80010031, %eax		/* paging and protection at once */
	mov %eax, %cr0
	ljmpl $0x18, $(TRAMPOLINE + long_mode - trampoline)
	.balign 4
gdtr:	.word 0x47
	.long BOOT_GDT
	.code64
long_mode:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $stack1, %rsp
	mov $second, %rax
	call *%rax
2:	cli
	hlt
	jmp 2b
trampoline_end:

	.bss
	.balign 16
	.skip 4096
stack0:	.skip 4096
stack1:
	.section .note.GNU-stack, "", @progbits
