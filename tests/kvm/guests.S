/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests of the KVM tests, each loaded at 0x10000 (CODE) and entered at its first
 * byte: g_16_* in real mode as 1000:0000, g_32_* flat, g_64_* in long mode.
 * Addresses within a guest are relative or base + (label - start).
 */
	.section .rodata

	.macro GUEST name
	.globl \name, \name\()_end
	.balign 16
\name:
	.endm
	.macro END name
\name\()_end:
	.endm
	.macro FINISH code
	mov $\code, %al
	out %al, $0xf4
8:	hlt
	jmp 8b
	.endm

	.set MMIO, 0xd0000000
	.set CON, MMIO + 0x80
	.set DONE, MMIO + 0x100
	.set DATA, 0x30000

/* --- modes: string output, port input in all sizes, result on the console --- */
	.code16
GUEST g_16_modes
	mov %cs, %ax
	mov %ax, %ds
	mov $(1f - g_16_modes), %si
	mov $(2f - 1f), %cx
	mov $0xe9, %dx
	cld
	rep outsb
	in $0xe8, %al
	cmp $0x5a, %al
	jne 9f
	in $0xe8, %ax
	cmp $0xbeef, %ax
	jne 9f
	in $0xe8, %eax
	cmp $0xdeadbeef, %eax
	jne 9f
	in $0x77, %al			/* nothing there */
	cmp $0xff, %al
	jne 9f
	FINISH 16
9:	FINISH 1
1:	.ascii "real mode"
2:
END g_16_modes

	.code32
GUEST g_32_modes
	mov $(0x10000 + 1f - g_32_modes), %esi
	mov $(2f - 1f), %ecx
	mov $0xe9, %edx
	cld
	rep outsb
	mov $0x10, %ax			/* reload from the boot GDT */
	mov %ax, %ds
	mov %ax, %es
	mov $DATA, %edi
	mov $0xe8, %edx
	mov $3, %ecx
	rep insl
	cmpl $0xdeadbeef, DATA + 8
	jne 9f
	cmpl $0, DATA + 12
	jne 9f
	FINISH 32
9:	FINISH 1
1:	.ascii "protected mode"
2:
END g_32_modes

	.code64
GUEST g_64_modes
	lea 1f(%rip), %rsi
	mov $(2f - 1f), %ecx
	mov $0xe9, %edx
	cld
	rep outsb
	in $0xe8, %eax
	cmp $0xdeadbeef, %eax
	jne 9f
	FINISH 64
9:	FINISH 1
1:	.ascii "long mode"
2:
END g_64_modes

/* --- ring 3: MMIO console and end, SSE and x87 arithmetic --- */
GUEST g_64_user
	lea 1f(%rip), %rsi
	mov $(2f - 1f), %ecx
	mov $CON, %ebx
3:	lodsb
	mov %al, (%rbx)
	dec %ecx
	jnz 3b
	mov $3, %eax
	cvtsi2sd %eax, %xmm0
	mulsd %xmm0, %xmm0
	cvttsd2si %xmm0, %ecx
	fld1
	fld1
	faddp
	fistpl -8(%rsp)
	add -8(%rsp), %ecx		/* 9 + 2 */
	mov %cs, %eax
	and $3, %eax
	add %eax, %ecx			/* + 3 */
	mov $DONE, %ebx
	mov %cl, (%rbx)
4:	jmp 4b
1:	.ascii "ring 3"
2:
END g_64_user

/* --- MMIO: every size, a store across a page's end, nothing mapped --- */
GUEST g_64_mmio
	mov $MMIO, %ebx
	movb $0x11, (%rbx)
	movw $0x2233, 2(%rbx)
	movl $0x44556677, 4(%rbx)
	mov $0x8899aabbccddeeff, %rax
	mov %rax, 8(%rbx)
	cmpb $0x11, (%rbx)
	jne 9f
	cmpw $0x2233, 2(%rbx)
	jne 9f
	cmpl $0x44556677, 4(%rbx)
	jne 9f
	cmp %rax, 8(%rbx)
	jne 9f
	mov 0x2000(%rbx), %rcx		/* beyond the device */
	cmp $-1, %rcx
	jne 9f
	movl $0, 0x2000(%rbx)
	mov %rax, -3(%rbx)		/* three bytes to nothing, five to the device */
	mov -3(%rbx), %rcx
	mov $0x8899aabbccffffff, %rdx
	cmp %rdx, %rcx
	jne 9f
	mov $DATA, %edi			/* string copy out of the device */
	lea 8(%rbx), %rsi
	mov $8, %ecx
	cld
	rep movsb
	mov DATA, %rcx
	cmp %rax, %rcx
	jne 9f
	lock addl $1, 16(%rbx)
	cmpl $1, 16(%rbx)
	jne 9f
	FINISH 7
9:	FINISH 1
END g_64_mmio

/* --- real mode: PIT through the PIC, then a line driven from outside --- */
	.code16
GUEST g_16_pic
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x8000, %sp
	movw $(2f - g_16_pic), 0x20 * 4
	mov %cs, 0x20 * 4 + 2
	movw $(3f - g_16_pic), 0x25 * 4
	mov %cs, 0x25 * 4 + 2
	mov $0x11, %al			/* ICW1..4: edge, vectors from 0x20, slave on 2, 8086 */
	out %al, $0x20
	mov $0x20, %al
	out %al, $0x21
	mov $4, %al
	out %al, $0x21
	mov $1, %al
	out %al, $0x21
	mov $0xde, %al			/* lines 0 and 5 */
	out %al, $0x21
	mov $0x34, %al			/* channel 0, rate generator, 1 kHz */
	out %al, $0x43
	mov $0xa9, %al
	out %al, $0x40
	mov $0x04, %al
	out %al, $0x40
	sti
1:	hlt
	cmpb $5, 0x500
	jb 1b
	mov $0xff, %al
	out %al, $0x21
	mov $0xdf, %al
	out %al, $0x21
	mov $1, %al
	out %al, $0xea
4:	cmpb $1, 0x501
	jne 4b
	FINISH 20
2:	incb 0x500
	push %ax
	mov $0x20, %al
	out %al, $0x20
	pop %ax
	iret
3:	incb 0x501
	push %ax
	mov $0, %al
	out %al, $0xea
	mov $0x20, %al
	out %al, $0x20
	pop %ax
	iret
END g_16_pic

/* --- long mode: IDT at 0x9000; PIT through the IOAPIC's pin 2 to vector 0x40 --- */
	.code64
	.macro GATE vec, label, start
	mov $(0x10000 + \label - \start), %eax
	mov $(0x9000 + \vec * 16), %edi
	mov %ax, (%rdi)
	movw $0x18, 2(%rdi)
	movw $0x8e00, 4(%rdi)
	shr $16, %eax
	mov %ax, 6(%rdi)
	movq $0, 8(%rdi)
	.endm
	.macro LOAD_IDT
	movw $0xfff, 0x8ff0
	movq $0x9000, 0x8ff2
	lidt 0x8ff0
	.endm

GUEST g_64_apic
	GATE 0x40, 2f, g_64_apic
	GATE 0x41, 3f, g_64_apic
	LOAD_IDT
	mov $0xff, %al			/* the PIC is quiet */
	out %al, $0x21
	out %al, $0xa1
	mov $0xfee00000, %ebx
	movl $0x1ff, 0xf0(%rbx)		/* local APIC on, spurious 0xff */
	movl $0, 0x80(%rbx)
	mov $0xfec00000, %ecx
	movl $0x14, (%rcx)		/* pin 2: fixed, edge, vector 0x40, CPU 0 */
	movl $0x40, 0x10(%rcx)
	movl $0x15, (%rcx)
	movl $0, 0x10(%rcx)
	mov $0x34, %al
	out %al, $0x43
	mov $0xa9, %al
	out %al, $0x40
	mov $0x04, %al
	out %al, $0x40
	sti
1:	hlt
	cmpl $5, 0x500
	jb 1b
	movl $0x14, (%rcx)
	movl $0x10040, 0x10(%rcx)	/* masked */
	movl $0x20041, 0x320(%rbx)	/* local timer, periodic, vector 0x41, divide by 16 */
	movl $3, 0x3e0(%rbx)
	movl $20000, 0x380(%rbx)
4:	hlt
	cmpl $3, 0x504
	jb 4b
	FINISH 40
2:	incl 0x500
	movl $0, 0xb0(%rbx)
	iretq
3:	incl 0x504
	movl $0, 0xb0(%rbx)
	iretq
END g_64_apic

/*
 * --- every way an interrupt comes on a PC, one after the other; port 0xe9 says how far.
 * rbx local APIC, rcx IOAPIC; counters from 0x500.
 */
	.macro EOI
	movl $0, 0xb0(%rbx)
	.endm
	.macro IOAPIC_SET pin, low
	movl $(0x11 + 2 * \pin), (%rcx)
	movl $0, 0x10(%rcx)
	movl $(0x10 + 2 * \pin), (%rcx)
	movl $\low, 0x10(%rcx)
	.endm
	.macro SAY c
	mov $\c, %al
	out %al, $0xe9
	.endm
	/* halts until the counter has reached n */
	.macro WAIT counter, n
7:	cli
	cmpl $\n, \counter
	jae 6f
	sti
	hlt
	jmp 7b
6:	sti
	.endm
	/*
	 * The same without a halt: where ends of interrupts come to user space, a KVM that interprets
	 * runs into the HLT behind one and forgets to say so until something else wakes it.
	 */
	.macro SPIN counter, n
7:	pause
	cmpl $\n, \counter
	jb 7b
	.endm
	/*
	 * Until the counter is no longer esi, for what comes only once: a processor that QEMU
	 * translates may take an interrupt between STI and HLT; one that KVM interprets takes none
	 * in a loop without exits.
	 */
	.macro LOOK counter
7:	in $0xe8, %al
	cmp \counter, %esi
	je 7b
	.endm
	.macro LOOK_FOR counter, n
7:	in $0xe8, %al
	cmpl $\n, \counter
	jb 7b
	.endm
	.macro CHIPS_ON
	mov $0xff, %al
	out %al, $0x21
	out %al, $0xa1
	mov $0xfee00000, %ebx
	mov $0xfec00000, %ecx
	movl $0x1ff, 0xf0(%rbx)
	movl $0, 0x80(%rbx)
	.endm
	.macro PIT_1KHZ
	mov $0x34, %al
	out %al, $0x43
	mov $0xa9, %al
	out %al, $0x40
	mov $0x04, %al
	out %al, $0x40
	.endm
	.macro PIC_INIT
	mov $0x11, %al
	out %al, $0x20
	out %al, $0xa0
	mov $0x20, %al
	out %al, $0x21
	mov $0x28, %al
	out %al, $0xa1
	mov $4, %al
	out %al, $0x21
	mov $2, %al
	out %al, $0xa1
	mov $1, %al
	out %al, $0x21
	out %al, $0xa1
	.endm

GUEST g_64_chips
	mov %edi, %r15d			/* 1: ends of interrupts are the guest's */
	GATE 0x20, 20f, g_64_chips
	GATE 0x25, 25f, g_64_chips
	GATE 0x40, 40f, g_64_chips
	GATE 0x41, 41f, g_64_chips
	GATE 0x42, 42f, g_64_chips
	GATE 0x43, 43f, g_64_chips
	GATE 0x44, 44f, g_64_chips
	LOAD_IDT
	CHIPS_ON
	/* PIC by LINT0 as ExtINT: the PIT, then line 5 */
	PIC_INIT
	movl $0x700, 0x350(%rbx)
	mov $0xde, %al
	out %al, $0x21
	mov $0xff, %al
	out %al, $0xa1
	PIT_1KHZ
	WAIT 0x500, 3
	SAY 'p'
	mov $0xdf, %al
	out %al, $0x21
	mov $1, %al
	out %al, $0xea
	LOOK_FOR 0x504, 1
	SAY 'l'
	mov $0xff, %al
	out %al, $0x21
	movl $0x10000, 0x350(%rbx)
	/* IOAPIC, edge: the PIT on pin 2 */
	IOAPIC_SET 2, 0x40
	WAIT 0x508, 3
	IOAPIC_SET 2, 0x10000
	SAY 'e'
	/* level: line 5 stays up for three interrupts */
	IOAPIC_SET 5, 0x8041
	mov $1, %al
	out %al, $0xea
	SPIN 0x50c, 3
	SAY 'v'
	mov $1000, %edx
1:	pause
	dec %edx
	jnz 1b
	mov 0x50c, %esi
	cmp $3, %esi			/* and no more */
	je 1f
	cmp $4, %esi
	jne 9f
	test %r15d, %r15d
	jnz 9f
1:	movl $0x1a, (%rcx)		/* remote IRR and delivery status are clear */
	mov 0x10(%rcx), %eax
	cmp $0x8041, %eax
	jne 9f
	/* masked while up, then unmasked: it comes */
	IOAPIC_SET 5, 0x18041
	mov $1, %al
	out %al, $0xea
	cmp 0x50c, %esi
	jne 9f
	IOAPIC_SET 5, 0x8041
1:	pause
	cmp 0x50c, %esi
	je 1b
	SAY 'u'
	/* message */
	mov $0x42, %al
	out %al, $0xeb
	LOOK_FOR 0x510, 1
	SAY 'm'
	/* local timer, periodic */
	movl $3, 0x3e0(%rbx)
	movl $0x20043, 0x320(%rbx)
	movl $20000, 0x380(%rbx)
	WAIT 0x514, 3
	movl $0x10043, 0x320(%rbx)
	movl $0, 0x380(%rbx)
	SAY 't'
	/* one shot */
	mov 0x514, %esi
	movl $0x43, 0x320(%rbx)
	movl $5000, 0x380(%rbx)
	LOOK 0x514
	SAY 'o'
	/* to itself, by destination and by shorthand */
	movl $0, 0x310(%rbx)
	movl $0x44, 0x300(%rbx)
	LOOK_FOR 0x518, 1
	movl $0x40044, 0x300(%rbx)
	LOOK_FOR 0x518, 2
	SAY 'i'
	/* CR8 holds it back, and lets it go */
	mov $15, %eax
	mov %rax, %cr8
	cmpl $0xf0, 0x80(%rbx)
	jne 9f
	mov $0x42, %al
	out %al, $0xeb
	mov $1000, %edx
1:	pause
	dec %edx
	jnz 1b
	cmpl $1, 0x510
	jne 9f
	mov $3, %eax
	mov %rax, %cr8
	LOOK_FOR 0x510, 2
	cmpl $0x30, 0x80(%rbx)
	jne 9f
	movl $0x20, 0x80(%rbx)
	mov %cr8, %rax
	cmp $2, %rax
	jne 9f
	SAY 'r'
	FINISH 100
9:	FINISH 1
20:	incl 0x500
	push %rax
	mov $0x20, %al
	out %al, $0x20
	pop %rax
	iretq
25:	incl 0x504
	push %rax
	mov $0, %al
	out %al, $0xea
	mov $0x20, %al
	out %al, $0x20
	pop %rax
	iretq
40:	incl 0x508
	EOI
	iretq
41:	incl 0x50c
	cmpl $3, 0x50c
	jb 5f
	push %rax
	mov $0, %al
	out %al, $0xea
	pop %rax
5:	EOI
	iretq
42:	incl 0x510
	EOI
	iretq
43:	incl 0x514
	EOI
	iretq
44:	incl 0x518
	EOI
	iretq
END g_64_chips

/* --- two processors, both here from the start: 20 interrupts to and fro --- */
GUEST g_64_ipi
	mov %edi, %r15d
	cmpl $0, %r15d
	jne 1f
	GATE 0x45, 45f, g_64_ipi
	GATE 0x46, 46f, g_64_ipi
	LOAD_IDT
	movl $1, 0x540
1:	pause
	cmpl $0, 0x540
	je 1b
	lidt 0x8ff0
	mov $0xfee00000, %ebx
	movl $0x1ff, 0xf0(%rbx)
	movl $0, 0x80(%rbx)
	lock incl 0x544
2:	pause
	cmpl $2, 0x544
	jb 2b
	cmpl $0, %r15d
	jne 3f
	movl $0x1000000, 0x310(%rbx)	/* to CPU 1 */
	movl $0x45, 0x300(%rbx)
3:	test %esi, %esi			/* may it halt? */
	jnz 5f
	sti
	LOOK_FOR 0x548, 20
5:	WAIT 0x548, 20
	cmpl $0, %r15d
	jne 4f
	FINISH 101
4:	hlt
	jmp 4b
45:	EOI				/* on CPU 1 */
	movl $0, 0x310(%rbx)
	movl $0x46, 0x300(%rbx)
	iretq
46:	EOI				/* on CPU 0 */
	incl 0x548
	movl $0x1000000, 0x310(%rbx)
	movl $0x45, 0x300(%rbx)
	iretq
END g_64_ipi

/*
 * --- an interrupt in service, lines up, timers running: the guest waits in the handler (port
 * 0xec calls out) and goes on; also after a change of the chips' home.
 */
GUEST g_64_moved
	GATE 0x40, 40f, g_64_moved
	GATE 0x41, 41f, g_64_moved
	GATE 0x42, 42f, g_64_moved
	GATE 0x43, 43f, g_64_moved
	LOAD_IDT
	CHIPS_ON
	PIT_1KHZ
	IOAPIC_SET 2, 0x40
	IOAPIC_SET 5, 0x8041
	movl $3, 0x3e0(%rbx)
	movl $0x20043, 0x320(%rbx)
	movl $20000, 0x380(%rbx)
	WAIT 0x508, 2
	WAIT 0x514, 2
	mov $1, %al
	out %al, $0xea
	SPIN 0x50c, 2			/* once more, after the EOI: the line stays up */
	LOOK_FOR 0x510, 1			/* a message that came while 0x41 was in service */
	mov 0x508, %esi
	add $2, %esi
1:	cli				/* both timers go on */
	cmp 0x508, %esi
	jbe 2f
	sti
	hlt
	jmp 1b
2:	mov 0x514, %esi
	add $2, %esi
1:	cli
	cmp 0x514, %esi
	jbe 2f
	sti
	hlt
	jmp 1b
2:	FINISH 102
40:	incl 0x508
	EOI
	iretq
41:	incl 0x50c
	push %rax
	cmpl $1, 0x50c
	ja 5f
	mov $0x42, %al			/* of the same class: waits */
	out %al, $0xeb
	out %al, $0xec
	jmp 6f
5:	mov $0, %al
	out %al, $0xea
6:	pop %rax
	EOI
	iretq
42:	incl 0x510
	EOI
	iretq
43:	incl 0x514
	EOI
	iretq
END g_64_moved

/*
 * --- one-shot counts of the local timer, while the guest is stopped again and again: each
 * interrupts, once ---
 */
GUEST g_64_one_shot
	GATE 0x43, 43f, g_64_one_shot
	LOAD_IDT
	CHIPS_ON
	movl $0xb, 0x3e0(%rbx)		/* divide by 1 */
	movl $0x43, 0x320(%rbx)
	sti
1:	mov 0x514, %esi
	inc %esi
	movl $100000, 0x380(%rbx)
2:	pause
	cmp 0x514, %esi
	ja 2b
	mov $100, %edx			/* is there another one? */
3:	pause
	cmp 0x514, %esi
	jne 9f
	dec %edx
	jnz 3b
	cmpl $0, 0x504
	je 1b
	FINISH 104
9:	FINISH 1
43:	incl 0x514
	EOI
	iretq
END g_64_one_shot

/* --- a level that stays up: an interrupt after each end of one --- */
GUEST g_64_level
	GATE 0x41, 41f, g_64_level
	LOAD_IDT
	CHIPS_ON
	mov $1, %al
	out %al, $0xea
	IOAPIC_SET 5, 0x8041
	sti
1:	pause
	jmp 1b
41:	incl 0x50c
	cmpl $0, 0x504
	je 2f
	FINISH 105
2:	EOI
	iretq
END g_64_level

/* --- nothing but an NMI gets it on --- */
GUEST g_64_nmi
	GATE 2, 2f, g_64_nmi
	LOAD_IDT
	cli
	movl $1, 0x508
1:	pause
	cmpl $1, 0x504
	jne 1b
	FINISH 103
2:	incl 0x504
	iretq
END g_64_nmi

/* --- pin 5 as rdi's lower half says, vector 0x41, until it came rsi times --- */
GUEST g_64_gsi
	mov %edi, %r15d
	GATE 0x41, 41f, g_64_gsi
	LOAD_IDT
	CHIPS_ON
	movl $0x1b, (%rcx)
	movl $0, 0x10(%rcx)
	movl $0x1a, (%rcx)
	mov %r15d, 0x10(%rcx)
	movl $1, 0x504
	sti
1:	in $0xe8, %al
	cmp %esi, 0x50c
	jb 1b
	FINISH 104
41:	incl 0x50c
	EOI
	iretq
END g_64_gsi

/* --- 5 in every size to MMIO + 0x20, a 6 of four bytes, and the same to port 0xf0 --- */
GUEST g_64_writes
	mov $MMIO, %ebx
	movb $5, 0x20(%rbx)
	movw $5, 0x20(%rbx)
	movl $5, 0x20(%rbx)
	movq $5, 0x20(%rbx)
	movl $6, 0x20(%rbx)
	mov $0xf0, %edx
	mov $5, %eax
	out %al, %dx
	out %ax, %dx
	out %eax, %dx
	mov $6, %eax
	out %eax, %dx
	FINISH 105
END g_64_writes

/* --- rdi numbers to 0xd1000000 and port 0x1000 in turn, then a read of 0xd1001000 --- */
GUEST g_64_coalesce
	mov $0xd1000000, %ebx
	mov $0x1000, %edx
	xor %eax, %eax
1:	mov %eax, (%rbx)
	inc %eax
	out %eax, %dx
	inc %eax
	cmp %edi, %eax
	jb 1b
	mov 0x1000(%rbx), %ecx
	cmp %edi, %ecx
	jne 9f
	mov %eax, (%rbx)		/* and a write that is served as another exit */
	movl $7, 0x1000(%rbx)
	movl $1, 0x510			/* for the other processor */
	mov %eax, 8(%rbx)
	movl $2, 0x510
	FINISH 106
9:	FINISH 1
END g_64_coalesce

/* --- rsi: the processor that reads; the other writes: rdi rounds --- */
GUEST g_64_coalesce2
	mov $0xd1000000, %ebx
	xor %eax, %eax
	test %esi, %esi
	jnz 2f
1:	inc %eax
	mov %eax, (%rbx)
	mov %eax, 0x510			/* the write is there before this is seen */
3:	cmp %eax, 0x514
	jne 3b
	cmp %edi, %eax
	jb 1b
	FINISH 107
2:	inc %eax
4:	cmp %eax, 0x510
	jne 4b
	mov 0x1000(%rbx), %ecx		/* how many have come */
	cmp %eax, %ecx
	jne 9f
	mov %eax, 0x514
	cmp %edi, %eax
	jb 2b
5:	hlt
	jmp 5b
9:	FINISH 1
END g_64_coalesce2

/* --- chips in user space: halts until a vector was handed over --- */
GUEST g_64_halt
	GATE 0x50, 2f, g_64_halt
	GATE 2, 3f, g_64_halt
	LOAD_IDT
	sti
1:	hlt
	cmpl $3, 0x500
	jb 1b
	cli
4:	hlt				/* only an NMI ends this one */
	cmpl $1, 0x504
	jne 4b
	FINISH 50
2:	incl 0x500
	iretq
3:	incl 0x504
	iretq
END g_64_halt

/* only a kick ends this HLT */
GUEST g_64_kicked
	cli
	hlt
	FINISH 53
END g_64_kicked

GUEST g_64_window
	GATE 0x50, 2f, g_64_window
	LOAD_IDT
	sti
1:	pause
	cmpl $1, 0x500
	jne 1b
	FINISH 52
2:	incl 0x500
	iretq
END g_64_window

/* waits with interrupts on for MSI vector 0x51 */
GUEST g_64_msi
	GATE 0x51, 2f, g_64_msi
	LOAD_IDT
	mov $0xfee00000, %ebx
	movl $0x1ff, 0xf0(%rbx)
	sti
1:	movl $1, 0x504
	cmpl $1, 0x500
	jb 1b
	FINISH 51
2:	incl 0x500
	movl $0, 0xb0(%rbx)
	iretq
END g_64_msi

/* --- memory: ecx pages from rbx, rdx apart; then read-only memory at r8 --- */
GUEST g_64_touch
1:	mov %eax, (%rbx)
	add %rdx, %rbx
	dec %ecx
	jnz 1b
	FINISH 60
END g_64_touch

/* the same in ring 3 */
GUEST g_64_touch_user
1:	mov %eax, (%rbx)
	add %rdx, %rbx
	dec %ecx
	jnz 1b
	mov $DONE, %ebx
	movb $62, (%rbx)
2:	jmp 2b
END g_64_touch_user

/* the byte at rbx ends the test, again and again */
GUEST g_64_tell
1:	mov (%rbx), %al
	mov $DONE, %ecx
	mov %al, (%rcx)
	jmp 1b
END g_64_tell

/* a byte at rbx, read for ever; rcx counts what was neither 0x11 nor 0xff */
GUEST g_64_look
1:	mov (%rbx), %al
	cmp $0x11, %al
	je 2f
	cmp $0xff, %al
	je 2f
	incl DATA + 4
2:	incl DATA
	jmp 1b
END g_64_look

GUEST g_64_rom
	mov (%rbx), %eax
	movl $0x12345678, (%rbx)
	cmp %eax, (%rbx)
	jne 9f
	FINISH 61
9:	FINISH 1
END g_64_rom

/* --- two processors: INIT and SIPI to 0x20000, both count --- */
GUEST g_64_smp
	mov $0xfee00000, %ebx
	movl $0x1ff, 0xf0(%rbx)
	movl $0xc4500, 0x300(%rbx)	/* INIT, all but self */
	movl $0xc4620, 0x300(%rbx)	/* SIPI, page 0x20 */
1:	pause
	cmpl $0, 0x500
	je 1b
	mov $1000, %ecx
2:	lock incl 0x504
	dec %ecx
	jnz 2b
3:	pause
	cmpl $2000, 0x504
	jne 3b
	FINISH 70
END g_64_smp
	.code16
GUEST g_16_ap
	xor %ax, %ax
	mov %ax, %ds
	movl $1, 0x500
	mov $1000, %cx
2:	lock incl 0x504
	dec %cx
	jnz 2b
1:	hlt
	jmp 1b
END g_16_ap

	.code64
GUEST g_64_spin
1:	incq DATA
	jmp 1b
END g_64_spin

/* --- debugging: known places --- */
	.globl g_64_debug_a, g_64_debug_b, g_64_debug_c
GUEST g_64_debug
	xor %eax, %eax
g_64_debug_a:
	inc %eax
	inc %eax
g_64_debug_b:
	mov %eax, DATA
	inc %eax
g_64_debug_c:
	nop
	FINISH 80
END g_64_debug

/* --- what an emulating KVM can't do, and a triple fault --- */
GUEST g_64_sse
	movd %eax, %xmm0
	paddd %xmm0, %xmm0
	FINISH 90
END g_64_sse

GUEST g_64_triple
	movw $0, 0x8ff0
	movq $0, 0x8ff2
	lidt 0x8ff0
	ud2
END g_64_triple

	.code32
GUEST g_32_paged
	FINISH 91
END g_32_paged

GUEST g_32_paging_on
	mov %cr0, %edx
	or $0x80000000, %edx
	mov %edx, %cr0
	FINISH 92
END g_32_paging_on

/* --- doorbell: port 0x2000's and MMIO + 0x40 --- */
	.code64
GUEST g_64_doorbell
	mov $MMIO, %ebx
	movl $5, 0x40(%rbx)
	movw $5, 0x40(%rbx)
	mov $0x33, %al
	out %al, $0xef
	FINISH 95
END g_64_doorbell

/* --- the processor: leaf eax, subleaf ecx to DATA; MSR edi to DATA, #GP counted --- */
GUEST g_64_cpuid
	cpuid
	mov %eax, DATA
	mov %ebx, DATA + 4
	mov %ecx, DATA + 8
	mov %edx, DATA + 12
	FINISH 96
END g_64_cpuid

GUEST g_64_msr
	GATE 13, 2f, g_64_msr
	LOAD_IDT
	mov %r12d, %ecx
	mov $-1, %eax
	mov %eax, %edx
	rdmsr
	mov %eax, DATA
	mov %edx, DATA + 4
	mov $0x55, %eax
	xor %edx, %edx
	wrmsr
	FINISH 97
2:	incl DATA + 8
	add $8, %rsp			/* error code */
	addq $2, (%rsp)			/* behind the instruction */
	iretq
END g_64_msr

GUEST g_64_vmcall
	nop
	vmcall
	FINISH 98
END g_64_vmcall

/* --- round trips without an end --- */
	.macro LOOP name, insn:vararg
GUEST \name
	mov $MMIO, %ebx
1:	\insn
	jmp 1b
END \name
	.endm
LOOP g_64_out, out %al, $0xef
LOOP g_64_in, in $0xef, %al
LOOP g_64_store, mov %eax, 0x90(%rbx)
LOOP g_64_load, mov 0x90(%rbx), %eax

	.section .note.GNU-stack, "", @progbits
