/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector that shows things by the BIOS's video services and tells the serial
 * port when a picture is complete ("<name>-ready"); a key is the word for the next.
 */
	.code16
	.globl _start
_start:
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x7c00, %sp
	cld

	mov	$0x0003, %ax		/* text, 80x25 */
	int	$0x10
	mov	$words, %si
1:	lodsb
	test	%al, %al
	jz	2f
	mov	$0x0e, %ah
	xor	%bx, %bx
	int	$0x10
	jmp	1b
2:	mov	$0xb800, %ax		/* white on red, past the BIOS, at line 10 */
	mov	%ax, %es
	mov	$(10 * 160), %di
	mov	$0x4f00 + 'R', %ax
	stosw
	mov	$0x4f00 + 0xb0, %ax
	stosw
	mov	$0x4f00 + ' ', %ax
	stosw
	mov	$text, %si
	call	ready

	mov	$0x4f02, %ax		/* 640x480, 256 colours */
	mov	$0x0101, %bx
	int	$0x10
	mov	$0xa000, %ax
	mov	%ax, %es
	xor	%di, %di
	mov	$4, %al
	stosb
	mov	$0x4f05, %ax		/* line 400, pixel 7: byte 256007, in bank 3 */
	xor	%bx, %bx
	mov	$3, %dx
	int	$0x10
	mov	$(256007 - 3 * 65536), %di
	mov	$15, %al
	stosb
	mov	$vbe, %si
	call	ready

	mov	$0x0012, %ax		/* 640x480, 16 colours in planes */
	mov	$planar, %si
	call	pixel_mode
	mov	$0x0013, %ax		/* 320x200, 256 colours */
	mov	$packed, %si
	call	pixel_mode
	mov	$0x0d, %ax		/* 320x200, 16 colours, lines doubled */
	mov	$doubled, %si
	call	pixel_mode
	mov	$0xcf9, %dx
	mov	$0x06, %al
	out	%al, %dx
	hlt

/* The mode in %ax, and in it a pixel at 123, 45 of colour 14. */
pixel_mode:
	push	%si
	int	$0x10
	mov	$0x0c0e, %ax
	xor	%bx, %bx
	mov	$123, %cx
	mov	$45, %dx
	int	$0x10
	pop	%si
/* Says what %si points to, and waits for a key. */
ready:
	mov	$0x3f8, %dx
1:	lodsb
	out	%al, %dx
	cmp	$'\n', %al
	jne	1b
	xor	%ax, %ax
	int	$0x16
	ret

words:	.asciz	"TEXT by the BIOS\r\nand more"
text:	.ascii	"text-ready\n"
vbe:	.ascii	"vbe-ready\n"
planar:	.ascii	"planar-ready\n"
packed:	.ascii	"packed-ready\n"
doubled: .ascii	"doubled-ready\n"

	.org	510
	.word	0xaa55
