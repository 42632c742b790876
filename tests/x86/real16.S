/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions and interrupts in real mode, unreal mode, system management mode. */
#include "tests/x86/layout.h"

#define HERE(l) ((l) - g_real16)
#define AT(l) (L_CODE + HERE(l))
#define VAR(a) %es:(a - 0x30000)
#define SMM_BASE 0x20000
#define SMM_NOTE 0x37000

	.text
	.globl g_real16, g_real16_end
	.code16

/* es is 0x3000 for these. */
.macro T name
	movw $0x3000, %ax
	movw %ax, %es
	movl $AT(7001f), VAR(L_NAME)
	movl $AT(7002f), VAR(L_RESUME)
	movl $AT(7003f), VAR(L_IP)
	jmp 7003f
7001:	.asciz "\name"
7003:
.endm
.macro E
7002:
.endm
.macro V reg
	pushl \reg
	call log_value
.endm

g_real16:
	jmp start
	.org g_real16 + 16
stubs:
	.set n, 0
	.rept INT_LAST + 1
	.org stubs + n * 16
	pushw $n
	jmp common
	.set n, n + 1
	.endr
	.org stubs + n * 16

log_value:
	pushw %bp
	movw %sp, %bp
	pushl %eax
	pushl %ebx
	pushw %es
	pushw %fs
	movw $0x3000, %ax
	movw %ax, %es
	movw $0x5000, %ax
	movw %ax, %fs
	movl VAR(L_LOG), %ebx
	movl VAR(L_NAME), %eax
	movl %eax, %fs:(%bx)
	movl $0x100, %fs:4(%bx)
	movl 4(%bp), %eax
	movl %eax, %fs:8(%bx)
	addl $L_RECORD, VAR(L_LOG)
	popw %fs
	popw %es
	popl %ebx
	popl %eax
	popw %bp
	ret $4

common:
	pushw %bp
	movzwl %sp, %ebp
	pushl %eax
	pushl %ebx
	pushw %es
	pushw %fs
	movw $0x3000, %ax
	movw %ax, %es
	movw $0x5000, %ax
	movw %ax, %fs
	movl VAR(L_LOG), %ebx
	movl VAR(L_NAME), %eax
	movl %eax, %fs:(%bx)
	movzwl 2(%bp), %eax
	movl %eax, %fs:4(%bx)
	leal 4(%ebp), %eax
	movl %eax, %fs:8(%bx)
	xorl %eax, %eax
	movw %cs, %ax
	movl %eax, %fs:12(%bx)
	movw %ss, %ax
	movl %eax, %fs:16(%bx)
	movl VAR(L_IP), %eax
	movl %eax, %fs:20(%bx)
	xorl %eax, %eax
	movw -12(%bp), %ax
	movl %eax, %fs:36(%bx)	/* fs */
	movw -10(%bp), %ax
	movl %eax, %fs:28(%bx)	/* es */
	movw %ds, %ax
	movl %eax, %fs:32(%bx)
	pushfl
	popl %eax
	movl %eax, %fs:44(%bx)
	movl %dr6, %eax
	movl %eax, %fs:48(%bx)
	.set i, 0
	.rept 3
	movzwl 4 + 2 * i(%bp), %eax
	movl %eax, %fs:64 + 4 * i(%bx)
	.set i, i + 1
	.endr
	addl $L_RECORD, VAR(L_LOG)
	movl $0xffff0ff0, %eax
	movl %eax, %dr6
	movl VAR(L_RESUME), %eax
	subl $L_CODE, %eax
	xorw %bx, %bx
	movw %bx, %ss
	movl $0x7000, %esp
	movw %bx, %ds
	movw %bx, %fs
	pushl $2
	popfl
	jmp *%ax

	/* runs in SMM, entered at SMM_BASE + 0x8000 */
smm_code:
	movw $(SMM_NOTE >> 4), %ax
	movw %ax, %ds
	incl 0
	movl %cr0, %eax
	movl %eax, 4
	movw %cs, 8
	pushfl
	popl 12
	movl $SMM_BASE, %ebx
	addr32 movl %ds:(0xff78 - SMM_NOTE)(%ebx), %eax	/* RIP */
	movl %eax, 16
	addr32 movl $0x12345678, %ds:(0xfff0 - SMM_NOTE)(%ebx)	/* RCX */
	rsm
smm_code_end:

start:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %ss
	movl $0x7000, %esp
	movw %ax, %fs
	/* vectors */
	movw $HERE(stubs), %dx
	xorw %di, %di
1:	movw %dx, (%di)
	movw %cs, 2(%di)
	addw $16, %dx
	addw $4, %di
	cmpw $4 * (INT_LAST + 1), %di
	jne 1b

	T "int"
	sti
	int $0x21
	E
	T "int3"
	int3
	E
	T "into"
	movb $0x7f, %al
	incb %al
	into
	E
	T "bound"
	movl $0x00050002, 0x6f00
	movw $6, %ax
	bound %ax, 0x6f00
	E
	T "divide"
	xorw %cx, %cx
	divw %cx
	E
	T "ud2"
	ud2
	E
	T "no such thing in real mode"
	sldt %ax
	E
	T "read over the end of a segment"
	movw $0xffff, %bx
	movw (%bx), %ax
	E
	T "the last byte"
	movw $0xffff, %bx
	movb (%bx), %al
	V $1
	E
	T "32-bit offset"
	movl $0x10000, %ebx
	addr32 movb (%ebx), %al
	E
	T "stack over the end"
	movw $0xffff, %sp
	popw %ax
	E
	T "push wraps"
	xorw %sp, %sp
	pushw $0x1234
	movw %sp, %ax
	movzwl %ax, %eax
	movw $0x7000, %sp
	V %eax
	E
	T "push of 4 bytes at 2"
	movw $2, %bp
	movw %sp, %cx
	movw %bp, %sp
	nop
	movw %cx, %sp
	V $2
	E
	T "segments wrap at 1 MiB and more"
	movw $0xffff, %ax
	movw %ax, %fs
	movb $0x5a, %fs:0x10
	movb %fs:0x10, %al
	movzbl %al, %eax
	V %eax
	E
	T "cs may be written"
	movw $0x77, %cs:HERE(9f)
	movzwl %cs:HERE(9f), %eax
	V %eax
	jmp 8f
9:	.word 0
8:
	E
	T "far call"
	lcall $L_CODE >> 4, $HERE(1f)
	V %esp
	jmp 2f
1:	lret
2:
	E
	T "far call, 32-bit"
	lcalll $L_CODE >> 4, $HERE(1f)
	V %esp
	jmp 2f
1:	lretl
2:
	E
	T "iret"
	pushfw
	pushw %cs
	pushw $HERE(1f)
	iretw
	ud2
1:	V %esp
	E
	T "iretd"
	pushl $0x00247ed6
	pushl $L_CODE >> 4
	pushl $HERE(1f)
	iretl
	ud2
1:	pushfl
	popl %eax
	pushl $2
	popfl
	V %eax
	E
	T "pushf, popf"
	pushw $0x7ed7
	popfw
	pushfl
	popl %eax
	pushl $2
	popfl
	V %eax
	E
	T "single step"
	pushw $0x102
	popfw
	nop
	nop
	E
	T "single step over ss"
	xorw %ax, %ax
	pushw $0x102
	popfw
	movw %ax, %ss
	nop
	nop
	E
	T "smsw"
	smsw %eax
	andl $0xffff, %eax
	V %eax
	E
	T "lar"
	larw %ax, %ax
	E
	T "interrupt"
	cli
	movb $1, %al
	outb %al, $0xec
	nop
	sti
	nop
	nop
	E
	T "hlt"
	cli
	movb $1, %al
	outb %al, $0xec
	sti
	hlt
	nop
	E

	/* into protected mode and back: limits stay */
	T "unreal mode"
	cli
	lgdtl %cs:HERE(gdt_ptr)
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmp $SEL_CODE16, $HERE(1f)
1:	movw $SEL_DATA, %bx
	movw %bx, %ds
	movw %bx, %fs
	movl %cs, %ecx
	andb $0xfe, %al
	movl %eax, %cr0
	ljmp $L_CODE >> 4, $HERE(1f)
1:	xorw %ax, %ax
	movw %ax, %ds
	V %ecx
	movl $0x100000, %ebx
	addr32 movl $0xcafe, (%ebx)
	addr32 movl (%ebx), %eax
	V %eax
	E
	T "the vector table's end"
	lidtl %cs:HERE(idt_ptr)
	int $3
	E
	T "beyond the vector table"
	int $0x40
	E
	lidtl %cs:HERE(idt_all)
	T "smi"
	/* SMBASE is where the reset put it until the first RSM */
	movw $0x3000, %ax
	movw %ax, %fs
	movw $HERE(smm_reloc), %si
	movw $0x8000, %di
	movw $smm_reloc_end - smm_reloc, %cx
	movw %fs, %ax
	movw %ax, %es
	cld
	rep movsb %cs:(%si), %es:(%di)
	movw $SMM_BASE >> 4, %ax
	movw %ax, %es
	movw $HERE(smm_code), %si
	movw $0x8000, %di
	movw $smm_code_end - smm_code, %cx
	rep movsb %cs:(%si), %es:(%di)
	movw $0x3000, %ax
	movw %ax, %es
	movl $0x11111111, %ecx
	movb $3, %al
	outb %al, $0xec
	nop
	V %ecx
	movb $3, %al
	outb %al, $0xec
7:	nop
	V %ecx
	movw $SMM_NOTE >> 4, %ax
	movw %ax, %fs
	V %fs:0
	movl %fs:4, %eax
	andl $0x80000001, %eax
	V %eax
	movzwl %fs:8, %eax
	V %eax
	V %fs:12
	movl %fs:16, %eax
	subl $HERE(7b), %eax
	V %eax
	smsw %eax
	andl $0xffff, %eax
	V %eax
	E
	T "rsm outside"
	rsm
	E
	T "end"
	V $0x600d
	E
	movb $0, %al
	outb %al, $0xf4
1:	hlt
	jmp 1b

smm_reloc:			/* at 0x38000: SMBASE becomes SMM_BASE */
	movl $0x3ff00, %ebx
	movl $SMM_BASE, %eax
	xorw %dx, %dx
	movw %dx, %ds
	addr32 movl %eax, %ds:(%ebx)
	rsm
smm_reloc_end:

	.balign 8
gdt_ptr:
	.word GDT_SIZE - 1
	.long L_GDT
idt_ptr:
	.word 4 * 0x20 - 1
	.long 0
idt_all:
	.word 0x3ff
	.long 0
	.globl g_real16_stubs
	.set g_real16_stubs, stubs
g_real16_end:
	.section .note.GNU-stack, "", @progbits
