/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every operation of one format against MPFR, in all rounding modes, results
 * and flags, both ways of detecting tininess:
 *
 *	mpfr_ops WIDTH [ROUNDS [TRIPLES]]
 *
 * ROUNDS random operand sets per operation (default 2000) come after all
 * pairs of corner cases and all triples of the first TRIPLES (default 20).
 */
#include "tests/softfloat/ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct fmt *fmt;
static struct ref *ref;
static unsigned long checks, failures;

static void expect(const char *what, enum sf_round rm, bool before,
		   const u128 in[3], u128 got, unsigned int got_flags,
		   u128 want, unsigned int want_flags)
{
	checks++;
	/* x86's denormal flag has no counterpart in MPFR: see host_sse.c. */
	if (got == want && (got_flags & ~SF_DENORM) == want_flags)
		return;
	if (++failures > 20)
		return;
	printf("f%d %s rm=%d%s a=%s b=%s c=%s\n\tgot  %s flags %02x\n"
	       "\twant %s flags %02x\n", fmt->width, what, rm,
	       before ? " before" : "", test_hex(in[0]), test_hex(in[1]),
	       test_hex(in[2]), test_hex(got), got_flags, test_hex(want),
	       want_flags);
}

/* What is in ref, against what run() says in each rounding mode. */
static void check_rounded(const char *what, const struct fmt *to, int prec,
			  const u128 in[3], fmt_op op, fmt_from_int from)
{
	int rm, before;

	for (rm = SF_RNE; rm <= SF_ODD; rm++) {
		struct ref_result want = ref_round(ref, to, prec, rm);

		for (before = 0; before < 2; before++) {
			struct sf_env env = {
				.round = rm, .tiny_before = before,
				.prec = prec,
			};
			u128 got = op ? op(&env, in[0], in[1], in[2]) :
					from(&env, (uint64_t)in[0]);

			expect(what, rm, before, in, got, env.flags, want.bits,
			       before ? want.flags_before : want.flags);
		}
	}
}

static void check_arith(enum fmt_op_index op, u128 a, u128 b, u128 c)
{
	const u128 in[3] = { a, b, c };
	int prec = fmt->prec;

	ref_compute(ref, fmt, op, a, b, c);
	check_rounded(fmt_op_names[op], fmt, prec, in, fmt->op[op], NULL);
	if (fmt->width == 80 && op <= OP_SQRT) {
		check_rounded(fmt_op_names[op], fmt, 24, in, fmt->op[op], NULL);
		check_rounded(fmt_op_names[op], fmt, 53, in, fmt->op[op], NULL);
	}
}

static void check_compare(u128 a, u128 b)
{
	const u128 in[3] = { a, b, 0 };
	int op;

	for (op = OP_EQ_Q; op <= OP_LE_S; op++) {
		struct ref_result want = ref_compare(ref, fmt, op, a, b);
		struct sf_env env = { 0 };
		u128 got = fmt->op[op](&env, a, b, 0);

		expect(fmt_op_names[op], 0, false, in, got, env.flags,
		       want.bits, want.flags);
	}
}

static void check_pair(u128 a, u128 b)
{
	static const enum fmt_op_index ops[] = {
		OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MIN, OP_MAX,
	};
	unsigned int i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		check_arith(ops[i], a, b, 0);
	check_compare(a, b);
}

static void check_fma(u128 a, u128 b, u128 c)
{
	check_arith(OP_FMA, a, b, c);
	check_arith(OP_FMS, a, b, c);
	check_arith(OP_FNMA, a, b, c);
}

static void check_to_int(u128 a)
{
	static const char *const names[] = {
		"to_i32", "to_u32", "to_i64", "to_u64"
	};
	const u128 in[3] = { a, 0, 0 };
	int rm, type, oor;

	for (rm = SF_RNE; rm <= SF_ODD; rm++)
		for (type = 0; type < INT_COUNT; type++)
			for (oor = SF_INT_RISCV; oor <= SF_INT_X86; oor++) {
				struct sf_env env = { .round = SF_RDN };
				struct ref_result want = ref_to_int(ref, fmt,
					a, rm, type, oor);
				u128 got = fmt->to_int[type](&env, a, rm, oor);

				expect(names[type], rm, oor, in, got,
				       env.flags, want.bits, want.flags);
			}
}

static void check_single(u128 a)
{
	const u128 in[3] = { a, 0, 0 };
	int i, rm;

	check_arith(OP_SQRT, a, 0, 0);
	for (i = 0; i < FMT_COUNT; i++) {
		ref_compute(ref, fmt, OP_TO_16 + i, a, 0, 0);
		check_rounded(fmt_op_names[OP_TO_16 + i], &formats[i],
			      formats[i].prec, in, fmt->op[OP_TO_16 + i],
			      NULL);
	}
	for (rm = SF_RNE; rm <= SF_ODD; rm++)
		for (i = 0; i < 2; i++) {
			enum fmt_op_index op = OP_ROUND_INT + i;
			struct sf_env env = { .round = rm };
			struct ref_result want = ref_round_int(ref, fmt, a, rm,
							       i);
			u128 got = fmt->op[op](&env, a, 0, 0);

			expect(fmt_op_names[op], rm, false, in, got, env.flags,
			       want.bits, want.flags);
		}
	check_to_int(a);
}

static void check_from_int(uint64_t v)
{
	static const char *const names[] = {
		"from_i32", "from_u32", "from_i64", "from_u64"
	};
	const u128 in[3] = { v, 0, 0 };
	int type;

	for (type = 0; type < INT_COUNT; type++) {
		uint64_t arg = type == INT_I32 ? (uint64_t)(int32_t)v :
			       type == INT_U32 ? (uint32_t)v : v;

		ref_compute_int(ref, arg, type == INT_I32 || type == INT_I64);
		check_rounded(names[type], fmt, fmt->prec, in, NULL,
			      fmt->from_int[type]);
	}
}

static void check_corners(int triples)
{
	u128 v[FMT_VALUES_MAX];
	int n = fmt_values(fmt, v), i, j, k;

	for (i = 0; i < n; i++) {
		check_single(v[i]);
		for (j = 0; j < n; j++) {
			check_pair(v[i], v[j]);
			/* 2^15 steps a time in the widest formats. */
			if (fmt->width <= 64 || (i + j) % 16 == 0)
				check_arith(OP_REM, v[i], v[j], 0);
		}
	}
	if (triples > n)
		triples = n;
	for (i = 0; i < triples; i++)
		for (j = 0; j < triples; j++)
			for (k = 0; k < triples; k++)
				check_fma(v[i], v[j], v[k]);
	for (i = 0; i < 64; i++)
		for (j = -1; j <= 1; j++) {
			check_from_int(((uint64_t)1 << i) + j);
			check_from_int(-((uint64_t)1 << i) + j);
		}
}

/*
 * Products just above a power of two, 2^105 + r with r < 2^29: shifted to
 * half an ulp of the addend, only bits that the alignment drops break the tie.
 */
static void check_fma_ties(void)
{
	static const uint64_t factors[][2] = {
		{ 0x1ff7d04a6811b7, 0x100418e7219352 },
		{ 0x1c416f8bfb0a9b, 0x121ecbc00cd15c },
		{ 0x1c134fd12e92a7, 0x123c90a197df94 },
	};
	const int bias = fmt_bias(fmt);
	unsigned int i;
	int up;

	if (fmt->width != 64)
		return;
	for (i = 0; i < sizeof(factors) / sizeof(factors[0]); i++)
		for (up = 40; up < 70; up++) {
			u128 a = fmt_make(fmt, false, bias, factors[i][0]);
			u128 b = fmt_make(fmt, false, bias, factors[i][1]);

			check_fma(a, b, fmt_make(fmt, false, bias + up, 0));
			check_fma(a, b, fmt_make(fmt, false, bias + up, 1));
			check_fma(a, b, fmt_make(fmt, true, bias + up, 3));
		}
}

static void check_random(unsigned long rounds)
{
	unsigned long i;

	for (i = 0; i < rounds; i++) {
		u128 a = fmt_random(fmt), b = fmt_random_near(fmt, a);
		u128 x = fmt_random(fmt), y = fmt_random(fmt), product;
		struct sf_env env = { 0 };

		check_pair(a, b);
		check_pair(x, y);
		check_single(a);
		check_from_int(test_random_int());
		product = fmt->op[OP_MUL](&env, x, y, 0);
		check_fma(x, y, fmt_random_near(fmt, product));
		check_fma(a, x, y);
		if (i % 8 == 0) {
			check_arith(OP_REM, x, fmt_random_near(fmt, x), 0);
			check_arith(OP_REM, x, y, 0);
		}
	}
}

int main(int argc, char **argv)
{
	int width = argc > 1 ? atoi(argv[1]) : 0;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 2000;
	int triples = argc > 3 ? atoi(argv[3]) : 20;
	int i;

	for (i = 0; i < FMT_COUNT; i++)
		if (formats[i].width == width)
			fmt = &formats[i];
	if (!fmt) {
		fprintf(stderr, "usage: %s 16|32|64|80|128 [ROUNDS [TRIPLES]]\n",
			argv[0]);
		return 2;
	}
	ref = ref_new();
	check_corners(triples);
	check_fma_ties();
	check_random(rounds);
	ref_free(ref);
	printf("f%d: %lu checks, %lu failures\n", width, checks, failures);
	return failures != 0;
}
