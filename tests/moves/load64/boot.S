/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first CPU's entry in long mode (zero page in rsi), interrupt stubs, the way to ring 3. The
 * others' entry is tests/bare64/second.S.
 */
	.section .text.start, "ax"
	.globl _start
_start:
	lea stacks+8192(%rip), %rsp
	mov %rsi, %rdi
	call boot
1:	cli
	hlt
	jmp 1b

	.text
	.globl stubs, enter_ring3
	/* void enter_ring3(fn, cpu, stack): interrupts on */
enter_ring3:
	push $0x23
	push %rdx
	push $0x202
	push $0x2b
	push %rdi
	mov $0x23, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %rsi, %rdi
	iretq

	.macro STUB n
	.balign 16
stub_\n:
	.if !(\n == 8 || (\n >= 10 && \n <= 14) || \n == 17 || \n == 21)
	push $0
	.endif
	push $\n
	jmp common
	.endm

	.altmacro
	.set n, 0
	.rept 256
	STUB %n
	.set n, n + 1
	.endr

common:
	push %rax
	push %rbx
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %rbp
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	call trap
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rbp
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rbx
	pop %rax
	add $16, %rsp
	iretq

	.section .rodata
	.balign 8
	.macro ADDRESS n
	.quad stub_\n
	.endm
stubs:
	.set n, 0
	.rept 256
	ADDRESS %n
	.set n, n + 1
	.endr

	.section .note.GNU-stack, "", @progbits
