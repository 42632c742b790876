/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps one virtual page to two physical ones in turn, with and without the fence
 * that must come in between, and reads, writes and executes there. With all fences
 * in place it powers off; what it reads before a fence it does not look at.
 */
	.globl _start, unfenced, fenced, wrong
	.equ VA, 0x40000000
_start:
	la sp, stack_top
	/* root[1]: table for VA; root[2]: 1 GiB at 0x80000000 itself */
	la s0, root
	la t0, level1
	srli t0, t0, 2
	ori t0, t0, 1
	sd t0, 8(s0)
	li t0, 0x80000000 >> 2 | 0xcf
	sd t0, 16(s0)
	la t1, level1
	la t0, level0
	srli t0, t0, 2
	ori t0, t0, 1
	sd t0, 0(t1)
	la s1, level0
	la s2, page_a
	la s3, page_b
	mv a0, s2
	call map
	srli t0, s0, 12
	li t1, 8 << 60
	or t0, t0, t1
	sfence.vma
	csrw satp, t0
	li s4, VA
	li t0, 0x00008067		/* ret, in both pages */
	sw t0, 64(s2)
	sw t0, 64(s3)
	li t0, 1
	sd t0, 0(s2)
	li t0, 2
	sd t0, 0(s3)
	ld a1, 0(s4)
	sd a1, 8(s4)
	addi t0, s4, 64
	jalr t0
	/* another mapping, not fenced: may be seen or not */
	mv a0, s3
	call map
unfenced: ld a1, 0(s4)
	sfence.vma s4
fenced:	ld a1, 0(s4)
	li t0, 2
	bne a1, t0, wrong
	sd a1, 8(s4)
	addi t0, s4, 64
	jalr t0
	ld a1, 8(s3)
	bne a1, t0, 1f
1:	/* and back, by a fence for everything */
	mv a0, s2
	call map
	sfence.vma
	ld a1, 0(s4)
	li t0, 1
	bne a1, t0, wrong
	addi t0, s4, 64
	jalr t0
	li a1, 0
	j end
wrong:	li a1, 1		/* system failure */
end:	li a0, 0
	li a7, 0x53525354
	li a6, 0
	ecall
1:	j 1b

map:	srli t0, a0, 2
	ori t0, t0, 0xcf
	sd t0, 0(s1)
	ret

	.bss
	.balign 4096
root:	.space 4096
level1:	.space 4096
level0:	.space 4096
page_a:	.space 4096
page_b:	.space 4096
	.space 4096
stack_top:
