// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls and returns that do not pair: what return-address prediction must survive. */
#include "tests/priv/priv.h"

/* Deep recursion needs a stack of its own. */
static u64 big[400000];
static u64 on_big(void *fn, u64 a, u64 b)
{
	u64 r;

	asm volatile(
		"mv s1, sp\n mv sp, %1\n mv a0, %3\n mv a1, %4\n jalr %2\n mv sp, s1\n mv %0, a0"
		: "=r"(r)
		: "r"(big + 400000), "r"(fn), "r"(a), "r"(b)
		: "s1", "ra", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "t0", "t1", "t2",
		  "t3", "t4", "t5", "t6", "memory");
	return r;
}

u64 sum_down(u64 n);
asm("	.text\n	.globl sum_down\nsum_down:\n	beqz a0, 1f\n	addi sp, sp, -16\n"
	     "	sd ra, 0(sp)\n	sd a0, 8(sp)\n"
    "	addi a0, a0, -1\n	call sum_down\n	ld t0, 8(sp)\n	ld ra, 0(sp)\n	addi sp, sp, 16\n"
    "	add a0, a0, t0\n	ret\n"
    "1:	li a0, 0\n	ret");

static void deep(void)
{
	for (u64 n = 1; n <= 100000; n *= 10)
		EQ(on_big(sum_down, n, 0), n * (n + 1) / 2);
	for (unsigned i = 0; i < 5; i++)
		EQ(on_big(sum_down, 100000, 0), 100000ul * 100001 / 2);
	for (u64 n = 4000; n < 4200; n += 7)
		EQ(on_big(sum_down, n, 0), n * (n + 1) / 2);
}

/* Unwinding by restoring sp and ra from far above */
static u64 jb[4];
asm("	.text\nset_jump:\n	sd ra, 0(a0)\n	sd sp, 8(a0)\n	sd s0, 16(a0)\n	sd s1, 24(a0)\n"
	     "	li a0, 0\n	ret\n"
    "long_jump:\n	ld ra, 0(a0)\n	ld sp, 8(a0)\n	ld s0, 16(a0)\n	ld s1, 24(a0)\n"
    "	mv a0, a1\n	ret");
u64 set_jump_(u64 *b) asm("set_jump") __attribute__((returns_twice));
void long_jump_(u64 *b, u64 v) asm("long_jump");

static u64 __attribute__((noinline)) dive(u64 n, u64 v)
{
	u64 r;

	if (!n) {
		long_jump_(jb, v);
		return 0;
	}
	r = dive(n - 1, v);
	asm volatile("" : "+r"(r));
	return r + 1;
}

static u64 unwinds(u64 n, u64 b)
{
	volatile u64 sum = 0, i = 0;
	u64 v = set_jump_(jb);

	sum += v;
	if (i < n) {
		i++;
		dive(i % 50, i);
	}
	return sum;
}

static void unwinding(void) { EQ(on_big(unwinds, 1000, 0), 1000ul * 1001 / 2); }

/* Two stacks that hand over to each other */
static u64 co_sp[2];
static u64 co_stack[2][512];
u64 co_switch(u64 *save, u64 *load, u64 v);
asm("	.text\n	.globl co_switch\nco_switch:\n	addi sp, sp, -32\n	sd ra, 0(sp)\n"
	     "	sd s0, 8(sp)\n	sd s1, 16(sp)\n"
    "	sd sp, 0(a0)\n	ld sp, 0(a1)\n	ld ra, 0(sp)\n	ld s0, 8(sp)\n	ld s1, 16(sp)\n"
    "	addi sp, sp, 32\n"
    "	mv a0, a2\n	ret");

static void other(void)
{
	u64 v = 0;

	for (;;)
		v = co_switch(&co_sp[1], &co_sp[0], v + 1000);
}

static u64 __attribute__((noinline)) co_deeper(u64 n, u64 v)
{
	u64 r;

	if (n)
		r = co_deeper(n - 1, v) + 1;
	else
		r = co_switch(&co_sp[0], &co_sp[1], v);
	asm volatile("" : "+r"(r));
	return r;
}

static void coroutines(void)
{
	u64 got;

	co_stack[1][508] = (u64)other;
	co_sp[1] = (u64)&co_stack[1][508];
	co_switch(&co_sp[0], &co_sp[1], 0); /* first entry: starts at 0 + 1000 */
	for (u64 i = 0; i < 2000; i++) {
		got = co_deeper(i % 20, i);
		EQ(got, i + 1000 + i % 20);
	}
}

/* ra changed between call and return: computed returns */
static void changed_ra(void)
{
	u64 r = 0;

	for (u64 i = 0; i < 1000; i++) {
		u64 v;

		asm volatile(
			"	.option push\n	.option norvc\n	j 3f\n"
			"2:	slli t0, %1, 3\n	add ra, ra, t0\n"
			"	ret\n" /* skips i & 3 pairs */
			"3:	li %0, 0\n	jal ra, 2b\n	addi %0, %0, 1\n	nop\n"
			"	addi %0, %0, 1\n	nop\n"
			"	addi %0, %0, 1\n	nop\n	addi %0, %0, 1\n	nop\n"
			"	.option pop"
			: "=&r"(v)
			: "r"(i & 3)
			: "t0", "ra", "memory");
		r += v != 4 - (i & 3);
	}
	EQ(r, 0);
}

/* t0 as link register, calls through it, jumps that look like returns */
static void other_link(void)
{
	u64 r = 0;

	for (u64 i = 0; i < 1000; i++) {
		u64 v = i;

		asm volatile(
			"	j 3f\n2:	addi %0, %0, 1\n	jr t0\n"
			"4:	addi %0, %0, 2\n	ret\n"
			"3:	jal t0, 2b\n	jal ra, 4b\n	jal t0, 2b\n	la t1, 4b\n"
			"	jalr ra, t1\n"
			"	la t1, 2b\n	jalr t0, t1\n	la ra, 5f\n	ret\n"
			"	addi %0, %0, 100\n5:"
			: "+r"(v)::"t0", "t1", "ra", "memory");
		r += v != i + 7;
	}
	EQ(r, 0);
	/* jalr ra, ra: swaps a coroutine's address with its own */
	for (u64 i = 0; i < 100; i++) {
		u64 v = 0;

		asm volatile(
			"	la ra, 2f\n	jalr ra, ra\n	addi %0, %0, 1\n"
			"	jalr ra, ra\n	addi %0, %0, 4\n	j 3f\n"
			"2:	addi %0, %0, 16\n	jalr ra, ra\n	addi %0, %0, 64\n"
			"	jr ra\n3:"
			: "+r"(v)::"ra", "memory");
		r += v != 1 + 4 + 16 + 64;
	}
	EQ(r, 0);
}

/* Mutual and indirect recursion through a table */
static u64 f_even(u64 n), f_odd(u64 n);
static u64 (*volatile table[2])(u64) = { f_even, f_odd };
static u64 __attribute__((noinline)) f_even(u64 n) { return n ? table[1](n - 1) + 1 : 0; }
static u64 __attribute__((noinline)) f_odd(u64 n) { return n ? table[0](n - 1) + 2 : 1000000; }

static void indirect(void)
{
	for (u64 n = 0; n < 300; n++)
		EQ(on_big(f_even, n, 0), n / 2 * 3 + (n & 1 ? 1000001 : 0));
}

/* Timer interrupts all the while, whose handler recurses itself */
static void tick(struct frame *f, u64 cause)
{
	*(volatile u64 *)(CLINT + 0x4000) = now() + 500;
	if (sum_down(20) != 210)
		f->x[10] = ~0ul;
}

static void with_interrupts(void)
{
	cpu()->on_irq = tick;
	*(volatile u64 *)(CLINT + 0x4000) = now() + 500;
	csr_write(mie, MTIP);
	csr_set(mstatus, MST_MIE);
	for (unsigned i = 0; i < 200 || (*(volatile u64 *)&cpu()->irqs < 20 && i < 100000); i++) {
		EQ(on_big(sum_down, 1000, 0), 500500);
		EQ(on_big(f_even, 100, 0), 150);
	}
	csr_clear(mstatus, MST_MIE);
	OK(cpu()->irqs >= 20);
	csr_write(mie, 0);
	*(volatile u64 *)(CLINT + 0x4000) = ~0ul;
}

/* A call made in M, its return address reached in U: the return must not run M's code for it. */
static u64 u_probe(u64 a, u64 b)
{
	t_clear();
	TRY("csrr zero, mscratch", NO_OUT, "r"(0));
	return cpu()->t.cause;
}

static void mode_change(void)
{
	/* a call in M to code that drops to U by mret and returns there, to M's return address */
	t_clear();
	asm volatile(
		"la t1, 3f\n li t5, " STR(
			TRY_TO_M) "\n la t6, 9f\n jal ra, 2f\n"
				  "csrr zero, mscratch\n .balign 4\n 9: li t5, 0\n j 5f\n"
				  "2: li t0, 0x1800\n csrc mstatus, t0\n csrw mepc, t1\n mret\n"
				  "3: ret\n 5:" ::
					  : "ra", "t0", "t1", "t5", "t6", "memory");
	EQ(cpu()->t.cause, C_ILLEGAL);
	EQ(run_u_bare(u_probe, 0, 0), C_ILLEGAL);
}

/* The rounding mode changed by a callee: what follows the return uses the new one. */
static void rounding_change(void)
{
	csr_set(mstatus, MST_FS);
	for (unsigned i = 0; i < 50; i++) {
		u64 bits;

		asm volatile(
			"li t0, 1\n fcvt.d.l ft0, t0\n li t0, 3\n fcvt.d.l ft1, t0\n "
			"jal ra, 2f\n fdiv.d ft2, ft0, ft1\n"
			" fmv.x.d %0, ft2\n j 3f\n 2: fsrm %1\n fdiv.d ft3, ft0, ft1\n ret\n "
			"3: fsrmi 0"
			: "=&r"(bits)
			: "r"((u64)(i & 1 ? 3 : 2))
			: "t0", "ra", "ft0", "ft1", "ft2", "ft3", "memory");
		EQ(bits, i & 1 ? 0x3fd5555555555556 : 0x3fd5555555555555);
	}
}

const struct test tests[] = {
	{ "deep recursion", deep },
	{ "unwinding", unwinding },
	{ "coroutines", coroutines },
	{ "changed ra", changed_ra },
	{ "other link registers", other_link },
	{ "indirect", indirect },
	{ "with interrupts", with_interrupts },
	{ "change of mode", mode_change },
	{ "change of rounding", rounding_change },
	{ NULL, NULL },
};
