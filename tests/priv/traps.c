// SPDX-License-Identifier: GPL-2.0-or-later
/* Exceptions and their delegation, returns, what mstatus and the tval CSRs hold. */
#include "tests/priv/priv.h"

extern char m_vec[], m_vectors[];
extern u64 vec_slot;

static u64 do_ecall(u64 a, u64 b)
{
	t_clear();
	TRY("li a7, 0\n ecall", NO_OUT, "r"(0));
	return cpu()->t.cause;
}

static void ecall_causes(void)
{
	EQ(do_ecall(0, 0), C_ECALLM);
	EQ(cpu()->t.tval, 0);
	EQ(cpu()->t.status >> 11 & 3, M);
	EQ(run_s(do_ecall, 0, 0), C_ECALLS);
	EQ(cpu()->t.mode, M);
	EQ(cpu()->t.status >> 11 & 3, S);
	EQ(run_u_bare(do_ecall, 0, 0), C_ECALLU);
	EQ(cpu()->t.status >> 11 & 3, U);
}

static u64 ill_pc;

static u64 do_illegal(u64 a, u64 b)
{
	u64 pc;

	t_clear();
	TRY("la %[o], 7f\n 7: .4byte 0xffffffff", OUT(pc), "r"(0));
	return ill_pc = pc;
}

static void delegated(void)
{
	u64 pc;

	csr_write(medeleg, 1 << C_ILLEGAL);
	pc = run_s(do_illegal, 0, 0);
	EQ(cpu()->t.mode, S);
	EQ(cpu()->t.cause, C_ILLEGAL);
	EQ(cpu()->t.epc, pc);
	EQ(cpu()->t.tval, 0xffffffff);
	EQ(cpu()->t.status & MST_SPP, MST_SPP); /* from S */
	run_u_bare(do_illegal, 0, 0);
	EQ(cpu()->t.mode, S);
	EQ(cpu()->t.cause, C_ILLEGAL);
	EQ(cpu()->t.status & MST_SPP, 0);
	csr_write(medeleg, 1 << C_ECALLU);
	EQ(run_u_bare(do_ecall, 0, 0), C_ECALLU);
	EQ(cpu()->t.mode, S);
	EQ(cpu()->t.tval, 0);
	EQ(run_s(do_ecall, 0, 0), C_ECALLS);
	EQ(cpu()->t.mode, M);
	run_u_bare(do_illegal, 0, 0);
	EQ(cpu()->t.mode, M);
}

/* SIE and SPIE on the way into S and back */
static u64 sie_stack(u64 on, u64 b)
{
	if (on)
		csr_set(sstatus, MST_SIE);
	else
		csr_clear(sstatus, MST_SIE);
	do_illegal(0, 0);
	b = csr_read(sstatus) & MST_SIE;
	csr_clear(sstatus, MST_SIE);
	return b;
}

static void sie_stacked(void)
{
	csr_write(medeleg, 1 << C_ILLEGAL);
	EQ(run_s(sie_stack, 1, 0), MST_SIE);
	EQ(cpu()->t.status & (MST_SIE | MST_SPIE), MST_SPIE);
	EQ(run_s(sie_stack, 0, 0), 0);
	EQ(cpu()->t.status & (MST_SIE | MST_SPIE), 0);
}

static u64 do_ebreak(u64 a, u64 b)
{
	t_clear();
	TRY("ebreak", NO_OUT, "r"(0));
	return cpu()->t.epc;
}

static u64 do_cebreak(u64 a, u64 b)
{
	t_clear();
	TRY(".2byte 0x9002\n .2byte 1", NO_OUT, "r"(0));
	return cpu()->t.epc;
}

static void breakpoints(void)
{
	u64 pc = do_ebreak(0, 0);

	EQ(cpu()->t.cause, C_BREAK);
	EQ(*(u32 *)pc, 0x00100073);
	OK(cpu()->t.tval == pc || cpu()->t.tval == 0);
	pc = do_cebreak(0, 0);
	EQ(cpu()->t.cause, C_BREAK);
	EQ(*(u16 *)pc, 0x9002);
	pc = run_s(do_ebreak, 0, 0);
	EQ(cpu()->t.cause, C_BREAK);
}

#define ILLEGAL(name, text, bits)                                              \
	static u64 name(u64 a, u64 b)                                          \
	{                                                                      \
		t_clear();                                                     \
		TRY(text, NO_OUT, "r"(0));                                     \
		return cpu()->t.cause == C_ILLEGAL && cpu()->t.tval == (bits); \
	}
ILLEGAL(ill_c0, ".2byte 0\n .2byte 1", 0)
ILLEGAL(ill_ones, ".4byte 0xffffffff", 0xffffffff)
ILLEGAL(ill_op, ".4byte 0x0000007b", 0x7b)
ILLEGAL(ill_caddi4spn, ".2byte 0x0004\n .2byte 1", 4)
ILLEGAL(ill_clwsp0, ".2byte 0x4002\n .2byte 1", 0x4002)
ILLEGAL(ill_cjr0, ".2byte 0x8002\n .2byte 1", 0x8002)
ILLEGAL(ill_ecallrd, ".4byte 0x000000f3", 0xf3)
ILLEGAL(ill_lr, ".4byte 0x1010202f", 0x1010202f)
ILLEGAL(ill_slli, ".4byte 0x4000901b", 0x4000901b)
ILLEGAL(ill_mret, "mret", 0x30200073)
ILLEGAL(ill_sret, "sret", 0x10200073)
ILLEGAL(ill_wfi, "wfi", 0x10500073)
ILLEGAL(ill_sfence, "sfence.vma", 0x12000073)
ILLEGAL(ill_sinval, ".4byte 0x16000073", 0x16000073)
ILLEGAL(ill_satp, "csrr zero, satp", 0x18002073)
ILLEGAL(ill_mstatus, "csrr zero, mstatus", 0x30002073)
ILLEGAL(ill_mhartid, "csrw mhartid, zero", 0xf1401073)

static void illegal(void)
{
	static u64 (*const always[])(u64, u64) = { ill_c0,        ill_ones,   ill_op,
						   ill_caddi4spn, ill_clwsp0, ill_cjr0,
						   ill_ecallrd,   ill_lr,     ill_slli,
						   ill_mhartid };
	static u64 (*const below_m[])(u64, u64) = { ill_mret, ill_mstatus };
	static u64 (*const below_s[])(u64, u64) = { ill_sret, ill_wfi, ill_sfence, ill_satp };
	unsigned i;

	for (i = 0; i < sizeof(always) / sizeof(*always); i++) {
		EQ(always[i](0, 0), 1);
		EQ(run_s(always[i], 0, 0), 1);
		EQ(run_u_bare(always[i], 0, 0), 1);
	}
	for (i = 0; i < sizeof(below_m) / sizeof(*below_m); i++) {
		EQ(run_s(below_m[i], 0, 0), 1);
		EQ(run_u_bare(below_m[i], 0, 0), 1);
	}
	for (i = 0; i < sizeof(below_s) / sizeof(*below_s); i++)
		EQ(run_u_bare(below_s[i], 0, 0), 1);
	EQ(run_u_bare(ill_sinval, 0, 0), 1);
}

static u64 s_sfence(u64 a, u64 b)
{
	t_clear();
	TRY("sfence.vma", NO_OUT, "r"(0));
	return cpu()->t.cause;
}
static u64 s_satp(u64 a, u64 b)
{
	u64 r;
	t_clear();
	TRY("csrr %[o], satp", OUT(r), "r"(0));
	return cpu()->t.cause;
}
static u64 s_satpw(u64 a, u64 b)
{
	t_clear();
	TRY("csrw satp, zero", NO_OUT, "r"(0));
	return cpu()->t.cause;
}
static u64 s_sret(u64 a, u64 b)
{
	t_clear();
	TRY("la t0, 1f\n csrw sepc, t0\n li t0, 0x100\n csrs sstatus, t0\n sret\n 1:", NO_OUT,
	    "r"(0));
	return cpu()->t.cause;
}
static u64 s_wfi(u64 a, u64 b)
{
	t_clear();
	TRY("wfi", NO_OUT, "r"(0));
	return cpu()->t.cause;
}

static void trap_vm(void)
{
	EQ(run_s(s_sfence, 0, 0), ~0ul);
	EQ(run_s(s_satp, 0, 0), ~0ul);
	EQ(run_s(s_satpw, 0, 0), ~0ul);
	csr_set(mstatus, MST_TVM);
	EQ(run_s(s_sfence, 0, 0), C_ILLEGAL);
	EQ(run_s(s_satp, 0, 0), C_ILLEGAL);
	EQ(cpu()->t.tval & 0xfff0707f, 0x18002073);
	EQ(run_s(s_satpw, 0, 0), C_ILLEGAL);
	EQ(s_satp(0, 0), ~0ul); /* not in M */
	EQ(s_sfence(0, 0), ~0ul);
	csr_clear(mstatus, MST_TVM);
	EQ(run_s(s_satp, 0, 0), ~0ul);
}

static void trap_sret(void)
{
	EQ(run_s(s_sret, 0, 0), ~0ul);
	csr_set(mstatus, MST_TSR);
	EQ(run_s(s_sret, 0, 0), C_ILLEGAL);
	EQ(cpu()->t.tval, 0x10200073);
	csr_clear(mstatus, MST_TSR);
	EQ(run_s(s_sret, 0, 0), ~0ul);
}

static void trap_wfi(void)
{
	/* something is pending, so that without TW it does not wait */
	csr_write(mie, SSIP);
	csr_write(mideleg, SSIP);
	csr_set(mip, SSIP);
	EQ(run_s(s_wfi, 0, 0), ~0ul);
	csr_set(mstatus, MST_TW);
	EQ(run_s(s_wfi, 0, 0), C_ILLEGAL);
	EQ(cpu()->t.tval, 0x10500073);
	EQ(s_wfi(0, 0), ~0ul);
	csr_clear(mip, SSIP);
	csr_write(mie, 0);
}

/* mret: MIE <- MPIE, MPIE <- 1, MPP <- U, MPRV cleared unless to M. */
static void mret_fields(void)
{
	u64 v;

	csr_clear(mstatus, MST_MIE);
	asm volatile(
		"la t0, 1f\n csrw mepc, t0\n li t0, 0x1880\n csrs mstatus, t0\n mret\n "
		"1: csrr %0, mstatus"
		: "=r"(v)::"t0", "memory");
	EQ(v & MST_MIE, MST_MIE);
	EQ(v & MST_MPIE, MST_MPIE);
	EQ(v & MST_MPP, 0);
	asm volatile(
		"la t0, 1f\n csrw mepc, t0\n li t0, 0x80\n csrc mstatus, t0\n li t0, 0x1800\n "
		"csrs mstatus, t0\n"
		" mret\n 1: csrr %0, mstatus"
		: "=r"(v)::"t0", "memory");
	EQ(v & MST_MIE, 0);
	EQ(v & MST_MPIE, MST_MPIE);
	/* MPRV stays over mret to M (MPP = M: no effect on accesses) */
	csr_set(mstatus, MST_MPP);
	csr_set(mstatus, MST_MPRV);
	asm volatile(
		"la t0, 1f\n csrw mepc, t0\n li t0, 0x1800\n csrs mstatus, t0\n mret\n "
		"1: li t0, 0x20000\n"
		" csrrc %0, mstatus, t0"
		: "=r"(v)::"t0", "memory");
	EQ(v & MST_MPRV, MST_MPRV);
	/* and goes on the way to S; seen by the next trap */
	csr_set(mstatus, MST_MPP);
	csr_set(mstatus, MST_MPRV);
	csr_clear(mstatus, MST_MPP);
	run_s(do_ecall, 0, 0);
	EQ(cpu()->t.status & MST_MPRV, 0);
}

/* sret in S: SIE <- SPIE, SPIE <- 1, SPP <- U; sret in M clears MPRV. */
static u64 sret_s(u64 a, u64 b)
{
	u64 v;

	csr_clear(sstatus, MST_SIE);
	asm volatile(
		"la t0, 1f\n csrw sepc, t0\n li t0, 0x120\n csrs sstatus, t0\n sret\n "
		"1: csrr %0, sstatus"
		: "=r"(v)::"t0", "memory");
	return v;
}

static u64 sret_u(u64 a, u64 b)
{
	asm volatile("la t0, 1f\n csrw sepc, t0\n li t0, 0x100\n csrc sstatus, t0\n sret\n 1:" ::
			     : "t0", "memory");
	return do_ecall(0, 0); /* in U now */
}

static void sret_fields(void)
{
	u64 v = run_s(sret_s, 0, 0);

	EQ(v & MST_SIE, MST_SIE);
	EQ(v & MST_SPIE, MST_SPIE);
	EQ(v & MST_SPP, 0);
	csr_clear(mstatus, MST_SIE);
	EQ(run_s(sret_u, 0, 0), C_ECALLU);
}

static void mpp_warl(void)
{
	csr_set(mstatus, MST_MPP);
	csr_clear(mstatus, 1ul << 11); /* 2: reserved */
	OK((csr_read(mstatus) >> 11 & 3) != 2);
	csr_set(mstatus, MST_MPP);
	EQ(csr_read(mstatus) >> 11 & 3, 3);
	csr_clear(mstatus, MST_MPP);
	csr_set(mstatus, 1ul << 11);
	EQ(csr_read(mstatus) >> 11 & 3, 1);
}

static void epc_bits(void)
{
	csr_write(mepc, 0x123456789abcdeful);
	EQ(csr_read(mepc), 0x123456789abcdeeul);
	csr_write(sepc, ~0ul);
	EQ(csr_read(sepc), ~1ul);
	csr_write(mepc, 0x80000002);
	EQ(csr_read(mepc), 0x80000002);
}

static void tvec_warl(void)
{
	for (u64 mode = 0; mode < 4; mode++) {
		csr_write(mtvec, (u64)m_vec | mode);
		OK((csr_read(mtvec) & 3) < 2);
		csr_write(mtvec, m_vec);
		csr_write(stvec, 0x80001000 | mode);
		OK((csr_read(stvec) & 3) < 2);
	}
	csr_write(stvec, 0x80001001);
	EQ(csr_read(stvec), 0x80001001);
}

static void irq_off(struct frame *f, u64 cause)
{
	csr_write(mie, 0);
	csr_clear(mip, SSIP);
	*(volatile u32 *)CLINT = 0;
}

static void vectored(void)
{
	cpu()->on_irq = irq_off;
	csr_write(mtvec, (u64)m_vectors | 1);
	EQ(csr_read(mtvec), (u64)m_vectors | 1);
	vec_slot = 0;
	do_ecall(0, 0); /* exceptions go to the base */
	EQ(cpu()->t.cause, C_ECALLM);
	EQ(vec_slot, 1);
	csr_write(mie, MSIP);
	csr_set(mstatus, MST_MIE);
	*(volatile u32 *)CLINT = 1;
	while (!*(volatile u64 *)&cpu()->irqs)
		;
	csr_clear(mstatus, MST_MIE);
	EQ(vec_slot, 4);
	EQ(cpu()->last_irq, IRQ | 3);
}

/* A trap into M is never delegated from M; MIE/MPIE stack and the interrupted mode */
static void not_from_m(void)
{
	csr_write(medeleg, 0xffff);
	EQ(csr_read(medeleg) >> C_ECALLM & 1, 0);
	EQ(do_ecall(0, 0), C_ECALLM);
	EQ(cpu()->t.mode, M);
	t_clear();
	ill_ones(0, 0);
	EQ(cpu()->t.mode, M);
	csr_write(medeleg, 0);
	csr_set(mstatus, MST_MIE);
	do_ecall(0, 0);
	EQ(cpu()->t.status & MST_MPIE, MST_MPIE);
	EQ(cpu()->t.status & MST_MIE, 0);
	EQ(csr_read(mstatus) & MST_MIE, MST_MIE);
	csr_clear(mstatus, MST_MIE);
}

/* A jump to a halfword address is fine with C; to an odd one impossible: jalr clears the bit. */
static u64 seven(void) { return 7; }
static void odd_jump(void)
{
	u64 v;

	EQ(try_call((u64)seven | 1, &v), ~0ul);
	EQ(v, 7);
}

const struct test tests[] = {
	{ "ecall causes", ecall_causes },
	{ "delegated exceptions", delegated },
	{ "SIE and SPIE", sie_stacked },
	{ "breakpoints", breakpoints },
	{ "illegal instructions", illegal },
	{ "TVM", trap_vm },
	{ "TSR", trap_sret },
	{ "TW", trap_wfi },
	{ "mret", mret_fields },
	{ "sret", sret_fields },
	{ "MPP", mpp_warl },
	{ "epc", epc_bits },
	{ "tvec", tvec_warl },
	{ "vectored", vectored },
	{ "no delegation from M", not_from_m },
	{ "odd jump", odd_jump },
	{ NULL, NULL },
};
