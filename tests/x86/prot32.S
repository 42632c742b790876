/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions and privilege transfers in 32-bit protected mode, without paging. */
#include "tests/x86/layout.h"

#define AT(l) (L_CODE + ((l) - g_prot32))

	.text
	.globl g_prot32, g_prot32_end
	.code32

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
	pushl \reg
	call log_value
	addl $4, %esp
.endm

g_prot32:
	jmp start
	.org g_prot32 + 16
stubs:
	.set n, 0
	.rept INT_LAST + 1
	.org stubs + n * 16
	pushl $n
	jmp common
	.set n, n + 1
	.endr
	.org stubs + n * 16

log_value:
	pushl %eax
	pushl %ebx
	movl L_LOG, %ebx
	movl L_NAME, %eax
	movl %eax, (%ebx)
	movl $0x100, 4(%ebx)
	movl 12(%esp), %eax
	movl %eax, 8(%ebx)
	addl $L_RECORD, L_LOG
	popl %ebx
	popl %eax
	ret

common:
	pushl %eax
	pushl %ebx
	pushl %ds
	pushl %es
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl L_LOG, %ebx
	movl $0, 16(%ebx)
	movw %ss, 16(%ebx)
	movl %eax, %ss		/* the same base, and no limit */
	movl L_NAME, %eax
	movl %eax, (%ebx)
	movl 16(%esp), %eax
	movl %eax, 4(%ebx)
	leal 20(%esp), %eax
	movl %eax, 8(%ebx)
	movl %cs, %eax
	movl %eax, 12(%ebx)
	movl L_IP, %eax
	movl %eax, 20(%ebx)
	movl %cr2, %eax
	movl %eax, 24(%ebx)
	popl 28(%ebx)		/* es */
	popl 32(%ebx)		/* ds */
	movl %fs, %eax
	movl %eax, 36(%ebx)
	str %eax
	movl %eax, 40(%ebx)
	pushfl
	popl 44(%ebx)
	movl %dr6, %eax
	movl %eax, 48(%ebx)
	.set i, 0
	.rept 10
	movl 12 + 4 * i(%esp), %eax
	movl %eax, 64 + 4 * i(%ebx)
	.set i, i + 1
	.endr
	addl $L_RECORD, L_LOG
	movl $0xffff0ff0, %eax
	movl %eax, %dr6
	movl $SEL_DATA, %eax
	movl %eax, %ss
	movl $L_STACK, %esp
	movl %eax, %fs
	pushl $2
	popfl
	movl L_RESUME, %eax
	jmp *%eax

/* What call gates lead to: logs where it is and its stack. */
gate_entry:
	pushl $0x101
	jmp common
task_b:				/* runs as the other task: logs, goes back */
	V %esp
	pushfl
	popl %eax
	V %eax
	movl L_TSS_B, %eax	/* link */
	V %eax
	iret

start:
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl $L_STACK, %esp

	T "ud2"
	ud2
	E
	T "int3"
	int3
	E
	T "int trap gate"
	sti
	int $INT_TRAP3
	E
	T "int interrupt gate"
	sti
	int $INT_USER
	E
	T "int not present"
	int $INT_ABSENT
	E
	T "int no gate"
	int $INT_BAD
	E
	T "int null selector"
	int $INT_NULL
	E
	T "int to data"
	int $INT_DATA
	E
	T "int beyond the table"
	int $0xf0
	E
	T "int conforming"
	int $INT_CONFORM
	E
	T "int 16-bit gate"
	int $INT_GATE16
	E
	T "icebp"
	.byte 0xf1
	E
	T "into"
	movb $0x7f, %al
	addb $1, %al
	into
	E
	T "into without overflow"
	xorl %eax, %eax
	into
	V $1
	E
	T "bound"
	movl $5, L_SCRATCH
	movl $9, L_SCRATCH + 4
	movl $10, %eax
	bound %eax, L_SCRATCH
	E
	T "divide by zero"
	xorl %ecx, %ecx
	divl %ecx
	E
	T "divide overflow"
	movl $1, %ecx
	movl $1, %edx
	divl %ecx
	E
	T "lock without memory"
	.byte 0xf0, 0x90
	E
	T "too long"
	.byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90
	E

	/* segment loads */
	T "ds beyond the table"
	movl $0x1235, %eax
	movl %eax, %ds
	E
	T "ds not present"
	movl $SEL_ABSENT | 1, %eax
	movl %eax, %ds
	E
	T "ds null"
	movl $3, %eax
	movl %eax, %ds
	movl %ds, %eax
	movl %ds:0, %ecx
	E
	T "ds system segment"
	movl $SEL_TSS, %eax
	movl %eax, %ds
	E
	T "ds execute-only"
	movl $SEL_XONLY, %eax
	movl %eax, %ds
	E
	T "ds code"
	movl $SEL_CODE32, %eax
	movl %eax, %ds
	movl %ds:0, %ecx
	movl %ecx, %ds:0
	E
	T "ds ring 3"
	movl $SEL_UDATA | 3, %eax
	movl %eax, %ds
	movl %ds, %ebx
	V %ebx
	movl $SEL_DATA, %eax
	movl %eax, %ds
	E
	T "ds rpl too high"
	movl $SEL_DATA | 3, %eax
	movl %eax, %ds
	E
	T "ss null"
	xorl %eax, %eax
	movl %eax, %ss
	E
	T "ss rpl"
	movl $SEL_DATA | 3, %eax
	movl %eax, %ss
	E
	T "ss not present"
	movl $SEL_ABSENT, %eax
	movl %eax, %ss
	E
	T "ss read-only"
	movl $SEL_RODATA, %eax
	movl %eax, %ss
	E
	T "ss code"
	movl $SEL_CODE32, %eax
	movl %eax, %ss
	E
	T "mov cs"
	.byte 0x8e, 0xc8
	E
	T "pop ds"
	pushl $SEL_ABSENT
	popl %ds
	E
	T "les"
	movl $0x11223344, L_SCRATCH
	movl $SEL_UDATA, L_SCRATCH + 4
	les L_SCRATCH, %eax
	V %eax
	movl %es, %ebx
	V %ebx
	E
	T "lgs absent"
	movl $SEL_ABSENT, L_SCRATCH + 4
	lgs L_SCRATCH, %eax
	E

	/* limits and rights of accesses */
	T "write to read-only"
	movl $SEL_RODATA, %eax
	movl %eax, %es
	movl %es:L_SCRATCH, %eax
	movl %eax, %es:L_SCRATCH
	E
	T "limit, last byte"
	movl $SEL_SMALL, %eax
	movl %eax, %es
	movb %es:0xfff, %al
	movw %es:0xfff, %ax
	E
	T "limit, wrap"
	movl $SEL_SMALL, %eax
	movl %eax, %es
	movl $-2, %ebx
	movl %es:(%ebx), %eax
	E
	T "expand-down, inside"
	movl $SEL_DOWN, %eax
	movl %eax, %es
	movb %es:0x2000, %al
	movl %es:0x1fff, %eax
	E
	T "expand-down, top"
	movl $SEL_DOWN, %eax
	movl %eax, %es
	movl $-1, %ebx
	movw %es:(%ebx), %ax
	E
	T "stack limit"
	movl $SEL_SMALL, %eax
	movl %eax, %ss
	movl $0x1000, %esp
	popl %eax
	E
	T "stack limit, downwards"
	movl $SEL_DOWN, %eax
	movl %eax, %ss
	movl %ss:0x1ffe, %eax
	E
	T "ebp uses ss"
	movl $0x2000, %ebp
	movl $SEL_SMALL, %eax
	movl %eax, %ss
	movl $0xf00, %esp
	movl (%ebp), %eax
	E
	T "string, es limit"
	movl $SEL_SMALL, %eax
	movl %eax, %es
	movl $0xffc, %edi
	movl $8, %ecx
	cld
	rep stosb
	E
	V %ecx
	V %edi

	/* far transfers */
	T "jmp far null"
	ljmp $0, $0
	E
	T "jmp far data"
	ljmp $SEL_DATA, $0
	E
	T "jmp far absent"
	ljmp $SEL_CODEABSENT, $0
	E
	T "jmp far ring 3"
	ljmp $SEL_UCODE32 | 3, $0
	E
	T "jmp far limit"
	ljmp $SEL_CODE16, $0x12345
	E
	T "jmp far conforming"
	ljmp $SEL_CONFORM | 3, $AT(1f)
1:	movl %cs, %eax
	V %eax
	ud2
	E
	ljmp $SEL_CODE32, $AT(1f)
1:
	T "jmp far beyond"
	ljmp $0x4000, $0
	E
	T "jmp gate"
	ljmp $SEL_GATE0, $0
	E
	T "call gate"
	lcall $SEL_GATE0, $0
	E
	T "call gate absent"
	lcall $SEL_GATE_ABSENT, $0
	E
	T "call far, ret far"
	lcall $SEL_CODE32, $AT(1f)
	V %esp
	jmp 2f
1:	movl (%esp), %eax
	V 4(%esp)
	lret
2:
	E
	T "ret far to null"
	pushl $0
	pushl $0
	lret
	E
	T "ret far to data"
	pushl $SEL_DATA
	pushl $0
	lret
	E
	T "16-bit code"
	pushl $AT(2f)
	ljmp $SEL_CODE16, $1f - g_prot32
	.code16
1:	movl %cs, %eax
	ljmpl $SEL_CODE32, $AT(2f)
	.code32
2:	V %eax
	E

	/* descriptors looked at */
	.macro LOOK sel
	movl $-1, %ecx
	movl $\sel, %eax
	larl %eax, %ecx
	V %ecx
	movl $-1, %ecx
	lsll %eax, %ecx
	V %ecx
	verr %ax
	setz %cl
	verw %ax
	setz %ch
	V %ecx
	.endm
	T "lar data"
	LOOK SEL_DATA
	E
	T "lar rpl"
	LOOK SEL_DATA | 3
	E
	T "lar code"
	LOOK SEL_XONLY
	E
	T "lar conforming"
	LOOK SEL_CONFORM | 3
	E
	T "lar gate"
	LOOK SEL_GATE0
	E
	T "lar tss"
	LOOK SEL_TSS
	E
	T "lar null"
	LOOK 0
	E
	T "lar beyond"
	LOOK 0x1000
	E
	T "lar small"
	LOOK SEL_SMALL
	E
	T "arpl"
	movl $0xabcd0010, %eax
	movl $3, %ecx
	arpl %cx, %ax
	setz %cl
	V %eax
	V %ecx
	movl $2, %ecx
	arpl %cx, %ax
	setz %cl
	V %eax
	V %ecx
	E

	T "arpl in a code segment"
	movl $2, %ecx
	arpl %cx, %cs:L_CODE
	E

	/* system tables */
	T "lldt data"
	movl $SEL_DATA, %eax
	lldt %ax
	E
	T "lldt null"
	xorl %eax, %eax
	lldt %ax
	movl $4, %eax
	movl %eax, %es
	E
	T "lldt"
	movl $SEL_LDT, %eax
	lldt %ax
	sldt %eax
	V %eax
	movl $0xc, %eax
	movl %eax, %es
	movl %es, %ebx
	V %ebx
	movl $0x14, %eax
	movl %eax, %es
	E
	T "ltr busy"
	movl $SEL_TSS, %eax
	ltr %ax
	E
	T "ltr data"
	movl $SEL_DATA, %eax
	ltr %ax
	E
	T "sgdt"
	sgdt L_SCRATCH
	V L_SCRATCH
	V L_SCRATCH + 4
	E
	T "smsw"
	smsw %eax
	andl $0xffff, %eax
	V %eax
	E
	T "lmsw"
	movl $8, %eax
	lmsw %ax
	smsw %eax
	andl $0xffff, %eax
	V %eax
	.byte 0x0f, 0x77	/* emms: #NM */
	E
	clts

	/* flags */
	T "pushf"
	pushl $0x00247ed7
	popfl
	pushfl
	popl %eax
	pushl $2
	popfl
	V %eax
	E
	T "popfw"
	pushw $0xfed7 - 0x100
	popfw
	pushfl
	popl %eax
	pushl $2
	popfl
	V %eax
	E
	T "single step"
	pushl $0x102
	popfl
	nop
	nop
	E
	T "single step over ss"
	pushl $0x102
	movl $SEL_DATA, %eax
	popfl
	movl %eax, %ss
	nop
	nop
	E
	T "popf off the step"
	pushl $2
	pushl $0x102
	popfl
	popfl
	nop
	E
	T "instruction breakpoint"
	movl $AT(1f), %eax
	movl %eax, %dr0
	movl $0x402, %eax
	movl %eax, %dr7
	nop
1:	nop
	E
	xorl %eax, %eax
	movl %eax, %dr7
	T "data breakpoint"
	movl $L_SCRATCH + 4, %eax
	movl %eax, %dr1
	movl $0x00d00408, %eax
	movl %eax, %dr7
	movl %eax, L_SCRATCH
	movl L_SCRATCH + 4, %eax
	movl %eax, L_SCRATCH + 4
	nop
	E
	movl $0x400, %eax
	movl %eax, %dr7

	/* ring 3 */
	.macro USER flags
	pushl $SEL_UDATA | 3
	pushl $L_STACK3
	pushl $\flags
	pushl $SEL_UCODE32 | 3
	pushl $AT(7004f)
	iret
7004:
	.endm
	T "user hlt"
	USER 2
	hlt
	E
	T "user cli"
	USER 2
	cli
	E
	T "user cli, iopl 3"
	USER 0x3202
	cli
	pushfl
	popl %eax
	int $INT_USER
	E
	T "user in"
	USER 2
	inb $0x80, %al
	E
	T "user int"
	USER 0x202
	int $INT_USER
	E
	T "user int, trap gate"
	USER 0x202
	int $INT_TRAP3
	E
	T "user int forbidden"
	USER 2
	int $INT_ABSENT
	E
	T "user int 3"
	USER 2
	int3
	E
	T "user popf"
	USER 0x202
	pushl $0x3002
	popfl
	pushfl
	popl %eax
	int $INT_USER
	E
	T "user segments"
	movl $SEL_DATA, %eax
	movl %eax, %fs
	movl $SEL_CONFORM, %eax
	movl %eax, %es
	USER 2
	movl %fs, %eax
	ud2
	E
	movl $SEL_DATA, %eax
	movl %eax, %es
	T "user ds ring 0"
	USER 2
	movl $SEL_DATA, %eax
	movl %eax, %ds
	E
	T "user lgdt"
	USER 2
	lgdt L_SCRATCH
	E
	T "user mov cr"
	USER 2
	movl %cr0, %eax
	E
	T "user gate"
	USER 2
	pushl $0x111
	pushl $0x222
	lcall $SEL_GATE3, $0
	E
	T "user gate forbidden"
	USER 2
	lcall $SEL_GATE0, $0
	E
	T "user iret inwards"
	USER 2
	pushl $2
	pushl $SEL_CODE32
	pushl $0
	iret
	E
	T "user ret far inwards"
	USER 2
	pushl $SEL_CODE32
	pushl $0
	lret
	E
	T "user jmp tss"
	USER 2
	ljmp $SEL_TSS_B, $0
	E
	T "user single step"
	USER 0x102
	nop
	E
	T "user step into int"
	USER 0x102
	int $INT_USER
	E
	T "iret to ring 1"
	pushl $SEL_DATA1 | 1
	pushl $L_STACK3
	pushl $2
	pushl $SEL_CODE1 | 1
	pushl $AT(1f)
	iret
1:	movl %cs, %eax
	ud2
	E
	T "iret bad ss"
	pushl $SEL_DATA
	pushl $L_STACK3
	pushl $2
	pushl $SEL_UCODE32 | 3
	pushl $0
	iret
	E
	T "ret far outwards"
	pushl $SEL_UDATA | 3
	pushl $L_STACK3
	pushl $0x55
	pushl $SEL_UCODE32 | 3
	pushl $AT(1f)
	lret $4
1:	movl %esp, %eax
	ud2
	E
	T "sysenter without cs"
	sysenter
	E
	T "sysenter"
	movl $0x174, %ecx
	movl $SEL_CODE32, %eax
	xorl %edx, %edx
	wrmsr
	movl $0x175, %ecx
	movl $L_STACK_IN, %eax
	wrmsr
	movl $0x176, %ecx
	movl $AT(1f), %eax
	wrmsr
	USER 0x202
	sysenter
1:	movl $SEL_DATA, %eax
	movl %eax, %ds
	V %esp
	movl %cs, %eax
	V %eax
	movl %ss, %eax
	V %eax
	pushfl
	popl %eax
	V %eax
	movl $AT(2f), %edx
	movl $L_STACK3, %ecx
	sysexit
2:	ud2
	E

	/* tasks */
	T "call task"
	movl $AT(task_b), L_TSS_B + 32
	lcall $SEL_TSS_B, $0
	str %eax
	V %eax
	pushfl
	popl %eax
	V %eax
	movl %cr0, %eax
	andl $8, %eax
	V %eax
	clts
	E
	T "task gate"
	movl $AT(task_b), L_TSS_B + 32
	lcall $SEL_TASKGATE, $0
	V $1
	clts
	E
	T "int task"
	movl $AT(task_b), L_TSS_B + 32
	int $INT_TASK
	V $1
	clts
	E
	T "jmp task, back"
	movl $AT(1f), L_TSS_B + 32
	ljmp $SEL_TSS_B, $0
	V $2
	jmp 2f
1:	str %eax
	V %eax
	V L_TSS_B
	ljmp $SEL_TSS, $0
2:	clts
	E
	T "jmp busy task"
	ljmp $SEL_TSS, $0
	E
	T "short task"
	ljmp $SEL_TSS_SHORT, $0
	E
	T "bad task"
	movl L_IDT + 80, %edi
	movl L_IDT + 84, %esi
	movl $SEL_TSS_B << 16, L_IDT + 80
	movl $0x8500, L_IDT + 84
	movl $AT(1f), L_TSS_B + 32
	ljmp $SEL_TSS_BAD, $0
	V $3
	jmp 2f
1:	popl %eax
	V %eax
	movl L_TSS_B, %eax
	V %eax
	ljmp $SEL_TSS, $0
2:	str %eax
	V %eax
	E
	movl %edi, L_IDT + 80
	movl %esi, L_IDT + 84
	clts
	T "16-bit task"
	movw $1f - g_prot32, L_TSS16 + 14
	lcall $SEL_TSS16, $0
	str %eax
	V %eax
	jmp 2f
	.code16
1:	str %ax
	iretw
	.code32
2:	clts
	E
	T "iret nt, no link"
	pushl $0x4002
	popfl
	iret
	E
	pushl $2
	popfl

	/* virtual 8086 mode */
	.macro VM flags
	pushl $0x4444		/* gs */
	pushl $0x3333
	pushl $0x2222		/* ds */
	pushl $0x1111
	pushl $0x3a00
	pushl $0x100
	pushl $\flags
	pushl $L_CODE >> 4
	pushl $7005f - g_prot32
	iret
	.code16
7005:
	.endm
	T "vm86 ud"
	VM 0x20002
	ud2
	.code32
	E
	T "vm86 int, iopl 0"
	VM 0x20202
	int $INT_USER
	.code32
	E
	T "vm86 int, iopl 3"
	VM 0x23202
	int $INT_USER
	.code32
	E
	T "vm86 int3"
	VM 0x20202
	int3
	.code32
	E
	T "vm86 hlt"
	VM 0x23002
	hlt
	.code32
	E
	T "vm86 pushf"
	VM 0x20002
	pushf
	.code32
	E
	T "vm86 segments"
	VM 0x23002
	movw $0x1234, %ax
	movw %ax, %ds
	pushw %ds
	popw %es
	movw %es, %bx
	ud2
	.code32
	E
	T "vm86 stack"
	VM 0x23002
	movl $0x1ffff, %esp
	popw %ax
	.code32
	E
	T "vm86 far call"
	VM 0x23002
	movl $0xfff0fffe, %esp
	lcallw $L_CODE >> 4, $1f - g_prot32
1:	popw %ax
	popw %bx
	movl $0x8000, %edx
	movb %ds:0xffff(%edx), %al
	.code32
	E
	T "vm86 lldt"
	VM 0x23002
	.byte 0x0f, 0x00, 0xd0
	.code32
	E
	T "vm86 iret out of range"
	pushl $0
	pushl $0
	pushl $0
	pushl $0
	pushl $0
	pushl $0
	pushl $0x20002
	pushl $0
	pushl $0x10000
	iret
	E

	/* faults in delivery */
	T "double fault: gp in np"
	movl L_IDT + 11 * 8 + 4, %esi
	andl $~0x8000, L_IDT + 11 * 8 + 4
	movl $SEL_ABSENT, %eax
	movl %eax, %es
	E
	movl %esi, L_IDT + 11 * 8 + 4
	T "bad stack in delivery"
	movl L_IDT + 80, %edi
	movl L_IDT + 84, %esi
	movl $SEL_RODATA, L_TSS + 8
	movl $SEL_TSS_B << 16, L_IDT + 80
	movl $0x8500, L_IDT + 84
	movl $AT(1f), L_TSS_B + 32
	USER 2
	int $INT_USER
1:	popl %eax
	V %eax
	movl $SEL_DATA, L_TSS + 8
	iret
	E
	movl %edi, L_IDT + 80
	movl %esi, L_IDT + 84
	T "ud gate absent"
	movl L_IDT + 6 * 8 + 4, %esi
	andl $~0x8000, L_IDT + 6 * 8 + 4
	ud2
	E
	movl %esi, L_IDT + 6 * 8 + 4
	T "end"
	V $0x600d
	E
	movb $0, %al
	outb %al, $0xf4
1:	hlt
	jmp 1b
	.globl g_prot32_gate, g_prot32_stubs
	.set g_prot32_gate, gate_entry
	.set g_prot32_stubs, stubs
g_prot32_end:
	.section .note.GNU-stack, "", @progbits
