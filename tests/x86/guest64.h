/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What 64-bit guests begin with: macros of tests, stubs of the interrupt handlers, the log.
 * Included where the guest starts; `guest` is that place.
 */
#include "tests/x86/layout.h"

#define AT(l) (L_CODE + ((l) - guest))

/* A test: its instructions up to E. An exception goes on behind E. */
.macro T name
	movl $AT(7001f), L_NAME
	movl $AT(7002f), L_RESUME
	movl $AT(7003f), L_IP
	jmp 7003f
7001:	.asciz "\name"
7003:
.endm
.macro E
7002:
.endm
/* Logs a value. */
.macro V reg
	pushq \reg
	call log_value
	addq $8, %rsp
.endm

	.code64
guest:
	jmp start
	.org guest + 16
stubs:
	.set n, 0
	.rept INT_LAST + 1
	.org stubs + n * 16
	pushq $n
	jmp common
	.set n, n + 1
	.endr
	.org stubs + n * 16

log_value:
	pushq %rax
	pushq %rbx
	movq L_LOG, %rbx
	movl L_NAME, %eax
	movl %eax, (%rbx)
	movl $0x100, 4(%rbx)
	movq 24(%rsp), %rax
	movq %rax, 64(%rbx)
	addl $L_RECORD, L_LOG
	popq %rbx
	popq %rax
	ret

common:
	pushq %rax
	pushq %rbx
	movq L_LOG, %rbx
	movl L_NAME, %eax
	movl %eax, (%rbx)
	movl 16(%rsp), %eax
	movl %eax, 4(%rbx)
	leal 24(%rsp), %eax
	movl %eax, 8(%rbx)
	movl %cs, %eax
	movl %eax, 12(%rbx)
	movl %ss, %eax
	movl %eax, 16(%rbx)
	movl L_IP, %eax
	movl %eax, 20(%rbx)
	movq %cr2, %rax
	movl %eax, 24(%rbx)
	movl %es, %eax
	movl %eax, 28(%rbx)
	movl %ds, %eax
	movl %eax, 32(%rbx)
	movl %fs, %eax
	movl %eax, 36(%rbx)
	str %eax
	movl %eax, 40(%rbx)
	pushfq
	popq %rax
	movl %eax, 44(%rbx)
	movq %dr6, %rax
	movl %eax, 48(%rbx)
	.set i, 0
	.rept 6
	movq 24 + 8 * i(%rsp), %rax
	movq %rax, 64 + 8 * i(%rbx)
	.set i, i + 1
	.endr
	addl $L_RECORD, L_LOG
	movl $0xffff0ff0, %eax
	movq %rax, %dr6
	movl $SEL_DATA, %eax
	movl %eax, %ss
	movl %eax, %ds
	movl %eax, %es
	movl $L_STACK, %esp
	movl %eax, %fs
	movl $0xc0000100, %ecx
	xorl %eax, %eax
	xorl %edx, %edx
	wrmsr
	pushq $2
	popfq
	movl L_RESUME, %eax
	jmp *%rax

gate_entry:
	pushq $0x101
	jmp common

start:
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl $L_STACK, %esp
