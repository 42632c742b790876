/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where another processor begins: this is copied to BARE_SECOND (bare64.h) and entered by SIPI in
 * real mode with cs = 0x800. It calls second() in long mode with the page tables that the first
 * one booted with, a GDT of its own and the stack that second_stack names.
 */
	.set BARE_SECOND, 0x8000
	.set BOOT_PML4, 0x2000			/* target/x86/state.h, X86_BOOT_PML4 */

	.text
	.globl second_code, second_code_end, second_stack
	.code16
second_code:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl gdtr - second_code
	mov $0x620, %eax		/* PAE, SSE */
	mov %eax, %cr4
	mov $BOOT_PML4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: long mode */
	mov $0x900, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80010033, %eax		/* paging and protection at once; MP, NE, WP */
	mov %eax, %cr0
	ljmpl $0x08, $(BARE_SECOND + long_mode - second_code)
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdtr:	.word gdtr - gdt - 1
	.long BARE_SECOND + gdt - second_code
	.code64
long_mode:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov second_stack, %rsp
	mov $second, %rax
	call *%rax
1:	cli
	hlt
	jmp 1b
second_code_end:

	.data
	.balign 8
second_stack:
	.quad 0
	.section .note.GNU-stack, "", @progbits
