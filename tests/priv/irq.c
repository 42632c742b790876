// SPDX-License-Identifier: GPL-2.0-or-later
/* Interrupts: software, timer, external; to M and to S; priorities; waiting. */
#include "tests/priv/priv.h"

#define MTIMECMP (*(volatile u64 *)(CLINT + 0x4000))
#define MSIPREG  (*(volatile u32 *)CLINT)
#define MS       10000ul /* ticks */

static u64 taken[16], nr_taken;
static u64 irqs(void) { return *(volatile u64 *)&cpu()->irqs; }

static void quiet(u64 cause)
{
	switch (cause & 63) {
	case 1:
		if (cpu()->irq_mode == M)
			csr_clear(mip, SSIP);
		else
			csr_clear(sip, SSIP);
		break;
	case 3: MSIPREG = 0; break;
	case 5: csr_write(STIMECMP, ~0ul); break;
	case 7: MTIMECMP = ~0ul; break;
	default: break;
	}
}

static void note(struct frame *f, u64 cause)
{
	if (nr_taken < 16)
		taken[nr_taken++] = cause & 63;
	quiet(cause);
}

static u64 wait_ticks(u64 t, u64 b)
{
	u64 t0 = csr_read(time), n = irqs();

	while (csr_read(time) - t0 < t && irqs() == n)
		;
	return irqs() - n;
}

static void software_m(void)
{
	cpu()->on_irq = note;
	nr_taken = 0;
	MSIPREG = 1;
	EQ(csr_read(mip) & MSIP, MSIP);
	EQ(wait_ticks(MS, 0), 0); /* not enabled */
	csr_write(mie, MSIP);
	EQ(wait_ticks(MS, 0), 0);  /* MIE is off */
	csr_set(mstatus, MST_MIE); /* here it comes, before the next instruction */
	EQ(irqs(), 1);
	EQ(cpu()->last_irq, IRQ | 3);
	EQ(csr_read(mip) & MSIP, 0);
	MSIPREG = 1;
	for (u64 t = now(); irqs() < 2 && now() - t < 100 * MS;)
		;
	EQ(irqs(), 2);
	csr_clear(mstatus, MST_MIE);
	/* below M, MIE does not matter */
	MSIPREG = 1;
	EQ(irqs(), 2);
	run_s(wait_ticks, 100 * MS, 0);
	EQ(irqs(), 3);
	MSIPREG = 1;
	run_u_bare(wait_ticks, 100 * MS, 0);
	EQ(irqs(), 4);
	csr_write(mie, 0);
}

/* Enabled by a write to mie: before the next instruction, which mepc tells. */
static void at_once(void)
{
	u64 after;

	cpu()->on_irq = note;
	csr_set(mstatus, MST_MIE);
	MSIPREG = 1;
	while (!(csr_read(mip) & MSIP))
		;
	asm volatile("csrw mie, %1\n 1: la %0, 1b" : "=r"(after) : "r"(MSIP) : "memory");
	EQ(irqs(), 1);
	EQ(cpu()->irq_epc, after);
	csr_write(mie, SSIP);
	asm volatile("csrsi mip, 2\n 1: la %0, 1b" : "=r"(after)::"memory");
	EQ(irqs(), 2);
	EQ(cpu()->irq_epc, after);
	csr_clear(mstatus, MST_MIE);
	csr_set(mip, SSIP);
	/* mret that enables */
	asm volatile(
		"la t0, 1f\n csrw mepc, t0\n li t0, 0x1880\n csrs mstatus, t0\n mret\n 1: la %0, 1b"
		: "=r"(after)::"t0", "memory");
	EQ(irqs(), 3);
	EQ(cpu()->irq_epc, after);
	csr_clear(mstatus, MST_MIE);
	csr_write(mie, 0);
}

static u64 s_enable(u64 how, u64 b)
{
	u64 after, n = irqs();

	switch (how) {
	case 0: asm volatile("csrsi sstatus, 2\n 1: la %0, 1b" : "=r"(after)::"memory"); break;
	case 1:
		asm volatile("csrs sstatus, %1\n 1: la %0, 1b"
			     : "=r"(after)
			     : "r"(MST_SIE)
			     : "memory");
		break;
	default:
		asm volatile(
			"la t0, 1f\n csrw sepc, t0\n li t0, 0x120\n csrs sstatus, t0\n sret\n "
			"1: la %0, 1b"
			: "=r"(after)::"t0", "memory");
	}
	csr_clear(sstatus, MST_SIE);
	return (irqs() == n + 1) | (cpu()->irq_epc == after) << 1;
}

static u64 s_idle(u64 a, u64 b) { return wait_ticks(MS, 0); }

static void software_s(void)
{
	cpu()->on_irq = note;
	csr_write(mideleg, SSIP);
	csr_write(mie, SSIP);
	csr_set(mstatus, MST_MIE);
	for (u64 how = 0; how < 3; how++) {
		csr_set(mip, SSIP);
		EQ(wait_ticks(MS, 0), 0); /* delegated: not in M */
		EQ(run_s(s_enable, how, 0), 3);
		EQ(cpu()->last_irq, IRQ | 1);
		EQ(csr_read(mip) & SSIP, 0);
	}
	csr_set(mip, SSIP);
	csr_clear(mstatus, MST_SIE);
	EQ(run_s(s_idle, 0, 0), 0);
	EQ(csr_read(mip) & SSIP, SSIP);
	run_u_bare(s_idle, 0, 0); /* in U always */
	EQ(csr_read(mip) & SSIP, 0);
	csr_clear(mstatus, MST_MIE);
	csr_write(mie, 0);
}

static void priorities(void)
{
	cpu()->on_irq = note;
	nr_taken = 0;
	csr_write(mideleg, 0);
	MSIPREG = 1;
	MTIMECMP = 0;
	csr_set(mip, SSIP);
	while ((csr_read(mip) & (MSIP | MTIP)) != (MSIP | MTIP))
		;
	csr_write(mie, SSIP | MSIP | MTIP);
	csr_set(mstatus, MST_MIE);
	if (csr_read(marchid))
		/* QEMU does not look again after each mret */
		wait_ticks(MS, 0), wait_ticks(MS, 0);
	EQ(*(volatile u64 *)&nr_taken, 3);
	csr_clear(mstatus, MST_MIE);
	if (!csr_read(marchid)) { /* QEMU takes the lowest number first */
		EQ(taken[0], 3);
		EQ(taken[1], 7);
		EQ(taken[2], 1);
	}
	csr_write(mie, 0);
}

static void timer_m(void)
{
	u64 t0;

	cpu()->on_irq = note;
	csr_write(mie, MTIP);
	csr_set(mstatus, MST_MIE);
	for (unsigned i = 0; i < 5; i++) {
		t0 = now();
		MTIMECMP = t0 + 2 * MS;
		while (irqs() == i && now() - t0 < 5000 * MS)
			;
		EQ(irqs(), i + 1);
		OK(now() - t0 >= 2 * MS);
		OK(now() - t0 < 3000 * MS);
	}
	MTIMECMP = now() + 5 * MS;
	EQ(csr_read(mip) & MTIP, 0);
	MTIMECMP = ~0ul; /* taken back */
	EQ(wait_ticks(10 * MS, 0), 0);
	csr_clear(mstatus, MST_MIE);
	MTIMECMP = 0;
	while (!(csr_read(mip) & MTIP))
		;
	MTIMECMP = ~0ul;
	while (csr_read(mip) & MTIP)
		;
	csr_write(mie, 0);
}

static u64 s_timer(u64 n, u64 wait)
{
	u64 late = 0;

	csr_set(sstatus, MST_SIE);
	for (u64 i = 0; i < n; i++) {
		u64 t0 = csr_read(time), c = irqs();

		csr_write(STIMECMP, t0 + 2 * MS);
		while (irqs() == c)
			if (wait)
				asm volatile("wfi" ::: "memory");
		late |= csr_read(time) - t0 < 2 * MS;
	}
	csr_clear(sstatus, MST_SIE);
	return late;
}

static void timer_s(void)
{
	csr_write(0x30a, ENV_STCE);
	if (!(csr_read(0x30a) & ENV_STCE)) {
		absent("Sstc");
		return;
	}
	cpu()->on_irq = note;
	csr_write(STIMECMP, ~0ul);
	csr_write(mideleg, STIP);
	csr_write(mie, STIP);
	EQ(run_s(s_timer, 5, 0), 0);
	EQ(run_s(s_timer, 5, 1), 0);
	EQ(irqs(), 10);
	EQ(cpu()->last_irq, IRQ | 5);
	csr_write(STIMECMP, ~0ul);
}

/* WFI: sleeps until something enabled in mie is pending, whatever mstatus says. */
static void wfi_masked(void)
{
	u64 t0 = now();

	csr_clear(mstatus, MST_MIE);
	csr_write(mie, MTIP);
	for (unsigned i = 0; i < 5; i++) {
		MTIMECMP = (t0 = now()) + 2 * MS;
		while (!(csr_read(mip) & MTIP))
			asm volatile("wfi" ::: "memory");
		OK(now() - t0 >= 2 * MS);
		MTIMECMP = ~0ul;
	}
	EQ(irqs(), 0);
	/* pending already: no sleep */
	MTIMECMP = 0;
	while (!(csr_read(mip) & MTIP))
		;
	for (unsigned i = 0; i < 1000; i++)
		asm volatile("wfi" ::: "memory");
	MTIMECMP = ~0ul;
	csr_write(mie, SSIP);
	csr_set(mip, SSIP);
	for (unsigned i = 0; i < 1000; i++)
		asm volatile("wfi" ::: "memory");
	csr_clear(mip, SSIP);
	csr_write(mie, 0);
}

/* Taken at WFI: the handler returns behind it. */
static void wfi_taken(void)
{
	u64 after;

	cpu()->on_irq = note;
	csr_write(mie, MTIP);
	csr_set(mstatus, MST_MIE);
	for (unsigned i = 0; i < 5; i++) {
		u64 n = irqs();

		asm volatile("csrci mstatus, 8");
		MTIMECMP = now() + 2 * MS;
		while (!(csr_read(mip) & MTIP))
			asm volatile("wfi" ::: "memory");
		asm volatile("csrsi mstatus, 8\n 1: la %0, 1b" : "=r"(after)::"memory");
		EQ(irqs(), n + 1);
		EQ(cpu()->irq_epc, after);
		/* and with MIE on */
		asm volatile("csrci mstatus, 8");
		MTIMECMP = now() + 5 * MS;
		asm volatile("csrsi mstatus, 8\n wfi\n 1: la %0, 1b" : "=r"(after)::"memory");
		while (irqs() == n + 1)
			;
	}
	csr_clear(mstatus, MST_MIE);
	csr_write(mie, 0);
}

/*
 * An interrupt that is up but not in mie must not keep a waiting hart busy or
 * awake: it still sleeps.
 */
static void wfi_other_line(void)
{
	u64 loops = 0, t0;

	MSIPREG = 1; /* pending, not enabled */
	csr_write(mie, MTIP);
	MTIMECMP = (t0 = now()) + 20 * MS;
	while (!(csr_read(mip) & MTIP)) {
		asm volatile("wfi" ::: "memory");
		loops++;
	}
	OK(now() - t0 >= 20 * MS);
	OK(loops < 100);
	MSIPREG = 0;
	MTIMECMP = ~0ul;
	csr_write(mie, 0);
}

/* --- PLIC with the UART's transmitter-empty interrupt --- */

#define PLIC_REG(o) (*(volatile u32 *)(PLIC + (o)))
#define UREG(o)     (*(volatile u8 *)(UART + (o)))
#define UART_IRQ    10
static u64 claimed;

static void external(struct frame *f, u64 cause)
{
	u64 ctx = (cause & 63) == 11 ? 0 : 1;
	u32 src = PLIC_REG(0x200004 + 0x1000 * ctx);

	claimed = src;
	UREG(1) = 0; /* IER off: the wire goes down */
	(void)UREG(2);
	PLIC_REG(0x200004 + 0x1000 * ctx) = src;
	note(f, cause);
}

static void external_m(void)
{
	u8 ier = UREG(1);

	cpu()->on_irq = external;
	PLIC_REG(4 * UART_IRQ) = 1;
	PLIC_REG(0x2000) = 1 << UART_IRQ;
	PLIC_REG(0x200000) = 0;
	csr_write(mie, MEIP);
	csr_set(mstatus, MST_MIE);
	for (unsigned i = 1; i <= 3; i++) {
		claimed = 0;
		UREG(1) = 2;
		wait_ticks(100 * MS, 0);
		EQ(irqs(), i);
		EQ(claimed, UART_IRQ);
		EQ(cpu()->last_irq, IRQ | 11);
	}
	EQ(csr_read(mip) & MEIP, 0);
	PLIC_REG(0x200000) = 1; /* threshold */
	UREG(1) = 2;
	EQ(wait_ticks(5 * MS, 0), 0);
	PLIC_REG(0x200000) = 0;
	wait_ticks(100 * MS, 0);
	EQ(irqs(), 4);
	PLIC_REG(0x2000) = 0;
	csr_clear(mstatus, MST_MIE);
	csr_write(mie, 0);
	UREG(1) = ier;
}

static u64 s_wait(u64 a, u64 b)
{
	u64 n;

	csr_set(sstatus, MST_SIE);
	n = wait_ticks(100 * MS, 0);
	csr_clear(sstatus, MST_SIE);
	return n;
}

static void external_s(void)
{
	cpu()->on_irq = external;
	PLIC_REG(4 * UART_IRQ) = 1;
	PLIC_REG(0x2080) = 1 << UART_IRQ;
	PLIC_REG(0x201000) = 0;
	csr_write(mideleg, SEIP);
	csr_write(mie, SEIP);
	UREG(1) = 2;
	for (u64 t = now(); !(csr_read(mip) & SEIP) && now() - t < 100 * MS;)
		;
	EQ(csr_read(mip) & SEIP, SEIP);
	/* csrrs and csrrc of other bits keep the line out of the software bit (3.1.9) */
	csr_set(mip, SSIP);
	csr_clear(mip, SSIP);
	run_s(s_wait, 0, 0);
	EQ(irqs(), 1);
	EQ(claimed, UART_IRQ);
	EQ(cpu()->last_irq, IRQ | 9);
	EQ(csr_read(mip) & SEIP, 0);
	PLIC_REG(0x2080) = 0;
	csr_write(mie, 0);
}

/* A dense loop must be interrupted, and come out right. */
static void dense(void)
{
	u64 sum = 0, n = 0;

	cpu()->on_irq = note;
	csr_write(mie, MTIP);
	csr_set(mstatus, MST_MIE);
	for (unsigned i = 0; i < 20; i++) {
		u64 a = 0, b = irqs(), t0 = now();

		MTIMECMP = t0 + MS / 4;
		asm volatile("1: addi %0, %0, 1\n ld t0, 0(%1)\n beq t0, %2, 1b"
			     : "+r"(a)
			     : "r"(&cpu()->irqs), "r"(b)
			     : "t0", "memory");
		n += irqs() - b;
		sum += a;
	}
	EQ(n, 20);
	OK(sum >= 20);
	csr_clear(mstatus, MST_MIE);
	csr_write(mie, 0);
}

/* Loops that look at nothing: the handler's change of the return address ends them. */
static void leave_loop(struct frame *f, u64 cause)
{
	quiet(cause);
	f->epc = f->x[31];
}

static void endless(void)
{
	cpu()->on_irq = leave_loop;
	csr_write(mie, MTIP);
#define LOOP(text)                                                                             \
	do {                                                                                   \
		MTIMECMP = now() + MS;                                                         \
		asm volatile("la t6, 9f\n csrsi mstatus, 8\n" text "\n 9: csrci mstatus, 8" :: \
				     : "ra", "t0", "t6", "memory");                            \
	} while (0)
	for (unsigned i = 0; i < 10; i++) {
		LOOP("1: j 1b");
		LOOP("la t0, 1f\n 1: jr t0");
		LOOP("1: call 2f\n j 1b\n 2: ret");
		LOOP("1: j 3f\n 2: bnez t6, 1b\n 3: j 2b");
		LOOP("1: jal ra, 1b");
		LOOP("la ra, 1f\n 1: ret");
		LOOP("la t0, 1f\n .balign 16\n 1: la ra, 2f\n ret\n 2: mv ra, t0\n ret");
		LOOP("1: fence.i\n j 1b");
		LOOP("la t0, 1f\n 1: jalr ra, t0");
	}
	EQ(irqs(), 90);
	csr_write(mie, 0);
}

const struct test tests[] = {
	{ "software, M", software_m },
	{ "at once", at_once },
	{ "software, S", software_s },
	{ "priorities", priorities },
	{ "timer, M", timer_m },
	{ "timer, S", timer_s },
	{ "wfi, masked", wfi_masked },
	{ "wfi, taken", wfi_taken },
	{ "wfi, another line up", wfi_other_line },
	{ "external, M", external_m },
	{ "external, S", external_s },
	{ "dense loop", dense },
	{ "endless loops", endless },
	{ NULL, NULL },
};
