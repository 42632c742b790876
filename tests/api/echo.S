/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virt's serial port (16550 at 0x10000000) sends back what it gets; "q" powers off by SBI, "r" resets,
 * "B" has a balloon (virtio-mmio from 0x10001000 on) grow by a page, "F" says much.
 */
	.globl _start
_start:
	li	s0, 0x10000000
	li	s1, 'q'
	li	s2, 'B'
	li	s3, 'r'
	li	s4, 'F'
wait:
	lbu	t0, 5(s0)		/* line status: data ready */
	andi	t0, t0, 1
	beqz	t0, wait
	lbu	t1, 0(s0)
1:	lbu	t0, 5(s0)		/* transmitter empty */
	andi	t0, t0, 0x20
	beqz	t0, 1b
	sb	t1, 0(s0)
	beq	t1, s2, balloon
	beq	t1, s4, flood
	li	a0, 0			/* shutdown */
	beq	t1, s1, 2f
	li	a0, 1			/* cold reboot */
	bne	t1, s3, wait
2:	li	a7, 0x53525354		/* SRST, no reason */
	li	a6, 0
	li	a1, 0
	ecall
	j	wait

flood:
	li	t2, 400000
4:	lbu	t0, 5(s0)
	andi	t0, t0, 0x20
	beqz	t0, 4b
	sb	t1, 0(s0)
	addi	t1, t1, 1		/* some order to look for */
	andi	t1, t1, 0x7f
	addi	t2, t2, -1
	bnez	t2, 4b
	j	wait

balloon:
	li	t0, 0x10000000
	li	t2, 5			/* its device ID */
3:	li	t1, 0x1000
	add	t0, t0, t1
	lw	t1, 8(t0)
	bne	t1, t2, 3b
	lw	t1, 0x104(t0)		/* virtio 1.2, 5.5.4: actual */
	addi	t1, t1, 1
	sw	t1, 0x104(t0)
	j	wait
