/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places and selectors that the guests (*.S) and the host program agree on. */
#ifndef TESTS_X86_LAYOUT_H
#define TESTS_X86_LAYOUT_H

#define L_CODE		0x10000
#define L_GDT		0x30000
#define L_IDT		0x31000
#define L_TSS		0x32000
#define L_TSS_B		0x32100		/* task that may be switched to */
#define L_TSS_BAD	0x32200		/* its CS is no code */
#define L_TSS16		0x32300
#define L_LDT		0x33000
#define L_NAME		0x34000		/* variables: name of the test, */
#define L_IP		0x34008		/* its first instruction, */
#define L_RESUME	0x34010		/* where it goes on, */
#define L_LOG		0x34018		/* end of the log */
#define L_SCRATCH	0x34100
#define L_LOG_START	0x50000
#define L_RECORD	192
#define L_STACK3	0x3a000
#define L_STACK_IST	0x3b000
#define L_STACK_IN	0x3c000		/* ESP0 of the TSS */
#define L_STACK		0x3d000		/* of the tests */
#define L_STACK_B	0x3e000

/* GDT */
#define SEL_CODE32	0x08
#define SEL_DATA	0x10
#define SEL_CODE64	0x18
#define SEL_UCODE32	0x20
#define SEL_UDATA	0x28
#define SEL_UCODE64	0x30
#define SEL_TSS		0x38
#define SEL_CODE16	0x48
#define SEL_DATA16	0x50
#define SEL_ABSENT	0x58		/* data, not present */
#define SEL_RODATA	0x60
#define SEL_XONLY	0x68		/* code that can't be read */
#define SEL_CONFORM	0x70
#define SEL_DOWN	0x78		/* expand-down, valid above 0x1fff, 32 bits */
#define SEL_SMALL	0x80		/* data, limit 0xfff */
#define SEL_GATE0	0x88		/* call gate, DPL 0 (16 bytes long in long mode) */
#define SEL_GATE3	0x98		/* call gate, DPL 3, two parameters */
#define SEL_GATE_ABSENT	0xa8
#define SEL_LDT		0xb8
#define SEL_TSS_B	0xc8
#define SEL_TSS_BAD	0xd0
#define SEL_TSS_SHORT	0xd8
#define SEL_TASKGATE	0xe0
#define SEL_TSS16	0xe8
#define SEL_CODE1	0xf0		/* DPL 1, 32 bits */
#define SEL_DATA1	0xf8
#define SEL_CODEABSENT	0x100
#define GDT_SIZE	0x108

/* interrupts with gates of their own */
#define INT_TRAP3	0x40		/* trap gate, DPL 3 */
#define INT_ABSENT	0x41
#define INT_BAD		0x42		/* no gate */
#define INT_NULL	0x43		/* gate with a null selector */
#define INT_DATA	0x44		/* its selector is data */
#define INT_TASK	0x45
#define INT_CONFORM	0x46
#define INT_IST		0x47
#define INT_GATE16	0x48
#define INT_USER	0x80		/* interrupt gate, DPL 3 */
#define INT_LAST	0x80

#endif
