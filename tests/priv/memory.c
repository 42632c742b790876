// SPDX-License-Identifier: GPL-2.0-or-later
/* Misaligned accesses, atomics, reservations, device faults, cache-block operations. */
#include "tests/priv/priv.h"

#define VA 0x1000000000ul
static struct space sp;
static u8 *two; /* two pages that are not neighbours elsewhere; VA maps both */
static u8 buf[4096] __attribute__((aligned(4096)));

#define ACCESS(name, insn)                                      \
	static u64 ld_##name(u64 a, u64 b)                      \
	{                                                       \
		u64 r = 0;                                      \
		t_clear();                                      \
		TRY(insn " %[o], 0(%[a])", OUT(r), [a] "r"(a)); \
		return r;                                       \
	}
ACCESS(b, "lb")
ACCESS(bu, "lbu")
ACCESS(h, "lh") ACCESS(hu, "lhu") ACCESS(w, "lw") ACCESS(wu, "lwu") ACCESS(d, "ld")
#define STORE(name, insn)                                                   \
	static u64 st_##name(u64 a, u64 v)                                  \
	{                                                                   \
		t_clear();                                                  \
		TRY(insn " %[v], 0(%[a])", NO_OUT, [a] "r"(a), [v] "r"(v)); \
		return cpu()->t.cause;                                      \
	}
	STORE(b, "sb") STORE(h, "sh") STORE(w, "sw") STORE(d, "sd")

		static u64 bytes(const u8 *p, unsigned n)
{
	u64 v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static u64 sx(u64 v, unsigned n) { return (u64)((int64_t)(v << (64 - 8 * n)) >> (64 - 8 * n)); }

static void misaligned_at(u8 *p, u64 va, u64 (*run)(void *, u64, u64))
{
	for (unsigned i = 0; i < 24; i++)
		p[i] = (u8)(0x80 + 37 * i);
	for (unsigned o = 0; o < 8; o++) {
		EQ(run(ld_h, va + o, 0), sx(bytes(p + o, 2), 2));
		EQ(run(ld_hu, va + o, 0), bytes(p + o, 2));
		EQ(run(ld_w, va + o, 0), sx(bytes(p + o, 4), 4));
		EQ(run(ld_wu, va + o, 0), bytes(p + o, 4));
		EQ(run(ld_d, va + o, 0), bytes(p + o, 8));
		EQ(run(ld_b, va + o, 0), sx(p[o], 1));
		EQ(run(ld_bu, va + o, 0), p[o]);
	}
	for (unsigned o = 0; o < 8; o++) {
		run(st_d, va + o, 0x1122334455667788);
		EQ(bytes(p + o, 8), 0x1122334455667788);
		run(st_w, va + o, 0xdeadbeef);
		EQ(bytes(p + o, 8), 0x11223344deadbeef);
		run(st_h, va + o, 0xabcd);
		EQ(bytes(p + o, 8), 0x11223344deadabcd);
		run(st_b, va + o, 0x42);
		EQ(bytes(p + o, 8), 0x11223344deadab42);
	}
}

static u64 here(void *fn, u64 a, u64 b) { return ((u64(*)(u64, u64))fn)(a, b); }

static void misaligned(void)
{
	misaligned_at(buf, (u64)buf, here);
	misaligned_at(buf + 4070, (u64)buf + 4070, here);
}

static void paged(void)
{
	space_new(&sp, SV39, 1);
	two = page_alloc();
	page_alloc();
	page_alloc();
	/* VA: the page at +8192, then that at 0: what crosses must not run on in the host */
	map(&sp, VA, (u64)two + 8192, 0, RW);
	map(&sp, VA + PAGE, (u64)two, 0, RW);
	set_satp(&sp);
	sfence();
}

static void across_pages(void)
{
	paged();
	for (unsigned n = 2; n <= 8; n *= 2)
		for (unsigned o = 1; o < n; o++) {
			u64 va = VA + PAGE - o, want = 0;

			for (unsigned i = 0; i < 8; i++) {
				two[8192 + 4096 - 8 + i] = (u8)(0x90 + i);
				two[i] = (u8)(0xc0 + i);
			}
			for (unsigned i = 0; i < n; i++)
				want |= (u64)(i < o ? two[8192 + 4096 - o + i] : two[i - o])
					<< 8 * i;
			EQ(run_s(n == 2 ? ld_hu : n == 4 ? ld_wu : ld_d, va, 0), want);
			EQ(run_s(n == 2 ? ld_h : n == 4 ? ld_w : ld_d, va, 0), sx(want, n));
			run_s(n == 2 ? st_h : n == 4 ? st_w : st_d, va, 0x0102030405060708);
			EQ(cpu()->t.cause, ~0ul);
			for (unsigned i = 0; i < n; i++)
				EQ(i < o ? two[8192 + 4096 - o + i] : two[i - o],
				   (0x0102030405060708ul >> 8 * i) & 255);
			EQ(two[8192 + 4096 - o - 1], o < 8 ? 0x90 + 7 - o : 0);
			EQ(two[n - o], 0xc0 + n - o);
		}
}

/* The second page, or the first, is missing: its address in tval, nothing written. */
static void across_faults(void)
{
	paged();
	for (unsigned which = 0; which < 2; which++)
		for (unsigned kind = 0; kind < 3; kind++) {
			u64 *e = pte_at(&sp, VA + which * PAGE, 0), keep = *e;
			u64 bad = which ? VA + PAGE : VA + PAGE - 3;

			*e = kind == 0 ? 0 : kind == 1 ? keep & ~(u64)PTE_W : PPN(NOTHING) | RW;
			sfence();
			for (unsigned i = 0; i < 8; i++)
				two[8192 + 4096 - 8 + i] = two[i] = 0x55;
			for (unsigned warm = 0; warm < 2; warm++) {
				EQ(run_s(st_d, VA + PAGE - 3, ~0ul),
				   kind == 2 ? C_SACCESS : C_SPAGE);
				EQ(cpu()->t.tval, bad);
				EQ(run_s(st_w, VA + PAGE - 3, ~0ul),
				   kind == 2 ? C_SACCESS : C_SPAGE);
				for (unsigned i = 0; i < 8; i++) {
					if (kind == 2 && csr_read(marchid))
						continue; /* not even this is promised */
					EQ(two[8192 + 4096 - 8 + i], 0x55);
					EQ(two[i], 0x55);
				}
				run_s(ld_d, VA + PAGE - 3, 0);
				EQ(cpu()->t.cause, kind == 0 ? C_LPAGE :
						   kind == 1 ? ~0ul :
							       C_LACCESS);
				if (kind != 1)
					EQ(cpu()->t.tval, bad);
			}
			*e = keep;
			sfence();
		}
}

static void devices(void)
{
	EQ(try_load(NOTHING, NULL), C_LACCESS);
	EQ(cpu()->t.tval, NOTHING);
	EQ(try_store(NOTHING, 0), C_SACCESS);
	EQ(try_exec(NOTHING), C_FACCESS);
	EQ(cpu()->t.tval, NOTHING);
	EQ(cpu()->t.epc, NOTHING);
	EQ(try_load(1ul << 55, NULL), C_LACCESS);
	EQ(try_store(1ul << 40, 0), C_SACCESS);
	EQ(try_exec(1ul << 40), C_FACCESS);
	if (!csr_read(marchid)) {
		EQ(try_load(1ul << 60, NULL), C_LACCESS);
		EQ(try_exec(1ul << 60), C_FACCESS);
		EQ(try_exec(UART), C_FACCESS);
	}
	OK((ld_bu(UART + 5, 0) & 0x60) == 0x60);
	EQ(cpu()->t.cause, ~0ul);
	/* a loop of device accesses, each a slow one, between ordinary ones */
	for (unsigned i = 0; i < 1000; i++) {
		buf[i & 255] = (u8)i;
		*(volatile u32 *)(CLINT + 0x4000) = i;
		EQ(*(volatile u32 *)(CLINT + 0x4000), i);
		EQ(buf[i & 255], (u8)i);
	}
	*(volatile u64 *)(CLINT + 0x4000) = ~0ul;
}

/* --- atomics --- */

#define AMO(op)                                                                                  \
	static u64 op##_w(u64 *p, u64 v)                                                         \
	{                                                                                        \
		u64 o;                                                                           \
		asm volatile(#op ".w %0, %2, (%1)" : "=&r"(o) : "r"(p), "r"(v) : "memory");      \
		return o;                                                                        \
	}                                                                                        \
	static u64 op##_d(u64 *p, u64 v)                                                         \
	{                                                                                        \
		u64 o;                                                                           \
		asm volatile(#op ".d.aqrl %0, %2, (%1)" : "=&r"(o) : "r"(p), "r"(v) : "memory"); \
		return o;                                                                        \
	}                                                                                        \
	static u64 op##_wt(u64 p, u64 v)                                                         \
	{                                                                                        \
		u64 o;                                                                           \
		t_clear();                                                                       \
		TRY(#op ".w %[o], %[v], (%[a])", OUT(o), [a] "r"(p), [v] "r"(v));                \
		return cpu()->t.cause;                                                           \
	}                                                                                        \
	static u64 op##_dt(u64 p, u64 v)                                                         \
	{                                                                                        \
		u64 o;                                                                           \
		t_clear();                                                                       \
		TRY(#op ".d %[o], %[v], (%[a])", OUT(o), [a] "r"(p), [v] "r"(v));                \
		return cpu()->t.cause;                                                           \
	}
AMO(amoswap)
AMO(amoadd)
AMO(amoxor) AMO(amoand) AMO(amoor) AMO(amomin) AMO(amomax) AMO(amominu) AMO(amomaxu) static const
	struct {
	u64 (*w)(u64 *, u64), (*d)(u64 *, u64);
	u64 (*wt)(u64, u64), (*dt)(u64, u64);
} amos[] = {
#define ROW(op)                                  \
	{                                        \
		op##_w, op##_d, op##_wt, op##_dt \
	}
	ROW(amoswap), ROW(amoadd), ROW(amoxor),  ROW(amoand), ROW(amoor),
	ROW(amomin),  ROW(amomax), ROW(amominu), ROW(amomaxu)
};

static u64 model(unsigned op, u64 m, u64 v, bool w)
{
	int64_t ms = w ? (int32_t)m : (int64_t)m, vs = w ? (int32_t)v : (int64_t)v;
	u64 mu = w ? (u32)m : m, vu = w ? (u32)v : v;

	switch (op) {
	case 0: return v;
	case 1: return m + v;
	case 2: return m ^ v;
	case 3: return m & v;
	case 4: return m | v;
	case 5: return ms < vs ? m : v;
	case 6: return ms > vs ? m : v;
	case 7: return mu < vu ? m : v;
	default: return mu > vu ? m : v;
	}
}

static void atomics(void)
{
	static const u64 vals[] = { 0,
				    1,
				    ~0ul,
				    0x7fffffff,
				    0x80000000,
				    0xffffffff,
				    0x7ffffffffffffffful,
				    1ul << 63,
				    0x123456789abcdef0 };
	u64 cell[2];

	for (unsigned op = 0; op < 9; op++)
		for (unsigned i = 0; i < 9; i++)
			for (unsigned j = 0; j < 9; j++) {
				cell[0] = vals[i];
				EQ(amos[op].d(cell, vals[j]), vals[i]);
				EQ(cell[0], model(op, vals[i], vals[j], false));
				cell[0] = vals[i];
				EQ(amos[op].w(cell, vals[j]), sx(vals[i], 4));
				EQ(cell[0], (vals[i] & 0xffffffff00000000) |
						    (u32)model(op, vals[i], vals[j], true));
			}
}

static void atomic_faults(void)
{
	paged();
	for (unsigned op = 0; op < 9; op++) {
		for (unsigned o = 1; o < 8; o++) {
			u64 c = amos[op].dt((u64)buf + o, 1);

			/* the alignment exception or, as also allowed, an access fault */
			OK(c == C_SALIGN || c == C_SACCESS);
			EQ(cpu()->t.tval, (u64)buf + o);
			if (o & 3)
				OK(amos[op].wt((u64)buf + o, 1) == C_SALIGN ||
				   cpu()->t.cause == C_SACCESS);
		}
		EQ(amos[op].wt((u64)buf + 4, 1), ~0ul);
		EQ(run_s(amos[op].dt, VA + 2 * PAGE, 1),
		   C_SPAGE); /* also when only reading were missing */
		EQ(cpu()->t.tval, VA + 2 * PAGE);
		*pte_at(&sp, VA, 0) = PPN(two) | PTE_V | PTE_R | PTE_A | PTE_D;
		sfence();
		EQ(run_s(amos[op].wt, VA, 1), C_SPAGE);
		EQ(run_s(amos[op].dt, VA + 8, 1), C_SPAGE);
		EQ(run_s(ld_d, VA, 0), *(u64 *)two);
	}
}

/* --- reservations --- */

static u64 lr_d(u64 *p)
{
	u64 v;
	asm volatile("lr.d %0, (%1)" : "=r"(v) : "r"(p) : "memory");
	return v;
}
static u64 lr_w(void *p)
{
	u64 v;
	asm volatile("lr.w %0, (%1)" : "=r"(v) : "r"(p) : "memory");
	return v;
}
static u64 sc_d(u64 *p, u64 n)
{
	u64 r;
	asm volatile("sc.d %0, %2, (%1)" : "=&r"(r) : "r"(p), "r"(n) : "memory");
	return r;
}
static u64 sc_w(void *p, u64 n)
{
	u64 r;
	asm volatile("sc.w %0, %2, (%1)" : "=&r"(r) : "r"(p), "r"(n) : "memory");
	return r;
}

static void reservations(void)
{
	static u64 a[16] __attribute__((aligned(64)));

	for (unsigned i = 0; i < 100; i++) {
		a[0] = 0x8000000100000000ul + i;
		EQ(lr_d(a), a[0]);
		EQ(sc_d(a, 7), 0);
		EQ(a[0], 7);
		EQ(sc_d(a, 8), 1); /* it was used up */
		EQ(a[0], 7);
		a[0] = 0xffffffff80000001;
		EQ(lr_w(a), 0xffffffff80000001);
		EQ(sc_w(a, 0x55), 0);
		EQ(a[0], 0xffffffff00000055);
		EQ(lr_w((u32 *)a + 1), ~0ul);
		EQ(sc_w((u32 *)a + 1, 0x66), 0);
		EQ(a[0], 0x0000006600000055);
		/* another address */
		lr_d(a);
		OK(sc_d(a + 8, 1) != 0);
		EQ(a[8], 0);
		OK(sc_d(a, 9) != 0); /* whatever an sc does, it ends the reservation */
		EQ(a[0], 0x0000006600000055);
		/* no lr at all */
		OK(sc_d(a, 1) != 0);
		/* changed in between by this hart: by the value rule it fails */
		lr_d(a);
		*(volatile u64 *)a = 3;
		if (!csr_read(marchid))
			OK(sc_d(a, 4) != 0);
		else
			sc_d(a, 3);
		EQ(a[0], 3);
	}
}

static u64 do_ecall(u64 a, u64 b)
{
	t_clear();
	TRY("li a7, 0\n ecall", NO_OUT, "r"(0));
	return 0;
}

static void reservation_over_trap(void)
{
	static u64 a;

	lr_d(&a);
	do_ecall(0, 0);
	if (!csr_read(marchid)) { /* allowed to succeed, but a task switch may hide in a trap */
		OK(sc_d(&a, 1) != 0);
		EQ(a, 0);
	}
	lr_d(&a);
	m_call(do_ecall, 0, 0);
	if (!csr_read(marchid))
		OK(sc_d(&a, 1) != 0);
}

static u64 sc_try(u64 p, u64 lr)
{
	u64 r = 9;

	t_clear();
	TRY("beqz %[l], 1f\n lr.w t0, (%[a])\n 1: sc.w %[o], zero, (%[a])",
	    OUT(r), [a] "r"(p), [l] "r"(lr));
	return r;
}

static u64 lr_try(u64 p, u64 b)
{
	u64 r = 9;

	t_clear();
	TRY("lr.w %[o], (%[a])", OUT(r), [a] "r"(p));
	return cpu()->t.cause;
}

static u64 lrd_try(u64 p, u64 b)
{
	u64 r = 9;

	t_clear();
	TRY("lr.d %[o], (%[a])", OUT(r), [a] "r"(p));
	return cpu()->t.cause;
}

static void reservation_faults(void)
{
	u64 c;

	paged();
	for (unsigned o = 1; o < 4; o++) {
		c = lr_try((u64)buf + o, 0);
		OK(c == C_LALIGN || c == C_LACCESS);
		sc_try((u64)buf + o, 0);
		OK(cpu()->t.cause == C_SALIGN || cpu()->t.cause == C_SACCESS);
	}
	c = lrd_try((u64)buf + 4, 0);
	OK(c == C_LALIGN || c == C_LACCESS);
	EQ(run_s(lr_try, VA + 2 * PAGE, 0), C_LPAGE);
	*pte_at(&sp, VA, 0) = PPN(two) | PTE_V | PTE_R | PTE_A | PTE_D;
	sfence();
	EQ(run_s(lr_try, VA, 0), ~0ul);
	run_s(sc_try, VA, 1);
	EQ(cpu()->t.cause, C_SPAGE);
	EQ(cpu()->t.tval, VA);
	OK(lr_try(NOTHING, 0) == C_LACCESS);
}

/* --- cache blocks --- */

static u64 cbo(u64 va, u64 kind)
{
	register u64 a asm("a0") = va;

	t_clear();
	switch (kind) {
	case 0: TRY(".4byte 0x0005200f", NO_OUT, "r"(a)); break;  /* inval */
	case 1: TRY(".4byte 0x0015200f", NO_OUT, "r"(a)); break;  /* clean */
	case 2: TRY(".4byte 0x0025200f", NO_OUT, "r"(a)); break;  /* flush */
	default: TRY(".4byte 0x0045200f", NO_OUT, "r"(a)); break; /* zero */
	}
	return cpu()->t.cause;
}

static void cache_blocks(void)
{
	if (cbo((u64)buf, 1) == C_ILLEGAL) {
		absent("Zicbom");
		return;
	}
	for (unsigned i = 0; i < 256; i++)
		buf[i] = 0xaa;
	EQ(cbo((u64)buf + 100, 3), ~0ul);
	for (unsigned i = 0; i < 256; i++)
		EQ(buf[i], i >= 64 && i < 128 ? 0 : 0xaa);
	for (unsigned k = 0; k < 3; k++)
		EQ(cbo((u64)buf, k), ~0ul);
	EQ(buf[0], 0xaa);
	/* what menvcfg and senvcfg allow below M */
	for (unsigned m = 0; m < 8; m++)
		for (unsigned s = 0; s < 8; s++) {
			u64 env_m = (m & 1 ? ENV_CBIE : 0) | (m & 2 ? ENV_CBCFE : 0) |
				    (m & 4 ? ENV_CBZE : 0);
			u64 env_s = (s & 1 ? ENV_CBIE : 0) | (s & 2 ? ENV_CBCFE : 0) |
				    (s & 4 ? ENV_CBZE : 0);

			csr_write(0x30a, env_m);
			csr_write(0x10a, env_s);
			for (unsigned k = 0; k < 4; k++) {
				unsigned bit = k == 0 ? 1 : k == 3 ? 4 : 2;

				EQ(run_s(cbo, (u64)buf, k), m & bit ? ~0ul : C_ILLEGAL);
				EQ(run_u_bare(cbo, (u64)buf, k), m & s & bit ? ~0ul : C_ILLEGAL);
				EQ(cbo((u64)buf, k), ~0ul);
			}
		}
	csr_write(0x30a, ENV_CBIE | ENV_CBCFE | ENV_CBZE);
	paged();
	for (unsigned k = 0; k < 4; k++) {
		EQ(run_s(cbo, VA + 2 * PAGE + 8, k), C_SPAGE);
		EQ(cpu()->t.tval & ~63ul, VA + 2 * PAGE);
	}
	*pte_at(&sp, VA, 0) = PPN(two) | PTE_V | PTE_R | PTE_A | PTE_D;
	sfence();
	EQ(run_s(cbo, VA, 3), C_SPAGE);
	EQ(run_s(cbo, VA, 1), ~0ul);
	csr_write(0x10a, 0);
}

/* fences and hints do nothing harmful */
static void hints(void)
{
	asm volatile(
		"fence\n fence rw, w\n .4byte 0x8330000f\n "
		".4byte 0x0100000f\n" /* fence.tso, pause */
		".4byte 0x00006013\n .4byte 0x00106013\n "
		".4byte 0x00306013\n" /* prefetch.i, .r, .w (x0) */
		"lui x0, 1\n slli x0, x0, 1\n addi x0, x1, 0" ::
			: "memory");
}

const struct test tests[] = {
	{ "misaligned", misaligned },
	{ "across pages", across_pages },
	{ "across pages with faults", across_faults },
	{ "devices", devices },
	{ "AMOs", atomics },
	{ "AMO faults", atomic_faults },
	{ "reservations", reservations },
	{ "reservation over a trap", reservation_over_trap },
	{ "reservation faults", reservation_faults },
	{ "cache blocks", cache_blocks },
	{ "hints", hints },
	{ NULL, NULL },
};
