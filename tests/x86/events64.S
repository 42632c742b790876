/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts between instructions. A byte written to port 0xec asks the host: 1 raises INTR, 2
 * pulses NMI, 3 pulses SMI, 4 lowers INTR. The vector is 0x50.
 */
	.text
	.globl g_events64, g_events64_end
g_events64:
#include "tests/x86/guest64.inc"

	.macro ASK what
	movb $\what, %al
	outb %al, $0xec
	.endm
	/* interrupts off, one waits */
	.macro WAITING
	cli
	ASK 1
	nop
	nop
	.endm

	T "interrupt behind out"
	sti
	nop
	ASK 1
	nop
	E
	T "sti"
	WAITING
	sti
	nop
	nop
	E
	T "sti with nothing to wait for, then one"
	sti
	nop
	ASK 1
	nop
	nop
	E
	T "sti, when on already"
	sti
	nop
	cli
	ASK 1
	sti
	sti
	nop
	E
	T "sti, mov ss"
	movl $SEL_DATA, %ecx
	WAITING
	sti
	movl %ecx, %ss
	nop
	nop
	E
	T "sti, cli"
	WAITING
	sti
	cli
	nop
	V $1
	sti
	nop
	E
	T "sti, hlt"
	WAITING
	sti
	hlt
	nop
	E
	T "sti, jmp"
	WAITING
	sti
	jmp 1f
	nop
1:	nop
	nop
	E
	T "sti, ud2"
	WAITING
	sti
	ud2
	E
	T "popf"
	WAITING
	pushq $0x202
	popfq
	nop
	E
	T "popfw"
	WAITING
	pushw $0x202
	popfw
	nop
	E
	T "iret"
	WAITING
	movl %ss, %ecx
	pushq %rcx
	pushq $L_STACK
	pushq $0x202
	pushq $SEL_CODE64
	pushq $AT(1f)
	iretq
	nop
1:	nop
	E
	T "iret to ring 3"
	WAITING
	pushq $SEL_UDATA | 3
	pushq $L_STACK3
	pushq $0x202
	pushq $SEL_UCODE64 | 3
	pushq $AT(1f)
	iretq
	nop
1:	nop
	E
	movl $0xc0000080, %ecx
	rdmsr
	orl $1, %eax
	wrmsr
	movl $0xc0000081, %ecx	/* STAR */
	movl $SEL_UCODE32 << 16 | SEL_CODE64, %edx
	xorl %eax, %eax
	wrmsr
	movl $0xc0000082, %ecx
	movl $AT(3f), %eax
	xorl %edx, %edx
	wrmsr
	T "sysret to ring 3"
	WAITING
	movl $AT(1f), %ecx
	movl $0x202, %r11d
	movl $L_STACK3, %esp
	sysretq
	nop
1:	nop
	E
	T "sysret to ring 3, interrupts off; syscall"
	WAITING
	movl $AT(1f), %ecx
	movl $0x2, %r11d
	movl $L_STACK3, %esp
	sysretq
1:	nop
	syscall
	nop
3:	movl $SEL_DATA, %ecx
	movl %ecx, %ss
	movl $L_STACK, %esp
	V $5
	sti
	nop
	nop
	E
	T "iret to ring 3, single step"
	pushq $SEL_UDATA | 3
	pushq $L_STACK3
	pushq $0x302
	pushq $SEL_UCODE64 | 3
	pushq $AT(1f)
	iretq
1:	nop
	nop
	E
	T "the line goes down again"
	WAITING
	ASK 4
	sti
	nop
	nop
	V $2
	cli
	E
	T "a loop with interrupts off"
	WAITING
	movl $100000, %ecx
1:	decl %ecx
	jnz 1b
	V %rcx
	sti
	nop
	nop
	E
	T "sti at the end of a page"
	WAITING
	jmp 1f
	.balign 4096
	.skip 4095
1:	sti
	nop
	nop
	E
	T "sti, long instruction over a page's end"
	WAITING
	jmp 1f
	.balign 4096
	.skip 4088
1:	sti
	movabsq $0x1122334455667788, %rcx
	nop
	E
	T "single step and interrupt"
	WAITING
	pushq $0x302
	popfq
	nop
	nop
	E
	cli
	ASK 4
	T "single step of sti"
	WAITING
	pushq $0x102
	popfq
	sti
	nop
	nop
	E
	cli
	ASK 4

	T "nmi"
	cli
	ASK 2
	nop
	E
	T "nmi while masked"
	ASK 2
	nop
	nop
	V $3
	movl %ss, %ecx
	pushq %rcx
	pushq $L_STACK
	pushq $2
	pushq $SEL_CODE64
	pushq $AT(1f)
	iretq
1:	nop
	E
	T "nmi while masked, iret to ring 3"
	ASK 2
	nop
	pushq $SEL_UDATA | 3
	pushq $L_STACK3
	pushq $2
	pushq $SEL_UCODE64 | 3
	pushq $AT(1f)
	iretq
1:	nop
	E
	T "nmi behind mov ss"
	movl %ss, %ecx
	pushq %rcx
	pushq $L_STACK
	pushq $2
	pushq $SEL_CODE64
	pushq $AT(1f)
	iretq
1:	movl $SEL_DATA, %ecx
	ASK 2
	movl %ecx, %ss
	nop
	E
	T "interrupt in a string"
	movl $L_SCRATCH, %edi
	movl $4, %ecx
	movl $0xec, %edx
	movl $AT(2f), %esi
	sti
	cld
	rep outsb
	nop
	jmp 3f
2:	.byte 0, 1, 0, 0
3:
	E
	V %rsi
	cli
	T "end"
	V $0x600d
	E
	movb $0, %al
	outb %al, $0xf4
1:	hlt
	jmp 1b
	.globl g_events64_gate, g_events64_stubs
	.set g_events64_gate, gate_entry
	.set g_events64_stubs, stubs
g_events64_end:
	.section .note.GNU-stack, "", @progbits
