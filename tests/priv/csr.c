// SPDX-License-Identifier: GPL-2.0-or-later
/* Access rules of the CSRs, their views of each other, fields that keep legal values. */
#include "tests/priv/priv.h"

/* One csr instruction, made at run time: cause, or ~0. */
u32 stub_code[4] __attribute__((aligned(64)));

static u64 run_stub(u64 insn, u64 a1)
{
	register u64 r1 asm("a1") = a1, r0 asm("a0") = 0;

	stub_code[0] = (u32)insn;
	stub_code[1] = 0x00008067;
	fence_i();
	t_clear();
	asm volatile(
		"li t5, " STR(TRY_MAGIC) "\n la t6, 9f\n jalr ra, %[c]\n .balign 4\n 9: li t5, 0"
		: "+r"(r0)
		: [c] "r"(stub_code), "r"(r1)
		: "ra", "t5", "t6", "memory");
	return cpu()->t.cause;
}
#define CSRR(n) ((u64)(n) << 20 | 2 << 12 | 10 << 7 | 0x73)            /* csrrs a0, n, x0 */
#define CSRW(n) ((u64)(n) << 20 | 11 << 15 | 1 << 12 | 0x73)           /* csrrw x0, n, a1 */
#define CSRS(n) ((u64)(n) << 20 | 11 << 15 | 2 << 12 | 10 << 7 | 0x73) /* csrrs a0, n, a1 */

static const u16 machine[] = { 0x300, 0x301, 0x302, 0x303, 0x304, 0x305, 0x306, 0x320, 0x340,
			       0x341, 0x342, 0x343, 0x344, 0x3a0, 0x3a2, 0x3b0, 0x3bf, 0xb00,
			       0xb02, 0xb03, 0xb04, 0x323, 0x324, 0xf11, 0xf12, 0xf13, 0xf14 };
static const u16 supervisor[] = { 0x100, 0x104, 0x105, 0x106, 0x140,
				  0x141, 0x142, 0x143, 0x144, 0x180 };
static const u16 nowhere[] = { 0x0c0, 0x1c0, 0x321, 0x345, 0x3a1, 0x3a3, 0x5c0, 0x6c0, 0x7c0,
			       0x800, 0x9c0, 0xbc0, 0xcc0, 0xdc0, 0xec0, 0xfc0, 0x145, 0x101 };
#define N(a) (sizeof(a) / sizeof(*(a)))

static u64 try_read(u64 n, u64 b)
{
	u64 c = run_stub(CSRR(n), 0);

	return c == C_ILLEGAL && cpu()->t.tval != CSRR(n) ? 0xbad : c;
}
static u64 try_write(u64 n, u64 v) { return run_stub(CSRW(n), v); }
static u64 try_set(u64 n, u64 v) { return run_stub(CSRS(n), v); }

static void who_may(void)
{
	for (unsigned i = 0; i < N(machine); i++) {
		EQ(try_read(machine[i], 0), ~0ul);
		EQ(run_s(try_read, machine[i], 0), C_ILLEGAL);
		EQ(run_u_bare(try_read, machine[i], 0), C_ILLEGAL);
		EQ(run_s(try_write, machine[i], 0), C_ILLEGAL);
	}
	for (unsigned i = 0; i < N(supervisor); i++) {
		EQ(try_read(supervisor[i], 0), ~0ul);
		EQ(run_s(try_read, supervisor[i], 0), ~0ul);
		EQ(run_u_bare(try_read, supervisor[i], 0), C_ILLEGAL);
		EQ(run_u_bare(try_write, supervisor[i], 0), C_ILLEGAL);
	}
	for (unsigned i = 0; i < N(nowhere); i++) {
		EQ(try_read(nowhere[i], 0), C_ILLEGAL);
		EQ(try_write(nowhere[i], 0), C_ILLEGAL);
	}
}

static void read_only(void)
{
	static const u16 ro[] = { 0xf11, 0xf12, 0xf13, 0xf14, 0xc00, 0xc01, 0xc02, 0xc03 };

	for (unsigned i = 0; i < N(ro); i++) {
		EQ(try_read(ro[i], 0), ~0ul);
		EQ(try_write(ro[i], 0), C_ILLEGAL);
		/* rs1 is not x0: a write, whatever it holds */
		EQ(try_set(ro[i], 0), C_ILLEGAL);
	}
}

static u64 mask_of(u64 n, u64 counters)
{
	u64 r = 0;

	for (unsigned i = 0; i < 4; i++)
		r |= (u64)(try_read(0xc00 + i, 0) == ~0ul) << i;
	return r;
}

static void counters_enable(void)
{
	for (u64 m = 0; m < 16; m++)
		for (u64 s = 0; s < 16; s++) {
			csr_write(mcounteren, m);
			csr_write(scounteren, s);
			/* hpmcounter3 may be absent altogether */
			u64 there = 7 | (csr_read(mcounteren) & 8);
			u64 seen_s = run_s(mask_of, 0, 0), seen_u = run_u_bare(mask_of, 0, 0);

			EQ(mask_of(0, 0) & 7, 7);
			EQ(seen_s & there, m & there);
			EQ(seen_u & there, m & s & there);
		}
}

static void counters(void)
{
	u64 a, b, t, c;

	a = csr_read(time);
	b = now();
	for (c = 0; c < 1000; c++) {
		t = csr_read(time);
		OK(t >= a);
		a = t;
	}
	OK(now() >= b);
	OK(csr_read(time) - now() + 10000000 < 20000000);
	a = csr_read(cycle);
	b = csr_read(instret);
	for (volatile int i = 0; i < 10000; i++)
		;
	OK(csr_read(cycle) > a);
	OK(csr_read(instret) > b);
	csr_write(mcycle, 1ul << 60);
	OK(csr_read(mcycle) >= 1ul << 60 && csr_read(mcycle) < (1ul << 60) + (1ul << 50));
	OK(csr_read(cycle) >= 1ul << 60);
	csr_write(mcountinhibit, 5);
	EQ(csr_read(mcountinhibit) & 7, 5);
	csr_write(mcycle, 1234);
	csr_write(minstret, 99);
	for (volatile int i = 0; i < 1000; i++)
		;
	EQ(csr_read(mcycle), 1234);
	EQ(csr_read(cycle), 1234);
	EQ(csr_read(minstret), 99);
	csr_write(mcountinhibit, 0);
	for (volatile int i = 0; i < 1000; i++)
		;
	OK(csr_read(mcycle) > 1234);
}

static void status_views(void)
{
	u64 m, s;

	csr_write(mstatus, ~0ul);
	m = csr_read(mstatus);
	s = csr_read(sstatus);
	EQ(m & (MST_MIE | MST_MPIE | MST_MPP | MST_TVM | MST_TW | MST_TSR | MST_MPRV | MST_FS),
	   MST_MIE | MST_MPIE | MST_MPP | MST_TVM | MST_TW | MST_TSR | MST_MPRV | MST_FS);
	EQ(s & (MST_MIE | MST_MPIE | MST_MPP | MST_TVM | MST_TW | MST_TSR | MST_MPRV), 0);
	EQ(s & (MST_SIE | MST_SPIE | MST_SPP | MST_SUM | MST_MXR | MST_FS | MST_SD),
	   MST_SIE | MST_SPIE | MST_SPP | MST_SUM | MST_MXR | MST_FS | MST_SD);
	EQ(m >> 32 & 15, 10); /* SXL, UXL: 64 */
	EQ(s >> 32 & 15, 2);
	csr_write(mstatus, 0);
	EQ(csr_read(mstatus) & ~(15ul << 32), 0);
	EQ(csr_read(sstatus) & ~(3ul << 32), 0);
	csr_write(sstatus, ~0ul);
	EQ(csr_read(mstatus) &
		   (MST_MIE | MST_MPIE | MST_MPP | MST_TVM | MST_TW | MST_TSR | MST_MPRV),
	   0);
	csr_write(mstatus, 0);
	for (u64 fs = 0; fs < 4; fs++) {
		csr_write(mstatus, fs << 13);
		EQ(csr_read(mstatus) >> 63, fs == 3);
		EQ(csr_read(mstatus) >> 13 & 3, fs);
		EQ(csr_read(sstatus) >> 63, fs == 3);
	}
}

static u64 s_sip(u64 v, u64 b)
{
	csr_write(sip, v);
	return csr_read(sip);
}
static u64 s_sie(u64 v, u64 b)
{
	csr_write(sie, v);
	return csr_read(sie);
}
static u64 s_sip_set(u64 v, u64 b)
{
	csr_set(sip, v);
	return csr_read(sip);
}

static void interrupt_views(void)
{
	csr_write(mideleg, ~0ul);
	EQ(csr_read(mideleg) & 0xaaa, SSIP | STIP | SEIP);
	csr_write(mie, ~0ul);
	EQ(csr_read(mie) & 0xaaa, 0xaaa);
	csr_write(mie, 0);
	for (u64 d = 0; d < 8; d++) {
		u64 deleg = (d & 1 ? SSIP : 0) | (d & 2 ? STIP : 0) | (d & 4 ? SEIP : 0);

		csr_write(mideleg, deleg);
		csr_write(mie, 0xaaa);
		csr_set(mip, SSIP | STIP | SEIP);
		EQ(csr_read(mip) & 0xaaa, SSIP | STIP | SEIP);
		EQ(csr_read(sie), deleg);
		EQ(csr_read(sip), deleg);
		csr_write(mie, deleg); /* the others would be taken */
		/* S changes what is delegated only; of pending bits SSIP only */
		EQ(run_s(s_sie, 0, 0), 0);
		EQ(csr_read(mie), 0);
		EQ(run_s(s_sie, ~0ul, 0), deleg);
		EQ(csr_read(mie), deleg);
		EQ(run_s(s_sip, 0, 0), deleg & ~SSIP);
		EQ(csr_read(mip) & SSIP, d & 1 ? 0 : SSIP);
		EQ(run_s(s_sip_set, SSIP, 0), deleg);
		EQ(csr_read(mip) & SSIP, SSIP);
		csr_clear(mip, 0xaaa);
		csr_write(mie, 0);
	}
	/* M's own bits are not software's */
	csr_write(mip, ~0ul);
	EQ(csr_read(mip) & (MSIP | MTIP | MEIP), 0);
	csr_write(mip, 0);
	EQ(csr_read(mip) & (SSIP | STIP | SEIP), 0);
}

static void warl(void)
{
	csr_write(medeleg, ~0ul);
	EQ(csr_read(medeleg) & (1 << C_ECALLM), 0);
	EQ(csr_read(medeleg) & 0xb1ff, 0xb1ff);
	csr_write(medeleg, 0);
	EQ(csr_read(misa) >> 62, 2);
	EQ(csr_read(misa) & 0x14112d, 0x14112d); /* A C D F I M S U */
}

static void envcfg(void)
{
	u64 v;

	if (csr_read(marchid))
		return; /* which bits there are is ours to say */
	csr_write(0x30a, ~0ul);
	v = csr_read(0x30a);
	EQ(v & 1, 1);
	EQ(v & ENV_CBZE, ENV_CBZE);
	EQ(v & ENV_CBCFE, ENV_CBCFE);
	EQ(v & ENV_STCE, ENV_STCE);
	EQ(v & ENV_PBMTE, ENV_PBMTE);
	EQ(v & ENV_ADUE, ENV_ADUE);
	EQ(v & ~(1 | ENV_CBIE | ENV_CBCFE | ENV_CBZE | ENV_ADUE | ENV_PBMTE | ENV_STCE), 0);
	csr_write(0x30a, 2 << 4); /* reserved */
	OK((csr_read(0x30a) >> 4 & 3) != 2);
	csr_write(0x10a, ~0ul);
	EQ(csr_read(0x10a) & ~(1 | ENV_CBIE | ENV_CBCFE | ENV_CBZE), 0);
	csr_write(0x10a, 0);
	csr_write(0x30a, 0);
}

/* rd and rs1 the same register, rd = x0, immediates */
static void forms(void)
{
	u64 a = 0x1234, b, c;

	csr_write(mscratch, csr_read(mscratch));
	b = csr_swap(sscratch, 0x55);
	asm volatile("csrrw %0, sscratch, %0" : "+r"(a));
	EQ(a, 0x55);
	EQ(csr_read(sscratch), 0x1234);
	a = 0xff00;
	asm volatile("csrrs %0, sscratch, %0" : "+r"(a));
	EQ(a, 0x1234);
	EQ(csr_read(sscratch), 0xff34);
	a = 0xf000;
	asm volatile("csrrc %0, sscratch, %0" : "+r"(a));
	EQ(a, 0xff34);
	EQ(csr_read(sscratch), 0x0f34);
	asm volatile("csrrwi %0, sscratch, 31\n csrrsi %1, sscratch, 0" : "=r"(a), "=r"(c));
	EQ(a, 0x0f34);
	EQ(c, 31);
	asm volatile("csrrci %0, sscratch, 6\n csrr %1, sscratch" : "=r"(a), "=r"(c));
	EQ(a, 31);
	EQ(c, 25);
	asm volatile("csrrwi x0, sscratch, 0\n csrr %0, sscratch" : "=r"(c));
	EQ(c, 0);
	csr_write(sscratch, b);
	/* the same through a CSR that has a function: mie */
	csr_write(mie, 0);
	a = MSIP;
	asm volatile("csrrs %0, mie, %0" : "+r"(a));
	EQ(a, 0);
	a = MSIP | MTIP;
	asm volatile("csrrw %0, mie, %0" : "+r"(a));
	EQ(a, MSIP);
	asm volatile("csrrci %0, mie, 8" : "=r"(a));
	EQ(a, MSIP | MTIP);
	EQ(csr_read(mie), MTIP);
	csr_write(mie, 0);
}

static u64 fp_csrs(u64 a, u64 b)
{
	return (try_read(1, 0) == ~0ul) | (try_read(2, 0) == ~0ul) << 1 |
	       (try_read(3, 0) == ~0ul) << 2 | (try_write(3, 0) == ~0ul) << 3;
}

static void fp_off(void)
{
	csr_clear(mstatus, MST_FS);
	EQ(fp_csrs(0, 0), 0);
	EQ(run_s(fp_csrs, 0, 0), 0);
	EQ(run_u_bare(fp_csrs, 0, 0), 0);
	EQ(csr_read(mstatus) & MST_FS, 0);
	csr_set(mstatus, 1 << 13);
	EQ(fp_csrs(0, 0), 15);
	EQ(run_u_bare(fp_csrs, 0, 0), 15);
	EQ(csr_read(mstatus) & MST_FS, MST_FS); /* fcsr was written */
}

/* stimecmp: only with mcounteren.TM and menvcfg.STCE from S */
static void stimecmp(void)
{
	csr_write(0x30a, ENV_STCE);
	if (!(csr_read(0x30a) & ENV_STCE)) {
		absent("Sstc");
		return;
	}
	csr_write(mcounteren, 7);
	EQ(run_s(try_read, STIMECMP, 0), ~0ul);
	EQ(run_u_bare(try_read, STIMECMP, 0), C_ILLEGAL);
	EQ(run_s(try_write, STIMECMP, ~0ul), ~0ul);
	csr_write(mcounteren, 5);
	EQ(run_s(try_read, STIMECMP, 0), C_ILLEGAL);
	EQ(run_s(try_write, STIMECMP, ~0ul), C_ILLEGAL);
	EQ(try_read(STIMECMP, 0), ~0ul);
	csr_write(mcounteren, 7);
	csr_write(0x30a, 0);
	EQ(run_s(try_read, STIMECMP, 0), C_ILLEGAL);
	EQ(try_read(STIMECMP, 0), ~0ul);
	/* with STCE, mip.STIP is the comparison */
	csr_write(STIMECMP, ~0ul);
	csr_write(0x30a, ENV_STCE);
	EQ(csr_read(mip) & STIP, 0);
	csr_set(mip, STIP);
	EQ(csr_read(mip) & STIP, 0);
	csr_write(STIMECMP, 0);
	EQ(csr_read(mip) & STIP, STIP);
	csr_clear(mip, STIP);
	EQ(csr_read(mip) & STIP, STIP);
	csr_write(STIMECMP, ~0ul);
	EQ(csr_read(mip) & STIP, 0);
	csr_write(0x30a, 0);
	/* without it, software's */
	csr_set(mip, STIP);
	EQ(csr_read(mip) & STIP, STIP);
	csr_clear(mip, STIP);
	EQ(csr_read(mip) & STIP, 0);
}

const struct test tests[] = {
	{ "who may", who_may },
	{ "read-only", read_only },
	{ "counter enables", counters_enable },
	{ "counters", counters },
	{ "mstatus and sstatus", status_views },
	{ "interrupt views", interrupt_views },
	{ "WARL", warl },
	{ "envcfg", envcfg },
	{ "forms", forms },
	{ "fcsr with FS off", fp_off },
	{ "stimecmp", stimecmp },
	{ NULL, NULL },
};
