/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions and privilege transfers in long mode: 64-bit and compatibility code. */
	.text
	.globl g_long64, g_long64_end
g_long64:
#include "tests/x86/guest64.inc"

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
	T "int interrupt gate, stack not aligned"
	sti
	pushq $1
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
	T "int to 32-bit code"
	int $INT_CONFORM
	E
	T "int beyond the table"
	int $0xf0
	E
	T "int task gate"
	int $INT_TASK
	E
	T "int 16-bit gate"
	int $INT_GATE16
	E
	T "int ist"
	int $INT_IST
	E
	T "icebp"
	.byte 0xf1
	E
	T "divide by zero"
	xorl %ecx, %ecx
	divl %ecx
	E
	T "undefined in 64-bit mode"
	.byte 0x06
	E
	T "not canonical, load"
	movabsq $0x8000000000000000, %rbx
	movq (%rbx), %rax
	E
	T "not canonical, store"
	movabsq $0x0000800000000000, %rbx
	movq %rax, (%rbx)
	E
	T "not canonical, rsp"
	movabsq $0x0000800000000010, %rsp
	popq %rax
	E
	T "not canonical, push"
	movabsq $0xffff7ffffffffff8, %rsp
	pushq %rax
	E
	T "not canonical, rbp"
	movabsq $0x0000800000000010, %rbp
	movq (%rbp), %rax
	E
	T "not canonical, fs"
	movl $0xc0000100, %ecx
	movl $0xffffffff, %eax
	movl $0x00007fff, %edx
	wrmsr
	movb %fs:0, %al
	movb %fs:1, %al
	E
	T "not canonical, jump"
	movabsq $0x0000800000000010, %rax
	jmp *%rax
	E
	T "not canonical, ret"
	movabsq $0x0000800000000010, %rax
	pushq %rax
	ret
	E
	T "page fault, read"
	movabsq $0x123456789000, %rax
	movq 4(%rax), %rax
	E
	T "page fault, write"
	movabsq $0x123456789000, %rax
	movq %rax, 4(%rax)
	E
	T "page fault, fetch"
	movabsq $0x123456789000, %rax
	jmp *%rax
	E
	T "wrmsr not canonical"
	movl $0xc0000100, %ecx
	movl $0x8000, %edx
	wrmsr
	E
	T "rdmsr unknown"
	movl $0xcccc, %ecx
	rdmsr
	E

	/* segments */
	T "ss null"
	xorl %eax, %eax
	movl %eax, %ss
	movl %ss, %eax
	V %rax
	E
	T "ss null, wrong ring"
	movl $3, %eax
	movl %eax, %ss
	E
	T "ds null"
	xorl %eax, %eax
	movl %eax, %ds
	movl L_SCRATCH, %eax
	V $1
	E
	T "ds not present"
	movl $SEL_ABSENT, %eax
	movl %eax, %ds
	E
	T "es limit is not looked at"
	movl $SEL_SMALL, %eax
	movl %eax, %es
	movl %es:L_SCRATCH, %eax
	V $2
	E
	T "fs base from the table"
	movl $SEL_DATA, %eax
	movl %eax, %fs
	movl $0xc0000100, %ecx
	rdmsr
	V %rax
	E
	T "swapgs"
	movl $0xc0000101, %ecx
	movl $0x1111, %eax
	xorl %edx, %edx
	wrmsr
	movl $0xc0000102, %ecx
	movl $0x2222, %eax
	wrmsr
	swapgs
	rdmsr
	V %rax
	movl $0xc0000101, %ecx
	rdmsr
	V %rax
	E
	T "lgdt not canonical"
	movl $0x8000, L_SCRATCH + 6
	lgdt L_SCRATCH
	E
	T "lldt, 16 bytes"
	movl $SEL_LDT, %eax
	lldt %ax
	sldt %rax
	V %rax
	E
	T "ltr busy"
	movl $SEL_TSS, %eax
	ltr %ax
	E
	T "lar gate"
	movl $-1, %ecx
	movl $SEL_GATE0, %eax
	larl %eax, %ecx
	V %rcx
	E
	T "lar task gate"
	movl $-1, %ecx
	movl $SEL_TASKGATE, %eax
	larl %eax, %ecx
	V %rcx
	E

	/* far transfers */
	T "call far, 32 bits of offset"
	movl $AT(1f), L_SCRATCH
	movl $SEL_CODE64, L_SCRATCH + 4
	lcall *L_SCRATCH
	V $4
	jmp 2f
1:	V (%rsp)
	lretl
2:
	E
	T "call far, 64 bits of offset"
	movl $AT(1f), L_SCRATCH
	movl $0, L_SCRATCH + 4
	movl $SEL_CODE64, L_SCRATCH + 8
	rex.w lcall *L_SCRATCH
	V %rsp
	jmp 2f
1:	V (%rsp)
	V 8(%rsp)
	lretq
2:
	E
	T "call gate"
	movl $SEL_GATE0, L_SCRATCH + 4
	lcall *L_SCRATCH
	E
	T "call gate absent"
	movl $SEL_GATE_ABSENT, L_SCRATCH + 4
	lcall *L_SCRATCH
	E
	T "jmp tss"
	movl $SEL_TSS, L_SCRATCH + 4
	ljmp *L_SCRATCH
	E
	T "jmp far not present"
	movl $SEL_CODEABSENT, L_SCRATCH + 4
	ljmp *L_SCRATCH
	E
	T "compatibility mode"
	movl $AT(1f), L_SCRATCH
	movl $SEL_CODE32, L_SCRATCH + 4
	ljmp *L_SCRATCH
	.code32
1:	movl %cs, %eax
	movl $0xffffffff, %ecx
	incl %ecx
	ljmp $SEL_CODE64, $AT(2f)
	.code64
2:	V %rax
	V %rcx
	E
	T "compatibility mode, ud"
	movl $AT(1f), L_SCRATCH
	movl $SEL_CODE32, L_SCRATCH + 4
	ljmp *L_SCRATCH
	.code32
1:	ud2
	.code64
	E
	T "compatibility mode, limit"
	movl $AT(1f), L_SCRATCH
	movl $SEL_CODE32, L_SCRATCH + 4
	movl $SEL_SMALL, %eax
	movl %eax, %es
	ljmp *L_SCRATCH
	.code32
1:	movl %es:L_SCRATCH, %eax
	.code64
	E

	/* rings */
	.macro USER flags
	pushq $SEL_UDATA | 3
	pushq $L_STACK3
	pushq $\flags
	pushq $SEL_UCODE64 | 3
	pushq $AT(7004f)
	iretq
7004:
	.endm
	.macro USER32 flags
	pushq $SEL_UDATA | 3
	pushq $L_STACK3
	pushq $\flags
	pushq $SEL_UCODE32 | 3
	pushq $AT(7004f)
	iretq
	.code32
7004:
	.endm
	T "iret to the same ring"
	movl %ss, %eax
	pushq %rax
	pushq $L_STACK
	pushq $0x246
	pushq $SEL_CODE64
	pushq $AT(1f)
	iretq
1:	pushfq
	popq %rax
	V %rax
	V %rsp
	pushq $2
	popfq
	E
	T "iret nt"
	pushq $0x4002
	popfq
	iretq
	E
	T "iret not canonical"
	movabsq $0x0000800000000010, %rax
	pushq $SEL_UDATA | 3
	pushq $L_STACK3
	pushq $2
	pushq $SEL_UCODE64 | 3
	pushq %rax
	iretq
	E
	T "iret to data"
	pushq $SEL_UDATA | 3
	pushq $L_STACK3
	pushq $2
	pushq $SEL_DATA
	pushq $0
	iretq
	E
	T "iret bad ss"
	pushq $SEL_DATA | 3
	pushq $L_STACK3
	pushq $2
	pushq $SEL_UCODE64 | 3
	pushq $0
	iretq
	E
	T "iret null ss to ring 3"
	pushq $3
	pushq $L_STACK3
	pushq $2
	pushq $SEL_UCODE64 | 3
	pushq $0
	iretq
	E
	T "user hlt"
	USER 2
	hlt
	E
	T "user int"
	USER 0x202
	int $INT_USER
	E
	T "user int ist"
	USER 0x202
	int $INT_IST
	E
	T "user int forbidden"
	USER 2
	int $INT_ABSENT
	E
	T "user swapgs"
	USER 2
	swapgs
	E
	T "user page fault"
	USER 2
	movabsq $0x123456789000, %rax
	movb $1, (%rax)
	E
	T "user rsp"
	USER 2
	movabsq $0x0000800000000010, %rsp
	pushq %rax
	E
	T "user call gate"
	USER 2
	movl $SEL_GATE3, L_SCRATCH + 4
	lcall *L_SCRATCH
	E
	T "user sysret"
	USER 2
	sysretq
	E
	T "user 32"
	USER32 2
	movl $-1, %eax
	hlt
	.code64
	E
	T "user 32, stack"
	USER32 2
	movl $3, %esp
	pushl %eax
	ud2
	.code64
	E
	T "user 32, es null"
	xorl %eax, %eax
	movl %eax, %es
	USER32 2
	movl %es:L_SCRATCH, %eax
	.code64
	E
	T "syscall off"
	USER 2
	syscall
	E

	movl $0xc0000080, %ecx
	rdmsr
	orl $1, %eax
	wrmsr
	movl $0xc0000081, %ecx	/* STAR */
	xorl %eax, %eax
	movl $(SEL_UCODE32 - 0) << 16 | SEL_CODE64, %edx
	wrmsr
	movl $0xc0000084, %ecx
	movl $0x47700, %eax
	xorl %edx, %edx
	wrmsr
	.macro LSTAR at
	movl $0xc0000082, %ecx
	movl $AT(\at), %eax
	xorl %edx, %edx
	wrmsr
	.endm
	T "syscall"
	LSTAR 1f
	USER 0x202
	syscall
5:
1:	V %rcx
	V %r11
	V %rsp
	movl %cs, %eax
	V %rax
	movl %ss, %eax
	V %rax
	pushfq
	popq %rax
	V %rax
	movl $AT(2f), %ecx
	movl $0x3246, %r11d
	sysretl
	.code32
2:	movl %cs, %eax
	movl %ss, %ebx
	hlt
	.code64
	E
	T "sysret not canonical"
	movabsq $0x0000800000000010, %rcx
	sysretq
	E
	T "sysenter"
	movl $0x174, %ecx
	movl $SEL_CODE64, %eax
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
1:	V %rsp
	movl %cs, %eax
	V %rax
	movl %ss, %eax
	V %rax
	pushfq
	popq %rax
	V %rax
	E

	/* flags */
	T "pushf"
	pushq $0x00247ed7
	popfq
	pushfq
	popq %rax
	pushq $2
	popfq
	V %rax
	E
	T "single step"
	pushq $0x102
	popfq
	nop
	nop
	E
	T "single step over ss"
	movl $SEL_DATA, %eax
	pushq $0x102
	popfq
	movl %eax, %ss
	nop
	nop
	E
	T "single step into ring 3"
	USER 0x102
	nop
	nop
	E
	T "single step of a string"
	movl $L_SCRATCH, %edi
	movl $3, %ecx
	cld
	pushq $0x102
	popfq
	rep stosb
	nop
	E
	V %rdi
	T "single step of what faults"
	xorl %ecx, %ecx
	pushq $0x102
	popfq
	divl %ecx
	E
	T "instruction breakpoint"
	movl $AT(1f), %eax
	movq %rax, %dr0
	movl $0x402, %eax
	movq %rax, %dr7
	nop
1:	nop
	E
	xorl %eax, %eax
	movq %rax, %dr7
	T "data breakpoint, 8 bytes"
	movl $L_SCRATCH + 8, %eax
	movq %rax, %dr2
	movl $0x09000420, %eax
	movq %rax, %dr7
	movq %rax, L_SCRATCH
	movb $1, L_SCRATCH + 15
	nop
	E
	movl $0x400, %eax
	movq %rax, %dr7
	T "port breakpoint"
	movq %cr4, %rax
	orl $8, %eax
	movq %rax, %cr4
	movl $0x80, %eax
	movq %rax, %dr3
	movl $0x20000480, %eax
	movq %rax, %dr7
	outb %al, $0x81
	outb %al, $0x80
	nop
	E
	movl $0x400, %eax
	movq %rax, %dr7
	T "general detect"
	movl $0x2400, %eax
	movq %rax, %dr7
	movq %dr3, %rax
	E

	/* faults in delivery */
	T "double fault: gp in np"
	movl L_IDT + 11 * 16 + 4, %esi
	andl $~0x8000, L_IDT + 11 * 16 + 4
	movl $SEL_ABSENT, %eax
	movl %eax, %es
	E
	movl %esi, L_IDT + 11 * 16 + 4
	T "page fault in the stack"
	movl L_IDT + 14 * 16 + 4, %esi
	orl $1, L_IDT + 14 * 16 + 4
	movabsq $0x123456789000, %rsp
	ud2
	E
	movl %esi, L_IDT + 14 * 16 + 4
	T "page fault, double, with a stack"
	movl L_IDT + 8 * 16 + 4, %esi
	orl $1, L_IDT + 8 * 16 + 4
	movabsq $0x123456789000, %rsp
	pushq %rax
	E
	movl %esi, L_IDT + 8 * 16 + 4
	T "ist not canonical"
	movl L_TSS + 0x2c + 4, %esi
	movl $0x8000, L_TSS + 0x2c + 4
	int $INT_IST
	E
	movl %esi, L_TSS + 0x2c + 4
	/* EM and OSFXSR are of SSE's legacy encodings, TS is of both (SDM volume 2, 2.4) */
	movq %cr4, %rsi
	movl %esi, %eax
	orl $0x40000, %eax
	andl $~0x200, %eax
	movq %rax, %cr4
	xorl %ecx, %ecx
	xorl %edx, %edx
	movl $7, %eax
	xsetbv
	movq %cr0, %rdi
	movl %edi, %eax
	orl $4, %eax
	movq %rax, %cr0
	T "vex under EM"
	vpxor %xmm0, %xmm0, %xmm0
	vmovd %xmm0, %eax
	V %rax
	pxor %xmm0, %xmm0
	E
	T "vex under EM and TS"
	movl %edi, %eax
	orl $12, %eax
	movq %rax, %cr0
	vpxor %xmm0, %xmm0, %xmm0
	E
	movq %rdi, %cr0
	movq %rsi, %cr4
	T "end"
	V $0x600d
	E
	movb $0, %al
	outb %al, $0xf4
1:	hlt
	jmp 1b
	.globl g_long64_gate, g_long64_stubs
	.set g_long64_gate, gate_entry
	.set g_long64_stubs, stubs
g_long64_end:
	.section .note.GNU-stack, "", @progbits
