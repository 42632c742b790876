// SPDX-License-Identifier: GPL-2.0-or-later
/* The floating-point unit as the privileged architecture sees it: FS, frm, fflags. */
#include "tests/priv/priv.h"

#define FS_(n) ((u64)(n) << 13)
static double mem_d;

static void fs_set(u64 n)
{
	csr_clear(mstatus, MST_FS);
	csr_set(mstatus, FS_(n));
}

static u64 fs(void) { return csr_read(mstatus) >> 13 & 3; }

/* Instructions of each kind, tried in the mode that calls; bit i: i was illegal */
static u64 each_kind(u64 a, u64 b)
{
	u64 bad = 0, r;
	double *p = &mem_d;

#define KIND(n, text)                  \
	t_clear();                     \
	TRY(text, OUT(r), [p] "r"(p)); \
	if (cpu()->t.cause != ~0ul)    \
		bad |= cpu()->t.cause == C_ILLEGAL ? 1ul << n : 1ul << 63;
	KIND(0, "fld ft0, 0(%[p])")
	KIND(1, "fsd ft0, 0(%[p])")
	KIND(2, "fadd.d ft0, ft0, ft0")
	KIND(3, "fmv.x.d %[o], ft0")
	KIND(4, "fmv.d.x ft0, zero")
	KIND(5, "fcvt.d.l ft0, zero")
	KIND(6, "fcvt.l.d %[o], ft0")
	KIND(7, "feq.d %[o], ft0, ft0")
	KIND(8, "fsgnj.d ft0, ft0, ft0")
	KIND(9, "fclass.d %[o], ft0")
	KIND(10, "frflags %[o]")
	KIND(11, "frcsr %[o]")
	KIND(12, "fsrmi 0")
	KIND(13, "fmadd.s ft0, ft0, ft0, ft0")
	KIND(14, "flw ft0, 0(%[p])")
	KIND(15, "fsw ft0, 0(%[p])")
	return bad;
}

static void off(void)
{
	u64 keep;

	fs_set(0);
	keep = each_kind(0, 0);
	EQ(keep & 0xffff, 0xffff);
	EQ(fs(), 0);
	EQ(run_s(each_kind, 0, 0) & 0xffff, 0xffff);
	EQ(run_u_bare(each_kind, 0, 0) & 0xffff, 0xffff);
	/* and at once after a use */
	fs_set(1);
	EQ(each_kind(0, 0) & 0xffff, 0);
	fs_set(0);
	EQ(each_kind(0, 0) & 0xffff, 0xffff);
	fs_set(1);
	EQ(run_u_bare(each_kind, 0, 0) & 0xffff, 0);
	fs_set(0);
	EQ(run_u_bare(each_kind, 0, 0) & 0xffff, 0xffff);
}

static u64 ill_text(u64 a, u64 b)
{
	t_clear();
	TRY("fadd.d ft0, ft1, ft2", NO_OUT, "r"(0));
	return cpu()->t.tval;
}

static void off_tval(void)
{
	fs_set(0);
	EQ(ill_text(0, 0), 0x0220f053);
	EQ(cpu()->t.cause, C_ILLEGAL);
	fs_set(1);
}

/* Whatever writes FP state makes it dirty; SD follows. */
static void dirty(void)
{
#define DIRTIES(text)                                                                 \
	do {                                                                          \
		for (u64 n = 1; n < 3; n++) {                                         \
			fs_set(n);                                                    \
			asm volatile(text ::[p] "r"(&mem_d) : "ft0", "t0", "memory"); \
			EQ(fs(), 3);                                                  \
			EQ(csr_read(mstatus) >> 63, 1);                               \
			EQ(csr_read(sstatus) >> 63, 1);                               \
		}                                                                     \
	} while (0)
	DIRTIES("fmv.d.x ft0, zero");
	DIRTIES("fld ft0, 0(%[p])");
	DIRTIES("flw ft0, 0(%[p])");
	DIRTIES("fadd.d ft0, ft0, ft0");
	DIRTIES("fcvt.s.w ft0, zero");
	DIRTIES("fsflags zero");
	DIRTIES("fsrmi 1");
	DIRTIES("fscsr zero");
	/* integer instructions do not */
	fs_set(1);
	asm volatile("add t0, t0, t0\n ld t0, 0(%0)" ::"r"(&mem_d) : "t0");
	EQ(fs(), 1);
}

/* Registers and flags survive FS = off. */
static void kept(void)
{
	u64 v, f;

	fs_set(1);
	asm volatile("fmv.d.x fs0, %0\n fmv.d.x fa7, %1\n fsflags %2" ::"r"(0x1234567890abcdef),
		     "r"(77ul), "r"(5ul)
		     : "fs0", "fa7");
	fs_set(0);
	each_kind(0, 0);
	fs_set(2);
	asm volatile("fmv.x.d %0, fs0\n frflags %1" : "=r"(v), "=r"(f));
	EQ(v, 0x1234567890abcdef);
	EQ(f, 5);
	asm volatile("fmv.x.d %0, fa7" : "=r"(v));
	EQ(v, 77);
}

static u64 div_dyn(u64 a, u64 b)
{
	u64 r;

	asm volatile(
		"fcvt.d.l ft0, %1\n fcvt.d.l ft1, %2\n fdiv.d ft2, ft0, ft1, dyn\n fmv.x.d %0, ft2"
		: "=r"(r)
		: "r"(a), "r"(b)
		: "ft0", "ft1", "ft2");
	return r;
}

/* 1/3 and -1/3 (and 2/3, which rounds the other way) in each mode, dynamic and static */
static void modes(void)
{
	static const u64 third[5] = { 0x3fd5555555555555, 0x3fd5555555555555, 0x3fd5555555555555,
				      0x3fd5555555555556, 0x3fd5555555555555 };
	static const u64 minus[5] = { 0xbfd5555555555555, 0xbfd5555555555555, 0xbfd5555555555556,
				      0xbfd5555555555555, 0xbfd5555555555555 };
	static const u64 two[5] = { 0x3fe5555555555555, 0x3fe5555555555555, 0x3fe5555555555555,
				    0x3fe5555555555556, 0x3fe5555555555555 };
	u64 r;

	fs_set(1);
	for (unsigned pass = 0; pass < 3; pass++)
		for (u64 m = 0; m < 5; m++) {
			csr_write(frm, m);
			EQ(csr_read(frm), m);
			EQ(csr_read(fcsr) >> 5, m);
			EQ(div_dyn(1, 3), third[m]);
			EQ(div_dyn((u64)-1, 3), minus[m]);
			EQ(div_dyn(2, 3), two[m]);
			EQ(run_s(div_dyn, 1, 3), third[m]);
			EQ(run_u_bare(div_dyn, (u64)-1, 3), minus[m]);
#define STATIC(rm, i) \
	asm volatile( \
		"li t0, -1\n fcvt.d.l ft0, t0\n li t0, 3\n fcvt.d.l ft1, t0\n " \
		"fdiv.d ft2, ft0, ft1, " rm \
		"\n " \
		"fmv.x.d %0, ft2" \
		: "=r"(r)::"t0", "ft0", "ft1", "ft2"); \
	EQ(r, minus[i]);
			STATIC("rne", 0)
			STATIC("rtz", 1) STATIC("rdn", 2) STATIC("rup", 3) STATIC("rmm", 4)
				/* halves, where rne and rmm part: 2.5 */
				asm volatile(
					"li t0, 5\n fcvt.d.l ft0, t0\n li t0, 2\n "
					"fcvt.d.l ft1, t0\n fdiv.d ft0, ft0, ft1\n"
					" fcvt.l.d %0, ft0, dyn"
					: "=r"(r)::"t0", "ft0", "ft1");
			EQ(r, m == 0 ? 2 : m == 1 ? 2 : m == 2 ? 2 : 3);
		}
	csr_write(frm, 0);
}

static u64 bad_dyn(u64 a, u64 b)
{
	t_clear();
	TRY("fadd.d ft0, ft0, ft0, dyn", NO_OUT, "r"(0));
	return cpu()->t.cause;
}

static u64 static_rm(u64 a, u64 b)
{
	t_clear();
	TRY("fadd.d ft0, ft0, ft0, rtz", NO_OUT, "r"(0));
	return cpu()->t.cause;
}

static u64 no_rm(u64 a, u64 b)
{
	u64 r;

	t_clear();
	TRY("fsgnj.d ft0, ft0, ft0\n feq.d %[o], ft0, ft0\n fmin.d ft0, ft0, ft0\n "
		     "fmv.x.d %[o], ft0\n fclass.d %[o], ft0",
	    OUT(r), "r"(0));
	return cpu()->t.cause;
}

static void bad_modes(void)
{
	fs_set(1);
	for (u64 m = 5; m < 8; m++) {
		csr_write(frm, m);
		EQ(csr_read(frm), m);
		EQ(bad_dyn(0, 0), C_ILLEGAL);
		EQ(cpu()->t.tval, 0x02007053);
		EQ(run_u_bare(bad_dyn, 0, 0), C_ILLEGAL);
		EQ(static_rm(0, 0), ~0ul);
		EQ(no_rm(0, 0), ~0ul);
		csr_write(frm, 0);
		EQ(bad_dyn(0, 0), ~0ul);
	}
	/* static 5 and 6 */
	t_clear();
	TRY(".4byte 0x02005053", NO_OUT, "r"(0));
	EQ(cpu()->t.cause, C_ILLEGAL);
	t_clear();
	TRY(".4byte 0x02006053", NO_OUT, "r"(0));
	EQ(cpu()->t.cause, C_ILLEGAL);
	/* the upper bits of frm and fcsr are not there */
	csr_write(frm, 8);
	EQ(csr_read(frm), 0);
	csr_write(fcsr, ~0ul);
	EQ(csr_read(fcsr), 255);
	csr_write(fcsr, 0);
	csr_write(fflags, ~0ul);
	EQ(csr_read(fflags), 31);
	EQ(csr_read(frm), 0);
	csr_write(fflags, 0);
}

static u64 flags_of(u64 kind, u64 b)
{
	u64 big = 0x7fefffffffffffff, tiny = 0x0010000000000000, nan = 0x7ff0000000000001, r;

	switch (kind) {
	case 0:
		asm volatile("fmv.d.x ft0, zero\n fmv.d.x ft1, %0\n fdiv.d ft0, ft1, ft0" ::"r"(big)
			     : "ft0", "ft1");
		break;                                                                     /* DZ */
	case 1: asm volatile("fmv.d.x ft0, zero\n fdiv.d ft0, ft0, ft0" ::: "ft0"); break; /* NV */
	case 2:
		asm volatile("fmv.d.x ft0, %0\n fadd.d ft0, ft0, ft0" ::"r"(big) : "ft0");
		break; /* OF, NX */
	case 3:
		asm volatile("fmv.d.x ft0, %0\n fmul.d ft0, ft0, ft0" ::"r"(tiny) : "ft0");
		break; /* UF, NX */
	case 4:
		asm volatile(
			"li t0, 1\n fcvt.d.l ft0, t0\n li t0, 3\n fcvt.d.l ft1, t0\n "
			"fdiv.d ft0, ft0, ft1" ::
				: "t0", "ft0", "ft1");
		break; /* NX */
	case 5:
		asm volatile("fmv.d.x ft0, %1\n feq.d %0, ft0, ft0" : "=r"(r) : "r"(nan) : "ft0");
		break; /* NV: signalling */
	case 6:
		asm volatile("fmv.d.x ft0, %1\n flt.d %0, ft0, ft0"
			     : "=r"(r)
			     : "r"(0x7ff8000000000000)
			     : "ft0");
		break; /* NV: quiet, in an ordered comparison */
	case 7:
		asm volatile("fmv.d.x ft0, %1\n fcvt.w.d %0, ft0" : "=r"(r) : "r"(big) : "ft0");
		break; /* NV */
	case 8:
		asm volatile("fmv.d.x ft0, %0\n fcvt.s.d ft0, ft0" ::"r"(big) : "ft0");
		break; /* OF, NX */
	case 9:
		asm volatile("fmv.d.x ft0, %1\n feq.d %0, ft0, ft0"
			     : "=r"(r)
			     : "r"(0x7ff8000000000000)
			     : "ft0");
		break; /* none */
	case 10:
		asm volatile("fmv.d.x ft0, %1\n fcvt.l.d %0, ft0, rtz"
			     : "=r"(r)
			     : "r"(0x3ff8000000000000)
			     : "ft0");
		break; /* NX */
	}
	return 0;
}

static const u8 want_flags[11] = { 8, 16, 5, 3, 1, 16, 16, 16, 5, 0, 1 };

static void accrue(void)
{
	u64 all;

	fs_set(1);
	for (unsigned k = 0; k < 11; k++) {
		csr_write(fflags, 0);
		flags_of(k, 0);
		EQ(csr_read(fflags), want_flags[k]);
		EQ(csr_read(fcsr) & 31, want_flags[k]);
		EQ(csr_read(fflags), want_flags[k]); /* reading clears nothing */
		csr_write(fflags, 0);
		run_u_bare(flags_of, k, 0); /* over a change of mode */
		EQ(csr_read(fflags), want_flags[k]);
		/* they only add up */
		csr_write(fflags, 31 & ~(u64)want_flags[k]);
		flags_of(k, 0);
		EQ(csr_read(fflags), 31);
	}
	csr_write(fflags, 0);
	all = 0;
	for (unsigned k = 0; k < 11; k++) {
		flags_of(k, 0);
		all |= want_flags[k];
		EQ(csr_read(fflags), all);
	}
	/* csrrc of one bit, csrrw */
	csr_clear(fflags, 8);
	EQ(csr_read(fflags), all & ~8ul);
	EQ(csr_swap(fflags, 2), all & ~8ul);
	EQ(csr_read(fflags), 2);
	csr_write(fflags, 0);
}

static void tick(struct frame *f, u64 cause) { *(volatile u64 *)(CLINT + 0x4000) = now() + 300; }

/* Flags and rounding over interrupts */
static void over_interrupts(void)
{
	cpu()->on_irq = tick;
	fs_set(1);
	*(volatile u64 *)(CLINT + 0x4000) = now() + 300;
	csr_write(mie, MTIP);
	csr_set(mstatus, MST_MIE);
	for (unsigned i = 0; i < 2000; i++) {
		unsigned k = i % 11;

		csr_write(frm, i % 5);
		csr_write(fflags, 0);
		flags_of(k, 0);
		EQ(csr_read(fflags), want_flags[k]);
		EQ(csr_read(frm), i % 5);
	}
	csr_clear(mstatus, MST_MIE);
	csr_write(mie, 0);
	*(volatile u64 *)(CLINT + 0x4000) = ~0ul;
	csr_write(frm, 0);
}

/* Single precision lives boxed. */
static void boxing(void)
{
	u64 v;

	fs_set(1);
	asm volatile("fmv.w.x ft0, %1\n fmv.x.d %0, ft0" : "=r"(v) : "r"(0x3f800000) : "ft0");
	EQ(v, 0xffffffff3f800000);
	asm volatile("fmv.d.x ft0, %1\n fadd.s ft1, ft0, ft0\n fmv.x.d %0, ft1"
		     : "=r"(v)
		     : "r"(0x3f800000)
		     : "ft0", "ft1");
	EQ(v, 0xffffffff7fc00000); /* not boxed: a NaN */
	asm volatile("fmv.d.x ft0, %1\n fmv.x.w %0, ft0"
		     : "=r"(v)
		     : "r"(0x1234567880000000)
		     : "ft0");
	EQ(v, 0xffffffff80000000); /* moves do not look */
	asm volatile("fmv.d.x ft0, %1\n fsgnj.s ft1, ft0, ft0\n fmv.x.d %0, ft1"
		     : "=r"(v)
		     : "r"(0x80000000ul)
		     : "ft0", "ft1");
	EQ(v, 0xffffffff7fc00000);
	asm volatile("fmv.d.x ft0, %1\n fsw ft0, 0(%2)\n ld %0, 0(%2)"
		     : "=&r"(v)
		     : "r"(0x1234567880000001), "r"(&mem_d)
		     : "ft0", "memory");
	EQ(v & 0xffffffff, 0x80000001);
	asm volatile("flw ft0, 0(%1)\n fmv.x.d %0, ft0" : "=&r"(v) : "r"(&mem_d) : "ft0", "memory");
	EQ(v, 0xffffffff80000001);
}

const struct test tests[] = {
	{ "off", off },
	{ "off: tval", off_tval },
	{ "dirty", dirty },
	{ "kept", kept },
	{ "rounding modes", modes },
	{ "reserved modes", bad_modes },
	{ "flags", accrue },
	{ "over interrupts", over_interrupts },
	{ "boxing", boxing },
	{ NULL, NULL },
};
