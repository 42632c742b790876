/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vector and x87 registers that live through long loops; ring 3. vectors.c says what comes out. */
	.text
	.globl hold_ymm, hold_xmm, hold_x87, harmonic

	.macro LOAD op, reg, bytes
	.irp r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\op \bytes * \r(%rdi), %\reg\r
	.endr
	.endm
	.macro STORE op, reg, bytes
	.irp r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\op %\reg\r, \bytes * \r(%rdi)
	.endr
	.endm

	/* void hold_ymm(uint64_t v[16][4], uint64_t turns): even registers += the next, odd ^= it */
hold_ymm:
	LOAD vmovdqu, ymm, 32
1:	vpaddq %ymm1, %ymm0, %ymm0
	vpxor %ymm2, %ymm1, %ymm1
	vpaddq %ymm3, %ymm2, %ymm2
	vpxor %ymm4, %ymm3, %ymm3
	vpaddq %ymm5, %ymm4, %ymm4
	vpxor %ymm6, %ymm5, %ymm5
	vpaddq %ymm7, %ymm6, %ymm6
	vpxor %ymm8, %ymm7, %ymm7
	vpaddq %ymm9, %ymm8, %ymm8
	vpxor %ymm10, %ymm9, %ymm9
	vpaddq %ymm11, %ymm10, %ymm10
	vpxor %ymm12, %ymm11, %ymm11
	vpaddq %ymm13, %ymm12, %ymm12
	vpxor %ymm14, %ymm13, %ymm13
	vpaddq %ymm15, %ymm14, %ymm14
	vpxor %ymm0, %ymm15, %ymm15
	dec %rsi
	jnz 1b
	STORE vmovdqu, ymm, 32
	vzeroupper
	ret

	/* the same in 128 bits: uint64_t v[16][2] */
hold_xmm:
	LOAD movdqu, xmm, 16
1:	paddq %xmm1, %xmm0
	pxor %xmm2, %xmm1
	paddq %xmm3, %xmm2
	pxor %xmm4, %xmm3
	paddq %xmm5, %xmm4
	pxor %xmm6, %xmm5
	paddq %xmm7, %xmm6
	pxor %xmm8, %xmm7
	paddq %xmm9, %xmm8
	pxor %xmm10, %xmm9
	paddq %xmm11, %xmm10
	pxor %xmm12, %xmm11
	paddq %xmm13, %xmm12
	pxor %xmm14, %xmm13
	paddq %xmm15, %xmm14
	pxor %xmm0, %xmm15
	dec %rsi
	jnz 1b
	STORE movdqu, xmm, 16
	ret

	/* void hold_x87(int64_t v[8], uint64_t turns): all signs change; 63 bits that no double has */
hold_x87:
	fninit
	.irp r, 7, 6, 5, 4, 3, 2, 1, 0
	fildll 8 * \r(%rdi)
	.endr
1:	.rept 8
	fchs
	fincstp
	.endr
	dec %rsi
	jnz 1b
	.irp r, 0, 1, 2, 3, 4, 5, 6, 7
	fistpll 8 * \r(%rdi)
	.endr
	ret

	/* uint64_t harmonic(uint64_t n, const uint32_t *mxcsr): 1 + 1/2 + ... as a double's bits;
	 * MXCSR must be what it was, but for the flag of inexact results */
harmonic:
	push %rax
	ldmxcsr (%rsi)
	xor %eax, %eax
	movq %rax, %xmm0
	mov $1, %edx
	cvtsi2sd %edx, %xmm2
	mov $1, %eax
1:	cvtsi2sd %rax, %xmm3
	movapd %xmm2, %xmm1
	divsd %xmm3, %xmm1
	addsd %xmm1, %xmm0
	inc %rax
	cmp %rdi, %rax
	jbe 1b
	stmxcsr (%rsp)
	mov (%rsp), %ecx
	and $~0x20, %ecx
	cmp (%rsi), %ecx
	mov $0, %eax
	jne 2f
	movq %xmm0, %rax
2:	movl $0x1f80, (%rsp)
	ldmxcsr (%rsp)
	pop %rcx
	ret
	.section .note.GNU-stack, "", @progbits
