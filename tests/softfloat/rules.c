/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What neither MPFR nor an x86 can be asked: Arm's NaN and flushing rules,
 * the minimum and maximum families, classification.  Expectations are
 * written out from the manuals.
 */
#include "tests/softfloat/formats.h"

#include <stdio.h>

static unsigned long checks, failures;

static void expect(const char *what, int width, u128 got, u128 want,
		   unsigned int got_flags, unsigned int want_flags)
{
	checks++;
	if (got == want && got_flags == want_flags)
		return;
	failures++;
	printf("f%d %s: got %s flags %02x, want %s flags %02x\n", width, what,
	       test_hex(got), got_flags, test_hex(want), want_flags);
}

/* The values the tables below speak of, in one format. */
struct values {
	const struct fmt *f;
	u128 zero, one, two, inf, sub, min_normal;
	u128 q1, q2, s1, s2;	/* NaNs with payloads; q2 and s2 negative */
	u128 s1q, s2q;		/* those two quieted */
	u128 def;		/* default NaN */
	u128 sign;
};

static struct values values_of(const struct fmt *f)
{
	const int bias = fmt_bias(f), top = (1 << f->exp_bits) - 1;
	const u128 quiet = (u128)1 << (f->prec - 2);

	return (struct values){
		.f = f,
		.zero = 0,
		.one = fmt_make(f, false, bias, 0),
		.two = fmt_make(f, false, bias + 1, 0),
		.inf = fmt_make(f, false, top, 0),
		.sub = fmt_make(f, false, 0, 5),
		.min_normal = fmt_make(f, false, 1, 0),
		.q1 = fmt_make(f, false, top, quiet | 0x11),
		.q2 = fmt_make(f, true, top, quiet | 0x22),
		.s1 = fmt_make(f, false, top, 0x33),
		.s2 = fmt_make(f, true, top, 0x44),
		.s1q = fmt_make(f, false, top, quiet | 0x33),
		.s2q = fmt_make(f, true, top, quiet | 0x44),
		.def = fmt_make(f, false, top, quiet),
		.sign = (u128)1 << (f->field + f->exp_bits),
	};
}

struct row {
	const char *what;
	enum fmt_op_index op;
	u128 a, b, c, want;
	unsigned int flags;
};

static void check_rows(const struct fmt *f, struct sf_env env,
		       const struct row *rows, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		struct sf_env e = env;
		u128 got = f->op[rows[i].op](&e, rows[i].a, rows[i].b,
					     rows[i].c);

		expect(rows[i].what, f->width, got, rows[i].want, e.flags,
		       rows[i].flags);
	}
}

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

/* Arm ARM, FPProcessNaNs, FPProcessNaNs3, FPMulAdd, FPMaxNum. */
static void check_arm_nans(const struct values *v)
{
	const struct row rows[] = {
		{ "arm q,q", OP_ADD, v->q1, v->q2, 0, v->q1, 0 },
		{ "arm q,s", OP_ADD, v->q1, v->s2, 0, v->s2q, SF_NV },
		{ "arm s,q", OP_MUL, v->s1, v->q2, 0, v->s1q, SF_NV },
		{ "arm s,s", OP_DIV, v->s2, v->s1, 0, v->s2q, SF_NV },
		{ "arm 1,q", OP_SUB, v->one, v->q2, 0, v->q2, 0 },
		{ "arm 1,s", OP_SUB, v->one, v->s2, 0, v->s2q, SF_NV },
		{ "arm inf-inf", OP_SUB, v->inf, v->inf, 0, v->def, SF_NV },
		{ "arm sqrt", OP_SQRT, v->s2, 0, 0, v->s2q, SF_NV },
		{ "arm fma q,q,q", OP_FMA, v->q1, v->q1, v->q2, v->q2, 0 },
		{ "arm fma s,1,q", OP_FMA, v->s1, v->one, v->q2, v->s1q,
		  SF_NV },
		{ "arm fma q,s,q", OP_FMA, v->q1, v->s2, v->q2, v->s2q,
		  SF_NV },
		{ "arm fma s,s,s", OP_FMA, v->s1, v->s1, v->s2, v->s2q,
		  SF_NV },
		{ "arm fma q,1,1", OP_FMA, v->q1, v->one, v->one, v->q1, 0 },
		{ "arm fma 1,q,1", OP_FMA, v->one, v->q2, v->one, v->q2, 0 },
		{ "arm fma 0,inf,q", OP_FMA, v->zero, v->inf, v->q2, v->def,
		  SF_NV },
		{ "arm fma 0,inf,s", OP_FMA, v->inf, v->zero, v->s2, v->s2q,
		  SF_NV },
		{ "arm fma 0,inf,1", OP_FMA, v->inf, v->zero, v->one, v->def,
		  SF_NV },
		{ "FMINNM 1,q", OP_MINNUM, v->one, v->q1, 0, v->one, 0 },
		{ "FMINNM q,1", OP_MINNUM, v->q1, v->one, 0, v->one, 0 },
		{ "FMINNM s,1", OP_MINNUM, v->s1, v->one, 0, v->s1q, SF_NV },
		{ "FMAXNM q,s", OP_MAXNUM, v->q1, v->s1, 0, v->s1q, SF_NV },
		{ "FMAXNM q,q", OP_MAXNUM, v->q2, v->q1, 0, v->q2, 0 },
		{ "FMIN 1,q", OP_MINIMUM, v->one, v->q1, 0, v->q1, 0 },
		{ "FMAX s,1", OP_MAXIMUM, v->s1, v->one, 0, v->s1q, SF_NV },
	};

	check_rows(v->f, (struct sf_env){ .nan = SF_NAN_ARM }, rows,
		   COUNT(rows));
}

/* RISC-V unprivileged ISA: F (fmin, fmax, fmadd) and Zfa (fminm, fmaxm). */
static void check_riscv(const struct values *v)
{
	const u128 nzero = v->sign, none = v->sign | v->one;
	const struct row rows[] = {
		{ "fmin -0,+0", OP_MIN, nzero, v->zero, 0, nzero, 0 },
		{ "fmin +0,-0", OP_MIN, v->zero, nzero, 0, nzero, 0 },
		{ "fmax -0,+0", OP_MAX, nzero, v->zero, 0, v->zero, 0 },
		{ "fmax +0,-0", OP_MAX, v->zero, nzero, 0, v->zero, 0 },
		{ "fmin 1,-1", OP_MIN, v->one, none, 0, none, 0 },
		{ "fmax -1,1", OP_MAX, none, v->one, 0, v->one, 0 },
		{ "fmin s,1", OP_MIN, v->s1, v->one, 0, v->one, SF_NV },
		{ "fmax 1,s", OP_MAX, v->one, v->s2, 0, v->one, SF_NV },
		{ "fmin 1,q", OP_MIN, v->one, v->q1, 0, v->one, 0 },
		{ "fmin q,q", OP_MIN, v->q2, v->q1, 0, v->def, 0 },
		{ "fmin q,s", OP_MIN, v->q2, v->s1, 0, v->def, SF_NV },
		{ "fminm 1,q", OP_MINIMUM, v->one, v->q1, 0, v->def, 0 },
		{ "fmaxm s,1", OP_MAXIMUM, v->s2, v->one, 0, v->def, SF_NV },
		{ "fmaxm -0,+0", OP_MAXIMUM, nzero, v->zero, 0, v->zero, 0 },
		{ "fminm inf,2", OP_MINIMUM, v->inf, v->two, 0, v->two, 0 },
		{ "fmadd 0,inf,q", OP_FMA, v->zero, v->inf, v->q1, v->def,
		  SF_NV },
		{ "fmadd q,1,1", OP_FMA, v->q1, v->one, v->one, v->def, 0 },
		{ "fadd s,1", OP_ADD, v->s2, v->one, 0, v->def, SF_NV },
	};

	check_rows(v->f, (struct sf_env){ 0 }, rows, COUNT(rows));
}

/* Arm ARM, FPUnpack and FPRound with FPCR.FZ set. */
static void check_arm_flush(const struct values *v)
{
	const u128 half = fmt_make(v->f, false, fmt_bias(v->f) - 1, 0);
	const u128 below_one = fmt_make(v->f, false, fmt_bias(v->f) - 1,
					~(u128)0);
	const struct row rows[] = {
		{ "FZ sub + 1", OP_ADD, v->sub, v->one, 0, v->one, SF_DENORM },
		{ "FZ q + sub", OP_ADD, v->q1, v->sub, 0, v->q1, SF_DENORM },
		{ "FZ 1 / sub", OP_DIV, v->one, v->sub, 0, v->inf,
		  SF_DENORM | SF_DZ },
		{ "FZ exact", OP_MUL, v->min_normal, half, 0, 0, SF_UF },
		/* Rounds up to the smallest normal, but tiny before that. */
		{ "FZ almost", OP_MUL, v->min_normal, below_one, 0, 0, SF_UF },
		{ "FZ -exact", OP_MUL, v->min_normal, half | v->sign, 0,
		  v->sign, SF_UF },
		{ "FZ normal", OP_MUL, v->min_normal, v->one, 0,
		  v->min_normal, 0 },
		{ "FZ sub == 0", OP_EQ_Q, v->sub, v->zero, 0, 1, SF_DENORM },
		{ "FZ max", OP_MAX, v->sub, v->sign | v->one, 0, 0, SF_DENORM },
	};
	const struct sf_env env = {
		.nan = SF_NAN_ARM, .tiny_before = 1, .ftz = SF_FTZ_ARM,
		.daz = SF_DAZ_ARM,
	};

	check_rows(v->f, env, rows, COUNT(rows));
}

static void check_classes(const struct values *v)
{
	const struct {
		u128 value;
		unsigned int positive, negative;
	} rows[] = {
		{ v->inf, 1 << 7, 1 << 0 },
		{ v->one, 1 << 6, 1 << 1 },
		{ v->min_normal, 1 << 6, 1 << 1 },
		{ v->sub, 1 << 5, 1 << 2 },
		{ v->min_normal - 1, 1 << 5, 1 << 2 },
		{ v->zero, 1 << 4, 1 << 3 },
		{ v->s1, 1 << 8, 1 << 8 },
		{ v->q1, 1 << 9, 1 << 9 },
		{ v->def, 1 << 9, 1 << 9 },
	};
	const struct fmt *f = v->f;
	int i, neg;

	for (i = 0; i < COUNT(rows); i++)
		for (neg = 0; neg < 2; neg++) {
			u128 x = rows[i].value | (neg ? v->sign : 0);
			unsigned int want = neg ? rows[i].negative :
						  rows[i].positive;
			struct sf_env env = { 0 };

			/* Not a subnormal there but a pseudo-denormal. */
			if (f->field == f->prec &&
			    rows[i].value == v->min_normal - 1)
				x = (neg ? v->sign : 0) | 1;
			expect("classify", f->width,
			       f->op[OP_CLASSIFY](&env, x, 0, 0), want,
			       env.flags, 0);
			expect("is_nan", f->width,
			       f->op[OP_IS_NAN](&env, x, 0, 0), want >> 8 != 0,
			       env.flags, 0);
			expect("is_snan", f->width,
			       f->op[OP_IS_SNAN](&env, x, 0, 0), want >> 8 == 1,
			       env.flags, 0);
		}
}

/* Payloads through conversions: IEEE 754-2008 6.2.3, leading bits kept. */
static void check_payloads(void)
{
	const u128 quad = (u128)0xffff804000000000 << 64;
	const struct {
		int from;
		enum fmt_op_index op;
		enum sf_nan nan;
		u128 value, want;
		unsigned int flags;
	} rows[] = {
		{ FMT_64, OP_TO_32, SF_NAN_ARM, 0xfff4000020000001, 0xffe00001,
		  SF_NV },
		{ FMT_64, OP_TO_32, SF_NAN_ARM, 0xfff0000000000001, 0xffc00000,
		  SF_NV },
		{ FMT_32, OP_TO_64, SF_NAN_ARM, 0x7fc00001, 0x7ff8000020000000,
		  0 },
		{ FMT_128, OP_TO_16, SF_NAN_ARM, quad | 1, 0xfe01, 0 },
		{ FMT_16, OP_TO_128, SF_NAN_ARM, 0xfe01, quad, 0 },
		{ FMT_64, OP_TO_32, SF_NAN_DEFAULT, 0xfff8000020000001,
		  0x7fc00000, 0 },
	};
	int i;

	for (i = 0; i < COUNT(rows); i++) {
		const struct fmt *f = &formats[rows[i].from];
		struct sf_env env = { .nan = rows[i].nan };
		u128 got = f->op[rows[i].op](&env, rows[i].value, 0, 0);

		expect(fmt_op_names[rows[i].op], f->width, got, rows[i].want,
		       env.flags, rows[i].flags);
	}
}

int main(void)
{
	int i;

	for (i = 0; i < FMT_COUNT; i++) {
		struct values v = values_of(&formats[i]);

		check_arm_nans(&v);
		check_riscv(&v);
		check_arm_flush(&v);
		check_classes(&v);
	}
	check_payloads();
	printf("rules: %lu checks, %lu failures\n", checks, failures);
	return failures != 0;
}
